//! Conditional and partial answers: what a request's conditions leave of a whole one (RFC 9110, sections 13 and 14).

use std::ops::Range;
use std::time::{Duration, SystemTime};

use super::head::{Head, Method};
use super::response::Response;

/// Answers a request to which `whole` is the answer without conditions. Only what carries a validator is held against
/// them: without one a client cannot tell whether two parts are of the same whole.
pub fn answer(head: &Head, whole: Response) -> Response {
    let validators = whole.validators();
    let reads = matches!(head.method, Method::Get | Method::Head);
    if whole.status() != 200 || !reads || validators.is_empty() {
        return whole;
    }
    if !may_answer(head, &validators) {
        return Response::error(
            412,
            "precondition_failed",
            "what is here now is not what the request's conditions name: ask again without them",
            "内容已与请求条件所指的不同：请去掉条件后重试",
        );
    }
    if is_unchanged(head, &validators) {
        return whole.into_not_modified();
    }
    let whole = whole.with("Accept-Ranges", "bytes");
    let length = whole.length();
    // Section 14.2: a range means something with GET only.
    let asked = head.header("range").filter(|_| head.method == Method::Get && same_whole(head, &validators));
    match asked.map_or(Asked::Whole, |range| parse(range, length)) {
        Asked::Whole => whole,
        Asked::Part(range) => whole.into_part(range),
        Asked::Nothing => Response::error(
            416,
            "range_not_satisfiable",
            "the range lies behind the end: Content-Range says how long this is",
            "请求的范围超出末尾：长度见 Content-Range",
        )
        .with("Content-Range", format!("bytes */{length}")),
    }
}

/// By what an answer can be told from an older or a newer one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Validators {
    /// The entity tag, with its quotes.
    pub etag: Option<String>,
    /// When it was last changed, in whole seconds, as HTTP has no finer ones.
    pub modified: Option<SystemTime>,
}

impl Validators {
    fn is_empty(&self) -> bool {
        self.etag.is_none() && self.modified.is_none()
    }
}

/// A time as HTTP writes it.
pub fn date(time: SystemTime) -> String {
    httpdate::fmt_http_date(time)
}

/// A time in whole seconds since 1970, as far as HTTP can write it.
pub fn whole_seconds(unix_seconds: i64) -> SystemTime {
    /// The last second of the year 9999.
    const LAST: u64 = 253_402_300_799;
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(unix_seconds).unwrap_or(0).min(LAST))
}

/// What `Range` asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    /// All of it: no range, one that is none, or several. Several at once would cost an answer in many wrappers, which no
    /// player reads and attackers like.
    Whole,
    /// These bytes, at least one.
    Part(Range<u64>),
    /// Nothing that is there.
    Nothing,
}

/// Reads a `Range` of something that has `length` bytes.
fn parse(range: &str, length: u64) -> Asked {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // A number that is too large for us lies behind every end.
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let Some((unit, set)) = range.split_once('=') else { return Asked::Whole };
    let Some((first, last)) = set.split_once('-') else { return Asked::Whole };
    let (first, last) = (first.trim(), last.trim());
    // Of nothing there is no part, but the whole is all that anybody can want.
    if !unit.trim().eq_ignore_ascii_case("bytes") || length == 0 {
        return Asked::Whole;
    }
    let (start, end) = match (number(first), number(last)) {
        (Some(start), Some(last)) if start <= last => (start, last.saturating_add(1).min(length)),
        (Some(start), None) if last.is_empty() => (start, length),
        (None, Some(suffix)) if first.is_empty() => (length.saturating_sub(suffix), length),
        _ => return Asked::Whole,
    };
    if start < end { Asked::Part(start..end) } else { Asked::Nothing }
}

/// `If-Match` and `If-Unmodified-Since`: whether the client means what is here.
fn may_answer(head: &Head, now: &Validators) -> bool {
    if let Some(tags) = head.header("if-match") {
        return tags.trim() == "*"
            || now.etag.as_deref().is_some_and(|etag| names(tags, etag, Strength::Strong));
    }
    match (head.header("if-unmodified-since").and_then(when), now.modified) {
        (Some(since), Some(modified)) => modified <= since,
        _ => true,
    }
}

