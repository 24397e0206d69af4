//! Draining and reading the configuration again, with people watching.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use testkit::clip::Clip;
use testkit::http;
use testkit::publisher::Publisher;
use testkit::viewer::Viewer;
use weir::drain::{self, Outcome};
use weir::operator::keys::{self, Scope};

use crate::harness::{Folder, Weir};

/// How many watch while the server is operated.
const AUDIENCE: usize = 500;

/// Many HTTP-FLV viewers whose sockets are looked at now and then.
struct Audience(Vec<TcpStream>);

impl Audience {
    fn join(addr: SocketAddr, stream: &str) -> Audience {
        let join = |_| {
            let mut socket = TcpStream::connect(addr).expect("a connection");
            let request = format!("GET /{stream}.flv HTTP/1.1\r\nHost: {addr}\r\n\r\n");
            socket.write_all(request.as_bytes()).expect("a request");
            socket
        };
        Audience((0..AUDIENCE).map(join).collect())
    }

    /// Each viewer gets something new and none has been sent away. Fails the test otherwise.
    fn all_are_served(&mut self, what: &str) {
        let mut buffer = vec![0; 1 << 16];
        for (number, socket) in self.0.iter_mut().enumerate() {
            socket.set_read_timeout(Some(crate::harness::PATIENCE)).expect("a socket");
            let count = socket.read(&mut buffer).expect("something comes");
            assert!(count > 0, "{what}: viewer {number} was sent away");
        }
    }

    /// Reads what is there, so that what comes next is new.
    fn drain_sockets(&mut self) {
        let mut buffer = vec![0; 1 << 16];
        for socket in &mut self.0 {
            socket.set_nonblocking(true).expect("a socket");
            while socket.read(&mut buffer).is_ok_and(|count| count > 0) {}
            socket.set_nonblocking(false).expect("a socket");
        }
    }
}

#[test]
fn a_reload_changes_the_rules_for_those_who_come_and_touches_nobody_who_is_there() {
    let folder = Folder::new("reload");
    let file = folder.file("weir.toml");
    std::fs::write(&file, "[push]\nscheme = \"open\"\n").unwrap();
    let weir = Weir::with(&[]);
    weir.reload_from(&file, &[]);
    let mut publisher = Publisher::connect(&weir.rtmp_url("live/room1")).unwrap();
    publisher.send_headers(31).unwrap();
    let clip = Clip::default();
    publisher.send_all(&clip.shots(0, 1_000)).unwrap();
    let mut audience = Audience::join(weir.http, "live/room1");
    weir.wait_viewers("live/room1", AUDIENCE);

    std::fs::write(
        &file,
        "[push]\nscheme = \"open\"\n[play]\nscheme = \"tencent\"\n[http]\nlisten = \"[::]:9\"\n",
    )
    .unwrap();
    let outcome = weir.app().reload().unwrap();
    assert!(outcome.applied.contains(&"play.scheme".to_owned()), "{outcome:?}");
    assert_eq!(outcome.needs_restart, ["http.listen"]);
    let answer = http::get(weir.http, "/live/room1.flv", "").unwrap();
    assert_eq!((answer.status, answer.text().contains("missing_")), (403, true), "{}", answer.text());

    std::fs::write(&file, "[play]\nscheme = \"open\"\n\nshceme = \"open\"\n").unwrap();
    let error = weir.app().reload().unwrap_err().to_string();
    assert!(error.contains("weir.toml:4") && error.contains("scheme"), "{error}");
    let answer = http::get(weir.http, "/live/room1.flv", "").unwrap();
    assert_eq!(answer.status, 403, "what was in force stays in force");

    audience.drain_sockets();
    publisher.send_all(&clip.shots(1_000, 1_400)).unwrap();
    audience.all_are_served("after two reloads");
    assert_eq!(weir.app().sessions.count(|session| session.about.wire == "http-flv"), AUDIENCE);
}

#[test]
fn a_certificate_for_a_server_that_began_without_one_waits_for_a_restart() {
    let folder = Folder::new("reload-tls");
    let file = folder.file("weir.toml");
    std::fs::write(&file, "").unwrap();
    let weir = Weir::with(&[]);
    weir.reload_from(&file, &[]);
    let certificate = crate::tls::Certificate::new();
    let (cert, key) = (certificate.cert_file(), certificate.key_file());
    std::fs::write(&file, format!("[tls]\ncert_file = {cert:?}\nkey_file = {key:?}\n")).unwrap();
    let outcome = weir.app().reload().unwrap();
    assert_eq!((outcome.applied.len(), outcome.needs_restart.len()), (0, 2), "{outcome:?}");
}

