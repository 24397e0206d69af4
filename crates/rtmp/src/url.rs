//! Addresses, for the client side.

use std::fmt;
use std::str::FromStr;

/// An `rtmp://` or `rtmps://` address, taken apart as a client needs it.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    /// Whether TLS is spoken.
    pub secure: bool,
    /// Name or address, without brackets.
    pub host: String,
    /// The port, named or not.
    pub port: u16,
    /// What `connect` calls the application.
    pub app: String,
    /// What `publish` or `play` calls the stream, query included.
    pub name: String,
    /// What `connect` says in `tcUrl`.
    pub tc_url: String,
}

/// Why text is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UrlError {
    /// It does not begin with `rtmp://` or `rtmps://`.
    Scheme,
    /// There is no host, or it is broken.
    Host,
    /// The port is no number from 1 to 65535.
    Port,
    /// A space or a control character.
    Character,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            UrlError::Scheme => "the address does not begin with rtmp:// or rtmps://",
            UrlError::Host => "the address has no host",
            UrlError::Port => "the port of the address is no number from 1 to 65535",
            UrlError::Character => "the address has a space or a control character",
        })
    }
}

impl std::error::Error for UrlError {}

/// Queries hold signatures and names hold keys, so neither is shown.
impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Url")
            .field("secure", &self.secure)
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

impl FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Url, UrlError> {
        if text.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return Err(UrlError::Character);
        }
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::Scheme)?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "rtmp" => false,
            "rtmps" => true,
            _ => return Err(UrlError::Scheme),
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        let (host, port) = authority_parts(authority)?;
        let port = match port {
            None if secure => 443,
            None => 1935,
            Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or(UrlError::Port)?,
        };

        // The last segment is the name. A slash inside the query is no end of a segment.
        let path_len = rest.find('?').unwrap_or(rest.len());
        let (path, query) = rest.split_at(path_len);
        let path = path.trim_start_matches('/');
        let (app, last) = path.rsplit_once('/').unwrap_or(("", path));
        let tc_url = format!("{}://{authority}/{app}", if secure { "rtmps" } else { "rtmp" });
        Ok(Url {
            secure,
            host: host.to_owned(),
            port,
            app: app.to_owned(),
            name: format!("{last}{query}"),
            tc_url,
        })
    }
}

fn authority_parts(authority: &str) -> Result<(&str, Option<&str>), UrlError> {
    if authority.contains('@') {
        // RTMP has no way to send a user and a password, so an address with them would not do what it says.
        return Err(UrlError::Host);
    }
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or(UrlError::Host)?;
        match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if rest.is_empty() => (host, None),
            None => return Err(UrlError::Host),
        }
    } else {
        match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    if host.is_empty() { Err(UrlError::Host) } else { Ok((host, port)) }
}

#[cfg(test)]
mod tests {
    use super::{Url, UrlError};

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_is_taken_apart() {
        let url = url("rtmp://push.example.com/live/room?sign=a/b&until=c");
        assert_eq!((url.secure, &*url.host, url.port), (false, "push.example.com", 1935));
        assert_eq!((&*url.app, &*url.name), ("live", "room?sign=a/b&until=c"));
        assert_eq!(url.tc_url, "rtmp://push.example.com/live");
    }

    #[test]
    fn ports_and_encryption_are_understood() {
        assert_eq!((url("rtmps://h/a/b").port, url("rtmps://h/a/b").secure), (443, true));
        let url = url("RTMP://[::1]:1936/a/b/c");
        assert_eq!((&*url.host, url.port, &*url.app, &*url.name), ("::1", 1936, "a/b", "c"));
        assert_eq!(url.tc_url, "rtmp://[::1]:1936/a/b");
    }

    #[test]
    fn an_address_without_a_name_keeps_its_query() {
        let url = url("rtmp://h/?rtmptoken=T&playerid=u1");
        assert_eq!((&*url.app, &*url.name), ("", "?rtmptoken=T&playerid=u1"));
        assert_eq!("rtmp://h?x=1".parse::<Url>().unwrap().name, "?x=1");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for (text, error) in [
            ("http://h/a/b", UrlError::Scheme),
            ("h/a/b", UrlError::Scheme),
            ("rtmp:///a/b", UrlError::Host),
            ("rtmp://u:p@h/a/b", UrlError::Host),
            ("rtmp://[::1/a/b", UrlError::Host),
            ("rtmp://h:0/a/b", UrlError::Port),
            ("rtmp://h:99999/a/b", UrlError::Port),
            ("rtmp://h/a/b\r\n", UrlError::Character),
        ] {
            assert_eq!(text.parse::<Url>(), Err(error), "{text}");
        }
    }

    #[test]
    fn debug_output_holds_no_signature() {
        let text = format!("{:?}", url("rtmp://h/live/key?sign=hush"));
        assert!(!text.contains("hush") && !text.contains("key"), "{text}");
    }
}
