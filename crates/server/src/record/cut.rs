//! From the frames of a stream to what is written: where files begin and end, and fragments of a second at most.
//!
//! No file and no clock: time is an argument. A part begins
//!
//! - at a key frame, when the part before it is long or large enough;
//! - when a decoder configuration changes, a track shows itself, or another push takes over, because one file has one
//!   description of its tracks;
//! - after a pause.
//!
//! Times inside a part begin at zero. Which time that is in the stream is known when the part's first fragment is
//! complete: sound that came a moment after the first picture can be older than it.

use media::frame::{Frame, Kind, Role};
use media::mp4::{Fragment, Muxer};
use media::sample::{Config, Sample};

/// Longest fragment, in milliseconds of the stream: a crash loses no more than one.
pub(super) const FRAGMENT_MS: i64 = 1_000;

/// Oldest frame that is held back, in milliseconds of the clock, for a stream that has stopped to send.
pub(super) const HOLD_MS: u64 = 1_000;

/// Most bytes of frames that are held for one fragment.
const FRAGMENT_BYTES: usize = 16 * 1024 * 1024;

/// Most decoder configurations of one part, as in the hub.
const MAX_CONFIGS: usize = 16;

/// When a part is long enough.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Split {
    /// In milliseconds; `None`: never.
    pub(super) interval_ms: Option<i64>,
    /// In bytes; `None`: never.
    pub(super) max_bytes: Option<u64>,
}

/// What is to be done with files, in this order.
#[derive(Debug)]
pub(super) enum Step {
    /// A part begins.
    Open(Opening),
    /// Its next bytes.
    Write(Batch),
    /// It is complete.
    Close,
}

/// A part that begins.
#[derive(Debug)]
pub(super) struct Opening {
    /// Its number, from 1.
    pub(super) number: u32,
    /// When its first frame came, in milliseconds since 1970.
    pub(super) wall_ms: i64,
    /// When it begins on the time line of the recording.
    pub(super) start_ms: u64,
    /// What comes before the first fragment; nothing where no track can be put into MP4.
    pub(super) init: Option<bytes::Bytes>,
    /// The codecs of its tracks.
    pub(super) codecs: String,
    /// Metadata and decoder configurations, as FLV has them.
    pub(super) headers: Vec<Frame>,
    /// How AAC is described, if the first track of sound is that.
    pub(super) aac: Option<bytes::Bytes>,
}

/// Up to a second of a part.
#[derive(Debug)]
pub(super) struct Batch {
    /// As MP4; `None` when no frame in it can be.
    pub(super) fragment: Option<Fragment>,
    /// As they came, with times of the part.
    pub(super) frames: Vec<Frame>,
    /// A decoder can start here.
    pub(super) key: bool,
    /// When it begins, in milliseconds of the part.
    pub(super) time_ms: u64,
    /// How long the part is with it.
    pub(super) end_ms: u64,
    /// When its last frame came, in milliseconds since 1970.
    pub(super) wall_ms: i64,
}

/// Decides where one recording is cut.
#[derive(Debug)]
pub(super) struct Cutter {
    split: Split,
    metadata: Option<Frame>,
    configs: Vec<Frame>,
    held: Vec<Held>,
    held_bytes: usize,
    held_video: bool,
    held_since: u64,
    wall_ms: i64,
    part: Option<Part>,
    number: u32,
    /// How long all parts before the open one are.
    before_ms: u64,
    /// Pictures are left out until a key frame.
    gated: bool,
    /// Another push has begun; where is shown by its first header or key frame.
    taken_over: bool,
}

#[derive(Debug)]
struct Held {
    frame: Frame,
    sample: Option<Sample>,
    wall_ms: i64,
}

#[derive(Debug)]
struct Part {
    muxer: Muxer,
    /// The stream's time that is the part's zero.
    base: i64,
    has_video: bool,
    bytes: u64,
    end_ms: u64,
}

impl Cutter {
    pub(super) fn new(split: Split) -> Cutter {
        Cutter {
            split,
            metadata: None,
            configs: Vec::new(),
            held: Vec::new(),
            held_bytes: 0,
            held_video: false,
            held_since: 0,
            wall_ms: 0,
            part: None,
            number: 0,
            before_ms: 0,
            gated: true,
            taken_over: false,
        }
    }

