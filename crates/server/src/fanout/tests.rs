//! The fan-out over real sockets, with a wire format made for the purpose: `length, role, time, body`.

mod allocations;
mod tls;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hub::{Headers, Hub, Identity, Lag, Name, Options, Profile, Publisher, Slot, Wire};
use media::frame::{Frame, Kind, Role};

use super::{Arrival, Ask, Egress, Fanout, Farewell, Law, Settings};
use crate::clock::Clock;
use crate::net::Permits;
use crate::net::Socket;
use crate::sessions::{self as session, About, Sessions};

const KEY: &[u8] = &[0x17, 1, 0, 0, 0, 0, 0, 0, 2, 0x65, 0x88];
const INTER: &[u8] = &[0x27, 1, 0, 0, 0, 0, 0, 0, 2, 0x41, 0x9A];
const CONFIG: &[u8] =
    &[0x17, 0, 0, 0, 0, 1, 0x42, 0xC0, 31, 0xFF, 0xE1, 0, 4, 0x67, 0x42, 0xC0, 31, 1, 0, 1, 0x68];
const AUDIO: &[u8] = &[0xAF, 1, 0x21, 0x10];

/// What stands for "begin" and "end" in the role byte.
const BEGIN: u8 = 200;
const END: u8 = 201;

/// A body of this size makes the egress panic, as a bug of ours would.
const PANICS: usize = 12_345;

/// Patience of every read here: a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

struct TestWire;

fn message(role: u8, time: i64, body: &[u8]) -> Vec<u8> {
    let mut out = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
    out.push(role);
    out.extend_from_slice(&time.to_be_bytes());
    out.extend_from_slice(body);
    out
}

impl Egress for TestWire {
    fn slot(&self) -> Slot {
        Slot::new(0)
    }

    fn encode(&self, frame: &Frame) -> Wire {
        assert_ne!(frame.body.len(), PANICS, "the panic that the test asks for");
        let whole = message(frame.role as u8, frame.time, &frame.body);
        let body = Bytes::from(whole).split_off(13);
        Wire::new(vec![message(frame.role as u8, frame.time, &frame.body)[..13].to_vec().into(), body])
    }

    fn begin(&mut self, _headers: &Headers) -> Bytes {
        message(BEGIN, 0, b"").into()
    }

    fn handle_input(
        &mut self,
        input: &[u8],
        out: &mut Vec<Bytes>,
        asks: &mut Vec<Ask>,
    ) -> Result<(), String> {
        for byte in input {
            match byte {
                b'p' => asks.push(Ask::Pause(true)),
                b'r' => asks.push(Ask::Pause(false)),
                b'l' => asks.push(Ask::Leave),
                b'?' => out.push(message(BEGIN, 1, b"!").into()),
                _ => return Err("not a word of this wire".into()),
            }
        }
        Ok(())
    }

    fn finish(&mut self, farewell: &Farewell) -> Bytes {
        message(END, 0, format!("{farewell:?}").as_bytes()).into()
    }
}

struct World {
    hub: Hub,
    fanout: Fanout,
    clock: Clock,
}

fn settings(shards: usize) -> Settings {
    let law =
        Law { low: 0.3, high: 0.5, max: Duration::from_millis(100), rtc_max: Duration::from_millis(20) };
    let lag = Lag { max_ms: 2_000, max_bytes: 4 << 20, max_jumps: 3, forgive_ms: 60_000 };
    Settings { shards, law, lag, stall_ms: 90_000 }
}

impl World {
    fn new(shards: usize) -> World {
        World::with(&settings(shards))
    }

    fn with(settings: &Settings) -> World {
        let clock = Clock::system();
        let options = Options {
            grace_ms: 100,
            gop_max_ms: 10_000,
            gop_max_bytes: 8 << 20,
            retain_ms: 4_000,
            max_streams: 16,
        };
        World { hub: Hub::new(options), fanout: Fanout::start(settings, &clock).expect("threads"), clock }
    }

    fn publish(&self, name: &str) -> Publisher {
        let mut publisher =
            self.hub.publish(&Name::new(name), Identity("host".into()), self.clock.now_ms()).expect("free");
        self.push(&mut publisher, Kind::Video, 0, CONFIG);
        self.push(&mut publisher, Kind::Audio, 0, AUDIO);
        self.push(&mut publisher, Kind::Video, 0, KEY);
        publisher
    }

    fn push(&self, publisher: &mut Publisher, kind: Kind, time: i64, body: &[u8]) {
        publisher.push(kind, time, Bytes::copy_from_slice(body), self.clock.now_ms()).expect("taken");
    }

