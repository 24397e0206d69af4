//! 32-bit millisecond times made whole.
//!
//! RTMP messages and FLV tags carry their time in 32 bits, which wrap after 49.7 days. Inside Weir a time is an
//! `i64` that does not wrap. The rule is that of serial numbers (RFC 1982): a new time means the value nearest to
//! the one before it, so a step is read as forward when it is shorter than 24.8 days and as backward otherwise.
//! That takes a wrap in either direction, because audio may still arrive with times from before the wrap when
//! video is already past it.
//!
//! Share one [`Unwrap`] between all the tracks of a connection. With one per track, two tracks whose first times
//! lie on the two sides of a wrap would end 49.7 days apart.

/// Turns the wrapping times of one connection into times that do not wrap.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwrap {
    last: Option<i64>,
}

impl Unwrap {
    /// The whole time meant by `time`. The first one is taken as it is.
    pub fn unwrap(&mut self, time: u32) -> i64 {
        let whole = match self.last {
            None => i64::from(time),
            Some(last) => {
                // The low half of `last` is what the sender's 32 bits said then; the difference, read as signed,
                // is the shortest way from there.
                let before = wrapped(last);
                let step = time.wrapping_sub(before).cast_signed();
                last.saturating_add(i64::from(step))
            }
        };
        self.last = Some(whole);
        whole
    }
}

/// A whole time as it is written in 32 bits: the low half, for negative times too.
pub fn wrapped(time: i64) -> u32 {
    let [.., a, b, c, d] = time.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_go_on_over_a_wrap_in_both_directions() {
        let mut unwrap = Unwrap::default();
        let whole: Vec<i64> = [u32::MAX - 20, u32::MAX, 19, u32::MAX - 5, 40]
            .into_iter()
            .map(|time| unwrap.unwrap(time))
            .collect();
        let end = i64::from(u32::MAX);
        assert_eq!(whole, [end - 20, end, end + 20, end - 5, end + 41]);
    }

    #[test]
    fn a_hundred_days_are_counted() {
        let mut unwrap = Unwrap::default();
        let hour = 3_600_000_u32;
        let mut sent = 0_u32;
        for hours in 0..2_400_i64 {
            assert_eq!(unwrap.unwrap(sent), hours * i64::from(hour));
            sent = sent.wrapping_add(hour);
        }
    }

    #[test]
    fn a_restart_at_zero_is_a_step_back_and_not_a_wrap() {
        let mut unwrap = Unwrap::default();
        assert_eq!(unwrap.unwrap(5_000_000), 5_000_000);
        assert_eq!(unwrap.unwrap(0), 0);
        assert_eq!(unwrap.unwrap(40), 40);
    }

    #[test]
    fn wrapping_is_the_inverse() {
        for time in [0, 1, i64::from(u32::MAX), i64::from(u32::MAX) + 1, -1, 1 << 40, i64::MIN, i64::MAX] {
            assert_eq!(wrapped(time), (time & 0xffff_ffff) as u32);
        }
    }
}
