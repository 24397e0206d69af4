//! Certificates by ACME, from the authority in Caddy.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;
use testkit::http;
use weir::clock::Clock;
use weir::metrics::text;

use crate::cli::Process;
use crate::ffmpeg::Running;
use crate::harness::{Folder, PATIENCE, Weir, wait_for};

/// Where Caddy looks for the answer: its authority goes to port 80 of the name and can be told no other. The name is
/// `localhost`, so nothing outside this machine is asked.
const CHALLENGES: &str = "127.0.0.1:80";

/// How long the certificates are good that it gives, in seconds.
const LIFE: i64 = 12 * 3_600;

/// An authority of this test's own.
struct Authority {
    caddy: Child,
    folder: Folder,
    port: u16,
}

impl Authority {
    fn start() -> Authority {
        let folder = Folder::new("caddy");
        let free = || {
            TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port()
        };
        let (port, unused) = (free(), free());
        let home = folder.path().display();
        let file = folder.file("Caddyfile");
        let text = format!(
            "{{\n\
             admin off\n\
             skip_install_trust\n\
             auto_https disable_redirects\n\
             default_bind 127.0.0.1\n\
             http_port {unused}\n\
             storage file_system {home}/store\n\
             servers {{\nprotocols h1 h2\n}}\n\
             }}\n\
             https://localhost:{port} {{\n\
             tls internal\n\
             log {{\noutput file {home}/requests\n}}\n\
             acme_server\n\
             }}\n"
        );
        std::fs::write(&file, text).expect("a file");
        let log = File::create(folder.file("log")).expect("a file");
        let caddy = Command::new("caddy")
            .args(["run", "--adapter", "caddyfile", "--config"])
            .arg(&file)
            .env("HOME", folder.path())
            .env("XDG_DATA_HOME", folder.path())
            .env("XDG_CONFIG_HOME", folder.path())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("caddy; `make test` installs it");
        let authority = Authority { caddy, folder, port };
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        wait_for("the authority", || shown(address, &authority.root()).is_some());
        authority
    }

    /// The file with its root certificate; it is written at its start.
    fn root(&self) -> String {
        self.folder.file("store/pki/authorities/local/root.crt").to_string_lossy().into_owned()
    }

    fn directory(&self) -> String {
        format!("https://localhost:{}/acme/local/directory", self.port)
    }

    /// How many certificates it was asked for.
    fn orders(&self) -> usize {
        let requests = std::fs::read_to_string(self.folder.file("requests")).unwrap_or_default();
        requests.matches("/acme/local/new-order\"").count()
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.caddy.kill();
        let _ = self.caddy.wait();
    }
}

/// The chain that a server shows to a client which trusts `root` and wants `localhost`; none when the handshake fails.
fn shown(address: SocketAddr, root: &str) -> Option<Vec<CertificateDer<'static>>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(root).ok()?).ok()?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let client = ClientConnection::new(Arc::new(config), name).expect("a client");
    let socket = TcpStream::connect(address).ok()?;
    socket.set_read_timeout(Some(PATIENCE)).expect("a bound");
    let mut stream = StreamOwned::new(client, socket);
    stream.flush().ok()?;
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).ok()?;
    }
    stream
        .conn
        .peer_certificates()
        .map(|chain| chain.iter().cloned().map(CertificateDer::into_owned).collect())
}

/// Everything that comes back for a request over TLS.
fn curl(root: &str, url: &str) -> String {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--max-time", "20", "--cacert", root, url]);
    let done = Running::new(curl).wait();
    assert_eq!(done.code, Some(0), "{url}: {}", done.stderr);
    done.stdout
}

