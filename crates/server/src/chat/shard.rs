//! A shard: one thread, its clients, and the loop that reads from them and writes to them.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use control::room::reject::{Code, Reject};
use mio::event::Event;
use mio::{Events, Interest, Poll, Token};
use slab::Slab;
use tokio::runtime::Handle;
use tracing::{debug, error};

use super::asked::{self, Asked};
use super::conn::{Conn, FAREWELL_MS, Fate, Place, Seated};
use super::hall::Hall;
use super::{Arrival, Connected, HELLO_MS, Inbox, Key, Order, Seat, hello, order, wire};
use crate::app::App;
use crate::clock::Clock;
use crate::http::websocket::messages::POLICY;
use crate::room::{Counted, Room, Whom};

/// The token of the waker; clients have the numbers below it.
pub(super) const WAKE: Token = Token(usize::MAX);

/// Between two rounds of keep-alives and time-outs.
const TICK: Duration = Duration::from_secs(1);

/// Socket events taken from the kernel at a time.
const EVENTS: usize = 1024;

/// Clients who are written to before the shard looks at its sockets and its mail again.
const SWEEP: usize = 256;

/// How long a shard that was told to stop goes on at most: everybody has had time to read that.
const LAST: Duration = Duration::from_millis(FAREWELL_MS + 1_000);

/// After how long a client is to come back at the soonest, in milliseconds.
const BACK_MS: u64 = 500;

/// Over how long clients are to come back when the server stops or a room has to begin anew, in milliseconds.
const RETURN_MS: u64 = 5_000;

/// WebSocket close codes: the server restarts; all is well.
const RESTART: u16 = 1012;

/// After how long whoever spoke before the welcome may try again, in milliseconds.
const EARLY_MS: u64 = 500;

struct Shard {
    poll: Poll,
    inbox: Arc<Inbox>,
    app: Weak<App>,
    clock: Clock,
    runtime: Handle,
    conns: Slab<Conn>,
    next_number: u64,
    halls: Slab<Hall>,
    /// Halls by the number of their room.
    hall_of: HashMap<u64, usize>,
    /// Halls that have something to send, each once.
    due: VecDeque<usize>,
    scratch: Box<[u8]>,
    texts: Vec<String>,
    /// When it is to end at the latest, from when it was told to stop.
    stopping: Option<Instant>,
}

impl Drop for Shard {
    fn drop(&mut self) {
        self.inbox.end();
    }
}

/// Runs a shard until it is told to stop and its clients are gone. A panic is a bug of ours: it costs the clients that the shard
/// has, who come back and get what they missed.
pub(super) fn run(poll: Poll, inbox: Arc<Inbox>, app: Weak<App>, clock: Clock, runtime: Handle) {
    let mut shard = Shard {
        poll,
        inbox,
        app,
        clock,
        runtime,
        conns: Slab::new(),
        next_number: 0,
        halls: Slab::new(),
        hall_of: HashMap::new(),
        due: VecDeque::new(),
        scratch: vec![0; 16 * 1024].into(),
        texts: Vec::new(),
        stopping: None,
    };
    while catch_unwind(AssertUnwindSafe(|| shard.serve())).is_err() {
        shard.begin_anew();
    }
}

impl Shard {
    fn serve(&mut self) {
        let mut events = Events::with_capacity(EVENTS);
        let mut news = Vec::new();
        let mut next_tick = Instant::now() + TICK;
        while !self.is_over() {
            let wait = match self.due.is_empty() {
                true => next_tick.saturating_duration_since(Instant::now()),
                false => Duration::ZERO,
            };
            if let Err(error) = self.poll.poll(&mut events, Some(wait))
                && error.kind() != std::io::ErrorKind::Interrupted
            {
                error!(%error, "a chat thread cannot wait for its sockets");
                return;
            }
            for order in self.inbox.mail.open(&mut news) {
                self.take(order);
            }
            for event in &events {
                if event.token() != WAKE {
                    self.handle(event);
                }
            }
            self.sweep();
            if Instant::now() >= next_tick {
                next_tick = Instant::now() + TICK;
                self.tick();
            }
        }
    }

