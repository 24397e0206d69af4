//! The floor, which hands on FLV: a message is a tag of sound with the text in it, about as long as a batch of one.

use anyhow::{Result, ensure};

use super::{Heard, MAX_UNIT, Wire, head_end};
use crate::flv::{FILE_HEADER, TAG_OVERHEAD};

/// The longest answer to the request.
const MAX_HEAD: usize = 4096;

/// What a tag holds beside its text, so that there are as many bytes as with names and numbers.
const FILLING: usize = 200;

/// Where the text is in a tag: behind the header and two bytes that say that it is no record of a codec.
const TEXT_AT: usize = 13;

/// One member; nobody speaks, as what is said is pushed.
#[derive(Debug, Default)]
pub(crate) struct Floor {
    open: bool,
}

impl Wire for Floor {
    fn open(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"GET /x.flv HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }

    fn take(&mut self, bytes: &[u8], heard: &mut Heard<'_>) -> Result<Option<usize>> {
        if !self.open {
            let end = head_end(bytes).map(|end| end + FILE_HEADER.len());
            ensure!(end.is_some() || bytes.len() < MAX_HEAD, "the answer does not end");
            self.open = end.is_some_and(|end| bytes.len() >= end);
            heard.count.ready = self.open;
            return Ok(end.filter(|_| self.open));
        }
        let Some(&[_, a, b, c, ..]) = bytes.first_chunk::<11>() else { return Ok(None) };
        let length = u32::from_be_bytes([0, a, b, c]) as usize + TAG_OVERHEAD;
        ensure!(length <= MAX_UNIT, "a tag of {length} bytes");
        let Some(tag) = bytes.get(..length) else { return Ok(None) };
        heard.message(tag.get(TEXT_AT..).unwrap_or_default());
        Ok(Some(length))
    }

    fn say(&mut self, _text: &str, _out: &mut Vec<u8>) {}
}

/// What is pushed before the first message.
pub(crate) fn feed_head() -> Vec<u8> {
    [b"PUT /x.flv HTTP/1.1\r\nHost: localhost\r\n\r\n".as_slice(), &FILE_HEADER].concat()
}

/// A message as the floor takes it.
pub(crate) fn tag(text: &str) -> Vec<u8> {
    let body = format!("\u{1}\u{1}{text}{:.>FILLING$}", "");
    let mut out = vec![8];
    out.extend_from_slice(&u32::try_from(body.len()).unwrap_or(0).to_be_bytes()[1..]);
    out.extend_from_slice(&[0; 7]);
    out.extend_from_slice(body.as_bytes());
    out.extend_from_slice(&u32::try_from(body.len() + 11).unwrap_or(0).to_be_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::super::{testing::hear, text};
    use super::*;

    #[test]
    fn every_tag_is_a_message() {
        let mut wire = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        wire.extend(FILE_HEADER);
        wire.extend([tag(&text(5, 200)), tag(&text(6, 20))].concat());
        let (count, moments) = hear(|| Box::new(Floor::default()), &wire);
        assert!(count.ready);
        assert_eq!((count.messages, moments), (2, vec![5, 6]));
    }
}
