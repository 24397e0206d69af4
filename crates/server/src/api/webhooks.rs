//! `/api/v1/webhooks`: who is told what happens, how that goes, and telling it again.

use serde_json::{Value, json};

use super::call::{Answer, Call};
use super::shape::shape;
use crate::event;
use crate::http::response::Response;
use crate::store::outbox::{Delivery, DeliveryState, Replayed, Wanted};
use crate::store::{Outbox, Store};
use crate::time::rfc3339;
use crate::webhook::{Endpoint, Form};

shape! {
    /// Who is told what happens.
    out struct WebhookList {
        /// The webhooks of the configuration, and the notices of its hooks.
        webhooks: Vec<WebhookState>,
    }

    /// A webhook, and how it does.
    out struct WebhookState {
        /// Its name.
        name: String,
        /// The receiver, without the rest of its address, which may be a key.
        target: String,
        /// `standard` (Standard Webhooks) or `srs` (a notice in the words of SRS).
        form: &'static str,
        /// What it is told: kinds of events, or groups of them.
        events: Vec<String>,
        /// How many secrets sign what it is told.
        secrets: usize,
        /// Since when it is told nothing, because it answered 410; null when it is.
        disabled_since: Option<String>,
        /// Events that wait for it.
        waiting: u64,
        /// When the oldest of them happened; null when none waits.
        oldest_at: Option<String>,
        /// Whether so many wait that new ones are given up.
        full: bool,
    }

    /// A page of the log of deliveries, newest first.
    out struct DeliveryList {
        /// The deliveries.
        deliveries: Vec<WebhookDelivery>,
        /// What to ask for as `before` to get the next page; null on the last one.
        next: Option<i64>,
    }

    /// One event for one webhook.
    out struct WebhookDelivery {
        /// Its number.
        id: i64,
        /// The webhook.
        endpoint: String,
        /// The event's id, which is the same at every attempt.
        event_id: String,
        /// What happened.
        event: String,
        /// What it is about; events of one subject are told in order.
        subject: String,
        /// When it happened.
        occurred_at: String,
        /// `waiting`, `delivered` or `failed` (given up).
        state: &'static str,
        /// Attempts so far.
        attempts: u32,
        /// When the newest attempt was, in milliseconds since 1970; null before the first.
        attempted_ms: Option<i64>,
        /// When the next one will be, in milliseconds since 1970; null when there will be none.
        due_ms: Option<i64>,
        /// When it came to its end; null while it waits.
        ended_at: Option<String>,
        /// The newest HTTP status; null when there was no answer.
        status: Option<u16>,
        /// Why the newest attempt failed; null when it did not.
        error: Option<String>,
    }

    /// A test that is on its way.
    out struct WebhookTest {
        /// The number of its delivery in the log.
        delivery: i64,
    }
}

/// The names of states, for the table.
pub(super) const STATES: &[&str] = &["waiting", "delivered", "failed"];

/// The schema of a name in a path.
pub(super) fn name_schema() -> Value {
    json!({"type": "string", "pattern": "^[A-Za-z0-9_.\\[\\]-]{1,80}$"})
}

/// All of them.
pub(super) fn list(call: &Call) -> Answer {
    let webhooks = &call.app.webhooks;
    let waiting = match &call.app.store {
        Some(store) => call.wait(store.outbox.waiting()).map_err(|error| broken(&error))?,
        None => Vec::new(),
    };
    let lag = webhooks.figures().lag();
    let state = |endpoint: &Endpoint| {
        let waits = waiting.iter().find(|waiting| waiting.endpoint == endpoint.name);
        WebhookState {
            name: endpoint.name.clone(),
            target: endpoint.address.to_string(),
            form: match endpoint.form {
                Form::Standard(_) => "standard",
                Form::Srs(_) => "srs",
            },
            events: endpoint.events.clone(),
            secrets: match &endpoint.form {
                Form::Standard(keys) => keys.len(),
                Form::Srs(_) => 0,
            },
            disabled_since: webhooks.disabled_ms(&endpoint.name).map(rfc3339),
            waiting: waits.map_or(0, |waits| waits.count),
            oldest_at: waits.map(|waits| rfc3339(waits.oldest_ms)),
            full: lag.full.contains(&endpoint.name),
        }
    };
    let webhooks = webhooks.endpoints().iter().map(state).collect();
    Ok(Response::json(200, &WebhookList { webhooks }))
}

