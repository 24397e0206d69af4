//! What is still written down of a room whose task is gone.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use control::room::message::Author;

use crate::clock::Clock;
use crate::event;
use crate::store::ChatWriter;
use crate::store::rooms::Visit;

use super::Gone;

/// A task that ended in a panic counts nobody out. So the connections that end after it are counted here.
pub(super) struct Rest {
    clock: Clock,
    writer: ChatWriter,
    /// Who has left since, each once. At most as many as were there.
    left: Mutex<HashSet<String>>,
}

impl Rest {
    pub(super) fn new(clock: Clock, writer: ChatWriter) -> Rest {
        Rest { clock, writer, left: Mutex::default() }
    }

    /// A connection ended; `online` people were there when the task ended.
    pub(super) fn leave(&self, room: &str, gone: Gone, online: u64) {
        let Gone { who, guest, watched_ms } = gone;
        let at_ms = self.clock.unix_ms();
        let left = {
            let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
            left.insert(who.id.clone()).then_some(left.len())
        };
        // Which of somebody's connections is the last is not known any more: they leave with the first.
        if let Some(left) = left
            && self.writer.wants(event::MEMBER_LEFT)
        {
            let online = usize::try_from(online).unwrap_or(usize::MAX).saturating_sub(left);
            let event = event::member(event::MEMBER_LEFT, room, (&who, guest), online, at_ms);
            self.writer.put_event(room, event);
        }
        let Author { id: user, name, avatar, .. } = (*who).clone();
        let visit = Visit { user, name, avatar, inviter: None, at_ms, visits: 0, watch_ms: watched_ms };
        self.writer.visit(room, visit);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use control::person::Role;

    use super::*;
    use crate::room::testing::about;
    use crate::scratch::Scratch;
    use crate::store::Store;

    #[tokio::test]
    async fn every_connection_counts_and_everybody_leaves_once() {
        let scratch = Scratch::new();
        let store = Store::open(scratch.path()).await.unwrap();
        tokio::spawn(store.chat.clone().run());
        store.rooms.create(&about("r1")).await.unwrap();
        store.outbox.interest.set(vec![event::MEMBER_LEFT.into()]);
        let rest = Rest::new(Clock::system(), store.chat.clone());
        for (id, watched_ms) in [("a", 10), ("b", 5), ("a", 7)] {
            let who = Author { id: id.into(), name: id.into(), avatar: String::new(), role: Role::Viewer };
            rest.leave("r1", Gone { who: Arc::new(who), guest: false, watched_ms }, 2);
        }
        assert!(store.chat.flush().await);
        let visitors = store.rooms.visitors("r1", None, None, 10).await.unwrap();
        let watched: Vec<_> =
            visitors.iter().map(|one| (one.user.as_str(), one.visits, one.watch_ms)).collect();
        assert_eq!(watched, [("a", 0, 17), ("b", 0, 5)]);
        let told = store.outbox.route(|_| vec!["backend".into()], 100, 0).await.unwrap();
        assert_eq!(told, (2, Vec::new()));
    }
}
