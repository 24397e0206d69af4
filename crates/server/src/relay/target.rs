//! Where a relay connects to: an address taken apart, and the guard that decides which machines it may mean.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rtmp::{Url, UrlError};
use tokio::net::lookup_host;

use super::Failure;

/// Longest address, in bytes.
const MAX_ADDRESS: usize = 4_096;

/// Addresses of one host that are tried; a name may have any number.
const MAX_TRIED: usize = 4;

/// The protocol of the other server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `rtmp://`
    Rtmp,
    /// `rtmps://`
    Rtmps,
    /// `http://`, for FLV.
    Http,
    /// `https://`, for FLV.
    Https,
}

/// The address of a stream on another server.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    scheme: Scheme,
    url: Url,
    /// The path and the query of an HTTP request.
    path: String,
}

/// Why text is no address of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadTarget {
    /// Another scheme than those that relays speak, or one that this direction does not.
    Scheme,
    /// The host or the port.
    Host,
    /// It has a space or a control character, or is too long.
    Text,
    /// It names no stream.
    Name,
}

impl Scheme {
    /// Whether the connection is encrypted.
    pub fn is_secure(self) -> bool {
        matches!(self, Scheme::Rtmps | Scheme::Https)
    }

    /// Whether it is FLV over HTTP.
    pub fn is_http(self) -> bool {
        matches!(self, Scheme::Http | Scheme::Https)
    }

    fn name(self) -> &'static str {
        match self {
            Scheme::Rtmp => "rtmp",
            Scheme::Rtmps => "rtmps",
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }
}

impl Target {
    /// Takes an address apart.
    pub fn parse(text: &str) -> Result<Target, BadTarget> {
        if text.len() > MAX_ADDRESS {
            return Err(BadTarget::Text);
        }
        let (scheme, rest) = text.split_once("://").ok_or(BadTarget::Scheme)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "rtmp" => Scheme::Rtmp,
            "rtmps" => Scheme::Rtmps,
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(BadTarget::Scheme),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        // An address without a port gets that of its own scheme, which is not RTMP's for HTTP.
        let names_port = authority.rsplit(']').next().is_some_and(|end| end.contains(':'));
        let port = match scheme {
            Scheme::Http if !names_port => ":80",
            Scheme::Https if !names_port => ":443",
            _ => "",
        };
        let spoken = if scheme.is_secure() { "rtmps" } else { "rtmp" };
        let url =
            format!("{spoken}://{authority}{port}{path}").parse::<Url>().map_err(|error| match error {
                UrlError::Scheme => BadTarget::Scheme,
                UrlError::Host | UrlError::Port => BadTarget::Host,
                UrlError::Character => BadTarget::Text,
            })?;
        if url.name.is_empty() {
            return Err(BadTarget::Name);
        }
        // The fragment is the browser's business and is not sent.
        let path = path.split('#').next().unwrap_or_default();
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Target { scheme, url, path })
    }

    /// An address that a server redirects to, when it leads to the same scheme, host and port.
    pub fn redirected(&self, location: &str) -> Option<Target> {
        if location.starts_with('/') && !location.starts_with("//") {
            let text = format!("{}://{}{location}", self.scheme.name(), self.authority());
            return Target::parse(&text).ok();
        }
        let next = Target::parse(location).ok()?;
        let same = |target: &Target| (target.scheme, target.url.host.to_ascii_lowercase(), target.url.port);
        (same(&next) == same(self)).then_some(next)
    }

    /// Its protocol.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host, without brackets.
    pub fn host(&self) -> &str {
        &self.url.host
    }

    /// The port, named or not.
    pub fn port(&self) -> u16 {
        self.url.port
    }

    /// The host and the port as they stand in an address.
    pub fn authority(&self) -> String {
        let (host, port) = (self.host(), self.port());
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }

    /// The path and the query of an HTTP request.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// For the RTMP client.
    pub fn url(&self) -> &Url {
        &self.url
    }
}

