//! The chat over real sockets.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use control::person::{Person, Role};
use control::room::about::{About, Host};
use control::room::message::Body;
use control::room::settings::Settings;
use control::room::show::{Happening, State};
use serde_json::{Value, json};
use sqlx::Connection as _;
use testkit::chat::ChatClient;
use weir::identity::Wish;
use weir::room::{Act, By, act};
use weir::store::rooms::Word;

use crate::harness::{Folder, Weir};

/// A room that is there from the start.
pub fn room(id: &str, settings: Settings) -> About {
    About {
        id: id.into(),
        title: "开播".into(),
        cover: String::new(),
        share_image: String::new(),
        host: Host { id: "host".into(), name: "主播".into(), avatar: String::new() },
        crew: vec![("helper".into(), Role::Assistant)],
        stream: format!("live/{id}"),
        state: State::Scheduled,
        starts_ms: None,
        valid_from_ms: None,
        valid_until_ms: None,
        live_ms: None,
        ended_ms: None,
        created_ms: 1,
        settings,
        pinned: None,
        custom: "{}".into(),
    }
}

/// A server with room `r1` in its database.
pub fn with_room(settings: Settings) -> (Folder, Weir) {
    let data = Folder::new("chat");
    let weir = Weir::start_in(data.path(), &[]);
    let store = weir.app().rooms.store().expect("a database").clone();
    let made = weir.block_on(async move { store.rooms.create(&room("r1", settings)).await });
    assert!(made.expect("a room"));
    (data, weir)
}

/// A token of the server's own key.
pub fn token(weir: &Weir, user: &str) -> String {
    let person = Person::new(user, "", "", Role::Viewer).expect("a person");
    let until = weir.clock.unix_seconds() + 3_600;
    let wish = Wish { person, room: None, until, app: None };
    weir.app().identity().issue(&wish, weir.clock.unix_seconds()).expect("a token")
}

fn try_to_enter(weir: &Weir, user: &str, more: Value) -> anyhow::Result<ChatClient> {
    let mut hello = json!({"room": "r1", "token": token(weir, user)});
    hello.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    ChatClient::enter(weir.http, &hello)
}

/// Somebody in room `r1`.
pub fn enter(weir: &Weir, user: &str) -> ChatClient {
    try_to_enter(weir, user, json!({})).expect("a welcome")
}

fn text(item: &Value) -> &str {
    item["text"].as_str().unwrap_or_default()
}

#[test]
fn what_one_says_everybody_reads_once_and_in_order() {
    let (_data, weir) = with_room(Settings::default());
    let (mut a, mut b) = (enter(&weir, "a"), enter(&weir, "b"));
    assert_eq!(a.welcome["room"]["title"], "开播");
    let first = a.say("c1", "你好").unwrap();
    assert_eq!((first["t"].as_str(), first["seq"].as_u64()), (Some("ack"), Some(1)), "{first}");
    // A client that did not hear the answer says it again.
    assert_eq!(a.say("c1", "你好").unwrap(), first);
    b.say("c1", "hello").unwrap();
    for client in [&mut a, &mut b] {
        client.wait_item(|item| text(item) == "hello").unwrap();
        let said: Vec<&str> = client.items.iter().map(text).collect();
        assert_eq!(said, ["你好", "hello"]);
        assert_eq!(client.items[0]["from"], json!({"id": "a", "name": "a", "avatar": "", "role": "viewer"}));
        assert_eq!(client.items[0]["cid"], "c1");
    }
    // Whoever comes now reads what was said.
    let late = enter(&weir, "c");
    assert_eq!(late.items.len(), 2);
    assert_eq!(late.welcome["counters"]["online"], 3);
}

#[test]
fn whoever_comes_back_gets_exactly_what_was_missed() {
    let (_data, weir) = with_room(Settings::default());
    let (mut a, mut b) = (enter(&weir, "a"), enter(&weir, "b"));
    a.say("c1", "one").unwrap();
    b.wait_item(|item| text(item) == "one").unwrap();
    let since = b.since();
    drop(b);
    a.say("c2", "two").unwrap();
    a.say("c3", "three").unwrap();
    let back = |since: &Value| try_to_enter(&weir, "b", json!({"resume": since})).unwrap();
    let b = back(&since);
    assert_eq!(b.welcome["recovered"], true);
    assert_eq!(b.items.iter().map(text).collect::<Vec<_>>(), ["two", "three"]);
    let mut other = since.clone();
    other["epoch"] = "another".into();
    let b = back(&other);
    assert_eq!(b.welcome["recovered"], false);
    assert_eq!(b.items.len(), 3, "the last messages");
}

