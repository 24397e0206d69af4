//! The demo stream: a picture with a clock, and sound, on air from the first second without any encoder.

use std::sync::Arc;
use std::time::Duration;

use hub::{Identity, Name};
use media::synth::{Options, Synth};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{error, info, warn};

use crate::app::App;

/// Nobody else has it: a push from outside to the demo's name is another publisher's, and is refused.
const IDENTITY: &str = "the demo of this server";

/// Before the demo takes its name again after it lost it.
const RETRY: Duration = Duration::from_secs(5);

/// Keeps the demo on air until the server stops.
pub async fn run(app: Arc<App>) {
    let demo = &app.config.demo;
    let name = Name::new(&format!("{}/{}", demo.app, demo.stream));
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
