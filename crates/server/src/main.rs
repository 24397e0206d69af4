//! `weir`: the command line.

fn main() -> std::process::ExitCode {
    weir::cmd::main()
}
