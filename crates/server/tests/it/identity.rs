//! Tokens of users: made by other people's libraries and taken here, made here and taken by them, and made as the documentation
//! says.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use weir::identity::Verified;
use weir::operator::keys::{self, Scope};
use weir::secrets::Secrets;

use crate::api::{Api, assert_error, command, json as body};
use crate::harness::{Folder, Weir};

const SECRET: &str = "a-secret-of-both-sides-0123456789";
const APP_KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

const FILE: &str = "[[user_key]]\nkid = \"shared\"\nalgorithm = \"HS256\"\nsecret = \"a-secret-of-both-sides-0123456789\"\nmax_role = \"assistant\"\n\
    [[usersig]]\nsdk_app_id = 1400000000\nkey = \"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"\n";

/// Runs a program of the Python that `tools/need test` has equipped.
fn python(script: &str, args: &[&str]) -> String {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/.venv/bin/python");
    let mut python = Command::new(program);
    output(python.args(["-c", script]).args(args))
}

fn output(command: &mut Command) -> String {
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

fn verify(weir: &Weir, token: &str) -> Verified {
    let now = weir.clock.unix_seconds();
    weir.app().identity().verify(token, now).unwrap_or_else(|refusal| panic!("{refusal:?}: {token}"))
}

/// A data folder with secrets and a configuration.
fn folder(file: &str) -> (Folder, Secrets) {
    let data = Folder::new("identity");
    let secrets = Secrets::create(data.path()).expect("secrets");
    std::fs::write(data.file("weir.toml"), file).expect("a file");
    (data, secrets)
}

fn token(data: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let data = data.to_string_lossy();
    command(&[&["token"], args, &["--data", &data]].concat(), &[("LANG", "C.UTF-8")])
}

#[test]
fn tokens_that_other_libraries_sign_are_taken_with_every_algorithm() {
    let folder = Folder::new("keys");
    let script = "
import json, sys, time, jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives import serialization as s
out, claims = {}, {'sub': 'u_中', 'name': '小红', 'aud': 'weir', 'exp': int(time.time()) + 60, 'role': 'assistant', 'room': 'r1'}
for kid, alg, key in [('es', 'ES256', ec.generate_private_key(ec.SECP256R1())), ('ed', 'EdDSA', ed25519.Ed25519PrivateKey.generate())]:
    with open(f'{sys.argv[1]}/{kid}.pem', 'wb') as file:
        file.write(key.public_key().public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo))
    out[kid] = jwt.encode(claims, key, alg, headers={'kid': kid})
out['shared'] = jwt.encode(claims, sys.argv[2], 'HS256', headers={'kid': 'shared'})
print(json.dumps(out))";
    let made = python(script, &[&folder.path().to_string_lossy(), SECRET]);
    let made: Value = serde_json::from_str(&made).expect("JSON");
    let section = |kid: &str, algorithm: &str| {
        let file = folder.file(&format!("{kid}.pem"));
        format!("[[user_key]]\nkid = \"{kid}\"\nalgorithm = \"{algorithm}\"\npublic_key_file = {file:?}\n")
    };
    let weir = Weir::start(&format!("{FILE}{}{}", section("es", "ES256"), section("ed", "EdDSA")), &[]);
    for kid in ["shared", "es", "ed"] {
        let who = verify(&weir, made[kid].as_str().expect("a token"));
        assert_eq!((who.person.id.as_str(), who.person.name.as_str()), ("u_中", "小红"), "{kid}");
        assert_eq!((who.person.role.word(), who.room.as_deref()), ("assistant", Some("r1")), "{kid}");
    }
}

#[test]
fn signatures_of_the_vendors_library_are_taken() {
    let weir = Weir::start(FILE, &[]);
    let script = "
import sys
from TLSSigAPIv2 import TLSSigAPIv2
api = TLSSigAPIv2(1400000000, sys.argv[1])
print(api.gen_sig('u_中', 60), api.gen_sig_with_userbuf('u1', 60, b'abc'))";
    let made = python(script, &[APP_KEY]);
    let ids: Vec<String> = made.split(' ').map(|sig| verify(&weir, sig).person.id).collect();
    assert_eq!(ids, ["u_中", "u1"]);
}

