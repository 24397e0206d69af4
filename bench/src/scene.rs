//! Measurements in which players come and go, or stay for long.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;

use crate::crowd::Crowd;
use crate::measure::{Ground, Stage, assemble, watch};
use crate::peer::Peer;
use crate::process;
use crate::stats::{mean, percentile};
use crate::viewer::Protocol;

/// Players that join one after the other, to see what the first key frame costs on an idle server.
const SINGLE: u32 = 16;
const SINGLE_PATIENCE: Duration = Duration::from_secs(4);
const GROUP: Duration = Duration::from_secs(2);

/// How long every player stays when they come and go and nothing else is asked for.
const STAY_SECONDS: usize = 4;

/// Players that come per second until all places are taken.
const FILL_RATE: f64 = 1_000.0;

/// After the last player left, before memory and descriptors are looked at again.
const AFTERWARDS: Duration = Duration::from_secs(2);

/// How long it took to the first key frame.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Joined {
    pub(crate) peer: String,
    pub(crate) protocol: &'static str,
    pub(crate) viewers: usize,
    pub(crate) single_p50_ms: Option<f64>,
    pub(crate) single_p99_ms: Option<f64>,
    pub(crate) together_p50_ms: Option<f64>,
    pub(crate) together_p99_ms: Option<f64>,
    pub(crate) alive: usize,
    pub(crate) first_error: Option<String>,
}

/// Sixteen players one after the other, then `viewers` of them at a thousand a second.
pub(crate) fn join(ground: &Ground, peer: &Peer, protocol: Protocol, viewers: usize) -> Result<Joined> {
    let stage = Stage::set(ground, peer, 1, "0")?;
    let mut single = Crowd::new(stage.target(protocol, 1), 1, stage.clock)?;
    for turn in 0..SINGLE {
        single.join(0);
        let start = Instant::now();
        while single.without_picture() > 0 && start.elapsed() < SINGLE_PATIENCE {
            single.turn(Duration::from_millis(10))?;
        }
        single.leave(0);
        // A server without a group of pictures at hand lets a player begin where a group begins. Pauses of different
        // lengths spread the moments of joining over the two seconds of a group all the same.
        sleep(GROUP / SINGLE * turn);
    }
    let mut crowd = Crowd::new(stage.target(protocol, 1), viewers, stage.clock)?;
    assemble(&mut crowd, viewers)?;
    Ok(Joined {
        peer: peer.name(),
        protocol: protocol.name(),
        viewers,
        single_p50_ms: percentile(&mut single.first_keys, 0.5),
        single_p99_ms: percentile(&mut single.first_keys, 0.99),
        together_p50_ms: percentile(&mut crowd.first_keys, 0.5),
        together_p99_ms: percentile(&mut crowd.first_keys, 0.99),
        alive: crowd.alive(),
        first_error: single.first_error.take().or(crowd.first_error.take()),
    })
}

/// What a server held while players came and went.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Churned {
    pub(crate) peer: String,
    pub(crate) protocol: &'static str,
    pub(crate) per_second: usize,
    pub(crate) seconds: f64,
    pub(crate) joins: usize,
    /// Those that had a key frame by the time they left.
    pub(crate) shown: usize,
    pub(crate) lost: usize,
    pub(crate) cpu_percent: f64,
    pub(crate) rss_before_kb: u64,
    /// Mean of the first and of the last quarter of the time.
    pub(crate) rss_early_kb: f64,
    pub(crate) rss_late_kb: f64,
    pub(crate) rss_after_kb: u64,
    pub(crate) descriptors_before: usize,
    pub(crate) descriptors_early: f64,
    pub(crate) descriptors_late: f64,
    pub(crate) descriptors_after: usize,
    pub(crate) first_error: Option<String>,
}

/// How players come and go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Coming<'a> {
    /// How many join, and how many leave, per second.
    pub(crate) rate: usize,
    /// How many there are at a time; else each stays for four seconds.
    pub(crate) viewers: Option<usize>,
    pub(crate) seconds: f64,
    /// The server's cores.
    pub(crate) cores: &'a str,
}

