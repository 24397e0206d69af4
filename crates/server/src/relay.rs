//! Relays: streams that go to another server while they are on air (push), or come from one (pull).
//!
//! ```text
//! configuration, API ─► Relays (rules and a table) ─► one task per relay: supervisor ─► push or pull, one attempt
//! waiting viewers ────► Relays::want ─────────────────────────┘                           └► dial: Guard, TCP, TLS
//! ```
//!
//! - A *static* pull is there as long as the server, an *on-demand* one from the first viewer that waits until a while
//!   after the last one has gone. A push is there while its stream is.
//! - A reload of the configuration touches the relays whose sections changed, and no other.
//! - A relay that fails is tried again after a pause that doubles, with jitter: see `supervisor`.
//! - A pull publishes as an identity of its own. A push from outside under the same name is never cut off: the relay
//!   waits until it and its grace are over.
//! - A stream that would be relayed in a circle is refused: see `marks`.
//! - Addresses from an API reach public machines only: see [`crate::net::Guard`].
//!
//! Lock order: the table's lock comes before the hub's.

mod configured;
mod dial;
mod entry;
mod failure;
mod flv;
mod marks;
mod pull;
mod push;
mod rtmp;
mod rules;
mod source;
mod state;
mod supervisor;
mod target;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use hub::{End, Hub, Lag, Name, Phase};
use tokio::sync::mpsc;
use tracing::warn;

pub use entry::{Direction, Mode, Status};
pub use failure::Failure;
pub(crate) use rules::{ANY, expand};
pub use rules::{Patterns, Rule};
pub(crate) use source::Source;
pub use state::State;
pub use supervisor::run;
pub use target::{BadTarget, Scheme, Target};

use crate::config::Config;
use crate::net::Guard;
use crate::sessions::{Role, Sessions};
use dial::{Dialer, Patience};
use entry::{Entry, Plan};
use marks::{MAX_HOPS, Token};

/// Most relays at a time. On an edge each watched stream is one.
const MAX_RELAYS: usize = 1_000;

/// Of these, on-demand pulls that bring nothing: their viewers are anybody, who may ask for streams that nobody has.
const MAX_WANTED: usize = MAX_RELAYS / 4;

/// What a relay that would lead a stream back to itself is told, in English and Chinese.
pub const LOOP: [&str; 2] = [
    "this relay would lead the stream back to itself: correct its address",
    "该转发会把流送回自身：请更正其地址",
];

/// All relays of this server.
#[derive(Debug)]
pub struct Relays {
    token: Token,
    dialer: Dialer,
    lag: Lag,
    linger: Duration,
    api_guard: Guard,
    table: Mutex<Table>,
    orders: mpsc::UnboundedSender<Arc<Entry>>,
    /// Taken by the task that carries the orders out.
    ordered: Mutex<Option<mpsc::UnboundedReceiver<Arc<Entry>>>>,
}

#[derive(Debug, Default)]
struct Table {
    /// What the configuration asks for. A rule keeps its place in memory for as long as its section stays as it is.
    rules: Vec<Arc<Rule>>,
    last_id: u64,
    entries: BTreeMap<u64, Arc<Entry>>,
    /// Whether the log has it that there was no room; once is enough.
    told_full: bool,
    /// The same of pulls that viewers want.
    told_wanted: bool,
}

/// Why a relay was not started.
#[derive(Debug)]
pub enum StartError {
    /// The address is none.
    Bad(BadTarget),
    /// The address is not one that an API may name.
    Guarded(Failure),
    /// The same is there already: a pull of this stream, or a push of it to this address.
    Exists,
    /// There are as many relays as there may be.
    Full,
}

/// Why a relay was not stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopError {
    /// There is none of this number.
    Absent,
    /// The configuration asks for it, and it would come back.
    Configured,
}

/// The wish of a viewer that waits; while it is held, an on-demand pull goes on.
#[derive(Debug)]
pub struct Want {
    entry: Arc<Entry>,
}

