//! What recorders tell the index. Nobody who records waits for it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::{Sqlite, SqlitePool, Transaction};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use tracing::{error, info, warn};

use super::keys::{self, Key};
use super::outbox::{self, Event, Outbox};
use super::recording::{Format, Part, Recording, Watched};

/// Between two commits. News of all recordings share one.
const TICK: Duration = Duration::from_millis(200);

/// How long counts of viewers wait at most for news that they are written with.
const COUNTS: Duration = Duration::from_secs(5);

/// The first pause after a commit that failed; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Most rows that wait while the database cannot be written. Beyond, the oldest recordings' are forgotten: their files
/// are there, and `weir recordings reindex` reads them.
const MAX_ROWS: usize = 200_000;

/// Most events that wait while the database cannot be written. Beyond, new ones are lost, and counted.
const MAX_EVENTS: usize = 10_000;

/// How long the end of the server waits for the database.
const GOODBYE: Duration = Duration::from_secs(5);

/// Takes news of recordings and writes them when it can; clones share one queue.
#[derive(Debug, Clone)]
pub struct Writer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    pool: SqlitePool,
    outbox: Outbox,
    lost_events: AtomicU64,
    waiting: Mutex<Waiting>,
    /// Subjects of which something is begun in the database, and the kind of event that ends it.
    begun: Mutex<HashSet<(String, String)>>,
    news: Notify,
    /// How much was taken, and how much of it is in the database.
    taken: watch::Sender<u64>,
    written: watch::Sender<u64>,
}

/// The newest state of each row that is not in the database.
#[derive(Debug, Default)]
struct Waiting {
    recordings: BTreeMap<String, Recording>,
    parts: HashMap<(String, u32, Format), Part>,
    keys: HashMap<(String, u32, u32), Vec<u8>>,
    /// What is to be added.
    watched: HashMap<String, Watched>,
    /// In the order in which they happened.
    events: Vec<Event>,
}

impl Writer {
    pub(super) fn new(pool: SqlitePool, outbox: Outbox) -> Writer {
        let shared = Shared {
            pool,
            outbox,
            lost_events: AtomicU64::new(0),
            waiting: Mutex::default(),
            begun: Mutex::default(),
            news: Notify::new(),
            taken: watch::Sender::new(0),
            written: watch::Sender::new(0),
        };
        Writer { shared: Arc::new(shared) }
    }

    /// The state of a recording. What an operator set in the database, `hidden` and `expires_ms`, is not overwritten.
    pub fn put_recording(&self, recording: Recording) {
        let mut waiting = self.lock();
        waiting.recordings.insert(recording.id.clone(), recording);
        self.took(waiting);
    }

    /// The same together with what is to be told about it: both are in the database, or neither is.
    pub fn put_recording_and(&self, recording: Recording, event: Event) {
        let mut waiting = self.lock();
        waiting.recordings.insert(recording.id.clone(), recording);
        if self.wants(&event.kind) {
            self.add(&mut waiting, event);
        }
        self.took(waiting);
    }

    /// Something that is to be told, of whatever has no transaction of its own. What nobody wants is left out, unless somebody wants
    /// its end alone, which there is after a crash too; and what was begun in the database ends there, whoever wants it by then.
    pub fn put_event(&self, event: Event) {
        let mut begun = self.shared.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let ends = begun.remove(&(event.subject.clone(), event.kind.clone()));
        let begins = event.opens.is_some_and(|kind| self.wants(kind));
        if !ends && !begins && !self.wants(&event.kind) {
            return;
        }
        if let Some(kind) = event.opens {
            begun.insert((event.subject.clone(), kind.to_owned()));
        }
        drop(begun);
        self.put_event_anyway(event);
    }

    /// The same whether or not somebody wants it: what another run of the server has begun in the database is to end there.
    pub fn put_event_anyway(&self, event: Event) {
        let mut waiting = self.lock();
        self.add(&mut waiting, event);
        self.took(waiting);
    }

    /// Which events somebody wants.
    pub fn wants(&self, kind: &str) -> bool {
        self.shared.outbox.interest.wants(kind)
    }

    /// Events that were lost because the database could not be written for too long.
    pub fn lost_events(&self) -> u64 {
        self.shared.lost_events.load(Ordering::Relaxed)
    }

    /// The state of a part.
    pub fn put_part(&self, part: Part) {
        let mut waiting = self.lock();
        waiting.parts.insert((part.recording.clone(), part.number, part.format), part);
        self.took(waiting);
    }

