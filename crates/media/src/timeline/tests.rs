//! The law, by examples and by chance.

use proptest::prelude::*;

use super::*;

const V: (Kind, u8) = (Kind::Video, 0);
const A: (Kind, u8) = (Kind::Audio, 0);
const D: (Kind, u8) = (Kind::Data, 0);

/// Maps frames in their order and gives their stream times and the number of jumps.
fn run(timeline: &mut Timeline, frames: &[((Kind, u8), i64)]) -> (Vec<i64>, usize) {
    let mapped: Vec<Mapped> = frames.iter().map(|(track, time)| timeline.map(*track, *time)).collect();
    (mapped.iter().map(|mapped| mapped.time).collect(), mapped.iter().filter(|mapped| mapped.jumped).count())
}

fn one(frames: &[((Kind, u8), i64)]) -> (Vec<i64>, usize) {
    run(&mut Timeline::default(), frames)
}

/// Video with 25 pictures per second and AAC of 1,024 samples at 44.1 kHz from `start`, for `len_ms`, in the order
/// in which an encoder sends them.
fn interleaved(start: i64, len_ms: i64) -> Vec<((Kind, u8), i64)> {
    let video = (0..).map(|n| (V, n * 40)).take_while(|(_, time)| *time < len_ms);
    let audio = (0..).map(|n| (A, n * 1_024_000 / 44_100)).take_while(|(_, time)| *time < len_ms);
    let mut frames: Vec<_> = video.chain(audio).collect();
    frames.sort_by_key(|(_, time)| *time);
    frames.into_iter().map(|(track, time)| (track, time + start)).collect()
}

#[test]
fn a_normal_stream_keeps_its_times_from_zero_on() {
    let frames = interleaved(123_456, 10_000);
    let (times, jumps) = one(&frames);
    let expected: Vec<i64> = frames.iter().map(|(_, time)| time - 123_456).collect();
    assert_eq!((times, jumps), (expected, 0));
}

#[test]
fn tables_of_one_track() {
    type Row<'a> = (&'a str, &'a [i64], &'a [i64], usize);
    let table: &[Row<'_>] = &[
        ("an hour ahead", &[0, 40, 3_600_080, 3_600_120], &[0, 40, 80, 120], 1),
        ("back by a minute", &[60_000, 60_040, 80, 120], &[0, 40, 80, 120], 1),
        ("32 bits wrap", &[0xffff_ffd0, 0xffff_fff8, 0x20, 0x48], &[0, 40, 80, 120], 1),
        ("a restart at zero", &[500_000, 500_033, 0, 33], &[0, 33, 66, 99], 1),
        ("two pictures per second", &[0, 500, 1_000, 1_500], &[0, 500, 1_000, 1_500], 0),
        ("a picture each five seconds", &[0, 5_000, 10_000], &[0, 5_000, 10_000], 0),
        ("a stall of five seconds", &[0, 40, 5_080, 5_120], &[0, 40, 5_080, 5_120], 0),
        ("a gap at the bound", &[0, MAX_GAP_MS], &[0, MAX_GAP_MS], 0),
        ("a gap over it", &[0, 40, 41 + MAX_GAP_MS], &[0, 40, 80], 1),
        ("equal times", &[100, 100, 100, 140], &[0, 0, 0, 40], 0),
        ("disorder stands still", &[0, 80, 40, 120], &[0, 80, 80, 120], 0),
        ("uneven decoding times", &[0, 33, 67, 100, 133], &[0, 33, 67, 100, 133], 0),
        ("two clocks by turns", &[0, 1_000_000, 40, 1_000_040], &[0, 40, 80, 120], 3),
    ];
    for (what, times, expected, jumps) in table {
        for track in [V, A] {
            let frames: Vec<_> = times.iter().map(|time| (track, *time)).collect();
            let mut timeline = Timeline::default();
            // The step before any was seen is that of the track's kind; have one seen for the audio rows.
            timeline.index(track);
            timeline.tracks[0].step = 40;
            assert_eq!(run(&mut timeline, &frames), (expected.to_vec(), *jumps), "{what}");
        }
    }
}

#[test]
fn a_jump_of_both_tracks_is_counted_once_and_keeps_them_together() {
    for shift in [3_600_000, -3_000, -900_000, 7_000] {
        let before = interleaved(1_000_000, 4_000);
        let after: Vec<_> =
            interleaved(1_004_000, 4_000).into_iter().map(|(track, time)| (track, time + shift)).collect();
        let frames = [before.clone(), after.clone()].concat();
        let (times, jumps) = one(&frames);
        assert_eq!(jumps, 1, "shift {shift}");
        // Every frame after the jump is shifted by the same amount, so sound and picture are as they were.
        let moved: Vec<i64> =
            after.iter().zip(&times[before.len()..]).map(|((_, time), mapped)| mapped - time).collect();
        assert!(moved.iter().all(|offset| *offset == moved[0]), "shift {shift}: {moved:?}");
        assert!((times[times.len() - 1] - 7_960).abs() < 60, "shift {shift}: {:?}", times.last());
    }
}

#[test]
fn frames_from_before_a_jump_that_come_late_are_not_another_jump() {
    let (times, jumps) = one(&[
        (V, 0),
        (A, 0),
        (A, 23),
        (V, 40),
        (V, 900_080),
        (A, 46),
        (A, 70),
        (V, 900_120),
        (A, 900_093),
        (A, 900_116),
    ]);
    assert_eq!((times, jumps), (vec![0, 0, 23, 40, 80, 46, 70, 120, 93, 116], 1));
}

