//! Which rooms are running.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use control::room::chat::Ack;
use control::room::is_id;
use control::room::reject::{Code, Reject};
use control::room::sanction::Sanctions;
use tokio::sync::{OnceCell, watch};
use tokio::task::JoinHandle;
use tracing::{error, warn};

use super::filter::{self, Everywhere, Filter};
use super::lost::Lost;
use super::rest::Rest;
use super::{Effect, Outlet, Room, Whom, task};
use crate::app::App;
use crate::store::Store;

/// Most rooms that are running at once.
const ROOMS_MAX: usize = 50_000;

/// Most rooms that are being loaded at once. Beyond, people are told to come again.
const LOADING_MAX: usize = 10_000;

/// After how long whoever wants a room that cannot be loaded may come again, in milliseconds.
const LOAD_AGAIN_MS: u64 = 2_000;

/// Times that a room is opened anew when it was forgotten just then.
const TRIES: usize = 3;

/// All of them, and what holds in all of them.
#[derive(Debug, Default)]
pub struct Rooms {
    store: Option<Store>,
    running: Mutex<HashMap<String, Arc<Room>>>,
    /// Rooms that are being loaded, each once: whoever wants one waits for the same answer.
    loading: Mutex<HashMap<String, watch::Receiver<Option<Opened>>>>,
    last: AtomicU64,
    /// Set when what holds in all rooms has been read.
    rules: OnceCell<()>,
    /// Sanctions of the whole server.
    global: RwLock<Sanctions>,
    /// Words and links of the whole server.
    pub(super) everywhere: Everywhere,
    outlet: OnceLock<Arc<dyn Outlet>>,
    /// Shows that wait for their stream.
    pub(super) lost: Lost,
    pub(super) figures: Figures,
}

/// A room, or why not.
type Opened = Result<Arc<Room>, Reject>;

/// The place of a room among those that are being loaded, until it is loaded or cannot be.
struct Loading {
    app: Arc<App>,
    id: String,
}

impl Drop for Loading {
    fn drop(&mut self) {
        self.app.rooms.loading().remove(&self.id);
    }
}

/// What is counted of all rooms together since the start.
#[derive(Debug, Default)]
pub struct Figures {
    /// Messages that went out.
    pub said: AtomicU64,
    /// Likes.
    pub likes: AtomicU64,
    /// People who came in.
    pub joins: AtomicU64,
    /// Who came back and got exactly what they missed.
    pub recovered: AtomicU64,
    /// Who came back and did not.
    pub not_recovered: AtomicU64,
    /// What was refused, by [`Code::ALL`].
    pub rejected: [AtomicU64; Code::ALL.len()],
}

