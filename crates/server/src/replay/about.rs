//! What a page wants to know of a replay before it plays it.

use std::io;

use media::codec::TrackInfo;
use media::frame::Kind;
use media::mp4::{Detail, MAX_MOOV_BYTES, Scanner, Track};

use super::{held, plain};
use crate::app::App;
use crate::storage::Opener;
use crate::store::{Part, Recording};

/// A replay.
#[derive(Debug)]
pub struct About {
    /// What the index says.
    pub recording: Recording,
    /// The picture of its first part.
    pub video: Option<TrackInfo>,
    /// The sound of its first part.
    pub audio: Option<TrackInfo>,
    /// It can be had as one file, MP4 or FLV.
    pub is_one_file: bool,
    /// Lets its reader have what is made of the recording, such as pictures.
    pub token: String,
}

/// Why there is nothing to tell.
#[derive(Debug)]
pub enum Missing {
    /// There is no such recording.
    Absent,
    /// Viewers are not shown it.
    Hidden,
    /// Its files are no longer there.
    Gone,
    /// The index or a file cannot be read.
    Broken(String),
}

/// What is known of a recording. Whoever asks was admitted.
pub async fn about(app: &App, id: &str) -> Result<About, Missing> {
    let broken = |error: sqlx::Error| Missing::Broken(error.to_string());
    let (Ok(store), Ok(root)) = (app.records.store(), app.records.root()) else {
        return Err(Missing::Absent);
    };
    let recording = store.index.find(id).await.map_err(broken)?.ok_or(Missing::Absent)?;
    if recording.hidden {
        return Err(Missing::Hidden);
    }
    let shown = held::shown(app, &store.index, recording).await.map_err(broken)?;
    let fragmented = shown.parts();
    let recording = shown.recording;
    let tracks = match fragmented.first() {
        Some(part) => {
            let from = Opener { root: root.to_owned(), storage: app.storage.clone() };
            tracks(from, part.clone()).await?
        }
        None => Vec::new(),
    };
    let track = |kind| tracks.iter().find(|track| track.kind == kind).map(|track| track.info.clone());
    let is_one_codec = fragmented.iter().all(|part| part.codecs == recording.codecs);
    let is_short = recording.duration_ms <= plain::MAX_MS && fragmented.len() <= plain::MAX_PARTS;
    let is_closed = !recording.state.is_open();
    Ok(About {
        is_one_file: is_closed && is_one_codec && is_short && !fragmented.is_empty(),
        token: app.replays.tokens.issue(id, app.clock.unix_seconds()),
        video: track(Kind::Video),
        audio: track(Kind::Audio),
        recording,
    })
}

async fn tracks(from: Opener, part: Part) -> Result<Vec<Track>, Missing> {
    let reading = tokio::task::spawn_blocking(move || {
        let mut init = vec![0; usize::try_from(part.init_bytes.min(MAX_MOOV_BYTES)).unwrap_or(0)];
        from.open(&part)?.read_exact_at(&mut init, 0)?;
        io::Result::Ok(init)
    });
    let init = match reading.await.map_err(io::Error::other).flatten() {
        Ok(init) => init,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Missing::Gone),
        Err(error) => return Err(Missing::Broken(error.to_string())),
    };
    let mut scanner = Scanner::new(Detail::Fragments);
    scanner.handle_input(0, &init).map_err(|bad| Missing::Broken(bad.to_string()))?;
    Ok(scanner.index().tracks.clone())
}
