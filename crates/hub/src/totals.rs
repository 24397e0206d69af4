//! Sums over all streams since the start.

use std::ops::AddAssign;

/// What was counted on streams that are there and on those that have ended. None of them ever goes back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Bytes of media taken in.
    pub bytes_in: u64,
    /// Frames taken in.
    pub frames_in: u64,
    /// Frames whose timestamps did not follow from the ones before.
    pub time_jumps: u64,
    /// Times that a publisher was replaced or came back.
    pub takeovers: u64,
    /// Times that a group of pictures outgrew its bound, so that new viewers had to wait for the next key frame.
    pub groups_outgrown: u64,
    /// Times that a stream could not be had because there were as many as there may be.
    pub refused_full: u64,
}

impl AddAssign for Totals {
    fn add_assign(&mut self, more: Totals) {
        self.bytes_in += more.bytes_in;
        self.frames_in += more.frames_in;
        self.time_jumps += more.time_jumps;
        self.takeovers += more.takeovers;
        self.groups_outgrown += more.groups_outgrown;
        self.refused_full += more.refused_full;
    }
}
