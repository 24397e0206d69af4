//! The first bytes of an audio or video body: which codec, and what kind of packet.
//!
//! Four layouts exist. The legacy ones (annex E of the FLV specification) have a codec number; Chinese clouds and
//! phones added HEVC as video codec 12, and some AV1 as 13, in AVC's layout. The Enhanced ones (Enhanced RTMP v2,
//! "Enhanced Video" and "Enhanced Audio") have a FourCC, may be preceded by `ModEx` packets, and may hold
//! several tracks; then the first track is what is described here.

use std::fmt;
use std::ops::Range;

use crate::codec::Codec;
use crate::frame::Kind;

/// Most `ModEx` prefixes in one body. Enhanced RTMP v2 defines one kind, a finer timestamp.
const MAX_MODEX: usize = 8;

/// What a packet is for its decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The decoder configuration.
    Config,
    /// A coded picture, or coded sound.
    Coded,
    /// The end of the coded sequence.
    End,
    /// Something else: a seek command, colour information, a channel map, or what a later version adds.
    Info,
}

/// The frame type of a video body (annex E.4.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameType {
    /// A decoder can start here.
    Key,
    /// It needs frames before it.
    Inter,
    /// Nothing needs it.
    Disposable,
}

/// What a body says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// The codec of the first track.
    pub codec: Codec,
    /// What it is for.
    pub step: Step,
    /// For video.
    pub frame_type: FrameType,
    /// The first track's number: 0 but for multitrack.
    pub track: u8,
    /// Where in the body the codec's own bytes of the first track are.
    pub payload: Range<usize>,
}

/// A body that cannot be understood. The publisher is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadBody {
    /// It ends before its own header does.
    Truncated(Kind),
    /// It announces a decoder configuration and holds none.
    EmptyConfig(Kind),
    /// It has more `ModEx` prefixes than anybody needs.
    TooManyPrefixes(Kind),
}

impl fmt::Display for BadBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |kind: &Kind| match kind {
            Kind::Audio => "an audio",
            Kind::Video => "a video",
            Kind::Data => "a data",
        };
        match self {
            BadBody::Truncated(kind) => {
                write!(f, "the publisher sent {} message that is cut short", word(kind))
            }
            BadBody::EmptyConfig(kind) => {
                write!(f, "the publisher sent {} sequence header with nothing in it", word(kind))
            }
            BadBody::TooManyPrefixes(kind) => {
                write!(f, "the publisher sent {} message with more than {MAX_MODEX} prefixes", word(kind))
            }
        }
    }
}

impl std::error::Error for BadBody {}

/// Reads the header of a video body that is not empty.
pub fn video(body: &[u8]) -> Result<Packet, BadBody> {
    let mut at = Cursor { body, at: 0, kind: Kind::Video };
    let first = at.u8()?;
    if first & 0x80 != 0 {
        return enhanced_video(&mut at, first);
    }
    let mut packet = Packet {
        codec: Codec::of_video_id(first & 0x0f),
        step: Step::Coded,
        frame_type: frame_type(first >> 4),
        track: 0,
        payload: 0..0,
    };
    if first >> 4 == COMMAND {
        packet.step = Step::Info;
    } else if matches!(packet.codec, Codec::H264 | Codec::Hevc | Codec::Av1) {
        packet.step = match at.u8()? {
            0 => Step::Config,
            1 => Step::Coded,
            2 => Step::End,
            _ => Step::Info,
        };
        // The composition time. An end of sequence is sent without it by some encoders.
        if packet.step != Step::End {
            at.skip(3)?;
        }
    }
    packet.payload = at.rest();
    Ok(packet)
}

/// Reads the header of an audio body that is not empty.
pub fn audio(body: &[u8]) -> Result<Packet, BadBody> {
    let mut at = Cursor { body, at: 0, kind: Kind::Audio };
    let first = at.u8()?;
    if first >> 4 == 9 {
        return enhanced_audio(&mut at, first);
    }
    let codec = Codec::of_audio_id(first >> 4);
    let step = match codec {
        Codec::Aac => match at.u8()? {
            0 => Step::Config,
            1 => Step::Coded,
            _ => Step::Info,
        },
        _ => Step::Coded,
    };
    Ok(Packet { codec, step, frame_type: FrameType::Inter, track: 0, payload: at.rest() })
}

/// The frame type of commands to the player, which carry no picture.
const COMMAND: u8 = 5;

fn frame_type(bits: u8) -> FrameType {
    match bits {
        // 4 is a key frame that a server made.
        1 | 4 => FrameType::Key,
        3 => FrameType::Disposable,
        _ => FrameType::Inter,
    }
}

/// Packet types that mean the same in Enhanced video and audio.
mod packet_type {
    pub(super) const SEQUENCE_START: u8 = 0;
    pub(super) const CODED_FRAMES: u8 = 1;
    pub(super) const SEQUENCE_END: u8 = 2;
    pub(super) const MOD_EX: u8 = 7;
}

