//! `/api/v1/relays`: streams to and from other servers, seen, started and stopped.

use serde::Deserialize;
use serde_json::{Value, json};

use super::call::{Answer, Call, bad, check};
use super::shape::{AppName, Schemas, Shape, StreamName, shape};
use super::streams::{moment, split};
use crate::app::App;
use crate::http::response::Response;
use crate::relay::{Direction, Mode, StartError, Status, StopError};

/// What stands behind the scheme of an address: a host, a port perhaps, and a path whose last part is not empty.
const REST: &str = r"://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?(/[A-Za-z0-9._~%!$&'()*+,;=:@-]+)+(\?[A-Za-z0-9._~%!$&'()*+,;=:@/?-]*)?$";

/// Longest address that the document allows, in characters.
const URL_MAX: usize = 2_048;

/// The one word that says that a stream comes from another server.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Pull {
    Pull,
}

/// The one word that says that a stream goes to another server.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Push {
    Push,
}

impl Shape for Pull {
    fn schema(_known: &mut Schemas) -> Value {
        json!({"type": "string", "enum": ["pull"]})
    }
}

impl Shape for Push {
    fn schema(_known: &mut Schemas) -> Value {
        json!({"type": "string", "enum": ["push"]})
    }
}

/// The address of a stream on another server, which [`crate::relay::Target`] judges.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub(super) struct PullUrl(String);

/// The same, of a protocol that a push speaks.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub(super) struct PushUrl(String);

impl Shape for PullUrl {
    fn schema(_known: &mut Schemas) -> Value {
        json!({"type": "string", "pattern": format!("^(rtmps?|https?){REST}"), "maxLength": URL_MAX})
    }
}

impl Shape for PushUrl {
    fn schema(_known: &mut Schemas) -> Value {
        json!({"type": "string", "pattern": format!("^rtmps?{REST}"), "maxLength": URL_MAX})
    }
}

shape! {
    /// A stream that is to come from another server.
    in struct PullWish {
        /// `pull`.
        direction: Pull,
        /// All of the stream's name on this server but the last part.
        app: AppName,
        /// The last part of the stream's name on this server.
        stream: StreamName,
        /// Where it comes from, over RTMP, RTMPS, or as FLV over HTTP or HTTPS. It may hold a key, and is not shown again.
        url: PullUrl,
        /// Whether it comes only while somebody watches.
        on_demand: Option<bool>,
    }

    /// A stream that is to go to another server whenever it is on air here.
    in struct PushWish {
        /// `push`.
        direction: Push,
        /// All of the stream's name on this server but the last part.
        app: AppName,
        /// The last part of the stream's name on this server.
        stream: StreamName,
        /// Where it goes, over RTMP or RTMPS. It may hold a key, and is not shown again.
        url: PushUrl,
    }
}

shape! {
    /// A page of relays.
    out struct RelayList {
        /// The relays.
        relays: Vec<Relay>,
        /// What to ask for as `after` to get the next page; null on the last one.
        next: Option<u64>,
    }

    /// A stream that goes to another server, or comes from one.
    out struct Relay {
        /// Its number, which no other relay gets before the server restarts.
        id: u64,
        /// `pull` (from another server) or `push` (to one).
        direction: &'static str,
        /// Whether it is a pull for as long as somebody watches.
        on_demand: bool,
        /// Whether the configuration asks for it; it cannot be stopped over the API then.
        configured: bool,
        /// All of the stream's name on this server but the last part.
        app: String,
        /// The last part of the stream's name on this server.
        stream: String,
        /// The other server, without the rest of the address, which may be a key.
        target: String,
        /// `connecting`, `running`, `retrying`, `no_stream`, `no_viewers`, `occupied`, `forbidden`, `draining` or `looped`.
        state: &'static str,
        /// What that means.
        message: &'static str,
        /// The same in Chinese.
        message_zh: &'static str,
        /// Since when it is in this state.
        since: String,
        /// Attempts to connect so far; the first one, too.
        attempts: u64,
        /// Bytes received by a pull or sent by a push so far.
        bytes: u64,
        /// Why the newest attempt that failed did; null when none has.
        last_error: Option<RelayError>,
    }

    /// Why an attempt failed.
    out struct RelayError {
        /// When.
        at: String,
        /// Why.
        message: String,
        /// The same in Chinese.
        message_zh: String,
    }
}

/// What is sent to start a relay.
pub(super) fn wish_schema(known: &mut Schemas) -> Value {
    json!({"anyOf": [PullWish::schema(known), PushWish::schema(known)]})
}

/// All of them, in pages.
pub(super) fn list(call: &Call) -> Answer {
    let after: u64 = call.parameter("after").and_then(|after| after.parse().ok()).unwrap_or(0);
    let limit = call.limit();
    let all = call.app.relays.list();
    let mut page: Vec<&Status> = all.iter().filter(|relay| relay.id > after).take(limit + 1).collect();
    let more = page.len() > limit;
    page.truncate(limit);
    let next = page.last().filter(|_| more).map(|last| last.id);
    let relays = page.into_iter().map(|status| relay(&call.app, status)).collect();
    Ok(Response::json(200, &RelayList { relays, next }))
}

