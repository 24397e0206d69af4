//! From the hub to another server: one attempt. It reads the stream's ring like a viewer does: nothing is queued for
//! it beyond one batch, and a target that is too slow loses the least useful frames first.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hub::{Cursor, Feed, Lag, Phase, Profile, Stream, Verdict, Wake};
use media::frame::{Frame, Kind, Role};
use media::time::wrapped;
use rtmp::MediaKind;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use tracing::info;

use super::Failure;
use super::entry::Entry;
use super::rtmp::{Client, Intent};
use super::state::State;
use crate::app::App;

/// Bytes that are taken from the ring before the socket has taken the last ones; one frame more at most.
const BATCH_BYTES: usize = 64 * 1024;

/// How long the target may take to read the goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// What encoders put before `onMetaData`; servers that are strict know it by this only.
const SET_DATA_FRAME: &[u8] = b"\x02\x00\x0d@setDataFrame";

#[derive(Debug, Default)]
struct Bell(Notify);

impl Wake for Bell {
    fn wake(&self) {
        self.0.notify_one();
    }
}

/// Connects and sends the stream until it ends, which is no failure.
pub(super) async fn attempt(app: &App, entry: &Entry, stream: &Arc<Stream>) -> Result<(), Failure> {
    let dialer = app.relays.dialer();
    let agent = app.relays.agent_for(entry)?;
    let wire = dialer.dial(&entry.target, entry.guard).await?;
    let mut client = Client::new(wire, Intent::Publish, entry.target.url(), agent, &app.rtmp)?;
    client.begin(dialer.patience.start, dialer.patience.start).await?;
    entry.set(State::Running);
    info!(relay = entry.id, stream = %entry.name, server = %entry.target, "a push is on its way");
    let bell = Arc::new(Bell::default());
    let feed = Feed::new(stream.clone(), bell.clone());
    let start = feed.start(Profile::Live);
    let cursor = Cursor::new(&feed, Profile::Live, start.seq);
    let mut sender = Sender { client, feed, cursor, lag: app.relays.lag() };
    for frame in &start.headers {
        sender.send(frame);
    }
    let sent = sender.run(&bell, dialer.patience.idle, entry).await;
    if sent.is_ok() {
        sender.client.finish(GOODBYE).await;
    }
    sent
}

struct Sender {
    client: Client,
    feed: Feed,
    cursor: Cursor,
    lag: Lag,
}

impl Sender {
    async fn run(&mut self, bell: &Bell, idle: Duration, entry: &Entry) -> Result<(), Failure> {
        let mut deadline = Instant::now() + idle;
        loop {
            while self.client.poll_event()?.is_some() {}
            if self.client.owed() == 0 {
                self.fill()?;
            }
            if self.client.owed() == 0 {
                if self.feed.phase() == Phase::Ended {
                    return Ok(());
                }
                // Only a target that is sent something can be slow with it.
                deadline = Instant::now() + idle;
            }
            let step = async {
                tokio::select! {
                    () = bell.0.notified() => Ok(None),
                    written = self.client.step() => written.map(Some),
                }
            };
            match timeout_at(deadline, step).await {
                Ok(Ok(None)) => {
                    self.feed.keep_from(self.cursor.next());
                    self.feed.pull();
                }
                Ok(Ok(Some(0))) => {}
                Ok(Ok(Some(written))) => {
                    entry.bytes.fetch_add(written as u64, Ordering::Relaxed);
                    deadline = Instant::now() + idle;
                }
                Ok(Err(failure)) => return Err(failure),
                Err(_) if self.client.owed() > 0 => return Err(Failure::TimedOut("it takes no data")),
                Err(_) => {}
            }
        }
    }

    /// Queues what is due, up to a batch.
    fn fill(&mut self) -> Result<(), Failure> {
        if self.cursor.next() >= self.feed.next_seq() {
            return Ok(());
        }
        match self.cursor.judge(&self.feed, &self.lag) {
            Verdict::Continue => {}
            Verdict::SendHeaders => {
                for frame in self.feed.configs_at(self.cursor.next()) {
                    self.send(&frame);
                }
            }
            Verdict::LetGo => return Err(Failure::TooSlow),
        }
        while self.client.owed() < BATCH_BYTES {
            let Some(entry) = self.feed.get(self.cursor.next()).cloned() else { break };
            if self.cursor.admits(&entry) {
                self.send(&entry.frame);
            }
            self.cursor.advance(entry.seq + 1);
        }
        Ok(())
    }

    fn send(&mut self, frame: &Frame) {
        let (kind, body) = match frame.kind {
            Kind::Audio => (MediaKind::Audio, frame.body.clone()),
            Kind::Video => (MediaKind::Video, frame.body.clone()),
            Kind::Data if frame.role == Role::Metadata => (MediaKind::Data, named(&frame.body)),
            Kind::Data => (MediaKind::Data, frame.body.clone()),
        };
        self.client.send(kind, wrapped(frame.time), &body);
    }
}

fn named(metadata: &Bytes) -> Bytes {
    let mut body = BytesMut::with_capacity(SET_DATA_FRAME.len() + metadata.len());
    body.extend_from_slice(SET_DATA_FRAME);
    body.extend_from_slice(metadata);
    body.freeze()
}
