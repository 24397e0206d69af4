//! Gifts: the catalogue, who has one for nothing, and the ledger of what was given.

use control::person::Person;
use control::room::is_id;
use serde_json::json;

use super::call::{Answer, Call, bad};
use super::fault::Fault;
use super::rooms::record;
use super::shape::{Schemas, Shape, shape};
use super::text::UserId;
use crate::http::response::Response;
use crate::store::Store;
use crate::store::gifts::{Claim, Claimed, Gift, WhichClaims};
use crate::store::ledger::{Entry, State, Sums, Which};
use crate::time::rfc3339;
use crate::wallet::Pays;

/// Longest name of a gift, in characters.
const NAME_MAX: usize = 64;

/// Longest address of a picture, in bytes.
const ICON_MAX: usize = 512;

/// The highest price of one.
const PRICE_MAX: u64 = 1_000_000_000;

/// Most in one send.
const COUNT_MAX: u64 = 9_999;

/// The last place in a list.
const POSITION_MAX: u64 = 100_000;

/// Most in one send when nobody says.
const COUNT: u32 = 99;

/// Makes a type that is JSON text or a number within bounds.
macro_rules! bounded {
    ($($(#[doc = $doc:literal])* $name:ident($kind:ty) = $schema:tt;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, serde::Deserialize)]
        #[serde(transparent)]
        pub(super) struct $name(pub(super) $kind);

        impl Shape for $name {
            fn schema(_known: &mut Schemas) -> serde_json::Value {
                json!($schema)
            }
        }
    )*};
}

bounded! {
    /// What a gift is called.
    GiftName(String) = {"type": "string", "minLength": 1, "maxLength": NAME_MAX, "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$"};
    /// A picture, as an address.
    Icon(String) = {"type": "string", "maxLength": ICON_MAX, "pattern": "^(https?://[!-~]+)?$"};
    /// What one costs.
    Cost(f64) = {"type": "integer", "minimum": 0, "maximum": PRICE_MAX};
    /// Most in one send.
    MaxCount(f64) = {"type": "integer", "minimum": 1, "maximum": COUNT_MAX};
    /// A place in a list.
    Position(f64) = {"type": "integer", "minimum": 0, "maximum": POSITION_MAX};
}

/// Whether a gift must be claimed before it can be sent.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ClaimWord {
    None,
    Room,
    Server,
}

impl Shape for ClaimWord {
    fn schema(_known: &mut Schemas) -> serde_json::Value {
        json!({"type": "string", "enum": ["none", "room", "server"]})
    }
}

shape! {
    /// A gift as it is to be.
    in struct GiftWish {
        /// What it is called.
        name: GiftName,
        /// Its picture, http or https.
        icon: Option<Icon>,
        /// What one costs, in your smallest unit; 0, or left out: nothing.
        price: Option<Cost>,
        /// `none`: it can be sent at once. `room`, `server`: it must be claimed first, which everybody may do once in each room, or once on this server. Such a gift costs nothing, whatever `price` says.
        claim: Option<ClaimWord>,
        /// Most in one send; 99 when left out. One, if it must be claimed.
        max_count: Option<MaxCount>,
        /// Its place among the others; 0 when left out.
        position: Option<Position>,
        /// Whether it can be sent; true when left out.
        available: Option<bool>,
    }

    /// Who is to have a gift for nothing.
    in struct ClaimWish {
        /// The user's id.
        user: UserId,
    }
}

