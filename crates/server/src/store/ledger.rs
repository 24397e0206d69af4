//! The ledger of gifts: what was given, exactly once, before anybody is told.
//!
//! ```text
//! rooms ─► Ledger::ask ─► queue ─► one transaction for all that wait (synchronous = FULL) ─► answers
//! ```
//!
//! - A send is a row, unique by room, user and the client's id: the same sent again finds the first one.
//! - The commit waits for the disk, unlike those of the other writers, so what was answered is there after a power cut. As
//!   many share one commit as came during the one before.
//! - Whoever asks waits [`PATIENCE`] for the database. Then the question is withdrawn: a transaction that begins later
//!   leaves it out, so that what was answered with "not available" is not written behind the asker's back.

mod orders;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::sqlite::SqliteRow;
use sqlx::{Connection as _, QueryBuilder, Row as _, Sqlite, SqlitePool, Transaction};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::gifts::{number, rows};
use super::index::unsigned;
use super::outbox::{self, Outbox};
use crate::event;
pub use orders::{Order, What};

type Result<T> = std::result::Result<T, sqlx::Error>;

/// How long a send waits for its transaction to begin.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// How long it then waits for the disk.
const DISK: Duration = Duration::from_secs(10);

/// Most questions that wait.
const WAITING_MAX: usize = 10_000;

/// Most of one transaction.
const BATCH: usize = 512;

/// Between two attempts to begin a transaction, on top of what the database waits itself.
const PAUSE: Duration = Duration::from_millis(50);

/// How long the wallet's answer to a reservation may be on its way; then it is called off.
pub const UNDECIDED_MS: i64 = 60_000;

const WAITING: u8 = 0;
const TAKEN: u8 = 1;
const WITHDRAWN: u8 = 2;

/// The ledger; clones share it.
#[derive(Debug, Clone)]
pub struct Ledger {
    read: SqlitePool,
    write: SqlitePool,
    outbox: Outbox,
    queue: mpsc::Sender<Job>,
    jobs: Arc<Mutex<Option<mpsc::Receiver<Job>>>>,
    rows: Arc<[AtomicU64; State::ALL.len()]>,
}

/// A gift to be given.
#[derive(Debug, Clone)]
pub struct Give {
    /// In which room.
    pub room: String,
    /// Who gives.
    pub user: String,
    /// What their client calls it: the same again is the same gift.
    pub cid: String,
    /// Which of the catalogue.
    pub gift: String,
    /// What it is called.
    pub name: String,
    /// Its picture.
    pub icon: String,
    /// How many.
    pub count: u32,
    /// What one costs.
    pub price: u64,
    /// Where they must have claimed it, if they must: the room, or empty for the whole server.
    pub claim: Option<String>,
    /// What the wallet is to know it by, if the wallet is asked.
    pub wallet_key: Option<String>,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
}

/// Where a row of the ledger is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The wallet is asked, or has said yes and is not told yet that it happened.
    Reserved,
    /// It is done.
    Confirmed,
    /// It came to nothing.
    Cancelled,
}

/// A row of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub id: i64,
    /// In which room.
    pub room: String,
    /// Who gave.
    pub user: String,
    /// What their client calls it.
    pub cid: String,
    /// Which gift.
    pub gift: String,
    /// What it was called then.
    pub name: String,
    /// Its picture then.
    pub icon: String,
    /// How many.
    pub count: u32,
    /// What one cost then.
    pub price: u64,
    /// What they cost together.
    pub total: u64,
    /// Where it is.
    pub state: State,
    /// Why it came to nothing.
    pub reason: String,
    /// Random, the same at every attempt; empty: the wallet has no part in it.
    pub wallet_key: String,
    /// Which attempt this is.
    pub attempt: u32,
    /// What the wallet calls it.
    pub reference: String,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// The number of its message, once there is one.
    pub seq: Option<u64>,
}

/// What the ledger is asked.
#[derive(Debug, Clone)]
pub enum Ask {
    /// Write a gift down.
    Give(Box<Give>),
    /// The wallet has put the money aside.
    Accepted {
        /// Which row.
        ledger: i64,
        /// Which attempt.
        attempt: u32,
        /// What the wallet calls it.
        reference: String,
        /// When.
        at_ms: i64,
    },
    /// The wallet has not, or may not have.
    Refused {
        /// Which row.
        ledger: i64,
        /// Which attempt.
        attempt: u32,
        /// Why.
        reason: &'static str,
        /// Whether the wallet must be told that it comes to nothing; then from this time on.
        undo_ms: Option<i64>,
    },
    /// It has a message now.
    Shown {
        /// Which row.
        ledger: i64,
        /// The message's number.
        seq: u64,
    },
}

