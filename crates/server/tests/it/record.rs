//! Recordings: what is on the disk is what was pushed, whatever happens to the server, the disk or the publisher.

mod cli;
mod crash;
mod disk;
mod flap;
mod formats;
mod orders;
mod show;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use testkit::clip::Clip;
use testkit::publisher::Publisher;

use crate::api::{Api, json};
use crate::harness::Weir;

/// Everything is recorded.
const EVERYTHING: &str = "[[record]]\n";

/// A server that records, with a key.
fn api(file: &str, set: &[(&str, &str)]) -> Api {
    let set: Vec<_> = [("recordings.min_free_mb", "1"), ("recordings.resume_free_mb", "2")]
        .iter()
        .chain(set)
        .copied()
        .collect();
    Api::with_file(file, &set)
}

/// All recordings, oldest first.
fn list(api: &Api) -> Vec<Value> {
    let mut found = api.get("recordings?limit=200")["recordings"].as_array().expect("a list").clone();
    found.reverse();
    found
}

/// A recording with its files.
fn one(api: &Api, id: &str) -> Value {
    api.get(&format!("recordings/{id}"))
}

/// Waits until there are so many recordings, none of which is in progress; gives them, oldest first.
fn wait_over(api: &Api, count: usize) -> Vec<Value> {
    let is_over = |recording: &Value| matches!(recording["state"].as_str(), Some("finished" | "failed"));
    api.weir.wait_for(&format!("{count} recordings that are over"), || {
        let found = list(api);
        found.len() == count && found.iter().all(is_over) && api.weir.app().records.open() == 0
    });
    list(api)
}

/// Waits until a stream is being recorded, and so many milliseconds of it are in the index; gives its id.
fn wait_recorded(api: &Api, ms: u64) -> String {
    let newest = || list(api).pop().filter(|found| found["state"] == "recording");
    api.weir.wait_for(&format!("{ms} ms of a recording"), || {
        newest().is_some_and(|found| found["duration_ms"].as_u64().unwrap_or_default() >= ms)
    });
    id(&newest().expect("a recording"))
}

fn id(recording: &Value) -> String {
    recording["id"].as_str().expect("an id").to_owned()
}

/// The files of a recording in one format, in order.
fn files(api: &Api, id: &str, format: &str) -> Vec<PathBuf> {
    let root = recordings(&api.weir);
    let parts = one(api, id)["parts"].as_array().expect("parts").clone();
    let of = parts.iter().filter(|part| part["format"] == format);
    of.map(|part| root.join(part["path"].as_str().expect("a path"))).collect()
}

fn recordings(weir: &Weir) -> PathBuf {
    weir.app().records.root().expect("a folder of recordings").to_owned()
}

/// A publisher that has sent its headers.
fn publisher(weir: &Weir, stream: &str) -> Publisher {
    publisher_at(&weir.rtmp_url(stream))
}

fn publisher_at(url: &str) -> Publisher {
    let mut publisher = Publisher::connect(url).expect("a publisher");
    publisher.send_headers(30).expect("headers");
    publisher
}

/// Sends the first second, and waits until the stream is being recorded.
fn begin(api: &Api, publisher: &mut Publisher, stream: &str) {
    send(publisher, 0, 1);
    let name = stream.rsplit('/').next();
    api.weir.wait_for("the beginning of a recording", || {
        list(api).iter().any(|found| found["stream"].as_str() == name && found["state"] == "recording")
    });
}

/// Sends so many seconds of a clip from a second on.
fn send(publisher: &mut Publisher, from: u32, to: u32) {
    publisher.send_all(&Clip::default().shots(from * 1_000, to * 1_000)).expect("sent");
}

/// What an order to a recording is answered.
fn order(api: &Api, id: &str, order: &str) -> Value {
    let answer = api.write("POST", &format!("recordings/{id}/{order}"), Value::Null);
    assert_eq!(answer.status, 200, "{order}: {}", answer.text());
    json(&answer)
}

/// What is in a file of fragments; every byte of it must be in one.
fn index(path: &Path) -> media::mp4::Index {
    let bytes = std::fs::read(path).expect("a file");
    let mut scanner = media::mp4::Scanner::new(media::mp4::Detail::Samples);
    scanner.handle_input(0, &bytes).expect("fragments");
    let index = scanner.finish(bytes.len() as u64);
    assert_eq!(index.end(), bytes.len() as u64, "{} ends with half a fragment", path.display());
    index
}

/// Pictures in some files.
fn pictures(paths: &[PathBuf]) -> usize {
    let in_one = |path: &PathBuf| {
        let index = index(path);
        let video =
            index.tracks.iter().find(|track| track.kind == media::frame::Kind::Video).expect("pictures").id;
        let runs = index.fragments.iter().filter_map(|fragment| fragment.run(video));
        runs.map(|run| run.samples.len()).sum::<usize>()
    };
    paths.iter().map(in_one).sum()
}

/// The wish to record a stream.
fn wish(stream: &str) -> Value {
    json!({"app": "live", "stream": stream})
}
