//! Publishers and viewers for tests and measurements: real sockets, plain threads, and eyes that check.
//!
//! Nothing of this is ever linked into the server.

pub mod chat;
pub mod clip;
pub mod follower;
pub mod http;
pub mod publisher;
pub mod viewer;
pub mod watch;
