//! Which machines this server connects to when somebody else says where, and the connection to exactly those.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

/// Addresses of one host that are tried; a name may have any number.
const MAX_TRIED: usize = 4;

/// Which machines an address may mean. An address in the configuration is the operator's own; one that came over
/// an API must not reach what only this machine can reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Guard {
    allow_private: bool,
}

/// Why there is no connection.
#[derive(Debug)]
pub enum NoConnection {
    /// The guard refuses this address.
    Guarded(IpAddr),
    /// The name of the host leads nowhere.
    Unresolved(io::Error),
    /// Nothing answers there.
    Unreachable(io::Error),
    /// It took too long.
    TimedOut,
}

impl Guard {
    /// For addresses that the operator vouches for: any machine.
    pub const OPERATOR: Guard = Guard { allow_private: true };

    /// Public machines, and private ones if the operator allows it.
    pub fn new(allow_private: bool) -> Guard {
        Guard { allow_private }
    }

    /// Whether a connection to this address is allowed.
    pub fn allows(self, ip: IpAddr) -> bool {
        self.allow_private || is_public(ip)
    }

    /// Refuses at once what needs no resolving.
    pub fn check(self, host: &str) -> Result<(), NoConnection> {
        match host.parse::<IpAddr>() {
            Ok(ip) if !self.allows(ip) => Err(NoConnection::Guarded(ip)),
            _ => Ok(()),
        }
    }

    /// The addresses to connect to. They are what was checked: the name is not resolved a second time, so a name
    /// server that changes its answer gains nothing. One refused address refuses the name.
    pub async fn resolve(self, host: &str, port: u16) -> Result<Vec<SocketAddr>, NoConnection> {
        let found = lookup_host((host, port)).await.map_err(NoConnection::Unresolved)?;
        let addresses: Vec<SocketAddr> = found.take(MAX_TRIED).collect();
        if let Some(refused) = addresses.iter().find(|address| !self.allows(address.ip())) {
            return Err(NoConnection::Guarded(refused.ip()));
        }
        if addresses.is_empty() {
            return Err(NoConnection::Unresolved(io::ErrorKind::NotFound.into()));
        }
        Ok(addresses)
    }

    /// A connection to a host (an IPv6 address without its brackets), resolved, checked and made within `limit`.
    pub async fn connect(self, host: &str, port: u16, limit: Duration) -> Result<TcpStream, NoConnection> {
        let connect = async {
            let mut last = NoConnection::Unreachable(io::ErrorKind::NotFound.into());
            let addresses = self.resolve(host, port).await?;
            // An address that swallows everything, like IPv6 in half a network, must not use up the next one's time.
            let share = limit / u32::try_from(addresses.len()).unwrap_or(1).max(1);
            for address in addresses {
                match timeout(share, TcpStream::connect(address)).await {
                    Ok(Ok(socket)) => return Ok(socket),
                    Ok(Err(error)) => last = NoConnection::Unreachable(error),
                    Err(_) => last = NoConnection::TimedOut,
                }
            }
            Err(last)
        };
        let socket = timeout(limit, connect).await.map_err(|_| NoConnection::TimedOut)??;
        // It fails on a socket that is closed already, which the first read will tell.
        let _ = socket.set_nodelay(true);
        Ok(socket)
    }
}

impl NoConnection {
    /// The reason in Chinese; what the system says stays in its own words.
    pub fn message_zh(&self) -> String {
        match self {
            NoConnection::Guarded(ip) => format!("{ip} 不是公网地址"),
            NoConnection::Unresolved(error) => format!("找不到主机：{error}"),
            NoConnection::Unreachable(error) => format!("无法连接：{error}"),
            NoConnection::TimedOut => "连接超时".to_owned(),
        }
    }
}

impl fmt::Display for NoConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoConnection::Guarded(ip) => write!(f, "{ip} is not a public address"),
            NoConnection::Unresolved(error) => write!(f, "the host cannot be found: {error}"),
            NoConnection::Unreachable(error) => write!(f, "no connection: {error}"),
            NoConnection::TimedOut => f.write_str("no connection in time"),
        }
    }
}

impl std::error::Error for NoConnection {}

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

    #[test]
    fn the_guard_knows_which_addresses_are_public() {
        let guard = Guard::new(false);
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
        assert!(Guard::new(true).allows("10.0.0.1".parse().unwrap()));
        assert!(guard.check("::ffff:7f00:1").is_err());
        assert!(guard.check("a.example").is_ok());
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_refused_once_it_is_resolved() {
        assert!(matches!(Guard::new(false).resolve("localhost", 1).await, Err(NoConnection::Guarded(_))));
        assert!(Guard::OPERATOR.resolve("localhost", 1).await.is_ok());
        // The spellings of IPv4 that only resolvers know, such as a bare number, end at the same check.
        for odd in ["2130706433", "0x7f.1", "127.1"] {
            assert!(Guard::new(false).resolve(odd, 1).await.is_err(), "{odd}");
        }
    }
}
