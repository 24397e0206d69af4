//! What is being made and what was made: a hundred questions at once cost one child, and the next hundred none.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hub::{Name, Stream};
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio::time::timeout;
use tracing::{debug, warn};

use super::child::{self, Bounds};
use super::picture::arguments;
use super::{Failure, Jpeg, Key, Width, program};
use crate::config;

/// Width of covers in pixels: two columns on a phone whose pixels are small, one card on a desktop.
pub const COVER_WIDTH: u32 = 480;

/// A picture of this age is given again although there is a newer key frame. Streams of key frames alone exist.
const FRESH: Duration = Duration::from_secs(1);

/// For so long the same key frame is not tried again after it failed.
const FAILED_FOR: Duration = Duration::from_secs(5);

/// For so long a picture is kept that nobody asks for.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// Most bytes of pictures that are kept, and of covers.
const MAX_KEPT_BYTES: usize = 64 * 1024 * 1024;

/// Most pictures that wait for a child at once.
const MAX_WAITING: usize = 64;

/// How much longer than a picture a sheet of them may take, which is up to a hundred pictures.
const SHEET_PATIENCE: u32 = 6;

/// Makes pictures, and keeps them for a moment. Copies are the same one.
#[derive(Debug, Clone)]
pub struct Snapshots(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    program: String,
    bounds: Bounds,
    children: Semaphore,
    /// Who waits for one of them.
    waiting: AtomicUsize,
    /// How many were started, ever.
    started: AtomicUsize,
    slots: Mutex<HashMap<(Name, Width), Slot>>,
    covers: Mutex<HashMap<Name, Cover>>,
}

type Outcome = Result<Arc<Jpeg>, Failure>;

/// One stream at one width.
#[derive(Debug, Default)]
struct Slot {
    made: Option<Made>,
    running: Option<watch::Receiver<Option<Outcome>>>,
}

#[derive(Debug)]
struct Made {
    stream: Weak<Stream>,
    number: u64,
    at: Instant,
    outcome: Outcome,
}

#[derive(Debug)]
struct Cover {
    stream: Weak<Stream>,
    tried: Instant,
    jpeg: Option<Arc<Jpeg>>,
}

impl Snapshots {
    /// None are made so far.
    pub fn new(config: &config::Snapshot) -> Snapshots {
        Snapshots(Arc::new(Inner {
            program: config.ffmpeg.clone(),
            bounds: Bounds {
                time: Duration::from_millis(config.timeout_ms),
                memory: config.memory_mib.saturating_mul(1024 * 1024),
            },
            children: Semaphore::new(config.max_children),
            waiting: AtomicUsize::new(0),
            started: AtomicUsize::new(0),
            slots: Mutex::default(),
            covers: Mutex::default(),
        }))
    }

