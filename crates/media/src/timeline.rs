//! One continuous time for a stream, whatever the clocks of its publishers do.
//!
//! A publisher's time jumps when a phone goes to the background, goes back when an encoder is restarted, and
//! starts anywhere. Viewers are sent one time that starts at 0 and never goes back within a track. This is the law:
//!
//! 1. **An offset is added, and changed only by a jump.** Everything that is plausible keeps its distance from what
//!    was before it: uneven steps, two pictures per second, gaps up to [`MAX_GAP_MS`], a second track that
//!    is behind by up to [`MAX_SKEW_MS`].
//! 2. **A small step back is stood still.** A track's time that goes back by up to [`MAX_BACK_MS`], or to where
//!    another track is ([`NEAR_MS`]: it was this track's earlier time that was wrong), is raised to the track's last.
//! 3. **A jump is taken out.** A frame further back, or further ahead of everything than a gap can be, follows its
//!    own track's last frame by that track's last step. The new offset is offered to the other tracks.
//! 4. **A jump is counted once.** Each track keeps its offset until its own time jumps; then it first tries the
//!    one that the last jump of another track made. So both tracks shift by the same amount, sound and picture stay
//!    together, and frames from before the jump that come late are still placed well.
//! 5. **A track that drifts away is fetched.** When it has fallen [`MAX_SKEW_MS`] behind without a jump, it is put
//!    beside the newest frame.
//! 6. **A takeover is not a jump.** After [`Timeline::rebase_next`] the first frame follows the newest one by a step,
//!    and all tracks of the new publisher take their offset from it. What it sends with earlier times is raised to
//!    where its track was, for at most as long as the difference.
//! 7. **Script data follows.** Encoders stamp it with anything, 0 mostly; it never moves the time.
//!
//! For comparison: SRS replaces every step over 250 ms by 10 ms, ZLMediaKit every one over 300 ms by the last
//! step. Both lose time on each honest stall, and with it the distance between sound and picture. A viewer's
//! player waits out a gap of some seconds, and needs to: the sound in it does not exist.

use crate::frame::Kind;

/// Longest gap that is kept. Phones stall for some seconds on a change of network; longer ones end the connection.
pub const MAX_GAP_MS: i64 = 6_000;

/// How far a track may be behind the newest frame. Not less than a gap: when the first track has passed one, the
/// others are that far behind until they have passed it too.
pub const MAX_SKEW_MS: i64 = MAX_GAP_MS;

/// Longest step back that is taken for disorder.
pub const MAX_BACK_MS: i64 = 300;

/// How near a step back must come to another track to be the end of that track's own leap ahead.
pub const NEAR_MS: i64 = 500;

/// Longest step that is remembered as the usual one of a track: two pictures per second.
const MAX_STEP_MS: i64 = 500;

/// Most tracks that are told apart: all numbers of all kinds.
const MAX_TRACKS: usize = 3 * 256;

/// Where a frame was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapped {
    /// Its stream time.
    pub time: i64,
    /// Its own time did not follow from the ones before, and a new offset was made.
    pub jumped: bool,
}

/// The time of one stream.
#[derive(Debug, Default)]
pub struct Timeline {
    tracks: Vec<Track>,
    /// The newest stream time of all tracks but script data.
    newest: Option<i64>,
    /// The offset that the last jump or takeover made.
    offset: Option<i64>,
}

#[derive(Debug)]
struct Track {
    name: (Kind, u8),
    /// Added to the publisher's time. `None` until the first frame and after a takeover.
    offset: Option<i64>,
    last_in: i64,
    last_out: i64,
    step: i64,
}

impl Timeline {
    /// The stream time of a frame of this track with this time of the publisher's.
    pub fn map(&mut self, track: (Kind, u8), time_ms: i64) -> Mapped {
        if track.0 == Kind::Data {
            return Mapped { time: self.place_data(time_ms), jumped: false };
        }
        let index = self.index(track);
        let Some(offset) = self.offset else {
            // The first frame of the stream, or of its next publisher.
            let target = self.newest.map_or(0, |newest| newest.saturating_add(self.tracks[index].step));
            return self.place(index, time_ms, target.saturating_sub(time_ms), false);
        };
        let own = self.tracks[index].offset.unwrap_or(offset);
        for candidate in [own, offset] {
            if self.plausible(index, time_ms.saturating_add(candidate)) {
                return self.place(index, time_ms, candidate, false);
            }
        }
        let at = &self.tracks[index];
        let step = time_ms.saturating_sub(at.last_in);
        let drifted = at.offset.is_some() && (-MAX_BACK_MS..=MAX_GAP_MS).contains(&step);
        let newest = self.last();
        let follows = at.last_out.saturating_add(at.step);
        let target = if at.offset.is_some() && follows >= newest - NEAR_MS { follows } else { newest };
        let made = target.saturating_sub(time_ms);
        if !drifted {
            self.offset = Some(made);
        }
        self.place(index, time_ms, made, true)
    }

    /// The newest stream time: 0 before the first frame.
    pub fn last(&self) -> i64 {
        self.newest.unwrap_or(0)
    }

    /// Another publisher comes: its first frame goes on where the stream is.
    pub fn rebase_next(&mut self) {
        self.offset = None;
        for track in &mut self.tracks {
            track.offset = None;
        }
    }

    fn index(&mut self, name: (Kind, u8)) -> usize {
        if let Some(index) = self.tracks.iter().position(|track| track.name == name) {
            return index;
        }
        debug_assert!(self.tracks.len() < MAX_TRACKS);
        // Until two frames of it have come: 25 pictures per second, or a packet of 1,024 samples at 44.1 kHz.
        let step = if name.0 == Kind::Video { 40 } else { 23 };
        self.tracks.push(Track { name, offset: None, last_in: 0, last_out: 0, step });
        self.tracks.len() - 1
    }

    /// Whether a frame of this track may stand at `time` without anything having jumped.
    fn plausible(&self, index: usize, time: i64) -> bool {
        let newest = self.last();
        if time > newest + MAX_GAP_MS || time < newest - MAX_SKEW_MS {
            return false;
        }
        let track = &self.tracks[index];
        // A track's first frame under this publisher may have been taken before that of the other track.
        if track.offset.is_none() || time >= track.last_out - MAX_BACK_MS {
            return true;
        }
        let others = self.tracks.iter().enumerate().filter(|(other, _)| *other != index);
        others
            .filter(|(_, other)| other.offset.is_some())
            .any(|(_, other)| (time - other.last_out).abs() <= NEAR_MS)
    }

    fn place(&mut self, index: usize, time_in: i64, offset: i64, jumped: bool) -> Mapped {
        if self.offset.is_none() {
            self.offset = Some(offset);
        }
        let track = &mut self.tracks[index];
        let time = time_in.saturating_add(offset).max(track.last_out);
        let step = time_in.saturating_sub(track.last_in);
        if track.offset == Some(offset) && (1..=MAX_STEP_MS).contains(&step) {
            track.step = step;
        }
        track.offset = Some(offset);
        track.last_in = time_in;
        track.last_out = time;
        self.newest = Some(self.last().max(time));
        Mapped { time, jumped }
    }

    fn place_data(&mut self, time_in: i64) -> i64 {
        let newest = self.last();
        let asked = self.offset.map_or(newest, |offset| time_in.saturating_add(offset));
        let time = if (newest - MAX_BACK_MS..=newest).contains(&asked) { asked } else { newest };
        let index = self.index((Kind::Data, 0));
        let track = &mut self.tracks[index];
        track.last_out = track.last_out.max(time);
        track.last_out
    }
}

#[cfg(test)]
mod tests;
