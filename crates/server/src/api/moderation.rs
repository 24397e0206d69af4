//! Who may not speak, be seen or be here; what is not said; and who decided that. In one room, or on the whole server.

use control::room::sanction::{Kind, Subject};
use serde_json::{Value, json};

use super::call::{Answer, Call, bad, reason};
use super::fault::Fault;
use super::rooms::{act, by, find, id, line, store, user};
use super::shape::{Schemas, Shape, Span, shape};
use super::text::{Address, Line, Pinyin, UserId};
use crate::http::response::Response;
use crate::room::{self, Act};
use crate::store::rooms::{Sanction, Word, subject_text};
use crate::time::rfc3339;

/// Longest word, in characters.
const WORD_MAX: usize = 64;

/// Most words of one request.
const WORDS_AT_ONCE: usize = 1_000;

/// What somebody may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum What {
    Mute,
    Ban,
    Hide,
}

impl Shape for What {
    fn schema(_known: &mut Schemas) -> Value {
        json!({"type": "string", "enum": ["mute", "ban", "hide"]})
    }
}

impl From<What> for Kind {
    fn from(what: What) -> Kind {
        match what {
            What::Mute => Kind::Mute,
            What::Ban => Kind::Ban,
            What::Hide => Kind::Hide,
        }
    }
}

/// What becomes of a message with a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Action {
    Replace,
    Hold,
    Refuse,
}

impl Shape for Action {
    fn schema(_known: &mut Schemas) -> Value {
        json!({"type": "string", "enum": ["replace", "hold", "refuse"]})
    }
}

shape! {
    /// Somebody who may not.
    in struct SanctionWish {
        /// `mute`: speak. `ban`: be here; ends their connections. `hide`: be seen by others, without being told.
        kind: What,
        /// Somebody by id; or
        user: Option<UserId>,
        /// whoever comes from this address.
        ip: Option<Address>,
        /// For so many seconds; for good when left out.
        seconds: Option<Span>,
        /// What for, for the record.
        reason: Option<String>,
    }

    /// Words that are not said.
    in struct WordsWish {
        /// The words; at most 1,000 at once. One that is on the list gets the new action.
        words: Vec<WordWish>,
    }

    /// A word that is not said.
    in struct WordWish {
        /// The word, 1 to 64 characters.
        word: Line<WORD_MAX>,
        /// `replace`: with asterisks. `hold`: somebody looks at the message first. `refuse`.
        action: Action,
        /// How it is spelled in pinyin, a space between syllables (`wei xin`; v for ü): found too, with or without spaces and
        /// signs between its letters. A spelling that is an English word as well catches that.
        pinyin: Option<Pinyin>,
    }

    /// Somebody to be put out.
    in struct KickWish {
        /// Who.
        user: UserId,
    }
}

/// The schema of a sanction to be put: of its two subjects there is one.
pub(super) fn sanction_schema(known: &mut Schemas) -> Value {
    let named = SanctionWish::schema(known);
    if let Some(schema) = known.get_mut("SanctionWish") {
        let one = |is: &str, is_not: &str| json!({"required": [is], "properties": {is: {"type": "string"}, is_not: {"type": "null"}}});
        schema["oneOf"] = json!([one("user", "ip"), one("ip", "user")]);
    }
    named
}

shape! {
    /// Sanctions, by kind and subject.
    out struct SanctionList {
        /// The sanctions; those that are over stay here for a while.
        sanctions: Vec<SanctionState>,
        /// What to ask for as `after` to get the next page; null on the last one.
        next: Option<String>,
    }

    /// Somebody who may not.
    out struct SanctionState {
        /// `mute`, `ban` or `hide`.
        kind: &'static str,
        /// Who, unless it is an address.
        user: Option<String>,
        /// Which address.
        ip: Option<String>,
        /// Until when; null: for good.
        until: Option<String>,
        /// What for.
        reason: String,
        /// Who said so: `user:ID` or `key:NAME`.
        by: String,
        /// When.
        at: String,
    }

    /// The list of words.
    out struct WordList {
        /// The words, in order.
        words: Vec<WordState>,
    }

    /// A word that is not said.
    out struct WordState {
        /// The word.
        word: String,
        /// `replace`, `hold` or `refuse`.
        action: String,
        /// How it is spelled in pinyin, if that is found too.
        pinyin: Option<String>,
    }

    /// Who did what, newest first.
    out struct AuditList {
        /// What was done.
        entries: Vec<AuditState>,
        /// What to ask for as `before` to get the next page; null on the last one.
        next: Option<i64>,
    }

    /// Something that somebody did who may.
    out struct AuditState {
        /// Its number.
        id: i64,
        /// When.
        at: String,
        /// Who: `user:ID`, `key:NAME` or `system`.
        by: String,
        /// What, as a word such as `mute`, `recall`, `end`.
        what: String,
        /// To whom or what: `user:ID`, `ip:ADDRESS`, `message:NUMBER`; may be empty.
        subject: String,
        /// Whatever else is worth knowing.
        detail: String,
    }
}

