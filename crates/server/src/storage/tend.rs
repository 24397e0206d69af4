//! What is done in the bucket besides uploads: what is to be deleted goes, and files that it has confirmed make room here.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

use super::bucket::Bucket;
use super::failure::Failure;
use super::pause::Pause;
use super::spool::Spool;
use crate::app::App;
use crate::store::{Part, Store, ToDelete};

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// Most objects that are deleted in one look.
const DELETES: usize = 50;

/// MB in the configuration.
const MEGA: u64 = 1_000_000;

/// Does so for as long as the server runs.
pub(super) async fn tend(app: &Arc<App>, bucket: &Bucket, store: &Store, root: &Path) {
    let storage = &app.storage;
    let (mut deleting, mut making_room) = (Pause::default(), Pause::default());
    let mut last_deleted = None;
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        let now_ms = app.clock.now_ms();
        if deleting.is_due(now_ms) {
            note(app, &mut deleting, delete(bucket, store, &mut last_deleted).await);
        }
        let Ok(backlog) = store.uploads.backlog().await else { continue };
        storage.figures.set_backlog(backlog);
        if making_room.is_due(now_ms) {
            let kept = storage.keys.keep_local_mb.saturating_mul(MEGA);
            let excess = backlog.local_bytes.saturating_sub(kept).max(app.records.missing_room());
            let is_needed = |part: &Part| app.records.needs_parts(&part.recording);
            let spool = Spool { bucket, store, root, figures: &storage.figures };
            note(app, &mut making_room, spool.make_room(excess, is_needed).await);
        }
    }
}

/// Deletes the next few of what is to be deleted, behind `last`, and from the start again behind the end: what cannot be
/// deleted does not hold up the others.
pub(super) async fn delete(
    bucket: &Bucket,
    store: &Store,
    last: &mut Option<ToDelete>,
) -> Result<(), Failure> {
    let few = store.uploads.to_delete(last.take().as_ref(), DELETES).await?;
    let is_full = few.len() == DELETES;
    let mut outcome = Ok(());
    for what in few {
        let deleted = match what.upload_id.as_str() {
            "" => bucket.delete(&what.object_key).await,
            id => bucket.abort(&what.object_key, id).await,
        };
        match deleted {
            Ok(()) => store.uploads.deleted(&what).await?,
            Err(failure @ Failure::Unreachable(_)) => return Err(failure),
            Err(failure) => outcome = Err(failure),
        }
        *last = is_full.then_some(what);
    }
    outcome
}

fn note(app: &App, pause: &mut Pause, done: Result<(), Failure>) {
    match done {
        Ok(()) => *pause = Pause::default(),
        Err(failure) => {
            app.storage.figures.count(&failure);
            warn!(
                code = failure.code(),
                "old objects or files were not deleted, which is tried again: {failure}"
            );
            pause.failed(app.clock.now_ms());
        }
    }
}
