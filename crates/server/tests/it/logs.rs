//! The log: who it is about, and what must never be in it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;
use testkit::clip::Clip;
use testkit::http;
use testkit::publisher::Publisher;
use testkit::viewer::Viewer;

use crate::cli::Process;
use crate::ffmpeg::{self, Version};
use crate::harness::Folder;

/// Our own crates say all they can say.
const TRACE: (&str, &str) =
    ("WEIR_LOG", "info,weir=trace,hub=trace,rtmp=trace,control=trace,media=trace,amf0=trace");

/// A signature that is wrong, and must be as secret as a right one.
const FORGED: &str = "0123456789abcdef0123456789abcdef";

/// Lines about a client that was never served, so that it has no number.
const NUMBERLESS: [&str; 3] = ["connection refused", "TLS handshake failed", "TLS handshake timed out"];

/// Where a process says that it serves.
pub struct Printed {
    push: String,
    flv: String,
    /// HTTP.
    pub http: SocketAddr,
}

impl Printed {
    /// What a process printed.
    pub fn of(process: &Process) -> Printed {
        let stdout = process.wait_stdout("the banner", |text| text.contains("weir url"));
        let line = |wanted: fn(&str) -> bool| {
            let line = stdout.lines().map(str::trim).find(|line| wanted(line));
            line.unwrap_or_else(|| panic!("{stdout}")).to_owned()
        };
        let flv = line(|line| line.starts_with("http") && line.contains(".flv"));
        let http = flv.split('/').nth(2).and_then(|host| host.parse().ok()).expect("a host and a port");
        Printed { push: line(|line| line.starts_with("rtmp")), flv, http }
    }
}

fn signature(url: &str) -> &str {
    url.split("txSecret=").nth(1).and_then(|rest| rest.split('&').next()).expect("a signed address")
}

fn lines(log: &str) -> Vec<Value> {
    log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect()
}

fn certificate(folder: &Folder) -> [(String, String); 2] {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.file(name), text).expect("a file");
        folder.file(name).to_string_lossy().into_owned()
    };
    [
        ("WEIR__TLS__CERT_FILE".into(), write("cert.pem", &made.cert.pem())),
        ("WEIR__TLS__KEY_FILE".into(), write("key.pem", &made.signing_key.serialize_pem())),
    ]
}

