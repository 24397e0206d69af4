//! HLS: what players, caches and strangers are given.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use testkit::clip::Clip;
use testkit::http::{Answer, exchange, get};
use testkit::publisher::Publisher;
use weir::clock::Clock;

use crate::ffmpeg::{self, Packet, Version, packets};
use crate::harness::{Folder, Weir, wait_for};
use crate::show::on_air;

/// A media playlist, as far as a test looks at it.
#[derive(Debug, Default, Clone)]
pub struct List {
    text: String,
    sequence: u64,
    discontinuities: u64,
    skipped: u64,
    target: f64,
    part_target: f64,
    pub segments: Vec<Segment>,
    /// Of the open segment.
    parts: Vec<Part>,
    hint: Option<String>,
    pub ended: bool,
}

#[derive(Debug, Default, Clone, PartialEq)]
pub struct Segment {
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
pub struct Player<'a> {
    weir: &'a Weir,
    /// The path of the media playlist with its token.
    list: String,
    variant: BTreeMap<String, String>,
}

impl<'a> Player<'a> {
    pub fn open(weir: &'a Weir, address: &str) -> Player<'a> {
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

    pub fn list(&self) -> List {
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
    pub fn list_when(&self, what: &str, wanted: impl Fn(&List) -> bool) -> List {
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
    began: Instant,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Show {
    fn start(weir: &Weir, stream: &str, clip: Clip, level: u8) -> Show {
        let mut publisher = Publisher::connect(&weir.rtmp_url(stream)).expect("a publisher");
        publisher.send_headers(level).expect("headers");
        let stop = Arc::new(AtomicBool::new(false));
        let told = stop.clone();
        let began = Instant::now();
        let thread = std::thread::spawn(move || {
            for shot in clip.shots(0, 120_000) {
                let due = began + Duration::from_millis(shot.time.into());
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                let sent = publisher.send(shot.kind, shot.time, &shot.body);
                if sent.is_err() || told.load(Ordering::Relaxed) {
                    return;
                }
            }
        });
        weir.wait_on_air(stream);
        Show { began, stop, thread: Some(thread) }
    }
}

impl Drop for Show {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

const VIDEO: &str = "testsrc2=size=320x180:rate=25:duration=4";
const AUDIO: &str = "sine=frequency=440:sample_rate=44100:duration=4";
const X264: [&str; 8] = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-pix_fmt", "yuv420p"];

/// Pushes what these arguments make to players that wait for it, and compares every decoded frame with the original.
fn round_trip(name: &str, version: Version, args: &[&str], codecs: &str, containers: &[&str]) {
    let folder = Folder::new(name);
    let original = folder.file("original.flv").to_string_lossy().into_owned();
    ffmpeg::run(version, &[args, &["-f", "flv", &original]].concat());
    let hashes = |input: &str, file: &str| {
        let out = folder.file(file).to_string_lossy().into_owned();
        let done = ffmpeg::run_loudly(
            version,
            &["-i", input, "-map", "0:v?", "-map", "0:a?", "-f", "framemd5", &out],
        );
        (packets(&std::fs::read_to_string(out).expect("what ffmpeg wrote")), done.stderr)
    };
    let (expected, _) = hashes(&original, "original.md5");
    assert!(expected.len() > 90, "only {} frames", expected.len());
    let weir = Weir::with(&[("hub.grace_seconds", "4")]);
    let stream = format!("live/{name}");
    std::thread::scope(|scope| {
        let players: Vec<_> = containers
            .iter()
            .map(|container| {
                let address = format!("/{stream}.m3u8?container={container}");
                (container, scope.spawn(|| Player::open(&weir, &{ address })))
            })
            .collect();
        weir.wait_for("players at the door", || weir.app().permits.held() >= players.len());
        let url = weir.rtmp_url(&stream);
        let push = ["-readrate", "2", "-i", &original, "-map", "0", "-c", "copy", "-f", "flv", &url];
        let push = ffmpeg::start(version, &push);
        let players: Vec<_> = players
            .into_iter()
            .map(|(container, player)| (container, player.join().expect("let in")))
            .collect();
        assert_eq!(push.wait().code, Some(0));
        weir.app().drop_stream(&hub::Name::new(&stream), "the test has what it wants");
        for (container, player) in players {
            assert_eq!(player.variant["CODECS"], codecs, "{container}");
            let list = player.list_when("the end of the list", |list| list.ended);
            check_times(&list);
            let (seen, warnings) = hashes(&format!("http://{}{}", weir.http, player.list), container);
            assert_eq!(warnings, "", "{container}: {}", list.text);
            compare(&expected, &seen, container);
        }
    });
}

/// Every decoded frame of each track is there, in order.
fn compare(expected: &[Packet], seen: &[Packet], what: &str) {
    let hashes = |packets: &[Packet], track: u32| -> Vec<String> {
        packets.iter().filter(|packet| packet.track == track).map(|packet| packet.hash.clone()).collect()
    };
    for track in 0..=expected.iter().map(|packet| packet.track).max().unwrap() {
        assert_eq!(hashes(expected, track), hashes(seen, track), "{what}: frames of track {track}");
    }
}

/// What holds for the durations of any list.
fn check_times(list: &List) {
    for segment in &list.segments {
        assert!(segment.duration.round() <= list.target, "{segment:?} over {}", list.target);
        assert!(segment.date.is_some(), "{segment:?}");
        let sum: f64 = segment.parts.iter().map(|part| part.duration).sum();
        assert!(segment.parts.is_empty() || (sum - segment.duration).abs() < 0.000_5, "{segment:?}");
    }
    let closed = list.segments.iter().map(|segment| segment.parts.as_slice());
    for parts in closed.chain([list.parts.as_slice()]) {
        for (index, part) in parts.iter().enumerate() {
            assert!(part.duration <= list.part_target, "{part:?} over {}", list.part_target);
            let last = index + 1 == parts.len();
            assert!(last || part.duration >= list.part_target * 0.85, "{part:?} of {}", list.part_target);
        }
    }
}

#[test]
fn h264_with_b_frames_and_aac_in_both_containers() {
    let args =
        [&["-f", "lavfi", "-i", VIDEO, "-f", "lavfi", "-i", AUDIO, "-c:a", "aac", "-bf", "2"], &X264[..]]
            .concat();
    round_trip("avc", Version::Debian, &args, "avc1.4d400c,mp4a.40.2", &["fmp4", "ts"]);
}

#[test]
fn hevc_in_both_containers() {
    let video =
        "-c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=50 -pix_fmt yuv420p -c:a aac";
    let args: Vec<_> = ["-f", "lavfi", "-i", VIDEO, "-f", "lavfi", "-i", AUDIO]
        .into_iter()
        .chain(video.split(' '))
        .collect();
    round_trip("hevc", Version::New, &args, "hvc1.1.6.L60.90,mp4a.40.2", &["fmp4", "ts"]);
}

#[test]
fn av1_and_opus_in_fmp4() {
    let video = "-c:v libaom-av1 -cpu-used 8 -usage realtime -g 50 -pix_fmt yuv420p -c:a libopus -ar 48000";
    let args: Vec<_> = ["-f", "lavfi", "-i", VIDEO, "-f", "lavfi", "-i", AUDIO]
        .into_iter()
        .chain(video.split(' '))
        .collect();
    round_trip("av1", Version::New, &args, "av01.0.00M.08,opus", &["fmp4"]);
}

#[test]
fn sound_alone_in_both_containers() {
    let args = ["-f", "lavfi", "-i", AUDIO, "-c:a", "aac"];
    round_trip("sound", Version::Debian, &args, "mp4a.40.2", &["fmp4", "ts"]);
}

#[test]
fn a_picture_alone_in_both_containers() {
    let args = [&["-f", "lavfi", "-i", VIDEO], &X264[..]].concat();
    round_trip("mute", Version::Debian, &args, "avc1.42c00c", &["fmp4", "ts"]);
}

/// A stream on air of which MPEG-TS carries nothing: a configuration of AV1, then key frames.
fn av1_on_air(weir: &Weir) -> Publisher {
    let mut publisher = Publisher::connect(&weir.rtmp_url("live/a")).expect("a publisher");
    publisher
        .send(media::frame::Kind::Video, 0, &b"\x90av01\x81\x00\x0c\x00"[..].to_vec().into())
        .expect("sent");
    for time in [0, 500] {
        let key = [&b"\x91av01"[..], &[0x0a, 1, 2, 3]].concat();
        publisher.send(media::frame::Kind::Video, time, &key.into()).expect("sent");
    }
    weir.wait_on_air("live/a");
    publisher
}

/// A stream that the configured container cannot carry is packaged from its beginning in the other one; one whose sound
/// only shows itself in its packets is tried once.
#[test]
fn what_is_packaged_always_is_packaged_in_a_container_that_carries_it_and_not_tried_in_vain() {
    let weir = Weir::with(&[("hls.container", "ts"), ("hls.mode", "always")]);
    let _publisher = av1_on_air(&weir);
    weir.wait_for("bytes in the other container", || weir.app().hls.held().bytes > 0);
    assert_eq!(weir.app().hls.held().packagers, 1, "and nothing in the configured one");

    let weir = Weir::with(&[("hls.container", "fmp4"), ("hls.mode", "always")]);
    let mut publisher = Publisher::connect(&weir.rtmp_url("live/a")).expect("a publisher");
    for time in (0..1_000).step_by(20) {
        publisher.send(media::frame::Kind::Audio, time, &vec![0x2F, 0xFF, 0xFB, 0x90].into()).expect("sent");
    }
    weir.wait_on_air("live/a");
    let stream = weir.app().hub.find(&hub::Name::new("live/a")).expect("on air");
    weir.wait_for("the packager's failure", || weir.app().hls.held().packagers == 1 && stream.readers() == 0);
    // Over several looks at what is to be packaged.
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(1) {
        assert_eq!(stream.readers(), 0, "it is packaged again in vain");
    }
}

#[test]
fn what_a_container_cannot_carry_is_said_and_the_other_is_taken_where_none_was_asked_for() {
    let weir = Weir::with(&[("hls.container", "ts")]);
    let _publisher = av1_on_air(&weir);
    let refused = fetch(&weir, "/live/a.m3u8?container=ts");
    assert_eq!(refused.status, 415, "{}", refused.text());
    assert!(
        refused.text().contains("AV1") && refused.text().contains("?container=fmp4"),
        "{}",
        refused.text()
    );
    assert_eq!(fetch(&weir, "/live/a.m3u8?container=mkv").status, 400);
    assert!(Player::open(&weir, "/live/a.m3u8").list.contains("/~fmp4/"));
}

/// Parts, blocking reloads, hints and delta updates, at the publisher's own pace.
#[test]
fn a_player_of_parts_is_given_each_as_soon_as_it_is_whole() {
    let weir = Weir::with(&[]);
    let show = Show::start(&weir, "live/a", Clip { gop: 12, ..Clip::default() }, 30);
    let player = Player::open(&weir, "/live/a.m3u8");
    assert_eq!(player.variant["FRAME-RATE"], "25.000");
    assert_eq!(player.variant["RESOLUTION"], "64x64");
    let mut list = player.list();
    let mut late = Vec::new();
    let mut delta = List::default();
    while delta.skipped == 0 && late.len() < 80 {
        let (msn, part) = (list.next(), list.parts.len());
        let hint = list.hint.clone().expect("a hint");
        let next = player.list_with(&format!("&_HLS_msn={msn}&_HLS_part={part}"));
        assert!(next.next() > msn || next.parts.len() > part, "{}", next.text);
        check_times(&next);
        let all = next.segments.iter().flat_map(|segment| &segment.parts).chain(&next.parts);
        let bytes = player.bytes(&hint);
        assert!(all.into_iter().any(|part| part.uri == hint), "the hint was kept: {}", next.text);
        let whole = show.began.elapsed();
        late.push(whole.saturating_sub(Duration::from_millis(first_stamp(&bytes).into())));
        delta = player.list_with("&_HLS_skip=YES");
        list = next;
    }
    late.sort();
    let bound = Duration::from_secs_f64(list.part_target) + Duration::from_millis(50);
    // Other tests run beside this one; by itself the 95th percentile is within the bound.
    assert!(late[late.len() * 3 / 4] <= bound, "{late:?}, bound {bound:?}");
    let full = player.list();
    assert!(delta.skipped > 0 && full.segments.len() as u64 >= delta.skipped + delta.segments.len() as u64);
    assert_eq!(
        delta.segments[0].uri,
        full.segments.iter().find(|s| s.number == delta.segments[0].number).unwrap().uri
    );
    // A segment is its parts.
    let segment = full.segments.iter().rfind(|segment| !segment.parts.is_empty()).unwrap();
    let parts: Vec<u8> = segment.parts.iter().flat_map(|part| player.bytes(&part.uri)).collect();
    assert!(player.bytes(&segment.uri) == parts && parts.starts_with(b"\0\0"));
    for odd in ["_HLS_msn=1000000000000", "_HLS_part=0", "_HLS_msn=x"] {
        assert_eq!(player.ask(&format!("&{odd}")).status, 400, "{odd}");
    }
    // What nobody hinted at is not waited for.
    assert_eq!(player.get(&full.hint.unwrap().replace(".m4s", "9.m4s")).status, 404);
}

/// The time that the first picture in these bytes was sent at.
fn first_stamp(bytes: &[u8]) -> u32 {
    let clip = Clip::default();
    let heads = [(clip.key_bytes as u32, 0x65), (clip.inter_bytes as u32, 0x41)];
    let at =
        |window: &[u8]| heads.iter().any(|(len, nal)| window[..4] == len.to_be_bytes() && window[4] == *nal);
    let found = bytes.windows(9).find(|window| at(window)).expect("a picture");
    u32::from_be_bytes(found[5..9].try_into().unwrap())
}

/// Sends `from` to `to` milliseconds of a clip.
fn send(publisher: &mut Publisher, from: u32, to: u32) {
    publisher.send_all(&Clip::default().shots(from, to)).expect("sent");
}

#[test]
fn another_publisher_is_a_discontinuity_and_numbers_go_on_through_ends_and_restarts() {
    let keys = [("hub.grace_seconds", "1"), ("hls.window_seconds", "6")];
    let data = Folder::new("numbers");
    let weir = Weir::start_in(data.path(), &keys);
    let mut first = on_air(&weir, "live/a");
    let player = Player::open(&weir, "/live/a.m3u8");
    send(&mut first, 1_000, 4_200);
    let before = player.list_when("two segments", |list| list.segments.len() >= 2);
    assert!(before.segments[0].discontinuity, "what was before is not known: {}", before.text);
    let mut second = Publisher::connect(&weir.rtmp_url("live/a")).expect("a takeover");
    second.send_headers(31).expect("headers");
    send(&mut second, 50_000, 53_500);
    let after = player.list_when("segments of the second", |list| {
        list.segments.iter().filter(|segment| segment.init.is_some()).count() == 2
    });
    let seam = after.segments.iter().rfind(|segment| segment.init.is_some()).unwrap();
    assert!(seam.discontinuity && seam.number >= before.next(), "{}", after.text);
    assert_ne!(
        player.bytes(seam.init.as_ref().unwrap()),
        player.bytes(after.segments[0].init.as_ref().unwrap())
    );
    assert!(!after.ended);
    check_times(&after);
    // It leaves: first the list stays, then it ends; and the next show goes on with the numbers.
    drop(second);
    let ended = player.list_when("the end", |list| list.ended);
    assert!(ended.hint.is_none() && ended.next() >= after.next());
    let mut third = on_air(&weir, "live/a");
    let viewers = || weir.app().hub.find(&hub::Name::new("live/a")).map(|stream| stream.viewers());
    // It asks before the media comes: whoever asks after it is given the newest group of pictures, which is no segment yet.
    let next = std::thread::scope(|scope| {
        let next =
            scope.spawn(|| player.list_when("another show", |list| !list.ended && list.segments.len() >= 2));
        weir.wait_for("the player at the new show", || viewers() == Some(1));
        send(&mut third, 1_000, 4_200);
        next.join().expect("a list")
    });
    assert!(next.sequence >= ended.next(), "{} after {}", next.sequence, ended.text);
    assert!(next.discontinuities > ended.discontinuities);
    assert_eq!(viewers(), Some(1), "the player is a viewer of the new show");
    // A restart knows nothing but the time and the keys. These shows were sent faster than time goes by.
    let path = player.list.clone();
    weir.stop();
    let clock = Clock::system();
    clock.set_unix_ms(clock.unix_ms() + 60_000);
    let weir = Weir::start_at(clock, data.path(), &keys);
    let player = Player { weir: &weir, list: path, variant: BTreeMap::new() };
    let waits = std::thread::scope(|scope| {
        let waits = scope.spawn(|| player.list_with(&format!("&_HLS_msn={}&_HLS_part=0", next.next())));
        weir.wait_for("the player is back", || weir.app().permits.held() >= 1);
        let mut fourth = on_air(&weir, "live/a");
        send(&mut fourth, 1_000, 4_200);
        let list = waits.join().expect("an answer");
        player.list_when("segments after the restart", |list| list.segments.len() >= 2);
        list
    });
    assert!(!waits.segments.is_empty() || !waits.parts.is_empty(), "{}", waits.text);
    assert!(waits.sequence >= next.next(), "{} after {}", waits.sequence, next.text);
    assert!(waits.discontinuities > next.discontinuities);
}

#[test]
fn a_viewer_is_a_session_that_is_counted_and_can_be_dismissed() {
    let weir = Weir::with(&[]);
    let mut publisher = on_air(&weir, "live/a");
    let players = [Player::open(&weir, "/live/a.m3u8"), Player::open(&weir, "/live/a/index.m3u8")];
    assert_eq!(weir.app().sessions.count(|session| session.about.wire == "hls"), 0, "nobody plays yet");
    send(&mut publisher, 1_000, 3_200);
    let lists =
        players.each_ref().map(|player| player.list_when("a segment", |list| !list.segments.is_empty()));
    weir.wait_viewers("live/a", 2);
    assert_eq!(weir.app().hls.held().packagers, 1, "both are served from one shelf");
    let segment = &lists[0].segments[0].uri;
    let bytes = players[0].bytes(segment).len() as u64;
    assert_eq!(fetch(&weir, &resolve(&players[0].list, segment.split('?').next().unwrap())).status, 403);
    let session = weir.app().sessions.list(0, 9, |session| session.about.wire == "hls").remove(0);
    wait_for("its bytes are counted", || session.bytes() > bytes);
    session.dismiss("a test");
    let told = players[0].ask("");
    assert_eq!(told.status, 403);
    assert!(told.text().contains("dismissed"), "{}", told.text());
    assert_eq!(players[0].get(segment).status, 403);
    weir.wait_viewers("live/a", 1);
    assert_eq!(players[0].ask("").status, 403, "its token is remembered");
    assert_eq!(players[1].get(&lists[1].segments[0].uri).status, 200, "the other one goes on");
    // Nobody new is let in, and whoever is there goes on.
    weir.app().begin_drain(Duration::from_secs(60));
    assert_eq!(fetch(&weir, "/live/a.m3u8").status, 503);
    players[1].list();
}

#[test]
fn the_first_playlist_is_signed_and_the_rest_wants_its_token() {
    let weir = Weir::with(&[("play.scheme", "tencent")]);
    let mut publisher = on_air(&weir, "live/a");
    assert_eq!(fetch(&weir, "/live/a.m3u8").status, 403);
    let expires = weir.clock.unix_seconds() + 600;
    let signed = weir.app().admission.look(|authority| {
        let domain = authority.domain(control::Role::Play, "127.0.0.1").expect("a domain");
        let target = control::sign::SignTarget { app: "live", stream: "a", path: "/live/a.m3u8" };
        domain.sign(&target, expires, "0").expect("a signature")
    });
    let player = Player::open(&weir, &format!("/live/a.m3u8?{signed}"));
    send(&mut publisher, 1_000, 3_200);
    let list = player.list_when("a segment", |list| !list.segments.is_empty());
    player.bytes(&list.segments[0].uri);
    let path = player.list.split('?').next().unwrap().to_owned();
    for bad in [
        path.clone(),
        format!("{path}?{signed}"),
        player.list.replace("/a/", "/b/"),
        format!("{}A", player.list),
    ] {
        let refused = fetch(&weir, &bad);
        assert_eq!((refused.status, refused.text().contains("bad_token")), (403, true), "{bad}");
    }
    let allowed = player.ask("");
    assert_eq!(allowed.header("access-control-allow-origin"), Some("*"));
    // HEAD says what GET would, and sends nothing.
    let head = format!("HEAD {} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", player.list);
    let head = exchange(weir.http, head.as_bytes()).expect("an answer");
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert!(head.header("content-length").unwrap().parse::<usize>().unwrap() > 100);
    // The token is good for a day.
    weir.clock.set_unix_ms(weir.clock.unix_ms() + 86_400_000 + 2_000);
    assert_eq!(player.ask("").status, 403);
}

#[test]
fn a_cdn_names_itself_and_caches_may_have_addresses_without_tokens() {
    let keys = [("hls.cdn_secret", "hunter2"), ("hls.segment_tokens", "false"), ("hls.container", "ts")];
    let weir = Weir::with(&keys);
    let mut publisher = on_air(&weir, "live/a");
    let ask = |target: &str, secret: &str| {
        get(weir.http, target, &format!("X-CDN-Secret: {secret}\r\n")).expect("an answer")
    };
    assert_eq!(ask("/live/a.m3u8", "hunter").status, 403);
    let first = ask("/live/a.m3u8", "hunter2");
    send(&mut publisher, 1_000, 3_200);
    let path = resolve("/live/a.m3u8", first.text().lines().last().unwrap());
    let list = List::parse(&ask(&path, "hunter2").text());
    let segment = resolve(&path, &list.segments[0].uri);
    assert!(segment.ends_with(".ts"), "{segment}");
    assert_eq!(ask(&segment, "hunter2").body.first(), Some(&0x47));
    assert_eq!(fetch(&weir, &segment).status, 403);
    let closed = Weir::with(&[("hls.enabled", "false")]);
    assert_eq!(fetch(&closed, "/live/a.m3u8").status, 404);
}

#[test]
fn memory_is_bounded_by_the_window_and_by_bytes() {
    let keys = [("hls.max_bytes", "4194304"), ("hls.window_seconds", "10"), ("hls.segment_ms", "1000")];
    let weir = Weir::with(&keys);
    let clip = Clip { inter_bytes: 20_000, ..Clip::default() };
    let mut publisher = Publisher::connect(&weir.rtmp_url("live/a")).expect("a publisher");
    publisher.send_headers(30).expect("headers");
    publisher.send_all(&clip.shots(0, 1_000)).expect("sent");
    let player = Player::open(&weir, "/live/a.m3u8");
    let mut first = None;
    for second in 1..30 {
        let was = player.list();
        first = first.or(was.segments.first().cloned());
        publisher.send_all(&clip.shots(second * 1_000, (second + 1) * 1_000)).expect("sent");
        let list = player.list_when("all of it", |list| list.next() > was.next() && list.parts.len() == 3);
        assert!(weir.app().hls.held().bytes <= 4 << 20, "{:?}", weir.app().hls.held());
        for segment in &list.segments {
            player.bytes(&segment.uri);
        }
    }
    assert!(weir.app().hls.held().bytes > 2 << 20);
    assert_eq!(player.get(&first.expect("a first segment").uri).status, 404, "it was let go");
}

#[test]
fn packaging_begins_with_the_group_that_is_there_and_the_end_stays_for_a_while() {
    let weir = Weir::with(&[("hub.grace_seconds", "0")]);
    let mut publisher = Publisher::connect(&weir.rtmp_url("live/a")).expect("a publisher");
    publisher.send_headers(30).expect("headers");
    let clip = Clip { gop: 100, ..Clip::default() };
    publisher.send_all(&clip.shots(0, 7_000)).expect("sent");
    weir.wait_on_air("live/a");
    assert_eq!(weir.app().hls.held().packagers, 0, "nobody has asked");
    // The newest key frame is three seconds old: parts of all that are there at once.
    let player = Player::open(&weir, "/live/a.m3u8");
    let list = player.list();
    let there: f64 = list.parts.iter().map(|part| part.duration).sum();
    assert!(there > 2.4 && list.target >= 4.0, "{}", list.text);
    // Whole segments are there with the next key frame.
    let plain = Player::open(&weir, "/live/a/hls.m3u8");
    let list = std::thread::scope(|scope| {
        let waits = scope.spawn(|| plain.list());
        publisher.send_all(&clip.shots(8_000, 8_100)).expect("sent");
        waits.join().expect("a list")
    });
    assert_eq!(list.segments.len(), 1, "{}", list.text);
    publisher.finish().expect("over");
    let end = plain.list_when("the end", |list| list.ended);
    assert_eq!(plain.get(&end.segments[0].uri).status, 200, "the end stays for a while");
    weir.wait_for("nobody watches what is over", || {
        weir.app().sessions.count(|s| s.about.wire == "hls") == 0
    });
}
