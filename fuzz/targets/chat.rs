//! What a client of the chat sends: frames put together, and the JSON in them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_fuzz::{memory_bound, pieces};

// The server's own files: linking all of the server would make this build many times slower.
#[allow(dead_code, reason = "only the parser is of interest")]
#[path = "../../crates/server/src/http"]
mod http {
    pub mod head;
    pub mod websocket;
}
#[allow(dead_code, reason = "only the parser is of interest")]
#[path = "../../crates/server/src/chat/asked.rs"]
mod asked;

use asked::Asked;
use http::websocket::messages::{Came, Messages};

/// The longest message, as the server has it.
const MAX: usize = 64 * 1024;

fuzz_target!(|input: &[u8]| {
    let seed = input.last().copied().unwrap_or_default();
    let (whole, broken) = read(std::iter::once(input));
    let (torn, torn_broken) = read(pieces(input, seed));
    assert_eq!(broken, torn_broken);
    assert_eq!(whole, torn, "messages depend on how they were cut");
    let mut held = 0;
    for came in &torn {
        if let Came::Text(text) = came {
            assert!(text.len() <= MAX);
            held += text.len();
            understand(text);
        }
    }
    assert!(held <= input.len());
    // What comes without a frame around it is understood as well, so that the JSON is reached.
    if let Ok(text) = std::str::from_utf8(input) {
        understand(text);
    }
});

fn read<'a>(input: impl Iterator<Item = &'a [u8]>) -> (Vec<Came>, Option<u16>) {
    let (mut reader, mut all) = (Messages::default(), Vec::new());
    for piece in input {
        if let Err(broken) = reader.read(piece, MAX, |came| all.push(came)) {
            return (all, Some(broken.0));
        }
    }
    (all, None)
}

fn understand(text: &str) {
    let bound = memory_bound(text.len());
    match asked::parse(text, "u") {
        Ok(Asked::Say(say)) => assert!(say.user == "u" && say.body.text().map_or(0, str::len) <= text.len()),
        Ok(Asked::Hello(hello)) => assert!(hello.room.len() <= text.len()),
        Ok(_) => {}
        Err(told) => assert!(told.why.len() <= bound),
    }
}
