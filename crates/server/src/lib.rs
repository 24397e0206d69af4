//! The library half of `weir`: everything, so that tests can start a server in their own process.

pub mod acme;
mod address;
pub mod admission;
pub mod api;
pub mod app;
pub mod chat;
pub mod clock;
pub mod cmd;
pub mod config;
pub mod demo;
pub mod drain;
pub mod event;
pub mod fanout;
pub mod flv;
pub mod gift;
pub mod health;
pub mod hls;
pub mod hooks;
pub mod http;
pub mod identity;
pub mod lang;
pub mod lottery;
pub mod metrics;
pub mod net;
pub mod operator;
pub mod outbound;
pub mod read_at;
pub mod record;
pub mod relay;
pub mod reload;
pub mod replay;
pub mod room;
pub mod rtmp;
pub mod seal;
pub mod secrets;
pub mod sessions;
pub mod shift;
pub mod slots;
pub mod snapshot;
pub mod storage;
pub mod store;
pub mod throttle;
pub mod time;
mod told;
pub mod waiting;
pub mod wallet;
pub mod webhook;

#[cfg(test)]
mod bug;
#[cfg(test)]
mod scratch;
