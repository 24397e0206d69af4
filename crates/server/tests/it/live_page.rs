//! What the page of a live stream is told of the past of its show: the small pictures of its seek bar, and the way to the beginning.

use serde_json::Value;
use testkit::http::{self, Answer};
use weir::store::{Filter, Page, Recording};

use crate::api::json;
use crate::ffmpeg;
use crate::harness::{Folder, Weir};

fn get(weir: &Weir, target: &str) -> Answer {
    http::get(weir.http, target, "").expect("an answer")
}

fn live(weir: &Weir) -> Value {
    json(&get(weir, "/api/v1/live/live/room1"))
}

fn recording(weir: &Weir) -> Option<Recording> {
    let store = weir.app().records.store().expect("a data folder");
    let page = Page { before: None, limit: 1 };
    weir.block_on(store.index.list(&Filter::default(), &page)).expect("a list").pop()
}

/// When each picture of a list begins, in seconds, and where it is.
fn pictures(list: &str) -> Vec<(f64, String)> {
    let seconds = |stamp: &str| {
        stamp.split(':').fold(0.0, |sum, part| sum * 60.0 + part.parse::<f64>().expect("a number"))
    };
    let lines: Vec<&str> = list.lines().collect();
    lines
        .windows(2)
        .filter_map(|pair| Some((seconds(pair[0].split_once(" --> ")?.0), pair[1].to_owned())))
        .collect()
}

#[test]
fn the_bar_of_a_show_that_is_recorded_has_its_pictures_by_the_clock() {
    let data = Folder::new("live-page");
    let weir = Weir::start_file_in(data.path(), "[[record]]\n", &[]);
    let _push = ffmpeg::push(&weir.rtmp_url("live/room1"), 60);
    let media = |ms: u64| recording(&weir).is_some_and(|recording| recording.duration_ms > ms);
    weir.wait_for("four seconds of recording", || media(4_200));
    let id = recording(&weir).expect("a recording").id;
    // Nothing is recorded for a second; on the recording's time line that is no time at all.
    weir.app().records.set_paused(&id, true).expect("paused");
    weir.block_on(weir.app().records.settled(&id));
    let before = recording(&weir).expect("a recording").duration_ms;
    std::thread::sleep(std::time::Duration::from_secs(1));
    weir.app().records.set_paused(&id, false).expect("going on");
    weir.wait_for("another part", || media(before + 4_200));

    let live = live(&weir);
    assert_eq!(live["urls"]["from_start"], "/live/room1.m3u8?from=start");
    let beside = &live["recording"];
    assert_eq!(beside["id"].as_str(), Some(id.as_str()), "{live}");
    assert_eq!(beside["started_ms"].as_i64(), recording(&weir).map(|recording| recording.started_ms));
    let (age, thumbnails) = (beside["age_ms"].as_u64(), beside["thumbnails"].as_str().expect("a list"));
    assert!((10_000..60_000).contains(&age.expect("an age")), "{age:?}");
    let by_clock = get(&weir, thumbnails);
    assert_eq!((by_clock.status, by_clock.header("cache-control")), (200, Some("no-store")));
    let by_clock = pictures(&by_clock.text());
    let by_media = pictures(&get(&weir, thumbnails.split("&clock").next().expect("a path")).text());
    assert_eq!((by_clock[1].0, by_media[1].0), (2.0, 2.0), "{by_clock:?}");
    let first_later =
        by_media.iter().find(|(_, place)| place.contains("/sheet-2-0.")).expect("the second part").0;
    let place = by_media.iter().position(|(start, _)| *start == first_later).expect("there");
    let hole = by_clock[place].0 - first_later;
    assert!((0.9..8.0).contains(&hole), "{hole} {by_clock:?}");

    let (sheet, _) = by_clock[0].1.split_once('#').expect("a piece");
    let jpeg = get(&weir, &format!("/replay/{sheet}"));
    assert_eq!((jpeg.status, jpeg.header("content-type")), (200, Some("image/jpeg")), "{sheet}");
    // After the pictures have moved apart, those of the list before are not taken for others.
    assert!(sheet.contains("&grid=2000x10&"), "{sheet}");
    assert_eq!(get(&weir, &format!("/replay/{}", sheet.replace("2000x10", "4000x10"))).status, 404);
    assert_eq!(json(&get(&weir, &format!("/api/v1/replays/{id}")))["recording"], true);

    weir.block_on(weir.app().records.set_hidden(&id, true)).expect("hidden");
    let hidden = self::live(&weir);
    assert!(hidden["recording"].is_null() && hidden["urls"]["from_start"].is_null(), "{hidden}");
}

#[test]
fn without_a_recording_the_beginning_is_there_while_it_is_in_memory() {
    let weir = Weir::with(&[("hls.segment_ms", "1000"), ("hls.window_seconds", "6")]);
    let _push = ffmpeg::push(&weir.rtmp_url("live/room1"), 60);
    weir.wait_on_air("live/room1");
    assert!(live(&weir)["urls"]["from_start"].is_null());
    assert_eq!(get(&weir, "/live/room1.m3u8").status, 200);
    weir.wait_for("the beginning", || live(&weir)["urls"]["from_start"].is_string());
    assert!(live(&weir)["recording"].is_null());
    weir.wait_for("the beginning to leave the window", || {
        let live = live(&weir);
        live["on_air"] == true && live["urls"]["from_start"].is_null()
    });
}
