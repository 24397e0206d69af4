//! Replays: recordings as viewers get them.
//!
//! ```text
//! /replay/ID.m3u8         playlist of byte ranges in the recorded files: nothing is remuxed, nothing is copied
//! /replay/ID/NUMBER.mp4   such a file, in parts
//! /replay/ID.mp4          all of it as one plain MP4: a new head, and the media from where it is
//! /replay/ID.flv          all of it as FLV
//! ```
//!
//! Each takes `from` and `to`. Who may watch is decided as for a live stream, of the app `replay` with the recording's id
//! for a name; so replays are signed, expire and are bound to pages and networks like everything that is played. A
//! playlist gives its reader a token for the files behind it: a signature may be good for one path only.

mod answer;
mod figures;
mod flv;
mod plain;
mod playlist;
mod span;
mod token;
pub mod url;

pub use answer::answer;
pub use figures::Figures;

use crate::secrets::Secrets;

/// What replays keep between requests.
#[derive(Debug)]
pub struct Replays {
    /// What is counted.
    pub figures: Figures,
    tokens: token::Tokens,
    plains: plain::Plains,
}

impl Replays {
    /// With the keys of this server.
    pub fn new(secrets: &Secrets) -> anyhow::Result<Replays> {
        let tokens = token::Tokens::new(secrets)?;
        Ok(Replays { figures: Figures::default(), tokens, plains: plain::Plains::default() })
    }
}
