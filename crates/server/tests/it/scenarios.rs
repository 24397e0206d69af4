//! The stories of `tests/chat`, told by two independent clients: testkit's, and the page's in Node and in Chromium.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};
use control::person::Role;
use control::room::bucket::Rate;
use control::room::message::{Author, Body, Custom, Event, Gift, Image, Lottery, Message};
use control::room::settings::Settings;
use control::room::show::State;
use serde_json::{Map, Value, json};
use testkit::chat::ChatClient;

use crate::chat::{room, token};
use crate::harness::{Folder, Weir};

struct Scenario {
    name: String,
    story: Value,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/chat")
}

fn scenarios() -> Vec<Scenario> {
    let files = std::fs::read_dir(folder()).expect("tests/chat");
    let mut all: Vec<Scenario> = files
        .map(|file| file.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("a text");
            let story = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"));
            Scenario { name: path.file_stem().expect("a name").to_string_lossy().into_owned(), story }
        })
        .collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

fn settings(wanted: &Value) -> Settings {
    let mut settings = Settings::default();
    for (key, value) in wanted.as_object().into_iter().flatten() {
        let number = || value.as_u64().expect("a number");
        let flag = || value.as_bool().expect("true or false");
        match key.as_str() {
            "guests" => settings.guests = flag(),
            "likes" => settings.likes = flag(),
            "images" => settings.images = flag(),
            "slow_ms" => settings.slow_ms = number(),
            "repeat_ms" => settings.repeat_ms = number(),
            "text_max" => settings.text_max = usize::try_from(number()).expect("a length"),
            "rate" => {
                let part = |at: usize| u32::try_from(value[at].as_u64().expect("a number")).expect("few");
                settings.user_rate = Rate::per_second(part(0), part(1));
            }
            other => panic!("no rule {other}"),
        }
    }
    settings
}

/// A server with a room for each of them.
fn stage(data: &Folder, all: &[Scenario]) -> Weir {
    let weir = Weir::start_in(data.path(), &[]);
    let store = weir.app().rooms.store().expect("a database").clone();
    for Scenario { name, story } in all {
        let about = room(name, settings(&story["room"]));
        assert!(weir.block_on(store.rooms.create(&about)).expect("a database"), "{name}");
    }
    weir
}

/// The server again, where it was.
fn again(data: &Folder, listen: &str) -> Weir {
    Weir::start_in(data.path(), &[("http.listen", listen)])
}

/// Tokens of everybody who has one, by name.
fn tokens(weir: &Weir, all: &[Scenario]) -> Map<String, Value> {
    let actors = all.iter().filter_map(|one| one.story["actors"].as_object()).flatten();
    actors
        .filter(|(_, kind)| kind["guest"] != true)
        .map(|(name, _)| (name.clone(), token(weir, name).into()))
        .collect()
}

#[test]
fn the_rust_client_tells_them() {
    let (data, all) = (Folder::new("scenarios"), scenarios());
    let mut weir = Some(stage(&data, &all));
    for Scenario { name, story } in &all {
        let mut cast =
            Cast { room: name, tokens: tokens(weir.as_ref().unwrap(), &all), actors: BTreeMap::new() };
        for (number, step) in story["steps"].as_array().expect("steps").iter().enumerate() {
            let done = if step["restart"] == true {
                cast.restart(&data, &mut weir)
            } else {
                cast.step(weir.as_ref().expect("running"), step)
            };
            done.unwrap_or_else(|error| panic!("{name}, step {}: {step}: {error:?}", number + 1));
        }
    }
}

