//! Webhooks against receivers that work, fail, stall and lie.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;
use testkit::http;
use weir::clock::Clock;

use crate::api::{Api, assert_error};
use crate::cli::Process;
use crate::ffmpeg;
use crate::harness::{Folder, Weir, wait_for};
use crate::receiver::{Heard, Receiver, Reply};
use crate::show::{begin, on_air};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEXT_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const HOUR_MS: i64 = 3_600_000;

/// A `[[webhook]]` at a receiver of this machine.
pub fn webhook(name: &str, receiver: &Receiver, more: &str) -> String {
    let url = receiver.url("/in");
    format!(
        "[[webhook]]\nname = \"{name}\"\nurl = \"{url}\"\nsecret = \"{SECRET}\"\nallow_private = true\n{more}\n"
    )
}

/// What a receiver was told, as kind and reason.
fn told(receiver: &Receiver) -> Vec<String> {
    let word = |heard: &Heard| {
        let reason = heard.json()["data"]["reason"].as_str().unwrap_or_default().to_owned();
        format!("{} {reason}", heard.kind()).trim_end().to_owned()
    };
    receiver.heard().iter().map(word).collect()
}

/// The newest word of the log of deliveries about this endpoint.
fn newest(api: &Api, endpoint: &str) -> serde_json::Value {
    api.get(&format!("webhooks/deliveries?endpoint={endpoint}&limit=1"))["deliveries"][0].clone()
}

/// Whether the library of Standard Webhooks takes what came.
fn is_genuine(heard: &Heard, secret: &str) -> bool {
    let script = "
import json, sys
from standardwebhooks import Webhook
given = json.load(sys.stdin)
try:
    Webhook(given['secret']).verify(given['body'], given['headers'])
except Exception as error:
    sys.exit(str(error) or 1)";
    let headers: serde_json::Map<_, _> = ["webhook-id", "webhook-timestamp", "webhook-signature"]
        .map(|name| (name.to_owned(), heard.header(name).into()))
        .into_iter()
        .collect();
    let python = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/.venv/bin/python");
    let mut child = Command::new(python)
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("python of tests/.venv");
    let given = json!({"secret": secret, "body": heard.body, "headers": headers}).to_string();
    child.stdin.take().expect("piped").write_all(given.as_bytes()).expect("written");
    child.wait().expect("an end").success()
}

#[test]
fn a_show_and_its_recording_are_told_signed_and_in_order() {
    let receiver = Receiver::start();
    let data = Folder::new("webhooks");
    let file = webhook("backend", &receiver, &format!("backup_secret = \"{NEXT_SECRET}\"\nevents = [\"*\"]"));
    let file = format!("{file}\n[[record]]\ngap_seconds = 0\n");
    let weir = Weir::start_file_in(data.path(), &file, &[("hub.grace_seconds", "0")]);
    let pushed = ffmpeg::push(&weir.rtmp_url("live/a?k=v"), 2);
    let started = receiver.wait_kind("stream.started");
    assert!(is_genuine(&started, SECRET) && is_genuine(&started, NEXT_SECRET), "{}", started.head);
    assert!(!is_genuine(&Heard { body: started.body.replace("live", "life"), ..started.clone() }, SECRET));
    let other = SECRET.replace("MfKQ", "MfKR");
    assert!(!is_genuine(&started, &other));
    assert_eq!(pushed.wait().code, Some(0));
    receiver.wait_kind("stream.ended");
    receiver.wait_kind("recording.finished");
    receiver.wait_kind("publish.ended");
    let heard = receiver.heard();
    let ids: std::collections::HashSet<_> = heard.iter().map(|heard| heard.header("webhook-id")).collect();
    assert_eq!(ids.len(), heard.len(), "each event comes once when all is well");
    let at = |kind: &str| heard.iter().position(|heard| heard.kind() == kind).expect(kind);
    for (first, then) in [
        ("stream.started", "stream.ended"),
        ("publish.started", "publish.ended"),
        ("recording.started", "recording.file_finished"),
        ("recording.file_finished", "recording.finished"),
    ] {
        assert!(at(first) < at(then), "{first} {then}");
    }
    let data = |kind: &str| heard[at(kind)].json()["data"].clone();
    let ended = data("stream.ended");
    assert_eq!(
        (&ended["app"], &ended["stream"], &ended["reason"]),
        (&json!("live"), &json!("a"), &json!("ended"))
    );
    assert!(
        ended["duration_ms"].as_u64().expect("a time") > 500
            && ended["bytes"].as_u64().expect("bytes") > 1_000
    );
    let publisher = &ended["publisher"];
    assert_eq!(
        (&publisher["protocol"], &publisher["param"], &publisher["ip"], &publisher["client_id"]),
        (&json!("rtmp"), &json!("k=v"), &json!("127.0.0.1"), &data("publish.ended")["client_id"])
    );
    let file = data("recording.file_finished");
    let path =
        format!("{}/{}", file["root"].as_str().expect("a folder"), file["path"].as_str().expect("a file"));
    assert_eq!(std::fs::metadata(path).expect("the file").len(), file["bytes"].as_u64().expect("bytes"));
    assert_eq!(data("recording.finished")["recording"], file["recording"]);
    // The viewer's second is told as well, and a first attempt is made at once.
    let wait = heard.iter().map(|heard| {
        let told: i64 = heard.header("webhook-timestamp").parse().expect("a time");
        told - weir::time::unix_seconds(
            &heard.json()["timestamp"].as_str().expect("a time").replace(char::is_whitespace, ""),
        )
        .expect("a time")
    });
    assert!(wait.max().expect("some") <= 2);
}

