//! Shows whose stream broke off: for how long it is waited for, and that they end then.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use control::room::reject::Code;
use control::room::show::{Happening, State};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use super::follow::insist;
use super::{Act, By, act};
use crate::app::App;

/// Between two looks at who has waited long enough.
const LOOK: Duration = Duration::from_secs(1);

/// After the database did not take the end of a show, in milliseconds.
const AGAIN_MS: u64 = 10_000;

/// Shows without their stream, and since when by the clock that only goes forward.
///
/// What the server itself was down for does not count: an encoder could not have come back. So a start begins anew, and
/// nothing of this is on the disk.
#[derive(Debug, Default)]
pub(super) struct Lost(Mutex<BTreeMap<String, u64>>);

impl Lost {
    /// A show came into a state.
    pub(super) fn note(&self, room: &str, state: State, now_ms: u64) {
        let mut lost = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state == State::Interrupted {
            lost.insert(room.to_owned(), now_ms);
        } else {
            lost.remove(room);
        }
    }

    /// Those whose stream was gone by then already.
    fn since(&self, then_ms: u64) -> Vec<String> {
        let lost = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lost.iter().filter(|(_, since)| **since <= then_ms).map(|(room, _)| room.clone()).collect()
    }

    /// It is there no more, or is looked at again later.
    fn put_off(&self, room: &str, until_ms: Option<u64>) {
        let mut lost = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (until_ms, lost.get_mut(room)) {
            (Some(until), Some(since)) => *since = until,
            _ => drop(lost.remove(room)),
        }
    }
}

/// Ends shows whose stream does not come back, for as long as the server runs.
pub async fn run(app: Arc<App>) {
    let wait_ms = u64::from(app.config.rooms.interrupted_seconds) * 1_000;
    let (Some(store), true) = (app.rooms.store().cloned(), wait_ms > 0) else { return };
    let waiting =
        insist("shows that wait for their stream are not known", || store.rooms.interrupted()).await;
    let now_ms = app.clock.now_ms();
    waiting.iter().for_each(|room| app.rooms.lost.note(room, State::Interrupted, now_ms));
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let Some(then_ms) = app.clock.now_ms().checked_sub(wait_ms) else { continue };
        for room in app.rooms.lost.since(then_ms) {
            match act(&app, &room, &By::System, Act::Show(Happening::GiveUp)).await {
                Ok(_) => {
                    info!(room, seconds = wait_ms / 1_000, "a show whose stream did not come back is ended");
                    app.rooms.lost.put_off(&room, None);
                }
                Err(super::Refusal::Rejected(reject)) if reject.code == Code::NotFound => {
                    app.rooms.lost.put_off(&room, None);
                }
                Err(refusal) => {
                    warn!(room, ?refusal, "a show whose stream did not come back goes on");
                    app.rooms.lost.put_off(&room, Some(then_ms.saturating_add(AGAIN_MS)));
                }
            }
        }
    }
}
