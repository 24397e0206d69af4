//! The operator's API: who may use it, what it tells, and what it does to real publishers and viewers. One file, as every test
//! speaks to the same table of operations with the same few helpers.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::clip::Clip;
use testkit::http::{self, Answer};
use testkit::publisher::Publisher;
use testkit::viewer::Viewer;
use weir::operator::keys::{self, Scope};

use crate::harness::{Folder, Weir};

/// A server with a data folder and a key of each scope.
pub struct Api {
    pub weir: Weir,
    pub data: Folder,
    pub read: String,
    pub write: String,
}

impl Api {
    pub fn new() -> Api {
        Api::with(&[])
    }

    /// The same with a few keys of the configuration set.
    pub fn with(set: &[(&str, &str)]) -> Api {
        Api::with_file("", set)
    }

    /// The same with a configuration file.
    pub fn with_file(file: &str, set: &[(&str, &str)]) -> Api {
        let data = Folder::new("api");
        let key = |name, scope| {
            let made = keys::create(data.path(), name, scope, "2030-01-01T00:00:00Z".into()).expect("a key");
            made.expose().to_owned()
        };
        let (read, write) = (key("reader", Scope::Read), key("writer", Scope::Write));
        Api { weir: Weir::start_file_in(data.path(), file, set), data, read, write }
    }

    /// The same after a restart.
    fn again(self) -> Api {
        let Api { weir, data, read, write } = self;
        weir.stop();
        Api { weir: Weir::start_in(data.path(), &[]), data, read, write }
    }

    pub fn ask(&self, method: &str, path: &str, key: &str, body: &str) -> Answer {
        let body = match body {
            "" => String::new(),
            body => format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len()),
        };
        self.raw(method, path, &format!("Authorization: Bearer {key}\r\n"), &body)
    }

    fn raw(&self, method: &str, path: &str, headers: &str, rest: &str) -> Answer {
        let rest = if rest.is_empty() { "\r\n" } else { rest };
        let request =
            format!("{method} /api/v1/{path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{headers}{rest}");
        http::exchange(self.weir.http, request.as_bytes()).expect("an answer")
    }

    /// The JSON of a GET, which must be as the OpenAPI document says.
    pub fn get(&self, path: &str) -> Value {
        let answer = self.ask("GET", path, &self.read, "");
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        json(&answer)
    }

    /// What a key that may change things is answered.
    pub fn write(&self, method: &str, path: &str, body: Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.ask(method, path, &self.write, &body)
    }

    pub fn document(&self) -> Value {
        json(&http::get(self.weir.http, "/api/v1/openapi.json", "").expect("an answer"))
    }

    fn publish(&self, stream: &str) -> Publisher {
        let mut publisher = Publisher::connect(&self.weir.rtmp_url(stream)).expect("a publisher");
        publisher.send_headers(30).expect("headers");
        publisher.send_all(&Clip::default().shots(0, 2_400)).expect("pictures");
        self.weir.wait_on_air(stream);
        publisher
    }
}

pub fn json(answer: &Answer) -> Value {
    assert_eq!(answer.header("content-type"), Some("application/json"), "{}", answer.text());
    serde_json::from_slice(&answer.body).expect("JSON")
}

pub fn assert_error(answer: &Answer, status: u16, code: &str) {
    let error = &json(answer)["error"];
    assert_eq!((answer.status, error["code"].as_str()), (status, Some(code)), "{}", answer.text());
    assert!(error["message"].as_str().is_some_and(|text| text.len() > 10), "{}", answer.text());
    assert!(error["message_zh"].as_str().is_some_and(|text| !text.is_ascii()), "{}", answer.text());
}

/// Whether a value is as a schema of the document says, every field of it: none more, none less.
pub fn conforms(document: &Value, schema: &Value, value: &Value, at: &str) {
    if let Some(to) = schema["$ref"].as_str() {
        let found = document.pointer(to.trim_start_matches('#')).unwrap_or_else(|| panic!("{to}"));
        return conforms(document, found, value, at);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let choice = choices.iter().find(|choice| (choice["type"] == "null") == value.is_null());
        return conforms(document, choice.unwrap_or_else(|| panic!("{at}")), value, at);
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is = |name: &Value| name == kind || (name == "number" && kind == "integer");
    let fits = schema["type"].as_array().map_or(is(&schema["type"]), |kinds| kinds.iter().any(is));
    assert!(fits, "{at} is {value}, not {}", schema["type"]);
    match value {
        Value::Array(items) => {
            items.iter().for_each(|item| conforms(document, &schema["items"], item, &format!("{at}[]")));
        }
        // What it holds is between the operator's programs, or said elsewhere.
        Value::Object(_) if schema["additionalProperties"] == true => {}
        Value::Object(fields) => {
            for (name, field) in fields {
                let schema = &schema["properties"][name];
                let schema =
                    if schema.is_null() { &document_map(document, at, name, schema) } else { schema };
                conforms(document, schema, field, &format!("{at}.{name}"));
            }
            for required in schema["required"].as_array().into_iter().flatten() {
                assert!(fields.contains_key(required.as_str().expect("a name")), "{at} has no {required}");
            }
        }
        _ => {}
    }
}

/// The only objects whose fields have no names of their own count viewers by protocol.
fn document_map(_document: &Value, at: &str, name: &str, _schema: &Value) -> Value {
    assert!(at.ends_with("viewers_by_wire"), "{at}.{name} is not in the document");
    json!({"type": "integer"})
}

/// What the document says about an answer.
pub fn said<'a>(document: &'a Value, path: &str, method: &str, status: u16) -> &'a Value {
    &document["paths"][path][method]["responses"][status.to_string()]["content"]["application/json"]["schema"]
}

