//! `GET /api/v1/rooms/{room}/replays`: the recordings of a room's show, as pages that replay them.

use control::room::about::About;
use control::room::show::State;

use super::call::{Answer, Call};
use super::fault::Fault;
use super::rooms::{self, find, maker, path_of};
use super::shape::shape;
use crate::http::response::Response;
use crate::replay::url;
use crate::store::{self, Filter, Page, Recording};
use crate::time::rfc3339;

shape! {
    /// Recordings of a room's show that are finished and not hidden, the newest first.
    out struct RoomReplays {
        /// The recordings.
        replays: Vec<RoomReplay>,
        /// What to ask for as `before` to get the next page; null on the last one.
        next: Option<String>,
    }

    /// One of them.
    out struct RoomReplay {
        /// Its id.
        id: String,
        /// When its first frame came.
        started_at: String,
        /// When its last frame came.
        ended_at: Option<String>,
        /// Milliseconds of media.
        duration_ms: u64,
        /// The page that replays it, as a path with its query.
        page: String,
    }
}

/// All of them, in pages, for whoever would see where to play.
pub(super) fn list(call: &Call) -> Answer {
    let about = find(call)?;
    let viewer = rooms::viewer(call, &about)?;
    if viewer.is_none() && !about.settings.guests {
        return Err(Fault::NotAllowed.answer());
    }
    let limit = call.limit();
    let before = call.parameter("before").map(str::to_owned);
    let mut found = of_show(call, &about, before, limit + 1)?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| last.id.clone());
    let expires = rooms::expires(call, viewer.as_ref());
    let mut replays = Vec::with_capacity(found.len());
    for recording in found {
        let page = page(call, &about, &recording, viewer.is_some(), expires)
            .ok_or_else(|| Fault::NotAllowed.answer())?;
        let Recording { id, started_ms, ended_ms, duration_ms, .. } = recording;
        let (started_at, ended_at) = (rfc3339(started_ms), ended_ms.map(rfc3339));
        replays.push(RoomReplay { id, started_at, ended_at, duration_ms, page });
    }
    Ok(Response::json(200, &RoomReplays { replays, next }))
}

/// The page of the newest recording of a show that is over.
pub(super) fn newest(
    call: &Call,
    about: &About,
    is_viewer: bool,
    expires: i64,
) -> Result<Option<String>, Response> {
    if about.state != State::Ended {
        return Ok(None);
    }
    let found = of_show(call, about, None, 1)?;
    Ok(found.first().and_then(|newest| page(call, about, newest, is_viewer, expires)))
}

/// What was recorded between the first time on air and the end. What the stream carried later belongs to other shows.
fn of_show(
    call: &Call,
    about: &About,
    before: Option<String>,
    limit: usize,
) -> Result<Vec<Recording>, Response> {
    let (Some(live_ms), Ok(records)) = (about.live_ms, call.app.records.store()) else {
        return Ok(Vec::new());
    };
    if about.state == State::Banned {
        return Ok(Vec::new());
    }
    let path = path_of(about)?;
    let filter = Filter {
        app: Some(path.app),
        stream: Some(path.stream),
        state: Some(store::State::Finished),
        from_ms: Some(live_ms),
        to_ms: about.ended_ms,
        hidden: false,
    };
    call.wait(records.index.list(&filter, &Page { before, limit })).map_err(Fault::database)
}

/// The page of a recording; none for a guest where a signature or the room keeps guests out: a signature for whoever knows the
/// room's id would let in everybody.
fn page(call: &Call, about: &About, recording: &Recording, is_viewer: bool, expires: i64) -> Option<String> {
    let secure = call.app.ports().http.is_none();
    let made = maker(call, secure, expires, |maker| maker.replay(&recording.id)).ok()?;
    let allowed = is_viewer || (!made.signed && about.settings.guests);
    let query = made.m3u8.split_once('?').map(|(_, query)| format!("{query}&")).unwrap_or_default();
    allowed.then(|| format!("/{}/{}?{query}room={}", url::APP, recording.id, about.id))
}
