//! What rooms tell the database of what is said and counted. No room waits for it.
//!
//! Messages wait in the order in which they came; everything else is summed up by its row, so that a like costs nothing
//! however many there are. What was said in the last [`TICK`] can be missing after a crash.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use control::room::message::{Body, Message};
use control::room::show::State;
use sqlx::{AssertSqlSafe, QueryBuilder, Sqlite, SqlitePool, Transaction};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use tracing::{info, warn};

use super::outbox::{self, Event, Outbox};
use super::rooms::{Minute, Totals, Visit, body_text, names_text};

/// Between two commits. All rooms share one.
const TICK: Duration = Duration::from_millis(250);

/// The first pause after a commit that failed; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Most rows that wait while the database cannot be written. Beyond, the oldest messages are forgotten.
const MAX_ROWS: usize = 200_000;

/// Most bytes that wait.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Most messages and events, and most visits, of one transaction: others write with the same connection.
const BATCH: usize = 5_000;

/// Most messages of one statement; from there on more of them are no faster.
const ROWS_MAX: usize = 32;

/// Rooms that one question asks for.
const ROOMS_ASKED: usize = 1_000;

/// What a message or a visit takes in memory besides its texts, in bytes.
const OVERHEAD: usize = 256;

/// Most things on shelves whose clicks are not in the database yet.
const MAX_CLICKED: usize = 10_000;

/// How long whoever waits for the database waits at most.
const PATIENCE: Duration = Duration::from_secs(5);

/// A minute, in milliseconds.
const MINUTE_MS: i64 = 60_000;

/// Takes what is said and counted in rooms and writes it when it can; clones share one queue.
#[derive(Debug, Clone)]
pub struct ChatWriter {
    shared: Arc<Shared>,
}

/// How the queue is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChatFigures {
    /// Rows that are not in the database yet.
    pub waiting_rows: usize,
    /// About how many bytes they take.
    pub waiting_bytes: usize,
    /// Messages that are in the database.
    pub written: u64,
    /// Messages and visits that are not and will not be, as there were too many.
    pub dropped: u64,
}

#[derive(Debug)]
struct Shared {
    pool: SqlitePool,
    outbox: Outbox,
    waiting: Mutex<Waiting>,
    news: Notify,
    hurry: Notify,
    /// How much was taken, and how much of it is in the database.
    taken: watch::Sender<u64>,
    settled: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Waiting {
    batch: Batch,
    bytes: usize,
    written: u64,
    dropped: u64,
}

#[derive(Debug, Default)]
struct Batch {
    said: VecDeque<Said>,
    visits: BTreeMap<(String, String), Visit>,
    totals: BTreeMap<String, Totals>,
    minutes: BTreeMap<(String, i64), Minute>,
    /// Where shows are, and since when they have been on air and over.
    shows: BTreeMap<String, Show>,
    clicks: BTreeMap<(String, String), u64>,
}

/// A message, what others are told, or both: they are written together.
#[derive(Debug)]
struct Said {
    room: String,
    message: Option<Message>,
    event: Option<Event>,
}

type Show = (State, Option<i64>, Option<i64>);

impl ChatWriter {
    pub(super) fn new(pool: SqlitePool, outbox: Outbox) -> ChatWriter {
        let shared = Shared {
            pool,
            outbox,
            waiting: Mutex::default(),
            news: Notify::new(),
            hurry: Notify::new(),
            taken: watch::Sender::new(0),
            settled: watch::Sender::new(0),
        };
        ChatWriter { shared: Arc::new(shared) }
    }

    /// Something was said; and others are told, if there is an event.
    pub fn put_message(&self, room: &str, message: &Message, event: Option<Event>) {
        self.put(Said { room: room.to_owned(), message: Some(message.clone()), event });
    }

    /// Something happened in a room of which others are told.
    pub fn put_event(&self, room: &str, event: Event) {
        self.put(Said { room: room.to_owned(), message: None, event: Some(event) });
    }

