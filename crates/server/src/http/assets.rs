//! The page, as it was built into the binary.

use std::net::IpAddr;

use super::head::Head;
use super::response::Response;
use super::router;
use crate::app::App;

/// One file of the page.
struct Asset {
    path: &'static str,
    media_type: &'static str,
    etag: &'static str,
    body: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// What the page may load and talk to: itself, and the media it plays.
///
/// Pictures of people and covers are wherever the operator keeps them.
const POLICY: &str = "default-src 'self'; img-src 'self' data: blob: https: http:; media-src 'self' blob:; worker-src 'self' blob:; connect-src 'self' http: https: ws: wss:; object-src 'none'; base-uri 'none'; frame-ancestors *";

/// The chat's client, for pages of others. Its name stays, so it is asked for again and again.
const CLIENT: &str = "weir-chat.js";

/// Answers with a file; the page's own addresses (`/`, `/play/...`, `/r/ROOM`, `/replay/ID`) with the page.
pub fn answer(_app: &App, head: &Head, _peer: IpAddr) -> Response {
    let path = head.path.trim_start_matches('/');
    let page = path.is_empty()
        || path == "index.html"
        || path.starts_with("play/")
        || is_room(path)
        || is_replay(path);
    let wanted = if page { "index.html" } else { path };
    // Names are compared whole with those that were built in: there is no file system to walk out of.
    let Some(asset) = ASSETS.iter().find(|asset| asset.path == wanted) else { return router::not_found() };
    let caching = if page || path == CLIENT { "no-cache" } else { "public, max-age=31536000, immutable" };
    let response = Response::bytes(200, asset.media_type, asset.body);
    let response = response.with_etag(asset.etag).with("Cache-Control", caching);
    if page { response.with("Content-Security-Policy", POLICY) } else { response }
}

/// Whether the page shows a room there, if there is one.
fn is_room(path: &str) -> bool {
    path.strip_prefix("r/").is_some_and(control::room::is_id)
}

/// Whether the page shows a replay there; with an extension or a further part it is the replay's media.
fn is_replay(path: &str) -> bool {
    path.strip_prefix("replay/").is_some_and(|id| !id.is_empty() && !id.contains(['.', '/']))
}
