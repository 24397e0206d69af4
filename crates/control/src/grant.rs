//! What a client was granted.

use std::fmt;

/// The right to push or play one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// All of the stream's name but its last part.
    pub app: String,
    /// The last part.
    pub stream: String,
    /// Who it was granted to, for takeovers.
    pub identity: Identity,
    /// How a player is to be served.
    pub profile: Profile,
    /// The domain that granted it, as it is configured.
    pub domain: String,
}

/// The owner of a stream: whoever holds a key of its push domain. Both generations of the key are one owner, and on
/// an open domain everybody is, so that nobody ever finds their own stream busy after a lost connection. Another
/// domain is another owner.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    domain: String,
    app: String,
    stream: String,
}

/// How a player is to be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Profile {
    /// For an audience: begins with the latest group of pictures, in batches.
    Live,
    /// For people who talk to each other: as late as possible into the stream, as little as possible waited for.
    Rtc,
}

impl Identity {
    pub(crate) fn new(domain: &str, app: &str, stream: &str) -> Identity {
        Identity { domain: domain.to_owned(), app: app.to_owned(), stream: stream.to_owned() }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.domain, self.app, self.stream)
    }
}
