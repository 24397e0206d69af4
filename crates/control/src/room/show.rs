//! The course of a show: which state follows which, and why.

/// Where a show is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum State {
    /// It has not begun.
    #[default]
    Scheduled,
    /// It is on air.
    Live,
    /// Its stream broke off and may come back.
    Interrupted,
    /// It is over.
    Ended,
    /// The operator ended it for good.
    Banned,
}

/// What happens to a show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// Its stream is on air.
    OnAir,
    /// Its stream is off air.
    OffAir,
    /// The host or the operator starts it, again if need be.
    Start,
    /// The host or the operator ends it.
    End,
    /// Its time is up.
    Expire,
    /// Its stream has been gone for so long that nobody waits for it any more.
    GiveUp,
    /// The operator forbids it.
    Ban,
    /// The operator takes that back.
    Unban,
}

/// Why something does not happen to a show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It is over: start it again first, or make a new room.
    Ended,
    /// The operator has forbidden it.
    Banned,
}

impl State {
    /// Its name on every wire and in the database.
    pub fn word(self) -> &'static str {
        match self {
            State::Scheduled => "scheduled",
            State::Live => "live",
            State::Interrupted => "interrupted",
            State::Ended => "ended",
            State::Banned => "banned",
        }
    }

    /// The state of that name.
    pub fn from_word(word: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.word() == word)
    }

    /// All of them.
    pub const ALL: [State; 5] =
        [State::Scheduled, State::Live, State::Interrupted, State::Ended, State::Banned];

    /// Whether a show in this state may be pushed to.
    pub fn takes_stream(self) -> bool {
        matches!(self, State::Scheduled | State::Live | State::Interrupted)
    }

    /// Whether people may speak. Before the show they wait together; after it the room is read only.
    pub fn takes_messages(self) -> bool {
        self.takes_stream()
    }

    /// The state after something happened. The same state: it changes nothing, and that is no fault, so that each of
    /// these may be said twice.
    pub fn after(self, happening: Happening) -> Result<State, Refused> {
        use Happening::{Ban, End, Expire, GiveUp, OffAir, OnAir, Start, Unban};
        use State::{Banned, Ended, Interrupted, Live, Scheduled};
        Ok(match (self, happening) {
            (_, Ban) => Banned,
            (Banned, Unban) => Ended,
            (Banned, OffAir | End | Expire) => Banned,
            (Interrupted, GiveUp) => Ended,
            // It came back, or something else happened to it.
            (state, GiveUp) => state,
            (Banned, OnAir | Start) => return Err(Refused::Banned),
            (state, Unban) => state,
            (Ended, OnAir) => return Err(Refused::Ended),
            (Ended, Start) => Scheduled,
            (Ended, OffAir) => Ended,
            (_, OnAir) => Live,
            (Live, OffAir) => Interrupted,
            (state @ (Scheduled | Interrupted), OffAir) => state,
            (state @ (Scheduled | Live | Interrupted), Start) => state,
            (_, End | Expire) => Ended,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_show_follows_its_stream() {
        let mut state = State::Scheduled;
        for (happening, next) in [
            (Happening::OffAir, State::Scheduled),
            (Happening::OnAir, State::Live),
            (Happening::OnAir, State::Live),
            (Happening::OffAir, State::Interrupted),
            (Happening::OnAir, State::Live),
            (Happening::End, State::Ended),
            (Happening::OffAir, State::Ended),
            (Happening::End, State::Ended),
        ] {
            state = state.after(happening).unwrap();
            assert_eq!(state, next, "{happening:?}");
        }
        assert_eq!(state.after(Happening::OnAir), Err(Refused::Ended));
        assert_eq!(state.after(Happening::Start), Ok(State::Scheduled));
    }

    #[test]
    fn only_a_show_without_its_stream_is_given_up() {
        for state in State::ALL {
            let after = if state == State::Interrupted { State::Ended } else { state };
            assert_eq!(state.after(Happening::GiveUp), Ok(after), "{state:?}");
        }
    }

    #[test]
    fn a_banned_show_stays_so_until_it_is_taken_back() {
        for state in State::ALL {
            let banned = state.after(Happening::Ban).unwrap();
            assert_eq!(banned, State::Banned);
        }
        for happening in [Happening::OnAir, Happening::Start] {
            assert_eq!(State::Banned.after(happening), Err(Refused::Banned));
        }
        for happening in [Happening::OffAir, Happening::End, Happening::Expire] {
            assert_eq!(State::Banned.after(happening), Ok(State::Banned));
        }
        assert_eq!(State::Banned.after(Happening::Unban), Ok(State::Ended));
    }

    #[test]
    fn names_are_read_back() {
        assert!(State::ALL.into_iter().all(|state| State::from_word(state.word()) == Some(state)));
        assert_eq!(State::from_word("LIVE"), None);
    }
}
