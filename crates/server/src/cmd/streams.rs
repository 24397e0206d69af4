//! `weir streams`: what is on air.

use serde_json::{Value, json};

use super::out::say;
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
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 8] = std::array::from_fn(width);
    rows.iter().try_for_each(|row| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        say(cells.collect::<Vec<_>>().join("  ").trim_end())
    })
}

fn row(stream: &Value) -> [String; 8] {
    let text = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.chars().filter(|c| !c.is_control()).collect(),
        other => other.to_string(),
    };
    let (video, audio) = (&stream["video"], &stream["audio"]);
    let size = match (video["width"].as_u64(), video["height"].as_u64()) {
        (Some(width), Some(height)) => format!(" {width}x{height}"),
        _ => String::new(),
    };
    [
        format!("{}/{}", text(&stream["app"]), text(&stream["stream"])),
        text(&stream["phase"]),
        text(&stream["viewers"]),
        text(&stream["bitrate_kbps"]),
        text(&stream["fps"]),
        format!("{}{size}", text(&video["codec"])),
        text(&audio["codec"]),
        text(&stream["started_at"]),
    ]
}
