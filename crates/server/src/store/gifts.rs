//! The catalogue of gifts, and who has one for nothing.

use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite, SqlitePool};

use super::index::unsigned;

type Result<T> = std::result::Result<T, sqlx::Error>;

/// Most gifts of one room, or of the whole server.
pub const GIFTS_MAX: i64 = 200;

/// Most rows of one answer.
pub const ROWS_MAX: usize = 1_000;

/// Gifts and claims.
#[derive(Debug, Clone)]
pub struct Gifts {
    pub(super) read: SqlitePool,
    pub(super) write: SqlitePool,
}

/// A gift of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gift {
    /// In which room; empty: in every room that has none of this id.
    pub room: String,
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Its picture, as an address; empty: none.
    pub icon: String,
    /// What one costs, in the operator's smallest unit; 0: nothing.
    pub price: u64,
    /// Whether it must be claimed before it can be sent.
    pub claim: Claim,
    /// Most in one send.
    pub max_count: u32,
    /// Its place among the others.
    pub position: u32,
    /// Whether it can be sent now.
    pub available: bool,
}

/// Whether a gift must be claimed, and how often somebody may do that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// It need not.
    None,
    /// Once in each room.
    Room,
    /// Once on this server.
    Server,
}

/// A gift that somebody has, or had, for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// In which room; empty: in all of them.
    pub room: String,
    /// Who.
    pub user: String,
    /// Which gift.
    pub gift: String,
    /// Whether they have sent it.
    pub used: bool,
    /// When that changed last, in milliseconds since 1970.
    pub at_ms: i64,
    /// Who gave it to them: `user:ID` (themselves) or `key:NAME`.
    pub by: String,
}

/// Which claims.
#[derive(Debug, Clone, Default)]
pub struct WhichClaims {
    /// In this room (empty: those for all rooms).
    pub room: Option<String>,
    /// Of this user.
    pub user: Option<String>,
    /// Of this gift.
    pub gift: Option<String>,
    /// Behind this one: room, user, gift.
    pub after: Option<(String, String, String)>,
    /// How many at most.
    pub limit: usize,
}

impl Claim {
    /// All of them.
    pub const ALL: [Claim; 3] = [Claim::None, Claim::Room, Claim::Server];

    /// Its name in the database and the API.
    pub fn word(self) -> &'static str {
        match self {
            Claim::None => "none",
            Claim::Room => "room",
            Claim::Server => "server",
        }
    }

    /// The other way.
    pub fn from_word(word: &str) -> Option<Claim> {
        Claim::ALL.into_iter().find(|claim| claim.word() == word)
    }

    /// Under which room somebody has it who is in this one.
    pub fn place(self, room: &str) -> &str {
        if self == Claim::Server { "" } else { room }
    }
}

impl Gifts {
    pub(super) fn new(read: SqlitePool, write: SqlitePool) -> Gifts {
        Gifts { read, write }
    }

    /// Puts a gift into the catalogue, in the place of one of the same id. Returns whether there was room.
    pub async fn put_gift(&self, gift: &Gift) -> Result<bool> {
        let query = sqlx::query(
            "INSERT OR REPLACE INTO gift (room, id, name, icon, price, claim, max_count, position, available)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9
             WHERE (SELECT count(*) FROM gift WHERE room = ?1 AND id <> ?2) < ?10",
        );
        let query = query.bind(&gift.room).bind(&gift.id).bind(&gift.name).bind(&gift.icon);
        let query = query.bind(gift.price.cast_signed()).bind(gift.claim.word()).bind(gift.max_count);
        let query = query.bind(gift.position).bind(gift.available).bind(GIFTS_MAX);
        Ok(query.execute(&self.write).await?.rows_affected() > 0)
    }

    /// Takes a gift out of the catalogue; what was sent of it stays in the ledger. Returns whether it was there.
    pub async fn delete_gift(&self, room: &str, id: &str) -> Result<bool> {
        let query = sqlx::query("DELETE FROM gift WHERE room = ? AND id = ?").bind(room).bind(id);
        Ok(query.execute(&self.write).await?.rows_affected() > 0)
    }

    /// The gifts of one room (empty: of the whole server), also those that cannot be sent now.
    pub async fn gifts(&self, room: &str) -> Result<Vec<Gift>> {
        let query = sqlx::query("SELECT * FROM gift WHERE room = ? ORDER BY position, id").bind(room);
        query.fetch_all(&self.read).await?.iter().map(gift).collect()
    }

