//! `GET /api/v1/live` and `GET /api/v1/live/{app}/{stream}`: what is on air, for pages that play it.

use std::net::IpAddr;
use std::sync::Arc;

use control::request::Action;
use hub::{Name, Phase, Stream};

use super::call::{Answer, Call};
use super::shape::shape;
use super::streams::{AudioTrack, VideoTrack, moment, split, tracks};
use crate::admission::{self, Asked, Visitor};
use crate::http::head::Head;
use crate::http::response::Response;
use crate::replay::{self, Beside};
use crate::shift;

/// Most streams in a list.
const LIST_MAX: usize = 200;

const FLV: &str = ".flv";
const HLS: &str = ".m3u8";
const RTMP: &str = "";

/// How paths end at which a stream is played.
const FORMS: [&str; 3] = [FLV, HLS, RTMP];

shape! {
    /// Streams that anybody may play.
    out struct LiveList {
        /// The streams.
        streams: Vec<LiveItem>,
    }

    /// A stream, in a list.
    out struct LiveItem {
        /// All of its name but the last part.
        app: String,
        /// The last part of its name.
        stream: String,
        /// What to call it.
        title: String,
        /// Whether it is being published at this moment.
        on_air: bool,
        /// How many watch it.
        viewers: usize,
        /// When it began.
        started_at: String,
        /// Where its cover is, as a path that changes with the picture; null when there is none, or when this address may
        /// not see it. Where playing is signed, add the query of the play address.
        cover: Option<String>,
    }

    /// A stream.
    out struct LiveStream {
        /// All of its name but the last part.
        app: String,
        /// The last part of its name.
        stream: String,
        /// What to call it.
        title: String,
        /// Whether it is being published at this moment.
        on_air: bool,
        /// How many watch it.
        viewers: usize,
        /// When it began.
        started_at: String,
        /// Where its cover is, as a path that changes with the picture; null when there is none, or when this address may
        /// not see it. Where playing is signed, add the query of the play address.
        cover: Option<String>,
        /// The picture; null when there is none.
        video: Option<VideoTrack>,
        /// The sound; null when there is none.
        audio: Option<AudioTrack>,
        /// Kilobits of media per second.
        bitrate_kbps: u64,
        /// How many seconds back HLS goes at this moment; it grows from when it is first asked for.
        rewind_seconds: u64,
        /// The recording of this show; null when none goes on.
        recording: Option<LiveRecording>,
        /// Where to play it.
        urls: LiveUrls,
    }

    /// The recording of a show that goes on.
    out struct LiveRecording {
        /// Its id.
        id: String,
        /// When its first frame came, in milliseconds since 1970: finer than dates here are.
        started_ms: i64,
        /// How many milliseconds ago that was.
        age_ms: u64,
        /// WebVTT with small pictures for a seek bar, by milliseconds since its first frame; null without pictures.
        thumbnails: Option<String>,
    }

    /// Paths, which a page resolves against the address that it has; RTMP is on another port.
    out struct LiveUrls {
        /// FLV over HTTP; null when the signature is not good for it.
        flv: Option<String>,
        /// FLV over WebSocket; null when the signature is not good for it.
        ws_flv: Option<String>,
        /// HLS over HTTP; null when there is none, or the signature is not good for it.
        hls: Option<String>,
        /// HLS from the beginning of the show; null when that is not kept.
        from_start: Option<String>,
        /// The port of RTMP; null when it does not listen, or the signature is not good for it.
        rtmp_port: Option<u16>,
        /// The path over RTMP.
        rtmp_path: String,
    }
}

/// The streams on air that anybody may play. Streams whose playback is signed are not listed: knowing a name is
/// half of an address. Where a hook decides on plays, none is open to everybody.
pub(super) fn list(call: &Call) -> Answer {
    let app = &call.app;
    let open = |stream: &Arc<Stream>| {
        let (app_name, stream_name) = split(stream.name());
        let path = format!("/{app_name}/{stream_name}.flv");
        app.admission.admit(&asked(&call.head, app_name, stream_name, &path, "", call.peer)).is_ok()
    };
    let streams = if app.hooks.decides_plays() { Vec::new() } else { app.hub.on_air() };
    let streams = streams.iter().filter(|stream| open(stream)).take(LIST_MAX);
    Ok(Response::json(200, &LiveList { streams: streams.map(|stream| item(call, stream, "")).collect() }))
}

