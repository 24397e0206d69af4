//! The machine: descriptors, the kernel's queue, the clock, the data folder, the disk, IPv6.

use std::fs::{self, OpenOptions};
use std::net::{Ipv6Addr, UdpSocket};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::process::{Resource, getrlimit};

use super::Finding;
use crate::clock::Clock;
use crate::config::Config;
use crate::secrets::Secrets;
use crate::snapshot;
use crate::time::{days_from_civil, rfc3339};

/// Descriptors beside those of the connections: listeners, files, threads' own.
const SPARE_DESCRIPTORS: u64 = 200;

/// Descriptors that a show without a bound should have: one per viewer.
const COMFORTABLE: u64 = 65_536;

/// What listeners ask for; the kernel gives no more than its own bound.
const BACKLOG: u64 = 4_096;

/// Years that a clock can show; outside them it is not set.
const YEARS: std::ops::Range<i64> = 2025..2100;

/// Seconds that a file may come from the future: file servers have clocks of their own.
const SKEW_SECONDS: i64 = 120;

/// Free space below which something is wrong. Weir itself writes little: secrets, keys, forbids.
const DISK_LOW: u64 = 100 << 20;
const DISK_FULL: u64 = 1 << 20;

/// What the configuration asks of the machine.
pub(super) fn limits(config: &Config) -> Vec<Finding> {
    let soft = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let mut findings = vec![descriptors(soft, config)];
    let known = fs::read_to_string("/proc/sys/net/core/somaxconn").ok();
    findings.extend(known.and_then(|text| text.trim().parse().ok()).map(queue));
    findings
}

/// What every server asks of it.
pub(super) fn look(data: &Path) -> Vec<Finding> {
    let now = Clock::system().unix_seconds();
    let newest = ["secrets.toml", "keys.toml", "weir.toml"].iter().filter_map(|name| {
        let path = data.join(name);
        let changed = fs::metadata(&path).and_then(|found| found.modified()).ok()?;
        let seconds = changed.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Some((i64::try_from(seconds).unwrap_or(i64::MAX), path))
    });
    let mut findings = vec![clock(now, newest.max()), folder(data), secrets(data)];
    findings.extend(disk(data));
    findings.push(ipv6());
    findings
}

/// What makes pictures of streams. Without it the show goes on.
pub(super) fn pictures(config: &Config) -> Option<Finding> {
    let wanted = config.snapshot.ffmpeg.as_str();
    if wanted.is_empty() {
        return None;
    }
    Some(match snapshot::find(wanted) {
        Some(path) => {
            let shown = path.display().to_string();
            Finding::ok("snapshots", shown.clone(), shown)
        }
        None => Finding::warn(
            "snapshots",
            format!("{wanted:?} is not there or cannot be run: no snapshots and no covers"),
            format!("{wanted:?} 不存在或无法运行：没有截图和封面"),
        )
        .fix(
            "install ffmpeg (apt-get install ffmpeg), set snapshot.ffmpeg to where it is, or to \"\" to do without",
            "安装 ffmpeg（apt-get install ffmpeg），或用 snapshot.ffmpeg 指明位置；不需要则设为 \"\"",
        ),
    })
}

fn descriptors(soft: u64, config: &Config) -> Finding {
    let connections = config.limits.max_connections as u64;
    let need = connections.max(config.limits.max_streams as u64).saturating_add(SPARE_DESCRIPTORS);
    let seen = if soft == u64::MAX { "unlimited".to_owned() } else { soft.to_string() };
    let fix = |finding: Finding, count: u64| {
        finding.fix(
            format!("`ulimit -n {count}` before the start, or LimitNOFILE={count} in the systemd unit"),
            format!("启动前执行 `ulimit -n {count}`，或在 systemd 单元里写 LimitNOFILE={count}"),
        )
    };
    if connections > 0 && soft < need {
        let finding = Finding::fail(
            "open files",
            format!("ulimit -n is {seen}, and limits.max_connections = {connections} needs {need}"),
            format!("ulimit -n 为 {seen}，而 limits.max_connections = {connections} 需要 {need}"),
        );
        return fix(finding, need);
    }
    if soft < COMFORTABLE.max(need) && connections == 0 {
        let finding = Finding::warn(
            "open files",
            format!("ulimit -n is {seen}; every viewer takes one"),
            format!("ulimit -n 为 {seen}；每个观众占一个"),
        );
        return fix(finding, 1_048_576);
    }
    Finding::ok("open files", format!("ulimit -n is {seen}"), format!("ulimit -n 为 {seen}"))
}

fn queue(somaxconn: u64) -> Finding {
    let seen = format!("net.core.somaxconn = {somaxconn}");
    if somaxconn >= BACKLOG {
        return Finding::ok("accept queue", seen.clone(), seen);
    }
    Finding::warn(
        "accept queue",
        format!("{seen}: more viewers than that in one instant are refused by the kernel"),
        format!("{seen}：同一瞬间到来的观众超过此数会被内核拒绝"),
    )
    .fix(
        format!("sysctl -w net.core.somaxconn={BACKLOG}"),
        format!("执行 sysctl -w net.core.somaxconn={BACKLOG}"),
    )
}

