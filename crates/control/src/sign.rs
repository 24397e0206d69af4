//! The making of signed addresses.

use crate::domain::Domain;
use crate::name;

/// The stream that an address is made for.
#[derive(Debug, Clone, Copy)]
pub struct SignTarget<'a> {
    /// All of the stream's name but its last part.
    pub app: &'a str,
    /// The last part.
    pub stream: &'a str,
    /// The path of the address, with a suffix if it has one: `/live/room1.flv`.
    pub path: &'a str,
}

impl Domain {
    /// The query, without `?`, that makes an address of this domain valid up to and including the second
    /// `expires_unix`; empty on an open domain. `nonce` tells two addresses of one second apart where the scheme has
    /// room for that: letters and digits, from a source that nobody can guess.
    ///
    /// None when the domain has no key, when no stream may have this name, or when the time cannot be written.
    ///
    /// For an address that is played with low latency ([`Profile::Rtc`](crate::Profile::Rtc)) sign with the push
    /// domain and put the query behind the play domain's path, or add `profile=rtc` to any address.
    pub fn sign(&self, target: &SignTarget<'_>, expires_unix: i64, nonce: &str) -> Option<String> {
        name::check(target.app, target.stream).ok()?;
        self.scheme().sign(target, self.role(), expires_unix, nonce)
    }
}
