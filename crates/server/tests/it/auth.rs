//! Who may push and play: every scheme on every wire, to the second.

use control::sign::SignTarget;
use control::{Profile, Role};
use hub::Name;
use testkit::clip::Clip;
use testkit::http;
use testkit::publisher::Publisher;
use testkit::viewer::Viewer;
use weir::config::Layers;

use crate::cli::Process;
use crate::ffmpeg::{self, Version};
use crate::harness::{Folder, Weir};

/// The last second in which the addresses of these tests are good.
const END: i64 = 1_893_456_000;

const MAIN_KEY: &str = "main-key-of-the-test";
const BACKUP_KEY: &str = "backup-key-of-the-test";

/// How a stream is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wire {
    Push,
    Rtmp,
    Flv,
    Ws,
}

const WIRES: [Wire; 4] = [Wire::Push, Wire::Rtmp, Wire::Flv, Wire::Ws];

impl Wire {
    fn role(self) -> Role {
        if self == Wire::Push { Role::Push } else { Role::Play }
    }

    /// The path of the stream on this wire.
    fn path(self, stream: &str) -> String {
        if matches!(self, Wire::Push | Wire::Rtmp) { format!("/{stream}") } else { format!("/{stream}.flv") }
    }

    /// Asks, and gives the server's reason when it refuses.
    fn ask(self, weir: &Weir, stream: &str, query: &str) -> Result<Granted, String> {
        let path = self.path(stream);
        let ask = |url: String| match self {
            Wire::Push => Publisher::connect(&url).map(Granted::Publisher),
            _ => Viewer::open(&url).map(Granted::Viewer),
        };
        let base = match self {
            Wire::Push | Wire::Rtmp => format!("rtmp://{}", weir.rtmp),
            Wire::Flv => format!("http://{}", weir.http),
            Wire::Ws => format!("ws://{}", weir.http),
        };
        ask(format!("{base}{path}?{query}")).map_err(|error| format!("{error:#}"))
    }

    /// Asks and expects a refusal: its status on this wire, and the words for people in both languages.
    fn refused(self, weir: &Weir, stream: &str, query: &str, code: &str, words: [&str; 2]) {
        let reason =
            self.ask(weir, stream, query).err().unwrap_or_else(|| panic!("{self:?} was granted: {query}"));
        let status = match self {
            Wire::Push => "NetStream.Publish.Denied: ",
            Wire::Rtmp => "NetStream.Play.Failed: ",
            Wire::Flv | Wire::Ws => "403: ",
        };
        assert!(reason.starts_with(status), "{self:?}: {reason}");
        assert!(words.iter().all(|part| reason.contains(part)), "{self:?}: no {words:?} in {reason}");
        if matches!(self, Wire::Flv | Wire::Ws) {
            let body: serde_json::Value = serde_json::from_str(&reason[status.len()..]).expect("JSON");
            assert_eq!(body["error"]["code"], code, "{self:?}: {reason}");
        }
        // What the client sent is not told back: it could be somebody else's screen.
        assert!(!query.contains("Secret=") || !reason.contains(&query[9..30]), "{self:?}: {reason}");
    }
}

/// What was granted; it lasts as long as this.
enum Granted {
    Publisher(#[expect(dead_code, reason = "it is there so that the push goes on")] Publisher),
    Viewer(Viewer),
}

/// Keys for both roles, under one scheme.
fn keys<'a>(scheme: &'a str, key: &'a str, backup: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut keys = Vec::new();
    for (names, value) in [
        (["push.scheme", "play.scheme"], scheme),
        (["push.key", "play.key"], key),
        (["push.backup_key", "play.backup_key"], backup),
        (["push.access_key", "play.access_key"], "AK"),
    ] {
        keys.extend(names.map(|name| (name, value)));
    }
    keys
}

/// A query that is good for a stream on a wire until and with the second `end`, made with these keys alone.
fn sign(keys: &[(&str, &str)], weir: &Weir, wire: Wire, stream: &str, end: i64) -> String {
    sign_path(keys, weir, wire.role(), &wire.path(stream), end)
}

