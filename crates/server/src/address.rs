//! The addresses of streams, signed as their domain wants it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use anyhow::Context as _;
use control::sign::SignTarget;
use control::{Authority, Role, name};

use crate::app::Ports;
use crate::config::Config;
use crate::replay::url;
use crate::told::told;

/// Addresses on other networks. The route to one of them tells which address of this machine others can reach;
/// connecting a datagram socket looks the route up and sends nothing. The last three serve a network without a way out.
const ELSEWHERE: [IpAddr; 5] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
    IpAddr::V4(Ipv4Addr::new(192, 168, 1, 1)),
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)),
    IpAddr::V4(Ipv4Addr::new(172, 16, 0, 1)),
];

/// Bytes of randomness in an address, for the schemes that have room for them.
const NONCE_BYTES: usize = 16;

/// Where a server can be reached.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ends {
    /// The host in addresses, if one was set.
    pub(crate) host: Option<String>,
    /// HTTP.
    pub(crate) http: Option<SocketAddr>,
    /// HTTPS.
    pub(crate) https: Option<SocketAddr>,
    /// RTMP.
    pub(crate) rtmp: Option<SocketAddr>,
    /// RTMPS.
    pub(crate) rtmps: Option<SocketAddr>,
    /// Whether HTTP has HLS.
    pub(crate) hls: bool,
}

/// An app and a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    /// All but the last part.
    pub(crate) app: String,
    /// The last part.
    pub(crate) stream: String,
}

/// Makes addresses.
#[derive(Debug, Clone)]
pub(crate) struct Maker<'a> {
    /// Whose rules sign.
    pub(crate) authority: &'a Authority,
    /// Where the server is.
    pub(crate) ends: &'a Ends,
    /// Prefer RTMPS, HTTPS and WSS.
    pub(crate) secure: bool,
    /// When the addresses end, in seconds since 1970.
    pub(crate) expires: i64,
    /// Something that nobody can guess.
    pub(crate) nonce: String,
}

/// Where to push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Push {
    /// All of it.
    pub(crate) url: String,
    /// What OBS calls the server.
    pub(crate) server: String,
    /// What OBS calls the stream key.
    pub(crate) stream_key: String,
    /// Whether it is signed, and so has an end.
    pub(crate) signed: bool,
}

/// Where to play; what does not listen has no address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Play {
    /// RTMP or RTMPS.
    pub(crate) rtmp: Option<String>,
    /// FLV over HTTP or HTTPS.
    pub(crate) flv: Option<String>,
    /// FLV over WebSocket.
    pub(crate) ws_flv: Option<String>,
    /// HLS over HTTP or HTTPS.
    pub(crate) hls: Option<String>,
    /// The page.
    pub(crate) page: Option<String>,
    /// Whether they are signed, and so have an end.
    pub(crate) signed: bool,
}

/// Where to watch a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replay {
    /// The playlist, for players.
    pub(crate) m3u8: String,
    /// One MP4 file, for players and to keep.
    pub(crate) mp4: String,
    /// The same as FLV.
    pub(crate) flv: String,
    /// Whether they are signed, and so have an end.
    pub(crate) signed: bool,
}

impl Ends {
    /// Of a server that listens at these ports.
    pub(crate) fn listening(config: &Config, ports: Ports) -> Ends {
        let Ports { http, https, rtmp, rtmps, .. } = ports;
        Ends { host: host(config), http, https, rtmp, rtmps, hls: config.hls.enabled }
    }

    /// Where a server with this configuration will be.
    pub(crate) fn of(config: &Config) -> Ends {
        let at = |address: &str| address.parse().ok();
        Ends {
            host: host(config),
            http: at(&config.http.listen),
            https: at(&config.http.tls_listen),
            rtmp: at(&config.rtmp.listen),
            rtmps: at(&config.rtmp.tls_listen),
            hls: config.hls.enabled,
        }
    }

