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

use crate::secrets::Secret;

/// Longest text of a client about itself that is kept, in bytes.
const AGENT_MAX: usize = 256;

/// What a session does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
    /// The domain that let a publisher in, as it is configured; not always known of a viewer.
    pub domain: String,
    /// How it asked.
    pub came: Arc<Came>,
}

/// How a client asked to be let in.
#[derive(Debug, Clone, Default)]
pub struct Came {
    /// What it is called in whatever others are told; the number of its session when empty.
    pub client: String,
    /// The host that it asked at, without a port; empty when unknown.
    pub host: String,
    /// The query of its address, which may hold a signature.
    pub query: Secret,
    /// The page that it plays in, if it says.
    pub page_url: String,
    /// The address up to the application, of RTMP as the client wrote it.
    pub tc_url: String,
}

/// Is told when a session begins (`false`) and when it is over (`true`), outside every lock.
pub type Listener = Box<dyn Fn(&Session, bool) + Send + Sync>;

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
#[derive(Debug, Clone)]
pub struct Sessions {
    shared: Arc<Shared>,
}

struct Shared {
    /// Tells this run of the server from others.
    run: u32,
    last: AtomicU64,
    listener: OnceLock<Listener>,
    live: Mutex<BTreeMap<u64, Arc<Session>>>,
    /// Of sessions that have ended, and how many began; taken only with the lock of `live` held.
    past: Mutex<Sums>,
}

/// Sums over sessions by what they do and on which wire.
pub type Sums = BTreeMap<(Role, &'static str), Sum>;

/// One of [`Sums`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    /// Sessions at this moment.
    pub open: u64,
    /// Sessions since the start.
    pub opened: u64,
    /// Bytes of all of them since the start.
    pub bytes: u64,
    /// What viewers were not sent since the start.
    pub drops: Drops,
}

impl Sum {
    fn add(&mut self, session: &Session) {
        let (drops, more) = (&mut self.drops, session.drops());
        self.bytes += session.bytes();
        drops.disposable += more.disposable;
        drops.pictures += more.pictures;
        drops.audio += more.audio;
        drops.jumps += more.jumps;
    }
}

/// A session's place in the list; dropping it ends the session.
#[derive(Debug)]
pub struct Seat {
    session: Arc<Session>,
    shared: Arc<Shared>,
}

impl Default for Sessions {
    fn default() -> Sessions {
        let mut run = [0; 4];
        // Without random bytes the process's number tells runs apart well enough.
        if getrandom::fill(&mut run).is_err() {
            run = std::process::id().to_be_bytes();
        }
        let shared = Shared {
            run: u32::from_be_bytes(run),
            last: AtomicU64::new(0),
            listener: OnceLock::new(),
            live: Mutex::default(),
            past: Mutex::default(),
        };
        Sessions { shared: Arc::new(shared) }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("last", &self.last).finish_non_exhaustive()
    }
}

impl Sessions {
    /// What the client with this number is called in whatever others are told: unlike the number, no other client has it
    /// after a restart.
    pub fn client_of(&self, number: u64) -> String {
        format!("{:08x}-{number}", self.shared.run)
    }

    /// Tells `listener` of every session from now on. A second one is not heard.
    pub fn listen(&self, listener: Listener) {
        let _ = self.shared.listener.set(listener);
    }

    /// A number for a client that has connected and may be let in later, so that all lines of the log about it have
    /// the same.
    pub fn number(&self) -> u64 {
        self.shared.last.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Lets a client in that has no number yet.
    pub fn open(&self, about: About, now_ms: u64) -> Seat {
        self.open_as(self.number(), about, now_ms)
    }

    /// Lets a client in under the number that [`Sessions::number`] gave it.
    pub fn open_as(&self, id: u64, mut about: About, now_ms: u64) -> Seat {
        let mut cut = about.agent.len().min(AGENT_MAX);
        while !about.agent.is_char_boundary(cut) {
            cut -= 1;
        }
        about.agent.truncate(cut);
        about.agent.shrink_to_fit();
        let key = (about.role, about.wire);
        let session = Arc::new(Session {
            id,
            about,
            since_ms: now_ms,
            bytes: AtomicU64::new(0),
            drops: Mutex::default(),
            dismissed: OnceLock::new(),
            notice: Notify::new(),
        });
        let mut live = self.shared.lock();
        live.insert(id, session.clone());
        self.shared.past().entry(key).or_default().opened += 1;
        drop(live);
        self.shared.tell(&session, false);
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

    /// Shows all of them to `see`, which must be quick: nobody comes or leaves meanwhile.
    pub fn each(&self, see: impl FnMut(&Arc<Session>)) {
        self.shared.lock().values().for_each(see);
    }

    /// What was counted since the start.
    pub fn tally(&self) -> Sums {
        // Under one lock, so that a session that ends at this moment is counted once.
        let live = self.shared.lock();
        let mut sums = self.shared.past().clone();
        for session in live.values() {
            let sum = sums.entry((session.about.role, session.about.wire)).or_default();
            sum.open += 1;
            sum.add(session);
        }
        sums
    }

    /// How many there are that `pick` wants.
    pub fn count(&self, pick: impl Fn(&Session) -> bool) -> usize {
        self.shared.lock().values().filter(|session| pick(session)).count()
    }
}

impl Shared {
    fn tell(&self, session: &Session, is_over: bool) {
        if let Some(listener) = self.listener.get() {
            listener(session, is_over);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Session>>> {
        // A panic while it was locked leaves a map that is still a map.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn past(&self) -> MutexGuard<'_, Sums> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    /// What it is called in whatever others are told.
    pub fn client(&self) -> String {
        match self.about.came.client.as_str() {
            "" => self.id.to_string(),
            client => client.to_owned(),
        }
    }

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
        let mut live = self.shared.lock();
        live.remove(&self.session.id);
        let about = &self.session.about;
        self.shared.past().entry((about.role, about.wire)).or_default().add(&self.session);
        drop(live);
        self.shared.tell(&self.session, true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(role: Role, agent: &str) -> About {
        let stream = Name::new("live/a");
        let peer = IpAddr::from([127, 0, 0, 1]);
        About {
            role,
            wire: "rtmp",
            stream,
            peer,
            agent: agent.to_owned(),
            domain: String::new(),
            came: Arc::default(),
        }
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
    fn sums_keep_what_sessions_that_ended_have_moved() {
        let sessions = Sessions::default();
        let seat = sessions.open(about(Role::Viewer, ""), 0);
        let drops = Drops { pictures: 3, jumps: 1, ..Drops::default() };
        seat.session().note(100, drops);
        let other = sessions.open(about(Role::Viewer, ""), 0);
        let sum = |open| Sum { open, opened: 2, bytes: 100, drops };
        assert_eq!(sessions.tally()[&(Role::Viewer, "rtmp")], sum(2));
        drop((seat, other));
        assert_eq!(sessions.tally()[&(Role::Viewer, "rtmp")], sum(0));
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
