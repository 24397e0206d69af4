//! `weir relays` and `weir relay`: streams to and from other servers, on the running server.

use serde_json::{Value, json};

use super::out::{cell, say, table};
use super::remote::Flags;
use crate::address::Path;
use crate::lang::Lang;
use crate::told::told;

/// Most pages that are asked for: a bound on a server that never comes to an end.
const PAGES_MAX: usize = 100;

/// The relays that there are.
#[derive(Debug, clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    remote: Flags,
}

/// Start or stop one.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    order: Order,
}

#[derive(Debug, clap::Subcommand)]
enum Order {
    /// Pull a stream from another server, or push one to it, until it is stopped or the server ends 启动一个转发
    Start(Start),
    /// Stop a relay that was started like this 停止一个转发
    Stop(Stop),
}

#[derive(Debug, clap::Args)]
struct Start {
    /// pull: from another server; push: to one 拉流或推流
    #[arg(value_enum)]
    direction: Direction,
    /// The stream on this server, such as live/room1 本机的流
    #[arg(value_name = "APP/STREAM")]
    path: String,
    /// The stream on the other server: rtmp(s)://, and for a pull also http(s)://….flv 对方的地址
    url: String,
    /// Pull only while somebody watches 仅在有观众时拉流
    #[arg(long)]
    on_demand: bool,
    #[command(flatten)]
    remote: Flags,
}

#[derive(Debug, clap::Args)]
struct Stop {
    /// Its number, as `weir relays` tells it 编号
    id: u64,
    #[command(flatten)]
    remote: Flags,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Direction {
    Pull,
    Push,
}

/// Prints them.
pub(super) fn list(args: &List, lang: Lang) -> anyhow::Result<()> {
    let remote = args.remote.remote(lang)?;
    let mut relays = Vec::new();
    let mut after = 0;
    for _ in 0..PAGES_MAX {
        let mut page = remote.ask("GET", &format!("relays?limit=200&after={after}"), None)?;
        if let Some(items) = page["relays"].as_array_mut() {
            relays.append(items);
        }
        let Some(next) = page["next"].as_u64() else { break };
        after = next;
    }
    if args.remote.json {
        return say(format_args!("{:#}", json!({"relays": relays})));
    }
    if relays.is_empty() {
        return say(lang.pick("there are no relays", "没有转发"));
    }
    let head = ["ID", "DIRECTION", "STREAM", "TARGET", "STATE", "SINCE", "ATTEMPTS", "BYTES", ""];
    let rows = relays.iter().map(|relay| row(relay, lang));
    table(&std::iter::once(head.map(str::to_owned)).chain(rows).collect::<Vec<_>>())
}

/// Starts or stops one.
pub(super) fn order(args: &Args, lang: Lang) -> anyhow::Result<()> {
    match &args.order {
        Order::Start(args) => start(args, lang),
        Order::Stop(args) => stop(args, lang),
    }
}

fn start(args: &Start, lang: Lang) -> anyhow::Result<()> {
    let Path { app, stream } = args.path.parse()?;
    let direction = match args.direction {
        Direction::Pull => "pull",
        Direction::Push => "push",
    };
    let mut body = json!({"direction": direction, "app": app, "stream": stream, "url": args.url});
    if args.on_demand {
        if args.direction == Direction::Push {
            return Err(told(
                "--on-demand is for a pull: a push goes with its stream, watched or not",
                "--on-demand 只用于拉流：推流随它的流开始和结束",
            ));
        }
        body["on_demand"] = true.into();
    }
    let made = args.remote.remote(lang)?.ask("POST", "relays", Some(&body))?;
    if args.remote.json {
        return say(format_args!("{made:#}"));
    }
    let (id, target) = (cell(&made["id"]), cell(&made["target"]));
    let en = match args.direction {
        Direction::Pull => {
            format!("relay {id} pulls {app}/{stream} from {target}; `weir relays` tells how it does")
        }
        Direction::Push => {
            format!("relay {id} pushes {app}/{stream} to {target}; `weir relays` tells how it does")
        }
    };
    let zh = match args.direction {
        Direction::Pull => format!("转发 {id}：从 {target} 拉取 {app}/{stream}；用 `weir relays` 查看状态"),
        Direction::Push => format!("转发 {id}：把 {app}/{stream} 推到 {target}；用 `weir relays` 查看状态"),
    };
    say(lang.pick(en, zh))
}

fn stop(args: &Stop, lang: Lang) -> anyhow::Result<()> {
    let id = args.id;
    args.remote.remote(lang)?.ask("DELETE", &format!("relays/{id}"), None)?;
    if args.remote.json {
        return say(format_args!("{:#}", json!({"stopped": id})));
    }
    say(lang.pick(format!("relay {id} is stopped"), format!("转发 {id} 已停止")))
}

fn row(relay: &Value, lang: Lang) -> [String; 9] {
    let words = |of: &Value| cell(&of[lang.pick("message", "message_zh")]);
    let why = match relay["state"].as_str() {
        Some("running") => String::new(),
        Some("connecting" | "retrying") if !relay["last_error"].is_null() => words(&relay["last_error"]),
        _ => words(relay),
    };
    [
        cell(&relay["id"]),
        cell(&relay["direction"]),
        format!("{}/{}", cell(&relay["app"]), cell(&relay["stream"])),
        cell(&relay["target"]),
        cell(&relay["state"]),
        cell(&relay["since"]),
        cell(&relay["attempts"]),
        cell(&relay["bytes"]),
        why,
    ]
}
