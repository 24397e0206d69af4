//! Tables in Markdown and lines of JSON.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::audience::{Served, Watched};
use crate::measure::Row;
use crate::record::Recorded;
use crate::rooms::Started;
use crate::scene::{Churned, Held, Joined};
use crate::stats::median;
use crate::talk::Talked;

/// A file that takes one line of JSON for every measurement.
#[derive(Debug)]
pub(crate) struct Lines(Option<File>);

impl Lines {
    /// Writes anew to `path`, or nowhere.
    pub(crate) fn to(path: Option<&Path>) -> Result<Self> {
        let open = |path: &Path| File::create(path).with_context(|| path.display().to_string());
        Ok(Self(path.map(open).transpose()?))
    }

    /// Adds one line, in which `case` says what was measured.
    pub(crate) fn add(&mut self, case: &str, row: &impl Serialize) -> Result<()> {
        let Some(file) = &mut self.0 else { return Ok(()) };
        let mut value = serde_json::to_value(row)?;
        if let Some(object) = value.as_object_mut() {
            object.insert("case".into(), case.into());
        }
        writeln!(file, "{value}")?;
        Ok(())
    }
}

/// One table for measurements of the same kind: medians over repetitions, and ratios to what was measured beside them.
pub(crate) fn fan_out(title: &str, rows: &[Row]) -> String {
    let columns = vec![
        "proto",
        "viewers",
        "streams",
        "cores",
        "peer",
        "n",
        "CPU-s/GB",
        "/ nginx",
        "/ floor:0",
        "/ floor:100",
        "cpu %",
        "latency p50 ms",
        "p99",
        "first key p50 ms",
        "p99",
        "RSS KB/viewer",
        "RSS KB/stream",
        "idle MB",
        "alive",
        "behind",
        "tool %",
        "others %",
        "valid",
    ];
    let mut table = Table::new(title, columns);
    let mut done: Vec<&Row> = Vec::new();
    for row in rows {
        if done.iter().any(|other| same(other, row) && other.peer == row.peer) {
            continue;
        }
        done.push(row);
        let mine: Vec<&Row> =
            rows.iter().filter(|other| same(other, row) && other.peer == row.peer).collect();
        let of = |field: fn(&Row) -> Option<f64>| middle(&mine, field);
        let cost = of(|row| row.cpu_s_per_gb);
        let ratio = |peer: &str| {
            let beside: Vec<&Row> =
                rows.iter().filter(|other| other.peer == peer && beside(other, row)).collect();
            let other = middle(&beside, |row| row.cpu_s_per_gb)?;
            cost.filter(|_| other > 0.0).map(|cost| cost / other)
        };
        let worst = |field: fn(&Row) -> usize| mine.iter().map(|row| field(row)).max().unwrap_or(0);
        let alive = mine.iter().map(|row| row.alive).min().unwrap_or(0);
        let invalid = mine.iter().find_map(|row| row.invalid.clone());
        table.row(vec![
            row.protocol.into(),
            row.viewers.to_string(),
            row.streams.to_string(),
            row.server_cores.clone(),
            row.peer.clone(),
            mine.len().to_string(),
            number(cost, 2),
            number(ratio("nginx"), 2),
            number(ratio("floor:0"), 2),
            number(ratio("floor:100"), 2),
            number(of(|row| Some(row.cpu_percent)), 1),
            number(of(|row| row.latency_p50_ms), 1),
            number(of(|row| row.latency_p99_ms), 1),
            number(of(|row| row.first_key_p50_ms), 1),
            number(of(|row| row.first_key_p99_ms), 1),
            // A difference of pages says nothing about a few viewers, nor about viewers of many streams.
            number(
                of(|row| Some(row.rss_per_viewer_kb)).filter(|_| row.viewers >= 100 && row.streams == 1),
                1,
            ),
            number(of(|row| Some(row.rss_per_stream_kb)).filter(|_| row.streams >= 100), 1),
            number(of(|row| Some(row.rss_idle_kb as f64 / 1024.0)), 1),
            alive.to_string(),
            worst(|row| row.behind).to_string(),
            number(of(|row| Some(row.tool_percent)), 0),
            number(of(|row| Some(row.background_percent)), 0),
            invalid.unwrap_or_else(|| "yes".into()),
        ]);
    }
    table.finish()
}

/// The table of first key frames.
pub(crate) fn join(rows: &[Joined]) -> String {
    let columns = ["proto", "peer", "alone p50 ms", "p99", "joining in the second", "p50 ms", "p99", "alive"];
    let mut table = Table::new("First key frame", columns.to_vec());
    for row in rows {
        table.row(vec![
            row.protocol.into(),
            row.peer.clone(),
            number(row.single_p50_ms, 2),
            number(row.single_p99_ms, 2),
            row.viewers.to_string(),
            number(row.together_p50_ms, 1),
            number(row.together_p99_ms, 1),
            row.alive.to_string(),
        ]);
    }
    table.finish()
}

