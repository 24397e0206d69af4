//! Admission: a client's wish in the words of its protocol becomes a grant, or a refusal that it can be told.

use std::net::IpAddr;
use std::sync::{PoisonError, RwLock};

use control::Authority;
use control::query::Query;
use control::request::{Action, Request};
use hub::{Identity, Name, Profile};
use tracing::warn;

use crate::clock::Clock;
use crate::config::Config;
use crate::secrets::Secrets;

/// Decides for every transport alike.
#[derive(Debug)]
pub struct Admission {
    authority: RwLock<Authority>,
    clock: Clock,
}

/// What a client asks for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// To push or to play.
    pub action: Action,
    /// The host that it asked at, without a port; empty when unknown.
    pub host: &'a str,
    /// All of the stream's path but the last part.
    pub app: &'a str,
    /// The stream.
    pub stream: &'a str,
    /// The path as the client wrote it: some signatures are over it.
    pub path: &'a str,
    /// The query as it was sent, without its `?`.
    pub query: &'a str,
    /// Where it comes from.
    pub peer: Option<IpAddr>,
    /// The page that it plays in, if it says.
    pub referrer: Option<&'a str>,
}

/// What was granted.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// The stream in the hub.
    pub name: Name,
    /// Who publishes, for takeovers.
    pub identity: Identity,
    /// How a player is served.
    pub profile: Profile,
}

/// Why not, for the client and for the log. It holds no secret and no signature.
#[derive(Debug, Clone)]
pub struct Refused {
    /// For programs.
    pub code: &'static str,
    /// For people, with what to do next.
    pub message: String,
    /// The same in Chinese.
    pub message_zh: String,
}

impl Admission {
    /// The rules of a configuration.
    pub fn new(config: &Config, secrets: &Secrets, clock: Clock) -> anyhow::Result<Admission> {
        Ok(Admission { authority: RwLock::new(config.authority(secrets)?), clock })
    }

    /// Decides at this moment.
    pub fn admit(&self, asked: &Asked<'_>) -> Result<Admitted, Refused> {
        let query = Query::parse(asked.query).map_err(|error| Refused {
            code: "bad_query",
            message: error.to_string(),
            message_zh: error.message_zh(),
        })?;
        let request = Request {
            action: asked.action,
            host: asked.host,
            app: asked.app,
            stream: asked.stream,
            path: asked.path,
            query: &query,
            peer: asked.peer,
            referrer: asked.referrer,
        };
        let authority = self.authority.read().unwrap_or_else(PoisonError::into_inner);
        match authority.authorize(&request, self.clock.unix_seconds()) {
            Ok(grant) => Ok(Admitted {
                name: Name::new(&format!("{}/{}", grant.app, grant.stream)),
                identity: Identity(grant.identity.to_string()),
                profile: match grant.profile {
                    control::Profile::Live => Profile::Live,
                    control::Profile::Rtc => Profile::Rtc,
                },
            }),
            Err(refusal) => Err(Refused {
                code: refusal.code(),
                message: refusal.message_en(),
                message_zh: refusal.message_zh(),
            }),
        }
    }

    /// Changes the rules while the server runs.
    pub fn change(&self, change: impl FnOnce(&mut Authority)) {
        change(&mut self.authority.write().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Refused {
    /// The reason in both languages, for a protocol that has one text for it.
    pub fn for_people(&self) -> String {
        format!("{} / {}", self.message, self.message_zh)
    }

    /// One line for the operator: who was refused what, and why.
    pub fn log(&self, asked: &Asked<'_>) {
        let action = match asked.action {
            Action::Push => "push",
            Action::Play => "play",
        };
        let peer = asked.peer.map(|peer| peer.to_string()).unwrap_or_default();
        warn!(
            action,
            host = asked.host,
            app = asked.app,
            stream = asked.stream,
            peer,
            code = self.code,
            reason = self.message,
            "refused"
        );
    }
}
