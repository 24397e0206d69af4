//! The hub from outside: what a publisher pushes and what a viewer is given, in virtual time.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use media::frame::{Kind, Role};

use crate::*;

const KEY: &[u8] = &[0x17, 1, 0, 0, 0, 0, 0, 0, 2, 0x65, 0x88];
const INTER: &[u8] = &[0x27, 1, 0, 0, 0, 0, 0, 0, 2, 0x41, 0x9A];
const DISPOSABLE: &[u8] = &[0x37, 1, 0, 0, 0, 0, 0, 0, 2, 0x01, 0x9E];
const AUDIO: &[u8] = &[0xAF, 1, 0x21, 0x10];
const AUDIO_CONFIG: &[u8] = &[0xAF, 0, 0x12, 0x10];
const META: &[u8] = b"\x02\x00\x0aonMetaData\x08\x00\x00\x00\x00\x00\x00\x09";

fn avc_config(level: u8) -> Vec<u8> {
    vec![0x17, 0, 0, 0, 0, 1, 0x42, 0xC0, level, 0xFF, 0xE1, 0, 4, 0x67, 0x42, 0xC0, level, 1, 0, 1, 0x68]
}

const OPTIONS: Options =
    Options { grace_ms: 8_000, gop_max_ms: 10_000, gop_max_bytes: 1 << 20, retain_ms: 4_000, max_streams: 4 };

const LAG: Lag = Lag { max_ms: 2_000, max_bytes: 1 << 20, max_jumps: 3, forgive_ms: 60_000 };

#[derive(Debug, Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// One stream, its publisher, and the time.
struct Show {
    hub: Hub,
    name: Name,
    publisher: Option<Publisher>,
    now_ms: u64,
}

impl Show {
    fn new() -> Show {
        Show { hub: Hub::new(OPTIONS), name: Name::new("live/room1"), publisher: None, now_ms: 1_000 }
    }

    fn publish(&mut self) {
        self.publisher =
            Some(self.hub.publish(&self.name, Identity("host".into()), self.now_ms).expect("free"));
        self.push(Kind::Data, 0, META);
        self.push(Kind::Video, 0, &avc_config(31));
        self.push(Kind::Audio, 0, AUDIO_CONFIG);
    }

    fn on_air() -> Show {
        let mut show = Show::new();
        show.publish();
        show
    }

    fn push(&mut self, kind: Kind, time: i64, body: &[u8]) -> Pushed {
        let body = Bytes::copy_from_slice(body);
        self.publisher.as_mut().expect("on air").push(kind, time, body, self.now_ms).expect("taken")
    }

    /// Pictures every 40 ms from `from` to `to`, key frames every `gop` ms, sound every 20 ms.
    fn play(&mut self, from: i64, to: i64, gop: i64) {
        (from..to).step_by(20).for_each(|time| self.play_one(from, time, gop));
    }

    fn play_one(&mut self, from: i64, time: i64, gop: i64) {
        if (time - from) % 40 == 0 {
            let body = if (time - from) % gop == 0 { KEY } else { INTER };
            self.push(Kind::Video, time, body);
        }
        self.push(Kind::Audio, time, AUDIO);
    }

    /// The same while a reader thread pulls, and keeps what a viewer at `next` has not been sent.
    fn play_for(&mut self, feed: &mut Feed, next: u64, times: Range<i64>, gop: i64) {
        feed.keep_from(next);
        for time in times.clone().step_by(20) {
            self.play_one(times.start, time, gop);
            feed.pull();
        }
    }

    fn stream(&self) -> Arc<Stream> {
        self.hub.find(&self.name).expect("there")
    }

    fn feed(&self) -> Feed {
        Feed::new(self.stream(), Arc::new(Bell::default()))
    }
}

/// A viewer who takes everything that it is admitted to, and checks what every viewer must be able to rely on.
struct Viewer {
    cursor: Cursor,
    seen: Vec<Arc<Entry>>,
    decodable: bool,
    last: i64,
}

impl Viewer {
    fn join(feed: &Feed, profile: Profile) -> Viewer {
        let start = feed.start(profile);
        Viewer {
            cursor: Cursor::new(feed, profile, start.seq),
            seen: Vec::new(),
            decodable: false,
            last: i64::MIN,
        }
    }

