//! Recordings as viewers get them: through ffmpeg, by hand, signed and unsigned.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use media::mp4::Muxer;
use media::sample::{Config, Sample};
use media::synth::{Options, Synth};
use testkit::http::{self, Answer};
use weir::operator::keys::{self, Scope};
use weir::store::{Format, Key, Part, PartState, Recording, State, Watched};

use crate::ffmpeg::{self, Packet, Running};
use crate::harness::{Folder, PATIENCE, Weir};

/// Everything is recorded, and a show ends at once with its stream.
const RULES: &str = "[[record]]\ngap_seconds = 0\n";

/// The id of a recording that was never made by a recorder.
const MADE: &str = "0123456789abcdef01234567";

fn get(weir: &Weir, target: &str, headers: &str) -> Answer {
    http::get(weir.http, target, headers).expect("an answer")
}

fn url(weir: &Weir, target: &str) -> String {
    format!("http://{}{target}", weir.http)
}

/// Pushes some seconds and returns the finished recording.
fn record(weir: &Weir, stream: &str, seconds: u32) -> Recording {
    assert_eq!(ffmpeg::push(&weir.rtmp_url(stream), seconds).wait().code, Some(0));
    finished(weir)
}

fn the_recording(weir: &Weir) -> Option<Recording> {
    let store = weir.app().records.store().expect("a data folder");
    let page = weir::store::Page { before: None, limit: 1 };
    weir.block_on(store.index.list(&weir::store::Filter::default(), &page)).expect("a list").pop()
}

fn finished(weir: &Weir) -> Recording {
    weir.wait_for("a finished recording", || {
        the_recording(weir).is_some_and(|recording| recording.state == State::Finished)
    });
    the_recording(weir).expect("a recording")
}

/// The packets at an address; ffmpeg must not complain about anything.
fn packets(input: &[&str]) -> Vec<Packet> {
    packets_without("warning", input)
}

/// The same, with complaints from this level on.
fn packets_without(level: &str, input: &[&str]) -> Vec<Packet> {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-hide_banner", "-v", level]).args(input);
    command.args(["-map", "0", "-c", "copy", "-f", "framemd5", "-"]);
    let done = Running::new(command).wait();
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""), "{input:?}");
    ffmpeg::packets(&done.stdout)
}

/// The hashes of one track's payloads, in order. The framing of AAC and H.264 is the same in every file here.
fn hashes(packets: &[Packet], track: u32) -> Vec<&str> {
    packets.iter().filter(|packet| packet.track == track).map(|packet| packet.hash.as_str()).collect()
}

