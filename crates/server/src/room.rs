//! Rooms while somebody is in them.
//!
//! ```text
//! wires (chat) ─► Room: a queue of commands ─► task: control::room::Chat decides ─► Outlet: to everybody here
//! API, streams ─►                                      │
//!                                                      └─► store: what was said, counted; later, and in batches
//! ```
//!
//! One task owns one room. A room that nobody is in costs nothing: it is loaded when somebody comes and forgotten a
//! while after the last one left. The task never waits for the database.

mod act;
mod custom;
mod filter;
mod follow;
mod gate;
mod lost;
mod registry;
mod rest;
mod task;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use control::person::Person;
use control::room::Since;
use control::room::about::About;
use control::room::chat::{Ack, Draft, Send as Say};
use control::room::feed::{Batch, Greeting, Said};
use control::room::message::Author;
use control::room::reject::{Code, Reject};
use control::room::turns::Turn;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::gift::Given;
use crate::hooks::Decision;

pub use act::{Act, By, Refusal, lift_everywhere, run as act, sanction_everywhere};
pub use follow::run as follow;
pub use gate::closed;
pub use lost::run as give_up;
pub use registry::Rooms;
pub use task::Effect;

use rest::Rest;

/// Most things that people want to say and that wait for a room. Beyond, they are told to come again.
const WAITING_MAX: usize = 10_000;

/// A room that is running. Everybody who has one can ask it for things.
pub struct Room {
    /// Its id.
    pub id: Arc<str>,
    /// A number that no other room of this run of the server has, nor this one after it was forgotten and loaded.
    pub number: u64,
    /// When it was loaded.
    pub loaded: Instant,
    /// The same in milliseconds since 1970.
    pub loaded_ms: i64,
    commands: mpsc::UnboundedSender<Command>,
    /// What people want to say and has not been decided.
    waiting: AtomicUsize,
    /// Likes since the task looked last.
    likes: AtomicU64,
    likes_open: AtomicBool,
    online: AtomicU64,
    /// For outlets: which of their parts have people in this room, as bits.
    pub parts: AtomicU64,
    /// Where connections are counted out that outlive the task.
    rest: Option<Rest>,
    /// It is not in the database any more, so nothing is counted either.
    is_deleted: AtomicBool,
}

/// A way out of rooms: a wire with its connections.
pub trait Outlet: Send + Sync + fmt::Debug {
    /// To everybody whom it has in this room.
    fn batch(&self, room: &Arc<Room>, batch: &Batch);

    /// Ends every connection of somebody in this room, or of everybody who comes from an address.
    fn remove(&self, room: &Arc<Room>, whom: &Whom, code: Code);

    /// Ends every connection in this room, or only these. Whoever had one is to come back.
    fn send_away(&self, room: &Arc<Room>, whom: Option<&Whom>);
}

/// Whose connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    /// Somebody's by id.
    User(String),
    /// Everybody's who comes from there.
    Address(IpAddr),
}

/// What is told to whoever comes in.
#[derive(Debug, Clone)]
pub struct Welcome {
    /// The room.
    pub about: Arc<About>,
    /// Them, as others see them.
    pub you: Arc<Author>,
    /// Whether nobody vouches for them.
    pub guest: bool,
    /// What was said, and what of it they missed.
    pub greeting: Greeting,
    /// The pinned message.
    pub pinned: Option<Arc<Said>>,
    /// Whether they may not speak.
    pub muted: bool,
}

/// Somebody wants to come in.
pub struct Join {
    /// Who.
    pub person: Person,
    /// From where.
    pub address: Option<IpAddr>,
    /// What they have from before.
    pub since: Option<Since>,
    /// Who brought them.
    pub inviter: Option<String>,
    /// Takes the answer, in the order in which the room's batches go out.
    pub done: Done<Result<Welcome, Reject>>,
}

/// Takes an answer, on the room's task: it must not wait.
pub type Done<T> = Box<dyn FnOnce(T) + Send>;

/// What was missed, if it is all there.
pub type Missed = Option<Vec<Arc<Said>>>;

