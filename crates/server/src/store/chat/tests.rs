use std::sync::Arc;

use control::person::Role;
use control::room::message::Author;

use super::*;
use crate::room::testing::about;
use crate::scratch::Scratch;
use crate::store::Store;
use crate::store::rooms::Query;

fn said(seq: u64) -> Message {
    let author =
        Author { id: "u1".into(), name: "小红".into(), avatar: String::new(), role: Role::Assistant };
    Message {
        seq,
        at_ms: 1_000 + seq.cast_signed(),
        media_ms: seq.is_multiple_of(2).then_some(seq.cast_signed()),
        from: Some(Arc::new(author)),
        cid: format!("c{seq}"),
        reply_to: (seq > 1).then_some(1),
        mentions: vec!["u2".into()],
        body: Body::Text(format!("text {seq}")),
    }
}

fn visit(user: &str, visits: u64, watch_ms: u64, inviter: Option<&str>) -> Visit {
    Visit {
        user: user.into(),
        name: user.to_uppercase(),
        inviter: inviter.map(str::to_owned),
        at_ms: 60_500,
        visits,
        watch_ms,
        ..Visit::default()
    }
}

async fn open(scratch: &Scratch) -> Store {
    let store = Store::open(scratch.path()).await.unwrap();
    tokio::spawn(store.chat.clone().run());
    store.rooms.create(&about("r1")).await.unwrap();
    store
}

/// Another process holds the database's lock until the connection is dropped.
async fn lock(scratch: &Scratch) -> sqlx::SqliteConnection {
    use sqlx::Connection as _;
    let path = scratch.path().join(crate::store::FILE);
    let mut other = sqlx::SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    other
}

#[tokio::test]
async fn what_is_said_and_counted_is_there_after_a_flush_and_only_for_rooms_that_are() {
    let scratch = Scratch::new();
    let store = open(&scratch).await;
    let said: Vec<Message> = (1..=77).map(said).collect();
    for message in &said {
        store.chat.put_message("r1", message, None);
        store.chat.put_message("gone", message, None);
    }
    store.chat.add("r1", Totals { likes: 5, peak: 9, ..Totals::default() });
    store.chat.add("r1", Totals { likes: 6, peak: 3, messages: 77, ..Totals::default() });
    store.chat.add("gone", Totals { likes: 5, ..Totals::default() });
    store.chat.add_minute("r1", 60_000, Minute { online: 4, likes: 11, ..Minute::default() });
    store.chat.visit("r1", visit("u1", 1, 0, None));
    store.chat.visit("r1", visit("u1", 0, 700, Some("u9")));
    store.chat.flush().await;
    store.chat.visit("r1", visit("u1", 1, 50, Some("u8")));
    store.chat.visit("r1", visit("u2", 0, 1, None));
    store.chat.add("r1", Totals { peak: 7, ..Totals::default() });
    store.chat.add_minute("r1", 60_000, Minute { online: 2, ..Minute::default() });
    store.chat.flush().await;

    let query = Query { after_seq: Some(0), limit: 100, ..Query::default() };
    assert_eq!(store.rooms.messages("r1", &query).await.unwrap(), said);
    assert_eq!(store.rooms.messages("gone", &query).await.unwrap(), []);
    let expected = Totals {
        likes: 11,
        peak: 9,
        messages: 77,
        visits: 2,
        visitors: 2,
        watch_ms: 751,
        ..Totals::default()
    };
    assert_eq!(store.rooms.totals("r1").await.unwrap(), expected);
    let minutes = store.rooms.minutes("r1", 0, i64::MAX, 10).await.unwrap();
    assert_eq!(minutes, [(60_000, Minute { online: 4, likes: 11, visits: 2, ..Minute::default() })]);
    let visitors = store.rooms.visitors("r1", None, None, 10).await.unwrap();
    let u1 = &visitors[0];
    assert_eq!((u1.visits, u1.watch_ms, u1.inviter.as_deref(), u1.first_ms), (2, 750, Some("u9"), 60_500));
    assert_eq!(visitors.len(), 2);
    let figures = store.chat.figures();
    assert_eq!((figures.waiting_rows, figures.waiting_bytes, figures.dropped), (0, 0, 0));
}

#[tokio::test]
async fn a_room_that_begins_anew_finds_what_the_one_before_left_in_the_queue() {
    let scratch = Scratch::new();
    let store = open(&scratch).await;
    for seq in 1..=60 {
        store.chat.put_message("r1", &said(seq), None);
    }
    let loaded = store.rooms.load("r1", 0).await.unwrap().unwrap();
    assert_eq!((loaded.after_seq > 60, loaded.recent.len()), (true, 50));
    assert_eq!((loaded.recent[0].seq, loaded.recent[49].seq), (11, 60));
    // What was said a moment ago can be taken back.
    store.chat.put_message("r1", &said(61), None);
    assert!(store.rooms.recall("r1", 61, "user:a", 5).await.unwrap());
    let after_seq = loaded.after_seq;
    let loaded = store.rooms.load("r1", 0).await.unwrap().unwrap();
    assert_eq!((loaded.after_seq > after_seq, loaded.recent[49].seq), (true, 60));
}

