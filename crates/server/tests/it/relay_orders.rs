//! Relays as the operator orders them: over the API and the command line, by a reload, around a drain and a forbidden
//! stream.

use std::time::Duration;

use hub::Name;
use serde_json::{Value, json};
use testkit::clip::Clip;
use testkit::follower::Follower;
use testkit::watch::Watch;
use weir::relay::{State, Status};

use crate::api::{Api, assert_error, command, conforms, json, said};
use crate::harness::{Folder, Weir};
use crate::relay::{STREAM, name, section};
use crate::show::{finish_without_faults, on_air, send_in_step, wait_for_picture};

/// What a reload must not change.
const OPEN: [(&str, &str); 2] = [("push.scheme", "open"), ("play.scheme", "open")];

fn relay_into(weir: &Weir, stream: &str) -> Option<Status> {
    weir.app().relays.list().into_iter().find(|relay| relay.stream.as_str() == stream)
}

fn is_in(weir: &Weir, stream: &str, state: State) -> bool {
    relay_into(weir, stream).is_some_and(|relay| relay.state == state)
}

fn wish(direction: &str, url: &str) -> Value {
    json!({"direction": direction, "app": "live", "stream": "room", "url": url})
}

#[test]
fn a_pull_that_the_api_starts_brings_pictures_and_ends_when_it_is_stopped() {
    let origin = Weir::with(&[]);
    let mut publisher = on_air(&origin, STREAM);
    let api = Api::with(&[("relays.allow_private", "true")]);
    let document = api.document();
    let started = api.write("POST", "relays", wish("pull", &origin.rtmp_url("live/room?key=hush")));
    assert_eq!(started.status, 201, "{}", started.text());
    conforms(&document, said(&document, "/relays", "post", 201), &json(&started), "relay");
    let id = json(&started)["id"].clone();
    let viewer = Follower::start(&api.weir.flv_url(STREAM), Watch::default());
    api.weir.wait_viewers(STREAM, 1);
    send_in_step(&mut publisher, std::slice::from_ref(&viewer), &Clip::default().shots(1_000, 2_000));

    let list = api.get("relays");
    conforms(&document, said(&document, "/relays", "get", 200), &list, "relays");
    let relay = api.get(&format!("relays/{id}"));
    conforms(&document, said(&document, "/relays/{id}", "get", 200), &relay, "relay");
    assert_eq!((&relay["state"], &relay["attempts"]), (&json!("running"), &json!(1)));
    assert_eq!((&relay["on_demand"], &relay["configured"]), (&json!(false), &json!(false)));
    assert_eq!(relay["target"], format!("rtmp://{}/...", origin.rtmp), "without what may be a key");
    assert!(relay["bytes"].as_u64().is_some_and(|bytes| bytes > 10_000), "{relay}");

    assert_eq!(api.write("DELETE", &format!("relays/{id}"), Value::Null).status, 204);
    origin.wait_viewers(STREAM, 0);
    finish_without_faults(vec![viewer]);
    assert_error(&api.write("DELETE", &format!("relays/{id}"), Value::Null), 404, "no_relay");
    assert_error(&api.ask("GET", "relays/one", &api.read, ""), 404, "no_relay");
}

#[test]
fn a_push_that_the_api_starts_reaches_the_other_server_until_it_is_stopped() {
    let target = Weir::with(&[]);
    let api = Api::with(&[("relays.allow_private", "true")]);
    let started = api.write("POST", "relays", wish("push", &target.rtmp_url(STREAM)));
    assert_eq!(started.status, 201, "{}", started.text());
    let id = json(&started)["id"].as_u64().expect("a number");
    assert_eq!(json(&started)["state"], "no_stream");
    let mut publisher = on_air(&api.weir, STREAM);
    target.wait_on_air(STREAM);
    let viewer = Follower::start(&target.flv_url(STREAM), Watch::default());
    target.wait_viewers(STREAM, 1);
    send_in_step(&mut publisher, std::slice::from_ref(&viewer), &Clip::default().shots(1_000, 2_000));
    assert_eq!(api.write("DELETE", &format!("relays/{id}"), Value::Null).status, 204);
    target.wait_for("no push", || target.app().sessions.count(|session| session.about.wire == "rtmp") == 0);
    publisher.send_all(&Clip::default().shots(2_000, 2_400)).expect("the publisher is not touched");
    assert_eq!(api.get("relays")["relays"], json!([]));
    finish_without_faults(vec![viewer]);
}

