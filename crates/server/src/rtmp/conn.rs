//! One RTMP connection: the state machine over a socket, until it publishes, plays or ends.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use control::request::Action;
use rtmp::{Connect, Event, ServerConfig, ServerSession, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tracing::debug;

use super::{play, publish};
use crate::admission::Asked;
use crate::app::App;
use crate::metrics::Limit;
use crate::net::{Permit, Stream};

/// Bytes read from the socket at a time: some key frames of a phone's stream.
const READ_BYTES: usize = 32 * 1024;

/// How long a peer that is told goodbye may take to read why. Closing at once would throw away what it has not
/// read yet; `<live-pusher>` wants the end within a second.
const GOODBYE: Duration = Duration::from_millis(900);

/// Steps for which there is a time, as the log names them.
const HANDSHAKE: &str = "the handshake";
const WISH: &str = "connect, then publish or play";

/// Serves a connection to its end, or to the fan-out.
pub async fn serve(app: Arc<App>, stream: Stream, peer: IpAddr, permit: Permit) {
    let mut seed = [0; 32];
    if let Err(error) = getrandom::fill(&mut seed) {
        return tracing::error!(%error, "the system has no random bytes for an RTMP handshake");
    }
    let config = ServerConfig {
        limits: app.rtmp.limits,
        chunk_size: app.rtmp.chunk_size,
        window_ack: app.rtmp.window_ack,
    };
    let session = ServerSession::new(config, seed);
    let (id, wire) = (app.sessions.number(), if stream.is_tls() { "rtmps" } else { "rtmp" });
    let (out, input) = (VecDeque::new(), vec![0; READ_BYTES].into());
    let mut conn = Conn { app, stream, session, id, wire, peer, out, input };
    match conn.negotiate().await {
        Ok((connect, Wish::Publish(name))) => publish::run(conn, &connect, &name).await,
        Ok((connect, Wish::Play(name))) => play::run(conn, &connect, &name, permit).await,
        Err(over) => {
            conn.count(&over);
            debug!(session = id, %peer, %over, "RTMP connection ended before it published or played");
            conn.goodbye().await;
        }
    }
}

/// A connection that belongs to a task.
pub(super) struct Conn {
    pub(super) app: Arc<App>,
    pub(super) stream: Stream,
    pub(super) session: ServerSession,
    /// Its number, under which it becomes a session when it is let in.
    pub(super) id: u64,
    /// For the log and the metrics.
    pub(super) wire: &'static str,
    pub(super) peer: IpAddr,
    /// Taken from the session, not yet by the socket.
    out: VecDeque<Bytes>,
    input: Box<[u8]>,
}

/// What a client connected for; the names are as it sent them.
enum Wish {
    Publish(String),
    Play(String),
}

/// Why a connection is over.
#[derive(Debug)]
pub(super) enum Over {
    /// The peer closed it, or the network did.
    Closed(io::Error),
    /// The peer broke the protocol.
    Broken(rtmp::Error),
    /// The peer was too slow with the step that is named.
    TimedOut(&'static str),
}

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Over::Closed(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                f.write_str("the peer closed the connection")
            }
            Over::Closed(error) => write!(f, "the connection was lost: {error}"),
            Over::Broken(error) => write!(f, "the peer broke the protocol: {error}"),
            Over::TimedOut(step) => write!(f, "the peer was too slow: {step}"),
        }
    }
}

impl Over {
    /// The bound that the peer came to, if it did.
    fn limit(&self) -> Option<Limit> {
        match self {
            Over::Closed(_) => None,
            Over::TimedOut(step) => match *step {
                HANDSHAKE => Some(Limit::HandshakeTimeout),
                WISH => Some(Limit::PublishTimeout),
                _ => Some(Limit::IdlePublisher),
            },
            Over::Broken(rtmp::Error::NameTooLong { .. }) => Some(Limit::MaxName),
            Over::Broken(rtmp::Error::TooManyEvents) => Some(Limit::MaxEvents),
            Over::Broken(rtmp::Error::TooManyAnswers) => Some(Limit::MaxAnswers),
            Over::Broken(rtmp::Error::Chunk(error)) => match error {
                rtmp::ChunkError::TooManyChunkStreams => Some(Limit::MaxChunkStreams),
                rtmp::ChunkError::MessageTooLong { .. } => Some(Limit::MaxMessageBytes),
                rtmp::ChunkError::TooMuchUnfinished => Some(Limit::MaxPartialBytes),
                rtmp::ChunkError::BadChunkSize(_) => Some(Limit::MaxInboundChunkBytes),
                rtmp::ChunkError::TinyChunks => Some(Limit::TinyChunks),
                _ => None,
            },
            Over::Broken(_) => None,
        }
    }
}