#[test]
fn a_restart_is_told_and_keeps_what_was_said() {
    let data = Folder::new("chat");
    let weir = Weir::start_in(data.path(), &[]);
    let store = weir.app().rooms.store().expect("a database").clone();
    weir.block_on(async move { store.rooms.create(&room("r1", Settings::default())).await }).unwrap();
    let mut a = enter(&weir, "a");
    a.say("c1", "before").unwrap();
    let stop = std::thread::spawn(move || drop(weir));
    let told = a.wait_for(|frame| frame["t"] == "goaway").unwrap();
    assert!(told["reconnect_in_ms"].as_u64().is_some_and(|wait| (500..=6_000).contains(&wait)), "{told}");
    let (since, last) = (a.since(), a.last_seq);
    drop(a);
    stop.join().unwrap();
    let weir = Weir::start_in(data.path(), &[]);
    let mut a = try_to_enter(&weir, "a", json!({"resume": since})).unwrap();
    assert_eq!(a.welcome["recovered"], false, "another epoch");
    assert_eq!(a.items.iter().map(text).collect::<Vec<_>>(), ["before"]);
    let ack = a.say("c1", "after").unwrap();
    assert!(ack["seq"].as_u64() > Some(last), "no number comes twice: {ack}");
}

#[test]
fn whoever_comes_while_the_server_drains_or_stops_is_told_to_come_again_and_the_chat_ends_in_time() {
    let (_data, weir) = with_room(Settings::default());
    let is_refused = || {
        let told = ChatClient::connect(weir.http, "").err().expect("a refusal").to_string();
        assert!(told.starts_with("HTTP/1.1 503 ") && told.contains("Retry-After: 5\r\n"), "{told}");
    };
    weir.app().begin_drain(Duration::from_secs(60));
    is_refused();
    assert!(weir.app().cancel_drain());
    // Reads what it is told, and does not go.
    let mut stays = enter(&weir, "a");
    let (app, began) = (weir.shared(), Instant::now());
    let stop = std::thread::spawn(move || app.chats.stop());
    stays.wait_for(|frame| frame["t"] == "goaway").unwrap();
    is_refused();
    stop.join().unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    is_refused();
}

#[test]
fn guests_read_and_like_and_strangers_stay_outside() {
    let (_data, weir) = with_room(Settings::default());
    let mut a = enter(&weir, "a");
    let mut guest = ChatClient::enter(weir.http, &json!({"room": "r1", "guest": ""})).unwrap();
    assert_eq!(guest.welcome["you"]["guest"], true);
    assert!(guest.welcome["guest"].is_string());
    assert_eq!(guest.say("c", "hi").unwrap()["code"], "not_allowed");
    for _ in 0..3 {
        guest.send(&json!({"t": "like", "n": 5})).unwrap();
    }
    a.send(&json!({"t": "like"})).unwrap();
    for client in [&mut a, &mut guest] {
        client.wait_counters(|counters| counters["likes"] == 16 && counters["online"] == 2).unwrap();
    }
    let nowhere = try_to_enter(&weir, "a", json!({"room": "r2"}));
    assert!(nowhere.err().unwrap().to_string().contains("not_found"));
    let forged = try_to_enter(&weir, "a", json!({"token": format!("{}x", token(&weir, "a"))}));
    assert!(forged.err().unwrap().to_string().contains("not_allowed"));
}

