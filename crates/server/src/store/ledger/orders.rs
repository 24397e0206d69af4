//! What the wallet is asked and must be told, until it has answered.
//!
//! ```text
//! reserve ─ yes ─► confirm ─ told ─► (the row is confirmed)
//!    │  └── no ──► (the row is cancelled)
//!    └─ no answer, or the server ended ─► cancel ─ told ─► (it was cancelled before)
//! ```
//!
//! The order is in the database before the wallet hears of it, so that nothing it has put aside is ever forgotten.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, Sqlite, Transaction};

use super::{Entry, Give, Ledger, Result, State, Told, UNDECIDED_MS, entry};
use crate::event;
use crate::store::gifts::{number, rows};
use crate::store::outbox;

/// What the wallet must be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// It happened: take the money.
    Confirm,
    /// It did not: give it back.
    Cancel,
}

/// Something that the wallet must be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The row that it is about.
    pub entry: Entry,
    /// Which attempt it is about: not always the row's last.
    pub attempt: u32,
    /// What.
    pub what: What,
    /// How often it was told in vain.
    pub tries: u32,
}

impl Ledger {
    /// Calls off every reservation that the wallet had not answered by then; at the start of the server all that there
    /// are. Gives how many.
    pub async fn call_off(&self, until_ms: i64, now_ms: i64) -> Result<u64> {
        let mut to = self.write.begin_with("BEGIN IMMEDIATE").await?;
        let query = sqlx::query(
            "UPDATE ledger SET state = 'cancelled', reason = 'no_answer' WHERE state = 'reserved'
             AND id IN (SELECT ledger FROM wallet_order WHERE what = 'reserve' AND due_ms <= ?)",
        );
        let count = query.bind(until_ms).execute(&mut *to).await?.rows_affected();
        let query = sqlx::query(
            "UPDATE wallet_order SET what = 'cancel', due_ms = ? WHERE what = 'reserve' AND due_ms <= ?",
        );
        query.bind(now_ms).bind(until_ms).execute(&mut *to).await?;
        to.commit().await?;
        self.count(State::Cancelled, count);
        Ok(count)
    }

    /// Whether there are reservations that nobody has answered by then.
    pub async fn has_undecided(&self, until_ms: i64) -> Result<bool> {
        let query = sqlx::query("SELECT 1 FROM wallet_order WHERE what = 'reserve' AND due_ms <= ? LIMIT 1");
        Ok(query.bind(until_ms).fetch_optional(&self.read).await?.is_some())
    }

    /// What the wallet must be told now.
    pub async fn due(&self, now_ms: i64, limit: usize) -> Result<Vec<Order>> {
        let query = sqlx::query(
            "SELECT ledger.*, wallet_order.attempt AS told_attempt, what, tries FROM wallet_order
             JOIN ledger ON ledger.id = wallet_order.ledger
             WHERE what IN ('confirm', 'cancel') AND due_ms <= ? ORDER BY due_ms LIMIT ?",
        );
        let order = |row: &SqliteRow| {
            Ok(Order {
                entry: entry(row)?,
                attempt: number(row, "told_attempt")?,
                what: if row.try_get::<&str, _>("what")? == "confirm" { What::Confirm } else { What::Cancel },
                tries: number(row, "tries")?,
            })
        };
        query.bind(now_ms).bind(rows(limit)).fetch_all(&self.read).await?.iter().map(order).collect()
    }

    /// How many things the wallet must be told, now or later.
    pub async fn owed(&self) -> Result<u64> {
        let query = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM wallet_order");
        query.fetch_one(&self.read).await.map(i64::unsigned_abs)
    }

    /// The wallet was told, and agrees, or does not and never will: then whoever was told of the gift is told of that.
    pub async fn told(&self, order: &Order, agreed: bool, now_ms: i64) -> Result<()> {
        let mut to = self.write.begin_with("BEGIN IMMEDIATE").await?;
        let mut ended = None;
        if order.what == What::Confirm {
            let (state, reason) =
                if agreed { (State::Confirmed, "") } else { (State::Cancelled, "confirm_refused") };
            let query = sqlx::query(
                "UPDATE ledger SET state = ?, reason = ? WHERE id = ? AND attempt = ? AND state = 'reserved' RETURNING *",
            );
            let query = query.bind(state.word()).bind(reason).bind(order.entry.id).bind(order.attempt);
            ended = query.fetch_optional(&mut *to).await?.as_ref().map(entry).transpose()?;
        }
        let cancelled = ended.as_ref().filter(|entry| entry.state == State::Cancelled);
        let cancelled = cancelled.filter(|_| self.outbox.interest.wants(event::GIFT_CANCELLED));
        if let Some(entry) = cancelled {
            outbox::put(&mut to, &event::gift_cancelled(entry, now_ms)).await?;
        }
        forget(&mut to, order.entry.id, order.attempt).await?;
        to.commit().await?;
        if cancelled.is_some() {
            self.outbox.wake();
        }
        if let Some(entry) = ended {
            self.count(entry.state, 1);
        }
        Ok(())
    }

