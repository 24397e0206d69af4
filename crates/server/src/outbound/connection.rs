//! One connection to another server, and the exchanges on it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::Request;
use http::header::{HeaderMap, RETRY_AFTER};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{ANSWER_MAX, Answer, Failure, HEAD_MAX};

/// How much sooner than the other server a connection is given up: its end must not cross a call.
const EARLIER: Duration = Duration::from_secs(1);

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// Works the connection beside the exchanges, and ends with it.
    _beside: JoinSet<hyper::Result<()>>,
    /// Bytes of answers so far.
    came: Arc<AtomicU64>,
    /// When it was made.
    pub(super) made: Instant,
}

/// An exchange that came to its end.
pub(super) struct Exchange {
    pub(super) answer: Answer,
    /// How long the other server keeps the connection, if it says so.
    pub(super) keeps: Option<Duration>,
}

/// An exchange that did not.
pub(super) struct Lost {
    pub(super) failure: Failure,
    /// Not a byte of an answer came.
    pub(super) is_unanswered: bool,
}

impl Connection {
    /// Begins to speak HTTP/1.1.
    pub(super) async fn open<S>(stream: S) -> Result<Connection, Failure>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let came = Arc::<AtomicU64>::default();
        let stream = Counted { stream, came: came.clone() };
        let (sender, connection) =
            http1::Builder::new().max_buf_size(HEAD_MAX).handshake(TokioIo::new(stream)).await?;
        let mut beside = JoinSet::new();
        beside.spawn(connection);
        Ok(Connection { sender, _beside: beside, came, made: Instant::now() })
    }

    /// Whether the other server has closed it.
    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// One request and its answer.
    pub(super) async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Exchange, Lost> {
        let before = self.came.load(Ordering::Relaxed);
        let done = self.speak(request).await;
        done.map_err(|failure| Lost { failure, is_unanswered: self.came.load(Ordering::Relaxed) == before })
    }

    async fn speak(&mut self, request: Request<Full<Bytes>>) -> Result<Exchange, Failure> {
        // The rest of the exchange before, if it is not over.
        self.sender.ready().await?;
        let (parts, mut incoming) = self.sender.send_request(request).await?.into_parts();
        let mut body = BytesMut::new();
        let mut is_cut = false;
        while let Some(frame) = incoming.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            let room = ANSWER_MAX - body.len();
            body.extend_from_slice(data.get(..room).unwrap_or(&data));
            if data.len() > room {
                is_cut = true;
                break;
            }
        }
        let retry_after = parts.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        Ok(Exchange {
            answer: Answer {
                status: parts.status.as_u16(),
                retry_after: retry_after.map(str::to_owned),
                body: body.freeze(),
                is_cut,
            },
            keeps: keeps(&parts.headers),
        })
    }
}

/// What `Keep-Alive: timeout=5` promises.
fn keeps(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get("keep-alive")?.to_str().ok()?;
    let seconds = value.split(',').find_map(|part| part.trim().strip_prefix("timeout="))?;
    Some(Duration::from_secs(seconds.trim().parse().ok()?).saturating_sub(EARLIER))
}

/// Counts what comes.
struct Counted<S> {
    stream: S,
    came: Arc<AtomicU64>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, into);
        self.came.fetch_add((into.filled().len() - before) as u64, Ordering::Relaxed);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_says_how_long_it_keeps_a_connection_is_believed() {
        let keeps = |value: &'static str| {
            keeps(&HeaderMap::from_iter([("keep-alive".parse().unwrap(), value.parse().unwrap())]))
        };
        assert_eq!(keeps("timeout=5"), Some(Duration::from_secs(4)));
        assert_eq!(keeps("max=100, timeout=75"), Some(Duration::from_secs(74)));
        assert_eq!(keeps("timeout=0"), Some(Duration::ZERO));
        for none in ["", "5", "timeout=", "timeout=x", "max=100"] {
            assert_eq!(keeps(none), None, "{none}");
        }
    }
}