#[test]
fn a_hello_right_behind_the_handshake_is_heard() {
    use std::io::Write as _;
    let (_data, weir) = with_room(Settings::default());
    let hello = json!({"t": "hello", "v": 1, "room": "r1", "guest": ""}).to_string();
    let mut frame = vec![0x81, 0x80 | u8::try_from(hello.len()).unwrap(), 0, 0, 0, 0];
    frame.extend_from_slice(hello.as_bytes());
    let mut socket = std::net::TcpStream::connect(weir.http).unwrap();
    let head = "GET /chat HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    socket.write_all(&[head.as_bytes(), &frame].concat()).unwrap();
    let mut client = ChatClient::after_request(socket).unwrap();
    assert_eq!(client.next_frame().unwrap()["t"], "welcome");
}

#[test]
fn pages_of_other_origins_connect_only_if_they_may() {
    let data = Folder::new("chat");
    let weir = Weir::start_in(data.path(), &[("http.cors_origins", "https://shop.example")]);
    let origin = |origin: &str| ChatClient::connect(weir.http, &format!("Origin: {origin}\r\n"));
    for good in ["https://shop.example", "https://servicewechat.com", &format!("http://{}", weir.http)] {
        assert!(origin(good).is_ok(), "{good}");
    }
    for bad in ["https://evil.example", "null", "https://shop.example.evil.example"] {
        assert!(origin(bad).err().unwrap().to_string().starts_with("HTTP/1.1 403 "), "{bad}");
    }
}

#[test]
fn the_host_ends_the_show_for_everybody_and_nobody_else_does() {
    let (_data, weir) = with_room(Settings::default());
    let mut crew: Vec<ChatClient> = ["a", "helper", "host"].map(|who| enter(&weir, who)).into();
    let end = json!({"t": "do", "cid": "e1", "what": "end"});
    for one in &mut crew[..2] {
        let refused = one.ask(&end).unwrap();
        assert_eq!((&refused["t"], &refused["code"]), (&json!("reject"), &json!("not_allowed")));
    }
    // Nothing came of it.
    assert_eq!(crew[0].say("c1", "still here").unwrap()["t"], "ack");
    assert_eq!(crew[2].ask(&end).unwrap()["t"], "ack");
    for one in &mut crew {
        one.wait_item(|item| item["event"] == "state" && item["state"] == "ended").unwrap();
    }
    assert_eq!(crew[0].say("c2", "too late").unwrap()["code"], "room_closed");
    assert_eq!(enter(&weir, "late").welcome["room"]["state"], "ended");
}

#[test]
fn who_may_what_is_as_the_table_of_roles_says() {
    let data = Folder::new("chat");
    let weir = Weir::start_in(data.path(), &[]);
    let store = weir.app().rooms.store().expect("a database").clone();
    let mut about = room("r1", Settings::default());
    about.crew.push(("guest-star".into(), Role::CoHost));
    assert!(weir.block_on(async move { store.rooms.create(&about).await }).expect("a room"));
    let names = ["a", "helper", "guest-star", "host"];
    let mut all = names.map(|who| enter(&weir, who));
    let roles: Vec<_> = all.iter().map(|one| one.welcome["you"]["role"].clone()).collect();
    assert_eq!(roles, ["viewer", "assistant", "cohost", "host"]);
    // What is ordered, by whom of the four it may be.
    let table = [
        (json!({"what": "slow", "seconds": 0}), [false, true, true, true]),
        (json!({"what": "mute", "user": "b"}), [false, true, true, true]),
        (json!({"what": "mute", "user": "helper"}), [false, false, true, true]),
        (json!({"what": "unmute", "user": "helper"}), [false, true, true, true]),
        (json!({"what": "ban", "user": "guest-star"}), [false, false, false, true]),
        (json!({"what": "unban", "user": "guest-star"}), [false, true, false, true]),
        (json!({"what": "kick", "user": "host"}), [false, false, false, false]),
        (json!({"what": "end"}), [false, false, false, true]),
    ];
    for (number, (order, may)) in table.into_iter().enumerate() {
        for (at, (one, may)) in all.iter_mut().zip(may).enumerate() {
            // Whoever is banned is gone, and asks nothing more.
            if number >= 5 && names[at] == "guest-star" {
                continue;
            }
            let mut frame = json!({"t": "do", "cid": format!("{number}-{at}")});
            frame.as_object_mut().unwrap().extend(order.as_object().unwrap().clone());
            let answer = one.ask(&frame).unwrap();
            assert_eq!(answer["t"] == "ack", may, "{}: {order}: {answer}", names[at]);
            assert!(may || answer["code"] == "not_allowed", "{answer}");
        }
    }
}

