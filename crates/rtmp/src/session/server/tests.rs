use amf0::Value;
use bytes::Bytes;

use super::*;
use crate::chunk::{self, Reader};
use crate::command::{CommandError, encode};
use crate::media::{Media, MediaKind};
use crate::names::Target;

/// A client that says exactly what the test wants it to say.
struct Client {
    session: ServerSession,
    reader: Reader,
}

/// What a server sends.
#[derive(Debug, Clone, PartialEq)]
enum Heard {
    Command { stream_id: u32, name: String, transaction: f64, code: String, value: Value },
    Control(u8, Vec<u8>),
    Data(u32, Vec<u8>),
}

impl Client {
    fn new() -> Client {
        Client::with(ServerConfig::default())
    }

    fn with(config: ServerConfig) -> Client {
        let mut session = ServerSession::new(config, [1; 32]);
        session.handle_input(&[&[3][..], &[0; 2 * 1536]].concat(), 0).unwrap();
        assert!(session.handshake_done());
        let answer = session.poll_output().unwrap();
        assert_eq!((answer.len(), session.poll_output()), (1 + 2 * 1536, None));
        Client { session, reader: Reader::new(&Limits::default()) }
    }

    fn connected() -> Client {
        Client::connected_with(ServerConfig::default())
    }

    fn connected_with(config: ServerConfig) -> Client {
        let mut client = Client::with(config);
        client.command(0, "connect", 1.0, &[Value::object([("app", Value::from("live"))])]).unwrap();
        client.heard();
        assert!(matches!(client.session.poll_event(), Some(Event::Connect(_))));
        client
    }

    fn publishing() -> Client {
        let mut client = Client::connected();
        client.publish("room").unwrap();
        client.session.accept_publish();
        client.heard();
        client.session.poll_event();
        client
    }

    fn playing() -> Client {
        let mut client = Client::connected();
        client.play("room").unwrap();
        client.session.accept_play();
        client.heard();
        client.session.poll_event();
        client
    }

    fn publish(&mut self, name: &str) -> Result<(), Error> {
        self.command(1, "publish", 5.0, &[Value::Null, Value::from(name), Value::from("live")])
    }

    fn play(&mut self, name: &str) -> Result<(), Error> {
        self.command(1, "play", 5.0, &[Value::Null, Value::from(name), Value::Number(-2000.0)])
    }

    fn command(
        &mut self,
        stream_id: u32,
        name: &str,
        transaction: f64,
        values: &[Value],
    ) -> Result<(), Error> {
        self.message(kind::COMMAND, stream_id, &encode(name, transaction, values))
    }

    fn message(&mut self, kind: u8, stream_id: u32, body: &[u8]) -> Result<(), Error> {
        let header = chunk::Header { chunk_stream_id: 3, kind, stream_id, timestamp: 40 };
        self.session.handle_input(&chunk::whole(&header, body, 128), 0)
    }

    fn heard(&mut self) -> Vec<Heard> {
        let mut out = Vec::new();
        while let Some(bytes) = self.session.poll_output() {
            let mut input = &bytes[..];
            while let Some(message) = self.reader.read(&mut input).unwrap() {
                if message.kind == kind::SET_CHUNK_SIZE {
                    self.reader.set_chunk_size(message.number().unwrap()).unwrap();
                }
                out.push(match message.kind {
                    kind::COMMAND => {
                        let command = Command::decode(&message.body, amf0::Limits::default()).unwrap();
                        let value = command.argument(1).cloned().unwrap_or(Value::Null);
                        let code = value.get("code").and_then(Value::as_str).unwrap_or_default().to_owned();
                        let (name, transaction) = (command.name, command.transaction);
                        Heard::Command { stream_id: message.stream_id, name, transaction, code, value }
                    }
                    kind::DATA => Heard::Data(message.stream_id, message.body.to_vec()),
                    kind => Heard::Control(kind, message.body.to_vec()),
                });
            }
        }
        out
    }

