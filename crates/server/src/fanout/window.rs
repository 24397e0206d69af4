//! The merge window: how long a shard lets frames gather before it writes them.
//!
//! A write costs nearly the same for one frame as for ten. While a shard has time it writes each frame at once, so
//! a lightly loaded server answers as fast as any. As its core fills, it writes less often and more at a time, up
//! to a bound; so overload shows as milliseconds for everybody and never as one viewer that is seconds behind.
//!
//! The law: let *u* be the share of the core that writing every frame at once would take: the cost of one write
//! times viewers times frames per second, summed over the streams. The window is zero up to `low`, `max` from `high` on,
//! and linear between. A write of many frames costs somewhat more than a write of one; that part of its cost follows
//! from its bytes and is taken out ([`SECONDS_PER_BYTE`]), so *u* does not depend on the window and cannot swing.

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

/// What each byte adds to a write: on the machines of docs/en/bench.md a write of 2 KB takes 5 to 7 us and one of 13 KB
/// takes 5 us more.
const SECONDS_PER_BYTE: f64 = 0.45e-9;

/// Least share of a write's cost that does not come from its bytes, whatever the constant says on a faster machine.
const LEAST_FIXED: f64 = 0.3;

/// One round of writes to some viewers of a stream, who were all sent about the same.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pass {
    pub(super) took: Duration,
    pub(super) viewers: usize,
    /// Their share of the stream's viewers.
    pub(super) share: f64,
    pub(super) frames: u64,
    pub(super) bytes: u64,
}

/// The running means of one stream in one shard.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cost {
    /// Of a write, without what its bytes add.
    write_seconds: f64,
    frame_bytes: f64,
    frame_gap_seconds: f64,
}

impl Cost {
    /// Some viewers were written to.
    pub(super) fn note_pass(&mut self, pass: Pass) {
        if pass.viewers == 0 || pass.frames == 0 {
            return;
        }
        let each = pass.took.as_secs_f64() / pass.viewers as f64;
        let fixed = (each - pass.bytes as f64 * SECONDS_PER_BYTE).max(each * LEAST_FIXED);
        let frames = pass.frames as f64;
        // A pass that carries more frames is rarer, and counts for as many.
        let weight = SMOOTHING * pass.share * frames;
        approach(&mut self.write_seconds, fixed, weight);
        approach(&mut self.frame_bytes, pass.bytes as f64 / frames, weight);
    }

    /// `frames` came over the last `elapsed`.
    pub(super) fn note_frames(&mut self, frames: u64, elapsed: Duration) {
        if frames > 0 {
            let gap = elapsed.as_secs_f64() / frames as f64;
            approach(&mut self.frame_gap_seconds, gap, SMOOTHING * frames as f64);
        }
    }

    /// The share of a core that writing every frame to so many viewers at once would take.
    pub(super) fn load(&self, viewers: usize) -> f64 {
        if self.frame_gap_seconds <= 0.0 {
            return 0.0;
        }
        let write = self.write_seconds + self.frame_bytes * SECONDS_PER_BYTE;
        write * viewers as f64 / self.frame_gap_seconds
    }
}

/// Moves a running mean towards a sample; the first sample is the mean.
fn approach(mean: &mut f64, sample: f64, weight: f64) {
    let weight = if *mean == 0.0 { 1.0 } else { weight.min(1.0) };
    *mean += (sample - *mean) * weight;
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

    /// A thousand viewers are sent 2 KB frames, 14 ms apart; a write takes 6 us and what its bytes add.
    fn run(cost: &mut Cost, frames: u64) {
        let bytes = 2_000 * frames;
        let took = Duration::from_secs_f64((6e-6 + bytes as f64 * SECONDS_PER_BYTE) * 1_000.0);
        for _ in 0..500 {
            cost.note_pass(Pass { took, viewers: 1_000, share: 1.0, frames, bytes });
            cost.note_frames(frames, Duration::from_millis(14 * frames));
        }
    }

    #[test]
    fn the_load_is_the_cost_of_a_write_times_viewers_times_frame_rate_however_much_is_merged() {
        let mut cost = Cost::default();
        assert_eq!(cost.load(1_000), 0.0);
        for frames in [1, 7, 1] {
            run(&mut cost, frames);
            assert!((cost.load(1_000) - 0.493).abs() < 0.01, "{frames} frames: {}", cost.load(1_000));
        }
        assert!((cost.load(500) - 0.246).abs() < 0.01, "{}", cost.load(500));
    }
}
