//! Keys that tokens of users are signed with: each with one algorithm, which no token can choose.

use anyhow::Context as _;
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, VerificationAlgorithm};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use control::person::Role;

use super::refusal::Refusal;
use crate::config::{self, Algorithm};

/// Shortest secret of HS256, in bytes: as long as its hash (RFC 7518 section 3.2).
pub const SECRET_MIN: usize = 32;

/// Longest file of a public key, in bytes.
const FILE_MAX: u64 = 16 * 1_024;

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    /// What tokens call it.
    pub(super) kid: String,
    /// The most that it can make of somebody.
    pub(super) max_role: Role,
    algorithm: Algorithm,
    check: Check,
}

#[derive(Debug)]
enum Check {
    Secret(hmac::Key),
    Public(Box<ParsedPublicKey>),
}

impl Key {
    /// A key of ours and the operator's backend.
    pub(super) fn shared(kid: &str, secret: &str, max_role: Role) -> Key {
        let check = Check::Secret(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()));
        Key { kid: kid.to_owned(), max_role, algorithm: Algorithm::Hs256, check }
    }

    /// The key of a section of the configuration. It reads a file where the section names one.
    pub(super) fn configured(section: &config::UserKey) -> anyhow::Result<Key> {
        let max_role = section.max_role.role();
        if section.algorithm == Algorithm::Hs256 {
            return Ok(Key::shared(&section.kid, section.secret.expose(), max_role));
        }
        let pem = match section.public_key_file.as_str() {
            "" => section.public_key.clone(),
            path => {
                let length = std::fs::metadata(path).with_context(|| format!("cannot read {path}"))?.len();
                anyhow::ensure!(length <= FILE_MAX, "{path} is too long for a public key");
                std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?
            }
        };
        let check = Check::Public(Box::new(public_key(section.algorithm, &pem)?));
        Ok(Key { kid: section.kid.clone(), max_role, algorithm: section.algorithm, check })
    }

    /// Whether it signed this with the algorithm that is its own.
    pub(super) fn verify(&self, algorithm: &str, signed: &str, signature: &[u8]) -> Result<(), Refusal> {
        if algorithm != self.algorithm.name() {
            return Err(Refusal::WrongAlgorithm(self.algorithm.name()));
        }
        let good = match &self.check {
            Check::Secret(key) => hmac::verify(key, signed.as_bytes(), signature).is_ok(),
            Check::Public(key) => key.verify_sig(signed.as_bytes(), signature).is_ok(),
        };
        if good { Ok(()) } else { Err(Refusal::BadSignature) }
    }

    /// Signs, if it is a key that can.
    pub(super) fn sign(&self, signed: &[u8]) -> Option<Vec<u8>> {
        match &self.check {
            Check::Secret(key) => Some(hmac::sign(key, signed).as_ref().to_vec()),
            Check::Public(_) => None,
        }
    }

    /// Whether it can sign.
    pub(super) fn signs(&self) -> bool {
        matches!(self.check, Check::Secret(_))
    }
}

/// The public key of a PEM text (`BEGIN PUBLIC KEY`, as `openssl pkey -pubout` writes it).
pub fn public_key(algorithm: Algorithm, pem: &str) -> anyhow::Result<ParsedPublicKey> {
    anyhow::ensure!(!pem.contains("PRIVATE KEY"), "this is a private key: only the public one belongs here");
    let body = pem
        .split_once("-----BEGIN PUBLIC KEY-----")
        .and_then(|(_, rest)| rest.split_once("-----END PUBLIC KEY-----"))
        .context("a public key begins with -----BEGIN PUBLIC KEY-----")?;
    let body: String = body.0.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let der = STANDARD.decode(body).context("the public key is damaged")?;
    let verification: &'static dyn VerificationAlgorithm = match algorithm {
        Algorithm::Es256 => &ECDSA_P256_SHA256_FIXED,
        Algorithm::EdDsa => &ED25519,
        Algorithm::Hs256 => anyhow::bail!("HS256 has no public key"),
    };
    ParsedPublicKey::new(verification, der)
        .map_err(|_| anyhow::anyhow!("this is no public key for {}", algorithm.name()))
}
