//! A lane: viewers of one stream who are written to one after the other.
//!
//! A stream with thousands of viewers has many lanes, and each has its own place in time. While one is written to, frames
//! arrive, and the next one gets them too; so the last viewer waits for its lane and not for all viewers before it.

use std::time::{Duration, Instant};

use hub::Profile;

/// Viewers of one lane: about as many as a round of writing can serve.
const LANE: usize = 256;

/// Viewers of one stream that share a rhythm.
pub(super) struct Lane {
    pub(super) profile: Profile,
    pub(super) viewers: Vec<usize>,
    /// No viewer who is behind needs a frame before this one.
    behind_from: u64,
    /// The first frame that viewers who are up to date have not been sent.
    sent: u64,
    last_flush: Option<Instant>,
    due: Option<Instant>,
}

impl Lane {
    /// Puts a viewer into the first lane of its profile that has room, or into a new one. `next` is the number of the
    /// stream's next frame. Returns the number of the lane.
    pub(super) fn enter(lanes: &mut Vec<Lane>, profile: Profile, viewer: usize, next: u64) -> usize {
        let has_room = |lane: &Lane| lane.profile == profile && lane.viewers.len() < LANE;
        let number = lanes.iter().position(has_room).unwrap_or_else(|| {
            lanes.push(Lane {
                profile,
                viewers: Vec::new(),
                behind_from: u64::MAX,
                sent: next,
                last_flush: None,
                due: None,
            });
            lanes.len() - 1
        });
        if let Some(lane) = lanes.get_mut(number) {
            lane.viewers.push(viewer);
        }
        number
    }

    /// Takes a viewer out.
    pub(super) fn leave(&mut self, viewer: usize) {
        if let Some(at) = self.viewers.iter().position(|other| *other == viewer) {
            self.viewers.swap_remove(at);
        }
    }

    /// New frames came: when the lane is to be written to, unless that is settled already or nobody is in it.
    pub(super) fn fall_due(&mut self, now: Instant, window: Duration) -> Option<Instant> {
        if self.viewers.is_empty() || self.due.is_some() {
            return None;
        }
        self.due = Some(self.last_flush.map_or(now, |last| (last + window).max(now)));
        self.due
    }

    /// Whether it fell due at this time and has not been written to since.
    pub(super) fn is_due(&self, due: Instant) -> bool {
        self.due == Some(due)
    }

    /// Writing begins; returns the first frame that is to be written.
    pub(super) fn begin_flush(&mut self, now: Instant) -> u64 {
        self.due = None;
        self.last_flush = Some(now);
        self.sent
    }

    /// Everything before frame `next` was written, but for viewers who are behind; the last of them is at `behind_from`.
    pub(super) fn end_flush(&mut self, next: u64, behind_from: u64) {
        self.sent = next;
        self.behind_from = behind_from;
    }

    /// A viewer came who is at frame `next`.
    pub(super) fn note_behind(&mut self, next: u64) {
        self.behind_from = self.behind_from.min(next);
    }

    /// The oldest frame that somebody here may still be sent: those who keep up from the last flush on, the others from
    /// where they are. They only move on, so what was true at the last flush still serves.
    pub(super) fn needed_from(&self) -> u64 {
        if self.viewers.is_empty() { u64::MAX } else { self.behind_from.min(self.sent) }
    }
}
