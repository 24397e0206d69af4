//! Rooms over the REST API, as an operator's backend uses it, with people in them.

mod record;
mod replays;

use std::sync::atomic::{AtomicBool, Ordering};

use control::person::{Person, Role};
use control::room::message::Body;
use serde_json::{Value, json};
use testkit::chat::ChatClient;
use testkit::http::{self, Answer};
use testkit::publisher::Publisher;
use testkit::viewer::Viewer;
use weir::identity::Wish;
use weir::operator::keys::{self, Scope};
use weir::room::{Act, By, act};
use weir::store::rooms::{HISTORY_MAX, Query};

use crate::api::{Api, assert_error, conforms, json, said};
use crate::harness::wait_for;
use crate::show::on_air;

/// A server with a key for rooms, and one room.
struct Backend {
    api: Api,
    key: String,
    document: Value,
}

impl Backend {
    fn new() -> Backend {
        Backend::with(&[("push.scheme", "tencent"), ("play.scheme", "tencent")])
    }

    fn with(set: &[(&str, &str)]) -> Backend {
        let api = Api::with(set);
        let made = keys::create(api.data.path(), "shop", Scope::RoomsWrite, "2030-01-01T00:00:00Z".into());
        let key = made.expect("a key").expose().to_owned();
        let document = api.document();
        let backend = Backend { api, key, document };
        let wish = json!({"id": "r1", "title": "好物", "host": {"id": "h1", "name": "主播"}});
        backend.done(201, "POST", "rooms", "/rooms", wish);
        backend
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.api.ask(method, path, &self.key, &body)
    }

    /// What is answered when it goes well, which must be as the document says.
    fn done(&self, status: u16, method: &str, path: &str, template: &str, body: Value) -> Value {
        let answer = self.ask(method, path, &body);
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        if answer.body.is_empty() {
            return Value::Null;
        }
        let value = json(&answer);
        conforms(
            &self.document,
            said(&self.document, template, &method.to_lowercase(), status),
            &value,
            path,
        );
        value
    }

    fn get(&self, behind: &str) -> Value {
        let path = format!("rooms/r1/{behind}");
        let plain = behind.split('?').next().unwrap_or_default();
        self.done(200, "GET", &path, &format!("/rooms/{{room}}/{plain}"), Value::Null)
    }

    fn post(&self, behind: &str, body: Value) {
        let answer = self.ask("POST", &format!("rooms/r1/{behind}"), &body);
        assert!((200..300).contains(&answer.status), "{behind}: {}", answer.text());
    }

    fn open(&self, path: &str) -> Answer {
        http::get(self.api.weir.http, &format!("/api/v1/{path}"), "").expect("an answer")
    }

    /// A token of the server's own key.
    fn token(&self, user: &str) -> String {
        let weir = &self.api.weir;
        let person = Person::new(user, "", "", Role::Viewer).expect("a person");
        let wish = Wish { person, room: None, until: weir.clock.unix_seconds() + 3_600, app: None };
        weir.app().identity().issue(&wish, weir.clock.unix_seconds()).expect("a token")
    }

    fn try_to_enter(&self, user: &str, inviter: Option<&str>) -> anyhow::Result<ChatClient> {
        let hello = json!({"room": "r1", "token": self.token(user), "inviter": inviter});
        ChatClient::enter(self.api.weir.http, &hello)
    }

    fn enter(&self, user: &str) -> ChatClient {
        self.try_to_enter(user, None).expect("a welcome")
    }

    /// What was said, when it is in the database: that takes a moment.
    fn history(&self, query: &str, holds: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let items = || {
            let mut page = self.get(&format!("messages{query}"));
            page["items"].as_array_mut().map(std::mem::take).expect("items")
        };
        wait_for("the history", || holds(&items()));
        items()
    }
}

