use super::*;

const LOW_LATENCY: Settings =
    Settings { target_ms: 2_000, part_target_ms: Some(500), segments: 10, span_ms: 60_000 };
const PLAIN: Settings = Settings { part_target_ms: None, segments: 4, ..LOW_LATENCY };

fn uri(name: Name) -> String {
    match name {
        Name::Init(number) => format!("i{number}.mp4"),
        Name::Segment(number) => format!("{number}.m4s"),
        Name::Part(segment, part) => format!("{segment}.{part}.m4s"),
    }
}

fn text(window: &Window, skip: bool) -> String {
    window.playlist(skip, &uri, Vec::new()).to_string()
}

/// Finishes this many segments, of four parts each where there are parts.
fn segments(window: &mut Window, count: usize) {
    for _ in 0..count {
        for part in 0..if window.settings.part_target_ms.is_some() { 4 } else { 0 } {
            window.handle_part(500, part == 0);
        }
        window.handle_segment(2_000, 250_000, true);
    }
}

#[test]
fn a_low_latency_playlist_has_every_tag_in_its_place() {
    let mut window = Window::new(LOW_LATENCY, Numbers::default());
    assert_eq!(window.handle_init(), 0);
    window.handle_date(1_764_000_000_000);
    assert_eq!(window.handle_part(500, true), Name::Part(0, 0));
    assert_eq!(window.handle_part(480, false), Name::Part(0, 1));
    assert_eq!(window.handle_segment(980, 1_000, true), Name::Segment(0));
    window.handle_part(500, true);
    let report = RenditionReport { uri: "sound.m3u8".into(), last_msn: 1, last_part: Some(0) };
    let expected = "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:2\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,\
        CAN-SKIP-UNTIL=12.000,HOLD-BACK=6.000,PART-HOLD-BACK=1.500\n#EXT-X-PART-INF:PART-TARGET=0.500\n\
        #EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-MAP:URI=\"i0.mp4\"\n\
        #EXT-X-PROGRAM-DATE-TIME:2025-11-24T16:00:00.000Z\n\
        #EXT-X-PART:DURATION=0.500,URI=\"0.0.m4s\",INDEPENDENT=YES\n#EXT-X-PART:DURATION=0.480,URI=\"0.1.m4s\"\n\
        #EXTINF:0.980,\n0.m4s\n#EXT-X-PART:DURATION=0.500,URI=\"1.0.m4s\",INDEPENDENT=YES\n\
        #EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"1.1.m4s\"\n\
        #EXT-X-RENDITION-REPORT:URI=\"sound.m3u8\",LAST-MSN=1,LAST-PART=0\n";
    assert_eq!(window.playlist(false, &uri, vec![report]).to_string(), expected);
}

#[test]
fn a_plain_playlist_says_nothing_of_low_latency() {
    let mut window = Window::new(PLAIN, Numbers::default());
    segments(&mut window, 2);
    let expected = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n\
        #EXT-X-INDEPENDENT-SEGMENTS\n#EXTINF:2.000,\n0.m4s\n#EXTINF:2.000,\n1.m4s\n";
    assert_eq!(text(&window, true), expected);
    window.handle_end();
    assert_eq!(text(&window, false), format!("{expected}#EXT-X-ENDLIST\n"));
}

#[test]
fn segments_leave_by_count_and_by_time_but_three_targets_stay() {
    let mut window = Window::new(PLAIN, Numbers::default());
    segments(&mut window, 9);
    let playlist = window.playlist(false, &uri, Vec::new());
    assert_eq!((playlist.media_sequence, playlist.segments.len()), (5, 4));
    let mut window = Window::new(Settings { span_ms: 13_000, ..LOW_LATENCY }, Numbers::default());
    segments(&mut window, 9);
    assert_eq!(window.playlist(false, &uri, Vec::new()).segments.len(), 6);
    let mut window = Window::new(Settings { segments: 0, span_ms: 0, ..PLAIN }, Numbers::default());
    segments(&mut window, 9);
    assert_eq!(window.playlist(false, &uri, Vec::new()).segments.len(), 3);
}

