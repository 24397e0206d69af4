//! Publishers come late, drop, come back and take over; their viewers stay.

use media::frame::{Frame, Kind, Role};
use testkit::clip::{Clip, avc_config, stamp};
use testkit::follower::{Followed, Follower};
use testkit::publisher::Publisher;
use testkit::viewer::Viewer;
use testkit::watch::Watch;

use crate::harness::Weir;
use crate::show::{finish_without_faults, one_on_each_wire, send_in_step, wait_for_picture, wires};

const STREAM: &str = "live/room";

fn publish(weir: &Weir, level: u8) -> Publisher {
    let mut publisher = Publisher::connect(&weir.rtmp_url(STREAM)).expect("a publisher");
    publisher.send_headers(level).expect("headers");
    publisher
}

/// The pictures and decoder configurations in what a viewer was sent, as (role, stream time, stamp).
fn pictures(followed: &Followed) -> Vec<(Role, i64, Option<u32>)> {
    let frames = followed.seen.iter().filter(|seen| seen.kind == Kind::Video);
    frames
        .map(|seen| {
            let frame = Frame::classify(seen.kind, seen.time, seen.body.clone()).expect("a frame");
            (frame.role, frame.time, stamp(&seen.body))
        })
        .collect()
}

#[test]
fn fifty_viewers_stay_when_the_same_stream_is_published_again() {
    let weir = Weir::with(&[("hub.grace_seconds", "1")]);
    let mut first = publish(&weir, 30);
    let clip = Clip { key_bytes: 3_000, inter_bytes: 500, ..Clip::default() };
    first.send_all(&clip.shots(0, 400)).expect("sent");
    weir.wait_on_air(STREAM);
    let urls = wires(&weir, STREAM);
    let followers: Vec<Follower> =
        urls.iter().cycle().take(50).map(|url| Follower::start(url, Watch::with_largest_gap(100))).collect();
    weir.wait_viewers(STREAM, 50);
    send_in_step(&mut first, &followers, &clip.shots(400, 3_400));

    // The phone is back before its old connection is found to be dead: another level, time at zero, and it begins
    // in the middle of a group of pictures.
    let mut second = publish(&weir, 40);
    let reason = first.ended().expect("a reason");
    assert!(reason.contains("the newer push took over"), "{reason}");
    let all = clip.shots(0, 3_000);
    let begun_late: Vec<_> = all.into_iter().filter(|shot| shot.time >= 400).collect();
    second.send_all(&begun_late[..80]).expect("sent");
    wait_for_picture(&followers, &begun_late[..80]);
    send_in_step(&mut second, &followers, &begun_late[80..]);
    assert_eq!(weir.app().hub.find(&hub::Name::new(STREAM)).expect("on air").summary().takeovers, 1);
    second.finish().expect("the end");

    for followed in finish_without_faults(followers) {
        let pictures = pictures(&followed);
        let new = |wanted: &[u8]| followed.seen.iter().position(|seen| seen.body == wanted);
        assert!(new(&avc_config(40)).is_some(), "the new encoder's configuration");
        let configs: Vec<usize> =
            (0..pictures.len()).filter(|index| pictures[*index].0 == Role::Config).collect();
        let change = *configs.last().expect("a configuration");
        let (before, after) = (&pictures[change - 1], &pictures[change + 1]);
        assert_eq!(before.2, Some(3_360), "the old encoder's last picture");
        assert_eq!((after.0, after.2), (Role::Key, Some(1_000)), "the new encoder's first key frame");
        assert!((0..1_500).contains(&(after.1 - before.1)), "time goes on from {} to {}", before.1, after.1);
        assert_eq!(pictures.last().expect("pictures").2, Some(2_960), "and nobody was cut off");
    }
}

#[test]
fn viewers_are_kept_while_a_publisher_drops_and_comes_back() {
    let weir = Weir::with(&[("hub.grace_seconds", "20")]);
    let followers = one_on_each_wire(&weir, STREAM, 100);
    let clip = Clip::default();
    for attempt in 0..3 {
        let mut publisher = publish(&weir, 30);
        let shots = clip.shots(attempt * 10, 2_000 + attempt * 10);
        publisher.send_all(&shots[..40]).expect("sent");
        weir.wait_viewers(STREAM, 3);
        send_in_step(&mut publisher, &followers, &shots[40..]);
        // No goodbye: the network is gone.
        drop(publisher);
        weir.wait_for("the grace", || {
            weir.app()
                .hub
                .find(&hub::Name::new(STREAM))
                .is_some_and(|stream| stream.phase() == hub::Phase::Grace)
        });
    }
    assert!(weir.app().drop_stream(&hub::Name::new(STREAM), "the test is over"));
    for followed in finish_without_faults(followers) {
        assert_eq!(followed.watch.pictures.len(), 150, "every picture of all three attempts");
        assert_eq!(followed.watch.count(Role::Key), 6);
    }
}