#[test]
fn a_room_is_pushed_to_in_its_time_only_and_a_banned_one_never() {
    let backend = Backend::with(&[]);
    let weir = &backend.api.weir;
    let open = |from: i64, until: i64| {
        let now = weir.clock.unix_seconds();
        let window =
            json!({"valid_from": (now + from).to_string(), "valid_until": (now + until).to_string()});
        backend.done(200, "PUT", "rooms/r1", "/rooms/{room}", window);
    };
    let refused = || format!("{:#}", Publisher::connect(&weir.rtmp_url("live/r1")).err().expect("a refusal"));
    let state = || backend.done(200, "GET", "rooms/r1", "/rooms/{room}", Value::Null)["state"].clone();
    open(3_600, 7_200);
    let told = refused();
    assert!(told.contains("valid_from") && told.contains("不在直播有效期内"), "{told}");
    assert_error(&backend.ask("POST", "rooms/r1/start", &Value::Null), 409, "room_not_open");

    open(-3_600, 3_600);
    let mut publisher = on_air(weir, "live/r1");
    let mut viewer = Viewer::open(&weir.flv_url("live/r1")).expect("a viewer");
    wait_for("the show", || state() == "live");
    weir.clock.set_unix_ms(weir.clock.unix_ms() + 3_601_000);
    while viewer.next().expect("an end in good order").is_some() {}
    let reason = publisher.ended().expect("a reason");
    assert!(reason.contains("the show was ended"), "{reason}");
    // Everybody is told before it is written.
    wait_for("the end of the show", || state() == "ended");
    assert_error(&backend.ask("POST", "rooms/r1/start", &Value::Null), 409, "room_not_open");

    open(-3_600, 3_600);
    backend.post("start", Value::Null);
    backend.post("ban", Value::Null);
    let told = refused();
    assert!(told.contains("is banned") && told.contains("封禁"), "{told}");
    backend.post("unban", Value::Null);
    backend.post("start", Value::Null);
    drop(on_air(weir, "live/r1"));
}

fn texts(items: &[Value]) -> Vec<&str> {
    items.iter().filter_map(|item| item["text"].as_str()).collect()
}

