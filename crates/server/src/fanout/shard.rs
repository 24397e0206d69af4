//! A shard: one thread, its viewers, and the loop that writes to them.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use hub::{End, Feed, Phase, Profile, Stream};
use mio::event::Event;
use mio::{Events, Interest, Poll, Token};
use slab::Slab;
use tracing::{debug, error, info};

use super::batch::Batches;
use super::handle::{Arrival, Inbox, Order, Settings, Ticket};
use super::lane::Lane;
use super::viewer::{Fate, Viewer};
use super::window::{Cost, Pass};
use super::{Farewell, Figures};
use crate::clock::Clock;

/// The token of the waker; viewers have the numbers below it.
pub(super) const WAKE: Token = Token(usize::MAX);

/// Between two rounds of keep-alives and time-outs.
const TICK: Duration = Duration::from_secs(1);

/// Between two looks at the load. A thousand viewers who come within a second are seen to come.
const MEASURE: Duration = Duration::from_millis(50);

/// A stream without frames for so long is not part of the load.
const SILENCE: Duration = Duration::from_millis(500);

/// How long a viewer that was said goodbye to may take to read it.
const FAREWELL_MS: u64 = 3_000;

/// Socket events taken from the kernel at a time.
const EVENTS: usize = 1024;

/// How long a shard writes before it looks at its sockets and its inbox again: with thousands of viewers a pass takes
/// tens of milliseconds, and newcomers, news and answers do not wait for its end.
const ROUND: Duration = Duration::from_millis(2);

/// Streams with news per second from which on a shard rests between rounds: to be woken for every frame of hundreds of
/// streams costs more than to write it.
const RESTLESS: u32 = 2_000;

/// How long it rests.
const REST: Duration = Duration::from_millis(1);

/// One stream in this shard.
struct Seat {
    feed: Feed,
    lanes: Vec<Lane>,
    cost: Cost,
    last_frame: Instant,
}

impl Seat {
    fn viewers(&self) -> impl Iterator<Item = usize> {
        self.lanes.iter().flat_map(|lane| &lane.viewers).copied()
    }
}

struct Shard {
    poll: Poll,
    inbox: Arc<Inbox>,
    settings: Settings,
    clock: Clock,
    seats: Slab<Seat>,
    /// Seats by the address of their stream, which the feed keeps alive.
    seat_of: HashMap<usize, usize>,
    viewers: Slab<Viewer>,
    /// The lanes that have frames waiting, each once, by seat and number: the earliest first.
    due: BinaryHeap<Reverse<(Instant, usize, usize)>>,
    window: Duration,
    next_measure: Instant,
    /// Streams that had news since the last measurement.
    news: u32,
    restless: bool,
    scratch: Box<[u8]>,
    stopping: bool,
    figures: Figures,
}

/// Runs a shard until it is told to stop and its viewers are gone.
pub(super) fn run(poll: Poll, inbox: Arc<Inbox>, settings: Settings, clock: Clock) {
    let mut shard = Shard {
        poll,
        inbox,
        settings,
        clock,
        seats: Slab::new(),
        seat_of: HashMap::new(),
        viewers: Slab::new(),
        due: BinaryHeap::new(),
        window: Duration::ZERO,
        next_measure: Instant::now(),
        news: 0,
        restless: false,
        scratch: vec![0; 16 * 1024].into(),
        stopping: false,
        figures: Figures::default(),
    };
    let mut events = Events::with_capacity(EVENTS);
    let mut dirty = Vec::new();
    let mut next_tick = Instant::now() + TICK;
    while !(shard.stopping && shard.viewers.is_empty()) {
        let timeout = shard.timeout(next_tick);
        if timeout.is_zero() {
            // Whoever brings frames may share this core: what comes now goes out with the next lane.
            std::thread::yield_now();
        }
        if let Err(error) = shard.poll.poll(&mut events, Some(timeout))
            && error.kind() != std::io::ErrorKind::Interrupted
        {
            error!(%error, "a fan-out thread cannot wait for its sockets");
            return;
        }
        for order in shard.inbox.mail.open(&mut dirty) {
            match order {
                Order::Arrive(arrival) => shard.arrive(*arrival),
                Order::Stop => shard.stop(),
            }
        }
        shard.news = shard.news.saturating_add(u32::try_from(dirty.len()).unwrap_or(u32::MAX));
        dirty.drain(..).for_each(|seat| shard.refresh(seat));
        for event in &events {
            if event.token() != WAKE {
                shard.handle_event(event);
            }
        }
        shard.flush_due();
        if Instant::now() >= next_tick {
            next_tick = Instant::now() + TICK;
            shard.tick();
        }
    }
}

