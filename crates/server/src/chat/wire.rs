//! The JSON of the wire that goes out. It is made here and nowhere else; what comes in is taken apart in [`asked`](super::asked).

use std::sync::Arc;

use bytes::Bytes;
use control::room::chat::Ack;
use control::room::feed::{Batch, Said};
use control::room::message::{Author, Body, Event, Message};
use control::room::reject::{Code, Reject};
use control::room::settings::Settings;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::asked::VERSION;
use crate::http::websocket::text_header;
use crate::room::Welcome;

#[derive(Serialize)]
struct OutAuthor<'a> {
    id: &'a str,
    name: &'a str,
    avatar: &'a str,
    role: &'static str,
}

impl<'a> From<&'a Author> for OutAuthor<'a> {
    fn from(author: &'a Author) -> OutAuthor<'a> {
        OutAuthor { id: &author.id, name: &author.name, avatar: &author.avatar, role: author.role.word() }
    }
}

/// A message as it stands in batches, welcomes and the API.
pub fn item(message: &Message) -> Box<[u8]> {
    let mut out = Map::new();
    out.insert("seq".into(), message.seq.into());
    out.insert("at".into(), message.at_ms.into());
    if let Some(media_ms) = message.media_ms {
        out.insert("media_ms".into(), media_ms.into());
    }
    out.insert("kind".into(), message.body.kind().into());
    if let Some(from) = &message.from {
        out.insert("from".into(), json!(OutAuthor::from(&**from)));
    }
    if !message.cid.is_empty() {
        out.insert("cid".into(), message.cid.as_str().into());
    }
    if let Some(reply_to) = message.reply_to {
        out.insert("reply_to".into(), reply_to.into());
    }
    if !message.mentions.is_empty() {
        out.insert("mentions".into(), message.mentions.clone().into());
    }
    body(&message.body, &mut out);
    Value::Object(out).to_string().into_bytes().into()
}

fn body(body: &Body, out: &mut Map<String, Value>) {
    let mut put = |name: &str, value: Value| drop(out.insert(name.into(), value));
    match body {
        Body::Text(text) | Body::Notice(text) => put("text", text.as_str().into()),
        Body::Image(image) => {
            put("url", image.url.as_str().into());
            put("width", image.width.into());
            put("height", image.height.into());
        }
        Body::Custom(custom) => {
            put("name", custom.name.as_str().into());
            // It was JSON when it came.
            put("data", serde_json::from_str(&custom.data).unwrap_or(Value::Null));
        }
        Body::Gift(gift) => put(
            "gift",
            json!({"id": gift.id, "name": gift.name, "icon": gift.icon, "count": gift.count, "combo": gift.combo, "price": gift.price}),
        ),
        Body::Event(event) => {
            put("event", event.word().into());
            match event {
                Event::State(state) => put("state", state.word().into()),
                Event::Pinned(seq) => put("message", (*seq).into()),
                Event::Recalled(seq) => put("message", (*seq).into()),
                Event::Cleared(user) => put("user", user.clone().into()),
                Event::Muted(user, until) => {
                    put("user", user.as_str().into());
                    put("until", (*until).into());
                }
                Event::Unmuted(user) | Event::Removed(user) => put("user", user.as_str().into()),
                Event::Silence(on) => put("on", (*on).into()),
                Event::Changed => {}
                Event::Goods(explaining) => put("explaining", explaining.clone().into()),
                Event::Lottery(lottery) => {
                    put("lottery", lottery.id.as_str().into());
                    put("state", lottery.state.as_str().into());
                    put("commitment", lottery.commitment.as_str().into());
                }
            }
        }
    }
}

/// A frame, ready to be sent.
pub(super) fn frame(json: &[u8]) -> Bytes {
    let mut out = text_header(json.len());
    out.extend_from_slice(json);
    out.into()
}

pub(super) fn batch(batch: &Batch) -> Bytes {
    let mut out = b"{\"t\":\"batch\"".to_vec();
    if let (Some(first), Some(last)) = (batch.items.first(), batch.items.last()) {
        out.extend_from_slice(
            format!(",\"from\":{},\"to\":{}", first.message.seq, last.message.seq).as_bytes(),
        );
    }
    out.extend_from_slice(b",\"items\":");
    items(&batch.items, &mut out);
    if let Some(counters) = batch.counters {
        let (online, likes) = (counters.online, counters.likes);
        out.extend_from_slice(format!(",\"counters\":{{\"online\":{online},\"likes\":{likes}}}").as_bytes());
    }
    if let Some(entered) = &batch.entered {
        let entered = json!({"names": entered.names, "count": entered.count});
        out.extend_from_slice(format!(",\"entered\":{entered}").as_bytes());
    }
    if let Some(pinned) = &batch.pinned {
        out.extend_from_slice(b",\"pinned\":");
        out.extend_from_slice(pinned.as_ref().map_or(b"null", |pinned| pinned.wire(item)));
    }
    out.push(b'}');
    frame(&out)
}

fn items(said: &[Arc<Said>], out: &mut Vec<u8>) {
    out.push(b'[');
    for (at, said) in said.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(said.wire(item));
    }
    out.push(b']');
}

