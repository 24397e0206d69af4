//! What a shard has done, as a copy for whoever asks. The shard counts in its own and hands out a copy once a second,
//! so nothing is shared while it writes.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Farewell;
use crate::metrics::Histogram;

/// Figures of one shard.
#[derive(Debug, Clone)]
pub struct Figures {
    /// Viewers at this moment.
    pub viewers: usize,
    /// How long frames gather before they are written.
    pub window: Duration,
    /// The share of a core that writing every frame at once would take.
    pub load: f64,
    /// Passes over the viewers of a stream.
    pub flush: Histogram,
    /// From the grant to the first byte.
    pub join: Histogram,
    /// Viewers that were ended, by [`Farewell::reason`].
    pub let_go: BTreeMap<&'static str, u64>,
}

impl Default for Figures {
    fn default() -> Figures {
        Figures {
            viewers: 0,
            window: Duration::ZERO,
            load: 0.0,
            flush: Histogram::short(),
            join: Histogram::long(),
            let_go: BTreeMap::new(),
        }
    }
}

impl Farewell {
    /// All that [`Farewell::reason`] can be, and [`Farewell::FLOOD`].
    pub const REASONS: [&'static str; 6] =
        ["ended", "too_slow", "stalled", "dismissed", "shutting_down", Farewell::FLOOD];

    /// Of a viewer that sends too much, or asks and does not read: it is cut off without a word.
    pub const FLOOD: &'static str = "flood";

    /// The reason for programs.
    pub fn reason(&self) -> &'static str {
        let [ended, too_slow, stalled, dismissed, shutting_down, _] = Farewell::REASONS;
        match self {
            Farewell::Ended(_) => ended,
            Farewell::TooSlow => too_slow,
            Farewell::Stalled => stalled,
            Farewell::Dismissed(_) => dismissed,
            Farewell::ShuttingDown => shutting_down,
        }
    }
}
