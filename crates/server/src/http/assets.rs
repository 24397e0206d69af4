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
const POLICY: &str = "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; worker-src 'self' blob:; connect-src 'self' http: https: ws: wss:; object-src 'none'; base-uri 'none'; frame-ancestors *";

/// Answers with a file; the page's own addresses (`/`, `/play/...`, `/replay/ID`) with the page.
pub fn answer(_app: &App, head: &Head, _peer: IpAddr) -> Response {
    let path = head.path.trim_start_matches('/');
    let page = path.is_empty() || path == "index.html" || path.starts_with("play/") || is_replay(path);
    let wanted = if page { "index.html" } else { path };
    // Names are compared whole with those that were built in: there is no file system to walk out of.
    let Some(asset) = ASSETS.iter().find(|asset| asset.path == wanted) else { return router::not_found() };
    let caching = if page { "no-cache" } else { "public, max-age=31536000, immutable" };
    let response = Response::bytes(200, asset.media_type, asset.body);
    let response = response.with_etag(asset.etag).with("Cache-Control", caching);
    if page { response.with("Content-Security-Policy", POLICY) } else { response }
}

/// Whether the page shows a replay there; with an extension or a further part it is the replay's media.
fn is_replay(path: &str) -> bool {
    path.strip_prefix("replay/").is_some_and(|id| !id.is_empty() && !id.contains(['.', '/']))
}
