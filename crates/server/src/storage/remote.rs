//! An object that is read like a file.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::bucket::Bucket;
use super::failure::Failure;
use crate::read_at::ReadAt;

/// Most that is fetched when nothing shows that reading goes on from there.
const FIRST_BYTES: u64 = 64 * 1024;

/// Most that is fetched at once when one read follows another. It doubles up to there.
const MOST_BYTES: u64 = 1024 * 1024;

/// Most requests at once, over all readers: each holds a thread while it waits.
const READS_MAX: usize = 128;

/// The right to make requests.
#[derive(Debug)]
pub(super) struct Reads(Semaphore);

impl Default for Reads {
    fn default() -> Reads {
        Reads(Semaphore::new(READS_MAX))
    }
}

/// An object of known length.
#[derive(Debug)]
pub(super) struct Remote {
    bucket: Arc<Bucket>,
    key: String,
    len: u64,
    reads: Arc<Reads>,
    runtime: Handle,
    fetched: Mutex<Fetched>,
}

/// What is there and was not read yet.
#[derive(Debug, Default)]
struct Fetched {
    /// Where it begins, which is where the last read ended.
    end: u64,
    bytes: Bytes,
    /// How much was fetched at once.
    step: u64,
}

impl Remote {
    pub(super) fn new(bucket: Arc<Bucket>, key: String, len: u64, reads: Arc<Reads>) -> io::Result<Remote> {
        let runtime = Handle::try_current().map_err(io::Error::other)?;
        Ok(Remote { bucket, key, len, reads, runtime, fetched: Mutex::default() })
    }

    fn fetch(&self, at: u64, len: u64) -> io::Result<Bytes> {
        let _permit = self.reads.0.try_acquire().map_err(|_| {
            io::Error::new(io::ErrorKind::WouldBlock, "too much is read from the object store at once")
        })?;
        let bytes = self.runtime.block_on(self.bucket.read(&self.key, at..at + len));
        bytes.map_err(|failure| {
            let absent = matches!(failure, Failure::Absent);
            io::Error::new(if absent { io::ErrorKind::NotFound } else { io::ErrorKind::Other }, failure)
        })
    }
}

impl ReadAt for Remote {
    fn read_exact_at(&self, mut into: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !into.is_empty() {
            let (there, step) = self.fetched.lock().unwrap_or_else(PoisonError::into_inner).at(offset);
            if there.is_empty() {
                if offset >= self.len {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                let len = step.max(into.len() as u64).min(MOST_BYTES).min(self.len - offset);
                // Not under the lock: many may read at once.
                let bytes = self.fetch(offset, len)?;
                if bytes.is_empty() {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                let (head, rest) = into.split_at_mut(bytes.len().min(into.len()));
                head.copy_from_slice(bytes.get(..head.len()).unwrap_or_default());
                (into, offset) = (rest, offset + head.len() as u64);
                let fetched = Fetched { end: offset, bytes: bytes.slice(head.len()..), step };
                *self.fetched.lock().unwrap_or_else(PoisonError::into_inner) = fetched;
                continue;
            }
            let (head, rest) = into.split_at_mut(there.len().min(into.len()));
            head.copy_from_slice(there.get(..head.len()).unwrap_or_default());
            (into, offset) = (rest, offset + head.len() as u64);
            self.fetched.lock().unwrap_or_else(PoisonError::into_inner).take(offset);
        }
        Ok(())
    }
}

impl Fetched {
    /// What is there from a place on; if nothing is, how much to fetch.
    fn at(&self, offset: u64) -> (Bytes, u64) {
        let skip = offset.checked_sub(self.end).and_then(|skip| usize::try_from(skip).ok());
        match skip {
            Some(skip) if skip < self.bytes.len() => (self.bytes.slice(skip..), self.step),
            _ => {
                let goes_on = offset > 0 && offset == self.end + self.bytes.len() as u64;
                let step = if goes_on { (self.step * 2).clamp(FIRST_BYTES, MOST_BYTES) } else { FIRST_BYTES };
                (Bytes::new(), step)
            }
        }
    }

    /// Forgets what was read up to a place, so that a reader that has gone on holds no memory.
    fn take(&mut self, offset: u64) {
        let skip = offset.checked_sub(self.end).and_then(|skip| usize::try_from(skip).ok());
        if let Some(skip) = skip.filter(|skip| *skip <= self.bytes.len()) {
            self.bytes = self.bytes.slice(skip..);
            self.end = offset;
        }
    }
}
