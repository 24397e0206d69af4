//! The shelf of a room.

use control::room::message::{Body, Event};
use serde_json::{Value, json};

use super::call::{Answer, Call, bad};
use super::fault::Fault;
use super::messages::flush;
use super::once;
use super::rooms::{act, find, id, line, record, store, url};
use super::shape::{Schemas, Shape, Whole, shape};
use super::text::{GoodsId, Line, Link, Web};
use crate::http::response::Response;
use crate::room::Act;
use crate::store::rooms::{GOODS_MAX, Goods, Price, PutGoods};

/// Longest name of goods, in characters.
const NAME_MAX: usize = 128;

/// Longest page or path, in bytes.
const LINK_MAX: usize = 1_024;

/// Highest price.
const PRICE_MAX: u64 = 1 << 50;

/// The form of a price.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum PriceKind {
    #[default]
    One,
    Range,
    Discount,
}

impl Shape for PriceKind {
    fn schema(_known: &mut Schemas) -> Value {
        json!({"type": "string", "enum": ["one", "range", "discount"]})
    }
}

shape! {
    /// Goods to be put on the shelf, or to be changed.
    in struct GoodsWish {
        /// Its id: 1 to 64 letters, digits, `_`, `-` and `.`; one is made when left out. When changing, it is in the path.
        id: Option<GoodsId>,
        /// What it is called.
        name: Line<NAME_MAX>,
        /// Its picture, as an http or https address.
        cover: Option<Web>,
        /// A page, or a mini-program's path.
        url: Option<Link>,
        /// What it costs, in the smallest unit of your money.
        price: Whole,
        /// With `range`: up to so much. With `discount`: so much before.
        price_to: Option<Whole>,
        /// `one` (when left out), `range` or `discount`.
        price_kind: Option<PriceKind>,
        /// Whether viewers see it; yes when left out.
        on_shelf: Option<bool>,
    }

    /// The order of the shelf.
    in struct OrderWish {
        /// Ids; those that are not named come after them.
        ids: Vec<String>,
    }

    /// What the host is talking about.
    in struct ExplainWish {
        /// Its id; null: nothing.
        id: Option<String>,
    }
}

shape! {
    /// The shelf, in its order.
    out struct GoodsList {
        /// What is sold.
        goods: Vec<GoodsState>,
    }

    /// Something that is sold.
    out struct GoodsState {
        /// Its id.
        id: String,
        /// What it is called.
        name: String,
        /// Its picture; empty: none.
        cover: String,
        /// A page, or a mini-program's path; empty: none.
        url: String,
        /// What it costs, in the smallest unit of your money.
        price: u64,
        /// With `range`: up to so much. With `discount`: so much before.
        price_to: Option<u64>,
        /// `one`, `range` or `discount`.
        price_kind: &'static str,
        /// Whether viewers see it.
        on_shelf: bool,
        /// Whether the host is talking about it.
        explaining: bool,
        /// How often it was opened.
        clicks: u64,
        /// Where in the stream the host began to talk about it, in milliseconds.
        explained_ms: Option<i64>,
    }
}

/// The whole shelf.
pub(super) fn list(call: &Call) -> Answer {
    find(call)?;
    shelf(call, |_| true)
}

/// What viewers see of it.
pub(super) fn public(call: &Call) -> Answer {
    find(call)?;
    shelf(call, |goods| goods.on_shelf)
}

/// Puts something on it.
pub(super) fn add(call: &Call) -> Answer {
    let mut wish: GoodsWish = call.body()?;
    find(call)?;
    let given = wish.id.take();
    let goods_id = match &given {
        Some(id) => id.0.clone(),
        None => once::id(call)?,
    };
    let goods = goods_of(wish, goods_id)?;
    match call.wait(store(call)?.add_goods(id(call), &goods)).map_err(Fault::database)? {
        PutGoods::Done => {}
        // An id that the server makes is there already when this very request was cut off by a crash.
        PutGoods::Taken if given.is_none() => {}
        PutGoods::Taken => return Err(Fault::GoodsTaken.answer()),
        PutGoods::Full => return Err(Fault::ShelfFull.answer()),
    }
    recorded(call, "add_goods", &goods.id)?;
    tell(call)?;
    one(call, &goods.id, 201)
}

/// Changes something on it.
pub(super) fn update(call: &Call) -> Answer {
    let mut wish: GoodsWish = call.body()?;
    find(call)?;
    let goods_id = call.names.get(1).cloned().unwrap_or_default();
    if wish.id.take().is_some_and(|other| other.0 != goods_id) {
        return Err(bad("the id is in the path and does not change", "编号在路径中，不能修改"));
    }
    let goods = goods_of(wish, goods_id)?;
    if !call.wait(store(call)?.update_goods(id(call), &goods)).map_err(Fault::database)? {
        return Err(Fault::NoGoods.answer());
    }
    recorded(call, "update_goods", &goods.id)?;
    tell(call)?;
    one(call, &goods.id, 200)
}

/// Takes something away.
pub(super) fn delete(call: &Call) -> Answer {
    find(call)?;
    let goods_id = call.names.get(1).map(String::as_str).unwrap_or_default();
    if !call.wait(store(call)?.delete_goods(id(call), goods_id)).map_err(Fault::database)? {
        return Err(Fault::NoGoods.answer());
    }
    recorded(call, "delete_goods", goods_id)?;
    tell(call)?;
    Ok(Response::empty(204))
}

