use std::net::IpAddr;

use control::person::Role;
use control::room::about::{About, Host};
use control::room::bucket::Rate;
use control::room::message::{Author, Body, Event, Message};
use control::room::sanction::{Kind, Subject};
use control::room::settings::Settings;
use control::room::show::State;

use super::*;
use crate::scratch::Scratch;
use crate::store::{Store, lottery};

fn room(id: &str, created_ms: i64) -> About {
    About {
        id: id.into(),
        title: "好物".into(),
        cover: "https://a/c.jpg".into(),
        share_image: String::new(),
        host: Host { id: "h1".into(), name: "主播".into(), avatar: String::new() },
        crew: vec![("a1".into(), Role::Assistant), ("c1".into(), Role::CoHost)],
        stream: format!("live/{id}"),
        state: State::Scheduled,
        starts_ms: Some(9),
        valid_from_ms: None,
        valid_until_ms: Some(5_000),
        live_ms: None,
        ended_ms: None,
        created_ms,
        settings: Settings { slow_ms: 3_000, room_rate: Rate::per_second(7, 9), ..Settings::default() },
        pinned: None,
        custom: r#"{"a":1}"#.into(),
    }
}

async fn open(scratch: &Scratch) -> Store {
    let store = Store::open(scratch.path()).await.unwrap();
    tokio::spawn(store.chat.clone().run());
    store
}

fn ids(rooms: &[About]) -> Vec<&str> {
    rooms.iter().map(|room| room.id.as_str()).collect()
}

#[tokio::test]
async fn a_description_comes_back_and_a_change_of_it_leaves_the_state_alone() {
    let scratch = Scratch::new();
    let rooms = open(&scratch).await.rooms;
    let mut r1 = room("r1", 1);
    assert!(rooms.create(&r1).await.unwrap());
    assert!(!rooms.create(&room("r1", 2)).await.unwrap());
    assert_eq!(rooms.about("r1").await.unwrap(), Some(r1.clone()));
    assert!(rooms.set_state("r1", State::Live, Some(70), None).await.unwrap());
    assert!(rooms.set_pinned("r1", Some(7)).await.unwrap());
    r1.title = "其他".into();
    r1.crew.pop();
    assert!(rooms.update(&r1, 7).await.unwrap());
    let expected = About { state: State::Live, live_ms: Some(70), pinned: Some(7), ..r1 };
    assert_eq!(rooms.about("r1").await.unwrap(), Some(expected));
    assert!(!rooms.update(&room("r2", 1), 7).await.unwrap());
    assert!(!rooms.set_state("r2", State::Live, None, None).await.unwrap());
}

#[tokio::test]
async fn rooms_are_listed_by_page_state_host_and_stream() {
    let scratch = Scratch::new();
    let rooms = open(&scratch).await.rooms;
    // Some were made in the same millisecond.
    for (id, created_ms) in [("a", 1), ("b", 2), ("c", 2), ("d", 3)] {
        assert!(rooms.create(&About { stream: "live/s".into(), ..room(id, created_ms) }).await.unwrap());
    }
    rooms.set_state("c", State::Live, Some(1), None).await.unwrap();
    rooms.set_state("d", State::Ended, Some(1), Some(2)).await.unwrap();
    let all = Filter::default();
    let page = rooms.list(&all, None, 2).await.unwrap();
    assert_eq!(ids(&page), ["d", "c"]);
    let after = After { created_ms: page[1].created_ms, id: page[1].id.clone() };
    assert_eq!(ids(&rooms.list(&all, Some(&after), 9).await.unwrap()), ["b", "a"]);
    let live = Filter { state: Some(State::Live), ..Filter::default() };
    assert_eq!(ids(&rooms.list(&live, None, 9).await.unwrap()), ["c"]);
    let nobodys = Filter { host: Some("h2".into()), ..Filter::default() };
    assert!(rooms.list(&nobodys, None, 9).await.unwrap().is_empty());
    assert_eq!(ids(&rooms.of_stream("live/s").await.unwrap()), ["c", "b", "a", "d"]);
    assert_eq!(rooms.running_streams().await.unwrap(), ["live/s"]);
    assert_eq!(rooms.due(4_999).await.unwrap(), [""; 0]);
    assert_eq!(rooms.due(5_000).await.unwrap().len(), 3);
}

