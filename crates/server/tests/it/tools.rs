//! The tools around the show: `weir doctor`, `weir probe`, `weir completions`, and what is under `deploy`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use testkit::clip::{Clip, metadata};
use testkit::publisher::Publisher;

use crate::ffmpeg::{Done, Running};
use crate::harness::{Folder, Weir};

fn weir(args: &[&str], env: &[(&str, &str)]) -> Done {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    command.args(args).env_clear().env("LANG", "C.UTF-8").envs(env.iter().copied());
    Running::new(command).wait()
}

fn json(done: &Done) -> Value {
    serde_json::from_str(&done.stdout).unwrap_or_else(|error| panic!("{error}: {done:?}"))
}

/// The verdict, what was seen and the fix of one check.
fn check(found: &Value, name: &str) -> (String, String, String) {
    let checks = found["checks"].as_array().expect("checks");
    let one = checks.iter().find(|one| one["name"] == name);
    let one = one.unwrap_or_else(|| panic!("no {name} in {found:#}"));
    let text = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
    (text("verdict"), text("seen"), text("fix"))
}

fn doctor(data: &Path, config: &str, env: &[(&str, &str)]) -> Done {
    std::fs::create_dir_all(data).expect("a folder");
    let file = data.join("weir.toml");
    std::fs::write(&file, config).expect("a file");
    weir(&["doctor", "--json", "--data", &data.to_string_lossy()], env)
}

/// A certificate for this machine and its key, as files.
fn certificate(folder: &Folder) -> (String, String) {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    let write = |name: &str, text: String| {
        std::fs::write(folder.file(name), text).expect("a file");
        folder.file(name).to_string_lossy().into_owned()
    };
    (write("cert.pem", made.cert.pem()), write("key.pem", made.signing_key.serialize_pem()))
}

/// What `tools/need build` says when these are the versions of the machine's cargo and Node.
fn need(cargo: &str, node: &str) -> Done {
    let folder = Folder::new("need");
    for (name, says) in [
        ("cargo", format!("cargo {cargo} (0 2026-01-01)")),
        ("node", format!("v{node}")),
        ("npm", String::new()),
    ] {
        std::fs::write(folder.file(name), format!("#!/bin/sh\necho '{says}'\n")).expect("a program");
        std::fs::set_permissions(folder.file(name), std::fs::Permissions::from_mode(0o755)).expect("a mode");
    }
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tools/need"));
    let path = std::env::var("PATH").expect("a path");
    command.arg("build").env("PATH", format!("{}:{path}", folder.path().display()));
    Running::new(command).wait()
}

#[test]
fn what_is_too_old_to_build_weir_is_named_with_the_version_that_is_wanted() {
    for node in ["20.19.0", "20.20.2", "22.12.0", "24.0.1"] {
        let done = need("1.95.0", node);
        assert_eq!(done.code, Some(0), "{node}: {done:?}");
    }
    for node in ["18.20.4", "20.18.3", "21.7.3", "22.11.0"] {
        let done = need("1.100.0", node);
        assert!(
            done.code == Some(1) && done.stderr.contains(&format!("Node.js is {node}")),
            "{node}: {done:?}"
        );
        assert!(done.stderr.contains("20.19") && done.stderr.contains("22.12"), "{done:?}");
    }
    let done = need("1.94.1", "22.12.0");
    assert!(done.code == Some(1) && done.stderr.contains("cargo is 1.94.1"), "{done:?}");
}

/// Listens where nobody else does.
const QUIET: &str =
    "[http]\nlisten = \"127.0.0.1:0\"\n[rtmp]\nlisten = \"127.0.0.1:0\"\n[metrics]\nlisten = \"\"\n";

