//! Measurements of a chat room: the price of a delivery, how long a message takes, and what a crowd does to it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use mio::{Events, Poll, Token};
use serde::Serialize;
use serde_json::json;

use crate::chat::{Member, frame, handshake, is_created, text};
use crate::connection::Connection;
use crate::flv::FILE_HEADER;
use crate::measure::{Ground, RAMP};
use crate::peer::{Peer, Server};
use crate::process;
use crate::source::Clock;
use crate::stats::percentile;
use crate::viewer::Protocol;

/// The room.
const ROOM: &str = "bench";

/// Members whose messages' moments are looked at.
const SAMPLED: usize = 100;

/// From the moment that everybody is in to the window; and how long coming in, and the last messages, may take.
const SETTLE: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(30);

/// Messages of one member per second at most: what a room allows anybody by default.
const PER_MEMBER: f64 = 0.9;

/// Likes that one report sums up, and reports of one member per second at most.
const TAPS: u64 = 10;
const REPORTS_PER_MEMBER: f64 = 15.0;

const BUFFER: usize = 256 * 1024;

/// What is to be done.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) members: usize,
    /// Messages per second of all together.
    pub(crate) rate: f64,
    /// Bytes of a message's text.
    pub(crate) size: usize,
    pub(crate) seconds: f64,
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
    pub(crate) said: u64,
    pub(crate) refused: u64,
    /// Messages times members who got them.
    pub(crate) deliveries: u64,
    /// What came of what was to come, in a hundred.
    pub(crate) complete_percent: f64,
    /// Messages that a batch carried, in the mean.
    pub(crate) merged: f64,
    pub(crate) bytes_per_delivery: f64,
    pub(crate) us_per_delivery: f64,
    pub(crate) cpu_percent: f64,
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
    /// Resident memory of one member who is there and hears nothing.
    pub(crate) idle_kb: f64,
    pub(crate) likes_sent: u64,
    pub(crate) likes_counted: u64,
    pub(crate) came_back: usize,
    pub(crate) recovered: usize,
    pub(crate) lost: usize,
    pub(crate) tool_percent: f64,
    pub(crate) first_error: Option<String>,
}

#[derive(Debug, Default)]
struct Moments {
    open: bool,
    ms: Vec<f64>,
}

struct Seat {
    connection: Connection,
    member: Member,
    greeted: bool,
    said_hello: bool,
    stalled: bool,
    hello: String,
}

/// All members, on one mio loop.
struct Crowd {
    poll: Poll,
    events: Events,
    clock: Clock,
    seats: Vec<Option<Seat>>,
    buffer: Vec<u8>,
    moments: Moments,
    lost: usize,
    first_error: Option<String>,
    address: SocketAddr,
    floor: bool,
}

impl Crowd {
    fn new(address: SocketAddr, floor: bool, clock: Clock) -> Result<Crowd> {
        Ok(Crowd {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            clock,
            seats: Vec::new(),
            buffer: vec![0; BUFFER],
            moments: Moments::default(),
            lost: 0,
            first_error: None,
            address,
            floor,
        })
    }

    /// Somebody comes, into a place of theirs or the next one.
    fn enter(&mut self, place: usize, hello: &str, sampled: bool) -> Result<()> {
        let connection = Connection::open(self.poll.registry(), Token(place), self.address)?;
        let member = Member::new(sampled);
        let seat = Some(Seat {
            connection,
            member,
            greeted: false,
            said_hello: false,
            stalled: false,
            hello: hello.to_owned(),
        });
        match self.seats.get_mut(place) {
            Some(free) => *free = seat,
            None => self.seats.push(seat),
        }
        Ok(())
    }

    fn turn(&mut self, wait: Duration) -> Result<()> {
        if let Err(error) = self.poll.poll(&mut self.events, Some(wait)) {
            return if error.kind() == std::io::ErrorKind::Interrupted { Ok(()) } else { Err(error.into()) };
        }
        let ready: Vec<usize> = self.events.iter().map(|event| event.token().0).collect();
        for place in ready {
            if let Err(error) = self.serve(place) {
                self.seats[place] = None;
                self.lost += 1;
                self.first_error.get_or_insert_with(|| format!("member {place}: {error:#}"));
            }
        }
        Ok(())
    }

