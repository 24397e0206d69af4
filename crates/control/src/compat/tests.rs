use proptest::prelude::*;

use super::*;
use crate::authority::Authority;
use crate::grant::{Grant, Profile};
use crate::request::Action;
use crate::secret::{Keys, Secret};

const PUSH_KEY: &str = "f08e35b2c1d04a7fb5e2";
const PLAY_KEY: &str = "playkey9c1e77aa";
const ALIYUN_KEY: &str = "aliK3y";
const HUAWEI_KEY: &str = "GCTbw44s6MPLh4GqgDpnfuFHgy25Enly";

fn tencent(key: &str, auth_delta: u32) -> Scheme {
    Scheme::Tencent(Tencent { keys: Keys::one(key), auth_delta, digest: Digest::Md5 })
}

fn qiniu() -> Scheme {
    let credential =
        |ak: &str, sk: &str| Some(Credential { access_key: ak.into(), secret_key: Secret::new(sk) });
    let main = credential("QNAKEXAMPLE0001", "QNSKEXAMPLE0001");
    Scheme::Qiniu(Qiniu { main, backup: credential("QNAKEXAMPLE0000", "QNSKEXAMPLE0000") })
}

fn huawei(form: HuaweiForm, validity: u32) -> Scheme {
    Scheme::Huawei(Huawei { form, keys: Keys::one(HUAWEI_KEY), validity })
}

/// Asks the one domain of its role, which has this scheme.
fn ask(scheme: &Scheme, action: Action, path: &str, query: &str, now: i64) -> Result<Grant, Refusal> {
    let mut authority = Authority::new();
    authority.add_default(Domain::new("x", action.into(), scheme.clone()).unwrap());
    ask_at(&authority, action, "x", path, query, now)
}

fn ask_at(
    authority: &Authority,
    action: Action,
    host: &str,
    path: &str,
    query: &str,
    now: i64,
) -> Result<Grant, Refusal> {
    let query = Query::parse(query).unwrap();
    let (app, name) = path.trim_start_matches('/').rsplit_once('/').unwrap();
    let stream = [".flv", ".m3u8"].into_iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
    let request = Request { action, host, app, stream, path, query: &query, peer: None, referrer: None };
    authority.authorize(&request, now)
}

fn code(result: Result<Grant, Refusal>) -> &'static str {
    result.map_or_else(|refusal| refusal.code(), |_| "granted")
}

#[test]
fn tencent_vectors_hold_to_the_second() {
    let vectors = [
        (
            Action::Push,
            PUSH_KEY,
            "room1001",
            "5F5E1000",
            1_600_000_000,
            "64e31d3fd8c06a71b3e2f9c1542ed1df",
            "908b5470556ecbdc1fc7f4fdb23423e5b45c39f0d8f1d3bd3f432b1980ccd225",
        ),
        (
            Action::Push,
            PUSH_KEY,
            "8888_user_1",
            "70DBD880",
            1_893_456_000,
            "e7aa5c7c6fa1a916a32905ffe5b6bcc5",
            "58920470db2c7cf018f1c6cf4f8bc66494c6882552a421cc098045b234b992aa",
        ),
        (
            Action::Play,
            PLAY_KEY,
            "room1001_720p",
            "70dbd880",
            1_893_456_000,
            "ac87b099cb4d74ece916fe17511ae243",
            "eed4787d4b09f83089fe145864869fba54b126e4b7fe4a0bcc5cb23159f62c47",
        ),
    ];
    for (action, key, stream, time, expiry, md5, sha256) in vectors {
        let scheme = tencent(key, 0);
        for signature in [md5, sha256] {
            let query = format!("txSecret={signature}&txTime={time}");
            let path = format!("/live/{stream}");
            let at = |now| code(ask(&scheme, action, &path, &query, now));
            assert_eq!(at(expiry - 1), "granted", "{stream}");
            assert_eq!(at(expiry), "granted");
            assert_eq!(at(expiry + 1), "expired");
            // The app is no part of the formula, the stream is.
            assert_eq!(code(ask(&scheme, action, &format!("/other/{stream}"), &query, 0)), "granted");
            assert_eq!(code(ask(&scheme, action, "/live/room1002", &query, 0)), "bad_signature");
            assert_eq!(code(ask(&tencent("wrong", 0), action, &path, &query, 0)), "bad_signature");
            // The time is hashed as it is written.
            let other_case = if time.contains('F') || time.contains('D') {
                time.to_lowercase()
            } else {
                time.to_uppercase()
            };
            let query = format!("txSecret={signature}&txTime={other_case}");
            assert_eq!(code(ask(&scheme, action, &path, &query, 0)), "bad_signature");
        }
    }
}