#[test]
fn the_doctor_finds_nothing_to_fail_in_a_good_setup() {
    let folder = Folder::new("doctor-good");
    let data = folder.file("data");
    let done = doctor(&data, QUIET, &[]);
    let found = json(&done);
    assert_eq!((done.code, &found["ok"]), (Some(0), &Value::Bool(true)), "{found:#}");
    for name in ["configuration", "http.listen", "rtmp.listen", "clock", "data folder", "secrets", "disk"] {
        assert_eq!(check(&found, name).0, "ok", "{found:#}");
    }
    // Without PATH there is no ffmpeg, which spoils no show.
    let (verdict, seen, fix) = check(&found, "snapshots");
    assert!(
        verdict == "warn" && seen.contains("no covers") && fix.contains("apt-get install ffmpeg"),
        "{seen}"
    );
    let path = std::env::var("PATH").expect("PATH");
    assert_eq!(check(&json(&doctor(&data, QUIET, &[("PATH", &path)])), "snapshots").0, "ok");
    // It looks and changes nothing.
    let left: Vec<_> = std::fs::read_dir(&data).expect("the folder").collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn the_doctor_fails_what_would_spoil_the_show_and_says_how_to_mend_it() {
    let folder = Folder::new("doctor-bad");
    let held = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let (cert, key) = certificate(&folder);
    let data = folder.file("data");
    std::fs::create_dir_all(&data).expect("a folder");
    let secrets = data.join("secrets.toml");
    std::fs::write(&secrets, "push_key = \"a\"\nplay_key = \"b\"\n").expect("a file");
    std::fs::set_permissions(&secrets, std::fs::Permissions::from_mode(0o644)).expect("a mode");
    let config = format!(
        "[server]\npublic_host = \"live.example.com\"\n[http]\nlisten = \"{}\"\n[rtmp]\nlisten = \"127.0.0.1:0\"\n\
         [metrics]\nlisten = \"\"\n[limits]\nmax_connections = 9999999\n[tls]\ncert_file = {cert:?}\nkey_file = {key:?}\n",
        held.local_addr().expect("an address")
    );
    let done = doctor(&data, &config, &[]);
    let found = json(&done);
    assert_eq!((done.code, &found["ok"]), (Some(1), &Value::Bool(false)), "{found:#}");
    assert!(done.stderr.contains("checks failed"), "{}", done.stderr);
    for (name, verdict, fix) in [
        ("http.listen", "fail", "ss -ltnp"),
        ("open files", "fail", "LimitNOFILE"),
        ("secrets", "fail", "chmod 600"),
        ("host names", "fail", "server.public_host"),
        ("chain", "warn", "public authority"),
        ("signing", "warn", "play.scheme"),
    ] {
        let one = check(&found, name);
        assert!(one.0 == verdict && one.2.contains(fix), "{name}: {one:?}");
    }

    let done = doctor(&data, "[http]\nlistn = 1\n", &[("LC_ALL", "zh_CN.UTF-8")]);
    let (verdict, seen, fix) = check(&json(&done), "configuration");
    assert_eq!((done.code, verdict.as_str()), (Some(1), "fail"));
    assert!(seen.contains("listn") && seen.contains("配置") && fix.contains("改正"), "{seen} {fix}");
}

#[test]
fn the_doctor_knows_a_port_that_a_running_weir_holds() {
    let folder = Folder::new("doctor-runs");
    let data = folder.file("data");
    let weir = Weir::start_in(&data, &[]);
    let local = format!("key = \"wk_none\"\nserver = \"http://{}\"\n", weir.http);
    std::fs::write(data.join("local.key"), local).expect("a file");
    let config = QUIET.replacen("127.0.0.1:0", &weir.http.to_string(), 1);
    let done = doctor(&data, &config, &[]);
    let (verdict, seen, _) = check(&json(&done), "http.listen");
    assert!(verdict == "ok" && seen.contains("a weir runs"), "{verdict}: {seen}");
}

/// Pushes at the clip's own pace for as long as `during` runs.
fn while_on_air<T>(weir: &Weir, during: impl FnOnce() -> T) -> T {
    let mut publisher = Publisher::connect(&weir.rtmp_url("live/room1")).expect("a publisher");
    publisher.send(media::frame::Kind::Data, 0, &metadata("a show")).expect("metadata");
    publisher.send_headers(30).expect("headers");
    // One clip, cut: each one that is made anew would begin with a key frame.
    let shots = Clip::default().shots(0, 90_000);
    let (first, rest) = shots.split_at(shots.partition_point(|shot| shot.time < 4_000));
    publisher.send_all(first).expect("pictures");
    weir.wait_on_air("live/room1");
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            // A live encoder's pace; nothing waits for it. 15 frames are 200 ms.
            for piece in rest.chunks(15) {
                if over.load(Ordering::SeqCst) || publisher.send_all(piece).is_err() {
                    return;
                }
                thread::park_timeout(Duration::from_millis(200));
            }
        });
        let done = during();
        over.store(true, Ordering::SeqCst);
        done
    })
}

#[test]
fn a_probe_tells_the_same_of_a_stream_over_each_wire() {
    let folder = Folder::new("probe-tls");
    let (cert, key) = certificate(&folder);
    let weir_server = Weir::with(&[
        ("tls.cert_file", &cert),
        ("tls.key_file", &key),
        ("http.tls_listen", "127.0.0.1:0"),
        ("rtmp.tls_listen", "127.0.0.1:0"),
    ]);
    let (https, rtmps) = (weir_server.https.expect("HTTPS"), weir_server.rtmps.expect("RTMPS"));
    let urls = [
        weir_server.rtmp_url("live/room1"),
        weir_server.flv_url("live/room1"),
        format!("rtmps://{rtmps}/live/room1"),
        format!("https://{https}/live/room1.flv"),
    ];
    let done = weir(&["probe", &urls[3]], &[]);
    assert!(done.code == Some(1) && done.stderr.contains("TLS failed"), "{done:?}");
    let all = while_on_air(&weir_server, || {
        thread::scope(|scope| {
            let running: Vec<_> = urls
                .iter()
                .map(|url| {
                    let args = ["probe", url, "--seconds", "3", "--json", "--ca", &cert];
                    scope.spawn(move || weir(&args, &[]))
                })
                .collect();
            running.into_iter().map(|one| one.join().expect("a probe")).collect::<Vec<_>>()
        })
    });
    for (url, done) in urls.iter().zip(all) {
        assert_eq!(done.code, Some(0), "{url}: {done:?}");
        let found = json(&done);
        let (video, audio) = (&found["video"], &found["audio"]);
        assert_eq!((&video["codec"], &audio["codec"]), (&"H.264".into(), &"AAC".into()), "{found:#}");
        assert!(video["codec_string"].as_str().is_some_and(|text| text.starts_with("avc1.")), "{found:#}");
        assert_eq!(audio["codec_string"], "mp4a.40.2", "{found:#}");
        assert_eq!(video["per_second"], 25.0, "{found:#}");
        let gop = i64::from(Clip::default().gop) * 40;
        assert_eq!((&found["gop_ms"], &found["gop_max_ms"]), (&gop.into(), &gop.into()), "{found:#}");
        assert_eq!(found["monotonic"], true, "{found:#}");
        assert!(found["first_key_frame_ms"].is_u64() && video["kbps"].as_u64() > Some(0), "{found:#}");
        assert!(found["audio_ahead_ms"].as_i64().is_some_and(|ahead| ahead.abs() < 200), "{found:#}");
        assert!(found["metadata"].as_array().is_some_and(|keys| !keys.is_empty()), "{found:#}");
    }
}

