use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::media::media_message;
use crate::session::server::{Event, PlayRefusal, PublishRefusal, ServerConfig, ServerSession};

/// A client and a server with a wire between them that delivers in pieces.
struct Pair {
    client: ClientSession,
    server: ServerSession,
    pieces: Vec<usize>,
    next_piece: usize,
    client_events: Vec<ClientEvent>,
    server_events: Vec<Event>,
    now_ms: u64,
}

impl Pair {
    fn new(client: ClientSession, pieces: &[usize]) -> Pair {
        Pair {
            client,
            server: ServerSession::new(ServerConfig::default(), [2; 32]),
            pieces: pieces.to_vec(),
            next_piece: 0,
            client_events: Vec::new(),
            server_events: Vec::new(),
            now_ms: 0,
        }
    }

    fn publishing(url: &str, pieces: &[usize]) -> Pair {
        Pair::new(ClientSession::publish(ClientConfig::default(), url.parse().unwrap(), [1; 32]), pieces)
    }

    fn playing(url: &str, pieces: &[usize]) -> Pair {
        Pair::new(ClientSession::play(ClientConfig::default(), url.parse().unwrap(), [1; 32]), pieces)
    }

    fn piece(&mut self) -> usize {
        self.next_piece += 1;
        self.pieces[self.next_piece % self.pieces.len()]
    }

    /// Carries bytes until nobody has any.
    fn run(&mut self) {
        loop {
            let to_server: Vec<u8> = std::iter::from_fn(|| self.client.poll_output()).flatten().collect();
            let to_client: Vec<u8> = std::iter::from_fn(|| self.server.poll_output()).flatten().collect();
            if to_server.is_empty() && to_client.is_empty() {
                return;
            }
            let mut rest = &to_server[..];
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(self.piece().min(rest.len()));
                self.now_ms += 1;
                self.server.handle_input(piece, self.now_ms).unwrap();
                rest = after;
            }
            let mut rest = &to_client[..];
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(self.piece().min(rest.len()));
                self.client.handle_input(piece).unwrap();
                rest = after;
            }
            self.server_events.extend(std::iter::from_fn(|| self.server.poll_event()));
            self.client_events.extend(std::iter::from_fn(|| self.client.poll_event()));
        }
    }
}

#[test]
fn media_travels_on_the_message_stream_that_the_server_chose() {
    let mut up = Pair::publishing("rtmp://h/live/room", &[9]);
    up.run();
    up.server.accept_publish();
    up.run();
    // As if `createStream` had answered with it.
    up.client.stream_id = 0x0102;
    up.client.send_media(MediaKind::Audio, 0, &Bytes::from_static(b"x"));
    let sent: Vec<u8> = std::iter::from_fn(|| up.client.poll_output()).flatten().collect();
    assert_eq!(sent, b"\x04\0\0\0\0\0\x01\x08\x02\x01\0\0x");
}

fn publish_and_play(messages: &[Media], pieces: &[usize]) {
    let mut up = Pair::publishing("rtmp://h/live/room?k=v", pieces);
    up.run();
    let [Event::Connect(connect), Event::Publish(publish)] = &up.server_events[..] else {
        panic!("{:?}", up.server_events)
    };
    assert_eq!((&*connect.app, &*publish.name), ("live", "room?k=v"));
    assert!(connect.is_enhanced());
    up.server.accept_publish();
    up.run();
    assert_eq!(up.client_events, [ClientEvent::Started]);
    for media in messages {
        up.client.send_media(media.kind, media.timestamp, &media.body);
    }
    up.run();
    let received: Vec<Media> = up
        .server_events
        .iter()
        .filter_map(|event| if let Event::Media(media) = event { Some(media.clone()) } else { None })
        .collect();
    assert_eq!(received, messages);

    let mut down = Pair::playing("rtmp://h/live/room", pieces);
    down.run();
    down.server.accept_play();
    down.run();
    // A driver writes media past the session: the bytes are the same for all viewers.
    for media in &received {
        for part in
            media_message(media.kind, media.timestamp, &media.body, ServerConfig::default().chunk_size)
        {
            down.client.handle_input(&part).unwrap();
        }
    }
    down.server.end_play("the stream is over");
    down.run();
    let mut events = down.client_events.into_iter();
    assert_eq!(events.next(), Some(ClientEvent::Started));
    let played: Vec<ClientEvent> = events.by_ref().take(messages.len()).collect();
    let expected: Vec<_> = messages.iter().cloned().map(ClientEvent::Media).collect();
    assert_eq!(played, expected);
    assert!(matches!(events.next(), Some(ClientEvent::Ended { .. })));

    up.client.finish();
    up.run();
    assert_eq!(up.server_events.last(), Some(&Event::Unpublish));
}

fn media(kind: MediaKind, timestamp: u32, len: usize) -> Media {
    Media { kind, timestamp, body: (0..len).map(|i| i as u8).collect::<Bytes>() }
}

