//! The program itself: what it prints, what it writes, and how it ends.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use testkit::http;
use testkit::viewer::Viewer;
use weir::operator::keys;

use crate::ffmpeg::{self, Done, Running, Version};
use crate::harness::{Folder, wait_for};

/// `weir serve` on a data folder of its own and ports of the system's choice.
pub struct Process {
    child: Child,
    data: PathBuf,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts it on the folder's `data`, without a demo, in English.
    pub fn serve(folder: &Folder, args: &[&str], env: &[(&str, &str)]) -> Process {
        let data = folder.file("data");
        let mut command = weir(&["serve", "--no-demo", "--data", &data.to_string_lossy()]);
        if !args.contains(&"--http") {
            command.args(["--http", "127.0.0.1:0"]);
        }
        if !args.contains(&"--rtmp") {
            command.args(["--rtmp", "127.0.0.1:0"]);
        }
        // A drain would keep a stop waiting for the viewers of a test.
        command.args(args).env("WEIR__SERVER__DRAIN_SECONDS", "0").env("WEIR__METRICS__LISTEN", "");
        command.envs(env.iter().copied());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("weir starts");
        let (stdout, stderr) = (Arc::<Mutex<String>>::default(), Arc::<Mutex<String>>::default());
        let readers = vec![
            collect(child.stdout.take().expect("piped"), stdout.clone()),
            collect(child.stderr.take().expect("piped"), stderr.clone()),
        ];
        Process { child, data, stdout, stderr, readers }
    }

    /// Its number in the system.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it answers its operator.
    pub fn ask(&self, target: &str) -> String {
        let local = keys::local(&self.data).expect("a file").expect("the server's own key");
        let addr = local.server.trim_start_matches("http://").parse().expect("an address");
        let authorization = format!("Authorization: Bearer {}\r\n", local.key.expose());
        http::get(addr, target, &authorization).expect("an answer").text()
    }

    /// Waits until what was printed is enough, and gives it.
    pub fn wait_stdout(&self, what: &str, enough: impl Fn(&str) -> bool) -> String {
        wait_for(what, || enough(&self.stdout.lock().expect("text")));
        self.stdout.lock().expect("text").clone()
    }

    /// The RTMP address of a stream, at the port that it says it listens on.
    pub fn rtmp_url(&self, stream: &str) -> String {
        let printed =
            self.wait_stdout("the addresses", |text| text.contains("rtmp://") && text.ends_with('\n'));
        let authority = printed.split("rtmp://").nth(1).and_then(|rest| rest.split(['/', ' ', '\n']).next());
        let port = authority.and_then(|authority| authority.rsplit(':').next()).expect("an address");
        format!("rtmp://127.0.0.1:{port}/{stream}")
    }

    /// Waits until the log has enough in it.
    pub fn wait_stderr(&self, what: &str, enough: impl Fn(&str) -> bool) {
        wait_for(what, || enough(&self.stderr.lock().expect("text")));
    }

    /// Asks it to end, as a service manager does, and waits for that.
    pub fn terminate(mut self) -> Done {
        self.signal();
        self.ended()
    }

    fn signal(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill").success());
    }

    /// Waits for its end.
    fn ended(&mut self) -> Done {
        let status = Mutex::new(None);
        let child = Mutex::new(&mut self.child);
        wait_for("the end of weir", || {
            let ended = child.lock().expect("a child").try_wait().expect("a child of ours");
            *status.lock().expect("a status") = ended;
            ended.is_some()
        });
        for reader in self.readers.drain(..) {
            reader.join().expect("a reader");
        }
        let text = |text: &Mutex<String>| text.lock().expect("text").clone();
        let code = status.into_inner().expect("a status").and_then(|status| status.code());
        Done { code, stderr: text(&self.stderr), stdout: text(&self.stdout) }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(pipe: impl Read + Send + 'static, text: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            let mut text = text.lock().expect("text");
            text.push_str(&String::from_utf8_lossy(&line));
            text.push('\n');
        }
    })
}