/// The table of players that come and go.
pub(crate) fn churn(rows: &[Churned]) -> String {
    let columns = [
        "proto",
        "peer",
        "joins/s",
        "seconds",
        "joins",
        "shown",
        "lost",
        "cpu %",
        "RSS MB before",
        "early",
        "late",
        "after",
        "descriptors before",
        "early",
        "late",
        "after",
    ];
    let mut table = Table::new("Players that come and go", columns.to_vec());
    for row in rows {
        let mb = |kb: f64| number(Some(kb / 1024.0), 2);
        table.row(vec![
            row.protocol.into(),
            row.peer.clone(),
            row.per_second.to_string(),
            number(Some(row.seconds), 0),
            row.joins.to_string(),
            row.shown.to_string(),
            row.lost.to_string(),
            number(Some(row.cpu_percent), 1),
            mb(row.rss_before_kb as f64),
            mb(row.rss_early_kb),
            mb(row.rss_late_kb),
            mb(row.rss_after_kb as f64),
            row.descriptors_before.to_string(),
            number(Some(row.descriptors_early), 0),
            number(Some(row.descriptors_late), 0),
            row.descriptors_after.to_string(),
        ]);
    }
    table.finish()
}

/// The table of memory.
pub(crate) fn memory(rows: &[Held]) -> String {
    let columns = [
        "proto",
        "peer",
        "viewers",
        "alive",
        "idle MB",
        "one stream MB",
        "all watching MB",
        "at the end MB",
        "KB/viewer",
        "growth KB/min",
        "all gone MB",
    ];
    let mut table = Table::new("Resident memory", columns.to_vec());
    for row in rows {
        let mb = |kb: u64| number(Some(kb as f64 / 1024.0), 2);
        table.row(vec![
            row.protocol.into(),
            row.peer.clone(),
            row.viewers.to_string(),
            row.alive.to_string(),
            mb(row.rss_idle_kb),
            mb(row.rss_stream_kb),
            mb(row.rss_series_kb.first().copied().unwrap_or(0)),
            mb(row.rss_series_kb.last().copied().unwrap_or(0)),
            number(Some(row.rss_per_viewer_kb), 2),
            number(Some(row.growth_kb_per_minute), 0),
            mb(row.rss_after_kb),
        ]);
    }
    table.finish()
}

/// The table of players of low-latency HLS.
pub(crate) fn watched(row: &Watched) -> String {
    let columns = [
        "players",
        "seconds",
        "parts",
        "missed",
        "lost",
        "part p50 ms",
        "p95",
        "p99",
        "newest picture p50 ms",
        "p99",
        "CPU-s/GB",
        "cpu %",
        "RSS KB/player",
        "tool %",
    ];
    let mut table = Table::new("Low-latency HLS", columns.to_vec());
    table.row(vec![
        row.viewers.to_string(),
        number(Some(row.seconds), 0),
        row.parts.to_string(),
        row.missed.to_string(),
        row.lost.to_string(),
        number(row.part_p50_ms, 0),
        number(row.part_p95_ms, 0),
        number(row.part_p99_ms, 0),
        number(row.edge_p50_ms, 1),
        number(row.edge_p99_ms, 1),
        number(Some(row.cpu_s_per_gb), 2),
        number(Some(row.cpu_percent), 1),
        number(Some(row.rss_per_viewer_kb), 1),
        number(Some(row.tool_percent), 0),
    ]);
    let mut text = table.finish();
    if let Some(error) = &row.first_error {
        text.push_str(&format!("\n{error}\n"));
    }
    text
}

/// The table of whole segments.
pub(crate) fn served(rows: &[Served]) -> String {
    let columns = ["peer", "segment KB", "GB/s", "CPU-s/GB", "/ nginx", "cpu %", "tool %"];
    let mut table = Table::new("Segments of HLS", columns.to_vec());
    let nginx = rows.iter().find(|row| row.peer == "nginx").map(|row| row.cpu_s_per_gb);
    for row in rows {
        table.row(vec![
            row.peer.clone(),
            (row.segment_bytes / 1000).to_string(),
            number(Some(row.gb_per_second), 2),
            number(Some(row.cpu_s_per_gb), 3),
            number(nginx.map(|nginx| row.cpu_s_per_gb / nginx), 2),
            number(Some(row.cpu_percent), 1),
            number(Some(row.tool_percent), 0),
        ]);
    }
    table.finish()
}

