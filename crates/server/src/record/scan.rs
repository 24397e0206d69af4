//! Reading files of fragments back: what is in them, how far they are good, and where a decoder can start.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use media::frame::Kind;
use media::mp4::{Detail, FragmentInfo, Index, Scanner, Track};

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
pub(crate) fn scan(path: &Path, detail: Detail) -> io::Result<(Index, u64)> {
    let mut file = File::open(path)?;
    let len = file.metadata()?.len();
    let mut scanner = Scanner::new(detail);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let at = scanner.wanted();
        if at >= len {
            break;
        }
        file.seek(SeekFrom::Start(at))?;
        let count = file.read(&mut buffer)?;
        // What cannot be read any further ends there: the rest is what a crash left.
        if count == 0 || scanner.handle_input(at, buffer.get(..count).unwrap_or_default()).is_err() {
            break;
        }
    }
    Ok((scanner.finish(len), len))
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
