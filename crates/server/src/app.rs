//! The application: everything that the transports share, put together once.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context as _;
use hub::{End, Hub, Lag, Name, Options};
use tokio::task::JoinSet;
use tracing::{error, info, warn};

use crate::acme::Acme;
use crate::admission::Admission;
use crate::chat::Chats;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::drain::Drain;
use crate::event;
use crate::fanout::{Fanout, Law, Settings};
use crate::health::{self, Health};
use crate::hls::{self, Finished, Hls};
use crate::hooks::Hooks;
use crate::http::conn::Bounds;
use crate::http::response::Cors;
use crate::identity::Identity;
use crate::identity::compat::wechat::WeChat;
use crate::metrics::{self, Counts};
use crate::net::{Certificate, Door, Permits, TlsFiles, bind};
use crate::operator::Operator;
use crate::record::{self, Records};
use crate::relay::{self, Relays};
use crate::reload::{self, Reload};
use crate::replay::{self, Replays};
use crate::room::{self, Rooms};
use crate::secrets::Secrets;
use crate::sessions::Sessions;
use crate::snapshot::{self, Snapshots};
use crate::storage::{self, Storage};
use crate::store::Store;
use crate::told::told;
use crate::wallet::{self, Wallet};
use crate::webhook::{self, Webhooks};
use crate::{acme, api, demo, http, lottery, net, rtmp};

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
    /// Who users are; another one after a reload.
    identity: RwLock<Arc<Identity>>,
    /// Turns of those who ask the API without a key.
    pub turns: api::Turns,
    /// Sign-in of a mini-program's users.
    pub wechat: WeChat,
    /// The operator's keys, and what the operator forbade.
    pub operator: Operator,
    /// Streams as HLS.
    pub hls: Hls,
    /// Streams to and from other servers.
    pub relays: Relays,
    /// Streams on disk, with their index.
    pub records: Records,
    /// The rooms.
    pub rooms: Rooms,
    /// Their clients.
    pub chats: Chats,
    /// Who pays for gifts.
    pub wallet: Wallet,
    /// What viewers get of them.
    pub replays: Replays,
    /// Where recordings are kept besides this machine.
    pub storage: Arc<Storage>,
    /// What is counted for whoever watches the server.
    pub counts: Counts,
    /// What is wrong with what is pushed.
    pub health: Health,
    /// The database; `None` when there is none.
    pub store: Option<Store>,
    /// Telling others what happens.
    pub webhooks: Webhooks,
    /// Asking others what may happen.
    pub hooks: Hooks,
    /// What was told of streams.
    pub(crate) told: event::Told,
    /// Pictures of streams and files.
    pub snapshots: Snapshots,
    /// Whether the server is about to end.
    pub drain: Drain,
    /// Bounds of HTTP connections.
    pub http_bounds: Bounds,
    /// Bounds and sizes of RTMP connections.
    pub rtmp: rtmp::Settings,
    /// How long players wait for a publisher, and streams for theirs to come back, in milliseconds.
    pub grace_ms: u64,
    /// The configuration as it was loaded.
    pub config: Config,
    /// What clients of TLS are shown, where there is TLS.
    pub certificate: Option<Arc<Certificate>>,
    /// Where that comes from, unless it is in files.
    pub acme: Option<Acme>,
    cors: RwLock<Arc<Cors>>,
    reload: OnceLock<Reload>,
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
    /// Metrics.
    pub metrics: Option<SocketAddr>,
    /// SRS's API.
    pub srs: Option<SocketAddr>,
    /// Challenges of ACME.
    pub challenges: Option<SocketAddr>,
}

/// A running server. Dropping it ends its tasks; [`Server::stop`] ends it in good order.
#[derive(Debug)]
pub struct Server {
    /// What it is made of.
    pub app: Arc<App>,
    /// Where it listens.
    pub ports: Ports,
    tasks: JoinSet<()>,
    /// Write to the database, and go on until the last of the others has said what it has to say.
    writers: JoinSet<()>,
}

impl Server {
    /// A server without a data folder: its API has no keys, and nothing outlives it.
    pub async fn start(config: Config, secrets: &Secrets, clock: Clock) -> anyhow::Result<Server> {
        Server::start_in(None, config, secrets, clock).await
    }

