//! The task of one recording: it reads the stream like a viewer does, and never waits for a disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use hub::{Feed, Phase, Profile, Start, Stream, Wake};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use super::Failure;
use super::cut::{Cutter, Step};
use super::entry::{Control, Entry};
use super::files::{Files, Manner};
use super::queue::{Job, Progress, Queue};
use super::rules::split;
use crate::app::App;
use crate::store::{Recording, State};

/// Between two looks at a stream. To be woken for each frame costs more than what is done with it, and a recording that is a
/// quarter of a second behind loses no more in a crash than it may.
const LOOK: Duration = Duration::from_millis(250);

/// So many frames are read at once, however soon they came: an encoder that was cut off sends seconds in one go, and the
/// stream does not keep them for long.
const BURST: u32 = 16;

/// Between two looks at whether a stream has come back.
const RETURN: Duration = Duration::from_millis(100);

/// How long the end of a recording waits for the disk.
const LAST_WRITES: Duration = Duration::from_secs(120);

/// Rings when there is much to read.
#[derive(Debug, Default)]
struct Bell {
    unread: AtomicU32,
    rung: Notify,
}

impl Wake for Bell {
    fn wake(&self) {
        if self.unread.fetch_add(1, Ordering::Relaxed) + 1 == BURST {
            self.rung.notify_one();
        }
    }
}

/// Where the recorder begins with a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    /// Like a viewer: with everything that is still there of a stream that has just begun, else with the newest key
    /// frame.
    Group,
    /// With what comes next; before that, it has been there already.
    NextKey,
}

/// Why the recorder stopped reading.
enum Left {
    /// The stream is over.
    Ended,
    /// It was told so.
    Told(Control),
    /// The files cannot be written.
    Failed(Failure),
}

/// Records until the show is over, somebody ends it or the disk does.
pub(super) async fn run(app: &App, entry: &Entry, manner: Manner) -> Result<(), Failure> {
    let Some(stream) = app.hub.find(&entry.name) else { return Ok(()) };
    // Before anything takes time, so that the stream keeps what comes meanwhile.
    let first = open(stream);
    let recording = Recording::begun(&entry.id, split(&entry.name), app.clock.unix_ms());
    let queue_bytes = app.records.queue_bytes;
    let created = tokio::task::spawn_blocking(move || Files::create(manner, recording)).await;
    let files = created.map_err(|error| Failure::Io(error.to_string()))??;
    info!(recording = entry.id, stream = %entry.name, "recording");
    let queue = Queue::new(files, queue_bytes);
    // There is one task for each entry, so this is the first.
    let _ = entry.queue.set(queue.clone());
    entry.carried_out(Control::Run);
    let mut recorder = Recorder {
        app,
        entry,
        cutter: Cutter::new(entry.options.split()),
        orders: entry.orders(),
        progress: queue.progress(),
        queue,
        dropping: false,
        last_frame: Instant::now(),
        push_from: 0,
        ready: None,
    };
    let mut source = Some(first);
    let mut from = From::Group;
    let end = loop {
        let left = match source.take() {
            Some((stream, bell, feed)) => {
                let left = recorder.follow(&bell, feed, from).await;
                let steps = recorder.cutter.restart();
                recorder.write(steps);
                from = From::Group;
                match left {
                    Left::Told(Control::Pause) => {
                        from = From::NextKey;
                        recorder.pause(&stream).await
                    }
                    left => left,
                }
            }
            None => Left::Ended,
        };
        match left {
            Left::Failed(failure) => break Err(failure),
            Left::Told(Control::Run | Control::Pause) => {}
            Left::Told(end) => break Ok(end),
            Left::Ended => {
                from = From::Group;
                if let Some(end) = recorder.wait_for_return().await {
                    break Ok(end);
                }
            }
        }
        // The same stream after a pause, or another one of its name.
        let found = || app.hub.find(&entry.name).filter(|stream| stream.phase() != Phase::Ended);
        source = recorder.ready.take().or_else(|| found().map(open));
    };
    recorder.end(end).await
}

