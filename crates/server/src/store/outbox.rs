//! What is to be told to others. An event is put here in the transaction of what happened, so that one is never there
//! without the other; deliveries are made of it, one for each endpoint that wants it.
//!
//! Of one subject (a stream, a room) and endpoint one delivery at a time is `due`, the others are `queued` behind it: an
//! index of the database holds that, not the program.

use std::sync::{Arc, PoisonError, RwLock};

use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite, SqlitePool, Transaction};
use tokio::sync::Notify;

type Result<T> = std::result::Result<T, sqlx::Error>;

/// Events that are routed in one transaction.
const ROUTE_MAX: i64 = 200;

/// Rows that are deleted in one transaction.
const SWEEP_MAX: i64 = 2_000;

/// Most values of one statement.
const VARIABLES_MAX: usize = 500;

/// What kinds begin with that only whoever names them gets.
const INTERNAL: &str = "internal.";

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its name, the same at every attempt to tell it: `msg_...`.
    pub id: String,
    /// What happened: `stream.started`.
    pub kind: String,
    /// Whose events are told in order: `stream:live/a`.
    pub subject: String,
    /// When, in milliseconds since 1970.
    pub occurred_ms: i64,
    /// The rest, as JSON.
    pub data: String,
    /// What will have happened to the subject if the server dies before it says so.
    pub opens: Option<&'static str>,
}

/// Puts an event beside what happened, in its transaction. After the commit call [`Outbox::wake`], or wait a second.
pub async fn put(to: &mut Transaction<'_, Sqlite>, event: &Event) -> Result<()> {
    insert(to, event, false).await?;
    let closed = sqlx::query("DELETE FROM will WHERE subject = ? AND kind = ?");
    closed.bind(&event.subject).bind(&event.kind).execute(&mut **to).await?;
    if let Some(kind) = event.opens {
        let will = sqlx::query("INSERT OR REPLACE INTO will (subject, kind, data) VALUES (?, ?, ?)");
        will.bind(&event.subject).bind(kind).bind(&event.data).execute(&mut **to).await?;
    }
    Ok(())
}

/// One that is there already was committed, and only the answer was lost.
async fn insert(to: &mut Transaction<'_, Sqlite>, event: &Event, is_routed: bool) -> Result<i64> {
    let query = sqlx::query(
        "INSERT OR IGNORE INTO event (id, kind, subject, occurred_ms, data, is_routed) VALUES (?, ?, ?, ?, ?, ?)",
    );
    let query = query.bind(&event.id).bind(&event.kind).bind(&event.subject).bind(event.occurred_ms);
    Ok(query.bind(&event.data).bind(is_routed).execute(&mut **to).await?.last_insert_rowid())
}

/// Which events somebody wants; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Interest(Arc<RwLock<Vec<String>>>);

impl Interest {
    /// Whether anybody wants events of this kind: what nobody wants need not be written.
    pub fn wants(&self, kind: &str) -> bool {
        let patterns = self.0.read().unwrap_or_else(PoisonError::into_inner);
        patterns.iter().any(|pattern| fits(pattern, kind))
    }

    /// Sets it.
    pub fn set(&self, patterns: Vec<String>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = patterns;
    }
}

/// Whether a kind is one of those that a pattern names: `stream.started`, `stream.*`, `*`.
pub fn fits(pattern: &str, kind: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some("") => !kind.starts_with(INTERNAL),
        Some(begin) => begin.ends_with('.') && kind.starts_with(begin),
        None => pattern == kind,
    }
}

/// Where a delivery is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// It waits for an earlier one of its subject, or for its next attempt.
    Waiting,
    /// The endpoint has it.
    Delivered,
    /// It was given up.
    Failed,
}

impl DeliveryState {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            DeliveryState::Waiting => "waiting",
            DeliveryState::Delivered => "delivered",
            DeliveryState::Failed => "failed",
        }
    }

    /// The state of this name.
    pub fn of_word(word: &str) -> Option<DeliveryState> {
        [DeliveryState::Waiting, DeliveryState::Delivered, DeliveryState::Failed]
            .into_iter()
            .find(|state| state.word() == word)
    }

    /// As it stands in the table.
    fn stored(self) -> &'static str {
        match self {
            DeliveryState::Waiting => "('due', 'queued')",
            DeliveryState::Delivered => "('delivered')",
            DeliveryState::Failed => "('failed')",
        }
    }
}

