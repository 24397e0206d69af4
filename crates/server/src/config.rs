//! The configuration: what can be set, and how it is put together from its four sources.
//!
//! `config/default.toml` is built in and is the only place where a default stands; its keys and the types of their
//! values are also what a file, the environment and the flags are checked against. The types below give each key a
//! place in the program, and are all here, one after the other as in that file, which is why this one is long. Precedence: defaults, file, environment (`WEIR__SECTION__KEY`), flags.

mod check;
mod domains;
mod forbid;
mod layer;
mod problem;
mod show;
mod suggest;
mod value;

use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use layer::{Layers, Origin};
pub use problem::{Problem, Problems};

use crate::secrets::Secret;

/// The defaults, which are also the manual.
pub const DEFAULT: &str = include_str!("config/default.toml");

/// Everything that can be set. `config/default.toml` says what each key means.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How the server is called.
    pub server: Server,
    /// HTTP and HTTPS.
    pub http: Http,
    /// RTMP and RTMPS.
    pub rtmp: Rtmp,
    /// The certificate of both.
    pub tls: Tls,
    /// Where that comes from when it is not in files.
    pub acme: Acme,
    /// Streams.
    pub hub: Hub,
    /// Writing to viewers.
    pub fanout: Fanout,
    /// Streams as HLS.
    pub hls: Hls,
    /// Counts.
    pub limits: Limits,
    /// Figures for whoever watches the server.
    pub metrics: Metrics,
    /// Pictures of streams.
    pub snapshot: Snapshot,
    /// APIs of other servers.
    pub compat: Compat,
    /// Streams to and from other servers, in general.
    pub relays: Relays,
    /// What is written to disk, in general.
    pub recordings: Recordings,
    /// Where recordings are kept besides this machine.
    pub storage: Storage,
    /// Who somebody is.
    pub identity: Identity,
    /// Sign-in of a mini-program's users.
    pub wechat: WeChat,
    /// What may be said in rooms.
    pub chat: Chat,
    /// What holds in every room.
    pub rooms: Rooms,
    /// Telling others what happens, in general.
    pub webhooks: Webhooks,
    /// Asking others what may happen.
    pub hooks: Hooks,
    /// Who pays for gifts.
    pub wallet: Wallet,
    /// The stream that is always on air.
    pub demo: Demo,
    /// Who may push where no domain says otherwise.
    pub push: Rules,
    /// Who may play where no domain says otherwise.
    pub play: Rules,
    /// Host names with rules of their own.
    pub domain: Vec<Domain>,
    /// Which streams go to and come from other servers.
    pub relay: Vec<Relay>,
    /// Which streams are recorded.
    pub record: Vec<Record>,
    /// Streams that nobody may push or play.
    pub forbid: Vec<Forbid>,
    /// Keys that tokens of users are signed with.
    pub user_key: Vec<UserKey>,
    /// Apps whose backends make signatures of users.
    pub usersig: Vec<UserSigApp>,
    /// Who is told what happens.
    pub webhook: Vec<Webhook>,
}

/// `[server]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in default.toml")]
pub struct Server {
    pub public_host: String,
    pub address_validity_seconds: u32,
    pub drain_seconds: u64,
    pub strict_hosts: bool,
}

/// `[http]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in default.toml")]
pub struct Http {
    pub listen: String,
    pub tls_listen: String,
    pub http2: bool,
    pub cors_origins: Vec<String>,
    pub header_timeout_seconds: u64,
    pub idle_timeout_seconds: u64,
    pub max_header_bytes: usize,
}

/// `[rtmp]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in default.toml")]
pub struct Rtmp {
    pub listen: String,
    pub tls_listen: String,
    pub handshake_timeout_seconds: u64,
    pub publish_timeout_seconds: u64,
    pub idle_publisher_seconds: u64,
    pub ping_interval_seconds: u64,
    pub max_message_bytes: usize,
    pub max_chunk_streams: usize,
    pub max_partial_bytes: usize,
    pub max_inbound_chunk_bytes: u32,
    pub chunk_size_out: u32,
    pub window_ack_bytes: u32,
}

/// `[tls]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in default.toml")]
pub struct Tls {
    pub cert_file: String,
    pub key_file: String,
}

/// `[acme]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in default.toml")]
pub struct Acme {
    pub domains: Vec<String>,
    pub email: String,
    pub directory: String,
    pub ca_file: String,
    pub http_listen: String,
}

