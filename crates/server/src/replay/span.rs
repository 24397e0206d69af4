//! Which stretch of a recording is wanted: `?from=..&to=..`.

use control::query::Query;

use crate::store::Part;
use crate::time;

/// A stretch of a recording's time line, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// Where it begins.
    pub(super) from_ms: u64,
    /// Where it ends; that is no longer in it.
    pub(super) to_ms: u64,
}

/// A value that is no time, or a stretch that ends before it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadSpan;

impl Span {
    /// All of it.
    pub(super) const ALL: Span = Span { from_ms: 0, to_ms: u64::MAX };

    /// What a query asks for of these parts. A time is seconds from the beginning, with decimals if need be, or a date
    /// in RFC 3339.
    pub(super) fn of(query: &Query, parts: &[Part]) -> Result<Span, BadSpan> {
        let time =
            |name: &str| query.get(name).filter(|text| time::is_meant(text)).map(|text| place(text, parts));
        let end_ms = parts.last().map_or(0, |part| part.start_ms.saturating_add(part.duration_ms));
        let span = Span {
            from_ms: time("from").transpose()?.unwrap_or(Span::ALL.from_ms),
            // What ends later than the recording does, so far, ends with it.
            to_ms: time("to").transpose()?.filter(|to| *to < end_ms).unwrap_or(Span::ALL.to_ms),
        };
        if span.from_ms < span.to_ms { Ok(span) } else { Err(BadSpan) }
    }

    /// Whether something from `start` to `end` is in it, at least a bit.
    pub(super) fn touches(self, start_ms: u64, end_ms: u64) -> bool {
        start_ms < self.to_ms && end_ms > self.from_ms
    }
}

fn place(text: &str, parts: &[Part]) -> Result<u64, BadSpan> {
    if let Some(ms) = seconds(text) {
        return Ok(ms);
    }
    // Dates have dashes; a number alone is no date here.
    let unix = time::unix_seconds(text).filter(|_| text.contains('-')).ok_or(BadSpan)?;
    let wall = unix.saturating_mul(1_000);
    // A time between two parts is where the later one begins.
    let ends_after = |part: &&Part| part.wall_ms.saturating_add_unsigned(part.duration_ms) > wall;
    Ok(match parts.iter().find(ends_after) {
        Some(part) => {
            part.start_ms.saturating_add(u64::try_from(wall.saturating_sub(part.wall_ms)).unwrap_or(0))
        }
        None => parts.last().map_or(0, |part| part.start_ms.saturating_add(part.duration_ms)),
    })
}

/// Milliseconds of a number of seconds.
fn seconds(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let thousandths = format!("{fraction:0<3}");
    let ms: u64 = thousandths.get(..3)?.parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(1_000)?.checked_add(ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Format, PartState};

    /// Ten seconds from 2025-11-24T16:00:00Z on, and after a minute without anything ten more.
    fn parts() -> Vec<Part> {
        let part = |number: u32, wall_ms, start_ms| Part {
            recording: "r".into(),
            number,
            format: Format::Fmp4,
            path: String::new(),
            wall_ms,
            start_ms,
            duration_ms: 10_000,
            bytes: 1_000,
            init_bytes: 100,
            codecs: String::new(),
            state: PartState::Local,
            object_key: None,
        };
        vec![part(1, 1_764_000_000_000, 0), part(2, 1_764_000_070_000, 10_000)]
    }

    #[test]
    fn times_are_seconds_of_the_recording_or_of_the_calendar() {
        let check = |query: &str, expected: Result<(u64, u64), BadSpan>| {
            let found = Span::of(&Query::parse(query).unwrap(), &parts());
            assert_eq!(found.map(|span| (span.from_ms, span.to_ms)), expected, "{query}");
        };
        check("", Ok((0, u64::MAX)));
        check("from=&to=", Ok((0, u64::MAX)));
        check("from=groupmessage&to=", Ok((0, u64::MAX)));
        check("from=3&to=12.25", Ok((3_000, 12_250)));
        check("from=2025-11-24T16:00:04Z&to=2025-11-24T16:01:12Z", Ok((4_000, 12_000)));
        check("from=2025-11-25T00:00:04%2B08:00", Ok((4_000, u64::MAX)));
        // In the hole, before the beginning, behind the end.
        check("from=2025-11-24T16:00:30Z", Ok((10_000, u64::MAX)));
        check("from=2020-01-01T00:00:00Z", Ok((0, u64::MAX)));
        check("from=2030-01-01T00:00:00Z", Ok((20_000, u64::MAX)));
        for bad in [
            "from=5x",
            "from=-1",
            "from=5&to=5",
            "from=6&to=5",
            "from=1.2.3",
            "to=0",
            "from=99999999999999999999",
        ] {
            check(bad, Err(BadSpan));
        }
    }
}
