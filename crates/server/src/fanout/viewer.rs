//! One viewer: its socket, its place in the feed, and the bytes it is owed.

use std::io::{self, IoSlice};

use bytes::Bytes;
use hub::{Cursor, Drops, Feed, Lag, Profile, Verdict};

use super::batch::Batch;
use super::handle::Ticket;
use super::{Ask, Egress, Farewell};
use crate::net::{Owed, Socket};

/// Frames gathered into one write for a viewer that is behind, such as a new one that is sent a whole group.
const CATCH_UP_FRAMES: usize = 256;

/// Bytes gathered into one write for a viewer that is behind.
const CATCH_UP_BYTES: usize = 512 * 1024;

/// Answers (pings, protocol control) that may wait for a viewer that asks and does not read.
const MAX_OWED_BYTES: usize = 64 * 1024;

/// What a viewer may send in all between two ticks (about a second). Players send a few bytes a minute; a flood
/// costs the sender its connection and nobody else anything.
const MAX_INPUT_PER_TICK: usize = 64 * 1024;

/// What became of a viewer after something happened to it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes on.
    Stays,
    /// Its farewell is to be said.
    LetGo(Farewell),
    /// Its connection is over.
    Gone,
}

pub(super) struct Viewer {
    pub(super) socket: Socket,
    pub(super) egress: Box<dyn Egress>,
    pub(super) profile: Profile,
    pub(super) seat: usize,
    /// The number of its lane in that seat.
    pub(super) lane: usize,
    pub(super) cursor: Option<Cursor>,
    pub(super) ticket: Ticket,
    /// The rest of a frame that the socket took in part, then whole answers. A frame that was begun is finished.
    owed: Owed,
    writable: bool,
    paused: bool,
    input_this_tick: usize,
    pub(super) sent_bytes: u64,
    pub(super) join_noted: bool,
    /// It came to a bound on what it may send.
    pub(super) flooded: bool,
    /// What was left out before the last pause.
    dropped_before: Drops,
    pub(super) last_progress_ms: u64,
    /// Nothing but `owed` is sent any more, until this time.
    pub(super) closing_until_ms: Option<u64>,
}

impl Viewer {
    pub(super) fn new(
        socket: Socket,
        egress: Box<dyn Egress>,
        profile: Profile,
        seat: usize,
        ticket: Ticket,
        now_ms: u64,
    ) -> Viewer {
        Viewer {
            socket,
            egress,
            profile,
            seat,
            lane: 0,
            cursor: None,
            ticket,
            owed: Owed::default(),
            writable: true,
            paused: false,
            input_this_tick: 0,
            sent_bytes: 0,
            join_noted: false,
            flooded: false,
            dropped_before: Drops::default(),
            last_progress_ms: now_ms,
            closing_until_ms: None,
        }
    }

    /// What it was not sent.
    pub(super) fn drops(&self) -> Drops {
        let (before, now) =
            (self.dropped_before, self.cursor.as_ref().map(Cursor::drops).unwrap_or_default());
        Drops {
            disposable: before.disposable + now.disposable,
            pictures: before.pictures + now.pictures,
            audio: before.audio + now.audio,
            jumps: before.jumps + now.jumps,
        }
    }

    /// Whether the server owes it bytes or frames that its socket did not take.
    pub(super) fn is_blocked(&self) -> bool {
        !self.writable || self.socket.has_unsent()
    }

    /// The first frame that it has not been sent, or nothing (`u64::MAX`) when it is up to date or wants none.
    pub(super) fn behind_from(&self, feed: &Feed) -> u64 {
        let next = self.cursor.as_ref().map_or(u64::MAX, Cursor::next);
        if next < feed.next_seq() { next } else { u64::MAX }
    }

    /// Puts bytes behind whatever is owed already.
    pub(super) fn owe(&mut self, bytes: Bytes) {
        self.owed.push(bytes);
    }

    /// Gives it a place in the feed, with all that comes before the first frame.
    pub(super) fn begin(&mut self, feed: &Feed) {
        let preamble = self.egress.begin(feed.headers());
        self.owe(preamble);
        let start = feed.start(self.profile);
        for frame in &start.headers {
            self.owe_frame(frame);
        }
        self.cursor = Some(Cursor::new(feed, self.profile, start.seq));
    }

