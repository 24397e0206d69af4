//! Viewers without a connection: one session each, for as long as its player reloads the playlist.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hub::{Drops, Phase, Stream};
use tracing::info;

use super::token::Token;
use crate::sessions::{About, Came, Role, Seat, Sessions};

/// Shortest time without a request after which a viewer has left, in milliseconds.
const IDLE_MIN_MS: u64 = 10_000;

/// The same in target durations.
const IDLE_TARGETS: u64 = 5;

/// Most viewers at a time. Each is some hundred bytes, and a stranger may make one with two requests.
const VIEWERS_MAX: usize = 200_000;

/// Most dismissed viewers whose tokens are remembered. Beyond it the one whose token ends first is forgotten.
const DISMISSED_MAX: usize = 10_000;

/// Who watches.
#[derive(Debug, Default)]
pub(super) struct Audience {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    viewers: HashMap<u64, Arc<Viewer>>,
    /// Until when their tokens would be good.
    dismissed: HashMap<u64, i64>,
}

/// One viewer.
#[derive(Debug)]
pub(super) struct Viewer {
    token: Token,
    stream: Arc<Stream>,
    /// Empty when the stream is over: then nobody watches it, though a player may still fetch the end.
    seat: Mutex<Option<Seat>>,
    seen_ms: AtomicU64,
    idle_ms: AtomicU64,
    bytes: AtomicU64,
}

/// Where a viewer comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin<'a> {
    pub(super) wire: &'static str,
    pub(super) peer: IpAddr,
    pub(super) agent: &'a str,
}

/// Why somebody is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turned {
    /// An operator dismissed this viewer.
    Dismissed,
    /// There are as many as there may be.
    Full,
    /// Nobody new is let in.
    Draining,
}

impl Audience {
    /// The viewer with this token, watching `stream`. It becomes a session when it is none, unless `closed`.
    pub(super) fn watch(
        &self,
        token: Token,
        stream: &Arc<Stream>,
        sessions: &Sessions,
        origin: Origin<'_>,
        now_ms: u64,
        closed: bool,
    ) -> Result<Arc<Viewer>, Turned> {
        let mut inner = self.lock();
        if inner.dismissed.contains_key(&token.number) {
            return Err(Turned::Dismissed);
        }
        if let Some(viewer) = inner.viewers.get(&token.number) {
            if viewer.is_dismissed() {
                return Err(Turned::Dismissed);
            }
            if Arc::ptr_eq(&viewer.stream, stream) {
                viewer.seen_ms.store(now_ms, Ordering::Relaxed);
                return Ok(viewer.clone());
            }
        }
        if closed {
            return Err(Turned::Draining);
        }
        if inner.viewers.len() >= VIEWERS_MAX {
            return Err(Turned::Full);
        }
        let about = About {
            role: Role::Viewer,
            wire: origin.wire,
            stream: stream.name().clone(),
            peer: origin.peer,
            agent: origin.agent.to_owned(),
            domain: String::new(),
            came: Arc::new(Came { client: token.client(), ..Came::default() }),
        };
        let seat = sessions.open(about, now_ms);
        stream.viewer_joined();
        info!(session = seat.session().id, stream = %stream.name(), peer = %origin.peer, wire = origin.wire, "play");
        let viewer = Arc::new(Viewer {
            token,
            stream: stream.clone(),
            seat: Mutex::new(Some(seat)),
            seen_ms: AtomicU64::new(now_ms),
            idle_ms: AtomicU64::new(IDLE_MIN_MS),
            bytes: AtomicU64::new(0),
        });
        if let Some(earlier) = inner.viewers.insert(token.number, viewer.clone()) {
            earlier.end("another stream of this name");
        }
        Ok(viewer)
    }

    /// The viewer with this token, if it watches at this moment.
    pub(super) fn find(&self, token: Token) -> Option<Arc<Viewer>> {
        self.lock().viewers.get(&token.number).filter(|viewer| !viewer.is_dismissed()).cloned()
    }

