//! What is due for the viewers of one stream, gathered once for all who stand at the same place.

use std::io::IoSlice;

use hub::{Feed, SLOTS};

use super::Egress;

/// The wire bytes of the frames from one place to the end of a feed.
pub(super) struct Batch<'a> {
    /// The first frame in it.
    pub(super) from: u64,
    /// The bytes, in order.
    pub(super) slices: Vec<IoSlice<'a>>,
    /// Their sum.
    pub(super) len: usize,
}

/// At most one batch per slot: that of the viewers who are up to date.
pub(super) struct Batches<'a> {
    feed: &'a Feed,
    from: u64,
    slots: [Option<Batch<'a>>; SLOTS],
}

impl<'a> Batches<'a> {
    /// Batches of the frames of `feed` from number `from` on.
    pub(super) fn new(feed: &'a Feed, from: u64) -> Batches<'a> {
        Batches { feed, from, slots: [const { None }; SLOTS] }
    }

    /// The batch for this viewer's format, made by the first who asks.
    pub(super) fn get(&mut self, egress: &dyn Egress) -> &Batch<'a> {
        let (feed, from) = (self.feed, self.from);
        let slot = egress.slot();
        self.slots[slot.index()].get_or_insert_with(|| {
            let mut batch = Batch { from, slices: Vec::new(), len: 0 };
            for entry in feed.since(from) {
                let wire = entry.wire(slot, |frame| egress.encode(frame));
                batch.slices.extend(wire.parts().iter().map(|part| IoSlice::new(part)));
                batch.len += wire.len();
            }
            batch
        })
    }
}
