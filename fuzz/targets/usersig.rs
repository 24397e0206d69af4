//! UserSigs: whoever is let in was signed with the key, for a time that is now.

#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use control::Keys;
use control::compat::usersig::RoomKey;
use hmac::{Hmac, KeyInit as _, Mac as _};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use sha2::Sha256;

#[allow(dead_code)]
#[path = "../../crates/server/src/identity/compat"]
mod compat {
    pub mod usersig;
}
#[allow(dead_code)]
#[path = "../../crates/server/src/identity/jwt.rs"]
mod jwt;
#[allow(dead_code)]
#[path = "../../crates/server/src/identity/refusal.rs"]
mod refusal;

const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const APP: u64 = 1_400_000_000;
const NOW: i64 = 1_700_000_000;

fuzz_target!(|input: &[u8]| {
    let [mode, rest @ ..] = input else { return };
    let text = String::from_utf8_lossy(rest);
    if mode & 1 == 0 {
        check(&text, None);
        if let Some(key) = RoomKey::from_userbuf(&text) {
            assert!(key.room().len() <= rest.len());
        }
        return;
    }
    // The input is the JSON inside; with this bit its signature is made good.
    let Ok(mut fields) = serde_json::from_str::<Value>(&text) else { return };
    if mode & 2 != 0 && fields.is_object() {
        fields["TLS.sig"] = signature(&fields).into();
    }
    let packed = miniz_oxide::deflate::compress_to_vec_zlib(fields.to_string().as_bytes(), 1);
    let sig = STANDARD.encode(packed).replace('+', "*").replace('/', "-").replace('=', "_");
    check(&sig, Some(&fields));
});

fn check(sig: &str, fields: Option<&Value>) {
    let keys = Keys::one(KEY);
    let told = compat::usersig::verify(sig, |app| (app == APP).then_some(&keys), NOW);
    let Ok((claims, app)) = told else { return };
    assert!(compat::usersig::looks_like(sig));
    assert_eq!(app, APP);
    assert!(claims.until > NOW && !claims.person.guest);
    if let Some(fields) = fields {
        assert_eq!(fields["TLS.sig"], signature(fields).as_str(), "let in without a signature: {fields}");
        assert_eq!(fields["TLS.identifier"], claims.person.id.as_str());
    }
}

/// The formula once more, written apart from the one that is tested.
fn signature(fields: &Value) -> String {
    let text = |name: &str| fields[name].as_str().map_or_else(|| fields[name].to_string(), str::to_owned);
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).expect("any length");
    for name in ["identifier", "sdkappid", "time", "expire"] {
        mac.update(format!("TLS.{name}:{}\n", text(&format!("TLS.{name}"))).as_bytes());
    }
    if let Some(userbuf) = fields["TLS.userbuf"].as_str() {
        mac.update(format!("TLS.userbuf:{userbuf}\n").as_bytes());
    }
    STANDARD.encode(mac.finalize().into_bytes())
}
