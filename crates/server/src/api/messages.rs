//! What was said in rooms: history, the operator's own words, what is taken back, and what waits for a look.

use control::person::Role;
use control::room::chat::Send as Say;
use control::room::message::{Author, Body, CUSTOM_MAX, Custom, Image, Message, NAME_MAX, TEXT_MAX, URL_MAX};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::call::{Answer, Call, bad};
use super::fault::Fault;
use super::rooms::{Free, PersonWish, act, author, by, find, id, line, store, url, user, viewer};
use super::shape::{Schemas, Shape, Whole, shape};
use super::text::{CustomName, UserId, Web, Words};
use crate::chat::item;
use crate::http::response::Response;
use crate::room::Act;
use crate::store::rooms::{Held, Query};
use crate::time::rfc3339;

/// Most messages of one answer for pages: some minutes of a busy show.
const REPLAY_MAX: usize = 500;

/// A message as it stands on the chat wire.
#[derive(Debug, Clone, serde::Serialize)]
#[serde(transparent)]
pub(super) struct Item(Box<RawValue>);

impl Shape for Item {
    fn schema(_known: &mut Schemas) -> Value {
        json!({"type": "object", "additionalProperties": true, "required": ["seq", "at", "kind"]})
    }
}

/// In whose name something is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Voice {
    Room,
    Host,
    Operator,
    User,
}

impl Shape for Voice {
    fn schema(_known: &mut Schemas) -> Value {
        json!({"type": "string", "enum": ["room", "host", "operator", "user"]})
    }
}

/// What can be said over the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Text,
    Notice,
    Image,
    Custom,
}

impl Shape for Kind {
    fn schema(_known: &mut Schemas) -> Value {
        json!({"type": "string", "enum": ["text", "notice", "image", "custom"]})
    }
}

shape! {
    /// Something to say. It is held to no rate and no word list.
    in struct MessageWish {
        /// `room` (when left out): the room itself. `host`: its host. `operator`: whoever runs the server, under the name that
        /// `from` says. `user`: whoever `from` says.
        voice: Option<Voice>,
        /// Who says it, with `user` and `operator`.
        from: Option<PersonWish>,
        /// `text` when left out; `notice` is shown as an announcement.
        kind: Option<Kind>,
        /// Text and notice: what is said, at most 2,000 characters.
        text: Option<Words>,
        /// Image: where it is.
        url: Option<Web>,
        /// Image: in pixels.
        width: Option<Whole>,
        /// Image: in pixels.
        height: Option<Whole>,
        /// Custom: which kind; letters, digits, `_`, `-` and `.`.
        name: Option<CustomName>,
        /// Custom: a JSON object of at most 12 KiB.
        data: Option<Free>,
    }

    /// Whose messages are taken away.
    in struct ClearWish {
        /// Somebody's; everybody's when left out.
        user: Option<UserId>,
    }

    /// Which message is pinned.
    in struct PinWish {
        /// Its number; null: none.
        seq: Option<Whole>,
    }

    /// What is decided on a message that waits.
    in struct Verdict {
        /// Whether it is shown.
        approve: bool,
    }
}

shape! {
    /// Messages, oldest first, as on the chat wire.
    out struct History {
        /// The messages: see the chat wire.
        items: Vec<Item>,
        /// Whether there may be more behind the last one.
        more: bool,
    }

    /// What was said.
    out struct SaidState {
        /// Its number.
        seq: u64,
        /// When, in milliseconds since 1970.
        at: i64,
    }

    /// Messages that wait for somebody to look at them, oldest first.
    out struct HeldList {
        /// The messages.
        messages: Vec<HeldState>,
        /// What to ask for as `after` to get the next page; null on the last one.
        next: Option<i64>,
    }

    /// A message that waits for somebody to look at it.
    out struct HeldState {
        /// Its number in the queue.
        id: i64,
        /// When it was sent.
        sent_at: String,
        /// Who sent it.
        user: String,
        /// Under which name.
        name: String,
        /// `text`, `image` or `custom`.
        kind: &'static str,
        /// What people would read; for a picture, where it is.
        text: String,
        /// Why it waits: the word, or what your backend said.
        why: String,
    }
}

/// History.
pub(super) fn history(call: &Call) -> Answer {
    find(call)?;
    let limit = call.limit();
    let query = Query { user: call.parameter("user").map(str::to_owned), ..asked(call, limit) };
    answer(call, query, limit)
}