    /// Names and codes of the commands that were heard.
    fn words(&mut self) -> Vec<(String, String)> {
        let commands = self.heard().into_iter().filter_map(|heard| match heard {
            Heard::Command { name, code, .. } => Some((name, code)),
            _ => None,
        });
        commands.collect()
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.session.poll_event()).collect()
    }
}

fn words(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, code)| ((*name).to_owned(), (*code).to_owned())).collect()
}

#[test]
fn connect_is_answered_with_window_bandwidth_chunk_size_and_success() {
    let mut client =
        Client::with(ServerConfig { chunk_size: 4096, window_ack: 5000, ..ServerConfig::default() });
    let object = Value::object([
        ("app", Value::from("live")),
        ("tcUrl", Value::from("rtmp://h/live")),
        ("pageUrl", Value::from("https://page")),
        ("swfUrl", Value::from("swf")),
        ("flashVer", Value::from("LNX")),
        ("objectEncoding", Value::Number(3.0)),
    ]);
    client.command(0, "connect", 1.0, &[object]).unwrap();
    let heard = client.heard();
    assert_eq!(heard[0], Heard::Control(5, 5000_u32.to_be_bytes().to_vec()));
    assert_eq!(heard[1], Heard::Control(6, b"\0\0\x13\x88\x02".to_vec()));
    assert_eq!(heard[2], Heard::Control(1, 4096_u32.to_be_bytes().to_vec()));
    let Heard::Command { name, transaction, code, value, .. } = &heard[3] else { panic!("{heard:?}") };
    assert_eq!((&**name, *transaction, &**code), ("_result", 1.0, "NetConnection.Connect.Success"));
    assert_eq!(value.get("objectEncoding"), Some(&Value::Number(0.0)));
    assert_eq!(value.get("capsEx"), None);
    let Some(Event::Connect(connect)) = client.session.poll_event() else { panic!() };
    assert_eq!((&*connect.app, &*connect.tc_url), ("live", "rtmp://h/live"));
    assert_eq!((&*connect.page_url, &*connect.swf_url, &*connect.flash_ver), ("https://page", "swf", "LNX"));
    assert_eq!((connect.object_encoding, connect.is_enhanced()), (3.0, false));
}

#[test]
fn enhanced_rtmp_is_answered_to_a_client_that_speaks_it() {
    let mut client = Client::with(ServerConfig::default());
    let list = ["av01", "hvc1", "far too long"].map(Value::from).to_vec();
    let object = Value::object([
        ("app", Value::from("live")),
        ("fourCcList", Value::StrictArray(list)),
        ("videoFourCcInfoMap", Value::object([("hvc1", Value::Number(7.0))])),
        ("capsEx", Value::Number(1e300)),
    ]);
    client.command(0, "connect", 1.0, &[object]).unwrap();
    let Some(Heard::Command { value, .. }) = client.heard().pop() else { panic!() };
    assert_eq!(value.get("videoFourCcInfoMap").and_then(|map| map.get("*")), Some(&Value::Number(4.0)));
    assert_eq!(value.get("fourCcList"), Some(&Value::StrictArray(vec![Value::from("*")])));
    assert_eq!(value.get("capsEx"), Some(&Value::Number(14.0)));
    let Some(Event::Connect(connect)) = client.session.poll_event() else { panic!() };
    assert_eq!(connect.four_cc_list, ["av01", "hvc1"]);
    assert_eq!(connect.video_four_cc_info, [("hvc1".to_owned(), 7)]);
    assert_eq!(connect.caps_ex, Some(u32::MAX));
}

