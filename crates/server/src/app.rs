//! The application: everything that the transports share, put together once.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context as _;
use hub::{End, Hub, Lag, Name, Options};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tracing::{info, warn};

use crate::admission::Admission;
use crate::clock::Clock;
use crate::config::Config;
use crate::fanout::{Fanout, Law, Settings};
use crate::http::conn::Bounds;
use crate::http::response::Cors;
use crate::net::{Door, Permits, TlsFiles, acceptor, bind};
use crate::secrets::Secrets;
use crate::sessions::Sessions;
use crate::{demo, http, rtmp};

/// Between two sweeps of the hub: the precision of the grace period.
const SWEEP: Duration = Duration::from_millis(200);

/// What every transport needs. One per server, behind an [`Arc`].
#[derive(Debug)]
pub struct App {
    /// The time.
    pub clock: Clock,
    /// The streams.
    pub hub: Hub,
    /// Who may push and play.
    pub admission: Admission,
    /// The viewers.
    pub fanout: Fanout,
    /// The count of connections.
    pub permits: Permits,
    /// Who is connected.
    pub sessions: Sessions,
    /// Which other origins' pages may read answers.
    pub cors: Cors,
    /// Bounds of HTTP connections.
    pub http_bounds: Bounds,
    /// Bounds and sizes of RTMP connections.
    pub rtmp: rtmp::Settings,
    /// How long players wait for a publisher, and streams for theirs to come back, in milliseconds.
    pub grace_ms: u64,
    /// The configuration as it was loaded.
    pub config: Config,
    ports: OnceLock<Ports>,
}

/// Where a running server listens; port 0 in the configuration becomes a real one here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ports {
    /// HTTP.
    pub http: Option<SocketAddr>,
    /// HTTPS.
    pub https: Option<SocketAddr>,
    /// RTMP.
    pub rtmp: Option<SocketAddr>,
    /// RTMPS.
    pub rtmps: Option<SocketAddr>,
}

/// A running server. Dropping it ends its tasks; [`Server::stop`] ends it in good order.
#[derive(Debug)]
pub struct Server {
    /// What it is made of.
    pub app: Arc<App>,
    /// Where it listens.
    pub ports: Ports,
    tasks: JoinSet<()>,
}

impl Server {
    /// Binds every listener and starts serving. Nothing listens when this fails.
    pub async fn start(config: Config, secrets: &Secrets, clock: Clock) -> anyhow::Result<Server> {
        let tls = tls_acceptor(&config)?;
        let app = Arc::new(App::new(config, secrets, clock)?);
        let config = &app.config;
        let mut ports = Ports::default();
        let mut tasks = JoinSet::new();
        let listen = [
            ("http.listen", &config.http.listen, None, Kind::Http),
            ("http.tls_listen", &config.http.tls_listen, tls.clone(), Kind::Https),
            ("rtmp.listen", &config.rtmp.listen, None, Kind::Rtmp),
            ("rtmp.tls_listen", &config.rtmp.tls_listen, tls, Kind::Rtmps),
        ];
        let mut bound = Vec::new();
        for (key, address, tls, kind) in listen {
            if address.is_empty() {
                continue;
            }
            let secure = matches!(kind, Kind::Https | Kind::Rtmps);
            anyhow::ensure!(
                !secure || tls.is_some(),
                "{key} = {address:?} needs a certificate: set tls.cert_file and tls.key_file"
            );
            let addr: SocketAddr = address
                .parse()
                .with_context(|| format!("{key} = {address:?} is not an address like [::]:8080"))?;
            let listener = bind(addr).with_context(|| {
                format!("{key}: cannot listen on {addr}. Is another program using the port? Change {key}, or stop it")
            })?;
            let local = listener.local_addr()?;
            *ports.of(kind) = Some(local);
            bound.push((listener, tls, kind));
        }
        app.ports.get_or_init(|| ports);
        for (listener, tls, kind) in bound {
            let door = Door {
                listener,
                tls,
                tls_timeout: app.rtmp.handshake_timeout,
                permits: app.permits.clone(),
                not_sent_low_water: config.fanout.not_sent_low_water_bytes,
                wire: kind.name(),
            };
            let app = app.clone();
            match kind {
                Kind::Http | Kind::Https => tasks
                    .spawn(door.run(move |c, peer, permit| http::conn::serve(app.clone(), c, peer, permit))),
                Kind::Rtmp | Kind::Rtmps => tasks
                    .spawn(door.run(move |c, peer, permit| rtmp::conn::serve(app.clone(), c, peer, permit))),
            };
        }
        tasks.spawn(sweep(app.clone()));
        if app.config.demo.enabled {
            tasks.spawn(demo::run(app.clone()));
        }
        Ok(Server { app, ports, tasks })
    }

