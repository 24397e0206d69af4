//! A viewer over RTMP, HTTP-FLV or WS-FLV on a plain socket.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use bytes::{Buf, Bytes, BytesMut};
use media::flv;
use media::frame::Kind;
use rtmp::{ClientConfig, ClientEvent, ClientSession, MediaKind, Url};
use socket2::{Domain, Socket, Type};

/// Patience of every read: a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Longest text of a refusal, in bytes.
const MAX_REASON: usize = 4096;

/// One frame as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its message type.
    pub kind: Kind,
    /// Its time in milliseconds.
    pub time: i64,
    /// Its FLV tag body.
    pub body: Bytes,
}

/// A viewer that was let in.
pub struct Viewer {
    socket: TcpStream,
    wire: Wire,
    seen: VecDeque<Seen>,
    /// Why the server ended it.
    ended: Option<String>,
    /// The bytes of the read in which the end came.
    tail: Vec<u8>,
    buffer: Vec<u8>,
}

enum Wire {
    Rtmp(Box<ClientSession>),
    Flv { framing: Framing, input: BytesMut, flv: flv::Demuxer, raw: BytesMut },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Framing {
    Bare,
    Chunked,
    WebSocket,
}

impl Viewer {
    /// Plays `rtmp://`, `http://` or `ws://`; returns when the server has granted it. The error is the server's reason.
    pub fn open(url: &str) -> anyhow::Result<Viewer> {
        Viewer::open_with(url, None)
    }

    /// The same with a bound on what the kernel receives ahead of the reader, as on a phone that stopped reading: what
    /// it does not take stays with the server.
    pub fn open_narrow(url: &str, receive_buffer: usize) -> anyhow::Result<Viewer> {
        Viewer::open_with(url, Some(receive_buffer))
    }

    fn open_with(url: &str, receive_buffer: Option<usize>) -> anyhow::Result<Viewer> {
        let mut viewer = match url.split_once("://") {
            Some(("rtmp", _)) => Viewer::rtmp(url, receive_buffer)?,
            Some(("http", rest)) => Viewer::http(rest, false, receive_buffer)?,
            Some(("ws", rest)) => Viewer::http(rest, true, receive_buffer)?,
            _ => bail!("no address of a stream: {url}"),
        };
        if matches!(viewer.wire, Wire::Rtmp(_)) {
            while !viewer.is_granted() {
                ensure!(
                    viewer.read()?,
                    "{}",
                    viewer.ended.take().unwrap_or("the server closed the connection".into())
                );
            }
        }
        Ok(viewer)
    }

    /// The next frame; `None` when the server ended the connection.
    #[expect(clippy::should_implement_trait, reason = "a read that can fail is no iterator")]
    pub fn next(&mut self) -> anyhow::Result<Option<Seen>> {
        loop {
            if let Some(seen) = self.seen.pop_front() {
                return Ok(Some(seen));
            }
            if !self.read()? {
                return Ok(None);
            }
        }
    }

    /// The server's last word, if it had one.
    pub fn reason(&self) -> Option<&str> {
        self.ended.as_deref()
    }

