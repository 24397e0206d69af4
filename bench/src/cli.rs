//! The command line: what each subcommand takes, and how it is run. All in one place, as they share what is measured on and how rows
//! are told, which is why this file is long.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::Serialize;

use crate::audience;
use crate::check;
use crate::floor;
use crate::house::House;
use crate::measure::{Ground, Plan, Row, measure};
use crate::peer::{Peer, Programs};
use crate::plot;
use crate::record;
use crate::report::{self, Lines};
use crate::rooms;
use crate::scene;
use crate::talk;
use crate::viewer::Protocol;

/// Bounds of what can be asked for: the tool has one thread for players and 16-bit ports.
const MAX_VIEWERS: u64 = 18_000;
const MAX_STREAMS: u64 = 5_000;
const MAX_ROOMS: u64 = 1_000_000;
const MAX_SECONDS: f64 = 600.0;
const MAX_REPETITIONS: u64 = 20;

#[derive(Debug, Parser)]
#[command(
    name = "bench",
    about = "Measures Weir beside its peers and beside the kernel's own floor, on loopback"
)]
struct Cli {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// One stream and many viewers: cost per byte, latency, first key frame, memory
    Run(Run),
    /// Many streams with one viewer each
    Many(Many),
    /// The time to the first key frame, alone and in a crowd
    Join(Join),
    /// Viewers come and go: memory and descriptors must stay level
    Churn(Churn),
    /// Viewers stay: memory per viewer and its growth
    Memory(Memory),
    /// What no noise explains: Weir's memory per viewer and writes per message; that rooms of all servers are whole
    Check(Common),
    /// Players of low-latency HLS: how soon each has a part, and that none misses one
    Hls(Hls),
    /// Whole segments of HLS: Weir's memory beside files that nginx serves
    Segments(Segments),
    /// Many streams, recorded and not by turns: cost per stream, bytes to the disk, and that viewers do not notice
    Record(Record),
    /// One chat room, beside other servers by turns: the price of a delivery, how long a message takes, what a crowd does to it
    #[command(mut_arg("peers", |peers| peers.default_value("weir,mosquitto,redis,nats,ws,floor:0")))]
    Chat(Chat),
    /// Weir alone: the start with very many rooms in the database, and the time after it in which nothing happens
    Rooms(Rooms),
    /// Draws what `run --json` wrote: cost and latency over the number of viewers
    Plot(Plot),
    /// The floor itself, which the others start as a process of its own
    #[command(hide = true)]
    Floor(FloorArgs),
}

#[derive(Debug, Args)]
struct Hls {
    #[command(flatten)]
    common: Common,
    /// How many players
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=MAX_VIEWERS))]
    viewers: u64,
    /// Length of the measured window
    #[arg(long, default_value_t = 10.0, value_parser = seconds)]
    seconds: f64,
}

#[derive(Debug, Args)]
struct Segments {
    #[command(flatten)]
    common: Common,
    /// Length of the measured window
    #[arg(long, default_value_t = 6.0, value_parser = seconds)]
    seconds: f64,
}

#[derive(Debug, Args)]
struct Record {
    #[command(flatten)]
    common: Common,
    /// Streams
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=MAX_STREAMS))]
    streams: u64,
    /// Viewers, spread over the streams
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=MAX_VIEWERS))]
    viewers: u64,
    /// Length of each measured window
    #[arg(long, default_value_t = 15.0, value_parser = seconds)]
    seconds: f64,
    /// The values of recordings.fsync_seconds to compare; 0: at the end of a file
    #[arg(long, value_delimiter = ',', default_value = "2", value_parser = clap::value_parser!(u64).range(0..=3600))]
    fsync: Vec<u64>,
    /// The server's cores, as taskset takes them
    #[arg(long, default_value = "0", value_parser = cores)]
    server_cores: String,
    /// Repetitions, of which the median is shown
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=MAX_REPETITIONS))]
    reps: u64,
}

