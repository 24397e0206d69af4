//! Recordings in an object store: moto's S3, behind a proxy that refuses, stalls, fails and lies.

mod crash;
mod proxy;
mod store;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::clip::Clip;
use testkit::publisher::Publisher;

use crate::api::Api;
use crate::ffmpeg;
use crate::harness::{Weir, wait_for};
use crate::receiver::Receiver;
use crate::webhooks::webhook;
use proxy::{Act, Proxy};
use store::Bucket;

/// Everything is recorded, and over as soon as its publisher is gone.
const FILE: &str = "[[record]]\nformats = [\"fmp4\", \"flv\"]\ngap_seconds = 0\n";

const SECRET: &str = "hunter2-hunter2";

/// The keys of a server whose recordings go to a bucket.
fn keys(endpoint: &str) -> Vec<(String, String)> {
    [
        ("hub.grace_seconds", "0"),
        ("recordings.min_free_mb", "1"),
        ("recordings.resume_free_mb", "2"),
        ("storage.bucket", store::BUCKET),
        ("storage.prefix", "weir/live"),
        ("storage.access_key_id", "weir"),
        ("storage.secret_access_key", SECRET),
        ("storage.part_mb", "5"),
        ("storage.endpoint", endpoint),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

fn api(endpoint: &str, more: &[(&str, &str)]) -> Api {
    api_with(FILE, endpoint, more)
}

fn api_with(file: &str, endpoint: &str, more: &[(&str, &str)]) -> Api {
    let keys = keys(endpoint);
    let set: Vec<_> = keys.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    Api::with_file(file, &[&set, more].concat())
}

/// Pushes two seconds of a stream, some MB of them, and goes when they are recorded.
fn push(url: &str, mb: usize, recorded: impl Fn() -> Option<Value>) {
    let mut publisher = Publisher::connect(url).expect("a publisher");
    publisher.send_headers(30).expect("headers");
    let size = mb * 1_000_000 / 50;
    let clip = Clip { key_bytes: size, inter_bytes: size, ..Clip::default() };
    publisher.send_all(&clip.shots(0, 2_000)).expect("sent");
    wait_for("a second on the disk", || {
        recorded().is_some_and(|list| list["recordings"][0]["duration_ms"].as_u64() >= Some(900))
    });
    publisher.finish().expect("a goodbye");
}

/// The files of the only recording.
fn parts(api: &Api) -> Vec<Value> {
    let list = api.get("recordings");
    let Some(id) = list["recordings"][0]["id"].as_str() else { return Vec::new() };
    api.get(&format!("recordings/{id}"))["parts"].as_array().cloned().unwrap_or_default()
}

/// Waits until both files of the recording are where they should be.
fn wait_state(api: &Api, state: &str) {
    api.weir.wait_for(&format!("two files that are {state}"), || {
        let parts = parts(api);
        parts.len() == 2 && parts.iter().all(|part| part["state"] == state)
    });
}

fn path(api: &Api, part: &Value) -> PathBuf {
    api.data.file("recordings").join(part["path"].as_str().expect("a path"))
}

fn key(part: &Value) -> String {
    format!("weir/live/{}", part["path"].as_str().expect("a path"))
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

#[test]
fn a_recording_is_stored_as_it_is_and_then_goes_from_the_disk_and_when_deleted_from_the_store() {
    let bucket = Bucket::new();
    let receiver = Receiver::start();
    let file = format!("{FILE}\n{}", webhook("backend", &receiver, "events = [\"upload.done\"]"));
    let one = api_with(&file, &bucket.endpoint(), &[]);
    push(&one.weir.rtmp_url("live/show"), 12, || Some(one.get("recordings")));
    wait_state(&one, "uploaded");
    let files = parts(&one);
    let contents: Vec<Vec<u8>> =
        files.iter().map(|part| std::fs::read(path(&one, part)).expect("a file")).collect();
    assert!(contents.iter().all(|content| content.len() > 11_000_000));
    for (part, content) in files.iter().zip(&contents) {
        assert_eq!(text(&part["object"]), key(part));
        assert!(bucket.get(&key(part)).as_ref() == Some(content), "{part}");
    }
    let told = receiver.wait(2);
    let told: std::collections::BTreeSet<String> =
        told.iter().map(|heard| text(&heard.json()["data"]["object"]).to_owned()).collect();
    assert_eq!(told, files.iter().map(key).collect());
    let note = key(&files[0]).rsplit_once('/').expect("a folder").0.to_owned() + "/recording.toml";
    one.weir.wait_for("the note beside it", || bucket.get(&note).is_some());
    assert!(!format!("{:?}", one.weir.app()).contains("hunter2"));
    let metrics = weir::metrics::text(one.weir.app());
    assert!(
        metrics.contains("weir_storage_files_total 2") && metrics.contains("weir_storage_failing_seconds 0")
    );

    // Somebody empties half of the bucket; the disk is to keep nothing from now on.
    bucket.delete(&key(&files[0]));
    let Api { weir, data, read, write } = one;
    weir.stop();
    let keys = keys(&bucket.endpoint());
    let mut set: Vec<_> = keys.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    set.push(("storage.keep_local_mb", "0"));
    let weir = Weir::start_file_in(data.path(), FILE, &set);
    let two = Api { weir, data, read, write };
    wait_state(&two, "remote");
    let (records, storage) = (&two.weir.app().records, &two.weir.app().storage);
    let id = text(&two.get("recordings")["recordings"][0]["id"]).to_owned();
    let indexed = two.weir.block_on(records.store().expect("an index").index.parts(&id)).expect("parts");
    for ((part, content), about) in files.iter().zip(&contents).zip(&indexed) {
        assert!(!path(&two, part).exists());
        let root = records.root().expect("a folder");
        let read = || {
            let file = storage.open(root, about).expect("an object");
            let mut read = vec![0; content.len() - 5];
            let (head, tail) = read.split_at_mut(300_000);
            file.read_exact_at(head, 5).expect("bytes");
            file.read_exact_at(tail, 300_005).expect("bytes");
            assert!(file.read_exact_at(&mut [0; 2], content.len() as u64 - 1).is_err());
            read
        };
        let read = two.weir.block_on(async { tokio::task::block_in_place(read) });
        assert!(read == content[5..], "{part}");
    }
    // Viewers notice nothing.
    let replay = |path: &str| {
        let answer =
            testkit::http::get(two.weir.http, &format!("/replay/{id}{path}"), "").expect("an answer");
        assert_eq!(answer.status, 200, "{path}: {}", answer.head);
        answer.body
    };
    for (part, content) in files.iter().zip(&contents) {
        match text(&part["format"]) {
            "flv" => assert!(replay(".flv") == *content),
            _ => assert!(replay("/1.mp4") == *content),
        }
    }
    assert!(replay(".mp4").len() > 11_000_000 && !replay(".m3u8").is_empty());
    assert_eq!(two.write("DELETE", &format!("recordings/{id}"), Value::Null).status, 204);
    two.weir.wait_for("an empty bucket", || bucket.keys().is_empty());
}

#[test]
fn a_store_that_refuses_stalls_and_fails_holds_up_nobody_and_has_everything_in_the_end() {
    let bucket = Bucket::new();
    let proxy = Proxy::before(bucket.addr);
    let acts = [
        (Act::Hang, "unreachable"),
        (Act::Answer(500, "<Error><Code>InternalError</Code></Error>"), "store_error"),
        (Act::Answer(403, "<Error><Code>AccessDenied</Code></Error>"), "refused"),
        (Act::Close, "unreachable"),
    ];
    proxy.set(move |_| Act::Hang);
    let api = api(&proxy.endpoint(), &[("storage.timeout_seconds", "1")]);
    push(&api.weir.rtmp_url("live/show"), 1, || Some(api.get("recordings")));
    let failures = |code| api.weir.app().storage.figures().failures().get(code).copied().unwrap_or_default();
    for (act, code) in acts {
        let before = failures(code);
        proxy.set(move |_| act);
        api.weir.wait_for(code, || failures(code) > before);
        assert_eq!(api.get("storage")["objects"]["alert"]["code"], code);
    }
    assert_eq!(api.get("recordings")["recordings"][0]["state"], "finished");
    assert!(parts(&api).iter().all(|part| part["state"] == "local" && path(&api, part).exists()));
    proxy.set(|_| Act::Pass);
    wait_state(&api, "uploaded");
    for part in parts(&api) {
        assert!(bucket.get(&key(&part)) == std::fs::read(path(&api, &part)).ok(), "{part}");
    }
    api.weir.wait_for("the end of the alert", || api.get("storage")["objects"]["alert"].is_null());
}

#[test]
fn what_the_store_only_says_it_has_stays_here() {
    let bucket = Bucket::new();
    let proxy = Proxy::before(bucket.addr);
    const DONE: &str = "<CompleteMultipartUploadResult><ETag>\"x-2\"</ETag></CompleteMultipartUploadResult>";
    // The end of an upload in pieces, and whole objects, are taken and forgotten.
    proxy.set(|request| match (request.method.as_str(), request.target.contains("uploadId=")) {
        ("POST", true) => Act::Answer(200, DONE),
        ("PUT", false) => Act::Answer(200, ""),
        _ => Act::Pass,
    });
    let api = api(&proxy.endpoint(), &[("storage.keep_local_mb", "0")]);
    push(&api.weir.rtmp_url("live/large"), 7, || Some(api.get("recordings")));
    let failures = || api.weir.app().storage.figures().failures();
    api.weir.wait_for("attempts", || failures().get("unconfirmed") >= Some(&2));
    let before = parts(&api);
    assert!(before.iter().all(|part| part["state"] == "local" && part["object"].is_null()), "{before:?}");
    assert!(before.iter().all(|part| path(&api, part).exists()));
    let contents: Vec<_> =
        before.iter().map(|part| std::fs::read(path(&api, part)).expect("a file")).collect();
    proxy.set(|_| Act::Pass);
    wait_state(&api, "remote");
    for (part, content) in before.iter().zip(contents) {
        assert!(!path(&api, part).exists() && bucket.get(&key(part)) == Some(content), "{part}");
    }
}

#[test]
fn uploads_together_are_no_faster_than_their_bound() {
    let bucket = Bucket::new();
    // Five MB a second for two files of six and a half.
    let api = api(&bucket.endpoint(), &[("storage.max_mbit", "40")]);
    push(&api.weir.rtmp_url("live/show"), 6, || Some(api.get("recordings")));
    // Parts are stored when they are complete, so nothing was before this.
    let began = Instant::now();
    wait_state(&api, "uploaded");
    let bytes: u64 = parts(&api).iter().filter_map(|part| part["bytes"].as_u64()).sum();
    let least = Duration::from_secs_f64(bytes as f64 * 8.0 / 40e6);
    assert!(bytes > 11_000_000 && began.elapsed() > least.mul_f64(0.95), "{bytes} in {:?}", began.elapsed());
}

#[test]
fn the_poster_of_a_replay_is_made_of_what_is_only_in_the_store() {
    let bucket = Bucket::new();
    let api = api(&bucket.endpoint(), &[("storage.keep_local_mb", "0")]);
    assert_eq!(ffmpeg::push(&api.weir.rtmp_url("live/show"), 3).wait().code, Some(0));
    wait_state(&api, "remote");
    assert!(parts(&api).iter().all(|part| !path(&api, part).exists()));
    let list = api.get("recordings");
    let id = text(&list["recordings"][0]["id"]);
    let about = testkit::http::get(api.weir.http, &format!("/api/v1/replays/{id}"), "").expect("an answer");
    let about = crate::api::json(&about);
    let poster = testkit::http::get(api.weir.http, text(&about["urls"]["poster"]), "").expect("an answer");
    assert_eq!((poster.status, poster.header("content-type")), (200, Some("image/jpeg")), "{}", poster.head);
    assert!(poster.body.starts_with(&[0xff, 0xd8]) && poster.body.ends_with(&[0xff, 0xd9]));
}
