//! Chunks: how messages share one connection (RTMP 1.0 section 5.3).

mod reader;
mod writer;

pub use reader::Error;
pub(crate) use reader::Reader;
pub(crate) use writer::{Header, shared, whole};

/// The chunk size of a peer that has announced none.
pub(crate) const DEFAULT_CHUNK_SIZE: u32 = 128;
/// The chunk stream of protocol control messages.
pub(crate) const CONTROL_CHUNK_STREAM: u8 = 2;
/// The chunk stream on which commands are sent.
pub(crate) const COMMAND_CHUNK_STREAM: u8 = 3;
/// A 24-bit time of this value says that the time stands in four bytes of its own.
const EXTENDED: u32 = 0x00ff_ffff;
