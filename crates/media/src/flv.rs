//! FLV (Adobe Flash Video File Format Specification 10.1, annex E; Enhanced RTMP v2 for its newer bodies).

pub mod body;
mod demuxer;
pub mod wrap;

pub use demuxer::{BadFlv, Demuxer, MAX_TAG_BYTES, Tag};

use crate::frame::Kind;
use crate::time::wrapped;

/// Length of a tag's header.
pub const TAG_HEADER_BYTES: usize = 11;

/// The file header and the zero that stands where the size of a previous tag would.
pub fn header(has_audio: bool, has_video: bool) -> [u8; 13] {
    let flags = u8::from(has_audio) << 2 | u8::from(has_video);
    [b'F', b'L', b'V', 1, flags, 0, 0, 0, 9, 0, 0, 0, 0]
}

/// The header of a tag whose body has `len` bytes. Times past 32 bits wrap, as every player expects.
///
/// A length past 24 bits cannot be written; RTMP messages and [`MAX_TAG_BYTES`] keep bodies below it.
pub fn tag_header(kind: Kind, time: i64, len: usize) -> [u8; TAG_HEADER_BYTES] {
    let tag_type = match kind {
        Kind::Audio => 8,
        Kind::Video => 9,
        Kind::Data => 18,
    };
    let [.., size_a, size_b, size_c] = len.to_be_bytes();
    let [extended, time_a, time_b, time_c] = wrapped(time).to_be_bytes();
    [tag_type, size_a, size_b, size_c, time_a, time_b, time_c, extended, 0, 0, 0]
}

/// What follows the body of a tag: the size of the tag, for readers that go backwards.
pub fn tag_trailer(len: usize) -> [u8; 4] {
    u32::try_from(len.saturating_add(TAG_HEADER_BYTES)).unwrap_or(u32::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_says_which_tracks_there_are() {
        assert_eq!(header(true, true)[..9], *b"FLV\x01\x05\0\0\0\x09");
        assert_eq!(header(true, false)[4], 4);
        assert_eq!(header(false, true)[4], 1);
    }

    #[test]
    fn a_time_past_24_bits_uses_the_extension_byte_and_one_past_32_wraps() {
        assert_eq!(tag_header(Kind::Video, 0x0102_0304, 5), [9, 0, 0, 5, 2, 3, 4, 1, 0, 0, 0]);
        assert_eq!(tag_header(Kind::Audio, 0xff_ffff, 0), [8, 0, 0, 0, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
        assert_eq!(tag_header(Kind::Data, 0x1_0000_0007, 0x01_0203), [18, 1, 2, 3, 0, 0, 7, 0, 0, 0, 0]);
    }

    #[test]
    fn the_trailer_counts_the_header() {
        assert_eq!(tag_trailer(5), [0, 0, 0, 16]);
    }
}
