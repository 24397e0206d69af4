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

/// The same with what is not as it should be, one a line, though new clients may be sent here.
pub fn ready_verbose(app: &App) -> Response {
    let ready = ready(app);
    if ready.status() != 200 {
        return ready;
    }
    let lag = app.webhooks.figures().lag();
    let mut lines = vec!["ok".to_owned()];
    if let Some(alert) = app.records.alert() {
        lines.push(format!("recordings: {}", alert.failure));
    }
    for endpoint in app.webhooks.endpoints().iter() {
        let waits = lag.waiting.iter().find(|waiting| waiting.endpoint == endpoint.name);
        let full = if lag.full.contains(&endpoint.name) { ", and new ones are given up" } else { "" };
        if app.webhooks.disabled_ms(&endpoint.name).is_some() {
            lines.push(format!("webhook {}: answered 410 Gone, and is told nothing", endpoint.name));
        }
        if let Some(waits) = waits {
            let age = app.clock.unix_ms().saturating_sub(waits.oldest_ms).max(0) / 1_000;
            lines.push(format!(
                "webhook {}: {} events wait, the oldest for {age} s{full}",
                endpoint.name, waits.count
            ));
        }
    }
    Response::bytes(200, "text/plain", lines.join("\n") + "\n").with("Cache-Control", "no-store")
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
