//! Viewers that stop reading: they cost nothing, disturb nobody, and go on at a key frame, or are let go.

use std::sync::Arc;

use hub::{Feed, Name, Wake};
use media::frame::{Frame, Role};
use testkit::clip::{Clip, stamp};
use testkit::follower::Follower;
use testkit::publisher::Publisher;
use testkit::viewer::Viewer;
use testkit::watch::Watch;

use crate::harness::{Weir, wait_for};
use crate::show::{finish_without_faults, one_on_each_wire, send_in_step, wires};

const STREAM: &str = "live/slow";

/// What the kernel receives ahead of a viewer that does not read, in bytes.
const NARROW: usize = 16 * 1024;

/// 2 Mbit/s, so that a minute is far more than all the buffers between the server and a viewer.
const CLIP: Clip = Clip { frame_ms: 40, gop: 50, key_bytes: 60_000, inter_bytes: 9_000, audio_ms: 20 };

#[derive(Debug)]
struct Asleep;

impl Wake for Asleep {
    fn wake(&self) {}
}

/// Media that the stream holds for its viewers, in bytes.
fn held(weir: &Weir) -> u64 {
    let stream = weir.app().hub.find(&Name::new(STREAM)).expect("on air");
    let mut feed = Feed::new(stream, Arc::new(Asleep));
    feed.pull();
    let first = feed.get(feed.base()).map_or(0, |entry| entry.bytes_before);
    feed.last().map_or(0, |entry| entry.bytes_through()) - first
}

fn on_air(weir: &Weir) -> Publisher {
    let mut publisher = Publisher::connect(&weir.rtmp_url(STREAM)).expect("a publisher");
    publisher.send_headers(30).expect("headers");
    publisher.send_all(&CLIP.shots(0, 480)).expect("sent");
    weir.wait_on_air(STREAM);
    publisher
}

#[test]
fn viewers_that_stop_for_a_minute_go_on_at_a_key_frame_and_disturb_nobody() {
    let weir = Weir::with(&[]);
    let mut publisher = on_air(&weir);
    let good = one_on_each_wire(&weir, STREAM, 40);
    let open = |url: &String| Viewer::open_narrow(url, NARROW).expect("a viewer");
    let stopped: Vec<Viewer> = wires(&weir, STREAM).iter().map(open).collect();
    weir.wait_viewers(STREAM, 6);
    // The first second of it is in the buffers; the rest waits nowhere.
    let shots = CLIP.shots(0, 62_000);
    let minute: Vec<_> = shots.into_iter().filter(|shot| shot.time >= 480).collect();
    let len = minute.partition_point(|shot| shot.time < 60_000);
    send_in_step(&mut publisher, &good, &minute[..len]);
    let bound = 4 * 1024 * 1024;
    assert!(held(&weir) < bound, "{} bytes are kept", held(&weir));
    assert_eq!(weir.app().hub.find(&Name::new(STREAM)).expect("on air").viewers(), 6, "nobody was let go");

    let woken: Vec<Follower> =
        stopped.into_iter().map(|viewer| Follower::of(viewer, Watch::with_largest_gap(40))).collect();
    // They read what was under way, and then the newest group of pictures.
    let newest = minute[..len].iter().rev().find_map(|shot| stamp(&shot.body));
    wait_for("the woken viewers in the present", || woken.iter().all(|viewer| viewer.stamp() == newest));
    let everybody: Vec<Follower> = good.into_iter().chain(woken).collect();
    send_in_step(&mut publisher, &everybody, &minute[len..]);
    weir.app().drop_stream(&Name::new(STREAM), "the test is over");
    let followed = finish_without_faults(everybody);
    for (number, viewer) in followed.iter().enumerate() {
        let pictures = viewer.watch.pictures.len();
        let frames = viewer.seen.iter().map(|seen| Frame::classify(seen.kind, seen.time, seen.body.clone()));
        let frames: Vec<Frame> = frames.map(|frame| frame.expect("a frame")).collect();
        if number < 3 {
            assert_eq!(pictures, 62_000 / 40, "viewer {number} lost pictures to others");
            let picture = frames.iter().position(|frame| frame.role == Role::Key).expect("a key frame");
            let again = frames[picture..].iter().any(|frame| frame.role == Role::Config);
            assert!(!again, "viewer {number} was sent headers that it had");
            continue;
        }
        assert!(pictures < 500, "viewer {number} was sent {pictures} pictures");
        let gap =
            viewer.watch.pictures.windows(2).position(|pair| pair[1] - pair[0] > 40_000).expect("a gap");
        let resumed = viewer.watch.pictures[gap + 1];
        let key = frames.iter().position(|frame| frame.role == Role::Key && frame.time == resumed);
        let key = key.expect("it goes on at a key frame");
        let headers = frames[..key].iter().rev().take_while(|frame| frame.role != Role::Inter);
        assert_eq!(
            headers.filter(|frame| frame.role == Role::Config).count(),
            2,
            "viewer {number}: headers first"
        );
    }
}

#[test]
fn a_viewer_that_never_reads_again_is_let_go() {
    let weir = Weir::with(&[("fanout.stall_timeout_seconds", "1")]);
    let mut publisher = on_air(&weir);
    let good = one_on_each_wire(&weir, STREAM, 40);
    let open = |url: &String| Viewer::open_narrow(url, NARROW).expect("a viewer");
    let stopped: Vec<Viewer> = wires(&weir, STREAM).iter().map(open).collect();
    weir.wait_viewers(STREAM, 6);
    let shots = CLIP.shots(0, 10_000);
    let later: Vec<_> = shots.into_iter().filter(|shot| shot.time >= 480).collect();
    send_in_step(&mut publisher, &good, &later);
    weir.wait_viewers(STREAM, 3);
    weir.wait_for("their connections given back", || weir.app().permits.held() == 4);
    drop(stopped);
    publisher.finish().expect("the end");
    weir.app().drop_stream(&Name::new(STREAM), "the test is over");
    finish_without_faults(good);
}
