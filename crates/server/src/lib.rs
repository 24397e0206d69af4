//! The library half of `weir`: everything, so that tests can start a server in their own process.

pub mod admission;
pub mod api;
pub mod app;
pub mod clock;
pub mod cmd;
pub mod config;
pub mod demo;
pub mod fanout;
pub mod flv;
pub mod http;
pub mod lang;
pub mod net;
pub mod rtmp;
pub mod secrets;
pub mod sessions;
pub mod slots;
pub mod time;
pub mod waiting;

#[cfg(test)]
mod scratch;
