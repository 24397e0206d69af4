//! NATS, core: the room is a subject.

use anyhow::{Result, bail, ensure};

use super::{Heard, MAX_UNIT, ROOM, Wire, decimal, line};

/// One member.
#[derive(Debug, Default)]
pub(crate) struct Nats;

impl Wire for Nats {
    fn open(&mut self, out: &mut Vec<u8>) {
        let connect = r#"{"verbose":false,"pedantic":false,"lang":"bench","version":"0"}"#;
        out.extend_from_slice(format!("CONNECT {connect}\r\nSUB {ROOM} 1\r\nPING\r\n").as_bytes());
    }

    fn take(&mut self, bytes: &[u8], heard: &mut Heard<'_>) -> Result<Option<usize>> {
        let Some((head, at)) = line(bytes) else { return Ok(None) };
        if head.starts_with(b"MSG ") {
            let Some(length) = head.rsplit(|byte| *byte == b' ').next().and_then(decimal) else {
                bail!("a text without its length");
            };
            ensure!(length <= MAX_UNIT, "a text of {length} bytes");
            let end = at + length + 2;
            let Some(text) = bytes.get(at..end) else { return Ok(None) };
            heard.message(&text[..length]);
            return Ok(Some(end));
        }
        if head.starts_with(b"-ERR") {
            bail!("{}", String::from_utf8_lossy(head));
        } else if head == b"PING" {
            heard.out.extend_from_slice(b"PONG\r\n");
        } else if head == b"PONG" {
            heard.count.ready = true;
        }
        Ok(Some(at))
    }

    fn say(&mut self, text: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("PUB {ROOM} {}\r\n{text}\r\n", text.len()).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::super::{testing::hear, text};
    use super::*;

    #[test]
    fn messages_are_told_from_the_rest() {
        let mut wire = b"INFO {\"max_payload\":1048576}\r\nPONG\r\nPING\r\n".to_vec();
        for (moment, size) in [(5, 200), (6, 20)] {
            wire.extend(format!("MSG bench 1 {size}\r\n{}\r\n", text(moment, size)).bytes());
        }
        let (count, moments) = hear(|| Box::new(Nats), &wire);
        assert!(count.ready);
        assert_eq!((count.messages, moments), (2, vec![5, 6]));
    }
}