/// `[hub]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in default.toml")]
pub struct Hub {
    pub grace_seconds: u64,
    pub gop_max_ms: u64,
    pub gop_max_bytes: u64,
}

/// `[fanout]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in default.toml")]
pub struct Fanout {
    pub max_lag_ms: u64,
    pub max_lag_bytes: u64,
    pub max_jumps: u32,
    pub forgive_jumps_seconds: u64,
    pub stall_timeout_seconds: u64,
    pub shards: usize,
    pub merge_from_load_percent: f64,
    pub merge_full_load_percent: f64,
    pub merge_window_max_ms: u64,
    pub rtc_window_max_ms: u64,
    pub not_sent_low_water_bytes: u32,
}

/// `[hls]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in default.toml")]
pub struct Hls {
    pub enabled: bool,
    pub mode: HlsMode,
    pub container: HlsContainer,
    pub low_latency: bool,
    pub segment_ms: u64,
    pub part_ms: u64,
    pub window_segments: usize,
    pub window_seconds: u64,
    pub delay_seconds: u64,
    pub max_bytes: u64,
    pub linger_seconds: u64,
    pub segment_tokens: bool,
    pub cdn_secret_header: String,
    pub cdn_secret: Secret,
}

/// Which streams are packaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HlsMode {
    /// Those that somebody asks for.
    OnDemand,
    /// All, from their beginning on.
    Always,
}

/// What segments are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HlsContainer {
    /// Fragmented MP4.
    Fmp4,
    /// MPEG-TS.
    Ts,
}

/// `[limits]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in default.toml")]
pub struct Limits {
    pub max_streams: usize,
    pub max_connections: usize,
    pub connections_per_ip: usize,
}

/// `[relays]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in default.toml")]
pub struct Relays {
    pub connect_timeout_seconds: u64,
    pub start_timeout_seconds: u64,
    pub idle_timeout_seconds: u64,
    pub linger_seconds: u64,
    pub allow_private: bool,
    pub ca_file: String,
}

/// `[recordings]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in default.toml")]
pub struct Recordings {
    pub dir: String,
    pub fsync_seconds: u64,
    pub min_free_mb: u64,
    pub resume_free_mb: u64,
    pub queue_mb: usize,
}

/// `[storage]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in default.toml")]
pub struct Storage {
    pub bucket: String,
    pub endpoint: String,
    pub region: String,
    pub path_style: bool,
    pub prefix: String,
    pub access_key_id: String,
    pub secret_access_key: Secret,
    pub ca_file: String,
    pub keep_local_mb: u64,
    pub part_mb: u64,
    pub uploads: usize,
    pub max_mbit: u64,
    pub timeout_seconds: u64,
}

/// `[webhooks]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in default.toml")]
pub struct Webhooks {
    pub max_waiting: u64,
    pub retention_days: u32,
    pub ca_file: String,
}

/// `[hooks]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in default.toml")]
pub struct Hooks {
    pub form: HookForm,
    pub on_publish: Vec<Secret>,
    pub on_play: Vec<Secret>,
    pub on_join: Vec<Secret>,
    pub on_send: Vec<Secret>,
    pub on_unpublish: Vec<Secret>,
    pub on_stop: Vec<Secret>,
    pub on_dvr: Vec<Secret>,
    pub on_hls: Vec<Secret>,
    pub secret: Secret,
    pub backup_secret: Secret,
    pub timeout_ms: u64,
    pub on_failure: OnFailure,
    pub cache_ms: u64,
    pub max_concurrent: usize,
    pub allow_private: bool,
}

/// In whose words a hook is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookForm {
    /// Ours.
    Weir,
    /// Those of SRS.
    Srs,
}

/// What holds when a hook gives no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// It is refused.
    Refuse,
    /// It is allowed.
    Allow,
}

/// `[wallet]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in default.toml")]
pub struct Wallet {
    pub mode: WalletMode,
    pub unit_zh: String,
    pub unit_en: String,
    pub url: Secret,
    pub secret: Secret,
    pub timeout_ms: u64,
    pub allow_private: bool,
}

/// Who pays for gifts that cost something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WalletMode {
    /// The operator's backend is asked.
    Webhook,
    /// Nobody; the price is only written down.
    Free,
}

/// `[compat]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in default.toml")]
pub struct Compat {
    pub srs_api: bool,
    pub srs_listen: String,
}

/// `[metrics]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in default.toml")]
pub struct Metrics {
    pub listen: String,
    pub public: bool,
}

