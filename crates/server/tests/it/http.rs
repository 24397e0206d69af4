//! HTTP as browsers, players, old proxies and attackers speak it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use testkit::clip::Clip;
use testkit::http::{self, Answer};
use testkit::publisher::Publisher;
use testkit::viewer::Viewer;

use crate::harness::{PATIENCE, Weir};

fn on_air(weir: &Weir, stream: &str) -> Publisher {
    let mut publisher = Publisher::connect(&weir.rtmp_url(stream)).expect("a publisher");
    publisher.send_headers(30).expect("headers");
    publisher.send_all(&Clip::default().shots(0, 400)).expect("pictures");
    weir.wait_on_air(stream);
    publisher
}

fn get(weir: &Weir, target: &str, headers: &str) -> Answer {
    http::get(weir.http, target, headers).expect("an answer")
}

fn json(answer: &Answer) -> serde_json::Value {
    assert_eq!(answer.header("content-type"), Some("application/json"), "{}", answer.text());
    serde_json::from_slice(&answer.body).expect("JSON")
}

/// An error that a program and a person of either language can read.
fn assert_error(answer: &Answer, status: u16, code: &str) {
    let error = &json(answer)["error"];
    assert_eq!((answer.status, error["code"].as_str()), (status, Some(code)), "{}", answer.text());
    let (en, zh) =
        (error["message"].as_str().unwrap_or_default(), error["message_zh"].as_str().unwrap_or_default());
    assert!(en.is_ascii() && en.len() > 10 && !zh.is_ascii(), "{}", answer.text());
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
}

/// One connection on which requests follow each other.
struct Kept {
    socket: TcpStream,
    input: Vec<u8>,
}

impl Kept {
    fn new(addr: SocketAddr) -> Kept {
        let socket = TcpStream::connect(addr).expect("a connection");
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
        Kept { socket, input: Vec::new() }
    }

    fn send(&mut self, request: &str) {
        self.socket.write_all(request.as_bytes()).expect("sent");
    }

    /// Reads up to and with `end`.
    fn read_until(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            if let Some(at) = self.input.windows(end.len()).position(|window| window == end) {
                return self.input.drain(..at + end.len()).collect();
            }
            self.more();
        }
    }

    fn more(&mut self) {
        let mut buffer = [0; 4096];
        let count = self.socket.read(&mut buffer).expect("an answer");
        assert!(count > 0, "closed after {:?}", String::from_utf8_lossy(&self.input));
        self.input.extend_from_slice(&buffer[..count]);
    }

    /// The next answer: status, head in lower case, body.
    fn answer(&mut self, has_body: bool) -> Answer {
        let head = String::from_utf8(self.read_until(b"\r\n\r\n")).expect("text").to_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let mut answer = Answer { status, head, body: Vec::new() };
        let length = answer.header("content-length").map_or(0, |length| length.parse().expect("a number"));
        while has_body && self.input.len() < length {
            self.more();
        }
        answer.body = self.input.drain(..if has_body { length } else { 0 }).collect();
        answer
    }

    /// Everything to the end of the connection.
    fn rest(mut self) -> Vec<u8> {
        // A server that refuses may reset the connection behind its answer.
        let _ = self.socket.read_to_end(&mut self.input);
        self.input
    }
}

