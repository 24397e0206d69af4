//! The client's side: a publisher or a player.

use std::collections::VecDeque;

use amf0::Value;
use bytes::Bytes;

use super::Error;
use super::link::Link;
use crate::command::Command;
use crate::handshake;
use crate::limits::Limits;
use crate::media::{Media, MediaKind, media_message_on};
use crate::message::{self, Message, control, kind};
use crate::url::Url;

/// What a client announces and allows.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// Bounds on the server.
    pub limits: Limits,
    /// Chunk size of what is sent.
    pub chunk_size: u32,
    /// Window of acknowledgements that is announced.
    pub window_ack: u32,
    /// How the client calls itself.
    pub flash_ver: String,
    /// How much a player says that it buffers, in milliseconds.
    pub buffer_ms: u32,
}

impl Default for ClientConfig {
    fn default() -> ClientConfig {
        ClientConfig {
            limits: Limits::default(),
            chunk_size: 60_000,
            window_ack: 2_500_000,
            flash_ver: "FMLE/3.0 (compatible; Weir)".to_owned(),
            buffer_ms: 1000,
        }
    }
}

/// What a server answers or sends.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientEvent {
    /// Publishing or playing has begun.
    Started,
    /// Audio, video or data of the stream that is played.
    Media(Media),
    /// The server refuses, or ends what it had begun. The connection may be closed.
    Ended {
        /// The code of the protocol, or nothing when the server only said that the stream is over.
        code: String,
        /// What the server gives as a reason.
        description: String,
    },
}

/// One connection to a server.
#[derive(Debug)]
pub struct ClientSession {
    handshake: Option<Box<handshake::Client>>,
    link: Link,
    events: VecDeque<ClientEvent>,
    config: ClientConfig,
    intent: Intent,
    url: Url,
    stream_id: u32,
    phase: Phase,
    failed: Option<Error>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Intent {
    Publish,
    Play,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Starting,
    Running,
    Ended,
}

// Each command has its own number, so an answer says what it answers.
const CONNECT: f64 = 1.0;
const RELEASE_STREAM: f64 = 2.0;
const FC_PUBLISH: f64 = 3.0;
const CREATE_STREAM: f64 = 4.0;
const PUBLISH_OR_PLAY: f64 = 5.0;
const FC_UNPUBLISH: f64 = 6.0;

impl ClientSession {
    /// A session that will publish to `url`. The seed makes the bytes of the handshake.
    pub fn publish(config: ClientConfig, url: Url, seed: [u8; 32]) -> ClientSession {
        ClientSession::new(config, url, Intent::Publish, seed)
    }

    /// A session that will play `url`. The seed makes the bytes of the handshake.
    pub fn play(config: ClientConfig, url: Url, seed: [u8; 32]) -> ClientSession {
        ClientSession::new(config, url, Intent::Play, seed)
    }

    fn new(config: ClientConfig, url: Url, intent: Intent, seed: [u8; 32]) -> ClientSession {
        let (handshake, hello) = handshake::Client::new(seed);
        let mut link = Link::new(&config.limits);
        link.send_bytes(hello);
        ClientSession {
            handshake: Some(Box::new(handshake)),
            link,
            events: VecDeque::new(),
            config,
            intent,
            url,
            stream_id: 0,
            phase: Phase::Starting,
            failed: None,
        }
    }

    /// Takes what has arrived, in any pieces. After an error the connection must be closed.
    pub fn handle_input(&mut self, input: &[u8]) -> Result<(), Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let result = self.advance(input);
        self.failed = result.err();
        result
    }