#[test]
fn the_page_s_client_tells_them_in_node_and_all_that_is_sent_is_as_documented() {
    let (document, wires) = told_by("node");
    let items: Vec<Value> = every_item()
        .iter()
        .map(|message| serde_json::from_slice(&weir::chat::item(message)).expect("JSON"))
        .collect();
    let mut judge = Command::new("node")
        .arg(folder().join("../wire/asyncapi.mjs"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node");
    let shown = crate::docs::frames();
    assert!(shown.len() > 20, "{shown:?}");
    let what = json!({"document": document, "wires": wires, "items": items, "shown": shown}).to_string();
    judge.stdin.take().expect("an input").write_all(what.as_bytes()).expect("node reads");
    let output = judge.wait_with_output().expect("an end");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn the_page_s_client_tells_them_in_chromium() {
    told_by("chromium");
}

/// The document of the chat as the server gives it, and what was sent on each connection in Node.
fn told_by(place: &str) -> (Value, Vec<Value>) {
    let (data, all) = (Folder::new("scenarios"), scenarios());
    let mut weir = Some(stage(&data, &all));
    let address = weir.as_ref().unwrap().http.to_string();
    let mut child = Command::new("node")
        // Node 20 has it behind this; later ones have it anyway.
        .args(["--experimental-websocket", "--no-warnings"])
        .arg(folder().join("run.mjs"))
        .arg(place)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node");
    let mut input = child.stdin.take().expect("an input");
    let stories: Vec<Value> =
        all.iter().map(|one| json!({"name": one.name, "scenario": one.story})).collect();
    let tokens = tokens(weir.as_ref().unwrap(), &all);
    let what = json!({"origin": format!("http://{address}"), "scenarios": stories, "tokens": tokens});
    writeln!(input, "{what}").expect("node reads");
    let document = testkit::http::get(weir.as_ref().unwrap().http, "/api/v1/asyncapi.json", "");
    let document = crate::api::json(&document.expect("the document of the chat"));
    let (mut said, mut wires) = (Vec::new(), Vec::new());
    for line in BufReader::new(child.stdout.take().expect("an output")).lines() {
        let line = line.expect("a line");
        if line == "restart" {
            drop(weir.take());
            weir = Some(again(&data, &address));
            writeln!(input, "done").expect("node reads");
        } else if let Some(wire) = line.strip_prefix("wire ") {
            wires.push(serde_json::from_str(wire).expect("frames"));
        } else {
            said.push(line);
        }
    }
    let status = child.wait().expect("an end");
    assert!(status.success(), "in {place}: {}", said.join("\n"));
    assert_eq!(said, [format!("{0} of {0} told", all.len())]);
    (document, wires)
}

/// A message of every kind and every event, with as much as it can have.
fn every_item() -> Vec<Message> {
    let lottery = Lottery { id: "l1".into(), state: "open".into(), commitment: "9b74".into() };
    let gift = Gift {
        id: "rose".into(),
        name: "玫瑰".into(),
        icon: String::new(),
        count: 3,
        combo: 6,
        price: 10,
        ledger: 7,
    };
    let events = [
        Event::State(State::Live),
        Event::Pinned(Some(1)),
        Event::Pinned(None),
        Event::Recalled(1),
        Event::Cleared(None),
        Event::Cleared(Some("u2".into())),
        Event::Muted("u2".into(), Some(1_795_350_455_123)),
        Event::Muted("u2".into(), None),
        Event::Unmuted("u2".into()),
        Event::Removed("u2".into()),
        Event::Silence(true),
        Event::Changed,
        Event::Goods(Some("g1".into())),
        Event::Goods(None),
        Event::Lottery(lottery),
    ];
    // Whoever adds one of either finds this: it is to be above, and in the document.
    let _ = |event: Event| match event {
        Event::State(_) | Event::Pinned(_) | Event::Recalled(_) | Event::Cleared(_) | Event::Muted(..) => {}
        Event::Unmuted(_) | Event::Removed(_) | Event::Silence(_) | Event::Changed => {}
        Event::Goods(_) | Event::Lottery(_) => {}
    };
    let _ = |body: Body| match body {
        Body::Text(_)
        | Body::Image(_)
        | Body::Custom(_)
        | Body::Gift(_)
        | Body::Notice(_)
        | Body::Event(_) => {}
    };
    let said = [
        Body::Text("你好".into()),
        Body::Notice("hear".into()),
        Body::Image(Image { url: "https://x.example/a.png".into(), width: 0, height: 0 }),
        Body::Custom(Custom { name: "vote".into(), data: r#"{"a":[1,"<b>"]}"#.into() }),
        Body::Gift(gift),
    ];
    let author =
        Author { id: "u2".into(), name: "小红".into(), avatar: String::new(), role: Role::Operator };
    let message = |from: Option<&Author>, body| Message {
        seq: 124,
        at_ms: 1_795_350_455_123,
        media_ms: from.map(|_| 61_250),
        from: from.cloned().map(Into::into),
        cid: from.map(|_| "c1".to_owned()).unwrap_or_default(),
        reply_to: from.map(|_| 12),
        mentions: from.map(|_| "u1".to_owned()).into_iter().collect(),
        body,
    };
    let said = said.map(|body| message(Some(&author), body));
    let happened = events.map(|event| message(None, Body::Event(event)));
    said.into_iter().chain(happened).chain([message(None, Body::Notice("hear".into()))]).collect()
}

/// Who takes part in one of them.
struct Cast<'a> {
    room: &'a str,
    tokens: Map<String, Value>,
    actors: BTreeMap<String, Actor>,
}

#[derive(Default)]
struct Actor {
    client: Option<ChatClient>,
    /// What came on earlier connections.
    before: Vec<Value>,
    since: Value,
    guest: String,
    said: u32,
}

impl Actor {
    fn client(&mut self) -> anyhow::Result<&mut ChatClient> {
        self.client.as_mut().context("is not in")
    }

    fn ask(&mut self, mut frame: Value, gets: &Value) -> anyhow::Result<()> {
        self.said += 1;
        if frame["cid"].is_null() {
            frame["cid"] = format!("rust-{}", self.said).into();
        }
        let answer = self.client()?.ask(&frame)?;
        demand(&answer, if gets.is_null() { &ACK } else { gets })
    }

    fn leave(&mut self) -> anyhow::Result<()> {
        let client = self.client.take().context("is not in")?;
        self.since = client.since();
        ensure!(client.holes == 0, "there is a hole");
        let newest = self.before.last().and_then(|item| item["seq"].as_u64()).unwrap_or_default();
        self.before.extend(client.items.into_iter().filter(|item| item["seq"].as_u64() > Some(newest)));
        Ok(())
    }

    /// Texts that can be read now.
    fn lines(&self) -> Vec<Value> {
        let now = self.client.iter().flat_map(|client| &client.items);
        let newest = self.before.last().and_then(|item| item["seq"].as_u64()).unwrap_or_default();
        let mut lines: Vec<&Value> = Vec::new();
        for item in self.before.iter().chain(now.filter(|item| item["seq"].as_u64() > Some(newest))) {
            match item["event"].as_str() {
                None => lines.push(item),
                Some("recalled") => lines.retain(|line| line["seq"] != item["message"]),
                Some("cleared") => {
                    lines.retain(|line| !item["user"].is_null() && line["from"]["id"] != item["user"])
                }
                Some(_) => {}
            }
        }
        lines.iter().map(|line| line["text"].clone()).collect()
    }
}

static ACK: std::sync::LazyLock<Value> = std::sync::LazyLock::new(|| json!({"t": "ack"}));

impl Cast<'_> {
    fn step(&mut self, weir: &Weir, step: &Value) -> anyhow::Result<()> {
        if !step["raw"].is_null() {
            return raw(weir, step);
        }
        let known = |verb: &&str| step[*verb].is_string();
        let verbs =
            ["enter", "say", "send", "wire", "item", "lines", "like", "counters", "drop", "resume", "bye"];
        // An order says what besides.
        let verb = ["do"].iter().chain(&verbs).find(|verb| known(verb)).context("no such step")?;
        let name = step[*verb].as_str().unwrap_or_default().to_owned();
        if *verb == "enter" || *verb == "resume" {
            return self.enter(weir, &name, step);
        }
        let actor = self.actors.get_mut(&name).context("is not there")?;
        let gets = &step["gets"];
        match *verb {
            "say" => actor.ask(json!({"t": "send", "cid": step["cid"], "text": step["text"]}), gets),
            "send" => actor.ask(step["frame"].clone(), gets),
            "wire" => {
                let client = actor.client()?;
                client.send(&step["frame"])?;
                if gets.is_null() {
                    return Ok(());
                }
                client.wait_for(|frame| matches(frame, gets)).map(drop)
            }
            "do" => {
                let mut order = step.clone();
                order["t"] = "do".into();
                actor.ask(order, gets)
            }
            "item" => {
                let client = actor.client()?;
                let came = client.wait_item(|item| matches(item, &step["has"]));
                came.map(drop).with_context(|| format!("what came: {:?}", client.items))
            }
            "lines" => demand(&actor.lines().into(), &step["are"]),
            "like" => actor.client()?.send(&json!({"t": "like", "n": step["n"]})),
            "counters" => actor.client()?.wait_counters(|counters| matches(counters, &step["has"])),
            "drop" => actor.leave(),
            "bye" => {
                let bye = actor.client()?.wait_for(|frame| frame["t"] == "bye")?;
                demand(&bye["code"], &step["code"])?;
                actor.leave()
            }
            other => bail!("no step {other}"),
        }
    }

    fn enter(&mut self, weir: &Weir, name: &str, step: &Value) -> anyhow::Result<()> {
        let actor = self.actors.entry(name.to_owned()).or_default();
        let mut hello = json!({"room": self.room});
        match self.tokens.get(name) {
            Some(token) => hello["token"] = token.clone(),
            None => hello["guest"] = actor.guest.as_str().into(),
        }
        if !actor.since.is_null() {
            hello["resume"] = actor.since.clone();
        }
        if let Some(epoch) = step["epoch"].as_str() {
            hello["resume"]["epoch"] = epoch.into();
        }
        let entered = ChatClient::enter(weir.http, &hello);
        if let Some(code) = step["refused"].as_str() {
            let said = entered.err().context("it was let in")?.to_string();
            let bye: Value = serde_json::from_str(&said)?;
            return demand(&bye, &json!({"t": "bye", "code": code}));
        }
        let client = entered?;
        demand(&client.welcome, &step["has"])?;
        demand(&client.welcome["recovered"], &step["recovered"])?;
        let missed: Vec<Value> = client.items.iter().map(|item| item["text"].clone()).collect();
        demand(&missed.into(), &step["missed"])?;
        if let Some(guest) = client.welcome["guest"].as_str() {
            ensure!(
                actor.guest.is_empty() || actor.since.is_null() || client.welcome["you"]["guest"] == true
            );
            actor.guest = guest.to_owned();
        }
        actor.client = Some(client);
        Ok(())
    }

    /// The server is stopped and started on the same data.
    fn restart(&mut self, data: &Folder, weir: &mut Option<Weir>) -> anyhow::Result<()> {
        let running = weir.take().context("running")?;
        let listen = running.http.to_string();
        let stop = std::thread::spawn(move || drop(running));
        for actor in self.actors.values_mut().filter(|actor| actor.client.is_some()) {
            let told = actor.client()?.wait_for(|frame| frame["t"] == "goaway")?;
            demand(&told["reconnect_in_ms"], &json!({"min": 500, "max": 10_000}))?;
            actor.leave()?;
        }
        stop.join().ok().context("a stop in good order")?;
        *weir = Some(again(data, &listen));
        Ok(())
    }
}

/// Another connection, by hand.
fn raw(weir: &Weir, step: &Value) -> anyhow::Result<()> {
    let mut client = ChatClient::connect(weir.http, "")?;
    for text in step["raw"].as_array().context("texts")? {
        let text = text.as_str().map_or_else(
            || "x".repeat(text.as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or_default()),
            str::to_owned,
        );
        // The server may be gone before the last byte.
        let _ = client.send_text(text.as_bytes());
    }
    if !step["has"].is_null() {
        demand(&client.next_frame()?, &step["has"])?;
    }
    if let Some(code) = step["closed"].as_u64() {
        let closed = client.wait_for(|_| false).err().context("it is open")?.to_string();
        ensure!(closed.starts_with(&format!("closed {code}")), "{closed}");
    }
    Ok(())
}

/// Whether everything that is wanted is there.
fn matches(seen: &Value, wanted: &Value) -> bool {
    match (seen, wanted) {
        (Value::Number(seen), Value::Object(bounds)) => {
            let bound = |name: &str| bounds.get(name).and_then(Value::as_f64);
            let seen = seen.as_f64().unwrap_or_default();
            bound("min").is_none_or(|min| seen >= min) && bound("max").is_none_or(|max| seen <= max)
        }
        (Value::Object(seen), Value::Object(wanted)) => {
            wanted.iter().all(|(key, one)| matches(seen.get(key).unwrap_or(&Value::Null), one))
        }
        (Value::Array(seen), Value::Array(wanted)) => {
            seen.len() == wanted.len() && seen.iter().zip(wanted).all(|(seen, one)| matches(seen, one))
        }
        _ => seen == wanted,
    }
}

/// Nothing is wanted where there is no word of it.
fn demand(seen: &Value, wanted: &Value) -> anyhow::Result<()> {
    ensure!(wanted.is_null() || matches(seen, wanted), "wanted {wanted}, got {seen}");
    Ok(())
}