    /// What a stream shows at this moment, or a second ago. Whoever asks for the same at the same time shares one child.
    pub async fn of_stream(&self, stream: &Arc<Stream>, width: Width) -> Outcome {
        let number = match Key::of_stream(stream) {
            Ok((number, _)) => number,
            // Key frames further apart than the ring is long: the last one was seen all the same.
            Err(Failure::NoKey) => return self.last(stream, width).ok_or(Failure::NoKey),
            Err(failure) => return Err(failure),
        };
        let mut done = {
            let mut slots = self.slots();
            let slot = slots.entry((stream.name().clone(), width)).or_default();
            if let Some(made) = slot.made.as_ref().filter(|made| made.serves(stream, number)) {
                return made.outcome.clone();
            }
            // One whose sender is gone has panicked.
            match slot.running.as_ref().filter(|running| running.has_changed().is_ok()) {
                Some(running) => running.clone(),
                None => {
                    let (tell, done) = watch::channel(None);
                    slot.running = Some(done.clone());
                    // A task of its own: who asked first may leave, and others wait.
                    tokio::spawn(self.clone().fill(stream.clone(), width, tell));
                    done
                }
            }
        };
        match done.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or(Err(Failure::Busy)),
            Err(_) => Err(Failure::Child("the making of it broke off".into())),
        }
    }

    /// The picture of one key frame, as for the poster of a recording. It is not kept.
    pub async fn jpeg_of(&self, key: Key, width: Width) -> Result<Bytes, Failure> {
        let (_, input) = Key::file(vec![key]);
        self.run(&width.filter(), &input, 1).await
    }

    /// The cover of a stream, if there is one.
    pub fn cover(&self, stream: &Arc<Stream>) -> Option<Arc<Jpeg>> {
        let covers = self.covers();
        let cover = covers.get(stream.name()).filter(|cover| is(&cover.stream, stream))?;
        cover.jpeg.clone()
    }

    /// How many children were started, ever.
    pub fn children_started(&self) -> usize {
        self.0.started.load(Ordering::Relaxed)
    }

    /// Of these streams that have a picture, the one whose cover has waited longest, if it has waited for `every`.
    pub(super) fn due<'a>(&self, streams: &'a [Arc<Stream>], every: Duration) -> Option<&'a Arc<Stream>> {
        let covers = self.covers();
        let tried = |stream: &Arc<Stream>| {
            covers.get(stream.name()).filter(|cover| is(&cover.stream, stream)).map(|cover| cover.tried)
        };
        let waited = |at: Option<Instant>| at.is_none_or(|at| at.elapsed() >= every);
        let shown = streams.iter().filter(|stream| stream.newest_key().is_some());
        let due = shown.map(|stream| (tried(stream), stream)).filter(|(at, _)| waited(*at));
        due.min_by_key(|(at, _)| *at).map(|(_, stream)| stream)
    }

    /// Lets go of the covers of all other streams.
    pub(super) fn keep_covers_of(&self, streams: &[Arc<Stream>]) {
        let names: std::collections::HashSet<&Name> = streams.iter().map(|stream| stream.name()).collect();
        self.covers().retain(|name, _| names.contains(name));
    }

    /// Makes the cover of a stream anew. The old one stays where that fails.
    pub(super) async fn renew_cover(&self, stream: &Arc<Stream>, width: Width) -> Result<(), Failure> {
        let made = self.of_stream(stream, width).await;
        let mut covers = self.covers();
        let old = covers.get(stream.name()).filter(|cover| is(&cover.stream, stream));
        let old = old.and_then(|cover| cover.jpeg.clone());
        let kept: usize =
            covers.values().filter_map(|cover| cover.jpeg.as_ref()).map(|jpeg| jpeg.bytes.len()).sum();
        let new = made.as_ref().ok().filter(|jpeg| kept + jpeg.bytes.len() <= MAX_KEPT_BYTES).cloned();
        let cover = Cover { stream: Arc::downgrade(stream), tried: Instant::now(), jpeg: new.or(old) };
        covers.insert(stream.name().clone(), cover);
        made.map(|_| ())
    }

    /// The last picture that was made of a stream, as long as it is kept.
    fn last(&self, stream: &Arc<Stream>, width: Width) -> Option<Arc<Jpeg>> {
        let slots = self.slots();
        let made = slots.get(&(stream.name().clone(), width))?.made.as_ref();
        made.filter(|made| is(&made.stream, stream))?.outcome.clone().ok()
    }

    /// Runs a child on the input of a sheet.
    pub(super) async fn make_sheet(&self, filter: &str, input: &[Bytes]) -> Result<Bytes, Failure> {
        self.run(filter, input, SHEET_PATIENCE).await
    }

    /// Makes the picture of a slot and tells everybody who waits for it.
    async fn fill(self, stream: Arc<Stream>, width: Width, tell: watch::Sender<Option<Outcome>>) {
        let made = self.take(&stream, width).await;
        let (number, outcome) = match made {
            Ok((number, bytes)) => (number, Ok(Arc::new(Jpeg::new(bytes, number)))),
            Err((number, failure)) => (number, Err(failure)),
        };
        let made =
            Made { stream: Arc::downgrade(&stream), number, at: Instant::now(), outcome: outcome.clone() };
        let mut slots = self.slots();
        let slot = slots.entry((stream.name().clone(), width)).or_default();
        slot.running = None;
        let before = slot.made.replace(made);
        tidy(&mut slots);
        drop(slots);
        if let Err(failure) = &outcome {
            note(&stream, failure, before.and_then(|before| before.outcome.err()).as_ref());
        }
        tell.send_replace(Some(outcome));
    }

    /// The key frame is taken when there is a child for it: it is the newest then, and nothing large waits.
    async fn take(&self, stream: &Arc<Stream>, width: Width) -> Result<(u64, Bytes), (u64, Failure)> {
        let program = self.program().map_err(|failure| (0, failure))?;
        let _permit = self.permit().await.map_err(|failure| (0, failure))?;
        let (number, key) = Key::of_stream(stream).map_err(|failure| (0, failure))?;
        let (_, input) = Key::file(vec![key]);
        self.0.started.fetch_add(1, Ordering::Relaxed);
        let made = child::run(&program, &arguments(&width.filter()), &input, self.0.bounds).await;
        made.map(|bytes| (number, bytes)).map_err(|failure| (number, failure))
    }

    async fn run(&self, filter: &str, input: &[Bytes], patience: u32) -> Result<Bytes, Failure> {
        let program = self.program()?;
        let _permit = self.permit().await?;
        self.0.started.fetch_add(1, Ordering::Relaxed);
        let bounds = Bounds { time: self.0.bounds.time * patience, ..self.0.bounds };
        child::run(&program, &arguments(filter), input, bounds).await
    }

    /// Looked for each time, so that an ffmpeg that is installed later is found.
    fn program(&self) -> Result<PathBuf, Failure> {
        if self.0.program.is_empty() {
            return Err(Failure::Off);
        }
        program::find(&self.0.program).ok_or_else(|| Failure::NoProgram(self.0.program.clone()))
    }

    /// The right to start a child.
    async fn permit(&self) -> Result<SemaphorePermit<'_>, Failure> {
        let _place = Waiting::enter(&self.0.waiting).ok_or(Failure::Busy)?;
        match timeout(self.0.bounds.time, self.0.children.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(Failure::Busy),
        }
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<(Name, Width), Slot>> {
        self.0.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn covers(&self) -> MutexGuard<'_, HashMap<Name, Cover>> {
        self.0.covers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Made {
    /// Whether it answers for this stream, whose newest key frame has this number.
    fn serves(&self, stream: &Arc<Stream>, number: u64) -> bool {
        let age = self.at.elapsed();
        let good = self.number == number && (self.outcome.is_ok() || age < FAILED_FOR);
        is(&self.stream, stream) && (good || age < FRESH)
    }

    fn byte_len(&self) -> usize {
        self.outcome.as_ref().map_or(0, |jpeg| jpeg.bytes.len())
    }
}

/// A name can be another stream's a moment later.
fn is(known: &Weak<Stream>, stream: &Arc<Stream>) -> bool {
    std::ptr::eq(known.as_ptr(), Arc::as_ptr(stream))
}

/// Lets go of what nobody has asked for in a while, and of the oldest where there is too much.
fn tidy(slots: &mut HashMap<(Name, Width), Slot>) {
    let old = |slot: &Slot| slot.made.as_ref().is_none_or(|made| made.at.elapsed() > KEPT_FOR);
    slots.retain(|_, slot| slot.running.is_some() || !old(slot));
    let mut kept: usize = slots.values().filter_map(|slot| slot.made.as_ref()).map(Made::byte_len).sum();
    while kept > MAX_KEPT_BYTES {
        let made = slots.values_mut().filter(|slot| slot.made.is_some());
        let oldest = made.min_by_key(|slot| slot.made.as_ref().map(|made| made.at));
        let Some(gone) = oldest.and_then(|slot| slot.made.take()) else { break };
        kept -= gone.byte_len();
    }
}

/// One line when something begins to fail, not one for each try.
fn note(stream: &Stream, failure: &Failure, before: Option<&Failure>) {
    let known = before.is_some_and(|before| before.code() == failure.code());
    match failure {
        Failure::Off | Failure::NoPictures | Failure::NoKey | Failure::Codec => {}
        _ if known => debug!(stream = %stream.name(), %failure, "no picture again"),
        _ => warn!(stream = %stream.name(), code = failure.code(), %failure, "no picture could be made"),
    }
}

/// A place among those who wait.
struct Waiting<'a>(&'a AtomicUsize);

impl Waiting<'_> {
    fn enter(waiting: &AtomicUsize) -> Option<Waiting<'_>> {
        let place = Waiting(waiting);
        (waiting.fetch_add(1, Ordering::Relaxed) < MAX_WAITING).then_some(place)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
