//! What phones do: `<live-pusher>` of WeChat and the encoders in it, on networks that come and go.

use std::io::Write;
use std::net::TcpStream;

use bytes::Bytes;
use media::frame::{Kind, Role};
use testkit::clip::{self, Clip, Shot, avc_config, stamp};
use testkit::follower::Follower;
use testkit::publisher::Publisher;
use testkit::viewer::{Seen, Viewer};

use crate::harness::Weir;
use crate::show::{
    finish_without_faults, one_on_each_wire, send_in_step, send_in_steps_of, wait_for_picture, wires,
};

const STREAM: &str = "live/phone";

fn publish(weir: &Weir, level: u8) -> Publisher {
    let mut publisher = Publisher::connect(&weir.rtmp_url(STREAM)).expect("a publisher");
    publisher.send_headers(level).expect("headers");
    publisher
}

fn on_air_with_viewers(weir: &Weir, clip: &Clip, gap_ms: i64) -> (Publisher, Vec<Follower>) {
    let followers = one_on_each_wire(weir, STREAM, gap_ms);
    weir.wait_for("three viewers at the door", || weir.app().permits.held() == 3);
    let mut publisher = publish(weir, 30);
    let shots = clip.shots(0, 1_000);
    publisher.send_all(&shots).expect("sent");
    wait_for_picture(&followers, &shots);
    (publisher, followers)
}

fn end(weir: &Weir) {
    assert!(weir.app().drop_stream(&hub::Name::new(STREAM), "the test is over"));
}

/// `<live-pusher>` tries three times and then gives up (code -1307). Its old sockets are still open on the server's
/// side, because nothing said goodbye.
#[test]
fn three_attempts_in_a_row_are_never_refused_as_busy() {
    let weir = Weir::with(&[]);
    let mut abandoned = Vec::new();
    for attempt in 0..3 {
        let mut half = TcpStream::connect(weir.rtmp).expect("a connection");
        half.write_all(&[3; 700]).expect("half a handshake");
        let mut publisher = publish(&weir, 30);
        publisher.send_all(&Clip::default().shots(0, 500 + attempt)).expect("sent");
        abandoned.push((half, publisher));
    }
    weir.wait_on_air(STREAM);
    let stream = weir.app().hub.find(&hub::Name::new(STREAM)).expect("on air");
    assert_eq!(stream.summary().takeovers, 2);
    let (_, mut last) = abandoned.pop().expect("three attempts");
    last.send_all(&Clip::default().shots(520, 1_000)).expect("the last attempt is the one that counts");
    for (_, mut old) in abandoned {
        assert!(old.ended().expect("a reason").contains("the newer push took over"));
    }
}

/// In the background `<live-pusher>` sends its waiting image at a few pictures per second, and silence.
#[test]
fn a_still_image_and_silence_for_forty_seconds_reach_every_viewer_whole() {
    let weir = Weir::with(&[]);
    let clip = Clip { frame_ms: 500, gop: 8, key_bytes: 4_000, inter_bytes: 60, audio_ms: 20 };
    let (mut publisher, followers) = on_air_with_viewers(&weir, &clip, 500);
    send_in_steps_of(2_000, &mut publisher, &followers, &clip.shots(1_000, 41_000));
    let summary = weir.app().hub.find(&hub::Name::new(STREAM)).expect("on air").summary();
    assert_eq!(summary.time_jumps, 0, "two pictures per second are no jump");
    // The sound after the last picture may still be on its way: a push that ends is read to its end.
    publisher.finish().expect("the end");
    let stream = weir.app().hub.find(&hub::Name::new(STREAM)).expect("in its grace");
    weir.wait_for("the end of the push", || stream.phase() == hub::Phase::Grace);
    end(&weir);
    for followed in finish_without_faults(followers) {
        assert_eq!(followed.watch.pictures.len(), 82);
        assert_eq!(followed.watch.count(Role::Audio), 2_050);
        assert_eq!(followed.watch.pictures.last(), Some(&40_500));
    }
}

