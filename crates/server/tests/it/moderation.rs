//! Who may not be in a room, on every way in and after a restart; and what is not said there.

use std::net::IpAddr;
use std::path::Path;

use control::person::{Person, Role};
use control::room::bucket::Rate;
use control::room::sanction::{Kind, SANCTIONS_MAX, Subject};
use control::room::settings::Settings;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _};
use testkit::chat::ChatClient;
use testkit::http;
use weir::identity::Wish;
use weir::room::{Act, By, act, lift_everywhere, sanction_everywhere};
use weir::store::rooms::{Query, Word};

use crate::api::{Api, assert_error};
use crate::chat::{room, token};
use crate::harness::{Folder, Weir};

/// A server on a folder with a room in it, which may have been there before.
fn start(data: &Folder) -> Weir {
    let weir = Weir::start_in(data.path(), &[]);
    let store = weir.app().rooms.store().expect("a database").clone();
    weir.block_on(async move { store.rooms.create(&room("r1", Settings::default())).await }).expect("a room");
    weir
}

fn ban_everywhere(weir: &Weir, subject: &Subject) {
    let app = weir.shared();
    let ban = sanction_everywhere(&app, &By::System, Kind::Ban, subject.clone(), None, "");
    weir.block_on(ban).expect("a ban");
}

fn enter(weir: &Weir, more: Value) -> anyhow::Result<ChatClient> {
    let mut hello = json!({"room": "r1"});
    hello.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    ChatClient::enter(weir.http, &hello)
}

/// What somebody is told who comes, by each of the ways into a room; `welcome` and `200` where they are let in.
fn ways_in(weir: &Weir, user: &str) -> Vec<String> {
    let token = token(weir, user);
    let chat = |more| match enter(weir, more) {
        Ok(_) => "welcome".to_owned(),
        Err(told) => serde_json::from_str::<Value>(&told.to_string()).map_or(told.to_string(), |frame| {
            frame["code"].as_str().or(frame["reason"].as_str()).unwrap_or_default().to_owned()
        }),
    };
    let api = |path: &str, headers: &str| {
        let answer = http::get(weir.http, &format!("/api/v1/rooms/r1/{path}"), headers).expect("an answer");
        let told: Value = serde_json::from_slice(&answer.body).expect("JSON");
        told["error"]["code"].as_str().map_or_else(|| answer.status.to_string(), str::to_owned)
    };
    let bearer = format!("Authorization: Bearer {token}\r\n");
    vec![
        chat(json!({"token": token})),
        chat(json!({"token": token, "resume": {"epoch": "e", "seq": 0}})),
        chat(json!({"guest": ""})),
        api("public", &bearer),
        api("public", ""),
        api("replay-chat?from=0", &bearer),
        api("replay-chat?from=0", ""),
    ]
}

const OPEN: [&str; 7] = ["welcome", "welcome", "welcome", "200", "200", "200", "200"];

/// Does something to the database of a server behind its back.
fn sql(data: &Path, statement: &str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(data.join("weir.db"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut database = sqlx::SqliteConnection::connect_with(&options).await.expect("the database");
        sqlx::query(AssertSqlSafe(statement.to_owned())).execute(&mut database).await.expect("done");
    });
}

