//! The bounds that only a running server has: each key of the configuration has its effect, and everybody who meets a
//! bound is told so where the protocol has words for it.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use bytes::Bytes;
use media::frame::Kind;
use socket2::{Domain, Socket, Type};
use testkit::clip::Clip;
use testkit::http;
use testkit::publisher::Publisher;
use testkit::viewer::Viewer;

use crate::harness::{PATIENCE, Weir};
use crate::raw::{self, Rtmp};
use crate::show::on_air;

/// A connection from one of the addresses of this machine.
fn connect_from(last_byte: u8, to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket
        .bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, last_byte), 0)).into())
        .expect("a loopback address");
    socket.connect(&to.into()).expect("a connection");
    socket.into()
}

/// Reads until the server closes; gives what came.
fn read_to_close(socket: &mut TcpStream) -> Vec<u8> {
    socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let mut all = Vec::new();
    match socket.read_to_end(&mut all) {
        Ok(_) => all,
        Err(error) if error.kind() == ErrorKind::ConnectionReset => all,
        Err(error) => panic!("the server does not close: {error}"),
    }
}

#[test]
fn max_connections_closes_the_door_until_somebody_leaves() {
    let weir = Weir::with(&[("limits.max_connections", "2")]);
    let _publisher = on_air(&weir, "live/a");
    let viewer = Viewer::open(&weir.flv_url("live/a")).expect("the second connection");
    let mut third = TcpStream::connect(weir.rtmp).expect("TCP connects before the server decides");
    assert_eq!(read_to_close(&mut third), b"");
    drop(viewer);
    weir.wait_for("room", || weir.app().permits.held() == 1);
    Viewer::open(&weir.ws_url("live/a")).expect("there is room again");
}

#[test]
fn connections_per_ip_bounds_one_address_and_no_other() {
    let weir = Weir::with(&[("limits.connections_per_ip", "2")]);
    let mut here = [connect_from(7, weir.http), connect_from(7, weir.rtmp)];
    weir.wait_for("two connections", || weir.app().permits.held() == 2);
    assert_eq!(read_to_close(&mut connect_from(7, weir.http)), b"");
    let mut other = connect_from(8, weir.http);
    other.write_all(b"GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n").expect("sent");
    assert!(read_to_close(&mut other).starts_with(b"HTTP/1.1 200"), "another address is served");
    here[1].shutdown(std::net::Shutdown::Both).expect("a connection");
    weir.wait_for("room", || weir.app().permits.held() == 1);
    here[0].write_all(b"GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n").expect("sent");
    assert!(read_to_close(&mut here[0]).starts_with(b"HTTP/1.1 200"));
}

/// Somebody who wants to play a stream, and waits.
fn play_rtmp(weir: &Weir, stream: &str) -> Rtmp {
    let mut peer = Rtmp::connect(weir.rtmp);
    peer.command("connect", 1.0, &[raw::object(&[("app", "live")])]);
    peer.command("play", 2.0, &[vec![5], raw::text(stream)]);
    peer
}

#[test]
fn players_who_wait_for_streams_that_nobody_has_keep_no_publisher_out() {
    let weir = Weir::with(&[("limits.max_streams", "2"), ("hub.grace_seconds", "300")]);
    let _waiting = ["a", "b"].map(|stream| play_rtmp(&weir, stream));
    weir.wait_for("two streams that are waited for", || weir.app().hub.all().len() == 2);
    let _publisher = on_air(&weir, "live/c");
    // Whoever waited gets the stream when it comes, and that is the last one that may.
    let _another = on_air(&weir, "live/a");
    weir.wait_viewers("live/a", 1);
    let refused = format!("{:#}", Publisher::connect(&weir.rtmp_url("live/b")).err().expect("a refusal"));
    assert!(refused.contains("limits.max_streams"), "{refused}");
}

