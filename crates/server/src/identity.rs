//! Who somebody is: tokens that the operator's backend signs, and guests.
//!
//! ```text
//! a.b.c (JWT)    ──► the key of its kid, pinned to one algorithm ──► claims ──┐
//! eJ... (UserSig) ──► the keys of its app ──────────────────────────► id ─────┼──► Verified: person, room, until
//! guest. ...      ──► the seal of this server ──────────────────────► id ─────┘
//! ```
//!
//! - A key is looked up in the configuration and nowhere else, and decides the algorithm.
//! - A token makes nobody more than its key may (`max_role`); who runs the server has a key of the API and no token.
//! - Nothing is stored: a token is good until its end, and no longer than its key is configured.

pub mod compat;
mod guest;
mod jwt;
mod key;
mod refusal;
#[cfg(test)]
mod tests;

pub use jwt::{SKEW_SECONDS, TOKEN_MAX};
pub use key::{SECRET_MIN, public_key};
pub use refusal::Refusal;

use anyhow::Context as _;
use control::Keys;
use control::person::{Person, Role};

use crate::config::Config;
use crate::secrets::Secrets;
use guest::Guests;
use jwt::{Claims, Token};
use key::Key;

/// What the generated key is called; no key of the configuration can be.
pub const OWN_KEY: &str = "weir";

/// Longest name of a key that a refusal repeats, in characters.
const KID_SHOWN_MAX: usize = 64;

const SECONDS_A_DAY: i64 = 86_400;

/// Checks tokens and makes them.
#[derive(Debug)]
pub struct Identity {
    keys: Vec<Key>,
    apps: Vec<(u64, Keys)>,
    guests: Option<Guests>,
    audience: String,
}

/// Somebody whose token was found good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Who.
    pub person: Person,
    /// The one room that the token is good for; none: all.
    pub room: Option<String>,
    /// The last second in which it is good, since 1970.
    pub until: i64,
    /// Who says so.
    pub by: By,
}

/// Who says who somebody is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// The key of this name.
    Key(String),
    /// The backend of this app.
    App(u64),
    /// This server, which made a guest.
    Guest,
}

/// A token that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish<'a> {
    /// For whom.
    pub person: Person,
    /// For one room only.
    pub room: Option<&'a str>,
    /// The last second in which it is good.
    pub until: i64,
    /// A UserSig for this app, which has no place for anything but an id.
    pub app: Option<u64>,
}

impl Identity {
    /// As a configuration says. It reads the files of public keys.
    pub fn new(config: &Config, secrets: &Secrets) -> anyhow::Result<Identity> {
        let mut keys = Vec::new();
        if !secrets.user_key.is_empty() {
            keys.push(Key::shared(OWN_KEY, secrets.user_key.expose(), Role::Host));
        }
        for section in &config.user_key {
            keys.push(Key::configured(section).with_context(|| format!("[[user_key]] {}", section.kid))?);
        }
        let app = |app: &crate::config::UserSigApp| {
            let backup = (!app.backup_key.is_empty()).then(|| control::Secret::new(app.backup_key.expose()));
            (app.sdk_app_id, Keys { main: Some(control::Secret::new(app.key.expose())), backup })
        };
        let life = i64::from(config.identity.guest_days) * SECONDS_A_DAY;
        Ok(Identity {
            keys,
            apps: config.usersig.iter().map(app).collect(),
            guests: config.identity.guests.then(|| Guests::new(secrets, life)).transpose()?,
            audience: config.identity.audience.clone(),
        })
    }