    fn take(&mut self, feed: &Feed) {
        for entry in feed.since(self.cursor.next()) {
            if self.cursor.admits(entry) {
                match entry.frame.role {
                    Role::Key => self.decodable = true,
                    Role::Inter | Role::Disposable => {
                        assert!(self.decodable, "a picture after a gap: {entry:?}")
                    }
                    _ => {}
                }
                assert!(entry.frame.time >= self.last, "time went back to {}", entry.frame.time);
                self.last = entry.frame.time;
                self.seen.push(entry.clone());
            }
            self.cursor.advance(entry.seq + 1);
        }
        // As a driver does, which looks once more before it finds that nothing is left.
        assert_eq!(self.cursor.judge(feed, &LAG), Verdict::Continue);
    }

    fn judge(&mut self, feed: &Feed) -> Verdict {
        let gate_matters = self.cursor.next();
        let verdict = self.cursor.judge(feed, &LAG);
        if self.cursor.next() != gate_matters || verdict == Verdict::SendHeaders {
            self.decodable = false;
        }
        verdict
    }

    fn count(&self, role: Role) -> usize {
        self.seen.iter().filter(|entry| entry.frame.role == role).count()
    }
}

#[test]
fn the_newest_key_frame_is_at_hand_with_its_headers_and_never_that_of_another_encoder() {
    let mut show = Show::new();
    show.publish();
    let stream = show.hub.find(&show.name).expect("published");
    assert!(stream.newest_key().is_none());
    show.push(Kind::Video, 0, KEY);
    show.push(Kind::Video, 40, INTER);
    show.push(Kind::Video, 1_000, KEY);
    show.push(Kind::Video, 1_040, INTER);
    let (entry, headers) = stream.newest_key().expect("a key frame");
    assert_eq!((entry.frame.role, entry.frame.time), (Role::Key, 1_000));
    assert_eq!(headers.configs.len(), 2);
    show.push(Kind::Video, 1_080, &avc_config(40));
    assert!(
        stream.newest_key().is_none(),
        "what was coded for the old configuration cannot be shown with the new one"
    );
}

#[test]
fn a_new_viewer_gets_headers_then_the_newest_group() {
    let mut show = Show::on_air();
    show.play(0, 5_000, 2_000);
    let feed = show.feed();
    let start = feed.start(Profile::Live);
    let roles: Vec<Role> = start.headers.iter().map(|frame| frame.role).collect();
    assert_eq!(roles, [Role::Metadata, Role::Config, Role::Config]);
    let first = feed.get(start.seq).expect("stored");
    assert_eq!((first.frame.role, first.frame.time), (Role::Key, 4_000));
    let times: Vec<i64> = start.headers.iter().map(|frame| frame.time).collect();
    assert_eq!(times, [0, 4_000, 4_000], "configurations are on the first frame's time");
    let mut viewer = Viewer::join(&feed, Profile::Live);
    viewer.take(&feed);
    assert_eq!(viewer.seen.first().map(|entry| entry.frame.role), Some(Role::Key));
}

#[test]
fn an_rtc_viewer_is_never_started_more_than_two_seconds_behind() {
    let mut show = Show::on_air();
    show.play(0, 1_900, 10_000);
    let feed = show.feed();
    assert_eq!(feed.start(Profile::Rtc).seq, feed.start(Profile::Live).seq.max(feed.newest_key().unwrap()));
    show.play(1_900 + 10_000, 1_900 + 10_000 + 2_400, 10_000);
    let mut feed = show.feed();
    assert_eq!(feed.start(Profile::Rtc).seq, feed.next_seq(), "waits for the next key frame");
    let mut viewer = Viewer::join(&feed, Profile::Rtc);
    show.push(Kind::Video, 14_300, INTER);
    show.push(Kind::Video, 14_340, KEY);
    feed.pull();
    viewer.take(&feed);
    assert_eq!(viewer.count(Role::Key), 1);
    assert_eq!(viewer.count(Role::Inter), 0);
}

