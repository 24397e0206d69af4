//! A frame: the unit that the hub stores and every transport carries.
//!
//! The payload of an RTMP audio, video or data message and the body of an FLV tag are the same bytes, and a
//! server that relays must pass on what it does not understand. So the body is kept exactly as it arrived and is
//! only *classified*: what a viewer may skip, where it may start, which bytes it needs before anything else.

use bytes::Bytes;

use crate::codec::{Codec, h264, h265};
pub use crate::flv::body::BadBody;
use crate::flv::body::{self, FrameType, Packet, Step};

/// Which of the three message types a frame travels in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// FLV tag type 8, RTMP message type 8.
    Audio,
    /// FLV tag type 9, RTMP message type 9.
    Video,
    /// FLV tag type 18, RTMP message type 18 (AMF0 data).
    Data,
}

/// What a frame is for, which decides how the hub treats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// A decoder configuration (sequence header): kept, and sent first to every new viewer.
    Config,
    /// `onMetaData`: kept, and sent before everything else.
    Metadata,
    /// A video frame that a decoder can start at.
    Key,
    /// A video frame that later frames may depend on.
    Inter,
    /// A video frame that no other frame depends on: the first to go for a slow viewer.
    Disposable,
    /// Coded audio.
    Audio,
    /// Anything else (cue points, timed text, SEI-like script data): forwarded, never kept.
    Other,
}

/// One classified message of a stream.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Stream time in milliseconds, unwrapped; decode time for video.
    pub time: i64,
    /// The message type it travels in.
    pub kind: Kind,
    /// What it is for.
    pub role: Role,
    /// Track number inside `kind`: 0 but for Enhanced RTMP multitrack.
    pub track: u8,
    /// The FLV tag body, untouched.
    pub body: Bytes,
}

impl Frame {
    /// Says what a message is for, from its first bytes.
    ///
    /// - An empty body is [`Role::Other`]: some encoders send an empty audio message when the microphone is muted,
    ///   and an empty video message at the end. It is forwarded and means nothing.
    /// - A header without anything after it is [`Role::Other`] too, but for a sequence header: an empty one would
    ///   take the place of a good one, so it is an error.
    /// - A body that ends inside its own header is an error.
    /// - The frame type is believed, except that a picture marked as inter which is an instantaneous refresh is a
    ///   key frame, and one whose slices are all marked as unreferenced is disposable.
    /// - A codec that is not known goes by its packet and frame type.
    pub fn classify(kind: Kind, time: i64, body: Bytes) -> Result<Frame, BadBody> {
        let (role, track) = match kind {
            Kind::Data => (data_role(&body), 0),
            _ if body.is_empty() => (Role::Other, 0),
            Kind::Audio => {
                let packet = body::audio(&body)?;
                (audio_role(&packet)?, packet.track)
            }
            Kind::Video => {
                let packet = body::video(&body)?;
                let payload = body.get(packet.payload.clone()).unwrap_or_default();
                (video_role(&packet, payload)?, packet.track)
            }
        };
        Ok(Frame { time, kind, role, track, body })
    }
}

/// AMF0: a string (marker 2) of ten bytes.
const ON_METADATA: &[u8] = b"\x02\x00\x0aonMetaData";

fn data_role(body: &[u8]) -> Role {
    if body.starts_with(ON_METADATA) { Role::Metadata } else { Role::Other }
}

fn audio_role(packet: &Packet) -> Result<Role, BadBody> {
    match packet.step {
        Step::Config if packet.payload.is_empty() => Err(BadBody::EmptyConfig(Kind::Audio)),
        Step::Config => Ok(Role::Config),
        Step::Coded if !packet.payload.is_empty() => Ok(Role::Audio),
        _ => Ok(Role::Other),
    }
}

fn video_role(packet: &Packet, payload: &[u8]) -> Result<Role, BadBody> {
    match packet.step {
        Step::Config if payload.is_empty() => return Err(BadBody::EmptyConfig(Kind::Video)),
        Step::Config => return Ok(Role::Config),
        Step::Coded if !payload.is_empty() => {}
        _ => return Ok(Role::Other),
    }
    Ok(match packet.frame_type {
        FrameType::Key => Role::Key,
        FrameType::Disposable => Role::Disposable,
        FrameType::Inter => {
            let slices = match packet.codec {
                Codec::H264 => slices(payload, h264::slice),
                Codec::Hevc => slices(payload, h265::slice),
                _ => None,
            };
            match slices {
                Some(Slices { refresh: true, .. }) => Role::Key,
                Some(Slices { referenced: false, .. }) => Role::Disposable,
                _ => Role::Inter,
            }
        }
    })
}

/// Most NAL units of one picture that are looked at.
const MAX_NALS: usize = 64;

/// What the slices of a picture have in common.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Slices {
    /// One of them begins a picture that needs none before it.
    pub(crate) refresh: bool,
    /// One of them may be needed by a later picture.
    pub(crate) referenced: bool,
}

/// Looks at the first byte of every NAL unit. Lengths of four bytes are assumed, which every encoder uses for live
/// video; where they do not add up the answer is nothing, not an error, because the body is passed on all the same.
fn slices(mut payload: &[u8], slice: fn(u8) -> Option<Slices>) -> Option<Slices> {
    let mut found: Option<Slices> = None;
    for _ in 0..MAX_NALS {
        let Some((len, rest)) = payload.split_first_chunk::<4>() else {
            return if payload.is_empty() { found } else { None };
        };
        let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
        let nal = rest.get(..len)?;
        payload = rest.get(len..)?;
        if let Some(one) = nal.first().and_then(|first| slice(*first)) {
            let all = found.get_or_insert_default();
            all.refresh |= one.refresh;
            all.referenced |= one.referenced;
        }
    }
    None
}

#[cfg(test)]
mod tests;
