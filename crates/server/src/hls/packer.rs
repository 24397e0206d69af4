//! Frames in, parts and segments out: one stream in one container. No clock and no task: time comes with the frames.

use std::sync::Arc;

use media::codec::{Codec, TrackInfo};
use media::frame::{Frame, Kind, Role};
use media::hls::{Cut, Cutter, Goals, Unit};
use media::sample::{Config, Sample};

use super::Container;
use super::finished::Teller;
use super::pace;
use super::pack::Packing;
use super::shelf::{About, Shelf};

/// Wanted length of the first segment, in milliseconds. A viewer who started the packaging waits for it, where there are
/// no parts.
const FIRST_SEGMENT_MS: u64 = 1_000;

/// What a step is thought to be before there was one, in milliseconds.
const FIRST_STEP_MS: [u64; 2] = [40, 23];

/// Longest step that says how long a frame lasts.
const STEP_MAX_MS: u64 = 500;

/// Of what may be held, the part that a segment may have before it is finished.
const OPEN_SHARE: u64 = 4;

/// What a sample of the open segment is charged for besides its bytes, in bytes of memory: what the muxer notes of it. A
/// stream whose time stands still ends no segment, and its samples may be of one byte.
const SAMPLE_OVERHEAD: u64 = 256;

/// What a packer works towards.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) container: Container,
    pub(super) goals: Goals,
    pub(super) max_bytes: u64,
    /// Between two pictures, in milliseconds, as far as it is known.
    pub(super) step_ms: Option<f64>,
}

/// The packer of one stream.
#[derive(Debug)]
pub(super) struct Packer {
    plan: Plan,
    shelf: Arc<Shelf>,
    teller: Teller,
    cutter: Cutter,
    packing: Packing,
    tracks: [Track; 2],
    /// Tracks changed: the next sample begins anew.
    renew: bool,
    /// Frames were lost: the next sample does not follow.
    broken: bool,
    /// Pictures are left out until a decoder can start.
    needs_key: bool,
    /// Added to stream time: milliseconds since 1970.
    date_offset_ms: i64,
    /// Memory that the open segment takes, in bytes.
    open_bytes: u64,
}

/// What is known of the picture or of the sound.
#[derive(Debug)]
struct Track {
    config: Option<Config>,
    /// The codec of samples that need no configuration.
    bare: Option<Codec>,
    last_dts: Option<i64>,
    step_ms: u64,
}

impl Packer {
    /// A packer of a stream that begins with the next frame.
    pub(super) fn new(plan: Plan, shelf: Arc<Shelf>, teller: Teller) -> Packer {
        let first = Goals { segment_ms: plan.goals.segment_ms.min(FIRST_SEGMENT_MS), ..plan.goals };
        let track = |step_ms| Track { config: None, bare: None, last_dts: None, step_ms };
        Packer {
            cutter: Cutter::new(first),
            packing: Packing::new(plan.container),
            tracks: FIRST_STEP_MS.map(track),
            plan,
            shelf,
            teller,
            renew: true,
            broken: false,
            needs_key: true,
            date_offset_ms: 0,
            open_bytes: 0,
        }
    }

    /// Another push begins with the next frame, with these decoder configurations. Stream time 0 is `date_offset_ms`.
    pub(super) fn handle_push(&mut self, configs: &[Frame], date_offset_ms: i64) -> Result<(), Codec> {
        for track in &mut self.tracks {
            (track.config, track.bare) = (None, None);
        }
        (self.renew, self.needs_key, self.date_offset_ms) = (true, true, date_offset_ms);
        configs.iter().try_for_each(|config| self.handle_config(config))
    }

    /// Frames were lost before the next one.
    pub(super) fn handle_gap(&mut self) {
        (self.broken, self.needs_key) = (true, true);
    }

