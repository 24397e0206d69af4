//! What happens on this server, in the words in which others are told: the events of webhooks, with their JSON.
//!
//! ```text
//! streams, sessions ─► Writer ──┐ (a queue; nobody waits for the database)
//! recordings ─► Writer ─────────┤                         ┌─► one delivery per endpoint ─► webhook
//! rooms, gifts ─► outbox::put ──┴─► table `event` ─► route ┘
//! ```
//!
//! An event has a kind in dotted words, a subject whose events are told in order, and data. Data only grows: receivers
//! ignore what they do not know.

mod rooms;
mod streams;

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::clock::Clock;
use crate::sessions::{Role, Session, Sessions};
use crate::store::{Event, Part, Recording, State, Store};
use crate::time::rfc3339_ms;
pub(crate) use rooms::{gift, gift_cancelled, member, message, room, room_deleted, show, show_kind};
pub(crate) use streams::Told;
pub use streams::{run, stop};

/// A stream has sound or pictures for its viewers.
pub const STREAM_STARTED: &str = "stream.started";
/// A stream is over: its publisher left and did not come back, or was dropped.
pub const STREAM_ENDED: &str = "stream.ended";
/// A client publishes.
pub const PUBLISH_STARTED: &str = "publish.started";
/// A client publishes no longer.
pub const PUBLISH_ENDED: &str = "publish.ended";
/// A client plays.
pub const PLAY_STARTED: &str = "play.started";
/// A client plays no longer.
pub const PLAY_ENDED: &str = "play.ended";
/// A recording has begun.
pub const RECORDING_STARTED: &str = "recording.started";
/// A recording is complete.
pub const RECORDING_FINISHED: &str = "recording.finished";
/// A recording could not be written any further; what was written before can be played.
pub const RECORDING_FAILED: &str = "recording.failed";
/// A file of a recording is complete.
pub const RECORDING_FILE: &str = "recording.file_finished";
/// A file of a recording is in the object store.
pub const UPLOAD_DONE: &str = "upload.done";
/// A segment of HLS is complete; only for hooks in the words of SRS.
pub const HLS_SEGMENT: &str = "internal.hls_segment";
/// A room was made.
pub const ROOM_CREATED: &str = "room.created";
/// The description or the rules of a room changed.
pub const ROOM_UPDATED: &str = "room.updated";
/// A room is gone, with everything in it.
pub const ROOM_DELETED: &str = "room.deleted";
/// A show is on air.
pub const ROOM_STARTED: &str = "room.started";
/// The stream of a show broke off and may come back.
pub const ROOM_INTERRUPTED: &str = "room.interrupted";
/// The stream of a show came back.
pub const ROOM_RESUMED: &str = "room.resumed";
/// A show is over.
pub const ROOM_ENDED: &str = "room.ended";
/// A show that was over may begin again.
pub const ROOM_REOPENED: &str = "room.reopened";
/// The operator forbids a show.
pub const ROOM_BANNED: &str = "room.banned";
/// The operator takes that back: the show is over.
pub const ROOM_UNBANNED: &str = "room.unbanned";
/// Somebody came into a room.
pub const MEMBER_JOINED: &str = "member.joined";
/// Somebody is in a room no longer.
pub const MEMBER_LEFT: &str = "member.left";
/// A message went out to a room.
pub const MESSAGE_SENT: &str = "message.sent";
/// A gift was given and, where it costs something, its price was put aside.
pub const GIFT_SENT: &str = "gift.sent";
/// A gift that was given came to nothing after all: the wallet would not take the money that it had put aside.
pub const GIFT_CANCELLED: &str = "gift.cancelled";
/// Somebody tries a webhook.
pub const PING: &str = "ping";

/// The kinds that this server has.
pub const KINDS: [&str; 27] = [
    STREAM_STARTED,
    STREAM_ENDED,
    PUBLISH_STARTED,
    PUBLISH_ENDED,
    PLAY_STARTED,
    PLAY_ENDED,
    RECORDING_STARTED,
    RECORDING_FINISHED,
    RECORDING_FAILED,
    RECORDING_FILE,
    UPLOAD_DONE,
    ROOM_CREATED,
    ROOM_UPDATED,
    ROOM_DELETED,
    ROOM_STARTED,
    ROOM_INTERRUPTED,
    ROOM_RESUMED,
    ROOM_ENDED,
    ROOM_REOPENED,
    ROOM_BANNED,
    ROOM_UNBANNED,
    MEMBER_JOINED,
    MEMBER_LEFT,
    MESSAGE_SENT,
    GIFT_SENT,
    GIFT_CANCELLED,
    PING,
];

