//! Decoder configurations and parameter sets: what they say about a track is sane or is not said.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use media::codec::{TrackInfo, h264, h265};
use media::frame::{Frame, Kind, Role};

/// Codec strings go into JSON, HTML and `MediaSource`.
const CODEC_STRING_MAX: usize = 64;

fuzz_target!(|input: &[u8]| {
    let body = Bytes::copy_from_slice(input);
    for kind in [Kind::Video, Kind::Audio, Kind::Data] {
        let info = TrackInfo::from_config(kind, &body);
        let frame = Frame::classify(kind, 0, body.clone());
        let Some(info) = info else { continue };
        assert!(kind != Kind::Data, "a track in script data");
        assert!(
            frame.is_err() || frame.is_ok_and(|frame| frame.role == Role::Config),
            "a track in no configuration"
        );
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
        assert!(info.codec_string.chars().all(plain), "{info:?}");
        assert!(info.codec_string.len() <= CODEC_STRING_MAX, "{info:?}");
        assert!(info.fps.is_none_or(|fps| fps.is_finite() && fps > 0.0), "{info:?}");
        assert!(info.width != Some(0) && info.height != Some(0), "{info:?}");
        assert_eq!(info.width.is_some(), info.height.is_some());
        assert!(info.sample_rate != Some(0) && info.channels != Some(0), "{info:?}");
        assert!(kind == Kind::Video || info.width.is_none());
        assert!(kind == Kind::Audio || info.sample_rate.is_none());
    }
    // The same bytes as bare parameter sets, which is quicker than to find them inside a configuration.
    if let Some(sps) = h264::Sps::parse(input) {
        assert!(sps.width > 0 && sps.height > 0, "{sps:?}");
    }
    if let Some(sps) = h265::Sps::parse(input) {
        assert!(sps.width > 0 && sps.height > 0, "{sps:?}");
    }
});
