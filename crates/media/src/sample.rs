//! What a container needs of a frame: the codec's own bytes, when they are decoded and shown, and how to set up
//! the decoder. Nothing is copied: every byte here is a slice of the frame's body.

use bytes::Bytes;

use crate::codec::{Codec, TrackInfo};
use crate::flv::body::{self, Packet, Step};
use crate::frame::{Frame, Kind, Role};

/// One coded picture, or one packet of coded sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Picture or sound; never [`Kind::Data`].
    pub kind: Kind,
    /// The track's number inside `kind`.
    pub track: u8,
    /// How it is coded.
    pub codec: Codec,
    /// When it is decoded: stream time in milliseconds.
    pub dts: i64,
    /// When it is shown: stream time in milliseconds.
    pub pts: i64,
    /// A decoder can start here. True of all sound.
    pub key: bool,
    /// NAL units with their lengths in front (H.264, HEVC, VVC), a temporal unit without its delimiter (AV1), a raw
    /// data block (AAC), or what the codec calls a packet.
    pub data: Bytes,
}

impl Sample {
    /// `None` when the frame carries no coded picture or sound: configurations, metadata, empty bodies, commands.
    pub fn of(frame: &Frame) -> Option<Sample> {
        let packet = header(frame).filter(|packet| packet.step == Step::Coded)?;
        let mut data = frame.body.slice(packet.payload.clone());
        if packet.codec == Codec::Av1 && data.starts_with(TEMPORAL_DELIMITER) {
            data = data.slice(TEMPORAL_DELIMITER.len()..);
        }
        if data.is_empty() {
            return None;
        }
        let composition = if frame.kind == Kind::Video { composition(&frame.body, &packet) } else { 0 };
        Some(Sample {
            kind: frame.kind,
            track: frame.track,
            codec: packet.codec,
            dts: frame.time,
            pts: frame.time.saturating_add(i64::from(composition)),
            key: matches!(frame.role, Role::Key | Role::Audio),
            data,
        })
    }
}

/// How the decoder of a track is set up.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Picture or sound; never [`Kind::Data`].
    pub kind: Kind,
    /// The track's number inside `kind`.
    pub track: u8,
    /// The codec's own record: the contents of `avcC`, `hvcC` or `av1C`, an audio specific configuration, `OpusHead`.
    pub record: Bytes,
    /// What the record says.
    pub info: TrackInfo,
}

impl Config {
    /// `None` when the frame is not a configuration, or is one that cannot be read.
    pub fn of(frame: &Frame) -> Option<Config> {
        let info = TrackInfo::from_config(frame.kind, &frame.body)?;
        let packet = header(frame)?;
        let record = frame.body.slice(packet.payload);
        Some(Config { kind: frame.kind, track: frame.track, record, info })
    }

    /// How many bytes hold the length in front of each NAL unit (ISO/IEC 14496-15). `None` for other codecs.
    pub fn nal_length_size(&self) -> Option<usize> {
        let at = match self.info.codec {
            Codec::H264 => 4,
            Codec::Hevc => 21,
            _ => return None,
        };
        self.record.get(at).map(|bits| usize::from(bits & 0x03) + 1)
    }
}

/// An AV1 delimiter with a size, which containers leave out (AV1 Codec ISO Media File Format Binding section 2.4).
const TEMPORAL_DELIMITER: &[u8] = &[0x12, 0x00];

fn header(frame: &Frame) -> Option<Packet> {
    if frame.body.is_empty() {
        return None;
    }
    match frame.kind {
        Kind::Audio => body::audio(&frame.body).ok(),
        Kind::Video => body::video(&frame.body).ok(),
        Kind::Data => None,
    }
}

/// Milliseconds from decoding to showing. Where a layout has them, they are the three bytes before the payload.
fn composition(body: &[u8], packet: &Packet) -> i32 {
    let present = match body.first() {
        Some(first) if first & 0x80 != 0 => {
            matches!(packet.codec, Codec::H264 | Codec::Hevc | Codec::Vvc) && enhanced_type(body) == Some(1)
        }
        _ => matches!(packet.codec, Codec::H264 | Codec::Hevc | Codec::Av1),
    };
    let before = body.get(..packet.payload.start).unwrap_or_default();
    match before.last_chunk::<3>() {
        Some([high, middle, low]) if present => i32::from_be_bytes([*high, *middle, *low, 0]) >> 8,
        _ => 0,
    }
}