#[test]
fn the_host_s_side_keeps_order() {
    let (_data, weir) = with_room(Settings::default());
    let (mut a, mut host) = (enter(&weir, "a"), enter(&weir, "host"));
    assert_eq!(host.welcome["you"]["role"], "host");
    a.say("c1", "rude").unwrap();
    let order = |cid: &str, what: Value| {
        let mut order = json!({"t": "do", "cid": cid});
        order.as_object_mut().unwrap().extend(what.as_object().unwrap().clone());
        order
    };
    let ack = host.ask(&order("m1", json!({"what": "recall", "seq": 1}))).unwrap();
    assert_eq!(ack["t"], "ack", "{ack}");
    a.wait_item(|item| item["event"] == "recalled" && item["message"] == 1).unwrap();
    assert_eq!(a.ask(&order("m1", json!({"what": "mute", "user": "host"}))).unwrap()["code"], "not_allowed");
    host.ask(&order("m2", json!({"what": "mute", "user": "a", "seconds": 600}))).unwrap();
    a.wait_item(|item| item["event"] == "muted" && item["user"] == "a").unwrap();
    let refused = a.say("c2", "again").unwrap();
    assert_eq!(refused["code"], "muted");
    assert!(refused["retry_after_ms"].as_u64().is_some_and(|wait| wait > 590_000), "{refused}");
    // What was taken back is not shown to newcomers.
    let late = enter(&weir, "late");
    assert!(late.items.iter().all(|item| text(item) != "rude"), "{:?}", late.items);
    host.ask(&order("m3", json!({"what": "ban", "user": "a"}))).unwrap();
    let bye = a.wait_for(|frame| frame["t"] == "bye").unwrap();
    assert_eq!(bye["code"], "banned");
    let back = try_to_enter(&weir, "a", json!({}));
    assert!(back.err().unwrap().to_string().contains("banned"));
}

#[test]
fn forbidden_words_are_replaced_held_or_refused() {
    let (_data, weir) = with_room(Settings::default());
    let app = weir.shared();
    let (mut a, mut b) = (enter(&weir, "a"), enter(&weir, "b"));
    weir.block_on(async {
        let rooms = &app.rooms.store().unwrap().rooms;
        for (room, word, action) in
            [("", "笨蛋", "replace"), ("r1", "外挂", "refuse"), ("r1", "私聊", "hold")]
        {
            let (room, word, action) = (room.to_owned(), word.to_owned(), action.to_owned());
            assert!(rooms.put_words(&[Word { room, word, action, pinyin: None }], "key:k", 1).await.unwrap());
        }
        app.rooms.reload_words(&app, "").await.unwrap();
        app.rooms.reload_words(&app, "r1").await.unwrap();
    });
    assert_eq!(a.say("c1", "你个笨 蛋").unwrap()["t"], "ack");
    assert_eq!(text(&b.wait_item(|item| item["cid"] == "c1").unwrap()), "你个* *");
    assert_eq!(a.say("c2", "卖外-挂").unwrap()["code"], "blocked_word");
    for _ in 0..2 {
        assert_eq!(a.say("c3", "私聊我").unwrap()["code"], "held_for_review");
    }
    let held = weir.block_on(async { app.rooms.store().unwrap().rooms.held("r1", 0, 10).await.unwrap() });
    assert_eq!(held.len(), 1, "once, however often it is sent");
    assert_eq!((held[0].author.id.as_str(), held[0].why.as_str()), ("a", "私聊"));
    assert!(b.items.iter().all(|item| !text(item).contains("私聊")));
}

