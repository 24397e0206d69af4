//! Addresses that do something too often: after some times within a minute they are told to wait.
//!
//! So it is with wrong keys of the API. A key has 256 random bits and is not to be guessed; this is against the noise: a script that
//! goes on for days fills the log. A good key always passes, so that nobody behind the same proxy can lock the operator out. And so it
//! is with whatever costs a question to somebody else.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// How long a try counts, in milliseconds.
pub const SPAN_MS: u64 = 60_000;

/// Most addresses that are remembered. When there are more, the one that began first is forgotten.
const ADDRESSES_MAX: usize = 4_096;

/// The count of tries by address.
#[derive(Debug, Default)]
pub struct Throttle {
    tries: Mutex<HashMap<IpAddr, Tries>>,
}

#[derive(Debug, Clone, Copy)]
struct Tries {
    since_ms: u64,
    count: u32,
}

impl Throttle {
    /// Counts a try of an address that has `most` of them within [`SPAN_MS`]. Returns for how many seconds it is to wait, if it is.
    pub fn count(&self, peer: IpAddr, most: u32, now_ms: u64) -> Option<u64> {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        let address = network(peer);
        let over = |tries: &Tries| now_ms.saturating_sub(tries.since_ms) >= SPAN_MS;
        if tries.len() >= ADDRESSES_MAX && !tries.contains_key(&address) {
            tries.retain(|_, tries| !over(tries));
            let oldest = tries.iter().min_by_key(|(_, tries)| tries.since_ms).map(|(address, _)| *address);
            if tries.len() >= ADDRESSES_MAX
                && let Some(oldest) = oldest
            {
                tries.remove(&oldest);
            }
        }
        let entry = tries.entry(address).or_insert(Tries { since_ms: now_ms, count: 0 });
        if over(entry) {
            *entry = Tries { since_ms: now_ms, count: 0 };
        }
        entry.count = entry.count.saturating_add(1);
        let left_ms = SPAN_MS - now_ms.saturating_sub(entry.since_ms).min(SPAN_MS);
        (entry.count > most).then_some(left_ms.div_ceil(1_000).max(1))
    }
}

/// What counts as one address: of IPv6 a household has a whole /64.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_beyond_the_most_in_a_minute_is_told_to_wait() {
        let throttle = Throttle::default();
        let peer = IpAddr::from([192, 0, 2, 1]);
        for _ in 0..10 {
            assert_eq!(throttle.count(peer, 10, 1_000), None);
        }
        assert_eq!(throttle.count(peer, 10, 2_000), Some(59));
        assert_eq!(throttle.count(IpAddr::from([192, 0, 2, 2]), 10, 2_000), None, "another address");
        assert_eq!(throttle.count(peer, 10, 61_000), None, "a minute later it may try again");
    }

    #[test]
    fn the_count_is_bounded_and_a_network_of_ipv6_is_one_address() {
        let throttle = Throttle::default();
        for number in 0..10_000_u32 {
            throttle.count(IpAddr::from(number.to_be_bytes()), 10, u64::from(number));
        }
        assert_eq!(throttle.tries.lock().unwrap().len(), ADDRESSES_MAX);
        let throttle = Throttle::default();
        let waits = (0..=10_u16).map(|last| {
            let peer = IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, last]);
            throttle.count(peer, 10, 0)
        });
        assert_eq!(waits.last().flatten(), Some(60));
    }
}