    /// How long the recording is so far, without what is held.
    pub(super) fn duration_ms(&self) -> u64 {
        self.before_ms + self.part.as_ref().map_or(0, |part| part.end_ms)
    }

    /// One frame; `wall_ms` is when it came, `now_ms` any monotonic clock.
    pub(super) fn handle_frame(&mut self, frame: &Frame, now_ms: u64, wall_ms: i64) -> Vec<Step> {
        let mut steps = Vec::new();
        match frame.role {
            Role::Metadata => self.metadata = Some(frame.clone()),
            Role::Config => self.configure(frame, &mut steps),
            Role::Other => {}
            Role::Key | Role::Inter | Role::Disposable | Role::Audio => {
                self.take(frame, now_ms, wall_ms, &mut steps);
            }
        }
        steps
    }

    /// Another push has begun; the frames that come next may still be of the one before.
    pub(super) fn note_takeover(&mut self) {
        self.taken_over = true;
    }

    /// Frames are missing before the next one.
    pub(super) fn note_loss(&mut self) {
        self.gated = true;
    }

    /// Time has gone on: what is held for too long is written.
    pub(super) fn handle_time(&mut self, now_ms: u64) -> Vec<Step> {
        let mut steps = Vec::new();
        if !self.held.is_empty() && now_ms.saturating_sub(self.held_since) >= HOLD_MS {
            self.flush(None, &mut steps);
        }
        steps
    }

    /// Ends the part; whatever comes next begins another, at a key frame.
    pub(super) fn finish(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        self.close(&mut steps);
        self.gated = true;
        steps
    }

    /// Begins with another stream of the same name.
    pub(super) fn restart(&mut self) -> Vec<Step> {
        let steps = self.finish();
        (self.metadata, self.taken_over) = (None, false);
        self.configs.clear();
        steps
    }

    fn configure(&mut self, frame: &Frame, steps: &mut Vec<Step>) {
        if std::mem::take(&mut self.taken_over) {
            self.close(steps);
            self.configs.clear();
            self.gated = true;
        }
        let same_track = |known: &Frame| (known.kind, known.track) == (frame.kind, frame.track);
        match self.configs.iter().position(same_track) {
            Some(at) if self.configs.get(at).is_some_and(|known| known.body == frame.body) => {}
            Some(at) => {
                self.close(steps);
                if frame.kind == Kind::Video {
                    self.gated = true;
                }
                self.configs.get_mut(at).into_iter().for_each(|known| known.clone_from(frame));
            }
            None if self.configs.len() < MAX_CONFIGS => {
                // Before the first fragment is complete, tracks may still show themselves.
                if self.part.is_some() {
                    self.close(steps);
                }
                self.configs.push(frame.clone());
            }
            None => {}
        }
    }

    fn take(&mut self, frame: &Frame, now_ms: u64, wall_ms: i64, steps: &mut Vec<Step>) {
        let key = frame.role == Role::Key;
        if key && std::mem::take(&mut self.taken_over) {
            // The new push sent no headers of its own.
            self.close(steps);
            self.gated = true;
        }
        if frame.kind == Kind::Video && self.gated {
            if !key {
                return;
            }
            self.gated = false;
        }
        let sample = Sample::of(frame);
        let can_split = key || !self.has_video();
        if can_split && self.is_long_enough(frame.time) {
            self.flush(sample.as_ref(), steps);
            self.close(steps);
        } else {
            let first = self.held.iter().map(|held| held.frame.time).min();
            let long = first.is_some_and(|first| frame.time.saturating_sub(first) >= FRAGMENT_MS);
            let large = self.held_bytes.saturating_add(frame.body.len()) > FRAGMENT_BYTES;
            if (key && self.held_video) || long || large {
                self.flush(sample.as_ref(), steps);
            }
        }
        if self.held.is_empty() {
            self.held_since = now_ms;
        }
        self.held_bytes += frame.body.len();
        self.held_video |= frame.kind == Kind::Video;
        self.wall_ms = wall_ms;
        self.held.push(Held { frame: frame.clone(), sample, wall_ms });
    }