#[test]
fn what_the_api_may_not_relay_is_refused_with_its_reason() {
    let api = Api::new();
    for private in
        ["rtmp://127.0.0.1/live/a", "http://169.254.169.254/latest/meta.flv", "rtmp://[::1]/live/a"]
    {
        let refused = api.write("POST", "relays", wish("pull", private));
        assert_error(&refused, 403, "private_address");
        assert!(refused.text().contains("relays.allow_private"), "{}", refused.text());
    }
    assert_error(
        &api.write("POST", "relays", wish("push", "rtmp://10.0.0.1/live/a")),
        403,
        "private_address",
    );
    // A name that leads inside is refused when it is connected to, and the list says so.
    let url = format!("rtmp://localhost:{}/live/a", api.weir.rtmp.port());
    let id = json(&api.write("POST", "relays", wish("pull", &url)))["id"].clone();
    api.weir.wait_for("the guard", || {
        let error = &api.get(&format!("relays/{id}"))["last_error"];
        error["message"].as_str().is_some_and(|text| text.contains("not a public address"))
            && error["message_zh"].as_str().is_some_and(|text| text.contains("不是公网地址"))
    });
    assert_error(&api.write("POST", "relays", wish("pull", "rtmp://1.1.1.1/live/a")), 409, "exists");

    for (body, code) in [
        (Value::Null, "bad_body"),
        (wish("pul", "rtmp://a/live/a"), "bad_body"),
        (wish("pull", "ftp://a/live/a"), "bad_value"),
        (wish("pull", "rtmp://a:0/live/a"), "bad_value"),
        (wish("pull", "rtmp://a/live/"), "bad_value"),
        (wish("push", "http://a/live/a.flv"), "bad_value"),
        (
            json!({"direction": "push", "app": "live", "stream": "a", "url": "rtmp://a/b/c", "on_demand": true}),
            "bad_body",
        ),
        (json!({"direction": "pull", "app": "live", "stream": "a/b", "url": "rtmp://a/b/c"}), "bad_name"),
    ] {
        assert_error(&api.write("POST", "relays", body), 400, code);
    }
    assert_error(&api.ask("POST", "relays", &api.read, ""), 403, "read_only_key");

    api.weir.app().begin_drain(Duration::from_secs(600));
    assert_error(&api.write("POST", "relays", wish("push", "rtmp://1.1.1.1/live/a")), 503, "draining");
}

#[test]
fn a_forbidden_stream_is_not_pulled_until_it_is_allowed() {
    let origin = Weir::with(&[]);
    let _publisher = on_air(&origin, STREAM);
    let file = section("pull", "live", "room", &origin.rtmp_url(STREAM), "")
        + "[[forbid]]\napp = \"live\"\nstream = \"room\"\n";
    let weir = Weir::start(&file, &[]);
    weir.wait_for("the ban", || is_in(&weir, STREAM, State::Forbidden));
    assert_eq!(
        relay_into(&weir, STREAM).map(|relay| relay.attempts),
        Some(0),
        "the other server is not asked"
    );
    weir.app().admission.change(|authority| assert!(authority.resume("live", "room")));
    weir.wait_on_air(STREAM);

    let api = Api::with(&[("relays.allow_private", "true")]);
    let pull = wish("pull", &origin.rtmp_url(STREAM));
    assert_eq!(api.write("POST", "relays", pull.clone()).status, 201);
    api.weir.wait_on_air(STREAM);
    assert_eq!(api.write("POST", "streams/live/room/forbid", json!({"reason": "not here"})).status, 200);
    api.weir.wait_for("the ban", || is_in(&api.weir, STREAM, State::Forbidden));
    assert!(api.weir.app().hub.find(&name()).is_none());
    let id = relay_into(&api.weir, STREAM).expect("it waits").id;
    assert_eq!(api.write("DELETE", &format!("relays/{id}"), Value::Null).status, 204);
    let refused = api.write("POST", "relays", pull);
    assert_error(&refused, 403, "forbidden");
    assert!(refused.text().contains("not here"), "{}", refused.text());
}

