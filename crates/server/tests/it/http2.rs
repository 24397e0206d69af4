//! HTTP/2 as curl, browsers and attackers speak it.

use std::net::SocketAddr;
use std::process::Command;

use bytes::Bytes;
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{Reason, SendStream};
use http::Request;
use rustls::pki_types::ServerName;
use testkit::clip::Clip;
use testkit::follower::Follower;
use testkit::viewer::Viewer;
use testkit::watch::Watch;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use crate::ffmpeg::Running;
use crate::harness::{PATIENCE, Weir};
use crate::show;
use crate::tls::{Certificate, https};

/// What a client's kernel takes ahead of it, in bytes.
const NARROW: u32 = 16 * 1024;

/// What a client may be sent on all streams together: much, so that one that is not read stops no other.
const CONNECTION_WINDOW: u32 = 4 << 20;

/// An answer that ended.
struct Answer {
    status: u16,
    headers: http::HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// One connection and what drives it.
struct Client {
    runtime: Runtime,
    requests: SendRequest<Bytes>,
    /// The end of the connection, and why.
    end: JoinHandle<Result<(), h2::Error>>,
    authority: String,
}

async fn dial(certificate: &Certificate, to: SocketAddr) -> TlsStream<TcpStream> {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(NARROW).expect("a bound");
    let socket = socket.connect(to).await.expect("the server");
    let name = ServerName::try_from("localhost").expect("a name");
    certificate.connector("h2").connect(name, socket).await.expect("HTTP/2 over TLS")
}

impl Client {
    fn new(certificate: &Certificate, weir: &Weir) -> Client {
        Client::with_window(certificate, weir, 65_535)
    }

    /// One that takes so many bytes of each answer before it reads it.
    fn with_window(certificate: &Certificate, weir: &Weir, window: u32) -> Client {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let to = https(weir);
        let (requests, end) = runtime.block_on(async {
            let stream = dial(certificate, to).await;
            let mut builder = Builder::new();
            builder.initial_window_size(window).initial_connection_window_size(CONNECTION_WINDOW);
            let (requests, connection) = builder.handshake(stream).await.expect("a connection");
            (requests, tokio::spawn(connection))
        });
        Client { runtime, requests, end, authority: format!("localhost:{}", to.port()) }
    }

    fn request(&self, method: &str, path: &str) -> http::request::Builder {
        Request::builder().method(method).uri(format!("https://{}{path}", self.authority))
    }

    fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path), None)
    }

    fn send(&self, request: http::request::Builder, body: Option<&[u8]>) -> Answer {
        let request = request.body(()).expect("a request");
        let mut requests = self.requests.clone();
        self.runtime.block_on(async {
            let (answer, mut sending) = requests.send_request(request, body.is_none()).expect("a stream");
            if let Some(body) = body {
                sending.send_data(Bytes::copy_from_slice(body), true).expect("sent");
            }
            let answer = timeout(PATIENCE, answer).await.expect("in time").expect("an answer");
            let (parts, mut body) = answer.into_parts();
            let mut read = Vec::new();
            while let Some(data) = body.data().await {
                let data = data.expect("the rest of the answer");
                body.flow_control().release_capacity(data.len()).expect("room");
                read.extend_from_slice(&data);
            }
            Answer { status: parts.status.as_u16(), headers: parts.headers, body: read }
        })
    }

    /// Begins a request whose answer nobody waits for, unless the server refuses it at once.
    fn begin(&self, path: &str) -> Option<(ResponseFuture, SendStream<Bytes>)> {
        let request = self.request("GET", path).body(()).expect("a request");
        let mut requests = self.runtime.block_on(self.requests.clone().ready()).ok()?;
        requests.send_request(request, true).ok()
    }

    /// Waits for the end of the connection; an error is why.
    fn end(self) -> Result<(), h2::Error> {
        let end = self.runtime.block_on(async { timeout(PATIENCE, self.end).await.expect("an end in time") });
        end.expect("no panic")
    }

    /// A plain port whose requests all go over this one connection, for our own viewers.
    fn bridge(&self) -> SocketAddr {
        let listener = self.runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let addr = listener.local_addr().expect("an address");
        let (requests, authority) = (self.requests.clone(), self.authority.clone());
        self.runtime.spawn(async move {
            while let Ok((plain, _)) = listener.accept().await {
                tokio::spawn(carry(plain, requests.clone(), authority.clone()));
            }
        });
        addr
    }
}

