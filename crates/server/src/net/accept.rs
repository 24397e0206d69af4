//! Accepting connections: counted, without Nagle's delay, with their TLS handshake done.

use std::net::IpAddr;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

use super::{Permit, Permits, Stream};

/// After the process ran out of descriptors: long enough for some to come free, short enough to go unnoticed.
const PAUSE: Duration = Duration::from_millis(50);

/// A listening socket and what its connections go through before they are served.
pub struct Door {
    /// The socket.
    pub listener: TcpListener,
    /// The certificate, where the wire is encrypted.
    pub tls: Option<TlsAcceptor>,
    /// How long the TLS handshake may take.
    pub tls_timeout: Duration,
    /// Who may come in.
    pub permits: Permits,
    /// The bound on what the kernel holds unsent for a connection, in bytes; 0 leaves it to the kernel. With it a
    /// viewer's backlog is in the ring, where pictures can be left out of it, and not in the kernel, where they
    /// cannot.
    pub not_sent_low_water: u32,
    /// For the log.
    pub wire: &'static str,
}

impl Door {
    /// Accepts connections until the task is ended, and has each served by a task of its own.
    pub async fn run<F, Served>(self, serve: F)
    where
        F: Fn(Stream, IpAddr, Permit) -> Served + Clone + Send + 'static,
        Served: Future<Output = ()> + Send + 'static,
    {
        loop {
            let (socket, peer) = match self.listener.accept().await {
                Ok((socket, peer)) => (socket, peer.ip().to_canonical()),
                Err(error) => {
                    let wire = self.wire;
                    warn!(%error, wire, "a connection could not be accepted: is the descriptor limit (ulimit -n) reached?");
                    sleep(PAUSE).await;
                    continue;
                }
            };
            let permit = match self.permits.take(peer) {
                Ok(permit) => permit,
                Err(refused) => {
                    debug!(%peer, wire = self.wire, ?refused, "connection refused");
                    continue;
                }
            };
            self.tune(&socket);
            let (serve, tls, tls_timeout) = (serve.clone(), self.tls.clone(), self.tls_timeout);
            tokio::spawn(async move {
                let connection = match tls {
                    None => Stream::Plain(socket),
                    Some(tls) => match timeout(tls_timeout, tls.accept(socket)).await {
                        Ok(Ok(stream)) => Stream::Tls(Box::new(stream)),
                        Ok(Err(error)) => return debug!(%peer, %error, "TLS handshake failed"),
                        Err(_) => return debug!(%peer, "TLS handshake timed out"),
                    },
                };
                serve(connection, peer, permit).await;
            });
        }
    }

    fn tune(&self, socket: &TcpStream) {
        // From accept on: with Nagle's algorithm each small answer waits for the last one's acknowledgement. It
        // fails on a socket that is closed already, which the first read will tell.
        let _ = socket.set_nodelay(true);
        if self.not_sent_low_water > 0 {
            // An optimisation: without it (an old kernel) slow viewers are noticed later.
            let _ = SockRef::from(socket).set_tcp_notsent_lowat(self.not_sent_low_water);
        }
    }
}
