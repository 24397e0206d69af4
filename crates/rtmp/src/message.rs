//! A message: what chunks carry (RTMP 1.0 sections 5.4, 6 and 7).

use bytes::Bytes;

use crate::media::{Media, MediaKind};

/// Message types.
pub(crate) mod kind {
    pub(crate) const SET_CHUNK_SIZE: u8 = 1;
    pub(crate) const ABORT: u8 = 2;
    pub(crate) const ACKNOWLEDGEMENT: u8 = 3;
    pub(crate) const USER_CONTROL: u8 = 4;
    pub(crate) const WINDOW_ACK_SIZE: u8 = 5;
    pub(crate) const SET_PEER_BANDWIDTH: u8 = 6;
    pub(crate) const AUDIO: u8 = 8;
    pub(crate) const VIDEO: u8 = 9;
    pub(crate) const DATA_AMF3: u8 = 15;
    pub(crate) const COMMAND_AMF3: u8 = 17;
    pub(crate) const DATA: u8 = 18;
    pub(crate) const COMMAND: u8 = 20;
    pub(crate) const AGGREGATE: u8 = 22;
}

/// User control events (section 7.1.7).
pub(crate) mod control {
    pub(crate) const STREAM_BEGIN: u16 = 0;
    pub(crate) const STREAM_EOF: u16 = 1;
    pub(crate) const SET_BUFFER_LENGTH: u16 = 3;
    pub(crate) const PING_REQUEST: u16 = 6;
    pub(crate) const PING_RESPONSE: u16 = 7;
}

/// A whole message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) kind: u8,
    /// Message stream id.
    pub(crate) stream_id: u32,
    /// Absolute, in milliseconds; it wraps.
    pub(crate) timestamp: u32,
    pub(crate) body: Bytes,
}

impl Message {
    /// The first four bytes as a number: the body of most control messages.
    pub(crate) fn number(&self) -> Option<u32> {
        self.body.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
    }

    /// The type and the value of a user control event.
    pub(crate) fn user_control(&self) -> Option<(u16, Option<u32>)> {
        let (event, rest) = self.body.split_first_chunk()?;
        Some((u16::from_be_bytes(*event), rest.first_chunk().map(|value| u32::from_be_bytes(*value))))
    }
}

/// Why a message that should carry media does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoMedia {
    /// The parts of an aggregate do not fit into it, or are too many.
    BrokenAggregate,
    /// Data in AMF3, which is not the AMF0 in an AMF3 envelope that clients send.
    Amf3,
}

/// Hands each piece of media in `message` to `take`. Pieces without a body are left out: they mean nothing, and
/// one byte each would buy them a place in a queue.
pub(crate) fn media(message: Message, take: &mut impl FnMut(Media)) -> Result<(), NoMedia> {
    let Message { kind, timestamp, body, .. } = message;
    let (kind, body) = match kind {
        kind::AUDIO => (MediaKind::Audio, body),
        kind::VIDEO => (MediaKind::Video, body),
        kind::DATA => (MediaKind::Data, data_body(body)),
        // An AMF3 envelope begins with a byte that says how it goes on; with 0 it goes on in AMF0.
        kind::DATA_AMF3 => match body.first() {
            Some(0) => (MediaKind::Data, data_body(body.slice(1..))),
            Some(_) => return Err(NoMedia::Amf3),
            None => return Ok(()),
        },
        kind::AGGREGATE => return aggregate(timestamp, body, take),
        _ => return Ok(()),
    };
    if !body.is_empty() {
        take(Media { kind, timestamp, body });
    }
    Ok(())
}

/// What an FLV script tag would hold: the handler name of the server that FMLE, OBS, ffmpeg put in front is not
/// part of the data. An order to forget earlier data leaves nothing.
fn data_body(body: Bytes) -> Bytes {
    const SET: &[u8] = b"\x02\x00\x0d@setDataFrame";
    const CLEAR: &[u8] = b"\x02\x00\x0f@clearDataFrame";
    if body.starts_with(SET) {
        body.slice(SET.len()..)
    } else if body.starts_with(CLEAR) {
        Bytes::new()
    } else {
        body
    }
}

/// Parts of one aggregate. Servers that make aggregates put a second or two of media into each.
const MAX_AGGREGATE_PARTS: usize = 4096;

