//! `weir webhooks`: who is told what happens on the running server, how that went, and telling it again.

use serde_json::{Value, json};

use super::out::{cell, say, table};
use super::remote::{Flags, escape};
use crate::lang::Lang;
use crate::webhook::SigningKey;

/// Who is told what happens.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    order: Order,
}

#[derive(Debug, clap::Subcommand)]
enum Order {
    /// The receivers, and how they do 接收方及其状态
    List(List),
    /// The log of what was told, newest first 投递记录，从新到旧
    Deliveries(Deliveries),
    /// Tell an event once more 重新投递一条
    Replay(Replay),
    /// Send a receiver a test 发送一条测试
    Test(Named),
    /// Tell a receiver again that answered 410, and try at once what waits for later 恢复接收方并立即重试
    Enable(Named),
    /// Print a new secret for the configuration 生成一个签名密钥
    Secret,
}

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    remote: Flags,
}

#[derive(Debug, clap::Args)]
struct Deliveries {
    /// Only to this receiver 只看此接收方
    #[arg(long)]
    endpoint: Option<String>,
    /// Only in this state 只看此状态
    #[arg(long, value_parser = ["waiting", "delivered", "failed"])]
    state: Option<String>,
    /// Only of this event, such as stream.started or stream.* 只看此事件
    #[arg(long)]
    event: Option<String>,
    /// How many at most 最多多少条
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u8).range(1..=200))]
    limit: u8,
    /// Begin behind this number 从此编号之前开始
    #[arg(long)]
    before: Option<u64>,
    #[command(flatten)]
    remote: Flags,
}

#[derive(Debug, clap::Args)]
struct Replay {
    /// Its number, as `weir webhooks deliveries` tells it 编号
    id: u64,
    #[command(flatten)]
    remote: Flags,
}

#[derive(Debug, clap::Args)]
struct Named {
    /// The receiver's name 接收方的名称
    name: String,
    #[command(flatten)]
    remote: Flags,
}

/// Does what was asked.
pub(super) fn run(args: &Args, lang: Lang) -> anyhow::Result<()> {
    match &args.order {
        Order::List(args) => list(args, lang),
        Order::Deliveries(args) => deliveries(args, lang),
        Order::Replay(args) => replay(args, lang),
        Order::Test(args) => test(args, lang),
        Order::Enable(args) => enable(args, lang),
        Order::Secret => say(SigningKey::generate()?),
    }
}

fn list(args: &List, lang: Lang) -> anyhow::Result<()> {
    let answer = args.remote.remote(lang)?.ask("GET", "webhooks", None)?;
    if args.remote.json {
        return say(format_args!("{answer:#}"));
    }
    let webhooks = answer["webhooks"].as_array().cloned().unwrap_or_default();
    if webhooks.is_empty() {
        return say(lang.pick("there are no webhooks", "没有事件通知的接收方"));
    }
    let head = ["NAME", "TARGET", "FORM", "EVENTS", "WAITING", "OLDEST", "DISABLED"];
    let row = |webhook: &Value| {
        let events =
            webhook["events"].as_array().map(|events| events.iter().map(cell).collect::<Vec<_>>().join(","));
        [
            cell(&webhook["name"]),
            cell(&webhook["target"]),
            cell(&webhook["form"]),
            events.unwrap_or_default(),
            cell(&webhook["waiting"]),
            cell(&webhook["oldest_at"]),
            cell(&webhook["disabled_since"]),
        ]
    };
    let rows = webhooks.iter().map(row);
    table(&std::iter::once(head.map(str::to_owned)).chain(rows).collect::<Vec<_>>())
}

fn deliveries(args: &Deliveries, lang: Lang) -> anyhow::Result<()> {
    let mut path = format!("webhooks/deliveries?limit={}", args.limit);
    for (name, value) in [("endpoint", &args.endpoint), ("state", &args.state), ("event", &args.event)] {
        if let Some(value) = value {
            path += &format!("&{name}={}", escape(value));
        }
    }
    if let Some(before) = args.before {
        path += &format!("&before={before}");
    }
    let answer = args.remote.remote(lang)?.ask("GET", &path, None)?;
    if args.remote.json {
        return say(format_args!("{answer:#}"));
    }
    let found = answer["deliveries"].as_array().cloned().unwrap_or_default();
    if found.is_empty() {
        return say(lang.pick("there are no deliveries", "没有投递记录"));
    }
    let head = ["ID", "ENDPOINT", "EVENT", "SUBJECT", "OCCURRED", "STATE", "ATTEMPTS", "STATUS", ""];
    let row = |delivery: &Value| {
        ["id", "endpoint", "event", "subject", "occurred_at", "state", "attempts", "status", "error"]
            .map(|name| cell(&delivery[name]))
    };
    let rows = found.iter().map(row);
    table(&std::iter::once(head.map(str::to_owned)).chain(rows).collect::<Vec<_>>())
}

fn replay(args: &Replay, lang: Lang) -> anyhow::Result<()> {
    let id = args.id;
    args.remote.remote(lang)?.ask("POST", &format!("webhooks/deliveries/{id}/replay"), None)?;
    if args.remote.json {
        return say(format_args!("{:#}", json!({"replayed": id})));
    }
    say(lang.pick(
        format!("delivery {id} is told once more; `weir webhooks deliveries` tells how it went"),
        format!("投递 {id} 正在重新发送；用 `weir webhooks deliveries` 查看结果"),
    ))
}

fn test(args: &Named, lang: Lang) -> anyhow::Result<()> {
    let path = format!("webhooks/{}/test", escape(&args.name));
    let answer = args.remote.remote(lang)?.ask("POST", &path, None)?;
    if args.remote.json {
        return say(format_args!("{answer:#}"));
    }
    let (name, id) = (&args.name, cell(&answer["delivery"]));
    say(lang.pick(
        format!(
            "a test is on its way to {name} as delivery {id}; `weir webhooks deliveries` tells how it went"
        ),
        format!("测试已发往 {name}，投递编号 {id}；用 `weir webhooks deliveries` 查看结果"),
    ))
}

fn enable(args: &Named, lang: Lang) -> anyhow::Result<()> {
    args.remote.remote(lang)?.ask("POST", &format!("webhooks/{}/enable", escape(&args.name)), None)?;
    if args.remote.json {
        return say(format_args!("{:#}", json!({"enabled": args.name})));
    }
    say(lang.pick(format!("{} is told again", args.name), format!("{} 已恢复", args.name)))
}
