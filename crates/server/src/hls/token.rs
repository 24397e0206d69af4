//! Tokens: what the holder of a signed address is given for the files behind it.
//!
//! A token says who watches which stream, until when, and that this server said so. Nothing about it is stored, so it is
//! good after a restart too.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hub::Name;
use sha2::{Digest as _, Sha256};

use crate::seal::{SEAL_BYTES, Sealer};
use crate::secrets::Secrets;

/// How long a player may go on with one token, in seconds. A show that is longer is opened again by its player.
const LIFE_SECONDS: i64 = 24 * 3_600;

/// What the key is derived for: what it signs is nothing else's signature.
const PURPOSE: &[u8] = b"weir hls token 1";

/// Bytes of the number and of the end, before the seal.
const NUMBER_BYTES: usize = 8;
const END_BYTES: usize = 8;

/// A token that was found good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    /// The viewer's number, which nobody can guess.
    pub(super) number: u64,
    /// Until when it is good, in seconds since 1970.
    pub(super) until: i64,
}

impl Token {
    /// What its holder is called in whatever others are told. Nobody can make the token of it.
    pub(super) fn client(self) -> String {
        let hash = Sha256::digest(self.number.to_be_bytes());
        format!("hls-{}", hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>())
    }
}

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

    /// A token of a new viewer.
    pub(super) fn issue(unix_seconds: i64) -> anyhow::Result<Token> {
        let mut number = [0; NUMBER_BYTES];
        getrandom::fill(&mut number)?;
        let until = unix_seconds.saturating_add(LIFE_SECONDS);
        Ok(Token { number: u64::from_be_bytes(number), until })
    }

    /// The text of a token that was found good.
    pub(super) fn write(&self, stream: &Name, token: Token) -> String {
        let mut bytes = [token.number.to_be_bytes(), token.until.to_be_bytes()].concat();
        let seal = self.sealer.seal(&bytes, stream.as_str());
        bytes.extend_from_slice(&seal);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The token of this text, if it is one of this stream and not over.
    pub(super) fn check(&self, text: &str, stream: &Name, unix_seconds: i64) -> Option<Token> {
        const WHOLE: usize = NUMBER_BYTES + END_BYTES + SEAL_BYTES;
        if text.len() > 2 * WHOLE {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() == WHOLE)?;
        let (said, seal) = bytes.split_at(NUMBER_BYTES + END_BYTES);
        if !self.sealer.is_genuine(seal, said, stream.as_str()) {
            return None;
        }
        let (number, until) = said.split_first_chunk()?;
        let token =
            Token { number: u64::from_be_bytes(*number), until: i64::from_be_bytes(until.try_into().ok()?) };
        (unix_seconds <= token.until).then_some(token)
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
    fn a_token_is_good_for_its_stream_until_its_end_and_after_a_restart() {
        let stream = Name::new("live/a");
        let text = tokens("k").write(&stream, Tokens::issue(1_000).unwrap());
        let token = tokens("k").check(&text, &stream, 1_000).unwrap();
        assert_eq!(token.until, 1_000 + LIFE_SECONDS);
        assert_eq!(tokens("k").write(&stream, token), text);
        assert_eq!(tokens("k").check(&text, &stream, token.until), Some(token));
        assert_eq!(tokens("k").check(&text, &stream, token.until + 1), None);
        assert_eq!(tokens("k").check(&text, &Name::new("live/b"), 1_000), None);
        assert_eq!(tokens("another").check(&text, &stream, 1_000), None);
    }

    #[test]
    fn what_was_changed_or_is_no_token_is_refused() {
        let (tokens, stream) = (tokens("k"), Name::new("live/a"));
        let text = tokens.write(&stream, Tokens::issue(1_000).unwrap());
        for at in 0..text.len() {
            let mut other = text.clone().into_bytes();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(tokens.check(std::str::from_utf8(&other).unwrap(), &stream, 1_000), None, "{at}");
        }
        for other in ["", "x", &text[1..], &format!("{text}AAAA"), &"A".repeat(100_000)] {
            assert_eq!(tokens.check(other, &stream, 1_000), None);
        }
    }

    #[test]
    fn two_viewers_have_two_numbers_and_no_key_is_shown() {
        let tokens = tokens("k");
        assert_ne!(Tokens::issue(0).unwrap(), Tokens::issue(0).unwrap());
        assert_eq!(format!("{tokens:?}"), "Tokens { sealer: Sealer { .. } }");
    }
}
