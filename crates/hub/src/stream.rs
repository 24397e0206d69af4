//! One stream: who publishes it, what a new viewer needs first, the ring, and who is to be woken.

use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use media::frame::{BadBody, Frame, Kind, Role};
use media::timeline::Timeline;
use tokio::sync::watch;

use crate::arrivals::Arrivals;
use crate::entry::Entry;
use crate::meter::{Measured, Meter};
use crate::publisher::Pushed;
use crate::registry::{Identity, Name, Options};
use crate::ring::Ring;
use crate::sync::{AtomicUsize, Mutex, MutexGuard, Ordering};
use crate::totals::Totals;

/// Most decoder configurations kept per stream: two kinds times the tracks of a multitrack push.
const MAX_CONFIGS: usize = 16;

/// How much media must have come before a stream whose second track has not shown itself counts as complete.
/// Two audio packets or a few pictures always lie within it.
const SETTLE_MS: i64 = 400;

/// The same by the clock, for a stream whose timestamps stand still.
const SETTLE_WALL_MS: u64 = 1_000;

/// Something that wants to know that a stream has news: one per reader thread and stream.
pub trait Wake: Send + Sync + std::fmt::Debug {
    /// New frames, or a new phase. Called with the stream's lock held: be short, and do not call the hub.
    fn wake(&self);
}

/// Where a stream is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Readers wait for a publisher who has not come.
    Waiting,
    /// Publishing has begun; which tracks there are is not known yet.
    Starting,
    /// Frames flow.
    OnAir,
    /// The publisher is gone and may come back.
    Grace,
    /// Over. A new push of the same name is a new stream.
    Ended,
}

/// Why a publisher or a whole stream was ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The same identity published again: the newer push wins.
    Replaced,
    /// An operator dropped the stream; the text is theirs.
    Dropped(String),
    /// The publisher left and did not come back.
    Finished,
}

/// What every new viewer is sent before the first picture.
#[derive(Debug, Clone, Default)]
pub struct Headers {
    /// The newest `onMetaData`.
    pub metadata: Option<Frame>,
    /// The newest decoder configuration of each track, in the order in which the tracks showed themselves.
    pub configs: Vec<Frame>,
    /// Whether there is, or was in this push, any audio.
    pub has_audio: bool,
    /// Whether there is, or was in this push, any video.
    pub has_video: bool,
}

/// Figures of a stream at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Where the stream is in its life.
    pub phase: Phase,
    /// Viewers at this moment.
    pub viewers: usize,
    /// `now_ms` of the push that began the stream, kept over takeovers.
    pub started_ms: u64,
    /// Bits of media per second over what the ring holds.
    pub bits_per_second: u64,
    /// Bytes of media taken in since the stream began.
    pub bytes_in: u64,
    /// Frames taken in.
    pub frames_in: u64,
    /// Frames whose timestamps did not follow from the ones before.
    pub time_jumps: u64,
    /// Times that the publisher was replaced or came back.
    pub takeovers: u64,
    /// When the newest frame came, by the caller's clock.
    pub last_frame_ms: u64,
}

/// A stream. Everything that is not a handle's business is private to this crate.
#[derive(Debug)]
pub struct Stream {
    name: Name,
    options: Options,
    viewers: AtomicUsize,
    phase: watch::Sender<Phase>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) ring: Ring,
    pub(crate) headers: Arc<Headers>,
    timeline: Timeline,
    publisher: Option<Current>,
    grace_from: Option<u64>,
    left_undated: bool,
    last_publisher: u64,
    /// Pictures are left out until one comes that a decoder can start at.
    awaits_key: bool,
    begun: Option<i64>,
    taps: Vec<Tap>,
    last_tap: u64,
    started_ms: u64,
    publish_ms: u64,
    last_frame_ms: u64,
    frames_in: u64,
    bytes_in: u64,
    time_jumps: u64,
    takeovers: u64,
    /// The first frame of the present push.
    pub(crate) push_from: u64,
    meter: Meter,
    arrivals: Arrivals,
}