/// A phone that is turned, or that has less bandwidth in RTC mode, changes its picture's size in mid-stream.
#[test]
fn another_picture_format_reaches_viewers_before_its_first_key_frame() {
    let weir = Weir::with(&[]);
    let clip = Clip::default();
    let (mut publisher, followers) = on_air_with_viewers(&weir, &clip, 100);
    publisher.send(Kind::Video, 1_000, &avc_config(42)).expect("sent");
    let shots = clip.shots(1_000, 2_500);
    send_in_step(&mut publisher, &followers, &shots);
    for url in wires(&weir, STREAM) {
        let mut late = Viewer::open(&url).expect("a late viewer");
        let first =
            std::iter::from_fn(|| late.next().expect("a frame")).find(|seen| seen.kind == Kind::Video);
        assert_eq!(first.expect("a video frame").body, avc_config(42), "{url}");
    }
    end(&weir);
    for followed in finish_without_faults(followers) {
        let videos: Vec<&Seen> = followed.seen.iter().filter(|seen| seen.kind == Kind::Video).collect();
        let change = videos.iter().position(|seen| seen.body == avc_config(42)).expect("the new format");
        assert_eq!(stamp(&videos[change - 1].body), Some(960));
        assert_eq!((videos[change + 1].body[0], stamp(&videos[change + 1].body)), (0x17, Some(1_000)));
        assert_eq!(videos[change].time, videos[change - 1].time.max(videos[change].time), "in its place");
    }
}

/// The publisher's times after the first second, which ends at 1,000: where the next three seconds begin.
fn times_that_jump(weir: &Weir, begin: u32, then: u32, jumps: u64) {
    let clip = Clip::default();
    let followers = one_on_each_wire(weir, STREAM, 100);
    weir.wait_for("three viewers at the door", || weir.app().permits.held() == 3);
    let mut publisher = publish(weir, 30);
    // A shot's time moves, its picture stays: pictures keep the stamps by which they are known.
    let moved = |from: u32, to: u32, by: u32| -> Vec<Shot> {
        clip.shots(from, to)
            .into_iter()
            .map(|shot| Shot { time: shot.time.wrapping_add(by), ..shot })
            .collect()
    };
    let before = moved(0, 1_000, begin);
    publisher.send_all(&before).expect("sent");
    wait_for_picture(&followers, &before);
    send_in_step(&mut publisher, &followers, &moved(1_000, 4_000, then));
    let summary = weir.app().hub.find(&hub::Name::new(STREAM)).expect("on air").summary();
    assert_eq!(summary.time_jumps, jumps, "a jump of both tracks is one");
    end(weir);
    for followed in finish_without_faults(followers) {
        assert_eq!(followed.watch.pictures.len(), 100, "no picture is lost");
        assert_eq!(followed.watch.count(Role::Audio), 200);
        let steps: Vec<i64> = followed.watch.pictures.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(steps.iter().all(|step| (1..=100).contains(step)), "{steps:?}");
        assert_eq!(followed.watch.pictures.first(), Some(&0));
    }
}

#[test]
fn a_clock_that_jumps_ahead_an_hour_is_not_seen_by_viewers() {
    times_that_jump(&Weir::with(&[]), 0, 3_600_000, 1);
}

#[test]
fn a_clock_that_goes_back_is_not_seen_by_viewers() {
    times_that_jump(&Weir::with(&[]), 7_200_000, 60_000, 1);
}

#[test]
fn a_clock_that_passes_two_to_the_32_goes_on() {
    let begin = 0_u32.wrapping_sub(2_000);
    times_that_jump(&Weir::with(&[]), begin, begin, 0);
}

#[test]
fn a_clock_that_needs_extended_timestamps_goes_on() {
    times_that_jump(&Weir::with(&[]), 0xFF_FFFF - 2_000, 0xFF_FFFF - 2_000, 0);
}