/// One stream, to whoever may play it: the query carries the same signature as the play address, and the hook is asked.
pub(super) fn one(call: &Call) -> Answer {
    let app = &call.app;
    let [app_name, stream_name] = call.names.as_slice() else { return Err(crate::http::router::not_found()) };
    let (name, good) = admit(call, app_name, stream_name, &FORMS)?;
    let found = app.hub.find(&name).filter(|stream| stream.phase() != Phase::Waiting);
    let Some(stream) = found else {
        let zh = "当前没有人推流";
        return Err(Response::error(404, "not_on_air", "nobody is publishing this stream", zh));
    };
    let (video, audio) = tracks(&stream);
    let rtmp_path = format!("/{app_name}/{stream_name}");
    let path = |form| good.contains(&form).then(|| format!("/{app_name}/{stream_name}{form}"));
    let rtmp_port = app.ports().rtmp.filter(|_| good.contains(&RTMP)).map(|addr| addr.port());
    let (flv, hls) = (path(FLV), path(HLS).filter(|_| app.config.hls.enabled));
    let recording = replay::beside(app, stream.name());
    let age_ms = app.clock.now_ms().saturating_sub(stream.summary().started_ms);
    let started_ms = app.clock.unix_ms().saturating_sub_unsigned(age_ms);
    let is_kept = recording.is_some() || app.hls.keeps_start(stream.name(), started_ms);
    let from_start = hls.as_ref().filter(|_| is_kept).map(|hls| format!("{hls}?from={}", shift::START));
    let recording = recording.map(|Beside { id, started_ms, age_ms, thumbnails }| LiveRecording {
        id,
        started_ms,
        age_ms,
        thumbnails: Some(thumbnails).filter(|_| video.is_some()),
    });
    let urls = LiveUrls { ws_flv: flv.clone(), flv, hls, from_start, rtmp_port, rtmp_path };
    let rewind_seconds = app.hls.kept_ms(stream.name()) / 1_000;
    let bitrate_kbps = stream.summary().bits_per_second / 1_000;
    let LiveItem { app, stream, title, on_air, viewers, started_at, cover } =
        item(call, &stream, &call.head.query);
    Ok(Response::json(
        200,
        &LiveStream {
            app,
            stream,
            title,
            on_air,
            viewers,
            started_at,
            cover,
            video,
            audio,
            bitrate_kbps,
            rewind_seconds,
            recording,
            urls,
        },
    ))
}

/// Lets in whoever may play `app/stream`: gives its name in the hub, and in which of these forms. Some signatures are over
/// the path, so one is good for one form alone. The hook is asked as for whoever polls.
pub(super) fn admit(
    call: &Call,
    app_name: &str,
    stream: &str,
    forms: &[&'static str],
) -> Result<(Name, Vec<&'static str>), Response> {
    let (app, head) = (&call.app, &call.head);
    let path = |form: &str| format!("/{app_name}/{stream}{form}");
    let is_good = |form: &&str| {
        app.admission.admit(&asked(head, app_name, stream, &path(form), &head.query, call.peer)).is_ok()
    };
    let good: Vec<_> = forms.iter().copied().filter(is_good).collect();
    // Where it is good for none, the first says why.
    let first = path(good.first().or(forms.first()).copied().unwrap_or_default());
    let asked = asked(head, app_name, stream, &first, &head.query, call.peer);
    let visitor = Visitor::page(call.id, head.header("user-agent").unwrap_or_default());
    match call.wait(admission::enter(app, &asked, &visitor)) {
        Ok(admitted) => Ok((admitted.name, good)),
        Err(refused) => {
            Err(Response::error(refused.status(), refused.code, &refused.message, &refused.message_zh))
        }
    }
}

/// A viewer's request for `app/stream`, as admission wants it.
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

fn item(call: &Call, stream: &Arc<Stream>, query: &str) -> LiveItem {
    let app = &call.app;
    let (app_name, stream_name) = split(stream.name());
    let summary = stream.summary();
    let demo = &app.config.demo;
    let is_demo = demo.enabled && demo.app == app_name && demo.stream == stream_name;
    LiveItem {
        title: if is_demo { demo.title.clone() } else { stream_name.to_owned() },
        app: app_name.to_owned(),
        stream: stream_name.to_owned(),
        on_air: matches!(summary.phase, Phase::Starting | Phase::OnAir),
        viewers: summary.viewers,
        started_at: moment(app, summary.started_ms),
        cover: cover(call, stream, query),
    }
}

/// Some signatures are over the path, so one that plays a stream need not be good for its cover.
fn cover(call: &Call, stream: &Arc<Stream>, query: &str) -> Option<String> {
    let cover = call.app.snapshots.cover(stream)?;
    let (app_name, stream_name) = split(stream.name());
    let path = format!("/{app_name}/{stream_name}.jpg");
    let asked = asked(&call.head, app_name, stream_name, &path, query, call.peer);
    call.app.admission.admit(&asked).ok()?;
    Some(format!("{path}?cover={}", cover.number))
}
