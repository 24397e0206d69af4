//! Tencent Cloud Live: `?txSecret=H&txTime=HEX`, `H` the hash of key, stream and the literal text of `txTime`.
//!
//! The stream is without a container's suffix and with a transcoding template's (`room1001_720p`). The hash is MD5, or
//! SHA-256 on domains that were switched to it; the length tells which.

use super::{in_time, parameter, time};
use crate::digest::{md5_hex, same, sha256_hex};
use crate::domain::Role;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::secret::Keys;
use crate::sign::SignTarget;

const SIGNATURE: &str = "txSecret";
const TIME: &str = "txTime";

/// The keys of a domain and how long its play addresses outlive their time.
#[derive(Debug, Clone, Default)]
pub struct Tencent {
    /// The console's main and backup key.
    pub keys: Keys,
    /// How many seconds a play address is good after its `txTime`. Push addresses are good until `txTime`.
    pub auth_delta: u32,
    /// The hash of new addresses. Those that come in may have either.
    pub digest: Digest,
}

/// The hash of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Digest {
    /// 32 digits.
    #[default]
    Md5,
    /// 64 digits.
    Sha256,
}

impl Tencent {
    pub(super) fn verify(&self, request: &Request<'_>, role: Role, now: i64) -> Result<(), Refusal> {
        self.keys.usable().next().ok_or(Refusal::NoKeys)?;
        let literal = parameter(request.query, TIME, Refusal::MissingExpiry)?;
        let expiry = time(literal, 16).ok_or(Refusal::BadExpiry(TIME))?;
        in_time(expiry.saturating_add(self.grace(role)), now, TIME)?;
        let given = parameter(request.query, SIGNATURE, Refusal::MissingSignature)?;
        let digest = match given.len() {
            32 => Digest::Md5,
            64 => Digest::Sha256,
            _ => return Err(Refusal::BadSignature(SIGNATURE)),
        };
        let fits = |key: &str| same(given, &signature(digest, key, request.stream, literal));
        if self.keys.usable().any(|key| fits(key.expose())) {
            Ok(())
        } else {
            Err(Refusal::BadSignature(SIGNATURE))
        }
    }

    pub(super) fn sign(&self, target: &SignTarget<'_>, role: Role, expires: i64) -> Option<String> {
        let key = self.keys.usable().next()?;
        let time = u64::try_from(expires.checked_sub(self.grace(role))?).ok()?;
        let literal = format!("{time:X}");
        let signature = signature(self.digest, key.expose(), target.stream, &literal);
        Some(format!("{SIGNATURE}={signature}&{TIME}={literal}"))
    }

    fn grace(&self, role: Role) -> i64 {
        match role {
            Role::Push => 0,
            Role::Play => self.auth_delta.into(),
        }
    }
}

fn signature(digest: Digest, key: &str, stream: &str, literal_time: &str) -> String {
    match digest {
        Digest::Md5 => md5_hex(&[key, stream, literal_time]),
        Digest::Sha256 => sha256_hex(&[key, stream, literal_time]),
    }
}
