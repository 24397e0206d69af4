//! What a playlist calls codecs (RFC 6381 section 3.3; RFC 8216 section 4.3.4.2, `CODECS`).
//!
//! The string of one track is made beside the reader of its record. What is here is the list: which spelling
//! players of HLS want where the registries and the browsers differ, and what to say when a track has no string.

use super::{Codec, TrackInfo};

/// The value of a `CODECS` attribute: pictures before sound. `None` when one of the tracks has no string, because a
/// player takes an incomplete list for the whole truth and sets up too few decoders.
pub fn codecs<'a>(tracks: impl IntoIterator<Item = &'a TrackInfo>) -> Option<String> {
    let mut strings: Vec<(bool, &str)> = Vec::new();
    for track in tracks {
        strings.push((is_sound(track.codec), codec_string(track)?));
    }
    strings.sort_by_key(|(sound, _)| *sound);
    let list = strings.iter().map(|(_, string)| *string).collect::<Vec<_>>().join(",");
    Some(list).filter(|list| !list.is_empty())
}

/// The string of one track as a playlist spells it. `None` when it is not known.
pub fn codec_string(track: &TrackInfo) -> Option<&str> {
    match track.codec {
        // Registered with these capitals, which Apple's players want and the others accept.
        Codec::Flac => Some("fLaC"),
        // Registered as `Opus`; but no browser's media source took that for years, and all take this.
        Codec::Opus => Some("opus"),
        // It has no configuration record: an object type of MPEG-4 stands for layer 3.
        Codec::Mp3 => Some("mp4a.40.34"),
        _ => Some(track.codec_string.as_str()).filter(|string| !string.is_empty()),
    }
}

fn is_sound(codec: Codec) -> bool {
    !matches!(
        codec,
        Codec::H264 | Codec::Hevc | Codec::Vvc | Codec::Av1 | Codec::Vp8 | Codec::Vp9 | Codec::FlashVideo
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(codec: Codec, string: &str) -> TrackInfo {
        TrackInfo { codec_string: string.to_owned(), ..TrackInfo::new(codec) }
    }

    /// Apple's "HLS authoring specification" and its example streams have these values.
    #[test]
    fn the_lists_of_apples_examples_are_made() {
        let h264 = track(Codec::H264, "avc1.640028");
        let hevc = track(Codec::Hevc, "hvc1.2.4.L123.B0");
        let aac = track(Codec::Aac, "mp4a.40.2");
        assert_eq!(codecs([&h264, &aac]).as_deref(), Some("avc1.640028,mp4a.40.2"));
        assert_eq!(codecs([&aac, &hevc]).as_deref(), Some("hvc1.2.4.L123.B0,mp4a.40.2"));
        assert_eq!(codecs([&aac]).as_deref(), Some("mp4a.40.2"));
    }

    #[test]
    fn a_list_with_a_hole_is_not_made() {
        let unknown = track(Codec::Speex, "");
        assert_eq!(codecs([&track(Codec::H264, "avc1.640028"), &unknown]), None);
        assert_eq!(codecs([]), None);
    }

    #[test]
    fn spellings_are_those_that_players_take() {
        assert_eq!(codec_string(&track(Codec::Flac, "flac")), Some("fLaC"));
        assert_eq!(codec_string(&track(Codec::Opus, "opus")), Some("opus"));
        assert_eq!(codec_string(&track(Codec::Mp3, "")), Some("mp4a.40.34"));
    }

    /// Main 10 of a `hvcC` with the constraint byte 0xb0, as Apple's streams have it. Digits are hexadecimal in any case.
    #[test]
    fn a_record_of_main_10_gives_apples_string() {
        let mut body = b"\x90hvc1".to_vec();
        body.extend_from_slice(&[1, 2, 0x20, 0, 0, 0, 0xb0, 0, 0, 0, 0, 0, 123]);
        body.extend_from_slice(&[0; 10]);
        let info = TrackInfo::from_config(crate::frame::Kind::Video, &body.into()).unwrap();
        assert_eq!(codecs([&info]).as_deref(), Some("hvc1.2.4.L123.b0"));
    }
}
