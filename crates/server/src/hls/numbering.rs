//! Where a playlist's numbers begin.
//!
//! A player remembers the last number it saw, and a cache keeps the file that had it. So no number may ever be used
//! again for a stream: not by the next publisher, not by the next packager, and not after a restart, of which this
//! process knows nothing but the time. Numbers of files therefore begin where the clock is, two for each second: a stream
//! that uses fewer than two per second has not come as far as its successor begins. Segments are cut from 900 ms on; a
//! stream that is faster all the same, because its publisher comes back every second, is remembered while the process
//! lives.
//!
//! Discontinuities are counted from a number in the data folder instead, and must stay small: players keep an array of them
//! that begins at 0, and hls.js walks through all of it at every reload.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use media::hls::Numbers;
use tracing::warn;

use crate::clock::Clock;
use crate::secrets::write_whole;

/// Numbers per second of the clock.
const PER_SECOND: i64 = 2;

/// The second with the number 0: 2025-01-01 UTC. Some players keep numbers in 31 bits, which lasts until 2059.
const EPOCH: i64 = 1_735_689_600;

/// The file in the data folder that holds the first number of a discontinuity that no stream has used.
const FILE: &str = "hls-discontinuities";

/// How many of them are set aside at a time, so that the file is seldom written.
const AHEAD: u64 = 16;

/// Gives every packager its first numbers.
#[derive(Debug)]
pub(super) struct Numbering {
    clock: Clock,
    /// The calendar and the monotonic clock at the start. A calendar that is set back must not take numbers with it.
    began: (i64, u64),
    /// Where discontinuities began when the server did.
    discontinuities: u64,
    /// Up to where they are set aside.
    set_aside: AtomicU64,
    file: Option<PathBuf>,
    /// The highest that was used by anybody.
    floor: Mutex<Numbers>,
}

impl Numbering {
    /// Without a data folder, discontinuities are counted from 1 at every start.
    pub(super) fn new(clock: &Clock, data: Option<&Path>) -> Numbering {
        let file = data.map(|data| data.join(FILE));
        let first = file.as_ref().and_then(|file| std::fs::read_to_string(file).ok()?.trim().parse().ok());
        let discontinuities = first.unwrap_or(0).max(1);
        let numbering = Numbering {
            began: (clock.unix_ms(), clock.now_ms()),
            clock: clock.clone(),
            discontinuities,
            set_aside: AtomicU64::new(discontinuities),
            file,
            floor: Mutex::new(Numbers::default()),
        };
        numbering.set_aside();
        numbering
    }

    /// Numbers that no stream has used.
    pub(super) fn next(&self) -> Numbers {
        let (unix_ms, now_ms) = self.began;
        let passed_ms = self.clock.now_ms().saturating_sub(now_ms);
        let since_ms = unix_ms.saturating_add_unsigned(passed_ms).saturating_sub(EPOCH * 1_000);
        // One, because a playlist that begins with 0 does not say that something may have been before it.
        let number = u64::try_from(since_ms / (1_000 / PER_SECOND)).unwrap_or(0).max(1);
        let floor = self.floor();
        Numbers {
            segment: number.max(floor.segment),
            discontinuities: self.discontinuities.max(floor.discontinuities),
            init: number.max(floor.init),
        }
    }

    /// Takes note of what a packager would go on with. Tells whether it is time to [`Numbering::set_aside`] more.
    pub(super) fn raise(&self, used: Numbers) -> bool {
        let mut floor = self.floor.lock().unwrap_or_else(PoisonError::into_inner);
        floor.segment = floor.segment.max(used.segment);
        // The first segment of the next one is another discontinuity.
        floor.discontinuities = floor.discontinuities.max(used.discontinuities);
        floor.init = floor.init.max(used.init);
        self.file.is_some() && floor.discontinuities + AHEAD / 2 > self.set_aside.load(Ordering::Relaxed)
    }

    /// Writes down up to where discontinuities may be used before a crash; what comes after it begins there. It blocks.
    pub(super) fn set_aside(&self) {
        let Some(file) = &self.file else { return };
        let until = self.floor().discontinuities.max(self.discontinuities) + AHEAD;
        self.set_aside.store(until, Ordering::Relaxed);
        if let Err(error) = write_whole(file, &format!("{until}\n"), 0o644) {
            warn!("after a restart, players of HLS may have to be opened again: {error:#}");
        }
    }

    fn floor(&self) -> Numbers {
        *self.floor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn numbers_of_files_go_on_over_packagers_and_restarts_and_do_not_follow_the_calendar_back() {
        let clock = Clock::system();
        clock.set_unix_ms((EPOCH + 100) * 1_000);
        let numbering = Numbering::new(&clock, None);
        let first = numbering.next();
        assert!((200..210).contains(&first.segment), "{first:?}");
        assert_eq!(first.init, first.segment);
        clock.set_unix_ms(EPOCH * 1_000);
        assert!(numbering.next().segment >= first.segment);
        numbering.raise(Numbers { segment: 5_000, discontinuities: 10, init: 300 });
        assert_eq!(numbering.next(), Numbers { segment: 5_000, discontinuities: 10, init: 300 });
        clock.set_unix_ms((EPOCH + 200) * 1_000);
        assert!(Numbering::new(&clock, None).next().segment >= first.segment + 200, "a restart 100 s later");
    }

    #[test]
    fn a_calendar_before_the_epoch_gives_numbers_too() {
        let clock = Clock::system();
        clock.set_unix_ms(0);
        assert_eq!(Numbering::new(&clock, None).next(), Numbers { segment: 1, discontinuities: 1, init: 1 });
    }

    #[test]
    fn discontinuities_stay_small_and_never_come_back() {
        let (clock, folder) = (Clock::system(), Scratch::new());
        let mut last = 0;
        for _ in 0..3 {
            // Nothing is said at the end: that is what a crash is like.
            let numbering = Numbering::new(&clock, Some(folder.path()));
            for _ in 0..40 {
                let next = numbering.next();
                assert!(next.discontinuities > last, "{next:?} after {last}");
                last = next.discontinuities + 1;
                if numbering.raise(Numbers { discontinuities: last + 1, ..next }) {
                    numbering.set_aside();
                }
            }
        }
        assert!(last < 400, "{last}");
    }
}