/// The greeting. `guest` is the token by which a guest is known again.
pub(super) fn welcome(welcome: &Welcome, guest: Option<&str>, now_ms: i64) -> Bytes {
    let about = &welcome.about;
    let settings: &Settings = &about.settings;
    let told = &welcome.greeting;
    let head = json!({
        "t": "welcome",
        "v": VERSION,
        "room": {
            "id": about.id, "title": about.title, "cover": about.cover,
            "host": {"id": about.host.id, "name": about.host.name, "avatar": about.host.avatar},
            "state": about.state.word(), "stream": about.stream,
            "starts_at": about.starts_ms, "live_at": about.live_ms, "ended_at": about.ended_ms,
        },
        "you": {
            "id": welcome.you.id, "name": welcome.you.name, "avatar": welcome.you.avatar,
            "role": welcome.you.role.word(), "guest": welcome.guest,
        },
        "guest": guest,
        "epoch": &*told.epoch,
        "seq": told.seq,
        "at": now_ms,
        "recovered": told.recovered,
        "counters": {"online": told.counters.online, "likes": told.counters.likes},
        "muted": welcome.muted,
        "silent": settings.silent,
        "limits": {
            "text": settings.text_max,
            "every_ms": settings.user_rate.every_us / 1_000,
            "burst": settings.user_rate.burst,
            "slow_ms": settings.slow_ms,
            "images": settings.images, "likes": settings.likes, "gifts": settings.gifts,
        },
        "heartbeat_s": super::PING_MS / 1_000,
    });
    let mut out = head.to_string().into_bytes();
    out.pop();
    out.extend_from_slice(b",\"pinned\":");
    match &welcome.pinned {
        Some(pinned) => out.extend_from_slice(pinned.wire(item)),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"messages\":");
    items(&told.messages, &mut out);
    out.push(b'}');
    frame(&out)
}

pub(super) fn resumed(missed: Option<&[Arc<Said>]>) -> Bytes {
    let mut out =
        format!("{{\"t\":\"resumed\",\"recovered\":{},\"messages\":", missed.is_some()).into_bytes();
    items(missed.unwrap_or_default(), &mut out);
    out.push(b'}');
    frame(&out)
}

pub(super) fn answer(cid: &str, answer: &Result<Ack, Reject>) -> Bytes {
    let told = match answer {
        Ok(ack) => json!({"t": "ack", "cid": cid, "seq": ack.seq, "at": ack.at_ms}),
        Err(reject) => return reject_frame(Some(cid), reject, None),
    };
    frame(told.to_string().as_bytes())
}

/// A refusal; `why` says more than the code.
pub(super) fn reject_frame(cid: Option<&str>, reject: &Reject, why: Option<&str>) -> Bytes {
    let code = reject.code;
    let (message, zh) = match (why, reject.why.as_deref()) {
        (Some(why), _) => (why.to_owned(), code.message_zh()),
        (None, Some((en, zh))) => (en.clone(), zh.as_str()),
        (None, None) => (code.to_string(), code.message_zh()),
    };
    let told = json!({
        "t": "reject", "cid": cid, "code": code.word(), "retry_after_ms": reject.retry_after_ms,
        "message": message, "message_zh": zh,
    });
    frame(told.to_string().as_bytes())
}

pub(super) fn pong(now_ms: i64) -> Bytes {
    frame(json!({"t": "pong", "at": now_ms}).to_string().as_bytes())
}

pub(super) fn go_away(reconnect_in_ms: u64, reason: &str) -> Bytes {
    frame(json!({"t": "goaway", "reconnect_in_ms": reconnect_in_ms, "reason": reason}).to_string().as_bytes())
}

/// The last word; the client is not to come back by itself. `why` says more than the code, in both languages.
pub(super) fn bye(code: Code, why: Option<(&str, &str)>) -> Bytes {
    let (message, zh) = why.map_or_else(
        || (code.to_string(), code.message_zh().to_owned()),
        |(en, zh)| (en.to_owned(), zh.to_owned()),
    );
    let told = json!({"t": "bye", "code": code.word(), "message": message, "message_zh": zh});
    frame(told.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use control::person::Role;

    use super::*;

    #[test]
    fn a_message_says_what_the_documentation_says() {
        let from =
            Author { id: "u2".into(), name: "小红".into(), avatar: String::new(), role: Role::Viewer };
        let message = Message {
            seq: 124,
            at_ms: 5,
            media_ms: Some(61_250),
            from: Some(from.into()),
            cid: "c1".into(),
            reply_to: None,
            mentions: Vec::new(),
            body: Body::Text("\"</script>".into()),
        };
        let json: Value = serde_json::from_slice(&item(&message)).unwrap();
        let expected = json!({
            "seq": 124, "at": 5, "media_ms": 61_250, "kind": "text", "cid": "c1", "text": "\"</script>",
            "from": {"id": "u2", "name": "小红", "avatar": "", "role": "viewer"},
        });
        assert_eq!(json, expected);
    }
}