/// One event for one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its number.
    pub id: i64,
    /// The endpoint's name.
    pub endpoint: String,
    /// What is told.
    pub event: Event,
    /// Where it is in its life.
    pub state: DeliveryState,
    /// Attempts so far.
    pub attempts: u32,
    /// When the next one is to be made, in milliseconds since 1970.
    pub due_ms: i64,
    /// When the newest one was.
    pub attempted_ms: Option<i64>,
    /// When it came to its end.
    pub ended_ms: Option<i64>,
    /// The newest HTTP status.
    pub status: Option<u16>,
    /// Why the newest attempt failed.
    pub error: Option<String>,
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// What is next.
    pub next: Next,
    /// The HTTP status, if there was one.
    pub status: Option<u16>,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

/// What is next for a delivery after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Nothing: the endpoint has it.
    Delivered,
    /// Another attempt then, in milliseconds since 1970.
    At(i64),
    /// Nothing: it is given up.
    GivenUp,
}

/// What waits for an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The endpoint's name.
    pub endpoint: String,
    /// How many deliveries.
    pub count: u64,
    /// When the oldest of them happened, in milliseconds since 1970.
    pub oldest_ms: i64,
}

/// Which deliveries are wanted.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Of this endpoint.
    pub endpoint: Option<String>,
    /// In this state.
    pub state: Option<DeliveryState>,
    /// Of these events: `stream.started`, `stream.*`.
    pub kind: Option<String>,
    /// With numbers below this one.
    pub before: Option<i64>,
    /// So many at most.
    pub limit: usize,
}

/// What came of asking for a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replayed {
    /// It is told again.
    Done,
    /// There is no such delivery.
    Absent,
    /// It is on its way already.
    Waiting,
    /// Its endpoint is not there any more: nobody would tell it.
    NoEndpoint,
}

/// The events and their deliveries; clones share them.
#[derive(Debug, Clone)]
pub struct Outbox {
    read: SqlitePool,
    write: SqlitePool,
    news: Arc<Notify>,
    /// Which events somebody wants.
    pub interest: Interest,
}

impl Outbox {
    pub(super) fn new(read: SqlitePool, write: SqlitePool) -> Outbox {
        Outbox { read, write, news: Arc::default(), interest: Interest::default() }
    }

    /// Says that there is a new event.
    pub fn wake(&self) {
        self.news.notify_one();
    }

    /// Returns when somebody said so.
    pub async fn news(&self) {
        self.news.notified().await;
    }