    /// Sends the batch when this viewer stands where it begins and nothing else is owed; else catches up.
    pub(super) fn send(&mut self, feed: &Feed, batch: &Batch<'_>, lag: &Lag, now_ms: u64) -> Fate {
        if !self.writable || self.paused || self.closing_until_ms.is_some() {
            return Fate::Stays;
        }
        let Some(cursor) = &mut self.cursor else { return Fate::Stays };
        // Where the ring has let go of the batch's first frames, what is left of it follows a gap.
        let is_whole = batch.from >= feed.base();
        let in_step = is_whole && cursor.next() == batch.from && cursor.is_plain() && self.owed.is_empty();
        if !in_step || self.socket.has_unsent() {
            return self.catch_up(feed, lag, now_ms);
        }
        match self.socket.write_vectored(&batch.slices) {
            Ok(written) if written == batch.len => {
                self.sent_bytes += written as u64;
                self.last_progress_ms = now_ms;
                cursor.advance(feed.next_seq());
                Fate::Stays
            }
            Ok(written) => {
                self.note_sent(written, now_ms);
                self.settle(feed, batch.from, written);
                self.catch_up(feed, lag, now_ms)
            }
            Err(error) => self.note_error(&error),
        }
    }

    /// Writes what is owed, then frames from its own place, until it is at the end or the socket is full.
    pub(super) fn catch_up(&mut self, feed: &Feed, lag: &Lag, now_ms: u64) -> Fate {
        loop {
            match self.flush(now_ms) {
                Fate::Stays if self.writable && self.owed.is_empty() => {}
                fate => return fate,
            }
            if self.paused || self.closing_until_ms.is_some() {
                return Fate::Stays;
            }
            let Some(cursor) = &mut self.cursor else { return Fate::Stays };
            match cursor.judge(feed, lag) {
                Verdict::LetGo => return Fate::LetGo(Farewell::TooSlow),
                Verdict::SendHeaders => {
                    let at = cursor.next();
                    for frame in feed.configs_at(at) {
                        self.owe_frame(&frame);
                    }
                    continue;
                }
                Verdict::Continue => {}
            }
            let from = cursor.next();
            if from >= feed.next_seq() {
                return Fate::Stays;
            }
            // What is admitted depends on what was admitted before, so a copy looks ahead and the cursor itself
            // moves only past what was really written.
            let mut ahead = cursor.clone();
            let mut slices: Vec<IoSlice<'_>> = Vec::new();
            let (mut bytes, mut end) = (0, from);
            for entry in feed.since(from).take(CATCH_UP_FRAMES) {
                if bytes >= CATCH_UP_BYTES {
                    break;
                }
                end = entry.seq + 1;
                if ahead.admits(entry) {
                    let wire = entry.wire(self.egress.slot(), |frame| self.egress.encode(frame));
                    slices.extend(wire.parts().iter().map(|part| IoSlice::new(part)));
                    bytes += wire.len();
                }
            }
            if bytes == 0 {
                *cursor = ahead;
                cursor.advance(end);
                continue;
            }
            match self.socket.write_vectored(&slices) {
                Ok(written) => {
                    self.note_sent(written, now_ms);
                    self.settle(feed, from, written);
                }
                Err(error) => return self.note_error(&error),
            }
        }
    }

    /// Writes what is owed.
    pub(super) fn flush(&mut self, now_ms: u64) -> Fate {
        if let Err(error) = self.socket.flush() {
            return self.note_error(&error);
        }
        while !self.owed.is_empty() && self.writable {
            match self.owed.write_to(&mut self.socket) {
                Ok(0) => return Fate::Gone,
                Ok(written) => self.note_sent(written, now_ms),
                Err(error) => return self.note_error(&error),
            }
        }
        Fate::Stays
    }

    /// The kernel says that there is room again.
    pub(super) fn note_writable(&mut self) {
        self.writable = true;
    }

