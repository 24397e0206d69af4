//! How far apart frames are, as told by those that came: encoders that say it in their configuration say it wrongly
//! often enough.

/// How many steps tell a rate.
const STEPS: usize = 5;

/// Longest step of a stream that is not standing still, in milliseconds.
const STEP_MAX_MS: i64 = 1_000;

/// The usual step between times, in milliseconds: the mean of those that are near the middle one, so that a stall or an
/// uneven millisecond does not count. `None` while there are too few.
pub(super) fn step_ms(times: impl Iterator<Item = i64>) -> Option<f64> {
    let times: Vec<i64> = times.collect();
    let mut steps: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    steps.retain(|step| (1..=STEP_MAX_MS).contains(step));
    if steps.len() < STEPS {
        return None;
    }
    steps.sort_unstable();
    let middle = steps[steps.len() / 2];
    // A millisecond of rounding on each side, and half as much again.
    let usual = steps.iter().filter(|step| (**step - middle).abs() <= 1 + middle / 2);
    let (sum, count) = usual.fold((0, 0), |(sum, count), step| (sum + step, count + 1));
    Some(sum as f64 / f64::from(count))
}

/// Frames per second: what the encoder says where that is near to what came, else what came.
pub(super) fn rate(step_ms: Option<f64>, said: Option<f64>) -> Option<f64> {
    /// Rounded milliseconds of five steps are this exact.
    const NEAR: f64 = 0.03;
    let Some(came) = step_ms.map(|step| 1_000.0 / step) else { return said };
    match said {
        Some(said) if (said - came).abs() <= came * NEAR => Some(said),
        _ => Some((came * 10.0).round() / 10.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounded_times_give_the_rate_and_stalls_do_not_count() {
        let times = |count: i64| (0..count).map(|index| index * 1_001 / 30);
        let step = step_ms(times(31)).unwrap();
        assert!((step - 33.4).abs() < 0.2, "{step}");
        assert_eq!(rate(Some(step), Some(30_000.0 / 1_001.0)), Some(30_000.0 / 1_001.0));
        assert_eq!(rate(Some(step), Some(1_000.0)), Some(30.0));
        assert_eq!(rate(None, Some(25.0)), Some(25.0));
        let stalled = times(20).chain(times(20).map(|time| time + 5_000));
        assert!((step_ms(stalled).unwrap() - 33.4).abs() < 0.3);
    }

    #[test]
    fn a_few_frames_tell_nothing() {
        assert_eq!(step_ms([0, 40, 80].into_iter()), None);
        assert_eq!(step_ms([0; 50].into_iter()), None);
    }
}
