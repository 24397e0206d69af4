//! Measurements of a chat room: the price of a delivery, how long a message takes, and what a crowd does to it.

mod seats;

use std::collections::VecDeque;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use serde_json::json;

use crate::api;
use crate::measure::{self, Ground, RAMP};
use crate::peer::{Peer, Server};
use crate::process;
use crate::source::Clock;
use crate::stats::percentile;
use crate::wire::{self, Floor, Mqtt, Nats, ROOM, Resp, Weir, Wire, Ws};
use seats::Seats;

/// From the moment that everybody is in to the window.
pub(crate) const SETTLE: Duration = Duration::from_secs(2);

/// Members whose messages' moments are looked at.
const SAMPLED: usize = 100;

/// How long messages that are under way at the end of the window may take to count as having come.
const GRACE: Duration = Duration::from_secs(5);

/// When everybody is back, what was said last is heard within this time.
const AFTERWARDS: Duration = Duration::from_secs(1);

/// Messages of one member per second at most: what a room of Weir allows anybody by default.
const PER_MEMBER: f64 = 0.9;

/// Likes that one report sums up, and reports of one member per second at most.
const TAPS: u64 = 10;
const REPORTS_PER_MEMBER: f64 = 15.0;

/// What is to be done.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) members: usize,
    /// Messages per second of all together.
    pub(crate) rate: f64,
    /// Bytes of a message's text.
    pub(crate) size: usize,
    pub(crate) seconds: f64,
    /// From the moment that everybody is in to the window.
    pub(crate) settle: Duration,
    /// Reports of likes per second.
    pub(crate) likes: f64,
    /// So many in a hundred members stop reading.
    pub(crate) stalled_percent: f64,
    /// Everybody is cut off in the middle, and comes back within so many seconds.
    pub(crate) cut_seconds: Option<f64>,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Talked {
    pub(crate) peer: String,
    pub(crate) members: usize,
    pub(crate) rate: f64,
    pub(crate) seconds: f64,
    pub(crate) stalled_percent: f64,
    pub(crate) said: u64,
    pub(crate) refused: u64,
    /// Messages times members who got them, in the window.
    pub(crate) deliveries: u64,
    /// What came of what was to come, in a hundred: some of it a little after the window.
    pub(crate) complete_percent: f64,
    /// Messages that a frame carried, in the mean.
    pub(crate) merged: f64,
    pub(crate) bytes_per_delivery: f64,
    /// What the server computed in the window, for each delivery in it.
    pub(crate) us_per_delivery: f64,
    pub(crate) cpu_percent: f64,
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
    /// Resident memory of one member who is there and hears nothing.
    pub(crate) idle_kb: f64,
    /// Resident memory of all at the end of the window.
    pub(crate) rss_end_kb: u64,
    pub(crate) likes_sent: u64,
    pub(crate) likes_counted: u64,
    pub(crate) came_back: usize,
    pub(crate) recovered: usize,
    pub(crate) lost: usize,
    pub(crate) tool_percent: f64,
    /// What the whole machine was busy with beside server and tool, in hundredths of one core.
    pub(crate) background_percent: f64,
    /// Why the numbers say nothing, if they do.
    pub(crate) invalid: Option<String>,
    pub(crate) first_error: Option<String>,
}

