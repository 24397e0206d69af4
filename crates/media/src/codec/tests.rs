//! Configuration records of real encoders, and of nobody.

use proptest::prelude::*;

use super::*;

fn hex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

// The records below are the codec data ("extradata") that FFmpeg 5.1.9 writes into FLV or MP4 for the picture of
// `-f lavfi -i testsrc2` with the size and rate in the test, as `ffprobe -show_streams -show_data` prints them.

/// `-c:v libx264 -preset fast -profile:v high`.
const X264_HIGH: &str =
    "0164001fffe1001a6764001facd9405005bb0110000003001000000303c0f183196001000668eae3cb22c0fdf8f800";
/// `-c:v libx264 -bf 3 -profile:v main`, 30000/1001 pictures per second, portrait.
const X264_MAIN: &str = "014d4028ffe10018674d4028eca02201e3cbe022000007d20001d4c01e30632c01000568eae3cb20";
/// `-c:v libx264 -x264-params interlaced=1 -pix_fmt yuv422p`, 854 wide, so cropped.
const X264_INTERLACED: &str =
    "017a001effe1001a677a001ebcd940d87bcde022000003000200000300643e28532c01000668fba3cb22c0fef8f800";
/// `-c:v libx265`, without the array of supplemental information, which holds the encoder's options as text.
const X265: &str = "01016000000090000000000078f000fcfdf8f800000f03a00001001840010c01ffff01600000030090000003000003\
                    0078959809a10001002a420101016000000300900000030000030078a003c08010e596566924caf0168080000003008000\
                    000c84a2000100074401c172b46240";
/// `-c:v libsvtav1`.
const SVT_AV1: &str = "81040c000a0b00000024c6afdf00be0010";
/// `-c:v libaom-av1`, 642 by 362.
const AOM_AV1: &str = "81010c000a0b0000000cc5036936be4010";
/// `-c:v libvpx-vp9`: the `vpcC` box of an MP4, version and flags first.
const VP9: &str = "010000000015820202020000";
/// `-f lavfi -i sine=r=44100 -ac 2 -c:a aac`.
const AAC: &str = "121056e500";
/// `-f lavfi -i sine=r=48000 -c:a libopus`.
const OPUS: &str = "4f707573486561640101380180bb0000000000";
/// `-f lavfi -i sine=r=48000 -c:a flac`: the bare block.
const FLAC: &str = "120012000001060004ff0bb800f0000038407044de84a8b56e9e558a37d978aff114";

fn info(kind: Kind, prefix: &[u8], record: &str) -> Option<TrackInfo> {
    let mut body = prefix.to_vec();
    body.extend_from_slice(&hex(&record.replace(' ', "")));
    TrackInfo::from_config(kind, &body.into())
}

const AVC: &[u8] = &[0x17, 0, 0, 0, 0];
const HEVC_BY_NUMBER: &[u8] = &[0x1c, 0, 0, 0, 0];

fn picture(prefix: &[u8], record: &str) -> (Codec, String, Option<(u32, u32)>, Option<f64>) {
    let info = info(Kind::Video, prefix, record).unwrap();
    (info.codec, info.codec_string, info.width.zip(info.height), info.fps)
}

#[test]
fn h264_of_x264_is_read() {
    assert_eq!(picture(AVC, X264_HIGH), (Codec::H264, "avc1.64001f".into(), Some((1280, 720)), Some(30.0)));
    assert_eq!(
        picture(AVC, X264_MAIN),
        (Codec::H264, "avc1.4d4028".into(), Some((1080, 1920)), Some(30_000.0 / 1_001.0))
    );
    assert_eq!(
        picture(b"\x90avc1", X264_INTERLACED),
        (Codec::H264, "avc1.7a001e".into(), Some((854, 480)), Some(25.0))
    );
}

#[test]
fn hevc_of_x265_is_read_with_the_number_of_china_and_the_four_letters_of_everybody() {
    let expected = (Codec::Hevc, "hvc1.1.6.L120.90".to_owned(), Some((1920, 1080)), Some(25.0));
    assert_eq!(picture(HEVC_BY_NUMBER, X265), expected);
    assert_eq!(picture(b"\x90hvc1", X265), expected);
}

#[test]
fn av1_and_vp9_are_read() {
    assert_eq!(picture(b"\x90av01", SVT_AV1), (Codec::Av1, "av01.0.04M.08".into(), Some((856, 480)), None));
    assert_eq!(picture(b"\x90av01", AOM_AV1), (Codec::Av1, "av01.0.01M.08".into(), Some((642, 362)), None));
    assert_eq!(picture(b"\x90vp09", VP9), (Codec::Vp9, "vp09.00.21.08".into(), None, None));
    assert_eq!(picture(b"\x90vp09", &VP9[8..]), (Codec::Vp9, "vp09.00.21.08".into(), None, None));
}

