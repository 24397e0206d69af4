//! `weir rooms`: the rooms of the running server.

use serde_json::{Value, json};

use super::out::{cell, say, table};
use super::remote::{Flags, Remote, escape};
use crate::lang::Lang;
use crate::time::rfc3339;

/// Most pages that are asked for: a bound on a server that never comes to an end.
const PAGES_MAX: usize = 5_000;

/// The rooms.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    order: Order,
}

#[derive(Debug, clap::Subcommand)]
enum Order {
    /// Rooms, newest first 房间列表，最新的在前
    List(List),
    /// One room with what was counted in it 一个房间及其统计
    Show(One),
    /// Make a room 创建房间
    Create(Create),
    /// End the show 结束直播
    End(One),
    /// End the show and forbid it 封禁房间
    Ban(One),
    /// What was said 聊天记录
    Chat(Chat),
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only rooms in this state: scheduled, live, interrupted, ended, banned 只看这个状态
    #[arg(long)]
    state: Option<String>,
    /// Only rooms of this host 只看这个主播
    #[arg(long)]
    host: Option<String>,
    #[command(flatten)]
    remote: Flags,
}

#[derive(Debug, clap::Args)]
struct One {
    /// The room's id 房间号
    room: String,
    #[command(flatten)]
    remote: Flags,
}

#[derive(Debug, clap::Args)]
struct Create {
    /// What it is called 标题
    title: String,
    /// Whose show it is: an id, as in user tokens 主播的用户 id
    #[arg(long, value_name = "USER")]
    host: String,
    /// The host's name 主播名
    #[arg(long, value_name = "NAME")]
    host_name: Option<String>,
    /// Its id; one is made when left out 房间号
    #[arg(long)]
    id: Option<String>,
    /// Its stream, as APP/STREAM 流名
    #[arg(long, value_name = "APP/STREAM")]
    stream: Option<String>,
    #[command(flatten)]
    remote: Flags,
}

#[derive(Debug, clap::Args)]
struct Chat {
    /// The room's id 房间号
    room: String,
    /// The last so many messages 最后多少条
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=200))]
    last: u16,
    #[command(flatten)]
    remote: Flags,
}

/// Does it.
pub(super) fn run(args: &Args, lang: Lang) -> anyhow::Result<()> {
    match &args.order {
        Order::List(args) => list(args, lang),
        Order::Show(args) => show(args, lang),
        Order::Create(args) => create(args, lang),
        Order::End(args) => order(args, "end", lang),
        Order::Ban(args) => order(args, "ban", lang),
        Order::Chat(args) => chat(args, lang),
    }
}

fn list(args: &List, lang: Lang) -> anyhow::Result<()> {
    let remote = args.remote.remote(lang)?;
    let filter = [("state", &args.state), ("host", &args.host)]
        .into_iter()
        .filter_map(|(name, value)| Some(format!("&{name}={}", escape(value.as_deref()?))))
        .collect::<String>();
    let (mut rooms, mut after) = (Vec::new(), String::new());
    for _ in 0..PAGES_MAX {
        let mut page =
            remote.ask("GET", &format!("rooms?limit=200&after={}{filter}", escape(&after)), None)?;
        if let Some(items) = page["rooms"].as_array_mut() {
            rooms.append(items);
        }
        let Some(next) = page["next"].as_str() else { break };
        next.clone_into(&mut after);
    }
    if args.remote.json {
        return say(format_args!("{:#}", json!({"rooms": rooms})));
    }
    if rooms.is_empty() {
        return say(lang.pick("there are no such rooms", "没有这样的房间"));
    }
    let head = ["ROOM", "STATE", "HOST", "STREAM", "MADE", "TITLE"];
    let row = |room: &Value| {
        [
            cell(&room["id"]),
            cell(&room["state"]),
            cell(&room["host"]["id"]),
            cell(&room["stream"]),
            cell(&room["created_at"]),
            cell(&room["title"]),
        ]
    };
    let rows: Vec<[String; 6]> =
        std::iter::once(head.map(str::to_owned)).chain(rooms.iter().map(row)).collect();
    table(&rows)
}