/// The same for the path of a form.
fn sign_path(keys: &[(&str, &str)], weir: &Weir, role: Role, path: &str, end: i64) -> String {
    let mut layers = Layers::defaults();
    let env = |(key, value): &(&str, &str)| {
        (format!("WEIR__{}", key.replace('.', "__").to_uppercase()), (*value).to_owned())
    };
    layers.add_env(&keys.iter().map(env).collect::<Vec<_>>());
    let config = layers.config().expect("a good configuration");
    let authority = config.authority(&weir.secrets).expect("an authority");
    let domain = authority.domain(role, "").expect("the default domain");
    let stream = path.trim_start_matches('/').split('.').next().expect("a path");
    let (app, name) = stream.rsplit_once('/').expect("app/stream");
    let target = SignTarget { app, stream: name, path };
    domain.sign(&target, end, "nonce").expect("a key")
}

fn on_air(weir: &Weir, stream: &str, query: &str) -> Publisher {
    let mut publisher =
        Publisher::connect(&format!("{}?{query}", weir.rtmp_url(stream))).expect("a good push");
    publisher.send_headers(30).expect("headers");
    publisher.send_all(&Clip::default().shots(0, 400)).expect("pictures");
    weir.wait_on_air(stream);
    publisher
}

/// It stands in this second for as long as the test needs there.
fn set_clock(weir: &Weir, unix_seconds: i64) {
    weir.clock.stop_at_unix_ms(unix_seconds * 1_000 + 999);
}

fn check(scheme: &str, missing: &str) {
    let own = keys(scheme, MAIN_KEY, BACKUP_KEY);
    let weir = Weir::with(&own);
    set_clock(&weir, END - 3_600);
    let stream = "live/room1001";
    let push = sign(&own, &weir, Wire::Push, stream, END + 7_200);
    let _publisher = on_air(&weir, stream, &push);
    for wire in WIRES {
        // A push takes the stream over, so pushes have one of their own.
        let stream = if wire == Wire::Push { "live/pushed" } else { stream };
        let good = sign(&own, &weir, wire, stream, END);
        let backup = sign(&keys(scheme, BACKUP_KEY, ""), &weir, wire, stream, END);
        let wrong = sign(&keys(scheme, "another-key", ""), &weir, wire, stream, END);
        let other = sign(&own, &weir, wire, "live/room1002", END);
        for query in [&good, &backup, &format!("{good}&record=flv&x=%20")] {
            assert!(wire.ask(&weir, stream, query).is_ok(), "{scheme} {wire:?}: {query}");
        }
        let misfit = ["does not fit", "不符"];
        wire.refused(&weir, stream, &wrong, "bad_signature", misfit);
        wire.refused(&weir, stream, &other, "bad_signature", misfit);
        wire.refused(&weir, stream, "", missing, ["the address has no", "缺少"]);
        wire.refused(
            &weir,
            stream,
            &format!("{good}&{good}"),
            "duplicate_parameter",
            ["more than once", "多次"],
        );
        // The whole second before the end, the last good one, and the one after it.
        for (now, granted) in [(END - 1, true), (END, true), (END + 1, false)] {
            set_clock(&weir, now);
            if granted {
                assert!(wire.ask(&weir, stream, &good).is_ok(), "{scheme} {wire:?} at {}", now - END);
            } else {
                wire.refused(&weir, stream, &good, "expired", ["expired", "过期"]);
                wire.refused(&weir, stream, &backup, "expired", ["expired", "过期"]);
            }
        }
        set_clock(&weir, END - 3_600);
    }
}

macro_rules! schemes {
    ($($name:ident: $scheme:literal, $missing:literal;)*) => {
        $(#[test]
        fn $name() {
            check($scheme, $missing);
        })*
    };
}

schemes! {
    tencent_addresses_are_good_to_the_second_on_every_wire: "tencent", "missing_expiry";
    aliyun_addresses_are_good_to_the_second_on_every_wire: "aliyun", "missing_signature";
    qiniu_addresses_are_good_to_the_second_on_every_wire: "qiniu", "missing_expiry";
    huawei_a_addresses_are_good_to_the_second_on_every_wire: "huawei_a", "missing_signature";
    huawei_b_addresses_are_good_to_the_second_on_every_wire: "huawei_b", "missing_expiry";
    huawei_d_addresses_are_good_to_the_second_on_every_wire: "huawei_d", "missing_expiry";
}

