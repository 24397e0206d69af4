//! Questions to Weir's API, each on a connection of its own.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest one.
const MAX_ANSWER: u64 = 1 << 20;

/// The JSON of an answer that says that all is well.
pub(crate) fn ask(
    address: SocketAddr,
    key: &str,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Result<Value> {
    let body = body.map(Value::to_string).unwrap_or_default();
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    write!(
        socket,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = Vec::new();
    socket.take(MAX_ANSWER).read_to_end(&mut answer)?;
    let text = || String::from_utf8_lossy(&answer).into_owned();
    ensure!(answer.starts_with(b"HTTP/1.1 20"), "{method} {path}: {}", text());
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n").context("an answer without an end")?;
    serde_json::from_slice(&answer[head + 4..]).with_context(text)
}
