//! What the documents about rooms tell people to run is run, as it stands there, next to a server that was started as they say.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use testkit::http;

use crate::harness::{Folder, wait_for};

/// The documents, by language; each names what it prints in blocks of its own.
const NAMES: [&str; 6] = ["rooms", "chat-wire", "chat-client", "gifts", "tokens", "webhooks"];

/// A block between fences.
struct Block {
    /// Behind the first fence.
    info: String,
    code: String,
}

fn blocks(language: &str, name: &str) -> Vec<Block> {
    let text = document(language, name);
    let parts: Vec<&str> = text.split("```").collect();
    assert!(parts.len() % 2 == 1, "{language}/{name}: a fence is not closed");
    let block = |part: &&str| {
        let (info, code) = part.split_once('\n')?;
        Some(Block { info: info.to_owned(), code: code.to_owned() })
    };
    // Fences begin a line; what stands in one within a line has no line of its own.
    parts.iter().skip(1).step_by(2).filter_map(block).collect()
}

/// Frames of the chat that the documents show, in blocks and within lines.
pub fn frames() -> Vec<Value> {
    let mut frames = Vec::new();
    for (language, name) in ["en", "zh"].into_iter().flat_map(|language| NAMES.map(|name| (language, name))) {
        let text = document(language, name);
        let shown =
            text.split('`').filter(|code| code.trim_start_matches("json").trim().starts_with("{\"t\":"));
        // Some have a word in the place of a number.
        frames.extend(shown.filter_map(|code| serde_json::from_str(code.trim_start_matches("json")).ok()));
    }
    frames
}

fn document(language: &str, name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../docs/{language}/{name}.md"));
    std::fs::read_to_string(path).expect("a document")
}

/// What a block says to a machine: without words for people, which differ from language to language.
fn skeleton(block: &Block) -> String {
    let mut out = String::new();
    for line in block.code.lines() {
        let mark = match block.info.as_str() {
            "js" | "html" => "// ",
            _ => "# ",
        };
        let code = line.find(mark).filter(|at| line[..*at].trim_end().len() < *at || *at == 0);
        let code = code.map_or(line, |at| &line[..at]).trim_end();
        match block.info.as_str() {
            "js" | "html" => out.push_str(&without_texts(code)),
            _ => out.push_str(&without_words(code)),
        }
        out.push('\n');
    }
    out.replace("_zh", "")
}

/// A line of a program without what stands in quotes.
fn without_texts(code: &str) -> String {
    let (mut out, mut within) = (String::new(), None);
    for c in code.chars() {
        match within {
            Some(quote) if c == quote => within = None,
            None if "'`\"".contains(c) => within = Some(c),
            None => out.push(c),
            Some(_) => {}
        }
    }
    out
}

/// A command without the words for people in its JSON.
fn without_words(code: &str) -> String {
    let mut code = code.to_owned();
    for field in ["title", "text", "name", "reason", "word"] {
        let mark = format!("\"{field}\": \"");
        let parts = code.split(&mark).enumerate().map(|(number, part)| match number {
            0 => part,
            _ => part.split_once('"').map_or(part, |(_, rest)| rest),
        });
        code = parts.collect::<Vec<_>>().join(field);
    }
    code
}

/// Files whose `code` or `word` is a code that clients and operators are answered.
const CODES: [&str; 7] = [
    "control/src/refusal.rs",
    "control/src/room/reject.rs",
    "server/src/api/fault.rs",
    "server/src/identity/refusal.rs",
    "server/src/record/failure.rs",
    "server/src/replay/answer.rs",
    "server/src/snapshot/failure.rs",
];

/// The codes of answers in a source file: texts of small letters behind a status (`404, "no_room"`, `NoRoom 404 "no_room"`), in front of a
/// sentence (`refused("server_full", "the server ...`), and in the files that hold nothing else, behind an arrow.
fn codes(path: &Path, source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let is_code =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let all = CODES.iter().any(|name| path.ends_with(name));
    let parts: Vec<&str> = source.split('"').collect();
    let found = parts.windows(4).filter(|window| is_code(window[1])).filter(|window| {
        let before = window[0].trim_end().trim_end_matches(',');
        let status = before.get(before.len().saturating_sub(3)..).unwrap_or_default();
        let status = status.starts_with(['4', '5']) && status.bytes().all(|byte| byte.is_ascii_digit());
        let called = before.ends_with('(') && window[2].trim() == "," && window[3].contains(' ');
        status || called || (all && before.ends_with("=>"))
    });
    found.map(|window| window[1].to_owned()).collect()
}

