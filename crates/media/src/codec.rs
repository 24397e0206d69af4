//! Codecs, and what their configuration records say about a track.
//!
//! The records come from whoever publishes, so every read is checked: a record that cannot be read to its end
//! still gives what was read before.

mod aac;
pub mod adts;
mod av1;
mod bits;
mod flac;
pub mod h264;
pub mod h265;
mod opus;
pub mod rfc6381;
mod vp9;

use bytes::Bytes;

use crate::flv::body::{self, Step};
use crate::frame::Kind;

/// Largest width or height that is believed: the largest that any of the codecs can code in a level of its own.
pub(crate) const MAX_DIMENSION: u32 = 16_888;

/// How a track is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Codec {
    H264,
    Hevc,
    Vvc,
    Av1,
    Vp8,
    Vp9,
    /// Sorenson H.263, Screen Video and On2 VP6: what Flash could play before H.264.
    FlashVideo,
    Aac,
    Opus,
    Flac,
    Ac3,
    Eac3,
    Mp3,
    Speex,
    G711A,
    G711U,
    Pcm,
    Nellymoser,
    /// A number or FourCC that nobody has told us about.
    Other,
}

impl Codec {
    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Codec::H264 => "H.264",
            Codec::Hevc => "HEVC",
            Codec::Vvc => "VVC",
            Codec::Av1 => "AV1",
            Codec::Vp8 => "VP8",
            Codec::Vp9 => "VP9",
            Codec::FlashVideo => "Flash video",
            Codec::Aac => "AAC",
            Codec::Opus => "Opus",
            Codec::Flac => "FLAC",
            Codec::Ac3 => "AC-3",
            Codec::Eac3 => "E-AC-3",
            Codec::Mp3 => "MP3",
            Codec::Speex => "Speex",
            Codec::G711A => "G.711 A-law",
            Codec::G711U => "G.711 mu-law",
            Codec::Pcm => "PCM",
            Codec::Nellymoser => "Nellymoser",
            Codec::Other => "unknown",
        }
    }

    /// The video codec with this number in an FLV tag. 12 and up are not Adobe's: Chinese encoders and clouds use
    /// them.
    pub(crate) fn of_video_id(id: u8) -> Codec {
        match id {
            2..=6 => Codec::FlashVideo,
            7 => Codec::H264,
            12 => Codec::Hevc,
            13 => Codec::Av1,
            _ => Codec::Other,
        }
    }

    /// The audio codec with this number in an FLV tag. 13 is not Adobe's.
    pub(crate) fn of_audio_id(id: u8) -> Codec {
        match id {
            0 | 1 | 3 => Codec::Pcm,
            2 | 14 => Codec::Mp3,
            4..=6 => Codec::Nellymoser,
            7 => Codec::G711A,
            8 => Codec::G711U,
            10 => Codec::Aac,
            11 => Codec::Speex,
            13 => Codec::Opus,
            _ => Codec::Other,
        }
    }

    /// The codec with this FourCC in Enhanced RTMP, in a message of this kind. A picture that says it is Opus is no
    /// sound: its codec is not known.
    pub(crate) fn of_four_cc(kind: Kind, four_cc: [u8; 4]) -> Codec {
        match (kind, &four_cc) {
            (Kind::Video, b"avc1") => Codec::H264,
            (Kind::Video, b"hvc1" | b"hev1") => Codec::Hevc,
            (Kind::Video, b"vvc1") => Codec::Vvc,
            (Kind::Video, b"av01") => Codec::Av1,
            (Kind::Video, b"vp08") => Codec::Vp8,
            (Kind::Video, b"vp09") => Codec::Vp9,
            (Kind::Audio, b"mp4a") => Codec::Aac,
            (Kind::Audio, b"Opus") => Codec::Opus,
            (Kind::Audio, b"fLaC") => Codec::Flac,
            (Kind::Audio, b"ac-3") => Codec::Ac3,
            (Kind::Audio, b"ec-3") => Codec::Eac3,
            (Kind::Audio, b".mp3") => Codec::Mp3,
            _ => Codec::Other,
        }
    }
}

/// What a configuration says about its track.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackInfo {
    /// How it is coded.
    pub codec: Codec,
    /// The same for a browser (RFC 6381), such as `avc1.64001f`. Empty when it is not known.
    pub codec_string: String,
    /// Width of the picture in pixels, after cropping.
    pub width: Option<u32>,
    /// Height of the picture in pixels, after cropping.
    pub height: Option<u32>,
    /// Pictures per second, where the encoder says so.
    pub fps: Option<f64>,
    /// Samples of sound per second.
    pub sample_rate: Option<u32>,
    /// Channels of sound.
    pub channels: Option<u32>,
}

impl TrackInfo {
    /// Reads the FLV tag body of a [`Config`](crate::frame::Role::Config) frame. `None` when it is not one.
    pub fn from_config(kind: Kind, body: &Bytes) -> Option<TrackInfo> {
        let packet = match kind {
            Kind::Audio => body::audio(body),
            Kind::Video => body::video(body),
            Kind::Data => return None,
        };
        let packet = packet.ok().filter(|packet| packet.step == Step::Config)?;
        let record = body.get(packet.payload)?;
        let mut info = TrackInfo::new(packet.codec);
        match packet.codec {
            Codec::H264 => h264::describe(record, &mut info)?,
            Codec::Hevc => h265::describe(record, &mut info)?,
            Codec::Av1 => av1::describe(record, &mut info)?,
            Codec::Vp9 => vp9::describe(record, &mut info)?,
            Codec::Vp8 => "vp8".clone_into(&mut info.codec_string),
            Codec::Aac => aac::describe(record, &mut info)?,
            Codec::Opus => opus::describe(record, &mut info)?,
            Codec::Flac => flac::describe(record, &mut info)?,
            Codec::Ac3 => "ac-3".clone_into(&mut info.codec_string),
            Codec::Eac3 => "ec-3".clone_into(&mut info.codec_string),
            _ => {}
        }
        Some(info)
    }

    pub(crate) fn new(codec: Codec) -> TrackInfo {
        TrackInfo {
            codec,
            codec_string: String::new(),
            width: None,
            height: None,
            fps: None,
            sample_rate: None,
            channels: None,
        }
    }
}

/// `count` per `units`, when that is a rate that a live picture can have.
pub(crate) fn frame_rate(count: u32, units: u32) -> Option<f64> {
    let rate = f64::from(count) / f64::from(units);
    (rate.is_finite() && rate > 0.0 && rate <= 1_000.0).then_some(rate)
}

#[cfg(test)]
mod tests;
