//! Streams to and from other servers: two and three of ours in one process, ffmpeg, nginx-rtmp.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hub::{Name, Phase};
use media::frame::{Frame, Kind};
use testkit::clip::{Clip, Shot, avc_config, stamp};
use testkit::follower::{Followed, Follower};
use testkit::publisher::Publisher;
use testkit::watch::Watch;
use weir::config::Config;
use weir::relay::{Direction, Mode, StartError, State, Status};

use crate::ffmpeg::{self, Running, Version};
use crate::harness::{Folder, PATIENCE, Weir, wait_for};
use crate::show::{finish_without_faults, one_on_each_wire, send_in_step, wait_for_picture};

/// The stream of these tests.
pub const STREAM: &str = "live/room";

/// Less than a viewer may be behind.
const SHOW_MS: u32 = 2_000;

/// Where the end of a stream is waited for.
const SHORT: [(&str, &str); 1] = [("hub.grace_seconds", "1")];

/// [`STREAM`] as the hub calls it.
pub fn name() -> Name {
    Name::new(STREAM)
}

/// A publisher of [`STREAM`] that has sent its headers.
pub fn publish(weir: &Weir) -> Publisher {
    let mut publisher = Publisher::connect(&weir.rtmp_url(STREAM)).expect("a publisher");
    publisher.send_headers(30).expect("headers");
    publisher
}

/// A `[[relay]]`.
pub fn section(kind: &str, app: &str, stream: &str, url: &str, more: &str) -> String {
    format!("[[relay]]\nkind = {kind:?}\napp = {app:?}\nstream = {stream:?}\nurl = {url:?}\n{more}\n")
}

fn edge(origin: &Weir, keys: &[(&str, &str)]) -> Weir {
    let url = format!("rtmp://{}/{{app}}/{{stream}}", origin.rtmp);
    Weir::start(&section("pull", "live", "*", &url, "on_demand = true"), keys)
}

fn relay_of(weir: &Weir) -> Status {
    let list = weir.app().relays.list();
    assert_eq!(list.len(), 1, "{list:?}");
    list[0].clone()
}

fn phase(weir: &Weir) -> Option<Phase> {
    weir.app().hub.find(&name()).map(|stream| stream.phase())
}

/// The pictures and sounds of a viewer, in order, without their times.
fn bodies(followed: &Followed) -> Vec<(Kind, bytes::Bytes)> {
    let is_media = |body: &[u8]| body.get(1) == Some(&1);
    let media = followed.seen.iter().filter(|seen| seen.kind != Kind::Data && is_media(&seen.body));
    media.map(|seen| (seen.kind, seen.body.clone())).collect()
}

fn shot_bodies(shots: &[Shot]) -> Vec<(Kind, bytes::Bytes)> {
    shots.iter().map(|shot| (shot.kind, shot.body.clone())).collect()
}

/// The shots of one kind came whole and in order.
fn assert_same(followed: &Followed, shots: &[Shot]) {
    for kind in [Kind::Video, Kind::Audio] {
        let of = |all: Vec<(Kind, bytes::Bytes)>| -> Vec<_> {
            all.into_iter().filter(|(found, _)| *found == kind).collect()
        };
        let (came, sent) = (of(bodies(followed)), of(shot_bodies(shots)));
        assert_eq!(came.len(), sent.len(), "{kind:?}");
        assert!(came == sent, "{kind:?} differs");
    }
    assert!(followed.seen.iter().any(|seen| seen.body == avc_config(30)), "the decoder configuration");
    let metadata = followed.seen.iter().find(|seen| seen.kind == Kind::Data).expect("onMetaData");
    assert!(metadata.body.starts_with(b"\x02\x00\x0aonMetaData"), "{:?}", metadata.body);
}

