//! Tokens: what the reader of a playlist is given for the files behind it.
//!
//! A token says which recording may be read until when, and that this server said so. Nothing about it is stored, so it is
//! good after a restart too.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::secrets::Secrets;

/// How long a player may go on with one token, in seconds: the longest shows, with pauses.
const LIFE_SECONDS: i64 = 24 * 3_600;

/// What the key is derived for: what it signs is nothing else's signature.
const PURPOSE: &[u8] = b"weir replay token 1";

/// Hexadecimal digits of the end and of the seal.
const END_DIGITS: usize = 16;
const SEAL_DIGITS: usize = 32;

/// Makes tokens and checks them.
pub(super) struct Tokens {
    key: Vec<u8>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

impl Tokens {
    /// With a key that follows from the play key: it survives a restart, and ends with that key.
    pub(super) fn new(secrets: &Secrets) -> anyhow::Result<Tokens> {
        let mut mac = Hmac::<Sha256>::new_from_slice(secrets.play_key.expose().as_bytes())?;
        mac.update(PURPOSE);
        Ok(Tokens { key: mac.finalize().into_bytes().to_vec() })
    }

    /// A token for this recording.
    pub(super) fn issue(&self, id: &str, unix_seconds: i64) -> String {
        let until = unix_seconds.saturating_add(LIFE_SECONDS);
        let end = format!("{until:0END_DIGITS$x}");
        let seal = self.seal(id, &end);
        end + &seal
    }

    /// Whether a text is a token for this recording and not over.
    pub(super) fn is_good(&self, token: &str, id: &str, unix_seconds: i64) -> bool {
        let Some((end, seal)) = token.split_at_checked(END_DIGITS) else { return false };
        let until = i64::from_str_radix(end, 16).unwrap_or(i64::MIN);
        let genuine = bool::from(self.seal(id, end).as_bytes().ct_eq(seal.as_bytes()));
        genuine && unix_seconds <= until
    }

    fn seal(&self, id: &str, end: &str) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else {
            // A key of any length is taken.
            return String::new();
        };
        mac.update(end.as_bytes());
        mac.update(id.as_bytes());
        let bytes = mac.finalize().into_bytes();
        bytes.iter().take(SEAL_DIGITS / 2).map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::Secret;

    fn tokens(play_key: &str) -> Tokens {
        Tokens::new(&Secrets { push_key: Secret::new("p"), play_key: Secret::new(play_key) }).unwrap()
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
            other[at] = if other[at] == b'0' { b'1' } else { b'0' };
            assert!(!tokens("k").is_good(std::str::from_utf8(&other).unwrap(), "a", 1_000), "{at}");
        }
        for other in ["", "é", &token[1..], &format!("{token}0"), &"0".repeat(100_000)] {
            assert!(!tokens("k").is_good(other, "a", 1_000));
        }
    }
}
