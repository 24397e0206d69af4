//! The rules: from what is seen of one push, once a second, to the problems that it has. No clock in here.

use std::collections::VecDeque;

use hub::{Arrivals, Measured};

use super::Problem;
use super::code::Code;
use super::declared::Declared;

/// Without any message for so long, nothing is received.
const SILENT_MS: u64 = 3_000;

/// Without a key frame for so long, new viewers wait.
const NO_KEY_MS: u64 = 4_000;

/// Without one of the tracks for so long, while the other one comes.
const NO_TRACK_MS: u64 = 5_000;

/// How far sound and picture may be apart.
const SKEW_MS: u64 = 500;

/// So many jumps of time within [`JUMPS_WITHIN_MS`] are a problem. A single one is a phone that was in the background.
const JUMPS: usize = 3;

/// See [`JUMPS`].
const JUMPS_WITHIN_MS: u64 = 60_000;

/// Rates are compared from this age of a push on: encoders begin with bursts.
const SETTLED_MS: u64 = 10_000;

/// Below this share of what is expected, a rate is low. Encoders go to a third of their bitrate on a still picture.
const BITRATE_LOW: f64 = 0.25;

/// Above this share of what is expected, a bitrate is high.
const BITRATE_HIGH: f64 = 2.5;

/// Below this share of what is expected, the rate of pictures is low.
const FPS_LOW: f64 = 0.6;

/// Above this share of what is expected, the rate of pictures is high.
const FPS_HIGH: f64 = 1.8;

/// Weight of a look in the mean of a rate that was not announced: about the last minute.
const SMOOTHING: f64 = 1.0 / 60.0;

/// What is seen of a push at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) now_ms: u64,
    pub(super) arrivals: Arrivals,
    pub(super) measured: Measured,
    /// Since the stream began.
    pub(super) time_jumps: u64,
    pub(super) declared: Declared,
}

/// A problem began or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) code: Code,
    pub(super) began: bool,
    pub(super) since_ms: u64,
}

/// One stream under watch.
#[derive(Debug, Default)]
pub(super) struct Watch {
    push: u64,
    states: [State; Code::ALL.len()],
    jumps_seen: Option<u64>,
    jumps: VecDeque<u64>,
    mean_fps: Option<f64>,
    mean_bits: Option<f64>,
}

/// One problem of one stream.
#[derive(Debug, Clone, Copy, Default)]
struct State {
    since_ms: Option<u64>,
    /// Looks in a row that say otherwise than what is in force.
    against: u32,
}

impl Watch {
    /// The problems that the stream has.
    pub(super) fn problems(&self) -> impl Iterator<Item = Problem> {
        Code::ALL
            .iter()
            .zip(&self.states)
            .filter_map(|(code, state)| state.since_ms.map(|since_ms| Problem { code: *code, since_ms }))
    }

    /// Looks once more, about a second after the last time.
    pub(super) fn look(&mut self, seen: &Seen) -> Vec<Change> {
        let mut changes = Vec::new();
        if seen.arrivals.push != self.push {
            // Another encoder, or the same one started again: what was wrong with the old push is over.
            changes = self.rest();
            self.push = seen.arrivals.push;
        }
        self.note_jumps(seen);
        let bad = self.judge(seen);
        for ((code, state), bad) in Code::ALL.into_iter().zip(&mut self.states).zip(bad) {
            if bad == state.since_ms.is_some() {
                state.against = 0;
                continue;
            }
            state.against += 1;
            let (begin, end) = patience(code);
            match state.since_ms {
                None if state.against >= begin => {
                    let since_ms = seen.now_ms;
                    *state = State { since_ms: Some(since_ms), against: 0 };
                    changes.push(Change { code, began: true, since_ms });
                }
                Some(since_ms) if state.against >= end => {
                    *state = State::default();
                    changes.push(Change { code, began: false, since_ms });
                }
                _ => {}
            }
        }
        changes
    }

    /// Nobody pushes: everything is over and forgotten.
    pub(super) fn rest(&mut self) -> Vec<Change> {
        let over = self.problems().map(|problem| Change {
            code: problem.code,
            began: false,
            since_ms: problem.since_ms,
        });
        let over = over.collect();
        *self = Watch { push: self.push, ..Watch::default() };
        over
    }

    fn note_jumps(&mut self, seen: &Seen) {
        // What jumped before the first look is not this push's.
        let before = self.jumps_seen.replace(seen.time_jumps).unwrap_or(seen.time_jumps);
        let new = usize::try_from(seen.time_jumps.saturating_sub(before)).unwrap_or(usize::MAX).min(JUMPS);
        self.jumps.extend(std::iter::repeat_n(seen.now_ms, new));
        while self.jumps.len() > JUMPS
            || self.jumps.front().is_some_and(|at| seen.now_ms.saturating_sub(*at) > JUMPS_WITHIN_MS)
        {
            self.jumps.pop_front();
        }
    }

