//! Answering the authority when it comes to see whether a name is ours.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::timeout;

use crate::app::App;
use crate::http::response::Response;
use crate::http::router;
use crate::http::side::{self, Bounds};
use crate::net::{Permit, Stream};

/// Connections at a time on the listener for challenges. An authority comes from about five places at once.
pub const MAX_CONNECTIONS: usize = 256;

/// The same from one address: a scanner must not keep the authority out.
pub const MAX_CONNECTIONS_PER_IP: usize = 8;

/// An authority asks at once and says little.
const BOUNDS: Bounds = Bounds { idle: Duration::from_secs(10), max_head: 4 * 1024 };

/// The longest that a connection may last, however slowly its bytes come.
const LONGEST: Duration = Duration::from_secs(30);

/// Where the authority looks.
const FOLDER: &str = "/.well-known/acme-challenge/";

/// What is to be answered, by the token that is asked for. There are as many as names in an order.
#[derive(Debug, Default)]
pub(super) struct Challenges(Mutex<BTreeMap<String, String>>);

/// The challenges of one order. They go when it is over, however it ends.
#[derive(Debug)]
pub(super) struct Offered<'a> {
    challenges: &'a Challenges,
    tokens: Vec<String>,
}

impl Challenges {
    /// For one order.
    pub(super) fn offer(&self) -> Offered<'_> {
        Offered { challenges: self, tokens: Vec::new() }
    }

    fn get(&self, token: &str) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(token).cloned()
    }
}

impl Offered<'_> {
    /// From now on whoever asks for the token is answered.
    pub(super) fn add(&mut self, token: &str, answer: &str) {
        let mut all = self.challenges.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(token.to_owned(), answer.to_owned());
        self.tokens.push(token.to_owned());
    }
}

impl Drop for Offered<'_> {
    fn drop(&mut self) {
        let mut all = self.challenges.0.lock().unwrap_or_else(PoisonError::into_inner);
        self.tokens.iter().for_each(|token| drop(all.remove(token)));
    }
}

/// What is at a path; nothing, unless it is that of a challenge under way.
pub fn answer(app: &App, path: &str) -> Response {
    let found = path.strip_prefix(FOLDER).and_then(|token| app.acme.as_ref()?.challenges.get(token));
    found.map_or_else(router::not_found, |answer| Response::bytes(200, "application/octet-stream", answer))
}

/// Serves a connection to the listener that has challenges only.
pub async fn serve(app: Arc<App>, connection: Stream, _permit: Permit) {
    let serve = side::serve(&app, connection, BOUNDS, async |head| answer(&app, &head.path));
    // Whoever is not through by then has not come for a challenge.
    let _ = timeout(LONGEST, serve).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_answered_while_its_order_is_under_way() {
        let challenges = Challenges::default();
        let mut first = challenges.offer();
        first.add("a", "1");
        let mut second = challenges.offer();
        second.add("b", "2");
        assert_eq!((challenges.get("a").as_deref(), challenges.get("b").as_deref()), (Some("1"), Some("2")));
        drop(first);
        assert_eq!((challenges.get("a"), challenges.get("b").as_deref()), (None, Some("2")));
        drop(second);
        assert_eq!(challenges.get("b"), None);
    }
}
