//! Pictures: what a stream shows at this moment, covers for lists, posters and sprite sheets of files.
//!
//! One coded key frame goes to a child process of ffmpeg, alone in an MP4 of our own making, and a JPEG comes back. A
//! decoder is the largest piece of code that strangers' bytes can reach, so it is kept outside, with bounds on number, time,
//! memory and bytes, and none of ours is ever behind it.

mod answer;
mod child;
mod cover;
mod failure;
mod key;
mod made;
mod picture;
mod program;
mod sheet;
mod url;

pub use answer::answer;
pub use cover::run;
pub use failure::Failure;
pub use key::{Key, MAX_KEY_BYTES};
pub use made::{COVER_WIDTH, Snapshots};
pub use picture::{Jpeg, LARGEST, WIDTHS, Width};
pub use program::find;
pub use sheet::{MAX_TILES, Sheet, Sprites};
pub use url::{Named, parse};