#[test]
fn sound_is_read() {
    let sound = |prefix: &[u8], record: &str| {
        let info = info(Kind::Audio, prefix, record).unwrap();
        (info.codec.name(), info.codec_string, info.sample_rate, info.channels)
    };
    assert_eq!(sound(&[0xaf, 0], AAC), ("AAC", "mp4a.40.2".into(), Some(44_100), Some(2)));
    assert_eq!(sound(b"\x90mp4a", AAC), ("AAC", "mp4a.40.2".into(), Some(44_100), Some(2)));
    assert_eq!(sound(b"\x90Opus", OPUS), ("Opus", "opus".into(), Some(48_000), Some(1)));
    assert_eq!(sound(b"\x90fLaC", FLAC), ("FLAC", "flac".into(), Some(48_000), Some(1)));
    let marked = format!("664c614300000022{FLAC}");
    assert_eq!(sound(b"\x90fLaC", &marked), ("FLAC", "flac".into(), Some(48_000), Some(1)));
}

#[test]
fn every_way_to_say_high_efficiency_aac_is_read() {
    let table = [
        ("1190", "mp4a.40.2", 48_000, Some(2)),
        ("1408", "mp4a.40.2", 16_000, Some(1)),
        // Explicit: type 5, then the core's rate, the output's rate, the core's type.
        ("2b920800", "mp4a.40.5", 44_100, Some(2)),
        // Explicit with parametric stereo: type 29, one coded channel.
        ("eb8a0800", "mp4a.40.29", 44_100, Some(2)),
        // Behind a configuration of 22.05 kHz, for decoders that do not know it.
        ("139056e5a0", "mp4a.40.5", 44_100, Some(2)),
        ("138856e5a54880", "mp4a.40.29", 44_100, Some(2)),
        // An escaped rate of 37,800 Hz; a program element instead of channels.
        ("1780 49d4 10", "mp4a.40.2", 37_800, Some(2)),
        ("1180", "mp4a.40.2", 48_000, None),
    ];
    for (record, string, rate, channels) in table {
        let info = info(Kind::Audio, &[0xaf, 0], record).unwrap();
        assert_eq!(
            (&*info.codec_string, info.sample_rate, info.channels),
            (string, Some(rate), channels),
            "{record}"
        );
    }
}

#[test]
fn what_is_not_a_configuration_gives_nothing() {
    assert_eq!(info(Kind::Video, &[0x17, 1, 0, 0, 0], X264_HIGH), None);
    assert_eq!(info(Kind::Data, &[], X264_HIGH), None);
    assert_eq!(info(Kind::Video, &[], ""), None);
    assert_eq!(info(Kind::Audio, &[0xaf, 0], ""), None);
    assert_eq!(info(Kind::Video, AVC, "00640020"), None);
}

#[test]
fn a_record_that_is_cut_gives_what_was_read() {
    let cut = picture(AVC, &X264_HIGH[..40]);
    assert_eq!((cut.1.as_str(), cut.2), ("avc1.64001f", None));
}

#[test]
fn a_picture_of_four_billion_pixels_is_not_believed() {
    // Baseline with pic_width_in_mbs_minus1 of 2^32 - 2: the multiplication would overflow.
    let mut sps = vec![0x67, 66, 0, 30, 0b1111_0110];
    sps.extend_from_slice(&[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    assert_eq!(h264::Sps::parse(&sps), None);
}

fn records() -> Vec<(Kind, Vec<u8>)> {
    let with = |prefix: &[u8], record: &str| [prefix, &hex(&record.replace(' ', ""))].concat();
    vec![
        (Kind::Video, with(AVC, X264_HIGH)),
        (Kind::Video, with(AVC, X264_INTERLACED)),
        (Kind::Video, with(HEVC_BY_NUMBER, X265)),
        (Kind::Video, with(b"\x90av01", SVT_AV1)),
        (Kind::Video, with(b"\x90vp09", VP9)),
        (Kind::Audio, with(&[0xaf, 0], "138856e5a54880")),
        (Kind::Audio, with(b"\x90Opus", OPUS)),
        (Kind::Audio, with(b"\x90fLaC", FLAC)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(4_000), ..ProptestConfig::default() })]

    #[test]
    fn malformed_sps_and_obu_overflow_do_not_panic(
        which in 0..8_usize,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
    ) {
        let (kind, mut body) = records().swap_remove(which);
        for (at, value) in changes {
            let at = at.index(body.len());
            body[at] = value;
        }
        if cuts {
            let len = cut.index(body.len());
            body.truncate(len);
        }
        if let Some(info) = TrackInfo::from_config(kind, &body.into()) {
            prop_assert!(info.width.is_none_or(|width| width <= MAX_DIMENSION));
            prop_assert!(info.fps.is_none_or(|fps| fps > 0.0 && fps <= 1_000.0));
        }
    }

    #[test]
    fn any_bytes_as_sps_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        let _ = h264::Sps::parse(&[&[0x67], &bytes[..]].concat());
        let _ = h265::Sps::parse(&[&[0x42, 1], &bytes[..]].concat());
    }
}
