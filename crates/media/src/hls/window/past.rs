//! What a window can still tell of the past: the playlist as it was some time ago, and a stretch between two dates.
//!
//! Both are made of whole segments, those included that left the playlist and are not forgotten yet. Numbers are those of
//! the live playlist, so files have one name however late they are played.

use super::{Entry, LEAST_TARGETS, Name, Window};
use crate::hls::playlist::{Head, Map, MediaPlaylist, PlaylistType, Segment, Start};

/// Segments that follow one another: what a playlist of the past lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// The number of the first segment.
    first: u64,
    /// The number after the last one.
    next: u64,
    /// Nothing comes after it.
    ended: bool,
    /// All of it is over: no reader sees it change.
    whole: bool,
    /// How far into the first segment players begin.
    offset_ms: u64,
}

impl Window {
    /// What was listed at this time; none before the first segment was finished.
    ///
    /// It is as long as a playlist may be. What will be forgotten before a player has read it is left out.
    pub fn as_of(&self, at_ms: u64) -> Option<Stretch> {
        let next = self.done_by(at_ms);
        let soon_ms = self.total_ms.saturating_add(LEAST_TARGETS * self.target_ms());
        let (mut first, mut listed_ms) = (next, 0_u64);
        while let Some((before, entry)) = first.checked_sub(1).and_then(|msn| Some((msn, self.known(msn)?))) {
            let with = listed_ms.saturating_add(entry.duration_ms);
            let full = next - before > self.settings.segments as u64 || with > self.settings.span_ms;
            let leaves = self.until_ms(before).is_some_and(|until_ms| until_ms <= soon_ms);
            if first < next && (leaves || (full && listed_ms >= LEAST_TARGETS * self.target_ms())) {
                break;
            }
            (first, listed_ms) = (before, with);
        }
        let ended = self.ended && self.ended_ms <= at_ms && next == self.next_msn();
        (first < next).then_some(Stretch { first, next, ended, whole: false, offset_ms: 0 })
    }

    /// What is remembered between two dates, in milliseconds since 1970, of what was finished by `at_ms`.
    pub fn between(&self, from_ms: i64, to_ms: i64, at_ms: u64) -> Option<Stretch> {
        let done = self.done_by(at_ms);
        let oldest = self.first - self.retired.len() as u64;
        let times = |msn: u64| {
            let entry = self.known(msn)?;
            let date = entry.date_ms?;
            Some((date, date.saturating_add_unsigned(entry.duration_ms)))
        };
        let is_in = |msn: &u64| times(*msn).is_some_and(|(start, end)| start < to_ms && end > from_ms);
        let first = (oldest..done).find(is_in)?;
        let next = (first..done).find(|msn| !is_in(msn)).unwrap_or(done);
        let reaches = times(next - 1).is_some_and(|(_, end)| end >= to_ms);
        let over = self.ended && self.ended_ms <= at_ms;
        let begin = times(first).map_or(from_ms, |(start, _)| start);
        let offset_ms = u64::try_from(from_ms.saturating_sub(begin)).unwrap_or(0);
        let ended = next < done || reaches || over;
        Some(Stretch { first, next, ended, whole: ended, offset_ms })
    }

    /// Whether a segment was finished by this time. One that is forgotten was.
    pub fn is_done_by(&self, msn: u64, at_ms: u64) -> bool {
        msn < self.done_by(at_ms)
    }

    /// The playlist of a stretch: whole segments, and nothing of low latency.
    pub fn playlist_of(&self, stretch: Stretch, uri: &dyn Fn(Name) -> String) -> MediaPlaylist {
        let mut init = None;
        let mut segments = Vec::new();
        let mut independent = true;
        for msn in stretch.first..stretch.next {
            let Some(entry) = self.known(msn) else { continue };
            let map = entry.init.filter(|new| init != Some(*new));
            init = entry.init;
            independent &= entry.independent;
            segments.push(Segment {
                head: Head {
                    discontinuity: entry.discontinuity,
                    map: map.map(|new| Map { uri: uri(Name::Init(new)), byte_range: None }),
                    date_ms: entry.date_ms,
                },
                uri: uri(Name::Segment(msn)),
                duration_ms: entry.duration_ms,
                ..Segment::default()
            });
        }
        let start = Start { offset_ms: stretch.offset_ms.cast_signed(), precise: true };
        MediaPlaylist {
            target_s: self.target_s,
            media_sequence: stretch.first,
            discontinuity_sequence: self.discontinuities_before(stretch.first),
            playlist_type: stretch.whole.then_some(PlaylistType::Vod),
            independent_segments: independent && !segments.is_empty(),
            start: (stretch.offset_ms > 0).then_some(start),
            segments,
            ended: stretch.ended,
            ..MediaPlaylist::default()
        }
    }

    /// When the oldest segment that is remembered was finished.
    pub fn oldest_done_ms(&self) -> Option<u64> {
        let oldest = self.retired.front().map(|retired| &retired.entry).or(self.entries.front());
        oldest.map(|entry| entry.done_ms)
    }

    /// The number after the last segment that was finished by this time.
    fn done_by(&self, at_ms: u64) -> u64 {
        let listed = self.entries.partition_point(|entry| entry.done_ms <= at_ms);
        if listed > 0 {
            return self.first + listed as u64;
        }
        let late = self.retired.iter().rev().take_while(|retired| retired.entry.done_ms > at_ms).count();
        self.first - late as u64
    }