    /// A transaction, for whoever writes what happened together with its event.
    pub async fn begin(&self) -> Result<Transaction<'static, Sqlite>> {
        self.write.begin().await
    }

    /// Decides who is told the next events, and makes their deliveries. An event that nobody wants is gone. An endpoint for
    /// which `max_waiting` wait gets no more: such a delivery is given up at once, and may be replayed. Gives how many
    /// events there were, and the endpoints that are full.
    pub async fn route(
        &self,
        wanting: impl Fn(&str) -> Vec<String>,
        max_waiting: u64,
        now_ms: i64,
    ) -> Result<(usize, Vec<String>)> {
        let unrouted = "SELECT number, kind, subject FROM event WHERE is_routed = 0 ORDER BY number LIMIT ?";
        if sqlx::query(unrouted).bind(1_i64).fetch_optional(&self.read).await?.is_none() {
            return Ok((0, Vec::new()));
        }
        let mut room = std::collections::HashMap::new();
        let mut full = Vec::new();
        let mut to = self.write.begin().await?;
        let rows = sqlx::query(unrouted).bind(ROUTE_MAX).fetch_all(&mut *to).await?;
        for row in &rows {
            let (number, kind, subject): (i64, String, String) =
                (row.try_get("number")?, row.try_get("kind")?, row.try_get("subject")?);
            let endpoints = wanting(&kind);
            if endpoints.is_empty() {
                sqlx::query("DELETE FROM event WHERE number = ?").bind(number).execute(&mut *to).await?;
                continue;
            }
            sqlx::query("UPDATE event SET is_routed = 1 WHERE number = ?")
                .bind(number)
                .execute(&mut *to)
                .await?;
            for endpoint in endpoints {
                let left = match room.get_mut(&endpoint) {
                    Some(left) => left,
                    None => {
                        let left = max_waiting.saturating_sub(count(&mut to, &endpoint).await?);
                        room.entry(endpoint.clone()).or_insert(left)
                    }
                };
                if *left == 0 {
                    refuse(&mut to, number, &endpoint, &subject, now_ms).await?;
                    full.push(endpoint);
                    continue;
                }
                *left -= 1;
                queue(&mut to, number, &endpoint, &subject, now_ms).await?;
            }
        }
        to.commit().await?;
        full.dedup();
        Ok((rows.len(), full))
    }

    /// Tells one endpoint something, whatever it wants. Gives the delivery's number.
    pub async fn tell(&self, event: &Event, endpoint: &str, now_ms: i64) -> Result<i64> {
        let mut to = self.write.begin().await?;
        let number = insert(&mut to, event, true).await?;
        let id = queue(&mut to, number, endpoint, &event.subject, now_ms).await?;
        to.commit().await?;
        self.wake();
        Ok(id)
    }

    /// Deliveries of an endpoint whose time has come, the one that waited longest first.
    pub async fn due(&self, endpoint: &str, now_ms: i64, limit: usize) -> Result<Vec<Delivery>> {
        let query = sqlx::query(
            "SELECT delivery.*, event.id AS event_id, kind, occurred_ms, data
             FROM delivery JOIN event ON event.number = delivery.event
             WHERE endpoint = ? AND state = 'due' AND due_ms <= ? ORDER BY due_ms, delivery.event LIMIT ?",
        );
        let rows = query.bind(endpoint).bind(now_ms).bind(whole(limit)).fetch_all(&self.read).await?;
        rows.iter().map(delivery).collect()
    }

    /// Notes what came of an attempt, and lets the next of the subject follow when this one is over.
    pub async fn settle(&self, of: &Delivery, settled: &Settled, now_ms: i64) -> Result<()> {
        let (state, due_ms) = match settled.next {
            Next::Delivered => ("delivered", of.due_ms),
            Next::At(due_ms) => ("due", due_ms),
            Next::GivenUp => ("failed", of.due_ms),
        };
        let mut to = self.write.begin().await?;
        let query = sqlx::query(
            "UPDATE delivery SET state = ?2, attempts = attempts + 1, due_ms = ?3, attempted_ms = ?4, status = ?5, error = ?6,
                 ended_ms = CASE ?2 WHEN 'due' THEN NULL ELSE ?4 END WHERE id = ?1",
        );
        let query = query.bind(of.id).bind(state).bind(due_ms).bind(now_ms);
        query.bind(settled.status).bind(&settled.error).execute(&mut *to).await?;
        follow(&mut to, &of.endpoint, &of.event.subject, now_ms).await?;
        to.commit().await
    }

    /// Deliveries, newest first.
    pub async fn list(&self, wanted: &Wanted) -> Result<Vec<Delivery>> {
        let mut query = QueryBuilder::<Sqlite>::new(
            "SELECT delivery.*, event.id AS event_id, kind, occurred_ms, data
             FROM delivery JOIN event ON event.number = delivery.event WHERE 1 = 1",
        );
        if let Some(endpoint) = &wanted.endpoint {
            query.push(" AND endpoint = ").push_bind(endpoint.clone());
        }
        if let Some(state) = wanted.state {
            query.push(" AND state IN ").push(state.stored());
        }
        if let Some(kind) = &wanted.kind {
            match kind.strip_suffix('*') {
                Some(begin) => query
                    .push(" AND substr(kind, 1, ")
                    .push_bind(whole(begin.len()))
                    .push(") = ")
                    .push_bind(begin.to_owned()),
                None => query.push(" AND kind = ").push_bind(kind.clone()),
            };
        }
        if let Some(before) = wanted.before {
            query.push(" AND delivery.id < ").push_bind(before);
        }
        query.push(" ORDER BY delivery.id DESC LIMIT ").push_bind(whole(wanted.limit));
        query.build().fetch_all(&self.read).await?.iter().map(delivery).collect()
    }

    /// Tells an event that was delivered or given up once more, if its endpoint is one of these.
    pub async fn replay(&self, id: i64, endpoints: &[String], now_ms: i64) -> Result<Replayed> {
        let mut to = self.write.begin().await?;
        let found = sqlx::query("SELECT endpoint, subject, state FROM delivery WHERE id = ?").bind(id);
        let Some(row) = found.fetch_optional(&mut *to).await? else { return Ok(Replayed::Absent) };
        let (endpoint, subject, state): (String, String, String) =
            (row.try_get("endpoint")?, row.try_get("subject")?, row.try_get("state")?);
        if ["due", "queued"].contains(&state.as_str()) {
            return Ok(Replayed::Waiting);
        }
        if !endpoints.contains(&endpoint) {
            return Ok(Replayed::NoEndpoint);
        }
        let query = sqlx::query(
            "UPDATE delivery SET state = 'queued', attempts = 0, due_ms = ?, ended_ms = NULL WHERE id = ?",
        );
        query.bind(now_ms).bind(id).execute(&mut *to).await?;
        follow(&mut to, &endpoint, &subject, now_ms).await?;
        to.commit().await?;
        self.wake();
        Ok(Replayed::Done)
    }

    /// Lets what waits for an endpoint go out now, whenever it was due.
    pub async fn hurry(&self, endpoint: &str, now_ms: i64) -> Result<()> {
        let query = sqlx::query("UPDATE delivery SET due_ms = ? WHERE endpoint = ? AND state = 'due'");
        query.bind(now_ms).bind(endpoint).execute(&self.write).await?;
        self.wake();
        Ok(())
    }

    /// What waits, by endpoint.
    pub async fn waiting(&self) -> Result<Vec<Waiting>> {
        let query = sqlx::query(
            "SELECT endpoint, count, occurred_ms AS oldest_ms FROM event JOIN
                 (SELECT endpoint, count(*) AS count, min(event) AS first FROM delivery
                  WHERE state IN ('due', 'queued') GROUP BY endpoint)
             ON event.number = first",
        );
        let rows = query.fetch_all(&self.read).await?;
        let row = |row: &SqliteRow| {
            Ok(Waiting {
                endpoint: row.try_get("endpoint")?,
                count: u64::try_from(row.try_get::<i64, _>("count")?).unwrap_or_default(),
                oldest_ms: row.try_get("oldest_ms")?,
            })
        };
        rows.iter().map(row).collect()
    }

    /// When the oldest event happened of which nobody has decided who is told.
    pub async fn oldest_unrouted_ms(&self) -> Result<Option<i64>> {
        let query = sqlx::query("SELECT occurred_ms FROM event WHERE is_routed = 0 ORDER BY number LIMIT 1");
        query.fetch_optional(&self.read).await?.map(|row| row.try_get("occurred_ms")).transpose()
    }

    /// Gives up what waits for endpoints that are no longer there. Gives how many deliveries that were.
    pub async fn forget_all_but(&self, endpoints: &[String], now_ms: i64) -> Result<u64> {
        let mut query = QueryBuilder::<Sqlite>::new("UPDATE delivery SET state = 'failed', ended_ms = ");
        query.push_bind(now_ms).push(", error = 'no such endpoint' WHERE state IN ('due', 'queued')");
        for endpoint in endpoints {
            query.push(" AND endpoint <> ").push_bind(endpoint.clone());
        }
        Ok(query.build().execute(&self.write).await?.rows_affected())
    }

    /// Deletes what ended before `before_ms`, and of more than `max_ended` the oldest, in transactions between which others write.
    /// Gives how many deliveries that were.
    pub async fn sweep(&self, before_ms: i64, max_ended: u64) -> Result<u64> {
        let mut deleted = 0;
        loop {
            let count = self.forget_ended("ended_ms < ?1", before_ms, SWEEP_MAX).await?;
            deleted += count;
            if count < SWEEP_MAX {
                break;
            }
        }
        let ended: i64 = sqlx::query_scalar("SELECT count(*) FROM delivery WHERE ended_ms IS NOT NULL")
            .fetch_one(&self.read)
            .await?;
        let mut over = ended.saturating_sub(i64::try_from(max_ended).unwrap_or(i64::MAX));
        while over > 0 {
            let count = self.forget_ended("ended_ms <= ?1", i64::MAX, over.min(SWEEP_MAX)).await?;
            if count == 0 {
                break;
            }
            (deleted, over) = (deleted + count, over - count);
        }
        Ok(deleted.unsigned_abs())
    }

    /// Deletes the oldest deliveries for which `condition` holds, and each event with its last one. Gives how many.
    async fn forget_ended(&self, condition: &str, bound_ms: i64, limit: i64) -> Result<i64> {
        let text = format!(
            "DELETE FROM delivery WHERE id IN (SELECT id FROM delivery WHERE {condition} ORDER BY ended_ms LIMIT ?2) RETURNING event"
        );
        let mut to = self.write.begin_with("BEGIN IMMEDIATE").await?;
        let query = sqlx::query_scalar(sqlx::AssertSqlSafe(text)).bind(bound_ms).bind(limit);
        let mut events: Vec<i64> = query.fetch_all(&mut *to).await?;
        let count = events.len() as i64;
        events.sort_unstable();
        events.dedup();
        for some in events.chunks(VARIABLES_MAX) {
            let mut query = QueryBuilder::<Sqlite>::new(
                "DELETE FROM event WHERE is_routed = 1
                     AND NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.event = event.number) AND number IN (",
            );
            let mut numbers = query.separated(", ");
            for number in some {
                numbers.push_bind(*number);
            }
            query.push(")").build().execute(&mut *to).await?;
        }
        to.commit().await?;
        Ok(count)
    }

    /// What was left to be said by a server that died: subject, kind, and the data of the event that began it.
    pub async fn wills(&self) -> Result<Vec<(String, String, String)>> {
        let rows = sqlx::query("SELECT subject, kind, data FROM will").fetch_all(&self.read).await?;
        let row = |row: &SqliteRow| Ok((row.try_get("subject")?, row.try_get("kind")?, row.try_get("data")?));
        rows.iter().map(row).collect()
    }
}

