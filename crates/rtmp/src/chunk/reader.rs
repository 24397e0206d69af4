//! Chunks to messages.
//!
//! Input comes in any pieces. Only a header that has not arrived in full is kept aside; payload goes from the input
//! straight into its message, whose memory grows with the bytes that arrive and never because of a declared length.

use std::fmt;

use bytes::Bytes;

use super::{CONTROL_CHUNK_STREAM, DEFAULT_CHUNK_SIZE, EXTENDED};
use crate::limits::{Limits, TINY_CHUNK_BYTES};
use crate::message::Message;

/// Why chunks cannot be read on. Each is the peer's fault and ends the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// A compressed header on a chunk stream that has no full one to complete it.
    NoContext {
        /// The chunk stream.
        chunk_stream: u32,
        /// Format of the header: 1, 2 or 3.
        format: u8,
    },
    /// More chunk streams than allowed.
    TooManyChunkStreams,
    /// A message longer than allowed.
    MessageTooLong {
        /// Its length.
        len: usize,
        /// What is allowed.
        max: usize,
    },
    /// Messages that have begun and not ended would be longer together than allowed.
    TooMuchUnfinished,
    /// A header that changes a message while it is being sent.
    HeaderInsideMessage {
        /// The chunk stream.
        chunk_stream: u32,
    },
    /// A chunk size of 0, beyond 31 bits or beyond what is allowed.
    BadChunkSize(u32),
    /// A long message in chunks of a few bytes.
    TinyChunks,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NoContext { chunk_stream, format } => {
                write!(
                    f,
                    "chunk stream {chunk_stream} begins with a header of format {format}, which continues nothing"
                )
            }
            Error::TooManyChunkStreams => write!(f, "too many chunk streams"),
            Error::MessageTooLong { len, max } => write!(f, "a message of {len} bytes, allowed are {max}"),
            Error::TooMuchUnfinished => write!(f, "too many bytes in messages that have begun and not ended"),
            Error::HeaderInsideMessage { chunk_stream } => {
                write!(f, "a new message on chunk stream {chunk_stream} before the last one ended")
            }
            Error::BadChunkSize(size) => write!(f, "a chunk size of {size} is not accepted"),
            Error::TinyChunks => write!(f, "a long message in chunks of a few bytes"),
        }
    }
}

impl std::error::Error for Error {}

/// Basic header of 3 bytes, message header of 11, extended timestamp of 4.
const MAX_HEADER_BYTES: usize = 18;

/// Puts messages together.
#[derive(Debug)]
pub(crate) struct Reader {
    streams: Vec<ChunkStream>,
    /// Bytes that came before the input: a header that has not arrived in full, or what looked like one.
    kept: [u8; MAX_HEADER_BYTES],
    kept_len: usize,
    /// The stream whose chunk is being read and how many bytes of the chunk are missing.
    open: Option<(usize, usize)>,
    chunk_size: u32,
    /// Declared bytes of unfinished messages.
    partial_bytes: usize,
    /// Whether continuing chunks repeat the extended timestamp, once one has shown it.
    repeats_extension: Option<bool>,
    max_message_bytes: usize,
    max_partial_bytes: usize,
    max_chunk_streams: usize,
    max_chunk_size: u32,
    max_tiny_chunks: u32,
}

/// What a chunk stream remembers, and its unfinished message.
#[derive(Debug, Default)]
struct ChunkStream {
    id: u32,
    timestamp: u32,
    /// The last time on the wire: absolute after a full header, else the step from message to message.
    field: u32,
    extended: bool,
    len: usize,
    kind: u8,
    stream_id: u32,
    unfinished: bool,
    tiny_chunks: u32,
    payload: Vec<u8>,
}

/// A header as it was parsed.
struct Header {
    format: u8,
    chunk_stream: u32,
    bytes: usize,
    /// Where the chunk stream is; none if it is new.
    index: Option<usize>,
    field: u32,
    extended: bool,
    /// Four bytes of extended timestamp were there.
    repeats: bool,
    len: usize,
    kind: u8,
    stream_id: u32,
}

impl Reader {
    pub(crate) fn new(limits: &Limits) -> Reader {
        Reader {
            streams: Vec::new(),
            kept: [0; MAX_HEADER_BYTES],
            kept_len: 0,
            open: None,
            chunk_size: DEFAULT_CHUNK_SIZE,
            partial_bytes: 0,
            repeats_extension: None,
            max_message_bytes: limits.max_message_bytes,
            max_partial_bytes: limits.max_partial_bytes,
            max_chunk_streams: limits.max_chunk_streams,
            max_chunk_size: limits.max_chunk_size,
            max_tiny_chunks: limits.max_tiny_chunks,
        }
    }

    /// Changes how long one message, and all unfinished ones together, may be from here on.
    pub(crate) fn set_max_bytes(&mut self, message: usize, partial: usize) {
        self.max_message_bytes = message;
        self.max_partial_bytes = partial;
    }

    /// The peer announced a chunk size. It holds from the next chunk on.
    pub(crate) fn set_chunk_size(&mut self, size: u32) -> Result<(), Error> {
        if size == 0 || size > 0x7fff_ffff || size > self.max_chunk_size {
            return Err(Error::BadChunkSize(size));
        }
        self.chunk_size = size;
        Ok(())
    }

