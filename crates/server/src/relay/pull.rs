//! From another server into the hub: one attempt.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use hub::{Identity, Phase, PushError};
use tracing::info;

use super::Failure;
use super::entry::Entry;
use super::source::Source;
use super::state::State;
use crate::app::App;

/// Messages that cannot be frames, after which the other server is left. Real ones send none.
const MAX_BAD_BODIES: u32 = 50;

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
    let agent = app.relays.agent_for(entry)?;
    let mut source = Source::open(app.relays.dialer(), &entry.target, entry.guard, agent, &app.rtmp).await?;
    let idle = app.relays.patience().idle;
    // Not before there is something to show: a name that is taken and silent would hold its viewers in the dark.
    let mut first = Some(source.next_within(idle).await?);
    // Asked like a publisher from outside, at the moment of publishing: connecting took its time.
    if app.admission.forbidden(&entry.name).is_some() {
        return Err(Failure::Forbidden);
    }
    let now_ms = app.clock.now_ms();
    let identity = Identity(entry.identity.clone());
    let mut publisher = app.hub.publish(&entry.name, identity, now_ms).map_err(Failure::Occupied)?;
    // Whoever forbids a stream ends it next, and would not have found this one a moment ago.
    if app.admission.forbidden(&entry.name).is_some() {
        app.drop_stream(&entry.name, "this stream is forbidden / 该流已被禁播");
        return Err(Failure::Forbidden);
    }
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
