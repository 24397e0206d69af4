//! Recordings: streams written to disk while they are on air.
//!
//! ```text
//! [[record]], API ─► Records (rules, a table) ─► task: one per recorded stream, with a hub::Feed
//!                                                  │ Cutter: frames ─► parts and fragments of a second (no IO)
//!                                                  ▼
//!                                                Queue, bounded ─► Files, on a blocking thread ─► disk
//!                                                                    └─► store::Writer (the index)
//! ```
//!
//! - The main file is MP4 in fragments. Its head is on the disk before anything else, and each fragment is one write, so
//!   it can be played at every instant, and a crash costs what was not written: two seconds at most.
//! - A disk that is slow fills the queue; then a piece is left out, and counted. One that is full or takes no writes ends the
//!   recordings, which is told as an [`Alert`]; they begin again when it does. The stream itself never waits for a disk.
//! - One show is one [`Recording`]: it goes on when its stream comes back within
//!   [`Options::gap_seconds`].
//! - What a crash left is closed at the next start (`recover`); the whole index can be made again from the files.

mod cut;
mod disk;
mod entry;
mod failure;
mod figures;
mod file;
mod files;
mod names;
mod plain;
mod playlist;
mod prune;
mod queue;
mod recover;
mod rules;
mod scan;
mod sidecar;
mod supervisor;
mod sync;
mod task;
mod walk;
mod whole;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use hub::{Hub, Name, Phase};
use tokio::sync::watch;
use tracing::{error, info};

pub use disk::Space;
pub use failure::Failure;
pub use figures::Figures;
pub use names::is_id;
pub use playlist::playlist;
pub use prune::expired;
pub use recover::{Outcome, reindex};
pub use rules::{Options, Rule, nearest};
pub(crate) use scan::scan_stretch;
pub use supervisor::{run, stop};
pub use whole::{NotOne, Whole};

use crate::app::App;
use crate::config::Config;
use crate::store::{Format, Recording, Store};
use disk::Lock;
use entry::{Control, Entry};
use queue::Job;

/// Where recordings are in a data folder, unless the configuration says otherwise.
const FOLDER: &str = "recordings";

/// All recordings of this server.
#[derive(Debug)]
pub struct Records {
    disk: Result<Disk, String>,
    figures: Arc<Figures>,
    fsync: Duration,
    min_free: u64,
    resume_free: u64,
    queue_bytes: usize,
    table: Mutex<Table>,
    alert: Mutex<Option<Alert>>,
    reindex: Mutex<Reindex>,
    space: Mutex<Option<Space>>,
    /// What a crash left open has been closed.
    recovered: watch::Sender<bool>,
}

/// How far the index is made again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reindex {
    /// It is being made.
    pub running: bool,
    /// Recordings that were looked at.
    pub done: usize,
    /// Recordings that there are.
    pub total: usize,
    /// What the last time came to.
    pub outcome: Option<Outcome>,
}

/// Where recordings are written.
#[derive(Debug)]
struct Disk {
    root: PathBuf,
    store: Store,
    /// Held for as long as this server may write there.
    _lock: Lock,
}

#[derive(Debug, Default)]
struct Table {
    rules: Arc<Vec<Rule>>,
    open: BTreeMap<String, Arc<Entry>>,
    /// Streams that somebody asked to be recorded while they are on air.
    wanted: HashMap<Name, Options>,
    /// Streams that somebody asked not to be recorded any more while they are on air.
    unwanted: HashSet<Name>,
    /// The push of each stream for which the rules were asked.
    judged: HashMap<Name, u64>,
    /// The server ends: nothing begins.
    closed: bool,
}

/// Nothing can be recorded at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Why.
    pub failure: Failure,
    /// Since when, in milliseconds since 1970.
    pub since_ms: i64,
}

/// The recording of a show that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// Its id.
    pub id: String,
    /// When its first frame came, in milliseconds since 1970.
    pub started_ms: i64,
}

/// Why a recording was not begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartError {
    /// Nobody publishes the stream.
    NotOnAir,
    /// It is being recorded, as this recording.
    Exists(String),
    /// This server records nothing, for the reason that is given.
    Unavailable(String),
    /// Nothing can be recorded at the moment.
    Blocked(Failure),
}

/// Why an order to a recording came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderError {
    /// There is no recording in progress with this id.
    NotOpen,
}

