//! Pictures of streams and files: real encoders in, JPEGs that a real decoder reads out, and children that misbehave.

use std::cell::Cell;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use bytes::Bytes;
use media::frame::Kind;
use media::mp4::{Detail, Scanner};
use serde_json::Value;
use testkit::clip::aac_config;
use testkit::http::{self, Answer};
use testkit::publisher::Publisher;
use weir::snapshot::{Failure, Key, Sheet, Width};

use crate::ffmpeg::{self, Running, Version};
use crate::harness::{Folder, Weir, wait_for};

/// The left half is red, the right half is blue.
const HALVES: &str =
    "color=red:size=320x180:rate=25:duration=60,drawbox=x=160:y=0:w=160:h=180:color=blue:t=fill";

/// The demo stream is on air.
const DEMO: (&str, &str) = ("demo.enabled", "true");

fn get(weir: &Weir, target: &str) -> Answer {
    http::get(weir.http, target, "").expect("an answer")
}

/// The code of a refusal, which has words in both languages.
fn code(answer: &Answer) -> String {
    let body: Value = serde_json::from_str(&answer.text()).unwrap_or_else(|_| panic!("{}", answer.text()));
    let error = &body["error"];
    let words = |key: &str| error[key].as_str().is_some_and(|words| words.len() > 10);
    assert!(words("message") && words("message_zh"), "{error}");
    error["code"].as_str().expect("a code").to_owned()
}

/// A picture that ffmpeg decoded.
struct Picture {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

impl Picture {
    fn of(jpeg: &[u8]) -> Picture {
        let folder = Folder::new("jpeg");
        let (from, to) = (folder.file("a.jpg"), folder.file("a.ppm"));
        fs::write(&from, jpeg).expect("a file");
        ffmpeg::run(Version::Debian, &["-f", "mjpeg", "-i", &from.to_string_lossy(), &to.to_string_lossy()]);
        let file = fs::read(&to).expect("a picture");
        // P6, width, height, 255, then the pixels.
        let head =
            file.iter().enumerate().filter(|(_, byte)| byte.is_ascii_whitespace()).nth(3).expect("a head").0;
        let words = String::from_utf8_lossy(&file[..head]).into_owned();
        let side =
            |at: usize| words.split_whitespace().nth(at).and_then(|side| side.parse().ok()).expect("a side");
        Picture { width: side(1), height: side(2), rgb: file[head + 1..].to_vec() }
    }

    /// What a point given in percent looks like.
    fn colour(&self, x: usize, y: usize) -> &'static str {
        let at = (self.height * y / 100 * self.width + self.width * x / 100) * 3;
        match self.rgb[at..at + 3] {
            [200..=255, ..60, ..60] => "red",
            [..60, ..60, 200..=255] => "blue",
            [..40, ..40, ..40] => "black",
            _ => "another",
        }
    }
}

fn push(weir: &Weir, version: Version, stream: &str, encode: &str) -> Running {
    let url = weir.rtmp_url(stream);
    let words = format!("-re -f lavfi -i {HALVES} {encode} -pix_fmt yuv420p -g 25 -f flv {url}");
    ffmpeg::start(version, &words.split(' ').collect::<Vec<_>>())
}

#[test]
fn a_picture_has_the_size_and_the_colours_of_its_stream_whatever_the_codec() {
    let weir = Weir::with(&[]);
    let _pushes = [
        push(&weir, Version::Debian, "live/h264", "-c:v libx264 -preset ultrafast"),
        push(&weir, Version::New, "live/hevc", "-c:v libx265 -preset ultrafast -x265-params log-level=none"),
        push(&weir, Version::New, "live/av1", "-c:v libsvtav1 -preset 12"),
    ];
    for stream in ["live/h264", "live/hevc", "live/av1"] {
        weir.wait_on_air(stream);
        for (query, width, height) in [("", 320, 180), ("?width=160", 160, 90), ("?width=640", 320, 180)] {
            let answer = get(&weir, &format!("/{stream}.jpg{query}"));
            assert_eq!(answer.status, 200, "{stream}: {}", answer.text());
            assert_eq!(answer.header("content-type"), Some("image/jpeg"));
            assert_eq!(answer.header("cache-control"), Some("max-age=1"));
            let picture = Picture::of(&answer.body);
            assert_eq!((picture.width, picture.height), (width, height), "{stream}{query}");
            for (x, y, colour) in [(3, 5, "red"), (40, 95, "red"), (60, 5, "blue"), (97, 95, "blue")] {
                assert_eq!(picture.colour(x, y), colour, "{stream}{query} at {x},{y}");
            }
        }
    }
}

