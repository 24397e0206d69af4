//! The rules of one room.

use super::bucket::Rate;

/// Most messages of everybody together that a room may show per second.
pub const ROOM_RATE_MAX: u32 = 500;

/// Longest slow mode, in seconds.
pub const SLOW_MAX: u32 = 3_600;

/// What holds in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Whether people without a token may be here; they read and like.
    pub guests: bool,
    /// Messages of one person.
    pub user_rate: Rate,
    /// Messages of all viewers together: what can be read.
    pub room_rate: Rate,
    /// Between two messages of one viewer, in milliseconds; 0: no slow mode.
    pub slow_ms: u64,
    /// Longest text, in characters.
    pub text_max: usize,
    /// For how long the same person may not say the same again, in milliseconds; 0: they may.
    pub repeat_ms: u64,
    /// Nobody but the host's side speaks.
    pub silent: bool,
    /// Whether viewers may like.
    pub likes: bool,
    /// Whether viewers may give.
    pub gifts: bool,
    /// Whether pictures may be sent by viewers.
    pub images: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            guests: true,
            user_rate: Rate::per_second(1, 3),
            room_rate: Rate::per_second(40, 40),
            slow_ms: 0,
            text_max: 500,
            repeat_ms: 30_000,
            silent: false,
            likes: true,
            gifts: true,
            images: true,
        }
    }
}

/// Messages of somebody of the host's side: enough for a script, too little for a flood.
pub const CREW_RATE: Rate = Rate { every_us: 50_000, burst: 40 };

/// Gifts of one person: a row of quick taps is what they are for.
pub const GIFT_RATE: Rate = Rate { every_us: 100_000, burst: 20 };