    /// Binds every listener and starts serving. Nothing listens when this fails.
    pub async fn start_in(
        data: Option<&Path>,
        config: Config,
        secrets: &Secrets,
        clock: Clock,
    ) -> anyhow::Result<Server> {
        let store = open_store(data).await;
        if let Some(store) = &store {
            event::execute_wills(store, &clock).await;
        }
        let app = Arc::new(App::new(data, store, config, secrets, clock)?);
        wallet::recover(&app).await;
        let config = &app.config;
        let acceptor = |protocols: &[&str]| {
            app.certificate.as_ref().map(|certificate| certificate.acceptor(protocols)).transpose()
        };
        let https = acceptor(if config.http.http2 { &[net::HTTP2, net::HTTP1] } else { &[net::HTTP1] })?;
        let rtmps = acceptor(&[])?;
        let mut ports = Ports::default();
        let mut tasks = JoinSet::new();
        let srs_listen = if config.compat.srs_api { config.compat.srs_listen.as_str() } else { "" };
        let listen = [
            ("http.listen", config.http.listen.as_str(), None, Kind::Http),
            ("http.tls_listen", &config.http.tls_listen, https, Kind::Https),
            ("rtmp.listen", &config.rtmp.listen, None, Kind::Rtmp),
            ("rtmp.tls_listen", &config.rtmp.tls_listen, rtmps, Kind::Rtmps),
            ("compat.srs_listen", srs_listen, None, Kind::Srs),
            ("acme.http_listen", config.challenge_listen(), None, Kind::Challenges),
        ];
        let mut bound = Vec::new();
        for (key, address, tls, kind) in listen {
            if address.is_empty() {
                continue;
            }
            let secure = matches!(kind, Kind::Https | Kind::Rtmps);
            if secure && tls.is_none() {
                return Err(told(
                    format!(
                        "{key} = {address:?} needs a certificate: set tls.cert_file and tls.key_file, or acme.domains"
                    ),
                    format!(
                        "{key} = {address:?} 需要证书：请设置 tls.cert_file 和 tls.key_file，或 acme.domains"
                    ),
                ));
            }
            let addr: SocketAddr = address.parse().map_err(|_| {
                told(
                    format!("{key} = {address:?} is not an address like [::]:8080"),
                    format!("{key} = {address:?} 不是 [::]:8080 这样的地址"),
                )
            })?;
            let listener = bind(addr).map_err(|error| cannot_listen(key, addr, &error))?;
            let local = listener.local_addr()?;
            *ports.of(kind) = Some(local);
            bound.push((listener, tls, kind));
        }
        if let Some(listener) = metrics_listener(&config.metrics.listen) {
            ports.metrics = Some(listener.local_addr()?);
            bound.push((listener, None, Kind::Metrics));
        }
        app.ports.get_or_init(|| ports);
        app.rooms.set_links(app.config.chat.rule().unwrap_or_default());
        app.chats.start(&app).context("cannot start the chat threads")?;
        for (listener, tls, kind) in bound {
            let door = Door {
                listener,
                tls,
                tls_timeout: app.rtmp.handshake_timeout,
                permits: match kind {
                    // Of its own: when the server is full, one wants to see why.
                    Kind::Metrics => Permits::new(metrics::MAX_CONNECTIONS, 0),
                    Kind::Challenges => Permits::new(acme::MAX_CONNECTIONS, acme::MAX_CONNECTIONS_PER_IP),
                    _ => app.permits.clone(),
                },
                not_sent_low_water: config.fanout.not_sent_low_water_bytes,
                wire: kind.name(),
            };
            let app = app.clone();
            match kind {
                Kind::Http | Kind::Https => tasks
                    .spawn(door.run(move |c, peer, permit| http::conn::serve(app.clone(), c, peer, permit))),
                Kind::Rtmp | Kind::Rtmps => tasks
                    .spawn(door.run(move |c, peer, permit| rtmp::conn::serve(app.clone(), c, peer, permit))),
                Kind::Srs => tasks
                    .spawn(door.run(move |c, peer, permit| api::compat::serve(app.clone(), c, peer, permit))),
                Kind::Metrics => {
                    tasks.spawn(door.run(move |c, _, permit| metrics::serve(app.clone(), c, permit)))
                }
                Kind::Challenges => {
                    tasks.spawn(door.run(move |c, _, permit| acme::serve(app.clone(), c, permit)))
                }
            };
        }
        tasks.spawn(sweep(app.clone()));
        tasks.spawn(record::run(app.clone()));
        tasks.spawn(storage::run(app.clone()));
        let mut writers = JoinSet::new();
        if let Some(store) = &app.store {
            writers.spawn(store.writer.clone().run());
            writers.spawn(store.chat.clone().run());
            writers.spawn(store.ledger.clone().run());
            tasks.spawn(event::run(app.clone()));
        }
        tasks.spawn(webhook::run(app.clone()));
        tasks.spawn(health::run(app.clone()));
        tasks.spawn(relay::run(app.clone()));
        tasks.spawn(snapshot::run(app.clone()));
        tasks.spawn(hls::run(app.clone()));
        tasks.spawn(room::follow(app.clone()));
        tasks.spawn(room::give_up(app.clone()));
        tasks.spawn(wallet::run(app.clone()));
        tasks.spawn(lottery::run(app.clone()));
        tasks.spawn(replay::run(app.clone()));
        if app.acme.is_some() {
            tasks.spawn(acme::run(app.clone()));
        } else if let Some(certificate) = app.certificate.clone() {
            tasks.spawn(net::watch_certificate(certificate));
        }
        if app.config.demo.enabled {
            tasks.spawn(demo::run(app.clone()));
        }
        Ok(Server { app, ports, tasks, writers })
    }

