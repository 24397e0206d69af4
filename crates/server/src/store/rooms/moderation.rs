//! Who may not, what is not said, and who decided that.

use std::net::IpAddr;

use control::room::sanction::{Kind, SANCTIONS_MAX, Sanctions, Subject};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row as _, Sqlite, Transaction};

use super::about::rows_at_most;
use super::messages::HISTORY_MAX;
use super::{Result, Rooms};

/// Most words of one room, or of the whole server.
pub const WORDS_MAX: i64 = 10_000;

/// A mute, ban or hiding as it stands in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sanction {
    /// In which room; empty: on the whole server.
    pub room: String,
    /// What somebody may not.
    pub kind: Kind,
    /// Who.
    pub subject: Subject,
    /// Until when, in milliseconds since 1970; none: for good.
    pub until_ms: Option<i64>,
    /// What for.
    pub reason: String,
    /// Who said so: `user:ID` or `key:NAME`.
    pub by: String,
    /// When.
    pub at_ms: i64,
}

/// Something that somebody did who may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// Its number; 0 before it has one.
    pub id: i64,
    /// In which room; empty: on the whole server.
    pub room: String,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Who: `user:ID` or `key:NAME`.
    pub by: String,
    /// What, as a word.
    pub what: String,
    /// To whom or what: `user:ID`, `ip:ADDRESS`, `message:NUMBER` ...
    pub subject: String,
    /// Whatever else is worth knowing.
    pub detail: String,
}

/// A word that is not said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// In which room; empty: on the whole server.
    pub room: String,
    /// As the operator wrote it.
    pub word: String,
    /// What becomes of a message with it: `replace`, `hold`, `refuse`.
    pub action: String,
    /// How it is spelled in Latin letters, with a space between syllables; none: it is not looked for.
    pub pinyin: Option<String>,
}

impl Audit {
    /// One with nothing to say about whom.
    pub fn of(room: &str, by: &str, what: &str, at_ms: i64) -> Audit {
        Audit {
            id: 0,
            room: room.to_owned(),
            at_ms,
            by: by.to_owned(),
            what: what.to_owned(),
            subject: String::new(),
            detail: String::new(),
        }
    }

    pub(super) async fn write(&self, to: &mut Transaction<'_, Sqlite>) -> Result<()> {
        let query = sqlx::query(
            "INSERT INTO audit (room, at_ms, by, what, subject, detail) VALUES (?, ?, ?, ?, ?, ?)",
        );
        let query = query.bind(&self.room).bind(self.at_ms).bind(&self.by).bind(&self.what);
        query.bind(&self.subject).bind(&self.detail).execute(&mut **to).await?;
        Ok(())
    }
}