/// Without anything that may be a key: the last part of a path is one at most platforms, and so is a query.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}/...", self.scheme.name(), self.authority())
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl BadTarget {
    /// The reason in Chinese.
    pub fn message_zh(self) -> &'static str {
        match self {
            BadTarget::Scheme => "地址应以 rtmp:// 或 rtmps:// 开头；拉流还可用 http:// 和 https://",
            BadTarget::Host => "地址的主机或端口有误",
            BadTarget::Text => "地址里有空格或控制字符，或过长",
            BadTarget::Name => "地址里没有流名",
        }
    }
}

impl fmt::Display for BadTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadTarget::Scheme => {
                "the address must begin with rtmp:// or rtmps://, or for a pull with http:// or https://"
            }
            BadTarget::Host => "the host or the port of the address is broken",
            BadTarget::Text => "the address has a space or a control character, or is too long",
            BadTarget::Name => "the address names no stream",
        })
    }
}

impl std::error::Error for BadTarget {}

/// Which machines an address may mean. An address in the configuration is the operator's own; one that came over
/// an API must not reach what only this machine can reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guard {
    allow_private: bool,
}

impl Guard {
    /// For addresses in the configuration: any machine.
    pub const OPERATOR: Guard = Guard { allow_private: true };

    /// For addresses that somebody named over an API: public machines, and private ones if the operator allows it.
    pub fn for_api(allow_private: bool) -> Guard {
        Guard { allow_private }
    }

    /// Whether a connection to this address is allowed.
    pub fn allows(self, ip: IpAddr) -> bool {
        self.allow_private || is_public(ip)
    }

    /// Refuses at once what needs no resolving.
    pub fn check(self, target: &Target) -> Result<(), Failure> {
        match target.host().parse::<IpAddr>() {
            Ok(ip) if !self.allows(ip) => Err(Failure::Guarded(ip)),
            _ => Ok(()),
        }
    }

    /// The addresses to connect to. They are what was checked: the name is not resolved a second time, so a name
    /// server that changes its answer gains nothing. One refused address refuses the name.
    pub async fn resolve(self, target: &Target) -> Result<Vec<SocketAddr>, Failure> {
        let found = lookup_host((target.host(), target.port())).await.map_err(Failure::Unresolved)?;
        let addresses: Vec<SocketAddr> = found.take(MAX_TRIED).collect();
        if let Some(refused) = addresses.iter().find(|address| !self.allows(address.ip())) {
            return Err(Failure::Guarded(refused.ip()));
        }
        if addresses.is_empty() {
            return Err(Failure::Unresolved(io::ErrorKind::NotFound.into()));
        }
        Ok(addresses)
    }
}

