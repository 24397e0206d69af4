use super::*;
use crate::scratch::Scratch;
use crate::store::Store;

fn event(id: &str, kind: &str, subject: &str) -> Event {
    Event {
        id: id.to_owned(),
        kind: kind.to_owned(),
        subject: subject.to_owned(),
        occurred_ms: 1_000,
        data: "{}".to_owned(),
        opens: None,
    }
}

async fn happen(outbox: &Outbox, events: &[Event]) {
    let mut to = outbox.begin().await.unwrap();
    for event in events {
        put(&mut to, event).await.unwrap();
    }
    to.commit().await.unwrap();
}

/// Routes everything to these endpoints.
async fn route(outbox: &Outbox, endpoints: &[&str], max: u64) -> (usize, Vec<String>) {
    let names: Vec<String> = endpoints.iter().map(|name| (*name).to_owned()).collect();
    outbox.route(|_| names.clone(), max, 5_000).await.unwrap()
}

async fn due(outbox: &Outbox, endpoint: &str, now_ms: i64) -> Vec<String> {
    outbox.due(endpoint, now_ms, 10).await.unwrap().into_iter().map(|delivery| delivery.event.id).collect()
}

async fn settle(outbox: &Outbox, endpoint: &str, next: Next, now_ms: i64) {
    let of = outbox.due(endpoint, now_ms, 1).await.unwrap().remove(0);
    let settled = Settled { next, status: Some(200), error: None };
    outbox.settle(&of, &settled, now_ms).await.unwrap();
}

#[test]
fn a_pattern_is_a_kind_a_group_of_kinds_or_all() {
    for (pattern, kind, is_one) in [
        ("stream.started", "stream.started", true),
        ("stream.started", "stream.ended", false),
        ("stream.*", "stream.ended", true),
        ("stream.*", "streams.ended", false),
        ("*", "gift.sent", true),
        ("*", "internal.x", false),
        ("internal.x", "internal.x", true),
        ("str*", "stream.started", false),
    ] {
        assert_eq!(fits(pattern, kind), is_one, "{pattern} {kind}");
    }
}

#[tokio::test]
async fn an_event_is_there_with_what_happened_or_not_at_all() {
    let scratch = Scratch::new();
    let outbox = Store::open(scratch.path()).await.unwrap().outbox;
    let mut to = outbox.begin().await.unwrap();
    put(&mut to, &event("a", "gift.sent", "room:1")).await.unwrap();
    drop(to);
    assert_eq!(route(&outbox, &["x"], 100).await.0, 0);
    happen(&outbox, &[event("b", "gift.sent", "room:1")]).await;
    assert_eq!(route(&outbox, &["x"], 100).await.0, 1);
    assert_eq!(due(&outbox, "x", 5_000).await, ["b"]);
}

#[tokio::test]
async fn of_a_subject_the_next_waits_for_the_one_before_and_other_subjects_and_endpoints_do_not() {
    let scratch = Scratch::new();
    let outbox = Store::open(scratch.path()).await.unwrap().outbox;
    let events = [event("a1", "k", "a"), event("b1", "k", "b"), event("a2", "k", "a"), event("a3", "k", "a")];
    happen(&outbox, &events).await;
    route(&outbox, &["x", "y"], 100).await;
    assert_eq!(due(&outbox, "x", 5_000).await, ["a1", "b1"]);
    settle(&outbox, "x", Next::At(9_000), 5_000).await;
    assert_eq!(
        due(&outbox, "x", 5_000).await,
        ["b1"],
        "it waits for its next attempt, and so does what follows"
    );
    assert_eq!(due(&outbox, "y", 5_000).await, ["a1", "b1"]);
    settle(&outbox, "x", Next::Delivered, 5_000).await;
    assert_eq!(due(&outbox, "x", 9_000).await, ["a1"]);
    settle(&outbox, "x", Next::GivenUp, 9_000).await;
    assert_eq!(due(&outbox, "x", 9_000).await, ["a2"]);
    // What is told again goes before what has not been told yet, and behind what is under way.
    let first =
        outbox.list(&Wanted { endpoint: Some("x".into()), limit: 9, ..Wanted::default() }).await.unwrap();
    let a1 = first.iter().find(|delivery| delivery.event.id == "a1").unwrap();
    assert_eq!((a1.state, a1.attempts), (DeliveryState::Failed, 2));
    let there = ["x".to_owned()];
    assert_eq!(outbox.replay(a1.id, &[], 9_500).await.unwrap(), Replayed::NoEndpoint);
    assert_eq!(outbox.replay(a1.id, &there, 9_500).await.unwrap(), Replayed::Done);
    assert_eq!(outbox.replay(a1.id, &there, 9_500).await.unwrap(), Replayed::Waiting);
    assert_eq!(outbox.replay(999, &there, 9_500).await.unwrap(), Replayed::Absent);
    for told in ["a2", "a1", "a3"] {
        assert_eq!(due(&outbox, "x", 9_999).await, [told]);
        settle(&outbox, "x", Next::Delivered, 9_999).await;
    }
}

