//! What was answered to which message: a client that did not hear the answer asks again and gets the same.

use std::collections::{HashMap, VecDeque};

/// How long an answer is kept, in milliseconds.
pub(super) const KEPT_MS: u64 = 5 * 60 * 1_000;

/// Most answers that are kept; a room at its highest rate fills this in five minutes.
const KEPT_MAX: usize = 150_000;

/// Answers of type `A` by who asked and under which id.
#[derive(Debug)]
pub(super) struct Memory<A> {
    answers: HashMap<(String, String), A>,
    order: VecDeque<(u64, (String, String))>,
}

impl<A: Clone> Memory<A> {
    pub(super) fn new() -> Memory<A> {
        Memory { answers: HashMap::new(), order: VecDeque::new() }
    }

    /// The answer that was given, if it was not long ago.
    pub(super) fn recall(&mut self, user: &str, cid: &str, now_ms: u64) -> Option<A> {
        self.forget(now_ms);
        self.answers.get(&(user.to_owned(), cid.to_owned())).cloned()
    }

    pub(super) fn keep(&mut self, user: &str, cid: &str, answer: A, now_ms: u64) {
        self.forget(now_ms);
        let key = (user.to_owned(), cid.to_owned());
        if self.answers.insert(key.clone(), answer).is_none() {
            self.order.push_back((now_ms, key));
        }
    }

    /// Forgets an answer, so that the same may be tried again.
    pub(super) fn drop_answer(&mut self, user: &str, cid: &str) {
        let key = (user.to_owned(), cid.to_owned());
        if self.answers.remove(&key).is_some() {
            self.order.retain(|(_, other)| *other != key);
        }
    }

    fn forget(&mut self, now_ms: u64) {
        while let Some((at_ms, _)) = self.order.front() {
            if now_ms.saturating_sub(*at_ms) < KEPT_MS && self.order.len() <= KEPT_MAX {
                return;
            }
            if let Some((_, key)) = self.order.pop_front() {
                self.answers.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_kept_for_its_time_and_its_asker() {
        let mut memory = Memory::new();
        memory.keep("u1", "c1", 7, 1_000);
        assert_eq!(memory.recall("u1", "c1", 1_000 + KEPT_MS - 1), Some(7));
        assert_eq!(memory.recall("u2", "c1", 1_000), None);
        assert_eq!(memory.recall("u1", "c1", 1_000 + KEPT_MS), None);
    }

    #[test]
    fn it_does_not_grow_without_bound() {
        let mut memory = Memory::new();
        for number in 0..KEPT_MAX + 10 {
            memory.keep("u", &number.to_string(), (), 0);
        }
        assert!(memory.recall("u", "0", 0).is_none());
        assert!(memory.recall("u", &(KEPT_MAX + 9).to_string(), 0).is_some());
        assert!(memory.order.len() <= KEPT_MAX + 1 && memory.answers.len() == memory.order.len());
    }

    #[test]
    fn what_was_dropped_can_be_kept_again_once() {
        let mut memory = Memory::new();
        memory.keep("u", "c", 1, 0);
        memory.drop_answer("u", "c");
        memory.keep("u", "c", 2, 10);
        assert_eq!((memory.recall("u", "c", 10), memory.order.len()), (Some(2), 1));
    }
}