/// The tables of a chat room: medians over repetitions, and ratios to what was measured beside them.
pub(crate) fn talked(rows: &[Talked]) -> String {
    let columns = [
        "members",
        "messages/s",
        "stalled %",
        "peer",
        "n",
        "us/delivery",
        "weir / it",
        "complete %",
        "messages/frame",
        "B/delivery",
        "cpu %",
        "p50 ms",
        "p99",
        "p99 / none stalled",
        "KB/idle member",
        "RSS MB at the end",
        "refused",
        "lost",
        "tool %",
        "others %",
        "valid",
    ];
    let mut table = Table::new("One chat room", columns.to_vec());
    let key = |row: &Talked| (row.members, row.rate.to_bits(), row.stalled_percent.to_bits());
    let mut done: Vec<&Talked> = Vec::new();
    for row in rows {
        if done.iter().any(|other| key(other) == key(row) && other.peer == row.peer) {
            continue;
        }
        done.push(row);
        let mine: Vec<&Talked> =
            rows.iter().filter(|other| key(other) == key(row) && other.peer == row.peer).collect();
        let of =
            |field: fn(&Talked) -> Option<f64>| median(mine.iter().filter_map(|row| field(row)).collect());
        let of_weir = rows.iter().filter(|other| key(other) == key(row) && other.peer == "weir");
        let weir = median(of_weir.map(|row| row.us_per_delivery).collect()).filter(|_| row.peer != "weir");
        let none_stalled = rows.iter().filter(|other| {
            other.peer == row.peer
                && key(other) == key(&Talked { stalled_percent: 0.0, ..row.clone() })
                && row.stalled_percent > 0.0
        });
        let none_stalled = median(none_stalled.filter_map(|row| row.p99_ms).collect());
        let (cost, p99) = (of(|row| Some(row.us_per_delivery)), of(|row| row.p99_ms));
        let ratio = |one: Option<f64>, other: Option<f64>| Some(one? / other.filter(|other| *other > 0.0)?);
        table.row(vec![
            row.members.to_string(),
            number(Some(row.rate), 0),
            number(Some(row.stalled_percent), 0),
            row.peer.clone(),
            mine.len().to_string(),
            number(cost, 2),
            number(ratio(weir, cost), 2),
            number(of(|row| Some(row.complete_percent)), 2),
            number(of(|row| Some(row.merged)), 1),
            number(of(|row| Some(row.bytes_per_delivery)), 0),
            number(of(|row| Some(row.cpu_percent)), 1),
            number(of(|row| row.p50_ms), 1),
            number(p99, 1),
            number(ratio(p99, none_stalled), 2),
            number(of(|row| Some(row.idle_kb)), 1),
            number(of(|row| Some(row.rss_end_kb as f64 / 1024.0)), 1),
            mine.iter().map(|row| row.refused).max().unwrap_or(0).to_string(),
            mine.iter().map(|row| row.lost).max().unwrap_or(0).to_string(),
            number(of(|row| Some(row.tool_percent)), 0),
            number(of(|row| Some(row.background_percent)), 0),
            mine.iter().find_map(|row| row.invalid.clone()).unwrap_or_else(|| "yes".into()),
        ]);
    }
    let mut text = table.finish();
    let crowds: Vec<&Talked> = rows.iter().filter(|row| row.likes_sent > 0 || row.came_back > 0).collect();
    if !crowds.is_empty() {
        text.push_str(&format!("\n{}", crowd(&crowds)));
    }
    text
}

/// The table of what many did at once, each time by itself, as it must be exact every time.
fn crowd(rows: &[&Talked]) -> String {
    let columns = ["members", "peer", "likes", "counted", "cut off", "came back", "got what they missed"];
    let mut table = Table::new("Likes, and comebacks", columns.to_vec());
    for row in rows {
        table.row(vec![
            row.members.to_string(),
            row.peer.clone(),
            row.likes_sent.to_string(),
            row.likes_counted.to_string(),
            row.came_back.to_string(),
            (row.came_back - row.lost.min(row.came_back)).to_string(),
            row.recovered.to_string(),
        ]);
    }
    table.finish()
}

/// The table of starts: medians over repetitions.
pub(crate) fn started(rows: &[Started]) -> String {
    let columns = [
        "rooms",
        "live",
        "database MB",
        "n",
        "first answer ms",
        "all told ms",
        "CPU s until then",
        "RSS MB at the answer",
        "when all are told",
        "at the end",
        "idle cpu %",
    ];
    let mut table = Table::new("Starts with rooms in the database", columns.to_vec());
    let mut done = Vec::new();
    for row in rows {
        if done.contains(&row.rooms) {
            continue;
        }
        done.push(row.rooms);
        let of = |field: fn(&Started) -> f64| {
            median(rows.iter().filter(|other| other.rooms == row.rooms).map(field).collect())
        };
        table.row(vec![
            row.rooms.to_string(),
            row.live.to_string(),
            number(of(|row| row.database_mb), 1),
            rows.iter().filter(|other| other.rooms == row.rooms).count().to_string(),
            number(of(|row| row.answer_ms), 0),
            number(of(|row| row.told_ms), 0),
            number(of(|row| row.start_cpu_seconds), 2),
            number(of(|row| row.rss_answer_kb as f64 / 1024.0), 1),
            number(of(|row| row.rss_told_kb as f64 / 1024.0), 1),
            number(of(|row| row.rss_end_kb as f64 / 1024.0), 1),
            number(of(|row| row.idle_cpu_percent), 2),
        ]);
    }
    table.finish()
}