/// What the ledger answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// It is written. A paid one is reserved: the wallet is next.
    New(Entry),
    /// It was given before, and this is the row.
    Again(Entry),
    /// It is being decided on by somebody else.
    Undecided,
    /// The id stands for something else that was given before.
    Other,
    /// They have not claimed it, or have sent it already.
    NoClaim,
    /// Noted.
    Done,
    /// It was called off meanwhile.
    Late,
}

/// Nothing was done, or nobody knows: the same may be asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unavailable;

#[derive(Debug)]
struct Job {
    ask: Ask,
    state: Arc<AtomicU8>,
    done: Option<oneshot::Sender<Told>>,
}

/// Which rows of the ledger.
#[derive(Debug, Clone, Default)]
pub struct Which {
    /// Of this room.
    pub room: Option<String>,
    /// Of this user.
    pub user: Option<String>,
    /// Of this gift.
    pub gift: Option<String>,
    /// In this state.
    pub state: Option<State>,
    /// From then on, in milliseconds since 1970.
    pub from_ms: Option<i64>,
    /// Before then.
    pub to_ms: Option<i64>,
}

/// What rows come to; those that came to nothing do not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Sends.
    pub sends: u64,
    /// Gifts.
    pub gifts: u64,
    /// What they cost together.
    pub value: u64,
}

impl State {
    /// All of them.
    pub const ALL: [State; 3] = [State::Reserved, State::Confirmed, State::Cancelled];

    /// Its name in the database and the API.
    pub fn word(self) -> &'static str {
        match self {
            State::Reserved => "reserved",
            State::Confirmed => "confirmed",
            State::Cancelled => "cancelled",
        }
    }

    /// The other way.
    pub fn from_word(word: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.word() == word)
    }
}

impl Ask {
    /// Whether whoever is told "done" must find it after a power cut.
    fn is_durable(&self) -> bool {
        matches!(self, Ask::Give(_) | Ask::Accepted { .. })
    }
}

impl Ledger {
    pub(super) fn new(read: SqlitePool, write: SqlitePool, outbox: Outbox) -> Ledger {
        let (queue, jobs) = mpsc::channel(WAITING_MAX);
        Ledger { read, write, outbox, queue, jobs: Arc::new(Mutex::new(Some(jobs))), rows: Arc::default() }
    }

    /// Asks, and waits for the answer.
    pub async fn ask(&self, ask: Ask) -> std::result::Result<Told, Unavailable> {
        let (done, mut told) = oneshot::channel();
        let state = Arc::new(AtomicU8::new(WAITING));
        let job = Job { ask, state: state.clone(), done: Some(done) };
        self.queue.try_send(job).map_err(|_| Unavailable)?;
        if let Ok(told) = timeout(PATIENCE, &mut told).await {
            return told.map_err(|_| Unavailable);
        }
        if state.compare_exchange(WAITING, WITHDRAWN, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            return Err(Unavailable);
        }
        timeout(DISK, told).await.ok().and_then(std::result::Result::ok).ok_or(Unavailable)
    }

    /// Rows that came to a state since the start.
    pub fn rows(&self) -> impl Iterator<Item = (State, u64)> {
        State::ALL.into_iter().zip(&*self.rows).map(|(state, rows)| (state, rows.load(Ordering::Relaxed)))
    }

    fn count(&self, state: State, rows: u64) {
        if let Some((_, count)) = State::ALL.iter().zip(&*self.rows).find(|(one, _)| **one == state) {
            count.fetch_add(rows, Ordering::Relaxed);
        }
    }

    /// Has something noted that nobody waits for.
    pub fn note(&self, ask: Ask) {
        // A number that is missing is found by its message when it is asked for.
        let _ = self.queue.try_send(Job { ask, state: Arc::default(), done: None });
    }