#[test]
fn a_viewer_before_the_publisher_misses_nothing() {
    let mut show = Show::new();
    let waiting = show.hub.open(&show.name).expect("room");
    assert_eq!(waiting.phase(), Phase::Waiting);
    show.publish();
    show.push(Kind::Audio, 0, AUDIO);
    show.push(Kind::Video, 20, KEY);
    assert_eq!(waiting.phase(), Phase::OnAir);
    let feed = show.feed();
    let mut viewer = Viewer::join(&feed, Profile::Live);
    viewer.take(&feed);
    assert_eq!((viewer.count(Role::Audio), viewer.count(Role::Key)), (1, 1));
}

#[test]
fn a_viewer_who_comes_between_the_first_sound_and_the_first_picture_misses_neither() {
    let mut show = Show::on_air();
    show.push(Kind::Audio, 0, AUDIO);
    assert_eq!(show.stream().phase(), Phase::OnAir);
    let mut feed = show.feed();
    let mut viewer = Viewer::join(&feed, Profile::Live);
    show.push(Kind::Video, 20, KEY);
    feed.pull();
    viewer.take(&feed);
    assert_eq!((viewer.count(Role::Audio), viewer.count(Role::Key)), (1, 1));
}

#[test]
fn audio_only_and_video_only_streams_come_on_air() {
    for (kind, config, body) in
        [(Kind::Audio, AUDIO_CONFIG.to_vec(), AUDIO), (Kind::Video, avc_config(31), KEY)]
    {
        let mut show = Show::new();
        show.publisher = Some(show.hub.publish(&show.name, Identity("host".into()), 0).expect("free"));
        show.push(kind, 0, &config);
        show.push(kind, 0, body);
        assert_eq!(show.stream().phase(), Phase::Starting, "the other track may still come");
        show.push(kind, 500, body);
        assert_eq!(show.stream().phase(), Phase::OnAir);
        let headers = show.stream().headers();
        assert_eq!((headers.has_audio, headers.has_video), (kind == Kind::Audio, kind == Kind::Video));
        let feed = show.feed();
        let mut viewer = Viewer::join(&feed, Profile::Rtc);
        viewer.take(&feed);
        assert!(!viewer.seen.is_empty(), "{kind:?}");
    }
}

#[test]
fn a_stream_whose_time_stands_still_comes_on_air_by_the_clock() {
    let mut show = Show::new();
    show.publisher = Some(show.hub.publish(&show.name, Identity("host".into()), 0).expect("free"));
    show.push(Kind::Video, 0, KEY);
    show.hub.sweep(999);
    assert_eq!(show.stream().phase(), Phase::Starting);
    show.hub.sweep(1_000);
    assert_eq!(show.stream().phase(), Phase::OnAir);
}

#[test]
fn the_same_identity_takes_over_and_viewers_see_time_go_on_and_no_picture_before_a_key_frame() {
    let mut show = Show::on_air();
    show.play(0, 3_000, 1_000);
    let mut feed = show.feed();
    let mut viewer = Viewer::join(&feed, Profile::Live);
    viewer.take(&feed);
    let last = viewer.last;
    let mut old = show.publisher.take().expect("on air");
    show.publish();
    let refused = old.push(Kind::Audio, 3_000, Bytes::from_static(AUDIO), show.now_ms);
    assert!(matches!(refused, Err(PushError::Revoked(End::Replaced))), "{refused:?}");
    drop(old);
    assert_eq!(show.stream().phase(), Phase::Starting, "the old handle's end is not the stream's");
    // The new encoder begins in the middle of a group, with another level, and time at zero.
    show.push(Kind::Video, 0, &avc_config(40));
    assert_eq!(show.push(Kind::Video, 0, INTER), Pushed::Undecodable);
    show.play_for(&mut feed, viewer.cursor.next(), 40..2_000, 1_000);
    viewer.decodable = false;
    viewer.take(&feed);
    assert!(viewer.last > last, "time went on");
    assert!(viewer.last < last + 2_500, "time did not jump: {last} to {}", viewer.last);
    let mut config = viewer
        .seen
        .iter()
        .filter(|entry| entry.frame.kind == Kind::Video && entry.frame.role == Role::Config);
    assert_eq!(config.next_back().map(|entry| entry.frame.body.clone()), Some(avc_config(40).into()));
    assert_eq!(show.stream().summary().takeovers, 1);
}