    fn serve(&mut self, place: usize) -> Result<()> {
        let Some(seat) = &mut self.seats[place] else { return Ok(()) };
        if !seat.connection.stands()? {
            return Ok(());
        }
        if !seat.greeted {
            seat.greeted = true;
            let request = match self.floor {
                true => format!("GET /x.flv HTTP/1.1\r\nHost: {}\r\n\r\n", self.address),
                false => handshake(&self.address.to_string(), "/chat"),
            };
            seat.connection.out().extend_from_slice(request.as_bytes());
        }
        if !seat.said_hello && seat.member.is_open() {
            seat.said_hello = true;
            let hello = frame(seat.hello.as_bytes());
            seat.connection.out().extend_from_slice(&hello);
        }
        seat.connection.flush()?;
        while !seat.stalled
            && let Some(bytes) = seat.connection.read(&mut self.buffer)?
        {
            let (now, moments) = (self.clock.now(), &mut self.moments);
            let tell = &mut |moment: u64| {
                if moments.open {
                    moments.ms.push(now.saturating_sub(moment) as f64 / 1e6);
                }
            };
            if self.floor {
                floor_bytes(&mut seat.member, bytes, tell);
            } else {
                seat.member.feed(bytes, tell)?;
            }
        }
        // The handshake was answered just now.
        if !self.floor && !seat.said_hello && seat.member.is_open() {
            return self.serve(place);
        }
        Ok(())
    }

    fn say(&mut self, place: usize, frame_text: &str) -> Result<()> {
        let Some(Some(seat)) = self.seats.get_mut(place) else { return Ok(()) };
        seat.connection.out().extend_from_slice(&frame(frame_text.as_bytes()));
        seat.connection.flush()
    }

    fn sum(&self, of: fn(&Member) -> u64) -> u64 {
        self.seats.iter().flatten().map(|seat| of(&seat.member)).sum()
    }

    fn all(&self, holds: impl Fn(&Seat) -> bool) -> bool {
        self.seats.iter().flatten().all(holds)
    }

    fn wait(&mut self, what: &str, holds: impl Fn(&Crowd) -> bool) -> Result<()> {
        let start = Instant::now();
        while !holds(self) {
            ensure!(start.elapsed() < PATIENCE, "{what} did not come in time: {:?}", self.first_error);
            self.turn(Duration::from_millis(10))?;
        }
        Ok(())
    }
}

/// The floor sends tags, whose text is found by the same stamp.
fn floor_bytes(member: &mut Member, bytes: &[u8], tell: &mut impl FnMut(u64)) {
    member.bytes += bytes.len() as u64;
    let stamp = b"\"text\":\"@";
    let mut rest = bytes;
    while let Some(at) = rest.windows(stamp.len()).position(|window| window == stamp) {
        rest = &rest[at + stamp.len()..];
        member.messages += 1;
        member.frames += 1;
        let digits = rest.get(..15).and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(moment) = digits.and_then(|digits| digits.parse().ok()) {
            tell(moment);
        }
    }
}

