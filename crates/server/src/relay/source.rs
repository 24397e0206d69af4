//! A stream of another server as it comes in, over whichever of the protocols its address names.

use std::time::Duration;

use bytes::Bytes;
use media::frame::Kind;
use media::time::Unwrap;
use rtmp::{ClientEvent, MediaKind};
use tokio::time::timeout;

use super::Failure;
use super::dial::{Dialer, Patience};
use super::flv::FlvSource;
use super::rtmp::{Client, Intent};
use super::target::Target;
use crate::net::Guard;
use crate::rtmp::Settings;

/// For whoever plays a stream by hand: a person waits.
const PATIENCE: Patience = Patience {
    connect: Duration::from_secs(5),
    start: Duration::from_secs(10),
    // A server may hold a player until there is a stream, for up to `hub.grace_seconds`.
    idle: Duration::from_secs(20),
};

/// A stream that is coming in.
pub(crate) struct Source(Inner);

enum Inner {
    Rtmp { client: Box<Client>, times: Unwrap },
    Flv(Box<FlvSource>),
}

impl Source {
    /// Plays an address that the operator names, as a client would.
    pub(crate) async fn play(
        target: &Target,
        ca_file: &str,
        agent: String,
        settings: &Settings,
    ) -> anyhow::Result<Source> {
        let dialer = Dialer::new(ca_file, PATIENCE)?;
        Ok(Source::open(&dialer, target, Guard::OPERATOR, agent, settings).await?)
    }

    /// Connects, and returns when the other server has begun to answer with the stream.
    pub(super) async fn open(
        dialer: &Dialer,
        target: &Target,
        guard: Guard,
        agent: String,
        settings: &Settings,
    ) -> Result<Source, Failure> {
        if target.scheme().is_http() {
            let max_bytes = settings.limits.max_message_bytes;
            let source = FlvSource::open(dialer, target, guard, &agent, max_bytes).await?;
            return Ok(Source(Inner::Flv(Box::new(source))));
        }
        let wire = dialer.dial(target, guard).await?;
        let mut client = Client::new(wire, Intent::Play, target.url(), agent, settings)?;
        // A server may hold a player until there is a stream, as this one does.
        client.begin(dialer.patience.start, dialer.patience.idle).await?;
        Ok(Source(Inner::Rtmp { client: Box::new(client), times: Unwrap::default() }))
    }

    /// The next piece of media, its time in milliseconds, if it comes in time.
    pub(super) async fn next_within(&mut self, idle: Duration) -> Result<(Kind, i64, Bytes), Failure> {
        timeout(idle, self.next()).await.map_err(|_| Failure::TimedOut("no audio or video came"))?
    }

    /// The next piece of media. It can be cancelled at any time without losing anything.
    pub(crate) async fn next(&mut self) -> Result<(Kind, i64, Bytes), Failure> {
        match &mut self.0 {
            Inner::Flv(source) => {
                let tag = source.next().await?;
                Ok((tag.kind, tag.time, tag.body))
            }
            Inner::Rtmp { client, times } => loop {
                if let ClientEvent::Media(media) = client.next().await? {
                    let kind = match media.kind {
                        MediaKind::Audio => Kind::Audio,
                        MediaKind::Video => Kind::Video,
                        MediaKind::Data => Kind::Data,
                    };
                    return Ok((kind, times.unwrap(media.timestamp), media.body));
                }
            },
        }
    }
}
