//! The recording of a show that goes on, at the address of its stream.

use hub::Name;

use super::answer::{CLOCK, CLOCK_WALL};
use super::{TOKEN, held, playlist, url};
use crate::app::App;
use crate::http::head::{Head, Method};
use crate::http::response::Response;
use crate::record::Running;
use crate::shift::Stretch;
use crate::store::{Filter, Page, Recording};
use crate::time;

/// What of the stretch was recorded of the stream's running show, as a playlist that leads to that of the recording. `None`
/// when nothing was. Whoever asks was admitted to the stream.
pub async fn running(app: &App, head: &Head, stream: &str, stretch: Stretch) -> Option<Response> {
    let recording = match find(app, stream, stretch).await {
        Ok(recording) => recording?,
        Err(error) => {
            // What is in memory may do.
            tracing::error!(%error, stream, "the index of recordings cannot be read");
            return None;
        }
    };
    let id = &recording.id;
    let token = app.replays.tokens.issue(id, app.clock.unix_seconds());
    let mut wanted = String::new();
    for (name, seconds) in [("from", stretch.from), ("to", stretch.to)] {
        if let Some(seconds) = seconds {
            wanted += &format!("&{name}={}", time::rfc3339(seconds.saturating_mul(1_000)));
        }
    }
    // Relative, as a proxy may have the server below a folder.
    let up = "../".repeat(head.path.matches('/').count().saturating_sub(1));
    let uri = format!("{up}replay/{id}.m3u8?{TOKEN}={token}{wanted}");
    let text = playlist::of_one(&recording, uri).to_string();
    let is_get = head.method == Method::Get;
    if let Ok(store) = app.records.store() {
        let bytes = if is_get { text.len() as u64 } else { 0 };
        app.replays.figures.note(&store.writer, id, is_get, bytes);
    }
    // The token in it is one viewer's.
    Some(Response::bytes(200, "application/vnd.apple.mpegurl", text).with("Cache-Control", "no-store"))
}

/// What the page of a live stream may show of the recording of its show, if one goes on. Whoever asks was admitted to the
/// stream. The index is not asked, as many pages ask.
pub fn beside(app: &App, name: &Name) -> Option<Beside> {
    let Running { id, started_ms } = app.records.running(name)?;
    let token = app.replays.tokens.issue(&id, app.clock.unix_seconds());
    let age_ms = u64::try_from(app.clock.unix_ms().saturating_sub(started_ms)).unwrap_or(0);
    let thumbnails = format!("/{}/{id}.vtt?{TOKEN}={token}&{CLOCK}={CLOCK_WALL}", url::APP);
    Some(Beside { id, started_ms, age_ms, thumbnails })
}

/// The recording of a running show, beside its stream.
#[derive(Debug)]
pub struct Beside {
    /// Its id.
    pub id: String,
    /// When it began, in milliseconds since 1970.
    pub started_ms: i64,
    /// How long ago that was.
    pub age_ms: u64,
    /// The path of the list of its small pictures, with times of the clock.
    pub thumbnails: String,
}

async fn find(app: &App, stream: &str, stretch: Stretch) -> Result<Option<Recording>, sqlx::Error> {
    let (Ok(store), Some((folder, stream))) = (app.records.store(), stream.rsplit_once('/')) else {
        return Ok(None);
    };
    let filter = Filter { app: Some(folder.into()), stream: Some(stream.into()), ..Filter::default() };
    // The newest is that of the running show, if there is one.
    let newest = store.index.list(&filter, &Page { before: None, limit: 1 }).await?.pop();
    let Some(recording) = newest.filter(|recording| recording.state.is_open()) else { return Ok(None) };
    let shown = held::shown(app, &store.index, recording).await?;
    let is_in = shown.parts().iter().any(|part| {
        let end = part.wall_ms.saturating_add_unsigned(part.duration_ms);
        part.wall_ms < stretch.to_ms() && end > stretch.from_ms()
    });
    Ok(is_in.then_some(shown.recording))
}
