//! One plain MP4 file made of fragments: a `moov` with all samples in front, then the media bytes from where they
//! are. No media byte is held or looked at.

use std::ops::Range;

use bytes::Bytes;

use super::TIMESCALE;
use super::boxes::Writer;
use super::index::{Index, SampleInfo};
use super::moov::{Durations, movie_header, trak};
use super::track::Track;
use crate::frame::Kind;

/// A file of which only the head is new. It needs memory for its samples (some 20 bytes for each), not its length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progressive {
    /// Its first bytes: `ftyp`, `moov` and the header of the `mdat`.
    pub head: Bytes,
    /// Which bytes of the source come after them, in this order.
    pub pieces: Vec<Range<u64>>,
    /// How many bytes it has.
    pub total_len: u64,
}

impl Progressive {
    /// Makes one of a file that was scanned with [`super::Detail::Samples`]. `None` when there are no samples.
    ///
    /// Each track begins as much later than the others as it did in the source, and the first frame of all is at
    /// zero. Holes in a track stay: the sample before one lasts longer.
    pub fn of(index: &Index) -> Option<Progressive> {
        let mut layout = Layout::default();
        let mut tables: Vec<Table<'_>> = index.tracks.iter().map(Table::new).collect();
        for run in index.fragments.iter().flat_map(|fragment| &fragment.runs) {
            let Some(table) = tables.iter_mut().find(|table| table.track.id == run.track_id) else {
                continue;
            };
            let mut time = run.base_time;
            let mut samples = run.samples.as_slice();
            while !samples.is_empty() {
                let (chunk, rest) = samples.split_at(contiguous(samples));
                let place = layout.copy(chunk);
                time = table.chunk(place, time, chunk);
                samples = rest;
            }
        }
        tables.retain(|table| table.samples > 0);
        tables.iter_mut().for_each(Table::finish);
        let start = tables.iter().map(Table::start).min()?;
        let head = Head { tables: &tables, start, data: layout.len }.write();
        let total_len = layout.len.saturating_add(head.len() as u64);
        Some(Progressive { head, pieces: layout.pieces, total_len })
    }
}

/// How many samples from the first on are one behind the other in the source.
fn contiguous(samples: &[SampleInfo]) -> usize {
    let broken = |pair: &[SampleInfo]| match pair {
        [one, next] => one.offset + u64::from(one.size) != next.offset,
        _ => false,
    };
    samples.windows(2).position(broken).map_or(samples.len(), |last| last + 1)
}

/// The contents of the `mdat`.
#[derive(Default)]
struct Layout {
    pieces: Vec<Range<u64>>,
    len: u64,
}

impl Layout {
    /// Appends samples that are one behind the other; gives where the first is in the `mdat`.
    fn copy(&mut self, samples: &[SampleInfo]) -> u64 {
        let place = self.len;
        let start = samples.first().map_or(0, |sample| sample.offset);
        let end = samples.last().map_or(0, |sample| sample.offset + u64::from(sample.size));
        self.len += end - start;
        match self.pieces.last_mut() {
            Some(last) if last.end == start => last.end = end,
            _ if end > start => self.pieces.push(start..end),
            _ => {}
        }
        place
    }
}

/// Equal values one after the other, as the tables count them.
struct Repeats<T>(Vec<(u32, T)>);

impl<T: PartialEq> Repeats<T> {
    fn push(&mut self, value: T) {
        match self.0.last_mut() {
            Some((count, last)) if *last == value => *count += 1,
            _ => self.0.push((1, value)),
        }
    }
}

/// The sample tables of a track.
struct Table<'a> {
    track: &'a Track,
    samples: u32,
    durations: Repeats<u32>,
    compositions: Repeats<i32>,
    keys: Vec<u32>,
    sizes: Vec<u32>,
    /// Where each chunk is in the `mdat`, and how many samples it has.
    chunks: Vec<(u64, u32)>,
    first_time: u64,
    first_composition: i32,
    /// When the last sample begins, when it ends by its own account, and how long all before it are.
    last_time: u64,
    last_end: u64,
    media: u64,
}

