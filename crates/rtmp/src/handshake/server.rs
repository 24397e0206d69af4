//! The side that is connected to.

use bytes::Bytes;

use super::digest::{self, Side};
use super::{BLOCK, Error, Inbox, VERSION, check_version};

/// The version that servers of today claim in a signed block: that of a Flash Media Server.
const SERVER_VERSION: [u8; 4] = [4, 5, 1, 1];

/// Waits for the client's first block, answers, waits for its second.
#[derive(Debug)]
pub(crate) struct Server {
    seed: [u8; 32],
    /// Version and first block, until answered.
    first: Option<Inbox>,
    /// Bytes of the second block that are still to come. Nobody checks what is in it: many clients send garbage.
    second: usize,
}

impl Server {
    pub(crate) fn new(seed: [u8; 32]) -> Server {
        Server { seed, first: Some(Inbox::new(1 + BLOCK)), second: BLOCK }
    }

    /// Takes from the front of `input`; what is to be sent goes to `send`. True when the handshake is over.
    pub(crate) fn handle_input(
        &mut self,
        input: &mut &[u8],
        now_ms: u64,
        send: &mut impl FnMut(Bytes),
    ) -> Result<bool, Error> {
        if let Some(inbox) = &mut self.first {
            if inbox.bytes.is_empty() {
                check_version(input)?;
            }
            if !inbox.take(input) {
                return Ok(false);
            }
            if let Some(block) = inbox.bytes[1..].first_chunk() {
                send(answer(block, &self.seed, now_ms));
            }
            self.first = None;
        }
        let taken = input.len().min(self.second);
        *input = &input[taken..];
        self.second -= taken;
        Ok(self.second == 0)
    }
}

/// Version, first and second block for a client's first one.
fn answer(theirs: &[u8; BLOCK], seed: &[u8; 32], now_ms: u64) -> Bytes {
    let mut first = digest::random_block(seed, 0);
    // The time wraps like all times of the protocol.
    first[..4].copy_from_slice(&(now_ms as u32).to_be_bytes());
    let version = &theirs[4..8];
    let signed = if version == [0; 4] { None } else { digest::find(theirs, Side::Client) };
    let second = match signed {
        Some((scheme, digest)) => {
            first[4..8].copy_from_slice(&SERVER_VERSION);
            digest::sign(&mut first, scheme, Side::Server);
            let mut second = digest::random_block(seed, 1);
            digest::sign_answer(&mut second, Side::Server, &digest);
            second
        }
        None => {
            first[4..8].fill(0);
            *theirs
        }
    };
    [&[VERSION], &first[..], &second].concat().into()
}

#[cfg(test)]
mod tests {
    use super::super::digest::Scheme;
    use super::*;

    fn run(input: &[u8]) -> (Result<bool, Error>, Vec<u8>, usize) {
        let mut server = Server::new([3; 32]);
        let mut sent = Vec::new();
        let mut rest = input;
        let done = server.handle_input(&mut rest, 5, &mut |bytes| sent.extend(bytes));
        (done, sent, rest.len())
    }

    fn hello(block: &[u8; BLOCK]) -> Vec<u8> {
        [&[VERSION], &block[..]].concat()
    }

    #[test]
    fn a_simple_client_gets_its_block_back() {
        let mut block = digest::random_block(&[9; 32], 0);
        block[4..8].fill(0);
        let (done, sent, _) = run(&hello(&block));
        assert_eq!(done, Ok(false));
        assert_eq!(sent.len(), 1 + 2 * BLOCK);
        assert_eq!(sent[..9], [3, 0, 0, 0, 5, 0, 0, 0, 0]);
        assert_eq!(sent[1 + BLOCK..], block);
    }

    #[test]
    fn a_signed_client_gets_signatures_of_its_scheme() {
        for scheme in [Scheme::Zero, Scheme::One] {
            let mut block = digest::random_block(&[9; 32], 0);
            let digest = digest::sign(&mut block, scheme, Side::Client);
            let (_, sent, _) = run(&hello(&block));
            let first = sent[1..].first_chunk().unwrap();
            assert_eq!(digest::find(first, Side::Server).unwrap().0, scheme);
            let second = sent[1 + BLOCK..].first_chunk().unwrap();
            assert!(digest::answers(second, Side::Server, &digest));
        }
    }

    #[test]
    fn a_client_with_a_wrong_digest_gets_the_simple_answer() {
        let block = [0xff; BLOCK];
        let (_, sent, _) = run(&hello(&block));
        assert_eq!(sent[5..9], [0; 4]);
        assert_eq!(sent[1 + BLOCK..], block);
    }

    #[test]
    fn half_a_handshake_is_answered_with_nothing() {
        let (done, sent, _) = run(&hello(&[0; BLOCK])[..BLOCK]);
        assert_eq!((done, sent.len()), (Ok(false), 0));
        assert_eq!(run(b""), (Ok(false), vec![], 0));
    }

    #[test]
    fn what_follows_the_handshake_is_left_for_the_chunks() {
        let (done, _, rest) = run(&[&hello(&[0; BLOCK])[..], &[1; BLOCK], b"chunk"].concat());
        assert_eq!((done, rest), (Ok(true), 5));
    }

    #[test]
    fn other_protocols_are_recognised_at_their_first_byte() {
        assert_eq!(run(b"G").0, Err(Error::NotRtmp(b'G')));
        assert!(Error::NotRtmp(b'G').to_string().contains("HTTP"));
        assert!(Error::NotRtmp(0x16).to_string().contains("TLS"));
        assert_eq!(run(&[6]).0, Err(Error::NotRtmp(6)));
    }
}
