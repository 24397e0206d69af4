//! MPEG-TS (ISO/IEC 13818-1): samples in, packets of 188 bytes out.
//!
//! One program with at most one picture and one sound. Continuity counters go on from segment to segment, so the
//! segments of a stream in a row are one valid transport stream.

mod annex_b;
mod packet;
mod tables;

use std::fmt;

use bytes::{Bytes, BytesMut};

use crate::codec::Codec;
use crate::codec::adts::Adts;
use crate::frame::Kind;
use crate::sample::{Config, Sample};
use annex_b::ParameterSets;
pub use packet::PACKET_BYTES;
use packet::{First, Packets, Pid};

/// How much later than its arrival, which the program clock tells, a sample is decoded. Sound is collected for some
/// time, and must not arrive after that; and the first time stays above zero.
const DELAY_MS: i64 = 700;

/// Longest time between two program clock references. The standard allows 100 ms.
const PCR_MS: i64 = 80;

/// Longest gap that is filled with clock references. A longer one is a stream that stopped.
const MAX_PCR_FILL_MS: i64 = 10_000;

/// How much sound goes into one PES packet: a header and the stuffing of a last packet for each frame of 20 ms would
/// cost half as much as the sound.
const SOUND_MS: i64 = 100;
const SOUND_BYTES: usize = 2_900;

/// A sample or configuration that cannot be written. The publisher is at fault; the muxer goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadSample {
    /// A transport stream has no way to carry this codec that players know.
    Codec(Codec),
    /// The configuration record cannot be read, or has values that are not allowed here.
    Config(Codec),
    /// There was no configuration before it.
    NoConfig(Codec),
    /// The lengths inside do not add up, or it is too long for its header.
    Length(Codec),
}

impl fmt::Display for BadSample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadSample::Codec(codec) => write!(f, "MPEG-TS cannot carry {}", codec.name()),
            BadSample::Config(codec) => {
                write!(f, "the publisher's {} configuration cannot be used for MPEG-TS", codec.name())
            }
            BadSample::NoConfig(codec) => {
                write!(f, "the publisher sent {} without its configuration", codec.name())
            }
            BadSample::Length(codec) => {
                write!(f, "the publisher sent a {} sample with wrong lengths inside", codec.name())
            }
        }
    }
}

impl std::error::Error for BadSample {}

/// What samples of a stream are packed with.
#[derive(Debug)]
enum Packing {
    /// NAL units become byte streams.
    AnnexB(ParameterSets),
    /// Each frame gets a header.
    Adts(Adts),
    /// As they are.
    Raw,
}

#[derive(Debug)]
struct Stream {
    codec: Codec,
    track: u8,
    packing: Packing,
}

/// Sound that waits for more.
#[derive(Debug, Default)]
struct Sound {
    bytes: BytesMut,
    start: i64,
}

/// The muxer of one stream.
#[derive(Debug, Default)]
pub struct Muxer {
    video: Option<Stream>,
    audio: Option<Stream>,
    out: Packets,
    sound: Sound,
    /// What the program map said last, and its version.
    written: Option<(Option<Codec>, Option<Codec>)>,
    version: u8,
    last_pcr: Option<i64>,
}

impl Muxer {
    /// Takes a decoder configuration. The first track of a kind is the one that is written; others are ignored.
    ///
    /// New parameter sets are written with the next key frame. The caller begins a segment with a discontinuity.
    pub fn handle_config(&mut self, config: &Config) -> Result<(), BadSample> {
        let codec = config.info.codec;
        let current = if config.kind == Kind::Video { &self.video } else { &self.audio };
        if current.as_ref().is_some_and(|stream| stream.track != config.track) {
            return Ok(());
        }
        let packing = match codec {
            Codec::H264 | Codec::Hevc => ParameterSets::of(config).map(Packing::AnnexB),
            Codec::Aac => Adts::of(&config.record).map(Packing::Adts),
            Codec::Mp3 | Codec::Ac3 | Codec::Eac3 => Some(Packing::Raw),
            _ => return Err(BadSample::Codec(codec)),
        };
        let packing = packing.ok_or(BadSample::Config(codec))?;
        if config.kind == Kind::Audio {
            self.flush_sound();
        }
        *self.stream(config.kind) = Some(Stream { codec, track: config.track, packing });
        Ok(())
    }

    /// Forgets the tracks: another publisher took over, and may have others.
    pub fn handle_new_publisher(&mut self) {
        self.flush_sound();
        (self.video, self.audio) = (None, None);
    }

    /// Begins a segment or an independent part: the tables are written, so that a decoder can start here.
    pub fn begin_segment(&mut self) {
        self.flush_sound();
        self.write_tables();
    }

    /// Writes a sample. Sound may be kept back until there is more of it, or [`Muxer::take`] is called.
    pub fn handle_sample(&mut self, sample: &Sample) -> Result<(), BadSample> {
        let codec = sample.codec;
        let stream = self.stream(sample.kind);
        if stream.is_none() && matches!(codec, Codec::Mp3 | Codec::Ac3 | Codec::Eac3) {
            // These have no configuration.
            *stream = Some(Stream { codec, track: sample.track, packing: Packing::Raw });
        }
        match stream {
            None if tables::stream_type(codec).is_none() => return Err(BadSample::Codec(codec)),
            None => return Err(BadSample::NoConfig(codec)),
            Some(stream) if stream.track != sample.track => return Ok(()),
            Some(stream) if stream.codec != codec => return Err(BadSample::NoConfig(codec)),
            Some(_) => {}
        }
        if self.written != Some(self.codecs()) {
            self.flush_sound();
            self.write_tables();
        }
        match sample.kind {
            Kind::Video => self.write_picture(sample),
            _ => self.collect_sound(sample),
        }
    }

