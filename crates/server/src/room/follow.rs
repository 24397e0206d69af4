//! Shows follow their streams, and end when their time is up.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use control::room::reject::Code;
use control::room::show::{Happening, State};
use hub::{Name, Phase};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tracing::{info, warn};

use super::gate::not_open;
use super::{By, Effect, Refusal, act};
use crate::app::App;
use crate::store::Store;

/// Between two looks at which streams are on air; a push that begins is seen at once.
const LOOK: Duration = Duration::from_millis(250);

/// Between two questions to a database that does not answer at the start.
const AGAIN: Duration = Duration::from_secs(1);

/// Looks after which shows whose time is up are ended.
const EXPIRE_EVERY: u32 = 40;

/// Follows streams for as long as the server runs.
pub async fn run(app: Arc<App>) {
    let Some(store) = app.rooms.store().cloned() else { return };
    // Nobody is let into a room before that; whoever comes meanwhile tries it too.
    insist("nobody is let into a room: the bans and words of the whole server are not known", || {
        app.rooms.know_rules(&app)
    })
    .await;
    // Shows that the last run of the server left on air.
    let running = insist("shows that were on air are not known", || store.rooms.running_streams()).await;
    let mut on_air: BTreeSet<Name> = running.iter().map(|stream| Name::new(stream)).collect();
    // Streams of which some room does not know yet what became of them.
    let mut untold = BTreeSet::new();
    let mut pushes = app.hub.watch_pushes();
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut count = 0_u32;
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            changed = pushes.changed() => {
                if changed.is_err() {
                    return;
                }
            }
        }
        let now = now_on_air(&app);
        let mut news: BTreeSet<Name> = now.symmetric_difference(&on_air).cloned().collect();
        let again = std::mem::take(&mut untold);
        news.extend(again.iter().cloned());
        for name in news {
            let happening = if now.contains(&name) { Happening::OnAir } else { Happening::OffAir };
            let told = tell(&app, &store, &name, happening).await;
            if let Err(why) = told {
                if !again.contains(&name) {
                    warn!(stream = %name, ?why, "rooms do not learn about their stream; it is tried again until they do");
                }
                untold.insert(name);
            }
        }
        on_air = now;
        count = count.wrapping_add(1);
        if count.is_multiple_of(EXPIRE_EVERY) {
            expire(&app, &store).await;
        }
    }
}

/// Asks the database until it answers. What that means meanwhile is said once.
pub(super) async fn insist<T, F>(meanwhile: &str, ask: impl Fn() -> F) -> T
where
    F: Future<Output = Result<T, sqlx::Error>>,
{
    let mut is_told = false;
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(error) if !is_told => {
                warn!(%error, "{meanwhile}; the database is asked again until it answers");
                is_told = true;
            }
            Err(_) => {}
        }
        sleep(AGAIN).await;
    }
}

/// A stream in its grace counts as interrupted: people see a still picture.
fn now_on_air(app: &App) -> BTreeSet<Name> {
    let on_air = app.hub.on_air().into_iter();
    on_air.filter(|stream| stream.phase() == Phase::OnAir).map(|stream| stream.name().clone()).collect()
}

/// Tells every room of a stream. Of those that are over nothing is expected, but that a push to one of them is ended. An error says
/// why not all of them know it; to be told twice does a room nothing.
async fn tell(app: &Arc<App>, store: &Store, name: &Name, happening: Happening) -> Result<(), Refusal> {
    let rooms = store.rooms.of_stream(name.as_str()).await?;
    let mut told = Ok(());
    let running = rooms.iter().any(|about| about.state.takes_stream());
    let unix_ms = app.clock.unix_ms();
    for about in rooms {
        // A stream that serves a show which goes on may have served others before.
        if running && !about.state.takes_stream() {
            continue;
        }
        if happening == Happening::OnAir && about.state == State::Scheduled && !about.is_valid_at(unix_ms) {
            info!(room = about.id, stream = %name, "a push outside of the time of its show is ended");
            app.drop_stream(name, &not_open().for_people());
            continue;
        }
        match app.rooms.effect(app, &about.id, Effect::Happened(happening)).await {
            Ok(_) => {}
            // It was deleted just now.
            Err(reject) if reject.code == Code::NotFound => {}
            Err(reject) => told = Err(reject.into()),
        }
    }
    told
}

/// Ends shows whose time is up.
async fn expire(app: &Arc<App>, store: &Store) {
    let due = match store.rooms.due(app.clock.unix_ms()).await {
        Ok(due) => due,
        Err(error) => {
            warn!(%error, "shows whose time is up go on: the database does not answer");
            return;
        }
    };
    if let Err(error) = store.rooms.expire_sanctions(app.clock.unix_ms()).await {
        warn!(%error, "sanctions that are over stay in the database: it does not answer");
    }
    for id in due {
        if let Err(refusal) = act(app, &id, &By::System, super::Act::Show(Happening::Expire)).await {
            warn!(room = id, ?refusal, "a show whose time is up goes on");
        }
    }
}
