//! WebSocket (RFC 6455), as far as members need it: the request, and whole frames.

use anyhow::{Result, bail, ensure};

use super::{MAX_UNIT, head_end};

/// The longest answer to the request.
const MAX_HEAD: usize = 4096;

/// One end of a connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Socket {
    open: bool,
}

/// The first thing that came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Came<'a> {
    /// The server's answer: messages may be sent.
    Open,
    /// A message of text.
    Text(&'a [u8]),
    /// Something else, such as a ping.
    Other,
}

impl Socket {
    /// The first thing in these bytes and how long it is.
    pub(super) fn take<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<(Came<'a>, usize)>> {
        if !self.open {
            let Some(end) = head_end(bytes) else {
                ensure!(bytes.len() < MAX_HEAD, "the answer to the handshake does not end");
                return Ok(None);
            };
            let head = String::from_utf8_lossy(&bytes[..end]);
            ensure!(head.starts_with("HTTP/1.1 101 "), "{head}");
            self.open = true;
            return Ok(Some((Came::Open, end)));
        }
        let Some((opcode, from, to)) = next_frame(bytes)? else { return Ok(None) };
        let payload = &bytes[from..to];
        match opcode {
            0x1 => Ok(Some((Came::Text(payload), to))),
            0x8 => {
                let reason = payload.get(2..).unwrap_or_default();
                bail!("closed by the server: {}", String::from_utf8_lossy(reason))
            }
            _ => Ok(Some((Came::Other, to))),
        }
    }
}

/// A member's request.
pub(super) fn request(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// A masked text frame. Masked with zeros, which is allowed and saves the tool's time.
pub(super) fn frame(payload: &[u8], out: &mut Vec<u8>) {
    out.push(0x81);
    match u8::try_from(payload.len()) {
        Ok(short) if short < 126 => out.push(0x80 | short),
        _ => {
            out.push(0x80 | 126);
            out.extend_from_slice(&u16::try_from(payload.len()).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
}

/// The opcode of the first frame, and where its payload begins and ends; none while it is not whole.
fn next_frame(bytes: &[u8]) -> Result<Option<(u8, usize, usize)>> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    let (length, head) = match (second & 0x7F, rest) {
        (126, [a, b, ..]) => (usize::from(u16::from_be_bytes([*a, *b])), 4),
        (127, rest) if rest.len() >= 8 => {
            let length = rest.iter().take(8).fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
            (usize::try_from(length)?, 10)
        }
        (126 | 127, _) => return Ok(None),
        (short, _) => (usize::from(short), 2),
    };
    ensure!(length <= MAX_UNIT, "a frame of {length} bytes");
    let end = head + length;
    Ok((bytes.len() >= end).then_some((first & 0x0F, head, end)))
}

#[cfg(test)]
pub(super) mod testing {
    /// A text as a server sends it.
    pub(in super::super) fn server_frame(text: &str) -> Vec<u8> {
        let mut frame = Vec::new();
        super::frame(text.as_bytes(), &mut frame);
        let mask = if frame[1] & 0x7F == 126 { 4 } else { 2 };
        frame[1] &= 0x7F;
        frame.drain(mask..mask + 4);
        frame
    }
}
