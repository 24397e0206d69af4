//! The room in Node, with the package ws (`ws.cjs`): what somebody says goes to everybody as it is.

use anyhow::Result;

use super::websocket::{Came, Socket, frame, request};
use super::{Heard, Wire};

/// One member.
#[derive(Debug, Default)]
pub(crate) struct Ws(Socket);

impl Wire for Ws {
    fn open(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(request("/").as_bytes());
    }

    fn take(&mut self, bytes: &[u8], heard: &mut Heard<'_>) -> Result<Option<usize>> {
        let Some((came, length)) = self.0.take(bytes)? else { return Ok(None) };
        match came {
            Came::Open => heard.count.ready = true,
            Came::Text(text) => heard.message(text),
            Came::Other => {}
        }
        Ok(Some(length))
    }

    fn say(&mut self, text: &str, out: &mut Vec<u8>) {
        frame(text.as_bytes(), out);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{testing::hear, text, websocket::testing::server_frame};
    use super::*;

    #[test]
    fn every_text_is_a_message() {
        let mut wire = b"HTTP/1.1 101 Switching Protocols\r\n\r\n".to_vec();
        wire.extend(server_frame(&text(5, 200)));
        wire.extend([0x89, 0]);
        wire.extend(server_frame(&text(6, 20)));
        let (count, moments) = hear(|| Box::new(Ws::default()), &wire);
        assert!(count.ready);
        assert_eq!((count.messages, moments), (2, vec![5, 6]));
    }
}
