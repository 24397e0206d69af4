//! When streams begin and end, from the phases that the hub gives them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hub::{Name, Phase, Stream};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tracing::warn;

use super::{STREAM_ENDED, STREAM_STARTED, client, new, split, tell};
use crate::app::App;
use crate::sessions::Role;
use crate::store::Event;
use crate::time::rfc3339_ms;

/// What was told of streams that are on air.
#[derive(Debug, Default)]
pub(crate) struct Told {
    began: Mutex<HashMap<Name, Began>>,
}

#[derive(Debug, Clone)]
struct Began {
    stream: Arc<Stream>,
    data: Value,
    at_ms: i64,
}

impl Told {
    fn lock(&self) -> MutexGuard<'_, HashMap<Name, Began>> {
        // A panic while it was locked leaves a map that is still a map.
        self.began.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells of streams for as long as the server runs.
pub async fn run(app: Arc<App>) {
    let mut pushes = app.hub.watch_pushes();
    let mut watched = JoinSet::new();
    let mut names = HashSet::new();
    loop {
        for stream in app.hub.all() {
            if names.insert(Arc::as_ptr(&stream) as usize) {
                watched.spawn(watch(app.clone(), stream));
            }
        }
        tokio::select! {
            changed = pushes.changed() => if changed.is_err() { return },
            Some(ended) = watched.join_next() => match ended {
                Ok(stream) => {
                    names.remove(&(Arc::as_ptr(&stream) as usize));
                }
                Err(error) => warn!(%error, "a stream's events ended in a panic; this is a bug in Weir"),
            },
        }
    }
}

/// Tells that what is on air ends with the server.
pub fn stop(app: &App) {
    let began: Vec<Name> = app.told.lock().keys().cloned().collect();
    for name in began {
        end(app, &name, "server_stop");
    }
}

/// Follows one stream to its end.
async fn watch(app: Arc<App>, stream: Arc<Stream>) -> Arc<Stream> {
    let mut phase = stream.watch_phase();
    let mut before = Phase::Waiting;
    loop {
        let now = *phase.borrow_and_update();
        if now == Phase::OnAir {
            let known = app.told.lock().get(stream.name()).map(|began| Arc::ptr_eq(&began.stream, &stream));
            if known == Some(false) {
                // The one of this name before it is over, which its own task has not seen yet.
                end(&app, stream.name(), "ended");
            }
            if known != Some(true) {
                begin(&app, &stream);
            }
        }
        if now == Phase::Ended {
            let is_it =
                app.told.lock().get(stream.name()).is_some_and(|began| Arc::ptr_eq(&began.stream, &stream));
            if is_it {
                end(&app, stream.name(), if before == Phase::Grace { "ended" } else { "dropped" });
            }
            return stream;
        }
        before = now;
        if phase.changed().await.is_err() {
            return stream;
        }
    }
}

fn begin(app: &App, stream: &Arc<Stream>) {
    let name = stream.name().clone();
    let publisher = app
        .sessions
        .list(0, 1, |session| session.about.role == Role::Publisher && session.about.stream == name);
    let (app_name, stream_name) = split(name.as_str());
    let at_ms = app.clock.unix_ms();
    let data = json!({
        "app": app_name,
        "stream": stream_name,
        "started_at": rfc3339_ms(at_ms),
        // None for a stream that the server brings itself: a relay, the demo.
        "publisher": publisher.first().map(|session| client(session)),
    });
    let event = Event { opens: Some(STREAM_ENDED), ..new(STREAM_STARTED, subject(&name), at_ms, &data) };
    app.told.lock().insert(name, Began { stream: stream.clone(), data, at_ms });
    tell(app, event);
}

fn end(app: &App, name: &Name, reason: &str) {
    let Some(mut began) = app.told.lock().remove(name) else { return };
    let (now_ms, summary) = (app.clock.unix_ms(), began.stream.summary());
    began.data["ended_at"] = rfc3339_ms(now_ms).into();
    began.data["duration_ms"] = now_ms.saturating_sub(began.at_ms).max(0).into();
    began.data["bytes"] = summary.bytes_in.into();
    began.data["reason"] = reason.into();
    tell(app, new(STREAM_ENDED, subject(name), now_ms, &began.data));
}

fn subject(name: &Name) -> String {
    format!("stream:{name}")
}
