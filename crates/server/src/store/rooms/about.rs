//! Descriptions of rooms.

use std::collections::HashMap;

use control::person::Role;
use control::room::about::{About, Host};
use control::room::show::State;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, QueryBuilder, Row as _, Sqlite, Transaction};

use super::moderation::Audit;
use super::{Result, Rooms, json};
use crate::event;

/// Most rooms of one answer.
pub const LIST_MAX: usize = 500;

/// Rows that one transaction deletes: a room with a million messages must not hold up everybody else's writing.
const DELETE_STEP: i64 = 5_000;

/// Which rooms.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// In this state.
    pub state: Option<State>,
    /// Of this host.
    pub host: Option<String>,
    /// With this stream, as `app/stream`.
    pub stream: Option<String>,
}

/// The last room of the page before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    /// When it was made.
    pub created_ms: i64,
    /// Its id.
    pub id: String,
}

impl Rooms {
    /// Adds a room. Returns false if its id is taken.
    pub async fn create(&self, about: &About) -> Result<bool> {
        let mut transaction = self.write.begin_with("BEGIN IMMEDIATE").await?;
        let query = sqlx::query(
            "INSERT OR IGNORE INTO room (id, title, cover, share_image, host, host_name, host_avatar, stream, state,
                 starts_ms, valid_from_ms, valid_until_ms, live_ms, ended_ms, created_ms, settings, pinned, custom)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        );
        let query = query.bind(&about.id).bind(&about.title).bind(&about.cover).bind(&about.share_image);
        let query = query.bind(&about.host.id).bind(&about.host.name).bind(&about.host.avatar);
        let query = query.bind(&about.stream).bind(about.state.word()).bind(about.starts_ms);
        let query = query.bind(about.valid_from_ms).bind(about.valid_until_ms).bind(about.live_ms);
        let query = query.bind(about.ended_ms).bind(about.created_ms);
        let query = query.bind(json::settings_text(&about.settings));
        let query = query.bind(about.pinned.map(u64::cast_signed)).bind(&about.custom);
        if query.execute(&mut *transaction).await?.rows_affected() == 0 {
            return Ok(false);
        }
        write_crew(&mut transaction, about).await?;
        let created = || event::room(event::ROOM_CREATED, about, about.created_ms);
        self.tell(&mut transaction, event::ROOM_CREATED, created).await?;
        transaction.commit().await?;
        self.outbox.wake();
        Ok(true)
    }

    /// Writes what people describe: everything but the state, its times and the pinned message, which have functions of
    /// their own so that a change of title cannot bring back an old state. Returns whether the room is there.
    pub async fn update(&self, about: &About, at_ms: i64) -> Result<bool> {
        let mut transaction = self.write.begin_with("BEGIN IMMEDIATE").await?;
        let query = sqlx::query(
            "UPDATE room SET title = ?, cover = ?, share_image = ?, host = ?, host_name = ?, host_avatar = ?, stream = ?,
                 starts_ms = ?, valid_from_ms = ?, valid_until_ms = ?, settings = ?, custom = ? WHERE id = ?",
        );
        let query = query.bind(&about.title).bind(&about.cover).bind(&about.share_image);
        let query = query.bind(&about.host.id).bind(&about.host.name).bind(&about.host.avatar);
        let query = query.bind(&about.stream).bind(about.starts_ms);
        let query = query.bind(about.valid_from_ms).bind(about.valid_until_ms);
        let query = query.bind(json::settings_text(&about.settings)).bind(&about.custom).bind(&about.id);
        if query.execute(&mut *transaction).await?.rows_affected() == 0 {
            return Ok(false);
        }
        let query = sqlx::query("DELETE FROM room_crew WHERE room = ?").bind(&about.id);
        query.execute(&mut *transaction).await?;
        write_crew(&mut transaction, about).await?;
        let updated = || event::room(event::ROOM_UPDATED, about, at_ms);
        self.tell(&mut transaction, event::ROOM_UPDATED, updated).await?;
        transaction.commit().await?;
        self.outbox.wake();
        Ok(true)
    }

    /// Forgets a room and everything in it but the audit, which says who did that. Returns whether it was there.
    pub async fn delete(&self, id: &str, by: &str, at_ms: i64) -> Result<bool> {
        let few = [("message", "seq"), ("visitor", "user"), ("room_minute", "minute_ms")];
        for (table, column) in few {
            let delete = format!(
                "DELETE FROM {table} WHERE room = ?1 AND {column} IN (SELECT {column} FROM {table} WHERE room = ?1 LIMIT ?2)"
            );
            loop {
                let query = sqlx::query(AssertSqlSafe(delete.clone())).bind(id).bind(DELETE_STEP);
                if query.execute(&self.write).await?.rows_affected() < DELETE_STEP.unsigned_abs() {
                    break;
                }
            }
        }
        let mut transaction = self.write.begin_with("BEGIN IMMEDIATE").await?;
        for table in ["sanction", "word"] {
            let delete = format!("DELETE FROM {table} WHERE room = ?");
            sqlx::query(AssertSqlSafe(delete)).bind(id).execute(&mut *transaction).await?;
        }
        // They stay, as those that were drawn do; none is drawn in another room that comes under this id.
        let query = "UPDATE lottery SET state = 'cancelled', ended_ms = ? WHERE room = ? AND state = 'open'";
        sqlx::query(query).bind(at_ms).bind(id).execute(&mut *transaction).await?;
        let query = sqlx::query("DELETE FROM room WHERE id = ?").bind(id);
        let found = query.execute(&mut *transaction).await?.rows_affected() > 0;
        if found {
            Audit::of(id, by, "delete", at_ms).write(&mut transaction).await?;
            let deleted = || event::room_deleted(id, at_ms);
            self.tell(&mut transaction, event::ROOM_DELETED, deleted).await?;
        }
        transaction.commit().await?;
        self.outbox.wake();
        Ok(found)
    }

    /// Whether there is a room with this id.
    pub async fn is_there(&self, id: &str) -> Result<bool> {
        let query = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM room WHERE id = ?)").bind(id);
        query.fetch_one(&self.read).await
    }

    /// The room with this id.
    pub async fn about(&self, id: &str) -> Result<Option<About>> {
        let rows = sqlx::query("SELECT * FROM room WHERE id = ?").bind(id).fetch_all(&self.read).await?;
        Ok(self.with_crew(&rows).await?.pop())
    }

    /// Rooms, the newest first.
    pub async fn list(&self, filter: &Filter, after: Option<&After>, limit: usize) -> Result<Vec<About>> {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT * FROM room WHERE 1 = 1");
        if let Some(state) = filter.state {
            query.push(" AND state = ").push_bind(state.word());
        }
        if let Some(host) = &filter.host {
            query.push(" AND host = ").push_bind(host.clone());
        }
        if let Some(stream) = &filter.stream {
            query.push(" AND stream = ").push_bind(stream.clone());
        }
        if let Some(After { created_ms, id }) = after {
            query.push(" AND (created_ms, id) < (").push_bind(*created_ms);
            query.push(", ").push_bind(id.clone()).push(")");
        }
        query.push(" ORDER BY created_ms DESC, id DESC LIMIT ").push_bind(rows_at_most(limit, LIST_MAX));
        let rows = query.build().fetch_all(&self.read).await?;
        self.with_crew(&rows).await
    }

    /// The rooms of a stream: those that can go on air first, then the newest first.
    pub async fn of_stream(&self, stream: &str) -> Result<Vec<About>> {
        let query = sqlx::query(
            "SELECT * FROM room WHERE stream = ?
             ORDER BY state IN ('ended', 'banned'), created_ms DESC, id DESC LIMIT ?",
        );
        let rows = query.bind(stream).bind(rows_at_most(LIST_MAX, LIST_MAX)).fetch_all(&self.read).await?;
        self.with_crew(&rows).await
    }

    /// The streams of the rooms whose show was on when the server stopped, however many.
    pub async fn running_streams(&self) -> Result<Vec<String>> {
        let query = sqlx::query_scalar("SELECT stream FROM room WHERE state IN ('live', 'interrupted')");
        query.fetch_all(&self.read).await
    }

    /// The rooms whose show has lost its stream, however many.
    pub async fn interrupted(&self) -> Result<Vec<String>> {
        let query = sqlx::query_scalar("SELECT id FROM room WHERE state = 'interrupted'");
        query.fetch_all(&self.read).await
    }

    /// Rooms whose time is up and that are not over, some at a time.
    pub async fn due(&self, now_ms: i64) -> Result<Vec<String>> {
        let query = sqlx::query_scalar(
            "SELECT id FROM room INDEXED BY room_running WHERE state IN ('scheduled', 'live', 'interrupted') AND valid_until_ms <= ?
             ORDER BY valid_until_ms LIMIT ?",
        );
        query.bind(now_ms).bind(rows_at_most(LIST_MAX, LIST_MAX)).fetch_all(&self.read).await
    }

    /// Writes where the show is, and since when. Returns whether the room is there.
    pub async fn set_state(
        &self,
        id: &str,
        state: State,
        live_ms: Option<i64>,
        ended_ms: Option<i64>,
    ) -> Result<bool> {
        let query = sqlx::query("UPDATE room SET state = ?, live_ms = ?, ended_ms = ? WHERE id = ?");
        let query = query.bind(state.word()).bind(live_ms).bind(ended_ms).bind(id);
        Ok(query.execute(&self.write).await?.rows_affected() > 0)
    }

    /// Writes which message is pinned. Returns whether the room is there.
    pub async fn set_pinned(&self, id: &str, seq: Option<u64>) -> Result<bool> {
        let query = sqlx::query("UPDATE room SET pinned = ? WHERE id = ?");
        let query = query.bind(seq.map(u64::cast_signed)).bind(id);
        Ok(query.execute(&self.write).await?.rows_affected() > 0)
    }

    async fn with_crew(&self, rows: &[SqliteRow]) -> Result<Vec<About>> {
        let mut rooms: Vec<About> = rows.iter().map(about).collect::<Result<_>>()?;
        if rooms.is_empty() {
            return Ok(rooms);
        }
        let mut query = QueryBuilder::<Sqlite>::new("SELECT room, user, role FROM room_crew WHERE room IN (");
        let mut ids = query.separated(", ");
        for room in &rooms {
            ids.push_bind(room.id.clone());
        }
        query.push(") ORDER BY user");
        let mut crews: HashMap<String, Vec<(String, Role)>> = HashMap::new();
        for row in query.build().fetch_all(&self.read).await? {
            let role = Role::from_word(row.try_get("role")?).unwrap_or_default();
            crews.entry(row.try_get("room")?).or_default().push((row.try_get("user")?, role));
        }
        for room in &mut rooms {
            room.crew = crews.remove(&room.id).unwrap_or_default();
        }
        Ok(rooms)
    }
}

