//! How much replays are watched.

use std::sync::atomic::{AtomicU64, Ordering};

/// The counters.
#[derive(Debug, Default)]
pub struct Figures {
    views: AtomicU64,
    bytes: AtomicU64,
}

impl Figures {
    /// An answer with so many bytes goes out; `is_view` when somebody begins to watch with it.
    pub(super) fn note(&self, is_view: bool, bytes: u64) {
        self.views.fetch_add(u64::from(is_view), Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
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
