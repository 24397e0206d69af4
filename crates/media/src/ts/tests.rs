use super::*;
use crate::frame::Frame;
use crate::synth::{Options, Synth};

fn config(kind: Kind, body: &[u8]) -> Config {
    Config::of(&Frame::classify(kind, 0, Bytes::copy_from_slice(body)).unwrap()).unwrap()
}

fn avc() -> Config {
    let mut body = vec![0x17, 0, 0, 0, 0, 1, 0x64, 0, 0x1f, 0xff, 0xe1];
    body.extend_from_slice(&[0, 4, 0x67, 0x64, 0, 0x1f, 1, 0, 2, 0x68, 0xee]);
    config(Kind::Video, &body)
}

fn aac() -> Config {
    config(Kind::Audio, &[0xaf, 0, 0x12, 0x10])
}

fn sample(kind: Kind, codec: Codec, time: i64, key: bool, data: &[u8]) -> Sample {
    Sample { kind, track: 0, codec, dts: time, pts: time, key, data: Bytes::copy_from_slice(data) }
}

fn picture(time: i64, key: bool) -> Sample {
    sample(Kind::Video, Codec::H264, time, key, &[0, 0, 0, 3, if key { 0x65 } else { 0x41 }, 1, 2])
}

fn sound(time: i64) -> Sample {
    sample(Kind::Audio, Codec::Aac, time, true, &[0x21; 100])
}

/// Bytes of the payload of all packets with this number, and the clock references of all packets.
fn read(ts: &[u8], pid: u16) -> (Vec<u8>, Vec<i64>) {
    let (mut payload, mut clocks) = (Vec::new(), Vec::new());
    for packet in ts.chunks(PACKET_BYTES) {
        assert_eq!((packet[0], packet.len()), (0x47, PACKET_BYTES));
        let mut at = 4;
        if packet[3] & 0x20 != 0 {
            at += 1 + usize::from(packet[4]);
            if packet[4] > 0 && packet[5] & 0x10 != 0 {
                let base = packet[6..11].iter().fold(0, |sum, byte| sum << 8 | i64::from(*byte));
                clocks.push(base >> 7);
            }
        }
        if u16::from_be_bytes([packet[1] & 0x1f, packet[2]]) == pid && packet[3] & 0x10 != 0 {
            payload.extend_from_slice(&packet[at..]);
        }
    }
    (payload, clocks)
}

fn muxer() -> Muxer {
    let mut muxer = Muxer::default();
    muxer.handle_config(&avc()).unwrap();
    muxer.handle_config(&aac()).unwrap();
    muxer
}

#[test]
fn a_key_frame_has_a_delimiter_and_its_parameter_sets_and_another_picture_a_delimiter() {
    let mut muxer = muxer();
    muxer.handle_sample(&picture(0, true)).unwrap();
    let (payload, _) = read(&muxer.take(), 0x100);
    assert_eq!(payload[..9], [0, 0, 1, 0xe0, 0, 0, 0x84, 0x80, 5]);
    let expected = [
        &[0, 0, 0, 1, 9, 0xf0, 0, 0, 0, 1, 0x67, 0x64, 0, 0x1f][..],
        &[0, 0, 0, 1, 0x68, 0xee, 0, 0, 0, 1, 0x65, 1, 2],
    ];
    assert_eq!(payload[14..], expected.concat());
    muxer.handle_sample(&picture(40, false)).unwrap();
    let (payload, _) = read(&muxer.take(), 0x100);
    assert_eq!(payload[14..], [0, 0, 0, 1, 9, 0xf0, 0, 0, 0, 1, 0x41, 1, 2]);
}

#[test]
fn parameter_sets_and_delimiters_of_the_encoder_are_not_doubled() {
    let mut muxer = muxer();
    let data =
        [&[0, 0, 0, 2, 9, 0x10][..], &[0, 0, 0, 2, 0x67, 7], &[0, 0, 0, 0], &[0, 0, 0, 2, 0x65, 1]].concat();
    muxer.handle_sample(&sample(Kind::Video, Codec::H264, 0, true, &data)).unwrap();
    let (payload, _) = read(&muxer.take(), 0x100);
    assert_eq!(payload[14..], [0, 0, 0, 1, 9, 0xf0, 0, 0, 0, 1, 0x67, 7, 0, 0, 0, 1, 0x65, 1]);
}

