//! Sessions: what the two sides of a connection say to each other (RTMP 1.0 section 7.2).

pub(crate) mod client;
mod connect;
mod event;
mod link;
mod replies;
pub(crate) mod server;

use std::fmt;

use crate::chunk;
use crate::command::CommandError;
use crate::handshake;

/// Why a session cannot go on. The connection is to be closed, after what is left to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The peer does not shake hands as RTMP does.
    Handshake(handshake::Error),
    /// The peer's chunks cannot be read.
    Chunk(chunk::Error),
    /// The peer's command cannot be read.
    Command(CommandError),
    /// A control message that is too short.
    BrokenControl {
        /// Its message type.
        kind: u8,
    },
    /// An aggregate whose parts do not fit into it.
    BrokenAggregate,
    /// Data in AMF3.
    Amf3Data,
    /// A command before `connect`.
    CommandBeforeConnect,
    /// Audio or video from somebody who never asked to publish.
    MediaBeforePublish,
    /// A name that is longer than [`crate::Limits::max_name_bytes`].
    NameTooLong {
        /// Its length.
        len: usize,
        /// What is allowed.
        max: usize,
    },
    /// More messages at once than [`crate::Limits::max_events`], or more bytes in them than
    /// [`crate::Limits::max_event_bytes`].
    TooManyEvents,
    /// Commands whose answers need more than [`crate::Limits::max_output_bytes`].
    TooManyAnswers,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Handshake(error) => error.fmt(f),
            Error::Chunk(error) => error.fmt(f),
            Error::Command(error) => error.fmt(f),
            Error::BrokenControl { kind } => write!(f, "a control message of type {kind} is too short"),
            Error::BrokenAggregate => write!(f, "the parts of an aggregate message do not fit into it"),
            Error::Amf3Data => write!(f, "a data message in AMF3, only AMF0 is accepted"),
            Error::CommandBeforeConnect => write!(f, "a command before connect"),
            Error::MediaBeforePublish => write!(f, "audio or video before publish"),
            Error::NameTooLong { len, max } => write!(f, "a name of {len} bytes, allowed are {max}"),
            Error::TooManyEvents => write!(f, "too many messages at once"),
            Error::TooManyAnswers => write!(f, "too many commands: their answers are not read"),
        }
    }
}

impl std::error::Error for Error {}

impl From<handshake::Error> for Error {
    fn from(error: handshake::Error) -> Error {
        Error::Handshake(error)
    }
}

impl From<chunk::Error> for Error {
    fn from(error: chunk::Error) -> Error {
        Error::Chunk(error)
    }
}

impl From<CommandError> for Error {
    fn from(error: CommandError) -> Error {
        Error::Command(error)
    }
}

impl From<crate::message::NoMedia> for Error {
    fn from(error: crate::message::NoMedia) -> Error {
        match error {
            crate::message::NoMedia::BrokenAggregate => Error::BrokenAggregate,
            crate::message::NoMedia::Amf3 => Error::Amf3Data,
        }
    }
}
