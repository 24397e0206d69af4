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
    /// How much was put back so far: by so much what was taken before is paid for earlier.
    put_back_us: u64,
}

/// One that was taken.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    cost_us: u64,
    /// When it is paid for, if nothing had ever been put back.
    paid_us: u64,
}

impl Bucket {
    /// Takes one; else says after how many milliseconds there is one.
    pub fn take(&mut self, rate: Rate, now_ms: u64) -> Result<Taken, u64> {
        let now_us = now_ms * 1_000;
        let due_us = self.paid_until_us.saturating_sub(rate.slack_us());
        if due_us > now_us {
            return Err((due_us - now_us).div_ceil(1_000));
        }
        self.paid_until_us = self.paid_until_us.max(now_us) + rate.every_us;
        Ok(Taken { cost_us: rate.every_us, paid_us: self.paid_until_us + self.put_back_us })
    }

    /// Puts one back that was taken for something which did not happen. What of it time has paid for is not put back: that would
    /// be a second burst.
    pub fn put_back(&mut self, taken: Taken, now_ms: u64) {
        let paid_us = taken.paid_us.saturating_sub(self.put_back_us);
        let left_us = paid_us.saturating_sub(now_ms * 1_000).min(taken.cost_us).min(self.paid_until_us);
        self.paid_until_us -= left_us;
        self.put_back_us += left_us;
    }

    /// Whether everything that was taken is paid for, so that it is as good as new.
    pub fn is_paid(&self, now_ms: u64) -> bool {
        self.paid_until_us <= now_ms * 1_000
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn take(bucket: &mut Bucket, rate: Rate, now_ms: u64) -> Result<(), u64> {
        bucket.take(rate, now_ms).map(|_| ())
    }

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let rate = Rate::per_second(2, 3);
        let mut bucket = Bucket::default();
        for _ in 0..3 {
            assert_eq!(take(&mut bucket, rate, 0), Ok(()));
        }
        assert_eq!(take(&mut bucket, rate, 0), Err(500));
        assert_eq!(take(&mut bucket, rate, 499), Err(1));
        let taken = bucket.take(rate, 500).unwrap();
        assert_eq!(take(&mut bucket, rate, 500), Err(500));
        bucket.put_back(taken, 500);
        assert_eq!(take(&mut bucket, rate, 500), Ok(()));
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing_twice() {
        let rate = Rate::per_second(2, 3);
        let mut bucket = Bucket::default();
        for _ in 0..3 {
            assert_eq!(take(&mut bucket, rate, 10_000), Ok(()));
        }
        assert_eq!(take(&mut bucket, rate, 0), Err(10_500));
        assert_eq!(take(&mut bucket, rate, 10_400), Err(100));
    }

    #[test]
    fn without_a_rate_there_is_no_limit() {
        let mut bucket = Bucket::default();
        assert!((0..1_000).all(|_| bucket.take(Rate::per_second(0, 0), 0).is_ok()));
    }

    #[test]
    fn what_is_put_back_late_is_no_second_burst() {
        let rate = Rate::per_second(1, 3);
        let mut bucket = Bucket::default();
        let early = bucket.take(rate, 0).unwrap();
        for _ in 0..3 {
            assert_eq!(take(&mut bucket, rate, 10_000), Ok(()));
        }
        bucket.put_back(early, 10_000);
        assert_eq!(take(&mut bucket, rate, 10_000), Err(1_000));
    }

    proptest! {
        /// Whatever is put back when: of what was kept, no more comes in any time than the rate and its burst.
        #[test]
        fn no_more_is_kept_than_the_rate_says(
            steps in proptest::collection::vec((0_u64..1_500, any::<Option<u8>>()), 1..100),
            every_ms in 1_u64..1_000,
            burst in 1_u32..5,
        ) {
            let rate = Rate { every_us: every_ms * 1_000, burst };
            let (mut bucket, mut now_ms) = (Bucket::default(), 5_000);
            let mut taken: Vec<(u64, Taken)> = Vec::new();
            for (wait_ms, put_back) in steps {
                now_ms += wait_ms;
                match put_back {
                    Some(which) if !taken.is_empty() => {
                        let (_, one) = taken.remove(usize::from(which) % taken.len());
                        bucket.put_back(one, now_ms);
                    }
                    _ => taken.extend(bucket.take(rate, now_ms).ok().map(|one| (now_ms, one))),
                }
            }
            for (first, (from_ms, _)) in taken.iter().enumerate() {
                for (last, (to_ms, _)) in taken.iter().enumerate().skip(first) {
                    prop_assert!((last - first + 1) as u64 <= u64::from(burst) + (to_ms - from_ms) / every_ms);
                }
            }
        }
    }
}
