use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::generate_simple_self_signed;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::scratch::Scratch;

const SOON: Duration = Duration::from_secs(5);

fn post(body: &'static [u8], timeout: Duration) -> Call {
    Call {
        method: Method::POST,
        headers: vec![(HeaderName::from_static("webhook-id"), "msg_1".to_owned())],
        content_type: Some("application/json"),
        body: Bytes::from_static(body),
        timeout,
    }
}

/// A server that says `head`, then `bytes` of a body, and then closes or `stalls`. Gives its port, and what it was sent.
async fn server(head: &'static str, bytes: usize, stalls: bool) -> (u16, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut heard = vec![0; 8_192];
        let mut len = 0;
        while !heard[..len].ends_with(b"{}") {
            len += socket.read(&mut heard[len..]).await.unwrap();
        }
        // The client may have had enough before the end.
        let _ = socket.write_all(head.as_bytes()).await;
        let _ = socket.write_all(&vec![b'x'; bytes]).await;
        if stalls {
            let _ = socket.read(&mut [0; 8]).await;
        }
        String::from_utf8_lossy(&heard[..len]).into_owned()
    });
    (port, heard)
}

async fn answer(
    head: &'static str,
    bytes: usize,
    stalls: bool,
    timeout: Duration,
) -> Result<Answer, Failure> {
    let (port, _heard) = server(head, bytes, stalls).await;
    let address = Address::parse(&format!("http://127.0.0.1:{port}/hook?k=v")).unwrap();
    Client::new("x.ca_file", "").unwrap().call(&address, Guard::OPERATOR, post(b"{}", timeout)).await
}

#[tokio::test]
async fn a_call_is_one_request_with_its_headers_and_gets_its_answer() {
    let (port, heard) = server("HTTP/1.1 204 No Content\r\nRetry-After: 7\r\n\r\n", 0, false).await;
    let address = Address::parse(&format!("http://localhost:{port}/hook?k=v")).unwrap();
    let client = Client::new("x.ca_file", "").unwrap();
    let answer = client.call(&address, Guard::OPERATOR, post(b"{}", SOON)).await.unwrap();
    assert_eq!((answer.status, answer.retry_after.as_deref(), answer.is_cut), (204, Some("7"), false));
    let heard = heard.await.unwrap();
    assert!(heard.starts_with("POST /hook?k=v HTTP/1.1\r\n"), "{heard}");
    for line in [
        &format!("host: localhost:{port}"),
        "webhook-id: msg_1",
        "content-length: 2",
        "content-type: application/json",
    ] {
        assert!(heard.contains(&format!("{line}\r\n")), "{line} in {heard}");
    }
}

/// A server that answers each request of each connection as `answer` says, which is given the number of the connection and
/// of the request on it; an empty answer closes. Gives its address and how many connections it has had.
async fn keeper(answer: fn(usize, usize) -> &'static str) -> (Address, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::parse(&format!("http://{}/hook", listener.local_addr().unwrap())).unwrap();
    let connections = Arc::<AtomicUsize>::default();
    let count = connections.clone();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let connection = count.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                for request in 0.. {
                    let (mut heard, mut byte) = (Vec::new(), [0]);
                    while !heard.ends_with(b"{}") {
                        if socket.read(&mut byte).await.unwrap_or(0) == 0 {
                            return;
                        }
                        heard.push(byte[0]);
                    }
                    let answer = answer(connection, request);
                    if answer.is_empty() || socket.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, connections)
}

const NOTHING: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