/// Whether an address belongs to the public Internet (IANA's special-purpose registries say which do not). The
/// metadata services of the clouds live in the refused ranges: 169.254.0.0/16, 100.64.0.0/10 and fc00::/7.
pub(crate) fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = match (a, b, c) {
        // This network, loopback, and all of multicast and what is reserved above it.
        (0 | 127 | 224.., ..) => true,
        // Private, shared (carrier NAT, Aliyun's metadata), link-local (everybody else's metadata).
        (10, ..) | (100, 64..=127, _) | (169, 254, _) | (172, 16..=31, _) | (192, 168, _) => true,
        // Protocol assignments, documentation, 6to4 relays, benchmarks.
        (192, 0, 0 | 2) | (192, 88, 99) | (198, 18 | 19, _) | (198, 51, 100) | (203, 0, 113) => true,
        _ => false,
    };
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let segments = ip.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        // Mapped (::ffff:0:0/96), translated (64:ff9b::/96) and 6to4 (2002::/16): what counts is the IPv4 address in it.
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => embedded(high, low),
        // Teredo and the rest of the protocol assignments, documentation.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // Global unicast. Loopback, unspecified, unique local, link-local, site-local and multicast lie outside.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> Target {
        Target::parse(text).unwrap()
    }

    #[test]
    fn addresses_are_taken_apart() {
        let http = target("http://a.example/live/room.flv?sign=hush");
        assert_eq!((http.scheme(), http.authority().as_str()), (Scheme::Http, "a.example:80"));
        assert_eq!(http.path(), "/live/room.flv?sign=hush");
        assert_eq!(target("https://[2001:db8::1]/live/room.flv").authority(), "[2001:db8::1]:443");
        let rtmps = target("RTMPS://a.example/live/room?k=v");
        assert_eq!((rtmps.port(), rtmps.url().name.as_str()), (443, "room?k=v"));
        assert_eq!(target("rtmp://[::1]:1936/live/room").authority(), "[::1]:1936");
    }

    #[test]
    fn what_is_no_address_of_a_stream_is_refused() {
        for (text, bad) in [
            ("live/room", BadTarget::Scheme),
            ("file:///etc/passwd", BadTarget::Scheme),
            ("gopher://a/b/c", BadTarget::Scheme),
            ("ws://a/live/room.flv", BadTarget::Scheme),
            ("http://u:p@a/live/room.flv", BadTarget::Host),
            ("http://a:0/live/room.flv", BadTarget::Host),
            ("http:///live", BadTarget::Host),
            ("http://a/live/room.flv\r\nX: y", BadTarget::Text),
            ("rtmp://a/live/", BadTarget::Name),
            ("rtmp://a", BadTarget::Name),
        ] {
            assert_eq!(Target::parse(text), Err(bad), "{text}");
        }
        assert_eq!(Target::parse(&format!("rtmp://a/b/{}", "c".repeat(5_000))), Err(BadTarget::Text));
    }

    #[test]
    fn what_is_shown_of_an_address_holds_no_key() {
        for text in ["rtmp://a/live/hush", "https://a/hush/hush.flv?hush=hush"] {
            let shown = format!("{0} {0:?}", target(text));
            assert!(!shown.contains("hush"), "{shown}");
        }
    }

    #[test]
    fn a_redirect_may_only_stay_at_its_host() {
        let from = target("http://a.example:8080/live/a.flv");
        assert_eq!(from.redirected("/live/b.flv").unwrap().path(), "/live/b.flv");
        assert_eq!(from.redirected("http://A.example:8080/c.flv").unwrap().path(), "/c.flv");
        for away in [
            "//b.example/x.flv",
            "http://a.example/c.flv",
            "https://a.example:8080/c.flv",
            "http://127.0.0.1/x",
        ] {
            assert_eq!(from.redirected(away), None, "{away}");
        }
    }

    #[test]
    fn the_guard_knows_which_addresses_are_public() {
        let guard = Guard::for_api(false);
        let allows = |text: &str| guard.allows(text.parse().unwrap());
        for public in [
            "1.1.1.1",
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
        ] {
            assert!(allows(public), "{public}");
        }
        for private in [
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "169.254.0.23",
            "100.100.100.200",
            "224.0.0.1",
            "239.255.255.255",
            "255.255.255.255",
            "240.0.0.1",
            "198.18.0.1",
            "192.0.0.192",
            "203.0.113.7",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "fec0::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "2001::1",
            "2001:db8::1",
        ] {
            assert!(!allows(private), "{private}");
            assert!(Guard::OPERATOR.allows(private.parse().unwrap()));
        }
        assert!(Guard::for_api(true).allows("10.0.0.1".parse().unwrap()));
        assert!(guard.check(&target("http://[::ffff:7f00:1]/live/a.flv")).is_err());
        assert!(guard.check(&target("http://a.example/live/a.flv")).is_ok());
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_refused_once_it_is_resolved() {
        let local = target("rtmp://localhost:1/live/a");
        assert!(matches!(Guard::for_api(false).resolve(&local).await, Err(Failure::Guarded(_))));
        assert!(Guard::OPERATOR.resolve(&local).await.is_ok());
        // The spellings of IPv4 that only resolvers know, such as a bare number, end at the same check.
        for odd in ["rtmp://2130706433/live/a", "rtmp://0x7f.1/live/a", "rtmp://127.1/live/a"] {
            assert!(Guard::for_api(false).resolve(&target(odd)).await.is_err(), "{odd}");
        }
    }
}