impl Rooms {
    /// Puts a sanction in force, in the place of the one before, and writes down who did. Returns whether there was room
    /// for one more.
    pub async fn sanction(&self, sanction: &Sanction) -> Result<bool> {
        let mut transaction = self.write.begin_with("BEGIN IMMEDIATE").await?;
        let subject = subject_text(&sanction.subject);
        let query = sqlx::query(
            "INSERT OR REPLACE INTO sanction (room, kind, subject, until_ms, reason, by, at_ms)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE (SELECT count(*) FROM sanction WHERE room = ?1) < ?8
                OR EXISTS (SELECT 1 FROM sanction WHERE room = ?1 AND kind = ?2 AND subject = ?3)",
        );
        let query = query.bind(&sanction.room).bind(sanction.kind.word()).bind(&subject);
        let query = query.bind(sanction.until_ms).bind(&sanction.reason).bind(&sanction.by);
        let query = query.bind(sanction.at_ms).bind(SANCTIONS_MAX.cast_signed() as i64);
        let written = query.execute(&mut *transaction).await?.rows_affected() > 0;
        if written {
            let until = sanction.until_ms.map(|until| format!("until {until} ")).unwrap_or_default();
            let audit = Audit {
                subject,
                detail: format!("{until}{}", sanction.reason).trim_end().to_owned(),
                ..Audit::of(&sanction.room, &sanction.by, sanction.kind.word(), sanction.at_ms)
            };
            audit.write(&mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(written)
    }

    /// Lifts a sanction and writes down who did. Returns whether it was there.
    pub async fn lift(
        &self,
        room: &str,
        kind: Kind,
        subject: &Subject,
        by: &str,
        at_ms: i64,
    ) -> Result<bool> {
        let mut transaction = self.write.begin_with("BEGIN IMMEDIATE").await?;
        let subject = subject_text(subject);
        let query = sqlx::query("DELETE FROM sanction WHERE room = ? AND kind = ? AND subject = ?");
        let query = query.bind(room).bind(kind.word()).bind(&subject);
        let found = query.execute(&mut *transaction).await?.rows_affected() > 0;
        if found {
            let what = match kind {
                Kind::Mute => "unmute",
                Kind::Ban => "unban",
                Kind::Hide => "unhide",
            };
            Audit { subject, ..Audit::of(room, by, what, at_ms) }.write(&mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(found)
    }

    /// Whether somebody may not be in a room at this time, by a ban of the room or of the whole server.
    pub async fn is_banned(&self, room: &str, user: Option<&str>, from: IpAddr, now_ms: i64) -> Result<bool> {
        let query = sqlx::query(
            "SELECT 1 FROM sanction WHERE room IN (?, '') AND kind = 'ban' AND subject IN (?, ?)
             AND (until_ms IS NULL OR until_ms > ?) LIMIT 1",
        );
        let user = user.map(|user| format!("user:{user}"));
        let query = query.bind(room).bind(user).bind(subject_text(&Subject::Address(from))).bind(now_ms);
        Ok(query.fetch_optional(&self.read).await?.is_some())
    }

    /// Whether there is such a sanction, in force or over.
    pub async fn find_sanction(&self, room: &str, kind: Kind, subject: &Subject) -> Result<bool> {
        let query = sqlx::query("SELECT 1 FROM sanction WHERE room = ? AND kind = ? AND subject = ?");
        let query = query.bind(room).bind(kind.word()).bind(subject_text(subject));
        Ok(query.fetch_optional(&self.read).await?.is_some())
    }

    /// Sanctions of a room (empty: of the whole server) of one kind or all, also those that are over, in the order of
    /// kind and subject; `after` names the subject as [`subject_text`] does.
    pub async fn sanctions(
        &self,
        room: &str,
        kind: Option<Kind>,
        after: Option<(Kind, &str)>,
        limit: usize,
    ) -> Result<Vec<Sanction>> {
        let (after_kind, after_subject) = after.map_or(("", ""), |(kind, subject)| (kind.word(), subject));
        let query = sqlx::query(
            "SELECT * FROM sanction WHERE room = ?1 AND (?2 IS NULL OR kind = ?2) AND (kind, subject) > (?3, ?4)
             ORDER BY kind, subject LIMIT ?5",
        );
        let query = query.bind(room).bind(kind.map(Kind::word)).bind(after_kind).bind(after_subject);
        let rows = query.bind(rows_at_most(limit, HISTORY_MAX)).fetch_all(&self.read).await?;
        rows.iter().filter_map(|row| sanction(row).transpose()).collect()
    }

    /// The sanctions of the whole server that are in force.
    pub async fn global_sanctions(&self, now_ms: i64) -> Result<Sanctions> {
        self.in_force("", now_ms).await
    }

    /// The sanctions of a room (empty: of the whole server) that are in force.
    pub async fn in_force(&self, room: &str, now_ms: i64) -> Result<Sanctions> {
        let query =
            sqlx::query("SELECT * FROM sanction WHERE room = ? AND (until_ms IS NULL OR until_ms > ?)");
        let mut all = Sanctions::default();
        for row in query.bind(room).bind(now_ms).fetch_all(&self.read).await? {
            if let Some(Sanction { kind, subject, until_ms, .. }) = sanction(&row)? {
                all.set(kind, subject, until_ms);
            }
        }
        Ok(all)
    }

    /// Deletes sanctions that were over at this time. Returns how many.
    pub async fn expire_sanctions(&self, now_ms: i64) -> Result<u64> {
        let query = sqlx::query("DELETE FROM sanction WHERE until_ms <= ?").bind(now_ms);
        Ok(query.execute(&self.write).await?.rows_affected())
    }

    /// Writes down something that somebody did and that is not in the database otherwise.
    pub async fn audit(&self, audit: &Audit) -> Result<()> {
        let mut transaction = self.write.begin_with("BEGIN IMMEDIATE").await?;
        audit.write(&mut transaction).await?;
        transaction.commit().await
    }

    /// What was done in a room (empty: on the whole server), newest first, before that number.
    pub async fn audits(&self, room: &str, before: Option<i64>, limit: usize) -> Result<Vec<Audit>> {
        let query = sqlx::query("SELECT * FROM audit WHERE room = ? AND id < ? ORDER BY id DESC LIMIT ?");
        let query = query.bind(room).bind(before.unwrap_or(i64::MAX)).bind(rows_at_most(limit, HISTORY_MAX));
        let one = |row: &SqliteRow| {
            Ok(Audit {
                id: row.try_get("id")?,
                room: row.try_get("room")?,
                at_ms: row.try_get("at_ms")?,
                by: row.try_get("by")?,
                what: row.try_get("what")?,
                subject: row.try_get("subject")?,
                detail: row.try_get("detail")?,
            })
        };
        query.fetch_all(&self.read).await?.iter().map(one).collect()
    }

    /// Adds words or says something else of them, all or none, and writes down who did. Returns whether there was room for all.
    pub async fn put_words(&self, words: &[Word], by: &str, at_ms: i64) -> Result<bool> {
        let mut transaction = self.write.begin_with("BEGIN IMMEDIATE").await?;
        for word in words {
            let query = sqlx::query(
                "INSERT OR REPLACE INTO word (room, word, action, pinyin) SELECT ?1, ?2, ?3, ?4
                 WHERE (SELECT count(*) FROM word WHERE room = ?1) < ?5
                    OR EXISTS (SELECT 1 FROM word WHERE room = ?1 AND word = ?2)",
            );
            let query = query.bind(&word.room).bind(&word.word).bind(&word.action);
            let query = query.bind(&word.pinyin).bind(WORDS_MAX);
            if query.execute(&mut *transaction).await?.rows_affected() == 0 {
                return Ok(false);
            }
            let spelled = word.pinyin.as_ref().map(|pinyin| format!(", {pinyin}")).unwrap_or_default();
            let audit = Audit {
                subject: format!("word:{}", word.word),
                detail: format!("{}{spelled}", word.action),
                ..Audit::of(&word.room, by, "add_word", at_ms)
            };
            audit.write(&mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Takes a word away and writes down who did. Returns whether it was there.
    pub async fn delete_word(&self, room: &str, word: &str, by: &str, at_ms: i64) -> Result<bool> {
        let mut transaction = self.write.begin_with("BEGIN IMMEDIATE").await?;
        let query = sqlx::query("DELETE FROM word WHERE room = ? AND word = ?").bind(room).bind(word);
        let found = query.execute(&mut *transaction).await?.rows_affected() > 0;
        if found {
            let audit =
                Audit { subject: format!("word:{word}"), ..Audit::of(room, by, "remove_word", at_ms) };
            audit.write(&mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(found)
    }

    /// The words of a room (empty: of the whole server).
    pub async fn words(&self, room: &str) -> Result<Vec<Word>> {
        self.words_where("WHERE room = ?", Some(room)).await
    }

    /// The words of all rooms and of the whole server.
    pub async fn all_words(&self) -> Result<Vec<Word>> {
        self.words_where("", None).await
    }

    async fn words_where(&self, condition: &str, room: Option<&str>) -> Result<Vec<Word>> {
        let query = AssertSqlSafe(format!("SELECT * FROM word {condition} ORDER BY room, word"));
        let mut query = sqlx::query(query);
        if let Some(room) = room {
            query = query.bind(room.to_owned());
        }
        let one = |row: &SqliteRow| {
            Ok(Word {
                room: row.try_get("room")?,
                word: row.try_get("word")?,
                action: row.try_get("action")?,
                pinyin: row.try_get("pinyin")?,
            })
        };
        query.fetch_all(&self.read).await?.iter().map(one).collect()
    }
}

/// A subject as the database has it.
pub fn subject_text(subject: &Subject) -> String {
    match subject {
        Subject::User(id) => format!("user:{id}"),
        Subject::Address(address) => format!("ip:{address}"),
    }
}

fn subject(text: &str) -> Option<Subject> {
    let user = text.strip_prefix("user:").map(|id| Subject::User(id.to_owned()));
    user.or_else(|| text.strip_prefix("ip:")?.parse::<IpAddr>().ok().map(Subject::Address))
}

fn sanction(row: &SqliteRow) -> Result<Option<Sanction>> {
    let kind = Kind::from_word(row.try_get("kind")?);
    let Some((kind, subject)) = kind.zip(subject(row.try_get("subject")?)) else { return Ok(None) };
    Ok(Some(Sanction {
        room: row.try_get("room")?,
        kind,
        subject,
        until_ms: row.try_get("until_ms")?,
        reason: row.try_get("reason")?,
        by: row.try_get("by")?,
        at_ms: row.try_get("at_ms")?,
    }))
}
