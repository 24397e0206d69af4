//! Who somebody is: an id, the name and picture that others see, and what they may do in a room.
//!
//! Whatever makes a [`Person`] (a token of any kind) goes through [`Person::new`], so that an id, a name or a picture that is held
//! anywhere is within its bound and can be shown as it is.

use std::fmt;

/// Longest id, in bytes.
pub const ID_MAX: usize = 64;

/// Longest name, in characters.
pub const NAME_MAX: usize = 64;

/// Longest address of a picture, in bytes.
pub const AVATAR_MAX: usize = 512;

/// What the ids of guests begin with. No token of an operator's backend may claim such an id.
pub const GUEST_PREFIX: &str = "guest_";

/// What somebody may do, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Role {
    /// Watches, and chats where the room allows it.
    #[default]
    Viewer,
    /// Keeps order for the host.
    Assistant,
    /// Is on stage with the host.
    CoHost,
    /// The room is theirs.
    Host,
    /// Runs the server.
    Operator,
}

impl Role {
    /// The roles that a token can carry. Who is on stage is the room's to say, and whoever runs the server has a key.
    pub const IN_TOKENS: [Role; 3] = [Role::Viewer, Role::Assistant, Role::Host];

    /// Its name on every wire and in the database.
    pub fn word(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Assistant => "assistant",
            Role::CoHost => "cohost",
            Role::Host => "host",
            Role::Operator => "operator",
        }
    }

    /// The role that a token means by this word.
    pub fn in_token(word: &str) -> Option<Role> {
        Role::IN_TOKENS.into_iter().find(|role| role.word() == word)
    }

    /// The role of that name.
    pub fn from_word(word: &str) -> Option<Role> {
        let all = [Role::Viewer, Role::Assistant, Role::CoHost, Role::Host, Role::Operator];
        all.into_iter().find(|role| role.word() == word)
    }
}

/// Somebody, as a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The same for the same person, always.
    pub id: String,
    /// What others are shown; empty when the token says nothing.
    pub name: String,
    /// The address of a picture, or nothing.
    pub avatar: String,
    /// What they may do.
    pub role: Role,
    /// Whether this server gave them their id, and nobody answers for them.
    pub guest: bool,
}

impl Person {
    /// Somebody with these, if they can be so called. What is invisible in a name goes; an id is taken as it is or not at all,
    /// because two ids must not become one.
    pub fn new(id: &str, name: &str, avatar: &str, role: Role) -> Result<Person, BadPerson> {
        check_id(id)?;
        if id.starts_with(GUEST_PREFIX) {
            return Err(BadPerson::GuestId);
        }
        Ok(Person {
            id: id.to_owned(),
            name: clean_name(name)?,
            avatar: check_avatar(avatar)?.to_owned(),
            role,
            guest: false,
        })
    }

    /// A guest with this id, which begins with [`GUEST_PREFIX`]; pages call nameless people guests in their own language.
    pub fn guest(id: &str) -> Result<Person, BadPerson> {
        check_id(id)?;
        if !id.starts_with(GUEST_PREFIX) {
            return Err(BadPerson::GuestId);
        }
        Ok(Person {
            id: id.to_owned(),
            name: String::new(),
            avatar: String::new(),
            role: Role::Viewer,
            guest: true,
        })
    }

    /// What to call them: the name, or else the id.
    pub fn called(&self) -> &str {
        if self.name.is_empty() { &self.id } else { &self.name }
    }
}

/// What is wrong with how somebody is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadPerson {
    /// The id is empty, too long, or holds what cannot be seen.
    Id,
    /// The id looks like a guest's and is none, or the other way round.
    GuestId,
    /// The name is too long.
    Name,
    /// The picture is no address, or too long.
    Avatar,
}

impl BadPerson {
    /// For people who read Chinese.
    pub fn message_zh(self) -> String {
        match self {
            BadPerson::Id => {
                format!("用户 id 应为 1 到 {ID_MAX} 字节的可见字符，不含空格和控制字符")
            }
            BadPerson::GuestId => format!("以 {GUEST_PREFIX} 开头的 id 只属于本服务器发给游客的身份"),
            BadPerson::Name => format!("昵称最长 {NAME_MAX} 个字符"),
            BadPerson::Avatar => {
                format!("头像应为 http:// 或 https:// 开头的地址，最长 {AVATAR_MAX} 字节，或留空")
            }
        }
    }
}

impl fmt::Display for BadPerson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadPerson::Id => write!(
                f,
                "a user id has 1 to {ID_MAX} bytes of visible characters, without spaces and control characters"
            ),
            BadPerson::GuestId => {
                write!(f, "ids that begin with {GUEST_PREFIX} belong to the guests of this server alone")
            }
            BadPerson::Name => write!(f, "a name has at most {NAME_MAX} characters"),
            BadPerson::Avatar => write!(
                f,
                "a picture is an address that begins with http:// or https://, at most {AVATAR_MAX} bytes, or empty"
            ),
        }
    }
}

impl std::error::Error for BadPerson {}

