//! The addresses at which a stream is played as FLV.

/// A stream as an address names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// All of the path but its last part: `live`, or `a/b`.
    pub app: String,
    /// The last part without its suffix.
    pub stream: String,
}

/// The suffixes, longest first: ZLMediaKit's spelling, then everybody's (SRS, the clouds).
const SUFFIXES: [&str; 2] = [".live.flv", ".flv"];

/// The stream that a path names, if it is one of FLV playback. Whether the names are good ones is decided with
/// the right to play.
pub fn parse(path: &str) -> Option<Named> {
    let stem = SUFFIXES.iter().find_map(|suffix| path.strip_suffix(suffix))?;
    let (app, stream) = stem.strip_prefix('/')?.rsplit_once('/')?;
    Some(Named { app: app.to_owned(), stream: stream.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_name_the_same_stream() {
        let check = |path: &str, expected: Option<(&str, &str)>| {
            let expected = expected.map(|(a, s)| Named { app: a.to_owned(), stream: s.to_owned() });
            assert_eq!(parse(path), expected, "{path}");
        };
        check("/live/room1.flv", Some(("live", "room1")));
        check("/live/room1.live.flv", Some(("live", "room1")));
        check("/a/b/room1.flv", Some(("a/b", "room1")));
        check("/live/room.1.flv", Some(("live", "room.1")));
        check("/room1.flv", None);
        check("/live/room1", None);
        check("/live/room1.m3u8", None);
        check("/live/.flv", Some(("live", "")));
    }
}
