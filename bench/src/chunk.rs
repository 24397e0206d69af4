//! RTMP chunks (rtmp_specification_1.0, section 5.3): the receiving half, light enough for thousands of players on
//! one core, and the sending half.

use anyhow::{Result, ensure};

use crate::flv::{AUDIO, HEAD, Message, VIDEO};

/// The chunk size before anybody sets another.
pub(crate) const DEFAULT_CHUNK: usize = 128;

/// Chunk streams that a server may use towards us.
const MAX_STREAMS: usize = 16;

/// Bytes kept of a message that is not media: commands are shorter.
const MAX_COMMAND: usize = 4096;

const SET_CHUNK_SIZE: u8 = 1;

/// The most that a chunk's header takes: three bytes of basic header, eleven of message header, four of time.
const MAX_HEADER: usize = 18;

/// Puts messages together from chunks, keeping only how each begins.
#[derive(Debug)]
pub(crate) struct Reader {
    chunk: usize,
    streams: Vec<Stream>,
    header: [u8; MAX_HEADER],
    have: usize,
    /// The stream whose chunk is arriving, and how much of the chunk is to come.
    current: Option<(usize, usize)>,
}

#[derive(Debug, Default)]
struct Stream {
    id: usize,
    kind: u8,
    time: u32,
    delta: u32,
    extended: bool,
    length: usize,
    got: usize,
    head: Vec<u8>,
}

impl Reader {
    /// At the start of a connection, behind the handshake.
    pub(crate) fn new() -> Self {
        Self { chunk: DEFAULT_CHUNK, streams: Vec::new(), header: [0; MAX_HEADER], have: 0, current: None }
    }

