//! Playing a stream on air late: some seconds behind live, and stretches of what was.

use std::process::Command;

use testkit::http::{self, Answer};
use weir::store::{Filter, Page, Recording};
use weir::time::rfc3339;

use crate::ffmpeg::{self, Running};
use crate::harness::{Folder, Weir, wait_for};

/// Segments of a second.
const SHORT: (&str, &str) = ("hls.segment_ms", "1000");

fn get(weir: &Weir, target: &str) -> Answer {
    http::get(weir.http, target, "").expect("an answer")
}

fn refused(weir: &Weir, target: &str) -> (u16, String) {
    let answer = get(weir, target);
    let text: serde_json::Value = serde_json::from_str(&answer.text()).expect("JSON");
    (answer.status, text["error"]["code"].as_str().or(text["code"].as_str()).expect("a code").to_owned())
}

/// An address that a playlist at `base` names.
fn resolve(base: &str, uri: &str) -> String {
    let mut folders: Vec<&str> = base.split('?').next().expect("a path").split('/').collect();
    folders.pop();
    let mut rest = uri;
    while let Some(up) = rest.strip_prefix("../") {
        folders.pop();
        rest = up;
    }
    format!("{}/{rest}", folders.join("/"))
}

/// The address of the media playlist behind an address.
fn open(weir: &Weir, address: &str) -> String {
    let answer = get(weir, address);
    assert_eq!(answer.status, 200, "{address}: {}", answer.text());
    resolve(address, answer.text().lines().last().expect("an address"))
}

fn list(weir: &Weir, path: &str) -> String {
    let answer = get(weir, path);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.text()
}

/// The number of the newest segment in a list.
fn newest(list: &str) -> u64 {
    let mut files = list.lines().filter(|line| !line.starts_with('#'));
    let file = files.next_back().expect("a segment");
    file.split('.').next().and_then(|number| number.parse().ok()).expect("a number")
}

/// The hashes of the pictures at an address; ffmpeg must not complain, from this level on.
fn pictures(weir: &Weir, level: &str, address: &str, more: &[&str]) -> Vec<String> {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-hide_banner", "-v", level, "-i"]);
    command.arg(format!("http://{}{address}", weir.http)).args(more);
    command.args(["-map", "0:v", "-c", "copy", "-f", "framemd5", "-"]);
    let done = Running::new(command).wait();
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""), "{address}");
    ffmpeg::packets(&done.stdout).into_iter().map(|packet| packet.hash).collect()
}

#[test]
fn players_of_aliyun_are_told_how_far_back_they_can_go() {
    let keys = [SHORT, ("hls.mode", "always"), ("play.scheme", "aliyun"), ("play.validity_seconds", "600")];
    let weir = Weir::with(&keys);
    let _push = ffmpeg::push(&weir.rtmp_url("live/a"), 40);
    let signed = |app: &str, stream: &str, path: &str| {
        weir.app().admission.look(|authority| {
            let domain = authority.domain(control::Role::Play, "127.0.0.1").expect("a domain");
            let target = control::sign::SignTarget { app, stream, path };
            domain.sign(&target, weir.clock.unix_seconds() + 600, "0").expect("a signature")
        })
    };
    let path = "/openapi/timeline/query";
    // As the console signs it, over its own path; whoever may play the stream has a right to it, too.
    let own = signed("openapi/timeline", "query", path);
    let ask = |query: &str| {
        let answer = get(&weir, &format!("{path}?{query}&app=live&format=ts"));
        let told: serde_json::Value = serde_json::from_str(&answer.text()).expect("JSON");
        (answer.status, told)
    };
    wait_for("three seconds of the past", || {
        let (status, told) = ask(&format!("{own}&stream=a"));
        let timeline = &told["content"]["timelines"][0];
        let (start, end) = (timeline["start"].as_i64(), timeline["end"].as_i64());
        status == 200 && start.zip(end).is_some_and(|(start, end)| end - start >= 3)
    });
    let (status, told) = ask(&format!("{}&stream=a", signed("live", "a", "/live/a.m3u8")));
    assert_eq!((status, &told["retCode"]), (200, &serde_json::json!(0)), "{told}");
    let current = told["content"]["current"].as_i64().expect("a time");
    assert!((0..=2).contains(&(weir.clock.unix_seconds() - current)), "{told}");
    let (_, told) =
        ask(&format!("{own}&stream=a&lhs_start_unix_s_0={}&lhs_end_unix_s_0={}", current - 2, current - 1));
    assert_eq!(told["content"]["timelines"], serde_json::json!([{"start": current - 2, "end": current - 1}]));
    for (query, expected) in [
        (format!("{}&stream=a", own.replace("auth_key=1", "auth_key=2")), 403),
        (format!("{own}&stream=b"), 404),
        (format!("{own}&stream=.."), 403),
        (format!("{own}&stream=a&lhs_start_unix_s_0=x"), 400),
    ] {
        let (status, told) = ask(&query);
        assert_eq!((status, told["retCode"].as_u64()), (expected, Some(expected.into())), "{query}: {told}");
    }
}

