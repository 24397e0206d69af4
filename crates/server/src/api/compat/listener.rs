//! The connections of the listener.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::srs;
use crate::app::App;
use crate::http::head::{Head, Method};
use crate::http::response::Response;
use crate::net::{Permit, Stream};

/// Serves one connection.
pub async fn serve(app: Arc<App>, mut connection: Stream, peer: IpAddr, _permit: Permit) {
    let (idle, largest) = (app.http_bounds.idle_timeout, app.http_bounds.max_header_bytes);
    let mut input = BytesMut::new();
    loop {
        let head = match Head::parse(&input) {
            Ok(Some((head, length))) => {
                input.advance(length);
                head
            }
            Ok(None) if input.len() < largest => {
                let room = largest - input.len();
                match timeout(idle, (&mut connection).take(room as u64).read_buf(&mut input)).await {
                    Ok(Ok(count)) if count > 0 => continue,
                    _ => return,
                }
            }
            // What does not speak HTTP, or sends a body where none is taken, has come to the wrong door.
            _ => return,
        };
        // Nothing here takes a body; one that was announced is not waited for.
        let keep_alive = head.keep_alive() && head.body_len == 0;
        let response = answer(&app, head.clone(), peer).await;
        let bytes = response.encode(Some(&head), &app.cors(), keep_alive);
        match timeout(idle, connection.write_all(&bytes)).await {
            Ok(Ok(())) if keep_alive => {}
            _ => {
                let _ = timeout(idle, connection.shutdown()).await;
                return;
            }
        }
    }
}

async fn answer(app: &Arc<App>, head: Head, peer: IpAddr) -> Response {
    if head.method == Method::Options {
        return crate::http::response::preflight();
    }
    let app = app.clone();
    // Keys are files, and the threads of the runtime carry pictures.
    let done = tokio::task::spawn_blocking(move || srs::answer(&app, &head, peer));
    done.await.unwrap_or_else(|_| Response::empty(500))
}
