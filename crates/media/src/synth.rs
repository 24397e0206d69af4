//! A stream of our own: a picture with a clock and a tone each second, without any encoder on the machine.
//!
//! It is what a visitor of a new server sees first, and what tests play. The picture is 640 by 360 with 25 frames
//! per second and a key frame each second; the sound is a soft tone at the start of each second of the clock, so
//! sound and picture can be compared by ear and eye.

mod aac;
mod bits;
mod cavlc;
mod font;
mod h264;
mod picture;

use amf0::Value;
use bytes::Bytes;

use crate::frame::{Frame, Kind, Role};

/// Frames per second.
const FPS: u32 = 25;

/// What may be chosen.
#[derive(Debug, Clone)]
pub struct Options {
    /// Shown beside the name. Latin letters, digits and some signs can be drawn; others are left blank.
    pub title: String,
    /// Minutes east of Greenwich of the clock that is shown. 480, China's, unless said.
    pub utc_offset_minutes: i32,
}

impl Default for Options {
    fn default() -> Options {
        Options { title: String::new(), utc_offset_minutes: 480 }
    }
}

/// The stream, frame by frame.
#[derive(Debug)]
pub struct Synth {
    card: picture::Card,
    video: h264::Encoder,
    audio: aac::Encoder,
    utc_offset_ms: i64,
    pictures: i64,
    packets: i64,
}

impl Synth {
    /// A stream that begins at time 0.
    pub fn new(options: Options) -> Synth {
        // No place on earth is further than 14 hours from Greenwich.
        let minutes = options.utc_offset_minutes.clamp(-14 * 60, 14 * 60);
        Synth {
            card: picture::Card::new(&options.title, zone(minutes)),
            video: h264::Encoder::new(),
            audio: aac::Encoder::new(),
            utc_offset_ms: i64::from(minutes) * 60_000,
            pictures: 0,
            packets: 0,
        }
    }

    /// What comes before the first frame: metadata and the two decoder configurations.
    pub fn headers(&self) -> Vec<Frame> {
        let mut video = vec![0x17, 0, 0, 0, 0];
        video.extend_from_slice(&h264::configuration());
        let mut audio = vec![AAC_HEADER, 0];
        audio.extend_from_slice(&aac::CONFIGURATION);
        vec![
            frame(0, Kind::Data, Role::Metadata, metadata()),
            frame(0, Kind::Video, Role::Config, video),
            frame(0, Kind::Audio, Role::Config, audio),
        ]
    }

    /// When the next frame is due, in milliseconds of stream time.
    pub fn next_time(&self) -> i64 {
        self.video_time().min(self.audio_time())
    }

    /// The next frame of a stream that was at time 0 at `epoch_ms` since 1970: the clock in the picture shows
    /// that moment plus the frame's time.
    pub fn next(&mut self, epoch_ms: i64) -> Frame {
        if self.audio_time() < self.video_time() {
            return self.next_audio(epoch_ms);
        }
        let time = self.video_time();
        let key = self.pictures % i64::from(FPS) == 0;
        let wall_ms = epoch_ms.saturating_add(time);
        let of_second = wall_ms.rem_euclid(1_000) * i64::from(FPS) / 1_000;
        let local = wall_ms.saturating_add(self.utc_offset_ms);
        let picture = self.card.at(local, u32::try_from(of_second).unwrap_or_default(), time);
        let mut body = vec![if key { 0x17 } else { 0x27 }, 1, 0, 0, 0];
        body.extend_from_slice(&self.video.encode(picture, key));
        self.pictures += 1;
        frame(time, Kind::Video, if key { Role::Key } else { Role::Inter }, body)
    }

    fn next_audio(&mut self, epoch_ms: i64) -> Frame {
        let time = self.audio_time();
        let mut body = vec![AAC_HEADER, 1];
        body.extend_from_slice(&self.audio.encode(self.packets * aac::PACKET, epoch_ms));
        self.packets += 1;
        frame(time, Kind::Audio, Role::Audio, body)
    }

    fn video_time(&self) -> i64 {
        self.pictures * 1_000 / i64::from(FPS)
    }

    fn audio_time(&self) -> i64 {
        self.packets * aac::PACKET * 1_000 / aac::RATE
    }
}

/// AAC, with the rate and channels that the format fixes for it whatever they are.
const AAC_HEADER: u8 = 0xaf;

fn frame(time: i64, kind: Kind, role: Role, body: Vec<u8>) -> Frame {
    Frame { time, kind, role, track: 0, body: Bytes::from(body) }
}

fn zone(minutes: i32) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
    if rest == 0 { format!("UTC{sign}{hours}") } else { format!("UTC{sign}{hours}:{rest:02}") }
}

/// `onMetaData` with the values that players look at.
fn metadata() -> Vec<u8> {
    let numbers = [
        ("width", h264::WIDTH as f64),
        ("height", h264::HEIGHT as f64),
        ("framerate", f64::from(FPS)),
        ("videocodecid", 7.0),
        ("audiocodecid", 10.0),
        ("audiosamplerate", aac::RATE as f64),
        ("audiosamplesize", 16.0),
        ("audiochannels", 1.0),
    ];
    let mut values: Vec<(String, Value)> =
        numbers.iter().map(|(name, number)| ((*name).to_owned(), Value::from(*number))).collect();
    values.push(("encoder".to_owned(), Value::from("Weir")));
    let mut out = Vec::new();
    amf0::encode(&Value::from("onMetaData"), &mut out);
    amf0::encode(&Value::EcmaArray(values), &mut out);
    out
}

#[cfg(test)]
mod tests;
