//! A proxy that looks at each request and does with it what the test says.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What becomes of a request.
#[derive(Debug, Clone, Copy)]
pub enum Act {
    /// The store answers it.
    Pass,
    /// It is answered, and the store knows nothing of it.
    Answer(u16, &'static str),
    /// The connection is closed.
    Close,
    /// Nothing happens any more.
    Hang,
}

/// The first line of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    pub target: String,
}

type Rule = Box<dyn Fn(&Request) -> Act + Send>;

struct Shared {
    rule: Mutex<Rule>,
    /// Those that the store answered.
    passed: Mutex<Vec<Request>>,
    over: AtomicBool,
}

/// It.
pub struct Proxy {
    addr: SocketAddr,
    shared: Arc<Shared>,
}

impl Proxy {
    /// One that lets everything pass.
    pub fn before(store: SocketAddr) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let addr = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            rule: Mutex::new(Box::new(|_| Act::Pass)),
            passed: Mutex::default(),
            over: AtomicBool::new(false),
        });
        let to = shared.clone();
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                if to.over.load(Ordering::Relaxed) {
                    break;
                }
                let shared = to.clone();
                // A client that is gone is none of the test's business.
                std::thread::spawn(move || serve(socket, store, &shared).unwrap_or_default());
            }
        });
        Proxy { addr, shared }
    }

    /// What the configuration calls it.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// What becomes of requests from now on.
    pub fn set(&self, rule: impl Fn(&Request) -> Act + Send + 'static) {
        *self.shared.rule.lock().expect("a rule") = Box::new(rule);
    }

    /// The requests that the store answered.
    pub fn passed(&self) -> Vec<Request> {
        self.shared.passed.lock().expect("requests").clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.addr);
    }
}

/// One request of a connection.
fn serve(mut socket: TcpStream, store: SocketAddr, shared: &Shared) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        read_more(&mut socket, &mut bytes)?;
    };
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let mut words = text.split(' ').map(str::to_owned);
    let request =
        Request { method: words.next().unwrap_or_default(), target: words.next().unwrap_or_default() };
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    while bytes.len() < head + length.unwrap_or_default() {
        read_more(&mut socket, &mut bytes)?;
    }
    let act = (shared.rule.lock().expect("a rule"))(&request);
    match act {
        Act::Pass => {
            let mut upstream = TcpStream::connect(store)?;
            let text = text.replacen("\r\n", "\r\nConnection: close\r\n", 1);
            upstream.write_all(text.as_bytes())?;
            upstream.write_all(&bytes[head..])?;
            let mut answer = Vec::new();
            upstream.read_to_end(&mut answer)?;
            shared.passed.lock().expect("requests").push(request);
            socket.write_all(&answer)
        }
        Act::Answer(status, body) => {
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status} Because\r\nConnection: close\r\nETag: \"x\"\r\nContent-Type: application/xml\r\nContent-Length: {length}\r\n\r\n"
            );
            socket.write_all(head.as_bytes())?;
            socket.write_all(body.as_bytes())
        }
        Act::Close => Ok(()),
        Act::Hang => {
            socket.set_read_timeout(Some(Duration::from_secs(20)))?;
            // Until the other end gives up.
            socket.read(&mut [0; 1]).map(drop)
        }
    }
}

fn read_more(socket: &mut TcpStream, bytes: &mut Vec<u8>) -> std::io::Result<()> {
    let mut block = [0; 64 * 1024];
    match socket.read(&mut block)? {
        0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
        count => {
            bytes.extend_from_slice(&block[..count]);
            Ok(())
        }
    }
}