#[test]
fn when_the_grace_is_over_viewers_are_let_go_in_good_manners() {
    let weir = Weir::with(&[("hub.grace_seconds", "1")]);
    let mut publisher = publish(&weir, 30);
    publisher.send_all(&Clip::default().shots(0, 400)).expect("sent");
    let followers = one_on_each_wire(&weir, STREAM, 100);
    weir.wait_viewers(STREAM, 3);
    send_in_step(&mut publisher, &followers, &Clip::default().shots(400, 1_400));
    publisher.finish().expect("the end");
    let followed = finish_without_faults(followers);
    let rtmp = String::from_utf8_lossy(&followed[0].rest).into_owned();
    for word in ["NetStream.Play.UnpublishNotify", "NetStream.Play.Stop", "the stream is over", "直播已结束"]
    {
        assert!(rtmp.contains(word), "{word}");
    }
    assert_eq!(followed[1].reason.as_deref(), Some("the last chunk"));
    assert!(followed[1].rest.ends_with(b"0\r\n\r\n"));
    assert_eq!(followed[2].reason.as_deref(), Some("the stream is over"));
    weir.wait_for("all connections given back", || weir.app().permits.held() == 0);
}

#[test]
fn viewers_on_every_wire_may_come_before_the_publisher_and_miss_nothing() {
    let weir = Weir::with(&[("hub.grace_seconds", "30")]);
    let followers = one_on_each_wire(&weir, STREAM, 100);
    weir.wait_for("three viewers at the door", || weir.app().permits.held() == 3);
    let mut publisher = publish(&weir, 30);
    let shots = Clip::default().shots(0, 1_000);
    publisher.send_all(&shots).expect("sent");
    wait_for_picture(&followers, &shots);
    weir.app().drop_stream(&hub::Name::new(STREAM), "the test is over");
    for followed in finish_without_faults(followers) {
        assert_eq!(followed.watch.count(Role::Key), 1);
        assert_eq!(followed.watch.pictures.len(), 25, "from the first picture on");
        assert_eq!(followed.watch.count(Role::Audio), 50);
    }
}

#[test]
fn viewers_of_a_publisher_who_never_comes_are_told_so() {
    let weir = Weir::with(&[("hub.grace_seconds", "1")]);
    let refusals = wires(&weir, STREAM).map(|url| std::thread::spawn(move || Viewer::open(&url).err()));
    let [rtmp, http, ws] = refusals.map(|thread| {
        let error = thread.join().expect("no panic").expect("a refusal");
        format!("{error:#}")
    });
    assert!(rtmp.starts_with("NetStream.Play.StreamNotFound: nobody is publishing this stream"), "{rtmp}");
    for http in [http, ws] {
        assert!(http.starts_with("404") && http.contains("nobody is publishing this stream"), "{http}");
    }
}

#[test]
fn another_identity_is_refused_while_the_first_is_there() {
    let domains = "[[domain]]\nname = \"a.example\"\nrole = \"push\"\nscheme = \"open\"\n\
                   [[domain]]\nname = \"b.example\"\nrole = \"push\"\nscheme = \"open\"\n";
    let weir = Weir::start(domains, &[("hub.grace_seconds", "10")]);
    let url = |domain: &str| format!("{}?domain={domain}", weir.rtmp_url(STREAM));
    let mut host = Publisher::connect(&url("a.example")).expect("the host");
    host.send_headers(30).expect("headers");
    host.send_all(&Clip::default().shots(0, 1_000)).expect("sent");
    let followers = one_on_each_wire(&weir, STREAM, 100);
    weir.wait_viewers(STREAM, 3);

    let refused = Publisher::connect(&url("b.example")).err().expect("a refusal");
    let refused = format!("{refused:#}");
    assert!(refused.starts_with("NetStream.Publish.BadName: somebody else is publishing"), "{refused}");
    send_in_step(&mut host, &followers, &Clip::default().shots(1_000, 2_000));

    let mut again = Publisher::connect(&url("a.example")).expect("the same host on another connection");
    assert!(host.ended().expect("a reason").contains("the newer push took over"));
    again.send_headers(30).expect("headers");
    let shots = Clip::default().shots(0, 800);
    again.send_all(&shots).expect("sent");
    wait_for_picture(&followers, &shots);
    again.finish().expect("the end");
    weir.wait_for("the grace", || {
        weir.app().hub.find(&hub::Name::new(STREAM)).is_some_and(|stream| stream.phase() == hub::Phase::Grace)
    });
    Publisher::connect(&url("b.example")).expect("the place is free").finish().expect("the end");
    weir.app().drop_stream(&hub::Name::new(STREAM), "the test is over");
    finish_without_faults(followers);
}
