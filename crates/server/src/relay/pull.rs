//! From another server into the hub: one attempt.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use hub::{Identity, Phase, PushError};
use media::frame::Kind;
use media::time::Unwrap;
use rtmp::{ClientEvent, MediaKind};
use tokio::time::timeout;
use tracing::info;

use super::Failure;
use super::entry::{Entry, State};
use super::flv::FlvSource;
use super::rtmp::{Client, Intent};
use crate::app::App;

/// Messages that cannot be frames, after which the other server is left. Real ones send none.
const MAX_BAD_BODIES: u32 = 50;

enum Source {
    Rtmp { client: Box<Client>, times: Unwrap },
    Flv(Box<FlvSource>),
}

/// Connects, publishes what comes, and returns why it ended.
pub(super) async fn attempt(app: &Arc<App>, entry: &Entry) -> Failure {
    match carry(app, entry).await {
        Ok(never) => match never {},
        Err(failure) => failure,
    }
}

/// Waits while somebody else has the stream: until their push and its grace are over.
/// `waits` is called once, before the first wait.
pub(super) async fn wait_for_turn(app: &App, entry: &Entry, waits: impl FnOnce()) {
    let mut waits = Some(waits);
    while let Some(stream) = app.hub.find(&entry.name) {
        let taken = matches!(stream.phase(), Phase::Starting | Phase::OnAir | Phase::Grace);
        if !taken || entry.is_ours(&stream) {
            return;
        }
        if let Some(waits) = waits.take() {
            waits();
        }
        let mut phase = stream.watch_phase();
        // A push that follows during the grace is found by the next look.
        let over = |phase: &Phase| matches!(phase, Phase::Ended | Phase::Waiting);
        if phase.wait_for(over).await.is_err() {
            return;
        }
        drop(stream);
        tokio::task::yield_now().await;
    }
}

async fn carry(app: &Arc<App>, entry: &Entry) -> Result<std::convert::Infallible, Failure> {
    let mut source = Source::open(app, entry).await?;
    let idle = app.relays.patience().idle;
    // Not before there is something to show: a name that is taken and silent would hold its viewers in the dark.
    let mut first = Some(source.next_within(idle).await?);
    let now_ms = app.clock.now_ms();
    let identity = Identity(entry.identity.clone());
    let mut publisher = app.hub.publish(&entry.name, identity, now_ms).map_err(Failure::Occupied)?;
    entry.publishes(publisher.stream());
    entry.set(State::Running);
    info!(relay = entry.id, stream = %entry.name, server = %entry.target, "a pull is on air");
    let mut bad_bodies = 0;
    let failure = loop {
        let media = match first.take() {
            Some(media) => media,
            None => tokio::select! {
                end = publisher.revoked() => break Failure::Revoked(end),
                media = source.next_within(idle) => match media {
                    Ok(media) => media,
                    Err(failure) => break failure,
                },
            },
        };
        let (kind, time_ms, body) = media;
        entry.bytes.fetch_add(body.len() as u64, Ordering::Relaxed);
        match publisher.push(kind, time_ms, body, app.clock.now_ms()) {
            Ok(_) => {}
            Err(PushError::Revoked(end)) => break Failure::Revoked(end),
            Err(PushError::BadBody(_)) => {
                bad_bodies += 1;
                if bad_bodies > MAX_BAD_BODIES {
                    break Failure::Garbage;
                }
            }
        }
    };
    publisher.leave(app.clock.now_ms());
    Err(failure)
}

impl Source {
    async fn open(app: &App, entry: &Entry) -> Result<Source, Failure> {
        let dialer = app.relays.dialer();
        let agent = app.relays.agent_for(entry)?;
        if entry.target.scheme().is_http() {
            let max_bytes = app.rtmp.limits.max_message_bytes;
            let source = FlvSource::open(dialer, &entry.target, entry.guard, &agent, max_bytes).await?;
            return Ok(Source::Flv(Box::new(source)));
        }
        let wire = dialer.dial(&entry.target, entry.guard).await?;
        let mut client = Client::new(wire, Intent::Play, entry.target.url(), agent, &app.rtmp)?;
        // A server may hold a player until there is a stream, as this one does.
        client.begin(dialer.patience.start, dialer.patience.idle).await?;
        Ok(Source::Rtmp { client: Box::new(client), times: Unwrap::default() })
    }

    async fn next_within(&mut self, idle: std::time::Duration) -> Result<(Kind, i64, Bytes), Failure> {
        timeout(idle, self.next()).await.map_err(|_| Failure::TimedOut("no audio or video came"))?
    }

    async fn next(&mut self) -> Result<(Kind, i64, Bytes), Failure> {
        match self {
            Source::Flv(source) => {
                let tag = source.next().await?;
                Ok((tag.kind, tag.time, tag.body))
            }
            Source::Rtmp { client, times } => loop {
                if let ClientEvent::Media(media) = client.next().await? {
                    let kind = match media.kind {
                        MediaKind::Audio => Kind::Audio,
                        MediaKind::Video => Kind::Video,
                        MediaKind::Data => Kind::Data,
                    };
                    return Ok((kind, times.unwrap(media.timestamp), media.body));
                }
            },
        }
    }
}