/// Chat of a time range, for a page that replays a show.
pub(super) fn replay(call: &Call) -> Answer {
    let about = find(call)?;
    if viewer(call, &about)?.is_none() && !about.settings.guests {
        return Err(Fault::NotAllowed.answer());
    }
    let query = asked(call, REPLAY_MAX);
    if query.from_ms.is_none() && query.media_from.is_none() && query.after_seq.is_none() {
        return Err(bad(
            "say from where on: from, media_from or after_seq",
            "请给出起点：from、media_from 或 after_seq",
        ));
    }
    answer(call, query, REPLAY_MAX)
}

/// Says something.
pub(super) fn say(call: &Call) -> Answer {
    let wish: MessageWish = call.body()?;
    let about = find(call)?;
    let from = match (wish.voice.unwrap_or(Voice::Room), wish.from) {
        (Voice::Room, None) => None,
        (Voice::Host, None) => Some(Author::from(&about.host)),
        (Voice::Operator, Some(person)) => Some(author(person, Role::Operator)?),
        (Voice::User, Some(person)) => {
            let said = author(person, Role::Viewer)?;
            Some(Author { role: about.role_of(&said.id, Role::Viewer), ..said })
        }
        _ => {
            return Err(bad(
                "from belongs to the voices `user` and `operator`, and to no other",
                "from 须与 voice 为 user 或 operator 同时给出",
            ));
        }
    };
    let body = match wish.kind.unwrap_or(Kind::Text) {
        kind @ (Kind::Text | Kind::Notice) => {
            let text = words(wish.text.map(|text| text.0).unwrap_or_default())?;
            if kind == Kind::Text { Body::Text(text) } else { Body::Notice(text) }
        }
        Kind::Image => {
            let url = url("url", wish.url.map(|url| url.0).unwrap_or_default())?;
            if url.is_empty() || url.len() > URL_MAX {
                return Err(bad("an image needs url", "图片消息需要 url"));
            }
            let pixels =
                |side: Option<Whole>| side.map_or(0, |side| u32::try_from(side.0).unwrap_or(u32::MAX));
            let (width, height) = (pixels(wish.width), pixels(wish.height));
            Body::Image(Image { url, width, height })
        }
        Kind::Custom => {
            let name = line("name", wish.name.map(|name| name.0).unwrap_or_default(), 1, NAME_MAX)?;
            if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte)) {
                return Err(bad("name must be letters, digits, _ - .", "name 只能有字母、数字、_ - ."));
            }
            let data = Value::Object(wish.data.map(|data| data.0).unwrap_or_default()).to_string();
            if data.len() > CUSTOM_MAX {
                return Err(bad(
                    format!("data may have {CUSTOM_MAX} bytes"),
                    format!("data 最多 {CUSTOM_MAX} 字节"),
                ));
            }
            Body::Custom(Custom { name, data })
        }
    };
    let ack = act(call, Act::Say(from, body))?;
    Ok(Response::json(201, &SaidState { seq: ack.seq, at: ack.at_ms }))
}

/// Takes a message back.
pub(super) fn recall(call: &Call) -> Answer {
    find(call)?;
    let seq = number(call, 1).ok_or_else(|| Fault::NoMessage.answer())?;
    act(call, Act::Recall(seq)).map_err(no_message)?;
    Ok(Response::empty(204))
}

/// Takes away what somebody said, or all of it.
pub(super) fn clear(call: &Call) -> Answer {
    let wish: ClearWish = call.body()?;
    find(call)?;
    let whose = wish.user.map(|whose| user(whose.0)).transpose()?;
    act(call, Act::Clear(whose))?;
    Ok(Response::empty(204))
}

/// Pins a message, or none.
pub(super) fn pin(call: &Call) -> Answer {
    let wish: PinWish = call.body()?;
    find(call)?;
    act(call, Act::Pin(wish.seq.map(|seq| seq.0))).map_err(no_message)?;
    Ok(Response::empty(204))
}

/// What waits for a look.
pub(super) fn held(call: &Call) -> Answer {
    find(call)?;
    let after = call.parameter("after").and_then(|after| after.parse().ok()).unwrap_or_default();
    let limit = call.limit();
    let found = call.wait(store(call)?.held(id(call), after, limit + 1));
    let mut found = found.map_err(Fault::database)?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| last.id);
    Ok(Response::json(200, &HeldList { messages: found.iter().map(held_state).collect(), next }))
}

