//! The hub and a reader thread's inbox under a checker that decides which thread runs next, at every lock and atomic.
//!
//! The checker is shuttle and not loom. The state space of a publisher, a takeover and a reader is far too large to
//! be searched whole, which is what loom does; shuttle draws schedules, some of them with few and well-placed
//! switches (PCT), where such faults lie. What loom would add is weak memory, and there is none to find here: the two
//! flags are sequentially consistent, everything else is behind a lock. Of tokio the hub has `watch` channels, whose
//! every step is one to the checker. A wake-up that is lost leaves a thread asleep for ever, which it reports as a
//! deadlock.
//!
//! `cargo test -p hub --features shuttle --test concurrency`; a failure prints the schedule, for `shuttle::replay`.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;

use bytes::Bytes;
use hub::{End, Feed, Hub, Identity, Inbox, Name, Options, Phase, PushError, Pushed, Stream, Wake};
use media::frame::{Kind, Role};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::sync::{Condvar, Mutex};
use shuttle::{Config, Runner, future, thread};

/// Schedules per test and way of drawing them; the seed makes them the same each time.
const SCHEDULES: usize = 5_000;
const SEED: u64 = 1;

/// Switches of thread in one of the well-placed schedules.
const SWITCHES: usize = 4;

const KEY: &[u8] = &[0x17, 1, 0, 0, 0, 0, 0, 0, 2, 0x65, 0x88];
const AUDIO: &[u8] = &[0xAF, 1, 0x21, 0x10];

const OPTIONS: Options =
    Options { grace_ms: 0, gop_max_ms: 10_000, gop_max_bytes: 1 << 20, retain_ms: 4_000, max_streams: 4 };

fn check(scene: impl Fn() + Send + Sync + 'static) {
    let scene = Arc::new(scene);
    let again = scene.clone();
    Runner::new(RandomScheduler::new_from_seed(SEED, SCHEDULES), Config::new()).run(move || scene());
    Runner::new(PctScheduler::new_from_seed(SEED, SWITCHES, SCHEDULES), Config::new()).run(move || again());
}

/// What wakes a thread, as an eventfd does: remembered until somebody waits.
#[derive(Debug, Default)]
struct Bell {
    rung: Mutex<bool>,
    heard: Condvar,
}

impl Bell {
    fn wait(&self) {
        let mut rung = self.rung.lock().unwrap();
        while !*rung {
            rung = self.heard.wait(rung).unwrap();
        }
        *rung = false;
    }
}

#[derive(Debug, Clone, Default)]
struct Ring(Arc<Bell>);

impl Wake for Ring {
    fn wake(&self) {
        *self.0.rung.lock().unwrap() = true;
        self.0.heard.notify_one();
    }
}

/// A reader thread as a shard is one: it sleeps, takes orders to watch a stream, pulls what has news, and ends when
/// all its streams have. Returns the sounds and pictures of each stream, by its seat, in the order in which they came.
fn reader(inbox: &Arc<Inbox<Arc<Stream>, Ring>>, bell: &Ring, streams: usize) -> Vec<Vec<i64>> {
    let mut seats = Vec::new();
    let mut news = Vec::new();
    let mut ended = 0;
    while ended < streams {
        bell.0.wait();
        for stream in inbox.open(&mut news) {
            let feed = Feed::new(stream, inbox.tap(seats.len()));
            let mut seen = Vec::new();
            follow(&feed, 0, &mut seen);
            ended += usize::from(feed.phase() == Phase::Ended);
            seats.push((feed, seen));
        }
        for seat in news.drain(..) {
            let (feed, seen) = &mut seats[seat];
            let (next, over) = (feed.next_seq(), feed.phase() == Phase::Ended);
            let new = feed.pull();
            assert_eq!(feed.next_seq(), next + new);
            follow(feed, next, seen);
            ended += usize::from(!over && feed.phase() == Phase::Ended);
        }
    }
    seats.into_iter().map(|(_, seen)| seen).collect()
}

