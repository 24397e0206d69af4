//! `POST /api/v1/addresses`: push and play addresses.

use serde_json::json;

use super::call::{Answer, Call, check};
use super::recordings;
use super::shape::{AppName, Schemas, Shape, Span, StreamName, shape};
use crate::address::{self, Ends, Maker, Path};
use crate::http::response::Response;
use crate::time::rfc3339;
use crate::told;

/// What an address is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Purpose {
    /// To send a stream.
    Push,
    /// To watch one.
    Play,
}

impl Shape for Purpose {
    fn schema(_known: &mut Schemas) -> serde_json::Value {
        json!({"type": "string", "enum": ["push", "play"]})
    }
}

shape! {
    /// Which address.
    in struct AddressWish {
        /// What it is for.
        action: Purpose,
        /// All of the stream's name but the last part.
        app: AppName,
        /// The last part of the stream's name.
        stream: StreamName,
        /// How many seconds it is good for; `server.address_validity_seconds` when left out.
        expires_in: Option<Span>,
        /// Prefer RTMPS, HTTPS and WSS.
        tls: Option<bool>,
    }
}

shape! {
    /// Addresses. What does not belong to the action, or does not listen, is null.
    out struct Addresses {
        /// Push: all of it.
        url: Option<String>,
        /// Push: what OBS calls the server.
        server: Option<String>,
        /// Push: what OBS calls the stream key.
        stream_key: Option<String>,
        /// Play: over RTMP or RTMPS.
        rtmp: Option<String>,
        /// Play: FLV over HTTP or HTTPS.
        flv: Option<String>,
        /// Play: FLV over WebSocket.
        ws_flv: Option<String>,
        /// Play: HLS over HTTP or HTTPS.
        hls: Option<String>,
        /// Play: the page.
        page: Option<String>,
        /// When they end; null when they are not signed.
        expires_at: Option<String>,
    }
}

shape! {
    /// How addresses of a recording are wanted.
    in struct ReplayWish {
        /// How many seconds they are good for; `server.address_validity_seconds` when left out.
        expires_in: Option<Span>,
        /// Prefer HTTPS.
        tls: Option<bool>,
    }
}

shape! {
    /// Where to watch a recording. `from` and `to` may be added to each: seconds from its beginning, or times.
    out struct ReplayAddresses {
        /// The HLS playlist.
        m3u8: String,
        /// One MP4 file.
        mp4: String,
        /// One FLV file.
        flv: String,
        /// When they end; null when they are not signed.
        expires_at: Option<String>,
    }
}

/// Makes addresses of a recording.
pub(super) fn replay(call: &Call) -> Answer {
    let wish: ReplayWish = call.body()?;
    let id = recordings::find(call, recordings::id(call))?.id;
    let expires = expiry(call, wish.expires_in)?;
    let ends = Ends::listening(&call.app.config, call.app.ports());
    let nonce = address::nonce().map_err(|error| refuse(&error))?;
    let made = call.app.admission.look(|authority| {
        Maker { authority, ends: &ends, secure: wish.tls.unwrap_or(false), expires, nonce }.replay(&id)
    });
    let address::Replay { m3u8, mp4, flv, signed } = made.map_err(|error| refuse(&error))?;
    let expires_at = signed.then(|| rfc3339(expires.saturating_mul(1_000)));
    Ok(Response::json(201, &ReplayAddresses { m3u8, mp4, flv, expires_at }))
}

/// When an address that is good for so long ends, in seconds since 1970.
fn expiry(call: &Call, span: Option<Span>) -> Result<i64, Response> {
    let seconds = match span {
        Some(span) => span.seconds()?,
        None => call.app.config.server.address_validity_seconds.into(),
    };
    Ok(call.app.clock.unix_seconds().saturating_add(seconds))
}

/// Makes them.
pub(super) fn make(call: &Call) -> Answer {
    let wish: AddressWish = call.body()?;
    let (app, stream) = (wish.app.0, wish.stream.0);
    check(&app, &stream)?;
    let config = &call.app.config;
    let expires = expiry(call, wish.expires_in)?;
    let ends = Ends::listening(config, call.app.ports());
    let path = Path { app, stream };
    let nonce = address::nonce().map_err(|error| refuse(&error))?;
    let made = call.app.admission.look(|authority| {
        let maker = Maker { authority, ends: &ends, secure: wish.tls.unwrap_or(false), expires, nonce };
        match wish.action {
            Purpose::Push => maker.push(&path).map(|push| (Some(push), None)),
            Purpose::Play => maker.play(&path).map(|play| (None, Some(play))),
        }
    });
    let (push, play) = made.map_err(|error| refuse(&error))?;
    let signed =
        push.as_ref().is_some_and(|push| push.signed) || play.as_ref().is_some_and(|play| play.signed);
    let expires_at = signed.then(|| rfc3339(expires.saturating_mul(1_000)));
    let (url, server, stream_key) =
        push.map_or((None, None, None), |push| (Some(push.url), Some(push.server), Some(push.stream_key)));
    let address::Play { rtmp, flv, ws_flv, hls, page, .. } = play.unwrap_or_default();
    let all = Addresses { url, server, stream_key, rtmp, flv, ws_flv, hls, page, expires_at };
    Ok(Response::json(201, &all))
}

pub(super) fn refuse(error: &anyhow::Error) -> Response {
    use crate::lang::Lang;
    Response::error(409, "no_address", &told::text(error, Lang::En), &told::text(error, Lang::Zh))
}
