//! What a delivery costs in allocations: nothing. A frame costs a few, however many watch.
//!
//! The counts are of one thread each, the shard's and the publisher's, and of whole runs. What a run costs at its
//! beginning and end is the same for a long one and a short one, so the difference is what the frames between cost.

use mio::Poll;

use super::*;
use crate::fanout::handle::{Inbox, Order};
use crate::fanout::shard;

/// Frames of a short and of a long run, and viewers of a small and of a large one.
const SHORT: i64 = 50;
const LONG: i64 = 250;
const FEW: usize = 1;
const MANY: usize = 40;

/// What a frame may cost its publisher: its place in the ring, and the growth of what holds that.
const MOST_PER_PUSH: f64 = 1.2;

/// What a frame may cost a shard beyond its encoding, which is made once: the list of its parts for the write.
const MOST_PER_FRAME: f64 = 1.0;

/// What the shard's look at itself once a second may add to a run.
const TICKS: f64 = 60.0;

/// Allocations of one run.
struct Count {
    shard: f64,
    pushes: f64,
}

/// Pushes `frames` one by one, each when every one of `viewers` has the one before.
fn run(viewers: usize, frames: i64) -> Count {
    let world = World::new(1);
    let mut publisher = world.publish("live/a");
    // Every frame is written at once: merged ones would be fewer writes than deliveries.
    let law = Law { max: Duration::ZERO, rtc_max: Duration::ZERO, ..settings(1).law };
    let settings = Settings { law, ..settings(1) };
    let poll = Poll::new().unwrap();
    let inbox = Arc::new(Inbox::new(&poll).unwrap());
    let (theirs, clock) = (inbox.clone(), world.clock.clone());
    let shard = std::thread::spawn(move || {
        allocation_counter::measure(|| shard::run(poll, theirs, settings, clock)).count_total
    });
    let mut watching = Vec::new();
    for _ in 0..viewers {
        let (arrival, mut viewer) = world.arrival("live/a");
        inbox.attach(arrival);
        viewer.until(Role::Key);
        watching.push(viewer);
    }
    let mut pushes = 0;
    for number in 1..=frames {
        let (body, now_ms) = (Bytes::from_static(INTER), world.clock.now_ms());
        let push = || {
            publisher.push(Kind::Video, 40 * number, body, now_ms).unwrap();
        };
        pushes += allocation_counter::measure(push).count_total;
        for viewer in &mut watching {
            assert_eq!(viewer.until(Role::Inter).0, 40 * number);
        }
    }
    inbox.mail.order(Order::Stop);
    for mut viewer in watching {
        assert_eq!(viewer.role(), END);
    }
    let shard = shard.join().unwrap();
    world.fanout.stop();
    Count { shard: shard as f64, pushes: pushes as f64 }
}

#[test]
fn a_delivery_allocates_nothing_and_a_frame_the_same_for_one_viewer_and_for_many() {
    let frames = (LONG - SHORT) as f64;
    let frame = Frame::classify(Kind::Video, 40, Bytes::from_static(INTER)).unwrap();
    let encoding = allocation_counter::measure(|| drop(TestWire.encode(&frame))).count_total as f64;
    let [few, many] = [FEW, MANY].map(|viewers| run(viewers, LONG).shard - run(viewers, SHORT).shard);
    let deliveries = (MANY - FEW) as f64 * frames;
    assert!(many - few <= TICKS, "{} allocations for {deliveries} deliveries more", many - few);
    let own = few - encoding * frames;
    assert!(own <= MOST_PER_FRAME * frames + TICKS, "{own} allocations of the shard for {frames} frames");
}

#[test]
fn a_push_allocates_the_same_for_one_viewer_and_for_many() {
    for viewers in [FEW, MANY] {
        let pushes = run(viewers, LONG).pushes / LONG as f64;
        assert!(pushes <= MOST_PER_PUSH, "{pushes} allocations per push with {viewers} viewers");
    }
}
