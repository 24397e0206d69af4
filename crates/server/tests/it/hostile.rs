//! A thousand connections that mean no good, and a show that goes on.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use testkit::clip::Clip;
use testkit::publisher::Publisher;

use crate::harness::{PATIENCE, Weir};
use crate::show::{finish_without_faults, one_on_each_wire, send_in_step};

/// Connections in all.
const ALL: usize = 1_000;

/// Descriptors that the rest of the tests may need at the same time, which run in this process too.
const SPARE: usize = 500;

/// What a bad connection does. Those that drip send one byte at a time, as slowly as the test goes on.
#[derive(Clone, Copy)]
enum Manner {
    Sends(&'static [u8]),
    Drips(&'static [u8]),
}

const ZEROS: &[u8] = &[0; 2_000];
const GARBAGE: &[u8] = &[0x5A; 4_000];
const HALF_HEAD: &[u8] =
    b"GET /live/hostile.flv HTTP/1.1\r\nHost: x\r\nX-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
/// A whole handshake, C0 to C2, and then a message of 8 MB that begins and never ends.
const HUGE_MESSAGE: &[u8] = &{
    let mut bytes = [0; 1 + 2 * 1_536 + 12 + 500];
    bytes[0] = 3;
    let header = [0x04, 0, 0, 0, 0x7F, 0xFF, 0xFF, 9, 1, 0, 0, 0];
    let mut at = 0;
    while at < header.len() {
        bytes[1 + 2 * 1_536 + at] = header[at];
        at += 1;
    }
    bytes
};
/// A whole handshake and nothing after it.
const HANDSHAKE: &[u8] = HUGE_MESSAGE.split_at(1 + 2 * 1_536).0;

const RTMP: [Manner; 7] = [
    Manner::Sends(b""),
    Manner::Sends(GARBAGE),
    Manner::Sends(HANDSHAKE.split_at(900).0),
    Manner::Sends(HANDSHAKE),
    Manner::Sends(HUGE_MESSAGE),
    Manner::Drips(HANDSHAKE),
    Manner::Sends(HALF_HEAD),
];
const HTTP: [Manner; 6] = [
    Manner::Sends(b""),
    Manner::Sends(GARBAGE),
    Manner::Sends(ZEROS),
    Manner::Sends(HALF_HEAD),
    Manner::Drips(HALF_HEAD),
    Manner::Sends(HANDSHAKE),
];

/// The soft limit on descriptors of this process.
fn descriptor_limit() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").expect("Linux");
    let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("a limit");
    line.split_whitespace().nth(3).and_then(|soft| soft.parse().ok()).unwrap_or(usize::MAX)
}

/// Resident memory of this process in bytes.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    pages.split_whitespace().nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("a number") * 4_096
}

struct Bad {
    socket: TcpStream,
    drips: &'static [u8],
    gone: bool,
}

impl Bad {
    fn connect(weir: &Weir, number: usize) -> Bad {
        let (addr, manner) = match number % 2 {
            0 => (weir.rtmp, RTMP[number / 2 % RTMP.len()]),
            _ => (weir.http, HTTP[number / 2 % HTTP.len()]),
        };
        let mut socket = TcpStream::connect(addr).expect("a connection");
        let drips = match manner {
            Manner::Sends(bytes) => {
                // The server may have had enough before it has seen all.
                let _ = socket.write_all(bytes);
                &[]
            }
            Manner::Drips(bytes) => bytes,
        };
        socket.set_nonblocking(true).expect("a socket");
        Bad { socket, drips, gone: false }
    }

    /// Sends the next byte, and looks whether the server has closed.
    fn go_on(&mut self) {
        if let Some((byte, rest)) = self.drips.split_first() {
            let _ = self.socket.write(&[*byte]);
            self.drips = rest;
        }
        let mut answer = [0; 4_096];
        loop {
            match self.socket.read(&mut answer) {
                Ok(0) => self.gone = true,
                Ok(_) => continue,
                Err(error) => self.gone |= error.kind() != std::io::ErrorKind::WouldBlock,
            }
            return;
        }
    }
}

#[test]
fn a_thousand_bad_connections_are_gone_after_the_timers_and_a_show_goes_on_meanwhile() {
    let timers = [
        ("rtmp.handshake_timeout_seconds", "1"),
        ("rtmp.publish_timeout_seconds", "1"),
        ("http.header_timeout_seconds", "1"),
        ("hub.grace_seconds", "1"),
    ];
    let weir = Weir::with(&timers);
    let clip = Clip::default();
    let mut publisher = Publisher::connect(&weir.rtmp_url("live/good")).expect("a publisher");
    publisher.send_headers(30).expect("headers");
    publisher.send_all(&clip.shots(0, 1_000)).expect("sent");
    weir.wait_on_air("live/good");
    let viewers = one_on_each_wire(&weir, "live/good", 40);
    weir.wait_viewers("live/good", 3);
    let good = 4;

    // Each connection has two ends, and both are in this process.
    let at_once = (descriptor_limit().saturating_sub(SPARE) / 2).clamp(50, ALL);
    let before = resident();
    let (mut done, mut time) = (0, 1_000);
    while done < ALL {
        let count = at_once.min(ALL - done);
        let mut bad: Vec<Bad> = (done..done + count).map(|number| Bad::connect(&weir, number)).collect();
        let began = Instant::now();
        while bad.iter().any(|bad| !bad.gone) || weir.app().permits.held() > good {
            assert!(
                began.elapsed() < PATIENCE,
                "{} bad connections are left",
                weir.app().permits.held() - good
            );
            bad.iter_mut().filter(|bad| !bad.gone).for_each(Bad::go_on);
            // A group of pictures at a time, so that each begins with a key frame; the viewers' watch finds a gap.
            send_in_step(&mut publisher, &viewers, &clip.shots(time, time + 1_000));
            time += 1_000;
        }
        done += count;
    }
    let grown = resident().saturating_sub(before);
    // Other tests run in this process, so this finds only what is out of all proportion: 8 MB for each who asked.
    assert!(grown < 512 * 1024 * 1024, "memory grew by {grown} bytes");
    assert_eq!(weir.app().permits.held(), good);
    publisher.finish().expect("the end");
    for viewer in finish_without_faults(viewers) {
        let pictures = &viewer.watch.pictures;
        assert_eq!(pictures.last(), Some(&i64::from(time - 40)));
        assert!(pictures.windows(2).all(|pair| pair[1] - pair[0] == 40), "a gap in the good stream");
    }
}