#[derive(Debug, Args)]
struct Chat {
    #[command(flatten)]
    common: Common,
    /// Members of the room
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(2..=MAX_VIEWERS))]
    members: u64,
    /// Messages per second of all together
    #[arg(long, value_delimiter = ',', default_value = "20,400")]
    rate: Vec<f64>,
    /// Characters of a message
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(20..=500))]
    size: u64,
    /// Reports of ten likes per second
    #[arg(long, default_value_t = 0.0)]
    likes: f64,
    /// So many in a hundred members stop reading, and by turns none, to compare
    #[arg(long, default_value_t = 0.0, value_parser = percent)]
    stalled: f64,
    /// Cut everybody off in the middle; they come back within so many seconds
    #[arg(long, value_parser = seconds)]
    cut: Option<f64>,
    /// Length of the measured window
    #[arg(long, default_value_t = 10.0, value_parser = seconds)]
    seconds: f64,
    /// Repetitions, of which the median is shown
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=MAX_REPETITIONS))]
    reps: u64,
}

#[derive(Debug, Args)]
struct Rooms {
    #[command(flatten)]
    common: Common,
    /// Rooms in the database
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=MAX_ROOMS))]
    rooms: u64,
    /// Of them, so many were live when the server ended
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(0..=30_000))]
    live: u64,
    /// For how long nothing happens
    #[arg(long, default_value_t = 30.0, value_parser = seconds)]
    seconds: f64,
    /// The server's cores, as taskset takes them
    #[arg(long, default_value = "0", value_parser = cores)]
    server_cores: String,
    /// Repetitions, of which the median is shown
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=MAX_REPETITIONS))]
    reps: u64,
}

#[derive(Debug, Args)]
struct Plot {
    /// Lines of JSON
    from: PathBuf,
    /// The picture, an SVG
    to: PathBuf,
}

#[derive(Clone, Debug, Args)]
struct Common {
    /// Whom to measure: weir, nginx, floor:MILLISECONDS (0: a write per message), and of rooms also mosquitto, redis, nats, ws;
    /// what is not installed is left out
    #[arg(long, value_delimiter = ',', default_value = "weir,nginx,floor:0,floor:100")]
    peers: Vec<Peer>,
    /// Over what viewers watch; whoever does not speak it is left out
    #[arg(long, value_delimiter = ',', default_value = "rtmp,flv")]
    protos: Vec<Proto>,
    /// One line of JSON per measurement goes to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// The core of publishers and viewers
    #[arg(long, default_value_t = 1)]
    tool_core: usize,
    /// Weir's binary [default: beside this one, else target/release/weir]
    #[arg(long, value_name = "PATH")]
    weir: Option<PathBuf>,
    /// A further argument to `weir serve`; may be repeated
    #[arg(long, value_name = "ARG", allow_hyphen_values = true)]
    weir_arg: Vec<String>,
    /// nginx's binary
    #[arg(long, value_name = "PATH", default_value = "/usr/sbin/nginx")]
    nginx: PathBuf,
    /// Where nginx's modules are
    #[arg(long, value_name = "DIR", default_value = "/usr/lib/nginx/modules")]
    nginx_modules: PathBuf,
}

#[derive(Debug, Args)]
struct Run {
    #[command(flatten)]
    common: Common,
    /// How many viewers; without it a set of measurements that answers most questions
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u64).range(1..=MAX_VIEWERS))]
    viewers: Vec<u64>,
    /// Length of the measured window
    #[arg(long, default_value_t = 6.0, value_parser = seconds)]
    seconds: f64,
    /// Repetitions, of which the median is shown
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=MAX_REPETITIONS))]
    reps: u64,
    /// Read every so many milliseconds, so that the server need not wake the tool; 0: as it comes, for latencies
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=100))]
    poll_ms: u64,
    /// The server's cores, as taskset takes them; repeat it to compare: --server-cores 0 --server-cores 0-1
    #[arg(long, default_value = "0", value_parser = cores)]
    server_cores: Vec<String>,
    /// Less than a minute, for CI: fails when Weir loses a viewer
    #[arg(long)]
    quick: bool,
}

