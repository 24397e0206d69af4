//! Our readers and writers beside other people's, and over very long shows.

#![allow(unreachable_pub, reason = "a test binary has no outside")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod hls;
mod oracles;
mod sixty_days;
