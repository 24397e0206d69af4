//! The head of a request: parsed once, bounded, and turned into words that cannot be misread later.

use std::fmt;

/// Most header lines in a request. Browsers send about twenty.
const MAX_HEADERS: usize = 64;

/// Longest request target. Signed addresses with a few extra parameters stay below 1 KiB.
const MAX_TARGET: usize = 4096;

/// Largest body of a request, in bytes; only the API takes bodies. Its own are below 1 KiB.
pub const MAX_BODY: usize = 64 * 1024;

/// What the paths of the API begin with.
pub const API: &str = "/api/v1/";

/// The methods that anything here answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// GET
    Get,
    /// HEAD
    Head,
    /// OPTIONS, for CORS
    Options,
    /// POST, of the API
    Post,
    /// PUT, of the API
    Put,
    /// DELETE, of the API
    Delete,
    /// Any other
    Other,
}

impl Method {
    fn named(name: &str) -> Method {
        match name {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "OPTIONS" => Method::Options,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "DELETE" => Method::Delete,
            _ => Method::Other,
        }
    }
}

/// A request's head.
#[derive(Debug, Clone)]
pub struct Head {
    /// What is to be done.
    pub method: Method,
    /// The path with its percent signs decoded, beginning with `/`.
    pub path: String,
    /// The query without its `?`, as it was sent.
    pub query: String,
    /// HTTP/1.1 or later, and not 1.0.
    pub is_http11: bool,
    /// Bytes of the body that follows; 0 everywhere but in the API, and never above [`MAX_BODY`].
    pub body_len: usize,
    headers: Vec<(String, String)>,
}

/// Why a head was refused; the text is for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadHead {
    /// Not HTTP, or HTTP that two parsers could read differently.
    Malformed(&'static str),
    /// The target is too long.
    TargetTooLong,
    /// A body came where none is taken.
    HasBody,
    /// A body came without its length in front.
    NoLength,
    /// The body is too large.
    BodyTooLarge,
}

impl fmt::Display for BadHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadHead::Malformed(what) => write!(f, "the request is malformed: {what}"),
            BadHead::TargetTooLong => write!(f, "the address is longer than {MAX_TARGET} bytes"),
            BadHead::HasBody => f.write_str("this address takes no request body"),
            BadHead::NoLength => {
                f.write_str("a request body is taken with a Content-Length only, not in chunks")
            }
            BadHead::BodyTooLarge => write!(f, "a request body may have {MAX_BODY} bytes"),
        }
    }
}

