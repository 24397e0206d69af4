//! What outlives the server and is more than a file of its own: an SQLite database in the data folder.
//!
//! ```text
//! recorder ─► Writer: the newest state of each row, in memory ─► one task, one connection ─► weir.db (WAL)
//! rooms ────► ChatWriter: messages, counts ─────────────────────► one task, the same connection ─┤
//! API, replay ─► Index: a few connections that read ──────────────────────────────────────────┤
//! API, rooms ──► Rooms: the same, and writes what must hold at once ──────────────────────────────┤
//! gifts ─────► Ledger: what waits, at once, on the disk before the answer ─────────────────────────┘
//! ```
//!
//! - No writer of media waits for the database: it leaves its news with [`Writer`], where a newer state of the same row
//!   takes the place of the older one. A database that is slow, locked or full is tried again and holds up nobody.
//! - Everything about recordings but the counts of who watched can be made again from their files (`record::reindex`). Rooms, messages, gifts and webhooks
//!   are nowhere else.
//! - Commits, but for those of the ledger and for where a room's numbers begin, do not wait for the disk (`synchronous = NORMAL`): after a power cut the last ones can be missing, and the
//!   start finds them again in the files.

mod chat;
pub mod gifts;
mod index;
mod keys;
pub mod ledger;
pub mod lottery;
pub mod outbox;
mod recording;
mod refusal;
pub mod rooms;
mod uploads;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

pub use chat::{ChatFigures, ChatWriter};
pub use gifts::Gifts;
pub use index::Index;
pub use keys::{Key, RUN, decode as decode_keys, encode as encode_keys};
pub use ledger::Ledger;
pub use outbox::{Event, Outbox};
pub use recording::{Filter, Format, Page, Part, PartState, Recording, State, Watched};
use refusal::refusal;
pub use rooms::Rooms;
pub use uploads::{Backlog, ToDelete, Upload, Uploads};
pub use writer::Writer;

/// The database's file in the data folder.
pub const FILE: &str = "weir.db";

/// Connections that read.
const READERS: u32 = 3;

/// How long a statement waits for another process that holds the database's lock.
const BUSY: Duration = Duration::from_secs(5);

/// How long to wait for a connection of the pool.
const ACQUIRE: Duration = Duration::from_secs(10);

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// The database.
#[derive(Debug, Clone)]
pub struct Store {
    /// What is read.
    pub index: Index,
    /// What is written.
    pub writer: Writer,
    /// What goes to the object store.
    pub uploads: Uploads,
    /// Rooms.
    pub rooms: Rooms,
    /// What is said and counted in them.
    pub chat: ChatWriter,
    /// What is to be told to others.
    pub outbox: Outbox,
    /// Gifts, who has one for nothing, and lotteries.
    pub gifts: Gifts,
    /// Gifts that were given.
    pub ledger: Ledger,
    reads: Arc<AtomicU64>,
}

impl Store {
    /// Opens the database of a data folder, makes it when there is none, and brings its tables up to date.
    pub async fn open(data: &Path) -> anyhow::Result<Store> {
        let path = data.join(FILE);
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .foreign_keys(true)
            .busy_timeout(BUSY);
        let pool = |size| SqlitePoolOptions::new().max_connections(size).acquire_timeout(ACQUIRE);
        let write: SqlitePool =
            pool(1).connect_with(options.clone()).await.map_err(|error| refusal(&path, error))?;
        MIGRATIONS.run(&write).await.map_err(|error| refusal(&path, error))?;
        let reads = Arc::<AtomicU64>::default();
        let (new, used) = (reads.clone(), reads.clone());
        let readers = pool(READERS).after_connect(move |_, _| {
            new.fetch_add(1, Ordering::Relaxed);
            Box::pin(async { Ok(()) })
        });
        let readers = readers.before_acquire(move |_, _| {
            used.fetch_add(1, Ordering::Relaxed);
            Box::pin(async { Ok(true) })
        });
        let read = readers.connect_lazy_with(options.read_only(true));
        let outbox = Outbox::new(read.clone(), write.clone());
        let chat = ChatWriter::new(write.clone(), outbox.clone());
        Ok(Store {
            index: Index::new(read.clone(), write.clone()),
            uploads: Uploads::new(read.clone(), write.clone()),
            gifts: Gifts::new(read.clone(), write.clone()),
            ledger: Ledger::new(read.clone(), write.clone(), outbox.clone()),
            rooms: Rooms::new(read, write.clone(), chat.clone(), outbox.clone()),
            chat,
            writer: Writer::new(write, outbox.clone()),
            outbox,
            reads,
        })
    }

    /// How many times something was read.
    pub fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// Writes what is left and closes the connections.
    pub async fn close(&self) {
        self.chat.flush().await;
        self.writer.flush().await;
        self.index.close().await;
    }
}

#[cfg(test)]
mod tests;
