//! The configuration in the units of the packager.

use crate::config::{Config, HlsMode};
use crate::secrets::Secret;

use super::Container;

/// Longest segment without a key frame, as a multiple of the wanted length; never shorter than the longest group of
/// pictures that the hub keeps, because a segment that does not begin with a key frame is of little use.
const LONGEST: u64 = 3;

/// What the configuration says.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) enabled: bool,
    /// Streams are packaged from their beginning on.
    pub(super) always: bool,
    /// The container of addresses that name none.
    pub(super) container: Container,
    pub(super) segment_ms: u64,
    pub(super) longest_ms: u64,
    /// Wanted length of parts; none without low latency.
    pub(super) part_ms: Option<u64>,
    pub(super) window_segments: usize,
    /// How far back players can go, the delay included.
    pub(super) window_ms: u64,
    /// Everybody is so late.
    pub(super) delay_ms: u64,
    pub(super) max_bytes: u64,
    pub(super) linger_ms: u64,
    pub(super) segment_tokens: bool,
    /// The header and its value without which nothing is answered.
    pub(super) cdn: Option<(String, Secret)>,
}

impl Settings {
    pub(super) fn new(config: &Config) -> Settings {
        let hls = &config.hls;
        let delay_ms = hls.delay_seconds * 1_000;
        let cdn = (!hls.cdn_secret.is_empty())
            .then(|| (hls.cdn_secret_header.to_ascii_lowercase(), hls.cdn_secret.clone()));
        Settings {
            enabled: hls.enabled,
            // What is played late must have been packaged before anybody asks for it.
            always: hls.enabled && (hls.mode == HlsMode::Always || delay_ms > 0),
            container: hls.container.into(),
            segment_ms: hls.segment_ms,
            longest_ms: (hls.segment_ms * LONGEST).max(config.hub.gop_max_ms),
            part_ms: (hls.low_latency && delay_ms == 0).then_some(hls.part_ms),
            window_segments: hls.window_segments,
            window_ms: hls.window_seconds * 1_000 + delay_ms,
            delay_ms,
            max_bytes: hls.max_bytes,
            linger_ms: hls.linger_seconds * 1_000,
            segment_tokens: hls.segment_tokens,
            cdn,
        }
    }
}