/// The places are filled at a thousand a second; then whoever comes takes the place of the one who has stayed longest.
pub(crate) fn churn(ground: &Ground, peer: &Peer, protocol: Protocol, coming: Coming<'_>) -> Result<Churned> {
    let Coming { rate, seconds, .. } = coming;
    let stage = Stage::set(ground, peer, 1, coming.cores)?;
    let id = stage.server.id();
    let places = coming.viewers.unwrap_or(rate * STAY_SECONDS);
    let filled = places as f64 / FILL_RATE;
    let seconds = seconds + filled;
    let before = process::usage(id);
    let mut crowd = Crowd::new(stage.target(protocol, 1), places, stage.clock)?;
    let start = Instant::now();
    let (mut joins, mut shown) = (0, 0);
    let (mut memory, mut descriptors) = (Vec::new(), Vec::new());
    while start.elapsed().as_secs_f64() < seconds {
        let now = start.elapsed().as_secs_f64();
        let due = now.min(filled) * FILL_RATE + (now - filled).max(0.0) * rate as f64;
        let due = due as usize + 1;
        while joins < due {
            let place = joins % places;
            shown += usize::from(crowd.has_picture(place));
            crowd.join(place);
            joins += 1;
        }
        crowd.turn(Duration::from_millis(2))?;
        // Once everybody who comes takes the place of one who leaves, the server's state should be level.
        let level = joins >= places;
        if level && now >= filled + STAY_SECONDS as f64 + 0.5 * (memory.len() + 1) as f64 {
            let usage = process::usage(id);
            memory.push(usage.rss_kb as f64);
            descriptors.push(usage.descriptors as f64);
        }
    }
    let lasted = start.elapsed().as_secs_f64();
    let cpu = process::tree_cpu(id) - before.cpu;
    for place in 0..places {
        shown += usize::from(crowd.has_picture(place));
        crowd.leave(place);
    }
    sleep(AFTERWARDS);
    let after = process::usage(id);
    let quarter = (memory.len() / 4).max(1).min(memory.len());
    let ends = |series: &[f64]| (mean(&series[..quarter]), mean(&series[series.len() - quarter..]));
    let (rss_early_kb, rss_late_kb) = ends(&memory);
    let (descriptors_early, descriptors_late) = ends(&descriptors);
    Ok(Churned {
        peer: peer.name(),
        protocol: protocol.name(),
        per_second: rate,
        seconds: lasted,
        joins,
        shown,
        lost: crowd.lost,
        cpu_percent: cpu / lasted * 100.0,
        rss_before_kb: before.rss_kb,
        rss_early_kb,
        rss_late_kb,
        rss_after_kb: after.rss_kb,
        descriptors_before: before.descriptors,
        descriptors_early,
        descriptors_late,
        descriptors_after: after.descriptors,
        first_error: crowd.first_error.take(),
    })
}

/// What a server holds while players stay.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Held {
    pub(crate) peer: String,
    pub(crate) protocol: &'static str,
    pub(crate) viewers: usize,
    pub(crate) alive: usize,
    pub(crate) rss_idle_kb: u64,
    pub(crate) rss_stream_kb: u64,
    /// From the moment that everybody has a picture to the end, in equal steps.
    pub(crate) rss_series_kb: Vec<u64>,
    pub(crate) rss_per_viewer_kb: f64,
    /// From the second sample to the last.
    pub(crate) growth_kb_per_minute: f64,
    pub(crate) rss_after_kb: u64,
    pub(crate) first_error: Option<String>,
}

/// `viewers` players stay for `seconds`; memory is looked at eight times.
pub(crate) fn memory(
    ground: &Ground,
    peer: &Peer,
    protocol: Protocol,
    viewers: usize,
    seconds: f64,
) -> Result<Held> {
    const STEPS: u32 = 8;
    let stage = Stage::set(ground, peer, 1, "0")?;
    let id = stage.server.id();
    let stream = process::usage(id).rss_kb;
    let mut crowd = Crowd::new(stage.target(protocol, 1), viewers, stage.clock)?;
    assemble(&mut crowd, viewers)?;
    let step = Duration::from_secs_f64(seconds) / STEPS;
    let mut series = vec![process::usage(id).rss_kb];
    for _ in 0..STEPS {
        watch(&mut crowd, step, 10)?;
        series.push(process::usage(id).rss_kb);
    }
    let alive = crowd.alive();
    let first_error = crowd.first_error.take();
    drop(crowd);
    sleep(AFTERWARDS);
    let (second, last) = (series[1], series[series.len() - 1]);
    Ok(Held {
        peer: peer.name(),
        protocol: protocol.name(),
        viewers,
        alive,
        rss_idle_kb: stage.rss_idle_kb,
        rss_stream_kb: stream,
        rss_per_viewer_kb: (last as f64 - stream as f64) / alive.max(1) as f64,
        growth_kb_per_minute: (last as f64 - second as f64) / (step * (STEPS - 1)).as_secs_f64() * 60.0,
        rss_series_kb: series,
        rss_after_kb: process::usage(id).rss_kb,
        first_error,
    })
}
