//! One measurement: a fresh server, publishers, players, and a window in which everything is counted.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;

use crate::crowd::{Crowd, Target};
use crate::house::House;
use crate::peer::{LONGEST, Peer, Programs, Server};
use crate::process;
use crate::publisher::Publishers;
use crate::source::{Clock, MESSAGES_PER_SECOND};
use crate::stats::percentile;
use crate::viewer::Protocol;

/// Before the first player a whole group of pictures must have been published.
const AHEAD: Duration = Duration::from_millis(2500);

/// Players that join per second.
pub(crate) const RAMP: usize = 1000;

/// How long the last player may wait for its first key frame.
const PATIENCE: Duration = Duration::from_secs(15);

/// From the moment that everybody has a picture to the window.
pub(crate) const SETTLE: Duration = Duration::from_secs(2);

/// A tool's core that is busier, or a publisher that is later, makes a measurement invalid.
const MOST_TOOL_PERCENT: f64 = 90.0;
const MOST_LATE_MS: f64 = 100.0;

/// The kernel counts in hundredths of a second: of less than five of them no cost is calculated.
const LEAST_CPU: f64 = 0.045;

/// What every measurement needs.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) programs: Programs,
    pub(crate) house: House,
}

/// What is to be measured.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) peer: Peer,
    pub(crate) protocol: Protocol,
    pub(crate) viewers: usize,
    pub(crate) streams: usize,
    pub(crate) seconds: f64,
    /// The tool reads every so often, so that it need not be woken by every write; zero: as it comes.
    pub(crate) poll_ms: u64,
    pub(crate) cores: String,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) peer: String,
    pub(crate) protocol: &'static str,
    pub(crate) viewers: usize,
    pub(crate) streams: usize,
    pub(crate) poll_ms: u64,
    pub(crate) server_cores: String,
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: f64,
    pub(crate) cpu_percent: f64,
    pub(crate) cpu_s_per_gb: Option<f64>,
    pub(crate) kbit_per_viewer: f64,
    /// Write calls of the server per message and viewer.
    pub(crate) writes_per_message: f64,
    pub(crate) latency_p50_ms: Option<f64>,
    pub(crate) latency_p99_ms: Option<f64>,
    pub(crate) latency_samples: usize,
    pub(crate) first_key_p50_ms: Option<f64>,
    pub(crate) first_key_p99_ms: Option<f64>,
    pub(crate) rss_idle_kb: u64,
    pub(crate) rss_before_kb: u64,
    pub(crate) rss_end_kb: u64,
    pub(crate) rss_per_viewer_kb: f64,
    /// With its viewers.
    pub(crate) rss_per_stream_kb: f64,
    pub(crate) on_air: usize,
    pub(crate) alive: usize,
    pub(crate) behind: usize,
    pub(crate) tool_percent: f64,
    /// What the whole machine was busy with beside server and tool, in hundredths of one core.
    pub(crate) background_percent: f64,
    pub(crate) publisher_late_ms: f64,
    /// Why the numbers say nothing, if they do.
    pub(crate) invalid: Option<String>,
    pub(crate) first_error: Option<String>,
}

/// A server with its publishers on air.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) publishers: Publishers,
    pub(crate) server: Server,
    pub(crate) clock: Clock,
    /// Memory before the first publisher.
    pub(crate) rss_idle_kb: u64,
    pub(crate) on_air: usize,
}

impl Stage {
    /// Starts the server and `streams` publishers, and waits until a group of pictures is there.
    pub(crate) fn set(ground: &Ground, peer: &Peer, streams: usize, cores: &str) -> Result<Self> {
        let server = Server::start(peer, &ground.programs, &ground.house, cores)?;
        let clock = Clock::start();
        let rss_idle_kb = process::usage(server.id()).rss_kb;
        let publishers = Publishers::start(server.push(), streams, clock, LONGEST)?;
        let patience = Duration::from_secs(10) + Duration::from_millis(20) * streams as u32;
        let start = Instant::now();
        while publishers.on_air() + publishers.lost() < streams && start.elapsed() < patience {
            sleep(Duration::from_millis(20));
        }
        let on_air = publishers.on_air();
        if on_air == 0 {
            let error =
                publishers.stop().err().map_or_else(|| "no answer".into(), |error| format!("{error:#}"));
            bail!("nobody could publish: {error}\n{}", server.log());
        }
        sleep(AHEAD);
        Ok(Self { publishers, server, clock, rss_idle_kb, on_air })
    }

    /// Where players go.
    pub(crate) fn target(&self, protocol: Protocol, streams: usize) -> Target {
        Target { protocol, address: self.server.address(protocol), streams }
    }
}

/// Lets everybody join and waits until each has a picture or has waited too long.
pub(crate) fn assemble(crowd: &mut Crowd, size: usize) -> Result<()> {
    let start = Instant::now();
    let mut there = 0;
    while there < size {
        let due = (start.elapsed().as_secs_f64() * RAMP as f64) as usize + 1;
        for place in there..due.min(size) {
            crowd.join(place);
        }
        there = due.min(size);
        crowd.turn(Duration::from_millis(1))?;
    }
    let all_in = Instant::now();
    while crowd.without_picture() > 0 && all_in.elapsed() < PATIENCE {
        crowd.turn(Duration::from_millis(10))?;
    }
    crowd.give_up();
    Ok(())
}