/// The log, in pages.
pub(super) fn deliveries(call: &Call) -> Answer {
    let limit = call.limit();
    let wanted = Wanted {
        endpoint: call.parameter("endpoint").map(str::to_owned),
        state: call.parameter("state").and_then(DeliveryState::of_word),
        kind: call.parameter("event").map(str::to_owned),
        before: call.parameter("before").and_then(|before| before.parse().ok()),
        limit: limit + 1,
    };
    let mut found = call.wait(outbox(call)?.list(&wanted)).map_err(|error| broken(&error))?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| last.id);
    Ok(Response::json(200, &DeliveryList { deliveries: found.into_iter().map(delivery).collect(), next }))
}

/// Tells one again.
pub(super) fn replay(call: &Call) -> Answer {
    let absent = || {
        Response::error(404, "no_delivery", "there is no delivery of this number", "没有这个编号的投递记录")
    };
    let id = call.names.first().and_then(|id| id.parse().ok()).ok_or_else(absent)?;
    let names: Vec<String> =
        call.app.webhooks.endpoints().iter().map(|endpoint| endpoint.name.clone()).collect();
    let done = call.wait(outbox(call)?.replay(id, &names, call.app.clock.unix_ms()));
    let done = done.map_err(|error| broken(&error))?;
    match done {
        Replayed::Done => Ok(Response::empty(202)),
        Replayed::Absent => Err(absent()),
        Replayed::Waiting => Err(Response::error(
            409,
            "waiting",
            "this event has not been told yet: it is on its way",
            "该事件还没有送达，仍在投递中",
        )),
        Replayed::NoEndpoint => Err(Response::error(
            404,
            "no_webhook",
            "the endpoint of this delivery is no longer configured: configure one of that name again, then replay it",
            "这条投递的接收方已不在配置里：请重新配置同名接收方，再重新投递",
        )),
    }
}

/// Sends a test.
pub(super) fn test(call: &Call) -> Answer {
    let endpoint = endpoint(call)?;
    let endpoints = call.app.webhooks.endpoints();
    let form = endpoints.iter().find(|other| other.name == endpoint).map(|other| &other.form);
    if matches!(form, Some(Form::Srs(_))) {
        return Err(Response::error(
            409,
            "no_test",
            "the form of SRS has no event that means nothing: end a push or a play to see a notice",
            "SRS 格式没有测试事件：结束一次推流或播放即可看到通知",
        ));
    }
    let now_ms = call.app.clock.unix_ms();
    let event = event::ping(&endpoint, now_ms);
    let told = call.wait(outbox(call)?.tell(&event, &endpoint, now_ms)).map_err(|error| broken(&error))?;
    Ok(Response::json(202, &WebhookTest { delivery: told }))
}

/// Tells an endpoint again that wanted nothing more, and what waits for one that failed now instead of later.
pub(super) fn enable(call: &Call) -> Answer {
    let endpoint = endpoint(call)?;
    call.app.webhooks.enable(&endpoint);
    let hurried = outbox(call)?.hurry(&endpoint, call.app.clock.unix_ms());
    call.wait(hurried).map_err(|error| broken(&error))?;
    Ok(Response::empty(204))
}

fn endpoint(call: &Call) -> Result<String, Response> {
    let wanted = call.names.first().map(String::as_str).unwrap_or_default();
    let endpoints = call.app.webhooks.endpoints();
    let found = endpoints.iter().find(|endpoint| endpoint.name == wanted);
    found.map(|endpoint| endpoint.name.clone()).ok_or_else(|| {
        Response::error(
            404,
            "no_webhook",
            "there is no webhook of this name: `weir webhooks list` shows which there are",
            "没有这个名称的接收方：用 `weir webhooks list` 查看",
        )
    })
}

fn outbox(call: &Call) -> Result<&Outbox, Response> {
    call.app.store.as_ref().map(|store: &Store| &store.outbox).ok_or_else(|| {
        Response::error(
            503,
            "no_database",
            "this server has no data folder, or its database cannot be opened, so nobody is told anything",
            "本服务器没有数据目录，或数据库打不开，因此不发送通知",
        )
    })
}

fn broken(error: &dyn std::fmt::Display) -> Response {
    let en = format!("the database does not answer: {error}");
    Response::error(500, "index", &en, "数据库无法访问，详见 message")
}

fn delivery(of: Delivery) -> WebhookDelivery {
    WebhookDelivery {
        id: of.id,
        endpoint: of.endpoint,
        event_id: of.event.id,
        event: of.event.kind,
        subject: of.event.subject,
        occurred_at: rfc3339(of.event.occurred_ms),
        state: of.state.word(),
        attempts: of.attempts,
        attempted_ms: of.attempted_ms,
        due_ms: Some(of.due_ms).filter(|_| of.state == DeliveryState::Waiting),
        ended_at: of.ended_ms.map(rfc3339),
        status: of.status,
        error: of.error,
    }
}
