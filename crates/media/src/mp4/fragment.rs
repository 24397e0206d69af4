//! Fragments: some samples of every track, with their times in front.

use bytes::Bytes;

use super::boxes::Writer;
use super::index::{FragmentInfo, RunInfo};
use super::moov::init_segment;
use super::track::Track;
use crate::frame::Kind;
use crate::sample::{Config, Sample};

/// Most media bytes of one fragment.
pub const MAX_FRAGMENT_BYTES: usize = 64 * 1024 * 1024;

/// Most samples of one fragment.
pub const MAX_FRAGMENT_SAMPLES: usize = 16 * 1024;

/// How long the last sample of a track is said to last while nothing is known about the track's steps, in
/// milliseconds.
const FIRST_STEP: u32 = 33;

/// Makes fragments of samples. Whoever drives it decides where they are cut.
#[derive(Debug)]
pub struct Muxer {
    lanes: Vec<Lane>,
    init: Bytes,
    sequence: u32,
    bytes: usize,
    samples: usize,
}

/// One track and its samples since the last cut.
#[derive(Debug)]
struct Lane {
    track: Track,
    /// The track's number in the stream.
    number: u8,
    samples: Vec<Sample>,
    /// The last sample's decode time.
    last: i64,
    /// The last duration that was not nothing.
    step: u32,
}

impl Muxer {
    /// Configurations of codecs that MP4 does not hold, and second ones of the same track, are left out.
    ///
    /// VP9's record does not say how large the picture is. Players want to know before the first frame, so whoever
    /// knows puts it into the configuration's `info`.
    pub fn new(configs: &[Config]) -> Muxer {
        let mut lanes: Vec<Lane> = Vec::new();
        for config in configs {
            if lanes.iter().any(|lane| (lane.track.kind, lane.number) == (config.kind, config.track)) {
                continue;
            }
            let id = lanes.last().map_or(1, |lane| lane.track.id + 1);
            if let Some(track) = Track::new(id, config) {
                let number = config.track;
                lanes.push(Lane { track, number, samples: Vec::new(), last: 0, step: FIRST_STEP });
            }
        }
        let tracks: Vec<Track> = lanes.iter().map(|lane| lane.track.clone()).collect();
        Muxer { lanes, init: init_segment(&tracks), sequence: 0, bytes: 0, samples: 0 }
    }

    /// One track as it was read from another file. Its samples are number 0 of their kind, and their times are in
    /// its own units.
    pub fn of_track(track: Track) -> Muxer {
        let init = init_segment(std::slice::from_ref(&track));
        let lane = Lane { track, number: 0, samples: Vec::new(), last: 0, step: FIRST_STEP };
        Muxer { lanes: vec![lane], init, sequence: 0, bytes: 0, samples: 0 }
    }

    /// What comes before the first fragment.
    pub fn init(&self) -> &Bytes {
        &self.init
    }

    /// The tracks that are written.
    pub fn tracks(&self) -> impl Iterator<Item = &Track> {
        self.lanes.iter().map(|lane| &lane.track)
    }

    /// Takes a sample. One without a track is ignored. When the fragment is full, it is given back and the sample
    /// is the first of the next.
    ///
    /// A decode time before the track's last one is raised to it, and one before zero to zero: MP4 can say neither.
    pub fn push(&mut self, mut sample: Sample) -> Option<Fragment> {
        let at = self.lane_of(&sample)?;
        let full = self.samples >= MAX_FRAGMENT_SAMPLES
            || self.bytes.saturating_add(sample.data.len()) > MAX_FRAGMENT_BYTES;
        let fragment = if full { self.cut(Some(&sample)) } else { None };
        let lane = self.lanes.get_mut(at)?;
        sample.dts = sample.dts.max(lane.last);
        lane.last = sample.dts;
        self.bytes += sample.data.len();
        self.samples += 1;
        lane.samples.push(sample);
        fragment
    }

    /// Ends the fragment. `None` when there is nothing in it.
    ///
    /// A sample lasts until the next of its track. For the last one that is only known of the track of `next`, the
    /// sample that comes after the cut; otherwise it is said to last as long as the one before. Where that is
    /// wrong the next fragment puts it right, because every fragment says when it begins.
    pub fn cut(&mut self, next: Option<&Sample>) -> Option<Fragment> {
        if self.samples == 0 {
            return None;
        }
        let next = next.and_then(|next| Some((self.lane_of(next)?, next.dts)));
        self.sequence = self.sequence.wrapping_add(1);
        let mut out = Writer::default();
        let mut bodies = Vec::with_capacity(self.samples);
        let mut runs = Vec::new();
        // Where the offsets of the runs' data are written, and where in the `mdat` that data is.
        let mut offsets = Vec::new();
        let mut data = 0;
        out.boxed(b"moof", |out| {
            out.full(b"mfhd", 0, 0, |out| out.u32(self.sequence));
            for (at, lane) in self.lanes.iter_mut().enumerate().filter(|(_, lane)| !lane.samples.is_empty()) {
                let end = next.filter(|(of, _)| *of == at).map(|(_, dts)| dts);
                let durations = lane.durations(end);
                offsets.push((lane.write(out, &durations), data));
                data += lane.samples.iter().map(|sample| sample.data.len()).sum::<usize>();
                runs.push(lane.run(&durations));
                bodies.extend(lane.samples.drain(..).map(|sample| sample.data));
            }
        });
        // Bounded by MAX_FRAGMENT_BYTES, or by one sample, whose length is that of a message.
        let narrow = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        let header = out.out.len() + 8;
        for (at, data) in offsets {
            out.patch(at, narrow(header + data));
        }
        out.u32(narrow(8 + data));
        out.bytes(b"mdat");
        (self.bytes, self.samples) = (0, 0);
        let range = 0..(header + data) as u64;
        Some(Fragment { head: out.out.into(), bodies, info: FragmentInfo { range, runs } })
    }

