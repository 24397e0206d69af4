//! Who may not speak, be seen, or be here.

use std::collections::HashMap;
use std::net::IpAddr;

/// Most sanctions in force in one room, or on the whole server.
pub const SANCTIONS_MAX: usize = 100_000;

/// What somebody may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Speak.
    Mute,
    /// Be here.
    Ban,
    /// Be seen by others: their messages are acknowledged and shown to nobody.
    Hide,
}

/// Whom it is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// Somebody by id.
    User(String),
    /// Whoever comes from this address.
    Address(IpAddr),
}

/// Sanctions in force, each until a time in milliseconds since 1970; none: for good.
#[derive(Debug, Clone, Default)]
pub struct Sanctions {
    all: HashMap<(Kind, Subject), Option<i64>>,
}

impl Kind {
    /// Its name on every wire and in the database.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Mute => "mute",
            Kind::Ban => "ban",
            Kind::Hide => "hide",
        }
    }

    /// The kind of that name.
    pub fn from_word(word: &str) -> Option<Kind> {
        [Kind::Mute, Kind::Ban, Kind::Hide].into_iter().find(|kind| kind.word() == word)
    }
}

impl Sanctions {
    /// Puts one in force, in the place of the one before. Returns whether there was room.
    pub fn set(&mut self, kind: Kind, subject: Subject, until_ms: Option<i64>) -> bool {
        let room = self.all.len() < SANCTIONS_MAX || self.all.contains_key(&(kind, subject.clone()));
        if room {
            self.all.insert((kind, subject), until_ms);
        }
        room
    }

    /// Lifts one. Returns whether it was there.
    pub fn lift(&mut self, kind: Kind, subject: &Subject) -> bool {
        self.all.remove(&(kind, subject.clone())).is_some()
    }

    /// Whether one is in force against this person or address, and until when.
    pub fn find(&self, kind: Kind, user: &str, from: Option<IpAddr>, unix_ms: i64) -> Option<Option<i64>> {
        if self.all.is_empty() {
            return None;
        }
        let of = |subject| self.all.get(&(kind, subject)).copied();
        let in_force = |until: &Option<i64>| until.is_none_or(|until| until > unix_ms);
        let user = of(Subject::User(user.to_owned())).filter(in_force);
        user.or_else(|| of(Subject::Address(from?)).filter(in_force))
    }

    /// Forgets those that are over.
    pub fn expire(&mut self, unix_ms: i64) {
        self.all.retain(|_, until| until.is_none_or(|until| until > unix_ms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_holds_for_its_kind_its_subject_and_its_time() {
        let mut all = Sanctions::default();
        let address: IpAddr = "192.0.2.7".parse().unwrap();
        all.set(Kind::Mute, Subject::User("u1".into()), Some(1_000));
        all.set(Kind::Ban, Subject::Address(address), None);
        assert_eq!(all.find(Kind::Mute, "u1", None, 999), Some(Some(1_000)));
        assert_eq!(all.find(Kind::Mute, "u1", None, 1_000), None);
        assert_eq!(all.find(Kind::Ban, "u1", None, 0), None);
        assert_eq!(all.find(Kind::Ban, "u2", Some(address), i64::MAX), Some(None));
        all.expire(1_000);
        assert!(!all.lift(Kind::Mute, &Subject::User("u1".into())));
        assert!(all.lift(Kind::Ban, &Subject::Address(address)));
    }
}