#[test]
fn a_show_is_replayed_frame_by_frame_in_every_form() {
    let data = Folder::new("replay");
    let weir = Weir::start_file_in(data.path(), RULES, &[]);
    let recording = record(&weir, "live/room1", 6);
    let root = weir.app().records.root().expect("a folder").to_owned();
    let store = weir.app().records.store().expect("a store");
    let parts = weir.block_on(store.index.parts(&recording.id)).expect("parts");
    let on_disk = root.join(&parts[0].path);
    let expected = packets(&["-i", &on_disk.to_string_lossy()]);
    assert_eq!(hashes(&expected, 0).len(), 150);
    let id = &recording.id;
    let list = url(&weir, &format!("/replay/{id}.m3u8"));
    let plain = url(&weir, &format!("/replay/{id}.mp4"));
    let flv = url(&weir, &format!("/replay/{id}.flv"));
    for input in [&list, &plain, &flv] {
        let found = packets(&["-i", input]);
        assert_eq!(hashes(&found, 0), hashes(&expected, 0), "{input}");
        assert_eq!(hashes(&found, 1), hashes(&expected, 1), "{input}");
    }

    let text = get(&weir, &format!("/replay/{id}.m3u8"), "").text();
    assert!(text.contains("#EXT-X-ENDLIST") && text.contains("#EXT-X-BYTERANGE"), "{text}");
    let part = text.lines().find(|line| line.starts_with(id.as_str())).expect("a segment");
    let file = std::fs::read(&on_disk).expect("the recorded file");
    let answer = get(&weir, &format!("/replay/{part}"), "Range: bytes=100-199\r\n");
    assert_eq!((answer.status, &answer.body[..]), (206, &file[100..200]));

    // A download that breaks off goes on.
    let whole = get(&weir, &format!("/replay/{id}.mp4"), "");
    let tag = whole.header("etag").expect("a tag").to_owned();
    assert_eq!(whole.head.matches("\naccept-ranges:").count(), 1, "{}", whole.head);
    assert!(whole.header("content-disposition").is_some_and(|name| name.contains("room1-20")));
    let at = whole.body.len() / 2;
    let rest =
        get(&weir, &format!("/replay/{id}.mp4"), &format!("Range: bytes={at}-\r\nIf-Range: {tag}\r\n"));
    assert_eq!((rest.status, &rest.body[..]), (206, &whole.body[at..]));
    let moov = whole.body.windows(4).position(|name| name == b"moov").expect("a head");
    assert!(moov < whole.body.windows(4).position(|name| name == b"mdat").expect("media"));

    // Key frames are a second apart, segments four. The first picture may come a moment after the first sound.
    let found = packets(&["-i", &format!("{plain}?from=2.5&to=3.9")]);
    assert_eq!(hashes(&found, 0), hashes(&expected, 0)[50..100]);
    let later = get(&weir, &format!("/replay/{id}.m3u8?from=4.5"), "").text();
    assert!(
        later.contains("#EXT-X-START:TIME-OFFSET=0.") && later.matches("#EXTINF").count() == 1,
        "{later}"
    );
    for bad in ["from=5x", "from=5&to=4"] {
        assert_eq!(get(&weir, &format!("/replay/{id}.mp4?{bad}"), "").status, 400, "{bad}");
    }
    assert_eq!(get(&weir, &format!("/replay/{id}.mp4?from=1000"), "").status, 409);
    let figures = &weir.app().replays.figures;
    assert!(figures.views() >= 4 && figures.bytes() > file.len() as u64);
    // The same is known of each recording, and outlives the server.
    weir.block_on(store.writer.flush());
    let watched = weir.block_on(store.index.find(id)).expect("the index").expect("the recording").watched;
    assert_eq!(watched, Watched { views: figures.views(), bytes: figures.bytes() });
}

#[test]
fn a_show_in_several_parts_plays_as_one_also_while_it_goes_on() {
    let data = Folder::new("replay");
    let weir =
        Weir::start_file_in(data.path(), "[[record]]\ngap_seconds = 60\n", &[("hub.grace_seconds", "1")]);
    assert_eq!(ffmpeg::push(&weir.rtmp_url("live/room1"), 5).wait().code, Some(0));
    let push = ffmpeg::push(&weir.rtmp_url("live/room1"), 9);
    weir.wait_for("a second part that is indexed", || {
        the_recording(&weir)
            .is_some_and(|recording| recording.state.is_open() && recording.duration_ms > 10_000)
    });
    let id = the_recording(&weir).expect("a recording").id;
    let outer = get(&weir, &format!("/replay/{id}.m3u8"), "").text();
    let inner = outer.lines().last().expect("an address").to_owned();
    assert!(outer.contains("#EXT-X-STREAM-INF") && inner.contains("?s="), "{outer}");
    let list = get(&weir, &format!("/replay/{inner}"), "").text();
    assert!(list.contains("EVENT") && !list.contains("ENDLIST"), "{list}");
    assert_eq!(list.matches("#EXT-X-DISCONTINUITY\n").count(), 1, "{list}");
    let before = list.lines().filter(|line| line.starts_with("#EXT-X-BYTERANGE")).count();
    assert_eq!(push.wait().code, Some(0));
    weir.wait_for("more of it", || {
        let later = get(&weir, &format!("/replay/{inner}"), "").text();
        let common: Vec<(&str, &str)> = list.lines().zip(later.lines()).collect();
        assert!(
            common.iter().skip(5).all(|(one, other)| one == other),
            "what was listed has changed: {list}{later}"
        );
        later.lines().filter(|line| line.starts_with("#EXT-X-BYTERANGE")).count() > before
    });
    let found = packets(&["-i", &url(&weir, &format!("/replay/{id}.mp4"))]);
    assert_eq!(hashes(&found, 0).len(), 350);
    let found = packets(&["-i", &url(&weir, &format!("/replay/{id}.flv"))]);
    assert_eq!(hashes(&found, 0).len(), 350);
    weir.app().records.stop(&id).expect("stopped");
    finished(&weir);
    // ffmpeg warns of every discontinuity where times go back, as they do from file to file.
    let found = packets_without("error", &["-i", &url(&weir, &format!("/replay/{id}.m3u8"))]);
    assert_eq!(hashes(&found, 0).len(), 350);
}