/// The sanctions of a room, or of the server.
pub(super) fn sanctions(call: &Call) -> Answer {
    let room = place(call)?;
    let kind = call.parameter("kind").and_then(Kind::from_word);
    let after = call.parameter("after").map(|after| {
        let (kind, subject) = after.split_once('.')?;
        Some((Kind::from_word(kind)?, subject))
    });
    let Some(after) = after.map_or(Some(None), |after| after.map(Some)) else {
        return Err(bad("after must be the `next` of the page before", "after 应为上一页的 next"));
    };
    let limit = call.limit();
    let found = call.wait(store(call)?.sanctions(&room, kind, after, limit + 1));
    let mut found = found.map_err(Fault::database)?;
    let more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| more);
    let next = last.map(|last| format!("{}.{}", last.kind.word(), subject_text(&last.subject)));
    Ok(Response::json(200, &SanctionList { sanctions: found.iter().map(sanction).collect(), next }))
}

/// Puts one in force.
pub(super) fn put_sanction(call: &Call) -> Answer {
    let wish: SanctionWish = call.body()?;
    place(call)?;
    let subject = subject(wish.user.map(|user| user.0), wish.ip.as_ref().map(|ip| ip.0.as_str()))?;
    let seconds = wish.seconds.map(Span::seconds).transpose()?.map(i64::unsigned_abs);
    let reason = reason(&wish.reason.unwrap_or_default());
    let kind = Kind::from(wish.kind);
    match call.names.is_empty() {
        true => {
            let by = by(call);
            let done = room::sanction_everywhere(&call.app, &by, kind, subject, seconds, &reason);
            call.wait(done).map_err(Fault::refused)?;
        }
        false => {
            act(call, Act::Sanction { kind, subject, seconds, reason })?;
        }
    }
    Ok(Response::empty(204))
}

/// Lifts one.
pub(super) fn lift(call: &Call) -> Answer {
    let room = place(call)?;
    let Some(kind) = call.parameter("kind").and_then(Kind::from_word) else {
        return Err(bad("say which: kind=mute, ban or hide", "请给出 kind：mute、ban 或 hide"));
    };
    let subject = subject(call.parameter("user").map(str::to_owned), call.parameter("ip"))?;
    let found = call.wait(store(call)?.find_sanction(&room, kind, &subject)).map_err(Fault::database)?;
    if !found {
        return Err(Fault::NoSanction.answer());
    }
    match room.is_empty() {
        true => {
            call.wait(room::lift_everywhere(&call.app, &by(call), kind, &subject)).map_err(Fault::refused)?;
        }
        false => {
            act(call, Act::Lift(kind, subject))?;
        }
    }
    Ok(Response::empty(204))
}

/// Puts somebody out, who may come back.
pub(super) fn kick(call: &Call) -> Answer {
    let wish: KickWish = call.body()?;
    find(call)?;
    act(call, Act::Kick(user(wish.user.0)?))?;
    Ok(Response::empty(204))
}

/// The words of a room, or of the server.
pub(super) fn words(call: &Call) -> Answer {
    let room = place(call)?;
    let found = call.wait(store(call)?.words(&room)).map_err(Fault::database)?;
    let shown = |Word { word, action, pinyin, .. }| WordState { word, action, pinyin };
    let words = found.into_iter().map(shown).collect();
    Ok(Response::json(200, &WordList { words }))
}

