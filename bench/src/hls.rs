//! A player of low-latency HLS without its socket, as hls.js behaves: it asks for the next playlist before it exists,
//! and fetches each part as it is listed, in order, on one connection.

use std::collections::VecDeque;

use anyhow::{Context, Result, bail, ensure};

use crate::http::{Answer, Answers, get};
use crate::source::stamp;

/// How many parts before the newest a player begins.
const HOLD_BACK: usize = 3;

/// A part's segment, and its number in it.
type Place = (u64, u64);

/// What a media playlist lists.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Playlist {
    parts: Vec<(Place, String)>,
    /// Whole segments, newest last.
    pub(crate) segments: Vec<String>,
    /// The part that does not exist yet.
    next: Place,
}

impl Playlist {
    /// Reads the tags that matter here (draft-pantos-hls-rfc8216bis section 4.4).
    pub(crate) fn read(text: &str) -> Result<Playlist> {
        ensure!(text.starts_with("#EXTM3U"), "not a playlist");
        let mut list = Playlist::default();
        let number = |text: &str| text.trim().parse::<u64>().with_context(|| format!("not a number: {text}"));
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(first) = line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:") {
                list.next.0 = number(first)?;
            } else if let Some(attributes) = line.strip_prefix("#EXT-X-SKIP:") {
                list.next.0 +=
                    number(attribute(attributes, "SKIPPED-SEGMENTS=").context("no count to skip")?)?;
            } else if let Some(attributes) = line.strip_prefix("#EXT-X-PART:") {
                let uri = attribute(attributes, "URI=").context("a part without an address")?;
                list.parts.push((list.next, uri.to_owned()));
                list.next.1 += 1;
            } else if !line.starts_with('#') {
                list.segments.push(line.to_owned());
                list.next = (list.next.0 + 1, 0);
            }
        }
        Ok(list)
    }
}

/// The value of an attribute; `name` ends with `=`.
fn attribute<'a>(attributes: &'a str, name: &str) -> Option<&'a str> {
    let at = attributes.match_indices(name).map(|(at, _)| at);
    let mut at = at.filter(|at| *at == 0 || attributes.as_bytes().get(at - 1) == Some(&b','));
    let value = &attributes[at.next()? + name.len()..];
    match value.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => value.split(',').next(),
    }
}

/// What an address in the playlist at `base` means.
pub(crate) fn resolve(base: &str, uri: &str) -> String {
    if uri.starts_with('/') {
        return uri.to_owned();
    }
    let path = base.split('?').next().unwrap_or_default();
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    format!("{folder}/{uri}")
}

#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Multivariant,
    Playlist,
    Part(Place),
}

/// A player.
#[derive(Debug)]
pub(crate) struct Watcher {
    host: String,
    asked: Asked,
    /// The path of the media playlist, once it is known.
    media: String,
    answers: Answers,
    /// The last part that was fetched, or was given up.
    at: Option<Place>,
    due: VecDeque<(Place, String)>,
    next: Place,
    sampled: bool,
    /// What is to be sent.
    pub(crate) out: Vec<u8>,
    /// Bytes of bodies.
    pub(crate) bytes: u64,
    /// Parts that it has.
    pub(crate) parts: u64,
    /// Parts that were not listed any more, or not there, when it came for them.
    pub(crate) missed: u64,
}

impl Watcher {
    /// A player of the stream at this path, whose stamps are read when `sampled`.
    pub(crate) fn new(host: &str, path: &str, sampled: bool) -> Watcher {
        Watcher {
            host: host.to_owned(),
            asked: Asked::Multivariant,
            media: path.to_owned(),
            answers: Answers::default(),
            at: None,
            due: VecDeque::new(),
            next: (0, 0),
            sampled,
            out: get(host, path).into(),
            bytes: 0,
            parts: 0,
            missed: 0,
        }
    }