/// Adds the times of what is new in the feed since number `next`; nothing may be missing among it.
fn follow(feed: &Feed, next: u64, seen: &mut Vec<i64>) {
    let mut expected = next.max(feed.base());
    for entry in feed.since(next) {
        assert_eq!(entry.seq, expected, "a frame was lost or came again");
        expected += 1;
        seen.push(entry.frame.time);
    }
    assert_eq!(expected, feed.next_seq(), "the newest frame is not there");
}

fn identity() -> Identity {
    Identity("host".into())
}

/// What somebody who was taken over may be told, and nothing else.
fn stored(result: Result<Pushed, PushError>) -> bool {
    match result {
        Ok(Pushed::Stored | Pushed::StoredAfterJump) => true,
        Ok(Pushed::Undecodable) | Err(PushError::Revoked(End::Replaced)) => false,
        Err(error) => panic!("{error:?}"),
    }
}

#[test]
fn a_sleeping_reader_hears_every_frame_every_order_and_every_end() {
    check(|| {
        let hub = Arc::new(Hub::new(OPTIONS));
        let bell = Ring::default();
        let inbox = Arc::new(Inbox::new(bell.clone()));
        let publishers: Vec<_> = ["live/a", "live/b"]
            .map(Name::new)
            .into_iter()
            .map(|name| {
                let (hub, inbox) = (hub.clone(), inbox.clone());
                thread::spawn(move || {
                    let mut publisher = hub.publish(&name, identity(), 0).unwrap();
                    inbox.order(publisher.stream().clone());
                    for time in [0, 20, 40] {
                        publisher.push(Kind::Audio, time, Bytes::from_static(AUDIO), 0).unwrap();
                    }
                    assert!(hub.drop_stream(&name, End::Finished));
                })
            })
            .collect();
        for seen in reader(&inbox, &bell, publishers.len()) {
            assert_eq!(seen, [0, 20, 40]);
        }
        publishers.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn a_takeover_loses_no_frame_that_was_taken_and_shows_none_twice() {
    check(|| {
        let hub = Arc::new(Hub::new(OPTIONS));
        let name = Name::new("live/a");
        let bell = Ring::default();
        let inbox = Arc::new(Inbox::new(bell.clone()));
        let stream = hub.open(&name).unwrap();
        inbox.order(stream.clone());
        let rivals: Vec<_> = (0..2)
            .map(|_| {
                let (hub, name) = (hub.clone(), name.clone());
                thread::spawn(move || {
                    let mut publisher = hub.publish(&name, identity(), 0).unwrap();
                    let mut taken = 0;
                    for time in [0, 20] {
                        let result = publisher.push(Kind::Video, time, Bytes::from_static(KEY), 0);
                        taken += usize::from(stored(result));
                    }
                    taken
                })
            })
            .collect();
        let watching = thread::spawn(move || reader(&inbox, &bell, 1));
        let taken: usize = rivals.into_iter().map(|thread| thread.join().unwrap()).sum();
        // Both handles are gone, and the grace is over as soon as it is dated.
        assert_eq!(stream.phase(), Phase::Grace);
        hub.sweep(1);
        assert_eq!(stream.phase(), Phase::Ended);
        let seen = watching.join().unwrap().remove(0);
        assert_eq!(seen.len(), taken);
        assert!(seen.is_sorted(), "time went back: {seen:?}");
        assert_eq!(stream.summary().takeovers, 1);
    });
}

#[test]
fn a_publisher_who_is_taken_over_is_told_and_whoever_waits_for_a_phase_sees_it() {
    check(|| {
        let hub = Arc::new(Hub::new(OPTIONS));
        let name = Name::new("live/a");
        let mut phase = hub.open(&name).unwrap().watch_phase();
        let waiting = thread::spawn(move || {
            future::block_on(async { phase.wait_for(|phase| *phase == Phase::Ended).await.map(|_| ()) })
        });
        let mut old = hub.publish(&name, identity(), 0).unwrap();
        let replaced = thread::spawn(move || {
            let end = future::block_on(old.revoked());
            assert!(!stored(old.push(Kind::Video, 0, Bytes::from_static(KEY), 0)), "two publishers at once");
            end
        });
        let newer = thread::spawn({
            let (hub, name) = (hub.clone(), name.clone());
            move || hub.publish(&name, identity(), 0).unwrap()
        });
        assert_eq!(replaced.join().unwrap(), End::Replaced);
        newer.join().unwrap().leave(0);
        hub.sweep(1);
        waiting.join().unwrap().unwrap();
    });
}

#[test]
fn feeds_that_come_and_go_see_a_stretch_of_the_stream_and_leave_nothing_behind() {
    check(|| {
        let hub = Arc::new(Hub::new(OPTIONS));
        let mut publisher = hub.publish(&Name::new("live/a"), identity(), 0).unwrap();
        let stream = publisher.stream().clone();
        let comers: Vec<_> = (0..2)
            .map(|_| {
                let (stream, bell) = (stream.clone(), Ring::default());
                thread::spawn(move || {
                    let mut feed = Feed::new(stream, Arc::new(bell.clone()));
                    let mut seen = Vec::new();
                    follow(&feed, 0, &mut seen);
                    while seen.len() < 3 {
                        // A feed that had looked before it asked to be woken would sleep here for ever.
                        bell.0.wait();
                        let next = feed.next_seq();
                        feed.pull();
                        follow(&feed, next, &mut seen);
                    }
                    drop(feed);
                    assert_eq!(Arc::strong_count(&bell.0), 1, "the stream still knows who to wake");
                    seen
                })
            })
            .collect();
        for time in [0, 20, 40] {
            publisher.push(Kind::Audio, time, Bytes::from_static(AUDIO), 0).unwrap();
        }
        for thread in comers {
            assert_eq!(thread.join().unwrap(), [0, 20, 40]);
        }
    });
}

#[test]
fn a_reader_that_is_behind_a_trimmed_ring_goes_on_at_its_beginning() {
    check(|| {
        // Room for about one picture, which counts for half a kilobyte besides its bytes.
        let hub = Hub::new(Options { gop_max_bytes: 2 * (KEY.len() as u64 + 512), ..OPTIONS });
        let mut publisher = hub.publish(&Name::new("live/a"), identity(), 0).unwrap();
        let bell = Ring::default();
        let mut feed = Feed::new(publisher.stream().clone(), Arc::new(bell.clone()));
        let publishing = thread::spawn(move || {
            for time in [0, 20, 40, 60] {
                publisher.push(Kind::Video, time, Bytes::from_static(KEY), 0).unwrap();
            }
            publisher
        });
        let mut next = feed.next_seq();
        while next < 4 {
            bell.0.wait();
            let new = feed.pull();
            let held = feed.since(0).count() as u64;
            assert_eq!((feed.next_seq(), feed.base() + held), (next + new, next + new));
            let mut times = Vec::new();
            follow(&feed, next, &mut times);
            assert_eq!(times.is_empty(), new == 0, "the newest frame is always there");
            assert!(feed.newest_key().is_some_and(|key| feed.get(key).unwrap().frame.role == Role::Key));
            next = feed.next_seq();
        }
        drop(publishing.join().unwrap());
    });
}

#[test]
fn whoever_publishes_while_the_stream_ends_has_one_that_others_find() {
    check(|| {
        let hub = Arc::new(Hub::new(OPTIONS));
        let name = Name::new("live/a");
        hub.publish(&name, identity(), 0).unwrap().leave(0);
        let sweeping = thread::spawn({
            let hub = hub.clone();
            move || (1..3).for_each(|now_ms| hub.sweep(now_ms))
        });
        let opening = thread::spawn({
            let (hub, name) = (hub.clone(), name.clone());
            move || hub.open(&name).unwrap()
        });
        let mut publisher = hub.publish(&name, identity(), 0).unwrap();
        assert!(stored(publisher.push(Kind::Video, 0, Bytes::from_static(KEY), 0)));
        assert!(Arc::ptr_eq(&hub.find(&name).unwrap(), publisher.stream()));
        sweeping.join().unwrap();
        let opened = opening.join().unwrap();
        assert!(opened.phase() == Phase::Ended || Arc::ptr_eq(&opened, publisher.stream()));
        assert_eq!(hub.totals().frames_in, 1);
    });
}
