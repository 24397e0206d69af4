//! What was answered to which message: a client that did not hear the answer asks again and gets the same.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

/// How long an answer is kept, in milliseconds.
pub(super) const KEPT_MS: u64 = 5 * 60 * 1_000;

/// Most answers that are kept; a room at its highest rate fills this in five minutes.
const KEPT_MAX: usize = 150_000;

/// Answers of type `A` by who asked and under which id.
#[derive(Debug)]
pub(super) struct Memory<A> {
    answers: HashMap<Key, Kept<A>>,
    /// When they were kept, the oldest first. One whose answer was dropped since may still be in it.
    order: VecDeque<(u64, u64, Key)>,
    /// The last number that was given.
    last: u64,
}

/// Who asked, and under which id.
type Key = (String, String);

#[derive(Debug)]
struct Kept<A> {
    answer: A,
    /// Which of the places in the order is its own.
    number: u64,
}

impl<A: Clone> Memory<A> {
    pub(super) fn new() -> Memory<A> {
        Memory { answers: HashMap::new(), order: VecDeque::new(), last: 0 }
    }

    /// The answer that was given, if it was not long ago.
    pub(super) fn recall(&mut self, user: &str, cid: &str, now_ms: u64) -> Option<A> {
        self.forget(now_ms);
        self.answers.get(&(user.to_owned(), cid.to_owned())).map(|kept| kept.answer.clone())
    }

    pub(super) fn keep(&mut self, user: &str, cid: &str, answer: A, now_ms: u64) {
        self.forget(now_ms);
        match self.answers.entry((user.to_owned(), cid.to_owned())) {
            Entry::Occupied(mut before) => before.get_mut().answer = answer,
            Entry::Vacant(free) => {
                self.last += 1;
                self.order.push_back((now_ms, self.last, free.key().clone()));
                free.insert(Kept { answer, number: self.last });
            }
        }
    }

    /// Forgets an answer, so that the same may be tried again. Nothing is looked for in the order: its place there goes at once when it
    /// is the newest, as it mostly is, else when its time is over.
    pub(super) fn drop_answer(&mut self, user: &str, cid: &str) {
        let Some(dropped) = self.answers.remove(&(user.to_owned(), cid.to_owned())) else { return };
        if self.order.back().is_some_and(|(_, number, _)| *number == dropped.number) {
            self.order.pop_back();
        }
    }

    fn forget(&mut self, now_ms: u64) {
        while let Some((at_ms, ..)) = self.order.front() {
            if now_ms.saturating_sub(*at_ms) < KEPT_MS && self.order.len() <= KEPT_MAX {
                return;
            }
            if let Some((_, number, key)) = self.order.pop_front()
                && self.answers.get(&key).is_some_and(|kept| kept.number == number)
            {
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

    #[test]
    fn the_place_of_what_was_dropped_takes_nothing_with_it_that_came_later() {
        let mut memory = Memory::new();
        memory.keep("u", "c", 1, 0);
        memory.keep("u", "d", 1, 5);
        memory.drop_answer("u", "c");
        // Nobody looks for it among the others.
        assert_eq!(memory.order.len(), 2);
        memory.keep("u", "c", 2, 10);
        assert_eq!(memory.recall("u", "c", KEPT_MS), Some(2));
        assert_eq!((memory.recall("u", "c", KEPT_MS + 10), memory.order.len()), (None, 0));
    }
}
