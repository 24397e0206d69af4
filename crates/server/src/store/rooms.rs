//! Rooms: what they are, what was said in them, who may not, and what is counted.
//!
//! What is rare and must hold is written at once, by the functions of [`Rooms`]: descriptions, states, sanctions, the
//! shelf. What is much goes through [`super::ChatWriter`] and is in the database half a second later.

mod about;
mod json;
mod messages;
mod moderation;
mod once;
mod people;
mod shelf;
#[cfg(test)]
mod tests;

use control::room::about::About;
use control::room::message::Message;
use control::room::sanction::Sanctions;
use sqlx::{Sqlite, SqlitePool, Transaction};

pub use about::{After, Filter, LIST_MAX};
pub use messages::{HELD_MAX, HISTORY_MAX, Held, Query, RECENT};
pub use moderation::{Audit, Sanction, WORDS_MAX, Word, subject_text};
pub use once::{KEPT_MS, Once, PENDING_MS, Seen};
pub use people::{Inviter, Minute, REMINDERS_MAX, Totals, Visit, Visitor};
pub use shelf::{GOODS_MAX, Goods, Price, PutGoods};

pub(super) use json::{body_text, names_text};

use super::chat::ChatWriter;
use super::outbox::{self, Event, Outbox};

type Result<T> = std::result::Result<T, sqlx::Error>;

/// The rooms of this server.
#[derive(Debug, Clone)]
pub struct Rooms {
    read: SqlitePool,
    write: SqlitePool,
    chat: ChatWriter,
    outbox: Outbox,
}

/// What a room needs to begin with.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Its description.
    pub about: About,
    /// Its sanctions that are in force.
    pub sanctions: Sanctions,
    /// The number after which its messages are numbered from now on.
    pub after_seq: u64,
    /// Its last messages, oldest first, without what was recalled.
    pub recent: Vec<Message>,
    /// The pinned message, however old it is.
    pub pinned: Option<Message>,
    /// What was counted so far.
    pub totals: Totals,
}

impl Rooms {
    pub(super) fn new(read: SqlitePool, write: SqlitePool, chat: ChatWriter, outbox: Outbox) -> Rooms {
        Rooms { read, write, chat, outbox }
    }

    /// Puts an event of this kind into a transaction, if anybody wants it. After the commit wake the outbox.
    async fn tell(
        &self,
        to: &mut Transaction<'_, Sqlite>,
        kind: &str,
        event: impl FnOnce() -> Event,
    ) -> Result<()> {
        if self.outbox.interest.wants(kind) {
            outbox::put(to, &event()).await?;
        }
        Ok(())
    }

    /// A room with everything that its task needs. It begins a new epoch.
    pub async fn load(&self, id: &str, now_ms: i64) -> Result<Option<Loaded>> {
        if !self.is_there(id).await? {
            return Ok(None);
        }
        // The task before this one may have left something that is not in the database yet. Without it the room would be another.
        if !self.chat.flush().await {
            return Err(sqlx::Error::PoolTimedOut);
        }
        let Some(about) = self.about(id).await? else { return Ok(None) };
        Ok(Some(Loaded {
            sanctions: self.in_force(id, now_ms).await?,
            after_seq: self.begin_epoch(id).await?,
            recent: self.messages(id, &Query { limit: RECENT, ..Query::default() }).await?,
            pinned: match about.pinned {
                Some(seq) => self.message(id, seq).await?,
                None => None,
            },
            totals: self.totals(id).await?,
            about,
        }))
    }
}