#[test]
fn a_room_is_made_described_listed_started_ended_banned_and_deleted() {
    let backend = Backend::new();
    let one = "/rooms/{room}";
    let tomorrow = (backend.api.weir.clock.unix_seconds() + 86_400).to_string();
    let change = json!({"title": "新的", "crew": [{"id": "a1", "role": "assistant"}], "custom": {"shop": 7},
        "settings": {"slow_seconds": 5, "guests": false}, "valid_until": tomorrow});
    let room = backend.done(200, "PUT", "rooms/r1", one, change);
    assert_eq!((&room["title"], &room["custom"]["shop"]), (&json!("新的"), &json!(7)));
    assert_eq!((&room["settings"]["slow_seconds"], &room["host"]["name"]), (&json!(5), &json!("主播")));
    assert_eq!(backend.done(200, "GET", "rooms/r1", one, Value::Null), room);

    for (number, host) in [(2, "h1"), (3, "h2")] {
        let wish = json!({"id": format!("r{number}"), "title": "t", "host": {"id": host}});
        backend.done(201, "POST", "rooms", "/rooms", wish);
    }
    let list = |query: &str| {
        let page = backend.done(200, "GET", &format!("rooms?{query}"), "/rooms", Value::Null);
        let ids: Vec<String> = page["rooms"]
            .as_array()
            .expect("rooms")
            .iter()
            .filter_map(|room| room["id"].as_str().map(str::to_owned))
            .collect();
        (ids, page["next"].as_str().map(str::to_owned))
    };
    let (first, next) = list("limit=2");
    let (second, last) = list(&format!("limit=2&after={}", next.expect("more")));
    assert_eq!((first.len(), second.len(), last), (2, 1, None));
    assert!(!first.contains(&second[0]));
    assert_eq!(list("host=h2").0, ["r3"]);
    assert_eq!(list("state=live").0, [""; 0]);
    assert_eq!(list("stream=live/r2").0, ["r2"]);

    let push = json!({"role": "host"});
    let addresses = backend.done(201, "POST", "rooms/r1/addresses", "/rooms/{room}/addresses", push.clone());
    assert!(addresses["push"].as_str().is_some_and(|push| push.contains("/live/r1")), "{addresses}");
    assert_eq!((&addresses["play"], addresses["expires_at"].is_null()), (&Value::Null, false));
    let play =
        backend.done(201, "POST", "rooms/r1/addresses", "/rooms/{room}/addresses", json!({"role": "viewer"}));
    assert!(play["play"]["flv"].as_str().is_some_and(|flv| flv.contains("/live/r1.flv")), "{play}");
    assert_eq!(play["push"], Value::Null);

    let order = |what: &str| {
        let path = format!("rooms/r1/{what}");
        backend.done(200, "POST", &path, &format!("/rooms/{{room}}/{what}"), Value::Null)["state"].clone()
    };
    assert_eq!(
        (order("end"), order("end"), order("start")),
        (json!("ended"), json!("ended"), json!("scheduled"))
    );
    assert_eq!(order("ban"), "banned");
    assert_error(&backend.ask("POST", "rooms/r1/start", &Value::Null), 409, "room_banned");
    assert_error(&backend.ask("POST", "rooms/r1/addresses", &push), 409, "room_banned");
    assert_eq!(order("unban"), "ended");
    assert_error(&backend.ask("POST", "rooms/r1/addresses", &push), 409, "room_ended");

    assert_eq!(backend.ask("DELETE", "rooms/r1", &Value::Null).status, 204);
    assert_error(&backend.ask("GET", "rooms/r1", &Value::Null), 404, "no_room");
    assert_error(&backend.ask("POST", "rooms/r1/messages", &json!({"text": "a"})), 404, "no_room");
    let audit = backend.get("audit");
    let done: Vec<&str> =
        audit["entries"].as_array().expect("entries").iter().filter_map(|one| one["what"].as_str()).collect();
    assert_eq!((done[0], &audit["entries"][0]["by"]), ("delete", &json!("key:shop")), "{done:?}");
    assert!(done.contains(&"ban_room") && done.contains(&"start"), "{done:?}");
}

#[test]
fn a_room_that_is_deleted_ends_for_those_in_it_and_another_of_its_id_knows_nothing_of_it() {
    let backend = Backend::new();
    let (mut a, mut b) = (backend.enter("a"), backend.enter("b"));
    assert_eq!(a.say("c1", "old").unwrap()["t"], "ack");
    assert_eq!(backend.ask("DELETE", "rooms/r1", &Value::Null).status, 204);
    for client in [&mut a, &mut b] {
        client.wait_for(|frame| frame["t"] == "goaway").unwrap();
    }
    let refused = backend.try_to_enter("a", None).err().expect("no room").to_string();
    assert!(refused.contains("\"not_found\""), "{refused}");

    let wish = json!({"id": "r1", "title": "新", "host": {"id": "h2", "name": "主播"}});
    backend.done(201, "POST", "rooms", "/rooms", wish);
    let hello = json!({"room": "r1", "token": backend.token("a"), "resume": a.since()});
    let mut a = ChatClient::enter(backend.api.weir.http, &hello).unwrap();
    assert_eq!((&a.welcome["room"]["title"], &a.welcome["recovered"]), (&json!("新"), &json!(false)));
    assert_eq!(a.items, [Value::Null; 0]);
    // The answer to another message under this name is not remembered.
    assert_eq!(a.say("c1", "new").unwrap()["t"], "ack");
    let items = backend.history("", |items| !items.is_empty());
    assert_eq!((texts(&items), backend.get("statistics")["visits"].as_u64()), (vec!["new"], Some(1)));
}

