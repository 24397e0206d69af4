//! Bytes in memory that the kernel sends by itself: a file without a name that is on no disk.
//!
//! Bytes of our own are copied for every answer, which is most of what a large one costs. Pages of a file are not: the
//! socket refers to them. So they must never change once they are written, and such a file is given back as a whole: the
//! kernel clears what is cut out of one, and would send the zeros to a reader who is late.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use rustix::fs::{MemfdFlags, memfd_create};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::yield_now;

use crate::read_at::ReadAt;

/// Bytes that are copied before others get their turn: some tens of microseconds.
const STEP: usize = 256 * 1024;

/// Such a file. It is gone with the last answer that has it.
#[derive(Debug)]
pub struct Memory {
    file: File,
    /// Descriptors are few, so they are counted.
    _seat: OwnedSemaphorePermit,
}

impl Memory {
    /// A copy of these bytes. None where all descriptors are in use.
    pub async fn of(pieces: &[Bytes], seats: &Arc<Semaphore>) -> io::Result<Option<Memory>> {
        let Ok(seat) = seats.clone().try_acquire_owned() else { return Ok(None) };
        let file = File::from(memfd_create("weir-segment", MemfdFlags::CLOEXEC)?);
        let mut copied = 0;
        for step in pieces.iter().flat_map(|piece| piece.chunks(STEP)) {
            if copied + step.len() > STEP {
                yield_now().await;
                copied = 0;
            }
            (&file).write_all(step)?;
            copied += step.len();
        }
        Ok(Some(Memory { file, _seat: seat }))
    }
}

impl ReadAt for Memory {
    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(&self.file, into, offset)
    }

    fn memory(&self) -> Option<BorrowedFd<'_>> {
        Some(self.file.as_fd())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_has_the_bytes_and_gives_its_seat_back() {
        let seats = Arc::new(Semaphore::new(1));
        let pieces = [Bytes::from_static(b"ab"), Bytes::from_static(b"cde")];
        let memory = Memory::of(&pieces, &seats).await.unwrap().unwrap();
        let mut read = [0; 3];
        memory.read_exact_at(&mut read, 1).unwrap();
        assert_eq!(&read, b"bcd");
        assert!(memory.read_exact_at(&mut read, 3).is_err(), "there are not as many");
        assert!(Memory::of(&[], &seats).await.unwrap().is_none(), "there was one seat");
        drop(memory);
        assert!(Memory::of(&[], &seats).await.unwrap().is_some());
    }
}