    /// The wallet could not be told; it is tried again then.
    pub async fn postpone(&self, order: &Order, due_ms: i64) -> Result<()> {
        let query = sqlx::query(
            "UPDATE wallet_order SET tries = tries + 1, due_ms = ? WHERE ledger = ? AND attempt = ?",
        );
        query.bind(due_ms).bind(order.entry.id).bind(order.attempt).execute(&self.write).await?;
        Ok(())
    }
}

/// Notes that the wallet is about to be asked.
pub(super) async fn begin(to: &mut Transaction<'_, Sqlite>, entry: &Entry) -> Result<()> {
    let query =
        sqlx::query("INSERT INTO wallet_order (ledger, attempt, what, due_ms) VALUES (?, ?, 'reserve', ?)");
    query.bind(entry.id).bind(entry.attempt).bind(entry.at_ms + UNDECIDED_MS).execute(&mut **to).await?;
    Ok(())
}

/// Whether the wallet has not answered yet.
pub(super) async fn is_undecided(to: &mut Transaction<'_, Sqlite>, entry: &Entry) -> Result<bool> {
    let query =
        sqlx::query("SELECT 1 FROM wallet_order WHERE ledger = ? AND attempt = ? AND what = 'reserve'");
    Ok(query.bind(entry.id).bind(entry.attempt).fetch_optional(&mut **to).await?.is_some())
}

/// What came to nothing is tried again, at the price of today. The wallet knows it by another id now, so that what it is
/// still to be told of the attempt before means that one.
pub(super) async fn again(to: &mut Transaction<'_, Sqlite>, before: &Entry, give: &Give) -> Result<Told> {
    let paid = give.wallet_key.is_some();
    let state = if paid { State::Reserved } else { State::Confirmed };
    let key = if before.wallet_key.is_empty() {
        give.wallet_key.as_deref().unwrap_or_default()
    } else {
        &before.wallet_key
    };
    let query = sqlx::query(
        "UPDATE ledger SET name = ?, icon = ?, price = ?, total = ?, state = ?, reason = '', wallet_key = ?,
             attempt = attempt + 1, reference = '', at_ms = ?, seq = NULL WHERE id = ? RETURNING *",
    );
    let query = query.bind(&give.name).bind(&give.icon).bind(give.price.cast_signed()).bind(give.total());
    let query = query.bind(state.word()).bind(key).bind(give.at_ms).bind(before.id);
    let entry = entry(&query.fetch_one(&mut **to).await?)?;
    if paid {
        begin(to, &entry).await?;
    }
    Ok(Told::New(entry))
}

pub(super) async fn accept(
    to: &mut Transaction<'_, Sqlite>,
    ledger: i64,
    attempt: u32,
    reference: &str,
    at_ms: i64,
) -> Result<Told> {
    let query = sqlx::query(
        "UPDATE wallet_order SET what = 'confirm', due_ms = ? WHERE ledger = ? AND attempt = ? AND what = 'reserve'",
    );
    let query = query.bind(at_ms).bind(ledger).bind(attempt);
    if query.execute(&mut **to).await?.rows_affected() == 0 {
        return Ok(Told::Late);
    }
    let query = sqlx::query("UPDATE ledger SET reference = ? WHERE id = ?");
    query.bind(reference).bind(ledger).execute(&mut **to).await?;
    Ok(Told::Done)
}

pub(super) async fn refuse(
    to: &mut Transaction<'_, Sqlite>,
    ledger: i64,
    attempt: u32,
    reason: &str,
    undo_ms: Option<i64>,
) -> Result<Told> {
    let query = sqlx::query(
        "UPDATE ledger SET state = 'cancelled', reason = ? WHERE id = ? AND attempt = ? AND state = 'reserved'
         AND EXISTS (SELECT 1 FROM wallet_order WHERE ledger = ?2 AND wallet_order.attempt = ?3 AND what = 'reserve')",
    );
    let query = query.bind(reason).bind(ledger).bind(attempt);
    if query.execute(&mut **to).await?.rows_affected() == 0 {
        return Ok(Told::Late);
    }
    match undo_ms {
        Some(due_ms) => {
            let query = sqlx::query(
                "UPDATE wallet_order SET what = 'cancel', due_ms = ? WHERE ledger = ? AND attempt = ?",
            );
            query.bind(due_ms).bind(ledger).bind(attempt).execute(&mut **to).await?;
        }
        None => forget(to, ledger, attempt).await?,
    }
    Ok(Told::Done)
}

async fn forget(to: &mut Transaction<'_, Sqlite>, ledger: i64, attempt: u32) -> Result<()> {
    let query = sqlx::query("DELETE FROM wallet_order WHERE ledger = ? AND attempt = ?");
    query.bind(ledger).bind(attempt).execute(&mut **to).await?;
    Ok(())
}