fn show(args: &One, lang: Lang) -> anyhow::Result<()> {
    let remote = args.remote.remote(lang)?;
    let room = remote.ask("GET", &path(&args.room, ""), None)?;
    let counted = remote.ask("GET", &path(&args.room, "/statistics"), None)?;
    if args.remote.json {
        return say(format_args!("{:#}", json!({"room": room, "statistics": counted})));
    }
    let mut rows = Vec::new();
    for name in ["id", "title", "state", "stream", "starts_at", "live_at", "ended_at", "created_at"] {
        rows.push([name.to_owned(), cell(&room[name])]);
    }
    rows.push(["host".to_owned(), format!("{} {}", cell(&room["host"]["id"]), cell(&room["host"]["name"]))]);
    for name in ["online", "peak", "visits", "visitors", "likes", "messages", "gifts", "shares"] {
        rows.push([name.to_owned(), cell(&counted[name])]);
    }
    table(&rows)
}

fn create(args: &Create, lang: Lang) -> anyhow::Result<()> {
    let remote = args.remote.remote(lang)?;
    let wish = json!({
        "id": args.id,
        "title": args.title,
        "host": {"id": args.host, "name": args.host_name},
        "stream": args.stream,
    });
    let room = remote.ask("POST", "rooms", Some(&wish))?;
    let id = cell(&room["id"]);
    let wish = json!({"role": "host"});
    let push = remote.ask("POST", &path(&id, "/addresses"), Some(&wish))?;
    if args.remote.json {
        return say(format_args!("{:#}", json!({"room": room, "addresses": push})));
    }
    say(lang.pick(format!("room {id}"), format!("房间 {id}")))?;
    say(lang.pick("push to (for the host alone):", "推流地址（只给主播）："))?;
    say(cell(&push["push"]))
}

fn order(args: &One, what: &str, lang: Lang) -> anyhow::Result<()> {
    let remote = args.remote.remote(lang)?;
    let room = remote.ask("POST", &path(&args.room, &format!("/{what}")), None)?;
    if args.remote.json {
        return say(format_args!("{room:#}"));
    }
    say(format_args!("{}: {}", cell(&room["id"]), cell(&room["state"])))
}

fn chat(args: &Chat, lang: Lang) -> anyhow::Result<()> {
    let remote: Remote = args.remote.remote(lang)?;
    let history = remote.ask("GET", &path(&args.room, &format!("/messages?limit={}", args.last)), None)?;
    if args.remote.json {
        return say(format_args!("{history:#}"));
    }
    for item in history["items"].as_array().into_iter().flatten() {
        let at = rfc3339(item["at"].as_i64().unwrap_or_default());
        let who = match item["from"]["id"].is_null() {
            true => "*".to_owned(),
            false => format!("{} ({})", cell(&item["from"]["name"]), cell(&item["from"]["id"])),
        };
        say(format_args!("{at}  {:>6}  {who}  {}", cell(&item["seq"]), said(item)))?;
    }
    Ok(())
}

/// What a message says, in one line.
fn said(item: &Value) -> String {
    match item["kind"].as_str().unwrap_or_default() {
        "text" => cell(&item["text"]),
        "notice" => format!("[notice] {}", cell(&item["text"])),
        "image" => format!("[image] {}", cell(&item["url"])),
        "gift" => format!("[gift] {} x{}", cell(&item["gift"]["name"]), cell(&item["gift"]["count"])),
        "event" => {
            let more = ["state", "user", "message", "on", "explaining"];
            let more = more.into_iter().map(|name| &item[name]).find(|value| !value.is_null());
            format!("[{}] {}", cell(&item["event"]), more.map(cell).unwrap_or_default()).trim_end().to_owned()
        }
        kind => format!("[{kind}] {}", cell(&item["name"])),
    }
}

fn path(room: &str, behind: &str) -> String {
    format!("rooms/{}{behind}", escape(room))
}
