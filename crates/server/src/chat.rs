//! The chat wire: one WebSocket per user, JSON, as docs/asyncapi.json and docs/en/chat-wire.md say.
//!
//! ```text
//! http ─► open (origin, handshake) ─► shard thread: reads, takes frames apart ─► room::Room
//!                                          ▲ mail: answers, batches                  │
//!                                          └───────────── Outlet ◄───────────────────┘
//! ```
//!
//! The price of a room is one write per member and batch. So a batch is encoded and framed once, a shard writes the same
//! bytes to all its members without a task, a lock or an allocation for each, and a member's backlog is a distance in the
//! hall's list of batches, never a queue.

mod asked;
pub mod asyncapi;
mod conn;
mod hall;
mod hello;
mod open;
mod order;
mod shard;
mod stay;
mod wire;

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use bytes::Bytes;
use control::person::Role;
use control::room::feed::Batch;
use control::room::reject::Code;
use mio::{Poll, Waker};
use tracing::error;

use crate::app::App;
use crate::net::{Permit, Socket};
use crate::room::{Outlet, Room, Whom};

use stay::{Connected, Stay};

pub use open::{Wanted, request, start};
pub use wire::item;

/// Most shards.
const SHARDS_MAX: usize = 64;

/// Longest message of a client, in bytes.
pub const FRAME_MAX: usize = 64 * 1024;

/// Whatever a client may send in a second, in bytes and in messages.
const INPUT_PER_SECOND: usize = 64 * 1024;
const FRAMES_PER_SECOND: u32 = 20;

/// Until when a client must have said who it is, in milliseconds.
const HELLO_MS: u64 = 10_000;

/// A client that has said nothing for so long is asked whether it is there, in milliseconds.
const PING_MS: u64 = 25_000;

/// One that has said nothing for so long is not.
const SILENT_MS: u64 = 80_000;

/// A client that has taken nothing for so long is let go, in milliseconds.
const STALL_MS: u64 = 10_000;

/// Bytes of answers that wait for a client which does not read.
const OWED_MAX: usize = 256 * 1024;

/// All shards.
#[derive(Debug)]
pub struct Chats {
    shards: Arc<[Arc<Inbox>]>,
    /// Until the threads take them.
    polls: Mutex<Vec<Poll>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// The way from rooms to the clients of this wire.
#[derive(Debug)]
struct Way {
    shards: Arc<[Arc<Inbox>]>,
}

/// What is counted in one shard since the start.
#[derive(Debug, Default)]
pub struct Figures {
    /// Clients at this moment.
    pub connections: AtomicUsize,
    /// Messages that were delivered, each as often as people got it.
    pub deliveries: AtomicU64,
    /// Bytes that were written.
    pub bytes: AtomicU64,
    /// Times that a slow client was moved past batches.
    pub skips: AtomicU64,
    /// Clients that were let go because they took nothing, or sent too much.
    pub let_go: AtomicU64,
}

/// The side of a shard that other threads may touch.
#[derive(Debug)]
struct Inbox {
    mail: hub::Inbox<Order, Bell>,
    /// Its place among the shards.
    number: u32,
    figures: Figures,
    /// Set before the order to stop, which a panic may lose.
    stopping: AtomicBool,
    /// Nobody opens the mail any more.
    ended: AtomicBool,
}

impl Inbox {
    fn new(mail: hub::Inbox<Order, Bell>, number: u32) -> Inbox {
        Inbox {
            mail,
            number,
            figures: Figures::default(),
            stopping: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        }
    }

    /// Leaves an order. After the end of the thread it is dropped, and with it what it holds: sockets close, seats are given back.
    fn order(&self, order: Order) {
        self.mail.order(order);
        // In this order: an order that the end below did not find finds the end here.
        if self.ended.load(Ordering::SeqCst) {
            self.end();
        }
    }

    fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        drop(self.mail.open(&mut Vec::new()));
    }
}

#[derive(Debug)]
struct Bell(Waker);

impl hub::Wake for Bell {
    fn wake(&self) {
        if let Err(error) = self.0.wake() {
            error!(%error, "a chat thread cannot be woken");
        }
    }
}

/// A connection of a shard: its place, and a number that no later one in that place has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    at: usize,
    number: u64,
}

/// What others ask of a shard.
enum Order {
    /// Takes a client over.
    Arrive(Box<Arrival>, Connected),
    /// Its hello was good: this is its welcome, and its room's batches follow.
    Seat(Key, Box<Seat>),
    /// An answer to a client.
    Tell(Key, Bytes),
    /// The last that a client is told.
    End(Key, Bytes),
    /// To everybody in a room: so many messages in so many bytes.
    Batch(Arc<Room>, Bytes, u32),
    /// Ends connections in a room.
    Remove(Arc<Room>, Whom, Code),
    /// Tells everybody in a room, or some there, to come back, and ends.
    SendAway(Arc<Room>, Option<Whom>),
    /// Tells everybody to come back later, and ends.
    Stop,
}

struct Arrival {
    socket: Socket,
    owed: Bytes,
    /// What the client said before it had the answer to its handshake.
    early: Bytes,
    permit: Permit,
    peer: std::net::IpAddr,
}

/// Where a client sits.
struct Seat {
    stay: Stay,
    role: Role,
    guest: bool,
    welcome: Bytes,
}

impl std::fmt::Debug for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Order::Arrive(..) => "Arrive",
            Order::Seat(..) => "Seat",
            Order::Tell(..) => "Tell",
            Order::End(..) => "End",
            Order::Batch(..) => "Batch",
            Order::Remove(..) => "Remove",
            Order::SendAway(..) => "SendAway",
            Order::Stop => "Stop",
        })
    }
}

