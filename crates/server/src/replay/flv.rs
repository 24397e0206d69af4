//! A recording as one FLV file that is nowhere: its tags are made of the recorded fragments when they are read.
//!
//! How long each fragment's tags are is known once its samples have been counted, so the file has a length and can be had
//! in ranges; what is kept is a few numbers for each fragment.

use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use media::flv::{self, wrap};
use media::frame::Kind;
use media::mp4::{Detail, FragmentInfo, SampleInfo, Scanner, Track};

use super::held::Known;
use super::kept::Place;
use super::made::{NoFile, OPEN_FILE, Weigh};
use super::plain::{Lead, MAX_PARTS, stretch, touched};
use super::span::Span;
use crate::read_at::ReadAt;
use crate::record::scan_stretch;
use crate::storage::Opener;
use crate::store::Part;

/// Longest fragment that is read: more than any that a recorder writes.
const MAX_FRAGMENT: u64 = 128 * 1024 * 1024;

/// An FLV file, for one reader.
#[derive(Debug)]
pub(super) struct Flv {
    plan: Arc<Plan>,
    /// The tags of the fragment that was read last: blocks are smaller than fragments.
    last: Mutex<Option<(usize, Bytes)>>,
}

/// What is where in an FLV file.
#[derive(Debug)]
pub(super) struct Plan {
    head: Bytes,
    sources: Vec<Source>,
    chunks: Vec<Chunk>,
    len: u64,
}

/// A recorded file.
#[derive(Debug)]
struct Source {
    file: Arc<dyn ReadAt>,
    init: Bytes,
    tracks: Vec<Track>,
    /// When it begins in this file, in milliseconds.
    start_ms: i64,
}

/// The tags of one fragment.
#[derive(Debug, Clone)]
struct Chunk {
    /// Where in this file they begin.
    start: u64,
    source: usize,
    /// Where the fragment is in the recorded one.
    range: Range<u64>,
    /// It is the first of its file: decoder configurations come before it.
    is_first: bool,
}

impl Weigh for Plan {
    fn weight(&self) -> usize {
        self.chunks.len() * size_of::<Chunk>() + self.sources.len() * OPEN_FILE
    }
}

impl Plan {
    /// That of a stretch of these parts. What is found out about all of a recording is kept at `place`, and need not be found
    /// out again.
    pub(super) fn make(
        from: &Opener,
        parts: &[Known],
        span: Span,
        place: Option<&Place>,
    ) -> Result<Plan, NoFile> {
        let touched = touched(parts, span);
        if touched.len() > MAX_PARTS {
            return Err(NoFile::TooLong);
        }
        let sources: io::Result<Vec<Source>> =
            touched.iter().map(|(part, _)| Source::open(from.open(part)?, part)).collect();
        let sources = sources.map_err(NoFile::Unreadable)?;
        if let Some(kept) = place.and_then(Place::load)
            && let Some((begins_ms, table)) = kept.table.split_first()
        {
            let chunks = table.as_chunks::<4>().0.iter().map(|[source, start, end, len]| {
                // A number of a source that there is not is an error when it is read.
                (usize::try_from(*source).unwrap_or(usize::MAX), *start..*end, *len)
            });
            return Ok(Plan::laid_out(sources, *begins_ms, chunks));
        }
        let mut found = Vec::new();
        for (number, ((part, keys), source)) in touched.iter().zip(&sources).enumerate() {
            let stretch = stretch(part, keys, span);
            let index = scan_stretch(&*source.file, part.init_bytes, stretch, Detail::Samples);
            let index = index.map_err(NoFile::Unreadable)?;
            let lead = Lead::of(&index.tracks);
            let whole = |fragment: &&FragmentInfo| fragment.range.end <= part.bytes;
            found.extend(index.fragments.iter().filter(whole).map(|fragment| Found {
                source: number,
                range: fragment.range.clone(),
                time_ms: part.start_ms.saturating_add(lead.as_ref().map_or(0, |lead| lead.time_ms(fragment))),
                is_key: lead.as_ref().is_none_or(|lead| lead.is_key(fragment)),
                len: tags_len(&index.tracks, fragment),
            }));
        }
        let first = found.iter().rposition(|found| found.time_ms <= span.from_ms && found.is_key);
        found.drain(..first.unwrap_or(0));
        found.retain(|found| found.time_ms < span.to_ms);
        let begins_ms = found.first().ok_or(NoFile::Empty)?.time_ms;
        if let Some(place) = place {
            let numbers = found
                .iter()
                .flat_map(|found| [found.source as u64, found.range.start, found.range.end, found.len]);
            place.save(&[begins_ms].into_iter().chain(numbers).collect::<Vec<_>>(), &[]);
        }
        let chunks = found.into_iter().map(|found| (found.source, found.range, found.len));
        Ok(Plan::laid_out(sources, begins_ms, chunks))
    }

