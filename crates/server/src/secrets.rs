//! The secrets of this server: made at the first start, kept in one file, never shown again.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown,
};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;

use crate::told::told;

/// Random bytes in a generated secret; it is written as twice as many hexadecimal digits.
const SECRET_BYTES: usize = 20;

/// A user and a group.
type Owner = (u32, u32);

/// The user who may read everything, and give files away.
const ROOT: u32 = 0;

const HEADER: &str = "# 推流、播放、用户令牌签名的密钥。不要公开；删除后会重新生成，旧地址和旧令牌随即失效。\n\
     # Keys that sign push and play addresses and tokens of users. Keep them to yourself; if you delete this file, new ones\n\
     # are made, and old addresses and tokens end.\n";

/// A text that must not be printed by accident: its `Debug` is a mask, and it has no `Display`.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text`.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn generate() -> anyhow::Result<Secret> {
        let mut bytes = [0; SECRET_BYTES];
        getrandom::fill(&mut bytes).context("the system gives no random numbers")?;
        Ok(Secret(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "(none)" } else { "********" })
    }
}

/// The generated secrets.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    /// Signs push addresses, unless a domain has a key of its own.
    pub push_key: Secret,
    /// Signs play addresses, unless a domain has a key of its own.
    pub play_key: Secret,
    /// Signs tokens of users. Files of older servers have none until it is added; where it cannot be written, it stays empty.
    #[serde(default)]
    pub user_key: Secret,
}

impl Secrets {
    /// Where they are in a data folder.
    pub fn path(data: &Path) -> PathBuf {
        data.join("secrets.toml")
    }

    /// Reads them; `None` when there are none yet. A file of an older server is given the key that it lacks.
    pub fn load(data: &Path) -> anyhow::Result<Option<Secrets>> {
        let Some(secrets) = Secrets::read(data)? else { return Ok(None) };
        if !secrets.user_key.is_empty() {
            return Ok(Some(secrets));
        }
        match Secrets::complete(data) {
            Ok(completed) => Ok(completed),
            Err(error) => {
                tracing::warn!("there is no key for tokens of users, and none can be added: {error:#}");
                Ok(Some(secrets))
            }
        }
    }

    /// Adds a key for tokens to a file without one: under a lock, because two that do so at once would have two keys.
    fn complete(data: &Path) -> anyhow::Result<Option<Secrets>> {
        let path = Secrets::path(data);
        let folder = File::open(data)?;
        folder.lock()?;
        let Some(mut secrets) = Secrets::read(data)?.filter(|secrets| secrets.user_key.is_empty()) else {
            return Secrets::read(data);
        };
        secrets.user_key = Secret::generate()?;
        let text = fs::read_to_string(&path)?;
        // An empty key would be there twice.
        let others = text.lines().filter(|line| !line.trim_start().starts_with("user_key"));
        let mut text: String = others.map(|line| format!("{line}\n")).collect();
        text.push_str(&format!("user_key = \"{}\"\n", secrets.user_key.expose()));
        write_whole(&path, &text, fs::metadata(&path)?.mode() & 0o777)?;
        Ok(Some(secrets))
    }

