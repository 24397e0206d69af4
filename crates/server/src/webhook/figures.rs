//! What is counted about webhooks.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::store::outbox::Waiting;

/// The counters.
#[derive(Debug, Default)]
pub struct Figures {
    /// By kind and result, both from lists in the program.
    attempts: Mutex<BTreeMap<(String, &'static str), u64>>,
    lag: Mutex<Lag>,
}

/// How far endpoints are behind, as it was a moment ago.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lag {
    /// What waits, by endpoint.
    pub waiting: Vec<Waiting>,
    /// When the oldest event happened that somebody has not been told, in milliseconds since 1970.
    pub oldest_ms: Option<i64>,
    /// Endpoints for which so many wait that new events are given up.
    pub full: Vec<String>,
}

impl Figures {
    /// An attempt was made.
    pub(super) fn attempted(&self, kind: &str, result: &'static str) {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        *attempts.entry((kind.to_owned(), result)).or_default() += 1;
    }

    /// Attempts since the start, by kind of event and result.
    pub fn attempts(&self) -> BTreeMap<(String, &'static str), u64> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How far endpoints are behind.
    pub fn lag(&self) -> Lag {
        self.lock().clone()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Lag> {
        self.lag.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