#[test]
fn tencent_play_addresses_outlive_their_time_and_push_addresses_do_not() {
    let query = "txSecret=ac87b099cb4d74ece916fe17511ae243&txTime=70dbd880";
    let at = |action, now| code(ask(&tencent(PLAY_KEY, 60), action, "/live/room1001_720p.flv", query, now));
    assert_eq!(at(Action::Play, 1_893_456_060), "granted");
    assert_eq!(at(Action::Play, 1_893_456_061), "expired");
    assert_eq!(at(Action::Push, 1_893_456_000), "granted");
    assert_eq!(at(Action::Push, 1_893_456_001), "expired");
}

#[test]
fn tencent_faults_are_told_in_order() {
    let at =
        |query: &str| code(ask(&tencent(PUSH_KEY, 0), Action::Push, "/live/room1001", query, 1_600_000_000));
    let good = "64e31d3fd8c06a71b3e2f9c1542ed1df";
    assert_eq!(at(""), "missing_expiry");
    assert_eq!(at(&format!("txSecret={good}")), "missing_expiry");
    assert_eq!(at(&format!("txSecret={good}&txTime=")), "missing_expiry");
    assert_eq!(at("txTime=5F5E0FFF"), "expired");
    assert_eq!(at("txTime=5F5E1000"), "missing_signature");
    assert_eq!(at("txTime=5F5E1000&txSecret="), "missing_signature");
    assert_eq!(at("txTime=5F5E1000&txSecret=0"), "bad_signature");
    assert_eq!(at(&format!("txTime=5F5E1000&txSecret={good}")), "granted");
    assert_eq!(at(&format!("bizid=8888&record=hls&txTime=5F5E1000&txSecret={good}")), "granted");
    assert_eq!(at(&format!("txTime=5F5E1000&txSecret={}", good.to_uppercase())), "bad_signature");
    assert_eq!(at(&format!("txTime=5F5E1000&txSecret={good}&txSecret={good}")), "duplicate_parameter");
    assert_eq!(at(&format!("txTime=5F5E1000&txTime=0&txSecret={good}")), "duplicate_parameter");
    assert_eq!(at(&format!("txtime=5F5E1000&txSecret={good}")), "missing_expiry");
}

#[test]
fn times_that_are_none_are_refused() {
    let nines = "9".repeat(4_000);
    for time in ["-1", "+1", "0x5F", "5F5E 1000", "FFFFFFFFFFFFFFFF", "g", "1.5", "５", &nines] {
        let query = format!("txSecret=64e31d3fd8c06a71b3e2f9c1542ed1df&txTime={time}");
        assert_eq!(
            code(ask(&tencent(PUSH_KEY, 9), Action::Play, "/live/room1001", &query, 0)),
            "bad_expiry",
            "{time}"
        );
        let query = format!("hwSecret=00&hwTime={time}");
        assert_eq!(
            code(ask(&huawei(HuaweiForm::D, 9), Action::Play, "/live/s", &query, 0)),
            "bad_expiry",
            "{time}"
        );
    }
    for time in ["+1", "0x5F", "9223372036854775808", "99999999999999999999", "a", "1.5", &nines] {
        let query = format!("e={time}&token=QNAKEXAMPLE0001:x");
        assert_eq!(code(ask(&qiniu(), Action::Push, "/h/s", &query, 0)), "bad_expiry", "{time}");
        let query = format!("auth_key={time}-0-0-0");
        let scheme = Scheme::Aliyun(Aliyun { keys: Keys::one(ALIYUN_KEY), validity: 9 });
        assert_eq!(code(ask(&scheme, Action::Play, "/h/s", &query, 0)), "bad_expiry", "{time}");
    }
    // The largest time is far away and no more than that; nothing overflows on the way.
    let query = "txSecret=0&txTime=7FFFFFFFFFFFFFFF";
    assert_eq!(
        code(ask(&tencent(PUSH_KEY, u32::MAX), Action::Play, "/live/s", query, i64::MAX)),
        "bad_signature"
    );
    assert_eq!(code(ask(&tencent(PUSH_KEY, 0), Action::Play, "/live/s", query, i64::MIN)), "bad_signature");
}

