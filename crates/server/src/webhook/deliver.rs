//! The one task that tells: routes events, makes attempts, and notes what came of them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tracing::{error, info, warn};

use super::endpoint::Endpoint;
use super::schedule;
use crate::app::App;
use crate::outbound::{Answer, Failure};
use crate::store::outbox::{Delivery, Next, Settled};
use crate::store::{Outbox, Store};

/// Between two looks at what is due. The calendar may jump, so nobody sleeps until a moment.
const LOOK: Duration = Duration::from_millis(500);

/// Between two looks at how far endpoints are behind.
const MEASURE: Duration = Duration::from_secs(2);

/// Between two deletions of what is over its time.
const SWEEP: Duration = Duration::from_secs(60);

/// Attempts at a time for one endpoint.
const PARALLEL: usize = 8;

/// Most deliveries that have ended and are kept, however young.
const MAX_ENDED: u64 = 200_000;

/// Between two attempts to write down what came of one.
const WRITE_AGAIN: Duration = Duration::from_secs(1);

/// How much of an answer that is no success is kept, in characters.
const TOLD_MAX: usize = 200;

/// Tells for as long as the server runs.
pub async fn run(app: Arc<App>) {
    let Some(store) = app.store.clone() else {
        if !app.webhooks.endpoints().is_empty() {
            error!(
                "[[webhook]] is without effect: this server has no data folder, or its database cannot be opened"
            );
        }
        return;
    };
    let mut attempts = JoinSet::new();
    let mut running: HashMap<String, HashSet<i64>> = HashMap::new();
    let (mut look, mut measure, mut sweep) = (interval(LOOK), interval(MEASURE), interval(SWEEP));
    for interval in [&mut look, &mut measure, &mut sweep] {
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    }
    let mut failed = false;
    loop {
        let step = begin_what_is_due(&app, &store.outbox, &mut attempts, &mut running).await;
        match step {
            Ok(()) if failed => {
                failed = false;
                info!("webhooks: the database answers again");
            }
            Ok(()) => {}
            Err(error) => {
                if !std::mem::replace(&mut failed, true) {
                    warn!(%error, "webhooks: the database does not answer; events are kept and told when it does");
                }
                sleep(WRITE_AGAIN).await;
            }
        }
        tokio::select! {
            _ = look.tick() => {}
            () = store.outbox.news() => {}
            () = app.webhooks.changed.notified() => forget_others(&app, &store.outbox).await,
            _ = measure.tick() => self::measure(&app, &store).await,
            _ = sweep.tick() => self::sweep(&app, &store.outbox).await,
            Some(ended) = attempts.join_next() => match ended {
                Ok((endpoint, id)) => {
                    if let Some(ids) = running.get_mut(&endpoint) {
                        ids.remove(&id);
                    }
                }
                // Which one it was is not known, so all begin again.
                Err(error) if error.is_panic() => {
                    error!(%error, "an attempt of a webhook ended in a panic; this is a bug in Weir");
                    attempts.shutdown().await;
                    running.clear();
                    sleep(WRITE_AGAIN).await;
                }
                Err(_) => {}
            },
        }
    }
}

async fn begin_what_is_due(
    app: &Arc<App>,
    outbox: &Outbox,
    attempts: &mut JoinSet<(String, i64)>,
    running: &mut HashMap<String, HashSet<i64>>,
) -> Result<(), sqlx::Error> {
    let endpoints = app.webhooks.endpoints();
    let wanting = |kind: &str| {
        endpoints
            .iter()
            .filter(|endpoint| endpoint.wants(kind))
            .map(|endpoint| endpoint.name.clone())
            .collect()
    };
    loop {
        let (count, full) = outbox.route(wanting, app.webhooks.max_waiting, app.clock.unix_ms()).await?;
        for endpoint in full {
            let mut lag = app.webhooks.figures.lock();
            if !lag.full.contains(&endpoint) {
                error!(
                    endpoint,
                    most = app.webhooks.max_waiting,
                    "webhooks: as many events wait for this endpoint as may (webhooks.max_waiting), so new ones are given up: mend it, then replay them"
                );
                lag.full.push(endpoint);
            }
        }
        if count == 0 {
            break;
        }
    }
    for endpoint in endpoints.iter() {
        if app.webhooks.disabled_ms(&endpoint.name).is_some() {
            continue;
        }
        let ids = running.entry(endpoint.name.clone()).or_default();
        if ids.len() >= PARALLEL {
            continue;
        }
        // What is being attempted is still due in the table.
        let due = outbox.due(&endpoint.name, app.clock.unix_ms(), PARALLEL + ids.len()).await?;
        for delivery in due {
            if ids.len() < PARALLEL && ids.insert(delivery.id) {
                attempts.spawn(attempt(app.clone(), outbox.clone(), endpoint.clone(), delivery));
            }
        }
    }
    Ok(())
}

