//! A member of a chat room without its socket: reads WebSocket frames, counts the messages in them and looks at their
//! numbers. As a member costs the tool as much as the server, it reads no JSON: it finds what it needs by its name.

use anyhow::{Context, Result, bail, ensure};

use crate::client::contains;

/// The longest answer to the handshake, and the longest frame.
const MAX_HEAD: usize = 4096;
const MAX_FRAME: usize = 4 << 20;

/// What stands before the moment at which a message was sent, in its text. Its digits are those of nanoseconds.
const STAMP: &[u8] = b"\"text\":\"@";
const STAMP_DIGITS: usize = 15;

/// The text of a message of so many bytes that was sent at this moment.
pub(crate) fn text(now: u64, size: usize) -> String {
    format!("@{now:0STAMP_DIGITS$}{:.>1$}", "", size.saturating_sub(STAMP_DIGITS + 1))
}

/// A masked text frame. Masked with zeros, which is allowed and saves the tool's time.
pub(crate) fn frame(payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0x81];
    match u8::try_from(payload.len()) {
        Ok(short) if short < 126 => out.push(0x80 | short),
        _ => {
            out.push(0x80 | 126);
            out.extend_from_slice(&u16::try_from(payload.len()).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
    out
}

/// What a member's request for a WebSocket looks like.
pub(crate) fn handshake(host: &str, path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// One member.
#[derive(Debug, Default)]
pub(crate) struct Member {
    open: bool,
    input: Vec<u8>,
    /// The number of the last message.
    pub(crate) last: u64,
    /// It has been greeted.
    pub(crate) welcome: bool,
    /// The epoch, and whether a comeback got exactly what was missed.
    pub(crate) epoch: String,
    pub(crate) recovered: bool,
    /// Messages that came in batches.
    pub(crate) messages: u64,
    pub(crate) frames: u64,
    pub(crate) bytes: u64,
    /// Messages that were left out, by their numbers.
    pub(crate) missed: u64,
    /// Answers to what it said.
    pub(crate) acks: u64,
    pub(crate) rejects: u64,
    /// The number that its likes have come to.
    pub(crate) likes: u64,
    /// Moments in messages are looked at.
    pub(crate) sampled: bool,
}

impl Member {
    /// One who has not said hello; `sampled`: the moments of its messages are looked at.
    pub(crate) fn new(sampled: bool) -> Member {
        Member { sampled, ..Member::default() }
    }

    /// Whether its handshake has been answered.
    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    /// Takes bytes; the moments of messages are told.
    pub(crate) fn feed(&mut self, bytes: &[u8], tell: &mut impl FnMut(u64)) -> Result<()> {
        self.bytes += bytes.len() as u64;
        // Nearly always whole frames come, and nothing waits.
        if self.open && self.input.is_empty() {
            let used = self.frames_of(bytes, tell)?;
            self.input.extend_from_slice(&bytes[used..]);
            return Ok(());
        }
        self.input.extend_from_slice(bytes);
        if !self.open {
            let Some(end) = self.input.windows(4).position(|four| four == b"\r\n\r\n") else {
                ensure!(self.input.len() < MAX_HEAD, "the answer to the handshake does not end");
                return Ok(());
            };
            let head = String::from_utf8_lossy(&self.input[..end]).into_owned();
            ensure!(head.starts_with("HTTP/1.1 101 "), "{head}");
            self.input.drain(..end + 4);
            self.open = true;
        }
        let input = std::mem::take(&mut self.input);
        let used = self.frames_of(&input, tell)?;
        if used < input.len() {
            self.input = input[used..].to_vec();
        }
        Ok(())
    }

    fn frames_of(&mut self, bytes: &[u8], tell: &mut impl FnMut(u64)) -> Result<usize> {
        let mut at = 0;
        while let Some((opcode, from, to)) = next_frame(&bytes[at..])? {
            let payload = &bytes[at + from..at + to];
            match opcode {
                0x1 => self.take(payload, tell)?,
                0x8 => bail!(
                    "closed by the server: {}",
                    String::from_utf8_lossy(payload.get(2..).unwrap_or_default())
                ),
                _ => {}
            }
            at += to;
        }
        Ok(at)
    }

    fn take(&mut self, payload: &[u8], tell: &mut impl FnMut(u64)) -> Result<()> {
        if payload.starts_with(b"{\"t\":\"batch\"") {
            self.frames += 1;
            if let Some(from) = number(payload, b"\"from\":") {
                let to = number(payload, b"\"to\":").context("a batch without its end")?;
                self.missed += from.saturating_sub(self.last + 1);
                self.messages += to + 1 - from;
                self.last = to;
                if self.sampled {
                    stamps(payload, tell);
                }
            }
            if let Some(likes) = number(payload, b"\"likes\":") {
                self.likes = likes;
            }
            return Ok(());
        }
        let text = String::from_utf8_lossy(payload);
        if text.contains("\"t\":\"ack\"") {
            self.acks += 1;
        } else if text.contains("\"t\":\"reject\"") {
            self.rejects += 1;
        } else if text.contains("\"t\":\"welcome\"") {
            self.welcome = true;
            // The room's own number stands before those of the messages in it, in the order of names.
            let welcome: serde_json::Value = serde_json::from_slice(payload)?;
            self.last = welcome["seq"].as_u64().context("no number")?;
            self.recovered = welcome["recovered"] == true;
            self.epoch = welcome["epoch"].as_str().context("no epoch")?.to_owned();
            if self.recovered {
                self.messages += welcome["messages"].as_array().map_or(0, |missed| missed.len() as u64);
            }
        } else if text.contains("\"t\":\"bye\"") || text.contains("\"t\":\"goaway\"") {
            bail!("{text}");
        }
        Ok(())
    }
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
    ensure!(length <= MAX_FRAME, "a frame of {length} bytes");
    let end = head + length;
    Ok((bytes.len() >= end).then_some((first & 0x0F, head, end)))
}

/// The number that stands behind the first of these names.
fn number(payload: &[u8], name: &[u8]) -> Option<u64> {
    let first = name[0];
    let at = payload.iter().enumerate().filter(|(_, byte)| **byte == first).map(|(at, _)| at);
    let mut at = at.filter(|at| payload[*at..].starts_with(name));
    let digits = &payload[at.next()? + name.len()..];
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&digits[..count]).ok()?.parse().ok()
}

fn stamps(payload: &[u8], tell: &mut impl FnMut(u64)) {
    let mut rest = payload;
    while let Some(at) = rest.windows(STAMP.len()).position(|window| window == STAMP) {
        rest = &rest[at + STAMP.len()..];
        let digits = rest.get(..STAMP_DIGITS).and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(moment) = digits.and_then(|digits| digits.parse().ok()) {
            tell(moment);
        }
    }
}

/// Whether an answer of the API says that all is well.
pub(crate) fn is_created(answer: &[u8]) -> bool {
    contains(answer, b"HTTP/1.1 201 ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server_frame(text: &str) -> Vec<u8> {
        let mut frame = frame(text.as_bytes());
        let mask = if frame[1] & 0x7F == 126 { 4 } else { 2 };
        frame[1] &= 0x7F;
        frame.drain(mask..mask + 4);
        frame
    }

    #[test]
    fn messages_are_counted_and_holes_are_seen_however_frames_are_cut() {
        let text = text(1_234, 200);
        assert_eq!(text.len(), 200);
        let mut wire = b"HTTP/1.1 101 Switching Protocols\r\n\r\n".to_vec();
        wire.extend(server_frame(r#"{"epoch":"e1","messages":[],"recovered":false,"seq":4,"t":"welcome"}"#));
        for (from, to) in [(5, 5), (6, 8), (11, 12)] {
            wire.extend(server_frame(&format!(
                r#"{{"t":"batch","from":{from},"to":{to},"items":[{{"kind":"text","seq":{from},"text":"{text}"}}]}}"#
            )));
        }
        wire.extend(server_frame(r#"{"t":"batch","items":[],"counters":{"online":9,"likes":31}}"#));
        wire.extend(server_frame(r#"{"cid":"1","seq":9,"t":"ack"}"#));
        for cut in [1, 13, 10_000] {
            let mut member = Member { sampled: true, ..Member::default() };
            let mut moments = Vec::new();
            for part in wire.chunks(cut) {
                member.feed(part, &mut |moment| moments.push(moment)).unwrap();
            }
            assert!(member.welcome && member.epoch == "e1");
            assert_eq!((member.messages, member.missed, member.last), (6, 2, 12), "cut {cut}");
            assert_eq!((member.frames, member.acks, member.likes), (4, 1, 31));
            assert_eq!(moments, [1_234, 1_234, 1_234]);
        }
    }

    #[test]
    fn the_end_is_told() {
        let mut member = Member { open: true, ..Member::default() };
        let told = member.feed(&server_frame(r#"{"t":"bye","code":"not_found"}"#), &mut |_| {}).unwrap_err();
        assert!(told.to_string().contains("not_found"));
    }
}