/// Splits an aggregate (section 7.1.6): FLV tags whose times count from that of the first one.
fn aggregate(timestamp: u32, mut body: Bytes, take: &mut impl FnMut(Media)) -> Result<(), NoMedia> {
    const TAG_HEADER: usize = 11;
    const BACK_POINTER: usize = 4;
    let mut first = None;
    let mut parts = 0;
    while !body.is_empty() {
        let header: [u8; TAG_HEADER] = *body.first_chunk().ok_or(NoMedia::BrokenAggregate)?;
        let [kind, l2, l1, l0, t2, t1, t0, t3, ..] = header;
        let len = u32::from_be_bytes([0, l2, l1, l0]) as usize;
        let time = u32::from_be_bytes([t3, t2, t1, t0]);
        parts += 1;
        if body.len() < TAG_HEADER + len || parts > MAX_AGGREGATE_PARTS {
            return Err(NoMedia::BrokenAggregate);
        }
        let offset = time.wrapping_sub(*first.get_or_insert(time));
        let part = body.slice(TAG_HEADER..TAG_HEADER + len);
        // The back pointer of the last tag is sometimes left away.
        body = body.slice((TAG_HEADER + len + BACK_POINTER).min(body.len())..);
        if matches!(kind, kind::AUDIO | kind::VIDEO | kind::DATA) {
            let timestamp = timestamp.wrapping_add(offset);
            media(Message { kind, stream_id: 0, timestamp, body: part }, take)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::{Message, NoMedia, kind, media};
    use crate::media::{Media, MediaKind};

    fn split(kind: u8, timestamp: u32, body: &[u8]) -> Result<Vec<Media>, NoMedia> {
        let mut out = Vec::new();
        let body = Bytes::copy_from_slice(body);
        media(Message { kind, stream_id: 1, timestamp, body }, &mut |piece| out.push(piece))?;
        Ok(out)
    }

    fn piece(kind: MediaKind, timestamp: u32, body: &'static [u8]) -> Media {
        Media { kind, timestamp, body: Bytes::from_static(body) }
    }

    #[test]
    fn the_handler_name_in_front_of_metadata_is_taken_off() {
        let plain = b"\x02\0\x0aonMetaData\x05";
        let framed = [&b"\x02\0\x0d@setDataFrame"[..], plain].concat();
        let expected = vec![piece(MediaKind::Data, 7, plain)];
        assert_eq!(split(kind::DATA, 7, plain).unwrap(), expected);
        assert_eq!(split(kind::DATA, 7, &framed).unwrap(), expected);
        assert_eq!(split(kind::DATA_AMF3, 7, &[&[0], &framed[..]].concat()).unwrap(), expected);
        assert_eq!(split(kind::DATA, 7, b"\x02\0\x0f@clearDataFrame").unwrap(), []);
    }

    #[test]
    fn data_in_true_amf3_are_refused() {
        assert_eq!(split(kind::DATA_AMF3, 0, b"\x06\x15onMetaData"), Err(NoMedia::Amf3));
    }

    #[test]
    fn an_aggregate_is_split_and_its_times_count_from_the_message() {
        let body = b"\x09\0\0\x02\0\0\x0a\0\0\0\0vv\0\0\0\x0d\
                     \x08\0\0\x01\0\0\x1e\0\0\0\0a\0\0\0\x0c\
                     \x0f\0\0\x01\0\0\x1e\0\0\0\0?\0\0\0\x0c\
                     \x08\0\0\x01\0\0\x00\0\0\0\0b";
        let expected = [
            piece(MediaKind::Video, u32::MAX, b"vv"),
            piece(MediaKind::Audio, 19, b"a"),
            piece(MediaKind::Audio, u32::MAX - 10, b"b"),
        ];
        assert_eq!(split(kind::AGGREGATE, u32::MAX, body).unwrap(), expected);
    }

    #[test]
    fn an_aggregate_of_garbage_is_refused() {
        assert_eq!(split(kind::AGGREGATE, 0, b"garbage"), Err(NoMedia::BrokenAggregate));
        assert_eq!(split(kind::AGGREGATE, 0, &[0xff; 64]), Err(NoMedia::BrokenAggregate));
        // One inside another is no media.
        assert_eq!(split(kind::AGGREGATE, 0, b"\x16\0\0\x01\0\0\0\0\0\0\0x\0\0\0\x0c").unwrap(), []);
    }

    #[test]
    fn the_parts_of_an_aggregate_are_bounded() {
        let part = b"\x08\0\0\x01\0\0\0\0\0\0\0a\0\0\0\x0c";
        assert_eq!(split(kind::AGGREGATE, 0, &part.repeat(4096)).unwrap().len(), 4096);
        assert_eq!(split(kind::AGGREGATE, 0, &part.repeat(4097)), Err(NoMedia::BrokenAggregate));
    }

    #[test]
    fn media_without_a_body_are_left_out() {
        assert_eq!(split(kind::AUDIO, 0, b"").unwrap(), []);
        assert_eq!(split(kind::AGGREGATE, 0, &b"\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\x0b".repeat(9)).unwrap(), []);
    }

    proptest! {
        #[test]
        fn no_body_makes_the_split_panic(kind: u8, time: u32, body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = split(kind, time, &body);
        }
    }
}
