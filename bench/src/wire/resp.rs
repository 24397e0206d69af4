//! Redis's publish and subscribe, in RESP3: there a connection that listens may also speak.

use anyhow::{Result, bail, ensure};

use super::{Heard, MAX_UNIT, ROOM, Wire, decimal, line};

/// Answers hold maps, which hold lists: not more.
const MAX_DEPTH: usize = 4;

/// Fewer than this many things are in anything that Redis answers here.
const MAX_PARTS: usize = 1000;

/// One member.
#[derive(Debug)]
pub(crate) struct Resp {
    /// How everything that is said in the room begins.
    message: String,
}

impl Default for Resp {
    fn default() -> Resp {
        Resp { message: format!(">3\r\n$7\r\nmessage\r\n${}\r\n{ROOM}\r\n$", ROOM.len()) }
    }
}

impl Wire for Resp {
    fn open(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("HELLO 3\r\nSUBSCRIBE {ROOM}\r\n").as_bytes());
    }

    fn take(&mut self, bytes: &[u8], heard: &mut Heard<'_>) -> Result<Option<usize>> {
        if let Some(rest) = bytes.strip_prefix(self.message.as_bytes()) {
            let Some((digits, digits_length)) = line(rest) else { return Ok(None) };
            let Some(length) = decimal(digits) else { bail!("a text without its length") };
            ensure!(length <= MAX_UNIT, "a text of {length} bytes");
            let Some(text) = rest.get(digits_length..digits_length + length) else { return Ok(None) };
            let end = self.message.len() + digits_length + length + 2;
            if bytes.len() < end {
                return Ok(None);
            }
            heard.message(text);
            return Ok(Some(end));
        }
        let Some(length) = whole(bytes, 0)? else { return Ok(None) };
        match bytes[0] {
            b'-' => bail!("{}", String::from_utf8_lossy(&bytes[..length])),
            // To how many something that was said went.
            b':' => heard.count.acks += 1,
            // Of pushes there is nothing else: the subscription.
            b'>' => heard.count.ready = true,
            _ => {}
        }
        Ok(Some(length))
    }

    fn say(&mut self, text: &str, out: &mut Vec<u8>) {
        let (room, length) = (ROOM.len(), text.len());
        out.extend_from_slice(
            format!("*3\r\n$7\r\nPUBLISH\r\n${room}\r\n{ROOM}\r\n${length}\r\n{text}\r\n").as_bytes(),
        );
    }
}

/// How long the first value is; none while it is not whole.
fn whole(bytes: &[u8], depth: usize) -> Result<Option<usize>> {
    let Some((head, mut at)) = line(bytes) else { return Ok(None) };
    let Some((kind, rest)) = head.split_first() else { bail!("an empty line") };
    let parts = match kind {
        b'+' | b'-' | b':' | b'_' | b'#' | b',' | b'(' => return Ok(Some(at)),
        b'$' | b'=' => {
            let Some(length) = decimal(rest) else { bail!("a text without its length") };
            ensure!(length <= MAX_UNIT, "a text of {length} bytes");
            let end = at + length + 2;
            return Ok((bytes.len() >= end).then_some(end));
        }
        b'*' | b'~' | b'>' => decimal(rest),
        b'%' => decimal(rest).map(|pairs| pairs.saturating_mul(2)),
        other => bail!("{:?} is no kind of value", char::from(*other)),
    };
    let parts = parts.filter(|parts| *parts < MAX_PARTS && depth < MAX_DEPTH);
    let Some(parts) = parts else { bail!("too many values in one") };
    for _ in 0..parts {
        let Some(length) = whole(&bytes[at..], depth + 1)? else { return Ok(None) };
        at += length;
    }
    Ok(Some(at))
}

#[cfg(test)]
mod tests {
    use super::super::{testing::hear, text};
    use super::*;

    #[test]
    fn messages_are_told_from_answers() {
        let mut wire = b"%2\r\n$5\r\nproto\r\n:3\r\n$7\r\nmodules\r\n*0\r\n".to_vec();
        wire.extend(b">3\r\n$9\r\nsubscribe\r\n$5\r\nbench\r\n:1\r\n");
        for (moment, size) in [(5, 200), (6, 20)] {
            let text = text(moment, size);
            wire.extend(format!(">3\r\n$7\r\nmessage\r\n$5\r\nbench\r\n${size}\r\n{text}\r\n").bytes());
            wire.extend(b":1000\r\n");
        }
        let (count, moments) = hear(|| Box::new(Resp::default()), &wire);
        assert!(count.ready);
        assert_eq!((count.messages, count.acks, moments), (2, 2, vec![5, 6]));
    }

    #[test]
    fn a_refusal_and_nonsense_end_a_member() {
        for bytes in [&b"-NOPROTO\r\n"[..], b"!\r\n", b"\r\n", b"*1000000\r\n", b"$x\r\n"] {
            let mut member = super::super::Member::new(Box::new(Resp::default()), false);
            assert!(member.feed(bytes, &mut Vec::new(), &mut |_| {}).is_err(), "{bytes:?}");
        }
    }
}
