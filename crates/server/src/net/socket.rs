//! A viewer's socket: plain, TLS, or one end of a pair; never blocking.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use rustls::ServerConnection;

/// Plain bytes that a TLS connection may hold before they are encrypted and sent. With it a TLS viewer's backlog
/// stays in the ring like everybody's.
const TLS_BUFFER_BYTES: usize = 64 * 1024;

/// A connected socket in non-blocking mode.
#[derive(Debug)]
pub struct Socket {
    stream: Stream,
    tls: Option<Box<ServerConnection>>,
}

#[derive(Debug)]
enum Stream {
    /// To the viewer itself.
    Tcp(TcpStream),
    /// To a task of ours that has the viewer's connection.
    Pair(UnixStream),
}

impl Socket {
    /// A plain socket.
    pub fn plain(stream: std::net::TcpStream) -> io::Result<Socket> {
        stream.set_nonblocking(true)?;
        Ok(Socket { stream: Stream::Tcp(TcpStream::from_std(stream)), tls: None })
    }

    /// A socket whose TLS handshake is done.
    pub fn tls(stream: std::net::TcpStream, mut tls: ServerConnection) -> io::Result<Socket> {
        stream.set_nonblocking(true)?;
        tls.set_buffer_limit(Some(TLS_BUFFER_BYTES));
        Ok(Socket { stream: Stream::Tcp(TcpStream::from_std(stream)), tls: Some(Box::new(tls)) })
    }

    /// One end of a pair; whoever has the other one carries the bytes on.
    pub fn pair(stream: std::os::unix::net::UnixStream) -> io::Result<Socket> {
        stream.set_nonblocking(true)?;
        Ok(Socket { stream: Stream::Pair(UnixStream::from_std(stream)), tls: None })
    }

    /// For registration with a poll.
    pub fn source(&mut self) -> &mut dyn Source {
        match &mut self.stream {
            Stream::Tcp(stream) => stream,
            Stream::Pair(stream) => stream,
        }
    }

    /// Whether encrypted bytes wait for room in the kernel.
    pub fn has_unsent(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    /// Sends encrypted bytes that are waiting. `WouldBlock` when some stay.
    pub fn flush(&mut self) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        while tls.wants_write() {
            if tls.write_tls(&mut self.stream)? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }

    /// Takes bytes from the slices, in order; returns how many. `WouldBlock` when it takes none.
    pub fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.tls.is_none() {
            return self.stream.write_vectored(slices);
        }
        self.flush()?;
        let Some(tls) = &mut self.tls else { return Ok(0) };
        let taken = tls.writer().write_vectored(slices)?;
        match self.flush() {
            Ok(()) => Ok(taken),
            // What was taken is owed to the viewer; the next write finds the socket full.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(taken),
            Err(error) => Err(error),
        }
    }

    /// The same of one part, which costs the kernel less by `send` than by `writev` as a list of one: for what is written in many
    /// small pieces. The kernel does not count it among a process's writes.
    pub fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        match self.tls {
            None => self.stream.write(part),
            Some(_) => self.write_vectored(&[IoSlice::new(part)]),
        }
    }

    /// Reads decrypted bytes. `Ok(0)` is the end.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.stream.read(buffer) };
        loop {
            match tls.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
            if tls.read_tls(&mut self.stream)? == 0 {
                return Ok(0);
            }
            tls.process_new_packets().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        }
    }

    /// Says that nothing more will be written. Where the kernel has no room for saying it, call it again when it has.
    pub fn finish(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
        }
        if self.flush().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
            return;
        }
        // The peer may be gone already, which is as good.
        let _ = match &self.stream {
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Stream::Pair(stream) => stream.shutdown(Shutdown::Write),
        };
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read(buffer),
            Stream::Pair(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.write(bytes),
            Stream::Pair(stream) => stream.write(bytes),
        }
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.write_vectored(slices),
            Stream::Pair(stream) => stream.write_vectored(slices),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