#[test]
fn nothing_that_was_said_before_a_room_was_cleared_comes_back() {
    let backend = Backend::new();
    let weir = &backend.api.weir;
    let (app, stop) = (weir.shared(), AtomicBool::new(false));
    let by = By::System;
    let say = || act(&app, "r1", &by, Act::Say(None, Body::Notice("a".into())));
    let cleared = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                weir.block_on(say()).expect("said");
            }
        });
        let clear = || weir.block_on(act(&app, "r1", &by, Act::Clear(None)));
        let cleared: Vec<_> = (0..3).map(|_| clear()).collect();
        stop.store(true, Ordering::Relaxed);
        cleared
    });
    let last = cleared.into_iter().map(|ack| ack.expect("cleared").seq).max().expect("some");
    let store = app.rooms.store().expect("a store");
    let before = Query { before_seq: Some(last), limit: HISTORY_MAX, ..Query::default() };
    assert!(weir.block_on(store.chat.flush()));
    let mut left = weir.block_on(store.rooms.messages("r1", &before)).expect("messages");
    left.retain(|message| !matches!(message.body, Body::Event(_)));
    assert!(left.is_empty(), "{left:?}");
    assert!(last > 10, "much was said meanwhile");
}

#[test]
fn what_is_not_right_is_refused_with_a_code_and_a_key_for_rooms_opens_nothing_else() {
    let backend = Backend::new();
    let host = json!({"id": "h"});
    for bad in [
        json!({"id": "a/b", "title": "t", "host": host}),
        json!({"title": "", "host": host}),
        json!({"title": "a\nb", "host": host}),
        json!({"title": "t", "host": {"id": ""}}),
        json!({"title": "t", "host": host, "cover": "javascript:alert(1)"}),
        json!({"title": "t", "host": host, "stream": "nothing"}),
        json!({"title": "t", "host": host, "starts_at": "tomorrow"}),
        json!({"title": "t", "host": host, "settings": {"room_per_second": 501}}),
        json!({"title": "t", "host": host, "custom": {"a": "x".repeat(5_000)}}),
    ] {
        assert_eq!(backend.ask("POST", "rooms", &bad).status, 400, "{bad}");
    }
    assert_error(
        &backend.ask("POST", "rooms", &json!({"id": "r1", "title": "t", "host": host})),
        409,
        "room_taken",
    );
    assert_error(&backend.ask("GET", "streams", &Value::Null), 403, "rooms_only_key");
    assert_error(&backend.ask("POST", "drain", &Value::Null), 403, "rooms_only_key");
    let reader = |method: &str, path: &str| backend.api.ask(method, path, &backend.api.read, "");
    assert_eq!(reader("GET", "rooms").status, 200);
    assert_error(&reader("POST", "rooms/r1/end"), 403, "read_only_key");
}

#[test]
fn a_create_that_is_sent_again_is_done_once() {
    let backend = Backend::new();
    let send = |key: &str, body: &Value| {
        let body = body.to_string();
        let request = format!(
            "POST /api/v1/rooms HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: Bearer {}\r\nIdempotency-Key: {key}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            backend.key,
            body.len()
        );
        http::exchange(backend.api.weir.http, request.as_bytes()).expect("an answer")
    };
    let wish = json!({"title": "t", "host": {"id": "h"}});
    let (first, again, other) = (send("k1", &wish), send("k1", &wish), send("k2", &wish));
    assert_eq!((first.status, again.status, other.status), (201, 201, 201), "{}", first.text());
    assert_eq!(json(&first), json(&again));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_ne!(json(&first)["id"], json(&other)["id"]);
    assert_error(&send("k1", &json!({"title": "u", "host": {"id": "h"}})), 422, "idempotency_mismatch");
    // What was refused was not done, and may be sent again.
    assert_eq!(send("k3", &json!({"title": "", "host": {"id": "h"}})).status, 400);
    assert_eq!(send("k3", &wish).status, 201);
    assert_error(&send(&"k".repeat(129), &wish), 400, "bad_value");
}

