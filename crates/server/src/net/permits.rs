//! The count of connections, in all and by address.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Bounds on connections; 0 is no bound.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    total: usize,
    per_ip: usize,
}

/// Hands out permits and counts those that are held.
#[derive(Debug, Clone)]
pub struct Permits {
    bounds: Bounds,
    held: Arc<Mutex<Held>>,
}

/// How often a permit was refused, by the bound that was reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RefusedSoFar {
    /// See [`Refused::ServerFull`].
    pub server_full: u64,
    /// See [`Refused::AddressFull`].
    pub address_full: u64,
}

#[derive(Debug, Default)]
struct Held {
    refused: RefusedSoFar,
    total: usize,
    by_ip: HashMap<IpAddr, usize>,
}

/// The right to one connection; dropping it gives it back.
#[derive(Debug)]
pub struct Permit {
    held: Arc<Mutex<Held>>,
    ip: Option<IpAddr>,
}

/// Why a connection was not permitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The server has as many connections as `limits.max_connections`.
    ServerFull,
    /// This address has as many connections as `limits.connections_per_ip`.
    AddressFull,
}

impl Permits {
    /// Bounds in all and by address; 0 is no bound.
    pub fn new(total: usize, per_ip: usize) -> Permits {
        Permits { bounds: Bounds { total, per_ip }, held: Arc::default() }
    }

    /// A permit for a connection from `ip`.
    pub fn take(&self, ip: IpAddr) -> Result<Permit, Refused> {
        let ip = ip.to_canonical();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if self.bounds.total > 0 && held.total >= self.bounds.total {
            held.refused.server_full += 1;
            return Err(Refused::ServerFull);
        }
        let counted = self.bounds.per_ip > 0;
        if counted {
            let count = held.by_ip.entry(ip).or_default();
            if *count >= self.bounds.per_ip {
                held.refused.address_full += 1;
                return Err(Refused::AddressFull);
            }
            *count += 1;
        }
        held.total += 1;
        Ok(Permit { held: self.held.clone(), ip: counted.then_some(ip) })
    }

    /// How often a permit was refused.
    pub fn refused(&self) -> RefusedSoFar {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).refused
    }

    /// Connections at this moment.
    pub fn held(&self) -> usize {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).total
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.total -= 1;
        if let Some(ip) = self.ip
            && let Entry::Occupied(mut count) = held.by_ip.entry(ip)
        {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    #[test]
    fn the_bound_per_address_counts_only_open_connections() {
        let permits = Permits::new(0, 1);
        let first = permits.take(A).unwrap();
        assert_eq!(permits.take(A).err(), Some(Refused::AddressFull));
        let other = permits.take(B).unwrap();
        drop(first);
        assert!(permits.take(A).is_ok());
        drop(other);
        assert_eq!(permits.held(), 0);
        assert!(permits.held.lock().unwrap().by_ip.is_empty(), "an address that left is still remembered");
    }

    #[test]
    fn a_mapped_address_is_the_same_address() {
        let permits = Permits::new(0, 1);
        let _held = permits.take(A).unwrap();
        assert!(permits.take("::ffff:10.0.0.1".parse().unwrap()).is_err());
    }

    #[test]
    fn a_full_server_refuses_everybody() {
        let permits = Permits::new(1, 0);
        let _held = permits.take(A).unwrap();
        assert_eq!(permits.take(B).err(), Some(Refused::ServerFull));
        assert_eq!(permits.refused(), RefusedSoFar { server_full: 1, address_full: 0 });
    }
}
