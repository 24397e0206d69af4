//! The last messages of a room, for those who come back.

use std::collections::VecDeque;
use std::sync::Arc;

use super::feed::Said;
use super::message::{Body, Event};

/// Most messages that are remembered.
const MESSAGES: usize = 1_000;

/// For how long, in milliseconds.
const AGE_MS: i64 = 10 * 60 * 1_000;

/// How many are remembered however old they are: what a newcomer is shown.
const ALWAYS: usize = super::feed::RECENT;

/// Messages without a hole, the newest last.
#[derive(Debug, Default)]
pub(super) struct Ring {
    messages: VecDeque<Arc<Said>>,
    /// Of an epoch before this one: shown to newcomers, never part of a recovery.
    older: Vec<Arc<Said>>,
}

impl Ring {
    /// What is known from before.
    pub(super) fn new(older: Vec<Arc<Said>>) -> Ring {
        Ring { messages: VecDeque::new(), older }
    }

    /// One more. What has a number above `sent_seq` is not forgotten, however much it is: it has to go out yet.
    pub(super) fn push(&mut self, said: Arc<Said>, sent_seq: u64) {
        let now_ms = said.message.at_ms;
        self.messages.push_back(said);
        let is_over = |first: &Arc<Said>, len: usize| {
            first.message.seq <= sent_seq && (len > MESSAGES || now_ms - first.message.at_ms > AGE_MS)
        };
        while self.messages.len() > ALWAYS
            && self.messages.front().is_some_and(|first| is_over(first, self.messages.len()))
        {
            self.messages.pop_front();
        }
        if self.messages.len() >= ALWAYS {
            self.older = Vec::new();
        }
    }

    /// Everything after `seq`, when nothing of it is missing. `last` is the number of the last message of the room.
    pub(super) fn since(&self, seq: u64, last: u64) -> Option<Vec<Arc<Said>>> {
        if seq > last {
            return None;
        }
        let first = self.messages.front().map_or(last + 1, |first| first.message.seq);
        let skip = usize::try_from((seq + 1).checked_sub(first)?).ok()?;
        Some(self.messages.range(skip.min(self.messages.len())..).cloned().collect())
    }

    /// The last few.
    pub(super) fn recent(&self, count: usize) -> Vec<Arc<Said>> {
        let new = self.messages.len().min(count);
        let old = self.older.len().min(count - new);
        let older = self.older.iter().skip(self.older.len() - old);
        older.chain(self.messages.iter().skip(self.messages.len() - new)).cloned().collect()
    }

    /// One of them.
    pub(super) fn find(&self, seq: u64) -> Option<&Arc<Said>> {
        self.older.iter().chain(&self.messages).find(|said| said.message.seq == seq)
    }

    /// Takes away what these said; their numbers stay, so that there is no hole.
    pub(super) fn recall(&mut self, is_meant: impl Fn(&Said) -> bool) {
        self.older.retain(|said| !is_meant(said));
        for said in &mut self.messages {
            if is_meant(said) && !matches!(said.message.body, Body::Event(_)) {
                let mut message = said.message.clone();
                message.body = Body::Event(Event::Recalled(message.seq));
                (message.from, message.cid) = (None, String::new());
                message.mentions.clear();
                *said = Said::new(message);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::Message;
    use super::*;

    fn said(seq: u64, at_ms: i64) -> Arc<Said> {
        let body = Body::Text(seq.to_string());
        let (cid, mentions) = (String::new(), Vec::new());
        Said::new(Message { seq, at_ms, media_ms: None, from: None, cid, reply_to: None, mentions, body })
    }

    fn numbers(said: &[Arc<Said>]) -> Vec<u64> {
        said.iter().map(|said| said.message.seq).collect()
    }

    #[test]
    fn a_gap_is_given_whole_or_not_at_all() {
        let mut ring = Ring::new(vec![said(3, 0), said(4, 0)]);
        assert_eq!(ring.since(10, 10).map(|gap| gap.len()), Some(0));
        assert!(ring.since(9, 10).is_none(), "what an earlier epoch had is not known");
        (11..=13).for_each(|seq| ring.push(said(seq, 0), seq));
        assert_eq!(ring.since(11, 13).as_deref().map(numbers), Some(vec![12, 13]));
        assert_eq!(ring.since(10, 13).as_deref().map(numbers), Some(vec![11, 12, 13]));
        assert!(ring.since(9, 13).is_none());
        assert!(ring.since(14, 13).is_none());
        assert_eq!(numbers(&ring.recent(4)), [4, 11, 12, 13]);
        assert_eq!(numbers(&ring.recent(2)), [12, 13]);
    }

    #[test]
    fn old_and_many_are_forgotten() {
        let mut ring = Ring::default();
        (1..=1_100).for_each(|seq| ring.push(said(seq, 0), seq));
        assert_eq!(ring.since(100, 1_100).map(|gap| gap.len()), Some(1_000));
        assert!(ring.since(99, 1_100).is_none());
        ring.push(said(1_101, AGE_MS + 1), 1_101);
        assert_eq!(ring.recent(1_000).len(), ALWAYS);
    }

    #[test]
    fn what_has_not_gone_out_is_not_forgotten() {
        let mut ring = Ring::default();
        (1..=1_500).for_each(|seq| ring.push(said(seq, 0), 100));
        assert_eq!(ring.since(100, 1_500).map(|gap| gap.len()), Some(1_400));
        ring.push(said(1_501, 0), 1_500);
        assert_eq!(ring.since(501, 1_501).map(|gap| gap.len()), Some(1_000));
    }

    #[test]
    fn a_recalled_message_leaves_its_number() {
        let mut ring = Ring::default();
        (1..=3).for_each(|seq| ring.push(said(seq, 0), seq));
        ring.recall(|said| said.message.seq == 2);
        let gap = ring.since(0, 3).unwrap();
        assert_eq!(numbers(&gap), [1, 2, 3]);
        assert_eq!(gap[1].message.body, Body::Event(Event::Recalled(2)));
    }
}
