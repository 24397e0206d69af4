//! Why a database cannot be opened: whose fault it is, and what to do.
//!
//! Rooms, chat, gifts and webhooks are nowhere else, so nothing here tells anybody to throw the file away.

use std::path::Path;

use sqlx::migrate::MigrateError;

use crate::told::told;

/// SQLite's codes of files that are damaged, or no database at all.
const CORRUPT: i32 = 11;
const NOT_A_DATABASE: i32 = 26;

/// What to tell whoever wants the database at `path`.
pub(super) fn refusal(path: &Path, error: impl Into<MigrateError>) -> anyhow::Error {
    let (error, path) = (error.into(), path.display());
    match &error {
        MigrateError::VersionMissing(number) | MigrateError::VersionMismatch(number) => told(
            format!(
                "{path} was written by a newer Weir than this one, {}: run that version, or put back a backup of before (migration {number}; the file is as it was)",
                env!("CARGO_PKG_VERSION")
            ),
            format!(
                "{path} 由比本程序（{}）更新的 Weir 写过：请运行那个版本，或恢复升级前的备份（迁移 {number}；文件未改动）",
                env!("CARGO_PKG_VERSION")
            ),
        ),
        MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _) if is_damage(cause) => told(
            format!(
                "{path} is damaged: stop Weir, move the file away with its -wal and -shm, and put back a backup. Without one, recordings can be listed anew from their files with `weir recordings reindex`, but rooms, chat, gifts and webhooks are only in this file: keep it ({error})"
            ),
            format!(
                "{path} 已损坏：请停止 Weir，把它连同 -wal、-shm 一起移走，再恢复备份。没有备份时，录制列表可用 `weir recordings reindex` 由文件重建，但房间、聊天、礼物和事件通知只在此文件中，请保留它（{error}）"
            ),
        ),
        _ => told(
            format!(
                "cannot open {path}: see that its disk is good and has room, and that Weir's user can write the file and its folder ({error})"
            ),
            format!(
                "无法打开 {path}：请检查磁盘是否正常、有空间，以及 Weir 的用户能否写该文件和目录（{error}）"
            ),
        ),
    }
}

fn is_damage(cause: &sqlx::Error) -> bool {
    let code = cause.as_database_error().and_then(|error| error.code()?.parse::<i32>().ok());
    // The lowest byte is the kind; the rest says where.
    code.is_some_and(|code| matches!(code & 0xff, CORRUPT | NOT_A_DATABASE))
}
