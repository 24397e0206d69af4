//! `GET /api/v1/replays/{recording}`: a recorded show, for the page that plays it.

use super::call::{Answer, Call};
use super::live::admit;
use super::shape::shape;
use super::streams::{AudioTrack, VideoTrack};
use crate::http::response::Response;
use crate::replay::{self, Missing};
use crate::time::rfc3339;

shape! {
    /// A recorded show.
    out struct Replay {
        /// Its id.
        id: String,
        /// All of the stream's name but the last part.
        app: String,
        /// The last part.
        stream: String,
        /// What to call it.
        title: String,
        /// When its first frame came.
        started_at: String,
        /// Milliseconds of media.
        duration_ms: u64,
        /// It is still being recorded.
        recording: bool,
        /// The picture at its beginning; null when there is none.
        video: Option<VideoTrack>,
        /// The sound at its beginning; null when there is none.
        audio: Option<AudioTrack>,
        /// Where to have it.
        urls: ReplayUrls,
    }

    /// Paths with their queries, which a page resolves against the address that it has.
    out struct ReplayUrls {
        /// HLS; this and the next two are null when the signature is not good for it.
        hls: Option<String>,
        /// All of it as one MP4; null when it is no one file, or still grows.
        mp4: Option<String>,
        /// The same as FLV.
        flv: Option<String>,
        /// A picture of it; null when it has none.
        poster: Option<String>,
        /// WebVTT with small pictures for a seek bar; null when it has none.
        thumbnails: Option<String>,
    }
}

/// How paths end at which a replay is played.
const FORMS: [&str; 3] = [".m3u8", ".mp4", ".flv"];

/// One replay, to whoever may play it: the query carries the same signature as its address, and the hook is asked.
pub(super) fn one(call: &Call) -> Answer {
    let [id] = call.names.as_slice() else { return Err(crate::http::router::not_found()) };
    let (app, head) = (&call.app, &call.head);
    let path = |extension: &str| format!("/{}/{id}{extension}", replay::url::APP);
    let (_, good) = admit(call, replay::url::APP, id, &FORMS)?;
    let about = call.wait(replay::about(app, id)).map_err(refuse)?;
    // What is played is counted by the signature it comes with; pictures are no views.
    let signed = |extension: &str| match head.query.as_str() {
        _ if !good.contains(&extension) => None,
        "" => Some(path(extension)),
        query => Some(format!("{}?{query}", path(extension))),
    };
    let pictured = |extension: &str| format!("{}?{}={}", path(extension), replay::TOKEN, about.token);
    let (has_video, is_open) = (about.video.is_some(), about.recording.state.is_open());
    let urls = ReplayUrls {
        hls: signed(".m3u8"),
        mp4: signed(".mp4").filter(|_| about.is_one_file),
        flv: signed(".flv").filter(|_| about.is_one_file),
        poster: has_video.then(|| pictured(".jpg")),
        thumbnails: has_video.then(|| pictured(".vtt")),
    };
    let recording = &about.recording;
    let demo = &app.config.demo;
    let is_demo = demo.enabled && demo.app == recording.app && demo.stream == recording.stream;
    Ok(Response::json(
        200,
        &Replay {
            id: recording.id.clone(),
            app: recording.app.clone(),
            stream: recording.stream.clone(),
            title: if is_demo { demo.title.clone() } else { recording.stream.clone() },
            started_at: rfc3339(recording.started_ms),
            duration_ms: recording.duration_ms,
            recording: is_open,
            video: about.video.map(VideoTrack::from),
            audio: about.audio.map(AudioTrack::from),
            urls,
        },
    ))
}

fn refuse(missing: Missing) -> Response {
    match missing {
        Missing::Absent => {
            Response::error(404, "no_recording", "there is no replay with this id", "没有这个回放")
        }
        Missing::Hidden => Response::error(
            404,
            "replay_hidden",
            "this replay is not public: its owner can show it again",
            "这个回放暂未公开，主播可以重新公开它",
        ),
        Missing::Gone => Response::error(
            410,
            "recording_gone",
            "the files of this replay are no longer there",
            "这个回放的文件已不存在",
        ),
        Missing::Broken(error) => replay::unreadable(&error),
    }
}
