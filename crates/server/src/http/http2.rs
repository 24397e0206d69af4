//! HTTP/2 (RFC 9113): many requests on one connection, each answered as over HTTP/1.1.
//!
//! The frames, the header compression and the windows are the `h2` crate's; what is here are the bounds, and what may wait
//! for whom. A stream is a task of its connection and takes the next piece of its body only when the client has opened
//! its window, so a reader who does not read holds one piece. Live media comes from the fan-out through a pair of
//! sockets: the shard writes to one end as to any viewer's, and what the client does not take backs up to there.
//!
//! WebSocket stays on HTTP/1.1: browsers open a connection of its own for it when extended CONNECT is not announced.

mod bounds;
mod stream;

use std::net::IpAddr;
use std::sync::Arc;

use h2::Reason;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::debug;

use self::bounds::Calm;
use self::stream::Outcome;
use super::conn::Bounds;
use super::viewer::Client;
use crate::app::App;
use crate::metrics::Limit;
use crate::net::{Permit, Stream};

/// Serves a connection to its end. Its streams end with it.
pub(super) async fn serve(app: Arc<App>, connection: Stream, peer: IpAddr, _permit: Permit) {
    let Bounds { header_timeout, idle_timeout, max_header_bytes } = app.http_bounds;
    let handshake = bounds::settings(max_header_bytes).handshake(connection);
    let mut connection = match timeout(header_timeout, handshake).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return debug!(%peer, %error, "no HTTP/2 handshake"),
        Err(_) => return app.counts.limit_hit(Limit::HeaderTimeout),
    };
    let mut streams = JoinSet::new();
    let mut calm = Calm::new(Instant::now());
    let mut idle_until = Instant::now() + header_timeout;
    let mut is_closing = false;
    loop {
        tokio::select! {
            // Requests that were dropped before they were answered are seen before more are taken.
            biased;
            Some(ended) = streams.join_next() => {
                if streams.is_empty() {
                    idle_until = Instant::now() + if is_closing { header_timeout } else { idle_timeout };
                }
                // A panic has been logged by its hook, and costs this stream only.
                if matches!(ended, Ok(Outcome::Dropped)) && !calm.allows(Instant::now()) {
                    debug!(%peer, "too many requests were dropped before their answer");
                    app.counts.limit_hit(Limit::DroppedRequests);
                    connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
                    // It says so and closes; a client that does not read it has to go all the same.
                    let _ = timeout(header_timeout, std::future::poll_fn(|cx| connection.poll_closed(cx))).await;
                    return;
                }
            }
            accepted = connection.accept() => match accepted {
                Some(Ok((request, answer))) => {
                    let client = Client { id: app.sessions.number(), peer, is_tls: true };
                    streams.spawn(stream::serve(app.clone(), request, answer, client));
                }
                Some(Err(error)) => {
                    if bounds::is_flood(&error) {
                        app.counts.limit_hit(Limit::DroppedRequests);
                    }
                    return debug!(%peer, %error, "an HTTP/2 connection ended");
                }
                None => return,
            },
            () = sleep_until(idle_until), if streams.is_empty() => {
                if is_closing {
                    return;
                }
                // A request that is on its way is still answered.
                connection.graceful_shutdown();
                is_closing = true;
                idle_until = Instant::now() + header_timeout;
            }
        }
    }
}
