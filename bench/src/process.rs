//! What /proc tells of processes and cores (proc(5)).

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What a server has used, its children and threads included.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// User and system time, in seconds.
    pub(crate) cpu: f64,
    /// Resident memory in KB.
    pub(crate) rss_kb: u64,
    /// Open descriptors.
    pub(crate) descriptors: usize,
}

/// Clock ticks of /proc in a second: what `getconf CLK_TCK` says on every Linux of today.
const TICKS: f64 = 100.0;

/// The processes that descend from `root`, and itself.
pub(crate) fn tree(root: u32) -> Vec<u32> {
    let mut of_parent = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let id = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
        if let Some(id) = id
            && let Some(parent) = fields(id).and_then(|fields| fields.get(1)?.parse::<u32>().ok())
        {
            of_parent.push((id, parent));
        }
    }
    let mut found = vec![root];
    let mut known = HashSet::from([root]);
    let mut at = 0;
    while let Some(&parent) = found.get(at) {
        let children = of_parent.iter().filter(|(_, of)| *of == parent).map(|(id, _)| *id);
        found.extend(children.filter(|id| known.insert(*id)).collect::<Vec<_>>());
        at += 1;
    }
    found
}

/// What `root` and its descendants have used.
pub(crate) fn usage(root: u32) -> Usage {
    let mut usage = Usage::default();
    for id in tree(root) {
        usage.cpu += cpu(id);
        usage.rss_kb += rss_kb(id);
        usage.descriptors += fs::read_dir(format!("/proc/{id}/fd")).map_or(0, Iterator::count);
    }
    usage
}

/// What the descendants of `root` and itself have computed; cheaper than `usage`.
pub(crate) fn tree_cpu(root: u32) -> f64 {
    tree(root).into_iter().map(cpu).sum()
}

/// Writes, to sockets and elsewhere, that the descendants of `root` and itself have asked the kernel for: what
/// proc_pid_io(5) counts, so neither send() nor sendmsg().
pub(crate) fn writes(root: u32) -> u64 {
    tree(root).into_iter().map(own_writes).sum()
}

/// Bytes that were written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Written {
    /// To descriptors of all kinds, sockets included.
    pub(crate) asked: u64,
    /// To pages of files that a disk will be sent.
    pub(crate) for_disk: u64,
}

/// What the descendants of `root` and itself have written.
pub(crate) fn written(root: u32) -> Written {
    let tree = tree(root);
    let sum = |name| tree.iter().map(|id| io(*id, name)).sum();
    Written { asked: sum("wchar:"), for_disk: sum("write_bytes:") }
}

/// A disk, with what every process and the file system itself make it do.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Disk {
    /// Bytes that were written to it.
    pub(crate) bytes: u64,
    /// How often it was asked to forget nothing from here on.
    pub(crate) flushes: u64,
}

/// The disk that holds this folder; `None` where the kernel names none, as for a tmpfs.
pub(crate) fn disk(folder: &Path) -> Option<Disk> {
    let number = fs::metadata(folder).ok()?.dev();
    let major = (number >> 8 & 0xfff) | (number >> 32 & !0xfff);
    let minor = (number & 0xff) | (number >> 12 & !0xff);
    let mut device = fs::canonicalize(format!("/sys/dev/block/{major}:{minor}")).ok()?;
    if device.join("partition").exists() {
        // Flushes are counted of whole disks.
        device.pop();
    }
    let stat = fs::read_to_string(device.join("stat")).ok()?;
    let counts: Vec<u64> = stat.split_whitespace().filter_map(|count| count.parse().ok()).collect();
    // The kernel's Documentation/block/stat.rst: sectors are of 512 bytes whatever the disk's are.
    Some(Disk { bytes: counts.get(6)? * 512, flushes: counts.get(15).copied().unwrap_or(0) })
}

/// What this tool has computed, in seconds.
pub(crate) fn own_cpu() -> f64 {
    cpu(std::process::id())
}

/// Seconds in which the cores of this machine were busy since it started.
pub(crate) fn machine_busy() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = stat.lines().next().unwrap_or_default();
    let ticks: Vec<f64> = line.split_whitespace().skip(1).filter_map(|tick| tick.parse().ok()).collect();
    // user, nice, system, idle, iowait, irq, softirq
    [0, 1, 2, 5, 6].iter().filter_map(|&at| ticks.get(at)).sum::<f64>() / TICKS
}

fn cpu(id: u32) -> f64 {
    let Some(fields) = fields(id) else { return 0.0 };
    let ticks = |at: usize| fields.get(at).and_then(|tick| tick.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / TICKS
}

fn rss_kb(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn own_writes(id: u32) -> u64 {
    io(id, "syscw:")
}

/// A count of /proc/ID/io; `name` ends with a colon.
fn io(id: u32, name: &str) -> u64 {
    let io = fs::read_to_string(format!("/proc/{id}/io")).unwrap_or_default();
    let count = io.lines().find_map(|line| line.strip_prefix(name));
    count.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
}

/// The fields of /proc/ID/stat behind the name, which may itself hold spaces: state, parent, ...
fn fields(id: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_in_its_parents_tree_and_holds_memory() {
        let own = std::process::id();
        let parent = fields(own).unwrap()[1].parse().unwrap();
        assert!(tree(parent).contains(&own));
        let usage = usage(own);
        assert!(usage.rss_kb > 100 && usage.descriptors > 2);
    }

    #[test]
    fn a_write_is_counted() {
        let before = own_writes(std::process::id());
        fs::write("/dev/null", "x").unwrap();
        assert!(own_writes(std::process::id()) > before);
    }

    #[test]
    fn bytes_are_counted_as_they_are_written() {
        let before = written(std::process::id());
        fs::write("/dev/null", [0; 5000]).unwrap();
        assert!(written(std::process::id()).asked >= before.asked + 5000);
    }
}
