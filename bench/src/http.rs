//! Answers of HTTP/1.1 on a connection that is kept alive, however they are cut.

use anyhow::{Context, Result, ensure};

use crate::client::contains;

/// The longest answer head, and the longest body, that are read.
const MAX_HEAD: usize = 16 * 1024;
const MAX_BODY: usize = 64 * 1024 * 1024;

/// A request for `path`.
pub(crate) fn get(host: &str, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\n\r\n")
}

/// A whole answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// What has come of the present answer.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    head: Vec<u8>,
    /// The answer whose head is whole, and how much of its body is still to come.
    open: Option<(Answer, usize)>,
    /// Bodies are counted and not kept.
    discards: bool,
}

impl Answers {
    /// For whoever only counts: bodies are not kept.
    pub(crate) fn without_bodies() -> Answers {
        Answers { discards: true, ..Answers::default() }
    }

    /// Takes bytes from the front of `bytes`, until an answer is whole or none is left.
    pub(crate) fn feed(&mut self, bytes: &mut &[u8]) -> Result<Option<Answer>> {
        if self.open.is_none() {
            let before = self.head.len();
            self.head.extend_from_slice(&bytes[..bytes.len().min(MAX_HEAD)]);
            let Some(end) = self.head.windows(4).position(|window| window == b"\r\n\r\n") else {
                ensure!(self.head.len() < MAX_HEAD, "the answer's head does not end");
                *bytes = &[];
                return Ok(None);
            };
            *bytes = &bytes[end + 4 - before..];
            self.head.truncate(end);
            self.open = Some(begin(&std::mem::take(&mut self.head))?);
        }
        let Some((answer, left)) = &mut self.open else { return Ok(None) };
        let (body, rest) = bytes.split_at((*left).min(bytes.len()));
        if !self.discards {
            answer.body.extend_from_slice(body);
        }
        *left -= body.len();
        *bytes = rest;
        Ok(self.open.take_if(|(_, left)| *left == 0).map(|(answer, _)| answer))
    }
}

fn begin(head: &[u8]) -> Result<(Answer, usize)> {
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    ensure!(!contains(text.as_bytes(), b"transfer-encoding:"), "an answer without its length");
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no status")?;
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.map_or(Ok(0), |length| length.trim().parse())?;
    ensure!(length <= MAX_BODY, "a body of {length} bytes");
    Ok((Answer { status, body: Vec::new() }, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_in_a_row_are_read_however_they_are_cut() {
        let wire = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 404 Not Found\r\ncontent-length: 1\r\n\r\nx";
        for cut in [1, 7, 1000] {
            let (mut answers, mut seen) = (Answers::default(), Vec::new());
            for mut part in wire.chunks(cut) {
                loop {
                    let answer = answers.feed(&mut part).unwrap();
                    let more = answer.is_some();
                    seen.extend(answer.map(|answer| (answer.status, answer.body)));
                    if !more {
                        break;
                    }
                }
            }
            assert_eq!(seen, [(200, b"abc".to_vec()), (204, Vec::new()), (404, b"x".to_vec())], "cut {cut}");
        }
    }
}