    /// Reads them as they are; `None` when there are none yet.
    pub fn read(data: &Path) -> anyhow::Result<Option<Secrets>> {
        let path = Secrets::path(data);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            // Where a file stands in the folder's place, the attempt to make the folder will tell.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(cannot_read(&path, &error)),
        };
        // The parser's own message quotes the line, which holds a secret; only what it expected is passed on.
        let shown = path.display();
        let secrets: Secrets = toml::from_str(&text).map_err(|_| {
            told(
                format!("{shown} is damaged: it must hold push_key = \"...\" and play_key = \"...\". Restore it, or delete it to have new keys made"),
                format!("{shown} 已损坏：其中应有 push_key = \"...\" 和 play_key = \"...\"。请恢复它，或删除后重新生成密钥"),
            )
        })?;
        for (name, secret) in [("push_key", &secrets.push_key), ("play_key", &secrets.play_key)] {
            if secret.is_empty() {
                return Err(told(
                    format!("{shown}: {name} is empty; delete the file to have new keys made"),
                    format!("{shown}：{name} 为空；删除该文件可重新生成密钥"),
                ));
            }
        }
        if others_can_read(&path) {
            tracing::warn!(
                "{} can be read by other users of this machine: run chmod 600 on it",
                path.display()
            );
        }
        Ok(Some(secrets))
    }

    /// Makes new ones and writes them, whole or not at all; the caller has seen that there are none.
    pub fn create(data: &Path) -> anyhow::Result<Secrets> {
        let secrets = Secrets {
            push_key: Secret::generate()?,
            play_key: Secret::generate()?,
            user_key: Secret::generate()?,
        };
        let text = format!(
            "{HEADER}push_key = \"{}\"\nplay_key = \"{}\"\nuser_key = \"{}\"\n",
            secrets.push_key.expose(),
            secrets.play_key.expose(),
            secrets.user_key.expose()
        );
        make_folder(data)?;
        write_whole(&Secrets::path(data), &text, 0o600)?;
        Ok(secrets)
    }
}

/// Makes a data folder that only its owner can enter. One that is there already stays as it is.
pub fn make_folder(data: &Path) -> anyhow::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(|error| {
        let data = data.display();
        told(
            format!("cannot make the data folder {data}; choose another with --data ({error})"),
            format!("无法创建数据目录 {data}；请用 --data 另选一个（{error}）"),
        )
    })
}

/// A file of the data folder that is there and cannot be read.
pub(crate) fn cannot_read(path: &Path, error: &std::io::Error) -> anyhow::Error {
    let path = path.display();
    told(
        format!("cannot read {path}: {error}. It must be readable for the user that Weir runs as"),
        format!("无法读取 {path}：{error}。运行 Weir 的用户必须能读它"),
    )
}

/// Writes a new file beside its place and moves it there, so that a crash leaves the whole file or none.
pub fn write_whole(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    write(path, text, mode, true)
}

/// The same without waiting for the disk: the end of the process leaves the whole file or none, a power cut may leave half.
pub fn write_at_once(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    write(path, text, mode, false)
}

fn write(path: &Path, text: &str, mode: u32, sync: bool) -> anyhow::Result<()> {
    let beside = path.with_extension(format!("new-{}", std::process::id()));
    // In a container every run has the same number, and a crash may have left this of an earlier one.
    let _ = fs::remove_file(&beside);
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
        give_away(&file, path)?;
        file.write_all(text.as_bytes())?;
        if sync {
            file.sync_all()?;
        }
        fs::rename(&beside, path)?;
        match path.parent() {
            Some(folder) if sync => File::open(folder)?.sync_all(),
            _ => Ok(()),
        }
    };
    write()
        .inspect_err(|_| drop(fs::remove_file(&beside)))
        .map_err(|error| {
            let path = path.display();
            told(
                format!("cannot write {path}: {error}. Its folder must be writable for this user, and its disk have room"),
                format!("无法写入 {path}：{error}。当前用户必须能写所在目录，且磁盘有空间"),
            )
        })
}

/// A server that is not root must be able to read what root wrote for it with `weir key create` or `weir init`.
fn give_away(file: &File, path: &Path) -> std::io::Result<()> {
    let owner = |meta: fs::Metadata| (meta.uid(), meta.gid());
    let writer = file.metadata()?.uid();
    let folder = path.parent().map(fs::metadata).transpose()?.map(owner);
    match heir(writer, fs::metadata(path).ok().map(owner), folder) {
        Some((user, group)) => fchown(file, Some(user), Some(group)),
        None => Ok(()),
    }
}

/// To whom a file goes that root wrote: the owner of the one that it replaces or, where that is root or not there, of the folder.
/// Nobody else can give files away.
fn heir(writer: u32, replaced: Option<Owner>, folder: Option<Owner>) -> Option<Owner> {
    let others = [replaced, folder].into_iter().flatten();
    others.filter(|_| writer == ROOT).find(|(user, _)| *user != ROOT)
}