/// One feed.
#[derive(Debug)]
struct Tap {
    id: u64,
    wake: Arc<dyn Wake>,
    /// The first frame that it has not pulled.
    pulled: u64,
}

#[derive(Debug)]
struct Current {
    id: u64,
    identity: Identity,
    revoke: watch::Sender<Option<End>>,
}

impl Stream {
    pub(crate) fn new(name: Name, options: Options) -> Stream {
        let inner = Inner {
            ring: Ring::default(),
            headers: Arc::default(),
            timeline: Timeline::default(),
            publisher: None,
            grace_from: None,
            left_undated: false,
            last_publisher: 0,
            awaits_key: true,
            begun: None,
            taps: Vec::new(),
            last_tap: 0,
            started_ms: 0,
            publish_ms: 0,
            last_frame_ms: 0,
            frames_in: 0,
            bytes_in: 0,
            time_jumps: 0,
            takeovers: 0,
            push_from: 0,
            meter: Meter::default(),
            arrivals: Arrivals::default(),
        };
        Stream {
            name,
            options,
            viewers: AtomicUsize::new(0),
            phase: watch::Sender::new(Phase::Waiting),
            inner: Mutex::new(inner),
        }
    }

    /// Its name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// Where it is in its life.
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// A receiver that is told every change of phase.
    pub fn watch_phase(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    /// What a new viewer is sent first.
    pub fn headers(&self) -> Arc<Headers> {
        self.lock().headers.clone()
    }

    /// The newest picture that a decoder can start at, with what it is set up by. None before there is one, and while
    /// none that is stored may be started at.
    pub fn newest_key(&self) -> Option<(Arc<Entry>, Arc<Headers>)> {
        let inner = self.lock();
        let seq = inner.ring.newest_key()?;
        let entry = inner.ring.since(seq).next()?.clone();
        Some((entry, inner.headers.clone()))
    }

    /// The time of the newest frame, in milliseconds of the stream. None before there is one.
    pub fn newest_time_ms(&self) -> Option<i64> {
        self.lock().ring.last().map(|entry| entry.frame.time)
    }

    /// Viewers at this moment.
    pub fn viewers(&self) -> usize {
        self.viewers.load(Ordering::Relaxed)
    }

    /// Feeds at this moment.
    pub fn readers(&self) -> usize {
        self.lock().taps.len()
    }

    /// One viewer came.
    pub fn viewer_joined(&self) {
        self.viewers.fetch_add(1, Ordering::Relaxed);
    }

    /// One viewer left.
    pub fn viewer_left(&self) {
        self.viewers.fetch_sub(1, Ordering::Relaxed);
    }

    /// The stream in figures.
    pub fn summary(&self) -> Summary {
        let inner = self.lock();
        let bits_per_second = match (inner.ring.first(), inner.ring.last()) {
            (Some(first), Some(last)) if last.frame.time > first.frame.time => {
                let span_ms = last.frame.time.abs_diff(first.frame.time);
                (last.bytes_before - first.bytes_before) * 8_000 / span_ms
            }
            _ => 0,
        };
        Summary {
            phase: self.phase(),
            viewers: self.viewers(),
            started_ms: inner.started_ms,
            bits_per_second,
            bytes_in: inner.bytes_in,
            frames_in: inner.frames_in,
            time_jumps: inner.time_jumps,
            takeovers: inner.takeovers,
            last_frame_ms: inner.last_frame_ms,
        }
    }

    /// What came in over the last seconds before `now_ms`.
    pub fn measured(&self, now_ms: u64) -> Measured {
        self.lock().meter.measured(now_ms)
    }

    /// When the newest of each kind came in this push.
    pub fn arrivals(&self) -> Arrivals {
        self.lock().arrivals
    }

    /// Bytes of media in the ring.
    pub fn ring_bytes(&self) -> u64 {
        self.lock().ring.bytes()
    }

    /// What was counted on this stream.
    pub(crate) fn totals(&self) -> Totals {
        let inner = self.lock();
        Totals {
            bytes_in: inner.bytes_in,
            frames_in: inner.frames_in,
            time_jumps: inner.time_jumps,
            takeovers: inner.takeovers,
            groups_outgrown: inner.ring.outgrown(),
            refused_full: 0,
        }
    }

    /// Has `wake` told of every change from now on, until [`Stream::untap`] is given the returned number.
    pub(crate) fn tap(&self, wake: Arc<dyn Wake>) -> u64 {
        let mut inner = self.lock();
        inner.last_tap += 1;
        let id = inner.last_tap;
        let pulled = inner.ring.next_seq();
        inner.taps.push(Tap { id, wake, pulled });
        id
    }

    pub(crate) fn untap(&self, id: u64) {
        self.lock().taps.retain(|tap| tap.id != id);
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        // What a panic can leave behind here is at worst one frame stored and not counted.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes `identity` the publisher, whose number and end are returned; nothing when somebody else is. Called with the
    /// registry's lock held, as whatever ends a stream is: nobody publishes into what cannot be found any more.
    pub(crate) fn take(
        &self,
        identity: Identity,
        now_ms: u64,
    ) -> Option<(u64, watch::Receiver<Option<End>>)> {
        let mut inner = self.lock();
        if inner.publisher.as_ref().is_some_and(|current| current.identity != identity) {
            return None;
        }
        if let Some(old) = inner.publisher.take() {
            old.revoke.send_replace(Some(End::Replaced));
        }
        if inner.last_publisher > 0 {
            inner.takeovers += 1;
            inner.timeline.rebase_next();
        } else {
            inner.started_ms = now_ms;
        }
        inner.last_publisher += 1;
        inner.publish_ms = now_ms;
        inner.push_from = inner.ring.next_seq();
        inner.arrivals = Arrivals::begin(inner.last_publisher, now_ms);
        inner.grace_from = None;
        inner.left_undated = false;
        // The new encoder's pictures share nothing with the old one's: its headers and its first key frame come
        // before any of its other pictures, for old viewers and new ones alike.
        inner.headers = Arc::default();
        inner.awaits_key = true;
        inner.begun = None;
        inner.ring.forget_start();
        inner.meter.restart();
        let id = inner.last_publisher;
        let (revoke, revoked) = watch::channel(None);
        inner.publisher = Some(Current { id, identity, revoke });
        self.set_phase(&inner, Phase::Starting);
        Some((id, revoked))
    }

    /// Takes a frame of the publisher with this number; nothing, when the stream is no longer its.
    pub(crate) fn push(
        &self,
        publisher: u64,
        kind: Kind,
        time_ms: i64,
        body: Bytes,
        now_ms: u64,
    ) -> Result<Option<Pushed>, BadBody> {
        let mut frame = Frame::classify(kind, time_ms, body)?;
        let mut inner = self.lock();
        match &inner.publisher {
            Some(current) if current.id == publisher => {}
            _ => return Ok(None),
        }
        inner.last_frame_ms = now_ms;
        inner.frames_in += 1;
        inner.bytes_in += frame.body.len() as u64;
        inner.arrivals.note(&frame, now_ms);
        let mut jumped = false;
        if matches!(frame.role, Role::Config | Role::Metadata) {
            frame.time = inner.timeline.last();
            inner.keep_header(&frame);
        } else {
            let mapped = inner.timeline.map((frame.kind, frame.track), time_ms);
            frame.time = mapped.time;
            jumped = mapped.jumped;
            inner.time_jumps += u64::from(jumped);
            inner.note_track(frame.kind);
            inner.meter.note(&frame, now_ms);
            match frame.role {
                Role::Key => inner.awaits_key = false,
                Role::Inter | Role::Disposable if inner.awaits_key => return Ok(Some(Pushed::Undecodable)),
                _ => {}
            }
        }
        let time = frame.time;
        let media = matches!(frame.role, Role::Key | Role::Inter | Role::Disposable | Role::Audio);
        let unpulled = inner.taps.iter().map(|tap| tap.pulled).min().unwrap_or(u64::MAX);
        inner.ring.push(frame, &self.options, unpulled);
        if media {
            let begun = *inner.begun.get_or_insert(time);
            let complete = inner.headers.has_audio && inner.headers.has_video;
            if complete || time.saturating_sub(begun) >= SETTLE_MS {
                self.set_phase(&inner, Phase::OnAir);
            }
        }
        inner.wake();
        Ok(Some(if jumped { Pushed::StoredAfterJump } else { Pushed::Stored }))
    }

    /// The publisher with this number let go of the stream, at `now_ms` if it had a clock.
    pub(crate) fn publisher_left(&self, publisher: u64, now_ms: Option<u64>) {
        let mut inner = self.lock();
        if inner.publisher.as_ref().is_none_or(|current| current.id != publisher) {
            return;
        }
        inner.publisher = None;
        inner.grace_from = now_ms;
        inner.left_undated = now_ms.is_none();
        self.set_phase(&inner, Phase::Grace);
        inner.wake();
    }

    /// Moves time on. Returns whether the registry should keep the stream.
    pub(crate) fn sweep(&self, now_ms: u64, grace_ms: u64, wanted: bool) -> bool {
        let mut inner = self.lock();
        if inner.left_undated {
            inner.left_undated = false;
            inner.grace_from = Some(now_ms);
        }
        match self.phase() {
            Phase::Waiting => wanted,
            Phase::Starting => {
                if inner.begun.is_some() && now_ms.saturating_sub(inner.publish_ms) >= SETTLE_WALL_MS {
                    self.set_phase(&inner, Phase::OnAir);
                    inner.wake();
                }
                true
            }
            Phase::OnAir => true,
            Phase::Grace => {
                if inner.grace_from.is_some_and(|from| now_ms.saturating_sub(from) < grace_ms) {
                    return true;
                }
                self.set_phase(&inner, Phase::Ended);
                inner.wake();
                false
            }
            Phase::Ended => false,
        }
    }

    /// Ends the stream for its publisher and its readers.
    pub(crate) fn end(&self, end: End) {
        let mut inner = self.lock();
        if let Some(current) = inner.publisher.take() {
            current.revoke.send_replace(Some(end));
        }
        self.set_phase(&inner, Phase::Ended);
        inner.wake();
    }

    /// Changes of phase happen under the stream's lock, so they are seen in the order in which they were made.
    fn set_phase(&self, _locked: &Inner, phase: Phase) {
        self.phase.send_if_modified(|current| {
            let changed = *current != phase;
            *current = phase;
            changed
        });
    }
}

impl Inner {
    /// The feed with this number has everything.
    pub(crate) fn note_pulled(&mut self, id: u64) {
        if let Some(tap) = self.taps.iter_mut().find(|tap| tap.id == id) {
            tap.pulled = self.ring.next_seq();
        }
    }

    fn wake(&self) {
        for tap in &self.taps {
            tap.wake.wake();
        }
    }

    /// Remembers what new viewers need. Viewers that are there already get it in its place among the frames.
    fn keep_header(&mut self, frame: &Frame) {
        let headers = Arc::make_mut(&mut self.headers);
        if frame.role == Role::Metadata {
            headers.metadata = Some(frame.clone());
            return;
        }
        match frame.kind {
            Kind::Audio => headers.has_audio = true,
            Kind::Video => headers.has_video = true,
            Kind::Data => {}
        }
        let same_track = |config: &Frame| config.kind == frame.kind && config.track == frame.track;
        let Some(known) = headers.configs.iter().position(same_track) else {
            if headers.configs.len() < MAX_CONFIGS {
                headers.configs.push(frame.clone());
            }
            return;
        };
        // Another picture format: what was coded for the old one cannot follow it.
        let changed = headers.configs[known].body != frame.body;
        headers.configs[known] = frame.clone();
        if changed && frame.kind == Kind::Video {
            self.awaits_key = true;
            self.ring.forget_start();
        }
    }

    fn note_track(&mut self, kind: Kind) {
        let known = match kind {
            Kind::Audio => self.headers.has_audio,
            Kind::Video => self.headers.has_video,
            Kind::Data => true,
        };
        if known {
            return;
        }
        let headers = Arc::make_mut(&mut self.headers);
        match kind {
            Kind::Audio => headers.has_audio = true,
            Kind::Video => headers.has_video = true,
            Kind::Data => {}
        }
    }
}