#[test]
fn a_pinned_message_is_in_the_welcome_however_much_was_said_since_and_after_a_restart() {
    let data = Folder::new("chat");
    let start = || {
        let weir = Weir::start_in(data.path(), &[]);
        let store = weir.app().rooms.store().expect("a database").clone();
        weir.block_on(async move { store.rooms.create(&room("r1", Settings::default())).await }).unwrap();
        weir
    };
    let weir = start();
    let mut host = enter(&weir, "host");
    let seq = host.say("c1", "read me").unwrap()["seq"].clone();
    let pin = |cid: &str, seq: &Value| json!({"t": "do", "cid": cid, "what": "pin", "seq": seq});
    assert_eq!(host.ask(&pin("m1", &seq)).unwrap()["t"], "ack");
    assert_eq!(host.ask(&pin("m2", &json!(999))).unwrap()["code"], "not_found");
    // More than a room remembers.
    let app = weir.shared();
    for number in 0..1_100 {
        let say = Act::Say(None, Body::Notice(number.to_string()));
        weir.block_on(act(&app, "r1", &By::System, say)).expect("said");
    }
    host.wait_item(|item| text(item) == "1099").unwrap();
    let pinned = |weir: &Weir| enter(weir, "late").welcome["pinned"].clone();
    let shown = pinned(&weir);
    assert_eq!((&shown["seq"], text(&shown), &shown["from"]["id"]), (&seq, "read me", &json!("host")));
    // Who is there and never had it is told it, and that it is gone.
    let mut late = enter(&weir, "late");
    let mut next = |order: Value| {
        assert_eq!(host.ask(&order).unwrap()["t"], "ack");
        late.wait_for(|frame| frame.get("pinned").is_some()).unwrap()["pinned"].clone()
    };
    assert_eq!(next(json!({"t": "do", "cid": "m3", "what": "unpin"})), Value::Null);
    assert_eq!(next(pin("m4", &seq)), shown);
    drop((host, late, app, weir));
    let weir = start();
    assert_eq!(pinned(&weir), shown, "after a restart");
    let mut host = enter(&weir, "host");
    assert_eq!(host.ask(&json!({"t": "do", "cid": "m3", "what": "recall", "seq": seq})).unwrap()["t"], "ack");
    assert_eq!(pinned(&weir), Value::Null, "it was taken back");
    drop((host, weir));
    assert_eq!(pinned(&start()), Value::Null);
}

#[test]
fn likes_of_a_show_that_is_over_are_not_counted() {
    let (_data, weir) = with_room(Settings::default());
    let (mut a, app) = (enter(&weir, "a"), weir.shared());
    let show = |happening| weir.block_on(act(&app, "r1", &By::System, Act::Show(happening))).expect("done");
    a.send(&json!({"t": "like", "n": 3})).unwrap();
    a.wait_counters(|counters| counters["likes"] == 3).unwrap();
    show(Happening::End);
    a.send(&json!({"t": "like", "n": 5})).unwrap();
    // The answer to this comes when the one before was taken.
    a.send(&json!({"t": "ping"})).unwrap();
    a.wait_for(|frame| frame["t"] == "pong").unwrap();
    show(Happening::Start);
    a.send(&json!({"t": "like", "n": 2})).unwrap();
    a.wait_counters(|counters| counters["likes"].as_u64() > Some(3)).unwrap();
    assert_eq!(a.counters["likes"], 5);
}

#[test]
fn a_show_follows_its_stream() {
    let (_data, weir) = with_room(Settings::default());
    let mut a = enter(&weir, "a");
    assert_eq!(a.welcome["room"]["state"], "scheduled");
    let mut host = enter(&weir, "host");
    let push = crate::show::on_air(&weir, "live/r1");
    a.wait_item(|item| item["event"] == "state" && item["state"] == "live").unwrap();
    let said = host.say("c", "welcome").unwrap();
    let item = a.wait_item(|item| item["seq"] == said["seq"]).unwrap();
    assert!(item["media_ms"].is_i64(), "{item}");
    drop(push);
    a.wait_item(|item| item["event"] == "state" && item["state"] == "interrupted").unwrap();
}

#[test]
fn a_show_whose_room_cannot_be_loaded_when_its_stream_begins_is_live_later() {
    let (data, weir) = with_room(Settings::default());
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(data.path().join("weir.db"));
    let locked = weir.block_on(async move {
        let mut other = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query("BEGIN EXCLUSIVE").execute(&mut other).await.unwrap();
        other
    });
    let _push = crate::show::on_air(&weir, "live/r1");
    // It is being loaded for the stream by now, or will be; two who want it as well wait as long.
    let app = weir.shared();
    for _ in 0..2 {
        assert!(weir.block_on(app.rooms.open(&app, "r1")).is_err());
    }
    weir.block_on(async move { locked.close().await }).unwrap();
    let store = app.rooms.store().unwrap();
    weir.wait_for("the show", || {
        weir.block_on(store.rooms.about("r1")).unwrap().unwrap().state == State::Live
    });
}