/// Puts a recording into the index that nobody recorded: a file of `bytes` with nothing in it, and a key frame every two
/// seconds.
fn make(weir: &Weir, duration_ms: u64, bytes: u64) -> Recording {
    let root = weir.app().records.root().expect("a folder").to_owned();
    let store = weir.app().records.store().expect("a store");
    let path = "made/1.mp4".to_owned();
    std::fs::create_dir_all(root.join("made")).expect("a folder");
    File::create(root.join(&path)).and_then(|file| file.set_len(bytes)).expect("a sparse file");
    let recording = Recording {
        id: MADE.into(),
        app: "live".into(),
        stream: "room1".into(),
        folder: "made".into(),
        started_ms: 1_764_000_000_000,
        ended_ms: Some(1_764_000_000_000 + duration_ms.cast_signed()),
        state: State::Finished,
        reason: "ended".into(),
        duration_ms,
        bytes,
        codecs: "avc1.64001f,mp4a.40.2".into(),
        gaps: 0,
        hidden: false,
        expires_ms: None,
        watched: Watched::default(),
    };
    let part = Part {
        recording: MADE.into(),
        number: 1,
        format: Format::Fmp4,
        path,
        wall_ms: recording.started_ms,
        start_ms: 0,
        duration_ms,
        bytes,
        init_bytes: 1_000,
        codecs: String::new(),
        state: PartState::Local,
        object_key: None,
    };
    store.writer.put_recording(recording.clone());
    store.writer.put_part(part);
    let groups = duration_ms / 2_000;
    let keys: Vec<Key> = (0..groups)
        .map(|n| Key { time_ms: n * 2_000, offset: 1_000 + (bytes - 1_000) / groups * n })
        .collect();
    for (run, keys) in (0..).zip(keys.chunks(weir::store::RUN)) {
        store.writer.put_keys(MADE, 1, run, keys);
    }
    weir.block_on(store.writer.flush());
    recording
}

#[test]
fn six_hours_begin_as_fast_as_a_minute_and_take_no_more_memory() {
    let data = Folder::new("replay");
    let weir = Weir::start_in(data.path(), &[]);
    make(&weir, 6 * 3_600_000, 6 << 30);
    let timed = || {
        let began = Instant::now();
        let list = get(&weir, &format!("/replay/{MADE}.m3u8"), "").text();
        let segment = list.lines().find(|line| line.starts_with(MADE)).expect("a segment");
        let range = list.lines().find_map(|line| line.strip_prefix("#EXT-X-BYTERANGE:")).expect("a range");
        let (length, offset) = range.split_once('@').expect("both");
        let (length, offset): (u64, u64) = (length.parse().unwrap(), offset.parse().unwrap());
        let range = format!("Range: bytes={offset}-{}\r\n", offset + length - 1);
        let first = get(&weir, &format!("/replay/{segment}"), &range);
        assert_eq!((first.status, first.body.len() as u64), (206, length));
        (began.elapsed(), list)
    };
    let (_, list) = timed();
    assert_eq!(list.matches("#EXTINF:4.000,").count(), 5_400);
    assert!(list.len() < 1 << 20, "{} bytes", list.len());
    // The machine may be busy with other tests; the server is as fast as its fastest answer.
    let fastest = (0..10).map(|_| timed().0).min().expect("ten");
    eprintln!("playlist and first segment of six hours: {fastest:?}");
    assert!(fastest < Duration::from_millis(50), "{fastest:?}");
    // A reader who stops in the middle of six gigabytes holds a block of them.
    let before = resident();
    let readers: Vec<TcpStream> = (0..10)
        .map(|_| {
            let mut socket = TcpStream::connect(weir.http).expect("a connection");
            socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
            let segment = list.lines().find(|line| line.starts_with(MADE)).expect("a segment");
            write!(socket, "GET /replay/{segment} HTTP/1.1\r\nHost: h\r\n\r\n").expect("sent");
            socket.read_exact(&mut vec![0; 4 << 20]).expect("the beginning");
            socket
        })
        .collect();
    let grown = resident().saturating_sub(before);
    assert!(grown < 24 << 20, "ten readers hold {grown} bytes");
    drop(readers);
}

