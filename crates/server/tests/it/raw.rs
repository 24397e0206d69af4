//! RTMP by hand, for what no client library would send.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::harness::PATIENCE;

/// The chunk stream of commands.
const COMMANDS: u8 = 3;

/// A connection whose handshake is done.
pub struct Rtmp {
    socket: TcpStream,
}

impl Rtmp {
    /// Connects and shakes hands.
    pub fn connect(addr: SocketAddr) -> Rtmp {
        let mut socket = TcpStream::connect(addr).expect("a connection");
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
        // C0, C1 and, as the plain handshake allows, a C2 before S1 has come.
        socket.write_all(&[&[3][..], &[0; 2 * 1_536]].concat()).expect("sent");
        socket.read_exact(&mut [0; 1 + 2 * 1_536]).expect("S0 to S2");
        Rtmp { socket }
    }

    /// Sends bytes as they are. The server may have had enough already.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.socket.write_all(bytes);
    }

    /// Sends a command on message stream 0; the values are encoded already.
    pub fn command(&mut self, name: &str, transaction: f64, values: &[Vec<u8>]) {
        let mut body = text(name);
        body.push(0);
        body.extend_from_slice(&transaction.to_be_bytes());
        body.extend(values.concat());
        self.send(&message(COMMANDS, 20, 0, &body));
    }

    /// Reads until the server has said this.
    pub fn wait_for(&mut self, wanted: &[u8]) -> Vec<u8> {
        let all = self.read_until(|all| contains(all, wanted));
        assert!(contains(&all, wanted), "closed too early, after {:?}", String::from_utf8_lossy(&all));
        all
    }

    /// Reads until the server has said enough, or closes.
    pub fn read_until(&mut self, is_enough: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        let (mut all, mut buffer) = (Vec::new(), [0; 4_096]);
        while !is_enough(&all) {
            match self.socket.read(&mut buffer) {
                Ok(count) if count > 0 => all.extend_from_slice(&buffer[..count]),
                Ok(_) => break,
                // The server has closed without reading everything.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
                Err(error) => panic!("no answer: {error}"),
            }
        }
        all
    }

    /// The connection.
    pub fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }
}

/// A message in chunks of 128 bytes, the size before anybody announces another.
pub fn message(chunk_stream: u8, kind: u8, stream: u8, body: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = u32::try_from(body.len()).expect("a small message").to_be_bytes();
    let mut out = vec![chunk_stream, 0, 0, 0, a, b, c, kind, stream, 0, 0, 0];
    for (index, piece) in body.chunks(128).enumerate() {
        if index > 0 {
            out.push(0xC0 | chunk_stream);
        }
        out.extend_from_slice(piece);
    }
    out
}

/// A string in AMF0; a long one when it has to be.
pub fn text(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    match u16::try_from(bytes.len()) {
        Ok(len) => [&[2][..], &len.to_be_bytes(), bytes].concat(),
        Err(_) => [&[12][..], &u32::try_from(bytes.len()).expect("4 GB").to_be_bytes(), bytes].concat(),
    }
}

/// An object of strings in AMF0.
pub fn object(properties: &[(&str, &str)]) -> Vec<u8> {
    let mut out = vec![3];
    for (name, value) in properties {
        out.extend_from_slice(&u16::try_from(name.len()).expect("a short name").to_be_bytes());
        out.extend_from_slice(name.as_bytes());
        out.extend(text(value));
    }
    out.extend_from_slice(&[0, 0, 9]);
    out
}

/// Whether `part` is somewhere in `all`.
pub fn contains(all: &[u8], part: &[u8]) -> bool {
    all.windows(part.len()).any(|window| window == part)
}