    /// Whether anybody wants events of this kind.
    pub fn wants(&self, kind: &str) -> bool {
        self.shared.outbox.interest.wants(kind)
    }

    fn put(&self, said: Said) {
        let mut waiting = self.lock();
        waiting.bytes += said.bytes();
        waiting.batch.said.push_back(said);
        self.took(waiting);
    }

    /// So much came to what is counted. Visits, visitors and the time that they stayed are left 0: they follow from
    /// [`ChatWriter::visit`].
    pub fn add(&self, room: &str, more: Totals) {
        let mut waiting = self.lock();
        waiting.batch.totals.entry(room.to_owned()).or_default().add(more);
        self.took(waiting);
    }

    /// So much came to a minute, which begins at that time. Visits are left 0 as well.
    pub fn add_minute(&self, room: &str, minute_ms: i64, more: Minute) {
        let mut waiting = self.lock();
        waiting.batch.minutes.entry((room.to_owned(), minute_ms)).or_default().add(more);
        self.took(waiting);
    }

    /// Where a show is, and since when it has been on air and over; the newest counts.
    pub fn put_state(&self, room: &str, state: State, live_ms: Option<i64>, ended_ms: Option<i64>) {
        let mut waiting = self.lock();
        waiting.batch.shows.insert(room.to_owned(), (state, live_ms, ended_ms));
        self.took(waiting);
    }

    /// Somebody looked at something on the shelf. The total of the room follows from it.
    pub fn goods_click(&self, room: &str, goods: &str) {
        let mut waiting = self.lock();
        // The bound is against made-up ids.
        if waiting.batch.clicks.len() < MAX_CLICKED {
            *waiting.batch.clicks.entry((room.to_owned(), goods.to_owned())).or_default() += 1;
        }
        self.took(waiting);
    }

    /// Somebody came, or was here for a while. Counts them in everything that is counted of visits.
    pub fn visit(&self, room: &str, visit: Visit) {
        let mut waiting = self.lock();
        let minute = visit.at_ms.div_euclid(MINUTE_MS) * MINUTE_MS;
        let more = Totals { visits: visit.visits, watch_ms: visit.watch_ms, ..Totals::default() };
        waiting.batch.totals.entry(room.to_owned()).or_default().add(more);
        if visit.visits > 0 {
            let more = Minute { visits: visit.visits, ..Minute::default() };
            waiting.batch.minutes.entry((room.to_owned(), minute)).or_default().add(more);
        }
        waiting.put_visit(room.to_owned(), visit);
        self.took(waiting);
    }

    /// Returns when everything that was taken before is in the database, or after some seconds: whether it is. Returns at once
    /// when there is nothing.
    pub async fn flush(&self) -> bool {
        let taken = *self.shared.taken.borrow();
        let mut settled = self.shared.settled.subscribe();
        self.shared.hurry.notify_one();
        let written = timeout(PATIENCE, settled.wait_for(|settled| *settled >= taken)).await.is_ok();
        if !written {
            warn!("the database is slow: what is said and counted in rooms is not all written");
        }
        written
    }

    /// How the queue is.
    pub fn figures(&self) -> ChatFigures {
        let waiting = self.lock();
        ChatFigures {
            waiting_rows: waiting.rows(),
            waiting_bytes: waiting.bytes,
            written: waiting.written,
            dropped: waiting.dropped,
        }
    }