#[test]
fn what_breaks_the_wire_ends_the_connection_and_nothing_else() {
    let (_data, weir) = with_room(Settings::default());
    let mut a = enter(&weir, "a");
    // Not a hello first.
    let mut rude = ChatClient::connect(weir.http, "").unwrap();
    rude.send(&json!({"t": "send", "cid": "c", "text": "hi"})).unwrap();
    assert_eq!(rude.next_frame().unwrap()["t"], "bye");
    assert!(rude.next_frame().unwrap_err().to_string().contains("closed 1008"));
    // Not JSON: told, and nothing more.
    a.send_text(b"{").unwrap();
    assert_eq!(a.wait_for(|frame| frame["t"] == "reject").unwrap()["code"], "bad_message");
    // Not UTF-8, too long, too much.
    for (bytes, code) in [(vec![0xFF], "1007"), (vec![b'x'; 70_000], "1009")] {
        let mut rude = enter(&weir, "b");
        let _ = rude.send_text(&bytes);
        let closed = rude.wait_for(|_| false).unwrap_err().to_string();
        assert!(closed.contains(code), "{closed}");
    }
    let mut flood = enter(&weir, "c");
    for _ in 0..100 {
        if flood.send(&json!({"t": "ping"})).is_err() {
            break;
        }
    }
    let closed = flood.wait_for(|_| false).unwrap_err().to_string();
    assert!(closed.contains("1008"), "{closed}");
    assert_eq!(a.say("c1", "still here").unwrap()["t"], "ack");
}

#[test]
fn who_says_goodbye_is_gone_and_leaves_no_seat_to_the_next() {
    let (_data, weir) = with_room(Settings::default());
    let store = weir.app().rooms.store().expect("a database").clone();
    weir.block_on(async move { store.rooms.create(&room("r2", Settings::default())).await }).unwrap();
    let mut a = enter(&weir, "a");
    let here = || {
        let room = weir.app().rooms.find("r1").expect("a room that somebody is in");
        weir.block_on(room.members("", 9)).unwrap().len()
    };
    // As often as one may speak without a pause.
    for round in 0..3 {
        let mut leaver = enter(&weir, &format!("leaver{round}"));
        leaver.say_goodbye().unwrap();
        assert!(leaver.wait_for(|_| false).unwrap_err().to_string().contains("closed"));
        weir.wait_for("one who is left", || here() == 1);
        // Sits where the other one sat, in another room.
        let hello = json!({"room": "r2", "token": token(&weir, "b")});
        let mut b = ChatClient::enter(weir.http, &hello).unwrap();
        a.say(&format!("c{round}"), &format!("to r1, {round}")).unwrap();
        b.say(&format!("c{round}"), &format!("to r2, {round}")).unwrap();
        b.wait_item(|item| text(item) == format!("to r2, {round}")).unwrap();
        assert!(b.items.iter().all(|item| !text(item).starts_with("to r1")), "{:?}", b.items);
    }
}

