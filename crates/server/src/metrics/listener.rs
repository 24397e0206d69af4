//! A listener of its own for whoever collects the figures, so that they need not stand on the port that is open to
//! the world, and can be had when that one is full.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::collect::page;
use crate::app::App;
use crate::http::head::Head;
use crate::http::router;
use crate::net::{Permit, Stream};

/// Connections at a time. Two collectors and a person are three.
pub const MAX_CONNECTIONS: usize = 16;

/// Between two requests of a collector, which comes every few seconds to a minute.
const IDLE: Duration = Duration::from_secs(120);

/// Largest head of a request, in bytes.
const MAX_HEAD: usize = 8 * 1024;

/// Serves one connection: `/metrics`, and nothing else.
pub async fn serve(app: Arc<App>, mut connection: Stream, _permit: Permit) {
    let mut input = BytesMut::new();
    loop {
        let head = match Head::parse(&input) {
            Ok(Some((head, length))) => {
                input.advance(length);
                head
            }
            Ok(None) if input.len() < MAX_HEAD => {
                match timeout(IDLE, connection.read_buf(&mut input)).await {
                    Ok(Ok(count)) if count > 0 => continue,
                    _ => return,
                }
            }
            // Whoever does not speak HTTP here has come to the wrong door.
            _ => return,
        };
        let response = if head.path == "/metrics" { page(&app) } else { router::not_found() };
        let keep_alive = head.keep_alive();
        let bytes = response.encode(Some(&head), &app.cors(), keep_alive);
        match timeout(IDLE, connection.write_all(&bytes)).await {
            Ok(Ok(())) if keep_alive => {}
            _ => {
                let _ = timeout(IDLE, connection.shutdown()).await;
                return;
            }
        }
    }
}
