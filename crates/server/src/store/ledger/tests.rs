use super::*;
use crate::scratch::Scratch;
use crate::store::Store;

const NOW_MS: i64 = 1_000_000;

async fn open() -> (Scratch, Store) {
    let folder = Scratch::new();
    let store = Store::open(folder.path()).await.unwrap();
    tokio::spawn(store.ledger.clone().run());
    (folder, store)
}

fn give(cid: &str, paid: bool) -> Ask {
    Ask::Give(Box::new(gift(cid, paid)))
}

fn gift(cid: &str, paid: bool) -> Give {
    Give {
        room: "r".into(),
        user: "u".into(),
        cid: cid.into(),
        gift: "rose".into(),
        name: "玫瑰".into(),
        icon: String::new(),
        count: 2,
        price: 5,
        claim: None,
        wallet_key: paid.then(|| "k".into()),
        at_ms: NOW_MS,
    }
}

fn row(told: Told) -> Entry {
    match told {
        Told::New(entry) | Told::Again(entry) => entry,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_same_is_given_once_however_many_ask_at_once() {
    let (_folder, store) = open().await;
    let asked = (0..200).map(|number| {
        let ledger = store.ledger.clone();
        tokio::spawn(async move { ledger.ask(give(&format!("c{}", number % 20), false)).await.unwrap() })
    });
    let mut new = 0;
    for told in asked.collect::<Vec<_>>() {
        new += u32::from(matches!(told.await.unwrap(), Told::New(_)));
    }
    assert_eq!(new, 20);
    let sums = store.ledger.sums(&Which::default()).await.unwrap();
    assert_eq!(sums, Sums { sends: 20, gifts: 40, value: 200 });
    let other = Ask::Give(Box::new(Give { count: 3, ..gift("c1", false) }));
    assert_eq!(store.ledger.ask(other).await, Ok(Told::Other));
}

#[tokio::test]
async fn what_was_not_answered_is_called_off_and_may_be_tried_again_under_another_attempt() {
    let (_folder, store) = open().await;
    let ledger = &store.ledger;
    let first = row(ledger.ask(give("c", true)).await.unwrap());
    assert_eq!(first.state, State::Reserved);
    assert_eq!(ledger.ask(give("c", true)).await, Ok(Told::Undecided));
    assert_eq!(ledger.call_off(NOW_MS + UNDECIDED_MS - 1, NOW_MS).await.unwrap(), 0);
    assert_eq!(ledger.call_off(NOW_MS + UNDECIDED_MS, NOW_MS).await.unwrap(), 1);
    // The wallet's yes comes too late.
    let yes = |attempt| Ask::Accepted { ledger: first.id, attempt, reference: "w".into(), at_ms: NOW_MS };
    assert_eq!(ledger.ask(yes(0)).await, Ok(Told::Late));
    let again = row(ledger.ask(give("c", true)).await.unwrap());
    assert_eq!((again.id, again.attempt, again.state), (first.id, 1, State::Reserved));
    assert_eq!(ledger.ask(yes(1)).await, Ok(Told::Done));
    let mut due = ledger.due(NOW_MS, 10).await.unwrap();
    due.sort_by_key(|order| order.attempt);
    let brief: Vec<_> = due.iter().map(|order| (order.attempt, order.what)).collect();
    assert_eq!(brief, [(0, What::Cancel), (1, What::Confirm)]);
    // The end of the first attempt does not touch the second.
    ledger.told(&due[0], true, NOW_MS).await.unwrap();
    ledger.postpone(&due[1], NOW_MS + 5).await.unwrap();
    assert_eq!(ledger.due(NOW_MS, 10).await.unwrap(), []);
    ledger.told(&due[1], true, NOW_MS).await.unwrap();
    assert_eq!(row(ledger.ask(give("c", true)).await.unwrap()).state, State::Confirmed);
    assert_eq!(ledger.owed().await.unwrap(), 0);
}

#[tokio::test]
async fn what_was_called_off_while_it_was_for_sale_must_be_claimed_when_it_has_to_be_by_now() {
    let (_folder, store) = open().await;
    let ledger = &store.ledger;
    ledger.ask(give("c", true)).await.unwrap();
    assert_eq!(ledger.call_off(i64::MAX, NOW_MS).await.unwrap(), 1);
    let claimed = || Ask::Give(Box::new(Give { claim: Some("r".into()), price: 0, ..gift("c", false) }));
    assert_eq!(ledger.ask(claimed()).await, Ok(Told::NoClaim));
    assert!(store.gifts.claim("r", "u", "rose", NOW_MS).await.unwrap());
    assert_eq!(row(ledger.ask(claimed()).await.unwrap()).state, State::Confirmed);
    assert!(!store.gifts.claim("r", "u", "rose", NOW_MS).await.unwrap(), "it is used");
}

#[tokio::test]
async fn commits_of_gifts_wait_for_the_disk_and_those_of_others_do_not() {
    let (_folder, store) = open().await;
    let level = async || -> i64 {
        sqlx::query_scalar("PRAGMA synchronous").fetch_one(&store.ledger.write).await.unwrap()
    };
    assert_eq!(level().await, 1);
    store.ledger.ask(give("c", false)).await.unwrap();
    assert_eq!(level().await, 1);
    assert!(give("c", false).is_durable());
}

#[tokio::test]
async fn a_gift_is_told_once_when_it_is_given_or_its_price_is_put_aside() {
    let (_folder, store) = open().await;
    let (ledger, outbox) = (&store.ledger, &store.outbox);
    ledger.ask(give("unwanted", false)).await.unwrap();
    outbox.interest.set(vec!["gift.*".into()]);
    let told = async || {
        outbox.route(|_| vec!["x".into()], 100, NOW_MS).await.unwrap();
        let wanted = outbox::Wanted { limit: 9, ..outbox::Wanted::default() };
        outbox.list(&wanted).await.unwrap().into_iter().rev().map(|one| one.event.data).collect::<Vec<_>>()
    };
    for _ in 0..2 {
        ledger.ask(give("free", false)).await.unwrap();
    }
    let paid = row(ledger.ask(give("paid", true)).await.unwrap());
    assert_eq!(told().await.len(), 1, "the wallet has not answered");
    for _ in 0..2 {
        let yes = Ask::Accepted { ledger: paid.id, attempt: 0, reference: "w".into(), at_ms: NOW_MS };
        ledger.ask(yes).await.unwrap();
    }
    let told = told().await;
    assert!(told.len() == 2 && told[0].contains(r#""cid":"free""#), "{told:?}");
    assert!(told[1].contains(r#""cid":"paid""#) && told[1].contains(r#""reference":"w""#), "{told:?}");
    // The wallet goes back on its word: it is told that this one is nothing, once.
    let order = ledger.due(NOW_MS, 1).await.unwrap().remove(0);
    for _ in 0..2 {
        ledger.told(&order, false, NOW_MS + 1).await.unwrap();
    }
    let rows: Vec<u64> = ledger.rows().map(|(_, rows)| rows).collect();
    assert_eq!(rows, [1, 2, 1], "reserved, confirmed, cancelled");
    outbox.route(|_| vec!["x".into()], 100, NOW_MS).await.unwrap();
    let wanted = outbox::Wanted { limit: 9, ..outbox::Wanted::default() };
    let last = outbox.list(&wanted).await.unwrap().remove(0).event;
    assert_eq!(
        (last.kind.as_str(), last.subject.as_str(), last.occurred_ms),
        ("gift.cancelled", "room:r", NOW_MS + 1)
    );
    assert!(last.data.contains(r#""cid":"paid""#) && last.data.contains(r#""reason":"confirm_refused""#));
    assert_eq!(outbox.list(&wanted).await.unwrap().len(), 3);
}
