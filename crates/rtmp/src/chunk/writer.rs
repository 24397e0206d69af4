//! Messages to chunks.
//!
//! Every message begins with a full header. That costs up to eleven bytes more than a compressed one, and buys that
//! nothing depends on what was sent before: viewers share bytes, and frames can be left out.

use bytes::{BufMut, Bytes};

use super::EXTENDED;

/// What stands before a body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    /// From 2 to 63, the ids that take one byte.
    pub(crate) chunk_stream_id: u8,
    /// Message type.
    pub(crate) kind: u8,
    /// Message stream id.
    pub(crate) stream_id: u32,
    /// Absolute time.
    pub(crate) timestamp: u32,
}

/// Basic header, message header and extended timestamp.
const FIRST_BYTES: usize = 1 + 11 + 4;
/// Basic header and extended timestamp.
const NEXT_BYTES: usize = 1 + 4;

impl Header {
    fn first(&self, body_len: usize, out: &mut impl BufMut) {
        out.put_u8(self.chunk_stream_id);
        out.put_uint(u64::from(self.timestamp.min(EXTENDED)), 3);
        out.put_uint(body_len as u64, 3);
        out.put_u8(self.kind);
        // The one number of the protocol whose low byte comes first.
        out.put_u32_le(self.stream_id);
        self.extension(out);
    }

    fn next(&self, out: &mut impl BufMut) {
        out.put_u8(0xc0 | self.chunk_stream_id);
        // Whether the extension is repeated has been argued over for years. Flash, ffmpeg, librtmp, GStreamer and SRS
        // do it, and section 5.3.1.3 can be read that way.
        self.extension(out);
    }

    fn extension(&self, out: &mut impl BufMut) {
        if self.timestamp >= EXTENDED {
            out.put_u32(self.timestamp);
        }
    }
}

/// The message in one piece; the body is copied.
pub(crate) fn whole(header: &Header, body: &[u8], chunk_size: u32) -> Bytes {
    let chunks = body.len().div_ceil(chunk_size.max(1) as usize);
    let mut out = Vec::with_capacity(FIRST_BYTES + body.len() + chunks * NEXT_BYTES);
    header.first(body.len(), &mut out);
    for (index, piece) in body.chunks(chunk_size.max(1) as usize).enumerate() {
        if index > 0 {
            header.next(&mut out);
        }
        out.extend_from_slice(piece);
    }
    out.into()
}

/// The message as slices of the body with headers between them.
pub(crate) fn shared(header: &Header, body: &Bytes, chunk_size: u32) -> Vec<Bytes> {
    let chunk_size = chunk_size.max(1) as usize;
    let mut first = Vec::with_capacity(FIRST_BYTES);
    header.first(body.len(), &mut first);
    let mut next = Vec::with_capacity(NEXT_BYTES);
    header.next(&mut next);
    let next = Bytes::from(next);
    let mut parts = Vec::with_capacity(2 * body.len().div_ceil(chunk_size));
    parts.push(Bytes::from(first));
    for at in (0..body.len()).step_by(chunk_size) {
        if at > 0 {
            parts.push(next.clone());
        }
        parts.push(body.slice(at..body.len().min(at + chunk_size)));
    }
    parts
}
