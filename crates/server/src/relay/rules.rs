//! The relays of the configuration: which streams, and the address that they make.

use hub::Name;

use super::entry::{Direction, Mode};
use super::target::{BadTarget, Target};
use crate::config;
use crate::secrets::Secret;

/// Which streams a rule is for. `*` stands for any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patterns {
    /// All of the stream's name but the last part.
    pub app: String,
    /// The last part.
    pub stream: String,
}

/// One `[[relay]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Which way.
    pub direction: Direction,
    /// When, of a pull.
    pub mode: Mode,
    /// Which streams.
    pub patterns: Patterns,
    url: Secret,
}

/// What may stand for any name.
pub(crate) const ANY: &str = "*";

impl Patterns {
    /// Whether the rule is for this stream.
    pub fn matches(&self, name: &Name) -> bool {
        let (app, stream) = split(name);
        let matches = |pattern: &str, text: &str| pattern == ANY || pattern == text;
        matches(&self.app, app) && matches(&self.stream, stream)
    }
}

impl Rule {
    /// What a section asks for.
    pub fn new(relay: &config::Relay) -> Rule {
        Rule {
            direction: match relay.kind {
                config::RelayKind::Push => Direction::Push,
                config::RelayKind::Pull => Direction::Pull,
            },
            mode: if relay.on_demand { Mode::OnDemand } else { Mode::Static },
            patterns: Patterns { app: relay.app.clone(), stream: relay.stream.clone() },
            url: relay.url.clone(),
        }
    }

    /// The address for a stream.
    pub fn target(&self, name: &Name) -> Result<Target, BadTarget> {
        let (app, stream) = split(name);
        expand(self.url.expose(), app, stream)
    }

    pub(super) fn is_static_pull(&self) -> bool {
        self.direction == Direction::Pull && self.mode == Mode::Static
    }

    pub(super) fn is_on_demand_pull(&self) -> bool {
        self.direction == Direction::Pull && self.mode == Mode::OnDemand
    }
}

/// The address with the names in the places of `{app}` and `{stream}`.
pub(crate) fn expand(url: &str, app: &str, stream: &str) -> Result<Target, BadTarget> {
    // Names have neither braces nor anything else that means something in an address.
    let text = url.replace("{app}", app).replace("{stream}", stream);
    if text.contains(['{', '}']) {
        return Err(BadTarget::Name);
    }
    Target::parse(&text)
}

fn split(name: &Name) -> (&str, &str) {
    name.as_str().rsplit_once('/').unwrap_or(("", name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names_only() {
        let patterns = |app: &str, stream: &str| Patterns { app: app.into(), stream: stream.into() };
        let name = Name::new("a/live/room");
        assert!(patterns("a/live", "room").matches(&name) && patterns("*", "*").matches(&name));
        assert!(patterns("a/live", "*").matches(&name));
        assert!(!patterns("live", "*").matches(&name) && !patterns("a", "*").matches(&name));
        assert!(!patterns("a/live", "roo").matches(&name));
    }

    #[test]
    fn placeholders_become_names() {
        let url = "rtmp://origin.example/{app}/{stream}?from={stream}";
        let target = expand(url, "live", "room").unwrap();
        assert_eq!((target.url().app.as_str(), target.url().name.as_str()), ("live", "room?from=room"));
        assert_eq!(expand("rtmp://origin.example/{ap}/x", "live", "room"), Err(BadTarget::Name));
    }
}
