//! The task that reads one stream and fills one shelf.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hub::{Feed, Headers, Phase, Profile, Stream, Wake};
use media::frame::{Kind, Role};
use media::hls::{Goals, Numbers, Settings as WindowSettings, fitting_part_ms};
use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;
use tracing::{info, warn};

use super::Container;
use super::finished::Teller;
use super::pace;
use super::packer::{Packer, Plan};
use super::settings::Settings;
use super::shelf::{Fault, Shelf};
use crate::clock::Clock;

/// How long pictures are waited for that tell their rate; then the encoder's word is taken for it.
const PACE_WAIT: Duration = Duration::from_millis(700);

/// Frames of sound have so many samples, in AAC and about so in the others: what parts are made of without a picture.
const SOUND_SAMPLES: f64 = 1_024.0;

/// One stream that is being packaged.
#[derive(Debug)]
pub(super) struct Packager {
    pub(super) stream: Arc<Stream>,
    pub(super) container: Container,
    pub(super) shelf: Arc<Shelf>,
    /// What the stream's decoders were set up by when it began.
    headers: Arc<Headers>,
    used_ms: AtomicU64,
    stop: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Bell(Notify);

impl Wake for Bell {
    fn wake(&self) {
        self.0.notify_one();
    }
}

impl Packager {
    /// Starts packaging at the newest group of pictures that the stream has.
    pub(super) fn start(
        stream: &Arc<Stream>,
        teller: Teller,
        settings: &Settings,
        numbers: Numbers,
        files: &Arc<Semaphore>,
        clock: &Clock,
    ) -> Arc<Packager> {
        let container = teller.container;
        let shelf = Arc::new(Shelf::new(container, settings, numbers, files.clone(), clock));
        let stop = Arc::new(Notify::new());
        let work = Work::new(stream, teller, settings, shelf.clone(), clock.clone());
        let packager = Packager {
            stream: stream.clone(),
            container,
            shelf: shelf.clone(),
            headers: stream.headers(),
            used_ms: AtomicU64::new(clock.now_ms()),
            stop: stop.clone(),
        };
        info!(stream = %stream.name(), container = container.name(), "packaging begins");
        let name = stream.name().clone();
        tokio::spawn(async move {
            // A task of its own, so that a panic in it is seen and costs this shelf only.
            let task = tokio::spawn(async move {
                tokio::select! { () = work.run() => {}, () = stop.notified() => {} }
            });
            if let Err(error) = task.await {
                warn!(stream = %name, container = container.name(), %error, "packaging failed");
                shelf.handle_fault(Fault::Broken);
            }
            info!(stream = %name, container = container.name(), "packaging ends");
        });
        Arc::new(packager)
    }

    /// Whether the container does not carry what this stream still sends, so that another one would fail like this one.
    pub(super) fn is_in_vain(&self, stream: &Arc<Stream>) -> bool {
        if !Arc::ptr_eq(&self.stream, stream) || !self.shelf.lacks_codec() {
            return false;
        }
        let (then, now) = (self.headers.configs.iter(), &stream.headers().configs);
        then.map(|config| &config.body).eq(now.iter().map(|config| &config.body))
    }

    /// Somebody asked for something.
    pub(super) fn touch(&self, now_ms: u64) {
        self.used_ms.fetch_max(now_ms, Ordering::Relaxed);
    }

    /// How long nobody has.
    pub(super) fn idle_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.used_ms.load(Ordering::Relaxed))
    }

    /// Ends it.
    pub(super) fn stop(&self) {
        self.stop.notify_one();
    }
}

/// What the task works with.
struct Work {
    feed: Feed,
    bell: Arc<Bell>,
    shelf: Arc<Shelf>,
    clock: Clock,
    plan: Plan,
    wanted_part_ms: Option<u64>,
    window_segments: usize,
    window_ms: u64,
    teller: Teller,
}

impl Work {
    fn new(
        stream: &Arc<Stream>,
        teller: Teller,
        settings: &Settings,
        shelf: Arc<Shelf>,
        clock: Clock,
    ) -> Work {
        let (bell, container) = (Arc::new(Bell::default()), teller.container);
        let goals = Goals { segment_ms: settings.segment_ms, longest_ms: settings.longest_ms, part_ms: None };
        Work {
            feed: Feed::new(stream.clone(), bell.clone()),
            bell,
            shelf,
            clock,
            plan: Plan { container, goals, max_bytes: settings.max_bytes, step_ms: None },
            wanted_part_ms: settings.part_ms.filter(|_| container == Container::Fmp4),
            window_segments: settings.window_segments,
            window_ms: settings.window_ms,
            teller,
        }
    }

