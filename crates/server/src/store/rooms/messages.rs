//! What was said: history, what was taken back, and what waits for somebody to look at it.

use std::sync::Arc;

use control::person::Role;
use control::room::feed::begin_after;
use control::room::message::{Author, Body, Message};
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection as _, QueryBuilder, Row as _, Sqlite};

use super::about::rows_at_most;
use super::moderation::Audit;
use super::{Result, Rooms, json};

/// Messages that somebody sees who comes in.
pub const RECENT: usize = 50;

/// Most messages of one answer.
pub const HISTORY_MAX: usize = 1_000;

/// Most messages of one room that wait for somebody to look at them.
pub const HELD_MAX: i64 = 10_000;

/// Messages that one transaction takes away, so that clearing a long chat holds up nobody else's writing.
const CLEAR_STEP: i64 = 5_000;

/// Which messages. Ends are left out, beginnings are not: `from <= x < to`, `after < x < before`.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// With a higher number.
    pub after_seq: Option<u64>,
    /// With a lower number.
    pub before_seq: Option<u64>,
    /// Said from then on, in milliseconds since 1970.
    pub from_ms: Option<i64>,
    /// Said before then.
    pub to_ms: Option<i64>,
    /// Said from there on in the stream.
    pub media_from: Option<i64>,
    /// Said before there in the stream.
    pub media_to: Option<i64>,
    /// Said by this person.
    pub user: Option<String>,
    /// How many at most.
    pub limit: usize,
}

/// A message that waits for somebody to look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its number; 0 before it has one.
    pub id: i64,
    /// When it was sent, in milliseconds since 1970.
    pub at_ms: i64,
    /// Who sent it.
    pub author: Author,
    /// What their client calls it.
    pub cid: String,
    /// The number of the message that it answers.
    pub reply_to: Option<u64>,
    /// Whom it names.
    pub mentions: Vec<String>,
    /// What it is.
    pub body: Body,
    /// Why it waits: the word, or what the operator's backend said.
    pub why: String,
}

impl Query {
    /// Whether it goes forward from somewhere: then the first that fit are meant, else the last.
    fn is_forward(&self) -> bool {
        self.after_seq.is_some() || self.from_ms.is_some() || self.media_from.is_some()
    }
}

impl Rooms {
    /// What was said, oldest first, without what was recalled. Where a beginning is given, the first messages from there;
    /// else the last.
    pub async fn messages(&self, room: &str, which: &Query) -> Result<Vec<Message>> {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT * FROM message WHERE recalled = 0 AND room = ");
        query.push_bind(room);
        let numbers = [
            (" AND seq > ", which.after_seq.map(u64::cast_signed)),
            (" AND seq < ", which.before_seq.map(u64::cast_signed)),
            (" AND at_ms >= ", which.from_ms),
            (" AND at_ms < ", which.to_ms),
            (" AND media_ms >= ", which.media_from),
            (" AND media_ms < ", which.media_to),
        ];
        for (condition, number) in numbers {
            if let Some(number) = number {
                query.push(condition).push_bind(number);
            }
        }
        if let Some(user) = &which.user {
            query.push(" AND author = ").push_bind(user.clone());
        }
        // Each order is one that an index has.
        let column = match which {
            Query { media_from: None, media_to: None, from_ms: None, to_ms: None, .. } => "seq",
            Query { media_from: None, media_to: None, .. } => "at_ms",
            _ => "media_ms",
        };
        let way = if which.is_forward() { "ASC" } else { "DESC" };
        query.push(format_args!(" ORDER BY {column} {way}"));
        if column != "seq" {
            query.push(format_args!(", seq {way}"));
        }
        query.push(" LIMIT ").push_bind(rows_at_most(which.limit, HISTORY_MAX));
        let rows = query.build().fetch_all(&self.read).await?;
        // What a newer server wrote, or a damaged row, is left out: the rest is still worth reading.
        let mut found: Vec<Message> =
            rows.iter().filter_map(|row| message(row).transpose()).collect::<Result<_>>()?;
        if !which.is_forward() {
            found.reverse();
        }
        Ok(found)
    }

    /// The message with this number; none as well if it was recalled.
    pub async fn message(&self, room: &str, seq: u64) -> Result<Option<Message>> {
        let query = sqlx::query("SELECT * FROM message WHERE room = ? AND seq = ? AND recalled = 0");
        let row = query.bind(room).bind(seq.cast_signed()).fetch_optional(&self.read).await?;
        Ok(row.as_ref().map(message).transpose()?.flatten())
    }

