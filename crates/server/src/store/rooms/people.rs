//! Who came, who brought them, who wants to be told, and how many of everything there were.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::about::rows_at_most;
use super::messages::HISTORY_MAX;
use super::{Result, Rooms};
use crate::store::index::unsigned;

/// Most people who want to be told that one show begins.
pub const REMINDERS_MAX: i64 = 1_000_000;

/// What is counted for as long as a room is there. As something to add ([`super::super::ChatWriter::add`]) the numbers
/// are what came since, but for `peak`, of which the highest stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Times that somebody came. Counted by [`super::super::ChatWriter::visit`].
    pub visits: u64,
    /// Different people. Counted by [`super::super::ChatWriter::visit`].
    pub visitors: u64,
    /// Most people at once.
    pub peak: u64,
    /// How long all visitors together stayed. Counted by [`super::super::ChatWriter::visit`].
    pub watch_ms: u64,
    /// Likes.
    pub likes: u64,
    /// Messages of people.
    pub messages: u64,
    /// Gifts.
    pub gifts: u64,
    /// What they cost together.
    pub gift_value: u64,
    /// Times that somebody passed the room on.
    pub shares: u64,
    /// Times that somebody opened goods.
    pub goods_clicks: u64,
}

/// What is counted by the minute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Minute {
    /// Most people at once in it.
    pub online: u64,
    /// Times that somebody came.
    pub visits: u64,
    /// Messages of people.
    pub messages: u64,
    /// Likes.
    pub likes: u64,
    /// Gifts.
    pub gifts: u64,
}

/// Somebody came, was here for a while, or both.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Visit {
    /// Who.
    pub user: String,
    /// Under which name.
    pub name: String,
    /// With which picture.
    pub avatar: String,
    /// Who brought them; of several the first is kept.
    pub inviter: Option<String>,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// How often they came: 1 at the beginning of a visit, 0 later.
    pub visits: u64,
    /// For how long they were here since the last time that this was said.
    pub watch_ms: u64,
}

/// Somebody who came to a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    /// Who.
    pub user: String,
    /// Under which name the last time.
    pub name: String,
    /// With which picture.
    pub avatar: String,
    /// Who brought them first.
    pub inviter: Option<String>,
    /// When they came first, in milliseconds since 1970.
    pub first_ms: i64,
    /// When they were here last.
    pub last_ms: i64,
    /// How often they came.
    pub visits: u64,
    /// For how long they stayed in all.
    pub watch_ms: u64,
}

/// Somebody who brought others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inviter {
    /// Who.
    pub user: String,
    /// How many people they brought.
    pub visitors: u64,
}

impl Rooms {
    /// What was counted in a room; nothing for a room that is not there.
    pub async fn totals(&self, room: &str) -> Result<Totals> {
        let query = sqlx::query("SELECT * FROM room_total WHERE room = ?").bind(room);
        let row = query.fetch_optional(&self.read).await?;
        Ok(row.as_ref().map(totals).transpose()?.unwrap_or_default())
    }

    /// The minutes between two times in which something was counted, oldest first.
    pub async fn minutes(
        &self,
        room: &str,
        from_ms: i64,
        to_ms: i64,
        limit: usize,
    ) -> Result<Vec<(i64, Minute)>> {
        let query = sqlx::query(
            "SELECT * FROM room_minute WHERE room = ? AND minute_ms >= ? AND minute_ms < ? ORDER BY minute_ms LIMIT ?",
        );
        let query = query.bind(room).bind(from_ms).bind(to_ms).bind(rows_at_most(limit, usize::MAX));
        let one = |row: &SqliteRow| {
            let minute = Minute {
                online: unsigned(row, "online")?,
                visits: unsigned(row, "visits")?,
                messages: unsigned(row, "messages")?,
                likes: unsigned(row, "likes")?,
                gifts: unsigned(row, "gifts")?,
            };
            Ok((row.try_get("minute_ms")?, minute))
        };
        query.fetch_all(&self.read).await?.iter().map(one).collect()
    }