    /// The same seen from this machine, if it listens here.
    pub(crate) fn seen_here(&self) -> Option<Ends> {
        let http = self.http?;
        let here = match http.ip() {
            ip if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            ip if ip.is_loopback() => ip,
            _ => return None,
        };
        Some(Ends { host: Some(here.to_string()), ..self.clone() })
    }

    /// The host in the address of a listener.
    fn host_of(&self, listener: SocketAddr) -> String {
        match &self.host {
            Some(host) => host.clone(),
            None if listener.ip().is_unspecified() => outward().to_string(),
            None => listener.ip().to_canonical().to_string(),
        }
    }

    fn rtmp(&self, secure: bool) -> Option<(&'static str, SocketAddr)> {
        choose(secure, self.rtmp.map(|at| ("rtmp", at)), self.rtmps.map(|at| ("rtmps", at)))
    }

    fn http(&self, secure: bool) -> Option<(&'static str, SocketAddr)> {
        choose(secure, self.http.map(|at| ("http", at)), self.https.map(|at| ("https", at)))
    }
}

/// Where the API of a server is asked from this machine, as an URL; empty when it listens with TLS only.
pub(crate) fn here(ports: crate::app::Ports) -> String {
    let Some(http) = ports.http else { return String::new() };
    let ip = match http.ip() {
        ip if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, http.port()))
}

/// The host that was set, if one was.
pub(crate) fn host(config: &Config) -> Option<String> {
    Some(config.server.public_host.clone()).filter(|host| !host.is_empty())
}

/// What the preference says, or the other when only that is there.
fn choose<T>(secure: bool, plain: Option<T>, tls: Option<T>) -> Option<T> {
    if secure { tls.or(plain) } else { plain.or(tls) }
}

impl std::str::FromStr for Path {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Path> {
        let (app, stream) = text.rsplit_once('/').ok_or_else(|| {
            told(
                format!("{text:?} must be APP/STREAM, such as live/room1"),
                format!("{text:?} 应为 应用名/流名，如 live/room1"),
            )
        })?;
        name::check(app, stream).map_err(|bad| {
            told(
                format!("{text:?} cannot be APP/STREAM: {bad}. An example: live/room1"),
                format!("{text:?} 不能用作 应用名/流名：{}。例如 live/room1", bad.message_zh()),
            )
        })?;
        Ok(Path { app: app.to_owned(), stream: stream.to_owned() })
    }
}