/// With 100,000 rooms the start of the server must not look at each, nor may any list that people page through.
#[tokio::test]
async fn questions_that_come_often_are_answered_from_an_index() {
    let scratch = Scratch::new();
    let rooms = open(&scratch).await.rooms;
    let questions = [
        "SELECT stream FROM room WHERE state IN ('live', 'interrupted')",
        "SELECT id FROM room INDEXED BY room_running WHERE state IN ('scheduled', 'live', 'interrupted') AND valid_until_ms <= 5 ORDER BY valid_until_ms LIMIT 9",
        "SELECT * FROM room WHERE state = 'live' AND (created_ms, id) < (5, 'a') ORDER BY created_ms DESC, id DESC LIMIT 9",
        "SELECT * FROM room WHERE host = 'h' ORDER BY created_ms DESC, id DESC LIMIT 9",
        "SELECT * FROM message WHERE recalled = 0 AND room = 'r' AND at_ms >= 1 ORDER BY at_ms ASC, seq ASC LIMIT 9",
        "SELECT * FROM message WHERE recalled = 0 AND room = 'r' AND media_ms >= 1 ORDER BY media_ms ASC, seq ASC LIMIT 9",
        "SELECT * FROM message WHERE recalled = 0 AND room = 'r' AND author = 'u' ORDER BY seq DESC LIMIT 9",
        "SELECT * FROM audit WHERE room = 'r' AND id < 7 ORDER BY id DESC LIMIT 9",
        "SELECT * FROM sanction WHERE room = 'r' AND (kind, subject) > ('', '') ORDER BY kind, subject LIMIT 5",
    ];
    for question in questions {
        let plan = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {question}"));
        let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(plan).fetch_all(&rooms.read).await.unwrap();
        let steps: Vec<&str> = plan.iter().map(|(.., step)| step.as_str()).collect();
        assert!(steps.iter().all(|step| step.starts_with("SEARCH")), "{question}: {steps:?}");
    }
}

#[tokio::test]
async fn the_beginning_of_an_epoch_waits_for_the_disk_and_other_commits_do_not() {
    let scratch = Scratch::new();
    let rooms = open(&scratch).await.rooms;
    assert!(rooms.create(&room("r1", 1)).await.unwrap());
    // What the one connection that writes waits for is noted whenever the row changes.
    sqlx::raw_sql(
        "CREATE TEMP TABLE level (level INTEGER);
         CREATE TEMP TRIGGER note AFTER UPDATE ON room BEGIN
             INSERT INTO level SELECT synchronous FROM pragma_synchronous;
         END",
    )
    .execute(&rooms.write)
    .await
    .unwrap();
    rooms.load("r1", 2).await.unwrap().unwrap();
    rooms.set_pinned("r1", Some(7)).await.unwrap();
    let levels: Vec<i64> = sqlx::query_scalar("SELECT level FROM temp.level ORDER BY rowid")
        .fetch_all(&rooms.write)
        .await
        .unwrap();
    // FULL, then NORMAL.
    assert_eq!(levels, [2, 1]);
}

