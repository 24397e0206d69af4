//! Requests that may be sent twice and are done once.

use sqlx::Row as _;

use super::{Result, Rooms};

/// For how long an answer is kept, in milliseconds: a day.
pub const KEPT_MS: i64 = 24 * 3_600 * 1_000;

/// A request whose answer never came, because the server ended in the middle of it, may be sent again after so long, in
/// milliseconds.
pub const PENDING_MS: i64 = 60_000;

/// An answer that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once {
    /// What was asked, as a hash.
    pub request: Vec<u8>,
    /// The answer's status; 0 while there is none.
    pub status: u16,
    /// The answer.
    pub body: Vec<u8>,
}

/// What became of a request with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It is new, and nobody else may do it now.
    New,
    /// It was asked before.
    Before(Once),
}

impl Rooms {
    /// Takes a key for a request, or finds what it was taken for. Keys that are too old are forgotten.
    pub async fn begin_once(&self, key: &str, operation: &str, request: &[u8], now_ms: i64) -> Result<Seen> {
        let mut transaction = self.write.begin_with("BEGIN IMMEDIATE").await?;
        let query = sqlx::query("DELETE FROM idempotent WHERE at_ms <= ?").bind(now_ms - KEPT_MS);
        query.execute(&mut *transaction).await?;
        let query = sqlx::query(
            "DELETE FROM idempotent WHERE key = ? AND operation = ? AND status = 0 AND at_ms <= ?",
        );
        let query = query.bind(key).bind(operation).bind(now_ms - PENDING_MS);
        query.execute(&mut *transaction).await?;
        let query = sqlx::query(
            "INSERT OR IGNORE INTO idempotent (key, operation, request, at_ms, status, body) VALUES (?, ?, ?, ?, 0, x'')",
        );
        let query = query.bind(key).bind(operation).bind(request).bind(now_ms);
        let seen = if query.execute(&mut *transaction).await?.rows_affected() > 0 {
            Seen::New
        } else {
            let query =
                sqlx::query("SELECT request, status, body FROM idempotent WHERE key = ? AND operation = ?");
            let row = query.bind(key).bind(operation).fetch_one(&mut *transaction).await?;
            Seen::Before(Once {
                request: row.try_get("request")?,
                status: u16::try_from(row.try_get::<i64, _>("status")?).unwrap_or_default(),
                body: row.try_get("body")?,
            })
        };
        transaction.commit().await?;
        Ok(seen)
    }

    /// Keeps the answer to a request that was done.
    pub async fn end_once(&self, key: &str, operation: &str, status: u16, body: &[u8]) -> Result<()> {
        let query = sqlx::query("UPDATE idempotent SET status = ?, body = ? WHERE key = ? AND operation = ?");
        query.bind(status).bind(body).bind(key).bind(operation).execute(&self.write).await?;
        Ok(())
    }

    /// Gives a key back whose request was not done, so that it can be sent again.
    pub async fn cancel_once(&self, key: &str, operation: &str) -> Result<()> {
        let query = sqlx::query("DELETE FROM idempotent WHERE key = ? AND operation = ?");
        query.bind(key).bind(operation).execute(&self.write).await?;
        Ok(())
    }
}
