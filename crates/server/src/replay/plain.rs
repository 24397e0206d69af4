//! A recording as one plain MP4 that is nowhere: a head that is made when it is asked for, and the media from where it is.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use media::frame::Kind;
use media::mp4::{Detail, FragmentInfo, Index, Progressive, Track};

use super::held::Known;
use super::kept::{Kept, Place};
use super::made::{NoFile, OPEN_FILE, Weigh};
use super::span::Span;
use crate::read_at::ReadAt;
use crate::record::scan_stretch;
use crate::storage::Opener;
use crate::store::{Key, Part};

/// Longest recording that is made into one file, in milliseconds. The tables of its samples take some 10 MB per hour while
/// they are made, and 1 MB afterwards.
pub(super) const MAX_MS: u64 = 12 * 3_600_000;

/// Most recorded files of which one is made: each is open for as long as that is kept.
pub(super) const MAX_PARTS: usize = 256;

/// A plain MP4.
#[derive(Debug)]
pub(super) struct Plain {
    head: Head,
    files: Vec<Arc<dyn ReadAt>>,
    /// Where each piece of the media begins in this file; which file it is of, and where in that.
    pieces: Vec<(u64, usize, Range<u64>)>,
    len: u64,
}

/// What stands before the media: some megabytes for a long show.
#[derive(Debug)]
enum Head {
    Memory(Bytes),
    /// In a file, there.
    Kept(std::fs::File, Range<u64>),
}

impl Head {
    fn len(&self) -> u64 {
        match self {
            Head::Memory(bytes) => bytes.len() as u64,
            Head::Kept(_, range) => range.end - range.start,
        }
    }

    /// Fills `into`, which is not longer than it goes on from there.
    fn read(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        match self {
            Head::Memory(bytes) => {
                let from = usize::try_from(offset).unwrap_or(usize::MAX);
                let wanted = bytes.get(from..from.saturating_add(into.len()));
                into.copy_from_slice(wanted.ok_or(io::ErrorKind::UnexpectedEof)?);
                Ok(())
            }
            Head::Kept(file, range) => file.read_exact_at(into, range.start.saturating_add(offset)),
        }
    }
}

impl Weigh for Plain {
    fn weight(&self) -> usize {
        let head = match &self.head {
            Head::Memory(bytes) => bytes.len(),
            Head::Kept(..) => OPEN_FILE,
        };
        head + self.pieces.len() * size_of::<(u64, usize, Range<u64>)>() + self.files.len() * OPEN_FILE
    }
}

impl Plain {
    /// How many bytes it has.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// That of a stretch. What is found out about all of a recording is kept at `place`, and need not be found out again.
    pub(super) fn make(
        from: &Opener,
        parts: &[Known],
        span: Span,
        place: Option<&Place>,
    ) -> Result<Plain, NoFile> {
        let touched = touched(parts, span);
        let length = touched.iter().map(|(part, _)| part.duration_ms).sum::<u64>();
        if length > MAX_MS || touched.len() > MAX_PARTS {
            return Err(NoFile::TooLong);
        }
        let mut files = Vec::new();
        // Where each file begins when they are laid one behind the other.
        let mut bases = Vec::new();
        let mut base = 0;
        for (part, _) in &touched {
            files.push(from.open(part).map_err(NoFile::Unreadable)?);
            bases.push(base);
            base += part.bytes;
        }
        if let Some(kept) = place.and_then(Place::load) {
            return Ok(Plain::of_kept(kept, files));
        }
        let mut whole = Index::default();
        for ((part, keys), (file, base)) in touched.iter().zip(files.iter().zip(&bases)) {
            let stretch = stretch(part, keys, span);
            let index = scan_stretch(&**file, part.init_bytes, stretch, Detail::Samples);
            let index = index.map_err(NoFile::Unreadable)?;
            if whole.tracks.is_empty() {
                whole.tracks = index.tracks;
            } else if whole.tracks != index.tracks {
                return Err(NoFile::PartsDiffer);
            }
            let fragments = index.fragments.into_iter().filter(|fragment| fragment.range.end <= part.bytes);
            whole
                .fragments
                .extend(fragments.map(|fragment| moved(fragment, &whole.tracks, *base, part.start_ms)));
        }
        narrow(&mut whole, span);
        let Progressive { head, pieces, total_len } = Progressive::of(&whole).ok_or(NoFile::Empty)?;
        let placed = pieces.into_iter().map(|range| {
            // No piece goes over the end of a file: what a file begins with is no media.
            let file = bases.partition_point(|base| *base <= range.start).saturating_sub(1);
            let base = bases.get(file).copied().unwrap_or(0);
            (file, range.start - base..range.end - base)
        });
        let plain = Plain::laid_out(Head::Memory(head), files, placed);
        debug_assert_eq!(plain.len, total_len, "a head and all media");
        if let (Some(place), Head::Memory(head)) = (place, &plain.head) {
            let numbers =
                plain.pieces.iter().flat_map(|(_, file, range)| [*file as u64, range.start, range.end]);
            place.save(&numbers.collect::<Vec<_>>(), head);
        }
        Ok(plain)
    }