/// Longest data of an event, in bytes. What is longer is a mistake in this program: texts that people write are bounded
/// where they come in.
const DATA_MAX: usize = 20 * 1024;

/// An event of this kind about this subject, such as `stream:live/a`.
pub fn new(kind: &str, subject: String, occurred_ms: i64, data: &impl Serialize) -> Event {
    let data = serde_json::to_string(data).ok().filter(|data| data.len() <= DATA_MAX);
    Event {
        id: id(occurred_ms),
        kind: kind.to_owned(),
        subject,
        occurred_ms,
        data: data.unwrap_or_else(|| {
            tracing::error!(kind, "the data of an event is too long and was left out; this is a bug in Weir");
            "{}".to_owned()
        }),
        opens: None,
    }
}

/// A new name for an event. Names sort by time.
pub(crate) fn id(unix_ms: i64) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut random = [0; 8];
    if getrandom::fill(&mut random).is_err() {
        // Unique is enough; that nobody can guess it is not relied on.
        random = COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    }
    format!("msg_{:012x}{:016x}", unix_ms.clamp(0, (1 << 48) - 1), u64::from_be_bytes(random))
}

/// A client has come, or gone after `bytes`.
fn session(session: &Session, is_over: bool, now_ms: u64, unix_ms: i64) -> Event {
    let kind = kind_of(session, is_over);
    let mut data = client(session);
    if is_over {
        data["duration_ms"] = now_ms.saturating_sub(session.since_ms).into();
        data["bytes"] = session.bytes().into();
        data["reason"] = session.dismissal().map_or("left", |_| "kicked").into();
    }
    new(kind, format!("client:{}", session.client()), unix_ms, &data)
}

/// What it is called that a client has come, or gone.
fn kind_of(session: &Session, is_over: bool) -> &'static str {
    match (session.about.role, is_over) {
        (Role::Publisher, false) => PUBLISH_STARTED,
        (Role::Publisher, true) => PUBLISH_ENDED,
        (Role::Viewer, false) => PLAY_STARTED,
        (Role::Viewer, true) => PLAY_ENDED,
    }
}

/// A client in the words of events.
fn client(session: &Session) -> Value {
    let about = &session.about;
    let (app, stream) = split(about.stream.as_str());
    json!({
        "app": app,
        "stream": stream,
        "client_id": session.client(),
        "session": session.id,
        "protocol": about.wire,
        "ip": about.peer.to_string(),
        "agent": about.agent,
        "domain": about.domain,
        "host": about.came.host,
        "param": about.came.query.expose(),
        "page_url": about.came.page_url,
        "tc_url": about.came.tc_url,
    })
}

/// A recording has begun, or ended as its state says.
pub(crate) fn recording(recording: &Recording, unix_ms: i64) -> Event {
    let kind = match recording.state {
        State::Recording | State::Paused => RECORDING_STARTED,
        State::Failed => RECORDING_FAILED,
        State::Finished => RECORDING_FINISHED,
    };
    let data = json!({
        "recording": recording.id,
        "app": recording.app,
        "stream": recording.stream,
        "folder": recording.folder,
        "started_at": rfc3339_ms(recording.started_ms),
        "ended_at": recording.ended_ms.map(rfc3339_ms),
        "reason": recording.reason,
        "duration_ms": recording.duration_ms,
        "bytes": recording.bytes,
        "codecs": recording.codecs.split(',').filter(|codec| !codec.is_empty()).collect::<Vec<_>>(),
        "gaps": recording.gaps,
    });
    new(kind, format!("recording:{}", recording.id), unix_ms, &data)
}

/// A file of a recording is complete, in the folder of all.
pub(crate) fn file(of: &Recording, part: &Part, root: &std::path::Path, unix_ms: i64) -> Event {
    let mut data = about_file(&of.app, &of.stream, part);
    data["root"] = root.display().to_string().into();
    new(RECORDING_FILE, format!("recording:{}", of.id), unix_ms, &data)
}