#[test]
fn another_identity_is_refused_while_the_first_is_there() {
    let mut show = Show::on_air();
    let other = || show.hub.publish(&show.name, Identity("stranger".into()), 0);
    assert_eq!(other().err(), Some(Occupied::Other));
    let publisher = show.publisher.take();
    drop(publisher);
    assert!(
        show.hub.publish(&show.name, Identity("stranger".into()), 0).is_ok(),
        "a stream without publisher is free"
    );
}

#[test]
fn a_publisher_who_is_back_within_the_grace_finds_the_viewers_there() {
    let mut show = Show::on_air();
    show.play(0, 1_000, 1_000);
    let stream = show.stream();
    show.publisher.take().expect("on air").leave(2_000);
    show.hub.sweep(9_999);
    assert_eq!(stream.phase(), Phase::Grace);
    show.now_ms = 9_999;
    show.publish();
    assert!(Arc::ptr_eq(&stream, &show.stream()));
    show.play(0, 1_000, 1_000);
    show.publisher.take().expect("on air").leave(20_000);
    show.hub.sweep(28_000);
    assert_eq!(stream.phase(), Phase::Ended);
    assert!(show.hub.find(&show.name).is_none());
}

#[test]
fn a_handle_that_is_dropped_without_a_clock_begins_the_grace_at_the_next_sweep() {
    let mut show = Show::on_air();
    let stream = show.stream();
    show.publisher = None;
    show.hub.sweep(5_000);
    show.hub.sweep(12_999);
    assert_eq!(stream.phase(), Phase::Grace);
    show.hub.sweep(13_000);
    assert_eq!(stream.phase(), Phase::Ended);
}

#[test]
fn names_that_nobody_waits_for_are_forgotten_and_their_number_is_bounded() {
    let hub = Hub::new(OPTIONS);
    let waiting: Vec<_> = (0..4).map(|i| hub.open(&Name::new(&format!("live/{i}"))).expect("room")).collect();
    assert_eq!(hub.open(&Name::new("live/5")).err(), Some(Occupied::Full));
    hub.sweep(0);
    assert_eq!(hub.open(&Name::new("live/5")).err(), Some(Occupied::Full), "somebody waits for each");
    drop(waiting);
    hub.sweep(0);
    assert!(hub.open(&Name::new("live/5")).is_ok());
}

#[test]
fn names_that_are_waited_for_keep_no_publisher_out_and_publishers_nobody_who_waits() {
    let hub = Hub::new(OPTIONS);
    let publish =
        |n: usize, who: &str| hub.publish(&Name::new(&format!("live/{n}")), Identity(who.into()), 0);
    let _waiting: Vec<_> =
        (0..4).map(|n| hub.open(&Name::new(&format!("wait/{n}"))).expect("room")).collect();
    let mut pushes: Vec<_> = (0..4).map(|n| publish(n, "host").expect("room")).collect();
    for _ in 0..2 {
        assert_eq!(publish(4, "host").err(), Some(Occupied::Full));
        assert_eq!(publish(3, "troll").err(), Some(Occupied::Other));
        let waited_for = hub.publish(&Name::new("wait/0"), Identity("host".into()), 0);
        assert_eq!(waited_for.err(), Some(Occupied::Full), "to be waited for makes no room for it either");
        // The place of one that ends is free again, however it ended: now by its grace, then by an operator.
        pushes.push(publish(3, "host").expect("a takeover takes no place"));
        hub.drop_stream(&Name::new("live/0"), End::Finished);
        pushes.push(publish(0, "host").expect("room again"));
        pushes.pop().expect("a push").leave(0);
        hub.sweep(OPTIONS.grace_ms);
        pushes.push(publish(0, "host").expect("room again"));
    }
    let published = hub.publish(&Name::new("live/1"), Identity("host".into()), 0);
    assert!(
        published.is_ok()
            && hub.open(&Name::new("wait/4")).is_err()
            && hub.open(&Name::new("live/2")).is_ok()
    );
}

