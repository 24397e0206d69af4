//! HLS (RFC 8216, and draft-pantos-hls-rfc8216bis for its low-latency half): playlists, the window of a live one,
//! and where segments and parts are cut.
//!
//! Nothing here knows what a segment is made of: [`Cutter`] looks at times and key frames, [`Window`] at durations,
//! and the names are whatever the caller makes of a [`Name`]. So MPEG-TS and fMP4, live and recorded, share all of it.

mod cutter;
mod multivariant;
mod playlist;
mod text;
mod window;

pub use cutter::{Cut, Cutter, Goals, Piece, Unit, fitting_part_ms};
pub use multivariant::{Multivariant, Variant};
pub use playlist::{
    ByteRange, Head, Map, MediaPlaylist, Open, Part, PlaylistType, RenditionReport, Segment, ServerControl,
    Start,
};
pub use window::{Answer, Bandwidth, Name, Numbers, Position, Settings, Stretch, Window};