#[tokio::test]
async fn what_waits_has_a_bound_and_what_is_over_goes_after_its_time() {
    let scratch = Scratch::new();
    let outbox = Store::open(scratch.path()).await.unwrap().outbox;
    let events: Vec<Event> = (0..5).map(|number| event(&format!("e{number}"), "k", "s")).collect();
    happen(&outbox, &events).await;
    assert_eq!(route(&outbox, &["x"], 3).await, (5, vec!["x".to_owned()]));
    let failed = Wanted { state: Some(DeliveryState::Failed), limit: 9, ..Wanted::default() };
    let lost = outbox.list(&failed).await.unwrap();
    assert_eq!(lost.iter().map(|delivery| delivery.event.id.as_str()).collect::<Vec<_>>(), ["e4", "e3"]);
    assert_eq!(
        outbox.waiting().await.unwrap(),
        [Waiting { endpoint: "x".into(), count: 3, oldest_ms: 1_000 }]
    );
    assert_eq!(outbox.sweep(5_000, 10).await.unwrap(), 0);
    assert_eq!(outbox.sweep(5_001, 10).await.unwrap(), 2);
    assert_eq!(outbox.forget_all_but(&["x".to_owned()], 6_000).await.unwrap(), 0);
    assert_eq!(outbox.forget_all_but(&[], 6_000).await.unwrap(), 3);
    assert_eq!(outbox.sweep(0, 1).await.unwrap(), 2, "beyond the number that is kept");
    let all = Wanted { limit: 9, ..Wanted::default() };
    assert_eq!(outbox.list(&all).await.unwrap().len(), 1);
    // What nobody wants is not kept.
    happen(&outbox, &[event("z", "k", "s")]).await;
    assert_eq!(route(&outbox, &[], 3).await.0, 1);
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM event").fetch_one(&outbox.read).await.unwrap();
    assert_eq!(kept, 1);
}