#[test]
fn a_lone_picture_from_the_future_does_not_part_sound_and_picture() {
    let mut frames = interleaved(0, 6_000);
    let wrong = frames.iter().position(|frame| *frame == (V, 2_000)).unwrap();
    frames[wrong].1 += 3_000;
    let (times, jumps) = one(&frames);
    assert_eq!(jumps, 0);
    for ((track, time), mapped) in frames.iter().zip(&times) {
        if *track == A || *time > 5_000 {
            assert_eq!(time, mapped);
        }
    }
}

#[test]
fn a_track_that_begins_earlier_or_lags_keeps_its_distance() {
    assert_eq!(one(&[(V, 500), (A, 400), (A, 423), (V, 540), (A, 510)]), (vec![0, 0, 0, 40, 10], 0));
    assert_eq!(one(&[(V, 0), (V, 400), (V, 800), (A, 100), (A, 123)]), (vec![0, 400, 800, 100, 123], 0));
}

#[test]
fn a_picture_that_pauses_comes_back_beside_the_sound() {
    let mut frames = vec![(V, 0)];
    frames.extend((0..1_000).map(|n| (A, n * 23)));
    frames.push((V, 22_980));
    let (times, jumps) = one(&frames);
    assert_eq!((times[times.len() - 1], jumps), (22_980, 0));
}

#[test]
fn a_track_that_drifts_away_is_fetched_and_the_other_does_not_notice() {
    // Sound whose clock runs at nine tenths.
    let mut timeline = Timeline::default();
    let mut jumps = 0;
    for n in 0..5_000 {
        assert_eq!(timeline.map(V, n * 40), Mapped { time: n * 40, jumped: false });
        let mapped = timeline.map(A, n * 36);
        jumps += usize::from(mapped.jumped);
        assert!((mapped.time - n * 40).abs() <= MAX_SKEW_MS);
    }
    assert_eq!(jumps, 3);
}

#[test]
fn a_takeover_goes_on_and_keeps_the_new_encoders_distance() {
    for start in [0, 77, 9_000_000] {
        let mut timeline = Timeline::default();
        run(&mut timeline, &interleaved(50_000, 2_000));
        let last = timeline.last();
        timeline.rebase_next();
        assert_eq!(timeline.last(), last);
        // Sound first; the picture was taken 60 ms before it.
        let frames = [(A, start + 60), (V, start), (A, start + 83), (V, start + 40), (V, start + 80)];
        let (times, jumps) = run(&mut timeline, &frames);
        assert_eq!(times, [last + 23, 1_960, last + 46, last + 3, last + 43]);
        assert_eq!(jumps, 0);
    }
}

#[test]
fn a_takeover_before_any_frame_begins_at_zero() {
    let mut timeline = Timeline::default();
    timeline.rebase_next();
    assert_eq!(run(&mut timeline, &[(V, 700), (V, 740)]).0, [0, 40]);
}

#[test]
fn script_data_never_moves_the_time() {
    let (times, jumps) =
        one(&[(D, 99_999), (V, 5_000), (D, 0), (V, 5_040), (D, 5_020), (D, i64::MAX), (V, 5_080)]);
    assert_eq!((times, jumps), (vec![0, 0, 0, 40, 20, 40, 80], 0));
}

fn track() -> impl Strategy<Value = (Kind, u8)> {
    (prop_oneof![Just(Kind::Audio), Just(Kind::Video), Just(Kind::Data)], 0..3_u8)
}

fn times() -> impl Strategy<Value = i64> {
    prop_oneof![0..20_000_i64, 0..i64::from(u32::MAX), any::<i64>()]
}

proptest! {
    #[test]
    fn time_never_goes_back_within_a_track_and_steps_are_bounded(
        frames in proptest::collection::vec((track(), times(), proptest::bool::weighted(0.02)), 1..200),
    ) {
        let mut timeline = Timeline::default();
        let mut last: Vec<((Kind, u8), i64)> = Vec::new();
        for (track, time, takeover) in frames {
            if takeover {
                timeline.rebase_next();
            }
            let before = timeline.last();
            let mapped = timeline.map(track, time);
            prop_assert!(mapped.time >= 0);
            prop_assert!(timeline.last() <= before + MAX_GAP_MS);
            let known = last.iter_mut().find(|(known, _)| *known == track || known.0 == Kind::Data && track.0 == Kind::Data);
            match known {
                Some((_, at)) => {
                    prop_assert!(mapped.time >= *at);
                    *at = mapped.time;
                }
                None => last.push((track, mapped.time)),
            }
        }
    }

    #[test]
    fn a_well_behaved_stream_keeps_its_length_and_its_tracks_stay_together(
        start in 0..i64::from(u32::MAX),
        steps in proptest::collection::vec((1..200_i64, 0..300_i64), 1..200),
    ) {
        let mut timeline = Timeline::default();
        let mut time = start;
        for (step, lag) in steps {
            time += step;
            let video = timeline.map(V, time);
            let audio = timeline.map(A, time - lag);
            prop_assert!(!video.jumped && !audio.jumped);
            prop_assert!(video.time - audio.time <= lag.max(0));
            prop_assert!(audio.time <= video.time);
        }
        let first = start + 1;
        prop_assert!(timeline.last() <= time - first + 1 && timeline.last() >= time - first - 200);
    }
}
