//! Chunks, right after a handshake that is always the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rtmp::{Event, Limits};
use weir_fuzz::{Policy, memory_bound, pieces, plain_handshake, serve_within};

fuzz_target!(|input: &[u8]| {
    let Some((seed, chunks)) = input.split_first() else { return };
    let handshake = plain_handshake();
    let start = || std::iter::once(handshake.as_slice());
    // How long a message may be follows from whether the driver has answered, and so from the cuts: not here.
    let limits = Limits { max_early_message_bytes: Limits::default().max_message_bytes, ..Limits::default() };
    let whole = serve_within(limits, start().chain(std::iter::once(chunks)), Policy::Accept);
    let torn = serve_within(limits, start().chain(pieces(chunks, *seed)), Policy::Accept);
    assert_eq!(media(&whole.events), media(&torn.events), "messages depend on how they were cut");
    let bytes: usize = media(&torn.events).iter().map(|(_, body)| body.len()).sum();
    assert!(bytes <= chunks.len(), "{bytes} bytes of media from {} of input", chunks.len());
    assert!(torn.events.len() <= chunks.len());
    assert!(torn.output_bytes <= memory_bound(input.len()));
});

/// What was carried. Answers of the driver come between pieces, so what else happens may depend on them.
fn media(events: &[Event]) -> Vec<(u32, &[u8])> {
    let media = events.iter().filter_map(|event| match event {
        Event::Media(media) => Some((media.timestamp, media.body.as_ref())),
        _ => None,
    });
    media.collect()
}
