//! Recordings in an object store that speaks S3.
//!
//! ```text
//! recorder ─► complete file (`local`) ─► one task: pieces, tags in SQLite ─► bucket
//!                                          │ HEAD: all of it is there
//!                                          ▼
//!                                        `uploaded` ─► more on the disk than keep_local_mb ─► `remote`
//! replay ─► Storage::open: the file where there is one, else ranges of the object
//! ```
//!
//! - Files go up when they are complete, oldest first, a few at a time. The tag of each piece is noted when the store has
//!   it, so a restart goes on where the end was.
//! - No file goes from the disk before the store has been asked for its size and tag, and again for its size just before
//!   the file goes.
//! - A store that refuses, stalls or fails is tried again, ever more seldom; recording and the show know nothing of it.
//! - What is deleted is noted, and deleted in the store when that can be reached.

mod bucket;
mod failure;
mod figures;
mod pause;
mod remote;
mod spool;
mod task;
mod tend;
#[cfg(test)]
mod tests;
mod upload;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tracing::error;

use crate::config;
use crate::read_at::ReadAt;
use crate::store::Part;
use bucket::Bucket;
pub use failure::Failure;
pub use figures::{Alert, Figures};
pub use task::run;

/// Opens files of recordings, wherever they are.
#[derive(Debug, Clone)]
pub struct Opener {
    /// The folder of all recordings.
    pub root: PathBuf,
    /// Where what is not there is looked for.
    pub storage: Arc<Storage>,
}

impl Opener {
    /// Opens one. The thread must be one that may wait, and so must whoever reads.
    pub fn open(&self, part: &Part) -> io::Result<Arc<dyn ReadAt>> {
        self.storage.open(&self.root, part)
    }
}

/// The object store of this server.
#[derive(Debug)]
pub struct Storage {
    bucket: Option<Arc<Bucket>>,
    keys: config::Storage,
    figures: Figures,
    ended: watch::Sender<bool>,
    reads: Arc<remote::Reads>,
}

impl Storage {
    /// The one that the configuration names. One that cannot be used is told, and everything stays on this machine.
    pub fn new(keys: &config::Storage) -> Storage {
        let opened = (!keys.bucket.is_empty()).then(|| Bucket::open(keys)).and_then(|opened| {
            opened.inspect_err(|error| error!("[storage] is without effect: {error:#}")).ok()
        });
        Storage {
            bucket: opened.map(Arc::new),
            keys: keys.clone(),
            figures: Figures::default(),
            ended: watch::Sender::new(false),
            reads: Arc::default(),
        }
    }

    /// The bucket's name; `None` where everything stays on this machine.
    pub fn bucket(&self) -> Option<&str> {
        self.bucket.as_ref().map(|bucket| bucket.name())
    }

    /// What is counted.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Opens a file of a recording, below the folder of all: here when it is here, else in the object store. What is
    /// given reads with a thread that may wait; so must the caller of this.
    pub fn open(&self, root: &Path, part: &Part) -> io::Result<Arc<dyn ReadAt>> {
        let absent = match File::open(root.join(&part.path)) {
            Ok(file) => return Ok(Arc::new(file)),
            Err(error) => error,
        };
        match (&self.bucket, &part.object_key) {
            (Some(bucket), Some(key)) if absent.kind() == io::ErrorKind::NotFound => Ok(Arc::new(
                remote::Remote::new(bucket.clone(), key.clone(), part.bytes, self.reads.clone())?,
            )),
            _ => Err(absent),
        }
    }

    /// Looks for a file of a recording in the object store; gives its name there and its length. Waits for the store, so
    /// the caller must be a thread that may.
    pub fn find(&self, path: &str) -> Result<Option<(String, u64)>, Failure> {
        let Some(bucket) = &self.bucket else { return Ok(None) };
        let key = bucket.key(path);
        let runtime = Handle::try_current().map_err(|error| Failure::Store(error.to_string()))?;
        Ok(runtime.block_on(bucket.about(&key))?.map(|about| (key, about.bytes)))
    }

    /// Ends uploads; the next start goes on with them.
    pub fn stop(&self) {
        self.ended.send_replace(true);
    }
}
