//! The statistics of a room, each held against what was done in it.

use serde_json::{Value, json};

use crate::chat::enter;
use crate::gifts::{gift, with_gifts};
use crate::harness::wait_for;

#[test]
fn every_number_of_a_room_is_what_was_done_in_it() {
    let api = with_gifts(&[("wallet.mode", "free")]);
    let numbers = || api.get("rooms/r1/statistics");
    for (path, wish, status) in [
        ("rooms/r1/goods", json!({"id": "tea", "name": "茶", "price": 100}), 201),
        ("rooms/r1/reminders", json!({"user": "c"}), 204),
        ("rooms/r1/reminders", json!({"user": "d"}), 204),
        // The operator is not one of those who are counted.
        ("rooms/r1/messages", json!({"text": "欢迎"}), 201),
    ] {
        let answer = api.write("POST", path, wish);
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
    }
    let (mut a, mut b) = (enter(&api.weir, "a"), enter(&api.weir, "b"));
    for number in 0..2 {
        assert_eq!(a.say(&number.to_string(), &format!("message {number}")).unwrap()["t"], "ack");
    }
    for (client, cid, id, count) in [(&mut a, "g1", "rose", 3), (&mut b, "g2", "car", 1)] {
        assert_eq!(client.ask(&gift(cid, id, count)).unwrap()["t"], "ack");
    }
    for frame in [
        json!({"t": "like", "n": 7}),
        json!({"t": "count", "what": "share"}),
        json!({"t": "count", "what": "share"}),
        json!({"t": "count", "what": "goods", "id": "tea"}),
    ] {
        b.send(&frame).unwrap();
    }
    wait_for("both are counted", || numbers()["online"] == 2);
    b.say_goodbye().unwrap();
    wait_for("one is gone", || numbers()["online"] == 1);
    // Comes again: one more visit of the same visitor.
    let _b = enter(&api.weir, "b");
    let expected = json!({"online": 2, "peak": 2, "visits": 3, "visitors": 2, "likes": 7, "messages": 2, "gifts": 4,
        "gift_value": 10, "shares": 2, "goods_clicks": 1, "reminders": 2});
    let counted = || {
        let all = numbers();
        Value::Object(
            expected.as_object().unwrap().keys().map(|name| (name.clone(), all[name].clone())).collect(),
        )
    };
    let within = |all: &Value, name: &str| -> u64 {
        all["minutes"].as_array().unwrap().iter().map(|minute| minute[name].as_u64().unwrap()).sum()
    };
    // A minute that goes on is written down every ten seconds.
    wait_for("what was done is in the database", || {
        within(&numbers(), "likes") >= 7 && numbers()["visits"] == 3
    });
    assert_eq!(counted(), expected);
    let all = numbers();
    let watched = all["watch_ms"].as_u64().unwrap();
    assert!(watched > 0 && all["average_watch_ms"] == watched / 2, "{all}");
    // The minutes add up to the totals, however many they were.
    for name in ["visits", "likes", "messages", "gifts"] {
        assert_eq!(within(&all, name), all[name].as_u64().unwrap(), "{name} of {all}");
    }
    let minutes = all["minutes"].as_array().unwrap();
    assert_eq!(minutes.iter().filter_map(|minute| minute["online"].as_u64()).max(), Some(2));
    assert!(minutes.iter().all(|minute| minute["at"].as_i64().unwrap() % 60_000 == 0), "{all}");
    // Asked for other minutes, there are none; the totals are of the whole room.
    let later = api.get("rooms/r1/statistics?from=4000000000000");
    assert_eq!((&later["minutes"], &later["likes"]), (&json!([]), &json!(7)));
}