#[test]
fn a_player_is_as_late_as_it_asks_and_gets_what_was_from_memory() {
    let weir = Weir::with(&[SHORT, ("hls.mode", "always")]);
    let _push = ffmpeg::push(&weir.rtmp_url("live/a"), 40);
    weir.wait_on_air("live/a");
    // Held until something is three seconds old.
    let late = open(&weir, "/live/a.m3u8?txTimeshift=on&tsDelay=3");
    let live = open(&weir, "/live/a.m3u8");
    let (then, now) = (list(&weir, &late), list(&weir, &live));
    assert!(newest(&then) + 2 <= newest(&now), "{then}{now}");
    for word in ["PART", "PRELOAD", "SERVER-CONTROL", "ENDLIST"] {
        assert!(!then.contains(word), "{then}");
    }
    for same in ["aliyunols=on&lhs_offset_unix_s_0=3", "delay=3"] {
        let path = open(&weir, &format!("/live/a.m3u8?{same}"));
        assert!(path.ends_with("&delay=3"), "{path}");
    }
    // ffmpeg warns of the initialization that it reads again with every reload.
    assert!(pictures(&weir, "error", "/live/a.m3u8?txTimeshift=on&tsDelay=3", &["-t", "1.9"]).len() >= 40);

    let end = weir.clock.unix_seconds();
    let stretch = |from: i64, to: i64| {
        format!("/live/a.m3u8?txTimeshift=on&tsStart={}&tsEnd={}&tsFormat=unix_s", end + from, end + to)
    };
    let over = list(&weir, &open(&weir, &stretch(-4, -2)));
    assert!(over.contains("TYPE:VOD") && over.ends_with("#EXT-X-ENDLIST\n"), "{over}");
    assert!(over.contains("#EXT-X-START:TIME-OFFSET=0.") && over.matches("#EXTINF").count() <= 4, "{over}");
    assert!(pictures(&weir, "warning", &stretch(-4, -2), &[]).len() >= 50);
    let growing = open(&weir, &stretch(-3, 3));
    assert!(!list(&weir, &growing).contains("ENDLIST"));
    wait_for("the end of the stretch", || list(&weir, &growing).ends_with("#EXT-X-ENDLIST\n"));

    assert_eq!(refused(&weir, &stretch(-9_000, -8_000)), (404, "nothing_kept".into()));
    assert_eq!(refused(&weir, &stretch(-30_000, 0)), (400, "stretch_too_long".into()));
    assert_eq!(refused(&weir, "/live/a.m3u8?txTimeshift=on&tsStart=x"), (400, "bad_time".into()));
    assert_eq!(refused(&weir, "/live/a.m3u8?delay=31"), (400, "bad_delay".into()), "longer than the window");
}