#[test]
fn fifty_who_ask_at_once_share_one_child_and_later_ones_see_the_time_go_on() {
    let weir = Weir::with(&[DEMO, ("snapshot.max_children", "1")]);
    weir.wait_on_air("live/demo");
    weir.wait_for("a key frame", || {
        weir.app().hub.find(&hub::Name::new("live/demo")).is_some_and(|stream| stream.newest_key().is_some())
    });
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let ask = || get(&weir, "/live/demo.jpg?width=320");
        let asked: Vec<_> = (0..50).map(|_| scope.spawn(ask)).collect();
        asked.into_iter().map(|one| one.join().expect("an answer")).collect()
    });
    let first = &answers[0];
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.body == first.body));
    assert_eq!(weir.app().snapshots.children_started(), 1);
    let etag = first.header("etag").expect("an etag");
    // The same key frame, or a second later: nothing is sent again. A busy machine may have come to the next one.
    let again = http::get(weir.http, "/live/demo.jpg?width=320", &format!("If-None-Match: {etag}\r\n"))
        .expect("an answer");
    assert!(
        again.status == 304 && again.body.is_empty() || again.header("etag") != Some(etag),
        "{}",
        again.status
    );
    wait_for("another picture", || get(&weir, "/live/demo.jpg?width=320").body != first.body);
    for width in ["1", "161", "0", "-160", "1e3", "99999999999999999999"] {
        let answer = get(&weir, &format!("/live/demo.jpg?width={width}"));
        assert_eq!((answer.status, code(&answer).as_str()), (400, "bad_width"));
    }
}

#[test]
fn who_may_not_play_sees_no_picture_and_nobody_waits_for_a_publisher() {
    let weir = Weir::with(&[
        DEMO,
        ("play.scheme", "tencent"),
        ("play.key", "k"),
        ("snapshot.cover_seconds", "1"),
        ("hub.grace_seconds", "120"),
    ]);
    weir.wait_on_air("live/demo");
    let refused = get(&weir, "/live/demo.jpg");
    assert_eq!((refused.status, code(&refused).as_str()), (403, "missing_expiry"));
    assert_eq!(get(&weir, "/live/demo.jpg?cover=1").status, 403);
    let query = |stream: &str| signature(&weir, stream, "");
    let signed = query("demo");
    wait_for("a picture", || get(&weir, &format!("/live/demo.jpg?width=160&{signed}")).status == 200);
    wait_for("a cover", || get(&weir, &format!("/live/demo.jpg?cover=1&{signed}")).status == 200);
    let one: Value =
        serde_json::from_str(&get(&weir, &format!("/api/v1/live/live/demo?{signed}")).text()).expect("JSON");
    let cover = one["cover"].as_str().expect("a cover");
    assert_eq!(get(&weir, &format!("{cover}&{signed}")).status, 200);
    let list: Value = serde_json::from_str(&get(&weir, "/api/v1/live").text()).expect("JSON");
    assert_eq!(list["streams"], Value::Array(Vec::new()));
    let began = Instant::now();
    let nobody = get(&weir, &format!("/live/nobody.jpg?{}", query("nobody")));
    assert_eq!((nobody.status, code(&nobody).as_str()), (404, "not_on_air"));
    assert!(began.elapsed() < Duration::from_secs(60), "a player would wait; a picture does not");
}

/// The query with which a stream of `live` is played for ten minutes.
fn signature(weir: &Weir, stream: &str, path: &str) -> String {
    let target = control::sign::SignTarget { app: "live", stream, path };
    let end = weir.clock.unix_seconds() + 600;
    let sign = |authority: &control::Authority| {
        authority.domain(control::Role::Play, "127.0.0.1").expect("a domain").sign(&target, end, "n")
    };
    weir.app().admission.look(sign).expect("signed")
}

#[test]
fn a_signature_of_one_path_shows_no_cover_at_another() {
    let keys = [
        DEMO,
        ("play.scheme", "aliyun"),
        ("play.key", "k"),
        ("play.validity_seconds", "600"),
        ("snapshot.cover_seconds", "1"),
    ];
    let weir = Weir::with(&keys);
    let cover = format!("/live/demo.jpg?cover=1&{}", signature(&weir, "demo", "/live/demo.jpg"));
    wait_for("a cover", || get(&weir, &cover).status == 200);
    let played = signature(&weir, "demo", "/live/demo.flv");
    let one: Value =
        serde_json::from_str(&get(&weir, &format!("/api/v1/live/live/demo?{played}")).text()).expect("JSON");
    assert_eq!((&one["on_air"], &one["cover"]), (&Value::Bool(true), &Value::Null), "{one}");
    assert_eq!(get(&weir, &format!("/live/demo.jpg?cover=1&{played}")).status, 403);
}