#[test]
fn numbers_never_go_back_and_a_restart_goes_on_with_a_discontinuity() {
    let mut window = Window::new(PLAIN, Numbers::default());
    let (mut last, mut discontinuities) = (0, 0);
    for index in 0..40 {
        if index % 3 == 1 {
            window.handle_discontinuity();
        }
        segments(&mut window, 1);
        let playlist = window.playlist(false, &uri, Vec::new());
        let tags = playlist.segments.iter().filter(|segment| segment.head.discontinuity).count() as u64;
        assert!(playlist.media_sequence >= last && playlist.discontinuity_sequence >= discontinuities);
        assert_eq!(playlist.discontinuity_sequence + tags, window.numbers().discontinuities);
        (last, discontinuities) = (playlist.media_sequence, playlist.discontinuity_sequence);
    }
    let numbers = window.numbers();
    assert_eq!((numbers.segment, numbers.discontinuities), (40, 13));
    let mut window = Window::new(PLAIN, numbers);
    segments(&mut window, 1);
    let text = text(&window, false);
    assert!(text.contains("#EXT-X-MEDIA-SEQUENCE:40\n#EXT-X-DISCONTINUITY-SEQUENCE:13\n"), "{text}");
    assert!(text.contains("#EXT-X-DISCONTINUITY\n#EXTINF:2.000,\n40.m4s\n"), "{text}");
}

#[test]
fn a_restart_in_the_middle_of_a_segment_does_not_use_its_number_again() {
    let mut window = Window::new(LOW_LATENCY, Numbers::default());
    window.handle_part(500, true);
    assert_eq!(window.numbers().segment, 1);
}

#[test]
fn a_request_is_answered_waits_or_is_refused() {
    let mut window = Window::new(LOW_LATENCY, Numbers { segment: 10, ..Numbers::default() });
    assert_eq!(window.answer(None, None), Answer::Wait, "nothing is there yet");
    segments(&mut window, 3);
    window.handle_part(500, true);
    window.handle_part(500, false);
    // Segments 10 to 12 are finished, and parts 0 and 1 of 13.
    for (msn, part, answer) in [
        (None, None, Answer::Now),
        (None, Some(0), Answer::Refuse),
        (Some(0), None, Answer::Now),
        (Some(12), None, Answer::Now),
        (Some(12), Some(3), Answer::Now),
        (Some(13), Some(1), Answer::Now),
        // Past the end of 12 is the first part of 13.
        (Some(12), Some(9), Answer::Now),
        (Some(13), Some(2), Answer::Wait),
        (Some(13), None, Answer::Wait),
        (Some(14), Some(0), Answer::Wait),
        (Some(14), None, Answer::Wait),
        (Some(15), None, Answer::Refuse),
        // Six parts of half a second are three seconds.
        (Some(13), Some(7), Answer::Wait),
        (Some(13), Some(8), Answer::Refuse),
        (Some(14), Some(6), Answer::Refuse),
        (Some(u64::MAX), Some(u64::MAX), Answer::Refuse),
        (Some(13), Some(u64::MAX), Answer::Refuse),
    ] {
        assert_eq!(window.answer(msn, part), answer, "{msn:?} {part:?}");
    }
    window.handle_segment(1_000, 1, true);
    assert_eq!(window.answer(Some(13), None), Answer::Now);
    assert_eq!(window.answer(Some(13), Some(2)), Answer::Wait, "it has two parts: the first of 14 is meant");
    window.handle_end();
    assert_eq!(window.answer(Some(99), Some(0)), Answer::Now, "nothing comes any more");
}

#[test]
fn what_a_wait_was_for_is_in_the_playlist_when_it_ends() {
    let mut window = Window::new(LOW_LATENCY, Numbers::default());
    segments(&mut window, 1);
    assert_eq!(window.answer(Some(1), Some(0)), Answer::Wait);
    window.handle_part(500, true);
    assert_eq!(window.answer(Some(1), Some(0)), Answer::Now);
    assert!(text(&window, false).contains("URI=\"1.0.m4s\",INDEPENDENT=YES"));
    assert_eq!(window.position(), Some(Position { msn: 1, part: Some(0) }));
}

#[test]
fn a_delta_update_leaves_out_what_is_older_than_six_targets() {
    let mut window = Window::new(LOW_LATENCY, Numbers::default());
    window.handle_init();
    segments(&mut window, 6);
    assert_eq!(text(&window, true), text(&window, false), "nothing would be saved");
    segments(&mut window, 3);
    let full = window.playlist(false, &uri, Vec::new());
    let delta = window.playlist(true, &uri, Vec::new());
    assert_eq!((delta.skipped, delta.version(), full.version()), (3, 9, 6));
    assert_eq!(delta.segments, full.segments[3..]);
    assert!(
        delta.to_string().contains(
            "#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-SKIP:SKIPPED-SEGMENTS=3\n"
        )
    );
}

