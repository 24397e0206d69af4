//! A player's request for FLV: asked for, waited for, answered, handed to the fan-out.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use socket2::SockRef;
use tokio::net::UnixStream;
use tracing::{info, warn};

use super::url::Named;
use super::wire::{FlvEgress, Framing};
use crate::admission::Admitted;
use crate::app::App;
use crate::fanout::Arrival;
use crate::http::head::{Head, Method};
use crate::http::response::{Cors, Response, streaming_head};
use crate::http::viewer::{self, Client};
use crate::http::websocket;
use crate::net::{Permit, Socket, Stream};
use crate::sessions::{About, Role};

/// What the kernel holds of a viewer's media on its way to the task that has its connection, in bytes: little, as a
/// backlog belongs in the ring.
const PAIR_BYTES: usize = 32 * 1024;

/// What the request loop is to do.
pub enum Outcome {
    /// Send this and go on with the connection.
    Answer(Response),
    /// The request is granted: hand the connection over with [`start`] or [`start_within`].
    Play(Box<Granted>),
}

/// A granted request.
pub struct Granted {
    admitted: Admitted,
    stream: Arc<hub::Stream>,
    /// `Sec-WebSocket-Accept`, if it is to go on as a WebSocket.
    accept: Option<String>,
    agent: String,
}

fn wire(websocket: bool, tls: bool) -> &'static str {
    match (websocket, tls) {
        (true, false) => "ws-flv",
        (true, true) => "wss-flv",
        (false, false) => "http-flv",
        (false, true) => "https-flv",
    }
}

/// Decides on a request for FLV.
pub async fn request(app: &App, head: &Head, named: &Named, client: Client) -> Outcome {
    let wire = wire(head.is_websocket(), client.is_tls);
    let websocket_accept = if head.is_websocket() {
        match websocket::accept(head) {
            Some(accept) => Some(accept),
            None => {
                let message =
                    "the WebSocket handshake is incomplete: version 13 and a 16-byte key are needed";
                let zh = "WebSocket 握手不完整：需要版本 13 和 16 字节的 Sec-WebSocket-Key";
                return Outcome::Answer(Response::error(400, "bad_websocket", message, zh));
            }
        }
    } else {
        None
    };
    let stream_name = (named.app.as_str(), named.stream.as_str());
    let admitted = match viewer::admit(app, head, stream_name, client, wire).await {
        Ok(admitted) => admitted,
        Err(refusal) => return Outcome::Answer(refusal),
    };
    let stream = match viewer::on_air(app, head, &admitted.name, wire).await {
        Ok(stream) => stream,
        Err(refusal) => return Outcome::Answer(refusal),
    };
    if head.method == Method::Head {
        return Outcome::Answer(
            HEADERS
                .into_iter()
                .fold(Response::empty(200), |response, (name, value)| response.with(name, value)),
        );
    }
    let agent = head.header("user-agent").unwrap_or_default().to_owned();
    Outcome::Play(Box::new(Granted { admitted, stream, accept: websocket_accept, agent }))
}

/// What is said before the media of an HTTP answer.
pub const HEADERS: [(&str, &str); 2] = [("Content-Type", "video/x-flv"), ("Cache-Control", "no-store")];

/// Gives a connection whose request has `head` to the fan-out.
pub fn start(app: &App, connection: Stream, head: &Head, granted: Granted, permit: Permit, client: Client) {
    let (framing, head) = begin(head, &app.cors(), granted.accept.as_deref());
    match connection.into_socket() {
        Ok(socket) => attach(app, socket, vec![head], framing, granted, permit, client),
        Err(error) => {
            let (session, stream) = (client.id, granted.stream.name());
            warn!(session, %stream, %error, "a viewer was lost on its way to the fan-out");
        }
    }
}

/// Gives the fan-out one end of a pair of sockets and returns the other, for a connection that carries more than this
/// stream. What is not read from it backs up as with any viewer.
pub fn start_within(app: &App, granted: Granted, permit: Permit, client: Client) -> io::Result<UnixStream> {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    SockRef::from(&theirs).set_send_buffer_size(PAIR_BYTES)?;
    ours.set_nonblocking(true)?;
    let ours = UnixStream::from_std(ours)?;
    attach(app, Socket::pair(theirs)?, Vec::new(), Framing::Bare, granted, permit, client);
    Ok(ours)
}

/// How the media is framed on a connection of its own, and what goes before it.
fn begin(head: &Head, cors: &Cors, accept: Option<&str>) -> (Framing, Bytes) {
    if let Some(accept) = accept {
        let headers = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept)];
        return (Framing::WebSocket, streaming_head(head, cors, 101, &headers));
    }
    let mut headers = HEADERS.to_vec();
    headers.push(("Connection", "close"));
    let framing = if head.is_http11 { Framing::Chunked } else { Framing::Bare };
    if framing == Framing::Chunked {
        headers.push(("Transfer-Encoding", "chunked"));
    }
    (framing, streaming_head(head, cors, 200, &headers))
}

fn attach(
    app: &App,
    socket: Socket,
    owed: Vec<Bytes>,
    framing: Framing,
    granted: Granted,
    permit: Permit,
    client: Client,
) {
    let (peer, wire) = (client.peer, wire(framing == Framing::WebSocket, client.is_tls));
    let Admitted { name: stream, profile, domain, came, .. } = granted.admitted;
    let about = About { role: Role::Viewer, wire, stream, peer, agent: granted.agent, domain, came };
    let seat = app.sessions.open_as(client.id, about, app.clock.now_ms());
    info!(session = seat.session().id, stream = %granted.stream.name(), %peer, wire, "play");
    app.fanout.attach(Arrival {
        socket,
        owed,
        stream: granted.stream,
        profile,
        egress: Box::new(FlvEgress::new(framing)),
        permit,
        seat,
    });
}
