//! From the configured rules to the authority that decides by them.

use anyhow::Context as _;
use control::address::{AddressRules, Network};
use control::compat::{Aliyun, Credential, Huawei, HuaweiForm, Qiniu, Tencent};
use control::referrer::{ReferrerRules, Site};
use control::{Authority, Keys};

use super::{Config, Role, Rules, Scheme};
use crate::secrets::{Secret, Secrets};

/// What the domains of `[push]` and `[play]` are called: nobody asks at a host of this name, and they answer at every
/// host without a section of its own.
const ANY_HOST: &str = "default";

impl Config {
    /// Who may push and play what, with the generated keys where none is configured.
    pub fn authority(&self, secrets: &Secrets) -> anyhow::Result<Authority> {
        let mut authority = Authority::new();
        authority.set_strict(self.server.strict_hosts);
        for (section, role, rules) in [("[push]", Role::Push, &self.push), ("[play]", Role::Play, &self.play)]
        {
            authority.add_default(domain(ANY_HOST, role, rules, secrets).with_context(|| section)?);
        }
        for section in &self.domain {
            let made = domain(&section.name, section.role, &section.rules, secrets);
            authority.add(made.with_context(|| format!("[[domain]] {}", section.name))?);
        }
        for forbid in &self.forbid {
            let place = || format!("[[forbid]] {}/{}", forbid.app, forbid.stream);
            let until = forbid.until_unix().with_context(place)?;
            authority.forbid(&forbid.app, &forbid.stream, until, &forbid.reason).with_context(place)?;
        }
        Ok(authority)
    }
}

fn domain(name: &str, role: Role, rules: &Rules, secrets: &Secrets) -> anyhow::Result<control::Domain> {
    let (role, generated) = match role {
        Role::Push => (control::Role::Push, &secrets.push_key),
        Role::Play => (control::Role::Play, &secrets.play_key),
    };
    let networks =
        |texts: &[String]| texts.iter().map(|text| text.parse::<Network>()).collect::<Result<_, _>>();
    let addresses = AddressRules { allow: networks(&rules.allow_ips)?, deny: networks(&rules.deny_ips)? };
    let allow = rules.referrers.iter().map(|text| text.parse::<Site>()).collect::<Result<_, _>>()?;
    let referrers = ReferrerRules { allow, allow_empty: rules.referrers_allow_empty };
    let domain = control::Domain::new(name, role, scheme(rules, generated))?;
    Ok(domain.with_addresses(addresses).with_referrers(referrers))
}

fn scheme(rules: &Rules, generated: &Secret) -> control::Scheme {
    let main = if rules.key.is_empty() { generated } else { &rules.key };
    let main = control::Secret::new(main.expose());
    let backup = (!rules.backup_key.is_empty()).then(|| control::Secret::new(rules.backup_key.expose()));
    let validity = rules.validity_seconds;
    let huawei = |form, keys| control::Scheme::Huawei(Huawei { form, keys, validity });
    let keys = Keys { main: Some(main.clone()), backup: backup.clone() };
    match rules.scheme {
        Scheme::Open => control::Scheme::Open,
        Scheme::Tencent => {
            control::Scheme::Tencent(Tencent { keys, auth_delta: validity, ..Tencent::default() })
        }
        Scheme::Aliyun => control::Scheme::Aliyun(Aliyun { keys, validity }),
        Scheme::HuaweiA => huawei(HuaweiForm::A, keys),
        Scheme::HuaweiB => huawei(HuaweiForm::B, keys),
        Scheme::HuaweiD => huawei(HuaweiForm::D, keys),
        Scheme::Qiniu => {
            let credential = |secret_key| Credential { access_key: rules.access_key.clone(), secret_key };
            control::Scheme::Qiniu(Qiniu { main: Some(credential(main)), backup: backup.map(credential) })
        }
    }
}