#[test]
fn every_player_is_late_where_the_server_is_and_nothing_younger_is_given() {
    let weir = Weir::with(&[SHORT, ("hls.delay_seconds", "3")]);
    let _push = ffmpeg::push(&weir.rtmp_url("live/a"), 30);
    weir.wait_on_air("live/a");
    let path = open(&weir, "/live/a.m3u8?delay=1");
    let text = list(&weir, &path);
    assert!(!text.contains("PART") && !text.contains("SERVER-CONTROL"), "{text}");
    // One second of three is old enough: the other two are there, but not to be had.
    let (folder, token) = path.split_once("live.m3u8").expect("a list");
    let next = format!("{folder}{}.m4s{}", newest(&text) + 1, token.split('&').next().expect("a token"));
    assert_eq!(get(&weir, &next).status, 404);
    wait_for("the next segment", || get(&weir, &next).status == 200);
    assert!(newest(&list(&weir, &path)) > newest(&text));
}

#[test]
fn what_is_recorded_is_played_from_its_start_and_from_any_time_while_it_goes_on() {
    let data = Folder::new("shift");
    let weir = Weir::start_file_in(data.path(), "[[record]]\n", &[("play.scheme", "tencent")]);
    let _push = ffmpeg::push(&weir.rtmp_url("live/a"), 60);
    let newest = || -> Option<Recording> {
        let store = weir.app().records.store().expect("a store");
        let page = Page { before: None, limit: 1 };
        weir.block_on(store.index.list(&Filter::default(), &page)).expect("a list").pop()
    };
    wait_for("some seconds of a recording", || newest().is_some_and(|found| found.duration_ms > 9_500));
    let recording = newest().expect("a recording");
    let signed = weir.app().admission.look(|authority| {
        let domain = authority.domain(control::Role::Play, "127.0.0.1").expect("a domain");
        let target = control::sign::SignTarget { app: "live", stream: "a", path: "/live/a.m3u8" };
        domain.sign(&target, weir.clock.unix_seconds() + 600, "0").expect("a signature")
    });
    let address = |query: &str| format!("/live/a.m3u8?{signed}&{query}");
    assert_eq!(get(&weir, "/live/a.m3u8?from=start").status, 403);

    let inner = open(&weir, &address("from=start"));
    assert!(inner.starts_with(&format!("/replay/{}.m3u8?s=", recording.id)), "{inner}");
    let all = list(&weir, &inner);
    assert!(all.contains("TYPE:EVENT") && !all.contains("ENDLIST"), "{all}");
    assert!(all.matches("#EXTINF").count() >= 2, "{all}");

    // From the first second to the fifth: two segments of four.
    let start = recording.started_ms / 1_000;
    let digits = |seconds: i64| -> String {
        rfc3339((seconds + 8 * 3_600) * 1_000).chars().filter(char::is_ascii_digit).collect()
    };
    let tencent = format!(
        "txTimeshift=on&tsFormat=human_s_8&tsStart={}&tsEnd={}",
        digits(start + 1),
        digits(start + 5)
    );
    let aliyun = format!("aliyunols=on&lhs_start_unix_s_0={}&lhs_end_unix_s_0={}", start + 1, start + 5);
    for query in [&tencent, &aliyun] {
        let text = list(&weir, &open(&weir, &address(query)));
        assert!(text.ends_with("#EXT-X-ENDLIST\n"), "{text}");
        assert_eq!(text.matches("#EXTINF").count(), 2, "{text}");
    }
    let stretch = pictures(&weir, "warning", &address(&tencent), &[]);
    let file = weir.app().records.root().expect("a folder").join(&recording.folder);
    let file = std::fs::read_dir(file).expect("files").map(|file| file.expect("a file").path());
    let file =
        file.into_iter().find(|path| path.extension().is_some_and(|end| end == "mp4")).expect("a file");
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-i"]).arg(file);
    command.args(["-map", "0:v", "-c", "copy", "-f", "framemd5", "-"]);
    let recorded = ffmpeg::packets(&Running::new(command).wait().stdout);
    let recorded: Vec<&str> = recorded.iter().map(|packet| packet.hash.as_str()).collect();
    assert!(
        stretch.len() >= 200 && recorded.starts_with(&stretch.iter().map(String::as_str).collect::<Vec<_>>())
    );
    let growing = format!("from={}&to={}", start + 1, start + 3_000);
    assert!(!list(&weir, &open(&weir, &address(&growing))).contains("ENDLIST"));
    assert_eq!(refused(&weir, &address("from=1000000&to=1000100")), (404, "nothing_kept".into()));
}
