//! `weir recordings`: what was recorded. List and show ask the running server; export reads the files on this machine;
//! reindex and prune ask the server when it runs, and do it themselves when it does not.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::out::{cell, say, table};
use super::remote::{Flags, Remote};
use crate::clock::Clock;
use crate::config::{Config, Sources};
use crate::lang::Lang;
use crate::record::{self, NotOne, Whole, is_id};
use crate::storage::Storage;
use crate::store::{Format, Part, Store};
use crate::told::told;

/// Most pages that are asked for: a bound on a server that never comes to an end.
const PAGES_MAX: usize = 10_000;

/// Between two questions how far the server is.
const LOOK: Duration = Duration::from_millis(300);

/// What was recorded.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    order: Order,
}

#[derive(Debug, clap::Subcommand)]
enum Order {
    /// Recordings, newest first 录制列表，最新的在前
    List(List),
    /// One recording with its files 一个录制及其文件
    Show(Show),
    /// Write a recording of this machine as one MP4 file 把本机的一个录制导出成一个 MP4
    Export(Export),
    /// Make the index again from the files 由文件重建索引
    Reindex(Plain),
    /// Delete what is over its time 删除已过保留期的录制
    Prune(Plain),
    /// Delete one recording with its files 删除一个录制及其文件
    Delete(Show),
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only those of this app 只看这个应用
    #[arg(long)]
    app: Option<String>,
    /// Only those of streams of this name 只看这个流名
    #[arg(long)]
    stream: Option<String>,
    /// Most of them 最多多少个
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    remote: Flags,
}

#[derive(Debug, clap::Args)]
struct Show {
    /// The recording's id 编号
    id: String,
    #[command(flatten)]
    remote: Flags,
}

#[derive(Debug, clap::Args)]
struct Export {
    /// The recording's id 编号
    id: String,
    /// Where it goes; must not be there yet 目标文件，不能已存在
    #[arg(value_name = "FILE.mp4")]
    target: PathBuf,
    /// Data folder of the server 数据目录
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// For programs 输出 JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Plain {
    #[command(flatten)]
    remote: Flags,
}

/// Does it.
pub(super) fn run(args: &Args, lang: Lang) -> anyhow::Result<()> {
    match &args.order {
        Order::List(args) => list(args, lang),
        Order::Show(args) => show(args, lang),
        Order::Export(args) => export(args, lang),
        Order::Reindex(args) => reindex(args, lang),
        Order::Prune(args) => prune(args, lang),
        Order::Delete(args) => delete(args, lang),
    }
}

/// All recordings that a query selects, newest first.
pub(super) fn all(remote: &Remote, query: &str) -> anyhow::Result<Vec<Value>> {
    at_most(remote, query, usize::MAX)
}

