//! Viewers behind TLS, whose last bytes may wait for room in the kernel after the connection's own buffer took them.

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use socket2::SockRef;

use super::*;

/// What the kernel holds on either side, in bytes; about the least that it takes for an answer.
const NARROW: usize = 4 * 1024;

/// Two ends of a connection whose handshake is done.
fn connected() -> (StreamOwned<ClientConnection, TcpStream>, Socket) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let cert = CertificateDer::from_pem_slice(made.cert.pem().as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(made.signing_key.serialize_pem().as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(cert.clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    SockRef::from(&listener).set_send_buffer_size(NARROW).unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    SockRef::from(&near).set_recv_buffer_size(NARROW).unwrap();
    near.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut far, _) = listener.accept().unwrap();
    let serving = std::thread::spawn(move || {
        let mut tls = ServerConnection::new(Arc::new(server)).unwrap();
        while tls.is_handshaking() {
            tls.complete_io(&mut far).unwrap();
        }
        Socket::tls(far, tls).unwrap()
    });
    let name = ServerName::try_from("localhost").unwrap();
    let mut near = StreamOwned::new(ClientConnection::new(Arc::new(client), name).unwrap(), near);
    while near.conn.is_handshaking() {
        near.conn.complete_io(&mut near.sock).unwrap();
    }
    (near, serving.join().unwrap())
}

#[test]
fn a_viewer_that_reads_late_gets_the_end_whole() {
    let world = World::new(1);
    let mut publisher = world.publish("live/a");
    let (mut arrival, _) = world.arrival("live/a");
    let (mut near, far) = connected();
    arrival.socket = far;
    // More than the kernel takes, and less than the connection's own buffer.
    let picture = [INTER, &[0; 40_000]].concat();
    world.push(&mut publisher, Kind::Video, 40, &picture);
    world.fanout.attach(arrival);
    let began = Instant::now();
    while world.hub.find(&Name::new("live/a")).is_some_and(|stream| stream.viewers() == 0) {
        assert!(began.elapsed() < PATIENCE);
        std::thread::yield_now();
    }
    world.hub.drop_stream(&Name::new("live/a"), hub::End::Finished);
    // Nothing is read before the shard has said goodbye.
    let said_goodbye = || world.fanout.figures().iter().any(|figures| !figures.let_go.is_empty());
    while !said_goodbye() {
        assert!(began.elapsed() < PATIENCE);
        std::thread::yield_now();
    }
    let mut all = Vec::new();
    near.read_to_end(&mut all).expect("the end of TLS, and not only of TCP");
    let last = message(END, 0, b"Ended(Finished)");
    assert!(all.len() > picture.len() && all.ends_with(&last), "{} bytes came", all.len());
    drop(near);
    world.fanout.stop();
}
