//! When something that failed is tried again.

/// The first pause after a failure; it doubles.
const FIRST_PAUSE_MS: u64 = 500;

/// The longest pause.
const LONGEST_PAUSE_MS: u64 = 300_000;

/// Failures in a row, and when the next attempt is due.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pause {
    pub(super) failures: u32,
    until_ms: u64,
}

impl Pause {
    /// Whether the next attempt may be made.
    pub(super) fn is_due(self, now_ms: u64) -> bool {
        now_ms >= self.until_ms
    }

    /// An attempt has failed. Pauses double, and each is somewhere between half and all of that, so that many servers do
    /// not come back together.
    pub(super) fn failed(&mut self, now_ms: u64) {
        let longest = FIRST_PAUSE_MS.saturating_mul(1 << self.failures.min(20)).min(LONGEST_PAUSE_MS);
        let mut random = [0; 2];
        // Without randomness it is the whole of it.
        let random = getrandom::fill(&mut random).map_or(u16::MAX, |()| u16::from_be_bytes(random));
        let pause = longest / 2 + longest / 2 * u64::from(random) / u64::from(u16::MAX);
        (self.failures, self.until_ms) = (self.failures.saturating_add(1), now_ms + pause);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound_and_are_not_all_the_same() {
        let mut pause = Pause::default();
        let mut last = 0;
        for failures in 0..20 {
            pause.failed(0);
            let longest = (FIRST_PAUSE_MS << failures).min(LONGEST_PAUSE_MS);
            assert!((longest / 2..=longest).contains(&pause.until_ms), "{pause:?}");
            last = pause.until_ms;
        }
        assert!(!pause.is_due(last - 1) && pause.is_due(last));
        let one = || {
            let mut pause = Pause { failures: 19, until_ms: 0 };
            pause.failed(0);
            pause.until_ms
        };
        assert!((0..20).map(|_| one()).collect::<HashSet<_>>().len() > 1);
    }
}