/// `[snapshot]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in default.toml")]
pub struct Snapshot {
    pub ffmpeg: String,
    pub max_children: usize,
    pub timeout_ms: u64,
    pub memory_mib: u64,
    pub cover_seconds: u64,
}

/// `[identity]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in default.toml")]
pub struct Identity {
    pub audience: String,
    pub guests: bool,
    pub guest_days: u32,
}

/// `[wechat]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in default.toml")]
pub struct WeChat {
    pub appid: String,
    pub secret: Secret,
    pub base_url: String,
    pub user_id: WeChatId,
    pub kid: String,
    pub token_hours: u32,
    pub logins_per_minute: u32,
    pub timeout_ms: u64,
    pub allow_private: bool,
}

/// By what a user of WeChat is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeChatId {
    /// The id that one mini-program knows them by.
    Openid,
    /// The id that all apps of one operator know them by.
    Unionid,
}

/// `[rooms]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in default.toml")]
pub struct Rooms {
    pub interrupted_seconds: u32,
}

/// `[chat]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in default.toml")]
pub struct Chat {
    pub links: LinkPolicy,
    pub link_hosts: Vec<String>,
}

/// Which links viewers may post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkPolicy {
    /// All.
    Allow,
    /// None.
    Refuse,
    /// Those to named hosts.
    Hosts,
}

impl Chat {
    /// The rule; none when a host of the list cannot be one.
    pub fn rule(&self) -> Option<control::words::Links> {
        use control::words::Links;
        match self.links {
            LinkPolicy::Allow => Some(Links::Allow),
            LinkPolicy::Refuse => Some(Links::Refuse),
            LinkPolicy::Hosts => Links::hosts(&self.link_hosts),
        }
    }
}

/// `[[user_key]]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserKey {
    /// What tokens call it.
    pub kid: String,
    /// The one algorithm that it is for.
    pub algorithm: Algorithm,
    /// HS256: the secret.
    pub secret: Secret,
    /// The others: the public key, as PEM.
    pub public_key: String,
    /// The others: a file with that.
    pub public_key_file: String,
    /// The most that its tokens make of somebody.
    pub max_role: TokenRole,
}

/// How a token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    #[serde(rename = "HS256")]
    Hs256,
    /// ECDSA over P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl Algorithm {
    /// As tokens write it.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Hs256 => "HS256",
            Algorithm::Es256 => "ES256",
            Algorithm::EdDsa => "EdDSA",
        }
    }
}

/// What a token may make of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenRole {
    /// Whoever watches.
    Viewer,
    /// Whoever keeps order.
    Assistant,
    /// Whose show it is.
    Host,
}

impl TokenRole {
    /// As rooms call it.
    pub fn role(self) -> control::person::Role {
        match self {
            TokenRole::Viewer => control::person::Role::Viewer,
            TokenRole::Assistant => control::person::Role::Assistant,
            TokenRole::Host => control::person::Role::Host,
        }
    }
}

/// `[[usersig]]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserSigApp {
    /// The id of the app.
    pub sdk_app_id: u64,
    /// What its backend signs with.
    pub key: Secret,
    /// A second one, while one replaces the other.
    pub backup_key: Secret,
}

/// `[demo]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in default.toml")]
pub struct Demo {
    pub enabled: bool,
    pub app: String,
    pub stream: String,
    pub title: String,
}

/// `[push]`, `[play]`, and most of a `[[domain]]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[expect(missing_docs, reason = "every key is explained in default.toml")]
pub struct Rules {
    pub scheme: Scheme,
    pub key: Secret,
    pub backup_key: Secret,
    pub access_key: String,
    pub validity_seconds: u32,
    pub allow_ips: Vec<String>,
    pub deny_ips: Vec<String>,
    pub referrers: Vec<String>,
    pub referrers_allow_empty: bool,
}

/// `[[domain]]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Domain {
    /// The host name.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// Its rules.
    #[serde(flatten)]
    pub rules: Rules,
}

/// `[[relay]]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relay {
    /// Which way.
    pub kind: RelayKind,
    /// All of the stream's name but the last part; `*` for any.
    pub app: String,
    /// The last part; `*` for any.
    pub stream: String,
    /// The other server's address, with `{app}` and `{stream}`; it may hold a key.
    pub url: Secret,
    /// Whether a pull waits for viewers.
    pub on_demand: bool,
}

/// Which way a relay goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RelayKind {
    /// To another server.
    Push,
    /// From another server.
    Pull,
}