    /// Reads all that the viewer sent and acts on it.
    pub(super) fn read(&mut self, scratch: &mut [u8]) -> Fate {
        let mut out = Vec::new();
        let mut asks = Vec::new();
        loop {
            match self.socket.read(scratch) {
                Ok(0) => return Fate::Gone,
                Ok(count) => {
                    self.input_this_tick += count;
                    if self.input_this_tick > MAX_INPUT_PER_TICK {
                        self.flooded = true;
                        return Fate::Gone;
                    }
                    if self.closing_until_ms.is_some() {
                        continue;
                    }
                    let input = scratch.get(..count).unwrap_or_default();
                    if self.egress.handle_input(input, &mut out, &mut asks).is_err() {
                        return Fate::Gone;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Fate::Gone,
            }
        }
        out.into_iter().for_each(|bytes| self.owe(bytes));
        if self.owed.bytes() > MAX_OWED_BYTES && !self.writable {
            self.flooded = true;
            return Fate::Gone;
        }
        for ask in asks {
            match (ask, &mut self.cursor) {
                (Ask::Leave, _) => return Fate::Gone,
                (Ask::Close(answer), _) => {
                    self.owe(answer);
                    // One that does not read it goes without.
                    let _ = self.flush(self.last_progress_ms);
                    return Fate::Gone;
                }
                (Ask::Pause(paused), _) => {
                    self.paused = paused;
                    if !paused {
                        // What was missed meanwhile is not wanted: a pause ends at the present.
                        self.dropped_before = self.drops();
                        self.cursor = None;
                    }
                }
                (Ask::Audio(wanted), Some(cursor)) => cursor.set_wants_audio(wanted),
                (Ask::Video(wanted), Some(cursor)) => cursor.set_wants_video(wanted),
                (Ask::Audio(_) | Ask::Video(_), None) => {}
            }
        }
        Fate::Stays
    }

    /// Gives a viewer that came back from a pause its new place.
    pub(super) fn resume_if_needed(&mut self, feed: &Feed) {
        if self.cursor.is_none() && !self.paused {
            let start = feed.start(self.profile);
            for frame in &feed.configs_at(start.seq) {
                self.owe_frame(frame);
            }
            self.cursor = Some(Cursor::new(feed, self.profile, start.seq));
        }
    }

    /// Once a second: keep-alives, and a fresh allowance of input.
    pub(super) fn tick(&mut self, now_ms: u64) {
        self.input_this_tick = 0;
        self.note_session();
        let mut out = Vec::new();
        self.egress.tick(now_ms, &mut out);
        out.into_iter().for_each(|bytes| self.owe(bytes));
    }

    /// Brings the counters that others see up to date.
    pub(super) fn note_session(&self) {
        self.ticket.session().note(self.sent_bytes, self.drops());
    }

    fn owe_frame(&mut self, frame: &media::frame::Frame) {
        for part in self.egress.encode(frame).parts() {
            self.owe(part.clone());
        }
    }

    fn note_sent(&mut self, written: usize, now_ms: u64) {
        self.sent_bytes += written as u64;
        self.last_progress_ms = now_ms;
    }

    fn note_error(&mut self, error: &io::Error) -> Fate {
        match error.kind() {
            io::ErrorKind::WouldBlock => {
                self.writable = false;
                Fate::Stays
            }
            io::ErrorKind::Interrupted => Fate::Stays,
            _ => Fate::Gone,
        }
    }

    /// Moves the cursor over what `written` bytes covered, counted from frame `from`. The rest of a frame that was
    /// begun becomes owed.
    fn settle(&mut self, feed: &Feed, from: u64, mut written: usize) {
        let Some(mut cursor) = self.cursor.take() else { return };
        for entry in feed.since(from) {
            if written == 0 {
                break;
            }
            if !cursor.admits(entry) {
                cursor.advance(entry.seq + 1);
                continue;
            }
            let wire = entry.wire(self.egress.slot(), |frame| self.egress.encode(frame));
            cursor.advance(entry.seq + 1);
            if written >= wire.len() {
                written -= wire.len();
                continue;
            }
            for part in wire.parts() {
                if written >= part.len() {
                    written -= part.len();
                } else {
                    self.owe(part.slice(written..));
                    written = 0;
                }
            }
            break;
        }
        self.cursor = Some(cursor);
    }
}
