//! Tokens: what the reader of a playlist is given for the files behind it.
//!
//! A token says which recording may be read until when, and that this server said so. Nothing about it is stored, so it is
//! good after a restart too.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::seal::{SEAL_BYTES, Sealer};
use crate::secrets::Secrets;

/// How long a player may go on with one token, in seconds: the longest shows, with pauses.
const LIFE_SECONDS: i64 = 24 * 3_600;

/// What the key is derived for: what it signs is nothing else's signature.
const PURPOSE: &[u8] = b"weir replay token 1";

/// Bytes of the end, before the seal.
const END_BYTES: usize = 8;

/// Makes tokens and checks them.
#[derive(Debug)]
pub(super) struct Tokens {
    sealer: Sealer,
}

impl Tokens {
    /// With a key that survives a restart.
    pub(super) fn new(secrets: &Secrets) -> anyhow::Result<Tokens> {
        Ok(Tokens { sealer: Sealer::new(secrets, PURPOSE)? })
    }

    /// A token for this recording.
    pub(super) fn issue(&self, id: &str, unix_seconds: i64) -> String {
        let end = unix_seconds.saturating_add(LIFE_SECONDS).to_be_bytes();
        URL_SAFE_NO_PAD.encode([&end[..], &self.sealer.seal(&end, id)].concat())
    }

    /// Whether a text is a token for this recording and not over.
    pub(super) fn is_good(&self, token: &str, id: &str, unix_seconds: i64) -> bool {
        const WHOLE: usize = END_BYTES + SEAL_BYTES;
        if token.len() > 2 * WHOLE {
            return false;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).unwrap_or_default();
        let Some((end, seal)) = bytes.split_first_chunk::<END_BYTES>() else { return false };
        self.sealer.is_genuine(seal, end, id) && unix_seconds <= i64::from_be_bytes(*end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::Secret;

    fn tokens(play_key: &str) -> Tokens {
        Tokens::new(&Secrets {
            push_key: Secret::new("p"),
            play_key: Secret::new(play_key),
            ..Secrets::default()
        })
        .unwrap()
    }

    #[test]
    fn a_token_is_good_for_its_recording_until_its_end_and_after_a_restart() {
        let token = tokens("k").issue("a", 1_000);
        assert!(tokens("k").is_good(&token, "a", 1_000 + LIFE_SECONDS));
        assert!(!tokens("k").is_good(&token, "a", 1_001 + LIFE_SECONDS));
        assert!(!tokens("k").is_good(&token, "b", 1_000));
        assert!(!tokens("other").is_good(&token, "a", 1_000));
        for at in 0..token.len() {
            let mut other = token.clone().into_bytes();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            assert!(!tokens("k").is_good(std::str::from_utf8(&other).unwrap(), "a", 1_000), "{at}");
        }
        for other in ["", "é", &token[1..], &format!("{token}0"), &"0".repeat(100_000)] {
            assert!(!tokens("k").is_good(other, "a", 1_000));
        }
    }
}