/// The program with an environment in which nothing is set but English.
fn weir(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    command
        .args(args)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("LANG", "C.UTF-8");
    command
}

/// Runs it to its end.
pub fn run(args: &[&str], env: &[(&str, &str)]) -> Done {
    let mut command = weir(args);
    command.envs(env.iter().copied());
    Running::new(command).wait()
}

fn data(folder: &Folder) -> String {
    folder.file("data").to_string_lossy().into_owned()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

fn address(printed: &str, what: impl Fn(&str) -> bool) -> &str {
    printed
        .lines()
        .map(str::trim)
        .find(|line| what(line))
        .unwrap_or_else(|| panic!("no such address in\n{printed}"))
}

#[test]
fn a_first_start_prints_addresses_that_work_and_keys_that_are_shown_once() {
    let folder = Folder::new("first");
    let process = Process::serve(&folder, &[], &[("WEIR__PLAY__SCHEME", "tencent")]);
    let printed = process.wait_stdout("the banner", |text| text.contains("weir url push live/NAME"));
    let secrets = folder.file("data/secrets.toml");
    assert_eq!((mode(&secrets), mode(&folder.file("data"))), (0o600, 0o700));
    let keys = std::fs::read_to_string(&secrets).expect("the keys");
    let keys: Vec<&str> = keys.split('"').filter(|part| part.len() == 40).collect();
    assert!(keys.len() == 3 && keys.iter().all(|key| printed.contains(key)), "{printed}");

    let push_url = address(&printed, |line| line.starts_with("rtmp://") && line.contains("txSecret="));
    let _push = ffmpeg::push(push_url, 20);
    let flv = address(&printed, |line| line.starts_with("http://") && line.contains(".flv?"));
    let ws = address(&printed, |line| line.starts_with("ws://"));
    let rtmp =
        printed.lines().map(str::trim).rfind(|line| line.starts_with("rtmp://")).expect("a play address");
    for url in [flv, ws, rtmp] {
        let mut viewer = Viewer::open(url).expect("the printed address plays");
        assert!(viewer.next().expect("frames").is_some(), "{url}");
    }
    let done = ffmpeg::start(Version::Debian, &["-i", flv, "-frames:v", "10", "-f", "null", "-"]).wait();
    assert_eq!(done.code, Some(0), "{}", done.stderr);

    // OBS takes the same address in two parts.
    let server =
        printed.lines().find_map(|line| line.trim().strip_prefix("OBS: server")).expect("OBS").trim();
    let key = printed.lines().find_map(|line| line.trim().strip_prefix("stream key")).expect("OBS").trim();
    assert_eq!(format!("{server}/{key}"), push_url);
    let page = address(&printed, |line| line.starts_with("http://") && line.contains("/play/"));
    let (host, path) = page.trim_start_matches("http://").split_once('/').expect("a path");
    let answer = http::get(host.parse().expect("an address"), &format!("/{path}"), "").expect("the page");
    assert!(answer.status == 200 && answer.text().contains("<!doctype html"), "{}", answer.text());
    assert_eq!(process.terminate().code, Some(0));

    let process = Process::serve(&folder, &[], &[]);
    let again = process.wait_stdout("the banner", |text| text.contains("weir url push live/NAME"));
    assert!(!keys.iter().any(|key| again.contains(key)), "the keys are shown again: {again}");
    let stays = std::fs::read_to_string(&secrets).expect("the keys");
    assert!(keys.iter().all(|key| stays.contains(key)), "the keys changed");
}

#[test]
fn init_writes_a_configuration_and_keys_and_never_overwrites() {
    let folder = Folder::new("init");
    let data = data(&folder);
    let done = run(&["init", "--data", &data], &[]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(done.stdout.contains("push_key") && done.stdout.contains("weir serve --data"), "{}", done.stdout);
    assert_eq!(mode(&folder.file("data/secrets.toml")), 0o600);
    let check = run(&["config", "check", "--data", &data], &[]);
    assert_eq!(
        (check.code, check.stdout.contains("is good")),
        (Some(0), true),
        "{}{}",
        check.stdout,
        check.stderr
    );
    let again = run(&["init", "--data", &data], &[]);
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains("exists already"), "{}", again.stderr);
}

#[test]
fn url_makes_signed_addresses_for_programs_and_people() {
    let folder = Folder::new("url");
    let data = data(&folder);
    let none = run(&["url", "push", "live/room1", "--data", &data], &[]);
    assert_eq!(none.code, Some(1));
    assert!(none.stderr.contains("weir init"), "{}", none.stderr);
    assert_eq!(run(&["init", "--data", &data], &[]).code, Some(0));
    let json = |args: &[&str]| -> serde_json::Value {
        let done = run(
            &[args, &["--json", "--data", &data, "--host", "live.example.com"]].concat(),
            &[("WEIR__PLAY__SCHEME", "tencent")],
        );
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        serde_json::from_str(&done.stdout).expect("JSON")
    };
    let push = json(&["url", "push", "live/room1", "--expires", "2h"]);
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    assert!(text(&push["url"]).starts_with("rtmp://live.example.com:1935/live/room1?txSecret="), "{push}");
    assert_eq!(format!("{}/{}", text(&push["server"]), text(&push["stream_key"])), text(&push["url"]));
    assert!(text(&push["expires_at"]).ends_with('Z'));
    let play = json(&["url", "play", "live/room1"]);
    for (kind, start) in [
        ("rtmp", "rtmp://live.example.com:1935/live/room1?txSecret="),
        ("flv", "http://live.example.com:8080/live/room1.flv?txSecret="),
        ("ws_flv", "ws://live.example.com:8080/live/room1.flv?txSecret="),
        ("hls", "http://live.example.com:8080/live/room1.m3u8?txSecret="),
        ("page", "http://live.example.com:8080/play/live/room1?txSecret="),
    ] {
        assert!(text(&play[kind]).starts_with(start), "{kind}: {play}");
    }
    let people = run(&["url", "push", "live/room1", "--data", &data], &[]);
    assert!(
        people.stdout.contains("OBS: server") && people.stdout.contains("good until"),
        "{}",
        people.stdout
    );
    let bad = run(&["url", "push", "room1", "--data", &data], &[]);
    assert_eq!(bad.code, Some(1));
    assert!(bad.stderr.contains("APP/STREAM"), "{}", bad.stderr);
}

#[test]
fn config_show_tells_where_each_value_comes_from_and_hides_keys() {
    let folder = Folder::new("show");
    let file = written(&folder, "[hub]\ngrace_seconds = 7\n\n[push]\nkey = \"hunter2hunter2\"\n");
    let args = ["config", "show", "--config", &file, "--host", "live.example.com"];
    let env = [("WEIR__FANOUT__SHARDS", "3")];
    let shown = run(&args, &env);
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    let line = |key: &str| {
        shown.stdout.lines().find(|line| line.starts_with(&format!("{key} ="))).unwrap_or_default()
    };
    assert!(
        line("hub.grace_seconds").contains('7') && line("hub.grace_seconds").contains("weir.toml:2"),
        "{}",
        shown.stdout
    );
    assert!(line("fanout.shards").contains("WEIR__FANOUT__SHARDS"), "{}", shown.stdout);
    assert!(line("server.public_host").contains("--host"), "{}", shown.stdout);
    assert!(line("http.listen").contains("default"), "{}", shown.stdout);
    assert!(line("push.key").contains("****") && !shown.stdout.contains("hunter2"), "{}", shown.stdout);
    let json = run(&[&args[..], &["--json"]].concat(), &env);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    let items = json.as_array().expect("a list");
    let of = |key: &str| items.iter().find(|item| item["key"] == key).expect("the key");
    assert_eq!(of("hub.grace_seconds")["origin"]["kind"], "file");
    assert!(!json.to_string().contains("hunter2"));
}

#[test]
fn a_slip_in_the_configuration_is_told_with_its_line_and_what_was_meant() {
    let folder = Folder::new("slip");
    let file = written(&folder, "[http]\n# a comment\nlisten = \"127.0.0.1:0\"\ncors_orgins = [\"*\"]\n");
    for (env, words) in [
        (vec![], ["weir.toml:4", "did you mean `http.cors_origins`"]),
        (vec![("LANG", "zh_CN.UTF-8")], ["weir.toml:4", "是不是 `http.cors_origins`"]),
    ] {
        for args in [["config", "check", "--config", &file], ["serve", "--no-demo", "--config", &file]] {
            let done = run(&args, &env);
            assert_eq!(done.code, Some(1), "{args:?}: {}", done.stderr);
            assert!(words.iter().all(|part| done.stderr.contains(part)), "{args:?}: {}", done.stderr);
        }
    }
}

#[test]
fn a_command_line_that_is_not_understood_ends_with_two() {
    for args in [
        &["serve", "--prot", "1"][..],
        &["sreve"],
        &["url", "watch", "live/a"],
        &["url", "push", "live/a", "--expires", "soon"],
        &[],
    ] {
        let done = run(args, &[]);
        assert_eq!(done.code, Some(2), "{args:?}: {}{}", done.stdout, done.stderr);
        assert!(done.stderr.contains("--help") || done.stderr.contains("Usage"), "{args:?}: {}", done.stderr);
    }
    let help = run(&["--help"], &[]);
    assert!(
        help.code == Some(0) && help.stdout.contains("serve") && help.stdout.contains("启动服务"),
        "{}",
        help.stdout
    );
}

#[test]
fn a_port_that_is_taken_is_told_with_the_key_that_chooses_it() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    for (flag, key) in [("--http", "http.listen"), ("--rtmp", "rtmp.listen")] {
        let folder = Folder::new("taken");
        let done = Process::serve(&folder, &[flag, &address], &[]).ended();
        assert_eq!(done.code, Some(1), "{}", done.stderr);
        assert!(done.stderr.contains(&format!("{key}: cannot listen on {address}")), "{}", done.stderr);
    }
}