#[test]
fn a_push_is_seen_frame_by_frame_at_the_other_server() {
    let target = Weir::with(&SHORT);
    let url = format!("rtmp://{}/{{app}}/{{stream}}", target.rtmp);
    let source = Weir::start(&section("push", "live", "*", &url, ""), &SHORT);
    let viewer = Follower::start(&target.flv_url(STREAM), Watch::with_largest_gap(100));
    let mut publisher = publish(&source);
    let shots = Clip::default().shots(0, SHOW_MS);
    publisher.send_all(&shots[..60]).expect("sent");
    wait_for_picture(std::slice::from_ref(&viewer), &shots[..60]);
    send_in_step(&mut publisher, std::slice::from_ref(&viewer), &shots[60..]);
    let status = relay_of(&source);
    assert_eq!((status.direction, status.state, status.attempts), (Direction::Push, State::Running, 1));
    assert!(status.bytes > 100_000, "{status:?}");
    publisher.finish().expect("the end");
    let followed = finish_without_faults(vec![viewer]).remove(0);
    assert_same(&followed, &shots);
    source.wait_for("no push without a stream", || source.app().relays.list().is_empty());
}

#[test]
fn a_push_whose_target_is_down_comes_up_later_with_a_key_frame_first() {
    // A port that nobody listens on, until the target takes it.
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let listen = format!("127.0.0.1:{port}");
    let source =
        Weir::start(&section("push", "live", "room", &format!("rtmp://{listen}/live/room"), ""), &SHORT);
    let mut publisher = publish(&source);
    let clip = Clip::default();
    publisher.send_all(&clip.shots(0, 1_400)).expect("sent");
    source.wait_for("a failure", || {
        let list = source.app().relays.list();
        list.first().is_some_and(|relay| {
            relay.last_error.as_deref().is_some_and(|error| error.contains("no connection"))
        })
    });
    let target = Weir::with(&[SHORT[0], ("rtmp.listen", &listen)]);
    target.wait_on_air(STREAM);
    let viewer = Follower::start(&target.rtmp_url(STREAM), Watch::with_largest_gap(100));
    target.wait_viewers(STREAM, 1);
    let rest = clip.shots(2_000, 2_600);
    send_in_step(&mut publisher, std::slice::from_ref(&viewer), &rest);
    publisher.finish().expect("the end");
    let followed = finish_without_faults(vec![viewer]).remove(0);
    let first = followed.seen.iter().find_map(|seen| stamp(&seen.body));
    assert_eq!(first, Some(1_000), "the newest group of pictures");
    assert_eq!(followed.watch.pictures.len(), 10 + 15);
}

#[test]
fn streams_are_pulled_over_rtmp_http_flv_rtmps_and_https_flv() {
    let folder = Folder::new("relay-tls");
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])
        .expect("a certificate");
    let (cert, key) = (folder.file("cert.pem"), folder.file("key.pem"));
    std::fs::write(&cert, made.cert.pem()).expect("a file");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("a file");
    let (cert, key) = (cert.to_string_lossy(), key.to_string_lossy());
    let origin = Weir::with(&[
        ("tls.cert_file", &cert),
        ("tls.key_file", &key),
        ("http.tls_listen", "127.0.0.1:0"),
        ("rtmp.tls_listen", "127.0.0.1:0"),
        ("hub.grace_seconds", "20"),
    ]);
    let https = origin.https.expect("HTTPS").port();
    let urls = [
        ("rtmp", format!("rtmp://{}/{STREAM}", origin.rtmp)),
        ("flv", format!("http://{}/{STREAM}.flv", origin.http)),
        ("rtmps", format!("rtmps://localhost:{}/{STREAM}", origin.rtmps.expect("RTMPS").port())),
        ("https", format!("https://127.0.0.1:{https}/{STREAM}.flv")),
    ];
    let rules: String = urls.iter().map(|(name, url)| section("pull", "in", name, url, "")).collect();
    let weir = Weir::start(&rules, &[("relays.ca_file", &cert), ("hub.grace_seconds", "20")]);
    let viewers: Vec<Follower> = urls
        .iter()
        .map(|(name, _)| Follower::start(&weir.flv_url(&format!("in/{name}")), Watch::with_largest_gap(100)))
        .collect();
    let mut publisher = publish(&origin);
    let shots = Clip::default().shots(0, SHOW_MS);
    // All must be there before the group of pictures that they begin with is over.
    publisher.send_all(&shots[..60]).expect("sent");
    wait_for_picture(&viewers, &shots[..60]);
    send_in_step(&mut publisher, &viewers, &shots[60..]);
    for (name, _) in &urls {
        weir.app().drop_stream(&Name::new(&format!("in/{name}")), "the test is over");
    }
    for followed in finish_without_faults(viewers) {
        assert_same(&followed, &shots);
    }
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    let folder = Folder::new("relay-tls");
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let (cert, key) = (folder.file("cert.pem"), folder.file("key.pem"));
    std::fs::write(&cert, made.cert.pem()).expect("a file");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("a file");
    let (cert, key) = (cert.to_string_lossy(), key.to_string_lossy());
    let origin =
        Weir::with(&[("tls.cert_file", &cert), ("tls.key_file", &key), ("rtmp.tls_listen", "127.0.0.1:0")]);
    let url = format!("rtmps://localhost:{}/{STREAM}", origin.rtmps.expect("RTMPS").port());
    let weir = Weir::start(&section("pull", "live", "room", &url, ""), &[]);
    weir.wait_for("a refusal", || {
        relay_of(&weir).last_error.is_some_and(|error| error.starts_with("TLS failed"))
    });
}