#[test]
fn max_streams_is_told_to_publishers_and_players() {
    let weir = Weir::with(&[("limits.max_streams", "1")]);
    let _publisher = on_air(&weir, "live/a");
    let _waiting = play_rtmp(&weir, "early");
    weir.wait_for("a stream that is waited for", || {
        weir.app().hub.find(&hub::Name::new("live/early")).is_some()
    });
    let refused = |error: Option<anyhow::Error>| format!("{:#}", error.expect("a refusal"));
    let push = refused(Publisher::connect(&weir.rtmp_url("live/b")).err());
    let rtmp = refused(Viewer::open(&weir.rtmp_url("live/b")).err());
    let flv = refused(Viewer::open(&weir.flv_url("live/b")).err());
    let ws = refused(Viewer::open(&weir.ws_url("live/b")).err());
    assert!(
        push.starts_with("NetStream.Publish.BadName") && rtmp.starts_with("NetStream.Play.Failed"),
        "{push} {rtmp}"
    );
    assert!(flv.starts_with("503") && ws.starts_with("503"), "{flv} {ws}");
    for text in [push, rtmp, flv, ws] {
        assert!(text.contains("limits.max_streams"), "{text}");
    }
    Viewer::open(&weir.flv_url("live/a")).expect("the stream that there is can be played");
}

#[test]
fn publish_timeout_ends_whoever_connects_and_asks_for_nothing() {
    let weir = Weir::with(&[("rtmp.publish_timeout_seconds", "1")]);
    let mut peer = Rtmp::connect(weir.rtmp);
    peer.command("connect", 1.0, &[raw::object(&[("app", "live")])]);
    let began = Instant::now();
    let answer = read_to_close(peer.socket());
    assert!(raw::contains(&answer, b"NetConnection.Connect.Success"), "it was let in first");
    assert!(began.elapsed() >= Duration::from_millis(500), "and had its time");
    weir.wait_for("the connection given back", || weir.app().permits.held() == 0);
}

#[test]
fn idle_publisher_ends_whoever_sends_nothing() {
    let weir = Weir::with(&[("rtmp.idle_publisher_seconds", "5")]);
    let began = Instant::now();
    on_air(&weir, "live/silent").ended().expect("an end");
    assert!(began.elapsed() >= Duration::from_secs(4), "it had its time");
    weir.wait_for("the connection given back", || weir.app().permits.held() == 0);
}

#[test]
fn max_message_bytes_is_a_bound_on_every_message_of_a_publisher() {
    let keys = [("rtmp.max_message_bytes", "65536"), ("rtmp.max_partial_bytes", "65536")];
    let weir = Weir::with(&keys);
    let mut publisher = on_air(&weir, "live/a");
    let mut viewer = Viewer::open(&weir.flv_url("live/a")).expect("a viewer");
    let picture = |size: usize| {
        let clip = Clip { key_bytes: size - 9, audio_ms: 0, ..Clip::default() };
        clip.shots(1_000, 1_040).pop().expect("a picture").body
    };
    let (largest, too_large) = (picture(65_536), picture(65_537));
    publisher.send(Kind::Video, 1_000, &largest).expect("sent");
    let found = std::iter::from_fn(|| viewer.next().expect("a frame")).any(|seen| seen.body == largest);
    assert!(found, "a message at the bound arrives");
    // The server may close before it has been sent all of it.
    let _ = publisher.send(Kind::Video, 1_040, &too_large);
    publisher.ended().expect("an end");
    weir.wait_for("only the viewer", || weir.app().permits.held() == 1);
}

#[test]
fn a_publisher_that_sends_garbage_for_media_is_told_so_and_let_go() {
    let weir = Weir::with(&[]);
    let mut publisher = on_air(&weir, "live/a");
    let mut viewer = Viewer::open(&weir.flv_url("live/a")).expect("a viewer");
    let empty_config = Bytes::from_static(&[0x17, 0, 0, 0, 0]);
    for _ in 0..50 {
        publisher.send(Kind::Video, 1_000, &empty_config).expect("sent");
    }
    let shots = Clip::default().shots(1_000, 1_400);
    publisher.send_all(&shots).expect("sent");
    let last = std::iter::from_fn(|| viewer.next().expect("a frame")).any(|seen| seen.body == shots[29].body);
    assert!(last, "fifty are forgiven");
    let _ = publisher.send(Kind::Video, 1_400, &empty_config);
    let reason = publisher.ended().expect("a reason");
    assert!(reason.contains("neither audio nor video"), "{reason}");
}