    /// The peer gives up the message that it began on a chunk stream.
    pub(crate) fn abort(&mut self, chunk_stream: u32) {
        if let Some(stream) =
            self.streams.iter_mut().find(|stream| stream.id == chunk_stream && stream.unfinished)
        {
            self.partial_bytes -= stream.len;
            stream.unfinished = false;
            stream.payload = Vec::new();
        }
    }

    /// Reads from the front of `input` until a message is whole or the input is used up.
    pub(crate) fn read(&mut self, input: &mut &[u8]) -> Result<Option<Message>, Error> {
        loop {
            if self.open.is_none() && !self.read_header(input)? {
                return Ok(None);
            }
            let Some((index, missing)) = self.open else { return Ok(None) };
            let stream = &mut self.streams[index];
            let taken = if self.kept_len > 0 {
                let taken = missing.min(self.kept_len);
                stream.take(&self.kept[..taken]);
                self.drop_kept(taken);
                taken
            } else {
                let (piece, rest) = input.split_at(missing.min(input.len()));
                *input = rest;
                stream.take(piece);
                piece.len()
            };
            if taken < missing {
                self.open = Some((index, missing - taken));
                if input.is_empty() && self.kept_len == 0 {
                    return Ok(None);
                }
                continue;
            }
            self.open = None;
            let stream = &mut self.streams[index];
            if stream.payload.len() == stream.len {
                self.partial_bytes -= stream.len;
                return Ok(Some(stream.finish()));
            }
        }
    }

    /// Reads a header and opens its chunk. False if it has not arrived in full.
    fn read_header(&mut self, input: &mut &[u8]) -> Result<bool, Error> {
        let before = self.kept_len;
        let more = (MAX_HEADER_BYTES - before).min(input.len());
        self.kept[before..before + more].copy_from_slice(&input[..more]);
        let available = before + more;
        let Some(header) = self.parse(&self.kept[..available])? else {
            self.kept_len = available;
            *input = &input[more..];
            return Ok(false);
        };
        if header.bytes >= before {
            *input = &input[header.bytes - before..];
            self.kept_len = 0;
        } else {
            // What looked like the beginning of a repeated timestamp is payload.
            self.drop_kept(header.bytes);
        }
        self.begin(&header)?;
        Ok(true)
    }

    fn drop_kept(&mut self, count: usize) {
        self.kept.copy_within(count..self.kept_len, 0);
        self.kept_len -= count;
    }

    /// The header at the front of `bytes`, or none if more bytes are needed to know it.
    fn parse(&self, bytes: &[u8]) -> Result<Option<Header>, Error> {
        let Some((format, chunk_stream, basic_len)) = basic_header(bytes) else { return Ok(None) };
        let index = self.streams.iter().position(|stream| stream.id == chunk_stream);
        let known = index.map(|index| &self.streams[index]);
        // librtmp, and with it OBS and rtmpdump, sends its first ping or buffer length with a header of format 1 on
        // the control stream. It lacks only a time and the message stream, and control messages have neither.
        let lenient = format == 1 && chunk_stream == u32::from(CONTROL_CHUNK_STREAM);
        if known.is_none() && format != 0 && !lenient {
            return Err(Error::NoContext { chunk_stream, format });
        }
        let new = ChunkStream::default();
        let known = known.unwrap_or(&new);
        let mut header = Header {
            format,
            chunk_stream,
            bytes: basic_len,
            index,
            field: known.field,
            extended: known.extended,
            repeats: false,
            len: known.len,
            kind: known.kind,
            stream_id: known.stream_id,
        };
        let fields = &bytes[basic_len..];
        if format < 3 {
            let Some((time, rest)) = fields.split_first_chunk::<3>() else { return Ok(None) };
            header.field = u24(*time);
            header.extended = header.field == EXTENDED;
            header.bytes += 3;
            if format < 2 {
                let Some((&[l2, l1, l0, kind], rest)) = rest.split_first_chunk::<4>() else {
                    return Ok(None);
                };
                header.len = u24([l2, l1, l0]) as usize;
                header.kind = kind;
                header.bytes += 4;
                if format == 0 {
                    let Some(id) = rest.first_chunk::<4>() else { return Ok(None) };
                    header.stream_id = u32::from_le_bytes(*id);
                    header.bytes += 4;
                }
            }
        }
        if header.extended {
            match self.extension(&header, known, &bytes[header.bytes..]) {
                Extension::Present(field) => {
                    header.field = field;
                    header.repeats = true;
                    header.bytes += 4;
                }
                Extension::Absent => {}
                Extension::Unknown => return Ok(None),
            }
        }
        Ok(Some(header))
    }

