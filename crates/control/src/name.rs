//! What an app and a stream may be called.
//!
//! Names end up in logs, lists, callbacks and one day in file names, and they come from strangers. So the alphabet is
//! closed: letters, digits, `_`, `-` and `.`, with no dot in front. That leaves no `.` and no `..`, no separator, no
//! escape, nothing a shell or a terminal understands.

use std::fmt;

/// Longest name of a stream, in bytes.
pub const STREAM_MAX: usize = 255;

/// Longest part of an app's name, in bytes.
pub const SEGMENT_MAX: usize = 64;

/// Most parts of an app's name: `a/b/c` has three.
pub const SEGMENTS_MAX: usize = 8;

/// What is wrong with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadName {
    /// The app, or one of its parts, is empty.
    AppEmpty,
    /// The app, or one of its parts, is too long, or it has too many parts.
    AppTooLong,
    /// The app has a character that names do not have.
    AppCharacter,
    /// The stream has no name.
    StreamEmpty,
    /// The stream's name is too long.
    StreamTooLong,
    /// The stream's name has a character that names do not have.
    StreamCharacter,
}

/// Checks both names of a stream.
pub fn check(app: &str, stream: &str) -> Result<(), BadName> {
    // The longest good name comes first, so that a name of a megabyte is refused without a walk over it.
    if app.len() > (SEGMENT_MAX + 1) * SEGMENTS_MAX {
        return Err(BadName::AppTooLong);
    }
    if app.split('/').count() > SEGMENTS_MAX {
        return Err(BadName::AppTooLong);
    }
    for segment in app.split('/') {
        if segment.is_empty() {
            return Err(BadName::AppEmpty);
        }
        if segment.len() > SEGMENT_MAX {
            return Err(BadName::AppTooLong);
        }
        if !is_plain(segment) {
            return Err(BadName::AppCharacter);
        }
    }
    if stream.is_empty() {
        return Err(BadName::StreamEmpty);
    }
    if stream.len() > STREAM_MAX {
        return Err(BadName::StreamTooLong);
    }
    if !is_plain(stream) {
        return Err(BadName::StreamCharacter);
    }
    Ok(())
}

fn is_plain(part: &str) -> bool {
    !part.starts_with('.') && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

impl BadName {
    /// The same in Chinese.
    pub fn message_zh(self) -> String {
        match self {
            BadName::AppEmpty => "地址中缺少应用名（AppName），或路径中有连续的斜杠".into(),
            BadName::AppTooLong => {
                format!("应用名过长：最多 {SEGMENTS_MAX} 级，每级最多 {SEGMENT_MAX} 个字符")
            }
            BadName::AppCharacter => "应用名只能包含字母、数字、_、- 和 .，且不能以 . 开头".into(),
            BadName::StreamEmpty => "地址中缺少流名称（StreamName）".into(),
            BadName::StreamTooLong => format!("流名称过长：最多 {STREAM_MAX} 个字符"),
            BadName::StreamCharacter => "流名称只能包含字母、数字、_、- 和 .，且不能以 . 开头".into(),
        }
    }
}

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadName::AppEmpty => f.write_str("the address has no app name, or an empty part in its path"),
            BadName::AppTooLong => write!(
                f,
                "the app name is too long: at most {SEGMENTS_MAX} parts of at most {SEGMENT_MAX} characters"
            ),
            BadName::AppCharacter => {
                f.write_str("the app name may have letters, digits, _, - and . only, and no . in front")
            }
            BadName::StreamEmpty => f.write_str("the address has no stream name"),
            BadName::StreamTooLong => write!(f, "the stream name is longer than {STREAM_MAX} characters"),
            BadName::StreamCharacter => {
                f.write_str("the stream name may have letters, digits, _, - and . only, and no . in front")
            }
        }
    }
}

impl std::error::Error for BadName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_people_use_are_good() {
        for (app, stream) in [
            ("live", "room1001"),
            ("live", "8888_user_1"),
            ("a/b", "room.1"),
            ("live-2", "room1001_720p"),
            ("live", "-x"),
            ("live", "1400000000_1_u1_main"),
        ] {
            assert_eq!(check(app, stream), Ok(()), "{app} {stream}");
        }
    }

    #[test]
    fn names_that_could_mean_something_else_are_refused() {
        let streams = [
            ".", "..", "../x", "a/b", "%2e%2e", "..%2f", "a%00", "a\0", "a\n", "a\r\nb", "a b", "a;b",
            "$(id)", "`id`", "a\\b", ".hidden", "房间", "a?b", "a#b", "a:b", "a\u{7f}",
        ];
        for stream in streams {
            assert_eq!(check("live", stream), Err(BadName::StreamCharacter), "{stream:?}");
        }
        for app in ["..", "a/..", "../..", "a/../b", "a/.", "a%2fb", "a\0", "li ve"] {
            assert_eq!(check(app, "s"), Err(BadName::AppCharacter), "{app:?}");
        }
        for app in ["", "/", "/live", "live/", "a//b"] {
            assert_eq!(check(app, "s"), Err(BadName::AppEmpty), "{app:?}");
        }
    }

    #[test]
    fn lengths_are_bounded_at_the_named_bounds() {
        let name = |length: usize| "n".repeat(length);
        assert_eq!(check("live", ""), Err(BadName::StreamEmpty));
        assert_eq!(check("live", &name(255)), Ok(()));
        assert_eq!(check("live", &name(256)), Err(BadName::StreamTooLong));
        assert_eq!(check("live", &name(65_536)), Err(BadName::StreamTooLong));
        assert_eq!(check(&name(64), "s"), Ok(()));
        assert_eq!(check(&name(65), "s"), Err(BadName::AppTooLong));
        assert_eq!(check(&name(65_536), "s"), Err(BadName::AppTooLong));
        assert_eq!(check(&["a"; 8].join("/"), "s"), Ok(()));
        assert_eq!(check(&["a"; 9].join("/"), "s"), Err(BadName::AppTooLong));
        assert_eq!(check(&vec![name(64); 8].join("/"), "s"), Ok(()));
    }
}
