//! A feed: one reader thread's own copy of a stream's ring.
//!
//! A shard with a thousand viewers of one stream takes that stream's lock once per wake-up, copies the few new
//! references, and then serves every viewer without a lock, a queue or a copy.

use std::collections::VecDeque;
use std::sync::Arc;

use media::frame::{Frame, Role};

use crate::cursor::Profile;
use crate::entry::Entry;
use crate::stream::{Headers, Phase, Stream, Wake};

/// Oldest key frame that a viewer with the `rtc` profile is started at, in milliseconds of stream time. One that
/// is older would put the viewer that far behind the moment, so it waits for the next one instead.
const RTC_START_MS: i64 = 2_000;

/// How much sound a stream without pictures gives a new viewer at once, in milliseconds: enough to fill a player's
/// first buffer.
const AUDIO_START_MS: i64 = 1_000;

/// Where a new viewer begins.
#[derive(Debug, Clone)]
pub struct Start {
    /// The first frame it may be sent.
    pub seq: u64,
    /// What it is sent before that: the metadata at time zero, the decoder configurations on the time of that frame.
    pub headers: Vec<Frame>,
}

/// A mirror of one stream's ring, owned by one thread.
#[derive(Debug)]
pub struct Feed {
    stream: Arc<Stream>,
    tap: u64,
    entries: VecDeque<Arc<Entry>>,
    next_seq: u64,
    newest_key: Option<u64>,
    /// The oldest frame that a viewer who is behind still needs.
    kept_from: u64,
    headers: Arc<Headers>,
    push_from: u64,
    phase: Phase,
}

impl Feed {
    /// A feed of `stream`; `wake` is told whenever [`Feed::pull`] has something to bring.
    pub fn new(stream: Arc<Stream>, wake: Arc<dyn Wake>) -> Feed {
        let tap = stream.tap(wake);
        let mut feed = Feed {
            tap,
            entries: VecDeque::new(),
            next_seq: 0,
            newest_key: None,
            kept_from: u64::MAX,
            headers: Arc::default(),
            push_from: 0,
            phase: stream.phase(),
            stream,
        };
        feed.pull();
        feed
    }

    /// Brings the mirror up to date. Returns how many frames are new.
    pub fn pull(&mut self) -> u64 {
        let mut inner = self.stream.lock();
        inner.note_pulled(self.tap);
        let ring = &inner.ring;
        let new = ring.next_seq() - self.next_seq;
        if ring.base() > self.next_seq {
            self.entries.clear();
        }
        let from = self.next_seq.max(ring.base());
        self.entries.extend(ring.since(from).cloned());
        self.next_seq = ring.next_seq();
        self.newest_key = ring.newest_key();
        if !Arc::ptr_eq(&self.headers, &inner.headers) {
            self.headers = inner.headers.clone();
        }
        self.push_from = inner.push_from;
        self.phase = self.stream.phase();
        let base = ring.base();
        drop(inner);
        self.trim(base);
        new
    }

    /// What the next pulls keep for a viewer who is behind and has come to frame `seq`, as far back as
    /// [`crate::Options`] allow; with `u64::MAX` nothing, for then everybody is up to date. So a stream whose viewers keep
    /// up holds no more than new viewers start at.
    pub fn keep_from(&mut self, seq: u64) {
        self.kept_from = seq;
    }

    /// Lets go of what neither a new viewer nor one who is behind may be sent; `base` is the oldest frame of the ring.
    fn trim(&mut self, base: u64) {
        let Some(last) = self.entries.back().cloned() else { return };
        let options = self.stream.options();
        let wanted = |entry: &Arc<Entry>| {
            let age = last.frame.time.saturating_sub(entry.frame.time);
            let fits = entry.cost_to(&last) <= options.gop_max_bytes;
            entry.seq >= self.kept_from && age <= options.retain_ms && fits
        };
        while self.entries.front().is_some_and(|entry| entry.seq < base && !wanted(entry)) {
            self.entries.pop_front();
        }
    }