#[test]
fn an_address_that_is_banned_is_out_at_once_and_stays_out_on_every_way_in_and_after_a_restart() {
    let data = Folder::new("moderation");
    let mut weir = start(&data);
    let (here, elsewhere): (IpAddr, IpAddr) = ("127.0.0.1".parse().unwrap(), "192.0.2.7".parse().unwrap());
    let (here, elsewhere) = (Subject::Address(here), Subject::Address(elsewhere));
    let banned = ["banned"; 7];
    ban_everywhere(&weir, &elsewhere);
    assert_eq!(ways_in(&weir, "u1"), OPEN, "somebody else's address");

    for is_everywhere in [true, false] {
        let mut inside =
            [enter(&weir, json!({"token": token(&weir, "u1")})), enter(&weir, json!({"guest": ""}))]
                .map(|one| one.expect("a welcome"));
        let app = weir.shared();
        match is_everywhere {
            true => ban_everywhere(&weir, &here),
            false => {
                let (kind, subject) = (Kind::Ban, here.clone());
                let ban = Act::Sanction { kind, subject, seconds: None, reason: String::new() };
                weir.block_on(act(&app, "r1", &By::System, ban)).expect("a ban");
            }
        }
        for one in &mut inside {
            let bye = one.wait_for(|frame| frame["t"] == "bye").expect("the end");
            assert_eq!(bye["code"], "banned");
        }
        assert_eq!(ways_in(&weir, "u2"), banned);
        drop((app, weir));
        weir = start(&data);
        assert_eq!(ways_in(&weir, "u2"), banned, "after a restart");
        let app = weir.shared();
        match is_everywhere {
            true => {
                let lift = lift_everywhere(&app, &By::System, Kind::Ban, &here);
                assert!(weir.block_on(lift).expect("lifted"));
            }
            false => {
                let lift = Act::Lift(Kind::Ban, here.clone());
                weir.block_on(act(&app, "r1", &By::System, lift)).expect("lifted");
            }
        }
        assert_eq!(ways_in(&weir, "u2"), OPEN);
    }
}

#[test]
fn nobody_is_in_a_room_before_the_bans_and_words_of_the_whole_server_are_known() {
    for table in ["sanction", "word"] {
        let data = Folder::new("moderation");
        let weir = start(&data);
        let app = weir.shared();
        ban_everywhere(&weir, &Subject::User("u1".into()));
        let (room, word, action) = (String::new(), "外挂".to_owned(), "refuse".to_owned());
        let word = Word { room, word, action, pinyin: None };
        weir.block_on(app.rooms.store().unwrap().rooms.put_words(&[word], "key:k", 1)).expect("a word");
        drop((app, weir));
        sql(data.path(), &format!("ALTER TABLE {table} RENAME TO lost"));
        let weir = Weir::start_in(data.path(), &[]);
        for user in ["u1", "u2"] {
            let told = enter(&weir, json!({"token": token(&weir, user)})).err().expect("not now").to_string();
            let told: Value = serde_json::from_str(&told).expect("a frame");
            assert_eq!((&told["t"], &told["reason"]), (&json!("goaway"), &json!("unavailable")), "{table}");
            assert!(told["reconnect_in_ms"].as_u64().is_some_and(|wait| wait >= 1_000), "{told}");
        }
        sql(data.path(), &format!("ALTER TABLE lost RENAME TO {table}"));
        let told = enter(&weir, json!({"token": token(&weir, "u1")})).err().expect("a ban").to_string();
        assert!(told.contains("\"banned\""), "{table}: {told}");
        let mut u2 = enter(&weir, json!({"token": token(&weir, "u2")})).expect("a welcome");
        assert_eq!(u2.say("c1", "卖外挂").expect("an answer")["code"], "blocked_word", "{table}");
    }
}