    fn view(&self, name: &str) -> Viewer {
        let (arrival, viewer) = self.arrival(name);
        self.fanout.attach(arrival);
        viewer
    }

    fn arrival(&self, name: &str) -> (Arrival, Viewer) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        near.set_read_timeout(Some(PATIENCE)).unwrap();
        let (far, peer) = listener.accept().unwrap();
        let stream = Name::new(name);
        let about = About {
            role: session::Role::Viewer,
            wire: "test",
            stream,
            peer: peer.ip(),
            agent: String::new(),
            domain: String::new(),
            came: Arc::default(),
        };
        let arrival = Arrival {
            socket: Socket::plain(far).unwrap(),
            owed: Vec::new(),
            stream: self.hub.find(&Name::new(name)).expect("on air"),
            profile: Profile::Live,
            egress: Box::new(TestWire),
            permit: Permits::new(0, 0).take(peer.ip()).unwrap(),
            seat: Sessions::default().open(about, 0),
        };
        (arrival, Viewer { near })
    }
}

struct Viewer {
    near: TcpStream,
}

impl Viewer {
    /// The next message, or `None` when the server closed the connection.
    fn next(&mut self) -> Option<(u8, i64, Vec<u8>)> {
        let mut head = [0; 13];
        match self.near.read_exact(&mut head) {
            Ok(()) => {}
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::ConnectionReset
                ) =>
            {
                return None;
            }
            Err(error) => panic!("nothing came: {error}"),
        }
        let mut body = vec![0; u32::from_be_bytes(head[..4].try_into().unwrap()) as usize];
        self.near.read_exact(&mut body).unwrap();
        Some((head[4], i64::from_be_bytes(head[5..].try_into().unwrap()), body))
    }

    fn role(&mut self) -> u8 {
        self.next().expect("the connection ended").0
    }

    /// Reads up to the message with this role.
    fn until(&mut self, role: Role) -> (i64, Vec<u8>) {
        loop {
            let (seen, time, body) = self.next().expect("the connection ended");
            if seen == role as u8 {
                return (time, body);
            }
        }
    }
}

#[test]
fn viewers_get_the_beginning_the_frames_and_the_end() {
    let world = World::new(2);
    let mut publisher = world.publish("live/a");
    let mut viewers: Vec<Viewer> = (0..5).map(|_| world.view("live/a")).collect();
    for viewer in &mut viewers {
        let roles: Vec<u8> = (0..4).map(|_| viewer.role()).collect();
        let expected = [BEGIN, Role::Config as u8, Role::Audio as u8, Role::Key as u8];
        assert_eq!(roles, expected);
    }
    for time in [40, 80] {
        world.push(&mut publisher, Kind::Video, time, INTER);
    }
    for viewer in &mut viewers {
        assert_eq!((viewer.until(Role::Inter).0, viewer.until(Role::Inter).0), (40, 80));
    }
    let mut leaving = viewers.pop().unwrap();
    leaving.near.write_all(b"?l").unwrap();
    assert_eq!(leaving.next(), None, "a viewer that leaves is owed nothing");
    world.hub.drop_stream(&Name::new("live/a"), hub::End::Finished);
    for viewer in &mut viewers {
        assert_eq!(viewer.role(), END);
        assert_eq!(viewer.next(), None);
    }
    world.fanout.stop();
}

#[test]
fn a_panic_over_one_stream_ends_that_stream_s_viewers_only() {
    let world = World::new(1);
    let (mut good, mut bad) = (world.publish("live/good"), world.publish("live/bad"));
    let (mut happy, mut unlucky) = (world.view("live/good"), world.view("live/bad"));
    happy.until(Role::Key);
    unlucky.until(Role::Key);
    world.push(&mut bad, Kind::Video, 40, &[INTER, &vec![0; PANICS - INTER.len()]].concat());
    assert_eq!(unlucky.next(), None);
    world.push(&mut good, Kind::Video, 40, INTER);
    assert_eq!(happy.until(Role::Inter).0, 40);
    // A newcomer, too, finds the shard alive.
    assert_eq!(world.view("live/good").role(), BEGIN);
    world.fanout.stop();
}

