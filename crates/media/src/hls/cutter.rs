//! Where parts and segments end.
//!
//! Boundaries are times of the stream, and durations are differences of boundaries: they add up to the stream's
//! time exactly, however long it runs. With a picture the boundaries are those of pictures; sound goes to the piece
//! that is open when it comes. Without one they are those of sound.

use crate::frame::Kind;

/// How far below its goal a segment may end, as a divisor: key frames "each two seconds" come some milliseconds
/// early, and waiting for the next would double the segment.
const EARLY: u64 = 10;

/// How far sound may run ahead before the picture counts as stopped. Encoders interleave less exactly than that.
const STALL_MS: i64 = 500;

/// What is aimed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Goals {
    /// A segment ends at the first key frame after this.
    pub segment_ms: u64,
    /// A segment ends here when there was no key frame.
    pub longest_ms: u64,
    /// No part is longer; none but the last of a segment is shorter than 85 % of it, where the length of a frame
    /// allows that ([`fitting_part_ms`]). `None`: no parts.
    pub part_ms: Option<u64>,
}

/// What is asked about each sample before it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit {
    /// Picture or sound.
    pub kind: Kind,
    /// When it is decoded, in milliseconds of stream time.
    pub dts: i64,
    /// How long it lasts; the last sample's step where that is not known yet.
    pub duration_ms: u64,
    /// A decoder can start here.
    pub key: bool,
}

/// A finished part or segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// When it began, in milliseconds of stream time.
    pub start: i64,
    /// How long it lasts.
    pub duration_ms: u64,
    /// Its first picture is a key frame, or it is sound only.
    pub independent: bool,
}

/// What ends before a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// The open part. With parts, `None` when nothing was written since the last one ended.
    pub part: Option<Piece>,
    /// The open segment too.
    pub segment: Option<Piece>,
    /// The next segment begins with a discontinuity.
    pub discontinuity: bool,
}

/// The shortest part target, near to `wanted_ms`, that frames of this length fill to 85 % and more: a whole number of
/// frames and a millisecond for the rounding of times.
///
/// With ten pictures per second a target of 333 ms could only be met by parts of 300, and one of 250 by parts of 200,
/// which are too short for it.
pub fn fitting_part_ms(wanted_ms: u64, frame_ms: f64) -> u64 {
    if !(1.0..=10_000.0).contains(&frame_ms) {
        return wanted_ms;
    }
    let frames = (wanted_ms as f64 / frame_ms).round().max(1.0);
    (frames * frame_ms).ceil() as u64 + 1
}

/// The segment and the part that are being made.
#[derive(Debug, Clone, Copy)]
struct Open {
    segment_start: i64,
    /// The kind of the segment's first picture.
    segment_key: Option<bool>,
    part_start: i64,
    part_key: Option<bool>,
    /// Something was written since the last part ended.
    part_filled: bool,
}

/// Decides, for one stream. Samples come in the order in which they are written.
#[derive(Debug)]
pub struct Cutter {
    goals: Goals,
    /// Pictures set the boundaries: one was seen since the last discontinuity.
    picture: bool,
    open: Option<Open>,
    discontinuity: bool,
}

impl Cutter {
    /// A cutter of a stream that has not begun.
    pub fn new(goals: Goals) -> Cutter {
        Cutter { goals, picture: false, open: None, discontinuity: false }
    }

    /// Aims at something else from the next sample on.
    pub fn set_goals(&mut self, goals: Goals) {
        self.goals = goals;
    }

    /// A decoder configuration changed, or another publisher took over: the segment ends before the next sample.
    pub fn handle_discontinuity(&mut self) {
        self.discontinuity = self.open.is_some();
    }

    /// Says what ends before this sample, and counts the sample to what is open then.
    pub fn handle_unit(&mut self, unit: Unit) -> Option<Cut> {
        let cut = self.cut(&unit);
        let picture = unit.kind == Kind::Video;
        self.picture |= picture;
        let open = self.open.get_or_insert(Open {
            segment_start: unit.dts,
            segment_key: None,
            part_start: unit.dts,
            part_key: None,
            part_filled: false,
        });
        open.part_filled = true;
        if picture {
            open.segment_key.get_or_insert(unit.key);
            open.part_key.get_or_insert(unit.key);
        }
        cut
    }

