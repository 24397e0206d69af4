//! Connecting to another server: resolved once, guarded, within a bound, with TLS where the address says so.

use std::io;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::Failure;
use super::target::{Guard, Target};
use crate::net::connector;

/// A connection, encrypted or not.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// How long another server may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// To be resolved and connected.
    pub(super) connect: Duration,
    /// For the handshakes, and for the first byte of an answer.
    pub(super) start: Duration,
    /// Between two pieces of media, and for taking what it is sent.
    pub(super) idle: Duration,
}

/// Makes connections.
pub(super) struct Dialer {
    tls: TlsConnector,
    pub(super) patience: Patience,
}

impl Dialer {
    /// Trusts the authorities that browsers trust, and those in `ca_file`.
    pub(super) fn new(ca_file: &str, patience: Patience) -> anyhow::Result<Dialer> {
        Ok(Dialer { tls: connector("relays.ca_file", ca_file)?, patience })
    }

    /// A connection to the target's host.
    pub(super) async fn dial(&self, target: &Target, guard: Guard) -> Result<Box<dyn Wire>, Failure> {
        let limit = self.patience.connect;
        let connect = async {
            let mut last = Failure::Unreachable(io::ErrorKind::NotFound.into());
            let addresses = guard.resolve(target).await?;
            // An address that swallows everything, like IPv6 in half a network, must not use up the next one's time.
            let share = limit / u32::try_from(addresses.len()).unwrap_or(1).max(1);
            for address in addresses {
                match timeout(share, TcpStream::connect(address)).await {
                    Ok(Ok(socket)) => return Ok(socket),
                    Ok(Err(error)) => last = Failure::Unreachable(error),
                    Err(_) => last = Failure::TimedOut("the connection"),
                }
            }
            Err(last)
        };
        let socket = timeout(limit, connect).await.map_err(|_| Failure::TimedOut("the connection"))??;
        // It fails on a socket that is closed already, which the first read will tell.
        let _ = socket.set_nodelay(true);
        if !target.scheme().is_secure() {
            return Ok(Box::new(socket));
        }
        let name = ServerName::try_from(target.host().to_owned())
            .map_err(|_| Failure::Tls(io::Error::other("no certificate can have this host name")))?;
        let shake = timeout(self.patience.start, self.tls.connect(name, socket)).await;
        let stream = shake.map_err(|_| Failure::TimedOut("the TLS handshake"))?.map_err(Failure::Tls)?;
        Ok(Box::new(stream))
    }
}

impl std::fmt::Debug for Dialer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialer").field("patience", &self.patience).finish_non_exhaustive()
    }
}