/// Reads for so long, as the plan says.
pub(crate) fn watch(crowd: &mut Crowd, time: Duration, poll_ms: u64) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < time {
        if poll_ms == 0 {
            crowd.turn(Duration::from_millis(10))?;
        } else {
            sleep(Duration::from_millis(poll_ms));
            crowd.turn(Duration::ZERO)?;
        }
    }
    Ok(())
}

/// Why a window says nothing, if it does: how busy the tool's core was in it, and how late a publisher.
pub(crate) fn fault(server: &mut Server, tool_percent: f64, late_ms: f64) -> Option<String> {
    if let Some(end) = server.ended() {
        return Some(end);
    }
    if tool_percent > MOST_TOOL_PERCENT {
        return Some(format!("the tool's core was {tool_percent:.0} % busy"));
    }
    (late_ms > MOST_LATE_MS).then(|| format!("a publisher was {late_ms:.0} ms late"))
}

/// Measures what the plan says.
pub(crate) fn measure(ground: &Ground, plan: &Plan) -> Result<Row> {
    ensure!(plan.viewers > 0 && plan.streams > 0, "want at least one viewer and one stream");
    let mut stage = Stage::set(ground, &plan.peer, plan.streams, &plan.cores)
        .with_context(|| format!("measuring {}", plan.peer.name()))?;
    let id = stage.server.id();
    let before = process::usage(id);
    let mut crowd = Crowd::new(stage.target(plan.protocol, plan.streams), plan.viewers, stage.clock)?;
    assemble(&mut crowd, plan.viewers)?;
    watch(&mut crowd, SETTLE, plan.poll_ms)?;

    stage.publishers.latest_ms();
    let start = Instant::now();
    crowd.open_window();
    let (server0, own0, busy0) = (process::tree_cpu(id), process::own_cpu(), process::machine_busy());
    let writes = process::writes(id);
    watch(&mut crowd, Duration::from_secs_f64(plan.seconds), plan.poll_ms)?;
    let (server1, own1, busy1) = (process::tree_cpu(id), process::own_cpu(), process::machine_busy());
    let writes = process::writes(id) - writes;
    let seen = crowd.close_window();
    let seconds = start.elapsed().as_secs_f64();
    let late = stage.publishers.latest_ms();
    let end = process::usage(id);

    let bytes: u64 = seen.iter().map(|seen| seen.bytes).sum();
    let (alive, gb) = (seen.len(), bytes as f64 / 1e9);
    let (cpu, own) = (server1 - server0, own1 - own0);
    let tool_percent = own / seconds * 100.0;
    let mut latencies: Vec<f64> = crowd.latencies.iter().map(|&us| f64::from(us) / 1e3).collect();
    let invalid = fault(&mut stage.server, tool_percent, late);
    let lost = stage.publishers.lost();
    let publish_error = stage.publishers.stop().err();
    let first_error = crowd.first_error.clone().or(publish_error.map(|error| format!("{error:#}")));
    Ok(Row {
        peer: plan.peer.name(),
        protocol: plan.protocol.name(),
        viewers: plan.viewers,
        streams: plan.streams,
        poll_ms: plan.poll_ms,
        server_cores: plan.cores.clone(),
        seconds,
        cpu_seconds: cpu,
        cpu_percent: cpu / seconds * 100.0,
        cpu_s_per_gb: (gb > 0.0 && cpu >= LEAST_CPU).then(|| cpu / gb),
        kbit_per_viewer: bytes as f64 * 8.0 / 1e3 / seconds / alive.max(1) as f64,
        writes_per_message: writes as f64 / (alive.max(1) as f64 * seconds * MESSAGES_PER_SECOND),
        latency_p50_ms: percentile(&mut latencies, 0.5),
        latency_p99_ms: percentile(&mut latencies, 0.99),
        latency_samples: latencies.len(),
        first_key_p50_ms: percentile(&mut crowd.first_keys, 0.5),
        first_key_p99_ms: percentile(&mut crowd.first_keys, 0.99),
        rss_idle_kb: stage.rss_idle_kb,
        rss_before_kb: before.rss_kb,
        rss_end_kb: end.rss_kb,
        rss_per_viewer_kb: (end.rss_kb as f64 - before.rss_kb as f64) / alive.max(1) as f64,
        rss_per_stream_kb: (end.rss_kb as f64 - stage.rss_idle_kb as f64) / stage.on_air.max(1) as f64,
        on_air: stage.on_air - lost.min(stage.on_air),
        alive,
        behind: seen.iter().filter(|seen| seen.behind).count(),
        tool_percent,
        background_percent: ((busy1 - busy0 - cpu - own) / seconds * 100.0).max(0.0),
        publisher_late_ms: late,
        invalid,
        first_error,
    })
}