#[test]
fn both_generations_of_a_key_are_one_owner() {
    let both = Scheme::Tencent(Tencent { keys: Keys::both("new", PUSH_KEY), ..Tencent::default() });
    let query = "txSecret=64e31d3fd8c06a71b3e2f9c1542ed1df&txTime=5F5E1000";
    let old = ask(&both, Action::Push, "/live/room1001", query, 0).unwrap();
    let target = SignTarget { app: "live", stream: "room1001", path: "/live/room1001" };
    let fresh = both.sign(&target, Role::Push, 1_600_000_000, "").unwrap();
    assert_ne!(fresh, query);
    let new = ask(&both, Action::Push, "/live/room1001", &fresh, 0).unwrap();
    assert_eq!(old.identity, new.identity);
    let empty = Scheme::Tencent(Tencent { keys: Keys::both("", ""), ..Tencent::default() });
    assert_eq!(code(ask(&empty, Action::Push, "/live/room1001", query, 0)), "no_keys");
    assert_eq!(empty.sign(&target, Role::Push, 1_600_000_000, ""), None);
    for (access_key, secret_key) in [("", "sk"), ("ak", "")] {
        let half = Credential { access_key: access_key.into(), secret_key: Secret::new(secret_key) };
        let scheme = Scheme::Qiniu(Qiniu { main: Some(half), backup: None });
        assert_eq!(code(ask(&scheme, Action::Push, "/live/room1001", "e=1&token=:x", 0)), "no_keys");
    }
}

#[test]
fn aliyun_vectors_hold_to_the_second() {
    let vectors = [
        (
            "aliyunliveexp1234",
            Action::Push,
            "/video/standard",
            "1622194197-0-0-5552ff52b5e4e20387c6dc18afce206b",
            1_622_194_197,
        ),
        (
            ALIYUN_KEY,
            Action::Play,
            "/live/room1001.flv",
            "1893456000-477b3bbc253f467b8def6711128c7bec-0-50e1fceebaa9e75bd6ac4b4fb35f4fb8",
            1_893_456_000,
        ),
        (
            ALIYUN_KEY,
            Action::Play,
            "/live/room1001.m3u8",
            "1893456000-0-7-f308bb4ec636b7393dbefa6f8c7d3187",
            1_893_456_000,
        ),
    ];
    for (key, action, path, value, time) in vectors {
        let scheme = |key| Scheme::Aliyun(Aliyun { keys: Keys::one(key), validity: 1_800 });
        let query = format!("auth_key={value}");
        assert_eq!(code(ask(&scheme(key), action, path, &query, 0)), "granted", "{path}");
        assert_eq!(code(ask(&scheme(key), action, path, &query, time + 1_800)), "granted");
        assert_eq!(code(ask(&scheme(key), action, path, &query, time + 1_801)), "expired");
        assert_eq!(code(ask(&scheme("wrong"), action, path, &query, 0)), "bad_signature");
        assert_eq!(code(ask(&scheme(key), action, &format!("/x{path}"), &query, 0)), "bad_signature");
    }
}

