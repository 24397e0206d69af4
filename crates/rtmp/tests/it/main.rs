//! Real encoders' bytes, and a second opinion on them.

#![allow(unreachable_pub, reason = "a test binary has no outside")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod captures;
mod oracle;