impl Shard {
    /// How long to wait for sockets and news.
    fn timeout(&self, next_tick: Instant) -> Duration {
        let due = self.due.peek().map_or(next_tick, |Reverse((due, ..))| next_tick.min(*due));
        let timeout = due.saturating_duration_since(Instant::now());
        if self.restless && !timeout.is_zero() {
            self.inbox.mail.hush();
            return timeout.min(REST);
        }
        timeout
    }

    fn arrive(&mut self, arrival: Arrival) {
        let Arrival { socket, owed, stream, profile, egress, permit, seat: place } = arrival;
        let seat = self.seat(&stream);
        let now_ms = self.clock.now_ms();
        let ticket = Ticket::new(permit, place);
        let mut viewer = Viewer::new(socket, egress, profile, seat, ticket, now_ms);
        owed.into_iter().for_each(|bytes| viewer.owe(bytes));
        let slot = self.viewers.vacant_entry();
        let key = slot.key();
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.poll.registry().register(viewer.socket.source(), Token(key), interest) {
            error!(session = viewer.ticket.session().id, %error, "a viewer's socket cannot be watched: is the descriptor limit reached?");
            self.inbox.viewers.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        slot.insert(viewer);
        stream.viewer_joined();
        if let (Some(seat), Some(viewer)) = (self.seats.get_mut(seat), self.viewers.get_mut(key)) {
            viewer.lane = Lane::enter(&mut seat.lanes, profile, key, seat.feed.next_seq());
        }
        // What came since the last flush is for those who were there: the newcomer begins at a key frame of its
        // own choice and is in step with them from the next flush on.
        self.guarded(key, |shard| shard.welcome(key));
        if let Some(viewer) = self.viewers.get(key)
            && let Some(seat) = self.seats.get_mut(viewer.seat)
            && let Some(lane) = seat.lanes.get_mut(viewer.lane)
        {
            lane.note_behind(viewer.behind_from(&seat.feed));
        }
        self.note_join(key);
        if self.stopping {
            self.let_go(key, Farewell::ShuttingDown);
        }
    }

    /// Takes down how long a viewer waited for its first byte, once.
    fn note_join(&mut self, key: usize) {
        let Some(viewer) = self.viewers.get_mut(key) else { return };
        if viewer.sent_bytes > 0 && !viewer.join_noted {
            viewer.join_noted = true;
            let waited_ms = self.clock.now_ms().saturating_sub(viewer.ticket.session().since_ms);
            self.figures.join.observe(Duration::from_millis(waited_ms));
        }
    }

    fn welcome(&mut self, key: usize) -> Fate {
        let Some(viewer) = self.viewers.get_mut(key) else { return Fate::Stays };
        let Some(seat) = self.seats.get_mut(viewer.seat) else { return Fate::Gone };
        viewer.begin(&seat.feed);
        if seat.feed.phase() == Phase::Ended {
            return Fate::LetGo(Farewell::Ended(End::Finished));
        }
        viewer.catch_up(&seat.feed, &self.settings.lag, self.clock.now_ms())
    }

    /// The seat of a stream, taken when its first viewer comes.
    fn seat(&mut self, stream: &Arc<Stream>) -> usize {
        let address = Arc::as_ptr(stream) as usize;
        if let Some(seat) = self.seat_of.get(&address) {
            return *seat;
        }
        let slot = self.seats.vacant_entry();
        let seat = slot.key();
        let feed = Feed::new(stream.clone(), self.inbox.mail.tap(seat));
        slot.insert(Seat { feed, lanes: Vec::new(), cost: Cost::default(), last_frame: Instant::now() });
        self.seat_of.insert(address, seat);
        seat
    }

    /// The stream in this seat has news.
    fn refresh(&mut self, key: usize) {
        let Some(seat) = self.seats.get_mut(key) else { return };
        let needed_from = seat.lanes.iter().map(Lane::needed_from).min();
        seat.feed.keep_from(needed_from.unwrap_or(u64::MAX));
        let new = seat.feed.pull();
        let now = Instant::now();
        if new > 0 {
            seat.cost.note_frames(new, now - seat.last_frame);
            seat.last_frame = now;
            for (number, lane) in seat.lanes.iter_mut().enumerate() {
                let window = match lane.profile {
                    Profile::Live => self.window,
                    Profile::Rtc => self.window.min(self.settings.law.rtc_max),
                };
                if let Some(due) = lane.fall_due(now, window) {
                    self.due.push(Reverse((due, key, number)));
                }
            }
        }
        if seat.feed.phase() == Phase::Ended {
            let keys: Vec<usize> = seat.viewers().collect();
            for key in keys {
                self.guarded(key, |shard| shard.last_frames(key));
                self.let_go(key, Farewell::Ended(End::Finished));
            }
        }
    }

    /// What the stream held when it ended is still for its viewers.
    fn last_frames(&mut self, key: usize) -> Fate {
        let Some(viewer) = self.viewers.get_mut(key) else { return Fate::Stays };
        let Some(seat) = self.seats.get(viewer.seat) else { return Fate::Stays };
        if viewer.closing_until_ms.is_some() {
            return Fate::Stays;
        }
        viewer.catch_up(&seat.feed, &self.settings.lag, self.clock.now_ms())
    }

    /// Writes what is due, the oldest first, for a round.
    fn flush_due(&mut self) {
        let mut now = Instant::now();
        if now >= self.next_measure {
            self.measure(now);
        }
        let end = now + ROUND;
        while now < end
            && let Some(Reverse((due, seat, lane))) = self.due.peek().copied()
            && due <= now
        {
            self.due.pop();
            self.flush(seat, lane, due);
            now = Instant::now();
        }
    }

    /// Takes the load anew, and with it the window.
    fn measure(&mut self, now: Instant) {
        let since = now.saturating_duration_since(self.next_measure) + MEASURE;
        self.restless = f64::from(self.news) > f64::from(RESTLESS) * since.as_secs_f64();
        self.news = 0;
        self.next_measure = now + MEASURE;
        // A stream whose publisher is silent costs nothing, whatever it cost when it was not.
        let lively = self.seats.iter().filter(|(_, seat)| now - seat.last_frame < SILENCE);
        let load = lively.map(|(_, seat)| seat.cost.load(seat.viewers().count())).sum();
        self.window = self.settings.law.window(load);
        (self.figures.load, self.figures.window) = (load, self.window);
    }

    /// Writes to every viewer of one lane, which fell due at `due`.
    fn flush(&mut self, key: usize, number: usize, due: Instant) {
        let Some(seat) = self.seats.get_mut(key) else { return };
        // The seat may be another stream's by now.
        let Some(lane) = seat.lanes.get_mut(number).filter(|lane| lane.is_due(due)) else { return };
        let began = Instant::now();
        let now_ms = self.clock.now_ms();
        // Before anything can panic: whoever comes after a panic is written to like everybody.
        let from = lane.begin_flush(began);
        let mut fates: Vec<(usize, Fate)> = Vec::new();
        let mut behind_from = u64::MAX;
        let (feed, viewers) = (&seat.feed, &lane.viewers);
        let (all, lag) = (&mut self.viewers, &self.settings.lag);
        let pass = catch_unwind(AssertUnwindSafe(|| {
            let mut batches = Batches::new(feed, from);
            for key in viewers {
                let Some(viewer) = all.get_mut(*key) else { continue };
                let batch = batches.get(viewer.egress.as_ref());
                match viewer.send(feed, batch, lag, now_ms) {
                    Fate::Stays => behind_from = behind_from.min(viewer.behind_from(feed)),
                    fate => fates.push((*key, fate)),
                }
            }
        }));
        if pass.is_err() {
            self.end_seat(key);
            return;
        }
        lane.end_flush(feed.next_seq(), behind_from);
        let (took, viewers) = (began.elapsed(), lane.viewers.len());
        self.figures.flush.observe(took);
        let share = viewers as f64 / seat.viewers().count().max(1) as f64;
        let (frames, bytes) = (seat.feed.next_seq() - from, seat.feed.bytes_since(from));
        seat.cost.note_pass(Pass { took, viewers, share, frames, bytes });
        fates.into_iter().for_each(|(key, fate)| self.meet(key, fate));
    }

    fn handle_event(&mut self, event: &Event) {
        let key = event.token().0;
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            self.guarded(key, |shard| {
                let Some(viewer) = shard.viewers.get_mut(key) else { return Fate::Stays };
                let fate = viewer.read(&mut shard.scratch);
                if fate == Fate::Stays
                    && let Some(seat) = shard.seats.get(viewer.seat)
                {
                    viewer.resume_if_needed(&seat.feed);
                    // Answers, and frames wanted again, go out now.
                    return viewer.catch_up(&seat.feed, &shard.settings.lag, shard.clock.now_ms());
                }
                fate
            });
        }
        if event.is_writable() {
            self.guarded(key, |shard| {
                let Some(viewer) = shard.viewers.get_mut(key) else { return Fate::Stays };
                let Some(seat) = shard.seats.get(viewer.seat) else { return Fate::Gone };
                if !viewer.is_blocked() {
                    return Fate::Stays;
                }
                viewer.note_writable();
                viewer.catch_up(&seat.feed, &shard.settings.lag, shard.clock.now_ms())
            });
        }
        self.close_if_told(key);
    }

