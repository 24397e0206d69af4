//! The addresses of replays.

use crate::record::is_id;

/// The app that replays are in, where rules and signatures want one.
pub const APP: &str = "replay";

/// What names of sheets begin with.
const SHEET: &str = "sheet-";

/// What is asked for of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its id.
    pub id: String,
    /// What of it.
    pub what: What,
}

/// What there is of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The playlist.
    Playlist,
    /// A recorded file, by its number.
    Part(u32),
    /// All of it as MP4.
    Mp4,
    /// All of it as FLV.
    Flv,
    /// Its poster.
    Poster,
    /// Where the small pictures for a seek bar are, as WebVTT.
    Thumbnails,
    /// A sheet of such pictures: of which part, and which of that.
    Sheet(u32, u32),
}

/// What a path names, if it is one of a replay. Ids are of one form only, so an app that is called `replay` too can have
/// streams of any other name.
pub fn parse(path: &str) -> Option<Named> {
    let rest = path.strip_prefix("/replay/")?;
    let (id, what) = match rest.split_once('/') {
        Some((id, file)) if file.starts_with(SHEET) => (id, sheet_named(file)?),
        Some((id, file)) => {
            let number = file.strip_suffix(".mp4")?;
            // One spelling only, so that caches hold it once.
            let number = number.bytes().all(|byte| byte.is_ascii_digit()).then(|| number.parse().ok())??;
            (id, (file == self::file(number)).then_some(What::Part(number))?)
        }
        None => {
            let (id, extension) = rest.split_once('.')?;
            let what = match extension {
                "m3u8" => What::Playlist,
                "mp4" => What::Mp4,
                "flv" => What::Flv,
                "jpg" => What::Poster,
                "vtt" => What::Thumbnails,
                _ => return None,
            };
            (id, what)
        }
    };
    is_id(id).then(|| Named { id: id.to_owned(), what })
}

/// How a sheet of small pictures is called.
pub(super) fn sheet(part: u32, number: u32) -> String {
    format!("{SHEET}{part}-{number}.jpg")
}

fn sheet_named(file: &str) -> Option<What> {
    let (part, number) = file.strip_prefix(SHEET)?.strip_suffix(".jpg")?.split_once('-')?;
    let (part, number) = (part.parse().ok()?, number.parse().ok()?);
    // One spelling only, as of parts.
    (file == sheet(part, number)).then_some(What::Sheet(part, number))
}

/// How a recorded file is called.
pub(super) fn file(number: u32) -> String {
    format!("{number}.mp4")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replays_have_addresses_of_their_own_and_streams_all_others() {
        let id = "0123456789abcdef01234567";
        let check = |path: &str, expected: Option<What>| {
            let expected = expected.map(|what| Named { id: id.to_owned(), what });
            assert_eq!(parse(&path.replace("ID", id)), expected, "{path}");
        };
        check("/replay/ID.m3u8", Some(What::Playlist));
        check("/replay/ID/1.mp4", Some(What::Part(1)));
        check("/replay/ID.mp4", Some(What::Mp4));
        check("/replay/ID.flv", Some(What::Flv));
        check("/replay/ID.jpg", Some(What::Poster));
        check("/replay/ID.vtt", Some(What::Thumbnails));
        check("/replay/ID/sheet-2-0.jpg", Some(What::Sheet(2, 0)));
        for other in [
            "/replay/room1.flv",
            "/live/ID.flv",
            "/replay/ID",
            "/replay/ID.ts",
            "/replay/ID/01.mp4",
            "/replay/ID/+1.mp4",
            "/replay/ID/sheet-2.jpg",
            "/replay/ID/sheet-02-0.jpg",
            "/replay/ID/sheet-2-0.png",
            "/replay/ID/99999999999.mp4",
            "/replay/ID/1.mp4/x",
            "/replay/ID/../1.mp4",
            "/replay/xID.mp4",
        ] {
            check(other, None);
        }
    }
}