    /// Takes a frame. The error is a codec that the container does not carry.
    pub(super) fn handle_frame(&mut self, frame: &Frame) -> Result<(), Codec> {
        match frame.role {
            Role::Config => self.handle_config(frame),
            Role::Key | Role::Inter | Role::Disposable | Role::Audio => match Sample::of(frame) {
                Some(sample) => self.handle_sample(sample),
                None => Ok(()),
            },
            Role::Metadata | Role::Other => Ok(()),
        }
    }

    /// The stream is over.
    pub(super) fn handle_end(&mut self) {
        let end = |track: &Track| track.last_dts.map(|last| last.saturating_add_unsigned(track.step_ms));
        if let Some(end) = self.tracks.iter().filter_map(end).max()
            && let Some(cut) = self.cutter.handle_end(end)
        {
            self.finish(&cut, None);
        }
        self.shelf.handle_end();
    }

    fn handle_config(&mut self, frame: &Frame) -> Result<(), Codec> {
        let Some(config) = Config::of(frame) else { return Ok(()) };
        let track = &mut self.tracks[index(config.kind)];
        if let Some(current) = &track.config {
            let same = current.info.codec == config.info.codec && current.record == config.record;
            // Of a multitrack push the first track of each kind is shown.
            if current.track != config.track || same {
                return Ok(());
            }
        }
        if !self.plan.container.carries(config.info.codec) {
            return Err(config.info.codec);
        }
        (track.config, track.bare) = (Some(config), None);
        self.renew = true;
        Ok(())
    }

    fn handle_sample(&mut self, sample: Sample) -> Result<(), Codec> {
        if !self.admits(&sample)? {
            return Ok(());
        }
        let duration_ms = self.tracks[index(sample.kind)].step_to(sample.dts);
        let unit = Unit { kind: sample.kind, dts: sample.dts, duration_ms, key: sample.key };
        let bytes = sample.data.len() as u64 + SAMPLE_OVERHEAD;
        if self.open_bytes + bytes > self.plan.max_bytes / OPEN_SHARE
            && let Some(cut) = self.cutter.handle_end(unit.dts)
        {
            self.finish(&cut, Some(&sample));
        }
        if self.renew || self.broken {
            self.cutter.handle_discontinuity();
        }
        if let Some(cut) = self.cutter.handle_unit(unit) {
            self.finish(&cut, Some(&sample).filter(|_| !self.renew));
        }
        if self.renew || self.broken {
            self.begin(sample.dts);
        }
        self.open_bytes += bytes;
        self.packing.push(sample);
        Ok(())
    }

    /// Whether a sample is one that is written here.
    fn admits(&mut self, sample: &Sample) -> Result<bool, Codec> {
        let container = self.plan.container;
        let track = &mut self.tracks[index(sample.kind)];
        let known = match &track.config {
            Some(config) => config.track == sample.track && config.info.codec == sample.codec,
            None if !container.carries(sample.codec) => return Err(sample.codec),
            // Every packet of these says itself how it is to be decoded.
            None if matches!(sample.codec, Codec::Mp3 | Codec::Ac3 | Codec::Eac3) => {
                self.renew |= track.bare.replace(sample.codec) != Some(sample.codec);
                true
            }
            None => false,
        };
        let needed = sample.kind == Kind::Video && self.needs_key;
        if !known || (needed && !sample.key) {
            return Ok(false);
        }
        self.needs_key &= !needed;
        Ok(true)
    }

    /// A segment begins that does not follow from the last.
    fn begin(&mut self, dts: i64) {
        if std::mem::take(&mut self.renew) {
            let configs: Vec<Config> = self.tracks.iter().filter_map(|track| track.config.clone()).collect();
            let init = self.packing.renew(&configs);
            self.shelf.handle_tracks(self.about(), init);
        }
        if std::mem::take(&mut self.broken) {
            self.shelf.handle_discontinuity();
        }
        self.shelf.handle_date(self.date_offset_ms.saturating_add(dts));
        self.packing.begin_segment();
    }