#[test]
fn every_code_that_is_answered_is_in_the_documents_of_both_languages() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (mut folders, mut known) =
        (vec![crates.join("server/src"), crates.join("control/src")], BTreeSet::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                // What the command line says is no answer.
                true if path.ends_with("src/cmd") => {}
                true => folders.push(path),
                false => known.extend(codes(&path, &std::fs::read_to_string(&path).unwrap_or_default())),
            }
        }
    }
    for known_code in ["no_room", "bad_time", "server_full", "parts_differ", "expired", "internal", "loop"] {
        assert!(known.contains(known_code), "{known_code} is not found in the source any more: {known:?}");
    }
    for language in ["en", "zh"] {
        let folder = crates.join(format!("../docs/{language}"));
        let files =
            std::fs::read_dir(folder).expect("documents").map(|file| file.expect("a document").path());
        let text: String = files.map(|file| std::fs::read_to_string(file).expect("a document")).collect();
        let missing: Vec<&String> =
            known.iter().filter(|code| !text.contains(&format!("`{code}`"))).collect();
        assert_eq!(missing, [""; 0], "docs/{language} say nothing of them");
    }
}

#[test]
fn both_languages_show_the_same_code() {
    for name in NAMES {
        let (en, zh) = (blocks("en", name), blocks("zh", name));
        let infos = |blocks: &[Block]| blocks.iter().map(|block| block.info.clone()).collect::<Vec<_>>();
        assert_eq!(infos(&en), infos(&zh), "{name}");
        for (en, zh) in en.iter().zip(&zh) {
            match en.info.as_str() {
                "json" => assert_eq!(en.code, zh.code, "{name}"),
                "text" | "text prints" => {
                    assert_eq!(en.code.lines().count(), zh.code.lines().count(), "{name}")
                }
                _ => assert_eq!(skeleton(en), skeleton(zh), "{name}"),
            }
        }
    }
}

#[test]
fn what_the_documents_tell_people_to_run_runs_in_english() {
    run_all("en");
}

#[test]
fn what_the_documents_tell_people_to_run_runs_in_chinese() {
    run_all("zh");
}

/// A server as `weir serve` starts it in a folder, but for its ports.
struct Newcomer {
    folder: Folder,
    child: Child,
    env: Vec<(String, String)>,
    http: String,
    receiver: String,
}

impl Newcomer {
    fn new(language: &str) -> Newcomer {
        let folder = Folder::new(&format!("docs-{language}"));
        // Free until a moment ago.
        let listeners = [(); 3].map(|()| std::net::TcpListener::bind("127.0.0.1:0").expect("a port"));
        let [http, rtmp, receiver] =
            listeners.map(|listener| listener.local_addr().expect("an address").to_string());
        let program = Path::new(env!("CARGO_BIN_EXE_weir"));
        let path = std::env::var("PATH").expect("a path");
        let env = [
            ("PATH", format!("{}:{path}", program.parent().expect("a folder").display())),
            ("LANG", "C.UTF-8".to_owned()),
            ("WEIR__HTTP__LISTEN", http.clone()),
            ("WEIR__RTMP__LISTEN", rtmp),
            ("WEIR__METRICS__LISTEN", String::new()),
            ("WEIR__SERVER__DRAIN_SECONDS", "0".to_owned()),
            // Node 20 has it behind this; later ones have it anyway.
            ("NODE_OPTIONS", "--experimental-websocket --no-warnings".to_owned()),
            ("PORT", receiver.rsplit(':').next().unwrap_or_default().to_owned()),
        ];
        let env: Vec<(String, String)> = env.map(|(name, value)| (name.to_owned(), value)).into();
        let child = Command::new(program)
            .arg("serve")
            .env_clear()
            .envs(env.clone())
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("weir starts");
        let newcomer = Newcomer { folder, child, env, http, receiver };
        let addr = newcomer.http.parse().expect("an address");
        wait_for("the demo", || {
            let room = http::get(addr, "/api/v1/rooms/demo/public", "");
            room.is_ok_and(|room| room.text().contains("\"live\""))
        });
        newcomer
    }

