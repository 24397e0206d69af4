//! `weir streams`: what is on air.

use serde_json::{Value, json};

use super::out::{cell, say, table};
use super::remote::{Flags, escape};
use crate::lang::Lang;

/// Most pages that are asked for: a bound on a server that never comes to an end.
const PAGES_MAX: usize = 5_000;

/// What is on air.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    remote: Flags,
}

/// Prints it.
pub(super) fn run(args: &Args, lang: Lang) -> anyhow::Result<()> {
    let remote = args.remote.remote(lang)?;
    let mut streams = Vec::new();
    let mut after = String::new();
    for _ in 0..PAGES_MAX {
        let mut page = remote.ask("GET", &format!("streams?limit=200&after={}", escape(&after)), None)?;
        if let Some(items) = page["streams"].as_array_mut() {
            streams.append(items);
        }
        let Some(next) = page["next"].as_str() else { break };
        next.clone_into(&mut after);
    }
    if args.remote.json {
        return say(format_args!("{:#}", json!({"streams": streams})));
    }
    if streams.is_empty() {
        return say(lang.pick("nothing is on air", "当前没有直播"));
    }
    let head = ["STREAM", "PHASE", "VIEWERS", "KBIT/S", "FPS", "VIDEO", "AUDIO", "SINCE"];
    let rows: Vec<[String; 8]> =
        std::iter::once(head.map(str::to_owned)).chain(streams.iter().map(row)).collect();
    table(&rows)
}

fn row(stream: &Value) -> [String; 8] {
    let (video, audio) = (&stream["video"], &stream["audio"]);
    let size = match (video["width"].as_u64(), video["height"].as_u64()) {
        (Some(width), Some(height)) => format!(" {width}x{height}"),
        _ => String::new(),
    };
    [
        format!("{}/{}", cell(&stream["app"]), cell(&stream["stream"])),
        cell(&stream["phase"]),
        cell(&stream["viewers"]),
        cell(&stream["bitrate_kbps"]),
        cell(&stream["fps"]),
        format!("{}{size}", cell(&video["codec"])),
        cell(&audio["codec"]),
        cell(&stream["started_at"]),
    ]
}
