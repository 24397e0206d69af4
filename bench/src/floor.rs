//! The kernel's own price: a process that sends the stream to everybody with no protocol work at all.
//!
//! One connection pushes FLV into it; whoever else sends a request gets the headers and then every batch with one
//! write. There is no group of pictures to start from and hardly any state, so what is measured against it is what
//! the kernel charges for moving the same bytes in writes of the same size.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bytes::{Bytes, BytesMut};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use crate::flv::{FILE_HEADER, SCRIPT, TAG_OVERHEAD, VIDEO};

/// The longest request, and the longest tag.
const MAX_REQUEST: usize = 4096;
const MAX_TAG: usize = 1 << 20;

/// What may wait for a viewer that does not read; beyond it the viewer is closed.
const MAX_WAITING: usize = 8 << 20;

const MAX_VIEWERS: usize = 20_000;

const LISTENER: Token = Token(usize::MAX);

/// Serves on `listen` for at most `most`; a batch of `batch` zero is a write per message.
pub(crate) fn serve(listen: SocketAddr, batch: Duration, most: Duration) -> Result<()> {
    ensure!(listen.ip().is_loopback(), "{listen} is not a loopback address");
    let socket = socket2::Socket::new(socket2::Domain::for_address(listen), socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&listen.into())?;
    socket.listen(4096)?;
    let mut listener = TcpListener::from_std(socket.into());
    let poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut floor =
        Floor { poll, listener, guests: Vec::new(), intro: FILE_HEADER.to_vec(), batch: BytesMut::new() };
    let started = Instant::now();
    let mut flush_at = started + batch;
    let mut events = Events::with_capacity(1024);
    while started.elapsed() < most {
        let wait = if batch.is_zero() {
            Duration::from_millis(100)
        } else {
            flush_at.saturating_duration_since(Instant::now())
        };
        floor.poll.poll(&mut events, Some(wait))?;
        for event in &events {
            match event.token() {
                LISTENER => floor.accept()?,
                Token(place) => floor.serve(place, event.is_writable(), batch.is_zero()),
            }
        }
        if !batch.is_zero() && Instant::now() >= flush_at {
            floor.fan_out();
            // An overloaded floor does not try to catch up.
            flush_at = (flush_at + batch).max(Instant::now());
        }
    }
    Ok(())
}

struct Floor {
    poll: Poll,
    listener: TcpListener,
    guests: Vec<Option<Guest>>,
    /// What every viewer is sent first.
    intro: Vec<u8>,
    /// Whole tags that are not sent yet.
    batch: BytesMut,
}

struct Guest {
    socket: TcpStream,
    part: Part,
    received: Vec<u8>,
    waiting: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Unknown,
    Feed,
    Viewer,
}

impl Floor {
    fn accept(&mut self) -> Result<()> {
        loop {
            match self.listener.accept() {
                Ok((mut socket, _)) => {
                    if self.guests.len() >= MAX_VIEWERS {
                        continue;
                    }
                    socket.set_nodelay(true)?;
                    let token = Token(self.guests.len());
                    let both = Interest::READABLE | Interest::WRITABLE;
                    self.poll.registry().register(&mut socket, token, both)?;
                    let (received, waiting) = (Vec::new(), Vec::new());
                    self.guests.push(Some(Guest { socket, part: Part::Unknown, received, waiting }));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn serve(&mut self, place: usize, writable: bool, at_once: bool) {
        let Some(Some(guest)) = self.guests.get_mut(place) else { return };
        if writable && !guest.drain() {
            self.guests[place] = None;
            return;
        }
        let mut buffer = [0; 64 * 1024];
        loop {
            let Some(Some(guest)) = self.guests.get_mut(place) else { return };
            match guest.socket.read(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Ok(count) if count > 0 => {
                    if guest.part != Part::Viewer {
                        guest.received.extend_from_slice(&buffer[..count]);
                    }
                }
                _ => {
                    self.guests[place] = None;
                    return;
                }
            }
            if !self.take(place, at_once) {
                self.guests[place] = None;
                return;
            }
        }
    }

    /// Looks at what a guest has said; false when it must go.
    fn take(&mut self, place: usize, at_once: bool) -> bool {
        let Some(Some(guest)) = self.guests.get_mut(place) else { return false };
        if guest.part == Part::Unknown {
            let Some(end) = guest.received.windows(4).position(|window| window == b"\r\n\r\n") else {
                return guest.received.len() < MAX_REQUEST;
            };
            let feed = guest.received.starts_with(b"PUT");
            if !feed {
                guest.part = Part::Viewer;
                guest.received = Vec::new();
                let head = b"HTTP/1.1 200 OK\r\nContent-Type: video/x-flv\r\nConnection: close\r\n\r\n";
                return guest.put(head) && guest.put(&self.intro);
            }
            if guest.received.len() < end + 4 + FILE_HEADER.len() {
                return true;
            }
            guest.part = Part::Feed;
            guest.received.drain(..end + 4 + FILE_HEADER.len());
        }
        if guest.part == Part::Feed {
            let mut received = std::mem::take(&mut guest.received);
            let whole = self.tags(&mut received, at_once);
            if let Some(Some(guest)) = self.guests.get_mut(place) {
                guest.received = received;
            }
            return whole;
        }
        true
    }

    /// Moves whole tags to the batch; headers are kept for those who come later. False when there is no sense in them.
    fn tags(&mut self, received: &mut Vec<u8>, at_once: bool) -> bool {
        let mut at = 0;
        while let Some(header) = received.get(at..at + 11) {
            let length = u32::from_be_bytes([0, header[1], header[2], header[3]]) as usize + TAG_OVERHEAD;
            if length > MAX_TAG {
                return false;
            }
            let Some(tag) = received.get(at..at + length) else { break };
            let record = tag[0] == SCRIPT || tag.get(12) == Some(&0);
            if record && (tag[0] != VIDEO || tag[11] & 15 == 7) {
                self.intro.extend_from_slice(tag);
            } else {
                self.batch.extend_from_slice(tag);
                if at_once {
                    self.fan_out();
                }
            }
            at += length;
        }
        received.drain(..at);
        true
    }

    fn fan_out(&mut self) {
        let batch: Bytes = self.batch.split().freeze();
        if batch.is_empty() {
            return;
        }
        for place in &mut self.guests {
            if let Some(guest) = place
                && guest.part == Part::Viewer
                && !guest.put(&batch)
            {
                *place = None;
            }
        }
    }
}

impl Guest {
    /// Sends at once what the socket takes and keeps the rest; false when the viewer is gone.
    fn put(&mut self, bytes: &[u8]) -> bool {
        if !self.waiting.is_empty() {
            self.waiting.extend_from_slice(bytes);
            return self.waiting.len() <= MAX_WAITING;
        }
        let sent = match self.socket.write(bytes) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(_) => return false,
        };
        self.waiting.extend_from_slice(&bytes[sent..]);
        true
    }

    fn drain(&mut self) -> bool {
        while !self.waiting.is_empty() {
            match self.socket.write(&self.waiting) {
                Ok(count) => drop(self.waiting.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(_) => return false,
            }
        }
        self.waiting = Vec::new();
        true
    }
}
