//! A client of the chat that checks what the wire promises: numbers without a hole or a repeat, whatever happens.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};

/// How long a test waits for something that must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection to a room.
pub struct ChatClient {
    socket: TcpStream,
    input: Vec<u8>,
    /// The greeting.
    pub welcome: Value,
    /// The number of the last message of a batch.
    pub last_seq: u64,
    /// Every message so far, of greetings and batches.
    pub items: Vec<Value>,
    /// The newest counters.
    pub counters: Value,
    /// Whether a hole in the numbers was seen.
    pub holes: u64,
}

impl ChatClient {
    /// Connects and says hello; `hello` has `room` and what else is wanted. An error is what the server said instead of a
    /// welcome.
    pub fn enter(addr: SocketAddr, hello: &Value) -> anyhow::Result<ChatClient> {
        let mut client = ChatClient::connect(addr, "")?;
        let mut hello = hello.clone();
        hello["t"] = "hello".into();
        hello["v"] = 1.into();
        client.send(&hello)?;
        let welcome = client.next_frame()?;
        ensure!(welcome["t"] == "welcome", "{welcome}");
        client.last_seq = welcome["seq"].as_u64().context("a number")?;
        client.counters = welcome["counters"].clone();
        client.items.extend(welcome["messages"].as_array().context("messages")?.iter().cloned());
        client.welcome = welcome;
        Ok(client)
    }

    /// The same for who has a token of a user; `had` is their connection before this one, if there was one.
    pub fn enter_as(
        addr: SocketAddr,
        room: &str,
        token: &str,
        had: Option<&ChatClient>,
    ) -> anyhow::Result<ChatClient> {
        let resume = had.map(ChatClient::since);
        ChatClient::enter(addr, &json!({"room": room, "token": token, "resume": resume}))
    }

    /// Connects and says nothing yet. `headers` are more lines of the request.
    pub fn connect(addr: SocketAddr, headers: &str) -> anyhow::Result<ChatClient> {
        let mut socket = TcpStream::connect(addr)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        write!(
            socket,
            "GET /chat HTTP/1.1\r\nHost: {addr}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
        )?;
        ChatClient::after_request(socket)
    }

    /// Reads the answer to a handshake that was asked for.
    pub fn after_request(socket: TcpStream) -> anyhow::Result<ChatClient> {
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut client = ChatClient {
            socket,
            input: Vec::new(),
            welcome: Value::Null,
            last_seq: 0,
            items: Vec::new(),
            counters: Value::Null,
            holes: 0,
        };
        let end = loop {
            if let Some(at) = client.input.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            client.read_more()?;
        };
        let head = String::from_utf8_lossy(&client.input[..end]).into_owned();
        ensure!(head.starts_with("HTTP/1.1 101 "), "{head}");
        client.input.drain(..end);
        Ok(client)
    }

    /// The socket, to do something unusual with.
    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Sends a frame.
    pub fn send(&mut self, frame: &Value) -> anyhow::Result<()> {
        self.send_text(frame.to_string().as_bytes())
    }

