//! What is on its way to the object store, what is there, and what it is to forget.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqlitePool};

use super::index::{part, recording, unsigned};
use super::outbox::{self, Event};
use super::recording::{Part, PartState, Recording};

type Result<T> = std::result::Result<T, sqlx::Error>;

/// Questions about uploads, and their progress.
#[derive(Debug, Clone)]
pub struct Uploads {
    read: SqlitePool,
    write: SqlitePool,
}

/// A file that goes to the store in pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The object's name.
    pub object_key: String,
    /// What the store calls the upload.
    pub upload_id: String,
    /// Length of the file.
    pub bytes: u64,
    /// Length of each piece but the last.
    pub piece_bytes: u64,
    /// What the store said of the pieces that it has, by their number from 0.
    pub pieces: Vec<(u64, String)>,
}

/// How much is where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Complete files that are on this machine alone.
    pub waiting_files: u64,
    /// Their bytes.
    pub waiting_bytes: u64,
    /// Bytes of all files on this machine.
    pub local_bytes: u64,
}

/// Something that the store is to forget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToDelete {
    /// The object's name.
    pub object_key: String,
    /// Of an upload in pieces; empty for the object itself.
    pub upload_id: String,
}

impl Uploads {
    pub(super) fn new(read: SqlitePool, write: SqlitePool) -> Uploads {
        Uploads { read, write }
    }

    /// The upload of a part that was begun.
    pub async fn find(&self, of: &Part) -> Result<Option<Upload>> {
        let key = "recording = ? AND number = ? AND format = ?";
        let query = sqlx::AssertSqlSafe(format!("SELECT * FROM upload WHERE {key}"));
        let query = sqlx::query(query).bind(&of.recording).bind(of.number).bind(of.format.word());
        let Some(row) = query.fetch_optional(&self.read).await? else { return Ok(None) };
        let query =
            sqlx::AssertSqlSafe(format!("SELECT piece, tag FROM upload_piece WHERE {key} ORDER BY piece"));
        let query = sqlx::query(query).bind(&of.recording).bind(of.number).bind(of.format.word());
        let pieces = query.fetch_all(&self.read).await?;
        Ok(Some(Upload {
            object_key: row.try_get("object_key")?,
            upload_id: row.try_get("upload_id")?,
            bytes: unsigned(&row, "bytes")?,
            piece_bytes: unsigned(&row, "piece_bytes")?,
            pieces: pieces
                .iter()
                .map(|row| Ok((unsigned(row, "piece")?, row.try_get("tag")?)))
                .collect::<Result<_>>()?,
        }))
    }

    /// Notes that an upload was begun. Returns whether the recording is still there.
    pub async fn begin(&self, of: &Part, upload: &Upload) -> Result<bool> {
        let query = sqlx::query(
            "INSERT INTO upload (recording, number, format, object_key, upload_id, bytes, piece_bytes)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE EXISTS (SELECT 1 FROM recording WHERE id = ?1)",
        );
        let query = query.bind(&of.recording).bind(of.number).bind(of.format.word());
        let query = query.bind(&upload.object_key).bind(&upload.upload_id);
        let query = query.bind(signed(upload.bytes)).bind(signed(upload.piece_bytes));
        Ok(query.execute(&self.write).await?.rows_affected() > 0)
    }

    /// Notes that the store has a piece. Returns whether the upload is still wanted.
    pub async fn put_piece(&self, of: &Part, piece: u64, tag: &str) -> Result<bool> {
        let query = sqlx::query(
            "INSERT OR REPLACE INTO upload_piece (recording, number, format, piece, tag)
             SELECT ?1, ?2, ?3, ?4, ?5
             WHERE EXISTS (SELECT 1 FROM upload WHERE recording = ?1 AND number = ?2 AND format = ?3)",
        );
        let query = query.bind(&of.recording).bind(of.number).bind(of.format.word());
        Ok(query.bind(signed(piece)).bind(tag).execute(&self.write).await?.rows_affected() > 0)
    }

    /// Forgets that an upload was begun.
    pub async fn forget(&self, of: &Part) -> Result<()> {
        let query = sqlx::query("DELETE FROM upload WHERE recording = ? AND number = ? AND format = ?");
        query.bind(&of.recording).bind(of.number).bind(of.format.word()).execute(&self.write).await?;
        Ok(())
    }

    /// Finished parts that are on this machine alone, oldest first: what is uploaded next.
    pub async fn waiting(&self, limit: usize) -> Result<Vec<Part>> {
        self.in_state(PartState::Local, None, limit).await
    }

    /// Parts that are here and in the store, oldest first, behind one of them: what may go from this machine.
    pub async fn confirmed(&self, after: Option<&Part>, limit: usize) -> Result<Vec<Part>> {
        self.in_state(PartState::Uploaded, after, limit).await
    }

    /// Notes that a part is in the object store under this name, as well as here, and what is to be told of it. Returns
    /// whether it is in the index.
    pub async fn set_uploaded(&self, of: &Part, object_key: &str, news: Option<&Event>) -> Result<bool> {
        let mut transaction = self.write.begin().await?;
        let query = sqlx::query(
            "UPDATE part SET state = 'uploaded', object_key = ? WHERE recording = ? AND number = ? AND format = ?",
        );
        let query = query.bind(object_key).bind(&of.recording).bind(of.number).bind(of.format.word());
        let found = query.execute(&mut *transaction).await?.rows_affected() > 0;
        let query = sqlx::query("DELETE FROM upload WHERE recording = ? AND number = ? AND format = ?");
        query.bind(&of.recording).bind(of.number).bind(of.format.word()).execute(&mut *transaction).await?;
        if let Some(event) = news.filter(|_| found) {
            outbox::put(&mut transaction, event).await?;
        }
        transaction.commit().await?;
        Ok(found)
    }