#[test]
fn who_is_made_something_else_while_they_are_there_comes_again_as_that() {
    let api = Api::with(&[]);
    let staff = json!([{"id": "u1", "role": "assistant"}]);
    let room = json!({"id": "r1", "title": "t", "host": {"id": "host"}, "crew": staff});
    assert_eq!(api.ask("POST", "rooms", &api.write, &room.to_string()).status, 201);
    let user = |user: &str| enter(&api.weir, json!({"token": token(&api.weir, user)})).expect("a welcome");
    let (mut u1, mut u2, mut other) = (user("u1"), user("u2"), user("other"));
    let silence = json!({"t": "do", "cid": "m1", "what": "silence"});
    assert_eq!(u1.ask(&silence).expect("an answer")["t"], "ack");
    assert_eq!(u2.ask(&silence).expect("an answer")["code"], "not_allowed");

    let change = json!({"crew": [{"id": "u2", "role": "assistant"}]}).to_string();
    assert_eq!(api.ask("PUT", "rooms/r1", &api.write, &change).status, 200);
    for (one, id, role) in [(&mut u1, "u1", "viewer"), (&mut u2, "u2", "assistant")] {
        let told = one.wait_for(|frame| frame["t"] == "goaway").expect("the end");
        assert!(told["reconnect_in_ms"].as_u64().is_some_and(|wait| wait <= 1_000), "{told}");
        *one = enter(&api.weir, json!({"token": token(&api.weir, id), "resume": one.since()}))
            .expect("a welcome");
        assert_eq!((&one.welcome["you"]["role"], &one.welcome["recovered"]), (&json!(role), &json!(true)));
    }
    assert_eq!(u1.ask(&silence).expect("an answer")["code"], "not_allowed");
    let speak = json!({"t": "do", "cid": "m1", "what": "speak"});
    assert_eq!(u2.ask(&speak).expect("an answer")["t"], "ack");
    assert_eq!(other.say("c1", "still here").expect("an answer")["t"], "ack");
}

#[test]
fn one_sanction_more_than_there_may_be_is_told_as_that() {
    let api = Api::with(&[]);
    let wish = json!({"id": "r1", "title": "t", "host": {"id": "host"}}).to_string();
    assert_eq!(api.ask("POST", "rooms", &api.write, &wish).status, 201);
    for (room, path) in [("r1", "rooms/r1/sanctions"), ("", "sanctions")] {
        sql(
            api.data.path(),
            &format!(
                "INSERT INTO sanction (room, kind, subject, until_ms, reason, by, at_ms)
                 WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {SANCTIONS_MAX})
                 SELECT '{room}', 'mute', 'user:' || i, NULL, '', '', 0 FROM n"
            ),
        );
        let put = |user: &str| {
            api.ask("POST", path, &api.write, &json!({"kind": "mute", "user": user}).to_string())
        };
        assert_error(&put("one-more"), 409, "sanctions_full");
        // What is in force already can be changed.
        assert_eq!(put("1").status, 204);
    }
    let mut host = enter(&api.weir, json!({"token": token(&api.weir, "host")})).expect("a welcome");
    let order = json!({"t": "do", "cid": "m1", "what": "mute", "user": "one-more"});
    assert_eq!(host.ask(&order).expect("an answer")["code"], "sanctions_full");
}

#[test]
fn who_is_hidden_is_answered_like_others_and_seen_by_nobody() {
    let data = Folder::new("moderation");
    let weir = start(&data);
    let user = |user: &str| enter(&weir, json!({"token": token(&weir, user)})).expect("a welcome");
    let (mut host, mut hidden, mut other) = (user("host"), user("hidden"), user("other"));
    assert_eq!(hidden.say("c0", "before").expect("an answer")["t"], "ack");
    other.wait_item(|item| item["text"] == "before").expect("seen");
    let hide = json!({"t": "do", "cid": "m1", "what": "hide", "user": "hidden"});
    assert_eq!(host.ask(&hide).expect("an answer")["t"], "ack");
    let told = hidden.say("c1", "hidden words").expect("an answer");
    let next = other.say("c1", "after").expect("an answer");
    // An acknowledgement as any other, with a number that is reached: their client shows them their own.
    assert_eq!((&told["t"], &told["seq"]), (&json!("ack"), &next["seq"]));
    assert_eq!(
        told.as_object().expect("an object").keys().collect::<Vec<_>>(),
        next.as_object().expect("an object").keys().collect::<Vec<_>>()
    );
    assert_eq!(hidden.say("c1", "hidden words").expect("an answer"), told, "again");
    let late = user("late");
    for mut one in [host, other, hidden, late] {
        if one.items.iter().all(|item| item["text"] != "after") {
            one.wait_item(|item| item["text"] == "after").expect("seen");
        }
        let seen: Vec<_> =
            one.items.iter().filter(|item| item["kind"] == "text").map(|item| &item["text"]).collect();
        assert_eq!(seen, ["before", "after"]);
    }
    let store = weir.app().rooms.store().expect("a database").clone();
    weir.block_on(store.chat.flush());
    let kept = weir
        .block_on(store.rooms.messages("r1", &Query { limit: 50, ..Query::default() }))
        .expect("messages");
    assert!(kept.iter().all(|message| message.body.text() != Some("hidden words")), "{kept:?}");
}

