//! A rate: so many at once, so many per second (the generic cell rate algorithm, ITU-T I.371).

/// How often something may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Between two of them in the long run, in microseconds; 0: no limit.
    pub every_us: u64,
    /// At most so many at once.
    pub burst: u32,
}

impl Rate {
    /// So many per second, so many at once; 0 per second: no limit.
    pub fn per_second(number: u32, burst: u32) -> Rate {
        Rate { every_us: if number == 0 { 0 } else { 1_000_000 / u64::from(number) }, burst: burst.max(1) }
    }

    fn slack_us(self) -> u64 {
        self.every_us * u64::from(self.burst.saturating_sub(1))
    }
}

/// What was taken of a rate. A new one has all of its burst.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bucket {
    /// Until when everything that was taken is paid for, in microseconds.
    paid_until_us: u64,
}

impl Bucket {
    /// Takes one; else says after how many milliseconds there is one.
    pub fn take(&mut self, rate: Rate, now_ms: u64) -> Result<(), u64> {
        let now_us = now_ms * 1_000;
        let due_us = self.paid_until_us.saturating_sub(rate.slack_us());
        if due_us > now_us {
            return Err((due_us - now_us).div_ceil(1_000));
        }
        self.paid_until_us = self.paid_until_us.max(now_us) + rate.every_us;
        Ok(())
    }

    /// Puts one back that was taken for something which did not happen.
    pub fn put_back(&mut self, rate: Rate) {
        self.paid_until_us = self.paid_until_us.saturating_sub(rate.every_us);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let rate = Rate::per_second(2, 3);
        let mut bucket = Bucket::default();
        for _ in 0..3 {
            assert_eq!(bucket.take(rate, 0), Ok(()));
        }
        assert_eq!(bucket.take(rate, 0), Err(500));
        assert_eq!(bucket.take(rate, 499), Err(1));
        assert_eq!(bucket.take(rate, 500), Ok(()));
        assert_eq!(bucket.take(rate, 500), Err(500));
        bucket.put_back(rate);
        assert_eq!(bucket.take(rate, 500), Ok(()));
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing_twice() {
        let rate = Rate::per_second(2, 3);
        let mut bucket = Bucket::default();
        for _ in 0..3 {
            assert_eq!(bucket.take(rate, 10_000), Ok(()));
        }
        assert_eq!(bucket.take(rate, 0), Err(10_500));
        assert_eq!(bucket.take(rate, 10_400), Err(100));
    }

    #[test]
    fn without_a_rate_there_is_no_limit() {
        let mut bucket = Bucket::default();
        assert!((0..1_000).all(|_| bucket.take(Rate::per_second(0, 0), 0).is_ok()));
    }
}