    /// Whether `rest` begins with an extended timestamp.
    ///
    /// In a header of format 3, encoders disagree: most repeat it, some do not. Where a message goes on, it must be
    /// the time that is already known, so a look is enough; what was seen decides for headers that begin one.
    fn extension(&self, header: &Header, known: &ChunkStream, rest: &[u8]) -> Extension {
        let value = rest.first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
        let certain = header.format < 3 || !known.unfinished;
        if header.format == 3 && self.repeats_extension == Some(false) {
            return Extension::Absent;
        }
        if certain {
            return value.map_or(Extension::Unknown, Extension::Present);
        }
        let seen = &rest[..rest.len().min(4)];
        // After a compressed header some repeat the step and others the absolute time.
        let possible =
            known.field.to_be_bytes().starts_with(seen) || known.timestamp.to_be_bytes().starts_with(seen);
        match (possible, value) {
            (false, _) => Extension::Absent,
            (true, None) => Extension::Unknown,
            (true, Some(_)) => Extension::Present(known.field),
        }
    }

    /// Opens the chunk behind `header`, having checked all that can be wrong with it.
    fn begin(&mut self, header: &Header) -> Result<(), Error> {
        let index = match header.index {
            Some(index) if self.streams[index].unfinished => {
                self.go_on(index, header)?;
                index
            }
            _ => self.start(header)?,
        };
        let stream = &mut self.streams[index];
        let missing = stream.len - stream.payload.len();
        let chunk = missing.min(self.chunk_size as usize);
        if chunk < TINY_CHUNK_BYTES && chunk < missing {
            stream.tiny_chunks += 1;
            if stream.tiny_chunks > self.max_tiny_chunks {
                return Err(Error::TinyChunks);
            }
        }
        self.open = Some((index, chunk));
        Ok(())
    }

    /// The chunk continues a message. A header with less compression than needed is harmless if it says nothing new.
    fn go_on(&mut self, index: usize, header: &Header) -> Result<(), Error> {
        let stream = &self.streams[index];
        if header.format == 0 || header.len != stream.len || header.kind != stream.kind {
            return Err(Error::HeaderInsideMessage { chunk_stream: header.chunk_stream });
        }
        if header.format == 3 && stream.extended && self.repeats_extension.is_none() {
            self.repeats_extension = Some(header.repeats);
        }
        Ok(())
    }

    fn start(&mut self, header: &Header) -> Result<usize, Error> {
        if header.len > self.max_message_bytes {
            return Err(Error::MessageTooLong { len: header.len, max: self.max_message_bytes });
        }
        if self.partial_bytes + header.len > self.max_partial_bytes {
            return Err(Error::TooMuchUnfinished);
        }
        let index = match header.index {
            Some(index) => index,
            None if self.streams.len() >= self.max_chunk_streams => return Err(Error::TooManyChunkStreams),
            None => {
                // Few chunk streams are used and thousands of viewers are there, so none is kept in reserve.
                self.streams.reserve_exact(1);
                self.streams.push(ChunkStream { id: header.chunk_stream, ..ChunkStream::default() });
                self.streams.len() - 1
            }
        };
        self.partial_bytes += header.len;
        let stream = &mut self.streams[index];
        let base = if header.format == 0 { 0 } else { stream.timestamp };
        stream.timestamp = base.wrapping_add(header.field);
        stream.field = header.field;
        stream.extended = header.extended;
        stream.len = header.len;
        stream.kind = header.kind;
        stream.stream_id = header.stream_id;
        stream.unfinished = true;
        stream.tiny_chunks = 0;
        Ok(index)
    }

    /// Bytes of memory behind this reader.
    #[cfg(test)]
    pub(crate) fn heap_bytes(&self) -> usize {
        let payloads: usize = self.streams.iter().map(|stream| stream.payload.capacity()).sum();
        self.streams.capacity() * size_of::<ChunkStream>() + payloads
    }
}

impl ChunkStream {
    fn take(&mut self, piece: &[u8]) {
        let needed = self.payload.len() + piece.len();
        if needed > self.payload.capacity() {
            // At most four times what has arrived, and never more than the message: then its memory is exactly its
            // length in the end, and becomes shared bytes without another copy.
            let target = needed.max(self.payload.len() * 4).min(self.len);
            self.payload.reserve_exact(target - self.payload.len());
        }
        self.payload.extend_from_slice(piece);
    }

    fn finish(&mut self) -> Message {
        self.unfinished = false;
        let body = Bytes::from(std::mem::take(&mut self.payload));
        Message { kind: self.kind, stream_id: self.stream_id, timestamp: self.timestamp, body }
    }
}

/// What four bytes behind a header are.
enum Extension {
    Present(u32),
    Absent,
    /// Too few of them are there to know.
    Unknown,
}

/// Format, chunk stream id and length of a basic header (section 5.3.1.1).
fn basic_header(bytes: &[u8]) -> Option<(u8, u32, usize)> {
    let first = *bytes.first()?;
    let format = first >> 6;
    match first & 0x3f {
        0 => Some((format, 64 + u32::from(*bytes.get(1)?), 2)),
        1 => Some((format, 64 + u32::from(*bytes.get(1)?) + 256 * u32::from(*bytes.get(2)?), 3)),
        id => Some((format, u32::from(id), 1)),
    }
}

fn u24([high, middle, low]: [u8; 3]) -> u32 {
    u32::from_be_bytes([0, high, middle, low])
}

#[cfg(test)]
mod tests;
