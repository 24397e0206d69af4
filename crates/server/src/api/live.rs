//! `GET /api/v1/live` and `GET /api/v1/live/{app}/{stream}`: what is on air, for pages that play it.

use std::net::IpAddr;

use control::request::Action;
use hub::{Name, Phase, Stream};
use media::codec::TrackInfo;
use media::frame::Kind;
use serde::Serialize;

use crate::admission::Asked;
use crate::app::App;
use crate::http::head::Head;
use crate::http::response::Response;
use crate::time::rfc3339;

/// Most streams in a list.
const LIST_MAX: usize = 200;

#[derive(Serialize)]
struct List {
    streams: Vec<Item>,
}

#[derive(Serialize)]
struct Item {
    app: String,
    stream: String,
    title: String,
    on_air: bool,
    viewers: usize,
    started_at: String,
}

#[derive(Serialize)]
struct One {
    #[serde(flatten)]
    item: Item,
    video: Option<Video>,
    audio: Option<Audio>,
    bitrate_kbps: u64,
    urls: Urls,
}

#[derive(Serialize)]
struct Video {
    codec: String,
    codec_string: String,
    width: Option<u32>,
    height: Option<u32>,
    fps: Option<f64>,
}

#[derive(Serialize)]
struct Audio {
    codec: String,
    codec_string: String,
    sample_rate: Option<u32>,
    channels: Option<u32>,
}

/// Paths, which a page resolves against the address that it has; RTMP is on another port.
#[derive(Serialize)]
struct Urls {
    flv: String,
    ws_flv: String,
    rtmp_port: Option<u16>,
    rtmp_path: String,
}

/// The streams on air that anybody may play. Streams whose playback is signed are not listed: knowing a name is
/// half of an address.
pub fn list(app: &App, head: &Head, peer: IpAddr) -> Response {
    let open = |stream: &std::sync::Arc<Stream>| {
        let (app_name, stream_name) = split(stream.name());
        let path = format!("/{app_name}/{stream_name}.flv");
        app.admission.admit(&asked(head, &app_name, &stream_name, &path, "", peer)).is_ok()
    };
    let streams = app.hub.on_air();
    let streams = streams.iter().filter(|stream| open(stream)).take(LIST_MAX);
    Response::json(200, &List { streams: streams.map(|stream| item(app, stream)).collect() })
}

/// One stream, to whoever may play it: the query carries the same signature as the play address.
pub fn one(app: &App, head: &Head, peer: IpAddr) -> Response {
    let named = head.path.strip_prefix("/api/v1/live/").and_then(|rest| rest.rsplit_once('/'));
    let Some((app_name, stream_name)) = named else { return crate::http::router::not_found() };
    let path = format!("/{app_name}/{stream_name}.flv");
    let asked = asked(head, app_name, stream_name, &path, &head.query, peer);
    let admitted = match app.admission.admit(&asked) {
        Ok(admitted) => admitted,
        Err(refused) => return Response::error(403, refused.code, &refused.message, &refused.message_zh),
    };
    let found = app.hub.find(&admitted.name).filter(|stream| stream.phase() != Phase::Waiting);
    let Some(stream) = found else {
        let zh = "当前没有人推流";
        return Response::error(404, "not_on_air", "nobody is publishing this stream", zh);
    };
    let headers = stream.headers();
    let track = |kind: Kind| {
        let configs = headers.configs.iter().filter(|frame| frame.kind == kind);
        configs.filter_map(|frame| TrackInfo::from_config(kind, &frame.body)).next()
    };
    let video = track(Kind::Video).map(|track| Video {
        codec: track.codec.name().to_owned(),
        codec_string: track.codec_string,
        width: track.width,
        height: track.height,
        fps: track.fps,
    });
    let audio = track(Kind::Audio).map(|track| Audio {
        codec: track.codec.name().to_owned(),
        codec_string: track.codec_string,
        sample_rate: track.sample_rate,
        channels: track.channels,
    });
    let rtmp_port = app.ports().rtmp.map(|addr| addr.port());
    let urls =
        Urls { ws_flv: path.clone(), flv: path, rtmp_port, rtmp_path: format!("/{app_name}/{stream_name}") };
    let bitrate_kbps = stream.summary().bits_per_second / 1_000;
    Response::json(200, &One { item: item(app, &stream), video, audio, bitrate_kbps, urls })
}

fn asked<'a>(
    head: &'a Head,
    app: &'a str,
    stream: &'a str,
    path: &'a str,
    query: &'a str,
    peer: IpAddr,
) -> Asked<'a> {
    let referrer = head.header("referer").or(head.header("origin"));
    Asked { action: Action::Play, host: head.host(), app, stream, path, query, peer: Some(peer), referrer }
}

fn item(app: &App, stream: &Stream) -> Item {
    let (app_name, stream_name) = split(stream.name());
    let summary = stream.summary();
    let demo = &app.config.demo;
    let is_demo = demo.enabled && demo.app == app_name && demo.stream == stream_name;
    let age_ms = app.clock.now_ms().saturating_sub(summary.started_ms);
    let started = app.clock.unix_ms().saturating_sub_unsigned(age_ms);
    Item {
        title: if is_demo { demo.title.clone() } else { stream_name.clone() },
        app: app_name,
        stream: stream_name,
        on_air: matches!(summary.phase, Phase::Starting | Phase::OnAir),
        viewers: summary.viewers,
        started_at: rfc3339(started),
    }
}

/// The two parts of a stream's name. Admission makes names as `app/stream`.
fn split(name: &Name) -> (String, String) {
    let (app, stream) = name.as_str().rsplit_once('/').unwrap_or(("", name.as_str()));
    (app.to_owned(), stream.to_owned())
}