#[test]
fn attempts_go_on_for_three_days_and_the_next_of_the_stream_waits() {
    static TRIES: std::sync::Mutex<Vec<String>> = std::sync::Mutex::new(Vec::new());
    // The first stream's beginning is refused eight times, in every way there is; another stream is not held up.
    let receiver = Receiver::answering(|heard, _| {
        let is_first = heard.kind() == "stream.started" && heard.json()["data"]["stream"] == "a";
        match heard.header("webhook-id") {
            // A connection that is kept would be tried again when it is closed.
            _ if !is_first => Reply::Last(String::new()),
            id => {
                let mut tries = TRIES.lock().expect("tries");
                tries.push(id);
                match tries.len() {
                    1 => Reply::Close,
                    2 => Reply::status(500),
                    3 => Reply::With(302, "Location: http://169.254.169.254/\r\n", String::new()),
                    4 => Reply::Stall,
                    5 => Reply::With(429, "Retry-After: 20000\r\n", String::new()),
                    6 => Reply::With(404, "", "no\u{7}where".into()),
                    7 => Reply::With(503, "Retry-After: soon\r\n", String::new()),
                    _ => Reply::Endless,
                }
            }
        }
    });
    let api = Api::with_file(
        &webhook("backend", &receiver, "timeout_seconds = 1\nevents = [\"stream.*\"]"),
        &[("hub.grace_seconds", "0")],
    );
    drop(on_air(&api.weir, "live/a"));
    drop(on_air(&api.weir, "live/b"));
    let ended_b = || told(&receiver).iter().filter(|told| *told == "stream.ended ended").count();
    wait_for("the other stream's end", || ended_b() == 1);
    let tries = || TRIES.lock().expect("tries").len();
    let first = || newest(&api, "backend&event=stream.started&state=waiting");
    let steps = [5_000, 300_000, 30 * 60_000, 2 * HOUR_MS, 20_000_000, 10 * HOUR_MS, 14 * HOUR_MS];
    for (number, step) in steps.into_iter().enumerate() {
        wait_for("the log of the attempt", || first()["attempts"] == number + 1);
        assert_eq!((tries(), ended_b()), (number + 1, 1), "the end waits for the beginning");
        let due = |of: &serde_json::Value, name: &str| of[name].as_i64().expect("a time");
        let log = first();
        let pause = due(&log, "due_ms") - due(&log, "attempted_ms");
        // The two are two looks at the clock.
        assert!(
            (step - 10..=step + step / 5 + 1_000).contains(&pause),
            "attempt {number}: {pause} of {step}"
        );
        api.weir.clock.set_unix_ms(due(&log, "due_ms") + 1);
    }
    // The eighth is cut off in the middle of an answer that says yes.
    wait_for("the end behind it", || ended_b() == 2);
    let ids = TRIES.lock().expect("tries").clone();
    assert_eq!((ids.len(), ids.iter().collect::<std::collections::HashSet<_>>().len()), (8, 1));
    let metrics = weir::metrics::text(api.weir.app());
    for (result, count) in
        [("server_error", 2), ("broken", 1), ("redirect", 1), ("timeout", 1), ("refused", 2)]
    {
        let line =
            format!("weir_webhook_attempts_total{{event=\"stream.started\",result=\"{result}\"}} {count}");
        assert!(metrics.contains(&line), "{line} in {metrics}");
    }
}

