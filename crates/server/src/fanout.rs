//! Fan-out: how a frame gets from one publisher to thousands of sockets.
//!
//! ```text
//! publisher task     Publisher::push   stores the frame in the ring and leaves the news in the inbox of every shard that
//!                                      has a viewer of it (one lock each); one eventfd write if that shard sleeps
//! shard thread       Feed::pull        one lock and a few reference counts per wake-up, not per viewer
//!                    Lane              some 250 viewers who are due together; between two lanes news and newcomers
//!                                      are seen to, so that nobody waits for a pass over thousands
//!                    Batch             the frame's wire bytes, made once per slot and gathered once per lane
//!                    Viewer            one `writev` per viewer and flush: this is where nearly all the time goes
//! ```
//!
//! The price of live fan-out is the write call: 5-7 us on loopback for a frame of 2 KB, and 5 us more for 13 KB. By
//! profile the kernel has 97 % of a shard's time with 1,000 viewers. So a shard writes at once while it has time and
//! merges more frames into each write as its core fills: see `window`. With hundreds of streams it is being woken that
//! costs, so it rests for a millisecond between rounds: see `shard`. A viewer's backlog is
//! a distance in the shared ring and never a queue; a socket that would block is left alone until the kernel says
//! that it has room. There is no task, no lock and no allocation per viewer and frame (`tests/allocations.rs` counts).
//!
//! A transport takes part through [`Egress`]: it says how a frame looks on its wire and answers what the viewer
//! sends. Nothing in here knows which transports there are.

mod batch;
mod figures;
mod handle;
mod lane;
mod shard;
mod viewer;
mod window;

use bytes::Bytes;
use hub::{End, Headers, Slot, Wire};
use media::frame::Frame;

pub use figures::Figures;
pub use handle::{Arrival, Fanout, Settings};

pub use window::Law;

/// Why a viewer's connection is ended by the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Farewell {
    /// The stream is over.
    Ended(End),
    /// The viewer was too slow too often.
    TooSlow,
    /// The viewer took nothing for too long.
    Stalled,
    /// An operator ended it; the text is theirs.
    Dismissed(String),
    /// The server stops.
    ShuttingDown,
}

/// What a viewer asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Stop or go on sending (RTMP `pause`).
    Pause(bool),
    /// With or without sound (RTMP `receiveAudio`).
    Audio(bool),
    /// With or without pictures (RTMP `receiveVideo`).
    Video(bool),
    /// End the connection.
    Leave,
    /// End the connection after this answer, which its protocol has for a goodbye.
    Close(Bytes),
}

/// One viewer's side of a wire format.
pub trait Egress: Send {
    /// The slot in which frames of this format are shared.
    fn slot(&self) -> Slot;

    /// The frame on this wire. The result is shared by every viewer of the same slot, so it may depend on nothing
    /// but the frame.
    fn encode(&self, frame: &Frame) -> Wire;

    /// What goes out before the first frame, now that it is known which tracks there are.
    fn begin(&mut self, headers: &Headers) -> Bytes;

    /// Takes what the viewer sent; answers go to `out`, wishes to `asks`. An error ends the connection.
    fn handle_input(&mut self, input: &[u8], out: &mut Vec<Bytes>, asks: &mut Vec<Ask>)
    -> Result<(), String>;

    /// Called about once a second, for keep-alives.
    fn tick(&mut self, _now_ms: u64, _out: &mut Vec<Bytes>) {}

    /// The last bytes, which tell the player why this is the end.
    fn finish(&mut self, farewell: &Farewell) -> Bytes;
}

#[cfg(test)]
mod tests;
