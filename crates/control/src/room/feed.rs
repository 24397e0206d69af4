//! What goes out to everybody in a room, in which batches, and what of it is remembered for those who come back.
//!
//! ```text
//! push ─► number ─► ring: ... what went out │ what has not ─► poll_batch ─► everybody who is here
//!                   greet, since: what somebody missed ◄────┘
//! ```
//!
//! Within an epoch, which is one loading of the room, numbers go up by one. A message has a number if and only if it is in
//! the ring, and what has not gone out yet is the ring's end: so nothing can go out twice, out of order, or not at all.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::Since;
use super::message::{Body, Event, Message};
use super::ring::Ring;
use super::window::Window;

/// Most messages of one greeting.
pub const RECENT: usize = 50;

/// People up to whom everybody's coming is told; beyond, some are named and the others counted.
const SMALL_ROOM: usize = 200;

/// Names of those who came in one batch: in a small room, and in a big one.
const NAMES: [usize; 2] = [20, 3];

/// Ticks between two reports of who came, in a small room and in a big one.
const ENTERED_EVERY: [u64; 2] = [1, 2];

/// Numbers that an epoch has for itself: no room says so much in one.
const EPOCH_STEP: u64 = 1 << 20;

/// The number after which a new epoch begins. `last_seq` is the highest number of a message that is known, 0 for none, and
/// `epoch_seq` after which the epoch before began, none if there was none. Both have to be known: of an epoch that ended in a
/// crash perhaps no message is left, and its numbers do not come again all the same.
pub fn begin_after(last_seq: u64, epoch_seq: Option<u64>) -> u64 {
    match (last_seq, epoch_seq) {
        (0, None) => 0,
        (last_seq, epoch_seq) => (last_seq.max(epoch_seq.unwrap_or(0)) / EPOCH_STEP + 1) * EPOCH_STEP,
    }
}

/// The same where what is known may be old, because the database does not answer: `random` keeps the numbers apart.
pub fn begin_apart(last_seq: u64, epoch_seq: Option<u64>, random: u16) -> u64 {
    begin_after(last_seq.max(1), epoch_seq) + (u64::from(random) + 1) * EPOCH_STEP
}

/// A message with what a wire makes of it, once.
pub struct Said {
    /// The message.
    pub message: Message,
    wire: OnceLock<Box<[u8]>>,
}

/// What goes out to everybody in a room.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Messages, in order, without a hole.
    pub items: Vec<Arc<Said>>,
    /// Counters, if they changed.
    pub counters: Option<Counters>,
    /// Who came in, if there were any.
    pub entered: Option<Entered>,
    /// The pinned message, or that there is none, if that changed: not everybody has the message that its event names.
    pub pinned: Option<Option<Arc<Said>>>,
}

/// What is counted while the show goes on. The newest counts; what was between does not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// People here now.
    pub online: u64,
    /// Likes since the room was made.
    pub likes: u64,
}

/// Who came in since the last time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entered {
    /// Some of them, by name.
    pub names: Vec<String>,
    /// How many in all.
    pub count: u64,
}

/// Whether there is something to send.
#[derive(Debug, Clone)]
pub enum Next {
    /// This, now.
    Batch(Batch),
    /// Something, after so many milliseconds.
    Later(u64),
    /// Nothing.
    Nothing,
}

/// What whoever comes in is told of what was said.
#[derive(Debug, Clone)]
pub struct Greeting {
    /// Which epoch numbers belong to.
    pub epoch: Arc<str>,
    /// The number of the last message that went out. The next batch follows it.
    pub seq: u64,
    /// Whether `messages` are exactly those that were missed.
    pub recovered: bool,
    /// What was missed, or the last few.
    pub messages: Vec<Arc<Said>>,
    /// The counters.
    pub counters: Counters,
}

/// What goes out of a room that runs.
#[derive(Debug)]
pub struct Feed {
    epoch: Arc<str>,
    ring: Ring,
    /// However old it is: the ring may not have it any more.
    pinned: Option<Arc<Said>>,
    /// The number of that of which those who are here were told last.
    shown_pin: Option<u64>,
    last_seq: u64,
    /// The number of the last message that went out.
    sent_seq: u64,
    /// What has not gone out does not wait for its turn.
    urgent: bool,
    window: Window,
    counters: Counters,
    shown: Counters,
    entered: Entered,
    /// Ticks since it was told who came.
    ticks: u64,
}

impl Feed {
    /// Of an epoch of this name, whose numbers come after `after_seq`. `recent` is what was said before it, shown to newcomers;
    /// `likes` how many there were.
    pub fn new(epoch: Arc<str>, after_seq: u64, recent: Vec<Message>, likes: u64) -> Feed {
        let counters = Counters { online: 0, likes };
        Feed {
            epoch,
            ring: Ring::new(recent.into_iter().map(Said::new).collect()),
            pinned: None,
            shown_pin: None,
            last_seq: after_seq,
            sent_seq: after_seq,
            urgent: false,
            window: Window::default(),
            counters,
            shown: counters,
            entered: Entered::default(),
            ticks: 0,
        }
    }

