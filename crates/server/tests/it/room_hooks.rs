//! Hooks that decide about rooms: who comes in, and what is said.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use control::room::sanction::{Kind, Subject};
use serde_json::{Value, json};
use testkit::chat::ChatClient;
use weir::room::{Act, By, act};

use crate::gifts::{enter, make_room, token};
use crate::harness::{Folder, Weir, wait_for};
use crate::receiver::{Heard, Receiver, Reply};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A server with a room whose backend is asked.
fn asking(key: &str, receiver: &Receiver, more: &str) -> (Folder, Weir) {
    let url = receiver.url("/");
    let file = format!("[hooks]\nallow_private = true\nsecret = \"{SECRET}\"\n{key} = [\"{url}\"]\n{more}\n");
    let data = Folder::new("room-hooks");
    let weir = Weir::start_file_in(data.path(), &file, &[]);
    make_room(&weir);
    (data, weir)
}

fn says(body: Value) -> Reply {
    Reply::With(200, "", body.to_string())
}

fn try_to_enter(weir: &Weir, room: &str, user: &str) -> anyhow::Result<ChatClient> {
    ChatClient::enter(weir.http, &json!({"room": room, "token": token(weir, user)}))
}

fn texts(client: &ChatClient) -> Vec<&str> {
    client.items.iter().filter_map(|item| item["text"].as_str()).collect()
}

#[test]
fn the_backend_refuses_what_is_said_or_has_other_words_for_it() {
    let may_answer = Arc::new(AtomicBool::new(false));
    let goes_on = may_answer.clone();
    let receiver = Receiver::answering(move |heard: &Heard, _| {
        match heard.json()["data"]["text"].as_str().unwrap_or_default() {
            "bad" => says(json!({"allow": false, "reason": "竞品"})),
            "soft" => says(json!({"allow": true, "text": "s**t"})),
            "long" => says(json!({"allow": true, "text": "x".repeat(9_000)})),
            "late" => {
                while !goes_on.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(5));
                }
                says(json!({"allow": true}))
            }
            _ => says(json!({"allow": true})),
        }
    });
    let (_data, weir) = asking("on_send", &receiver, "timeout_ms = 10000");
    let (mut a, mut b) = (enter(&weir, "a"), enter(&weir, "b"));
    let refused = a.say("c1", "bad").unwrap();
    assert_eq!(
        (&refused["code"], &refused["message"]),
        (&json!("blocked_word"), &json!("竞品")),
        "{refused}"
    );
    let asked = receiver.heard().remove(0);
    assert_eq!(asked.kind(), "send");
    assert_eq!(asked.json()["data"], json!({"room": "r1", "user": "a", "kind": "text", "text": "bad"}));
    assert_eq!(a.say("c2", "good").unwrap()["t"], "ack");
    assert_eq!(b.say("c3", "soft").unwrap()["t"], "ack");
    assert_eq!(b.say("c4", "long").unwrap()["code"], "too_long");
    a.wait_item(|item| item["text"] == "s**t").unwrap();
    assert_eq!(texts(&a), ["good", "s**t"]);
    // Who is muted while the backend thinks is not heard any more.
    a.send(&json!({"t": "send", "cid": "c5", "kind": "text", "text": "late"})).unwrap();
    wait_for("the question", || receiver.heard().iter().any(|heard| heard.body.contains("late")));
    let mute = Act::Sanction {
        kind: Kind::Mute,
        subject: Subject::User("a".into()),
        seconds: None,
        reason: String::new(),
    };
    weir.block_on(act(&weir.shared(), "r1", &By::System, mute)).expect("a mute");
    may_answer.store(true, Ordering::SeqCst);
    assert_eq!(a.wait_for(|frame| frame["cid"] == "c5").unwrap()["code"], "muted");
}

#[test]
fn the_second_of_two_backends_is_asked_about_the_words_of_the_first() {
    let first = Receiver::answering(|_, _| says(json!({"allow": true, "text": "***"})));
    let second = Receiver::answering(|heard, _| {
        let text = heard.json()["data"]["text"].as_str().unwrap_or_default().to_owned();
        says(json!({"allow": true, "text": format!("{text}!")}))
    });
    let both = format!("{}\", \"{}", first.url("/"), second.url("/"));
    let file = format!("[hooks]\nallow_private = true\nsecret = \"{SECRET}\"\non_send = [\"{both}\"]\n");
    let data = Folder::new("room-hooks");
    let weir = Weir::start_file_in(data.path(), &file, &[]);
    make_room(&weir);
    let mut a = enter(&weir, "a");
    assert_eq!(a.say("c1", "bad").unwrap()["t"], "ack");
    let item = a.wait_item(|item| item["cid"] == "c1").unwrap();
    assert_eq!(item["text"], "***!");
}