pub(super) fn rows_at_most(limit: usize, most: usize) -> i64 {
    i64::try_from(limit.min(most)).unwrap_or(i64::MAX)
}

async fn write_crew(to: &mut Transaction<'_, Sqlite>, about: &About) -> Result<()> {
    for (user, role) in &about.crew {
        let query = sqlx::query("INSERT OR REPLACE INTO room_crew (room, user, role) VALUES (?, ?, ?)");
        query.bind(&about.id).bind(user).bind(role.word()).execute(&mut **to).await?;
    }
    Ok(())
}

fn about(row: &SqliteRow) -> Result<About> {
    let state: &str = row.try_get("state")?;
    Ok(About {
        id: row.try_get("id")?,
        title: row.try_get("title")?,
        cover: row.try_get("cover")?,
        share_image: row.try_get("share_image")?,
        host: Host {
            id: row.try_get("host")?,
            name: row.try_get("host_name")?,
            avatar: row.try_get("host_avatar")?,
        },
        crew: Vec::new(),
        stream: row.try_get("stream")?,
        // A state that only a newer server knows lets nobody in.
        state: State::from_word(state).unwrap_or(State::Ended),
        starts_ms: row.try_get("starts_ms")?,
        valid_from_ms: row.try_get("valid_from_ms")?,
        valid_until_ms: row.try_get("valid_until_ms")?,
        live_ms: row.try_get("live_ms")?,
        ended_ms: row.try_get("ended_ms")?,
        created_ms: row.try_get("created_ms")?,
        settings: json::settings(row.try_get("settings")?),
        pinned: row.try_get::<Option<i64>, _>("pinned")?.map(i64::cast_unsigned),
        custom: row.try_get("custom")?,
    })
}
