//! `weir key`: the keys of the API.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use serde_json::json;

use super::out::say;
use crate::clock::Clock;
use crate::lang::Lang;
use crate::operator::keys::{self, Scope};
use crate::time::rfc3339;
use crate::told::told;

/// Keys of the API.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a key; it is shown once 生成密钥，只显示一次
    Create {
        /// What to call it: letters, digits, - _ . 名称
        name: String,
        /// What it may do 权限
        #[arg(long, value_enum, default_value = "read")]
        scope: Wanted,
        #[command(flatten)]
        place: Place,
    },
    /// Which keys there are 列出密钥
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Take a key back, at once 删除密钥，立即失效
    Delete {
        /// What it is called 名称
        name: String,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, clap::Args)]
struct Place {
    /// Data folder of the server 数据目录
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// For programs 输出 JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Wanted {
    /// Look 只读
    Read,
    /// Look and change 读写
    Write,
    /// Look at rooms only 只读房间
    #[value(name = "rooms:read")]
    RoomsRead,
    /// Look at rooms and change them, nothing else 只管房间
    #[value(name = "rooms:write")]
    RoomsWrite,
    /// Make tokens of users, nothing else 只签发用户令牌
    Tokens,
}

/// Does what is asked for. The running server sees it by itself.
pub(super) fn run(args: &Args, lang: Lang) -> anyhow::Result<()> {
    match &args.action {
        Action::Create { name, scope, place } => create(name, *scope, place, lang),
        Action::List { place } => list(place, lang),
        Action::Delete { name, place } => {
            if !keys::delete(&place.data, name)? {
                return Err(told(
                    format!("there is no key called {name:?}: `weir key list` shows which there are"),
                    format!("没有名为 {name:?} 的密钥：可用 `weir key list` 查看"),
                ));
            }
            if place.json {
                return say(json!({"deleted": name}));
            }
            say(lang.pick(format!("{name} is no longer good"), format!("{name} 已失效")))
        }
    }
}

fn create(name: &str, scope: Wanted, place: &Place, lang: Lang) -> anyhow::Result<()> {
    if !keys::is_name(name) {
        let most = keys::NAME_MAX;
        return Err(told(
            format!("{name:?} cannot be a key's name: use 1 to {most} letters, digits, - _ ."),
            format!("{name:?} 不能用作密钥名：请用 1 到 {most} 个字母、数字、- _ ."),
        ));
    }
    let scope = match scope {
        Wanted::Read => Scope::Read,
        Wanted::Write => Scope::Write,
        Wanted::RoomsRead => Scope::RoomsRead,
        Wanted::RoomsWrite => Scope::RoomsWrite,
        Wanted::Tokens => Scope::Tokens,
    };
    let secret = keys::create(&place.data, name, scope, rfc3339(Clock::system().unix_ms()))?;
    if place.json {
        return say(json!({"name": name, "scope": scope.name(), "key": secret.expose()}));
    }
    say(secret.expose())?;
    say(lang.pick(
        "Keep it now: it is not shown again. Send it as Authorization: Bearer KEY",
        "请立即保存：不会再次显示。用法：Authorization: Bearer 密钥",
    ))
}

fn list(place: &Place, lang: Lang) -> anyhow::Result<()> {
    let keys = keys::list(&place.data)?;
    if place.json {
        let keys = keys
            .iter()
            .map(|key| json!({"name": key.name, "scope": key.scope.name(), "created_at": key.created_at}));
        return say(format_args!("{:#}", json!({"keys": keys.collect::<Vec<_>>()})));
    }
    if keys.is_empty() {
        return say(lang.pick(
            "there are no keys: make one with `weir key create NAME`",
            "还没有密钥：请用 `weir key create NAME` 生成",
        ));
    }
    let width = keys.iter().map(|key| key.name.len()).max().unwrap_or(0);
    keys.iter().try_for_each(|key| {
        say(format_args!("{:width$}  {:11}  {}", key.name, key.scope.name(), key.created_at))
    })
}
