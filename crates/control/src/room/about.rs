//! What is known of a room that nobody has to be in for: its description.

use super::message::Author;
use super::settings::Settings;
use super::show::State;
use crate::person::Role;

/// Longest title, in characters.
pub const TITLE_MAX: usize = 128;

/// Most people of a room's crew besides its host.
pub const CREW_MAX: usize = 50;

/// Most bytes of what the operator keeps with a room.
pub const CUSTOM_MAX: usize = 4 * 1024;

/// Farthest that a show may be planned ahead, in milliseconds: a year.
pub const AHEAD_MAX_MS: i64 = 366 * 24 * 3_600 * 1_000;

/// A room's description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// A picture before the show, as an address; empty: none.
    pub cover: String,
    /// A picture for whoever passes it on, as an address; empty: the cover.
    pub share_image: String,
    /// Whose show it is.
    pub host: Host,
    /// Who else is on the host's side, and as what.
    pub crew: Vec<(String, Role)>,
    /// The stream that is its picture, as `app/stream`.
    pub stream: String,
    /// Where the show is.
    pub state: State,
    /// When it is to begin, in milliseconds since 1970.
    pub starts_ms: Option<i64>,
    /// From when on it may be pushed to.
    pub valid_from_ms: Option<i64>,
    /// Until when it may be pushed to; then it ends.
    pub valid_until_ms: Option<i64>,
    /// When it went on air first.
    pub live_ms: Option<i64>,
    /// When it ended.
    pub ended_ms: Option<i64>,
    /// When it was made.
    pub created_ms: i64,
    /// Its rules.
    pub settings: Settings,
    /// The pinned message.
    pub pinned: Option<u64>,
    /// Whatever the operator keeps with it: JSON text.
    pub custom: String,
}

/// Whose show it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Host {
    /// Who, as in tokens.
    pub id: String,
    /// Under which name.
    pub name: String,
    /// With which picture.
    pub avatar: String,
}

impl About {
    /// What somebody is in this room: what their token says, or more if the room says so.
    pub fn role_of(&self, user: &str, token: Role) -> Role {
        let crew = self.crew.iter().find(|(id, _)| id == user).map(|(_, role)| *role);
        let host = (self.host.id == user && !user.is_empty()).then_some(Role::Host);
        host.into_iter().chain(crew).chain([token]).max().unwrap_or(token)
    }

    /// Everybody whom the other description makes something else; some may be named twice.
    pub fn whose_role_is_other_in<'a>(&'a self, other: &'a About) -> impl Iterator<Item = &'a str> {
        let crew = |about: &'a About| {
            about.crew.iter().map(|(user, _)| user.as_str()).chain([about.host.id.as_str()])
        };
        let role = |about: &About, user: &str| about.role_of(user, Role::Viewer);
        crew(self).chain(crew(other)).filter(move |user| role(self, user) != role(other, user))
    }

    /// Whether it may be pushed to at this time.
    pub fn is_valid_at(&self, unix_ms: i64) -> bool {
        self.valid_from_ms.is_none_or(|from| from <= unix_ms) && !self.is_over_at(unix_ms)
    }

    /// Whether its time is up.
    pub fn is_over_at(&self, unix_ms: i64) -> bool {
        self.valid_until_ms.is_some_and(|until| until <= unix_ms)
    }
}

impl From<&Host> for Author {
    fn from(host: &Host) -> Author {
        Author { id: host.id.clone(), name: host.name.clone(), avatar: host.avatar.clone(), role: Role::Host }
    }
}