#[test]
fn a_viewer_that_floods_the_server_with_pings_is_let_go() {
    let weir = Weir::with(&[]);
    let _publisher = on_air(&weir, "live/a");
    // RTMP: a ping request of 18 bytes, chunk header included. WebSocket: a masked ping of 6 bytes.
    let rtmp = [2, 0, 0, 0, 0, 0, 6, 4, 0, 0, 0, 0, 0, 6, 0, 0, 0, 1].repeat(6_000);
    let ws = [0x89, 0x80, 1, 2, 3, 4].repeat(18_000);
    for (url, flood) in [(weir.rtmp_url("live/a"), rtmp), (weir.ws_url("live/a"), ws)] {
        let mut viewer = Viewer::open(&url).expect("a viewer");
        weir.wait_viewers("live/a", 1);
        // The connection may be gone before all is sent.
        let _ = viewer.send_raw(&flood);
        weir.wait_viewers("live/a", 0);
    }
}

/// What a ping is for is that something is sent on a silent stream: only then does a dead connection show itself.
#[test]
fn a_viewer_is_pinged_at_the_interval_and_one_that_never_answers_stays_while_it_reads() {
    let weir = Weir::with(&[("rtmp.ping_interval_seconds", "5")]);
    let mut publisher = on_air(&weir, "live/a");
    let mut mute = Rtmp::connect(weir.rtmp);
    mute.command("connect", 1.0, &[raw::object(&[("app", "live")])]);
    mute.command("play", 2.0, &[vec![5], raw::text("a")]);
    mute.wait_for(b"NetStream.Play.Start");
    let ping = [2, 0, 0, 0, 0, 0, 6, 4, 0, 0, 0, 0, 0, 6];
    let mut before = Instant::now();
    for _ in 0..2 {
        mute.wait_for(&ping);
        let waited = before.elapsed();
        assert!((4_500..15_000).contains(&waited.as_millis()), "a ping after {waited:?}");
        before = Instant::now();
    }
    weir.wait_viewers("live/a", 1);
    let last = Bytes::from_static(b"\x27\x01\0\0\0\0\0\0\x09\x41still here");
    publisher.send(Kind::Video, 1_000, &last).expect("sent");
    mute.wait_for(b"still here");
}

#[test]
fn a_ping_of_a_viewer_is_answered() {
    let weir = Weir::with(&[]);
    let _publisher = on_air(&weir, "live/a");
    let mut peer = Rtmp::connect(weir.rtmp);
    peer.command("connect", 1.0, &[raw::object(&[("app", "live")])]);
    peer.command("play", 2.0, &[vec![5], raw::text("a")]);
    peer.wait_for(b"NetStream.Play.Start");
    peer.send(&[2, 0, 0, 0, 0, 0, 6, 4, 0, 0, 0, 0, 0, 6, 1, 2, 3, 4]);
    peer.wait_for(&[2, 0, 0, 0, 0, 0, 6, 4, 0, 0, 0, 0, 0, 7, 1, 2, 3, 4]);
}

#[test]
fn a_request_head_has_a_bound() {
    let weir = Weir::with(&[("http.max_header_bytes", "2048")]);
    let get = |length: usize| {
        let line = format!("X-Long: {}\r\n", "a".repeat(length));
        http::get(weir.http, "/livez", &line).expect("an answer").status
    };
    assert_eq!((get(1_000), get(2_048)), (200, 431));
    let weir = Weir::with(&[]);
    let long = format!("/live/{}.flv", "a".repeat(5_000));
    assert_eq!(http::get(weir.http, &long, "").expect("an answer").status, 414);
}

