//! What real encoders sent when they published, read again: the same events come of it, whatever the pieces it
//! arrives in. `testdata/README.md` says how each file was made.

use rtmp::{Event, MediaKind, ServerConfig, ServerSession};

/// A captured connection and what is in it.
pub struct Capture {
    pub file: &'static str,
    pub bytes: &'static [u8],
    flash_ver: &'static str,
    app: &'static str,
    name: &'static str,
    /// Whole messages of video, audio and data.
    media: [usize; 3],
}

macro_rules! capture {
    ($file:literal, $flash_ver:literal, $app:literal, $name:literal, $media:expr) => {
        Capture {
            file: $file,
            bytes: include_bytes!(concat!("../../testdata/", $file)),
            flash_ver: $flash_ver,
            app: $app,
            name: $name,
            media: $media,
        }
    };
}

pub const CAPTURES: [Capture; 5] = [
    capture!(
        "ffmpeg-5.1-publish.bin",
        "FMLE/3.0 (compatible; Lavf59.27.100)",
        "live",
        "ffmpeg",
        [64, 177, 1]
    ),
    capture!(
        "ffmpeg-9-publish.bin",
        "FMLE/3.0 (compatible; Lavf63.1.102)",
        "live",
        "ffmpeg9?key=made-up",
        [60, 161, 1]
    ),
    capture!("gstreamer-1.22-rtmp2sink-publish.bin", "LNX 10,0,32,18", "live", "rtmp2sink", [40, 113, 29]),
    capture!("gstreamer-1.22-rtmpsink-publish.bin", "", "live", "rtmpsink", [40, 113, 29]),
    capture!("obs-29-publish.bin", "FMLE/3.0 (compatible; FMSc/1.0)", "live", "obs", [20, 31, 1]),
];

/// A server as the driver runs it: it polls after each piece and lets everybody publish.
struct Server {
    session: ServerSession,
    events: Vec<Event>,
}

impl Server {
    fn new() -> Server {
        Server { session: ServerSession::new(ServerConfig::default(), [1; 32]), events: Vec::new() }
    }

    fn take(&mut self, piece: &[u8]) {
        self.session.handle_input(piece, 0).expect("what a real encoder sent");
        while let Some(event) = self.session.poll_event() {
            if matches!(event, Event::Publish(_)) {
                self.session.accept_publish();
            }
            self.events.push(event);
        }
        while self.session.poll_output().is_some() {}
    }

    fn take_pieces(mut self, mut bytes: &[u8], mut next_len: impl FnMut() -> usize) -> Vec<Event> {
        while !bytes.is_empty() {
            let (piece, rest) = bytes.split_at(next_len().clamp(1, bytes.len()));
            self.take(piece);
            bytes = rest;
        }
        self.events
    }
}

pub fn in_one_piece(capture: &Capture) -> Vec<Event> {
    Server::new().take_pieces(capture.bytes, || usize::MAX)
}

#[test]
fn each_encoder_is_understood() {
    for capture in &CAPTURES {
        let events = in_one_piece(capture);
        let file = capture.file;
        let Some(Event::Connect(connect)) = events.first() else { panic!("{file}: {:?}", events.first()) };
        assert_eq!((&*connect.flash_ver, &*connect.app), (capture.flash_ver, capture.app), "{file}");
        assert!(connect.tc_url.starts_with("rtmp://127.0.0.1:"), "{file}: {}", connect.tc_url);
        let Some(Event::Publish(publish)) = events.get(1) else { panic!("{file}: {:?}", events.get(1)) };
        assert_eq!((&*publish.name, &*publish.kind), (capture.name, "live"), "{file}");
        let mut counts = [0; 3];
        let mut last = [0; 3];
        for event in &events[2..] {
            let Event::Media(media) = event else { panic!("{file}: {event:?}") };
            let kind = match media.kind {
                MediaKind::Video => 0,
                MediaKind::Audio => 1,
                MediaKind::Data => 2,
            };
            counts[kind] += 1;
            assert!(
                media.timestamp >= last[kind],
                "{file}: {:?} goes back to {}",
                media.kind,
                media.timestamp
            );
            assert!(media.timestamp < 60_000, "{file}: {:?} is at {}", media.kind, media.timestamp);
            last[kind] = media.timestamp;
        }
        assert_eq!(counts, capture.media, "{file}: messages of video, audio and data");
    }
}

#[test]
fn it_does_not_matter_in_which_pieces_the_bytes_arrive() {
    for capture in &CAPTURES {
        let expected = in_one_piece(capture);
        let byte_by_byte = Server::new().take_pieces(capture.bytes, || 1);
        assert!(expected == byte_by_byte, "{}: byte by byte", capture.file);
        for seed in 1..=20_u64 {
            // A generator of Lehmer's is random enough to cut bytes, and fails the same way each time.
            let mut state = seed;
            let next_len = || {
                state = state * 48_271 % 0x7fff_ffff;
                usize::try_from(state % 3_000).unwrap_or(1)
            };
            let pieces = Server::new().take_pieces(capture.bytes, next_len);
            assert!(expected == pieces, "{}: pieces of seed {seed}", capture.file);
        }
    }
}