/// Carries one request and its answer. What the viewer does not take, the stream does not take either.
async fn carry(mut plain: TcpStream, requests: SendRequest<Bytes>, authority: String) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(plain.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let uri = format!("https://{authority}{}", head.split(' ').nth(1)?);
    let request = Request::get(uri).body(()).ok()?;
    let (answer, _) = requests.ready().await.ok()?.send_request(request, true).ok()?;
    let (parts, mut body) = answer.await.ok()?.into_parts();
    plain.write_all(format!("HTTP/1.0 {}\r\n\r\n", parts.status).as_bytes()).await.ok()?;
    let mut unread = [0];
    loop {
        let data = tokio::select! {
            data = body.data() => data?.ok()?,
            // The viewer left: dropping the body resets the stream.
            _ = plain.read(&mut unread) => return None,
        };
        plain.write_all(&data).await.ok()?;
        body.flow_control().release_capacity(data.len()).ok()?;
    }
}

fn curl(certificate: &Certificate, weir: &Weir, arguments: &[&str], path: &str) -> String {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--cacert", certificate.cert_file()]).args(arguments);
    curl.arg(format!("https://localhost:{}{path}", https(weir).port()));
    let done = Running::new(curl).wait();
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    done.stdout
}

#[test]
fn curl_gets_over_http2_what_it_gets_over_http11() {
    let certificate = Certificate::new();
    let weir = certificate.serve(&[]);
    for (arguments, path) in [
        (&["-r", "10-19"][..], "/"),
        (&["-I"], "/"),
        (&[], "/livez"),
        (&["-H", "Origin: https://a.example"], "/readyz"),
        (&["-d", "{}"], "/api/v1/addresses"),
        (&[], "/nothing"),
    ] {
        let told = |version: &str| {
            let arguments = [arguments, &[version, "-i", "-w", "%{http_version}"]].concat();
            let text = curl(&certificate, &weir, &arguments, path);
            // Of the first line only the status is the same; the number of a request is its own.
            let (first, rest) = text.split_once("\r\n").expect("a head");
            let own = ["connection: ", "x-request-id: "];
            let lines = rest.split_inclusive('\n').map(|line| match line.split_once(": ") {
                Some((name, value)) => format!("{}: {value}", name.to_lowercase()),
                None => line.to_owned(),
            });
            let lines: String = lines.filter(|line| !own.iter().any(|own| line.starts_with(own))).collect();
            (first.split(' ').nth(1).map(str::to_owned), lines)
        };
        let (old, new) = (told("--http1.1"), told("--http2"));
        assert_eq!(new.0, old.0, "{path}");
        assert_eq!(new.1.strip_suffix('2').expect("HTTP/2"), old.1.strip_suffix("1.1").expect("HTTP/1.1"));
    }
    let weir = certificate.serve(&[("http.http2", "false")]);
    assert_eq!(curl(&certificate, &weir, &["--http2", "-w", "%{http_version}"], "/livez"), "ok\n1.1");
}

#[test]
fn many_viewers_on_one_connection_get_what_every_viewer_gets() {
    let certificate = Certificate::new();
    let weir = certificate.serve(&[]);
    let mut publisher = show::on_air(&weir, "live/room1");
    let client = Client::new(&certificate, &weir);
    let bridge = client.bridge();
    let url = format!("http://{bridge}/live/room1.flv");
    let followers: Vec<Follower> =
        (0..3).map(|_| Follower::start(&url, Watch::with_largest_gap(40))).collect();
    weir.wait_viewers("live/room1", 3);
    let mut leaving = Viewer::open(&url).expect("a viewer");
    assert!(leaving.next().expect("a frame").is_some());
    assert_eq!(client.get("/livez").body, b"ok\n", "the connection serves others too");
    assert_eq!(weir.app().sessions.count(|session| session.about.wire == "https-flv"), 4);
    drop(leaving);
    weir.wait_viewers("live/room1", 3);
    show::send_in_step(&mut publisher, &followers, &Clip::default().shots(1_000, 5_000));
    weir.app().drop_stream(&hub::Name::new("live/room1"), "the test is over");
    for followed in show::finish_without_faults(followers) {
        assert!(followed.watch.pictures.len() > 100);
    }
    drop(client);
    weir.wait_for("no connection but the publisher's", || weir.app().permits.held() <= 1);
}