    /// The blocks of a document as one script. Every request in it must be answered with success.
    fn script(&self, name: &str, blocks: &[Block]) -> String {
        let mut script = String::from(
            "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\ncurl() { command curl -sS --fail-with-body \"$@\"; echo; }\n",
        );
        for (number, block) in blocks.iter().enumerate() {
            let code = block.code.replace("127.0.0.1:8080", &self.http).replace("localhost:8080", &self.http);
            let code = code.replace("127.0.0.1:9000", &self.receiver);
            match block.info.as_str() {
                "sh" => {
                    script.push_str(&code);
                    script.push_str(&format!("echo '--- {name}, block {number}: done'\n"));
                }
                // A program that is to be run says its name first.
                "js" | "python" => {
                    let first = code.lines().next().unwrap_or_default();
                    let file = first.trim_start_matches(['/', '#', ' ']).split([':', '：']).next();
                    if let Some(file) = file.filter(|file| !file.contains(' ') && file.contains('.')) {
                        std::fs::write(self.folder.file(file), &code).expect("a file");
                    }
                }
                _ => {}
            }
        }
        script
    }

    fn run(&self, script: &str) -> std::process::Child {
        // They end also when nobody waits for them any more, because another one failed.
        Command::new("timeout")
            .args(["300", "bash", "-c", script])
            .env_clear()
            .envs(self.env.clone())
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("bash")
    }
}

impl Drop for Newcomer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A mini-program, as far as the transport of the documents knows one: its sockets over those of Node.
const MINI_PROGRAM: &str = r#"
import { ChatClient } from './weir-chat.mjs';
import { miniProgram } from './wx-transport.mjs';
globalThis.wx = {
  connectSocket({ url }) {
    const socket = new WebSocket(url);
    return {
      onOpen: (act) => (socket.onopen = () => act({})),
      onMessage: (act) => (socket.onmessage = ({ data }) => act({ data })),
      onClose: (act) => (socket.onclose = ({ code, reason }) => act({ code, reason })),
      onError: (act) => (socket.onerror = () => act({ errMsg: 'failed' })),
      send: ({ data }) => socket.send(data),
      close: () => socket.close(),
    };
  },
};
const [url, token] = process.argv.slice(2);
const chat = new ChatClient({ url, room: 'demo', token, transport: miniProgram });
chat.on('item', ({ text }) => text === 'from a phone' && (console.log('heard'), chat.close()));
chat.say('from a phone');
chat.open();
"#;

#[test]
fn a_mini_program_chats_by_the_transport_of_the_documents() {
    let newcomer = Newcomer::new("en");
    let _ = newcomer.script("chat-client", &blocks("en", "chat-client"));
    std::fs::write(newcomer.folder.file("phone.mjs"), MINI_PROGRAM).expect("a file");
    let http = &newcomer.http;
    let script = format!(
        "curl -sS -o weir-chat.mjs http://{http}/weir-chat.js && node phone.mjs ws://{http}/chat \"$(weir token u7)\""
    );
    let output = newcomer.run(&script).wait_with_output().expect("an end");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "heard\n",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn run_all(language: &str) {
    let newcomer = Newcomer::new(language);
    let documents = NAMES.map(|name| (name, blocks(language, name)));
    let running = documents.each_ref().map(|(name, blocks)| newcomer.run(&newcomer.script(name, blocks)));
    for ((name, blocks), child) in documents.iter().zip(running) {
        let output = child.wait_with_output().expect("an end");
        let said = String::from_utf8_lossy(&output.stdout);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{language}/{name}:\n{said}\n{told}");
        let mut lines = said.lines();
        for wanted in
            blocks.iter().filter(|block| block.info == "text prints").flat_map(|block| block.code.lines())
        {
            assert!(
                lines.any(|line| is_like(line, wanted)),
                "{language}/{name} does not print {wanted:?}:\n{said}\n{told}"
            );
        }
    }
}

/// Whether a line is as a document says; three dots stand for anything.
fn is_like(line: &str, wanted: &str) -> bool {
    let mut rest = line;
    let parts: Vec<&str> = wanted.split("...").collect();
    for (at, part) in parts.iter().enumerate() {
        match rest.find(part.trim()) {
            Some(0) if at == 0 => rest = &rest[part.trim().len()..],
            Some(found) if at > 0 => rest = &rest[found + part.trim().len()..],
            _ => return false,
        }
    }
    parts.last() == Some(&"") || rest.is_empty()
}
