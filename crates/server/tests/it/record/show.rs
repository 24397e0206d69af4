//! One show is one recording, and its parts follow one another.

use serde_json::json;
use testkit::clip::{Clip, aac_config, avc_config};
use testkit::publisher::Publisher;

use super::{
    EVERYTHING, api, begin, files, id, index, list, one, pictures, publisher, send, wait_over, wait_recorded,
};

/// Whether somebody besides the server's own threads holds the stream: the recorder's feed.
fn recorder_reads(api: &crate::api::Api) -> bool {
    let found = api.weir.app().hub.find(&hub::Name::new("live/show"));
    found.is_some_and(|stream| stream.readers() > 0)
}

#[test]
fn a_publisher_that_comes_and_goes_leaves_one_recording_with_all_that_it_sent() {
    let api = api("[[record]]\ngap_seconds = 5\nstream = \"show\"\n", &[("hub.grace_seconds", "0")]);
    let in_folder = || {
        let links = std::fs::read_dir("/proc/self/fd").expect("proc").filter_map(Result::ok);
        let paths = links.filter_map(|link| std::fs::read_link(link.path()).ok());
        paths
            .filter(|path| path.starts_with(super::recordings(&api.weir)) && !path.ends_with(".lock"))
            .count()
    };
    let before = api.weir.tasks();
    let flaps = 6;
    for flap in 1..=flaps {
        let mut publisher = publisher(&api.weir, "live/show");
        if flap == 1 {
            begin(&api, &mut publisher, "live/show");
        } else {
            send(&mut publisher, 0, 1);
            api.weir.wait_for("the recorder", || recorder_reads(&api));
        }
        send(&mut publisher, 1, 2);
        api.weir.wait_for("the first second on the disk", || {
            list(&api)
                .first()
                .is_some_and(|found| found["duration_ms"].as_u64() >= Some((flap - 1) * 2_000 + 900))
        });
        publisher.finish().expect("a goodbye");
        api.weir.wait_for("the end of the stream", || api.weir.app().hub.on_air().is_empty());
    }
    let over = wait_over(&api, 1).remove(0);
    assert_eq!(over["reason"], "ended");
    let fmp4 = files(&api, &id(&over), "fmp4");
    assert_eq!((fmp4.len(), pictures(&fmp4)), (flaps as usize, flaps as usize * 50));
    let parts = one(&api, &id(&over))["parts"].as_array().expect("parts").clone();
    let mut start = 0;
    for part in &parts {
        assert_eq!(
            (part["start_ms"].as_u64(), part["state"].as_str()),
            (Some(start), Some("local")),
            "{parts:?}"
        );
        start += part["duration_ms"].as_u64().expect("a number");
    }
    assert_eq!(over["duration_ms"].as_u64(), Some(start));
    assert_eq!(in_folder(), 0);
    api.weir.wait_for("the end of all tasks", || api.weir.tasks() <= before);
}

#[test]
fn a_takeover_goes_on_in_the_same_recording_as_another_part() {
    let api = api(EVERYTHING, &[]);
    let mut first = publisher(&api.weir, "live/show");
    begin(&api, &mut first, "live/show");
    send(&mut first, 1, 2);
    wait_recorded(&api, 1_000);
    let mut second = publisher(&api.weir, "live/show");
    send(&mut second, 7, 9);
    let id = wait_recorded(&api, 3_000);
    super::order(&api, &id, "stop");
    let fmp4 = files(&api, &id, "fmp4");
    assert_eq!((fmp4.len(), pictures(&fmp4)), (2, 100));
    assert!(fmp4.iter().all(|path| index(path).fragments[0].runs.iter().any(|run| run.base_time == 0)));
    assert_eq!(list(&api).len(), 1);
}

#[test]
fn a_new_configuration_of_the_encoder_begins_a_part() {
    let api = api(EVERYTHING, &[]);
    let mut publisher = publisher(&api.weir, "live/show");
    begin(&api, &mut publisher, "live/show");
    send(&mut publisher, 1, 2);
    publisher.send(media::frame::Kind::Video, 2_000, &avc_config(41)).expect("a configuration");
    publisher.send(media::frame::Kind::Audio, 2_000, &aac_config()).expect("a configuration");
    send(&mut publisher, 2, 4);
    let id = wait_recorded(&api, 3_000);
    super::order(&api, &id, "stop");
    let fmp4 = files(&api, &id, "fmp4");
    assert_eq!((fmp4.len(), pictures(&fmp4)), (2, 100));
}

#[test]
fn the_nearest_rule_says_how_a_stream_is_recorded_and_none_records_the_rest() {
    let file = "[[record]]\napp = \"live\"\nformats = [\"flv\"]\n\
        [[record]]\napp = \"live\"\nstream = \"quiet\"\nenabled = false\n\
        [[record]]\napp = \"live\"\nstream = \"parts\"\nmax_size_mb = 1\n";
    let api = api(file, &[]);
    let streams = ["live/plain", "live/quiet", "other/plain"];
    let mut publishers: Vec<Publisher> = streams.iter().map(|stream| publisher(&api.weir, stream)).collect();
    publishers.iter_mut().for_each(|publisher| send(publisher, 0, 2));
    let mut parts = publisher(&api.weir, "live/parts");
    // Half a megabyte a second.
    let large = Clip { key_bytes: 100_000, inter_bytes: 17_000, ..Clip::default() };
    parts.send_all(&large.shots(0, 1_000)).expect("sent");
    api.weir.wait_for("both recordings", || list(&api).len() == 2);
    // Not faster than a second at a time: a burst of many is more than a stream keeps for its readers.
    for second in 1..7 {
        parts.send_all(&large.shots(second * 1_000, (second + 1) * 1_000)).expect("sent");
        api.weir.wait_for("a second in a part", || {
            let of_parts = |found: &serde_json::Value| found["stream"] == "parts";
            let found = list(&api).into_iter().find(of_parts);
            found.is_some_and(|found| found["duration_ms"].as_u64() >= Some(u64::from(second) * 1_000))
        });
    }
    send(&mut publishers[0], 2, 4);
    api.weir.wait_for("two recordings", || {
        let found = list(&api);
        found.len() == 2 && found.iter().all(|found| found["duration_ms"].as_u64() >= Some(1_000))
    });
    for recording in list(&api) {
        let id = id(&recording);
        super::order(&api, &id, "stop");
        let counts = (files(&api, &id, "fmp4").len(), files(&api, &id, "flv").len());
        let expected = if recording["stream"] == "parts" { (4, 0) } else { (1, 1) };
        assert_eq!(counts, expected, "{}", json!(one(&api, &id)));
    }
}
