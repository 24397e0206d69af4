use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use aws_lc_rs::{encoding::AsDer as _, encoding::PublicKeyX509Der};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::*;
use crate::secrets::Secret;

const NOW: i64 = 1_700_000_000;
const SECRET: &str = "0123456789abcdef0123456789abcdef";
const APP: u64 = 1_400_000_000;

fn secrets() -> Secrets {
    Secrets {
        push_key: Secret::new("p"),
        play_key: Secret::new("q"),
        user_key: Secret::new("generated-generated-generated-gen"),
    }
}

fn identity(text: &str) -> Identity {
    Identity::new(&Config::from_toml(text).unwrap(), &secrets()).unwrap()
}

fn backend(more: &str) -> Identity {
    identity(&format!("[[user_key]]\nkid = \"b\"\nalgorithm = \"HS256\"\nsecret = \"{SECRET}\"\n{more}"))
}

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn hmac(secret: &str, signed: &str) -> String {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
    URL_SAFE_NO_PAD.encode(aws_lc_rs::hmac::sign(&key, signed.as_bytes()))
}

fn token(header: &Value, claims: &Value) -> String {
    let signed = format!("{}.{}", encode(header), encode(claims));
    format!("{signed}.{}", hmac(SECRET, &signed))
}

fn good() -> Value {
    json!({"sub": "u1", "name": "小红", "exp": NOW + 60, "aud": "weir"})
}

/// What a token with these claims on top of good ones comes to.
fn told(claims: Value) -> Result<Verified, Refusal> {
    let mut all = good();
    for (name, value) in claims.as_object().unwrap() {
        all[name] = value.clone();
    }
    backend("max_role = \"assistant\"\n").verify(&token(&json!({"alg": "HS256", "kid": "b"}), &all), NOW)
}

fn without(name: &str) -> Refusal {
    let mut claims = good();
    claims.as_object_mut().unwrap().remove(name);
    backend("").verify(&token(&json!({"alg": "HS256"}), &claims), NOW).unwrap_err()
}

#[test]
fn the_claims_of_a_token_are_who_somebody_is() {
    let who =
        told(json!({"room": "r1", "role": "assistant", "avatar": "https://a.b/c.png", "more": [1]})).unwrap();
    assert_eq!((who.person.id.as_str(), who.person.name.as_str()), ("u1", "小红"));
    assert_eq!((who.person.avatar.as_str(), who.person.role), ("https://a.b/c.png", Role::Assistant));
    assert_eq!((who.room.as_deref(), who.until, who.person.guest), (Some("r1"), NOW + 60, false));
    assert_eq!(who.by, By::Key("b".into()));
    assert_eq!(told(json!({"aud": ["x", "weir"], "exp": (NOW + 60) as f64 + 0.5})).unwrap().until, NOW + 60);
    assert_eq!(told(json!({"role": null, "room": null})).unwrap().person.role, Role::Viewer);
}

#[test]
fn a_claim_that_is_missing_or_wrong_is_told() {
    for name in ["sub", "exp", "aud"] {
        assert_eq!(without(name), Refusal::Missing(name));
    }
    let skew = SKEW_SECONDS;
    for (claims, refusal) in [
        (json!({"exp": NOW - skew - 1}), Refusal::Expired(NOW - skew - 1)),
        (json!({"nbf": NOW + skew + 1}), Refusal::NotYet(NOW + skew + 1)),
        (json!({"aud": "other"}), Refusal::WrongAudience),
        (json!({"aud": ["other"]}), Refusal::WrongAudience),
        (json!({"aud": 1}), Refusal::WrongAudience),
        (json!({"role": "host"}), Refusal::RoleNotAllowed(Role::Host)),
        (json!({"role": "operator"}), Refusal::BadClaim("role")),
        (json!({"role": 1}), Refusal::BadClaim("role")),
        (json!({"sub": 1}), Refusal::BadClaim("sub")),
        (json!({"sub": ""}), Refusal::BadPerson(control::person::BadPerson::Id)),
        (json!({"sub": "guest_1"}), Refusal::BadPerson(control::person::BadPerson::GuestId)),
        (json!({"avatar": "javascript:1"}), Refusal::BadPerson(control::person::BadPerson::Avatar)),
        (json!({"room": "a b"}), Refusal::BadClaim("room")),
        (json!({"exp": "soon"}), Refusal::BadClaim("exp")),
        (json!({"exp": -1}), Refusal::BadClaim("exp")),
        (json!({"exp": 1e300}), Refusal::BadClaim("exp")),
        (json!({"nbf": null}), Refusal::BadClaim("nbf")),
    ] {
        assert_eq!(told(claims.clone()), Err(refusal), "{claims}");
    }
    assert!(told(json!({"exp": NOW - skew, "nbf": NOW + skew})).is_ok());
    let open = backend("[identity]\naudience = \"\"\n");
    let claims = json!({"sub": "u1", "exp": NOW, "aud": "other"});
    assert!(open.verify(&token(&json!({"alg": "HS256"}), &claims), NOW).is_ok());
}

