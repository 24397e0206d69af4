//! All players of a run, on one mio loop and one thread.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use mio::{Events, Poll, Token};

use crate::connection::Connection;
use crate::source::Clock;
use crate::viewer::{Protocol, Seen, Viewer};

/// Players whose pictures' stamps are read; more would cost the tool's core without telling more.
const SAMPLED: usize = 250;

/// Latencies that are kept of one window.
const MAX_LATENCIES: usize = 4_000_000;

const BUFFER: usize = 256 * 1024;

/// Where players go.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) protocol: Protocol,
    pub(crate) address: SocketAddr,
    /// Player i watches stream i modulo this.
    pub(crate) streams: usize,
}

/// The players.
#[derive(Debug)]
pub(crate) struct Crowd {
    poll: Poll,
    events: Events,
    clock: Clock,
    target: Target,
    every: usize,
    places: Vec<Option<(Connection, Viewer)>>,
    buffer: Vec<u8>,
    /// Milliseconds from connect() to the first whole key frame.
    pub(crate) first_keys: Vec<f64>,
    /// Microseconds from the publisher's send to the player's parse, in the window.
    pub(crate) latencies: Vec<u32>,
    /// Players that ended without being asked to.
    pub(crate) lost: usize,
    /// Why the first of them did.
    pub(crate) first_error: Option<String>,
}

impl Crowd {
    /// Room for `size` players, none of whom is there.
    pub(crate) fn new(target: Target, size: usize, clock: Clock) -> Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            clock,
            target,
            every: size.div_ceil(SAMPLED).max(1),
            places: (0..size).map(|_| None).collect(),
            buffer: vec![0; BUFFER],
            first_keys: Vec::new(),
            latencies: Vec::new(),
            lost: 0,
            first_error: None,
        })
    }

    /// Player `place` begins to connect, instead of the one who had the place.
    pub(crate) fn join(&mut self, place: usize) {
        self.leave(place);
        let Target { protocol, address, streams } = self.target;
        let stream = stream_name(place % streams.max(1));
        let sampled = place.is_multiple_of(self.every);
        match Connection::open(self.poll.registry(), Token(place), address) {
            Ok(connection) => {
                let now = self.clock.now();
                let viewer = Viewer::new(protocol, &address.to_string(), &stream, sampled, now);
                self.places[place] = Some((connection, viewer));
            }
            Err(error) => self.fail(place, &error),
        }
    }

    /// Player `place` closes its socket; tells whether it was there.
    pub(crate) fn leave(&mut self, place: usize) -> bool {
        self.places[place].take().is_some()
    }

    /// Players that have not been shown a key frame yet.
    pub(crate) fn without_picture(&self) -> usize {
        self.places.iter().flatten().filter(|(_, viewer)| viewer.tally.first_key.is_none()).count()
    }

    /// Whether player `place` was shown a key frame.
    pub(crate) fn has_picture(&self, place: usize) -> bool {
        self.places[place].as_ref().is_some_and(|(_, viewer)| viewer.tally.first_key.is_some())
    }

    /// Ends those who still have no picture.
    pub(crate) fn give_up(&mut self) {
        for place in 0..self.places.len() {
            let waits = matches!(&self.places[place], Some((_, viewer)) if viewer.tally.first_key.is_none());
            if waits {
                self.fail(place, &anyhow::anyhow!("no key frame in time"));
            }
        }
    }

    /// Those who are there.
    pub(crate) fn alive(&self) -> usize {
        self.places.iter().flatten().count()
    }

    /// The measured window begins.
    pub(crate) fn open_window(&mut self) {
        self.latencies.clear();
        self.places.iter_mut().flatten().for_each(|(_, viewer)| viewer.tally.open_window());
    }

    /// The measured window is over: what each of those still there made of it.
    pub(crate) fn close_window(&mut self) -> Vec<Seen> {
        let now = self.clock.now();
        self.places.iter_mut().flatten().map(|(_, viewer)| viewer.tally.close_window(now)).collect()
    }

    /// One pass: waits for readable sockets, at most `wait`, and reads them.
    pub(crate) fn turn(&mut self, wait: Duration) -> Result<()> {
        if let Err(error) = self.poll.poll(&mut self.events, Some(wait)) {
            return if error.kind() == std::io::ErrorKind::Interrupted { Ok(()) } else { Err(error.into()) };
        }
        let ready: Vec<usize> = self.events.iter().map(|event| event.token().0).collect();
        let closed: Vec<bool> =
            self.events.iter().map(|event| event.is_read_closed() || event.is_error()).collect();
        for (place, closed) in ready.into_iter().zip(closed) {
            if let Err(error) = self.serve(place, closed) {
                self.fail(place, &error);
            }
        }
        Ok(())
    }

    fn serve(&mut self, place: usize, closed: bool) -> Result<()> {
        let Some((connection, viewer)) = &mut self.places[place] else { return Ok(()) };
        if !connection.stands()? {
            return Ok(());
        }
        let waited = viewer.tally.first_key.is_none();
        loop {
            viewer.drain(connection.out());
            connection.flush()?;
            let Some(bytes) = connection.read(&mut self.buffer)? else { break };
            let count = bytes.len();
            viewer.feed(bytes, self.clock.now(), &mut self.latencies)?;
            viewer.drain(connection.out());
            connection.flush()?;
            // A read that did not fill the buffer has emptied the socket; what comes later is told anew.
            if count < BUFFER && !closed {
                break;
            }
        }
        if waited && let Some(shown) = viewer.tally.first_key {
            self.first_keys.push((shown - viewer.tally.began) as f64 / 1e6);
        }
        self.latencies.truncate(MAX_LATENCIES);
        Ok(())
    }

    fn fail(&mut self, place: usize, error: &anyhow::Error) {
        self.places[place] = None;
        self.lost += 1;
        self.first_error.get_or_insert_with(|| format!("player {place}: {error:#}"));
    }
}

/// The name of the stream with this number.
pub(crate) fn stream_name(number: usize) -> String {
    format!("room{number}")
}
