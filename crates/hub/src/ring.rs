//! The ring: the newest frames of one stream, enough for a new viewer to start at once.

use std::collections::VecDeque;
use std::sync::Arc;

use media::frame::{Frame, Role};

use crate::entry::Entry;
use crate::registry::Options;

/// How much stays even when no new viewer starts at it, in milliseconds of stream time: what a stream without pictures
/// gives a new viewer at once.
const RECENT_MS: i64 = 1_000;

/// The stored frames, oldest first. Their numbers are consecutive.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    entries: VecDeque<Arc<Entry>>,
    next_seq: u64,
    bytes_total: u64,
    newest_key: Option<u64>,
    outgrown: u64,
}

impl Ring {
    /// The number that the next frame will get.
    pub(crate) fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// The number of the oldest stored frame, or of the next one when nothing is stored.
    pub(crate) fn base(&self) -> u64 {
        self.next_seq - self.entries.len() as u64
    }

    /// The newest stored frame that a decoder can start at.
    pub(crate) fn newest_key(&self) -> Option<u64> {
        self.newest_key
    }

    /// The stored frames from number `seq` on.
    pub(crate) fn since(&self, seq: u64) -> impl Iterator<Item = &Arc<Entry>> {
        let skip = usize::try_from(seq.saturating_sub(self.base())).unwrap_or(usize::MAX);
        self.entries.iter().skip(skip)
    }

    /// The newest frame.
    pub(crate) fn last(&self) -> Option<&Arc<Entry>> {
        self.entries.back()
    }

    /// The oldest frame.
    pub(crate) fn first(&self) -> Option<&Arc<Entry>> {
        self.entries.front()
    }

    /// Bytes of the stored frames.
    pub(crate) fn bytes(&self) -> u64 {
        self.entries.front().map_or(0, |front| self.bytes_total - front.bytes_before)
    }

    /// How often a group of pictures outgrew its bound.
    pub(crate) fn outgrown(&self) -> u64 {
        self.outgrown
    }

    /// Stores a frame and lets go of what no viewer may start at and every feed has pulled, which is what comes before
    /// `unpulled`. What slow viewers still need is kept by their feed.
    pub(crate) fn push(&mut self, frame: Frame, options: &Options, unpulled: u64) {
        let entry = Arc::new(Entry::new(self.next_seq, self.bytes_total, frame));
        self.next_seq += 1;
        self.bytes_total += entry.frame.body.len() as u64;
        if entry.frame.role == Role::Key {
            self.newest_key = Some(entry.seq);
        }
        self.entries.push_back(entry);
        self.trim(options, unpulled);
    }

    /// A new publisher continues the stream: nobody may start in the old one's pictures any more.
    pub(crate) fn forget_start(&mut self) {
        self.newest_key = None;
    }

    fn trim(&mut self, options: &Options, unpulled: u64) {
        let Some(last) = self.entries.back().cloned() else { return };
        while let Some(front) = self.entries.front() {
            let age = last.frame.time.saturating_sub(front.frame.time);
            let needed_by_new = self.newest_key.is_some_and(|key| front.seq >= key);
            let recent = age <= RECENT_MS;
            // An encoder that was cut off for seconds sends them all at once.
            let needed_by_feed = front.seq >= unpulled && age <= options.retain_ms;
            let over_bytes = front.cost_to(&last) > options.gop_max_bytes;
            let over_time = age > options.gop_max_ms.max(options.retain_ms).max(RECENT_MS);
            if !over_bytes && !over_time && (needed_by_new || recent || needed_by_feed) {
                break;
            }
            if self.newest_key == Some(front.seq) {
                // A group of pictures that outgrew its bound cannot be started in any more: without its key frame
                // the rest is noise to a decoder.
                self.newest_key = None;
                self.outgrown += 1;
            }
            self.entries.pop_front();
        }
    }
}
