//! SRS's HTTP API: `versions`, `summaries`, `vhosts`, `streams` and `clients` under `/api/v1`, in its shapes.
//!
//! Every answer is an object with `code` (0 when it went well), and `server`, which changes when the server restarts.
//! SRS measures bitrates over 30 seconds. Here `recv_30s` is over the last five, and `send_30s` is the mean since each
//! viewer came.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use control::query::Query;
use hub::{Name, Stream};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::super::authorize_key;
use super::super::streams::{AudioTrack, VideoTrack, split, tracks};
use crate::app::App;
use crate::http::head::{Head, Method};
use crate::http::response::Response;
use crate::http::router;
use crate::operator::keys::Scope;
use crate::sessions::{Role, Session};

/// The only vhost that there is here.
const VHOST: &str = "__defaultVhost__";

/// Items in a list when nobody says.
const COUNT: usize = 10;

/// Most items in a list.
const COUNT_MAX: usize = 1_000;

/// What a client that is ended is told.
const KICKED: &str = "the operator ended this connection / 运营方断开了此连接";

/// SRS's numbers for what is not there.
const NO_STREAM: u32 = 2048;
const NO_CLIENT: u32 = 2049;

/// Tells this run of the program from others.
static RUN: LazyLock<String> = LazyLock::new(|| {
    let mut bytes = [0; 8];
    // Without randomness the process's number has to do.
    if getrandom::fill(&mut bytes).is_err() {
        bytes = u64::from(std::process::id()).to_be_bytes();
    }
    id(&bytes)
});

/// Answers a request.
pub(super) fn answer(app: &App, head: &Head, peer: IpAddr) -> Response {
    let parts: Vec<&str> = head.path.trim_end_matches('/').split('/').skip(1).collect();
    let ["api", "v1", rest @ ..] = parts.as_slice() else { return router::not_found() };
    let scope = if head.method == Method::Delete { Scope::Write } else { Scope::Read };
    let key = super::super::bearer(head).map(str::to_owned).or_else(|| basic(head));
    if let Err(refusal) = authorize_key(app, key.as_deref(), peer, scope) {
        // Consoles ask people for a password only when this is offered.
        return refusal.with("WWW-Authenticate", "Basic realm=\"weir\"");
    }
    let Ok(query) = Query::parse(&head.query) else { return wrong(400, 1) };
    match (head.method, rest) {
        (Method::Get | Method::Head, ["versions"]) => good("data", versions()),
        (Method::Get | Method::Head, ["summaries"]) => good("data", summaries(app)),
        (Method::Get | Method::Head, ["vhosts"]) => good("vhosts", json!([vhost(app)])),
        (Method::Get | Method::Head, ["vhosts", _]) => good("vhost", vhost(app)),
        (Method::Get | Method::Head, ["streams"]) => {
            let all = app.hub.on_air();
            let (sums, none) = (sums(app), Sums::default());
            let of = |stream: &Stream| sums.get(stream.name()).unwrap_or(&none);
            let streams = page(&all, &query).map(|found| stream(app, head, found, of(found)));
            good("streams", streams.collect())
        }
        (Method::Get | Method::Head, ["streams", wanted]) => {
            let all = app.hub.on_air();
            let found = all.iter().find(|stream| stream_id(stream.name().as_str()) == *wanted);
            found.map_or_else(
                || wrong(404, NO_STREAM),
                |found| {
                    let sums = sums(app).remove(found.name()).unwrap_or_default();
                    good("stream", stream(app, head, found, &sums))
                },
            )
        }
        (Method::Get | Method::Head, ["clients"]) => {
            let (start, count) = range(&query);
            let all = app.sessions.list(0, start.saturating_add(count), |_| true);
            good("clients", page(&all, &query).map(|session| client(app, head, session)).collect())
        }
        (Method::Get | Method::Head, ["clients", number]) => match find(app, number) {
            Some(session) => good("client", client(app, head, &session)),
            None => wrong(404, NO_CLIENT),
        },
        (Method::Delete, ["clients", number]) => match find(app, number) {
            Some(session) => {
                session.dismiss(KICKED);
                Response::json(200, &envelope(0))
            }
            None => wrong(404, NO_CLIENT),
        },
        _ => router::not_found(),
    }
}

fn envelope(code: u32) -> Value {
    json!({"code": code, "server": *RUN, "service": *RUN, "pid": std::process::id().to_string()})
}

fn good(name: &str, value: Value) -> Response {
    let mut body = envelope(0);
    body[name] = value;
    Response::json(200, &body)
}