#[test]
fn the_command_line_makes_tokens_that_other_libraries_take_and_says_what_is_wrong_with_one() {
    let (data, secrets) = folder(FILE);
    let name = ["u_中", "--name", "小红", "--room", "r1", "--role", "host", "--expires", "1h"];
    let (code, made, told) = token(data.path(), &name);
    assert_eq!(code, Some(0), "{told}");
    let script = "
import sys, json, jwt
print(json.dumps(jwt.decode(sys.argv[1], sys.argv[2], ['HS256'], audience='weir', options={'require': ['exp', 'iat', 'sub']})))";
    let claims = python(script, &[made.trim(), secrets.user_key.expose()]);
    let claims: Value = serde_json::from_str(&claims).expect("JSON");
    assert_eq!(
        (&claims["sub"], &claims["name"], &claims["role"]),
        (&json!("u_中"), &json!("小红"), &json!("host"))
    );
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3_600);

    let (code, said, told) = token(data.path(), &["check", made.trim()]);
    assert_eq!(code, Some(0), "{told}");
    for line in
        ["user: u_中", "name: 小红", "role: host", "rooms: r1", "signed by: the key weir", "good until: 20"]
    {
        assert!(said.contains(line), "{said}");
    }
    let (_, said, _) = token(data.path(), &["check", "--json", made.trim()]);
    assert_eq!(serde_json::from_str::<Value>(&said).expect("JSON")["user"], "u_中");

    let (_, sig, _) = token(data.path(), &["u1", "--usersig", "1400000000"]);
    let (code, said, told) = token(data.path(), &["check", sig.trim()]);
    assert!(code == Some(0) && said.contains("signed by: the app 1400000000"), "{said} {told}");

    let old = python(
        "import sys, jwt; print(jwt.encode({'sub': 'a', 'aud': 'weir', 'exp': 1700000000}, sys.argv[1], 'HS256', headers={'kid': 'shared'}))",
        &[SECRET],
    );
    for (args, code, said) in [
        (vec!["check", &made.trim()[1..]], 1, "weir: token_"),
        (vec!["check", &made.trim()[..made.len() - 3]], 1, "weir: token_damaged: "),
        (vec!["check", old.as_str()], 1, "(2023-11-14T22:13:20Z)"),
        (vec!["check", "x"], 1, "weir: not_a_token: "),
        (vec!["guest_1"], 1, "guests of this server"),
        (vec!["u1", "--usersig", "7"], 1, "weir: unknown_app: "),
        (vec!["u1", "--usersig", "7", "--name", "x"], 2, "cannot be used with"),
        (vec![], 2, "USER"),
    ] {
        let (exit, _, told) = token(data.path(), &args);
        assert!(exit == Some(code) && told.contains(said), "{args:?}: {exit:?} {told}");
    }
}

#[test]
fn the_api_makes_tokens_for_backends_and_a_reload_changes_keys() {
    let api = Api::with_file(FILE, &[]);
    let key = keys::create(api.data.path(), "login", Scope::Tokens, String::new()).expect("a key");
    let ask = |body: Value| api.ask("POST", "users/tokens", key.expose(), &body.to_string());
    for path in ["streams", "rooms"] {
        let refused = api.ask("GET", path, key.expose(), "");
        assert_error(&refused, 403, "tokens_only_key");
        assert!(!refused.text().contains("--scope tokens") && refused.text().contains("--scope"), "{path}");
    }
    assert_eq!(api.write("POST", "users/tokens", json!({"user": "u1"})).status, 201);
    let made = ask(json!({"user": "u1", "name": "小红", "role": "host", "room": "r1", "expires_in": 60}));
    assert_eq!(made.status, 201);
    let who = verify(&api.weir, body(&made)["token"].as_str().expect("a token"));
    assert_eq!(
        (who.person.id.as_str(), who.person.role.word(), who.room.as_deref()),
        ("u1", "host", Some("r1"))
    );
    assert!((who.until - api.weir.clock.unix_seconds() - 60).abs() < 10);
    let sig = ask(json!({"user": "u1", "usersig": 1_400_000_000}));
    let sig = body(&sig)["token"].as_str().expect("a signature").to_owned();
    assert_eq!(verify(&api.weir, &sig).person.id, "u1");
    assert_error(&ask(json!({"user": "guest_1"})), 400, "bad_person");
    assert_error(&ask(json!({"user": "u1", "usersig": 7})), 409, "unknown_app");
    assert_error(&api.ask("POST", "users/tokens", &api.read, "{\"user\":\"u1\"}"), 403, "read_only_key");

    let file = api.data.file("new.toml");
    std::fs::write(&file, FILE.replace("1400000000", "1400000001")).expect("a file");
    api.weir.reload_from(&file, &[]);
    assert_eq!(api.write("POST", "reload", json!({})).status, 200);
    let now = api.weir.clock.unix_seconds();
    assert_eq!(api.weir.app().identity().verify(&sig, now).unwrap_err().code(), "unknown_app");
}

/// The code behind a heading of the how-to.
fn example(language: &str) -> String {
    let guide = include_str!("../../../../docs/en/tokens.md");
    let code = guide.split(&format!("```{language}\n")).nth(1).expect("an example");
    code.split("```").next().expect("its end").to_owned()
}

#[test]
fn a_backend_that_does_as_the_how_to_says_is_understood() {
    let (data, secrets) = folder("");
    let key = secrets.user_key.expose();
    let node = output(Command::new("node").args(["-e", &example("js")]).env("WEIR_USER_KEY", key));
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/.venv/bin/python");
    let python = output(Command::new(program).args(["-c", &example("python")]).env("WEIR_USER_KEY", key));
    for made in [node, python] {
        let (code, said, told) = token(data.path(), &["check", &made]);
        assert!(
            code == Some(0) && said.contains("user: 10086") && said.contains("name: 小红"),
            "{said} {told}"
        );
    }
    let zh = include_str!("../../../../docs/zh/tokens.md");
    for language in ["js", "python", "go"] {
        assert!(zh.contains(&example(language)), "{language}: both guides show the same code");
    }
}
