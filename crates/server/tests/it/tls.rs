//! RTMPS, HTTPS and WSS, with real clients and with ours behind a bridge.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use socket2::SockRef;
use testkit::clip::Clip;
use testkit::publisher::Publisher;
use testkit::viewer::Viewer;
use testkit::watch::Watch;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Runtime;
use tokio_rustls::TlsConnector;
use weir::clock::Clock;
use weir::config::Config;
use weir::secrets::Secrets;

use crate::ffmpeg::{self, Running, Version};
use crate::harness::{Folder, Weir};

/// What the kernel holds on either side of the bridge, in bytes: what a viewer does not take is to stay with the server.
const NARROW: u32 = 16 * 1024;

/// A certificate for `localhost` and 127.0.0.1, and its key.
pub struct Certificate {
    folder: Folder,
    cert: String,
    key: String,
}

impl Certificate {
    /// A new one.
    pub fn new() -> Certificate {
        let folder = Folder::new("tls");
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
        let write = |name: &str, text: &str| {
            std::fs::write(folder.file(name), text).expect("a file");
            folder.file(name).to_string_lossy().into_owned()
        };
        let (cert, key) =
            (write("cert.pem", &made.cert.pem()), write("key.pem", &made.signing_key.serialize_pem()));
        Certificate { folder, cert, key }
    }

    /// A server that shows it.
    pub fn serve(&self, keys: &[(&str, &str)]) -> Weir {
        let own = [
            ("tls.cert_file", self.cert.as_str()),
            ("tls.key_file", &self.key),
            ("http.tls_listen", "127.0.0.1:0"),
            ("rtmp.tls_listen", "127.0.0.1:0"),
        ];
        Weir::with(&[&own, keys].concat())
    }

    /// The file with the certificate.
    pub fn cert_file(&self) -> &str {
        &self.cert
    }

    /// The file with its key.
    pub fn key_file(&self) -> &str {
        &self.key
    }

    /// A client that trusts it, for one protocol above TLS or none.
    pub fn connector(&self, protocol: &str) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        let cert = CertificateDer::from_pem_file(&self.cert).expect("a certificate");
        roots.add(cert).expect("a root");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols.extend((!protocol.is_empty()).then(|| protocol.into()));
        TlsConnector::from(Arc::new(config))
    }

    /// What is wrong when a server starts with these files.
    fn refused(cert: &str, key: &str) -> String {
        let text = format!(
            "[tls]\ncert_file = {cert:?}\nkey_file = {key:?}\n[http]\nlisten = \"127.0.0.1:0\"\n[rtmp]\nlisten = \"\"\n"
        );
        let config = Config::from_toml(&text).expect("a good configuration");
        let data = Folder::new("tls-data");
        let secrets = Secrets::create(data.path()).expect("secrets");
        let runtime = Runtime::new().expect("a runtime");
        let started = runtime.block_on(weir::app::Server::start(config, &secrets, Clock::system()));
        format!("{:#}", started.expect_err("no server without a certificate"))
    }
}

/// A plain port on this machine whose connections go on over TLS: our own clients speak to it.
struct Bridge {
    addr: SocketAddr,
    _runtime: Runtime,
}

impl Bridge {
    fn new(certificate: &Certificate, to: SocketAddr) -> Bridge {
        let connector = certificate.connector("");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let addr = listener.local_addr().expect("an address");
        runtime.spawn(async move {
            while let Ok((mut plain, _)) = listener.accept().await {
                let connector = connector.clone();
                tokio::spawn(async move {
                    let name = ServerName::try_from("localhost").expect("a name");
                    let socket = TcpSocket::new_v4().expect("a socket");
                    socket.set_recv_buffer_size(NARROW).expect("a bound");
                    SockRef::from(&plain).set_send_buffer_size(NARROW as usize).expect("a bound");
                    let socket = socket.connect(to).await.expect("the server");
                    let mut tls =
                        connector.connect(name, socket).await.expect("the certificate is the server's");
                    // Either side may go first; the other sees it.
                    let _ = copy_bidirectional(&mut plain, &mut tls).await;
                });
            }
        });
        Bridge { addr, _runtime: runtime }
    }
}

