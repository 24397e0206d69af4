//! Connecting to another server: resolved once, guarded, within a bound, with TLS where the address says so.

use std::io;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::Failure;
use super::target::Target;
use crate::net::{Guard, connector};

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
        let socket = guard.connect(target.host(), target.port(), self.patience.connect).await?;
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