/// One room with one plan.
pub(crate) fn talk(ground: &Ground, peer: &Peer, plan: &Plan) -> Result<Talked> {
    let mut server = Server::start(peer, &ground.programs, &ground.house, "0")?;
    let (id, clock) = (server.id(), Clock::start());
    let speakers = ((plan.rate / PER_MEMBER).ceil() as usize).clamp(1, plan.members);
    ensure!(plan.rate / speakers as f64 <= 1.0, "{} members may not say so much", plan.members);
    let mut stage = Stage::set(&server, peer, speakers)?;
    let before = process::usage(id);
    let mut seats = Seats::new(server.talk(), clock)?;
    let every = plan.members.div_ceil(SAMPLED).max(1);
    let start = Instant::now();
    while seats.len() < plan.members {
        let due = (start.elapsed().as_secs_f64() * RAMP as f64) as usize + 1;
        while seats.len() < due.min(plan.members) {
            let place = seats.len();
            seats.enter(stage.wire(place), place.is_multiple_of(every))?;
        }
        seats.turn(Duration::from_millis(1))?;
    }
    seats.wait("a welcome", |seats| seats.counts().all(|count| count.ready))?;
    ensure!(seats.lost == 0, "{} of {} did not get in: {:?}", seats.lost, plan.members, seats.first_error);
    seats.rest(plan.settle)?;
    let idle = process::usage(id);
    let stalled = (plan.members as f64 * plan.stalled_percent / 100.0) as usize;
    // Not those who speak, nor those who are looked at.
    let quiet = (speakers..plan.members).filter(|place| !place.is_multiple_of(every));
    quiet.take(stalled).for_each(|place| seats.stall(place));

    seats.open_window();
    let sums =
        |seats: &Seats| [sum(seats, |c| c.messages), sum(seats, |c| c.frames), sum(seats, |c| c.bytes)];
    let (sums0, start) = (sums(&seats), Instant::now());
    let (server0, own0, busy0) = (process::tree_cpu(id), process::own_cpu(), process::machine_busy());
    let (mut said, mut turn, mut taps, mut reports) = (0_u64, 0_u64, 0_u64, 0_u64);
    let (mut cut, mut away) = (plan.cut_seconds.is_none(), Away::default());
    while start.elapsed().as_secs_f64() < plan.seconds {
        let elapsed = start.elapsed().as_secs_f64();
        while (turn as f64) < elapsed * plan.rate {
            let text = wire::text(clock.now(), plan.size);
            said += u64::from(stage.say(&mut seats, turn as usize % speakers, &text)?);
            turn += 1;
        }
        let likers = plan.members.saturating_sub(1).max(1);
        while (reports as f64) < elapsed * plan.likes {
            let liker = 1 + reports as usize % likers;
            taps += TAPS * u64::from(seats.send(liker, |_, out| wire::like(TAPS, out)));
            reports += 1;
        }
        if !cut && elapsed > plan.seconds / 2.0 {
            cut = true;
            away = Away::all(&mut seats, plan.cut_seconds.unwrap_or(1.0));
        }
        away.come_back(&mut seats)?;
        seats.turn(Duration::from_millis(1))?;
    }
    let (server1, own1, busy1) = (process::tree_cpu(id), process::own_cpu(), process::machine_busy());
    let (sums1, seconds, end) = (sums(&seats), start.elapsed().as_secs_f64(), process::usage(id));
    let [messages, frames, bytes] = [0, 1, 2].map(|at| sums1[at].saturating_sub(sums0[at]));

    // What is under way comes in. It is not in the price.
    if *peer == Peer::Weir && plan.cut_seconds.is_none() {
        seats.wait("the last answer", |seats| sum(seats, |c| c.acks) + sum(seats, |c| c.rejects) >= said)?;
    }
    while !away.members.is_empty() {
        away.come_back(&mut seats)?;
        seats.turn(Duration::from_millis(1))?;
    }
    if plan.cut_seconds.is_some() {
        seats.wait("everybody's comeback", |seats| {
            seats.counts().filter(|count| count.ready).count() + seats.lost >= plan.members
        })?;
        seats.rest(AFTERWARDS)?;
    }
    let refused = sum(&seats, |c| c.rejects);
    // Of what was on its way from those who were cut off nobody knows whether it was said, but from those who heard it.
    let most = seats.counts().map(|count| count.messages).max().unwrap_or(0);
    let heard_before = sums0[0] / plan.members as u64;
    let each = if plan.cut_seconds.is_some() { most - heard_before } else { said - refused };
    let expected = each * (plan.members - stalled) as u64;
    let whole = |seats: &Seats| sum(seats, |c| c.messages).saturating_sub(sums0[0]);
    let waiting = Instant::now();
    while whole(&seats) < expected && waiting.elapsed() < GRACE {
        seats.turn(Duration::from_millis(10))?;
    }
    let likes = |seats: &Seats| seats.counts().map(|count| count.likes).max().unwrap_or(0);
    if plan.likes > 0.0 {
        seats.wait("the count of likes", |seats| likes(seats) >= taps)?;
    }
    let (cpu, own) = (server1 - server0, own1 - own0);
    let tool_percent = own / seconds * 100.0;
    Ok(Talked {
        peer: peer.name(),
        members: plan.members,
        rate: plan.rate,
        seconds,
        stalled_percent: plan.stalled_percent,
        said,
        refused,
        deliveries: messages,
        complete_percent: whole(&seats) as f64 / expected.max(1) as f64 * 100.0,
        merged: messages as f64 / frames.max(1) as f64,
        bytes_per_delivery: bytes as f64 / messages.max(1) as f64,
        us_per_delivery: cpu * 1e6 / messages.max(1) as f64,
        cpu_percent: cpu / seconds * 100.0,
        p50_ms: percentile(seats.took_ms(), 0.5),
        p99_ms: percentile(seats.took_ms(), 0.99),
        idle_kb: (idle.rss_kb as f64 - before.rss_kb as f64) / plan.members as f64,
        rss_end_kb: end.rss_kb,
        likes_sent: taps,
        likes_counted: likes(&seats),
        came_back: if plan.cut_seconds.is_some() { plan.members } else { 0 },
        recovered: seats.counts().filter(|count| count.recovered).count(),
        lost: seats.lost,
        tool_percent,
        background_percent: ((busy1 - busy0 - cpu - own) / seconds * 100.0).max(0.0),
        invalid: measure::fault(&mut server, tool_percent, 0.0),
        first_error: seats.first_error,
    })
}