#[test]
fn a_backend_speaks_recalls_pins_and_reads_what_was_said() {
    let backend = Backend::new();
    let mut viewer = backend.enter("u1");
    viewer.say("c1", "买它").expect("an ack");
    for body in [
        json!({"text": "开始了", "kind": "notice"}),
        json!({"voice": "host", "text": "你们好"}),
        json!({"voice": "user", "from": {"id": "u9", "name": "九"}, "text": "远方"}),
        json!({"kind": "custom", "name": "vote", "data": {"a": [1]}}),
    ] {
        backend.done(201, "POST", "rooms/r1/messages", "/rooms/{room}/messages", body);
    }
    let heard = viewer.wait_item(|item| item["kind"] == "custom").expect("the last one");
    assert_eq!(heard["data"]["a"], json!([1]));
    let said = backend.history("?limit=200", |items| items.len() >= 5);
    assert_eq!(texts(&said), ["买它", "开始了", "你们好", "远方"]);
    let host = said.iter().find(|item| item["text"] == "你们好").expect("the host's");
    assert_eq!((&host["from"]["id"], &host["from"]["role"]), (&json!("h1"), &json!("host")));
    assert_error(
        &backend.ask("POST", "rooms/r1/messages", &json!({"voice": "user", "text": "a"})),
        400,
        "bad_value",
    );

    let seq = host["seq"].as_u64().expect("a number");
    assert_eq!(backend.ask("PUT", "rooms/r1/pinned", &json!({"seq": seq})).status, 204);
    viewer.wait_item(|item| item["event"] == "pinned" && item["message"] == seq).expect("it is pinned");
    assert_error(&backend.ask("PUT", "rooms/r1/pinned", &json!({"seq": 9_999_999})), 404, "no_message");
    assert_eq!(backend.ask("DELETE", &format!("rooms/r1/messages/{seq}"), &Value::Null).status, 204);
    viewer.wait_item(|item| item["event"] == "recalled" && item["message"] == seq).expect("it is taken back");
    assert_error(
        &backend.ask("DELETE", &format!("rooms/r1/messages/{seq}"), &Value::Null),
        404,
        "no_message",
    );
    backend.post("clear", json!({"user": "u9"}));
    viewer.wait_item(|item| item["event"] == "cleared").expect("they are told");
    let left = backend.history("?limit=200", |items| texts(items).len() == 2);
    assert_eq!(texts(&left), ["买它", "开始了"]);
    assert_eq!(texts(&backend.history("?user=u1", |_| true)), ["买它"]);

    // In parts, forward; and for a page that replays the show, without a key.
    let first = backend.get("messages?after_seq=0&limit=1");
    assert_eq!((first["items"].as_array().map(Vec::len), &first["more"]), (Some(1), &json!(true)));
    let at = left[0]["at"].as_i64().expect("a time");
    let replayed = json(&backend.open(&format!("rooms/r1/replay-chat?from={at}&to={}", at + 1)));
    assert!(texts(replayed["items"].as_array().expect("items")).contains(&"买它"), "{replayed}");
    assert_error(&backend.open("rooms/r1/replay-chat"), 400, "bad_value");
}

#[test]
fn the_operator_speaks_as_such_where_nobody_else_may() {
    let backend = Backend::new();
    let mut viewer = backend.enter("u1");
    let silent = json!({"settings": {"silent": true}});
    backend.done(200, "PUT", "rooms/r1", "/rooms/{room}", silent);
    viewer.wait_item(|item| item["event"] == "silence").expect("everybody is told");
    assert_eq!(viewer.say("c1", "a").expect("an answer")["code"], "muted");
    let said = json!({"voice": "operator", "from": {"id": "staff", "name": "官方"}, "text": "请文明发言"});
    backend.post("messages", said);
    let heard = viewer.wait_item(|item| item["text"] == "请文明发言").expect("it is said");
    assert_eq!((&heard["from"]["id"], &heard["from"]["role"]), (&json!("staff"), &json!("operator")));
    let nobody = json!({"voice": "operator", "text": "a"});
    assert_error(&backend.ask("POST", "rooms/r1/messages", &nobody), 400, "bad_value");
}

