//! `weir config`: what is in force and why, and whether it is good.

use clap::Subcommand;

use super::out::say;
use super::sources;
use crate::lang::Lang;

/// Show or check the configuration.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Every key, its value, and where that came from 每一项的值和来源
    Show {
        /// For programs 输出 JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        sources: sources::Flags,
    },
    /// Exit code 0 when the configuration is good, 1 with the reasons when it is not 检查是否正确
    Check {
        #[command(flatten)]
        sources: sources::Flags,
    },
}

/// Prints what is asked for.
pub(super) fn run(args: &Args, lang: Lang) -> anyhow::Result<()> {
    match &args.action {
        Action::Show { json, sources } => {
            let layers = sources.sources().layers();
            if *json {
                say(format_args!("{:#}", layers.show_json()))?;
            } else {
                say(layers.show().trim_end())?;
            }
            // What is shown is shown even when it is not good, and then the reasons follow.
            layers.config()?;
        }
        Action::Check { sources } => {
            let sources = sources.sources();
            sources.layers().config()?;
            match &sources.file {
                Some(file) => say(format_args!("{} {}", file.display(), lang.pick("is good", "没有问题")))?,
                None => say(lang.pick("there is no file; the defaults hold", "没有配置文件，使用默认值"))?,
            }
        }
    }
    Ok(())
}