    /// A finished segment that is not forgotten.
    fn known(&self, msn: u64) -> Option<&Entry> {
        let back = |count: usize, before: u64| count.checked_sub(usize::try_from(before).ok()?);
        match msn.checked_sub(self.first) {
            Some(ahead) => self.entries.get(usize::try_from(ahead).ok()?),
            None => {
                self.retired.get(back(self.retired.len(), self.first - msn)?).map(|retired| &retired.entry)
            }
        }
    }

    /// The stream's length at which a segment that left the playlist is forgotten.
    fn until_ms(&self, msn: u64) -> Option<u64> {
        let before = usize::try_from(self.first.checked_sub(msn)?).ok()?;
        Some(self.retired.get(self.retired.len().checked_sub(before)?)?.until_ms)
    }

    /// How many discontinuities were before a segment that is not forgotten.
    fn discontinuities_before(&self, msn: u64) -> u64 {
        let count = |entries: &mut dyn Iterator<Item = &Entry>| {
            entries.filter(|entry| entry.discontinuity).count() as u64
        };
        match msn.checked_sub(self.first) {
            Some(ahead) => {
                let ahead = usize::try_from(ahead).unwrap_or(usize::MAX);
                self.discontinuities_before + count(&mut self.entries.iter().take(ahead))
            }
            None => {
                let since = self.retired.iter().filter(|retired| retired.msn >= msn);
                self.discontinuities_before - count(&mut since.map(|retired| &retired.entry))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hls::window::{Numbers, Settings};

    const WALL: i64 = 1_764_000_000_000;

    /// A window of ten seconds after so many segments of two, finished every two seconds; the fifth has another
    /// initialization. Numbers begin at 100.
    fn window(count: u64) -> Window {
        let settings =
            Settings { target_ms: 2_000, part_target_ms: Some(500), segments: 100, span_ms: 10_000 };
        let mut window = Window::new(settings, Numbers { segment: 100, discontinuities: 7, init: 0 });
        window.handle_init();
        for number in 0..count {
            if number == 4 {
                window.handle_discontinuity();
                window.handle_init();
            }
            window.handle_time(2_000 * (number + 1));
            window.handle_date(WALL + 2_000 * number.cast_signed());
            window.handle_part(2_000, true);
            window.handle_segment(2_000, 1_000, true);
        }
        while window.poll_forgotten().is_some() {}
        window
    }

    fn uri(name: Name) -> String {
        match name {
            Name::Init(number) => format!("i{number}"),
            Name::Segment(number) => number.to_string(),
            Name::Part(..) => "part".into(),
        }
    }

    fn as_of(window: &Window, at_ms: u64) -> Option<String> {
        Some(window.playlist_of(window.as_of(at_ms)?, &uri).to_string())
    }

    #[test]
    fn the_past_has_the_numbers_that_the_present_had() {
        for count in 0..30_u64 {
            let then = window(count);
            for later in count..count + 4 {
                let now = window(later);
                let found = as_of(&now, count * 2_000);
                let Some(text) = found else {
                    assert_eq!(count, 0);
                    continue;
                };
                let live = then.playlist(false, &uri, Vec::new());
                let past = now.playlist_of(now.as_of(count * 2_000).unwrap(), &uri);
                assert_eq!(past.media_sequence, live.media_sequence, "{count} {later} {text}");
                assert_eq!(past.discontinuity_sequence, live.discontinuity_sequence);
                assert_eq!(past.segments.last().unwrap().uri, live.segments.last().unwrap().uri);
                assert!(!text.contains("PART") && !text.contains("SERVER-CONTROL"), "{text}");
            }
        }
        assert!(as_of(&window(3), 1_999).is_none());
    }

    #[test]
    fn what_is_forgotten_soon_is_not_listed_and_the_end_comes_late_too() {
        let mut window = window(30);
        // Eleven or so are remembered: those of ten seconds, and those that left in the ten seconds before.
        let old = window.as_of(60_000 - 16_000).expect("something is left");
        assert!(old.next == 122 && old.first >= 121, "{old:?}");
        window.handle_time(61_000);
        window.handle_end();
        assert!(!as_of(&window, 60_999).unwrap().contains("ENDLIST"));
        assert!(as_of(&window, 61_000).unwrap().ends_with("129\n#EXT-X-ENDLIST\n"));
        assert!(window.is_done_by(129, 60_000) && !window.is_done_by(129, 59_999));
        assert!(window.is_done_by(1, 60_000), "long forgotten");
    }

    #[test]
    fn a_stretch_is_what_it_touches_and_ends_when_it_is_reached() {
        let window = window(6);
        let between = |from: i64, to: i64| {
            let stretch = window.between(WALL + from, WALL + to, 12_000)?;
            Some(window.playlist_of(stretch, &uri).to_string())
        };
        let text = between(3_000, 9_000).unwrap();
        let expected = "#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-MEDIA-SEQUENCE:101\n#EXT-X-DISCONTINUITY-SEQUENCE:8\n\
            #EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-START:TIME-OFFSET=1.000,PRECISE=YES\n#EXT-X-MAP:URI=\"i0\"\n";
        assert!(text.contains(expected), "{text}");
        assert!(text.contains("\n103\n#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"i1\""), "{text}");
        assert!(text.ends_with("\n104\n#EXT-X-ENDLIST\n"), "{text}");
        let growing = between(10_000, 60_000).unwrap();
        assert!(growing.ends_with("\n105\n") && !growing.contains("TYPE:VOD"), "{growing}");
        assert_eq!(between(-9_000, 0), None);
        assert_eq!(between(12_000, 60_000), None);
        assert!(window.between(WALL + 10_000, WALL + 60_000, 11_999).is_none(), "it was not finished then");
    }
}
