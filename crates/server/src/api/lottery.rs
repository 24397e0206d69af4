//! Lotteries in rooms. What can be checked by anybody is open to everybody.

use control::room::lottery::WINNERS_MAX;
use serde_json::json;

use super::call::{Answer, Call, bad};
use super::fault::Fault;
use super::gifts::{room, store, there, whole};
use super::rooms::by;
use super::shape::{Schemas, Shape, shape};
use super::text::Within;
use crate::http::response::Response;
use crate::lottery::{self, Wish};
use crate::store::lottery::{Lottery, State, TakePart};
use crate::time::rfc3339;

/// Longest name of a prize, and longest text that is to be said, in characters.
const TEXT_MAX: usize = 64;

/// How long one can take part when nobody says, in seconds.
const SECONDS: u32 = 300;

/// How long at most.
const SECONDS_MAX: u32 = 24 * 3_600;

/// A short text.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(transparent)]
pub(super) struct Short(String);

/// How many win.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(transparent)]
pub(super) struct Winners(f64);

/// What to do to take part.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Present,
    Text,
    Gift,
}

impl Shape for Short {
    fn schema(_known: &mut Schemas) -> serde_json::Value {
        json!({"type": "string", "minLength": 1, "maxLength": TEXT_MAX, "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$"})
    }
}

impl Shape for Winners {
    fn schema(_known: &mut Schemas) -> serde_json::Value {
        json!({"type": "integer", "minimum": 1, "maximum": WINNERS_MAX})
    }
}

impl Shape for Kind {
    fn schema(_known: &mut Schemas) -> serde_json::Value {
        json!({"type": "string", "enum": ["present", "text", "gift"]})
    }
}

shape! {
    /// A lottery as it is to be.
    in struct LotteryWish {
        /// What can be won.
        prize: Short,
        /// How many win; 1 when left out.
        winners: Option<Winners>,
        /// Who takes part: `present`: everybody who is in the room at the draw; `text`: who has said `what` by then; `gift`: who has sent the gift `what` by then.
        take_part: Kind,
        /// The text, or the gift's id.
        what: Option<Short>,
        /// For how long one can take part, to a day; 300 when left out.
        seconds: Option<Within<1, SECONDS_MAX>>,
        /// Whether the server draws it then, unless somebody did before; true when left out.
        auto: Option<bool>,
    }
}

shape! {
    /// A page of lotteries.
    out struct LotteryList {
        /// The lotteries, the newest first.
        lotteries: Vec<LotteryShape>,
        /// What to ask for as `after` to get the next page; null on the last one.
        next: Option<String>,
    }

    /// A lottery.
    out struct LotteryShape {
        /// Its id.
        id: String,
        /// In which room.
        room: String,
        /// What can be won.
        prize: String,
        /// Who takes part: `present`, `text` or `gift`.
        take_part: &'static str,
        /// The text, or the gift's id; empty: neither.
        what: String,
        /// How many win at most.
        count: u32,
        /// `open`, `drawn` or `cancelled`.
        state: &'static str,
        /// SHA-256 of the seed, published before anybody could take part.
        commitment: String,
        /// The seed; null until it is drawn.
        seed: Option<String>,
        /// SHA-256 of who took part: their ids, sorted, each followed by a line feed; null until it is drawn.
        entries_hash: Option<String>,
        /// How many took part; null until it is drawn.
        entries: Option<u64>,
        /// Who won, the first prize first; null until it is drawn.
        winners: Option<Vec<String>>,
        /// When it opened.
        opened_at: String,
        /// Until when one could take part, if it was not drawn before.
        until: String,
        /// Whether the server draws it then.
        auto: bool,
        /// When it was drawn or called off; null while it is open.
        ended_at: Option<String>,
    }

    /// A page of those who take part.
    out struct EntryList {
        /// Their ids, sorted by their bytes.
        entries: Vec<String>,
        /// What to ask for as `after` to get the next page; null on the last one.
        next: Option<String>,
    }
}

/// Opens one.
pub(super) fn open(call: &Call) -> Answer {
    let (store, room) = (store(call)?, room(call)?);
    let wish: LotteryWish = call.body()?;
    there(call, store, room)?;
    let (prize, what) = (text("prize", Some(wish.prize))?, text("what", wish.what)?);
    let kind = match wish.take_part {
        Kind::Present => "present",
        Kind::Text => "text",
        Kind::Gift => "gift",
    };
    let take_part = TakePart::of_parts(kind, what.trim()).ok_or_else(|| {
        bad(
            "take_part text and gift need what, and present has none",
            "take_part 为 text 或 gift 时须有 what，为 present 时不能有",
        )
    })?;
    let seconds = wish.seconds.map_or(Some(SECONDS), Within::get);
    let seconds = seconds.ok_or_else(|| bad("seconds must be 1 to a day", "seconds 应为 1 秒到一天"))?;
    let winners =
        wish.winners.map_or(Ok(1), |winners| whole("winners", winners.0, 1, u64::from(WINNERS_MAX)))?;
    let winners = u32::try_from(winners).unwrap_or(1);
    let until_ms = call.app.clock.unix_ms() + i64::from(seconds) * 1_000;
    let wish = Wish { prize, winners, take_part, until_ms, auto: wish.auto.unwrap_or(true) };
    let opened = call.wait(lottery::open(&call.app, room, &by(call), wish));
    let opened = opened.map_err(Fault::refused_room)?.ok_or_else(|| Fault::TooManyLotteries.answer())?;
    Ok(Response::json(201, &shape_of(opened, Vec::new())))
}