#[test]
fn who_is_down_for_longer_is_given_up_and_may_be_told_again() {
    let receiver = Receiver::answering(|_, before| Reply::status(if before < 10 { 500 } else { 200 }));
    let api = Api::with_file(&webhook("backend", &receiver, "events = [\"stream.started\"]"), &[]);
    let _publisher = on_air(&api.weir, "live/a");
    for attempt in 1..=9 {
        wait_for("the attempt", || newest(&api, "backend")["attempts"] == attempt);
        api.weir.clock.set_unix_ms(newest(&api, "backend")["due_ms"].as_i64().expect("a time") + 1);
    }
    wait_for("the end of it", || newest(&api, "backend")["state"] == "failed");
    let log = newest(&api, "backend");
    assert_eq!(
        (&log["attempts"], &log["status"], &log["event"]),
        (&json!(10), &json!(500), &json!("stream.started"))
    );
    let id = log["id"].as_i64().expect("a number");
    let path = format!("webhooks/deliveries/{id}/replay");
    assert_error(&api.ask("POST", &path, &api.read, ""), 403, "read_only_key");
    assert_eq!(api.write("POST", &path, json!(null)).status, 202);
    wait_for("the delivery", || newest(&api, "backend")["state"] == "delivered");
    assert_error(&api.write("POST", "webhooks/deliveries/999/replay", json!(null)), 404, "no_delivery");
    let ids: std::collections::HashSet<_> =
        receiver.heard().iter().map(|heard| heard.header("webhook-id")).collect();
    assert_eq!((receiver.heard().len(), ids.len()), (11, 1));
}

#[test]
fn an_endpoint_that_is_gone_is_left_alone_until_an_operator_says_so() {
    let receiver = Receiver::answering(|_, before| Reply::status(if before == 0 { 410 } else { 200 }));
    let api = Api::with_file(&webhook("backend", &receiver, "events = [\"stream.started\"]"), &[]);
    let _publisher = on_air(&api.weir, "live/a");
    let state = || api.get("webhooks")["webhooks"][0].clone();
    wait_for("it is disabled", || !state()["disabled_since"].is_null());
    let _another = on_air(&api.weir, "live/b");
    wait_for("both wait", || state()["waiting"] == 2);
    assert_eq!(receiver.heard().len(), 1);
    let shown = api.get("webhooks").to_string();
    assert!(!shown.contains("whsec_") && !shown.contains("/in"), "{shown}");
    assert_error(&api.write("POST", "webhooks/other/enable", json!(null)), 404, "no_webhook");
    assert_eq!(api.write("POST", "webhooks/backend/enable", json!(null)).status, 204);
    receiver.wait(3);
    wait_for("nothing waits", || state()["waiting"] == 0 && state()["disabled_since"].is_null());
}

#[test]
fn a_publisher_that_comes_back_within_the_grace_is_one_stream_and_two_publishers() {
    let receiver = Receiver::start();
    let events = "events = [\"stream.*\", \"publish.started\"]";
    let api = Api::with_file(&webhook("backend", &receiver, events), &[("hub.grace_seconds", "2")]);
    drop(on_air(&api.weir, "live/a"));
    let again = on_air(&api.weir, "live/a");
    wait_for("both publishers", || {
        receiver.kinds().iter().filter(|kind| *kind == "publish.started").count() == 2
    });
    drop(again);
    receiver.wait_kind("stream.ended");
    let streams: Vec<_> = receiver.kinds().into_iter().filter(|kind| kind.starts_with("stream.")).collect();
    assert_eq!(streams, ["stream.started", "stream.ended"]);
}