#[test]
fn what_waits_for_a_look_is_said_as_it_was_sent() {
    let backend = Backend::new();
    let words = json!({"words": [{"word": "私聊", "action": "hold"}]});
    assert_eq!(backend.ask("PUT", "rooms/r1/words", &words).status, 204);
    let (mut a, mut b) = (backend.enter("u1"), backend.enter("u2"));
    let first = b.say("c0", "谁有货").expect("an ack")["seq"].clone();
    let send = |cid: &str, text: &str| json!({"t": "send", "cid": cid, "kind": "text", "text": text, "reply_to": first, "mentions": ["u2"]});
    let sent = send("c1", "私聊我");
    assert_eq!(a.ask(&sent).expect("an answer")["code"], "held_for_review");
    assert_eq!(a.ask(&send("c2", "快私聊我")).expect("an answer")["code"], "held_for_review");
    let held = backend.get("held");
    let decide = |at: usize, approve: bool| {
        let path = format!("rooms/r1/held/{}", held["messages"][at]["id"]);
        assert_eq!(backend.ask("POST", &path, &json!({"approve": approve})).status, 204);
    };
    decide(1, false);
    decide(0, true);
    for client in [&mut a, &mut b] {
        let item = client.wait_item(|item| item["cid"] == "c1").expect("it is shown");
        assert_eq!((&item["from"]["id"], &item["text"]), (&json!("u1"), &json!("私聊我")));
        assert_eq!((&item["reply_to"], &item["mentions"]), (&first, &json!(["u2"])), "{item}");
    }
    // Its author asks again, who did not hear that it was shown: it is one message all the same.
    assert_eq!(a.ask(&sent).expect("an answer")["t"], "ack");
    let said = backend.history("?user=u1", |items| !items.is_empty());
    assert_eq!(texts(&said), ["私聊我"]);
    assert_eq!((&said[0]["cid"], &said[0]["reply_to"]), (&json!("c1"), &first), "{}", said[0]);
}

