//! Players that come before the publisher.

use std::sync::Arc;
use std::time::Duration;

use hub::{Name, Phase, Stream};
use tokio::time::timeout;

use crate::app::App;

/// What became of the wait.
pub enum Waited {
    /// Frames flow.
    OnAir(Arc<Stream>),
    /// Nobody published within the grace.
    Absent,
    /// As many streams are waited for as may be.
    Full,
}

/// The stream `name` once it is on air, at the latest after the grace. With `patient` false it does not wait for
/// a publisher, only for one who has begun. On an edge the wait itself brings the stream, for any player on any
/// wire; `agent` is what the player calls itself.
pub async fn for_stream(app: &App, name: &Name, patient: bool, agent: &str) -> Waited {
    let want = app.relays.want(&app.hub, name, agent);
    if !patient && want.is_none() && app.hub.find(name).is_none() {
        return Waited::Absent;
    }
    let grace = Duration::from_millis(app.grace_ms);
    let on_air = async {
        loop {
            let Ok(stream) = app.hub.open(name) else { return Waited::Full };
            let mut phase = stream.watch_phase();
            let settled = |phase: &Phase| matches!(phase, Phase::OnAir | Phase::Grace | Phase::Ended);
            match phase.wait_for(settled).await.map(|phase| *phase) {
                // A stream in its grace has headers and pictures, and its publisher may be back in a second.
                Ok(Phase::OnAir | Phase::Grace) => return Waited::OnAir(stream.clone()),
                // This one is over; a new push of the name is another stream.
                _ => tokio::task::yield_now().await,
            }
        }
    };
    timeout(grace, on_air).await.unwrap_or(Waited::Absent)
}
