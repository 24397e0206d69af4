//! A whole server session: handshake, commands, media, and a driver that answers well, badly or not at all.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rtmp::{Event, Limits, Target};
use weir_fuzz::{Policy, memory_bound, pieces, plain_handshake, serve};

fuzz_target!(|input: &[u8]| {
    let Some((mode, bytes)) = input.split_first() else { return };
    let policy = match mode & 3 {
        0 => Policy::Accept,
        1 => Policy::Refuse,
        2 => Policy::Silence,
        _ => Policy::Fickle,
    };
    // With the highest bit the client's own handshake is part of the input.
    let handshake = if mode & 0x80 == 0 { plain_handshake() } else { Vec::new() };
    let outcome = serve(std::iter::once(handshake.as_slice()).chain(pieces(bytes, mode >> 2)), policy);

    assert!(outcome.output_bytes <= memory_bound(input.len()), "{} bytes of answers", outcome.output_bytes);
    let limits = Limits::default();
    let mut held = 0;
    let (mut connected, mut asked) = (None, false);
    for event in &outcome.events {
        match event {
            Event::Connect(connect) => {
                let texts =
                    [&connect.app, &connect.tc_url, &connect.page_url, &connect.swf_url, &connect.flash_ver];
                for text in texts {
                    assert!(text.len() <= limits.max_name_bytes);
                    held += text.len();
                }
                connected = Some(connect);
            }
            Event::Publish(_) | Event::Play(_) => {
                let connect = connected.expect("a wish before connect");
                asked = true;
                let name = match event {
                    Event::Publish(publish) => &publish.name,
                    Event::Play(play) => &play.name,
                    _ => continue,
                };
                assert!(name.len() <= limits.max_name_bytes);
                held += name.len();
                if let Ok(target) = Target::new(&connect.app, &connect.tc_url, name) {
                    check(&target);
                }
            }
            Event::Media(media) => {
                assert!(asked, "media of nobody");
                held += media.body.len();
            }
            _ => {}
        }
    }
    assert!(held <= memory_bound(input.len()), "{held} bytes held");
});

/// No name leads out of its place.
fn check(target: &Target) {
    for segment in target.path.split('/') {
        assert!(segment != "." && segment != ".." && !segment.contains(char::is_control), "{target:?}");
    }
    assert!(!target.stream.contains('/'));
    assert!(!target.query.contains(char::is_control));
}
