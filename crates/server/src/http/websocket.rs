//! The WebSocket wire (RFC 6455), server side: the handshake's answer, frame headers, a reader of what players send, who
//! have nothing to say, and one of [`messages`].

pub mod messages;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sha1::{Digest, Sha1};

use super::head::Head;

/// The constant of section 1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Longest payload of a control frame (section 5.5).
const MAX_CONTROL: usize = 125;

/// Longest message of a player, who has nothing to say. What is within it is skipped.
const MAX_DATA: u64 = 64 * 1024;

/// The value of `Sec-WebSocket-Accept`, when the request is a WebSocket handshake that can be answered.
pub fn accept(head: &Head) -> Option<String> {
    if !head.is_websocket() || head.header("sec-websocket-version") != Some("13") {
        return None;
    }
    let key = head.header("sec-websocket-key")?;
    if STANDARD.decode(key).ok()?.len() != 16 {
        return None;
    }
    Some(STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize()))
}

/// The header of an unmasked, unfragmented text message of `len` bytes.
pub fn text_header(len: usize) -> Vec<u8> {
    frame_header(0x1, len)
}

/// A ping without a payload.
pub const PING: &[u8] = &[0x89, 0];

/// The header of an unmasked, unfragmented binary message of `len` bytes.
pub fn binary_header(len: usize) -> Vec<u8> {
    frame_header(0x2, len)
}

/// A close frame.
pub fn close(code: u16, reason: &str) -> Bytes {
    let mut cut = reason.len().min(MAX_CONTROL - 2);
    while !reason.is_char_boundary(cut) {
        cut -= 1;
    }
    let mut out = frame_header(0x8, 2 + cut);
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(&reason.as_bytes()[..cut]);
    out.into()
}

fn frame_header(opcode: u8, len: usize) -> Vec<u8> {
    let mut out = vec![0x80 | opcode];
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(short), _) if short < 126 => out.push(short),
        (_, Ok(medium)) => {
            out.push(126);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    out
}

/// Reads a player's frames: answers pings, sees the close, skips the rest.
#[derive(Debug, Default)]
pub struct Reader {
    /// The frame header that is being gathered, at most 14 bytes.
    header: Vec<u8>,
    payload: Option<Payload>,
}

#[derive(Debug)]
struct Payload {
    opcode: u8,
    mask: [u8; 4],
    left: u64,
    /// Unmasked bytes of a control frame.
    kept: Vec<u8>,
}

/// What a player's frame asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Seen {
    /// A ping; this frame answers it.
    Ping(Bytes),
    /// The player leaves.
    Close,
}

impl Reader {
    /// Takes bytes as they came, in any pieces.
    pub fn handle_input(&mut self, mut input: &[u8]) -> Result<Vec<Seen>, String> {
        let mut seen = Vec::new();
        while !input.is_empty() {
            match &mut self.payload {
                None => {
                    self.header.push(input[0]);
                    input = &input[1..];
                    let parsed =
                        parse_header(&self.header, MAX_DATA).map_err(|told| told.text().to_owned())?;
                    self.payload = parsed.map(|Announced { opcode, mask, left }| Payload {
                        opcode,
                        mask,
                        left,
                        kept: Vec::new(),
                    });
                    if self.payload.is_some() {
                        self.header.clear();
                    }
                }
                Some(payload) => {
                    let count = usize::try_from(payload.left).unwrap_or(usize::MAX).min(input.len());
                    let (now, rest) = input.split_at(count);
                    input = rest;
                    payload.left -= count as u64;
                    if payload.opcode >= 0x8 {
                        let start = payload.kept.len();
                        let unmask = |(i, byte): (usize, &u8)| byte ^ payload.mask[(start + i) % 4];
                        payload.kept.extend(now.iter().enumerate().map(unmask));
                    }
                }
            }
            if let Some(done) = self.payload.take_if(|payload| payload.left == 0) {
                match done.opcode {
                    0x8 => seen.push(Seen::Close),
                    0x9 => {
                        let mut pong = frame_header(0xA, done.kept.len());
                        pong.extend_from_slice(&done.kept);
                        seen.push(Seen::Ping(pong.into()));
                    }
                    _ => {}
                }
            }
        }
        Ok(seen)
    }
}

