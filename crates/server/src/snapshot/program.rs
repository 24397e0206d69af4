//! Where ffmpeg is.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// The program that a name or a path means, as an absolute path. None when it is not there or cannot be run.
pub fn find(program: &str) -> Option<PathBuf> {
    search(program, std::env::var_os("PATH").as_deref())
}

fn search(program: &str, folders: Option<&OsStr>) -> Option<PathBuf> {
    if program.is_empty() {
        return None;
    }
    if program.contains('/') {
        return std::path::absolute(program).ok().filter(|path| can_run(path));
    }
    // A relative folder would mean another place to a child, which starts elsewhere.
    let folders = std::env::split_paths(folders?).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(program)).find(|path| can_run(path))
}

fn can_run(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_looked_for_and_a_path_is_not() {
        let folders = Some(OsStr::new("relative:/nowhere:/bin:/usr/bin"));
        assert!(search("sh", folders).is_some_and(|path| path.is_absolute() && path.ends_with("sh")));
        assert_eq!(search("/bin/sh", None), Some("/bin/sh".into()));
        for absent in ["", "no-such-program", "/bin/no-such-program", "/bin", "/etc/passwd"] {
            assert_eq!(search(absent, folders), None, "{absent}");
        }
    }
}
