//! An RTMP client without a socket: bytes in, bytes out. It plays or publishes one stream.

use anyhow::{Result, bail};

use crate::amf::{Reply, Writer};
use crate::chunk::{self, DEFAULT_CHUNK, Lane};
use crate::flv::{AUDIO, Message, VIDEO};

/// The handshake's packets (section 5.2): one byte of version, then 1536 bytes.
const HELLO: usize = 1536;

const ACKNOWLEDGEMENT: u8 = 3;
const USER_CONTROL: u8 = 4;
const WINDOW: u8 = 5;
const COMMAND_AMF3: u8 = 17;
const COMMAND: u8 = 20;

const CONTROL_LANE: Lane = Lane { chunk_stream: 2, message_stream: 0, chunk: DEFAULT_CHUNK };
const COMMAND_LANE: Lane = Lane { chunk_stream: 3, message_stream: 0, chunk: DEFAULT_CHUNK };

const CONNECT: f64 = 1.0;
const CREATE_STREAM: f64 = 4.0;

/// What the client is here for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Play,
    Publish,
}

/// The conversation of one connection.
#[derive(Debug)]
pub(crate) struct Client {
    role: Role,
    host: String,
    app: String,
    stream: String,
    /// The server's half of the handshake, until it is whole.
    hello: Option<Vec<u8>>,
    reader: chunk::Reader,
    message_stream: Option<u32>,
    on_air: bool,
    received: u64,
    acknowledged: u64,
    window: u64,
    /// What is to be sent.
    pub(crate) out: Vec<u8>,
}

impl Client {
    /// Begins a conversation: `out` holds the handshake.
    pub(crate) fn new(role: Role, host: &str, app: &str, stream: &str) -> Self {
        let mut out = vec![0_u8; HELLO + 1];
        out[0] = 3;
        for (at, byte) in out.iter_mut().enumerate().skip(9) {
            *byte = (at.wrapping_mul(2_654_435_761) >> 7) as u8;
        }
        Self {
            role,
            host: host.to_owned(),
            app: app.to_owned(),
            stream: stream.to_owned(),
            hello: Some(Vec::new()),
            reader: chunk::Reader::new(),
            message_stream: None,
            on_air: false,
            received: 0,
            acknowledged: 0,
            window: 0,
            out,
        }
    }

    /// The message stream on which a publisher may now send.
    pub(crate) fn on_air(&self) -> Option<u32> {
        self.message_stream.filter(|_| self.on_air)
    }

