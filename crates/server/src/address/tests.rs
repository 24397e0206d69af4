use super::*;
use crate::secrets::{Secret, Secrets};

const EXPIRES: i64 = 1_893_456_000;

fn secrets() -> Secrets {
    Secrets {
        push_key: Secret::new("f08e35b2c1d04a7fb5e2"),
        play_key: Secret::new("playkey9c1e77aa"),
        ..Secrets::default()
    }
}

fn made<T>(file: &str, secure: bool, make: impl FnOnce(&Maker<'_>) -> T) -> T {
    let config = Config::from_toml(file).unwrap();
    let authority = config.authority(&secrets()).unwrap();
    let ends = Ends::of(&config);
    make(&Maker { authority: &authority, ends: &ends, secure, expires: EXPIRES, nonce: "abc".into() })
}

fn path(text: &str) -> Path {
    text.parse().unwrap()
}

const HOST: &str = "[server]\npublic_host = \"192.0.2.7\"\n";

#[test]
fn a_fresh_server_signs_push_as_tencent_does_and_play_is_open() {
    let push = made(HOST, false, |maker| maker.push(&path("live/8888_user_1")).unwrap());
    // The published formula: md5(key + stream + txTime).
    let query = "txSecret=e7aa5c7c6fa1a916a32905ffe5b6bcc5&txTime=70DBD880";
    assert_eq!(push.server, "rtmp://192.0.2.7:1935/live");
    assert_eq!(push.stream_key, format!("8888_user_1?{query}"));
    assert_eq!(push.url, format!("{}/{}", push.server, push.stream_key));
    assert!(push.signed);
    let play = made(HOST, false, |maker| maker.play(&path("live/room1")).unwrap());
    assert_eq!(play.rtmp.as_deref(), Some("rtmp://192.0.2.7:1935/live/room1"));
    assert_eq!(play.flv.as_deref(), Some("http://192.0.2.7:8080/live/room1.flv"));
    assert_eq!(play.ws_flv.as_deref(), Some("ws://192.0.2.7:8080/live/room1.flv"));
    assert_eq!(play.hls.as_deref(), Some("http://192.0.2.7:8080/live/room1.m3u8"));
    assert_eq!(play.page.as_deref(), Some("http://192.0.2.7:8080/play/live/room1"));
    assert!(!play.signed);
}

#[test]
fn every_scheme_makes_addresses_that_its_own_domain_grants() {
    use control::query::Query;
    use control::request::{Action, Request};
    for scheme in ["tencent", "aliyun", "qiniu", "huawei_a", "huawei_b", "huawei_d", "open"] {
        let rules = format!("scheme = \"{scheme}\"\naccess_key = \"AK\"\nvalidity_seconds = 60\n");
        let file = format!("{HOST}[push]\n{rules}[play]\n{rules}");
        let (push, play, authority) = made(&file, false, |maker| {
            (
                maker.push(&path("live/room1")).unwrap(),
                maker.play(&path("live/room1")).unwrap(),
                maker.authority.clone(),
            )
        });
        assert_eq!(push.signed, scheme != "open", "{scheme}");
        assert_eq!(play.signed, scheme != "open", "{scheme}");
        for (action, address) in [
            (Action::Push, push.url),
            (Action::Play, play.rtmp.unwrap()),
            (Action::Play, play.flv.unwrap()),
            (Action::Play, play.ws_flv.unwrap()),
            (Action::Play, play.hls.unwrap()),
        ] {
            let (address, query) = address.split_once('?').unwrap_or((&address, ""));
            let own = format!("/{}", address.splitn(4, '/').nth(3).unwrap());
            let query = Query::parse(query).unwrap();
            let request = Request {
                action,
                host: "192.0.2.7",
                app: "live",
                stream: "room1",
                path: &own,
                query: &query,
                peer: None,
                referrer: None,
            };
            assert!(authority.authorize(&request, EXPIRES).is_ok(), "{scheme} {address}");
            let later = authority.authorize(&request, EXPIRES + 61);
            assert_eq!(later.is_ok(), scheme == "open", "{scheme} {address} after its end");
        }
    }
}

#[test]
fn the_clouds_own_examples_come_out_through_the_configuration() {
    const HUAWEI: &str = "GCTbw44s6MPLh4GqgDpnfuFHgy25Enly";
    const NONCE: &str = "477b3bbc253f467b8def6711128c7bec";
    // Scheme, key, stream, end, and what the address of its FLV, or of its push, must end in.
    let check = |scheme: &str, key: &str, stream: &str, expires: i64, flv: &str, push: &str| {
        let rules = format!("scheme = \"{scheme}\"\nkey = \"{key}\"\naccess_key = \"QNAKEXAMPLE0001\"\n");
        let file = format!("{HOST}[push]\n{rules}[play]\n{rules}");
        let (pushed, played) = made(&file, false, |maker| {
            let maker = Maker { expires, nonce: NONCE.into(), ..maker.clone() };
            (maker.push(&path(stream)).unwrap().url, maker.play(&path(stream)).unwrap().flv.unwrap())
        });
        assert!(played.ends_with(flv), "{scheme}: {played}");
        assert!(pushed.ends_with(push), "{scheme}: {pushed}");
    };
    let tencent = "?txSecret=e7aa5c7c6fa1a916a32905ffe5b6bcc5&txTime=70DBD880";
    check("tencent", "f08e35b2c1d04a7fb5e2", "live/8888_user_1", EXPIRES, tencent, tencent);
    let aliyun = format!("/live/room1001.flv?auth_key=1893456000-{NONCE}-0-50e1fceebaa9e75bd6ac4b4fb35f4fb8");
    check("aliyun", "aliK3y", "live/room1001", EXPIRES, &aliyun, "");
    let qiniu = "/hub1/room1001?e=1893456000&token=QNAKEXAMPLE0001:lzbXAMVN4wG5RUhTg2nNiZazxRU=";
    check("qiniu", "QNSKEXAMPLE0001", "hub1/room1001", EXPIRES, "", qiniu);
    let huawei_a = format!("?auth_key=1592639100-{NONCE}-0-dd1b5ffa00cf26acec0c169ae1cfabea");
    check("huawei_a", HUAWEI, "livetest/huawei1", 1_592_639_100, &huawei_a, "");
    let huawei_b = "?txSecret=5cdc845362c332a4ec3e09ac5d5571d6&txTime=5eed5888";
    check("huawei_b", HUAWEI, "livetest/huawei1", 0x5eed_5888, huawei_b, huawei_b);
    let huawei_d =
        "?hwSecret=ce201856a0957413319e883c8ccae13602f01d3d91e21daf5161964cf708a6a8&hwTime=5eed5888";
    check("huawei_d", HUAWEI, "livetest/huawei1", 0x5eed_5888, huawei_d, huawei_d);
}

#[test]
fn tls_is_preferred_when_asked_for_and_used_when_it_is_all_there_is() {
    let tls = "[tls]\ncert_file = \"a\"\nkey_file = \"b\"\n[http]\ntls_listen = \"[::]:443\"\n";
    let play = |file: &str, secure| {
        made(&format!("{HOST}{file}"), secure, |maker| maker.play(&path("live/r")).unwrap())
    };
    assert_eq!(play(tls, true).ws_flv.as_deref(), Some("wss://192.0.2.7/live/r.flv"));
    assert_eq!(play(tls, false).ws_flv.as_deref(), Some("ws://192.0.2.7:8080/live/r.flv"));
    let only = format!("{tls}listen = \"\"\n");
    assert_eq!(play(&only, false).page.as_deref(), Some("https://192.0.2.7/play/live/r"));
}

#[test]
fn a_listener_with_an_address_of_its_own_is_named_by_it() {
    let play = |http: &str| {
        made(&format!("[http]\nlisten = \"{http}\"\n"), false, |maker| {
            maker.play(&path("live/r")).unwrap().flv.unwrap()
        })
    };
    assert_eq!(play("127.0.0.1:9000"), "http://127.0.0.1:9000/live/r.flv");
    assert_eq!(play("[::1]:80"), "http://[::1]/live/r.flv");
    let guessed = play("[::]:9000");
    assert!(
        guessed.starts_with("http://") && guessed.ends_with(":9000/live/r.flv") && !guessed.contains("[::]"),
        "{guessed}"
    );
}

#[test]
fn a_strict_server_has_addresses_at_its_own_host_names_only() {
    let push = |host: &str| {
        let domains = "[[domain]]\nname = \"push.example.com\"\nrole = \"push\"\nkey = \"k\"\n";
        let file = format!("[server]\nstrict_hosts = true\npublic_host = \"{host}\"\n{domains}");
        made(&file, false, |maker| maker.push(&path("live/r")))
    };
    assert!(
        push("push.example.com").unwrap().url.starts_with("rtmp://push.example.com:1935/live/r?txSecret=")
    );
    let error = push("192.0.2.7").unwrap_err().to_string();
    assert!(error.ends_with(". Choose another with --host") && !error.contains(".. "), "{error}");
}

#[test]
fn a_name_that_no_stream_can_have_is_told_with_an_example() {
    for text in ["room1", "/room1", "live/", "live/a b", "live/../x", "", "live/房间"] {
        let error = text.parse::<Path>().unwrap_err().to_string();
        assert!(error.contains("live/room1"), "{text}: {error}");
    }
    assert_eq!(path("a/b/c"), Path { app: "a/b".into(), stream: "c".into() });
}