#[test]
fn aliyun_faults_are_told() {
    let scheme = Scheme::Aliyun(Aliyun { keys: Keys::one(ALIYUN_KEY), validity: 0 });
    let at = |path, value: &str| code(ask(&scheme, Action::Play, path, &format!("auth_key={value}"), 0));
    let good = "1893456000-0-7-f308bb4ec636b7393dbefa6f8c7d3187";
    assert_eq!(at("/live/room1001.m3u8", good), "granted");
    // Another container is another path.
    assert_eq!(at("/live/room1001.flv", good), "bad_signature");
    assert_eq!(at("/live/room1001", good), "bad_signature");
    assert_eq!(at("/live/room1002.m3u8", good), "bad_signature");
    assert_eq!(at("/lives/room1001.m3u8", good), "bad_signature");
    assert_eq!(at("/live/room1001.m3u8", "1893456001-0-7-f308bb4ec636b7393dbefa6f8c7d3187"), "bad_signature");
    assert_eq!(at("/live/room1001.m3u8", "1893456000-1-7-f308bb4ec636b7393dbefa6f8c7d3187"), "bad_signature");
    assert_eq!(at("/live/room1001.m3u8", ""), "missing_signature");
    for value in
        ["1893456000", "1893456000-", "1893456000-f308bb4ec636b7393dbefa6f8c7d3187", "1893456000-0-f308"]
    {
        assert_eq!(at("/live/room1001.m3u8", value), "bad_signature", "{value}");
    }
    assert_eq!(at("/live/room1001.m3u8", "-1-0-7-f308bb4ec636b7393dbefa6f8c7d3187"), "bad_expiry");
    assert_eq!(code(ask(&scheme, Action::Play, "/live/s", "", 0)), "missing_signature");
}

#[test]
fn a_signature_over_another_streams_path_is_worth_nothing() {
    let scheme = Scheme::Aliyun(Aliyun { keys: Keys::one(ALIYUN_KEY), validity: 0 });
    let query = Query::parse("auth_key=1893456000-0-7-f308bb4ec636b7393dbefa6f8c7d3187").unwrap();
    let (action, host, app, stream) = (Action::Play, "x", "live", "secret");
    let path = "/live/room1001.m3u8";
    let request = Request { action, host, app, stream, path, query: &query, peer: None, referrer: None };
    assert_eq!(scheme.verify(&request, Role::Play, 0), Err(Refusal::BadPath));
    let query = Query::parse("e=1893456000&token=QNAKEXAMPLE0001:lzbXAMVN4wG5RUhTg2nNiZazxRU=").unwrap();
    let request = Request { query: &query, app: "hub1", path: "/hub1/room1001", ..request };
    assert_eq!(qiniu().verify(&request, Role::Play, 0), Err(Refusal::BadPath));
    assert_eq!(qiniu().verify(&Request { stream: "room1001", ..request }, Role::Play, 0), Ok(()));
}

#[test]
fn qiniu_vectors_hold_to_the_second() {
    for (path, time, signature) in [
        ("/hub1/room1001", 1_463_023_142, "GmJauPRXCwsx6cS9ybnYJSCBcj4="),
        ("/hub1/room1001", 1_893_456_000, "lzbXAMVN4wG5RUhTg2nNiZazxRU="),
        ("/PiliSDKTest/stream", 1_500_000_000, "g01IDeCu1SG_8ty3hJR0A4pfBgw="),
    ] {
        let query = format!("e={time}&token=QNAKEXAMPLE0001:{signature}");
        let at = |path: &str, query: &str, now| code(ask(&qiniu(), Action::Push, path, query, now));
        assert_eq!(at(path, &query, time), "granted", "{query}");
        assert_eq!(at(path, &query, time + 1), "expired");
        // Some libraries escape the colon and the padding.
        let escaped =
            query.replace(':', "%3A").replace("4=", "4%3D").replace("U=", "U%3D").replace("w=", "w%3D");
        assert_eq!(at(path, &escaped, time), "granted", "{escaped}");
        assert_eq!(at("/hub1/room1002", &query, 0), "bad_signature");
        assert_eq!(at(&format!("/x{path}"), &query, 0), "bad_signature");
        assert_eq!(at(path, query.trim_end_matches('='), 0), "bad_signature");
        assert_eq!(at(path, &query.replace("0001:", "0000:"), 0), "bad_signature");
        assert_eq!(at(path, &query.replace("0001:", "0002:"), 0), "bad_signature");
        assert_eq!(at(path, &format!("e={time}"), 0), "missing_signature");
        assert_eq!(at(path, &format!("token=QNAKEXAMPLE0001:{signature}"), 0), "missing_expiry");
    }
}