#[tokio::test]
async fn history_is_found_by_number_time_place_and_person() {
    let scratch = Scratch::new();
    let store = open(&scratch).await;
    store.rooms.create(&room("r1", 1)).await.unwrap();
    for seq in 1..=9_u64 {
        let author = Author {
            id: format!("u{}", seq % 2),
            name: String::new(),
            avatar: String::new(),
            role: Role::Viewer,
        };
        let n = seq.cast_signed();
        store.chat.put_message(
            "r1",
            &Message {
                seq,
                at_ms: n * 10,
                media_ms: (seq > 3).then_some(n * 100),
                from: (seq != 5).then(|| author.into()),
                cid: String::new(),
                reply_to: None,
                mentions: Vec::new(),
                body: if seq == 5 { Body::Event(Event::Changed) } else { Body::Text(seq.to_string()) },
            },
            None,
        );
    }
    store.chat.flush().await;
    let seqs = async |query: Query| {
        let found = store.rooms.messages("r1", &query).await.unwrap();
        found.iter().map(|message| message.seq).collect::<Vec<_>>()
    };
    let q = || Query { limit: 3, ..Query::default() };
    assert_eq!(seqs(q()).await, [7, 8, 9]);
    assert_eq!(seqs(Query { before_seq: Some(4), ..q() }).await, [1, 2, 3]);
    assert_eq!(seqs(Query { after_seq: Some(4), ..q() }).await, [5, 6, 7]);
    assert_eq!(seqs(Query { from_ms: Some(20), to_ms: Some(40), ..q() }).await, [2, 3]);
    assert_eq!(seqs(Query { media_from: Some(0), media_to: Some(600), ..q() }).await, [4, 5]);
    assert_eq!(seqs(Query { user: Some("u0".into()), ..q() }).await, [4, 6, 8]);
    assert_eq!(seqs(Query { limit: 0, ..q() }).await, [0; 0]);

    assert!(store.rooms.recall("r1", 9, "user:a1", 1).await.unwrap());
    assert!(!store.rooms.recall("r1", 9, "user:a1", 1).await.unwrap());
    assert_eq!(store.rooms.message("r1", 9).await.unwrap(), None);
    assert_eq!(store.rooms.clear("r1", Some("u0"), "user:a1", 2).await.unwrap(), 9);
    assert_eq!(seqs(q()).await, [3, 5, 7]);
    assert_eq!(store.rooms.clear("r1", None, "key:ops", 3).await.unwrap(), 9);
    assert_eq!(seqs(q()).await, [5]);
    assert_eq!(store.rooms.last_seq("r1").await.unwrap(), 9);
    let audits = store.rooms.audits("r1", None, 9).await.unwrap();
    let told: Vec<_> = audits.iter().map(|a| (a.what.as_str(), a.subject.as_str(), a.by.as_str())).collect();
    let expected =
        [("clear", "", "key:ops"), ("clear", "user:u0", "user:a1"), ("recall", "message:9", "user:a1")];
    assert_eq!(told, expected);
    assert_eq!(store.rooms.audits("r1", Some(audits[1].id), 9).await.unwrap(), audits[2..]);
}