    /// After the end: all bytes from the read in which it came to the close of the connection.
    pub fn rest(&mut self) -> anyhow::Result<Vec<u8>> {
        let mut rest = std::mem::take(&mut self.tail);
        match self.socket.read_to_end(&mut rest) {
            Ok(_) => Ok(rest),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(rest),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends bytes that no player would.
    pub fn send_raw(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.socket.write_all(bytes)
    }

    /// The connection.
    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Writes an FLV viewer's stream to a file until it ends. Returns how many bytes came.
    pub fn copy_to(&mut self, file: &mut impl Write) -> anyhow::Result<u64> {
        let mut count = 0;
        loop {
            let more = self.read()?;
            self.seen.clear();
            let Wire::Flv { raw, .. } = &mut self.wire else { bail!("only FLV is a file") };
            file.write_all(raw)?;
            count += raw.len() as u64;
            raw.clear();
            if !more {
                return Ok(count);
            }
        }
    }

    fn rtmp(url: &str, receive_buffer: Option<usize>) -> anyhow::Result<Viewer> {
        let url = url.parse::<Url>()?;
        let socket = dial((url.host.as_str(), url.port), receive_buffer)?;
        let session = ClientSession::play(ClientConfig::default(), url, [9; 32]);
        Viewer::new(socket, Wire::Rtmp(Box::new(session)))
    }

    fn http(rest: &str, websocket: bool, receive_buffer: Option<usize>) -> anyhow::Result<Viewer> {
        let (host, path) = rest.split_once('/').context("an address without a path")?;
        let mut socket = dial(host, receive_buffer)?;
        let upgrade = if websocket {
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        } else {
            ""
        };
        socket.write_all(format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\n{upgrade}\r\n").as_bytes())?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut input = BytesMut::new();
        let mut byte = [0];
        while !input.ends_with(b"\r\n\r\n") {
            socket.read_exact(&mut byte).context("no response")?;
            input.extend_from_slice(&byte);
        }
        let head = String::from_utf8_lossy(&input).into_owned();
        let status = head.split(' ').nth(1).unwrap_or_default();
        let framing = match status {
            "101" if websocket => Framing::WebSocket,
            "200" if head.to_lowercase().contains("transfer-encoding: chunked") => Framing::Chunked,
            "200" => Framing::Bare,
            _ => {
                let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
                // The connection stays open after it, so its length is what ends it.
                let mut body =
                    vec![0; length.and_then(|length| length.parse().ok()).unwrap_or(0).min(MAX_REASON)];
                socket.read_exact(&mut body).context("half a refusal")?;
                bail!("{status}: {}", String::from_utf8_lossy(&body));
            }
        };
        let flv = flv::Demuxer::default();
        Viewer::new(socket, Wire::Flv { framing, input: BytesMut::new(), flv, raw: BytesMut::new() })
    }

    fn new(socket: TcpStream, wire: Wire) -> anyhow::Result<Viewer> {
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Viewer {
            socket,
            wire,
            seen: VecDeque::new(),
            ended: None,
            tail: Vec::new(),
            buffer: vec![0; 64 * 1024],
        })
    }

    fn is_granted(&self) -> bool {
        match &self.wire {
            Wire::Rtmp(session) => session.is_running(),
            Wire::Flv { .. } => true,
        }
    }

    /// Reads once. False at the end.
    fn read(&mut self) -> anyhow::Result<bool> {
        if let Wire::Rtmp(session) = &mut self.wire {
            while let Some(bytes) = session.poll_output() {
                self.socket.write_all(&bytes)?;
            }
        }
        let count = match self.socket.read(&mut self.buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => bail!("nothing came for {PATIENCE:?}"),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
            Err(error) => return Err(error.into()),
        };
        if count == 0 {
            return Ok(false);
        }
        let bytes = &self.buffer[..count];
        match &mut self.wire {
            Wire::Rtmp(session) => {
                session.handle_input(bytes)?;
                while let Some(event) = session.poll_event() {
                    match event {
                        ClientEvent::Started => {}
                        ClientEvent::Media(media) => {
                            let kind = match media.kind {
                                MediaKind::Audio => Kind::Audio,
                                MediaKind::Video => Kind::Video,
                                MediaKind::Data => Kind::Data,
                            };
                            self.seen.push_back(Seen {
                                kind,
                                time: media.timestamp.into(),
                                body: media.body,
                            });
                        }
                        ClientEvent::Ended { code, description } => {
                            self.ended = Some(format!("{code}: {description}"));
                            self.tail = bytes.to_vec();
                            return Ok(false);
                        }
                    }
                }
                while let Some(bytes) = session.poll_output() {
                    self.socket.write_all(&bytes)?;
                }
            }
            Wire::Flv { framing, input, flv, raw } => {
                input.extend_from_slice(bytes);
                while let Some(payload) = unwrap(*framing, input)? {
                    match payload {
                        Payload::Bytes(bytes) => {
                            flv.handle_input(&bytes);
                            raw.extend_from_slice(&bytes);
                        }
                        Payload::End(reason) => {
                            self.ended = Some(reason);
                            self.tail = bytes.to_vec();
                            return Ok(false);
                        }
                    }
                }
                while let Some(tag) = flv.poll_tag()? {
                    self.seen.push_back(Seen { kind: tag.kind, time: tag.time, body: tag.body });
                }
            }
        }
        Ok(true)
    }
}

/// Connects. The bound on the receive buffer must be set before: it decides the window that TCP announces.
fn dial(host: impl ToSocketAddrs, receive_buffer: Option<usize>) -> anyhow::Result<TcpStream> {
    let addr = host.to_socket_addrs()?.next().context("no such host")?;
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    if let Some(bytes) = receive_buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    socket.connect(&addr.into()).context("no connection")?;
    Ok(socket.into())
}

enum Payload {
    Bytes(Bytes),
    End(String),
}

/// Takes one chunk, message or run of bytes from the input; `None` when it is not all there.
fn unwrap(framing: Framing, input: &mut BytesMut) -> anyhow::Result<Option<Payload>> {
    match framing {
        Framing::Bare if input.is_empty() => Ok(None),
        Framing::Bare => Ok(Some(Payload::Bytes(input.split().freeze()))),
        Framing::Chunked => {
            let Some(end) = input.windows(2).position(|pair| pair == b"\r\n") else { return Ok(None) };
            let size = std::str::from_utf8(&input[..end])?;
            let size = usize::from_str_radix(size, 16).with_context(|| format!("no chunk size: {size:?}"))?;
            if size == 0 {
                return Ok(Some(Payload::End("the last chunk".into())));
            }
            if input.len() < end + 2 + size + 2 {
                return Ok(None);
            }
            input.advance(end + 2);
            let chunk = input.split_to(size).freeze();
            ensure!(input.starts_with(b"\r\n"), "a chunk does not end where it said");
            input.advance(2);
            Ok(Some(Payload::Bytes(chunk)))
        }
        Framing::WebSocket => {
            let [first, second, ..] = input[..] else { return Ok(None) };
            ensure!(second & 0x80 == 0, "a server's frame is masked");
            let (header, size) = match second {
                126 if input.len() >= 4 => (4, u64::from(u16::from_be_bytes([input[2], input[3]]))),
                127 if input.len() >= 10 => {
                    let mut bytes = [0; 8];
                    bytes.copy_from_slice(&input[2..10]);
                    (10, u64::from_be_bytes(bytes))
                }
                126 | 127 => return Ok(None),
                short => (2, u64::from(short)),
            };
            let size = usize::try_from(size)?;
            if input.len() < header + size {
                return Ok(None);
            }
            input.advance(header);
            let payload = input.split_to(size).freeze();
            match first {
                0x82 => Ok(Some(Payload::Bytes(payload))),
                0x88 => Ok(Some(Payload::End(
                    String::from_utf8_lossy(payload.get(2..).unwrap_or_default()).into_owned(),
                ))),
                _ => bail!("a frame with the first byte {first:#x}"),
            }
        }
    }
}
