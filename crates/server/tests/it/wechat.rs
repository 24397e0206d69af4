//! Sign-in of a mini-program's users, against a server that answers as WeChat's documentation says, and against some that do not.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use testkit::chat::ChatClient;
use testkit::http::Answer;
use weir::identity::{By, Verified};

use crate::api::{Api, assert_error, conforms, json as body, said};
use crate::cli::Process;
use crate::gifts::make_room;
use crate::harness::{Folder, Weir};
use crate::logs::Printed;
use crate::receiver::{Receiver, Reply};

const SESSION_KEY: &str = "HyVFkGl5F5OQWJZZaNzBBg==";
const APP_SECRET: &str = "0123456789abcdef0123456789abcdef";

/// What follows `js_code=` in what WeChat was asked.
fn code_of(path: &str) -> &str {
    path.split("js_code=").nth(1).and_then(|rest| rest.split('&').next()).unwrap_or_default()
}

/// A WeChat that knows every code, and whose users are called after them, with a unionid if the code has a `u`.
fn wechat() -> Receiver {
    Receiver::answering(|heard, _| {
        Reply::With(200, "Content-Type: text/plain\r\n", known(code_of(&heard.path)))
    })
}

fn known(code: &str) -> String {
    let mut said = json!({"session_key": SESSION_KEY, "openid": format!("o6_bm-{code}")});
    if code.contains('u') {
        said["unionid"] = json!(format!("un-{code}"));
    }
    said.to_string()
}

fn with(wechat: &Receiver, file: &str, more: &[(&str, &str)]) -> Api {
    let base = wechat.url("");
    let set = [
        ("wechat.appid", "wx5d6a"),
        ("wechat.secret", APP_SECRET),
        ("wechat.base_url", &base),
        ("wechat.allow_private", "true"),
        ("wechat.timeout_ms", "400"),
    ];
    Api::with_file(file, &[&set, more].concat())
}

fn sign_in(api: &Api, wish: Value) -> Answer {
    api.ask("POST", "login/wechat", "", &wish.to_string())
}

fn verified(weir: &Weir, answer: &Answer) -> Verified {
    assert_eq!(answer.status, 201, "{}", answer.text());
    let token = body(answer)["token"].as_str().expect("a token").to_owned();
    weir.app().identity().verify(&token, weir.clock.unix_seconds()).expect("a good token")
}

#[test]
fn a_code_becomes_a_token_that_opens_the_chat() {
    let wechat = wechat();
    let api = with(&wechat, "", &[]);
    make_room(&api.weir);
    let wish = json!({"code": "0a&1=", "name": "小\u{202e}红", "avatar": "https://a.example/1.png"});
    let answer = sign_in(&api, wish);
    let document = api.document();
    conforms(&document, said(&document, "/login/wechat", "post", 201), &body(&answer), "token");
    assert!(answer.header("cache-control") == Some("no-store") && !answer.text().contains(SESSION_KEY));
    let asked = &wechat.heard()[0];
    let expected = format!(
        "/sns/jscode2session?appid=wx5d6a&secret={APP_SECRET}&js_code=0a%261%3D&grant_type=authorization_code"
    );
    assert!(asked.head.starts_with(&format!("GET {expected} ")), "{}", asked.head);
    let who = verified(&api.weir, &answer);
    assert_eq!((who.person.id.as_str(), who.person.name.as_str()), ("o6_bm-0a%261%3D", "小红"));
    assert_eq!((who.person.role.word(), who.room, who.by), ("viewer", None, By::Key("weir".into())));
    assert!((who.until - api.weir.clock.unix_seconds() - 12 * 3_600).abs() < 10);
    let token = &body(&answer)["token"];
    let mut client = ChatClient::enter(api.weir.http, &json!({"room": "r1", "token": token})).unwrap();
    assert_eq!(client.welcome["you"]["avatar"], "https://a.example/1.png");
    assert_eq!(client.say("c1", "你好").unwrap()["t"], "ack");

    // The code again, from a phone that did not hear the answer: WeChat need not be asked.
    assert_error(&sign_in(&api, json!({"code": "0a&1="})), 409, "code_used");
    // A name that cannot be costs no code.
    assert_error(&sign_in(&api, json!({"code": "b", "avatar": "javascript:1"})), 400, "bad_person");
    assert_error(&sign_in(&api, json!({"code": "b", "name": "n".repeat(65)})), 400, "bad_person");
    assert_error(&sign_in(&api, json!({"code": "a b"})), 400, "bad_code");
    assert_error(&sign_in(&api, json!({"code": "c".repeat(257)})), 400, "bad_code");
    assert_error(&sign_in(&api, json!({"code": "b", "role": "host"})), 400, "bad_body");
    assert_eq!(wechat.heard().len(), 1);
}

