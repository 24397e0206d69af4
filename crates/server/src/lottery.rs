//! Lotteries in rooms: opened with a promise, drawn so that anybody can see that it was kept. [`control::room::lottery`]
//! says how.

use std::collections::HashSet;
use std::sync::Arc;

use control::person::Role;
use control::room::lottery::{ENTRIES_MAX, commitment, draw as draw_lots};
use control::room::message::{Event, Lottery as Told};
use control::room::reject::{Code, Reject};
use control::room::sanction::Kind;

use crate::app::App;
use crate::room::{Effect, Refusal};
use crate::store::Store;
use crate::store::lottery::{Drawn, Lottery, State, TakePart};

/// Bytes of a seed.
const SEED_BYTES: usize = 32;

/// Bytes of an id.
const ID_BYTES: usize = 8;

/// Members that are asked for at once.
const MEMBERS: usize = 1_000;

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
}

/// Opens a lottery and tells the room. None: too many are open.
pub async fn open(app: &Arc<App>, room: &str, wish: Wish) -> Result<Option<Lottery>, Refusal> {
    let store = store(app)?;
    let running = app.rooms.open(app, room).await?;
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
    };
    if !store.gifts.open_lottery(&lottery).await? {
        return Ok(None);
    }
    running.effect(told(&lottery)).await;
    Ok(Some(lottery))
}

/// Who takes part in a lottery that is open, as of now; sorted.
pub async fn candidates(app: &Arc<App>, lottery: &Lottery) -> Result<Vec<String>, Refusal> {
    let store = store(app)?;
    let room = &lottery.room;
    let about = store.rooms.about(room).await?.ok_or_else(|| Reject::new(Code::NotFound))?;
    let now_ms = app.clock.unix_ms();
    // What was said a moment ago counts.
    store.chat.flush().await;
    let mut ids: HashSet<String> = store.gifts.candidates(lottery, now_ms + 1).await?.into_iter().collect();
    if lottery.take_part == TakePart::Present
        && let Some(running) = app.rooms.find(room)
    {
        let mut after = String::new();
        loop {
            let some = running.members(&after, MEMBERS).await;
            let Some(last) = some.last() else { break };
            after.clone_from(&last.author.id);
            // Guests have no name by which a prize finds them.
            let users = some.into_iter().filter(|member| !member.guest && member.author.role == Role::Viewer);
            ids.extend(users.map(|member| member.author.id.clone()));
            if ids.len() >= ENTRIES_MAX {
                break;
            }
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
pub async fn draw(app: &Arc<App>, room: &str, id: &str) -> Result<Option<Lottery>, Refusal> {
    let store = store(app)?;
    let Some(lottery) = store.gifts.lottery(room, id).await? else { return Ok(None) };
    if lottery.state == State::Open {
        let running = app.rooms.open(app, room).await?;
        let mut entries = candidates(app, &lottery).await?;
        let (entries_hash, winners) = draw_lots(&lottery.seed, &mut entries, lottery.winners);
        let drawn = Drawn { entries_hash, entries, winners, at_ms: app.clock.unix_ms() };
        if store.gifts.put_draw(room, id, &drawn).await? {
            running.effect(told(&Lottery { state: State::Drawn, ..lottery })).await;
        }
    }
    Ok(store.gifts.lottery(room, id).await?)
}

/// Calls a lottery off, unless it is drawn. None: there is no such lottery.
pub async fn cancel(app: &Arc<App>, room: &str, id: &str) -> Result<Option<Lottery>, Refusal> {
    let store = store(app)?;
    let Some(lottery) = store.gifts.lottery(room, id).await? else { return Ok(None) };
    if store.gifts.cancel_lottery(room, id, app.clock.unix_ms()).await? {
        let running = app.rooms.open(app, room).await?;
        running.effect(told(&Lottery { state: State::Cancelled, ..lottery })).await;
    }
    Ok(store.gifts.lottery(room, id).await?)
}

fn store(app: &App) -> Result<&Store, Reject> {
    app.rooms.store().ok_or_else(unavailable)
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
