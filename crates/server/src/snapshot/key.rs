//! One coded picture that a decoder can start at, with what sets the decoder up.

use std::io;
use std::ops::Range;

use bytes::Bytes;
use hub::Stream;
use media::frame::Kind;
use media::mp4::{Detail, Index, MAX_MOOV_BYTES, Muxer, SampleInfo, Scanner, Track};
use media::sample::{Config, Sample};

use super::Failure;
use crate::read_at::ReadAt;

/// Largest coded picture that a child is given, in bytes: the longest message of RTMP.
pub const MAX_KEY_BYTES: usize = 16 * 1024 * 1024;

/// How much of a file is read at once when the beginning of a fragment is looked through.
const BLOCK: usize = 16 * 1024;

/// From one picture to the next in what a child is given, in units of its track. Any will do that rises.
const STEP: i64 = 1_000;

/// A key frame.
#[derive(Debug, Clone)]
pub struct Key {
    track: Track,
    data: Bytes,
}

impl Key {
    /// The newest one of a stream, and its number there.
    pub(super) fn of_stream(stream: &Stream) -> Result<(u64, Key), Failure> {
        let Some((entry, headers)) = stream.newest_key() else {
            let pictures = stream.headers().has_video;
            return Err(if pictures { Failure::NoKey } else { Failure::NoPictures });
        };
        let sample = Sample::of(&entry.frame).ok_or(Failure::NoKey)?;
        let same_track = |config: &Config| {
            (config.kind, config.track, config.info.codec) == (sample.kind, sample.track, sample.codec)
        };
        let config = headers.configs.iter().filter_map(Config::of).find(same_track).ok_or(Failure::Codec)?;
        let track = Track::new(1, &config).ok_or(Failure::Codec)?;
        Ok((entry.seq, Key { track, data: sample.data }))
    }

    /// The first picture of a fragment: `init` is what a file or an HLS rendition begins with, `fragment` a `moof` with
    /// its `mdat`, which must begin with a key frame.
    pub fn in_fragment(init: &[u8], fragment: &[u8]) -> Result<Key, Failure> {
        let mut scanner = Scanner::new(Detail::Samples);
        let taken = scanner
            .handle_input(0, init)
            .and_then(|()| scanner.handle_input(init.len() as u64, fragment))
            .map_err(|bad| Failure::Child(bad.to_string()));
        taken?;
        let (track, sample) = first_key(&scanner.finish((init.len() + fragment.len()) as u64))?;
        let start = usize::try_from(sample.offset).ok().and_then(|at| at.checked_sub(init.len()));
        let data = start.and_then(|start| fragment.get(start..)?.get(..sample.size as usize));
        let data = data.ok_or(Failure::NoKey)?;
        Ok(Key { track, data: Bytes::copy_from_slice(data) })
    }

    /// The same of a file, where these parts of it are. Of the fragment only its tables and that picture are read. This
    /// blocks.
    pub fn in_file(
        file: &dyn ReadAt,
        init: &Range<u64>,
        fragment: &Range<u64>,
    ) -> io::Result<Result<Key, Failure>> {
        let init_len = init.end.saturating_sub(init.start);
        let fragment_len = fragment.end.saturating_sub(fragment.start);
        if init_len > MAX_MOOV_BYTES {
            return Ok(Err(Failure::Child("the file's beginning is too long".into())));
        }
        let mut head = vec![0; usize::try_from(init_len).unwrap_or(0)];
        file.read_exact_at(&mut head, init.start)?;
        let mut scanner = Scanner::new(Detail::Samples);
        if let Err(bad) = scanner.handle_input(0, &head) {
            return Ok(Err(Failure::Child(bad.to_string())));
        }
        // To the scanner the fragment comes right after the beginning.
        while let Some(at) = scanner.wanted().checked_sub(init_len).filter(|at| *at < fragment_len) {
            let len = usize::try_from(fragment_len - at).unwrap_or(BLOCK).min(BLOCK);
            let mut block = vec![0; len];
            file.read_exact_at(&mut block, fragment.start + at)?;
            if let Err(bad) = scanner.handle_input(init_len + at, &block) {
                return Ok(Err(Failure::Child(bad.to_string())));
            }
        }
        let (track, sample) = match first_key(&scanner.finish(init_len + fragment_len)) {
            Ok(found) => found,
            Err(failure) => return Ok(Err(failure)),
        };
        let Some(at) = sample.offset.checked_sub(init_len) else { return Ok(Err(Failure::NoKey)) };
        let mut data = vec![0; sample.size as usize];
        file.read_exact_at(&mut data, fragment.start + at)?;
        Ok(Ok(Key { track, data: data.into() }))
    }

    /// How many bytes the picture has.
    pub(super) fn byte_len(&self) -> usize {
        self.data.len()
    }

    /// An MP4 file of these pictures, of which those are left out that the first one's decoder is not set up for. Returns
    /// how many are in it, too.
    pub(super) fn file(keys: Vec<Key>) -> (usize, Vec<Bytes>) {
        let Some(track) = keys.first().map(|key| key.track.clone()) else { return (0, Vec::new()) };
        let codec = track.info.codec;
        let alike: Vec<Key> = keys.into_iter().filter(|key| key.track == track).collect();
        let count = alike.len();
        let mut muxer = Muxer::of_track(track);
        let mut file = vec![muxer.init().clone()];
        for (time, key) in (0..).step_by(STEP as usize).zip(alike) {
            let sample = Sample {
                kind: Kind::Video,
                track: 0,
                codec,
                dts: time,
                pts: time,
                key: true,
                data: key.data,
            };
            file.extend(muxer.push(sample).iter().flat_map(|fragment| fragment.parts()).cloned());
        }
        file.extend(muxer.cut(None).iter().flat_map(|fragment| fragment.parts()).cloned());
        (count, file)
    }
}

/// The first picture of the first fragment, if a decoder can start at it.
fn first_key(index: &Index) -> Result<(Track, SampleInfo), Failure> {
    let track = index.tracks.iter().find(|track| track.kind == Kind::Video).ok_or(Failure::NoPictures)?;
    let run = index.fragments.first().and_then(|fragment| fragment.run(track.id));
    let sample = run.and_then(|run| run.samples.first()).filter(|sample| sample.key);
    let sample = sample.filter(|sample| (1..=MAX_KEY_BYTES).contains(&(sample.size as usize)));
    Ok((track.clone(), *sample.ok_or(Failure::NoKey)?))
}