#[test]
fn hevc_has_its_own_delimiter_and_three_kinds_of_sets() {
    let mut body = b"\x90hvc1".to_vec();
    body.push(1);
    body.extend_from_slice(&[0; 20]);
    body.extend_from_slice(&[0xff, 4]);
    for (unit_type, unit) in [(32, [0x40, 1]), (39, [0x4e, 1]), (33, [0x42, 1]), (34, [0x44, 1])] {
        body.extend_from_slice(&[unit_type, 0, 1, 0, 2]);
        body.extend_from_slice(&unit);
    }
    let mut muxer = Muxer::default();
    muxer.handle_config(&config(Kind::Video, &body)).unwrap();
    muxer.handle_sample(&sample(Kind::Video, Codec::Hevc, 0, true, &[0, 0, 0, 2, 0x26, 1])).unwrap();
    let (payload, _) = read(&muxer.take(), 0x100);
    let units = [&[0x46, 1, 0x50][..], &[0x40, 1], &[0x42, 1], &[0x44, 1], &[0x26, 1]];
    assert_eq!(payload[14..], units.map(|unit| [START, unit].concat()).concat());
    const START: &[u8] = annex_b::START_CODE;
}

#[test]
fn each_frame_of_sound_has_its_header_and_several_share_a_packet() {
    let mut muxer = muxer();
    for index in 0..4 {
        muxer.handle_sample(&sound(index * 23)).unwrap();
    }
    let ts = muxer.take();
    let (payload, _) = read(&ts, 0x101);
    assert_eq!(payload[..6], [0, 0, 1, 0xc0, 0x01, 0xb4], "8 and 4 times 107 bytes");
    for frame in payload[14..].chunks(107) {
        assert_eq!(frame[..3], [0xff, 0xf1, 0x50]);
        assert_eq!(frame[7..], [0x21; 100]);
    }
    // 0.7 s are 63,000: in groups of 3, 15 and 15 bits with a marker after each.
    assert_eq!(payload[9..14], [0x21, 0, 3, 0xec, 0x31]);
}

#[test]
fn clock_references_are_never_more_than_100_ms_apart_at_any_rate_and_on_the_right_track() {
    for step in [16, 40, 99, 200, 1_000, 3_000] {
        let mut muxer = muxer();
        for index in 0..20 {
            muxer.handle_sample(&picture(index * step, true)).unwrap();
        }
        let (_, clocks) = read(&muxer.take(), 0x100);
        assert!(
            clocks.windows(2).all(|pair| (0..=9_000).contains(&(pair[1] - pair[0]))),
            "{step}: {clocks:?}"
        );
    }
    let mut muxer = Muxer::default();
    muxer.handle_config(&aac()).unwrap();
    for index in 0..100 {
        muxer.handle_sample(&sound(index * 23)).unwrap();
    }
    let ts = muxer.take();
    let (_, clocks) = read(&ts, 0x101);
    assert!(clocks.len() > 20 && clocks.windows(2).all(|pair| pair[1] - pair[0] <= 9_000 + 23 * 90));
    let map = ts.chunks(PACKET_BYTES).nth(1).unwrap();
    assert_eq!(map[13..15], [0xe1, 0x01], "the clock is on the sound");
}

#[test]
fn a_gap_of_a_day_is_not_filled() {
    let mut muxer = muxer();
    muxer.handle_sample(&picture(0, true)).unwrap();
    muxer.handle_sample(&picture(86_400_000, true)).unwrap();
    assert!(muxer.take().len() < 20 * PACKET_BYTES);
}

#[test]
fn times_wrap_at_33_bits() {
    let wrap = (1_i64 << 33) / 90;
    let mut muxer = muxer();
    for time in [wrap - 720, wrap - 680] {
        muxer.handle_sample(&picture(time, true)).unwrap();
        let (payload, _) = read(&muxer.take(), 0x100);
        let high = payload[9] >> 1 & 0x07;
        assert_eq!(high, if time < wrap - 700 { 7 } else { 0 });
    }
    muxer.handle_sample(&picture(i64::MAX, true)).unwrap();
    muxer.handle_sample(&picture(i64::MIN, true)).unwrap();
}

#[test]
fn a_picture_that_is_shown_before_it_is_decoded_is_shown_then() {
    let mut muxer = muxer();
    let mut early = picture(40, false);
    early.pts = 20;
    muxer.handle_sample(&early).unwrap();
    assert_eq!(read(&muxer.take(), 0x100).0[7], 0x80, "one stamp: both are the same");
}

