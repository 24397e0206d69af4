//! Keys, in a type that cannot be printed.

use std::fmt;

/// A key or another secret text. It has no `Display`, and its `Debug` shows that it is there and nothing else.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// Whether there is nothing in it: such a key signs nothing and grants nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text itself, for the formulas.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The two generations of a domain's key. Both are accepted, so that a key can be replaced without a minute in which
/// addresses that are already out stop working; new addresses are signed with the main one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Keys {
    /// The key that signs.
    pub main: Option<Secret>,
    /// The key of yesterday, or of tomorrow.
    pub backup: Option<Secret>,
}

impl Keys {
    /// One key and no second one.
    pub fn one(main: impl Into<String>) -> Keys {
        Keys { main: Some(Secret::new(main)), backup: None }
    }

    /// Both generations.
    pub fn both(main: impl Into<String>, backup: impl Into<String>) -> Keys {
        Keys { main: Some(Secret::new(main)), backup: Some(Secret::new(backup)) }
    }

    /// The keys that count, main first. An empty text is no key: whoever leaves a line of the configuration empty
    /// must not thereby make `md5("" + stream)` a valid signature.
    pub(crate) fn usable(&self) -> impl Iterator<Item = &Secret> {
        self.main.iter().chain(self.backup.iter()).filter(|key| !key.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_never_shows_a_key() {
        let keys = Keys::both("swordfish", "trout");
        let text = format!("{keys:?} {:?}", Secret::new("swordfish"));
        assert!(!text.contains("swordfish") && !text.contains("trout"), "{text}");
        assert!(text.contains("***"));
    }

    #[test]
    fn an_empty_key_is_no_key() {
        assert_eq!(Keys::both("", "").usable().count(), 0);
        assert_eq!(Keys::both("", "b").usable().count(), 1);
        assert_eq!(Keys::default().usable().count(), 0);
    }
}