/// Reports of likes that so many members may send per second.
pub(crate) fn most_reports(members: usize) -> f64 {
    members as f64 * REPORTS_PER_MEMBER
}

/// What a server needs before the first member comes.
struct Stage {
    peer: Peer,
    /// Of those who speak, where there are such things.
    tokens: Vec<String>,
    /// By which the floor is told what is said.
    feed: Option<TcpStream>,
}

impl Stage {
    fn set(server: &Server, peer: &Peer, speakers: usize) -> Result<Stage> {
        let tokens = if *peer == Peer::Weir { room(server, speakers)? } else { Vec::new() };
        let feed = if matches!(peer, Peer::Floor(_)) { Some(feed(server.talk())?) } else { None };
        Ok(Stage { peer: peer.clone(), tokens, feed })
    }

    /// Who comes into this place.
    fn wire(&self, place: usize) -> Box<dyn Wire> {
        match self.peer {
            Peer::Mosquitto => Box::new(Mqtt::new(place)),
            Peer::Redis => Box::new(Resp::default()),
            Peer::Nats => Box::new(Nats),
            Peer::Ws => Box::new(Ws::default()),
            Peer::Floor(_) => Box::new(Floor::default()),
            Peer::Weir | Peer::Nginx => Box::new(Weir::new(self.tokens.get(place).cloned())),
        }
    }

    /// Has somebody say something. Returns whether they could.
    fn say(&mut self, seats: &mut Seats, place: usize, text: &str) -> Result<bool> {
        let Some(feed) = &mut self.feed else {
            return Ok(seats.send(place, |member, out| member.say(text, out)));
        };
        feed.write_all(&wire::tag(text))?;
        Ok(true)
    }
}

fn sum(seats: &Seats, of: fn(&wire::Count) -> u64) -> u64 {
    seats.counts().map(of).sum()
}

/// Those who were cut off and are not back. The others go on speaking meanwhile.
#[derive(Default)]
struct Away {
    members: VecDeque<(usize, wire::Member)>,
    all: usize,
    /// When they were cut off, and within how many seconds they come.
    since: Option<(Instant, f64)>,
}

impl Away {
    /// Everybody is cut off at once.
    fn all(seats: &mut Seats, seconds: f64) -> Away {
        let members = seats.cut().into_iter().enumerate();
        let members: VecDeque<_> = members.filter_map(|(place, member)| Some((place, member?))).collect();
        Away { all: members.len(), members, since: Some((Instant::now(), seconds)) }
    }

    /// Whose turn it is comes back.
    fn come_back(&mut self, seats: &mut Seats) -> Result<()> {
        let Some((since, seconds)) = self.since else { return Ok(()) };
        let due = (since.elapsed().as_secs_f64() / seconds * self.all as f64) as usize + 1;
        while self.all - self.members.len() < due
            && let Some((place, member)) = self.members.pop_front()
        {
            seats.come_back(place, member)?;
        }
        Ok(())
    }
}

/// Makes the room, and tokens for those who speak.
fn room(server: &Server, speakers: usize) -> Result<Vec<String>> {
    let (address, key) = (server.talk(), server.key()?);
    let settings = json!({"room_per_second": 500, "room_burst": 1000, "repeat_seconds": 0});
    let room = json!({"id": ROOM, "title": ROOM, "host": {"id": "host"}, "settings": settings});
    api::ask(address, &key, "POST", "/api/v1/rooms", Some(&room)).context("no room")?;
    let token = |number: usize| {
        let user = json!({"user": format!("u{number}"), "name": format!("user {number}")});
        let body = api::ask(address, &key, "POST", "/api/v1/users/tokens", Some(&user))?;
        Ok(body["token"].as_str().with_context(|| format!("no token: {body}"))?.to_owned())
    };
    (0..speakers).map(token).collect()
}

/// The connection by which the floor is fed.
fn feed(address: SocketAddr) -> Result<TcpStream> {
    let mut feed = TcpStream::connect(address)?;
    feed.set_nodelay(true)?;
    feed.write_all(&wire::feed_head())?;
    Ok(feed)
}
