//! HLS: what players, caches and strangers are given.

use std::collections::BTreeMap;
use std::time::Duration;

use testkit::clip::Clip;
use testkit::http::{Answer, get};
use testkit::publisher::Publisher;

use crate::ffmpeg::{self, Packet, Version, packets};
use crate::harness::{Folder, Weir, wait_for};
use crate::show::on_air;

/// A media playlist, as far as a test looks at it.
#[derive(Debug, Default, Clone)]
struct List {
    text: String,
    sequence: u64,
    discontinuities: u64,
    skipped: u64,
    target: f64,
    part_target: f64,
    segments: Vec<Segment>,
    /// Of the open segment.
    parts: Vec<Part>,
    hint: Option<String>,
    ended: bool,
}

#[derive(Debug, Default, Clone, PartialEq)]
struct Segment {
    number: u64,
    uri: String,
    duration: f64,
    discontinuity: bool,
    init: Option<String>,
    date: Option<String>,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq)]
struct Part {
    uri: String,
    duration: f64,
}

impl List {
    fn parse(text: &str) -> List {
        let mut list = List { text: text.to_owned(), ..List::default() };
        let mut segment = Segment::default();
        assert!(text.starts_with("#EXTM3U\n"), "{text}");
        for line in text.lines() {
            let (tag, value) = line.split_once(':').unwrap_or((line, ""));
            let attributes = attributes(value);
            let uri = || attributes["URI"].clone();
            match tag {
                "#EXT-X-MEDIA-SEQUENCE" => list.sequence = value.parse().unwrap(),
                "#EXT-X-DISCONTINUITY-SEQUENCE" => list.discontinuities = value.parse().unwrap(),
                "#EXT-X-TARGETDURATION" => list.target = value.parse().unwrap(),
                "#EXT-X-PART-INF" => list.part_target = attributes["PART-TARGET"].parse().unwrap(),
                "#EXT-X-SKIP" => list.skipped = attributes["SKIPPED-SEGMENTS"].parse().unwrap(),
                "#EXT-X-DISCONTINUITY" => segment.discontinuity = true,
                "#EXT-X-PROGRAM-DATE-TIME" => segment.date = Some(value.to_owned()),
                "#EXT-X-MAP" => segment.init = Some(uri()),
                "#EXT-X-PART" => {
                    let duration = attributes["DURATION"].parse().unwrap();
                    segment.parts.push(Part { uri: uri(), duration });
                }
                "#EXT-X-PRELOAD-HINT" => list.hint = Some(uri()),
                "#EXT-X-ENDLIST" => list.ended = true,
                "#EXTINF" => segment.duration = value.trim_end_matches(',').parse().unwrap(),
                _ if line.starts_with('#') => {}
                _ => {
                    let number = list.sequence + list.skipped + list.segments.len() as u64;
                    let done = Segment { number, uri: line.to_owned(), ..std::mem::take(&mut segment) };
                    list.segments.push(done);
                }
            }
        }
        list.parts = segment.parts;
        list
    }

    fn next(&self) -> u64 {
        self.sequence + self.skipped + self.segments.len() as u64
    }
}

fn attributes(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once('=') {
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap(),
            None => after.split_at(after.find(',').unwrap_or(after.len())),
        };
        found.insert(name.trim_start_matches(',').to_owned(), value.to_owned());
        rest = next;
    }
    found
}

/// A player of one stream, which remembers where its playlist is.
struct Player<'a> {
    weir: &'a Weir,
    /// The path of the media playlist with its token.
    list: String,
    variant: BTreeMap<String, String>,
}

