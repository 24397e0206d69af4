//! Whole segments of HLS, which many viewers ask for.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::Command;

use socket2::{Domain, Socket, Type};
use testkit::clip::Clip;
use testkit::http::{Answer, exchange, get};
use testkit::publisher::Publisher;

use crate::ffmpeg::Running;
use crate::harness::{Folder, Weir, wait_for};
use crate::tls::{Certificate, https};

/// Twenty megabits per second, so that a segment is more than what kernels hold of an answer.
const CLIP: Clip = Clip { frame_ms: 40, gop: 50, key_bytes: 100_000, inter_bytes: 100_000, audio_ms: 0 };

/// What a stream may hold: six of its segments.
const MAX_BYTES: u64 = 32 << 20;

/// What the kernel of a slow client takes ahead of it.
const NARROW: usize = 16 * 1024;

/// The paths of the segments that are listed.
fn segments(weir: &Weir) -> Vec<String> {
    let text = |path: &str| get(weir.http, path, "").expect("an answer").text();
    let folder = |path: &str| path.rsplit_once('/').expect("a path").0.to_owned();
    let variants = text("/live/a.m3u8");
    let list = format!("/live/{}", variants.lines().last().expect("a variant"));
    let listed = text(&list);
    let uris = listed.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    uris.map(|uri| format!("{}/{uri}", folder(&list))).collect()
}

/// Over TLS, as curl gets it.
fn curl(certificate: &Certificate, to: SocketAddr, arguments: &[&str], path: &str) -> Vec<u8> {
    let folder = Folder::new("segments");
    let file = folder.file("got");
    let mut curl = Command::new("curl");
    curl.args(["-sSf", "--cacert", certificate.cert_file(), "-o"]).arg(&file).args(arguments);
    curl.arg(format!("https://localhost:{}{path}", to.port()));
    let done = Running::new(curl).wait();
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    std::fs::read(file).expect("what curl got")
}

#[test]
fn an_answer_on_its_way_outlives_its_segment_and_every_way_to_ask_gives_the_same_bytes() {
    let certificate = Certificate::new();
    let max_bytes = MAX_BYTES.to_string();
    let weir = certificate.serve(&[("hls.max_bytes", &max_bytes), ("hls.segment_tokens", "false")]);
    let held = || weir.app().hls.held();
    let mut publisher = Publisher::connect(&weir.rtmp_url("live/a")).expect("a publisher");
    publisher.send_headers(30).expect("headers");
    let mut send = |from, to| publisher.send_all(&CLIP.shots(from, to)).expect("sent");
    send(0, 2_000);
    weir.wait_on_air("live/a");
    segments(&weir);
    send(2_000, 6_000);
    wait_for("segments", || segments(&weir).len() >= 2);
    let path = segments(&weir).pop().expect("a segment");
    let ask = |method: &str, headers: &str| -> Answer {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}\r\n");
        exchange(weir.http, request.as_bytes()).expect("an answer")
    };
    let whole = ask("GET", "").body;
    assert!(whole.len() > 4_500_000, "{} bytes", whole.len());
    assert_eq!(held().files, 0, "nobody else wants it");
    assert!(ask("GET", "").body == whole);
    wait_for("a file for the second viewer", || held().files == 1);

    assert!(ask("GET", "").body == whole);
    assert_eq!(ask("HEAD", "").header("content-length"), Some(whole.len().to_string().as_str()));
    let part = ask("GET", "Range: bytes=70001-1000000\r\n");
    assert!(part.status == 206 && part.body == whole[70_001..=1_000_000]);
    for version in ["--http1.1", "--http2"] {
        let tls =
            |arguments: &[&str]| curl(&certificate, https(&weir), &[&[version], arguments].concat(), &path);
        assert!(tls(&[]) == whole, "{version}");
        assert!(tls(&["-r", "70001-1000000"]) == whole[70_001..=1_000_000], "{version}");
    }

    let mut slow = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    slow.set_recv_buffer_size(NARROW).expect("a bound");
    slow.connect(&weir.http.into()).expect("the server");
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    slow.write_all(request.as_bytes()).expect("a request");
    let mut answer = vec![0; 1_000];
    slow.read_exact(&mut answer).expect("the beginning");
    for from in (6_000..30_000).step_by(2_000) {
        let newest = segments(&weir).pop();
        send(from, from + 2_000);
        wait_for("the next segment", || segments(&weir).pop() != newest);
        assert!(held().bytes <= MAX_BYTES, "{} bytes", held().bytes);
    }
    wait_for("the segment is forgotten", || ask("HEAD", "").status == 404);
    assert_eq!(held().files, 1, "an answer has it");
    slow.read_to_end(&mut answer).expect("the rest");
    assert!(answer.ends_with(&whole), "{} bytes", answer.len());
    wait_for("its descriptor has gone", || held().files == 0);
}
