//! `/readyz` and `/startupz`: what a supervisor or a load balancer asks.

use crate::app::{App, Ports};
use crate::http::response::Response;

/// Whether new clients should be sent here.
pub fn ready(app: &App) -> Response {
    if app.ports() == Ports::default() {
        return not_yet();
    }
    if app.drain.is_on() {
        return Response::error(
            503,
            "draining",
            "this server is about to stop and lets nobody new in",
            "服务器即将停止，不再接受新的连接",
        );
    }
    Response::bytes(200, "text/plain", "ok\n").with("Cache-Control", "no-store")
}

/// Whether the server has started.
pub fn started(app: &App) -> Response {
    if app.ports() == Ports::default() {
        return not_yet();
    }
    Response::bytes(200, "text/plain", "ok\n").with("Cache-Control", "no-store")
}

fn not_yet() -> Response {
    Response::error(503, "starting", "the server is starting", "服务器正在启动")
}