#[tokio::test]
async fn a_room_of_which_a_crash_left_nothing_begins_after_the_numbers_that_it_gave() {
    let scratch = Scratch::new();
    let store = open(&scratch).await;
    let first = store.rooms.load("r1", 0).await.unwrap().unwrap();
    assert_eq!(first.after_seq, 0);
    // What was said then was lost.
    let second = store.rooms.load("r1", 0).await.unwrap().unwrap();
    let third = store.rooms.load("r1", 0).await.unwrap().unwrap();
    assert!(0 < second.after_seq && second.after_seq < third.after_seq, "{second:?} {third:?}");
    store.rooms.update(&third.about, 9).await.unwrap();
    assert!(store.rooms.load("r1", 0).await.unwrap().unwrap().after_seq > third.after_seq);
}

#[tokio::test]
async fn who_waits_for_the_database_does_not_wait_for_what_comes_later() {
    let scratch = Scratch::new();
    let store = open(&scratch).await;
    store.chat.put_message("r1", &said(1), None);
    let talker = store.chat.clone();
    let talks = tokio::spawn(async move {
        for seq in 2.. {
            talker.put_message("r1", &said(seq), None);
            tokio::task::yield_now().await;
        }
    });
    assert!(store.chat.flush().await);
    talks.abort();
    assert!(store.rooms.last_seq("r1").await.unwrap() >= 1);
}

#[tokio::test]
async fn a_locked_database_keeps_nobody_waiting_and_nothing_is_lost_or_written_twice() {
    let scratch = Scratch::new();
    let store = open(&scratch).await;
    let locked = lock(&scratch).await;
    store.chat.put_message("r1", &said(1), None);
    store.chat.add("r1", Totals { likes: 1, ..Totals::default() });
    store.chat.visit("r1", visit("u1", 1, 0, None));
    // The first attempt takes this out of the queue and fails after the time for which SQLite waits.
    let taken = async {
        while store.chat.figures().waiting_rows != 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(5), taken).await.unwrap();
    store.chat.put_message("r1", &said(2), None);
    store.chat.add("r1", Totals { likes: 2, ..Totals::default() });
    store.chat.visit("r1", visit("u1", 0, 9, None));
    let back = async {
        while store.chat.figures().waiting_rows < 5 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(15), back).await.unwrap();
    drop(locked);
    store.chat.flush().await;
    let query = Query { limit: 10, ..Query::default() };
    assert_eq!(store.rooms.messages("r1", &query).await.unwrap(), [said(1), said(2)]);
    let totals = store.rooms.totals("r1").await.unwrap();
    assert_eq!((totals.likes, totals.visitors, totals.visits, totals.watch_ms), (3, 1, 1, 9));
}

#[test]
fn beyond_its_bounds_the_oldest_messages_go_and_are_counted() {
    let mut waiting = Waiting::default();
    waiting.batch.totals.entry("r1".into()).or_default().likes = 3;
    let push = |waiting: &mut Waiting, seq, body: &str| {
        let message = Message { body: Body::Text(body.into()), ..said(seq) };
        waiting.bytes += message_bytes("r1", &message);
        waiting.batch.said.push_back(Said { room: "r1".into(), message: Some(message), event: None });
        waiting.shed();
    };
    let long = "x".repeat(MAX_BYTES / 10);
    for seq in 1..=20 {
        push(&mut waiting, seq, &long);
    }
    assert_eq!((waiting.batch.said.len(), waiting.dropped), (9, 11));
    assert_eq!(waiting.batch.messages().next().unwrap().1.seq, 12);
    assert!(waiting.bytes <= MAX_BYTES && waiting.bytes == waiting.batch.bytes());
    assert_eq!(waiting.batch.totals["r1"].likes, 3);
}

/// Far slower than a release build, and still more than any number of rooms can be read in.
#[tokio::test]
async fn thousands_of_messages_a_second_are_written() {
    let scratch = Scratch::new();
    let store = open(&scratch).await;
    let begun = std::time::Instant::now();
    for seq in 1..=10_000 {
        store.chat.put_message("r1", &said(seq), None);
    }
    store.chat.flush().await;
    let took = begun.elapsed();
    assert_eq!(store.rooms.last_seq("r1").await.unwrap(), 10_000);
    assert!(took < Duration::from_secs(3), "{took:?}");
}
