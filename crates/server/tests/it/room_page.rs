//! What the page of a room is served with, and the room of the demo.

use control::room::show::Happening;
use serde_json::json;
use testkit::chat::ChatClient;
use testkit::http::{self, Answer};
use weir::room::{Act, By, act};

use crate::harness::{Folder, Weir};

fn get(weir: &Weir, target: &str, headers: &str) -> Answer {
    http::get(weir.http, target, headers).expect("an answer")
}

#[test]
fn a_room_has_a_page_and_pages_of_others_have_its_client() {
    let weir = Weir::with(&[("http.cors_origins", "https://shop.example")]);
    let page = get(&weir, "/r/show-1_x", "");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    // People's pictures and covers are elsewhere; scripts are not.
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.contains("default-src 'self'; img-src 'self' data: blob: https: http:;"), "{policy}");
    for nowhere in ["/r/", "/r/a/b", "/r/a.b", "/r/%E8%8C%B6"] {
        assert_eq!(get(&weir, nowhere, "").status, 404, "{nowhere}");
    }
    let client = get(&weir, "/weir-chat.js", "Origin: https://shop.example\r\n");
    assert_eq!((client.status, client.header("content-type")), (200, Some("text/javascript; charset=utf-8")));
    assert_eq!(client.header("cache-control"), Some("no-cache"), "its name stays when it changes");
    assert_eq!(client.header("access-control-allow-origin"), Some("https://shop.example"));
    assert!(client.text().contains("ChatClient"));
}

#[test]
fn the_demo_has_a_room_which_is_live_again_after_every_start() {
    let data = Folder::new("room-page");
    let demo = [("demo.enabled", "true")];
    for _ in 0..2 {
        let weir = Weir::start_in(data.path(), &demo);
        let app = weir.shared();
        let is_live = || {
            let guest = ChatClient::enter(weir.http, &json!({"room": "demo", "guest": ""}));
            guest.is_ok_and(|guest| guest.welcome["room"]["state"] == "live")
        };
        weir.wait_for("a room on air", is_live);
        let until = weir.clock.unix_seconds() + 60;
        let token = weir::demo::host_token(&app, "demo", until).expect("a token");
        let mut host =
            ChatClient::enter(weir.http, &json!({"room": "demo", "token": token})).expect("the host");
        assert_eq!(host.welcome["you"]["role"], "host");
        let elsewhere = ChatClient::enter(weir.http, &json!({"room": "other", "token": token}));
        assert!(elsewhere.err().unwrap().to_string().contains("not_allowed"));
        weir.block_on(act(&app, "demo", &By::System, Act::Show(Happening::End))).expect("ended");
        host.wait_item(|item| item["event"] == "state" && item["state"] == "ended").expect("told");
    }
}
