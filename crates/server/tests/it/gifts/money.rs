//! The operator's wallet: one that does as agreed, and ones that stall, fail, forget and lie.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use weir::webhook::{SigningKey, signatures};

use super::{enter, gift, ledger, with_gifts};
use crate::api::Api;
use crate::harness::{Weir, wait_for};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// How the wallet answers.
enum Does {
    Say(Value),
    Status(u16),
    Bytes(&'static [u8]),
    Stall,
}

/// What a wallet was asked, in order.
type Asked = Arc<Mutex<Vec<Value>>>;

/// A wallet that answers as `answer` says; it is given the question, and how often this id and action were asked before.
fn wallet(answer: impl Fn(&Value, usize) -> Does + Send + Sync + 'static) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/pay", listener.local_addr().expect("an address"));
    let asked = Asked::default();
    let (log, answer) = (asked.clone(), Arc::new(answer));
    std::thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            let (log, answer) = (log.clone(), answer.clone());
            std::thread::spawn(move || serve(socket, &log, &*answer));
        }
    });
    (url, asked)
}

fn serve(mut socket: TcpStream, log: &Asked, answer: &dyn Fn(&Value, usize) -> Does) {
    let (mut input, mut buffer) = (Vec::new(), [0; 4_096]);
    let (head, body) = loop {
        let Ok(count @ 1..) = socket.read(&mut buffer) else { return };
        input.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&input).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && serde_json::from_str::<Value>(body).is_ok()
        {
            break (head.to_lowercase(), body.to_owned());
        }
    };
    let original = String::from_utf8_lossy(&input).into_owned();
    let header = |name: &str| {
        let line = original.lines().find(|line| line.to_lowercase().starts_with(&format!("{name}: ")));
        line.map(|line| line[name.len() + 2..].to_owned()).unwrap_or_default()
    };
    assert!(head.starts_with("post /pay "), "{head}");
    let seconds = header("webhook-timestamp").parse().expect("a time");
    let key = SigningKey::parse(SECRET).expect("a key");
    assert_eq!(
        header("webhook-signature"),
        signatures(&[key], &header("webhook-id"), seconds, body.as_bytes())
    );
    let question: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(question["id"], header("webhook-id"));
    let before = {
        let mut log = log.lock().expect("a log");
        let same = |other: &&Value| other["id"] == question["id"] && other["action"] == question["action"];
        let before = log.iter().filter(same).count();
        log.push(question.clone());
        before
    };
    let (status, body) = match answer(&question, before) {
        Does::Say(value) => (200, value.to_string().into_bytes()),
        Does::Status(status) => (status, Vec::new()),
        Does::Bytes(bytes) => {
            let _ = socket.write_all(bytes);
            return;
        }
        Does::Stall => {
            // Until the other side gives up.
            while let Ok(1..) = socket.read(&mut buffer) {}
            return;
        }
    };
    let head = format!("HTTP/1.1 {status} Said\r\nContent-Length: {}\r\n\r\n", body.len());
    let _ = socket.write_all(&[head.as_bytes(), &body].concat());
}

fn yes(question: &Value) -> Does {
    Does::Say(json!({"ok": true, "id": question["id"], "amount": question["amount"], "reference": "w1"}))
}

fn no(question: &Value, code: &str) -> Does {
    Does::Say(json!({"ok": false, "id": question["id"], "code": code}))
}

fn with_wallet(url: &str) -> Api {
    with_gifts(&[
        ("wallet.url", url),
        ("wallet.secret", SECRET),
        ("wallet.timeout_ms", "400"),
        ("wallet.allow_private", "true"),
    ])
}

fn row(api: &Api, cid: &str) -> Value {
    let page = ledger(api, "");
    page["entries"].as_array().unwrap().iter().find(|row| row["cid"] == cid).cloned().unwrap_or_default()
}

/// What was asked about a send, in order: the action and the attempt.
fn actions(asked: &Asked, cid: &str) -> Vec<String> {
    let asked = asked.lock().unwrap();
    let of = asked.iter().filter(|question| question["cid"] == cid);
    of.map(|question| {
        let id = question["id"].as_str().unwrap();
        format!("{} {}", question["action"].as_str().unwrap(), id.rsplit('_').next().unwrap())
    })
    .collect()
}