/// What a room is asked for.
pub(crate) enum Command {
    Join(Box<Join>),
    /// A connection of somebody ended.
    Leave(Gone),
    Say {
        say: Box<Say>,
        done: Done<Result<Ack, Reject>>,
    },
    /// A gift that somebody wanted to send was given, or not.
    Given(Box<GivenSay>),
    /// Others have said whether something may be said.
    Decided(Turn, Box<DecidedSay>),
    /// What others were to decide on will never come back: a message with its turn, or a gift.
    Lost {
        user: String,
        cid: String,
        turn: Option<Turn>,
    },
    Since {
        seq: u64,
        done: Done<Missed>,
    },
    Count(Counted),
    /// A message that was to be held was not: the same may be said again.
    Forget {
        user: String,
        cid: String,
    },
    Effect(Box<Effect>, Done<Ack>),
    Members {
        after: String,
        limit: usize,
        done: Done<Option<Vec<Present>>>,
    },
    /// Hand everything that is counted to the database's queue.
    Close(Done<()>),
    /// Do the same and end: the room is not in the database any more.
    End(Done<()>),
}

/// A gift that passed the room's rules and has been to the ledger.
pub(crate) struct GivenSay {
    pub(crate) draft: Draft,
    pub(crate) given: Result<Given, Reject>,
    pub(crate) done: Done<Result<Ack, Reject>>,
}

/// Something that passed the room's rules, and what the operator's backend says of it.
pub(crate) struct DecidedSay {
    pub(crate) draft: Draft,
    pub(crate) decision: Decision,
    pub(crate) done: Done<Result<Ack, Reject>>,
}

/// A connection that ended.
#[derive(Debug)]
pub struct Gone {
    /// Whose.
    pub who: Arc<Author>,
    /// Whether nobody vouches for them.
    pub guest: bool,
    /// For how long they had it, in milliseconds.
    pub watched_ms: u64,
}

/// What people did that is only counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Counted {
    /// Passed the room on.
    Share,
    /// Looked at something on the shelf.
    Goods(String),
}

/// Somebody who is in a room.
#[derive(Debug, Clone)]
pub struct Present {
    /// Who.
    pub author: Arc<Author>,
    /// Whether nobody vouches for them.
    pub guest: bool,
    /// On how many connections.
    pub connections: u32,
}

impl Room {
    fn new(
        id: &str,
        number: u64,
        loaded_ms: i64,
        rest: Option<Rest>,
    ) -> (Arc<Room>, mpsc::UnboundedReceiver<Command>) {
        let (commands, queue) = mpsc::unbounded_channel();
        let room = Room {
            id: id.into(),
            number,
            loaded: Instant::now(),
            loaded_ms,
            commands,
            waiting: AtomicUsize::new(0),
            likes: AtomicU64::new(0),
            likes_open: AtomicBool::new(true),
            online: AtomicU64::new(0),
            parts: AtomicU64::new(0),
            rest,
            is_deleted: AtomicBool::new(false),
        };
        (Arc::new(room), queue)
    }

    /// Somebody wants to come in. Comes back when the room has just been forgotten: get it anew.
    pub fn join(&self, join: Join) -> Result<(), Box<Join>> {
        match self.commands.send(Command::Join(Box::new(join))) {
            Err(mpsc::error::SendError(Command::Join(join))) => Err(join),
            _ => Ok(()),
        }
    }

    /// A connection of somebody ended.
    pub fn leave(&self, gone: Gone) {
        if let Err(back) = self.commands.send(Command::Leave(gone))
            && let (Command::Leave(gone), Some(rest)) = (back.0, &self.rest)
            && !self.is_deleted.load(Ordering::Acquire)
        {
            rest.leave(&self.id, gone, self.online());
        }
    }

    /// Somebody wants to say something.
    pub fn say(&self, say: Say, done: Done<Result<Ack, Reject>>) {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= WAITING_MAX {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return done(Err(Reject::until(Code::Unavailable, 1_000)));
        }
        if let Err(back) = self.commands.send(Command::Say { say: Box::new(say), done })
            && let Command::Say { done, .. } = back.0
        {
            done(Err(Reject::until(Code::Unavailable, 1_000)));
        }
    }

