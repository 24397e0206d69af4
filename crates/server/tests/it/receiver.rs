//! A server of somebody else that this one calls: it notes what it is told, and answers as the test wants.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::harness::wait_for;

/// A request that came.
#[derive(Debug, Clone)]
pub struct Heard {
    /// What was asked for.
    pub path: String,
    /// The head, as it was sent.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Heard {
    /// A header's value; its name in lower case.
    pub fn header(&self, name: &str) -> String {
        let find = |line: &str| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        };
        self.head.lines().find_map(find).unwrap_or_default()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    /// The kind of an event.
    pub fn kind(&self) -> String {
        self.json()["type"].as_str().unwrap_or_default().to_owned()
    }
}

/// What the receiver does with a request.
pub enum Reply {
    /// Answers with this status, these header lines and this body, and goes on.
    With(u16, &'static str, String),
    /// Answers as if it went on, and closes.
    Last(String),
    /// Says nothing, for as long as the other side waits.
    Stall,
    /// Closes at once.
    Close,
    /// Sends a body that does not end.
    Endless,
}

impl Reply {
    /// A status alone.
    pub fn status(status: u16) -> Reply {
        Reply::With(status, "", String::new())
    }
}

/// The receiver. It ends with its test.
pub struct Receiver {
    /// Where it listens.
    pub addr: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
    connections: Arc<AtomicUsize>,
}

impl Receiver {
    /// One that answers everything with 200.
    pub fn start() -> Receiver {
        Receiver::answering(|_, _| Reply::status(200))
    }

    /// One that answers as `answer` says, which is given the request and how many came before it.
    pub fn answering(answer: impl Fn(&Heard, usize) -> Reply + Send + Sync + 'static) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let addr = listener.local_addr().expect("an address");
        let heard = Arc::<Mutex<Vec<Heard>>>::default();
        let connections = Arc::<AtomicUsize>::default();
        let (all, answer, count) = (heard.clone(), Arc::new(answer), connections.clone());
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let Ok(socket) = socket else { break };
                count.fetch_add(1, Ordering::Relaxed);
                let (all, answer) = (all.clone(), answer.clone());
                std::thread::spawn(move || serve(socket, &all, &*answer));
            }
        });
        Receiver { addr, heard, connections }
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// An address at it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// What came so far.
    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().expect("requests").clone()
    }

    /// What came of these kinds, in the order in which it came.
    pub fn kinds(&self) -> Vec<String> {
        self.heard().iter().map(Heard::kind).collect()
    }

    /// Waits until so many requests came, and gives them.
    pub fn wait(&self, count: usize) -> Vec<Heard> {
        wait_for(&format!("{count} requests at the receiver"), || self.heard().len() >= count);
        self.heard()
    }

    /// Waits for an event of this kind.
    pub fn wait_kind(&self, kind: &str) -> Heard {
        wait_for(&format!("{kind} at the receiver"), || self.kinds().iter().any(|heard| heard == kind));
        self.heard().into_iter().find(|heard| heard.kind() == kind).expect("it came")
    }
}

fn serve(mut socket: TcpStream, all: &Mutex<Vec<Heard>>, answer: &dyn Fn(&Heard, usize) -> Reply) {
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a bound");
    while let Some(heard) = hear(&mut socket) {
        let before = {
            let mut all = all.lock().expect("requests");
            all.push(heard.clone());
            all.len() - 1
        };
        // Whoever asked may be gone before the answer.
        match answer(&heard, before) {
            Reply::With(status, headers, body) => write(&mut socket, status, headers, &body),
            Reply::Last(body) => return write(&mut socket, 200, "", &body),
            Reply::Stall => {
                let _ = socket.read(&mut [0; 8]);
                return;
            }
            Reply::Close => return,
            Reply::Endless => {
                let _ = write!(socket, "HTTP/1.1 200 OK\r\n\r\n");
                while socket.write_all(&[b'x'; 4_096]).is_ok() {}
                return;
            }
        }
    }
}

fn write(socket: &mut TcpStream, status: u16, headers: &str, body: &str) {
    let length = body.len();
    let _ = write!(socket, "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n{headers}\r\n{body}");
}

/// The next request; none when the other side has closed, or says nothing for long.
fn hear(socket: &mut TcpStream) -> Option<Heard> {
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    let (head, body) = loop {
        let Ok(count @ 1..) = socket.read(&mut piece) else { return None };
        bytes.extend_from_slice(&piece[..count]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let length = head
            .lines()
            .find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
        let body = &bytes[end + 4..];
        if body.len() >= length.unwrap_or(0) {
            break (head, String::from_utf8_lossy(body).into_owned());
        }
    };
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    Some(Heard { path, head, body })
}
