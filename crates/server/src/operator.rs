//! What belongs to whoever runs the server: the keys of the API, and the streams forbidden while it runs.

pub mod forbids;
pub mod keys;

use std::path::Path;

use crate::admission::Admission;
use crate::clock::Clock;
use crate::throttle::Throttle;
use forbids::Forbids;
use keys::Keys;

/// Wrong keys from one address within a minute that are answered as such.
pub const TRIES: u32 = 10;

/// The operator's side of the server.
#[derive(Debug)]
pub struct Operator {
    /// Who may use the API.
    pub keys: Keys,
    /// The streams forbidden over the API.
    pub forbids: Forbids,
    /// Addresses that try keys.
    pub throttle: Throttle,
}

impl Operator {
    /// Reads what a data folder holds and puts the forbid list into force. Without a folder nobody has a key, and
    /// nothing outlives the server.
    pub fn open(data: Option<&Path>, admission: &Admission, clock: &Clock) -> anyhow::Result<Operator> {
        let forbids = Forbids::open(data, clock.unix_seconds())?;
        forbids.enforce(admission);
        Ok(Operator { keys: Keys::open(data), forbids, throttle: Throttle::default() })
    }
}
