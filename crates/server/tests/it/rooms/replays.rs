//! The recordings of a room's show, to whom they are told.

use control::room::show::Happening;
use serde_json::{Value, json};
use testkit::http;
use weir::room::{Act, By, act};
use weir::store::{Recording, State};

use super::Backend;
use crate::api::{assert_error, conforms, json as json_of, said};

#[test]
fn a_show_that_is_over_names_its_replay_to_whoever_may_play_it() {
    let backend = Backend::new();
    let weir = &backend.api.weir;
    let public = |token: Option<&str>| {
        let header = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let answer = http::get(weir.http, "/api/v1/rooms/r1/public", &header).expect("an answer");
        let value = json_of(&answer);
        let template = said(&backend.document, "/rooms/{room}/public", "get", 200);
        conforms(&backend.document, template, &value, "public");
        value["replay"].clone()
    };
    let token = backend.token("u1");
    weir.block_on(act(&weir.shared(), "r1", &By::System, Act::Show(Happening::OnAir))).expect("on air");
    let store = weir.app().records.store().expect("a data folder").clone();
    let live_ms = weir.clock.unix_ms();
    let put = |number: u8, from_ms: i64, change: &dyn Fn(&mut Recording)| {
        let id = format!("{number:024x}");
        let mut recording = Recording::begun(&id, ("live", "r1"), live_ms + from_ms);
        recording.state = State::Finished;
        recording.ended_ms = Some(live_ms + from_ms + 500);
        recording.folder = id.clone();
        change(&mut recording);
        store.writer.put_recording(recording);
        weir.block_on(store.writer.flush());
        id
    };
    // One of the show before, one that nobody is to see, one that still grows, one of another stream, and one of a show that
    // comes after this one.
    put(1, -60_000, &|_| ());
    put(3, 30, &|hidden| hidden.hidden = true);
    put(4, 40, &|open| (open.state, open.ended_ms) = (State::Recording, None));
    put(5, 50, &|other| other.stream = "r2".to_owned());
    put(6, 90_000, &|_| ());
    assert_eq!(public(Some(&token)), Value::Null, "it is on air");
    backend.post("end", Value::Null);
    assert_eq!(public(Some(&token)), Value::Null);
    let id = put(2, 20, &|_| ());
    let page = public(Some(&token));
    let page = page.as_str().expect("a page");
    let query = page.strip_prefix(&format!("/replay/{id}?")).expect("of this one");
    let (signature, room) = query.rsplit_once('&').expect("a signature");
    assert_eq!(room, "room=r1");
    // The page asks with this query.
    let asked = |query: &str| {
        http::get(weir.http, &format!("/api/v1/replays/{id}{query}"), "").expect("an answer").status
    };
    assert_eq!((asked(&format!("?{signature}")), asked("")), (200, 403));
    assert_eq!(public(None), Value::Null, "a signature is for people who are known");

    // An encoder that came back after long began another recording: all of the show are there, in pages.
    let earlier = put(0, 10, &|_| ());
    let ask = |query: &str, header: &str| {
        http::get(weir.http, &format!("/api/v1/rooms/r1/replays{query}"), header).expect("an answer")
    };
    let list = |query: &str| {
        let value = json_of(&ask(query, &format!("Authorization: Bearer {token}\r\n")));
        conforms(
            &backend.document,
            said(&backend.document, "/rooms/{room}/replays", "get", 200),
            &value,
            query,
        );
        value
    };
    let first = list("?limit=1");
    assert_eq!(first["replays"].as_array().map(Vec::len), Some(1), "{first}");
    let newest = &first["replays"][0];
    assert_eq!(
        (&newest["id"], newest["page"].as_str().map(|found| found.split('?').next())),
        (&json!(id), Some(page.split('?').next()))
    );
    let last = list(&format!("?limit=1&before={}", first["next"].as_str().expect("more")));
    assert_eq!((&last["replays"][0]["id"], &last["next"]), (&json!(earlier), &Value::Null));
    assert_eq!(list("")["replays"].as_array().map(Vec::len), Some(2));
    assert_error(&ask("", ""), 403, "not_allowed");
}