#[test]
fn parts_are_listed_for_three_targets_only() {
    let mut window = Window::new(LOW_LATENCY, Numbers::default());
    segments(&mut window, 8);
    let parts: Vec<_> =
        window.playlist(false, &uri, Vec::new()).segments.iter().map(|segment| segment.parts.len()).collect();
    assert_eq!(parts, [0, 0, 0, 0, 0, 4, 4, 4]);
}

#[test]
fn an_initialization_is_named_where_it_changes_and_first_in_the_list() {
    let mut window = Window::new(PLAIN, Numbers::default());
    window.handle_init();
    segments(&mut window, 6);
    window.handle_init();
    window.handle_discontinuity();
    segments(&mut window, 2);
    let maps: Vec<_> = window
        .playlist(false, &uri, Vec::new())
        .segments
        .iter()
        .map(|segment| segment.head.map.as_ref().map(|map| map.uri.clone()))
        .collect();
    assert_eq!(maps, [Some("i0.mp4".into()), None, Some("i1.mp4".into()), None]);
}

#[test]
fn a_segment_is_kept_for_its_length_and_the_lists_after_it_left() {
    let mut window = Window::new(PLAIN, Numbers::default());
    window.handle_init();
    segments(&mut window, 4);
    window.handle_init();
    segments(&mut window, 1);
    // Segment 0 left at 10 s. It lasts 2 s, and the longest list was of 10 s before it left.
    assert_eq!(window.playlist(false, &uri, Vec::new()).media_sequence, 1);
    segments(&mut window, 5);
    assert_eq!(window.poll_forgotten(), None);
    segments(&mut window, 1);
    assert_eq!(window.poll_forgotten(), Some(Name::Segment(0)));
    assert_eq!(window.poll_forgotten(), None);
    segments(&mut window, 3);
    let all: Vec<_> = std::iter::from_fn(|| window.poll_forgotten()).collect();
    assert_eq!(all, [Name::Segment(1), Name::Segment(2), Name::Segment(3), Name::Init(0)]);
}

#[test]
fn without_room_the_oldest_goes_at_once_and_the_newest_stays() {
    let mut window = Window::new(PLAIN, Numbers::default());
    window.handle_init();
    segments(&mut window, 6);
    let mut forgotten = Vec::new();
    while window.drop_oldest() {
        forgotten.extend(std::iter::from_fn(|| window.poll_forgotten()));
    }
    assert_eq!(forgotten, (0..5).map(Name::Segment).collect::<Vec<_>>());
    let playlist = window.playlist(false, &uri, Vec::new());
    assert_eq!((playlist.media_sequence, playlist.segments.len()), (5, 1));
    segments(&mut window, 1);
    assert_eq!(window.playlist(false, &uri, Vec::new()).segments.len(), 2);
}

#[test]
fn the_target_grows_with_a_segment_that_is_too_long_and_never_shrinks() {
    let mut window = Window::new(PLAIN, Numbers::default());
    window.handle_segment(2_499, 1, true);
    assert_eq!(window.playlist(false, &uri, Vec::new()).target_s, 2);
    window.handle_segment(2_500, 1, true);
    segments(&mut window, 50);
    assert_eq!(window.playlist(false, &uri, Vec::new()).target_s, 3);
}

#[test]
fn segments_that_begin_without_a_key_frame_are_not_called_independent() {
    let mut window = Window::new(PLAIN, Numbers::default());
    window.handle_segment(2_000, 1, true);
    window.handle_segment(2_000, 1, false);
    assert!(!window.playlist(false, &uri, Vec::new()).independent_segments);
    segments(&mut window, 4);
    assert!(window.playlist(false, &uri, Vec::new()).independent_segments);
}

#[test]
fn bandwidth_is_that_of_the_largest_segment_and_of_all() {
    let mut window = Window::new(PLAIN, Numbers::default());
    assert_eq!(window.bandwidth(), None);
    segments(&mut window, 1);
    window.handle_segment(2_000, 500_000, true);
    window.handle_segment(0, 500, true);
    assert_eq!(window.bandwidth(), Some(Bandwidth { peak: 2_000_000, average: 1_501_000 * 2 / 2 }));
}
