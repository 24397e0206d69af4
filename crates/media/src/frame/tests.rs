//! What bodies are classified as.

use proptest::prelude::*;

use super::*;

fn role(kind: Kind, body: &[u8]) -> Result<(Role, u8), BadBody> {
    Frame::classify(kind, 7, Bytes::copy_from_slice(body)).map(|frame| {
        assert_eq!((frame.time, frame.kind, &frame.body[..]), (7, kind, body));
        (frame.role, frame.track)
    })
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| byte.is_ascii_hexdigit()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// Each row: what it is, the body, its role.
#[test]
fn video_bodies_have_the_role_that_their_codec_gives_them() {
    let fourcc = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let (avc1, hvc1, av01, vp09, none) =
        (fourcc("avc1"), fourcc("hvc1"), fourcc("av01"), fourcc("vp09"), fourcc("zzzz"));
    let table: Vec<(&str, String, Role)> = vec![
        ("AVC sequence header", "17 00 000000 0164001f".into(), Role::Config),
        ("AVC key frame", "17 01 000000 00000002 6588".into(), Role::Key),
        ("AVC referenced slice", "27 01 000028 00000002 419a".into(), Role::Inter),
        ("AVC unreferenced slice", "27 01 000028 00000002 019a".into(), Role::Disposable),
        ("AVC unreferenced with SEI", "27 01 000000 00000002 0605 00000002 019a".into(), Role::Disposable),
        ("AVC one of two slices referenced", "27 01 000000 00000002 019a 00000002 419a".into(), Role::Inter),
        ("AVC instantaneous refresh marked as inter", "27 01 000000 00000002 6588".into(), Role::Key),
        ("AVC with a NAL length past the end", "27 01 000000 00000099 019a".into(), Role::Inter),
        ("AVC disposable by frame type", "37 01 000000 00000002 419a".into(), Role::Disposable),
        ("AVC end of sequence", "17 02 000000".into(), Role::Other),
        ("AVC end of sequence, short", "17 02".into(), Role::Other),
        ("AVC picture without anything", "27 01 000000".into(), Role::Other),
        ("AVC seek command", "57 00".into(), Role::Other),
        ("AVC packet type to come", "27 09 000000 01".into(), Role::Other),
        ("generated key frame", "47 01 000000 00000002 6588".into(), Role::Key),
        ("HEVC by number, sequence header", "1c 00 000000 01016000".into(), Role::Config),
        ("HEVC by number, key frame", "1c 01 000000 00000003 260101".into(), Role::Key),
        ("HEVC by number, referenced", "2c 01 000000 00000003 020101".into(), Role::Inter),
        ("HEVC by number, unreferenced", "2c 01 000000 00000003 000101".into(), Role::Disposable),
        ("HEVC IDR marked as inter", "2c 01 000000 00000003 260101".into(), Role::Key),
        ("H.263 key frame", "12 00 01".into(), Role::Key),
        ("VP6 disposable", "34 00 01".into(), Role::Disposable),
        ("unknown number", "2f 01".into(), Role::Inter),
        ("enhanced HEVC sequence start", format!("90 {hvc1} 0101"), Role::Config),
        ("enhanced HEVC coded frames", format!("91 {hvc1} 000000 00000003 260101"), Role::Key),
        ("enhanced HEVC coded frames X", format!("a3 {hvc1} 00000003 020101"), Role::Inter),
        ("enhanced HEVC unreferenced", format!("a3 {hvc1} 00000003 000101"), Role::Disposable),
        ("enhanced AVC coded frames", format!("a1 {avc1} 000000 00000002 419a"), Role::Inter),
        ("enhanced AV1 sequence start", format!("90 {av01} 81040c00"), Role::Config),
        ("enhanced AV1 MPEG-2 TS sequence start", format!("95 {av01} 8104"), Role::Config),
        ("enhanced AV1 coded frames have no composition time", format!("91 {av01} 12"), Role::Key),
        ("enhanced VP9 inter", format!("a1 {vp09} 12"), Role::Inter),
        ("enhanced sequence end", format!("92 {hvc1}"), Role::Other),
        ("enhanced metadata", format!("94 {hvc1} 020009 636f6c6f72"), Role::Other),
        ("enhanced command", "d1 00".into(), Role::Other),
        ("enhanced disposable", format!("b1 {av01} 12"), Role::Disposable),
        ("unknown FourCC, start", format!("90 {none} 01"), Role::Config),
        ("unknown FourCC, key frame", format!("91 {none} 01"), Role::Key),
        ("unknown FourCC, inter", format!("a1 {none} 01"), Role::Inter),
        ("a finer timestamp before it", format!("97 02 000123 01 {hvc1} 000000 00000003 260101"), Role::Key),
        ("two prefixes", format!("97 00 00 07 00 00 01 {av01} 12"), Role::Key),
        ("a long prefix", format!("97 ff 0100 {} 01 {av01} 12", "00".repeat(257)), Role::Key),
    ];
    for (what, body, expected) in table {
        assert_eq!(role(Kind::Video, &hex(&body)), Ok((expected, 0)), "{what}");
    }
}

#[test]
fn audio_bodies_have_the_role_that_their_codec_gives_them() {
    let table = [
        ("AAC configuration", "af 00 1210", Role::Config),
        ("AAC", "af 01 2100", Role::Audio),
        ("AAC without anything", "af 01", Role::Other),
        ("MP3", "2f fffb", Role::Audio),
        ("G.711 A-law", "72 d5d5", Role::Audio),
        ("Speex", "b2 00", Role::Audio),
        ("a lone header byte", "2f", Role::Other),
        ("enhanced Opus start", "90 4f707573 4f70757348656164", Role::Config),
        ("enhanced Opus", "91 4f707573 fc", Role::Audio),
        ("enhanced end", "92 4f707573", Role::Other),
        ("enhanced channel map", "94 4f707573 0102", Role::Other),
        ("enhanced unknown codec", "91 7a7a7a7a 00", Role::Audio),
    ];
    for (what, body, expected) in table {
        assert_eq!(role(Kind::Audio, &hex(body)), Ok((expected, 0)), "{what}");
    }
}

#[test]
fn a_multitrack_body_goes_by_its_first_track() {
    // One track; many tracks of one codec; many tracks of many codecs.
    assert_eq!(role(Kind::Video, &hex("96 00 61763031 03 810400")), Ok((Role::Config, 3)));
    assert_eq!(role(Kind::Video, &hex("96 11 61763031 02 000001 12 03 000001 13")), Ok((Role::Key, 2)));
    assert_eq!(
        role(Kind::Video, &hex("a6 21 68766331 01 000003 000000 61763031 02 000001 13")),
        Ok((Role::Other, 1)),
        "nothing but a composition time"
    );
    assert_eq!(role(Kind::Audio, &hex("95 01 4f707573 05 fc")), Ok((Role::Audio, 5)));
}

#[test]
fn metadata_is_told_from_other_script_data() {
    assert_eq!(role(Kind::Data, b"\x02\x00\x0aonMetaData\x08\0\0\0\0\0\0\x09"), Ok((Role::Metadata, 0)));
    assert_eq!(role(Kind::Data, b"\x02\x00\x0aonCuePoint\x05"), Ok((Role::Other, 0)));
    assert_eq!(role(Kind::Data, b"\x02\x00\x0aonMeta"), Ok((Role::Other, 0)));
}

#[test]
fn empty_bodies_pass_and_mean_nothing() {
    for kind in [Kind::Audio, Kind::Video, Kind::Data] {
        assert_eq!(role(kind, b""), Ok((Role::Other, 0)));
    }
}

#[test]
fn bodies_that_end_in_their_header_are_the_publishers_fault() {
    for body in [
        "17",
        "17 00 0000",
        "90 6876",
        "91 68766331 0000",
        "97",
        "97 02 0001",
        "97 ff",
        "96 00 617630",
        "96 10 61763031 00 0000",
        "96 10 61763031 00 000005 01",
    ] {
        assert_eq!(role(Kind::Video, &hex(body)), Err(BadBody::Truncated(Kind::Video)), "{body}");
    }
    assert_eq!(role(Kind::Audio, &hex("af")), Err(BadBody::Truncated(Kind::Audio)));
    assert_eq!(role(Kind::Video, &hex("17 00 000000")), Err(BadBody::EmptyConfig(Kind::Video)));
    assert_eq!(role(Kind::Audio, &hex("af 00")), Err(BadBody::EmptyConfig(Kind::Audio)));
    let prefixes = "97".to_owned() + &"00 00 07".repeat(9);
    assert_eq!(role(Kind::Video, &hex(&prefixes)), Err(BadBody::TooManyPrefixes(Kind::Video)));
    assert!(BadBody::Truncated(Kind::Audio).to_string().contains("publisher"));
}

proptest! {
    #[test]
    fn any_body_is_classified_or_refused(
        first in any::<u8>(),
        rest in proptest::collection::vec(any::<u8>(), 0..64),
        kind in prop_oneof![Just(Kind::Audio), Just(Kind::Video), Just(Kind::Data)],
    ) {
        let mut body = vec![first];
        body.extend_from_slice(&rest);
        let _ = role(kind, &body);
        let _ = crate::codec::TrackInfo::from_config(kind, &body.into());
    }
}