#[tokio::test]
async fn the_log_is_told_by_endpoint_state_and_kind_in_pages() {
    let scratch = Scratch::new();
    let outbox = Store::open(scratch.path()).await.unwrap().outbox;
    happen(
        &outbox,
        &[event("a", "stream.started", "a"), event("b", "stream.ended", "b"), event("c", "gift.sent", "c")],
    )
    .await;
    route(&outbox, &["x", "y"], 100).await;
    settle(&outbox, "x", Next::Delivered, 5_000).await;
    let list = |wanted: Wanted| {
        let outbox = outbox.clone();
        async move {
            let found = outbox
                .list(&Wanted { limit: if wanted.limit == 0 { 99 } else { wanted.limit }, ..wanted })
                .await;
            found
                .unwrap()
                .into_iter()
                .map(|delivery| format!("{}{}", delivery.endpoint, delivery.event.id))
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(list(Wanted::default()).await, ["yc", "xc", "yb", "xb", "ya", "xa"]);
    assert_eq!(list(Wanted { limit: 2, before: Some(5), ..Wanted::default() }).await, ["yb", "xb"]);
    assert_eq!(
        list(Wanted { kind: Some("stream.*".into()), endpoint: Some("y".into()), ..Wanted::default() }).await,
        ["yb", "ya"]
    );
    assert_eq!(list(Wanted { kind: Some("gift.sent".into()), ..Wanted::default() }).await, ["yc", "xc"]);
    assert_eq!(list(Wanted { state: Some(DeliveryState::Delivered), ..Wanted::default() }).await, ["xa"]);
}

#[tokio::test]
async fn what_was_begun_and_not_ended_is_left_to_be_said() {
    let scratch = Scratch::new();
    let outbox = Store::open(scratch.path()).await.unwrap().outbox;
    let begin = Event { opens: Some("stream.ended"), ..event("a", "stream.started", "stream:a") };
    happen(&outbox, std::slice::from_ref(&begin)).await;
    let left = ("stream:a".to_owned(), "stream.ended".to_owned(), "{}".to_owned());
    assert_eq!(outbox.wills().await.unwrap(), [left]);
    happen(&outbox, &[event("b", "stream.ended", "stream:a")]).await;
    assert!(outbox.wills().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_begun_for_somebody_ends_whoever_wants_it_by_then() {
    let wanted = |kinds: &[&str]| kinds.iter().map(|kind| (*kind).to_owned()).collect::<Vec<_>>();
    for (at_first, later, left) in [
        (wanted(&["stream.ended"]), wanted(&["stream.ended"]), 1),
        (wanted(&["stream.started"]), wanted(&["stream.started"]), 1),
        // As after a reload.
        (wanted(&["stream.started"]), wanted(&[]), 1),
        (wanted(&["gift.*"]), wanted(&["gift.*"]), 0),
    ] {
        let scratch = Scratch::new();
        let Store { outbox, writer, .. } = Store::open(scratch.path()).await.unwrap();
        tokio::spawn(writer.clone().run());
        let left_to_say = async || {
            writer.flush().await;
            outbox.wills().await.unwrap().len()
        };
        outbox.interest.set(at_first.clone());
        writer.put_event(Event { opens: Some("stream.ended"), ..event("a", "stream.started", "stream:a") });
        assert_eq!(left_to_say().await, left, "{at_first:?}");
        outbox.interest.set(later);
        writer.put_event(event("b", "stream.ended", "stream:a"));
        assert_eq!(left_to_say().await, 0, "{at_first:?}");
    }
}

#[tokio::test]
async fn one_turn_of_the_sweep_brings_the_log_within_its_bound() {
    let scratch = Scratch::new();
    let outbox = Store::open(scratch.path()).await.unwrap().outbox;
    let rows = 3 * SWEEP_MAX;
    let count = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)";
    for insert in [
        "INSERT INTO event (number, id, kind, subject, occurred_ms, data, is_routed)
             SELECT i, 'e' || i, 'k', 's', 0, '{}', 1 FROM n",
        "INSERT INTO delivery (event, endpoint, subject, state, due_ms, ended_ms)
             SELECT i, 'x', 's', 'delivered', 0, i FROM n",
        // Of the oldest event one delivery is young.
        "INSERT INTO delivery (event, endpoint, subject, state, due_ms, ended_ms)
             SELECT 1, 'y', 's', 'delivered', 0, ?1 + 1 FROM n LIMIT 1",
    ] {
        let query = sqlx::query(sqlx::AssertSqlSafe(format!("{count} {insert}"))).bind(rows);
        query.execute(&outbox.write).await.unwrap();
    }
    let kept = |table: &str| {
        let query = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        sqlx::query_scalar::<_, i64>(query).fetch_one(&outbox.read)
    };
    assert_eq!(outbox.sweep(0, 10).await.unwrap(), rows.unsigned_abs() - 9);
    assert_eq!((kept("delivery").await.unwrap(), kept("event").await.unwrap()), (10, 10));
    // What is over its time goes in one turn too.
    assert_eq!(outbox.sweep(i64::MAX, 10).await.unwrap(), 10);
    assert_eq!((kept("delivery").await.unwrap(), kept("event").await.unwrap()), (0, 0));
}