async fn count(to: &mut Transaction<'_, Sqlite>, endpoint: &str) -> Result<u64> {
    let query = sqlx::query_scalar::<_, i64>(
        "SELECT count(*) FROM delivery WHERE endpoint = ? AND state IN ('due', 'queued')",
    );
    Ok(query.bind(endpoint).fetch_one(&mut **to).await?.unsigned_abs())
}

async fn queue(
    to: &mut Transaction<'_, Sqlite>,
    event: i64,
    endpoint: &str,
    subject: &str,
    now_ms: i64,
) -> Result<i64> {
    let query = sqlx::query(
        "INSERT INTO delivery (event, endpoint, subject, state, due_ms) VALUES (?, ?, ?, 'queued', ?)",
    );
    let query = query.bind(event).bind(endpoint).bind(subject).bind(now_ms);
    let id = query.execute(&mut **to).await?.last_insert_rowid();
    follow(to, endpoint, subject, now_ms).await?;
    Ok(id)
}

async fn refuse(
    to: &mut Transaction<'_, Sqlite>,
    event: i64,
    endpoint: &str,
    subject: &str,
    now_ms: i64,
) -> Result<()> {
    let query = sqlx::query(
        "INSERT INTO delivery (event, endpoint, subject, state, due_ms, ended_ms, error)
         VALUES (?1, ?2, ?3, 'failed', ?4, ?4, 'too many wait for this endpoint')",
    );
    query.bind(event).bind(endpoint).bind(subject).bind(now_ms).execute(&mut **to).await?;
    Ok(())
}