    /// The stream ended at this time: what is left.
    pub fn handle_end(&mut self, end: i64) -> Option<Cut> {
        let cut = self.end_segment(end);
        self.open = None;
        cut
    }

    fn cut(&mut self, unit: &Unit) -> Option<Cut> {
        let open = self.open?;
        if self.discontinuity {
            let mut cut = self.end_segment(unit.dts);
            if let Some(cut) = &mut cut {
                cut.discontinuity = true;
                (self.discontinuity, self.picture) = (false, false);
            }
            return cut;
        }
        let longest = after(open.segment_start, self.goals.longest_ms);
        let part_end = self.goals.part_ms.map(|part| after(open.part_start, part));
        if self.picture && unit.kind != Kind::Video {
            // Boundaries are left to the picture, unless it stopped; then they are where they had to be at the latest.
            let stopped = |limit: i64| unit.dts >= limit.saturating_add(STALL_MS);
            let part_first = part_end.is_some_and(|end| end < longest);
            if stopped(longest) && !part_first {
                return self.end_segment(longest);
            }
            return part_end.filter(|end| stopped(*end)).and_then(|end| self.end_part(end));
        }
        let end = after(unit.dts, unit.duration_ms);
        if self.segment_is_due(&open, unit) || (end > longest && unit.dts > open.segment_start) {
            return self.end_segment(unit.dts);
        }
        part_end.filter(|part_end| end > *part_end).and_then(|_| self.end_part(unit.dts))
    }

    fn segment_is_due(&self, open: &Open, unit: &Unit) -> bool {
        let goal = self.goals.segment_ms;
        if self.picture || unit.kind == Kind::Video {
            return unit.key && unit.dts >= after(open.segment_start, goal - goal / EARLY);
        }
        // Sound can end anywhere, so it ends at the frame's edge that is nearest.
        unit.dts > open.segment_start
            && after(unit.dts, unit.duration_ms / 2) >= after(open.segment_start, goal)
    }

    /// Ends the part at this time, if that leaves it a length.
    fn end_part(&mut self, at: i64) -> Option<Cut> {
        let picture = self.picture;
        let open = self.open.as_mut().filter(|open| open.part_filled && at > open.part_start)?;
        let part = Piece {
            start: open.part_start,
            duration_ms: between(open.part_start, at),
            independent: open.part_key.unwrap_or(!picture),
        };
        (open.part_start, open.part_key, open.part_filled) = (at, None, false);
        Some(Cut { part: Some(part), segment: None, discontinuity: false })
    }

    /// Ends the segment at this time, or a millisecond after its last part began when that is later.
    fn end_segment(&mut self, at: i64) -> Option<Cut> {
        let open = self.open?;
        let earliest = open.part_start.saturating_add(i64::from(open.part_filled));
        let at = at.max(earliest);
        let part = self.goals.part_ms.and_then(|_| self.end_part(at)?.part);
        let segment = Piece {
            start: open.segment_start,
            duration_ms: between(open.segment_start, at),
            independent: open.segment_key.unwrap_or(true),
        };
        self.open = Some(Open {
            segment_start: at,
            segment_key: None,
            part_start: at,
            part_key: None,
            part_filled: false,
        });
        Some(Cut { part, segment: Some(segment), discontinuity: false })
    }
}

fn after(time: i64, ms: u64) -> i64 {
    time.saturating_add_unsigned(ms)
}

