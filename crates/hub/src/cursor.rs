//! A cursor: one viewer's place in a feed, and what becomes of a viewer that cannot keep up.
//!
//! A slow viewer is bounded by bytes *and* by stream time, and loses the least useful thing first:
//!
//! 1. at half a bound, frames that no other frame needs;
//! 2. at the bound, every picture up to the newest key frame, which is preceded by the headers; sound is kept;
//! 3. at twice the bound, or when the ring has moved past it, sound too: it starts again like a new viewer;
//! 4. after too many such jumps the viewer is let go.
//!
//! A picture after a gap is never sent. Nothing is ever queued for a viewer: a backlog is a distance in the ring.

use media::frame::{Kind, Role};

use crate::entry::Entry;
use crate::feed::Feed;

/// How a viewer trades delay for smoothness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Profile {
    /// Starts with the newest group of pictures: at once, and a group behind.
    Live,
    /// Starts as near to the moment as pictures allow, and is written to in the shortest batches.
    Rtc,
}

/// The bounds of one viewer's backlog.
#[derive(Debug, Clone, Copy)]
pub struct Lag {
    /// Stream time that a viewer may be behind, in milliseconds.
    pub max_ms: i64,
    /// Bytes that a viewer may be behind.
    pub max_bytes: u64,
    /// Jumps, counted since the viewer last kept up for [`Lag::forgive_ms`], after which it is let go.
    pub max_jumps: u32,
    /// Stream time without a jump after which earlier ones are forgotten, in milliseconds.
    pub forgive_ms: i64,
}

/// What one viewer was not sent, by cause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drops {
    /// Frames that no other frame needs, left out to catch up.
    pub disposable: u64,
    /// Pictures left out by a jump to a key frame, and those before the first one.
    pub pictures: u64,
    /// Sound left out by a jump.
    pub audio: u64,
    /// Jumps.
    pub jumps: u64,
}

/// What to do for a viewer before it is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Go on with the next frame.
    Continue,
    /// Send the decoder configurations again, with the time of the next frame, then go on.
    SendHeaders,
    /// It was too slow too often: let it go.
    LetGo,
}

/// One viewer's place.
#[derive(Debug, Clone)]
pub struct Cursor {
    profile: Profile,
    next: u64,
    /// Pictures are left out until a key frame with at least this number.
    gate: Option<u64>,
    shed_disposable: bool,
    /// A backlog that the viewer was given by its start, and may take its time over.
    allowed_ms: i64,
    allowed_bytes: u64,
    recent_jumps: u32,
    last_jump_time: i64,
    wants_audio: bool,
    wants_video: bool,
    drops: Drops,
}

impl Cursor {
    /// A cursor at the start that [`Feed::start`] gave for this profile.
    pub fn new(feed: &Feed, profile: Profile, start: u64) -> Cursor {
        let mut cursor = Cursor {
            profile,
            next: start,
            gate: Some(start),
            shed_disposable: false,
            allowed_ms: 0,
            allowed_bytes: 0,
            recent_jumps: 0,
            last_jump_time: 0,
            wants_audio: true,
            wants_video: true,
            drops: Drops::default(),
        };
        cursor.allow_backlog(feed);
        cursor
    }

    /// The number of the next frame to look at.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// What was left out so far.
    pub fn drops(&self) -> Drops {
        self.drops
    }

    /// Whether every frame from here on is sent as it is: then all viewers at this place share one batch.
    pub fn is_plain(&self) -> bool {
        self.gate.is_none() && !self.shed_disposable && self.wants_audio && self.wants_video
    }

    /// The viewer was sent, or did not want, every frame before `seq`.
    pub fn advance(&mut self, seq: u64) {
        self.next = seq;
    }

    /// Whether the viewer wants sound (RTMP `receiveAudio`).
    pub fn set_wants_audio(&mut self, wants: bool) {
        self.wants_audio = wants;
    }

    /// Whether the viewer wants pictures (RTMP `receiveVideo`). Wanting them again begins at a key frame.
    pub fn set_wants_video(&mut self, wants: bool) {
        if wants && !self.wants_video {
            self.gate = Some(self.next);
        }
        self.wants_video = wants;
    }