/// `If-None-Match` and `If-Modified-Since`: whether the client has what is here. The tag decides where there is one.
fn is_unchanged(head: &Head, now: &Validators) -> bool {
    if let Some(tags) = head.header("if-none-match") {
        return tags.trim() == "*"
            || now.etag.as_deref().is_some_and(|etag| names(tags, etag, Strength::Weak));
    }
    match (head.header("if-modified-since").and_then(when), now.modified) {
        (Some(since), Some(modified)) => modified <= since,
        _ => false,
    }
}

/// `If-Range`: whether a part of what is here fits what the client holds.
fn same_whole(head: &Head, now: &Validators) -> bool {
    match head.header("if-range") {
        None => true,
        Some(tag) if tag.contains('"') => {
            now.etag.as_deref().is_some_and(|etag| names(tag, etag, Strength::Strong))
        }
        Some(date) => when(date).is_some() && when(date) == now.modified,
    }
}

fn when(text: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(text).ok()
}

/// How alike two tags must be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strength {
    /// Byte for byte the same whole.
    Strong,
    /// As good as the same.
    Weak,
}

/// Whether a list of tags holds `etag`, which is quoted and not weak. Tags are compared whole: one that merely contains
/// another is another. They may hold commas, so the list is cut at quotes.
fn names(mut tags: &str, etag: &str, strength: Strength) -> bool {
    loop {
        tags = tags.trim_start_matches([',', ' ', '\t']);
        let (weak, rest) = tags.strip_prefix("W/").map_or((false, tags), |rest| (true, rest));
        let Some(end) = rest.strip_prefix('"').and_then(|inner| inner.find('"')) else { return false };
        let (tag, after) = rest.split_at(end + 2);
        if tag == etag && (strength == Strength::Weak || !weak) {
            return true;
        }
        tags = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A date, and one a second later.
    const THEN: &str = "Sat, 28 Nov 2026 16:00:00 GMT";
    const LATER: &str = "Sat, 28 Nov 2026 16:00:01 GMT";

    fn head(method: &str, headers: &str) -> Head {
        let text = format!("{method} / HTTP/1.1\r\n{headers}\r\n\r\n");
        Head::parse(text.as_bytes()).unwrap().unwrap().0
    }

    fn ten_bytes() -> Response {
        let then = httpdate::parse_http_date(THEN).unwrap();
        let seconds = then.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        Response::bytes(200, "text/plain", "0123456789")
            .with("Cache-Control", "no-cache")
            .with_etag("v1")
            .with_modified(seconds as i64)
    }

    fn check(headers: &str, status: u16, length: u64) {
        let answer = answer(&head("GET", headers), ten_bytes());
        assert_eq!((answer.status(), answer.length()), (status, length), "{headers}");
    }

    #[test]
    fn a_client_that_has_it_is_told_so() {
        for tags in [r#""v1""#, r#"W/"v1""#, r#""a,b", "v1""#, "*", r#""v0",W/"v1" "#] {
            check(&format!("If-None-Match: {tags}"), 304, 0);
        }
        for tags in [r#""v2""#, r#""v1x""#, "v1", r#""xv1", "v"#, r#""v0""#] {
            check(&format!("If-None-Match: {tags}"), 200, 10);
        }
        check(&format!("If-Modified-Since: {THEN}"), 304, 0);
        check(&format!("If-Modified-Since: {LATER}"), 304, 0);
        check("If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT", 200, 10);
        check("If-Modified-Since: yesterday", 200, 10);
        // The tag is the better witness.
        check(&format!("If-None-Match: \"v2\"\r\nIf-Modified-Since: {LATER}"), 200, 10);
        check("If-None-Match: \"v1\"\r\nRange: bytes=0-1", 304, 0);
    }

    #[test]
    fn a_client_that_wants_another_one_is_refused() {
        let refused = |headers: &str| answer(&head("GET", headers), ten_bytes()).status() == 412;
        assert!(refused("If-Match: \"v2\"") && refused("If-Match: W/\"v1\""));
        assert!(refused("If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT"));
        check("If-Match: \"v2\", \"v1\"", 200, 10);
        check("If-Match: *", 200, 10);
        check(&format!("If-Unmodified-Since: {THEN}"), 200, 10);
    }

    #[test]
    fn ranges_are_read_as_the_rfc_says() {
        let part = |range: Range<u64>| Asked::Part(range);
        for (text, expected) in [
            ("bytes=0-0", part(0..1)),
            ("bytes=2-5", part(2..6)),
            ("Bytes = 2 - 5", part(2..6)),
            ("bytes=9-", part(9..10)),
            ("bytes=0-99999999999999999999999", part(0..10)),
            ("bytes=-3", part(7..10)),
            ("bytes=-30", part(0..10)),
            ("bytes=10-", Asked::Nothing),
            ("bytes=99999999999999999999999-", Asked::Nothing),
            ("bytes=-0", Asked::Nothing),
            ("bytes=5-2", Asked::Whole),
            ("bytes=0-1,3-4", Asked::Whole),
            ("bytes=0-1,3-", Asked::Whole),
            ("bytes=x-4", Asked::Whole),
            ("bytes=4-x", Asked::Whole),
            ("bytes=-", Asked::Whole),
            ("bytes=+1-2", Asked::Whole),
            ("bytes", Asked::Whole),
            ("items=0-1", Asked::Whole),
        ] {
            assert_eq!(parse(text, 10), expected, "{text}");
        }
        assert_eq!(parse("bytes=0-", 0), Asked::Whole);
    }

    #[test]
    fn a_part_says_of_what_it_is() {
        check("Range: bytes=2-5", 206, 4);
        let answer = answer(&head("GET", "Range: bytes=2-5"), ten_bytes());
        let text = answer.encode_head(None, &Default::default(), true);
        let text = String::from_utf8_lossy(&text).to_lowercase();
        for line in [
            "http/1.1 206 partial content\r\n",
            "content-range: bytes 2-5/10\r\n",
            "content-length: 4\r\n",
            "etag: \"v1\"\r\n",
            "accept-ranges: bytes\r\n",
            "last-modified: sat, 28 nov 2026 16:00:00 gmt\r\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }

    #[test]
    fn a_part_of_something_else_is_not_sent() {
        check("Range: bytes=2-5\r\nIf-Range: \"v1\"", 206, 4);
        check("Range: bytes=2-5\r\nIf-Range: \"v2\"", 200, 10);
        check("Range: bytes=2-5\r\nIf-Range: W/\"v1\"", 200, 10);
        check(&format!("Range: bytes=2-5\r\nIf-Range: {THEN}"), 206, 4);
        check(&format!("Range: bytes=2-5\r\nIf-Range: {LATER}"), 200, 10);
        check("Range: bytes=2-5\r\nIf-Range: nonsense", 200, 10);
    }

    #[test]
    fn behind_the_end_the_length_is_told() {
        let answer = answer(&head("GET", "Range: bytes=10-"), ten_bytes());
        let text = answer.encode_head(None, &Default::default(), true);
        assert!(
            answer.status() == 416
                && String::from_utf8_lossy(&text).contains("Content-Range: bytes */10\r\n")
        );
    }

    #[test]
    fn what_has_no_validator_and_what_is_no_answer_stay_whole() {
        let plain = |status| Response::bytes(status, "text/plain", "0123456789");
        let asked = head("GET", "Range: bytes=2-5\r\nIf-None-Match: *");
        assert_eq!(answer(&asked, plain(200)).status(), 200);
        assert_eq!(answer(&asked, plain(404).with_etag("v1")).status(), 404);
        assert_eq!(answer(&head("POST", "Range: bytes=2-5"), ten_bytes()).status(), 200);
        // A HEAD tells how long the whole is.
        assert_eq!(answer(&head("HEAD", "Range: bytes=2-5"), ten_bytes()).length(), 10);
        assert_eq!(answer(&head("HEAD", "If-None-Match: \"v1\""), ten_bytes()).status(), 304);
    }
}
