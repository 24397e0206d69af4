//! The one task that fills the bucket: what is uploaded next, how many files at once, and when that is tried again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

use super::bucket::Bucket;
use super::failure::Failure;
use super::pause::Pause;
use super::tend::tend;
use super::upload::Uploader;
use crate::app::App;
use crate::record;
use crate::store::{Part, Recording, Store};

/// Between two looks at what there is to do.
const LOOK: Duration = Duration::from_millis(500);

/// Most files that are looked at together.
const AHEAD: usize = 200;

/// MB in the configuration.
const MEGA: u64 = 1_000_000;

/// Something to upload.
#[derive(Debug, Clone)]
enum Job {
    Part(Part),
    Note(Recording),
}

/// What is being done, and what waits for another attempt.
#[derive(Debug, Default)]
struct Plan {
    running: HashSet<String>,
    /// Of single files: one that cannot be read must not hold up the others.
    pauses: HashMap<String, Pause>,
    /// Of the store.
    store: Pause,
}

/// Uploads, deletes and makes room for as long as the server runs. Returns at once when there is no bucket.
pub async fn run(app: Arc<App>) {
    let Some(bucket) = app.storage.bucket.clone() else { return };
    let (Ok(store), Ok(root)) = (app.records.store(), app.records.root()) else { return };
    let mut ended = app.storage.ended.subscribe();
    let work = async {
        // What a crash left open is closed first.
        app.records.recovered().await;
        tokio::join!(fill(&app, &bucket, store), tend(&app, &bucket, store, root));
    };
    tokio::select! {
        () = work => {}
        _ = ended.wait_for(|ended| *ended) => {}
    }
}

async fn fill(app: &Arc<App>, bucket: &Arc<Bucket>, store: &Store) {
    let mut plan = Plan::default();
    let mut uploads = JoinSet::new();
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = look.tick() => {}
            Some(done) = uploads.join_next() => match done {
                Ok((path, done)) => plan.done(app, path, done),
                // Which one it was is not known, so all begin again.
                Err(error) if error.is_panic() => {
                    warn!(%error, "an upload ended in a panic; this is a bug in Weir");
                    uploads.shutdown().await;
                    plan.running.clear();
                }
                Err(_) => {}
            },
        }
        let room = app.storage.keys.uploads.saturating_sub(uploads.len());
        let jobs = match plan.next(app, store, room).await {
            Ok(jobs) => jobs,
            Err(error) => {
                warn!(%error, "uploads: the database does not answer");
                continue;
            }
        };
        for job in jobs {
            plan.running.insert(job.path());
            uploads.spawn(serve(app.clone(), bucket.clone(), job));
        }
    }
}

async fn serve(app: Arc<App>, bucket: Arc<Bucket>, job: Job) -> (String, Result<(), Failure>) {
    let done = async {
        let (Ok(store), Ok(root)) = (app.records.store(), app.records.root()) else { return Ok(()) };
        let keys = &app.storage.keys;
        let share = (keys.max_mbit * MEGA / 8) / keys.uploads.max(1) as u64;
        let uploader = Uploader {
            bucket: &bucket,
            store,
            root,
            figures: &app.storage.figures,
            clock: &app.clock,
            piece_bytes: keys.part_mb * 1024 * 1024,
            rate: (share > 0).then_some(share),
        };
        match &job {
            Job::Part(part) => uploader.part(part).await,
            Job::Note(recording) => {
                let key = uploader.note(&record::note_path(recording)).await?;
                if !store.uploads.set_note(&recording.id, Some(&key)).await? {
                    store.uploads.put_to_delete(&key, "").await?;
                }
                Ok(())
            }
        }
    };
    (job.path(), done.await)
}

impl Job {
    /// Where the file is, below the folder of recordings.
    fn path(&self) -> String {
        match self {
            Job::Part(part) => part.path.clone(),
            Job::Note(recording) => record::note_path(recording),
        }
    }
}

impl Plan {
    /// What to begin now, at most so much.
    async fn next(&self, app: &App, store: &Store, room: usize) -> Result<Vec<Job>, sqlx::Error> {
        let now_ms = app.clock.now_ms();
        // While the store fails, one attempt at a time shows when it is back.
        let room =
            if self.store.failures > 0 { room.min(1_usize.saturating_sub(self.running.len())) } else { room };
        if room == 0 || !self.store.is_due(now_ms) {
            return Ok(Vec::new());
        }
        let ahead = AHEAD + self.running.len() + self.pauses.len();
        let parts = store.uploads.waiting(ahead).await?;
        let notes = store.uploads.without_note(ahead).await?;
        if parts.is_empty() && notes.is_empty() {
            // What failed was deleted meanwhile.
            app.storage.figures.works(now_ms);
        }
        let (parts, notes) = (parts.into_iter().map(Job::Part), notes.into_iter().map(Job::Note));
        let is_due = |job: &Job| {
            let path = job.path();
            !self.running.contains(&path) && self.pauses.get(&path).is_none_or(|pause| pause.is_due(now_ms))
        };
        Ok(parts.chain(notes).filter(is_due).take(room).collect())
    }

    fn done(&mut self, app: &App, path: String, done: Result<(), Failure>) {
        self.running.remove(&path);
        match done {
            Ok(()) => {
                self.pauses.remove(&path);
                self.store = Pause::default();
                app.storage.figures.works(app.clock.now_ms());
            }
            Err(Failure::Unwanted) => {
                self.pauses.remove(&path);
            }
            Err(failure) => {
                if let Failure::Local(_) = failure {
                    app.storage.figures.count(&failure);
                    warn!(path, code = failure.code(), "{failure}");
                } else {
                    app.storage.figures.failed(&failure, app.clock.now_ms(), app.clock.unix_ms());
                    self.store.failed(app.clock.now_ms());
                }
                // Those of files that are gone must not gather.
                if self.pauses.len() > AHEAD {
                    self.pauses.clear();
                }
                self.pauses.entry(path).or_default().failed(app.clock.now_ms());
            }
        }
    }
}
