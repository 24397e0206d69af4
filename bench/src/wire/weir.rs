//! Weir's own wire: JSON over a WebSocket. As a member costs the tool as much as the server, it reads no JSON of batches:
//! it finds what it needs by its name.

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use super::websocket::{Came, Socket, frame, request};
use super::{Heard, ROOM, Wire};

/// What stands before what somebody said, in a message.
const TEXT: &[u8] = b"\"text\":\"";

/// One member.
#[derive(Clone, Debug, Default)]
pub(crate) struct Weir {
    socket: Socket,
    /// Who it is; a guest without it.
    token: Option<String>,
    /// It has been here before.
    is_back: bool,
    epoch: String,
    /// The number of the last message.
    last: u64,
    /// Messages that were said and not answered, for their names.
    said: u64,
}

/// What is read of a greeting.
#[derive(Deserialize)]
struct Welcome {
    epoch: String,
    seq: u64,
    recovered: bool,
    messages: Vec<IgnoredAny>,
}

impl Weir {
    /// Somebody with this token, or a guest.
    pub(crate) fn new(token: Option<String>) -> Weir {
        Weir { token, ..Weir::default() }
    }

    fn hello(&self) -> String {
        let mut hello = json!({"t": "hello", "v": 1, "room": ROOM});
        match &self.token {
            Some(token) => hello["token"] = token.as_str().into(),
            None => hello["guest"] = "".into(),
        }
        if self.is_back {
            hello["resume"] = json!({"epoch": self.epoch, "seq": self.last});
        }
        hello.to_string()
    }

    fn text(&mut self, payload: &[u8], heard: &mut Heard<'_>) -> Result<()> {
        if payload.starts_with(b"{\"t\":\"batch\"") {
            heard.count.frames += 1;
            if let Some(from) = number(payload, b"\"from\":") {
                let to = number(payload, b"\"to\":").context("a batch without its end")?;
                // What is left out shows in the sum; what came twice would hide it.
                ensure!(from > self.last, "after {} came {from}", self.last);
                heard.count.messages += to + 1 - from;
                self.last = to;
                if heard.looks() {
                    stamps(payload, heard);
                }
            }
            if let Some(likes) = number(payload, b"\"likes\":") {
                heard.count.likes = likes;
            }
            return Ok(());
        }
        let text = String::from_utf8_lossy(payload);
        if text.contains("\"t\":\"ack\"") {
            heard.count.acks += 1;
        } else if text.contains("\"t\":\"reject\"") {
            heard.count.rejects += 1;
        } else if text.contains("\"t\":\"welcome\"") {
            heard.count.ready = true;
            let welcome: Welcome = serde_json::from_slice(payload)?;
            (self.last, self.epoch) = (welcome.seq, welcome.epoch);
            heard.count.recovered = welcome.recovered;
            if welcome.recovered {
                heard.count.messages += welcome.messages.len() as u64;
            }
        } else if text.contains("\"t\":\"bye\"") || text.contains("\"t\":\"goaway\"") {
            bail!("{text}");
        }
        Ok(())
    }
}

impl Wire for Weir {
    fn open(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(request("/chat").as_bytes());
    }

    fn take(&mut self, bytes: &[u8], heard: &mut Heard<'_>) -> Result<Option<usize>> {
        let Some((came, length)) = self.socket.take(bytes)? else { return Ok(None) };
        match came {
            Came::Open => frame(self.hello().as_bytes(), heard.out),
            Came::Text(text) => self.text(text, heard)?,
            Came::Other => {}
        }
        Ok(Some(length))
    }

    fn say(&mut self, text: &str, out: &mut Vec<u8>) {
        self.said += 1;
        let send = json!({"t": "send", "cid": self.said.to_string(), "text": text});
        frame(send.to_string().as_bytes(), out);
    }

    fn again(&self) -> Option<Box<dyn Wire>> {
        Some(Box::new(Weir { socket: Socket::default(), is_back: true, ..self.clone() }))
    }
}

/// A report of so many likes.
pub(crate) fn like(taps: u64, out: &mut Vec<u8>) {
    frame(format!("{{\"t\":\"like\",\"n\":{taps}}}").as_bytes(), out);
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

fn stamps(payload: &[u8], heard: &mut Heard<'_>) {
    let mut rest = payload;
    while let Some(at) = rest.windows(TEXT.len()).position(|window| window == TEXT) {
        rest = &rest[at + TEXT.len()..];
        heard.stamp(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::super::websocket::testing::server_frame;
    use super::super::{Member, testing::hear, text};
    use super::*;

    fn batch(from: u64, to: u64) -> Vec<u8> {
        let text = text(1_234, 200);
        server_frame(&format!(
            r#"{{"t":"batch","from":{from},"to":{to},"items":[{{"kind":"text","seq":{from},"text":"{text}"}}]}}"#
        ))
    }

    fn welcome(seq: u64) -> Vec<u8> {
        let head = b"HTTP/1.1 101 Switching Protocols\r\n\r\n".as_slice();
        let welcome =
            format!(r#"{{"epoch":"e1","messages":[{{}}],"recovered":true,"seq":{seq},"t":"welcome"}}"#);
        [head, &server_frame(&welcome)].concat()
    }

    #[test]
    fn messages_are_counted_however_frames_are_cut() {
        let mut wire = welcome(4);
        wire.extend([batch(5, 5), batch(6, 8)].concat());
        wire.extend(server_frame(r#"{"t":"batch","items":[],"counters":{"online":9,"likes":31}}"#));
        wire.extend(server_frame(r#"{"cid":"1","seq":9,"t":"ack"}"#));
        let (count, moments) = hear(|| Box::new(Weir::new(None)), &wire);
        assert!(count.ready && count.recovered);
        // One of them was missed and came with the welcome.
        assert_eq!((count.messages, count.frames, count.acks, count.likes), (5, 3, 1, 31));
        assert_eq!(moments, [1_234, 1_234]);
    }

    #[test]
    fn what_comes_twice_and_the_end_are_told() {
        for (last, told) in [(batch(4, 8), "after 4 came 4"), (server_frame(r#"{"t":"bye"}"#), "bye")] {
            let mut member = Member::new(Box::new(Weir::new(None)), false);
            let bytes = [welcome(4), last].concat();
            let error = member.feed(&bytes, &mut Vec::new(), &mut |_| {}).unwrap_err();
            assert!(error.to_string().contains(told), "{error}");
        }
    }

    #[test]
    fn who_comes_again_says_what_they_have() {
        let mut member = Member::new(Box::new(Weir::new(Some("t".into()))), false);
        let bytes = [welcome(4), batch(5, 8)].concat();
        member.feed(&bytes, &mut Vec::new(), &mut |_| {}).unwrap();
        let mut member = member.again().unwrap();
        assert!(!member.count.ready && member.count.messages == 5);
        let mut out = Vec::new();
        member.feed(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", &mut out, &mut |_| {}).unwrap();
        let hello = String::from_utf8_lossy(&out);
        assert!(hello.contains(r#""resume":{"epoch":"e1","seq":8}"#), "{hello}");
    }
}