#[test]
fn a_certificate_is_got_kept_over_a_restart_and_renewed_when_it_is_old() {
    let authority = Authority::start();
    let (root, directory) = (authority.root(), authority.directory());
    let data = Folder::new("acme");
    let keys = [
        ("acme.domains", "localhost"),
        ("acme.email", "ops@example.com"),
        ("acme.directory", &directory),
        ("acme.ca_file", &root),
        ("acme.http_listen", CHALLENGES),
        ("http.tls_listen", "127.0.0.1:0"),
        ("rtmp.tls_listen", "127.0.0.1:0"),
    ];
    let held = |weir: &Weir| {
        weir.app().certificate.as_ref().and_then(|all| all.held()).map(|held| held.cert.clone())
    };

    let weir = Weir::start_in(data.path(), &keys);
    weir.wait_for("a certificate", || held(&weir).is_some());
    let first = held(&weir).expect("a certificate");
    let (https, rtmps) = (weir.https.expect("HTTPS"), weir.rtmps.expect("RTMPS"));
    assert_eq!(curl(&root, &format!("https://localhost:{}/livez", https.port())), "ok\n");
    for address in [https, rtmps] {
        assert_eq!(shown(address, &root).as_ref(), Some(&first), "{address}");
    }
    let expiry = text(weir.app());
    let expiry =
        expiry.lines().find_map(|line| line.strip_prefix("weir_certificate_expiry_timestamp_seconds "));
    let left = expiry.and_then(|at| at.parse::<i64>().ok()).expect("a figure") - weir.clock.unix_seconds();
    assert!((LIFE - 120..=LIFE).contains(&left), "{left} s");
    // The listener for challenges has nothing else, and their answers are gone when the order is.
    let challenges = weir.app().ports().challenges.expect("a listener");
    for path in ["/", "/livez", "/.well-known/acme-challenge/x"] {
        assert_eq!(http::get(challenges, path, "").expect("an answer").status, 404, "{path}");
    }
    wait_for("the certificate on disk", || data.file("acme/certificate.pem").exists());
    for file in ["account.toml", "certificate.pem"] {
        let mode = std::fs::metadata(data.file("acme").join(file)).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    weir.stop();

    let weir = Weir::start_in(data.path(), &keys);
    assert_eq!(held(&weir), Some(first.clone()), "the kept one is there from the start");
    assert_eq!(shown(weir.https.expect("HTTPS"), &root), Some(first.clone()));
    weir.stop();

    // A quarter of its life is left.
    let clock = Clock::system();
    clock.set_unix_ms(clock.unix_ms() + LIFE * 750);
    let weir = Weir::start_at(clock, data.path(), &keys);
    weir.wait_for("another certificate", || held(&weir).is_some_and(|held| held != first));
    assert_eq!(shown(weir.https.expect("HTTPS"), &root), held(&weir));
    // To this clock the new one is as old as the first: that is told, and is no reason to order for ever.
    weir.wait_for("a word about the clock", || {
        text(weir.app()).contains("weir_acme_failures_total{reason=\"local\"} 1")
    });
    assert_eq!(authority.orders(), 2, "one at the start and one for the renewal");
}

#[test]
fn a_name_that_does_not_lead_here_is_told_with_what_to_do() {
    let authority = Authority::start();
    let folder = Folder::new("acme-wrong");
    let process = Process::serve(
        &folder,
        &["--https", "127.0.0.1:0"],
        &[
            ("WEIR__ACME__DOMAINS", "nobody.invalid"),
            ("WEIR__ACME__DIRECTORY", &authority.directory()),
            ("WEIR__ACME__CA_FILE", &authority.root()),
            ("WEIR__ACME__HTTP_LISTEN", ""),
        ],
    );
    process.wait_stderr("what is wrong", |log| log.contains("\"ERROR\""));
    let done = process.terminate();
    let lines: Vec<Value> = done.stderr.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let said = |line: &Value| line["message"].as_str().unwrap_or_default().to_owned();
    let line = lines.iter().find(|line| line["level"] == "ERROR").expect("an error");
    assert!(said(line).contains("port 80 of nobody.invalid") && line["reason"] == "connection", "{line}");
    assert!(line["next"].as_str().is_some_and(|next| next.ends_with('Z')), "{line}");
    assert!(lines.iter().any(|line| said(line).contains("there is no certificate yet")), "{}", done.stderr);
}

#[test]
fn without_an_authority_tls_refuses_and_everything_else_serves() {
    let data = Folder::new("acme-alone");
    // A port that was free a moment ago and takes no connections.
    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port");
    let weir = Weir::start_in(
        data.path(),
        &[
            ("acme.domains", "localhost"),
            ("acme.directory", &format!("https://{nobody}/directory")),
            ("acme.http_listen", ""),
            ("http.tls_listen", "127.0.0.1:0"),
        ],
    );
    weir.wait_for("the failure", || {
        text(weir.app()).contains("weir_acme_failures_total{reason=\"authority\"} 1")
    });
    assert!(!text(weir.app()).contains("\nweir_certificate_expiry_timestamp_seconds "));
    let mut socket = TcpStream::connect(weir.https.expect("HTTPS")).expect("a connection");
    socket.set_read_timeout(Some(PATIENCE)).expect("a bound");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let mut client = ClientConnection::new(Arc::new(config), name).expect("a client");
    client.write_tls(&mut socket).expect("the client's hello");
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).expect("the end of the connection");
    assert_eq!(answer.first(), Some(&21), "an alert, not a certificate: {answer:?}");
    assert_eq!(http::get(weir.http, "/livez", "").expect("an answer").status, 200);
}