    /// Run number `run`, from 0, of the positions of a part.
    pub fn put_keys(&self, recording: &str, number: u32, run: u32, positions: &[Key]) {
        let mut waiting = self.lock();
        waiting.keys.insert((recording.to_owned(), number, run), keys::encode(positions));
        self.took(waiting);
    }

    /// A recording was watched some more. Unlike the others it wakes nobody: it is written with what comes next, or in some
    /// seconds.
    pub fn add_watched(&self, recording: &str, more: Watched) {
        let mut waiting = self.lock();
        waiting.add_watched(recording, more);
        self.shared.taken.send_modify(|taken| *taken += 1);
    }

    /// Returns when everything that was taken before is in the database, or after some seconds.
    pub async fn flush(&self) {
        let taken = *self.shared.taken.borrow();
        let mut written = self.shared.written.subscribe();
        self.shared.news.notify_one();
        let done = timeout(GOODBYE, written.wait_for(|written| *written >= taken)).await;
        if done.is_err() {
            warn!("the database is slow: the index of recordings is behind");
        }
    }

    /// Writes for as long as the server runs.
    pub async fn run(self) {
        let mut pause = FIRST_PAUSE;
        let mut failed = false;
        loop {
            let is_news = timeout(COUNTS, self.shared.news.notified()).await.is_ok();
            loop {
                let (taken, batch) = self.take();
                if !is_news && batch.watched.is_empty() {
                    break;
                }
                match self.write(&batch).await {
                    Ok(()) => {
                        if !batch.events.is_empty() {
                            self.shared.outbox.wake();
                        }
                        if std::mem::take(&mut failed) {
                            info!("the database takes recordings again");
                        }
                        pause = FIRST_PAUSE;
                        self.shared.written.send_replace(taken);
                        break;
                    }
                    Err(error) => {
                        if !std::mem::replace(&mut failed, true) {
                            warn!(%error, "the database cannot be written; recording goes on, and what it should hold is kept until it can");
                        }
                        self.put_back(batch);
                        tokio::time::sleep(pause).await;
                        pause = (pause * 2).min(LONGEST_PAUSE);
                    }
                }
            }
            tokio::time::sleep(TICK).await;
        }
    }

    fn take(&self) -> (u64, Waiting) {
        let mut waiting = self.lock();
        (*self.shared.taken.borrow(), std::mem::take(&mut *waiting))
    }

    fn add(&self, waiting: &mut Waiting, event: Event) {
        if waiting.events.len() < MAX_EVENTS {
            return waiting.events.push(event);
        }
        if self.shared.lost_events.fetch_add(1, Ordering::Relaxed) == 0 {
            error!(
                event = event.kind,
                "the database has not been written for so long that events are lost: see that the disk is good and not full"
            );
        }
    }

    /// What could not be written waits again, unless there is something newer.
    fn put_back(&self, batch: Waiting) {
        let mut waiting = self.lock();
        for (key, value) in batch.recordings {
            waiting.recordings.entry(key).or_insert(value);
        }
        for (key, value) in batch.parts {
            waiting.parts.entry(key).or_insert(value);
        }
        for (key, value) in batch.keys {
            waiting.keys.entry(key).or_insert(value);
        }
        for (recording, more) in batch.watched {
            waiting.add_watched(&recording, more);
        }
        let newer = std::mem::replace(&mut waiting.events, batch.events);
        waiting.events.extend(newer);
        waiting.shed();
    }

    async fn write(&self, batch: &Waiting) -> Result<(), sqlx::Error> {
        let mut transaction = self.shared.pool.begin().await?;
        for recording in batch.recordings.values() {
            write_recording(&mut transaction, recording).await?;
        }
        for part in batch.parts.values() {
            write_part(&mut transaction, part).await?;
        }
        for ((recording, number, run), positions) in &batch.keys {
            write_keys(&mut transaction, (recording, *number, *run), positions).await?;
        }
        for (recording, more) in &batch.watched {
            write_watched(&mut transaction, recording, *more).await?;
        }
        for event in &batch.events {
            outbox::put(&mut transaction, event).await?;
        }
        transaction.commit().await
    }

