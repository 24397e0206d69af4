//! Who is connected at this moment: one session per publisher and per viewer, from the grant to the end.
//!
//! A session is what an operator sees and may dismiss. Its counters are brought up to date about once a second by
//! whoever serves it, so that nothing is counted on the way of a frame.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use hub::{Drops, Name};
use tokio::sync::Notify;

/// Longest text of a client about itself that is kept, in bytes.
const AGENT_MAX: usize = 256;

/// What a session does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Sends a stream.
    Publisher,
    /// Watches one.
    Viewer,
}

/// What is known of a client when it is let in.
#[derive(Debug, Clone)]
pub struct About {
    /// What it does.
    pub role: Role,
    /// Its protocol, such as `rtmp` or `http-flv`.
    pub wire: &'static str,
    /// Which stream.
    pub stream: Name,
    /// From where.
    pub peer: IpAddr,
    /// What it calls itself; cut to a bound.
    pub agent: String,
}

/// One connected client.
#[derive(Debug)]
pub struct Session {
    /// Its number on this server since the start, never used again.
    pub id: u64,
    /// What is known of it.
    pub about: About,
    /// When it was let in, by the monotonic clock in milliseconds.
    pub since_ms: u64,
    bytes: AtomicU64,
    drops: Mutex<Drops>,
    dismissed: OnceLock<String>,
    notice: Notify,
}

/// All sessions.
#[derive(Debug, Clone, Default)]
pub struct Sessions {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    last: AtomicU64,
    live: Mutex<BTreeMap<u64, Arc<Session>>>,
}

/// A session's place in the list; dropping it ends the session.
#[derive(Debug)]
pub struct Seat {
    session: Arc<Session>,
    shared: Arc<Shared>,
}

impl Sessions {
    /// Lets a client in.
    pub fn open(&self, mut about: About, now_ms: u64) -> Seat {
        let mut cut = about.agent.len().min(AGENT_MAX);
        while !about.agent.is_char_boundary(cut) {
            cut -= 1;
        }
        about.agent.truncate(cut);
        about.agent.shrink_to_fit();
        let id = self.shared.last.fetch_add(1, Ordering::Relaxed) + 1;
        let session = Arc::new(Session {
            id,
            about,
            since_ms: now_ms,
            bytes: AtomicU64::new(0),
            drops: Mutex::default(),
            dismissed: OnceLock::new(),
            notice: Notify::new(),
        });
        self.shared.lock().insert(id, session.clone());
        Seat { session, shared: self.shared.clone() }
    }

    /// The session with this number.
    pub fn find(&self, id: u64) -> Option<Arc<Session>> {
        self.shared.lock().get(&id).cloned()
    }

    /// Up to `count` sessions with numbers above `after`, in order, that `pick` wants.
    pub fn list(&self, after: u64, count: usize, pick: impl Fn(&Session) -> bool) -> Vec<Arc<Session>> {
        let live = self.shared.lock();
        live.range(after.saturating_add(1)..)
            .map(|(_, session)| session)
            .filter(|session| pick(session))
            .take(count)
            .cloned()
            .collect()
    }

    /// How many there are that `pick` wants.
    pub fn count(&self, pick: impl Fn(&Session) -> bool) -> usize {
        self.shared.lock().values().filter(|session| pick(session)).count()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Session>>> {
        // A panic while it was locked leaves a map that is still a map.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    /// Bytes of its stream received or sent so far.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// What a viewer was not sent so far.
    pub fn drops(&self) -> Drops {
        *self.drops.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings its counters up to date.
    pub fn note(&self, bytes: u64, drops: Drops) {
        self.bytes.store(bytes, Ordering::Relaxed);
        *self.drops.lock().unwrap_or_else(PoisonError::into_inner) = drops;
    }

    /// Asks whoever serves it to end it, within about a second; `reason` is told to the client. The first reason
    /// stays.
    pub fn dismiss(&self, reason: &str) {
        let _ = self.dismissed.set(reason.to_owned());
        self.notice.notify_one();
    }

    /// Why it is to end, if it is.
    pub fn dismissal(&self) -> Option<&str> {
        self.dismissed.get().map(String::as_str)
    }

    /// Returns when it is to end.
    pub async fn dismissed(&self) -> &str {
        loop {
            if let Some(reason) = self.dismissal() {
                return reason;
            }
            self.notice.notified().await;
        }
    }
}

impl Seat {
    /// Who sits here.
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.shared.lock().remove(&self.session.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(role: Role, agent: &str) -> About {
        let stream = Name::new("live/a");
        About { role, wire: "rtmp", stream, peer: IpAddr::from([127, 0, 0, 1]), agent: agent.to_owned() }
    }

    #[test]
    fn a_session_is_listed_while_its_seat_is_held() {
        let sessions = Sessions::default();
        let seats: Vec<Seat> = (0..5).map(|_| sessions.open(about(Role::Viewer, ""), 0)).collect();
        let ids = |after, count| {
            sessions.list(after, count, |_| true).iter().map(|session| session.id).collect::<Vec<u64>>()
        };
        assert_eq!(ids(0, 2), [1, 2]);
        assert_eq!(ids(2, 9), [3, 4, 5]);
        drop(seats);
        assert!(ids(0, 9).is_empty());
        assert_eq!(
            sessions.open(about(Role::Publisher, ""), 0).session().id,
            6,
            "numbers are not used again"
        );
    }

    #[test]
    fn a_long_name_is_cut_at_a_character() {
        let sessions = Sessions::default();
        let seat = sessions.open(about(Role::Viewer, &"堰".repeat(100)), 0);
        assert_eq!(seat.session().about.agent, "堰".repeat(85));
    }

    #[test]
    fn the_first_reason_to_end_stays() {
        let sessions = Sessions::default();
        let seat = sessions.open(about(Role::Viewer, ""), 0);
        assert_eq!(seat.session().dismissal(), None);
        seat.session().dismiss("kicked");
        seat.session().dismiss("kicked again");
        assert_eq!(seat.session().dismissal(), Some("kicked"));
    }
}