impl Head {
    /// Parses a head from the start of `input`. `None` when it is not complete; else the head and its length.
    pub fn parse(input: &[u8]) -> Result<Option<(Head, usize)>, BadHead> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let length = match request.parse(input) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => return Err(BadHead::Malformed("too many headers")),
            Err(_) => return Err(BadHead::Malformed("not an HTTP/1.1 request")),
        };
        let method = Method::named(request.method.unwrap_or_default());
        let headers = request.headers.iter().map(|h| field(h.name, h.value)).collect();
        let is_http11 = request.version == Some(1);
        let head = Head::new(method, request.path.unwrap_or_default(), is_http11, headers)?;
        Ok(Some((head, length)))
    }

    /// The head of a request over HTTP/2, as its frames were decoded.
    pub(super) fn from_http2(parts: &http::request::Parts) -> Result<Head, BadHead> {
        if parts.headers.len() > MAX_HEADERS {
            return Err(BadHead::Malformed("too many headers"));
        }
        let mut headers: Vec<(String, String)> =
            parts.headers.iter().map(|(name, value)| field(name.as_str(), value.as_bytes())).collect();
        if let Some(authority) = parts.uri.authority() {
            // RFC 9113, section 8.3.1: it says what Host says in HTTP/1.1, and two hosts are one too many.
            if headers.iter().any(|(name, value)| name == "host" && value != authority.as_str()) {
                return Err(BadHead::Malformed("Host and :authority differ"));
            }
            headers.retain(|(name, _)| name != "host");
            headers.push(("host".to_owned(), authority.as_str().to_owned()));
        }
        let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
        Head::new(Method::named(parts.method.as_str()), target, true, headers)
    }

    fn new(
        method: Method,
        target: &str,
        is_http11: bool,
        headers: Vec<(String, String)>,
    ) -> Result<Head, BadHead> {
        if target.len() > MAX_TARGET {
            return Err(BadHead::TargetTooLong);
        }
        let (path, query) = split_target(target)?;
        let mut head = Head { method, path, query, is_http11, body_len: 0, headers };
        head.body_len = head.measure_body()?;
        Ok(head)
    }

    /// The first value of the header `name`, which is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Whether a comma-separated header holds `token`, in any case.
    pub fn header_has(&self, name: &str, token: &str) -> bool {
        let named = self.headers.iter().filter(|(n, _)| n == name);
        named.flat_map(|(_, value)| value.split(',')).any(|item| item.trim().eq_ignore_ascii_case(token))
    }

    /// The host that the client meant, without its port.
    pub fn host(&self) -> &str {
        let host = self.header("host").unwrap_or_default();
        match host.strip_prefix('[') {
            Some(v6) => v6.split(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        }
    }

    /// Whether the connection is to stay open after the response.
    pub fn keep_alive(&self) -> bool {
        if self.is_http11 { !self.header_has("connection", "close") } else { false }
    }

    /// Whether the client asks for a WebSocket.
    pub fn is_websocket(&self) -> bool {
        self.header_has("upgrade", "websocket") && self.header_has("connection", "upgrade")
    }

    /// Whether a request with this method and path has a body that somebody reads.
    pub(super) fn takes_body(&self) -> bool {
        // With a method that the API does not have, the answer is the same whether there is a body or not.
        let reads = matches!(self.method, Method::Get | Method::Head | Method::Options);
        !reads && self.path.starts_with(API)
    }

    /// How long the body is. Of the two ways to say it only the plain one is taken, and only once: whatever two
    /// parsers could read differently is refused.
    fn measure_body(&self) -> Result<usize, BadHead> {
        if !self.takes_body() {
            return self.refuse_body().map(|()| 0);
        }
        if self.header("transfer-encoding").is_some() {
            return Err(BadHead::NoLength);
        }
        let mut lengths = self.headers.iter().filter(|(name, _)| name == "content-length");
        let Some((_, length)) = lengths.next() else { return Ok(0) };
        if lengths.next().is_some() {
            return Err(BadHead::Malformed("Content-Length comes twice"));
        }
        if length.is_empty() || !length.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(BadHead::Malformed("Content-Length is not a number"));
        }
        length.parse().ok().filter(|length| *length <= MAX_BODY).ok_or(BadHead::BodyTooLarge)
    }

    /// Nothing else takes a body, and a body that is not read would be taken for the next request: that is how
    /// requests are smuggled.
    fn refuse_body(&self) -> Result<(), BadHead> {
        if self.header("transfer-encoding").is_some() {
            return Err(BadHead::HasBody);
        }
        // All of them: of two, this parser could believe the first and a proxy in front the second.
        let mut lengths = self.headers.iter().filter(|(name, _)| name == "content-length");
        if lengths.all(|(_, length)| length == "0") { Ok(()) } else { Err(BadHead::HasBody) }
    }
}

/// A header as it is kept: its name in lower case, its value as text.
fn field(name: &str, value: &[u8]) -> (String, String) {
    (name.to_ascii_lowercase(), String::from_utf8_lossy(value).trim().to_owned())
}