#[test]
fn a_header_chooses_no_algorithm_and_no_key_but_a_configured_one() {
    let identity = backend("");
    for (header, refusal) in [
        (json!({"alg": "none", "kid": "b"}), Refusal::WrongAlgorithm("HS256")),
        (json!({"alg": "hs256", "kid": "b"}), Refusal::WrongAlgorithm("HS256")),
        (json!({"alg": "HS512", "kid": "b"}), Refusal::WrongAlgorithm("HS256")),
        (json!({"alg": "HS256", "kid": "c"}), Refusal::UnknownKey("c".into())),
        (json!({"alg": "HS256", "kid": "weir"}), Refusal::BadSignature),
        (json!({"alg": "HS256", "typ": "at+jwt"}), Refusal::BadHeader("typ")),
        (json!({"alg": "HS256", "crit": ["exp"]}), Refusal::BadHeader("crit")),
        (json!({"alg": "HS256", "kid": 1}), Refusal::BadHeader("JSON with alg")),
        (json!({"typ": "JWT"}), Refusal::BadHeader("JSON with alg")),
        (json!([]), Refusal::BadHeader("JSON with alg")),
    ] {
        assert_eq!(identity.verify(&token(&header, &good()), NOW), Err(refusal), "{header}");
    }
    // Where keys are to be found is not read.
    let elsewhere = json!({"alg": "HS256", "typ": "jwt", "jku": "https://evil.example", "jwk": {}, "x5u": "https://evil.example"});
    assert!(identity.verify(&token(&elsewhere, &good()), NOW).is_ok());
    let unsigned = format!("{}.{}.", encode(&json!({"alg": "none"})), encode(&good()));
    assert_eq!(identity.verify(&unsigned, NOW), Err(Refusal::WrongAlgorithm("HS256")));
}

#[test]
fn no_byte_of_a_token_can_be_changed() {
    let identity = backend("");
    let whole = token(&json!({"alg": "HS256", "kid": "b"}), &good());
    for at in 0..whole.len() {
        let mut other = whole.clone().into_bytes();
        other[at] = if other[at] == b'A' { b'B' } else { b'A' };
        assert!(identity.verify(std::str::from_utf8(&other).unwrap(), NOW).is_err(), "{at}");
    }
    for other in ["", ".", "..", "a.b.c", "é", &whole[1..], &format!("{whole}="), &whole[..whole.len() - 1]]
    {
        assert!(identity.verify(other, NOW).is_err(), "{other}");
    }
    assert_eq!(identity.verify(&"e".repeat(TOKEN_MAX + 1), NOW), Err(Refusal::TooLong));
}