#[test]
fn a_probe_that_is_refused_says_why_in_the_servers_words() {
    let weir_server = Weir::with(&[("hub.grace_seconds", "0"), ("play.scheme", "tencent")]);
    let (flv, rtmp) = (weir_server.flv_url("live/room1"), weir_server.rtmp_url("live/room1"));
    let done = weir(&["probe", &flv], &[]);
    assert_eq!(done.code, Some(1), "{done:?}");
    assert!(done.stderr.contains("403") && done.stderr.contains("missing"), "{}", done.stderr);
    let done = weir(&["probe", &flv], &[("LANG", "zh_CN.UTF-8")]);
    assert!(done.stderr.contains("对方服务器回应 HTTP 403"), "{}", done.stderr);
    let done = weir(&["probe", &rtmp], &[]);
    assert_eq!(done.code, Some(1), "{done:?}");
    assert!(
        done.stderr.contains("NetStream.Play") || done.stderr.contains("NetConnection"),
        "{}",
        done.stderr
    );

    let open = Weir::with(&[("hub.grace_seconds", "0")]);
    let done = weir(&["probe", &open.flv_url("live/nobody")], &[]);
    assert!(done.code == Some(1) && done.stderr.contains("404 not_on_air"), "{done:?}");
    let done = weir(&["probe", &open.rtmp_url("live/nobody")], &[]);
    assert!(done.code == Some(1) && done.stderr.contains("NetStream.Play.StreamNotFound"), "{done:?}");

    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    for (url, word) in [
        (format!("rtmp://{free}/live/room1"), "no connection"),
        (open.ws_url("live/room1"), "http:// address"),
        ("room1".to_owned(), "rtmp://"),
    ] {
        let done = weir(&["probe", &url], &[]);
        assert!(done.code == Some(1) && done.stderr.contains(word), "{url}: {done:?}");
    }
}

#[test]
fn every_shell_completes_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let done = weir(&["completions", shell], &[]);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        for word in ["serve", "init", "url", "config", "key", "streams", "kick", "forbid", "doctor", "probe"]
        {
            assert!(done.stdout.contains(word), "{shell}: no {word}");
        }
    }
    assert_eq!(weir(&["completions", "tcsh"], &[]).code, Some(2));
}

#[test]
fn the_service_file_is_good_and_its_bounds_fit_the_configuration() {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/weir.service");
    let text = std::fs::read_to_string(&unit).expect("deploy/weir.service");
    let value = |key: &str| {
        let found = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        found.unwrap_or_else(|| panic!("no {key}"))
    };
    for (key, wanted) in [
        ("ProtectSystem", "strict"),
        ("NoNewPrivileges", "true"),
        ("PrivateTmp", "true"),
        ("LimitNOFILE", "1048576"),
        ("StateDirectory", "weir"),
        ("Type", "simple"),
        ("ExecReload", "/bin/kill -HUP $MAINPID"),
    ] {
        assert_eq!(value(key), wanted, "{key}");
    }
    // A stop must outlast the drain, or the service manager cuts it short.
    let drain = weir::config::Config::defaults().server.drain_seconds;
    assert!(value("TimeoutStopSec").parse::<u64>().expect("seconds") > drain + 5);

    // systemd says what it does not know. Where it is not installed the keys above must do.
    let folder = Folder::new("unit");
    let copy = folder.file("weir.service");
    // The program is not installed where the test runs, and another one must stand in its place.
    std::fs::write(&copy, text.replace("/usr/local/bin/weir", env!("CARGO_BIN_EXE_weir"))).expect("a file");
    let mut verify = Command::new("systemd-analyze");
    verify.arg("verify").arg(&copy);
    let Ok(verified) = verify.output() else { return };
    let said = String::from_utf8_lossy(&verified.stderr);
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("weir.service")).collect();
    assert!(ours.is_empty(), "{ours:#?}");
}
