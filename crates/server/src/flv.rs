//! FLV playback over HTTP and WebSocket.

pub mod play;
pub mod url;
mod wire;
