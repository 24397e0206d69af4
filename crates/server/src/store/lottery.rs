//! Lotteries, and who took part in them.

use control::room::lottery::ENTRIES_MAX;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite};

use super::gifts::{Gifts, number, rows};
use super::index::unsigned;

type Result<T> = std::result::Result<T, sqlx::Error>;

/// Most lotteries of one room that are open at once.
pub const OPEN_MAX: i64 = 10;

/// Rows of one statement.
const STEP: usize = 500;

/// What somebody must do to take part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TakePart {
    /// Be there at the draw.
    Present,
    /// Say this.
    Text(String),
    /// Send this gift.
    Gift(String),
}

/// Where a lottery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// One can take part, or could until its time was up; it is not drawn.
    Open,
    /// It is drawn.
    Drawn,
    /// It was called off.
    Cancelled,
}

/// A lottery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lottery {
    /// In which room.
    pub room: String,
    /// Its id.
    pub id: String,
    /// What can be won.
    pub prize: String,
    /// How many win.
    pub winners: u32,
    /// What to do to take part.
    pub take_part: TakePart,
    /// Where it is.
    pub state: State,
    /// The seed; a secret until it is drawn.
    pub seed: String,
    /// Its hash.
    pub commitment: String,
    /// The hash of who took part; empty until it is drawn.
    pub entries_hash: String,
    /// How many took part; 0 until it is drawn.
    pub entries: u64,
    /// When it opened, in milliseconds since 1970.
    pub opened_ms: i64,
    /// Until when one can take part.
    pub until_ms: i64,
    /// When it was drawn or called off.
    pub ended_ms: Option<i64>,
    /// Whether the server draws it when its time is up.
    pub auto: bool,
}

/// What came of a draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// The hash of who took part.
    pub entries_hash: String,
    /// Who took part, sorted.
    pub entries: Vec<String>,
    /// Who won, the first prize first.
    pub winners: Vec<String>,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
}

impl State {
    /// All of them.
    pub const ALL: [State; 3] = [State::Open, State::Drawn, State::Cancelled];

    /// Its name in the database, on the wire and in the API.
    pub fn word(self) -> &'static str {
        match self {
            State::Open => "open",
            State::Drawn => "drawn",
            State::Cancelled => "cancelled",
        }
    }
}

impl TakePart {
    /// Its kind, as the database and the API name it, and what belongs to it.
    pub fn parts(&self) -> (&'static str, &str) {
        match self {
            TakePart::Present => ("present", ""),
            TakePart::Text(text) => ("text", text),
            TakePart::Gift(gift) => ("gift", gift),
        }
    }

    /// The other way.
    pub fn of_parts(kind: &str, what: &str) -> Option<TakePart> {
        match (kind, what) {
            ("present", "") => Some(TakePart::Present),
            ("text", what) if !what.is_empty() => Some(TakePart::Text(what.to_owned())),
            ("gift", what) if !what.is_empty() => Some(TakePart::Gift(what.to_owned())),
            _ => None,
        }
    }
}

impl Gifts {
    /// Opens a lottery. Returns false when as many are open as may be, or the room is not there.
    pub async fn open_lottery(&self, lottery: &Lottery) -> Result<bool> {
        let (kind, what) = lottery.take_part.parts();
        let query = sqlx::query(
            "INSERT INTO lottery (room, id, prize, winners, kind, what, state, seed, commitment, opened_ms, until_ms, auto)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, 'open', ?7, ?8, ?9, ?10, ?12 WHERE EXISTS (SELECT 1 FROM room WHERE id = ?1)
             AND (SELECT count(*) FROM lottery WHERE room = ?1 AND state = 'open') < ?11",
        );
        let query = query.bind(&lottery.room).bind(&lottery.id).bind(&lottery.prize).bind(lottery.winners);
        let query = query.bind(kind).bind(what).bind(&lottery.seed).bind(&lottery.commitment);
        let query = query.bind(lottery.opened_ms).bind(lottery.until_ms).bind(OPEN_MAX);
        let query = query.bind(lottery.auto);
        Ok(query.execute(&self.write).await?.rows_affected() > 0)
    }

    /// A lottery by its id.
    pub async fn lottery(&self, room: &str, id: &str) -> Result<Option<Lottery>> {
        let query = sqlx::query("SELECT * FROM lottery WHERE room = ? AND id = ?").bind(room).bind(id);
        query.fetch_optional(&self.read).await?.as_ref().map(lottery).transpose()
    }

    /// Lotteries that the server is to draw now, the one that has waited longest first; behind that time and id.
    pub async fn due_lotteries(&self, now_ms: i64, after: (i64, &str), limit: usize) -> Result<Vec<Lottery>> {
        let query = sqlx::query(
            "SELECT * FROM lottery WHERE state = 'open' AND auto = 1 AND until_ms <= ? AND (until_ms, id) > (?, ?)
             ORDER BY until_ms, id LIMIT ?",
        );
        let query = query.bind(now_ms).bind(after.0).bind(after.1).bind(rows(limit));
        query.fetch_all(&self.read).await?.iter().map(lottery).collect()
    }

    /// The lotteries of a room, the newest first, behind that time and id.
    pub async fn lotteries(
        &self,
        room: &str,
        after: Option<(i64, &str)>,
        limit: usize,
    ) -> Result<Vec<Lottery>> {
        let query = sqlx::query(
            "SELECT * FROM lottery WHERE room = ? AND (opened_ms, id) < (?, ?) ORDER BY opened_ms DESC, id DESC LIMIT ?",
        );
        let (opened_ms, id) = after.unwrap_or((i64::MAX, ""));
        let rows = query.bind(room).bind(opened_ms).bind(id).bind(rows(limit)).fetch_all(&self.read).await?;
        rows.iter().map(lottery).collect()
    }