#[test]
fn one_who_does_not_read_holds_up_nobody() {
    const NOTICES: u32 = 3_000;
    let (_data, weir) = with_room(Settings::default());
    let mut a = enter(&weir, "a");
    let mut stalled = enter(&weir, "stalled");
    let line = "字".repeat(1_990);
    let last = format!("{NOTICES} ");
    let (ticks, tock) = std::sync::mpsc::channel();
    let wanted = last.clone();
    let reader = std::thread::spawn(move || {
        let mut read = 0;
        while read < NOTICES {
            a.next_frame().expect("more");
            for item in a.items.drain(..).filter(|item| item["kind"] == "notice") {
                read += 1;
                assert_eq!(item["text"].as_str().unwrap().split(' ').next(), Some(read.to_string().as_str()));
            }
            ticks.send(read).unwrap();
        }
        assert_eq!((a.holes, wanted), (0, format!("{read} ")));
    });
    let app = weir.shared();
    let (mut number, mut read) = (0, 0);
    // More than the socket and the backlog of one who does not read can hold: 18 MB.
    while number < NOTICES {
        number += 1;
        let say = Act::Say(None, Body::Notice(format!("{number} {line}")));
        weir.block_on(act(&app, "r1", &By::System, say)).expect("said");
        // The one who reads is given the time to.
        while number - read > 20 {
            read = tock.recv_timeout(Duration::from_secs(20)).expect("the others are not held up");
        }
    }
    reader.join().unwrap();
    let skipped = || app.chats.figures().any(|figures| figures.skips.load(Ordering::Relaxed) > 0);
    match stalled.wait_item(|item| text(item).starts_with(&last)) {
        Ok(_) => assert!(skipped() && stalled.holes > 0, "18 MB are more than a backlog may have"),
        Err(closed) => assert!(closed.to_string().contains("closed"), "{closed}"),
    }
}

#[test]
fn a_room_that_is_slow_to_load_holds_up_nobody_who_wants_another() {
    let (data, weir) = with_room(Settings::default());
    let store = weir.app().rooms.store().expect("a database").clone();
    weir.block_on(async move { store.rooms.create(&room("slow", Settings::default())).await }).unwrap();
    let mut a = enter(&weir, "a");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(data.path().join("weir.db"));
    let locked = weir.block_on(async move {
        let mut other = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query("BEGIN EXCLUSIVE").execute(&mut other).await.unwrap();
        other
    });
    let hello = |user: &str, room: &str| json!({"room": room, "token": token(&weir, user)});
    std::thread::scope(|scope| {
        let waiting: Vec<_> = ["b", "c", "d"]
            .map(|user| (hello(user, "slow"), weir.http))
            .map(|(hello, http)| scope.spawn(move || ChatClient::enter(http, &hello)))
            .into();
        let began = Instant::now();
        // One that is running is entered, and one that is not there is refused, while the other is being loaded.
        while began.elapsed() < Duration::from_secs(1) {
            let mut late = enter(&weir, "late");
            late.say(&began.elapsed().as_micros().to_string(), "in").unwrap();
            let told = ChatClient::enter(weir.http, &hello("late", "nowhere")).err().unwrap().to_string();
            assert!(told.contains("not_found"), "{told}");
            assert!(!waiting.iter().any(|thread| thread.is_finished()), "the database is locked");
        }
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        weir.block_on(async move { locked.close().await }).unwrap();
        let clients: Vec<_> = waiting.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect();
        // It was loaded once, and all of them are in the same one.
        assert!(clients.iter().all(|client| client.welcome["epoch"] == clients[0].welcome["epoch"]));
    });
    a.say("c1", "hello").unwrap();
}

#[test]
fn a_crowd_that_is_cut_off_comes_back_without_a_look_into_the_database() {
    /// Besides, the server looks every second whose time is up.
    const BESIDES: u64 = 50;
    let (_data, weir) = with_room(Settings::default());
    let names: Vec<String> = (0..200).map(|number| format!("m{number}")).collect();
    let mut host = enter(&weir, "host");
    let mut crowd: Vec<ChatClient> = names.iter().map(|name| enter(&weir, name)).collect();
    host.say("c0", "before").unwrap();
    crowd.iter_mut().for_each(|client| drop(client.wait_item(|item| text(item) == "before").unwrap()));
    let had: Vec<Value> = crowd.iter().map(ChatClient::since).collect();
    drop(crowd);
    let room = weir.app().rooms.find("r1").unwrap();
    weir.wait_for("everybody is gone", || room.online() == 1);
    for number in 1..=5 {
        host.say(&format!("c{number}"), &format!("missed {number}")).unwrap();
    }
    let reads = || weir.app().rooms.store().unwrap().reads();
    let before = reads();
    for (name, had) in names.iter().zip(&had) {
        let back = try_to_enter(&weir, name, json!({"resume": had})).unwrap();
        assert_eq!((&back.welcome["recovered"], back.items.len()), (&json!(true), 5), "{name}");
    }
    let more = reads() - before;
    assert!(before > 0 && more < BESIDES, "{more} reads for {} who came back", names.len());
}
