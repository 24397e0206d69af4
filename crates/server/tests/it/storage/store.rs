//! moto's S3 with one bucket.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use testkit::http::{self, Answer};

/// The bucket.
pub const BUCKET: &str = "recordings";

/// So that moto takes a request for one to S3; it checks no signatures.
const AUTHORIZATION: &str = "Authorization: AWS4-HMAC-SHA256 Credential=weir/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0\r\n";

/// A store of one test.
pub struct Bucket {
    child: Child,
    /// Where it listens.
    pub addr: SocketAddr,
}

impl Bucket {
    pub fn new() -> Bucket {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/.venv/bin/moto_server");
        let mut child = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", "0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("moto; tools/need test installs it");
        let mut log = BufReader::new(child.stderr.take().expect("piped")).lines();
        let addr = log
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| {
                line.split_once("Running on http://").and_then(|(_, addr)| addr.trim().parse().ok())
            })
            .expect("its address");
        // A pipe that nobody reads would stop it.
        std::thread::spawn(move || log.map_while(Result::ok).for_each(drop));
        let bucket = Bucket { child, addr };
        assert_eq!(bucket.ask("PUT", "").status, 200);
        bucket
    }

    /// What the configuration calls it.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// What an object holds.
    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        let answer = self.ask("GET", &format!("/{key}"));
        (answer.status == 200).then_some(answer.body)
    }

    pub fn delete(&self, key: &str) {
        assert_eq!(self.ask("DELETE", &format!("/{key}")).status, 204);
    }

    /// The names of all objects.
    pub fn keys(&self) -> Vec<String> {
        let text = self.ask("GET", "?list-type=2").text();
        let keys = text.split("<Key>").skip(1);
        keys.filter_map(|rest| Some(rest.split_once("</Key>")?.0.to_owned())).collect()
    }

    fn ask(&self, method: &str, target: &str) -> Answer {
        let request = format!(
            "{method} /{BUCKET}{target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: 0\r\n{AUTHORIZATION}\r\n",
            self.addr
        );
        http::exchange(self.addr, request.as_bytes()).expect("an answer of moto")
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
