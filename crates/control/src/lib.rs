//! Who may push and play what, and what goes on in a room.
//!
//! [`room`] is the show as its people see it. The rest of this page is about streams.
//!
//! A transport turns what its client sent into a [`Request`](request::Request); [`Authority::authorize`] answers
//! with a [`Grant`] or a [`Refusal`] whose text says whose fault it is and what to do next. The same rules hold for
//! every protocol, because no protocol has rules of its own.
//!
//! ```text
//! host ──► Domain (push or play) ──► address and referrer rules ──► names ──► Scheme (signature) ──► forbid list ──► Grant
//! ```
//!
//! - Nothing is configured, nothing is granted: an [`Authority`] without domains refuses everybody, and so does a
//!   signed domain without keys.
//! - Time is an argument, in seconds since 1970. There is no clock here, no socket, no file, no randomness.
//! - The clouds' parameter names and formulas live in [`compat`] alone.
//! - [`person`] is who somebody is, once a token has said so.
//! - [`words`] is what chat may not say.
//! - Streams have one name space (`app/stream`) on a server, whichever domain they were pushed to. So an open play
//!   domain opens every stream for playing, and an open push domain every name that is not on air for pushing.

pub mod address;
mod authority;
pub mod compat;
mod digest;
mod domain;
pub mod forbid;
mod grant;
pub mod name;
pub mod person;
pub mod query;
pub mod referrer;
mod refusal;
pub mod request;
pub mod room;
mod secret;
pub mod sign;
pub mod words;

pub use authority::Authority;
pub use compat::Scheme;
pub use domain::{BadDomain, DOMAIN_MAX, Domain, Role};
pub use grant::{Grant, Identity, Profile};
pub use refusal::Refusal;
pub use secret::{Keys, Secret};