    fn is_over(&self) -> bool {
        self.stopping.is_some_and(|until| self.conns.is_empty() || Instant::now() >= until)
    }

    /// After a panic nothing of what the shard has can be relied on: it is given back, and the sockets close. Numbers go on, so that
    /// what is still on its way to a client that is gone reaches no other.
    fn begin_anew(&mut self) {
        let conns = std::mem::take(&mut self.conns);
        error!(clients = conns.len(), "a panic in a chat thread: its clients are cut off and come back");
        let now_ms = self.clock.now_ms();
        for (_, mut conn) in conns {
            let _ = self.poll.registry().deregister(conn.socket.source());
            if let Place::Seated(seated) = conn.place {
                seated.stay.end(now_ms.saturating_sub(seated.since_ms));
            }
        }
        self.halls = Slab::new();
        self.hall_of.clear();
        self.due.clear();
        self.texts = Vec::new();
        if self.inbox.stopping.load(Ordering::SeqCst) {
            self.stopping.get_or_insert_with(|| Instant::now() + LAST);
        }
    }

    fn take(&mut self, order: Order) {
        match order {
            Order::Arrive(arrival, connected) => self.arrive(*arrival, connected),
            Order::Seat(key, seat) => self.seat(key, *seat),
            Order::Tell(key, bytes) => self.tell(key, bytes),
            Order::End(key, bytes) => {
                if self.conn(key).is_some() {
                    self.end(key.at, bytes, POLICY, "");
                }
            }
            Order::Batch(room, bytes, items) => self.batch(&room, bytes, items),
            Order::Remove(room, whom, code) => self.remove_from(&room, &whom, code),
            Order::SendAway(room, whom) => self.send_away(&room, whom.as_ref()),
            Order::Stop => self.stop(),
        }
    }

    /// The client, unless it is gone and its place another's.
    fn conn(&mut self, key: Key) -> Option<&mut Conn> {
        self.conns.get_mut(key.at).filter(|conn| conn.number == key.number)
    }

    fn arrive(&mut self, arrival: Arrival, connected: Connected) {
        let Arrival { socket, owed, early, permit, peer } = arrival;
        let now_ms = self.clock.now_ms();
        self.next_number += 1;
        let mut conn = Conn::new(socket, (owed, early), (permit, connected), self.next_number, peer, now_ms);
        let slot = self.conns.vacant_entry();
        let at = slot.key();
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.poll.registry().register(conn.socket.source(), Token(at), interest) {
            error!(%error, "a chat client's socket cannot be watched: is the descriptor limit reached?");
            return;
        }
        slot.insert(conn);
        if self.stopping.is_some() {
            self.say_goodbye(at);
        }
        self.flush(at);
        self.listen(at);
    }

    fn seat(&mut self, key: Key, seat: Seat) {
        let Seat { stay, role, guest, welcome } = seat;
        let now_ms = self.clock.now_ms();
        if !self.conn(key).is_some_and(|conn| matches!(conn.place, Place::Waiting(_))) {
            return;
        }
        let new = || self.halls.insert(Hall::new(stay.room.clone()));
        let hall = *self.hall_of.entry(stay.room.number).or_insert_with(new);
        let (Some(hall_of), Some(conn)) = (self.halls.get_mut(hall), self.conns.get_mut(key.at)) else {
            return;
        };
        let (index, next) = (hall_of.members.len(), hall_of.end());
        hall_of.members.push(key.at);
        conn.place = Place::Seated(Seated { hall, index, next, stay, role, guest, since_ms: now_ms });
        conn.owe(welcome);
        self.flush(key.at);
    }

    fn tell(&mut self, key: Key, bytes: Bytes) {
        if let Some(conn) = self.conn(key) {
            conn.owe(bytes);
            self.flush(key.at);
        }
    }

    fn batch(&mut self, room: &Room, bytes: Bytes, items: u32) {
        #[cfg(test)]
        crate::bug::strike_bytes(crate::bug::CHAT, &bytes);
        let Some(&at) = self.hall_of.get(&room.number) else { return };
        let Some(hall) = self.halls.get_mut(at) else { return };
        if hall.push(bytes, items) {
            self.due.push_back(at);
        }
    }

