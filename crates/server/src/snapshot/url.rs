//! The address of a stream's picture.

/// A stream as an address names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// All of the path but its last part: `live`, or `a/b`.
    pub app: String,
    /// The last part without its suffix.
    pub stream: String,
}

/// The stream whose picture a path asks for. Whether the names are good ones is decided with the right to play.
pub fn parse(path: &str) -> Option<Named> {
    let (app, stream) = path.strip_suffix(".jpg")?.strip_prefix('/')?.rsplit_once('/')?;
    Some(Named { app: app.to_owned(), stream: stream.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_asked_for_beside_its_stream() {
        let check = |path: &str, expected: Option<(&str, &str)>| {
            let expected = expected.map(|(a, s)| Named { app: a.to_owned(), stream: s.to_owned() });
            assert_eq!(parse(path), expected, "{path}");
        };
        check("/live/room1.jpg", Some(("live", "room1")));
        check("/a/b/room.1.jpg", Some(("a/b", "room.1")));
        check("/room1.jpg", None);
        check("/live/room1.png", None);
    }
}
