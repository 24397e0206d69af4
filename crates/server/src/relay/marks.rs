//! Marks: how a stream that is relayed in a circle is recognised.
//!
//! A relay calls itself by a mark of its own, in RTMP's `flashVer` and HTTP's `User-Agent`: a hash of this process's
//! random token, the stream's name here and the relay's number. A server that is asked for, or offered, a stream
//! under the mark of its own relay of that stream would relay it to itself, and refuses, whatever host names, ports,
//! proxies or redirects lie between. A mark tells nobody else the stream's name. A relay passes on the marks of
//! whoever it relays for, so circles over several servers are found too.

use sha1::{Digest, Sha1};

/// Most servers that a stream may come over.
pub(super) const MAX_HOPS: usize = 8;

/// What stands before the marks.
const WORD: &str = "relay";

/// Length of a mark, in hexadecimal digits.
const MARK_LEN: usize = 16;

/// What this process makes its marks from.
#[derive(Clone)]
pub(super) struct Token([u8; 16]);

impl Token {
    /// A token that no other process has.
    pub(super) fn new(random: [u8; 16]) -> Token {
        Token(random)
    }

    /// The mark of the relay with this number, of this stream.
    pub(super) fn mark(&self, stream: &str, id: u64) -> String {
        let hash =
            Sha1::new().chain_update(self.0).chain_update(id.to_be_bytes()).chain_update(stream).finalize();
        hash.iter().take(MARK_LEN / 2).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

/// How a relay calls itself.
pub(super) fn agent(marks: &[String]) -> String {
    format!("FMLE/3.0 (compatible; Weir; {WORD} {})", marks.join(" "))
}

/// The marks in what a client calls itself; none in that of any other client.
pub(super) fn marks(agent: &str) -> Vec<String> {
    let Some((_, rest)) = agent.split_once(&format!("; {WORD} ")) else { return Vec::new() };
    let is_mark = |word: &&str| word.len() == MARK_LEN && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    // One more than may be, so that the bound shows.
    rest.trim_end_matches(')').split(' ').take_while(is_mark).take(MAX_HOPS + 1).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_back_and_others_have_none() {
        let token = Token::new([7; 16]);
        let both = vec![token.mark("live/a", 1), token.mark("live/b", 1)];
        assert_ne!(both[0], both[1]);
        assert_ne!(both[0], token.mark("live/a", 2));
        assert_ne!(both[0], Token::new([8; 16]).mark("live/a", 1));
        assert_eq!(marks(&agent(&both)), both);
        for other in ["", "OBS", "FMLE/3.0 (compatible; Weir)", "x; relay y", "Mozilla/5.0 (X11; relay-z)"] {
            assert_eq!(marks(other), [""; 0], "{other}");
        }
    }

    #[test]
    fn no_more_marks_are_read_than_there_may_be() {
        let many: Vec<String> = (0..100).map(|number| format!("{number:016x}")).collect();
        assert_eq!(marks(&agent(&many)).len(), MAX_HOPS + 1);
    }
}
