//! What the server counts, for Prometheus.
//!
//! Nothing is counted on the way of a frame: figures are kept where the work is done and are copied about once a
//! second, and everything else is looked up when somebody asks. There is no label whose values a client can choose.

mod collect;
mod counts;
mod family;
mod histogram;
mod listener;
mod process;
mod text;

pub use collect::{answer, text};
pub use counts::{Counts, Limit};
pub use family::{ALL, Family};
pub use histogram::Histogram;
pub use listener::{MAX_CONNECTIONS, serve};
