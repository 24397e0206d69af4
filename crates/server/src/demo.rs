//! The demo: a picture with a clock, and sound, on air from the first second without any encoder, and a room around it.

use std::sync::Arc;
use std::time::Duration;

use control::person::{Person, Role};
use control::room::about::{About, Host};
use control::room::settings::Settings;
use control::room::show::{Happening, State};
use hub::{Identity, Name};
use media::synth::{Options, Synth};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{error, info, warn};

use crate::app::App;
use crate::identity::{Refusal, Wish};
use crate::room::{Act, By, act};

/// The host of the demo's room, as in tokens.
pub const HOST: &str = "demo-host";

const HOST_NAME: &str = "Weir 堰";

/// Nobody else has it: a push from outside to the demo's name is another publisher's, and is refused.
const IDENTITY: &str = "the demo of this server";

/// Before the demo takes its name again after it lost it.
const RETRY: Duration = Duration::from_secs(5);

/// Keeps the demo on air until the server stops.
pub async fn run(app: Arc<App>) {
    let demo = &app.config.demo;
    let name = Name::new(&format!("{}/{}", demo.app, demo.stream));
    if let Err(error) = open_room(&app).await {
        warn!(%error, "the demo has no room: the database does not answer");
    }
    loop {
        match app.hub.publish(&name, Identity(IDENTITY.into()), app.clock.now_ms()) {
            Ok(publisher) => {
                info!(stream = %name, "the demo is on air");
                show(&app, publisher).await;
            }
            Err(_) => {
                warn!(stream = %name, "the demo cannot have its stream name: set demo.stream or demo.enabled = false")
            }
        }
        sleep(RETRY).await;
    }
}

/// The id of the demo's room; none where there are no rooms, or where its name is no id of one.
pub fn room(app: &App) -> Option<&str> {
    let id = app.config.demo.stream.as_str();
    let has_one = app.config.demo.enabled && app.rooms.store().is_some() && control::room::is_id(id);
    has_one.then_some(id)
}

/// A token of the host of the demo's room, good until that second.
pub fn host_token(app: &App, room: &str, until: i64) -> Result<String, Refusal> {
    let person = Person {
        id: HOST.into(),
        name: HOST_NAME.into(),
        avatar: String::new(),
        role: Role::Viewer,
        guest: false,
    };
    // The room itself makes its host of whoever has this id.
    app.identity().issue(&Wish { person, room: Some(room), until, app: None }, app.clock.unix_seconds())
}

/// Makes the demo's room if it is not there, and starts its show again if somebody ended it.
async fn open_room(app: &Arc<App>) -> Result<(), sqlx::Error> {
    let (Some(id), Some(store)) = (room(app), app.rooms.store()) else { return Ok(()) };
    let demo = &app.config.demo;
    let about = About {
        id: id.to_owned(),
        title: demo.title.clone(),
        cover: String::new(),
        share_image: String::new(),
        host: Host { id: HOST.into(), name: HOST_NAME.into(), avatar: String::new() },
        crew: Vec::new(),
        stream: format!("{}/{}", demo.app, demo.stream),
        state: State::Scheduled,
        starts_ms: None,
        valid_from_ms: None,
        valid_until_ms: None,
        live_ms: None,
        ended_ms: None,
        created_ms: app.clock.unix_ms(),
        settings: Settings::default(),
        pinned: None,
        custom: "{}".into(),
    };
    if !store.rooms.create(&about).await?
        && store.rooms.about(id).await?.is_some_and(|about| about.state == State::Ended)
        && let Err(refusal) = act(app, id, &By::System, Act::Show(Happening::Start)).await
    {
        warn!(room = id, ?refusal, "the demo's show was ended and is not started again");
    }
    Ok(())
}

async fn show(app: &App, mut publisher: hub::Publisher) {
    let mut synth = Synth::new(Options { title: app.config.demo.title.clone(), ..Options::default() });
    let started = Instant::now();
    let wall_ms = app.clock.unix_ms();
    for frame in synth.headers() {
        if publisher.push(frame.kind, 0, frame.body, app.clock.now_ms()).is_err() {
            return error!("the demo's headers were refused; this is a bug in Weir");
        }
    }
    loop {
        let due = Duration::from_millis(u64::try_from(synth.next_time()).unwrap_or_default());
        sleep_until(started + due).await;
        let frame = synth.next(wall_ms);
        if let Err(error) = publisher.push(frame.kind, frame.time, frame.body, app.clock.now_ms()) {
            return info!(?error, "the demo is off air");
        }
    }
}