    /// Writes for as long as the server runs.
    pub async fn run(self) {
        let taken = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut queue) = taken else { return };
        let (mut jobs, mut failed) = (Vec::new(), false);
        loop {
            if jobs.is_empty() && queue.recv_many(&mut jobs, BATCH).await == 0 {
                return;
            }
            while jobs.len() < BATCH
                && let Ok(job) = queue.try_recv()
            {
                jobs.push(job);
            }
            jobs.retain(|job| job.state.load(Ordering::Acquire) != WITHDRAWN);
            if jobs.is_empty() {
                continue;
            }
            match self.write(&mut jobs).await {
                Ok(()) => {
                    if std::mem::take(&mut failed) {
                        info!("the ledger of gifts can be written again");
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut failed, true) {
                        warn!(%error, "the ledger of gifts cannot be written; gifts are refused until it can");
                    }
                    // Those of a transaction that failed have nobody to answer them, which is an answer. What nobody waits
                    // for is tried again.
                    jobs.retain(|job| job.state.load(Ordering::Acquire) == WAITING || job.done.is_none());
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// Does them in one transaction and answers. Those that are left have not been begun.
    async fn write(&self, jobs: &mut Vec<Job>) -> Result<()> {
        let mut connection = self.write.acquire().await?;
        let durable = jobs.iter().any(|job| job.ask.is_durable());
        if durable {
            // The connection is everybody's; the setting is taken back below, and a transaction cannot change it.
            sqlx::query("PRAGMA synchronous = FULL").execute(&mut *connection).await?;
        }
        let tells = self.outbox.interest.wants(event::GIFT_SENT);
        let done: Result<Vec<Told>> = async {
            let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
            jobs.retain(|job| {
                let taken = job.state.compare_exchange(WAITING, TAKEN, Ordering::AcqRel, Ordering::Acquire);
                taken != Err(WITHDRAWN)
            });
            let mut answers = Vec::with_capacity(jobs.len());
            for job in jobs.iter() {
                let told = carry_out(&mut transaction, &job.ask).await?;
                if tells && let Some(entry) = given(&mut transaction, &job.ask, &told).await? {
                    outbox::put(&mut transaction, &event::gift(&entry)).await?;
                }
                answers.push(told);
            }
            transaction.commit().await?;
            Ok(answers)
        }
        .await;
        if durable {
            sqlx::query("PRAGMA synchronous = NORMAL").execute(&mut *connection).await?;
        }
        let done = done?;
        if tells {
            self.outbox.wake();
        }
        for (job, told) in jobs.drain(..).zip(done) {
            match (&job.ask, &told) {
                (Ask::Give(_), Told::New(entry)) => self.count(entry.state, 1),
                (Ask::Refused { .. }, Told::Done) => self.count(State::Cancelled, 1),
                _ => {}
            }
            if let Some(done) = job.done {
                // Whoever asked may be gone.
                let _ = done.send(told);
            }
        }
        Ok(())
    }

    /// Rows, the newest first, before that number.
    pub async fn entries(&self, which: &Which, before: Option<i64>, limit: usize) -> Result<Vec<Entry>> {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT * FROM ledger WHERE 1 = 1");
        which.push(&mut query);
        if let Some(before) = before {
            query.push(" AND id < ").push_bind(before);
        }
        query.push(" ORDER BY id DESC LIMIT ").push_bind(rows(limit));
        query.build().fetch_all(&self.read).await?.iter().map(entry).collect()
    }

    /// What rows come to.
    pub async fn sums(&self, which: &Which) -> Result<Sums> {
        let mut query = QueryBuilder::<Sqlite>::new(
            "SELECT count(*) AS sends, coalesce(sum(count), 0) AS gifts, coalesce(sum(total), 0) AS value
             FROM ledger WHERE state <> 'cancelled'",
        );
        which.push(&mut query);
        let row = query.build().fetch_one(&self.read).await?;
        Ok(Sums {
            sends: unsigned(&row, "sends")?,
            gifts: unsigned(&row, "gifts")?,
            value: unsigned(&row, "value")?,
        })
    }
}

impl Which {
    fn push(&self, query: &mut QueryBuilder<Sqlite>) {
        let texts =
            [(" AND room = ", &self.room), (" AND user = ", &self.user), (" AND gift = ", &self.gift)];
        for (column, value) in texts {
            if let Some(value) = value {
                query.push(column).push_bind(value.clone());
            }
        }
        if let Some(state) = self.state {
            query.push(" AND state = ").push_bind(state.word());
        }
        for (column, value) in [(" AND at_ms >= ", self.from_ms), (" AND at_ms < ", self.to_ms)] {
            if let Some(value) = value {
                query.push(column).push_bind(value);
            }
        }
    }
}

async fn carry_out(to: &mut Transaction<'_, Sqlite>, ask: &Ask) -> Result<Told> {
    match ask {
        Ask::Give(give) => self::give(to, give).await,
        Ask::Accepted { ledger, attempt, reference, at_ms } => {
            orders::accept(to, *ledger, *attempt, reference, *at_ms).await
        }
        Ask::Refused { ledger, attempt, reason, undo_ms } => {
            orders::refuse(to, *ledger, *attempt, reason, *undo_ms).await
        }
        Ask::Shown { ledger, seq } => {
            let query = sqlx::query("UPDATE ledger SET seq = ? WHERE id = ?").bind(seq.cast_signed());
            query.bind(ledger).execute(&mut **to).await?;
            Ok(Told::Done)
        }
    }
}

async fn give(to: &mut Transaction<'_, Sqlite>, give: &Give) -> Result<Told> {
    let query = sqlx::query(
        "INSERT INTO ledger (room, user, cid, gift, name, icon, count, price, total, state, wallet_key, at_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (room, user, cid) DO NOTHING RETURNING *",
    );
    let paid = give.wallet_key.is_some();
    let state = if paid { State::Reserved } else { State::Confirmed };
    let query = query.bind(&give.room).bind(&give.user).bind(&give.cid).bind(&give.gift).bind(&give.name);
    let query = query.bind(&give.icon).bind(give.count).bind(give.price.cast_signed()).bind(give.total());
    let query =
        query.bind(state.word()).bind(give.wallet_key.as_deref().unwrap_or_default()).bind(give.at_ms);
    let Some(row) = query.fetch_optional(&mut **to).await? else { return find(to, give).await };
    let entry = entry(&row)?;
    if !use_claim(to, give).await? {
        sqlx::query("DELETE FROM ledger WHERE id = ?").bind(entry.id).execute(&mut **to).await?;
        return Ok(Told::NoClaim);
    }
    if paid {
        orders::begin(to, &entry).await?;
    }
    Ok(Told::New(entry))
}

/// Whether they may give it: what is to be claimed first they have claimed, and it is used now.
async fn use_claim(to: &mut Transaction<'_, Sqlite>, give: &Give) -> Result<bool> {
    let Some(place) = &give.claim else { return Ok(true) };
    let query = sqlx::query(
        "UPDATE gift_claim SET state = 'used', at_ms = ? WHERE room = ? AND user = ? AND gift = ? AND state = 'claimed'",
    );
    let query = query.bind(give.at_ms).bind(place).bind(&give.user).bind(&give.gift);
    Ok(query.execute(&mut **to).await?.rows_affected() > 0)
}

/// What was sent before under the same id.
async fn find(to: &mut Transaction<'_, Sqlite>, give: &Give) -> Result<Told> {
    let query = sqlx::query("SELECT * FROM ledger WHERE room = ? AND user = ? AND cid = ?");
    let row = query.bind(&give.room).bind(&give.user).bind(&give.cid).fetch_one(&mut **to).await?;
    let mut entry = entry(&row)?;
    if entry.gift != give.gift || entry.count != give.count {
        return Ok(Told::Other);
    }
    match entry.state {
        // Nothing that was claimed is called off; this was for sale then.
        State::Cancelled if !use_claim(to, give).await? => return Ok(Told::NoClaim),
        State::Cancelled => return orders::again(to, &entry, give).await,
        State::Reserved if orders::is_undecided(to, &entry).await? => return Ok(Told::Undecided),
        State::Reserved | State::Confirmed => {}
    }
    if entry.seq.is_none() {
        // The server may have ended between the message and the note of its number.
        let query = sqlx::query_scalar(
            "SELECT seq FROM message WHERE room = ? AND author = ? AND cid = ? AND kind = 'gift'",
        );
        let query = query.bind(&entry.room).bind(&entry.user).bind(&entry.cid);
        entry.seq = query.fetch_optional(&mut **to).await?.map(i64::cast_unsigned);
    }
    Ok(Told::Again(entry))
}

/// The gift that this gave: one for nothing is given when it is written down, another when its price is put aside.
async fn given(from: &mut Transaction<'_, Sqlite>, ask: &Ask, told: &Told) -> Result<Option<Entry>> {
    match (ask, told) {
        (Ask::Give(_), Told::New(entry)) if entry.state == State::Confirmed => Ok(Some(entry.clone())),
        (Ask::Accepted { ledger, .. }, Told::Done) => {
            let query = sqlx::query("SELECT * FROM ledger WHERE id = ?").bind(ledger);
            Ok(Some(entry(&query.fetch_one(&mut **from).await?)?))
        }
        _ => Ok(None),
    }
}

impl Give {
    fn total(&self) -> i64 {
        self.price.saturating_mul(u64::from(self.count)).cast_signed()
    }
}

fn entry(row: &SqliteRow) -> Result<Entry> {
    Ok(Entry {
        id: row.try_get("id")?,
        room: row.try_get("room")?,
        user: row.try_get("user")?,
        cid: row.try_get("cid")?,
        gift: row.try_get("gift")?,
        name: row.try_get("name")?,
        icon: row.try_get("icon")?,
        count: number(row, "count")?,
        price: unsigned(row, "price")?,
        total: unsigned(row, "total")?,
        state: State::from_word(row.try_get("state")?).unwrap_or(State::Cancelled),
        reason: row.try_get("reason")?,
        wallet_key: row.try_get("wallet_key")?,
        attempt: number(row, "attempt")?,
        reference: row.try_get("reference")?,
        at_ms: row.try_get("at_ms")?,
        seq: row.try_get::<Option<i64>, _>("seq")?.map(i64::cast_unsigned),
    })
}
