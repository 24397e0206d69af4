//! Which address is answered by what.

use std::net::IpAddr;

use super::assets;
use super::head::{API, Head};
use super::response::Response;
use crate::acme;
use crate::api;
use crate::app::App;
use crate::flv::url::{self, Named};
use crate::snapshot;
use crate::{hls, replay};

/// Answers a request that ends at once.
pub type Answer = fn(&App, &Head, IpAddr) -> Response;

/// What a path leads to.
pub enum Route {
    /// A stream as FLV.
    Flv(Named),
    /// A stream as a picture.
    Snapshot(snapshot::Named),
    /// A stream as HLS.
    Hls(hls::url::Named),
    /// A recording.
    Replay(replay::url::Named),
    /// The API, which has a table of its own.
    Api,
    /// The chat.
    Chat,
    /// How far back a stream goes, in another server's words.
    Timeline,
    /// The figures.
    Metrics,
    /// Something that is all there.
    Other(Answer),
}

/// The route of a path. Paths come decoded, and are compared whole or part by part, never by prefix of bytes.
pub fn route(path: &str) -> Route {
    if path.starts_with(API) {
        return Route::Api;
    }
    // Before streams, whose names could be anything: an id of a recording is of one form only.
    if let Some(named) = replay::url::parse(path) {
        return Route::Replay(named);
    }
    if let Some(named) = url::parse(path) {
        return Route::Flv(named);
    }
    if let Some(named) = snapshot::parse(path) {
        return Route::Snapshot(named);
    }
    if let Some(named) = hls::url::parse(path) {
        return Route::Hls(named);
    }
    if api::compat::is_timeline(path) {
        return Route::Timeline;
    }
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    match parts.as_slice() {
        ["livez"] => Route::Other(|_, _, _| Response::bytes(200, "text/plain", "ok\n")),
        ["readyz"] => Route::Other(|app, head, _| match head.query.as_str() {
            "verbose" => api::health::ready_verbose(app),
            _ => api::health::ready(app),
        }),
        ["startupz"] => Route::Other(|app, _, _| api::health::started(app)),
        ["chat"] => Route::Chat,
        ["metrics"] => Route::Metrics,
        [".well-known", "acme-challenge", _] => Route::Other(|app, head, _| acme::answer(app, &head.path)),
        ["api", ..] => Route::Other(|_, _, _| not_found()),
        _ => Route::Other(assets::answer),
    }
}

/// Nothing is at this address.
pub fn not_found() -> Response {
    Response::error(404, "not_found", "there is nothing at this address", "此地址没有内容")
}
