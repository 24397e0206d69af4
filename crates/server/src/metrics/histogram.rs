//! A histogram of durations with fixed bounds. It is a plain value: whoever observes owns it, and copies are given
//! to whoever asks.

use std::time::Duration;

/// Observations by size.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Histogram {
    bounds: &'static [f64],
    /// One per bound, and one for what is above all of them.
    counts: Vec<u64>,
    sum: f64,
}

/// For what takes micro- to milliseconds: a pass over the viewers of a stream.
const SHORT: &[f64] =
    &[0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25];

/// For what a person waits for.
const LONG: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

impl Histogram {
    /// From 50 microseconds to a quarter of a second.
    pub fn short() -> Histogram {
        Histogram::with_bounds(SHORT)
    }

    /// From a millisecond to five seconds.
    pub fn long() -> Histogram {
        Histogram::with_bounds(LONG)
    }

    /// With upper bounds in seconds, in rising order.
    pub(super) fn with_bounds(bounds: &'static [f64]) -> Histogram {
        Histogram { bounds, counts: vec![0; bounds.len() + 1], sum: 0.0 }
    }

    /// Takes a duration.
    pub fn observe(&mut self, took: Duration) {
        self.observe_seconds(took.as_secs_f64());
    }

    pub(super) fn observe_seconds(&mut self, seconds: f64) {
        let bucket = self.bounds.partition_point(|bound| *bound < seconds);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
            self.sum += seconds;
        }
    }

    /// Takes in all observations of another one with the same bounds.
    pub fn add(&mut self, other: &Histogram) {
        if self.bounds != other.bounds {
            return;
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
        self.sum += other.sum;
    }

    /// For each bound, how many observations are not above it; at last, without a bound, all.
    pub fn cumulative(&self) -> impl Iterator<Item = (Option<f64>, u64)> {
        let bounds = self.bounds.iter().copied().map(Some).chain([None]);
        bounds.zip(&self.counts).scan(0, |sum, (bound, count)| {
            *sum += count;
            Some((bound, *sum))
        })
    }

    /// How many observations there are.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Their sum in seconds.
    pub fn sum(&self) -> f64 {
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_observation_at_a_bound_is_within_it() {
        let mut one = Histogram::long();
        one.observe(Duration::from_millis(1));
        one.observe(Duration::from_secs(60));
        let counts: Vec<_> = one.cumulative().collect();
        assert_eq!(counts.first(), Some(&(Some(0.001), 1)));
        assert_eq!(counts.last(), Some(&(None, 2)));
        assert_eq!(counts.len(), LONG.len() + 1);
    }

    #[test]
    fn histograms_of_several_threads_add_up() {
        let (mut one, mut other) = (Histogram::short(), Histogram::short());
        one.observe(Duration::from_micros(10));
        other.observe(Duration::from_micros(10));
        other.observe(Duration::from_secs(1));
        one.add(&other);
        assert_eq!((one.count(), one.cumulative().next()), (3, Some((Some(0.000_05), 2))));
        assert!((one.sum() - 1.000_02).abs() < 1e-9);
        one.add(&Histogram::long());
        assert_eq!(one.count(), 3, "other bounds are not added");
    }

    #[test]
    fn bounds_rise() {
        for bounds in [SHORT, LONG] {
            assert!(bounds.is_sorted_by(|a, b| a < b));
        }
    }
}
