//! RTMP and RTMPS: the driver around the state machine of the crate `rtmp`.

pub mod conn;
mod play;
mod publish;
mod wire;

use std::time::Duration;

use crate::config;

/// Bounds and sizes of RTMP connections.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Until the handshake is done.
    pub handshake_timeout: Duration,
    /// From the handshake until publishing or playing begins, waiting for a stream not counted.
    pub publish_timeout: Duration,
    /// A publisher that sends no media for so long is gone.
    pub idle_publisher: Duration,
    /// Between two pings to a viewer.
    pub ping_interval: Duration,
    /// What the state machine allows a peer.
    pub limits: rtmp::Limits,
    /// Chunk size of what is sent, in bytes; the same for every viewer, so that they share the bytes.
    pub chunk_size: u32,
    /// Window of acknowledgements, in bytes.
    pub window_ack: u32,
}

impl Settings {
    /// The settings that a configuration asks for.
    pub fn new(config: &config::Rtmp) -> Settings {
        Settings {
            handshake_timeout: Duration::from_secs(config.handshake_timeout_seconds),
            publish_timeout: Duration::from_secs(config.publish_timeout_seconds),
            idle_publisher: Duration::from_secs(config.idle_publisher_seconds),
            ping_interval: Duration::from_secs(config.ping_interval_seconds),
            limits: rtmp::Limits {
                max_message_bytes: config.max_message_bytes,
                max_chunk_streams: config.max_chunk_streams,
                max_partial_bytes: config.max_partial_bytes,
                max_chunk_size: config.max_inbound_chunk_bytes,
                ..rtmp::Limits::default()
            },
            chunk_size: config.chunk_size_out,
            window_ack: config.window_ack_bytes,
        }
    }
}