#[test]
fn keys_of_two_halves_verify_and_are_not_taken_for_each_other() {
    let pem = |der: &[u8]| {
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der))
    };
    let random = SystemRandom::new();
    let edwards = Ed25519KeyPair::generate().unwrap();
    let curve = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let edwards_der: PublicKeyX509Der<'_> = edwards.public_key().as_der().unwrap();
    let curve_der: PublicKeyX509Der<'_> = curve.public_key().as_der().unwrap();
    let section = |kid: &str, algorithm: &str, pem: &str| {
        format!(
            "[[user_key]]\nkid = \"{kid}\"\nalgorithm = \"{algorithm}\"\npublic_key = \"\"\"{pem}\"\"\"\n"
        )
    };
    let (edwards_pem, curve_pem) = (pem(edwards_der.as_ref()), pem(curve_der.as_ref()));
    let identity =
        identity(&format!("{}{}", section("ed", "EdDSA", &edwards_pem), section("es", "ES256", &curve_pem)));
    let make = |kid: &str, algorithm: &str, sign: &dyn Fn(&[u8]) -> Vec<u8>| {
        let signed = format!("{}.{}", encode(&json!({"alg": algorithm, "kid": kid})), encode(&good()));
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(sign(signed.as_bytes())))
    };
    let by_edwards = |signed: &[u8]| edwards.sign(signed).as_ref().to_vec();
    let by_curve = |signed: &[u8]| curve.sign(&random, signed).unwrap().as_ref().to_vec();
    assert!(identity.verify(&make("ed", "EdDSA", &by_edwards), NOW).is_ok());
    assert!(identity.verify(&make("es", "ES256", &by_curve), NOW).is_ok());
    assert_eq!(identity.verify(&make("ed", "EdDSA", &by_curve), NOW), Err(Refusal::BadSignature));
    assert_eq!(identity.verify(&make("ed", "ES256", &by_curve), NOW), Err(Refusal::WrongAlgorithm("EdDSA")));
    // The oldest trick: the public key as the secret of an HMAC.
    let mixed = |signed: &[u8]| {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, edwards_pem.as_bytes());
        aws_lc_rs::hmac::sign(&key, signed).as_ref().to_vec()
    };
    assert_eq!(identity.verify(&make("ed", "HS256", &mixed), NOW), Err(Refusal::WrongAlgorithm("EdDSA")));
    let nameless = format!("{}.{}.", encode(&json!({"alg": "EdDSA"})), encode(&good()));
    assert_eq!(identity.verify(&nameless, NOW), Err(Refusal::NoKeyId));
    for (algorithm, pem) in
        [("ES256", edwards_pem.as_str()), ("EdDSA", &curve_pem), ("EdDSA", "-----BEGIN PRIVATE KEY-----")]
    {
        assert!(Config::from_toml(&section("x", algorithm, pem)).is_err(), "{algorithm} {pem}");
    }
}

#[test]
fn what_is_issued_is_verified_and_needs_the_role() {
    let identity = identity("");
    let person = Person::new("u_中", "小红", "https://a.b/c", Role::Host).unwrap();
    let wish = Wish { person: person.clone(), room: Some("r1"), until: NOW + 60, app: None };
    let token = identity.issue(&wish, NOW).unwrap();
    let who = identity.verify(&token, NOW).unwrap();
    assert_eq!(
        who,
        Verified { person, room: Some("r1".into()), until: NOW + 60, by: By::Key(OWN_KEY.into()) }
    );
    assert_eq!(identity.issue(&Wish { app: Some(1), ..wish.clone() }, NOW), Err(Refusal::UnknownApp(1)));
    assert_eq!(identity.issue(&Wish { room: Some(""), ..wish }, NOW), Err(Refusal::BadClaim("room")));
}

const PYTHON: &str = "eJyrVgrxCdYrSy1SslJQMtIzUNJRAItkpqTmlWSmZUIkKjIT87NK82CSxSnZiQUFmSlAKUMTAyiAyqVWFGQWpYJkTE1NjRDiJZm5YFFzNPXFmekgG1KK0stLc9PDTC3LPX0Mk9KCHV2dDNPD03NSvQwyg13KqyIDMgo83MvyncttlWoBLSk0Rg__";
const NODE: &str = "eJyrVgrxCdYrSy1SslIy0jNQ0gHzM1NS80oy0zLBwhWZiflZpXlQqeKU7MSCgswUJStDEwMogMiUZOamKlkZmqOKplYUZBaBxE1NTY3gosWZ6UpWSilF6eWluelhppblnj6GSWnBjq5Ohunh6TmpXgaZwS7lVZEBGQUe7mX5zuW2SrUAsWoy5g__";

fn vendor() -> Identity {
    let key = "0123456789abcdef".repeat(4);
    identity(&format!("[[usersig]]\nsdk_app_id = {APP}\nkey = \"{key}\"\n"))
}

/// A signature with these fields, signed as it must be.
fn usersig(change: impl Fn(&mut Value), userbuf: Option<&str>) -> String {
    let keys = Keys::one("0123456789abcdef".repeat(4));
    let sig = control::compat::usersig::UserSig {
        identifier: "xiaojun",
        sdk_app_id: APP,
        time: NOW,
        expire: 86_400,
        userbuf,
    };
    let mut fields = json!({"TLS.ver": "2.0", "TLS.identifier": "xiaojun", "TLS.sdkappid": APP, "TLS.expire": 86_400,
        "TLS.time": NOW, "TLS.sig": sig.sign(&keys).unwrap()});
    if let Some(userbuf) = userbuf {
        fields["TLS.userbuf"] = userbuf.into();
    }
    change(&mut fields);
    wrapped(&fields)
}

fn wrapped(fields: &Value) -> String {
    let packed = miniz_oxide::deflate::compress_to_vec_zlib(fields.to_string().as_bytes(), 9);
    STANDARD.encode(packed).replace('+', "*").replace('/', "-").replace('=', "_")
}

