//! Connections that are kept for the next call.
//!
//! One is used again only for the host, the port and the kind of call that it was made for: a connection that the guard
//! let through says nothing about another guard, another name or another port. It is not kept for long, so a name that
//! leads elsewhere by now is followed there, through the guard.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Address;
use super::connection::Connection;
use crate::net::Guard;

/// How long a connection is kept without a call.
pub(super) const IDLE: Duration = Duration::from_secs(30);

/// How long one is used at all: about as long as names are remembered.
const LIFE: Duration = Duration::from_secs(60);

/// Most connections to one host that are kept.
pub(super) const PER_HOST: usize = 16;

/// Most connections that are kept.
const TOTAL: usize = 128;

/// How often those that are kept are looked through.
const LOOK: Duration = Duration::from_secs(5);

/// What a connection was made for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    is_secure: bool,
    host: String,
    port: u16,
    guard: Guard,
}

impl Key {
    pub(super) fn new(address: &Address, guard: Guard) -> Key {
        Key { is_secure: address.is_secure(), host: address.host().to_owned(), port: address.port(), guard }
    }
}

/// The connections that are kept.
#[derive(Debug, Clone, Default)]
pub(super) struct Pool {
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    idle: HashMap<Key, Vec<Idle>>,
    /// Somebody looks through them.
    is_looked_at: bool,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    until: Instant,
}

impl Pool {
    /// The one that was used last: the others may be let go.
    pub(super) fn take(&self, key: &Key) -> Option<Connection> {
        let mut kept = lock(&self.kept);
        let now = Instant::now();
        let idle = kept.idle.get_mut(key)?;
        idle.retain(|one| one.is_good(now));
        let found = idle.pop();
        if idle.is_empty() {
            kept.idle.remove(key);
        }
        found.map(|one| one.connection)
    }

    /// Closes those that were made for this.
    pub(super) fn forget(&self, key: &Key) {
        lock(&self.kept).idle.remove(key);
    }

    /// Keeps one that is free, for so long at most. Where there are enough of them, it is closed.
    pub(super) fn put(&self, key: Key, connection: Connection, idle: Duration) {
        let now = Instant::now();
        let until = (now + idle.min(IDLE)).min(connection.made + LIFE);
        let mut kept = lock(&self.kept);
        if kept.count() >= TOTAL {
            kept.tidy(now);
        }
        if until <= now || kept.count() >= TOTAL {
            return;
        }
        let same = kept.idle.entry(key).or_default();
        if same.len() < PER_HOST {
            same.push(Idle { connection, until });
        }
        if !std::mem::replace(&mut kept.is_looked_at, true) {
            tokio::spawn(look(Arc::downgrade(&self.kept)));
        }
    }

    /// How many are kept.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        lock(&self.kept).count()
    }
}

/// Closes what is over, as long as anything is kept.
async fn look(kept: Weak<Mutex<Kept>>) {
    loop {
        sleep(LOOK).await;
        let Some(kept) = kept.upgrade() else { return };
        let mut kept = lock(&kept);
        kept.tidy(Instant::now());
        if kept.idle.is_empty() {
            kept.is_looked_at = false;
            return;
        }
    }
}

impl Kept {
    fn count(&self) -> usize {
        self.idle.values().map(Vec::len).sum()
    }

    fn tidy(&mut self, now: Instant) {
        self.idle.retain(|_, same| {
            same.retain(|one| one.is_good(now));
            !same.is_empty()
        });
    }
}

impl Idle {
    fn is_good(&self, now: Instant) -> bool {
        now < self.until && !self.connection.is_closed()
    }
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    // A panic while it was locked leaves a map that is still a map.
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}
