//! From samples back to FLV: what stands before a codec's own bytes in a tag's body. The legacy layouts where there is
//! one, because every player has them, else those of Enhanced RTMP v2.

use crate::codec::Codec;
use crate::frame::Kind;

/// What kind of packet an Enhanced body holds.
mod packet {
    pub(super) const CONFIG: u8 = 0;
    pub(super) const CODED: u8 = 1;
}

/// Frame types, in the upper half of a video body's first byte.
const KEY: u8 = 1 << 4;
const INTER: u8 = 2 << 4;

/// The body of a decoder configuration that holds this record (see [`crate::sample::Config::record`]). `None` for a codec
/// that is not put into FLV here.
pub fn config(kind: Kind, codec: Codec, record: &[u8]) -> Option<Vec<u8>> {
    let mut out = match codec {
        Codec::H264 => vec![KEY | 7, 0, 0, 0, 0],
        Codec::Aac => vec![0xaf, 0],
        _ => enhanced(kind, codec, true, packet::CONFIG)?,
    };
    if codec == Codec::Vp9 {
        // Its record is a full box: version 1, no flags.
        out.extend_from_slice(&[1, 0, 0, 0]);
    }
    out.extend_from_slice(record);
    Some(out)
}

/// What stands before the bytes of a coded sample that is shown `composition` milliseconds after it is decoded. `None` as
/// for [`config`].
pub fn coded(kind: Kind, codec: Codec, key: bool, composition: i32) -> Option<Vec<u8>> {
    let [_, cts @ ..] = composition.to_be_bytes();
    let mut out = match codec {
        Codec::H264 => vec![if key { KEY } else { INTER } | 7, 1],
        Codec::Aac => return Some(vec![0xaf, 1]),
        _ => enhanced(kind, codec, key, packet::CODED)?,
    };
    if matches!(codec, Codec::H264 | Codec::Hevc) {
        out.extend_from_slice(&cts);
    }
    Some(out)
}

fn enhanced(kind: Kind, codec: Codec, key: bool, packet: u8) -> Option<Vec<u8>> {
    let four_cc = match codec {
        Codec::Hevc => b"hvc1",
        Codec::Av1 => b"av01",
        Codec::Vp9 => b"vp09",
        Codec::Opus => b"Opus",
        _ => return None,
    };
    let first = match kind {
        Kind::Video => 0x80 | if key { KEY } else { INTER },
        _ => 9 << 4,
    };
    Some([&[first | packet], four_cc.as_slice()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flv::body::{self, FrameType, Step};

    #[test]
    fn what_is_wrapped_is_read_as_what_it_was() {
        for codec in [Codec::H264, Codec::Hevc, Codec::Av1, Codec::Vp9] {
            let record = config(Kind::Video, codec, b"record").unwrap();
            let read = body::video(&record).unwrap();
            assert_eq!((read.codec, read.step), (codec, Step::Config));
            assert!(record[read.payload].ends_with(b"record"));
            for (key, frame_type) in [(true, FrameType::Key), (false, FrameType::Inter)] {
                let coded = [coded(Kind::Video, codec, key, 80).unwrap(), b"data".to_vec()].concat();
                let read = body::video(&coded).unwrap();
                assert_eq!((read.codec, read.step, read.frame_type), (codec, Step::Coded, frame_type));
                assert_eq!(&coded[read.payload], b"data");
            }
        }
        for codec in [Codec::Aac, Codec::Opus] {
            let record = config(Kind::Audio, codec, b"record").unwrap();
            let read = body::audio(&record).unwrap();
            assert_eq!(
                (read.codec, read.step, &record[read.payload]),
                (codec, Step::Config, b"record".as_slice())
            );
            let coded = [coded(Kind::Audio, codec, true, 0).unwrap(), b"data".to_vec()].concat();
            let read = body::audio(&coded).unwrap();
            assert_eq!(
                (read.codec, read.step, &coded[read.payload]),
                (codec, Step::Coded, b"data".as_slice())
            );
        }
        assert_eq!(coded(Kind::Audio, Codec::Flac, true, 0), None);
        assert_eq!(coded(Kind::Video, Codec::H264, false, -2).unwrap(), [0x27, 1, 0xff, 0xff, 0xfe]);
    }
}
