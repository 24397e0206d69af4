//! `weir completions`: what makes a shell complete our commands and flags.

use std::io::Write as _;

use clap_complete::Shell;

/// Print a script that makes a shell complete `weir`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Wanted,
}

/// The shells that are known to work.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Wanted {
    Bash,
    Zsh,
    Fish,
}

/// Prints it.
pub(super) fn run(args: &Args, mut command: clap::Command) -> anyhow::Result<()> {
    let shell = match args.shell {
        Wanted::Bash => Shell::Bash,
        Wanted::Zsh => Shell::Zsh,
        Wanted::Fish => Shell::Fish,
    };
    // Into memory first: the generator panics when it cannot write, as to a pipe whose reader has left.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "weir", &mut script);
    let mut out = std::io::stdout().lock();
    match out.write_all(&script).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
