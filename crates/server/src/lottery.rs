//! Lotteries in rooms: opened with a promise, drawn so that anybody can see that it was kept. [`control::room::lottery`]
//! says how.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use control::person::Role;
use control::room::lottery::{ENTRIES_MAX, commitment, draw as draw_lots};
use control::room::message::{Event, Lottery as Told};
use control::room::reject::{Code, Reject};
use control::room::sanction::Kind;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::app::App;
use crate::room::{By, Effect, Refusal, Room};
use crate::store::Store;
use crate::store::lottery::{Drawn, Lottery, State, TakePart};
use crate::store::rooms::Audit;

/// Bytes of a seed.
const SEED_BYTES: usize = 32;

/// Bytes of an id.
const ID_BYTES: usize = 8;

/// Members that are asked for at once.
const MEMBERS: usize = 1_000;

/// Between two looks at which lotteries are to be drawn.
const TICK: Duration = Duration::from_secs(1);

/// How long after its room was loaded a lottery among those who are there is not drawn that was opened before that: whoever was in
/// the room when the server or the room's task ended is coming back.
const SETTLE: Duration = Duration::from_secs(30);

/// Lotteries that are fetched at once.
const DUE: usize = 100;

/// What somebody wants to give away.
#[derive(Debug, Clone)]
pub struct Wish {
    /// What can be won.
    pub prize: String,
    /// How many win.
    pub winners: u32,
    /// What to do to take part.
    pub take_part: TakePart,
    /// Until when, in milliseconds since 1970.
    pub until_ms: i64,
    /// Whether it is drawn then by itself.
    pub auto: bool,
}

/// Opens a lottery and tells the room. None: too many are open.
pub async fn open(app: &Arc<App>, room: &str, by: &By, wish: Wish) -> Result<Option<Lottery>, Refusal> {
    let store = store(app)?;
    app.rooms.open(app, room).await?;
    let seed = random::<SEED_BYTES>().ok_or_else(unavailable)?;
    let lottery = Lottery {
        room: room.to_owned(),
        id: random::<ID_BYTES>().ok_or_else(unavailable)?,
        prize: wish.prize,
        winners: wish.winners,
        take_part: wish.take_part,
        state: State::Open,
        commitment: commitment(&seed),
        seed,
        entries_hash: String::new(),
        entries: 0,
        opened_ms: app.clock.unix_ms(),
        until_ms: wish.until_ms,
        ended_ms: None,
        auto: wish.auto,
    };
    if !store.gifts.open_lottery(&lottery).await? {
        return Ok(None);
    }
    tell(app, &lottery).await;
    audit(app, store, by, "open_lottery", &lottery).await?;
    Ok(Some(lottery))
}

/// Who takes part in a lottery that is open, as of now; sorted.
pub async fn candidates(app: &Arc<App>, lottery: &Lottery) -> Result<Vec<String>, Refusal> {
    candidates_in(app, app.rooms.find(&lottery.room).as_deref(), lottery).await
}

/// The same, with the room as it is running, if it is.
async fn candidates_in(
    app: &Arc<App>,
    running: Option<&Room>,
    lottery: &Lottery,
) -> Result<Vec<String>, Refusal> {
    let store = store(app)?;
    let room = &lottery.room;
    let about = store.rooms.about(room).await?.ok_or_else(|| Reject::new(Code::NotFound))?;
    let now_ms = app.clock.unix_ms();
    // What was said a moment ago counts. Without it the draw would be unfair, and nobody could tell.
    if !store.chat.flush().await {
        return Err(unavailable().into());
    }
    let mut ids: HashSet<String> = store.gifts.candidates(lottery, now_ms + 1).await?.into_iter().collect();
    if lottery.take_part == TakePart::Present
        && let Some(running) = running
    {
        let mut after = String::new();
        loop {
            // Of a room that is gone nobody knows who was there.
            let some = running.members(&after, MEMBERS).await.ok_or_else(unavailable)?;
            let Some(last) = some.last() else { break };
            after.clone_from(&last.author.id);
            // Guests have no name by which a prize finds them.
            let users = some.into_iter().filter(|member| !member.guest && member.author.role == Role::Viewer);
            ids.extend(users.map(|member| member.author.id.clone()));
            if ids.len() >= ENTRIES_MAX {
                break;
            }
        }
        // Set before the first of them is sent away, so that nobody is missing who was there.
        if app.chats.is_stopping() {
            return Err(unavailable().into());
        }
    }
    let (here, everywhere) =
        (store.rooms.in_force(room, now_ms).await?, store.rooms.global_sanctions(now_ms).await?);
    let is_free = |id: &String| {
        let sanctioned = [Kind::Mute, Kind::Ban, Kind::Hide].into_iter().any(|kind| {
            [&here, &everywhere].into_iter().any(|all| all.find(kind, id, None, now_ms).is_some())
        });
        !sanctioned && about.role_of(id, Role::Viewer) == Role::Viewer
    };
    let mut ids: Vec<String> = ids.into_iter().filter(is_free).collect();
    ids.sort_unstable();
    ids.truncate(ENTRIES_MAX);
    Ok(ids)
}

