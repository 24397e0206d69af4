//! `weir init`: secrets and a configuration file to start from.

use std::path::Path;

use super::banner;
use super::out::say;
use crate::config::DEFAULT;
use crate::lang::Lang;
use crate::secrets::{Secrets, make_folder, write_whole};
use crate::told::told;

/// Write secrets and a commented weir.toml.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder to write them to 数据目录
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: std::path::PathBuf,
}

/// Writes both files; what is there already stays, and is an error.
pub(super) fn run(args: &Args, lang: Lang) -> anyhow::Result<()> {
    let (secrets, file) = (Secrets::path(&args.data), args.data.join("weir.toml"));
    for path in [&secrets, &file] {
        if path.exists() {
            let path = path.display();
            return Err(told(
                format!(
                    "{path} exists already and is not overwritten: move it away, or choose another folder with --data"
                ),
                format!("{path} 已存在，不会覆盖：请先移走，或用 --data 换一个目录"),
            ));
        }
    }
    let made = Secrets::create(&args.data)?;
    write_config(&file)?;
    say(lang.pick("Written, with every key commented out:", "已写入，各项均为注释："))?;
    say(format_args!("  {}", file.display()))?;
    say(banner::keys(&made, &secrets, lang))?;
    let next = format!("weir serve --data {}", args.data.display());
    say(format_args!("{} {next}", lang.pick("Next:", "下一步：")))?;
    Ok(())
}

/// Writes a configuration file that changes nothing. It may be given keys later, so it is for its owner alone.
fn write_config(file: &Path) -> anyhow::Result<()> {
    make_folder(file.parent().unwrap_or(Path::new(".")))?;
    write_whole(file, &commented(), 0o600)
}

/// The defaults with every key commented out; sections stay, so that a line works as soon as its `#` is gone.
fn commented() -> String {
    let is_plain = |line: &str| line.is_empty() || line.starts_with('#') || line.starts_with('[');
    DEFAULT
        .lines()
        .map(|line| if is_plain(line) { format!("{line}\n") } else { format!("#{line}\n") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::scratch::Scratch;

    #[test]
    fn the_commented_file_changes_nothing_until_a_line_is_uncommented() {
        let text = commented();
        assert_eq!(Config::from_toml(&text).unwrap(), Config::defaults());
        let changed = Config::from_toml(&text.replace("#grace_seconds = 10", "grace_seconds = 7")).unwrap();
        assert_eq!(changed.hub.grace_seconds, 7);
        let all: String = text
            .lines()
            .map(|line| {
                format!(
                    "{}\n",
                    line.strip_prefix('#')
                        .filter(|rest| rest.contains(" = ") && !rest.starts_with(' '))
                        .unwrap_or(line)
                )
            })
            .collect();
        assert_eq!(Config::from_toml(&all).unwrap(), Config::defaults());
    }

    #[test]
    fn init_writes_once_and_never_over_what_is_there() {
        let scratch = Scratch::new();
        let args = Args { data: scratch.path().join("data") };
        run(&args, Lang::En).unwrap();
        let before = std::fs::read_to_string(Secrets::path(&args.data)).unwrap();
        assert!(args.data.join("weir.toml").exists());
        assert!(run(&args, Lang::En).is_err());
        std::fs::remove_file(args.data.join("weir.toml")).unwrap();
        assert!(run(&args, Lang::En).is_err());
        assert_eq!(std::fs::read_to_string(Secrets::path(&args.data)).unwrap(), before);
    }
}