impl Records {
    /// The recordings of a server. Without a data folder or a database there are none.
    pub fn new(data: Option<&Path>, store: Option<&Store>, config: &Config) -> Records {
        let keys = &config.recordings;
        let disk = match (data, store) {
            (Some(data), Some(store)) => Disk::open(&root(data, config), store),
            (None, _) => Err(anyhow::anyhow!("this server has no data folder")),
            (Some(_), None) => Err(anyhow::anyhow!("the database cannot be opened; the log tells why")),
        };
        let mega = |mb: u64| mb.saturating_mul(1_000_000);
        let records = Records {
            disk: disk.map_err(|error| format!("{error:#}")),
            figures: Arc::default(),
            fsync: Duration::from_secs(keys.fsync_seconds),
            min_free: mega(keys.min_free_mb),
            resume_free: mega(keys.resume_free_mb),
            queue_bytes: keys.queue_mb.saturating_mul(1_000_000),
            table: Mutex::default(),
            alert: Mutex::default(),
            reindex: Mutex::default(),
            space: Mutex::default(),
            recovered: watch::Sender::new(false),
        };
        records.reload(config);
        if let (Err(why), false) = (&records.disk, config.record.is_empty()) {
            error!("[[record]] is without effect: {why}");
        }
        records
    }

    /// Puts the rules of another configuration into force. What is being recorded goes on as it began.
    pub fn reload(&self, config: &Config) {
        let mut table = self.lock();
        table.rules = Arc::new(config.record.iter().map(Rule::new).collect());
        table.judged.clear();
    }

    /// Where the files are; an error says why nothing is recorded here.
    pub fn root(&self) -> Result<&Path, &str> {
        self.disk.as_ref().map(|disk| disk.root.as_path()).map_err(String::as_str)
    }

    /// The index; an error says why nothing is recorded here.
    pub fn store(&self) -> Result<&Store, &str> {
        self.disk.as_ref().map(|disk| &disk.store).map_err(String::as_str)
    }

    /// What is counted.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// How many recordings are in progress; paused ones, and those that wait for their stream, are among them.
    pub fn open(&self) -> usize {
        self.lock().open.len()
    }

    /// Whether a recording is in progress.
    pub fn is_open(&self, id: &str) -> bool {
        self.lock().open.contains_key(id)
    }

    /// The recording of a stream that goes on, if viewers are shown it and it has begun. The index is not asked.
    pub fn running(&self, name: &Name) -> Option<Running> {
        let table = self.lock();
        let entry = table.open.values().find(|entry| entry.name == *name && !entry.is_hidden())?;
        Some(Running { id: entry.id.clone(), started_ms: *entry.started_ms.get()? })
    }