/// One room with one plan.
pub(crate) fn talk(ground: &Ground, peer: &Peer, plan: &Plan) -> Result<Talked> {
    let server = Server::start(peer, &ground.programs, &ground.house, "0")?;
    let (id, address, floor) = (server.id(), server.address(Protocol::Flv), matches!(peer, Peer::Floor(_)));
    let clock = Clock::start();
    let speakers = ((plan.rate / PER_MEMBER).ceil() as usize).clamp(1, plan.members);
    ensure!(plan.rate / speakers as f64 <= 1.0, "{} members may not say so much", plan.members);
    let tokens = if floor { Vec::new() } else { room(&server, address, speakers)? };
    let mut feed = if floor { Some(feed(address)?) } else { None };
    let before = process::usage(id);
    let mut crowd = Crowd::new(address, floor, clock)?;
    let hello = |place: usize, resume: Option<(&str, u64)>| {
        let mut hello = json!({"t": "hello", "v": 1, "room": ROOM});
        match tokens.get(place) {
            Some(token) => hello["token"] = token.as_str().into(),
            None => hello["guest"] = "".into(),
        }
        if let Some((epoch, seq)) = resume {
            hello["resume"] = json!({"epoch": epoch, "seq": seq});
        }
        hello.to_string()
    };
    let every = plan.members.div_ceil(SAMPLED).max(1);
    let start = Instant::now();
    while crowd.seats.len() < plan.members {
        let due = (start.elapsed().as_secs_f64() * RAMP as f64) as usize + 1;
        while crowd.seats.len() < due.min(plan.members) {
            let place = crowd.seats.len();
            crowd.enter(place, &hello(place, None), place.is_multiple_of(every))?;
        }
        crowd.turn(Duration::from_millis(1))?;
    }
    if floor {
        crowd.wait("an answer", |crowd| crowd.all(|seat| seat.member.bytes > 0))?;
    } else {
        crowd.wait("a welcome", |crowd| crowd.all(|seat| seat.member.welcome))?;
    }
    let settle = Instant::now();
    while settle.elapsed() < SETTLE {
        crowd.turn(Duration::from_millis(10))?;
    }
    let idle = process::usage(id);
    let stalled = (plan.members as f64 * plan.stalled_percent / 100.0) as usize;
    // Not those who speak, nor those who are looked at.
    let quiet = (speakers..plan.members).filter(|place| !place.is_multiple_of(every));
    for place in quiet.take(stalled).collect::<Vec<_>>() {
        if let Some(seat) = &mut crowd.seats[place] {
            seat.stalled = true;
        }
    }

    crowd.moments.open = true;
    let sums = |crowd: &Crowd| [crowd.sum(|m| m.messages), crowd.sum(|m| m.frames), crowd.sum(|m| m.bytes)];
    let (sums0, server0, own0, start) =
        (sums(&crowd), process::tree_cpu(id), process::own_cpu(), Instant::now());
    let (mut said, mut reports, mut cut) = (0_u64, 0_u64, plan.cut_seconds.is_none());
    while start.elapsed().as_secs_f64() < plan.seconds {
        let elapsed = start.elapsed().as_secs_f64();
        while (said as f64) < elapsed * plan.rate {
            let place = said as usize % speakers;
            let text = text(clock.now(), plan.size);
            match &mut feed {
                Some(feed) => feed.write_all(&tag(&format!("\"text\":\"{text}\"")))?,
                None => crowd
                    .say(place, &json!({"t": "send", "cid": said.to_string(), "text": text}).to_string())?,
            }
            said += 1;
        }
        let likers = plan.members.saturating_sub(1).max(1);
        while (reports as f64) < elapsed * plan.likes {
            crowd.say(1 + reports as usize % likers, &format!("{{\"t\":\"like\",\"n\":{TAPS}}}"))?;
            reports += 1;
        }
        if !cut && elapsed > plan.seconds / 2.0 {
            cut = true;
            let seconds = plan.cut_seconds.unwrap_or(1.0);
            come_back(&mut crowd, plan, seconds, every, &hello)?;
        }
        crowd.turn(Duration::from_millis(1))?;
    }
    let (server1, own1, seconds) = (process::tree_cpu(id), process::own_cpu(), start.elapsed().as_secs_f64());
    // What is under way comes in; it is not in the price, nor is its share of the messages.
    let accepted = |crowd: &Crowd| crowd.sum(|m| m.acks) + crowd.sum(|m| m.rejects);
    if !floor && plan.cut_seconds.is_none() {
        crowd.wait("the last answer", |crowd| accepted(crowd) >= said)?;
    }
    let refused = crowd.sum(|m| m.rejects);
    let expected = (said - refused) * (plan.members - stalled) as u64;
    let whole = |crowd: &Crowd| crowd.sum(|m| m.messages).saturating_sub(sums0[0]);
    let waiting = Instant::now();
    while whole(&crowd) < expected && waiting.elapsed() < Duration::from_secs(5) {
        crowd.turn(Duration::from_millis(10))?;
    }
    let taps = reports * TAPS;
    let likes = |crowd: &Crowd| crowd.seats.iter().flatten().map(|seat| seat.member.likes).max().unwrap_or(0);
    if plan.likes > 0.0 {
        crowd.wait("the count of likes", |crowd| likes(crowd) >= taps)?;
    }
    let sums1 = sums(&crowd);
    let [messages, frames, bytes] = [0, 1, 2].map(|at| sums1[at].saturating_sub(sums0[at]));
    let cpu = server1 - server0;
    let recovered = crowd.seats.iter().flatten().filter(|seat| seat.member.recovered).count();
    let ms = &mut crowd.moments.ms;
    Ok(Talked {
        peer: peer.name(),
        members: plan.members,
        rate: plan.rate,
        seconds,
        said,
        refused,
        deliveries: messages,
        complete_percent: messages as f64 / expected.max(1) as f64 * 100.0,
        merged: messages as f64 / frames.max(1) as f64,
        bytes_per_delivery: bytes as f64 / messages.max(1) as f64,
        us_per_delivery: cpu * 1e6 / messages.max(1) as f64,
        cpu_percent: cpu / seconds * 100.0,
        p50_ms: percentile(ms, 0.5),
        p99_ms: percentile(ms, 0.99),
        idle_kb: (idle.rss_kb as f64 - before.rss_kb as f64) / plan.members as f64,
        likes_sent: taps,
        likes_counted: likes(&crowd),
        came_back: if plan.cut_seconds.is_some() { plan.members } else { 0 },
        recovered,
        lost: crowd.lost,
        tool_percent: (own1 - own0) / seconds * 100.0,
        first_error: crowd.first_error,
    })
}