/// Makes the first queued delivery of a subject due, when none is.
async fn follow(to: &mut Transaction<'_, Sqlite>, endpoint: &str, subject: &str, now_ms: i64) -> Result<()> {
    let query = sqlx::query(
        "UPDATE delivery SET state = 'due', due_ms = ?3 WHERE id =
             (SELECT id FROM delivery WHERE endpoint = ?1 AND subject = ?2 AND state = 'queued' ORDER BY event LIMIT 1)
         AND NOT EXISTS (SELECT 1 FROM delivery WHERE endpoint = ?1 AND subject = ?2 AND state = 'due')",
    );
    query.bind(endpoint).bind(subject).bind(now_ms).execute(&mut **to).await?;
    Ok(())
}

fn delivery(row: &SqliteRow) -> Result<Delivery> {
    let state: String = row.try_get("state")?;
    Ok(Delivery {
        id: row.try_get("id")?,
        endpoint: row.try_get("endpoint")?,
        event: Event {
            id: row.try_get("event_id")?,
            kind: row.try_get("kind")?,
            subject: row.try_get("subject")?,
            occurred_ms: row.try_get("occurred_ms")?,
            data: row.try_get("data")?,
            opens: None,
        },
        state: match state.as_str() {
            "delivered" => DeliveryState::Delivered,
            "failed" => DeliveryState::Failed,
            _ => DeliveryState::Waiting,
        },
        attempts: row.try_get("attempts")?,
        due_ms: row.try_get("due_ms")?,
        attempted_ms: row.try_get("attempted_ms")?,
        ended_ms: row.try_get("ended_ms")?,
        status: row.try_get("status")?,
        error: row.try_get("error")?,
    })
}

fn whole(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