/// Decides on one of them.
pub(super) fn decide(call: &Call) -> Answer {
    let verdict: Verdict = call.body()?;
    find(call)?;
    let (rooms, room) = (store(call)?, id(call));
    let number = number(call, 1).and_then(|number| i64::try_from(number).ok()).unwrap_or_default();
    let taken = call.wait(rooms.take_held(room, number)).map_err(Fault::database)?;
    let taken = taken.ok_or_else(|| Fault::NoHeld.answer())?;
    if verdict.approve {
        let say = Say {
            user: taken.author.id.clone(),
            cid: taken.cid.clone(),
            reply_to: taken.reply_to,
            mentions: taken.mentions.clone(),
            body: taken.body.clone(),
        };
        let said = act(call, Act::Pass(taken.author.clone(), say));
        if let Err(refused) = said {
            // Nothing was done, so it waits again.
            let again = call.wait(rooms.hold(room, &taken)).map_err(Fault::database)?;
            again.ok_or_else(|| Fault::HeldFull.answer())?;
            return Err(refused);
        }
    }
    let what = if verdict.approve { "approve" } else { "refuse" };
    let audit = crate::store::rooms::Audit {
        subject: format!("user:{}", taken.author.id),
        detail: taken.body.text().unwrap_or_default().chars().take(200).collect(),
        ..crate::store::rooms::Audit::of(room, &by(call).to_string(), what, call.app.clock.unix_ms())
    };
    call.wait(rooms.audit(&audit)).map_err(Fault::database)?;
    Ok(Response::empty(204))
}

fn asked(call: &Call, limit: usize) -> Query {
    let number = |name: &str| call.parameter(name).and_then(|text| text.parse::<u64>().ok());
    let ms = |name: &str| number(name).and_then(|number| i64::try_from(number).ok());
    Query {
        after_seq: number("after_seq"),
        before_seq: number("before_seq"),
        from_ms: ms("from"),
        to_ms: ms("to"),
        media_from: ms("media_from"),
        media_to: ms("media_to"),
        user: None,
        limit: limit + 1,
    }
}

fn answer(call: &Call, query: Query, limit: usize) -> Answer {
    let mut found = call.wait(store(call)?.messages(id(call), &query)).map_err(Fault::database)?;
    let more = found.len() > limit;
    // Of the last so many the first is one too many; of the first so many the last.
    let forward = query.after_seq.is_some() || query.from_ms.is_some() || query.media_from.is_some();
    if more && forward {
        found.truncate(limit);
    } else if more {
        found.remove(0);
    }
    let items = found.iter().filter_map(raw).collect();
    Ok(Response::json(200, &History { items, more }))
}

fn raw(message: &Message) -> Option<Item> {
    let text = String::from_utf8(item(message).into_vec()).ok()?;
    RawValue::from_string(text).ok().map(Item)
}

fn no_message(refused: Response) -> Response {
    match refused.status() {
        404 => Fault::NoMessage.answer(),
        _ => refused,
    }
}

/// What is said and counted has been, as far as the database goes.
pub(super) fn flush(call: &Call) {
    if let Some(store) = call.app.rooms.store() {
        call.wait(store.chat.flush());
    }
}

/// A number in the path.
fn number(call: &Call, at: usize) -> Option<u64> {
    call.names.get(at)?.parse().ok()
}

/// What is said: text in lines, without other control characters.
fn words(text: String) -> Result<String, Response> {
    let fits = (1..=TEXT_MAX).contains(&text.trim().chars().count())
        && !text.chars().any(|c| c.is_control() && c != '\n');
    if fits {
        return Ok(text.trim().to_owned());
    }
    Err(bad(
        format!("text must be 1 to {TEXT_MAX} characters without control characters"),
        format!("text 应为 1 到 {TEXT_MAX} 个字符，不含控制字符"),
    ))
}

fn held_state(held: &Held) -> HeldState {
    let text = match &held.body {
        Body::Image(image) => image.url.as_str(),
        Body::Custom(custom) => custom.name.as_str(),
        body => body.text().unwrap_or_default(),
    };
    HeldState {
        id: held.id,
        sent_at: rfc3339(held.at_ms),
        user: held.author.id.clone(),
        name: held.author.name.clone(),
        kind: held.body.kind(),
        text: text.to_owned(),
        why: held.why.clone(),
    }
}