#[test]
fn a_gift_is_paid_for_before_it_is_shown_and_the_wallet_is_told_until_it_answers() {
    let (url, asked) = wallet(|question, before| match question["action"].as_str() {
        Some("confirm") if before == 0 => Does::Status(500),
        _ => yes(question),
    });
    let api = with_wallet(&url);
    let mut a = enter(&api.weir, "a");
    let ack = a.ask(&gift("c1", "car", 3)).unwrap();
    assert_eq!(ack["t"], "ack", "{ack}");
    let question = asked.lock().unwrap()[0].clone();
    assert_eq!(
        (&question["user"], &question["amount"], &question["count"]),
        (&json!("a"), &json!(30), &json!(3))
    );
    assert_eq!(a.wait_item(|item| item["cid"] == "c1").unwrap()["gift"]["price"], 10);
    wait_for("the confirmation", || row(&api, "c1")["state"] == "confirmed");
    assert_eq!(actions(&asked, "c1"), ["reserve 0", "confirm 0", "confirm 0"]);
    assert_eq!(row(&api, "c1")["reference"], "w1");
    // Gifts for nothing are no matter of the wallet's.
    a.ask(&gift("c2", "rose", 1)).unwrap();
    assert_eq!(actions(&asked, "c2"), [""; 0]);
}

#[test]
fn what_a_wallet_is_owed_is_known_while_it_does_not_answer() {
    let (url, asked) = wallet(|question, _| match question["action"].as_str() {
        Some("confirm") => Does::Stall,
        _ => yes(question),
    });
    let api = with_wallet(&url);
    assert_eq!(enter(&api.weir, "a").ask(&gift("c1", "car", 3)).unwrap()["t"], "ack");
    wait_for("the question", || actions(&asked, "c1").len() == 2);
    assert_eq!(api.weir.app().wallet.owed(), 1);
}

#[test]
fn a_wallet_that_refuses_stalls_fails_or_lies_costs_nobody_anything() {
    let (url, asked) = wallet(|question, before| {
        match (question["cid"].as_str(), question["action"].as_str()) {
        (Some("poor"), Some("reserve")) if question["id"].as_str().unwrap().ends_with("_0") => no(question, "balance"),
        (Some("frozen"), Some("reserve")) => no(question, "frozen"),
        (Some("stall"), Some("reserve")) => Does::Stall,
        (Some("stall"), Some("cancel")) if before == 0 => Does::Status(503),
        (Some("fault"), Some("reserve")) => Does::Status(500),
        (Some("cheap"), Some("reserve")) => Does::Say(json!({"ok": true, "id": question["id"], "amount": 1})),
        (Some("other"), Some("reserve")) => Does::Say(json!({"ok": true, "id": "gift_x_0", "amount": 10})),
        (Some("twice"), Some("reserve")) => Does::Bytes(
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        ),
        (Some("gone"), Some("reserve")) => Does::Bytes(b""),
        (Some("regret"), Some("confirm")) => no(question, "expired"),
        _ => yes(question),
    }
    });
    let api = with_wallet(&url);
    let mut a = enter(&api.weir, "a");
    let answers = [
        ("poor", "balance"),
        ("frozen", "not_allowed"),
        ("stall", "unavailable"),
        ("fault", "unavailable"),
        ("cheap", "unavailable"),
        ("other", "unavailable"),
        ("twice", "unavailable"),
        ("gone", "unavailable"),
    ];
    for (cid, code) in answers {
        let told = a.ask(&gift(cid, "car", 1)).unwrap();
        assert_eq!(told["code"], code, "{cid}: {told}");
        assert_eq!(row(&api, cid)["state"], "cancelled", "{cid}");
    }
    // What may have been put aside is given back; what was refused was not.
    for (cid, expected) in [
        ("poor", &["reserve 0"][..]),
        ("stall", &["reserve 0", "cancel 0", "cancel 0"]),
        ("cheap", &["reserve 0", "cancel 0"]),
        ("gone", &["reserve 0", "cancel 0"]),
    ] {
        wait_for(&format!("what the wallet is told of {cid}"), || actions(&asked, cid) == expected);
    }
    assert_eq!(ledger(&api, "")["sums"], json!({"sends": 0, "gifts": 0, "value": 0}));
    assert!(a.items.iter().all(|item| item["kind"] != "gift"), "{:?}", a.items);
    // Money came in: the same send passes, under another id.
    assert_eq!(a.ask(&gift("poor", "car", 1)).unwrap()["t"], "ack");
    wait_for("the confirmation", || row(&api, "poor")["state"] == "confirmed");
    assert_eq!(actions(&asked, "poor"), ["reserve 0", "reserve 1", "confirm 1"]);
    // A wallet that goes back on its word: the ledger says so.
    assert_eq!(a.ask(&gift("regret", "car", 1)).unwrap()["t"], "ack");
    wait_for("the refusal", || row(&api, "regret")["reason"] == "confirm_refused");
    // All of that is counted.
    let figure = |name: &str| {
        let text = weir::metrics::text(api.weir.app());
        text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok()).unwrap_or_default()
    };
    wait_for("nothing owed", || figure("weir_wallet_owed") == 0.0);
    for (name, expected) in [
        ("weir_gifts_total{outcome=\"given\"}", 2.0),
        ("weir_gifts_total{outcome=\"balance\"}", 1.0),
        ("weir_gifts_total{outcome=\"unavailable\"}", 6.0),
        ("weir_wallet_calls_total{action=\"reserve\",outcome=\"yes\"}", 2.0),
        ("weir_wallet_calls_total{action=\"reserve\",outcome=\"no_answer\"}", 6.0),
        ("weir_wallet_calls_total{action=\"confirm\",outcome=\"refused\"}", 1.0),
        ("weir_wallet_calls_total{action=\"cancel\",outcome=\"yes\"}", 6.0),
        ("weir_ledger_rows_total{state=\"reserved\"}", 10.0),
        ("weir_ledger_rows_total{state=\"confirmed\"}", 1.0),
        ("weir_ledger_rows_total{state=\"cancelled\"}", 9.0),
    ] {
        wait_for(&format!("{name} = {expected}"), || figure(name) == expected);
    }
    assert!(figure("weir_wallet_call_seconds_count") >= 18.0);
}

