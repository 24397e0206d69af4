//! Writing a response to a connection.

use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use bytes::Buf;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
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
use crate::read_at::ReadAt;

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
    if let (Stream::Plain(socket), Some((file, range))) = (&*connection, body.disk())
        && body.len() >= BULK_LEAST
    {
        return send_disk(socket, &first, file, range, patience).await;
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
    send_head(socket, first, patience).await?;
    let mut at = range.start;
    while at < range.end {
        let most = bulk(range.end - at);
        let count = step(socket, patience, || Ok(sendfile(socket, memory, Some(&mut { at }), most)?)).await?;
        at += count as u64;
    }
    Ok(())
}

/// The same of a file on a disk: on a thread that may wait for it, whenever there is room for more.
async fn send_disk(
    socket: &TcpStream,
    first: &[u8],
    file: Arc<dyn ReadAt>,
    range: Range<u64>,
    patience: Duration,
) -> io::Result<()> {
    let _wide = Wide::for_bulk(socket);
    send_head(socket, first, patience).await?;
    // The thread may still be at it when this is given up.
    let connection = Arc::new(socket.as_fd().try_clone_to_owned()?);
    let mut at = range.start;
    while at < range.end {
        step(socket, patience, || has_room(socket).map(usize::from)).await?;
        let (most, file, connection) = (bulk(range.end - at), file.clone(), connection.clone());
        let sent = tokio::task::spawn_blocking(move || {
            let disk = file.disk().ok_or(io::ErrorKind::Unsupported)?;
            io::Result::Ok(sendfile(&*connection, disk, Some(&mut { at }), most)?)
        });
        match sent.await.map_err(io::Error::other)? {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => at += count as u64,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether the peer has made room. Where not, the kernel will tell.
fn has_room(socket: &TcpStream) -> io::Result<bool> {
    let mut asked = [PollFd::new(socket, PollFlags::OUT)];
    match poll(&mut asked, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))? {
        0 => Err(io::ErrorKind::WouldBlock.into()),
        // Room, or an end that shows when it is used.
        _ => Ok(true),
    }
}

/// How much of what is left the kernel is told to send at a time.
fn bulk(left: u64) -> usize {
    usize::try_from(left).unwrap_or(BULK_MOST).min(BULK_MOST)
}

async fn send_head(socket: &TcpStream, mut first: &[u8], patience: Duration) -> io::Result<()> {
    while !first.is_empty() {
        // It waits for the body, to fill a packet with it.
        let flags = SendFlags::MORE | SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        let count = step(socket, patience, || Ok(rustix::net::send(socket, first, flags)?)).await?;
        first = first.get(count..).unwrap_or_default();
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
    use std::fs::File;
    use std::io::Write as _;

    use bytes::Bytes;
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::http::memory::Memory;
    use crate::scratch::Scratch;

    const LIVE: u32 = 128 * 1024;

    async fn pair() -> (Stream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        SockRef::from(&server).set_tcp_notsent_lowat(LIVE).unwrap();
        (Stream::Plain(server), client)
    }

    async fn memory(bytes: &Bytes) -> Arc<dyn ReadAt> {
        Arc::new(
            Memory::of(std::slice::from_ref(bytes), &Arc::new(Semaphore::new(1))).await.unwrap().unwrap(),
        )
    }

    fn disk(bytes: &Bytes) -> Arc<dyn ReadAt> {
        let scratch = Scratch::new();
        let path = scratch.path().join("file");
        File::create(&path).unwrap().write_all(bytes).unwrap();
        Arc::new(File::open(&path).unwrap())
    }

    async fn answer(server: &mut Stream, file: Arc<dyn ReadAt>, range: Range<u64>) -> io::Result<()> {
        let response = Response::body(200, "video/mp4", Body::File { file, range });
        send(server, response, None, &Cors::default(), true, Duration::from_millis(200)).await
    }

    #[tokio::test]
    async fn files_are_sent_whole_and_the_bound_for_live_media_comes_back() {
        let (mut server, mut client) = pair().await;
        let bytes: Bytes = (0..5_000_000_u32).map(|n| (n / 251).to_le_bytes()[0]).collect();
        let files = [memory(&bytes).await, disk(&bytes)];
        // Large, and too small for the kernel's way.
        for (file, range) in
            files.into_iter().flat_map(|file| [(file.clone(), 3..4_999_999), (file, 70_000..70_010)])
        {
            let reads = async {
                let wanted = &bytes[range.start as usize..range.end as usize];
                let mut read = Vec::new();
                while !read.ends_with(wanted) {
                    assert!(client.read_buf(&mut read).await.unwrap() > 0);
                    assert!(read.len() < wanted.len() + 1_000, "other bytes");
                }
                assert!(read.len() < wanted.len() + 500 && read.starts_with(b"HTTP/1.1 200 OK\r\n"));
            };
            // A failure ends the test where the other side would wait for ever.
            tokio::join!(async { answer(&mut server, file, range.clone()).await.unwrap() }, reads);
            let Stream::Plain(socket) = &server else { panic!("it is plain") };
            assert_eq!(SockRef::from(socket).tcp_notsent_lowat().unwrap(), LIVE);
        }
    }

    #[tokio::test]
    async fn who_takes_nothing_of_it_is_given_up() {
        let bytes = Bytes::from(vec![1; 16 << 20]);
        for file in [memory(&bytes).await, disk(&bytes)] {
            let (mut server, client) = pair().await;
            let sent = answer(&mut server, file, 0..16 << 20).await;
            assert_eq!(sent.unwrap_err().kind(), io::ErrorKind::TimedOut);
            drop(client);
        }
    }

    #[tokio::test]
    async fn a_file_that_has_become_shorter_ends_the_answer() {
        let (mut server, client) = pair().await;
        let sent = answer(&mut server, disk(&Bytes::from(vec![1; 40_000])), 0..40_001).await;
        assert_eq!(sent.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        drop(client);
    }

    #[tokio::test]
    async fn a_slow_reader_of_a_file_gets_all_of_it() {
        let (mut server, mut client) = pair().await;
        let bytes: Bytes = (0..12_000_000_u32).map(|n| (n / 251).to_le_bytes()[0]).collect();
        let (file, length) = (disk(&bytes), bytes.len());
        let reads = async {
            let mut read = Vec::new();
            while !read.ends_with(&bytes[length - 1_000..]) || read.len() < length {
                // Often less than the socket holds, and then nothing for a moment.
                let mut some = vec![0; 300_000];
                let count = client.read(&mut some).await.unwrap();
                read.extend_from_slice(&some[..count]);
                assert!(count > 0 && read.len() < length + 1_000, "other bytes");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            assert!(read.ends_with(&bytes));
        };
        tokio::join!(async { answer(&mut server, file, 0..length as u64).await.unwrap() }, reads);
    }
}
