//! Gifts and lotteries over real sockets: the ledger, the wallet, and draws that anybody can repeat.

mod crash;
mod draw;
mod money;

use std::time::{Duration, Instant};

use control::room::settings::Settings;
use serde_json::{Value, json};
use sqlx::Connection as _;
use testkit::chat::ChatClient;
use testkit::http;

use crate::api::{Api, assert_error, conforms, json as json_of};
use crate::chat::room;
pub use crate::chat::{enter, token};
use crate::harness::Weir;

/// A room of a host and a helper.
pub fn make_room(weir: &Weir) {
    let store = weir.app().rooms.store().expect("a database").clone();
    let about = room("r1", Settings::default());
    assert!(weir.block_on(async move { store.rooms.create(&about).await }).expect("a room"));
}

pub fn gift(cid: &str, gift: &str, count: u32) -> Value {
    json!({"t": "send", "cid": cid, "kind": "gift", "gift": gift, "count": count})
}

/// A server with a room and a few gifts: one for nothing, one that is claimed, and, where there is somebody to pay, one
/// that costs 10.
pub fn with_gifts(set: &[(&str, &str)]) -> Api {
    let api = Api::with(set);
    make_room(&api.weir);
    let put = |id: &str, wish: Value| {
        let answer = api.write("PUT", &format!("gifts/{id}"), wish);
        assert_eq!(answer.status, 200, "{}", answer.text());
    };
    put("rose", json!({"name": "玫瑰", "icon": "https://a.example/rose.png"}));
    put("free", json!({"name": "每日一花", "claim": "room"}));
    if !set.is_empty() {
        put("car", json!({"name": "跑车", "price": 10, "position": 2}));
    }
    api
}

/// What the ledger has.
pub fn ledger(api: &Api, query: &str) -> Value {
    api.get(&format!("ledger?limit=200{query}"))
}

#[test]
fn a_gift_is_in_the_ledger_once_and_everybody_sees_it() {
    let api = with_gifts(&[("wallet.mode", "free"), ("wallet.unit_zh", "金币")]);
    let unit = json_of(&http::get(api.weir.http, "/api/v1/rooms/r1/gifts", "").unwrap())["unit"].clone();
    assert_eq!(unit, json!({"zh": "金币", "en": "金币"}), "one alone is for both");
    let (mut a, mut b) = (enter(&api.weir, "a"), enter(&api.weir, "b"));
    let first = a.ask(&gift("c1", "rose", 3)).unwrap();
    assert_eq!(first["t"], "ack", "{first}");
    assert_eq!(a.ask(&gift("c1", "rose", 3)).unwrap(), first);
    a.ask(&gift("c2", "rose", 2)).unwrap();
    let shown = b.wait_item(|item| item["cid"] == "c2").unwrap()["gift"].clone();
    let expected = json!({"id": "rose", "name": "玫瑰", "icon": "https://a.example/rose.png", "count": 2, "combo": 5, "price": 0});
    assert_eq!(shown, expected);
    // Two connections of one person send the same at once: it is one gift.
    let mut other = enter(&api.weir, "a");
    a.send(&gift("c3", "car", 1)).unwrap();
    let mut told = other.ask(&gift("c3", "car", 1)).unwrap();
    let ack = a.wait_for(|frame| frame["cid"] == "c3").unwrap();
    let (mut ack, began) = (ack, Instant::now());
    while ack["t"] != "ack" || told["t"] != "ack" {
        assert!(began.elapsed() < Duration::from_secs(10), "{ack} {told}");
        for (client, answer) in [(&mut a, &mut ack), (&mut other, &mut told)] {
            *answer = client.ask(&gift("c3", "car", 1)).unwrap();
        }
    }
    assert_eq!(ack["seq"], told["seq"]);
    for (frame, code) in [
        (gift("x1", "nothing", 1), "not_found"),
        (gift("x2", "rose", 100), "bad_message"),
        (gift("x3", "rose", 0), "bad_message"),
    ] {
        assert_eq!(a.ask(&frame).unwrap()["code"], code, "{frame}");
    }
    let page = ledger(&api, "&user=a");
    conforms(&api.document(), &json!({"$ref": "#/components/schemas/LedgerPage"}), &page, "ledger");
    assert_eq!(page["sums"], json!({"sends": 3, "gifts": 6, "value": 10}));
    let rows = page["entries"].as_array().unwrap();
    let brief: Vec<_> =
        rows.iter().map(|row| (row["cid"].as_str().unwrap(), row["state"].as_str().unwrap())).collect();
    assert_eq!(brief, [("c3", "confirmed"), ("c2", "confirmed"), ("c1", "confirmed")]);
    let one = api.get("ledger?limit=1");
    assert_eq!(api.get(&format!("ledger?limit=1&before={}", one["next"]))["entries"][0]["cid"], "c2");
    // It is counted like everything else that happens in the room.
    let store = api.weir.app().rooms.store().unwrap().clone();
    api.weir.wait_for("the totals", || {
        let (rooms, chat) = (store.rooms.clone(), store.chat.clone());
        let totals = api.weir.block_on(async move {
            chat.flush().await;
            rooms.totals("r1").await
        });
        let totals = totals.unwrap();
        (totals.gifts, totals.gift_value) == (6, 10)
    });
}