#[test]
fn a_kill_between_the_event_and_its_delivery_loses_nothing() {
    let failing = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let is_down = failing.clone();
    let receiver = Receiver::answering(move |_, _| {
        Reply::status(if is_down.load(std::sync::atomic::Ordering::SeqCst) { 503 } else { 200 })
    });
    let folder = Folder::new("webhooks-kill");
    let config = folder.file("weir.toml");
    std::fs::write(&config, webhook("backend", &receiver, "events = [\"stream.*\"]")).expect("a file");
    let args = ["--config", &*config.to_string_lossy()];
    let env = [("WEIR__PUSH__SCHEME", "open")];
    let server = Process::serve(&folder, &args, &env);
    let _publisher = begin(&server.rtmp_url("live/a"));
    let first = receiver.wait(1).remove(0);
    drop(server);
    failing.store(false, std::sync::atomic::Ordering::SeqCst);
    let server = Process::serve(&folder, &args, &env);
    wait_for("the end of the stream", || {
        told(&receiver).last().is_some_and(|last| last == "stream.ended server_lost")
    });
    let heard = receiver.heard();
    let again: Vec<_> = heard.iter().filter(|heard| heard.kind() == "stream.started").collect();
    assert!(
        again.len() >= 2
            && again.iter().all(|heard| heard.header("webhook-id") == first.header("webhook-id"))
    );
    assert!(again.iter().all(|heard| heard.body == first.body), "the same event has the same body");
    // What has been delivered is not told again by the next start, and neither is the end.
    wait_for("all that is delivered to be written down", || {
        let waiting = server.ask("/api/v1/webhooks/deliveries?endpoint=backend&state=waiting");
        serde_json::from_str::<serde_json::Value>(&waiting).expect("JSON")["deliveries"] == json!([])
    });
    let count = receiver.heard().len();
    server.terminate();
    let server = Process::serve(&folder, &args, &env);
    server.rtmp_url("live/a");
    let _publisher = begin(&server.rtmp_url("live/b"));
    wait_for("the next stream", || receiver.heard().len() > count);
    let next = &receiver.heard()[count];
    assert_eq!((next.kind().as_str(), &next.json()["data"]["stream"]), ("stream.started", &json!("b")));
    // A stop in good order says what ends with it, if not at once then after the next start.
    server.terminate();
    let _server = Process::serve(&folder, &args, &env);
    wait_for("the end of that", || {
        told(&receiver).last().is_some_and(|last| last == "stream.ended server_stop")
    });
}

/// Whether the database of this data folder holds what will be told if the server dies.
fn has_will(data: &std::path::Path) -> bool {
    use sqlx::Connection as _;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let options =
            sqlx::sqlite::SqliteConnectOptions::new().filename(data.join("weir.db")).read_only(true);
        let mut database = sqlx::SqliteConnection::connect_with(&options).await.expect("the file");
        let count: i64 =
            sqlx::query_scalar("SELECT count(*) FROM will").fetch_one(&mut database).await.expect("a table");
        count > 0
    })
}

#[test]
fn the_end_of_a_lost_stream_is_told_once_whichever_of_the_two_events_is_wanted() {
    for kind in ["stream.ended", "stream.started"] {
        let receiver = Receiver::start();
        let folder = Folder::new("webhooks-lost");
        let config = folder.file("weir.toml");
        std::fs::write(&config, webhook("backend", &receiver, &format!("events = [\"{kind}\"]")))
            .expect("a file");
        let args = ["--config", &*config.to_string_lossy()];
        let env = [("WEIR__PUSH__SCHEME", "open")];
        let server = Process::serve(&folder, &args, &env);
        let _publisher = begin(&server.rtmp_url("live/a"));
        wait_for("the will", || has_will(&folder.file("data")));
        drop(server);
        let server = Process::serve(&folder, &args, &env);
        wait_for("the end of the will", || !has_will(&folder.file("data")));
        let expected = if kind == "stream.ended" { "stream.ended server_lost" } else { "stream.started" };
        wait_for("the event", || !told(&receiver).is_empty());
        // What was delivered a moment before the kill may be told once more, and nothing else.
        assert!(told(&receiver).iter().all(|told| told == expected), "{kind}: {:?}", told(&receiver));
        drop(server);
    }
}