/// Milliseconds as people read them.
pub(super) fn span(ms: &Value) -> String {
    let seconds = ms.as_u64().unwrap_or_default() / 1_000;
    format!("{}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

fn at_most(remote: &Remote, query: &str, count: usize) -> anyhow::Result<Vec<Value>> {
    let (mut found, mut before) = (Vec::new(), String::new());
    for _ in 0..PAGES_MAX {
        let limit = count.saturating_sub(found.len()).clamp(1, 200);
        let mut page = remote.ask("GET", &format!("recordings?limit={limit}{query}{before}"), None)?;
        if let Some(items) = page["recordings"].as_array_mut() {
            found.append(items);
        }
        match page["next"].as_str() {
            Some(next) if found.len() < count => before = format!("&before={next}"),
            _ => break,
        }
    }
    Ok(found)
}

fn list(args: &List, lang: Lang) -> anyhow::Result<()> {
    let remote = args.remote.remote(lang)?;
    let named = |name: &str, value: &Option<String>| {
        value.as_ref().map(|value| format!("&{name}={}", super::remote::escape(value))).unwrap_or_default()
    };
    let query = named("app", &args.app) + &named("stream", &args.stream);
    let found = at_most(&remote, &query, args.limit)?;
    if args.remote.json {
        return say(format_args!("{:#}", json!({"recordings": found})));
    }
    if found.is_empty() {
        return say(lang.pick("there are no recordings", "没有录制"));
    }
    let head = ["ID", "STREAM", "BEGAN", "LENGTH", "BYTES", "STATE", "REASON"].map(str::to_owned);
    let row = |found: &Value| {
        [
            cell(&found["id"]),
            format!("{}/{}", cell(&found["app"]), cell(&found["stream"])),
            cell(&found["started_at"]),
            span(&found["duration_ms"]),
            cell(&found["bytes"]),
            cell(&found["state"]),
            cell(&found["reason"]),
        ]
    };
    table(&std::iter::once(head).chain(found.iter().map(row)).collect::<Vec<_>>())
}

fn show(args: &Show, lang: Lang) -> anyhow::Result<()> {
    let remote = args.remote.remote(lang)?;
    let found = remote.ask("GET", &format!("recordings/{}", checked(&args.id)?), None)?;
    if args.remote.json {
        return say(format_args!("{found:#}"));
    }
    let about = &found["recording"];
    let codecs = about["codecs"].as_array().map(|codecs| codecs.iter().map(cell).collect::<Vec<_>>());
    let lines = [
        ("stream", "流", format!("{}/{}", cell(&about["app"]), cell(&about["stream"]))),
        ("state", "状态", format!("{} {}", cell(&about["state"]), cell(&about["reason"]))),
        ("began", "开始", cell(&about["started_at"])),
        ("ended", "结束", cell(&about["ended_at"])),
        ("length", "时长", span(&about["duration_ms"])),
        ("bytes", "字节", cell(&about["bytes"])),
        ("codecs", "编码", codecs.unwrap_or_default().join(" ")),
        ("gaps", "缺失", cell(&about["gaps"])),
        ("deleted at", "到期删除", cell(&about["expires_at"])),
        ("views", "观看次数", cell(&about["views"])),
        ("bytes sent", "发送字节", cell(&about["bytes_sent"])),
    ];
    let rows: Vec<_> =
        lines.into_iter().map(|(en, zh, value)| [lang.pick(en, zh).to_owned(), value]).collect();
    table(&rows)?;
    let head = ["PART", "FORMAT", "BEGAN", "LENGTH", "BYTES", "STATE", "FILE", "OBJECT"].map(str::to_owned);
    let row = |part: &Value| {
        [
            cell(&part["number"]),
            cell(&part["format"]),
            cell(&part["started_at"]),
            span(&part["duration_ms"]),
            cell(&part["bytes"]),
            cell(&part["state"]),
            cell(&part["path"]),
            cell(&part["object"]),
        ]
    };
    let parts = found["parts"].as_array().into_iter().flatten();
    table(&std::iter::once(head).chain(parts.map(row)).collect::<Vec<_>>())
}

fn delete(args: &Show, lang: Lang) -> anyhow::Result<()> {
    let id = checked(&args.id)?;
    args.remote.remote(lang)?.ask("DELETE", &format!("recordings/{id}"), None)?;
    if args.remote.json {
        return say(format_args!("{:#}", json!({"deleted": id})));
    }
    say(lang.pick(format!("recording {id} is deleted"), format!("录制 {id} 已删除")))
}

fn export(args: &Export, lang: Lang) -> anyhow::Result<()> {
    let id = checked(&args.id)?;
    let config = config(&args.data)?;
    let (root, runtime) = (record::root(&args.data, &config), runtime()?);
    let parts = runtime
        .block_on(async { Store::open(&args.data).await?.index.parts(id).await.context("the index") })?;
    let parts: Vec<Part> = parts.into_iter().filter(|part| part.format == Format::Fmp4).collect();
    if parts.is_empty() {
        let data = args.data.display();
        return Err(told(
            format!(
                "there are no files of a recording {id} in {data}: `weir recordings list` shows which there are"
            ),
            format!("{data} 里没有录制 {id} 的文件：用 `weir recordings list` 查看"),
        ));
    }
    // What is only in the object store is read from there.
    let storage = Storage::new(&config.storage);
    let _runtime = runtime.enter();
    let whole = Whole::of(&parts, &|part| storage.open(&root, part)).map_err(|error| match error {
        NotOne::Changes(number) => told(
            format!("the codecs change after part {number}, which one MP4 file cannot say: take the files in {} as they are", root.display()),
            format!("第 {number} 段之后编码变了，无法合成一个 MP4：请直接使用 {} 里的文件", root.display()),
        ),
        NotOne::Empty => told(format!("recording {id} is empty"), format!("录制 {id} 没有内容")),
        NotOne::Io(error) => error.into(),
    })?;
    let bar = Bar::new();
    whole
        .write(&args.target, &mut |done, total| bar.show(done, total))
        .with_context(|| format!("cannot write {}", args.target.display()))?;
    bar.end();
    let (target, bytes) = (args.target.display().to_string(), whole.plain.total_len);
    if args.json {
        return say(format_args!("{:#}", json!({"file": target, "bytes": bytes, "parts": parts.len()})));
    }
    say(lang.pick(format!("{target}: {bytes} bytes"), format!("{target}：{bytes} 字节")))
}

fn reindex(args: &Plain, lang: Lang) -> anyhow::Result<()> {
    let bar = Bar::new();
    let (recordings, unreadable, forgotten) = match place(&args.remote, lang)? {
        Place::Running(remote) => {
            let mut state = remote.ask("POST", "recordings/reindex", None)?["reindex"].take();
            while state["running"] == true {
                bar.show(state["done"].as_u64().unwrap_or(0), state["total"].as_u64().unwrap_or(0));
                std::thread::sleep(LOOK);
                state = remote.ask("GET", "storage", None)?["reindex"].take();
            }
            if state["recordings"].is_null() {
                return Err(told(
                    "the index was not made again; the server's log tells why",
                    "索引没有重建成功，原因见服务器日志",
                ));
            }
            let number = |name: &str| state[name].as_u64().unwrap_or(0);
            (number("recordings"), number("unreadable"), number("forgotten"))
        }
        Place::Offline { data, root } => {
            let made = runtime()?.block_on(async {
                let store = Store::open(&data).await?;
                let storage = Arc::new(Storage::new(&config(&data)?.storage));
                let writer = tokio::spawn(store.writer.clone().run());
                let progress = |done: usize, total: usize| bar.show(done as u64, total as u64);
                let made = record::reindex(&root, &store, &storage, &|_| false, &progress).await;
                writer.abort();
                made
            })?;
            (made.recordings as u64, made.unreadable as u64, made.forgotten as u64)
        }
    };
    bar.end();
    if args.remote.json {
        let made = json!({"recordings": recordings, "unreadable": unreadable, "forgotten": forgotten});
        return say(format_args!("{made:#}"));
    }
    say(lang.pick(
        format!("{recordings} recordings are in the index; {unreadable} folders say too little, {forgotten} recordings without files were taken out"),
        format!("索引中有 {recordings} 个录制；{unreadable} 个目录信息不足，移除了 {forgotten} 个没有文件的录制"),
    ))
}

fn prune(args: &Plain, lang: Lang) -> anyhow::Result<()> {
    let deleted = match place(&args.remote, lang)? {
        Place::Running(remote) => {
            remote.ask("POST", "recordings/prune", None)?["deleted"].as_u64().unwrap_or(0)
        }
        Place::Offline { data, root } => runtime()?.block_on(async {
            let store = Store::open(&data).await?;
            let count = record::expired(&root, &store, Clock::system().unix_ms()).await?;
            anyhow::Ok(count as u64)
        })?,
    };
    if args.remote.json {
        return say(format_args!("{:#}", json!({"deleted": deleted})));
    }
    say(lang.pick(format!("{deleted} recordings were deleted"), format!("删除了 {deleted} 个录制")))
}

/// Who does the work.
enum Place {
    /// The server.
    Running(Remote),
    /// We, as no server runs there.
    Offline { data: PathBuf, root: PathBuf },
}

fn place(flags: &Flags, lang: Lang) -> anyhow::Result<Place> {
    let Some(data) = flags.local_data() else { return Ok(Place::Running(flags.remote(lang)?)) };
    let root = record::root(data, &config(data)?);
    match data.exists() && record::is_free(&root)? {
        true => Ok(Place::Offline { data: data.to_owned(), root }),
        false => Ok(Place::Running(flags.remote(lang)?)),
    }
}

/// The configuration of a server with this data folder.
fn config(data: &Path) -> anyhow::Result<Config> {
    let usual = data.join("weir.toml");
    let env = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let sources = Sources { file: usual.exists().then_some(usual), env: env.collect(), flags: Vec::new() };
    Ok(sources.layers().config()?)
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")
}

fn checked(id: &str) -> anyhow::Result<&str> {
    if is_id(id) {
        return Ok(id);
    }
    Err(told(
        format!("{id} is no id of a recording: `weir recordings list` shows them"),
        format!("{id} 不是录制编号：用 `weir recordings list` 查看"),
    ))
}

/// How far something is, on a terminal; nothing anywhere else.
struct Bar {
    shown: bool,
}

impl Bar {
    const WIDTH: u64 = 40;

    fn new() -> Bar {
        Bar { shown: std::io::stderr().is_terminal() }
    }

    fn show(&self, done: u64, total: u64) {
        if !self.shown || total == 0 {
            return;
        }
        let filled = (done.min(total) * Bar::WIDTH / total) as usize;
        let bar = format!("{}{}", "#".repeat(filled), ".".repeat(Bar::WIDTH as usize - filled));
        // What cannot be shown is not worth an error.
        let _ = write!(std::io::stderr(), "\r[{bar}] {:3} %", done.min(total) * 100 / total);
    }

    fn end(&self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
