//! `weir url`: signed addresses.

use std::io::IsTerminal as _;

use clap::ValueEnum;
use serde_json::json;

use super::duration::Seconds;
use super::out::say;
use super::{qr, sources};
use crate::address::{self, Ends, Maker, Play, Push};
use crate::clock::Clock;
use crate::lang::Lang;
use crate::record::is_id;
use crate::secrets::Secrets;
use crate::time::rfc3339;
use crate::told::told;

/// Make an address.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What for 用途
    #[arg(value_enum)]
    purpose: Purpose,
    /// The stream, such as live/room1, or the id of a recording 流，或录像的 id
    #[arg(value_name = "APP/STREAM")]
    path: String,
    /// How long it is good: 30s, 15m, 2h, 7d 有效期
    #[arg(long, value_name = "SPAN")]
    expires: Option<Seconds>,
    /// Only this address, and nothing else 只输出这一种地址
    #[arg(long, value_enum, value_name = "KIND")]
    protocol: Option<Protocol>,
    /// RTMPS, HTTPS and WSS 用加密的协议
    #[arg(long)]
    tls: bool,
    /// For programs 输出 JSON
    #[arg(long, conflicts_with = "protocol")]
    json: bool,
    #[command(flatten)]
    sources: sources::Flags,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Purpose {
    /// To send a stream 推流
    Push,
    /// To watch one 播放
    Play,
    /// To watch a recording 回放
    Replay,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Protocol {
    /// RTMP or RTMPS
    Rtmp,
    /// FLV over HTTP or HTTPS
    Flv,
    /// FLV over WebSocket
    WsFlv,
    /// HLS over HTTP or HTTPS
    Hls,
    /// The play page 播放页
    Page,
}

/// Prints the addresses.
pub(super) fn run(args: &Args, lang: Lang) -> anyhow::Result<()> {
    let config = args.sources.sources().layers().config()?;
    let data = args.sources.data.display();
    let secrets = Secrets::read(&args.sources.data)?.ok_or_else(|| {
        told(
            format!("there are no keys in {data} yet: run `weir serve` or `weir init` first, or name the folder with --data"),
            format!("{data} 里还没有密钥：请先运行 `weir serve` 或 `weir init`，或用 --data 指定目录"),
        )
    })?;
    let authority = config.authority(&secrets)?;
    let seconds = args.expires.map_or(config.server.address_validity_seconds, |span| span.0);
    let expires = Clock::system().unix_seconds().saturating_add(seconds.into());
    let ends = Ends::of(&config);
    let maker =
        Maker { authority: &authority, ends: &ends, secure: args.tls, expires, nonce: address::nonce()? };
    let until = rfc3339(expires.saturating_mul(1_000));
    match args.purpose {
        Purpose::Push => print_push(&maker.push(&args.path.parse()?)?, &until, args, lang),
        Purpose::Play => print_play(&maker.play(&args.path.parse()?)?, &until, args, lang),
        Purpose::Replay => print_replay(&maker, &until, args, lang),
    }
}

fn print_push(push: &Push, until: &str, args: &Args, lang: Lang) -> anyhow::Result<()> {
    match args.protocol {
        Some(Protocol::Rtmp) => say(&push.url)?,
        Some(_) => {
            return Err(told(
                "streams are pushed over RTMP: use --protocol rtmp",
                "推流只能用 RTMP：请用 --protocol rtmp",
            ));
        }
        None if args.json => {
            let expires_at = push.signed.then_some(until);
            say(format_args!(
                "{:#}",
                json!({"url": push.url, "server": push.server, "stream_key": push.stream_key, "expires_at": expires_at})
            ))?;
        }
        None => {
            say(&push.url)?;
            say(format_args!("{} {}", lang.pick("OBS: server    ", "OBS：服务器"), push.server))?;
            say(format_args!("{} {}", lang.pick("     stream key", "     推流码"), push.stream_key))?;
            print_end(push.signed, until, lang)?;
            print_code(Some(&push.url))?;
        }
    }
    Ok(())
}

fn print_play(play: &Play, until: &str, args: &Args, lang: Lang) -> anyhow::Result<()> {
    if let Some(protocol) = args.protocol {
        let (address, key) = match protocol {
            Protocol::Rtmp => (&play.rtmp, "rtmp.listen"),
            Protocol::Flv => (&play.flv, "http.listen"),
            Protocol::WsFlv => (&play.ws_flv, "http.listen"),
            Protocol::Hls => (&play.hls, "http.listen, hls.enabled"),
            Protocol::Page => (&play.page, "http.listen"),
        };
        let address = address.as_ref().ok_or_else(|| {
            told(format!("nothing listens for that: set {key}"), format!("没有监听这种协议：请设置 {key}"))
        })?;
        say(address)?;
    } else if args.json {
        let expires_at = play.signed.then_some(until);
        say(format_args!(
            "{:#}",
            json!({"rtmp": play.rtmp, "flv": play.flv, "ws_flv": play.ws_flv, "hls": play.hls, "page": play.page, "expires_at": expires_at})
        ))?;
    } else {
        for (name, address) in [
            ("page  ", &play.page),
            ("flv   ", &play.flv),
            ("ws_flv", &play.ws_flv),
            ("hls   ", &play.hls),
            ("rtmp  ", &play.rtmp),
        ] {
            if let Some(address) = address {
                say(format_args!("{name} {address}"))?;
            }
        }
        print_end(play.signed, until, lang)?;
        print_code(play.page.as_deref())?;
    }
    Ok(())
}

fn print_replay(maker: &Maker<'_>, until: &str, args: &Args, lang: Lang) -> anyhow::Result<()> {
    let id = args.path.as_str();
    if !is_id(id) {
        return Err(told(
            format!("{id:?} is no id of a recording: `weir recordings list` shows them"),
            format!("{id:?} 不是录像的 id：见 `weir recordings list`"),
        ));
    }
    let replay = maker.replay(id)?;
    match args.protocol {
        Some(Protocol::Flv) => say(&replay.flv)?,
        Some(_) => {
            return Err(told(
                "a recording is watched over HTTP: leave --protocol out, or use --protocol flv",
                "录像只能用 HTTP 观看：请去掉 --protocol，或用 --protocol flv",
            ));
        }
        None if args.json => {
            let expires_at = replay.signed.then_some(until);
            say(format_args!(
                "{:#}",
                json!({"m3u8": replay.m3u8, "mp4": replay.mp4, "flv": replay.flv, "expires_at": expires_at})
            ))?;
        }
        None => {
            for (name, address) in [("m3u8", &replay.m3u8), ("mp4 ", &replay.mp4), ("flv ", &replay.flv)] {
                say(format_args!("{name} {address}"))?;
            }
            print_end(replay.signed, until, lang)?;
        }
    }
    Ok(())
}

fn print_end(signed: bool, until: &str, lang: Lang) -> anyhow::Result<()> {
    if signed {
        say(format_args!("{} {until}", lang.pick("good until", "有效期至")))?;
    } else {
        say(lang.pick("not signed: anybody may use it, at any time", "未签名：任何人随时可用"))?;
    }
    Ok(())
}

fn print_code(text: Option<&str>) -> anyhow::Result<()> {
    let colour = std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
    if std::io::stdout().is_terminal()
        && let Some(code) = text.and_then(|text| qr::code(text, colour))
    {
        say(code)?;
    }
    Ok(())
}