#[test]
fn an_operator_can_try_an_endpoint_and_see_it_on_the_command_line() {
    let receiver = Receiver::start();
    let api = Api::with_file(&webhook("backend", &receiver, ""), &[]);
    let (server, data) = (format!("http://{}", api.weir.http), api.data.file("none"));
    let run = |words: &[&str]| {
        let flags = ["--server", &server, "--key", &api.write, "--data", &*data.to_string_lossy()];
        let words: Vec<&str> = ["webhooks"].into_iter().chain(words.iter().copied()).chain(flags).collect();
        crate::cli::run(&words, &[])
    };
    assert_eq!(run(&["test", "backend"]).code, Some(0));
    assert_eq!(receiver.wait(1)[0].kind(), "ping");
    wait_for("the log", || newest(&api, "backend")["state"] == "delivered");
    let list = run(&["list"]).stdout;
    assert!(list.contains("backend") && list.contains("127.0.0.1") && !list.contains("/in"), "{list}");
    let log = run(&["deliveries", "--state", "delivered"]).stdout;
    assert!(log.contains("ping") && log.contains("200"), "{log}");
    let id = newest(&api, "backend")["id"].to_string();
    assert_eq!(run(&["replay", &id]).code, Some(0));
    assert_eq!(receiver.wait(2)[1].header("webhook-id"), receiver.heard()[0].header("webhook-id"));
    let wrong = run(&["test", "other"]);
    assert!(wrong.code == Some(1) && wrong.stderr.contains("no webhook"), "{}", wrong.stderr);
    let made = crate::cli::run(&["webhooks", "secret"], &[]).stdout;
    assert!(weir::webhook::SigningKey::parse(made.trim()).is_ok(), "{made}");
}

/// The documents, whose receiver is run as it stands there.
const DOCUMENTS: [&str; 2] =
    [include_str!("../../../../docs/en/webhooks.md"), include_str!("../../../../docs/zh/webhooks.md")];

#[test]
fn the_receiver_in_the_documents_works() {
    let folder = Folder::new("webhooks-docs");
    for (number, document) in DOCUMENTS.into_iter().enumerate() {
        let script =
            document.split("```js\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a receiver");
        let file = folder.file(&format!("receiver{number}.mjs"));
        std::fs::write(&file, script).expect("a file");
        // Free until a moment ago.
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a port")
            .port();
        let mut node = Command::new("node")
            .arg(&file)
            .envs([("WEBHOOK_SECRET", SECRET.to_owned()), ("PORT", port.to_string())])
            .stdout(Stdio::piped())
            .spawn()
            .expect("node");
        let mut lines = std::io::BufRead::lines(std::io::BufReader::new(node.stdout.take().expect("piped")));
        assert_eq!(lines.next().expect("a line").expect("text"), "ready");
        let webhook = format!(
            "[[webhook]]\nname = \"backend\"\nurl = \"http://127.0.0.1:{port}/\"\nsecret = \"{SECRET}\"\nallow_private = true\n"
        );
        let api = Api::with_file(&webhook, &[]);
        let _publisher = on_air(&api.weir, "live/room1");
        let line = lines.next().expect("a line").expect("text");
        assert!(line.ends_with("stream.started live room1"), "{line}");
        wait_for("the delivery", || newest(&api, "backend")["state"] == "delivered");
        let forged = http::exchange(
            ([127, 0, 0, 1], port).into(),
            b"POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 2\r\nwebhook-id: a\r\nwebhook-timestamp: 1\r\n\r\n{}",
        );
        assert_eq!(forged.expect("an answer").status, 401);
        let _ = node.kill();
        let _ = node.wait();
    }
}

