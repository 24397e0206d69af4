//! Begins recordings, watches the disk, deletes what is over its time, and ends everything in good order.

use std::collections::HashSet;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, PoisonError};
use std::task::Poll;
use std::time::Duration;

use hub::{Name, Phase};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tracing::{error, info, warn};

use super::entry::{Control, Entry};
use super::files::Manner;
use super::rules::nearest;
use super::{Failure, Records, Space, disk, names, recover, task};
use crate::app::App;
use crate::sessions::Role;
use crate::store::State;

/// Between two looks at which streams are on air, when no push begins: for rules that have changed, and for recordings that
/// are to begin again.
const LOOK: Duration = Duration::from_millis(100);

/// Between two looks at the disk.
const DISK_LOOK: Duration = Duration::from_secs(2);

/// Between two deletions of what is over its time.
const PRUNE: Duration = Duration::from_secs(300);

/// How long the end of the server waits for recordings to be closed.
const GOODBYE: Duration = Duration::from_secs(20);

/// Runs recordings until the task is ended; see [`stop`] for their end.
pub async fn run(app: Arc<App>) {
    let Ok(store) = app.records.store() else { return };
    let store = store.clone();
    let mut tasks = JoinSet::new();
    let mut background = JoinSet::new();
    background.spawn(recover_and_tell(app.clone()));
    let (mut look, mut disk_look, mut prune) = (interval(LOOK), interval(DISK_LOOK), interval(PRUNE));
    for interval in [&mut look, &mut disk_look, &mut prune] {
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    }
    let mut running = HashSet::new();
    let mut pushes = app.hub.watch_pushes();
    loop {
        // At once when a push begins, so that its first frames are still there.
        app.records.begin_what_is_wanted(&app);
        for entry in app.records.entries() {
            if running.insert(entry.id.clone()) {
                tasks.spawn(serve(app.clone(), entry));
            }
        }
        tokio::select! {
            _ = look.tick() => {}
            Ok(()) = pushes.changed() => {}
            _ = disk_look.tick() => look_at_disk(&app).await,
            _ = prune.tick() => {
                let now_ms = app.clock.unix_ms();
                store.writer.flush().await;
                match app.records.prune(now_ms).await {
                    Ok(0) => {}
                    Ok(count) => info!(count, "recordings over their time were deleted"),
                    Err(error) => warn!("recordings over their time were not deleted: {error:#}"),
                }
            }
            Some(ended) = tasks.join_next() => match ended {
                Ok(id) => {
                    running.remove(&id);
                }
                Err(error) => warn!(%error, "a recording ended in a panic; this is a bug in Weir"),
            },
        }
    }
}

/// Ends all recordings, and waits until they are written.
pub async fn stop(app: &App) {
    let entries = {
        let mut table = app.records.lock();
        table.closed = true;
        table.open.values().cloned().collect::<Vec<_>>()
    };
    entries.iter().for_each(|entry| entry.order(Control::SERVER_STOP));
    let gone = async {
        while app.records.open() > 0 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    if timeout(GOODBYE, gone).await.is_err() {
        warn!("not all recordings were closed in time; the next start does it");
    }
    if let Ok(store) = app.records.store() {
        store.writer.flush().await;
    }
}

/// Takes a recording out of the table at its end, a panic included.
struct Listed<'a> {
    records: &'a Records,
    entry: &'a Entry,
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        let mut table = self.records.lock();
        table.open.remove(&self.entry.id);
        table.judged.remove(&self.entry.name);
        drop(table);
        self.entry.is_over();
    }
}

async fn serve(app: Arc<App>, entry: Arc<Entry>) -> String {
    let records = &app.records;
    let listed = Listed { records, entry: &entry };
    if let (Ok(root), Ok(store)) = (records.root(), records.store()) {
        let manner = Manner {
            root: root.to_owned(),
            formats: entry.options.formats.clone(),
            retention_days: entry.options.retention_days,
            fsync: records.fsync,
            index: store.writer.clone(),
            figures: records.figures.clone(),
        };
        match unless_it_panics(task::run(&app, &entry, manner)).await {
            Some(Ok(())) => {}
            Some(Err(Failure::Panic)) => records.give_up(&entry),
            Some(Err(failure)) => records.raise(failure, app.clock.unix_ms()),
            None => {
                records.give_up(&entry);
                task::abandon(&app, &entry).await;
            }
        }
    }
    drop(listed);
    entry.id.clone()
}

/// What comes of a task; nothing when it panics.
async fn unless_it_panics<T>(task: impl Future<Output = T>) -> Option<T> {
    let mut task = pin!(task);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(context))) {
        Ok(Poll::Ready(done)) => Poll::Ready(Some(done)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(_) => Poll::Ready(None),
    })
    .await
}