/// One attempt, to the moment in which what came of it is in the database.
async fn attempt(app: Arc<App>, outbox: Outbox, endpoint: Endpoint, delivery: Delivery) -> (String, i64) {
    let began = Instant::now();
    let call = endpoint.call(&delivery.event, app.clock.unix_ms());
    let answer = app.webhooks.client.call(&endpoint.address, endpoint.guard, call).await;
    let now_ms = app.clock.unix_ms();
    let number = delivery.attempts + 1;
    let (settled, result) = judge(&answer, number, now_ms, luck());
    let event = &delivery.event;
    app.webhooks.figures.attempted(&event.kind, result);
    if answer.as_ref().is_ok_and(|answer| answer.status == 410) {
        app.webhooks.disable(&endpoint.name, now_ms);
        error!(
            endpoint = endpoint.name,
            "webhooks: this endpoint answered 410 Gone, and is asked no more until `weir webhooks enable` or a reload"
        );
    } else if let Some(error) = &settled.error {
        let given_up = settled.next == Next::GivenUp;
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        warn!(endpoint = endpoint.name, event = event.kind, id = event.id, attempt = number, took_ms, given_up, %error, "webhook not delivered");
    }
    while let Err(error) = outbox.settle(&delivery, &settled, app.clock.unix_ms()).await {
        warn!(%error, "webhooks: what came of an attempt cannot be written yet");
        sleep(WRITE_AGAIN).await;
    }
    (endpoint.name, delivery.id)
}

/// What follows from an answer, or from none, to attempt number `number`; and its name in the metrics.
fn judge(answer: &Result<Answer, Failure>, number: u32, now_ms: i64, luck: u8) -> (Settled, &'static str) {
    let again = |wish| match schedule::pause(number, luck, wish) {
        Some(pause) => Next::At(now_ms.saturating_add(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX))),
        None => Next::GivenUp,
    };
    let answer = match answer {
        Err(failure) => {
            let error = Some(format!("{}: {failure}", failure.code()));
            return (Settled { next: again(None), status: None, error }, failure.code());
        }
        Ok(answer) => answer,
    };
    let status = Some(answer.status);
    if (200..300).contains(&answer.status) {
        return (Settled { next: Next::Delivered, status, error: None }, "delivered");
    }
    let wish = answer.retry_after.as_deref().filter(|_| [429, 503].contains(&answer.status));
    let next = match answer.status {
        // It is asked no more; if an operator says otherwise, this is the first that it is asked.
        410 => Next::At(now_ms),
        _ => again(wish.and_then(|wish| schedule::wish(wish, now_ms))),
    };
    let words = String::from_utf8_lossy(&answer.body);
    let words: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TOLD_MAX).collect();
    let error =
        Some(format!("status {}: {}", answer.status, words.trim()).trim_end_matches([':', ' ']).to_owned());
    let result = match answer.status {
        300..400 => "redirect",
        400..500 => "refused",
        _ => "server_error",
    };
    (Settled { next, status, error }, result)
}

fn luck() -> u8 {
    let mut luck = [0];
    // Without random bytes everybody is on time.
    let _ = getrandom::fill(&mut luck);
    luck[0]
}

async fn forget_others(app: &App, outbox: &Outbox) {
    let names: Vec<String> = app.webhooks.endpoints().iter().map(|endpoint| endpoint.name.clone()).collect();
    match outbox.forget_all_but(&names, app.clock.unix_ms()).await {
        Ok(0) => {}
        Ok(count) => warn!(
            count,
            "webhooks: events were given up because their endpoint is no longer configured; once one of that name is, `replay` tells them"
        ),
        Err(error) => warn!(%error, "webhooks: the database does not answer"),
    }
}

async fn measure(app: &App, store: &Store) {
    let found = async {
        let waiting = store.outbox.waiting().await?;
        let unrouted = store.outbox.oldest_unrouted_ms().await?;
        Ok::<_, sqlx::Error>((waiting, unrouted))
    };
    // Otherwise the figures stay as they were, and the lag grows with the clock.
    let Ok((waiting, unrouted)) = found.await else { return };
    let mut lag = app.webhooks.figures.lock();
    lag.oldest_ms = waiting.iter().map(|waiting| waiting.oldest_ms).chain(unrouted).min();
    lag.full.retain(|endpoint| {
        waiting
            .iter()
            .any(|waiting| waiting.endpoint == *endpoint && waiting.count >= app.webhooks.max_waiting)
    });
    lag.waiting = waiting;
}

async fn sweep(app: &App, outbox: &Outbox) {
    let before_ms = app.clock.unix_ms().saturating_sub(app.webhooks.retention_ms);
    match outbox.sweep(before_ms, MAX_ENDED).await {
        Ok(0) => {}
        Ok(count) => info!(count, "webhooks: old deliveries were deleted"),
        Err(error) => warn!(%error, "webhooks: old deliveries were not deleted"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, retry_after: Option<&str>) -> Result<Answer, Failure> {
        Ok(Answer {
            status,
            retry_after: retry_after.map(str::to_owned),
            body: "not\nnow".into(),
            is_cut: false,
        })
    }

    #[test]
    fn every_2xx_is_a_success_and_nothing_else_is() {
        let next = |status, retry_after| judge(&answer(status, retry_after), 1, 1_000, 0).0.next;
        for status in [200, 201, 204, 299] {
            assert_eq!(next(status, None), Next::Delivered, "{status}");
        }
        for status in [301, 302, 307, 400, 401, 404, 500, 503] {
            assert_eq!(next(status, None), Next::At(6_000), "{status}");
        }
        assert_eq!(next(429, Some("60")), Next::At(61_000));
        assert_eq!(next(503, Some("60")), Next::At(61_000));
        assert_eq!(next(500, Some("60")), Next::At(6_000), "only where it has a meaning");
        assert_eq!(judge(&answer(500, None), 10, 1_000, 0).0.next, Next::GivenUp);
        assert_eq!(judge(&answer(404, None), 1, 0, 0).0.error.as_deref(), Some("status 404: not now"));
    }
}