#[test]
fn without_a_key_nothing_of_the_operator_is_told() {
    let api = Api::new();
    let document = api.document();
    let mut asked = 0;
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let concrete = path
                .replace("{app}", "live")
                .replace("{stream}", "a")
                .replace("{id}", "1")
                .replace("{recording}", "1")
                .replace("{room}", "r")
                .replace("{goods}", "g")
                .replace("{held}", "1")
                .replace("{seq}", "1");
            let method = method.to_uppercase();
            let ask = |headers: &str| api.raw(&method, &concrete[1..], headers, "");
            if operation["security"] == json!([]) {
                assert!(matches!(ask("").status, 200 | 404), "{method} {path}");
                continue;
            }
            asked += 1;
            assert_error(&ask(""), 401, "no_key");
            assert_error(&ask("Authorization: Basic d2tfOg==\r\n"), 401, "no_key");
            assert_eq!(ask("").header("www-authenticate"), Some("bearer realm=\"weir\""));
            let reader = ask(&format!("Authorization: bearer {}\r\n", api.read));
            match operation["x-scope"].is_null() {
                true => assert!(matches!(reader.status, 200 | 404), "{method} {path}: {}", reader.status),
                false => assert_error(&reader, 403, "read_only_key"),
            }
        }
    }
    assert!(asked >= 9, "{asked}");
    assert_error(&api.ask("GET", "streams", "wk_0", ""), 401, "bad_key");
}

#[test]
fn a_server_without_keys_tells_how_to_make_one_and_takes_it_without_a_restart() {
    let data = Folder::new("keys");
    let weir = Weir::start_in(data.path(), &[]);
    let ask = |key: &str| {
        http::get(weir.http, "/api/v1/streams", &format!("Authorization: Bearer {key}\r\n"))
            .expect("an answer")
    };
    let refused = http::get(weir.http, "/api/v1/streams", "").expect("an answer");
    assert_error(&refused, 401, "no_key");
    assert!(refused.text().contains("weir key create NAME"));
    for open in ["/api/v1/live", "/livez", "/readyz", "/startupz"] {
        assert_eq!(http::get(weir.http, open, "").expect("an answer").status, 200, "{open}");
    }
    let key = keys::create(data.path(), "a", Scope::Read, String::new()).expect("a key");
    assert_eq!(ask(key.expose()).status, 200);
    assert!(keys::delete(data.path(), "a").expect("a file"));
    assert_error(&ask(key.expose()), 401, "bad_key");
    // Without a data folder there is nowhere for a key to be.
    let bare = Weir::with(&[]);
    let answer =
        http::get(bare.http, "/api/v1/streams", &format!("Authorization: Bearer {}\r\n", key.expose()));
    assert_error(&answer.expect("an answer"), 401, "bad_key");
}

#[test]
fn keys_that_cannot_be_read_are_the_servers_fault_and_no_callers() {
    let api = Api::new();
    let (file, kept) = (api.data.file("keys.toml"), api.data.file("kept"));
    std::fs::rename(&file, &kept).expect("a file");
    // Root, who may run this test, can read every file; nobody can read a folder as one.
    std::fs::create_dir(&file).expect("a folder");
    for key in [api.write.as_str(), "wk_wrong"] {
        assert_error(&api.ask("GET", "streams", key, ""), 503, "keys_unreadable");
    }
    std::fs::remove_dir(&file).expect("a folder");
    std::fs::rename(&kept, &file).expect("a file");
    assert_eq!(api.ask("GET", "streams", &api.write, "").status, 200);
}

#[test]
fn an_address_that_tries_keys_is_told_to_wait_and_a_good_key_passes_all_the_same() {
    let api = Api::new();
    for _ in 0..10 {
        assert_error(&api.ask("GET", "streams", "wk_wrong", ""), 401, "bad_key");
    }
    let waits = api.ask("GET", "streams", "wk_wrong", "");
    assert_error(&waits, 429, "too_many_tries");
    assert!(
        waits
            .header("retry-after")
            .is_some_and(|wait| (1..=60).contains(&wait.parse::<u32>().expect("seconds")))
    );
    assert_eq!(api.ask("GET", "streams", &api.read, "").status, 200);
}