    /// Who has done by then what a lottery asks for, each once, in no order; at most so many as may take part. Who is
    /// there is not in the database: none.
    pub async fn candidates(&self, lottery: &Lottery, until_ms: i64) -> Result<Vec<String>> {
        let (text, what) = match &lottery.take_part {
            TakePart::Present => return Ok(Vec::new()),
            // What people say is kept as JSON; this is the one question about it that the database must answer, as it may be
            // among a million.
            TakePart::Text(text) => (
                "SELECT DISTINCT author FROM message WHERE room = ? AND at_ms >= ? AND at_ms < ? AND author IS NOT NULL
                 AND kind = 'text' AND recalled = 0 AND trim(json_extract(body, '$.text')) = ? LIMIT ?",
                text,
            ),
            TakePart::Gift(gift) => (
                "SELECT DISTINCT user FROM ledger WHERE room = ? AND at_ms >= ? AND at_ms < ? AND gift = ?
                 AND state <> 'cancelled' AND NOT EXISTS (SELECT 1 FROM wallet_order
                     WHERE wallet_order.ledger = ledger.id AND wallet_order.what = 'reserve') LIMIT ?",
                gift,
            ),
        };
        let query = sqlx::query_scalar(text).bind(&lottery.room).bind(lottery.opened_ms);
        let query = query.bind(until_ms.min(lottery.until_ms)).bind(what);
        query.bind(i64::try_from(ENTRIES_MAX).unwrap_or(i64::MAX)).fetch_all(&self.read).await
    }

    /// Writes a draw down. Returns false if it was drawn or called off before: then that holds.
    pub async fn put_draw(&self, room: &str, id: &str, drawn: &Drawn) -> Result<bool> {
        let mut to = self.write.begin_with("BEGIN IMMEDIATE").await?;
        let query = sqlx::query(
            "UPDATE lottery SET state = 'drawn', entries_hash = ?, entries = ?, ended_ms = ?
             WHERE room = ? AND id = ? AND state = 'open'",
        );
        let query = query.bind(&drawn.entries_hash).bind(drawn.entries.len().cast_signed() as i64);
        let query = query.bind(drawn.at_ms).bind(room).bind(id);
        if query.execute(&mut *to).await?.rows_affected() == 0 {
            return Ok(false);
        }
        for some in drawn.entries.chunks(STEP) {
            let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO lottery_entry (room, lottery, user) ");
            query.push_values(some, |mut row, user| {
                row.push_bind(room.to_owned()).push_bind(id.to_owned()).push_bind(user.clone());
            });
            query.build().execute(&mut *to).await?;
        }
        for (place, user) in (1_i64..).zip(&drawn.winners) {
            let query =
                sqlx::query("UPDATE lottery_entry SET place = ? WHERE room = ? AND lottery = ? AND user = ?");
            query.bind(place).bind(room).bind(id).bind(user).execute(&mut *to).await?;
        }
        to.commit().await?;
        Ok(true)
    }

    /// Calls a lottery off. Returns false if it was drawn or called off before.
    pub async fn cancel_lottery(&self, room: &str, id: &str, at_ms: i64) -> Result<bool> {
        let query = sqlx::query(
            "UPDATE lottery SET state = 'cancelled', ended_ms = ? WHERE room = ? AND id = ? AND state = 'open'",
        );
        Ok(query.bind(at_ms).bind(room).bind(id).execute(&self.write).await?.rows_affected() > 0)
    }

    /// Who took part in a lottery that was drawn, by id, from the one after `after` on.
    pub async fn entries(&self, room: &str, id: &str, after: &str, limit: usize) -> Result<Vec<String>> {
        let query = sqlx::query_scalar(
            "SELECT user FROM lottery_entry WHERE room = ? AND lottery = ? AND user > ? ORDER BY user LIMIT ?",
        );
        query.bind(room).bind(id).bind(after).bind(rows(limit)).fetch_all(&self.read).await
    }

    /// Who won, the first prize first.
    pub async fn winners(&self, room: &str, id: &str) -> Result<Vec<String>> {
        let query = sqlx::query_scalar(
            "SELECT user FROM lottery_entry WHERE room = ? AND lottery = ? AND place IS NOT NULL ORDER BY place",
        );
        query.bind(room).bind(id).fetch_all(&self.read).await
    }
}

fn lottery(row: &SqliteRow) -> Result<Lottery> {
    let state: &str = row.try_get("state")?;
    Ok(Lottery {
        room: row.try_get("room")?,
        id: row.try_get("id")?,
        prize: row.try_get("prize")?,
        winners: number(row, "winners")?,
        take_part: TakePart::of_parts(row.try_get("kind")?, row.try_get("what")?)
            .unwrap_or(TakePart::Present),
        state: State::ALL.into_iter().find(|one| one.word() == state).unwrap_or(State::Cancelled),
        seed: row.try_get("seed")?,
        commitment: row.try_get("commitment")?,
        entries_hash: row.try_get("entries_hash")?,
        entries: unsigned(row, "entries")?,
        opened_ms: row.try_get("opened_ms")?,
        until_ms: row.try_get("until_ms")?,
        ended_ms: row.try_get("ended_ms")?,
        auto: row.try_get("auto")?,
    })
}
