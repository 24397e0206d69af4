//! Guests: people whom nobody answers for. Their id is this server's, and their token keeps it over a reload of the page.
//!
//! Nothing about a guest is stored: the token is the id and its end under a seal.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use control::person::{GUEST_PREFIX, Person};

use super::jwt::Claims;
use super::refusal::Refusal;
use crate::seal::{SEAL_BYTES, Sealer};
use crate::secrets::Secrets;

/// What a guest's token begins with, which no other kind does.
const PREFIX: &str = "guest.";

/// What the key is derived for: what it signs is nothing else's signature.
const PURPOSE: &[u8] = b"weir guest 1";

/// Random bytes of an id: nobody meets another's by guessing.
const ID_BYTES: usize = 10;

const END_BYTES: usize = 8;

/// Makes guests and knows them again.
#[derive(Debug)]
pub(super) struct Guests {
    sealer: Sealer,
    life_seconds: i64,
}

impl Guests {
    /// Guests whose tokens are good for so long.
    pub(super) fn new(secrets: &Secrets, life_seconds: i64) -> anyhow::Result<Guests> {
        Ok(Guests { sealer: Sealer::new(secrets, PURPOSE)?, life_seconds })
    }

    /// Whether a text is meant as a guest's token.
    pub(super) fn looks_like(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// Somebody new.
    pub(super) fn issue(&self, now: i64) -> anyhow::Result<(Claims, String)> {
        let mut id = [0; ID_BYTES];
        getrandom::fill(&mut id)?;
        Ok(self.token(id, now)?)
    }

    /// Who holds a token.
    pub(super) fn verify(&self, text: &str, now: i64) -> Result<Claims, Refusal> {
        let (id, until) = self.read(text)?;
        if now > until {
            return Err(Refusal::Expired(until));
        }
        claims(id, until)
    }

    /// The same guest with a token that is good for longer, once half of its time is over.
    pub(super) fn renew(&self, text: &str, now: i64) -> Result<(Claims, String), Refusal> {
        let claims = self.verify(text, now)?;
        if claims.until.saturating_sub(now) > self.life_seconds / 2 {
            return Ok((claims, text.to_owned()));
        }
        self.token(self.read(text)?.0, now)
    }

    fn token(&self, id: [u8; ID_BYTES], now: i64) -> Result<(Claims, String), Refusal> {
        let until = now.saturating_add(self.life_seconds);
        let mut bytes = [&id[..], &until.to_be_bytes()].concat();
        let seal = self.sealer.seal(&bytes, "");
        bytes.extend_from_slice(&seal);
        Ok((claims(id, until)?, format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))))
    }

    fn read(&self, text: &str) -> Result<([u8; ID_BYTES], i64), Refusal> {
        const WHOLE: usize = ID_BYTES + END_BYTES + SEAL_BYTES;
        let text =
            text.strip_prefix(PREFIX).filter(|text| text.len() <= 2 * WHOLE).ok_or(Refusal::NotAToken)?;
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| Refusal::Damaged)?;
        let (said, seal) = bytes.split_at_checked(ID_BYTES + END_BYTES).ok_or(Refusal::Damaged)?;
        if !self.sealer.is_genuine(seal, said, "") {
            return Err(Refusal::BadSignature);
        }
        let (id, end) = said.split_first_chunk().ok_or(Refusal::Damaged)?;
        let end = end.first_chunk().ok_or(Refusal::Damaged)?;
        Ok((*id, i64::from_be_bytes(*end)))
    }
}

fn claims(id: [u8; ID_BYTES], until: i64) -> Result<Claims, Refusal> {
    let digits: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Claims { person: Person::guest(&format!("{GUEST_PREFIX}{digits}"))?, room: None, until })
}
