//! The streams that were forbidden while the server ran. They are kept in a file, and hold after a restart too.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use control::forbid::{ForbidError, Forbidden};
use serde::Deserialize;

use super::keys::quoted;
use crate::admission::Admission;
use crate::secrets::write_whole;

const HEADER: &str =
    "# 通过 API 禁播的流；由服务器维护。 Streams forbidden over the API; the server keeps this file.\n";

/// The list, and where it is kept.
#[derive(Debug)]
pub struct Forbids {
    path: Option<PathBuf>,
    kept: Mutex<BTreeMap<(String, String), (i64, String)>>,
}

/// Why a change was not made, or not kept.
#[derive(Debug)]
pub enum Failed {
    /// It cannot be on the list.
    Refused(ForbidError),
    /// It is in force until the server ends: the file cannot be written.
    NotKept(anyhow::Error),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    forbid: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    app: String,
    stream: String,
    /// Seconds since 1970; left out for ever.
    until: Option<i64>,
    #[serde(default)]
    reason: String,
}

impl Forbids {
    /// The list of a data folder, without what is over. A file that cannot be read is an error: a server that started
    /// without it would let in whom the operator has shut out.
    pub fn open(data: Option<&Path>, unix_seconds: i64) -> anyhow::Result<Forbids> {
        let path = data.map(|data| data.join("forbidden.toml"));
        let mut kept = BTreeMap::new();
        if let Some(path) = &path {
            for Entry { app, stream, until, reason } in read(path)? {
                let until = until.unwrap_or(i64::MAX);
                if unix_seconds < until {
                    kept.insert((app, stream), (until, reason));
                }
            }
        }
        Ok(Forbids { path, kept: Mutex::new(kept) })
    }

    /// Puts the whole list into force.
    pub fn enforce(&self, admission: &Admission) {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        admission.change(|authority| {
            for ((app, stream), (until, reason)) in kept.iter() {
                if let Err(error) = authority.forbid(app, stream, *until, reason) {
                    tracing::warn!(app, stream, %error, "forbidden.toml: an entry is without effect");
                }
            }
        });
    }

    /// Forbids a stream, at once and from now on.
    pub fn forbid(&self, admission: &Admission, entry: &Forbidden, unix_seconds: i64) -> Result<(), Failed> {
        let Forbidden { app, stream, until, reason } = entry;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut done = Ok(());
        admission.change(|authority| {
            authority.expire(unix_seconds);
            done = authority.forbid(app, stream, *until, reason);
        });
        done.map_err(Failed::Refused)?;
        kept.retain(|_, (until, _)| unix_seconds < *until);
        kept.insert((app.clone(), stream.clone()), (*until, reason.clone()));
        self.write(&kept).map_err(Failed::NotKept)
    }

    /// Allows a stream again. Returns whether it was forbidden. What the configuration forbids is forbidden again at
    /// the next start.
    pub fn resume(&self, admission: &Admission, app: &str, stream: &str) -> Result<bool, Failed> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut was = false;
        admission.change(|authority| was = authority.resume(app, stream));
        if kept.remove(&(app.to_owned(), stream.to_owned())).is_some() {
            self.write(&kept).map_err(Failed::NotKept)?;
        }
        Ok(was)
    }

    fn write(&self, kept: &BTreeMap<(String, String), (i64, String)>) -> anyhow::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let mut text = HEADER.to_owned();
        for ((app, stream), (until, reason)) in kept {
            // Writing to a string cannot fail.
            let _ = write!(text, "\n[[forbid]]\napp = {}\nstream = {}\n", quoted(app), quoted(stream));
            if *until != i64::MAX {
                let _ = writeln!(text, "until = {until}");
            }
            let _ = writeln!(text, "reason = {}", quoted(reason));
        }
        write_whole(path, &text, 0o600)
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<Entry>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let file: File = toml::from_str(&text).map_err(|error| {
        anyhow::anyhow!(
            "{} is damaged: {}. Put it right, or delete it to allow its streams again",
            path.display(),
            error.message()
        )
    })?;
    Ok(file.forbid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::config::Config;
    use crate::scratch::Scratch;
    use crate::secrets::{Secret, Secrets};

    fn admission() -> Admission {
        let secrets =
            Secrets { push_key: Secret::new("k"), play_key: Secret::new("l"), ..Secrets::default() };
        Admission::new(&Config::defaults(), &secrets, Clock::system()).unwrap()
    }

    fn entry(stream: &str, until: i64, reason: &str) -> Forbidden {
        Forbidden { app: "live".into(), stream: stream.into(), until, reason: reason.into() }
    }

    fn listed(admission: &Admission) -> Vec<Forbidden> {
        let mut found = Vec::new();
        admission.change(|authority| found = authority.forbidden(0));
        found
    }

    #[test]
    fn the_list_is_the_same_after_a_restart_without_what_is_over() {
        let scratch = Scratch::new();
        let (first, data) = (admission(), Some(scratch.path()));
        let forbids = Forbids::open(data, 0).unwrap();
        let all = [entry("a", i64::MAX, "say \"no\"\\ 不"), entry("b", 100, ""), entry("c", 200, "x")];
        for one in &all {
            forbids.forbid(&first, one, 0).unwrap();
        }
        assert_eq!(listed(&first), all);
        assert!(forbids.resume(&first, "live", "c").unwrap());
        assert!(!forbids.resume(&first, "live", "c").unwrap());
        let second = admission();
        Forbids::open(data, 99).unwrap().enforce(&second);
        assert_eq!(listed(&second), all[..2]);
        let third = admission();
        Forbids::open(data, 100).unwrap().enforce(&third);
        assert_eq!(listed(&third), all[..1]);
    }

    #[test]
    fn a_bad_name_changes_nothing_and_a_damaged_file_stops_the_start() {
        let scratch = Scratch::new();
        let data = Some(scratch.path());
        let forbids = Forbids::open(data, 0).unwrap();
        let bad = forbids.forbid(&admission(), &entry("..", 100, ""), 0);
        assert!(matches!(bad, Err(Failed::Refused(_))));
        let file = scratch.path().join("forbidden.toml");
        assert!(!file.exists());
        fs::write(&file, "[[forbid]]\napp = 3\n").unwrap();
        let error = Forbids::open(data, 0).unwrap_err().to_string();
        assert!(error.contains("forbidden.toml is damaged"), "{error}");
    }
}