#[test]
fn a_reload_begins_and_ends_relays_and_does_not_touch_the_others() {
    let origin = Weir::with(&[]);
    let mut publisher = on_air(&origin, STREAM);
    let folder = Folder::new("relay-reload");
    let file = folder.file("weir.toml");
    let pull = |stream: &str| section("pull", "live", stream, &origin.rtmp_url(STREAM), "");
    let target = Weir::with(&[]);
    let push =
        |app: &str| section("push", "live", "kept", &format!("rtmp://{}/{app}/{{stream}}", target.rtmp), "");
    std::fs::write(&file, pull("gone") + &push("before") + &pull("kept")).expect("a file");
    let weir = Weir::start(&std::fs::read_to_string(&file).expect("a file"), &[]);
    weir.reload_from(&file, &OPEN);
    weir.wait_on_air("live/kept");
    weir.wait_on_air("live/gone");
    target.wait_on_air("before/kept");
    let of_gone = Follower::start(&weir.flv_url("live/gone"), Watch::default());
    let viewer = Follower::start(&weir.flv_url("live/kept"), Watch::with_largest_gap(100));
    weir.wait_viewers("live/gone", 1);
    weir.wait_viewers("live/kept", 1);
    let kept = relay_into(&weir, "live/kept").expect("a pull");
    let clip = Clip::default();
    send_in_step(&mut publisher, std::slice::from_ref(&viewer), &clip.shots(1_000, 2_000));

    std::fs::write(&file, pull("new") + &pull("kept") + &push("after")).expect("a file");
    let outcome = weir.app().reload().expect("a good configuration");
    assert_eq!(outcome.needs_restart, [""; 0]);
    assert!(outcome.applied.contains(&"relay[0].stream".to_owned()), "{outcome:?}");
    finish_without_faults(vec![of_gone]);
    weir.wait_on_air("live/new");
    target.wait_on_air("after/kept");
    assert!(relay_into(&weir, "live/gone").is_none());
    send_in_step(&mut publisher, std::slice::from_ref(&viewer), &clip.shots(2_000, 3_000));
    let now = relay_into(&weir, "live/kept").expect("a pull");
    assert_eq!((now.id, now.attempts, now.since), (kept.id, 1, kept.since), "the same connection");
    assert_eq!(weir.app().hub.find(&Name::new("live/kept")).expect("on air").summary().takeovers, 0);
    target.wait_for("the end of the first push", || {
        target.app().sessions.count(|session| session.about.stream.as_str() == "before/kept") == 0
    });
    weir.app().drop_stream(&Name::new("live/kept"), "the test is over");
    finish_without_faults(vec![viewer]);

    // A file with a mistake changes nothing.
    std::fs::write(&file, "[[relay]]\nkind = \"pull\"\n").expect("a file");
    assert!(weir.app().reload().is_err());
    assert!(relay_into(&weir, "live/new").is_some());
}

/// Viewers stay while a reload makes their stream come from elsewhere; what else a section says is `before` and `after`.
fn change_origin(before: &str, after: &str) {
    let (first, second) = (Weir::with(&[]), Weir::with(&[]));
    let mut here = on_air(&first, STREAM);
    let mut there = on_air(&second, STREAM);
    let folder = Folder::new("relay-change");
    let file = folder.file("weir.toml");
    let (old, new) = (
        section("pull", "live", "room", &first.rtmp_url(STREAM), before),
        section("pull", "live", "room", &second.rtmp_url(STREAM), after),
    );
    std::fs::write(&file, &old).expect("a file");
    let weir = Weir::start(&old, &[("hub.grace_seconds", "20")]);
    weir.reload_from(&file, &OPEN);
    let viewer = Follower::start(&weir.rtmp_url(STREAM), Watch::default());
    weir.wait_viewers(STREAM, 1);
    let viewers = std::slice::from_ref(&viewer);
    let clip = Clip::default();
    send_in_step(&mut here, viewers, &clip.shots(1_000, 2_000));

    std::fs::write(&file, &new).expect("a file");
    weir.app().reload().expect("a good configuration");
    first.wait_viewers(STREAM, 0);
    second.wait_viewers(STREAM, 1);
    // The stamps of these pictures are none that the first server sent.
    let shots = clip.shots(5_000, 7_000);
    there.send_all(&shots[..60]).expect("sent");
    wait_for_picture(viewers, &shots[..60]);
    send_in_step(&mut there, viewers, &shots[60..]);
    assert_eq!(weir.app().relays.list().len(), 1);
    weir.app().drop_stream(&name(), "the test is over");
    finish_without_faults(vec![viewer]);
}