/// Puts six hours into the index that nobody recorded: a fragment of a second with small pictures and sounds, again and again.
fn make_six_hours(weir: &Weir) -> Recording {
    const SECONDS: u32 = 6 * 3_600;
    let mut synth = Synth::new(Options::default());
    let configs: Vec<Config> = synth.headers().iter().filter_map(Config::of).collect();
    let mut muxer = Muxer::new(&configs);
    while synth.next_time() < 1_000 {
        let mut sample = Sample::of(&synth.next(0)).expect("a sample");
        sample.data.truncate(16);
        assert!(muxer.push(sample).is_none());
    }
    let fragment = muxer.cut(None).expect("a fragment");
    let mut second: Vec<u8> = fragment.parts().flat_map(|part| part.to_vec()).collect();
    let tracks: Vec<u32> = muxer.tracks().map(|track| track.timescale).collect();
    // Where each track's fragment says when it begins, as 64 bits behind the version.
    let times: Vec<usize> =
        second.windows(4).enumerate().filter(|(_, name)| *name == b"tfdt").map(|(at, _)| at + 8).collect();
    assert_eq!((tracks.len(), times.len(), second[times[0] - 4]), (2, 2, 1));
    let init = muxer.init().clone();
    let mut file = init.to_vec();
    let mut keys = Vec::new();
    for n in 0..SECONDS {
        keys.push(Key { time_ms: u64::from(n) * 1_000, offset: file.len() as u64 });
        for (at, timescale) in times.iter().zip(&tracks) {
            second[*at..at + 8].copy_from_slice(&(u64::from(n) * u64::from(*timescale)).to_be_bytes());
        }
        file.extend_from_slice(&second);
    }
    let recording = make(weir, u64::from(SECONDS) * 1_000, file.len() as u64);
    let store = weir.app().records.store().expect("a store");
    let root = weir.app().records.root().expect("a folder");
    std::fs::write(root.join("made/1.mp4"), &file).expect("a file");
    let part = weir.block_on(store.index.parts(MADE)).expect("parts").pop().expect("a part");
    store.writer.put_part(Part { init_bytes: init.len() as u64, ..part });
    for (run, keys) in (0..).zip(keys.chunks(weir::store::RUN)) {
        store.writer.put_keys(MADE, 1, run, keys);
    }
    weir.block_on(store.writer.flush());
    recording
}

#[test]
fn six_hours_as_one_file_begin_as_fast() {
    let data = Folder::new("replay");
    let weir = Weir::start_in(data.path(), &[]);
    let recording = make_six_hours(&weir);
    weir.block_on(weir::replay::prepare(weir.app(), &recording)).expect("prepared");
    let kinds = [".mp4", ".flv", ".mp4?from=10800&to=10860", ".flv?from=10800&to=10860"];
    // The head, what is behind it, and the end.
    let look = |weir: &Weir, kind: &str, range: &str| {
        let answer = get(weir, &format!("/replay/{MADE}{kind}"), &format!("Range: bytes={range}\r\n"));
        assert_eq!(answer.status, 206, "{kind}: {}", answer.text());
        (answer.header("content-range").map(str::to_owned), answer.body)
    };
    let ranges = ["0-65535", "5000000-9000000", "-100000"];
    let all = |weir: &Weir| {
        kinds.map(|kind| {
            if kind.contains('?') { Vec::new() } else { ranges.map(|range| look(weir, kind, range)).to_vec() }
        })
    };
    let made = all(&weir);
    drop(weir);
    let mut fastest = [Duration::MAX; 4];
    for _ in 0..3 {
        let weir = Weir::start_in(data.path(), &[]);
        for (kind, fastest) in kinds.iter().zip(&mut fastest) {
            let began = Instant::now();
            look(&weir, kind, "0-65535");
            *fastest = began.elapsed().min(*fastest);
        }
        assert!(all(&weir) == made, "what was kept is another file");
    }
    eprintln!("first bytes of six hours, and of a minute of them: {fastest:?}");
    assert!(fastest.iter().all(|took| *took < Duration::from_millis(50)), "{fastest:?}");
    // Of the minute, all pictures and no more.
    let weir = Weir::start_in(data.path(), &[]);
    let (_, head) = look(&weir, kinds[2], "0-65535");
    let table = head.windows(4).position(|name| name == b"stsz").expect("a table of samples");
    assert_eq!(head[table + 12..table + 16], 1_500_u32.to_be_bytes());
}

