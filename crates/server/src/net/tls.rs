//! TLS from PEM files, and a connection that may or may not have it.

use std::io::{self, IoSlice};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{info, warn};

use super::der;
use super::socket::Socket;
use crate::told::told;

/// Where the certificate chain and its key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM, the server's certificate first, then the chain. WeChat wants the whole chain.
    pub cert: PathBuf,
    /// PEM, the private key.
    pub key: PathBuf,
}

/// HTTP/2 over TLS, as ALPN calls it.
pub const HTTP2: &str = "h2";

/// HTTP/1.1, likewise.
pub const HTTP1: &str = "http/1.1";

/// The certificate in force. It can be replaced while the server runs; connections that are there keep theirs.
#[derive(Debug)]
pub struct Certificate {
    current: RwLock<Current>,
}

#[derive(Debug, Default)]
struct Current {
    key: Option<Arc<CertifiedKey>>,
    files: Option<TlsFiles>,
}

impl Certificate {
    /// Reads the files.
    pub fn load(files: TlsFiles) -> anyhow::Result<Arc<Certificate>> {
        let key = Some(read(&files)?);
        Ok(Arc::new(Certificate { current: RwLock::new(Current { key, files: Some(files) }) }))
    }

    /// None yet: until [`Certificate::put`] brings one, every TLS handshake is refused.
    pub fn awaited() -> Arc<Certificate> {
        Arc::new(Certificate { current: RwLock::default() })
    }

    /// An acceptor for TLS 1.2 and 1.3 that always has the certificate in force. Of the `protocols` above TLS that both
    /// sides know, the first is spoken.
    pub fn acceptor(self: &Arc<Certificate>, protocols: &[&str]) -> anyhow::Result<TlsAcceptor> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(self.clone());
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Reads the files again, or others. On an error the certificate in force stays.
    pub fn reload(&self, files: TlsFiles) -> anyhow::Result<()> {
        let key = Some(read(&files)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Current { key, files: Some(files) };
        Ok(())
    }

    /// Takes a chain and its key from one PEM text. On an error the certificate in force stays.
    pub fn put(&self, pem: &str) -> anyhow::Result<()> {
        let chain = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>()?;
        let key = certified(chain, PrivateKeyDer::from_pem_slice(pem.as_bytes())?)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) =
            Current { key: Some(key), files: None };
        Ok(())
    }

    /// The files that the certificate in force was read from, if it was.
    pub fn files(&self) -> Option<TlsFiles> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).files.clone()
    }

    /// The certificate in force, if there is one.
    pub fn held(&self) -> Option<Arc<CertifiedKey>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).key.clone()
    }

    /// The last second at which the certificate in force is good, since 1970.
    pub fn expires_at(&self) -> Option<i64> {
        der::validity(&self.held()?.cert).map(|(_, until)| until)
    }
}

/// Between two looks at the certificate's files.
const WATCH: Duration = Duration::from_secs(30);

/// Reads the certificate again whenever its files have changed, as a renewal does. Files that do not fit, such as
/// those of a renewal that is half written, change nothing.
pub async fn watch_certificate(certificate: Arc<Certificate>) {
    let Some(files) = certificate.files() else { return };
    let mut seen = files.changed_at();
    loop {
        sleep(WATCH).await;
        let Some(files) = certificate.files() else { return };
        let now = files.changed_at();
        if now != seen {
            match certificate.reload(files) {
                Ok(()) => info!("the certificate was read again"),
                Err(error) => warn!("the certificate in force stays: {error:#}"),
            }
            seen = now;
        }
    }
}

impl TlsFiles {
    fn changed_at(&self) -> [Option<SystemTime>; 2] {
        [&self.cert, &self.key].map(|path| std::fs::metadata(path).and_then(|found| found.modified()).ok())
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.held()
    }
}

fn read(files: &TlsFiles) -> anyhow::Result<Arc<CertifiedKey>> {
    let (cert, key_file) = (files.cert.display(), files.key.display());
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_file_iter(&files.cert).and_then(Iterator::collect).map_err(|error| {
            told(
                format!("tls.cert_file: cannot read certificates from {cert}: {error}"),
                format!("tls.cert_file：无法从 {cert} 读取证书：{error}"),
            )
        })?;
    if chain.is_empty() {
        return Err(told(
            format!("tls.cert_file: {cert} holds no certificate"),
            format!("tls.cert_file：{cert} 里没有证书"),
        ));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| {
        told(
            format!("tls.key_file: cannot read a private key from {key_file}: {error}"),
            format!("tls.key_file：无法从 {key_file} 读取私钥：{error}"),
        )
    })?;
    certified(chain, key)
}

fn certified(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> anyhow::Result<Arc<CertifiedKey>> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let key = CertifiedKey::from_der(chain, key, &provider).map_err(|error| {
        told(
            format!("tls: the certificate and the key do not belong together: {error}"),
            format!("tls：证书与私钥不配套：{error}"),
        )
    })?;
    Ok(Arc::new(key))
}

/// A client's connection while a task owns it.
#[derive(Debug)]
pub enum Stream {
    /// As it came.
    Plain(TcpStream),
    /// With its TLS handshake done.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Whether the client's side is encrypted.
    pub fn is_tls(&self) -> bool {
        matches!(self, Stream::Tls(_))
    }

    /// Whether both sides have agreed on HTTP/2.
    pub fn is_http2(&self) -> bool {
        match self {
            Stream::Plain(_) => false,
            Stream::Tls(stream) => stream.get_ref().1.alpn_protocol() == Some(HTTP2.as_bytes()),
        }
    }

    /// Takes the connection out of the task's hands and gives it to a fan-out shard.
    pub fn into_socket(self) -> io::Result<Socket> {
        match self {
            Stream::Plain(stream) => Socket::plain(stream.into_std()?),
            Stream::Tls(stream) => {
                let (stream, tls) = stream.into_inner();
                Socket::tls(stream.into_std()?, tls)
            }
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Stream::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
