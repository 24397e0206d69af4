//! The first bytes of a connection, on either side of it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rtmp::{ClientConfig, ClientSession, ServerConfig, ServerSession};
use weir_fuzz::{HANDSHAKE_BYTES, Policy, memory_bound, pieces, serve};

fuzz_target!(|input: &[u8]| {
    let seed = input.first().copied().unwrap_or_default();

    // A server: what arrives in pieces is what arrives at once, and the version alone decides.
    let whole = serve(std::iter::once(input), Policy::Silence);
    let torn = serve(pieces(input, seed), Policy::Silence);
    assert_eq!((&whole.events, whole.error), (&torn.events, torn.error));
    assert!(whole.output_bytes <= memory_bound(input.len()));
    let mut server = ServerSession::new(ServerConfig::default(), [seed; 32]);
    let fed = server.handle_input(&input[..input.len().min(HANDSHAKE_BYTES)], 0);
    assert_eq!(fed.is_err(), input.first().is_some_and(|version| *version != 3));
    assert_eq!(server.handshake_done(), fed.is_ok() && input.len() >= HANDSHAKE_BYTES);
    let answered: usize = std::iter::from_fn(|| server.poll_output()).map(|bytes| bytes.len()).sum();
    assert!(answered <= HANDSHAKE_BYTES, "{answered} bytes in answer to a handshake");

    // A client whose server answers with this.
    let Ok(url) = "rtmp://h/live/s".parse::<rtmp::Url>() else { unreachable!() };
    let mut client = ClientSession::publish(ClientConfig::default(), url.clone(), [seed; 32]);
    for piece in pieces(input, seed) {
        if client.handle_input(piece).is_err() {
            break;
        }
        while client.poll_event().is_some() {}
    }
    let sent: usize = std::iter::from_fn(|| client.poll_output()).map(|bytes| bytes.len()).sum();
    assert!(sent <= memory_bound(input.len()));

    // And the two of ours understand each other, whatever their random bytes are.
    let mut random = [seed; 32];
    for (to, from) in random.iter_mut().zip(input) {
        *to = *from;
    }
    let mut client = ClientSession::play(ClientConfig::default(), url, random);
    let mut server = ServerSession::new(ServerConfig::default(), random.map(|byte| !byte));
    for _ in 0..4 {
        while let Some(bytes) = client.poll_output() {
            server.handle_input(&bytes, 0).expect("our client");
        }
        while let Some(bytes) = server.poll_output() {
            client.handle_input(&bytes).expect("our server");
        }
    }
    assert!(server.handshake_done());
});