#[test]
fn signatures_are_in_no_line_however_an_address_is_bent_and_lines_about_clients_have_a_session() {
    let folder = Folder::new("logs");
    let process = Process::serve(&folder, &[], &[TRACE, ("WEIR__PLAY__SCHEME", "tencent")]);
    let Printed { push, flv, http } = Printed::of(&process);
    let mut publisher = Publisher::connect(&push).expect("the printed address works");
    publisher.send_headers(30).expect("headers");
    publisher.send_all(&Clip::default().shots(0, 400)).expect("pictures");
    let play_rtmp = flv.replace("http://", "rtmp://").replace(".flv?", "?");
    let play_rtmp = play_rtmp.replace(&http.to_string(), push.split('/').nth(2).expect("a host"));
    let ws = flv.replace("http://", "ws://");
    let mut viewers = Vec::new();
    for url in [&flv, &ws, &play_rtmp] {
        let mut viewer = Viewer::open(url).expect("the printed signature works");
        viewer.next().expect("a frame");
        viewers.push(viewer);
        assert!(Viewer::open(&url.replace(signature(url), FORGED)).is_err());
    }
    let forged = push.replace(signature(&push), FORGED);
    let (before, query) = forged.split_once('?').expect("a query");
    let (app, stream) = before.rsplit_once('/').expect("a stream");
    for bent in [
        forged.clone(),
        // The query at the app, as OBS users paste it; without its `?`; with a sign encoded.
        format!("{app}?{query}/{stream}"),
        format!("{before}&{query}"),
        format!("{before}%3F{query}"),
    ] {
        assert!(Publisher::connect(&bent).is_err(), "{bent}");
        assert!(Viewer::open(&bent).is_err(), "{bent}");
    }
    for target in [
        format!("/live/a.flv?txSecret={FORGED}"),
        format!("/live/a.flv%3FtxSecret={FORGED}"),
        format!("/live/a&txSecret={FORGED}.flv"),
        format!("/live/a.flv;txSecret={FORGED}"),
        format!("/nowhere?txSecret={FORGED}"),
        format!("/api/v1/live/live/a?txSecret={FORGED}"),
        format!("/api/v1/live/live/a%3FtxSecret={FORGED}"),
        format!("/play/live/a?txSecret={FORGED}"),
    ] {
        http::get(http, &target, "").expect("an answer");
    }
    let key = format!("Authorization: Bearer wk_{FORGED}{FORGED}\r\n");
    assert_eq!(http::get(http, "/api/v1/streams", &key).expect("an answer").status, 401);
    publisher.finish().expect("the end");
    process.wait_stderr("the end of the push", |log| log.contains("\"unpublish\""));
    let keys = std::fs::read_to_string(folder.file("data/secrets.toml")).expect("the keys");
    let keys: Vec<&str> = keys.split('"').filter(|part| part.len() == 40).collect();
    let done = process.terminate();
    for secret in [keys[0], keys[1], signature(&push), signature(&flv), FORGED] {
        assert!(!done.stderr.contains(secret), "{secret} is in the log:\n{}", done.stderr);
    }
    for word in ["txSecret=", "txTime=", "auth_key="] {
        assert!(!done.stderr.contains(word), "an address with its query is in the log:\n{}", done.stderr);
    }
    let lines = lines(&done.stderr);
    let mut about_clients = 0;
    for line in &lines {
        let message = line["message"].as_str().unwrap_or_default();
        if (line.get("peer").is_some() || line.get("wire").is_some()) && !NUMBERLESS.contains(&message) {
            about_clients += 1;
            assert!(line["session"].as_u64().is_some(), "no session: {line}");
        }
    }
    assert!(about_clients > 20, "{}", done.stderr);
}

#[test]
fn encrypted_wires_are_as_discreet() {
    let folder = Folder::new("logs-tls");
    let certificate = certificate(&folder);
    // Free until a moment ago: the program does not print where it serves what is encrypted.
    let free = || {
        TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
    };
    let (https, rtmps) = (free(), free());
    let (listen_https, listen_rtmps) = (format!("127.0.0.1:{https}"), format!("127.0.0.1:{rtmps}"));
    let mut env: Vec<(&str, &str)> =
        certificate.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    env.extend([
        TRACE,
        ("WEIR__PLAY__SCHEME", "tencent"),
        ("WEIR__HTTP__TLS_LISTEN", &listen_https),
        ("WEIR__RTMP__TLS_LISTEN", &listen_rtmps),
    ]);
    let process = Process::serve(&folder, &[], &env);
    process.wait_stdout("the banner", |text| text.contains("weir url"));
    let query = format!("txSecret={FORGED}&txTime=7FFFFFFF");
    let websocket = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for headers in ["Connection: close\r\n", websocket] {
        let request = format!("GET /live/a.flv?{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n");
        let answer = tls_exchange(&folder, https, &request);
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    }
    let url = format!("rtmps://127.0.0.1:{rtmps}/live/a?{query}");
    for args in [
        &["-i", &url, "-frames:v", "1", "-f", "null", "-"][..],
        &["-f", "lavfi", "-i", "testsrc2", "-t", "1", "-c:v", "libx264", "-f", "flv", &url],
    ] {
        assert_ne!(ffmpeg::start(Version::Debian, args).wait().code, Some(0), "{url}");
    }
    let done = process.terminate();
    for secret in [FORGED, "txSecret=", "txTime="] {
        assert!(!done.stderr.contains(secret), "{secret} is in the log:\n{}", done.stderr);
    }
    let lines = lines(&done.stderr);
    for (wire, action) in [("https-flv", "play"), ("wss-flv", "play"), ("rtmps", "play"), ("rtmps", "push")] {
        let wanted =
            |line: &&Value| line["message"] == "refused" && line["wire"] == wire && line["action"] == action;
        let line = lines.iter().find(wanted).unwrap_or_else(|| panic!("{wire}: {}", done.stderr));
        assert!(line["session"].is_u64(), "{line}");
    }
}

