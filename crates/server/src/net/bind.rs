//! Binding a listening socket.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

/// Connections that may wait to be accepted: a thousand viewers who come within one second must not be refused by
/// the kernel. It is capped by `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// Listens on `addr`. An unspecified IPv6 address (`[::]`) takes IPv4 too; on a machine without IPv6 it falls back
/// to `0.0.0.0`.
pub fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    match listen(addr) {
        Err(error) if addr.is_ipv6() && addr.ip().is_unspecified() && no_ipv6(&error) => {
            listen(SocketAddr::from(([0, 0, 0, 0], addr.port())))
        }
        done => done,
    }
}

fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // A restart must not wait for the old connections' last minutes.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn no_ipv6(error: &io::Error) -> bool {
    // EAFNOSUPPORT and EADDRNOTAVAIL, by number because the standard library names only the second.
    matches!(error.raw_os_error(), Some(97 | 99))
}
