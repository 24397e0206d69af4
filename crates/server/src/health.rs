//! The health of what is pushed: problems that a host can mend, noticed once a second from figures that the hub has
//! anyway. Each has a code, a moment since when, and words that say what to do.

mod code;
mod declared;
mod watch;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hub::{Name, Phase};
use tracing::{info, warn};

pub use code::{Code, Severity};
use declared::Declared;
use watch::{Change, Seen, Watch};

use crate::app::App;
use crate::sessions::Role;

/// Between two looks at the streams.
const LOOK: Duration = Duration::from_secs(1);

/// The beginning of a problem of one stream and code is logged at most once in so long. Its end is logged when its
/// beginning was.
const LOG_AGAIN_MS: u64 = 60_000;

/// A problem that a stream has at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Problem {
    /// Which.
    pub code: Code,
    /// Since when, by the monotonic clock in milliseconds.
    pub since_ms: u64,
}

/// The problems of all streams.
#[derive(Debug, Default)]
pub struct Health {
    streams: Mutex<HashMap<Name, Watched>>,
}

#[derive(Debug, Default)]
struct Watched {
    watch: Watch,
    logged: HashMap<Code, Logged>,
}

#[derive(Debug, Clone, Copy)]
struct Logged {
    at_ms: u64,
    /// The problem whose beginning was logged goes on.
    open: bool,
}

impl Health {
    /// The problems of a stream, the worst first; none when nobody pushes it.
    pub fn of(&self, name: &Name) -> Vec<Problem> {
        let streams = self.lock();
        let mut problems: Vec<Problem> =
            streams.get(name).map(|watched| watched.watch.problems().collect()).unwrap_or_default();
        problems.sort_by_key(|problem| std::cmp::Reverse(problem.code.severity()));
        problems
    }

    /// How many streams have this problem.
    pub fn count(&self, code: Code) -> usize {
        let has = |watched: &&Watched| watched.watch.problems().any(|problem| problem.code == code);
        self.lock().values().filter(has).count()
    }

    /// Looks at all streams.
    pub fn look(&self, app: &App) {
        let now_ms = app.clock.now_ms();
        let streams = app.hub.on_air();
        let mut watched = self.lock();
        watched.retain(|name, _| {
            // Sorted by name.
            streams.binary_search_by(|stream| stream.name().cmp(name)).is_ok()
        });
        for stream in &streams {
            let entry = watched.entry(stream.name().clone()).or_default();
            let pushed = matches!(stream.phase(), Phase::Starting | Phase::OnAir);
            let changes = if pushed {
                entry.watch.look(&Seen {
                    now_ms,
                    arrivals: stream.arrivals(),
                    measured: stream.measured(now_ms),
                    time_jumps: stream.summary().time_jumps,
                    declared: Declared::of(&stream.headers()),
                })
            } else {
                entry.watch.rest()
            };
            for change in changes {
                entry.log(app, stream.name(), change, now_ms);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Name, Watched>> {
        // A panic while it was locked leaves a map that is still a map.
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched {
    fn log(&mut self, app: &App, stream: &Name, change: Change, now_ms: u64) {
        let Change { code, began, since_ms } = change;
        let logged = self.logged.get(&code);
        let publisher = || {
            let wanted = |session: &crate::sessions::Session| {
                session.about.role == Role::Publisher && session.about.stream == *stream
            };
            app.sessions.list(0, 1, wanted).first().map(|session| session.id)
        };
        if began {
            if logged.is_some_and(|logged| now_ms.saturating_sub(logged.at_ms) < LOG_AGAIN_MS) {
                return;
            }
            self.logged.insert(code, Logged { at_ms: now_ms, open: true });
            warn!(session = publisher(), %stream, code = code.name(), advice = code.message(), "the push has a problem");
        } else if let Some(Logged { at_ms, open: true }) = logged.copied() {
            self.logged.insert(code, Logged { at_ms, open: false });
            let seconds = now_ms.saturating_sub(since_ms) / 1_000;
            info!(session = publisher(), %stream, code = code.name(), seconds, "the problem of the push is over");
        }
    }
}

/// Looks at the streams until the server stops.
pub async fn run(app: Arc<App>) {
    let mut interval = tokio::time::interval(LOOK);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        app.health.look(&app);
    }
}
