//! The authority: all domains and the forbid list, and the one decision.

use std::collections::BTreeMap;

use crate::compat;
use crate::domain::{Domain, Role, host_name};
use crate::forbid::{ForbidError, Forbidden, List};
use crate::grant::{Grant, Identity, Profile};
use crate::name;
use crate::query::Query;
use crate::refusal::Refusal;
use crate::request::{Action, Request};

/// Parameters that name the domain when the host does not, as clients at a raw address use them (Tencent, SRS).
const DOMAIN_PARAMETERS: [&str; 2] = ["domain", "vhost"];

/// The parameter that asks for a way of being served: `profile=rtc` or `profile=live`.
const PROFILE_PARAMETER: &str = "profile";

/// Who may push and play what on this server. An empty one refuses everybody.
#[derive(Debug, Clone, Default)]
pub struct Authority {
    domains: BTreeMap<(Role, String), Domain>,
    default_push: Option<String>,
    default_play: Option<String>,
    strict: bool,
    forbidden: List,
}

impl Authority {
    /// An authority without domains.
    pub fn new() -> Authority {
        Authority::default()
    }

    /// Adds a domain. It replaces the one with the same name and role, which is returned.
    pub fn add(&mut self, domain: Domain) -> Option<Domain> {
        self.domains.insert((domain.role(), domain.name().to_owned()), domain)
    }

    /// Adds a domain that also answers hosts which are no domain: raw addresses, `localhost`, nothing at all.
    pub fn add_default(&mut self, domain: Domain) -> Option<Domain> {
        match domain.role() {
            Role::Push => self.default_push = Some(domain.name().to_owned()),
            Role::Play => self.default_play = Some(domain.name().to_owned()),
        }
        self.add(domain)
    }

    /// In strict mode the defaults answer to their own names only and unknown hosts are refused.
    pub fn set_strict(&mut self, strict: bool) {
        self.strict = strict;
    }

    /// All domains, by role and name.
    pub fn domains(&self) -> impl Iterator<Item = &Domain> {
        self.domains.values()
    }

    /// The domain that answers to a host: the one of that name, else the default. A refusal says whether the host
    /// is a domain of the other role, because that is a mix-up which people can put right themselves.
    pub fn domain(&self, role: Role, host: &str) -> Result<&Domain, Refusal> {
        let (default, other, action) = match role {
            Role::Push => (&self.default_push, Role::Play, Action::Push),
            Role::Play => (&self.default_play, Role::Push, Action::Play),
        };
        let host = host_name(host);
        let default = default.as_deref().filter(|_| !self.strict);
        let found = self.named(role, &host).or_else(|| self.named(role, default?));
        found.ok_or_else(|| match self.named(other, &host) {
            Some(_) => Refusal::WrongRole(action),
            None => Refusal::UnknownDomain,
        })
    }

    /// Decides. `unix_seconds` is the time now.
    ///
    /// The domain is the one that the `domain` or `vhost` parameter names, if there is such a domain of this role,
    /// else the one of the host, else the default. The `profile` parameter asks for a profile; without it a
    /// low-latency address means [`Profile::Rtc`] and every other one [`Profile::Live`].
    ///
    /// Playing a forbidden stream is refused like pushing it: a player that held on would be waiting for a publisher
    /// who may not come. Viewers who are watching already are not this crate's to end.
    pub fn authorize(&self, request: &Request<'_>, unix_seconds: i64) -> Result<Grant, Refusal> {
        let role = Role::from(request.action);
        let domain = self.domain(role, self.host(role, request))?;
        if !domain.addresses().admit(request.peer) {
            return Err(Refusal::AddressRefused);
        }
        if !domain.referrers().admit(request.referrer) {
            return Err(Refusal::ReferrerRefused);
        }
        name::check(request.app, request.stream).map_err(Refusal::BadName)?;
        let low_latency = self.verify(domain, request, unix_seconds)?;
        if let Some(reason) = self.forbidden.reason(request.app, request.stream, unix_seconds) {
            // The reason is addressed to whoever pushes, not to the audience.
            let reason = if request.action == Action::Push { reason } else { "" };
            return Err(Refusal::Forbidden(request.action, reason.to_owned()));
        }
        Ok(Grant {
            app: request.app.to_owned(),
            stream: request.stream.to_owned(),
            identity: Identity::new(domain.name(), request.app, request.stream),
            profile: asked_profile(request.query).unwrap_or(low_latency),
            domain: domain.name().to_owned(),
        })
    }

    /// Puts a stream on the forbid list, until (and without) the second `until`. It holds for every domain and
    /// protocol, and replaces an earlier entry.
    pub fn forbid(&mut self, app: &str, stream: &str, until: i64, reason: &str) -> Result<(), ForbidError> {
        self.forbidden.forbid(app, stream, until, reason)
    }

    /// Takes a stream off the forbid list. Returns whether it was on it.
    pub fn resume(&mut self, app: &str, stream: &str) -> bool {
        self.forbidden.resume(app, stream)
    }

    /// The reason why a stream is forbidden now, which may be empty; none when it is not.
    pub fn forbidden_because(&self, app: &str, stream: &str, unix_seconds: i64) -> Option<&str> {
        self.forbidden.reason(app, stream, unix_seconds)
    }

    /// The streams that are forbidden now, by name.
    pub fn forbidden(&self, unix_seconds: i64) -> Vec<Forbidden> {
        self.forbidden.listing(unix_seconds)
    }

    /// Forgets the entries of the forbid list that are over. They are without effect either way; this makes room.
    pub fn expire(&mut self, unix_seconds: i64) {
        self.forbidden.expire(unix_seconds);
    }

    /// Checks the signature and says which profile it means.
    fn verify(&self, domain: &Domain, request: &Request<'_>, now: i64) -> Result<Profile, Refusal> {
        let own = domain.scheme().verify(request, domain.role(), now);
        if domain.role() == Role::Push || own == Err(Refusal::NoKeys) {
            return own.map(|()| Profile::Live);
        }
        if own.is_ok() && !domain.scheme().is_open() {
            return Ok(Profile::Live);
        }
        let mut push_domains = self.domains.values().filter(|other| other.role() == Role::Push);
        if push_domains.any(|push| compat::is_low_latency(domain, push, request, now)) {
            return Ok(Profile::Rtc);
        }
        own.map(|()| Profile::Live)
    }

    fn host<'a>(&self, role: Role, request: &Request<'a>) -> &'a str {
        let mut named = DOMAIN_PARAMETERS.into_iter().filter_map(|parameter| request.query.get(parameter));
        named.find(|host| self.named(role, &host_name(host)).is_some()).unwrap_or(request.host)
    }

    fn named(&self, role: Role, name: &str) -> Option<&Domain> {
        self.domains.get(&(role, name.to_owned()))
    }
}

fn asked_profile(query: &Query) -> Option<Profile> {
    match query.get(PROFILE_PARAMETER)? {
        "rtc" => Some(Profile::Rtc),
        "live" => Some(Profile::Live),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
