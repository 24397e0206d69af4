//! The tasks of the relays: started, tried again after a pause, ended when nobody wants them.
//!
//! A drain is for those who are there. So while the server drains, a pull that somebody watches goes on, over lost
//! connections too; any other pull ends at once or pauses, and comes back when the drain is taken back. A push goes with
//! its stream, and says goodbye to its target when that ends. No relay keeps the server from ending: only clients do.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hub::{Phase, Stream};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep};
use tracing::{info, warn};

use super::entry::{Direction, Entry, Mode};
use super::state::State;
use super::{Failure, Relays, pull, push};
use crate::app::App;

/// The pause after the first failure, before jitter.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// An attempt in which media flowed for so long was a good one: the next pause is the first again.
const STEADY: Duration = Duration::from_secs(10);

/// Between two looks at which streams are on air and who watches.
const LOOK: Duration = Duration::from_millis(200);

/// Failures in a row of which one is logged, after the first.
const LOG_EVERY: u64 = 10;

/// Runs the relays until the task is ended, and them with it.
pub async fn run(app: Arc<App>) {
    let ordered = app.relays.ordered.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    let Some(mut ordered) = ordered else { return };
    let mut tasks = JoinSet::new();
    let mut look = interval(LOOK);
    loop {
        tokio::select! {
            entry = ordered.recv() => match entry {
                Some(entry) => {
                    app.relays.settle();
                    tasks.spawn(serve(app.clone(), entry));
                }
                None => return,
            },
            _ = look.tick() => app.relays.push_what_is_on_air(&app.hub),
            Some(ended) = tasks.join_next() => {
                if let Err(error) = ended {
                    warn!(%error, "a relay ended in a panic; this is a bug in Weir");
                }
            }
        }
    }
}

/// The pauses between attempts.
#[derive(Debug, Default)]
struct BackOff {
    failures: u32,
}

impl BackOff {
    /// The next pause: twice the last one, and between half of it and all of it, so that the relays of a server that
    /// comes back do not come all at once. `random` is any number.
    fn next(&mut self, random: u32) -> Duration {
        let full = FIRST_PAUSE.saturating_mul(1 << self.failures.min(16)).min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        full / 2 + (full / 2).mul_f64(f64::from(random) / f64::from(u32::MAX))
    }
}

/// Takes a relay out of the table at its end, a panic included.
struct Listed<'a> {
    relays: &'a Relays,
    entry: &'a Entry,
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.relays.forget(self.entry);
    }
}

async fn serve(app: Arc<App>, entry: Arc<Entry>) {
    let _listed = Listed { relays: &app.relays, entry: &entry };
    let mut stop = entry.stop.subscribe();
    tokio::select! {
        // The sender is in the entry, so the channel is open.
        _ = stop.wait_for(|stop| *stop) => info!(relay = entry.id, stream = %entry.name, "a relay was stopped"),
        () = live(&app, &entry) => {}
    }
    let ours = app.hub.find(&entry.name).is_some_and(|stream| entry.is_ours(&stream));
    if *entry.stop.borrow() && entry.direction == Direction::Pull && ours {
        // Stopped on purpose: its viewers need not wait for the grace.
        app.hub.drop_stream(&entry.name, hub::End::Finished);
    }
}

async fn live(app: &Arc<App>, entry: &Arc<Entry>) {
    match (entry.direction, entry.mode) {
        (Direction::Pull, Mode::Static) => loop {
            tokio::select! {
                () = keep_pulling(app, entry) => stay_for_the_list().await,
                () = drained(app, entry) => {}
            }
        },
        (Direction::Pull, Mode::OnDemand) => loop {
            tokio::select! {
                () = wanted(app, entry) => {}
                // One that took over from another may find that its viewers have left.
                () = idle(app, entry), if entry.rule.is_some() => return,
            }
            let looped = tokio::select! {
                () = keep_pulling(app, entry) => true,
                () = idle(app, entry) => false,
            };
            if entry.rule.is_some() {
                return;
            }
            if looped {
                stay_for_the_list().await;
            }
            entry.set(State::NoViewers);
        },
        (Direction::Push, _) => loop {
            let stream = on_air(app, entry).await;
            keep_pushing(app, entry, &stream).await;
            if entry.rule.is_some() {
                // One that leads back here is not made anew while the stream is there.
                let _ = stream.watch_phase().wait_for(|phase| *phase == Phase::Ended).await;
                return;
            }
            if entry.looped.load(Ordering::SeqCst) {
                stay_for_the_list().await;
            }
            entry.set(State::NoStream);
        },
    }
}

/// A relay that is no use stays in the list with its reason, until it is stopped.
async fn stay_for_the_list() {
    std::future::pending().await
}

/// Returns when somebody wants an on-demand pull: waits for it, or watches what an earlier pull left to this one.
async fn wanted(app: &App, entry: &Entry) {
    if app.hub.find(&entry.name).is_some_and(|stream| entry.is_ours(&stream)) {
        return;
    }
    // The sender is in the entry, so the channel is open.
    let _ = entry.waiters.subscribe().wait_for(|count| *count > 0).await;
}

