//! Writing a response to a connection.

use std::io;
use std::time::Duration;

use bytes::Buf;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::body::Body;
use super::head::{Head, Method};
use super::response::{Cors, Response};

/// Writes all of it. `patience` is how long the peer may take without taking anything, however long the body is.
pub async fn send(
    connection: &mut (impl AsyncWrite + Unpin),
    response: Response,
    head: Option<&Head>,
    cors: &Cors,
    keep_alive: bool,
    patience: Duration,
) -> io::Result<()> {
    let first = response.encode_head(head, cors, keep_alive);
    let wants_body = head.is_none_or(|head| head.method != Method::Head);
    let mut body = if wants_body { response.into_body() } else { Body::EMPTY };
    // The head travels with the first of the body, in one packet where it fits.
    let mut chain = body.next().await?;
    chain.push_front(first);
    while chain.has_remaining() {
        while chain.has_remaining() {
            let write = timeout(patience, connection.write_buf(&mut chain));
            if write.await.map_err(|_| io::ErrorKind::TimedOut)?? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        chain = body.next().await?;
    }
    timeout(patience, connection.flush()).await.map_err(|_| io::ErrorKind::TimedOut)?
}
