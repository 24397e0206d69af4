//! The stream as a reader of it sees it. That decoders show it is tested where there are decoders.

use super::*;
use crate::codec::TrackInfo;

/// 2026-11-24 08:00:00 in China.
const EPOCH_MS: i64 = 1_795_478_400_000;

fn seconds(count: i64) -> Vec<Frame> {
    let mut synth = Synth::new(Options { title: "Demo stream".into(), ..Options::default() });
    let mut frames = Vec::new();
    while synth.next_time() < count * 1_000 {
        let due = synth.next_time();
        frames.push(synth.next(EPOCH_MS));
        assert_eq!(frames[frames.len() - 1].time, due);
    }
    frames
}

#[test]
fn frames_come_in_order_and_are_what_they_say() {
    let frames = seconds(3);
    assert!(frames.is_sorted_by_key(|frame| frame.time));
    assert_eq!(frames.iter().filter(|frame| frame.kind == Kind::Video).count(), 75);
    assert_eq!(frames.iter().filter(|frame| frame.kind == Kind::Audio).count(), 141);
    let keys: Vec<i64> =
        frames.iter().filter(|frame| frame.role == Role::Key).map(|frame| frame.time).collect();
    assert_eq!(keys, [0, 1_000, 2_000]);
    let synth = Synth::new(Options::default());
    for frame in synth.headers().iter().chain(&frames) {
        let read = Frame::classify(frame.kind, frame.time, frame.body.clone()).unwrap();
        assert_eq!((read.role, read.track), (frame.role, frame.track));
    }
}

#[test]
fn the_headers_say_what_is_sent() {
    let headers = Synth::new(Options::default()).headers();
    let video = TrackInfo::from_config(Kind::Video, &headers[1].body).unwrap();
    assert_eq!((video.width, video.height, video.fps), (Some(640), Some(360), Some(25.0)));
    assert_eq!(video.codec_string, "avc1.42c01e");
    let audio = TrackInfo::from_config(Kind::Audio, &headers[2].body).unwrap();
    assert_eq!(
        (audio.codec_string.as_str(), audio.sample_rate, audio.channels),
        ("mp4a.40.2", Some(48_000), Some(1))
    );
    let values = amf0::decode(&headers[0].body).unwrap();
    assert_eq!(values[1].get("width").and_then(Value::as_f64), Some(640.0));
}

#[test]
fn it_stays_far_below_a_megabit() {
    let bytes: usize = seconds(5).iter().map(|frame| frame.body.len()).sum();
    assert!(bytes * 8 / 5 < 800_000, "{} bits per second", bytes * 8 / 5);
}

#[test]
fn something_moves_in_every_picture() {
    let small = seconds(2).iter().filter(|frame| frame.role == Role::Inter && frame.body.len() < 100).count();
    assert_eq!(small, 0);
}

#[test]
fn the_tone_is_at_the_start_of_each_second_of_the_clock() {
    let mut synth = Synth::new(Options::default());
    let mut loud = Vec::new();
    while synth.next_time() < 2_000 {
        let frame = synth.next(EPOCH_MS + 400);
        if frame.kind == Kind::Audio && frame.body.len() > 20 {
            loud.push(frame.time);
        }
    }
    // Stream time 600 is the clock's next second.
    assert!(loud.iter().all(|time| (550..740).contains(&(time % 1_000))), "{loud:?}");
    assert!(loud.len() >= 10, "{loud:?}");
}

#[test]
fn titles_of_any_kind_and_clocks_of_any_time_are_drawn() {
    for title in ["", "堰 直播间", &"long ".repeat(100), "\u{0}\u{10ffff}"] {
        for epoch in [0, -1, i64::MIN, i64::MAX, EPOCH_MS] {
            let mut synth = Synth::new(Options { title: title.to_owned(), utc_offset_minutes: i32::MIN });
            synth.next(epoch);
            synth.next(epoch);
        }
    }
    assert_eq!(zone(480), "UTC+8");
    assert_eq!(zone(-210), "UTC-3:30");
}
