//! HTTP/1.1, as much of it as Weir speaks itself, and HTTP/2 where TLS agrees on it.
//!
//! One port serves the page, the API and the media. A media response has to leave HTTP's hands and go to a fan-out
//! shard as a bare socket, which a framework does not give away; so the request loop is ours, and small: bounded
//! heads, small request bodies, keep-alive, and one [`router`].

pub mod assets;
pub mod body;
pub mod conditional;
pub mod conn;
pub mod head;
mod http2;
pub mod memory;
pub mod respond;
pub mod response;
pub mod router;
pub mod send;
pub mod side;
pub mod viewer;
pub mod websocket;
