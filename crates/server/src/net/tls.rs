//! TLS from PEM files, and a connection that may or may not have it.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use anyhow::Context as _;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::fanout::Socket;

/// Where the certificate chain and its key are.
#[derive(Debug, Clone)]
pub struct TlsFiles<'a> {
    /// PEM, the server's certificate first, then the chain. WeChat wants the whole chain.
    pub cert: &'a Path,
    /// PEM, the private key.
    pub key: &'a Path,
}

/// Reads the files and makes an acceptor for TLS 1.2 and 1.3.
pub fn acceptor(files: &TlsFiles<'_>) -> anyhow::Result<TlsAcceptor> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(files.cert)
        .and_then(Iterator::collect)
        .with_context(|| format!("tls.cert_file: cannot read certificates from {}", files.cert.display()))?;
    anyhow::ensure!(!chain.is_empty(), "tls.cert_file: {} holds no certificate", files.cert.display());
    let key = PrivateKeyDer::from_pem_file(files.key)
        .with_context(|| format!("tls.key_file: cannot read a private key from {}", files.key.display()))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .context("tls: the certificate and the key do not belong together")?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
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