fn wrong(status: u16, code: u32) -> Response {
    Response::json(status, &envelope(code))
}

/// The password of basic authentication, which is the key; the name is anything.
fn basic(head: &Head) -> Option<String> {
    use base64::Engine as _;
    let (scheme, text) = head.header("authorization")?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = base64::engine::general_purpose::STANDARD.decode(text.trim()).ok()?;
    Some(String::from_utf8(text).ok()?.split_once(':')?.1.to_owned())
}

/// The part of a list that `start` and `count` mean.
fn page<'a, T>(all: &'a [T], query: &Query) -> impl Iterator<Item = &'a T> {
    let (start, count) = range(query);
    all.iter().skip(start).take(count)
}

fn range(query: &Query) -> (usize, usize) {
    let number = |name: &str| query.get(name).and_then(|text| text.parse().ok());
    (number("start").unwrap_or(0), number("count").unwrap_or(COUNT).min(COUNT_MAX))
}

fn versions() -> Value {
    let mut numbers = env!("CARGO_PKG_VERSION").split('.').map(|part| part.parse().unwrap_or(0_u32));
    let mut next = || numbers.next().unwrap_or(0);
    json!({"major": next(), "minor": next(), "revision": next(), "version": env!("CARGO_PKG_VERSION")})
}

fn summaries(app: &App) -> Value {
    let (received, sent) = totals(app);
    json!({
        "ok": true,
        "now_ms": app.clock.unix_ms(),
        "self": {
            "version": env!("CARGO_PKG_VERSION"),
            "pid": std::process::id(),
            "srs_uptime": app.clock.now_ms() / 1_000,
        },
        "system": {"conn_srs": app.sessions.count(|_| true), "srs_recv_bytes": received, "srs_send_bytes": sent},
    })
}

/// Bytes of everybody who is there: received, sent.
fn totals(app: &App) -> (u64, u64) {
    let mut sums = (0, 0);
    app.sessions.each(|session| match session.about.role {
        Role::Publisher => sums.0 += session.bytes(),
        Role::Viewer => sums.1 += session.bytes(),
    });
    sums
}

fn vhost(app: &App) -> Value {
    let (received, sent) = totals(app);
    let streams = app.hub.on_air();
    let now_ms = app.clock.now_ms();
    let bits: u64 = streams.iter().map(|stream| stream.measured(now_ms).bits_per_second).sum();
    let mut send = 0;
    app.sessions.each(|session| {
        if session.about.role == Role::Viewer {
            send += mean_kbps(session, now_ms);
        }
    });
    json!({
        "id": stream_id(VHOST),
        "name": VHOST,
        "enabled": true,
        "clients": app.sessions.count(|_| true),
        "streams": streams.len(),
        "send_bytes": sent,
        "recv_bytes": received,
        "kbps": {"recv_30s": bits / 1_000, "send_30s": send},
        "hls": {"enabled": false},
    })
}

/// What the clients of a stream add up to.
#[derive(Default)]
struct Sums {
    clients: u64,
    sent: u64,
    kbps: u64,
    publisher: Option<u64>,
}

/// One walk over the clients, however many streams there are.
fn sums(app: &App) -> HashMap<Name, Sums> {
    let now_ms = app.clock.now_ms();
    let mut all: HashMap<Name, Sums> = HashMap::new();
    app.sessions.each(|session| {
        let sums = all.entry(session.about.stream.clone()).or_default();
        sums.clients += 1;
        match session.about.role {
            Role::Publisher => sums.publisher = Some(session.id),
            Role::Viewer => {
                sums.sent += session.bytes();
                sums.kbps += mean_kbps(session, now_ms);
            }
        }
    });
    all
}

fn stream(app: &App, head: &Head, stream: &Stream, sums: &Sums) -> Value {
    let (summary, now_ms) = (stream.summary(), app.clock.now_ms());
    let (app_name, stream_name) = split(stream.name());
    let (video, audio) = tracks(stream);
    json!({
        "id": stream_id(stream.name().as_str()),
        "name": stream_name,
        "vhost": stream_id(VHOST),
        "app": app_name,
        "tcUrl": format!("rtmp://{}/{app_name}", head.host()),
        "url": format!("/{app_name}/{stream_name}"),
        "live_ms": app.clock.unix_ms(),
        "clients": sums.clients,
        "frames": summary.frames_in,
        "send_bytes": sums.sent,
        "recv_bytes": summary.bytes_in,
        "kbps": {"recv_30s": stream.measured(now_ms).bits_per_second / 1_000, "send_30s": sums.kbps},
        "publish": {"active": matches!(summary.phase, hub::Phase::Starting | hub::Phase::OnAir), "cid": sums.publisher.map(|id| id.to_string()).unwrap_or_default()},
        "video": video.map(self::video),
        "audio": audio.map(self::audio),
    })
}

