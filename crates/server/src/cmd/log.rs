//! The log: on stderr, text for people and JSON for programs.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::told::told;

const VARIABLE: &str = "WEIR_LOG";
/// The client of object stores tells every second attempt; what comes of it is told by us.
const USUAL: &str = "info,object_store=warn";

/// Starts logging. `filter` is the flag's; without it the variable `WEIR_LOG` counts.
pub(super) fn start(filter: Option<&str>) -> anyhow::Result<()> {
    let variable = std::env::var(VARIABLE).ok().filter(|text| !text.is_empty());
    let (source, text) = match (filter, &variable) {
        (Some(text), _) => ("--log", text),
        (None, Some(text)) => (VARIABLE, text.as_str()),
        (None, None) => (VARIABLE, USUAL),
    };
    let filter = EnvFilter::try_new(text).map_err(|_| {
        told(
            format!("{source}: {text:?} is not a filter; write a level such as info or debug, or info,weir::rtmp=debug"),
            format!("{source}：{text:?} 不是合法的过滤规则，应为 info、debug 这样的级别，或 info,weir::rtmp=debug"),
        )
    })?;
    let to_person = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if to_person {
        log.with_ansi(std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())).try_init()
    } else {
        log.with_ansi(false).json().flatten_event(true).try_init()
    };
    started.map_err(|error| anyhow::anyhow!("cannot start the log: {error}"))
}
