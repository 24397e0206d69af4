//! A publisher whose network fails once a second: it leaves one recording, and nothing else.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use testkit::clip::Clip;
use testkit::publisher::Publisher;

use super::crash::indexed;
use super::pictures;
use crate::cli::Process;
use crate::harness::{Folder, wait_for};

/// How often it comes: for four seconds, and for ten minutes with `WEIR_SOAK`.
const FLAPS: u32 = 4;
const SOAK_FLAPS: u32 = 600;

/// Between one coming and the next, and how long it stays.
const PERIOD: Duration = Duration::from_secs(1);
const STAY_MS: u32 = 600;

/// Comes, sends at its own pace, and is gone without a goodbye.
fn come_and_go(process: &Process, stream: &str) {
    let mut publisher = Publisher::connect(&process.rtmp_url(stream)).expect("a publisher");
    publisher.send_headers(30).expect("headers");
    let began = Instant::now();
    for shot in Clip::default().shots(0, STAY_MS) {
        // The pace is what is tested.
        std::thread::sleep(Duration::from_millis(shot.time.into()).saturating_sub(began.elapsed()));
        publisher.send(shot.kind, shot.time, &shot.body).expect("sent");
    }
}

/// Waits until so many recordings are there and over.
fn wait_over(process: &Process, count: usize) {
    wait_for(&format!("{count} recordings that are over"), || {
        let found = indexed(process);
        assert!(found.len() <= count, "{found:?}");
        found.len() == count && found.iter().all(|found| found["state"] == "finished")
    });
}

/// What the process has open, by what it is.
fn open(process: &Process) -> BTreeMap<String, usize> {
    let entries = std::fs::read_dir(format!("/proc/{}/fd", process.id())).expect("a process");
    let targets = entries.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    let mut counts = BTreeMap::new();
    for target in targets {
        // Numbers of sockets and pipes are new each time.
        let name = target.to_string_lossy().split(":[").next().unwrap_or_default().to_owned();
        *counts.entry(name).or_default() += 1;
    }
    counts
}

fn tasks(process: &Process) -> u64 {
    let text = process.ask("/metrics");
    let line = text.lines().find_map(|line| line.strip_prefix("weir_tasks "));
    line.and_then(|count| count.parse().ok()).expect("a number of tasks")
}

#[test]
fn a_publisher_that_comes_and_goes_leaves_one_recording_and_no_descriptor_file_or_task() {
    let folder = Folder::new("flaps");
    let data = folder.file("data");
    std::fs::create_dir_all(&data).expect("a folder");
    let config = "[[record]]\ngap_seconds = 3\n[push]\nscheme = \"open\"\n[hub]\ngrace_seconds = 0\n[recordings]\nmin_free_mb = 1\n";
    std::fs::write(data.join("weir.toml"), config).expect("a file");
    let process = Process::serve(&folder, &[], &[]);
    // What a server opens once and keeps.
    come_and_go(&process, "live/first");
    wait_over(&process, 1);
    let (opened, had) = (open(&process), tasks(&process));

    let flaps = if std::env::var_os("WEIR_SOAK").is_some() { SOAK_FLAPS } else { FLAPS };
    let began = Instant::now();
    for flap in 0..flaps {
        std::thread::sleep((PERIOD * flap).saturating_sub(began.elapsed()));
        come_and_go(&process, "live/show");
    }
    wait_over(&process, 2);
    let show = indexed(&process).remove(1);
    let (id, reason) = (show["id"].as_str().expect("an id"), show["reason"].as_str());
    assert_eq!(reason, Some("ended"));
    let one = process.ask(&format!("/api/v1/recordings/{id}"));
    let one: serde_json::Value = serde_json::from_str(&one).expect("JSON");
    let parts = one["parts"].as_array().expect("parts");
    let files: Vec<_> = parts
        .iter()
        .map(|part| data.join("recordings").join(part["path"].as_str().expect("a path")))
        .collect();
    let each = (STAY_MS / Clip::default().frame_ms) as usize;
    assert_eq!((files.len(), pictures(&files)), (flaps as usize, flaps as usize * each));
    let folder = files[0].parent().expect("a folder");
    let on_disk = std::fs::read_dir(folder).expect("a folder").count();
    assert_eq!(on_disk, files.len() + 1, "the parts and what tells of them");
    wait_for(&format!("{opened:?} and {had} tasks, as before"), || {
        let (now, has) = (open(&process), tasks(&process));
        now.iter().all(|(name, count)| opened.get(name).is_some_and(|before| count <= before)) && has <= had
    });
}