    fn has_video(&self) -> bool {
        self.held_video || self.part.as_ref().is_some_and(|part| part.has_video)
    }

    fn is_long_enough(&self, time: i64) -> bool {
        let part = self.part.as_ref();
        let held = || self.held.iter().map(|held| held.frame.time).min();
        let Some(base) = part.map(|part| part.base).or_else(held) else { return false };
        let age = time.saturating_sub(base);
        let bytes = part.map_or(0, |part| part.bytes) + self.held_bytes as u64;
        self.split.interval_ms.is_some_and(|interval| age >= interval)
            || self.split.max_bytes.is_some_and(|max| bytes >= max)
    }

    fn close(&mut self, steps: &mut Vec<Step>) {
        self.flush(None, steps);
        if let Some(part) = self.part.take() {
            self.before_ms += part.end_ms;
            steps.push(Step::Close);
        }
    }

    /// Writes what is held; `next` is the sample that comes after it.
    fn flush(&mut self, next: Option<&Sample>, steps: &mut Vec<Step>) {
        if self.held.is_empty() {
            return;
        }
        let held = std::mem::take(&mut self.held);
        let has_video = std::mem::take(&mut self.held_video);
        self.held_bytes = 0;
        if self.part.is_none() {
            let opening = self.open(&held, has_video);
            steps.push(Step::Open(opening));
        }
        let wall_ms = self.wall_ms;
        if let Some(part) = &mut self.part {
            part.write(held, next, wall_ms, steps);
        }
    }

    fn open(&mut self, held: &[Held], has_video: bool) -> Opening {
        let configs: Vec<Config> = self.configs.iter().filter_map(Config::of).collect();
        let muxer = Muxer::new(&configs);
        let base = held.iter().map(|held| held.frame.time).min().unwrap_or_default();
        let codecs: Vec<&str> = configs.iter().map(|config| config.info.codec_string.as_str()).collect();
        let codecs = codecs.into_iter().filter(|codec| !codec.is_empty()).collect::<Vec<_>>().join(",");
        let has_tracks = muxer.tracks().next().is_some();
        let aac = configs
            .iter()
            .find(|config| (config.kind, config.track) == (Kind::Audio, 0))
            .filter(|config| config.info.codec == media::codec::Codec::Aac)
            .map(|config| config.record.clone());
        let at_zero = |frame: &Frame| Frame { time: 0, ..frame.clone() };
        self.number += 1;
        let opening = Opening {
            number: self.number,
            wall_ms: held.first().map_or(self.wall_ms, |held| held.wall_ms),
            start_ms: self.before_ms,
            init: has_tracks.then(|| muxer.init().clone()),
            codecs,
            headers: self.metadata.iter().chain(&self.configs).map(at_zero).collect(),
            aac,
        };
        let has_video = has_video || configs.iter().any(|config| config.kind == Kind::Video);
        self.part = Some(Part { muxer, base, has_video, bytes: 0, end_ms: 0 });
        opening
    }
}

impl Part {
    fn write(&mut self, held: Vec<Held>, next: Option<&Sample>, wall_ms: i64, steps: &mut Vec<Step>) {
        let base = self.base;
        let moved = |sample: Sample| Sample {
            dts: sample.dts.saturating_sub(base),
            pts: sample.pts.saturating_sub(base),
            ..sample
        };
        let mut frames = Vec::with_capacity(held.len());
        for Held { frame, sample, .. } in held {
            if let Some(full) = sample.and_then(|sample| self.muxer.push(moved(sample))) {
                steps.push(Step::Write(self.batch(Some(full), std::mem::take(&mut frames), wall_ms)));
            }
            frames.push(Frame { time: frame.time.saturating_sub(base).max(0), ..frame });
        }
        let next = next.cloned().map(moved);
        let fragment = self.muxer.cut(next.as_ref());
        steps.push(Step::Write(self.batch(fragment, frames, wall_ms)));
    }