impl Maker<'_> {
    /// Where to push a stream.
    pub(crate) fn push(&self, path: &Path) -> anyhow::Result<Push> {
        let (scheme, at) = self.ends.rtmp(self.secure).ok_or_else(|| {
            told(
                "RTMP does not listen, so nothing can be pushed: set rtmp.listen",
                "没有监听 RTMP，无法推流：请设置 rtmp.listen",
            )
        })?;
        let host = self.ends.host_of(at);
        let query = self.query(Role::Push, &host, path, "")?;
        let server = format!("{}/{}", base(scheme, &host, at.port()), path.app);
        let stream_key = format!("{}{query}", path.stream);
        Ok(Push { url: format!("{server}/{stream_key}"), server, stream_key, signed: !query.is_empty() })
    }

    /// Where to play a stream.
    pub(crate) fn play(&self, path: &Path) -> anyhow::Result<Play> {
        let mut play = Play::default();
        let Path { app, stream } = path;
        if let Some((scheme, at)) = self.ends.rtmp(self.secure) {
            let host = self.ends.host_of(at);
            let query = self.query(Role::Play, &host, path, "")?;
            play.signed |= !query.is_empty();
            play.rtmp = Some(format!("{}/{app}/{stream}{query}", base(scheme, &host, at.port())));
        }
        if let Some((scheme, at)) = self.ends.http(self.secure) {
            let host = self.ends.host_of(at);
            let query = self.query(Role::Play, &host, path, ".flv")?;
            play.signed |= !query.is_empty();
            let socket_scheme = if scheme == "https" { "wss" } else { "ws" };
            let (http, ws) = (base(scheme, &host, at.port()), base(socket_scheme, &host, at.port()));
            play.flv = Some(format!("{http}/{app}/{stream}.flv{query}"));
            play.ws_flv = Some(format!("{ws}/{app}/{stream}.flv{query}"));
            if self.ends.hls {
                let query = self.query(Role::Play, &host, path, ".m3u8")?;
                play.hls = Some(format!("{http}/{app}/{stream}.m3u8{query}"));
            }
            // The page plays FLV, so what it is given is the signature of that.
            play.page = Some(format!("{http}/play/{app}/{stream}{query}"));
        }
        Ok(play)
    }

    /// Where to watch a recording. What signatures see is a stream of its id.
    pub(crate) fn replay(&self, id: &str) -> anyhow::Result<Replay> {
        let (scheme, at) = self.ends.http(self.secure).ok_or_else(|| {
            told(
                "HTTP does not listen, so nothing can be replayed: set http.listen",
                "没有监听 HTTP，无法回放：请设置 http.listen",
            )
        })?;
        let host = self.ends.host_of(at);
        let path = Path { app: url::APP.to_owned(), stream: id.to_owned() };
        let base = base(scheme, &host, at.port());
        let mut signed = false;
        let mut address = |suffix: &str| {
            let query = self.query(Role::Play, &host, &path, suffix)?;
            signed |= !query.is_empty();
            anyhow::Ok(format!("{base}/{}/{id}{suffix}{query}", path.app))
        };
        let (m3u8, mp4, flv) = (address(".m3u8")?, address(".mp4")?, address(".flv")?);
        Ok(Replay { m3u8, mp4, flv, signed })
    }

    /// The query of an address with its `?`, or nothing on an open domain.
    fn query(&self, role: Role, host: &str, path: &Path, suffix: &str) -> anyhow::Result<String> {
        let domain = self.authority.domain(role, host).map_err(|refusal| {
            told(
                format!("{}. Choose another with --host", refusal.message_en()),
                format!("{}。可用 --host 换一个", refusal.message_zh()),
            )
        })?;
        let Path { app, stream } = path;
        let full = format!("/{app}/{stream}{suffix}");
        let target = SignTarget { app, stream, path: &full };
        let signed = domain.sign(&target, self.expires, &self.nonce).ok_or_else(|| {
            told(
                "this domain cannot sign an address that ends then: shorten --expires, or see its validity_seconds",
                "这个域名签不出到那时为止的地址：请缩短 --expires，或检查 validity_seconds",
            )
        })?;
        Ok(if signed.is_empty() { signed } else { format!("?{signed}") })
    }
}

/// Random letters and digits.
pub(crate) fn nonce() -> anyhow::Result<String> {
    let mut bytes = [0; NONCE_BYTES];
    getrandom::fill(&mut bytes).context("the system gives no random numbers")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The address of this machine that others can reach, or the loopback address when there is none.
fn outward() -> IpAddr {
    let from = |to: IpAddr| {
        let any: IpAddr =
            if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind((any, 0)).ok()?;
        socket.connect((to, 9)).ok()?;
        let ip = socket.local_addr().ok()?.ip();
        (!ip.is_unspecified() && !ip.is_loopback()).then_some(ip)
    };
    ELSEWHERE.into_iter().find_map(from).unwrap_or(Ipv4Addr::LOCALHOST.into())
}

/// `http://host:port`, without the port that a browser would leave out.
fn base(scheme: &str, host: &str, port: u16) -> String {
    let host = if host.parse::<Ipv6Addr>().is_ok() { format!("[{host}]") } else { host.to_owned() };
    match (scheme, port) {
        ("http" | "ws", 80) | ("https" | "wss", 443) => format!("{scheme}://{host}"),
        _ => format!("{scheme}://{host}:{port}"),
    }
}

#[cfg(test)]
mod tests;
