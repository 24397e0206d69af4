//! Hooks that decide: the operator's backend is asked, and what it says holds on every wire, for real clients.

use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use serde_json::json;
use testkit::http;
use testkit::publisher::Publisher;
use testkit::viewer::Viewer;

use crate::ffmpeg::{self, Version};
use crate::harness::{Folder, Weir, wait_for};
use crate::receiver::{Receiver, Reply};
use crate::show::on_air;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A `[hooks]` section.
fn hooks(form: &str, lines: &[String]) -> String {
    format!("[hooks]\nform = \"{form}\"\nallow_private = true\n{}\n", lines.join("\n"))
}

fn at(key: &str, receivers: &[&Receiver]) -> String {
    let urls: Vec<String> =
        receivers.iter().map(|receiver| format!("\"{}\"", receiver.url(&format!("/{key}")))).collect();
    format!("{key} = [{}]", urls.join(", "))
}

fn with(body: &str) -> Reply {
    Reply::With(200, "", body.to_owned())
}

#[test]
fn srs_hooks_let_ffmpeg_publish_and_play_or_do_not_and_are_told_of_the_end() {
    let receiver = Receiver::answering(|heard, _| {
        let is_bad = heard.json()["param"].as_str().is_some_and(|param| param.contains("bad"));
        with(if is_bad { r#"{"code":1}"# } else { "0" })
    });
    let keys = ["on_publish", "on_play", "on_unpublish", "on_stop", "on_dvr", "on_hls"]
        .map(|key| at(key, &[&receiver]));
    let data = Folder::new("hooks");
    let file = format!("{}\n[[record]]\ngap_seconds = 0\n", hooks("srs", &keys));
    let weir = Weir::start_file_in(data.path(), &file, &[("hub.grace_seconds", "1"), ("hls.mode", "always")]);
    let of = |action: &str| {
        let heard = receiver.heard().into_iter().map(|heard| heard.json());
        heard.filter(|body| body["action"] == action).collect::<Vec<_>>()
    };
    let refused = ffmpeg::push(&weir.rtmp_url("live/a?token=bad"), 2).wait();
    assert_ne!(refused.code, Some(0), "ffmpeg is told that it may not");
    assert!(weir.app().hub.find(&hub::Name::new("live/a")).is_none(), "nothing began");
    let push = ffmpeg::push(&weir.rtmp_url("live/a?token=good"), 6);
    weir.wait_on_air("live/a");
    let asked = of("on_publish").pop().expect("a question");
    for (name, value) in [
        ("vhost", json!("__defaultVhost__")),
        ("app", json!("live")),
        ("stream", json!("a")),
        ("param", json!("?token=good")),
        ("ip", json!("127.0.0.1")),
        ("stream_url", json!("__defaultVhost__/live/a")),
        ("tcUrl", json!(format!("rtmp://{}/live", weir.rtmp))),
    ] {
        assert_eq!(asked[name], value, "{name}");
    }
    for url in
        [weir.rtmp_url("live/a?x=bad"), weir.flv_url("live/a") + "?x=bad", weir.ws_url("live/a") + "?x=bad"]
    {
        let seen = Viewer::open(&url).ok().and_then(|mut viewer| viewer.next().ok().flatten());
        assert!(seen.is_none(), "{url}");
    }
    for path in ["/live/a.m3u8?x=bad", "/live/a.jpg?x=bad"] {
        assert_eq!(http::get(weir.http, path, "").expect("an answer").status, 403, "{path}");
    }
    let played = ffmpeg::run(Version::Debian, &["-i", &weir.flv_url("live/a"), "-t", "1", "-f", "null", "-"]);
    assert_eq!(played.code, Some(0));
    assert_eq!(push.wait().code, Some(0));
    for action in ["on_stop", "on_unpublish", "on_dvr", "on_hls"] {
        wait_for(action, || !of(action).is_empty());
    }
    let (played, stopped) = (of("on_play"), of("on_stop"));
    let good = played.iter().find(|body| body["param"] == "").expect("the one that was let in");
    assert_eq!(
        (stopped.len(), &stopped[0]["client_id"]),
        (1, &good["client_id"]),
        "one end, of the one that began"
    );
    assert_eq!(of("on_unpublish")[0]["client_id"], asked["client_id"]);
    let segment = &of("on_hls")[0];
    assert_eq!(
        (&segment["m3u8_url"], segment["duration"].as_f64() > Some(0.5)),
        (&json!("live/a.m3u8"), true),
        "{segment}"
    );
    let file = of("on_dvr")[0]["file"].as_str().expect("a file").to_owned();
    assert!(std::fs::metadata(&file).expect(&file).len() > 1_000);
}

#[test]
fn all_addresses_are_asked_one_after_another_until_one_says_no() {
    let yes = Receiver::answering(|_, _| with("0"));
    let no = Receiver::answering(|_, _| with(""));
    let never = Receiver::answering(|_, _| with("0"));
    let weir = Weir::start(&hooks("srs", &[at("on_publish", &[&yes, &no, &never])]), &[]);
    let mut publisher = Publisher::connect(&weir.rtmp_url("live/a"));
    assert!(
        publisher.is_err() || publisher.as_mut().is_ok_and(|publisher| publisher.send_headers(30).is_err())
    );
    assert_eq!((yes.heard().len(), no.heard().len(), never.heard().len()), (1, 1, 0));
}

#[test]
fn our_form_is_signed_tells_why_and_a_play_is_asked_about_once_in_a_while() {
    let receiver = Receiver::answering(|heard, _| {
        let body = heard.json();
        match (body["type"].as_str(), body["data"]["param"].as_str()) {
            (Some("play"), Some("who=troll")) => with(r#"{"allow": false, "reason": "not you"}"#),
            _ => with(r#"{"allow": true}"#),
        }
    });
    let lines = [
        at("on_publish", &[&receiver]),
        at("on_play", &[&receiver]),
        format!("secret = \"{SECRET}\""),
        "cache_ms = 60000".to_owned(),
    ];
    let weir = Weir::start(&hooks("weir", &lines), &[]);
    let _publisher = on_air(&weir, "live/a");
    let asked = receiver.wait(1).remove(0);
    assert!(asked.header("webhook-signature").starts_with("v1,") && !asked.header("webhook-id").is_empty());
    assert_eq!((asked.kind().as_str(), asked.path.as_str()), ("publish", "/on_publish"));
    assert_eq!(asked.json()["data"]["protocol"], "rtmp");
    for _ in 0..3 {
        let answer = http::get(weir.http, "/live/a.flv?who=troll", "").expect("an answer");
        assert_eq!(answer.status, 403);
        assert!(
            answer.text().contains("hook_refused") && answer.text().contains("not you"),
            "{}",
            answer.text()
        );
    }
    let polled = |_| http::get(weir.http, "/live/a.m3u8", "").expect("an answer").status;
    assert_eq!((0..3).map(polled).collect::<Vec<_>>(), [200; 3]);
    assert_eq!(receiver.heard().len(), 3, "the publisher, the troll, the player of HLS");
}

#[test]
fn who_gives_no_answer_refuses_in_time_unless_that_is_configured_otherwise() {
    let stalls = Receiver::answering(|_, _| Reply::Stall);
    let fails = Receiver::answering(|_, before| match before {
        0 => Reply::Close,
        1 => Reply::status(500),
        2 => Reply::With(302, "Location: http://127.0.0.1:1/\r\n", String::new()),
        3 => Reply::Endless,
        _ => with("<html>"),
    });
    let weir = Weir::start(&hooks("srs", &[at("on_play", &[&stalls]), "timeout_ms = 300".into()]), &[]);
    let _publisher = on_air(&weir, "live/a");
    let began = Instant::now();
    let answer = http::get(weir.http, "/live/a.flv", "").expect("an answer");
    assert_eq!((answer.status, answer.text().contains("hook_failed")), (503, true), "{}", answer.text());
    assert!(began.elapsed() < Duration::from_secs(2));
    let weir = Weir::start(&hooks("srs", &[at("on_play", &[&fails])]), &[]);
    let _another = on_air(&weir, "live/a");
    let statuses: Vec<u16> =
        (0..5).map(|_| http::get(weir.http, "/live/a.flv", "").expect("an answer").status).collect();
    assert_eq!(statuses, [503, 503, 403, 403, 403]);
    let lines = [at("on_play", &[&stalls]), "timeout_ms = 100".into(), "on_failure = \"allow\"".into()];
    let weir = Weir::start(&hooks("srs", &lines), &[]);
    let _third = on_air(&weir, "live/a");
    assert_eq!(http::get(weir.http, "/live/a.m3u8", "").expect("an answer").status, 200);
}

#[test]
fn who_was_let_in_for_want_of_an_answer_is_asked_about_again() {
    let receiver = Receiver::answering(|_, before| match before {
        0 => Reply::status(500),
        _ => with(r#"{"allow": false}"#),
    });
    let lines = [
        at("on_play", &[&receiver]),
        format!("secret = \"{SECRET}\""),
        "cache_ms = 60000\non_failure = \"allow\"".to_owned(),
    ];
    let weir = Weir::start(&hooks("weir", &lines), &[]);
    let _publisher = on_air(&weir, "live/a");
    let polled = |_| http::get(weir.http, "/live/a.m3u8", "").expect("an answer").status;
    assert_eq!((0..3).map(polled).collect::<Vec<_>>(), [200, 403, 403]);
    assert_eq!(receiver.heard().len(), 2, "a no is remembered");
}

#[test]
fn a_backend_that_is_asked_a_lot_has_few_connections_and_may_close_them_when_it_likes() {
    let keeps = Receiver::answering(|_, _| with("0"));
    let closes = Receiver::answering(|_, _| Reply::Last("0".to_owned()));
    let weir = Weir::start(&hooks("srs", &[at("on_play", &[&keeps, &closes])]), &[]);
    let _publisher = on_air(&weir, "live/a");
    let addr = weir.http;
    let ask = move |viewer: usize| {
        for round in 0..25 {
            let answer = http::get(addr, &format!("/live/a.m3u8?viewer={viewer}-{round}"), "");
            assert_eq!(answer.expect("an answer").status, 200);
        }
    };
    let viewers: Vec<_> = (0..4).map(|viewer| std::thread::spawn(move || ask(viewer))).collect();
    viewers.into_iter().for_each(|viewer| viewer.join().expect("all were let in"));
    assert_eq!(keeps.heard().len(), 100);
    assert!(keeps.connections() <= 4, "{} connections", keeps.connections());
    // A question may have gone out just then, and been asked again.
    assert!((100..200).contains(&closes.heard().len()));
}

#[test]
fn what_a_hook_keeps_to_itself_is_neither_listed_nor_told() {
    let receiver = Receiver::answering(|heard, _| {
        let is_bad = heard.json()["data"]["param"] == "who=troll";
        with(if is_bad { r#"{"allow": false}"# } else { r#"{"allow": true}"# })
    });
    let data = Folder::new("hooks");
    let lines = [at("on_play", &[&receiver]), format!("secret = \"{SECRET}\"")];
    let weir = Weir::start_file_in(data.path(), &hooks("weir", &lines), &[]);
    let _publisher = on_air(&weir, "live/a");
    let get = |target: &str| http::get(weir.http, target, "").expect("an answer");
    assert_eq!(get("/api/v1/live").text().trim(), r#"{"streams":[]}"#);
    assert_eq!(get("/api/v1/live/live/a?who=friend").status, 200);
    let asked = receiver.wait(1).remove(0).json();
    assert_eq!((&asked["data"]["protocol"], &asked["data"]["stream"]), (&json!("page"), &json!("a")));
    // A page that asks again is known; whoever plays is not the page.
    assert_eq!(get("/api/v1/live/live/a?who=friend").status, 200);
    assert_eq!(get("/live/a.m3u8?who=friend").status, 200);
    let protocols = receiver.wait(2).into_iter().map(|heard| heard.json()["data"]["protocol"].clone());
    assert_eq!(protocols.collect::<Vec<_>>(), ["page", "hls"]);
    // With what is told of a replay come tokens that open it.
    assert_eq!(get("/api/v1/replays/0123456789abcdef01234567?who=friend").status, 404);
    for path in ["live/live/a", "replays/0123456789abcdef01234567"] {
        let refused = get(&format!("/api/v1/{path}?who=troll"));
        assert_eq!((refused.status, refused.text().contains("hook_refused")), (403, true), "{path}");
    }
}

#[test]
fn pages_that_are_open_keep_no_player_waiting() {
    let receiver = Receiver::answering(|heard, _| match heard.json()["data"]["protocol"].as_str() {
        Some("page") => Reply::Stall,
        _ => with(r#"{"allow": true}"#),
    });
    let lines = [
        at("on_play", &[&receiver]),
        format!("secret = \"{SECRET}\""),
        "timeout_ms = 20000".into(),
        "max_concurrent = 2".into(),
    ];
    let weir = Weir::start(&hooks("weir", &lines), &[]);
    let _publisher = on_air(&weir, "live/a");
    let addr = weir.http;
    let page = move |number| {
        std::thread::spawn(move || http::get(addr, &format!("/api/v1/live/live/a?page={number}"), ""))
    };
    let pages: Vec<_> = (0..4).map(page).collect();
    receiver.wait(1);
    let began = Instant::now();
    assert_eq!(http::get(weir.http, "/live/a.m3u8", "").expect("an answer").status, 200);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(receiver.heard().len(), 2, "one page was asked about, the others wait");
    // Ends the server's connections, and with them the threads.
    drop(weir);
    pages.into_iter().for_each(|thread| drop(thread.join()));
}

#[test]
fn a_stream_that_is_forbidden_while_its_hook_is_asked_does_not_go_on_air() {
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let receiver = Receiver::answering(move |_, _| {
        // Gone when the test has failed, which is as good.
        let _ = released.lock().expect("a channel").recv();
        with("0")
    });
    let lines = [at("on_publish", &[&receiver]), "timeout_ms = 20000".into()];
    let weir = Weir::start(&hooks("srs", &lines), &[]);
    let url = weir.rtmp_url("live/a");
    let push = std::thread::spawn(move || Publisher::connect(&url).err().map(|error| format!("{error:#}")));
    receiver.wait(1);
    weir.app().admission.change(|authority| {
        authority.forbid("live", "a", i64::MAX, "not this one").expect("a name");
    });
    release.send(()).expect("it is asked");
    let refused = push.join().expect("an answer").expect("a refusal");
    assert!(refused.contains("not this one"), "{refused}");
    assert!(weir.app().hub.find(&hub::Name::new("live/a")).is_none(), "nothing began");
}

#[test]
fn an_answer_that_comes_after_a_reload_holds_for_whoever_asked_and_for_nobody_after() {
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let old = Receiver::answering(move |_, _| {
        // Gone when the test has failed, which is as good.
        let _ = released.lock().expect("a channel").recv();
        with("0")
    });
    let new = Receiver::answering(|_, _| with("1"));
    let asking =
        |receiver| hooks("srs", &[at("on_play", &[receiver]), "timeout_ms = 20000\ncache_ms = 60000".into()]);
    let weir = Weir::start(&asking(&old), &[]);
    let _publisher = on_air(&weir, "live/a");
    let addr = weir.http;
    let play = move || http::get(addr, "/live/a.m3u8", "").expect("an answer").status;
    let first = std::thread::spawn(play);
    old.wait(1);
    weir.app().hooks.reload(&weir::config::Config::from_toml(&asking(&new)).expect("a configuration"));
    release.send(()).expect("it is asked");
    assert_eq!((first.join().expect("an answer"), play()), (200, 403));
}

#[test]
fn a_hook_that_hangs_holds_up_nobody_else() {
    let receiver = Receiver::answering(|heard, _| match heard.json()["stream"].as_str() {
        Some("slow") => Reply::Stall,
        _ => with("0"),
    });
    let lines = [at("on_play", &[&receiver]), "timeout_ms = 20000".into()];
    let weir = Weir::start(&hooks("srs", &lines), &[]);
    let (_slow, _quick) = (on_air(&weir, "live/slow"), on_air(&weir, "live/quick"));
    let waiting: Vec<_> = (0..16)
        .map(|_| {
            let addr = weir.http;
            std::thread::spawn(move || http::get(addr, "/live/slow.flv", ""))
        })
        .collect();
    wait_for("all of them ask", || receiver.heard().len() == 16);
    let began = Instant::now();
    assert_eq!(http::get(weir.http, "/live/quick.m3u8", "").expect("an answer").status, 200);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    // Ends the server's connections, and with them the threads.
    drop(weir);
    waiting.into_iter().for_each(|thread| drop(thread.join()));
}

#[test]
fn what_is_configured_wrongly_is_told() {
    let problem = |text: &str| weir::config::Config::from_toml(text).expect_err(text).to_string();
    for (text, word) in [
        ("[hooks]\non_play = [\"http://a.example/\"]\n", "hooks.secret"),
        ("[hooks]\non_stop = [\"http://a.example/\"]\n", "webhook"),
        ("[hooks]\nform = \"srs\"\non_join = [\"http://a.example/\"]\n", "rooms"),
        ("[hooks]\nform = \"srs\"\non_play = [\"http://192.168.1.1/\"]\n", "allow_private"),
        ("[hooks]\nform = \"srs\"\non_play = [\"ftp://a.example/\"]\n", "http://"),
        ("[hooks]\nform = \"zlm\"\n", "hooks.form"),
        ("[[webhook]]\nname = \"a\"\nurl = \"http://a.example/\"\nsecret = \"hush\"\n", "whsec_"),
        ("[[webhook]]\nname = \"a b\"\nurl = \"http://a.example/\"\nsecret = \"hush\"\n", "letters"),
        ("[[webhook]]\nname = \"a\"\n", "webhook[0].url"),
    ] {
        let told = problem(text);
        assert!(told.contains(word) && !told.contains("hush"), "{text}: {told}");
    }
}