/// What the member of a place says first, with the numbers that it has from before.
type Hello<'a> = dyn Fn(usize, Option<(&str, u64)>) -> String + 'a;

/// Everybody is cut off at once, and comes back in their turn.
fn come_back(crowd: &mut Crowd, plan: &Plan, seconds: f64, every: usize, hello: &Hello<'_>) -> Result<()> {
    let had: Vec<Option<(String, u64, u64)>> = crowd
        .seats
        .iter()
        .map(|seat| {
            seat.as_ref().map(|seat| (seat.member.epoch.clone(), seat.member.last, seat.member.messages))
        })
        .collect();
    crowd.seats.iter_mut().for_each(|seat| *seat = None);
    let start = Instant::now();
    let mut place = 0;
    while place < plan.members {
        let due = (start.elapsed().as_secs_f64() / seconds * plan.members as f64) as usize + 1;
        while place < due.min(plan.members) {
            let before = had[place].as_ref();
            let resume = before.map(|(epoch, seq, _)| (epoch.as_str(), *seq));
            crowd.enter(place, &hello(place, resume), place.is_multiple_of(every))?;
            if let (Some(seat), Some((.., messages))) = (&mut crowd.seats[place], before) {
                seat.member.messages = *messages;
            }
            place += 1;
        }
        crowd.turn(Duration::from_millis(1))?;
    }
    crowd.wait("a second welcome", |crowd| crowd.all(|seat| seat.member.welcome))
}

/// Makes the room, and tokens for those who speak.
fn room(server: &Server, address: SocketAddr, speakers: usize) -> Result<Vec<String>> {
    let key = server.key()?;
    let settings = json!({"room_per_second": 500, "room_burst": 1000, "repeat_seconds": 0});
    let room = json!({"id": ROOM, "title": ROOM, "host": {"id": "host"}, "settings": settings});
    let made = post(address, &key, "/api/v1/rooms", &room)?;
    ensure!(is_created(&made), "no room: {}", String::from_utf8_lossy(&made));
    let token = |number: usize| {
        let user = json!({"user": format!("u{number}"), "name": format!("user {number}")});
        let answer = post(address, &key, "/api/v1/users/tokens", &user)?;
        let body = answer.windows(4).position(|four| four == b"\r\n\r\n").context("no body")? + 4;
        let body: serde_json::Value = serde_json::from_slice(&answer[body..])?;
        Ok(body["token"].as_str().with_context(|| format!("no token: {body}"))?.to_owned())
    };
    (0..speakers).map(token).collect()
}

fn post(address: SocketAddr, key: &str, path: &str, body: &serde_json::Value) -> Result<Vec<u8>> {
    let body = body.to_string();
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    write!(
        socket,
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer)?;
    Ok(answer)
}

/// The connection by which the floor is fed.
fn feed(address: SocketAddr) -> Result<TcpStream> {
    let mut feed = TcpStream::connect(address)?;
    feed.set_nodelay(true)?;
    write!(feed, "PUT /x.flv HTTP/1.1\r\nHost: {address}\r\n\r\n")?;
    feed.write_all(&FILE_HEADER)?;
    Ok(feed)
}

/// A message as the floor takes it: an FLV tag of sound, about as long as a batch of one.
fn tag(text: &str) -> Vec<u8> {
    let body = format!("\u{1}\u{1}{text}{:.>200}", "");
    let mut out = vec![8];
    out.extend_from_slice(&u32::try_from(body.len()).unwrap_or(0).to_be_bytes()[1..]);
    out.extend_from_slice(&[0; 7]);
    out.extend_from_slice(body.as_bytes());
    out.extend_from_slice(&u32::try_from(body.len() + 11).unwrap_or(0).to_be_bytes());
    out
}

/// Reports of likes that so many members may send per second.
pub(crate) fn most_reports(members: usize) -> f64 {
    members as f64 * REPORTS_PER_MEMBER
}