#[test]
fn a_viewer_that_stops_reading_stops_no_other_on_its_connection() {
    let certificate = Certificate::new();
    let weir = certificate.serve(&[]);
    let mut publisher = show::on_air(&weir, "live/room1");
    let client = Client::new(&certificate, &weir);
    let url = format!("http://{}/live/room1.flv", client.bridge());
    let mut slow = Viewer::open_narrow(&url, NARROW as usize).expect("a viewer");
    let good = [Follower::start(&url, Watch::with_largest_gap(40))];
    weir.wait_viewers("live/room1", 2);
    let clip = Clip { key_bytes: 60_000, inter_bytes: 9_000, gop: 50, ..Clip::default() };
    let shots = clip.shots(1_000, 61_000);
    show::send_in_step(&mut publisher, &good, &shots);
    let newest = shots.iter().rev().find(|shot| shot.kind == media::frame::Kind::Video).expect("a picture");
    let (mut watch, mut bytes) = (Watch::default(), 0);
    loop {
        let seen = slow.next().expect("frames").expect("it was not let go");
        bytes += seen.body.len();
        watch.see(&seen);
        if seen.body == newest.body {
            break;
        }
    }
    assert_eq!(watch.faults, Vec::<String>::new());
    assert!(bytes < 6 << 20, "{bytes} bytes waited for it");
    weir.app().drop_stream(&hub::Name::new("live/room1"), "the test is over");
    show::finish_without_faults(good.into());
}

#[test]
fn requests_that_are_not_plain_are_told_so() {
    let certificate = Certificate::new();
    let weir = certificate.serve(&[("limits.max_connections", "2")]);
    let _publisher = show::on_air(&weir, "live/room1");
    let client = Client::new(&certificate, &weir);
    let check = |request: http::request::Builder, body: Option<&[u8]>, status: u16, code: &str| {
        let answer = client.send(request, body);
        let error: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!((answer.status, error["error"]["code"].as_str()), (status, Some(code)), "{error}");
        assert!(answer.header("x-request-id").is_some() && answer.header("connection").is_none());
    };
    check(client.request("GET", "/livez"), Some(b"x"), 400, "bad_request");
    check(client.request("GET", "/livez").header("host", "other"), None, 400, "bad_request");
    check(client.request("POST", "/livez"), None, 405, "method_not_allowed");
    check(client.request("GET", &format!("/{}", "a".repeat(5_000))), None, 414, "bad_request");
    let many = (0..65).fold(client.request("GET", "/"), |request, n| request.header(format!("x-{n}"), "x"));
    check(many, None, 400, "bad_request");
    check(client.request("POST", "/api/v1/addresses"), Some(&[b'x'; 65_537]), 413, "bad_request");
    // The publisher and this connection are all that may be.
    check(client.request("GET", "/live/room1.flv"), None, 503, "server_full");
    let large = client.request("GET", "/").header("x-large", "x".repeat(20_000));
    assert_eq!(client.send(large, None).status, 431);
    assert_eq!(client.get("/livez").status, 200, "the connection goes on");
    let found = client.send(client.request("HEAD", "/live/room1.flv"), None);
    assert_eq!((found.status, found.header("content-type")), (200, Some("video/x-flv")));
}