#[test]
fn counters_go_on_over_segments_and_the_map_changes_its_version_with_the_tracks() {
    let mut muxer = Muxer::default();
    muxer.handle_config(&avc()).unwrap();
    muxer.begin_segment();
    muxer.handle_sample(&picture(0, true)).unwrap();
    let first = muxer.take();
    muxer.begin_segment();
    muxer.handle_sample(&picture(40, true)).unwrap();
    muxer.handle_config(&aac()).unwrap();
    muxer.handle_sample(&sound(60)).unwrap();
    let second = muxer.take();
    let maps = |ts: &[u8]| -> Vec<(u8, u8)> {
        let map = |packet: &&[u8]| packet[1..3] == [0x50, 0];
        ts.chunks(PACKET_BYTES).filter(map).map(|packet| (packet[3] & 0x0f, packet[10] >> 1 & 0x1f)).collect()
    };
    assert_eq!(maps(&first), [(0, 0)]);
    assert_eq!(maps(&second), [(1, 0), (2, 1)]);
    muxer.handle_new_publisher();
    muxer.handle_config(&avc()).unwrap();
    muxer.begin_segment();
    assert_eq!(maps(&muxer.take()), [(3, 2)]);
}

#[test]
fn what_cannot_be_written_is_an_error_and_leaves_whole_packets() {
    let mut muxer = Muxer::default();
    assert_eq!(muxer.handle_sample(&picture(0, true)), Err(BadSample::NoConfig(Codec::H264)));
    let opus = sample(Kind::Audio, Codec::Opus, 0, true, &[1]);
    assert_eq!(muxer.handle_sample(&opus), Err(BadSample::Codec(Codec::Opus)));
    muxer.handle_config(&avc()).unwrap();
    muxer.handle_config(&aac()).unwrap();
    for data in [&[0, 0, 0, 9, 1][..], &[0, 0], &[0xff; 9]] {
        let bad = sample(Kind::Video, Codec::H264, 0, true, data);
        assert_eq!(muxer.handle_sample(&bad), Err(BadSample::Length(Codec::H264)));
    }
    let long = sample(Kind::Audio, Codec::Aac, 0, true, &[0; 8_185]);
    assert_eq!(muxer.handle_sample(&long), Err(BadSample::Length(Codec::Aac)));
    let mp3 = sample(Kind::Audio, Codec::Mp3, 0, true, &[0; 70_000]);
    assert_eq!(muxer.handle_sample(&mp3), Err(BadSample::NoConfig(Codec::Mp3)), "the track is AAC");
    assert_eq!(muxer.take().len() % PACKET_BYTES, 0);
    let mut muxer = Muxer::default();
    assert_eq!(muxer.handle_sample(&mp3), Err(BadSample::Length(Codec::Mp3)));
    let short = config(Kind::Video, &[0x17, 0, 0, 0, 0, 1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, 9]);
    assert_eq!(muxer.handle_config(&short), Err(BadSample::Config(Codec::H264)));
}

#[test]
fn a_second_track_of_a_kind_is_left_out() {
    let mut muxer = muxer();
    let mut other = sound(0);
    other.track = 1;
    assert_eq!(muxer.handle_sample(&other), Ok(()));
    assert_eq!(read(&muxer.take(), 0x101).0, []);
}

#[test]
fn the_demo_stream_is_carried_whole() {
    let mut synth = Synth::new(Options::default());
    let mut muxer = Muxer::default();
    for frame in synth.headers() {
        if let Some(config) = Config::of(&frame) {
            muxer.handle_config(&config).unwrap();
        }
    }
    muxer.begin_segment();
    let (mut pictures, mut bytes) = (0, 0);
    while synth.next_time() < 2_000 {
        let sample = Sample::of(&synth.next(0)).unwrap();
        pictures += usize::from(sample.kind == Kind::Video);
        bytes += sample.data.len();
        muxer.handle_sample(&sample).unwrap();
    }
    let ts = muxer.take();
    let starts = ts.chunks(PACKET_BYTES).filter(|packet| packet[1..3] == [0x41, 0]).count();
    assert_eq!(starts, pictures);
    assert!(ts.len() < bytes + bytes / 5, "{} bytes for {bytes}", ts.len());
}
