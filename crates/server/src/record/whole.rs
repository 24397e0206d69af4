//! All parts of a recording as one plain MP4.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use media::mp4::{Detail, Index, Progressive};

use super::scan;
use crate::read_at::ReadAt;
use crate::store::Part;

/// Bytes that are copied between two reports of progress.
const STEP: u64 = 1024 * 1024;

/// A file that is to be made of others, without a look at a media byte.
#[derive(Debug)]
pub struct Whole {
    /// Its head, and its pieces as if the sources were one behind the other.
    pub plain: Progressive,
    /// The sources, each with where it begins in that row.
    pub sources: Vec<(Arc<dyn ReadAt>, u64)>,
}

/// Why parts cannot be one file.
#[derive(Debug)]
pub enum NotOne {
    /// There is nothing in them.
    Empty,
    /// The codecs change from this part to the next: one file cannot describe both.
    Changes(u32),
    /// A file cannot be read.
    Io(io::Error),
}

impl Whole {
    /// Puts together parts in fragmented MP4, in the order of their numbers, each at its place on the time line. They may be
    /// anywhere: `open` knows.
    pub fn of(parts: &[Part], open: &dyn Fn(&Part) -> io::Result<Arc<dyn ReadAt>>) -> Result<Whole, NotOne> {
        let (mut all, mut sources, mut behind) = (Index::default(), Vec::new(), 0);
        let mut last = 0;
        for part in parts {
            let (file, len) = (open(part).map_err(NotOne::Io)?, part.bytes);
            let index = scan::scan_at(&*file, len, Detail::Samples).map_err(NotOne::Io)?;
            if sources.is_empty() {
                all.tracks.clone_from(&index.tracks);
            } else if all.tracks != index.tracks {
                return Err(NotOne::Changes(last));
            }
            all.fragments.extend(index.fragments.into_iter().map(|mut fragment| {
                fragment.range = fragment.range.start + behind..fragment.range.end + behind;
                for run in &mut fragment.runs {
                    run.base_time += part.start_ms;
                    run.samples.iter_mut().for_each(|sample| sample.offset += behind);
                }
                fragment
            }));
            sources.push((file, behind));
            (behind, last) = (behind + len, part.number);
        }
        let plain = Progressive::of(&all).ok_or(NotOne::Empty)?;
        Ok(Whole { plain, sources })
    }

    /// Writes it; `progress` is told how many bytes of how many there are. What is at `target` already stays.
    pub fn write(&self, target: &Path, progress: &mut dyn FnMut(u64, u64)) -> io::Result<()> {
        let mut to = OpenOptions::new().write(true).create_new(true).mode(0o600).open(target)?;
        let done = self.copy(&mut to, progress).and_then(|()| to.sync_all());
        if done.is_err() {
            // Half a file is of no use.
            let _ = std::fs::remove_file(target);
        }
        done
    }

    fn copy(&self, to: &mut File, progress: &mut dyn FnMut(u64, u64)) -> io::Result<()> {
        to.write_all(&self.plain.head)?;
        let mut written = self.plain.head.len() as u64;
        let mut block = vec![0; STEP as usize];
        for piece in &self.plain.pieces {
            let mut at = piece.start;
            while at < piece.end {
                // A piece may go on in the next source: media bytes at the end of one can touch those of the next.
                let number = self.sources.partition_point(|(_, start)| *start <= at) - 1;
                let Some((file, start)) = self.sources.get(number) else { break };
                let end = self.sources.get(number + 1).map_or(u64::MAX, |(_, next)| *next).min(piece.end);
                let end = end.min(at + STEP);
                let block = block.get_mut(..(end - at) as usize).unwrap_or_default();
                file.read_exact_at(block, at - start)?;
                to.write_all(block)?;
                written += end - at;
                at = end;
                progress(written, self.plain.total_len);
            }
        }
        Ok(())
    }
}

impl From<NotOne> for io::Error {
    fn from(error: NotOne) -> io::Error {
        match error {
            NotOne::Empty => io::Error::new(io::ErrorKind::InvalidData, "there are no samples in it"),
            NotOne::Changes(number) => {
                io::Error::new(io::ErrorKind::InvalidData, format!("the codecs change after part {number}"))
            }
            NotOne::Io(error) => error,
        }
    }
}
