//! The command line: `serve`, `init`, `url`, `config`.
//!
//! Exit codes: 0 done, 1 something is wrong and was told on stderr, 2 the command line was not understood.

mod address;
mod banner;
mod config;
mod duration;
mod init;
mod log;
mod out;
mod qr;
mod serve;
mod sources;
mod told;
mod url;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::lang::Lang;

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
    /// Show or check the configuration 查看或检查配置
    Config(config::Args),
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    let lang = Lang::of_process();
    let done = match Cli::parse().command {
        Command::Serve(args) => serve::run(&args, lang),
        Command::Init(args) => init::run(&args, lang),
        Command::Url(args) => url::run(&args, lang),
        Command::Config(args) => config::run(&args, lang),
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
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
