//! What a client takes up while it is there, and gives back by being dropped: whatever becomes of its thread, nothing of it stays.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Inbox;
use crate::room::Room;

/// Somebody is in a room on one more connection. Dropped, that connection has left it.
pub(super) struct Stay {
    pub(super) room: Arc<Room>,
    pub(super) user: Arc<str>,
    watched_ms: u64,
}

impl Stay {
    pub(super) fn new(room: Arc<Room>, user: Arc<str>) -> Stay {
        Stay { room, user, watched_ms: 0 }
    }

    /// It ends, after so long.
    pub(super) fn end(mut self, watched_ms: u64) {
        self.watched_ms = watched_ms;
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        self.room.leave(&self.user, self.watched_ms);
    }
}

/// A shard has one more client. Dropped, it has it no more.
pub(super) struct Connected {
    inbox: Arc<Inbox>,
}

impl Connected {
    pub(super) fn new(inbox: Arc<Inbox>) -> Connected {
        inbox.figures.connections.fetch_add(1, Ordering::Relaxed);
        Connected { inbox }
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.inbox.figures.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
