//! One room's clients in one shard, and what goes out to them.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use crate::room::Room;

/// Bytes of batches that are kept for clients who are behind. Whoever is behind by more is moved on, to a batch with messages: by
/// its numbers they see what is missing.
const KEPT_BYTES: usize = 256 * 1024;

pub(super) struct Hall {
    pub(super) room: Arc<Room>,
    /// Places in the shard, in no order.
    pub(super) members: Vec<usize>,
    batches: VecDeque<(Bytes, u32)>,
    /// The number of the first of them.
    first: u64,
    bytes: usize,
    /// How many of them have messages.
    speaking: usize,
    /// Whether it is in the list of halls that have something to send.
    due: bool,
    /// How many of its members have been written to in this round.
    pub(super) swept: usize,
    /// Batches that came during the round, which those who were written to before do not have.
    more: bool,
    /// Somebody left during the round, and somebody else took their place in the list, perhaps unseen.
    pub(super) moved: bool,
    /// The first batch that somebody still needs, as of the end of the round.
    pub(super) needed: Option<u64>,
}

impl Hall {
    pub(super) fn new(room: Arc<Room>) -> Hall {
        Hall {
            room,
            members: Vec::new(),
            batches: VecDeque::new(),
            first: 0,
            bytes: 0,
            speaking: 0,
            due: false,
            swept: 0,
            more: false,
            moved: false,
            needed: None,
        }
    }

    /// The number that the next batch will have.
    pub(super) fn end(&self) -> u64 {
        self.first + self.batches.len() as u64
    }

    /// The number of the oldest batch that is still there.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// A batch came. Returns whether the hall is to be put into the list of those that have something to send.
    pub(super) fn push(&mut self, bytes: Bytes, items: u32) -> bool {
        self.bytes += bytes.len();
        self.speaking += usize::from(items > 0);
        self.batches.push_back((bytes, items));
        let is_last = |hall: &Hall| match hall.batches.front() {
            Some((_, 0)) => hall.batches.len() == 1,
            _ => hall.speaking == 1,
        };
        while self.bytes > KEPT_BYTES && !is_last(self) {
            self.forget_one();
        }
        self.more |= self.swept > 0;
        !std::mem::replace(&mut self.due, true)
    }

    /// The next members of the round, at most so many. There may be fewer than were seen to already, as members leave meanwhile.
    pub(super) fn take_turn(&mut self, most: usize) -> std::ops::Range<usize> {
        let from = self.swept.min(self.members.len());
        self.swept = (from + most).min(self.members.len());
        from..self.swept
    }

    /// After some members were written to: whether the hall stays in the list, for the rest of them or for another round.
    pub(super) fn settle(&mut self) -> bool {
        if self.swept < self.members.len() {
            return true;
        }
        let end = self.end();
        self.forget_before(self.needed.unwrap_or(end));
        self.swept = 0;
        let again = std::mem::take(&mut self.more) | std::mem::take(&mut self.moved);
        self.due = again && !self.batches.is_empty();
        self.due
    }

    /// Batches from a number on, with how many messages each has.
    pub(super) fn since(&self, number: u64) -> impl Iterator<Item = &(Bytes, u32)> {
        let skip = usize::try_from(number.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.batches.iter().skip(skip)
    }

    /// Nobody needs what is before this number.
    fn forget_before(&mut self, number: u64) {
        while self.first < number && !self.batches.is_empty() {
            self.forget_one();
        }
        if self.batches.is_empty() && self.batches.capacity() > 8 {
            self.batches = VecDeque::new();
        }
    }

    fn forget_one(&mut self) {
        if let Some((bytes, items)) = self.batches.pop_front() {
            self.bytes -= bytes.len();
            self.speaking -= usize::from(items > 0);
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::testing;

    #[test]
    fn a_round_ends_when_everybody_has_everything() {
        let mut hall = Hall::new(testing::room());
        hall.members = vec![0, 1, 2];
        assert!(hall.push(Bytes::from_static(b"a"), 1));
        assert!(!hall.push(Bytes::from_static(b"b"), 1), "it is in the list already");
        hall.swept = 2;
        assert!(hall.settle(), "one is left");
        assert!(!hall.push(Bytes::from_static(b"c"), 1));
        (hall.swept, hall.needed) = (3, Some(2));
        assert!(hall.settle(), "two have not got the third");
        assert_eq!((hall.first(), hall.end()), (2, 3));
        (hall.swept, hall.needed) = (3, Some(3));
        assert!(!hall.settle());
        assert_eq!((hall.first(), hall.since(0).count()), (3, 0));
    }

    #[test]
    fn a_round_goes_on_when_most_have_left() {
        let mut hall = Hall::new(testing::room());
        hall.members = (0..100).collect();
        assert!(hall.push(Bytes::from_static(b"a"), 1));
        assert_eq!(hall.take_turn(60), 0..60);
        assert!(hall.settle());
        hall.members.truncate(10);
        hall.moved = true;
        assert_eq!(hall.take_turn(60), 10..10);
        hall.needed = Some(0);
        assert!(hall.settle(), "who took the place of others is to be seen to");
        assert_eq!(hall.take_turn(60), 0..10);
    }

    #[test]
    fn a_backlog_is_bounded_by_bytes() {
        let mut hall = Hall::new(testing::room());
        for _ in 0..10 {
            hall.push(vec![0; KEPT_BYTES / 4].into(), 1);
        }
        assert_eq!((hall.first(), hall.end()), (6, 10));
        hall.push(vec![0; KEPT_BYTES * 2].into(), 1);
        assert_eq!(hall.since(0).count(), 1);
    }

    #[test]
    fn whoever_is_moved_on_sees_it_by_the_numbers_of_the_next_batch() {
        let mut hall = Hall::new(testing::room());
        hall.push(vec![0; KEPT_BYTES].into(), 1);
        hall.push(vec![0; KEPT_BYTES * 2].into(), 1);
        // Counters have no numbers.
        hall.push(vec![0; 100].into(), 0);
        assert_eq!((hall.first(), hall.since(0).count()), (1, 2));
        hall.push(vec![0; 100].into(), 1);
        assert_eq!((hall.first(), hall.since(0).count()), (2, 2));
    }
}
