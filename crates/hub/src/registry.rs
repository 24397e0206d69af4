//! The registry: which streams there are, who publishes them, and when they end.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError};

use tokio::sync::watch;

use crate::publisher::Publisher;
use crate::stream::{End, Phase, Stream};
use crate::sync::{AtomicU64, Mutex, MutexGuard, Ordering};
use crate::totals::Totals;

/// Bounds of every stream. Times in milliseconds, sizes in bytes.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long a stream waits for its publisher to come back before its readers are told that it is over.
    pub grace_ms: u64,
    /// Longest group of pictures that is kept for new viewers.
    pub gop_max_ms: i64,
    /// Largest group of pictures that is kept for new viewers. Each frame counts for its bytes and half a kilobyte more.
    pub gop_max_bytes: u64,
    /// How far back a viewer may fall and still be sent what it missed.
    pub retain_ms: i64,
    /// Most streams that are published at a time; and as many more that readers only wait for. Whoever waits may be
    /// anybody, and must not keep a publisher out.
    pub max_streams: usize,
}

/// The name of a stream: one string, unique on this server. The hub does not look into it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Arc<str>);

impl Name {
    /// The stream called `name`.
    pub fn new(name: &str) -> Name {
        Name(name.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who publishes. Equal identities are the same publisher come back; the text means nothing to the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity(pub String);

/// A push was refused by the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occupied {
    /// Somebody else is publishing this stream.
    Other,
    /// The server has as many streams as it may; of a reader: as many are waited for as may be.
    Full,
}

/// The streams that there are, by name.
#[derive(Debug, Default)]
struct Streams {
    by_name: HashMap<Name, Arc<Stream>>,
    /// How many of them are or were published; the others are waited for. A stream is published under the registry's lock
    /// and is never waited for again.
    published: usize,
}

/// All streams of this server.
#[derive(Debug)]
pub struct Hub {
    options: Options,
    streams: Mutex<Streams>,
    /// Of the streams that have left the registry; taken only with the registry's lock held.
    past: Mutex<Totals>,
    refused_full: AtomicU64,
    /// How often a push has begun.
    pushes: watch::Sender<u64>,
}

impl Hub {
    /// A hub without streams.
    pub fn new(options: Options) -> Hub {
        Hub {
            options,
            streams: Mutex::default(),
            past: Mutex::default(),
            refused_full: AtomicU64::new(0),
            pushes: watch::Sender::new(0),
        }
    }

    /// Takes the stream `name` for `identity`. The same identity replaces its own older push at once and keeps
    /// every reader; another one is refused while the first is there.
    pub fn publish(&self, name: &Name, identity: Identity, now_ms: u64) -> Result<Publisher, Occupied> {
        let mut streams = self.lock();
        let known = streams.by_name.get(name).cloned();
        let is_published = known.as_ref().is_some_and(|stream| stream.phase() != Phase::Waiting);
        if !is_published && streams.published >= self.options.max_streams {
            return Err(self.full());
        }
        let stream = known.unwrap_or_else(|| self.add(&mut streams, name));
        // Streams end under the registry's lock too, so this one has not.
        let Some((id, revoked)) = stream.take(identity, now_ms) else { return Err(Occupied::Other) };
        streams.published += usize::from(!is_published);
        drop(streams);
        self.pushes.send_modify(|pushes| *pushes += 1);
        Ok(Publisher::new(stream, id, revoked))
    }

    /// A receiver that is told whenever a push begins, for whoever wants its first frame.
    pub fn watch_pushes(&self) -> watch::Receiver<u64> {
        self.pushes.subscribe()
    }

    /// The stream `name` for a reader, on air or still waited for.
    pub fn open(&self, name: &Name) -> Result<Arc<Stream>, Occupied> {
        let mut streams = self.lock();
        if let Some(stream) = streams.by_name.get(name) {
            return Ok(stream.clone());
        }
        if streams.by_name.len() - streams.published >= self.options.max_streams {
            return Err(self.full());
        }
        Ok(self.add(&mut streams, name))
    }

    /// The stream `name`, if it is there.
    pub fn find(&self, name: &Name) -> Option<Arc<Stream>> {
        self.lock().by_name.get(name).cloned()
    }

    /// All streams that are on air or in their grace period, by name.
    pub fn on_air(&self) -> Vec<Arc<Stream>> {
        let mut streams: Vec<_> = self
            .lock()
            .by_name
            .values()
            .filter(|stream| matches!(stream.phase(), Phase::Starting | Phase::OnAir | Phase::Grace))
            .cloned()
            .collect();
        streams.sort_by(|a, b| a.name().cmp(b.name()));
        streams
    }

    /// All streams, waited for ones included, in no order.
    pub fn all(&self) -> Vec<Arc<Stream>> {
        self.lock().by_name.values().cloned().collect()
    }

    /// What was counted since the start.
    pub fn totals(&self) -> Totals {
        // Under one lock, so that a stream that ends at this moment is counted once.
        let streams = self.lock();
        let mut totals = *self.past.lock().unwrap_or_else(PoisonError::into_inner);
        streams.by_name.values().for_each(|stream| totals += stream.totals());
        totals.refused_full = self.refused_full.load(Ordering::Relaxed);
        totals
    }

    /// Ends a stream now: its publisher is told `end`, its readers are let go. Returns whether it was there.
    pub fn drop_stream(&self, name: &Name, end: End) -> bool {
        let mut streams = self.lock();
        let Some(stream) = streams.by_name.remove(name) else { return false };
        streams.published -= usize::from(stream.phase() != Phase::Waiting);
        // Still under the registry's lock: whoever finds a stream there finds one that has not ended.
        stream.end(end);
        self.add_past(&stream);
        true
    }

    /// Moves time on: ends streams whose grace is over and forgets names that nobody waits for. Call it a few
    /// times a second.
    pub fn sweep(&self, now_ms: u64) {
        let mut streams = self.lock();
        let Streams { by_name, published } = &mut *streams;
        by_name.retain(|_, stream| {
            // Under the registry's lock nobody can get hold of a stream that is about to be forgotten, so a push
            // or a play that comes at this very moment finds either this stream alive or none.
            let wanted = Arc::strong_count(stream) > 1;
            let is_published = stream.phase() != Phase::Waiting;
            let stays = stream.sweep(now_ms, self.options.grace_ms, wanted);
            if !stays {
                *published -= usize::from(is_published);
                self.add_past(stream);
            }
            stays
        });
    }

    fn add_past(&self, stream: &Stream) {
        *self.past.lock().unwrap_or_else(PoisonError::into_inner) += stream.totals();
    }

    fn add(&self, streams: &mut Streams, name: &Name) -> Arc<Stream> {
        let stream = Arc::new(Stream::new(name.clone(), self.options.clone()));
        streams.by_name.insert(name.clone(), stream.clone());
        stream
    }

    fn full(&self) -> Occupied {
        self.refused_full.fetch_add(1, Ordering::Relaxed);
        Occupied::Full
    }

    fn lock(&self) -> MutexGuard<'_, Streams> {
        // A panic while the map was locked leaves a map that is still a map.
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
