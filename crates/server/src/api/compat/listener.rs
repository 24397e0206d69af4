//! The connections of the listener.

use std::net::IpAddr;
use std::sync::Arc;

use super::srs;
use crate::app::App;
use crate::http::head::{Head, Method};
use crate::http::response::Response;
use crate::http::side::{self, Bounds};
use crate::net::{Permit, Stream};

/// Serves one connection.
pub async fn serve(app: Arc<App>, connection: Stream, peer: IpAddr, _permit: Permit) {
    let bounds = Bounds { idle: app.http_bounds.idle_timeout, max_head: app.http_bounds.max_header_bytes };
    side::serve(&app, connection, bounds, |head| answer(&app, head, peer)).await;
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