#[test]
fn mutes_and_bans_hold_for_people_in_the_room_and_are_lifted() {
    let backend = Backend::new();
    let mut u1 = backend.enter("u1");
    backend.post("sanctions", json!({"kind": "mute", "user": "u1", "seconds": 600, "reason": "刷屏"}));
    u1.wait_item(|item| item["event"] == "muted").expect("everybody is told");
    assert_eq!(u1.say("c1", "a").expect("an answer")["code"], "muted");
    let list = backend.get("sanctions?kind=mute");
    assert_eq!(
        (&list["sanctions"][0]["user"], &list["sanctions"][0]["by"]),
        (&json!("u1"), &json!("key:shop"))
    );
    let lift = |query: &str| backend.ask("DELETE", &format!("rooms/r1/sanctions?{query}"), &Value::Null);
    assert_eq!(lift("kind=mute&user=u1").status, 204);
    assert_error(&lift("kind=mute&user=u1"), 404, "no_sanction");
    assert_eq!(lift("kind=mute").status, 400);
    u1.wait_item(|item| item["event"] == "unmuted").expect("everybody is told");
    assert_eq!(u1.say("c2", "b").expect("an answer")["t"], "ack");

    // On the whole server: out at once, and not in again.
    let ban = json!({"kind": "ban", "user": "u1"});
    assert_eq!(backend.ask("POST", "sanctions", &ban).status, 204);
    u1.wait_for(|frame| frame["t"] == "bye" && frame["code"] == "banned").expect("the end");
    assert!(backend.try_to_enter("u1", None).is_err());
    let token = backend.token("u1");
    let public = |token: &str| {
        let header = format!("Authorization: Bearer {token}\r\n");
        http::get(backend.api.weir.http, "/api/v1/rooms/r1/public", &header).expect("an answer")
    };
    assert_error(&public(&token), 403, "banned");
    assert_error(&public("a.b.c"), 401, "bad_token");
    // Signed for whoever has a token, and for nobody else.
    let flv = |room: &Value| room["play"]["flv"].as_str().map(str::to_owned);
    assert!(flv(&json(&public(&backend.token("u2")))).is_some_and(|flv| flv.contains("/live/r1.flv?")));
    assert_eq!(flv(&json(&backend.open("rooms/r1/public"))), None);
    let ban = json!({"kind": "ban", "ip": "192.0.2.7"});
    assert_eq!(backend.ask("POST", "sanctions", &ban).status, 204);
    let page = |query: &str| backend.done(200, "GET", query, "/sanctions", Value::Null);
    let first = page("sanctions?limit=1");
    assert_eq!(
        (&first["sanctions"][0]["ip"], &first["next"]),
        (&json!("192.0.2.7"), &json!("ban.ip:192.0.2.7"))
    );
    let second = page("sanctions?limit=1&after=ban.ip:192.0.2.7");
    assert_eq!((&second["sanctions"][0]["user"], &second["next"]), (&json!("u1"), &Value::Null));
    assert_eq!(backend.ask("DELETE", "sanctions?kind=ban&user=u1", &Value::Null).status, 204);
    backend.enter("u1");
    for (bad, status) in [(json!({"kind": "mute"}), 400), (json!({"kind": "ban", "ip": "x"}), 400)] {
        assert_eq!(backend.ask("POST", "rooms/r1/sanctions", &bad).status, status, "{bad}");
    }

    let words =
        json!({"words": [{"word": "坏话", "action": "refuse"}, {"word": "微信", "action": "replace"}]});
    assert_eq!(backend.ask("PUT", "rooms/r1/words", &words).status, 204);
    assert_eq!(backend.get("words")["words"].as_array().map(Vec::len), Some(2));
    assert_eq!(backend.ask("DELETE", "rooms/r1/words?word=%E5%9D%8F%E8%AF%9D", &Value::Null).status, 204);
    assert_error(&backend.ask("DELETE", "words?word=x", &Value::Null), 404, "no_word");
}