#[test]
fn signatures_of_both_libraries_of_the_vendor_are_taken_and_their_end_is() {
    let identity = vendor();
    for sig in [PYTHON, NODE] {
        let who = identity.verify(sig, NOW).unwrap();
        assert_eq!((who.person.id.as_str(), who.until, who.by), ("xiaojun", NOW + 15_552_000, By::App(APP)));
        assert_eq!(identity.verify(sig, NOW + 15_552_000), Err(Refusal::Expired(NOW + 15_552_000)));
        assert_eq!(identity.verify(sig, NOW - 61), Err(Refusal::NotYet(NOW)));
    }
    let person = Person::new("u_中", "", "", Role::Viewer).unwrap();
    let wish = Wish { person, room: None, until: NOW + 60, app: Some(APP) };
    let made = identity.issue(&wish, NOW).unwrap();
    assert_eq!(identity.verify(&made, NOW).unwrap().person.id, "u_中");
}

#[test]
fn a_signature_that_was_changed_cut_or_is_of_the_version_before_is_told() {
    let identity = vendor();
    assert!(identity.verify(&usersig(|_| {}, None), NOW).is_ok());
    let told = |change: &dyn Fn(&mut Value)| identity.verify(&usersig(change, None), NOW).unwrap_err();
    assert_eq!(told(&|fields| fields["TLS.identifier"] = "admin".into()), Refusal::BadSignature);
    assert_eq!(told(&|fields| fields["TLS.expire"] = 86_401.into()), Refusal::BadSignature);
    assert_eq!(told(&|fields| fields["TLS.sdkappid"] = 1.into()), Refusal::UnknownApp(1));
    assert_eq!(told(&|fields| fields["TLS.ver"] = "1.0".into()), Refusal::OldVersion);
    assert_eq!(told(&|fields| fields["TLS.time"] = "x".into()), Refusal::Damaged);
    let old = json!({"TLS.account_type": "0", "TLS.identifier": "a", "TLS.appid_at_3rd": "0", "TLS.sdk_appid": "1",
        "TLS.expire_after": "1", "TLS.version": "2015", "TLS.time": "1", "TLS.sig": "MEUC"});
    assert_eq!(identity.verify(&wrapped(&old), NOW), Err(Refusal::OldVersion));
    for other in ["e", "eJ", &PYTHON[..PYTHON.len() - 4], "eJyrVgrxCdYrSy1SslJQMtIzUNJRAItkpqTmlWSmZUIkKjIT"]
    {
        assert_eq!(identity.verify(other, NOW), Err(Refusal::Damaged), "{other}");
    }
    // A kilobyte that would become a megabyte.
    assert_eq!(identity.verify(&wrapped(&json!("a".repeat(1 << 20))), NOW), Err(Refusal::Damaged));
    assert_eq!(super::tests::identity("").verify(PYTHON, NOW), Err(Refusal::UnknownApp(APP)));
}

#[test]
fn a_signature_for_one_room_opens_that_one_until_the_rooms_time_is_over() {
    let identity = vendor();
    for (userbuf, room) in [
        ("AAAHeGlhb2p1blNyTgAAACcQZVVCgAAAAP8AAAAA", "10000"),
        ("AQAHeGlhb2p1blNyTgAAAAAAZVVCgAAAAP8AAAAAAAVyb29tMQ==", "room1"),
    ] {
        let who = identity.verify(&usersig(|_| {}, Some(userbuf)), NOW).unwrap();
        assert_eq!((who.room.as_deref(), who.until), (Some(room), NOW + 86_400));
        let bare = |fields: &mut Value| drop(fields.as_object_mut().unwrap().remove("TLS.userbuf"));
        assert_eq!(identity.verify(&usersig(bare, Some(userbuf)), NOW), Err(Refusal::BadSignature));
    }
    let other = control::compat::usersig::RoomKey {
        account: "another".into(),
        sdk_app_id: 1_400_000_000,
        room: 1,
        room_name: None,
        until: u32::MAX,
        privileges: 255,
    };
    let sig = usersig(|_| {}, Some(&other.to_userbuf().unwrap()));
    assert_eq!(identity.verify(&sig, NOW), Err(Refusal::BadClaim("TLS.userbuf")));
    // An app may sign whatever it likes in its place.
    assert_eq!(identity.verify(&usersig(|_| {}, Some("YWJj")), NOW).unwrap().room, None);
}