#[test]
fn what_ffmpeg_says_before_publishing_is_answered_number_by_number() {
    let mut client = Client::connected();
    let name = || [Value::Null, Value::from("room?k=v")];
    client.command(0, "releaseStream", 2.0, &name()).unwrap();
    client.command(0, "FCPublish", 3.0, &name()).unwrap();
    client.command(0, "createStream", 4.0, &[Value::Null]).unwrap();
    let heard = client.heard();
    let answers: Vec<_> = heard
        .iter()
        .map(|heard| match heard {
            Heard::Command { name, transaction, value, .. } => (&**name, *transaction, value.as_f64()),
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = [
        ("_result", 2.0, None),
        ("_result", 3.0, None),
        ("onFCPublish", 0.0, None),
        ("_result", 4.0, Some(1.0)),
    ];
    assert_eq!(answers, expected);
    client.publish("room?k=v").unwrap();
    assert_eq!(client.heard(), [], "nothing is said before there is a verdict");
    let publish = Publish { name: "room?k=v".into(), kind: "live".into() };
    assert_eq!(client.events(), [Event::Publish(publish)]);
    client.session.accept_publish();
    let heard = client.heard();
    assert_eq!(heard[0], Heard::Control(4, b"\0\0\0\0\0\x01".to_vec()));
    let Heard::Command { stream_id, name, code, .. } = &heard[1] else { panic!() };
    assert_eq!((*stream_id, &**name, &**code), (1, "onStatus", "NetStream.Publish.Start"));
}

#[test]
fn a_refused_publisher_is_told_why_and_never_hears_start() {
    for (refusal, expected) in [
        (PublishRefusal::BadName, "NetStream.Publish.BadName"),
        (PublishRefusal::Denied, "NetStream.Publish.Denied"),
        (PublishRefusal::Failed, "NetStream.Publish.Failed"),
    ] {
        let mut client = Client::connected();
        client.publish("room").unwrap();
        client.session.refuse_publish(refusal, "the signature is wrong");
        client.session.accept_publish();
        let heard = client.heard();
        let [Heard::Command { stream_id: 1, code, value, .. }] = &heard[..] else { panic!("{heard:?}") };
        assert_eq!((&**code, value.get("level").and_then(Value::as_str)), (expected, Some("error")));
        assert_eq!(value.get("description").and_then(Value::as_str), Some("the signature is wrong"));
    }
}

#[test]
fn a_player_is_told_what_players_wait_for() {
    let mut client = Client::connected();
    client.command(0, "createStream", 2.0, &[Value::Null]).unwrap();
    client.command(0, "getStreamLength", 3.0, &[Value::Null, Value::from("room")]).unwrap();
    client.message(kind::USER_CONTROL, 0, b"\0\x03\0\0\0\x01\0\0\x0b\xb8").unwrap();
    client.play("room").unwrap();
    let heard = client.heard();
    assert_eq!(heard.len(), 2);
    let play = Play { name: "room".into(), start: -2000.0, duration: -1.0, reset: true };
    assert_eq!(client.events(), [Event::Play(play)]);
    client.session.accept_play();
    assert!(client.session.is_playing());
    let heard = client.heard();
    assert_eq!(heard[0], Heard::Control(4, b"\0\0\0\0\0\x01".to_vec()));
    let codes: Vec<_> = heard[1..3]
        .iter()
        .map(|heard| match heard {
            Heard::Command { stream_id: 1, name, code, .. } if name == "onStatus" => code.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(codes, ["NetStream.Play.Reset", "NetStream.Play.Start"]);
    assert_eq!(heard[3], Heard::Data(1, b"\x02\0\x11|RtmpSampleAccess\x01\x01\x01\x01".to_vec()));
    client.session.end_play("the stream is over");
    let heard = client.heard();
    assert_eq!(heard[0], Heard::Control(4, b"\0\x01\0\0\0\x01".to_vec()));
    let codes: Vec<_> = heard[1..]
        .iter()
        .map(|heard| match heard {
            Heard::Command { code, .. } => code.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(codes, ["NetStream.Play.UnpublishNotify", "NetStream.Play.Stop"]);
}

#[test]
fn a_refused_player_is_told_why() {
    for (refusal, code) in [
        (PlayRefusal::StreamNotFound, "NetStream.Play.StreamNotFound"),
        (PlayRefusal::Failed, "NetStream.Play.Failed"),
    ] {
        let mut client = Client::connected();
        client.play("room").unwrap();
        client.session.refuse_play(refusal, "no such stream");
        assert_eq!(client.words(), words(&[("onStatus", code)]));
    }
}

#[test]
fn statuses_go_to_the_message_stream_that_the_client_made_up() {
    // Without createStream, some encoders publish on stream 0 and others on 5.
    for id in [0, 5] {
        let mut client = Client::connected();
        client.command(id, "publish", 2.0, &[Value::Null, Value::from("room")]).unwrap();
        client.session.accept_publish();
        let heard = client.heard();
        assert!(matches!(&heard[1], Heard::Command { stream_id, .. } if *stream_id == id));
        client.message(kind::AUDIO, id, b"a").unwrap();
        assert_eq!(client.events().len(), 2);
    }
}

#[test]
fn a_session_publishes_or_plays_one_stream() {
    let mut client = Client::publishing();
    client.publish("other").unwrap();
    client.play("room").unwrap();
    let expected = [("onStatus", "NetStream.Publish.BadName"), ("onStatus", "NetStream.Play.Failed")];
    assert_eq!(client.words(), words(&expected));
    assert_eq!(client.events(), []);
    assert!(client.session.is_publishing());
    // One wish waits for a verdict; a second one is refused at once.
    let mut client = Client::connected();
    client.publish("room").unwrap();
    client.publish("other").unwrap();
    assert_eq!(client.words(), words(&[("onStatus", "NetStream.Publish.BadName")]));
    assert_eq!(client.events().len(), 1);
}

#[test]
fn what_a_publisher_sends_comes_as_flv_bodies() {
    let mut client = Client::publishing();
    client.message(kind::DATA, 1, b"\x02\0\x0d@setDataFrame\x02\0\x0aonMetaData\x05").unwrap();
    client.message(kind::VIDEO, 1, b"video").unwrap();
    client.message(kind::AUDIO, 1, b"").unwrap();
    let media = |kind, body: &'static [u8]| {
        Event::Media(Media { kind, timestamp: 40, body: Bytes::from_static(body) })
    };
    let expected = [media(MediaKind::Data, b"\x02\0\x0aonMetaData\x05"), media(MediaKind::Video, b"video")];
    assert_eq!(client.events(), expected);
}

#[test]
fn media_before_publish_are_an_error() {
    for kind in [kind::AUDIO, kind::VIDEO, kind::AGGREGATE] {
        assert_eq!(Client::connected().message(kind, 1, b"x"), Err(Error::MediaBeforePublish));
        assert_eq!(Client::playing().message(kind, 1, b"x"), Err(Error::MediaBeforePublish));
    }
    // Some clients send data to say hello.
    assert_eq!(Client::connected().message(kind::DATA, 0, b"\x02\0\x01x"), Ok(()));
}

#[test]
fn an_encoder_that_does_not_wait_for_its_answer_loses_nothing() {
    let mut client = Client::connected();
    client.publish("room").unwrap();
    client.message(kind::VIDEO, 1, b"first").unwrap();
    client.session.accept_publish();
    client.message(kind::VIDEO, 1, b"second").unwrap();
    let events = client.events();
    assert!(matches!(&events[..], [Event::Publish(_), Event::Media(_), Event::Media(_)]));
}

#[test]
fn media_of_a_refused_publisher_are_thrown_away() {
    let mut client = Client::connected();
    client.publish("room").unwrap();
    client.message(kind::VIDEO, 1, b"early").unwrap();
    client.session.refuse_publish(PublishRefusal::Denied, "no");
    client.message(kind::VIDEO, 1, b"late").unwrap();
    assert!(matches!(&client.events()[..], [Event::Publish(_)]));
}

#[test]
fn a_publisher_that_was_ended_hears_an_error_and_is_ignored() {
    let mut client = Client::publishing();
    client.session.end_publish("replaced by a new publisher");
    assert_eq!(client.words(), words(&[("onStatus", "NetStream.Publish.Denied")]));
    client.message(kind::VIDEO, 1, b"late").unwrap();
    client.command(0, "deleteStream", 0.0, &[Value::Null, Value::Number(1.0)]).unwrap();
    assert_eq!(client.events(), []);
}

#[test]
fn every_way_to_stop_is_one_event() {
    for name in ["FCUnpublish", "closeStream", "deleteStream"] {
        let mut client = Client::publishing();
        client.command(0, name, 7.0, &[Value::Null]).unwrap();
        client.command(0, "deleteStream", 8.0, &[Value::Null, Value::Number(1.0)]).unwrap();
        assert_eq!(client.events(), [Event::Unpublish], "{name}");
        // What was on its way is no error.
        assert_eq!(client.message(kind::VIDEO, 1, b"late"), Ok(()));
    }
    let mut client = Client::playing();
    client.command(1, "closeStream", 0.0, &[Value::Null]).unwrap();
    client.play("other").unwrap();
    assert!(matches!(&client.events()[..], [Event::StopPlay, Event::Play(_)]));
}

#[test]
fn a_wish_that_was_withdrawn_cannot_be_granted() {
    let mut client = Client::connected();
    client.publish("room").unwrap();
    client.command(0, "deleteStream", 0.0, &[Value::Null]).unwrap();
    client.session.accept_publish();
    assert_eq!(client.heard(), []);
    assert!(!client.session.is_publishing());
    assert!(matches!(&client.events()[..], [Event::Publish(_), Event::Unpublish]));
}

#[test]
fn a_player_can_pause_and_choose_its_tracks() {
    let mut client = Client::playing();
    client.command(1, "pause", 0.0, &[Value::Null, Value::from(true), Value::Number(0.0)]).unwrap();
    client.command(1, "pauseRaw", 0.0, &[Value::Null, Value::from(false), Value::Number(0.0)]).unwrap();
    client.command(1, "receiveAudio", 0.0, &[Value::Null, Value::from(false)]).unwrap();
    client.command(1, "receiveVideo", 0.0, &[Value::Null, Value::from(true)]).unwrap();
    client.command(1, "receiveVideo", 0.0, &[Value::Null]).unwrap();
    client.command(1, "seek", 0.0, &[Value::Null, Value::Number(1000.0)]).unwrap();
    let expected =
        [Event::Pause(true), Event::Pause(false), Event::ReceiveAudio(false), Event::ReceiveVideo(true)];
    assert_eq!(client.events(), expected);
    let expected = [
        ("onStatus", "NetStream.Pause.Notify"),
        ("onStatus", "NetStream.Unpause.Notify"),
        ("onStatus", "NetStream.Seek.Notify"),
    ];
    assert_eq!(client.words(), words(&expected));
}

#[test]
fn play2_names_its_stream_in_an_object() {
    let mut client = Client::connected();
    let options = Value::object([("streamName", Value::from("room")), ("start", Value::Number(-1.0))]);
    client.command(1, "play2", 0.0, &[Value::Null, options]).unwrap();
    let play = Play { name: "room".into(), start: -1.0, duration: -1.0, reset: true };
    assert_eq!(client.events(), [Event::Play(play)]);
}

#[test]
fn every_transaction_that_waits_for_an_answer_gets_one() {
    let mut client = Client::connected();
    for name in ["_checkbw", "FCSubscribe", "getStreamLength", "createStream", "makeCoffee", "connect"] {
        client.command(0, name, 9.0, &[Value::Null]).unwrap();
        let answer = client.words().remove(0).0;
        let expected = if matches!(name, "makeCoffee" | "connect") { "_error" } else { "_result" };
        assert_eq!(answer, expected, "{name}");
        // Number 0 says that nobody waits.
        client.command(0, name, 0.0, &[Value::Null]).unwrap();
        assert!(client.words().iter().all(|(name, _)| name.starts_with("onFC")), "{name}");
    }
    client.command(0, "_result", 9.0, &[Value::Null]).unwrap();
    assert_eq!(client.heard(), []);
}

#[test]
fn commands_in_an_amf3_envelope_are_understood_and_amf3_is_refused() {
    let mut client = Client::connected();
    let body = encode("createStream", 4.0, &[Value::Null]);
    client.message(kind::COMMAND_AMF3, 0, &[&[0], &body[..]].concat()).unwrap();
    assert_eq!(client.words(), words(&[("_result", "")]));
    let error = client.message(kind::COMMAND_AMF3, 0, b"\x0a\x0b\x01");
    assert_eq!(error, Err(Error::Command(CommandError::Amf3)));
    assert!(error.unwrap_err().to_string().contains("AMF3"));
    assert_eq!(Client::publishing().message(kind::DATA_AMF3, 1, b"\x06\x01"), Err(Error::Amf3Data));
}

#[test]
fn commands_before_connect_are_an_error_and_errors_last() {
    for name in ["publish", "play", "createStream", "makeCoffee"] {
        let mut client = Client::new();
        assert_eq!(client.command(0, name, 1.0, &[Value::Null]), Err(Error::CommandBeforeConnect));
        let error = client.command(0, "connect", 1.0, &[Value::Null]);
        assert_eq!(error, Err(Error::CommandBeforeConnect));
        assert_eq!(client.heard(), []);
    }
}

#[test]
fn names_of_0_255_256_bytes_pass_and_64_ki_bytes_do_not() {
    for len in [0, 255, 256, 4096] {
        for play in [false, true] {
            let mut client = Client::connected();
            let name = "n".repeat(len);
            let result = if play { client.play(&name) } else { client.publish(&name) };
            assert_eq!(result, Ok(()));
            match client.session.poll_event() {
                Some(Event::Publish(publish)) => assert_eq!(publish.name.len(), len),
                Some(Event::Play(play)) => assert_eq!(play.name.len(), len),
                other => panic!("{other:?}"),
            }
        }
    }
    for len in [4097, 65_400] {
        let error = Err(Error::NameTooLong { len, max: 4096 });
        let mut client = Client::connected();
        assert_eq!(client.publish(&"n".repeat(len)), error);
        assert_eq!(client.words(), words(&[("onStatus", "NetStream.Publish.BadName")]));
        let mut client = Client::connected();
        assert_eq!(client.play(&"n".repeat(len)), error);
        assert_eq!(client.words(), words(&[("onStatus", "NetStream.Play.Failed")]));
        let mut client = Client::new();
        let object = Value::object([("app", Value::from("n".repeat(len)))]);
        assert_eq!(client.command(0, "connect", 1.0, &[object]), error);
        assert_eq!(client.words(), words(&[("_error", "NetConnection.Connect.Rejected")]));
    }
    let mut client = Client::connected();
    let error = client.publish(&"n".repeat(65_536));
    assert_eq!(error, Err(Error::Command(CommandError::Amf(amf0::Error::TooMuchText))));
}

#[test]
fn texts_that_name_nothing_are_cut() {
    let mut client = Client::new();
    let object = Value::object([("app", Value::from("live")), ("pageUrl", Value::from("堰".repeat(2000)))]);
    client.command(0, "connect", 1.0, &[object]).unwrap();
    let Some(Event::Connect(connect)) = client.session.poll_event() else { panic!() };
    assert_eq!(connect.page_url.len(), 4095);
}

#[test]
fn deep_nesting_before_any_login_is_refused() {
    let mut client = Client::new();
    let body = [&encode("connect", 1.0, &[])[..], &b"\x0a\0\0\0\x01".repeat(100_000)].concat();
    let error = client.message(kind::COMMAND, 0, &body);
    assert_eq!(error, Err(Error::Command(CommandError::Amf(amf0::Error::TooDeep))));
}

#[test]
fn an_oversize_message_is_refused_at_its_header() {
    let header = |len: u32, kind| [&[4, 0, 0, 0][..], &len.to_be_bytes()[1..], &[kind, 1, 0, 0, 0]].concat();
    let too_long = |len: u32, max| Err(Error::Chunk(chunk::Error::MessageTooLong { len: len as usize, max }));
    // A stranger gets less than a publisher.
    let mut client = Client::connected();
    client.session.handle_input(&header(1 << 20, 9), 0).unwrap();
    let mut client = Client::connected();
    let error = client.session.handle_input(&header((1 << 20) + 1, 9), 0);
    assert_eq!(error, too_long((1 << 20) + 1, 1 << 20));
    let mut client = Client::connected();
    for id in [4, 5, 6] {
        let begun = [&[id], &header(1 << 20, 9)[1..], &[0; 128]].concat();
        let result = client.session.handle_input(&begun, 0);
        let expected = if id < 6 { Ok(()) } else { Err(Error::Chunk(chunk::Error::TooMuchUnfinished)) };
        assert_eq!(result, expected);
    }
    let mut client = Client::publishing();
    client.session.handle_input(&header(8 << 20, 9), 0).unwrap();
    let mut client = Client::publishing();
    let error = client.session.handle_input(&header((8 << 20) + 1, 9), 0);
    assert_eq!(error, too_long((8 << 20) + 1, 8 << 20));
}

#[test]
fn chunk_size_0_ends_the_connection() {
    let error = Client::connected().message(kind::SET_CHUNK_SIZE, 0, &[0; 4]);
    assert_eq!(error, Err(Error::Chunk(chunk::Error::BadChunkSize(0))));
    let error = Client::connected().message(kind::SET_CHUNK_SIZE, 0, &[0; 3]);
    assert_eq!(error, Err(Error::BrokenControl { kind: 1 }));
}

#[test]
fn a_window_of_0_is_ignored() {
    let mut client = Client::publishing();
    client.message(kind::WINDOW_ACK_SIZE, 0, &[0; 4]).unwrap();
    client.message(kind::VIDEO, 1, &[0; 10_000]).unwrap();
    assert_eq!(client.heard(), []);
}

#[test]
fn what_arrives_is_acknowledged_at_half_the_window_and_no_more_often_than_is_sane() {
    let mut client = Client::publishing();
    client.message(kind::WINDOW_ACK_SIZE, 0, &100_000_u32.to_be_bytes()).unwrap();
    client.message(kind::VIDEO, 1, &[0; 40_000]).unwrap();
    assert_eq!(client.heard(), []);
    client.message(kind::VIDEO, 1, &[0; 10_000]).unwrap();
    let heard = client.heard();
    let [Heard::Control(3, body)] = &heard[..] else { panic!("{heard:?}") };
    let acknowledged = u32::from_be_bytes(body[..].try_into().unwrap());
    assert!((50_000..60_000).contains(&acknowledged), "{acknowledged}");
    // A window of one byte does not buy an answer of sixteen for each.
    let mut client = Client::publishing();
    client.message(kind::WINDOW_ACK_SIZE, 0, &1_u32.to_be_bytes()).unwrap();
    client.heard();
    for _ in 0..100 {
        client.message(kind::VIDEO, 1, b"x").unwrap();
    }
    assert!(client.heard().len() <= 1);
}

#[test]
fn pings_go_both_ways() {
    let mut client = Client::playing();
    client.message(kind::USER_CONTROL, 0, b"\0\x06\x01\x02\x03\x04").unwrap();
    assert_eq!(client.heard(), [Heard::Control(4, b"\0\x07\x01\x02\x03\x04".to_vec())]);
    client.session.ping(77);
    assert_eq!(client.heard(), [Heard::Control(4, b"\0\x06\0\0\0\x4d".to_vec())]);
    client.message(kind::USER_CONTROL, 0, b"\0\x07\0\0\0\x4d").unwrap();
    assert_eq!(client.events(), [Event::Pong(77)]);
    assert_eq!(client.message(kind::USER_CONTROL, 0, b"\0"), Err(Error::BrokenControl { kind: 4 }));
}

#[test]
fn answers_that_nobody_reads_are_bounded() {
    let mut client = Client::connected();
    let body = encode("createStream", 4.0, &[Value::Null]);
    let mut sent = 0;
    let error = loop {
        match client.message(kind::COMMAND, 0, &body) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error, Error::TooManyAnswers);
    assert!((4000..10_000).contains(&sent), "{sent}");
    let mut client = Client::connected();
    let error = (0..20_000).find_map(|_| client.message(kind::USER_CONTROL, 0, b"\0\x06\0\0\0\0").err());
    assert_eq!(error, Some(Error::TooManyAnswers));
}

#[test]
fn events_that_nobody_polls_are_bounded() {
    let limits = Limits { max_events: 3, ..Limits::default() };
    let mut client = Client::connected_with(ServerConfig { limits, ..ServerConfig::default() });
    client.publish("room").unwrap();
    client.message(kind::AUDIO, 1, b"a").unwrap();
    client.message(kind::AUDIO, 1, b"a").unwrap();
    assert_eq!(client.message(kind::AUDIO, 1, b"a"), Err(Error::TooManyEvents));
    let limits = Limits { max_event_bytes: 10, ..Limits::default() };
    let mut client = Client::connected_with(ServerConfig { limits, ..ServerConfig::default() });
    client.publish("room").unwrap();
    for _ in 0..3 {
        client.message(kind::AUDIO, 1, &[0; 10]).unwrap();
        client.events();
    }
    client.message(kind::AUDIO, 1, &[0; 10]).unwrap();
    assert_eq!(client.message(kind::AUDIO, 1, b"a"), Err(Error::TooManyEvents));
}

#[test]
fn aggregate_garbage_from_a_publisher_is_refused() {
    assert_eq!(Client::publishing().message(kind::AGGREGATE, 1, &[0xff; 100]), Err(Error::BrokenAggregate));
}

#[test]
fn half_a_handshake_leaves_the_session_waiting() {
    let mut session = ServerSession::new(ServerConfig::default(), [1; 32]);
    session.handle_input(&[3; 1000], 0).unwrap();
    assert!(!session.handshake_done());
    assert_eq!((session.poll_output(), session.poll_event()), (None, None));
    let error = ServerSession::new(ServerConfig::default(), [1; 32]).handle_input(b"GET / HTTP/1.1\r\n", 0);
    assert!(error.unwrap_err().to_string().contains("HTTP"));
}

#[test]
fn a_viewer_holds_little_memory() {
    let mut client = Client::playing();
    client.command(1, "pause", 0.0, &[Value::Null, Value::from(true)]).unwrap();
    client.heard();
    client.events();
    let session = &client.session;
    assert!(session.handshake.is_none());
    let heap = session.link.heap_bytes()
        + session.events.capacity() * size_of::<Event>()
        + size_of::<ServerConfig>();
    let total = heap + size_of::<ServerSession>();
    assert!(total < 1024, "{total} bytes");
}

#[test]
fn the_names_of_a_session_make_a_target() {
    let mut client = Client::new();
    let app = "?rtmptoken=T&playerid=u1";
    let object = Value::object([
        ("app", Value::from(app)),
        ("tcUrl", Value::from("rtmp://h/?rtmptoken=T&playerid=u1")),
    ]);
    client.command(0, "connect", 1.0, &[object]).unwrap();
    client.publish("").unwrap();
    let events = client.events();
    let [Event::Connect(connect), Event::Publish(publish)] = &events[..] else { panic!("{events:?}") };
    let target = Target::new(&connect.app, &connect.tc_url, &publish.name).unwrap();
    assert_eq!((&*target.stream, &*target.query), ("", "rtmptoken=T&playerid=u1"));
}