impl Chats {
    /// So many shards, which do not run yet.
    pub fn new(shards: usize) -> io::Result<Chats> {
        let (mut inboxes, mut polls) = (Vec::new(), Vec::new());
        // Rooms remember who has people of theirs in the bits of a number.
        for number in 0..u32::try_from(shards.clamp(1, SHARDS_MAX)).unwrap_or(1) {
            let poll = Poll::new()?;
            let mail = hub::Inbox::new(Bell(Waker::new(poll.registry(), shard::WAKE)?));
            inboxes.push(Arc::new(Inbox::new(mail, number)));
            polls.push(poll);
        }
        Ok(Chats { shards: inboxes.into(), polls: Mutex::new(polls), threads: Mutex::default() })
    }

    /// Starts the threads. Called within the runtime, once.
    pub fn start(&self, app: &Arc<App>) -> io::Result<()> {
        app.rooms.set_outlet(Arc::new(Way { shards: self.shards.clone() }));
        let polls = std::mem::take(&mut *self.polls.lock().unwrap_or_else(PoisonError::into_inner));
        for (poll, inbox) in polls.into_iter().zip(&*self.shards) {
            let (theirs, app, clock) = (inbox.clone(), Arc::downgrade(app), app.clock.clone());
            let runtime = tokio::runtime::Handle::current();
            let thread = std::thread::Builder::new()
                .name(format!("chat-{}", inbox.number))
                .spawn(move || shard::run(poll, theirs, app, clock, runtime))?;
            self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        }
        Ok(())
    }

    /// What each shard has done.
    pub fn figures(&self) -> impl Iterator<Item = &Figures> {
        self.shards.iter().map(|inbox| &inbox.figures)
    }

    /// Tells everybody to come back later and waits for the threads to end, which is a matter of seconds.
    pub fn stop(&self) {
        for inbox in &*self.shards {
            inbox.stopping.store(true, Ordering::SeqCst);
            inbox.order(Order::Stop);
        }
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                error!("a chat thread ended in a panic; its clients were cut off");
            }
        }
    }

    /// Whether everybody is being told to come back later.
    pub fn is_stopping(&self) -> bool {
        self.shards.iter().any(|inbox| inbox.stopping.load(Ordering::SeqCst))
    }

    /// Gives a client to the shard that has the fewest.
    fn attach(&self, arrival: Arrival) {
        let running = self.shards.iter().filter(|inbox| !inbox.ended.load(Ordering::SeqCst));
        let fewest = running.min_by_key(|inbox| inbox.figures.connections.load(Ordering::Relaxed));
        if let Some(inbox) = fewest {
            // Counted here, so that a thousand who come at once are spread too.
            let connected = Connected::new(inbox.clone());
            inbox.order(Order::Arrive(Box::new(arrival), connected));
        }
    }
}

impl Outlet for Way {
    fn batch(&self, room: &Arc<Room>, batch: &Batch) {
        let (bytes, items) = (wire::batch(batch), u32::try_from(batch.items.len()).unwrap_or(u32::MAX));
        for inbox in self.with(room) {
            inbox.order(Order::Batch(room.clone(), bytes.clone(), items));
        }
    }

    fn remove(&self, room: &Arc<Room>, whom: &Whom, code: Code) {
        for inbox in self.with(room) {
            inbox.order(Order::Remove(room.clone(), whom.clone(), code));
        }
    }

    fn send_away(&self, room: &Arc<Room>, whom: Option<&Whom>) {
        self.with(room).for_each(|inbox| inbox.order(Order::SendAway(room.clone(), whom.cloned())));
    }
}

impl Way {
    /// The shards that have people in a room, or had.
    fn with(&self, room: &Room) -> impl Iterator<Item = &Arc<Inbox>> {
        let parts = room.parts.load(Ordering::Relaxed);
        self.shards.iter().filter(move |inbox| parts & (1 << inbox.number) != 0)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::{IpAddr, Ipv4Addr};
    use std::os::unix::net::UnixStream;
    use std::sync::Weak;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::clock::Clock;
    use crate::net::Permits;

    #[tokio::test]
    async fn the_end_waits_for_no_newcomer_and_a_shard_that_has_ended_takes_none() {
        let chats = Arc::new(Chats::new(1).unwrap());
        let (poll, inbox) = (chats.polls.lock().unwrap().pop().unwrap(), chats.shards[0].clone());
        let runtime = tokio::runtime::Handle::current();
        let thread = move || shard::run(poll, inbox, Weak::new(), Clock::system(), runtime);
        chats.threads.lock().unwrap().push(std::thread::spawn(thread));
        let permits = Permits::new(0, 0);
        let come = || {
            let (ours, theirs) = UnixStream::pair().unwrap();
            let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
            chats.attach(Arrival {
                socket: Socket::pair(theirs).unwrap(),
                owed: Bytes::new(),
                early: Bytes::new(),
                permit: permits.take(peer).unwrap(),
                peer,
            });
            ours
        };
        let (mut held, began) = (vec![come()], Instant::now());
        let stop = std::thread::spawn({
            let chats = chats.clone();
            move || chats.stop()
        });
        // None of them closes what they are told to close, and others come all the time.
        while !stop.is_finished() {
            assert!(began.elapsed() < Duration::from_secs(6), "the end does not come");
            held.push(come());
            std::thread::sleep(Duration::from_millis(50));
        }
        held.push(come());
        for mut client in held {
            client.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
            client.read_to_end(&mut Vec::new()).unwrap();
        }
        assert_eq!(permits.held(), 0);
    }
}
