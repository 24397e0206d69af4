//! Spans of time as people write them: `30s`, `15m`, `2h`, `7d`.

/// Longest span, in seconds: ten years, as for `server.address_validity_seconds`.
const MAX: u32 = 315_360_000;

/// A span in seconds, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seconds(pub(super) u32);

impl std::str::FromStr for Seconds {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Seconds, Self::Err> {
        let bad = "write a number and s, m, h or d, such as 30s, 15m, 2h, 7d; at most 3650d";
        let unit = text.chars().next_back().ok_or(bad)?;
        let scale = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return Err(bad),
        };
        let digits = text.strip_suffix(unit).unwrap_or_default();
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(bad);
        }
        let seconds = digits.parse::<u32>().ok().and_then(|count| count.checked_mul(scale)).ok_or(bad)?;
        if (1..=MAX).contains(&seconds) { Ok(Seconds(seconds)) } else { Err(bad) }
    }
}

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (scale, unit) = [(86_400, "d"), (3_600, "h"), (60, "m")]
            .into_iter()
            .find(|(scale, _)| self.0.is_multiple_of(*scale))
            .unwrap_or((1, "s"));
        write!(f, "{}{unit}", self.0 / scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_written_with_their_unit() {
        for (text, seconds) in [("30s", 30), ("15m", 900), ("2h", 7_200), ("7d", 604_800), ("3650d", MAX)] {
            assert_eq!(text.parse(), Ok(Seconds(seconds)), "{text}");
            assert_eq!(Seconds(seconds).to_string(), text);
        }
    }

    #[test]
    fn what_is_no_span_is_refused() {
        for text in
            ["", "s", "0s", "-1s", "+1s", "1", "1w", "1.5h", "3651d", "99999999999d", "1 h", "1时", "时"]
        {
            assert!(text.parse::<Seconds>().is_err(), "{text}");
        }
    }
}