    /// Everything that was written since the last call: whole packets.
    pub fn take(&mut self) -> Bytes {
        self.flush_sound();
        self.out.take()
    }

    fn stream(&mut self, kind: Kind) -> &mut Option<Stream> {
        if kind == Kind::Video { &mut self.video } else { &mut self.audio }
    }

    fn codecs(&self) -> (Option<Codec>, Option<Codec>) {
        let codec = |stream: &Option<Stream>| stream.as_ref().map(|stream| stream.codec);
        (codec(&self.video), codec(&self.audio))
    }

    fn write_tables(&mut self) {
        let codecs = self.codecs();
        if self.written.is_some_and(|written| written != codecs) {
            self.version = (self.version + 1) % 32;
        }
        self.written = Some(codecs);
        self.out.section(Pid::Programs, &tables::programs());
        self.out.section(Pid::Map, &tables::map(self.version, codecs.0, codecs.1));
    }

    fn write_picture(&mut self, sample: &Sample) -> Result<(), BadSample> {
        let Some(Stream { packing: Packing::AnnexB(sets), .. }) = &self.video else {
            return Err(BadSample::NoConfig(sample.codec));
        };
        let units = sets.units(sample).ok_or(BadSample::Length(sample.codec))?;
        fill_clock(&mut self.out, &mut self.last_pcr, Pid::Video, sample.dts);
        let head = packet::pes_header(
            packet::VIDEO_STREAM_ID,
            stamp(sample.pts.max(sample.dts)),
            Some(stamp(sample.dts)),
            0,
        );
        let mut pieces = vec![&head[..]];
        pieces.extend(units.iter().flat_map(|unit| [annex_b::START_CODE, unit]));
        let first = First { random_access: sample.key, clock: Some(clock(sample.dts)) };
        self.last_pcr = Some(sample.dts);
        self.out.pes(Pid::Video, first, &pieces);
        Ok(())
    }

    fn collect_sound(&mut self, sample: &Sample) -> Result<(), BadSample> {
        let header = match self.audio.as_ref().map(|stream| &stream.packing) {
            Some(Packing::Adts(adts)) => {
                Some(adts.header(sample.data.len()).ok_or(BadSample::Length(sample.codec))?)
            }
            _ => None,
        };
        // The length of a PES packet of sound has 16 bits.
        if sample.data.len() > usize::from(u16::MAX) - SOUND_BYTES {
            return Err(BadSample::Length(sample.codec));
        }
        let late = !(0..SOUND_MS).contains(&sample.dts.saturating_sub(self.sound.start));
        let full = self.sound.bytes.len() + sample.data.len() > SOUND_BYTES;
        if late || full {
            self.flush_sound();
        }
        if self.sound.bytes.is_empty() {
            self.sound.start = sample.dts;
        }
        if let Some(header) = header {
            self.sound.bytes.extend_from_slice(&header);
        }
        self.sound.bytes.extend_from_slice(&sample.data);
        Ok(())
    }

    fn flush_sound(&mut self) {
        if self.sound.bytes.is_empty() {
            return;
        }
        let start = self.sound.start;
        let alone = self.video.is_none();
        let mut first = First { random_access: true, clock: None };
        fill_clock(&mut self.out, &mut self.last_pcr, if alone { Pid::Audio } else { Pid::Video }, start);
        if alone {
            first.clock = Some(clock(start));
            self.last_pcr = Some(start);
        }
        let private =
            matches!(self.audio.as_ref().map(|stream| stream.codec), Some(Codec::Ac3 | Codec::Eac3));
        let id = if private { packet::PRIVATE_STREAM_ID } else { packet::AUDIO_STREAM_ID };
        let head = packet::pes_header(id, stamp(start), None, self.sound.bytes.len());
        self.out.pes(Pid::Audio, first, &[&head, &self.sound.bytes]);
        self.sound.bytes.clear();
    }
}

/// A time of the stream as a presentation or decoding time, before it wraps.
fn stamp(ms: i64) -> i64 {
    ms.saturating_add(DELAY_MS).wrapping_mul(90)
}

/// A time of the stream as the base of a program clock reference.
fn clock(ms: i64) -> i64 {
    ms.wrapping_mul(90)
}

/// Clock references on their own, where pictures are further apart than references may be.
fn fill_clock(out: &mut Packets, last: &mut Option<i64>, pid: Pid, until: i64) {
    let Some(last) = last.as_mut() else { return };
    if until.saturating_sub(*last) > MAX_PCR_FILL_MS {
        *last = until;
    }
    while until.saturating_sub(*last) > PCR_MS {
        *last += PCR_MS;
        out.clock(pid, clock(*last));
    }
}

#[cfg(test)]
mod tests;