    /// Why nothing can be recorded at the moment.
    pub fn alert(&self) -> Option<Alert> {
        self.alert.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How much room there is, as it was a moment ago.
    pub fn space(&self) -> Option<Space> {
        *self.space.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many bytes have to go from the disk for recording to go on for a while.
    pub fn missing_room(&self) -> u64 {
        self.space().map_or(0, |space| self.resume_free.saturating_sub(space.free))
    }

    /// Whether files of a recording must stay on the disk, because others are made of them at its end.
    pub fn needs_parts(&self, id: &str) -> bool {
        self.entry(id).is_some_and(|entry| entry.options.formats.contains(&Format::Mp4))
    }

    /// Returns when what a crash left open has been closed.
    pub async fn recovered(&self) {
        // The other end is this.
        let _ = self.recovered.subscribe().wait_for(|done| *done).await;
    }

    /// Begins to record a stream that is on air, until it ends or somebody stops it. Returns the recording's id.
    pub fn start(&self, hub: &Hub, name: &Name, options: Options, now_ms: i64) -> Result<String, StartError> {
        if let Err(why) = &self.disk {
            return Err(StartError::Unavailable(why.clone()));
        }
        if let Some(alert) = self.alert() {
            return Err(StartError::Blocked(alert.failure));
        }
        let on_air = |stream: &Arc<hub::Stream>| {
            matches!(stream.phase(), Phase::Starting | Phase::OnAir | Phase::Grace)
        };
        if !hub.find(name).as_ref().is_some_and(on_air) {
            return Err(StartError::NotOnAir);
        }
        let mut table = self.lock();
        if let Some(entry) = table.open.values().find(|entry| entry.name == *name) {
            return Err(StartError::Exists(entry.id.clone()));
        }
        let id = names::new_id(now_ms).map_err(|error| StartError::Unavailable(error.to_string()))?;
        table.unwanted.remove(name);
        table.wanted.insert(name.clone(), options.clone());
        let entry = Arc::new(Entry::new(id.clone(), name.clone(), options));
        table.open.insert(id.clone(), entry);
        Ok(id)
    }

    /// Ends a recording. Its stream is not recorded again before it comes back on air, whatever the rules are.
    pub fn stop(&self, id: &str) -> Result<(), OrderError> {
        let mut table = self.lock();
        let entry = table.open.get(id).cloned().ok_or(OrderError::NotOpen)?;
        table.wanted.remove(&entry.name);
        table.unwanted.insert(entry.name.clone());
        entry.order(Control::STOPPED);
        Ok(())
    }

    /// Pauses a recording, or lets it go on with the next key frame, as another part.
    pub fn set_paused(&self, id: &str, paused: bool) -> Result<(), OrderError> {
        let entry = self.entry(id).ok_or(OrderError::NotOpen)?;
        entry.order(if paused { Control::Pause } else { Control::Run });
        Ok(())
    }

    /// Returns when an order to a recording has been carried out, or after some seconds.
    pub async fn settled(&self, id: &str) {
        if let Some(entry) = self.entry(id) {
            entry.settled().await;
        }
        if let Ok(store) = self.store() {
            store.writer.flush().await;
        }
    }

    /// Deletes a recording with its files. One that is in progress is not. Returns whether it was there.
    pub async fn delete(&self, id: &str) -> anyhow::Result<bool> {
        let disk = self.disk.as_ref().map_err(|why| anyhow::anyhow!("{why}"))?;
        anyhow::ensure!(!self.is_open(id), "this recording is in progress: stop it first");
        prune::delete(&disk.root, &disk.store, id).await
    }

    /// Deletes what may be deleted by now. Returns how many recordings that were.
    pub async fn prune(&self, now_ms: i64) -> anyhow::Result<usize> {
        let disk = self.disk.as_ref().map_err(|why| anyhow::anyhow!("{why}"))?;
        prune::expired(&disk.root, &disk.store, now_ms).await
    }

    /// Shows a recording to viewers or hides it. Returns whether it is there.
    pub async fn set_hidden(&self, id: &str, hidden: bool) -> anyhow::Result<bool> {
        let disk = self.disk.as_ref().map_err(|why| anyhow::anyhow!("{why}"))?;
        let Some(recording) = disk.store.index.find(id).await? else { return Ok(false) };
        let found = disk.store.index.set_hidden(id, hidden).await?;
        if let Some(entry) = self.entry(id) {
            entry.set_hidden(hidden);
        }
        // Beside the files too, so that it is known when the index is made again.
        if let Some(queue) = self.entry(id).and_then(|entry| entry.queue.get().cloned()) {
            // It has no weight, so there is room.
            let _ = queue.push(Job::Hidden(hidden));
        } else {
            let folder = disk.root.join(&recording.folder);
            tokio::task::spawn_blocking(move || sidecar::set_hidden(&folder, hidden)).await??;
            disk.store.uploads.set_note(id, None).await?;
        }
        Ok(found)
    }

    /// Begins to make the index again from the files; recordings in progress are left alone. Returns whether it was not
    /// being made already.
    pub fn begin_reindex(self: &Records, app: &Arc<App>) -> bool {
        let mut state = self.lock_reindex();
        if self.disk.is_err() || state.running {
            return false;
        }
        *state = Reindex { running: true, ..Reindex::default() };
        drop(state);
        let app = app.clone();
        tokio::spawn(async move {
            let records = &app.records;
            let Ok(disk) = &records.disk else { return };
            let progress = |done, total| {
                let mut state = records.lock_reindex();
                (state.done, state.total) = (done, total);
            };
            let is_open = |id: &str| records.is_open(id);
            let made = reindex(&disk.root, &disk.store, &app.storage, &is_open, &progress).await;
            let made = made.inspect_err(|error| error!("the index was not made again: {error:#}"));
            let mut state = records.lock_reindex();
            (state.running, state.outcome) = (false, made.ok());
        });
        true
    }

    /// How far that is.
    pub fn reindex(&self) -> Reindex {
        *self.lock_reindex()
    }

    fn lock_reindex(&self) -> MutexGuard<'_, Reindex> {
        self.reindex.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn entry(&self, id: &str) -> Option<Arc<Entry>> {
        self.lock().open.get(id).cloned()
    }

    fn raise(&self, failure: Failure, now_ms: i64) {
        self.figures.failed(failure.code());
        let mut alert = self.alert.lock().unwrap_or_else(PoisonError::into_inner);
        if alert.is_none() {
            error!(code = failure.code(), "nothing is recorded: {failure}");
            *alert = Some(Alert { failure, since_ms: now_ms });
        }
    }

    fn clear_alert(&self) {
        if self.alert.lock().unwrap_or_else(PoisonError::into_inner).take().is_some() {
            info!("the folder of recordings can be written again: recording goes on");
            self.lock().judged.clear();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk {
    fn open(root: &Path, store: &Store) -> anyhow::Result<Disk> {
        std::fs::create_dir_all(root).with_context(|| {
            format!("cannot make the folder of recordings {}; see recordings.dir", root.display())
        })?;
        let lock = Lock::take(root)?;
        Ok(Disk { root: root.to_owned(), store: store.clone(), _lock: lock })
    }
}

/// The folder of recordings of a server with this data folder.
pub fn root(data: &Path, config: &Config) -> PathBuf {
    match config.recordings.dir.as_str() {
        "" => data.join(FOLDER),
        dir => PathBuf::from(dir),
    }
}

/// Where the note that lies beside the files of a recording is, below the folder of all.
pub fn note_path(recording: &Recording) -> String {
    format!("{}/{}", recording.folder, sidecar::FILE)
}

/// Whether no server records into this folder at the moment.
pub fn is_free(root: &Path) -> anyhow::Result<bool> {
    if !root.exists() {
        return Ok(true);
    }
    disk::is_free(root)
}