shape! {
    /// A catalogue.
    out struct GiftList {
        /// The gifts, in their order.
        gifts: Vec<GiftShape>,
        /// What prices are in.
        unit: Unit,
    }

    /// What prices are in, for people; empty: nobody said.
    out struct Unit {
        /// In Chinese.
        zh: String,
        /// In English.
        en: String,
    }

    /// A gift of the catalogue.
    out struct GiftShape {
        /// Its id.
        id: String,
        /// In which room; null: in every room that has none of this id.
        room: Option<String>,
        /// What it is called.
        name: String,
        /// Its picture; empty: none.
        icon: String,
        /// What one costs, in the operator's smallest unit.
        price: u64,
        /// Whether it must be claimed first: `none`, `room` or `server`.
        claim: &'static str,
        /// Most in one send.
        max_count: u32,
        /// Its place among the others.
        position: u32,
        /// Whether it can be sent.
        available: bool,
    }

    /// A page of claims.
    out struct ClaimList {
        /// The claims.
        claims: Vec<ClaimShape>,
        /// What to ask for as `after` to get the next page; null on the last one.
        next: Option<String>,
    }

    /// A gift that somebody has, or had, for nothing.
    out struct ClaimShape {
        /// In which room; null: in every one.
        room: Option<String>,
        /// Who.
        user: String,
        /// Which gift.
        gift: String,
        /// `claimed`: they can send it. `used`: they have.
        state: &'static str,
        /// When that changed last.
        at: String,
        /// Who gave it to them: `user:ID` (themselves) or `key`.
        by: String,
    }

    /// A page of the ledger.
    out struct LedgerPage {
        /// The rows, the newest first.
        entries: Vec<LedgerEntry>,
        /// What to ask for as `before` to get the next page; null on the last one.
        next: Option<i64>,
        /// What all rows that were asked for come to, those of other pages too.
        sums: LedgerSums,
    }

    /// What rows come to, without those that came to nothing.
    out struct LedgerSums {
        /// Sends.
        sends: u64,
        /// Gifts.
        gifts: u64,
        /// What they cost together.
        value: u64,
    }

    /// A row of the ledger: one send of a gift.
    out struct LedgerEntry {
        /// Its number.
        id: i64,
        /// In which room.
        room: String,
        /// Who gave.
        user: String,
        /// What their client called it.
        cid: String,
        /// Which gift.
        gift: String,
        /// What it was called then.
        name: String,
        /// How many.
        count: u32,
        /// What one cost then.
        price: u64,
        /// What they cost together.
        total: u64,
        /// `reserved`, `confirmed` or `cancelled`.
        state: &'static str,
        /// Why it came to nothing: `balance`, `refused`, `no_answer`, `confirm_refused`; else empty.
        reason: String,
        /// What the wallet calls it; empty without a wallet.
        reference: String,
        /// The number of its message; null before it has one.
        seq: Option<u64>,
        /// When.
        at: String,
    }
}

/// What viewers of a room can send now. For pages: it needs no key.
pub(super) fn in_room(call: &Call) -> Answer {
    let (store, room) = (store(call)?, room(call)?);
    there(call, store, room)?;
    let gifts = call.wait(store.gifts.gifts_in(room)).map_err(Fault::database)?;
    Ok(Response::json(200, &list_of(call, gifts)))
}

/// The whole catalogue of a room, or of the server.
pub(super) fn list(call: &Call) -> Answer {
    let store = store(call)?;
    let room = call.parameter("room").unwrap_or_default();
    let gifts = call.wait(store.gifts.gifts(room)).map_err(Fault::database)?;
    Ok(Response::json(200, &list_of(call, gifts)))
}

/// Puts a gift into the catalogue of the server.
pub(super) fn put(call: &Call) -> Answer {
    let [id] = call.names.as_slice() else { return Err(crate::http::router::not_found()) };
    put_in(call, "", id)
}

/// Puts a gift into the catalogue of a room.
pub(super) fn put_in_room(call: &Call) -> Answer {
    let [room, id] = call.names.as_slice() else { return Err(crate::http::router::not_found()) };
    there(call, store(call)?, room)?;
    put_in(call, room, id)
}

fn put_in(call: &Call, room: &str, id: &str) -> Answer {
    let store = store(call)?;
    let wish: GiftWish = call.body()?;
    let gift = gift_of(wish, room, id)?;
    if gift.price > 0 && call.app.wallet.pays() == Pays::NoOne {
        return Err(Fault::NoWallet.answer());
    }
    if !call.wait(store.gifts.put_gift(&gift)).map_err(Fault::database)? {
        return Err(Fault::GiftsFull.answer());
    }
    let detail = format!("price {}", gift.price);
    record(call, room, "put_gift", format!("gift:{id}"), detail)?;
    Ok(Response::json(200, &GiftShape::from(gift)))
}

/// Takes a gift out of the catalogue of the server.
pub(super) fn delete(call: &Call) -> Answer {
    let [id] = call.names.as_slice() else { return Err(crate::http::router::not_found()) };
    delete_in(call, "", id)
}

/// Takes a gift out of the catalogue of a room.
pub(super) fn delete_in_room(call: &Call) -> Answer {
    let [room, id] = call.names.as_slice() else { return Err(crate::http::router::not_found()) };
    delete_in(call, room, id)
}