    /// Measures the backlog and decides what must go. Call it before each round of writes to a viewer that is
    /// behind; one that is at the end of the feed needs nothing.
    pub fn judge(&mut self, feed: &Feed, lag: &Lag) -> Verdict {
        let (behind_ms, behind_bytes) = self.backlog(feed);
        // What it has caught up on is not allowed a second time.
        self.allowed_ms = self.allowed_ms.min(behind_ms);
        self.allowed_bytes = self.allowed_bytes.min(behind_bytes);
        let last_time = feed.last().map_or(0, |entry| entry.frame.time);
        if self.recent_jumps > 0 && last_time.saturating_sub(self.last_jump_time) > lag.forgive_ms {
            self.recent_jumps = 0;
        }
        let over_ms = behind_ms.saturating_sub(self.allowed_ms);
        let over_bytes = behind_bytes.saturating_sub(self.allowed_bytes);
        let lost = self.next < feed.base();
        if lost || over_ms > lag.max_ms.saturating_mul(2) || over_bytes > lag.max_bytes.saturating_mul(2) {
            return self.start_again(feed, lag, last_time);
        }
        if over_ms > lag.max_ms || over_bytes > lag.max_bytes {
            return self.jump_pictures(feed, lag, last_time);
        }
        self.shed_disposable = over_ms > lag.max_ms / 2 || over_bytes > lag.max_bytes / 2;
        Verdict::Continue
    }

    /// Whether the viewer is sent this frame. Call it once per frame, in order.
    pub fn admits(&mut self, entry: &Entry) -> bool {
        match entry.frame.kind {
            Kind::Audio => self.wants_audio,
            Kind::Data => true,
            Kind::Video => self.wants_video && self.admits_picture(entry),
        }
    }

    fn admits_picture(&mut self, entry: &Entry) -> bool {
        match entry.frame.role {
            Role::Key => {
                if self.gate.is_some_and(|from| entry.seq < from) {
                    self.drops.pictures += 1;
                    return false;
                }
                self.gate = None;
                true
            }
            Role::Inter | Role::Disposable if self.gate.is_some() => {
                self.drops.pictures += 1;
                false
            }
            Role::Disposable if self.shed_disposable => {
                self.drops.disposable += 1;
                false
            }
            _ => true,
        }
    }

    /// Stream time and bytes between this place and the end of the feed.
    fn backlog(&self, feed: &Feed) -> (i64, u64) {
        let Some(last) = feed.last() else { return (0, 0) };
        match feed.get(self.next) {
            Some(next) => (
                last.frame.time.saturating_sub(next.frame.time).max(0),
                last.bytes_through().saturating_sub(next.bytes_before),
            ),
            None => (0, 0),
        }
    }

    fn allow_backlog(&mut self, feed: &Feed) {
        (self.allowed_ms, self.allowed_bytes) = self.backlog(feed);
    }

    /// Leaves out the pictures up to the newest key frame. Without a newer one, the rest of this group goes and
    /// the viewer waits for the next.
    fn jump_pictures(&mut self, feed: &Feed, lag: &Lag, now: i64) -> Verdict {
        let target = feed.newest_key().filter(|key| *key > self.next);
        if target.is_none() && self.gate.is_some() {
            // Already waiting: what is left of the backlog is sound.
            return Verdict::Continue;
        }
        if self.gate.is_some() && self.gate == target {
            return Verdict::Continue;
        }
        self.gate = Some(target.unwrap_or(feed.next_seq()));
        self.count_jump(lag, now)
    }

    /// Begins again like a new viewer.
    fn start_again(&mut self, feed: &Feed, lag: &Lag, now: i64) -> Verdict {
        let fresh = feed.start(self.profile).seq;
        // A start that it is past already would bring it no nearer: then the end is the place, until a key frame.
        let start = if fresh > self.next { fresh } else { feed.next_seq() };
        let base = feed.base();
        self.drops.pictures += base.saturating_sub(self.next);
        for entry in feed.since(self.next.max(base)).take_while(|entry| entry.seq < start) {
            match entry.frame.kind {
                Kind::Audio => self.drops.audio += 1,
                _ => self.drops.pictures += 1,
            }
        }
        self.next = start;
        self.gate = Some(start);
        self.shed_disposable = false;
        self.allow_backlog(feed);
        self.count_jump(lag, now)
    }

    fn count_jump(&mut self, lag: &Lag, now: i64) -> Verdict {
        self.drops.jumps += 1;
        self.recent_jumps += 1;
        self.last_jump_time = now;
        if self.recent_jumps > lag.max_jumps { Verdict::LetGo } else { Verdict::SendHeaders }
    }
}
