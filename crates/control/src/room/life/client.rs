//! A client that does what the wire says, and checks what it promises.

use std::collections::{BTreeMap, VecDeque};

use crate::room::chat::Ack;

#[derive(Debug)]
pub(super) enum Frame {
    Welcome { epoch: String, seq: u64, recovered: bool, items: Vec<Item> },
    Batch(Vec<Item>),
    Resumed(Option<Vec<Item>>),
    Ack(Ack),
}

/// The number of a message and what it was; none: it was taken back.
pub(super) type Item = (u64, Option<String>);

#[derive(Debug, Default)]
pub(super) struct Client {
    pub(super) here: bool,
    pub(super) frames: VecDeque<Frame>,
    pub(super) epoch: Option<String>,
    /// The last of the messages that it has without a hole.
    pub(super) seq: u64,
    /// It was told that something up to this number is missing.
    pub(super) told: u64,
    /// What it has since then.
    pub(super) has: BTreeMap<u64, Option<String>>,
    pub(super) held: BTreeMap<u64, Option<String>>,
    pub(super) last: Option<(String, String)>,
    pub(super) acks: Vec<(Ack, String)>,
}

impl Client {
    pub(super) fn welcome(&mut self, epoch: String, seq: u64, recovered: bool, items: Vec<Item>) {
        self.held.clear();
        let numbers: Vec<u64> = items.iter().map(|(seq, _)| *seq).collect();
        if recovered {
            assert_eq!(self.epoch.as_ref(), Some(&epoch));
            assert!(
                numbers.iter().copied().eq(self.seq + 1..=seq),
                "{numbers:?} of {} to {seq}",
                self.seq + 1
            );
            self.has.extend(items);
        } else {
            assert!(numbers.is_sorted_by(|a, b| a < b) && numbers.last().is_none_or(|last| *last <= seq));
            assert!(numbers.len() <= 50);
            self.has.clear();
            self.acks.clear();
            self.told = seq;
        }
        self.seq = seq;
        self.epoch = Some(epoch);
    }

    /// Returns whether it asks for what is missing.
    pub(super) fn accept(&mut self, items: Vec<Item>) -> bool {
        let mut asks = false;
        for (seq, what) in items {
            if seq == self.seq + 1 {
                self.seq = seq;
                self.has.insert(seq, what);
            } else if seq > self.seq {
                asks |= self.held.is_empty();
                self.held.insert(seq, what);
            }
        }
        self.release();
        asks
    }

    pub(super) fn resumed(&mut self, missed: Option<Vec<Item>>) -> bool {
        match missed {
            Some(missed) => {
                let numbers: Vec<u64> = missed.iter().map(|(seq, _)| *seq).collect();
                let first = numbers.first().copied().unwrap_or(self.seq + 1);
                let is_whole =
                    first <= self.seq + 1 && numbers.iter().copied().eq(first..first + numbers.len() as u64);
                assert!(is_whole, "{numbers:?} after {}", self.seq);
                let before = self.held.len();
                self.accept(missed);
                assert!(self.held.is_empty() || numbers.last().is_some(), "what is missing is not there");
                before > 0 && !self.held.is_empty()
            }
            None => {
                let Some(first) = self.held.keys().next() else { return false };
                (self.seq, self.told) = (first - 1, first - 1);
                self.has.clear();
                self.release();
                // A second hole behind the first one may be so young that it is to be had.
                !self.held.is_empty()
            }
        }
    }

    fn release(&mut self) {
        while let Some(what) = self.held.remove(&(self.seq + 1)) {
            self.seq += 1;
            self.has.insert(self.seq, what);
        }
        self.held = self.held.split_off(&(self.seq + 1));
    }
}
