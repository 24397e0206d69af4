//! The query of an address, taken apart once for everybody.

use std::fmt;

/// Longest query, in bytes. The clouds' addresses are below 1 KiB.
pub const QUERY_MAX: usize = 4_096;

/// Most parameters.
pub const PARAMETERS_MAX: usize = 64;

/// The parameters of a query, in order, percent-decoding done exactly once.
///
/// A `+` stays a `+`: signatures are made of such characters and no client of ours sends forms. Values are text and
/// stay so: several signatures are over the very digits that the client wrote.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Query {
    parameters: Vec<(String, String)>,
}

/// Why a query was not taken. It is always the address's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadQuery {
    /// Longer than [`QUERY_MAX`].
    TooLong,
    /// More than [`PARAMETERS_MAX`] parameters.
    TooMany,
    /// A `%` without two hexadecimal digits after it.
    Escape,
    /// Not UTF-8, or a control character in it.
    Text,
}

/// A parameter that must come once came twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duplicate;

impl Query {
    /// Takes a query apart. A `?` in front is ignored.
    pub fn parse(text: &str) -> Result<Query, BadQuery> {
        if text.len() > QUERY_MAX {
            return Err(BadQuery::TooLong);
        }
        let mut parameters = Vec::new();
        let text = text.strip_prefix('?').unwrap_or(text);
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            if parameters.len() == PARAMETERS_MAX {
                return Err(BadQuery::TooMany);
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            parameters.push((decode(name)?, decode(value)?));
        }
        Ok(Query { parameters })
    }

    /// The first value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The value of a parameter that a signature depends on. Such a parameter may come once only: of two, the proxy
    /// in front and the server behind might each believe another one. An empty value counts as none.
    pub fn only(&self, name: &str) -> Result<Option<&str>, Duplicate> {
        let mut values = self.all(name);
        let first = values.next();
        if values.next().is_some() {
            return Err(Duplicate);
        }
        Ok(first.filter(|value| !value.is_empty()))
    }

    /// The names of the parameters, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parameters.iter().map(|(name, _)| name.as_str())
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.parameters.iter().filter(move |(have, _)| have == name).map(|(_, value)| value.as_str())
    }
}

/// The values of an address are rights, so only the names are shown.
impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Query")?;
        f.debug_list().entries(self.parameters.iter().map(|(name, _)| name)).finish()
    }
}

fn decode(text: &str) -> Result<String, BadQuery> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| (digit as char).to_digit(16)).ok_or(BadQuery::Escape);
        let (high, low) = (digit()?, digit()?);
        bytes.push(u8::try_from(high * 16 + low).map_err(|_| BadQuery::Escape)?);
    }
    let text = String::from_utf8(bytes).map_err(|_| BadQuery::Text)?;
    if text.chars().any(char::is_control) {
        return Err(BadQuery::Text);
    }
    Ok(text)
}

impl BadQuery {
    /// The same in Chinese.
    pub fn message_zh(self) -> String {
        match self {
            BadQuery::TooLong => format!("地址参数过长：最多 {QUERY_MAX} 字节"),
            BadQuery::TooMany => format!("地址参数过多：最多 {PARAMETERS_MAX} 个"),
            BadQuery::Escape => "地址参数中的 % 后面必须是两位十六进制数".into(),
            BadQuery::Text => "地址参数不是 UTF-8 文本，或含有控制字符".into(),
        }
    }
}

impl fmt::Display for BadQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadQuery::TooLong => write!(f, "the address's query is longer than {QUERY_MAX} bytes"),
            BadQuery::TooMany => write!(f, "the address has more than {PARAMETERS_MAX} parameters"),
            BadQuery::Escape => {
                f.write_str("a % in the address's query must be followed by two hexadecimal digits")
            }
            BadQuery::Text => {
                f.write_str("the address's query is not UTF-8, or has control characters in it")
            }
        }
    }
}

impl std::error::Error for BadQuery {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_query_is_decoded_once() {
        let query = Query::parse("?a=1&b=%2541&c&=x&&d=1=2&e=a+b&%66=%E6%88%BF").unwrap();
        assert_eq!(query.get("a"), Some("1"));
        assert_eq!(query.get("b"), Some("%41"));
        assert_eq!(query.get("c"), Some(""));
        assert_eq!(query.get(""), Some("x"));
        assert_eq!(query.get("d"), Some("1=2"));
        assert_eq!(query.get("e"), Some("a+b"));
        assert_eq!(query.get("f"), Some("房"));
        assert_eq!(query.get("g"), None);
        assert_eq!(Query::parse("").unwrap(), Query::default());
    }

    #[test]
    fn the_first_value_wins_and_signatures_want_one() {
        let query = Query::parse("a=1&a=2&b=&c=3").unwrap();
        assert_eq!(query.get("a"), Some("1"));
        assert_eq!(query.only("a"), Err(Duplicate));
        assert_eq!(query.only("b"), Ok(None));
        assert_eq!(query.only("c"), Ok(Some("3")));
        assert_eq!(query.only("d"), Ok(None));
    }

    #[test]
    fn a_broken_query_is_refused() {
        for text in ["a=%", "a=%2", "a=%zz", "%=1", "a=%+1"] {
            assert_eq!(Query::parse(text), Err(BadQuery::Escape), "{text}");
        }
        for text in ["a=%ff", "a=%00", "a=%0a", "a\n=1", "a=\u{7f}"] {
            assert_eq!(Query::parse(text), Err(BadQuery::Text), "{text}");
        }
    }

    #[test]
    fn size_and_count_are_bounded() {
        assert!(Query::parse(&"a".repeat(QUERY_MAX)).is_ok());
        assert_eq!(Query::parse(&"a".repeat(QUERY_MAX + 1)), Err(BadQuery::TooLong));
        assert!(Query::parse(&["a=1"; PARAMETERS_MAX].join("&")).is_ok());
        assert_eq!(Query::parse(&["a=1"; PARAMETERS_MAX + 1].join("&")), Err(BadQuery::TooMany));
    }

    #[test]
    fn debug_output_shows_names_only() {
        let text = format!("{:?}", Query::parse("token=swordfish").unwrap());
        assert_eq!(text, r#"Query["token"]"#);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}") {
            let _ = Query::parse(&text);
        }
    }
}
