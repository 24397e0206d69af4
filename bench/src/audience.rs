//! Measurements over HLS: how soon low-latency players have each part, and what serving whole segments costs.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use mio::{Events, Poll, Token};
use serde::Serialize;

use crate::connection::Connection;
use crate::crowd::stream_name;
use crate::hls::{Playlist, Watcher, resolve};
use crate::http::{Answer, Answers, get};
use crate::measure::{Ground, RAMP, Stage};
use crate::peer::{Peer, Server};
use crate::process;
use crate::source::Clock;
use crate::stats::percentile;
use crate::viewer::Protocol;

/// Players whose parts are looked into.
const SAMPLED: usize = 100;

/// From the moment that everybody has a part to the window, and how long that may take.
const SETTLE: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(20);

/// Connections that fetch whole segments, each one after the other.
const FETCHERS: usize = 32;

/// Segments among which they choose.
const SEGMENTS: usize = 3;

const BUFFER: usize = 256 * 1024;

/// What became of players of low-latency HLS.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Watched {
    pub(crate) viewers: usize,
    pub(crate) seconds: f64,
    pub(crate) parts: u64,
    pub(crate) missed: u64,
    pub(crate) lost: usize,
    /// From a part's first picture at the publisher to the whole part at the player.
    pub(crate) part_p50_ms: Option<f64>,
    pub(crate) part_p95_ms: Option<f64>,
    pub(crate) part_p99_ms: Option<f64>,
    /// The same from its last picture.
    pub(crate) edge_p50_ms: Option<f64>,
    pub(crate) edge_p99_ms: Option<f64>,
    pub(crate) cpu_percent: f64,
    pub(crate) cpu_s_per_gb: f64,
    pub(crate) rss_per_viewer_kb: f64,
    pub(crate) tool_percent: f64,
    pub(crate) first_error: Option<String>,
}

/// What the moments in a window add up to.
#[derive(Debug, Default)]
struct Moments {
    open: bool,
    whole_ms: Vec<f64>,
    edge_ms: Vec<f64>,
}

/// All players, on one mio loop.
struct Audience {
    poll: Poll,
    events: Events,
    clock: Clock,
    places: Vec<Option<(Connection, Watcher)>>,
    buffer: Vec<u8>,
    moments: Moments,
    lost: usize,
    first_error: Option<String>,
}

impl Audience {
    fn new(clock: Clock) -> Result<Audience> {
        Ok(Audience {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            clock,
            places: Vec::new(),
            buffer: vec![0; BUFFER],
            moments: Moments::default(),
            lost: 0,
            first_error: None,
        })
    }

    fn join(&mut self, address: SocketAddr, sampled: bool) -> Result<()> {
        let connection = Connection::open(self.poll.registry(), Token(self.places.len()), address)?;
        let path = format!("/live/{}.m3u8", stream_name(0));
        self.places.push(Some((connection, Watcher::new(&address.to_string(), &path, sampled))));
        Ok(())
    }

    fn turn(&mut self, wait: Duration) -> Result<()> {
        if let Err(error) = self.poll.poll(&mut self.events, Some(wait)) {
            return if error.kind() == std::io::ErrorKind::Interrupted { Ok(()) } else { Err(error.into()) };
        }
        let ready: Vec<usize> = self.events.iter().map(|event| event.token().0).collect();
        for place in ready {
            if let Err(error) = self.serve(place) {
                self.places[place] = None;
                self.lost += 1;
                self.first_error.get_or_insert_with(|| format!("player {place}: {error:#}"));
            }
        }
        Ok(())
    }

    fn serve(&mut self, place: usize) -> Result<()> {
        let Some((connection, watcher)) = &mut self.places[place] else { return Ok(()) };
        if !connection.stands()? {
            return Ok(());
        }
        loop {
            connection.out().append(&mut watcher.out);
            connection.flush()?;
            let Some(bytes) = connection.read(&mut self.buffer)? else { return Ok(()) };
            let (now, moments) = (self.clock.now(), &mut self.moments);
            watcher.feed(bytes, &mut |first, last| {
                if moments.open {
                    moments.whole_ms.push(now.saturating_sub(first) as f64 / 1e6);
                    moments.edge_ms.push(now.saturating_sub(last) as f64 / 1e6);
                }
            })?;
        }
    }

