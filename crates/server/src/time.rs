//! Calendar times as text.

use toml::value::{Datetime, Offset};

/// `2026-11-24T08:00:00Z` for milliseconds since 1970 (RFC 3339, UTC, whole seconds).
pub fn rfc3339(unix_ms: i64) -> String {
    let seconds = unix_ms.div_euclid(1_000);
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The same with milliseconds.
pub fn rfc3339_ms(unix_ms: i64) -> String {
    let whole = rfc3339(unix_ms);
    format!("{}.{:03}Z", whole.trim_end_matches('Z'), unix_ms.rem_euclid(1_000))
}

/// The second since 1970 that a text names: as a number, or in RFC 3339. A date needs its zone: whoever writes it
/// may be in another one than the server.
pub fn unix_seconds(text: &str) -> Option<i64> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    let Datetime { date: Some(date), time: Some(time), offset: Some(offset) } = text.parse().ok()? else {
        return None;
    };
    let minutes_east = match offset {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes),
    };
    let days = days_from_civil(date.year.into(), date.month.into(), date.day.into());
    let minutes = i64::from(time.hour) * 60 + i64::from(time.minute) - minutes_east;
    // A leap second is the same as the next one, and so is what is left of a second.
    Some(days * 86_400 + minutes * 60 + i64::from(time.second.unwrap_or(0)))
}

/// The day, counted from 1970-01-01, of a Gregorian date.
pub fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    era * 146_097 + of_era - 719_468
}

/// The Gregorian date of a day counted from 1970-01-01 (the usual algorithm over 400-year eras that begin in March).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Whether a parameter's text is meant as a time. WeChat adds `from=groupmessage` and the like to whatever is shared, and a
/// page hands its parameters on to what it plays.
pub fn is_meant(text: &str) -> bool {
    !text.is_empty() && !text.starts_with(|first: char| first.is_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right_around_leap_days() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_868_799, "2000-02-29T23:59:59Z"),
            (1_600_000_000, "2020-09-13T12:26:40Z"),
            (1_893_456_000, "2030-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(rfc3339(seconds * 1_000), text);
        }
    }

    #[test]
    fn a_day_and_its_date_are_one() {
        for days in (-200_000..200_000).step_by(17) {
            let (year, month, day) = civil(days);
            assert_eq!(days_from_civil(year, month, day), days);
        }
    }
}