/// `[[record]]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The domain at which the stream is pushed; `*` for any.
    pub domain: String,
    /// All of the stream's name but the last part; `*` for any.
    pub app: String,
    /// The last part; `*` for any.
    pub stream: String,
    /// Whether such streams are recorded.
    pub enabled: bool,
    /// What files are written.
    pub formats: Vec<String>,
    /// Length of a part; 0: no bound.
    pub interval_minutes: u64,
    /// Size of a part; 0: no bound.
    pub max_size_mb: u64,
    /// How long recordings are kept; 0: for ever.
    pub retention_days: u32,
    /// How long a recording waits for its stream to come back.
    pub gap_seconds: u64,
}

/// What a section that does not say otherwise means, and a recording that is begun over the API.
impl Default for Record {
    fn default() -> Record {
        Record {
            domain: "*".into(),
            app: "*".into(),
            stream: "*".into(),
            enabled: true,
            formats: vec!["fmp4".into()],
            interval_minutes: 60,
            max_size_mb: 0,
            retention_days: 0,
            gap_seconds: 60,
        }
    }
}

/// `[[webhook]]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Its name; deliveries are kept under it.
    pub name: String,
    /// Where it is; it may hold a key.
    pub url: Secret,
    /// What it is told: `stream.started`, `stream.*`, `*`.
    pub events: Vec<String>,
    /// Signs what it is told.
    pub secret: Secret,
    /// Signs it too, for rotation.
    pub backup_secret: Secret,
    /// How long an attempt may take.
    pub timeout_seconds: u64,
    /// Whether it may be on a private address.
    pub allow_private: bool,
}

/// `[[forbid]]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forbid {
    /// All of the stream's name but its last part.
    pub app: String,
    /// The last part.
    pub stream: String,
    /// Until when, as it was written; empty for ever.
    pub until: String,
    /// What whoever pushes it is told.
    pub reason: String,
}

/// What a domain is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Pushing.
    Push,
    /// Playing.
    Play,
}

/// How addresses are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// Tencent's `txSecret` and `txTime`.
    Tencent,
    /// Aliyun's `auth_key`, type A.
    Aliyun,
    /// Qiniu's `e` and `token`.
    Qiniu,
    /// Huawei's type A, which is Aliyun's.
    HuaweiA,
    /// Huawei's type B, which is Tencent's.
    HuaweiB,
    /// Huawei's `hwSecret` and `hwTime`.
    HuaweiD,
    /// Not at all.
    Open,
}

/// Where a configuration comes from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The file, if there is one.
    pub file: Option<PathBuf>,
    /// The environment; everything that does not begin with `WEIR__` is passed over.
    pub env: Vec<(String, String)>,
    /// What flags say.
    pub flags: Vec<FlagValue>,
}

/// A key that a flag sets.
#[derive(Debug, Clone)]
pub struct FlagValue {
    /// The key, such as `http.listen`.
    pub key: &'static str,
    /// The flag, such as `--http`.
    pub flag: &'static str,
    /// What was given.
    pub value: String,
}

impl Config {
    /// Where a listener for the authority's challenges is needed: nowhere without `acme.domains`, nor where the public
    /// HTTP port is the same, as that answers them too.
    pub fn challenge_listen(&self) -> &str {
        let port = |address: &str| address.parse().ok().map(|address: std::net::SocketAddr| address.port());
        let listen = &self.acme.http_listen;
        let answered =
            port(listen).is_some_and(|wanted| wanted != 0 && port(&self.http.listen) == Some(wanted));
        if self.acme.domains.is_empty() || answered { "" } else { listen }
    }

    /// What holds when nothing is set.
    pub fn defaults() -> Config {
        Layers::defaults().config().expect("the defaults are good; a test sees to it")
    }

    /// A configuration in which a file holds `text` and nothing else is set.
    pub fn from_toml(text: &str) -> Result<Config, Problems> {
        let mut layers = Layers::defaults();
        layers.add_file(Path::new("weir.toml"), text);
        layers.config()
    }
}

impl Sources {
    /// Puts the sources together. The layers say where each value came from, and are there even when the values are
    /// not good.
    pub fn layers(&self) -> Layers {
        let mut layers = Layers::defaults();
        if let Some(path) = &self.file {
            match std::fs::read_to_string(path) {
                Ok(text) => layers.add_file(path, &text),
                Err(error) => layers.add_unreadable(path, &error),
            }
        }
        layers.add_env(&self.env);
        layers.add_flags(&self.flags);
        layers
    }
}

#[cfg(test)]
mod tests;