#[test]
fn whatever_wechat_says_the_answer_tells_whose_fault_it_is() {
    let fickle = AtomicUsize::new(0);
    let wechat = Receiver::answering(move |heard, _| {
        let code = code_of(&heard.path);
        let with = |status, body: &str| Reply::With(status, "", body.to_owned());
        match code {
            "redirect" => Reply::With(302, "Location: /elsewhere\r\n", String::new()),
            "500" => with(500, "{\"openid\":\"o\"}"),
            "html" => with(200, "<html>welcome</html>"),
            "empty" => with(200, "{}"),
            "list" => with(200, "[1]"),
            "blank" => with(200, "{\"openid\":\"\"}"),
            "space" => with(200, "{\"openid\":\"a b\",\"errcode\":0}"),
            "guest" => with(200, "{\"openid\":\"guest_1\"}"),
            "long" => with(200, &json!({"openid": "o".repeat(65)}).to_string()),
            "huge" => with(200, &format!("{{\"openid\":\"o\",\"more\":\"{}\"}}", "x".repeat(70_000))),
            "stall" => Reply::Stall,
            "close" => Reply::Close,
            "endless" => Reply::Endless,
            "fickle" if fickle.fetch_add(1, Ordering::Relaxed) == 0 => {
                with(200, "{\"errcode\":-1,\"errmsg\":\"system error\"}")
            }
            "fickle" => with(200, &known(code)),
            errcode => with(
                200,
                &format!(
                    "{{\"errcode\":{errcode},\"errmsg\":\"no, rid: 5f\",\"session_key\":\"{SESSION_KEY}\"}}"
                ),
            ),
        }
    });
    let api = with(&wechat, "", &[]);
    for (code, status, expected) in [
        ("40029", 400, "bad_code"),
        ("40163", 409, "code_used"),
        ("45011", 429, "wechat_too_often"),
        ("40226", 403, "wechat_blocked"),
        ("-1", 503, "wechat_busy"),
        ("500", 503, "wechat_busy"),
        ("40125", 502, "wechat_setup"),
        ("40013", 502, "wechat_setup"),
        ("12345", 502, "wechat_refuses"),
        ("redirect", 502, "wechat_garbled"),
        ("html", 502, "wechat_garbled"),
        ("empty", 502, "wechat_garbled"),
        ("list", 502, "wechat_garbled"),
        ("blank", 502, "wechat_garbled"),
        ("space", 502, "wechat_garbled"),
        ("guest", 502, "wechat_garbled"),
        ("long", 502, "wechat_garbled"),
        ("huge", 502, "wechat_garbled"),
        ("endless", 502, "wechat_garbled"),
        ("close", 502, "wechat_garbled"),
        ("stall", 503, "wechat_silent"),
    ] {
        let answer = sign_in(&api, json!({"code": code}));
        assert_error(&answer, status, expected);
        assert!(!answer.text().contains(SESSION_KEY), "{}", answer.text());
        assert_eq!(matches!(status, 429 | 503), answer.header("retry-after").is_some(), "{code}");
        let numbered = matches!(expected, "wechat_setup" | "wechat_refuses");
        assert_eq!(answer.text().contains(&format!("errcode {code}")), numbered, "{}", answer.text());
    }
    // What was not the code's fault leaves it good.
    assert_eq!(sign_in(&api, json!({"code": "fickle"})).status, 503);
    assert_eq!(sign_in(&api, json!({"code": "fickle"})).status, 201);
    assert_error(&sign_in(&api, json!({"code": "fickle"})), 409, "code_used");
    // Twice at a time: one question, and whoever came second is told.
    let count = wechat.heard().len();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| sign_in(&api, json!({"code": "stall"})));
        wechat.wait(count + 1);
        assert_error(&sign_in(&api, json!({"code": "stall"})), 409, "code_used");
        assert_error(&first.join().expect("an answer"), 503, "wechat_silent");
    });
    assert_eq!(wechat.heard().len(), count + 1);
}

#[test]
fn another_key_another_id_and_another_secret_are_in_force_after_a_reload() {
    let wechat = wechat();
    let key = "[[user_key]]\nkid = \"mine\"\nalgorithm = \"HS256\"\nsecret = \"0123456789abcdef0123456789abcdef\"\nmax_role = \"viewer\"\n";
    let api = with(
        &wechat,
        key,
        &[("wechat.kid", "mine"), ("wechat.user_id", "unionid"), ("wechat.token_hours", "1")],
    );
    let who = verified(&api.weir, &sign_in(&api, json!({"code": "u1"})));
    assert_eq!((who.person.id.as_str(), who.by), ("un-u1", By::Key("mine".into())));
    assert!((who.until - api.weir.clock.unix_seconds() - 3_600).abs() < 10);
    assert_error(&sign_in(&api, json!({"code": "a1"})), 502, "no_unionid");

    let file = api.data.file("new.toml");
    let base = wechat.url("/proxy/");
    let section =
        format!("[wechat]\nappid = \"wx7\"\nsecret = \"new\"\nbase_url = {base:?}\nallow_private = true\n");
    std::fs::write(&file, section).expect("a file");
    api.weir.reload_from(&file, &[]);
    assert_eq!(api.write("POST", "reload", json!({})).status, 200);
    assert_eq!(verified(&api.weir, &sign_in(&api, json!({"code": "u2"}))).person.id, "o6_bm-u2");
    let asked = wechat.heard().pop().expect("a question").path;
    assert!(asked.starts_with("/proxy/sns/jscode2session?appid=wx7&secret=new&"), "{asked}");
    std::fs::write(&file, "").expect("a file");
    assert_eq!(api.write("POST", "reload", json!({})).status, 200);
    assert_error(&sign_in(&api, json!({"code": "u3"})), 404, "no_wechat");
}

