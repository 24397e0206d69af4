//! What others are told of a room, by a webhook.

use control::room::show::Happening;
use serde_json::{Value, json};
use weir::room::{Act, By, act};

use crate::api::Api;
use crate::gifts::{enter, gift, make_room};
use crate::harness::wait_for;
use crate::receiver::{Heard, Receiver};
use crate::show::on_air;
use crate::webhooks::webhook;

/// Waits until this many events of this kind came, and gives the data of the last.
pub fn data(receiver: &Receiver, kind: &str, count: usize) -> Value {
    let all = || receiver.heard().into_iter().filter(|heard| heard.kind() == kind).collect::<Vec<Heard>>();
    wait_for(&format!("{count} of {kind}"), || all().len() >= count);
    all().pop().expect("some").json()["data"].clone()
}

#[test]
fn the_life_of_a_room_is_told_in_order_and_what_is_much_only_to_whoever_names_it() {
    let (all, usual) = (Receiver::start(), Receiver::start());
    let events = "events = [\"room.*\", \"member.*\", \"message.sent\", \"gift.sent\"]";
    let file = webhook("all", &all, events) + &webhook("usual", &usual, "");
    let api = Api::with_file(&file, &[("wallet.mode", "free"), ("hub.grace_seconds", "20")]);
    let (weir, app) = (&api.weir, api.weir.shared());
    make_room(weir);
    let made = data(&all, "room.created", 1);
    let about = ["room", "title", "app", "stream", "state"].map(|name| made[name].as_str().unwrap());
    assert_eq!(about, ["r1", "开播", "live", "r1", "scheduled"]);

    let mut a = enter(weir, "a");
    let came = data(&all, "member.joined", 1);
    assert_eq!(
        (&came["user"]["id"], &came["user"]["guest"], &came["online"]),
        (&json!("a"), &json!(false), &json!(1))
    );
    let push = on_air(weir, "live/r1");
    let started = data(&all, "room.started", 1);
    assert_eq!((&started["state"], &started["previous_state"]), (&json!("live"), &json!("scheduled")));
    assert!(started["live_at"].as_str().is_some_and(|at| at.starts_with("20")), "{started}");
    let ack = a.say("c1", "你好").unwrap();
    let said = data(&all, "message.sent", 1);
    assert_eq!((&said["room"], &said["kind"], &said["text"]), (&json!("r1"), &json!("text"), &json!("你好")));
    assert_eq!((&said["seq"], &said["from"]["id"]), (&ack["seq"], &json!("a")));
    assert_eq!(api.write("PUT", "gifts/car", json!({"name": "跑车", "price": 10})).status, 200);
    for _ in 0..2 {
        assert_eq!(a.ask(&gift("g1", "car", 3)).unwrap()["t"], "ack");
    }
    let given = data(&all, "gift.sent", 1);
    assert_eq!(
        (&given["room"], &given["user"], &given["gift"], &given["count"], &given["total"]),
        (&json!("r1"), &json!("a"), &json!("car"), &json!(3), &json!(30))
    );
    drop(push);
    data(&all, "room.interrupted", 1);
    let push = on_air(weir, "live/r1");
    data(&all, "room.resumed", 1);
    weir.block_on(act(&app, "r1", &By::System, Act::Show(Happening::End))).expect("an end");
    let ended = data(&all, "room.ended", 1);
    assert_eq!((&ended["reason"], &ended["live_at"]), (&json!("ended"), &started["live_at"]));
    drop((push, a));
    data(&all, "member.left", 1);
    let rooms = app.rooms.store().expect("a database").rooms.clone();
    assert!(
        weir.block_on(async move { rooms.delete("r1", "system", 1_700_000_000_000).await }).expect("gone")
    );
    assert_eq!(data(&all, "room.deleted", 1), json!({"room": "r1"}));

    let life = [
        "room.created",
        "member.joined",
        "room.started",
        "message.sent",
        "gift.sent",
        "room.interrupted",
        "room.resumed",
        "room.ended",
        "member.left",
        "room.deleted",
    ];
    assert_eq!(all.kinds(), life);
    usual.wait_kind("room.deleted");
    let kinds = usual.kinds();
    let of_rooms: Vec<_> = kinds.iter().filter(|kind| !kind.starts_with("stream.")).collect();
    let usually: Vec<_> =
        life.iter().filter(|kind| kind.starts_with("room.") || kind.starts_with("gift.")).collect();
    assert_eq!(of_rooms, usually);
}