#[test]
fn what_one_person_says_keeps_its_order_however_long_the_backend_takes() {
    let receiver = Receiver::answering(|heard, _| match heard.json()["data"]["text"].as_str() {
        Some("one") => Reply::Stall,
        text => says(json!({"allow": text != Some("two")})),
    });
    // The answer to the first is the policy's, long after those to the others.
    let (_data, weir) = asking("on_send", &receiver, "timeout_ms = 1000\non_failure = \"allow\"");
    let (mut a, mut b) = (enter(&weir, "a"), enter(&weir, "b"));
    for (cid, text) in [("c1", "one"), ("c2", "two"), ("c3", "three")] {
        a.send(&json!({"t": "send", "cid": cid, "kind": "text", "text": text})).unwrap();
        wait_for("the question", || receiver.heard().iter().any(|heard| heard.body.contains(text)));
    }
    // What somebody else says does not wait for that.
    assert_eq!(b.say("c4", "meanwhile").unwrap()["t"], "ack");
    assert_eq!(a.wait_for(|frame| frame["cid"] == "c2").unwrap()["code"], "blocked_word");
    b.wait_item(|item| item["text"] == "three").unwrap();
    assert_eq!(texts(&b), ["meanwhile", "one", "three"]);
}

#[test]
fn a_backend_that_stalls_holds_up_nobody_else_and_the_policy_decides() {
    for (policy, t) in [("refuse", "reject"), ("allow", "ack")] {
        let receiver = Receiver::answering(|heard, _| match heard.json()["data"]["text"].as_str() {
            Some("slow") => Reply::Stall,
            _ => says(json!({"allow": true})),
        });
        let more = format!("timeout_ms = 1500\non_failure = \"{policy}\"");
        let (_data, weir) = asking("on_send", &receiver, &more);
        let (mut a, mut b) = (enter(&weir, "a"), enter(&weir, "b"));
        let slow = json!({"t": "send", "cid": "c1", "kind": "text", "text": "slow"});
        a.send(&slow).unwrap();
        wait_for("the question", || receiver.heard().len() == 1);
        assert_eq!(b.say("c2", "meanwhile").unwrap()["t"], "ack");
        let first = a.wait_for(|frame| frame["cid"] == "c1" || frame["items"][0]["cid"] == "c2").unwrap();
        assert_eq!(first["t"], "batch", "{first}");
        let answer = a.wait_for(|frame| frame["cid"] == "c1").unwrap();
        assert_eq!(answer["t"], t, "{answer}");
        if policy == "refuse" {
            assert_eq!((&answer["code"], &answer["retry_after_ms"]), (&json!("unavailable"), &json!(1_000)));
            // It has cost nothing: the same may be said again, and is asked again.
            a.send(&slow).unwrap();
            wait_for("the question again", || receiver.heard().len() == 3);
        }
    }
}

#[test]
fn the_backend_decides_who_comes_in() {
    let receiver = Receiver::answering(|heard, _| match heard.json()["data"]["user"].as_str() {
        Some("troll") => says(json!({"allow": false, "reason": "not you"})),
        Some("slow") => Reply::Stall,
        _ => says(json!({"allow": true})),
    });
    let (_data, weir) = asking("on_join", &receiver, "timeout_ms = 300\ncache_ms = 60000");
    for _ in 0..2 {
        let refused = try_to_enter(&weir, "r1", "troll").err().expect("no welcome").to_string();
        assert!(refused.contains("not you") && refused.contains("\"bye\""), "{refused}");
    }
    let asked = receiver.heard();
    assert_eq!(asked.len(), 1, "the same question is not asked again at once");
    assert_eq!(asked[0].kind(), "join");
    assert_eq!(asked[0].json()["data"], json!({"room": "r1", "user": "troll", "ip": "127.0.0.1"}));
    let late = try_to_enter(&weir, "r1", "slow").err().expect("no welcome").to_string();
    assert!(late.contains("hook_failed") && late.contains("reconnect_in_ms"), "{late}");
    let nowhere = try_to_enter(&weir, "r2", "a").err().expect("no welcome").to_string();
    assert!(nowhere.contains("not_found"), "{nowhere}");
    assert_eq!(receiver.heard().len(), 2, "nobody is asked about a room that is not there");
    let a = try_to_enter(&weir, "r1", "a").expect("a welcome");
    assert_eq!(a.welcome["counters"]["online"], 1);
}
