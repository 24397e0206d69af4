//! FLV from another server over HTTP/1.1: a request, an answer, a body in chunks or bare.

use std::io;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use media::flv::{Demuxer, Tag};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::Failure;
use super::dial::{Dialer, Wire};
use super::target::Target;
use crate::net::Guard;

/// Bytes read from the socket at a time.
const READ_BYTES: usize = 32 * 1024;

/// Largest head of an answer, in bytes.
const MAX_HEAD: usize = 16 * 1024;

/// Most headers of an answer.
const MAX_HEADERS: usize = 100;

/// Most of a refusal that is read, in bytes.
const MAX_SAID: usize = 4 * 1024;

/// Redirects that are followed, all to the same host.
const MAX_REDIRECTS: usize = 3;

/// Longest line with the size of a chunk, extensions included, in bytes.
const MAX_SIZE_LINE: usize = 256;

/// A stream that is coming in.
pub(super) struct FlvSource {
    wire: Box<dyn Wire>,
    input: Box<[u8]>,
    dechunk: Option<Dechunk>,
    demuxer: Demuxer,
}

/// The status of an answer, where it redirects to, and whether its body is in chunks.
struct Answer {
    status: u16,
    location: Option<String>,
    chunked: bool,
}

impl FlvSource {
    /// Asks for the stream; returns when the server has begun to answer with it.
    pub(super) async fn open(
        dialer: &Dialer,
        target: &Target,
        guard: Guard,
        agent: &str,
        max_bytes: usize,
    ) -> Result<FlvSource, Failure> {
        let mut target = target.clone();
        for _ in 0..=MAX_REDIRECTS {
            let mut wire = dialer.dial(&target, guard).await?;
            let (answer, rest) = timeout(dialer.patience.start, ask(&mut *wire, &target, agent))
                .await
                .map_err(|_| Failure::TimedOut("the first byte of the answer"))??;
            match answer.status {
                200 => {
                    let dechunk = answer.chunked.then(Dechunk::default);
                    let demuxer = Demuxer::with_max_tag_bytes(max_bytes);
                    let input = vec![0; READ_BYTES].into();
                    let mut source = FlvSource { wire, input, dechunk, demuxer };
                    source.take(&rest)?;
                    return Ok(source);
                }
                301 | 302 | 303 | 307 | 308 => {
                    let next = answer.location.and_then(|location| target.redirected(&location));
                    target = next.ok_or(Failure::Redirected)?;
                }
                status => {
                    let body = said(&mut *wire, rest, answer.chunked, dialer.patience.start).await;
                    return Err(Failure::Status { status, body });
                }
            }
        }
        Err(Failure::Redirected)
    }

    /// The next tag. It can be cancelled at any time without losing anything.
    pub(super) async fn next(&mut self) -> Result<Tag, Failure> {
        loop {
            if let Some(tag) = self.demuxer.poll_tag().map_err(Failure::Flv)? {
                return Ok(tag);
            }
            let count = self.wire.read(&mut self.input).await.map_err(Failure::Lost)?;
            if count == 0 || self.dechunk.as_ref().is_some_and(|dechunk| dechunk.ended) {
                return Err(Failure::Lost(io::ErrorKind::UnexpectedEof.into()));
            }
            let input = self.input.get(..count).unwrap_or_default().to_vec();
            self.take(&input)?;
        }
    }

    fn take(&mut self, input: &[u8]) -> Result<(), Failure> {
        match &mut self.dechunk {
            None => self.demuxer.handle_input(input),
            Some(dechunk) => dechunk.handle_input(input, |data| self.demuxer.handle_input(data))?,
        }
        Ok(())
    }
}

/// The beginning of what comes with a refusal, without what would move a cursor. One that breaks off is still worth
/// reading.
async fn said(wire: &mut dyn Wire, rest: BytesMut, chunked: bool, limit: Duration) -> String {
    let mut raw = rest;
    let all = async { while raw.len() < MAX_SAID && matches!(wire.read_buf(&mut raw).await, Ok(1..)) {} };
    let _ = timeout(limit, all).await;
    let mut body = Vec::new();
    if chunked {
        // Up to where it is broken or cut off.
        let _ = Dechunk::default().handle_input(&raw, |data| body.extend_from_slice(data));
    } else {
        body.extend_from_slice(&raw);
    }
    body.truncate(MAX_SAID);
    String::from_utf8_lossy(&body).chars().filter(|c| *c == '\n' || !c.is_control()).collect()
}

