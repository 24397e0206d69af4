//! What rooms cost in which nothing happens: the start of a server whose database has very many, and the time after it.

use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;

use crate::api;
use crate::measure::Ground;
use crate::peer::{Peer, Server};
use crate::process;

/// Fills the tables that the server has made.
const FILL: &str = include_str!("rooms.sql");

/// What was on when the server ended is on again, for the next start.
const LIVE_AGAIN: &str = "UPDATE room SET state = 'live' WHERE state = 'interrupted';";

/// How long a start, and the news that streams are gone, may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two questions to the server that starts, and to the one that has.
const ASK: Duration = Duration::from_millis(1);
const ASK_AGAIN: Duration = Duration::from_millis(20);

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) rooms: u64,
    /// Of them, so many were on when the server ended.
    pub(crate) live: u64,
    /// For how long nothing happens.
    pub(crate) seconds: f64,
    /// The server's.
    pub(crate) cores: String,
    pub(crate) repetitions: u64,
}

/// What came of one start.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Started {
    pub(crate) rooms: u64,
    pub(crate) live: u64,
    pub(crate) database_mb: f64,
    /// From its process to the first answer of the API that is out of the database.
    pub(crate) answer_ms: f64,
    /// From its process to the moment at which every show knows that its stream is gone.
    pub(crate) told_ms: f64,
    /// What it computed until then.
    pub(crate) start_cpu_seconds: f64,
    pub(crate) rss_answer_kb: u64,
    pub(crate) rss_told_kb: u64,
    pub(crate) rss_end_kb: u64,
    /// Afterwards.
    pub(crate) idle_cpu_percent: f64,
}

/// Starts Weir without a room and with many.
pub(crate) fn compare(
    ground: &Ground,
    plan: &Plan,
    mut tell: impl FnMut(&Started) -> Result<()>,
) -> Result<Vec<Started>> {
    let mut server = Server::start(&Peer::Weir, &ground.programs, &ground.house, &plan.cores)?;
    let database = server.folder().join("data/weir.db");
    let mut rows = Vec::new();
    for (rooms, live) in [(0, 0), (plan.rooms, plan.live)] {
        server.stop();
        if rooms > 0 {
            eprintln!("making {rooms} rooms");
            let fill = FILL.replace("ROOMS", &rooms.to_string()).replace("LIVE", &live.to_string());
            sql(&database, &fill)?;
        }
        for _ in 0..plan.repetitions {
            eprintln!("starting with {rooms} rooms");
            server.stop();
            sql(&database, LIVE_AGAIN)?;
            let row = start(&mut server, &Plan { rooms, live, ..plan.clone() }, &database)?;
            tell(&row)?;
            rows.push(row);
        }
    }
    Ok(rows)
}

fn start(server: &mut Server, plan: &Plan, database: &Path) -> Result<Started> {
    let started = Instant::now();
    server.start_again()?;
    let (address, live) = (server.talk(), "/api/v1/rooms?state=live&limit=1");
    let path = if plan.rooms > 0 { "/api/v1/rooms/r0000000" } else { live };
    // Every start has a key of its own, which is there before the port is.
    wait(server, started, ASK, |server| {
        TcpStream::connect(address).is_ok()
            && server.key().is_ok_and(|key| api::ask(address, &key, "GET", path, None).is_ok())
    })?;
    let (answer_ms, at_answer) = (ms(started), process::usage(server.id()));
    let key = server.key()?;
    let none_is_live = |_: &Server| {
        let list = api::ask(address, &key, "GET", live, None);
        list.is_ok_and(|list| list["rooms"].as_array().is_some_and(Vec::is_empty))
    };
    wait(server, started, ASK_AGAIN, none_is_live)?;
    let (told_ms, told) = (ms(started), process::usage(server.id()));

    let (cpu, idle) = (process::tree_cpu(server.id()), Instant::now());
    sleep(Duration::from_secs_f64(plan.seconds));
    let (seconds, end) = (idle.elapsed().as_secs_f64(), process::usage(server.id()));
    if let Some(end) = server.ended() {
        bail!(end);
    }
    let file = std::fs::metadata(database).with_context(|| database.display().to_string())?;
    Ok(Started {
        rooms: plan.rooms,
        live: plan.live,
        database_mb: file.len() as f64 / 1e6,
        answer_ms,
        told_ms,
        start_cpu_seconds: told.cpu,
        rss_answer_kb: at_answer.rss_kb,
        rss_told_kb: told.rss_kb,
        rss_end_kb: end.rss_kb,
        idle_cpu_percent: (end.cpu - cpu) / seconds * 100.0,
    })
}

fn wait(server: &mut Server, since: Instant, ask: Duration, holds: impl Fn(&Server) -> bool) -> Result<()> {
    while !holds(server) {
        if let Some(end) = server.ended() {
            bail!(end);
        }
        ensure!(since.elapsed() < PATIENCE, "no answer in time: {}", server.log());
        sleep(ask);
    }
    Ok(())
}

fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

/// Has the database do something while no server uses it.
fn sql(database: &Path, statements: &str) -> Result<()> {
    let mut shell = Command::new("sqlite3")
        .args(["-bail", "-batch"])
        .arg(database)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("sqlite3 is not there: apt-get install sqlite3")?;
    shell.stdin.take().context("a pipe")?.write_all(statements.as_bytes())?;
    let output = shell.wait_with_output()?;
    ensure!(output.status.success(), "sqlite3: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}