    /// Takes a message back. Returns whether it was there.
    pub async fn recall(&self, room: &str, seq: u64, by: &str, at_ms: i64) -> Result<bool> {
        // It may have been said a moment ago.
        self.chat.flush().await;
        let mut transaction = self.write.begin_with("BEGIN IMMEDIATE").await?;
        let query =
            sqlx::query("UPDATE message SET recalled = 1 WHERE room = ? AND seq = ? AND recalled = 0");
        let query = query.bind(room).bind(seq.cast_signed());
        let found = query.execute(&mut *transaction).await?.rows_affected() > 0;
        if found {
            let audit = Audit { subject: format!("message:{seq}"), ..Audit::of(room, by, "recall", at_ms) };
            audit.write(&mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(found)
    }

    /// Takes back everything that somebody said, or that anybody said. Returns up to which number. An error if something of it may
    /// not be in the database yet.
    pub async fn clear(&self, room: &str, user: Option<&str>, by: &str, at_ms: i64) -> Result<u64> {
        let subject = user.map(|user| format!("user:{user}")).unwrap_or_default();
        let audit = Audit { subject, ..Audit::of(room, by, "clear", at_ms) };
        self.clear_some(room, user, None, Some(audit)).await
    }

    /// The same for what was said meanwhile: behind one number, up to another. It is not recorded again.
    pub async fn clear_rest(&self, room: &str, user: Option<&str>, range: (u64, u64)) -> Result<()> {
        self.clear_some(room, user, Some(range), None).await.map(|_| ())
    }

    async fn clear_some(
        &self,
        room: &str,
        user: Option<&str>,
        range: Option<(u64, u64)>,
        mut audit: Option<Audit>,
    ) -> Result<u64> {
        if !self.chat.flush().await {
            return Err(sqlx::Error::PoolTimedOut);
        }
        let last = self.last_seq(room).await?;
        let last = range.map_or(last, |(_, until)| until.min(last)).cast_signed();
        // Behind -1 there is a step even if nothing was said, for the record of it.
        let mut after = range.map_or(-1, |(after, _)| after.cast_signed());
        while after < last {
            let step: Option<i64> = sqlx::query_scalar(
                "SELECT seq FROM message WHERE room = ?1 AND seq > ?2 ORDER BY seq LIMIT 1 OFFSET ?3",
            )
            .bind(room)
            .bind(after)
            .bind(CLEAR_STEP - 1)
            .fetch_optional(&self.read)
            .await?;
            let until = step.unwrap_or(last).min(last);
            let mut transaction = self.write.begin_with("BEGIN IMMEDIATE").await?;
            if let Some(audit) = audit.take() {
                audit.write(&mut transaction).await?;
            }
            let query = sqlx::query(
                "UPDATE message SET recalled = 1 WHERE room = ? AND seq > ? AND seq <= ? AND recalled = 0
                 AND kind <> 'event' AND (? IS NULL OR author = ?)",
            );
            let query = query.bind(room).bind(after).bind(until).bind(user).bind(user);
            query.execute(&mut *transaction).await?;
            transaction.commit().await?;
            after = until;
        }
        Ok(last.cast_unsigned())
    }

    /// The highest number of the messages of a room; 0: none.
    pub async fn last_seq(&self, room: &str) -> Result<u64> {
        let query = sqlx::query_scalar("SELECT coalesce(max(seq), 0) FROM message WHERE room = ?").bind(room);
        query.fetch_one(&self.read).await.map(i64::cast_unsigned)
    }

    /// Writes down that a new epoch of numbers begins, and after which. It is on the disk before anybody is let in: else the numbers of
    /// this epoch would come again after a power cut.
    pub(super) async fn begin_epoch(&self, room: &str) -> Result<u64> {
        let mut connection = self.write.acquire().await?;
        // The connection is everybody's; the setting is taken back below, and a transaction cannot change it.
        sqlx::query("PRAGMA synchronous = FULL").execute(&mut *connection).await?;
        let begun: Result<u64> = async {
            let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
            let query = sqlx::query_as(
                "SELECT (SELECT coalesce(max(seq), 0) FROM message WHERE room = ?1), epoch_seq FROM room WHERE id = ?1",
            );
            let before: Option<(i64, Option<i64>)> =
                query.bind(room).fetch_optional(&mut *transaction).await?;
            let (last_seq, epoch_seq) = before.unwrap_or_default();
            let after_seq = begin_after(last_seq.cast_unsigned(), epoch_seq.map(i64::cast_unsigned));
            let query = sqlx::query("UPDATE room SET epoch_seq = ? WHERE id = ?");
            query.bind(after_seq.cast_signed()).bind(room).execute(&mut *transaction).await?;
            transaction.commit().await?;
            Ok(after_seq)
        }
        .await;
        sqlx::query("PRAGMA synchronous = NORMAL").execute(&mut *connection).await?;
        begun
    }

    /// Lets a message wait for somebody to look at it, and gives it its number. None: too many wait, or the room is gone.
    pub async fn hold(&self, room: &str, held: &Held) -> Result<Option<i64>> {
        let query = sqlx::query_scalar(
            "INSERT INTO held_message (room, at_ms, author, author_name, author_avatar, author_role, cid, reply_to,
                 mentions, kind, body, why)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12
             WHERE EXISTS (SELECT 1 FROM room WHERE id = ?1)
               AND (SELECT count(*) FROM held_message WHERE room = ?1) < ?13
             RETURNING id",
        );
        let author = &held.author;
        let query =
            query.bind(room).bind(held.at_ms).bind(&author.id).bind(&author.name).bind(&author.avatar);
        let query = query.bind(author.role.word()).bind(&held.cid);
        let query = query.bind(held.reply_to.map(u64::cast_signed)).bind(json::names_text(&held.mentions));
        let query = query.bind(held.body.kind()).bind(json::body_text(&held.body)).bind(&held.why);
        query.bind(HELD_MAX).fetch_optional(&self.write).await
    }

    /// Messages that wait, oldest first, from the one after `after` on (0: from the first).
    pub async fn held(&self, room: &str, after: i64, limit: usize) -> Result<Vec<Held>> {
        let query = sqlx::query("SELECT * FROM held_message WHERE room = ? AND id > ? ORDER BY id LIMIT ?");
        let query = query.bind(room).bind(after).bind(rows_at_most(limit, HISTORY_MAX));
        let rows = query.fetch_all(&self.read).await?;
        rows.iter().filter_map(|row| held(row).transpose()).collect()
    }

    /// Takes a message that waits out of the queue: of two who decide on it at once, one has it. Returns it.
    pub async fn take_held(&self, room: &str, id: i64) -> Result<Option<Held>> {
        let query = sqlx::query("DELETE FROM held_message WHERE room = ? AND id = ? RETURNING *");
        let row = query.bind(room).bind(id).fetch_optional(&self.write).await?;
        Ok(row.as_ref().map(held).transpose()?.flatten())
    }
}

fn message(row: &SqliteRow) -> Result<Option<Message>> {
    let Some(body) = json::body(row.try_get("kind")?, row.try_get("body")?) else { return Ok(None) };
    let from = match row.try_get::<Option<String>, _>("author")? {
        Some(id) => Some(Arc::new(Author {
            id,
            name: row.try_get::<Option<String>, _>("author_name")?.unwrap_or_default(),
            avatar: row.try_get::<Option<String>, _>("author_avatar")?.unwrap_or_default(),
            role: row
                .try_get::<Option<&str>, _>("author_role")?
                .and_then(Role::from_word)
                .unwrap_or_default(),
        })),
        None => None,
    };
    Ok(Some(Message {
        seq: row.try_get::<i64, _>("seq")?.cast_unsigned(),
        at_ms: row.try_get("at_ms")?,
        media_ms: row.try_get("media_ms")?,
        from,
        cid: row.try_get("cid")?,
        reply_to: row.try_get::<Option<i64>, _>("reply_to")?.map(i64::cast_unsigned),
        mentions: json::names(row.try_get("mentions")?),
        body,
    }))
}

fn held(row: &SqliteRow) -> Result<Option<Held>> {
    let Some(body) = json::body(row.try_get("kind")?, row.try_get("body")?) else { return Ok(None) };
    Ok(Some(Held {
        id: row.try_get("id")?,
        at_ms: row.try_get("at_ms")?,
        author: Author {
            id: row.try_get("author")?,
            name: row.try_get("author_name")?,
            avatar: row.try_get("author_avatar")?,
            role: Role::from_word(row.try_get("author_role")?).unwrap_or_default(),
        },
        cid: row.try_get("cid")?,
        reply_to: row.try_get::<Option<i64>, _>("reply_to")?.map(i64::cast_unsigned),
        mentions: json::names(row.try_get("mentions")?),
        body,
        why: row.try_get("why")?,
    }))
}
