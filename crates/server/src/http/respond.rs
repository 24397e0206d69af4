//! From a request to its answer: the one way for every version of HTTP.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tracing::info;

use super::conditional;
use super::head::{BadHead, Head, Method};
use super::response::{Response, preflight};
use super::router::{self, Route};
use super::viewer::Client;
use crate::admission::loggable;
use crate::api;
use crate::app::App;
use crate::flv::play::{self, Granted, Outcome};
use crate::metrics::{self, Limit};
use crate::{chat, replay, shift, snapshot};

/// What is to be done about a request.
pub enum Reply {
    /// Send this.
    Answer(Response),
    /// Send media until the stream ends: see [`play`].
    Play(Box<Granted>),
    /// Talk: see [`chat`].
    Chat(chat::Wanted),
}

/// Answers a request that came whole, with its body where it has one.
pub async fn respond(app: &Arc<App>, head: &Head, body: Bytes, client: Client) -> Reply {
    let response = match (head.method, router::route(&head.path)) {
        (Method::Options, _) => preflight(),
        (_, Route::Api) => {
            let began = Instant::now();
            let response = api::answer(app, head, body, client).await;
            app.counts.api_answered(began.elapsed());
            response
        }
        (Method::Other | Method::Post | Method::Put | Method::Delete, _) => Response::error(
            405,
            "method_not_allowed",
            "only GET, HEAD and OPTIONS are answered here",
            "这里只支持 GET、HEAD 和 OPTIONS",
        )
        .with("Allow", "GET, HEAD, OPTIONS"),
        (_, Route::Flv(named)) => match play::request(app, head, &named, client).await {
            Outcome::Play(granted) => return Reply::Play(granted),
            Outcome::Answer(response) => response,
        },
        (_, Route::Snapshot(named)) => snapshot::answer(app, head, &named, client).await,
        (_, Route::Hls(named)) => shift::answer(app, head, &named, client).await,
        // Its conditions are answered there, because what is left of it is counted.
        (_, Route::Replay(named)) => return Reply::Answer(replay::answer(app, head, &named, client).await),
        (_, Route::Chat) => match chat::request(app, head) {
            Ok(wanted) => return Reply::Chat(wanted),
            Err(refusal) => refusal,
        },
        (_, Route::Timeline) => api::compat::timeline(app, head, client).await,
        (_, Route::Metrics) => metrics::answer(app, head, client.peer).await,
        (_, Route::Other(answer)) => answer(app, head, client.peer),
    };
    Reply::Answer(conditional::answer(head, response))
}

/// Gives a failure a number that is in the answer and in the log, so that whoever saw it can be helped. Of the address
/// only the path is logged, as the query may hold a signature.
pub(super) fn note_failure(response: Response, client: Client, request: u64, path: &str) -> Response {
    let status = response.status();
    if status < 400 {
        return response;
    }
    let id = format!("{}-{request}", client.id);
    info!(session = client.id, request = id, peer = %client.peer, status, path = loggable(path), "request failed");
    response.with("X-Request-Id", id)
}

/// Counts a request that came to a bound before it could be answered.
pub(super) fn note_limit(app: &App, status: u16) {
    match status {
        408 => app.counts.limit_hit(Limit::HeaderTimeout),
        414 => app.counts.limit_hit(Limit::MaxTarget),
        431 => app.counts.limit_hit(Limit::MaxHeaderBytes),
        _ => {}
    }
}

/// The answer to a head that is none.
pub(super) fn refuse(bad: BadHead) -> Response {
    let (status, zh) = match bad {
        BadHead::Malformed(_) => (400, "请求格式错误"),
        BadHead::TargetTooLong => (414, "地址过长"),
        BadHead::HasBody => (400, "此地址不接受请求体"),
        BadHead::NoLength => (411, "请求体须带 Content-Length，不支持分块传输"),
        BadHead::BodyTooLarge => (413, "请求体过大"),
    };
    Response::error(status, "bad_request", &bad.to_string(), zh)
}