impl Conn {
    /// Counts the bound that the peer came to.
    pub(super) fn count(&self, over: &Over) {
        if let Some(limit) = over.limit() {
            self.app.counts.limit_hit(limit);
        }
    }

    /// The next event. It can be cancelled at any time without losing anything.
    pub(super) async fn next(&mut self) -> Result<Event, Over> {
        loop {
            if let Some(event) = self.session.poll_event() {
                return Ok(event);
            }
            self.flush().await;
            self.read().await?;
        }
    }

    /// Sends what the session has to say, waits until the peer could read it, and closes.
    pub(super) async fn goodbye(&mut self) {
        let farewell = async {
            self.flush().await;
            if self.stream.shutdown().await.is_ok() {
                while self.stream.read(&mut self.input).await.is_ok_and(|count| count > 0) {}
            }
        };
        // Whoever does not read its farewell in time goes without.
        let _ = timeout(GOODBYE, farewell).await;
    }

    /// Waits a moment for a peer that said goodbye to close, and answers what it still says. rtmp2sink of GStreamer takes
    /// an end that comes from our side, while its last commands are on their way, for a lost connection.
    pub(super) async fn wait_for_close(&mut self) {
        let closed = async { while self.next().await.is_ok() {} };
        // Whoever does not close in time is closed.
        let _ = timeout(GOODBYE, closed).await;
    }

    /// Takes the connection apart for the fan-out: the socket, the session, and what is still to be sent.
    pub(super) fn into_parts(mut self) -> (Arc<App>, Stream, ServerSession, Vec<Bytes>) {
        self.collect_output();
        (self.app, self.stream, self.session, self.out.into())
    }

    async fn negotiate(&mut self) -> Result<(Connect, Wish), Over> {
        let (handshake, wish) = (self.app.rtmp.handshake_timeout, self.app.rtmp.publish_timeout);
        let shake = async {
            while !self.session.handshake_done() {
                self.flush().await;
                self.read().await?;
            }
            Ok(())
        };
        timeout(handshake, shake).await.map_err(|_| Over::TimedOut(HANDSHAKE))??;
        let mut connected = None;
        let asking = async {
            loop {
                match self.next().await? {
                    Event::Connect(connect) => connected = Some(connect),
                    Event::Publish(publish) => return Ok(Wish::Publish(publish.name)),
                    Event::Play(play) => return Ok(Wish::Play(play.name)),
                    _ => {}
                }
            }
        };
        let wish = timeout(wish, asking).await.map_err(|_| Over::TimedOut(WISH))??;
        Ok((connected.unwrap_or_default(), wish))
    }

    /// Sends what there is to send. A peer that no longer listens is not at its end yet: encoders send their last
    /// frames, say goodbye and close without waiting for answers, and what they sent is still to be read.
    async fn flush(&mut self) {
        self.collect_output();
        while let Some(front) = self.out.front_mut() {
            while !front.is_empty() {
                // Unlike `write_all`, this keeps count of what was written when it is cancelled.
                match self.stream.write_buf(front).await {
                    Ok(count) if count > 0 => {}
                    _ => return self.out.clear(),
                }
            }
            self.out.pop_front();
        }
        // Of TLS only; a failure shows at the next read.
        let _ = self.stream.flush().await;
    }

    async fn read(&mut self) -> Result<(), Over> {
        let count = self.stream.read(&mut self.input).await.map_err(Over::Closed)?;
        if count == 0 {
            return Err(Over::Closed(io::ErrorKind::UnexpectedEof.into()));
        }
        let input = self.input.get(..count).unwrap_or_default();
        self.session.handle_input(input, self.app.clock.now_ms()).map_err(Over::Broken)
    }

    fn collect_output(&mut self) {
        while let Some(bytes) = self.session.poll_output() {
            self.out.push_back(bytes);
        }
    }
}

/// The words in which admission is asked about an RTMP name.
pub(super) fn asked<'a>(
    action: Action,
    target: &'a Target,
    path: &'a str,
    connect: &'a Connect,
    peer: IpAddr,
) -> Asked<'a> {
    Asked {
        action,
        host: &target.host,
        app: &target.app,
        stream: &target.stream,
        path,
        query: &target.query,
        peer: Some(peer),
        referrer: Some(connect.page_url.as_str()).filter(|url| !url.is_empty()),
    }
}
