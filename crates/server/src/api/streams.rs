//! `/api/v1/streams`: what is on air, in figures.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use hub::{Drops, Name, Phase, Stream};
use media::codec::TrackInfo;
use media::frame::Kind;

use super::call::{Answer, Call};
use super::shape::shape;
use crate::app::App;
use crate::health::Problem;
use crate::http::response::Response;
use crate::sessions::{Role, Session};
use crate::time::rfc3339;

/// What a publisher that is released is told.
const RELEASED: &str = "the operator released this stream name / 运营方释放了该流名";

shape! {
    /// A page of streams.
    out struct StreamList {
        /// The streams.
        streams: Vec<StreamState>,
        /// What to ask for as `after` to get the next page; null on the last one.
        next: Option<String>,
    }

    /// A stream at this moment.
    out struct StreamState {
        /// All of its name but the last part.
        app: String,
        /// The last part of its name.
        stream: String,
        /// `starting` (its tracks are not known yet), `on_air`, or `grace` (the publisher left and may come back).
        phase: &'static str,
        /// When it began; kept over takeovers.
        started_at: String,
        /// Who publishes it; null while nobody does, and for the server's own streams.
        publisher: Option<PublisherState>,
        /// The picture; null when there is none.
        video: Option<VideoTrack>,
        /// The sound; null when there is none.
        audio: Option<AudioTrack>,
        /// Pictures per second that came, over the last five seconds.
        fps: f64,
        /// Kilobits of media per second that came, over the last five seconds.
        bitrate_kbps: u64,
        /// From the last key frame but one to the last, in milliseconds.
        gop_ms: Option<i64>,
        /// How far the newest sound is ahead of the newest picture, in milliseconds.
        av_skew_ms: Option<i64>,
        /// Bytes of media taken in since it began.
        bytes_in: u64,
        /// Frames taken in since it began.
        frames_in: u64,
        /// Frames whose time did not follow from the ones before.
        time_jumps: u64,
        /// Times that the publisher came back or was replaced.
        takeovers: u64,
        /// Viewers that are there.
        viewers: usize,
        /// The same by protocol.
        viewers_by_wire: BTreeMap<&'static str, u64>,
        /// Bytes sent to the viewers that are there.
        bytes_out: u64,
        /// What the viewers that are there were not sent.
        drops: DropCounts,
        /// What is wrong with the push, with words for its host; empty when all is well.
        problems: Vec<PushProblem>,
    }

    /// Something that is wrong with a push.
    out struct PushProblem {
        /// What it is, for programs.
        code: &'static str,
        /// `notice`, `warning` or `error`.
        severity: &'static str,
        /// Since when.
        since: String,
        /// What it is and what the host can do.
        message: &'static str,
        /// The same in Chinese.
        message_zh: &'static str,
    }

    /// Who publishes a stream.
    out struct PublisherState {
        /// Its number among the clients.
        session: u64,
        /// Its address.
        peer: String,
        /// Its protocol.
        wire: &'static str,
        /// What it calls itself.
        agent: String,
        /// When it was let in.
        since: String,
    }

    /// A picture, as its encoder describes it.
    out struct VideoTrack {
        /// Its codec.
        codec: String,
        /// The same for a browser (RFC 6381); empty when it is not known.
        codec_string: String,
        /// In pixels.
        width: Option<u32>,
        /// In pixels.
        height: Option<u32>,
        /// Pictures per second, where the encoder says so.
        fps: Option<f64>,
    }

    /// A sound, as its encoder describes it.
    out struct AudioTrack {
        /// Its codec.
        codec: String,
        /// The same for a browser (RFC 6381); empty when it is not known.
        codec_string: String,
        /// Samples per second.
        sample_rate: Option<u32>,
        /// Channels.
        channels: Option<u32>,
    }

    /// Frames that slow viewers were not sent, by cause.
    out struct DropCounts {
        /// Pictures that no other picture needs, left out to catch up.
        disposable: u64,
        /// Pictures left out by a jump to a key frame.
        pictures: u64,
        /// Sound left out by a jump.
        audio: u64,
        /// Jumps.
        jumps: u64,
    }
}

/// What the clients of one stream add up to.
#[derive(Default)]
struct Tally {
    publisher: Option<Arc<Session>>,
    wires: BTreeMap<&'static str, u64>,
    bytes_out: u64,
    drops: Drops,
}

/// Everything that is on air, in pages.
pub(super) fn list(call: &Call) -> Answer {
    let (after, only) = (call.parameter("after").unwrap_or_default(), call.parameter("app"));
    let limit = call.limit();
    let wanted = |stream: &Arc<Stream>| {
        stream.name().as_str() > after && only.is_none_or(|app| split(stream.name()).0 == app)
    };
    let mut page: Vec<Arc<Stream>> =
        call.app.hub.on_air().into_iter().filter(wanted).take(limit + 1).collect();
    let more = page.len() > limit;
    page.truncate(limit);
    let next = page.last().filter(|_| more).map(|last| last.name().to_string());
    let mut tallies = tally(&call.app, &page);
    let streams =
        page.iter().map(|stream| state(&call.app, stream, tallies.remove(stream.name()).unwrap_or_default()));
    Ok(Response::json(200, &StreamList { streams: streams.collect(), next }))
}

/// One of them.
pub(super) fn one(call: &Call) -> Answer {
    let stream = on_air(call)?;
    let tally = tally(&call.app, std::slice::from_ref(&stream)).remove(stream.name()).unwrap_or_default();
    Ok(Response::json(200, &state(&call.app, &stream, tally)))
}

