//! The right to push into one stream.

use std::sync::Arc;

use bytes::Bytes;
use media::frame::{BadBody, Kind};
use tokio::sync::watch;

use crate::stream::{End, Stream};

/// What became of a pushed frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// Stored, and on its way to the viewers.
    Stored,
    /// Stored, and its timestamp did not follow from the one before: the stream's time was carried on.
    StoredAfterJump,
    /// Left out: a picture that depends on one the viewers were never sent, as after a takeover.
    Undecodable,
}

/// Why a frame was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushError {
    /// This publisher no longer owns the stream; the reason is what to tell it.
    Revoked(End),
    /// The body cannot be a frame of that kind; the frame is left out and the stream goes on.
    BadBody(BadBody),
}

/// A publisher's handle: owning it is owning the stream. Dropping it starts the grace period.
#[derive(Debug)]
pub struct Publisher {
    stream: Arc<Stream>,
    id: u64,
    revoked: watch::Receiver<Option<End>>,
    finished: bool,
}

impl Publisher {
    pub(crate) fn new(stream: Arc<Stream>, id: u64, revoked: watch::Receiver<Option<End>>) -> Publisher {
        Publisher { stream, id, revoked, finished: false }
    }

    /// The stream that is pushed into.
    pub fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    /// Gives one message to the stream. `time_ms` is the publisher's own time, unwrapped; `now_ms` the caller's clock.
    pub fn push(&mut self, kind: Kind, time_ms: i64, body: Bytes, now_ms: u64) -> Result<Pushed, PushError> {
        let pushed = self.stream.push(self.id, kind, time_ms, body, now_ms).map_err(PushError::BadBody)?;
        pushed.ok_or_else(|| PushError::Revoked(self.end()))
    }

    /// Returns when somebody else ended this publisher: a newer push of the same identity, or an operator.
    pub async fn revoked(&mut self) -> End {
        // An error is the end of the stream itself, of which nothing more was said.
        let _ = self.revoked.wait_for(Option::is_some).await;
        self.end()
    }

    /// Why the stream is no longer this publisher's: whoever takes it away says so first.
    fn end(&self) -> End {
        self.revoked.borrow().clone().unwrap_or(End::Finished)
    }

    /// Leaves the stream for good after the grace period that begins `now_ms`.
    pub fn leave(mut self, now_ms: u64) {
        self.finished = true;
        self.stream.publisher_left(self.id, Some(now_ms));
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        if !self.finished {
            // No clock here, as after a panic: the next sweep dates the departure.
            self.stream.publisher_left(self.id, None);
        }
    }
}
