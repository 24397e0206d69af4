//! The clock: the only place that reads the time.
//!
//! Two times are needed and never mixed: a monotonic one for timers, and the calendar's for signatures, logs and
//! the picture's clock. The calendar can be shifted, so that a test reaches the second at which an address expires.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A handle to the process's clock; clones share it.
#[derive(Debug, Clone)]
pub struct Clock {
    started: Instant,
    shift_ms: Arc<AtomicI64>,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Clock {
        Clock { started: Instant::now(), shift_ms: Arc::default() }
    }

    /// Milliseconds since this clock was made; never goes back.
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Milliseconds since 1970-01-01 UTC.
    pub fn unix_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis())
            .unwrap_or(i64::MAX)
            .saturating_add(self.shift_ms.load(Ordering::Relaxed))
    }

    /// Seconds since 1970-01-01 UTC.
    pub fn unix_seconds(&self) -> i64 {
        self.unix_ms().div_euclid(1_000)
    }

    /// Makes the calendar read `unix_ms` now. For tests.
    pub fn set_unix_ms(&self, unix_ms: i64) {
        let off = unix_ms - self.unix_ms();
        self.shift_ms.fetch_add(off, Ordering::Relaxed);
    }
}
