//! The merge window: how long a shard lets frames gather before it writes them.
//!
//! A write costs nearly the same for one frame as for ten. While a shard has time it writes each frame at once, so
//! a lightly loaded server answers as fast as any. As its core fills, it writes less often and more at a time, up
//! to a bound; so overload shows as milliseconds for everybody and never as one viewer that is seconds behind.
//!
//! The law: let *u* be the share of the core that writing every frame at once would take, which is the cost of one
//! pass over a stream's viewers times its frames per second, summed over the streams. The window is zero up to
//! `low`, `max` from `high` on, and linear between. Because a pass costs the same however many frames it carries,
//! *u* does not depend on the window, so the law has no feedback that could swing.

use std::time::Duration;

/// Weight of the newest sample in the running means: about the last second of a 25 fps stream with sound.
const SMOOTHING: f64 = 1.0 / 64.0;

/// When and how far to merge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Law {
    /// Share of the core (0 to 1) below which every frame is written at once.
    pub low: f64,
    /// Share of the core from which on the window is `max`.
    pub high: f64,
    /// Longest window for viewers with the `live` profile.
    pub max: Duration,
    /// Longest window for viewers with the `rtc` profile.
    pub rtc_max: Duration,
}

impl Law {
    /// The window at an unmerged load of `load`.
    pub fn window(&self, load: f64) -> Duration {
        let span = (self.high - self.low).max(f64::EPSILON);
        self.max.mul_f64(((load - self.low) / span).clamp(0.0, 1.0))
    }
}

/// The running means of one stream in one shard.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cost {
    pass_seconds: f64,
    frame_gap_seconds: f64,
}

impl Cost {
    /// One pass over the viewers took this long.
    pub(super) fn note_pass(&mut self, took: Duration) {
        let took = took.as_secs_f64();
        let weight = if self.pass_seconds == 0.0 { 1.0 } else { SMOOTHING };
        self.pass_seconds += (took - self.pass_seconds) * weight;
    }

    /// `frames` came over the last `elapsed`.
    pub(super) fn note_frames(&mut self, frames: u64, elapsed: Duration) {
        if frames == 0 {
            return;
        }
        let gap = elapsed.as_secs_f64() / frames as f64;
        let weight = if self.frame_gap_seconds == 0.0 { 1.0 } else { (SMOOTHING * frames as f64).min(1.0) };
        self.frame_gap_seconds += (gap - self.frame_gap_seconds) * weight;
    }

    /// The share of a core that writing every frame at once would take.
    pub(super) fn load(&self) -> f64 {
        if self.frame_gap_seconds <= 0.0 { 0.0 } else { self.pass_seconds / self.frame_gap_seconds }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAW: Law =
        Law { low: 0.3, high: 0.5, max: Duration::from_millis(100), rtc_max: Duration::from_millis(20) };

    #[test]
    fn an_idle_shard_does_not_wait_and_a_full_one_waits_its_bound() {
        for (load, ms) in [(0.0, 0), (0.3, 0), (0.4, 50), (0.5, 100), (9.0, 100)] {
            let window = LAW.window(load).as_secs_f64() * 1_000.0;
            assert!((window - f64::from(ms)).abs() < 0.01, "load {load}: {window} ms");
        }
    }

    #[test]
    fn the_load_is_the_cost_of_a_pass_times_the_frame_rate() {
        let mut cost = Cost::default();
        assert_eq!(cost.load(), 0.0);
        for _ in 0..500 {
            cost.note_pass(Duration::from_millis(7));
            cost.note_frames(1, Duration::from_millis(14));
        }
        assert!((cost.load() - 0.5).abs() < 0.01, "{}", cost.load());
        // Merging seven frames into a pass changes neither figure.
        for _ in 0..500 {
            cost.note_pass(Duration::from_millis(7));
            cost.note_frames(7, Duration::from_millis(98));
        }
        assert!((cost.load() - 0.5).abs() < 0.01, "{}", cost.load());
    }
}