    /// What is wrong at this moment, by the numbers of the codes.
    fn judge(&mut self, seen: &Seen) -> [bool; Code::ALL.len()] {
        let Seen { now_ms, arrivals, measured, declared, .. } = *seen;
        let age = |at: Option<u64>| now_ms.saturating_sub(at.unwrap_or(arrivals.began_ms));
        let flows = age(arrivals.any_ms) < SILENT_MS && arrivals.any_ms.is_some();
        let pictures = flows && age(arrivals.picture_ms) < SILENT_MS && arrivals.picture_ms.is_some();
        let sound = flows && age(arrivals.sound_ms) < SILENT_MS && arrivals.sound_ms.is_some();
        let settled = now_ms.saturating_sub(arrivals.began_ms) >= SETTLED_MS;
        let bits = measured.bits_per_second as f64;
        let (mut fps_expected, mut bits_expected) = (None, None);
        if pictures && settled {
            fps_expected = expect(declared.fps, &mut self.mean_fps, measured.fps);
            bits_expected = expect(declared.bits_per_second, &mut self.mean_bits, bits);
        }
        Code::ALL.map(|code| match code {
            Code::NothingReceived => age(arrivals.any_ms) >= SILENT_MS,
            Code::NoKeyFrame => pictures && age(arrivals.key_ms) > NO_KEY_MS,
            Code::NoVideo => sound && age(arrivals.picture_ms) >= NO_TRACK_MS,
            Code::NoAudio => pictures && age(arrivals.sound_ms) >= NO_TRACK_MS,
            Code::AvSkew => {
                pictures && sound && measured.skew_ms.is_some_and(|skew| skew.unsigned_abs() > SKEW_MS)
            }
            Code::TimeJumps => self.jumps.len() >= JUMPS,
            Code::BitrateLow => bits_expected.is_some_and(|expected| bits < expected * BITRATE_LOW),
            Code::BitrateHigh => bits_expected.is_some_and(|expected| bits > expected * BITRATE_HIGH),
            Code::FpsLow => fps_expected.is_some_and(|expected| measured.fps < expected * FPS_LOW),
            Code::FpsHigh => fps_expected.is_some_and(|expected| measured.fps > expected * FPS_HIGH),
        })
    }
}

/// What a rate is compared with: what was announced, or else its own mean of about the last minute.
fn expect(declared: Option<f64>, mean: &mut Option<f64>, now: f64) -> Option<f64> {
    let before = mean.unwrap_or(now);
    *mean = Some(before + (now - before) * SMOOTHING);
    declared.or(Some(before)).filter(|expected| *expected > 0.0)
}