#[test]
fn an_edge_pulls_with_its_first_viewer_and_stops_after_its_last() {
    let origin = Weir::with(&[]);
    let mut publisher = publish(&origin);
    let clip = Clip::default();
    publisher.send_all(&clip.shots(0, 400)).expect("sent");
    origin.wait_on_air(STREAM);
    for wire in ["rtmp", "http", "ws"] {
        let edge = edge(&origin, &[("relays.linger_seconds", "1")]);
        assert!(edge.app().relays.list().is_empty(), "nobody has asked");
        let url = match wire {
            "rtmp" => edge.rtmp_url(STREAM),
            "http" => edge.flv_url(STREAM),
            _ => edge.ws_url(STREAM),
        };
        let mut viewer = testkit::viewer::Viewer::open(&url).expect("the edge has it");
        let mut watch = Watch::default();
        while watch.pictures.len() < 5 {
            watch.see(&viewer.next().expect("a stream").expect("a frame"));
        }
        assert_eq!(watch.faults, [""; 0]);
        let status = relay_of(&edge);
        assert_eq!((status.mode, status.state), (Mode::OnDemand, State::Running));
        origin.wait_viewers(STREAM, 1);
        drop(viewer);
        edge.wait_for("the pull's end", || edge.app().relays.list().is_empty());
        origin.wait_viewers(STREAM, 0);
        assert_eq!(phase(&edge), None, "and its stream is gone, so that nobody is shown an old picture");
        let again = testkit::viewer::Viewer::open(&url).expect("at once again");
        drop(again);
    }
}

#[test]
fn many_viewers_of_an_edge_are_one_viewer_of_its_origin_and_latecomers_get_headers() {
    let origin = Weir::with(&[("hub.grace_seconds", "20")]);
    let edge = edge(&origin, &[("hub.grace_seconds", "20")]);
    // They come before the publisher, and before the edge has ever heard of the stream.
    let mut viewers = one_on_each_wire(&edge, STREAM, 100);
    edge.wait_for("three at the door", || edge.app().permits.held() == 3);
    let mut publisher = publish(&origin);
    let shots = Clip::default().shots(0, SHOW_MS);
    publisher.send_all(&shots[..60]).expect("sent");
    wait_for_picture(&viewers, &shots[..60]);
    viewers.extend(one_on_each_wire(&edge, STREAM, 100));
    edge.wait_viewers(STREAM, 6);
    send_in_step(&mut publisher, &viewers, &shots[60..]);
    origin.wait_viewers(STREAM, 1);
    edge.app().drop_stream(&name(), "the test is over");
    for followed in finish_without_faults(viewers) {
        assert_same(&followed, &shots);
    }
}

