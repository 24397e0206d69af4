//! Everything against a running server, with real clients. One binary, so that it links once.

#![allow(unreachable_pub, reason = "a test binary has no outside")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod ffmpeg;
mod formats;
mod harness;
