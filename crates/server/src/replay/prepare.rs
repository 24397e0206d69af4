//! Finds out about long recordings when they have ended, so that their first viewer does not wait for it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::kept::Place;
use super::made::{NoFile, Wanted};
use super::plain::Plain;
use super::span::Span;
use super::{flv, held};
use crate::app::App;
use crate::storage::Opener;
use crate::store::{Filter, Format, Page, PartState, Recording};

/// Between two looks.
const LOOK: Duration = Duration::from_secs(10);

/// Most recordings that are looked at each time: the newest.
const NEWEST: usize = 50;

/// How long after its end a recording is prepared, in milliseconds: those that are older wait for their first viewer.
const RECENT_MS: i64 = 24 * 3_600_000;

/// Does so for as long as the server runs.
pub async fn run(app: Arc<App>) {
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut done: VecDeque<String> = VecDeque::new();
    loop {
        look.tick().await;
        let Ok(store) = app.records.store() else { return };
        let page = Page { before: None, limit: NEWEST };
        let Ok(newest) = store.index.list(&Filter { hidden: true, ..Filter::default() }, &page).await else {
            continue;
        };
        let since_ms = app.clock.unix_ms().saturating_sub(RECENT_MS);
        for recording in newest {
            let is_due = recording.ended_ms.is_some_and(|ended| ended >= since_ms);
            if !is_due || done.contains(&recording.id) {
                continue;
            }
            // One that cannot be prepared is told why when somebody asks for it.
            let _ = prepare(&app, &recording).await;
            done.push_back(recording.id);
            while done.len() > NEWEST {
                done.pop_front();
            }
        }
    }
}

/// Has what its MP4 and its FLV need beside a recording that is over and long enough for that.
pub async fn prepare(app: &App, recording: &Recording) -> Result<(), String> {
    let (Ok(store), Ok(root)) = (app.records.store(), app.records.root()) else { return Ok(()) };
    let told = |error: sqlx::Error| error.to_string();
    let parts: Vec<_> = store.index.parts(&recording.id).await.map_err(told)?;
    let parts = parts.into_iter().filter(|part| part.format == Format::Fmp4).collect();
    let parts = held::known(&store.index, parts).await.map_err(told)?;
    if parts.iter().any(|(part, _)| part.state == PartState::Remote) {
        // Each fragment would be asked of the bucket, for somebody who may never come.
        return Ok(());
    }
    let bytes = parts.iter().map(|(part, _)| part.bytes).sum();
    for format in [Format::Mp4, Format::Flv] {
        let place = Place::of(root, recording, &parts, format.word()).filter(|place| !place.is_there());
        let Some(place) = place else { continue };
        let wanted = Wanted { id: recording.id.clone(), span: Span::ALL, bytes };
        let (from, parts) = (Opener { root: root.to_owned(), storage: app.storage.clone() }, parts.clone());
        let failed = |failure: NoFile| format!("{failure:?}");
        if format == Format::Flv {
            let make = move || flv::Plan::make(&from, &parts, Span::ALL, Some(&place));
            app.replays.flvs.get(wanted, make).await.map_err(failed)?;
        } else {
            let make = move || Plain::make(&from, &parts, Span::ALL, Some(&place));
            app.replays.plains.get(wanted, make).await.map_err(failed)?;
        }
    }
    Ok(())
}