#[test]
fn viewers_behind_a_middle_server_that_dies_and_comes_back_keep_their_connection() {
    let origin = Weir::with(&[("hub.grace_seconds", "20")]);
    let mut publisher = publish(&origin);
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let listen = port.to_string();
    let keys = [("hub.grace_seconds", "20"), ("rtmp.listen", listen.as_str())];
    let middle = edge(&origin, &keys);
    let end = edge(&middle, &[("hub.grace_seconds", "20")]);
    let clip = Clip::default();
    let shots = clip.shots(0, 1_000);
    let viewers: Vec<Follower> = [end.rtmp_url(STREAM), end.flv_url(STREAM)]
        .iter()
        .map(|url| Follower::start(url, Watch::default()))
        .collect();
    publisher.send_all(&shots[..30]).expect("sent");
    wait_for_picture(&viewers, &shots[..30]);
    send_in_step(&mut publisher, &viewers, &shots[30..]);

    let secrets = middle.stop();
    publisher.send_all(&clip.shots(1_000, 1_400)).expect("nobody hears it at the end");
    let url = format!("rtmp://{}/{{app}}/{{stream}}", origin.rtmp);
    let file = section("pull", "live", "*", &url, "on_demand = true");
    let _middle = Weir::start_again(&file, &keys, secrets);
    let more = clip.shots(2_000, 4_000);
    let (first, rest) = more.split_at(30);
    publisher.send_all(first).expect("sent");
    wait_for_picture(&viewers, first);
    send_in_step(&mut publisher, &viewers, rest);
    end.app().drop_stream(&name(), "the test is over");
    for followed in finish_without_faults(viewers) {
        // The watch has found no picture before a key frame and no time that goes back. After the gap came a key frame.
        let stamps: Vec<u32> = followed.seen.iter().filter_map(|seen| stamp(&seen.body)).collect();
        let gap = stamps
            .windows(2)
            .find(|pair| pair[1].abs_diff(pair[0]) > 40)
            .expect("the middle server was away");
        let after = followed.seen.iter().skip_while(|seen| stamp(&seen.body) != Some(gap[0])).skip(1);
        let next = after.clone().find(|seen| stamp(&seen.body) == Some(gap[1])).expect("it came");
        let frame = Frame::classify(next.kind, next.time, next.body.clone()).expect("a frame");
        assert_eq!(frame.role, media::frame::Role::Key, "{gap:?}");
        assert_eq!(stamps.last(), Some(&3_960));
    }
}

#[test]
fn a_target_that_accepts_and_says_nothing_is_left() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("{}/live/room", silent.local_addr().expect("an address"));
    let rules = section("pull", "in", "rtmp", &format!("rtmp://{url}"), "")
        + &section("pull", "in", "http", &format!("http://{url}.flv"), "")
        + &section("pull", "in", "tls", &format!("rtmps://{url}"), "");
    let weir = Weir::start(&rules, &[("relays.start_timeout_seconds", "1")]);
    weir.wait_for("three that gave up", || {
        let list = weir.app().relays.list();
        list.iter().all(|relay| relay.last_error.as_deref().is_some_and(|error| error.contains("too slow")))
    });
}

#[test]
fn a_source_that_stops_sending_is_left_and_asked_again() {
    let origin = Weir::with(&[("hub.grace_seconds", "20")]);
    let mut publisher = publish(&origin);
    publisher.send_all(&Clip::default().shots(0, 400)).expect("sent");
    let url = format!("rtmp://{}/{STREAM}", origin.rtmp);
    let weir =
        Weir::start(&section("pull", "live", "room", &url, ""), &[("relays.idle_timeout_seconds", "1")]);
    weir.wait_for("a second attempt", || {
        let relay = relay_of(&weir);
        relay.attempts > 1 && relay.last_error.is_some_and(|error| error.contains("no audio or video came"))
    });
}

