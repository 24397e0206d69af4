//! What is counted about recordings.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Counters since the start of the server.
#[derive(Debug, Default)]
pub struct Figures {
    /// Bytes written to files of recordings.
    pub bytes: AtomicU64,
    /// Times that a recording has a hole because the disk could not keep up.
    pub gaps: AtomicU64,
    failures: Mutex<BTreeMap<&'static str, u64>>,
}

impl Figures {
    /// A recording could not be begun, or had to end.
    pub(super) fn failed(&self, code: &'static str) {
        *self.failures.lock().unwrap_or_else(PoisonError::into_inner).entry(code).or_default() += 1;
    }

    /// How often that was, by the reason.
    pub fn failures(&self) -> BTreeMap<&'static str, u64> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many holes there are.
    pub(super) fn gap(&self) {
        self.gaps.fetch_add(1, Ordering::Relaxed);
    }
}
