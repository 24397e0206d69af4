//! One HTTP connection: requests in turn, until one of them takes the connection away or it ends.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::head::Head;
use super::http2;
use super::respond::{Reply, note_failure, note_limit, refuse, respond};
use super::response::Response;
use super::send::send;
use super::viewer::Client;
use crate::app::App;
use crate::chat;
use crate::flv::play;
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
    if connection.is_http2() {
        return http2::serve(app, connection, peer, permit).await;
    }
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
        let Some(body) = read_body(&mut connection, &mut input, &head, &bounds).await else { return };
        let response = match respond(&app, &head, body, client).await {
            Reply::Answer(response) => response,
            Reply::Play(granted) => return play::start(&app, connection, &head, *granted, permit, client),
            Reply::Chat(wanted) => {
                return chat::start(&app, connection, &head, &wanted, permit, client, input.freeze());
            }
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
