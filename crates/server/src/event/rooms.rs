//! What happens in rooms, as events. All of a room have one subject, so that they are told in order.

use control::room::about::About;
use control::room::message::{Author, Message};
use control::room::show::{Happening, State};
use serde_json::{Value, json};

use super::{
    GIFT_CANCELLED, GIFT_SENT, MESSAGE_SENT, ROOM_BANNED, ROOM_DELETED, ROOM_ENDED, ROOM_INTERRUPTED,
    ROOM_REOPENED, ROOM_RESUMED, ROOM_STARTED, ROOM_UNBANNED, new, split,
};
use crate::chat::item;
use crate::store::Event;
use crate::store::ledger::Entry;
use crate::time::rfc3339_ms;

/// A room as it is described.
pub(crate) fn room(kind: &str, about: &About, unix_ms: i64) -> Event {
    new(kind, subject(&about.id), unix_ms, &described(about))
}

/// A room is gone.
pub(crate) fn room_deleted(id: &str, unix_ms: i64) -> Event {
    new(ROOM_DELETED, subject(id), unix_ms, &json!({"room": id}))
}

/// What it is called that a show came from one state into another.
pub(crate) fn show_kind(before: State, after: State) -> &'static str {
    match (before, after) {
        (_, State::Scheduled) => ROOM_REOPENED,
        (State::Interrupted, State::Live) => ROOM_RESUMED,
        (_, State::Live) => ROOM_STARTED,
        (_, State::Interrupted) => ROOM_INTERRUPTED,
        (State::Banned, State::Ended) => ROOM_UNBANNED,
        (_, State::Ended) => ROOM_ENDED,
        (_, State::Banned) => ROOM_BANNED,
    }
}

/// A show is in another state, in which the description has it already.
pub(crate) fn show(before: State, about: &About, why: Happening, unix_ms: i64) -> Event {
    let kind = show_kind(before, about.state);
    let mut data = described(about);
    data["previous_state"] = before.word().into();
    if kind == ROOM_ENDED {
        let reason = match why {
            Happening::Expire => "expired",
            Happening::GiveUp => "lost",
            _ => "ended",
        };
        data["reason"] = reason.into();
    }
    new(kind, subject(&about.id), unix_ms, &data)
}

/// Somebody came into a room or is there no longer; then `online` are there.
pub(crate) fn member(
    kind: &str,
    room: &str,
    (who, guest): (&Author, bool),
    online: usize,
    unix_ms: i64,
) -> Event {
    let user = json!({"id": who.id, "name": who.name, "avatar": who.avatar, "role": who.role.word(), "guest": guest});
    new(kind, subject(room), unix_ms, &json!({"room": room, "user": user, "online": online}))
}

/// A message went out.
pub(crate) fn message(room: &str, message: &Message) -> Event {
    let mut data: Value = serde_json::from_slice(&item(message)).unwrap_or_default();
    data["room"] = room.into();
    new(MESSAGE_SENT, subject(room), message.at_ms, &data)
}

/// A gift was given.
pub(crate) fn gift(of: &Entry) -> Event {
    new(GIFT_SENT, subject(&of.room), of.at_ms, &given(of))
}

/// A gift that was given came to nothing.
pub(crate) fn gift_cancelled(of: &Entry, unix_ms: i64) -> Event {
    let mut data = given(of);
    data["reason"] = json!(of.reason);
    new(GIFT_CANCELLED, subject(&of.room), unix_ms, &data)
}

fn given(of: &Entry) -> Value {
    json!({
        "room": of.room,
        "user": of.user,
        "ledger": of.id,
        "cid": of.cid,
        "gift": of.gift,
        "name": of.name,
        "icon": of.icon,
        "count": of.count,
        "price": of.price,
        "total": of.total,
        "paid": !of.wallet_key.is_empty(),
        "reference": of.reference,
    })
}

fn subject(room: &str) -> String {
    format!("room:{room}")
}

fn described(about: &About) -> Value {
    let (app, stream) = split(&about.stream);
    json!({
        "room": about.id,
        "title": about.title,
        "cover": about.cover,
        "host": {"id": about.host.id, "name": about.host.name, "avatar": about.host.avatar},
        "app": app,
        "stream": stream,
        "state": about.state.word(),
        "starts_at": about.starts_ms.map(rfc3339_ms),
        "live_at": about.live_ms.map(rfc3339_ms),
        "ended_at": about.ended_ms.map(rfc3339_ms),
        // It was JSON when it came.
        "custom": serde_json::from_str::<Value>(&about.custom).unwrap_or_default(),
    })
}
