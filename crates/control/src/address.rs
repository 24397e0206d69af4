//! Rules for network addresses.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Who may come, by network address. Without entries everybody may.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AddressRules {
    /// If there is any, only these may come.
    pub allow: Vec<Network>,
    /// These may not, even when they are allowed above.
    pub deny: Vec<Network>,
}

/// One address or a block of them: `10.0.0.7`, `10.0.0.0/8`, `2001:db8::/32`.
///
/// IPv4 and IPv6 are two worlds (`::/0` holds no IPv4 address), and an IPv4 address is the same one when it is
/// written inside of an IPv6 one (`::ffff:10.0.0.7`), as a listener for both sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    prefix: u8,
}

/// A text is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadNetwork {
    /// Not an address, or not an address and a number of bits.
    Syntax,
    /// There are bits set behind the prefix. `10.0.0.1/8` is more often a slip than a wish.
    HostBits,
}

impl AddressRules {
    /// Whether a client from there may come. Where there are rules, a client that comes from nowhere may not.
    pub fn admit(&self, peer: Option<IpAddr>) -> bool {
        if self.allow.is_empty() && self.deny.is_empty() {
            return true;
        }
        let Some(peer) = peer else { return false };
        let holds = |network: &Network| network.contains(peer);
        !self.deny.iter().any(holds) && (self.allow.is_empty() || self.allow.iter().any(holds))
    }
}

impl Network {
    /// Whether the address is one of these.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address.to_canonical()) {
            (IpAddr::V4(_), IpAddr::V4(_)) | (IpAddr::V6(_), IpAddr::V6(_)) => {
                masked(address.to_canonical(), self.prefix) == masked(self.base, self.prefix)
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Network, BadNetwork> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let written: IpAddr = address.parse().map_err(|_| BadNetwork::Syntax)?;
        let width = |address: IpAddr| if address.is_ipv4() { 32 } else { 128 };
        let prefix: u8 = match prefix {
            // `parse` would take a sign.
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().map_err(|_| BadNetwork::Syntax)?
            }
            Some(_) => return Err(BadNetwork::Syntax),
            None => width(written),
        };
        if prefix > width(written) {
            return Err(BadNetwork::Syntax);
        }
        if masked(written, prefix) != bits(written) {
            return Err(BadNetwork::HostBits);
        }
        let base = written.to_canonical();
        if base.is_ipv4() == written.is_ipv4() {
            return Ok(Network { base, prefix });
        }
        // An IPv4 block written as IPv6 has 96 bits in front. With fewer the base could not have been a mapped one
        // without bits behind the prefix.
        Ok(Network { base, prefix: prefix.checked_sub(96).ok_or(BadNetwork::Syntax)? })
    }
}

/// The address's bits in front of `prefix`, the rest zero.
fn masked(address: IpAddr, prefix: u8) -> u128 {
    let width: u32 = if address.is_ipv4() { 32 } else { 128 };
    let behind = width.saturating_sub(prefix.into());
    bits(address).checked_shr(behind).and_then(|front| front.checked_shl(behind)).unwrap_or(0)
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_bits().into(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

impl fmt::Display for BadNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadNetwork::Syntax => "write an address (10.0.0.7) or a block of them (10.0.0.0/8)",
            BadNetwork::HostBits => {
                "the address has bits set behind the prefix: write the block's first address"
            }
        })
    }
}

impl std::error::Error for BadNetwork {}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(allow: &[&str], deny: &[&str]) -> AddressRules {
        let parse = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        AddressRules { allow: parse(allow), deny: parse(deny) }
    }

    fn admits(rules: &AddressRules, peer: &str) -> bool {
        rules.admit(Some(peer.parse().unwrap()))
    }

    #[test]
    fn a_block_ends_where_it_ends() {
        let block = rules(&["10.1.0.0/16"], &[]);
        assert!(admits(&block, "10.1.0.0"));
        assert!(admits(&block, "10.1.255.255"));
        assert!(!admits(&block, "10.0.255.255"));
        assert!(!admits(&block, "10.2.0.0"));
        let odd = rules(&["192.168.1.128/31"], &[]);
        assert!(admits(&odd, "192.168.1.129"));
        assert!(!admits(&odd, "192.168.1.130"));
        assert!(!admits(&odd, "192.168.1.127"));
        let six = rules(&["2001:db8::/32"], &[]);
        assert!(admits(&six, "2001:db8:ffff::1"));
        assert!(!admits(&six, "2001:db9::"));
    }

    #[test]
    fn the_widest_and_the_narrowest_block() {
        let all = rules(&["0.0.0.0/0"], &[]);
        assert!(admits(&all, "255.255.255.255"));
        assert!(!admits(&all, "::1"));
        let all = rules(&["::/0"], &[]);
        assert!(admits(&all, "::1"));
        assert!(!admits(&all, "1.2.3.4"));
        let one = rules(&["1.2.3.4/32", "::1/128"], &[]);
        assert!(admits(&one, "1.2.3.4") && admits(&one, "::1"));
        assert!(!admits(&one, "1.2.3.5") && !admits(&one, "::2"));
    }

    #[test]
    fn an_ipv4_address_inside_of_ipv6_is_the_same_address() {
        let block = rules(&["10.0.0.0/8"], &[]);
        assert!(admits(&block, "::ffff:10.1.2.3"));
        assert!(!admits(&block, "::ffff:11.1.2.3"));
        let mapped = rules(&["::ffff:10.0.0.0/104"], &[]);
        assert!(admits(&mapped, "10.1.2.3") && admits(&mapped, "::ffff:10.1.2.3"));
        assert!(!admits(&mapped, "11.1.2.3"));
        let denied = rules(&[], &["1.2.3.4"]);
        assert!(!admits(&denied, "::ffff:1.2.3.4"));
    }

    #[test]
    fn denial_wins_and_no_rule_admits_all() {
        let both = rules(&["10.0.0.0/8"], &["10.0.0.7"]);
        assert!(admits(&both, "10.0.0.6"));
        assert!(!admits(&both, "10.0.0.7"));
        assert!(AddressRules::default().admit(None));
        assert!(!both.admit(None));
        assert!(!rules(&[], &["1.1.1.1"]).admit(None));
    }

    #[test]
    fn slips_are_told() {
        for text in [
            "",
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "a",
            "10.0.0.0/8/8",
            "1.1.1.1/999",
        ] {
            assert_eq!(text.parse::<Network>(), Err(BadNetwork::Syntax), "{text}");
        }
        assert_eq!("10.0.0.1/8".parse::<Network>(), Err(BadNetwork::HostBits));
        assert_eq!("10.0.0.0/8".parse::<Network>().unwrap().to_string(), "10.0.0.0/8");
    }
}
