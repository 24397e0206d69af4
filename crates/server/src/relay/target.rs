//! Where a relay connects to: an address taken apart.

use std::fmt;

use rtmp::{Url, UrlError};

/// Longest address, in bytes.
const MAX_ADDRESS: usize = 4_096;

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
}