    /// Writes for as long as the server runs.
    pub async fn run(self) {
        let mut pause = FIRST_PAUSE;
        let mut failed = false;
        loop {
            self.shared.news.notified().await;
            loop {
                let (taken, batch, is_all) = self.take();
                if batch.is_empty() {
                    self.shared.settled.send_replace(taken);
                    break;
                }
                match self.write(&batch).await {
                    Ok(()) => {
                        if std::mem::take(&mut failed) {
                            info!("the database takes what is said in rooms again");
                        }
                        pause = FIRST_PAUSE;
                        self.wrote(&batch);
                        // What came meanwhile is for the next time: whoever waits does not wait for that.
                        if is_all {
                            self.shared.settled.send_replace(taken);
                            break;
                        }
                    }
                    Err(error) => {
                        if !std::mem::replace(&mut failed, true) {
                            warn!(%error, "the database cannot be written; chat goes on, and what it should hold is kept until it can");
                        }
                        self.put_back(batch);
                        tokio::time::sleep(pause).await;
                        pause = (pause * 2).min(LONGEST_PAUSE);
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep(TICK) => {}
                () = self.shared.hurry.notified() => {}
            }
        }
    }

    /// As much as one transaction takes, and whether that is all there is.
    fn take(&self) -> (u64, Batch, bool) {
        let mut waiting = self.lock();
        let mut batch = Batch {
            totals: std::mem::take(&mut waiting.batch.totals),
            minutes: std::mem::take(&mut waiting.batch.minutes),
            shows: std::mem::take(&mut waiting.batch.shows),
            clicks: std::mem::take(&mut waiting.batch.clicks),
            ..Batch::default()
        };
        let count = waiting.batch.said.len().min(BATCH);
        batch.said.extend(waiting.batch.said.drain(..count));
        while let Some((key, visit)) =
            (batch.visits.len() < BATCH).then(|| waiting.batch.visits.pop_first()).flatten()
        {
            batch.visits.insert(key, visit);
        }
        waiting.bytes = waiting.bytes.saturating_sub(batch.bytes());
        (*self.shared.taken.borrow(), batch, waiting.batch.is_empty())
    }

    /// Counts what is written.
    fn wrote(&self, batch: &Batch) {
        self.lock().written += batch.messages().count() as u64;
    }

    /// What could not be written waits again, before what came since.
    fn put_back(&self, batch: Batch) {
        let mut waiting = self.lock();
        waiting.bytes += batch.said.iter().map(Said::bytes).sum::<usize>();
        for said in batch.said.into_iter().rev() {
            waiting.batch.said.push_front(said);
        }
        for ((room, _), visit) in batch.visits {
            waiting.put_visit_before(room, visit);
        }
        for (room, more) in batch.totals {
            waiting.batch.totals.entry(room).or_default().add(more);
        }
        for (key, more) in batch.minutes {
            waiting.batch.minutes.entry(key).or_default().add(more);
        }
        for (room, show) in batch.shows {
            waiting.batch.shows.entry(room).or_insert(show);
        }
        for (key, more) in batch.clicks {
            *waiting.batch.clicks.entry(key).or_default() += more;
        }
        waiting.shed();
    }

    async fn write(&self, batch: &Batch) -> Result<(), sqlx::Error> {
        // The lock at once: a transaction that reads first and then finds that another process wrote cannot go on.
        let mut transaction = self.shared.pool.begin_with("BEGIN IMMEDIATE").await?;
        let there = rooms_there(&mut transaction, batch).await?;
        let messages: Vec<_> = batch.messages().filter(|(room, _)| there.contains(*room)).collect();
        let mut rest = &messages[..];
        while !rest.is_empty() {
            // Powers of two, so that there are few different statements and each is prepared once.
            let size = ROWS_MAX.min(1 << rest.len().ilog2());
            let (rows, after) = rest.split_at(size);
            write_messages(&mut transaction, rows).await?;
            rest = after;
        }
        let mut told = false;
        for said in batch.said.iter().filter(|said| there.contains(&said.room)) {
            if let Some(event) = &said.event {
                outbox::put(&mut transaction, event).await?;
                told = true;
            }
        }
        let mut totals = batch.totals.clone();
        for ((room, _), visit) in batch.visits.iter().filter(|((room, _), _)| there.contains(room)) {
            if write_visit(&mut transaction, room, visit).await? {
                totals.entry(room.clone()).or_default().visitors += 1;
            }
        }
        for ((room, goods), more) in &batch.clicks {
            let query = sqlx::query(
                "UPDATE goods SET clicks = clicks + ? WHERE room = ? AND id = ? AND on_shelf = 1",
            );
            let query = query.bind(more.cast_signed()).bind(room).bind(goods);
            // What is not on the shelf is counted nowhere.
            if query.execute(&mut *transaction).await?.rows_affected() > 0 {
                totals.entry(room.clone()).or_default().goods_clicks += more;
            }
        }
        for (room, more) in totals.iter().filter(|(room, _)| there.contains(*room)) {
            write_totals(&mut transaction, room, more).await?;
        }
        for ((room, minute_ms), more) in batch.minutes.iter().filter(|((room, _), _)| there.contains(room)) {
            write_minute(&mut transaction, room, *minute_ms, more).await?;
        }
        for (room, (state, live_ms, ended_ms)) in &batch.shows {
            let query = sqlx::query("UPDATE room SET state = ?, live_ms = ?, ended_ms = ? WHERE id = ?");
            let query = query.bind(state.word()).bind(live_ms).bind(ended_ms).bind(room);
            query.execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        if told {
            self.shared.outbox.wake();
        }
        Ok(())
    }

    fn took(&self, mut waiting: MutexGuard<'_, Waiting>) {
        waiting.shed();
        self.shared.taken.send_modify(|taken| *taken += 1);
        drop(waiting);
        self.shared.news.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn rows(&self) -> usize {
        let Batch { said, visits, totals, minutes, shows, clicks } = &self.batch;
        said.len() + visits.len() + totals.len() + minutes.len() + shows.len() + clicks.len()
    }

    fn put_visit(&mut self, room: String, visit: Visit) {
        let bytes = visit_bytes(&room, &visit);
        match self.batch.visits.entry((room, visit.user.clone())) {
            std::collections::btree_map::Entry::Occupied(mut before) => {
                let had = visit_bytes(&before.key().0, before.get());
                before.get_mut().add(visit);
                self.bytes = self.bytes - had + visit_bytes(&before.key().0, before.get());
            }
            std::collections::btree_map::Entry::Vacant(free) => {
                free.insert(visit);
                self.bytes += bytes;
            }
        }
    }

    fn put_visit_before(&mut self, room: String, mut visit: Visit) {
        if let Some(later) = self.batch.visits.remove(&(room.clone(), visit.user.clone())) {
            self.bytes = self.bytes.saturating_sub(visit_bytes(&room, &later));
            visit.add(later);
        }
        self.put_visit(room, visit);
    }

    fn shed(&mut self) {
        while self.rows() > MAX_ROWS || self.bytes > MAX_BYTES {
            let bytes = if let Some(said) = self.batch.said.pop_front() {
                said.bytes()
            } else if let Some(((room, _), visit)) = self.batch.visits.pop_first() {
                visit_bytes(&room, &visit)
            } else {
                // Counts only, few of each room: hours of them.
                self.batch.minutes.clear();
                return;
            };
            self.bytes = self.bytes.saturating_sub(bytes);
            if self.dropped == 0 {
                warn!(
                    "too much was said while the database could not be written: the oldest messages are not kept"
                );
            }
            self.dropped += 1;
        }
    }
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.said.is_empty()
            && self.visits.is_empty()
            && self.totals.is_empty()
            && self.minutes.is_empty()
            && self.shows.is_empty()
            && self.clicks.is_empty()
    }

    fn bytes(&self) -> usize {
        let visits = self.visits.iter().map(|((room, _), visit)| visit_bytes(room, visit));
        self.said.iter().map(Said::bytes).sum::<usize>() + visits.sum::<usize>()
    }

    fn messages(&self) -> impl Iterator<Item = (&str, &Message)> {
        self.said.iter().filter_map(|said| Some((said.room.as_str(), said.message.as_ref()?)))
    }
}

impl Said {
    fn bytes(&self) -> usize {
        let message = self.message.as_ref().map_or(0, |message| message_bytes(&self.room, message));
        let event = self.event.as_ref().map_or(0, |event| OVERHEAD + event.subject.len() + event.data.len());
        message + event
    }
}

impl Totals {
    /// These and as many more; of the most at once, the higher.
    pub fn add(&mut self, more: Totals) {
        self.visits += more.visits;
        self.visitors += more.visitors;
        self.peak = self.peak.max(more.peak);
        self.watch_ms += more.watch_ms;
        self.likes += more.likes;
        self.messages += more.messages;
        self.gifts += more.gifts;
        self.gift_value += more.gift_value;
        self.shares += more.shares;
        self.goods_clicks += more.goods_clicks;
    }
}

impl Minute {
    /// These and as many more; of the most at once, the higher.
    pub fn add(&mut self, more: Minute) {
        self.online = self.online.max(more.online);
        self.visits += more.visits;
        self.messages += more.messages;
        self.likes += more.likes;
        self.gifts += more.gifts;
    }
}

impl Visit {
    fn add(&mut self, later: Visit) {
        self.inviter = self.inviter.take().or(later.inviter);
        self.name = later.name;
        self.avatar = later.avatar;
        self.at_ms = self.at_ms.max(later.at_ms);
        self.visits += later.visits;
        self.watch_ms += later.watch_ms;
    }
}

fn message_bytes(room: &str, message: &Message) -> usize {
    let body = match &message.body {
        Body::Text(text) | Body::Notice(text) => text.len(),
        Body::Image(image) => image.url.len(),
        Body::Custom(custom) => custom.name.len() + custom.data.len(),
        Body::Gift(gift) => gift.id.len() + gift.name.len() + gift.icon.len(),
        Body::Event(_) => 0,
    };
    let mentions: usize = message.mentions.iter().map(|user| user.len() + size_of::<String>()).sum();
    OVERHEAD + room.len() + message.cid.len() + body + mentions
}

fn visit_bytes(room: &str, visit: &Visit) -> usize {
    let inviter = visit.inviter.as_ref().map_or(0, String::len);
    OVERHEAD + room.len() + 2 * visit.user.len() + visit.name.len() + visit.avatar.len() + inviter
}

/// The rooms of a batch that have not been deleted since.
async fn rooms_there(
    from: &mut Transaction<'_, Sqlite>,
    batch: &Batch,
) -> Result<HashSet<String>, sqlx::Error> {
    let mut wanted: HashSet<&str> = batch.said.iter().map(|said| said.room.as_str()).collect();
    wanted.extend(batch.visits.keys().map(|(room, _)| room.as_str()));
    wanted.extend(batch.totals.keys().map(String::as_str));
    wanted.extend(batch.minutes.keys().map(|(room, _)| room.as_str()));
    wanted.extend(batch.clicks.keys().map(|(room, _)| room.as_str()));
    let wanted: Vec<&str> = wanted.into_iter().collect();
    let mut there = HashSet::with_capacity(wanted.len());
    for some in wanted.chunks(ROOMS_ASKED) {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT id FROM room WHERE id IN (");
        let mut ids = query.separated(", ");
        for id in some {
            ids.push_bind((*id).to_owned());
        }
        query.push(")");
        there.extend(query.build_query_scalar::<String>().fetch_all(&mut **from).await?);
    }
    Ok(there)
}

/// A number that is there already stays as it is: it was written, and only the answer was lost.
async fn write_messages(
    to: &mut Transaction<'_, Sqlite>,
    rows: &[(&str, &Message)],
) -> Result<(), sqlx::Error> {
    const ROW: &str = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let values = vec![ROW; rows.len()].join(", ");
    let insert = format!(
        "INSERT OR IGNORE INTO message (room, seq, at_ms, media_ms, kind, author, author_name, author_avatar, author_role,
             cid, reply_to, mentions, body) VALUES {values}"
    );
    let mut query = sqlx::query(AssertSqlSafe(insert));
    for (room, message) in rows {
        let from = message.from.as_deref();
        query = query.bind(*room).bind(message.seq.cast_signed()).bind(message.at_ms).bind(message.media_ms);
        query = query.bind(message.body.kind()).bind(from.map(|author| &author.id));
        query = query.bind(from.map(|author| &author.name)).bind(from.map(|author| &author.avatar));
        query = query.bind(from.map(|author| author.role.word())).bind(&message.cid);
        query = query.bind(message.reply_to.map(u64::cast_signed));
        query = query.bind(names_text(&message.mentions)).bind(body_text(&message.body));
    }
    query.execute(&mut **to).await?;
    Ok(())
}

/// Returns whether they were never here before.
async fn write_visit(
    to: &mut Transaction<'_, Sqlite>,
    room: &str,
    visit: &Visit,
) -> Result<bool, sqlx::Error> {
    let query = sqlx::query(
        "UPDATE visitor SET name = ?, avatar = ?, inviter = coalesce(inviter, ?), last_ms = max(last_ms, ?),
             visits = visits + ?, watch_ms = watch_ms + ? WHERE room = ? AND user = ?",
    );
    let query = query.bind(&visit.name).bind(&visit.avatar).bind(&visit.inviter).bind(visit.at_ms);
    let query = query.bind(visit.visits.cast_signed()).bind(visit.watch_ms.cast_signed());
    if query.bind(room).bind(&visit.user).execute(&mut **to).await?.rows_affected() > 0 {
        return Ok(false);
    }
    let query = sqlx::query(
        "INSERT INTO visitor (room, user, name, avatar, inviter, first_ms, last_ms, visits, watch_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    );
    let query = query.bind(room).bind(&visit.user).bind(&visit.name).bind(&visit.avatar).bind(&visit.inviter);
    let query = query.bind(visit.at_ms).bind(visit.at_ms).bind(visit.visits.cast_signed());
    query.bind(visit.watch_ms.cast_signed()).execute(&mut **to).await?;
    Ok(true)
}

async fn write_totals(
    to: &mut Transaction<'_, Sqlite>,
    room: &str,
    more: &Totals,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query(
        "INSERT INTO room_total (room, visits, visitors, peak, watch_ms, likes, messages, gifts, gift_value, shares,
             goods_clicks) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (room) DO UPDATE SET visits = visits + excluded.visits, visitors = visitors + excluded.visitors,
             peak = max(peak, excluded.peak), watch_ms = watch_ms + excluded.watch_ms, likes = likes + excluded.likes,
             messages = messages + excluded.messages, gifts = gifts + excluded.gifts,
             gift_value = gift_value + excluded.gift_value, shares = shares + excluded.shares,
             goods_clicks = goods_clicks + excluded.goods_clicks",
    );
    let numbers = [
        more.visits,
        more.visitors,
        more.peak,
        more.watch_ms,
        more.likes,
        more.messages,
        more.gifts,
        more.gift_value,
        more.shares,
        more.goods_clicks,
    ];
    let query = numbers.into_iter().fold(query.bind(room), |query, number| query.bind(number.cast_signed()));
    query.execute(&mut **to).await?;
    Ok(())
}

async fn write_minute(
    to: &mut Transaction<'_, Sqlite>,
    room: &str,
    minute_ms: i64,
    more: &Minute,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query(
        "INSERT INTO room_minute (room, minute_ms, online, visits, messages, likes, gifts) VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (room, minute_ms) DO UPDATE SET online = max(online, excluded.online),
             visits = visits + excluded.visits, messages = messages + excluded.messages, likes = likes + excluded.likes,
             gifts = gifts + excluded.gifts",
    );
    let numbers = [more.online, more.visits, more.messages, more.likes, more.gifts];
    let query = numbers
        .into_iter()
        .fold(query.bind(room).bind(minute_ms), |query, number| query.bind(number.cast_signed()));
    query.execute(&mut **to).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