#[test]
fn huawei_vectors_hold_to_the_second() {
    let a = "auth_key=1592639100-477b3bbc253f467b8def6711128c7bec-0-dd1b5ffa00cf26acec0c169ae1cfabea";
    let b = "txSecret=5cdc845362c332a4ec3e09ac5d5571d6&txTime=5eed5888";
    let d = "hwSecret=ce201856a0957413319e883c8ccae13602f01d3d91e21daf5161964cf708a6a8&hwTime=5eed5888";
    for (form, query, time) in
        [(HuaweiForm::A, a, 1_592_639_100), (HuaweiForm::B, b, 0x5eed_5888), (HuaweiForm::D, d, 0x5eed_5888)]
    {
        let at = |path: &str, query: &str, now| code(ask(&huawei(form, 600), Action::Play, path, query, now));
        assert_eq!(at("/livetest/huawei1.flv", query, time + 600), "granted", "{form:?}");
        assert_eq!(at("/livetest/huawei1.flv", query, time + 601), "expired");
        assert_eq!(at("/livetest/huawei2.flv", query, 0), "bad_signature");
        let app_is_signed = form == HuaweiForm::A;
        assert_eq!(
            at("/other/huawei1.flv", query, 0),
            if app_is_signed { "bad_signature" } else { "granted" }
        );
        let missing = if app_is_signed { "missing_signature" } else { "missing_expiry" };
        assert_eq!(at("/livetest/huawei1.flv", "", 0), missing);
        let keyless = Scheme::Huawei(Huawei { form, keys: Keys::default(), validity: 0 });
        assert_eq!(code(ask(&keyless, Action::Play, "/livetest/huawei1.flv", query, 0)), "no_keys");
    }
    let time_only = "hwTime=5eed5888";
    let result = ask(&huawei(HuaweiForm::D, 0), Action::Play, "/l/huawei1", time_only, 0);
    assert_eq!(code(result), "missing_signature");
}

fn stage() -> Authority {
    let mut authority = Authority::new();
    authority.add(Domain::new("push.example", Role::Push, tencent(PUSH_KEY, 0)).unwrap());
    authority.add(Domain::new("play.example", Role::Play, tencent(PLAY_KEY, 60)).unwrap());
    authority.add(Domain::new("open.example", Role::Play, Scheme::Open).unwrap());
    authority
}

/// `room1001`, signed with the push key until 1600000000.
const STAGE_QUERY: &str = "bizid=1&txSecret=64e31d3fd8c06a71b3e2f9c1542ed1df&txTime=5F5E1000";

