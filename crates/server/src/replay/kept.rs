//! What was found out about a long recording, beside its files: to read all of its fragments takes seconds, and from a bucket
//! minutes. Such a file can be made again at any time, and is when it does not fit what is recorded.
//!
//! ```text
//! magic, 8 │ stamp, 8 │ length of the table, 8 │ length of the rest, 8 │ table: numbers of 8 bytes │ rest
//! ```

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::held::Known;
use crate::read_at::ReadAt as _;
use crate::store::Recording;

/// Shortest recording that is worth such a file, in milliseconds: others are read in no time.
pub(super) const LEAST_MS: u64 = 10 * 60_000;

/// Changes with what the tables mean.
const MAGIC: [u8; 8] = *b"weirtab1";

const HEADER_BYTES: u64 = 32;

/// Longest table that is read: twelve hours have a tenth of it.
const MAX_TABLE: u64 = 16 * 1024 * 1024;

/// Where such a file is, and of what it must be.
#[derive(Debug, Clone)]
pub(super) struct Place {
    path: PathBuf,
    stamp: u64,
}

/// One that was read: its numbers, and where the rest is.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) file: File,
    pub(super) table: Vec<u64>,
    pub(super) rest: std::ops::Range<u64>,
}

impl Place {
    /// That of a recording, if it is worth one. `form` is what is made of it.
    pub(super) fn of(root: &Path, recording: &Recording, parts: &[Known], form: &str) -> Option<Place> {
        if recording.state.is_open() || recording.duration_ms < LEAST_MS {
            return None;
        }
        let mut hash = DefaultHasher::new();
        (&recording.id, form).hash(&mut hash);
        for (part, _) in parts {
            (part.number, part.start_ms, part.bytes, part.init_bytes).hash(&mut hash);
        }
        let path = root.join(&recording.folder).join(format!("{form}.tab"));
        Some(Place { path, stamp: hash.finish() })
    }

    /// Whether there is one.
    pub(super) fn is_there(&self) -> bool {
        self.path.exists()
    }

    /// What is there, if it is whole and of this recording as it is.
    pub(super) fn load(&self) -> Option<Kept> {
        let file = File::open(&self.path).ok()?;
        let mut header = [0; HEADER_BYTES as usize];
        file.read_exact_at(&mut header, 0).ok()?;
        let (magic, numbers) = header.split_first_chunk::<8>()?;
        let [stamp, table, rest] = numbers_of(numbers).try_into().ok()?;
        let rest_at = HEADER_BYTES.checked_add(table)?;
        let end = rest_at.checked_add(rest)?;
        let fits = *magic == MAGIC && stamp == self.stamp && table <= MAX_TABLE && table.is_multiple_of(8);
        if !fits || file.metadata().ok()?.len() != end {
            return None;
        }
        let mut bytes = vec![0; usize::try_from(table).ok()?];
        file.read_exact_at(&mut bytes, HEADER_BYTES).ok()?;
        Some(Kept { file, table: numbers_of(&bytes), rest: rest_at..end })
    }

    /// Writes one. Without it everything is only slower, so nobody is told when it cannot be written.
    pub(super) fn save(&self, table: &[u64], rest: &[u8]) {
        let bytes = table.len() as u64 * 8;
        if bytes <= MAX_TABLE
            && let Err(error) = self.write(bytes, table, rest)
        {
            tracing::debug!(path = %self.path.display(), %error, "what was found out about a recording is not kept");
        }
    }

    fn write(&self, bytes: u64, table: &[u64], rest: &[u8]) -> io::Result<()> {
        let new = self.path.with_extension("new");
        let mut file = File::create(&new)?;
        let mut front = MAGIC.to_vec();
        for number in [self.stamp, bytes, rest.len() as u64].iter().chain(table) {
            front.extend_from_slice(&number.to_le_bytes());
        }
        file.write_all(&front)?;
        file.write_all(rest)?;
        // A name whose bytes a power cut has taken would be of the right length.
        file.sync_all()?;
        fs::rename(new, &self.path)
    }
}

fn numbers_of(bytes: &[u8]) -> Vec<u64> {
    bytes.as_chunks::<8>().0.iter().map(|number| u64::from_le_bytes(*number)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn what_is_kept_comes_back_while_it_fits() {
        let scratch = Scratch::new();
        let place = |stamp| Place { path: scratch.path().join("mp4.tab"), stamp };
        assert!(place(7).load().is_none());
        place(7).save(&[1, u64::MAX, 3], b"the rest");
        let kept = place(7).load().unwrap();
        assert_eq!((kept.table.as_slice(), kept.rest.clone()), ([1, u64::MAX, 3].as_slice(), 56..64));
        let mut rest = [0; 8];
        kept.file.read_exact_at(&mut rest, kept.rest.start).unwrap();
        assert_eq!(&rest, b"the rest");
        assert!(place(8).load().is_none(), "of other files");
        let whole = fs::read(&place(7).path).unwrap();
        for bad in [
            &whole[..whole.len() - 1],
            &whole[..20],
            &[&b"W"[..], &whole[1..]].concat(),
            &[&whole[..16], &[0xff; 8], &whole[24..]].concat(),
        ] {
            fs::write(&place(7).path, bad).unwrap();
            assert!(place(7).load().is_none());
        }
    }
}