fn show() -> Vec<Media> {
    vec![
        media(MediaKind::Data, 0, 300),
        media(MediaKind::Video, 0, 50),
        media(MediaKind::Audio, 0, 7),
        media(MediaKind::Video, 0x00ff_ffff, 130_000),
        media(MediaKind::Audio, 0x0100_0000, 1),
        media(MediaKind::Video, u32::MAX, 70_000),
        media(MediaKind::Video, 10, 3000),
    ]
}

#[test]
fn a_show_goes_up_and_down_byte_by_byte() {
    publish_and_play(&show(), &[1]);
}

#[test]
fn a_show_goes_up_and_down_in_large_pieces() {
    publish_and_play(&show(), &[65_536]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn a_show_goes_up_and_down_in_any_pieces(
        pieces in prop::collection::vec(1..3000_usize, 1..12),
        times in prop::collection::vec((any::<u32>(), 1..4000_usize, 0..3_u8), 0..12),
    ) {
        let kinds = [MediaKind::Audio, MediaKind::Video, MediaKind::Data];
        let messages: Vec<_> =
            times.iter().map(|(time, len, kind)| media(kinds[usize::from(*kind)], *time, *len)).collect();
        publish_and_play(&messages, &pieces);
    }

    #[test]
    fn no_damage_to_what_a_client_says_makes_the_server_panic(
        at in any::<prop::sample::Index>(), byte: u8, length in 1..40_usize,
    ) {
        let mut pair = Pair::publishing("rtmp://h/live/room", &[4096]);
        let mut session = ServerSession::new(ServerConfig::default(), [3; 32]);
        let mut said = Vec::new();
        // What the client says to a server that answers is said again, damaged, to one that never heard it.
        for _ in 0..6 {
            let bytes: Vec<u8> = std::iter::from_fn(|| pair.client.poll_output()).flatten().collect();
            said.extend(&bytes);
            pair.server.handle_input(&bytes, 0).unwrap();
            pair.server.accept_publish();
            let answer: Vec<u8> = std::iter::from_fn(|| pair.server.poll_output()).flatten().collect();
            pair.client.handle_input(&answer).unwrap();
        }
        for time in 0..5 {
            pair.client.send_media(MediaKind::Video, time, &Bytes::from(vec![7; 400]));
        }
        said.extend(std::iter::from_fn(|| pair.client.poll_output()).flatten());
        let start = 3073 + at.index(said.len() - 3073);
        let end = said.len().min(start + length);
        said[start..end].fill(byte);
        let _ = session.handle_input(&said, 0);
        while session.poll_event().is_some() {}
        session.accept_publish();
    }
}

#[test]
fn a_refusal_reaches_the_client_with_its_reason() {
    let mut pair = Pair::publishing("rtmp://h/live/room", &[100]);
    pair.run();
    pair.server.refuse_publish(PublishRefusal::Denied, "the signature is wrong");
    pair.run();
    let ended = |code: &str, description: &str| ClientEvent::Ended {
        code: code.into(),
        description: description.into(),
    };
    assert_eq!(pair.client_events, [ended("NetStream.Publish.Denied", "the signature is wrong")]);
    let mut pair = Pair::playing("rtmp://h/live/room", &[100]);
    pair.run();
    pair.server.refuse_play(PlayRefusal::StreamNotFound, "no such stream");
    pair.run();
    assert_eq!(pair.client_events, [ended("NetStream.Play.StreamNotFound", "no such stream")]);
}

#[test]
fn a_publisher_that_is_replaced_learns_it() {
    let mut pair = Pair::publishing("rtmp://h/live/room", &[100]);
    pair.run();
    pair.server.accept_publish();
    pair.run();
    pair.server.end_publish("replaced");
    pair.run();
    assert!(matches!(&pair.client_events[..], [ClientEvent::Started, ClientEvent::Ended { .. }]));
    assert!(!pair.client.is_running());
    pair.client.send_media(MediaKind::Video, 0, &Bytes::from_static(b"late"));
    assert_eq!(pair.client.poll_output(), None);
}

#[test]
fn a_ping_of_the_server_is_answered() {
    let mut pair = Pair::playing("rtmp://h/live/room", &[100]);
    pair.run();
    pair.server.accept_play();
    pair.server.ping(5);
    pair.run();
    assert_eq!(pair.server_events.last(), Some(&Event::Pong(5)));
}

#[test]
fn an_address_without_a_name_keeps_its_token() {
    let mut pair = Pair::playing("rtmp://h/?rtmptoken=T&playerid=u1", &[100]);
    pair.run();
    let [Event::Connect(connect), Event::Play(play)] = &pair.server_events[..] else { panic!() };
    let target = crate::Target::new(&connect.app, &connect.tc_url, &play.name).unwrap();
    assert_eq!((&*target.app, &*target.stream, &*target.query), ("", "", "rtmptoken=T&playerid=u1"));
}