    fn remove_from(&mut self, room: &Room, whom: &Whom, code: Code) {
        for at in self.members_of(room, Some(whom)) {
            self.end(at, wire::bye(code, None), POLICY, code.word());
        }
    }

    fn send_away(&mut self, room: &Room, whom: Option<&Whom>) {
        for at in self.members_of(room, whom) {
            // Some are no crowd.
            let wait_ms = if whom.is_some() { BACK_MS } else { back_ms(at) };
            self.end(at, wire::go_away(wait_ms, Code::Unavailable.word()), RESTART, "room");
        }
    }

    /// Those of a room who are meant, or all.
    fn members_of(&self, room: &Room, whom: Option<&Whom>) -> Vec<usize> {
        let is_meant = |conn: &Conn| match (whom, &conn.place) {
            (None, _) => true,
            (Some(Whom::User(user)), Place::Seated(seated)) => *seated.stay.user == **user,
            (Some(Whom::Address(address)), _) => conn.peer == *address,
            (Some(Whom::User(_)), _) => false,
        };
        let hall = self.hall_of.get(&room.number).and_then(|at| self.halls.get(*at));
        let members = hall.into_iter().flat_map(|hall| hall.members.iter().copied());
        members.filter(|at| self.conns.get(*at).is_some_and(is_meant)).collect()
    }

    /// Writes batches to some of those who wait for them: whole small halls, parts of big ones, in turn.
    fn sweep(&mut self) {
        let now_ms = self.clock.now_ms();
        let mut left = SWEEP;
        while left > 0
            && let Some(at) = self.due.pop_front()
        {
            left -= self.sweep_hall(at, left, now_ms).min(left);
            if self.halls.get_mut(at).is_some_and(Hall::settle) {
                self.due.push_back(at);
            }
        }
    }

    /// Writes to the next `most` members of a hall. Returns how many that were, and at least one.
    fn sweep_hall(&mut self, at: usize, most: usize, now_ms: u64) -> usize {
        let (mut gone, mut count) = (Vec::new(), 0);
        if let Some(hall) = self.halls.get_mut(at) {
            let range = hall.take_turn(most);
            let to = range.end;
            count = range.len();
            let figures = &self.inbox.figures;
            for &member in hall.members.get(range).unwrap_or_default() {
                let Some(conn) = self.conns.get_mut(member) else { continue };
                match catch_unwind(AssertUnwindSafe(|| conn.catch_up(hall, figures, now_ms))) {
                    Ok(Fate::Stays | Fate::Leaves) => {}
                    Ok(Fate::Gone) => gone.push(member),
                    Err(_) => {
                        error!(room = %hall.room.id, "a panic while writing to a chat client: it is cut off");
                        gone.push(member);
                    }
                }
            }
            if to == hall.members.len() {
                let next = |member: &usize| self.conns.get(*member).and_then(Conn::next);
                hall.needed = hall.members.iter().filter_map(next).min();
            }
        }
        gone.into_iter().for_each(|member| self.remove(member));
        count.max(1)
    }

