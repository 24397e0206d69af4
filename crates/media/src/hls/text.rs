//! Values as playlists write them.

use std::fmt;

/// Milliseconds as seconds with three decimals.
pub(super) struct Seconds(pub(super) u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1_000, self.0 % 1_000)
    }
}

/// An address or another text from outside. What would end a line or a quoted string is percent-encoded, so no
/// stream name can add a tag.
pub(super) struct Safe<'a>(pub(super) &'a str);

impl fmt::Display for Safe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.0.split_inclusive(|c: char| c == '"' || c.is_control()) {
            let Some(last) = part.chars().next_back().filter(|c| *c == '"' || c.is_control()) else {
                f.write_str(part)?;
                continue;
            };
            f.write_str(&part[..part.len() - last.len_utf8()])?;
            for byte in last.encode_utf8(&mut [0; 4]).bytes() {
                write!(f, "%{byte:02X}")?;
            }
        }
        Ok(())
    }
}

/// Milliseconds since 1970 as ISO 8601 in UTC.
pub(super) struct Date(pub(super) i64);

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAY_MS: i64 = 86_400_000;
        let (year, month, day) = civil(self.0.div_euclid(DAY_MS));
        let of_day = self.0.rem_euclid(DAY_MS);
        let (hour, minute, second) = (of_day / 3_600_000, of_day / 60_000 % 60, of_day / 1_000 % 60);
        let ms = of_day % 1_000;
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
    }
}

/// The date of a day counted from 1970. Years are taken from March on, so that the day of a leap year comes last.
fn civil(days: i64) -> (i64, i64, i64) {
    const DAYS_OF_400_YEARS: i64 = 146_097;
    /// From the first of March of year 0 to 1970.
    const EPOCH: i64 = 719_468;
    let days = days + EPOCH;
    let era = days.div_euclid(DAYS_OF_400_YEARS);
    let of_era = days.rem_euclid(DAYS_OF_400_YEARS);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From `date -u -d @SECONDS --iso-8601=ns`.
    #[test]
    fn dates_are_those_of_the_calendar() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_764_000_000_123, "2025-11-24T16:00:00.123Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Date(ms).to_string(), text);
        }
    }

    #[test]
    fn a_name_cannot_end_a_line_or_a_string() {
        assert_eq!(Safe("a\"\r\n#EXT-X-ENDLIST").to_string(), "a%22%0D%0A#EXT-X-ENDLIST");
        assert_eq!(Safe("房间/1.ts?k=v").to_string(), "房间/1.ts?k=v");
        assert_eq!(Safe("\u{85}").to_string(), "%C2%85");
    }

    #[test]
    fn seconds_have_three_decimals() {
        assert_eq!(Seconds(4_007).to_string(), "4.007");
    }
}