impl<'a> Player<'a> {
    fn open(weir: &'a Weir, address: &str) -> Player<'a> {
        let answer = fetch(weir, address);
        assert_eq!(answer.status, 200, "{address}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/vnd.apple.mpegurl"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let text = answer.text();
        let variant = text.lines().find_map(|line| line.strip_prefix("#EXT-X-STREAM-INF:")).unwrap();
        let uri = text.lines().last().unwrap();
        Player { weir, list: resolve(address, uri), variant: attributes(variant) }
    }

    fn get(&self, uri: &str) -> Answer {
        fetch(self.weir, &resolve(&self.list, uri))
    }

    fn list(&self) -> List {
        self.list_with("")
    }

    fn list_with(&self, query: &str) -> List {
        let answer = self.ask(query);
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        assert_eq!(answer.header("cache-control"), Some("public, max-age=1"));
        List::parse(&answer.text())
    }

    fn ask(&self, query: &str) -> Answer {
        fetch(self.weir, &format!("{}{query}", self.list))
    }

    /// The playlist, as soon as it is as wanted.
    fn list_when(&self, what: &str, wanted: impl Fn(&List) -> bool) -> List {
        let found = std::cell::RefCell::new(List::default());
        wait_for(what, || {
            *found.borrow_mut() = self.list();
            wanted(&found.borrow())
        });
        found.into_inner()
    }

    fn bytes(&self, uri: &str) -> Vec<u8> {
        let answer = self.get(uri);
        assert_eq!(answer.status, 200, "{uri}: {}", answer.text());
        assert_eq!(answer.header("cache-control"), Some("public, max-age=31536000, immutable"));
        answer.body
    }
}

fn fetch(weir: &Weir, target: &str) -> Answer {
    get(weir.http, target, "Origin: http://elsewhere.example\r\n").expect("an answer")
}

/// An address that a playlist at `base` names.
fn resolve(base: &str, uri: &str) -> String {
    let path = base.split('?').next().unwrap();
    format!("{}/{uri}", path.rsplit_once('/').unwrap().0)
}

/// A publisher at its own pace, on a thread, until it is told to stop.
struct Show {
    stop: std::sync::Arc<std::sync::atomic::AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Show {
    fn start(weir: &Weir, stream: &str, clip: Clip, level: u8) -> Show {
        let mut publisher = Publisher::connect(&weir.rtmp_url(stream)).expect("a publisher");
        publisher.send_headers(level).expect("headers");
        let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let told = stop.clone();
        let began = std::time::Instant::now();
        let thread = std::thread::spawn(move || {
            for shot in clip.shots(0, 120_000) {
                let due = began + Duration::from_millis(shot.time.into());
                std::thread::sleep(due.saturating_duration_since(std::time::Instant::now()));
                let sent = publisher.send(shot.kind, shot.time, &shot.body);
                if sent.is_err() || told.load(std::sync::atomic::Ordering::Relaxed) {
                    return;
                }
            }
        });
        weir.wait_on_air(stream);
        Show { stop, thread: Some(thread) }
    }
}

impl Drop for Show {
    fn drop(&mut self) {
        self.stop.store(true, std::sync::atomic::Ordering::Relaxed);
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

const VIDEO: &str = "testsrc2=size=320x180:rate=25:duration=5";
const AUDIO: &str = "sine=frequency=440:sample_rate=44100:duration=5";

/// Pushes what these arguments make, and compares what ffmpeg reads from the playlists with the original.
fn round_trip(name: &str, version: Version, args: &[&str], codecs: &str, containers: &[&str]) {
    let folder = Folder::new(name);
    let original = folder.file("original.flv").to_string_lossy().into_owned();
    ffmpeg::run(version, &[args, &["-f", "flv", &original]].concat());
    let weir = Weir::with(&[("hub.grace_seconds", "2"), ("hls.mode", "always")]);
    let stream = format!("live/{name}");
    let url = weir.rtmp_url(&stream);
    let push = ["-readrate", "2", "-i", &original, "-map", "0", "-c", "copy", "-f", "flv", &url];
    let push = ffmpeg::start(version, &push);
    weir.wait_on_air(&stream);
    let players: Vec<_> = containers
        .iter()
        .map(|container| {
            let player = Player::open(&weir, &format!("/{stream}.m3u8?container={container}"));
            assert_eq!(player.variant["CODECS"], codecs, "{container}");
            (container, player)
        })
        .collect();
    assert_eq!(push.wait().code, Some(0));
    for (container, player) in players {
        player.list_when("the end of the list", |list| list.ended);
        let url = format!("http://{}{}", weir.http, player.list);
        let out = folder.file(&format!("{container}.md5")).to_string_lossy().into_owned();
        // As they lie in an MP4: what an FLV has, and what MPEG-TS is turned back into.
        let done = ffmpeg::run_loudly(version, &["-i", &url, "-map", "0", "-f", "framemd5", &out]);
        assert_eq!(done.stderr, "", "{container}: {}", player.list().text);
        let seen = packets(&std::fs::read_to_string(&out).expect("what ffmpeg wrote"));
        let whole = folder.file("whole.md5").to_string_lossy().into_owned();
        ffmpeg::run(version, &["-i", &original, "-map", "0", "-f", "framemd5", &whole]);
        let expected = packets(&std::fs::read_to_string(&whole).expect("what ffmpeg wrote"));
        compare(&expected, &seen, container);
    }
}

/// Every decoded frame of each track is there, in order.
fn compare(expected: &[Packet], seen: &[Packet], what: &str) {
    let hashes = |packets: &[Packet], track: u32| -> Vec<String> {
        packets.iter().filter(|packet| packet.track == track).map(|packet| packet.hash.clone()).collect()
    };
    let tracks = expected.iter().map(|packet| packet.track).max().unwrap();
    for track in 0..=tracks {
        assert_eq!(hashes(expected, track), hashes(seen, track), "{what}: frames of track {track}");
    }
}
