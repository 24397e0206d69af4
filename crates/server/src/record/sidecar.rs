//! The small file that lies beside the files of a recording and says what they do not: which stream it was, when each
//! part began by the calendar, why it ended. With it the index can be made again.

use std::path::Path;

use serde::Deserialize;

use crate::secrets::{write_at_once, write_whole};
use crate::store::{Format, Recording, State};

/// Its name.
pub(super) const FILE: &str = "recording.toml";

const HEADER: &str = "# Weir 的录制信息，供重建索引使用。 What Weir knows of this recording, for the index to be made again.\n";

/// Longest that is read, in bytes: some hundred bytes for each part.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// What it says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) struct Sidecar {
    pub(super) id: String,
    pub(super) app: String,
    pub(super) stream: String,
    pub(super) started_ms: i64,
    pub(super) ended_ms: Option<i64>,
    pub(super) state: String,
    pub(super) reason: String,
    pub(super) gaps: u64,
    #[serde(default)]
    pub(super) hidden: bool,
    pub(super) expires_ms: Option<i64>,
    pub(super) retention_days: u32,
    pub(super) formats: Vec<String>,
    #[serde(default, rename = "part")]
    pub(super) parts: Vec<PartNote>,
}

/// What it says about a part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) struct PartNote {
    pub(super) number: u32,
    pub(super) wall_ms: i64,
    pub(super) start_ms: u64,
    /// Known when the part is complete.
    pub(super) duration_ms: Option<u64>,
    pub(super) codecs: String,
}

impl Sidecar {
    /// What is to be said of a recording.
    pub(super) fn of(recording: &Recording, formats: &[Format], retention_days: u32) -> Sidecar {
        Sidecar {
            id: recording.id.clone(),
            app: recording.app.clone(),
            stream: recording.stream.clone(),
            started_ms: recording.started_ms,
            ended_ms: recording.ended_ms,
            state: recording.state.word().to_owned(),
            reason: recording.reason.clone(),
            gaps: recording.gaps,
            hidden: recording.hidden,
            expires_ms: recording.expires_ms,
            retention_days,
            formats: formats.iter().map(|format| format.word().to_owned()).collect(),
            parts: Vec::new(),
        }
    }

    /// Brings it up to date with a recording.
    pub(super) fn update(&mut self, recording: &Recording) {
        recording.state.word().clone_into(&mut self.state);
        self.reason.clone_from(&recording.reason);
        (self.ended_ms, self.gaps) = (recording.ended_ms, recording.gaps);
        (self.hidden, self.expires_ms) = (recording.hidden, recording.expires_ms);
    }

    /// Where the recording is in its life.
    pub(super) fn state(&self) -> State {
        State::of_word(&self.state).unwrap_or(State::Failed)
    }

    /// The formats that were asked for.
    pub(super) fn formats(&self) -> Vec<Format> {
        self.formats.iter().filter_map(|word| Format::of_word(word)).collect()
    }

    /// Reads the one of a folder; `None` when there is none that can be read.
    pub(super) fn read(folder: &Path) -> Option<Sidecar> {
        let path = folder.join(FILE);
        if std::fs::metadata(&path).ok()?.len() > MAX_BYTES {
            return None;
        }
        toml::from_str(&std::fs::read_to_string(path).ok()?).ok()
    }

    /// Writes it, whole or not at all.
    pub(super) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        write_whole(&folder.join(FILE), &self.text(), 0o600)
    }

    /// The same without waiting for the disk: a power cut may take it.
    pub(super) fn write_at_once(&self, folder: &Path) -> anyhow::Result<()> {
        write_at_once(&folder.join(FILE), &self.text(), 0o600)
    }

    fn text(&self) -> String {
        use toml::{Table, Value};
        let number = |value: u64| Value::Integer(i64::try_from(value).unwrap_or(i64::MAX));
        let mut table = Table::new();
        let mut set = |name: &str, value: Value| {
            table.insert(name.to_owned(), value);
        };
        set("id", self.id.as_str().into());
        set("app", self.app.as_str().into());
        set("stream", self.stream.as_str().into());
        set("started_ms", self.started_ms.into());
        set("state", self.state.as_str().into());
        set("reason", self.reason.as_str().into());
        set("gaps", number(self.gaps));
        set("hidden", self.hidden.into());
        set("retention_days", self.retention_days.into());
        set("formats", self.formats.clone().into());
        for (name, value) in [("ended_ms", self.ended_ms), ("expires_ms", self.expires_ms)] {
            if let Some(value) = value {
                set(name, value.into());
            }
        }
        let part = |part: &PartNote| {
            let mut table = Table::new();
            table.insert("number".into(), part.number.into());
            table.insert("wall_ms".into(), part.wall_ms.into());
            table.insert("start_ms".into(), number(part.start_ms));
            if let Some(duration) = part.duration_ms {
                table.insert("duration_ms".into(), number(duration));
            }
            table.insert("codecs".into(), part.codecs.as_str().into());
            Value::Table(table)
        };
        if !self.parts.is_empty() {
            set("part", Value::Array(self.parts.iter().map(part).collect()));
        }
        format!("{HEADER}{table}")
    }
}

/// Notes in the folder of a recording that is over whether it is hidden.
pub(super) fn set_hidden(folder: &Path, hidden: bool) -> anyhow::Result<()> {
    match Sidecar::read(folder) {
        Some(sidecar) => Sidecar { hidden, ..sidecar }.write(folder),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn what_is_written_is_read() {
        let scratch = Scratch::new();
        let sidecar = Sidecar {
            id: "0".repeat(24),
            app: "a \"b\"\n[x]".into(),
            stream: "直播".into(),
            started_ms: -5,
            ended_ms: Some(7),
            state: "finished".into(),
            reason: "ended".into(),
            gaps: 3,
            hidden: true,
            expires_ms: None,
            retention_days: 7,
            formats: vec!["fmp4".into(), "flv".into()],
            parts: vec![
                PartNote { number: 1, wall_ms: 9, start_ms: 0, duration_ms: Some(4), codecs: "avc1".into() },
                PartNote { number: 2, wall_ms: 13, start_ms: 4, duration_ms: None, codecs: String::new() },
            ],
        };
        sidecar.write(scratch.path()).unwrap();
        assert_eq!(Sidecar::read(scratch.path()), Some(sidecar));
        std::fs::write(scratch.path().join(FILE), "id = 1").unwrap();
        assert_eq!(Sidecar::read(scratch.path()), None);
    }
}
