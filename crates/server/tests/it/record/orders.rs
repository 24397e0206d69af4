//! What an operator does: start, pause, stop, delete, make the index again.

use serde_json::{Value, json};
use weir::store;

use super::{
    EVERYTHING, api, begin, files, id, index, list, one, order, pictures, publisher, send, wait_over,
    wait_recorded, wish,
};
use crate::api::{Api, assert_error, json};
use crate::harness::Weir;

#[test]
fn a_stream_is_recorded_when_somebody_asks_and_until_somebody_stops_it() {
    let api = api("", &[]);
    assert_error(&api.write("POST", "recordings", wish("show")), 404, "not_on_air");
    let mut publisher = publisher(&api.weir, "live/show");
    send(&mut publisher, 0, 1);
    api.weir.wait_on_air("live/show");
    let answer = api.write("POST", "recordings", wish("show"));
    assert_eq!(answer.status, 201, "{}", answer.text());
    let begun = json(&answer);
    assert_eq!((begun["state"].as_str(), begun["stream"].as_str()), (Some("recording"), Some("show")));
    assert_error(&api.write("POST", "recordings", wish("show")), 409, "exists");
    send(&mut publisher, 1, 3);
    let id = wait_recorded(&api, 2_000);
    assert_eq!(id, super::id(&begun));
    assert_error(&api.write("DELETE", &format!("recordings/{id}"), Value::Null), 409, "in_progress");
    let stopped = order(&api, &id, "stop");
    assert_eq!((stopped["state"].as_str(), stopped["reason"].as_str()), (Some("finished"), Some("stopped")));
    assert_error(&api.write("POST", &format!("recordings/{id}/pause"), Value::Null), 409, "over");
    let fmp4 = files(&api, &id, "fmp4");
    assert_eq!(pictures(&fmp4), 75, "the group that was on air is in it, too");
    let gone = api.write("DELETE", &format!("recordings/{id}"), Value::Null);
    assert_eq!((gone.status, fmp4[0].exists(), list(&api).len()), (204, false, 0));
    assert_error(&api.write("DELETE", &format!("recordings/{id}"), Value::Null), 404, "no_recording");
    let left = std::fs::read_dir(super::recordings(&api.weir)).expect("a folder").filter_map(Result::ok);
    assert_eq!(left.filter(|entry| entry.path().is_dir()).count(), 0, "no empty folder is left");
}

#[test]
fn a_pause_leaves_out_what_comes_meanwhile_and_begins_again_at_a_key_frame() {
    let api = api(EVERYTHING, &[]);
    let mut publisher = publisher(&api.weir, "live/show");
    begin(&api, &mut publisher, "live/show");
    send(&mut publisher, 1, 2);
    let id = wait_recorded(&api, 1_000);
    assert_eq!(order(&api, &id, "pause")["state"], "paused");
    send(&mut publisher, 2, 5);
    api.weir.wait_for("the pause to pass", || {
        let stream = api.weir.app().hub.find(&hub::Name::new("live/show"));
        stream.is_some_and(|stream| stream.summary().frames_in >= 5 * 75)
    });
    assert_eq!(order(&api, &id, "resume")["state"], "recording");
    send(&mut publisher, 5, 7);
    wait_recorded(&api, 3_000);
    order(&api, &id, "stop");
    let fmp4 = files(&api, &id, "fmp4");
    assert_eq!((fmp4.len(), pictures(&fmp4)), (2, 100));
    assert!(fmp4.iter().all(|path| index(path).fragments[0].runs.iter().all(|run| run.key)));
}

#[test]
fn recordings_over_their_time_are_deleted_and_no_others() {
    let api = api("[[record]]\nstream = \"short\"\nretention_days = 2\n[[record]]\nstream = \"long\"\n", &[]);
    for stream in ["live/short", "live/long"] {
        let mut publisher = publisher(&api.weir, stream);
        begin(&api, &mut publisher, stream);
        send(&mut publisher, 1, 2);
        order(&api, &wait_recorded(&api, 1_000), "stop");
    }
    let prune = || json(&api.write("POST", "recordings/prune", Value::Null))["deleted"].clone();
    const DAY_MS: i64 = 86_400_000;
    let now = api.weir.clock.unix_ms();
    api.weir.clock.set_unix_ms(now + 2 * DAY_MS - 60_000);
    assert_eq!(prune(), 0);
    api.weir.clock.set_unix_ms(now + 2 * DAY_MS + 60_000);
    assert_eq!(prune(), 1);
    let left = list(&api);
    assert_eq!((left.len(), left[0]["stream"].as_str()), (1, Some("long")));
    assert!(files(&api, &id(&left[0]), "fmp4")[0].exists());
}

