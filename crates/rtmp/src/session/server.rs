//! The server's side.

use std::collections::VecDeque;

use amf0::Value;
use bytes::Bytes;

use super::Error;
pub use super::connect::Connect;
pub use super::event::{Event, Play, Publish};
use super::link::Link;
pub use super::replies::{PlayRefusal, PublishRefusal};
use crate::command::Command;
use crate::handshake;
use crate::limits::Limits;
use crate::media::MEDIA_STREAM_ID;
use crate::message::{self, Message, control, kind};

/// What a server announces and allows.
#[derive(Debug, Clone, Copy)]
pub struct ServerConfig {
    /// Bounds on the peer.
    pub limits: Limits,
    /// Chunk size of what is sent, media included: see [`crate::media_message`].
    pub chunk_size: u32,
    /// Window of acknowledgements that is announced.
    pub window_ack: u32,
}

impl Default for ServerConfig {
    fn default() -> ServerConfig {
        ServerConfig { limits: Limits::default(), chunk_size: 60_000, window_ack: 2_500_000 }
    }
}

/// One client's connection.
///
/// ```text
/// Idle ── publish ──► AskedPublish ── accept ──► Publishing
///   │                     └─ refuse ─► Idle ◄─ FCUnpublish, closeStream, deleteStream
///   └──── play ─────► AskedPlay ───── accept ──► Playing
/// ```
#[derive(Debug)]
pub struct ServerSession {
    handshake: Option<Box<handshake::Server>>,
    link: Link,
    events: VecDeque<Event>,
    /// Bytes of the media among the events.
    event_bytes: usize,
    config: Box<ServerConfig>,
    phase: Phase,
    connected: bool,
    /// Somebody who published once may still send what was on its way when that ended.
    has_published: bool,
    /// The message stream that the client publishes or plays on. It is 1 unless the client made it up.
    stream_id: u32,
    failed: Option<Error>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    AskedPublish,
    Publishing,
    AskedPlay,
    Playing,
}

impl ServerSession {
    /// A session of a connection that was just accepted. The seed makes the bytes of the handshake.
    pub fn new(config: ServerConfig, seed: [u8; 32]) -> ServerSession {
        let mut link = Link::new(&config.limits);
        let early = config.limits.max_early_message_bytes.min(config.limits.max_message_bytes);
        link.set_max_bytes(early, early.saturating_mul(2).min(config.limits.max_partial_bytes));
        ServerSession {
            handshake: Some(Box::new(handshake::Server::new(seed))),
            link,
            events: VecDeque::new(),
            event_bytes: 0,
            config: Box::new(config),
            phase: Phase::Idle,
            connected: false,
            has_published: false,
            stream_id: MEDIA_STREAM_ID,
            failed: None,
        }
    }

