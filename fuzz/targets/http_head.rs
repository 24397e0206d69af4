//! Heads of HTTP requests, and the paths and queries in them.

#![no_main]

use libfuzzer_sys::fuzz_target;

// The server's own file: linking all of the server would make this build many times slower.
#[allow(dead_code, reason = "only the parser is of interest")]
#[path = "../../crates/server/src/http/head.rs"]
mod head;

use head::{API, Head, MAX_BODY};

fuzz_target!(|input: &[u8]| {
    match Head::parse(input) {
        Ok(Some((head, length))) => {
            assert!((1..=input.len()).contains(&length));
            assert!(input[..length].ends_with(b"\n"), "the head does not end at a line's end");
            assert!(head.path.starts_with('/') && !head.path.contains(char::is_control), "{head:?}");
            assert!(!head.query.contains(['#', ' ']), "{head:?}");
            assert!(head.path.len() + head.query.len() <= length);
            // A body that nobody reads would be taken for the next request, and so would one of two lengths.
            assert!(head.header("transfer-encoding").is_none(), "{head:?}");
            let text = String::from_utf8_lossy(&input[..length]).to_ascii_lowercase();
            let lengths = text.lines().filter_map(|line| line.strip_prefix("content-length:"));
            let lengths = lengths.map(|length| length.trim().parse().expect("a number"));
            let lengths: Vec<usize> = lengths.collect();
            assert!(lengths.iter().all(|length| *length == head.body_len), "{text}");
            assert!(head.body_len <= MAX_BODY && (head.body_len == 0 || lengths.len() == 1), "{text}");
            assert!(head.body_len == 0 || head.path.starts_with(API), "{text}");
            assert!(!head.host().contains(['/', '\r', '\n']) || head.header("host").is_some());
            assert!(!head.keep_alive() || head.is_http11, "an old client is kept waiting");
            let _ = (head.is_websocket(), head.header_has("connection", "upgrade"));
            // The end of the head is where it is, whatever follows.
            let alone = Head::parse(&input[..length]).ok().flatten().expect("the same head");
            assert_eq!((alone.0.path, alone.0.query, alone.1), (head.path, head.query, length));
            assert!(!matches!(Head::parse(&input[..length - 1]), Ok(Some(_))), "it was whole before its end");
        }
        // An error does not go away when more arrives.
        Err(_) => assert!(!matches!(Head::parse(&[input, b"\r\n\r\n"].concat()), Ok(Some(_)))),
        Ok(None) => {}
    }
});
