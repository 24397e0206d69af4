//! Why there is no certificate, and what to do about it.

use instant_acme::{Error, Problem};

use super::client::Unanswered;

/// Longest part of what an authority says that is passed on, in characters.
const SAID_MAX: usize = 400;

/// Whose fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// The authority was not reached or did not speak ACME.
    Authority,
    /// It could not connect to port 80 of a name.
    Connection,
    /// It found no address of a name.
    Dns,
    /// Something else than this server answered it.
    Unauthorized,
    /// The name's own records forbid this authority.
    Caa,
    /// Too many orders.
    RateLimited,
    /// It does not know the account.
    Account,
    /// It does not want to, for a reason that it tells.
    Refused,
    /// It is here.
    Local,
}

/// An order that came to nothing.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) reason: Reason,
    /// The name that it is about.
    domain: Option<String>,
    /// What was said about it, in one line.
    pub(super) said: String,
}

impl Failure {
    /// One that was found here.
    pub(super) fn new(reason: Reason, said: impl AsRef<str>) -> Failure {
        Failure { reason, domain: None, said: one_line(said.as_ref()) }
    }

    /// About this name.
    pub(super) fn about(self, domain: &str) -> Failure {
        Failure { domain: Some(one_line(domain)), ..self }
    }

    /// The label of the metric.
    pub(super) fn label(&self) -> &'static str {
        match self.reason {
            Reason::Authority => "authority",
            Reason::Connection => "connection",
            Reason::Dns => "dns",
            Reason::Unauthorized => "unauthorized",
            Reason::Caa => "caa",
            Reason::RateLimited => "rate_limited",
            Reason::Account | Reason::Refused => "refused",
            Reason::Local => "local",
        }
    }

    /// What the operator should do.
    pub(super) fn advice(&self) -> String {
        let name = self.domain.as_deref().unwrap_or("a name in acme.domains");
        match self.reason {
            Reason::Authority => {
                "the authority was not reached: look at the network, acme.directory and acme.ca_file"
                    .to_owned()
            }
            Reason::Connection => format!(
                "the authority could not connect to port 80 of {name}: the name must point to this server, and port 80 \
                 must be let through to acme.http_listen (firewall, security group, NAT)"
            ),
            Reason::Dns => {
                format!("the authority found no address of {name}: point its A or AAAA record to this server")
            }
            Reason::Unauthorized => format!(
                "something else answered at http://{name}/.well-known/acme-challenge/: the name points to another \
                 server, or a proxy in front of this one keeps the path to itself"
            ),
            Reason::Caa => {
                format!("a CAA record of {name} forbids this authority: change it, or acme.directory")
            }
            Reason::RateLimited => {
                "the authority's rate limit is reached, and waiting is all that helps; for trials set \
                 acme.directory to its staging address"
                    .to_owned()
            }
            Reason::Account => {
                "the authority does not know the account any more; the next try makes a new one".to_owned()
            }
            Reason::Refused => {
                "the authority refused, and says why: mend acme.domains or acme.email, or take another \
                 acme.directory"
                    .to_owned()
            }
            Reason::Local => "the certificate could not be used here".to_owned(),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        match &error {
            Error::Api(problem) => problem.into(),
            Error::Other(other) if other.is::<Unanswered>() => {
                Failure::new(Reason::Authority, other.to_string())
            }
            Error::Timeout(_) | Error::Json(_) | Error::Str(_) => {
                Failure::new(Reason::Authority, error.to_string())
            }
            _ => Failure::new(Reason::Local, error.to_string()),
        }
    }
}

impl From<&Problem> for Failure {
    fn from(problem: &Problem) -> Failure {
        let kind = problem.r#type.as_deref().unwrap_or_default();
        let reason = match kind.strip_prefix("urn:ietf:params:acme:error:").unwrap_or(kind) {
            "connection" | "tls" => Reason::Connection,
            "dns" => Reason::Dns,
            "unauthorized" | "incorrectResponse" => Reason::Unauthorized,
            "caa" => Reason::Caa,
            "rateLimited" => Reason::RateLimited,
            "accountDoesNotExist" => Reason::Account,
            "serverInternal" => Reason::Authority,
            _ => Reason::Refused,
        };
        Failure::new(reason, problem.to_string())
    }
}

/// The authority's words are from outside: they stay on one line, within bounds.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SAID_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_is_told_what_to_mend() {
        for (kind, label, word) in [
            ("connection", "connection", "port 80 of live.test"),
            ("dns", "dns", "A or AAAA record"),
            ("unauthorized", "unauthorized", "http://live.test/.well-known/acme-challenge/"),
            ("caa", "caa", "CAA record"),
            ("rateLimited", "rate_limited", "staging"),
            ("serverInternal", "authority", "acme.directory"),
            ("rejectedIdentifier", "refused", "acme.domains"),
        ] {
            let problem = Problem {
                r#type: Some(format!("urn:ietf:params:acme:error:{kind}")),
                detail: Some("it is so".to_owned()),
                status: None,
                subproblems: Vec::new(),
            };
            let failure = Failure::from(Error::Api(problem)).about("live.test");
            assert_eq!(failure.label(), label);
            assert!(failure.advice().contains(word), "{}", failure.advice());
            assert!(failure.said.contains("it is so"), "{}", failure.said);
        }
    }

    #[test]
    fn what_an_authority_says_cannot_break_the_log() {
        let text = format!("a\nb\u{1b}[31m{}", "x".repeat(10_000));
        let said = Failure::new(Reason::Refused, text).said;
        assert!(said.starts_with("a b [31m") && said.chars().count() == SAID_MAX);
    }
}