/// A segment of HLS is complete.
pub(crate) fn segment(
    name: &hub::Name,
    (number, duration_ms): (u64, u64),
    (file, playlist): (&str, &str),
    unix_ms: i64,
) -> Event {
    let (app, stream) = split(name.as_str());
    let data = json!({
        "app": app,
        "stream": stream,
        "number": number,
        "duration_ms": duration_ms,
        "file": file,
        "playlist": playlist,
    });
    new(HLS_SEGMENT, format!("hls:{name}"), unix_ms, &data)
}

/// A file of a recording is in the object store.
pub(crate) fn upload(of: &Recording, part: &Part, bucket: &str, key: &str, unix_ms: i64) -> Event {
    let mut data = about_file(&of.app, &of.stream, part);
    data["bucket"] = bucket.into();
    data["object"] = key.into();
    new(UPLOAD_DONE, format!("recording:{}", of.id), unix_ms, &data)
}

fn about_file(app: &str, stream: &str, part: &Part) -> Value {
    json!({
        "recording": part.recording,
        "app": app,
        "stream": stream,
        "number": part.number,
        "format": part.format.word(),
        "path": part.path,
        "started_at": rfc3339_ms(part.wall_ms),
        "start_ms": part.start_ms,
        "duration_ms": part.duration_ms,
        "bytes": part.bytes,
    })
}

/// Somebody tries an endpoint.
pub(crate) fn ping(endpoint: &str, unix_ms: i64) -> Event {
    let data = json!({"endpoint": endpoint, "message": "this is a test / 这是一条测试消息"});
    new(PING, format!("ping:{endpoint}"), unix_ms, &data)
}

/// What a server that died could not say. Before anything new begins.
pub(crate) async fn execute_wills(store: &Store, clock: &Clock) {
    let wills = match store.outbox.wills().await {
        Ok(wills) => wills,
        Err(error) => return tracing::warn!(%error, "what an earlier run left to be told cannot be read"),
    };
    for (subject, kind, data) in wills {
        let mut data: Value = serde_json::from_str(&data).unwrap_or_else(|_| json!({}));
        if let Some(data) = data.as_object_mut() {
            // When it ended is not known, nor how much came.
            for unknown in ["ended_at", "duration_ms", "bytes"] {
                data.insert(unknown.into(), Value::Null);
            }
            data.insert("reason".into(), "server_lost".into());
        }
        store.writer.put_event_anyway(new(&kind, subject, clock.unix_ms(), &data));
    }
}

/// Tells of sessions that begin and end.
pub(crate) fn listen_to_sessions(sessions: &Sessions, store: &Store, clock: &Clock) {
    let (writer, clock) = (store.writer.clone(), clock.clone());
    sessions.listen(Box::new(move |of, is_over| {
        let publishes = of.about.role == Role::Publisher;
        // Of players there are many: what nobody wants of them is not even made.
        if publishes || writer.wants(kind_of(of, is_over)) {
            let opens = (publishes && !is_over).then_some(PUBLISH_ENDED);
            let event = session(of, is_over, clock.now_ms(), clock.unix_ms());
            writer.put_event(Event { opens, ..event });
        }
    }));
}

/// Puts what has no transaction of its own on its way, if there is a database.
pub(crate) fn tell(app: &App, event: Event) {
    if let Some(store) = &app.store {
        store.writer.put_event(event);
    }
}

fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('/').unwrap_or(("", name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_have_names_of_their_own_that_sort_by_time_and_data_has_a_bound() {
        let first = new(PING, "a".into(), 1_700_000_000_000, &json!({}));
        let later = new(PING, "a".into(), 1_700_000_000_001, &json!({"text": "x".repeat(DATA_MAX)}));
        assert!(first.id.starts_with("msg_") && first.id < later.id && first.id.len() == later.id.len());
        assert_eq!(later.data, "{}");
        let most = json!({"text": "x".repeat(DATA_MAX - r#"{"text":""}"#.len())});
        assert_eq!(new(PING, "a".into(), 0, &most).data.len(), DATA_MAX);
    }
}