/// Memory of this process, in bytes.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("proc");
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    line.trim().split(' ').next().and_then(|kb| kb.parse::<u64>().ok()).expect("a number") * 1_024
}

#[test]
fn replays_are_signed_as_streams_are_and_their_files_by_token() {
    let data = Folder::new("replay");
    let keys = [("play.scheme", "tencent"), ("play.key", "playkey9c1e77aa")];
    let weir = Weir::start_in(data.path(), &keys);
    weir.clock.set_unix_ms(1_893_456_000_000);
    make(&weir, 60_000, 1 << 20);
    let code = |answer: &Answer| {
        let error: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        (answer.status, error["error"]["code"].as_str().unwrap_or_default().to_owned())
    };
    let file = format!("/replay/{MADE}/1.mp4");
    for target in [format!("/replay/{MADE}.m3u8"), format!("/replay/{MADE}.mp4"), file.clone()] {
        let refused = get(&weir, &target, "");
        assert_eq!(refused.status, 403, "{target}: {}", refused.text());
    }
    let signed = signature(&weir);
    let list = get(&weir, &format!("/replay/{MADE}.m3u8?{signed}"), "");
    assert_eq!((list.status, list.header("cache-control")), (200, Some("no-store")), "{}", list.text());
    let list = list.text();
    let part = list.lines().find(|line| line.starts_with(MADE)).expect("a segment");
    let (_, token) = part.split_once("?s=").expect("a token");
    assert_eq!(get(&weir, &format!("/replay/{part}"), "Range: bytes=0-9\r\n").status, 206);
    let wrong: String = token.chars().rev().collect();
    assert_eq!(get(&weir, &format!("{file}?s={wrong}"), "").status, 403);
    // A day later it is over, as is the signature.
    weir.clock.set_unix_ms(1_893_456_000_000 + 86_401_000);
    assert_eq!(get(&weir, &format!("/replay/{part}"), "").status, 403);
    weir.clock.set_unix_ms(1_893_456_000_000);

    let store = weir.app().records.store().expect("a store");
    assert!(weir.block_on(store.index.set_hidden(MADE, true)).expect("hidden"));
    assert_eq!(code(&get(&weir, &format!("/replay/{part}"), "")), (404, "no_recording".into()));
    assert!(weir.block_on(store.index.set_hidden(MADE, false)).expect("shown"));
    let root = weir.app().records.root().expect("a folder").to_owned();
    std::fs::remove_dir_all(Path::new(&root).join("made")).expect("deleted");
    assert_eq!(code(&get(&weir, &format!("/replay/{part}"), "")), (410, "recording_gone".into()));
    assert!(weir.block_on(store.index.delete(MADE)).expect("deleted"));
    assert_eq!(code(&get(&weir, &format!("/replay/{part}"), "")), (404, "no_recording".into()));
}

/// A query that is good for the recording.
fn signature(weir: &Weir) -> String {
    use control::sign::SignTarget;
    let path = format!("/replay/{MADE}.m3u8");
    let target = SignTarget { app: "replay", stream: MADE, path: &path };
    weir.app().admission.look(|authority| {
        let domain = authority.domain(control::Role::Play, "127.0.0.1").expect("a domain");
        domain.sign(&target, 1_893_456_000 + 3_600, "nonce").expect("a signature")
    })
}

#[test]
fn the_api_and_the_command_line_make_addresses_that_are_good() {
    let data = Folder::new("replay");
    let key = keys::create(data.path(), "w", Scope::Write, String::new()).expect("a key");
    // A signature of this scheme is good for one path only.
    let weir = Weir::start_in(data.path(), &[("play.scheme", "aliyun")]);
    make(&weir, 60_000, 1 << 20);
    let post = |id: &str| {
        let request = format!(
            "POST /api/v1/recordings/{id}/addresses HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: Bearer {}\r\nContent-Length: 0\r\n\r\n",
            key.expose()
        );
        http::exchange(weir.http, request.as_bytes()).expect("an answer")
    };
    let made = post(MADE);
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(post("ffffffffffffffffffffffff").status, 404);
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    command.args(["url", "replay", MADE, "--json", "--data"]).arg(data.path());
    command.env("WEIR__PLAY__SCHEME", "aliyun").env("WEIR__HTTP__LISTEN", weir.http.to_string());
    let printed = Running::new(command).wait();
    assert_eq!(printed.code, Some(0), "{}", printed.stderr);
    for text in [made.text(), printed.stdout] {
        let addresses: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert!(addresses["expires_at"].is_string(), "{text}");
        // There is a file with nothing in it behind them, but nobody is turned away.
        for (kind, status) in [("m3u8", 200), ("mp4", 409), ("flv", 409)] {
            let address = addresses[kind].as_str().expect(kind);
            let target = address.strip_prefix(&url(&weir, "")).expect("this server's");
            assert_eq!(get(&weir, target, "").status, status, "{target}");
        }
    }
}