/// Draws a lottery, once: whoever asks again gets what came out. None: there is no such lottery.
pub async fn draw(app: &Arc<App>, room: &str, id: &str, by: &By) -> Result<Option<Lottery>, Refusal> {
    let store = store(app)?;
    let Some(lottery) = store.gifts.lottery(room, id).await? else { return Ok(None) };
    if lottery.state == State::Open {
        let running = app.rooms.open(app, room).await?;
        if let Some(wait) = unsettled(&running, &lottery) {
            let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            return Err(Reject::until(Code::Unavailable, wait_ms).into());
        }
        let mut entries = candidates_in(app, Some(&running), &lottery).await?;
        let (entries_hash, winners) = draw_lots(&lottery.seed, &mut entries, lottery.winners);
        let drawn = Drawn { entries_hash, entries, winners, at_ms: app.clock.unix_ms() };
        if store.gifts.put_draw(room, id, &drawn).await? {
            let drawn = Lottery { state: State::Drawn, ..lottery };
            tell(app, &drawn).await;
            audit(app, store, by, "draw_lottery", &drawn).await?;
        }
    }
    Ok(store.gifts.lottery(room, id).await?)
}

/// Calls a lottery off, unless it is drawn. None: there is no such lottery.
pub async fn cancel(app: &Arc<App>, room: &str, id: &str, by: &By) -> Result<Option<Lottery>, Refusal> {
    let store = store(app)?;
    let Some(lottery) = store.gifts.lottery(room, id).await? else { return Ok(None) };
    if store.gifts.cancel_lottery(room, id, app.clock.unix_ms()).await? {
        let cancelled = Lottery { state: State::Cancelled, ..lottery };
        tell(app, &cancelled).await;
        audit(app, store, by, "cancel_lottery", &cancelled).await?;
    }
    Ok(store.gifts.lottery(room, id).await?)
}

/// Draws lotteries when their time is up, for as long as the server runs.
pub async fn run(app: Arc<App>) {
    let Some(store) = app.rooms.store() else { return };
    let mut failing = false;
    loop {
        sleep(TICK).await;
        match round(&app, store).await {
            Ok(()) => failing = false,
            Err(refusal) => {
                if !std::mem::replace(&mut failing, true) {
                    warn!(
                        ?refusal,
                        "lotteries whose time is up cannot be drawn; it is tried again every second"
                    );
                }
            }
        }
    }
}

async fn round(app: &Arc<App>, store: &Store) -> Result<(), Refusal> {
    let (now_ms, mut after) = (app.clock.unix_ms(), (i64::MIN, String::new()));
    let mut failed = None;
    loop {
        let due = store.gifts.due_lotteries(now_ms, (after.0, &after.1), DUE).await?;
        let Some(last) = due.last() else { return failed.map_or(Ok(()), Err) };
        after = (last.until_ms, last.id.clone());
        for lottery in &due {
            if waits(app, lottery).await {
                continue;
            }
            let (room, id) = (&lottery.room, &lottery.id);
            match draw(app, room, id, &By::System).await {
                Ok(_) => info!(room, lottery = id, "a lottery whose time is up is drawn"),
                // Its room was deleted: nobody can win.
                Err(Refusal::Rejected(reject)) if reject.code == Code::NotFound => {
                    store.gifts.cancel_lottery(room, id, now_ms).await?;
                }
                // The others need not wait for this one.
                Err(refusal) => failed = Some(refusal),
            }
        }
    }
}

/// Whether those who take part cannot be known at this moment, and will be.
async fn waits(app: &Arc<App>, lottery: &Lottery) -> bool {
    if lottery.take_part != TakePart::Present {
        return false;
    }
    // A room that cannot be opened fails the draw, which says why.
    app.chats.is_stopping()
        || app.rooms.open(app, &lottery.room).await.is_ok_and(|room| unsettled(&room, lottery).is_some())
}

/// How long a lottery has to wait until whoever was in its room before is there again.
fn unsettled(room: &Room, lottery: &Lottery) -> Option<Duration> {
    let is_older = lottery.take_part == TakePart::Present && lottery.opened_ms < room.loaded_ms;
    SETTLE.checked_sub(room.loaded.elapsed()).filter(|left| is_older && !left.is_zero())
}

/// Writes down who did it.
async fn audit(app: &App, store: &Store, by: &By, what: &str, lottery: &Lottery) -> Result<(), sqlx::Error> {
    let of = Audit::of(&lottery.room, &by.to_string(), what, app.clock.unix_ms());
    let (subject, detail) = (format!("lottery:{}", lottery.id), lottery.prize.clone());
    store.rooms.audit(&Audit { subject, detail, ..of }).await
}

fn store(app: &App) -> Result<&Store, Reject> {
    app.rooms.store().ok_or_else(unavailable)
}

/// Tells everybody in its room. It is in the database by then, so that nothing is undone when the room cannot be told.
async fn tell(app: &Arc<App>, lottery: &Lottery) {
    if let Err(reject) = app.rooms.effect(app, &lottery.room, told(lottery)).await {
        warn!(room = lottery.room, lottery = lottery.id, ?reject, "a room does not learn about its lottery");
    }
}

fn told(lottery: &Lottery) -> Effect {
    let Lottery { id, state, commitment, .. } = lottery;
    let state = state.word().to_owned();
    Effect::Happens(Event::Lottery(Told { id: id.clone(), state, commitment: commitment.clone() }))
}

fn random<const N: usize>() -> Option<String> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn unavailable() -> Reject {
    Reject::until(Code::Unavailable, 2_000)
}
