//! The server is killed while something is on its way to the store, or only there.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use testkit::clip::Clip;
use testkit::http;
use testkit::publisher::Publisher;
use weir::operator::keys;

use super::proxy::{Act, Proxy, Request};
use super::store::Bucket;
use super::{key, push, text};
use crate::cli::{self, Process};
use crate::harness::{Folder, wait_for};

/// A folder with the configuration of a server of its own process.
fn folder(endpoint: &str, record: &str, storage: &str) -> Folder {
    let folder = Folder::new("stored");
    let mut file = format!("[[record]]\n{record}\n[push]\nscheme = \"open\"\n");
    let mut section = String::new();
    for (key, value) in super::keys(endpoint) {
        let (of, name) = key.split_once('.').expect("a section");
        if section != of {
            file += &format!("[{of}]\n");
            section = of.to_owned();
        }
        let is_text = value.parse::<u64>().is_err();
        file += &if is_text { format!("{name} = \"{value}\"\n") } else { format!("{name} = {value}\n") };
    }
    file += storage;
    std::fs::create_dir_all(folder.file("data")).expect("a folder");
    std::fs::write(folder.file("data").join("weir.toml"), file).expect("a file");
    folder
}

/// What the API of the server with this folder answers, once it does.
fn ask(folder: &Folder, path: &str) -> Option<Value> {
    let local = keys::local(&folder.file("data")).ok()??;
    let addr = local.server.trim_start_matches("http://").parse().ok()?;
    let authorization = format!("Authorization: Bearer {}\r\n", local.key.expose());
    let answer = http::get(addr, &format!("/api/v1/{path}"), &authorization).ok()?;
    serde_json::from_slice(&answer.body).ok()
}

/// The only recording, with its files.
fn recording(folder: &Folder) -> Option<Value> {
    let list = ask(folder, "recordings")?;
    ask(folder, &format!("recordings/{}", list["recordings"][0]["id"].as_str()?))
}

fn parts(folder: &Folder) -> Vec<Value> {
    recording(folder).and_then(|found| found["parts"].as_array().cloned()).unwrap_or_default()
}

fn is_piece(request: &Request) -> bool {
    request.method == "PUT" && request.target.contains("partNumber=")
}

#[test]
fn a_restart_in_the_middle_of_an_upload_sends_what_is_missing_and_nothing_twice() {
    let bucket = Bucket::new();
    let proxy = Proxy::before(bucket.addr);
    let stuck = Arc::new(AtomicBool::new(false));
    let seen = stuck.clone();
    // Two pieces pass, the others wait.
    proxy.set(move |request| {
        let third = is_piece(request)
            && !["partNumber=1&", "partNumber=2&"].iter().any(|two| request.target.contains(two));
        if third {
            seen.store(true, Ordering::Relaxed);
        }
        if third { Act::Hang } else { Act::Pass }
    });
    let folder = folder(&proxy.endpoint(), "gap_seconds = 0", "");
    let process = Process::serve(&folder, &[], &[]);
    push(&process.rtmp_url("live/show"), 22, || ask(&folder, "recordings"));
    wait_for("the third piece", || stuck.load(Ordering::Relaxed));
    drop(process);
    let before = proxy.passed();
    assert_eq!(before.iter().filter(|request| is_piece(request)).count(), 2, "{before:?}");
    proxy.set(|_| Act::Pass);
    let process = Process::serve(&folder, &[], &[]);
    wait_for("all of it in the store", || {
        parts(&folder).first().is_some_and(|part| part["state"] == "uploaded")
    });
    let after = proxy.passed().split_off(before.len());
    let pieces: Vec<_> = after.iter().filter(|request| is_piece(request)).collect();
    assert_eq!(pieces.len(), 3, "{pieces:?}");
    assert!(!after.iter().any(|request| request.method == "POST" && request.target.contains("uploads")));
    let part = parts(&folder).remove(0);
    let file = std::fs::read(folder.file("data/recordings").join(text(&part["path"]))).expect("a file");
    assert!(file.len() > 21_000_000 && bucket.get(&key(&part)) == Some(file));
    drop(process);
}

#[test]
fn what_is_only_in_the_store_is_part_of_a_recording_that_a_crash_left_open() {
    let bucket = Bucket::new();
    let folder = folder(&bucket.endpoint(), "max_size_mb = 1", "keep_local_mb = 0\n");
    let process = Process::serve(&folder, &[], &[]);
    let mut publisher = Publisher::connect(&process.rtmp_url("live/show")).expect("a publisher");
    publisher.send_headers(30).expect("headers");
    let clip = Clip { key_bytes: 100_000, inter_bytes: 50_000, ..Clip::default() };
    publisher.send_all(&clip.shots(0, 8_000)).expect("sent");
    let is_remote = |part: &Value| part["state"] == "remote";
    wait_for("a part that is only in the store", || {
        let parts = parts(&folder);
        parts.len() >= 3
            && parts.first().is_some_and(is_remote)
            && recording(&folder).is_some_and(|found| found["recording"]["state"] == "recording")
    });
    drop(process);
    let process = Process::serve(&folder, &[], &[]);
    wait_for("the end of the recording", || {
        recording(&folder).is_some_and(|found| found["recording"]["state"] == "finished")
    });
    let found = recording(&folder).expect("a recording");
    assert_eq!(found["recording"]["reason"], "crash");
    let mut start = 0;
    for part in found["parts"].as_array().expect("parts") {
        assert_eq!(part["start_ms"].as_u64(), Some(start), "{found:#}");
        start += part["duration_ms"].as_u64().expect("a number");
    }
    assert_eq!(found["recording"]["duration_ms"].as_u64(), Some(start));
    wait_for("everything in the store alone", || parts(&folder).iter().all(is_remote));
    assert!(is_empty(&folder.file("data/recordings")), "a file is left");
    assert_eq!(bucket.keys().len(), parts(&folder).len() + 1);
    drop(process);

    // Neither the files nor the index are left; the notes are, and the store.
    for file in ["weir.db", "weir.db-wal", "weir.db-shm"] {
        let _ = std::fs::remove_file(folder.file("data").join(file));
    }
    let weir = |args: &[&str]| {
        let data = folder.file("data").to_string_lossy().into_owned();
        let done = cli::run(&[args, &["--data", &data, "--json"]].concat(), &[]);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        serde_json::from_str::<Value>(&done.stdout).expect("JSON")
    };
    assert_eq!(weir(&["recordings", "reindex"])["recordings"], 1);
    let target = folder.file("show.mp4").to_string_lossy().into_owned();
    let id = text(&found["recording"]["id"]);
    let exported = weir(&["recordings", "export", id, &target]);
    assert_eq!(exported["parts"].as_u64(), found["parts"].as_array().map(|parts| parts.len() as u64));
    assert!(exported["bytes"].as_u64() > Some(8_000_000), "{exported}");
    let process = Process::serve(&folder, &[], &[]);
    wait_for("the server", || recording(&folder).is_some());
    let remote = |mut found: Value| {
        let parts = found["parts"].as_array_mut().expect("parts");
        parts.iter_mut().for_each(|part| {
            part["state"] = "remote".into();
            part["object"] = key(part).into();
        });
        found
    };
    assert_eq!(recording(&folder).map(remote), Some(remote(found.clone())));
    drop(process);
}

/// Whether there is nothing of a recording below a folder but the note.
fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).expect("a folder").filter_map(Result::ok).all(|entry| {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() { is_empty(&path) } else { name == "recording.toml" || name == ".lock" }
    })
}