#[derive(Debug, Args)]
struct Many {
    #[command(flatten)]
    common: Common,
    /// Streams, each with one viewer
    #[arg(long, value_delimiter = ',', default_value = "500", value_parser = clap::value_parser!(u64).range(1..=MAX_STREAMS))]
    streams: Vec<u64>,
    /// Length of the measured window
    #[arg(long, default_value_t = 6.0, value_parser = seconds)]
    seconds: f64,
}

#[derive(Debug, Args)]
struct Join {
    #[command(flatten)]
    common: Common,
    /// Viewers that join at a thousand a second
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=MAX_VIEWERS))]
    viewers: u64,
}

#[derive(Debug, Args)]
struct Churn {
    #[command(flatten)]
    common: Common,
    /// Viewers that join, and that leave, per second
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1000))]
    rate: u64,
    /// Viewers at a time, who come first, at a thousand a second [default: four seconds' worth of the rate]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=MAX_VIEWERS))]
    viewers: Option<u64>,
    /// For how long
    #[arg(long, default_value_t = 30.0, value_parser = seconds)]
    seconds: f64,
    /// The server's cores, as taskset takes them
    #[arg(long, default_value = "0")]
    server_cores: String,
}

#[derive(Debug, Args)]
struct Memory {
    #[command(flatten)]
    common: Common,
    /// Viewers
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=MAX_VIEWERS))]
    viewers: u64,
    /// For how long they stay
    #[arg(long, default_value_t = 30.0, value_parser = seconds)]
    seconds: f64,
}

#[derive(Debug, Args)]
struct FloorArgs {
    #[arg(long)]
    listen: SocketAddr,
    #[arg(long)]
    batch_ms: u64,
    #[arg(long)]
    seconds: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Proto {
    Rtmp,
    Flv,
}

impl Proto {
    fn protocol(self) -> Protocol {
        match self {
            Self::Rtmp => Protocol::Rtmp,
            Self::Flv => Protocol::Flv,
        }
    }
}

/// Does what the command line says.
pub(crate) fn main() -> Result<()> {
    match Cli::parse().what {
        What::Run(run) => run.measure(),
        What::Many(many) => many.measure(),
        What::Join(join) => {
            let ground = ground(&join.common)?;
            let one = |peer: &Peer, protocol| scene::join(&ground, peer, protocol, join.viewers as usize);
            each(&join.common, &ground, "join", one, report::join)
        }
        What::Churn(churn) => {
            let ground = ground(&churn.common)?;
            let coming = scene::Coming {
                rate: churn.rate as usize,
                viewers: churn.viewers.map(|viewers| viewers as usize),
                seconds: churn.seconds,
                cores: &churn.server_cores,
            };
            let one = |peer: &Peer, protocol| scene::churn(&ground, peer, protocol, coming);
            each(&churn.common, &ground, "churn", one, report::churn)
        }
        What::Memory(memory) => {
            let ground = ground(&memory.common)?;
            let (viewers, seconds) = (memory.viewers as usize, memory.seconds);
            let one = |peer: &Peer, protocol| scene::memory(&ground, peer, protocol, viewers, seconds);
            each(&memory.common, &ground, "memory", one, report::memory)
        }
        What::Check(common) => {
            let ground = ground(&common)?;
            let protocols: Vec<Protocol> = common.protos.iter().map(|proto| proto.protocol()).collect();
            check::check(&ground, &protocols, &mut Lines::to(common.json.as_deref())?)
        }
        What::Hls(hls) => {
            let row = audience::watch(&ground(&hls.common)?, hls.viewers as usize, hls.seconds)?;
            Lines::to(hls.common.json.as_deref())?.add("hls", &row)?;
            println!("{}", report::watched(&row));
            Ok(())
        }
        What::Segments(segments) => {
            let rows = audience::segments(&ground(&segments.common)?, segments.seconds)?;
            let mut lines = Lines::to(segments.common.json.as_deref())?;
            rows.iter().try_for_each(|row| lines.add("segments", row))?;
            println!("{}", report::served(&rows));
            Ok(())
        }
        What::Record(record) => record.measure(),
        What::Chat(chat) => chat.measure(),
        What::Rooms(rooms) => rooms.measure(),
        What::Plot(plot) => plot::draw(&plot.from, &plot.to),
        What::Floor(args) => {
            let [batch, most] = [Duration::from_millis(args.batch_ms), Duration::from_secs(args.seconds)];
            floor::serve(args.listen, batch, most)
        }
    }
}

/// A table's worth of measurements.
struct Part {
    title: String,
    plans: Vec<Plan>,
}

impl Run {
    fn measure(&self) -> Result<()> {
        let ground = ground(&self.common)?;
        let parts = if self.quick {
            self.quick_parts()
        } else if self.viewers.is_empty() {
            self.usual_parts()
        } else {
            vec![self.part(&self.viewers, &self.common.peers, self.poll_ms, self.seconds)]
        };
        let rows = work(&self.common, &ground, &parts, self.reps)?;
        let harmed = |row: &&Row| row.peer == "weir" && (row.alive < row.viewers || row.behind > 0);
        match rows.iter().find(harmed) {
            Some(row) if self.quick => {
                bail!(
                    "weir kept {} of {} {} viewers, {} of them behind",
                    row.alive,
                    row.viewers,
                    row.protocol,
                    row.behind
                )
            }
            _ => Ok(()),
        }
    }

