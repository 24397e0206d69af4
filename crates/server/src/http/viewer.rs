//! What every way of watching over HTTP asks first: whether this client may, and whether there is something to see.

use std::net::IpAddr;
use std::sync::Arc;

use control::request::Action;
use hub::{Name, Stream};

use super::head::{Head, Method};
use super::response::Response;
use crate::admission::{self, Admitted, Asked, Visitor};
use crate::app::App;
use crate::relay;
use crate::waiting::{self, Waited};

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub struct Client {
    /// Its number, under which it becomes a session when it is let in.
    pub id: u64,
    /// From where.
    pub peer: IpAddr,
    /// Whether its side of the connection is encrypted.
    pub is_tls: bool,
}

/// Asks whether a request may see this stream. A refusal is counted as one on `wire`, logged, and comes as the answer to
/// give.
pub async fn admit(
    app: &App,
    head: &Head,
    stream: (&str, &str),
    client: Client,
    wire: &'static str,
) -> Result<Admitted, Response> {
    admit_as(app, head, stream, client, wire, How::Once).await
}

/// How a client comes back.
#[derive(Debug, Clone, Copy)]
pub enum How<'a> {
    /// Not: its request is its session.
    Once,
    /// With other requests of the same kind, each for itself.
    Polling,
    /// With other requests that are one session, of a client that is called so.
    As(&'a str),
}

/// The same for clients that come back.
pub async fn admit_as(
    app: &App,
    head: &Head,
    (app_name, stream): (&str, &str),
    client: Client,
    wire: &'static str,
    how: How<'_>,
) -> Result<Admitted, Response> {
    let asked = Asked {
        action: Action::Play,
        host: head.host(),
        app: app_name,
        stream,
        path: &head.path,
        query: &head.query,
        peer: Some(client.peer),
        referrer: head.header("referer").or(head.header("origin")),
    };
    let visitor = Visitor {
        id: client.id,
        client: match how {
            How::As(name) => Some(name),
            How::Once | How::Polling => None,
        },
        wire,
        agent: head.header("user-agent").unwrap_or_default(),
        tc_url: "",
        is_polling: matches!(how, How::Polling),
    };
    admission::enter(app, &asked, &visitor).await.map_err(|refused| {
        app.counts.refused(refused.code, wire);
        refused.log(client.id, wire, &asked);
        Response::error(refused.status(), refused.code, &refused.message, &refused.message_zh)
    })
}

/// The stream of this name once it is on air, or the answer that says why it is not. HEAD does not wait for a publisher.
pub async fn on_air(
    app: &App,
    head: &Head,
    name: &Name,
    wire: &'static str,
) -> Result<Arc<Stream>, Response> {
    let agent = head.header("user-agent").unwrap_or_default();
    if app.relays.is_loop(agent, name) {
        let [message, zh] = relay::LOOP;
        return Err(Response::error(508, "loop", message, zh));
    }
    let patient = head.method != Method::Head;
    let (status, code, message, zh) = match waiting::for_stream(app, name, patient, agent).await {
        Waited::OnAir(stream) => return Ok(stream),
        Waited::Absent => (
            404,
            "not_on_air",
            "nobody is publishing this stream: start the push, then play again",
            "当前没有人推流：请先开始推流，再播放",
        ),
        Waited::Full => (
            503,
            "too_many_streams",
            "players wait for as many streams as they may (limits.max_streams): play again when it is on air",
            "等待开播的流数量已达上限（limits.max_streams）：请在开播后播放",
        ),
    };
    app.counts.refused(code, wire);
    Err(Response::error(status, code, message, zh))
}
