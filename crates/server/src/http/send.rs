//! Writing a response to a connection.

use std::io;
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use bytes::Buf;
use rustix::fs::sendfile;
use rustix::net::SendFlags;
use socket2::SockRef;
use tokio::io::{AsyncWrite, AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::body::Body;
use super::head::{Head, Method};
use super::response::{Cors, Response};
use crate::net::Stream;

/// The least that the kernel is told to send by itself. Copying less beside the head costs less than another call.
const BULK_LEAST: u64 = 32 * 1024;

/// The most that it is told at a time, as it does not let go of the thread meanwhile.
const BULK_MOST: usize = 1024 * 1024;

/// What the kernel may hold unsent for the time of such an answer. Less makes it ask for more too often; more would let
/// a slow reader take a long time over it, in which nothing is seen of him.
const BULK_NOT_SENT: u32 = 1024 * 1024;

/// Writes all of it. `patience` is how long the peer may take without taking anything, however long the body is.
pub async fn send(
    connection: &mut Stream,
    response: Response,
    head: Option<&Head>,
    cors: &Cors,
    keep_alive: bool,
    patience: Duration,
) -> io::Result<()> {
    let first = response.encode_head(head, cors, keep_alive);
    let wants_body = head.is_none_or(|head| head.method != Method::Head);
    let body = if wants_body { response.into_body() } else { Body::EMPTY };
    if let (Stream::Plain(socket), Some((memory, range))) = (&*connection, body.memory())
        && body.len() >= BULK_LEAST
    {
        return send_memory(socket, &first, memory, range, patience).await;
    }
    send_pieces(connection, first, body, patience).await
}

async fn send_pieces(
    connection: &mut (impl AsyncWrite + Unpin),
    first: bytes::Bytes,
    mut body: Body,
    patience: Duration,
) -> io::Result<()> {
    // The head travels with the first of the body, in one packet where it fits.
    let mut chain = body.next().await?;
    chain.push_front(first);
    while chain.has_remaining() {
        while chain.has_remaining() {
            let write = timeout(patience, connection.write_buf(&mut chain));
            if write.await.map_err(|_| io::ErrorKind::TimedOut)?? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        chain = body.next().await?;
    }
    timeout(patience, connection.flush()).await.map_err(|_| io::ErrorKind::TimedOut)?
}

/// Has the kernel send bytes of a file in memory, without a copy.
async fn send_memory(
    socket: &TcpStream,
    first: &[u8],
    memory: BorrowedFd<'_>,
    range: Range<u64>,
    patience: Duration,
) -> io::Result<()> {
    let _wide = Wide::for_bulk(socket);
    let mut first = first;
    while !first.is_empty() {
        // It waits for the body, to fill a packet with it.
        let flags = SendFlags::MORE | SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        let count = step(socket, patience, || Ok(rustix::net::send(socket, first, flags)?)).await?;
        first = first.get(count..).unwrap_or_default();
    }
    let mut at = range.start;
    while at < range.end {
        let most = usize::try_from(range.end - at).unwrap_or(BULK_MOST).min(BULK_MOST);
        let count = step(socket, patience, || Ok(sendfile(socket, memory, Some(&mut { at }), most)?)).await?;
        at += count as u64;
    }
    Ok(())
}

/// One write, as soon as there is room for it.
async fn step(
    socket: &TcpStream,
    patience: Duration,
    write: impl FnMut() -> io::Result<usize>,
) -> io::Result<usize> {
    let write = timeout(patience, socket.async_io(Interest::WRITABLE, write));
    match write.await.map_err(|_| io::ErrorKind::TimedOut)?? {
        0 => Err(io::ErrorKind::WriteZero.into()),
        count => Ok(count),
    }
}

/// A socket that holds more than it does for live media, where what is held is late.
struct Wide<'a> {
    socket: SockRef<'a>,
    before: u32,
}

impl Wide<'_> {
    /// Nothing has to be done where the kernel is not bound, or has no such bound.
    fn for_bulk(socket: &TcpStream) -> Option<Wide<'_>> {
        let socket = SockRef::from(socket);
        let before = socket.tcp_notsent_lowat().ok().filter(|before| (1..BULK_NOT_SENT).contains(before))?;
        socket.set_tcp_notsent_lowat(BULK_NOT_SENT).ok()?;
        Some(Wide { socket, before })
    }
}

impl Drop for Wide<'_> {
    fn drop(&mut self) {
        // The next answer on this connection may be live. It fails only on a socket that is closed.
        let _ = self.socket.set_tcp_notsent_lowat(self.before);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::http::memory::Memory;

    const LIVE: u32 = 128 * 1024;

    async fn pair() -> (Stream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        SockRef::from(&server).set_tcp_notsent_lowat(LIVE).unwrap();
        (Stream::Plain(server), client)
    }

    async fn answer(server: &mut Stream, bytes: &Bytes, range: Range<u64>) -> io::Result<()> {
        let file = Memory::of(std::slice::from_ref(bytes), &Arc::new(Semaphore::new(1))).await?.unwrap();
        let response = Response::body(200, "video/mp4", Body::File { file: Arc::new(file), range });
        send(server, response, None, &Cors::default(), true, Duration::from_millis(200)).await
    }

    #[tokio::test]
    async fn memory_is_sent_whole_and_the_bound_for_live_media_comes_back() {
        let (mut server, mut client) = pair().await;
        let bytes: Bytes = (0..5_000_000_u32).map(|n| (n / 251).to_le_bytes()[0]).collect();
        // Large, and too small for the kernel's way.
        for range in [3..4_999_999, 70_000..70_010] {
            let reads = async {
                let wanted = &bytes[range.start as usize..range.end as usize];
                let mut read = Vec::new();
                while !read.ends_with(wanted) {
                    assert!(client.read_buf(&mut read).await.unwrap() > 0);
                }
                assert!(read.len() < wanted.len() + 500 && read.starts_with(b"HTTP/1.1 200 OK\r\n"));
            };
            let (sent, ()) = tokio::join!(answer(&mut server, &bytes, range.clone()), reads);
            sent.unwrap();
            let Stream::Plain(socket) = &server else { panic!("it is plain") };
            assert_eq!(SockRef::from(socket).tcp_notsent_lowat().unwrap(), LIVE);
        }
    }

    #[tokio::test]
    async fn who_takes_nothing_of_it_is_given_up() {
        let (mut server, client) = pair().await;
        let bytes = Bytes::from(vec![1; 16 << 20]);
        let sent = answer(&mut server, &bytes, 0..16 << 20).await;
        assert_eq!(sent.unwrap_err().kind(), io::ErrorKind::TimedOut);
        drop(client);
    }
}