fn between(start: i64, end: i64) -> u64 {
    u64::try_from(end.saturating_sub(start)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOALS: Goals = Goals { segment_ms: 2_000, longest_ms: 6_000, part_ms: Some(333) };

    fn picture(dts: i64, duration_ms: u64, key: bool) -> Unit {
        Unit { kind: Kind::Video, dts, duration_ms, key }
    }

    fn sound(dts: i64, duration_ms: u64) -> Unit {
        Unit { kind: Kind::Audio, dts, duration_ms, key: true }
    }

    /// Pictures at `numerator / denominator` per second, a key frame every `gop`, cut for `seconds`.
    fn film(goals: Goals, rate: (i64, i64), gop: i64, seconds: i64) -> Vec<Cut> {
        let mut cutter = Cutter::new(goals);
        let time = |index: i64| index * 1_000 * rate.1 / rate.0;
        let mut cuts = Vec::new();
        for index in 0..seconds * rate.0 / rate.1 {
            let duration = between(time(index), time(index + 1));
            cuts.extend(cutter.handle_unit(picture(time(index), duration, index % gop == 0)));
        }
        cuts
    }

    fn segments(cuts: &[Cut]) -> Vec<Piece> {
        cuts.iter().filter_map(|cut| cut.segment).collect()
    }

    #[test]
    fn segments_end_at_key_frames_and_none_begins_without() {
        let cuts = film(GOALS, (25, 1), 25, 11);
        let found = segments(&cuts);
        assert_eq!(found.len(), 5);
        assert!(found.iter().all(|segment| segment.duration_ms == 2_000 && segment.independent));
    }

    #[test]
    fn other_goals_hold_from_the_next_sample_on() {
        let mut cutter = Cutter::new(Goals { segment_ms: 1, ..GOALS });
        let mut cuts = Vec::new();
        for index in 0..150 {
            let cut = cutter.handle_unit(picture(index * 40, 40, index % 25 == 0));
            if cut.is_some_and(|cut| cut.segment.is_some()) {
                cutter.set_goals(GOALS);
            }
            cuts.extend(cut);
        }
        assert_eq!(segments(&cuts).iter().map(|s| s.duration_ms).collect::<Vec<_>>(), [1_000, 2_000, 2_000]);
    }

    #[test]
    fn a_key_frame_that_comes_a_little_early_is_taken() {
        // Each 1,980 ms: a goal of exactly two seconds would wait for 3,960.
        let found = segments(&film(GOALS, (25, 1), 50, 60));
        assert!(found.iter().all(|segment| segment.duration_ms == 2_000));
        let found = segments(&film(GOALS, (50, 1), 99, 60));
        assert!(found.iter().all(|segment| segment.duration_ms == 1_980), "{found:?}");
    }

    #[test]
    fn without_key_frames_a_segment_ends_at_its_longest() {
        let found = segments(&film(GOALS, (25, 1), 1_000, 20));
        assert_eq!(found.iter().map(|s| s.duration_ms).collect::<Vec<_>>(), [6_000; 3]);
        assert_eq!(found.iter().map(|s| s.independent).collect::<Vec<_>>(), [true, false, false]);
    }

    #[test]
    fn parts_are_filled_to_85_per_cent_at_usual_rates_and_none_is_longer_than_its_target() {
        for rate in [(10, 1), (15, 1), (20, 1), (24, 1), (25, 1), (30_000, 1_001), (30, 1), (50, 1), (60, 1)]
        {
            let frame_ms = 1_000.0 * rate.1 as f64 / rate.0 as f64;
            for wanted in [200, 333, 500, 1_000] {
                let target = fitting_part_ms(wanted, frame_ms);
                let goals = Goals { part_ms: Some(target), ..GOALS };
                let cuts = film(goals, rate, 2 * rate.0 / rate.1, 60);
                assert!(cuts.len() >= 59, "{rate:?} {wanted}");
                for cut in cuts {
                    let part = cut.part.unwrap();
                    assert!(part.duration_ms <= target, "{rate:?} {wanted}: {part:?} over {target}");
                    let filled = part.duration_ms * 100 >= target * 85;
                    assert!(filled || cut.segment.is_some(), "{rate:?} {wanted}: {part:?} under {target}");
                }
            }
        }
    }

    #[test]
    fn a_part_target_without_a_known_rate_is_left_alone() {
        for frame in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(fitting_part_ms(333, frame), 333);
        }
        assert_eq!(fitting_part_ms(100, 200.0), 201);
    }

    #[test]
    fn the_parts_of_a_segment_add_up_to_it_and_segments_to_the_stream_after_ten_hours() {
        let cuts = film(GOALS, (30_000, 1_001), 60, 36_000);
        let (mut end, mut parts) = (0, 0);
        for cut in &cuts {
            parts += cut.part.unwrap().duration_ms;
            if let Some(segment) = cut.segment {
                assert_eq!(segment.start, end);
                assert_eq!(segment.duration_ms, parts);
                assert!((2_002 - 1..=2_002 + 1).contains(&segment.duration_ms));
                end = after(end, segment.duration_ms);
                parts = 0;
            }
        }
        assert!(end > 35_990_000);
    }

    #[test]
    fn sound_alone_is_cut_by_time_at_the_nearest_frame() {
        let mut cutter = Cutter::new(GOALS);
        let time = |index: i64| index * 1_024 * 1_000 / 44_100;
        let mut cuts = Vec::new();
        for index in 0..10_000 {
            cuts.extend(cutter.handle_unit(sound(time(index), between(time(index), time(index + 1)))));
        }
        for segment in segments(&cuts) {
            assert!(segment.independent && segment.duration_ms.abs_diff(2_000) <= 12, "{segment:?}");
        }
        for part in cuts.iter().filter_map(|cut| cut.part) {
            assert!(part.independent && part.duration_ms <= 333);
        }
    }

    #[test]
    fn sound_beside_a_picture_cuts_nothing_until_the_picture_stops() {
        let mut cutter = Cutter::new(GOALS);
        assert_eq!(cutter.handle_unit(picture(0, 40, true)), None);
        let mut cuts = Vec::new();
        for index in 0..500 {
            cuts.extend(cutter.handle_unit(sound(index * 20, 20)));
        }
        let parts: Vec<_> = cuts.iter().filter_map(|cut| cut.part).collect();
        assert!(parts.iter().all(|part| part.duration_ms <= 333), "{parts:?}");
        assert!(parts[0].independent && !parts[1].independent);
        assert_eq!(segments(&cuts)[0].duration_ms, 6_000);
        // The picture comes back, and sound that is late does no harm.
        let cut = cutter.handle_unit(picture(10_000, 40, true)).unwrap();
        assert_eq!(cut.segment.unwrap(), Piece { start: 6_000, duration_ms: 4_000, independent: true });
        assert_eq!(cutter.handle_unit(sound(9_990, 20)), None);
    }

    #[test]
    fn a_key_frame_behind_the_sound_ends_the_segment_without_an_empty_part() {
        let mut cutter = Cutter::new(GOALS);
        cutter.handle_unit(picture(0, 40, true));
        let times = (0..).map(|index| index * 20).take_while(|time| *time < 2_500);
        let ends: Vec<_> = times.filter_map(|time| cutter.handle_unit(sound(time, 20))).collect();
        let last = ends.last().unwrap().part.unwrap();
        let cut = cutter.handle_unit(picture(1_900, 40, true)).unwrap();
        let (part, segment) = (cut.part.unwrap(), cut.segment.unwrap());
        assert_eq!(part.start, after(last.start, last.duration_ms));
        assert!(part.duration_ms > 0);
        assert_eq!(segment.duration_ms, between(0, after(part.start, part.duration_ms)));
    }

    #[test]
    fn a_change_of_configuration_ends_the_segment_at_once() {
        let mut cutter = Cutter::new(GOALS);
        cutter.handle_discontinuity();
        assert_eq!(cutter.handle_unit(picture(0, 40, true)), None, "nothing is before the first");
        cutter.handle_unit(picture(40, 40, false));
        cutter.handle_discontinuity();
        let cut = cutter.handle_unit(picture(80, 40, true)).unwrap();
        assert!(cut.discontinuity);
        assert_eq!(cut.segment.unwrap().duration_ms, 80);
        assert_eq!(cutter.handle_unit(picture(120, 40, false)), None);
    }

    #[test]
    fn the_end_gives_what_is_left() {
        let mut cutter = Cutter::new(Goals { part_ms: None, ..GOALS });
        assert_eq!(cutter.handle_end(0), None);
        cutter.handle_unit(picture(1_000, 40, true));
        let cut = cutter.handle_end(1_040).unwrap();
        assert_eq!((cut.part, cut.segment.unwrap().duration_ms), (None, 40));
        assert_eq!(cutter.handle_end(2_000), None);
    }

    #[test]
    fn extreme_times_do_not_overflow() {
        let mut cutter = Cutter::new(GOALS);
        for dts in [i64::MIN, i64::MAX, 0, i64::MIN, i64::MAX] {
            cutter.handle_unit(picture(dts, u64::MAX, true));
            cutter.handle_unit(sound(dts, u64::MAX));
        }
    }
}