#[test]
fn a_pull_or_push_that_leads_back_to_the_same_stream_is_refused() {
    let weir = Weir::with(&[("relays.allow_private", "true")]);
    let relays = &weir.app().relays;
    let looped = |id| {
        wait_for("a refusal", || {
            relays
                .find(id)
                .is_some_and(|relay| relay.last_error.is_some_and(|error| error.contains("leads back")))
        });
        assert_eq!(relays.find(id).map(|relay| relay.attempts), Some(1), "and it is not tried again");
        relays.stop(id).expect("stopped");
    };
    looped(relays.start_pull(&name(), &weir.rtmp_url(STREAM), Mode::Static).expect("started"));
    looped(relays.start_pull(&name(), &weir.flv_url(STREAM), Mode::Static).expect("started"));
    // Under another name of the same machine, through a proxy that knows nothing.
    let proxy = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (through, to) = (proxy.local_addr().expect("an address"), weir.rtmp);
    std::thread::spawn(move || {
        while let Ok((mut near, _)) = proxy.accept() {
            let Ok(mut far) = TcpStream::connect(to) else { return };
            let (Ok(mut near_read), Ok(mut far_write)) = (near.try_clone(), far.try_clone()) else { return };
            std::thread::spawn(move || std::io::copy(&mut near_read, &mut far_write));
            std::thread::spawn(move || std::io::copy(&mut far, &mut near));
        }
    });
    looped(relays.start_pull(&name(), &format!("rtmp://{through}/{STREAM}"), Mode::Static).expect("started"));
    // A push, while the real publisher is not disturbed.
    let mut publisher = publish(&weir);
    publisher.send_all(&Clip::default().shots(0, 1_000)).expect("sent");
    weir.wait_on_air(STREAM);
    looped(relays.start_push(&name(), &weir.rtmp_url(STREAM)).expect("started"));
    assert_eq!(weir.app().hub.find(&name()).expect("on air").summary().takeovers, 0);
    // Another stream of the same server is no circle.
    let other =
        relays.start_pull(&Name::new("live/copy"), &weir.rtmp_url(STREAM), Mode::Static).expect("started");
    weir.wait_for("a copy", || relays.find(other).is_some_and(|relay| relay.state == State::Running));
}

#[test]
fn two_servers_that_push_everything_to_each_other_do_not_cut_off_the_publisher() {
    let port =
        TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").to_string();
    let there =
        Weir::start(&section("push", "*", "*", &format!("rtmp://{port}/{{app}}/{{stream}}"), ""), &[]);
    let url = format!("rtmp://{}/{{app}}/{{stream}}", there.rtmp);
    let here = Weir::start(&section("push", "*", "*", &url, ""), &[("rtmp.listen", &port)]);
    let mut publisher = publish(&here);
    publisher.send_all(&Clip::default().shots(0, 1_000)).expect("sent");
    there.wait_on_air(STREAM);
    there.wait_for("a refusal", || {
        let list = there.app().relays.list();
        list.first().is_some_and(|relay| {
            relay.last_error.as_deref().is_some_and(|error| error.contains("back to itself"))
        })
    });
    assert_eq!(here.app().hub.find(&name()).expect("on air").summary().takeovers, 0);
    assert_eq!(relay_of(&here).state, State::Running);
    publisher.finish().expect("the end");
}

#[test]
fn two_edges_that_pull_from_each_other_tell_their_viewers_that_there_is_nothing() {
    let port =
        TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").to_string();
    let keys = [("hub.grace_seconds", "2"), ("relays.linger_seconds", "1")];
    let url = format!("rtmp://{port}/{{app}}/{{stream}}");
    let there = Weir::start(&section("pull", "*", "*", &url, "on_demand = true"), &keys);
    let here = edge(&there, &[&keys[..], &[("rtmp.listen", &port)]].concat());
    let viewer = Follower::start(&here.flv_url(STREAM), Watch::default());
    there.wait_for("the second server's refusal", || {
        let list = there.app().relays.list();
        list.first().is_some_and(|relay| {
            relay.last_error.as_deref().is_some_and(|error| error.contains("back to itself"))
        })
    });
    let refused = viewer.finish().err().expect("there is nothing to see");
    assert!(format!("{refused:#}").starts_with("404"), "{refused:#}");
    for weir in [&here, &there] {
        weir.wait_for("no relay", || weir.app().relays.list().is_empty());
    }
}