/// The lotteries of a room.
pub(super) fn list(call: &Call) -> Answer {
    let (store, room, limit) = (store(call)?, room(call)?, call.limit());
    there(call, store, room)?;
    let after = call.parameter("after").and_then(|after| after.split_once('.'));
    let after = after.and_then(|(opened_ms, id)| Some((opened_ms.parse().ok()?, id)));
    let found = store.gifts.lotteries(room, after, limit + 1);
    let mut found = call.wait(found).map_err(Fault::database)?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| format!("{}.{}", last.opened_ms, last.id));
    let lotteries = found.into_iter().map(|lottery| told(call, lottery)).collect::<Result<_, _>>()?;
    Ok(Response::json(200, &LotteryList { lotteries, next }))
}

/// One of them.
pub(super) fn one(call: &Call) -> Answer {
    Ok(Response::json(200, &told(call, find(call)?)?))
}

/// Who takes part: who has until now, or who did when it was drawn.
pub(super) fn entries(call: &Call) -> Answer {
    let (store, lottery, limit) = (store(call)?, find(call)?, call.limit());
    let after = call.parameter("after").unwrap_or_default();
    let mut entries = if lottery.state == State::Open {
        let all = call.wait(lottery::candidates(&call.app, &lottery)).map_err(Fault::refused_room)?;
        all.into_iter().filter(|id| id.as_str() > after).take(limit + 1).collect()
    } else {
        let found = store.gifts.entries(&lottery.room, &lottery.id, after, limit + 1);
        call.wait(found).map_err(Fault::database)?
    };
    let more = entries.len() > limit;
    entries.truncate(limit);
    let next = entries.last().filter(|_| more).cloned();
    Ok(Response::json(200, &EntryList { entries, next }))
}

/// Draws one; again, and it stays as it was drawn.
pub(super) fn draw(call: &Call) -> Answer {
    let lottery = find(call)?;
    let drawn = call.wait(lottery::draw(&call.app, &lottery.room, &lottery.id, &by(call)));
    let drawn = drawn.map_err(Fault::refused_room)?.ok_or_else(|| Fault::NoLottery.answer())?;
    if drawn.state == State::Cancelled {
        return Err(Fault::LotteryOver.answer());
    }
    Ok(Response::json(200, &told(call, drawn)?))
}

/// Calls one off.
pub(super) fn cancel(call: &Call) -> Answer {
    let lottery = find(call)?;
    let done = call.wait(lottery::cancel(&call.app, &lottery.room, &lottery.id, &by(call)));
    let done = done.map_err(Fault::refused_room)?.ok_or_else(|| Fault::NoLottery.answer())?;
    if done.state == State::Drawn {
        return Err(Fault::LotteryOver.answer());
    }
    Ok(Response::json(200, &told(call, done)?))
}

fn find(call: &Call) -> Result<Lottery, Response> {
    let [room, id] = call.names.as_slice() else { return Err(crate::http::router::not_found()) };
    let found = call.wait(store(call)?.gifts.lottery(room, id)).map_err(Fault::database)?;
    found.ok_or_else(|| Fault::NoLottery.answer())
}

fn told(call: &Call, lottery: Lottery) -> Result<LotteryShape, Response> {
    let winners = match lottery.state {
        State::Drawn => {
            let found = store(call)?.gifts.winners(&lottery.room, &lottery.id);
            call.wait(found).map_err(Fault::database)?
        }
        State::Open | State::Cancelled => Vec::new(),
    };
    Ok(shape_of(lottery, winners))
}

fn shape_of(lottery: Lottery, winners: Vec<String>) -> LotteryShape {
    let drawn = lottery.state == State::Drawn;
    let (take_part, what) = lottery.take_part.parts();
    LotteryShape {
        take_part,
        what: what.to_owned(),
        id: lottery.id,
        room: lottery.room,
        prize: lottery.prize,
        count: lottery.winners,
        state: lottery.state.word(),
        commitment: lottery.commitment,
        seed: drawn.then_some(lottery.seed),
        entries_hash: drawn.then_some(lottery.entries_hash),
        entries: drawn.then_some(lottery.entries),
        winners: drawn.then_some(winners),
        opened_at: rfc3339(lottery.opened_ms),
        until: rfc3339(lottery.until_ms),
        auto: lottery.auto,
        ended_at: lottery.ended_ms.map(rfc3339),
    }
}

fn text(name: &str, text: Option<Short>) -> Result<String, Response> {
    let text = text.map(|text| text.0).unwrap_or_default();
    if text.chars().count() > TEXT_MAX
        || text.chars().any(char::is_control)
        || (name == "prize" && text.is_empty())
    {
        return Err(bad(
            format!("{name} must be 1 to {TEXT_MAX} characters"),
            format!("{name} 应为 1 到 {TEXT_MAX} 个字符"),
        ));
    }
    Ok(text)
}