    /// Lays what is finished on the shelf.
    fn finish(&mut self, cut: &Cut, next: Option<&Sample>) {
        self.shelf.handle_cut(cut, self.packing.take(next));
        if let Some(segment) = cut.segment {
            let end = segment.start.saturating_add_unsigned(segment.duration_ms);
            self.shelf.handle_date(self.date_offset_ms.saturating_add(end));
            self.packing.begin_segment();
            self.cutter.set_goals(self.plan.goals);
            self.open_bytes = 0;
            // The one before the next.
            let number = self.shelf.numbers().segment.saturating_sub(1);
            self.teller.tell(number, segment.duration_ms);
        }
    }

    fn about(&self) -> About {
        let info = |track: &Track| match (&track.config, track.bare) {
            (Some(config), _) => Some(config.info.clone()),
            (None, Some(codec)) => Some(bare(codec)),
            (None, None) => None,
        };
        let picture = self.tracks[0].config.as_ref();
        About {
            tracks: self.tracks.iter().filter_map(info).collect(),
            frame_rate: picture.and_then(|config| pace::rate(self.plan.step_ms, config.info.fps)),
        }
    }
}

impl Track {
    /// How long a frame at `dts` lasts: as long as the one before, which is known now.
    fn step_to(&mut self, dts: i64) -> u64 {
        let step = self.last_dts.and_then(|last| u64::try_from(dts.saturating_sub(last)).ok());
        if let Some(step) = step.filter(|step| (1..=STEP_MAX_MS).contains(step)) {
            self.step_ms = step;
        }
        self.last_dts = Some(dts);
        self.step_ms
    }
}

fn index(kind: Kind) -> usize {
    usize::from(kind != Kind::Video)
}

fn bare(codec: Codec) -> TrackInfo {
    let codec_string = match codec {
        Codec::Ac3 => "ac-3",
        Codec::Eac3 => "ec-3",
        _ => "",
    };
    TrackInfo {
        codec,
        codec_string: codec_string.to_owned(),
        width: None,
        height: None,
        fps: None,
        sample_rate: None,
        channels: None,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hub::Name;
    use media::hls::{Numbers, Settings as WindowSettings};
    use tokio::sync::Semaphore;

    use super::super::settings::Settings;
    use super::*;
    use crate::clock::Clock;

    const CONFIG: &[u8] = &[0xAF, 0, 0x12, 0x10];
    const TINY: &[u8] = &[0xAF, 1, 0x21];

    #[test]
    fn a_segment_of_tiny_samples_at_one_time_ends_when_it_has_taken_its_share_of_memory() {
        const MAX_BYTES: u64 = 1 << 20;
        let config = crate::config::Layers::defaults().config().unwrap();
        let settings = Settings { max_bytes: MAX_BYTES, ..Settings::new(&config) };
        let (container, files) = (Container::Fmp4, Arc::new(Semaphore::new(1)));
        let shelf = Arc::new(Shelf::new(container, &settings, Numbers::default(), files, &Clock::system()));
        shelf.open(WindowSettings { target_ms: 2_000, part_target_ms: None, segments: 4, span_ms: 60_000 });
        let goals = Goals { segment_ms: 2_000, longest_ms: 6_000, part_ms: None };
        let plan = Plan { container, goals, max_bytes: MAX_BYTES, step_ms: None };
        let teller =
            Teller { ear: super::super::finished::Ear::default(), stream: Name::new("live/a"), container };
        let mut packer = Packer::new(plan, shelf.clone(), teller);
        let frame = |body| Frame::classify(Kind::Audio, 0, Bytes::from_static(body)).unwrap();
        packer.handle_push(&[frame(CONFIG)], 0).unwrap();
        let most = MAX_BYTES / OPEN_SHARE / SAMPLE_OVERHEAD;
        (0..most).for_each(|_| packer.handle_frame(&frame(TINY)).unwrap());
        assert_eq!(shelf.numbers().segment, 1, "one is finished, although no time has passed");
    }
}