impl<'a> Table<'a> {
    fn new(track: &'a Track) -> Table<'a> {
        Table {
            track,
            samples: 0,
            durations: Repeats(Vec::new()),
            compositions: Repeats(Vec::new()),
            keys: Vec::new(),
            sizes: Vec::new(),
            chunks: Vec::new(),
            first_time: 0,
            first_composition: 0,
            last_time: 0,
            last_end: 0,
            media: 0,
        }
    }

    /// Appends samples of which the first is decoded at `time`; gives when the last one ends.
    fn chunk(&mut self, place: u64, mut time: u64, samples: &[SampleInfo]) -> u64 {
        let before = self.samples;
        for sample in samples {
            // A file that has more than the tables can count ends there.
            let Some(number) = self.samples.checked_add(1) else { break };
            if self.samples == 0 {
                (self.first_time, self.first_composition) = (time, sample.composition);
                self.last_time = time;
            } else {
                self.close(time);
            }
            self.samples = number;
            self.compositions.push(sample.composition);
            self.sizes.push(sample.size);
            if sample.key {
                self.keys.push(number);
            }
            time = time.saturating_add(u64::from(sample.duration));
            self.last_end = time;
        }
        self.chunks.push((place, self.samples - before));
        time
    }

    /// The last sample lasts until `end`. One that is said to end before it begins does not last; then the next is
    /// as much shorter, so that nothing adds up.
    fn close(&mut self, end: u64) {
        let duration = u32::try_from(end.saturating_sub(self.last_time)).unwrap_or(u32::MAX);
        self.durations.push(duration);
        self.media += u64::from(duration);
        self.last_time = self.last_time.max(end);
    }

    /// How long a last packet of sound is was estimated in whole milliseconds and may be less than its samples take;
    /// players cut off what goes on behind the end of the track. So that end is a millisecond later.
    fn finish(&mut self) {
        let spare = if self.track.kind == Kind::Audio { self.track.timescale.div_ceil(TIMESCALE) } else { 0 };
        self.close(self.last_end.saturating_add(u64::from(spare)));
    }

    /// When its first sample is shown, in units of the movie.
    fn start(&self) -> i64 {
        let time = i128::from(self.first_time) + i128::from(self.first_composition);
        let time = (time * i128::from(TIMESCALE)).div_euclid(i128::from(self.track.timescale));
        i64::try_from(time).unwrap_or(i64::MAX)
    }

    fn durations(&self, start: i64) -> Durations {
        let scale = u128::from(self.track.timescale);
        let shown = (u128::from(self.media) * u128::from(TIMESCALE)).div_ceil(scale);
        Durations {
            media: self.media,
            delay: self.start().abs_diff(start),
            shown: u64::try_from(shown).unwrap_or(u64::MAX),
            composition: u64::try_from(self.first_composition).unwrap_or(0),
        }
    }

    fn write(&self, out: &mut Writer, base: u64, large: bool) {
        let count = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        out.full(b"stts", 0, 0, |out| {
            out.u32(count(self.durations.0.len()));
            for (times, duration) in &self.durations.0 {
                out.u32(*times);
                out.u32(*duration);
            }
        });
        if self.compositions.0.iter().any(|(_, composition)| *composition != 0) {
            out.full(b"ctts", 1, 0, |out| {
                out.u32(count(self.compositions.0.len()));
                for (times, composition) in &self.compositions.0 {
                    out.u32(*times);
                    out.i32(*composition);
                }
            });
        }
        if self.keys.len() < self.sizes.len() {
            out.full(b"stss", 0, 0, |out| {
                out.u32(count(self.keys.len()));
                self.keys.iter().for_each(|number| out.u32(*number));
            });
        }
        self.write_chunk_lengths(out);
        out.full(b"stsz", 0, 0, |out| {
            out.u32(0);
            out.u32(self.samples);
            self.sizes.iter().for_each(|size| out.u32(*size));
        });
        out.full(if large { b"co64" } else { b"stco" }, 0, 0, |out| {
            out.u32(count(self.chunks.len()));
            for (place, _) in &self.chunks {
                out.time(u8::from(large), base + place);
            }
        });
    }

    /// The `stsc`: from which chunk on there are how many samples in each.
    fn write_chunk_lengths(&self, out: &mut Writer) {
        out.full(b"stsc", 0, 0, |out| {
            let count_at = out.out.len();
            out.u32(0);
            let (mut entries, mut last) = (0, None);
            for (number, (_, samples)) in (1_u32..).zip(&self.chunks) {
                if last != Some(samples) {
                    out.u32(number);
                    out.u32(*samples);
                    out.u32(1);
                    entries += 1;
                    last = Some(samples);
                }
            }
            out.patch(count_at, entries);
        });
    }
}

struct Head<'a> {
    tables: &'a [Table<'a>],
    /// When the first frame of all is shown, in units of the movie.
    start: i64,
    /// Bytes of the `mdat`'s contents.
    data: u64,
}

impl Head<'_> {
    /// The places of the chunks depend on the length of the head, and that on how wide the places are.
    fn write(&self) -> Bytes {
        let narrow = self.build(0, false);
        let large = u32::try_from(self.data.saturating_add(narrow.len() as u64)).is_err();
        let len = if large { self.build(0, true).len() } else { narrow.len() };
        self.build(len as u64, large).into()
    }

    fn build(&self, base: u64, large: bool) -> Vec<u8> {
        let tracks: Vec<Track> = self.tables.iter().map(|table| table.track.clone()).collect();
        let lengths: Vec<Durations> = self.tables.iter().map(|table| table.durations(self.start)).collect();
        let end = lengths.iter().map(|track| track.delay.saturating_add(track.shown)).max();
        let mut out = Writer::default();
        out.boxed(b"ftyp", |out| {
            out.bytes(b"isom");
            out.u32(0);
            // Signed composition times came with the fourth version.
            out.bytes(b"isomiso4mp41");
        });
        out.boxed(b"moov", |out| {
            movie_header(out, end.unwrap_or(0), &tracks);
            for (table, durations) in self.tables.iter().zip(&lengths) {
                trak(out, table.track, durations, |out| table.write(out, base, large));
            }
        });
        match u32::try_from(self.data.saturating_add(8)) {
            Ok(size) if !large => {
                out.u32(size);
                out.bytes(b"mdat");
            }
            _ => {
                out.u32(1);
                out.bytes(b"mdat");
                out.u64(self.data.saturating_add(16));
            }
        }
        out.out
    }
}
