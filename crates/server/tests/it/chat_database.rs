//! What a show and its chat owe to the database: nothing while it is locked, and one second when the server is killed.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use control::room::settings::Settings;
use serde_json::json;
use sqlx::Connection as _;
use testkit::chat::ChatClient;
use testkit::clip::Clip;
use weir::operator::keys;
use weir::store::rooms::Query;

use crate::chat::{enter, room, token, with_room};
use crate::cli::Process;
use crate::harness::{Folder, Weir, random, wait_for};
use crate::show;

/// For so long nobody but another program uses the database.
const LOCKED: Duration = Duration::from_secs(30);

/// Longest wait for a word or a second of picture meanwhile, on a machine with other work.
const PROMPT: Duration = Duration::from_secs(2);

/// What was said so long before a kill is kept.
const LOSS: Duration = Duration::from_secs(1);

async fn lock(data: &Path) -> sqlx::SqliteConnection {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(data.join("weir.db"));
    let mut other = sqlx::SqliteConnection::connect_with(&options).await.expect("the file");
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut other).await.expect("a lock");
    other
}

#[test]
fn a_database_that_is_locked_holds_up_no_picture_and_no_chat_and_loses_nothing() {
    let (data, weir) = with_room(Settings::default());
    let (mut a, mut b) = (enter(&weir, "a"), enter(&weir, "b"));
    let mut push = show::on_air(&weir, "live/r1");
    a.wait_item(|item| item["state"] == "live").unwrap();
    let followers = show::one_on_each_wire(&weir, "live/r1", 40);
    weir.wait_viewers("live/r1", followers.len());
    let locked = weir.block_on(lock(data.path()));
    let app = weir.shared();
    let written = || app.rooms.store().unwrap().chat.figures().written;
    let (before, began) = (written(), Instant::now());
    // Whoever comes in now does not wait, while what a moderator does waits, and is refused and not done.
    let mut host = enter(&weir, "host");
    host.send(&json!({"t": "do", "cid": "m", "what": "mute", "user": "a"})).unwrap();
    let _second = show::on_air(&weir, "live/r2");
    assert!(began.elapsed() < PROMPT, "whoever comes waits for the database");
    let (mut number, mut second) = (0, 1);
    while began.elapsed() < LOCKED {
        let asked = Instant::now();
        show::send_in_step(
            &mut push,
            &followers,
            &Clip::default().shots(second * 1_000, (second + 1) * 1_000),
        );
        second += 1;
        let text = format!("message {}", number + 1);
        let ack = a.say(&format!("c{second}"), &text).unwrap();
        match ack["t"].as_str() {
            Some("ack") => {
                number += 1;
                b.wait_item(|item| item["text"] == text.as_str()).unwrap();
            }
            _ => assert_eq!(ack["code"], "rate_user", "{ack}"),
        }
        assert!(asked.elapsed() < PROMPT, "picture and chat wait for the database");
        // Told to wait, they wait.
        std::thread::sleep(Duration::from_millis(ack["retry_after_ms"].as_u64().unwrap_or_default()));
    }
    assert!(number >= 20, "{number} messages");
    let told = host.wait_for(|frame| frame["cid"] == "m").unwrap();
    assert_eq!(told["code"], "unavailable", "{told}");
    assert_eq!(written(), before);
    weir.block_on(async move { locked.close().await }).unwrap();
    weir.wait_for("everything is in the database", || written() >= before + number);
    drop(push);
    show::finish_without_faults(followers);
}

#[test]
fn a_kill_loses_no_more_than_the_last_second_of_the_chat() {
    const PEOPLE: usize = 10;
    let folder = Folder::new("chat");
    let data = folder.file("data");
    std::fs::create_dir_all(&data).expect("a folder");
    let weir = Weir::start_in(&data, &[]);
    let store = weir.app().rooms.store().expect("a database").clone();
    weir.block_on(async move { store.rooms.create(&room("r1", Settings::default())).await }).unwrap();
    let tokens: Vec<String> = (0..PEOPLE).map(|user| token(&weir, &format!("u{user}"))).collect();
    weir.stop();

    let process = Process::serve(&folder, &[], &[]);
    process.rtmp_url("live/r1");
    let local = keys::local(&data).expect("a file").expect("the server's own key");
    let addr: SocketAddr = local.server.trim_start_matches("http://").parse().expect("an address");
    let (acked, old, ended) = (Mutex::new(Vec::new()), AtomicUsize::new(0), AtomicUsize::new(0));
    let began = Instant::now();
    let killed = std::thread::scope(|scope| {
        for (user, token) in tokens.iter().enumerate() {
            let (acked, old, ended) = (&acked, &old, &ended);
            scope.spawn(move || {
                let mut client =
                    ChatClient::enter(addr, &json!({"room": "r1", "token": token})).expect("a welcome");
                for number in 0.. {
                    let text = format!("{user}: {number}");
                    let Ok(ack) = client.say(&format!("c{number}"), &text) else { break };
                    if let Some(seq) = ack["seq"].as_u64() {
                        acked.lock().expect("acks").push((seq, text, Instant::now()));
                        let is_old = began.elapsed() < Duration::from_secs(2);
                        old.fetch_add(usize::from(is_old), Ordering::Relaxed);
                    }
                    // Told to wait, they wait.
                    std::thread::sleep(Duration::from_millis(ack["retry_after_ms"].as_u64().unwrap_or(10)));
                }
                ended.fetch_add(1, Ordering::Relaxed);
            });
        }
        // At a moment that nobody knows before, so that it falls between two commits anywhere.
        let enough = Duration::from_millis(2_500 + random(2_500));
        wait_for("some seconds of chat", || {
            assert_eq!(ended.load(Ordering::Relaxed), 0, "a client was sent away");
            began.elapsed() > enough && old.load(Ordering::Relaxed) >= PEOPLE
        });
        let killed = Instant::now();
        // Kills it.
        drop(process);
        killed
    });
    let acked = acked.into_inner().expect("acks");

    let weir = Weir::start_in(&data, &[]);
    let store = weir.app().rooms.store().expect("a database").clone();
    let kept = weir
        .block_on(async move { store.rooms.messages("r1", &Query { limit: 500, ..Query::default() }).await })
        .unwrap();
    for (seq, text, at) in &acked {
        let is_kept = kept.iter().any(|message| message.seq == *seq);
        assert!(is_kept || killed.saturating_duration_since(*at) < LOSS, "{seq} {text} was lost");
    }
    // Numbers go on behind what was acknowledged, whether it was kept or not.
    let highest = acked.iter().map(|(seq, ..)| *seq).max().expect("acks");
    let ack = enter(&weir, "a").say("c", "after").unwrap();
    assert!(ack["seq"].as_u64() > Some(highest), "{ack} after {highest}");
}
