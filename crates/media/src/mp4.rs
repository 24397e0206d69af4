//! MP4 (ISO/IEC 14496-12): fragments for HLS and recordings, reading them back, and one plain file made of them.
//!
//! Every time that is written counts milliseconds ([`TIMESCALE`]), for pictures and for sound. Publishers' times are
//! in milliseconds, so nothing is ever rounded: each fragment begins at the time that its first frame came with, and
//! sound and picture are as far apart after a day as after a minute. A timescale of the sample rate would have to
//! choose between adding up 1,024 samples at a time, which drifts away from the pictures, and rounding the
//! milliseconds, which says nothing that was not said before.

mod boxes;
mod fragment;
mod index;
mod moof;
mod moov;
mod progressive;
mod scan;
mod track;

pub use fragment::{Fragment, MAX_FRAGMENT_BYTES, MAX_FRAGMENT_SAMPLES, Muxer};
pub use index::{FragmentInfo, Index, RunInfo, SampleInfo};
pub use moov::init_segment;
pub use progressive::Progressive;
pub use scan::{BadMp4, Detail, MAX_MOOF_BYTES, MAX_MOOV_BYTES, MAX_TRACKS, Scanner};
pub use track::{MAX_RECORD_BYTES, Track};

/// Units of time per second in everything that is written here.
pub const TIMESCALE: u32 = 1_000;

#[cfg(test)]
mod tests;
