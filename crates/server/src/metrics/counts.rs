//! What is counted nowhere else: refusals, limits that were hit, publishers that were lost, the speed of the API.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::histogram::Histogram;

/// A bound on what a client may do, named by its configuration key where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named after its key, which default.toml explains")]
pub enum Limit {
    HeaderTimeout,
    MaxHeaderBytes,
    MaxTarget,
    DroppedRequests,
    HandshakeTimeout,
    PublishTimeout,
    IdlePublisher,
    MaxMessageBytes,
    MaxChunkStreams,
    MaxPartialBytes,
    MaxInboundChunkBytes,
    TinyChunks,
    MaxName,
    MaxEvents,
    MaxAnswers,
    BadBodies,
}

impl Limit {
    /// All of them, in the order of their numbers.
    pub const ALL: [Limit; 16] = [
        Limit::HeaderTimeout,
        Limit::MaxHeaderBytes,
        Limit::MaxTarget,
        Limit::DroppedRequests,
        Limit::HandshakeTimeout,
        Limit::PublishTimeout,
        Limit::IdlePublisher,
        Limit::MaxMessageBytes,
        Limit::MaxChunkStreams,
        Limit::MaxPartialBytes,
        Limit::MaxInboundChunkBytes,
        Limit::TinyChunks,
        Limit::MaxName,
        Limit::MaxEvents,
        Limit::MaxAnswers,
        Limit::BadBodies,
    ];

    /// Its name in the metrics.
    pub fn name(self) -> &'static str {
        match self {
            Limit::HeaderTimeout => "http.header_timeout_seconds",
            Limit::MaxHeaderBytes => "http.max_header_bytes",
            Limit::MaxTarget => "http.target_bytes",
            Limit::DroppedRequests => "http.dropped_requests",
            Limit::HandshakeTimeout => "rtmp.handshake_timeout_seconds",
            Limit::PublishTimeout => "rtmp.publish_timeout_seconds",
            Limit::IdlePublisher => "rtmp.idle_publisher_seconds",
            Limit::MaxMessageBytes => "rtmp.max_message_bytes",
            Limit::MaxChunkStreams => "rtmp.max_chunk_streams",
            Limit::MaxPartialBytes => "rtmp.max_partial_bytes",
            Limit::MaxInboundChunkBytes => "rtmp.max_inbound_chunk_bytes",
            Limit::TinyChunks => "rtmp.tiny_chunks",
            Limit::MaxName => "rtmp.name_bytes",
            Limit::MaxEvents => "rtmp.events",
            Limit::MaxAnswers => "rtmp.answers",
            Limit::BadBodies => "rtmp.bad_bodies",
        }
    }
}

/// The counters. None of them is touched for a frame.
#[derive(Debug)]
pub struct Counts {
    /// By code and wire, both from lists in the program.
    refusals: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
    limits: [AtomicU64; Limit::ALL.len()],
    publishers_lost: AtomicU64,
    /// By reason, from a list in the program.
    acme_failures: Mutex<BTreeMap<&'static str, u64>>,
    /// By outcome, from a list in the program.
    gifts: Mutex<BTreeMap<&'static str, u64>>,
    /// The same.
    logins: Mutex<BTreeMap<&'static str, u64>>,
    api: Mutex<Histogram>,
}

impl Default for Counts {
    fn default() -> Counts {
        Counts {
            refusals: Mutex::default(),
            limits: [const { AtomicU64::new(0) }; Limit::ALL.len()],
            publishers_lost: AtomicU64::new(0),
            acme_failures: Mutex::default(),
            gifts: Mutex::default(),
            logins: Mutex::default(),
            api: Mutex::new(Histogram::long()),
        }
    }
}

impl Counts {
    /// Somebody was refused.
    pub fn refused(&self, code: &'static str, wire: &'static str) {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        *refusals.entry((code, wire)).or_default() += 1;
    }

    /// Somebody came to a bound.
    pub fn limit_hit(&self, limit: Limit) {
        if let Some(count) = self.limits.get(limit as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A publisher went without a goodbye.
    pub fn publisher_lost(&self) {
        self.publishers_lost.fetch_add(1, Ordering::Relaxed);
    }

    /// An order of a certificate came to nothing.
    pub fn acme_failed(&self, reason: &'static str) {
        *self.acme_failures.lock().unwrap_or_else(PoisonError::into_inner).entry(reason).or_default() += 1;
    }

    /// Somebody wanted to send a gift.
    pub fn gift(&self, outcome: &'static str) {
        *self.gifts.lock().unwrap_or_else(PoisonError::into_inner).entry(outcome).or_default() += 1;
    }

    /// Somebody wanted to sign in.
    pub fn login(&self, outcome: &'static str) {
        *self.logins.lock().unwrap_or_else(PoisonError::into_inner).entry(outcome).or_default() += 1;
    }

    /// The API answered.
    pub fn api_answered(&self, took: Duration) {
        self.api.lock().unwrap_or_else(PoisonError::into_inner).observe(took);
    }

    pub(super) fn refusals(&self) -> BTreeMap<(&'static str, &'static str), u64> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn limits(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Limit::ALL
            .iter()
            .zip(&self.limits)
            .map(|(limit, count)| (limit.name(), count.load(Ordering::Relaxed)))
    }

    pub(super) fn publishers_lost(&self) -> u64 {
        self.publishers_lost.load(Ordering::Relaxed)
    }

    pub(super) fn acme_failures(&self) -> BTreeMap<&'static str, u64> {
        self.acme_failures.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn gifts(&self) -> BTreeMap<&'static str, u64> {
        self.gifts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn logins(&self) -> BTreeMap<&'static str, u64> {
        self.logins.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn api(&self) -> Histogram {
        self.api.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_counted_under_its_own_name() {
        let counts = Counts::default();
        for (times, limit) in Limit::ALL.into_iter().enumerate() {
            (0..=times).for_each(|_| counts.limit_hit(limit));
        }
        let counted: Vec<_> = counts.limits().collect();
        for (times, limit) in Limit::ALL.into_iter().enumerate() {
            assert_eq!(counted[times], (limit.name(), times as u64 + 1));
        }
    }
}
