//! `weir record`: what the running server records.

use serde_json::{Value, json};

use super::out::{cell, say, table};
use super::recordings::{all, span};
use super::remote::{Flags, Remote, escape};
use crate::address::Path;
use crate::lang::Lang;
use crate::record::is_id;
use crate::told::told;

/// Start, stop or pause a recording, or list those in progress.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    order: Order,
}

#[derive(Debug, clap::Subcommand)]
enum Order {
    /// Record a stream that is on air, until it ends or is stopped 录制一路正在直播的流
    Start(Start),
    /// End a recording 结束录制
    Stop(One),
    /// Write nothing until it is resumed 暂停录制
    Pause(One),
    /// Go on with a recording that is paused 继续录制
    Resume(One),
    /// The recordings in progress 进行中的录制
    List(List),
}

#[derive(Debug, clap::Args)]
struct Start {
    /// The stream, such as live/room1 流
    #[arg(value_name = "APP/STREAM")]
    path: String,
    /// Files besides MP4 in fragments: mp4, flv, hls, aac 另外要的文件格式
    #[arg(long, value_name = "FORMAT", value_delimiter = ',', value_parser = ["fmp4", "mp4", "flv", "hls", "aac"])]
    formats: Vec<String>,
    /// Minutes of a file; 0: no bound 每个文件多少分钟
    #[arg(long, value_name = "MINUTES")]
    interval: Option<u64>,
    /// MB of a file; 0: no bound 每个文件多少 MB
    #[arg(long, value_name = "MB")]
    max_size: Option<u64>,
    /// Days after its end after which it is deleted; 0: never 结束多少天后删除
    #[arg(long, value_name = "DAYS")]
    retention: Option<u64>,
    /// Seconds within which a stream that comes back goes on in the same recording 断流多少秒内重推算同一场
    #[arg(long, value_name = "SECONDS")]
    gap: Option<u64>,
    #[command(flatten)]
    remote: Flags,
}

#[derive(Debug, clap::Args)]
struct One {
    /// The recording's id, or its stream 编号或流
    #[arg(value_name = "ID|APP/STREAM")]
    which: String,
    #[command(flatten)]
    remote: Flags,
}

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    remote: Flags,
}

/// Does it.
pub(super) fn run(args: &Args, lang: Lang) -> anyhow::Result<()> {
    match &args.order {
        Order::Start(args) => start(args, lang),
        Order::Stop(args) => order(args, "stop", lang),
        Order::Pause(args) => order(args, "pause", lang),
        Order::Resume(args) => order(args, "resume", lang),
        Order::List(args) => list(args, lang),
    }
}

fn start(args: &Start, lang: Lang) -> anyhow::Result<()> {
    let Path { app, stream } = args.path.parse()?;
    let mut body = json!({"app": app, "stream": stream});
    if !args.formats.is_empty() {
        body["formats"] = args.formats.clone().into();
    }
    let numbers = [
        ("interval_minutes", args.interval),
        ("max_size_mb", args.max_size),
        ("retention_days", args.retention),
        ("gap_seconds", args.gap),
    ];
    for (name, number) in numbers {
        if let Some(number) = number {
            body[name] = number.into();
        }
    }
    let begun = args.remote.remote(lang)?.ask("POST", "recordings", Some(&body))?;
    if args.remote.json {
        return say(format_args!("{begun:#}"));
    }
    let id = cell(&begun["id"]);
    say(lang.pick(
        format!("{app}/{stream} is being recorded as {id}; `weir record stop {id}` ends it"),
        format!("正在录制 {app}/{stream}，编号 {id}；用 `weir record stop {id}` 结束"),
    ))
}

fn order(args: &One, what: &str, lang: Lang) -> anyhow::Result<()> {
    let remote = args.remote.remote(lang)?;
    let id = id(&remote, &args.which)?;
    let found = remote.ask("POST", &format!("recordings/{id}/{what}"), None)?;
    if args.remote.json {
        return say(format_args!("{found:#}"));
    }
    let (state, length) = (cell(&found["state"]), span(&found["duration_ms"]));
    say(lang.pick(format!("recording {id}: {state}, {length}"), format!("录制 {id}：{state}，{length}")))
}

fn list(args: &List, lang: Lang) -> anyhow::Result<()> {
    let remote = args.remote.remote(lang)?;
    let mut found = all(&remote, "&state=recording")?;
    found.append(&mut all(&remote, "&state=paused")?);
    if args.remote.json {
        return say(format_args!("{:#}", json!({"recordings": found})));
    }
    if found.is_empty() {
        return say(lang.pick("nothing is being recorded", "没有进行中的录制"));
    }
    let head = ["ID", "STREAM", "STATE", "SINCE", "LENGTH", "BYTES", "GAPS"].map(str::to_owned);
    let row = |found: &Value| {
        [
            cell(&found["id"]),
            format!("{}/{}", cell(&found["app"]), cell(&found["stream"])),
            cell(&found["state"]),
            cell(&found["started_at"]),
            span(&found["duration_ms"]),
            cell(&found["bytes"]),
            cell(&found["gaps"]),
        ]
    };
    table(&std::iter::once(head).chain(found.iter().map(row)).collect::<Vec<_>>())
}

/// The id of the recording that is meant.
fn id(remote: &Remote, which: &str) -> anyhow::Result<String> {
    if is_id(which) {
        return Ok(which.to_owned());
    }
    let Path { app, stream } = which.parse()?;
    let of = format!("&app={}&stream={}", escape(&app), escape(&stream));
    let mut found = all(remote, &format!("{of}&state=recording"))?;
    found.append(&mut all(remote, &format!("{of}&state=paused"))?);
    found.first().and_then(|found| found["id"].as_str()).map(str::to_owned).ok_or_else(|| {
        told(
            format!("{which} is not being recorded; `weir record list` shows what is"),
            format!("{which} 没有在录制；用 `weir record list` 查看"),
        )
    })
}
