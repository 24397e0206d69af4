//! What can be said about a stream from its frames.

use bytes::Bytes;
use media::codec::TrackInfo;
use media::frame::{Frame, Kind, Role};

/// Most keys of the metadata that are told.
const KEYS_MAX: usize = 64;

/// Longest of them, in characters.
const KEY_MAX: usize = 64;

/// Sums over the frames of a stream.
#[derive(Debug, Default)]
pub(super) struct Measure {
    /// The pictures.
    pub(super) video: Option<Track>,
    /// The sound.
    pub(super) audio: Option<Track>,
    /// From the beginning to the first audio or video, in milliseconds.
    pub(super) first_media_ms: Option<u64>,
    /// The same to the first key frame.
    pub(super) first_key_ms: Option<u64>,
    /// Longest time between two key frames.
    pub(super) gop_max_ms: Option<i64>,
    /// Names in the metadata.
    pub(super) metadata: Vec<String>,
    first_key: Option<i64>,
    last_key: Option<i64>,
    gops: i64,
}

/// One kind of media, all its tracks together.
#[derive(Debug)]
pub(super) struct Track {
    /// What its configuration says.
    pub(super) info: Option<TrackInfo>,
    /// Frames with something to decode.
    pub(super) frames: u64,
    /// How often a frame was earlier than the one before it.
    pub(super) steps_back: u64,
    bytes: u64,
    first: i64,
    last: i64,
}

impl Measure {
    /// Takes a piece of media that came `after` milliseconds from the beginning.
    pub(super) fn see(&mut self, kind: Kind, time: i64, body: Bytes, after: u64) {
        let Ok(frame) = Frame::classify(kind, time, body) else { return };
        match frame.role {
            Role::Metadata => self.metadata = keys(&frame.body),
            Role::Config => self.track(kind, time).info = TrackInfo::from_config(kind, &frame.body),
            Role::Other => {}
            role => {
                self.first_media_ms.get_or_insert(after);
                if role == Role::Key {
                    self.see_key(time, after);
                }
                self.track(kind, time).add(time, frame.body.len());
            }
        }
    }

    /// Whether there was anything to see or hear.
    pub(super) fn has_media(&self) -> bool {
        self.first_media_ms.is_some()
    }

    /// Mean time between key frames.
    pub(super) fn gop_ms(&self) -> Option<i64> {
        self.last_key?.saturating_sub(self.first_key?).checked_div(self.gops)
    }

    /// How much further the sound has come than the picture, at the end.
    pub(super) fn audio_ahead_ms(&self) -> Option<i64> {
        let seen = |track: &Option<Track>| track.as_ref().filter(|track| track.frames > 0).map(|t| t.last);
        Some(seen(&self.audio)?.saturating_sub(seen(&self.video)?))
    }

    /// How often time went back inside a kind.
    pub(super) fn steps_back(&self) -> u64 {
        [&self.video, &self.audio].into_iter().flatten().map(|track| track.steps_back).sum()
    }

    /// Whether it never did.
    pub(super) fn is_monotonic(&self) -> bool {
        self.steps_back() == 0
    }

    /// Frames per second of the stream's own time: a new viewer is sent the last seconds at once.
    pub(super) fn per_second(&self, track: &Track) -> Option<f64> {
        let span = track.span()?;
        // The first frame begins the span and the last one ends it.
        let rate = (track.frames.saturating_sub(1)) as f64 * 1_000.0 / span as f64;
        Some((rate * 100.0).round() / 100.0)
    }

    /// Thousands of bits per second of the stream's own time.
    pub(super) fn kbps(&self, track: &Track) -> Option<u64> {
        Some(track.bytes.saturating_mul(8) / track.span()?.unsigned_abs())
    }

    fn see_key(&mut self, time: i64, after: u64) {
        self.first_key_ms.get_or_insert(after);
        self.first_key.get_or_insert(time);
        if let Some(last) = self.last_key {
            self.gops += 1;
            self.gop_max_ms = self.gop_max_ms.max(Some(time.saturating_sub(last)));
        }
        self.last_key = Some(time);
    }

    fn track(&mut self, kind: Kind, time: i64) -> &mut Track {
        let track = if kind == Kind::Audio { &mut self.audio } else { &mut self.video };
        track.get_or_insert(Track { info: None, frames: 0, steps_back: 0, bytes: 0, first: time, last: time })
    }
}

impl Track {
    fn add(&mut self, time: i64, len: usize) {
        if self.frames == 0 {
            (self.first, self.last) = (time, time);
        }
        if time < self.last {
            self.steps_back += 1;
        }
        self.frames += 1;
        self.bytes += len as u64;
        self.last = time;
    }

    fn span(&self) -> Option<i64> {
        Some(self.last.saturating_sub(self.first)).filter(|span| *span > 0)
    }
}

/// The names in `onMetaData`, as they stand there, without what would move the cursor.
fn keys(body: &[u8]) -> Vec<String> {
    let values = amf0::decode(body).unwrap_or_default();
    let properties = values.iter().find_map(amf0::Value::properties).unwrap_or_default();
    let clean = |text: &str| text.chars().filter(|c| !c.is_control()).take(KEY_MAX).collect();
    properties.iter().take(KEYS_MAX).map(|(name, _)| clean(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(key: bool) -> Bytes {
        // AVC, a NAL unit in one length-prefixed piece.
        let head = if key { 0x17 } else { 0x27 };
        let nal = if key { 0x65 } else { 0x41 };
        Bytes::copy_from_slice(&[head, 1, 0, 0, 0, 0, 0, 0, 2, nal, 0])
    }

    #[test]
    fn rates_go_by_the_streams_own_time_and_not_by_when_it_came() {
        let mut measure = Measure::default();
        for number in 0..101 {
            measure.see(Kind::Video, 5_000 + number * 40, picture(number % 50 == 0), 7);
        }
        let video = measure.video.as_ref().unwrap();
        assert_eq!(measure.per_second(video), Some(25.0));
        assert_eq!((measure.gop_ms(), measure.gop_max_ms), (Some(2_000), Some(2_000)));
        assert_eq!((measure.first_key_ms, measure.is_monotonic()), (Some(7), true));
        assert_eq!(measure.kbps(video), Some(101 * 11 * 8 / 4_000));
    }

    #[test]
    fn time_that_steps_back_and_sound_that_runs_ahead_are_told() {
        let mut measure = Measure::default();
        for time in [0, 40, 20, 60] {
            measure.see(Kind::Video, time, picture(false), 1);
        }
        let sound = Bytes::from_static(&[0xaf, 1, 0x21]);
        measure.see(Kind::Audio, 160, sound, 1);
        assert_eq!((measure.steps_back(), measure.audio_ahead_ms()), (1, Some(100)));
        assert_eq!((measure.gop_ms(), measure.first_key_ms), (None, None));
    }

    #[test]
    fn a_stream_of_rubbish_has_no_media_and_one_frame_has_no_rate() {
        let mut measure = Measure::default();
        measure.see(Kind::Video, 0, Bytes::from_static(&[0x90]), 1);
        measure.see(Kind::Data, 0, Bytes::from_static(b"\x02\x00\x0aonMetaData\xff"), 1);
        assert!(!measure.has_media());
        measure.see(Kind::Video, i64::MIN, picture(true), 1);
        let video = measure.video.as_ref().unwrap();
        assert_eq!((measure.per_second(video), measure.kbps(video)), (None, None));
    }
}