    /// What can be sent in a room now: its own gifts, and those of the whole server whose id it does not use itself.
    pub async fn gifts_in(&self, room: &str) -> Result<Vec<Gift>> {
        let query = sqlx::query(
            "SELECT * FROM gift WHERE available = 1 AND (room = ?1 OR (room = ''
                 AND id NOT IN (SELECT id FROM gift WHERE room = ?1))) ORDER BY position, id",
        );
        query.bind(room).fetch_all(&self.read).await?.iter().map(gift).collect()
    }

    /// The gift that this id stands for in a room, if it can be sent now.
    pub async fn find_gift(&self, room: &str, id: &str) -> Result<Option<Gift>> {
        let query =
            sqlx::query("SELECT * FROM gift WHERE id = ? AND room IN (?, '') ORDER BY room DESC LIMIT 1");
        let row = query.bind(id).bind(room).fetch_optional(&self.read).await?;
        Ok(row.as_ref().map(gift).transpose()?.filter(|gift| gift.available))
    }

    /// Somebody claims a gift for themselves. Returns whether they have it now: not if they had it and sent it.
    pub async fn claim(&self, room: &str, user: &str, gift: &str, at_ms: i64) -> Result<bool> {
        let query = sqlx::query(
            "INSERT OR IGNORE INTO gift_claim (room, user, gift, state, at_ms, by) VALUES (?1, ?2, ?3, 'claimed', ?4, 'user:' || ?2)",
        );
        query.bind(room).bind(user).bind(gift).bind(at_ms).execute(&self.write).await?;
        let query =
            sqlx::query_scalar("SELECT state FROM gift_claim WHERE room = ? AND user = ? AND gift = ?");
        let state: String = query.bind(room).bind(user).bind(gift).fetch_one(&self.write).await?;
        Ok(state == "claimed")
    }

    /// The operator gives somebody a gift to send for nothing, also once more. Who has one already keeps that one.
    pub async fn give_claim(&self, room: &str, user: &str, gift: &str, by: &str, at_ms: i64) -> Result<()> {
        let query = sqlx::query(
            "INSERT INTO gift_claim (room, user, gift, state, at_ms, by) VALUES (?, ?, ?, 'claimed', ?, ?)
             ON CONFLICT (room, user, gift) DO UPDATE SET state = 'claimed', at_ms = excluded.at_ms, by = excluded.by
             WHERE state <> 'claimed'",
        );
        let query = query.bind(room).bind(user).bind(gift).bind(at_ms).bind(by);
        query.execute(&self.write).await?;
        Ok(())
    }

    /// Who has gifts for nothing, or had them; by room, user and gift.
    pub async fn claims(&self, which: &WhichClaims) -> Result<Vec<Claimed>> {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT * FROM gift_claim WHERE 1 = 1");
        for (column, value) in
            [(" AND room = ", &which.room), (" AND user = ", &which.user), (" AND gift = ", &which.gift)]
        {
            if let Some(value) = value {
                query.push(column).push_bind(value.clone());
            }
        }
        if let Some((room, user, gift)) = &which.after {
            query.push(" AND (room, user, gift) > (").push_bind(room.clone());
            query.push(", ").push_bind(user.clone()).push(", ").push_bind(gift.clone()).push(")");
        }
        query.push(" ORDER BY room, user, gift LIMIT ").push_bind(rows(which.limit));
        let claimed = |row: &SqliteRow| {
            Ok(Claimed {
                room: row.try_get("room")?,
                user: row.try_get("user")?,
                gift: row.try_get("gift")?,
                used: row.try_get::<&str, _>("state")? == "used",
                at_ms: row.try_get("at_ms")?,
                by: row.try_get("by")?,
            })
        };
        query.build().fetch_all(&self.read).await?.iter().map(claimed).collect()
    }
}

pub(super) fn rows(limit: usize) -> i64 {
    i64::try_from(limit.min(ROWS_MAX)).unwrap_or(i64::MAX)
}

pub(super) fn number(row: &SqliteRow, column: &str) -> Result<u32> {
    Ok(u32::try_from(row.try_get::<i64, _>(column)?).unwrap_or_default())
}

fn gift(row: &SqliteRow) -> Result<Gift> {
    Ok(Gift {
        room: row.try_get("room")?,
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        icon: row.try_get("icon")?,
        price: unsigned(row, "price")?,
        claim: Claim::from_word(row.try_get("claim")?).unwrap_or(Claim::None),
        max_count: number(row, "max_count")?,
        position: number(row, "position")?,
        available: row.try_get("available")?,
    })
}