#[test]
fn what_must_be_claimed_is_claimed_once_and_sent_once() {
    let api = with_gifts(&[]);
    let mut a = enter(&api.weir, "a");
    let claim = |cid: &str| json!({"t": "claim", "cid": cid, "gift": "free"});
    assert_eq!(a.ask(&gift("c1", "free", 1)).unwrap()["code"], "balance");
    assert_eq!(a.ask(&claim("k1")).unwrap()["t"], "ack");
    assert_eq!(a.ask(&claim("k2")).unwrap()["t"], "ack");
    assert_eq!(a.ask(&gift("c1", "free", 1)).unwrap()["t"], "ack");
    assert_eq!(a.ask(&gift("c2", "free", 1)).unwrap()["code"], "balance");
    assert_eq!(a.ask(&claim("k3")).unwrap()["code"], "balance");
    assert_eq!(a.ask(&json!({"t": "claim", "cid": "k4", "gift": "rose"})).unwrap()["code"], "not_found");
    assert_eq!(api.write("POST", "rooms/r1/gifts/free/claims", json!({"user": "a"})).status, 204);
    assert_eq!(a.ask(&gift("c2", "free", 1)).unwrap()["t"], "ack");
    let claims = api.get("claims?user=a");
    conforms(&api.document(), &json!({"$ref": "#/components/schemas/ClaimList"}), &claims, "claims");
    assert_eq!((&claims["claims"][0]["state"], &claims["claims"][0]["by"]), (&json!("used"), &json!("key")));
    let mut guest = ChatClient::enter(api.weir.http, &json!({"room": "r1", "guest": ""})).unwrap();
    assert_eq!(guest.ask(&claim("k")).unwrap()["code"], "not_allowed");
    assert_eq!(guest.ask(&gift("c", "rose", 1)).unwrap()["code"], "not_allowed");
}

#[test]
fn the_catalogue_is_of_the_server_and_of_rooms() {
    let api = with_gifts(&[]);
    let costs = json!({"name": "跑车", "price": 10});
    let refused = api.write("PUT", "gifts/car", costs);
    assert_error(&refused, 409, "no_wallet");
    assert!(refused.text().contains("wallet.url") && refused.text().contains("wallet.mode"));
    let own = json!({"name": "本场玫瑰", "position": 9});
    assert_eq!(api.write("PUT", "rooms/r1/gifts/rose", own).status, 200);
    let open = http::get(api.weir.http, "/api/v1/rooms/r1/gifts", "").unwrap();
    let list = json_of(&open);
    conforms(&api.document(), &json!({"$ref": "#/components/schemas/GiftList"}), &list, "gifts");
    let names = |list: &Value| {
        list["gifts"].as_array().unwrap().iter().map(|gift| gift["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&list), ["每日一花", "本场玫瑰"]);
    assert_eq!(api.write("DELETE", "rooms/r1/gifts/rose", Value::Null).status, 204);
    assert_error(&api.write("DELETE", "rooms/r1/gifts/rose", Value::Null), 404, "no_gift");
    let off = json!({"name": "每日一花", "claim": "room", "available": false});
    assert_eq!(api.write("PUT", "gifts/free", off).status, 200);
    let open = http::get(api.weir.http, "/api/v1/rooms/r1/gifts", "").unwrap();
    assert_eq!(names(&json_of(&open)), ["玫瑰"]);
    assert_eq!(names(&api.get("gifts")).len(), 2);
    for bad in [
        json!({"name": ""}),
        json!({"name": "a", "icon": "javascript:alert(1)"}),
        json!({"name": "a", "price": -1}),
        json!({"name": "a", "max_count": 0}),
    ] {
        assert_error(&api.write("PUT", "gifts/bad", bad), 400, "bad_value");
    }
    assert_error(&api.write("PUT", "rooms/none/gifts/a", json!({"name": "a"})), 404, "no_room");
}

#[test]
fn a_database_that_is_locked_refuses_gifts_in_time_and_writes_none_of_them_later() {
    let api = with_gifts(&[]);
    let mut a = enter(&api.weir, "a");
    let path = api.data.file(weir::store::FILE);
    let url = format!("sqlite://{}", path.display());
    let mut lock = api.weir.block_on(async {
        let mut lock = sqlx::SqliteConnection::connect(&url).await.unwrap();
        sqlx::query("BEGIN IMMEDIATE").execute(&mut lock).await.unwrap();
        lock
    });
    let began = Instant::now();
    let told = a.ask(&gift("c1", "rose", 1)).unwrap();
    assert_eq!(
        (told["code"].as_str(), told["retry_after_ms"].as_u64()),
        (Some("unavailable"), Some(1_000)),
        "{told}"
    );
    assert!(
        (Duration::from_millis(1_900)..Duration::from_secs(5)).contains(&began.elapsed()),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(a.say("t1", "chat goes on").unwrap()["t"], "ack");
    api.weir.block_on(async { sqlx::query("ROLLBACK").execute(&mut lock).await.unwrap() });
    // The next one is written; the one that was refused is not, until it is sent again.
    let began = Instant::now();
    while a.ask(&gift("c2", "rose", 1)).unwrap()["t"] != "ack" {
        assert!(began.elapsed() < Duration::from_secs(20));
    }
    assert_eq!(ledger(&api, "")["sums"]["sends"], 1);
    assert_eq!(a.ask(&gift("c1", "rose", 1)).unwrap()["t"], "ack");
    assert_eq!(ledger(&api, "")["sums"]["sends"], 2);
}
