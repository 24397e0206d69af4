//! The server is killed at any moment: what is on the disk can be played, and the next start closes and indexes it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use media::flv::Demuxer;
use serde_json::Value;
use testkit::publisher::Publisher;

use crate::cli::Process;
use crate::ffmpeg::{self, Version};
use crate::harness::{Folder, random, wait_for};

/// Servers that are killed side by side, and how often each: a hundred times, and five hundred with `WEIR_SOAK`. They mostly
/// wait, each for its own film, which is pushed at its own pace: at four times that, a server that has to wait for the
/// processor would be counted four times as late as it is.
const SERVERS: usize = 20;
const KILLS: usize = 5;
const SOAK_KILLS: usize = 25;

/// What came so long before a crash is there after it.
const LOSS: Duration = Duration::from_secs(2);

/// How long the film is pushed, before it is random.
const LEAST: Duration = LOSS;
const RANDOM_MS: u64 = 2_500;

/// One frame of the film.
struct Shot {
    kind: media::frame::Kind,
    time: u32,
    body: bytes::Bytes,
}

/// Six seconds of real pictures and sound.
fn film(folder: &Folder) -> Vec<Shot> {
    let path = folder.file("film.flv").to_string_lossy().into_owned();
    let inputs = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=6 -f lavfi -i sine=duration=6";
    let encode = "-c:v libx264 -preset ultrafast -g 50 -pix_fmt yuv420p -c:a aac -f flv";
    let words: Vec<&str> = inputs.split(' ').chain(encode.split(' ')).chain([path.as_str()]).collect();
    ffmpeg::run(Version::Debian, &words);
    let mut demuxer = Demuxer::default();
    let mut shots = Vec::new();
    demuxer.handle_input(&std::fs::read(&path).expect("a film"));
    while let Some(tag) = demuxer.poll_tag().expect("FLV") {
        shots.push(Shot { kind: tag.kind, time: media::time::wrapped(tag.time), body: tag.body });
    }
    shots
}

/// Pushes until so much time has passed; gives when each picture was sent, and its time in milliseconds.
fn push(url: &str, film: &[Shot], lasting: Duration) -> Vec<(Instant, u64)> {
    let mut publisher = Publisher::connect(url).expect("a publisher");
    let began = Instant::now();
    let mut sent = Vec::new();
    for shot in film {
        let due = Duration::from_millis(u64::from(shot.time));
        if due > lasting {
            break;
        }
        // The film's own pace is what is tested.
        std::thread::sleep(due.saturating_sub(began.elapsed()));
        publisher.send(shot.kind, shot.time, &shot.body).expect("the server takes it");
        if shot.kind == media::frame::Kind::Video {
            sent.push((Instant::now(), u64::from(shot.time)));
        }
    }
    sent
}

/// The time of the newest picture that a server which ended at `end` must have kept: whenever this test itself was late,
/// what it sent late does not count.
fn due(sent: &[(Instant, u64)], end: Instant) -> u64 {
    sent.iter().filter(|(at, _)| *at + LOSS <= end).map(|(_, time)| *time).max().unwrap_or(0)
}

/// The folders of all recordings, oldest first.
fn recorded(root: &Path) -> Vec<PathBuf> {
    let mut folders = vec![root.to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        if folder.join("recording.toml").exists() {
            found.push(folder);
            continue;
        }
        let entries = std::fs::read_dir(folder).expect("a folder").filter_map(Result::ok);
        folders.extend(entries.map(|entry| entry.path()).filter(|path| path.is_dir()));
    }
    // Ids sort by time.
    found.sort_by_key(|path| path.file_name().map(|name| name.to_owned()));
    found
}

/// The file of fragments of the newest of so many recordings, of which `due` milliseconds must be there.
fn newest(root: &Path, count: usize, due: u64) -> PathBuf {
    let found = recorded(root);
    assert_eq!(found.len(), count, "nothing is there of {due} ms");
    let file = found.last().expect("a recording").join("0001.mp4");
    assert!(file.exists(), "nothing of {due} ms is in {}", file.display());
    file
}