/// The table of recording: medians over repetitions, and what each manner costs beyond recording nothing.
pub(crate) fn recorded(rows: &[Recorded]) -> String {
    let columns = [
        "fsync",
        "n",
        "cpu %",
        "% of a core per stream",
        "in files",
        "wchar",
        "write_bytes",
        "on the disk",
        "flushes/s",
        "latency p50 ms",
        "p99",
        "p99 / off",
        "RSS MB",
        "alive",
        "behind",
        "tool %",
        "others %",
        "valid",
    ];
    let mut table = Table::new("Recording; bytes are per byte of published media", columns.to_vec());
    let of = |fsync: &str, field: fn(&Recorded) -> Option<f64>| {
        median(rows.iter().filter(|row| row.fsync == fsync).filter_map(field).collect())
    };
    let off = rows.iter().find(|row| !row.recorded).map(|row| row.fsync.as_str());
    let beyond = |fsync: &str, field: fn(&Recorded) -> Option<f64>| {
        off.filter(|off| *off != fsync).and_then(|off| Some(of(fsync, field)? - of(off, field)?))
    };
    let mut done: Vec<&str> = Vec::new();
    for row in rows {
        let fsync = row.fsync.as_str();
        if done.contains(&fsync) {
            continue;
        }
        done.push(fsync);
        let mine: Vec<&Recorded> = rows.iter().filter(|other| other.fsync == fsync).collect();
        let p99 = |fsync| of(fsync, |row| row.latency_p99_ms);
        let ratio = off.and_then(|off| Some(p99(fsync)? / p99(off)?));
        let invalid = mine.iter().find_map(|row| row.invalid.clone().or_else(|| row.first_error.clone()));
        table.row(vec![
            fsync.into(),
            mine.len().to_string(),
            number(of(fsync, |row| Some(row.cpu_percent)), 1),
            number(beyond(fsync, |row| Some(row.cpu_percent)).map(|cpu| cpu / row.streams as f64), 3),
            number(of(fsync, |row| row.recorded.then_some(row.in_files)), 3),
            number(beyond(fsync, |row| Some(row.asked)), 3),
            number(beyond(fsync, |row| Some(row.for_disk)), 3),
            number(beyond(fsync, |row| row.on_disk), 3),
            number(of(fsync, |row| row.flushes_per_second), 1),
            number(of(fsync, |row| row.latency_p50_ms), 2),
            number(p99(fsync), 2),
            number(ratio, 2),
            number(of(fsync, |row| Some(row.rss_kb as f64 / 1024.0)), 1),
            mine.iter().map(|row| row.alive).min().unwrap_or(0).to_string(),
            mine.iter().map(|row| row.behind).max().unwrap_or(0).to_string(),
            number(of(fsync, |row| Some(row.tool_percent)), 0),
            number(of(fsync, |row| Some(row.background_percent)), 0),
            invalid.unwrap_or_else(|| "yes".into()),
        ]);
    }
    table.finish()
}

/// Two rows that are repetitions of each other, the peer apart.
fn same(one: &Row, other: &Row) -> bool {
    one.protocol == other.protocol && beside(one, other)
}

/// Two rows that may be compared: the floor has one protocol only.
fn beside(one: &Row, other: &Row) -> bool {
    (one.viewers, one.streams, one.poll_ms) == (other.viewers, other.streams, other.poll_ms)
        && one.server_cores == other.server_cores
}

fn middle(rows: &[&Row], field: fn(&Row) -> Option<f64>) -> Option<f64> {
    median(rows.iter().filter_map(|row| field(row)).collect())
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".into(), |value| format!("{value:.digits$}"))
}

struct Table {
    text: String,
}

impl Table {
    fn new(title: &str, columns: Vec<&str>) -> Self {
        let rule = vec!["---"; columns.len()].join(" | ");
        Self { text: format!("### {title}\n\n| {} |\n| {rule} |\n", columns.join(" | ")) }
    }

    fn row(&mut self, cells: Vec<String>) {
        self.text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }

    fn finish(self) -> String {
        self.text
    }
}