    /// Stops accepting, says goodbye to every viewer and publisher, and returns when they are gone.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
        for stream in self.app.hub.on_air() {
            self.app.hub.drop_stream(stream.name(), End::Dropped("the server stops / 服务器正在停止".into()));
        }
        let app = self.app.clone();
        if tokio::task::spawn_blocking(move || app.fanout.stop()).await.is_err() {
            warn!("the fan-out did not stop in good order");
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Http,
    Https,
    Rtmp,
    Rtmps,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Http => "HTTP",
            Kind::Https => "HTTPS",
            Kind::Rtmp => "RTMP",
            Kind::Rtmps => "RTMPS",
        }
    }
}

impl Ports {
    fn of(&mut self, kind: Kind) -> &mut Option<SocketAddr> {
        match kind {
            Kind::Http => &mut self.http,
            Kind::Https => &mut self.https,
            Kind::Rtmp => &mut self.rtmp,
            Kind::Rtmps => &mut self.rtmps,
        }
    }
}

impl App {
    fn new(config: Config, secrets: &Secrets, clock: Clock) -> anyhow::Result<App> {
        let options = Options {
            grace_ms: config.hub.grace_seconds * 1_000,
            gop_max_ms: i64::try_from(config.hub.gop_max_ms)?,
            gop_max_bytes: config.hub.gop_max_bytes,
            // Twice the bound: the slow-viewer policy leaves out pictures at once the bound and sound at twice.
            retain_ms: i64::try_from(config.fanout.max_lag_ms)? * 2,
            max_streams: config.limits.max_streams,
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let settings = Settings {
            shards: if config.fanout.shards == 0 { cores } else { config.fanout.shards },
            law: Law {
                low: config.fanout.merge_from_load_percent / 100.0,
                high: config.fanout.merge_full_load_percent / 100.0,
                max: Duration::from_millis(config.fanout.merge_window_max_ms),
                rtc_max: Duration::from_millis(config.fanout.rtc_window_max_ms),
            },
            lag: Lag {
                max_ms: i64::try_from(config.fanout.max_lag_ms)?,
                max_bytes: config.fanout.max_lag_bytes,
                max_jumps: config.fanout.max_jumps,
                forgive_ms: i64::try_from(config.fanout.forgive_jumps_seconds)? * 1_000,
            },
            stall_ms: config.fanout.stall_timeout_seconds * 1_000,
        };
        Ok(App {
            hub: Hub::new(options),
            admission: Admission::new(&config, secrets, clock.clone())?,
            fanout: Fanout::start(&settings, &clock).context("cannot start the fan-out threads")?,
            permits: Permits::new(config.limits.max_connections, config.limits.connections_per_ip),
            sessions: Sessions::default(),
            cors: Cors { origins: config.http.cors_origins.clone() },
            http_bounds: Bounds {
                header_timeout: Duration::from_secs(config.http.header_timeout_seconds),
                idle_timeout: Duration::from_secs(config.http.idle_timeout_seconds),
                max_header_bytes: config.http.max_header_bytes,
            },
            rtmp: rtmp::Settings::new(&config.rtmp),
            grace_ms: config.hub.grace_seconds * 1_000,
            config,
            clock,
            ports: OnceLock::new(),
        })
    }

    /// Where it listens; nowhere until it does.
    pub fn ports(&self) -> Ports {
        self.ports.get().copied().unwrap_or_default()
    }

    /// Ends a stream now; `reason` is told to its publisher. Returns whether it was on air.
    pub fn drop_stream(&self, name: &Name, reason: &str) -> bool {
        info!(stream = %name, reason, "stream dropped");
        self.hub.drop_stream(name, End::Dropped(reason.to_owned()))
    }
}

fn tls_acceptor(config: &Config) -> anyhow::Result<Option<TlsAcceptor>> {
    if config.tls.cert_file.is_empty() && config.tls.key_file.is_empty() {
        return Ok(None);
    }
    let files = TlsFiles { cert: config.tls.cert_file.as_ref(), key: config.tls.key_file.as_ref() };
    acceptor(&files).map(Some)
}

async fn sweep(app: Arc<App>) {
    let mut interval = tokio::time::interval(SWEEP);
    loop {
        interval.tick().await;
        app.hub.sweep(app.clock.now_ms());
    }
}