#[test]
fn an_address_that_signs_in_too_often_is_told_to_wait() {
    let wechat = wechat();
    let api = with(&wechat, "", &[("wechat.logins_per_minute", "2")]);
    for code in ["a", "b"] {
        assert_eq!(sign_in(&api, json!({"code": code})).status, 201);
    }
    let answer = sign_in(&api, json!({"code": "c"}));
    assert_error(&answer, 429, "too_many_logins");
    let wait = answer.header("retry-after").and_then(|wait| wait.parse().ok());
    assert!(wait.is_some_and(|wait: u64| (1..=60).contains(&wait)), "{}", answer.text());
    assert_eq!(wechat.heard().len(), 2);
}

#[test]
fn no_secret_of_a_sign_in_is_in_the_log() {
    let wechat = Receiver::answering(|heard, _| match code_of(&heard.path) {
        "hush1" => Reply::With(200, "", known("hush1")),
        "hush2" => Reply::With(
            200,
            "",
            format!("{{\"errcode\":40125,\"errmsg\":\"bad\",\"session_key\":\"{SESSION_KEY}\"}}"),
        ),
        "hush3" => Reply::With(200, "", format!("oops {SESSION_KEY}")),
        _ => Reply::Close,
    });
    let data = Folder::new("wechat");
    let base = wechat.url("");
    let process = Process::serve(
        &data,
        &[],
        &[
            ("WEIR__WECHAT__APPID", "wx5d6a"),
            ("WEIR__WECHAT__SECRET", APP_SECRET),
            ("WEIR__WECHAT__BASE_URL", &base),
            ("WEIR__WECHAT__ALLOW_PRIVATE", "true"),
            ("WEIR_LOG", "info,weir=trace"),
        ],
    );
    let http = Printed::of(&process).http;
    for code in ["hush1", "hush2", "hush3", "hush4"] {
        let wish = json!({"code": code}).to_string();
        let request = format!(
            "POST /api/v1/login/wechat HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{wish}",
            wish.len()
        );
        testkit::http::exchange(http, request.as_bytes()).expect("an answer");
    }
    let log = process.terminate().stderr;
    assert!(log.contains("40125"), "{log}");
    for secret in [SESSION_KEY, APP_SECRET, "hush", "o6_bm"] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}

/// What a mini-program's `wx` does, in Node.
const WX: &str = "
const wx = {
  login: ({ success }) => success({ code: 'u77' }),
  request: ({ url, method, data, success, fail }) =>
    fetch(url, { method, body: JSON.stringify(data), headers: { 'content-type': 'application/json' } })
      .then(async (answer) => success({ statusCode: answer.status, data: await answer.json() }), fail),
  connectSocket({ url }) {
    const socket = new WebSocket(url);
    return {
      send: ({ data }) => socket.send(data),
      close: () => socket.close(),
      onOpen: (act) => socket.addEventListener('open', act),
      onMessage: (act) => socket.addEventListener('message', act),
    };
  },
};
";

#[test]
fn a_mini_program_that_does_as_the_how_to_says_is_in_the_room() {
    let guides =
        [include_str!("../../../../docs/en/tokens.md"), include_str!("../../../../docs/zh/tokens.md")];
    let examples = guides.map(|guide| {
        guide.split("```js\n").nth(2).and_then(|rest| rest.split("```").next()).expect("an example")
    });
    assert_eq!(examples[0], examples[1], "both guides show the same code");
    let wechat = wechat();
    let api = with(&wechat, "", &[]);
    make_room(&api.weir);
    let code = examples[0].replace("https://live.example.com", &format!("http://{}", api.weir.http));
    let then =
        "enter('r1', '小红', (frame) => { console.log(JSON.stringify(frame.you)); process.exit(0); });";
    let mut node = Command::new("node");
    let output =
        node.args(["--experimental-websocket", "-e", &format!("{WX}{code}{then}")]).output().expect("node");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let you: Value = serde_json::from_slice(&output.stdout).expect("who it is");
    assert_eq!((you["id"].as_str(), you["name"].as_str()), (Some("o6_bm-u77"), Some("小红")), "{you}");
}
