//! What every listener needs: sockets bound the same way, TLS, and the count of connections.

mod accept;
mod bind;
pub(crate) mod der;
mod guard;
mod owed;
mod permits;
mod socket;
mod tls;
mod trust;

pub use accept::Door;
pub use bind::bind;
pub(crate) use guard::is_public;
pub use guard::{Guard, NoConnection};
pub use owed::Owed;
pub use permits::{Permit, Permits, Refused, RefusedSoFar};
pub use socket::Socket;
pub use tls::{Certificate, HTTP1, HTTP2, Stream, TlsFiles, watch_certificate};
pub(crate) use trust::{connector, roots};
