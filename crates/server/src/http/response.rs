//! Responses: a status, a few headers, a body whose length is known.

use std::ops::Range;

use bytes::Bytes;
use serde::Serialize;

use super::body::Body;
use super::conditional::{self, Validators};
use super::head::Head;

/// A response that ends.
#[derive(Debug, Clone)]
pub struct Response {
    status: u16,
    headers: Vec<(&'static str, String)>,
    validators: Validators,
    body: Body,
}

impl Response {
    /// A response without a body.
    pub fn empty(status: u16) -> Response {
        Response { status, headers: Vec::new(), validators: Validators::default(), body: Body::EMPTY }
    }

    /// A response with bytes of a media type.
    pub fn bytes(status: u16, media_type: &str, body: impl Into<Bytes>) -> Response {
        Response::body(status, media_type, Body::from(body.into()))
    }

    /// A response with a body of a media type.
    pub fn body(status: u16, media_type: &str, body: Body) -> Response {
        Response { body, ..Response::empty(status) }.with("Content-Type", media_type)
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

    /// Names this version of what is at the address: letters, digits, `-`, `_` and `.`, without quotes. With it the answer
    /// can be had in parts, and need not be sent to whoever has it.
    pub fn with_etag(mut self, tag: &str) -> Response {
        self.validators.etag = Some(format!("\"{tag}\""));
        self
    }

    /// Says when what is at the address was last changed, in seconds since 1970. It is the weaker of the two witnesses, for
    /// what never changes twice within a second.
    pub fn with_modified(mut self, unix_seconds: i64) -> Response {
        self.validators.modified = Some(conditional::whole_seconds(unix_seconds));
        self
    }

    /// The status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// How long the body is, in bytes.
    pub fn length(&self) -> u64 {
        self.body.len()
    }

    /// The body, where it is in memory, as an answer of the API is.
    pub fn in_memory(&self) -> Bytes {
        match &self.body {
            Body::Pieces(pieces) => pieces.concat().into(),
            Body::File { .. } => Bytes::new(),
        }
    }

    /// What it can be told from older and newer ones by.
    pub(super) fn validators(&self) -> Validators {
        self.validators.clone()
    }

    /// The answer to whoever has this one already.
    pub(super) fn into_not_modified(mut self) -> Response {
        // RFC 9110, section 15.4.5: what would change how the stored answer is used, and no more.
        self.headers.retain(|(name, _)| ["Cache-Control", "Expires", "Vary"].contains(name));
        Response { status: 304, body: Body::EMPTY, ..self }
    }

    /// The answer with some bytes of this one, which has them.
    pub(super) fn into_part(mut self, range: Range<u64>) -> Response {
        let length = self.body.len();
        let last = range.end.saturating_sub(1);
        let content_range = format!("bytes {}-{last}/{length}", range.start);
        self.status = 206;
        self.body = self.body.slice(range);
        self.with("Content-Range", content_range)
    }

    /// What is sent before the body, in answer to `head` if there was one that could be read.
    pub fn encode_head(&self, head: Option<&Head>, cors: &Cors, keep_alive: bool) -> Bytes {
        let mut out = Vec::with_capacity(512);
        status_line(&mut out, self.status);
        self.each_header(head, cors, |name, value| header(&mut out, name, value));
        header(&mut out, "Connection", if keep_alive { "keep-alive" } else { "close" });
        out.extend_from_slice(b"\r\n");
        out.into()
    }

    /// Hands out the headers that mean the same in every version of HTTP.
    pub(super) fn each_header(&self, head: Option<&Head>, cors: &Cors, mut take: impl FnMut(&str, &str)) {
        for (name, value) in &self.headers {
            take(name, value);
        }
        if let Some(etag) = &self.validators.etag {
            take("ETag", etag);
        }
        if let Some(modified) = self.validators.modified {
            take("Last-Modified", &conditional::date(modified));
        }
        common_headers(head, cors, &mut take);
        if self.status != 204 && self.status != 304 {
            take("Content-Length", &self.body.len().to_string());
        }
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
    common_headers(Some(head), cors, &mut |name, value| header(&mut out, name, value));
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

/// The headers of every answer, whatever it is.
pub(super) fn common_headers(head: Option<&Head>, cors: &Cors, take: &mut impl FnMut(&str, &str)) {
    if let Some(origin) = head.and_then(|head| head.header("origin"))
        && let Some(allowed) = cors.allow(origin)
    {
        take("Access-Control-Allow-Origin", allowed);
        take("Access-Control-Expose-Headers", "*");
        if allowed != "*" {
            take("Vary", "Origin");
        }
    }
    take("X-Content-Type-Options", "nosniff");
    // Signed addresses must not travel to other sites in a Referer header.
    take("Referrer-Policy", "no-referrer");
    take("Server", "weir");
}

fn status_line(out: &mut Vec<u8>, status: u16) {
    let reason = match status {
        101 => "Switching Protocols",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
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