#[test]
fn covers_are_made_by_themselves_and_listed() {
    let weir = Weir::with(&[DEMO, ("snapshot.cover_seconds", "1")]);
    let cover = || {
        let list: Value = serde_json::from_str(&get(&weir, "/api/v1/live").text()).expect("JSON");
        list["streams"][0]["cover"].as_str().map(str::to_owned)
    };
    wait_for("a cover in the list", || cover().is_some());
    let first = cover().expect("a cover");
    assert!(first.starts_with("/live/demo.jpg?cover="), "{first}");
    let answer = get(&weir, &first);
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("max-age=1")));
    assert_eq!(Picture::of(&answer.body).width, 480);
    wait_for("a newer cover at another address", || cover().is_some_and(|newer| newer != first));

    let without = Weir::with(&[DEMO]);
    without.wait_on_air("live/demo");
    let list: Value = serde_json::from_str(&get(&without, "/api/v1/live").text()).expect("JSON");
    assert_eq!(list["streams"][0]["cover"], Value::Null);
    let none = get(&without, "/live/demo.jpg?cover=1");
    assert_eq!((none.status, code(&none).as_str()), (404, "no_cover"));
}

#[test]
fn sound_alone_has_no_picture() {
    let weir = Weir::with(&[]);
    let mut publisher = Publisher::connect(&weir.rtmp_url("live/radio")).expect("a publisher");
    publisher.send(Kind::Audio, 0, &aac_config()).expect("sent");
    for time in (0..1_000).step_by(20) {
        publisher.send(Kind::Audio, time, &Bytes::from_static(&[0xaf, 1, 0x21, 0x10])).expect("sent");
    }
    weir.wait_on_air("live/radio");
    let answer = get(&weir, "/live/radio.jpg");
    assert_eq!((answer.status, code(&answer).as_str()), (404, "no_picture"));
    assert!(answer.text().contains("sound only"), "{}", answer.text());
    assert_eq!(weir.app().snapshots.children_started(), 0);
}

/// How many processes have this among their arguments.
fn processes(mark: &str) -> usize {
    let has = |entry: &fs::DirEntry| {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|argument| argument == mark.as_bytes())
    };
    fs::read_dir("/proc").expect("processes").flatten().filter(has).count()
}

#[test]
fn a_child_that_misbehaves_is_bounded_and_told() {
    let folder = Folder::new("children");
    let script = |name: &str, body: &str| {
        let path = folder.file(name);
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
        path.to_string_lossy().into_owned()
    };
    // A number that no other process sleeps for.
    let mark = format!("{}.25", 1_000_000 + std::process::id());
    let hangs = script("hangs", &format!("sleep {mark}"));
    let cases = [
        (hangs.clone(), "snapshot_timeout"),
        (script("endless", "cat /dev/zero"), "snapshot_failed"),
        (script("complains", "yes complaint >&2"), "snapshot_timeout"),
        (script("fails", "echo no >&2; exit 1"), "snapshot_failed"),
        (script("babbles", "cat >/dev/null; echo hello"), "snapshot_failed"),
        (script("silent", "exit 0"), "snapshot_failed"),
        (folder.file("absent").to_string_lossy().into_owned(), "no_ffmpeg"),
    ];
    for (program, expected) in cases {
        let weir = Weir::with(&[DEMO, ("snapshot.ffmpeg", &program), ("snapshot.timeout_ms", "700")]);
        wait_for("a key frame", || {
            code(&get(&weir, "/live/demo.jpg")) != "not_on_air"
                && code(&get(&weir, "/live/demo.jpg")) != "no_picture"
        });
        let answer = get(&weir, "/live/demo.jpg");
        assert_eq!((answer.status, code(&answer).as_str()), (503, expected), "{program}");
        assert_eq!(get(&weir, "/livez").status, 200);
    }
    let weir = Weir::with(&[DEMO, ("snapshot.ffmpeg", ""), ("snapshot.cover_seconds", "1")]);
    weir.wait_on_air("live/demo");
    wait_for("a key frame", || code(&get(&weir, "/live/demo.jpg")) == "snapshots_off");

    // However many are asked for, one child runs, and what it started goes with it.
    let weir = Weir::with(&[
        DEMO,
        ("snapshot.ffmpeg", &hangs),
        ("snapshot.timeout_ms", "1500"),
        ("snapshot.max_children", "1"),
    ]);
    weir.wait_on_air("live/demo");
    let most = Cell::new(0);
    std::thread::scope(|scope| {
        let weir = &weir;
        let ask = |width| move || code(&get(weir, &format!("/live/demo.jpg?width={width}")));
        let asked = [160, 320, 480, 640].map(|width| scope.spawn(ask(width)));
        wait_for("every answer", || {
            most.set(most.get().max(processes(&mark)));
            asked.iter().all(|one| one.is_finished())
        });
        for one in asked {
            let code = one.join().expect("an answer");
            assert!(["snapshot_timeout", "snapshot_busy"].contains(&code.as_str()), "{code}");
        }
    });
    assert_eq!(most.get(), 1, "children at once");
    wait_for("the end of what children started", || processes(&mark) == 0);
}