    /// Takes bytes and tells of each audio and video message that they complete.
    pub(crate) fn feed(&mut self, bytes: &[u8], tell: &mut impl FnMut(Message<'_>)) -> Result<()> {
        self.received += bytes.len() as u64;
        let Some(hello) = &mut self.hello else { return self.chunks(bytes, tell) };
        hello.extend_from_slice(bytes);
        if hello.len() < 1 + 2 * HELLO {
            return Ok(());
        }
        let hello = self.hello.take().unwrap_or_default();
        self.out.extend_from_slice(&hello[1..=HELLO]);
        self.connect();
        self.chunks(&hello[1 + 2 * HELLO..], tell)
    }

    fn chunks(&mut self, bytes: &[u8], tell: &mut impl FnMut(Message<'_>)) -> Result<()> {
        // The reader is taken out so that what it tells can change the rest of the client.
        let mut reader = std::mem::replace(&mut self.reader, chunk::Reader::new());
        let result = reader.feed(bytes, &mut |message| {
            if matches!(message.kind, AUDIO | VIDEO) {
                tell(message);
                return Ok(());
            }
            self.control(message)
        });
        self.reader = reader;
        result?;
        if self.window > 0 && self.received - self.acknowledged >= self.window / 2 {
            self.acknowledged = self.received;
            let count = (self.received as u32).to_be_bytes();
            chunk::write(&mut self.out, CONTROL_LANE, ACKNOWLEDGEMENT, 0, &count);
        }
        Ok(())
    }

    fn control(&mut self, message: Message<'_>) -> Result<()> {
        let body = message.head;
        match message.kind {
            WINDOW => {
                if let Some(size) = body.first_chunk::<4>() {
                    self.window = u64::from(u32::from_be_bytes(*size));
                }
            }
            // Event 6 is a ping, which event 7 answers with the same time.
            USER_CONTROL if body.starts_with(&[0, 6]) && body.len() >= 6 => {
                let pong = [0, 7, body[2], body[3], body[4], body[5]];
                chunk::write(&mut self.out, CONTROL_LANE, USER_CONTROL, 0, &pong);
            }
            COMMAND => return self.command(body),
            COMMAND_AMF3 => return self.command(body.get(1..).unwrap_or_default()),
            _ => {}
        }
        Ok(())
    }

    fn command(&mut self, body: &[u8]) -> Result<()> {
        let Some(reply) = Reply::read(body) else { return Ok(()) };
        match reply.name {
            b"_error" => bail!("the server answered _error"),
            b"_result" if reply.transaction == CONNECT => {
                if self.role == Role::Publish {
                    self.send(&Writer::command("releaseStream", 2.0).null().string(&self.stream).finish(), 0);
                    self.send(&Writer::command("FCPublish", 3.0).null().string(&self.stream).finish(), 0);
                }
                self.send(&Writer::command("createStream", CREATE_STREAM).null().finish(), 0);
            }
            b"_result" if reply.transaction == CREATE_STREAM && self.message_stream.is_none() => {
                let Some(number) = reply.number else { bail!("createStream's answer has no number") };
                let stream = number as u32;
                self.message_stream = Some(stream);
                self.begin(stream);
            }
            b"onStatus" => {
                if contains(body, b"NetStream.Publish.Start") || contains(body, b"NetStream.Play.Start") {
                    self.on_air = true;
                } else if contains(body, b"\x00\x05error") && !self.on_air {
                    bail!("refused: {}", printable(body));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn connect(&mut self) {
        let url = format!("rtmp://{}/{}", self.host, self.app);
        let mut connect = Writer::command("connect", CONNECT).object().key("app").string(&self.app);
        connect = match self.role {
            Role::Publish => connect.key("type").string("nonprivate").key("flashVer").string("FMLE/3.0"),
            Role::Play => connect
                .key("flashVer")
                .string("LNX 9,0,124,2")
                .key("audioCodecs")
                .number(4071.0)
                .key("videoCodecs")
                .number(252.0),
        };
        self.send(&connect.key("tcUrl").string(&url).end().finish(), 0);
    }

    fn begin(&mut self, stream: u32) {
        let name = self.stream.clone();
        if self.role == Role::Publish {
            let publish = Writer::command("publish", 5.0).null().string(&name).string("live").finish();
            self.send(&publish, stream);
            return;
        }
        self.send(&Writer::command("play", 5.0).null().string(&name).finish(), stream);
        // Event 3 sets the length of the player's buffer: one second, as many players say.
        let mut buffer = vec![0, 3];
        buffer.extend_from_slice(&stream.to_be_bytes());
        buffer.extend_from_slice(&1000_u32.to_be_bytes());
        chunk::write(&mut self.out, CONTROL_LANE, USER_CONTROL, 0, &buffer);
    }

    fn send(&mut self, body: &[u8], message_stream: u32) {
        chunk::write(&mut self.out, Lane { message_stream, ..COMMAND_LANE }, COMMAND, 0, body);
    }
}

/// Whether `needle` is somewhere in `bytes`.
pub(crate) fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

fn printable(body: &[u8]) -> String {
    let text = body.iter().map(|&byte| if byte.is_ascii_graphic() { char::from(byte) } else { ' ' });
    text.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server would say, chunk by chunk, to a client of this role.
    fn talk(role: Role) -> Client {
        let mut client = Client::new(role, "127.0.0.1:1", "live", "room");
        let mut wire = vec![3];
        wire.extend_from_slice(&[1; 2 * HELLO]);
        let connected = Writer::command("_result", CONNECT).object().end().finish();
        let created = Writer::command("_result", CREATE_STREAM).null().number(9.0).finish();
        for body in [connected, created] {
            chunk::write(&mut wire, COMMAND_LANE, COMMAND, 0, &body);
        }
        for part in wire.chunks(100) {
            client.feed(part, &mut |_| ()).unwrap();
        }
        client
    }

    #[test]
    fn a_player_asks_for_its_stream_once_it_was_created() {
        let client = talk(Role::Play);
        assert!(contains(&client.out, b"play") && !contains(&client.out, b"FCPublish"));
        assert_eq!(client.on_air(), None);
    }

    #[test]
    fn a_publisher_is_on_air_when_it_is_told_so() {
        let mut client = talk(Role::Publish);
        let status = Writer::command("onStatus", 0.0)
            .null()
            .object()
            .key("code")
            .string("NetStream.Publish.Start")
            .end()
            .finish();
        let mut wire = Vec::new();
        chunk::write(&mut wire, COMMAND_LANE, COMMAND, 0, &status);
        client.feed(&wire, &mut |_| ()).unwrap();
        assert_eq!(client.on_air(), Some(9));
    }

    #[test]
    fn a_refusal_is_an_error_that_names_its_code() {
        let mut client = talk(Role::Publish);
        let status = Writer::command("onStatus", 0.0)
            .null()
            .object()
            .key("level")
            .string("error")
            .key("code")
            .string("NetStream.Publish.BadName")
            .end()
            .finish();
        let mut wire = Vec::new();
        chunk::write(&mut wire, COMMAND_LANE, COMMAND, 0, &status);
        let error = client.feed(&wire, &mut |_| ()).unwrap_err().to_string();
        assert!(error.contains("NetStream.Publish.BadName"), "{error}");
    }
}
