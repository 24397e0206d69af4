//! Which encode-once slot of the hub belongs to which wire. The hub has numbers; here they get their meaning.

use hub::Slot;

/// RTMP messages, chunked at the server's chunk size, on message stream 1.
pub const RTMP: Slot = Slot::new(0);
/// FLV tags as they are: HTTP/1.0 clients.
pub const FLV: Slot = Slot::new(1);
/// FLV tags, each in one HTTP chunk.
pub const FLV_CHUNKED: Slot = Slot::new(2);
/// FLV tags, each in one WebSocket message.
pub const FLV_WEBSOCKET: Slot = Slot::new(3);
