//! One client: its socket, where it sits, and what it is owed.

use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use control::person::Role;

use super::hall::Hall;
use super::{
    Connected, FRAME_MAX, FRAMES_PER_SECOND, Figures, HELLO_MS, INPUT_PER_SECOND, OWED_MAX, PING_MS,
    SILENT_MS, STALL_MS, Stay,
};
use crate::http::websocket::messages::{Broken, Came, Messages, POLICY};
use crate::http::websocket::{PING, close};
use crate::net::{Owed, Permit, Socket};

/// Batches of one write.
const AT_ONCE: usize = 64;

/// How long a client that was told the end may take to read it, in milliseconds.
pub(super) const FAREWELL_MS: u64 = 3_000;

/// What became of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Stays,
    /// It said goodbye, or broke the rules and was told so. It gives up its seat, and reads what it is owed.
    Leaves,
    Gone,
}

pub(super) struct Conn {
    pub(super) socket: Socket,
    pub(super) number: u64,
    pub(super) peer: IpAddr,
    pub(super) place: Place,
    _permit: Permit,
    _connected: Connected,
    reader: Messages,
    /// What came right behind the handshake, before there was an answer to it.
    early: Bytes,
    /// The rest of a batch that the socket took in part, then answers.
    owed: Owed,
    writable: bool,
    heard_ms: u64,
    pinged: bool,
    progress_ms: u64,
    input: usize,
    frames: u32,
}

/// How far a client has come.
pub(super) enum Place {
    /// It has until then to say who it is.
    Door(u64),
    /// It has said so, and is let in or not; at the latest by then.
    Waiting(u64),
    Seated(Seated),
    /// It has been told the end, and has until then to read it.
    Leaving(u64),
}

pub(super) struct Seated {
    pub(super) hall: usize,
    /// Its place among the hall's members.
    pub(super) index: usize,
    /// The number of the next batch.
    pub(super) next: u64,
    pub(super) stay: Stay,
    pub(super) role: Role,
    pub(super) guest: bool,
    pub(super) since_ms: u64,
}

impl Conn {
    pub(super) fn new(
        socket: Socket,
        (owed, early): (Bytes, Bytes),
        (permit, connected): (Permit, Connected),
        number: u64,
        peer: IpAddr,
        now_ms: u64,
    ) -> Conn {
        let mut conn = Conn {
            socket,
            number,
            peer,
            place: Place::Door(now_ms + HELLO_MS),
            _permit: permit,
            _connected: connected,
            reader: Messages::default(),
            early,
            owed: Owed::default(),
            writable: true,
            heard_ms: now_ms,
            pinged: false,
            progress_ms: now_ms,
            input: 0,
            frames: 0,
        };
        conn.owe(owed);
        conn
    }

    /// Puts bytes behind whatever is owed already.
    pub(super) fn owe(&mut self, bytes: Bytes) {
        self.owed.push(bytes);
    }

    /// Says the last word and hears nothing more.
    pub(super) fn leave(&mut self, last: Bytes, code: u16, reason: &str, now_ms: u64) {
        if !matches!(self.place, Place::Leaving(_)) {
            self.owe(last);
            self.owe(close(code, reason));
            self.place = Place::Leaving(now_ms + FAREWELL_MS);
        }
    }

    /// Reads what came; whole messages go to `texts`.
    pub(super) fn read(&mut self, scratch: &mut [u8], now_ms: u64, texts: &mut Vec<String>) -> Fate {
        // Its place stays as it is: the hall that it may sit in has to be told first.
        let mut leaves = false;
        let early = std::mem::take(&mut self.early);
        if !early.is_empty() {
            match self.gather(&early, now_ms, texts) {
                Ok(closes) => leaves = closes,
                Err(fate) => return fate,
            }
        }
        loop {
            let count = match self.socket.read(scratch) {
                Ok(0) => return Fate::Gone,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return if leaves { Fate::Leaves } else { Fate::Stays };
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return Fate::Gone,
            };
            if leaves || matches!(self.place, Place::Leaving(_)) {
                self.input += count;
                if self.input > INPUT_PER_SECOND {
                    return Fate::Gone;
                }
                continue;
            }
            match self.gather(scratch.get(..count).unwrap_or_default(), now_ms, texts) {
                Ok(closes) => leaves = closes,
                Err(fate) => return fate,
            }
        }
    }

    /// Puts bytes together that came. Returns whether the client says goodbye; an error is what becomes of one that broke the
    /// rules, and was told so.
    fn gather(&mut self, bytes: &[u8], now_ms: u64, texts: &mut Vec<String>) -> Result<bool, Fate> {
        (self.heard_ms, self.pinged) = (now_ms, false);
        self.input += bytes.len();
        let (mut frames, mut pongs, mut closed) = (0, Vec::new(), None);
        let read = self.reader.read(bytes, FRAME_MAX, |came| {
            frames += 1;
            match came {
                Came::Text(text) => texts.push(text),
                Came::Ping(pong) => pongs.push(pong),
                Came::Pong => {}
                Came::Close(answer) => closed = Some(answer),
            }
        });
        self.frames += frames;
        pongs.into_iter().for_each(|pong| self.owe(pong));
        let closes = closed.is_some();
        closed.into_iter().for_each(|answer| self.owe(answer));
        let flood = self.input > INPUT_PER_SECOND || self.frames > FRAMES_PER_SECOND;
        let broken =
            read.err().or(flood.then_some(Broken(POLICY, "too much at once: wait between messages")));
        if let Some(Broken(code, why)) = broken {
            self.owe(close(code, why));
            texts.clear();
            return Err(Fate::Leaves);
        }
        Ok(closes)
    }

