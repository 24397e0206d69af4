//! What was made of recordings of late: a player asks for its file again and again, each time from another place.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use super::span::Span;

/// Bytes that are kept of each kind of file.
const MAX_KEPT: usize = 64 * 1024 * 1024;

/// What an open file counts for among them, so that no more than some hundred are open for nobody.
pub(super) const OPEN_FILE: usize = 256 * 1024;

/// Files of a kind that are made at a time.
const MAKERS: usize = 1;

/// Why there is no such file.
#[derive(Debug)]
pub(super) enum NoFile {
    /// The parts have different codecs or sizes.
    PartsDiffer,
    /// Nothing is in that stretch.
    Empty,
    /// It is too long.
    TooLong,
    /// A file cannot be read.
    Unreadable(io::Error),
}

/// What a file is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The recording.
    pub(super) id: String,
    /// Which stretch.
    pub(super) span: Span,
    /// Bytes of the recorded files: with more of them it is another file.
    pub(super) bytes: u64,
}

/// What knows how much memory it holds.
pub(super) trait Weigh: Send + Sync + 'static {
    /// In bytes, about; see [`OPEN_FILE`].
    fn weight(&self) -> usize;
}

/// Those that were asked for of late.
#[derive(Debug)]
pub(super) struct Made<T> {
    kept: Mutex<VecDeque<(Wanted, Arc<T>)>>,
    makers: Semaphore,
}

impl<T> Default for Made<T> {
    fn default() -> Made<T> {
        Made { kept: Mutex::default(), makers: Semaphore::new(MAKERS) }
    }
}

impl<T: Weigh> Made<T> {
    /// The file, made when it is not kept.
    pub(super) async fn get(
        &self,
        wanted: Wanted,
        make: impl FnOnce() -> Result<T, NoFile> + Send + 'static,
    ) -> Result<Arc<T>, NoFile> {
        if let Some(made) = self.kept(&wanted) {
            return Ok(made);
        }
        // The semaphore is never closed.
        let _turn = self.makers.acquire().await;
        if let Some(made) = self.kept(&wanted) {
            return Ok(made);
        }
        let made = tokio::task::spawn_blocking(make).await;
        let made = Arc::new(made.map_err(|error| NoFile::Unreadable(io::Error::other(error)))??);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back((wanted, made.clone()));
        let mut total: usize = kept.iter().map(|(_, made)| made.weight()).sum();
        while total > MAX_KEPT
            && let Some((_, oldest)) = kept.pop_front()
        {
            total -= oldest.weight();
        }
        Ok(made)
    }

    fn kept(&self, wanted: &Wanted) -> Option<Arc<T>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|(what, _)| what == wanted)?;
        let found = kept.remove(at)?;
        let made = found.1.clone();
        kept.push_back(found);
        Some(made)
    }
}