/// Where it serves HTTPS.
pub fn https(weir: &Weir) -> SocketAddr {
    weir.https.expect("HTTPS")
}

fn rtmps(weir: &Weir) -> SocketAddr {
    weir.rtmps.expect("RTMPS")
}

#[test]
fn ffmpeg_pushes_and_plays_over_tls() {
    let certificate = Certificate::new();
    let weir = certificate.serve(&[]);
    let push = format!("rtmps://{}/live/room1", rtmps(&weir));
    let _push = ffmpeg::push(&push, 20);
    weir.wait_on_air("live/room1");
    let plays = [push, format!("https://{}/live/room1.flv", https(&weir))];
    let running: Vec<Running> = plays
        .iter()
        .map(|url| ffmpeg::start(Version::Debian, &["-i", url, "-frames:v", "20", "-f", "null", "-"]))
        .collect();
    for (url, running) in plays.iter().zip(running) {
        let done = running.wait();
        assert_eq!(done.code, Some(0), "{url}: {}", done.stderr);
    }

    let mut curl = Command::new("curl");
    curl.args([
        "-sS",
        "--cacert",
        &certificate.cert,
        &format!("https://localhost:{}/livez", https(&weir).port()),
    ]);
    let done = Running::new(curl).wait();
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), "ok\n"), "{}", done.stderr);
    let mut curl = Command::new("curl");
    let file = certificate.folder.file("curl.flv");
    curl.args(["-skS", "--max-time", "1", "-o"])
        .arg(&file)
        .arg(format!("https://{}/live/room1.live.flv", https(&weir)));
    // 28 is curl's code for the end of its time: a live stream has none of its own.
    assert_eq!(Running::new(curl).wait().code, Some(28));
    let flv = std::fs::read(&file).expect("what curl wrote");
    assert!(flv.starts_with(b"FLV\x01") && flv.len() > 10_000, "{} bytes", flv.len());
}

#[test]
fn every_wire_carries_the_same_over_tls() {
    let certificate = Certificate::new();
    let weir = certificate.serve(&[]);
    let (http, rtmp) = (Bridge::new(&certificate, https(&weir)), Bridge::new(&certificate, rtmps(&weir)));
    let mut publisher =
        Publisher::connect(&format!("rtmp://{}/live/room1", rtmp.addr)).expect("a push over TLS");
    publisher.send_headers(30).expect("headers");
    publisher.send_all(&Clip::default().shots(0, 400)).expect("pictures");
    weir.wait_on_air("live/room1");
    let urls = [
        format!("rtmp://{}/live/room1", rtmp.addr),
        format!("http://{}/live/room1.flv", http.addr),
        format!("ws://{}/live/room1.flv", http.addr),
    ];
    let mut viewers: Vec<Viewer> =
        urls.iter().map(|url| Viewer::open(url).expect("a viewer over TLS")).collect();
    weir.wait_viewers("live/room1", 3);
    let shots = Clip::default().shots(400, 2_000);
    publisher.send_all(&shots).expect("pictures");
    for viewer in &mut viewers {
        let mut watch = Watch::with_largest_gap(40);
        loop {
            let seen = viewer.next().expect("frames").expect("no end");
            watch.see(&seen);
            if seen.body == shots.last().expect("shots").body {
                break;
            }
        }
        assert_eq!(watch.faults, Vec::<String>::new());
        assert_eq!(watch.pictures.len(), 50);
    }
    publisher.finish().expect("the end");
    weir.app().drop_stream(&hub::Name::new("live/room1"), "the test is over");
    for viewer in &mut viewers {
        while viewer.next().expect("an end in good order").is_some() {}
        assert!(viewer.reason().is_some(), "a viewer was left without a word");
    }
}

