//! What a peer is still to be sent: the rest of what its socket took in part, and answers behind it.

use std::collections::VecDeque;
use std::io::{self, IoSlice};

use bytes::Bytes;

use super::Socket;

/// Parts of one write.
const AT_ONCE: usize = 64;

/// Bytes that wait for room in a socket. Whoever fills it bounds it by [`Owed::bytes`].
#[derive(Debug, Default)]
pub struct Owed {
    parts: VecDeque<Bytes>,
    bytes: usize,
}

impl Owed {
    /// Puts bytes behind whatever is there already.
    pub fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.bytes += bytes.len();
            self.parts.push_back(bytes);
        }
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// How many bytes wait.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Writes once, and forgets what the socket took; returns how many bytes that was. `WouldBlock` when it takes none.
    pub fn write_to(&mut self, socket: &mut Socket) -> io::Result<usize> {
        let slices: Vec<IoSlice<'_>> =
            self.parts.iter().take(AT_ONCE).map(|part| IoSlice::new(part)).collect();
        let written = socket.write_vectored(&slices)?;
        self.forget(written);
        Ok(written)
    }

    fn forget(&mut self, mut written: usize) {
        self.bytes -= written;
        while let Some(part) = self.parts.front_mut() {
            if part.len() > written {
                let _ = part.split_to(written);
                return;
            }
            written -= part.len();
            self.parts.pop_front();
        }
        // Thousands of peers are owed nothing nearly always, and hold no memory for it.
        self.parts = VecDeque::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_is_forgotten_and_the_rest_stays_in_order() {
        let mut owed = Owed::default();
        for part in ["abc", "", "de", "f"] {
            owed.push(Bytes::from_static(part.as_bytes()));
        }
        assert_eq!((owed.bytes(), owed.parts.len()), (6, 3));
        owed.forget(4);
        assert_eq!(owed.parts, ["e", "f"]);
        owed.forget(2);
        assert_eq!((owed.bytes(), owed.is_empty(), owed.parts.capacity()), (0, true, 0));
    }
}
