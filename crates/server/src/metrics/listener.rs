//! A listener of its own for whoever collects the figures, so that they need not stand on the port that is open to
//! the world, and can be had when that one is full.

use std::sync::Arc;
use std::time::Duration;

use super::collect::page;
use crate::app::App;
use crate::http::router;
use crate::http::side::{self, Bounds};
use crate::net::{Permit, Stream};

/// Connections at a time. Two collectors and a person are three.
pub const MAX_CONNECTIONS: usize = 16;

/// A collector comes every few seconds to a minute, and says little.
const BOUNDS: Bounds = Bounds { idle: Duration::from_secs(120), max_head: 8 * 1024 };

/// Serves one connection: `/metrics`, and nothing else.
pub async fn serve(app: Arc<App>, connection: Stream, _permit: Permit) {
    side::serve(&app, connection, BOUNDS, async |head| {
        if head.path == "/metrics" { page(&app) } else { router::not_found() }
    })
    .await;
}
