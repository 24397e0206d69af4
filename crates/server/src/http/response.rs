//! Responses: a status, a few headers, a body whose length is known.

use bytes::Bytes;
use serde::Serialize;

use super::body::Body;
use super::head::Head;

/// A response that ends.
#[derive(Debug, Clone)]
pub struct Response {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Body,
}

impl Response {
    /// A response without a body.
    pub fn empty(status: u16) -> Response {
        Response { status, headers: Vec::new(), body: Body::EMPTY }
    }

    /// A response with bytes of a media type.
    pub fn bytes(status: u16, media_type: &str, body: impl Into<Bytes>) -> Response {
        Response::body(status, media_type, Body::from(body.into()))
    }

    /// A response with a body of a media type.
    pub fn body(status: u16, media_type: &str, body: Body) -> Response {
        Response { status, headers: vec![("Content-Type", media_type.to_owned())], body }
    }

    /// A response with a value as JSON.
    pub fn json(status: u16, value: &impl Serialize) -> Response {
        match serde_json::to_vec(value) {
            Ok(body) => Response::bytes(status, "application/json", body).with("Cache-Control", "no-store"),
            Err(_) => Response::empty(500),
        }
    }

    /// An error in words of both languages, with a code for programs.
    pub fn error(status: u16, code: &str, message: &str, message_zh: &str) -> Response {
        let body = serde_json::json!({"error": {"code": code, "message": message, "message_zh": message_zh}});
        Response::json(status, &body)
    }

    /// Adds a header.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Response {
        self.headers.push((name, value.into()));
        self
    }

    /// The status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// What is sent before the body, in answer to `head` if there was one that could be read.
    pub fn encode_head(&self, head: Option<&Head>, cors: &Cors, keep_alive: bool) -> Bytes {
        let mut out = Vec::with_capacity(512);
        status_line(&mut out, self.status);
        for (name, value) in &self.headers {
            header(&mut out, name, value);
        }
        common_headers(&mut out, head, cors);
        if self.status != 204 && self.status != 304 {
            header(&mut out, "Content-Length", &self.body.len().to_string());
        }
        header(&mut out, "Connection", if keep_alive { "keep-alive" } else { "close" });
        out.extend_from_slice(b"\r\n");
        out.into()
    }

    /// The body.
    pub fn into_body(self) -> Body {
        self.body
    }
}

/// Which pages of other origins may read what this server answers.
#[derive(Debug, Clone, Default)]
pub struct Cors {
    /// Origins, or `*` for all.
    pub origins: Vec<String>,
}

impl Cors {
    /// The value of `Access-Control-Allow-Origin` for a page of this origin.
    fn allow(&self, origin: &str) -> Option<&str> {
        if self.origins.iter().any(|allowed| allowed == "*") {
            return Some("*");
        }
        self.origins.iter().map(String::as_str).find(|allowed| *allowed == origin)
    }
}

/// The head of a response whose body does not end, up to and with the empty line.
pub fn streaming_head(head: &Head, cors: &Cors, status: u16, headers: &[(&str, &str)]) -> Bytes {
    let mut out = Vec::with_capacity(512);
    status_line(&mut out, status);
    for (name, value) in headers {
        header(&mut out, name, value);
    }
    common_headers(&mut out, Some(head), cors);
    out.extend_from_slice(b"\r\n");
    out.into()
}

/// The answer to a CORS preflight.
pub fn preflight() -> Response {
    Response::empty(204)
        .with("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
        .with("Access-Control-Allow-Headers", "*")
        .with("Access-Control-Max-Age", "86400")
}

fn common_headers(out: &mut Vec<u8>, head: Option<&Head>, cors: &Cors) {
    if let Some(origin) = head.and_then(|head| head.header("origin"))
        && let Some(allowed) = cors.allow(origin)
    {
        header(out, "Access-Control-Allow-Origin", allowed);
        header(out, "Access-Control-Expose-Headers", "*");
        if allowed != "*" {
            header(out, "Vary", "Origin");
        }
    }
    header(out, "X-Content-Type-Options", "nosniff");
    // Signed addresses must not travel to other sites in a Referer header.
    header(out, "Referrer-Policy", "no-referrer");
    header(out, "Server", "weir");
}

fn status_line(out: &mut Vec<u8>, status: u16) {
    let reason = match status {
        101 => "Switching Protocols",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        411 => "Length Required",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    };
    out.extend_from_slice(format!("HTTP/1.1 {status} {reason}\r\n").as_bytes());
}

/// Writes one header line. Values come from our own code or configuration; a line break in one would let it
/// forge another header, so it is cut there.
fn header(out: &mut Vec<u8>, name: &str, value: &str) {
    let value = value.split(['\r', '\n']).next().unwrap_or_default();
    out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
}
