//! The folder of recordings as a file system: how much room there is, whether it takes writes, and who may write.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Context as _;

use super::failure::Failure;

/// The file whose lock says that a server writes here.
const LOCK: &str = ".lock";

/// The file that shows whether writes are taken.
const PROBE: &str = ".probe";

/// As much as a second of a stream.
const PROBE_BYTES: usize = 256 * 1024;

/// Room on a file system, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// What this server may still use.
    pub free: u64,
    /// All of it.
    pub total: u64,
}

impl Space {
    /// Of the file system that a folder is on.
    pub fn of(folder: &Path) -> io::Result<Space> {
        let found = rustix::fs::statvfs(folder)?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        Ok(Space { free: bytes(found.f_bavail), total: bytes(found.f_blocks) })
    }
}

/// The right to write into a folder. The system takes it back when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes it; an error when another process has it.
    pub(super) fn take(root: &Path) -> anyhow::Result<Lock> {
        let path = root.join(LOCK);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .with_context(|| format!("cannot write into the folder of recordings {}", root.display()))?;
        file.try_lock().with_context(|| {
            format!(
                "another server records into {}: stop it, or give this one another folder (recordings.dir)",
                root.display()
            )
        })?;
        Ok(Lock { _file: file })
    }
}

/// Whether nobody has the right to write at the moment.
pub(super) fn is_free(root: &Path) -> anyhow::Result<bool> {
    let path = root.join(LOCK);
    match File::open(&path) {
        Ok(file) => Ok(file.try_lock().is_ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Tries whether the folder takes writes.
pub(super) fn probe(root: &Path) -> Result<(), Failure> {
    let path = root.join(PROBE);
    let write = || {
        let mut file = File::create(&path)?;
        file.write_all(&vec![0; PROBE_BYTES])?;
        file.sync_data()
    };
    let done = write();
    // It may not have been made.
    let _ = std::fs::remove_file(&path);
    Ok(done?)
}