#[test]
fn viewers_stay_when_a_reload_changes_where_a_static_pull_comes_from() {
    change_origin("", "");
}

#[test]
fn viewers_stay_when_a_reload_changes_where_an_on_demand_pull_comes_from() {
    change_origin("on_demand = true", "on_demand = true");
}

#[test]
fn viewers_stay_when_a_reload_puts_a_static_pull_in_the_place_of_an_on_demand_one() {
    change_origin("on_demand = true", "");
}

#[test]
fn a_drain_lets_go_of_pulls_that_nobody_watches_and_keeps_those_that_somebody_does() {
    let origin = Weir::with(&[]);
    let mut publisher = on_air(&origin, STREAM);
    let pull = |stream: &str| section("pull", "live", stream, &origin.rtmp_url(STREAM), "");
    let weir = Weir::start(&(pull("watched") + &pull("alone")), &[]);
    weir.wait_on_air("live/watched");
    weir.wait_on_air("live/alone");
    let viewer = Follower::start(&weir.flv_url("live/watched"), Watch::default());
    weir.wait_viewers("live/watched", 1);
    weir.app().begin_drain(Duration::from_secs(600));
    weir.wait_for("a pause", || is_in(&weir, "live/alone", State::Draining));
    origin.wait_viewers(STREAM, 1);
    let clip = Clip::default();
    send_in_step(&mut publisher, std::slice::from_ref(&viewer), &clip.shots(1_000, 2_000));
    assert!(is_in(&weir, "live/watched", State::Running));

    assert!(weir.app().cancel_drain());
    weir.wait_for("a new attempt", || is_in(&weir, "live/alone", State::Running));
    weir.app().begin_drain(Duration::from_secs(600));
    weir.app().drop_stream(&Name::new("live/watched"), "the test is over");
    finish_without_faults(vec![viewer]);
    assert_eq!(weir.block_on(weir::drain::run(weir.app())), weir::drain::Outcome::Empty);
}

#[test]
fn the_command_line_lists_starts_and_stops_relays() {
    let origin = Weir::with(&[]);
    let _publisher = on_air(&origin, STREAM);
    let data = Folder::new("relay-cli");
    let rule = section("pull", "live", "fixed", &origin.rtmp_url(STREAM), "");
    let api = Api::with_file(&rule, &[("relays.allow_private", "true")]);
    let (data, server) = (data.path().to_string_lossy().into_owned(), format!("http://{}", api.weir.http));
    let run = |args: &[&str]| {
        command(&[args, &["--data", &data, "--server", &server, "--key", &api.write]].concat(), &[])
    };
    let (code, listed, _) = run(&["relays", "--json"]);
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    assert_eq!((code, &listed["relays"][0]["configured"]), (Some(0), &json!(true)));
    let fixed = listed["relays"][0]["id"].to_string();
    let (code, _, told) = run(&["relay", "stop", &fixed]);
    assert!(code == Some(1) && told.contains("[[relay]]"), "{told}");

    let (code, said, told) =
        run(&["relay", "start", "pull", STREAM, &origin.rtmp_url(STREAM), "--on-demand"]);
    assert_eq!((code, told), (Some(0), String::new()));
    assert!(said.contains("pulls live/room from rtmp://127.0.0.1"), "{said}");
    let id = relay_into(&api.weir, STREAM).expect("a pull").id.to_string();
    let (_, listed, _) = run(&["relays"]);
    let line = listed.lines().find(|line| line.starts_with(&id)).expect("a line");
    assert!(line.contains("no_viewers") && line.ends_with("it waits until somebody watches"), "{listed}");
    assert_eq!(run(&["relay", "stop", &id]).1, format!("relay {id} is stopped\n"));
    assert_eq!(run(&["relay", "stop", &id]).2, "weir: there is no relay of this number\n");
    let (code, _, told) = run(&["relay", "start", "push", STREAM, "http://a/b/c.flv"]);
    assert!(code == Some(1) && told.contains("rtmp://"), "{told}");
    let (code, _, told) = run(&["relay", "start", "push", STREAM, "rtmp://a/b/c", "--on-demand"]);
    assert!(code == Some(1) && told.contains("is for a pull"), "{told}");
}
