//! Reading files of fragments back: what is in them, how far they are good, and where a decoder can start.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;

use media::frame::Kind;
use media::mp4::{Detail, FragmentInfo, Index, Scanner, Track};

use crate::read_at::ReadAt;
use crate::store::Key;

/// How much is read at a time. Most heads of fragments are smaller, and their media is passed over.
const READ_BYTES: usize = 4 * 1024;

/// How a fragment begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// A decoder can start there.
    pub(super) key: bool,
    /// When.
    pub(super) time_ms: u64,
}

/// What there is in a file, and the file's length.
pub(super) fn scan(path: &Path, detail: Detail) -> io::Result<(Index, u64)> {
    let file = File::open(path)?;
    let len = file.metadata()?.len();
    Ok((scan_at(&file, len, detail)?, len))
}

/// What there is in something of a known length that is read like a file.
pub(crate) fn scan_at(file: &dyn ReadAt, len: u64, detail: Detail) -> io::Result<Index> {
    let mut scanner = Scanner::new(detail);
    feed(&mut scanner, file, len)?;
    Ok(scanner.finish(len))
}

/// The same of the fragments in a stretch of it, at whose beginning there is one. What stands before the first is
/// `init_bytes` long.
pub(crate) fn scan_stretch(
    file: &dyn ReadAt,
    init_bytes: u64,
    stretch: Range<u64>,
    detail: Detail,
) -> io::Result<Index> {
    let mut scanner = Scanner::new(detail);
    feed(&mut scanner, file, init_bytes)?;
    scanner.skip_to(stretch.start);
    feed(&mut scanner, file, stretch.end)?;
    Ok(scanner.finish(stretch.end))
}

/// Reads on to a place.
fn feed(scanner: &mut Scanner, file: &dyn ReadAt, end: u64) -> io::Result<()> {
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let at = scanner.wanted();
        let left = end.saturating_sub(at);
        let count = usize::try_from(left).unwrap_or(READ_BYTES).min(READ_BYTES);
        let block = buffer.get_mut(..count).unwrap_or_default();
        if block.is_empty() {
            return Ok(());
        }
        file.read_exact_at(block, at)?;
        // What cannot be understood any further ends there: the rest is what a crash left.
        if scanner.handle_input(at, block).is_err() {
            return Ok(());
        }
    }
}

/// Where a fragment begins. Pictures decide, because it is they that begin at a key frame.
pub(super) fn position<'t, Tracks: Iterator<Item = &'t Track>>(
    tracks: impl Fn() -> Tracks,
    fragment: &FragmentInfo,
) -> Position {
    let of = |kind: Kind| tracks().find(|track| track.kind == kind).map(|track| fragment.run(track.id));
    let (video, audio) = (of(Kind::Video), of(Kind::Audio));
    let key = video.is_none_or(|run| run.is_some_and(|run| run.key));
    let first = || fragment.runs.iter().map(|run| run.base_time).min().unwrap_or_default();
    let run = video.flatten().or(audio.flatten());
    Position { key, time_ms: run.map_or_else(first, |run| run.base_time) }
}

/// When the last sample of a fragment ends.
pub(super) fn end(fragment: &FragmentInfo) -> u64 {
    fragment.runs.iter().map(|run| run.base_time.saturating_add(run.duration)).max().unwrap_or_default()
}

/// Where a decoder can start in a file that was scanned.
pub(super) fn keys(index: &Index) -> Vec<Key> {
    let key = |fragment: &FragmentInfo| {
        let position = position(|| index.tracks.iter(), fragment);
        position.key.then_some(Key { time_ms: position.time_ms, offset: fragment.range.start })
    };
    index.fragments.iter().filter_map(key).collect()
}

/// How long a file that was scanned plays.
pub(super) fn duration_ms(index: &Index) -> u64 {
    index.fragments.iter().map(end).max().unwrap_or_default()
}