impl Figures {
    pub(super) fn reject(&self, code: Code) {
        if let Some(at) = Code::ALL.iter().position(|other| *other == code)
            && let Some(count) = self.rejected.get(at)
        {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Rooms {
    /// Of a database; without one there are no rooms.
    pub fn new(store: Option<Store>) -> Rooms {
        Rooms { store, ..Rooms::default() }
    }

    /// The database.
    pub fn store(&self) -> Option<&Store> {
        self.store.as_ref()
    }

    /// By which way everything goes out. Said once, at the start.
    pub fn set_outlet(&self, outlet: Arc<dyn Outlet>) {
        // A second time cannot come: there is one caller.
        let _ = self.outlet.set(outlet);
    }

    /// What is counted.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Rooms that are running.
    pub fn running(&self) -> Vec<Arc<Room>> {
        self.lock().values().cloned().collect()
    }

    /// Has every room hand over what it counted, at the end of the server.
    pub async fn close(&self) {
        for room in self.running() {
            room.close().await;
        }
    }

    /// A room, if it is running.
    pub fn find(&self, id: &str) -> Option<Arc<Room>> {
        self.lock().get(id).cloned()
    }

    /// A room, running: loaded if it is not. Who waits for one that is slow to load holds up nobody who wants another.
    pub async fn open(&self, app: &Arc<App>, id: &str) -> Opened {
        if let Some(room) = self.find(id) {
            return Ok(room);
        }
        if !is_id(id) {
            return Err(Reject::new(Code::NotFound));
        }
        let mut answer = {
            let mut loading = self.loading();
            // One that was loaded a moment ago is not being loaded any more.
            if let Some(room) = self.find(id) {
                return Ok(room);
            }
            match loading.get(id) {
                Some(answer) => answer.clone(),
                None if loading.len() >= LOADING_MAX => return Err(unavailable()),
                None => {
                    let (tell, answer) = watch::channel(None);
                    loading.insert(id.to_owned(), answer.clone());
                    let place = Loading { app: app.clone(), id: id.to_owned() };
                    // A task of its own: whoever wanted it first may not want it any more.
                    tokio::spawn(async move {
                        let opened = place.app.rooms.load(&place.app, &place.id).await;
                        drop(place);
                        tell.send_replace(Some(opened));
                    });
                    answer
                }
            }
        };
        let opened = answer.wait_for(Option::is_some).await.ok().and_then(|opened| opened.clone());
        opened.unwrap_or_else(|| Err(unavailable()))
    }

    async fn load(&self, app: &Arc<App>, id: &str) -> Opened {
        let store = self.store().ok_or_else(unavailable)?;
        self.know_rules(app).await.map_err(|error| {
            warn!(room = id, %error, "the database does not give the bans and words of the whole server");
            unavailable()
        })?;
        let loaded = store.rooms.load(id, app.clock.unix_ms()).await.map_err(|error| {
            warn!(room = id, %error, "the database does not give a room");
            unavailable()
        })?;
        let loaded = loaded.ok_or_else(|| Reject::new(Code::NotFound))?;
        let words = store.rooms.words(id).await.map_err(|error| {
            warn!(room = id, %error, "the database does not give a room's words");
            unavailable()
        })?;
        let filter = Filter::new(filter::compile(words));
        let outlet = self.outlet.get().ok_or_else(unavailable)?.clone();
        let number = self.last.fetch_add(1, Ordering::Relaxed);
        let rest = Rest::new(app.clock.clone(), store.chat.clone());
        let (room, queue) = Room::new(id, number, app.clock.unix_ms(), Some(rest));
        let mut running = self.lock();
        if running.len() >= ROOMS_MAX {
            return Err(unavailable());
        }
        running.insert(id.to_owned(), room.clone());
        drop(running);
        let (task_room, writer) = (room.clone(), store.chat.clone());
        let task = task::run(app.clone(), task_room, queue, (loaded, filter), outlet.clone(), writer);
        tokio::spawn(watch_over(app.clone(), room.clone(), outlet, tokio::spawn(task)));
        Ok(room)
    }

    /// Ends a room that was deleted, so that another may have its id: everybody in it is sent away and finds none, or the other one.
    pub async fn end(&self, id: &str) {
        // One that is being loaded may have been read before.
        let loading = self.loading().get(id).cloned();
        if let Some(mut answer) = loading {
            let _ = answer.wait_for(Option::is_some).await;
        }
        let Some(room) = self.find(id) else { return };
        self.forget(&room);
        room.end().await;
        if let Some(outlet) = self.outlet.get() {
            outlet.send_away(&room, None);
        }
        if let Some(store) = &self.store {
            // What it still had to write is written now, to no room, and not to the other one later.
            store.chat.flush().await;
        }
    }

    /// Forgets a room; the next who asks for it has it loaded again.
    pub(super) fn forget(&self, room: &Room) {
        let mut running = self.lock();
        if running.get(&*room.id).is_some_and(|other| other.number == room.number) {
            running.remove(&*room.id);
        }
    }

    /// Has something done to a room, which is loaded for it if need be.
    pub(crate) async fn effect(&self, app: &Arc<App>, id: &str, effect: Effect) -> Result<Ack, Reject> {
        for _ in 0..TRIES {
            // A room that has just been forgotten answers nothing.
            if let Some(ack) = self.open(app, id).await?.effect(effect.clone()).await {
                return Ok(ack);
            }
        }
        Err(Reject::until(Code::Unavailable, 1_000))
    }

    /// Reads the bans and words of the whole server, unless they are known. No room is loaded before: whoever is banned would be in
    /// it. What changes them waits for it too, so that what was read before the change does not come after it.
    pub(super) async fn know_rules(&self, app: &Arc<App>) -> Result<(), sqlx::Error> {
        let Some(store) = &self.store else { return Ok(()) };
        let read = || async {
            let sanctions = store.rooms.global_sanctions(app.clock.unix_ms()).await?;
            let words = filter::compile(store.rooms.words("").await?);
            *self.global_mut() = sanctions;
            self.everywhere.set_words(words);
            Ok(())
        };
        self.rules.get_or_try_init(read).await.copied()
    }

    /// Takes the words of the whole server, or of a room, from the database.
    pub async fn reload_words(&self, app: &Arc<App>, room: &str) -> Result<(), sqlx::Error> {
        let Some(store) = &self.store else { return Ok(()) };
        self.know_rules(app).await?;
        let words = filter::compile(store.rooms.words(room).await?);
        if room.is_empty() {
            self.everywhere.set_words(words);
            return Ok(());
        }
        // One that is being loaded may have read them before they changed.
        let loading = self.loading().get(room).cloned();
        if let Some(mut answer) = loading {
            let _ = answer.wait_for(Option::is_some).await;
        }
        if self.find(room).is_some() {
            let _ = self.effect(app, room, Effect::Words(words)).await;
        }
        Ok(())
    }

    /// Puts in force which links may be posted.
    pub fn set_links(&self, links: control::words::Links) {
        self.everywhere.set_links(links);
    }

    /// The sanctions of the whole server.
    pub(super) fn global(&self) -> RwLockReadGuard<'_, Sanctions> {
        self.global.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same, to be changed.
    pub(super) fn global_mut(&self) -> RwLockWriteGuard<'_, Sanctions> {
        self.global.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the connections of somebody in every room.
    pub(super) fn remove_everywhere(&self, whom: &Whom) {
        let Some(outlet) = self.outlet.get() else { return };
        for room in self.running() {
            outlet.remove(&room, whom, Code::Banned);
        }
    }

    /// Locked before `running`, if both are.
    fn loading(&self) -> MutexGuard<'_, HashMap<String, watch::Receiver<Option<Opened>>>> {
        self.loading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Room>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for the end of a room's task. A panic in it is a bug of ours and costs that room its epoch: everybody in it comes back, and
/// it is loaded for them anew.
async fn watch_over(app: Arc<App>, room: Arc<Room>, outlet: Arc<dyn Outlet>, task: JoinHandle<()>) {
    if task.await.is_err_and(|error| error.is_panic()) {
        error!(room = %room.id, "a panic in a room's task: everybody in it is sent away and comes back");
        app.rooms.forget(&room);
        outlet.send_away(&room, None);
    }
}

fn unavailable() -> Reject {
    Reject::until(Code::Unavailable, LOAD_AGAIN_MS)
}
