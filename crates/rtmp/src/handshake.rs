//! The handshake (RTMP 1.0 section 5.2), and the digests that Flash added to it without writing them down.
//!
//! A peer that puts a version into bytes 4 to 8 of its first block also hides an HMAC in it and wants to see one in
//! the answer; ffmpeg, Flash and some phones refuse to play otherwise. The digest proves nothing (its keys are known
//! everywhere), so a peer whose digest is wrong gets the simple answer rather than an error.

mod client;
mod digest;
mod server;

use std::fmt;

pub(crate) use client::Client;
pub(crate) use server::Server;

/// Length of each block of the handshake.
const BLOCK: usize = 1536;
/// The version of the protocol: the first byte of either side.
const VERSION: u8 = 3;

/// Why there is no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The first byte is not the version of RTMP: most often somebody speaks HTTP or TLS to the RTMP port.
    NotRtmp(u8),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NotRtmp(0x16) => write!(f, "the peer speaks TLS to a port for plain RTMP"),
            Error::NotRtmp(byte) if byte.is_ascii_uppercase() => {
                write!(f, "the peer speaks HTTP or something else, not RTMP")
            }
            Error::NotRtmp(byte) => write!(f, "the peer begins with version {byte}, RTMP is version 3"),
        }
    }
}

impl std::error::Error for Error {}

/// A block being received.
#[derive(Debug)]
struct Inbox {
    bytes: Vec<u8>,
    wanted: usize,
}

impl Inbox {
    fn new(wanted: usize) -> Inbox {
        Inbox { bytes: Vec::new(), wanted }
    }

    /// Takes from the front of `input`; true when all that is wanted is there.
    fn take(&mut self, input: &mut &[u8]) -> bool {
        let (piece, rest) = input.split_at(input.len().min(self.wanted - self.bytes.len()));
        self.bytes.extend_from_slice(piece);
        *input = rest;
        self.bytes.len() == self.wanted
    }
}

/// Takes the version byte from the front of `input`.
fn check_version(input: &[u8]) -> Result<(), Error> {
    match input.first() {
        Some(&VERSION) | None => Ok(()),
        Some(&other) => Err(Error::NotRtmp(other)),
    }
}