fn delete_in(call: &Call, room: &str, id: &str) -> Answer {
    match call.wait(store(call)?.gifts.delete_gift(room, id)).map_err(Fault::database)? {
        true => {
            record(call, room, "delete_gift", format!("gift:{id}"), String::new())?;
            Ok(Response::empty(204))
        }
        false => Err(Fault::NoGift.answer()),
    }
}

/// Gives somebody a gift to send for nothing.
pub(super) fn give_claim(call: &Call) -> Answer {
    let [room, id] = call.names.as_slice() else { return Err(crate::http::router::not_found()) };
    let store = store(call)?;
    let wish: ClaimWish = call.body()?;
    if Person::new(&wish.user.0, "", "", control::person::Role::Viewer).is_err() {
        return Err(bad("user must be the id of a user who is no guest", "user 应为用户 id（不能是游客）"));
    }
    there(call, store, room)?;
    let found = call.wait(store.gifts.find_gift(room, id)).map_err(Fault::database)?;
    let gift = found.ok_or_else(|| Fault::NoGift.answer())?;
    if gift.claim == Claim::None {
        return Err(Fault::NotClaimable.answer());
    }
    let place = gift.claim.place(room);
    let now_ms = call.app.clock.unix_ms();
    let done = store.gifts.give_claim(place, &wish.user.0, id, "key", now_ms);
    call.wait(done).map_err(Fault::database)?;
    record(call, room, "give_claim", format!("user:{}", wish.user.0), format!("gift:{id}"))?;
    Ok(Response::empty(204))
}

/// Who has gifts for nothing.
pub(super) fn claims(call: &Call) -> Answer {
    let store = store(call)?;
    let owned = |name| call.parameter(name).map(str::to_owned);
    let after = call.parameter("after").map(|after| {
        let mut parts = after.splitn(3, '/').map(str::to_owned);
        let mut next = || parts.next().unwrap_or_default();
        // Neither rooms nor gifts have a slash in their ids; users may.
        let (room, gift, user) = (next(), next(), next());
        (room, user, gift)
    });
    let limit = call.limit();
    let which = WhichClaims {
        room: owned("room"),
        user: owned("user"),
        gift: owned("gift"),
        after,
        limit: limit + 1,
    };
    let mut claims = call.wait(store.gifts.claims(&which)).map_err(Fault::database)?;
    let more = claims.len() > limit;
    claims.truncate(limit);
    let next =
        claims.last().filter(|_| more).map(|last| format!("{}/{}/{}", last.room, last.gift, last.user));
    Ok(Response::json(200, &ClaimList { claims: claims.into_iter().map(ClaimShape::from).collect(), next }))
}

/// What was given.
pub(super) fn ledger(call: &Call) -> Answer {
    let store = store(call)?;
    let owned = |name| call.parameter(name).map(str::to_owned);
    let number = |name| call.parameter(name).and_then(|number| number.parse::<i64>().ok());
    let which = Which {
        room: owned("room"),
        user: owned("user"),
        gift: owned("gift"),
        state: call.parameter("state").and_then(State::from_word),
        from_ms: number("from"),
        to_ms: number("to"),
    };
    let limit = call.limit();
    let mut entries =
        call.wait(store.ledger.entries(&which, number("before"), limit + 1)).map_err(Fault::database)?;
    let sums = call.wait(store.ledger.sums(&which)).map_err(Fault::database)?;
    let more = entries.len() > limit;
    entries.truncate(limit);
    let next = entries.last().filter(|_| more).map(|last| last.id);
    let entries = entries.into_iter().map(LedgerEntry::from).collect();
    let Sums { sends, gifts, value } = sums;
    Ok(Response::json(200, &LedgerPage { entries, next, sums: LedgerSums { sends, gifts, value } }))
}

/// The database, if there is one.
pub(super) fn store(call: &Call) -> Result<&Store, Response> {
    call.app.rooms.store().ok_or_else(|| Fault::NoRooms.answer())
}

/// The first name of the path, which is a room's.
pub(super) fn room(call: &Call) -> Result<&str, Response> {
    call.names.first().map(String::as_str).ok_or_else(crate::http::router::not_found)
}

/// Refuses a room that is not there.
pub(super) fn there(call: &Call, store: &Store, room: &str) -> Result<(), Response> {
    let found = is_id(room) && call.wait(store.rooms.about(room)).map_err(Fault::database)?.is_some();
    if found { Ok(()) } else { Err(Fault::NoRoom.answer()) }
}