#[test]
fn a_target_that_stops_reading_is_left_and_holds_no_memory() {
    let target = Weir::with(&[]);
    let to = target.rtmp;
    // Passes on what comes for a while, and then reads no more.
    let proxy = TcpListener::bind("127.0.0.1:0").expect("a port");
    let through = proxy.local_addr().expect("an address");
    let (hold, held) = std::sync::mpsc::channel::<()>();
    std::thread::spawn(move || {
        let (near, _) = proxy.accept().expect("the push");
        let mut far = TcpStream::connect(to).expect("the target");
        let (mut near_write, mut far_read) =
            (near.try_clone().expect("a handle"), far.try_clone().expect("a handle"));
        std::thread::spawn(move || std::io::copy(&mut far_read, &mut near_write));
        // The end of the test closes the other side; until then the sockets stay open.
        let _ = std::io::copy(&mut near.take(100_000), &mut far);
        let _ = held.recv();
    });
    let url = format!("rtmp://{through}/live/room");
    let source = Weir::start(
        &section("push", "live", "room", &url, ""),
        &[("relays.idle_timeout_seconds", "1"), ("fanout.max_lag_ms", "1000")],
    );
    let viewer = Follower::start(&source.flv_url(STREAM), Watch::with_largest_gap(100));
    let mut publisher = publish(&source);
    let clip = Clip { key_bytes: 400_000, inter_bytes: 100_000, ..Clip::default() };
    let error = || source.app().relays.list().first().and_then(|relay| relay.last_error.clone());
    let mut time = 0;
    // How much of the stream passes until the clock says that the target takes nothing depends on the machine.
    let began = Instant::now();
    while error().is_none() {
        assert!(began.elapsed() < PATIENCE, "the push goes on though nobody reads");
        send_in_step(&mut publisher, std::slice::from_ref(&viewer), &clip.shots(time, time + 1_000));
        time += 1_000;
    }
    let told = error().expect("a reason");
    assert!(told.contains("takes"), "{told}");
    source.app().drop_stream(&name(), "the test is over");
    finish_without_faults(vec![viewer]);
    drop(hold);
}

#[test]
fn a_pull_waits_for_a_publisher_who_was_there_first() {
    let origin = Weir::with(&[("hub.grace_seconds", "20")]);
    let mut far = publish(&origin);
    far.send_all(&Clip::default().shots(0, 1_000)).expect("sent");
    origin.wait_on_air(STREAM);
    let weir = Weir::with(&[("relays.allow_private", "true"), ("hub.grace_seconds", "1")]);
    let mut near = publish(&weir);
    near.send_all(&Clip::default().shots(0, 1_000)).expect("sent");
    weir.wait_on_air(STREAM);
    let id = weir.app().relays.start_pull(&name(), &origin.rtmp_url(STREAM), Mode::Static).expect("started");
    let relay = || weir.app().relays.find(id).expect("listed");
    near.send_all(&Clip::default().shots(1_000, 2_000)).expect("still there");
    let summary = weir.app().hub.find(&name()).expect("on air").summary();
    assert_eq!((summary.takeovers, relay().attempts), (0, 0));
    near.finish().expect("the end");
    weir.wait_for("the relay's turn", || relay().state == State::Running);
    assert_eq!(
        weir.app().hub.find(&name()).expect("on air").summary().takeovers,
        0,
        "another stream of that name"
    );
    let refused = Publisher::connect(&weir.rtmp_url(STREAM)).err().expect("the name is taken");
    assert!(format!("{refused:#}").contains("somebody else is publishing"), "{refused:#}");
    weir.app().relays.stop(id).expect("stopped");
    weir.wait_for("a free name", || phase(&weir).is_none());
}

