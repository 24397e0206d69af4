//! The bounds of an HTTP/2 connection.

use std::time::Duration;

use h2::Reason;
use h2::server::Builder;
use tokio::time::Instant;

/// Requests of one connection that are answered at a time: what RFC 9113 (section 6.5.2) asks for at least, and more than
/// a page or a player ever has.
pub(super) const MAX_STREAMS: u32 = 100;

/// Bytes of one answer that may wait to be written. With all streams in use 6 MiB, for a client that opens its windows
/// and then does not read.
pub(super) const SEND_BUFFER: usize = 64 * 1024;

/// What a client may send of bodies before it is told to go on: the smallest there is, as only the API takes bodies.
const RECEIVE_WINDOW: u32 = 65_535;

/// Streams that were reset by the client before we came to them. A flood of them is CVE-2023-44487.
const MAX_RESET_UNSEEN: usize = 20;

/// Streams that we reset because of a client's errors. A flood of them is CVE-2025-8671.
const MAX_RESET_FOR_ERRORS: usize = 64;

/// Streams that we have reset and for which the client's last frames are still waited for.
const MAX_RESET_REMEMBERED: usize = 32;

/// How long.
const RESET_REMEMBERED: Duration = Duration::from_secs(1);

/// Requests that a client may drop before their answer begins, within [`DROP_WINDOW`]. Players drop some when their
/// viewer seeks; who drops hundreds wants the work and not the answer.
const MAX_DROPS: u32 = 100;

/// See [`MAX_DROPS`].
const DROP_WINDOW: Duration = Duration::from_secs(10);

/// What we announce and hold clients to. The number of CONTINUATION frames is bounded by the size of the headers.
pub(super) fn settings(max_header_bytes: usize) -> Builder {
    let mut settings = Builder::new();
    settings
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(u32::try_from(max_header_bytes).unwrap_or(u32::MAX))
        .max_send_buffer_size(SEND_BUFFER)
        .initial_window_size(RECEIVE_WINDOW)
        .initial_connection_window_size(RECEIVE_WINDOW)
        .max_pending_accept_reset_streams(MAX_RESET_UNSEEN)
        .max_local_error_reset_streams(Some(MAX_RESET_FOR_ERRORS))
        .max_concurrent_reset_streams(MAX_RESET_REMEMBERED)
        .reset_stream_duration(RESET_REMEMBERED);
    settings
}

/// Whether a connection was ended because its client kept us busy with nothing.
pub(super) fn is_flood(error: &h2::Error) -> bool {
    error.is_library() && error.reason() == Some(Reason::ENHANCE_YOUR_CALM)
}

/// Counts the requests that a client drops.
#[derive(Debug)]
pub(super) struct Calm {
    since: Instant,
    drops: u32,
}

impl Calm {
    pub(super) fn new(now: Instant) -> Calm {
        Calm { since: now, drops: 0 }
    }

    /// One more was dropped. Returns whether that is still bearable.
    pub(super) fn allows(&mut self, now: Instant) -> bool {
        if now - self.since > DROP_WINDOW {
            *self = Calm::new(now);
        }
        self.drops += 1;
        self.drops <= MAX_DROPS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_forgiven_after_a_while() {
        let began = Instant::now();
        let mut calm = Calm::new(began);
        assert!((0..MAX_DROPS).all(|_| calm.allows(began)));
        assert!(!calm.allows(began + DROP_WINDOW));
        assert!(calm.allows(began + DROP_WINDOW * 2));
    }
}