/// Whether this can be somebody's id. Vendors allow more than letters (`u_中`), so whatever can be seen is allowed.
pub fn check_id(id: &str) -> Result<(), BadPerson> {
    let seen = |c: char| !c.is_control() && !c.is_whitespace() && !is_invisible(c);
    let good = (1..=ID_MAX).contains(&id.len()) && id.chars().all(seen);
    if good { Ok(()) } else { Err(BadPerson::Id) }
}

/// A name without what cannot be seen, without spaces at its ends, and with single ones inside.
pub fn clean_name(name: &str) -> Result<String, BadPerson> {
    // What a token can hold is bounded; the cut is for callers that have no such bound.
    if name.len() > 64 * NAME_MAX {
        return Err(BadPerson::Name);
    }
    let seen = name.chars().map(|c| if c.is_whitespace() || c.is_control() { ' ' } else { c });
    let seen: String = seen.filter(|c| !is_invisible(*c)).collect();
    let clean = seen.split(' ').filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    if clean.chars().count() > NAME_MAX { Err(BadPerson::Name) } else { Ok(clean) }
}

/// An address of a picture, if it is one. Pages put it into an attribute: there is no space, quote or angle bracket in it.
pub fn check_avatar(avatar: &str) -> Result<&str, BadPerson> {
    if avatar.is_empty() {
        return Ok(avatar);
    }
    let scheme = ["https://", "http://"];
    let rest = scheme.iter().find_map(|scheme| {
        let (head, rest) = avatar.split_at_checked(scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then_some(rest)
    });
    let safe = |c: char| !c.is_control() && !c.is_whitespace() && !is_invisible(c) && !"\"'<>\\`".contains(c);
    let good = avatar.len() <= AVATAR_MAX
        && rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#', ':', '@']))
        && avatar.chars().all(safe);
    if good { Ok(avatar) } else { Err(BadPerson::Avatar) }
}

/// Characters without a picture of their own: those that turn the direction of what follows, so that a name can write over its
/// neighbours; those that let two names look the same; and fillers that look like nothing.
pub fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ids_are_what_vendors_allow_and_nothing_that_cannot_be_seen() {
        for good in
            ["a", "u_中", "oGZUI0egBJY1zhBYw2KhdUfwVJJE", "user@example.com", "a/b:c*", &"a".repeat(64)]
        {
            assert_eq!(check_id(good), Ok(()), "{good}");
        }
        for bad in
            ["", "a b", "a\n", "\u{202e}a", "a\u{200b}", "a\u{3000}b", &"a".repeat(65), &"中".repeat(22)]
        {
            assert_eq!(check_id(bad), Err(BadPerson::Id), "{bad:?}");
        }
        assert_eq!(Person::new("guest_1", "", "", Role::Viewer), Err(BadPerson::GuestId));
        assert!(Person::guest("guest_1").unwrap().guest);
        assert_eq!(Person::guest("a"), Err(BadPerson::GuestId));
    }

    #[test]
    fn names_are_cleaned_and_bounded() {
        for (name, clean) in [
            ("小红", "小红"),
            ("  a \t\n b\u{202e}c\u{200b} ", "a bc"),
            ("\u{0}\u{1b}[31m", "[31m"),
            ("", ""),
            ("\u{feff}", ""),
        ] {
            assert_eq!(clean_name(name).as_deref(), Ok(clean), "{name:?}");
        }
        assert!(clean_name(&"中".repeat(64)).is_ok());
        assert_eq!(clean_name(&"中".repeat(65)), Err(BadPerson::Name));
        let person = Person::new("a", " ", "", Role::Host).unwrap();
        assert_eq!(person.called(), "a");
    }

    #[test]
    fn a_picture_is_an_address_on_the_web() {
        for good in ["", "https://a.b/c.png?x=1", "HTTP://a", "https://例子/头像.png"] {
            assert_eq!(check_avatar(good), Ok(good));
        }
        let long = format!("https://{}", "a".repeat(AVATAR_MAX));
        for bad in [
            "javascript:alert(1)",
            "data:,",
            "https://",
            "https:///x",
            "https://a/\"x",
            "a.png",
            "https://a b",
            &long,
        ] {
            assert_eq!(check_avatar(bad), Err(BadPerson::Avatar), "{bad}");
        }
    }

    #[test]
    fn roles_are_ordered_and_a_token_carries_three_of_them() {
        assert!(Role::Viewer < Role::Assistant && Role::CoHost < Role::Host && Role::Host < Role::Operator);
        assert_eq!(Role::in_token("host"), Some(Role::Host));
        for word in ["operator", "cohost", "Host", ""] {
            assert_eq!(Role::in_token(word), None, "{word}");
        }
    }

    proptest! {
        #[test]
        fn a_name_that_was_cleaned_is_clean(name in ".{0,80}") {
            if let Ok(clean) = clean_name(&name) {
                prop_assert_eq!(clean_name(&clean), Ok(clean.clone()));
                prop_assert!(!clean.chars().any(|c| c.is_control() || is_invisible(c)));
            }
        }
    }
}