#[test]
fn what_was_being_paid_for_when_the_server_ended_is_called_off_at_the_next_start() {
    let stalls =
        Arc::new(Mutex::new(HashMap::from([("reserve".to_owned(), ()), ("confirm".to_owned(), ())])));
    let which = stalls.clone();
    let (url, asked) = wallet(move |question, _| {
        let cid = question["cid"].as_str().unwrap();
        let action = question["action"].as_str().unwrap();
        let stalls = which.lock().unwrap().contains_key(action);
        if stalls && (cid == "open" || action == "confirm") { Does::Stall } else { yes(question) }
    });
    let keys = [
        ("wallet.url", url.as_str()),
        ("wallet.secret", SECRET),
        ("wallet.timeout_ms", "10000"),
        ("wallet.allow_private", "true"),
    ];
    let api = with_gifts(&keys);
    let mut a = enter(&api.weir, "a");
    assert_eq!(a.ask(&gift("shown", "car", 1)).unwrap()["t"], "ack");
    a.send(&gift("open", "car", 1)).unwrap();
    wait_for("the questions", || actions(&asked, "open").len() == 1 && actions(&asked, "shown").len() == 2);
    drop(a);
    let Api { weir, data, read, write } = api;
    weir.stop();
    stalls.lock().unwrap().clear();
    let weir = Weir::start_in(data.path(), &keys);
    let api = Api { weir, data, read, write };
    assert_eq!(row(&api, "open")["state"], "cancelled");
    wait_for("the wallet to be told", || {
        actions(&asked, "open") == ["reserve 0", "cancel 0"] && row(&api, "shown")["state"] == "confirmed"
    });
    // Whoever was acknowledged gets the same answer, and whoever was not may try again.
    let mut a = enter(&api.weir, "a");
    assert_eq!(a.ask(&gift("shown", "car", 1)).unwrap()["seq"], 1);
    assert_eq!(a.ask(&gift("open", "car", 1)).unwrap()["t"], "ack");
    wait_for("the confirmation", || actions(&asked, "open").last().is_some_and(|last| last == "confirm 1"));
}
