//! Draining: nobody new is let in, those who are there may finish, at a bound the server ends. It can be taken back.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::info;

use crate::app::App;

/// Between two looks at who is still there.
const LOOK: Duration = Duration::from_millis(200);

/// Whether the server is to end, and when at the latest.
#[derive(Debug)]
pub struct Drain {
    until: watch::Sender<Option<Instant>>,
}

/// How a drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Everybody has left.
    Empty,
    /// The bound was reached with somebody still there.
    Bound,
    /// It was taken back.
    TakenBack,
}

impl Default for Drain {
    fn default() -> Drain {
        Drain { until: watch::Sender::new(None) }
    }
}

impl Drain {
    /// Asks for it; a later call moves the bound. See [`App::begin_drain`].
    pub(crate) fn begin(&self, bound: Duration) {
        info!(seconds = bound.as_secs(), "draining: nobody new is let in");
        self.until.send_replace(Some(Instant::now() + bound));
    }

    /// Takes it back. Returns whether there was anything to take back. See [`App::cancel_drain`].
    pub(crate) fn cancel(&self) -> bool {
        let was = self.until.send_replace(None).is_some();
        if was {
            info!("the drain was taken back");
        }
        was
    }

    /// Whether nobody new is let in.
    pub fn is_on(&self) -> bool {
        self.until.borrow().is_some()
    }

    /// Returns when a drain is asked for.
    pub async fn asked(&self) {
        // The sender is in `self`, so the channel is open.
        let _ = self.until.subscribe().wait_for(Option::is_some).await;
    }
}

/// Waits for the end of a drain that was asked for.
pub async fn run(app: &App) -> Outcome {
    let mut until = app.drain.until.subscribe();
    loop {
        let Some(bound) = *until.borrow_and_update() else { return Outcome::TakenBack };
        if app.sessions.count(|_| true) == 0 {
            return Outcome::Empty;
        }
        let now = Instant::now();
        if now >= bound {
            return Outcome::Bound;
        }
        // Looks again after a while, at the bound, and when somebody changes it.
        let pause = async { sleep_until(bound.min(now + LOOK)).await };
        let _ = timeout(LOOK, async {
            tokio::select! { _ = until.changed() => {}, () = pause => {} }
        })
        .await;
    }
}