    /// Cost, capacity, latency and many streams: what the project's claims rest on.
    fn usual_parts(&self) -> Vec<Part> {
        let peers = &self.common.peers;
        let full: Vec<Peer> =
            peers.iter().filter(|peer| !matches!(peer, Peer::Nginx | Peer::Floor(0))).cloned().collect();
        let servers: Vec<Peer> =
            peers.iter().filter(|peer| !matches!(peer, Peer::Floor(_))).cloned().collect();
        vec![
            self.part(&[1000], peers, 10, self.seconds),
            self.part(&[8000], &full, 10, self.seconds),
            self.part(&[1, 500], &servers, 0, self.seconds),
            many_part(&self.common, &servers, &[500], self.seconds),
        ]
    }

    fn quick_parts(&self) -> Vec<Part> {
        let peers: Vec<Peer> =
            self.common.peers.iter().filter(|peer| **peer != Peer::Floor(0)).cloned().collect();
        vec![self.part(&[200], &peers, 0, 2.0)]
    }

    fn part(&self, viewers: &[u64], peers: &[Peer], poll_ms: u64, seconds: f64) -> Part {
        let mut plans = Vec::new();
        for cores in &self.server_cores {
            for &viewers in viewers {
                for (peer, protocol) in pairs(&self.common, peers) {
                    let (viewers, cores) = (viewers as usize, cores.clone());
                    plans.push(Plan { peer, protocol, viewers, streams: 1, seconds, poll_ms, cores });
                }
            }
        }
        let list = viewers.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        let reading =
            if poll_ms == 0 { "read as it comes".into() } else { format!("read every {poll_ms} ms") };
        Part { title: format!("One stream, {list} viewers, {reading}"), plans }
    }
}

impl Chat {
    fn measure(&self) -> Result<()> {
        let ground = ground(&self.common)?;
        let (mut rows, mut failures) = (Vec::new(), Vec::new());
        let mut lines = Lines::to(self.common.json.as_deref())?;
        if self.likes > talk::most_reports(self.members as usize) {
            bail!("{} members may not report so many likes", self.members);
        }
        for rate in &self.rate {
            let mut plans = self.plans(&ground, *rate);
            for _ in 0..self.reps {
                for (peer, plan) in &plans {
                    let (name, members, stalled) = (peer.name(), plan.members, plan.stalled_percent);
                    let what = format!("chat {name} {members} members, {rate}/s, {stalled} % stalled");
                    eprintln!("measuring {what}");
                    match talk::talk(&ground, peer, plan) {
                        Ok(row) => {
                            lines.add("chat", &row)?;
                            if let Some(error) = &row.first_error {
                                eprintln!("  {error}");
                            }
                            rows.push(row);
                        }
                        Err(error) => failures.push(format!("{what}: {error:#}")),
                    }
                }
                // What changes on the machine from one measurement to the next shall not always favour the same.
                plans.reverse();
            }
        }
        println!("{}", report::talked(&rows));
        conclude(&failures)
    }