impl Relays {
    /// The relays that a configuration asks for. They start with [`run`].
    pub fn new(config: &Config) -> anyhow::Result<Relays> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).context("the system gives no random numbers")?;
        let keys = &config.relays;
        let patience = Patience {
            connect: Duration::from_secs(keys.connect_timeout_seconds),
            start: Duration::from_secs(keys.start_timeout_seconds),
            idle: Duration::from_secs(keys.idle_timeout_seconds),
        };
        let (orders, ordered) = mpsc::unbounded_channel();
        let relays = Relays {
            token: Token::new(random),
            dialer: Dialer::new(&keys.ca_file, patience)?,
            lag: Lag {
                max_ms: i64::try_from(config.fanout.max_lag_ms)?,
                max_bytes: config.fanout.max_lag_bytes,
                max_jumps: config.fanout.max_jumps,
                forgive_ms: i64::try_from(config.fanout.forgive_jumps_seconds)?.saturating_mul(1_000),
            },
            linger: Duration::from_secs(keys.linger_seconds),
            api_guard: Guard::new(keys.allow_private),
            table: Mutex::default(),
            orders,
            ordered: Mutex::new(Some(ordered)),
        };
        relays.reload(config);
        Ok(relays)
    }

    /// Begins to pull a stream. Returns its number.
    pub fn start_pull(&self, name: &Name, address: &str, mode: Mode) -> Result<u64, StartError> {
        let target = Target::parse(address).map_err(StartError::Bad)?;
        self.api_guard.check(target.host()).map_err(|error| StartError::Guarded(error.into()))?;
        let (direction, guard, name) = (Direction::Pull, self.api_guard, name.clone());
        self.add(Plan { direction, mode, name, target, guard, rule: None }).map(|entry| entry.id)
    }

    /// Begins to push a stream whenever it is on air, until it is stopped. Returns its number.
    pub fn start_push(&self, name: &Name, address: &str) -> Result<u64, StartError> {
        let target = Target::parse(address).map_err(StartError::Bad)?;
        if target.scheme().is_http() {
            return Err(StartError::Bad(BadTarget::Scheme));
        }
        self.api_guard.check(target.host()).map_err(|error| StartError::Guarded(error.into()))?;
        let (direction, mode, guard, name) = (Direction::Push, Mode::Static, self.api_guard, name.clone());
        self.add(Plan { direction, mode, name, target, guard, rule: None }).map(|entry| entry.id)
    }

    /// Ends a relay that was started over an API.
    pub fn stop(&self, id: u64) -> Result<(), StopError> {
        let mut table = self.lock();
        let entry = table.entries.get(&id).ok_or(StopError::Absent)?;
        if entry.rule.is_some() {
            return Err(StopError::Configured);
        }
        entry.stop.send_replace(true);
        table.entries.remove(&id);
        Ok(())
    }

    /// All relays, by number.
    pub fn list(&self) -> Vec<Status> {
        self.lock().entries.values().map(|entry| entry.status()).collect()
    }

    /// The relay with this number.
    pub fn find(&self, id: u64) -> Option<Status> {
        self.lock().entries.get(&id).map(|entry| entry.status())
    }

    /// Says that a viewer, which calls itself `agent`, waits for a stream. With it an on-demand pull begins, if a rule or
    /// an earlier [`Relays::start_pull`] knows where from. Call it before the stream is opened in the hub: a stream
    /// that an idle relay ends at this moment is gone by then.
    pub fn want(&self, hub: &Hub, name: &Name, agent: &str) -> Option<Want> {
        let mut table = self.lock();
        let pulls = |entry: &&Arc<Entry>| entry.direction == Direction::Pull && entry.name == *name;
        let entry = if let Some(entry) = table.entries.values().find(pulls) {
            if entry.mode == Mode::Static {
                return None;
            }
            entry.clone()
        } else {
            let on_air = |stream: &Arc<hub::Stream>| matches!(stream.phase(), Phase::Starting | Phase::OnAir);
            if hub.find(name).as_ref().is_some_and(on_air) {
                return None;
            }
            let idle = table.entries.values().filter(|entry| entry.is_of_viewers() && !entry.is_running());
            if idle.count() >= MAX_WANTED {
                if !std::mem::replace(&mut table.told_wanted, true) {
                    warn!(
                        pulls = MAX_WANTED,
                        "viewers want as many streams that do not come as they may; others wait"
                    );
                }
                return None;
            }
            self.pull_of(&mut table, name)?
        };
        if *entry.waiters.borrow() == 0 {
            entry.carry(marks::marks(agent));
        }
        entry.waiters.send_modify(|count| *count += 1);
        Some(Want { entry })
    }

    /// Whether a client that calls itself `agent` is a relay that leads this stream of this server back to it.
    pub fn is_loop(&self, agent: &str, name: &Name) -> bool {
        let marks = marks::marks(agent);
        if marks.is_empty() {
            return false;
        }
        let table = self.lock();
        let mut relays = table.entries.values();
        let Some(entry) = relays.find(|entry| entry.name == *name && marks.contains(&entry.mark)) else {
            return false;
        };
        // The last mark is that of the relay that knocks. Before it stand those that only passed the stream on, whose
        // own addresses are good ones.
        if marks.last() == Some(&entry.mark) {
            entry.looped.store(true, Ordering::SeqCst);
        }
        true
    }

    fn dialer(&self) -> &Dialer {
        &self.dialer
    }

    fn patience(&self) -> Patience {
        self.dialer.patience
    }

    fn lag(&self) -> Lag {
        self.lag
    }

    /// How a relay calls itself: by the marks of whoever it goes on for, and its own.
    fn agent_for(&self, entry: &Entry) -> Result<String, Failure> {
        let mut marks = entry.carried();
        if marks.len() >= MAX_HOPS {
            return Err(Failure::TooFar);
        }
        marks.push(entry.mark.clone());
        Ok(marks::agent(&marks))
    }

    /// The marks of whoever publishes a stream here; none unless that is a relay of another server.
    fn marks_of_publisher(sessions: &Sessions, name: &Name) -> Vec<String> {
        let publishes = |session: &crate::sessions::Session| {
            session.about.role == Role::Publisher && session.about.stream == *name
        };
        let found = sessions.list(0, usize::MAX, publishes);
        found.last().map(|session| marks::marks(&session.about.agent)).unwrap_or_default()
    }

    /// Ends an on-demand pull that nobody watches or waits for. Returns whether that is so.
    fn end_idle(&self, hub: &Hub, entry: &Entry) -> bool {
        // Under the table's lock nobody can begin to wait, so whoever comes next finds neither relay nor stream.
        let mut table = self.lock();
        let stream = hub.find(&entry.name);
        let viewers = stream.as_ref().map_or(0, |stream| stream.viewers());
        if viewers > 0 || *entry.waiters.borrow() > 0 {
            return false;
        }
        if entry.rule.is_some() {
            table.entries.remove(&entry.id);
        }
        if stream.is_some_and(|stream| entry.is_ours(&stream)) {
            hub.drop_stream(&entry.name, End::Finished);
        }
        true
    }

    /// Waits until whoever is changing the table has done so. An order may be one step of a change: a pull that a reload
    /// makes is given the stream of the pull before it only after it was ordered, and without it would wait for its turn.
    fn settle(&self) {
        drop(self.lock());
    }

    fn forget(&self, entry: &Entry) {
        self.lock().entries.remove(&entry.id);
    }

    fn add(&self, plan: Plan) -> Result<Arc<Entry>, StartError> {
        self.add_new(&mut self.lock(), plan)
    }

    fn add_new(&self, table: &mut Table, plan: Plan) -> Result<Arc<Entry>, StartError> {
        let same = |entry: &Arc<Entry>| {
            entry.direction == plan.direction
                && entry.name == plan.name
                && (plan.direction == Direction::Pull || entry.target == plan.target)
        };
        if table.entries.values().any(same) {
            return Err(StartError::Exists);
        }
        self.add_to(table, plan)
    }

    fn add_to(&self, table: &mut Table, plan: Plan) -> Result<Arc<Entry>, StartError> {
        if table.entries.len() >= MAX_RELAYS {
            if !std::mem::replace(&mut table.told_full, true) {
                warn!(relays = MAX_RELAYS, "there are as many relays as there may be; more are not made");
            }
            return Err(StartError::Full);
        }
        table.last_id += 1;
        let mark = self.token.mark(plan.name.as_str(), table.last_id);
        let entry = Arc::new(Entry::new(table.last_id, mark, plan));
        table.entries.insert(entry.id, entry.clone());
        // Nobody listens any more when the server ends, and then it does not matter.
        let _ = self.orders.send(entry.clone());
        Ok(entry)
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // A panic while it was locked leaves a map that is still a map.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Want {
    fn drop(&mut self) {
        self.entry.waiters.send_modify(|count| *count = count.saturating_sub(1));
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Bad(bad) => bad.fmt(f),
            StartError::Guarded(failure) => failure.fmt(f),
            StartError::Exists => f.write_str("this relay is there already: stop it first"),
            StartError::Full => write!(f, "there are {MAX_RELAYS} relays already, as many as there may be"),
        }
    }
}

