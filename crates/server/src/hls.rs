//! HLS: a stream cut into files that any browser, cache and phone can fetch.
//!
//! A `Packager` is one task per stream and container: it reads the hub like a viewer does, and lays what it makes on a
//! `Shelf`. Requests take from the shelf and never touch the stream. A viewer is whoever holds a token; there is no
//! connection to know one by.

mod audience;
mod container;
mod finished;
mod numbering;
mod pace;
mod pack;
mod packager;
mod packer;
pub mod play;
mod settings;
mod shelf;
mod token;
pub mod url;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hub::{Name, Phase, Stream};
use media::sample::Config;
use rustix::process::{Resource, getrlimit};
use tokio::sync::Semaphore;
use tokio::time::{MissedTickBehavior, interval};

use crate::app::App;
use crate::clock::Clock;
use crate::secrets::Secrets;
use audience::Audience;
pub(crate) use container::Container;
pub use finished::Finished;
use finished::{Ear, Teller};
use numbering::Numbering;
use packager::Packager;
use settings::Settings;
use token::Tokens;

/// Between two looks at who has left, and at which streams are to be packaged.
const SWEEP: Duration = Duration::from_millis(250);

/// How long after it came on air a show may send its first picture, in milliseconds.
const START_SLACK_MS: i64 = 3_000;

/// Most requests at a time that wait for a part or a segment. Each holds a connection and some kilobytes.
const WAITING_MAX: usize = 50_000;

/// Most segments that are files in memory, which the kernel sends by itself. Each holds a descriptor; others are copied for
/// every viewer. With segments of two seconds and the window as it comes, these are all segments of a hundred streams.
const FILES_MAX: usize = 4_096;

/// Of the descriptors that the process may have, the part that such files may take from connections.
const FILES_SHARE: u64 = 16;

/// All that is packaged, and who watches it.
#[derive(Debug)]
pub struct Hls {
    settings: Settings,
    tokens: Tokens,
    audience: Audience,
    numbering: Arc<Numbering>,
    packagers: Mutex<HashMap<(Name, Container), Arc<Packager>>>,
    waiting: Semaphore,
    files: Arc<Semaphore>,
    files_max: usize,
    clock: Clock,
    ear: Ear,
}

/// What is held at this moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    /// Streams that are packaged, each container by itself.
    pub packagers: usize,
    /// Bytes of segments, parts and initializations.
    pub bytes: u64,
    /// Segments that are files in memory, those included that only an answer on its way still has.
    pub files: usize,
}

impl Hls {
    /// Nothing is packaged yet.
    pub fn new(
        config: &crate::config::Config,
        secrets: &Secrets,
        clock: &Clock,
        data: Option<&Path>,
    ) -> anyhow::Result<Hls> {
        let files_max = files_max();
        Ok(Hls {
            settings: Settings::new(config),
            tokens: Tokens::new(secrets)?,
            audience: Audience::default(),
            numbering: Arc::new(Numbering::new(clock, data)),
            packagers: Mutex::default(),
            waiting: Semaphore::new(WAITING_MAX),
            files: Arc::new(Semaphore::new(files_max)),
            files_max,
            clock: clock.clone(),
            ear: Ear::default(),
        })
    }

    /// What is held at this moment.
    pub fn held(&self) -> Held {
        let packagers = self.lock();
        let bytes = packagers.values().map(|packager| packager.shelf.bytes()).sum();
        let files = self.files_max.saturating_sub(self.files.available_permits());
        Held { packagers: packagers.len(), bytes, files }
    }

    /// Tells `listener` of every segment that is complete, from now on. A second one is not heard.
    pub fn listen(&self, listener: Box<dyn Fn(&Finished) + Send + Sync>) {
        self.ear.listen(listener);
    }

    /// How far back a player of this stream can go at this moment: nowhere while nobody has asked for it.
    pub fn kept_ms(&self, name: &Name) -> u64 {
        self.find(name, self.settings.container)
            .map_or(0, |packager| packager.shelf.listed_ms())
            .saturating_sub(self.settings.delay_ms)
    }

    /// Whether a player can go back to the beginning of this show, which came on air at `started_ms` since 1970.
    pub fn keeps_start(&self, name: &Name, started_ms: i64) -> bool {
        let first =
            self.find(name, self.settings.container).and_then(|packager| packager.shelf.first_date_ms());
        first.is_some_and(|first| first <= started_ms.saturating_add(START_SLACK_MS))
    }

    /// The packager of a stream that is on air. It is started where there is none; one whose stream is over, or that
    /// failed, makes room for its successor.
    fn package(&self, stream: &Arc<Stream>, container: Container) -> Arc<Packager> {
        let mut packagers = self.lock();
        let key = (stream.name().clone(), container);
        if let Some(packager) = packagers.get(&key) {
            if Arc::ptr_eq(&packager.stream, stream) && !packager.shelf.has_failed() {
                return packager.clone();
            }
            self.retire(packager);
        }
        let numbers = self.numbering.next();
        let teller = Teller { ear: self.ear.clone(), stream: stream.name().clone(), container };
        let packager = Packager::start(stream, teller, &self.settings, numbers, &self.files, &self.clock);
        packagers.insert(key, packager.clone());
        packager
    }

    /// The packager of this name, if it still has something: that of a stream that is over included.
    fn find(&self, name: &Name, container: Container) -> Option<Arc<Packager>> {
        self.lock().get(&(name.clone(), container)).cloned()
    }

    /// The container for whoever names none: the configured one, or the other if that carries what the configured one does
    /// not.
    fn container_of(&self, stream: &Stream) -> Container {
        let default = self.settings.container;
        let headers = stream.headers();
        let carried = |container: Container| {
            let mut configs = headers.configs.iter().filter_map(Config::of);
            configs.all(|config| container.carries(config.info.codec))
        };
        if !carried(default) && carried(default.other()) { default.other() } else { default }
    }

    fn retire(&self, packager: &Packager) {
        packager.stop();
        self.numbering.raise(packager.shelf.numbers());
    }

    fn sweep(&self, app: &App) {
        if self.settings.always && !app.drain.is_on() {
            let on_air = app.hub.on_air();
            for stream in on_air.iter().filter(|stream| stream.phase() == Phase::OnAir) {
                let container = self.container_of(stream);
                let known = self.find(stream.name(), container);
                if !known.is_some_and(|packager| packager.is_in_vain(stream)) {
                    self.package(stream, container);
                }
            }
        }
        let now_ms = self.clock.now_ms();
        let mut short = false;
        self.lock().retain(|_, packager| {
            short |= self.numbering.raise(packager.shelf.numbers());
            let is_needed = self.settings.always
                && packager.container == self.container_of(&packager.stream)
                && packager.stream.phase() != Phase::Ended;
            let stays = is_needed || packager.idle_ms(now_ms) < self.settings.linger_ms;
            if !stays {
                self.retire(packager);
            }
            stays
        });
        if short {
            let numbering = self.numbering.clone();
            // Nobody waits for it: it is needed after the next crash.
            drop(tokio::task::spawn_blocking(move || numbering.set_aside()));
        }
        self.audience.sweep(now_ms, self.clock.unix_seconds());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(Name, Container), Arc<Packager>>> {
        // A panic while it was locked leaves a map that is still a map.
        self.packagers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many segments may be files.
fn files_max() -> usize {
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(descriptors / FILES_SHARE).unwrap_or(FILES_MAX).min(FILES_MAX)
}

/// Starts what is to be packaged always, ends what nobody asks for, and notes who has left.
pub async fn run(app: Arc<App>) {
    let mut ticks = interval(SWEEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        app.hls.sweep(&app);
    }
}