    /// Stops accepting, says goodbye to every viewer and publisher, and returns when they are gone.
    pub async fn stop(mut self) {
        self.app.storage.stop();
        event::stop(&self.app);
        // First, because a recording ends with the last frame and not with the end of its stream.
        record::stop(&self.app).await;
        let app = self.app.clone();
        if tokio::task::spawn_blocking(move || app.chats.stop()).await.is_err() {
            warn!("the chat did not stop in good order");
        }
        self.app.rooms.close().await;
        self.tasks.shutdown().await;
        for stream in self.app.hub.on_air() {
            self.app.hub.drop_stream(stream.name(), End::Dropped("the server stops / 服务器正在停止".into()));
        }
        let app = self.app.clone();
        if tokio::task::spawn_blocking(move || app.fanout.stop()).await.is_err() {
            warn!("the fan-out did not stop in good order");
        }
        // When everybody has said what is to be kept.
        if let Some(store) = &self.app.store {
            store.close().await;
        }
        self.writers.shutdown().await;
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Http,
    Https,
    Rtmp,
    Rtmps,
    Metrics,
    Srs,
    Challenges,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Http => "HTTP",
            Kind::Https => "HTTPS",
            Kind::Rtmp => "RTMP",
            Kind::Rtmps => "RTMPS",
            Kind::Metrics => "metrics",
            Kind::Srs => "SRS API",
            Kind::Challenges => "ACME challenges",
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
            Kind::Metrics => &mut self.metrics,
            Kind::Srs => &mut self.srs,
            Kind::Challenges => &mut self.challenges,
        }
    }
}

