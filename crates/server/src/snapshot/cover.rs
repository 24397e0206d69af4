//! Covers: a picture of every stream on air, made now and then so that a list can show it at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::sleep;
use tracing::warn;

use super::{COVER_WIDTH, Failure, Width};
use crate::app::App;

/// Between two looks at what is on air.
const LOOK: Duration = Duration::from_secs(1);

/// After a cover it rests for so many times as long as that took, so that covers never take more than a tenth of a core:
/// with very many streams they come less often than they should.
const REST: u32 = 9;

/// The least rest: after a picture that was there already.
const SHORT_REST: Duration = Duration::from_millis(100);

/// Before it looks for a missing ffmpeg again.
const LOOK_FOR_PROGRAM: Duration = Duration::from_secs(60);

/// Makes covers until the server stops.
pub async fn run(app: Arc<App>) {
    let every = Duration::from_secs(app.config.snapshot.cover_seconds);
    let Some(width) = Width::new(COVER_WIDTH).filter(|_| !every.is_zero()) else { return };
    let mut missed = false;
    loop {
        let streams = app.hub.on_air();
        app.snapshots.keep_covers_of(&streams);
        let Some(stream) = app.snapshots.due(&streams, every) else {
            sleep(LOOK).await;
            continue;
        };
        let began = Instant::now();
        match app.snapshots.renew_cover(stream, width).await {
            Err(failure @ Failure::NoProgram(_)) => {
                if !missed {
                    warn!(%failure, "no covers: install ffmpeg, or set snapshot.ffmpeg, or snapshot.cover_seconds = 0");
                }
                missed = true;
                sleep(LOOK_FOR_PROGRAM).await;
            }
            Err(Failure::Off) => return,
            _ => sleep((began.elapsed() * REST).max(SHORT_REST)).await,
        }
    }
}
