//! The hub: streams by name, and the one place where a frame is stored.
//!
//! ```text
//! Publisher::push -> Timeline -> Ring (entries with encode-once slots) -> Feed (one mirror per shard) -> Cursor (one per viewer)
//! ```
//!
//! - A [`Hub`] is the registry: [`Hub::publish`] gives a [`Publisher`], [`Hub::open`] gives a [`Stream`] to read.
//! - A [`Publisher`] owns the right to push. Dropping it starts the grace period; the same identity publishing
//!   again takes the stream over and every reader stays.
//! - A [`Feed`] mirrors the ring for one reader thread, so that thousands of cursors read it without a lock.
//! - An [`Inbox`] is how a reader thread hears of news, without ever missing any.
//! - A [`Cursor`] is one viewer's place in a feed, and the policy for a viewer that cannot keep up.
//!
//! What is absent: no protocol name, no URL, no user, no socket, no clock (`now` is an argument, in milliseconds of
//! any monotonic clock) and no task. A wire format is a slot number here and nothing more.
//!
//! Lock order: the registry's, then a stream's, then whatever a [`Wake`] takes. No lock is held across a call out
//! but that one, and none is ever taken for a viewer.

mod arrivals;
mod cursor;
mod entry;
mod feed;
mod inbox;
mod meter;
mod publisher;
mod registry;
mod ring;
mod stream;
mod sync;
mod totals;

pub use arrivals::Arrivals;
pub use cursor::{Cursor, Drops, Lag, Profile, Verdict};
pub use entry::{Entry, SLOTS, Slot, Wire};
pub use feed::{Feed, Start};
pub use inbox::{Inbox, Tap};
pub use meter::Measured;
pub use publisher::{Publisher, PushError, Pushed};
pub use registry::{Hub, Identity, Name, Occupied, Options};
pub use stream::{End, Headers, Phase, Stream, Summary, Wake};
pub use totals::Totals;

// A lock of the checker's works in its own threads only.
#[cfg(all(test, not(feature = "shuttle")))]
mod tests;
