//! The clock: the only place that reads the time.
//!
//! Two times are needed and never mixed: a monotonic one for timers, and the calendar's for signatures, logs and
//! the picture's clock. The calendar can be shifted and stopped, so that a test reaches the second at which an address expires,
//! and looks around in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A handle to the process's clock; clones share it.
#[derive(Debug, Clone)]
pub struct Clock {
    started: Instant,
    calendar: Arc<Calendar>,
}

#[derive(Debug)]
struct Calendar {
    shift_ms: AtomicI64,
    /// Where it stands; [`RUNS`]: it does not.
    stands_at_ms: AtomicI64,
}

/// No time that anybody stops a calendar at.
const RUNS: i64 = i64::MIN;

impl Clock {
    /// The machine's clock.
    pub fn system() -> Clock {
        Clock {
            started: Instant::now(),
            calendar: Arc::new(Calendar { shift_ms: AtomicI64::new(0), stands_at_ms: AtomicI64::new(RUNS) }),
        }
    }

    /// Milliseconds since this clock was made; never goes back.
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Milliseconds since 1970-01-01 UTC.
    pub fn unix_ms(&self) -> i64 {
        match self.calendar.stands_at_ms.load(Ordering::Relaxed) {
            RUNS => machine_ms().saturating_add(self.calendar.shift_ms.load(Ordering::Relaxed)),
            stands_at_ms => stands_at_ms,
        }
    }

    /// Seconds since 1970-01-01 UTC.
    pub fn unix_seconds(&self) -> i64 {
        self.unix_ms().div_euclid(1_000)
    }

    /// Makes the calendar read `unix_ms` now, and go on. For tests.
    pub fn set_unix_ms(&self, unix_ms: i64) {
        self.calendar.shift_ms.store(unix_ms - machine_ms(), Ordering::Relaxed);
        self.calendar.stands_at_ms.store(RUNS, Ordering::Relaxed);
    }

    /// Makes the calendar read `unix_ms` until it is set again. For tests.
    pub fn stop_at_unix_ms(&self, unix_ms: i64) {
        self.calendar.stands_at_ms.store(unix_ms, Ordering::Relaxed);
    }
}

fn machine_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