fn others_can_read(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::chown;

    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn what_a_crash_left_beside_a_file_does_not_keep_it_from_being_written() {
        let scratch = Scratch::new();
        let path = scratch.path().join("file.toml");
        fs::write(path.with_extension(format!("new-{}", std::process::id())), "half").unwrap();
        write_whole(&path, "whole", 0o600).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole");
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_root_writes_belongs_to_the_owner_of_the_folder_or_of_the_file_that_was_there() {
        let (root, weir, other) = ((0, 0), (61_234, 61_235), (61_236, 61_237));
        assert_eq!(heir(0, None, Some(root)), None);
        assert_eq!(heir(0, None, Some(weir)), Some(weir));
        assert_eq!(heir(0, Some(root), Some(weir)), Some(weir));
        assert_eq!(heir(0, Some(other), Some(weir)), Some(other));
        assert_eq!(heir(weir.0, Some(other), Some(root)), None);
        let scratch = Scratch::new();
        let data = scratch.path();
        if chown(data, Some(weir.0), Some(weir.1)).is_err() {
            return; // Only root can go on.
        }
        Secrets::create(data).unwrap();
        let made = fs::metadata(Secrets::path(data)).unwrap();
        assert_eq!((made.uid(), made.gid(), made.mode() & 0o777), (weir.0, weir.1, 0o600));
    }

    #[test]
    fn secrets_are_made_once_and_read_again_and_are_for_the_owner_alone() {
        let scratch = Scratch::new();
        let data = scratch.path().join("a/data");
        assert!(Secrets::load(&data).unwrap().is_none());
        let made = Secrets::create(&data).unwrap();
        assert!(made.push_key.expose().len() >= 32);
        assert_ne!(made.push_key, made.play_key);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&Secrets::path(&data)), 0o600);
        assert_eq!(mode(&data), 0o700);
        let read = Secrets::load(&data).unwrap().unwrap();
        assert_eq!((read.push_key, read.play_key), (made.push_key, made.play_key));
        assert_eq!(read.user_key, made.user_key);
        assert_eq!(fs::read_dir(&data).unwrap().count(), 1, "the file beside was left behind");
    }

    #[test]
    fn a_file_of_an_older_server_is_given_a_key_for_tokens_once_and_keeps_the_rest() {
        let scratch = Scratch::new();
        let path = Secrets::path(scratch.path());
        fs::write(&path, "# mine\npush_key = \"a\"\nplay_key = \"b\"").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(
            Secrets::read(scratch.path()).unwrap().unwrap().user_key.is_empty(),
            "reading writes nothing"
        );
        let keys: Vec<String> = std::thread::scope(|scope| {
            let load = || Secrets::load(scratch.path()).unwrap().unwrap().user_key.expose().to_owned();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(load)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(keys[0].len() >= 32 && keys.iter().all(|key| *key == keys[0]), "{keys:?}");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# mine\npush_key = \"a\"\nplay_key = \"b\"\nuser_key = \""), "{text}");
        assert_eq!(text.lines().count(), 4);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    }

    #[test]
    fn a_secret_is_in_no_debug_output_and_in_no_error() {
        let secrets = Secrets {
            push_key: Secret::new("hunter2"),
            play_key: Secret::new("hunter3"),
            user_key: Secret::new("hunter4"),
        };
        assert!(!format!("{secrets:?}").contains("hunter"));
        let scratch = Scratch::new();
        for damaged in [
            "push_key = \"hunter2",
            "push_key = \"hunter2\"\n",
            "hunter2 = 1",
            "push_key = \"\"\nplay_key = \"hunter\"",
        ] {
            fs::write(Secrets::path(scratch.path()), damaged).unwrap();
            let error = format!("{:?}", Secrets::load(scratch.path()).unwrap_err());
            assert!(error.contains("secrets.toml") && !error.contains("hunter"), "{error}");
        }
    }
}
