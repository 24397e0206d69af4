//! Aliyun, type A: `?auth_key=TIME-RANDOM-USER-MD5`, the hash over the path with its suffix, those fields and the key.
//! Huawei's form A is the same.

use super::{in_time, parameter, time};
use crate::digest::{md5_hex, same};
use crate::refusal::Refusal;
use crate::request::{self, Request};
use crate::secret::Keys;
use crate::sign::SignTarget;

/// Where Aliyun's players ask how far back a stream goes. The signature there is over this path, and the stream is a
/// parameter.
pub const TIMELINE: &str = "/openapi/timeline/query";

const PARAMETER: &str = "auth_key";

/// Longest random text in an address that is made here. Aliyun's own documents show UUIDs without hyphens.
const NONCE_MAX: usize = 64;

/// The keys of a domain and how long its addresses outlive their time.
#[derive(Debug, Clone, Default)]
pub struct Aliyun {
    /// The console's main and backup key.
    pub keys: Keys,
    /// How many seconds an address is good after its time.
    pub validity: u32,
}

impl Aliyun {
    pub(super) fn verify(&self, request: &Request<'_>, now: i64) -> Result<(), Refusal> {
        self.keys.usable().next().ok_or(Refusal::NoKeys)?;
        let value = parameter(request.query, PARAMETER, Refusal::MissingSignature)?;
        let (literal, _) = value.split_once('-').ok_or(Refusal::BadSignature(PARAMETER))?;
        let start = time(literal, 10).ok_or(Refusal::BadExpiry(PARAMETER))?;
        in_time(start.saturating_add(self.validity.into()), now, PARAMETER)?;
        // The random text and the user are hashed as they stand, and nothing here cares where one ends.
        let (fields, given) = value.rsplit_once('-').ok_or(Refusal::BadSignature(PARAMETER))?;
        let timeline = Some(request.path).filter(|path| *path == TIMELINE);
        let path = request.own_path().or(timeline).ok_or(Refusal::BadPath)?;
        let fits = |key: &str| same(given, &signature(path, fields, key));
        if self.keys.usable().any(|key| fits(key.expose())) {
            Ok(())
        } else {
            Err(Refusal::BadSignature(PARAMETER))
        }
    }

    pub(super) fn sign(&self, target: &SignTarget<'_>, expires: i64, nonce: &str) -> Option<String> {
        let key = self.keys.usable().next()?;
        let path = request::own_path(target.path, target.app, target.stream)?;
        let start = u64::try_from(expires.checked_sub(self.validity.into())?).ok()?;
        // A hyphen would be a field of its own, and whoever gives no random text gets the documents' zero.
        let random: String = nonce.chars().filter(char::is_ascii_alphanumeric).take(NONCE_MAX).collect();
        let random = if random.is_empty() { "0" } else { &random };
        let fields = format!("{start}-{random}-0");
        let signature = signature(path, &fields, key.expose());
        Some(format!("{PARAMETER}={fields}-{signature}"))
    }
}

fn signature(path: &str, fields: &str, key: &str) -> String {
    md5_hex(&[path, "-", fields, "-", key])
}
