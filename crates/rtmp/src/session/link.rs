//! What both sides of a connection do alike: chunks, control messages, acknowledgements.

use std::collections::VecDeque;

use amf0::Value;
use bytes::Bytes;

use super::Error;
use crate::chunk::{self, COMMAND_CHUNK_STREAM, CONTROL_CHUNK_STREAM, DEFAULT_CHUNK_SIZE, Reader};
use crate::command;
use crate::limits::Limits;
use crate::message::{Message, control, kind};

/// Assumed for a peer that announces no window, as ffmpeg and SRS do.
const DEFAULT_WINDOW: u32 = 2_500_000;
/// A peer that announces a window of a few bytes is still acknowledged no more often than this.
const MIN_ACK_BYTES: u32 = 4096;

/// A connection after its handshake, or during it for what is sent.
#[derive(Debug)]
pub(super) struct Link {
    reader: Reader,
    output: VecDeque<Bytes>,
    output_bytes: usize,
    max_output_bytes: usize,
    chunk_size: u32,
    /// The window that the peer announced: how much it sends before it wants to hear of it.
    window: u32,
    received: u32,
    acknowledged: u32,
}

impl Link {
    pub(super) fn new(limits: &Limits) -> Link {
        Link {
            reader: Reader::new(limits),
            output: VecDeque::new(),
            output_bytes: 0,
            max_output_bytes: limits.max_output_bytes,
            chunk_size: DEFAULT_CHUNK_SIZE,
            window: DEFAULT_WINDOW,
            received: 0,
            acknowledged: 0,
        }
    }

    /// Changes how long one message, and all unfinished ones together, may be from here on.
    pub(super) fn set_max_bytes(&mut self, message: usize, partial: usize) {
        self.reader.set_max_bytes(message, partial);
    }

    /// Counts input. The count wraps, as that of the peer does.
    pub(super) fn count(&mut self, len: usize) {
        self.received = self.received.wrapping_add(len as u32);
    }

    /// The next message that is for the session. Those about the connection itself are dealt with here.
    pub(super) fn read(&mut self, input: &mut &[u8]) -> Result<Option<Message>, Error> {
        while let Some(message) = self.reader.read(input)? {
            let number = || message.number().ok_or(Error::BrokenControl { kind: message.kind });
            match message.kind {
                kind::SET_CHUNK_SIZE => self.reader.set_chunk_size(number()?)?,
                kind::ABORT => self.reader.abort(number()?),
                // A window of 0 would ask for an acknowledgement of nothing, forever.
                kind::WINDOW_ACK_SIZE => {
                    self.window = Some(number()?).filter(|size| *size > 0).unwrap_or(self.window)
                }
                kind::ACKNOWLEDGEMENT | kind::SET_PEER_BANDWIDTH => {}
                kind::USER_CONTROL => match message.user_control() {
                    Some((control::PING_REQUEST, time)) => {
                        self.user_control(control::PING_RESPONSE, &[time.unwrap_or(0)]);
                        self.check_output()?;
                    }
                    Some(_) => return Ok(Some(message)),
                    None => return Err(Error::BrokenControl { kind: message.kind }),
                },
                _ => return Ok(Some(message)),
            }
        }
        Ok(None)
    }

    /// Tells the peer how much has arrived, when half of its window has. Called once per input, so that one input
    /// brings one acknowledgement at most.
    pub(super) fn acknowledge(&mut self) {
        let due = (self.window / 2).max(MIN_ACK_BYTES);
        if self.received.wrapping_sub(self.acknowledged) >= due {
            self.acknowledged = self.received;
            self.control(kind::ACKNOWLEDGEMENT, self.received);
        }
    }

    /// Whether the peer asks for more answers than it reads.
    pub(super) fn check_output(&self) -> Result<(), Error> {
        if self.output_bytes > self.max_output_bytes { Err(Error::TooManyAnswers) } else { Ok(()) }
    }

    /// Announces a chunk size and keeps to it.
    pub(super) fn use_chunk_size(&mut self, size: u32) {
        self.control(kind::SET_CHUNK_SIZE, size);
        self.chunk_size = size;
    }

    /// A control message with one number.
    pub(super) fn control(&mut self, kind: u8, number: u32) {
        self.send(CONTROL_CHUNK_STREAM, kind, 0, &number.to_be_bytes());
    }

    /// A control message with a number and a byte.
    pub(super) fn peer_bandwidth(&mut self, size: u32) {
        // The limit is dynamic, which is the only type that no client takes as an order.
        const DYNAMIC: u8 = 2;
        let [a, b, c, d] = size.to_be_bytes();
        self.send(CONTROL_CHUNK_STREAM, kind::SET_PEER_BANDWIDTH, 0, &[a, b, c, d, DYNAMIC]);
    }

    pub(super) fn user_control(&mut self, event: u16, values: &[u32]) {
        let mut body = event.to_be_bytes().to_vec();
        body.extend(values.iter().flat_map(|value| value.to_be_bytes()));
        self.send(CONTROL_CHUNK_STREAM, kind::USER_CONTROL, 0, &body);
    }

    pub(super) fn command(&mut self, stream_id: u32, name: &str, transaction: f64, values: &[Value]) {
        let body = command::encode(name, transaction, values);
        self.send(COMMAND_CHUNK_STREAM, kind::COMMAND, stream_id, &body);
    }

    pub(super) fn send(&mut self, chunk_stream_id: u8, kind: u8, stream_id: u32, body: &[u8]) {
        let header = chunk::Header { chunk_stream_id, kind, stream_id, timestamp: 0 };
        self.send_bytes(chunk::whole(&header, body, self.chunk_size));
    }

    pub(super) fn send_bytes(&mut self, bytes: Bytes) {
        self.output_bytes += bytes.len();
        self.output.push_back(bytes);
    }

    pub(super) fn chunk_size(&self) -> u32 {
        self.chunk_size
    }

    pub(super) fn poll_output(&mut self) -> Option<Bytes> {
        let bytes = self.output.pop_front();
        match &bytes {
            Some(bytes) => self.output_bytes -= bytes.len(),
            // A viewer hardly ever asks again for hours; it need not keep the room.
            None => self.output = VecDeque::new(),
        }
        bytes
    }

    /// Bytes of memory behind this link.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.reader.heap_bytes() + self.output.capacity() * size_of::<Bytes>() + self.output_bytes
    }
}