#[test]
fn a_dropped_stream_tells_its_publisher_why() {
    let mut show = Show::on_air();
    let stream = show.stream();
    assert!(show.hub.drop_stream(&show.name, End::Dropped("bad words".into())));
    assert_eq!(stream.phase(), Phase::Ended);
    let publisher = show.publisher.as_mut().expect("held");
    let result = publisher.push(Kind::Audio, 0, Bytes::from_static(AUDIO), 0);
    assert_eq!(result, Err(PushError::Revoked(End::Dropped("bad words".into()))));
    assert!(!show.hub.drop_stream(&show.name, End::Finished));
}

#[test]
fn the_picture_format_may_change_in_mid_stream() {
    let mut show = Show::on_air();
    show.play(0, 2_000, 1_000);
    let mut feed = show.feed();
    let mut viewer = Viewer::join(&feed, Profile::Live);
    viewer.take(&feed);
    show.push(Kind::Video, 2_000, &avc_config(52));
    assert_eq!(show.push(Kind::Video, 2_000, INTER), Pushed::Undecodable);
    show.push(Kind::Video, 2_040, KEY);
    show.push(Kind::Video, 2_080, INTER);
    feed.pull();
    let before = viewer.seen.len();
    viewer.take(&feed);
    let roles: Vec<Role> = viewer.seen[before..].iter().map(|entry| entry.frame.role).collect();
    assert_eq!(roles, [Role::Config, Role::Key, Role::Inter]);
    assert_eq!(feed.start(Profile::Live).headers[1].body, avc_config(52));
    // An encoder that repeats the same record at every key frame changes nothing.
    show.push(Kind::Video, 2_120, &avc_config(52));
    assert_eq!(show.push(Kind::Video, 2_120, INTER), Pushed::Stored);
}

#[test]
fn a_slow_viewer_loses_disposable_frames_first() {
    let mut show = Show::on_air();
    show.push(Kind::Video, 0, KEY);
    let mut feed = show.feed();
    let mut viewer = Viewer::join(&feed, Profile::Live);
    viewer.take(&feed);
    for time in (40..1_200).step_by(40) {
        show.push(Kind::Video, time, if time % 80 == 0 { INTER } else { DISPOSABLE });
    }
    feed.pull();
    assert_eq!(viewer.judge(&feed), Verdict::Continue);
    viewer.take(&feed);
    assert_eq!((viewer.count(Role::Disposable), viewer.cursor.drops().disposable), (0, 15));
    assert_eq!(viewer.cursor.drops().pictures, 0);
    // It has caught up: nothing is left out any more.
    show.push(Kind::Video, 1_240, DISPOSABLE);
    feed.pull();
    assert_eq!(viewer.judge(&feed), Verdict::Continue);
    viewer.take(&feed);
    assert_eq!(viewer.count(Role::Disposable), 1);
}

#[test]
fn a_slower_viewer_jumps_to_a_key_frame_and_keeps_its_sound() {
    let mut show = Show::on_air();
    show.play(0, 200, 1_000);
    let mut feed = show.feed();
    let mut viewer = Viewer::join(&feed, Profile::Live);
    viewer.take(&feed);
    show.play_for(&mut feed, viewer.cursor.next(), 200..2_400, 1_000);
    assert_eq!(viewer.judge(&feed), Verdict::SendHeaders);
    let before = viewer.seen.len();
    viewer.take(&feed);
    let sound = viewer.seen[before..].iter().filter(|entry| entry.frame.role == Role::Audio).count();
    assert_eq!(sound, 110, "every audio frame of 2.2 s");
    let first_picture = viewer.seen[before..].iter().find(|entry| entry.frame.kind == Kind::Video).unwrap();
    assert_eq!((first_picture.frame.role, first_picture.frame.time), (Role::Key, 2_200));
    let drops = viewer.cursor.drops();
    assert_eq!((drops.jumps, drops.audio), (1, 0));
    assert!(drops.pictures >= 49, "{drops:?}");
}