/// Ends a recording whose task has panicked, with what it had given to its files.
pub(super) async fn abandon(app: &App, entry: &Entry) {
    let Some(queue) = entry.queue.get() else { return };
    let (now_ms, reason) = (app.clock.unix_ms(), Failure::Panic.code());
    // It has no weight, so there is room.
    let _ = queue.push(Job::End { state: State::Failed, reason, now_ms, later: false });
    idle(&mut queue.progress(), entry).await;
}

/// A stream that is read.
type Source = (Arc<Stream>, Arc<Bell>, Feed);

fn open(stream: Arc<Stream>) -> Source {
    let bell = Arc::new(Bell::default());
    let feed = Feed::new(stream.clone(), bell.clone());
    (stream, bell, feed)
}

struct Recorder<'a> {
    app: &'a App,
    entry: &'a Entry,
    cutter: Cutter,
    queue: Arc<Queue>,
    orders: watch::Receiver<Control>,
    progress: watch::Receiver<Progress>,
    /// The disk could not keep up: everything is left out up to a key frame for which there is room.
    dropping: bool,
    last_frame: Instant,
    /// The first frame of the push that is recorded.
    push_from: u64,
    /// What goes on after a pause, from the moment on at which it was told so.
    ready: Option<Source>,
}

impl Recorder<'_> {
    /// Writes what a stream brings until there is a reason not to.
    async fn follow(&mut self, bell: &Bell, mut feed: Feed, from: From) -> Left {
        self.push_from = feed.push_from();
        let mut next = self.join(&feed, from);
        loop {
            if feed.base() > next {
                next = self.join(&feed, From::Group);
                self.cutter.note_loss();
                self.note_gap();
            }
            self.read(&feed, &mut next);
            let steps = self.cutter.handle_time(self.app.clock.now_ms());
            self.write(steps);
            if feed.phase() == Phase::Ended {
                return Left::Ended;
            }
            if let Some(failure) = self.progress.borrow_and_update().failure.clone() {
                return Left::Failed(failure);
            }
            let order = *self.orders.borrow_and_update();
            if order != Control::Run {
                return Left::Told(order);
            }
            let news = async {
                tokio::select! {
                    () = bell.rung.notified() => {}
                    _ = self.orders.changed() => {}
                    _ = self.progress.changed() => {}
                }
            };
            let _ = timeout(LOOK, news).await;
            bell.unread.store(0, Ordering::Relaxed);
            feed.keep_from(next);
            feed.pull();
        }
    }

    /// Takes the headers, unless they are in their place among the frames; gives the first frame.
    fn join(&mut self, feed: &Feed, from: From) -> u64 {
        if from == From::Group && feed.base() == 0 {
            return 0;
        }
        let start = match from {
            From::Group => feed.start(Profile::Live),
            From::NextKey => {
                let seq = feed.next_seq();
                let metadata = feed.headers().metadata.iter().cloned();
                Start { seq, headers: metadata.chain(feed.configs_at(seq)).collect() }
            }
        };
        for frame in &start.headers {
            let steps = self.cutter.handle_frame(frame, self.app.clock.now_ms(), self.app.clock.unix_ms());
            self.write(steps);
        }
        start.seq
    }

    fn read(&mut self, feed: &Feed, next: &mut u64) {
        let Some(last) = feed.last() else { return };
        if *next <= last.seq {
            self.last_frame = Instant::now();
        }
        let (now_ms, unix_ms) = (self.app.clock.now_ms(), self.app.clock.unix_ms());
        for entry in feed.since(*next) {
            if entry.seq >= feed.push_from() && self.push_from < feed.push_from() {
                self.push_from = feed.push_from();
                self.cutter.note_takeover();
            }
            #[cfg(test)]
            crate::bug::strike(crate::bug::RECORDER, &entry.frame);
            let age = last.frame.time.saturating_sub(entry.frame.time);
            let steps = self.cutter.handle_frame(&entry.frame, now_ms, unix_ms.saturating_sub(age));
            self.write(steps);
        }
        *next = last.seq + 1;
    }

    /// Queues steps; media for which there is no room is left out up to a key frame.
    fn write(&mut self, steps: Vec<Step>) {
        for step in steps {
            let key = match &step {
                Step::Write(batch) => Some(batch.key),
                Step::Open(_) | Step::Close => None,
            };
            if self.dropping && key == Some(false) {
                continue;
            }
            if let Step::Open(opening) = &step {
                // All but the first come too late to say when it began.
                let _ = self.entry.started_ms.set(opening.wall_ms);
            }
            match self.queue.push(Job::Step(step)) {
                Ok(()) if key.is_some() => self.dropping = false,
                Ok(()) => {}
                Err(_) if self.dropping => {}
                Err(_) => {
                    self.dropping = true;
                    self.note_gap();
                }
            }
        }
    }

    fn note_gap(&mut self) {
        warn!(recording = self.entry.id, stream = %self.entry.name, "the disk cannot keep up: a piece of the recording is missing");
        self.app.records.figures.gap();
        // It has no weight, so there is room.
        let _ = self.queue.push(Job::Gap);
    }

    /// Waits until it is told to go on, or the stream ends.
    async fn pause(&mut self, stream: &Arc<Stream>) -> Left {
        let _ = self.queue.push(Job::Paused(true));
        self.idle().await;
        self.entry.carried_out(Control::Pause);
        let mut phase = stream.watch_phase();
        let left = loop {
            let order = *self.orders.borrow_and_update();
            if order == Control::Run {
                self.ready = Some(open(stream.clone()));
            }
            if order != Control::Pause {
                break Left::Told(order);
            }
            tokio::select! {
                _ = self.orders.changed() => {}
                _ = phase.wait_for(|phase| *phase == Phase::Ended) => break Left::Ended,
            }
        };
        if !matches!(left, Left::Told(Control::End { .. })) {
            let _ = self.queue.push(Job::Paused(false));
            self.idle().await;
            self.entry.carried_out(Control::Run);
        }
        self.last_frame = Instant::now();
        left
    }

    /// Waits for the stream to come back; gives how the recording ends when it does not.
    async fn wait_for_return(&mut self) -> Option<Control> {
        let gap = Duration::from_secs(self.entry.options.gap_seconds);
        loop {
            let order = *self.orders.borrow_and_update();
            if let Control::End { .. } = order {
                return Some(order);
            }
            let on_air = |stream: &Arc<Stream>| matches!(stream.phase(), Phase::Starting | Phase::OnAir);
            if self.app.hub.find(&self.entry.name).as_ref().is_some_and(on_air) {
                return None;
            }
            if self.last_frame.elapsed() >= gap {
                return Some(Control::OVER);
            }
            sleep(RETURN).await;
        }
    }

    async fn end(mut self, end: Result<Control, Failure>) -> Result<(), Failure> {
        let (state, reason, later) = match &end {
            Ok(Control::End { state, reason, later }) => (*state, *reason, *later),
            Ok(_) => (State::Finished, "ended", false),
            Err(failure) => (State::Failed, failure.code(), false),
        };
        let now_ms = self.app.clock.unix_ms();
        let _ = self.queue.push(Job::End { state, reason, now_ms, later });
        self.idle().await;
        if let Ok(order) = end {
            self.entry.carried_out(order);
        }
        let failed = self.progress.borrow().failure.clone();
        info!(recording = self.entry.id, stream = %self.entry.name, reason, seconds = self.cutter.duration_ms() / 1_000, "the recording is over");
        match end {
            Err(failure) => Err(failure),
            // The last writes failed.
            Ok(_) => failed.map_or(Ok(()), Err),
        }
    }

    async fn idle(&mut self) {
        idle(&mut self.progress, self.entry).await;
    }
}

/// Returns when everything that was queued is written.
async fn idle(progress: &mut watch::Receiver<Progress>, entry: &Entry) {
    if timeout(LAST_WRITES, progress.wait_for(|progress| progress.idle)).await.is_err() {
        warn!(recording = entry.id, "the disk does not answer");
    }
}
