//! Seals: how this server knows again what it said, without storing it.
//!
//! The key of a seal follows from the play key and from what it is for. So it survives a restart and ends with that key, and
//! what is sealed for one purpose is nothing for another.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::secrets::Secrets;

/// Bytes of a seal.
pub const SEAL_BYTES: usize = 16;

/// Seals for one purpose.
#[derive(Clone)]
pub struct Sealer {
    keyed: Hmac<Sha256>,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer").finish_non_exhaustive()
    }
}

impl Sealer {
    /// For this purpose.
    pub fn new(secrets: &Secrets, purpose: &[u8]) -> anyhow::Result<Sealer> {
        let mut derive = Hmac::<Sha256>::new_from_slice(secrets.play_key.expose().as_bytes())?;
        derive.update(purpose);
        Ok(Sealer { keyed: Hmac::new_from_slice(&derive.finalize().into_bytes())? })
    }

    /// The seal of `said`, which has a fixed length for each purpose, about `subject`.
    pub fn seal(&self, said: &[u8], subject: &str) -> [u8; SEAL_BYTES] {
        let mut mac = self.keyed.clone();
        mac.update(said);
        mac.update(subject.as_bytes());
        let mut seal = [0; SEAL_BYTES];
        seal.copy_from_slice(&mac.finalize().into_bytes()[..SEAL_BYTES]);
        seal
    }

    /// Whether this is the seal of that, in a time that tells nothing.
    pub fn is_genuine(&self, seal: &[u8], said: &[u8], subject: &str) -> bool {
        self.seal(said, subject).ct_eq(seal).into()
    }
}
