//! Questions to the index of recordings, and what an operator changes in it.

use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, QueryBuilder, Row as _, Sqlite, SqlitePool};

use super::keys::{self, Key};
use super::recording::{Filter, Format, Page, Part, PartState, Recording, State, Watched};

/// Recordings, their parts and their key frames.
///
/// A recording in progress is here as far as it was a second or so ago.
#[derive(Debug, Clone)]
pub struct Index {
    read: SqlitePool,
    write: SqlitePool,
}

type Result<T> = std::result::Result<T, sqlx::Error>;

impl Index {
    pub(super) fn new(read: SqlitePool, write: SqlitePool) -> Index {
        Index { read, write }
    }

    /// The recording with this id.
    pub async fn find(&self, id: &str) -> Result<Option<Recording>> {
        let row = sqlx::query("SELECT * FROM recording WHERE id = ?").bind(id).fetch_optional(&self.read);
        row.await?.as_ref().map(recording).transpose()
    }

    /// Its files, by number and then by format.
    pub async fn parts(&self, id: &str) -> Result<Vec<Part>> {
        let rows = sqlx::query("SELECT * FROM part WHERE recording = ? ORDER BY number, format").bind(id);
        rows.fetch_all(&self.read).await?.iter().map(part).collect()
    }

    /// Where a decoder can start in a part.
    pub async fn keys(&self, id: &str, number: u32) -> Result<Vec<Key>> {
        let rows =
            sqlx::query("SELECT positions FROM part_keys WHERE recording = ? AND number = ? ORDER BY run")
                .bind(id)
                .bind(number)
                .fetch_all(&self.read)
                .await?;
        let mut found = Vec::new();
        for row in &rows {
            found.extend(keys::decode(row.try_get("positions")?));
        }
        Ok(found)
    }

    /// Recordings, newest first.
    pub async fn list(&self, filter: &Filter, page: &Page) -> Result<Vec<Recording>> {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT * FROM recording WHERE 1 = 1");
        narrow(&mut query, filter);
        if let Some(before) = &page.before {
            query.push(" AND id < ").push_bind(before.clone());
        }
        let limit = i64::try_from(page.limit).unwrap_or(i64::MAX);
        query.push(" ORDER BY id DESC LIMIT ").push_bind(limit);
        query.build().fetch_all(&self.read).await?.iter().map(recording).collect()
    }

    /// The recordings of a stream that have something between two times, in milliseconds since 1970, oldest first.
    /// Hidden ones are left out.
    pub async fn by_time(&self, app: &str, stream: &str, from_ms: i64, to_ms: i64) -> Result<Vec<Recording>> {
        let filter = Filter {
            app: Some(app.to_owned()),
            stream: Some(stream.to_owned()),
            from_ms: Some(from_ms),
            to_ms: Some(to_ms),
            ..Filter::default()
        };
        let mut query = QueryBuilder::<Sqlite>::new("SELECT * FROM recording WHERE 1 = 1");
        narrow(&mut query, &filter);
        query.push(" ORDER BY id");
        query.build().fetch_all(&self.read).await?.iter().map(recording).collect()
    }

