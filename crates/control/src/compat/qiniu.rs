//! Qiniu Pili: `?e=UNIX&token=AK:SIGNATURE`, the signature over path and `e`, in URL-safe base64 with its padding.
//!
//! Qiniu signs pushes this way. A play domain may use it here as well, over the path as the player asks for it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;

use super::{in_time, parameter, time};
use crate::digest::{hmac_sha1, same};
use crate::refusal::Refusal;
use crate::request::{self, Request};
use crate::secret::Secret;
use crate::sign::SignTarget;

const SIGNATURE: &str = "token";
const TIME: &str = "e";

/// The credentials of a domain.
#[derive(Debug, Clone, Default)]
pub struct Qiniu {
    /// What signs.
    pub main: Option<Credential>,
    /// What is accepted as well, while one replaces the other.
    pub backup: Option<Credential>,
}

/// An access key, which is in the address, and the secret key that belongs to it.
#[derive(Debug, Clone)]
pub struct Credential {
    /// AK.
    pub access_key: String,
    /// SK.
    pub secret_key: Secret,
}

impl Qiniu {
    pub(super) fn verify(&self, request: &Request<'_>, now: i64) -> Result<(), Refusal> {
        self.usable().next().ok_or(Refusal::NoKeys)?;
        let literal = parameter(request.query, TIME, Refusal::MissingExpiry)?;
        let expiry = time(literal, 10).ok_or(Refusal::BadExpiry(TIME))?;
        in_time(expiry, now, TIME)?;
        let given = parameter(request.query, SIGNATURE, Refusal::MissingSignature)?;
        let path = request.own_path().ok_or(Refusal::BadPath)?;
        let fits =
            |credential| token(credential, path, literal).is_some_and(|expected| same(given, &expected));
        if self.usable().any(fits) { Ok(()) } else { Err(Refusal::BadSignature(SIGNATURE)) }
    }

    pub(super) fn sign(&self, target: &SignTarget<'_>, expires: i64) -> Option<String> {
        let path = request::own_path(target.path, target.app, target.stream)?;
        let literal = u64::try_from(expires).ok()?.to_string();
        let token = token(self.usable().next()?, path, &literal)?;
        Some(format!("{TIME}={literal}&{SIGNATURE}={token}"))
    }

    fn usable(&self) -> impl Iterator<Item = &Credential> {
        let is_whole = |one: &&Credential| !one.access_key.is_empty() && !one.secret_key.is_empty();
        self.main.iter().chain(self.backup.iter()).filter(is_whole)
    }
}

fn token(credential: &Credential, path: &str, literal_time: &str) -> Option<String> {
    let signature = hmac_sha1(credential.secret_key.expose(), &[path, "?", TIME, "=", literal_time])?;
    Some(format!("{}:{}", credential.access_key, URL_SAFE.encode(signature)))
}