#[tokio::test]
async fn what_may_not_be_in_the_database_yet_is_not_said_to_be_cleared() {
    let scratch = Scratch::new();
    // Nobody writes what waits.
    let store = Store::open(scratch.path()).await.unwrap();
    store.rooms.create(&room("r1", 1)).await.unwrap();
    store.chat.add("r1", Totals { likes: 1, ..Totals::default() });
    assert!(store.rooms.clear("r1", None, "key:ops", 3).await.is_err());
    assert!(store.rooms.audits("r1", None, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn sanctions_hold_are_lifted_and_leave_their_trace() {
    let scratch = Scratch::new();
    let store = open(&scratch).await;
    let rooms = &store.rooms;
    rooms.create(&room("r1", 1)).await.unwrap();
    let address: IpAddr = "2001:db8::7".parse().unwrap();
    let mute = Sanction {
        room: "r1".into(),
        kind: Kind::Mute,
        subject: Subject::User("u:1".into()),
        until_ms: Some(100),
        reason: "spam".into(),
        by: "user:a1".into(),
        at_ms: 7,
    };
    let ban = Sanction {
        kind: Kind::Ban,
        subject: Subject::Address(address),
        until_ms: None,
        room: String::new(),
        ..mute.clone()
    };
    for sanction in [&mute, &ban] {
        assert!(rooms.sanction(sanction).await.unwrap());
    }
    let loaded = rooms.load("r1", 99).await.unwrap().unwrap();
    assert_eq!(loaded.sanctions.find(Kind::Mute, "u:1", None, 99), Some(Some(100)));
    let after = rooms.load("r1", 100).await.unwrap().unwrap();
    assert_eq!(after.sanctions.find(Kind::Mute, "u:1", None, 99), None);
    let global = rooms.global_sanctions(100).await.unwrap();
    assert_eq!(global.find(Kind::Ban, "u", Some(address), 100), Some(None));
    assert_eq!(rooms.sanctions("r1", None, None, 9).await.unwrap(), std::slice::from_ref(&mute));
    let next = subject_text(&mute.subject);
    assert_eq!(rooms.sanctions("r1", None, Some((Kind::Mute, &next)), 9).await.unwrap(), []);
    assert_eq!(rooms.sanctions("", Some(Kind::Mute), None, 9).await.unwrap(), []);
    let banned = async |room: &str, user, from: &str, now_ms| {
        rooms.is_banned(room, user, from.parse().unwrap(), now_ms).await.unwrap()
    };
    assert!(banned("r1", None, "2001:db8::7", i64::MAX).await);
    assert!(!banned("r1", Some("u:1"), "2001:db8::8", 0).await, "a mute is no ban");
    assert!(rooms.find_sanction("", Kind::Ban, &ban.subject).await.unwrap());
    assert!(rooms.lift("", Kind::Ban, &ban.subject, "key:ops", 8).await.unwrap());
    assert!(!rooms.lift("", Kind::Ban, &ban.subject, "key:ops", 8).await.unwrap());
    let told = rooms.audits("", None, 9).await.unwrap();
    assert_eq!((told[0].what.as_str(), told[0].subject.as_str()), ("unban", "ip:2001:db8::7"));
    assert_eq!(rooms.audits("r1", None, 9).await.unwrap()[0].detail, "until 100 spam");
    assert_eq!(rooms.expire_sanctions(100).await.unwrap(), 1);
}

#[tokio::test]
async fn of_two_who_decide_on_a_held_message_one_has_it() {
    let scratch = Scratch::new();
    let rooms = open(&scratch).await.rooms;
    rooms.create(&room("r1", 1)).await.unwrap();
    let mut held = Held {
        id: 0,
        at_ms: 5,
        author: Author { id: "u1".into(), name: "n".into(), avatar: "a".into(), role: Role::Viewer },
        cid: "c".into(),
        reply_to: Some(3),
        mentions: vec!["u2".into()],
        body: Body::Text("??".into()),
        why: "word".into(),
    };
    held.id = rooms.hold("r1", &held).await.unwrap().unwrap();
    assert_eq!(rooms.hold("r2", &held).await.unwrap(), None);
    assert_eq!(rooms.held("r1", 0, 9).await.unwrap(), std::slice::from_ref(&held));
    assert_eq!(rooms.held("r1", held.id, 9).await.unwrap(), []);
    let (one, other) = tokio::join!(rooms.take_held("r1", held.id), rooms.take_held("r1", held.id));
    assert_eq!(one.unwrap().into_iter().chain(other.unwrap()).collect::<Vec<_>>(), [held]);
}

#[tokio::test]
async fn the_shelf_keeps_its_order_and_one_of_it_is_explained() {
    let scratch = Scratch::new();
    let rooms = open(&scratch).await.rooms;
    rooms.create(&room("r1", 1)).await.unwrap();
    let goods = |id: &str, price| Goods {
        id: id.into(),
        position: 0,
        name: id.to_uppercase(),
        cover: String::new(),
        url: "pages/goods".into(),
        price,
        on_shelf: true,
        explaining: false,
        clicks: 0,
        explained_ms: None,
    };
    let prices = [Price::One(100), Price::Range(1, 2), Price::Discount(50, 99), Price::One(0)];
    for (id, price) in ["a", "b", "c", "d"].into_iter().zip(prices) {
        assert_eq!(rooms.add_goods("r1", &goods(id, price)).await.unwrap(), PutGoods::Done);
    }
    assert_eq!(rooms.add_goods("r1", &goods("a", prices[0])).await.unwrap(), PutGoods::Taken);
    assert_eq!(rooms.add_goods("r2", &goods("a", prices[0])).await.unwrap(), PutGoods::Full);
    rooms.order_goods("r1", &["c".into(), "a".into()]).await.unwrap();
    let order = async || {
        let all = rooms.goods("r1").await.unwrap();
        all.iter().map(|goods| (goods.id.clone(), goods.position)).collect::<Vec<_>>()
    };
    let expected = [("c", 0), ("a", 1), ("b", 2), ("d", 3)].map(|(id, at)| (id.to_owned(), at));
    assert_eq!(order().await, expected);
    assert!(rooms.explain_goods("r1", Some("b"), Some(77)).await.unwrap());
    assert!(rooms.explain_goods("r1", Some("c"), None).await.unwrap());
    assert!(!rooms.explain_goods("r1", Some("x"), None).await.unwrap());
    let explaining = async || {
        let all = rooms.goods("r1").await.unwrap();
        all.into_iter().filter(|goods| goods.explaining).map(|goods| goods.id).collect::<Vec<_>>()
    };
    assert_eq!(explaining().await, ["c"]);
    assert_eq!(rooms.find_goods("r1", "b").await.unwrap().unwrap().explained_ms, Some(77));
    // What is taken off the shelf is not explained any more.
    let off = Goods { on_shelf: false, ..goods("c", prices[2]) };
    assert!(rooms.update_goods("r1", &off).await.unwrap());
    assert_eq!(explaining().await, [""; 0]);
    assert!(!rooms.explain_goods("r1", Some("c"), None).await.unwrap());
    rooms.add_clicks("r1", "a", 3).await.unwrap();
    let found = rooms.find_goods("r1", "a").await.unwrap().unwrap();
    assert_eq!(found, Goods { position: 1, clicks: 3, ..goods("a", prices[0]) });
    assert!(rooms.delete_goods("r1", "a").await.unwrap());
    assert!(!rooms.delete_goods("r1", "a").await.unwrap());
}

#[tokio::test]
async fn words_reminders_and_inviters_are_kept() {
    let scratch = Scratch::new();
    let store = open(&scratch).await;
    let rooms = &store.rooms;
    rooms.create(&room("r1", 1)).await.unwrap();
    let word = |room: &str, action: &str| Word {
        room: room.into(),
        word: "坏".into(),
        action: action.into(),
        pinyin: Some("huai".into()),
    };
    let words = [word("r1", "hold"), word("r1", "refuse"), word("", "replace")];
    assert!(rooms.put_words(&words, "key:k", 7).await.unwrap());
    assert_eq!(rooms.words("r1").await.unwrap(), [word("r1", "refuse")]);
    assert_eq!(rooms.all_words().await.unwrap(), [word("", "replace"), word("r1", "refuse")]);
    assert!(rooms.delete_word("r1", "坏", "key:k", 8).await.unwrap());
    assert!(!rooms.delete_word("r1", "坏", "key:k", 8).await.unwrap());

    assert!(rooms.remind("r1", "u1", 5).await.unwrap());
    assert!(rooms.remind("r1", "u1", 6).await.unwrap());
    assert!(!rooms.remind("r2", "u1", 6).await.unwrap());
    assert_eq!(rooms.reminders("r1", None, 9).await.unwrap(), [("u1".to_owned(), 5)]);
    assert_eq!(rooms.reminder_count("r1").await.unwrap(), 1);
    assert!(rooms.forget_reminder("r1", "u1").await.unwrap());

    for (user, inviter) in [("u1", Some("b")), ("u2", Some("a")), ("u3", Some("b")), ("u4", None)] {
        let inviter = inviter.map(str::to_owned);
        store.chat.visit("r1", Visit { user: user.into(), inviter, visits: 1, ..Visit::default() });
    }
    store.chat.flush().await;
    let inviters = rooms.inviters("r1", 9).await.unwrap();
    let expected = [("b", 2), ("a", 1)].map(|(user, visitors)| Inviter { user: user.into(), visitors });
    assert_eq!(inviters, expected);
    let brought = rooms.visitors("r1", Some("b"), Some("u1"), 9).await.unwrap();
    assert_eq!(brought.iter().map(|visitor| visitor.user.as_str()).collect::<Vec<_>>(), ["u3"]);
}

#[tokio::test]
async fn a_deleted_room_leaves_the_audit_and_no_open_lottery_and_nothing_else() {
    let scratch = Scratch::new();
    let store = open(&scratch).await;
    let rooms = &store.rooms;
    rooms.create(&room("r1", 1)).await.unwrap();
    rooms
        .put_words(
            &[Word { room: "r1".into(), word: "w".into(), action: "hold".into(), pinyin: None }],
            "key:k",
            7,
        )
        .await
        .unwrap();
    rooms.remind("r1", "u1", 5).await.unwrap();
    store.chat.visit("r1", Visit { user: "u1".into(), visits: 1, ..Visit::default() });
    store.chat.flush().await;
    let lottery = lottery::Lottery {
        room: "r1".into(),
        id: "l1".into(),
        prize: "p".into(),
        winners: 1,
        take_part: lottery::TakePart::Present,
        state: lottery::State::Open,
        seed: "s".into(),
        commitment: "c".into(),
        entries_hash: String::new(),
        entries: 0,
        opened_ms: 3,
        until_ms: 50,
        ended_ms: None,
        auto: true,
    };
    assert!(store.gifts.open_lottery(&lottery).await.unwrap());
    assert!(rooms.delete("r1", "key:ops", 9).await.unwrap());
    assert!(!rooms.delete("r1", "key:ops", 9).await.unwrap());
    assert!(rooms.load("r1", 0).await.unwrap().is_none());
    rooms.create(&room("r1", 2)).await.unwrap();
    let loaded = rooms.load("r1", 0).await.unwrap().unwrap();
    assert_eq!((loaded.after_seq, loaded.totals), (0, Totals::default()));
    // Its time comes when there is another room under this id.
    assert_eq!(store.gifts.due_lotteries(60, (0, ""), 9).await.unwrap(), []);
    let lottery = store.gifts.lottery("r1", "l1").await.unwrap().unwrap();
    assert_eq!((lottery.state, lottery.ended_ms), (lottery::State::Cancelled, Some(9)));
    assert!(rooms.words("r1").await.unwrap().is_empty());
    assert!(rooms.visitors("r1", None, None, 9).await.unwrap().is_empty());
    assert_eq!(rooms.audits("r1", None, 9).await.unwrap()[0].what, "delete");
}

#[tokio::test]
async fn a_request_with_a_key_is_done_once_and_answered_again() {
    let scratch = Scratch::new();
    let rooms = open(&scratch).await.rooms;
    let begin = async |key: &str, request: &[u8], now| {
        rooms.begin_once(key, "create_room", request, now).await.unwrap()
    };
    let answer = |status, body: &[u8]| Seen::Before(Once { request: b"a".into(), status, body: body.into() });
    assert_eq!(begin("k", b"a", 0).await, Seen::New);
    assert_eq!(begin("k", b"b", 1).await, answer(0, b""));
    assert_eq!(begin("other", b"a", 1).await, Seen::New);
    rooms.end_once("k", "create_room", 201, b"made").await.unwrap();
    assert_eq!(begin("k", b"a", PENDING_MS).await, answer(201, b"made"));
    // One that was never answered, and one that was given back, may be sent again.
    assert_eq!(begin("other", b"a", 1 + PENDING_MS).await, Seen::New);
    rooms.cancel_once("other", "create_room").await.unwrap();
    assert_eq!(begin("other", b"b", 2 + PENDING_MS).await, Seen::New);
    assert_eq!(begin("k", b"b", KEPT_MS).await, Seen::New);
}
