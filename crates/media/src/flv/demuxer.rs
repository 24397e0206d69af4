//! Reading FLV: bytes in, tags out.

use std::fmt;

use bytes::{Buf, Bytes, BytesMut};

use super::TAG_HEADER_BYTES;
use crate::frame::Kind;
use crate::time::Unwrap;

/// Largest body that is read. A key frame of the largest pictures that phones send is a few megabytes; the format
/// itself ends one byte below this.
pub const MAX_TAG_BYTES: usize = 16 << 20;

/// Largest file header that is read. Every writer says 9; a header may be extended, and is skipped then.
const MAX_HEADER_BYTES: usize = 1_024;

/// One tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// Audio, video or script data.
    pub kind: Kind,
    /// Its time in milliseconds, unwrapped.
    pub time: i64,
    /// Its body.
    pub body: Bytes,
}

/// What is wrong with the input. Whoever sent it is at fault; nothing after it can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadFlv {
    /// It does not begin with `FLV`.
    Signature,
    /// The file header says that it is this long.
    HeaderSize(u32),
    /// A tag of a type that does not exist.
    TagType(u8),
    /// A tag that says it is encrypted (the filter bit).
    Encrypted,
    /// A body of this size, which is over [`MAX_TAG_BYTES`].
    Oversize(usize),
}

impl fmt::Display for BadFlv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadFlv::Signature => write!(f, "the sender's data is not FLV: it does not begin with \"FLV\""),
            BadFlv::HeaderSize(size) => write!(f, "the sender's FLV header claims a size of {size} bytes"),
            BadFlv::TagType(found) => write!(f, "the sender's FLV has a tag of the unknown type {found}"),
            BadFlv::Encrypted => write!(f, "the sender's FLV is encrypted, which is not supported"),
            BadFlv::Oversize(size) => write!(f, "the sender's FLV has a tag of {size} bytes: too large"),
        }
    }
}

impl std::error::Error for BadFlv {}

#[derive(Debug, Clone, Copy)]
enum Expect {
    FileHeader,
    /// This many bytes of an extended file header, and the four bytes that follow each tag and the header.
    Skip(usize),
    TagHeader,
    Body {
        kind: Kind,
        time: i64,
        len: usize,
    },
}

/// A reader of one FLV stream. It holds the bytes of at most one unfinished tag beyond what it was just given, and
/// its buffer grows with bytes that arrived, never with a size that was announced.
#[derive(Debug)]
pub struct Demuxer {
    buffer: BytesMut,
    expect: Expect,
    unwrap: Unwrap,
    failed: Option<BadFlv>,
    max_tag_bytes: usize,
}

impl Default for Demuxer {
    fn default() -> Demuxer {
        Demuxer {
            buffer: BytesMut::new(),
            expect: Expect::FileHeader,
            unwrap: Unwrap::default(),
            failed: None,
            max_tag_bytes: MAX_TAG_BYTES,
        }
    }
}

impl Demuxer {
    /// A reader with a bound of its own on bodies.
    pub fn with_max_tag_bytes(max_tag_bytes: usize) -> Demuxer {
        Demuxer { max_tag_bytes, ..Demuxer::default() }
    }

    /// Takes bytes as they came. Call [`Demuxer::poll_tag`] until it gives nothing before the next call.
    pub fn handle_input(&mut self, input: &[u8]) {
        if self.failed.is_none() {
            self.buffer.extend_from_slice(input);
        }
    }

