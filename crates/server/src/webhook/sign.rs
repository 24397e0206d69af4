//! Signatures as Standard Webhooks has them: HMAC-SHA256 over id, time and body.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// What a secret begins with.
const PREFIX: &str = "whsec_";

/// The least and the most bytes of a secret.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// People copy secrets with and without their `=`.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A secret that both sides know.
#[derive(Clone)]
pub struct SigningKey(Hmac<Sha256>);

/// Why a text is no such secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadKey;

impl SigningKey {
    /// From `whsec_` and Base64.
    pub fn parse(text: &str) -> Result<SigningKey, BadKey> {
        let bytes = LENIENT.decode(text.strip_prefix(PREFIX).ok_or(BadKey)?).map_err(|_| BadKey)?;
        if !BYTES.contains(&bytes.len()) {
            return Err(BadKey);
        }
        Hmac::new_from_slice(&bytes).map(SigningKey).map_err(|_| BadKey)
    }

    /// The text of a new secret.
    pub fn generate() -> anyhow::Result<String> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(format!("{PREFIX}{}", STANDARD.encode(bytes)))
    }

    fn sign(&self, id: &str, unix_seconds: i64, body: &[u8]) -> String {
        let mut mac = self.0.clone();
        mac.update(format!("{id}.{unix_seconds}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// The signatures of a message with each of the keys, as they stand in the header.
pub fn signatures(keys: &[SigningKey], id: &str, unix_seconds: i64, body: &[u8]) -> String {
    keys.iter().map(|key| key.sign(id, unix_seconds, body)).collect::<Vec<_>>().join(" ")
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("********")
    }
}

impl BadKey {
    /// The reason in Chinese.
    pub fn message_zh(self) -> &'static str {
        "应为 whsec_ 加 24 到 64 字节的 Base64；用 `weir webhooks secret` 生成一个"
    }
}

impl fmt::Display for BadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be whsec_ and 24 to 64 bytes in Base64; `weir webhooks secret` makes one")
    }
}

impl std::error::Error for BadKey {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_one_that_the_specification_gives() {
        let key = SigningKey::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let other = SigningKey::parse(&SigningKey::generate().unwrap()).unwrap();
        let body = br#"{"test": 2432232314}"#;
        let signed = signatures(&[key, other], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        let (first, second) = signed.split_once(' ').unwrap();
        assert_eq!(first, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert!(second.starts_with("v1,") && second != first);
    }

    #[test]
    fn what_is_no_secret_is_refused_and_one_is_never_shown() {
        let of = |bytes: usize| SigningKey::parse(&format!("{PREFIX}{}", STANDARD.encode(vec![7; bytes])));
        assert!(of(24).is_ok() && of(64).is_ok() && of(23).is_err() && of(65).is_err());
        assert!(SigningKey::parse("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").is_err());
        assert!(SigningKey::parse("whsec_!!!").is_err());
        assert_eq!(format!("{:?}", of(24).unwrap()), "********");
    }
}
