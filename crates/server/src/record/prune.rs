//! Deleting recordings with their files.

use std::path::{Component, Path};

use tracing::info;

use crate::store::Store;

/// Most recordings that are deleted in one go; the rest waits for the next.
const BATCH: usize = 1_000;

/// Deletes what may be deleted at this time. Returns how many recordings that were.
pub async fn expired(root: &Path, store: &Store, now_ms: i64) -> anyhow::Result<usize> {
    let mut count = 0;
    for recording in store.index.expired(now_ms, BATCH).await? {
        if delete(root, store, &recording.id).await? {
            info!(recording = recording.id, "deleted: it is over its time");
            count += 1;
        }
    }
    Ok(count)
}

/// Deletes a recording: its files first, because those without an entry would be found by nobody.
pub(super) async fn delete(root: &Path, store: &Store, id: &str) -> anyhow::Result<bool> {
    let Some(recording) = store.index.find(id).await? else { return Ok(false) };
    let folder = Path::new(&recording.folder);
    let inside = folder.components().count() == 4
        && folder.components().all(|part| matches!(part, Component::Normal(_)));
    anyhow::ensure!(inside, "the index says that {id} is in {}, where no recording can be", folder.display());
    let (root, folder) = (root.to_owned(), folder.to_owned());
    tokio::task::spawn_blocking(move || {
        match std::fs::remove_dir_all(root.join(&folder)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // Date, stream and app, as far as nothing else is in them.
        for above in folder.ancestors().skip(1).take(3) {
            if std::fs::remove_dir(root.join(above)).is_err() {
                break;
            }
        }
        Ok(())
    })
    .await??;
    Ok(store.index.delete(id).await?)
}
