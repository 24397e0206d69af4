//! What a player sends over its WebSocket.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_fuzz::pieces;

// The server's own files: linking all of the server would make this build many times slower.
#[allow(dead_code, reason = "only the parser is of interest")]
#[path = "../../crates/server/src/http"]
mod http {
    pub mod head;
    pub mod websocket;
}

use http::websocket::{Reader, Seen, close};

/// Frames of control carry so much at most (RFC 6455 section 5.5), and their headers are two bytes.
const CONTROL_MAX: usize = 2 + 125;

fuzz_target!(|input: &[u8]| {
    let seed = input.last().copied().unwrap_or_default();
    let (whole, bad) = read(std::iter::once(input));
    let (torn, torn_bad) = read(pieces(input, seed));
    assert_eq!(bad, torn_bad);
    // Of a piece that holds an error nothing is told.
    assert!(bad || whole == torn, "frames depend on how they were cut");
    let mut answered = 0;
    for seen in &torn {
        let Seen::Ping(pong) = seen else { continue };
        assert!(pong[0] == 0x8A && pong[1] & 0x80 == 0 && pong.len() == 2 + usize::from(pong[1]), "{pong:?}");
        assert!(pong.len() <= CONTROL_MAX);
        answered += pong.len();
    }
    // A ping costs its sender six bytes beside what it carries, the answer two.
    assert!(answered <= input.len());
    let text = String::from_utf8_lossy(input);
    assert!(close(1000, &text).len() <= CONTROL_MAX);
});

fn read<'a>(input: impl Iterator<Item = &'a [u8]>) -> (Vec<Seen>, bool) {
    let mut reader = Reader::default();
    let mut all = Vec::new();
    for piece in input {
        match reader.handle_input(piece) {
            Ok(seen) => all.extend(seen),
            Err(_) => return (all, true),
        }
    }
    (all, false)
}