#[test]
fn a_stream_holds_what_new_viewers_start_at_and_a_feed_what_slow_ones_need() {
    let mut show = Show::on_air();
    show.play(0, 4_000, 2_000);
    let held = |feed: &Feed| feed.get(feed.base()).map(|entry| entry.frame.time);
    let (mut slow, mut quick) = (show.feed(), show.feed());
    assert_eq!(held(&quick), Some(2_000), "the newest group of pictures");
    let next = slow.next_seq();
    show.play_for(&mut slow, next, 4_000..7_400, 2_000);
    assert_eq!(held(&slow), Some(4_000), "from the viewer who is behind on");
    quick.pull();
    assert_eq!(held(&quick), Some(4_000), "what it had not pulled, however fast it came");
    show.push(Kind::Audio, 7_400, AUDIO);
    quick.pull();
    assert_eq!(held(&quick), Some(6_000), "nobody is behind");
    show.play_for(&mut slow, next, 7_420..12_000, 2_000);
    assert_eq!(held(&slow), Some(12_000 - 20 - OPTIONS.retain_ms), "no further back than is allowed");
    slow.keep_from(u64::MAX);
    slow.pull();
    assert_eq!(held(&slow), held(&show.feed()), "it has caught up");
}

#[test]
fn a_stalled_viewer_starts_again_and_is_let_go_after_too_many_jumps() {
    let mut show = Show::on_air();
    show.play(0, 200, 1_000);
    let mut feed = show.feed();
    let mut viewer = Viewer::join(&feed, Profile::Live);
    viewer.take(&feed);
    let mut from = 200;
    for jump in 1..=4 {
        show.play(from, from + 10_000, 1_000);
        from += 10_000;
        feed.pull();
        let verdict = viewer.judge(&feed);
        assert_eq!(
            verdict,
            if jump > LAG.max_jumps { Verdict::LetGo } else { Verdict::SendHeaders },
            "jump {jump}"
        );
        viewer.take(&feed);
        assert!(viewer.cursor.drops().audio > 0);
    }
}

#[test]
fn jumps_are_forgiven_to_a_viewer_that_keeps_up() {
    let mut show = Show::on_air();
    show.play(0, 200, 1_000);
    let mut feed = show.feed();
    let mut viewer = Viewer::join(&feed, Profile::Live);
    viewer.take(&feed);
    let mut from = 200;
    for _ in 0..6 {
        show.play(from, from + 10_000, 1_000);
        from += 10_000;
        feed.pull();
        assert_eq!(viewer.judge(&feed), Verdict::SendHeaders);
        viewer.take(&feed);
        for _ in 0..7 {
            show.play(from, from + 10_000, 1_000);
            from += 10_000;
            feed.pull();
            viewer.take(&feed);
        }
    }
}

#[test]
fn the_backlog_of_the_start_is_allowed_once() {
    let mut show = Show::on_air();
    show.play(0, 8_000, 20_000);
    let mut feed = show.feed();
    let mut viewer = Viewer::join(&feed, Profile::Live);
    assert_eq!(viewer.judge(&feed), Verdict::Continue, "eight seconds behind by its start");
    viewer.take(&feed);
    show.play(8_000, 10_500, 20_000);
    feed.pull();
    assert_eq!(viewer.judge(&feed), Verdict::SendHeaders, "two and a half seconds behind by its own fault");
}

#[test]
fn a_viewer_without_pictures_comes_back_at_a_key_frame() {
    let mut show = Show::on_air();
    show.play(0, 500, 1_000);
    let mut feed = show.feed();
    let mut viewer = Viewer::join(&feed, Profile::Live);
    viewer.take(&feed);
    viewer.cursor.set_wants_video(false);
    show.play(500, 980, 10_000);
    feed.pull();
    let before = viewer.count(Role::Inter) + viewer.count(Role::Key);
    viewer.take(&feed);
    assert_eq!(viewer.count(Role::Inter) + viewer.count(Role::Key), before);
    viewer.cursor.set_wants_video(true);
    viewer.decodable = false;
    show.push(Kind::Video, 1_000, INTER);
    show.push(Kind::Video, 1_040, KEY);
    feed.pull();
    viewer.take(&feed);
    assert_eq!(viewer.seen.last().map(|entry| entry.frame.role), Some(Role::Key));
}

