//! The one HTTP client for everything that calls out: webhooks, hooks that decide, and what else an address in the
//! configuration or the API names.
//!
//! - A host is resolved once, checked by [`Guard`], and connected to exactly where it was checked.
//! - A redirect is an answer like any other; nobody is followed anywhere.
//! - Everything has a bound: the request, the head and the body of the answer, and the whole exchange in time. A body
//!   beyond its bound is cut, and said to be.
//! - Each exchange has a connection to itself, so one that hangs holds up nothing else. Afterwards the connection is kept for
//!   a while for the next (`pool`), for what this guard let through and nothing else.
//! - The other server may close a kept connection just when a call goes out. When it ended without a byte of an answer, the
//!   call is made once more, on a new connection that passes the guard like every other. Whatever is called may hear the same
//!   twice: events and orders of a wallet have an id for that, and a question does nothing.

mod address;
mod connection;
mod failure;
mod pool;

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT};
use http::{Method, Request};
use http_body_util::Full;
use rustls::pki_types::ServerName;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::net::{Guard, connector};
pub use address::{Address, BadAddress};
use connection::{Connection, Lost};
pub use failure::Failure;
use pool::{Key, Pool};

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
    pool: Pool,
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
        Ok(Client { tls: connector(key, ca_file)?, pool: Pool::default() })
    }

    /// One exchange.
    pub async fn call(&self, address: &Address, guard: Guard, call: Call) -> Result<Answer, Failure> {
        if call.body.len() > REQUEST_MAX {
            return Err(Failure::TooLong(call.body.len()));
        }
        let limit = call.timeout;
        let done = timeout(limit, self.exchange(address, guard, call)).await;
        done.unwrap_or_else(|_| {
            // A machine that is gone without a word leaves connections that all look well, and each would cost as much.
            self.pool.forget(&Key::new(address, guard));
            Err(Failure::TimedOut(limit))
        })
    }

    async fn exchange(&self, address: &Address, guard: Guard, call: Call) -> Result<Answer, Failure> {
        let key = Key::new(address, guard);
        let limit = call.timeout;
        let request = request(address, call)?;
        if let Some(kept) = self.pool.take(&key) {
            match self.ask(&key, kept, request.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(Lost { failure, is_unanswered: false }) => return Err(failure),
                Err(_) => {}
            }
        }
        let made = self.connect(address, guard, limit).await?;
        self.ask(&key, made, request).await.map_err(|lost| lost.failure)
    }

    async fn connect(&self, address: &Address, guard: Guard, limit: Duration) -> Result<Connection, Failure> {
        let socket = guard.connect(address.host(), address.port(), limit).await?;
        if !address.is_secure() {
            return Connection::open(socket).await;
        }
        let name = ServerName::try_from(address.host().to_owned())
            .map_err(|_| Failure::Tls("no certificate can have this host name".to_owned()))?;
        let stream = self.tls.connect(name, socket).await.map_err(|error| Failure::Tls(error.to_string()))?;
        Connection::open(stream).await
    }

    /// One exchange; a connection that is free after it is kept.
    async fn ask(
        &self,
        key: &Key,
        mut connection: Connection,
        request: Request<Full<Bytes>>,
    ) -> Result<Answer, Lost> {
        let done = connection.exchange(request).await?;
        if !done.answer.is_cut {
            self.pool.put(key.clone(), connection, done.keeps.unwrap_or(pool::IDLE));
        }
        Ok(done.answer)
    }
}

fn request(address: &Address, call: Call) -> Result<Request<Full<Bytes>>, Failure> {
    let mut request = Request::builder()
        .method(call.method)
        .uri(address.path_and_query())
        .header(HOST, address.authority())
        .header(USER_AGENT, AGENT)
        .header(ACCEPT, "*/*");
    if let Some(content_type) = call.content_type {
        request = request.header(CONTENT_TYPE, content_type);
    }
    for (name, value) in call.headers {
        let value = HeaderValue::try_from(value).map_err(|_| Failure::BadRequest)?;
        request = request.header(name, value);
    }
    request.body(Full::new(call.body)).map_err(|_| Failure::BadRequest)
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