#[test]
fn a_play_address_signed_with_the_push_key_is_played_with_low_latency() {
    let authority = stage();
    let play = |host, query: &str, now| {
        ask_at(&authority, Action::Play, host, "/live/room1001", query, now).map(|grant| grant.profile)
    };
    let ends = 1_600_000_000;
    assert_eq!(play("play.example", STAGE_QUERY, ends), Ok(Profile::Rtc));
    // The grace of play addresses is not for them.
    assert_eq!(
        play("play.example", STAGE_QUERY, ends + 1).map_err(|refusal| refusal.code()),
        Err("bad_signature")
    );
    assert_eq!(play("open.example", STAGE_QUERY, ends), Ok(Profile::Rtc));
    assert_eq!(play("open.example", STAGE_QUERY, ends + 1), Ok(Profile::Live));
    assert_eq!(play("open.example", "", ends), Ok(Profile::Live));
    assert_eq!(play("open.example", &format!("{STAGE_QUERY}&profile=live"), ends), Ok(Profile::Live));
    // The other way round a play key does not push.
    let domain = authority.domain(Role::Play, "play.example").unwrap();
    let target = SignTarget { app: "live", stream: "room1001", path: "/live/room1001" };
    let query = domain.sign(&target, ends, "").unwrap();
    assert_eq!(play("play.example", &query, ends), Ok(Profile::Live));
    assert_eq!(play("play.example", &format!("{query}&profile=rtc"), ends), Ok(Profile::Rtc));
    let push = ask_at(&authority, Action::Push, "push.example", "/live/room1001", &query, 0);
    assert_eq!(code(push), "bad_signature");
}

#[test]
fn a_play_domain_can_be_tied_to_one_push_domain() {
    let mut authority = stage();
    let tied = |push: &str| {
        Domain::new("play.example", Role::Play, tencent(PLAY_KEY, 0)).unwrap().with_low_latency_keys_of(push)
    };
    let play = |authority: &Authority| {
        code(ask_at(authority, Action::Play, "play.example", "/live/room1001", STAGE_QUERY, 0))
    };
    authority.add(tied("other.example"));
    assert_eq!(play(&authority), "bad_signature");
    authority.add(tied("PUSH.example"));
    assert_eq!(play(&authority), "granted");
    // A domain without keys refuses everybody, holders of push keys included.
    authority.add(Domain::new("play.example", Role::Play, tencent("", 0)).unwrap());
    assert_eq!(play(&authority), "no_keys");
}

#[test]
fn no_text_that_leaves_the_crate_holds_a_key_or_a_signature() {
    let scheme = tencent(PUSH_KEY, 0);
    let wrong = "0".repeat(32);
    let query = format!("txSecret={wrong}&txTime=5F5E1000");
    let refusal = ask(&scheme, Action::Push, "/live/room1001", &query, 0).unwrap_err();
    let texts = format!(
        "{refusal:?} {} {} {:?} {scheme:?} {:?}",
        refusal.message_en(),
        refusal.message_zh(),
        stage(),
        (qiniu(), huawei(HuaweiForm::D, 0), Query::parse(&query).unwrap()),
    );
    for secret in [PUSH_KEY, PLAY_KEY, HUAWEI_KEY, "QNSK", "64e31d3f", &wrong] {
        assert!(!texts.contains(secret), "{secret} in {texts}");
    }
}

#[test]
fn what_cannot_be_signed_is_not() {
    let domain = Domain::new("x", Role::Push, qiniu()).unwrap();
    let sign = |app, stream, path, expires| domain.sign(&SignTarget { app, stream, path }, expires, "n");
    assert!(sign("live", "a", "/live/a", 0).is_some());
    assert_eq!(sign("live", "a", "/live/a", -1), None);
    assert_eq!(sign("live", "a", "/live/b", 0), None);
    assert_eq!(sign("live", "../a", "/live/../a", 0), None);
    let domain = Domain::new("x", Role::Play, tencent("k", 60)).unwrap();
    assert_eq!(domain.sign(&SignTarget { app: "live", stream: "a", path: "" }, i64::MIN, ""), None);
    let domain = Domain::new("x", Role::Play, Scheme::Open).unwrap();
    assert_eq!(domain.sign(&SignTarget { app: "live", stream: "a", path: "" }, 0, "").as_deref(), Some(""));
}

