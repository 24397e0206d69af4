//! What a peer may make us hold, wait for or answer.

/// Bounds on one connection. Each is checked before anything is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one message, once the peer publishes.
    pub max_message_bytes: usize,
    /// Bytes of one message until a publish was accepted, and of every message of a viewer. Only commands and the
    /// first pictures of an impatient encoder come then. All unfinished messages together may have twice as many.
    pub max_early_message_bytes: usize,
    /// Chunk streams that the peer uses.
    pub max_chunk_streams: usize,
    /// Declared bytes of all messages that have begun and not ended.
    pub max_partial_bytes: usize,
    /// The largest chunk size that the peer may announce. It costs nothing, for memory follows the bytes that
    /// arrive; encoders announce up to 2^31-1, so a smaller bound refuses some of them.
    pub max_chunk_size: u32,
    /// Chunks of one message, its last one apart, that carry less than [`TINY_CHUNK_BYTES`].
    pub max_tiny_chunks: u32,
    /// Bytes of an application or stream name, its query included, and of every other text of `connect`.
    pub max_name_bytes: usize,
    /// Events that wait to be polled. One call of `handle_input` should not bring more than 64 KiB.
    pub max_events: usize,
    /// Bytes of media that wait to be polled, because a publisher sends before it was accepted.
    pub max_event_bytes: usize,
    /// Bytes of answers that wait to be polled.
    pub max_output_bytes: usize,
    /// What the values of one command may be.
    pub amf: amf0::Limits,
}

/// The chunk size before anybody announces another one (RTMP 1.0 section 5.4.1); smaller chunks cost more processor
/// time than they carry media.
pub const TINY_CHUNK_BYTES: usize = 128;

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_message_bytes: 8 << 20,
            max_early_message_bytes: 1 << 20,
            max_chunk_streams: 64,
            max_partial_bytes: 16 << 20,
            max_chunk_size: 0x7fff_ffff,
            max_tiny_chunks: 4096,
            max_name_bytes: 4096,
            max_events: 16_384,
            max_event_bytes: 16 << 20,
            max_output_bytes: 256 << 10,
            amf: amf0::Limits::default(),
        }
    }
}