    /// Sends bytes as a text frame.
    pub fn send_text(&mut self, payload: &[u8]) -> anyhow::Result<()> {
        let mut out = vec![0x81];
        match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
            (Ok(short), _) if short < 126 => out.push(0x80 | short),
            (_, Ok(medium)) => {
                out.push(0x80 | 126);
                out.extend_from_slice(&medium.to_be_bytes());
            }
            _ => {
                out.push(0x80 | 127);
                out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
            }
        }
        let mask = [0x12, 0x34, 0x56, 0x78];
        out.extend_from_slice(&mask);
        out.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]));
        Ok(self.socket.write_all(&out)?)
    }

    /// Says goodbye as browsers do, with a close frame.
    pub fn say_goodbye(&mut self) -> anyhow::Result<()> {
        Ok(self.socket.write_all(&[0x88, 0x80, 0x12, 0x34, 0x56, 0x78])?)
    }

    /// Says something and does not wait for the answer.
    pub fn start_to_say(&mut self, cid: &str, text: &str) -> anyhow::Result<()> {
        self.send(&json!({"t": "send", "cid": cid, "text": text}))
    }

    /// Says something and waits for the answer, whatever else comes before it.
    pub fn say(&mut self, cid: &str, text: &str) -> anyhow::Result<Value> {
        self.ask(&json!({"t": "send", "cid": cid, "text": text}))
    }

    /// Sends a frame with a `cid` and waits for its answer.
    pub fn ask(&mut self, frame: &Value) -> anyhow::Result<Value> {
        self.send(frame)?;
        let cid = frame["cid"].clone();
        self.wait_for(|frame| frame["cid"] == cid && matches!(frame["t"].as_str(), Some("ack" | "reject")))
    }

    /// The first frame for which `wanted` holds. Batches on the way are taken in.
    pub fn wait_for(&mut self, wanted: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        let until = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        while Instant::now() < until {
            let frame = self.next_frame()?;
            if wanted(&frame) {
                return Ok(frame);
            }
            seen.push(frame.to_string());
        }
        bail!("what was waited for did not come; what came: {seen:#?}")
    }

    /// Waits until a message for which `wanted` holds is among those that came.
    pub fn wait_item(&mut self, wanted: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        let mut looked = 0;
        loop {
            if let Some(item) = self.items[looked..].iter().find(|item| wanted(item)) {
                return Ok(item.clone());
            }
            looked = self.items.len();
            self.next_frame()?;
        }
    }

    /// Waits until the counters are so.
    pub fn wait_counters(&mut self, wanted: impl Fn(&Value) -> bool) -> anyhow::Result<()> {
        while !wanted(&self.counters) {
            self.next_frame()?;
        }
        Ok(())
    }

    /// What a comeback says it has.
    pub fn since(&self) -> Value {
        json!({"epoch": self.welcome["epoch"], "seq": self.last_seq})
    }

    /// The next frame of text; a batch is taken in first. An error with the close code in it is the end.
    pub fn next_frame(&mut self) -> anyhow::Result<Value> {
        loop {
            if let Some((opcode, payload)) = self.take_frame() {
                match opcode {
                    0x1 => {
                        let frame: Value = serde_json::from_slice(&payload)
                            .with_context(|| String::from_utf8_lossy(&payload).into_owned())?;
                        self.take_in(&frame)?;
                        return Ok(frame);
                    }
                    0x8 => bail!(
                        "closed {} {}",
                        payload.first_chunk().map_or(0, |code| u16::from_be_bytes(*code)),
                        String::from_utf8_lossy(payload.get(2..).unwrap_or_default())
                    ),
                    0x9 => {
                        let mut pong = vec![0x8A, 0x80 | payload.len() as u8, 0, 0, 0, 0];
                        pong.extend_from_slice(&payload);
                        self.socket.write_all(&pong)?;
                    }
                    _ => {}
                }
                continue;
            }
            self.read_more()?;
        }
    }

    fn take_in(&mut self, frame: &Value) -> anyhow::Result<()> {
        if frame["t"] != "batch" {
            return Ok(());
        }
        if !frame["counters"].is_null() {
            self.counters = frame["counters"].clone();
        }
        let items = frame["items"].as_array().context("items")?;
        if items.is_empty() {
            return Ok(());
        }
        let (from, to) = (frame["from"].as_u64().context("from")?, frame["to"].as_u64().context("to")?);
        ensure!(from > self.last_seq, "number {from} again after {}", self.last_seq);
        self.holes += u64::from(from != self.last_seq + 1);
        let numbers: Vec<u64> = items.iter().filter_map(|item| item["seq"].as_u64()).collect();
        ensure!(numbers == (from..=to).collect::<Vec<_>>(), "{from} to {to} has {numbers:?}");
        self.last_seq = to;
        self.items.extend(items.iter().cloned());
        Ok(())
    }

    fn take_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let [first, second, rest @ ..] = self.input.as_slice() else { return None };
        let (length, head) = match second & 0x7F {
            126 => (usize::from(u16::from_be_bytes(*rest.first_chunk()?)), 4),
            127 => (u64::from_be_bytes(*rest.first_chunk()?) as usize, 10),
            short => (usize::from(short), 2),
        };
        let opcode = first & 0x0F;
        let payload = self.input.get(head..head + length)?.to_vec();
        self.input.drain(..head + length);
        Some((opcode, payload))
    }

    fn read_more(&mut self) -> anyhow::Result<()> {
        let mut buffer = [0; 16 * 1024];
        match self.socket.read(&mut buffer) {
            Ok(0) => bail!("the connection is closed"),
            Ok(count) => self.input.extend_from_slice(&buffer[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                bail!("nothing came for {PATIENCE:?}")
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}
