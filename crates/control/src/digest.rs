//! Hashes as the formulas want them, and a comparison that does not tell by its duration where two texts differ.

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// MD5 of the parts one after another, as lower-case hexadecimal.
pub(crate) fn md5_hex(parts: &[&str]) -> String {
    hex(&hash::<Md5>(parts))
}

/// SHA-256 of the parts one after another, as lower-case hexadecimal.
pub(crate) fn sha256_hex(parts: &[&str]) -> String {
    hex(&hash::<Sha256>(parts))
}

/// HMAC-SHA-1 of the parts one after another.
pub(crate) fn hmac_sha1(key: &str, parts: &[&str]) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).ok()?;
    parts.iter().for_each(|part| mac.update(part.as_bytes()));
    Some(mac.finalize().into_bytes().to_vec())
}

/// HMAC-SHA-256 of the parts one after another.
pub(crate) fn hmac_sha256(key: &str, parts: &[&str]) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).ok()?;
    parts.iter().for_each(|part| mac.update(part.as_bytes()));
    Some(mac.finalize().into_bytes().to_vec())
}

/// HMAC-SHA-256 of the parts one after another, as lower-case hexadecimal.
pub(crate) fn hmac_sha256_hex(key: &str, parts: &[&str]) -> Option<String> {
    hmac_sha256(key, parts).map(|bytes| hex(&bytes))
}

/// Whether two signatures are equal. Lengths are no secret; contents are compared in constant time.
pub(crate) fn same(given: &str, expected: &str) -> bool {
    given.as_bytes().ct_eq(expected.as_bytes()).into()
}

fn hash<D: Digest>(parts: &[&str]) -> Vec<u8> {
    let mut hasher = D::new();
    parts.iter().for_each(|part| hasher.update(part.as_bytes()));
    hasher.finalize().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_equal_the_published_ones() {
        assert_eq!(md5_hex(&["a", "bc"]), "900150983cd24fb0d6963f7d28e17f72");
        let sha = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_hex(&["ab", "c"]), sha);
        let text = "what do ya want for nothing?";
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hmac_sha256_hex("Jefe", &[text]).unwrap(), expected);
        assert_eq!(hex(&hmac_sha1("Jefe", &[text]).unwrap()), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    }

    #[test]
    fn only_equal_texts_are_the_same() {
        assert!(same("abc", "abc"));
        assert!(!same("abc", "abd"));
        assert!(!same("abc", "ab"));
        assert!(!same("", "a"));
        assert!(!same("ABC", "abc"));
    }
}