#[test]
fn a_name_is_what_it_was_when_somebody_spoke() {
    let data = Folder::new("moderation");
    let weir = start(&data);
    let named = |name: &str| {
        let person = Person::new("u1", name, "", Role::Viewer).expect("a person");
        let wish = Wish { person, room: None, until: weir.clock.unix_seconds() + 3_600, app: None };
        let token = weir.app().identity().issue(&wish, weir.clock.unix_seconds()).expect("a token");
        enter(&weir, json!({"token": token})).expect("a welcome")
    };
    let mut reader = enter(&weir, json!({"guest": ""})).expect("a welcome");
    let mut before = named("旧名");
    before.say("c1", "one").expect("an ack");
    let mut after = named("新名");
    after.say("c2", "two").expect("an ack");
    reader.wait_item(|item| item["text"] == "two").expect("seen");
    let late = enter(&weir, json!({"guest": ""})).expect("a welcome");
    let store = weir.app().rooms.store().expect("a database").clone();
    weir.block_on(store.chat.flush());
    for items in [&reader.items, &late.items] {
        let names: Vec<_> =
            items.iter().map(|item| (item["text"].as_str(), item["from"]["name"].as_str())).collect();
        assert_eq!(names, [(Some("one"), Some("旧名")), (Some("two"), Some("新名"))]);
    }
    let kept = weir
        .block_on(store.rooms.messages("r1", &Query { limit: 50, ..Query::default() }))
        .expect("messages");
    let names: Vec<_> =
        kept.iter().filter_map(|message| Some(message.from.as_ref()?.name.as_str())).collect();
    assert_eq!(names, ["旧名", "新名"], "in the history too");
}

#[test]
fn a_word_is_found_by_its_pinyin_and_in_full_width_also_after_a_restart() {
    let api = Api::with(&[]);
    let ask = |method: &str, path: &str, body: Value| {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        api.ask(method, path, &api.write, &body)
    };
    let fast = json!({"user_per_second": 100, "user_burst": 100});
    let wish = json!({"id": "r1", "title": "t", "host": {"id": "host"}, "settings": fast});
    assert_eq!(ask("POST", "rooms", wish).status, 201);
    let word = |pinyin: Value| json!({"words": [{"word": "微信", "action": "refuse", "pinyin": pinyin}]});
    let everywhere = json!({"words": [{"word": "VIP", "action": "refuse", "pinyin": null}]});
    assert_eq!(ask("PUT", "words", everywhere).status, 204);
    for bad in ["", "wei  xin", "微", "wei,xin", &"a".repeat(65)] {
        assert_error(&ask("PUT", "rooms/r1/words", word(json!(bad))), 400, "bad_value");
    }
    let mut number = 0;
    let mut refused = |client: &mut ChatClient, text: &str| {
        number += 1;
        client.say(&number.to_string(), text).expect("an answer")["code"] == "blocked_word"
    };
    let mut u1 = enter(&api.weir, json!({"token": token(&api.weir, "u1")})).expect("a welcome");
    assert_eq!(ask("PUT", "rooms/r1/words", word(Value::Null)).status, 204);
    assert!(refused(&mut u1, "加微 信") && !refused(&mut u1, "jia weixin"), "the word, and not its spelling");
    assert_eq!(ask("PUT", "rooms/r1/words", word(json!("wei xin"))).status, 204);
    let list: Value = serde_json::from_slice(&ask("GET", "rooms/r1/words", Value::Null).body).expect("JSON");
    assert_eq!(list["words"], json!([{"word": "微信", "action": "refuse", "pinyin": "wei xin"}]));
    for text in ["加weixin", "加 ｗｅｉ-ｘｉｎ", "W E I X I N 8", "Wei Xin", "ｖｉｐ群"] {
        assert!(refused(&mut u1, text), "{text}");
    }
    assert!(!refused(&mut u1, "weixing 卫星"), "another word");
    let record: Value =
        serde_json::from_slice(&ask("GET", "rooms/r1/audit", Value::Null).body).expect("JSON");
    let first = &record["entries"][0];
    assert_eq!(
        (&first["what"], &first["subject"], &first["detail"]),
        (&json!("add_word"), &json!("word:微信"), &json!("refuse, wei xin"))
    );
    drop(u1);
    let data = api.data;
    drop(api.weir);
    let weir = Weir::start_in(data.path(), &[]);
    let mut u1 = enter(&weir, json!({"token": token(&weir, "u1")})).expect("a welcome");
    assert!(refused(&mut u1, "jia wei xin") && refused(&mut u1, "ＶＩＰ 群"));
}

