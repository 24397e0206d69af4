//! What the system says of this process. Only Linux says it in `/proc`; elsewhere the figures are left out.

use std::fs;

/// Ticks per second in `/proc/self/stat`. The kernel's interface has them at 100 whatever its own clock does.
const TICKS: f64 = 100.0;

/// Figures of a process.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Process {
    /// Memory in use, in bytes.
    pub(super) resident_bytes: Option<u64>,
    /// Processor time used since its start, in seconds.
    pub(super) cpu_seconds: Option<f64>,
    /// Open descriptors.
    pub(super) fds: Option<u64>,
    /// Most descriptors that it may open.
    pub(super) max_fds: Option<u64>,
    /// Threads.
    pub(super) threads: Option<u64>,
}

impl Process {
    /// This process.
    pub(super) fn own() -> Process {
        let read = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).ok();
        let status = read("status");
        let status = status.as_deref();
        Process {
            resident_bytes: status.and_then(|text| field(text, "VmRSS:")).map(|kilobytes| kilobytes * 1024),
            cpu_seconds: read("stat").as_deref().and_then(cpu_seconds),
            fds: fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as u64),
            max_fds: read("limits").as_deref().and_then(max_fds),
            threads: status.and_then(|text| field(text, "Threads:")),
        }
    }
}

fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn cpu_seconds(stat: &str) -> Option<f64> {
    // The second field is the program's name in brackets, which may itself hold blanks and brackets. Counted from
    // the third, user and system time are the 12th and 13th.
    let mut rest = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: f64 = rest.next()?.parse().ok()?;
    let system: f64 = rest.next()?.parse().ok()?;
    Some((user + system) / TICKS)
}

fn max_fds(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_with_brackets_in_its_name_is_read() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 10 0 0 0 250 50 0 0 20 0 4 0 100 1000 10";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!(cpu_seconds("7 (weir"), None);
    }

    #[test]
    fn the_tables_of_proc_are_read() {
        assert_eq!(field("VmPeak:\t  20 kB\nVmRSS:\t  1234 kB\nThreads:\t7\n", "VmRSS:"), Some(1234));
        let limits = "Limit     Soft Limit   Hard Limit  Units\nMax open files            1024                 4096                 files\n";
        assert_eq!(max_fds(limits), Some(1024));
    }

    #[test]
    fn this_process_has_memory_and_descriptors() {
        let own = Process::own();
        assert!(own.resident_bytes.is_some_and(|bytes| bytes > 100_000), "{own:?}");
        assert!(
            own.fds.is_some_and(|fds| fds > 0) && own.threads.is_some_and(|threads| threads > 0),
            "{own:?}"
        );
    }
}
