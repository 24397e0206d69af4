//! How a frame looks to an FLV player: a tag, as it is or wrapped for its transport.

use bytes::Bytes;
use hub::{Headers, Slot, Wire};
use media::flv;
use media::frame::Frame;

use crate::fanout::{Ask, Egress, Farewell};
use crate::http::websocket;
use crate::slots;

/// A body up to this size is copied next to its header: one part of a kilobyte costs the kernel less than three.
const COPY_BYTES: usize = 1024;

/// What stands around each tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// Nothing: the end of the connection is the end of the stream.
    Bare,
    /// An HTTP chunk (RFC 9112 section 7.1).
    Chunked,
    /// A binary WebSocket message.
    WebSocket,
}

/// One FLV viewer's wire.
pub(super) struct FlvEgress {
    framing: Framing,
    websocket: websocket::Reader,
}

impl FlvEgress {
    pub(super) fn new(framing: Framing) -> FlvEgress {
        FlvEgress { framing, websocket: websocket::Reader::default() }
    }

    fn before(&self, len: usize) -> Vec<u8> {
        match self.framing {
            Framing::Bare => Vec::new(),
            Framing::Chunked => format!("{len:x}\r\n").into_bytes(),
            Framing::WebSocket => websocket::binary_header(len),
        }
    }

    fn after(&self) -> &'static [u8] {
        if self.framing == Framing::Chunked { b"\r\n" } else { b"" }
    }
}

impl Egress for FlvEgress {
    fn slot(&self) -> Slot {
        match self.framing {
            Framing::Bare => slots::FLV,
            Framing::Chunked => slots::FLV_CHUNKED,
            Framing::WebSocket => slots::FLV_WEBSOCKET,
        }
    }

    fn encode(&self, frame: &Frame) -> Wire {
        let body = &frame.body;
        let header = flv::tag_header(frame.kind, frame.time, body.len());
        let trailer = flv::tag_trailer(body.len());
        let mut head = self.before(header.len() + body.len() + trailer.len());
        head.extend_from_slice(&header);
        if body.len() <= COPY_BYTES {
            head.extend_from_slice(body);
            head.extend_from_slice(&trailer);
            head.extend_from_slice(self.after());
            return Wire::new(vec![head.into()]);
        }
        let tail = [&trailer, self.after()].concat();
        Wire::new(vec![head.into(), body.clone(), tail.into()])
    }

    fn begin(&mut self, headers: &Headers) -> Bytes {
        // A flag for a track that never comes makes players wait for it, so they say what is known. When nothing
        // is known, both are set: a flag that is missing makes players ignore the track.
        let unknown = !headers.has_audio && !headers.has_video;
        let header = flv::header(headers.has_audio || unknown, headers.has_video || unknown);
        let mut out = self.before(header.len());
        out.extend_from_slice(&header);
        out.extend_from_slice(self.after());
        out.into()
    }

    fn handle_input(
        &mut self,
        input: &[u8],
        out: &mut Vec<Bytes>,
        asks: &mut Vec<Ask>,
    ) -> Result<(), String> {
        if self.framing != Framing::WebSocket {
            // A client may send its next request early; this connection will not come to it.
            return Ok(());
        }
        for seen in self.websocket.handle_input(input)? {
            match seen {
                websocket::Seen::Ping(pong) => out.push(pong),
                websocket::Seen::Close => asks.push(Ask::Close(websocket::close(1000, "goodbye"))),
            }
        }
        Ok(())
    }

    fn finish(&mut self, farewell: &Farewell) -> Bytes {
        match self.framing {
            Framing::Bare => Bytes::new(),
            Framing::Chunked => Bytes::from_static(b"0\r\n\r\n"),
            Framing::WebSocket => match farewell {
                Farewell::Ended(_) => websocket::close(1000, "the stream is over"),
                Farewell::TooSlow => websocket::close(1008, "too slow: the network cannot carry this stream"),
                Farewell::Dismissed(reason) => websocket::close(1008, reason),
                Farewell::Stalled => websocket::close(1008, "nothing was read for too long"),
                Farewell::ShuttingDown => websocket::close(1012, "the server restarts: connect again"),
            },
        }
    }
}