#[test]
fn without_recordings_there_are_no_replays_and_the_app_may_be_called_so() {
    let weir = Weir::with(&[]);
    assert_eq!(get(&weir, &format!("/replay/{MADE}.m3u8"), "").status, 404);
    let _publisher = crate::show::on_air(&weir, "replay/room1");
    assert!(testkit::viewer::Viewer::open(&weir.flv_url("replay/room1")).is_ok());
}

#[test]
fn what_hls_holds_back_is_not_seen_in_the_recording_either() {
    let data = Folder::new("replay");
    let weir = Weir::start_file_in(data.path(), RULES, &[("hls.delay_seconds", "600")]);
    let push = ffmpeg::push(&weir.rtmp_url("live/room1"), 9);
    weir.wait_for("some of it", || {
        the_recording(&weir).is_some_and(|recording| recording.duration_ms > 4_000)
    });
    let id = the_recording(&weir).expect("a recording").id;
    let listed = |target: &str| {
        let outer = get(&weir, target, "").text();
        let inner =
            outer.lines().last().expect("an address").rsplit("../").next().expect("a path").to_owned();
        let folder = if inner.starts_with("replay/") { "/" } else { "/replay/" };
        get(&weir, &format!("{folder}{inner}"), "").text()
    };
    let about = || -> serde_json::Value {
        serde_json::from_slice(&get(&weir, &format!("/api/v1/replays/{id}"), "").body).expect("JSON")
    };
    let file = |name: &str| format!("/replay/{id}{name}");
    // Nothing is as old as that, of what goes on and of what has just ended.
    let nothing_is_shown = || {
        let list = listed(&file(".m3u8"));
        assert!(!list.contains("#EXTINF") && !list.contains("ENDLIST"), "{list}");
        for (name, status) in
            [("/1.mp4", 404), (".mp4", 409), (".flv", 409), (".jpg", 404), ("/sheet-1-0.jpg", 404)]
        {
            assert_eq!(get(&weir, &file(name), "").status, status, "{name}");
        }
        assert_eq!((&about()["duration_ms"], &about()["recording"]), (&0.into(), &true.into()));
    };
    nothing_is_shown();
    // Ten minutes less three seconds later, what was pushed more than three seconds ago can be seen, and no more.
    let set = |ms: i64| weir.clock.set_unix_ms(weir.clock.unix_ms() + ms);
    set(597_000);
    weir.wait_for("what is old enough", || about()["duration_ms"].as_u64() > Some(0));
    let pushed = the_recording(&weir).expect("a recording").duration_ms;
    let seen = about()["duration_ms"].as_u64().expect("a length");
    let late = i64::try_from(seen).unwrap() + 3_000 - i64::try_from(pushed).unwrap();
    // The index is a second or two behind the push, and a list that was asked for later is longer.
    assert!(late < 2_500, "{seen} of {pushed}");
    let part = get(&weir, &file("/1.mp4"), "").body.len() as u64;
    assert!(part > 0 && part < the_recording(&weir).expect("a recording").bytes);
    let found = packets(&["-i", &url(&weir, &file(".flv"))]);
    assert!(
        hashes(&found, 0).len() as u64 <= 25 * (seen / 1_000 + 2),
        "{} pictures",
        hashes(&found, 0).len()
    );
    set(-597_000);
    assert_eq!(push.wait().code, Some(0));
    let recording = finished(&weir);
    nothing_is_shown();
    set(601_000);
    assert_eq!(about()["recording"], false);
    let list = get(&weir, &file(".m3u8"), "").text();
    assert!(list.ends_with("#EXT-X-ENDLIST\n"), "{list}");
    let found = packets(&["-i", &url(&weir, &file(".mp4"))]);
    assert_eq!(
        (hashes(&found, 0).len(), about()["duration_ms"].as_u64()),
        (225, Some(recording.duration_ms))
    );
}
