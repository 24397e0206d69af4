//! `weir kick`, `weir forbid`, `weir resume`: orders to the running server.

use serde_json::{Value, json};

use super::duration::Seconds;
use super::out::say;
use super::remote::{Flags, escape};
use crate::address::Path;
use crate::lang::Lang;

/// End one client.
#[derive(Debug, clap::Args)]
pub(super) struct Kick {
    /// Its number, as the API's list of clients tells it 编号
    id: u64,
    /// What the client is told 告诉客户端的原因
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    remote: Flags,
}

/// Forbid a stream.
#[derive(Debug, clap::Args)]
pub(super) struct Forbid {
    /// The stream, such as live/room1 流
    #[arg(value_name = "APP/STREAM")]
    path: String,
    /// For how long: 30s, 15m, 2h, 7d; for ever when left out 时长
    #[arg(long = "for", value_name = "SPAN")]
    span: Option<Seconds>,
    /// What whoever pushes is told 告诉推流者的原因
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    remote: Flags,
}

/// Allow a stream again.
#[derive(Debug, clap::Args)]
pub(super) struct Resume {
    /// The stream, such as live/room1 流
    #[arg(value_name = "APP/STREAM")]
    path: String,
    #[command(flatten)]
    remote: Flags,
}

/// Ends a client.
pub(super) fn kick(args: &Kick, lang: Lang) -> anyhow::Result<()> {
    let id = args.id;
    let query =
        args.reason.as_deref().map(|reason| format!("?reason={}", escape(reason))).unwrap_or_default();
    args.remote.remote(lang)?.ask("DELETE", &format!("clients/{id}{query}"), None)?;
    let done = lang.pick(format!("client {id} is being ended"), format!("正在断开客户端 {id}"));
    answer(&args.remote, &json!({"kicked": id}), &done)
}

/// Forbids a stream.
pub(super) fn forbid(args: &Forbid, lang: Lang) -> anyhow::Result<()> {
    let Path { app, stream } = args.path.parse()?;
    let mut body = json!({});
    if let Some(span) = args.span {
        body["seconds"] = span.0.into();
    }
    if let Some(reason) = &args.reason {
        body["reason"] = reason.as_str().into();
    }
    let remote = args.remote.remote(lang)?;
    let made = remote.ask("POST", &format!("streams/{app}/{stream}/forbid"), Some(&body))?;
    let done = match made["until"].as_str() {
        Some(until) => lang.pick(
            format!("{app}/{stream} is forbidden until {until}"),
            format!("{app}/{stream} 已禁播，到 {until} 为止"),
        ),
        None => lang.pick(
            format!("{app}/{stream} is forbidden until `weir resume {app}/{stream}`"),
            format!("{app}/{stream} 已禁播，直到 `weir resume {app}/{stream}`"),
        ),
    };
    answer(&args.remote, &made, &done)
}

/// Allows a stream again.
pub(super) fn resume(args: &Resume, lang: Lang) -> anyhow::Result<()> {
    let Path { app, stream } = args.path.parse()?;
    args.remote.remote(lang)?.ask("DELETE", &format!("streams/{app}/{stream}/forbid"), None)?;
    let done = lang.pick(format!("{app}/{stream} is allowed"), format!("{app}/{stream} 已解除禁播"));
    answer(&args.remote, &json!({"app": app, "stream": stream}), &done)
}

fn answer(flags: &Flags, made: &Value, done: &str) -> anyhow::Result<()> {
    if flags.json { say(format_args!("{made:#}")) } else { say(done) }
}
