//! The APIs of other servers, as far as consoles, scripts and players that were made for them need. SRS's is off until the
//! configuration turns it on, and stands on a listener of its own, because the paths are the same as ours.

mod aliyun;
mod listener;
mod srs;

pub use aliyun::{is_timeline, timeline};
pub use listener::serve;
