//! Requests as plain text, so that tests can send what no client library would.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A response that ended.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The head as text, in lower case.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The value of a header, whose name is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let line = self.head.lines().find(|line| line.split(':').next() == Some(name))?;
        line.split_once(':').map(|(_, value)| value.trim())
    }
}

/// Sends `request` as it is and reads until the server closes.
pub fn exchange(addr: SocketAddr, request: &[u8]) -> anyhow::Result<Answer> {
    let mut socket = TcpStream::connect(addr)?;
    socket.set_read_timeout(Some(Duration::from_secs(30)))?;
    socket.write_all(request)?;
    let mut bytes = Vec::new();
    // A server that refuses may reset the connection after its answer.
    let read = socket.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let Some(end) = end else {
        read?;
        anyhow::bail!("no response, {} bytes", bytes.len());
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| anyhow::anyhow!("no status in {head:?}"))?;
    Ok(Answer { status, head, body: bytes[end + 4..].to_vec() })
}

/// `GET` with extra header lines, each with its line end.
pub fn get(addr: SocketAddr, target: &str, headers: &str) -> anyhow::Result<Answer> {
    exchange(
        addr,
        format!("GET {target} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n{headers}\r\n").as_bytes(),
    )
}
