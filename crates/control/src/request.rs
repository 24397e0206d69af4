//! What a client asks for, in words that every protocol has.

use std::net::IpAddr;

use crate::query::Query;

/// The two things that one can do with a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Send it.
    Push,
    /// Receive it.
    Play,
}

/// One wish.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// To push or to play.
    pub action: Action,
    /// The host that the client asked at; empty when it did not say.
    pub host: &'a str,
    /// All of the stream's path but its last part, without a slash in front.
    pub app: &'a str,
    /// The last part, without the suffix of a container.
    pub stream: &'a str,
    /// The path as the client wrote it, with a suffix if it has one: some signatures are over it.
    pub path: &'a str,
    /// The query.
    pub query: &'a Query,
    /// Where the client comes from.
    pub peer: Option<IpAddr>,
    /// The page that it plays in, if it says.
    pub referrer: Option<&'a str>,
}

impl Request<'_> {
    /// The path with one slash in front, if it is the path of this very stream: `/app/stream`, or that and a suffix.
    /// A signature over a path is worth something only if the path and the names speak of one stream.
    pub(crate) fn own_path(&self) -> Option<&str> {
        own_path(self.path, self.app, self.stream)
    }
}

/// See [`Request::own_path`].
pub(crate) fn own_path<'a>(path: &'a str, app: &str, stream: &str) -> Option<&'a str> {
    let rest = path.strip_prefix('/')?.strip_prefix(app)?.strip_prefix('/')?.strip_prefix(stream)?;
    (rest.is_empty() || rest.starts_with('.')).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_must_be_that_of_the_stream() {
        let own = |path| own_path(path, "live", "room1").is_some();
        assert!(own("/live/room1"));
        assert!(own("/live/room1.flv"));
        assert!(own("/live/room1.live.flv"));
        assert!(!own("live/room1"));
        assert!(!own("/live/room12"));
        assert!(!own("/live/room2.flv"));
        assert!(!own("/other/room1"));
        assert!(!own("/live/room1/x"));
        assert!(!own(""));
    }
}