    /// Takes bytes. For each part, the moments at which its first and its last picture were published are told.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], tell: &mut impl FnMut(u64, u64)) -> Result<()> {
        while let Some(answer) = self.answers.feed(&mut bytes)? {
            self.bytes += answer.body.len() as u64;
            self.take(&answer, tell)?;
            self.ask();
        }
        Ok(())
    }

    fn take(&mut self, answer: &Answer, tell: &mut impl FnMut(u64, u64)) -> Result<()> {
        if let Asked::Part(_) = self.asked {
            if answer.status != 200 {
                self.missed += 1;
                return Ok(());
            }
            self.parts += 1;
            if self.sampled
                && let Some((first, last)) = stamps(&answer.body)
            {
                tell(first, last);
            }
            return Ok(());
        }
        let text = String::from_utf8_lossy(&answer.body);
        ensure!(answer.status == 200, "{:?} was answered {}: {text}", self.asked, answer.status);
        if self.asked == Asked::Multivariant {
            let uri = text.lines().find(|line| !line.is_empty() && !line.starts_with('#'));
            let Some(uri) = uri else { bail!("no variant in {text}") };
            self.media = resolve(&self.media, uri);
            self.asked = Asked::Playlist;
            return Ok(());
        }
        let list = Playlist::read(&text)?;
        self.next = list.next;
        let Some(at) = self.at else {
            let skip = list.parts.len().saturating_sub(HOLD_BACK);
            self.due.extend(list.parts.into_iter().skip(skip));
            return Ok(());
        };
        let newer: Vec<(Place, String)> = list.parts.into_iter().filter(|(place, _)| *place > at).collect();
        // The first of them must be the very next.
        if let Some((first, _)) = newer.first()
            && *first != (at.0, at.1 + 1)
            && *first != (at.0 + 1, 0)
        {
            self.missed += 1;
        }
        self.due.extend(newer);
        Ok(())
    }

    fn ask(&mut self) {
        let path = match self.due.pop_front() {
            Some((place, uri)) => {
                (self.asked, self.at) = (Asked::Part(place), Some(place));
                resolve(&self.media, &uri)
            }
            None if self.at.is_none() => self.media.clone(),
            None => {
                self.asked = Asked::Playlist;
                let and = if self.media.contains('?') { '&' } else { '?' };
                let (segment, part) = self.next;
                format!("{}{and}_HLS_msn={segment}&_HLS_part={part}&_HLS_skip=YES", self.media)
            }
        };
        self.out.extend_from_slice(get(&self.host, &path).as_bytes());
    }
}

/// The first and the last stamp in a part.
fn stamps(part: &[u8]) -> Option<(u64, u64)> {
    let places = |bytes: &[u8]| -> Vec<usize> {
        let name = crate::source::STAMP_NAME;
        let first = name[0];
        let candidates = bytes.iter().enumerate().filter(|(_, byte)| **byte == first).map(|(at, _)| at);
        candidates.filter(|at| bytes[*at..].starts_with(name)).collect()
    };
    let found = places(part);
    let read = |at: Option<&usize>| stamp(&part[*at?..]);
    Some((read(found.first())?, read(found.last())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-PART:DURATION=0.2,URI=\"p7.0?s=1\"\n\
        #EXT-X-PART:URI=\"p7.1\",DURATION=0.2,INDEPENDENT=YES\n#EXTINF:0.4,\ns7\n#EXT-X-PART:DURATION=0.2,URI=\"p8.0\"\n\
        #EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"p8.1\"\n";

    fn answer(body: &str) -> Vec<u8> {
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }

    fn asked(watcher: &mut Watcher) -> String {
        let out = String::from_utf8(std::mem::take(&mut watcher.out)).unwrap();
        out.split(' ').nth(1).unwrap().to_owned()
    }

    #[test]
    fn a_playlist_says_what_is_there_and_what_comes_next() {
        let list = Playlist::read(LIST).unwrap();
        let places: Vec<Place> = list.parts.iter().map(|(place, _)| *place).collect();
        assert_eq!(places, [(7, 0), (7, 1), (8, 0)]);
        assert_eq!(
            (list.next, list.segments, list.parts[0].1.as_str()),
            ((8, 1), vec!["s7".to_owned()], "p7.0?s=1")
        );
        let delta =
            Playlist::read("#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-SKIP:SKIPPED-SEGMENTS=5\n").unwrap();
        assert_eq!(delta.next, (12, 0));
        assert!(Playlist::read("<html>").is_err());
    }

    #[test]
    fn a_watcher_fetches_every_part_and_then_waits_for_the_next() {
        let mut watcher = Watcher::new("h", "/live/a.m3u8?k=v", false);
        let feed = |watcher: &mut Watcher, body: &str| watcher.feed(&answer(body), &mut |_, _| ()).unwrap();
        assert_eq!(asked(&mut watcher), "/live/a.m3u8?k=v");
        feed(&mut watcher, "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\na/live.m3u8?s=1\n");
        assert_eq!(asked(&mut watcher), "/live/a/live.m3u8?s=1");
        feed(&mut watcher, LIST);
        for part in ["p7.0?s=1", "p7.1", "p8.0"] {
            assert_eq!(asked(&mut watcher), format!("/live/a/{part}"));
            feed(&mut watcher, "x");
        }
        assert_eq!(asked(&mut watcher), "/live/a/live.m3u8?s=1&_HLS_msn=8&_HLS_part=1&_HLS_skip=YES");
        feed(&mut watcher, &format!("{LIST}#EXT-X-PART:DURATION=0.2,URI=\"p8.1\"\n"));
        assert_eq!(asked(&mut watcher), "/live/a/p8.1");
        feed(&mut watcher, "x");
        assert_eq!((watcher.parts, watcher.missed), (4, 0));
        asked(&mut watcher);
        feed(&mut watcher, "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:10\n#EXT-X-PART:DURATION=0.2,URI=\"p10.0\"\n");
        assert_eq!(watcher.missed, 1, "a part between was never seen");
    }
}
