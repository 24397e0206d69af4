//! The APIs of other servers, as far as consoles and scripts that were made for them need. Each is off until the
//! configuration turns it on, and stands on a listener of its own, because the paths are the same as ours.

mod listener;
mod srs;

pub use listener::serve;
