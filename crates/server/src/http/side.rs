//! A connection to a listener that stands beside the public port and gives nothing but whole answers.

use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::head::Head;
use super::response::Response;
use super::send::send;
use crate::app::App;
use crate::net::Stream;

/// Bounds of one connection.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Between two requests, for the rest of one, and for an answer to be taken.
    pub idle: Duration,
    /// Largest head of a request, in bytes.
    pub max_head: usize,
}

/// Serves requests in turn until the peer has enough. Nothing here takes a body: one that is announced is not waited
/// for, and ends the connection with its answer.
pub async fn serve<A, Answered>(app: &App, mut connection: Stream, bounds: Bounds, answer: A)
where
    A: Fn(Head) -> Answered,
    Answered: Future<Output = Response>,
{
    let mut input = BytesMut::new();
    loop {
        let head = match Head::parse(&input) {
            Ok(Some((head, length))) => {
                input.advance(length);
                head
            }
            Ok(None) if input.len() < bounds.max_head => {
                let room = bounds.max_head - input.len();
                let mut read = (&mut connection).take(room as u64);
                match timeout(bounds.idle, read.read_buf(&mut input)).await {
                    Ok(Ok(count)) if count > 0 => continue,
                    _ => return,
                }
            }
            // What does not speak HTTP, or sends a body where none is taken, has come to the wrong door.
            _ => return,
        };
        let keep_alive = head.keep_alive() && head.body_len == 0;
        let response = answer(head.clone()).await;
        match send(&mut connection, response, Some(&head), &app.cors(), keep_alive, bounds.idle).await {
            Ok(()) if keep_alive => {}
            _ => {
                // It may be gone already, which is as good.
                let _ = timeout(bounds.idle, connection.shutdown()).await;
                return;
            }
        }
    }
}