    fn sum(&self, of: fn(&Watcher) -> u64) -> u64 {
        self.places.iter().flatten().map(|(_, watcher)| of(watcher)).sum()
    }

    fn watch(&mut self, time: Duration) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < time {
            self.turn(Duration::from_millis(10))?;
        }
        Ok(())
    }
}

/// `viewers` players of one stream of low-latency HLS.
pub(crate) fn watch(ground: &Ground, viewers: usize, seconds: f64) -> Result<Watched> {
    let stage = Stage::set(ground, &Peer::Weir, 1, "0")?;
    let id = stage.server.id();
    let before = process::usage(id);
    let mut audience = Audience::new(stage.clock)?;
    let (address, every) = (stage.server.address(Protocol::Flv), viewers.div_ceil(SAMPLED).max(1));
    let start = Instant::now();
    while audience.places.len() < viewers {
        let due = (start.elapsed().as_secs_f64() * RAMP as f64) as usize + 1;
        while audience.places.len() < due.min(viewers) {
            let sampled = audience.places.len().is_multiple_of(every);
            audience.join(address, sampled)?;
        }
        audience.turn(Duration::from_millis(1))?;
    }
    let all_in = Instant::now();
    while audience.places.iter().flatten().any(|(_, watcher)| watcher.parts == 0) {
        ensure!(all_in.elapsed() < PATIENCE, "a player had no part in time: {:?}", audience.first_error);
        audience.turn(Duration::from_millis(10))?;
    }
    audience.watch(SETTLE)?;

    audience.moments.open = true;
    let start = Instant::now();
    let sums = |audience: &Audience| {
        [audience.sum(|w| w.parts), audience.sum(|w| w.missed), audience.sum(|w| w.bytes)]
    };
    let (sums0, server0, own0) = (sums(&audience), process::tree_cpu(id), process::own_cpu());
    audience.watch(Duration::from_secs_f64(seconds))?;
    let (sums1, server1, own1) = (sums(&audience), process::tree_cpu(id), process::own_cpu());
    let seconds = start.elapsed().as_secs_f64();
    let end = process::usage(id);
    let cpu = server1 - server0;
    let Moments { whole_ms, edge_ms, .. } = &mut audience.moments;
    Ok(Watched {
        viewers,
        seconds,
        parts: sums1[0].saturating_sub(sums0[0]),
        missed: sums1[1],
        lost: audience.lost,
        part_p50_ms: percentile(whole_ms, 0.5),
        part_p95_ms: percentile(whole_ms, 0.95),
        part_p99_ms: percentile(whole_ms, 0.99),
        edge_p50_ms: percentile(edge_ms, 0.5),
        edge_p99_ms: percentile(edge_ms, 0.99),
        cpu_percent: cpu / seconds * 100.0,
        cpu_s_per_gb: cpu / (sums1[2].saturating_sub(sums0[2]) as f64 / 1e9),
        rss_per_viewer_kb: (end.rss_kb as f64 - before.rss_kb as f64) / viewers as f64,
        tool_percent: (own1 - own0) / seconds * 100.0,
        first_error: audience.first_error,
    })
}

/// What serving whole segments costs.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Served {
    pub(crate) peer: String,
    pub(crate) segment_bytes: usize,
    pub(crate) gb_per_second: f64,
    pub(crate) cpu_percent: f64,
    pub(crate) cpu_s_per_gb: f64,
    pub(crate) tool_percent: f64,
}

/// The same segments from Weir's memory and from files that nginx serves.
pub(crate) fn segments(ground: &Ground, seconds: f64) -> Result<Vec<Served>> {
    let mut rows = Vec::new();
    let bodies = {
        let stage = Stage::set(ground, &Peer::Weir, 1, "0")?;
        let address = stage.server.address(Protocol::Flv);
        let (paths, bodies) = newest(address)?;
        rows.push(fetch("weir", &stage.server, &paths, bodies[0].len(), seconds)?);
        bodies
    };
    if ground.programs.missing(&Peer::Nginx).is_none() {
        let server = Server::start(&Peer::Nginx, &ground.programs, &ground.house, "0")?;
        let name = |at: usize| format!("segment{at}.m4s");
        for (at, body) in bodies.iter().enumerate() {
            server.put(&name(at), body)?;
        }
        let paths: Vec<String> = (0..bodies.len()).map(|at| format!("/{}", name(at))).collect();
        rows.push(fetch("nginx", &server, &paths, bodies[0].len(), seconds)?);
    }
    Ok(rows)
}

