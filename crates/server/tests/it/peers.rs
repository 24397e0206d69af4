//! Bugs that other live servers had, each tried on this one. The names say whose they were.

use std::io::Write;

use testkit::clip::Clip;
use testkit::http;
use testkit::publisher::Publisher;
use testkit::viewer::Viewer;

use crate::harness::Weir;
use crate::raw::{self, Rtmp};

/// What the server says to somebody who publishes or plays this name, in whatever characters.
fn asks(weir: &Weir, command: &str, app: &str, name: &str) -> String {
    let mut peer = Rtmp::connect(weir.rtmp);
    peer.command("connect", 1.0, &[raw::object(&[("app", app), ("tcUrl", "rtmp://127.0.0.1/")])]);
    peer.command(command, 2.0, &[vec![5], raw::text(name)]);
    // The status, to the end of its object; for a name that is out of all bounds there may be none.
    let answer = peer.read_until(|all| {
        let status = all.windows(10).position(|window| window == b"NetStream.");
        status.is_some_and(|at| raw::contains(&all[at..], &[0, 0, 9]))
    });
    String::from_utf8_lossy(&answer).into_owned()
}

/// The status for a stream of this name, over HTTP-FLV and WS-FLV; the target is as it stands in the request.
fn gets(weir: &Weir, target: &str) -> [u16; 2] {
    let upgrade =
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let plain = http::get(weir.http, target, "").expect("an answer").status;
    let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: upgrade, close\r\n{upgrade}\r\n");
    [plain, http::exchange(weir.http, request.as_bytes()).expect("an answer").status]
}

