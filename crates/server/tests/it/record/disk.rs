//! A disk that is full: the show goes on, what was recorded is good, and recording goes on when there is room.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use testkit::clip::Clip;
use testkit::follower::Follower;
use testkit::watch::Watch;

use super::{EVERYTHING, api, files, id, list, pictures, publisher, wish};
use crate::api::assert_error;
use crate::harness::{Folder, Weir};

/// A file system in memory, of so many MB, which goes with the test.
struct Small {
    folder: Folder,
}

impl Small {
    fn new(mb: u32) -> Small {
        let folder = Folder::new("small");
        run("mount", &["-t", "tmpfs", "-o", &format!("size={mb}m"), "tmpfs", &path(folder.path())]);
        Small { folder }
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // A server that a failed test left may still have files there.
        let _ = Command::new("umount").args(["-l", &path(self.folder.path())]).status();
    }
}

fn path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn run(program: &str, args: &[&str]) {
    let done = Command::new(program).args(args).output().expect(program);
    assert!(
        done.status.success(),
        "{program} {args:?} needs root: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}

fn blocked(weir: &Weir) -> bool {
    weir.app().records.alert().is_some()
}

#[test]
fn a_full_disk_ends_the_recording_and_not_the_show() {
    let small = Small::new(6);
    let api =
        api(EVERYTHING, &[("recordings.dir", &path(small.folder.path())), ("recordings.min_free_mb", "0")]);
    let mut publisher = publisher(&api.weir, "live/show");
    let follower = Follower::start(&api.weir.flv_url("live/show"), Watch::with_largest_gap(40));
    let (over, weir) = (AtomicBool::new(false), &api.weir);
    let mut sent = 0;
    std::thread::scope(|scope| {
        // About a megabyte a second of media, as fast as ten times that.
        scope.spawn(|| {
            let large = Clip { key_bytes: 120_000, inter_bytes: 40_000, ..Clip::default() };
            while !over.load(Ordering::Relaxed) {
                publisher.send_all(&large.shots(sent, sent + 1_000)).expect("the show goes on");
                sent += 1_000;
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
        });
        weir.wait_for("a full disk", || blocked(weir));
        let storage = api.get("storage");
        assert_eq!(storage["alert"]["code"], "disk_full", "{storage}");
        assert_error(&api.write("POST", "recordings", wish("show")), 503, "disk_full");
        weir.wait_for("the end of the recording", || {
            list(&api)[0]["state"] == "failed" && weir.app().records.open() == 0
        });
        let failed = list(&api).remove(0);
        assert_eq!(failed["reason"], "disk_full");
        let kept: Vec<PathBuf> = files(&api, &id(&failed), "fmp4");
        assert!(pictures(&kept) >= 75, "{failed}");
        let metrics = weir::metrics::text(weir.app());
        assert!(metrics.contains("weir_recording_failures_total{reason=\"disk_full\"} 1"), "{metrics}");
        assert!(metrics.contains("weir_recording_blocked 1"));
        std::fs::remove_file(&kept[0]).expect("room");
        weir.wait_for("another recording", || list(&api).len() == 2 && !blocked(weir));
        over.store(true, Ordering::Relaxed);
    });
    assert!(!follower.is_over());
    publisher.finish().expect("a goodbye");
    let followed = follower.finish().expect("served");
    assert_eq!(followed.watch.faults, [""; 0]);
}

#[test]
fn a_disk_that_takes_no_writes_is_told_and_tried_again() {
    let small = Small::new(16);
    let api = api(EVERYTHING, &[("recordings.dir", &path(small.folder.path()))]);
    // A server that holds a file open for writing cannot be shut out, so the disk is before the show.
    api.weir.wait_for("a look at the disk", || api.get("storage")["free_bytes"] != Value::Null);
    let lock = super::recordings(&api.weir).join(".lock");
    assert!(lock.exists());
    run("mount", &["--bind", &path(small.folder.path()), &path(small.folder.path())]);
    let _unmount = Unmount(small.folder.path());
    run("mount", &["-o", "remount,bind,ro", &path(small.folder.path())]);
    let mut publisher = publisher(&api.weir, "live/show");
    super::send(&mut publisher, 0, 2);
    api.weir.wait_for("an alert", || blocked(&api.weir));
    assert_eq!(api.get("storage")["alert"]["code"], "read_only");
    assert_eq!(list(&api), [Value::Null; 0]);
    run("mount", &["-o", "remount,bind,rw", &path(small.folder.path())]);
    api.weir.wait_for("a recording", || !blocked(&api.weir) && list(&api).len() == 1);
    drop(publisher);
}

struct Unmount<'a>(&'a Path);

impl Drop for Unmount<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-l", &path(self.0)]).status();
    }
}

#[test]
fn recordings_end_while_there_is_still_some_room_and_begin_again_above_the_mark() {
    let small = Small::new(12);
    let keys = [
        ("recordings.dir", &*path(small.folder.path())),
        ("recordings.min_free_mb", "6"),
        ("recordings.resume_free_mb", "8"),
    ];
    let api = api(EVERYTHING, &keys);
    let mut publisher = publisher(&api.weir, "live/show");
    super::send(&mut publisher, 0, 2);
    super::wait_recorded(&api, 1_000);
    let other = small.folder.file("other");
    std::fs::write(&other, vec![0; 7_000_000]).expect("room");
    api.weir.wait_for("an alert", || blocked(&api.weir));
    api.weir.wait_for("the end", || list(&api)[0]["state"] == "failed");
    std::fs::write(&other, vec![0; 4_500_000]).expect("room");
    super::send(&mut publisher, 2, 4);
    // Between the marks nothing changes; above the upper one it goes on.
    std::fs::remove_file(&other).expect("room");
    api.weir.wait_for("another recording", || list(&api).len() == 2 && !blocked(&api.weir));
}
