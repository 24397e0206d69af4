//! What is read like a file, wherever its bytes are.

use std::fmt;
use std::fs::File;
use std::io;

/// Something that is read like a file, from any place. Reading may wait for a disk or a network, so a
/// thread that may wait does it.
pub trait ReadAt: fmt::Debug + Send + Sync {
    /// Fills `into` with the bytes from `offset` on. That there are not as many is an error.
    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()>;
}

impl ReadAt for File {
    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self, into, offset)
    }
}