/// Splits a target into its decoded path and its raw query. Decoding happens once and here, so no later check can
/// be walked around with a percent sign.
fn split_target(target: &str) -> Result<(String, String), BadHead> {
    // The absolute form (`GET http://host/path`) is legal; its host is not believed over the Host header.
    let target = match target.strip_prefix("http://").or_else(|| target.strip_prefix("https://")) {
        Some(rest) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => target,
    };
    if !target.starts_with('/') {
        return Err(BadHead::Malformed("the address must begin with /"));
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = percent_decode(path).ok_or(BadHead::Malformed("the path is not percent-encoded UTF-8"))?;
    if path.chars().any(char::is_control) {
        return Err(BadHead::Malformed("the path holds a control character"));
    }
    Ok((path, query.split('#').next().unwrap_or_default().to_owned()))
}

fn percent_decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let (high, low) = (bytes.next()?, bytes.next()?);
        let digit = |b: u8| char::from(b).to_digit(16);
        out.push(u8::try_from(digit(high)? * 16 + digit(low)?).ok()?);
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Head, BadHead> {
        Head::parse(text.as_bytes()).map(|found| found.expect("a whole head").0)
    }

    #[test]
    fn a_player_s_request_is_understood() {
        let text = "GET /live/room%201.flv?txSecret=a%2Fb&txTime=5F HTTP/1.1\r\nHost: [::1]:8080\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\r\nrest";
        let (head, length) = Head::parse(text.as_bytes()).unwrap().unwrap();
        assert_eq!(&text[length..], "rest");
        assert_eq!((head.method, head.path.as_str()), (Method::Get, "/live/room 1.flv"));
        assert_eq!(head.query, "txSecret=a%2Fb&txTime=5F", "signatures are over the query as it was sent");
        assert_eq!(head.host(), "::1");
        assert!(head.is_websocket() && head.keep_alive());
        assert!(!parse("GET / HTTP/1.0\r\n\r\n").unwrap().keep_alive());
    }

    #[test]
    fn half_a_head_is_not_an_error() {
        assert!(Head::parse(b"GET /live/room1.flv HTT").unwrap().is_none());
    }

    #[test]
    fn a_body_cannot_smuggle_a_second_request() {
        for header in
            ["Content-Length: 5", "Transfer-Encoding: chunked", "Content-Length: 0\r\nTransfer-Encoding: x"]
        {
            let head = parse(&format!("GET / HTTP/1.1\r\n{header}\r\n\r\n"));
            assert_eq!(head.err(), Some(BadHead::HasBody), "{header}");
        }
    }

    #[test]
    fn the_api_takes_a_body_of_one_plain_length_and_no_other() {
        let parse = |method: &str, path: &str, header: &str| {
            parse(&format!("{method} {path} HTTP/1.1\r\n{header}\r\n\r\n")).map(|head| head.body_len)
        };
        for method in ["POST", "PUT", "DELETE"] {
            assert_eq!(parse(method, "/api/v1/addresses", "Content-Length: 5"), Ok(5));
        }
        assert_eq!(parse("POST", "/api/v1/addresses", "A: b"), Ok(0));
        assert_eq!(parse("POST", "/api/v1/x", &format!("Content-Length: {MAX_BODY}")), Ok(MAX_BODY));
        let over = format!("Content-Length: {}", MAX_BODY + 1);
        assert_eq!(parse("POST", "/api/v1/x", &over), Err(BadHead::BodyTooLarge));
        let huge = "Content-Length: 99999999999999999999999";
        assert_eq!(parse("POST", "/api/v1/x", huge), Err(BadHead::BodyTooLarge));
        for header in ["Transfer-Encoding: chunked", "Content-Length: 5\r\nTransfer-Encoding: chunked"] {
            assert_eq!(parse("POST", "/api/v1/x", header), Err(BadHead::NoLength), "{header}");
        }
        for header in [
            "Content-Length: 5\r\nContent-Length: 5",
            "Content-Length: +5",
            "Content-Length: 5, 5",
            "Content-Length:",
        ] {
            assert!(matches!(parse("POST", "/api/v1/x", header), Err(BadHead::Malformed(_))), "{header}");
        }
        for (method, path) in
            [("POST", "/livez"), ("GET", "/api/v1/x"), ("OPTIONS", "/api/v1/x"), ("POST", "/api")]
        {
            assert_eq!(parse(method, path, "Content-Length: 5"), Err(BadHead::HasBody), "{method} {path}");
        }
    }

    #[test]
    fn what_is_not_http_is_refused() {
        for text in [
            "\x03\x00\x00\x00 garbage\r\n\r\n",
            "GET  HTTP/1.1\r\n\r\n",
            "GET x HTTP/1.1\r\n\r\n",
            "GET /%zz HTTP/1.1\r\n\r\n",
            "GET /%00 HTTP/1.1\r\n\r\n",
            "GET /%ff HTTP/1.1\r\n\r\n",
        ] {
            assert!(matches!(Head::parse(text.as_bytes()), Err(BadHead::Malformed(_))), "{text:?}");
        }
        let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(MAX_TARGET));
        assert_eq!(Head::parse(long.as_bytes()).err(), Some(BadHead::TargetTooLong));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(MAX_HEADERS + 1));
        assert!(Head::parse(many.as_bytes()).is_err());
    }
}