    /// Hears nothing more, and has a moment to read what it is owed. It sits nowhere by now.
    pub(super) fn begin_leaving(&mut self, now_ms: u64) {
        if !matches!(self.place, Place::Leaving(_)) {
            self.place = Place::Leaving(now_ms + FAREWELL_MS);
        }
    }

    /// Writes what is owed.
    pub(super) fn flush(&mut self, figures: &Figures, now_ms: u64) -> Fate {
        if self.socket.has_unsent()
            && let Err(error) = self.socket.flush()
        {
            return self.note_error(&error);
        }
        while self.writable && !self.owed.is_empty() {
            match self.owed.write_to(&mut self.socket) {
                Ok(0) => return Fate::Gone,
                Ok(written) => self.note_sent(written, figures, now_ms),
                Err(error) => return self.note_error(&error),
            }
        }
        if self.owed.is_empty() && matches!(self.place, Place::Leaving(_)) {
            self.socket.finish();
        }
        if self.owed.bytes() > OWED_MAX { Fate::Gone } else { Fate::Stays }
    }

    /// Sends the batches of its hall that it does not have, as far as its socket takes them.
    pub(super) fn catch_up(&mut self, hall: &Hall, figures: &Figures, now_ms: u64) -> Fate {
        if !self.writable {
            return Fate::Stays;
        }
        if !self.owed.is_empty() && self.flush(figures, now_ms) == Fate::Gone {
            return Fate::Gone;
        }
        let Place::Seated(seated) = &mut self.place else { return Fate::Stays };
        if seated.next < hall.first() {
            // The numbers in the batches tell the client, who may ask for what is missing.
            seated.next = hall.first();
            figures.skips.fetch_add(1, Ordering::Relaxed);
        }
        while self.writable && self.owed.is_empty() {
            let Place::Seated(seated) = &mut self.place else { return Fate::Stays };
            let mut slices = [IoSlice::new(&[]); AT_ONCE];
            let mut count = 0;
            for (slice, (bytes, _)) in slices.iter_mut().zip(hall.since(seated.next)) {
                *slice = IoSlice::new(bytes);
                count += 1;
            }
            if count == 0 {
                return Fate::Stays;
            }
            let taken = match slices.get(..count).unwrap_or_default() {
                [one] => self.socket.write(one),
                several => self.socket.write_vectored(several),
            };
            let mut written = match taken {
                Ok(0) => return Fate::Gone,
                Ok(written) => written,
                Err(error) => return self.note_error(&error),
            };
            figures.bytes.fetch_add(written as u64, Ordering::Relaxed);
            self.progress_ms = now_ms;
            let mut delivered = 0;
            for (bytes, items) in hall.since(seated.next) {
                if written == 0 {
                    break;
                }
                seated.next += 1;
                delivered += u64::from(*items);
                if written < bytes.len() {
                    let rest = bytes.slice(written..);
                    self.owed.push(rest);
                    break;
                }
                written -= bytes.len();
            }
            figures.deliveries.fetch_add(delivered, Ordering::Relaxed);
            if !self.owed.is_empty() {
                return self.flush(figures, now_ms);
            }
        }
        Fate::Stays
    }

    /// The number of the next batch that it needs, when it sits somewhere.
    pub(super) fn next(&self) -> Option<u64> {
        match &self.place {
            Place::Seated(seated) => Some(seated.next),
            _ => None,
        }
    }

    /// Whether there is something to write to it, and room.
    pub(super) fn owes(&self) -> bool {
        self.writable && !self.owed.is_empty()
    }

    /// Once a second: is it still there? Returns why not.
    pub(super) fn tick(&mut self, now_ms: u64) -> Option<&'static str> {
        (self.input, self.frames) = (0, 0);
        let silent = now_ms.saturating_sub(self.heard_ms);
        match self.place {
            Place::Door(until) if now_ms >= until => return Some("no hello"),
            // Whoever was to answer has not: the client comes again.
            Place::Waiting(until) if now_ms >= until => return Some("not let in"),
            Place::Leaving(until) if now_ms >= until => return Some("left"),
            _ => {}
        }
        if !self.writable && now_ms.saturating_sub(self.progress_ms) >= STALL_MS {
            return Some("takes nothing");
        }
        if silent >= SILENT_MS {
            return Some("silent");
        }
        if silent >= PING_MS && !self.pinged && matches!(self.place, Place::Seated(_)) {
            self.pinged = true;
            self.owe(Bytes::from_static(PING));
        }
        None
    }

    /// The kernel says that there is room again.
    pub(super) fn note_writable(&mut self) {
        self.writable = true;
    }

    fn note_sent(&mut self, written: usize, figures: &Figures, now_ms: u64) {
        figures.bytes.fetch_add(written as u64, Ordering::Relaxed);
        self.progress_ms = now_ms;
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
}
