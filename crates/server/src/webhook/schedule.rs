//! When an attempt that failed is made again.

use std::time::Duration;

const SECOND: u64 = 1;
const MINUTE: u64 = 60;
const HOUR: u64 = 3_600;

/// Between the attempts, beginning with the first, which is made at once. It is what Standard Webhooks suggests, and takes
/// about three days.
const STEPS: [u64; 10] =
    [0, 5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR];

/// The longest that an endpoint may ask to be left alone.
const LONGEST: Duration = Duration::from_secs(24 * HOUR);

/// How much later than the schedule an attempt may be, in percent of its step, so that what failed together does not come
/// again together.
const JITTER_PERCENT: u32 = 20;

/// How long after failed attempt number `attempt`, from 1, the next one is made; `None` after the last one. `luck` is any
/// byte. An endpoint that names a time is given that long, within bounds.
pub(super) fn pause(attempt: u32, luck: u8, wish: Option<Duration>) -> Option<Duration> {
    let step = Duration::from_secs(*STEPS.get(usize::try_from(attempt).ok()?)?);
    let late = step * JITTER_PERCENT / 100 * u32::from(luck) / u32::from(u8::MAX);
    Some((step + late).max(wish.unwrap_or_default().min(LONGEST)))
}

/// The time that a `Retry-After` names: seconds, or a moment.
pub(super) fn wish(text: &str, unix_ms: i64) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let moment = httpdate::parse_http_date(text).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    let now = Duration::from_millis(u64::try_from(unix_ms).ok()?);
    Some(moment.saturating_sub(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_attempts_are_made_in_about_three_days() {
        let pauses = |luck| (1..).map_while(|attempt| pause(attempt, luck, None)).collect::<Vec<_>>();
        assert_eq!(pauses(0).len(), 9);
        let seconds: Vec<u64> = pauses(0).iter().map(Duration::as_secs).collect();
        assert_eq!(seconds, [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]);
        assert_eq!(pauses(255).first(), Some(&Duration::from_secs(6)));
    }

    #[test]
    fn an_endpoint_may_ask_for_more_time_but_not_for_any_time() {
        assert_eq!(pause(1, 0, Some(Duration::from_secs(60))), Some(Duration::from_secs(60)));
        assert_eq!(pause(4, 0, Some(Duration::from_secs(60))), Some(Duration::from_secs(7_200)));
        assert_eq!(pause(1, 0, Some(Duration::from_secs(u64::MAX))), Some(LONGEST));
        assert_eq!(wish("120", 0), Some(Duration::from_secs(120)));
        assert_eq!(wish("Thu, 01 Jan 1970 00:02:00 GMT", 60_000), Some(Duration::from_secs(60)));
        assert_eq!(wish("Thu, 01 Jan 1970 00:02:00 GMT", 600_000), Some(Duration::ZERO));
        assert_eq!(wish("soon", 0), None);
    }
}