/// Decodes a file; gives when its last picture begins, in milliseconds.
fn decode(path: &Path, quiet: bool) -> u64 {
    let path = path.to_string_lossy().into_owned();
    let args = [
        "-v",
        if quiet { "fatal" } else { "warning" },
        "-i",
        &path,
        "-map",
        "0:v",
        "-fps_mode",
        "passthrough",
        "-f",
        "framemd5",
        "-",
    ];
    let done = ffmpeg::run(Version::Debian, &args);
    if !quiet {
        assert_eq!(done.stderr, "", "{path}");
    }
    let last = ffmpeg::packets(&done.stdout).into_iter().map(|packet| packet.dts).max().expect("pictures");
    let base = done.stdout.lines().find_map(|line| line.strip_prefix("#tb 0: ")).expect("a time base");
    let (one, many) = base.split_once('/').expect("a fraction");
    let number = |text: &str| text.trim().parse::<u64>().expect("a number");
    u64::try_from(last).expect("a time") * 1_000 * number(one) / number(many)
}

/// The recordings of a server, oldest first.
pub(super) fn indexed(process: &Process) -> Vec<Value> {
    let page: Value = serde_json::from_str(&process.ask("/api/v1/recordings?limit=200")).expect("JSON");
    let mut found = page["recordings"].as_array().cloned().unwrap_or_default();
    found.reverse();
    found
}

fn kill_again_and_again(film: &[Shot], kills: usize) {
    let folder = Folder::new("killed");
    let data = folder.file("data");
    std::fs::create_dir_all(&data).expect("a folder");
    let config = "[[record]]\nformats = [\"fmp4\", \"flv\"]\n[push]\nscheme = \"open\"\n[hub]\ngrace_seconds = 0\n[recordings]\nmin_free_mb = 1\n";
    std::fs::write(data.join("weir.toml"), config).expect("a file");
    let root = data.join("recordings");
    let mut dues = Vec::new();
    for round in 0..=kills {
        let process = Process::serve(&folder, &[], &[]);
        let url = process.rtmp_url("live/show");
        if round > 0 {
            wait_for("what the crash left in the index", || {
                let found = indexed(&process);
                found.len() == round && found.iter().all(|found| found["state"] == "finished")
            });
            let found = indexed(&process).pop().expect("a recording");
            assert_eq!(found["reason"], "crash", "{found}");
            let due = dues[round - 1];
            let path = newest(&root, round, due);
            let folder = path.parent().and_then(Path::file_name).and_then(|name| name.to_str());
            assert_eq!(folder, found["id"].as_str());
            let last = decode(&path, false);
            assert!(last >= due, "{last} ms are left in {}, and {due} ms must be", path.display());
            let duration = found["duration_ms"].as_u64().expect("a number");
            assert!((last..last + 200).contains(&duration), "{last} ms in {}: {found}", path.display());
            decode(&path.with_extension("flv"), false);
        }
        if round == kills {
            return;
        }
        let sent = push(&url, film, LEAST + Duration::from_millis(random(RANDOM_MS)));
        let end = Instant::now();
        // Kills it.
        drop(process);
        let due = due(&sent, end);
        dues.push(due);
        let last = decode(&newest(&root, round + 1, due), true);
        assert!(last >= due, "{last} ms can be played at once, and {due} ms must be");
    }
}

#[test]
fn a_server_that_is_killed_at_any_moment_loses_two_seconds_at_most() {
    let folder = Folder::new("film");
    let film = film(&folder);
    let kills = if std::env::var_os("WEIR_SOAK").is_some() { SOAK_KILLS } else { KILLS };
    std::thread::scope(|scope| {
        (0..SERVERS).for_each(|_| {
            scope.spawn(|| kill_again_and_again(&film, kills));
        });
    });
}
