//! FLV as it comes over HTTP: tags are found in a stream of bytes cut anywhere.

use anyhow::{Result, bail, ensure};

/// The bytes of a message's beginning that are kept: enough for the stamp and for what a frame is.
pub(crate) const HEAD: usize = 64;

/// Kinds of message, which RTMP and FLV share.
pub(crate) const AUDIO: u8 = 8;
pub(crate) const VIDEO: u8 = 9;
pub(crate) const SCRIPT: u8 = 18;

/// What stands before and after a tag's body.
pub(crate) const TAG_OVERHEAD: usize = 15;

/// A file header that announces sound and picture, and the length of no tag before it.
pub(crate) const FILE_HEADER: [u8; 13] = *b"FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00";

/// A message that has wholly arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    /// `AUDIO`, `VIDEO` or another.
    pub(crate) kind: u8,
    /// Its time in milliseconds.
    pub(crate) time: u32,
    /// How its body begins, at most [`HEAD`] bytes of media.
    pub(crate) head: &'a [u8],
}

/// Finds tags without keeping their bodies.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    started: bool,
    header: [u8; 13],
    have: usize,
    tag: Option<Tag>,
    head: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Tag {
    kind: u8,
    time: u32,
    /// Of the body and the four bytes of length behind it.
    left: usize,
}

impl Reader {
    /// Takes bytes and tells of each tag that they complete.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], tell: &mut impl FnMut(Message<'_>)) -> Result<()> {
        while !bytes.is_empty() {
            if let Some(tag) = &mut self.tag {
                let taken = tag.left.min(bytes.len());
                let of_body = taken.min(tag.left.saturating_sub(4));
                let keep = HEAD.saturating_sub(self.head.len()).min(of_body);
                self.head.extend_from_slice(&bytes[..keep]);
                tag.left -= taken;
                bytes = &bytes[taken..];
                if tag.left == 0 {
                    let Tag { kind, time, .. } = *tag;
                    tell(Message { kind, time, head: &self.head });
                    self.tag = None;
                }
                continue;
            }
            let need = if self.started { 11 } else { 13 };
            let taken = (need - self.have).min(bytes.len());
            self.header[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
            self.have += taken;
            bytes = &bytes[taken..];
            if self.have < need {
                break;
            }
            self.have = 0;
            if self.started {
                self.tag = Some(tag(&self.header)?);
                self.head.clear();
            } else {
                ensure!(self.header.starts_with(b"FLV"), "the body is not FLV");
                self.started = true;
            }
        }
        Ok(())
    }
}

fn tag(header: &[u8; 13]) -> Result<Tag> {
    let kind = header[0] & 31;
    if !matches!(kind, AUDIO | VIDEO | SCRIPT) {
        bail!("an FLV tag of kind {kind}");
    }
    let length = u32::from_be_bytes([0, header[1], header[2], header[3]]) as usize;
    let time = u32::from_be_bytes([header[7], header[4], header[5], header[6]]);
    Ok(Tag { kind, time, left: length + 4 })
}

/// Writes one whole tag.
pub(crate) fn write(out: &mut Vec<u8>, kind: u8, time: u32, body: &[u8]) {
    let length = body.len() as u32;
    let time = time.to_be_bytes();
    out.push(kind);
    out.extend_from_slice(&length.to_be_bytes()[1..]);
    out.extend_from_slice(&[time[1], time[2], time[3], time[0], 0, 0, 0]);
    out.extend_from_slice(body);
    out.extend_from_slice(&(length + 11).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_found_however_the_bytes_are_cut() {
        let mut file = FILE_HEADER.to_vec();
        write(&mut file, VIDEO, 0x0123_4567, &[7; 100]);
        write(&mut file, AUDIO, 5, &[]);
        write(&mut file, SCRIPT, 6, &[1, 2]);
        for cut in 1..file.len() {
            let mut reader = Reader::default();
            let mut seen = Vec::new();
            for part in file.chunks(cut) {
                reader.feed(part, &mut |m| seen.push((m.kind, m.time, m.head.len()))).unwrap();
            }
            assert_eq!(seen, [(VIDEO, 0x0123_4567, HEAD), (AUDIO, 5, 0), (SCRIPT, 6, 2)]);
        }
    }

    #[test]
    fn what_is_not_flv_is_refused() {
        assert!(Reader::default().feed(b"<html><body>no", &mut |_| ()).is_err());
    }
}