    /// Finished recordings that may be deleted at this time, oldest first.
    pub async fn expired(&self, now_ms: i64, limit: usize) -> Result<Vec<Recording>> {
        let rows = sqlx::query(
            "SELECT * FROM recording WHERE expires_ms <= ? AND state IN ('finished', 'failed') ORDER BY expires_ms LIMIT ?",
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        rows.bind(now_ms).bind(limit).fetch_all(&self.read).await?.iter().map(recording).collect()
    }

    /// Shows a recording to viewers or hides it. Returns whether it is there.
    pub async fn set_hidden(&self, id: &str, hidden: bool) -> Result<bool> {
        let done = sqlx::query("UPDATE recording SET hidden = ? WHERE id = ?").bind(hidden).bind(id);
        Ok(done.execute(&self.write).await?.rows_affected() > 0)
    }

    /// Says when a recording may be deleted. Returns whether it is there.
    pub async fn set_expires(&self, id: &str, expires_ms: Option<i64>) -> Result<bool> {
        let done = sqlx::query("UPDATE recording SET expires_ms = ? WHERE id = ?").bind(expires_ms).bind(id);
        Ok(done.execute(&self.write).await?.rows_affected() > 0)
    }

    /// Forgets a recording; its files are the caller's. What the object store has of it is noted as to be deleted. Returns
    /// whether it was there.
    pub async fn delete(&self, id: &str) -> Result<bool> {
        let mut transaction = self.write.begin().await?;
        let notes = [
            "SELECT object_key, '' FROM part WHERE recording = ? AND object_key IS NOT NULL",
            "SELECT note_key, '' FROM recording WHERE id = ? AND note_key IS NOT NULL",
            "SELECT object_key, upload_id FROM upload WHERE recording = ?",
        ];
        for select in notes {
            let insert = format!("INSERT OR IGNORE INTO object_to_delete (object_key, upload_id) {select}");
            sqlx::query(AssertSqlSafe(insert)).bind(id).execute(&mut *transaction).await?;
        }
        let done =
            sqlx::query("DELETE FROM recording WHERE id = ?").bind(id).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(done.rows_affected() > 0)
    }

    pub(super) async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }
}

fn narrow(query: &mut QueryBuilder<Sqlite>, filter: &Filter) {
    if let Some(app) = &filter.app {
        query.push(" AND app = ").push_bind(app.clone());
    }
    if let Some(stream) = &filter.stream {
        query.push(" AND stream = ").push_bind(stream.clone());
    }
    if let Some(state) = filter.state {
        query.push(" AND state = ").push_bind(state.word());
    }
    if let Some(from) = filter.from_ms {
        query.push(" AND coalesce(ended_ms, 9223372036854775807) > ").push_bind(from);
    }
    if let Some(to) = filter.to_ms {
        query.push(" AND started_ms < ").push_bind(to);
    }
    if !filter.hidden {
        query.push(" AND hidden = 0");
    }
}

pub(super) fn recording(row: &SqliteRow) -> Result<Recording> {
    let state: &str = row.try_get("state")?;
    Ok(Recording {
        id: row.try_get("id")?,
        app: row.try_get("app")?,
        stream: row.try_get("stream")?,
        folder: row.try_get("folder")?,
        started_ms: row.try_get("started_ms")?,
        ended_ms: row.try_get("ended_ms")?,
        state: State::of_word(state).unwrap_or(State::Failed),
        reason: row.try_get("reason")?,
        duration_ms: unsigned(row, "duration_ms")?,
        bytes: unsigned(row, "bytes")?,
        codecs: row.try_get("codecs")?,
        gaps: unsigned(row, "gaps")?,
        hidden: row.try_get("hidden")?,
        expires_ms: row.try_get("expires_ms")?,
        watched: Watched { views: unsigned(row, "views")?, bytes: unsigned(row, "sent_bytes")? },
    })
}

pub(super) fn part(row: &SqliteRow) -> Result<Part> {
    let word = |column| row.try_get::<&str, _>(column);
    Ok(Part {
        recording: row.try_get("recording")?,
        number: row.try_get("number")?,
        format: Format::of_word(word("format")?).unwrap_or(Format::Fmp4),
        path: row.try_get("path")?,
        wall_ms: row.try_get("wall_ms")?,
        start_ms: unsigned(row, "start_ms")?,
        duration_ms: unsigned(row, "duration_ms")?,
        bytes: unsigned(row, "bytes")?,
        init_bytes: unsigned(row, "init_bytes")?,
        codecs: row.try_get("codecs")?,
        state: PartState::of_word(word("state")?).unwrap_or(PartState::Local),
        object_key: row.try_get("object_key")?,
    })
}

pub(super) fn unsigned(row: &SqliteRow, column: &str) -> Result<u64> {
    Ok(u64::try_from(row.try_get::<i64, _>(column)?).unwrap_or_default())
}
