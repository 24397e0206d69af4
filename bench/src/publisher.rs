//! The publishers of a run, on a thread of their own beside the players, so that one clock stamps and reads.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Result, bail};
use mio::{Events, Poll, Token};

use crate::chunk::{self, Lane};
use crate::client::{Client, Role};
use crate::connection::Connection;
use crate::crowd::stream_name;
use crate::flv::{self, AUDIO, SCRIPT};
use crate::source::{Clock, PICTURE_US, Schedule, Source};

/// The chunk size that publishers use, as OBS does.
const CHUNK: usize = 4096;

/// What may wait in front of a server that does not read; beyond it the publisher has failed.
const MAX_WAITING: usize = 4 << 20;

/// Publishers that begin per second.
const RAMP: u64 = 100;

const SET_CHUNK_SIZE: u8 = 1;

/// How a stream gets into the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Push {
    /// As encoders do it.
    Rtmp(SocketAddr),
    /// FLV behind a line of HTTP: how the floor is fed.
    Feed(SocketAddr),
}

/// Publishers at work; they end when this is dropped.
#[derive(Debug)]
pub(crate) struct Publishers {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Result<()>>>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    on_air: AtomicUsize,
    lost: AtomicUsize,
    sent: AtomicU64,
    latest_us: AtomicU64,
}

impl Publishers {
    /// Starts `count` publishers of streams 0 to `count` - 1, at a hundred a second, for `most` at the longest.
    pub(crate) fn start(push: Push, count: usize, clock: Clock, most: Duration) -> Result<Self> {
        let shared = Arc::new(Shared::default());
        let mut stage = Stage::new(push, count, clock, Arc::clone(&shared))?;
        let until = clock.now() + u64::try_from(most.as_nanos()).unwrap_or(u64::MAX / 2);
        let thread = std::thread::Builder::new().name("publishers".into()).spawn(move || {
            go_first();
            stage.run(until)
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Publishers whose stream the server has taken.
    pub(crate) fn on_air(&self) -> usize {
        self.shared.on_air.load(Ordering::Relaxed)
    }

    /// Publishers that ended without being asked to.
    pub(crate) fn lost(&self) -> usize {
        self.shared.lost.load(Ordering::Relaxed)
    }

    /// Bytes of pictures and sound that were sent, without what carries them.
    pub(crate) fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }

    /// By how many milliseconds a message was sent too late, at most, since this was last asked.
    pub(crate) fn latest_ms(&self) -> f64 {
        self.shared.latest_us.swap(0, Ordering::Relaxed) as f64 / 1e3
    }

    /// Ends them and tells what went wrong.
    pub(crate) fn stop(mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        self.shared.stop.store(true, Ordering::Relaxed);
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) => bail!("the publishers' thread panicked"),
            None => Ok(()),
        }
    }
}

impl Drop for Publishers {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

/// How much later a publisher's first picture comes, in nanoseconds. They start ten milliseconds apart, a quarter of a
/// picture's time: without it all of them would send at the same four moments, as no encoders in the world do.
fn phase(place: usize) -> u64 {
    const GOLDEN: f64 = 0.618_033_988_749_895;
    ((place as f64 * GOLDEN).fract() * PICTURE_US as f64 * 1e3) as u64
}

/// A picture must be stamped and sent when it is due, whatever thousands of players do on the same core.
fn go_first() {
    let Ok(thread) = std::fs::read_link("/proc/thread-self") else { return };
    let Some(id) = thread.file_name().and_then(|name| name.to_str()) else { return };
    // It is not permitted everywhere; the lateness that is reported tells what that did.
    let _ = Command::new("chrt").args(["-f", "-p", "6", id]).output();
}

struct Stage {
    push: Push,
    clock: Clock,
    poll: Poll,
    events: Events,
    shared: Arc<Shared>,
    source: Source,
    count: usize,
    actors: Vec<Option<Actor>>,
    buffer: Vec<u8>,
    first_error: Option<anyhow::Error>,
}

struct Actor {
    connection: Connection,
    client: Option<Client>,
    /// When the stream began, once it is on air.
    began: Option<u64>,
    message_stream: u32,
    schedule: Schedule,
}

impl Stage {
    fn new(push: Push, count: usize, clock: Clock, shared: Arc<Shared>) -> Result<Self> {
        Ok(Self {
            push,
            clock,
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            shared,
            source: Source::new(),
            count,
            actors: Vec::new(),
            buffer: vec![0; 16 * 1024],
            first_error: None,
        })
    }

    fn run(&mut self, until: u64) -> Result<()> {
        let start = self.clock.now();
        while !self.shared.stop.load(Ordering::Relaxed) {
            let now = self.clock.now();
            if now > until {
                break;
            }
            while self.actors.len() < self.count
                && now >= start + self.actors.len() as u64 * 1_000_000_000 / RAMP
            {
                self.enter()?;
            }
            let wait = self.wait(now);
            self.poll.poll(&mut self.events, Some(wait))?;
            let ready: Vec<usize> = self.events.iter().map(|event| event.token().0).collect();
            for place in ready {
                let result = self.serve(place);
                self.judge(place, result);
            }
            for place in 0..self.actors.len() {
                let result = self.send_due(place);
                self.judge(place, result);
            }
        }
        self.first_error.take().map_or(Ok(()), Err)
    }