fn list_of(call: &Call, gifts: Vec<Gift>) -> GiftList {
    let wallet = &call.app.config.wallet;
    let or = |one: &String, other: &String| if one.is_empty() { other.clone() } else { one.clone() };
    let (zh, en) = (&wallet.unit_zh, &wallet.unit_en);
    let unit = Unit { zh: or(zh, en), en: or(en, zh) };
    GiftList { gifts: gifts.into_iter().map(GiftShape::from).collect(), unit }
}

fn gift_of(wish: GiftWish, room: &str, id: &str) -> Result<Gift, Response> {
    if !is_id(id) {
        return Err(bad(
            "the id of a gift is 1 to 64 letters, digits, - and _",
            "礼物 id 应为 1 到 64 个字母、数字、- 和 _",
        ));
    }
    let name = wish.name.0;
    let length = name.chars().count();
    if !(1..=NAME_MAX).contains(&length) || name.chars().any(char::is_control) {
        return Err(bad(
            format!("name must be 1 to {NAME_MAX} characters"),
            format!("name 应为 1 到 {NAME_MAX} 个字符"),
        ));
    }
    let icon = wish.icon.map(|icon| icon.0).unwrap_or_default();
    let web = icon.strip_prefix("https://").or_else(|| icon.strip_prefix("http://"));
    let good = web.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic()));
    if icon.len() > ICON_MAX || (!icon.is_empty() && !good) {
        return Err(bad("icon must be an address, http or https", "icon 应为 http 或 https 地址"));
    }
    let claim = match wish.claim {
        None | Some(ClaimWord::None) => Claim::None,
        Some(ClaimWord::Room) => Claim::Room,
        Some(ClaimWord::Server) => Claim::Server,
    };
    let price = wish.price.map_or(Ok(0), |price| whole("price", price.0, 0, PRICE_MAX))?;
    let price = if claim == Claim::None { price } else { 0 };
    let max_count =
        wish.max_count.map_or(Ok(u64::from(COUNT)), |count| whole("max_count", count.0, 1, COUNT_MAX))?;
    let position = wish.position.map_or(Ok(0), |position| whole("position", position.0, 0, POSITION_MAX))?;
    Ok(Gift {
        room: room.to_owned(),
        id: id.to_owned(),
        name,
        icon,
        price,
        claim,
        max_count: if claim == Claim::None { u32::try_from(max_count).unwrap_or(COUNT) } else { 1 },
        position: u32::try_from(position).unwrap_or_default(),
        available: wish.available.unwrap_or(true),
    })
}

/// To JSON `1.0` is an integer like `1`.
pub(super) fn whole(name: &str, number: f64, min: u64, max: u64) -> Result<u64, Response> {
    let fits = number.fract() == 0.0 && (min as f64..=max as f64).contains(&number);
    fits.then_some(number as u64).ok_or_else(|| {
        bad(
            format!("{name} must be a number from {min} to {max}"),
            format!("{name} 应为 {min} 到 {max} 的整数"),
        )
    })
}

fn place(room: String) -> Option<String> {
    Some(room).filter(|room| !room.is_empty())
}

impl From<Gift> for GiftShape {
    fn from(gift: Gift) -> GiftShape {
        let Gift { room, id, name, icon, price, claim, max_count, position, available } = gift;
        GiftShape {
            id,
            room: place(room),
            name,
            icon,
            price,
            claim: claim.word(),
            max_count,
            position,
            available,
        }
    }
}

impl From<Claimed> for ClaimShape {
    fn from(claim: Claimed) -> ClaimShape {
        let Claimed { room, user, gift, used, at_ms, by } = claim;
        let state = if used { "used" } else { "claimed" };
        ClaimShape { room: place(room), user, gift, state, at: rfc3339(at_ms), by }
    }
}

impl From<Entry> for LedgerEntry {
    fn from(entry: Entry) -> LedgerEntry {
        LedgerEntry {
            id: entry.id,
            room: entry.room,
            user: entry.user,
            cid: entry.cid,
            gift: entry.gift,
            name: entry.name,
            count: entry.count,
            price: entry.price,
            total: entry.total,
            state: entry.state.word(),
            reason: entry.reason,
            reference: entry.reference,
            seq: entry.seq,
            at: rfc3339(entry.at_ms),
        }
    }
}
