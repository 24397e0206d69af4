//! `POST /api/v1/users/tokens`: tokens of users, for backends that do not sign themselves.

use control::compat::usersig::SDK_APP_ID_MAX;
use control::person::{self, Person};
use serde_json::json;

use super::call::{Answer, Call};
use super::shape::{Schemas, Shape, Span, shape};
use crate::http::response::Response;
use crate::identity::Wish;
use crate::time::rfc3339;

/// How long a token is good when nobody says, in seconds.
const LIFE_SECONDS: i64 = 12 * 3_600;

/// What a token makes of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Role {
    /// Watches.
    Viewer,
    /// Keeps order.
    Assistant,
    /// The show is theirs.
    Host,
}

impl Shape for Role {
    fn schema(_known: &mut Schemas) -> serde_json::Value {
        json!({"type": "string", "enum": ["viewer", "assistant", "host"]})
    }
}

/// An id of somebody, or of a room.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(transparent)]
pub(super) struct Id(String);

impl Shape for Id {
    fn schema(_known: &mut Schemas) -> serde_json::Value {
        json!({"type": "string", "minLength": 1, "maxLength": person::ID_MAX})
    }
}

/// What others see of somebody, which [`person::clean_name`] judges.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(transparent)]
pub(super) struct Name(pub(super) String);

/// The address of a picture, which [`person::check_avatar`] judges.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(transparent)]
pub(super) struct Avatar(pub(super) String);

impl Shape for Name {
    fn schema(_known: &mut Schemas) -> serde_json::Value {
        json!({"type": "string", "maxLength": person::NAME_MAX})
    }
}

impl Shape for Avatar {
    fn schema(_known: &mut Schemas) -> serde_json::Value {
        let pattern = "^(https?://[A-Za-z0-9][A-Za-z0-9._~:/?#@!$&()*+,;=%-]*)?$";
        json!({"type": "string", "maxLength": person::AVATAR_MAX, "pattern": pattern})
    }
}

/// The id of an app. To JSON `1.0` is an integer like `1`.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(try_from = "f64")]
pub(super) struct AppId(u64);

impl TryFrom<f64> for AppId {
    type Error = &'static str;

    fn try_from(number: f64) -> Result<AppId, Self::Error> {
        let fits = number.fract() == 0.0 && (1.0..=SDK_APP_ID_MAX as f64).contains(&number);
        if fits {
            Ok(AppId(number as u64))
        } else {
            Err("the id of an app is a whole number from 1 to 4294967295")
        }
    }
}

impl Shape for AppId {
    fn schema(_known: &mut Schemas) -> serde_json::Value {
        json!({"type": "integer", "minimum": 1, "maximum": SDK_APP_ID_MAX})
    }
}

shape! {
    /// For whom a token is wanted.
    in struct TokenWish {
        /// The user's id: 1 to 64 bytes of visible characters; it may not begin with `guest_`.
        user: Id,
        /// What others see.
        name: Option<Name>,
        /// The address of a picture, http or https.
        avatar: Option<Avatar>,
        /// For this room only; all rooms when left out.
        room: Option<Id>,
        /// What the user may do; `viewer` when left out.
        role: Option<Role>,
        /// How many seconds it is good for; twelve hours when left out.
        expires_in: Option<Span>,
        /// A UserSig for the app of this id, which holds the user's id and nothing else.
        usersig: Option<AppId>,
    }
}

shape! {
    /// A token.
    out struct Token {
        /// The token itself. Whoever has it is that user until its end.
        token: String,
        /// The user's id.
        user: String,
        /// When it ends.
        expires_at: String,
    }
}

/// Makes one.
pub(super) fn token(call: &Call) -> Answer {
    let wish: TokenWish = call.body()?;
    let now = call.app.clock.unix_seconds();
    let seconds = wish.expires_in.map_or(Ok(LIFE_SECONDS), Span::seconds)?;
    let role = match wish.role.unwrap_or(Role::Viewer) {
        Role::Viewer => person::Role::Viewer,
        Role::Assistant => person::Role::Assistant,
        Role::Host => person::Role::Host,
    };
    let name = wish.name.map(|name| name.0).unwrap_or_default();
    let avatar = wish.avatar.map(|avatar| avatar.0).unwrap_or_default();
    let person = Person::new(&wish.user.0, &name, &avatar, role)
        .map_err(|bad| Response::error(400, "bad_person", &bad.to_string(), &bad.message_zh()))?;
    let until = now.saturating_add(seconds);
    let room = wish.room.as_ref().map(|room| room.0.as_str());
    let wish = Wish { person, room, until, app: wish.usersig.map(|app| app.0) };
    let token = call.app.identity().issue(&wish, now).map_err(|refusal| {
        Response::error(409, refusal.code(), &refusal.message_en(), &refusal.message_zh())
    })?;
    let expires_at = rfc3339(until.saturating_mul(1_000));
    Ok(Response::json(201, &Token { token, user: wish.person.id, expires_at }))
}