#[test]
fn an_api_may_name_public_addresses_only() {
    let weir = Weir::with(&[]);
    let relays = &weir.app().relays;
    for private in [
        "rtmp://127.0.0.1/live/a",
        "rtmp://[::1]/live/a",
        "http://169.254.169.254/latest/meta-data.flv",
        "http://10.0.0.1/a.flv",
        "https://[::ffff:192.168.0.1]/a.flv",
        "rtmp://0.0.0.0:1935/live/a",
        "http://100.100.100.200/a.flv",
    ] {
        let refused = relays.start_pull(&name(), private, Mode::Static).err();
        assert!(matches!(refused, Some(StartError::Guarded(_))), "{private}: {refused:?}");
    }
    // A name is resolved when it is connected to, and what it leads to is checked then.
    let id = relays
        .start_pull(&name(), &format!("rtmp://localhost:{}/live/a", weir.rtmp.port()), Mode::Static)
        .expect("a name");
    weir.wait_for("the guard", || {
        relays
            .find(id)
            .is_some_and(|relay| relay.last_error.is_some_and(|error| error.contains("not a public address")))
    });
    for other in ["file:///etc/passwd", "ws://1.1.1.1/live/a.flv", "1.1.1.1/live/a"] {
        assert!(
            matches!(relays.start_pull(&name(), other, Mode::Static), Err(StartError::Bad(_))),
            "{other}"
        );
    }
    assert!(matches!(relays.start_push(&name(), "http://1.1.1.1/live/a.flv"), Err(StartError::Bad(_))));
    assert!(matches!(
        relays.start_pull(&name(), "rtmp://1.1.1.1/live/a", Mode::Static),
        Err(StartError::Exists)
    ));
}

