//! UserSig, version 2, as it travels: JSON, compressed with zlib, in a base64 with other signs. What is signed in it is in
//! `control::compat::usersig`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use control::Keys;
use control::compat::usersig::{Fault, RoomKey, USERBUF_MAX, UserSig};
use control::person::{Person, Role};
use miniz_oxide::deflate::compress_to_vec_zlib;
use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;
use serde::Deserialize;
use serde_json::json;

use super::super::jwt::{Claims, TOKEN_MAX};
use super::super::refusal::Refusal;

/// Most bytes of the JSON: an id, a `userbuf` in base64 and some numbers.
const JSON_MAX: usize = 2 * USERBUF_MAX + 1_024;

/// How hard the JSON is compressed; any reader takes any.
const LEVEL: u8 = 6;

#[derive(Deserialize)]
struct Fields {
    #[serde(rename = "TLS.ver")]
    version: Option<String>,
    #[serde(rename = "TLS.identifier")]
    identifier: String,
    #[serde(rename = "TLS.sdkappid")]
    sdk_app_id: Option<u64>,
    #[serde(rename = "TLS.time")]
    time: serde_json::Value,
    #[serde(rename = "TLS.expire")]
    expire: Option<i64>,
    #[serde(rename = "TLS.userbuf")]
    userbuf: Option<String>,
    #[serde(rename = "TLS.sig")]
    signature: String,
}

/// Whether a text can be such a signature: it begins as every zlib stream does.
pub(crate) fn looks_like(text: &str) -> bool {
    text.starts_with('e') && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"*-_".contains(&byte))
}

/// Who it is of, if it holds at `now` with the keys that `keys` finds for its app.
pub(crate) fn verify<'a>(
    text: &str,
    keys: impl FnOnce(u64) -> Option<&'a Keys>,
    now: i64,
) -> Result<(Claims, u64), Refusal> {
    let json = unwrap(text)?;
    let fields: Fields = serde_json::from_slice(&json).map_err(|_| match is_version_1(&json) {
        true => Refusal::OldVersion,
        false => Refusal::Damaged,
    })?;
    let (Some(app), Some(time), Some(expire)) = (fields.sdk_app_id, fields.time.as_i64(), fields.expire)
    else {
        return Err(if is_version_1(&json) { Refusal::OldVersion } else { Refusal::Damaged });
    };
    if fields.version.as_deref() != Some("2.0") {
        return Err(Refusal::OldVersion);
    }
    let sig = UserSig {
        identifier: &fields.identifier,
        sdk_app_id: app,
        time,
        expire,
        userbuf: fields.userbuf.as_deref(),
    };
    let keys = keys(app).ok_or(Refusal::UnknownApp(app))?;
    sig.verify(&fields.signature, keys, now).map_err(|fault| match fault {
        Fault::Wrong => Refusal::BadSignature,
        Fault::TooEarly => Refusal::NotYet(time),
        Fault::Expired => Refusal::Expired(sig.until()),
    })?;
    let person = Person::new(&fields.identifier, "", "", Role::Viewer)?;
    let mut claims = Claims { person, room: None, until: sig.until() };
    if let Some(key) = fields.userbuf.as_deref().and_then(RoomKey::from_userbuf) {
        narrow(&mut claims, &key, app, now)?;
    }
    Ok((claims, app))
}

/// A signature for an id, good from `now` until `until`; none without a key.
pub(crate) fn write(id: &str, app: u64, keys: &Keys, now: i64, until: i64) -> Option<String> {
    let expire = until.saturating_sub(now);
    let sig = UserSig { identifier: id, sdk_app_id: app, time: now, expire, userbuf: None };
    let json = json!({
        "TLS.ver": "2.0",
        "TLS.identifier": id,
        "TLS.sdkappid": app,
        "TLS.expire": expire,
        "TLS.time": now,
        "TLS.sig": sig.sign(keys)?,
    });
    let text = STANDARD.encode(compress_to_vec_zlib(json.to_string().as_bytes(), LEVEL));
    Some(text.chars().map(|c| turned(c, ["+*", "/-", "=_"])).collect())
}

/// What opens one room opens no other, and for no longer.
fn narrow(claims: &mut Claims, key: &RoomKey, app: u64, now: i64) -> Result<(), Refusal> {
    let room = key.room();
    if key.account != claims.person.id || u64::from(key.sdk_app_id) != app || room.is_empty() {
        return Err(Refusal::BadClaim("TLS.userbuf"));
    }
    let until = i64::from(key.until);
    if now >= until {
        return Err(Refusal::Expired(until));
    }
    claims.until = claims.until.min(until);
    claims.room = Some(room);
    Ok(())
}

fn unwrap(text: &str) -> Result<Vec<u8>, Refusal> {
    if text.len() > TOKEN_MAX {
        return Err(Refusal::TooLong);
    }
    let plain: String = text.chars().map(|c| turned(c, ["*+", "-/", "_="])).collect();
    let packed = STANDARD.decode(plain).map_err(|_| Refusal::Damaged)?;
    decompress_to_vec_zlib_with_limit(&packed, JSON_MAX).map_err(|_| Refusal::Damaged)
}

fn turned(c: char, pairs: [&str; 3]) -> char {
    let pair = pairs.iter().find(|pair| pair.starts_with(c));
    pair.and_then(|pair| pair.chars().nth(1)).unwrap_or(c)
}

/// The signatures of 2018: ECDSA, with other names for the same things.
fn is_version_1(json: &[u8]) -> bool {
    let fields = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(json);
    fields.is_ok_and(|fields| {
        ["TLS.appid_at_3rd", "TLS.account_type", "TLS.sdk_appid", "TLS.expire_after"]
            .iter()
            .any(|name| fields.contains_key(*name))
    })
}