#[test]
fn one_connection_carries_many_requests_and_then_a_stream() {
    let weir = Weir::with(&[]);
    let _publisher = on_air(&weir, "live/room1");
    let mut kept = Kept::new(weir.http);
    // Two at once, as a browser that pipelines.
    kept.send("GET /livez HTTP/1.1\r\nHost: h\r\n\r\nGET /nothing HTTP/1.1\r\nHost: h\r\n\r\n");
    let (first, second) = (kept.answer(true), kept.answer(true));
    assert_eq!((first.status, first.text().as_str(), second.status), (200, "ok\n", 404));
    assert_eq!(first.header("connection"), Some("keep-alive"));
    kept.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
    let head = kept.answer(false);
    assert!(head.status == 200 && head.header("content-length").is_some_and(|length| length != "0"));
    kept.send("GET /api/v1/live HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(kept.answer(true).status, 200);
    kept.send("POST /livez HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    let post = kept.answer(true);
    assert_error(&post, 405, "method_not_allowed");
    assert_eq!(post.header("allow"), Some("get, head, options"));
    kept.send("GET /live/room1.flv HTTP/1.1\r\nHost: h\r\n\r\n");
    let flv = kept.answer(false);
    assert_eq!((flv.status, flv.header("transfer-encoding")), (200, Some("chunked")));
    assert!(kept.read_until(b"onMetaData").windows(3).any(|window| window == b"FLV"));

    let mut closing = Kept::new(weir.http);
    closing.send("GET /livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    let answer = closing.answer(true);
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    assert!(closing.rest().is_empty());
}

#[test]
fn head_asks_whether_a_stream_is_there_and_waits_for_nobody() {
    let weir = Weir::with(&[("hub.grace_seconds", "300")]);
    let _publisher = on_air(&weir, "live/room1");
    let mut kept = Kept::new(weir.http);
    kept.send("HEAD /live/room1.flv HTTP/1.1\r\nHost: h\r\n\r\n");
    let found = kept.answer(false);
    assert_eq!(
        (found.status, found.header("content-type"), found.header("cache-control")),
        (200, Some("video/x-flv"), Some("no-store"))
    );
    kept.send("HEAD /live/room2.flv HTTP/1.1\r\nHost: h\r\n\r\nGET /livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_eq!(kept.answer(false).status, 404);
    // The next answer follows at once: no body came in between, whatever the length said.
    assert_eq!(kept.answer(true).text(), "ok\n");
}

#[test]
fn a_stream_that_does_not_come_is_a_404_after_the_grace() {
    let weir = Weir::with(&[("hub.grace_seconds", "1")]);
    let began = Instant::now();
    let answer = get(&weir, "/live/room1.flv", "");
    assert_error(&answer, 404, "not_on_air");
    assert!(began.elapsed() >= Duration::from_millis(900), "nobody waited");
    let error = Viewer::open(&weir.ws_url("live/room1")).err().expect("a refusal").to_string();
    assert!(error.starts_with("404") && error.contains("not_on_air"), "{error}");
}

#[test]
fn an_old_client_is_sent_no_chunks() {
    let weir = Weir::with(&[]);
    let _publisher = on_air(&weir, "live/room1");
    let mut old = Kept::new(weir.http);
    old.send("GET /live/room1.flv HTTP/1.0\r\n\r\n");
    let head = old.answer(false);
    assert_eq!((head.status, head.header("transfer-encoding")), (200, None));
    let begin = old.read_until(b"onMetaData");
    assert!(begin.starts_with(b"FLV\x01"), "{begin:?}");
    let answer = http::exchange(weir.http, b"GET /livez HTTP/1.0\r\n\r\n").expect("an answer and the end");
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
}

#[test]
fn both_spellings_play_over_http_and_websocket() {
    let weir = Weir::with(&[]);
    let _publisher = on_air(&weir, "live/room1");
    let _nested = on_air(&weir, "a/b/room1");
    for path in [
        "live/room1.flv",
        "live/room1.live.flv",
        "a/b/room1.flv",
        "a/b/room1.live.flv",
        "live/room1.flv?cachebust=1",
    ] {
        for scheme in ["http", "ws"] {
            let mut viewer = Viewer::open(&format!("{scheme}://{}/{path}", weir.http)).expect(path);
            assert!(viewer.next().expect("a frame").is_some(), "{scheme} {path}");
        }
    }
}

#[test]
fn headers_that_mean_nothing_here_change_nothing() {
    let weir = Weir::with(&[]);
    let _publisher = on_air(&weir, "live/room1");
    for headers in [
        "Range: bytes=0-\r\nIcy-MetaData: 1\r\n",
        "Range: bytes=100-200\r\nIf-Range: \"x\"\r\n",
        "Accept-Encoding: gzip, br\r\nAccept: text/html\r\nTE: trailers\r\n",
        "If-None-Match: *\r\nIf-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n",
        "Expect: 100-continue\r\nX-Forwarded-For: 10.0.0.1\r\nX-Original-URL: /admin\r\n",
        "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
        "Cookie: \u{e9}=\u{4e2d}\r\nX-Empty:\r\n",
    ] {
        let mut kept = Kept::new(weir.http);
        kept.send(&format!("GET /live/room1.flv HTTP/1.1\r\nHost: h\r\n{headers}\r\n"));
        let head = kept.answer(false);
        assert_eq!(
            (head.status, head.header("content-range"), head.header("content-encoding")),
            (200, None, None),
            "{headers}"
        );
        let begin = kept.read_until(b"onMetaData");
        assert!(begin.windows(4).any(|window| window == b"FLV\x01"), "{headers}");
    }
}

#[test]
fn a_websocket_handshake_that_is_not_whole_is_told_so() {
    let weir = Weir::with(&[]);
    let _publisher = on_air(&weir, "live/room1");
    for headers in [
        "Sec-WebSocket-Version: 13\r\n",
        "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2hvcnQ=\r\n",
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: not base64 at all!!!!!!\r\n",
    ] {
        let mut kept = Kept::new(weir.http);
        kept.send(&format!("GET /live/room1.flv HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{headers}\r\n"));
        assert_error(&kept.answer(true), 400, "bad_websocket");
    }
    // The example of RFC 6455, section 1.3.
    let mut kept = Kept::new(weir.http);
    kept.send("GET /live/room1.flv HTTP/1.1\r\nHost: h\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    let head = kept.answer(false);
    assert_eq!(
        (head.status, head.header("sec-websocket-accept")),
        (101, Some("s3pplmbitxaq9kygzzhzrbk+xoo="))
    );
}

#[test]
fn pages_of_allowed_origins_may_read_and_others_may_not() {
    let origin = "Origin: https://app.example.com\r\n";
    let preflight = |weir: &Weir, origin: &str| {
        let request = format!(
            "OPTIONS /live/room1.flv HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{origin}Access-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: range\r\n\r\n"
        );
        http::exchange(weir.http, request.as_bytes()).expect("an answer")
    };
    let open = Weir::with(&[]);
    let answer = preflight(&open, origin);
    assert_eq!(
        (answer.status, answer.header("access-control-allow-origin"), answer.header("vary")),
        (204, Some("*"), None)
    );
    assert!(answer.header("access-control-allow-methods").is_some_and(|methods| methods.contains("get")));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    assert!(answer.body.is_empty() && answer.header("content-length").is_none());
    assert_eq!(preflight(&open, "").header("access-control-allow-origin"), None, "nobody asked");

    let weir = Weir::with(&[
        ("http.cors_origins", "https://app.example.com,http://localhost:5173"),
        ("hub.grace_seconds", "1"),
    ]);
    let _publisher = on_air(&weir, "live/room1");
    let answer = preflight(&weir, origin);
    assert_eq!(
        (answer.header("access-control-allow-origin"), answer.header("vary")),
        (Some("https://app.example.com"), Some("origin"))
    );
    for (target, status) in [("/api/v1/live", 200), ("/live/absent.flv", 404)] {
        let answer = get(&weir, target, origin);
        assert_eq!(
            (answer.status, answer.header("access-control-allow-origin")),
            (status, Some("https://app.example.com")),
            "{target}"
        );
    }
    let mut kept = Kept::new(weir.http);
    kept.send(&format!("GET /live/room1.flv HTTP/1.1\r\nHost: h\r\n{origin}\r\n"));
    assert_eq!(kept.answer(false).header("access-control-allow-origin"), Some("https://app.example.com"));
    for other in [
        "https://app.example.com.evil.net",
        "https://evil.net",
        "http://app.example.com",
        "https://app.example.com:444",
        "null",
    ] {
        let answer = preflight(&weir, &format!("Origin: {other}\r\n"));
        assert_eq!(answer.header("access-control-allow-origin"), None, "{other}");
    }
}

#[test]
fn streams_on_air_are_listed_only_where_anybody_may_play_them() {
    let weir = Weir::with(&[]);
    let _publisher = on_air(&weir, "live/room1");
    let _viewer = Viewer::open(&weir.flv_url("live/room1")).expect("a viewer");
    weir.wait_viewers("live/room1", 1);
    let list = json(&get(&weir, "/api/v1/live", ""));
    let [item] = list["streams"].as_array().expect("a list").as_slice() else { panic!("{list}") };
    assert_eq!(
        (item["app"].as_str(), item["stream"].as_str(), item["on_air"].as_bool(), item["viewers"].as_u64()),
        (Some("live"), Some("room1"), Some(true), Some(1))
    );
    assert!(item["started_at"].as_str().is_some_and(|time| time.ends_with('Z')));
    let one = json(&get(&weir, "/api/v1/live/live/room1", ""));
    assert_eq!(
        (one["video"]["codec"].as_str(), one["audio"]["codec"].as_str()),
        (Some("H.264"), Some("AAC")),
        "{one}"
    );
    assert_eq!(
        (one["video"]["width"].as_u64(), one["audio"]["sample_rate"].as_u64()),
        (Some(64), Some(44_100)),
        "{one}"
    );
    assert_eq!(
        (one["urls"]["flv"].as_str(), one["urls"]["rtmp_port"].as_u64()),
        (Some("/live/room1.flv"), Some(weir.rtmp.port().into()))
    );
    assert_error(&get(&weir, "/api/v1/live/live/room2", ""), 404, "not_on_air");
    assert_error(&get(&weir, "/api/v1/live/live/..", ""), 403, "bad_name");
    assert_error(&get(&weir, "/api/v2", ""), 404, "not_found");

    let weir = Weir::with(&[("play.scheme", "tencent"), ("play.key", "playkey9c1e77aa")]);
    weir.clock.stop_at_unix_ms(1_893_456_000_000);
    let _publisher = on_air(&weir, "live/room1001_720p");
    assert_eq!(
        json(&get(&weir, "/api/v1/live", ""))["streams"],
        serde_json::json!([]),
        "a name is half of an address"
    );
    assert_error(&get(&weir, "/api/v1/live/live/room1001_720p", ""), 403, "missing_expiry");
    let signed = "/api/v1/live/live/room1001_720p?txSecret=ac87b099cb4d74ece916fe17511ae243&txTime=70dbd880";
    assert_eq!(json(&get(&weir, signed, ""))["stream"], "room1001_720p");
}

#[test]
fn a_path_is_decoded_once_and_leads_nowhere_else() {
    let weir = Weir::with(&[("hub.grace_seconds", "0")]);
    let _publisher = on_air(&weir, "live/room1");
    let status = |target: &str| get(&weir, target, "").status;
    let mut encoded = Kept::new(weir.http);
    encoded.send("GET /%6Cive/room%31.fl%76 HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(encoded.answer(false).status, 200, "the same path written otherwise");
    let mut absolute = Kept::new(weir.http);
    absolute.send("GET http://elsewhere.example/live/room1.flv HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(absolute.answer(false).status, 200, "as proxies ask");
    for target in [
        "/live/../live/room1.flv",
        "/live/%2e%2e/live/room1.flv",
        "//live/room1.flv",
        "/live//room1.flv",
        "/./live/room1.flv",
        "/live/..%2froom1.flv",
        "/live/%2527.flv",
        "/live/room1%20.flv",
        "/live/.flv",
        "/%5c..%5clive/room1.flv",
    ] {
        assert_error(&get(&weir, target, ""), 403, "bad_name");
    }
    for target in [
        "/live/room1%00.flv",
        "/live/room1%0d%0aX:1.flv",
        "/live/%zz.flv",
        "/live/%ff.flv",
        "/live/%c0%ae.flv",
        "live/room1.flv",
        "*",
    ] {
        assert_error(&get(&weir, target, ""), 400, "bad_request");
    }
    for target in [
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/assets/../index.html",
        "/assets/..%2f..%2fCargo.toml",
        "/play/../../etc/passwd%00",
        "/Cargo.toml",
        "/assets/",
        "/.git/config",
    ] {
        let status = status(target);
        assert!(status == 404 || status == 400 || target.starts_with("/play/"), "{target}: {status}");
    }
    // The page answers for every address of the page, and for nothing beside it.
    let page = get(&weir, "/play/../../etc/passwd", "");
    assert!(!page.text().contains("root:"), "{}", page.text());
}

#[test]
fn a_request_that_two_parsers_could_read_differently_is_refused_and_ends_the_connection() {
    let weir = Weir::with(&[]);
    let hidden = "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n";
    let length = hidden.len();
    for request in [
        format!("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{hidden}"),
        format!(
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"
        ),
        format!("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n{hidden}"),
        format!(
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nContent-Length: {length}\r\n\r\n{hidden}"
        ),
        format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +0\r\n\r\n{hidden}"),
        format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length : {length}\r\n\r\n{hidden}"),
        format!("GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n Content-Length: {length}\r\n\r\n{hidden}"),
        format!("GET / HTTP/1.1\r\nHost: h\r\nX\0: a\r\n\r\n{hidden}"),
        format!("GET / HTTP/1.1\nHost: h\rX: y\r\n\r\n{hidden}"),
        format!("GET / HTTP/2.0\r\nHost: h\r\n\r\n{hidden}"),
        format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{hidden}"),
        format!("\x16\x03\x01\x02\x00{hidden}"),
    ] {
        let mut kept = Kept::new(weir.http);
        kept.send(&request);
        let all = String::from_utf8_lossy(&kept.rest()).into_owned();
        assert_eq!(all.matches("Server: weir").count(), 1, "{request:?}: {all}");
        assert!(all.starts_with("HTTP/1.1 400") && all.contains("Connection: close"), "{request:?}: {all}");
    }
}

#[test]
fn heads_are_bounded_in_size_and_time() {
    let weir = Weir::with(&[("http.header_timeout_seconds", "1"), ("http.max_header_bytes", "8192")]);
    let long = |count: usize| get(&weir, &format!("/{}", "a".repeat(count)), "");
    assert_eq!(long(4_000).status, 404);
    assert_error(&long(4_096), 414, "bad_request");
    assert_error(&get(&weir, "/", &format!("X: {}\r\n", "a".repeat(8_192))), 431, "head_too_large");
    assert_error(&get(&weir, "/", &"X: a\r\n".repeat(65)), 400, "bad_request");
    let mut slow = Kept::new(weir.http);
    slow.send("GET /livez HTTP/1.1\r\nHost: ");
    let answer = slow.answer(true);
    assert_error(&answer, 408, "slow_request");
    assert!(slow.rest().is_empty());
    assert!(Kept::new(weir.http).rest().is_empty(), "whoever says nothing is told nothing");
}

#[test]
fn the_page_is_cached_by_its_tag_and_its_files_for_ever() {
    let weir = Weir::with(&[]);
    let page = get(&weir, "/", "");
    assert_eq!(
        (page.status, page.header("content-type"), page.header("cache-control")),
        (200, Some("text/html; charset=utf-8"), Some("no-cache"))
    );
    for (name, part) in [
        ("content-security-policy", "object-src 'none'"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
    ] {
        assert!(page.header(name).is_some_and(|value| value.contains(part)), "{name}: {}", page.head);
    }
    let tag = page.header("etag").expect("a tag").to_owned();
    for target in ["/index.html", "/play/live/demo", "/play/live/demo?txSecret=x"] {
        assert_eq!(get(&weir, target, "").body, page.body, "{target}");
    }
    let same = get(&weir, "/", &format!("If-None-Match: {tag}\r\n"));
    assert_eq!((same.status, same.body.len(), same.header("etag")), (304, 0, Some(tag.as_str())));
    assert_eq!(get(&weir, "/", "If-None-Match: \"other\"\r\n").status, 200);
    // A client whose connection broke asks for the rest, of what it had.
    let rest = get(&weir, "/", &format!("Range: bytes=10-\r\nIf-Range: {tag}\r\n"));
    assert_eq!((rest.status, &rest.body[..]), (206, &page.body[10..]));
    let range = format!("bytes 10-{}/{}", page.body.len() - 1, page.body.len());
    assert_eq!(
        (rest.header("content-range"), rest.header("etag")),
        (Some(range.as_str()), Some(tag.as_str()))
    );
    let other = get(&weir, "/", "Range: bytes=10-\r\nIf-Range: \"other\"\r\n");
    assert_eq!((other.status, other.header("accept-ranges")), (200, Some("bytes")));
    let behind = get(&weir, "/", "Range: bytes=99999999-\r\n");
    assert_error(&behind, 416, "range_not_satisfiable");
    let length = format!("bytes */{}", page.body.len());
    assert_eq!(behind.header("content-range"), Some(length.as_str()));
    // Without a built page there are no files beside it.
    let text = page.text();
    let files = text.split('"').filter(|part| part.starts_with("/assets/"));
    for file in files {
        let answer = get(&weir, file, "");
        assert!(answer.status == 200 && !answer.body.is_empty(), "{file}");
        assert!(answer.header("cache-control").is_some_and(|value| value.contains("immutable")), "{file}");
        let tag = answer.header("etag").expect("a tag");
        assert_eq!(get(&weir, file, &format!("If-None-Match: W/{tag}\r\n")).status, 304, "{file}");
    }
    assert_error(&get(&weir, "/assets/none.js", ""), 404, "not_found");
    assert_error(&get(&weir, "/live", ""), 404, "not_found");
}

#[test]
fn ipv6_is_served_like_ipv4() {
    if TcpListener::bind("[::1]:0").is_err() {
        eprintln!("this machine has no IPv6; nothing is checked");
        return;
    }
    let weir =
        Weir::with(&[("http.listen", "[::1]:0"), ("rtmp.listen", "[::1]:0"), ("play.allow_ips", "::1")]);
    assert!(weir.http.is_ipv6() && weir.rtmp.is_ipv6());
    let _publisher = on_air(&weir, "live/room1");
    for url in [weir.flv_url("live/room1"), weir.ws_url("live/room1"), weir.rtmp_url("live/room1")] {
        let mut viewer = Viewer::open(&url).unwrap_or_else(|error| panic!("{url}: {error:#}"));
        assert!(viewer.next().expect("a frame").is_some(), "{url}");
    }
    // A listener for both worlds sees an IPv4 client as what it is.
    let weir = Weir::with(&[("http.listen", "[::]:0"), ("play.allow_ips", "127.0.0.1")]);
    let _publisher = on_air(&weir, "live/room1");
    let port = weir.http.port();
    assert!(Viewer::open(&format!("http://127.0.0.1:{port}/live/room1.flv")).is_ok());
    let error = Viewer::open(&format!("http://[::1]:{port}/live/room1.flv"))
        .err()
        .expect("another address")
        .to_string();
    assert!(error.contains("address_refused"), "{error}");
}
