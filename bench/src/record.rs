//! What recording costs: many streams, now recorded and now not, with viewers who must not notice.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::crowd::Crowd;
use crate::measure::{Ground, SETTLE, Stage, assemble, fault, watch};
use crate::peer::{Peer, Programs};
use crate::process::{self, Disk};
use crate::stats::percentile;
use crate::viewer::Protocol;

/// The least share of what is published in the window that must be in files by its end. A recording holds up to a second
/// back, so it is never exactly all; less is a recording with a hole, whose cost says nothing.
const LEAST_RECORDED: f64 = 0.9;

/// What lies in sockets after a look at files is read before the window opens.
const BREATH: Duration = Duration::from_millis(500);

/// How the streams are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Not at all.
    Off,
    /// As fragmented MP4; the disk is asked to keep it every so many seconds, or with a zero at the end of a file.
    Every(u64),
}

impl Manner {
    fn name(self) -> String {
        match self {
            Self::Off => "off".into(),
            Self::Every(0) => "at the end".into(),
            Self::Every(seconds) => format!("every {seconds} s"),
        }
    }

    /// Pictures of the show, which ffmpeg makes, have no part in it.
    fn config(self) -> String {
        let basis = "[snapshot]\nffmpeg = \"\"\n\n";
        match self {
            Self::Off => basis.into(),
            Self::Every(seconds) => format!("{basis}[recordings]\nfsync_seconds = {seconds}\n\n[[record]]\n"),
        }
    }
}

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) streams: usize,
    /// Spread over the streams.
    pub(crate) viewers: usize,
    pub(crate) seconds: f64,
    /// The values of `recordings.fsync_seconds` to be compared.
    pub(crate) fsync: Vec<u64>,
    /// The server's.
    pub(crate) cores: String,
    pub(crate) repetitions: u64,
}

/// What came of one manner, once.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Recorded {
    /// How often the disk was asked to keep what was written; "off": nothing was.
    pub(crate) fsync: String,
    pub(crate) recorded: bool,
    pub(crate) streams: usize,
    pub(crate) viewers: usize,
    pub(crate) seconds: f64,
    pub(crate) cpu_percent: f64,
    /// What files of recordings grew by, per byte of pictures and sound that was published.
    pub(crate) in_files: f64,
    /// What the server wrote to descriptors, to viewers too, in the same measure.
    pub(crate) asked: f64,
    /// What it wrote to pages that go to a disk.
    pub(crate) for_disk: f64,
    /// What the disk took, up to the moment at which everything was on it.
    pub(crate) on_disk: Option<f64>,
    pub(crate) flushes_per_second: Option<f64>,
    pub(crate) latency_p50_ms: Option<f64>,
    pub(crate) latency_p99_ms: Option<f64>,
    pub(crate) rss_kb: u64,
    pub(crate) alive: usize,
    pub(crate) behind: usize,
    pub(crate) tool_percent: f64,
    /// What the machine was busy with beside server and tool: the disk's own work among it.
    pub(crate) background_percent: f64,
    /// Why the numbers say nothing, if they do.
    pub(crate) invalid: Option<String>,
    pub(crate) first_error: Option<String>,
}

/// Measures without recording and with each way to sync, by turns, so that what changes on the machine changes for all.
pub(crate) fn compare(
    ground: &Ground,
    plan: &Plan,
    mut tell: impl FnMut(&Recorded) -> Result<()>,
) -> Result<Vec<Recorded>> {
    let mut manners = vec![Manner::Off];
    manners.extend(plan.fsync.iter().map(|seconds| Manner::Every(*seconds)));
    let mut rows = Vec::new();
    for _ in 0..plan.repetitions {
        for manner in &manners {
            let name = manner.name();
            eprintln!("measuring recording {name}");
            let row = measure(ground, plan, *manner).with_context(|| format!("recording {name}"))?;
            tell(&row)?;
            rows.push(row);
        }
        manners.reverse();
    }
    Ok(rows)
}

