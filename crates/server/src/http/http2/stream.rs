//! One request over HTTP/2 and its answer.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::time::timeout;
use tracing::warn;

use super::bounds::SEND_BUFFER;
use crate::app::App;
use crate::flv::play::{self, Granted};
use crate::http::body::Body;
use crate::http::head::{BadHead, Head, MAX_BODY, Method};
use crate::http::respond::{Reply, note_failure, note_limit, refuse, respond};
use crate::http::response::{Cors, Response, common_headers};
use crate::http::viewer::Client;
use crate::net::Refused;

/// Live media that is read from a shard at once.
const MEDIA: usize = 16 * 1024;

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Its answer went out, or was on its way when the client had enough.
    Answered,
    /// The client took the request back before there was an answer.
    Dropped,
}

/// Answers one request.
pub(super) async fn serve(
    app: Arc<App>,
    request: Request<RecvStream>,
    mut answer: SendResponse<Bytes>,
    client: Client,
) -> Outcome {
    let (parts, body) = request.into_parts();
    let patience = app.http_bounds.idle_timeout;
    let head = Head::from_http2(&parts);
    let replied = async {
        let head = head.as_ref().map_err(|bad| *bad)?;
        let wanted = if head.takes_body() { MAX_BODY } else { 0 };
        let Ok(body) = timeout(app.http_bounds.header_timeout, read_body(body, wanted)).await else {
            let zh = "请求发送过慢";
            return Ok(Reply::Answer(Response::error(
                408,
                "slow_request",
                "the request took too long to arrive",
                zh,
            )));
        };
        Ok(respond(&app, head, body?, client).await)
    };
    let replied = tokio::select! {
        // A request that is dropped already costs nothing.
        biased;
        _ = poll_fn(|cx| answer.poll_reset(cx)) => return Outcome::Dropped,
        replied = replied => replied,
    };
    let (response, media) = match replied {
        Ok(Reply::Answer(response)) => (response, None),
        Ok(Reply::Play(granted)) => match begin(&app, *granted, client) {
            Ok(media) => (Response::empty(200), Some(media)),
            Err(refused) => (refused, None),
        },
        // A WebSocket over HTTP/2 has another handshake (RFC 8441), which is not offered.
        Ok(Reply::Chat(_)) => (Response::empty(426), None),
        Err(bad) => (refuse(bad), None),
    };
    let head = head.ok();
    if head.is_none() || response.status() == 408 {
        note_limit(&app, response.status());
    }
    let response = note_failure(response, client, 1, head.as_ref().map_or("", |head| &head.path));
    let mut sending = Sending { answer, patience, cors: app.cors() };
    let sent = match media {
        None => sending.whole(head.as_ref(), response).await,
        Some(media) => sending.media(head.as_ref(), media).await,
    };
    if let Err(Stopped::Ours(reason)) = sent {
        sending.answer.send_reset(reason);
    }
    Outcome::Answered
}

/// Why an answer did not get to its end.
enum Stopped {
    /// The client has had enough, or its connection has gone.
    Theirs,
    /// The client took nothing for too long, or there is nothing more to be had.
    Ours(Reason),
}

impl From<h2::Error> for Stopped {
    fn from(_: h2::Error) -> Stopped {
        Stopped::Theirs
    }
}

struct Sending {
    answer: SendResponse<Bytes>,
    /// How long the client may take without taking anything.
    patience: Duration,
    cors: Arc<Cors>,
}

impl Sending {
    /// Sends an answer that ends.
    async fn whole(&mut self, head: Option<&Head>, response: Response) -> Result<(), Stopped> {
        let mut fields = Fields::default();
        response.each_header(head, &self.cors, |name, value| fields.add(name, value));
        let status = response.status();
        let wants_body = head.is_none_or(|head| head.method != Method::Head);
        let mut body = if wants_body { response.into_body() } else { Body::EMPTY };
        let mut stream = self.answer.send_response(fields.into_response(status), body.is_empty())?;
        while !body.is_empty() {
            // First the client's window, then the bytes: who takes nothing holds nothing.
            self.room(&mut stream, 1).await?;
            let chain = body.next_up_to(SEND_BUFFER).await;
            let mut chain = chain.map_err(|_| Stopped::Ours(Reason::INTERNAL_ERROR))?;
            while let Some(length) = chain.first_len() {
                let room = self.room(&mut stream, length).await?;
                let piece = chain.take_first(room);
                stream.send_data(piece, body.is_empty() && !chain.has_remaining())?;
            }
        }
        Ok(())
    }

