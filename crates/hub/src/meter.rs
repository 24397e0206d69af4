//! What a stream looks like at this moment: pictures and bytes per second, the last group of pictures, and how far
//! sound and picture are apart. A few additions per frame, and no memory but its own.

use media::frame::{Frame, Kind, Role};

/// Seconds that are told apart: those that are measured over, and the one that is running.
const SECONDS: u64 = WINDOW + 1;

/// Whole seconds that a rate is the mean of.
const WINDOW: u64 = 5;

/// Figures of a stream over its last seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Measured {
    /// Pictures per second that came.
    pub fps: f64,
    /// Bits of media per second that came.
    pub bits_per_second: u64,
    /// From the last key frame but one to the last, in milliseconds; none before there were two.
    pub gop_ms: Option<i64>,
    /// How far the newest sound is ahead of the newest picture, in milliseconds of stream time; none without both.
    pub skew_ms: Option<i64>,
}

/// Counts by second of the caller's clock.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    began: Option<u64>,
    seconds: [Second; SECONDS as usize],
    key: Option<i64>,
    gop_ms: Option<i64>,
    picture: Option<i64>,
    sound: Option<i64>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Second {
    number: u64,
    pictures: u64,
    bytes: u64,
}

impl Meter {
    /// Takes note of a frame with its stream time.
    pub(crate) fn note(&mut self, frame: &Frame, now_ms: u64) {
        let number = now_ms / 1_000;
        self.began.get_or_insert(number);
        let Some(second) = self.seconds.get_mut((number % SECONDS) as usize) else { return };
        if second.number != number {
            *second = Second { number, ..Second::default() };
        }
        second.bytes += frame.body.len() as u64;
        // Further tracks of a multitrack push show the same again.
        if frame.track != 0 {
            return;
        }
        match frame.role {
            Role::Key | Role::Inter | Role::Disposable => {
                second.pictures += 1;
                self.picture = Some(frame.time);
                if frame.role == Role::Key {
                    let since = self.key.replace(frame.time);
                    self.gop_ms = since.map(|since| frame.time - since).or(self.gop_ms);
                }
            }
            Role::Audio if frame.kind == Kind::Audio => self.sound = Some(frame.time),
            _ => {}
        }
    }

    /// Another publisher comes: its groups and tracks are not the old one's.
    pub(crate) fn restart(&mut self) {
        (self.key, self.gop_ms, self.picture, self.sound) = (None, None, None, None);
    }

    /// The figures at `now_ms`, over whole seconds that have passed; over the first one while it is running.
    pub(crate) fn measured(&self, now_ms: u64) -> Measured {
        let now = now_ms / 1_000;
        let Some(began) = self.began else { return Measured::default() };
        let from = now.saturating_sub(WINDOW).max(began);
        let to = now.max(from + 1);
        let within = self.seconds.iter().filter(|second| (from..to).contains(&second.number));
        let (pictures, bytes) = within.fold((0, 0), |(p, b), second| (p + second.pictures, b + second.bytes));
        Measured {
            // Neither count comes near to where a float rounds.
            fps: pictures as f64 / (to - from) as f64,
            bits_per_second: bytes * 8 / (to - from),
            gop_ms: self.gop_ms,
            skew_ms: self.sound.zip(self.picture).map(|(sound, picture)| sound.saturating_sub(picture)),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn frame(kind: Kind, role: Role, time: i64, size: usize) -> Frame {
        Frame { time, kind, role, track: 0, body: Bytes::from(vec![0; size]) }
    }

    #[test]
    fn rates_are_of_the_last_whole_seconds() {
        let mut meter = Meter::default();
        assert_eq!(meter.measured(9_000), Measured::default());
        for number in 0..250 {
            let role = if number % 50 == 0 { Role::Key } else { Role::Inter };
            let time = number * 40;
            meter.note(&frame(Kind::Video, role, time, 1_000), 100_000 + time as u64);
            meter.note(&frame(Kind::Audio, Role::Audio, time + 15, 100), 100_000 + time as u64);
        }
        let measured = meter.measured(110_000);
        assert_eq!((measured.fps, measured.bits_per_second), (25.0, 25 * 1_100 * 8));
        assert_eq!((measured.gop_ms, measured.skew_ms), (Some(2_000), Some(15)));
        assert_eq!(meter.measured(112_500).fps, 15.0, "two of the five seconds were silent");
        let silent = meter.measured(200_000);
        assert_eq!((silent.fps, silent.bits_per_second, silent.gop_ms), (0.0, 0, Some(2_000)));
    }

    #[test]
    fn the_first_second_counts_while_it_runs_and_a_new_publisher_begins_anew() {
        let mut meter = Meter::default();
        meter.note(&frame(Kind::Video, Role::Key, 0, 10), 5_100);
        assert_eq!(meter.measured(5_900).fps, 1.0);
        assert_eq!(meter.measured(5_900).gop_ms, None);
        meter.note(&frame(Kind::Video, Role::Key, 500, 10), 5_600);
        assert_eq!(meter.measured(6_900).gop_ms, Some(500));
        meter.restart();
        assert_eq!(meter.measured(6_900).gop_ms, None);
        let other_track = Frame { track: 1, ..frame(Kind::Video, Role::Key, 900, 10) };
        meter.note(&other_track, 5_900);
        assert_eq!(meter.measured(6_900).fps, 2.0);
    }
}