fn clock(now: i64, newest: Option<(i64, PathBuf)>) -> Finding {
    let seen = rfc3339(now.saturating_mul(1_000));
    let first = days_from_civil(YEARS.start, 1, 1) * 86_400;
    let last = days_from_civil(YEARS.end, 1, 1) * 86_400;
    let fix = |finding: Finding| {
        finding.fix(
            "set the clock and keep it with NTP (timedatectl set-ntp true): signed addresses end by it",
            "校准时钟并启用 NTP（timedatectl set-ntp true）：签名地址按它过期",
        )
    };
    if !(first..last).contains(&now) {
        return fix(Finding::fail("clock", format!("the clock says {seen}"), format!("系统时间为 {seen}")));
    }
    match newest {
        Some((changed, path)) if changed > now.saturating_add(SKEW_SECONDS) => fix(Finding::fail(
            "clock",
            format!("the clock says {seen}, before {} was written", path.display()),
            format!("系统时间为 {seen}，早于 {} 的写入时间", path.display()),
        )),
        _ => Finding::ok("clock", seen.clone(), seen),
    }
}

/// The folder, or the nearest one above that is there.
fn nearest(data: &Path) -> PathBuf {
    let found = data.ancestors().find(|path| path.exists());
    match found {
        Some(path) if !path.as_os_str().is_empty() => path.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn folder(data: &Path) -> Finding {
    let there = nearest(data);
    let nonce = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().subsec_nanos();
    let file = there.join(format!(".weir-doctor-{}-{nonce}", std::process::id()));
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file);
    match written {
        Ok(_) => {
            // Nothing is in it; where it cannot be removed it harms nobody.
            let _ = fs::remove_file(&file);
            let shown = data.display();
            match there == data {
                true => {
                    Finding::ok("data folder", format!("{shown} can be written"), format!("{shown} 可写"))
                }
                false => Finding::ok(
                    "data folder",
                    format!("{shown} is made at the first start"),
                    format!("{shown} 会在首次启动时创建"),
                ),
            }
        }
        Err(error) => Finding::fail(
            "data folder",
            format!("cannot write in {}: {error}", there.display()),
            format!("无法写入 {}：{error}", there.display()),
        )
        .fix(
            "make it writable for the user that runs weir, or choose another with --data",
            "让运行 weir 的用户可写，或用 --data 换一个目录",
        ),
    }
}

fn secrets(data: &Path) -> Finding {
    let path = Secrets::path(data);
    let shown = path.display();
    let Ok(found) = fs::metadata(&path) else {
        return Finding::ok(
            "secrets",
            format!("{shown} is made at the first start"),
            format!("{shown} 会在首次启动时生成"),
        );
    };
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Finding::fail(
            "secrets",
            format!("{shown} has mode {mode:04o}: other users of this machine can read it"),
            format!("{shown} 的权限为 {mode:04o}：本机其他用户可读"),
        )
        .fix(format!("chmod 600 {shown}"), format!("执行 chmod 600 {shown}"));
    }
    match Secrets::read(data) {
        Ok(_) => Finding::ok("secrets", format!("{shown} ({mode:04o})"), format!("{shown}（{mode:04o}）")),
        Err(error) => Finding::fail("secrets", format!("{error:#}"), format!("无法读取：{error:#}")).fix(
            "restore the file, or delete it to have new keys made: old addresses end then",
            "恢复该文件；或删除它以重新生成密钥，旧地址随即失效",
        ),
    }
}

fn disk(data: &Path) -> Option<Finding> {
    let stat = rustix::fs::statvfs(nearest(data)).ok()?;
    Some(space(stat.f_bavail.saturating_mul(stat.f_frsize)))
}

fn space(free: u64) -> Finding {
    let seen = [format!("{} MiB free", free >> 20), format!("剩余 {} MiB", free >> 20)];
    let [en, zh] = seen;
    let finding = match free {
        ..DISK_FULL => Finding::fail("disk", en, zh),
        DISK_FULL..DISK_LOW => Finding::warn("disk", en, zh),
        _ => return Finding::ok("disk", en, zh),
    };
    finding.fix("make room, for keys and for the log", "请腾出空间，存放密钥和日志")
}

fn ipv6() -> Finding {
    match UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)) {
        Ok(_) => Finding::ok("IPv6", "available", "可用"),
        Err(_) => Finding::warn(
            "IPv6",
            "not available; listeners on [::] take IPv4 only",
            "不可用；监听 [::] 时只接受 IPv4",
        )
        .fix(
            "nothing, unless viewers have IPv6 only, as in some mobile networks",
            "除非有只用 IPv6 的观众（如部分移动网络），否则无需处理",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn descriptors_must_do_for_what_was_promised() {
        let promised = Config::from_toml("[limits]\nmax_connections = 5000").unwrap();
        assert_eq!(descriptors(1_024, &promised).verdict, Verdict::Fail);
        assert_eq!(descriptors(5_200, &promised).verdict, Verdict::Ok);
        assert_eq!(descriptors(1_024, &Config::defaults()).verdict, Verdict::Warn);
        assert_eq!(descriptors(u64::MAX, &Config::defaults()).verdict, Verdict::Ok);
    }

    #[test]
    fn a_clock_that_is_not_set_is_found_out() {
        let now = 1_790_000_000;
        let file = |seconds| Some((seconds, PathBuf::from("secrets.toml")));
        assert_eq!(clock(now, file(now - 5)).verdict, Verdict::Ok);
        assert_eq!(clock(0, None).verdict, Verdict::Fail);
        assert_eq!(clock(5_000_000_000, None).verdict, Verdict::Fail);
        assert_eq!(clock(now, file(now + 3_600)).verdict, Verdict::Fail);
    }

    #[test]
    fn a_short_queue_and_a_full_disk_are_told() {
        assert_eq!(queue(128).verdict, Verdict::Warn);
        assert_eq!(queue(4_096).verdict, Verdict::Ok);
        assert_eq!(space(0).verdict, Verdict::Fail);
        assert_eq!(space(50 << 20).verdict, Verdict::Warn);
        assert_eq!(space(1 << 40).verdict, Verdict::Ok);
    }
}