    fn laid_out(
        mut sources: Vec<Source>,
        begins_ms: u64,
        found: impl Iterator<Item = (usize, Range<u64>, u64)>,
    ) -> Plan {
        sources.iter_mut().for_each(|source| source.start_ms -= i64::try_from(begins_ms).unwrap_or(i64::MAX));
        let has =
            |kind: Kind| sources.iter().flat_map(|source| &source.tracks).any(|track| track.kind == kind);
        let head = Bytes::copy_from_slice(&flv::header(has(Kind::Audio), has(Kind::Video)));
        let mut at = head.len() as u64;
        let mut chunks: Vec<Chunk> = Vec::new();
        for (source, range, len) in found {
            let is_first = chunks.last().is_none_or(|last| last.source != source);
            chunks.push(Chunk { start: at, source, range, is_first });
            at = at.saturating_add(len);
            if is_first && let Some(source) = sources.get(source) {
                at = at.saturating_add(source.configs(0).len() as u64);
            }
        }
        Plan { head, sources, chunks, len: at }
    }

    /// How many bytes it has.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The tags of a chunk.
    fn tags(&self, number: usize) -> io::Result<Bytes> {
        let end = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let chunk = self.chunks.get(number).ok_or_else(end)?;
        self.sources.get(chunk.source).ok_or_else(end)?.tags(chunk)
    }
}

impl Flv {
    /// For another reader.
    pub(super) fn new(plan: Arc<Plan>) -> Flv {
        Flv { plan, last: Mutex::default() }
    }

    fn tags(&self, number: usize) -> io::Result<Bytes> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, tags)) = &*last
            && *of == number
        {
            return Ok(tags.clone());
        }
        let tags = self.plan.tags(number)?;
        *last = Some((number, tags.clone()));
        Ok(tags)
    }
}

impl ReadAt for Flv {
    fn read_exact_at(&self, mut into: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !into.is_empty() {
            let next = self.plan.chunks.partition_point(|chunk| chunk.start <= offset);
            let (start, bytes) = match next.checked_sub(1) {
                None => (0, self.plan.head.clone()),
                Some(number) => {
                    (self.plan.chunks.get(number).map_or(0, |chunk| chunk.start), self.tags(number)?)
                }
            };
            let skip = usize::try_from(offset - start).unwrap_or(usize::MAX);
            let there = bytes.get(skip..).filter(|there| !there.is_empty());
            let there = there.ok_or(io::ErrorKind::UnexpectedEof)?;
            let (now, rest) = into.split_at_mut(there.len().min(into.len()));
            now.copy_from_slice(&there[..now.len()]);
            offset += now.len() as u64;
            into = rest;
        }
        Ok(())
    }
}

/// A fragment that was found.
struct Found {
    source: usize,
    range: Range<u64>,
    time_ms: u64,
    is_key: bool,
    len: u64,
}

/// One sample of a fragment, and when it is decoded in milliseconds of its file.
struct Timed<'a> {
    track: &'a Track,
    sample: SampleInfo,
    time_ms: i64,
}

impl Source {
    fn open(file: Arc<dyn ReadAt>, part: &Part) -> io::Result<Source> {
        let index = scan_stretch(&*file, part.init_bytes, part.bytes..part.bytes, Detail::Fragments)?;
        let init = usize::try_from(index.init.end).unwrap_or(usize::MAX);
        let mut bytes = vec![0; init.min(media::mp4::MAX_MOOV_BYTES as usize)];
        file.read_exact_at(&mut bytes, 0)?;
        let start_ms = i64::try_from(part.start_ms).unwrap_or(i64::MAX);
        Ok(Source { file, init: bytes.into(), tracks: index.tracks, start_ms })
    }

