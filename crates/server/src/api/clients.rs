//! `/api/v1/clients`: who is connected, and a way to end one.

use std::sync::Arc;

use super::call::{Answer, Call, reason};
use super::shape::shape;
use super::streams::{DropCounts, moment, split};
use crate::app::App;
use crate::http::response::Response;
use crate::sessions::{Role, Session};

/// What a client that is ended without a reason is told.
const KICKED: &str = "the operator ended this connection / 运营方断开了此连接";

shape! {
    /// A page of clients.
    out struct ClientList {
        /// The clients.
        clients: Vec<Client>,
        /// What to ask for as `after` to get the next page; null on the last one.
        next: Option<u64>,
    }

    /// A publisher or a viewer.
    out struct Client {
        /// Its number, which no other client gets before the server restarts.
        id: u64,
        /// `publisher` or `viewer`.
        role: &'static str,
        /// Its protocol, such as `rtmp`, `http-flv` or `ws-flv`.
        wire: &'static str,
        /// All of its stream's name but the last part.
        app: String,
        /// The last part of its stream's name.
        stream: String,
        /// Its address.
        peer: String,
        /// What it calls itself.
        agent: String,
        /// When it was let in.
        since: String,
        /// Bytes received from a publisher or sent to a viewer.
        bytes: u64,
        /// What a viewer was not sent.
        drops: DropCounts,
    }
}

/// All of them, in pages.
pub(super) fn list(call: &Call) -> Answer {
    let after = call.parameter("after").and_then(|after| after.parse().ok()).unwrap_or(0);
    let (stream, wire) = (call.parameter("stream"), call.parameter("wire"));
    let role = call.parameter("role");
    let limit = call.limit();
    let mut page = call.app.sessions.list(after, limit + 1, |session| {
        stream.is_none_or(|stream| session.about.stream.as_str() == stream)
            && wire.is_none_or(|wire| session.about.wire == wire)
            && role.is_none_or(|role| name(session.about.role) == role)
    });
    let more = page.len() > limit;
    page.truncate(limit);
    let next = page.last().filter(|_| more).map(|last| last.id);
    let clients = page.iter().map(|session| client(&call.app, session)).collect();
    Ok(Response::json(200, &ClientList { clients, next }))
}

/// One of them.
pub(super) fn one(call: &Call) -> Answer {
    Ok(Response::json(200, &client(&call.app, &*find(call)?)))
}

/// Ends one.
pub(super) fn kick(call: &Call) -> Answer {
    let told = call.parameter("reason").map(reason).filter(|told| !told.is_empty());
    find(call)?.dismiss(told.as_deref().unwrap_or(KICKED));
    Ok(Response::empty(202))
}

fn find(call: &Call) -> Result<Arc<Session>, Response> {
    let id = call.names.first().filter(|id| id.bytes().all(|byte| byte.is_ascii_digit()));
    let found = id.and_then(|id| id.parse().ok()).and_then(|id| call.app.sessions.find(id));
    found.ok_or_else(|| {
        Response::error(404, "no_client", "no client of this number is connected", "没有这个编号的在线客户端")
    })
}

fn client(app: &App, session: &Session) -> Client {
    let (app_name, stream_name) = split(&session.about.stream);
    Client {
        id: session.id,
        role: name(session.about.role),
        wire: session.about.wire,
        app: app_name.to_owned(),
        stream: stream_name.to_owned(),
        peer: session.about.peer.to_canonical().to_string(),
        agent: session.about.agent.clone(),
        since: moment(app, session.since_ms),
        bytes: session.bytes(),
        drops: session.drops().into(),
    }
}

fn name(role: Role) -> &'static str {
    match role {
        Role::Publisher => "publisher",
        Role::Viewer => "viewer",
    }
}
