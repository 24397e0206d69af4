//! All members of a room with their sockets, on one mio loop.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use mio::{Events, Poll, Token};

use crate::connection::Connection;
use crate::source::Clock;
use crate::wire::{Count, Member, Wire};

/// How long coming in, and the last messages, may take.
const PATIENCE: Duration = Duration::from_secs(30);

const BUFFER: usize = 256 * 1024;

/// All members, each in a place.
pub(super) struct Seats {
    poll: Poll,
    events: Events,
    clock: Clock,
    seats: Vec<Option<Seat>>,
    buffer: Vec<u8>,
    moments: Moments,
    /// Members whose connection ended.
    pub(super) lost: usize,
    pub(super) first_error: Option<String>,
    address: SocketAddr,
}

struct Seat {
    connection: Connection,
    member: Member,
    greeted: bool,
    stalled: bool,
}

#[derive(Debug, Default)]
struct Moments {
    open: bool,
    ms: Vec<f64>,
}

impl Seats {
    /// Nobody yet; everybody will go to this address.
    pub(super) fn new(address: SocketAddr, clock: Clock) -> Result<Seats> {
        Ok(Seats {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            clock,
            seats: Vec::new(),
            buffer: vec![0; BUFFER],
            moments: Moments::default(),
            lost: 0,
            first_error: None,
            address,
        })
    }

    /// How many places there are.
    pub(super) fn len(&self) -> usize {
        self.seats.len()
    }

    /// Somebody comes, into the next place; `sampled`: the moments of their messages are looked at.
    pub(super) fn enter(&mut self, wire: Box<dyn Wire>, sampled: bool) -> Result<()> {
        let seat = self.seat(self.seats.len(), Member::new(wire, sampled))?;
        self.seats.push(Some(seat));
        Ok(())
    }

    /// Everybody is cut off at once; the members are what each had.
    pub(super) fn cut(&mut self) -> Vec<Option<Member>> {
        self.seats.iter_mut().map(|seat| seat.take()?.member.again()).collect()
    }

    /// Somebody comes again, into their own place.
    pub(super) fn come_back(&mut self, place: usize, member: Member) -> Result<()> {
        self.seats[place] = Some(self.seat(place, member)?);
        Ok(())
    }

    /// Somebody reads nothing from now on.
    pub(super) fn stall(&mut self, place: usize) {
        if let Some(Some(seat)) = self.seats.get_mut(place) {
            seat.stalled = true;
        }
    }

    /// Waits for what comes, and takes it.
    pub(super) fn turn(&mut self, wait: Duration) -> Result<()> {
        if let Err(error) = self.poll.poll(&mut self.events, Some(wait)) {
            return if error.kind() == std::io::ErrorKind::Interrupted { Ok(()) } else { Err(error.into()) };
        }
        let ready: Vec<usize> = self.events.iter().map(|event| event.token().0).collect();
        for place in ready {
            if let Err(error) = self.serve(place) {
                self.lose(place, &error);
            }
        }
        Ok(())
    }

    /// Takes what comes for so long.
    pub(super) fn rest(&mut self, time: Duration) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < time {
            self.turn(Duration::from_millis(10))?;
        }
        Ok(())
    }

    /// Takes what comes until this holds.
    pub(super) fn wait(&mut self, what: &str, holds: impl Fn(&Seats) -> bool) -> Result<()> {
        let start = Instant::now();
        while !holds(self) {
            ensure!(start.elapsed() < PATIENCE, "{what} did not come in time: {:?}", self.first_error);
            self.turn(Duration::from_millis(10))?;
        }
        Ok(())
    }

    /// Somebody sends what `put` puts there, if they are in. Returns whether they are.
    pub(super) fn send(&mut self, place: usize, put: impl FnOnce(&mut Member, &mut Vec<u8>)) -> bool {
        let Some(Some(seat)) = self.seats.get_mut(place) else { return false };
        if !seat.member.count.ready {
            return false;
        }
        put(&mut seat.member, seat.connection.out());
        if let Err(error) = seat.connection.flush() {
            self.lose(place, &error);
        }
        true
    }

    /// Of all who are there.
    pub(super) fn counts(&self) -> impl Iterator<Item = &Count> {
        self.seats.iter().flatten().map(|seat| &seat.member.count)
    }

    /// From now on it is written down how long messages took.
    pub(super) fn open_window(&mut self) {
        self.moments.open = true;
    }

    /// How long messages took, in milliseconds.
    pub(super) fn took_ms(&mut self) -> &mut [f64] {
        &mut self.moments.ms
    }

    fn seat(&self, place: usize, member: Member) -> Result<Seat> {
        let connection = Connection::open(self.poll.registry(), Token(place), self.address)?;
        Ok(Seat { connection, member, greeted: false, stalled: false })
    }

    fn lose(&mut self, place: usize, error: &anyhow::Error) {
        self.seats[place] = None;
        self.lost += 1;
        self.first_error.get_or_insert_with(|| format!("member {place}: {error:#}"));
    }

    fn serve(&mut self, place: usize) -> Result<()> {
        let Some(seat) = &mut self.seats[place] else { return Ok(()) };
        if !seat.connection.stands()? {
            return Ok(());
        }
        if !seat.greeted {
            seat.greeted = true;
            seat.member.open(seat.connection.out());
        }
        seat.connection.flush()?;
        let mut answer = Vec::new();
        while !seat.stalled
            && let Some(bytes) = seat.connection.read(&mut self.buffer)?
        {
            let (now, moments) = (self.clock.now(), &mut self.moments);
            seat.member.feed(bytes, &mut answer, &mut |moment| {
                if moments.open {
                    moments.ms.push(now.saturating_sub(moment) as f64 / 1e6);
                }
            })?;
        }
        if !answer.is_empty() {
            seat.connection.out().extend_from_slice(&answer);
            seat.connection.flush()?;
        }
        Ok(())
    }
}
