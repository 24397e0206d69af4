//! Lotteries: who takes part, who wins, and that anybody can see why.

use std::process::Command;

use control::room::message::Body;
use control::room::sanction::{Kind, Subject};
use serde_json::{Value, json};
use sqlx::Connection as _;
use testkit::http;
use weir::room::{Act, By, act};

use super::{enter, gift, with_gifts};
use crate::api::{Api, assert_error, conforms, json as json_of};
use crate::harness::Weir;

fn open(api: &Api, wish: Value) -> Value {
    let answer = api.write("POST", "rooms/r1/lotteries", wish);
    assert_eq!(answer.status, 201, "{}", answer.text());
    json_of(&answer)
}

fn draw(api: &Api, id: &Value) -> Value {
    let path = format!("rooms/r1/lotteries/{}/draw", id.as_str().unwrap());
    let answer = api.write("POST", &path, Value::Null);
    assert_eq!(answer.status, 200, "{}", answer.text());
    json_of(&answer)
}

/// What the page about gifts tells people to run.
fn script() -> &'static str {
    let page = include_str!("../../../../../docs/en/gifts.md");
    page.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a script")
}

#[test]
fn anybody_can_repeat_a_draw() {
    let api = with_gifts(&[]);
    let opened = open(&api, json!({"prize": "耳机", "winners": 3, "take_part": "text", "what": "抽我"}));
    conforms(&api.document(), &json!({"$ref": "#/components/schemas/LotteryShape"}), &opened, "lottery");
    assert_eq!(
        (&opened["state"], &opened["seed"], &opened["winners"]),
        (&json!("open"), &Value::Null, &Value::Null)
    );
    let mut clients: Vec<_> = (0..8).map(|user| enter(&api.weir, &format!("u{user}"))).collect();
    for client in &mut clients {
        assert_eq!(client.say("c", " 抽我 ").unwrap()["t"], "ack");
    }
    // Who does not take part: who said something else, who is of the host's side, who may not speak, who is hidden.
    enter(&api.weir, "other").say("c", "抽我吧").unwrap();
    enter(&api.weir, "host").say("c", "抽我").unwrap();
    for (user, kind) in [("u0", Kind::Mute), ("u1", Kind::Hide)] {
        let subject = Subject::User(user.into());
        let sanction = Act::Sanction { kind, subject, seconds: None, reason: String::new() };
        let app = api.weir.shared();
        api.weir.block_on(act(&app, "r1", &By::System, sanction)).unwrap();
    }
    let app = api.weir.shared();
    api.weir.block_on(act(&app, "r1", &By::System, Act::Say(None, Body::Notice("开奖".into())))).unwrap();
    let path = format!("/api/v1/rooms/r1/lotteries/{}", opened["id"].as_str().unwrap());
    let entries = json_of(&http::get(api.weir.http, &format!("{path}/entries"), "").unwrap());
    assert_eq!(entries["entries"], json!(["u2", "u3", "u4", "u5", "u6", "u7"]));

    let drawn = draw(&api, &opened["id"]);
    assert_eq!(drawn["commitment"], opened["commitment"]);
    assert_eq!((&drawn["state"], &drawn["entries"]), (&json!("drawn"), &json!(6)));
    assert_eq!(drawn["winners"].as_array().unwrap().len(), 3);
    let told =
        clients[2].wait_item(|item| item["event"] == "lottery" && item["state"] == "drawn").unwrap().clone();
    assert_eq!((&told["lottery"], &told["commitment"]), (&opened["id"], &opened["commitment"]));
    // Nobody is drawn twice, and it is open to everybody.
    assert_eq!(draw(&api, &opened["id"]), drawn);
    assert_eq!(json_of(&http::get(api.weir.http, &path, "").unwrap()), drawn);
    assert_error(&api.write("POST", &format!("{}/cancel", &path[8..]), Value::Null), 409, "over");

    let check = |id: &str| {
        let server = format!("http://{}", api.weir.http);
        let output = Command::new("python3")
            .args(["-c", script(), &server, "r1", id])
            .env("no_proxy", "*")
            .output()
            .expect("python3");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let id = opened["id"].as_str().unwrap();
    let (good, printed) = check(id);
    assert!(good && printed.contains("as promised"), "{printed}");
    // Somebody changes the winner: the script sees it.
    let store = api.weir.app().rooms.store().unwrap().clone();
    api.weir.block_on(async move { store.close().await });
    let path = api.data.file(weir::store::FILE);
    let changed = Command::new("python3")
        .args(["-c", "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.execute('UPDATE lottery_entry SET place = 4 - place'); c.commit()"])
        .arg(&path)
        .status();
    assert!(changed.expect("python3").success());
    let api = Api { weir: Weir::start_in(api.data.path(), &[]), ..api };
    let server = format!("http://{}", api.weir.http);
    let output = Command::new("python3")
        .args(["-c", script(), &server, "r1", id])
        .env("no_proxy", "*")
        .output()
        .expect("python3");
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn who_is_there_and_who_has_given_takes_part() {
    let api = with_gifts(&[]);
    let by_gift = open(&api, json!({"prize": "a", "take_part": "gift", "what": "rose"}));
    let present = open(&api, json!({"prize": "b", "winners": 9, "take_part": "present"}));
    let mut a = enter(&api.weir, "a");
    let _b = enter(&api.weir, "b");
    let _guest =
        testkit::chat::ChatClient::enter(api.weir.http, &json!({"room": "r1", "guest": ""})).unwrap();
    let _host = enter(&api.weir, "host");
    a.ask(&gift("c1", "rose", 1)).unwrap();
    assert_eq!(draw(&api, &by_gift["id"])["winners"], json!(["a"]));
    let mut winners = draw(&api, &present["id"])["winners"].clone();
    winners.as_array_mut().unwrap().sort_by_key(Value::to_string);
    assert_eq!(winners, json!(["a", "b"]));
    let off = open(&api, json!({"prize": "c", "take_part": "present", "seconds": 60}));
    let path = format!("rooms/r1/lotteries/{}", off["id"].as_str().unwrap());
    assert_eq!(json_of(&api.write("POST", &format!("{path}/cancel"), Value::Null))["state"], "cancelled");
    assert_error(&api.write("POST", &format!("{path}/draw"), Value::Null), 409, "over");
    let list = api.get("rooms/r1/lotteries?limit=2");
    assert_eq!(list["lotteries"][0]["id"], off["id"]);
    let rest = api.get(&format!("rooms/r1/lotteries?after={}", list["next"].as_str().unwrap()));
    assert_eq!(rest["lotteries"].as_array().unwrap().len(), 1);
    for bad in [
        json!({"prize": "a", "take_part": "text"}),
        json!({"prize": "a", "take_part": "present", "what": "x"}),
        json!({"prize": "a", "take_part": "present", "winners": 0}),
        json!({"prize": "a", "take_part": "present", "seconds": 100_000}),
    ] {
        assert_error(&api.write("POST", "rooms/r1/lotteries", bad), 400, "bad_value");
    }
}

#[test]
fn what_is_due_is_drawn_by_itself_also_after_a_restart() {
    let api = with_gifts(&[]);
    let text = |what: &str, auto: bool| json!({"prize": what, "take_part": "text", "what": what, "seconds": 60, "auto": auto});
    let mut a = enter(&api.weir, "a");
    let soon = open(&api, text("抽我", true));
    let mine = open(&api, text("等我", false));
    for (cid, what) in [("c1", "抽我"), ("c2", "等我")] {
        assert_eq!(a.say(cid, what).unwrap()["t"], "ack");
    }
    let forward = |api: &Api| api.weir.clock.set_unix_ms(api.weir.clock.unix_ms() + 61_000);
    forward(&api);
    a.wait_item(|item| item["state"] == "drawn" && item["lottery"] == soon["id"]).unwrap();
    let state = |api: &Api, lottery: &Value| {
        let path = format!("rooms/r1/lotteries/{}", lottery["id"].as_str().unwrap());
        api.get(&path)
    };
    let drawn = state(&api, &soon);
    assert_eq!((&drawn["winners"], &drawn["commitment"]), (&json!(["a"]), &soon["commitment"]));
    let audit = api.get("rooms/r1/audit");
    let by = |what: &str| {
        audit["entries"].as_array().unwrap().iter().find(|one| one["what"] == what).unwrap()["by"].clone()
    };
    assert_eq!((by("draw_lottery"), by("open_lottery")), (json!("system"), json!("key:writer")));

    // Over a restart, during which the time is up. Who is there has yet to come back.
    let later = open(&api, text("再抽我", true));
    let present = open(&api, json!({"prize": "p", "take_part": "present", "seconds": 60}));
    assert_eq!(a.say("c3", "再抽我").unwrap()["t"], "ack");
    drop(a);
    forward(&api);
    let clock = api.weir.clock.clone();
    api.weir.stop();
    let api = Api { weir: Weir::start_at(clock, api.data.path(), &[]), ..api };
    api.weir.wait_for("the draw", || state(&api, &later)["state"] == "drawn");
    assert_eq!(state(&api, &later)["winners"], json!(["a"]));
    for open in [&mine, &present] {
        assert_eq!(state(&api, open)["state"], "open");
    }
    assert_eq!(draw(&api, &mine["id"])["winners"], json!(["a"]));
}

#[test]
fn nobody_is_drawn_while_what_was_said_cannot_be_written() {
    let api = with_gifts(&[]);
    let lottery = open(&api, json!({"prize": "a", "take_part": "text", "what": "抽我"}));
    let mut a = enter(&api.weir, "a");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(api.data.file(weir::store::FILE));
    let mut lock = api.weir.block_on(async move {
        let mut lock = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query("BEGIN IMMEDIATE").execute(&mut lock).await.unwrap();
        lock
    });
    assert_eq!(a.say("c1", "抽我").unwrap()["t"], "ack");
    let path = format!("rooms/r1/lotteries/{}", lottery["id"].as_str().unwrap());
    let told = http::get(api.weir.http, &format!("/api/v1/{path}/entries"), "").unwrap();
    assert_error(&told, 503, "unavailable");
    api.weir.block_on(async { sqlx::query("ROLLBACK").execute(&mut lock).await.unwrap() });
    // Whoever said it in time is among them.
    api.weir.wait_for("the draw", || {
        let answer = api.write("POST", &format!("{path}/draw"), Value::Null);
        answer.status == 200 && json_of(&answer)["winners"] == json!(["a"])
    });
}

#[test]
fn nobody_is_drawn_among_who_is_there_while_all_are_being_sent_away() {
    let api = with_gifts(&[]);
    let mut a = enter(&api.weir, "a");
    let present = open(&api, json!({"prize": "p", "take_part": "present", "seconds": 60}));
    let app = api.weir.shared();
    let stop = std::thread::spawn(move || app.chats.stop());
    // It has left the room and not closed: the end waits for that, longer than a few looks at what is due take.
    a.wait_for(|frame| frame["t"] == "goaway").unwrap();
    api.weir.clock.set_unix_ms(api.weir.clock.unix_ms() + 61_000);
    let path = format!("rooms/r1/lotteries/{}", present["id"].as_str().unwrap());
    let told = api.write("POST", &format!("{path}/draw"), Value::Null);
    assert_error(&told, 503, "unavailable");
    assert_eq!(told.header("retry-after"), Some("2"));
    stop.join().unwrap();
    assert_eq!(api.get(&path)["state"], "open");
}
