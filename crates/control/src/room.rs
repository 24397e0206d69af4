//! A room: the show as its people see it.
//!
//! ```text
//! Show     scheduled ─► live ◄─► interrupted ─► ended; banned        which of them, and who may change it
//! Chat     join, leave, check ─► commit                               rates, repeats, sanctions
//!   └ Feed   number ─► ring ─► batch, greeting                        order, and what somebody missed
//!       └ Window   when the next batch goes out                       by how many it goes to
//! ```
//!
//! Nothing in here waits, reads a clock or knows a wire: whoever owns a room (one task in `server`) gives it what
//! people ask for with the time, and sends what it answers.

pub mod about;
pub mod bucket;
pub mod chat;
pub mod combo;
pub mod feed;
#[cfg(test)]
mod life;
mod limits;
pub mod lottery;
mod memory;
pub mod message;
pub mod reject;
mod ring;
pub mod sanction;
pub mod settings;
pub mod show;
pub mod turns;
pub mod window;

/// Longest id of a room, in bytes.
pub const ID_MAX: usize = 64;

/// The numbers that somebody has from before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Since {
    /// Of this epoch.
    pub epoch: String,
    /// Up to this number.
    pub seq: u64,
}

/// Whether a text can be the id of a room: letters, digits, `_` and `-`, so that it can stand in any address.
pub fn is_id(text: &str) -> bool {
    (1..=ID_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}
