//! Where a recording's files are, and how it is called.

use crate::store::Format;
use crate::time::rfc3339;

/// Longest name of a folder that is made of a stream's name, in bytes. File systems take 255.
const FOLDER_MAX: usize = 160;

/// How much of a name that is longer is kept, in front of its hash.
const FOLDER_KEPT: usize = 120;

/// Hexadecimal digits of an id: six bytes of time, six random ones.
const ID_DIGITS: usize = 24;

/// A new id. Ids sort by time, and nobody can guess one.
pub(super) fn new_id(unix_ms: i64) -> anyhow::Result<String> {
    let mut random = [0; 8];
    getrandom::fill(&mut random)?;
    let random = u64::from_be_bytes(random) >> 16;
    Ok(format!("{:012x}{random:012x}", unix_ms.clamp(0, (1 << 48) - 1)))
}

/// Whether a text can be the id of a recording.
pub fn is_id(text: &str) -> bool {
    text.len() == ID_DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The folder of a recording, below that of all: `APP/STREAM/DATE/ID`, whatever the names are.
pub(super) fn folder(app: &str, stream: &str, started_ms: i64, id: &str) -> String {
    let day = rfc3339(started_ms);
    let day = day.split('T').next().unwrap_or_default();
    format!("{}/{}/{day}/{id}", segment(app), segment(stream))
}

/// The name of a part's file.
pub(super) fn file(number: u32, format: Format) -> String {
    format!("{number:04}.{}", format.extension())
}

/// Any text as the name of one folder: what could be more than that is written as `%` and two digits.
fn segment(text: &str) -> String {
    let plain = |at: usize, byte: u8| {
        byte.is_ascii_alphanumeric() || b"_-".contains(&byte) || (at > 0 && byte == b'.')
    };
    let mut out = String::with_capacity(text.len());
    for (at, byte) in text.bytes().enumerate() {
        match plain(at, byte) {
            true => out.push(char::from(byte)),
            false => out.push_str(&format!("%{byte:02X}")),
        }
    }
    if out.is_empty() {
        // Encoded names have two digits behind each of these.
        out.push('%');
    }
    if out.len() > FOLDER_MAX {
        use sha2::{Digest as _, Sha256};
        let hash = Sha256::digest(text.as_bytes());
        out.truncate(FOLDER_KEPT);
        out.push('~');
        hash.iter().take(12).for_each(|byte| out.push_str(&format!("{byte:02x}")));
    }
    out
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use super::*;

    #[test]
    fn no_name_leads_out_of_the_folder_and_no_two_are_one() {
        let long = "x".repeat(800);
        let other = format!("{long}y");
        let names = [
            "live",
            "a/live",
            "..",
            ".",
            "",
            "/",
            "//etc",
            "../../etc/passwd",
            "a\\b",
            "a\0b",
            "con",
            "~",
            "%",
            "%2F",
            "a%2Flive",
            ".hidden",
            "a..",
            "直播",
            "a b\n",
            "-rf",
            &long,
            &other,
            "a~b",
        ];
        let mut seen = std::collections::HashSet::new();
        for name in names {
            for path in [folder(name, "s", 0, "id"), folder("a", name, 0, "id")] {
                let parts: Vec<_> = Path::new(&path).components().collect();
                assert_eq!(parts.len(), 4, "{path}");
                assert!(parts.iter().all(|part| matches!(part, Component::Normal(_))), "{path}");
                assert!(parts.iter().all(|part| part.as_os_str().len() <= FOLDER_MAX), "{path}");
                assert!(path.bytes().all(|byte| byte.is_ascii_graphic()), "{path}");
                assert!(seen.insert(path.clone()), "{path} twice");
            }
        }
        assert_eq!(folder("a/live", "room1", 1_600_000_000_000, "i"), "a%2Flive/room1/2020-09-13/i");
    }

    #[test]
    fn ids_sort_by_time_and_are_never_the_same() {
        let (one, two, later) = (new_id(5).unwrap(), new_id(5).unwrap(), new_id(6).unwrap());
        assert!(one != two && one < later && two < later);
        assert!(
            is_id(&one) && !is_id("../../../etc/passwd00000") && !is_id(&one[1..]) && !is_id(&"A".repeat(24))
        );
    }
}
