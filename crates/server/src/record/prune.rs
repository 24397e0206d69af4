//! Deleting recordings with their files.

use std::path::{Component, Path};

use tracing::{info, warn};

use crate::store::Store;

/// Most recordings that are deleted in one go; the rest waits for the next.
const BATCH: usize = 1_000;

/// Deletes what may be deleted at this time. Returns how many recordings that were.
pub async fn expired(root: &Path, store: &Store, now_ms: i64) -> anyhow::Result<usize> {
    let mut count = 0;
    for recording in store.index.expired(now_ms, BATCH).await? {
        match delete(root, store, &recording.id).await {
            Ok(true) => {
                info!(recording = recording.id, "deleted: it is over its time");
                count += 1;
            }
            Ok(false) => {}
            // It must not keep the others, until the disk is full.
            Err(error) => {
                warn!(
                    recording = recording.id,
                    error = format!("{error:#}"),
                    "it is over its time and cannot be deleted"
                );
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;
    use crate::store::{Recording, State, Watched};

    fn recording(id: &str, folder: &str, expires_ms: i64) -> Recording {
        Recording {
            id: id.to_owned(),
            app: "live".into(),
            stream: "room".into(),
            folder: folder.to_owned(),
            started_ms: 0,
            ended_ms: Some(1),
            state: State::Finished,
            reason: String::new(),
            duration_ms: 1,
            bytes: 1,
            codecs: String::new(),
            gaps: 0,
            hidden: false,
            expires_ms: Some(expires_ms),
            watched: Watched::default(),
        }
    }

    #[tokio::test]
    async fn a_recording_that_cannot_be_deleted_does_not_keep_the_others() {
        let scratch = Scratch::new();
        let store = Store::open(scratch.path()).await.unwrap();
        tokio::spawn(store.writer.clone().run());
        store.writer.put_recording(recording("a1", "elsewhere", 1));
        store.writer.put_recording(recording("a2", "live/room/2026-01-01/a2", 2));
        store.writer.flush().await;
        assert_eq!(expired(scratch.path(), &store, 3).await.unwrap(), 1);
        assert!(store.index.find("a1").await.unwrap().is_some());
        assert!(store.index.find("a2").await.unwrap().is_none());
    }
}
