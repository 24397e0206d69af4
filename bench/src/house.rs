//! Where a run takes place: a network namespace with nothing but a loopback, one core for the tool and others for the
//! server, and priority over whatever else the machine does.
//!
//! A loopback as it comes has segments of 64 KB, which makes the kernel batch for servers that do not; here it has
//! those of a real link. Congestion control is cubic, which is Debian's default.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Tells the tool, once it has started itself anew, what it was granted.
const MARK: &str = "WEIR_BENCH_HOUSE";

/// What this machine permits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct House {
    /// The network is our own.
    pub(crate) isolated: bool,
    /// Server and tool run as SCHED_FIFO.
    pub(crate) first: bool,
    /// A server ends when the tool dies.
    tied: bool,
}

impl House {
    /// Starts this program anew within the house, or finds that it is there.
    pub(crate) fn enter(tool_core: usize) -> Result<Self> {
        if let Ok(mark) = std::env::var(MARK) {
            let granted = |letter| mark.contains(letter);
            let house = Self { isolated: granted('n'), first: granted('f'), tied: granted('t') };
            if house.isolated {
                furnish()?;
            }
            return Ok(house);
        }
        let isolated = works("unshare", &["-n", "true"]);
        let first = works("chrt", &["-f", "5", "true"]);
        let tied = works("setpriv", &["--pdeathsig", "TERM", "true"]);
        let mark: String = [(isolated, 'n'), (first, 'f'), (tied, 't')]
            .iter()
            .filter(|(on, _)| *on)
            .map(|(_, c)| *c)
            .collect();
        let mut words: Vec<String> = Vec::new();
        if isolated {
            words.extend(["unshare", "-n"].map(String::from));
        }
        // The limit of descriptors is raised as far as is permitted; servers inherit it.
        let raise = "ulimit -n 65536 2>/dev/null || ulimit -n $(ulimit -Hn); exec \"$@\"";
        words.extend(["sh", "-c", raise, "sh"].map(String::from));
        if first {
            words.extend(["chrt", "-f", "5"].map(String::from));
        }
        words.extend(["taskset".into(), "-c".into(), tool_core.to_string()]);
        let own = std::env::current_exe()?;
        let error = Command::new(&words[0])
            .args(&words[1..])
            .arg(own)
            .args(std::env::args_os().skip(1))
            .env(MARK, mark)
            .exec();
        Err(error).context("starting anew in a namespace of its own")
    }

    /// A command that runs on these cores and ends with the tool. What is not `steady` has the highest of the usual
    /// priorities and no real-time one.
    pub(crate) fn on_cores(&self, cores: &str, steady: bool) -> Vec<String> {
        let mut words: Vec<String> = Vec::new();
        if self.tied {
            words.extend(["setpriv", "--pdeathsig", "TERM"].map(String::from));
        }
        if self.first {
            let how: &[&str] =
                if steady { &["chrt", "-f", "5"] } else { &["chrt", "-o", "0", "nice", "-n", "-20"] };
            words.extend(how.iter().copied().map(String::from));
        }
        words.extend(["taskset", "-c", cores].map(String::from));
        words
    }

    /// What could not be had, in words.
    pub(crate) fn shortcomings(&self) -> Vec<&'static str> {
        let mut lacking = Vec::new();
        if !self.isolated {
            lacking.push(
                "no network namespace (needs root): the loopback keeps its MTU and congestion control, so small \
                 writes look cheaper than they are",
            );
        }
        if !self.first {
            lacking.push("no SCHED_FIFO: what else runs on this machine changes the numbers");
        }
        lacking
    }
}

fn furnish() -> Result<()> {
    run("ip", &["link", "set", "lo", "up", "mtu", "1500"])?;
    std::fs::write("/proc/sys/net/ipv4/ip_local_port_range", "20000 65000")?;
    for net in ["127.0.0.0/8", "127.0.0.1"] {
        let route = ["route", "change", "local", net, "dev", "lo", "table", "local", "proto", "kernel"];
        let how = ["scope", "host", "src", "127.0.0.1", "congctl", "cubic"];
        run("ip", &[&route[..], &how[..]].concat())?;
    }
    Ok(())
}

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let output = Command::new(program).args(arguments).output().with_context(|| program.to_owned())?;
    if !output.status.success() {
        bail!("{program} {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

fn works(program: &str, arguments: &[&str]) -> bool {
    let status = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}