/// Twelve seconds in fragments of one, which are red and blue in turn.
fn striped(folder: &Folder) -> std::path::PathBuf {
    let path = folder.file("striped.mp4");
    let source =
        "color=red:size=320x180:rate=10:duration=12,drawbox=color=blue:t=fill:enable=mod(floor(t)\\,2)";
    let encode = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 10 -sc_threshold 0";
    let shape = "-movflags frag_keyframe+empty_moov+default_base_moof -f mp4";
    let args = ["-f", "lavfi", "-i", source].into_iter().chain(encode.split(' ')).chain(shape.split(' '));
    ffmpeg::run(Version::Debian, &args.chain([path.to_string_lossy().as_ref()]).collect::<Vec<_>>());
    path
}

#[test]
fn a_file_gives_posters_and_a_sprite_sheet() {
    let folder = Folder::new("sprites");
    let path = striped(&folder);
    let bytes = fs::read(&path).expect("the file");
    let mut scanner = Scanner::new(Detail::Fragments);
    scanner.handle_input(0, &bytes).expect("a good file");
    let index = scanner.finish(bytes.len() as u64);
    assert_eq!(index.fragments.len(), 12);
    let weir = Weir::with(&[]);
    let snapshots = &weir.app().snapshots;
    let file = fs::File::open(&path).expect("the file");
    let in_file = |at: usize| Key::in_file(&file, &index.init, &index.fragments[at].range).expect("read");
    let part = |range: &std::ops::Range<u64>| &bytes[range.start as usize..range.end as usize];
    let width = Width::new(160).expect("a width");
    for (at, colour) in [(4, "red"), (7, "blue")] {
        let in_fragment =
            Key::in_fragment(part(&index.init), part(&index.fragments[at].range)).expect("a key");
        for key in [in_fragment, in_file(at).expect("a key")] {
            let jpeg = weir.block_on(snapshots.jpeg_of(key, width)).expect("a poster");
            let picture = Picture::of(&jpeg);
            assert_eq!((picture.width, picture.height, picture.colour(50, 50)), (160, 90, colour));
        }
    }
    let keys: Vec<Key> = (0..12).map(|at| in_file(at).expect("a key")).collect();
    let before = snapshots.children_started();
    let sheet =
        weir.block_on(snapshots.sprites(keys, Sheet { columns: 5, tile_width: 80 })).expect("a sheet");
    assert_eq!(snapshots.children_started(), before + 1);
    assert_eq!((sheet.columns, sheet.rows, sheet.count), (5, 3, 12));
    assert_eq!((sheet.tile_width, sheet.tile_height), (80, 46));
    let picture = Picture::of(&sheet.jpeg);
    assert_eq!((picture.width, picture.height), (400, 138));
    for tile in 0..15 {
        let (x, y) = (tile % 5 * 20 + 10, tile / 5 * 33 + 16);
        let expected = if tile >= 12 { "black" } else { ["red", "blue"][tile % 2] };
        assert_eq!(picture.colour(x, y), expected, "tile {tile}");
    }

    // What is no beginning of pictures is told, at every length.
    let whole = part(&index.fragments[3].range);
    for end in (0..whole.len()).step_by(whole.len() / 40) {
        assert!(Key::in_fragment(part(&index.init), &whole[..end]).is_err(), "cut at {end}");
    }
    assert!(Key::in_fragment(&[], whole).is_err());
    assert!(
        weir.block_on(snapshots.sprites(Vec::new(), Sheet::default()))
            .is_err_and(|failure| failure == Failure::NoKey)
    );
}
