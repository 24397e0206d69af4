//! A server of one test's own, on ports of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use weir::app::Server;
use weir::clock::Clock;
use weir::config::{Layers, Sources};
use weir::reload::Reload;
use weir::secrets::Secrets;

/// What most tests want: open doors, ports of the system's choice, no demo, and a short grace.
const BASE: [(&str, &str); 10] = [
    ("http.listen", "127.0.0.1:0"),
    ("rtmp.listen", "127.0.0.1:0"),
    ("metrics.listen", ""),
    ("push.scheme", "open"),
    ("play.scheme", "open"),
    ("demo.enabled", "false"),
    ("hub.grace_seconds", "3"),
    ("limits.connections_per_ip", "0"),
    ("fanout.shards", "2"),
    ("snapshot.cover_seconds", "0"),
];

/// How long a test waits for something that must come.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A running server.
pub struct Weir {
    runtime: Option<Runtime>,
    server: Option<Server>,
    /// The calendar that addresses are checked against; it can be set.
    pub clock: Clock,
    /// Its keys.
    pub secrets: Secrets,
    /// Where it listens.
    pub http: SocketAddr,
    /// Where it listens.
    pub rtmp: SocketAddr,
    /// Where it listens, when there is a certificate.
    pub https: Option<SocketAddr>,
    /// Where it listens, when there is a certificate.
    pub rtmps: Option<SocketAddr>,
}

impl Weir {
    /// A server with a few keys set.
    pub fn with(keys: &[(&str, &str)]) -> Weir {
        Weir::start("", keys)
    }

    /// A server with a configuration file and a few keys on top.
    pub fn start(file: &str, keys: &[(&str, &str)]) -> Weir {
        let data = Folder::new("weir");
        let secrets = Secrets::create(data.path()).expect("secrets");
        Weir::start_again(file, keys, secrets)
    }

    /// A server with the keys of another one, as after a restart.
    pub fn start_again(file: &str, keys: &[(&str, &str)], secrets: Secrets) -> Weir {
        Weir::build(None, file, keys, secrets, Clock::system())
    }

    /// A server on a data folder that stays, with the secrets in it.
    pub fn start_in(data: &Path, keys: &[(&str, &str)]) -> Weir {
        Weir::start_file_in(data, "", keys)
    }

    /// The same with a configuration file.
    pub fn start_file_in(data: &Path, file: &str, keys: &[(&str, &str)]) -> Weir {
        let secrets = Secrets::load(data).expect("readable secrets");
        let secrets = secrets.unwrap_or_else(|| Secrets::create(data).expect("secrets"));
        Weir::build(Some(data), file, keys, secrets, Clock::system())
    }

    /// The same, with a calendar that may have been set before.
    pub fn start_at(clock: Clock, data: &Path, keys: &[(&str, &str)]) -> Weir {
        let secrets = Secrets::load(data).expect("readable secrets");
        let secrets = secrets.unwrap_or_else(|| Secrets::create(data).expect("secrets"));
        Weir::build(Some(data), "", keys, secrets, clock)
    }

    fn build(data: Option<&Path>, file: &str, keys: &[(&str, &str)], secrets: Secrets, clock: Clock) -> Weir {
        let mut layers = Layers::defaults();
        layers.add_file(Path::new("weir.toml"), file);
        layers.add_env(&BASE.iter().chain(keys).map(variable).collect::<Vec<_>>());
        let config = layers.config().expect("a good configuration");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("runtime");
        let server =
            runtime.block_on(Server::start_in(data, config, &secrets, clock.clone())).expect("start");
        let ports = server.ports;
        Weir {
            runtime: Some(runtime),
            server: Some(server),
            clock,
            secrets,
            http: ports.http.expect("http"),
            rtmp: ports.rtmp.expect("rtmp"),
            https: ports.https,
            rtmps: ports.rtmps,
        }
    }

    /// What it is made of.
    pub fn app(&self) -> &weir::app::App {
        &self.server.as_ref().expect("running").app
    }

    /// The same, to be kept.
    pub fn shared(&self) -> Arc<weir::app::App> {
        self.server.as_ref().expect("running").app.clone()
    }

    /// Makes a reload read a file, with a few keys on top.
    pub fn reload_from(&self, file: &Path, keys: &[(&str, &str)]) {
        let sources = Sources {
            file: Some(file.to_owned()),
            env: keys.iter().map(variable).collect(),
            flags: Vec::new(),
        };
        let layers = sources.layers();
        self.app().enable_reload(Reload::new(move || sources.clone(), layers, self.secrets.clone()));
    }

    /// The RTMP address of a stream, as `live/room1`.
    pub fn rtmp_url(&self, stream: &str) -> String {
        format!("rtmp://{}/{stream}", self.rtmp)
    }

    /// The HTTP-FLV address of a stream.
    pub fn flv_url(&self, stream: &str) -> String {
        format!("http://{}/{stream}.flv", self.http)
    }

    /// The WS-FLV address of a stream.
    pub fn ws_url(&self, stream: &str) -> String {
        format!("ws://{}/{stream}.flv", self.http)
    }

    /// Waits until a stream is on air.
    pub fn wait_on_air(&self, stream: &str) {
        self.wait_for(&format!("{stream} on air"), || {
            let found = self.app().hub.find(&hub::Name::new(stream));
            found.is_some_and(|found| found.phase() == hub::Phase::OnAir)
        });
    }

    /// Waits until a stream has so many viewers.
    pub fn wait_viewers(&self, stream: &str, count: usize) {
        self.wait_for(&format!("{count} viewers of {stream}"), || {
            let found = self.app().hub.find(&hub::Name::new(stream));
            found.is_some_and(|found| found.viewers() == count)
        });
    }

    /// Waits for something that the server's state shows.
    pub fn wait_for(&self, what: &str, holds: impl Fn() -> bool) {
        wait_for(what, holds);
    }

    /// Runs something in the server's runtime to its end.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.as_ref().expect("running").block_on(future)
    }

    /// Tasks that it has at this moment.
    pub fn tasks(&self) -> usize {
        self.runtime.as_ref().expect("running").metrics().num_alive_tasks()
    }

    /// Ends it in good order and gives back its keys.
    pub fn stop(mut self) -> Secrets {
        self.shut_down();
        self.secrets.clone()
    }

    fn shut_down(&mut self) {
        if let (Some(runtime), Some(server)) = (self.runtime.take(), self.server.take()) {
            runtime.block_on(server.stop());
            runtime.shutdown_timeout(Duration::from_secs(1));
        }
    }
}

impl Drop for Weir {
    fn drop(&mut self) {
        self.shut_down();
    }
}

/// The variable of the environment that sets a key.
fn variable((key, value): &(&str, &str)) -> (String, String) {
    (format!("WEIR__{}", key.replace('.', "__").to_uppercase()), (*value).to_owned())
}

/// Looks again and again until `holds`; fails the test when it does not in time.
pub fn wait_for(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A number below another that nobody knows before.
pub fn random(below: u64) -> u64 {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).expect("random numbers");
    u64::from_be_bytes(bytes) % below
}

/// A folder that goes with the test.
pub struct Folder(PathBuf);

impl Folder {
    /// A new folder.
    pub fn new(name: &str) -> Folder {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("weir-it-{}-{number}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Folder(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