#[test]
fn the_shelf_the_people_and_the_numbers_of_a_room() {
    let backend = Backend::new();
    let mut u1 = backend.try_to_enter("u1", Some("u7")).expect("a welcome");
    let goods = "/rooms/{room}/goods";
    for (id, price) in [("a", 100), ("b", 200)] {
        let wish =
            json!({"id": id, "name": id, "price": price, "price_to": price + 1, "price_kind": "range"});
        backend.done(201, "POST", "rooms/r1/goods", goods, wish);
    }
    let wish = json!({"id": "a", "name": "a", "price": 1});
    assert_error(&backend.ask("POST", "rooms/r1/goods", &wish), 409, "goods_taken");
    let ordered =
        backend.done(200, "PUT", "rooms/r1/goods-order", "/rooms/{room}/goods-order", json!({"ids": ["b"]}));
    assert_eq!((&ordered["goods"][0]["id"], &ordered["goods"][1]["id"]), (&json!("b"), &json!("a")));
    backend.done(200, "PUT", "rooms/r1/explaining", "/rooms/{room}/explaining", json!({"id": "a"}));
    u1.wait_item(|item| item["event"] == "goods" && item["explaining"] == "a").expect("it is pushed");
    let off = json!({"name": "b", "price": 5, "on_shelf": false});
    backend.done(200, "PUT", "rooms/r1/goods/b", "/rooms/{room}/goods/{goods}", off);
    assert_error(&backend.ask("PUT", "rooms/r1/explaining", &json!({"id": "b"})), 409, "off_shelf");
    assert_error(&backend.ask("PUT", "rooms/r1/explaining", &json!({"id": "x"})), 404, "no_goods");
    let seen = json(&backend.open("rooms/r1/public-goods"));
    assert_eq!(seen["goods"].as_array().map(Vec::len), Some(1), "{seen}");
    assert_eq!(seen["goods"][0]["explaining"], true);

    backend.post("reminders", json!({"user": "u5"}));
    assert_eq!(backend.get("reminders")["count"], 1);
    assert_eq!(backend.ask("DELETE", "rooms/r1/reminders?user=u5", &Value::Null).status, 204);
    assert_eq!(backend.get("members")["members"][0]["id"], "u1");
    u1.say("c1", "hi").expect("an ack");
    u1.send(&json!({"t": "like", "n": 5})).expect("sent");
    wait_for("the numbers", || {
        let counted = backend.get("statistics");
        counted["likes"] == 5
            && counted["messages"] == 1
            && counted["visitors"] == 1
            && counted["online"] == 1
    });
    for id in ["nothing", "b", "a"] {
        u1.send(&json!({"t": "count", "what": "goods", "id": id})).expect("sent");
    }
    let clicks = || backend.get("statistics")["goods_clicks"].clone();
    wait_for("a click", || clicks() != 0);
    assert_eq!(clicks(), 1, "one of them is on the shelf");
    assert_eq!(backend.get("inviters")["inviters"][0], json!({"user": "u7", "visitors": 1}));
    assert_eq!(backend.get("visitors?inviter=u7")["visitors"][0]["user"], "u1");

    let public = json(&backend.open("rooms/r1/public"));
    assert_eq!(
        (&public["title"], &public["state"], &public["online"]),
        (&json!("好物"), &json!("scheduled"), &json!(1))
    );
    assert!(!public.to_string().contains("rtmp://"), "{public}");
    backend.post("kick", json!({"user": "u1"}));
    u1.wait_for(|frame| frame["t"] == "bye").expect("the end");
}

#[test]
fn a_key_for_rooms_does_gifts_and_lotteries_of_a_room_and_not_those_of_all() {
    let backend = Backend::new();
    let gift = json!({"name": "玫瑰"});
    let put = |path: &str| backend.ask("PUT", path, &gift);
    assert_eq!(put("rooms/r1/gifts/rose").status, 200);
    assert_error(&put("gifts/rose"), 403, "rooms_only_key");
    let claim = backend.ask("POST", "rooms/r1/gifts/rose/claims", &json!({"user": "u1"}));
    assert_error(&claim, 409, "not_claimable");
    assert_error(&put("rooms/nowhere/gifts/rose"), 404, "no_room");
    let wish = json!({"prize": "耳机", "take_part": "present", "seconds": 600});
    let lottery = json(&backend.ask("POST", "rooms/r1/lotteries", &wish));
    let order = |what: &str| {
        let id = lottery["id"].as_str().expect("an id");
        backend.ask("POST", &format!("rooms/r1/lotteries/{id}/{what}"), &Value::Null)
    };
    assert_eq!(order("cancel").status, 200);
    assert_error(&order("draw"), 409, "over");
    assert_error(&backend.ask("POST", "rooms/r1/lotteries/0/draw", &Value::Null), 404, "no_lottery");
    assert_eq!(backend.ask("DELETE", "rooms/r1/gifts/rose", &Value::Null).status, 204);
    assert_error(&backend.ask("DELETE", "rooms/r1/gifts/rose", &Value::Null), 404, "no_gift");
    // What was paid, and by whom, is for a key that may look at everything.
    assert_error(&backend.ask("GET", "ledger?room=r1", &Value::Null), 403, "rooms_only_key");
}
