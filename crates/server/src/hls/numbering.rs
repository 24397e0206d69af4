//! Where a playlist's numbers begin.
//!
//! A player remembers the last number it saw, and a cache keeps the file that had it. So no number may ever be used
//! again for a stream: not by the next publisher, not by the next packager, and not after a restart, of which this
//! process knows nothing but the time. Numbers therefore begin where the clock is, two for each second: a stream that
//! uses fewer than two per second has not come as far as its successor begins. Segments are cut from 900 ms on; a stream
//! that is faster all the same, because its publisher comes back every second, is remembered while the process lives.

use std::sync::{Mutex, PoisonError};

use media::hls::Numbers;

use crate::clock::Clock;

/// Numbers per second of the clock.
const PER_SECOND: i64 = 2;

/// The second with the number 0: 2025-01-01 UTC. Some players keep numbers in 31 bits, which lasts until 2059.
const EPOCH: i64 = 1_735_689_600;

/// Gives every packager its first numbers.
#[derive(Debug)]
pub(super) struct Numbering {
    clock: Clock,
    /// The calendar and the monotonic clock at the start. A calendar that is set back must not take numbers with it.
    began: (i64, u64),
    /// The highest that was used by whoever is gone.
    floor: Mutex<Numbers>,
}

impl Numbering {
    pub(super) fn new(clock: &Clock) -> Numbering {
        Numbering {
            began: (clock.unix_ms(), clock.now_ms()),
            clock: clock.clone(),
            floor: Mutex::new(Numbers::default()),
        }
    }

    /// Numbers that no stream has used.
    pub(super) fn next(&self) -> Numbers {
        let (unix_ms, now_ms) = self.began;
        let passed_ms = self.clock.now_ms().saturating_sub(now_ms);
        let since_ms = unix_ms.saturating_add_unsigned(passed_ms).saturating_sub(EPOCH * 1_000);
        // One, because a playlist that begins with 0 does not say that something may have been before it.
        let number = u64::try_from(since_ms / (1_000 / PER_SECOND)).unwrap_or(0).max(1);
        let floor = *self.floor.lock().unwrap_or_else(PoisonError::into_inner);
        Numbers {
            segment: number.max(floor.segment),
            discontinuities: number.max(floor.discontinuities),
            init: number.max(floor.init),
        }
    }

    /// Takes note of what a packager that ends would have gone on with.
    pub(super) fn raise(&self, used: Numbers) {
        let mut floor = self.floor.lock().unwrap_or_else(PoisonError::into_inner);
        floor.segment = floor.segment.max(used.segment);
        // The first segment of the next one is another discontinuity.
        floor.discontinuities = floor.discontinuities.max(used.discontinuities);
        floor.init = floor.init.max(used.init);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_on_over_packagers_and_restarts_and_do_not_follow_the_calendar_back() {
        let clock = Clock::system();
        clock.set_unix_ms((EPOCH + 100) * 1_000);
        let numbering = Numbering::new(&clock);
        let first = numbering.next();
        assert!((200..210).contains(&first.segment), "{first:?}");
        assert_eq!((first.discontinuities, first.init), (first.segment, first.segment));
        clock.set_unix_ms(EPOCH * 1_000);
        assert!(numbering.next().segment >= first.segment);
        numbering.raise(Numbers { segment: 5_000, discontinuities: 10, init: 300 });
        let next = numbering.next();
        assert_eq!((next.segment, next.init), (5_000, 300));
        assert!(next.discontinuities >= 200);
        clock.set_unix_ms((EPOCH + 200) * 1_000);
        assert!(Numbering::new(&clock).next().segment >= first.segment + 200, "a restart 100 s later");
    }

    #[test]
    fn a_calendar_before_the_epoch_gives_numbers_too() {
        let clock = Clock::system();
        clock.set_unix_ms(0);
        assert_eq!(Numbering::new(&clock).next(), Numbers { segment: 1, discontinuities: 1, init: 1 });
    }
}
