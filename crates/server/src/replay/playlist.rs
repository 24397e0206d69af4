//! A recording as an HLS playlist: each segment is a range of bytes in a recorded file.
//!
//! It is made of the index alone; no file is opened. A segment is a few groups of pictures, so the playlist of an hour has
//! some 900 lines and needs some 100 KB while it is sent.

use media::hls::{MediaPlaylist, Multivariant, Start, Variant};

use super::span::Span;
use crate::record;
use crate::store::{Key, Part, PartState, Recording};

/// What a segment of a recording that goes on may last at most, in seconds: players want to know before there is one.
const OPEN_TARGET_S: u64 = 10;

/// When a part ends on the time line of its recording, in milliseconds.
pub(super) fn end_ms(part: &Part) -> u64 {
    part.start_ms.saturating_add(part.duration_ms)
}

/// The playlist of a stretch of a recording, whose parts come with where a decoder can start in each.
///
/// Of a file that is being written, the last segment is left out until it is complete: what was listed once stays as it is.
pub(super) fn of(
    parts: &[(Part, Vec<Key>)],
    is_open: bool,
    span: Span,
    uri: impl Fn(&Part) -> String,
) -> MediaPlaylist {
    let mut list = record::playlist(parts, !is_open, uri);
    if is_open {
        if parts.last().is_some_and(|(part, _)| part.state == PartState::Open) {
            list.segments.pop();
        }
        list.target_s = list.target_s.max(OPEN_TARGET_S);
    }
    // Segments know how long they are; when they begin follows from their part, which begins where the decoder does.
    let mut starts = parts.iter().filter(|(_, keys)| !keys.is_empty()).map(|(part, keys)| {
        (
            part.start_ms + keys.first().map_or(0, |key| key.time_ms),
            part.wall_ms + keys.first().map_or(0, |key| key.time_ms.cast_signed()),
        )
    });
    let (mut at, mut wall) = (0, 0);
    let mut map = None;
    let mut first_ms = None;
    let mut end = 0;
    let mut kept = Vec::new();
    for mut segment in std::mem::take(&mut list.segments) {
        let mut is_first_of_part = segment.head.map.is_some();
        if is_first_of_part {
            (at, wall) = starts.next().unwrap_or((at, wall));
            map = segment.head.map.take();
        }
        let (start, date) = (at, wall);
        at += segment.duration_ms;
        wall = wall.saturating_add_unsigned(segment.duration_ms);
        if !span.touches(start, at) {
            continue;
        }
        // The first that is kept of a part says what the first of all would have said.
        is_first_of_part |= map.is_some();
        segment.head.discontinuity = is_first_of_part && !kept.is_empty();
        segment.head.map = map.take();
        segment.head.date_ms = segment.head.map.is_some().then_some(date);
        first_ms.get_or_insert(start);
        end = at;
        kept.push(segment);
    }
    if let Some(first) = first_ms.filter(|first| *first < span.from_ms) {
        let offset_ms = i64::try_from(span.from_ms - first).unwrap_or(i64::MAX);
        list.start = Some(Start { offset_ms, precise: true });
    }
    list.segments = kept;
    list.ended |= end >= span.to_ms;
    list
}

/// A playlist that leads to the one at `uri`, with what players want to know beforehand.
pub(super) fn of_one(recording: &Recording, uri: String) -> Multivariant {
    let seconds = (recording.duration_ms / 1_000).max(1);
    let average = recording.bytes.saturating_mul(8) / seconds;
    Multivariant {
        independent_segments: true,
        variants: vec![Variant {
            uri,
            // Of a recording that goes on nobody knows its largest segment.
            bandwidth: average.saturating_mul(2).max(1),
            average_bandwidth: Some(average).filter(|bandwidth| *bandwidth > 0),
            codecs: Some(recording.codecs.clone()).filter(|codecs| !codecs.is_empty()),
            ..Variant::default()
        }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Format;

    const WALL: i64 = 1_764_000_000_000;

    /// Two parts of 20 seconds with a key frame every two; the second is a minute later.
    fn parts() -> Vec<(Part, Vec<Key>)> {
        let keys: Vec<Key> = (0..10).map(|n| Key { time_ms: n * 2_000, offset: 700 + n * 1_000 }).collect();
        let part = |number: u32, start_ms, wall_ms| Part {
            recording: "r".into(),
            number,
            format: Format::Fmp4,
            path: String::new(),
            wall_ms,
            start_ms,
            duration_ms: 20_000,
            bytes: 10_700,
            init_bytes: 700,
            codecs: String::new(),
            state: PartState::Local,
            object_key: None,
        };
        vec![(part(1, 0, WALL), keys.clone()), (part(2, 20_000, WALL + 80_000), keys)]
    }

    fn text(is_open: bool, from_ms: u64, to_ms: u64) -> String {
        let mut parts = parts();
        parts[1].0.state = if is_open { PartState::Open } else { PartState::Local };
        of(&parts, is_open, Span { from_ms, to_ms }, |part| format!("{}.mp4", part.number)).to_string()
    }

    #[test]
    fn all_of_it_is_every_byte_of_both_files() {
        let text = text(false, 0, u64::MAX);
        assert_eq!(text.matches("#EXTINF:4.000,").count(), 10, "{text}");
        assert_eq!(text.matches("#EXT-X-MAP:URI=\"1.mp4\",BYTERANGE=\"700@0\"").count(), 1);
        assert_eq!(text.matches("#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"2.mp4\"").count(), 1);
        assert_eq!(text.matches("#EXT-X-DISCONTINUITY\n").count(), 1);
        assert_eq!(text.matches("#EXT-X-PROGRAM-DATE-TIME:").count(), 2);
        assert!(text.contains("#EXT-X-PLAYLIST-TYPE:VOD") && text.ends_with("#EXT-X-ENDLIST\n"));
        assert!(!text.contains("EXT-X-START"));
    }

    #[test]
    fn a_stretch_begins_and_ends_with_the_segments_it_touches() {
        let text = text(false, 17_000, 25_000);
        assert_eq!(text.matches("#EXTINF").count(), 3, "{text}");
        assert!(text.contains("#EXT-X-START:TIME-OFFSET=1.000,PRECISE=YES"), "{text}");
        assert!(text.contains(
            "#EXT-X-MAP:URI=\"1.mp4\",BYTERANGE=\"700@0\"\n#EXT-X-PROGRAM-DATE-TIME:2025-11-24T16:00:16.000Z"
        ));
        assert!(
            text.contains(
                "#EXT-X-BYTERANGE:2000@8700\n1.mp4\n#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"2.mp4\""
            )
        );
        assert!(text.contains("#EXT-X-PROGRAM-DATE-TIME:2025-11-24T16:01:20.000Z"));
        let second_only = self::text(false, 21_000, 23_000);
        assert!(!second_only.contains("1.mp4") && !second_only.contains("DISCONTINUITY"), "{second_only}");
    }

    #[test]
    fn what_goes_on_lists_what_will_not_change() {
        let open = text(true, 0, u64::MAX);
        assert_eq!(open.matches("#EXTINF").count(), 9, "{open}");
        assert!(open.contains("EVENT") && !open.contains("ENDLIST") && open.contains("TARGETDURATION:10"));
        assert!(text(true, 0, 8_000).contains("ENDLIST"), "the end of the stretch is reached");
    }
}
