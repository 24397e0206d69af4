//! How far back a stream goes, for Aliyun's players: `GET /openapi/timeline/query?app=APP&stream=STREAM`.
//!
//! Aliyun's documents have the request and not the answer. That there are `retCode` (0 when it went well), `description` and
//! `content`, and in it `current`, in seconds since 1970, is what its web player reads. The stretches in `timelines`, within
//! what was asked for, are for everybody else.

use control::compat::{self, TIMELINE};
use control::query::Query;
use control::request::Action;
use hub::Phase;
use serde_json::{Value, json};

use crate::admission::{self, Asked, Visitor};
use crate::app::App;
use crate::http::head::Head;
use crate::http::response::Response;
use crate::http::viewer::Client;
use crate::{replay, time};

/// Whether a path is this one.
pub fn is_timeline(path: &str) -> bool {
    path == TIMELINE
}

/// Answers with what can be watched late.
pub async fn timeline(app: &App, head: &Head, client: Client) -> Response {
    let (status, code, description, content) = match look(app, head, client).await {
        Ok(content) => (200, 0, "success".to_owned(), content),
        Err((status, description)) => (status, status, description, Value::Null),
    };
    let answer = json!({"retCode": code, "description": description, "content": content});
    Response::json(status, &answer).with("Cache-Control", "no-store")
}

async fn look(app: &App, head: &Head, client: Client) -> Result<Value, (u16, String)> {
    let query = Query::parse(&head.query).map_err(|bad| (400, bad.to_string()))?;
    let wanted = compat::aliyun(&query).map_err(|bad| (400, bad.to_string()))?;
    let name = |parameter| query.get(parameter).unwrap_or_default();
    let (app_name, stream) = (name("app"), name("stream"));
    let playlist = format!("/{app_name}/{stream}.m3u8");
    let asked = |path| Asked {
        action: Action::Play,
        host: head.host(),
        app: app_name,
        stream,
        path,
        query: &head.query,
        peer: Some(client.peer),
        referrer: head.header("referer").or(head.header("origin")),
    };
    // Who may play the stream may know this, too.
    let is_signed_here = app.admission.admit(&asked(TIMELINE)).is_ok();
    let asked = asked(if is_signed_here { TIMELINE } else { &playlist });
    let visitor = Visitor::page(client.id, head.header("user-agent").unwrap_or_default());
    let admitted = admission::enter(app, &asked, &visitor).await;
    let name = admitted.map_err(|refused| (refused.status(), refused.message))?.name;
    if app.hub.find(&name).is_none_or(|stream| stream.phase() == Phase::Waiting) {
        return Err((404, "nobody is publishing this stream".to_owned()));
    }
    let now_ms = app.clock.unix_ms();
    let end_ms = now_ms.saturating_sub_unsigned(app.config.hls.delay_seconds.saturating_mul(1_000));
    let in_memory = end_ms.saturating_sub_unsigned(app.hls.kept_ms(&name));
    let start_ms = replay::beside(app, &name).map_or(in_memory, |beside| beside.started_ms.min(in_memory));
    let bound = |text: Option<String>, or| text.and_then(|text| time::unix_seconds(&text)).unwrap_or(or);
    let (from, to) = (bound(wanted.from, i64::MIN), bound(wanted.to, i64::MAX));
    let (start, end) = (start_ms.div_euclid(1_000).max(from), end_ms.div_euclid(1_000).min(to));
    let timelines = if start < end { json!([{"start": start, "end": end}]) } else { json!([]) };
    Ok(json!({"current": now_ms.div_euclid(1_000), "timelines": timelines}))
}
