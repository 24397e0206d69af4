//! What the page of a replay is given: its figures, its poster, and the small pictures of its seek bar.

use serde_json::Value;
use testkit::http::{self, Answer};
use weir::store::{Filter, Page, Recording, State};

use crate::api::json;
use crate::ffmpeg;
use crate::harness::{Folder, Weir};

fn get(weir: &Weir, target: &str) -> Answer {
    http::get(weir.http, target, "").expect("an answer")
}

fn newest(weir: &Weir) -> Option<Recording> {
    let store = weir.app().records.store().expect("a data folder");
    let page = Page { before: None, limit: 1 };
    weir.block_on(store.index.list(&Filter::default(), &page)).expect("a list").pop()
}

/// A server that has recorded six seconds.
fn recorded(data: &Folder) -> (Weir, String) {
    let weir = Weir::start_file_in(data.path(), "[[record]]\ngap_seconds = 0\n", &[]);
    assert_eq!(ffmpeg::push(&weir.rtmp_url("live/room1"), 6).wait().code, Some(0));
    weir.wait_for("a finished recording", || {
        newest(&weir).is_some_and(|recording| recording.state == State::Finished)
    });
    let id = newest(&weir).expect("a recording").id;
    (weir, id)
}

/// The path of one of the addresses.
fn address(replay: &Value, name: &str) -> String {
    replay["urls"][name].as_str().expect("an address").to_owned()
}

/// Width and height of a JPEG.
fn size(jpeg: &[u8]) -> (u16, u16) {
    let frame = jpeg.windows(2).position(|marker| marker == [0xff, 0xc0]).expect("a baseline JPEG");
    let side = |at: usize| u16::from_be_bytes([jpeg[frame + at], jpeg[frame + at + 1]]);
    (side(7), side(5))
}

#[test]
fn the_page_of_a_replay_is_told_all_that_it_shows() {
    let data = Folder::new("replay-page");
    let (weir, id) = recorded(&data);
    let replay = json(&get(&weir, &format!("/api/v1/replays/{id}")));
    assert_eq!((replay["app"].as_str(), replay["stream"].as_str()), (Some("live"), Some("room1")));
    assert_eq!(replay["recording"], false);
    assert!(replay["duration_ms"].as_u64() > Some(5_500), "{replay}");
    assert_eq!(replay["video"]["codec"], "H.264");
    let (width, height) = (replay["video"]["width"].as_u64(), replay["video"]["height"].as_u64());
    assert!(width.is_some() && height.is_some() && replay["audio"]["codec"] == "AAC", "{replay}");
    for (name, media_type) in [
        ("hls", "application/vnd.apple.mpegurl"),
        ("mp4", "video/mp4"),
        ("flv", "video/x-flv"),
        ("poster", "image/jpeg"),
    ] {
        let answer = get(&weir, &address(&replay, name));
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(media_type)), "{name}");
    }
    let poster = get(&weir, &address(&replay, "poster")).body;
    assert_eq!(
        (u64::from(size(&poster).0), u64::from(size(&poster).1)),
        (width.unwrap_or(0), height.unwrap_or(0))
    );

    let page = get(&weir, &format!("/replay/{id}"));
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let absent = get(&weir, "/api/v1/replays/0123456789abcdef01234567");
    assert_eq!((absent.status, json(&absent)["error"]["code"].as_str()), (404, Some("no_recording")));
    let store = weir.app().records.store().expect("a store");
    weir.block_on(store.index.set_hidden(&id, true)).expect("hidden");
    let hidden = get(&weir, &format!("/api/v1/replays/{id}"));
    assert_eq!((hidden.status, json(&hidden)["error"]["code"].as_str()), (404, Some("replay_hidden")));
    assert_eq!(get(&weir, &address(&replay, "poster")).status, 404);
}

#[test]
fn the_seek_bar_has_a_picture_for_every_two_seconds() {
    let data = Folder::new("replay-page");
    let (weir, id) = recorded(&data);
    let replay = json(&get(&weir, &format!("/api/v1/replays/{id}")));
    let list = get(&weir, &address(&replay, "thumbnails"));
    assert_eq!(list.header("content-type"), Some("text/vtt; charset=utf-8"));
    let text = list.text();
    let cues: Vec<&str> = text.lines().filter(|line| line.contains("-->")).collect();
    assert!(
        text.starts_with("WEBVTT\n\n")
            && cues.len() == 3
            && cues[1].starts_with("00:00:02.000 --> 00:00:04.000"),
        "{text}"
    );
    let places: Vec<&str> = text.lines().filter(|line| line.contains("#xywh=")).collect();
    let (sheet, piece) = places[2].split_once("#xywh=").expect("a piece");
    let numbers: Vec<u16> = piece.split(',').map(|number| number.parse().expect("a number")).collect();
    let jpeg = get(&weir, &format!("/replay/{sheet}"));
    assert_eq!((jpeg.status, jpeg.header("content-type")), (200, Some("image/jpeg")));
    // Three tiles side by side, of which this is the last.
    assert_eq!((numbers[0], numbers[1], numbers[2]), (320, 0, 160));
    assert_eq!(size(&jpeg.body), (480, numbers[3]));

    // Without the token it is as signed as the replay: here everybody may have it. What is not there is not made.
    let other = sheet.replace("sheet-1-0", "sheet-1-9");
    assert_eq!(get(&weir, &format!("/replay/{other}")).status, 404);
}
