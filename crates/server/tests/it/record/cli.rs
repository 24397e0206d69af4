//! `weir record` and `weir recordings`, beside a server that runs and without one.

use std::path::Path;

use serde_json::Value;

use super::{publisher_at, send};
use crate::cli::{self, Process};
use crate::ffmpeg::Running;
use crate::harness::{Folder, wait_for};

/// Runs the program on a data folder; gives what it printed, as JSON.
fn weir(data: &Path, args: &[&str]) -> Value {
    let data = data.to_string_lossy();
    let done = cli::run(&[args, &["--data", &data, "--json"]].concat(), &[]);
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""), "{args:?}");
    serde_json::from_str(&done.stdout).expect("JSON")
}

#[test]
fn a_show_is_recorded_looked_at_and_exported_from_the_command_line() {
    let folder = Folder::new("record-cli");
    let data = folder.file("data");
    std::fs::create_dir_all(&data).expect("a folder");
    std::fs::write(data.join("weir.toml"), "[push]\nscheme = \"open\"\n[recordings]\nmin_free_mb = 1\n")
        .expect("a file");
    let process = Process::serve(&folder, &[], &[]);
    let url = process.rtmp_url("live/show");
    let mut publisher = publisher_at(&url);
    send(&mut publisher, 0, 2);
    wait_for("the stream", || weir(&data, &["streams"])["streams"][0]["stream"] == "show");
    let begun = weir(&data, &["record", "start", "live/show", "--formats", "flv", "--gap", "0"]);
    let id = begun["id"].as_str().expect("an id");
    send(&mut publisher, 2, 4);
    wait_for("seconds of it", || {
        let listed = weir(&data, &["record", "list"]);
        listed["recordings"][0]["duration_ms"].as_u64() >= Some(2_000)
    });
    assert_eq!(weir(&data, &["record", "pause", "live/show"])["state"], "paused");
    assert_eq!(weir(&data, &["record", "resume", "live/show"])["state"], "recording");
    send(&mut publisher, 4, 6);
    wait_for("more of it", || {
        weir(&data, &["recordings", "show", id])["recording"]["duration_ms"].as_u64() >= Some(3_500)
    });
    assert_eq!(weir(&data, &["record", "stop", "live/show"])["state"], "finished");
    assert_eq!(weir(&data, &["recordings", "list", "--app", "live"])["recordings"][0]["id"], id);
    assert_eq!(
        weir(&data, &["recordings", "list", "--app", "other"])["recordings"],
        Value::Array(Vec::new())
    );
    let shown = weir(&data, &["recordings", "show", id]);
    assert_eq!(shown["parts"].as_array().map(Vec::len), Some(4), "{shown}");
    let exported = folder.file("show.mp4").to_string_lossy().into_owned();
    assert_eq!(weir(&data, &["recordings", "export", id, &exported])["parts"], 2);
    let mut ffprobe = std::process::Command::new("ffprobe");
    ffprobe.args([
        "-v",
        "error",
        "-select_streams",
        "v",
        "-count_packets",
        "-show_entries",
        "stream=nb_read_packets",
        "-of",
        "csv=p=0",
        &exported,
    ]);
    let done = Running::new(ffprobe).wait();
    // The second that was on air, two more, and two after the pause.
    assert_eq!(done.stdout.trim().trim_end_matches(','), "125");
    assert_eq!(weir(&data, &["recordings", "reindex"])["recordings"], 1);
    assert_eq!(weir(&data, &["recordings", "prune"])["deleted"], 0);
    assert_eq!(process.terminate().code, Some(0));
    // Without a server.
    std::fs::remove_file(data.join("weir.db")).expect("a database");
    assert_eq!(weir(&data, &["recordings", "reindex"])["recordings"], 1);
    assert_eq!(weir(&data, &["recordings", "prune"])["deleted"], 0);
    let done = cli::run(&["recordings", "show", "../x", "--data", &data.to_string_lossy()], &[]);
    assert!(done.code == Some(1) && done.stderr.contains("no id"), "{}", done.stderr);
}