/// The paths and the bytes of the newest segments, once there are enough.
fn newest(address: SocketAddr) -> Result<(Vec<String>, Vec<Vec<u8>>)> {
    let multivariant = format!("/live/{}.m3u8", stream_name(0));
    let text = |path: &str| Ok::<_, anyhow::Error>(String::from_utf8(one(address, path)?.body)?);
    let list = text(&multivariant)?;
    let uri = list.lines().find(|line| !line.is_empty() && !line.starts_with('#')).context("no variant")?;
    let media = resolve(&multivariant, uri);
    let start = Instant::now();
    loop {
        let list = Playlist::read(&text(&media)?)?;
        if list.segments.len() >= SEGMENTS {
            let uris = &list.segments[list.segments.len() - SEGMENTS..];
            let paths: Vec<String> = uris.iter().map(|uri| resolve(&media, uri)).collect();
            let bodies = paths.iter().map(|path| Ok(one(address, path)?.body)).collect::<Result<_>>()?;
            return Ok((paths, bodies));
        }
        ensure!(start.elapsed() < PATIENCE, "there are only {} segments", list.segments.len());
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// One request on a connection of its own.
fn one(address: SocketAddr, path: &str) -> Result<Answer> {
    use std::io::{Read as _, Write as _};
    ensure!(address.ip().is_loopback(), "{address} is not a loopback address");
    let mut socket = std::net::TcpStream::connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.write_all(get(&address.to_string(), path).as_bytes())?;
    let (mut answers, mut buffer) = (Answers::default(), vec![0; BUFFER]);
    loop {
        let count = socket.read(&mut buffer)?;
        ensure!(count > 0, "closed by the server");
        if let Some(answer) = answers.feed(&mut &buffer[..count])? {
            ensure!(answer.status == 200, "{path} was answered {}", answer.status);
            return Ok(answer);
        }
    }
}

fn fetch(
    peer: &str,
    server: &Server,
    paths: &[String],
    segment_bytes: usize,
    seconds: f64,
) -> Result<Served> {
    let address = server.address(Protocol::Flv);
    let host = address.to_string();
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(FETCHERS));
    let mut fetchers = Vec::new();
    for number in 0..FETCHERS {
        let mut connection = Connection::open(poll.registry(), Token(number), address)?;
        connection.out().extend_from_slice(get(&host, &paths[number % paths.len()]).as_bytes());
        fetchers.push((connection, Answers::without_bodies(), number));
    }
    let mut buffer = vec![0; BUFFER];
    let (mut bytes, mut start, mut before) = (0_u64, Instant::now(), None);
    // The first second is for the sockets to find their pace.
    let (warm, whole) = (Duration::from_secs(1), Duration::from_secs_f64(seconds + 1.0));
    let began = Instant::now();
    while began.elapsed() < whole {
        if before.is_none() && began.elapsed() >= warm {
            before = Some((process::tree_cpu(server.id()), process::own_cpu()));
            (bytes, start) = (0, Instant::now());
        }
        poll.poll(&mut events, Some(Duration::from_millis(10)))?;
        for place in events.iter().map(|event| event.token().0) {
            let (connection, answers, turn) = &mut fetchers[place];
            if !connection.stands()? {
                continue;
            }
            connection.flush()?;
            while let Some(mut read) = connection.read(&mut buffer)? {
                bytes += read.len() as u64;
                while let Some(answer) = answers.feed(&mut read)? {
                    ensure!(answer.status == 200, "a segment was answered {}", answer.status);
                    *turn += 1;
                    connection.out().extend_from_slice(get(&host, &paths[*turn % paths.len()]).as_bytes());
                }
                connection.flush()?;
            }
        }
    }
    let (server0, own0) = before.context("no time to measure")?;
    let (cpu, own) = (process::tree_cpu(server.id()) - server0, process::own_cpu() - own0);
    let (seconds, gb) = (start.elapsed().as_secs_f64(), bytes as f64 / 1e9);
    Ok(Served {
        peer: peer.into(),
        segment_bytes,
        gb_per_second: gb / seconds,
        cpu_percent: cpu / seconds * 100.0,
        cpu_s_per_gb: cpu / gb,
        tool_percent: own / seconds * 100.0,
    })
}