    fn batch(&mut self, fragment: Option<Fragment>, frames: Vec<Frame>, wall_ms: i64) -> Batch {
        let first = frames.iter().map(|frame| frame.time).min().unwrap_or_default();
        let last = frames.iter().map(|frame| frame.time).max().unwrap_or_default();
        let mut time_ms = u64::try_from(first).unwrap_or_default();
        self.end_ms = self.end_ms.max(u64::try_from(last).unwrap_or_default());
        let key = match &fragment {
            Some(fragment) => {
                self.bytes += fragment.byte_len();
                self.end_ms = self.end_ms.max(super::scan::end(&fragment.info));
                let position = super::scan::position(|| self.muxer.tracks(), &fragment.info);
                time_ms = position.time_ms;
                position.key
            }
            None => {
                self.bytes += frames.iter().map(|frame| frame.body.len() as u64).sum::<u64>();
                let picture = frames.iter().find(|frame| frame.kind == Kind::Video);
                picture.map_or(!self.has_video, |picture| picture.role == Role::Key)
            }
        };
        Batch { fragment, frames, key, time_ms, end_ms: self.end_ms, wall_ms }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const AVC: [u8; 12] = [0x17, 0, 0, 0, 0, 1, 0x64, 0, 0x1f, 0xff, 0xe0, 0];
    const AAC: [u8; 4] = [0xaf, 0, 0x12, 0x10];

    fn frame(kind: Kind, time: i64, body: &[u8]) -> Frame {
        Frame::classify(kind, time, Bytes::copy_from_slice(body)).unwrap()
    }

    fn picture(time: i64, key: bool) -> Frame {
        let (first, nal) = if key { (0x17, 0x65) } else { (0x27, 0x41) };
        frame(Kind::Video, time, &[first, 1, 0, 0, 0, 0, 0, 0, 1, nal])
    }

    fn sound(time: i64) -> Frame {
        frame(Kind::Audio, time, &[0xaf, 1, 0x21, 0x10])
    }

    /// Frames of so many seconds, with a key frame each second, and what becomes of them.
    struct Show {
        cutter: Cutter,
        steps: Vec<Step>,
        now_ms: u64,
    }

    impl Show {
        fn new(split: Split) -> Show {
            let mut show = Show { cutter: Cutter::new(split), steps: Vec::new(), now_ms: 0 };
            show.put(&frame(Kind::Video, 0, &AVC));
            show.put(&frame(Kind::Audio, 0, &AAC));
            show
        }

        fn put(&mut self, frame: &Frame) {
            self.steps.extend(self.cutter.handle_frame(frame, self.now_ms, 1_000_000 + frame.time));
        }

        fn play(&mut self, from: i64, to: i64) {
            for time in (from..to).step_by(40) {
                self.put(&picture(time, time % 1_000 == 0));
                self.put(&sound(time));
            }
        }

        fn end(&mut self) {
            self.steps.extend(self.cutter.finish());
        }

        fn parts(&self) -> Vec<(u32, u64, i64)> {
            let opening = |step: &Step| match step {
                Step::Open(open) => Some((open.number, open.start_ms, open.wall_ms)),
                _ => None,
            };
            self.steps.iter().filter_map(opening).collect()
        }

        fn batches(&self) -> Vec<&Batch> {
            fn batch(step: &Step) -> Option<&Batch> {
                match step {
                    Step::Write(batch) => Some(batch),
                    Step::Open(_) | Step::Close => None,
                }
            }
            self.steps.iter().filter_map(batch).collect()
        }
    }

    #[test]
    fn fragments_are_a_second_at_most_and_end_at_key_frames() {
        let mut show = Show::new(Split::default());
        show.play(520, 3_520);
        show.end();
        let times: Vec<_> = show.batches().iter().map(|b| (b.time_ms, b.end_ms, b.key)).collect();
        // Pictures before the first key frame are left out; sound is not.
        assert_eq!(times[0].0, 480);
        assert!(times.iter().all(|(start, end, _)| end - start <= 1_040), "{times:?}");
        assert_eq!(show.parts(), [(1, 0, 1_000_520)]);
        assert!(matches!(show.steps.last(), Some(Step::Close)));
        let keys = times.iter().filter(|(.., key)| *key).count();
        assert_eq!(keys, 3, "{times:?}");
    }

    #[test]
    fn a_part_ends_at_the_key_frame_behind_its_interval_and_parts_follow_without_a_hole() {
        let mut show = Show::new(Split { interval_ms: Some(2_500), max_bytes: None });
        show.play(0, 9_520);
        show.end();
        assert_eq!(
            show.parts(),
            [(1, 0, 1_000_000), (2, 3_000, 1_003_000), (3, 6_000, 1_006_000), (4, 9_000, 1_009_000)]
        );
        assert_eq!(show.cutter.duration_ms(), 9_520);
    }

    #[test]
    fn a_part_ends_when_it_is_large_enough() {
        let mut show = Show::new(Split { interval_ms: None, max_bytes: Some(1_500) });
        show.play(0, 9_000);
        show.end();
        assert!(show.parts().len() > 2, "{:?}", show.parts());
    }

    #[test]
    fn sound_that_is_older_than_the_first_picture_keeps_its_distance() {
        let mut show = Show::new(Split { interval_ms: Some(1_000), max_bytes: None });
        show.play(0, 1_000);
        show.put(&picture(1_000, true));
        show.put(&sound(985));
        show.play(1_040, 2_000);
        show.end();
        let second = show.batches().into_iter().rfind(|batch| batch.end_ms < 1_020 && batch.time_ms == 15);
        let runs = &second.unwrap().fragment.as_ref().unwrap().info.runs;
        assert_eq!(runs.iter().map(|run| run.base_time).collect::<Vec<_>>(), [15, 0]);
    }

    #[test]
    fn a_new_configuration_or_a_late_track_begins_a_part() {
        let mut show = Show::new(Split::default());
        show.play(0, 1_500);
        let mut other = AVC;
        other[6] = 0x4d;
        show.put(&frame(Kind::Video, 1_500, &other));
        show.play(1_520, 3_000);
        show.put(&frame(Kind::Video, 3_000, &other));
        show.play(3_000, 4_000);
        show.end();
        assert_eq!(show.parts().len(), 2, "{:?}", show.parts());
    }

    #[test]
    fn a_takeover_with_the_same_configuration_begins_a_part_where_it_is() {
        let mut show = Show::new(Split::default());
        show.play(0, 1_520);
        show.cutter.note_takeover();
        show.play(1_520, 1_600);
        show.put(&frame(Kind::Video, 1_600, &AVC));
        show.put(&frame(Kind::Audio, 1_600, &AAC));
        show.play(2_000, 3_000);
        show.end();
        assert_eq!(show.parts(), [(1, 0, 1_000_000), (2, 1_600, 1_002_000)]);
    }

    #[test]
    fn what_is_held_is_written_when_nothing_more_comes() {
        let mut show = Show::new(Split::default());
        show.play(0, 200);
        assert!(show.steps.is_empty());
        assert!(show.cutter.handle_time(HOLD_MS - 1).is_empty());
        assert_eq!(show.cutter.handle_time(HOLD_MS).len(), 2);
        assert!(show.cutter.handle_time(HOLD_MS * 9).is_empty());
    }

    #[test]
    fn sound_alone_is_split_and_can_be_started_anywhere() {
        let mut cutter = Cutter::new(Split { interval_ms: Some(2_000), max_bytes: None });
        let mut steps = cutter.handle_frame(&frame(Kind::Audio, 0, &AAC), 0, 0);
        for time in (0..5_000).step_by(20) {
            steps.extend(cutter.handle_frame(&sound(time), 0, time));
        }
        steps.extend(cutter.finish());
        let opened = steps.iter().filter(|step| matches!(step, Step::Open(_))).count();
        assert_eq!(opened, 3);
        assert!(steps.iter().all(|step| !matches!(step, Step::Write(batch) if !batch.key)));
    }

    #[test]
    fn a_loss_waits_for_a_key_frame() {
        let mut show = Show::new(Split::default());
        show.play(0, 1_200);
        show.cutter.note_loss();
        show.play(1_400, 2_400);
        show.end();
        let pictures =
            show.batches().into_iter().flat_map(|batch| &batch.frames).filter(|f| f.kind == Kind::Video);
        let times: Vec<i64> = pictures.map(|frame| frame.time).collect();
        assert!(times.iter().all(|time| !(1_200..2_000).contains(time)), "{times:?}");
        assert!(times.contains(&2_000));
    }
}
