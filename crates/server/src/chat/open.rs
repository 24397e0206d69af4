//! From an HTTP request to a client of the chat.

use bytes::Bytes;
use tracing::warn;

use super::Arrival;
use crate::app::App;
use crate::http::head::Head;
use crate::http::response::{Cors, Response, streaming_head};
use crate::http::viewer::Client;
use crate::http::websocket;
use crate::net::{Permit, Stream};

/// After how long whoever comes while the server is about to stop may try again, in seconds: the clients that it sends away come back
/// over as long.
const AGAIN_SECONDS: &str = "5";

/// A request that may become a client.
pub struct Wanted {
    accept: String,
}

/// Decides on a request for the chat.
pub fn request(app: &App, head: &Head) -> Result<Wanted, Response> {
    let Some(accept) = websocket::accept(head) else {
        return Err(Response::error(
            426,
            "not_a_websocket",
            "the chat is a WebSocket: connect with ws:// or wss://, over HTTP/1.1",
            "聊天使用 WebSocket：请用 ws:// 或 wss://（HTTP/1.1）连接",
        )
        .with("Upgrade", "websocket"));
    };
    // Browsers say which page connects, and let any page do so (CWE-1385). Others say nothing.
    let origin = head.header("origin").unwrap_or_default();
    if !origin.is_empty() && !is_welcome(origin, head.header("host").unwrap_or_default(), &app.cors()) {
        return Err(Response::error(
            403,
            "origin",
            "pages of this origin may not use the chat: add it to http.cors_origins",
            "此网页来源不允许使用聊天：请将其加入 http.cors_origins",
        ));
    }
    if app.rooms.store().is_none() {
        return Err(Response::error(
            503,
            "no_rooms",
            "this server has no rooms: it has no data folder, or its database cannot be opened",
            "此服务器没有房间：没有数据目录，或数据库无法打开",
        ));
    }
    // Whoever was sent away would be sent away again, and the chat would not end.
    if app.drain.is_on() || app.chats.is_stopping() {
        return Err(Response::error(
            503,
            "draining",
            "this server is about to stop: connect again, to another one or after its restart",
            "服务器即将停止：请重新连接",
        )
        .with("Retry-After", AGAIN_SECONDS));
    }
    Ok(Wanted { accept })
}

/// Gives a connection whose request has `head` to a shard; `early` came right behind the request.
pub fn start(
    app: &App,
    connection: Stream,
    head: &Head,
    wanted: &Wanted,
    permit: Permit,
    client: Client,
    early: Bytes,
) {
    let headers = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", wanted.accept.as_str()),
    ];
    let owed = streaming_head(head, &app.cors(), 101, &headers);
    match connection.into_socket() {
        Ok(socket) => app.chats.attach(Arrival { socket, owed, early, permit, peer: client.peer }),
        Err(error) => warn!(session = client.id, %error, "a client was lost on its way to the chat"),
    }
}

/// A page of this server, or of an origin that the operator named. Mini-programs' pages come from WeChat's own origin.
fn is_welcome(origin: &str, host: &str, cors: &Cors) -> bool {
    let own = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    let ours = own.is_some_and(|own| own.eq_ignore_ascii_case(host));
    let mini_program = origin == "https://servicewechat.com";
    ours || mini_program || cors.origins.iter().any(|allowed| allowed == "*" || allowed == origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_that_belong_here_connect() {
        let cors = Cors { origins: vec!["https://shop.example".into()] };
        for (origin, host, welcome) in [
            ("https://live.example", "live.example", true),
            ("http://localhost:8080", "localhost:8080", true),
            ("http://localhost:8081", "localhost:8080", false),
            ("https://shop.example", "live.example", true),
            ("https://shop.example.evil.example", "live.example", false),
            ("https://servicewechat.com", "live.example", true),
            ("null", "live.example", false),
        ] {
            assert_eq!(is_welcome(origin, host, &cors), welcome, "{origin} {host}");
        }
    }
}
