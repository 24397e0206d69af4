//! The addresses at which a stream is played as HLS.
//!
//! Files lie in a folder that no stream can be called, because names have no `~`: so nothing here is taken for a stream,
//! whatever streams are called.

use media::hls::Name;

use super::Container;

/// The media playlist's file.
const PLAYLIST: &str = "live.m3u8";

/// An address taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// All of the stream's name but the last part.
    pub app: String,
    /// The last part.
    pub stream: String,
    /// What is asked for.
    pub(super) what: What,
}

impl Named {
    /// Whether this is an address that players are given, not one that a playlist names.
    pub fn is_entry(&self) -> bool {
        matches!(self.what, What::Multivariant { .. })
    }
}

/// What an address leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// The playlist that players are given. It names the container if the address does, and is in the stream's own
    /// folder in ZLMediaKit's spelling.
    Multivariant { container: Option<Container>, inside: bool },
    /// The list of segments.
    Playlist(Container),
    /// A segment, a part or an initialization.
    File(Container, Name),
}

/// What a path names, if it is of HLS. Whether the names are good ones is decided with the right to play.
///
/// `/live/room1.m3u8` is everybody's spelling. With a part more, `hls.m3u8`, `hls.fmp4.m3u8` (ZLMediaKit) and
/// `index.m3u8` name the stream before them; a stream of such a name whose app has several parts can be played with
/// one of them behind its own name.
pub fn parse(path: &str) -> Option<Named> {
    let (folder, file) = path.strip_prefix('/')?.rsplit_once('/')?;
    let named = |path: &str, what: What| {
        let (app, stream) = path.rsplit_once('/')?;
        Some(Named { app: app.to_owned(), stream: stream.to_owned(), what })
    };
    if let Some((stream, container)) = folder.rsplit_once("/~") {
        let container = Container::named(container)?;
        let what = match file {
            PLAYLIST => What::Playlist(container),
            _ => What::File(container, name(container, file)?),
        };
        return named(stream, what);
    }
    let stem = file.strip_suffix(".m3u8")?;
    if folder.contains('/') {
        let container = match stem {
            "hls" => Some(Some(Container::Ts)),
            "hls.fmp4" => Some(Some(Container::Fmp4)),
            "index" => Some(None),
            _ => None,
        };
        if let Some(container) = container {
            return named(folder, What::Multivariant { container, inside: true });
        }
    }
    let what = What::Multivariant { container: None, inside: false };
    Some(Named { app: folder.to_owned(), stream: stem.to_owned(), what })
}

/// Where the media playlist is, as seen from the multivariant one.
pub(super) fn playlist(stream: &str, container: Container, inside: bool) -> String {
    let container = container.name();
    if inside { format!("~{container}/{PLAYLIST}") } else { format!("{stream}/~{container}/{PLAYLIST}") }
}

/// What a file is called, beside its playlist.
pub(super) fn file(container: Container, name: Name) -> String {
    match (name, container) {
        (Name::Init(number), _) => format!("i{number}.mp4"),
        (Name::Segment(number), Container::Fmp4) => format!("{number}.m4s"),
        (Name::Segment(number), Container::Ts) => format!("{number}.ts"),
        (Name::Part(segment, part), _) => format!("{segment}.{part}.m4s"),
    }
}

/// The reverse of [`file()`]. One name has one spelling, so that a cache has one file.
fn name(container: Container, text: &str) -> Option<Name> {
    let (stem, _) = text.rsplit_once('.')?;
    let found = match (stem.strip_prefix('i'), stem.split_once('.')) {
        (Some(number), _) => Name::Init(number.parse().ok()?),
        (None, Some((segment, part))) => Name::Part(segment.parse().ok()?, part.parse().ok()?),
        (None, None) => Name::Segment(stem.parse().ok()?),
    };
    (file(container, found) == text).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: Option<(&str, &str, What)>) {
        let expected = expected.map(|(app, stream, what)| Named {
            app: app.to_owned(),
            stream: stream.to_owned(),
            what,
        });
        assert_eq!(parse(path), expected, "{path}");
    }

    #[test]
    fn every_spelling_names_its_stream() {
        let list = |container, inside| What::Multivariant { container, inside };
        check("/live/room1.m3u8", Some(("live", "room1", list(None, false))));
        check("/a/b/room.1.m3u8", Some(("a/b", "room.1", list(None, false))));
        check("/live/room1/index.m3u8", Some(("live", "room1", list(None, true))));
        check("/live/room1/hls.m3u8", Some(("live", "room1", list(Some(Container::Ts), true))));
        check("/a/b/r/hls.fmp4.m3u8", Some(("a/b", "r", list(Some(Container::Fmp4), true))));
        // A stream's own name.
        check("/live/index.m3u8", Some(("live", "index", list(None, false))));
        check("/live/hls/live.m3u8", Some(("live/hls", "live", list(None, false))));
        for path in ["/room1.m3u8", "/live/room1", "/live/room1.flv", "room1", "/"] {
            check(path, None);
        }
    }

    #[test]
    fn files_are_found_under_the_names_that_they_are_given() {
        for (container, name) in [
            (Container::Fmp4, Name::Init(7)),
            (Container::Fmp4, Name::Segment(123_456_789)),
            (Container::Fmp4, Name::Part(5, 0)),
            (Container::Ts, Name::Segment(0)),
        ] {
            let path = format!("/live/room1/~{}/{}", container.name(), file(container, name));
            check(&path, Some(("live", "room1", What::File(container, name))));
        }
        check("/live/room1/~ts/live.m3u8", Some(("live", "room1", What::Playlist(Container::Ts))));
        for odd in ["07.m4s", "+7.m4s", "7.ts", "7.mp4", "i7.m4s", "7.1.2.m4s", ".m4s", "7", "live.m3u8.m4s"]
        {
            check(&format!("/live/room1/~fmp4/{odd}"), None);
        }
        check("/live/room1/~mkv/7.m4s", None);
    }
}