/// Ends the publisher of one.
pub(super) fn release(call: &Call) -> Answer {
    let stream = on_air(call)?;
    let publishes =
        |session: &Session| session.about.role == Role::Publisher && session.about.stream == *stream.name();
    let found = call.app.sessions.list(0, 1, publishes);
    // In the grace the publisher is gone already, however long its farewell takes.
    let Some(session) = found.first().filter(|_| stream.phase() != Phase::Grace) else {
        return Err(Response::error(
            409,
            "no_publisher",
            "no client publishes this stream: it is the server's own, or its publisher has just left",
            "没有客户端在推这路流：它是服务器自带的，或推流者刚刚离开",
        ));
    };
    session.dismiss(RELEASED);
    Ok(Response::empty(202))
}

/// The tracks that a stream's headers describe.
pub(super) fn tracks(stream: &Stream) -> (Option<VideoTrack>, Option<AudioTrack>) {
    let headers = stream.headers();
    let track = |kind: Kind| {
        let mut configs = headers.configs.iter().filter(|frame| frame.kind == kind);
        configs.find_map(|frame| TrackInfo::from_config(kind, &frame.body))
    };
    (track(Kind::Video).map(VideoTrack::from), track(Kind::Audio).map(AudioTrack::from))
}

impl From<TrackInfo> for VideoTrack {
    fn from(track: TrackInfo) -> VideoTrack {
        VideoTrack {
            codec: track.codec.name().to_owned(),
            codec_string: track.codec_string,
            width: track.width,
            height: track.height,
            fps: track.fps,
        }
    }
}

impl From<TrackInfo> for AudioTrack {
    fn from(track: TrackInfo) -> AudioTrack {
        AudioTrack {
            codec: track.codec.name().to_owned(),
            codec_string: track.codec_string,
            sample_rate: track.sample_rate,
            channels: track.channels,
        }
    }
}

/// The two parts of a stream's name. Admission makes names as `app/stream`.
pub(super) fn split(name: &Name) -> (&str, &str) {
    name.as_str().rsplit_once('/').unwrap_or(("", name.as_str()))
}

/// The calendar's time of a moment of the monotonic clock, as text.
pub(super) fn moment(app: &App, at_ms: u64) -> String {
    let age_ms = app.clock.now_ms().saturating_sub(at_ms);
    rfc3339(app.clock.unix_ms().saturating_sub_unsigned(age_ms))
}

impl From<Drops> for DropCounts {
    fn from(drops: Drops) -> DropCounts {
        let Drops { disposable, pictures, audio, jumps } = drops;
        DropCounts { disposable, pictures, audio, jumps }
    }
}

fn on_air(call: &Call) -> Result<Arc<Stream>, Response> {
    let name = call.path()?.name();
    let found = call.app.hub.find(&name);
    found.filter(|stream| matches!(stream.phase(), Phase::Starting | Phase::OnAir | Phase::Grace)).ok_or_else(
        || Response::error(404, "not_on_air", "nobody publishes this stream", "当前没有人推这路流"),
    )
}

/// One walk over the clients, however many streams are asked about.
fn tally(app: &App, streams: &[Arc<Stream>]) -> HashMap<Name, Tally> {
    let mut tallies: HashMap<Name, Tally> =
        streams.iter().map(|stream| (stream.name().clone(), Tally::default())).collect();
    app.sessions.each(|session| {
        let Some(tally) = tallies.get_mut(&session.about.stream) else { return };
        if session.about.role == Role::Publisher {
            // Of two, the newer one took over and the older one is on its way out.
            tally.publisher = Some(session.clone());
            return;
        }
        *tally.wires.entry(session.about.wire).or_default() += 1;
        tally.bytes_out += session.bytes();
        let drops = session.drops();
        tally.drops.disposable += drops.disposable;
        tally.drops.pictures += drops.pictures;
        tally.drops.audio += drops.audio;
        tally.drops.jumps += drops.jumps;
    });
    tallies
}

fn state(app: &App, stream: &Stream, tally: Tally) -> StreamState {
    let (summary, measured) = (stream.summary(), stream.measured(app.clock.now_ms()));
    let (app_name, stream_name) = split(stream.name());
    let (video, audio) = tracks(stream);
    StreamState {
        app: app_name.to_owned(),
        stream: stream_name.to_owned(),
        phase: phase(summary.phase),
        started_at: moment(app, summary.started_ms),
        publisher: tally.publisher.filter(|_| summary.phase != Phase::Grace).map(|session| PublisherState {
            session: session.id,
            peer: session.about.peer.to_canonical().to_string(),
            wire: session.about.wire,
            agent: session.about.agent.clone(),
            since: moment(app, session.since_ms),
        }),
        video,
        audio,
        fps: (measured.fps * 10.0).round() / 10.0,
        bitrate_kbps: measured.bits_per_second / 1_000,
        gop_ms: measured.gop_ms,
        av_skew_ms: measured.skew_ms,
        bytes_in: summary.bytes_in,
        frames_in: summary.frames_in,
        time_jumps: summary.time_jumps,
        takeovers: summary.takeovers,
        viewers: summary.viewers,
        viewers_by_wire: tally.wires,
        bytes_out: tally.bytes_out,
        drops: tally.drops.into(),
        problems: app
            .health
            .of(stream.name())
            .into_iter()
            .map(|problem| push_problem(app, &problem))
            .collect(),
    }
}

fn push_problem(app: &App, problem: &Problem) -> PushProblem {
    PushProblem {
        code: problem.code.name(),
        severity: problem.code.severity().name(),
        since: moment(app, problem.since_ms),
        message: problem.code.message(),
        message_zh: problem.code.message_zh(),
    }
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Waiting => "waiting",
        Phase::Starting => "starting",
        Phase::OnAir => "on_air",
        Phase::Grace => "grace",
        Phase::Ended => "ended",
    }
}