    /// Who holds this token, at `now`.
    pub fn verify(&self, token: &str, now: i64) -> Result<Verified, Refusal> {
        if token.len() > TOKEN_MAX {
            return Err(Refusal::TooLong);
        }
        if Guests::looks_like(token) {
            let guests = self.guests.as_ref().ok_or(Refusal::NoGuests)?;
            return Ok(verified(guests.verify(token, now)?, By::Guest));
        }
        if jwt::looks_like(token) {
            let token = Token::parse(token)?;
            let key = self.key(token.kid.as_deref())?;
            key.verify(&token.algorithm, token.signed, &token.signature)?;
            let claims = token.claims(&self.audience, key.max_role, now)?;
            return Ok(verified(claims, By::Key(key.kid.clone())));
        }
        if compat::usersig::looks_like(token) {
            let (claims, app) = compat::usersig::verify(token, |app| self.app(app), now)?;
            return Ok(verified(claims, By::App(app)));
        }
        Err(Refusal::NotAToken)
    }

    /// The guest who holds a token, with one that is good for longer where it is time for that; somebody new without one, or
    /// with one that is no longer good.
    pub fn guest(&self, held: Option<&str>, now: i64) -> anyhow::Result<Result<(Verified, String), Refusal>> {
        let Some(guests) = &self.guests else { return Ok(Err(Refusal::NoGuests)) };
        let known = held.and_then(|token| guests.renew(token, now).ok());
        let (claims, token) = known.map_or_else(|| guests.issue(now), Ok)?;
        Ok(Ok((verified(claims, By::Guest), token)))
    }

    /// A token for somebody, signed with the generated key, or else with the first that can sign.
    pub fn issue(&self, wish: &Wish<'_>, now: i64) -> Result<String, Refusal> {
        if let Some(app) = wish.app {
            let keys = self.app(app).ok_or(Refusal::UnknownApp(app))?;
            return compat::usersig::write(&wish.person.id, app, keys, now, wish.until)
                .ok_or(Refusal::UnknownApp(app));
        }
        let allowed = |key: &&Key| key.signs() && key.max_role >= wish.person.role;
        let key = self.keys.iter().find(allowed).ok_or(Refusal::RoleNotAllowed(wish.person.role))?;
        self.sign(key, wish, now)
    }

    /// A token for somebody, signed with the key of this name.
    pub fn issue_by(&self, kid: &str, wish: &Wish<'_>, now: i64) -> Result<String, Refusal> {
        let key = self.keys.iter().find(|key| key.kid == kid && key.signs());
        let key = key.ok_or_else(|| Refusal::UnknownKey(kid.to_owned()))?;
        if key.max_role < wish.person.role {
            return Err(Refusal::RoleNotAllowed(wish.person.role));
        }
        self.sign(key, wish, now)
    }

    /// The key that a token names. One without a name is of the only key of the configuration, or of the generated one where
    /// there is no other.
    fn key(&self, kid: Option<&str>) -> Result<&Key, Refusal> {
        if let Some(kid) = kid {
            let known = self.keys.iter().find(|key| key.kid == kid);
            return known.ok_or_else(|| Refusal::UnknownKey(kid.chars().take(KID_SHOWN_MAX).collect()));
        }
        let configured: Vec<&Key> = self.keys.iter().filter(|key| key.kid != OWN_KEY).collect();
        match (configured.as_slice(), self.keys.as_slice()) {
            ([one], _) => Ok(one),
            ([], [one]) => Ok(one),
            _ => Err(Refusal::NoKeyId),
        }
    }

    fn sign(&self, key: &Key, wish: &Wish<'_>, now: i64) -> Result<String, Refusal> {
        if wish.room.is_some_and(|room| control::person::check_id(room).is_err()) {
            return Err(Refusal::BadClaim("room"));
        }
        let claims =
            Claims { person: wish.person.clone(), room: wish.room.map(str::to_owned), until: wish.until };
        let sign = |signed: &[u8]| key.sign(signed).unwrap_or_default();
        Ok(jwt::write(("HS256", &key.kid), &self.audience, &claims, now, sign))
    }

    fn app(&self, app: u64) -> Option<&Keys> {
        self.apps.iter().find(|(known, _)| *known == app).map(|(_, keys)| keys)
    }
}

fn verified(claims: Claims, by: By) -> Verified {
    Verified { person: claims.person, room: claims.room, until: claims.until, by }
}