#[test]
fn header_and_idle_timeouts_end_slow_and_silent_http_connections() {
    let weir = Weir::with(&[("http.header_timeout_seconds", "1"), ("http.idle_timeout_seconds", "1")]);
    let mut slow = TcpStream::connect(weir.http).expect("a connection");
    slow.write_all(b"GET /livez HTTP/1.1\r\nHost:").expect("sent");
    assert!(read_to_close(&mut slow).starts_with(b"HTTP/1.1 408"));
    let mut idle = TcpStream::connect(weir.http).expect("a connection");
    idle.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
    let answer = read_to_close(&mut idle);
    assert!(answer.starts_with(b"HTTP/1.1 200") && answer.ends_with(b"ok\n"), "one answer, and the end");
}

#[test]
fn a_web_socket_player_that_says_goodbye_is_answered() {
    let weir = Weir::with(&[]);
    let _publisher = on_air(&weir, "live/a");
    let mut viewer = Viewer::open(&weir.ws_url("live/a")).expect("a viewer");
    weir.wait_viewers("live/a", 1);
    // A masked Close with code 1000.
    viewer.send_raw(&[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE8]).expect("sent");
    while viewer.next().expect("an end in good order").is_some() {}
    assert_eq!(viewer.reason(), Some("goodbye"), "RFC 6455 section 5.5.1 has a Close answered by a Close");
}

#[test]
fn a_web_socket_frame_has_a_bound() {
    let weir = Weir::with(&[]);
    let _publisher = on_air(&weir, "live/a");
    let mut viewer = Viewer::open(&weir.ws_url("live/a")).expect("a viewer");
    weir.wait_viewers("live/a", 1);
    // A masked message of 65,537 bytes is announced; its header is enough.
    viewer.send_raw(&[0x82, 0xFF, 0, 0, 0, 0, 0, 1, 0, 1, 1, 2, 3, 4]).expect("sent");
    weir.wait_viewers("live/a", 0);
}

#[test]
fn sizes_that_the_server_announces_are_the_configured_ones() {
    let weir = Weir::with(&[
        ("rtmp.chunk_size_out", "4096"),
        ("rtmp.window_ack_bytes", "70000"),
        ("rtmp.publish_timeout_seconds", "1"),
    ]);
    let mut peer = Rtmp::connect(weir.rtmp);
    peer.command("connect", 1.0, &[raw::object(&[("app", "live")])]);
    let answer = read_to_close(peer.socket());
    let control = |kind: u8, number: u32| {
        [&[2, 0, 0, 0, 0, 0, 4, kind, 0, 0, 0, 0][..], &number.to_be_bytes()].concat()
    };
    assert!(raw::contains(&answer, &control(1, 4_096)), "the chunk size");
    assert!(raw::contains(&answer, &control(5, 70_000)), "the window");
}

#[test]
fn max_inbound_chunk_bytes_and_max_chunk_streams_end_whoever_passes_them() {
    let weir = Weir::with(&[("rtmp.max_inbound_chunk_bytes", "65536"), ("rtmp.max_chunk_streams", "8")]);
    let set_chunk_size =
        |size: u32| [&[2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0][..], &size.to_be_bytes()].concat();
    // The first byte of a message of two chunks, on as many chunk streams as there are numbers.
    let begun = |streams: u8| -> Vec<u8> {
        (10..10 + streams)
            .flat_map(|id| [&[id, 0, 0, 0, 0, 0, 200, 18, 1, 0, 0, 0][..], &[0; 128]].concat())
            .collect()
    };
    for (good, bad) in [(set_chunk_size(65_536), set_chunk_size(65_537)), (begun(7), begun(9))] {
        let mut peer = Rtmp::connect(weir.rtmp);
        peer.send(&good);
        peer.command("connect", 1.0, &[raw::object(&[("app", "live")])]);
        peer.wait_for(b"NetConnection.Connect.Success");
        let mut peer = Rtmp::connect(weir.rtmp);
        peer.send(&bad);
        let answer = read_to_close(peer.socket());
        assert!(!raw::contains(&answer, b"NetConnection.Connect.Success"));
    }
}
