//! Segments that are complete, for whoever wants to know.

use std::sync::{Arc, OnceLock};

use hub::Name;

use super::Container;
use super::url;

/// A segment that is complete and can be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Its stream.
    pub stream: Name,
    /// Its number in the playlist.
    pub number: u64,
    /// How long it is.
    pub duration_ms: u64,
    /// The path of its address.
    pub file: String,
    /// The path of the address of its playlist.
    pub playlist: String,
}

type Listener = Box<dyn Fn(&Finished) + Send + Sync>;

/// Who wants to know; clones share it.
#[derive(Clone, Default)]
pub(super) struct Ear(Arc<OnceLock<Listener>>);

/// Tells of the segments of one stream in one container.
#[derive(Debug, Clone)]
pub(super) struct Teller {
    pub(super) ear: Ear,
    pub(super) stream: Name,
    pub(super) container: Container,
}

impl Ear {
    /// Tells `listener` from now on. A second one is not heard.
    pub(super) fn listen(&self, listener: Listener) {
        let _ = self.0.set(listener);
    }
}

impl Teller {
    /// A segment is complete.
    pub(super) fn tell(&self, number: u64, duration_ms: u64) {
        let Some(listener) = self.ear.0.get() else { return };
        let (stream, container) = (&self.stream, self.container);
        let file = url::file(container, media::hls::Name::Segment(number));
        listener(&Finished {
            stream: stream.clone(),
            number,
            duration_ms,
            file: format!("/{stream}/~{}/{file}", container.name()),
            playlist: format!("/{stream}.m3u8"),
        });
    }
}

impl std::fmt::Debug for Ear {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ear").finish_non_exhaustive()
    }
}