fn percent(name: &str) -> String {
    name.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[test]
fn cve_2023_34105_names_with_shell_characters_are_refused_on_every_wire() {
    let weir = Weir::with(&[("hub.grace_seconds", "0")]);
    for name in [
        "a;id", "$(id)", "`id`", "a|b", "a&b", "a\nb", "a'b", "a\"b", "a>b", "a b", "房间", "../a", "a\\b",
        "-%n",
    ] {
        for (app, stream) in [("live", name), (name, "room")] {
            let push = asks(&weir, "publish", app, stream);
            assert!(!push.contains("Publish.Start"), "{app:?} {stream:?}: {push}");
            let play = asks(&weir, "play", app, stream);
            assert!(!play.contains("Play.Start"), "{app:?} {stream:?}: {play}");
        }
        let statuses = gets(&weir, &format!("/live/{}.flv", percent(name)));
        assert!(statuses.iter().all(|status| matches!(status, 400 | 403 | 404)), "{name:?}: {statuses:?}");
    }
    assert_eq!(weir.app().hub.on_air().len(), 0);
}

#[test]
fn nginx_http_flv_170_names_of_0_255_256_and_64k_bytes() {
    let weir = Weir::with(&[("hub.grace_seconds", "0")]);
    for (len, good) in [(0, false), (255, true), (256, false), (65_536, false)] {
        let name = "n".repeat(len);
        let play = asks(&weir, "play", "live", &name);
        assert!(!play.contains("NetStream.Play.Start"), "{len}: nobody sends pictures");
        let expected = match len {
            0 | 256 => [403, 403],
            255 => [404, 404],
            _ => [431, 431],
        };
        assert_eq!(gets(&weir, &format!("/live/{name}.flv")), expected, "a name of {len} bytes");
        let push = asks(&weir, "publish", "live", &name);
        assert_eq!(push.contains("NetStream.Publish.Start"), good, "{len}: {push}");
    }
}

#[test]
fn zlm_file_server_traversal() {
    let weir = Weir::with(&[("hub.grace_seconds", "0")]);
    for target in [
        "/../../../../etc/passwd",
        "/..%2f..%2f..%2fetc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/play/../../etc/passwd",
        "//etc/passwd",
        "/assets/..%5c..%5cetc/passwd",
        "/etc/passwd%00.flv",
        "/%252e%252e/etc/passwd",
        "/live/../../etc/passwd.flv",
    ] {
        let answer = http::get(weir.http, target, "").expect("an answer");
        assert!(!answer.text().contains("root:"), "{target}");
        let page = answer.text().contains("<html");
        assert!(matches!(answer.status, 400 | 403 | 404) || page, "{target}: {}", answer.status);
    }
}

#[test]
fn cve_2024_29882_no_jsonp() {
    let weir = Weir::with(&[]);
    for target in ["/api/v1/live?callback=alert(1)", "/api/v1/live/live/x?callback=alert(1)&jsonp=alert(1)"] {
        let answer = http::get(weir.http, target, "").expect("an answer");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{target}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{target}");
        assert!(
            !answer.text().contains("alert") && answer.text().starts_with('{'),
            "{target}: {}",
            answer.text()
        );
    }
}

#[test]
fn cve_2024_27488_no_secret_is_shipped_and_loopback_is_not_trusted() {
    let [one, other] =
        [(), ()].map(|()| Weir::with(&[("push.scheme", "tencent"), ("play.scheme", "tencent")]));
    assert_ne!(one.secrets.push_key.expose(), other.secrets.push_key.expose());
    assert_ne!(one.secrets.push_key.expose(), one.secrets.play_key.expose());
    assert!(Publisher::connect(&one.rtmp_url("live/a")).is_err(), "from 127.0.0.1, and without a signature");
    assert!(Viewer::open(&one.flv_url("live/a")).is_err());
    let forwarded =
        http::get(one.http, "/live/a.flv", "X-Forwarded-For: 127.0.0.1\r\nX-Real-IP: 127.0.0.1\r\n");
    assert_eq!(forwarded.expect("an answer").status, 403);
}

#[test]
fn red5_chunk_sizes_of_0_1_and_2_to_the_31_and_continuations_of_nothing() {
    let weir = Weir::with(&[]);
    let set_chunk_size = |size: u32| raw::message(2, 1, 0, &size.to_be_bytes());
    // A bound on memory, not on the number: an encoder that announces the largest is served.
    let mut peer = Rtmp::connect(weir.rtmp);
    peer.send(&set_chunk_size(0x7FFF_FFFF));
    peer.command("connect", 1.0, &[raw::object(&[("app", "live")])]);
    peer.wait_for(b"NetConnection.Connect.Success");
    for bad in
        [set_chunk_size(0), set_chunk_size(0x8000_0000), vec![0xC4; 64], vec![0x84; 64], vec![0x44; 64]]
    {
        let mut peer = Rtmp::connect(weir.rtmp);
        peer.send(&bad);
        peer.socket().set_nodelay(true).expect("a socket");
        let mut rest = Vec::new();
        // The end may come as a reset, because the server has not read everything.
        let _ = std::io::Read::read_to_end(peer.socket(), &mut rest);
        assert!(!raw::contains(&rest, b"NetConnection"), "{:x?}", &bad[..4]);
    }
    weir.wait_for("the first one only", || weir.app().permits.held() == 1);
}

#[test]
fn mediamtx_5030_and_xiu_25_what_one_publisher_sends_ends_no_other_stream() {
    let weir = Weir::with(&[]);
    let clip = Clip::default();
    let mut good = Publisher::connect(&weir.rtmp_url("live/good")).expect("a publisher");
    good.send_headers(30).expect("headers");
    good.send_all(&clip.shots(0, 1_000)).expect("sent");
    let mut viewer = Viewer::open(&weir.flv_url("live/good")).expect("a viewer");
    // Every body of up to three bytes that begins like audio, video or data, and some longer ones.
    let mut bad = Rtmp::connect(weir.rtmp);
    bad.command("connect", 1.0, &[raw::object(&[("app", "live")])]);
    bad.command("publish", 2.0, &[vec![5], raw::text("bad")]);
    bad.wait_for(b"NetStream.Publish.Start");
    for kind in [8, 9, 18, 22] {
        for first in 0..=255_u8 {
            for tail in [&[][..], &[0], &[1], &[0xFF; 3], &[0; 40]] {
                bad.send(&raw::message(4, kind, 1, &[&[first][..], tail].concat()));
            }
        }
    }
    let _ = bad.socket().flush();
    good.send_all(&clip.shots(1_000, 2_000)).expect("the good one is still on air");
    let last = std::iter::from_fn(|| viewer.next().expect("a frame"))
        .any(|seen| testkit::clip::stamp(&seen.body) == Some(1_960));
    assert!(last, "and its viewer sees it");
}