/// Everything that the index says.
fn contents(api: &Api) -> Vec<(Value, Vec<store::Key>)> {
    let index = &api.weir.app().records.store().expect("an index").index;
    let with_keys = |found: Value| {
        let keys = (1..=3).flat_map(|part| api.weir.block_on(index.keys(&id(&found), part)).expect("keys"));
        let keys = keys.collect();
        (one(api, &id(&found)), keys)
    };
    list(api).into_iter().map(with_keys).collect()
}

#[test]
fn the_index_that_is_made_again_from_the_files_is_the_same() {
    let file = "[[record]]\nformats = [\"fmp4\", \"flv\", \"mp4\", \"hls\", \"aac\"]\nretention_days = 9\n";
    let mut api = api(file, &[]);
    for stream in ["live/one", "a/b/two"] {
        let mut publisher = publisher(&api.weir, stream);
        begin(&api, &mut publisher, stream);
        send(&mut publisher, 1, 3);
        let id = wait_recorded(&api, 2_000);
        order(&api, &id, "pause");
        order(&api, &id, "resume");
        send(&mut publisher, 3, 5);
        wait_recorded(&api, 4_000);
        order(&api, &id, "stop");
        let hidden = api.weir.block_on(api.weir.app().records.set_hidden(&id, true)).expect("an index");
        assert!(hidden);
    }
    wait_over(&api, 2);
    let before = contents(&api);
    assert!(before.iter().all(|(_, keys)| keys.len() >= 5), "{before:?}");
    let again = |api: &Api| {
        assert_eq!(api.write("POST", "recordings/reindex", Value::Null).status, 202);
        api.weir.wait_for("the index", || api.get("storage")["reindex"]["running"] == false);
        api.get("storage")["reindex"].clone()
    };
    // Something that nobody knows, and something that is not there any more.
    let stray = super::recordings(&api.weir).join("x/y/z/w");
    std::fs::create_dir_all(&stray).expect("a folder");
    std::fs::write(stray.join("recording.toml"), "no").expect("a file");
    let expected =
        json!({"running": false, "done": 3, "total": 3, "recordings": 2, "unreadable": 1, "forgotten": 0});
    assert_eq!(again(&api), expected);
    assert_eq!(contents(&api), before);
    // Without a database the next start makes it.
    let Api { weir, data, read, write } = api;
    weir.stop();
    for name in ["weir.db", "weir.db-wal", "weir.db-shm"] {
        let _ = std::fs::remove_file(data.file(name));
    }
    api = Api { weir: Weir::start_in(data.path(), &[]), data, read, write };
    api.weir.wait_for("both recordings", || list(&api).len() == 2);
    assert_eq!(contents(&api), before);
    std::fs::remove_dir_all(super::recordings(&api.weir).join("live")).expect("a folder of recordings");
    assert_eq!(again(&api)["forgotten"], 1);
    assert_eq!(list(&api).len(), 1);
}

#[test]
fn the_end_of_the_server_closes_recordings() {
    let api = api("[[record]]\nformats = [\"mp4\"]\n", &[]);
    let mut publisher = publisher(&api.weir, "live/show");
    begin(&api, &mut publisher, "live/show");
    send(&mut publisher, 1, 3);
    let id = wait_recorded(&api, 2_000);
    let Api { weir, data, read, write } = api;
    weir.stop();
    let api = Api { weir: Weir::start_in(data.path(), &[]), data, read, write };
    // What takes long was left to this start.
    api.weir.wait_for("the plain file", || files(&api, &id, "mp4").len() == 1);
    let found = &one(&api, &id)["recording"];
    assert_eq!((found["state"].as_str(), found["reason"].as_str()), (Some("finished"), Some("server_stop")));
    assert_eq!(pictures(&files(&api, &id, "fmp4")), 75);
}
