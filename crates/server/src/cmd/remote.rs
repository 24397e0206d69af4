//! The running server, asked over its HTTP API: as much of HTTP/1.1 as that takes, over `http://` only.

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::lang::Lang;
use crate::operator::keys::{self, Local};
use crate::secrets::Secret;
use crate::told::told;

/// For the connection, and for every read.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longest answer, in bytes. The longest that a server gives, a page of 200 streams, is below 1 MiB.
const ANSWER_MAX: u64 = 16 * 1024 * 1024;

/// The variable that holds a key.
const KEY_VARIABLE: &str = "WEIR_KEY";

/// Which server, and as whom.
#[derive(Debug, clap::Args)]
pub(super) struct Flags {
    /// The server, such as http://192.0.2.7:8080; the one of DIR when left out 服务器地址
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// Key of the API; better in WEIR_KEY, where other users do not see it. The server's own of DIR when left out 密钥
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Data folder of a server on this machine 数据目录
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// For programs 输出 JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// A server.
#[derive(Debug)]
pub(super) struct Remote {
    host: String,
    port: u16,
    key: Secret,
    lang: Lang,
}

impl Flags {
    /// The data folder on this machine, unless another server is meant.
    pub(super) fn local_data(&self) -> Option<&std::path::Path> {
        self.server.is_none().then_some(self.data.as_path())
    }

    /// The server that they mean.
    pub(super) fn remote(&self, lang: Lang) -> anyhow::Result<Remote> {
        let local = keys::local(&self.data)?;
        let given =
            self.key.clone().or_else(|| std::env::var(KEY_VARIABLE).ok()).filter(|key| !key.is_empty());
        let data = self.data.display();
        let server = match (&self.server, &local) {
            (Some(server), _) => server.clone(),
            (None, Some(Local { server, .. })) if !server.is_empty() => server.clone(),
            _ => {
                return Err(told(
                    format!(
                        "no server has run with {data} as its data folder and listened for HTTP: name another with --data, or give --server and --key"
                    ),
                    format!(
                        "没有以 {data} 为数据目录并监听 HTTP 的服务器：请用 --data 指定目录，或给出 --server 和 --key"
                    ),
                ));
            }
        };
        // The local key is for the server that made it, and is sent to no other.
        let key = match (given, local) {
            (Some(key), _) => Secret::new(key),
            (None, Some(local)) if local.server == server.trim_end_matches('/') => local.key,
            _ => {
                return Err(told(
                    format!("{server} wants a key: set {KEY_VARIABLE}, or give --key"),
                    format!("访问 {server} 需要密钥：请设置 {KEY_VARIABLE}，或用 --key 给出"),
                ));
            }
        };
        let (host, port) = parse(&server)?;
        Ok(Remote { host, port, key, lang })
    }
}

impl Remote {
    /// Asks for a path behind `/api/v1/`; gives what was answered, or null. The error is the server's own words.
    pub(super) fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let about = match body.is_empty() {
            true => String::new(),
            false => format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()),
        };
        let (host, port) = (&self.host, self.port);
        let bracketed = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let key = self.key.expose();
        let request = format!(
            "{method} /api/v1/{path} HTTP/1.1\r\nHost: {bracketed}:{port}\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n{about}\r\n{body}"
        );
        let answer = exchange(host, port, request.as_bytes()).map_err(|error| {
            told(
                format!("no answer from http://{bracketed}:{port}: {error}. Does the server run?"),
                format!("http://{bracketed}:{port} 没有回应：{error}。服务器在运行吗？"),
            )
        })?;
        let (status, body) = split(&answer).ok_or_else(|| {
            told(
                format!("what answers at http://{bracketed}:{port} is no Weir server"),
                format!("http://{bracketed}:{port} 不是 Weir 服务器"),
            )
        })?;
        let value = serde_json::from_slice(body).unwrap_or(Value::Null);
        if (200..300).contains(&status) {
            return Ok(value);
        }
        let word = |name: &str| value["error"][name].as_str().map(plain);
        let en = word("message").unwrap_or_else(|| format!("the server answered {status}"));
        let zh = word("message_zh").unwrap_or_else(|| format!("服务器回应 {status}"));
        // The details of a bad body are in English only.
        let told_zh = if self.lang == Lang::Zh && status == 400 { format!("{zh}（{en}）") } else { zh };
        Err(told(en, told_zh))
    }
}

/// A text as a part of a query.
pub(super) fn escape(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn parse(server: &str) -> anyhow::Result<(String, u16)> {
    let bad = || {
        told(
            format!("--server {server} must be like http://192.0.2.7:8080; for https use curl"),
            format!("--server {server} 应形如 http://192.0.2.7:8080；https 请用 curl"),
        )
    };
    let authority = server.strip_prefix("http://").map(|rest| rest.trim_end_matches('/')).ok_or_else(bad)?;
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, behind) = rest.split_once(']').ok_or_else(bad)?;
            (host, behind.strip_prefix(':'))
        }
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map_or(Some(80), |port| port.parse().ok()).ok_or_else(bad)?;
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    if host.is_empty() || !host.bytes().all(good) {
        return Err(bad());
    }
    Ok((host.to_owned(), port))
}

fn exchange(host: &str, port: u16, request: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut last = std::io::Error::from(std::io::ErrorKind::NotFound);
    for address in (host, port).to_socket_addrs()? {
        let mut socket = match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(socket) => socket,
            Err(error) => {
                last = error;
                continue;
            }
        };
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        socket.write_all(request)?;
        let mut answer = Vec::new();
        socket.take(ANSWER_MAX).read_to_end(&mut answer)?;
        return Ok(answer);
    }
    Err(last)
}

/// The status and the body of an answer that ended with its connection.
fn split(answer: &[u8]) -> Option<(u16, &[u8])> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, body) = answer.split_at_checked(end + 4)?;
    let line = std::str::from_utf8(head).ok()?.lines().next()?;
    let status = line.strip_prefix("HTTP/1.1 ")?.split(' ').next()?.parse().ok()?;
    Some((status, body))
}

/// What another machine says, without what would move the cursor.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_plain_http_address() {
        for (text, host, port) in [
            ("http://127.0.0.1:8080", "127.0.0.1", 8080),
            ("http://[::1]:8080/", "::1", 8080),
            ("http://example.com", "example.com", 80),
        ] {
            assert_eq!(parse(text).unwrap(), (host.to_owned(), port), "{text}");
        }
        for bad in ["https://a", "a:80", "http://", "http://a/b", "http://a:b", "http://[::1", "http://a b"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_answer_is_a_status_and_a_body() {
        assert_eq!(split(b"HTTP/1.1 204 No Content\r\nA: b\r\n\r\n"), Some((204, &b""[..])));
        assert_eq!(split(b"HTTP/1.1 200 OK\r\n\r\n{}"), Some((200, &b"{}"[..])));
        assert_eq!(split(b"SSH-2.0-OpenSSH\r\n\r\n"), None);
        assert_eq!(escape("a b/堰"), "a%20b%2F%E5%A0%B0");
    }
}