/// lal and Ant Media broke there, after 4 hours and 40 minutes on air. A pause of nearly six seconds between two
/// pictures is still kept, so three thousand pictures are enough.
#[test]
fn viewers_of_a_stream_that_is_on_air_for_five_hours_get_extended_timestamps() {
    let weir = Weir::with(&[("fanout.max_lag_ms", "60000")]);
    let clip = Clip { frame_ms: 5_900, gop: 1, key_bytes: 64, inter_bytes: 64, audio_ms: 0 };
    let followers = one_on_each_wire(&weir, STREAM, 6_000);
    weir.wait_for("three viewers at the door", || weir.app().permits.held() == 3);
    let mut publisher = publish(&weir, 30);
    let shots = clip.shots(0, 0x100_0000 + 30_000);
    send_in_steps_of(50_000, &mut publisher, &followers, &shots);
    end(&weir);
    for followed in finish_without_faults(followers) {
        // Each picture is a key frame, so a viewer begins at the newest one and not at the first.
        let seen = &followed.watch.pictures;
        let expected: Vec<i64> = shots.iter().map(|shot| i64::from(shot.time)).collect();
        assert!(seen.len() > 2_800 && expected.ends_with(seen), "the times of {} pictures", seen.len());
        assert!(seen.last().is_some_and(|last| *last > 0xFF_FFFF));
    }
}

/// SEI carries what `sendMessage` of `<live-pusher>` says; `onMetaData` is what `bindmetadatachange` shows.
#[test]
fn messages_in_sei_and_script_data_come_through_unchanged() {
    let weir = Weir::with(&[]);
    let clip = Clip::default();
    let (mut publisher, followers) = on_air_with_viewers(&weir, &clip, 100);
    let sei: &[u8] = b"\x06\x05\x14\x05\xDE\xAD\xBE\xEF hello from the host\x80";
    let slice: &[u8] = &[0x41, 0x9A, 0x00, 0x11, 0x22];
    let mut picture = vec![0x27, 1, 0, 0, 0];
    for nal in [sei, slice] {
        picture.extend_from_slice(&(nal.len() as u32).to_be_bytes());
        picture.extend_from_slice(nal);
    }
    let audio_config = Bytes::from_static(&[0xAF, 0, 0x14, 0x08]);
    let messages = [
        (Kind::Video, Bytes::from(picture)),
        (Kind::Data, Bytes::from_static(b"\x02\x00\x0aonTextData\x08\x00\x00\x00\x00\x00\x04text\x02\x00\x06\xE5\xBC\xB9\xE5\xB9\x95\x00\x00\x09")),
        (Kind::Data, clip::metadata("another title")),
        (Kind::Data, Bytes::from_static(b"\xFF no AMF at all \x00\x01")),
        // AAC at 16 kHz, mono: what audio-quality="low" records.
        (Kind::Audio, audio_config.clone()),
        (Kind::Audio, Bytes::from_static(&[0xAF, 1, 0x21, 0x10, 0x05])),
        // A codec that nobody knows yet.
        (Kind::Video, Bytes::from_static(&[0x2E, 1, 2, 3, 4, 5])),
    ];
    for (kind, body) in &messages {
        publisher.send(*kind, 1_000, body).expect("sent");
    }
    // A muted microphone, as some phones send it. It means nothing, so it may be left out.
    publisher.send(Kind::Audio, 1_000, &Bytes::new()).expect("sent");
    send_in_step(&mut publisher, &followers, &clip.shots(1_000, 1_400));
    let mut late = Viewer::open(&weir.flv_url(STREAM)).expect("a late viewer");
    let sound = std::iter::from_fn(|| late.next().expect("a frame")).find(|seen| seen.kind == Kind::Audio);
    assert_eq!(sound.expect("sound").body, audio_config, "16 kHz is what late viewers are told too");
    end(&weir);
    for (followed, url) in finish_without_faults(followers).iter().zip(wires(&weir, STREAM)) {
        let mut rest = followed.seen.iter();
        for (kind, body) in &messages {
            let found = rest.any(|seen| seen.kind == *kind && seen.body == body);
            assert!(found, "{url}: {kind:?} {body:x?} is missing, or out of order");
        }
    }
}
