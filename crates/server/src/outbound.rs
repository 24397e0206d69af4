//! The one HTTP client for everything that calls out: webhooks, hooks that decide, and what else an address in the
//! configuration or the API names.
//!
//! - A host is resolved once, checked by [`Guard`], and connected to exactly where it was checked.
//! - A redirect is an answer like any other; nobody is followed anywhere.
//! - Everything has a bound: the request, the head and the body of the answer, and the whole exchange in time. A body
//!   beyond its bound is cut, and said to be.
//! - Each exchange has a connection of its own, so one that hangs holds up nothing else.

mod address;
mod failure;

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{
    ACCEPT, CONNECTION, CONTENT_TYPE, HOST, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT,
};
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::net::{Guard, connector};
pub use address::{Address, BadAddress};
pub use failure::Failure;

/// Longest body that is sent, in bytes.
pub const REQUEST_MAX: usize = 64 * 1024;

/// How much of an answer's body is read, in bytes.
pub const ANSWER_MAX: usize = 64 * 1024;

/// Longest head of an answer, in bytes.
const HEAD_MAX: usize = 16 * 1024;

/// How this server calls itself.
const AGENT: &str = concat!("Weir/", env!("CARGO_PKG_VERSION"));

/// Calls out.
#[derive(Clone)]
pub struct Client {
    tls: TlsConnector,
}

/// What is asked of another server.
#[derive(Debug, Clone)]
pub struct Call {
    /// GET or POST.
    pub method: Method,
    /// Besides the usual ones.
    pub headers: Vec<(HeaderName, String)>,
    /// Its media type, if it has a body.
    pub content_type: Option<&'static str>,
    /// What is sent.
    pub body: Bytes,
    /// For all of it, from finding the host to the last byte of the answer.
    pub timeout: Duration,
}

/// What another server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status; a redirect is one of them.
    pub status: u16,
    /// When it wants to be asked again, in its words.
    pub retry_after: Option<String>,
    /// The body, as far as it was read.
    pub body: Bytes,
    /// Whether there was more of it.
    pub is_cut: bool,
}

impl Client {
    /// Trusts the authorities that browsers trust, and those in `ca_file`; `key` is its name for errors.
    pub fn new(key: &str, ca_file: &str) -> anyhow::Result<Client> {
        Ok(Client { tls: connector(key, ca_file)? })
    }

    /// One exchange.
    pub async fn call(&self, address: &Address, guard: Guard, call: Call) -> Result<Answer, Failure> {
        if call.body.len() > REQUEST_MAX {
            return Err(Failure::TooLong(call.body.len()));
        }
        let limit = call.timeout;
        timeout(limit, self.exchange(address, guard, call)).await.map_err(|_| Failure::TimedOut(limit))?
    }

    async fn exchange(&self, address: &Address, guard: Guard, call: Call) -> Result<Answer, Failure> {
        let socket = guard.connect(address.host(), address.port(), call.timeout).await?;
        let request = request(address, call)?;
        if !address.is_secure() {
            return speak(socket, request).await;
        }
        let name = ServerName::try_from(address.host().to_owned())
            .map_err(|_| Failure::Tls("no certificate can have this host name".to_owned()))?;
        let stream = self.tls.connect(name, socket).await.map_err(|error| Failure::Tls(error.to_string()))?;
        speak(stream, request).await
    }
}

fn request(address: &Address, call: Call) -> Result<Request<Full<Bytes>>, Failure> {
    let mut request = Request::builder()
        .method(call.method)
        .uri(address.path_and_query())
        .header(HOST, address.authority())
        .header(USER_AGENT, AGENT)
        .header(ACCEPT, "*/*")
        .header(CONNECTION, "close");
    if let Some(content_type) = call.content_type {
        request = request.header(CONTENT_TYPE, content_type);
    }
    for (name, value) in call.headers {
        let value = HeaderValue::try_from(value).map_err(|_| Failure::BadRequest)?;
        request = request.header(name, value);
    }
    request.body(Full::new(call.body)).map_err(|_| Failure::BadRequest)
}

async fn speak<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Answer, Failure>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) =
        http1::Builder::new().max_buf_size(HEAD_MAX).handshake(TokioIo::new(stream)).await?;
    // The connection works beside the exchange and ends with it.
    let mut beside = JoinSet::new();
    beside.spawn(connection);
    let (parts, mut incoming) = sender.send_request(request).await?.into_parts();
    let retry_after = parts.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let mut body = BytesMut::new();
    let mut is_cut = false;
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        let room = ANSWER_MAX - body.len();
        body.extend_from_slice(data.get(..room).unwrap_or(&data));
        if data.len() > room {
            is_cut = true;
            break;
        }
    }
    Ok(Answer {
        status: parts.status.as_u16(),
        retry_after: retry_after.map(str::to_owned),
        body: body.freeze(),
        is_cut,
    })
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