#[test]
fn redirects_stay_at_their_host() {
    let origin = Weir::with(&[]);
    let mut publisher = publish(&origin);
    publisher.send_all(&Clip::default().shots(0, 1_000)).expect("sent");
    // A server that sends whoever asks it elsewhere.
    let sender = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/live/room.flv", sender.local_addr().expect("an address"));
    let elsewhere = origin.flv_url(STREAM);
    std::thread::spawn(move || {
        while let Ok((mut socket, _)) = sender.accept() {
            let mut request = [0; 4096];
            // What it asks for does not matter.
            let _ = socket.read(&mut request);
            let _ =
                write!(socket, "HTTP/1.1 302 Found\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let weir = Weir::start(&section("pull", "live", "room", &url, ""), &[]);
    weir.wait_for("a refusal", || {
        relay_of(&weir).last_error.is_some_and(|error| error.contains("redirects to another host"))
    });
}

#[test]
fn ffmpeg_takes_a_push_and_gives_a_stream_to_pull() {
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let folder = Folder::new("relay");
    let file = folder.file("pushed.flv").to_string_lossy().into_owned();
    let listen = format!("rtmp://{port}/live/room");
    let target = ffmpeg::start(
        Version::Debian,
        &["-listen", "1", "-f", "flv", "-i", &listen, "-c", "copy", "-f", "flv", &file],
    );
    let weir = Weir::start(&section("push", "live", "room", &listen, ""), &[("hub.grace_seconds", "1")]);
    let source = [
        "-re",
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=160x120:rate=25",
        "-f",
        "lavfi",
        "-i",
        "sine=sample_rate=44100",
        "-t",
        "3",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-g",
        "25",
        "-c:a",
        "aac",
        "-f",
        "flv",
    ];
    let url = weir.rtmp_url(STREAM);
    ffmpeg::run(Version::Debian, &[&source[..], &[url.as_str()]].concat());
    let done = target.wait();
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let probe = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-count_packets",
            "-show_entries",
            "stream=codec_name,nb_read_packets",
            "-of",
            "csv=p=0",
            &file,
        ])
        .output()
        .expect("ffprobe");
    let found = String::from_utf8_lossy(&probe.stdout).into_owned();
    let count = |codec: &str| {
        let line = found.lines().find_map(|line| line.strip_prefix(codec));
        line.and_then(|count| count.trim_matches(',').parse::<u32>().ok()).unwrap_or_default()
    };
    // The push begins when the stream is on air, with its first group of pictures.
    assert_eq!(count("h264"), 75, "{found}");
    assert!(count("aac") >= 125, "{found}");
}

#[test]
fn nginx_takes_a_push_and_gives_a_stream_to_pull() {
    let free = || TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let port = free();
    let folder = Folder::new("relay-nginx");
    let text = format!(
        "load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;\ndaemon off;\nmaster_process off;\npid {0}/pid;\n\
         error_log {0}/error.log;\nevents {{ }}\nrtmp {{ server {{ listen 127.0.0.1:{port}; application live {{ live on; }} }} }}\n",
        folder.path().display()
    );
    let conf = folder.file("nginx.conf");
    std::fs::write(&conf, text).expect("a file");
    let mut command = Command::new("nginx");
    command.arg("-p").arg(folder.path()).arg("-c").arg(&conf).stdout(Stdio::null());
    let _nginx = Running::new(command);
    wait_for("nginx", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    let there = format!("rtmp://127.0.0.1:{port}/live/room");
    let source = Weir::start(&section("push", "live", "room", &there, ""), &[]);
    let edge = Weir::start(
        &section("pull", "live", "room", &there, "on_demand = true"),
        &[("hub.grace_seconds", "20")],
    );
    let mut publisher = publish(&source);
    let clip = Clip::default();
    publisher.send_all(&clip.shots(0, 1_000)).expect("sent");
    source.wait_for("nginx has it", || {
        source.app().relays.list().iter().any(|relay| relay.state == State::Running)
    });
    let viewer = Follower::start(&edge.flv_url(STREAM), Watch::default());
    let began = Instant::now();
    let mut time = 1_000;
    // nginx begins a viewer at the next key frame, so there must be some.
    while viewer.stamp().is_none() {
        assert!(began.elapsed() < Duration::from_secs(30), "no picture came through nginx");
        publisher.send_all(&clip.shots(time, time + 1_000)).expect("sent");
        time += 1_000;
        let until = Instant::now() + Duration::from_millis(300);
        while viewer.stamp().is_none() && Instant::now() < until {
            std::thread::yield_now();
        }
    }
    send_in_step(&mut publisher, std::slice::from_ref(&viewer), &clip.shots(time, time + 1_000));
    edge.app().drop_stream(&name(), "the test is over");
    finish_without_faults(vec![viewer]);
}

#[test]
fn what_is_wrong_with_a_relay_is_told_with_its_line_and_key() {
    let told =
        |text: &str| Config::from_toml(text).err().map(|problems| problems.to_string()).unwrap_or_default();
    let good = "kind = \"pull\"\napp = \"live\"\nstream = \"a\"\n";
    for (text, line, key) in [
        (
            "[[relay]]\nkind = \"pull\"\napp = \"live\"\nurl = \"rtmp://a/b/c\"\n".to_owned(),
            1,
            "relay[0].stream",
        ),
        (
            "[[relay]]\nkind = \"pul\"\napp = \"live\"\nstream = \"a\"\nurl = \"rtmp://a/b/c\"\n".to_owned(),
            2,
            "relay[0].kind",
        ),
        (format!("[[relay]]\n{good}url = \"ftp://hush/b/c\"\n"), 5, "relay[0].url"),
        (format!("[[relay]]\n{good}url = \"rtmp://hush/{{ap}}/c\"\n"), 5, "relay[0].url"),
        (format!("[[relay]]\n{good}url = \"rtmp://a/b/c\"\nondemand = true\n"), 6, "relay[0].ondemand"),
        (section("pull", "live", "*", "rtmp://a/live/{stream}", ""), 1, "relay[0].on_demand"),
        (section("pull", "live", "*", "rtmp://a/live/hush", "on_demand = true"), 5, "relay[0].url"),
        (section("push", "live", "a", "http://a/live/hush.flv", ""), 5, "relay[0].url"),
        (section("push", "live", "a", "rtmp://a/live/hush", "on_demand = true"), 6, "relay[0].on_demand"),
        (section("push", "li ve", "a", "rtmp://a/live/hush", ""), 4, "relay[0].stream"),
        ("[relays]\nlinger_seconds = 0\n".to_owned(), 2, "relays.linger_seconds"),
    ] {
        let told = told(&text);
        assert!(told.starts_with(&format!("weir.toml:{line}: ")) && told.contains(key), "{text}: {told}");
        assert!(!told.contains("hush"), "{told}");
    }
    let good = section("push", "*", "*", "rtmps://a/{app}/{stream}?key=hush", "");
    let config = Config::from_toml(&good).expect("a good configuration");
    assert!(!format!("{config:?}").contains("hush"));
}
