//! Why a recording cannot be written, as the operator is told.

use std::fmt;
use std::io::{self, ErrorKind};

/// What is wrong with the folder of recordings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// No space, or less than `recordings.min_free_mb`.
    DiskFull,
    /// The file system takes no writes.
    ReadOnly,
    /// Something else, in the system's words.
    Io(String),
    /// A bug in Weir, which is no reason to record nothing else.
    Panic,
}

impl Failure {
    /// All words for programs.
    pub(super) const CODES: [&str; 4] = ["disk_full", "read_only", "io_error", "internal_error"];

    /// Its word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Failure::DiskFull => "disk_full",
            Failure::ReadOnly => "read_only",
            Failure::Io(_) => "io_error",
            Failure::Panic => "internal_error",
        }
    }

    /// The reason in Chinese.
    pub fn message_zh(&self) -> String {
        match self {
            Failure::DiskFull => {
                "录制目录所在的磁盘已满：请释放空间，或换目录（recordings.dir）；空间足够后自动恢复录制"
                    .into()
            }
            Failure::ReadOnly => "录制目录只读：请检查磁盘和挂载选项；可写后自动恢复录制".into(),
            Failure::Io(why) => format!("录制目录写入失败（{why}）：请检查磁盘；可写后自动恢复录制"),
            Failure::Panic => "Weir 内部错误：请查看日志并报告；该流下播再开播后才会重新录制".into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::DiskFull => f.write_str(
                "the disk of recordings is full: free some space or set recordings.dir; recording goes on by itself when there is enough",
            ),
            Failure::ReadOnly => f.write_str(
                "the folder of recordings cannot be written: see how it is mounted; recording goes on by itself when it can",
            ),
            Failure::Io(why) => write!(
                f,
                "the folder of recordings takes no data ({why}): see the disk; recording goes on by itself when it does"
            ),
            Failure::Panic => f.write_str(
                "a bug in Weir ended the recording: see the log and report it; the stream is recorded again when it comes back on air",
            ),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Failure::DiskFull,
            ErrorKind::ReadOnlyFilesystem => Failure::ReadOnly,
            _ => Failure::Io(error.to_string()),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        let io = error.chain().find_map(|cause| cause.downcast_ref::<io::Error>());
        match io.map(io::Error::kind) {
            Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => Failure::DiskFull,
            Some(ErrorKind::ReadOnlyFilesystem) => Failure::ReadOnly,
            _ => Failure::Io(format!("{error:#}")),
        }
    }
}
