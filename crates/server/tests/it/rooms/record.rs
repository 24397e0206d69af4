//! The record of who did what in rooms.

use serde_json::{Value, json};

use super::Backend;

#[test]
fn the_record_says_who_did_what_and_to_what() {
    let backend = Backend::new();
    let (key, writer) = ("key:shop", "key:writer");
    backend.done(
        200,
        "PUT",
        "rooms/r1",
        "/rooms/{room}",
        json!({"title": "新的", "settings": {"slow_seconds": 5}}),
    );
    backend.post("messages", json!({"kind": "notice", "text": "五分钟后开始"}));
    backend
        .post("messages", json!({"voice": "user", "from": {"id": "bot", "name": "小助手"}, "text": "你好"}));
    let goods = json!({"id": "g1", "name": "围巾", "price": 100});
    backend.done(201, "POST", "rooms/r1/goods", "/rooms/{room}/goods", goods.clone());
    backend.done(200, "PUT", "rooms/r1/goods/g1", "/rooms/{room}/goods/{goods}", goods);
    backend.done(200, "PUT", "rooms/r1/goods-order", "/rooms/{room}/goods-order", json!({"ids": ["g1"]}));
    backend.done(200, "PUT", "rooms/r1/explaining", "/rooms/{room}/explaining", json!({"id": "g1"}));
    assert_eq!(backend.ask("DELETE", "rooms/r1/goods/g1", &Value::Null).status, 204);
    let gift = json!({"name": "小心心", "price": 0, "claim": "room"});
    // Catalogues are not for a key that is for rooms.
    let give = |method: &str, path: &str, body: &str| {
        let answer = backend.api.ask(method, path, &backend.api.write, body);
        assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.text());
    };
    give("PUT", "rooms/r1/gifts/heart", &gift.to_string());
    give("PUT", "gifts/heart", &gift.to_string());
    give("POST", "rooms/r1/gifts/heart/claims", &json!({"user": "u1"}).to_string());
    give("DELETE", "gifts/heart", "");
    let words = json!({"words": [{"word": "坏话", "action": "hold"}]});
    assert_eq!(backend.ask("PUT", "rooms/r1/words", &words).status, 204);
    assert_eq!(backend.ask("DELETE", "rooms/r1/words?word=%E5%9D%8F%E8%AF%9D", &Value::Null).status, 204);
    let mut host = backend.enter("h1");
    for order in [
        json!({"t": "do", "cid": "m1", "what": "slow", "seconds": 7}),
        json!({"t": "do", "cid": "m2", "what": "kick", "user": "u1"}),
        json!({"t": "do", "cid": "m3", "what": "end"}),
    ] {
        assert_eq!(host.ask(&order).expect("an answer")["t"], "ack", "{order}");
    }
    let recorded = |path: &str, template: &str| -> Vec<[String; 4]> {
        let record = backend.done(200, "GET", path, template, Value::Null);
        let entries = record["entries"].as_array().expect("entries");
        let text = |entry: &Value, field: &str| entry[field].as_str().expect("a text").to_owned();
        let one = |entry: &Value| ["by", "what", "subject", "detail"].map(|field| text(entry, field));
        entries.iter().rev().map(one).collect()
    };
    let here = recorded("rooms/r1/audit?limit=100", "/rooms/{room}/audit");
    assert_eq!(
        here,
        [
            [key, "create", "", "好物"],
            [key, "update", "", "title, settings"],
            [key, "say", "", "notice: 五分钟后开始"],
            [key, "say", "user:bot", "text: 你好"],
            [key, "add_goods", "goods:g1", ""],
            [key, "update_goods", "goods:g1", ""],
            [key, "order_goods", "", ""],
            [key, "explain_goods", "goods:g1", ""],
            [key, "delete_goods", "goods:g1", ""],
            [writer, "put_gift", "gift:heart", "price 0"],
            [writer, "give_claim", "user:u1", "gift:heart"],
            [key, "add_word", "word:坏话", "hold"],
            [key, "remove_word", "word:坏话", ""],
            ["user:h1", "slow", "", "7 s"],
            ["user:h1", "kick", "user:u1", ""],
            ["user:h1", "end", "", ""],
        ]
    );
    let everywhere = recorded("audit?limit=100", "/audit");
    assert_eq!(
        everywhere,
        [[writer, "put_gift", "gift:heart", "price 0"], [writer, "delete_gift", "gift:heart", ""]]
    );
}
