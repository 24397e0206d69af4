//! A socket with what waits to be written to it, on a mio loop that tells of changes only.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;

use anyhow::{Result, bail};
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

/// A connection of the tool to a server on this machine.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: TcpStream,
    connected: bool,
    out: Vec<u8>,
    sent: usize,
}

impl Connection {
    /// Begins to connect. Only this machine's own loopback may be a target.
    pub(crate) fn open(registry: &Registry, token: Token, to: SocketAddr) -> Result<Self> {
        if !to.ip().is_loopback() {
            bail!("{to} is not a loopback address");
        }
        let mut socket = TcpStream::connect(to)?;
        registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { socket, connected: false, out: Vec::new(), sent: 0 })
    }

    /// Whether the connection stands; asks the socket the first time that it is told writable.
    pub(crate) fn stands(&mut self) -> Result<bool> {
        if !self.connected {
            if let Some(error) = self.socket.take_error()? {
                return Err(error.into());
            }
            match self.socket.peer_addr() {
                Ok(_) => self.connected = true,
                Err(error) if error.kind() == ErrorKind::NotConnected => return Ok(false),
                Err(error) => return Err(error.into()),
            }
            self.socket.set_nodelay(true)?;
        }
        Ok(true)
    }

    /// The bytes that wait to be written.
    pub(crate) fn waiting(&self) -> usize {
        self.out.len() - self.sent
    }

    /// Where further bytes go.
    pub(crate) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Writes what waits, as far as the socket takes it.
    pub(crate) fn flush(&mut self) -> Result<()> {
        while self.sent < self.out.len() && self.connected {
            match self.socket.write(&self.out[self.sent..]) {
                Ok(0) => bail!("closed by the server"),
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        if self.sent == self.out.len() {
            self.out.clear();
            self.sent = 0;
        }
        Ok(())
    }

    /// Reads once; `None` when there is nothing, an error when the server closed.
    pub(crate) fn read<'a>(&mut self, buffer: &'a mut [u8]) -> Result<Option<&'a [u8]>> {
        loop {
            match self.socket.read(buffer) {
                Ok(0) => bail!("closed by the server"),
                Ok(count) => return Ok(Some(&buffer[..count])),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
