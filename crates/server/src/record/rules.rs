//! The recordings that the configuration asks for.

use hub::Name;

use super::cut::Split;
use crate::config;
use crate::relay::ANY;
use crate::store::Format;

/// One `[[record]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    domain: String,
    app: String,
    stream: String,
    /// Whether what it matches is recorded.
    enabled: bool,
    options: Options,
}

/// How a stream is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// What files are written, besides MP4 in fragments.
    pub formats: Vec<Format>,
    /// Length of a part in minutes; 0: no bound.
    pub interval_minutes: u64,
    /// Size of a part in MB; 0: no bound.
    pub max_size_mb: u64,
    /// Days after its end after which a recording may be deleted; 0: never.
    pub retention_days: u32,
    /// How long a recording waits for its stream to come back.
    pub gap_seconds: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options::of(&config::Record::default())
    }
}

impl Options {
    fn of(record: &config::Record) -> Options {
        Options {
            formats: record.formats.iter().filter_map(|word| Format::of_word(word)).collect(),
            interval_minutes: record.interval_minutes,
            max_size_mb: record.max_size_mb,
            retention_days: record.retention_days,
            gap_seconds: record.gap_seconds,
        }
    }

    /// Where its parts end.
    pub(super) fn split(&self) -> Split {
        let some = |value: u64, scale: u64| (value > 0).then_some(value.saturating_mul(scale));
        Split {
            interval_ms: some(self.interval_minutes, 60_000).map(|ms| i64::try_from(ms).unwrap_or(i64::MAX)),
            max_bytes: some(self.max_size_mb, 1_000_000),
        }
    }
}

impl Rule {
    /// What a section asks for.
    pub fn new(record: &config::Record) -> Rule {
        Rule {
            domain: record.domain.to_ascii_lowercase(),
            app: record.app.clone(),
            stream: record.stream.clone(),
            enabled: record.enabled,
            options: Options::of(record),
        }
    }

    /// How near it is to a stream: a stream's own name counts for more than its app's, and that for more than the
    /// domain. `None` when it is not for this stream.
    fn nearness(&self, domain: &str, app: &str, stream: &str) -> Option<u8> {
        let mut nearness = 0;
        let fits = [(&self.domain, domain, 1), (&self.app, app, 2), (&self.stream, stream, 4)];
        for (pattern, text, weight) in fits {
            if pattern == text {
                nearness += weight;
            } else if pattern != ANY {
                return None;
            }
        }
        Some(nearness)
    }
}

/// How a stream that is published at `domain` is to be recorded; `None`: not at all. The nearest rule wins, and among
/// equally near ones the first.
pub fn nearest<'r>(rules: &'r [Rule], domain: &str, name: &Name) -> Option<&'r Options> {
    let (app, stream) = split(name);
    let domain = domain.to_ascii_lowercase();
    let near =
        |(at, rule): (usize, &'r Rule)| Some((rule.nearness(&domain, app, stream)?, usize::MAX - at, rule));
    let best =
        rules.iter().enumerate().filter_map(near).max_by_key(|(nearness, order, _)| (*nearness, *order));
    best.filter(|(.., rule)| rule.enabled).map(|(.., rule)| &rule.options)
}

/// A name as app and stream.
pub(super) fn split(name: &Name) -> (&str, &str) {
    name.as_str().rsplit_once('/').unwrap_or(("", name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(domain: &str, app: &str, stream: &str, minutes: u64) -> Rule {
        Rule::new(&config::Record {
            domain: domain.into(),
            app: app.into(),
            stream: stream.into(),
            interval_minutes: minutes,
            ..config::Record::default()
        })
    }

    #[test]
    fn the_nearest_rule_wins_and_one_that_is_off_records_nothing() {
        let mut rules = vec![
            rule("*", "*", "*", 1),
            rule("push.example.com", "*", "*", 2),
            rule("*", "live", "*", 3),
            rule("push.example.com", "live", "*", 4),
            rule("*", "*", "room", 5),
            rule("*", "live", "*", 6),
            rule("*", "live", "quiet", 7),
        ];
        rules[6].enabled = false;
        let minutes = |domain: &str, name: &str| {
            nearest(&rules, domain, &Name::new(name)).map(|options| options.interval_minutes)
        };
        assert_eq!(minutes("other.example.com", "a/b"), Some(1));
        assert_eq!(minutes("PUSH.example.com", "a/b"), Some(2));
        assert_eq!(minutes("", "live/b"), Some(3));
        assert_eq!(minutes("push.example.com", "live/b"), Some(4));
        assert_eq!(minutes("push.example.com", "a/room"), Some(5));
        assert_eq!(minutes("push.example.com", "a/live/room"), Some(5));
        assert_eq!(minutes("push.example.com", "live/quiet"), None);
        assert_eq!(nearest(&[], "", &Name::new("a/b")), None);
    }

    #[test]
    fn zero_is_no_bound() {
        let options = Options { interval_minutes: 0, max_size_mb: 0, ..Options::default() };
        assert_eq!(options.split(), Split::default());
        let options = Options { interval_minutes: 2, max_size_mb: 3, ..options };
        assert_eq!(options.split(), Split { interval_ms: Some(120_000), max_bytes: Some(3_000_000) });
    }
}