#[test]
fn a_guest_stays_the_same_over_a_reload_and_is_renewed_at_half_of_the_time() {
    let identity = identity("[identity]\nguest_days = 2\n");
    let (who, token) = identity.guest(None, NOW).unwrap().unwrap();
    assert!(who.person.guest && who.person.id.starts_with("guest_"));
    assert_eq!((who.until, who.by.clone()), (NOW + 2 * 86_400, By::Guest));
    assert_eq!(identity.verify(&token, NOW), Ok(who.clone()));
    assert_eq!(identity.guest(Some(&token), NOW + 86_399).unwrap().unwrap().1, token);
    let (later, renewed) = identity.guest(Some(&token), NOW + 86_400).unwrap().unwrap();
    assert_eq!((&later.person.id, later.until), (&who.person.id, NOW + 3 * 86_400));
    assert_ne!(renewed, token);
    assert_eq!(identity.verify(&token, who.until + 1), Err(Refusal::Expired(who.until)));
    let other = identity.guest(Some(&token), who.until + 1).unwrap().unwrap().0;
    assert_ne!(other.person.id, who.person.id);
    for at in 6..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        assert!(identity.verify(std::str::from_utf8(&changed).unwrap(), NOW).is_err(), "{at}");
    }
    let closed = super::tests::identity("[identity]\nguests = false\n");
    assert_eq!(closed.verify(&token, NOW), Err(Refusal::NoGuests));
    assert_eq!(closed.guest(None, NOW).unwrap(), Err(Refusal::NoGuests));
}

#[test]
fn sections_of_keys_are_held_to_their_rules() {
    let key = |rest: &str| format!("[[user_key]]\nkid = \"b\"\n{rest}\n");
    let secret = format!("algorithm = \"HS256\"\nsecret = \"{SECRET}\"");
    let app = "[[usersig]]\nsdk_app_id = 1\nkey = \"k\"\n";
    for (text, good) in [
        (key(&secret), true),
        (key("algorithm = \"HS256\"\nsecret = \"0123456789abcdef0123456789abcde\""), false),
        (key("algorithm = \"HS256\""), false),
        (key("algorithm = \"RS256\""), false),
        (key("algorithm = \"none\""), false),
        (key("algorithm = \"ES256\""), false),
        (key("algorithm = \"ES256\"\npublic_key_file = \"a.pem\""), true),
        (key("algorithm = \"ES256\"\npublic_key = \"x\""), false),
        (key(&format!("{secret}\npublic_key_file = \"a.pem\"")), false),
        (key(&format!("{secret}\nmax_role = \"operator\"")), false),
        (format!("{}{}", key(&secret), key(&secret)), false),
        (key(&secret).replace("\"b\"", "\"weir\""), false),
        (key(&secret).replace("\"b\"", "\"\""), false),
        (key(&secret).replace("kid", "kidd"), false),
        (app.to_owned(), true),
        (format!("{app}{app}"), false),
        (app.replace("= 1", "= 0"), false),
        (app.replace("\"k\"", "\"\""), false),
        ("[identity]\naudience = \"a b\"\n".to_owned(), false),
    ] {
        assert_eq!(Config::from_toml(&text).is_ok(), good, "{text}");
    }
    let mut layers = crate::config::Layers::defaults();
    layers.add_file(std::path::Path::new("a.toml"), &format!("{}{app}", key(&secret)));
    assert!(!layers.show().contains(SECRET) && !format!("{:?}", backend("")).contains(SECRET));
}

#[test]
fn every_refusal_is_told_in_both_languages_by_a_code_of_its_own() {
    let all = [
        Refusal::TooLong,
        Refusal::NotAToken,
        Refusal::Damaged,
        Refusal::BadHeader("typ"),
        Refusal::UnknownKey("k".into()),
        Refusal::NoKeyId,
        Refusal::WrongAlgorithm("HS256"),
        Refusal::BadSignature,
        Refusal::Missing("exp"),
        Refusal::BadClaim("exp"),
        Refusal::WrongAudience,
        Refusal::NotYet(1),
        Refusal::Expired(1),
        Refusal::RoleNotAllowed(Role::Host),
        Refusal::BadPerson(control::person::BadPerson::Id),
        Refusal::UnknownApp(1),
        Refusal::OldVersion,
        Refusal::NoGuests,
    ];
    let codes: std::collections::BTreeSet<_> = all.iter().map(Refusal::code).collect();
    assert_eq!(codes.len(), all.len());
    for refusal in all {
        assert!(refusal.message_en().is_ascii() && !refusal.message_zh().is_ascii(), "{refusal:?}");
    }
}