/// What a frame's header says.
struct Announced {
    opcode: u8,
    mask: [u8; 4],
    left: u64,
}

/// What is wrong with a frame's header.
#[derive(Debug, Clone, Copy)]
enum BadHeader {
    Extension,
    NotMasked,
    TooLong,
}

impl BadHeader {
    fn text(self) -> &'static str {
        match self {
            BadHeader::Extension => "a WebSocket frame uses an extension that was not agreed on",
            BadHeader::NotMasked => "a WebSocket client must mask its frames (RFC 6455 section 5.1)",
            BadHeader::TooLong => "a WebSocket frame is longer than this server takes",
        }
    }

    fn code(self) -> u16 {
        match self {
            BadHeader::Extension | BadHeader::NotMasked => messages::PROTOCOL,
            BadHeader::TooLong => messages::TOO_BIG,
        }
    }
}

/// What a complete header announces; `None` while bytes are missing. Frames of data have at most `max` bytes.
fn parse_header(header: &[u8], max: u64) -> Result<Option<Announced>, BadHeader> {
    let [first, second, rest @ ..] = header else { return Ok(None) };
    if first & 0x70 != 0 {
        return Err(BadHeader::Extension);
    }
    if second & 0x80 == 0 {
        return Err(BadHeader::NotMasked);
    }
    let opcode = first & 0x0F;
    let (length_bytes, short) = match second & 0x7F {
        126 => (2, 0),
        127 => (8, 0),
        short => (0, u64::from(short)),
    };
    if rest.len() < length_bytes + 4 {
        return Ok(None);
    }
    let (length, mask) = rest.split_at(length_bytes);
    let left = length.iter().fold(short, |sum, byte| (sum << 8) | u64::from(*byte));
    if left > if opcode >= 0x8 { MAX_CONTROL as u64 } else { max } {
        return Err(BadHeader::TooLong);
    }
    let mask = [mask[0], mask[1], mask[2], mask[3]];
    Ok(Some(Announced { opcode, mask, left }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [1, 2, 3, 4];
        let mut out = vec![first, 0x80 | payload.len() as u8];
        out.extend_from_slice(&mask);
        out.extend(payload.iter().enumerate().map(|(i, byte)| byte ^ mask[i % 4]));
        out
    }

    #[test]
    fn the_key_of_the_rfc_is_answered_as_the_rfc_says() {
        let text = "GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
        let (head, _) = Head::parse(text.as_bytes()).unwrap().unwrap();
        assert_eq!(accept(&head).as_deref(), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        let short = text.replace("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ=");
        let (head, _) = Head::parse(short.as_bytes()).unwrap().unwrap();
        assert_eq!(accept(&head), None);
    }

    #[test]
    fn a_ping_is_answered_and_text_is_skipped_in_any_pieces() {
        let mut bytes = masked(0x81, b"hello");
        bytes.extend(masked(0x89, b"are you there"));
        bytes.extend(masked(0x88, b""));
        let pong = [&[0x8A, 13][..], b"are you there"].concat();
        let expected = vec![Seen::Ping(pong.into()), Seen::Close];
        assert_eq!(Reader::default().handle_input(&bytes).unwrap(), expected);
        let mut reader = Reader::default();
        let one_by_one: Vec<Seen> =
            bytes.chunks(1).flat_map(|byte| reader.handle_input(byte).unwrap()).collect();
        assert_eq!(one_by_one, expected);
    }

    #[test]
    fn a_frame_that_breaks_the_rules_ends_the_connection() {
        let huge = [0x82, 0xFF, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4];
        let unmasked = [0x81, 0x01, b'x'];
        let long_ping = [0x89, 0xFE, 0, 126, 1, 2, 3, 4];
        let extension = [0xC1, 0x81, 1, 2, 3, 4, 0];
        for bytes in [&huge[..], &unmasked, &long_ping, &extension] {
            assert!(Reader::default().handle_input(bytes).is_err(), "{bytes:x?}");
        }
    }

    #[test]
    fn each_length_has_its_form() {
        assert_eq!(binary_header(125), [0x82, 125]);
        assert_eq!(binary_header(126), [0x82, 126, 0, 126]);
        assert_eq!(binary_header(65_536), [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
        assert_eq!(close(1000, "终")[..], [0x88, 5, 3, 0xE8, 0xE7, 0xBB, 0x88]);
    }
}