    /// Until the next message of anybody; at most the time in which a request to stop should be seen.
    fn wait(&self, now: u64) -> Duration {
        let joining = self.actors.len() < self.count;
        let most = if joining { 5_000_000 } else { 20_000_000 };
        let due = self.actors.iter().flatten().filter_map(Actor::due).min().unwrap_or(u64::MAX);
        Duration::from_nanos(due.saturating_sub(now).min(most))
    }

    fn enter(&mut self) -> Result<()> {
        let place = self.actors.len();
        let (address, client) = match self.push {
            Push::Rtmp(address) => {
                let client = Client::new(Role::Publish, &address.to_string(), "live", &stream_name(place));
                (address, Some(client))
            }
            Push::Feed(address) => (address, None),
        };
        let connection = Connection::open(self.poll.registry(), Token(place), address)?;
        let schedule = Schedule::default();
        self.actors.push(Some(Actor { connection, client, began: None, message_stream: 0, schedule }));
        Ok(())
    }

    fn judge(&mut self, place: usize, result: Result<()>) {
        if let Err(error) = result {
            if self.actors[place].take().is_some_and(|actor| actor.began.is_some()) {
                self.shared.on_air.fetch_sub(1, Ordering::Relaxed);
            }
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
            self.first_error.get_or_insert(error.context(format!("publisher {place}")));
        }
    }

    fn serve(&mut self, place: usize) -> Result<()> {
        let Some(actor) = &mut self.actors[place] else { return Ok(()) };
        if !actor.connection.stands()? {
            return Ok(());
        }
        loop {
            if let Some(client) = &mut actor.client {
                actor.connection.out().append(&mut client.out);
            }
            actor.connection.flush()?;
            let Some(bytes) = actor.connection.read(&mut self.buffer)? else { break };
            if let Some(client) = &mut actor.client {
                client.feed(bytes, &mut |_| ())?;
            }
        }
        if actor.began.is_none() && actor.begin() {
            actor.began = Some(self.clock.now() + phase(place));
            self.shared.on_air.fetch_add(1, Ordering::Relaxed);
            actor.connection.flush()?;
        }
        Ok(())
    }

    fn send_due(&mut self, place: usize) -> Result<()> {
        let Some(actor) = &mut self.actors[place] else { return Ok(()) };
        while let Some(due) = actor.due() {
            let now = self.clock.now();
            if due > now {
                break;
            }
            if actor.connection.waiting() > MAX_WAITING {
                bail!("the server does not read");
            }
            let next = actor.schedule.next();
            let body = self.source.body(next, now);
            actor.write(next.kind, next.time, body);
            self.shared.sent.fetch_add(body.len() as u64, Ordering::Relaxed);
            actor.schedule.advance();
            actor.connection.flush()?;
            self.shared.latest_us.fetch_max((now - due) / 1000, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl Actor {
    /// The moment of the next message, once on air.
    fn due(&self) -> Option<u64> {
        self.began.map(|began| began + u64::from(self.schedule.next().time) * 1_000_000)
    }

    /// When the server has agreed, the headers are sent and the stream begins.
    fn begin(&mut self) -> bool {
        let out = self.connection.out();
        match &self.client {
            Some(client) => {
                let Some(message_stream) = client.on_air() else { return false };
                self.message_stream = message_stream;
                let lane = Lane { chunk_stream: 2, message_stream: 0, chunk: chunk::DEFAULT_CHUNK };
                chunk::write(out, lane, SET_CHUNK_SIZE, 0, &(CHUNK as u32).to_be_bytes());
            }
            None => {
                out.extend_from_slice(b"PUT /live/room0.flv HTTP/1.1\r\n\r\n");
                out.extend_from_slice(&flv::FILE_HEADER);
            }
        }
        for (kind, body) in Source::headers() {
            self.write(kind, 0, &body);
        }
        true
    }

    fn write(&mut self, kind: u8, time: u32, body: &[u8]) {
        let Some(_) = &self.client else { return flv::write(self.connection.out(), kind, time, body) };
        let chunk_stream = if matches!(kind, AUDIO | SCRIPT) { 4 } else { 6 };
        let lane = Lane { chunk_stream, message_stream: self.message_stream, chunk: CHUNK };
        if kind == SCRIPT {
            // Encoders ask the server to keep their metadata for those who come later.
            let mut wrapped = crate::amf::Writer::default().string("@setDataFrame").finish();
            wrapped.extend_from_slice(body);
            chunk::write(self.connection.out(), lane, kind, time, &wrapped);
        } else {
            chunk::write(self.connection.out(), lane, kind, time, body);
        }
    }
}
