//! When what was said goes out.
//!
//! A write to a member costs about the same whether it carries one message or ten, so the price of a room is members
//! times batches. A batch goes out at once while that is cheap; from there on batches keep a distance that grows with the
//! number of members.

use super::bucket::{Bucket, Rate};

/// Members per millisecond of distance: 1,000 members are written to at most every 20 ms, 10,000 every 200 ms.
const MEMBERS_PER_MS: u64 = 50;

/// Longest distance, in milliseconds, however many there are.
pub const LONGEST_MS: u64 = 500;

/// Batches that may go out at once after a silence.
const BURST: u32 = 3;

/// The distance between batches to so many members, in milliseconds.
pub fn distance_ms(members: usize) -> u64 {
    (members as u64 / MEMBERS_PER_MS).min(LONGEST_MS)
}

/// When batches went out.
#[derive(Debug, Clone, Default)]
pub struct Window {
    paid: Bucket,
}

impl Window {
    /// Lets a batch to so many members go out now; else says after how many milliseconds it may.
    pub fn open(&mut self, members: usize, now_ms: u64) -> Result<(), u64> {
        let rate = Rate { every_us: distance_ms(members) * 1_000, burst: BURST };
        self.paid.take(rate, now_ms).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_go_out_at_once_and_then_they_keep_their_distance() {
        let mut window = Window::default();
        let mut went = Vec::new();
        let mut now = 1_000;
        while went.len() < 6 {
            match window.open(1_000, now) {
                Ok(()) => went.push(now - 1_000),
                Err(wait) => now += wait,
            }
        }
        assert_eq!(went, [0, 0, 0, 20, 40, 60]);
        // After a silence at once again.
        assert_eq!(window.open(1_000, 2_000), Ok(()));
    }

    #[test]
    fn the_distance_grows_with_the_members_to_its_bound() {
        assert_eq!([49, 1_000, 10_000, 25_000, 10_000_000].map(distance_ms), [0, 20, 200, 500, 500]);
    }
}