/// Whether anybody watches what a pull brings, or waits for it.
fn is_watched(app: &App, entry: &Entry) -> bool {
    let viewers = app.hub.find(&entry.name).map_or(0, |stream| stream.viewers());
    viewers > 0 || *entry.waiters.borrow() > 0
}

/// Returns when nobody has watched or waited for so long as the configuration says; in a drain at once.
async fn idle(app: &App, entry: &Entry) {
    let mut since = Instant::now();
    loop {
        sleep(LOOK).await;
        if is_watched(app, entry) {
            since = Instant::now();
            continue;
        }
        let over = since.elapsed() >= app.relays.linger || app.drain.is_on();
        if over && app.relays.end_idle(&app.hub, entry) {
            return info!(relay = entry.id, stream = %entry.name, "nobody watches: the pull ends");
        }
    }
}

/// Returns when the server drains and nobody watches what a static pull brings. The stream is over then.
async fn drained(app: &App, entry: &Entry) {
    loop {
        sleep(LOOK).await;
        if !app.drain.is_on() || is_watched(app, entry) {
            continue;
        }
        if app.hub.find(&entry.name).is_some_and(|stream| entry.is_ours(&stream)) {
            app.hub.drop_stream(&entry.name, hub::End::Finished);
            return info!(relay = entry.id, stream = %entry.name, "draining, and nobody watches: the pull pauses");
        }
    }
}

/// What keeps a pull from connecting: its stream is forbidden, or the server drains and nobody watches.
fn hindrance(app: &App, entry: &Entry) -> Option<State> {
    if app.admission.forbidden(&entry.name).is_some() {
        return Some(State::Forbidden);
    }
    (app.drain.is_on() && !is_watched(app, entry)).then_some(State::Draining)
}

/// The stream once it is on air.
async fn on_air(app: &App, entry: &Entry) -> Arc<Stream> {
    loop {
        // It is looked for and not opened: a stream that is only waited for takes a place among the streams.
        if let Some(stream) = app.hub.find(&entry.name).filter(|stream| stream.phase() == Phase::OnAir) {
            return stream;
        }
        sleep(LOOK).await;
    }
}

/// Pulls again and again; returns only when the address leads back here.
async fn keep_pulling(app: &Arc<App>, entry: &Entry) {
    let mut attempts = Attempts::default();
    loop {
        pull::wait_for_turn(app, entry, || {
            entry.set(State::Occupied);
            info!(relay = entry.id, stream = %entry.name, "somebody else publishes this stream: the pull waits");
        })
        .await;
        while let Some(hindrance) = hindrance(app, entry) {
            entry.set(hindrance);
            sleep(LOOK).await;
        }
        entry.begins();
        let failure = pull::attempt(app, entry).await;
        if attempts.pause(entry, failure).await {
            return;
        }
    }
}

/// Pushes again and again until the stream has ended, or the address leads back here.
async fn keep_pushing(app: &App, entry: &Entry, stream: &Arc<Stream>) {
    let mut attempts = Attempts::default();
    let mut phase = stream.watch_phase();
    let over = |phase: &Phase| *phase == Phase::Ended;
    while stream.phase() != Phase::Ended {
        entry.begins();
        entry.carry(Relays::marks_of_publisher(&app.sessions, &entry.name));
        let failure = match push::attempt(app, entry, stream).await {
            Ok(()) => {
                info!(relay = entry.id, stream = %entry.name, "the stream is over, and so is its push");
                return;
            }
            Err(failure) => failure,
        };
        tokio::select! {
            looped = attempts.pause(entry, failure) => {
                if looped {
                    return;
                }
            }
            _ = phase.wait_for(over) => return,
        }
    }
}

/// What is known of the attempts so far.
#[derive(Debug, Default)]
struct Attempts {
    back_off: BackOff,
    failures: u64,
}

impl Attempts {
    /// Notes a failure and waits. True: the address leads back here, so that trying again is no use.
    async fn pause(&mut self, entry: &Entry, failure: Failure) -> bool {
        let looped = entry.looped.load(Ordering::SeqCst);
        let failure = if looped { Failure::Loop } else { failure };
        if entry.failed(&failure) >= STEADY {
            *self = Attempts::default();
        }
        let what = match entry.direction {
            Direction::Push => "push",
            Direction::Pull => "pull",
        };
        if looped || self.failures.is_multiple_of(LOG_EVERY) {
            let (id, stream, server, failures) = (entry.id, &entry.name, &entry.target, self.failures + 1);
            warn!(relay = id, %stream, %server, %failure, failures, "a {what} failed");
        }
        self.failures += 1;
        if looped {
            return true;
        }
        // Without random bytes it is the longest pause that there can be at this point.
        sleep(self.back_off.next(getrandom::u32().unwrap_or(u32::MAX))).await;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_within_their_bounds_and_have_jitter() {
        let pauses = |random| {
            let mut back_off = BackOff::default();
            (0..12).map(|_| back_off.next(random).as_millis()).collect::<Vec<_>>()
        };
        assert_eq!(pauses(u32::MAX)[..8], [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
        assert_eq!(pauses(0)[..8], [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
        assert_eq!(pauses(u32::MAX)[11], 30_000);
    }
}