    /// The stream that is mirrored.
    pub fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    /// The stream's phase at the last pull.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The first frame of the present push: what comes before it was coded by another encoder.
    pub fn push_from(&self) -> u64 {
        self.push_from
    }

    /// The number that the next frame will have.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// The oldest frame's number, or the next one's when there is none.
    pub fn base(&self) -> u64 {
        self.next_seq - self.entries.len() as u64
    }

    /// The newest frame.
    pub fn last(&self) -> Option<&Arc<Entry>> {
        self.entries.back()
    }

    /// The newest frame that a decoder can start at.
    pub fn newest_key(&self) -> Option<u64> {
        self.newest_key.filter(|key| *key >= self.base())
    }

    /// What a new viewer is sent first.
    pub fn headers(&self) -> &Arc<Headers> {
        &self.headers
    }

    /// The frame with this number, while it is stored.
    pub fn get(&self, seq: u64) -> Option<&Arc<Entry>> {
        let index = seq.checked_sub(self.base())?;
        self.entries.get(usize::try_from(index).ok()?)
    }

    /// The frames from `seq` on.
    pub fn since(&self, seq: u64) -> impl Iterator<Item = &Arc<Entry>> {
        let skip = usize::try_from(seq.saturating_sub(self.base())).unwrap_or(usize::MAX);
        self.entries.iter().skip(skip)
    }

    /// Bytes of media from frame `seq` on, as far as it is stored.
    pub fn bytes_since(&self, seq: u64) -> u64 {
        match (self.get(seq.max(self.base())), self.entries.back()) {
            (Some(first), Some(last)) => last.bytes_through() - first.bytes_before,
            _ => 0,
        }
    }

    /// Where a viewer with this profile begins now.
    pub fn start(&self, profile: Profile) -> Start {
        if profile == Profile::Live && self.headers.has_video && self.is_first_group() {
            // From the very beginning on, the headers are in their place among the frames.
            return Start { seq: 0, headers: Vec::new() };
        }
        let seq = self.start_seq(profile);
        // At zero, wherever the pictures are: a player that joins at another time would take metadata with a time of
        // its own for a track of subtitles (ffmpeg does).
        let metadata = self.headers.metadata.iter().map(|frame| Frame { time: 0, ..frame.clone() });
        let headers = metadata.chain(self.configs_at(seq)).collect();
        Start { seq, headers }
    }

    /// The decoder configurations with the time of frame `seq`, so that a viewer never sees time go back.
    pub fn configs_at(&self, seq: u64) -> Vec<Frame> {
        let at = self.get(seq).or(self.entries.back());
        let time = at.map_or(0, |entry| entry.frame.time);
        self.headers.configs.iter().map(|frame| Frame { time, ..frame.clone() }).collect()
    }

    fn start_seq(&self, profile: Profile) -> u64 {
        let Some(last) = self.entries.back() else { return self.next_seq };
        let newest = last.frame.time;
        if let Some(key) = self.newest_key() {
            let age = self.get(key).map_or(i64::MAX, |entry| newest - entry.frame.time);
            let too_old = profile == Profile::Rtc && age > RTC_START_MS;
            return if too_old { self.next_seq } else { key };
        }
        if self.headers.has_video {
            return self.next_seq;
        }
        let recent = |entry: &&Arc<Entry>| newest - entry.frame.time <= AUDIO_START_MS;
        self.entries.iter().find(recent).map_or(self.next_seq, |entry| entry.seq)
    }
}

impl Feed {
    /// Whether the stream has only just begun: everything is still here, and there is no second key frame. The first
    /// group may begin with sound, and a viewer who waited for the stream misses nothing of it.
    fn is_first_group(&self) -> bool {
        let keys = self.entries.iter().filter(|entry| entry.frame.role == Role::Key);
        self.base() == 0 && keys.take(2).count() < 2
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.stream.untap(self.tap);
    }
}