impl Records {
    /// A bug ended a recording. The same frames would do it again, so the stream is not recorded until it is pushed again or
    /// somebody asks for it.
    fn give_up(&self, entry: &Entry) {
        error!(recording = entry.id, stream = %entry.name, "a recording ended in a panic; this is a bug in Weir");
        self.figures.failed(Failure::Panic.code());
        let mut table = self.lock();
        table.wanted.remove(&entry.name);
        table.unwanted.insert(entry.name.clone());
    }

    fn entries(&self) -> Vec<Arc<Entry>> {
        self.lock().open.values().cloned().collect()
    }

    /// Makes recordings of the streams that rules, or somebody before the disk was full, want recorded.
    fn begin_what_is_wanted(&self, app: &App) {
        let rules = {
            let table = self.lock();
            if table.closed
                || (table.rules.is_empty() && table.wanted.is_empty() && table.unwanted.is_empty())
            {
                return;
            }
            table.rules.clone()
        };
        let streams = app.hub.on_air();
        let names: HashSet<&Name> = streams.iter().map(|stream| stream.name()).collect();
        let blocked = self.alert().is_some();
        {
            let mut table = self.lock();
            table.judged.retain(|name, _| names.contains(name));
            table.unwanted.retain(|name| names.contains(name));
            let open: HashSet<Name> = table.open.values().map(|entry| entry.name.clone()).collect();
            table.wanted.retain(|name, _| names.contains(name) || open.contains(name));
        }
        if blocked {
            return;
        }
        for stream in streams.iter().filter(|stream| stream.phase() != Phase::Grace) {
            let name = stream.name();
            let mut table = self.lock();
            let known = table.open.values().any(|entry| entry.name == *name);
            if known || table.unwanted.contains(name) {
                continue;
            }
            let push = stream.arrivals().push;
            let judged = table.judged.insert(name.clone(), push) == Some(push);
            if judged && !table.wanted.contains_key(name) {
                continue;
            }
            let by_rule = || nearest(&rules, &domain_of(app, name), name);
            let Some(options) = table.wanted.get(name).or_else(by_rule).cloned() else { continue };
            let Ok(id) = names::new_id(app.clock.unix_ms()) else { continue };
            table.open.insert(id.clone(), Arc::new(Entry::new(id, name.clone(), options)));
        }
    }
}

/// The domain that a stream is published at; empty for one that comes from another server.
fn domain_of(app: &App, name: &Name) -> String {
    let publishes = |session: &crate::sessions::Session| {
        session.about.role == Role::Publisher && session.about.stream == *name
    };
    let found = app.sessions.list(0, usize::MAX, publishes);
    found.last().map(|session| session.about.domain.clone()).unwrap_or_default()
}

/// Ends recordings when there is too little room, and lets them begin again when there is enough.
async fn look_at_disk(app: &Arc<App>) {
    let records = &app.records;
    let Ok(root) = records.root() else { return };
    let root = root.to_owned();
    let alert = records.alert();
    let alerted = alert.is_some();
    let looked = tokio::task::spawn_blocking(move || {
        let space = Space::of(&root);
        let writable = if alerted { disk::probe(&root) } else { Ok(()) };
        (space, writable)
    });
    let Ok((space, writable)) = looked.await else { return };
    let space = space.ok();
    *records.space.lock().unwrap_or_else(PoisonError::into_inner) = space;
    // A file system that does not tell is tried.
    let free = space.map_or(u64::MAX, |space| space.free);
    match alert {
        Some(_) if free >= records.resume_free && writable.is_ok() => records.clear_alert(),
        Some(_) => {}
        None if free < records.min_free => {
            let reason = Failure::DiskFull.code();
            // Nobody who would write in the meantime.
            records.raise(Failure::DiskFull, app.clock.unix_ms());
            let end = Control::End { state: State::Failed, reason, later: false };
            records.entries().iter().for_each(|entry| entry.order(end));
        }
        None => {}
    }
}

async fn recover_and_tell(app: Arc<App>) {
    let (Ok(root), Ok(store)) = (app.records.root(), app.records.store()) else { return };
    let is_open = |id: &str| app.records.is_open(id);
    match recover::recover(root, store, &app.storage, &is_open).await {
        Ok(recover::Outcome { recordings: 0, .. }) => {}
        Ok(outcome) => {
            info!(
                recordings = outcome.recordings,
                cut_bytes = outcome.cut_bytes,
                "recordings that a crash left open were closed and indexed"
            );
        }
        Err(error) => warn!("recordings of an earlier run were not all looked at: {error:#}"),
    }
    app.records.recovered.send_replace(true);
}