    fn took(&self, waiting: MutexGuard<'_, Waiting>) {
        self.shared.taken.send_modify(|taken| *taken += 1);
        drop(waiting);
        self.shared.news.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn add_watched(&mut self, recording: &str, more: Watched) {
        let sum = self.watched.entry(recording.to_owned()).or_default();
        sum.views = sum.views.saturating_add(more.views);
        sum.bytes = sum.bytes.saturating_add(more.bytes);
    }

    fn shed(&mut self) {
        while self.recordings.len() + self.parts.len() + self.keys.len() + self.watched.len() > MAX_ROWS {
            let Some((oldest, _)) = self.recordings.pop_first() else {
                // Without their recordings these cannot be written.
                self.parts.clear();
                self.keys.clear();
                self.watched.clear();
                return;
            };
            self.parts.retain(|(recording, ..), _| *recording != oldest);
            self.keys.retain(|(recording, ..), _| *recording != oldest);
        }
    }
}

async fn write_recording(to: &mut Transaction<'_, Sqlite>, row: &Recording) -> Result<(), sqlx::Error> {
    let query = sqlx::query(
        "INSERT INTO recording (id, app, stream, folder, started_ms, ended_ms, state, reason, duration_ms, bytes, codecs, gaps, hidden, expires_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET started_ms = excluded.started_ms, ended_ms = excluded.ended_ms, state = excluded.state,
             reason = excluded.reason, duration_ms = excluded.duration_ms, bytes = excluded.bytes, codecs = excluded.codecs,
             gaps = excluded.gaps, expires_ms = coalesce(expires_ms, excluded.expires_ms)",
    );
    query
        .bind(&row.id)
        .bind(&row.app)
        .bind(&row.stream)
        .bind(&row.folder)
        .bind(row.started_ms)
        .bind(row.ended_ms)
        .bind(row.state.word())
        .bind(&row.reason)
        .bind(signed(row.duration_ms))
        .bind(signed(row.bytes))
        .bind(&row.codecs)
        .bind(signed(row.gaps))
        .bind(row.hidden)
        .bind(row.expires_ms)
        .execute(&mut **to)
        .await?;
    Ok(())
}

/// A part whose recording is gone, because somebody deleted it, is left out. One that is in the object store stays so.
async fn write_part(to: &mut Transaction<'_, Sqlite>, row: &Part) -> Result<(), sqlx::Error> {
    let query = sqlx::query(
        "INSERT INTO part (recording, number, format, path, wall_ms, start_ms, duration_ms, bytes, init_bytes, codecs, state, object_key)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12 WHERE EXISTS (SELECT 1 FROM recording WHERE id = ?1)
         ON CONFLICT (recording, number, format) DO UPDATE SET path = excluded.path, wall_ms = excluded.wall_ms,
             start_ms = excluded.start_ms, duration_ms = excluded.duration_ms, bytes = excluded.bytes,
             init_bytes = excluded.init_bytes, codecs = excluded.codecs, state = excluded.state,
             object_key = coalesce(excluded.object_key, object_key)
             WHERE part.state NOT IN ('uploaded', 'remote')",
    );
    query
        .bind(&row.recording)
        .bind(row.number)
        .bind(row.format.word())
        .bind(&row.path)
        .bind(row.wall_ms)
        .bind(signed(row.start_ms))
        .bind(signed(row.duration_ms))
        .bind(signed(row.bytes))
        .bind(signed(row.init_bytes))
        .bind(&row.codecs)
        .bind(row.state.word())
        .bind(&row.object_key)
        .execute(&mut **to)
        .await?;
    Ok(())
}

async fn write_keys(
    to: &mut Transaction<'_, Sqlite>,
    (recording, number, run): (&str, u32, u32),
    positions: &[u8],
) -> Result<(), sqlx::Error> {
    let query = sqlx::query(
        "INSERT OR REPLACE INTO part_keys (recording, number, run, positions)
         SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM recording WHERE id = ?1)",
    );
    query.bind(recording).bind(number).bind(run).bind(positions).execute(&mut **to).await?;
    Ok(())
}

async fn write_watched(
    to: &mut Transaction<'_, Sqlite>,
    recording: &str,
    more: Watched,
) -> Result<(), sqlx::Error> {
    let query =
        sqlx::query("UPDATE recording SET views = views + ?, sent_bytes = sent_bytes + ? WHERE id = ?");
    query.bind(signed(more.views)).bind(signed(more.bytes)).bind(recording).execute(&mut **to).await?;
    Ok(())
}

/// SQLite has no larger numbers; nothing here comes near.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
