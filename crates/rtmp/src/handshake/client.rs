//! The side that connects.

use bytes::Bytes;

use super::digest::{self, Scheme, Side};
use super::{BLOCK, Error, Inbox, VERSION, check_version};

/// The version that ffmpeg claims in a signed block: that of a Flash Player.
const CLIENT_VERSION: [u8; 4] = [9, 0, 124, 2];

/// Sends a signed block, waits for the server's two, answers the first of them.
#[derive(Debug)]
pub(crate) struct Client {
    seed: [u8; 32],
    inbox: Inbox,
}

impl Client {
    /// The handshake and what is to be sent to begin it.
    pub(crate) fn new(seed: [u8; 32]) -> (Client, Bytes) {
        let mut block = digest::random_block(&seed, 0);
        block[..4].fill(0);
        block[4..8].copy_from_slice(&CLIENT_VERSION);
        digest::sign(&mut block, Scheme::Zero, Side::Client);
        let hello = [&[VERSION], &block[..]].concat();
        (Client { seed, inbox: Inbox::new(1 + 2 * BLOCK) }, hello.into())
    }

    /// Takes from the front of `input`; the answer, once the handshake is over.
    pub(crate) fn handle_input(&mut self, input: &mut &[u8]) -> Result<Option<Bytes>, Error> {
        if self.inbox.bytes.is_empty() {
            check_version(input)?;
        }
        if !self.inbox.take(input) {
            return Ok(None);
        }
        let Some(first) = self.inbox.bytes[1..].first_chunk::<BLOCK>() else { return Ok(None) };
        // Whether the server answered our digest is of no interest: the keys are public, so it would prove nothing.
        let answer = match digest::find(first, Side::Server) {
            Some((_, digest)) => {
                let mut second = digest::random_block(&self.seed, 1);
                digest::sign_answer(&mut second, Side::Client, &digest);
                second
            }
            None => *first,
        };
        Ok(Some(Bytes::copy_from_slice(&answer)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Server;
    use super::*;

    #[test]
    fn client_and_server_shake_hands_byte_by_byte() {
        let (mut client, hello) = Client::new([1; 32]);
        let mut server = Server::new([2; 32]);
        let mut to_client = Vec::new();
        for byte in hello {
            let done =
                server.handle_input(&mut &[byte][..], 0, &mut |bytes| to_client.extend(bytes)).unwrap();
            assert!(!done);
        }
        let mut to_server = Vec::new();
        for byte in &to_client {
            to_server.extend(client.handle_input(&mut &[*byte][..]).unwrap().into_iter().flatten());
        }
        let mut done = false;
        for byte in &to_server {
            done = server.handle_input(&mut &[*byte][..], 0, &mut |_| {}).unwrap();
        }
        assert!(done);
        // The server signed, so the client's answer is signed and no echo.
        assert_ne!(to_server, to_client[1..1 + BLOCK]);
    }

    #[test]
    fn a_server_without_signatures_gets_its_block_back() {
        let (mut client, _) = Client::new([1; 32]);
        let bytes = [&[VERSION][..], &[8; BLOCK], &[9; BLOCK]].concat();
        assert_eq!(client.handle_input(&mut &bytes[..]).unwrap().unwrap(), [8; BLOCK][..]);
    }

    #[test]
    fn a_server_of_another_protocol_is_recognised() {
        assert_eq!(Client::new([1; 32]).0.handle_input(&mut &b"HTTP/1.1 400"[..]), Err(Error::NotRtmp(b'H')));
    }
}