    /// A gift comes back from the ledger.
    fn given(&self, said: Box<GivenSay>) {
        if let Err(back) = self.commands.send(Command::Given(said))
            && let Command::Given(said) = back.0
        {
            // It is in the ledger; whoever sends the same again is told so.
            (said.done)(Err(Reject::until(Code::Unavailable, 1_000)));
        }
    }

    /// A message comes back from those who were asked.
    fn decided(&self, turn: Turn, said: Box<DecidedSay>) {
        if let Err(back) = self.commands.send(Command::Decided(turn, said))
            && let Command::Decided(_, said) = back.0
        {
            (said.done)(Err(Reject::until(Code::Unavailable, 1_000)));
        }
    }

    /// Somebody missed something.
    pub fn since(&self, seq: u64, done: Done<Missed>) {
        let _ = self.commands.send(Command::Since { seq, done });
    }

    /// How many people are here, each once.
    pub fn online(&self) -> u64 {
        self.online.load(Ordering::Relaxed)
    }

    /// Somebody likes it, so many times.
    pub fn like(&self, times: u64) {
        if self.likes_open.load(Ordering::Relaxed) {
            self.likes.fetch_add(times, Ordering::Relaxed);
        }
    }

    /// Likes are taken while the room has them and the show is not over.
    fn open_likes(&self, about: &About) {
        let open = about.settings.likes && about.state.takes_messages();
        self.likes_open.store(open, Ordering::Relaxed);
    }

    /// Somebody did something that is counted.
    pub fn count(&self, counted: Counted) {
        let _ = self.commands.send(Command::Count(counted));
    }

    /// People here, by id, after one of them. None: the room is gone, and whoever was there comes back to the one that is loaded
    /// next.
    pub async fn members(&self, after: &str, limit: usize) -> Option<Vec<Present>> {
        let (done, members) = tokio::sync::oneshot::channel();
        let done: Done<Option<Vec<Present>>> = Box::new(move |members| _ = done.send(members));
        let _ = self.commands.send(Command::Members { after: after.to_owned(), limit, done });
        members.await.ok().flatten()
    }

    /// Hands everything that is counted to the database's queue.
    async fn close(&self) {
        self.finish(Command::Close).await;
    }

    /// Does the same and ends its task.
    async fn end(&self) {
        self.is_deleted.store(true, Ordering::Release);
        self.finish(Command::End).await;
    }

    async fn finish(&self, command: impl FnOnce(Done<()>) -> Command) {
        let (done, finished) = tokio::sync::oneshot::channel();
        let done: Done<()> = Box::new(move |()| _ = done.send(()));
        let _ = self.commands.send(command(done));
        // Gone already is as good.
        let _ = finished.await;
    }

    /// Has something done to it; the answer is the number of the message that says so, or of the last one.
    pub(crate) async fn effect(&self, effect: Effect) -> Option<Ack> {
        let (done, ack) = tokio::sync::oneshot::channel();
        let done: Done<Ack> = Box::new(move |ack| _ = done.send(ack));
        let _ = self.commands.send(Command::Effect(Box::new(effect), done));
        ack.await.ok()
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use control::room::about::Host;
    use control::room::settings::Settings;
    use control::room::show::State;

    use super::*;

    /// The description of a room.
    pub(crate) fn about(id: &str) -> About {
        About {
            id: id.into(),
            title: id.into(),
            cover: String::new(),
            share_image: String::new(),
            host: Host::default(),
            crew: Vec::new(),
            stream: format!("live/{id}"),
            state: State::Live,
            starts_ms: None,
            valid_from_ms: None,
            valid_until_ms: None,
            live_ms: None,
            ended_ms: None,
            created_ms: 1,
            settings: Settings::default(),
            pinned: None,
            custom: "{}".into(),
        }
    }

    /// A room that nobody answers for.
    pub(crate) fn room() -> Arc<Room> {
        Room::new("r", 0, 0, None).0
    }
}