fn measure(ground: &Ground, plan: &Plan, manner: Manner) -> Result<Recorded> {
    let programs = Programs { weir_config: manner.config(), ..ground.programs.clone() };
    let ground = Ground { programs, house: ground.house };
    let mut stage = Stage::set(&ground, &Peer::Weir, plan.streams, &plan.cores)?;
    ensure!(stage.on_air == plan.streams, "{} of {} streams are on air", stage.on_air, plan.streams);
    let id = stage.server.id();
    let mut crowd = Crowd::new(stage.target(Protocol::Rtmp, plan.streams), plan.viewers, stage.clock)?;
    assemble(&mut crowd, plan.viewers)?;
    let folder = stage.server.folder().to_owned();
    // What others left for the disk to do shall not be counted.
    let (disk0, media_before) = (settled(&folder)?, stage.publishers.sent());
    let disk_start = Instant::now();
    watch(&mut crowd, SETTLE, 0)?;

    // Outside the window, as nobody reads what viewers are sent while files are looked at.
    let (files0, files_media0) = (bytes_in(&folder)?, stage.publishers.sent());
    watch(&mut crowd, BREATH, 0)?;
    stage.publishers.latest_ms();
    let start = Instant::now();
    crowd.open_window();
    let (server0, own0, busy0) = (process::tree_cpu(id), process::own_cpu(), process::machine_busy());
    let (written0, media0) = (process::written(id), stage.publishers.sent());
    watch(&mut crowd, Duration::from_secs_f64(plan.seconds), 0)?;
    let (server1, own1, busy1) = (process::tree_cpu(id), process::own_cpu(), process::machine_busy());
    let (written1, media1) = (process::written(id), stage.publishers.sent());
    let seen = crowd.close_window();
    let seconds = start.elapsed().as_secs_f64();
    let (files1, files_media1) = (bytes_in(&folder)?, stage.publishers.sent());
    let late = stage.publishers.latest_ms();
    let rss_kb = process::usage(id).rss_kb;
    let (disk1, media_after) = (settled(&folder)?, stage.publishers.sent());
    let disk_seconds = disk_start.elapsed().as_secs_f64();

    let (cpu, own) = (server1 - server0, own1 - own0);
    let tool_percent = own / seconds * 100.0;
    let per_media = |bytes: u64| bytes as f64 / (media1 - media0).max(1) as f64;
    let in_files = files1.saturating_sub(files0) as f64 / (files_media1 - files_media0).max(1) as f64;
    let recorded = manner != Manner::Off;
    let hole = (recorded && in_files < LEAST_RECORDED).then(|| format!("{in_files:.2} of it was recorded"));
    let invalid = fault(&mut stage.server, tool_percent, late).or(hole);
    let disk = disk0.zip(disk1);
    let mut latencies: Vec<f64> = crowd.latencies.iter().map(|&us| f64::from(us) / 1e3).collect();
    let publish_error = stage.publishers.stop().err();
    Ok(Recorded {
        fsync: manner.name(),
        recorded,
        streams: plan.streams,
        viewers: plan.viewers,
        seconds,
        cpu_percent: cpu / seconds * 100.0,
        in_files,
        asked: per_media(written1.asked - written0.asked),
        for_disk: per_media(written1.for_disk - written0.for_disk),
        on_disk: disk.map(|(before, after)| {
            (after.bytes - before.bytes) as f64 / (media_after - media_before).max(1) as f64
        }),
        flushes_per_second: disk
            .map(|(before, after)| (after.flushes - before.flushes) as f64 / disk_seconds),
        latency_p50_ms: percentile(&mut latencies, 0.5),
        latency_p99_ms: percentile(&mut latencies, 0.99),
        rss_kb,
        alive: seen.len(),
        behind: seen.iter().filter(|seen| seen.behind).count(),
        tool_percent,
        background_percent: ((busy1 - busy0 - cpu - own) / seconds * 100.0).max(0.0),
        invalid,
        first_error: crowd.first_error.clone().or(publish_error.map(|error| format!("{error:#}"))),
    })
}

/// Has everything written to the disk, then looks at it.
fn settled(folder: &Path) -> Result<Option<Disk>> {
    let status = Command::new("sync").arg("-f").arg(folder).status().context("starting sync")?;
    ensure!(status.success(), "sync -f {} failed", folder.display());
    Ok(process::disk(folder))
}

/// Bytes of all recorded media below a folder; the index beside it is none.
fn bytes_in(folder: &Path) -> Result<u64> {
    let mut folders = vec![folder.to_owned()];
    let mut bytes = 0;
    while let Some(folder) = folders.pop() {
        // What is taken away meanwhile is no recording.
        for entry in fs::read_dir(&folder)?.flatten() {
            let path = entry.path();
            match entry.metadata() {
                Ok(about) if about.is_dir() => folders.push(path),
                Ok(about) if path.extension().is_some_and(|extension| extension == "mp4") => {
                    bytes += about.len()
                }
                _ => {}
            }
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_manner_is_told_to_the_server_as_it_is_named() {
        assert!(!Manner::Off.config().contains("[[record]]"));
        let every = Manner::Every(2);
        assert!(every.config().contains("fsync_seconds = 2\n\n[[record]]") && every.name() == "every 2 s");
        assert_eq!(Manner::Every(0).name(), "at the end");
    }

    #[test]
    fn only_media_below_a_folder_counts() {
        let folder = std::env::temp_dir().join(format!("weir-bench-test-{}", std::process::id()));
        fs::create_dir_all(folder.join("a/b")).unwrap();
        fs::write(folder.join("a/b/0001.mp4"), [0; 10]).unwrap();
        fs::write(folder.join("a/0002.mp4"), [0; 5]).unwrap();
        fs::write(folder.join("a/index.db"), [0; 100]).unwrap();
        let bytes = bytes_in(&folder).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(bytes, 15);
    }
}