#[test]
fn without_its_database_a_server_says_all_that_is_missing() {
    let folder = Folder::new("database");
    std::fs::create_dir(folder.file("data")).expect("a folder");
    std::fs::write(folder.file("data/weir.db"), "no database, ".repeat(500)).expect("a file");
    let process = Process::serve(&folder, &[], &[]);
    process.wait_stderr("what is missing", |log| {
        log.contains("no recordings, rooms, chat, gifts or webhooks") && log.contains("weir.db is damaged")
    });
    assert_eq!(process.terminate().code, Some(0));
}

#[test]
fn a_start_that_fails_is_told_in_both_languages() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("its address").to_string();
    let folder = Folder::new("told");
    let (none, junk) = (folder.file("none.pem"), folder.file("junk.pem"));
    std::fs::write(&junk, "junk").expect("a file");
    let (none, junk) = (none.to_string_lossy(), junk.to_string_lossy());
    let files = |cert: &str| {
        [("WEIR__TLS__CERT_FILE", cert.to_owned()), ("WEIR__TLS__KEY_FILE", junk.to_string())].to_vec()
    };
    let damaged = folder.file("damaged");
    std::fs::create_dir(&damaged).expect("a folder");
    std::fs::write(damaged.join("secrets.toml"), "push_key = 1").expect("a file");
    let (good, damaged) = (data(&folder), damaged.to_string_lossy().into_owned());
    let under_a_file = format!("{junk}/data");
    let port = [("WEIR__HTTP__LISTEN", taken)].to_vec();
    for (data, env, en, zh) in [
        (&good, port, "http.listen: cannot listen on", "http.listen：无法监听"),
        (&good, files(&none), "tls.cert_file: cannot read certificates", "tls.cert_file：无法从"),
        (&good, files(&junk), "tls.cert_file", "里没有证书"),
        (&damaged, Vec::new(), "secrets.toml is damaged", "secrets.toml 已损坏"),
        (&under_a_file, Vec::new(), "choose another with --data", "请用 --data 另选一个"),
    ] {
        for (lang, expected) in [("C.UTF-8", en), ("zh_CN.UTF-8", zh)] {
            let mut command = weir(&["serve", "--no-demo", "--data", data]);
            command.env("WEIR__RTMP__LISTEN", "127.0.0.1:0").env("WEIR__HTTP__LISTEN", "127.0.0.1:0");
            command.env("WEIR__METRICS__LISTEN", "").envs(env.clone()).env("LANG", lang);
            let done = Running::new(command).wait();
            assert!(done.code == Some(1) && done.stderr.contains(expected), "{expected}: {done:?}");
        }
    }
}

