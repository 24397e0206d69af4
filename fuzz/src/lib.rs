//! What several targets need.

use rtmp::{Error, Event, Limits, PlayRefusal, PublishRefusal, ServerConfig, ServerSession};

/// What a client without digests sends before its first chunk: version, block, and an answer that nobody checks.
pub const HANDSHAKE_BYTES: usize = 1 + 2 * 1536;

/// Bytes that may be held or answered for an input of `len` bytes: generous, but no multiple of what a peer declares.
pub fn memory_bound(len: usize) -> usize {
    64 * len + (1 << 20)
}

/// Cuts input into pieces whose sizes follow from `seed`, as a network would.
pub fn pieces(mut input: &[u8], seed: u8) -> impl Iterator<Item = &[u8]> {
    let mut state = u32::from(seed) | 1;
    std::iter::from_fn(move || {
        if input.is_empty() {
            return None;
        }
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // Mostly a few bytes, so that headers are torn apart; rarely a packet, which swallows short inputs.
        let size = if state >> 26 == 0 { 1460 } else { 1 + (state >> 24) as usize % 7 };
        let (piece, rest) = input.split_at(size.min(input.len()));
        input = rest;
        Some(piece)
    })
}

/// A client's handshake without digests.
pub fn plain_handshake() -> Vec<u8> {
    let mut bytes = vec![0; HANDSHAKE_BYTES];
    bytes[0] = 3;
    bytes
}

/// How a server answers what a client asks for.
#[derive(Debug, Clone, Copy)]
pub enum Policy {
    /// Whatever is asked for is granted.
    Accept,
    /// Nothing is.
    Refuse,
    /// The server is slow: no answer comes.
    Silence,
    /// What was granted is taken back at the next event.
    Fickle,
}

/// What a session made of its input.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    /// What the driver saw.
    pub events: Vec<Event>,
    /// Why the connection ended.
    pub error: Option<Error>,
    /// Bytes that went back to the client.
    pub output_bytes: usize,
}

/// Feeds a server session and answers it as a driver would.
pub fn serve<'a>(input: impl Iterator<Item = &'a [u8]>, policy: Policy) -> Outcome {
    serve_within(Limits::default(), input, policy)
}

/// Feeds a server session with limits of its own and answers it as a driver would.
pub fn serve_within<'a>(limits: Limits, input: impl Iterator<Item = &'a [u8]>, policy: Policy) -> Outcome {
    let config = ServerConfig { limits, ..ServerConfig::default() };
    let mut session = ServerSession::new(config, [5; 32]);
    let mut outcome = Outcome { events: Vec::new(), error: None, output_bytes: 0 };
    for (number, piece) in input.enumerate() {
        let fed = session.handle_input(piece, number as u64);
        while let Some(event) = session.poll_event() {
            answer(&mut session, &event, policy);
            outcome.events.push(event);
        }
        while let Some(bytes) = session.poll_output() {
            outcome.output_bytes += bytes.len();
        }
        assert!(!(session.is_publishing() && session.is_playing()), "both at once");
        if let Err(error) = fed {
            outcome.error = Some(error);
            assert_eq!(session.handle_input(b"x", 0), Err(error), "an error does not stay");
            assert!(session.poll_event().is_none(), "something happened after an error");
            break;
        }
    }
    outcome
}

fn answer(session: &mut ServerSession, event: &Event, policy: Policy) {
    match (event, policy) {
        (_, Policy::Silence) => {}
        (Event::Publish(_), Policy::Accept) => session.accept_publish(),
        (Event::Publish(_), Policy::Refuse) => session.refuse_publish(PublishRefusal::Denied, "no / 不行"),
        (Event::Play(_), Policy::Accept) => session.accept_play(),
        (Event::Play(_), Policy::Refuse) => session.refuse_play(PlayRefusal::StreamNotFound, "no / 不行"),
        (Event::Publish(_), Policy::Fickle) => {
            session.accept_publish();
            session.ping(7);
        }
        (Event::Play(_), Policy::Fickle) => {
            session.accept_play();
            session.ping(7);
        }
        (_, Policy::Fickle) => {
            session.end_publish("over");
            session.end_play("over");
        }
        _ => {}
    }
}
