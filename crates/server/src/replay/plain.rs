//! A recording as one plain MP4 that is nowhere: a head that is made when it is asked for, and the media from where it is.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use media::frame::Kind;
use media::mp4::{Detail, FragmentInfo, Index, Progressive, Track};
use tokio::sync::Semaphore;

use super::span::Span;
use crate::read_at::ReadAt;
use crate::record::scan_at;
use crate::storage::Opener;
use crate::store::Part;

/// Longest recording that is made into one file, in milliseconds. The tables of its samples take some 10 MB per hour while
/// they are made, and 1 MB afterwards.
pub(super) const MAX_MS: u64 = 12 * 3_600_000;

/// Most recorded files of which one is made: each is open for as long as that is kept.
pub(super) const MAX_PARTS: usize = 256;

/// Bytes of heads that are kept. A player asks for its file again and again, each time from another place.
const MAX_KEPT: usize = 64 * 1024 * 1024;

/// Heads that are made at a time.
const MAKERS: usize = 1;

/// Why there is no such file.
#[derive(Debug)]
pub(super) enum NoFile {
    /// The parts have different codecs or sizes.
    PartsDiffer,
    /// Nothing is in that stretch.
    Empty,
    /// It is too long.
    TooLong,
    /// A file cannot be read.
    Unreadable(io::Error),
}

/// What a plain file is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The recording.
    pub(super) id: String,
    /// Which stretch.
    pub(super) span: Span,
    /// Bytes of the recorded files: with more of them it is another file.
    pub(super) bytes: u64,
}

/// The plain files that were asked for of late.
#[derive(Debug)]
pub(super) struct Plains {
    kept: Mutex<VecDeque<(Wanted, Arc<Plain>)>>,
    makers: Semaphore,
}

impl Default for Plains {
    fn default() -> Plains {
        Plains { kept: Mutex::default(), makers: Semaphore::new(MAKERS) }
    }
}

impl Plains {
    /// The file, made when it is not kept.
    pub(super) async fn get(
        &self,
        wanted: Wanted,
        from: Opener,
        parts: Vec<Part>,
    ) -> Result<Arc<Plain>, NoFile> {
        if let Some(plain) = self.kept(&wanted) {
            return Ok(plain);
        }
        // The semaphore is never closed.
        let _turn = self.makers.acquire().await;
        if let Some(plain) = self.kept(&wanted) {
            return Ok(plain);
        }
        let span = wanted.span;
        let made = tokio::task::spawn_blocking(move || Plain::make(&from, &parts, span));
        let plain = Arc::new(made.await.map_err(|error| NoFile::Unreadable(io::Error::other(error)))??);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back((wanted, plain.clone()));
        let mut total: usize = kept.iter().map(|(_, plain)| plain.weight()).sum();
        while total > MAX_KEPT
            && let Some((_, oldest)) = kept.pop_front()
        {
            total -= oldest.weight();
        }
        Ok(plain)
    }

    /// Makes something else that reads all of a recording, in turn with these.
    pub(super) async fn in_turn<T: Send + 'static>(
        &self,
        make: impl FnOnce() -> Result<T, NoFile> + Send + 'static,
    ) -> Result<T, NoFile> {
        let _turn = self.makers.acquire().await;
        let made = tokio::task::spawn_blocking(make).await;
        made.map_err(|error| NoFile::Unreadable(io::Error::other(error)))?
    }

    fn kept(&self, wanted: &Wanted) -> Option<Arc<Plain>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|(what, _)| what == wanted)?;
        let found = kept.remove(at)?;
        let plain = found.1.clone();
        kept.push_back(found);
        Some(plain)
    }
}

/// A plain MP4.
#[derive(Debug)]
pub(super) struct Plain {
    head: Bytes,
    files: Vec<Arc<dyn ReadAt>>,
    /// Where each piece of the media begins in this file; which file it is of, and where in that.
    pieces: Vec<(u64, usize, Range<u64>)>,
    len: u64,
}

impl Plain {
    /// How many bytes it has.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    fn weight(&self) -> usize {
        self.head.len() + self.pieces.len() * size_of::<(u64, usize, Range<u64>)>()
    }

    fn make(from: &Opener, parts: &[Part], span: Span) -> Result<Plain, NoFile> {
        let touched: Vec<&Part> = parts
            .iter()
            .filter(|part| span.touches(part.start_ms, part.start_ms.saturating_add(part.duration_ms)))
            .collect();
        let length = touched.iter().map(|part| part.duration_ms).sum::<u64>();
        if length > MAX_MS || touched.len() > MAX_PARTS {
            return Err(NoFile::TooLong);
        }
        let mut whole = Index::default();
        let mut files = Vec::new();
        // Where each file begins when they are laid one behind the other.
        let mut bases = Vec::new();
        let mut base = 0;
        for part in touched {
            let file = from.open(part).map_err(NoFile::Unreadable)?;
            let index = scan_at(&*file, part.bytes, Detail::Samples).map_err(NoFile::Unreadable)?;
            files.push(file);
            if whole.tracks.is_empty() {
                whole.tracks = index.tracks;
            } else if whole.tracks != index.tracks {
                return Err(NoFile::PartsDiffer);
            }
            let fragments = index.fragments.into_iter().filter(|fragment| fragment.range.end <= part.bytes);
            whole
                .fragments
                .extend(fragments.map(|fragment| moved(fragment, &whole.tracks, base, part.start_ms)));
            bases.push(base);
            base += part.bytes;
        }
        narrow(&mut whole, span);
        let Progressive { head, pieces, total_len } = Progressive::of(&whole).ok_or(NoFile::Empty)?;
        let mut at = head.len() as u64;
        let pieces = pieces.into_iter().map(|range| {
            // No piece goes over the end of a file: what a file begins with is no media.
            let file = bases.partition_point(|base| *base <= range.start).saturating_sub(1);
            let base = bases.get(file).copied().unwrap_or(0);
            let start = at;
            at += range.end - range.start;
            (start, file, range.start - base..range.end - base)
        });
        Ok(Plain { pieces: pieces.collect(), head, files, len: total_len })
    }
}

impl ReadAt for Plain {
    fn read_exact_at(&self, mut into: &mut [u8], mut offset: u64) -> io::Result<()> {
        // Within the head, so within memory.
        let from_head =
            usize::try_from(offset).ok().and_then(|offset| self.head.get(offset..)).unwrap_or_default();
        let count = from_head.len().min(into.len());
        let (first, rest) = into.split_at_mut(count);
        first.copy_from_slice(&from_head[..count]);
        (into, offset) = (rest, offset + count as u64);
        let mut number = self.pieces.partition_point(|(start, ..)| *start <= offset).saturating_sub(1);
        while !into.is_empty() {
            let end = io::ErrorKind::UnexpectedEof;
            let (start, file, range) = self.pieces.get(number).ok_or(end)?;
            let place = range.start + (offset - start);
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