    fn handle(&mut self, event: &Event) {
        let at = event.token().0;
        if event.is_writable()
            && let Some(conn) = self.conns.get_mut(at)
        {
            conn.note_writable();
            self.flush(at);
        }
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            self.listen(at);
        }
    }

    /// Hears what a client has said.
    fn listen(&mut self, at: usize) {
        let now_ms = self.clock.now_ms();
        let Some(conn) = self.conns.get_mut(at) else { return };
        let number = conn.number;
        let mut texts = std::mem::take(&mut self.texts);
        let fate = conn.read(&mut self.scratch, now_ms, &mut texts);
        for text in texts.drain(..) {
            let key = Key { at, number };
            if self.conn(key).is_none() {
                break;
            }
            if catch_unwind(AssertUnwindSafe(|| self.hear(key, &text))).is_err() {
                error!("a panic while reading what a chat client said: it is cut off");
                self.remove(at);
            }
        }
        self.texts = texts;
        if self.conn(Key { at, number }).is_none() {
            return;
        }
        match fate {
            Fate::Gone => return self.remove(at),
            Fate::Leaves => self.let_leave(at),
            Fate::Stays => {}
        }
        self.flush(at);
    }

    /// A client said something.
    fn hear(&mut self, key: Key, text: &str) {
        let now_ms = self.clock.now_ms();
        let Some(conn) = self.conn(key) else { return };
        let peer = conn.peer;
        let seated = match &conn.place {
            Place::Seated(seated) => Some((seated.stay.user.clone(), seated.hall, seated.role, seated.guest)),
            Place::Door(_) => None,
            Place::Waiting(_) => return self.tell_early(key, text),
            Place::Leaving(_) => return,
        };
        let Some((user, hall, role, guest)) = seated else {
            return match asked::parse(text, "") {
                Ok(Asked::Hello(asked)) => {
                    conn.place = Place::Waiting(now_ms + HELLO_MS);
                    let (app, inbox) = (self.app.clone(), self.inbox.clone());
                    self.runtime.spawn(hello::greet(app, inbox, key, asked, peer));
                }
                Ok(_) => {
                    let why = ("the first frame must be a hello", "第一帧必须是 hello");
                    self.end(key.at, wire::bye(Code::Bad, Some(why)), POLICY, "hello");
                }
                Err(told) => self.end(
                    key.at,
                    wire::bye(Code::Bad, Some((&told.why, Code::Bad.message_zh()))),
                    POLICY,
                    "hello",
                ),
            };
        };
        let Some(room) = self.halls.get(hall).map(|hall| hall.room.clone()) else { return };
        let inbox = self.inbox.clone();
        let asked = match asked::parse(text, &user) {
            Ok(asked) => asked,
            Err(told) => {
                let reject = Reject::new(Code::Bad);
                let told = wire::reject_frame(told.cid.as_deref(), &reject, Some(&told.why));
                return self.tell(key, told);
            }
        };
        match asked {
            Asked::Say(say) => {
                let cid = say.cid.clone();
                room.say(
                    *say,
                    Box::new(move |said| {
                        inbox.order(Order::Tell(key, wire::answer(&cid, &said)));
                    }),
                );
            }
            Asked::Like(times) => room.like(times),
            Asked::Resume(seq) => room.since(
                seq,
                Box::new(move |missed| {
                    inbox.order(Order::Tell(key, wire::resumed(missed.as_deref())));
                }),
            ),
            Asked::Ping => {
                let pong = wire::pong(self.clock.unix_ms());
                self.tell(key, pong);
            }
            Asked::Claim(cid, _) | Asked::Do(cid, _) if guest => {
                let reject = Reject::new(Code::NotAllowed);
                self.tell(key, wire::reject_frame(Some(&cid), &reject, None));
            }
            Asked::Claim(cid, gift) => {
                self.runtime.spawn(order::claim(self.app.clone(), inbox, key, room, user, cid, gift));
            }
            Asked::Do(cid, asked) if role < order::least(&asked.what) => {
                let reject = Reject::new(Code::NotAllowed);
                self.tell(key, wire::reject_frame(Some(&cid), &reject, None));
            }
            Asked::Do(cid, asked) => {
                self.runtime.spawn(order::carry_out(
                    self.app.clone(),
                    inbox,
                    key,
                    room,
                    (user, role),
                    cid,
                    asked,
                ));
            }
            Asked::Share => room.count(Counted::Share),
            Asked::Goods(id) => room.count(Counted::Goods(id)),
            Asked::Hello(_) => {
                let reject = Reject::new(Code::Bad);
                let told =
                    wire::reject_frame(None, &reject, Some("you are in already: one room per connection"));
                self.tell(key, told);
            }
        }
    }

    /// Nothing is lost: whoever spoke before the welcome is told so.
    fn tell_early(&mut self, key: Key, text: &str) {
        let cid = asked::parse(text, "").map_or_else(|told| told.cid, Asked::cid);
        let early = Reject::until(Code::Unavailable, EARLY_MS);
        self.tell(key, wire::reject_frame(cid.as_deref(), &early, Some("wait for the welcome")));
    }

    fn tick(&mut self) {
        let now_ms = self.clock.now_ms();
        let ends: Vec<(usize, &'static str)> =
            self.conns.iter_mut().filter_map(|(at, conn)| conn.tick(now_ms).map(|why| (at, why))).collect();
        for (at, why) in ends {
            if why != "left" {
                debug!(why, "a chat client is let go");
                self.inbox.figures.let_go.fetch_add(1, Ordering::Relaxed);
            }
            self.remove(at);
        }
        let owing: Vec<usize> = self.conns.iter().filter(|(_, conn)| conn.owes()).map(|(at, _)| at).collect();
        owing.into_iter().for_each(|at| self.flush(at));
    }

    fn stop(&mut self) {
        self.stopping.get_or_insert_with(|| Instant::now() + LAST);
        let all: Vec<usize> = self.conns.iter().map(|(at, _)| at).collect();
        for at in all {
            self.say_goodbye(at);
        }
    }

    fn say_goodbye(&mut self, at: usize) {
        let last = wire::go_away(back_ms(at), "the server restarts / 服务器重启");
        self.end(at, last, RESTART, "restart");
    }

    /// Tells a client the end. It leaves its room now, and its place when it has read that.
    fn end(&mut self, at: usize, last: Bytes, code: u16, reason: &str) {
        self.unseat(at);
        let now_ms = self.clock.now_ms();
        if let Some(conn) = self.conns.get_mut(at) {
            conn.leave(last, code, reason, now_ms);
            self.flush(at);
        }
    }

    /// A client that goes gives up its seat at once: its place among the connections is another's soon.
    fn let_leave(&mut self, at: usize) {
        self.unseat(at);
        let now_ms = self.clock.now_ms();
        if let Some(conn) = self.conns.get_mut(at) {
            conn.begin_leaving(now_ms);
        }
    }

    /// Writes what a client is owed, and the batches that it waits for.
    fn flush(&mut self, at: usize) {
        let now_ms = self.clock.now_ms();
        let Some(conn) = self.conns.get_mut(at) else { return };
        let figures = &self.inbox.figures;
        let mut fate = conn.flush(figures, now_ms);
        let hall = match &conn.place {
            Place::Seated(seated) => self.halls.get(seated.hall),
            _ => None,
        };
        if let Some(hall) = hall.filter(|_| fate == Fate::Stays) {
            fate = conn.catch_up(hall, figures, now_ms);
        }
        if fate == Fate::Gone {
            self.remove(at);
        }
    }

    fn unseat(&mut self, at: usize) {
        let now_ms = self.clock.now_ms();
        let Some(conn) = self.conns.get_mut(at) else { return };
        if !matches!(conn.place, Place::Seated(_)) {
            return;
        }
        let Place::Seated(seated) = std::mem::replace(&mut conn.place, Place::Waiting(now_ms)) else {
            return;
        };
        let Seated { hall: of, index, stay, since_ms, .. } = seated;
        stay.end(now_ms.saturating_sub(since_ms));
        let Some(hall) = self.halls.get_mut(of) else { return };
        hall.members.swap_remove(index);
        hall.moved = true;
        if let Some(moved) = hall.members.get(index)
            && let Some(Place::Seated(moved)) = self.conns.get_mut(*moved).map(|conn| &mut conn.place)
        {
            moved.index = index;
        }
        if hall.members.is_empty() {
            self.hall_of.remove(&hall.room.number);
            self.halls.remove(of);
            self.due.retain(|due| *due != of);
        }
    }

    fn remove(&mut self, at: usize) {
        self.unseat(at);
        let Some(mut conn) = self.conns.try_remove(at) else { return };
        let _ = self.poll.registry().deregister(conn.socket.source());
    }
}

/// After how long a client is to come back, in milliseconds. Spread evenly over the time; which of them comes first does not matter.
fn back_ms(at: usize) -> u64 {
    BACK_MS + (at as u64).wrapping_mul(0x9E37_79B9) % RETURN_MS
}