impl std::error::Error for StartError {}

impl StartError {
    /// The reason in Chinese.
    pub fn message_zh(&self) -> String {
        match self {
            StartError::Bad(bad) => bad.message_zh().to_owned(),
            StartError::Guarded(_) => "地址不是公网地址（relays.allow_private = false）".to_owned(),
            StartError::Exists => "该转发已存在：请先停止它".to_owned(),
            StartError::Full => format!("转发数量已达上限（{MAX_RELAYS}）"),
        }
    }
}

#[cfg(test)]
mod tests {
    use hub::Options;

    use super::*;

    #[test]
    fn streams_that_viewers_want_and_nobody_has_leave_room_for_other_relays() {
        let relay =
            "kind = \"pull\"\napp = \"live\"\nstream = \"*\"\nurl = \"rtmp://origin.example/{app}/{stream}\"";
        let config = Config::from_toml(&format!("[[relay]]\n{relay}\non_demand = true\n")).unwrap();
        let relays = Relays::new(&config).unwrap();
        let options = Options {
            grace_ms: 1_000,
            gop_max_ms: 10_000,
            gop_max_bytes: 1 << 20,
            retain_ms: 4_000,
            max_streams: 10,
        };
        let hub = Hub::new(options);
        let want = |number: usize| relays.want(&hub, &Name::new(&format!("live/{number}")), "");
        let wants: Vec<Want> = (0..MAX_RELAYS).filter_map(want).collect();
        assert_eq!(wants.len(), MAX_WANTED);
        assert!(want(0).is_some(), "one that is there is one more wish for it");
        // A documentation address, which nothing dials here.
        let others = MAX_RELAYS - MAX_WANTED;
        let pull = |number: usize| {
            let (name, address) = (Name::new(&format!("own/{number}")), "rtmp://origin.example/live/a");
            relays.start_pull(&name, address, Mode::Static)
        };
        assert!((0..others).all(|number| pull(number).is_ok()), "all other places are free");
        assert!(matches!(pull(others), Err(StartError::Full)));
        let first = wants.first().unwrap();
        first.entry.set(State::Running);
        assert!(first.entry.is_running() && want(MAX_RELAYS).is_none(), "the table is full");
    }
}