#[test]
fn a_flood_of_dropped_requests_ends_its_connection_and_no_other() {
    let certificate = Certificate::new();
    let weir = certificate.serve(&[("hub.grace_seconds", "300"), ("metrics.public", "true")]);
    let mut publisher = show::on_air(&weir, "live/room1");
    let good = [Follower::start(&weir.flv_url("live/room1"), Watch::with_largest_gap(40))];
    // Bytes of the flood that the server did not read any more may cost the client its last words.
    let is_told = |error: &h2::Error| error.is_io() || error.reason() == Some(Reason::ENHANCE_YOUR_CALM);
    // As fast as they go: most are dropped before the server has seen them (CVE-2023-44487).
    let client = Client::new(&certificate, &weir);
    let mut sent = 0;
    while let Some((_, mut stream)) = client.begin("/live/absent.flv") {
        stream.send_reset(Reason::CANCEL);
        sent += 1;
        assert!(sent < 100_000, "the flood is not stopped");
    }
    assert!(client.end().is_err_and(|error| is_told(&error)));
    // One by one: each has begun to wait for its stream.
    let client = Client::new(&certificate, &weir);
    let mut sent = 0;
    while let Some((answer, mut stream)) = client.begin("/live/absent.flv") {
        // What comes behind it has come when the next is answered.
        let Some((next, _)) = client.begin("/livez") else { break };
        if client.runtime.block_on(next).is_err() {
            break;
        }
        stream.send_reset(Reason::CANCEL);
        drop(answer);
        sent += 1;
        assert!(sent < 1_000, "the flood is not stopped");
    }
    assert!(sent >= 100, "a player that seeks is no flood");
    assert!(client.end().is_err_and(|error| is_told(&error)));
    let both = "weir_limit_hits_total{limit=\"http.dropped_requests\"} 2\n";
    weir.wait_for("the count of both", || {
        testkit::http::get(weir.http, "/metrics", "").expect("metrics").text().contains(both)
    });
    show::send_in_step(&mut publisher, &good, &Clip::default().shots(1_000, 3_000));
    weir.wait_for("the attackers' end", || weir.app().permits.held() == 2);
    weir.app().drop_stream(&hub::Name::new("live/room1"), "the test is over");
    show::finish_without_faults(good.into());
}

#[test]
fn headers_that_do_not_end_are_not_gathered() {
    let certificate = Certificate::new();
    let weir = certificate.serve(&[]);
    let frame = |kind: u8, flags: u8, stream: u8, payload: &[u8]| {
        let [_, a, b, c] = u32::try_from(payload.len()).expect("small").to_be_bytes();
        [&[a, b, c, kind, flags, 0, 0, 0, stream][..], payload].concat()
    };
    weir.block_on(async {
        let mut stream = dial(&certificate, https(&weir)).await;
        let begin =
            [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(4, 0, 0, b""), &frame(1, 1, 1, b"\x82")];
        stream.write_all(&begin.concat()).await.expect("sent");
        // CONTINUATION without END_HEADERS: an indexed header again and again, then nothing at all.
        for payload in [&[0x82; 1_024][..], b""] {
            let mut sent = 0;
            let flood = async {
                while stream.write_all(&frame(9, 0, 1, payload)).await.is_ok() {
                    sent += 1;
                    assert!(sent < 100_000, "the flood is not stopped");
                }
            };
            timeout(PATIENCE, flood).await.expect("an end");
        }
    });
    weir.wait_for("its end", || weir.app().permits.held() == 0);
}

#[test]
fn a_client_that_takes_nothing_loses_its_answers_and_then_its_connection() {
    let certificate = Certificate::new();
    let weir = certificate.serve(&[("http.idle_timeout_seconds", "1"), ("http.header_timeout_seconds", "1")]);
    let client = Client::with_window(&certificate, &weir, 0);
    let (answer, _) = client.begin("/").expect("a stream");
    let mut body = client.runtime.block_on(answer).expect("a head").into_body();
    let cut =
        client.runtime.block_on(async { timeout(PATIENCE, body.data()).await.expect("an end in time") });
    assert_eq!(cut.and_then(Result::err).and_then(|error| error.reason()), Some(Reason::CANCEL));
    drop(body);
    // Its own goodbye may come too late to be taken.
    let end = client.end();
    assert!(
        end.as_ref().err().and_then(h2::Error::reason).is_none(),
        "an idle client did nothing wrong: {end:?}"
    );
    // Nothing at all is said on this one, and on the next not even that it is HTTP/2.
    let silent = Client::new(&certificate, &weir);
    let mute = weir.block_on(dial(&certificate, https(&weir)));
    weir.wait_for("the end of both", || weir.app().permits.held() == 0);
    drop((silent, mute));
}
