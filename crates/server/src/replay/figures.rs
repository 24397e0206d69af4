//! How much replays are watched.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::store::{Watched, Writer};

/// The counters of all recordings since the start; those of each are in the index.
#[derive(Debug, Default)]
pub struct Figures {
    views: AtomicU64,
    bytes: AtomicU64,
}

impl Figures {
    /// An answer of this recording with so many bytes goes out; `is_view` when somebody begins to watch with it.
    pub(super) fn note(&self, index: &Writer, recording: &str, is_view: bool, bytes: u64) {
        let more = Watched { views: u64::from(is_view), bytes };
        self.views.fetch_add(more.views, Ordering::Relaxed);
        self.bytes.fetch_add(more.bytes, Ordering::Relaxed);
        if more != Watched::default() {
            index.add_watched(recording, more);
        }
    }

    /// How often somebody began to watch.
    pub fn views(&self) -> u64 {
        self.views.load(Ordering::Relaxed)
    }

    /// Bytes of all answers. A viewer who leaves in the middle of one has taken less.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}
