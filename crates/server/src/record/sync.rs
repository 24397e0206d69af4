//! Asking the disk to keep what was written, while more is written.
//!
//! What a write has taken outlives the process, so a killed server loses only what it has not written yet. A disk may take
//! seconds to keep what it was given; whoever waited for it would hold all that comes meanwhile in memory.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

/// What is asked of the disk for one part, one request at a time.
#[derive(Debug, Default)]
pub(super) struct Syncs {
    shared: Arc<Shared>,
    begun: Option<Instant>,
}

#[derive(Debug, Default)]
struct Shared {
    busy: AtomicBool,
    failure: Mutex<Option<io::Error>>,
    /// Taken for as long as the disk takes.
    disk: Arc<Mutex<()>>,
}

/// What the disk is to keep.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// What was appended to them.
    pub(super) files: Vec<Arc<File>>,
    /// Files and folders that are new.
    pub(super) paths: Vec<PathBuf>,
}

impl Syncs {
    /// Asks, on a thread of its own, the first time and then whenever the last time was so long ago; a zero means never
    /// again. Tells what was wrong the time before.
    pub(super) fn ask(&mut self, age: Duration, wanted: impl FnOnce(bool) -> Wanted) -> io::Result<()> {
        self.failure()?;
        let due = self.begun.is_none_or(|begun| !age.is_zero() && begun.elapsed() >= age);
        if !due || self.shared.busy.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let (wanted, shared) = (wanted(self.begun.is_none()), self.shared.clone());
        self.begun = Some(Instant::now());
        let work = move || {
            if let Err(error) = shared.keep(&wanted) {
                *shared.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            }
            shared.busy.store(false, Ordering::Release);
        };
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(work)),
            Err(_) => work(),
        }
        Ok(())
    }

    /// While it is locked, the disk does not answer.
    #[cfg(test)]
    pub(super) fn disk(&self) -> Arc<Mutex<()>> {
        self.shared.disk.clone()
    }

    /// What was wrong, once.
    pub(super) fn failure(&self) -> io::Result<()> {
        self.shared.failure.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(Ok(()), Err)
    }
}

impl Shared {
    fn keep(&self, wanted: &Wanted) -> io::Result<()> {
        let _disk = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        wanted.files.iter().try_for_each(|file| file.sync_data())?;
        wanted.paths.iter().try_for_each(|path| File::open(path)?.sync_all())
    }
}