#[test]
fn an_open_server_takes_any_address_and_any_query() {
    let weir = Weir::with(&[]);
    let _publisher = on_air(&weir, "live/room1", "txSecret=old&txTime=1");
    for wire in WIRES {
        let stream = if wire == Wire::Push { "live/pushed" } else { "live/room1" };
        for query in ["", "auth_key=1-2-3-4", "txSecret=&txSecret="] {
            assert!(wire.ask(&weir, stream, query).is_ok(), "{wire:?} {query}");
        }
    }
}

#[test]
fn addresses_that_the_clouds_documents_show_push_and_play_here() {
    // (scheme, role, key, path, query, its last second): from the clouds' documents, or made with their formulas.
    let vectors = [
        (
            "tencent",
            "push",
            "f08e35b2c1d04a7fb5e2",
            "live/room1001",
            "txSecret=64e31d3fd8c06a71b3e2f9c1542ed1df&txTime=5F5E1000",
            1_600_000_000,
        ),
        (
            "tencent",
            "push",
            "f08e35b2c1d04a7fb5e2",
            "live/8888_user_1",
            "bizid=8888&txSecret=58920470db2c7cf018f1c6cf4f8bc66494c6882552a421cc098045b234b992aa&txTime=70DBD880",
            1_893_456_000,
        ),
        (
            "tencent",
            "play",
            "playkey9c1e77aa",
            "live/room1001_720p",
            "txSecret=ac87b099cb4d74ece916fe17511ae243&txTime=70dbd880",
            1_893_456_000,
        ),
        (
            "tencent",
            "play",
            "playkey9c1e77aa",
            "live/room1001_720p",
            "txSecret=eed4787d4b09f83089fe145864869fba54b126e4b7fe4a0bcc5cb23159f62c47&txTime=70dbd880",
            1_893_456_000,
        ),
        (
            "aliyun",
            "push",
            "aliyunliveexp1234",
            "video/standard",
            "auth_key=1622194197-0-0-5552ff52b5e4e20387c6dc18afce206b",
            1_622_194_197,
        ),
        (
            "aliyun",
            "play",
            "aliK3y",
            "live/room1001",
            "auth_key=1893456000-477b3bbc253f467b8def6711128c7bec-0-50e1fceebaa9e75bd6ac4b4fb35f4fb8",
            1_893_456_000,
        ),
        (
            "qiniu",
            "push",
            "QNSKEXAMPLE0001",
            "hub1/room1001",
            "e=1463023142&token=QNAKEXAMPLE0001:GmJauPRXCwsx6cS9ybnYJSCBcj4=",
            1_463_023_142,
        ),
        (
            "huawei_a",
            "play",
            "GCTbw44s6MPLh4GqgDpnfuFHgy25Enly",
            "livetest/huawei1",
            "auth_key=1592639100-477b3bbc253f467b8def6711128c7bec-0-dd1b5ffa00cf26acec0c169ae1cfabea",
            1_592_639_100,
        ),
        (
            "huawei_b",
            "push",
            "GCTbw44s6MPLh4GqgDpnfuFHgy25Enly",
            "live/huawei1",
            "txSecret=5cdc845362c332a4ec3e09ac5d5571d6&txTime=5eed5888",
            0x5eed_5888,
        ),
        (
            "huawei_d",
            "push",
            "GCTbw44s6MPLh4GqgDpnfuFHgy25Enly",
            "live/huawei1",
            "hwSecret=ce201856a0957413319e883c8ccae13602f01d3d91e21daf5161964cf708a6a8&hwTime=5eed5888",
            0x5eed_5888,
        ),
    ];
    for (scheme, role, key, stream, query, end) in vectors {
        let name = |leaf: &str| format!("{role}.{leaf}");
        let (scheme_key, key_key, access_key) = (name("scheme"), name("key"), name("access_key"));
        let weir = Weir::with(&[(&scheme_key, scheme), (&key_key, key), (&access_key, "QNAKEXAMPLE0001")]);
        set_clock(&weir, end);
        let wire = if role == "push" { Wire::Push } else { Wire::Flv };
        let _publisher = (role == "play").then(|| on_air(&weir, stream, ""));
        assert!(wire.ask(&weir, stream, query).is_ok(), "{scheme} {role} {stream}");
        set_clock(&weir, end + 1);
        assert!(wire.ask(&weir, stream, query).is_err(), "{scheme} {role} {stream} after its end");
    }
}

