//! What is counted about the object store, and whether it works.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::{error, info, warn};

use super::failure::Failure;
use crate::store::Backlog;

/// How long nothing may succeed before that is an error in the log, in milliseconds.
const ALERT_AFTER_MS: u64 = 60_000;

/// Counters since the start of the server.
#[derive(Debug, Default)]
pub struct Figures {
    /// Bytes that the store took.
    pub bytes: AtomicU64,
    /// Files that the store has for certain.
    pub files: AtomicU64,
    /// Files that went from this machine's disk afterwards.
    pub evicted: AtomicU64,
    state: Mutex<State>,
}

/// Nothing can be stored at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Why, as it was the last time.
    pub failure: Failure,
    /// Since when, in milliseconds since 1970.
    pub since_ms: i64,
}

#[derive(Debug, Default)]
struct State {
    failures: BTreeMap<&'static str, u64>,
    backlog: Backlog,
    failing: Option<Failing>,
}

#[derive(Debug)]
struct Failing {
    alert: Alert,
    since: u64,
    told: bool,
}

impl Figures {
    /// How often requests failed, by the reason.
    pub fn failures(&self) -> BTreeMap<&'static str, u64> {
        self.lock().failures.clone()
    }

    /// How much is where, as it was a moment ago.
    pub fn backlog(&self) -> Backlog {
        self.lock().backlog
    }

    /// Why nothing can be stored at the moment.
    pub fn alert(&self) -> Option<Alert> {
        self.lock().failing.as_ref().map(|failing| failing.alert.clone())
    }

    /// Something came to nothing that holds up no upload.
    pub(super) fn count(&self, failure: &Failure) {
        *self.lock().failures.entry(failure.code()).or_default() += 1;
    }

    /// An upload came to nothing; the times are those of the monotonic clock and of the calendar.
    pub(super) fn failed(&self, failure: &Failure, now_ms: u64, unix_ms: i64) {
        let mut state = self.lock();
        *state.failures.entry(failure.code()).or_default() += 1;
        let failing = state.failing.get_or_insert_with(|| {
            warn!(
                code = failure.code(),
                "a recording was not stored; it stays here and is tried again: {failure}"
            );
            Failing {
                alert: Alert { failure: failure.clone(), since_ms: unix_ms },
                since: now_ms,
                told: false,
            }
        });
        failing.alert.failure = failure.clone();
        let seconds = now_ms.saturating_sub(failing.since) / 1_000;
        if !failing.told && now_ms.saturating_sub(failing.since) >= ALERT_AFTER_MS {
            failing.told = true;
            error!(
                code = failure.code(),
                seconds, "recordings are not stored, and fill this machine's disk: {failure}"
            );
        }
    }

    /// An upload came to its end, or there is none left to do.
    pub(super) fn works(&self, now_ms: u64) {
        if let Some(failing) = self.lock().failing.take() {
            let seconds = now_ms.saturating_sub(failing.since) / 1_000;
            info!(seconds, "the object store takes recordings again");
        }
    }

    /// The store took so many bytes.
    pub(super) fn sent(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn set_backlog(&self, backlog: Backlog) {
        self.lock().backlog = backlog;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