fn enhanced_video(at: &mut Cursor<'_>, first: u8) -> Result<Packet, BadBody> {
    const CODED_FRAMES_X: u8 = 3;
    const METADATA: u8 = 4;
    const MPEG2TS_SEQUENCE_START: u8 = 5;
    const MULTITRACK: u8 = 6;
    let frame_bits = first >> 4 & 0x07;
    let mut packet_type = at.after_prefixes(first & 0x0f)?;
    let mut packet = Packet {
        codec: Codec::Other,
        step: Step::Info,
        frame_type: frame_type(frame_bits),
        track: 0,
        payload: 0..0,
    };
    if frame_bits == COMMAND && packet_type != METADATA {
        packet.payload = at.rest();
        return Ok(packet);
    }
    (packet.codec, packet_type) = at.codec_and_track(packet_type, MULTITRACK, &mut packet)?;
    packet.step = match packet_type {
        packet_type::SEQUENCE_START | MPEG2TS_SEQUENCE_START => Step::Config,
        packet_type::CODED_FRAMES | CODED_FRAMES_X => Step::Coded,
        packet_type::SEQUENCE_END => Step::End,
        _ => Step::Info,
    };
    if packet_type == packet_type::CODED_FRAMES
        && matches!(packet.codec, Codec::H264 | Codec::Hevc | Codec::Vvc)
    {
        // The composition time, which only these codecs have.
        if packet.payload.len() < 3 {
            return Err(BadBody::Truncated(Kind::Video));
        }
        packet.payload.start += 3;
    }
    Ok(packet)
}

fn enhanced_audio(at: &mut Cursor<'_>, first: u8) -> Result<Packet, BadBody> {
    const MULTITRACK: u8 = 5;
    let mut packet_type = at.after_prefixes(first & 0x0f)?;
    let mut packet = Packet {
        codec: Codec::Other,
        step: Step::Info,
        frame_type: FrameType::Inter,
        track: 0,
        payload: 0..0,
    };
    (packet.codec, packet_type) = at.codec_and_track(packet_type, MULTITRACK, &mut packet)?;
    packet.step = match packet_type {
        packet_type::SEQUENCE_START => Step::Config,
        packet_type::CODED_FRAMES => Step::Coded,
        packet_type::SEQUENCE_END => Step::End,
        _ => Step::Info,
    };
    Ok(packet)
}

struct Cursor<'a> {
    body: &'a [u8],
    at: usize,
    kind: Kind,
}

impl Cursor<'_> {
    fn u8(&mut self) -> Result<u8, BadBody> {
        let byte = self.body.get(self.at).ok_or(BadBody::Truncated(self.kind))?;
        self.at += 1;
        Ok(*byte)
    }

    fn skip(&mut self, len: usize) -> Result<(), BadBody> {
        if self.body.len() - self.at < len {
            return Err(BadBody::Truncated(self.kind));
        }
        self.at += len;
        Ok(())
    }

    fn rest(&self) -> Range<usize> {
        self.at..self.body.len()
    }

    /// Skips `ModEx` packets, each of which says what comes after it.
    fn after_prefixes(&mut self, mut packet_type: u8) -> Result<u8, BadBody> {
        for _ in 0..=MAX_MODEX {
            if packet_type != packet_type::MOD_EX {
                return Ok(packet_type);
            }
            let mut len = usize::from(self.u8()?) + 1;
            if len == 256 {
                len = (usize::from(self.u8()?) << 8 | usize::from(self.u8()?)) + 1;
            }
            self.skip(len)?;
            packet_type = self.u8()? & 0x0f;
        }
        Err(BadBody::TooManyPrefixes(self.kind))
    }

    /// Reads the FourCC and, for multitrack, the first track's number and size.
    fn codec_and_track(
        &mut self,
        packet_type: u8,
        multitrack: u8,
        packet: &mut Packet,
    ) -> Result<(Codec, u8), BadBody> {
        const ONE_TRACK: u8 = 0;
        if packet_type != multitrack {
            let codec = self.four_cc()?;
            packet.payload = self.rest();
            return Ok((codec, packet_type));
        }
        // Whether the tracks share one codec or not, the first FourCC is that of the first track.
        let both = self.u8()?;
        let codec = self.four_cc()?;
        packet.track = self.u8()?;
        packet.payload = self.rest();
        if both >> 4 != ONE_TRACK {
            let len = usize::from(self.u8()?) << 16 | usize::from(self.u8()?) << 8 | usize::from(self.u8()?);
            let start = self.at;
            self.skip(len)?;
            packet.payload = start..self.at;
        }
        Ok((codec, both & 0x0f))
    }

    fn four_cc(&mut self) -> Result<Codec, BadBody> {
        Ok(Codec::of_four_cc(self.kind, [self.u8()?, self.u8()?, self.u8()?, self.u8()?]))
    }
}
