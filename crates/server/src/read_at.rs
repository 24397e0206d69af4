//! What is read like a file, wherever its bytes are.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// Something that is read like a file, from any place. Reading may wait for a disk or a network, so a
/// thread that may wait does it.
pub trait ReadAt: fmt::Debug + Send + Sync {
    /// Fills `into` with the bytes from `offset` on. That there are not as many is an error.
    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()>;

    /// The descriptor, if there is one at whose places just these bytes are, and all of them in memory: reading never
    /// waits, and the kernel can send them by itself.
    fn memory(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// The descriptor, if there is one at whose places just these bytes are, on a disk: the kernel can send them by itself, and
    /// may wait for the disk meanwhile.
    fn disk(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

impl ReadAt for File {
    fn disk(&self) -> Option<BorrowedFd<'_>> {
        Some(self.as_fd())
    }

    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self, into, offset)
    }
}