/// How paths end at which a stream is asked for over HTTP, and at which a replay is.
const FORMS: [&str; 3] = [".flv", ".m3u8", ".jpg"];
const REPLAY_FORMS: [&str; 3] = [".m3u8", ".mp4", ".flv"];

#[test]
fn a_signature_over_the_name_opens_every_form_and_one_over_the_path_its_own() {
    // Of the documents: the first two of a scheme are of one stream.
    let aliyun_flv =
        "auth_key=1893456000-477b3bbc253f467b8def6711128c7bec-0-50e1fceebaa9e75bd6ac4b4fb35f4fb8";
    let aliyun_m3u8 = "auth_key=1893456000-0-7-f308bb4ec636b7393dbefa6f8c7d3187";
    let tencent = "txSecret=ac87b099cb4d74ece916fe17511ae243&txTime=70dbd880";
    let schemes = [
        ("tencent", true, "playkey9c1e77aa", "live/room1001_720p", [tencent, tencent]),
        ("aliyun", false, "aliK3y", "live/room1001", [aliyun_flv, aliyun_m3u8]),
        ("qiniu", false, "SK", "live/room1001", [""; 2]),
        ("huawei_a", false, "k", "live/room1001", [""; 2]),
        ("huawei_b", true, "k", "live/room1001", [""; 2]),
        ("huawei_d", true, "k", "live/room1001", [""; 2]),
    ];
    let id = "0123456789abcdef01234567";
    for (scheme, by_name, key, stream, vectors) in schemes {
        let own = [("play.scheme", scheme), ("play.key", key), ("play.access_key", "AK")];
        let weir = Weir::with(&own);
        set_clock(&weir, END);
        let _publisher = on_air(&weir, stream, "");
        let head = |target: &str| {
            let request = format!("HEAD {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
            http::exchange(weir.http, request.as_bytes()).expect("an answer").status
        };
        for (number, signed) in FORMS.into_iter().enumerate() {
            let path = format!("/{stream}{signed}");
            let query = match vectors.get(number) {
                Some(&vector) if !vector.is_empty() => vector.to_owned(),
                _ => sign_path(&own, &weir, Role::Play, &path, END),
            };
            for asked in FORMS {
                let is_let_in = head(&format!("/{stream}{asked}?{query}")) != 403;
                assert_eq!(is_let_in, by_name || asked == signed, "{scheme}: {signed} at {asked}");
            }
            let told =
                http::get(weir.http, &format!("/api/v1/live/{stream}?{query}"), "").expect("an answer");
            if !by_name && signed == ".jpg" {
                assert_eq!(told.status, 403, "{scheme}: a picture is no play");
                continue;
            }
            let urls: serde_json::Value = serde_json::from_str(&told.text()).expect("JSON");
            let has = |key: &str| !urls["urls"][key].is_null();
            let expected = [by_name || signed == ".flv", by_name || signed == ".m3u8", by_name];
            assert_eq!([has("flv"), has("hls"), has("rtmp_port")], expected, "{scheme}: {urls}");
        }
        for signed in REPLAY_FORMS {
            let query = sign_path(&own, &weir, Role::Play, &format!("/replay/{id}{signed}"), END);
            for asked in REPLAY_FORMS {
                let is_let_in = head(&format!("/replay/{id}{asked}?{query}")) != 403;
                assert_eq!(
                    is_let_in,
                    by_name || asked == signed,
                    "{scheme}: {signed} of a replay at {asked}"
                );
            }
            let told = http::get(weir.http, &format!("/api/v1/replays/{id}?{query}"), "").expect("an answer");
            assert_eq!(told.status, 404, "{scheme}: {signed} is asked about, and there is none");
        }
    }
}

#[test]
fn a_running_session_outlives_its_address() {
    let own = keys("tencent", MAIN_KEY, "");
    let weir = Weir::with(&own);
    set_clock(&weir, END - 60);
    let stream = "live/room1";
    let mut publisher = on_air(&weir, stream, &sign(&own, &weir, Wire::Push, stream, END));
    let mut viewers = Vec::new();
    for wire in [Wire::Rtmp, Wire::Flv, Wire::Ws] {
        let granted = wire.ask(&weir, stream, &sign(&own, &weir, wire, stream, END)).expect("in time");
        viewers.extend(match granted {
            Granted::Viewer(viewer) => Some(viewer),
            Granted::Publisher(_) => None,
        });
    }
    weir.wait_viewers(stream, 3);
    set_clock(&weir, END + 86_400);
    publisher.send_all(&Clip::default().shots(400, 3_000)).expect("the push goes on");
    for viewer in &mut viewers {
        while viewer.next().expect("frames").expect("the play goes on").time < 2_900 {}
    }
}

#[test]
fn an_address_works_after_a_restart_and_not_on_another_server() {
    let own = [("push.scheme", "tencent"), ("play.scheme", "tencent")];
    let first = Weir::with(&own);
    let stream = "live/room1";
    let end = first.clock.unix_seconds() + 3_600;
    let push = sign(&own, &first, Wire::Push, stream, end);
    let play = sign(&own, &first, Wire::Flv, stream, end);
    let publisher = on_air(&first, stream, &push);
    assert!(Wire::Flv.ask(&first, stream, &play).is_ok());
    let secrets = first.stop();
    drop(publisher);

    let second = Weir::start_again("", &own, secrets);
    Wire::Push.refused(&second, stream, "", "missing_expiry", ["txTime", "缺少"]);
    let _publisher = on_air(&second, stream, &push);
    assert!(Wire::Flv.ask(&second, stream, &play).is_ok(), "a restart must not open or close doors");

    let stranger = Weir::with(&own);
    Wire::Push.refused(&stranger, stream, &push, "bad_signature", ["does not fit", "不符"]);
    Wire::Flv.refused(&stranger, stream, &play, "bad_signature", ["does not fit", "不符"]);
}

#[test]
fn whoever_has_an_address_signed_with_the_push_key_plays_it_with_low_latency() {
    let own = [("push.scheme", "tencent"), ("play.scheme", "tencent")];
    let weir = Weir::with(&own);
    let stream = "live/8888_user";
    let end = weir.clock.unix_seconds() + 3_600;
    let push = sign(&own, &weir, Wire::Push, stream, end);
    let _publisher = on_air(&weir, stream, &push);
    assert!(Wire::Rtmp.ask(&weir, stream, &format!("bizid=8888&{push}")).is_ok());
    let profile = |query: &str| {
        let config = &weir.app().config;
        let authority = config.authority(&weir.secrets).expect("an authority");
        let query = control::query::Query::parse(query).expect("a query");
        let request = control::request::Request {
            action: control::request::Action::Play,
            host: "",
            app: "live",
            stream: "8888_user",
            path: "/live/8888_user",
            query: &query,
            peer: None,
            referrer: None,
        };
        authority.authorize(&request, weir.clock.unix_seconds()).map(|grant| grant.profile)
    };
    assert_eq!(profile(&push), Ok(Profile::Rtc));
    assert_eq!(profile(&sign(&own, &weir, Wire::Rtmp, stream, end)), Ok(Profile::Live));
    // A play key pushes nothing.
    let play = sign(&own, &weir, Wire::Rtmp, stream, end);
    Wire::Push.refused(&weir, stream, &play, "bad_signature", ["does not fit", "不符"]);
}

#[test]
fn a_forbidden_stream_ends_at_once_and_stays_away_until_its_time() {
    let weir = Weir::with(&[]);
    set_clock(&weir, END - 60);
    let stream = "live/room1";
    let mut publisher = on_air(&weir, stream, "");
    let mut viewers: Vec<Viewer> = [weir.rtmp_url(stream), weir.flv_url(stream), weir.ws_url(stream)]
        .iter()
        .map(|url| Viewer::open(url).expect("a viewer"))
        .collect();
    weir.wait_viewers(stream, 3);

    weir.app().admission.change(|authority| {
        authority.forbid("live", "room1", END, "涉嫌违规 rule 7").expect("room on the list");
    });
    assert!(weir.app().drop_stream(&Name::new(stream), "the operator ended this stream: rule 7"));
    let told = publisher.ended().expect("an end");
    assert!(told.contains("NetStream.") && told.contains("rule 7"), "{told}");
    for viewer in &mut viewers {
        while viewer.next().expect("an end in good order").is_some() {}
    }
    let reason = Wire::Push.ask(&weir, stream, "").err().expect("refused");
    assert!(reason.contains("forbidden this stream: 涉嫌违规 rule 7"), "{reason}");
    for wire in [Wire::Rtmp, Wire::Flv, Wire::Ws] {
        wire.refused(&weir, stream, "", "forbidden", ["has forbidden this stream", "禁止"]);
        let reason = wire.ask(&weir, stream, "").err().expect("refused");
        assert!(!reason.contains("rule 7"), "the reason is for whoever pushes: {reason}");
    }
    // Others go on, and so does this one from the second on that was named.
    let _other = on_air(&weir, "live/room2", "");
    set_clock(&weir, END - 1);
    assert!(Wire::Push.ask(&weir, stream, "").is_err());
    set_clock(&weir, END);
    let publisher = on_air(&weir, stream, "");
    drop(publisher);
    weir.app().admission.change(|authority| {
        authority.forbid("live", "room1", i64::MAX, "").expect("room on the list");
        assert!(authority.resume("live", "room1"));
    });
    assert!(Wire::Push.ask(&weir, stream, "").is_ok());
}

#[test]
fn the_forbid_list_of_the_configuration_holds_from_the_start() {
    let file = "[[forbid]]\napp = \"live\"\nstream = \"room1\"\nuntil = 2030-01-01T08:00:00+08:00\nreason = \"rule 7\"\n";
    let weir = Weir::start(file, &[]);
    set_clock(&weir, END - 1);
    let reason = Wire::Push.ask(&weir, "live/room1", "").err().expect("refused");
    assert!(reason.contains("rule 7"), "{reason}");
    Wire::Flv.refused(&weir, "live/room1", "", "forbidden", ["forbidden", "禁止"]);
    set_clock(&weir, END);
    assert!(Wire::Push.ask(&weir, "live/room1", "").is_ok());
}

#[test]
fn network_addresses_are_let_in_and_kept_out_by_role() {
    let words = ["this network address is not allowed", "不允许此网络地址"];
    for rule in ["deny_ips=127.0.0.0/8", "allow_ips=10.0.0.0/8,192.0.2.7"] {
        let (leaf, value) = rule.split_once('=').expect("a rule");
        let weir = Weir::with(&[(&format!("push.{leaf}"), value)]);
        Wire::Push.refused(&weir, "live/room1", "", "address_refused", words);
        let weir = Weir::with(&[(&format!("play.{leaf}"), value)]);
        let _publisher = on_air(&weir, "live/room1", "");
        for wire in [Wire::Rtmp, Wire::Flv, Wire::Ws] {
            wire.refused(&weir, "live/room1", "", "address_refused", words);
        }
    }
    let weir = Weir::with(&[
        ("push.allow_ips", "127.0.0.1"),
        ("play.allow_ips", "::1,127.0.0.1/32"),
        ("play.deny_ips", "10.0.0.0/8"),
    ]);
    let _publisher = on_air(&weir, "live/room1", "");
    assert!(Wire::Flv.ask(&weir, "live/room1", "").is_ok());
}

#[test]
fn only_pages_of_the_listed_sites_play() {
    let strict = |allow_empty| {
        let sites = ("play.referrers", "example.com,*.example.org,servicewechat.com/wx123");
        // The demo is a stream that ffmpeg can play.
        let weir =
            Weir::with(&[sites, ("play.referrers_allow_empty", allow_empty), ("demo.enabled", "true")]);
        weir.wait_on_air("live/demo");
        weir
    };
    let weir = strict("true");
    let status = |weir: &Weir, headers: &str| {
        // HEAD is decided like GET and ends by itself.
        let request =
            format!("HEAD /live/demo.flv HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{headers}\r\n");
        http::exchange(weir.http, request.as_bytes()).expect("an answer").status
    };
    for (headers, expected) in [
        ("", 200),
        ("Referer: https://example.com/a?b\r\n", 200),
        ("Referer: https://www.example.org/\r\n", 200),
        ("Referer: https://servicewechat.com/wx123/devtools/page-frame.html\r\n", 200),
        ("Origin: https://example.com\r\n", 200),
        ("Referer: https://servicewechat.com/wx999/7/page-frame.html\r\n", 403),
        ("Referer: https://example.com.evil.net/\r\n", 403),
        ("Referer: https://evil.net/example.com\r\n", 403),
        ("Origin: https://evil.net\r\n", 403),
    ] {
        assert_eq!(status(&weir, headers), expected, "{headers}");
    }
    let answer = http::get(weir.http, "/live/demo.flv", "Referer: https://evil.net/\r\n").expect("an answer");
    assert!(answer.text().contains("\"referrer_refused\""), "{}", answer.text());

    // An RTMP player says where it is in `pageUrl`, if it is in a page.
    let play = |weir: &Weir, page: &[&str]| {
        let url = weir.rtmp_url("live/demo");
        let args = [page, &["-i", &url, "-c", "copy", "-frames:v", "1", "-f", "null", "-"]].concat();
        ffmpeg::start(Version::Debian, &args).wait()
    };
    for page in [&["-rtmp_pageurl", "https://example.com/"][..], &[]] {
        let done = play(&weir, page);
        assert_eq!(done.code, Some(0), "{page:?}: {}", done.stderr);
    }
    let refused = play(&weir, &["-rtmp_pageurl", "https://evil.net/"]);
    assert_ne!(refused.code, Some(0));

    let weir = strict("false");
    assert_eq!(status(&weir, ""), 403);
    assert_eq!(status(&weir, "Referer: https://example.com/\r\n"), 200);
    Wire::Rtmp.refused(&weir, "live/demo", "", "referrer_refused", ["pages of this site", "此网站"]);
}

#[test]
fn no_key_and_no_signature_is_in_the_log() {
    let folder = Folder::new("log");
    let process = Process::serve(&folder, &[], &[("WEIR_LOG", "trace"), ("WEIR__PLAY__SCHEME", "tencent")]);
    let stdout = process.wait_stdout("the banner", |text| text.contains("weir url"));
    let push =
        stdout.lines().map(str::trim).find(|line| line.starts_with("rtmp://")).expect("a push address");
    let flv = stdout.lines().map(str::trim).find(|line| line.contains(".flv?")).expect("a play address");
    let secret_of = |url: &str| {
        let value = url.split("txSecret=").nth(1).expect("signed").split('&').next().expect("a value");
        value.to_owned()
    };
    let mut publisher = Publisher::connect(push).expect("the printed address works");
    publisher.send_headers(30).expect("headers");
    publisher.send_all(&Clip::default().shots(0, 400)).expect("pictures");
    let mut viewer = Viewer::open(flv).expect("the printed address works");
    viewer.next().expect("a frame");
    let forged = "0123456789abcdef0123456789abcdef";
    let bad = |url: &str| url.replace(&secret_of(url), forged);
    assert!(Publisher::connect(&bad(push)).is_err() && Viewer::open(&bad(flv)).is_err());
    assert!(Viewer::open(&format!("{flv}&txSecret={forged}")).is_err());
    publisher.finish().expect("the end");
    drop(viewer);
    process.wait_stderr("the refusals and the end", |log| {
        log.matches("refused").count() >= 3 && log.contains("unpublish")
    });
    let keys = std::fs::read_to_string(folder.file("data/secrets.toml")).expect("the keys");
    let keys: Vec<&str> = keys.split('"').filter(|part| part.len() == 40).collect();
    assert_eq!(keys.len(), 3, "to push, to play, and of users");
    let done = process.terminate();
    assert!(done.stderr.contains("\"publish\"") && done.stderr.contains("\"play\""), "{}", done.stderr);
    for secret in [keys[0], keys[1], keys[2], &secret_of(push), &secret_of(flv), forged] {
        assert!(!done.stderr.contains(secret), "{secret} is in the log");
    }
    // The addresses are printed for people; the keys are shown once, at the first start.
    assert_eq!(done.stdout.matches(keys[0]).count(), 1);
}