    /// Takes bytes and tells of each message that they complete. A new chunk size is obeyed before it is told.
    pub(crate) fn feed(
        &mut self,
        mut bytes: &[u8],
        tell: &mut impl FnMut(Message<'_>) -> Result<()>,
    ) -> Result<()> {
        loop {
            let Some((index, left)) = self.current else {
                if bytes.is_empty() {
                    return Ok(());
                }
                let need = self.need();
                if self.have < need {
                    let taken = (need - self.have).min(bytes.len());
                    self.header[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
                    self.have += taken;
                    bytes = &bytes[taken..];
                    continue;
                }
                self.open()?;
                continue;
            };
            let stream = &mut self.streams[index];
            let taken = left.min(bytes.len());
            let limit = if matches!(stream.kind, AUDIO | VIDEO) { HEAD } else { MAX_COMMAND };
            let keep = limit.saturating_sub(stream.head.len()).min(taken);
            stream.head.extend_from_slice(&bytes[..keep]);
            stream.got += taken;
            bytes = &bytes[taken..];
            if taken < left {
                self.current = Some((index, left - taken));
                return Ok(());
            }
            self.current = None;
            if stream.got == stream.length {
                stream.got = 0;
                if stream.kind == SET_CHUNK_SIZE
                    && let Some(size) = stream.head.first_chunk::<4>()
                {
                    self.chunk = (u32::from_be_bytes(*size) & 0x7fff_ffff).max(1) as usize;
                }
                let Stream { kind, time, ref head, .. } = *stream;
                tell(Message { kind, time, head })?;
                stream.head.clear();
            }
        }
    }

    /// How many header bytes there must be, by those that are here.
    fn need(&self) -> usize {
        if self.have == 0 {
            return 1;
        }
        let basic = basic_length(self.header[0]);
        let short = basic + message_header(self.header[0]);
        if self.have < short {
            return short;
        }
        let extended = if self.header[0] >> 6 < 3 {
            self.header[basic..basic + 3] == [0xff; 3]
        } else {
            let id = chunk_stream(&self.header);
            self.streams.iter().any(|stream| stream.id == id && stream.extended)
        };
        if extended { short + 4 } else { short }
    }

    /// A header is whole: a chunk begins.
    fn open(&mut self) -> Result<()> {
        let header = self.header;
        let basic = basic_length(header[0]);
        let format = header[0] >> 6;
        let id = chunk_stream(&header);
        let index = match self.streams.iter().position(|stream| stream.id == id) {
            Some(index) => index,
            None => {
                ensure!(self.streams.len() < MAX_STREAMS, "too many chunk streams");
                self.streams.push(Stream { id, ..Stream::default() });
                self.streams.len() - 1
            }
        };
        let stream = &mut self.streams[index];
        let fields = &header[basic..];
        if format < 3 {
            let mut time = u32::from_be_bytes([0, fields[0], fields[1], fields[2]]);
            stream.extended = time == 0x00ff_ffff;
            if stream.extended {
                let at = self.have - 4;
                time = u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
            }
            if format < 2 {
                stream.length = u32::from_be_bytes([0, fields[3], fields[4], fields[5]]) as usize;
                stream.kind = fields[6];
            }
            if format == 0 {
                stream.time = time;
                stream.delta = 0;
            } else {
                stream.delta = time;
                stream.time = stream.time.wrapping_add(time);
            }
            stream.got = 0;
            stream.head.clear();
        } else if stream.got == 0 {
            stream.time = stream.time.wrapping_add(stream.delta);
        }
        self.have = 0;
        self.current = Some((index, (stream.length - stream.got).min(self.chunk)));
        Ok(())
    }
}

fn basic_length(first: u8) -> usize {
    match first & 63 {
        0 => 2,
        1 => 3,
        _ => 1,
    }
}

fn message_header(first: u8) -> usize {
    match first >> 6 {
        0 => 11,
        1 => 7,
        2 => 3,
        _ => 0,
    }
}

fn chunk_stream(header: &[u8; MAX_HEADER]) -> usize {
    match header[0] & 63 {
        0 => usize::from(header[1]) + 64,
        1 => usize::from(header[1]) + usize::from(header[2]) * 256 + 64,
        id => usize::from(id),
    }
}

/// Where a message goes, and in what pieces.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lane {
    /// Chunk stream, from 2 to 63.
    pub(crate) chunk_stream: u8,
    /// Message stream: 0 for the connection, or what `createStream` gave.
    pub(crate) message_stream: u32,
    /// The chunk size that holds.
    pub(crate) chunk: usize,
}

/// Writes one message with a full header.
pub(crate) fn write(out: &mut Vec<u8>, lane: Lane, kind: u8, time: u32, body: &[u8]) {
    let extended = time >= 0x00ff_ffff;
    let short = if extended { 0x00ff_ffff_u32 } else { time };
    out.push(lane.chunk_stream);
    out.extend_from_slice(&short.to_be_bytes()[1..]);
    out.extend_from_slice(&(body.len() as u32).to_be_bytes()[1..]);
    out.push(kind);
    out.extend_from_slice(&lane.message_stream.to_le_bytes());
    for (number, part) in body.chunks(lane.chunk.max(1)).enumerate() {
        if number > 0 {
            out.push(0xc0 | lane.chunk_stream);
        }
        if extended {
            out.extend_from_slice(&time.to_be_bytes());
        }
        out.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(wire: &[u8], cut: usize) -> Vec<(u8, u32, usize)> {
        let mut reader = Reader::new();
        let mut seen = Vec::new();
        for part in wire.chunks(cut) {
            reader
                .feed(part, &mut |m| {
                    seen.push((m.kind, m.time, m.head.len()));
                    Ok(())
                })
                .unwrap();
        }
        seen
    }

    #[test]
    fn messages_are_found_however_the_bytes_are_cut() {
        let small = Lane { chunk_stream: 4, message_stream: 1, chunk: DEFAULT_CHUNK };
        let large = Lane { chunk_stream: 6, message_stream: 1, chunk: 1000 };
        let mut wire = Vec::new();
        write(&mut wire, small, AUDIO, 7, &[1; 300]);
        write(&mut wire, Lane { chunk_stream: 2, message_stream: 0, ..small }, 1, 0, &1000_u32.to_be_bytes());
        write(&mut wire, large, VIDEO, 0x0100_0000, &[2; 2500]);
        for cut in [1, 2, 3, 7, 100, 5000] {
            let seen = read_all(&wire, cut);
            assert_eq!(seen, [(AUDIO, 7, HEAD), (1, 0, 4), (VIDEO, 0x0100_0000, HEAD)]);
        }
    }

    #[test]
    fn times_add_up_when_headers_are_short() {
        let mut wire = vec![4, 0, 0, 10, 0, 0, 1, AUDIO, 1, 0, 0, 0, 0xaa];
        wire.extend_from_slice(&[0x44, 0, 0, 20, 0, 0, 2, AUDIO, 0xaa, 0xaa]);
        wire.extend_from_slice(&[0x84, 0, 0, 30, 0xaa, 0xaa]);
        wire.extend_from_slice(&[0xc4, 0xaa, 0xaa]);
        assert_eq!(read_all(&wire, 3), [(AUDIO, 10, 1), (AUDIO, 30, 2), (AUDIO, 60, 2), (AUDIO, 90, 2)]);
    }

    #[test]
    fn chunks_of_two_streams_may_alternate() {
        let mut wire = vec![4, 0, 0, 1, 0, 0, 200, VIDEO, 1, 0, 0, 0];
        wire.extend_from_slice(&[1; 128]);
        wire.extend_from_slice(&[5, 0, 0, 2, 0, 0, 1, AUDIO, 1, 0, 0, 0, 9]);
        wire.push(0xc4);
        wire.extend_from_slice(&[1; 72]);
        assert_eq!(read_all(&wire, 11), [(AUDIO, 2, 1), (VIDEO, 1, HEAD)]);
    }

    #[test]
    fn endless_chunk_streams_are_refused() {
        let mut reader = Reader::new();
        let mut result = Ok(());
        for id in 3..40 {
            result =
                result.and_then(|()| reader.feed(&[id, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0], &mut |_| Ok(())));
        }
        assert!(result.is_err());
    }
}
