//! The RTMP state machine, server and client side: bytes and time in, bytes and events out.
//!
//! ```text
//! bytes ─► handshake ─► chunk::Reader ─► message ─► session ─► Event
//! bytes ◄───────────── chunk::writer ◄──────────── session ◄─ accept_publish, end_play ...
//! bytes ◄───────────── media_message: the same for every viewer
//! ```
//!
//! A driver reads a socket, calls [`ServerSession::handle_input`], polls events and output until there are none, and
//! writes. It asks nothing of the driver's clock or tasks. Bodies of audio and video are bytes: no codec is known
//! here. What a peer may cost is bounded by [`Limits`].

mod chunk;
mod command;
mod handshake;
mod limits;
mod media;
mod message;
mod names;
mod session;
mod url;

pub use chunk::Error as ChunkError;
pub use command::CommandError;
pub use handshake::Error as HandshakeError;
pub use limits::{Limits, TINY_CHUNK_BYTES};
pub use media::{MEDIA_STREAM_ID, Media, MediaKind, media_message};
pub use names::{NameError, Target};
pub use session::Error;
pub use session::client::{ClientConfig, ClientEvent, ClientSession};
pub use session::server::{
    Connect, Event, Play, PlayRefusal, Publish, PublishRefusal, ServerConfig, ServerSession,
};
pub use url::{Url, UrlError};
