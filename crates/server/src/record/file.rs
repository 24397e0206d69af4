//! One file that grows by whole pieces.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, IoSlice, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

/// A file in which there is never half a piece for longer than a write takes.
#[derive(Debug)]
pub(super) struct Growing {
    file: Arc<File>,
    len: u64,
}

impl Growing {
    /// A new file with its first piece.
    pub(super) fn create(path: &Path, first: &[u8]) -> io::Result<Growing> {
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)?;
        let mut growing = Growing { file: Arc::new(file), len: 0 };
        if let Err(error) = growing.append(&[first]) {
            // Nothing can be played of it.
            let _ = std::fs::remove_file(path);
            return Err(error);
        }
        Ok(growing)
    }

    /// Appends a piece, which may be here and there in memory; after an error the file is what it was before.
    pub(super) fn append(&mut self, piece: &[&[u8]]) -> io::Result<()> {
        if let Err(error) = self.write(piece) {
            // A disk that takes no data may not take this either; the next start cuts the file then.
            let _ = self.file.set_len(self.len);
            return Err(error);
        }
        self.len += piece.iter().map(|part| part.len() as u64).sum::<u64>();
        Ok(())
    }

    fn write(&mut self, piece: &[&[u8]]) -> io::Result<()> {
        let mut slices: Vec<IoSlice<'_>> = piece.iter().map(|part| IoSlice::new(part)).collect();
        let mut left = slices.as_mut_slice();
        // Empty ones at the front are no bytes that could be written.
        IoSlice::advance_slices(&mut left, 0);
        while !left.is_empty() {
            match (&*self.file).write_vectored(left) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => IoSlice::advance_slices(&mut left, count),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// For whoever asks the disk to keep what was written.
    pub(super) fn file(&self) -> Arc<File> {
        self.file.clone()
    }

    /// How many bytes it has.
    pub(super) fn len(&self) -> u64 {
        self.len
    }
}