#[test]
fn a_reload_changes_who_is_told() {
    let (old, new) = (Receiver::start(), Receiver::start());
    let folder = Folder::new("webhooks-reload");
    let file = folder.file("weir.toml");
    let api = Api::with_file(&webhook("old", &old, ""), &[]);
    let _publisher = on_air(&api.weir, "live/a");
    old.wait(1);
    std::fs::write(&file, webhook("old", &old, "")).expect("a file");
    api.weir.reload_from(&file, &[("push.scheme", "open"), ("play.scheme", "open")]);
    std::fs::write(&file, webhook("new", &new, "")).expect("a file");
    let outcome = api.weir.app().reload().expect("a reload");
    assert!(outcome.applied.iter().any(|key| key == "webhook[0].name"), "{outcome:?}");
    let _another = on_air(&api.weir, "live/b");
    assert_eq!(new.wait(1)[0].json()["data"]["stream"], "b");
    assert_eq!(old.heard().len(), 1);
}

#[test]
fn without_webhooks_nothing_is_written_for_them_and_private_addresses_want_a_word() {
    let api = Api::new();
    let _publisher = on_air(&api.weir, "live/a");
    let count = api.weir.block_on(async {
        let store = api.weir.app().store.as_ref().expect("a database");
        store.writer.flush().await;
        store.outbox.oldest_unrouted_ms().await.expect("an answer")
    });
    assert_eq!((count, api.get("webhooks")["webhooks"].as_array().map(Vec::len)), (None, Some(0)));
    for url in ["http://127.0.0.1:9/", "http://[::1]/", "http://10.1.2.3/", "http://169.254.169.254/latest"] {
        let text = format!("[[webhook]]\nname = \"a\"\nurl = \"{url}\"\nsecret = \"{SECRET}\"\n");
        let problems = weir::config::Config::from_toml(&text).expect_err(url).to_string();
        assert!(problems.contains("allow_private"), "{problems}");
        assert!(!problems.contains("latest"), "{problems}");
    }
    // A name that leads there is found out when it is called.
    let text = format!("[[webhook]]\nname = \"a\"\nurl = \"http://localhost:9/\"\nsecret = \"{SECRET}\"\n");
    let data = Folder::new("webhooks-private");
    let weir = Weir::start_file_in(data.path(), &text, &[]);
    let _stream = on_air(&weir, "live/a");
    wait_for("the refusal", || {
        weir::metrics::text(weir.app())
            .contains("weir_webhook_attempts_total{event=\"stream.started\",result=\"private_address\"} 1")
    });
}

#[test]
fn a_day_of_many_streams_is_told_in_order_side_by_side() {
    let receiver = Receiver::answering(|_, before| {
        std::thread::sleep(Duration::from_millis(20));
        Reply::status(if before % 7 == 3 { 500 } else { 200 })
    });
    let clock = Clock::system();
    let api = Api::with_file(&webhook("backend", &receiver, "events = [\"message.*\"]"), &[]);
    let store = api.weir.app().store.clone().expect("a database");
    for number in 0..120 {
        let subject = format!("room:{}", number % 12);
        let event = weir::event::new(
            "message.sent",
            subject,
            clock.unix_ms(),
            &json!({"n": number, "room": number % 12}),
        );
        store.writer.put_event(event);
    }
    let done = || {
        api.weir.block_on(store.outbox.waiting()).expect("an answer").is_empty()
            && receiver.heard().len() >= 120
    };
    wait_for("all of them", || {
        // Those that failed are due in a few seconds of the calendar.
        api.weir.clock.set_unix_ms(api.weir.clock.unix_ms() + 10_000);
        done()
    });
    let mut newest = std::collections::HashMap::new();
    let mut ids = std::collections::HashSet::new();
    for heard in receiver.heard() {
        let data = &heard.json()["data"];
        let (room, number) = (data["room"].as_i64().expect("a room"), data["n"].as_i64().expect("a number"));
        let before = newest.insert(room, number).unwrap_or(-1);
        assert!(
            number == before || number == before + 12 || before == -1,
            "room {room}: {number} after {before}"
        );
        ids.insert(heard.header("webhook-id"));
    }
    assert_eq!(ids.len(), 120);
}
