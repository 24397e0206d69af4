//! One HTTP connection: requests in turn, until one of them takes the connection away or it ends.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tracing::info;

use super::head::{BadHead, Head, Method};
use super::response::{Response, preflight};
use super::router::{self, Route};
use super::send::send;
use crate::admission::loggable;
use crate::api;
use crate::app::App;
use crate::flv::play::{self, Client, Outcome};
use crate::hls;
use crate::metrics::{self, Limit};
use crate::net::{Permit, Stream};

/// Bounds of one connection.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// From the first byte of a request to the end of its head.
    pub header_timeout: Duration,
    /// Between two requests, and for more of a response to be taken.
    pub idle_timeout: Duration,
    /// Largest head of a request, in bytes.
    pub max_header_bytes: usize,
}

/// Serves a connection to its end.
pub async fn serve(app: Arc<App>, mut connection: Stream, peer: IpAddr, permit: Permit) {
    let bounds = app.http_bounds;
    let client = Client { id: app.sessions.number(), peer, is_tls: connection.is_tls() };
    let mut requests = 0_u64;
    let mut input = BytesMut::new();
    let mut wait = bounds.header_timeout;
    loop {
        let head = match read_head(&mut connection, &mut input, &bounds, wait).await {
            Read::Head(head) => head,
            Read::Bad(response) => {
                note_limit(&app, response.status());
                let response = note_failure(response, client, requests + 1, "");
                // The client may be gone or may not read; either way this connection is over.
                let _ =
                    send(&mut connection, response, None, &app.cors(), false, bounds.header_timeout).await;
                let _ = timeout(bounds.header_timeout, connection.shutdown()).await;
                return;
            }
            Read::Over => return,
        };
        wait = bounds.idle_timeout;
        requests += 1;
        let response = match (head.method, router::route(&head.path)) {
            (Method::Options, _) => preflight(),
            (_, Route::Api) => match read_body(&mut connection, &mut input, &head, &bounds).await {
                Some(body) => {
                    let began = Instant::now();
                    let response = api::answer(&app, &head, body, peer).await;
                    app.counts.api_answered(began.elapsed());
                    response
                }
                None => return,
            },
            (Method::Other | Method::Post | Method::Put | Method::Delete, _) => Response::error(
                405,
                "method_not_allowed",
                "only GET, HEAD and OPTIONS are answered here",
                "这里只支持 GET、HEAD 和 OPTIONS",
            )
            .with("Allow", "GET, HEAD, OPTIONS"),
            (_, Route::Flv(named)) => match play::request(&app, &head, &named, client).await {
                Outcome::Play(granted) => return play::start(&app, connection, *granted, permit, client),
                Outcome::Answer(response) => response,
            },
            (_, Route::Hls(named)) => {
                let Client { id, peer, is_tls } = client;
                hls::play::answer(&app, &head, &named, hls::play::Client { id, peer, is_tls }).await
            }
            (_, Route::Metrics) => metrics::answer(&app, &head, peer).await,
            (_, Route::Other(answer)) => answer(&app, &head, peer),
        };
        let response = note_failure(response, client, requests, &head.path);
        let keep_alive = head.keep_alive();
        let cors = app.cors();
        match send(&mut connection, response, Some(&head), &cors, keep_alive, bounds.idle_timeout).await {
            Ok(()) if keep_alive => {}
            _ => {
                let _ = timeout(bounds.header_timeout, connection.shutdown()).await;
                return;
            }
        }
    }
}

/// Gives a failure a number that is in the answer and in the log, so that whoever saw it can be helped. Of the address
/// only the path is logged, as the query may hold a signature.
fn note_failure(response: Response, client: Client, request: u64, path: &str) -> Response {
    let status = response.status();
    if status < 400 {
        return response;
    }
    let id = format!("{}-{request}", client.id);
    info!(session = client.id, request = id, peer = %client.peer, status, path = loggable(path), "request failed");
    response.with("X-Request-Id", id)
}

fn note_limit(app: &App, status: u16) {
    match status {
        408 => app.counts.limit_hit(Limit::HeaderTimeout),
        414 => app.counts.limit_hit(Limit::MaxTarget),
        431 => app.counts.limit_hit(Limit::MaxHeaderBytes),
        _ => {}
    }
}

/// The body that the head announced, if it comes in time. Bytes are taken as they come and kept within the bound
/// that the head was held to; what lies behind them is the next request's.
async fn read_body(
    connection: &mut Stream,
    input: &mut BytesMut,
    head: &Head,
    bounds: &Bounds,
) -> Option<Bytes> {
    let read = async {
        if input.len() < head.body_len && head.header_has("expect", "100-continue") {
            connection.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.ok()?;
        }
        while input.len() < head.body_len {
            let missing = head.body_len - input.len();
            if (&mut *connection).take(missing as u64).read_buf(input).await.ok()? == 0 {
                return None;
            }
        }
        Some(input.split_to(head.body_len).freeze())
    };
    timeout(bounds.header_timeout, read).await.ok().flatten()
}

enum Read {
    Head(Head),
    Bad(Response),
    Over,
}

async fn read_head(connection: &mut Stream, input: &mut BytesMut, bounds: &Bounds, wait: Duration) -> Read {
    let read = async {
        loop {
            match Head::parse(input) {
                Ok(Some((head, length))) => {
                    input.advance(length);
                    return Read::Head(head);
                }
                Ok(None) if input.len() >= bounds.max_header_bytes => {
                    return Read::Bad(Response::error(
                        431,
                        "head_too_large",
                        "the request's headers are too large",
                        "请求头过大",
                    ));
                }
                Ok(None) => {}
                Err(bad) => return Read::Bad(refuse(bad)),
            }
            let room = bounds.max_header_bytes - input.len();
            input.reserve(room.min(2048));
            match (&mut *connection).take(room as u64).read_buf(input).await {
                Ok(0) | Err(_) => return Read::Over,
                Ok(_) => {}
            }
        }
    };
    match timeout(wait, read).await {
        Ok(read) => read,
        Err(_) if input.is_empty() => Read::Over,
        Err(_) => Read::Bad(Response::error(
            408,
            "slow_request",
            "the request took too long to arrive",
            "请求发送过慢",
        )),
    }
}

fn refuse(bad: BadHead) -> Response {
    let (status, zh) = match bad {
        BadHead::Malformed(_) => (400, "请求格式错误"),
        BadHead::TargetTooLong => (414, "地址过长"),
        BadHead::HasBody => (400, "此地址不接受请求体"),
        BadHead::NoLength => (411, "请求体须带 Content-Length，不支持分块传输"),
        BadHead::BodyTooLarge => (413, "请求体过大"),
    };
    Response::error(status, "bad_request", &bad.to_string(), zh)
}