/// The packet type of an Enhanced video body, behind its prefixes and inside its multitrack header.
fn enhanced_type(body: &[u8]) -> Option<u8> {
    const MULTITRACK: u8 = 6;
    const MOD_EX: u8 = 7;
    let mut at = 0;
    while body.get(at)? & 0x0f == MOD_EX {
        let mut len = usize::from(*body.get(at + 1)?) + 1;
        at += 2;
        if len == 256 {
            len = usize::from(u16::from_be_bytes([*body.get(at)?, *body.get(at + 1)?])) + 1;
            at += 2;
        }
        at += len;
    }
    if body.get(at)? & 0x0f == MULTITRACK {
        at += 1;
    }
    body.get(at).map(|byte| byte & 0x0f)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: Kind, body: &[u8]) -> Frame {
        Frame::classify(kind, 1_000, Bytes::copy_from_slice(body)).unwrap()
    }

    fn video(body: &[u8]) -> Option<Sample> {
        Sample::of(&frame(Kind::Video, body))
    }

    #[test]
    fn a_picture_is_shown_later_than_it_is_decoded_by_its_composition_time() {
        let sample = video(&[0x17, 1, 0, 0, 40, 0, 0, 0, 1, 0x65]).unwrap();
        assert_eq!((sample.dts, sample.pts, sample.key), (1_000, 1_040, true));
        assert_eq!((sample.codec, &sample.data[..]), (Codec::H264, &[0, 0, 0, 1, 0x65][..]));
        let early = video(&[0x27, 1, 0xff, 0xff, 0xfe, 0, 0, 0, 1, 0x41]).unwrap();
        assert_eq!((early.pts, early.key), (998, false));
    }

    #[test]
    fn composition_time_is_found_in_every_enhanced_layout() {
        let coded = |head: &[u8]| video(&[head, &[0, 0, 0, 2, 0x26, 1]].concat()).unwrap();
        for (head, pts) in [
            (&b"\x91hvc1\x00\x00\x28"[..], 1_040),
            (b"\x93hvc1", 1_000),
            (b"\x97\x00\xaa\x01hvc1\x00\x00\x28", 1_040),
            (b"\x96\x01hvc1\x03\x00\x00\x28", 1_040),
            (b"\x96\x03hvc1\x03", 1_000),
            (b"\x91av01", 1_000),
        ] {
            let sample = coded(head);
            assert_eq!((sample.pts, &sample.data[..]), (pts, &[0, 0, 0, 2, 0x26, 1][..]), "{head:?}");
        }
        let long = [&b"\x97\xff\x00\xff"[..], &[0; 256], b"\x01hvc1\x00\x00\x28"].concat();
        assert_eq!(coded(&long).pts, 1_040);
    }

    #[test]
    fn sound_is_shown_when_it_is_decoded() {
        let sample = Sample::of(&frame(Kind::Audio, &[0xaf, 1, 0x21, 0x10])).unwrap();
        assert_eq!((sample.codec, sample.dts, sample.pts, sample.key), (Codec::Aac, 1_000, 1_000, true));
        assert_eq!(&sample.data[..], [0x21, 0x10]);
    }

    #[test]
    fn bodies_that_carry_nothing_give_no_sample() {
        for body in [&[][..], &[0x17, 1, 0, 0, 0], &[0x17, 2, 0, 0, 0], &[0x57, 0], b"\x91av01\x12\x00"] {
            assert_eq!(video(body), None, "{body:?}");
        }
        assert_eq!(video(&[0x17, 0, 0, 0, 0, 1, 0x64, 0, 0x1f]), None);
        assert_eq!(Sample::of(&frame(Kind::Audio, &[0xaf, 0, 0x12, 0x10])), None);
        assert_eq!(Sample::of(&frame(Kind::Data, b"\x02\x00\x0aonMetaData")), None);
    }

    #[test]
    fn a_temporal_delimiter_is_left_out() {
        assert_eq!(&video(b"\x91av01\x12\x00\x32\x01\xff").unwrap().data[..], b"\x32\x01\xff");
    }

    #[test]
    fn data_is_a_slice_of_the_body() {
        let frame = frame(Kind::Video, &[0x17, 1, 0, 0, 0, 0, 0, 0, 1, 0x65]);
        let sample = Sample::of(&frame).unwrap();
        assert_eq!(frame.role, Role::Key);
        assert_eq!(sample.data.as_ptr(), frame.body[5..].as_ptr());
    }

    #[test]
    fn a_configuration_gives_its_record() {
        let config =
            Config::of(&frame(Kind::Video, &[0x17, 0, 0, 0, 0, 1, 0x64, 0, 0x1f, 0xff, 0xe0, 0])).unwrap();
        assert_eq!(&config.record[..], [1, 0x64, 0, 0x1f, 0xff, 0xe0, 0]);
        assert_eq!((config.info.codec, config.nal_length_size()), (Codec::H264, Some(4)));
        let sound = Config::of(&frame(Kind::Audio, &[0xaf, 0, 0x12, 0x10])).unwrap();
        assert_eq!((&sound.record[..], sound.nal_length_size()), (&[0x12, 0x10][..], None));
        assert_eq!(sound.info.sample_rate, Some(44_100));
        assert_eq!(Config::of(&frame(Kind::Audio, &[0xaf, 1, 0x12, 0x10])), None);
    }
}