async fn ask(wire: &mut dyn Wire, target: &Target, agent: &str) -> Result<(Answer, BytesMut), Failure> {
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {agent}\r\nAccept: */*\r\nAccept-Encoding: identity\r\nConnection: close\r\n\r\n",
        target.path(),
        target.authority(),
    );
    wire.write_all(request.as_bytes()).await.map_err(Failure::Lost)?;
    wire.flush().await.map_err(Failure::Lost)?;
    let mut input = BytesMut::new();
    loop {
        let count = wire.read_buf(&mut input).await.map_err(Failure::Lost)?;
        if count == 0 {
            return Err(Failure::Lost(io::ErrorKind::UnexpectedEof.into()));
        }
        if let Some((answer, len)) = parse(&input)? {
            input.advance(len);
            return Ok((answer, input));
        }
        if input.len() > MAX_HEAD {
            return Err(Failure::Http("its head is too long"));
        }
    }
}

fn parse(input: &[u8]) -> Result<Option<(Answer, usize)>, Failure> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(input).map_err(|_| Failure::Http("its head is broken"))?;
    let httparse::Status::Complete(len) = parsed else { return Ok(None) };
    let header = |name: &str| {
        let found = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(found.value).ok().map(str::trim)
    };
    let answer = Answer {
        status: response.code.unwrap_or_default(),
        location: header("location").map(str::to_owned),
        chunked: header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")),
    };
    Ok(Some((answer, len)))
}

/// Takes the chunks of RFC 9112 section 7.1 apart. It holds a line and no data.
#[derive(Debug, Default)]
struct Dechunk {
    /// Of this chunk.
    left: u64,
    /// A size that has not come whole, or the end of line after a chunk.
    line: Vec<u8>,
    after_chunk: bool,
    ended: bool,
}

impl Dechunk {
    fn handle_input(&mut self, mut input: &[u8], mut data: impl FnMut(&[u8])) -> Result<(), Failure> {
        while !input.is_empty() && !self.ended {
            if self.left > 0 {
                let take = input.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
                let (now, later) = input.split_at(take);
                data(now);
                self.left -= take as u64;
                self.after_chunk = self.left == 0;
                input = later;
                continue;
            }
            let (byte, later) = input.split_at(1);
            input = later;
            if byte != b"\n" {
                if self.line.len() >= MAX_SIZE_LINE {
                    return Err(Failure::Http("a chunk's size is too long"));
                }
                self.line.extend_from_slice(byte);
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let line = line.strip_suffix(b"\r").unwrap_or(&line);
            if std::mem::take(&mut self.after_chunk) {
                if !line.is_empty() {
                    return Err(Failure::Http("a chunk is longer than it says"));
                }
                continue;
            }
            let size = line.split(|byte| *byte == b';').next().unwrap_or_default();
            let size = std::str::from_utf8(size).map(str::trim).unwrap_or_default();
            // from_str_radix takes a sign, which HTTP does not.
            let size = Some(size).filter(|size| size.bytes().all(|byte| byte.is_ascii_hexdigit()));
            let size = size.and_then(|size| u64::from_str_radix(size, 16).ok());
            self.left = size.ok_or(Failure::Http("a chunk's size is no number"))?;
            self.ended = self.left == 0;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &[u8], step: usize) -> Result<(Vec<u8>, bool), Failure> {
        let mut dechunk = Dechunk::default();
        let mut out = Vec::new();
        for piece in input.chunks(step) {
            dechunk.handle_input(piece, |data| out.extend_from_slice(data))?;
        }
        Ok((out, dechunk.ended))
    }

    #[test]
    fn chunks_are_joined_however_they_are_cut() {
        let input = b"5\r\nhello\r\nB;name=value\r\n, the world\r\n0\r\n\r\n";
        for step in 1..input.len() {
            assert_eq!(read(input, step).unwrap(), (b"hello, the world".to_vec(), true));
        }
        assert!(!read(b"5\r\nhello\r\n", 3).unwrap().1, "the end is what says so");
    }

    #[test]
    fn broken_chunks_are_refused() {
        for bad in [
            "x\r\n",
            "-5\r\n",
            "+5\r\n",
            "\r\n",
            "5\r\nhello!\r\n",
            "11111111111111111\r\n",
            &"1".repeat(300),
        ] {
            assert!(read(bad.as_bytes(), 7).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_answer_is_read_when_its_head_is_whole() {
        let text = b"HTTP/1.1 302 Found\r\nLocation: /b.flv\r\nTransfer-Encoding: Chunked\r\n\r\nrest";
        for len in 0..text.len() - 4 {
            assert!(parse(&text[..len]).unwrap().is_none());
        }
        let (answer, len) = parse(text).unwrap().unwrap();
        assert_eq!((answer.status, answer.location.as_deref(), answer.chunked), (302, Some("/b.flv"), true));
        assert_eq!(&text[len..], b"rest");
        assert!(parse(b"\x00\x01").is_err());
    }
}
