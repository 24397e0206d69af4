//! Addresses and the right to use them: whatever is granted was signed with a key.

#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use control::compat::{Aliyun, Credential, Huawei, HuaweiForm, Qiniu, Tencent};
use control::query::{QUERY_MAX, Query};
use control::request::{Action, Request};
use control::sign::SignTarget;
use control::{Authority, Domain, Keys, Role, Scheme, Secret};
use hmac::{Hmac, KeyInit as _, Mac as _};
use libfuzzer_sys::fuzz_target;
use md5::{Digest as _, Md5};
use rtmp::Target;
use sha1::Sha1;
use sha2::Sha256;

const KEYS: [&str; 2] = ["main-key", "backup-key"];
const ACCESS_KEY: &str = "AK";
const VALIDITY: u32 = 60;
const NOW: i64 = 1_700_000_000;

fuzz_target!(|input: &[u8]| {
    let [kind, mode, text @ ..] = input else { return };
    let text = String::from_utf8_lossy(text);
    let kind = kind % 7;
    let action = if mode & 1 == 0 { Action::Push } else { Action::Play };
    let role = Role::from(action);
    let domain = Domain::new("cdn.example", role, scheme(kind)).expect("a good name");
    let mut authority = Authority::new();
    authority.add_default(domain.clone());

    // The text is an address; with this bit a good query is made for it, and the text is put into it somewhere.
    let (path, query) = text.split_once('?').unwrap_or((&text, ""));
    let Ok(target) = Target::new("", "rtmp://cdn.example", path) else { return };
    let path = format!("/{}", target.path);
    let made = if mode & 2 == 0 {
        query.to_owned()
    } else {
        let sign = SignTarget { app: &target.app, stream: &target.stream, path: &path };
        let Some(mut good) = domain.sign(&sign, NOW, "n") else { return };
        let at = usize::from(mode >> 2) % (good.len() + 1);
        match query.as_bytes().first() {
            Some(b'-') => drop(good.drain(at.min(good.len() - 1)..)),
            Some(b'=') => good.insert_str(at, &query[1..]),
            _ => good.push_str(query),
        }
        good
    };
    let Ok(parsed) = Query::parse(&made) else { return };
    assert!(made.len() <= QUERY_MAX);
    let (app, stream) = (target.app.as_str(), target.stream.as_str());
    let request = Request {
        action,
        host: &target.host,
        app,
        stream,
        path: &path,
        query: &parsed,
        peer: None,
        referrer: None,
    };
    let granted = authority.authorize(&request, NOW);
    match &granted {
        Ok(grant) => {
            assert_eq!((grant.app.as_str(), grant.stream.as_str()), (app, stream));
            assert!(is_signed(kind, &parsed, stream, &path), "granted without a signature: {path}?{made}");
            let outlived = authority.authorize(&request, NOW + i64::from(u32::MAX) * 1_000_000);
            assert!(
                kind > 5 || outlived.is_ok() || outlived.is_err_and(|refusal| refusal.code() == "expired")
            );
        }
        Err(refusal) => {
            let told = format!("{} {} {refusal:?}", refusal.message_en(), refusal.message_zh());
            assert!(!KEYS.iter().any(|key| told.contains(key)), "{told}");
        }
    }
    // A domain without a key grants nothing to anybody.
    let mut keyless = Authority::new();
    keyless.add_default(Domain::new("cdn.example", role, keyless_scheme(kind)).expect("a good name"));
    assert!(keyless.authorize(&request, NOW).is_err());
});

fn scheme(kind: u8) -> Scheme {
    let keys = Keys::both(KEYS[0], KEYS[1]);
    let credential =
        |key: &str| Some(Credential { access_key: ACCESS_KEY.into(), secret_key: Secret::new(key) });
    match kind {
        0 => Scheme::Tencent(Tencent { keys, auth_delta: VALIDITY, ..Tencent::default() }),
        1 => Scheme::Tencent(Tencent { keys, digest: control::compat::Digest::Sha256, ..Tencent::default() }),
        2 => Scheme::Aliyun(Aliyun { keys, validity: VALIDITY }),
        3 => Scheme::Qiniu(Qiniu { main: credential(KEYS[0]), backup: credential(KEYS[1]) }),
        4 => Scheme::Huawei(Huawei { form: HuaweiForm::A, keys, validity: VALIDITY }),
        5 => Scheme::Huawei(Huawei { form: HuaweiForm::B, keys, validity: VALIDITY }),
        _ => Scheme::Huawei(Huawei { form: HuaweiForm::D, keys, validity: VALIDITY }),
    }
}

fn keyless_scheme(kind: u8) -> Scheme {
    match kind {
        0 | 1 => Scheme::Tencent(Tencent::default()),
        2 => Scheme::Aliyun(Aliyun::default()),
        3 => Scheme::Qiniu(Qiniu::default()),
        _ => Scheme::Huawei(Huawei { form: HuaweiForm::D, keys: Keys::default(), validity: 0 }),
    }
}

/// The clouds' formulas once more, written apart from the ones that are tested.
fn is_signed(kind: u8, query: &Query, stream: &str, path: &str) -> bool {
    let get = |name: &str| query.get(name).unwrap_or_default();
    KEYS.iter().any(|key| match kind {
        0 | 1 | 5 => {
            let text = format!("{key}{stream}{}", get("txTime"));
            let secret = get("txSecret");
            secret == hex(&Md5::digest(&text)) || (kind != 5 && secret == hex(&Sha256::digest(&text)))
        }
        2 | 4 => get("auth_key")
            .rsplit_once('-')
            .is_some_and(|(fields, given)| given == hex(&Md5::digest(format!("{path}-{fields}-{key}")))),
        3 => {
            let mut mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).expect("any length");
            mac.update(format!("{path}?e={}", get("e")).as_bytes());
            get("token") == format!("{ACCESS_KEY}:{}", URL_SAFE.encode(mac.finalize().into_bytes()))
        }
        _ => {
            let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any length");
            mac.update(format!("{stream}{}", get("hwTime")).as_bytes());
            get("hwSecret") == hex(&mac.finalize().into_bytes())
        }
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