/// Sends a request over TLS to a server with the folder's certificate, and reads the head of the answer.
fn tls_exchange(folder: &Folder, port: u16, request: &str) -> String {
    let mut roots = RootCertStore::empty();
    let cert = CertificateDer::from_pem_file(folder.file("cert.pem")).expect("PEM");
    roots.add(cert).expect("a certificate");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("versions").with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("127.0.0.1").expect("a name");
    let connection = ClientConnection::new(Arc::new(config), name).expect("a client");
    let socket = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    let mut tls = StreamOwned::new(connection, socket);
    tls.write_all(request.as_bytes()).expect("it is read");
    let mut answer = vec![0; 4096];
    let count = tls.read(&mut answer).expect("an answer");
    String::from_utf8_lossy(&answer[..count]).into_owned()
}

#[test]
fn a_request_that_fails_has_a_number_in_the_answer_and_in_the_log() {
    let folder = Folder::new("logs-request");
    let process = Process::serve(&folder, &[], &[("WEIR__PLAY__SCHEME", "tencent")]);
    let http = Printed::of(&process).http;
    let mut wanted = Vec::new();
    for (request, status) in [
        ("GET /live/a.flv HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 403),
        ("GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404),
        ("GET /api/v1/streams HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 401),
        ("NONSENSE\r\n\r\n", 400),
    ] {
        let answer = http::exchange(http, request.as_bytes()).expect("an answer");
        assert_eq!(answer.status, status, "{answer:?}");
        wanted.push((answer.header("x-request-id").expect("a number").to_owned(), status));
    }
    let good = http::get(http, "/livez", "").expect("an answer");
    assert_eq!(good.header("x-request-id"), None);
    let two = "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\nGET /livez HTTP/1.1\r\nHost: a\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answers = http::exchange(http, two.as_bytes()).expect("answers");
    let third = String::from_utf8_lossy(&answers.body).to_lowercase();
    assert!(third.contains("-3\r\n"), "the third request of a connection has the number 3: {third}");
    let done = process.terminate();
    let lines = lines(&done.stderr);
    for (id, status) in wanted {
        let line = lines.iter().find(|line| line["request"] == id.as_str());
        let line = line.unwrap_or_else(|| panic!("{id} is not in the log:\n{}", done.stderr));
        assert_eq!(
            (line["status"].as_u64(), line["session"].is_u64()),
            (Some(status.into()), true),
            "{line}"
        );
        assert!(id.starts_with(&format!("{}-", line["session"])), "{line}");
    }
}

#[test]
fn a_problem_of_a_push_is_logged_when_it_begins_and_when_it_is_over() {
    let folder = Folder::new("logs-health");
    let process = Process::serve(&folder, &[], &[("WEIR__PUSH__SCHEME", "open")]);
    let mut publisher = Publisher::connect(&Printed::of(&process).push).expect("open doors");
    publisher.send_headers(30).expect("headers");
    publisher.send_all(&Clip::default().shots(0, 400)).expect("pictures");
    process.wait_stderr("the beginning", |log| log.contains("nothing_received"));
    let more = Clip::default().shots(400, 440);
    // One frame is enough: the next look sees it.
    publisher.send_all(&more).expect("it is still there");
    process.wait_stderr("the end", |log| log.contains("the problem of the push is over"));
    publisher.finish().expect("the end");
    let done = process.terminate();
    let lines = lines(&done.stderr);
    let about = |message: &str| lines.iter().filter(|line| line["message"] == message).collect::<Vec<_>>();
    let [began] = about("the push has a problem")[..] else { panic!("{}", done.stderr) };
    let [over] = about("the problem of the push is over")[..] else { panic!("{}", done.stderr) };
    let [publish] = about("publish")[..] else { panic!("{}", done.stderr) };
    for line in [began, over] {
        assert_eq!(
            (&line["code"], &line["session"]),
            (&Value::from("nothing_received"), &publish["session"])
        );
    }
}
