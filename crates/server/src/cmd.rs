//! The command line: `serve`, `init`, `url`, `token`, `config`, `key`, and what is asked of a running server: `streams`, `kick`,
//! `forbid`, `resume`, `relays`, `relay`, `record`, `recordings`, `webhooks`; `doctor` and `probe` find out what is wrong, `completions` is for shells.
//!
//! Exit codes: 0 done, 1 something is wrong and was told on stderr, 2 the command line was not understood.

mod banner;
mod completions;
mod config;
mod doctor;
mod duration;
mod init;
mod key;
mod log;
mod order;
mod out;
mod probe;
mod qr;
mod record;
mod recordings;
mod relays;
mod remote;
mod rooms;
mod serve;
mod sources;
mod streams;
mod token;
mod url;
mod webhooks;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::lang::Lang;
use crate::told;

/// Live video for mini-programs 小程序直播服务器
#[derive(Debug, Parser)]
#[command(name = "weir", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve 启动服务
    Serve(serve::Args),
    /// Write secrets and a commented weir.toml, without serving 生成密钥和带注释的配置文件，不启动
    Init(init::Args),
    /// Make a push or play address 生成推流或播放地址
    Url(url::Args),
    /// Make a token of a user, or check one 生成或检查用户令牌
    Token(token::Args),
    /// Show or check the configuration 查看或检查配置
    Config(config::Args),
    /// Make, list and delete keys of the HTTP API 管理 HTTP API 的密钥
    Key(key::Args),
    /// What is on air on the running server 正在直播的流
    Streams(streams::Args),
    /// End one client of the running server 断开一个客户端
    Kick(order::Kick),
    /// Forbid a stream: ends it and refuses it 禁播一路流
    Forbid(order::Forbid),
    /// Allow a forbidden stream again 解除禁播
    Resume(order::Resume),
    /// Streams to and from other servers on the running server 与其他服务器之间的转发
    Relays(relays::List),
    /// Start or stop a relay of the running server 启动或停止一个转发
    Relay(relays::Args),
    /// Start and stop recordings on the running server 启动或停止录制
    Record(record::Args),
    /// What was recorded 录制下来的内容
    Recordings(recordings::Args),
    /// Who is told what happens: list, log, replay, test 事件通知：接收方、投递记录、重放、测试
    Webhooks(webhooks::Args),
    /// Rooms of the running server 直播间
    Rooms(rooms::Args),
    /// Look for what would spoil the show, and how to mend it 开播前体检
    Doctor(doctor::Args),
    /// Play an address for a few seconds and say what came 试播一个地址
    Probe(probe::Args),
    /// Print a script that makes a shell complete weir 生成 shell 补全脚本
    Completions(completions::Args),
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    let lang = Lang::of_process();
    let done = match Cli::parse().command {
        Command::Serve(args) => serve::run(&args, lang),
        Command::Init(args) => init::run(&args, lang),
        Command::Url(args) => url::run(&args, lang),
        Command::Token(args) => token::run(&args, lang),
        Command::Config(args) => config::run(&args, lang),
        Command::Key(args) => key::run(&args, lang),
        Command::Streams(args) => streams::run(&args, lang),
        Command::Kick(args) => order::kick(&args, lang),
        Command::Forbid(args) => order::forbid(&args, lang),
        Command::Resume(args) => order::resume(&args, lang),
        Command::Relays(args) => relays::list(&args, lang),
        Command::Relay(args) => relays::order(&args, lang),
        Command::Record(args) => record::run(&args, lang),
        Command::Recordings(args) => recordings::run(&args, lang),
        Command::Webhooks(args) => webhooks::run(&args, lang),
        Command::Rooms(args) => rooms::run(&args, lang),
        Command::Doctor(args) => doctor::run(&args, lang),
        Command::Probe(args) => probe::run(&args, lang),
        Command::Completions(args) => completions::run(&args, Cli::command()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("weir: {}", told::text(&error, lang));
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
