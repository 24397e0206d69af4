//! Why there was no answer.

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use crate::net::NoConnection;

/// Why there was no answer. What it says holds no path and no key.
#[derive(Debug)]
pub enum Failure {
    /// There was no connection, or there must be none.
    NoConnection(NoConnection),
    /// The TLS handshake failed, as with a certificate that nobody vouches for.
    Tls(String),
    /// It took longer than this.
    TimedOut(Duration),
    /// The connection was lost, or what came is no HTTP.
    Broken(String),
    /// What was to be sent is longer than may be.
    TooLong(usize),
    /// What was to be sent is no request.
    BadRequest,
}

impl Failure {
    /// The kind, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Failure::NoConnection(NoConnection::Guarded(_)) => "private_address",
            Failure::NoConnection(NoConnection::Unresolved(_)) => "dns",
            Failure::NoConnection(_) => "unreachable",
            Failure::Tls(_) => "tls",
            Failure::TimedOut(_) => "timeout",
            Failure::Broken(_) => "broken",
            Failure::TooLong(_) => "too_long",
            Failure::BadRequest => "bad_request",
        }
    }
}

impl From<NoConnection> for Failure {
    fn from(error: NoConnection) -> Failure {
        Failure::NoConnection(error)
    }
}

impl From<hyper::Error> for Failure {
    fn from(error: hyper::Error) -> Failure {
        Failure::Broken(
            error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}")),
        )
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::NoConnection(NoConnection::Guarded(ip)) => {
                write!(f, "{ip} is not a public address: allow_private = true allows it")
            }
            Failure::NoConnection(error) => error.fmt(f),
            Failure::Tls(error) => write!(f, "TLS failed: {error}"),
            Failure::TimedOut(limit) => write!(f, "no whole answer within {limit:?}"),
            Failure::Broken(error) => write!(f, "the answer broke off or is no HTTP: {error}"),
            Failure::TooLong(bytes) => write!(f, "{bytes} bytes are more than may be sent"),
            Failure::BadRequest => f.write_str("this cannot be sent over HTTP"),
        }
    }
}

impl std::error::Error for Failure {}