#[test]
fn links_and_words_are_found_in_pictures_and_in_custom_messages_too() {
    let data = Folder::new("moderation");
    let weir = Weir::start_in(data.path(), &[("chat.links", "hosts"), ("chat.link_hosts", "good.example")]);
    let app = weir.shared();
    let rooms = app.rooms.store().expect("a database").rooms.clone();
    let fast = Settings { user_rate: Rate::per_second(100, 100), repeat_ms: 0, ..Settings::default() };
    weir.block_on(rooms.create(&room("r1", fast))).expect("a room");
    let word = |word: &str, action: &str| {
        let (room, word, action) = ("r1".to_owned(), word.to_owned(), action.to_owned());
        Word { room, word, action, pinyin: None }
    };
    let words = [word("笨蛋", "replace"), word("私聊", "hold"), word("casino", "refuse")];
    weir.block_on(rooms.put_words(&words, "key:k", 1)).expect("words");
    let (mut number, mut clients) = (
        0,
        ["u1", "host"].map(|user| enter(&weir, json!({"token": token(&weir, user)})).expect("a welcome")),
    );
    let mut told = |host: usize, body: &Value| {
        number += 1;
        let mut frame = json!({"t": "send", "cid": number.to_string()});
        frame.as_object_mut().expect("an object").extend(body.as_object().expect("an object").clone());
        let answer = clients[host].ask(&frame).expect("an answer");
        answer["code"].as_str().unwrap_or("ack").to_owned()
    };
    let image = |url: &str| json!({"kind": "image", "url": url});
    let custom = |data: Value| json!({"kind": "custom", "name": "card", "data": data});
    for (body, wanted) in [
        (json!({"text": "看 https://evil.example/x"}), "blocked_word"),
        (json!({"text": "看 evil.com"}), "blocked_word"),
        (json!({"text": "看 https://a.good.example/x"}), "ack"),
        (image("https://evil.example/a.png"), "blocked_word"),
        (image("https://good.example/casino/a.png"), "blocked_word"),
        (image("https://good.example/a.png"), "ack"),
        (custom(json!({"a": [{"url": "https://evil.example/x"}]})), "blocked_word"),
        (custom(json!({"https://evil.example/": 1})), "blocked_word"),
        (custom(json!({"a": "你个笨 蛋"})), "blocked_word"),
        (custom(json!({"a": ["请", {"b": "私聊"}]})), "held_for_review"),
        (custom(json!({"url": "https://good.example/x", "option": 2, "笨": "蛋"})), "ack"),
    ] {
        assert_eq!(told(0, &body), wanted, "{body}");
    }
    // The host's side may post links, and no words.
    assert_eq!(told(1, &image("https://evil.example/a.png")), "ack");
    assert_eq!(told(1, &custom(json!({"url": "https://evil.example/x"}))), "ack");
    assert_eq!(told(1, &custom(json!({"url": "casino"}))), "blocked_word");
}