    /// Sends what a shard of the fan-out writes, until it is done.
    async fn media(&mut self, head: Option<&Head>, mut media: UnixStream) -> Result<(), Stopped> {
        let mut fields = Fields::default();
        play::HEADERS.iter().for_each(|(name, value)| fields.add(name, value));
        common_headers(head, &self.cors, &mut |name, value| fields.add(name, value));
        let mut stream = self.answer.send_response(fields.into_response(200), false)?;
        let mut input = BytesMut::new();
        loop {
            input.reserve(MEDIA);
            let read = tokio::select! {
                _ = poll_fn(|cx| stream.poll_reset(cx)) => return Err(Stopped::Theirs),
                read = media.read_buf(&mut input) => read,
            };
            if !matches!(read, Ok(1..)) {
                stream.send_data(Bytes::new(), true)?;
                return Ok(());
            }
            while !input.is_empty() {
                let room = self.room(&mut stream, input.len()).await?;
                stream.send_data(input.split_to(room).freeze(), false)?;
            }
        }
    }

    /// Waits until the client's windows and our own bound have room; returns how much of the `wanted` bytes fits, at
    /// least one.
    async fn room(&self, stream: &mut SendStream<Bytes>, wanted: usize) -> Result<usize, Stopped> {
        stream.reserve_capacity(wanted);
        while stream.capacity() == 0 {
            match timeout(self.patience, poll_fn(|cx| stream.poll_capacity(cx))).await {
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(_)) | None) => return Err(Stopped::Theirs),
                Err(_) => return Err(Stopped::Ours(Reason::CANCEL)),
            }
        }
        Ok(stream.capacity().min(wanted))
    }
}

/// Seats the viewer. Each one counts as a connection of its own: what it costs is a viewer's, not a request's.
fn begin(app: &App, granted: Granted, client: Client) -> Result<UnixStream, Response> {
    let refused = |code: &str, message: &str, zh: &str| Response::error(503, code, message, zh);
    let permit = app.permits.take(client.peer).map_err(|refusal| match refusal {
        Refused::ServerFull => refused(
            "server_full",
            "the server has as many connections as it may (limits.max_connections)",
            "服务器的连接数已达上限（limits.max_connections）",
        ),
        Refused::AddressFull => refused(
            "address_full",
            "your address has as many connections as it may (limits.connections_per_ip)",
            "同一地址的连接数已达上限（limits.connections_per_ip）",
        ),
    })?;
    play::start_within(app, granted, permit, client).map_err(|error| {
        warn!(session = client.id, %error, "a viewer was lost on its way to the fan-out");
        refused(
            "no_sockets",
            "the server has no sockets left: try again later",
            "服务器没有可用的套接字：请稍后重试",
        )
    })
}

/// The body of a request, of `wanted` bytes at most.
async fn read_body(mut body: RecvStream, wanted: usize) -> Result<Bytes, BadHead> {
    let mut read = BytesMut::new();
    while let Some(data) = body.data().await {
        let data = data.map_err(|_| BadHead::Malformed("the request's body broke off"))?;
        if read.len() + data.len() > wanted {
            return Err(if wanted == 0 { BadHead::HasBody } else { BadHead::BodyTooLarge });
        }
        // It fails when the stream has gone, which the next read tells.
        let _ = body.flow_control().release_capacity(data.len());
        read.extend_from_slice(&data);
    }
    Ok(read.freeze())
}

/// The headers of an answer.
#[derive(Default)]
struct Fields(HeaderMap);

impl Fields {
    /// Adds one, whose value is cut at a line break as everywhere.
    fn add(&mut self, name: &str, value: &str) {
        let value = value.split(['\r', '\n']).next().unwrap_or_default();
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
        {
            self.0.append(name, value);
        }
    }

    fn into_response(self, status: u16) -> http::Response<()> {
        let mut response = http::Response::new(());
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        *response.headers_mut() = self.0;
        response
    }
}