    /// Lets go of whoever is gone, was dismissed, or watches a stream that is over; brings counters up to date.
    pub(super) fn sweep(&self, now_ms: u64, unix_seconds: i64) {
        let mut inner = self.lock();
        let Inner { viewers, dismissed } = &mut *inner;
        viewers.retain(|number, viewer| {
            viewer.note();
            if viewer.is_dismissed() {
                remember(dismissed, *number, viewer.token.until);
                viewer.end("dismissed");
                return false;
            }
            if viewer.stream.phase() == Phase::Ended {
                viewer.end("the stream is over");
            }
            let idle_ms = now_ms.saturating_sub(viewer.seen_ms.load(Ordering::Relaxed));
            let stays = idle_ms < viewer.idle_ms.load(Ordering::Relaxed);
            if !stays {
                viewer.end("it asks for nothing any more");
            }
            stays
        });
        dismissed.retain(|_, until| *until >= unix_seconds);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic while it was locked leaves maps that are still maps.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remember(dismissed: &mut HashMap<u64, i64>, number: u64, until: i64) {
    if dismissed.len() >= DISMISSED_MAX
        && let Some(first) = dismissed.iter().min_by_key(|(_, until)| **until).map(|(number, _)| *number)
    {
        dismissed.remove(&first);
    }
    dismissed.insert(number, until);
}

impl Viewer {
    /// It asked for something, at `now_ms`, of a playlist with this target.
    pub(super) fn touch(&self, now_ms: u64, target_ms: u64) {
        self.seen_ms.fetch_max(now_ms, Ordering::Relaxed);
        self.idle_ms.store((target_ms * IDLE_TARGETS).max(IDLE_MIN_MS), Ordering::Relaxed);
    }

    /// It is sent so many bytes.
    pub(super) fn add_bytes(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn is_dismissed(&self) -> bool {
        self.seat().as_ref().is_some_and(|seat| seat.session().dismissal().is_some())
    }

    fn note(&self) {
        if let Some(seat) = self.seat().as_ref() {
            seat.session().note(self.bytes.load(Ordering::Relaxed), Drops::default());
        }
    }

    fn end(&self, why: &str) {
        self.note();
        if let Some(seat) = self.seat().take() {
            info!(session = seat.session().id, stream = %self.stream.name(), why, "viewer let go");
            self.stream.viewer_left();
        }
    }

    fn seat(&self) -> MutexGuard<'_, Option<Seat>> {
        self.seat.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use hub::{End, Hub, Name, Options};

    use super::*;

    fn stream() -> (Hub, Arc<Stream>) {
        let options = Options {
            grace_ms: 1_000,
            gop_max_ms: 10_000,
            gop_max_bytes: 1 << 20,
            retain_ms: 4_000,
            max_streams: 10,
        };
        let hub = Hub::new(options);
        let stream = hub.open(&Name::new("live/a")).unwrap();
        (hub, stream)
    }

    fn token(number: u64) -> Token {
        Token { number, until: 1_000 }
    }

    struct Room {
        audience: Audience,
        sessions: Sessions,
    }

    impl Room {
        fn watch(&self, number: u64, stream: &Arc<Stream>, now_ms: u64) -> Result<Arc<Viewer>, Turned> {
            let origin = Origin { wire: "hls", peer: IpAddr::from([127, 0, 0, 1]), agent: "" };
            self.audience.watch(token(number), stream, &self.sessions, origin, now_ms, false)
        }

        fn count(&self) -> usize {
            self.sessions.count(|_| true)
        }
    }

    fn room() -> Room {
        Room { audience: Audience::default(), sessions: Sessions::default() }
    }

    #[test]
    fn a_viewer_is_one_session_until_it_asks_for_nothing() {
        let ((_hub, stream), room) = (stream(), room());
        for now_ms in [0, 1_000, 2_000] {
            room.watch(1, &stream, now_ms).unwrap().touch(now_ms, 4_000);
        }
        room.watch(2, &stream, 2_000).unwrap().add_bytes(7);
        assert_eq!((room.count(), stream.viewers()), (2, 2));
        room.audience.sweep(11_999, 0);
        assert_eq!(room.count(), 2);
        room.audience.sweep(12_000, 0);
        assert_eq!((room.count(), stream.viewers()), (1, 1), "ten seconds without a word");
        assert!(room.audience.find(token(2)).is_none());
        assert_eq!(room.sessions.tally()[&(Role::Viewer, "hls")].bytes, 7);
        room.audience.sweep(22_000, 0);
        assert_eq!((room.count(), stream.viewers()), (0, 0), "five targets of four seconds");
        room.watch(1, &stream, 22_000).unwrap();
        assert_eq!(stream.viewers(), 1, "it may come back");
    }

    #[test]
    fn whoever_was_dismissed_is_refused_while_the_token_is_good() {
        let ((_hub, stream), room) = (stream(), room());
        let viewer = room.watch(1, &stream, 0).unwrap();
        viewer.seat().as_ref().unwrap().session().dismiss("a test");
        assert_eq!(room.watch(1, &stream, 0).unwrap_err(), Turned::Dismissed);
        assert!(room.audience.find(token(1)).is_none());
        room.audience.sweep(1, 1_000);
        assert_eq!((room.count(), stream.viewers()), (0, 0));
        assert_eq!(room.watch(1, &stream, 0).unwrap_err(), Turned::Dismissed);
        room.audience.sweep(1, 1_001);
        assert!(room.audience.lock().dismissed.is_empty());
    }

    #[test]
    fn dismissed_viewers_are_remembered_up_to_a_bound() {
        let mut dismissed = HashMap::new();
        for number in 0..=DISMISSED_MAX as u64 {
            remember(&mut dismissed, number, i64::try_from(number).unwrap());
        }
        assert_eq!(dismissed.len(), DISMISSED_MAX);
        assert!(!dismissed.contains_key(&0));
    }

    #[test]
    fn nobody_watches_a_stream_that_is_over_and_the_next_of_its_name_is_another() {
        let ((hub, stream), room) = (stream(), room());
        room.watch(1, &stream, 0).unwrap();
        hub.drop_stream(stream.name(), End::Finished);
        room.audience.sweep(1, 0);
        assert_eq!((room.count(), stream.viewers()), (0, 0));
        assert!(room.audience.find(token(1)).is_some(), "the end of it can be fetched");
        let next = hub.open(stream.name()).unwrap();
        room.watch(1, &next, 2).unwrap();
        assert_eq!((room.count(), next.viewers(), stream.viewers()), (1, 1, 0));
    }

    #[test]
    fn nobody_new_is_let_in_while_the_server_drains() {
        let ((_hub, stream), room) = (stream(), room());
        room.watch(1, &stream, 0).unwrap();
        let origin = Origin { wire: "hls", peer: IpAddr::from([127, 0, 0, 1]), agent: "" };
        let closed = |number| room.audience.watch(token(number), &stream, &room.sessions, origin, 1, true);
        assert!(closed(1).is_ok());
        assert_eq!(closed(2).unwrap_err(), Turned::Draining);
    }
}
