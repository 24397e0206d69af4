//! A frame: the unit that the hub stores and every transport carries.
//!
//! The payload of an RTMP audio, video or data message and the body of an FLV tag are the same bytes, and a
//! server that relays must pass on what it does not understand. So the body is kept exactly as it arrived and is
//! only *classified*: what a viewer may skip, where it may start, which bytes it needs before anything else.

use bytes::Bytes;

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