/// Puts it in order.
pub(super) fn order(call: &Call) -> Answer {
    let wish: OrderWish = call.body()?;
    find(call)?;
    if wish.ids.len() > GOODS_MAX.unsigned_abs() as usize {
        return Err(bad(
            format!("a shelf has {GOODS_MAX} goods at most"),
            format!("货架最多 {GOODS_MAX} 件"),
        ));
    }
    call.wait(store(call)?.order_goods(id(call), &wish.ids)).map_err(Fault::database)?;
    recorded(call, "order_goods", "")?;
    tell(call)?;
    list(call)
}

/// Says what the host is talking about.
pub(super) fn explain(call: &Call) -> Answer {
    let wish: ExplainWish = call.body()?;
    find(call)?;
    let (rooms, room) = (store(call)?, id(call));
    let explain = |media_ms| call.wait(rooms.explain_goods(room, wish.id.as_deref(), media_ms));
    if !explain(None).map_err(Fault::database)? {
        let there = call.wait(rooms.find_goods(room, wish.id.as_deref().unwrap_or_default()));
        let there = there.map_err(Fault::database)?.is_some();
        return Err(if there { Fault::OffShelf } else { Fault::NoGoods }.answer());
    }
    recorded(call, "explain_goods", wish.id.as_deref().unwrap_or_default())?;
    let ack = act(call, Act::Say(None, Body::Event(Event::Goods(wish.id.clone()))))?;
    // The room knows where the show is, and has written it on the message.
    flush(call);
    let said = call.wait(rooms.message(room, ack.seq)).map_err(Fault::database)?;
    if let Some(media_ms) = said.and_then(|said| said.media_ms) {
        explain(Some(media_ms)).map_err(Fault::database)?;
    }
    list(call)
}

fn shelf(call: &Call, wanted: impl Fn(&Goods) -> bool) -> Answer {
    let found = call.wait(store(call)?.goods(id(call))).map_err(Fault::database)?;
    let goods = found.into_iter().filter(wanted).map(state).collect();
    Ok(Response::json(200, &GoodsList { goods }))
}

fn one(call: &Call, goods_id: &str, status: u16) -> Answer {
    let found = call.wait(store(call)?.find_goods(id(call), goods_id)).map_err(Fault::database)?;
    found.map(|goods| Response::json(status, &state(goods))).ok_or_else(|| Fault::NoGoods.answer())
}

/// Who changed the shelf is written down; no goods in particular: all of them.
fn recorded(call: &Call, what: &str, goods: &str) -> Result<(), Response> {
    let subject = if goods.is_empty() { String::new() } else { format!("goods:{goods}") };
    record(call, id(call), what, subject, String::new())
}

/// Everybody in the room looks at the shelf again.
fn tell(call: &Call) -> Result<(), Response> {
    let all = call.wait(store(call)?.goods(id(call))).map_err(Fault::database)?;
    let explaining = all.into_iter().find(|goods| goods.explaining).map(|goods| goods.id);
    act(call, Act::Say(None, Body::Event(Event::Goods(explaining)))).map(drop)
}

fn goods_of(wish: GoodsWish, id: String) -> Result<Goods, Response> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    if !(1..=64).contains(&id.len()) || !id.bytes().all(plain) {
        return Err(bad("id must be 1 to 64 letters, digits, _ - .", "id 应为 1 到 64 个字母、数字、_ - ."));
    }
    let kind = match wish.price_kind.unwrap_or_default() {
        PriceKind::One => "one",
        PriceKind::Range => "range",
        PriceKind::Discount => "discount",
    };
    let (from, to) = (wish.price.0, wish.price_to.map(|to| to.0));
    let price = Price::of_parts(kind, from, to).filter(|_| from.max(to.unwrap_or_default()) <= PRICE_MAX);
    let price = price.ok_or_else(|| {
        bad(
            "price_to belongs to `range` and `discount`, and must not be below price",
            "price_to 用于 range 和 discount，且不能小于 price",
        )
    })?;
    let link = wish.url.map(|url| url.0).unwrap_or_default();
    if link.len() > LINK_MAX
        || link.chars().any(char::is_control)
        || link.to_lowercase().starts_with("javascript:")
    {
        return Err(bad(
            format!("url must be a page or a mini-program's path of at most {LINK_MAX} bytes"),
            format!("url 应为网页地址或小程序路径，最多 {LINK_MAX} 字节"),
        ));
    }
    Ok(Goods {
        id,
        position: 0,
        name: line("name", wish.name.0, 1, NAME_MAX)?,
        cover: url("cover", wish.cover.map(|cover| cover.0).unwrap_or_default())?,
        url: link,
        price,
        on_shelf: wish.on_shelf.unwrap_or(true),
        explaining: false,
        clicks: 0,
        explained_ms: None,
    })
}

fn state(goods: Goods) -> GoodsState {
    let (price_kind, price, price_to) = goods.price.parts();
    GoodsState {
        id: goods.id,
        name: goods.name,
        cover: goods.cover,
        url: goods.url,
        price,
        price_to,
        price_kind,
        on_shelf: goods.on_shelf,
        explaining: goods.explaining,
        clicks: goods.clicks,
        explained_ms: goods.explained_ms,
    }
}
