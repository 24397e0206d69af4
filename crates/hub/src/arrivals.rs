//! When the newest of each kind came, by the caller's clock: what tells a publisher that is silent from one that
//! sends sound only.

use media::frame::{Frame, Kind, Role};

/// The moments of one push, in milliseconds of the caller's clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Arrivals {
    /// Which push of this stream it is, from 1; 0 before the first.
    pub push: u64,
    /// When the push began.
    pub began_ms: u64,
    /// When the newest message of any kind came.
    pub any_ms: Option<u64>,
    /// When the newest picture came.
    pub picture_ms: Option<u64>,
    /// When the newest picture came that a decoder can start at.
    pub key_ms: Option<u64>,
    /// When the newest sound came.
    pub sound_ms: Option<u64>,
}

impl Arrivals {
    pub(crate) fn begin(push: u64, now_ms: u64) -> Arrivals {
        Arrivals { push, began_ms: now_ms, ..Arrivals::default() }
    }

    pub(crate) fn note(&mut self, frame: &Frame, now_ms: u64) {
        self.any_ms = Some(now_ms);
        match (frame.kind, frame.role) {
            (Kind::Video, Role::Key) => (self.picture_ms, self.key_ms) = (Some(now_ms), Some(now_ms)),
            (Kind::Video, Role::Inter | Role::Disposable) => self.picture_ms = Some(now_ms),
            (Kind::Audio, Role::Audio) => self.sound_ms = Some(now_ms),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn each_kind_has_its_moment_and_headers_are_neither() {
        let mut arrivals = Arrivals::begin(1, 100);
        let mut note = |kind, role, now_ms| {
            arrivals.note(&Frame { time: 0, kind, role, track: 0, body: Bytes::new() }, now_ms);
        };
        note(Kind::Video, Role::Config, 101);
        note(Kind::Video, Role::Key, 102);
        note(Kind::Audio, Role::Audio, 103);
        note(Kind::Video, Role::Inter, 104);
        note(Kind::Data, Role::Metadata, 105);
        let expected = Arrivals {
            push: 1,
            began_ms: 100,
            any_ms: Some(105),
            picture_ms: Some(104),
            key_ms: Some(102),
            sound_ms: Some(103),
        };
        assert_eq!(arrivals, expected);
    }
}
