//! `weir doctor`: looks at the machine and the configuration before the show, and says what to mend and how.

mod certificate;
mod machine;
mod ports;

use std::path::PathBuf;

use serde_json::{Value, json};

use super::out::say;
use super::sources;
use crate::config::{Config, Scheme};
use crate::lang::Lang;
use crate::told::{self, told};

/// Look for what would spoil the show.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder of secrets and weir.toml 数据目录
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// Configuration file, instead of DIR/weir.toml 配置文件
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// For programs 输出 JSON
    #[arg(long)]
    json: bool,
}

/// How good something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

/// One thing that was looked at, in both languages.
#[derive(Debug)]
struct Finding {
    name: &'static str,
    verdict: Verdict,
    seen: [String; 2],
    fix: Option<[String; 2]>,
}

impl Finding {
    fn ok(name: &'static str, en: impl Into<String>, zh: impl Into<String>) -> Finding {
        Finding { name, verdict: Verdict::Ok, seen: [en.into(), zh.into()], fix: None }
    }

    fn warn(name: &'static str, en: impl Into<String>, zh: impl Into<String>) -> Finding {
        Finding { verdict: Verdict::Warn, ..Finding::ok(name, en, zh) }
    }

    fn fail(name: &'static str, en: impl Into<String>, zh: impl Into<String>) -> Finding {
        Finding { verdict: Verdict::Fail, ..Finding::ok(name, en, zh) }
    }

    /// What to do about it.
    fn fix(mut self, en: impl Into<String>, zh: impl Into<String>) -> Finding {
        self.fix = Some([en.into(), zh.into()]);
        self
    }
}

impl Verdict {
    fn name(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Fail => "fail",
        }
    }
}

/// Looks, and prints what was found. The error is that something must be mended.
pub(super) fn run(args: &Args, lang: Lang) -> anyhow::Result<()> {
    let findings = look(args);
    let failed = findings.iter().filter(|finding| finding.verdict == Verdict::Fail).count();
    if args.json {
        let checks: Vec<Value> = findings.iter().map(|finding| as_json(finding, lang)).collect();
        say(format_args!("{:#}", json!({"ok": failed == 0, "checks": checks})))?;
    } else {
        for finding in &findings {
            let Finding { name, verdict, seen: [en, zh], fix } = finding;
            say(format_args!("{:<5} {name:<14} {}", verdict.name(), lang.pick(en, zh)))?;
            if let Some([en, zh]) = fix {
                say(format_args!("{:<20} {} {}", "", lang.pick("fix:", "处理："), lang.pick(en, zh)))?;
            }
        }
    }
    match failed {
        0 => Ok(()),
        _ => Err(told(format!("{failed} checks failed"), format!("{failed} 项检查未通过"))),
    }
}

fn look(args: &Args) -> Vec<Finding> {
    let flags = sources::Flags {
        data: args.data.clone(),
        config: args.config.clone(),
        host: None,
        http: None,
        rtmp: None,
        https: None,
        rtmps: None,
        no_demo: false,
    };
    let sources = flags.sources();
    let mut findings = Vec::new();
    match sources.layers().config() {
        Ok(config) => {
            let file = sources.file.map(|path| path.display().to_string());
            findings.push(Finding::ok(
                "configuration",
                file.clone().map_or("no file; the defaults hold".into(), |file| format!("{file} is good")),
                file.map_or("没有配置文件，使用默认值".into(), |file| format!("{file} 没有问题")),
            ));
            findings.extend(ports::look(&config, &args.data));
            findings.extend(machine::limits(&config));
            findings.extend(certificate::look(&config, &args.data));
            findings.extend(signing(&config));
            findings.extend(machine::pictures(&config));
        }
        Err(problems) => {
            let error = anyhow::Error::from(problems);
            findings.push(
                Finding::fail(
                    "configuration",
                    told::text(&error, Lang::En).replace('\n', " "),
                    told::text(&error, Lang::Zh).replace('\n', " "),
                )
                .fix("mend it; `weir config check` looks again", "改正后用 `weir config check` 再查"),
            );
        }
    }
    findings.extend(machine::look(&args.data));
    findings
}

/// Whoever finds an open server that the Internet reaches can show its streams elsewhere, at the operator's cost.
fn signing(config: &Config) -> Option<Finding> {
    let host = config.server.public_host.as_str();
    let private = match host.parse::<std::net::IpAddr>() {
        Ok(ip) => !crate::net::is_public(ip),
        Err(_) => host.is_empty() || host == "localhost" || host.ends_with(".local"),
    };
    let open = |scheme: Scheme| scheme == Scheme::Open;
    if !private && open(config.push.scheme) {
        return Some(
            Finding::warn(
                "signing",
                format!("anybody can push to {host}"),
                format!("任何人都可以向 {host} 推流"),
            )
            .fix("set push.scheme = \"tencent\"", "设置 push.scheme = \"tencent\""),
        );
    }
    if !private && open(config.play.scheme) {
        return Some(
            Finding::warn(
                "signing",
                format!("anybody can play from {host}, and embed it elsewhere"),
                format!("任何人都可以播放 {host} 的流，也能盗链"),
            )
            .fix(
                "set play.scheme = \"tencent\" if that is not meant",
                "如非本意，设置 play.scheme = \"tencent\"",
            ),
        );
    }
    Some(Finding::ok("signing", "as this network needs it", "符合当前网络的需要"))
}

fn as_json(finding: &Finding, lang: Lang) -> Value {
    let Finding { name, verdict, seen: [en, zh], fix } = finding;
    let fix = fix.as_ref().map(|[en, zh]| lang.pick(en, zh));
    json!({"name": name, "verdict": verdict.name(), "seen": lang.pick(en, zh), "fix": fix})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_server_on_a_public_host_is_warned_of() {
        let of = |text: &str| signing(&Config::from_toml(text).unwrap()).unwrap().verdict;
        assert_eq!(of(""), Verdict::Ok);
        assert_eq!(of("[server]\npublic_host = \"192.168.1.2\""), Verdict::Ok);
        assert_eq!(of("[server]\npublic_host = \"live.example.com\""), Verdict::Warn);
        let signed = "[server]\npublic_host = \"live.example.com\"\n[play]\nscheme = \"tencent\"";
        assert_eq!(of(signed), Verdict::Ok);
    }
}
