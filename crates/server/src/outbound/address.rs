//! An address that is called, taken apart once.

use std::fmt;
use std::net::IpAddr;

use http::Uri;

/// Longest address, in bytes.
const MAX_ADDRESS: usize = 4_096;

/// Where a call goes: `http://` or `https://`.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    is_secure: bool,
    authority: String,
    host: String,
    port: u16,
    path_and_query: String,
}

/// Why text is no such address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadAddress {
    /// It begins with neither `http://` nor `https://`.
    Scheme,
    /// It has a space or a control character, or is too long, or is no address at all.
    Text,
    /// The host or the port.
    Host,
    /// It has a name and a password before its host.
    Login,
}

impl Address {
    /// Takes an address apart.
    pub fn parse(text: &str) -> Result<Address, BadAddress> {
        let graphic = text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.len() > MAX_ADDRESS || !graphic {
            return Err(BadAddress::Text);
        }
        // The fragment is the browser's business and is not sent.
        let text = text.split('#').next().unwrap_or_default();
        let (scheme, _) = text.split_once("://").ok_or(BadAddress::Scheme)?;
        let is_secure = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err(BadAddress::Scheme),
        };
        let uri: Uri = text.parse().map_err(|_| BadAddress::Host)?;
        let authority = uri.authority().ok_or(BadAddress::Host)?;
        if authority.as_str().contains('@') {
            return Err(BadAddress::Login);
        }
        let host = authority.host();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let named = authority.as_str().len() > authority.host().len();
        let port = match (authority.port_u16(), named) {
            (Some(port), _) if port > 0 => port,
            (None, false) => {
                if is_secure {
                    443
                } else {
                    80
                }
            }
            _ => return Err(BadAddress::Host),
        };
        if host.is_empty() {
            return Err(BadAddress::Host);
        }
        let path_and_query = uri.path_and_query().map_or("/", |path| path.as_str());
        let path_and_query = if path_and_query.starts_with('/') {
            path_and_query.to_owned()
        } else {
            format!("/{path_and_query}")
        };
        Ok(Address {
            is_secure,
            authority: authority.as_str().to_owned(),
            host: host.to_owned(),
            port,
            path_and_query,
        })
    }

    /// Whether the connection is encrypted.
    pub fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// The host, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The host as an address of the network, where it is written as one.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// The port, named or not.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The host and the port as they were written.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// What is asked for there.
    pub fn path_and_query(&self) -> &str {
        &self.path_and_query
    }
}

/// Without the path and the query: many services put a key there.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}/...", if self.is_secure { "https" } else { "http" }, self.authority)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl BadAddress {
    /// The reason in Chinese.
    pub fn message_zh(self) -> &'static str {
        match self {
            BadAddress::Scheme => "地址应以 http:// 或 https:// 开头",
            BadAddress::Text => "地址里有空格、控制字符或非 ASCII 字符，或过长",
            BadAddress::Host => "地址的主机或端口有误",
            BadAddress::Login => "地址里不能带用户名和密码",
        }
    }
}

impl fmt::Display for BadAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadAddress::Scheme => "the address must begin with http:// or https://",
            BadAddress::Text => {
                "the address has a space, a control character or one outside ASCII, or is too long"
            }
            BadAddress::Host => "the host or the port of the address is broken",
            BadAddress::Login => "the address must not have a name and a password in it",
        })
    }
}

impl std::error::Error for BadAddress {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let at = |text: &str| {
            let address = Address::parse(text).unwrap();
            (
                address.is_secure(),
                address.host().to_owned(),
                address.port(),
                address.path_and_query().to_owned(),
            )
        };
        assert_eq!(at("http://a.example/b?c=d#e"), (false, "a.example".into(), 80, "/b?c=d".into()));
        assert_eq!(at("HTTPS://a.example"), (true, "a.example".into(), 443, "/".into()));
        assert_eq!(at("https://[2001:db8::1]:8443/x"), (true, "2001:db8::1".into(), 8443, "/x".into()));
        assert_eq!(at("http://[::1]/x"), (false, "::1".into(), 80, "/x".into()));
        assert_eq!(at("http://a?b").3, "/?b");
    }

    #[test]
    fn what_is_no_address_is_refused_and_what_is_shown_of_one_holds_no_key() {
        for (text, bad) in [
            ("a.example/b", BadAddress::Scheme),
            ("file:///etc/passwd", BadAddress::Scheme),
            ("gopher://a/b", BadAddress::Scheme),
            ("http://", BadAddress::Host),
            ("http:///b", BadAddress::Host),
            ("http://a:0/b", BadAddress::Host),
            ("http://a:99999/b", BadAddress::Host),
            ("http://a:/b", BadAddress::Host),
            ("http://u:p@a/b", BadAddress::Login),
            ("http://a/b c", BadAddress::Text),
            ("http://a/b\r\nX: y", BadAddress::Text),
            ("http://例子.com/", BadAddress::Text),
        ] {
            assert_eq!(Address::parse(text), Err(bad), "{text}");
        }
        assert_eq!(Address::parse(&format!("http://a/{}", "b".repeat(5_000))), Err(BadAddress::Text));
        let address = Address::parse("https://a.example/hush?k=hush").unwrap();
        assert_eq!(format!("{address} {address:?}"), "https://a.example/... https://a.example/...");
    }
}
