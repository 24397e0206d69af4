//! The server is killed in the middle of a thousand gifts.

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};

use serde_json::json;
use testkit::chat::ChatClient;
use weir::operator::keys;
use weir::store::ledger::Which;
use weir::store::rooms::Query;

use super::{enter, gift, make_room, token};
use crate::cli::Process;
use crate::harness::{Folder, Weir, random, wait_for};

/// So many people send so many gifts each.
const PEOPLE: usize = 100;
const EACH: usize = 10;

#[test]
fn every_gift_that_was_acknowledged_is_in_the_ledger_exactly_once_after_a_kill() {
    let folder = Folder::new("gifts");
    let data = folder.file("data");
    std::fs::create_dir_all(&data).expect("a folder");
    let weir = Weir::start_in(&data, &[]);
    make_room(&weir);
    let store = weir.app().rooms.store().expect("a database").clone();
    let rose = weir::store::gifts::Gift {
        room: String::new(),
        id: "rose".into(),
        name: "玫瑰".into(),
        icon: String::new(),
        price: 0,
        claim: weir::store::gifts::Claim::None,
        max_count: 9,
        position: 0,
        available: true,
    };
    assert!(weir.block_on(async { store.gifts.put_gift(&rose).await }).expect("a gift"));
    let tokens: Vec<String> = (0..PEOPLE).map(|user| token(&weir, &format!("u{user}"))).collect();
    weir.stop();

    let process = Process::serve(&folder, &[], &[("WEIR__LIMITS__CONNECTIONS_PER_IP", "0")]);
    process.rtmp_url("live/r1");
    let local = keys::local(&data).expect("a file").expect("the server's own key");
    let addr: SocketAddr = local.server.trim_start_matches("http://").parse().expect("an address");
    let (acked, count) = (Mutex::new(BTreeMap::new()), AtomicUsize::new(0));
    let (start, ended) = (Barrier::new(PEOPLE), AtomicUsize::new(0));
    let enough = 100 + random((PEOPLE * EACH - 200) as u64) as usize;
    std::thread::scope(|scope| {
        for (user, token) in tokens.iter().enumerate() {
            let (acked, count, start, ended) = (&acked, &count, &start, &ended);
            scope.spawn(move || {
                let mut client =
                    ChatClient::enter(addr, &json!({"room": "r1", "token": token})).expect("a welcome");
                start.wait();
                for number in 0..EACH {
                    if client.send(&gift(&format!("c{number}"), "rose", 1)).is_err() {
                        break;
                    }
                }
                let mut answers = 0;
                while answers < EACH
                    && let Ok(told) = client.wait_for(|frame| frame["cid"].is_string())
                {
                    let cid = told["cid"].as_str().expect("text").to_owned();
                    // A busy disk: nothing was done, and the same may be sent again.
                    if told["code"] == "unavailable" && client.send(&gift(&cid, "rose", 1)).is_ok() {
                        continue;
                    }
                    answers += 1;
                    if told["t"] == "ack" {
                        acked.lock().expect("acks").insert((format!("u{user}"), cid), told["seq"].as_u64());
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                }
                ended.fetch_add(1, Ordering::Relaxed);
            });
        }
        wait_for("some acknowledgements", || {
            count.load(Ordering::Relaxed) >= enough || ended.load(Ordering::Relaxed) == PEOPLE
        });
        // Kills it.
        drop(process);
    });
    let acked = acked.into_inner().expect("acks");
    assert!(acked.len() >= enough, "{} of {enough}", acked.len());

    let weir = Weir::start_in(&data, &[]);
    let rows = |weir: &Weir| {
        let store = weir.app().rooms.store().expect("a database").clone();
        let entries = weir.block_on(async move {
            let (mut all, mut before) = (Vec::new(), None);
            loop {
                let some = store.ledger.entries(&Which::default(), before, 500).await.expect("rows");
                let Some(last) = some.last() else { return all };
                before = Some(last.id);
                all.extend(some);
            }
        });
        let unique: HashSet<_> =
            entries.iter().map(|entry| (entry.user.clone(), entry.cid.clone())).collect();
        assert_eq!(unique.len(), entries.len(), "no row twice");
        unique
    };
    let kept = rows(&weir);
    for key in acked.keys() {
        assert!(kept.contains(key), "{key:?} was acknowledged and is not there");
    }
    // Everybody sends everything again.
    std::thread::scope(|scope| {
        for user in 0..PEOPLE {
            let weir = &weir;
            scope.spawn(move || {
                let mut client = enter(weir, &format!("u{user}"));
                for number in 0..EACH {
                    let frame = gift(&format!("c{number}"), "rose", 1);
                    let told = loop {
                        let told = client.ask(&frame).expect("an answer");
                        if told["code"] != "unavailable" {
                            break told;
                        }
                    };
                    assert_eq!(told["t"], "ack", "{told}");
                }
            });
        }
    });
    assert_eq!(rows(&weir).len(), PEOPLE * EACH);
    // And nobody was shown one of them twice.
    let store = weir.app().rooms.store().expect("a database").clone();
    let shown = weir.block_on(async move {
        store.chat.flush().await;
        let mut shown = Vec::new();
        let mut after_seq = Some(0);
        loop {
            let which = Query { after_seq, limit: 500, ..Query::default() };
            let some = store.rooms.messages("r1", &which).await.expect("messages");
            let Some(last) = some.last() else { return shown };
            after_seq = Some(last.seq);
            shown.extend(
                some.iter().map(|said| (said.from.clone().map(|from| from.id.clone()), said.cid.clone())),
            );
        }
    });
    let unique: HashSet<_> = shown.iter().collect();
    assert_eq!(unique.len(), shown.len());
    // What was in the ledger before the kill was shown then; of what people say the last second may not be kept.
    assert!(shown.len() >= PEOPLE * EACH - kept.len(), "{} of {}", shown.len(), PEOPLE * EACH);
}
