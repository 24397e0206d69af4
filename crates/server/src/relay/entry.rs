//! One relay: what it is for, and how it is doing.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use hub::{Name, Stream};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Failure;
use super::rules::Rule;
use super::state::State;
use super::target::Target;
use crate::net::Guard;

/// Which way the stream goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To another server.
    Push,
    /// From another server.
    Pull,
}

/// When a pull is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Always.
    Static,
    /// While somebody watches.
    OnDemand,
}

/// A relay in figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Its number on this server since the start, never used again.
    pub id: u64,
    /// Which way.
    pub direction: Direction,
    /// When, of a pull.
    pub mode: Mode,
    /// The stream on this server.
    pub stream: Name,
    /// The other server, without anything that may be a key.
    pub target: String,
    /// Whether the configuration asks for it.
    pub configured: bool,
    /// What it does.
    pub state: State,
    /// Since when.
    pub since: Instant,
    /// Attempts to connect so far.
    pub attempts: u64,
    /// Why the newest attempt that failed did.
    pub last_error: Option<String>,
    /// The same in Chinese.
    pub last_error_zh: Option<String>,
    /// When that was.
    pub last_error_at: Option<Instant>,
    /// Bytes received or sent so far.
    pub bytes: u64,
}

/// A relay as its own task and the table know it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: u64,
    /// What it calls itself by: see `marks`.
    pub(super) mark: String,
    pub(super) direction: Direction,
    pub(super) mode: Mode,
    pub(super) name: Name,
    pub(super) target: Target,
    pub(super) guard: Guard,
    /// As whom a pull publishes: nobody else, so that no push from outside takes its stream over or is taken over.
    pub(super) identity: String,
    /// The rule of the configuration that it came from.
    pub(super) rule: Option<Arc<Rule>>,
    pub(super) bytes: AtomicU64,
    /// This very server was asked for, or offered, the stream under this relay's mark.
    pub(super) looped: AtomicBool,
    pub(super) stop: watch::Sender<bool>,
    /// Viewers that wait for an on-demand pull at this moment.
    pub(super) waiters: watch::Sender<usize>,
    progress: Mutex<Progress>,
}

/// What is needed to make one.
pub(super) struct Plan {
    pub(super) direction: Direction,
    pub(super) mode: Mode,
    pub(super) name: Name,
    pub(super) target: Target,
    pub(super) guard: Guard,
    pub(super) rule: Option<Arc<Rule>>,
}

#[derive(Debug)]
struct Progress {
    state: State,
    since: Instant,
    attempts: u64,
    last_error: Option<LastError>,
    /// The push of ours that was the newest: its stream, and how many takeovers that had had.
    ours: Option<(Weak<Stream>, u64)>,
    /// Marks of other relays that this one goes on for.
    carried: Vec<String>,
}

#[derive(Debug, Clone)]
struct LastError {
    message: String,
    message_zh: String,
    at: Instant,
}

impl Entry {
    pub(super) fn new(id: u64, mark: String, plan: Plan) -> Entry {
        let Plan { direction, mode, name, target, guard, rule } = plan;
        let state = match (direction, mode) {
            (Direction::Push, _) => State::NoStream,
            (Direction::Pull, Mode::Static) => State::Connecting,
            (Direction::Pull, Mode::OnDemand) => State::NoViewers,
        };
        Entry {
            id,
            mark,
            direction,
            mode,
            identity: format!("relay of this server into {name}"),
            name,
            target,
            guard,
            rule,
            bytes: AtomicU64::new(0),
            looped: AtomicBool::new(false),
            stop: watch::Sender::new(false),
            waiters: watch::Sender::new(0),
            progress: Mutex::new(Progress {
                state,
                since: Instant::now(),
                attempts: 0,
                last_error: None,
                ours: None,
                carried: Vec::new(),
            }),
        }
    }

    pub(super) fn status(&self) -> Status {
        let progress = self.lock();
        let failed = progress.last_error.as_ref();
        Status {
            id: self.id,
            direction: self.direction,
            mode: self.mode,
            stream: self.name.clone(),
            target: self.target.to_string(),
            configured: self.rule.is_some(),
            state: progress.state,
            since: progress.since,
            attempts: progress.attempts,
            last_error: failed.map(|error| error.message.clone()),
            last_error_zh: failed.map(|error| error.message_zh.clone()),
            last_error_at: failed.map(|error| error.at),
            bytes: self.bytes.load(std::sync::atomic::Ordering::Relaxed),
        }
    }

    /// Whether it came from this very rule.
    pub(super) fn is_of(&self, rule: &Arc<Rule>) -> bool {
        self.rule.as_ref().is_some_and(|own| Arc::ptr_eq(own, rule))
    }

    /// Whether viewers had a rule of the configuration make it.
    pub(super) fn is_of_viewers(&self) -> bool {
        self.mode == Mode::OnDemand && self.rule.is_some()
    }

    /// Whether media flows.
    pub(super) fn is_running(&self) -> bool {
        self.lock().state == State::Running
    }

    pub(super) fn set(&self, state: State) {
        let mut progress = self.lock();
        if progress.state != state {
            progress.state = state;
            progress.since = Instant::now();
        }
    }

    pub(super) fn begins(&self) {
        self.set(State::Connecting);
        self.lock().attempts += 1;
    }

    /// The attempt is over. Returns for how long media flowed.
    pub(super) fn failed(&self, failure: &Failure) -> Duration {
        let now = Instant::now();
        let mut progress = self.lock();
        let ran = if progress.state == State::Running { now - progress.since } else { Duration::ZERO };
        progress.state = if matches!(failure, Failure::Loop) { State::Looped } else { State::Retrying };
        progress.since = now;
        let (message, message_zh) = (failure.to_string(), failure.message_zh());
        progress.last_error = Some(LastError { message, message_zh, at: now });
        ran
    }

    /// Leaves the stream that it publishes to another pull of the same name: that one goes on with it, viewers and
    /// all, and this one does not end it.
    pub(super) fn hand_over(&self, next: &Entry) {
        let ours = self.lock().ours.take();
        if ours.is_some() {
            next.carry(self.carried());
            next.lock().ours = ours;
        }
    }

    /// It has just begun to publish this stream.
    pub(super) fn publishes(&self, stream: &Arc<Stream>) {
        let takeovers = stream.summary().takeovers;
        self.lock().ours = Some((Arc::downgrade(stream), takeovers));
    }

    /// Whether the newest push of this stream was its own.
    pub(super) fn is_ours(&self, stream: &Arc<Stream>) -> bool {
        let takeovers = stream.summary().takeovers;
        let progress = self.lock();
        let ours = |(known, count): &(Weak<Stream>, u64)| {
            known.as_ptr() == Arc::as_ptr(stream) && *count == takeovers
        };
        progress.ours.as_ref().is_some_and(ours)
    }

    pub(super) fn carry(&self, marks: Vec<String>) {
        // From one source only: the marks of many are no way that any one stream came.
        self.lock().carried = marks;
    }

    pub(super) fn carried(&self) -> Vec<String> {
        self.lock().carried.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        // A panic while it was locked leaves figures that are figures.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