    async fn run(mut self) {
        // Where a viewer would begin. It is kept while the rate of the pictures is found out.
        let start = self.feed.start(Profile::Live).seq;
        self.feed.keep_from(start);
        if self.feed.headers().has_video {
            // Without an answer the stream is packaged all the same.
            let _ = timeout(PACE_WAIT, self.pace_is_known()).await;
        }
        self.plan.step_ms = self.pictures_step_ms();
        self.open_shelf();
        let mut packer = Packer::new(self.plan, self.shelf.clone(), self.teller.clone());
        if let Err(codec) = self.package(&mut packer, start).await {
            let stream = self.feed.stream().name();
            info!(%stream, codec = codec.name(), container = self.plan.container.name(), "a codec that the container does not carry");
            self.shelf.handle_fault(Fault::Codec(codec));
        }
    }

    async fn pace_is_known(&mut self) {
        while self.pictures_step_ms().is_none() && self.feed.phase() != Phase::Ended {
            self.bell.0.notified().await;
            self.feed.pull();
        }
    }

    async fn package(&mut self, packer: &mut Packer, start: u64) -> Result<(), media::codec::Codec> {
        let mut next = start;
        let mut push = self.feed.push_from().min(next);
        packer.handle_push(&self.feed.headers().configs, self.date_offset_ms())?;
        loop {
            if self.feed.base() > next {
                packer.handle_gap();
                next = self.feed.base();
            }
            // A new publisher's tracks are known when it is on air, and what it sent before that is still there.
            let end = match self.feed.phase() {
                Phase::Starting => self.feed.push_from().max(next),
                _ => self.feed.next_seq(),
            };
            for seq in next..end {
                if push < self.feed.push_from() && seq >= self.feed.push_from() {
                    push = self.feed.push_from();
                    packer.handle_push(&self.feed.headers().configs, self.date_offset_ms())?;
                }
                if let Some(entry) = self.feed.get(seq) {
                    #[cfg(test)]
                    crate::bug::strike(crate::bug::PACKAGER, &entry.frame);
                    packer.handle_frame(&entry.frame)?;
                }
            }
            next = end;
            self.feed.keep_from(if next < self.feed.next_seq() { next } else { u64::MAX });
            if self.feed.phase() == Phase::Ended {
                packer.handle_end();
                return Ok(());
            }
            self.bell.0.notified().await;
            self.feed.pull();
        }
    }

    fn open_shelf(&mut self) {
        let step = match self.plan.step_ms {
            None if !self.feed.headers().has_video => self.sound_step_ms(),
            step => step,
        };
        self.plan.goals.part_ms =
            self.wanted_part_ms.map(|wanted| step.map_or(wanted, |step| fitting_part_ms(wanted, step)));
        self.shelf.open(WindowSettings {
            target_ms: self.target_ms(),
            part_target_ms: self.plan.goals.part_ms,
            segments: self.window_segments,
            span_ms: self.window_ms,
        });
    }

    /// How long segments will be. The target of a playlist must not change, so the distance of key frames is looked at
    /// where it is known already.
    fn target_ms(&self) -> u64 {
        let Goals { segment_ms, longest_ms, .. } = self.plan.goals;
        let measured = self.feed.stream().measured(self.clock.now_ms()).gop_ms;
        let Some(gop_ms) = measured.and_then(|gop| u64::try_from(gop).ok()).filter(|gop| *gop > 0) else {
            return segment_ms;
        };
        // A segment ends at the first key frame that is near enough to its goal.
        let groups = (segment_ms - segment_ms / 10).div_ceil(gop_ms);
        (groups * gop_ms).clamp(segment_ms, longest_ms)
    }

    /// What is added to stream time for a date: the newest frame came when it came, and all others stand where their
    /// time says.
    fn date_offset_ms(&self) -> i64 {
        let came_ms = self.feed.stream().summary().last_frame_ms;
        let ago = i64::try_from(self.clock.now_ms().saturating_sub(came_ms)).unwrap_or(0);
        let time = self.feed.last().map_or(0, |entry| entry.frame.time);
        self.clock.unix_ms().saturating_sub(ago).saturating_sub(time)
    }

    fn pictures_step_ms(&self) -> Option<f64> {
        let is_picture = |role| matches!(role, Role::Key | Role::Inter | Role::Disposable);
        let frames = self.feed.since(self.feed.push_from()).map(|entry| &entry.frame);
        let pictures = frames.filter(|frame| frame.track == 0 && is_picture(frame.role));
        pace::step_ms(pictures.map(|frame| frame.time))
    }

    fn sound_step_ms(&self) -> Option<f64> {
        let headers = self.feed.headers();
        let sound = headers.configs.iter().find(|config| config.kind == Kind::Audio)?;
        let rate = media::sample::Config::of(sound)?.info.sample_rate?;
        Some(SOUND_SAMPLES * 1_000.0 / f64::from(rate))
    }
}