    /// The next thing that the server answers or sends.
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        self.events.pop_front()
    }

    /// The next bytes to be sent.
    pub fn poll_output(&mut self) -> Option<Bytes> {
        self.link.poll_output()
    }

    /// Whether publishing or playing has begun and not ended.
    pub fn is_running(&self) -> bool {
        self.phase == Phase::Running
    }

    /// Sends a piece of media. Before [`ClientEvent::Started`] and after the end nothing happens. What is sent
    /// waits in memory until it is polled, so the caller decides how much waits.
    pub fn send_media(&mut self, kind: MediaKind, timestamp: u32, body: &Bytes) {
        if self.intent == Intent::Publish && self.phase == Phase::Running {
            for part in media_message_on(self.stream_id, kind, timestamp, body, self.link.chunk_size()) {
                self.link.send_bytes(part);
            }
        }
    }

    /// Says that publishing or playing is over.
    pub fn finish(&mut self) {
        if self.phase == Phase::Ended {
            return;
        }
        self.phase = Phase::Ended;
        if self.stream_id != 0 {
            if self.intent == Intent::Publish {
                let name = Value::from(self.url.name.as_str());
                self.link.command(0, "FCUnpublish", FC_UNPUBLISH, &[Value::Null, name]);
            }
            let stream = Value::Number(f64::from(self.stream_id));
            self.link.command(0, "deleteStream", 0.0, &[Value::Null, stream]);
        }
    }

    fn advance(&mut self, mut input: &[u8]) -> Result<(), Error> {
        self.link.count(input.len());
        if let Some(handshake) = &mut self.handshake {
            let Some(answer) = handshake.handle_input(&mut input)? else { return Ok(()) };
            self.link.send_bytes(answer);
            self.handshake = None;
            self.connect();
        }
        while let Some(message) = self.link.read(&mut input)? {
            self.handle_message(message)?;
            if self.events.len() > self.config.limits.max_events {
                return Err(Error::TooManyEvents);
            }
        }
        self.link.acknowledge();
        Ok(())
    }

    fn connect(&mut self) {
        self.link.use_chunk_size(self.config.chunk_size);
        let any = || Value::object([("*", Value::Number(7.0))]);
        let mut object = vec![
            ("app", Value::from(self.url.app.as_str())),
            ("type", Value::from("nonprivate")),
            ("flashVer", Value::from(self.config.flash_ver.as_str())),
            ("tcUrl", Value::from(self.url.tc_url.as_str())),
            ("fourCcList", Value::StrictArray(vec![Value::from("*")])),
            ("videoFourCcInfoMap", any()),
            ("audioFourCcInfoMap", any()),
        ];
        if self.intent == Intent::Play {
            object.push(("fpad", Value::from(false)));
            object.push(("audioCodecs", Value::Number(4071.0)));
            object.push(("videoCodecs", Value::Number(252.0)));
            object.push(("videoFunction", Value::Number(1.0)));
        }
        self.link.command(0, "connect", CONNECT, &[Value::object(object)]);
    }

    fn handle_message(&mut self, message: Message) -> Result<(), Error> {
        let amf = self.config.limits.amf;
        match message.kind {
            kind::COMMAND => self.handle_command(Command::decode(&message.body, amf)?),
            kind::COMMAND_AMF3 => self.handle_command(Command::decode_enveloped(&message.body, amf)?),
            kind::USER_CONTROL => {
                if let Some((control::STREAM_EOF, _)) = message.user_control() {
                    self.end(String::new(), "the stream is over".to_owned());
                }
            }
            _ if self.intent == Intent::Play && self.phase == Phase::Running => {
                let events = &mut self.events;
                message::media(message, &mut |media| {
                    // For Flash players only, and no part of the stream.
                    if !media.body.starts_with(b"\x02\x00\x11|RtmpSampleAccess") {
                        events.push_back(ClientEvent::Media(media));
                    }
                })?;
            }
            _ => {}
        }
        Ok(())
    }

    fn handle_command(&mut self, command: Command) {
        match command.name.as_str() {
            "_result" if command.transaction == CONNECT => self.connected(),
            "_result" if command.transaction == CREATE_STREAM && self.stream_id == 0 => {
                // A server that answers nonsense gets the id that nearly all of them use.
                let id = command.argument(1).and_then(Value::as_f64).unwrap_or(1.0) as u32;
                self.stream_id = id.max(1);
                self.begin();
            }
            // Few servers know releaseStream and FCPublish, and none needs them.
            "_error" if matches!(command.transaction, RELEASE_STREAM | FC_PUBLISH | FC_UNPUBLISH) => {}
            "_error" => self.end_by(&command),
            "onStatus" => match status_text(&command, "code") {
                "NetStream.Publish.Start" | "NetStream.Play.Start" => self.start(),
                "NetStream.Play.Stop" | "NetStream.Play.UnpublishNotify" | "NetStream.Unpublish.Success" => {
                    self.end_by(&command);
                }
                _ if status_text(&command, "level") == "error" => self.end_by(&command),
                _ => {}
            },
            _ => {}
        }
    }

    fn connected(&mut self) {
        let name = || Value::from(self.url.name.as_str());
        match self.intent {
            Intent::Publish => {
                self.link.command(0, "releaseStream", RELEASE_STREAM, &[Value::Null, name()]);
                self.link.command(0, "FCPublish", FC_PUBLISH, &[Value::Null, name()]);
            }
            Intent::Play => self.link.control(kind::WINDOW_ACK_SIZE, self.config.window_ack),
        }
        self.link.command(0, "createStream", CREATE_STREAM, &[Value::Null]);
    }

    fn begin(&mut self) {
        let name = Value::from(self.url.name.as_str());
        let id = self.stream_id;
        match self.intent {
            Intent::Publish => {
                self.link.command(id, "publish", PUBLISH_OR_PLAY, &[Value::Null, name, Value::from("live")]);
            }
            Intent::Play => {
                self.link.command(id, "play", PUBLISH_OR_PLAY, &[Value::Null, name, Value::Number(-2.0)]);
                self.link.user_control(control::SET_BUFFER_LENGTH, &[id, self.config.buffer_ms]);
            }
        }
    }

    fn start(&mut self) {
        if self.phase == Phase::Starting {
            self.phase = Phase::Running;
            self.events.push_back(ClientEvent::Started);
        }
    }

    fn end_by(&mut self, command: &Command) {
        let text = |name| status_text(command, name).to_owned();
        self.end(text("code"), text("description"));
    }

    fn end(&mut self, code: String, description: String) {
        if self.phase != Phase::Ended {
            self.phase = Phase::Ended;
            self.events.push_back(ClientEvent::Ended { code, description });
        }
    }
}

fn status_text<'a>(command: &'a Command, name: &str) -> &'a str {
    command.argument(1).and_then(|status| status.get(name)).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests;
