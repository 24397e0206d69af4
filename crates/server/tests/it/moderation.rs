//! Who may not be in a room, on every way in and after a restart; and what is not said there.

use std::net::IpAddr;
use std::path::Path;

use control::person::{Person, Role};
use control::room::sanction::{Kind, SANCTIONS_MAX, Subject};
use control::room::settings::Settings;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _};
use testkit::chat::ChatClient;
use testkit::http;
use weir::identity::Wish;
use weir::room::{Act, By, act, lift_everywhere, sanction_everywhere};
use weir::store::rooms::Query;

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
        let word =
            weir::store::rooms::Word { room: String::new(), word: "外挂".into(), action: "refuse".into() };
        weir.block_on(app.rooms.store().unwrap().rooms.put_words(&[word])).expect("a word");
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
