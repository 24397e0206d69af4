//! The handle by which the rest of the server gives viewers to the shards.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use bytes::Bytes;
use hub::{Lag, Profile, Stream, Wake};
use mio::{Poll, Waker};
use tracing::error;

use super::shard::{self, WAKE};
use super::window::Law;
use super::{Egress, Figures};
use crate::clock::Clock;
use crate::net::{Permit, Socket};
use crate::sessions::{self as session, Session};

/// How the shards treat their viewers.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Threads that write to viewers; each has its own share of them.
    pub shards: usize,
    /// When to merge frames into one write.
    pub law: Law,
    /// How far behind a viewer may be.
    pub lag: Lag,
    /// A viewer whose socket takes nothing for so long is let go, in milliseconds.
    pub stall_ms: u64,
}

/// A viewer that has been let in and has been told so, on its way to a shard.
pub struct Arrival {
    /// Its connection.
    pub socket: Socket,
    /// Bytes that it is still to be sent before anything else.
    pub owed: Vec<Bytes>,
    /// What it watches.
    pub stream: Arc<Stream>,
    /// How it trades delay for smoothness.
    pub profile: Profile,
    /// Its wire format.
    pub egress: Box<dyn Egress>,
    /// Its place in the count of connections.
    pub permit: Permit,
    /// Its place among the sessions.
    pub seat: session::Seat,
}

/// What a viewer keeps until it leaves: its place in the count and among the sessions.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) _permit: Permit,
    seat: session::Seat,
}

impl Ticket {
    pub(super) fn new(permit: Permit, seat: session::Seat) -> Ticket {
        Ticket { _permit: permit, seat }
    }

    pub(super) fn session(&self) -> &Session {
        self.seat.session()
    }
}

/// What others ask of a shard.
pub(super) enum Order {
    /// Takes a viewer over.
    Arrive(Box<Arrival>),
    /// Says goodbye to every viewer, and ends.
    Stop,
}

/// The side of a shard that other threads may touch.
#[derive(Debug)]
pub(super) struct Inbox {
    pub(super) mail: Arc<hub::Inbox<Order, Bell>>,
    pub(super) viewers: AtomicUsize,
    /// A copy that the shard renews once a second.
    pub(super) figures: Mutex<Figures>,
}

/// Wakes a shard, and is remembered by one that is awake.
#[derive(Debug)]
pub(super) struct Bell(Waker);

impl Wake for Bell {
    fn wake(&self) {
        if let Err(error) = self.0.wake() {
            error!(%error, "a fan-out thread cannot be woken");
        }
    }
}

impl std::fmt::Debug for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Order::Arrive(_) => "Arrive",
            Order::Stop => "Stop",
        })
    }
}

impl Inbox {
    /// The inbox of the shard that waits at `poll`.
    pub(super) fn new(poll: &Poll) -> io::Result<Inbox> {
        let bell = Bell(Waker::new(poll.registry(), WAKE)?);
        let mail = Arc::new(hub::Inbox::new(bell));
        Ok(Inbox { mail, viewers: AtomicUsize::new(0), figures: Mutex::default() })
    }

    /// Leaves a viewer for the shard.
    pub(super) fn attach(&self, arrival: Arrival) {
        // Counted here and not on arrival, so that a thousand viewers who come at once are spread too.
        self.viewers.fetch_add(1, Ordering::Relaxed);
        self.mail.order(Order::Arrive(Box::new(arrival)));
    }
}

/// All shards. Dropping it without [`Fanout::stop`] leaves the threads to the end of the process.
#[derive(Debug)]
pub struct Fanout {
    inboxes: Vec<Arc<Inbox>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Fanout {
    /// Starts the shards.
    pub fn start(settings: &Settings, clock: &Clock) -> io::Result<Fanout> {
        let mut inboxes = Vec::new();
        let mut threads = Vec::new();
        for number in 0..settings.shards.max(1) {
            let poll = Poll::new()?;
            let inbox = Arc::new(Inbox::new(&poll)?);
            let (settings, clock, theirs) = (settings.clone(), clock.clone(), inbox.clone());
            let thread = std::thread::Builder::new()
                .name(format!("fanout-{number}"))
                .spawn(move || shard::run(poll, theirs, settings, clock))?;
            inboxes.push(inbox);
            threads.push(thread);
        }
        Ok(Fanout { inboxes, threads: Mutex::new(threads) })
    }

    /// Gives a viewer to the shard that has the fewest.
    pub fn attach(&self, arrival: Arrival) {
        let fewest = self.inboxes.iter().min_by_key(|inbox| inbox.viewers.load(Ordering::Relaxed));
        if let Some(inbox) = fewest {
            inbox.attach(arrival);
        }
    }

    /// What each shard has done, as of about a second ago.
    pub fn figures(&self) -> Vec<Figures> {
        let of = |inbox: &Arc<Inbox>| Figures {
            viewers: inbox.viewers.load(Ordering::Relaxed),
            ..inbox.figures.lock().unwrap_or_else(PoisonError::into_inner).clone()
        };
        self.inboxes.iter().map(of).collect()
    }

    /// Says goodbye to every viewer and waits for the threads to end.
    pub fn stop(&self) {
        self.inboxes.iter().for_each(|inbox| inbox.mail.order(Order::Stop));
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                error!("a fan-out thread ended in a panic; its viewers were cut off");
            }
        }
    }
}