    /// Gives a message its number, in the place of the one that it has.
    pub(super) fn push(&mut self, message: Message) -> Arc<Said> {
        self.last_seq += 1;
        self.urgent |= matches!(message.body, Body::Event(_));
        let said = Said::new(Message { seq: self.last_seq, ..message });
        self.ring.push(said.clone(), self.sent_seq);
        said
    }

    /// The number of the last message.
    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// The counters.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The message that is pinned.
    pub fn pinned(&self) -> Option<&Arc<Said>> {
        self.pinned.as_ref()
    }

    /// Pins a message, or none. One that was taken back meanwhile is none.
    pub fn pin(&mut self, message: Option<Message>) {
        let is_back = |said: &Arc<Said>| matches!(said.message.body, Body::Event(Event::Recalled(_)));
        let said =
            |message: Message| self.ring.find(message.seq).cloned().unwrap_or_else(|| Said::new(message));
        self.pinned = message.map(said).filter(|said| !is_back(said));
    }

    /// Takes away what some said. It is gone for those who come, and for those to whom it has not gone out yet.
    pub fn recall(&mut self, is_meant: impl Fn(&Message) -> bool) {
        self.ring.recall(|said| is_meant(&said.message));
        self.pinned.take_if(|said| is_meant(&said.message));
    }

    /// What somebody who comes in is told; `since` is what they have.
    pub fn greet(&self, since: Option<&Since>) -> Greeting {
        let gap = since.filter(|since| *since.epoch == *self.epoch).and_then(|since| self.since(since.seq));
        let recovered = gap.is_some();
        let messages = gap.unwrap_or_else(|| {
            let waiting = usize::try_from(self.last_seq - self.sent_seq).unwrap_or(usize::MAX);
            self.sent(self.ring.recent(RECENT.saturating_add(waiting)))
        });
        let (epoch, seq, counters) = (self.epoch.clone(), self.sent_seq, self.counters);
        Greeting { epoch, seq, recovered, messages, counters }
    }

    /// What somebody who has everything up to `seq` missed, if it is all there. What has not gone out yet comes with a batch.
    pub fn since(&self, seq: u64) -> Option<Vec<Arc<Said>>> {
        self.ring.since(seq, self.last_seq).map(|gap| self.sent(gap))
    }

    /// So many are here now.
    pub(super) fn set_online(&mut self, members: usize) {
        self.counters.online = members as u64;
    }

    /// Somebody came in who was not here, and may be named; so many are here with them.
    pub(super) fn note_entered(&mut self, name: Option<&str>, members: usize) {
        self.entered.count += 1;
        if let Some(name) = name
            && self.entered.names.len() < NAMES[is_big(members)]
        {
            self.entered.names.push(name.to_owned());
        }
    }

    /// So many likes came.
    pub fn add_likes(&mut self, likes: u64) {
        self.counters.likes += likes;
    }

    /// A second has passed.
    pub fn tick(&mut self) {
        self.ticks += 1;
    }

    /// What there is to send to so many members, if it is time.
    pub(super) fn poll_batch(&mut self, members: usize, now_ms: u64) -> Next {
        let pin = self.pinned.as_ref().map(|said| said.message.seq);
        if members == 0 {
            // Whoever comes is greeted with it.
            self.sent_seq = self.last_seq;
            self.entered = Entered::default();
            self.shown_pin = pin;
            self.shown = self.counters;
            return Next::Nothing;
        }
        let due = self.ticks >= ENTERED_EVERY[is_big(members)];
        let entered = self.entered.count > 0 && due;
        // Likes are summed by the second; people are told when the tick changed them, or with whatever goes out.
        let counters = self.counters.likes != self.shown.likes
            || (self.counters.online != self.shown.online && (entered || due));
        if self.sent_seq == self.last_seq && !entered && !counters {
            return Next::Nothing;
        }
        if !self.urgent
            && let Err(wait_ms) = self.window.open(members, now_ms)
        {
            return Next::Later(wait_ms);
        }
        self.urgent = false;
        let mut batch = Batch {
            // The ring keeps what has not gone out, so it is all there.
            items: self.ring.since(self.sent_seq, self.last_seq).unwrap_or_default(),
            ..Batch::default()
        };
        self.sent_seq = self.last_seq;
        if self.counters != self.shown {
            self.shown = self.counters;
            batch.counters = Some(self.counters);
        }
        if entered {
            batch.entered = Some(std::mem::take(&mut self.entered));
        }
        if std::mem::replace(&mut self.shown_pin, pin) != pin {
            batch.pinned = Some(self.pinned.clone());
        }
        if entered || counters {
            self.ticks = 0;
        }
        Next::Batch(batch)
    }

    /// Without what has not gone out.
    fn sent(&self, mut messages: Vec<Arc<Said>>) -> Vec<Arc<Said>> {
        messages.retain(|said| said.message.seq <= self.sent_seq);
        messages
    }
}

impl Said {
    pub(super) fn new(message: Message) -> Arc<Said> {
        Arc::new(Said { message, wire: OnceLock::new() })
    }

    /// The message as wires that share this form have it; made by the first who asks.
    pub fn wire(&self, encode: impl FnOnce(&Message) -> Box<[u8]>) -> &[u8] {
        self.wire.get_or_init(|| encode(&self.message))
    }
}

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message.fmt(f)
    }
}

fn is_big(members: usize) -> usize {
    usize::from(members > SMALL_ROOM)
}