    /// Notes that a part is in the object store alone.
    pub async fn set_remote(&self, of: &Part) -> Result<()> {
        self.set_state(of, PartState::Uploaded, PartState::Remote).await
    }

    /// Notes that a part is on this machine alone again, as the store has lost it.
    pub async fn set_local(&self, of: &Part) -> Result<()> {
        self.set_state(of, PartState::Uploaded, PartState::Local).await
    }

    /// How much is where.
    pub async fn backlog(&self) -> Result<Backlog> {
        let query =
            "SELECT state, count(*) AS files, coalesce(sum(bytes), 0) AS bytes FROM part GROUP BY state";
        let mut backlog = Backlog::default();
        for row in sqlx::query(query).fetch_all(&self.read).await? {
            let (files, bytes) = (unsigned(&row, "files")?, unsigned(&row, "bytes")?);
            match PartState::of_word(row.try_get("state")?) {
                Some(PartState::Local) => {
                    (backlog.waiting_files, backlog.waiting_bytes) = (files, bytes);
                    backlog.local_bytes += bytes;
                }
                Some(PartState::Open | PartState::Uploaded) => backlog.local_bytes += bytes,
                Some(PartState::Remote) | None => {}
            }
        }
        Ok(backlog)
    }

    /// Recordings that are over and all in the store but for the note about them, oldest first.
    pub async fn without_note(&self, limit: usize) -> Result<Vec<Recording>> {
        let query = sqlx::query(
            "SELECT * FROM recording AS r WHERE note_key IS NULL AND state IN ('finished', 'failed')
             AND EXISTS (SELECT 1 FROM part WHERE recording = r.id AND state IN ('uploaded', 'remote'))
             AND NOT EXISTS (SELECT 1 FROM part WHERE recording = r.id AND state IN ('open', 'local'))
             ORDER BY id LIMIT ?",
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        query.bind(limit).fetch_all(&self.read).await?.iter().map(recording).collect()
    }

    /// Notes where the note about a recording is in the store; `None` when it has changed since. Returns whether the
    /// recording is in the index.
    pub async fn set_note(&self, recording: &str, object_key: Option<&str>) -> Result<bool> {
        let query = sqlx::query("UPDATE recording SET note_key = ? WHERE id = ?").bind(object_key);
        Ok(query.bind(recording).execute(&self.write).await?.rows_affected() > 0)
    }

    /// Notes that the store is to forget something.
    pub async fn put_to_delete(&self, object_key: &str, upload_id: &str) -> Result<()> {
        let query =
            sqlx::query("INSERT OR IGNORE INTO object_to_delete (object_key, upload_id) VALUES (?, ?)");
        query.bind(object_key).bind(upload_id).execute(&self.write).await?;
        Ok(())
    }

    /// What the store is to forget, by name, behind one of them.
    pub async fn to_delete(&self, after: Option<&ToDelete>, limit: usize) -> Result<Vec<ToDelete>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let query = sqlx::query(
            "SELECT * FROM object_to_delete WHERE (object_key, upload_id) > (?, ?)
             ORDER BY object_key, upload_id LIMIT ?",
        );
        // Nothing has an empty name.
        let (key, id) = after.map_or(("", ""), |after| (after.object_key.as_str(), after.upload_id.as_str()));
        let query = query.bind(key).bind(id).bind(limit);
        let one = |row: &SqliteRow| {
            Ok(ToDelete { object_key: row.try_get("object_key")?, upload_id: row.try_get("upload_id")? })
        };
        query.fetch_all(&self.read).await?.iter().map(one).collect()
    }

    /// Notes that the store has forgotten it.
    pub async fn deleted(&self, what: &ToDelete) -> Result<()> {
        let query = sqlx::query("DELETE FROM object_to_delete WHERE object_key = ? AND upload_id = ?");
        query.bind(&what.object_key).bind(&what.upload_id).execute(&self.write).await?;
        Ok(())
    }

    async fn in_state(&self, state: PartState, after: Option<&Part>, limit: usize) -> Result<Vec<Part>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let query = sqlx::query(
            "SELECT * FROM part WHERE state = ? AND (recording, number, format) > (?, ?, ?)
             ORDER BY recording, number, format LIMIT ?",
        );
        let (recording, number, format) =
            after.map_or(("", 0, ""), |after| (after.recording.as_str(), after.number, after.format.word()));
        let query = query.bind(state.word()).bind(recording).bind(number).bind(format);
        query.bind(limit).fetch_all(&self.read).await?.iter().map(part).collect()
    }

    async fn set_state(&self, of: &Part, from: PartState, to: PartState) -> Result<()> {
        let query = sqlx::query(
            "UPDATE part SET state = ? WHERE recording = ? AND number = ? AND format = ? AND state = ?",
        );
        let query = query.bind(to.word()).bind(&of.recording).bind(of.number).bind(of.format.word());
        query.bind(from.word()).execute(&self.write).await?;
        Ok(())
    }
}

/// SQLite has no larger numbers; nothing here comes near.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