fn any_scheme() -> impl Strategy<Value = Scheme> {
    let text = "[ -~]{1,40}";
    (0..8_usize, text, text, 0..100_000_u32).prop_map(|(kind, one, two, seconds)| {
        let (access_key, secret_key) = (one.replace(['&', '%', '='], "k"), Secret::new(&*two));
        let keys = Keys::both(one, two);
        let huawei = |form, keys| Scheme::Huawei(Huawei { form, keys, validity: seconds });
        let tencent = |digest, keys| Scheme::Tencent(Tencent { keys, auth_delta: seconds, digest });
        match kind {
            0 => tencent(Digest::Md5, keys),
            1 => tencent(Digest::Sha256, keys),
            2 => Scheme::Aliyun(Aliyun { keys, validity: seconds }),
            3 => Scheme::Qiniu(Qiniu { main: None, backup: Some(Credential { access_key, secret_key }) }),
            4 => huawei(HuaweiForm::A, keys),
            5 => huawei(HuaweiForm::B, keys),
            6 => huawei(HuaweiForm::D, keys),
            _ => Scheme::Tencent(Tencent { keys, auth_delta: seconds, digest: Digest::Md5 }),
        }
    })
}

/// Where the signature is in a query, by the parameter's name.
fn signature_span(query: &str) -> std::ops::Range<usize> {
    let start =
        ["txSecret=", "hwSecret=", "token="].iter().find_map(|name| Some(query.find(name)? + name.len()));
    let start = start.unwrap_or_else(|| query.rfind('-').unwrap() + 1);
    start..query[start..].find('&').map_or(query.len(), |length| start + length)
}

proptest! {
    #[test]
    fn a_signed_address_is_good_until_its_time_and_for_its_stream(
        scheme in any_scheme(),
        is_push in any::<bool>(),
        app in "[a-z0-9]{1,8}(/[a-z0-9]{1,8})?",
        stream in "[A-Za-z0-9_-]{1,30}",
        expires in 1_000_000_i64..4_000_000_000,
        nonce in "[a-zA-Z0-9-]{0,70}",
        place in any::<prop::sample::Index>(),
        letter in "[A-Za-z0-9]",
    ) {
        let action = if is_push { Action::Push } else { Action::Play };
        let suffix = if is_push { "" } else { ".flv" };
        let path = format!("/{app}/{stream}{suffix}");
        let domain = Domain::new("x", action.into(), scheme.clone()).unwrap();
        let target = SignTarget { app: &app, stream: &stream, path: &path };
        let query = domain.sign(&target, expires, &nonce).unwrap();
        prop_assert_eq!(code(ask(&scheme, action, &path, &query, expires)), "granted");
        prop_assert_eq!(code(ask(&scheme, action, &path, &query, 0)), "granted");
        prop_assert_eq!(code(ask(&scheme, action, &path, &query, expires + 1)), "expired");
        let other = format!("/{app}/{stream}x{suffix}");
        prop_assert_eq!(code(ask(&scheme, action, &other, &query, expires)), "bad_signature");

        let span = signature_span(&query);
        let at = span.start + place.index(span.len());
        let mut changed = query.clone();
        changed.replace_range(at..=at, &letter);
        if changed != query {
            prop_assert_eq!(code(ask(&scheme, action, &path, &changed, 0)), "bad_signature");
        }
        let mut shorter = query.clone();
        shorter.remove(at);
        prop_assert_ne!(code(ask(&scheme, action, &path, &shorter, 0)), "granted");
        let mut longer = query.clone();
        longer.insert_str(span.end, &letter);
        prop_assert_ne!(code(ask(&scheme, action, &path, &longer, 0)), "granted");
    }

    #[test]
    fn no_request_makes_it_panic(
        scheme in any_scheme(),
        app in "\\PC{0,20}",
        stream in "\\PC{0,20}",
        path in "\\PC{0,40}",
        query in "(txTime|txSecret|auth_key|e|token|hwTime|hwSecret|domain|&|=|-|\\PC){0,20}",
        now in any::<i64>(),
    ) {
        if let Ok(query) = Query::parse(&query) {
            let (action, host) = (Action::Play, query.get("domain").unwrap_or(""));
            let (app, stream, path) = (app.as_str(), stream.as_str(), path.as_str());
            let request = Request { action, host, app, stream, path, query: &query, peer: None, referrer: Some(path) };
            prop_assert!(scheme.verify(&request, Role::Play, now).is_err());
        }
    }
}
