//! Replays: recordings as viewers get them.
//!
//! ```text
//! /replay/ID.m3u8         playlist of byte ranges in the recorded files: nothing is remuxed, nothing is copied
//! /replay/ID/NUMBER.mp4   such a file, in parts
//! /replay/ID.mp4          all of it as one plain MP4: a new head, and the media from where it is
//! /replay/ID.flv          all of it as FLV
//! /replay/ID.jpg          its poster
//! /replay/ID.vtt          small pictures for a seek bar, in sheets (/replay/ID/sheet-PART-NUMBER.jpg)
//! ```
//!
//! The first four take `from` and `to`. Who may watch is decided as for a live stream, of the app `replay` with the recording's id
//! for a name; so replays are signed, expire and are bound to pages and networks like everything that is played. A
//! playlist gives its reader a token for the files behind it: a signature may be good for one path only.

mod about;
mod answer;
mod figures;
mod flv;
mod held;
mod kept;
mod made;
mod pictures;
mod plain;
mod playlist;
mod prepare;
mod running;
mod span;
mod token;
pub mod url;

pub use about::{About, Missing, about};
pub use answer::{TOKEN, answer, unreadable};
pub use figures::Figures;
pub use prepare::{prepare, run};
pub use running::{Beside, beside, running};

use crate::secrets::Secrets;

/// What replays keep between requests.
#[derive(Debug)]
pub struct Replays {
    /// What is counted.
    pub figures: Figures,
    tokens: token::Tokens,
    plains: made::Made<plain::Plain>,
    flvs: made::Made<flv::Plan>,
    pictures: pictures::Pictures,
}

impl Replays {
    /// With the keys of this server.
    pub fn new(secrets: &Secrets) -> anyhow::Result<Replays> {
        let tokens = token::Tokens::new(secrets)?;
        Ok(Replays {
            figures: Figures::default(),
            tokens,
            plains: made::Made::default(),
            flvs: made::Made::default(),
            pictures: pictures::Pictures::default(),
        })
    }
}