#[test]
fn what_was_forbidden_while_the_server_ran_stays_forbidden_and_what_the_file_forbade_is_up_to_the_file() {
    let folder = Folder::new("forbid");
    let file = folder.file("weir.toml");
    let forbid = |stream: &str| {
        format!("[push]\nscheme = \"open\"\n[[forbid]]\napp = \"live\"\nstream = \"{stream}\"\n")
    };
    std::fs::write(&file, forbid("one")).unwrap();
    let weir = Weir::start(&forbid("one"), &[]);
    weir.reload_from(&file, &[]);
    let until = weir.clock.unix_seconds() + 1_000;
    weir.app().admission.change(|authority| authority.forbid("live", "two", until, "by hand").expect("room"));
    let refused = |stream: &str| Publisher::connect(&weir.rtmp_url(&format!("live/{stream}"))).is_err();
    assert_eq!(["one", "two", "three"].map(refused), [true, true, false]);
    std::fs::write(&file, forbid("three")).unwrap();
    weir.app().reload().unwrap();
    assert_eq!(["one", "two", "three"].map(refused), [false, true, true]);
}

#[test]
fn a_drain_lets_nobody_in_and_everybody_finish_and_can_be_taken_back() {
    let weir = Weir::with(&[]);
    let mut publisher = Publisher::connect(&weir.rtmp_url("live/room1")).unwrap();
    publisher.send_headers(31).unwrap();
    let clip = Clip::default();
    publisher.send_all(&clip.shots(0, 1_000)).unwrap();
    let mut audience = Audience::join(weir.http, "live/room1");
    weir.wait_viewers("live/room1", AUDIENCE);

    weir.app().begin_drain(Duration::from_secs(600));
    let answer = http::get(weir.http, "/live/room1.flv", "").unwrap();
    assert_eq!((answer.status, answer.text().contains("draining")), (503, true), "{}", answer.text());
    let refusals = [
        Publisher::connect(&weir.rtmp_url("live/room2")).err(),
        Viewer::open(&weir.rtmp_url("live/room1")).err(),
    ];
    for refusal in refusals {
        let refusal = refusal.expect("refused").to_string();
        assert!(refusal.contains("about to stop"), "{refusal}");
    }
    audience.drain_sockets();
    publisher.send_all(&clip.shots(1_000, 1_400)).unwrap();
    audience.all_are_served("during the drain");

    assert!(weir.app().cancel_drain());
    assert!(!weir.app().cancel_drain(), "there is nothing left to take back");
    assert_eq!(weir.block_on(drain::run(weir.app())), Outcome::TakenBack);
    drop(Viewer::open(&weir.rtmp_url("live/room1")).expect("let in again"));

    weir.app().begin_drain(Duration::ZERO);
    assert_eq!(weir.block_on(drain::run(weir.app())), Outcome::Bound);
    weir.app().begin_drain(Duration::from_secs(600));
    publisher.finish().unwrap();
    drop(audience);
    assert_eq!(weir.block_on(drain::run(weir.app())), Outcome::Empty);
}

#[test]
fn the_api_drains_takes_back_and_reads_the_configuration_again() {
    let data = Folder::new("service");
    let key = |name, scope| {
        keys::create(data.path(), name, scope, "2030-01-01T00:00:00Z".into())
            .expect("a key")
            .expose()
            .to_owned()
    };
    let (read, write) = (key("reader", Scope::Read), key("writer", Scope::Write));
    let weir = Weir::start_in(data.path(), &[]);
    let ask = |method: &str, path: &str, key: &str, body: &str| {
        let length = body.len();
        let head = format!(
            "{method} /api/v1/{path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n"
        );
        let rest = format!("Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}");
        let answer = http::exchange(weir.http, (head + &rest).as_bytes()).expect("an answer");
        (answer.status, answer.text())
    };
    let ready = || http::get(weir.http, "/readyz", "").expect("an answer").status;
    assert_eq!((ready(), ask("POST", "drain", &read, "").0), (200, 403));
    assert_eq!(ask("POST", "drain", &write, r#"{"seconds": 600}"#), (202, r#"{"seconds":600}"#.into()));
    assert_eq!(ready(), 503);
    assert_eq!(
        (ask("DELETE", "drain", &write, "").0, ready(), ask("DELETE", "drain", &write, "").0),
        (204, 200, 204)
    );

    let file = data.file("weir.toml");
    std::fs::write(&file, "").unwrap();
    weir.reload_from(&file, &[("push.scheme", "open")]);
    std::fs::write(&file, "[play]\nscheme = \"aliyun\"\n").unwrap();
    assert_eq!(
        ask("POST", "reload", &write, ""),
        (200, r#"{"applied":["play.scheme"],"needs_restart":[]}"#.into())
    );
    std::fs::write(&file, "[play]\nscheme = \"alliyun\"\n").unwrap();
    let (status, text) = ask("POST", "reload", &write, "");
    assert!(status == 409 && text.contains("weir.toml:2") && text.contains("bad_configuration"), "{text}");
    assert!(text.contains("未作任何改动：配置有误：") && text.contains("应是其中之一"), "{text}");
    assert_eq!(http::get(weir.http, "/live/room1.flv", "").unwrap().status, 403, "what was in force stays");
}