    /// Who came, by id from the one after `after` on, or of these only whom somebody brought.
    pub async fn visitors(
        &self,
        room: &str,
        inviter: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Visitor>> {
        let query = sqlx::query(
            "SELECT * FROM visitor WHERE room = ?1 AND user > ?2 AND (?3 IS NULL OR inviter = ?3)
             ORDER BY user LIMIT ?4",
        );
        let query = query.bind(room).bind(after.unwrap_or_default()).bind(inviter);
        let rows = query.bind(rows_at_most(limit, HISTORY_MAX)).fetch_all(&self.read).await?;
        rows.iter().map(visitor).collect()
    }

    /// Who brought others, those who brought most first.
    pub async fn inviters(&self, room: &str, limit: usize) -> Result<Vec<Inviter>> {
        let query = sqlx::query(
            "SELECT inviter, count(*) AS visitors FROM visitor WHERE room = ? AND inviter IS NOT NULL
             GROUP BY inviter ORDER BY visitors DESC, inviter LIMIT ?",
        );
        let query = query.bind(room).bind(rows_at_most(limit, HISTORY_MAX));
        let one = |row: &SqliteRow| {
            Ok(Inviter { user: row.try_get("inviter")?, visitors: unsigned(row, "visitors")? })
        };
        query.fetch_all(&self.read).await?.iter().map(one).collect()
    }

    /// Notes that somebody wants to be told when it begins. Returns false if too many do, or the room is gone.
    pub async fn remind(&self, room: &str, user: &str, at_ms: i64) -> Result<bool> {
        let query = sqlx::query(
            "INSERT INTO reminder (room, user, at_ms) SELECT ?1, ?2, ?3
             WHERE EXISTS (SELECT 1 FROM room WHERE id = ?1) AND (SELECT count(*) FROM reminder WHERE room = ?1) < ?4
             ON CONFLICT (room, user) DO UPDATE SET at_ms = at_ms",
        );
        let query = query.bind(room).bind(user).bind(at_ms).bind(REMINDERS_MAX);
        Ok(query.execute(&self.write).await?.rows_affected() > 0)
    }

    /// Notes that somebody does not want to be told any more. Returns whether they did.
    pub async fn forget_reminder(&self, room: &str, user: &str) -> Result<bool> {
        let query = sqlx::query("DELETE FROM reminder WHERE room = ? AND user = ?").bind(room).bind(user);
        Ok(query.execute(&self.write).await?.rows_affected() > 0)
    }

    /// Who wants to be told and since when, by id from the one after `after` on.
    pub async fn reminders(
        &self,
        room: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, i64)>> {
        let query = sqlx::query_as(
            "SELECT user, at_ms FROM reminder WHERE room = ? AND user > ? ORDER BY user LIMIT ?",
        );
        let query = query.bind(room).bind(after.unwrap_or_default());
        query.bind(rows_at_most(limit, HISTORY_MAX)).fetch_all(&self.read).await
    }

    /// How many want to be told.
    pub async fn reminder_count(&self, room: &str) -> Result<u64> {
        let query = sqlx::query_scalar("SELECT count(*) FROM reminder WHERE room = ?").bind(room);
        query.fetch_one(&self.read).await.map(i64::cast_unsigned)
    }
}

fn totals(row: &SqliteRow) -> Result<Totals> {
    Ok(Totals {
        visits: unsigned(row, "visits")?,
        visitors: unsigned(row, "visitors")?,
        peak: unsigned(row, "peak")?,
        watch_ms: unsigned(row, "watch_ms")?,
        likes: unsigned(row, "likes")?,
        messages: unsigned(row, "messages")?,
        gifts: unsigned(row, "gifts")?,
        gift_value: unsigned(row, "gift_value")?,
        shares: unsigned(row, "shares")?,
        goods_clicks: unsigned(row, "goods_clicks")?,
    })
}

fn visitor(row: &SqliteRow) -> Result<Visitor> {
    Ok(Visitor {
        user: row.try_get("user")?,
        name: row.try_get("name")?,
        avatar: row.try_get("avatar")?,
        inviter: row.try_get("inviter")?,
        first_ms: row.try_get("first_ms")?,
        last_ms: row.try_get("last_ms")?,
        visits: unsigned(row, "visits")?,
        watch_ms: unsigned(row, "watch_ms")?,
    })
}