    /// The next whole tag, if it is there. An error stays.
    pub fn poll_tag(&mut self) -> Result<Option<Tag>, BadFlv> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        let polled = self.advance();
        if let Err(bad) = &polled {
            self.failed = Some(bad.clone());
            self.buffer = BytesMut::new();
        }
        polled
    }

    fn advance(&mut self) -> Result<Option<Tag>, BadFlv> {
        loop {
            match self.expect {
                Expect::FileHeader => {
                    let Some(head) = self.buffer.first_chunk::<9>() else { return Ok(None) };
                    if head[..3] != *b"FLV" {
                        return Err(BadFlv::Signature);
                    }
                    let size = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
                    let whole = usize::try_from(size).unwrap_or(usize::MAX);
                    if !(9..=MAX_HEADER_BYTES).contains(&whole) {
                        return Err(BadFlv::HeaderSize(size));
                    }
                    self.expect = Expect::Skip(whole + 4);
                }
                Expect::Skip(len) => {
                    if self.buffer.len() < len {
                        return Ok(None);
                    }
                    self.buffer.advance(len);
                    self.expect = Expect::TagHeader;
                }
                Expect::TagHeader => {
                    let Some(head) = self.buffer.first_chunk::<TAG_HEADER_BYTES>() else { return Ok(None) };
                    let kind = match head[0] & 0x1f {
                        8 => Kind::Audio,
                        9 => Kind::Video,
                        18 => Kind::Data,
                        other => return Err(BadFlv::TagType(other)),
                    };
                    if head[0] & 0x20 != 0 {
                        return Err(BadFlv::Encrypted);
                    }
                    let len = usize::from(head[1]) << 16 | usize::from(head[2]) << 8 | usize::from(head[3]);
                    if len > self.max_tag_bytes {
                        return Err(BadFlv::Oversize(len));
                    }
                    let time = self.unwrap.unwrap(u32::from_be_bytes([head[7], head[4], head[5], head[6]]));
                    self.buffer.advance(TAG_HEADER_BYTES);
                    self.expect = Expect::Body { kind, time, len };
                }
                Expect::Body { kind, time, len } => {
                    if self.buffer.len() < len {
                        return Ok(None);
                    }
                    let body = self.buffer.split_to(len).freeze();
                    // The size after the tag is not compared: writers get it wrong, and nobody reads backwards here.
                    self.expect = Expect::Skip(4);
                    return Ok(Some(Tag { kind, time, body }));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flv::{header, tag_header, tag_trailer};
    use proptest::prelude::*;

    fn file(tags: &[Tag]) -> Vec<u8> {
        let mut out = header(true, true).to_vec();
        for tag in tags {
            out.extend_from_slice(&tag_header(tag.kind, tag.time, tag.body.len()));
            out.extend_from_slice(&tag.body);
            out.extend_from_slice(&tag_trailer(tag.body.len()));
        }
        out
    }

    fn read(input: &[u8], step: usize) -> Result<Vec<Tag>, BadFlv> {
        let mut demuxer = Demuxer::default();
        let mut tags = Vec::new();
        for piece in input.chunks(step) {
            demuxer.handle_input(piece);
            while let Some(tag) = demuxer.poll_tag()? {
                tags.push(tag);
            }
        }
        Ok(tags)
    }

    fn any_tag() -> impl Strategy<Value = Tag> {
        let kind = prop_oneof![Just(Kind::Audio), Just(Kind::Video), Just(Kind::Data)];
        (kind, 0..2_000_000_000_i64, proptest::collection::vec(any::<u8>(), 0..300))
            .prop_map(|(kind, time, body)| Tag { kind, time, body: body.into() })
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_back_however_it_is_cut(
            tags in proptest::collection::vec(any_tag(), 0..20),
            step in 1..400_usize,
        ) {
            prop_assert_eq!(read(&file(&tags), step), Ok(tags));
        }

        #[test]
        fn any_bytes_are_read_or_refused(input in proptest::collection::vec(any::<u8>(), 0..600), begun in any::<bool>()) {
            let mut all = if begun { header(true, true).to_vec() } else { Vec::new() };
            all.extend_from_slice(&input);
            let _ = read(&all, 7);
        }
    }

    #[test]
    fn an_oversize_tag_is_refused_before_its_body_comes() {
        let mut demuxer = Demuxer::with_max_tag_bytes(1_000);
        demuxer.handle_input(&header(true, true));
        demuxer.handle_input(&tag_header(Kind::Audio, 0, 1_001));
        assert_eq!(demuxer.poll_tag(), Err(BadFlv::Oversize(1_001)));
        demuxer.handle_input(&[0; 4_096]);
        assert_eq!(demuxer.poll_tag(), Err(BadFlv::Oversize(1_001)));
        assert_eq!(demuxer.buffer.capacity(), 0);
    }

    #[test]
    fn a_tag_at_the_bound_is_read() {
        let mut demuxer = Demuxer::with_max_tag_bytes(1_000);
        demuxer.handle_input(&file(&[Tag { kind: Kind::Video, time: 7, body: vec![1; 1_000].into() }]));
        assert_eq!(demuxer.poll_tag().unwrap().unwrap().body.len(), 1_000);
        assert_eq!(demuxer.poll_tag(), Ok(None));
    }

    #[test]
    fn a_large_announced_size_reserves_nothing() {
        let mut demuxer = Demuxer::default();
        demuxer.handle_input(&header(true, true));
        demuxer.handle_input(&tag_header(Kind::Video, 0, 0xff_ffff));
        assert_eq!(demuxer.poll_tag(), Ok(None));
        assert!(demuxer.buffer.capacity() < 4_096);
    }

    #[test]
    fn an_extended_time_and_a_wrap_are_read() {
        let tags = [0xffff_ff00, 0xffff_fff0, 0x1_0000_0018].map(|time| Tag {
            kind: Kind::Audio,
            time,
            body: Bytes::from_static(b"x"),
        });
        assert_eq!(read(&file(&tags), 1_000), Ok(tags.to_vec()));
    }

    #[test]
    fn what_is_not_flv_is_named() {
        assert_eq!(read(b"<html><head>", 5), Err(BadFlv::Signature));
        assert_eq!(read(b"FLV\x01\x05\0\0\0\x08", 9), Err(BadFlv::HeaderSize(8)));
        assert_eq!(read(b"FLV\x01\x05\xff\0\0\x09", 9), Err(BadFlv::HeaderSize(0xff00_0009)));
        let mut input = header(true, true).to_vec();
        input.extend_from_slice(&[0x29, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(read(&input, 99), Err(BadFlv::Encrypted));
        input[13] = 7;
        assert_eq!(read(&input, 99), Err(BadFlv::TagType(7)));
    }
}