#[test]
fn a_viewer_that_stops_reading_over_tls_holds_nothing_and_goes_on_at_a_key_frame() {
    let certificate = Certificate::new();
    let weir = certificate.serve(&[]);
    let http = Bridge::new(&certificate, https(&weir));
    let clip = Clip { key_bytes: 60_000, inter_bytes: 9_000, gop: 50, ..Clip::default() };
    let mut publisher = Publisher::connect(&weir.rtmp_url("live/room1")).expect("a publisher");
    publisher.send_headers(30).expect("headers");
    publisher.send_all(&clip.shots(0, 400)).expect("pictures");
    weir.wait_on_air("live/room1");
    let mut good = Viewer::open(&weir.flv_url("live/room1")).expect("a viewer");
    let mut slow = Viewer::open_narrow(&format!("http://{}/live/room1.flv", http.addr), NARROW as usize)
        .expect("a viewer");
    weir.wait_viewers("live/room1", 2);
    // A minute and a half of 2 Mbit/s: more than every buffer on the way. The good viewer sets the pace.
    let shots = clip.shots(400, 90_000);
    let mut watch = Watch::with_largest_gap(40);
    for second in shots.chunks(75) {
        publisher.send_all(second).expect("the slow viewer stops nobody");
        let last = &second.last().expect("frames").body;
        while let Some(seen) = good.next().expect("frames") {
            watch.see(&seen);
            if seen.body == *last {
                break;
            }
        }
    }
    assert_eq!(watch.faults, Vec::<String>::new());
    let newest = shots.iter().rev().find(|shot| shot.kind == media::frame::Kind::Video).expect("a picture");
    let mut watch = Watch::default();
    let mut bytes = 0;
    loop {
        let seen = slow.next().expect("frames").expect("it was not let go");
        bytes += seen.body.len();
        watch.see(&seen);
        if seen.body == newest.body {
            break;
        }
    }
    // The watch has seen that a key frame and its headers come before any picture; what it missed is a gap.
    assert_eq!(watch.faults, Vec::<String>::new());
    let gap = watch.pictures.windows(2).map(|pair| pair[1] - pair[0]).max().expect("pictures");
    assert!(gap > 20_000, "only {gap} ms were left out");
    assert!(bytes < 6 << 20, "{bytes} bytes waited for it");
}

#[test]
fn a_plain_client_at_the_tls_port_costs_only_itself() {
    let certificate = Certificate::new();
    let weir = certificate.serve(&[("rtmp.handshake_timeout_seconds", "2")]);
    let http = Bridge::new(&certificate, https(&weir));
    assert!(testkit::http::get(https(&weir), "/livez", "").is_err(), "HTTP to the HTTPS port");
    assert!(
        Publisher::connect(&format!("rtmp://{}/live/room1", rtmps(&weir))).is_err(),
        "RTMP to the RTMPS port"
    );
    weir.wait_for("the end of both", || weir.app().permits.held() == 0);
    let silent = std::net::TcpStream::connect(https(&weir)).expect("a connection");
    weir.wait_for("somebody at the door", || weir.app().permits.held() == 1);
    weir.wait_for("the end of whoever says nothing", || weir.app().permits.held() == 0);
    drop(silent);
    let answer = testkit::http::get(http.addr, "/livez", "").expect("the next one is served");
    assert_eq!(answer.status, 200);
}

#[test]
fn a_certificate_that_cannot_be_used_is_told_by_its_key() {
    let good = Certificate::new();
    let other = Certificate::new();
    let empty = good.folder.file("empty.pem");
    std::fs::write(&empty, "no certificate").expect("a file");
    let empty = empty.to_string_lossy();
    for (cert, key, word) in [
        ("/no/such/cert.pem", good.key.as_str(), "tls.cert_file"),
        (&good.cert, "/no/such/key.pem", "tls.key_file"),
        (&empty, &good.key, "tls.cert_file"),
        (&good.cert, &empty, "tls.key_file"),
        (&good.key, &good.cert, "tls.cert_file"),
        (&good.cert, &other.key, "do not belong together"),
    ] {
        let told = Certificate::refused(cert, key);
        assert!(told.contains(word), "{cert} {key}: {told}");
    }
    for (keys, key) in [
        ("[http]\ntls_listen = \"127.0.0.1:0\"", "http.tls_listen"),
        ("[tls]\ncert_file = \"a\"", "tls.key_file"),
    ] {
        let told = Config::from_toml(keys).expect_err("half of it").to_string();
        assert!(told.contains(key), "{told}");
    }
}