#[test]
fn a_data_folder_that_cannot_be_made_is_told() {
    let folder = Folder::new("file");
    let file = written(&folder, "");
    let done = run(&["serve", "--no-demo", "--data", &format!("{file}/data")], &[]);
    assert_eq!(done.code, Some(1));
    assert!(done.stderr.contains("--data"), "{}", done.stderr);
}

#[test]
fn a_stop_ends_with_zero_and_everybody_is_told() {
    let folder = Folder::new("stop");
    let mut process = Process::serve(&folder, &[], &[("WEIR__PUSH__SCHEME", "open")]);
    let printed = process.wait_stdout("the banner", |text| text.contains("weir url push live/NAME"));
    let rtmp = address(&printed, |line| line.starts_with("rtmp://"));
    let mut publisher = testkit::publisher::Publisher::connect(rtmp).expect("an open push");
    publisher.send_headers(30).expect("headers");
    publisher.send_all(&testkit::clip::Clip::default().shots(0, 400)).expect("pictures");
    let flv = address(&printed, |line| line.contains(".flv"));
    let ws = address(&printed, |line| line.starts_with("ws://"));
    let mut viewers: Vec<Viewer> = [rtmp, flv, ws].map(|url| Viewer::open(url).expect("a viewer")).into();
    for viewer in &mut viewers {
        assert!(viewer.next().expect("a frame").is_some());
    }
    process.signal();
    let told = publisher.ended().expect("an end");
    assert!(told.contains("the server stops"), "{told}");
    for viewer in &mut viewers {
        while viewer.next().expect("an end in good order").is_some() {}
        assert!(viewer.reason().is_some(), "a viewer was left without a word");
    }
    drop((publisher, viewers));
    let done = process.ended();
    assert_eq!(done.code, Some(0), "{}", done.stderr);
}

#[test]
fn the_operator_is_spoken_to_in_the_language_of_the_locale() {
    let folder = Folder::new("lang");
    let chinese = Process::serve(&folder, &[], &[("LANG", "zh_CN.UTF-8")]);
    chinese.wait_stdout("a banner in Chinese", |text| {
        ["新生成的密钥", "推流", "有效期至", "播放 live/room1", "OBS：服务器", "更多地址"]
            .iter()
            .all(|part| text.contains(part))
    });
    drop(chinese);
    // LC_ALL is stronger than LANG.
    let english = Process::serve(&folder, &[], &[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "en_US.UTF-8")]);
    english.wait_stdout("a banner in English", |text| {
        text.contains("More addresses:") && text.contains("Play live/room1")
    });
}

fn written(folder: &Folder, text: &str) -> String {
    let file: PathBuf = folder.file("weir.toml");
    std::fs::write(&file, text).expect("a file");
    file.to_string_lossy().into_owned()
}