    fn tick(&mut self) {
        let now_ms = self.clock.now_ms();
        let keys: Vec<usize> = self.viewers.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.note_join(key);
            let Some(viewer) = self.viewers.get_mut(key) else { continue };
            if viewer.closing_until_ms.is_some_and(|until| now_ms >= until) {
                self.remove(key);
                continue;
            }
            let stalled = now_ms.saturating_sub(viewer.last_progress_ms) >= self.settings.stall_ms;
            if viewer.is_blocked() && stalled {
                self.let_go(key, Farewell::Stalled);
                continue;
            }
            if let Some(reason) = viewer.ticket.session().dismissal() {
                let farewell = Farewell::Dismissed(reason.to_owned());
                self.let_go(key, farewell);
                continue;
            }
            self.guarded(key, |shard| {
                let Some(viewer) = shard.viewers.get_mut(key) else { return Fate::Stays };
                viewer.tick(now_ms);
                viewer.flush(now_ms)
            });
            self.close_if_told(key);
        }
        let empty = |seat: &Seat| seat.viewers().next().is_none();
        let unused: Vec<usize> =
            self.seats.iter().filter(|(_, seat)| empty(seat)).map(|(key, _)| key).collect();
        for key in unused {
            let seat = self.seats.remove(key);
            self.seat_of.remove(&(Arc::as_ptr(seat.feed.stream()) as usize));
        }
        self.inbox.figures.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&self.figures);
    }

    fn stop(&mut self) {
        self.stopping = true;
        let keys: Vec<usize> = self.viewers.iter().map(|(key, _)| key).collect();
        keys.into_iter().for_each(|key| self.let_go(key, Farewell::ShuttingDown));
    }

    /// Does something for one viewer. A panic in it is a bug of ours, and costs the viewers of that stream only.
    fn guarded(&mut self, key: usize, act: impl FnOnce(&mut Shard) -> Fate) {
        match catch_unwind(AssertUnwindSafe(|| act(self))) {
            Ok(fate) => self.meet(key, fate),
            Err(_) => {
                if let Some(seat) = self.viewers.get(key).map(|viewer| viewer.seat) {
                    self.end_seat(seat);
                }
            }
        }
    }

    fn end_seat(&mut self, key: usize) {
        let Some(seat) = self.seats.get(key) else { return };
        error!(stream = %seat.feed.stream().name(), "a panic while writing to viewers: this stream's viewers are cut off");
        let keys: Vec<usize> = seat.viewers().collect();
        keys.into_iter().for_each(|key| self.remove(key));
    }

    fn meet(&mut self, key: usize, fate: Fate) {
        match fate {
            Fate::Stays => {}
            Fate::LetGo(farewell) => self.let_go(key, farewell),
            Fate::Gone => self.remove(key),
        }
    }

    /// Says goodbye: what the player is owed and why it ends, then the end of the connection.
    fn let_go(&mut self, key: usize, farewell: Farewell) {
        let now_ms = self.clock.now_ms();
        let Some(viewer) = self.viewers.get_mut(key) else { return };
        if viewer.closing_until_ms.is_some() {
            return;
        }
        viewer.closing_until_ms = Some(now_ms + FAREWELL_MS);
        *self.figures.let_go.entry(farewell.reason()).or_default() += 1;
        if farewell != Farewell::Ended(End::Finished) {
            let session = viewer.ticket.session();
            info!(session = session.id, stream = %session.about.stream, ?farewell, drops = ?viewer.drops(), "viewer let go");
        }
        let last = viewer.egress.finish(&farewell);
        viewer.owe(last);
        if viewer.flush(now_ms) == Fate::Gone {
            self.remove(key);
            return;
        }
        self.close_if_told(key);
    }

    /// A viewer that has read its farewell has nothing more to come. The socket stays until the peer closes it, as
    /// closing with unread input would tear the farewell out of the kernel's hands.
    fn close_if_told(&mut self, key: usize) {
        let Some(viewer) = self.viewers.get_mut(key) else { return };
        if viewer.closing_until_ms.is_some() && !viewer.is_blocked() {
            viewer.socket.finish();
        }
    }

    fn remove(&mut self, key: usize) {
        let Some(mut viewer) = self.viewers.try_remove(key) else { return };
        debug!(session = viewer.ticket.session().id, sent = viewer.sent_bytes, drops = ?viewer.drops(), "viewer gone");
        viewer.note_session();
        if viewer.flooded {
            *self.figures.let_go.entry(Farewell::FLOOD).or_default() += 1;
        }
        let _ = self.poll.registry().deregister(viewer.socket.source());
        self.inbox.viewers.fetch_sub(1, Ordering::Relaxed);
        if let Some(seat) = self.seats.get_mut(viewer.seat) {
            seat.feed.stream().viewer_left();
            if let Some(lane) = seat.lanes.get_mut(viewer.lane) {
                lane.leave(key);
            }
        }
    }
}