    /// Everybody who is there and can do it, with what is asked of them.
    fn plans(&self, ground: &Ground, rate: f64) -> Vec<(Peer, talk::Plan)> {
        let mut plans = Vec::new();
        let peers = self.common.peers.iter().filter(|peer| peer.talks());
        for peer in peers.filter(|peer| ground.programs.missing(peer).is_none()) {
            let of_weir = *peer == Peer::Weir;
            let plan = talk::Plan {
                members: self.members as usize,
                rate,
                size: self.size as usize,
                seconds: self.seconds,
                settle: talk::SETTLE,
                likes: if of_weir { self.likes } else { 0.0 },
                stalled_percent: 0.0,
                cut_seconds: self.cut.filter(|_| of_weir),
            };
            plans.push((peer.clone(), plan.clone()));
            if self.stalled > 0.0 {
                plans.push((peer.clone(), talk::Plan { stalled_percent: self.stalled, ..plan }));
            }
        }
        plans
    }
}

impl Record {
    fn measure(&self) -> Result<()> {
        let ground = ground(&self.common)?;
        let plan = record::Plan {
            streams: self.streams as usize,
            viewers: self.viewers as usize,
            seconds: self.seconds,
            fsync: self.fsync.clone(),
            cores: self.server_cores.clone(),
            repetitions: self.reps,
        };
        let mut lines = Lines::to(self.common.json.as_deref())?;
        let rows = record::compare(&ground, &plan, |row| lines.add("record", row))?;
        println!("{}", report::recorded(&rows));
        Ok(())
    }
}

impl Rooms {
    fn measure(&self) -> Result<()> {
        let ground = ground(&self.common)?;
        let plan = rooms::Plan {
            rooms: self.rooms,
            live: self.live.min(self.rooms),
            seconds: self.seconds,
            cores: self.server_cores.clone(),
            repetitions: self.reps,
        };
        let mut lines = Lines::to(self.common.json.as_deref())?;
        let rows = rooms::compare(&ground, &plan, |row| lines.add("rooms", row))?;
        println!("{}", report::started(&rows));
        Ok(())
    }
}

impl Many {
    fn measure(&self) -> Result<()> {
        let ground = ground(&self.common)?;
        let part = many_part(&self.common, &self.common.peers, &self.streams, self.seconds);
        work(&self.common, &ground, &[part], 1).map(|_| ())
    }
}

fn many_part(common: &Common, peers: &[Peer], streams: &[u64], seconds: f64) -> Part {
    let mut plans = Vec::new();
    for &streams in streams {
        for (peer, protocol) in pairs(common, peers) {
            // The floor has one stream.
            if protocol == Protocol::Rtmp && !matches!(peer, Peer::Floor(_)) {
                let (viewers, streams, cores) = (streams as usize, streams as usize, "0".into());
                plans.push(Plan { peer, protocol, viewers, streams, seconds, poll_ms: 10, cores });
            }
        }
    }
    Part { title: "Many streams with one viewer each".into(), plans }
}

/// Every peer over every protocol that it speaks.
fn pairs(common: &Common, peers: &[Peer]) -> Vec<(Peer, Protocol)> {
    let mut pairs = Vec::new();
    for proto in &common.protos {
        for peer in peers {
            if peer.speaks(proto.protocol()) {
                pairs.push((peer.clone(), proto.protocol()));
            }
        }
    }
    pairs
}

/// Measures part after part; a table is printed when its part is done.
fn work(common: &Common, ground: &Ground, parts: &[Part], repetitions: u64) -> Result<Vec<Row>> {
    let mut lines = Lines::to(common.json.as_deref())?;
    let (mut all, mut failures) = (Vec::new(), Vec::new());
    for part in parts {
        let mut rows = Vec::new();
        for _ in 0..repetitions {
            for plan in part.plans.iter().filter(|plan| ground.programs.missing(&plan.peer).is_none()) {
                let what = format!("{} {} {}", plan.peer.name(), plan.protocol.name(), plan.viewers);
                eprintln!("measuring {what}");
                match measure(ground, plan) {
                    Ok(row) => {
                        lines.add("run", &row)?;
                        if let Some(error) = &row.first_error {
                            eprintln!("  {error}");
                        }
                        rows.push(row);
                    }
                    Err(error) => failures.push(format!("{what}: {error:#}")),
                }
            }
        }
        if !rows.is_empty() {
            println!("{}", report::fan_out(&part.title, &rows));
        }
        all.extend(rows);
    }
    conclude(&failures)?;
    Ok(all)
}

/// Measures every peer over every protocol with `one`.
fn each<T: Serialize>(
    common: &Common,
    ground: &Ground,
    case: &str,
    one: impl Fn(&Peer, Protocol) -> Result<T>,
    table: fn(&[T]) -> String,
) -> Result<()> {
    let mut lines = Lines::to(common.json.as_deref())?;
    let (mut rows, mut failures) = (Vec::new(), Vec::new());
    for (peer, protocol) in pairs(common, &common.peers) {
        if ground.programs.missing(&peer).is_some() {
            continue;
        }
        let what = format!("{case} {} {}", peer.name(), protocol.name());
        eprintln!("measuring {what}");
        match one(&peer, protocol) {
            Ok(row) => {
                lines.add(case, &row)?;
                rows.push(row);
            }
            Err(error) => failures.push(format!("{what}: {error:#}")),
        }
    }
    if !rows.is_empty() {
        println!("{}", table(&rows));
    }
    conclude(&failures)
}

fn conclude(failures: &[String]) -> Result<()> {
    if failures.is_empty() { Ok(()) } else { bail!("not measured:\n{}", failures.join("\n")) }
}

/// Goes where measurements take place and says under which conditions they do.
fn ground(common: &Common) -> Result<Ground> {
    let cores = std::thread::available_parallelism()?.get();
    let house = House::enter(common.tool_core.min(cores - 1))?;
    let weir = common.weir.clone().unwrap_or_else(|| {
        let beside = std::env::current_exe().ok().map(|own| own.with_file_name("weir"));
        beside.filter(|path| path.exists()).unwrap_or_else(|| "target/release/weir".into())
    });
    let programs = Programs {
        weir,
        nginx: common.nginx.clone(),
        nginx_modules: common.nginx_modules.clone(),
        weir_args: common.weir_arg.clone(),
        weir_config: String::new(),
    };
    let command: Vec<String> = std::env::args().skip(1).collect();
    println!("    bench {}\n", command.join(" "));
    println!("{}\n", machine());
    for lacking in house.shortcomings() {
        println!("Note: {lacking}.\n");
    }
    for peer in &common.peers {
        if let Some(reason) = programs.missing(peer) {
            println!("Left out: {} ({reason}).\n", peer.name());
        }
    }
    Ok(Ground { programs, house })
}

fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let model = read("/proc/cpuinfo");
    let model = model.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let cores = read("/proc/cpuinfo").lines().filter(|line| line.starts_with("processor")).count();
    format!(
        "{cores} cores, {}, Linux {}, load {}; the server's memory does not hold the kernel's socket buffers.",
        model.trim_start_matches([' ', '\t', ':']),
        read("/proc/sys/kernel/osrelease").trim(),
        read("/proc/loadavg").split(' ').next().unwrap_or_default(),
    )
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(value) if (1.0..=MAX_SECONDS).contains(&value) => Ok(value),
        _ => Err(format!("want seconds from 1 to {MAX_SECONDS}")),
    }
}

fn percent(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(value) if (0.0..=50.0).contains(&value) => Ok(value),
        _ => Err("want so many in a hundred, up to 50".into()),
    }
}

/// A list of cores is handed to another program as one word.
fn cores(text: &str) -> Result<String, String> {
    let plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || matches!(c, ',' | '-'));
    if plain && text.starts_with(|c: char| c.is_ascii_digit()) {
        Ok(text.into())
    } else {
        Err("want 0 or 0,1 or 0-1".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn cores_are_numbers_and_nothing_else() {
        assert!(["0", "0,1", "0-3"].iter().all(|text| cores(text).is_ok()));
        assert!(["", "-p", "0;true", "a"].iter().all(|text| cores(text).is_err()));
    }
}
