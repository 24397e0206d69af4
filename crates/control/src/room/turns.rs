//! Whose turn it is: what one person says comes out in the order in which they said it, however long others take to decide on
//! each. Nobody waits for what somebody else says.

use std::collections::{HashMap, VecDeque};

/// Lines of things that wait, one for each person who has any. `T` is a thing that is decided.
#[derive(Debug)]
pub struct Turns<T> {
    lines: HashMap<String, VecDeque<Place<T>>>,
    last: u64,
    len: usize,
}

#[derive(Debug)]
struct Place<T> {
    number: u64,
    decided: Option<T>,
}

/// A place in somebody's line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    user: String,
    number: u64,
}

impl<T> Default for Turns<T> {
    fn default() -> Turns<T> {
        Turns { lines: HashMap::new(), last: 0, len: 0 }
    }
}

impl<T> Turns<T> {
    /// Things that wait, of everybody.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether something of this person waits.
    pub fn has(&self, user: &str) -> bool {
        self.lines.contains_key(user)
    }

    /// The next place in somebody's line. It is theirs until it is settled.
    pub fn take(&mut self, user: &str) -> Turn {
        self.last += 1;
        self.len += 1;
        let place = Place { number: self.last, decided: None };
        self.lines.entry(user.to_owned()).or_default().push_back(place);
        Turn { user: user.to_owned(), number: self.last }
    }

    /// What has this place is decided. Returns everything whose turn has come with that, in order.
    pub fn settle(&mut self, turn: &Turn, thing: T) -> Vec<T> {
        let Some(line) = self.lines.get_mut(&turn.user) else { return Vec::new() };
        if let Some(place) = line.iter_mut().find(|place| place.number == turn.number) {
            place.decided = Some(thing);
        }
        let mut out = Vec::new();
        while let Some(thing) = line.front_mut().and_then(|place| place.decided.take()) {
            line.pop_front();
            out.push(thing);
        }
        if line.is_empty() {
            self.lines.remove(&turn.user);
        }
        self.len -= out.len();
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_waits_for_what_the_same_person_said_before() {
        let mut turns = Turns::default();
        let [a1, a2, b1, a3] = ["a", "a", "b", "a"].map(|user| turns.take(user));
        assert_eq!(turns.settle(&a3, 3), []);
        assert_eq!(turns.settle(&b1, 10), [10]);
        assert!(turns.has("a") && !turns.has("b"));
        assert_eq!(turns.settle(&a1, 1), [1]);
        assert_eq!((turns.settle(&a2, 2), turns.len()), (vec![2, 3], 0));
        assert_eq!(turns.settle(&a2, 2), [], "it was settled");
        assert!(turns.is_empty() && !turns.has("a"));
    }
}
