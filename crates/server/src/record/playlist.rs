//! A recording as an HLS playlist of byte ranges in its files.

use media::hls::{ByteRange, Head, Map, MediaPlaylist, PlaylistType, Segment};

use crate::store::{Key, Part};

/// Shortest segment, in milliseconds, where key frames allow it.
const SEGMENT_MS: u64 = 4_000;

/// A playlist of parts in fragmented MP4, each with where a decoder can start in it. `uri` says where a part's file is.
/// One that has not `ended` may be asked for again and has more then.
pub fn playlist(parts: &[(Part, Vec<Key>)], ended: bool, uri: impl Fn(&Part) -> String) -> MediaPlaylist {
    let mut segments = Vec::new();
    for (part, keys) in parts {
        let uri = uri(part);
        for (number, (start, end)) in pieces(part, keys).into_iter().enumerate() {
            let first = number == 0;
            let map = || Map {
                uri: uri.clone(),
                byte_range: Some(ByteRange { length: part.init_bytes, offset: 0 }),
            };
            let wall = part.wall_ms.saturating_add_unsigned(start.time_ms);
            segments.push(Segment {
                head: Head {
                    // Each file has decoders and a time line of its own.
                    discontinuity: first && !segments.is_empty(),
                    map: first.then(map),
                    date_ms: first.then_some(wall),
                },
                uri: uri.clone(),
                duration_ms: end.time_ms.saturating_sub(start.time_ms),
                byte_range: Some(ByteRange {
                    length: end.offset.saturating_sub(start.offset),
                    offset: start.offset,
                }),
                ..Segment::default()
            });
        }
    }
    let longest = segments.iter().map(|segment| segment.duration_ms).max().unwrap_or(SEGMENT_MS);
    MediaPlaylist {
        target_s: longest.div_ceil(1_000).max(1),
        playlist_type: Some(if ended { PlaylistType::Vod } else { PlaylistType::Event }),
        independent_segments: true,
        segments,
        ended,
        ..MediaPlaylist::default()
    }
}

/// Where each segment of a part begins and ends.
fn pieces(part: &Part, keys: &[Key]) -> Vec<(Key, Key)> {
    // What comes before the first key frame is sound that belongs to its segment.
    let Some(mut start) = keys.first().map(|key| Key { time_ms: key.time_ms, offset: part.init_bytes })
    else {
        return Vec::new();
    };
    let mut pieces = Vec::new();
    for key in keys.iter().skip(1) {
        if key.time_ms.saturating_sub(start.time_ms) >= SEGMENT_MS {
            pieces.push((start, *key));
            start = *key;
        }
    }
    let end = Key { time_ms: part.duration_ms, offset: part.bytes };
    if end.offset > start.offset {
        pieces.push((start, end));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Format, PartState};

    fn part(number: u32, bytes: u64, duration_ms: u64) -> Part {
        Part {
            recording: "r".into(),
            number,
            format: Format::Fmp4,
            path: format!("{number}.mp4"),
            wall_ms: 1_764_000_000_000,
            start_ms: 0,
            duration_ms,
            bytes,
            init_bytes: 700,
            codecs: String::new(),
            state: PartState::Local,
            object_key: None,
        }
    }

    #[test]
    fn segments_are_whole_groups_and_cover_every_byte() {
        let keys: Vec<Key> = (0..6).map(|n| Key { time_ms: n * 2_000, offset: 700 + n * 100 }).collect();
        let parts = [
            (part(1, 1_300, 11_000), keys.clone()),
            (part(2, 1_300, 12_000), keys),
            (part(3, 700, 0), Vec::new()),
        ];
        let list = playlist(&parts, true, |part| part.path.clone());
        let ranges: Vec<_> = list
            .segments
            .iter()
            .map(|s| (s.byte_range.unwrap().offset, s.byte_range.unwrap().length, s.duration_ms))
            .collect();
        assert_eq!(
            ranges,
            [
                (700, 200, 4_000),
                (900, 200, 4_000),
                (1_100, 200, 3_000),
                (700, 200, 4_000),
                (900, 200, 4_000),
                (1_100, 200, 4_000)
            ]
        );
        let breaks: Vec<_> = list.segments.iter().map(|segment| segment.head.discontinuity).collect();
        assert_eq!(breaks, [false, false, false, true, false, false]);
        assert!(list.ended && list.target_s == 4);
    }
}