#[test]
fn a_stream_and_its_clients_are_told_as_the_document_says() {
    let api = Api::new();
    let document = api.document();
    let _publisher = api.publish("live/room1");
    let _other = api.publish("a/b/room2");
    let urls =
        [api.weir.rtmp_url("live/room1"), api.weir.flv_url("live/room1"), api.weir.ws_url("live/room1")];
    let _viewers: Vec<Viewer> = urls.iter().map(|url| Viewer::open(url).expect("a viewer")).collect();
    api.weir.wait_viewers("live/room1", 3);
    api.weir.wait_for("bytes of three viewers", || {
        api.get("streams/live/room1")["bytes_out"].as_u64().is_some_and(|bytes| bytes > 3 * 8_000)
    });

    let list = api.get("streams");
    conforms(&document, said(&document, "/streams", "get", 200), &list, "streams");
    let names = |list: &Value, of: &str| {
        let items = list[of].as_array().expect("a list").iter();
        items
            .map(|item| format!("{}/{}", item["app"].as_str().unwrap(), item["stream"].as_str().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&list, "streams"), ["a/b/room2", "live/room1"]);
    let first = api.get("streams?limit=1");
    assert_eq!(
        (names(&first, "streams"), &first["next"]),
        (vec!["a/b/room2".to_owned()], &json!("a/b/room2"))
    );
    let second = api.get("streams?limit=1&after=a/b/room2");
    assert_eq!((names(&second, "streams"), &second["next"]), (vec!["live/room1".to_owned()], &Value::Null));
    assert_eq!(names(&api.get("streams?app=a/b"), "streams"), ["a/b/room2"]);

    let one = api.get("streams/live/room1");
    conforms(&document, said(&document, "/streams/{app}/{stream}", "get", 200), &one, "stream");
    assert_eq!((&one["phase"], &one["viewers"]), (&json!("on_air"), &json!(3)));
    assert_eq!(one["viewers_by_wire"], json!({"rtmp": 1, "http-flv": 1, "ws-flv": 1}));
    assert_eq!((&one["video"]["codec"], &one["video"]["width"]), (&json!("H.264"), &json!(64)));
    assert_eq!(one["audio"]["sample_rate"], 44_100);
    // The clip has a key frame per second; its last sound is at 2380 ms and its last picture at 2360.
    assert_eq!((&one["gop_ms"], &one["av_skew_ms"]), (&json!(1_000), &json!(20)));
    assert!(one["fps"].as_f64().unwrap() > 0.0 && one["bitrate_kbps"].as_u64().unwrap() > 0);
    assert_eq!((&one["time_jumps"], &one["takeovers"]), (&json!(0), &json!(0)));
    assert_eq!(one["publisher"]["peer"], "127.0.0.1");
    assert_eq!(api.get("streams/a%2Fb/room2")["app"], "a/b");

    let all = api.get("clients");
    conforms(&document, said(&document, "/clients", "get", 200), &all, "clients");
    assert_eq!(all["clients"].as_array().unwrap().len(), 5);
    let viewers = api.get("clients?stream=live/room1&role=viewer&wire=ws-flv");
    let [viewer] = viewers["clients"].as_array().unwrap().as_slice() else { panic!("{viewers}") };
    let same = api.get(&format!("clients/{}", viewer["id"]));
    conforms(&document, said(&document, "/clients/{id}", "get", 200), &same, "client");
    assert_eq!((&same["id"], &same["wire"]), (&viewer["id"], &json!("ws-flv")));
    let page = api.get("clients?limit=2");
    assert_eq!(page["next"], page["clients"][1]["id"]);
    assert_eq!(api.get(&format!("clients?after={}", page["next"]))["clients"].as_array().unwrap().len(), 3);

    for (path, status, code) in [
        ("streams/live/nobody", 404, "not_on_air"),
        ("streams/live/..", 400, "bad_name"),
        ("clients/999999", 404, "no_client"),
        ("clients/one", 404, "no_client"),
        ("clients?role=king", 400, "bad_value"),
        ("clients?limit=201", 400, "bad_value"),
        ("clients?limit=0", 400, "bad_value"),
        ("clients?limit=1&limit=2", 400, "bad_value"),
        ("clients?limt=1", 400, "bad_value"),
        ("clients?after=%zz", 400, "bad_query"),
        ("nothing", 404, "not_found"),
    ] {
        assert_error(&api.ask("GET", path, &api.read, ""), status, code);
    }
}

#[test]
fn a_kick_ends_a_client_on_every_wire_with_its_reason() {
    let api = Api::new();
    let mut publisher = api.publish("live/room1");
    let urls =
        [api.weir.rtmp_url("live/room1"), api.weir.ws_url("live/room1"), api.weir.flv_url("live/room1")];
    for (url, wire) in urls.iter().zip(["rtmp", "ws-flv", "http-flv"]) {
        let mut viewer = Viewer::open(url).expect("a viewer");
        api.weir.wait_viewers("live/room1", 1);
        let id = api.get(&format!("clients?role=viewer&wire={wire}"))["clients"][0]["id"].clone();
        assert_eq!(api.write("DELETE", &format!("clients/{id}?reason=too%20loud"), Value::Null).status, 202);
        while viewer.next().expect("a connection that is ended in good order").is_some() {}
        // The server gives a viewer some seconds to read its farewell, unless the viewer hangs up.
        viewer.socket().shutdown(std::net::Shutdown::Write).expect("a socket");
        // Over RTMP the words follow the mark of the end; FLV over HTTP has no place for them.
        let rest = String::from_utf8_lossy(&viewer.rest().expect("the end")).into_owned();
        let told =
            viewer.reason().is_some_and(|reason| reason.contains("too loud")) || rest.contains("too loud");
        assert!(told || wire == "http-flv", "{wire}: {:?} {rest}", viewer.reason());
        api.weir.wait_viewers("live/room1", 0);
        api.weir.wait_for("the end of the session", || {
            api.ask("GET", &format!("clients/{id}"), &api.read, "").status == 404
        });
    }
    let id = api.get("clients?role=publisher")["clients"][0]["id"].clone();
    assert_eq!(api.write("DELETE", &format!("clients/{id}"), Value::Null).status, 202);
    let reason = publisher.ended().expect("an end");
    assert!(reason.contains("the operator ended this connection"), "{reason}");
    assert_error(&api.write("DELETE", "clients/999999", Value::Null), 404, "no_client");
}

#[test]
fn a_forbidden_stream_ends_and_stays_out_over_a_restart_until_it_is_resumed() {
    let api = Api::new();
    let document = api.document();
    let mut publisher = api.publish("live/room1");
    let mut viewer = Viewer::open(&api.weir.rtmp_url("live/room1")).expect("a viewer");
    let answer =
        api.write("POST", "streams/live/room1/forbid", json!({"seconds": 3600, "reason": "not here"}));
    assert_eq!(answer.status, 200, "{}", answer.text());
    conforms(
        &document,
        said(&document, "/streams/{app}/{stream}/forbid", "post", 200),
        &json(&answer),
        "forbid",
    );
    assert!(publisher.ended().expect("an end").contains("not here"));
    while viewer.next().expect("a connection that is ended in good order").is_some() {}
    let refused = Publisher::connect(&api.weir.rtmp_url("live/room1")).err().expect("a refusal").to_string();
    assert!(refused.contains("not here"), "{refused}");
    assert!(Viewer::open(&api.weir.flv_url("live/room1")).is_err());
    // Twice is the same; for ever, with no body at all.
    assert_eq!(json(&api.write("POST", "streams/live/room2/forbid", Value::Null))["until"], Value::Null);
    assert_eq!(api.write("POST", "streams/live/room2/forbid", Value::Null).status, 200);

    let api = api.again();
    let list = api.get("forbidden");
    conforms(&document, said(&document, "/forbidden", "get", 200), &list, "forbidden");
    assert_eq!(list["forbidden"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&list["forbidden"][0]["reason"], &list["forbidden"][1]["until"]),
        (&json!("not here"), &Value::Null)
    );
    assert_eq!(api.get("forbidden?limit=1")["next"], "live/room1");
    assert_eq!(api.get("forbidden?after=live/room1")["forbidden"][0]["stream"], "room2");
    assert!(Publisher::connect(&api.weir.rtmp_url("live/room1")).is_err());
    assert_eq!(api.write("DELETE", "streams/live/room1/forbid", Value::Null).status, 204);
    assert_eq!(
        api.write("DELETE", "streams/live/room1/forbid", Value::Null).status,
        204,
        "again is the same"
    );
    let _publisher = api.publish("live/room1");

    let api = api.again();
    assert_eq!(api.get("forbidden")["forbidden"].as_array().unwrap().len(), 1);
    for (body, code) in [
        (json!({"seconds": 0}), "bad_value"),
        (json!({"until": "soon"}), "bad_value"),
        (json!({"until": "4102444800"}), "bad_value"),
        (json!({"seconds": 1.5}), "bad_body"),
        (json!({"second": 1}), "bad_body"),
        (json!({"seconds": "1"}), "bad_body"),
    ] {
        assert_error(&api.write("POST", "streams/live/x/forbid", body), 400, code);
    }
    assert_error(&api.write("POST", "streams/live/a%20b/forbid", Value::Null), 400, "bad_name");
    let over = api.write("POST", "streams/live/x/forbid", json!({"until": "2000-01-01T00:00:00Z"}));
    assert_error(&over, 409, "over");
    api.weir.clock.set_unix_ms(1_800_000_000_000);
    let both = json!({"seconds": 315_360_000, "until": "2030-01-01T08:00:00+08:00"});
    let answer = api.write("POST", "streams/live/x/forbid", both);
    assert_eq!(json(&answer)["until"], "2030-01-01T00:00:00Z", "the earlier of two");
}

#[test]
fn a_released_name_can_be_taken_by_another_and_viewers_stay() {
    let data = Folder::new("release");
    let key = keys::create(data.path(), "w", Scope::Write, String::new()).expect("a key");
    let weir = Weir::start_in(data.path(), &[("hub.grace_seconds", "60")]);
    let api = Api { weir, data, read: key.expose().to_owned(), write: key.expose().to_owned() };
    let mut publisher = api.publish("live/room1");
    let mut viewer = Viewer::open(&api.weir.rtmp_url("live/room1")).expect("a viewer");
    assert_eq!(api.write("POST", "streams/live/room1/release", Value::Null).status, 202);
    assert!(publisher.ended().expect("an end").contains("released this stream name"));
    api.weir.wait_for("the grace", || api.get("streams/live/room1")["phase"] == "grace");
    assert_error(&api.write("POST", "streams/live/room1/release", Value::Null), 409, "no_publisher");
    let _next = api.publish("live/room1");
    assert_eq!(api.get("streams/live/room1")["takeovers"], 1);
    assert!(viewer.next().expect("a frame").is_some());
    assert_eq!(api.get("streams/live/room1")["viewers"], 1);
    assert_error(&api.write("POST", "streams/live/nobody/release", Value::Null), 404, "not_on_air");
}

#[test]
fn addresses_that_the_api_makes_are_good() {
    let data = Folder::new("addresses");
    let key = keys::create(data.path(), "w", Scope::Write, String::new()).expect("a key");
    let weir = Weir::start_in(data.path(), &[("push.scheme", "tencent"), ("play.scheme", "tencent")]);
    let api = Api { weir, data, read: key.expose().to_owned(), write: key.expose().to_owned() };
    let document = api.document();
    let make = |body: Value| {
        let answer = api.write("POST", "addresses", body);
        assert_eq!(answer.status, 201, "{}", answer.text());
        let made = json(&answer);
        conforms(&document, said(&document, "/addresses", "post", 201), &made, "addresses");
        made
    };
    let push = make(json!({"action": "push", "app": "live", "stream": "room1", "expires_in": 600}));
    let mut publisher = Publisher::connect(push["url"].as_str().unwrap()).expect("a publisher");
    publisher.send_headers(30).expect("headers");
    publisher.send_all(&Clip::default().shots(0, 800)).expect("pictures");
    api.weir.wait_on_air("live/room1");
    assert_eq!(
        push["url"],
        format!("{}/{}", push["server"].as_str().unwrap(), push["stream_key"].as_str().unwrap())
    );
    assert!(push["rtmp"].is_null() && push["expires_at"].is_string());
    let play = make(json!({"action": "play", "app": "live", "stream": "room1"}));
    for wire in ["rtmp", "flv", "ws_flv"] {
        Viewer::open(play[wire].as_str().unwrap()).unwrap_or_else(|error| panic!("{wire}: {error}"));
    }
    for (body, status, code) in [
        (json!({"action": "pull", "app": "live", "stream": "a"}), 400, "bad_body"),
        (json!({"action": "push", "app": "live"}), 400, "bad_body"),
        (json!({"action": "push", "app": "live", "stream": "a/b"}), 400, "bad_name"),
        (json!({"action": "push", "app": "live", "stream": "a", "expires_in": 0}), 400, "bad_value"),
        (Value::Null, 400, "bad_body"),
    ] {
        assert_error(&api.write("POST", "addresses", body), status, code);
    }
}

#[test]
fn bodies_are_bounded_and_of_one_kind_and_the_connection_goes_on_behind_them() {
    let api = Api::new();
    let head = |more: &str| format!("Authorization: Bearer {}\r\n{more}", api.write);
    let forbid = |headers: &str, rest: &str| api.raw("POST", "streams/live/a/forbid", &head(headers), rest);
    let json_type = "Content-Type: application/json\r\n";
    let body = |text: &str| format!("Content-Length: {}\r\n\r\n{text}", text.len());
    assert_error(&forbid("", &body("{}")), 415, "not_json");
    assert_eq!(forbid("Content-Type: Application/JSON; charset=utf-8\r\n", &body("{}")).status, 200);
    for text in ["{", "[]", "\u{feff}{}", "{\"reason\": \"a\", \"reason\": \"b\"}", &"[".repeat(10_000)] {
        assert_error(&forbid(json_type, &body(text)), 400, "bad_body");
    }
    let padded = |size: usize| format!("{{{}}}", " ".repeat(size - 2));
    assert_eq!(forbid(json_type, &body(&padded(64 * 1024))).status, 200);
    assert_error(&forbid(json_type, "Content-Length: 65537\r\n\r\n"), 413, "bad_request");
    assert_error(
        &forbid(json_type, "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
        411,
        "bad_request",
    );
    assert_error(&forbid(json_type, "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x"), 400, "bad_request");
    let get = api.raw("GET", "streams", &head(""), &body("{}"));
    assert_error(&get, 400, "bad_request");
    let put = api.ask("PUT", "streams/live/a", &api.write, "");
    assert_error(&put, 405, "method_not_allowed");
    assert_eq!(put.header("allow"), Some("get, head, options"));

    // Two requests in one write, the first with a body that looks like a request: three answers would be one too many.
    let inner = "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n";
    let first = format!(
        "POST /api/v1/streams/live/a/forbid HTTP/1.1\r\nHost: h\r\n{}{}",
        head(json_type),
        body(inner)
    );
    let second = "GET /livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let mut socket = TcpStream::connect(api.weir.http).expect("a connection");
    socket.write_all(format!("{first}{second}").as_bytes()).expect("sent");
    let mut text = String::new();
    socket.read_to_string(&mut text).expect("answers");
    assert_eq!(text.matches("HTTP/1.1 ").count(), 2, "{text}");
    assert!(text.starts_with("HTTP/1.1 400") && text.ends_with("ok\n"), "{text}");

    // A client that asks first is told to go on.
    let mut socket = TcpStream::connect(api.weir.http).expect("a connection");
    socket.set_read_timeout(Some(Duration::from_secs(30))).expect("a socket");
    let ask = format!(
        "POST /api/v1/streams/live/a/forbid HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nConnection: close\r\n{}Content-Length: 2\r\n\r\n",
        head(json_type)
    );
    socket.write_all(ask.as_bytes()).expect("sent");
    let mut go_on = [0; 25];
    socket.read_exact(&mut go_on).expect("an answer");
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    socket.write_all(b"{}").expect("sent");
    let mut text = String::new();
    socket.read_to_string(&mut text).expect("an answer");
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
}

#[test]
fn a_server_that_drains_is_not_ready_but_alive() {
    let api = Api::new();
    let status = |path: &str| http::get(api.weir.http, path, "").expect("an answer").status;
    assert_eq!((status("/livez"), status("/readyz"), status("/startupz")), (200, 200, 200));
    api.weir.app().begin_drain(Duration::from_secs(60));
    assert_eq!((status("/livez"), status("/readyz"), status("/startupz")), (200, 503, 200));
    assert!(api.weir.app().cancel_drain());
    assert_eq!(status("/readyz"), 200);
}

#[test]
fn the_page_of_the_api_is_served_with_a_policy_that_lets_nothing_in() {
    let api = Api::new();
    let page = http::get(api.weir.http, "/api/v1/docs", "").expect("an answer");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(
        page.header("content-security-policy").is_some_and(|policy| policy.starts_with("default-src 'none'"))
    );
    assert!(page.text().contains("/api/v1/streams/{app}/{stream}/forbid"));
    assert_eq!(api.document()["openapi"], "3.1.0");
}

/// What a command line came to: exit code, what was printed, what was told.
pub fn command(args: &[&str], env: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_weir"));
    let output = command.args(args).env_clear().envs(env.iter().copied()).output().expect("weir starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_command_line_gives_orders_to_the_running_server() {
    let api = Api::new();
    let server = format!("http://{}", api.weir.http);
    let data = api.data.path().to_string_lossy().into_owned();
    let run = |args: &[&str], env: &[(&str, &str)]| command(&[args, &["--data", &data]].concat(), env);
    let (code, _, told) = run(&["streams"], &[]);
    assert!(code == Some(1) && told.contains("--server"), "{told}");
    api.weir.app().operator.keys.leave_local(api.data.path(), &server).expect("a local key");
    assert_eq!(run(&["streams"], &[]), (Some(0), "nothing is on air\n".into(), String::new()));

    let mut publisher = api.publish("live/room1");
    let (_, listed, _) = run(&["streams"], &[]);
    let row: Vec<&str> = listed.lines().nth(1).expect("a stream").split_whitespace().collect();
    assert_eq!((row[0], row[1], row[2]), ("live/room1", "on_air", "0"), "{listed}");
    let (_, listed, _) = run(&["streams", "--json"], &[]);
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    let id = listed["streams"][0]["publisher"]["session"].to_string();
    let (code, done, told) = run(&["kick", &id, "--reason", "see you & bye"], &[]);
    assert_eq!((code, done, told), (Some(0), format!("client {id} is being ended\n"), String::new()));
    assert!(publisher.ended().expect("an end").contains("see you & bye"));
    let (code, _, told) = run(&["kick", "999999"], &[]);
    assert_eq!((code, told.as_str()), (Some(1), "weir: no client of this number is connected\n"));

    let (_, done, _) = run(&["forbid", "live/room1", "--for", "2h", "--reason", "no"], &[]);
    assert!(done.starts_with("live/room1 is forbidden until 20"), "{done}");
    assert!(Publisher::connect(&api.weir.rtmp_url("live/room1")).is_err());
    assert_eq!(run(&["resume", "live/room1"], &[]).1, "live/room1 is allowed\n");
    let _publisher = api.publish("live/room1");

    // From elsewhere: a key that may only read, in the environment; and the local key goes nowhere else.
    let nowhere = Folder::new("nowhere");
    let elsewhere = nowhere.path().to_string_lossy().into_owned();
    let remote = |args: &[&str], key: &str| {
        command(&[args, &["--data", &elsewhere, "--server", &server]].concat(), &[("WEIR_KEY", key)])
    };
    assert!(remote(&["streams"], &api.read).1.contains("live/room1"));
    assert!(remote(&["resume", "live/a"], &api.read).2.contains("this key may only read"));
    assert!(remote(&["streams"], "").2.contains("WEIR_KEY"));
    assert!(run(&["streams", "--server", "http://127.0.0.1:9"], &[]).2.contains("wants a key"));
    assert!(
        command(&["streams", "--data", &elsewhere, "--server", "http://127.0.0.1:9", "--key", "x"], &[])
            .2
            .contains("no answer")
    );
    assert!(
        command(&["streams", "--data", &elsewhere, "--server", "https://a", "--key", "x"], &[])
            .2
            .contains("for https use curl")
    );
}

#[test]
fn keys_are_made_listed_and_deleted_on_the_command_line() {
    let folder = Folder::new("keys");
    let data = folder.file("data").to_string_lossy().into_owned();
    let run = |args: &[&str]| command(&[&["key"], args, &["--data", &data]].concat(), &[]);
    assert!(run(&["list"]).1.contains("weir key create"));
    let (code, made, _) = run(&["create", "console", "--scope", "write"]);
    let key = made.lines().next().expect("a key");
    assert!(code == Some(0) && key.starts_with("wk_") && key.len() == 67, "{made}");
    let kept = std::fs::read_to_string(folder.file("data/keys.toml")).expect("a file");
    assert!(!kept.contains(&key[3..]));
    let (_, list, _) = run(&["list"]);
    assert!(list.split_whitespace().take(2).eq(["console", "write"]) && !list.contains("wk_"), "{list}");
    assert!(run(&["create", "console"]).2.contains("already"));
    assert!(run(&["create", "a b"]).2.contains("cannot be a key's name"));
    assert_eq!(run(&["delete", "console"]).1, "console is no longer good\n");
    assert_eq!(run(&["delete", "console"]).0, Some(1));
}

#[test]
fn a_served_data_folder_is_enough_for_the_command_line() {
    let folder = Folder::new("serve");
    let process = crate::cli::Process::serve(&folder, &[], &[]);
    process.wait_stdout("the addresses", |text| text.contains("rtmp://"));
    let data = folder.file("data").to_string_lossy().into_owned();
    assert_eq!(
        command(&["streams", "--data", &data], &[]),
        (Some(0), "nothing is on air\n".into(), String::new())
    );
    assert_eq!(process.terminate().code, Some(0));
}

#[test]
fn documents_are_sent_to_whoever_does_not_have_them() {
    let weir = Weir::start("", &[]);
    for path in ["/api/v1/openapi.json", "/api/v1/asyncapi.json"] {
        let whole = http::get(weir.http, path, "").expect("an answer");
        json(&whole);
        let tag = whole.header("etag").expect("an ETag");
        assert_eq!(whole.header("cache-control"), Some("no-cache"));
        let again = http::get(weir.http, path, &format!("If-None-Match: {tag}\r\n")).expect("an answer");
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        let request = format!("HEAD {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        let head = http::exchange(weir.http, request.as_bytes()).expect("an answer");
        assert_eq!((head.status, head.header("content-length")), (200, whole.header("content-length")));
    }
}

/// `tests/api` says how it is tried, and which rules of the API no schema can say.
#[test]
fn schemathesis_finds_nothing_that_is_not_as_the_document_says() {
    let api = Api::new();
    let _publisher = api.publish("live/room1");
    let lottery = furnish(&api);
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests");
    let output = std::process::Command::new(format!("{root}/.venv/bin/schemathesis"))
        .arg("--config-file")
        .arg(format!("{root}/api/schemathesis.toml"))
        .arg("run")
        .arg(format!("http://{}/api/v1/openapi.json", api.weir.http))
        .args(["-H", &format!("Authorization: Bearer {}", api.write)])
        .args(["--max-examples", "5", "--seed", "7", "--no-color", "--generation-database", "none"])
        // A drain is meant to make other answers refusals; tests/it/operate.rs has it.
        .args(["--exclude-path-regex", "/drain$"])
        .args(["--phases", "coverage,fuzzing", "--suppress-health-check", "all"])
        .env("LOTTERY", lottery)
        .env("PYTHONPATH", format!("{root}/api"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(api.data.path())
        .output()
        .expect("schemathesis, which `tools/need test` installs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// Makes what the operations of rooms are about. The answer is the id of a lottery.
fn furnish(api: &Api) -> String {
    let put = |method: &str, path: &str, body: Value| {
        let answer = api.write(method, path, body);
        assert!(answer.status < 300, "{path}: {}", answer.text());
        answer
    };
    for room in ["kept", "ends", "goes"] {
        put("POST", "rooms", json!({"id": room, "title": "show", "host": {"id": "u1"}}));
    }
    for gift in ["rose", "goes"] {
        put("PUT", &format!("gifts/{gift}"), json!({"name": gift}));
        put("PUT", &format!("rooms/kept/gifts/{gift}"), json!({"name": gift, "claim": "room"}));
    }
    for goods in ["g1", "goes"] {
        put("POST", "rooms/kept/goods", json!({"id": goods, "name": goods, "price": 1}));
    }
    for text in ["one", "two"] {
        put("POST", "rooms/kept/messages", json!({"text": text}));
    }
    for path in ["rooms/kept/sanctions", "sanctions"] {
        put("POST", path, json!({"kind": "mute", "user": "u9"}));
    }
    for path in ["rooms/kept/words", "words"] {
        put("PUT", path, json!({"words": [{"word": "rude", "action": "hold"}]}));
    }
    put("POST", "rooms/kept/reminders", json!({"user": "u9"}));
    let lottery = put("POST", "rooms/kept/lotteries", json!({"prize": "a scarf", "take_part": "present"}));
    json(&lottery)["id"].as_str().expect("an id").to_owned()
}

#[test]
fn a_console_made_for_srs_finds_what_it_knows_on_a_port_of_its_own() {
    use base64::Engine as _;
    let data = Folder::new("srs");
    let key = keys::create(data.path(), "w", Scope::Write, String::new()).expect("a key");
    let key = key.expose().to_owned();
    let weir =
        Weir::start_in(data.path(), &[("compat.srs_api", "true"), ("compat.srs_listen", "127.0.0.1:0")]);
    let api = Api { weir, data, read: key.clone(), write: key.clone() };
    let addr = api.weir.app().ports().srs.expect("a listener");
    let ask = |method: &str, path: &str, authorization: &str| {
        let request = format!(
            "{method} /api/v1/{path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: {authorization}\r\n\r\n"
        );
        http::exchange(addr, request.as_bytes()).expect("an answer")
    };
    let bearer = format!("Bearer {key}");
    let get = |path: &str| {
        let answer = ask("GET", path, &bearer);
        let body = json(&answer);
        assert_eq!((answer.status, &body["code"]), (200, &json!(0)), "{path}: {body}");
        assert!(body["server"].is_string() && body["pid"].is_string());
        body
    };
    let mut publisher = api.publish("live/room1");
    let _viewer = Viewer::open(&api.weir.flv_url("live/room1")).expect("a viewer");
    api.weir.wait_viewers("live/room1", 1);

    assert_eq!(get("versions/")["data"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(get("summaries")["data"]["ok"], true);
    assert_eq!(get("vhosts")["vhosts"][0]["name"], "__defaultVhost__");
    let streams = get("streams/");
    let stream = &streams["streams"][0];
    assert_eq!(
        (&stream["name"], &stream["app"], &stream["url"]),
        (&json!("room1"), &json!("live"), &json!("/live/room1"))
    );
    assert_eq!((&stream["clients"], &stream["publish"]["active"]), (&json!(2), &json!(true)));
    assert_eq!(
        (&stream["video"]["codec"], &stream["video"]["profile"]),
        (&json!("H264"), &json!("Baseline"))
    );
    assert_eq!((&stream["audio"]["codec"], &stream["audio"]["channel"]), (&json!("AAC"), &json!(2)));
    assert_eq!(get(&format!("streams/{}", stream["id"].as_str().unwrap()))["stream"]["name"], "room1");
    let clients = get("clients?start=0&count=1");
    assert_eq!(clients["clients"].as_array().map(Vec::len), Some(1));
    let client = &clients["clients"][0];
    assert_eq!((&client["type"], &client["publish"]), (&json!("fmle-publish"), &json!(true)));
    assert_eq!((&client["id"], &client["stream"]), (&stream["publish"]["cid"], &stream["id"]));
    assert_eq!(get("clients?start=1")["clients"][0]["type"], "flv-play");

    let basic = base64::engine::general_purpose::STANDARD.encode(format!("admin:{key}"));
    let id = client["id"].as_str().unwrap();
    let kicked = ask("DELETE", &format!("clients/{id}"), &format!("Basic {basic}"));
    assert_eq!((kicked.status, &json(&kicked)["code"]), (200, &json!(0)));
    assert!(publisher.ended().expect("an end").contains("the operator ended this connection"));
    assert_eq!(json(&ask("DELETE", "clients/999999", &bearer))["code"], 2049);
    assert_eq!(json(&ask("GET", "streams/vid-nobody", &bearer))["code"], 2048);
    assert_eq!(ask("GET", "nothing", &bearer).status, 404);
    assert_eq!(ask("GET", "streams", "Basic eDp5").status, 401);
    assert_eq!(ask("GET", "streams", "").status, 401);
}
