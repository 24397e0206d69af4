//! The clouds' parameters for playing a stream late, in words of our own.
//!
//! | whose | parameters |
//! | --- | --- |
//! | Tencent | `txTimeshift=on`, `tsStart`, `tsEnd`, `tsFormat` (`unix_s`, or `human_s_8`: `YYYYMMDDHHMMSS`, UTC+8), `tsDelay` |
//! | Aliyun | `aliyunols=on`, `lhs_start_unix_s_0`, `lhs_end_unix_s_0` or `lhs_vodend_unix_s_0`; `human_s_8` for `unix_s_0` as above; `lhs_offset_unix_s_0` or `..ms_0` |
//!
//! `tsCodecname` chooses a transcoding template; here there is one quality, so it is not read.

use std::fmt;

use super::time;
use crate::query::Query;

/// What is asked for. Each is text as an address of ours has it: seconds, or a date in RFC 3339.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shift {
    /// From when on.
    pub from: Option<String>,
    /// Until when.
    pub to: Option<String>,
    /// How many seconds late.
    pub delay: Option<String>,
}

/// A parameter that is no time in its format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadTime(pub &'static str);

/// What a cloud's parameters ask for; `None` when there are none.
pub fn shift(query: &Query) -> Result<Option<Shift>, BadTime> {
    let is_on = |name: &str| query.get(name) == Some("on");
    let seconds = |name: &'static str| text(query, name, unix);
    if is_on("txTimeshift") {
        let format = match query.get("tsFormat") {
            None | Some("" | "unix_s") => unix,
            Some("human_s_8") => east_8,
            Some(_) => return Err(BadTime("tsFormat")),
        };
        let (from, to) = (text(query, "tsStart", format)?, text(query, "tsEnd", format)?);
        return Ok(Some(Shift { from, to, delay: seconds("tsDelay")? }));
    }
    if is_on("aliyunols") { aliyun(query).map(Some) } else { Ok(None) }
}

/// What Aliyun's parameters ask for, whether or not they say that they are that.
pub fn aliyun(query: &Query) -> Result<Shift, BadTime> {
    let seconds = |name: &'static str| text(query, name, unix);
    let human = |name: &'static str| text(query, name, east_8);
    let start = seconds("lhs_start_unix_s_0")?.or(human("lhs_start_human_s_8")?);
    let end = seconds("lhs_end_unix_s_0")?.or(human("lhs_end_human_s_8")?);
    let vod_end = seconds("lhs_vodend_unix_s_0")?.or(human("lhs_vodend_human_s_8")?);
    let delay = text(query, "lhs_offset_unix_ms_0", whole_seconds)?;
    let delay = seconds("lhs_offset_unix_s_0")?.or(delay);
    Ok(Shift { from: start, to: end.or(vod_end), delay })
}

fn text(query: &Query, name: &'static str, format: Format) -> Result<Option<String>, BadTime> {
    let given = query.get(name).filter(|text| !text.is_empty());
    given.map(|text| format(text).ok_or(BadTime(name))).transpose()
}

type Format = fn(&str) -> Option<String>;

fn unix(text: &str) -> Option<String> {
    time(text, 10).map(|seconds| seconds.to_string())
}

/// Milliseconds, in seconds.
fn whole_seconds(text: &str) -> Option<String> {
    time(text, 10).map(|ms| (ms / 1_000).to_string())
}

/// Fourteen digits of Chinese time.
fn east_8(text: &str) -> Option<String> {
    let is_plain = text.len() == 14 && text.bytes().all(|byte| byte.is_ascii_digit());
    let digits = |from: usize, to: usize| text.get(from..to);
    let (year, month, day) = (digits(0, 4)?, digits(4, 6)?, digits(6, 8)?);
    let (hour, minute, second) = (digits(8, 10)?, digits(10, 12)?, digits(12, 14)?);
    is_plain.then(|| format!("{year}-{month}-{day}T{hour}:{minute}:{second}+08:00"))
}

impl BadTime {
    /// The same in Chinese.
    pub fn message_zh(self) -> String {
        format!("{} 不是该格式的时间", self.0)
    }
}

impl fmt::Display for BadTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is no time in its format", self.0)
    }
}

impl std::error::Error for BadTime {}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, expected: Result<Option<[&str; 3]>, BadTime>) {
        let found = shift(&Query::parse(query).unwrap());
        let found = found.map(|shift| {
            shift.map(|shift| [shift.from, shift.to, shift.delay].map(Option::unwrap_or_default))
        });
        let expected = expected.map(|expected| expected.map(|texts| texts.map(str::to_owned)));
        assert_eq!(found, expected, "{query}");
    }

    #[test]
    fn the_clouds_words_are_ours() {
        check("", Ok(None));
        check("tsDelay=30", Ok(None));
        check("txTimeshift=off&tsDelay=30", Ok(None));
        check("txTimeshift=on&tsDelay=30", Ok(Some(["", "", "30"])));
        check("txTimeshift=on&tsStart=5&tsEnd=9&tsFormat=unix_s&tsCodecname=x", Ok(Some(["5", "9", ""])));
        let human = "txTimeshift=on&tsFormat=human_s_8&tsStart=20260131200000&tsEnd=20260131200100";
        check(human, Ok(Some(["2026-01-31T20:00:00+08:00", "2026-01-31T20:01:00+08:00", ""])));
        check("aliyunols=on&lhs_offset_unix_s_0=7", Ok(Some(["", "", "7"])));
        check("aliyunols=on&lhs_start_unix_s_0=5&lhs_end_unix_s_0=9", Ok(Some(["5", "9", ""])));
        check("aliyunols=on&lhs_start_unix_s_0=5&lhs_vodend_unix_s_0=8", Ok(Some(["5", "8", ""])));
        check("aliyunols=on&lhs_offset_unix_ms_0=30999", Ok(Some(["", "", "30"])));
        let human = "aliyunols=on&lhs_start_human_s_8=20260131200000&lhs_end_human_s_8=20260131200100";
        check(human, Ok(Some(["2026-01-31T20:00:00+08:00", "2026-01-31T20:01:00+08:00", ""])));
    }

    #[test]
    fn what_is_no_time_is_named() {
        for (query, name) in [
            ("txTimeshift=on&tsStart=x", "tsStart"),
            ("txTimeshift=on&tsFormat=human_s_8&tsEnd=2026013120000", "tsEnd"),
            ("txTimeshift=on&tsFormat=human_s_8&tsEnd=房房2026013", "tsEnd"),
            ("txTimeshift=on&tsFormat=iso", "tsFormat"),
            ("aliyunols=on&lhs_offset_unix_s_0=-1", "lhs_offset_unix_s_0"),
            ("aliyunols=on&lhs_start_human_s_8=1764000000", "lhs_start_human_s_8"),
        ] {
            check(query, Err(BadTime(name)));
        }
    }
}
