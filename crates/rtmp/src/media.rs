//! Audio, video and data, and how they look on the wire of every viewer.

use bytes::Bytes;

use crate::chunk;
use crate::message::kind;

/// Which message type a piece of media travels in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MediaKind {
    /// Message type 8.
    Audio,
    /// Message type 9.
    Video,
    /// Message type 18: a name and values in AMF0, as in an FLV script tag.
    Data,
}

/// One audio, video or data message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// What it is.
    pub kind: MediaKind,
    /// Absolute time in milliseconds. It wraps after 49.7 days; unwrapping is up to the caller.
    pub timestamp: u32,
    /// The body of the FLV tag that would carry the same.
    pub body: Bytes,
}

/// The message stream of every viewer and publisher: `createStream` never answers anything else, so that all
/// viewers can share the bytes of a message.
pub const MEDIA_STREAM_ID: u32 = 1;

/// A body up to this size is copied next to its header: one part of a kilobyte costs the kernel less than two.
const COPY_BYTES: usize = 1024;

/// One message, cut into chunks of `chunk_size`, for every viewer alike.
///
/// The header is a full one with absolute time, so that the bytes do not depend on what went before. The parts are
/// to be written one after the other; those of a large body are slices of it.
pub fn media_message(kind: MediaKind, timestamp: u32, body: &Bytes, chunk_size: u32) -> Vec<Bytes> {
    media_message_on(MEDIA_STREAM_ID, kind, timestamp, body, chunk_size)
}

/// The same on a message stream that another server chose.
pub(crate) fn media_message_on(
    stream_id: u32,
    kind: MediaKind,
    timestamp: u32,
    body: &Bytes,
    chunk_size: u32,
) -> Vec<Bytes> {
    let header =
        chunk::Header { chunk_stream_id: chunk_stream_id(kind), kind: type_id(kind), stream_id, timestamp };
    if body.len() <= COPY_BYTES {
        return vec![chunk::whole(&header, body, chunk_size)];
    }
    chunk::shared(&header, body, chunk_size)
}

fn type_id(kind: MediaKind) -> u8 {
    match kind {
        MediaKind::Audio => kind::AUDIO,
        MediaKind::Video => kind::VIDEO,
        MediaKind::Data => kind::DATA,
    }
}

/// One chunk stream per kind, apart from those of control (2) and commands (3), so that a message of one kind never
/// waits for the context of another.
fn chunk_stream_id(kind: MediaKind) -> u8 {
    match kind {
        MediaKind::Audio => 4,
        MediaKind::Data => 5,
        MediaKind::Video => 6,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::{MediaKind, media_message};
    use crate::chunk::Reader;
    use crate::limits::Limits;

    #[test]
    fn a_small_body_is_one_part_and_a_large_one_is_not_copied() {
        let small = media_message(MediaKind::Audio, 1, &Bytes::from(vec![1; 1024]), 128);
        assert_eq!(small.len(), 1);
        let body = Bytes::from(vec![2; 10_000]);
        let large = media_message(MediaKind::Video, 1, &body, 4096);
        let lens: Vec<_> = large.iter().map(Bytes::len).collect();
        assert_eq!(lens, [12, 4096, 1, 4096, 1, 1808]);
        assert_eq!(large[1].as_ptr(), body.as_ptr());
        assert_eq!(large[5].as_ptr(), body[8192..].as_ptr());
    }

    #[test]
    fn the_header_is_what_a_viewer_expects() {
        let bytes = media_message(MediaKind::Video, 0x01_0203, &Bytes::from_static(b"xyz"), 128).concat();
        assert_eq!(bytes, b"\x06\x01\x02\x03\0\0\x03\x09\x01\0\0\0xyz");
        let bytes = media_message(MediaKind::Audio, 0, &Bytes::new(), 128).concat();
        assert_eq!(bytes, b"\x04\0\0\0\0\0\0\x08\x01\0\0\0");
    }

    #[test]
    fn an_extended_timestamp_stands_in_every_chunk() {
        let body = Bytes::from(vec![b'x'; 5]);
        assert_eq!(media_message(MediaKind::Data, 0x00ff_fffe, &body, 4).concat()[1..4], [0xff, 0xff, 0xfe]);
        let bytes = media_message(MediaKind::Data, 0x00ff_ffff, &body, 4).concat();
        assert_eq!(bytes, b"\x05\xff\xff\xff\0\0\x05\x12\x01\0\0\0\0\xff\xff\xffxxxx\xc5\0\xff\xff\xffx");
        let large = Bytes::from(vec![b'x'; 2000]);
        let lens: Vec<_> =
            media_message(MediaKind::Data, u32::MAX, &large, 1500).iter().map(Bytes::len).collect();
        assert_eq!(lens, [16, 1500, 5, 500]);
    }

    proptest! {
        #[test]
        fn a_reader_gets_back_what_was_cut(
            len in 1_usize..5000, timestamp: u32, chunk_size in 1_u32..3000, seed: u8,
            kind in prop_oneof![Just(MediaKind::Audio), Just(MediaKind::Video), Just(MediaKind::Data)],
        ) {
            let body: Bytes = (0..len).map(|i| (i as u8).wrapping_mul(31) ^ seed).collect();
            let mut reader = Reader::new(&Limits { max_tiny_chunks: u32::MAX, ..Limits::default() });
            reader.set_chunk_size(chunk_size).unwrap();
            let bytes = media_message(kind, timestamp, &body, chunk_size).concat();
            let mut input = &bytes[..];
            let message = reader.read(&mut input).unwrap().unwrap();
            prop_assert!(input.is_empty());
            prop_assert_eq!((message.timestamp, message.stream_id, message.body), (timestamp, 1, body));
        }
    }
}