#[tokio::test]
async fn one_connection_is_used_again_and_again_and_only_for_what_its_guard_lets_through() {
    let (address, connections) = keeper(|_, _| NOTHING).await;
    let client = Client::new("x.ca_file", "").unwrap();
    for _ in 0..20 {
        assert_eq!(client.call(&address, Guard::OPERATOR, post(b"{}", SOON)).await.unwrap().status, 200);
    }
    assert_eq!((connections.load(Ordering::Relaxed), client.pool.count()), (1, 1));
    let refused = client.call(&address, Guard::new(false), post(b"{}", SOON)).await.unwrap_err();
    assert_eq!(refused.code(), "private_address");
    // Another name of the same machine is resolved and checked for itself.
    let same = Address::parse(&format!("http://localhost:{}/hook", address.port())).unwrap();
    client.call(&same, Guard::OPERATOR, post(b"{}", SOON)).await.unwrap();
    assert_eq!(connections.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_costs_no_call_and_none_is_made_twice_after_an_answer_began() {
    // The first connection ends at its second request, without a word.
    let (address, connections) = keeper(|connection, request| match (connection, request) {
        (0, 1) => "",
        _ => NOTHING,
    })
    .await;
    let client = Client::new("x.ca_file", "").unwrap();
    for _ in 0..3 {
        assert_eq!(client.call(&address, Guard::OPERATOR, post(b"{}", SOON)).await.unwrap().status, 200);
    }
    assert_eq!(connections.load(Ordering::Relaxed), 2);
    // Every connection ends like that: once more, and no more often.
    let (address, connections) = keeper(|_, request| if request == 0 { NOTHING } else { "" }).await;
    client.call(&address, Guard::OPERATOR, post(b"{}", SOON)).await.unwrap();
    client.call(&address, Guard::OPERATOR, post(b"{}", SOON)).await.unwrap();
    assert_eq!(connections.load(Ordering::Relaxed), 2);
    let (address, connections) = keeper(|_, _| "").await;
    let lost = client.call(&address, Guard::OPERATOR, post(b"{}", SOON)).await.unwrap_err();
    assert_eq!((lost.code(), connections.load(Ordering::Relaxed)), ("broken", 1));
    let (address, connections) = keeper(|_, request| match request {
        0 => NOTHING,
        _ => "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
    })
    .await;
    client.call(&address, Guard::OPERATOR, post(b"{}", SOON)).await.unwrap();
    let lost = client.call(&address, Guard::OPERATOR, post(b"{}", SOON)).await.unwrap_err();
    assert_eq!((lost.code(), connections.load(Ordering::Relaxed)), ("broken", 1));
}

#[tokio::test]
async fn no_more_connections_are_kept_than_may_be_and_none_that_the_other_server_is_about_to_close() {
    let (address, _) = keeper(|_, _| NOTHING).await;
    let client = Client::new("x.ca_file", "").unwrap();
    let mut calls = JoinSet::new();
    for _ in 0..3 * pool::PER_HOST {
        let (client, address) = (client.clone(), address.clone());
        calls.spawn(async move { client.call(&address, Guard::OPERATOR, post(b"{}", SOON)).await.unwrap() });
    }
    calls.join_all().await;
    assert_eq!(client.pool.count(), pool::PER_HOST);
    let (short, connections) =
        keeper(|_, _| "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nKeep-Alive: timeout=1\r\n\r\n").await;
    for _ in 0..3 {
        client.call(&short, Guard::OPERATOR, post(b"{}", SOON)).await.unwrap();
    }
    assert_eq!((connections.load(Ordering::Relaxed), client.pool.count()), (3, pool::PER_HOST));
}

#[tokio::test]
async fn a_body_is_read_to_its_bound_and_cut_there() {
    let at = answer("HTTP/1.1 200 OK\r\n\r\n", ANSWER_MAX, false, SOON).await.unwrap();
    assert_eq!((at.body.len(), at.is_cut), (ANSWER_MAX, false));
    let beyond = answer("HTTP/1.1 200 OK\r\n\r\n", ANSWER_MAX + 1, true, SOON).await.unwrap();
    assert_eq!((beyond.body.len(), beyond.is_cut), (ANSWER_MAX, true));
}

#[tokio::test]
async fn who_stalls_closes_early_or_speaks_something_else_is_a_failure_of_its_kind() {
    let short = Duration::from_millis(200);
    let code = |answer: Result<Answer, Failure>| answer.unwrap_err().code();
    assert_eq!(code(answer("", 0, true, short).await), "timeout");
    assert_eq!(code(answer("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", 1, true, short).await), "timeout");
    assert_eq!(code(answer("", 0, false, SOON).await), "broken");
    assert_eq!(code(answer("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", 1, false, SOON).await), "broken");
    assert_eq!(code(answer("SSH-2.0-x\r\n", 0, false, SOON).await), "broken");
    let head: &'static str = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "y".repeat(HEAD_MAX)).leak();
    assert_eq!(code(answer(head, 0, false, SOON).await), "broken");
}

#[tokio::test]
async fn nobody_is_followed_and_nothing_private_is_called_unless_allowed() {
    let moved = answer(
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        0,
        false,
        SOON,
    );
    assert_eq!(moved.await.unwrap().status, 302);
    let client = Client::new("x.ca_file", "").unwrap();
    for host in ["127.0.0.1", "[::1]", "localhost", "169.254.169.254", "10.0.0.1", "2130706433"] {
        let address = Address::parse(&format!("http://{host}:9/")).unwrap();
        let refused = client.call(&address, Guard::new(false), post(b"{}", SOON)).await.unwrap_err();
        assert!(["private_address", "dns"].contains(&refused.code()), "{host}: {refused}");
    }
    let long = Call { body: vec![0; REQUEST_MAX + 1].into(), ..post(b"", SOON) };
    let address = Address::parse("http://127.0.0.1:9/").unwrap();
    assert_eq!(client.call(&address, Guard::OPERATOR, long).await.unwrap_err().code(), "too_long");
}

#[tokio::test]
async fn tls_is_checked_against_the_authorities_that_are_named() {
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
        let acceptor = TlsAcceptor::from(Arc::new(config));
        while let Ok((socket, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(socket).await else { continue };
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
            let _ = stream.shutdown().await;
        }
    });
    let address = Address::parse(&format!("https://localhost:{port}/")).unwrap();
    let call = |ca_file: &str| Client::new("x.ca_file", ca_file).unwrap();
    let known = call(ca_file.to_str().unwrap());
    assert_eq!(known.call(&address, Guard::OPERATOR, post(b"{}", SOON)).await.unwrap().status, 200);
    let refused = call("").call(&address, Guard::OPERATOR, post(b"{}", SOON)).await.unwrap_err();
    assert_eq!(refused.code(), "tls");
}
