//! Why an attempt to relay ended.

use std::fmt;
use std::io;
use std::net::IpAddr;

use hub::{End, Occupied};
use media::flv::BadFlv;

use crate::net::NoConnection;

/// Longest text of another server that is kept, in characters.
const TOLD_MAX: usize = 200;

/// Why an attempt ended. What it says holds no address beyond a host, and no key.
#[derive(Debug)]
pub enum Failure {
    /// The name of the host leads nowhere.
    Unresolved(io::Error),
    /// The guard refuses this address.
    Guarded(IpAddr),
    /// There was no connection.
    Unreachable(io::Error),
    /// The TLS handshake failed, as with a certificate that nobody vouches for.
    Tls(io::Error),
    /// The other server was too slow with the step that is named.
    TimedOut(&'static str),
    /// The connection was lost or closed.
    Lost(io::Error),
    /// The other server broke the protocol.
    Rtmp(rtmp::Error),
    /// The other server refused, or ended the stream; in its words.
    Told(String),
    /// The other server answered with an HTTP status that is no stream.
    Status {
        /// The status.
        status: u16,
        /// The beginning of what came with it, for whoever asked by hand. It may repeat the address, and is not shown here.
        body: String,
    },
    /// The other server redirects to another host, or too often.
    Redirected,
    /// The other server's answer is no HTTP.
    Http(&'static str),
    /// The other server's data is no FLV.
    Flv(BadFlv),
    /// What comes is no audio or video.
    Garbage,
    /// Somebody on this server publishes the stream, or there is no room for it.
    Occupied(Occupied),
    /// The stream is forbidden on this server.
    Forbidden,
    /// The stream was taken away from the relay.
    Revoked(End),
    /// The other server takes less than the stream has, for too long.
    TooSlow,
    /// The address leads back to this server and stream.
    Loop,
    /// The stream has come over as many servers as it may.
    TooFar,
    /// The system has no random bytes.
    NoRandom,
}

impl Failure {
    /// What another server said, cut, on one line, and without the name of the stream, which may be a key.
    pub(super) fn told(code: &str, description: &str, secret: &str) -> Failure {
        let words = [code, description].join(" ");
        let stem = secret.split('?').next().unwrap_or_default();
        let words = if secret.is_empty() { words } else { words.replace(secret, "...") };
        let words = if stem.is_empty() { words } else { words.replace(stem, "...") };
        let clean = words.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
        Failure::Told(clean.take(TOLD_MAX).collect())
    }

    /// The reason in Chinese. What the system or the other server says stays in its own words.
    pub fn message_zh(&self) -> String {
        match self {
            Failure::Unresolved(error) => format!("找不到主机：{error}"),
            Failure::Guarded(ip) => format!("{ip} 不是公网地址（relays.allow_private = false）"),
            Failure::Unreachable(error) => format!("无法连接：{error}"),
            Failure::Tls(error) => format!("TLS 失败：{error}"),
            Failure::TimedOut(step) => format!("对方服务器太慢：{step}"),
            Failure::Lost(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                "对方服务器关闭了连接".to_owned()
            }
            Failure::Lost(error) => format!("连接中断：{error}"),
            Failure::Rtmp(error) => format!("对方服务器违反协议：{error}"),
            Failure::Told(words) => format!("对方服务器称：{words}"),
            Failure::Status { status, .. } => format!("对方服务器返回 HTTP 状态码 {status}"),
            Failure::Redirected => "对方服务器重定向到别的主机，或次数过多".to_owned(),
            Failure::Http(what) => format!("对方服务器的回应不是 HTTP：{what}"),
            Failure::Flv(bad) => format!("对方服务器的数据不是 FLV：{bad}"),
            Failure::Garbage => "对方服务器发来的数据无法识别".to_owned(),
            Failure::Occupied(Occupied::Other) => "该流正由他人推送到本机".to_owned(),
            Failure::Occupied(Occupied::Full) => "本机的流数量已达上限（limits.max_streams）".to_owned(),
            Failure::Forbidden => "该流在本机已被禁播".to_owned(),
            Failure::Revoked(End::Dropped(reason)) => format!("该流被断开：{reason}"),
            Failure::Revoked(_) => "该流被收回".to_owned(),
            Failure::TooSlow => "对方服务器的接收速度跟不上".to_owned(),
            Failure::Loop => "地址指回了本机的同一路流".to_owned(),
            Failure::TooFar => "该流经过的服务器过多".to_owned(),
            Failure::NoRandom => "系统没有提供随机数".to_owned(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Unresolved(error) => write!(f, "the host cannot be found: {error}"),
            Failure::Guarded(ip) => write!(f, "{ip} is not a public address (relays.allow_private = false)"),
            Failure::Unreachable(error) => write!(f, "no connection: {error}"),
            Failure::Tls(error) => write!(f, "TLS failed: {error}"),
            Failure::TimedOut(step) => write!(f, "the other server was too slow: {step}"),
            Failure::Lost(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                f.write_str("the other server closed the connection")
            }
            Failure::Lost(error) => write!(f, "the connection was lost: {error}"),
            Failure::Rtmp(error) => write!(f, "the other server broke the protocol: {error}"),
            Failure::Told(words) => write!(f, "the other server says: {words}"),
            Failure::Status { status, .. } => write!(f, "the other server answers with HTTP status {status}"),
            Failure::Redirected => f.write_str("the other server redirects to another host, or too often"),
            Failure::Http(what) => write!(f, "the other server's answer is no HTTP: {what}"),
            Failure::Flv(bad) => bad.fmt(f),
            Failure::Garbage => f.write_str("what the other server sends is neither audio nor video"),
            Failure::Occupied(Occupied::Other) => f.write_str("somebody else publishes this stream here"),
            Failure::Occupied(Occupied::Full) => {
                f.write_str("this server has as many streams as it may (limits.max_streams)")
            }
            Failure::Forbidden => f.write_str("the stream is forbidden on this server"),
            Failure::Revoked(End::Dropped(reason)) => write!(f, "the stream was dropped: {reason}"),
            Failure::Revoked(_) => f.write_str("the stream was taken away"),
            Failure::TooSlow => f.write_str("the other server takes less than the stream has"),
            Failure::Loop => f.write_str("the address leads back to this server and stream"),
            Failure::TooFar => f.write_str("the stream has come over as many servers as it may"),
            Failure::NoRandom => f.write_str("the system has no random bytes"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<NoConnection> for Failure {
    fn from(error: NoConnection) -> Failure {
        match error {
            NoConnection::Guarded(ip) => Failure::Guarded(ip),
            NoConnection::Unresolved(error) => Failure::Unresolved(error),
            NoConnection::Unreachable(error) => Failure::Unreachable(error),
            NoConnection::TimedOut => Failure::TimedOut("the connection"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_server_says_is_cut_and_holds_no_key() {
        let said =
            Failure::told("NetStream.Play.StreamNotFound", "no\nstream hush?k=hush or hush", "hush?k=hush");
        assert_eq!(
            said.to_string(),
            "the other server says: NetStream.Play.StreamNotFound no stream ... or ..."
        );
        assert!(Failure::told("x", &"y".repeat(9_000), "").to_string().len() < 300);
    }
}
