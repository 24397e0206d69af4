//! One relay: what it is for, and how it is doing.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use hub::{Name, Stream};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Failure;
use super::target::{Guard, Target};

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

/// What a relay does at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It connects, or asks.
    Connecting,
    /// Media flows.
    Running,
    /// It waits: for the next attempt, for viewers, for its stream, or for somebody else's push to end.
    Waiting,
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
    /// What it does.
    pub state: State,
    /// Attempts to connect so far.
    pub attempts: u64,
    /// Why the newest attempt that failed did.
    pub last_error: Option<String>,
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
    /// The rule of the configuration that it came from, when it goes with its stream or its viewers.
    pub(super) rule: Option<usize>,
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
    pub(super) rule: Option<usize>,
}

#[derive(Debug)]
struct Progress {
    state: State,
    attempts: u64,
    last_error: Option<String>,
    running_since: Option<Instant>,
    /// The push of ours that was the newest: its stream, and how many takeovers that had had.
    ours: Option<(Weak<Stream>, u64)>,
    /// Marks of other relays that this one goes on for.
    carried: Vec<String>,
}

impl Entry {
    pub(super) fn new(id: u64, mark: String, plan: Plan) -> Entry {
        let Plan { direction, mode, name, target, guard, rule } = plan;
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
                state: State::Waiting,
                attempts: 0,
                last_error: None,
                running_since: None,
                ours: None,
                carried: Vec::new(),
            }),
        }
    }

    pub(super) fn status(&self) -> Status {
        let progress = self.lock();
        Status {
            id: self.id,
            direction: self.direction,
            mode: self.mode,
            stream: self.name.clone(),
            target: self.target.to_string(),
            state: progress.state,
            attempts: progress.attempts,
            last_error: progress.last_error.clone(),
            bytes: self.bytes.load(std::sync::atomic::Ordering::Relaxed),
        }
    }

    pub(super) fn set(&self, state: State) {
        let mut progress = self.lock();
        progress.state = state;
        progress.running_since = (state == State::Running).then(Instant::now);
    }

    pub(super) fn begins(&self) {
        let mut progress = self.lock();
        progress.state = State::Connecting;
        progress.attempts += 1;
    }

    /// The attempt is over. Returns for how long media flowed.
    pub(super) fn failed(&self, failure: &Failure) -> Duration {
        let mut progress = self.lock();
        progress.state = State::Waiting;
        progress.last_error = Some(failure.to_string());
        progress.running_since.take().map_or(Duration::ZERO, |since| since.elapsed())
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
