//! Reads whole messages from a client that has something to say.

use bytes::Bytes;

use super::{MAX_CONTROL, close, frame_header, parse_header};

/// Most frames of one message (RFC 6455 section 5.4). Clients that split a short text into more are up to no good.
const MAX_FRAMES: u32 = 16;

/// Close code: a frame that breaks the rules.
pub const PROTOCOL: u16 = 1002;
/// Close code: not text.
pub const UNSUPPORTED: u16 = 1003;
/// Close code: text that is not UTF-8.
pub const NOT_UTF8: u16 = 1007;
/// Close code: against the rules of this server.
pub const POLICY: u16 = 1008;
/// Close code: too large.
pub const TOO_BIG: u16 = 1009;

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub enum Came {
    /// A message, whole.
    Text(String),
    /// A ping; this frame answers it.
    Ping(Bytes),
    /// The answer to a ping.
    Pong,
    /// The client leaves; this frame answers it.
    Close(Bytes),
}

/// Why the connection cannot go on: a close code and what it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken(pub u16, pub &'static str);

/// Puts a client's frames together. What it holds is bounded by the longest message, and nothing is held between messages.
#[derive(Debug, Default)]
pub struct Messages {
    /// The frame header that is being gathered, at most 14 bytes.
    header: Vec<u8>,
    frame: Option<Frame>,
    /// The message so far, and its frames so far.
    text: Vec<u8>,
    frames: u32,
}

#[derive(Debug)]
struct Frame {
    opcode: u8,
    last: bool,
    mask: [u8; 4],
    left: u64,
    /// Bytes of it that came, which says where in the mask the next one is.
    came: usize,
    /// Of a control frame; those come between the frames of a message.
    control: Vec<u8>,
}

impl Messages {
    /// Takes bytes as they came, in any pieces, and hands out what they complete. Messages longer than `max` break the
    /// connection before they are gathered.
    pub fn read(&mut self, mut input: &[u8], max: usize, mut take: impl FnMut(Came)) -> Result<(), Broken> {
        while let Some((first, rest)) = input.split_first() {
            match &mut self.frame {
                None => {
                    self.header.push(*first);
                    input = rest;
                    let last = self.header.first().is_some_and(|byte| byte & 0x80 != 0);
                    let parsed = parse_header(&self.header, max as u64);
                    let parsed = parsed.map_err(|told| Broken(told.code(), told.text()))?;
                    if let Some(head) = parsed {
                        self.header = Vec::new();
                        self.begin(head.opcode, last, head.left, max)?;
                        let (opcode, mask, left) = (head.opcode, head.mask, head.left);
                        self.frame = Some(Frame { opcode, last, mask, left, came: 0, control: Vec::new() });
                    }
                }
                Some(frame) => {
                    let count = usize::try_from(frame.left).unwrap_or(usize::MAX).min(input.len());
                    let (now, rest) = input.split_at(count);
                    input = rest;
                    frame.left -= count as u64;
                    let (start, mask) = (frame.came, frame.mask);
                    let plain = now.iter().enumerate().map(|(at, byte)| byte ^ mask[(start + at) % 4]);
                    if frame.opcode >= 0x8 {
                        frame.control.extend(plain)
                    } else {
                        self.text.extend(plain)
                    }
                    frame.came += count;
                }
            }
            if let Some(done) = self.frame.take_if(|frame| frame.left == 0) {
                self.end(done, &mut take)?;
            }
        }
        Ok(())
    }

    /// A frame begins: may it, here?
    fn begin(&mut self, opcode: u8, last: bool, len: u64, max: usize) -> Result<(), Broken> {
        let within = self.frames > 0;
        match opcode {
            0x0 if !within => return Err(Broken(PROTOCOL, "a continuation of nothing")),
            0x1 if within => return Err(Broken(PROTOCOL, "a message within a message")),
            0x0 | 0x1 => {}
            0x2 => return Err(Broken(UNSUPPORTED, "only text is understood here")),
            0x8..=0xA if last && len <= MAX_CONTROL as u64 => return Ok(()),
            _ => return Err(Broken(PROTOCOL, "a frame that the protocol does not have")),
        }
        self.frames += 1;
        if self.frames > MAX_FRAMES || self.text.len() as u64 + len > max as u64 {
            return Err(Broken(TOO_BIG, "the message is too long"));
        }
        Ok(())
    }