/// One of them.
pub(super) fn one(call: &Call) -> Answer {
    let status = id(call).and_then(|id| call.app.relays.find(id)).ok_or_else(absent)?;
    Ok(Response::json(200, &relay(&call.app, &status)))
}

/// Starts one.
pub(super) fn start(call: &Call) -> Answer {
    /// What decides how the rest is read.
    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Way {
        Pull,
        Push,
    }
    #[derive(Deserialize)]
    struct Which {
        direction: Way,
    }
    let app = &call.app;
    let started = match call.body::<Which>()?.direction {
        Way::Pull => {
            let PullWish { direction: Pull::Pull, app: at, stream, url, on_demand } = call.body()?;
            let name = name(&at, &stream)?;
            admit(app)?;
            if let Some(reason) = app.admission.forbidden(&name) {
                return Err(forbidden(&reason));
            }
            let mode = if on_demand.unwrap_or(false) { Mode::OnDemand } else { Mode::Static };
            app.relays.start_pull(&name, &url.0, mode)
        }
        Way::Push => {
            let PushWish { direction: Push::Push, app: at, stream, url } = call.body()?;
            let name = name(&at, &stream)?;
            admit(app)?;
            app.relays.start_push(&name, &url.0)
        }
    };
    let id = started.map_err(|error| refuse(&error))?;
    // Whoever was quick has stopped it already.
    let status = app.relays.find(id).ok_or_else(absent)?;
    Ok(Response::json(201, &relay(app, &status)))
}

/// Stops one.
pub(super) fn stop(call: &Call) -> Answer {
    match call.app.relays.stop(id(call).ok_or_else(absent)?) {
        Ok(()) => Ok(Response::empty(204)),
        Err(StopError::Absent) => Err(absent()),
        Err(StopError::Configured) => Err(Response::error(
            409,
            "configured",
            "the configuration asks for this relay: take its [[relay]] out of the file, and reload",
            "此转发写在配置里：请从配置文件删去对应的 [[relay]]，再重新加载",
        )),
    }
}

fn id(call: &Call) -> Option<u64> {
    let digits = call.names.first().filter(|id| id.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|id| id.parse().ok())
}

fn name(app: &AppName, stream: &StreamName) -> Result<hub::Name, Response> {
    check(&app.0, &stream.0)?;
    Ok(hub::Name::new(&format!("{}/{}", app.0, stream.0)))
}

/// A server that is about to stop begins nothing.
fn admit(app: &App) -> Result<(), Response> {
    if !app.drain.is_on() {
        return Ok(());
    }
    let en = "this server is about to stop: ask another one, or take the drain back";
    Err(Response::error(503, "draining", en, "服务器即将停止：请换一台，或取消退出"))
}

fn forbidden(reason: &str) -> Response {
    let because = |open: &str, close: &str| match reason {
        "" => String::new(),
        reason => format!("{open}{reason}{close}"),
    };
    let en = format!("this stream is forbidden here{}: allow it first", because(" (", ")"));
    let zh = format!("该流已被禁播{}：请先解除", because("（", "）"));
    Response::error(403, "forbidden", &en, &zh)
}

fn refuse(error: &StartError) -> Response {
    let (status, code) = match error {
        StartError::Bad(_) => return bad(format!("url: {error}"), format!("url：{}", error.message_zh())),
        StartError::Guarded(_) => (403, "private_address"),
        StartError::Exists => (409, "exists"),
        StartError::Full => (503, "too_many_relays"),
    };
    Response::error(status, code, &error.to_string(), &error.message_zh())
}

fn absent() -> Response {
    Response::error(404, "no_relay", "there is no relay of this number", "没有这个编号的转发")
}

fn relay(app: &App, status: &Status) -> Relay {
    let (app_name, stream_name) = split(&status.stream);
    let at = |at: tokio::time::Instant| {
        let age_ms = u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX);
        moment(app, app.clock.now_ms().saturating_sub(age_ms))
    };
    let last_error = status.last_error.clone().zip(status.last_error_zh.clone()).zip(status.last_error_at);
    Relay {
        id: status.id,
        direction: match status.direction {
            Direction::Pull => "pull",
            Direction::Push => "push",
        },
        on_demand: status.mode == Mode::OnDemand,
        configured: status.configured,
        app: app_name.to_owned(),
        stream: stream_name.to_owned(),
        target: status.target.clone(),
        state: status.state.name(),
        message: status.state.message(),
        message_zh: status.state.message_zh(),
        since: at(status.since),
        attempts: status.attempts,
        bytes: status.bytes,
        last_error: last_error.map(|((message, message_zh), when)| RelayError {
            at: at(when),
            message,
            message_zh,
        }),
    }
}
