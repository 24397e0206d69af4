//! Texts and numbers with a form, so that the document says what is taken. The code that uses a value judges it all the same: what a
//! schema cannot say is a bound in bytes, and a character beyond the first plane that cannot be seen.

use serde_json::{Value, json};

use super::shape::{Schemas, Shape};

/// Control characters, as they stand in a class of a regular expression.
const CONTROL: &str = r"\u0000-\u001f\u007f-\u009f";

/// Spaces of all sorts, in the same way.
const SPACE: &str = r"\u0020\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000";

/// What else cannot be seen: see [`control::person::is_invisible`].
const INVISIBLE: &str = r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb";

macro_rules! texts {
    ($($(#[doc = $doc:literal])* $name:ident = $schema:expr;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, serde::Deserialize)]
        #[serde(transparent)]
        pub(super) struct $name(pub(super) String);

        impl Shape for $name {
            fn schema(_known: &mut Schemas) -> Value {
                $schema
            }
        }
    )*};
}

texts! {
    /// The id of a user.
    UserId = user_id();
    /// The name of a person.
    PersonName = json!({"type": "string", "maxLength": control::person::NAME_MAX});
    /// The picture of a person; empty: none.
    Avatar = {
        let plain = format!("[^{CONTROL}{SPACE}{INVISIBLE}\"'<>\\\\`]");
        json!({"type": "string", "maxLength": control::person::AVATAR_MAX, "pattern": format!("^(https?://[A-Za-z0-9]{plain}*)?$")})
    };
    /// An http or https address that a page may show; empty: none.
    Web = {
        let plain = format!("[^{CONTROL}{SPACE}\"'<>\\\\`]");
        json!({"type": "string", "maxLength": control::room::message::URL_MAX, "pattern": format!("^(https?://{plain}*)?$")})
    };
    /// A page, or a mini-program's path.
    Link = json!({"type": "string", "maxLength": 1_024, "pattern": format!("^[^{CONTROL}]*$")});
    /// The id of a room.
    RoomId = json!({"type": "string", "pattern": format!("^[A-Za-z0-9_-]{{1,{}}}$", control::room::ID_MAX)});
    /// The id of goods.
    GoodsId = json!({"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$"});
    /// APP/STREAM.
    StreamPath = json!({"type": "string", "pattern": "^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,254}$"});
    /// What is said: lines of text.
    Words = {
        let plain = r"[^\u0000-\u0009\u000b-\u001f\u007f-\u009f]*";
        json!({"type": "string", "minLength": 1, "maxLength": control::room::message::TEXT_MAX, "pattern": format!("^{plain}[^{CONTROL}{SPACE}]{plain}$")})
    };
    /// The name of a kind of the operator's own.
    CustomName = json!({"type": "string", "pattern": format!("^[A-Za-z0-9_.-]{{1,{}}}$", control::room::message::NAME_MAX)});
    /// A spelling in Latin letters, a space between syllables.
    Pinyin = json!({"type": "string", "maxLength": 64, "pattern": "^[A-Za-z]+( [A-Za-z]+)*$"});
    /// A moment, as RFC 3339 writes it, or in seconds since 1970; empty: none.
    When = json!({"type": "string", "anyOf": [{"format": "date-time"}, {"pattern": "^[0-9]{0,10}$"}]});
    /// An IP address.
    Address = json!({"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]});
}

/// The schema of a user's id: 64 bytes, which are so many characters of ASCII and at least 16 of any.
pub(super) fn user_id() -> Value {
    json!({"type": "string", "pattern": format!("^([!-~]{{1,64}}|[^{CONTROL}{SPACE}{INVISIBLE}]{{1,16}})$")})
}

/// One line of text of at most so many characters, in which there is something to read.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(transparent)]
pub(super) struct Line<const MAX: usize>(pub(super) String);

impl<const MAX: usize> Shape for Line<MAX> {
    fn schema(_known: &mut Schemas) -> Value {
        let seen = format!("^[^{CONTROL}]*[^{CONTROL}{SPACE}][^{CONTROL}]*$");
        json!({"type": "string", "minLength": 1, "maxLength": MAX, "pattern": seen})
    }
}

/// A whole number within bounds.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(transparent)]
pub(super) struct Within<const MIN: u32, const MAX: u32>(super::shape::Whole);

impl<const MIN: u32, const MAX: u32> Within<MIN, MAX> {
    /// The number, if it is within them.
    pub(super) fn get(self) -> Option<u32> {
        u32::try_from(self.0.0).ok().filter(|number| (MIN..=MAX).contains(number))
    }
}

impl<const MIN: u32, const MAX: u32> Shape for Within<MIN, MAX> {
    fn schema(_known: &mut Schemas) -> Value {
        json!({"type": "integer", "minimum": MIN, "maximum": MAX})
    }
}
