//! An RTMP publisher on a plain socket.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use media::frame::Kind;
use rtmp::{ClientConfig, ClientEvent, ClientSession, MediaKind, Url};

use crate::clip::{self, Shot};

/// Patience of every read: a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A publisher that was let in.
pub struct Publisher {
    socket: TcpStream,
    session: ClientSession,
    buffer: Vec<u8>,
}

impl Publisher {
    /// Publishes to an address like `rtmp://127.0.0.1:1935/live/room1?txSecret=...`. The error is the server's reason.
    pub fn connect(url: &str) -> anyhow::Result<Publisher> {
        let url = url.parse::<Url>()?;
        let socket = TcpStream::connect((url.host.as_str(), url.port)).context("no connection")?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let session = ClientSession::publish(ClientConfig::default(), url, [7; 32]);
        let mut publisher = Publisher { socket, session, buffer: vec![0; 16 * 1024] };
        while !publisher.session.is_running() {
            publisher.write()?;
            publisher.read()?;
        }
        publisher.write()?;
        Ok(publisher)
    }

    /// Sends metadata and the decoder configurations of [`clip`]'s frames.
    pub fn send_headers(&mut self, level: u8) -> anyhow::Result<()> {
        self.send(Kind::Data, 0, &clip::metadata("test"))?;
        self.send(Kind::Video, 0, &clip::avc_config(level))?;
        self.send(Kind::Audio, 0, &clip::aac_config())
    }

    /// Sends one message.
    pub fn send(&mut self, kind: Kind, time: u32, body: &Bytes) -> anyhow::Result<()> {
        let kind = match kind {
            Kind::Audio => MediaKind::Audio,
            Kind::Video => MediaKind::Video,
            Kind::Data => MediaKind::Data,
        };
        self.session.send_media(kind, time, body);
        self.write()
    }

    /// Sends frames as fast as the server takes them.
    pub fn send_all(&mut self, shots: &[Shot]) -> anyhow::Result<()> {
        shots.iter().try_for_each(|shot| self.send(shot.kind, shot.time, &shot.body))
    }

    /// Says that the show is over, and goes.
    pub fn finish(mut self) -> anyhow::Result<()> {
        self.session.finish();
        self.write()
    }

    /// Waits until the server ends this publisher; gives its reason.
    pub fn ended(&mut self) -> anyhow::Result<String> {
        loop {
            match self.read() {
                Ok(()) => {}
                Err(error) => return Ok(format!("{error:#}")),
            }
        }
    }

    fn write(&mut self) -> anyhow::Result<()> {
        while let Some(bytes) = self.session.poll_output() {
            self.socket.write_all(&bytes)?;
        }
        Ok(())
    }

    fn read(&mut self) -> anyhow::Result<()> {
        let count = match self.socket.read(&mut self.buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                bail!("the server said nothing for {PATIENCE:?}")
            }
            Err(error) => return Err(error.into()),
        };
        if count == 0 {
            bail!("the server closed the connection without a reason");
        }
        self.session.handle_input(&self.buffer[..count])?;
        while let Some(event) = self.session.poll_event() {
            if let ClientEvent::Ended { code, description } = event {
                bail!("{code}: {description}");
            }
        }
        Ok(())
    }
}
