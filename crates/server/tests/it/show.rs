//! A publisher and its viewers in step: frames are sent as fast as everybody takes them, and no faster.

use testkit::clip::{Clip, Shot, stamp};
use testkit::follower::{Followed, Follower};
use testkit::publisher::Publisher;
use testkit::watch::Watch;

use crate::harness::{Weir, wait_for};

/// Most media between two looks at the viewers, in milliseconds; well within what a viewer may be behind.
const STEP_MS: u32 = 1_000;

/// The addresses of a stream on every wire.
pub fn wires(weir: &Weir, stream: &str) -> [String; 3] {
    [weir.rtmp_url(stream), weir.flv_url(stream), weir.ws_url(stream)]
}

/// A publisher whose stream is on air, with a second of it sent.
pub fn on_air(weir: &Weir, stream: &str) -> Publisher {
    let publisher = begin(&weir.rtmp_url(stream));
    weir.wait_on_air(stream);
    publisher
}

/// A publisher that has sent a second of its stream.
pub fn begin(url: &str) -> Publisher {
    let mut publisher = Publisher::connect(url).expect("a publisher");
    publisher.send_headers(30).expect("headers");
    publisher.send_all(&Clip::default().shots(0, 1_000)).expect("sent");
    publisher
}

/// One viewer on each wire. A picture that comes more than `gap_ms` after the one before it is a fault, unless it is
/// a key frame.
pub fn one_on_each_wire(weir: &Weir, stream: &str, gap_ms: i64) -> Vec<Follower> {
    wires(weir, stream).iter().map(|url| Follower::start(url, Watch::with_largest_gap(gap_ms))).collect()
}

/// Sends the shots; after each second of them every viewer must have the newest picture before it goes on.
pub fn send_in_step(publisher: &mut Publisher, followers: &[Follower], shots: &[Shot]) {
    send_in_steps_of(STEP_MS, publisher, followers, shots);
}

/// The same in steps of another length.
pub fn send_in_steps_of(step_ms: u32, publisher: &mut Publisher, followers: &[Follower], shots: &[Shot]) {
    let mut rest = shots;
    while let Some(first) = rest.first() {
        let len =
            rest.iter().position(|shot| shot.time.wrapping_sub(first.time) >= step_ms).unwrap_or(rest.len());
        let (step, later) = rest.split_at(len);
        publisher.send_all(step).expect("the server takes it");
        wait_for_picture(followers, step);
        rest = later;
    }
}

/// Waits until every viewer has the last picture among the shots.
pub fn wait_for_picture(followers: &[Follower], shots: &[Shot]) {
    let Some(newest) = shots.iter().rev().find_map(|shot| stamp(&shot.body)) else { return };
    wait_for(&format!("the picture stamped {newest} at every viewer"), || {
        followers.iter().all(|follower| {
            assert!(!follower.is_over(), "a viewer's connection ended");
            follower.stamp() == Some(newest)
        })
    });
}

/// Waits for the viewers' end and checks that each saw only what viewers may rely on.
pub fn finish_without_faults(followers: Vec<Follower>) -> Vec<Followed> {
    let finish = |follower: Follower| {
        let followed = follower.finish().expect("a viewer that was served to the end");
        assert_eq!(followed.watch.faults, [""; 0]);
        followed
    };
    followers.into_iter().map(finish).collect()
}
