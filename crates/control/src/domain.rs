//! A domain: a host name, what it is for, and its rules.

use std::fmt;
use std::net::Ipv6Addr;

use crate::address::AddressRules;
use crate::compat::Scheme;
use crate::referrer::ReferrerRules;
use crate::request::Action;

/// Longest name of a domain, in bytes: RFC 1035, section 2.3.4.
pub const DOMAIN_MAX: usize = 253;

/// What a domain is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Streams are sent to it.
    Push,
    /// Streams are received from it.
    Play,
}

/// One domain. A host that is for both roles is two domains of one name.
#[derive(Debug, Clone)]
pub struct Domain {
    name: String,
    role: Role,
    scheme: Scheme,
    addresses: AddressRules,
    referrers: ReferrerRules,
    low_latency_keys_of: Option<String>,
}

/// A domain cannot have this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadDomain;

impl Domain {
    /// A domain without rules but its signature. The name is a host name or an IP address without a port, in
    /// any case of letters.
    pub fn new(name: &str, role: Role, scheme: Scheme) -> Result<Domain, BadDomain> {
        let name = host_name(name);
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        let is_host = name.bytes().all(is_plain) || name.parse::<Ipv6Addr>().is_ok();
        if name.is_empty() || name.len() > DOMAIN_MAX || !is_host {
            return Err(BadDomain);
        }
        Ok(Domain {
            name,
            role,
            scheme,
            addresses: AddressRules::default(),
            referrers: ReferrerRules::default(),
            low_latency_keys_of: None,
        })
    }

    /// With rules for network addresses.
    pub fn with_addresses(mut self, rules: AddressRules) -> Domain {
        self.addresses = rules;
        self
    }

    /// With rules for referrers.
    pub fn with_referrers(mut self, rules: ReferrerRules) -> Domain {
        self.referrers = rules;
        self
    }

    /// Of a play domain: addresses signed with a key of this push domain, and no other push domain's, are played
    /// with low latency. Without it the keys of every push domain do.
    pub fn with_low_latency_keys_of(mut self, push_domain: &str) -> Domain {
        self.low_latency_keys_of = Some(host_name(push_domain));
        self
    }

    /// The host name, in lower case.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is for.
    pub fn role(&self) -> Role {
        self.role
    }

    /// How its addresses are signed.
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    pub(crate) fn addresses(&self) -> &AddressRules {
        &self.addresses
    }

    pub(crate) fn referrers(&self) -> &ReferrerRules {
        &self.referrers
    }

    /// Whether a key of `push` makes an address of this domain a low-latency one.
    pub(crate) fn takes_low_latency_keys_of(&self, push: &Domain) -> bool {
        self.low_latency_keys_of.as_ref().is_none_or(|name| *name == push.name)
    }
}

impl From<Action> for Role {
    fn from(action: Action) -> Role {
        match action {
            Action::Push => Role::Push,
            Action::Play => Role::Play,
        }
    }
}

/// A host as domains are named: lower case, without a port, the brackets of IPv6 or the dot of an absolute name.
pub(crate) fn host_name(host: &str) -> String {
    let bare = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(rest, |(address, _)| address),
        None => match host.split_once(':') {
            // Two colons make an IPv6 address, one colon and digits a port.
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        },
    };
    bare.strip_suffix('.').unwrap_or(bare).to_ascii_lowercase()
}

impl fmt::Display for BadDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a domain is a host name or an IP address of at most {DOMAIN_MAX} characters, without scheme and path"
        )
    }
}

impl std::error::Error for BadDomain {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_compared_without_case_port_and_dot() {
        for (host, name) in [
            ("Push.Example.com", "push.example.com"),
            ("push.example.com:1935", "push.example.com"),
            ("push.example.com.", "push.example.com"),
            ("10.0.0.1:80", "10.0.0.1"),
            ("[2001:DB8::1]:80", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("", ""),
            ("[", ""),
        ] {
            assert_eq!(host_name(host), name, "{host}");
        }
    }

    #[test]
    fn a_domain_has_a_host_name() {
        let new =
            |name: &str| Domain::new(name, Role::Push, Scheme::Open).map(|domain| domain.name().to_owned());
        assert_eq!(new("Push.Example.com"), Ok("push.example.com".into()));
        assert_eq!(new("10.0.0.1"), Ok("10.0.0.1".into()));
        assert_eq!(new("[2001:DB8::1]"), Ok("2001:db8::1".into()));
        for name in ["", "rtmp://a", "a/b", "a b", "*.a", "a:b", &"a".repeat(254)] {
            assert_eq!(new(name), Err(BadDomain), "{name}");
        }
    }
}
