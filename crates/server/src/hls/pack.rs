//! Samples into the bytes of a container. The muxers are `media`'s; here is what differs between them.

use bytes::{Bytes, BytesMut};
use media::sample::{Config, Sample};
use media::{mp4, ts};
use tracing::debug;

use super::Container;

/// Pieces up to this size are copied together: to write one of them by itself costs more than the copy.
const COPY_BYTES: usize = 4 * 1024;

/// One of the muxers.
#[derive(Debug)]
pub(super) enum Packing {
    Fmp4 {
        muxer: Box<mp4::Muxer>,
        /// Fragments that were full before they were asked for.
        full: Vec<Bytes>,
    },
    Ts(Box<ts::Muxer>),
}

impl Packing {
    pub(super) fn new(container: Container) -> Packing {
        match container {
            Container::Fmp4 => Packing::Fmp4 { muxer: Box::new(mp4::Muxer::new(&[])), full: Vec::new() },
            Container::Ts => Packing::Ts(Box::default()),
        }
    }

    /// Other tracks from here on, after everything was taken. Gives the initialization that comes before them.
    pub(super) fn renew(&mut self, configs: &[Config]) -> Option<Bytes> {
        match self {
            Packing::Fmp4 { muxer, .. } => {
                **muxer = mp4::Muxer::new(configs);
                Some(muxer.init().clone())
            }
            Packing::Ts(muxer) => {
                muxer.handle_new_publisher();
                for config in configs {
                    if let Err(error) = muxer.handle_config(config) {
                        debug!(%error, "a track is left out");
                    }
                }
                None
            }
        }
    }

    /// What follows can be played by itself.
    pub(super) fn begin_segment(&mut self) {
        if let Packing::Ts(muxer) = self {
            muxer.begin_segment();
        }
    }

    pub(super) fn push(&mut self, sample: Sample) {
        match self {
            Packing::Fmp4 { muxer, full } => {
                if let Some(fragment) = muxer.push(sample) {
                    full.extend(fragment.parts().cloned());
                }
            }
            Packing::Ts(muxer) => {
                if let Err(error) = muxer.handle_sample(&sample) {
                    debug!(%error, "a sample is left out");
                }
            }
        }
    }

    /// Everything since the last time. `next` is the sample that comes after, if it is of the same tracks.
    pub(super) fn take(&mut self, next: Option<&Sample>) -> Vec<Bytes> {
        match self {
            Packing::Fmp4 { muxer, full } => {
                let mut pieces = std::mem::take(full);
                if let Some(fragment) = muxer.cut(next) {
                    pieces.extend(fragment.parts().cloned());
                }
                merged(pieces)
            }
            Packing::Ts(muxer) => Some(muxer.take()).filter(|bytes| !bytes.is_empty()).into_iter().collect(),
        }
    }
}

/// The same bytes in fewer pieces.
fn merged(pieces: Vec<Bytes>) -> Vec<Bytes> {
    let mut out = Vec::new();
    let mut small = BytesMut::new();
    for piece in pieces {
        if piece.len() <= COPY_BYTES {
            small.extend_from_slice(&piece);
            continue;
        }
        if !small.is_empty() {
            out.push(small.split().freeze());
        }
        out.push(piece);
    }
    if !small.is_empty() {
        out.push(small.freeze());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_pieces_are_copied_together_and_large_ones_are_shared() {
        let large = Bytes::from(vec![7; COPY_BYTES + 1]);
        let small = Bytes::from_static(b"ab");
        let pieces = vec![small.clone(), small.clone(), large.clone(), small.clone(), large.clone()];
        let expected = pieces.concat();
        let out = merged(pieces);
        assert_eq!(out.concat(), expected);
        assert_eq!(out.iter().map(Bytes::len).collect::<Vec<_>>(), [4, COPY_BYTES + 1, 2, COPY_BYTES + 1]);
        assert_eq!(out[1].as_ptr(), large.as_ptr());
    }
}