#[test]
fn the_ring_is_bounded_by_time_and_by_bytes() {
    let mut show = Show::on_air();
    show.play(0, 60_000, 1_000_000);
    let feed = show.feed();
    let stored = feed.next_seq() - feed.base();
    assert!(stored <= 10_000 / 20 * 2, "{stored} frames of a group without end");
    assert_eq!(feed.newest_key(), None, "its key frame is gone");
    let mut show = Show::on_air();
    let big = [KEY, &vec![0; 100_000]].concat();
    for time in 0..100 {
        show.push(Kind::Video, time * 10, &big);
    }
    let feed = show.feed();
    let bytes: usize = feed.since(0).map(|entry| entry.frame.body.len()).sum();
    assert!(bytes as u64 <= OPTIONS.gop_max_bytes, "{bytes}");
}

#[test]
fn tiny_messages_at_one_time_are_bounded_by_what_they_cost_in_memory() {
    let most = OPTIONS.gop_max_bytes / entry::ENTRY_OVERHEAD;
    // One byte, which is a frame of MP3 to the hub: no time passes, and the bytes alone would allow a million of them.
    let tiny = &[0x2F];
    let mut show = Show::on_air();
    let mut slow = show.feed();
    slow.keep_from(0);
    for _ in 0..4 {
        (0..most).for_each(|_| _ = show.push(Kind::Audio, 0, tiny));
        slow.pull();
    }
    for feed in [slow, show.feed()] {
        let kept = feed.next_seq() - feed.base();
        assert!((1..=most).contains(&kept), "{kept} entries are kept, {most} may be");
    }
}

#[test]
fn feeds_are_woken_and_forgotten() {
    let mut show = Show::on_air();
    let bell = Arc::new(Bell::default());
    let feed = Feed::new(show.stream(), bell.clone());
    show.push(Kind::Audio, 0, AUDIO);
    assert_eq!(bell.0.load(Ordering::SeqCst), 1);
    drop(feed);
    show.push(Kind::Audio, 20, AUDIO);
    assert_eq!(bell.0.load(Ordering::SeqCst), 1);
    assert_eq!(Arc::strong_count(&bell), 1);
}

#[test]
fn an_encoding_is_made_once() {
    let mut show = Show::on_air();
    show.push(Kind::Audio, 0, AUDIO);
    let (one, other) = (show.feed(), show.feed());
    let slot = Slot::new(0);
    let mut made = 0;
    for feed in [&one, &other] {
        let wire = feed.last().unwrap().wire(slot, |frame| {
            made += 1;
            Wire::new(vec![Bytes::from_static(b"head"), frame.body.clone()])
        });
        assert_eq!((wire.len(), wire.is_empty()), (4 + AUDIO.len(), false));
    }
    assert_eq!(made, 1);
}

#[test]
fn onmetadata_and_unknown_data_are_forwarded_as_they_are() {
    let mut show = Show::on_air();
    show.push(Kind::Video, 0, KEY);
    let feed = show.feed();
    let mut viewer = Viewer::join(&feed, Profile::Live);
    let mut feed = feed;
    let cue = b"\x02\x00\x0aonCuePoint\x05";
    show.push(Kind::Data, 10, META);
    show.push(Kind::Data, 20, cue);
    feed.pull();
    viewer.take(&feed);
    let data: Vec<&[u8]> = viewer
        .seen
        .iter()
        .filter(|entry| entry.frame.kind == Kind::Data)
        .map(|entry| &entry.frame.body[..])
        .collect();
    assert_eq!(data, [META, META, cue], "the first is the one that came before the key frame");
}

#[test]
fn totals_keep_what_ended_streams_took_in() {
    let mut show = Show::on_air();
    show.push(Kind::Audio, 0, AUDIO);
    let before = show.hub.totals();
    assert_eq!(before.frames_in, 4);
    assert!(show.stream().ring_bytes() > 0);
    show.hub.drop_stream(&show.name, End::Finished);
    assert!(show.hub.all().is_empty());
    assert_eq!(show.hub.totals(), before, "what an ended stream took in was forgotten, or counted twice");
    let full: Vec<_> =
        (0..=OPTIONS.max_streams).map(|n| show.hub.open(&Name::new(&format!("live/{n}")))).collect();
    assert_eq!(full.iter().filter(|opened| opened.is_err()).count(), 1);
    assert_eq!(show.hub.totals().refused_full, 1);
}
