//! What a client takes up while it is there, and gives back by being dropped: whatever becomes of its thread, nothing of it stays.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use control::room::message::Author;

use super::Inbox;
use crate::room::{Gone, Room};

/// Somebody is in a room on one more connection. Dropped, that connection has left it.
pub(super) struct Stay {
    pub(super) room: Arc<Room>,
    pub(super) user: Arc<str>,
    who: Arc<Author>,
    guest: bool,
    watched_ms: u64,
}

impl Stay {
    pub(super) fn new(room: Arc<Room>, who: Arc<Author>, guest: bool) -> Stay {
        Stay { room, user: who.id.as_str().into(), who, guest, watched_ms: 0 }
    }

    /// It ends, after so long.
    pub(super) fn end(mut self, watched_ms: u64) {
        self.watched_ms = watched_ms;
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        let (who, guest, watched_ms) = (self.who.clone(), self.guest, self.watched_ms);
        self.room.leave(Gone { who, guest, watched_ms });
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