    fn end(&mut self, frame: Frame, take: &mut impl FnMut(Came)) -> Result<(), Broken> {
        match frame.opcode {
            0x8 => {
                let code = frame.control.first_chunk().map_or(1000, |code| u16::from_be_bytes(*code));
                take(Came::Close(close(code, "")));
            }
            0x9 => {
                let mut pong = frame_header(0xA, frame.control.len());
                pong.extend_from_slice(&frame.control);
                take(Came::Ping(pong.into()));
            }
            0xA => take(Came::Pong),
            _ if frame.last => {
                self.frames = 0;
                let text = String::from_utf8(std::mem::take(&mut self.text));
                take(Came::Text(text.map_err(|_| Broken(NOT_UTF8, "the text is not UTF-8"))?));
            }
            _ => {}
        }
        Ok(())
    }
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

    fn read(reader: &mut Messages, bytes: &[u8]) -> Result<Vec<Came>, Broken> {
        let mut came = Vec::new();
        reader.read(bytes, 100, |one| came.push(one)).map(|()| came)
    }

    #[test]
    fn messages_come_whole_however_they_are_split() {
        let mut bytes = masked(0x81, "你好".as_bytes());
        bytes.extend(masked(0x01, b"a"));
        bytes.extend(masked(0x89, b"?"));
        bytes.extend(masked(0x00, b""));
        bytes.extend(masked(0x80, b"b"));
        bytes.extend(masked(0x8A, b""));
        bytes.extend(masked(0x88, &[3, 232]));
        let expected = || {
            vec![
                Came::Text("你好".into()),
                Came::Ping(Bytes::from_static(&[0x8A, 1, b'?'])),
                Came::Text("ab".into()),
                Came::Pong,
                Came::Close(Bytes::from_static(&[0x88, 2, 3, 232])),
            ]
        };
        assert_eq!(read(&mut Messages::default(), &bytes).unwrap(), expected());
        let mut reader = Messages::default();
        let one_by_one: Vec<Came> =
            bytes.chunks(1).flat_map(|byte| read(&mut reader, byte).unwrap()).collect();
        assert_eq!(one_by_one, expected());
        assert_eq!(
            (reader.header.capacity(), reader.text.capacity()),
            (0, 0),
            "nothing is held between messages"
        );
    }

    #[test]
    fn what_breaks_the_rules_is_told_apart() {
        let long = masked(0x81, &[b'x'; 101]);
        let twice = [masked(0x01, &[b'x'; 60]), masked(0x80, &[b'x'; 60])].concat();
        let many = [masked(0x01, b""), masked(0x00, b"").repeat(16)].concat();
        for (bytes, code) in [
            (&long[..], TOO_BIG),
            (&twice, TOO_BIG),
            (&many, TOO_BIG),
            (&masked(0x82, b"x"), UNSUPPORTED),
            (&masked(0x80, b"x"), PROTOCOL),
            (&[masked(0x01, b"x"), masked(0x81, b"x")].concat(), PROTOCOL),
            (&masked(0x83, b"x"), PROTOCOL),
            (&masked(0x09, b"x"), PROTOCOL),
            (&masked(0xC1, b"x"), PROTOCOL),
            (&[0x81, 0x01, b'x'], PROTOCOL),
            (&masked(0x81, &[0xFF, 0xFE]), NOT_UTF8),
        ] {
            assert_eq!(read(&mut Messages::default(), bytes).unwrap_err().0, code, "{bytes:x?}");
        }
    }
}