    /// Takes what has arrived, in any pieces. After an error the connection must be closed; there may be a last
    /// word to be sent before.
    pub fn handle_input(&mut self, input: &[u8], now_ms: u64) -> Result<(), Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let result = self.advance(input, now_ms);
        self.failed = result.err();
        result
    }

    /// The next thing that the client wants or sends.
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.events.pop_front();
        match &event {
            Some(Event::Media(media)) => self.event_bytes -= media.body.len(),
            // A viewer hardly ever asks again for hours; it need not keep the room.
            None if self.phase == Phase::Playing => self.events = VecDeque::new(),
            _ => {}
        }
        event
    }

    /// The next bytes to be sent.
    pub fn poll_output(&mut self) -> Option<Bytes> {
        self.link.poll_output()
    }

    /// Whether the handshake is over.
    pub fn handshake_done(&self) -> bool {
        self.handshake.is_none()
    }

    /// Whether a publish was accepted and has not ended.
    pub fn is_publishing(&self) -> bool {
        self.phase == Phase::Publishing
    }

    /// Whether a play was accepted and has not ended.
    pub fn is_playing(&self) -> bool {
        self.phase == Phase::Playing
    }

    /// Lets the client publish. Without a wish to publish that waits for an answer, nothing happens.
    pub fn accept_publish(&mut self) {
        if self.phase == Phase::AskedPublish {
            self.phase = Phase::Publishing;
            let limits = &self.config.limits;
            self.link.set_max_bytes(limits.max_message_bytes, limits.max_partial_bytes);
            self.link.publish_started(self.stream_id);
        }
    }

    /// Tells the client why it may not publish. What it has already sent is thrown away.
    pub fn refuse_publish(&mut self, code: PublishRefusal, reason: &str) {
        if self.phase == Phase::AskedPublish {
            self.phase = Phase::Idle;
            self.events.retain(|event| !matches!(event, Event::Media(_)));
            self.event_bytes = 0;
            self.link.publish_refused(self.stream_id, code, reason);
        }
    }

    /// Lets the client play. Without a wish to play that waits for an answer, nothing happens.
    pub fn accept_play(&mut self) {
        if self.phase == Phase::AskedPlay {
            self.phase = Phase::Playing;
            self.link.play_started(self.stream_id);
        }
    }

    /// Tells the client why it may not play.
    pub fn refuse_play(&mut self, code: PlayRefusal, reason: &str) {
        if self.phase == Phase::AskedPlay {
            self.phase = Phase::Idle;
            self.link.play_refused(self.stream_id, code, reason);
        }
    }

    /// Tells a publisher that it is one no longer: replaced, stopped, too late. What it still sends is ignored.
    pub fn end_publish(&mut self, reason: &str) {
        if matches!(self.phase, Phase::AskedPublish | Phase::Publishing) {
            self.phase = Phase::Idle;
            self.link.publish_ended(self.stream_id, reason);
        }
    }

    /// Tells a player that this is the end of the stream.
    pub fn end_play(&mut self, reason: &str) {
        if matches!(self.phase, Phase::AskedPlay | Phase::Playing) {
            self.phase = Phase::Idle;
            self.link.play_ended(self.stream_id, reason);
        }
    }

    /// Asks the client for a sign of life, which comes as [`Event::Pong`].
    pub fn ping(&mut self, timestamp: u32) {
        self.link.user_control(control::PING_REQUEST, &[timestamp]);
    }

    fn advance(&mut self, mut input: &[u8], now_ms: u64) -> Result<(), Error> {
        self.link.count(input.len());
        if let Some(handshake) = &mut self.handshake {
            let link = &mut self.link;
            if !handshake.handle_input(&mut input, now_ms, &mut |bytes| link.send_bytes(bytes))? {
                return Ok(());
            }
            self.handshake = None;
        }
        while let Some(message) = self.link.read(&mut input)? {
            self.handle_message(message)?;
            self.link.check_output()?;
            let limits = &self.config.limits;
            if self.events.len() > limits.max_events || self.event_bytes > limits.max_event_bytes {
                return Err(Error::TooManyEvents);
            }
        }
        self.link.acknowledge();
        Ok(())
    }

    fn handle_message(&mut self, message: Message) -> Result<(), Error> {
        let amf = self.config.limits.amf;
        match message.kind {
            kind::COMMAND => self.handle_command(message.stream_id, Command::decode(&message.body, amf)?),
            kind::COMMAND_AMF3 => {
                self.handle_command(message.stream_id, Command::decode_enveloped(&message.body, amf)?)
            }
            kind::USER_CONTROL => {
                if let Some((control::PING_RESPONSE, time)) = message.user_control() {
                    self.events.push_back(Event::Pong(time.unwrap_or(0)));
                }
                Ok(())
            }
            kind::AUDIO | kind::VIDEO | kind::AGGREGATE => {
                if !self.has_published {
                    return Err(Error::MediaBeforePublish);
                }
                self.handle_media(message)
            }
            kind::DATA | kind::DATA_AMF3 => self.handle_media(message),
            // Shared objects and whatever else there is.
            _ => Ok(()),
        }
    }

    fn handle_media(&mut self, message: Message) -> Result<(), Error> {
        if !matches!(self.phase, Phase::AskedPublish | Phase::Publishing) {
            return Ok(());
        }
        let (events, event_bytes) = (&mut self.events, &mut self.event_bytes);
        message::media(message, &mut |media| {
            *event_bytes += media.body.len();
            events.push_back(Event::Media(media));
        })?;
        Ok(())
    }

    fn handle_command(&mut self, stream_id: u32, command: Command) -> Result<(), Error> {
        if !self.connected && command.name != "connect" {
            return Err(Error::CommandBeforeConnect);
        }
        let transaction = command.transaction;
        match command.name.as_str() {
            "connect" => self.connect(&command)?,
            "createStream" => self.link.result(transaction, Value::Number(f64::from(MEDIA_STREAM_ID))),
            "publish" => self.publish(stream_id, &command)?,
            "play" => {
                let number =
                    |index, default| command.argument(index).and_then(Value::as_f64).unwrap_or(default);
                // Flash says true and false, the specification allows numbers.
                let reset = command.argument(4).is_none_or(|value| match value {
                    Value::Boolean(reset) => *reset,
                    Value::Number(reset) => *reset != 0.0,
                    _ => true,
                });
                self.play(stream_id, command.text(1), number(2, -2.0), number(3, -1.0), reset)?;
            }
            "play2" => {
                let options = command.argument(1).unwrap_or(&Value::Null);
                let number = |name, default| options.get(name).and_then(Value::as_f64).unwrap_or(default);
                let name = options.get("streamName").and_then(Value::as_str);
                self.play(stream_id, name, number("start", -2.0), number("len", -1.0), true)?;
            }
            "releaseStream" | "FCSubscribe" | "FCPublish" | "FCUnpublish" | "_checkbw" | "checkBandwidth" => {
                self.link.result(transaction, Value::Undefined);
                self.after_result(&command);
            }
            // The length of a live stream is not known, which is said by 0.
            "getStreamLength" => self.link.result(transaction, Value::Number(0.0)),
            "closeStream" | "deleteStream" => self.stop(),
            "pause" | "pauseRaw" => self.pause(command.argument(1).and_then(Value::as_bool).unwrap_or(true)),
            "seek" => {
                // A live stream cannot be sought. But ffmpeg throws everything away until it is told that it was.
                self.link.on_status(self.stream_id, "status", "NetStream.Seek.Notify", "this stream is live");
            }
            "receiveAudio" => self.receive(&command, Event::ReceiveAudio),
            "receiveVideo" => self.receive(&command, Event::ReceiveVideo),
            // Answers, which nobody asked for.
            "_result" | "_error" | "onStatus" => {}
            _ => self.link.error(transaction, "NetConnection.Call.Failed", "there is no such method"),
        }
        Ok(())
    }

    fn connect(&mut self, command: &Command) -> Result<(), Error> {
        if self.connected {
            self.link.error(command.transaction, "NetConnection.Connect.Failed", "already connected");
            return Ok(());
        }
        let max = self.config.limits.max_name_bytes;
        let connect = Connect::new(command, max).map_err(|len| {
            self.link.error(command.transaction, "NetConnection.Connect.Rejected", "the address is too long");
            Error::NameTooLong { len, max }
        })?;
        self.connected = true;
        self.link.control(kind::WINDOW_ACK_SIZE, self.config.window_ack);
        self.link.peer_bandwidth(self.config.window_ack);
        self.link.use_chunk_size(self.config.chunk_size);

        let mut properties =
            vec![("fmsVer", Value::from("FMS/3,5,3,888")), ("capabilities", Value::Number(127.0))];
        let mut information = vec![
            ("level", Value::from("status")),
            ("code", Value::from("NetConnection.Connect.Success")),
            ("description", Value::from("connected")),
            // Whatever the client asked for: it is AMF0 that is spoken here.
            ("objectEncoding", Value::Number(0.0)),
        ];
        // Clients disagree on which of the two objects the answer is in.
        properties.extend(connect.enhanced_answer());
        information.extend(connect.enhanced_answer());
        let values = [Value::object(properties), Value::object(information)];
        self.link.command(0, "_result", command.transaction, &values);
        self.events.push_back(Event::Connect(connect));
        Ok(())
    }

    fn publish(&mut self, stream_id: u32, command: &Command) -> Result<(), Error> {
        let busy = "this connection already publishes or plays";
        let name = command.text(1).unwrap_or_default();
        let max = self.config.limits.max_name_bytes;
        if name.len() > max {
            self.link.publish_refused(stream_id, PublishRefusal::BadName, "the name is too long");
            return Err(Error::NameTooLong { len: name.len(), max });
        }
        if self.phase != Phase::Idle {
            self.link.publish_refused(stream_id, PublishRefusal::BadName, busy);
            return Ok(());
        }
        let kind = command.text(2).filter(|kind| kind.len() <= max).unwrap_or("live");
        self.phase = Phase::AskedPublish;
        self.has_published = true;
        self.stream_id = stream_id;
        self.events.push_back(Event::Publish(Publish { name: name.to_owned(), kind: kind.to_owned() }));
        Ok(())
    }

    fn play(
        &mut self,
        stream_id: u32,
        name: Option<&str>,
        start: f64,
        duration: f64,
        reset: bool,
    ) -> Result<(), Error> {
        let name = name.unwrap_or_default();
        let max = self.config.limits.max_name_bytes;
        if name.len() > max {
            self.link.play_refused(stream_id, PlayRefusal::Failed, "the name is too long");
            return Err(Error::NameTooLong { len: name.len(), max });
        }
        if self.phase != Phase::Idle {
            let busy = "this connection already publishes or plays";
            self.link.play_refused(stream_id, PlayRefusal::Failed, busy);
            return Ok(());
        }
        self.phase = Phase::AskedPlay;
        self.stream_id = stream_id;
        self.events.push_back(Event::Play(Play { name: name.to_owned(), start, duration, reset }));
        Ok(())
    }

    /// What some commands want to hear besides their result.
    fn after_result(&mut self, command: &Command) {
        match command.name.as_str() {
            "FCPublish" => {
                // Not yet the permission: that is `onStatus` after `publish`. FMLE does not go on without this.
                self.link.fc_status("onFCPublish", "NetStream.Publish.Start", "waiting for publish");
            }
            "FCUnpublish" => {
                self.link.fc_status("onFCUnpublish", "NetStream.Unpublish.Success", "stopped");
                self.stop();
            }
            "FCSubscribe" => {
                self.link.fc_status("onFCSubscribe", "NetStream.Play.Start", "waiting for play");
            }
            _ => {}
        }
    }

    fn stop(&mut self) {
        match self.phase {
            Phase::Idle => return,
            Phase::AskedPublish | Phase::Publishing => self.events.push_back(Event::Unpublish),
            Phase::AskedPlay | Phase::Playing => self.events.push_back(Event::StopPlay),
        }
        self.phase = Phase::Idle;
    }

    fn pause(&mut self, pause: bool) {
        if self.phase != Phase::Playing {
            return;
        }
        let (code, text) = if pause {
            ("NetStream.Pause.Notify", "paused")
        } else {
            ("NetStream.Unpause.Notify", "going on")
        };
        self.link.on_status(self.stream_id, "status", code, text);
        self.events.push_back(Event::Pause(pause));
    }

    fn receive(&mut self, command: &Command, event: impl FnOnce(bool) -> Event) {
        if matches!(self.phase, Phase::AskedPlay | Phase::Playing)
            && let Some(wanted) = command.argument(1).and_then(Value::as_bool)
        {
            self.events.push_back(event(wanted));
        }
    }
}

#[cfg(test)]
mod tests;
