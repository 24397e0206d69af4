//! HTTPS to the authority. There are about ten exchanges in an order and days between two orders, so each has a
//! connection of its own.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::header::{CONNECTION, HOST, HeaderValue};
use http_body_util::{BodyExt as _, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::net::connector;

/// For finding the authority, the connection and its TLS handshake.
const CONNECT: Duration = Duration::from_secs(15);

/// For the answer, to its end. Public authorities take seconds when they are busy.
const ANSWER: Duration = Duration::from_secs(45);

/// Largest answer, in bytes. The largest there is, a certificate with its chain, is a few KiB.
const MAX_ANSWER: usize = 256 * 1024;

/// Speaks HTTPS, and nothing but.
#[derive(Clone)]
pub(super) struct Client {
    tls: TlsConnector,
}

/// Why there was no answer from the authority.
#[derive(Debug)]
pub(super) struct Unanswered(String);

impl Client {
    /// Trusts the authorities that browsers trust, and those in `ca_file`.
    pub(super) fn new(ca_file: &str) -> anyhow::Result<Client> {
        Ok(Client { tls: connector("acme.ca_file", ca_file)? })
    }

    async fn exchange(&self, request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, Unanswered> {
        let (mut parts, body) = request.into_parts();
        let uri = std::mem::take(&mut parts.uri);
        let (Some("https"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(Unanswered(format!("{uri} is not an https:// address")));
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let because = |error: &dyn fmt::Display| Unanswered(format!("{authority}: {error}"));
        parts.uri =
            uri.path_and_query().map_or("/", |path| path.as_str()).parse().map_err(|e| because(&e))?;
        parts.headers.insert(HOST, HeaderValue::from_str(authority.as_str()).map_err(|e| because(&e))?);
        parts.headers.insert(CONNECTION, HeaderValue::from_static("close"));
        let name = ServerName::try_from(host.to_owned()).map_err(|e| because(&e))?;
        let connect = async {
            let socket = TcpStream::connect((host, authority.port_u16().unwrap_or(443))).await?;
            self.tls.connect(name, socket).await
        };
        let stream = timeout(CONNECT, connect)
            .await
            .map_err(|_| because(&format_args!("no connection within {} s", CONNECT.as_secs())))?
            .map_err(|e| because(&e))?;
        let exchange = async {
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
            // The connection works beside the exchange and ends with it.
            let mut beside = JoinSet::new();
            beside.spawn(connection);
            let (parts, body) = sender.send_request(Request::from_parts(parts, body)).await?.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await?.to_bytes();
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(BytesResponse { parts, body: Box::new(body) })
        };
        timeout(ANSWER, exchange)
            .await
            .map_err(|_| because(&format_args!("no answer within {} s", ANSWER.as_secs())))?
            .map_err(|e| because(&e))
    }
}

impl HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let client = self.clone();
        Box::pin(async move { client.exchange(request).await.map_err(|error| Error::Other(error.into())) })
    }
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unanswered {}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rcgen::generate_simple_self_signed;
    use rustls::ServerConfig;
    use rustls::pki_types::PrivateKeyDer;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;
    use crate::scratch::Scratch;

    /// What comes of a request to an authority that answers with `head` and so many bytes after it.
    async fn answered(head: &'static str, bytes: usize) -> Result<usize, String> {
        let made = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let scratch = Scratch::new();
        let ca_file = scratch.path().join("ca.pem");
        std::fs::write(&ca_file, made.cert.pem()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (socket, _) = listener.accept().await.unwrap();
            let mut stream = TlsAcceptor::from(Arc::new(config)).accept(socket).await.unwrap();
            let mut request = [0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            assert!(request[..length].starts_with(b"GET /directory HTTP/1.1\r\n"));
            // The client may have had enough before the end.
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.write_all(&vec![b'x'; bytes]).await;
            let _ = stream.shutdown().await;
        });
        let client = Client::new(ca_file.to_str().unwrap()).unwrap();
        let request = Request::get(format!("https://localhost:{port}/directory"));
        let request = request.body(BodyWrapper::default()).unwrap();
        let mut response = client.request(request).await.map_err(|error| error.to_string())?;
        Ok(response.body.into_bytes().await.unwrap().len())
    }

    #[tokio::test]
    async fn an_answer_is_taken_to_its_bound_and_not_beyond() {
        const CLOSE: &str = "HTTP/1.1 200 OK\r\n\r\n";
        assert_eq!(answered(CLOSE, MAX_ANSWER).await, Ok(MAX_ANSWER));
        let told = answered(CLOSE, MAX_ANSWER + 1).await.unwrap_err();
        assert!(told.contains("length limit exceeded"), "{told}");
        let told = answered("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", 10).await;
        assert!(told.is_err());
        assert!(answered("SSH-2.0-x\r\n", 0).await.is_err());
    }

    #[tokio::test]
    async fn nothing_but_https_is_spoken() {
        let client = Client::new("").unwrap();
        for uri in ["http://localhost/directory", "/directory"] {
            let request = Request::get(uri).body(BodyWrapper::default()).unwrap();
            let told = client.exchange(request).await.err().unwrap().to_string();
            assert!(told.contains("not an https:// address"), "{told}");
        }
    }
}