/// Looks in a row until a problem counts, and until it counts as over. The waits of silent tracks are in their bounds.
fn patience(code: Code) -> (u32, u32) {
    match code {
        Code::NothingReceived => (1, 1),
        // With key frames every ten seconds it would come and go with each of them.
        Code::NoKeyFrame => (1, 10),
        Code::NoVideo | Code::NoAudio | Code::TimeJumps => (1, 3),
        Code::AvSkew => (3, 3),
        Code::BitrateLow | Code::BitrateHigh | Code::FpsLow | Code::FpsHigh => (5, 5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A push in good health, once a second, and what a test makes of it.
    struct Push {
        watch: Watch,
        now_ms: u64,
        jumps: u64,
    }

    impl Push {
        fn new() -> Push {
            Push { watch: Watch::default(), now_ms: 1_000, jumps: 0 }
        }

        fn good(&self) -> Seen {
            let now = Some(self.now_ms);
            Seen {
                now_ms: self.now_ms,
                arrivals: Arrivals {
                    push: 1,
                    began_ms: 1_000,
                    any_ms: now,
                    picture_ms: now,
                    key_ms: now,
                    sound_ms: now,
                },
                measured: Measured {
                    fps: 25.0,
                    bits_per_second: 1_000_000,
                    gop_ms: Some(2_000),
                    skew_ms: Some(20),
                },
                time_jumps: self.jumps,
                declared: Declared::default(),
            }
        }

        /// Looks for some seconds, with something wrong; gives the codes that the stream has then.
        fn go(&mut self, seconds: u32, wrong: impl Fn(&mut Seen)) -> Vec<Code> {
            for _ in 0..seconds {
                self.now_ms += 1_000;
                let mut seen = self.good();
                wrong(&mut seen);
                self.watch.look(&seen);
            }
            self.watch.problems().map(|problem| problem.code).collect()
        }
    }

    #[test]
    fn a_good_push_has_no_problem() {
        assert_eq!(Push::new().go(100, |_| {}), []);
    }

    #[test]
    fn silence_is_a_problem_after_three_seconds_and_over_at_the_first_frame() {
        let mut push = Push::new();
        push.go(20, |_| {});
        let last = Some(push.now_ms);
        let silent = |seen: &mut Seen| {
            let arrivals = &mut seen.arrivals;
            (arrivals.any_ms, arrivals.picture_ms, arrivals.key_ms, arrivals.sound_ms) =
                (last, last, last, last);
        };
        assert_eq!(push.go(2, silent), []);
        assert_eq!(push.go(1, silent), [Code::NothingReceived]);
        assert_eq!(push.go(30, silent), [Code::NothingReceived], "it is one problem and not several");
        assert_eq!(push.go(1, |_| {}), []);
    }

    #[test]
    fn key_frames_that_are_rare_are_one_problem_and_not_many() {
        let mut push = Push::new();
        push.go(20, |_| {});
        for _ in 0..3 {
            let key = Some(push.now_ms);
            let old = move |seen: &mut Seen| seen.arrivals.key_ms = key;
            push.go(4, old);
            assert_eq!(push.go(3, old), [Code::NoKeyFrame]);
            assert_eq!(push.go(1, |_| {}), [Code::NoKeyFrame]);
        }
        assert_eq!(push.go(10, |_| {}), []);
    }

    #[test]
    fn a_track_that_is_missing_is_told_from_the_first_seconds() {
        let mut push = Push::new();
        let mute = |seen: &mut Seen| (seen.arrivals.sound_ms, seen.measured.skew_ms) = (None, None);
        assert_eq!(push.go(4, mute), []);
        assert_eq!(push.go(1, mute), [Code::NoAudio]);
        let dark = |seen: &mut Seen| {
            (seen.arrivals.picture_ms, seen.arrivals.key_ms, seen.measured.skew_ms) = (None, None, None);
        };
        assert_eq!(push.go(5, dark), [Code::NoVideo]);
    }

    #[test]
    fn sound_and_picture_that_stay_apart_are_a_problem_and_one_burst_is_not() {
        let mut push = Push::new();
        let apart = |seen: &mut Seen| seen.measured.skew_ms = Some(-501);
        assert_eq!(push.go(2, apart), []);
        assert_eq!(push.go(1, |_| {}), []);
        assert_eq!(push.go(3, apart), [Code::AvSkew]);
        assert_eq!(push.go(3, |seen| seen.measured.skew_ms = Some(500)), []);
    }

    #[test]
    fn one_jump_of_time_is_forgiven_and_three_within_a_minute_are_not() {
        let mut push = Push::new();
        push.go(1, |_| {});
        for expected in [vec![], vec![], vec![Code::TimeJumps]] {
            push.jumps += 1;
            assert_eq!(push.go(5, |_| {}), expected);
        }
        assert_eq!(push.go(60, |_| {}), []);
    }

    #[test]
    fn rates_are_compared_with_what_was_announced_or_with_their_own_mean() {
        let mut push = Push::new();
        let slow = |seen: &mut Seen| (seen.measured.fps, seen.measured.bits_per_second) = (10.0, 200_000);
        push.go(60, |_| {});
        assert_eq!(push.go(4, slow), []);
        assert_eq!(push.go(1, slow), [Code::BitrateLow, Code::FpsLow]);
        assert_eq!(push.go(5, |_| {}), []);
        let announced = |seen: &mut Seen| {
            seen.declared = Declared { fps: Some(10.0), bits_per_second: Some(300_000.0) };
        };
        assert_eq!(push.go(5, announced), [Code::BitrateHigh, Code::FpsHigh]);
        // A push that was always so is as it is meant.
        assert_eq!(Push::new().go(100, slow), []);
    }

    #[test]
    fn another_push_begins_with_a_clean_sheet() {
        let mut push = Push::new();
        push.go(5, |seen| seen.arrivals.sound_ms = None);
        push.now_ms += 1_000;
        let mut seen = push.good();
        seen.arrivals.push = 2;
        let changes = push.watch.look(&seen);
        assert_eq!(
            changes.iter().map(|change| (change.code, change.began)).collect::<Vec<_>>(),
            [(Code::NoAudio, false)]
        );
        assert!(push.watch.rest().is_empty());
    }
}