fn video(track: VideoTrack) -> Value {
    let (profile, level) = avc_profile(&track.codec_string);
    json!({
        "codec": track.codec.replace('.', "").to_uppercase(),
        "profile": profile,
        "level": level,
        "width": track.width.unwrap_or(0),
        "height": track.height.unwrap_or(0),
    })
}

fn audio(track: AudioTrack) -> Value {
    json!({
        "codec": track.codec,
        "sample_rate": track.sample_rate.unwrap_or(0),
        "channel": track.channels.unwrap_or(0),
        "profile": if track.codec_string == "mp4a.40.2" { "LC" } else { "Other" },
    })
}

/// The profile and the level that an `avc1.PPCCLL` tells.
fn avc_profile(codec_string: &str) -> (&'static str, String) {
    let Some(digits) = codec_string.strip_prefix("avc1.") else { return ("Other", "Other".into()) };
    let byte =
        |at: usize| digits.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok()).unwrap_or(0);
    let profile = match byte(0) {
        66 => "Baseline",
        77 => "Main",
        88 => "Extended",
        100 => "High",
        110 => "High(10)",
        122 => "High(4:2:2)",
        _ => "Other",
    };
    let level = byte(4);
    (
        profile,
        if level % 10 == 0 { (level / 10).to_string() } else { format!("{}.{}", level / 10, level % 10) },
    )
}

fn client(app: &App, head: &Head, session: &Session) -> Value {
    let about = &session.about;
    let (app_name, stream_name) = split(&about.stream);
    let publish = about.role == Role::Publisher;
    let kind = match (publish, about.wire.contains("flv")) {
        (true, _) => "fmle-publish",
        (false, true) => "flv-play",
        (false, false) => "rtmp-play",
    };
    let age_ms = app.clock.now_ms().saturating_sub(session.since_ms);
    let (received, sent) = if publish { (session.bytes(), 0) } else { (0, session.bytes()) };
    let kbps = mean_kbps(session, app.clock.now_ms());
    let (recv_kbps, send_kbps) = if publish { (kbps, 0) } else { (0, kbps) };
    json!({
        "id": session.id.to_string(),
        "vhost": stream_id(VHOST),
        "stream": stream_id(about.stream.as_str()),
        "ip": about.peer.to_canonical().to_string(),
        "pageUrl": "",
        "swfUrl": "",
        "tcUrl": format!("rtmp://{}/{app_name}", head.host()),
        "url": format!("/{app_name}/{stream_name}"),
        "name": stream_name,
        "type": kind,
        "publish": publish,
        "alive": age_ms as f64 / 1_000.0,
        "send_bytes": sent,
        "recv_bytes": received,
        "kbps": {"recv_30s": recv_kbps, "send_30s": send_kbps},
    })
}

/// Kilobits per second since a client came.
fn mean_kbps(session: &Session, now_ms: u64) -> u64 {
    session.bytes() * 8 / now_ms.saturating_sub(session.since_ms).max(1)
}

fn find(app: &App, number: &str) -> Option<Arc<Session>> {
    app.sessions.find(number.parse().ok()?)
}

/// Names that look like SRS's and stay the same as long as what they name.
fn stream_id(name: &str) -> String {
    id(name.as_bytes())
}

fn id(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    let digits: String = hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("vid-{digits}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_and_a_level_are_told_in_words() {
        assert_eq!(avc_profile("avc1.64001f"), ("High", "3.1".into()));
        assert_eq!(avc_profile("avc1.42c01e"), ("Baseline", "3".into()));
        assert_eq!(avc_profile("hvc1.1.6"), ("Other", "Other".into()));
    }

    #[test]
    fn the_key_may_be_a_password() {
        let head = |value: &str| {
            let text = format!("GET / HTTP/1.1\r\nAuthorization: {value}\r\n\r\n");
            Head::parse(text.as_bytes()).unwrap().unwrap().0
        };
        assert_eq!(basic(&head("Basic YWRtaW46d2tfMQ==")).as_deref(), Some("wk_1"));
        assert_eq!(basic(&head("Bearer wk_1")), None);
        assert_eq!(basic(&head("Basic !")), None);
    }
}