#[test]
fn a_viewer_that_stops_reading_holds_nobody_up_and_comes_back_at_a_key_frame() {
    let world = World::new(1);
    let mut publisher = world.publish("live/a");
    let mut stalled = world.view("live/a");
    let mut good = world.view("live/a");
    stalled.until(Role::Key);
    good.until(Role::Key);
    let big = |body: &[u8]| [body, &vec![0; 60_000]].concat();
    // A minute of video, far more than sockets hold, while nobody reads at one end.
    for time in (40..60_000).step_by(40) {
        let body = if time % 1_000 == 0 { big(KEY) } else { big(INTER) };
        world.push(&mut publisher, Kind::Video, time, &body);
        let (seen, _, _) = good.next().expect("the good viewer was cut off");
        assert!(seen == Role::Key as u8 || seen == Role::Inter as u8);
    }
    let mut expected = 40;
    let mut jumped = false;
    let mut headers = false;
    while expected < 59_960 {
        let (role, time, _) = stalled.next().expect("the stalled viewer was cut off");
        if role == Role::Config as u8 {
            headers = true;
            continue;
        }
        if time != expected {
            assert_eq!((role, time % 1_000), (Role::Key as u8, 0), "a picture after a gap, at {time}");
            assert!(headers, "no headers before the key frame at {time}");
            jumped = true;
        }
        expected = time + 40;
    }
    assert!(jumped, "everything was kept for it");
    world.fanout.stop();
}

/// An encoder that was cut off sends all at once what it has: of that the ring keeps less than a whole window.
#[test]
fn viewers_in_step_get_no_picture_after_what_the_ring_has_let_go_of() {
    let second = Duration::from_secs(1);
    // Merging at any load.
    let law = Law { low: -1.0, high: 0.0, max: second, rtc_max: second };
    let world = World::with(&Settings { law, ..settings(1) });
    let mut publisher = world.publish("live/a");
    let mut viewer = world.view("live/a");
    viewer.until(Role::Key);
    let mut time = 0;
    let mut push = |count: i64| {
        for _ in 0..count {
            time += 40;
            let body = if time % 1_000 == 0 { KEY } else { INTER };
            world.push(&mut publisher, Kind::Video, time, body);
        }
        time
    };
    let mut seen = push(1);
    viewer.until(Role::Inter);
    // Until the window is in force; it has just begun anew then.
    let mut began = Instant::now();
    while began.elapsed() < second / 2 {
        began = Instant::now();
        seen = push(1);
        while viewer.next().expect("the connection ended").1 < seen {}
    }
    let last = push(150);
    while seen < last {
        let (role, at, _) = viewer.next().expect("the connection ended");
        if role != Role::Config as u8 && at != seen + 40 {
            assert_eq!(role, Role::Key as u8, "a picture after a gap, at {at}");
        }
        seen = at.max(seen);
    }
    world.fanout.stop();
}

#[test]
fn a_pause_ends_at_the_present() {
    let world = World::new(1);
    let mut publisher = world.publish("live/a");
    let (mut pausing, mut other) = (world.view("live/a"), world.view("live/a"));
    pausing.until(Role::Key);
    other.until(Role::Key);
    // The answer to the question says that the pause before it has been heard.
    pausing.near.write_all(b"p?").unwrap();
    assert_eq!(pausing.role(), BEGIN);
    world.push(&mut publisher, Kind::Video, 40, INTER);
    other.until(Role::Inter);
    world.push(&mut publisher, Kind::Video, 80, KEY);
    other.until(Role::Key);
    pausing.near.write_all(b"r").unwrap();
    let mut seen = Vec::new();
    while seen.last() != Some(&(Role::Key as u8)) {
        seen.push(pausing.role());
    }
    assert!(!seen.contains(&(Role::Inter as u8)), "{seen:?}");
    world.fanout.stop();
}

#[test]
fn a_flood_of_input_or_nonsense_ends_that_viewer() {
    let world = World::new(1);
    let _publisher = world.publish("live/a");
    for input in [vec![b'x'], vec![b'?'; 200_000]] {
        let mut viewer = world.view("live/a");
        viewer.until(Role::Key);
        // The server may close while this is still being written.
        let _ = viewer.near.write_all(&input);
        let began = Instant::now();
        while viewer.next().is_some() {
            assert!(began.elapsed() < PATIENCE);
        }
    }
    world.fanout.stop();
}

#[test]
fn a_server_that_stops_says_so() {
    let world = World::new(1);
    let _publisher = world.publish("live/a");
    let mut viewer = world.view("live/a");
    viewer.until(Role::Key);
    let fanout = Arc::new(world.fanout);
    let stopping = std::thread::spawn({
        let fanout = fanout.clone();
        move || fanout.stop()
    });
    let (role, _, text) = viewer.next().expect("a farewell");
    assert_eq!((role, &text[..]), (END, &b"ShuttingDown"[..]));
    assert_eq!(viewer.next(), None);
    drop(viewer);
    stopping.join().unwrap();
}