    /// The decoder configurations, as tags of this time.
    fn configs(&self, time_ms: i64) -> Vec<u8> {
        let mut out = Vec::new();
        for track in &self.tracks {
            let body = track.record().and_then(|record| wrap::config(track.kind, track.info.codec, &record));
            if let Some(body) = body {
                push_tag(&mut out, track.kind, time_ms, &[], &body);
            }
        }
        out
    }

    fn tags(&self, chunk: &Chunk) -> io::Result<Bytes> {
        let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let len = chunk.range.end.saturating_sub(chunk.range.start);
        if len > MAX_FRAGMENT {
            return Err(bad("a fragment is longer than any that is recorded"));
        }
        let mut bytes = vec![0; usize::try_from(len).unwrap_or_default()];
        self.file.read_exact_at(&mut bytes, chunk.range.start)?;
        // As if the fragment came at once behind the head.
        let init = self.init.len() as u64;
        let mut scanner = Scanner::new(Detail::Samples);
        let fed = scanner.handle_input(0, &self.init).and_then(|()| scanner.handle_input(init, &bytes));
        fed.map_err(|error| bad(&error.to_string()))?;
        let index = scanner.finish(init + len);
        let fragment =
            index.fragments.first().ok_or_else(|| bad("a fragment has changed since it was counted"))?;
        let mut samples = timed(&self.tracks, fragment);
        samples.sort_by_key(|timed| timed.time_ms);
        let first_ms = samples.first().map_or(0, |timed| timed.time_ms) + self.start_ms;
        let mut out = if chunk.is_first { self.configs(first_ms.max(0)) } else { Vec::new() };
        for Timed { track, sample, time_ms } in samples {
            let from = usize::try_from(sample.offset.saturating_sub(init)).unwrap_or(usize::MAX);
            let data = bytes.get(from..from.saturating_add(sample.size as usize));
            let data = data.ok_or_else(|| bad("a sample is not in its fragment"))?;
            let composition = i64::from(sample.composition) * 1_000 / i64::from(track.timescale);
            let composition = i32::try_from(composition).unwrap_or(0);
            if let Some(head) = wrap::coded(track.kind, track.info.codec, sample.key, composition) {
                push_tag(&mut out, track.kind, (time_ms + self.start_ms).max(0), &head, data);
            }
        }
        Ok(out.into())
    }
}

/// The samples of a fragment, track by track.
fn timed<'a>(tracks: &'a [Track], fragment: &FragmentInfo) -> Vec<Timed<'a>> {
    let mut out = Vec::new();
    for run in &fragment.runs {
        let Some(track) = tracks.iter().find(|track| track.id == run.track_id) else { continue };
        let mut time = run.base_time;
        for sample in &run.samples {
            let time_ms = i128::from(time) * 1_000 / i128::from(track.timescale);
            out.push(Timed { track, sample: *sample, time_ms: i64::try_from(time_ms).unwrap_or(i64::MAX) });
            time = time.saturating_add(u64::from(sample.duration));
        }
    }
    out
}

/// How many bytes the tags of a fragment have.
fn tags_len(tracks: &[Track], fragment: &FragmentInfo) -> u64 {
    let len = |timed: &Timed<'_>| {
        let head = wrap::coded(timed.track.kind, timed.track.info.codec, true, 0)?;
        Some((flv::TAG_HEADER_BYTES + head.len() + 4) as u64 + u64::from(timed.sample.size))
    };
    timed(tracks, fragment).iter().filter_map(len).sum()
}

fn push_tag(out: &mut Vec<u8>, kind: Kind, time_ms: i64, head: &[u8], data: &[u8]) {
    let len = head.len() + data.len();
    out.extend_from_slice(&flv::tag_header(kind, time_ms, len));
    out.extend_from_slice(head);
    out.extend_from_slice(data);
    out.extend_from_slice(&flv::tag_trailer(len));
}
