//! The forbid list: streams that the operator does not want, whatever their signature says.

use std::collections::BTreeMap;
use std::fmt;

use crate::name::{self, BadName};

/// Most streams on the list at a time.
pub const FORBIDDEN_MAX: usize = 10_000;

/// Longest reason, in characters; what is longer is cut.
pub const REASON_MAX: usize = 256;

/// One forbidden stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forbidden {
    /// All of the stream's name but its last part.
    pub app: String,
    /// The last part.
    pub stream: String,
    /// The first second, since 1970, in which it is allowed again.
    pub until: i64,
    /// What whoever pushes it is told.
    pub reason: String,
}

/// A stream could not be put on the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForbidError {
    /// No stream can have this name.
    Name(BadName),
    /// There are [`FORBIDDEN_MAX`] streams on the list.
    Full,
}

/// The list.
#[derive(Debug, Clone, Default)]
pub(crate) struct List {
    entries: BTreeMap<(String, String), (i64, String)>,
}

impl List {
    pub(crate) fn forbid(
        &mut self,
        app: &str,
        stream: &str,
        until: i64,
        reason: &str,
    ) -> Result<(), ForbidError> {
        name::check(app, stream).map_err(ForbidError::Name)?;
        let key = (app.to_owned(), stream.to_owned());
        if self.entries.len() >= FORBIDDEN_MAX && !self.entries.contains_key(&key) {
            return Err(ForbidError::Full);
        }
        // The reason goes into protocol messages and logs of one line each.
        let reason = reason.chars().filter(|c| !c.is_control()).take(REASON_MAX).collect();
        self.entries.insert(key, (until, reason));
        Ok(())
    }

    pub(crate) fn resume(&mut self, app: &str, stream: &str) -> bool {
        self.entries.remove(&(app.to_owned(), stream.to_owned())).is_some()
    }

    /// The reason, if the stream is forbidden now.
    pub(crate) fn reason(&self, app: &str, stream: &str, now: i64) -> Option<&str> {
        let (until, reason) = self.entries.get(&(app.to_owned(), stream.to_owned()))?;
        (now < *until).then_some(reason)
    }

    pub(crate) fn listing(&self, now: i64) -> Vec<Forbidden> {
        let live = self.entries.iter().filter(|(_, (until, _))| now < *until);
        live.map(|((app, stream), (until, reason))| Forbidden {
            app: app.clone(),
            stream: stream.clone(),
            until: *until,
            reason: reason.clone(),
        })
        .collect()
    }

    pub(crate) fn expire(&mut self, now: i64) {
        self.entries.retain(|_, (until, _)| now < *until);
    }
}

impl ForbidError {
    /// The same in Chinese.
    pub fn message_zh(self) -> String {
        match self {
            ForbidError::Name(fault) => fault.message_zh(),
            ForbidError::Full => format!("禁推名单已满：最多 {FORBIDDEN_MAX} 条"),
        }
    }
}

impl fmt::Display for ForbidError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ForbidError::Name(fault) => fault.fmt(f),
            ForbidError::Full => write!(f, "the forbid list is full: it holds {FORBIDDEN_MAX} streams"),
        }
    }
}

impl std::error::Error for ForbidError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_ends_at_its_second() {
        let mut list = List::default();
        list.forbid("live", "a", 100, "spam").unwrap();
        assert_eq!(list.reason("live", "a", 99), Some("spam"));
        assert_eq!(list.reason("live", "a", 100), None);
        assert_eq!(list.reason("live", "b", 0), None);
        assert_eq!(list.reason("other", "a", 0), None);
        assert_eq!(list.listing(99).len(), 1);
        assert!(list.listing(100).is_empty());
    }

    #[test]
    fn forbidding_again_replaces_and_resuming_ends_it() {
        let mut list = List::default();
        list.forbid("live", "a", 100, "one").unwrap();
        list.forbid("live", "a", 200, "two\r\nlines").unwrap();
        assert_eq!(list.reason("live", "a", 150), Some("twolines"));
        assert!(list.resume("live", "a"));
        assert!(!list.resume("live", "a"));
        assert_eq!(list.reason("live", "a", 0), None);
    }

    #[test]
    fn the_list_and_its_reasons_are_bounded() {
        let mut list = List::default();
        for n in 0..FORBIDDEN_MAX {
            list.forbid("live", &format!("s{n}"), 100, "").unwrap();
        }
        assert_eq!(list.forbid("live", "more", 100, ""), Err(ForbidError::Full));
        list.forbid("live", "s0", 200, &"长".repeat(1_000)).unwrap();
        assert_eq!(list.reason("live", "s0", 0).unwrap().chars().count(), REASON_MAX);
        // What is over makes room.
        list.expire(100);
        list.forbid("live", "more", 300, "").unwrap();
        assert_eq!(list.listing(100).len(), 2);
        assert!(matches!(list.forbid("..", "x", 1, ""), Err(ForbidError::Name(_))));
    }
}
