//! `weir token`: tokens of users, and what is wrong with one.

use clap::{Subcommand, ValueEnum};
use control::person::{Person, Role};
use serde_json::json;

use super::duration::Seconds;
use super::out::say;
use super::sources;
use crate::clock::Clock;
use crate::identity::{By, Identity, Refusal, Verified, Wish};
use crate::lang::Lang;
use crate::secrets::Secrets;
use crate::time::rfc3339;
use crate::told::told;

/// Tokens of users.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    make: Make,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say who a token is of and until when, or what is wrong with it 检查令牌
    Check {
        /// The token 令牌
        token: String,
        /// For programs 输出 JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        sources: sources::Flags,
    },
}

#[derive(Debug, clap::Args)]
struct Make {
    /// The user's id 用户 id
    #[arg(value_name = "USER", required = true)]
    user: Option<String>,
    /// What others see 昵称
    #[arg(long)]
    name: Option<String>,
    /// Address of a picture 头像地址
    #[arg(long, value_name = "URL")]
    avatar: Option<String>,
    /// For this room only 只用于这个房间
    #[arg(long)]
    room: Option<String>,
    /// What the user may do 角色
    #[arg(long, value_enum, default_value = "viewer")]
    role: Wanted,
    /// How long it is good: 30s, 15m, 2h, 7d 有效期
    #[arg(long, value_name = "SPAN", default_value = "12h")]
    expires: Seconds,
    /// A UserSig for this app instead, which holds an id and nothing else 改为生成 UserSig
    #[arg(long, value_name = "SDKAPPID", conflicts_with_all = ["name", "avatar", "room", "role"])]
    usersig: Option<u64>,
    /// For programs 输出 JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    sources: sources::Flags,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Wanted {
    /// Watches 观众
    Viewer,
    /// Keeps order 助理
    Assistant,
    /// The show is theirs 主播
    Host,
}

/// Makes a token or checks one.
pub(super) fn run(args: &Args, lang: Lang) -> anyhow::Result<()> {
    let now = Clock::system().unix_seconds();
    match &args.action {
        Some(Action::Check { token, json, sources }) => {
            let verified = identity(sources)?.verify(token.trim(), now);
            print(&verified.map_err(|refusal| refused(&refusal))?, *json, lang)
        }
        None => make(&args.make, now),
    }
}

fn make(make: &Make, now: i64) -> anyhow::Result<()> {
    let identity = identity(&make.sources)?;
    let role = match make.role {
        Wanted::Viewer => Role::Viewer,
        Wanted::Assistant => Role::Assistant,
        Wanted::Host => Role::Host,
    };
    let text = |given: &Option<String>| given.clone().unwrap_or_default();
    let person = Person::new(&text(&make.user), &text(&make.name), &text(&make.avatar), role)
        .map_err(|bad| told(bad.to_string(), bad.message_zh()))?;
    let until = now.saturating_add(make.expires.0.into());
    let wish = Wish { person, room: make.room.as_deref(), until, app: make.usersig };
    let token = identity.issue(&wish, now).map_err(|refusal| refused(&refusal))?;
    if make.json {
        let expires_at = rfc3339(until.saturating_mul(1_000));
        return say(json!({"token": token, "user": wish.person.id, "expires_at": expires_at}));
    }
    say(token)
}

fn print(verified: &Verified, json: bool, lang: Lang) -> anyhow::Result<()> {
    let Verified { person, room, until, by } = verified;
    let expires_at = rfc3339(until.saturating_mul(1_000));
    let (by, zh) = match by {
        By::Key(kid) => (format!("the key {kid}"), format!("密钥 {kid}")),
        By::App(app) => (format!("the app {app}"), format!("应用 {app}")),
        By::Guest => ("this server, as a guest".to_owned(), "本服务器（游客）".to_owned()),
    };
    if json {
        return say(format_args!(
            "{:#}",
            json!({"user": person.id, "name": person.name, "avatar": person.avatar, "role": person.role.word(),
                "guest": person.guest, "room": room, "expires_at": expires_at, "signed_by": by})
        ));
    }
    let all = || lang.pick("all", "全部").to_owned();
    for (en, name, value) in [
        ("user", "用户", person.id.clone()),
        ("name", "昵称", person.name.clone()),
        ("avatar", "头像", person.avatar.clone()),
        ("role", "角色", person.role.word().to_owned()),
        ("rooms", "房间", room.clone().unwrap_or_else(all)),
        ("good until", "有效期至", expires_at),
        ("signed by", "签发者", lang.pick(by, zh)),
    ] {
        if !value.is_empty() {
            say(format_args!("{}: {value}", lang.pick(en, name)))?;
        }
    }
    Ok(())
}

fn identity(sources: &sources::Flags) -> anyhow::Result<Identity> {
    let config = sources.sources().layers().config()?;
    let data = sources.data.display();
    let secrets = Secrets::load(&sources.data)?.ok_or_else(|| {
        told(
            format!("there are no keys in {data} yet: run `weir serve` or `weir init` first, or name the folder with --data"),
            format!("{data} 里还没有密钥：请先运行 `weir serve` 或 `weir init`，或用 --data 指定目录"),
        )
    })?;
    Identity::new(&config, &secrets)
}

/// A refusal with its code, and when it has to do with a time, with that.
fn refused(refusal: &Refusal) -> anyhow::Error {
    let when = match refusal {
        Refusal::Expired(at) | Refusal::NotYet(at) => format!(" ({})", rfc3339(at.saturating_mul(1_000))),
        _ => String::new(),
    };
    let code = refusal.code();
    told(format!("{code}: {}{when}", refusal.message_en()), format!("{code}：{}{when}", refusal.message_zh()))
}
