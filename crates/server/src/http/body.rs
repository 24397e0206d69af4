//! The body of a response: pieces in memory that many answers may share, or a range of a file, which may be one that is
//! put together of others.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use rustix::buffer::spare_capacity;

use crate::read_at::ReadAt;

/// Bytes of a file that are read at once, and so the most that a slow reader of a file holds.
const BLOCK: usize = 256 * 1024;

/// The same of a file in memory, for whom the kernel cannot send it to by itself: small enough to stay in the
/// processor's cache from the copy to the cipher.
const MEMORY_BLOCK: usize = 64 * 1024;

/// What follows the head.
#[derive(Debug, Clone)]
pub enum Body {
    /// Bytes that are all there, in pieces that are written in order and never copied.
    Pieces(Vec<Bytes>),
    /// Bytes `range` of a file.
    File {
        /// The file.
        file: Arc<dyn ReadAt>,
        /// Which of its bytes.
        range: Range<u64>,
    },
}

impl Body {
    /// No bytes.
    pub const EMPTY: Body = Body::Pieces(Vec::new());

    /// How many bytes there are.
    pub fn len(&self) -> u64 {
        match self {
            Body::Pieces(pieces) => pieces.iter().map(|piece| piece.len() as u64).sum(),
            Body::File { range, .. } => range.end.saturating_sub(range.start),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The descriptor in memory that has the bytes, and where, if there is one.
    pub fn memory(&self) -> Option<(BorrowedFd<'_>, Range<u64>)> {
        match self {
            Body::Pieces(_) => None,
            Body::File { file, range } => file.memory().map(|memory| (memory, range.clone())),
        }
    }

    /// The file on a disk that has the bytes, and where, if there is one.
    pub fn disk(&self) -> Option<(Arc<dyn ReadAt>, Range<u64>)> {
        match self {
            Body::File { file, range } if file.disk().is_some() => Some((file.clone(), range.clone())),
            Body::Pieces(_) | Body::File { .. } => None,
        }
    }

    /// Some of its bytes, of which it has at least so many. Nothing is copied.
    pub fn slice(self, wanted: Range<u64>) -> Body {
        match self {
            Body::Pieces(pieces) => {
                let mut at = 0;
                let mut kept = Vec::new();
                for piece in pieces {
                    // Within a piece, so it is the size of something in memory.
                    let within = |place: u64| place.saturating_sub(at).min(piece.len() as u64) as usize;
                    let (from, to) = (within(wanted.start), within(wanted.end));
                    at += piece.len() as u64;
                    if from < to {
                        kept.push(piece.slice(from..to));
                    }
                }
                Body::Pieces(kept)
            }
            Body::File { file, range } => {
                let place = |at: u64| range.start.saturating_add(at).min(range.end);
                Body::File { file, range: place(wanted.start)..place(wanted.end) }
            }
        }
    }

    /// The next bytes to write, which are taken out of the body; empty when nothing is left. Of a file that is one
    /// block, and a file that has become shorter than it was is an error.
    pub async fn next(&mut self) -> io::Result<Chain> {
        self.next_up_to(BLOCK).await
    }

    /// The same with smaller blocks of a file, for a reader who is one of many on a connection.
    pub async fn next_up_to(&mut self, block: usize) -> io::Result<Chain> {
        match self {
            Body::Pieces(pieces) => Ok(std::mem::take(pieces).into()),
            Body::File { file, range } => {
                let left = range.end.saturating_sub(range.start);
                let length = usize::try_from(left).unwrap_or(block).min(block);
                if length == 0 {
                    return Ok(Chain::default());
                }
                if let Some(memory) = file.memory() {
                    let block = read_some(memory, length.min(MEMORY_BLOCK), range.start)?;
                    range.start += block.len() as u64;
                    return Ok(vec![block].into());
                }
                let (file, start) = (file.clone(), range.start);
                let block = tokio::task::spawn_blocking(move || {
                    let mut block = BytesMut::zeroed(length);
                    file.read_exact_at(&mut block, start).map(|()| block.freeze())
                });
                let block = block.await.map_err(io::Error::other)??;
                range.start += length as u64;
                Ok(vec![block].into())
            }
        }
    }
}

/// Bytes from `offset` on: at least one, at most `most`.
fn read_some(memory: BorrowedFd<'_>, most: usize, offset: u64) -> io::Result<Bytes> {
    let mut block = Vec::with_capacity(most);
    match rustix::io::pread(memory, spare_capacity(&mut block), offset)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        // The allocator may have given more than was asked for.
        _ => {
            block.truncate(most);
            Ok(block.into())
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Body {
        Body::Pieces(vec![bytes])
    }
}

/// Pieces that are written as if they were one.
#[derive(Debug, Default)]
pub struct Chain(VecDeque<Bytes>);

impl Chain {
    /// Puts a piece before the others.
    pub fn push_front(&mut self, piece: Bytes) {
        self.0.push_front(piece);
    }

    /// How long the first piece is; none when nothing is left.
    pub fn first_len(&self) -> Option<usize> {
        self.0.front().map(Bytes::len)
    }

    /// Takes bytes off the first piece, at most `most`, without a copy.
    pub fn take_first(&mut self, most: usize) -> Bytes {
        match self.0.front_mut() {
            Some(first) if first.len() > most => first.split_to(most),
            _ => self.0.pop_front().unwrap_or_default(),
        }
    }
}

impl From<Vec<Bytes>> for Chain {
    fn from(pieces: Vec<Bytes>) -> Chain {
        Chain(pieces.into_iter().filter(|piece| !piece.is_empty()).collect())
    }
}

impl Buf for Chain {
    fn remaining(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    fn chunk(&self) -> &[u8] {
        self.0.front().map_or(&[], |piece| piece)
    }

    fn chunks_vectored<'a>(&'a self, into: &mut [IoSlice<'a>]) -> usize {
        into.iter_mut().zip(&self.0).map(|(slot, piece)| *slot = IoSlice::new(piece)).count()
    }

    fn advance(&mut self, mut count: usize) {
        while let Some(front) = self.0.front_mut() {
            if count < front.len() {
                return front.advance(count);
            }
            count -= front.len();
            self.0.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;

    use super::*;

    #[test]
    fn a_chain_is_taken_across_its_pieces() {
        let mut chain =
            Chain::from(vec![Bytes::from_static(b"abc"), Bytes::new(), Bytes::from_static(b"de")]);
        chain.push_front(Bytes::from_static(b"-"));
        let mut slices = [IoSlice::new(&[]); 2];
        assert_eq!((chain.remaining(), chain.chunks_vectored(&mut slices)), (6, 2));
        chain.advance(2);
        assert_eq!(chain.chunk(), b"bc");
        chain.advance(3);
        assert_eq!(chain.chunk(), b"e");
        chain.advance(1);
        assert!(!chain.has_remaining() && chain.chunk().is_empty());
    }

    #[tokio::test]
    async fn a_slice_shares_the_bytes_it_is_of() {
        let pieces: Vec<Bytes> = ["ab", "", "cde", "f"].map(Bytes::from).into();
        let start = pieces[0].as_ptr();
        let body = Body::Pieces(pieces);
        for (range, expected) in [(0..6, "abcdef"), (1..3, "bc"), (2..5, "cde"), (5..6, "f"), (3..3, "")] {
            let mut slice = body.clone().slice(range.clone());
            assert_eq!(slice.len(), range.end - range.start);
            let mut chain = slice.next().await.unwrap();
            assert!(range.start > 0 || chain.chunk().as_ptr() == start, "a copy");
            assert_eq!(chain.copy_to_bytes(chain.remaining()), expected);
        }
    }

    #[tokio::test]
    async fn a_file_is_read_block_by_block_and_must_not_shrink() {
        let path = std::env::temp_dir().join(format!("weir-body-{}", std::process::id()));
        let content: Vec<u8> = (0..BLOCK + 1_000).map(|n| n.to_le_bytes()[0]).collect();
        File::create(&path).unwrap().write_all(&content).unwrap();
        let file = Arc::new(File::open(&path).unwrap());
        std::fs::remove_file(&path).unwrap();
        let end = content.len() as u64;
        let mut body = Body::File { file: file.clone(), range: 2..end }.slice(3..end - 2);
        assert_eq!(body.len(), end - 5);
        let mut read = Vec::new();
        while !body.is_empty() {
            let mut chain = body.next().await.unwrap();
            read.extend_from_slice(&chain.copy_to_bytes(chain.remaining()));
        }
        assert_eq!(read, content[5..]);
        assert!(!body.next().await.unwrap().has_remaining());
        let mut body = Body::File { file, range: end - 5..end + 1 };
        assert_eq!(body.next().await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