/// Puts words on the list.
pub(super) fn put_words(call: &Call) -> Answer {
    let wish: WordsWish = call.body()?;
    let room = place(call)?;
    if wish.words.len() > WORDS_AT_ONCE {
        return Err(bad(
            format!("at most {WORDS_AT_ONCE} words at once"),
            format!("一次最多 {WORDS_AT_ONCE} 个词"),
        ));
    }
    let words: Vec<Word> = wish
        .words
        .into_iter()
        .map(|WordWish { word, action, pinyin }| {
            let action = match action {
                Action::Replace => "replace",
                Action::Hold => "hold",
                Action::Refuse => "refuse",
            };
            let word = line("word", word.0, 1, WORD_MAX)?;
            let pinyin = pinyin.map(|pinyin| spelling(pinyin.0)).transpose()?;
            Ok(Word { room: room.clone(), word, action: action.to_owned(), pinyin })
        })
        .collect::<Result<_, Response>>()?;
    let (by, now_ms) = (by(call).to_string(), call.app.clock.unix_ms());
    if !call.wait(store(call)?.put_words(&words, &by, now_ms)).map_err(Fault::database)? {
        return Err(Fault::WordsFull.answer());
    }
    changed(call, &room)?;
    Ok(Response::empty(204))
}

/// Takes a word off the list.
pub(super) fn delete_word(call: &Call) -> Answer {
    let room = place(call)?;
    let word = call.parameter("word").unwrap_or_default();
    let (by, now_ms) = (by(call).to_string(), call.app.clock.unix_ms());
    if !call.wait(store(call)?.delete_word(&room, word, &by, now_ms)).map_err(Fault::database)? {
        return Err(Fault::NoWord.answer());
    }
    changed(call, &room)?;
    Ok(Response::empty(204))
}

/// Who did what in a room, or on the server.
pub(super) fn audits(call: &Call) -> Answer {
    // Also of a room that is no longer there.
    let room = id(call);
    if !room.is_empty() && !control::room::is_id(room) {
        return Err(bad(
            "a room's id has letters, digits, _ and - only",
            "房间 id 只能包含字母、数字、_ 和 -",
        ));
    }
    let before = call.parameter("before").and_then(|before| before.parse().ok());
    let limit = call.limit();
    let found = call.wait(store(call)?.audits(room, before, limit + 1));
    let mut found = found.map_err(Fault::database)?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| last.id);
    let entries = found
        .into_iter()
        .map(|one| AuditState {
            id: one.id,
            at: rfc3339(one.at_ms),
            by: one.by,
            what: one.what,
            subject: one.subject,
            detail: one.detail,
        })
        .collect();
    Ok(Response::json(200, &AuditList { entries, next }))
}

/// The room that the path names, which must be there; empty: the whole server.
fn place(call: &Call) -> Result<String, Response> {
    if call.names.is_empty() {
        return Ok(String::new());
    }
    find(call).map(|about| about.id)
}

/// A list of words changed: whoever holds it reads it again.
fn changed(call: &Call, room: &str) -> Result<(), Response> {
    call.wait(call.app.rooms.reload_words(&call.app, room)).map_err(Fault::database)
}

/// A word in Latin letters, of which each syllable stands alone.
fn spelling(pinyin: String) -> Result<String, Response> {
    let good = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphabetic());
    if pinyin.len() <= WORD_MAX && pinyin.split(' ').all(good) {
        return Ok(pinyin);
    }
    Err(bad(
        format!("pinyin must be Latin letters with a space between syllables, {WORD_MAX} at most: wei xin"),
        format!("pinyin 应为拼音字母，音节之间一个空格，最多 {WORD_MAX} 个字符，如 wei xin"),
    ))
}

fn subject(user_id: Option<String>, ip: Option<&str>) -> Result<Subject, Response> {
    match (user_id, ip) {
        (Some(id), None) => user(id).map(Subject::User),
        (None, Some(ip)) => ip
            .parse()
            .map(Subject::Address)
            .map_err(|_| bad("ip must be an address such as 192.0.2.7", "ip 应为地址，如 192.0.2.7")),
        _ => Err(bad("say who: user or ip, one of them", "请给出 user 或 ip 其中之一")),
    }
}

fn who(subject: &Subject) -> (Option<String>, Option<String>) {
    match subject {
        Subject::User(id) => (Some(id.clone()), None),
        Subject::Address(address) => (None, Some(address.to_string())),
    }
}

fn sanction(sanction: &Sanction) -> SanctionState {
    let (user, ip) = who(&sanction.subject);
    SanctionState {
        kind: sanction.kind.word(),
        user,
        ip,
        until: sanction.until_ms.map(rfc3339),
        reason: sanction.reason.clone(),
        by: sanction.by.clone(),
        at: rfc3339(sanction.at_ms),
    }
}
