//! What is said and what happens in a room.

use std::sync::Arc;

use super::show::State;
use crate::person::{ID_MAX, Role};

/// Longest id that a client gives its message, in bytes.
pub const CID_MAX: usize = ID_MAX;

/// Longest text, in characters, whatever a room allows.
pub const TEXT_MAX: usize = 2_000;

/// Longest address of a picture, in bytes.
pub const URL_MAX: usize = 1_024;

/// Most bytes of what a custom message carries.
pub const CUSTOM_MAX: usize = 12 * 1024;

/// Longest name of a custom message's kind, in bytes.
pub const NAME_MAX: usize = 64;

/// Most people whom one message names.
pub const MENTIONS_MAX: usize = 10;

/// How much a message matters: when there is too much, the last go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The state of the show, moderation. Goes out at once.
    Control,
    /// What was paid for, or is pinned, or comes from the host's side.
    Order,
    /// What people say.
    Chat,
    /// Likes, comings and goings: summed up.
    Ambient,
}

/// Somebody as they were when they spoke: a later change of name does not reach what was said before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// Who.
    pub id: String,
    /// Under which name.
    pub name: String,
    /// With which picture; empty: none.
    pub avatar: String,
    /// As what.
    pub role: Role,
}

/// A message with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its number in the room: one more than that of the message before, within an epoch.
    pub seq: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Where the show was then, in milliseconds of its stream; none when it was not on air.
    pub media_ms: Option<i64>,
    /// Who said it; none: the room itself.
    pub from: Option<Arc<Author>>,
    /// What its client calls it.
    pub cid: String,
    /// The number of the message that it answers.
    pub reply_to: Option<u64>,
    /// Whom it names.
    pub mentions: Vec<String>,
    /// What it is.
    pub body: Body,
}

/// What a message is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Plain text, not markup: pages escape it.
    Text(String),
    /// A picture that is somewhere else.
    Image(Image),
    /// Whatever the operator's pages agree on.
    Custom(Custom),
    /// A gift that is in the ledger.
    Gift(Gift),
    /// An announcement of the host's side.
    Notice(String),
    /// Something happened.
    Event(Event),
}

/// A picture by its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Where it is.
    pub url: String,
    /// In pixels; 0: not known.
    pub width: u32,
    /// In pixels; 0: not known.
    pub height: u32,
}

/// A message of a kind of the operator's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Custom {
    /// Which kind.
    pub name: String,
    /// JSON text. The room does not look into it.
    pub data: String,
}

/// A gift as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gift {
    /// Which of the catalogue.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Its picture, as an address.
    pub icon: String,
    /// How many.
    pub count: u32,
    /// How many of these this person has sent in a row, with these.
    pub combo: u32,
    /// What one costs, in the operator's smallest unit.
    pub price: u64,
    /// The number of its row in the ledger.
    pub ledger: i64,
}

/// What everybody is told of a lottery at once; the rest is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lottery {
    /// Which.
    pub id: String,
    /// Where it is: `open`, `drawn`, `cancelled`.
    pub state: String,
    /// The hash of its seed, known from the opening on.
    pub commitment: String,
}

/// Something that happened in a room and that everybody in it is to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The show began, broke off, went on or ended.
    State(State),
    /// This message is pinned, or none is.
    Pinned(Option<u64>),
    /// This message was taken back.
    Recalled(u64),
    /// Everything that somebody said was taken away; of nobody in particular: everything.
    Cleared(Option<String>),
    /// Somebody may not speak until then (milliseconds since 1970); none: for good.
    Muted(String, Option<i64>),
    /// Somebody may speak again.
    Unmuted(String),
    /// Somebody was put out.
    Removed(String),
    /// Nobody but the host's side may speak, or all may again.
    Silence(bool),
    /// The rules or the description of the room changed: title, rates, slow mode.
    Changed,
    /// The shelf changed, or what is being explained now.
    Goods(Option<String>),
    /// A lottery opened, was drawn or called off.
    Lottery(Lottery),
}

impl Event {
    /// Its name on every wire and in the database.
    pub fn word(&self) -> &'static str {
        match self {
            Event::State(_) => "state",
            Event::Pinned(_) => "pinned",
            Event::Recalled(_) => "recalled",
            Event::Cleared(_) => "cleared",
            Event::Muted(..) => "muted",
            Event::Unmuted(_) => "unmuted",
            Event::Removed(_) => "removed",
            Event::Silence(_) => "silence",
            Event::Changed => "changed",
            Event::Goods(_) => "goods",
            Event::Lottery(_) => "lottery",
        }
    }
}

impl Body {
    /// Its name on every wire and in the database.
    pub fn kind(&self) -> &'static str {
        match self {
            Body::Text(_) => "text",
            Body::Image(_) => "image",
            Body::Custom(_) => "custom",
            Body::Gift(_) => "gift",
            Body::Notice(_) => "notice",
            Body::Event(_) => "event",
        }
    }

    /// How much it matters when somebody of this role says it.
    pub fn class(&self, role: Role) -> Class {
        match self {
            Body::Event(_) => Class::Control,
            Body::Gift(_) | Body::Notice(_) => Class::Order,
            Body::Text(_) | Body::Image(_) | Body::Custom(_) if role > Role::Viewer => Class::Order,
            Body::Text(_) | Body::Image(_) | Body::Custom(_) => Class::Chat,
        }
    }

    /// What of it people read.
    pub fn text(&self) -> Option<&str> {
        match self {
            Body::Text(text) | Body::Notice(text) => Some(text),
            Body::Image(_) | Body::Custom(_) | Body::Gift(_) | Body::Event(_) => None,
        }
    }
}