    fn of_kept(Kept { file, table, rest }: Kept, files: Vec<Arc<dyn ReadAt>>) -> Plain {
        let pieces = table.as_chunks::<3>().0.iter();
        // A number of a file that there is not is an error when it is read.
        let pieces =
            pieces.map(|[file, start, end]| (usize::try_from(*file).unwrap_or(usize::MAX), *start..*end));
        Plain::laid_out(Head::Kept(file, rest), files, pieces)
    }

    fn laid_out(
        head: Head,
        files: Vec<Arc<dyn ReadAt>>,
        pieces: impl Iterator<Item = (usize, Range<u64>)>,
    ) -> Plain {
        let mut at = head.len();
        let pieces = pieces.map(|(file, range)| {
            let start = at;
            at = at.saturating_add(range.end.saturating_sub(range.start));
            (start, file, range)
        });
        let pieces = pieces.collect();
        Plain { head, files, pieces, len: at }
    }
}

/// What of the parts is in a stretch at all.
pub(super) fn touched(parts: &[Known], span: Span) -> Vec<&Known> {
    let is_in =
        |(part, _): &&Known| span.touches(part.start_ms, part.start_ms.saturating_add(part.duration_ms));
    parts.iter().filter(is_in).collect()
}

/// The bytes of a part in which the fragments of a stretch are, from the key frame before it to the one behind it.
pub(super) fn stretch(part: &Part, keys: &[Key], span: Span) -> Range<u64> {
    let time = |key: &Key| part.start_ms.saturating_add(key.time_ms);
    let first = keys.iter().rev().find(|key| time(key) <= span.from_ms);
    let end = keys.iter().find(|key| time(key) >= span.to_ms);
    first.map_or(part.init_bytes, |key| key.offset)..end.map_or(part.bytes, |key| key.offset)
}

impl ReadAt for Plain {
    fn read_exact_at(&self, mut into: &mut [u8], mut offset: u64) -> io::Result<()> {
        let of_head = self.head.len().saturating_sub(offset);
        let count = usize::try_from(of_head).unwrap_or(usize::MAX).min(into.len());
        let (first, rest) = into.split_at_mut(count);
        if count > 0 {
            self.head.read(first, offset)?;
        }
        (into, offset) = (rest, offset + count as u64);
        let mut number = self.pieces.partition_point(|(start, ..)| *start <= offset).saturating_sub(1);
        while !into.is_empty() {
            let end = io::ErrorKind::UnexpectedEof;
            let (start, file, range) = self.pieces.get(number).ok_or(end)?;
            let place = range.start.saturating_add(offset.saturating_sub(*start));
            let there = usize::try_from(range.end.saturating_sub(place)).unwrap_or(usize::MAX);
            let (now, rest) = into.split_at_mut(there.min(into.len()));
            self.files.get(*file).ok_or(end)?.read_exact_at(now, place)?;
            offset += now.len() as u64;
            into = rest;
            number += 1;
        }
        Ok(())
    }
}

/// A fragment of a file as if the file began at `base`, and its time at `start_ms`.
fn moved(mut fragment: FragmentInfo, tracks: &[Track], base: u64, start_ms: u64) -> FragmentInfo {
    fragment.range = fragment.range.start + base..fragment.range.end + base;
    for run in &mut fragment.runs {
        let scale =
            tracks.iter().find(|track| track.id == run.track_id).map_or(1_000, |track| track.timescale);
        run.base_time = run.base_time.saturating_add(start_ms.saturating_mul(scale.into()) / 1_000);
        run.samples.iter_mut().for_each(|sample| sample.offset += base);
    }
    fragment
}

/// Leaves out what is before the last key frame at or before the beginning of the span, and what is behind its end.
fn narrow(index: &mut Index, span: Span) {
    let Some(lead) = Lead::of(&index.tracks) else { return };
    let first = index
        .fragments
        .iter()
        .rposition(|fragment| lead.time_ms(fragment) <= span.from_ms && lead.is_key(fragment));
    index.fragments.drain(..first.unwrap_or(0));
    index.fragments.retain(|fragment| lead.time_ms(fragment) < span.to_ms);
}

/// The track by which fragments are placed: pictures, because it is they that begin at a key frame.
pub(super) struct Lead {
    id: u32,
    timescale: u64,
}

impl Lead {
    /// Which one it is of these.
    pub(super) fn of(tracks: &[Track]) -> Option<Lead> {
        let track = tracks.iter().find(|track| track.kind == Kind::Video).or(tracks.first())?;
        Some(Lead { id: track.id, timescale: u64::from(track.timescale.max(1)) })
    }

    /// When a fragment begins, in milliseconds.
    pub(super) fn time_ms(&self, fragment: &FragmentInfo) -> u64 {
        let run = fragment.run(self.id).or(fragment.runs.first());
        run.map_or(0, |run| run.base_time.saturating_mul(1_000) / self.timescale)
    }

    /// Whether a decoder can start there.
    pub(super) fn is_key(&self, fragment: &FragmentInfo) -> bool {
        fragment.run(self.id).is_some_and(|run| run.key)
    }
}