    fn lane_of(&self, sample: &Sample) -> Option<usize> {
        let wanted = (sample.kind, sample.track, sample.codec);
        self.lanes.iter().position(|lane| (lane.track.kind, lane.number, lane.track.info.codec) == wanted)
    }
}

impl Lane {
    /// How long each sample lasts, the last one until `end`.
    fn durations(&mut self, end: Option<i64>) -> Vec<u32> {
        let times = self.samples.iter().map(|sample| sample.dts);
        let ends = times.clone().skip(1).map(Some).chain([end]);
        let step = &mut self.step;
        times
            .zip(ends)
            .map(|(start, end)| match end.map(|end| u32::try_from(end.saturating_sub(start)).unwrap_or(0)) {
                Some(0) => 0,
                Some(duration) => {
                    *step = duration;
                    duration
                }
                None => *step,
            })
            .collect()
    }

    /// Writes the `traf`; gives where the offset of its data is to be written.
    fn write(&self, out: &mut Writer, durations: &[u32]) -> usize {
        const DEFAULT_BASE_IS_MOOF: u32 = 0x02_0000;
        const DEFAULT_FLAGS: u32 = 0x20;
        /// The offset of the data, and each sample's duration and size.
        const ALWAYS: u32 = 0x301;
        const SAMPLE_FLAGS: u32 = 0x400;
        const COMPOSITION: u32 = 0x800;
        let video = self.track.kind == Kind::Video;
        let mut flags = ALWAYS;
        if video {
            flags |= SAMPLE_FLAGS;
        }
        if self.samples.iter().any(|sample| sample.pts != sample.dts) {
            flags |= COMPOSITION;
        }
        let mut offset_at = 0;
        out.boxed(b"traf", |out| {
            out.full(b"tfhd", 0, DEFAULT_BASE_IS_MOOF | DEFAULT_FLAGS, |out| {
                out.u32(self.track.id);
                out.u32(if video { flags::INTER } else { flags::KEY });
            });
            out.full(b"tfdt", 1, 0, |out| out.u64(self.base_time()));
            out.full(b"trun", 1, flags, |out| {
                out.u32(u32::try_from(self.samples.len()).unwrap_or(u32::MAX));
                offset_at = out.out.len();
                out.u32(0);
                for (sample, duration) in self.samples.iter().zip(durations) {
                    out.u32(*duration);
                    out.u32(u32::try_from(sample.data.len()).unwrap_or(u32::MAX));
                    if flags & SAMPLE_FLAGS != 0 {
                        out.u32(if sample.key { flags::KEY } else { flags::INTER });
                    }
                    if flags & COMPOSITION != 0 {
                        out.i32(i32::try_from(sample.pts.saturating_sub(sample.dts)).unwrap_or(0));
                    }
                }
            });
        });
        offset_at
    }

    fn run(&self, durations: &[u32]) -> RunInfo {
        RunInfo {
            track_id: self.track.id,
            base_time: self.base_time(),
            duration: durations.iter().map(|duration| u64::from(*duration)).sum(),
            key: self.samples.first().is_some_and(|sample| sample.key),
            samples: Vec::new(),
        }
    }

    fn base_time(&self) -> u64 {
        self.samples.first().and_then(|sample| u64::try_from(sample.dts).ok()).unwrap_or(0)
    }
}

/// Flags of a sample (ISO/IEC 14496-12 section 8.8.3.1).
mod flags {
    /// It depends on no other.
    pub(super) const KEY: u32 = 0x0200_0000;
    /// It depends on others, and a decoder cannot start at it.
    pub(super) const INTER: u32 = 0x0101_0000;
}

/// A fragment as it is sent and stored: bytes of its own, then the samples where they are.
#[derive(Debug, Clone)]
pub struct Fragment {
    /// The `moof` and the header of the `mdat`.
    pub head: Bytes,
    /// The contents of the `mdat`.
    pub bodies: Vec<Bytes>,
    /// When it is played; its range begins at 0, and its samples are not listed.
    pub info: FragmentInfo,
}

impl Fragment {
    /// All its bytes in order.
    pub fn parts(&self) -> impl Iterator<Item = &Bytes> {
        std::iter::once(&self.head).chain(&self.bodies)
    }

    /// How many bytes it has.
    pub fn byte_len(&self) -> u64 {
        self.info.range.end
    }
}
