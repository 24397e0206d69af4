//! The client's side of an RTMP connection: the state machine over a socket.

use std::io;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use rtmp::{ClientConfig, ClientEvent, ClientSession, MediaKind, Url};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::time::timeout;

use super::Failure;
use super::dial::Wire;
use crate::rtmp::Settings;

/// Bytes read from the socket at a time.
const READ_BYTES: usize = 32 * 1024;

/// Buffer that a server is told of; origins that pace by it are to send as it comes.
const BUFFER_MS: u32 = 1_000;

/// What the client wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intent {
    /// To send a stream.
    Publish,
    /// To be sent one.
    Play,
}

/// One connection.
pub(super) struct Client {
    read: ReadHalf<Box<dyn Wire>>,
    write: WriteHalf<Box<dyn Wire>>,
    session: ClientSession,
    out: BytesMut,
    /// Whether the last thing done to the write half was a write.
    unflushed: bool,
    input: Box<[u8]>,
    /// Whether the server has sent anything.
    heard: bool,
    /// May be a key, so it is taken out of what the server says.
    name: String,
}

impl Client {
    /// A client on a fresh connection.
    pub(super) fn new(
        wire: Box<dyn Wire>,
        intent: Intent,
        url: &Url,
        agent: String,
        settings: &Settings,
    ) -> Result<Client, Failure> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|_| Failure::NoRandom)?;
        let config = ClientConfig {
            limits: rtmp::Limits {
                // A client that plays is sent media from its first message on.
                max_early_message_bytes: settings.limits.max_message_bytes,
                ..settings.limits
            },
            chunk_size: settings.chunk_size,
            window_ack: settings.window_ack,
            flash_ver: agent,
            buffer_ms: BUFFER_MS,
        };
        let session = match intent {
            Intent::Publish => ClientSession::publish(config, url.clone(), seed),
            Intent::Play => ClientSession::play(config, url.clone(), seed),
        };
        let (read, write) = split(wire);
        let input = vec![0; READ_BYTES].into();
        Ok(Client {
            read,
            write,
            session,
            out: BytesMut::new(),
            unflushed: false,
            input,
            heard: false,
            name: url.name.clone(),
        })
    }

    /// Waits until the server has begun: `start` for its first byte, then `limit` for its answer.
    pub(super) async fn begin(&mut self, start: Duration, limit: Duration) -> Result<(), Failure> {
        // Until the first byte: whoever accepts and says nothing is found out sooner than whoever is slow.
        timeout(start, self.hear()).await.map_err(|_| Failure::TimedOut("the handshake"))??;
        let begun = async {
            loop {
                if let ClientEvent::Started = self.next().await? {
                    return Ok(());
                }
            }
        };
        timeout(limit, begun).await.map_err(|_| Failure::TimedOut("its answer to publish or play"))?
    }

    async fn hear(&mut self) -> Result<(), Failure> {
        while !self.heard {
            self.step().await?;
        }
        Ok(())
    }

    /// The next event. It can be cancelled at any time without losing anything.
    pub(super) async fn next(&mut self) -> Result<ClientEvent, Failure> {
        loop {
            if let Some(event) = self.poll_event()? {
                return Ok(event);
            }
            self.step().await?;
        }
    }

    /// An event that has come already; the server's end is an error.
    pub(super) fn poll_event(&mut self) -> Result<Option<ClientEvent>, Failure> {
        match self.session.poll_event() {
            Some(ClientEvent::Ended { code, description }) => {
                Err(Failure::told(&code, &description, &self.name))
            }
            event => Ok(event),
        }
    }

    /// Queues a piece of media for the server.
    pub(super) fn send(&mut self, kind: MediaKind, timestamp: u32, body: &Bytes) {
        self.session.send_media(kind, timestamp, body);
        self.collect();
    }

    /// Bytes that are queued and that the socket has not taken.
    pub(super) fn owed(&self) -> usize {
        self.out.len()
    }

    /// Reads once or writes once, whichever can be done first. Returns how many bytes were written. It can be cancelled
    /// at any time without losing anything.
    pub(super) async fn step(&mut self) -> Result<usize, Failure> {
        self.collect();
        tokio::select! {
            count = self.read.read(&mut self.input) => {
                let count = count.map_err(Failure::Lost)?;
                if count == 0 {
                    return Err(Failure::Lost(io::ErrorKind::UnexpectedEof.into()));
                }
                self.heard = true;
                let input = self.input.get(..count).unwrap_or_default();
                self.session.handle_input(input).map_err(Failure::Rtmp)?;
                Ok(0)
            }
            count = write(&mut self.write, &self.out), if !self.out.is_empty() || self.unflushed => {
                let count = count.map_err(Failure::Lost)?;
                self.unflushed = !self.out.is_empty();
                if self.unflushed && count == 0 {
                    return Err(Failure::Lost(io::ErrorKind::WriteZero.into()));
                }
                self.out.advance(count);
                if self.out.is_empty() {
                    // The room of a key frame of megabytes is not kept for the next small ones.
                    self.out = BytesMut::new();
                }
                Ok(count)
            }
        }
    }

    /// Says goodbye, at most for `limit`.
    pub(super) async fn finish(mut self, limit: Duration) {
        self.session.finish();
        self.collect();
        let farewell = async {
            // Whoever does not take its farewell goes without.
            let _ = self.write.write_all(&self.out).await;
            let _ = self.write.shutdown().await;
        };
        let _ = timeout(limit, farewell).await;
    }

    fn collect(&mut self) {
        while let Some(bytes) = self.session.poll_output() {
            self.out.extend_from_slice(&bytes);
        }
    }
}

/// Writes once. With nothing to write it flushes, which only TLS needs: it may hold bytes that the socket did not take.
async fn write(half: &mut WriteHalf<Box<dyn Wire>>, out: &[u8]) -> io::Result<usize> {
    if out.is_empty() {
        return half.flush().await.map(|()| 0);
    }
    half.write(out).await
}