impl App {
    fn new(
        data: Option<&Path>,
        store: Option<Store>,
        config: Config,
        secrets: &Secrets,
        clock: Clock,
    ) -> anyhow::Result<App> {
        let admission = Admission::new(&config, secrets, clock.clone())?;
        let acme = Acme::open(data, &config.acme)?;
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
        let (sessions, webhooks) = (Sessions::default(), Webhooks::new(&config)?);
        if let Some(store) = &store {
            webhooks.reload(&config, Some(&store.outbox));
            event::listen_to_sessions(&sessions, store, &clock);
        }
        let hls = Hls::new(&config, secrets, &clock, data)?;
        if let Some(store) = &store {
            let (writer, clock) = (store.writer.clone(), clock.clone());
            hls.listen(Box::new(move |segment| {
                if writer.wants(event::HLS_SEGMENT) {
                    let Finished { stream, number, duration_ms, file, playlist } = segment;
                    let (which, paths) = ((*number, *duration_ms), (file.as_str(), playlist.as_str()));
                    writer.put_event(event::segment(stream, which, paths, clock.unix_ms()));
                }
            }));
        }
        Ok(App {
            hub: Hub::new(options),
            operator: Operator::open(data, &admission, &clock)?,
            identity: RwLock::new(Arc::new(Identity::new(&config, secrets)?)),
            admission,
            fanout: Fanout::start(&settings, &clock).context("cannot start the fan-out threads")?,
            permits: Permits::new(config.limits.max_connections, config.limits.connections_per_ip),
            sessions,
            hls,
            relays: Relays::new(&config)?,
            snapshots: Snapshots::new(&config.snapshot),
            drain: Drain::default(),
            replays: Replays::new(secrets)?,
            rooms: Rooms::new(store.clone()),
            wallet: Wallet::new(&config, &clock)?,
            turns: api::Turns::default(),
            wechat: WeChat::new(&config, clock.clone())?,
            chats: Chats::new(settings.shards).context("cannot make the chat threads")?,
            hooks: Hooks::new(&config, clock.clone())?,
            webhooks,
            told: event::Told::default(),
            records: Records::new(data, store.as_ref(), &config),
            storage: Arc::new(Storage::new(&config.storage)),
            counts: Counts::default(),
            health: Health::default(),
            cors: RwLock::new(Arc::new(Cors { origins: config.http.cors_origins.clone() })),
            certificate: match &acme {
                Some(acme) => Some(kept_certificate(acme)),
                None => tls_files(&config.tls).map(Certificate::load).transpose()?,
            },
            store,
            acme,
            reload: OnceLock::new(),
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

    /// Lets nobody new in, and asks for the end of the server when everybody has left, at the latest after `bound`.
    pub fn begin_drain(&self, bound: Duration) {
        self.admission.set_closed(true);
        self.drain.begin(bound);
    }

    /// Takes a drain back. Returns whether there was one.
    pub fn cancel_drain(&self) -> bool {
        self.admission.set_closed(false);
        self.drain.cancel()
    }

    /// Which other origins' pages may read answers.
    pub fn cors(&self) -> Arc<Cors> {
        self.cors.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes the configuration readable again while the server runs.
    pub fn enable_reload(&self, reload: Reload) {
        // A second time cannot come: there is one caller, the start.
        let _ = self.reload.set(reload);
    }

    /// Reads the configuration again. An error says what is wrong with it, and that nothing has changed.
    pub fn reload(&self) -> anyhow::Result<reload::Outcome> {
        let reload =
            self.reload.get().context("this server was started without a configuration to read again")?;
        reload.run(self)
    }

    /// Who users are.
    pub fn identity(&self) -> Arc<Identity> {
        self.identity.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_identity(&self, identity: Identity) {
        *self.identity.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(identity);
    }

    pub(crate) fn set_cors(&self, origins: Vec<String>) {
        *self.cors.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Cors { origins });
    }

    /// Reads the certificate again, from where `tls` says. Returns whether it is in force: to begin with TLS, or to end it,
    /// takes a restart.
    pub(crate) fn reload_certificate(&self, tls: &config::Tls) -> anyhow::Result<bool> {
        if self.acme.is_some() && tls_files(tls).is_some() {
            return Err(told(
                "tls.cert_file: this server was started with acme.domains, so a certificate from files waits for a restart",
                "tls.cert_file：服务器启动时用的是 acme.domains，改用证书文件需要重启",
            ));
        }
        match (&self.certificate, tls_files(tls)) {
            (Some(certificate), Some(files)) => certificate.reload(files).map(|()| true),
            _ => Ok(false),
        }
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

/// Most starts that fail do so here: the port is taken, or below 1024.
fn cannot_listen(key: &str, addr: SocketAddr, error: &std::io::Error) -> anyhow::Error {
    let (en, zh) = match error.kind() {
        ErrorKind::PermissionDenied => (
            "ports below 1024 are for root and for who has CAP_NET_BIND_SERVICE: change",
            "1024 以下的端口需要 root 或 CAP_NET_BIND_SERVICE：请修改",
        ),
        ErrorKind::AddrNotAvailable => {
            ("this machine has no such address: change", "本机没有这个地址：请修改")
        }
        _ => (
            "is another program, or another Weir, using the port? Stop it, or change",
            "端口是否已被其他程序或另一个 Weir 占用？请停止它，或修改",
        ),
    };
    told(
        format!("{key}: cannot listen on {addr}; {en} {key} ({error})"),
        format!("{key}：无法监听 {addr}；{zh} {key}（{error}）"),
    )
}

/// The database. Without it the show goes on, and whatever needs one says so.
async fn open_store(data: Option<&Path>) -> Option<Store> {
    let opened = Store::open(data?).await;
    opened
        .inspect_err(|error| {
            error!("without the database there are no recordings, rooms, chat, gifts or webhooks until the next start: {error:#}");
        })
        .ok()
}

/// The listener for whoever collects figures. Without it the show goes on: a second server on one machine must not
/// fail because of a port that is only looked at.
fn metrics_listener(address: &str) -> Option<tokio::net::TcpListener> {
    if address.is_empty() {
        return None;
    }
    let listener = address.parse().map_err(anyhow::Error::from).and_then(|addr| Ok(bind(addr)?));
    listener
        .inspect_err(|error| {
            warn!(%error, address, "metrics.listen: cannot listen there, so there are no metrics; choose another port, or \"\"");
        })
        .ok()
}

fn tls_files(tls: &config::Tls) -> Option<TlsFiles> {
    let there = !tls.cert_file.is_empty() || !tls.key_file.is_empty();
    there.then(|| TlsFiles { cert: tls.cert_file.clone().into(), key: tls.key_file.clone().into() })
}

/// The certificate of an earlier run. Without one the server serves all the same, as without TLS the show can begin.
fn kept_certificate(acme: &Acme) -> Arc<Certificate> {
    let certificate = Certificate::awaited();
    let kept = acme.stored().and_then(|pem| pem.map(|pem| certificate.put(&pem)).transpose());
    match kept {
        Ok(Some(())) => {}
        Ok(None) => {
            warn!("acme: there is no certificate yet; until there is, HTTPS and RTMPS refuse everybody")
        }
        Err(error) => {
            warn!(
                "acme: the kept certificate cannot be used; until there is a new one, HTTPS and RTMPS refuse everybody: {error:#}"
            );
        }
    }
    certificate
}

async fn sweep(app: Arc<App>) {
    let mut interval = tokio::time::interval(SWEEP);
    loop {
        interval.tick().await;
        app.hub.sweep(app.clock.now_ms());
    }
}
