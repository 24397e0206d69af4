//! The keys of the API: random, shown once, and kept as hashes only.
//!
//! A key is 256 random bits, so one pass of SHA-256 is enough: there is nothing to guess that a slow hash would
//! protect. `keys.toml` is read again when it changes, so a key is good, or no longer good, without a restart.

use std::fmt::{self, Write as _};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::Context as _;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::secrets::{Secret, cannot_read, make_folder, write_whole};
use crate::told::told;

/// What every key begins with, so that one that leaked is recognised.
const PREFIX: &str = "wk_";

/// Random bytes in a key.
const KEY_BYTES: usize = 32;

/// Most keys.
pub const KEYS_MAX: usize = 1_000;

/// Longest name of a key, in bytes.
pub const NAME_MAX: usize = 64;

/// The name under which the local key acts.
const LOCAL: &str = "local";

const HEADER: &str = "# API 密钥的哈希，由 weir key 管理；密钥本身不保存。\n\
     # Hashes of the API's keys, kept by `weir key`; the keys themselves are not here.\n";

const LOCAL_HEADER: &str = "# 本机命令行用的密钥，每次启动都会换。 For `weir streams` and the like on this machine; new at every start.\n";

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Scope {
    /// Look.
    #[serde(rename = "read")]
    Read,
    /// Look and change.
    #[serde(rename = "write")]
    Write,
    /// Look at rooms and nothing else.
    #[serde(rename = "rooms:read")]
    RoomsRead,
    /// Look at rooms and change them, and nothing else: for the backend of a chat.
    #[serde(rename = "rooms:write")]
    RoomsWrite,
    /// Make tokens of users, and nothing else: for the backend that signs people in.
    #[serde(rename = "tokens")]
    Tokens,
}

/// A key as it is kept.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// What the operator calls it.
    pub name: String,
    /// What it may do.
    pub scope: Scope,
    /// When it was made.
    pub created_at: String,
    sha256: String,
}

/// Who a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The name of its key.
    pub name: String,
    /// What the key may do.
    pub scope: Scope,
}

/// What `serve` leaves for the command line of the same machine.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Local {
    /// The key.
    pub key: Secret,
    /// Where the server answers, as an URL; empty when it does not without TLS.
    pub server: String,
}

/// The keys in force.
#[derive(Debug)]
pub struct Keys {
    path: Option<PathBuf>,
    seen: Mutex<Seen>,
    local: OnceLock<Hash>,
}

type Hash = [u8; 32];

/// The file as it was when it was read last.
#[derive(Debug)]
struct Seen {
    mark: Option<Mark>,
    keys: Result<Arc<[Key]>, Unreadable>,
}

/// The file of the keys cannot be read, so nobody can tell whether a key is good: none is. The log has why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

/// What changes when the file does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    changed: (i64, i64),
    touched: (i64, i64),
    inode: u64,
    size: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    key: Vec<Key>,
}

impl Scope {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Write => "write",
            Scope::RoomsRead => "rooms:read",
            Scope::RoomsWrite => "rooms:write",
            Scope::Tokens => "tokens",
        }
    }

    /// Whether a key of this scope may do what wants one of that.
    pub fn allows(self, wanted: Scope) -> bool {
        match self {
            Scope::Write => true,
            Scope::Read => matches!(wanted, Scope::Read | Scope::RoomsRead),
            Scope::RoomsWrite => matches!(wanted, Scope::RoomsRead | Scope::RoomsWrite),
            Scope::RoomsRead | Scope::Tokens => wanted == self,
        }
    }

    /// Whether it may change anything.
    pub fn changes(self) -> bool {
        matches!(self, Scope::Write | Scope::RoomsWrite | Scope::Tokens)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Keys {
    /// The keys of a data folder; without one there are none.
    pub fn open(data: Option<&Path>) -> Keys {
        let seen = Seen { mark: None, keys: Ok(Arc::default()) };
        Keys { path: data.map(path), seen: Mutex::new(seen), local: OnceLock::new() }
    }

    /// Whose key this is, if it is one.
    pub fn check(&self, key: &str) -> Result<Option<Holder>, Unreadable> {
        let hash = hash(key);
        if self.local.get().is_some_and(|local| bool::from(local.ct_eq(&hash))) {
            return Ok(Some(Holder { name: LOCAL.to_owned(), scope: Scope::Write }));
        }
        let hash = hex(&hash);
        let keys = self.current()?;
        // All are looked at, whichever fits: how long it takes tells nothing.
        let mut found = None;
        for key in keys.iter() {
            if key.sha256.as_bytes().ct_eq(hash.as_bytes()).into() {
                found = Some(Holder { name: key.name.clone(), scope: key.scope });
            }
        }
        Ok(found)
    }

    /// Whether the operator has made any, as far as that can be known.
    pub fn any(&self) -> bool {
        self.current().is_ok_and(|keys| !keys.is_empty())
    }

    /// Makes the local key, in force until the server ends, and leaves it in the data folder for its owner.
    pub fn leave_local(&self, data: &Path, server: &str) -> anyhow::Result<()> {
        let key = generate()?;
        // A second time cannot come: there is one caller, the start.
        let _ = self.local.set(hash(key.expose()));
        let text = format!("{LOCAL_HEADER}key = \"{}\"\nserver = {}\n", key.expose(), quoted(server));
        write_whole(&local_path(data), &text, 0o600)
    }

    /// The file's keys, read again if it changed.
    fn current(&self) -> Result<Arc<[Key]>, Unreadable> {
        let Some(path) = &self.path else { return Ok(Arc::default()) };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mark = fs::metadata(path).ok().map(|meta| Mark {
            changed: (meta.mtime(), meta.mtime_nsec()),
            // Another owner or mode can make it readable, and leaves what is in it as it was.
            touched: (meta.ctime(), meta.ctime_nsec()),
            inode: meta.ino(),
            size: meta.size(),
        });
        if mark.is_none() || seen.mark != mark {
            let keys = read(path).map(Arc::from).map_err(|error| {
                if seen.keys.is_ok() {
                    tracing::error!(
                        "no key of the API can be checked: {error:#}. Give the file to the user that Weir runs as (chown), or restore it"
                    );
                }
                Unreadable
            });
            *seen = Seen { mark, keys };
        }
        seen.keys.clone()
    }
}

/// The keys in a data folder.
pub fn list(data: &Path) -> anyhow::Result<Vec<Key>> {
    read(&path(data))
}

/// Makes a key, and returns what is shown once.
pub fn create(data: &Path, name: &str, scope: Scope, created_at: String) -> anyhow::Result<Secret> {
    make_folder(data)?;
    let _alone = alone(data)?;
    let mut keys = list(data)?;
    if keys.iter().any(|key| key.name == name) {
        return Err(told(
            format!(
                "there is a key called {name} already: choose another name, or `weir key delete {name}` first"
            ),
            format!("已有名为 {name} 的密钥：请换个名称，或先执行 `weir key delete {name}`"),
        ));
    }
    if keys.len() >= KEYS_MAX {
        return Err(told(
            format!("there are {KEYS_MAX} keys, which is the most: delete one"),
            format!("密钥已达上限 {KEYS_MAX} 个：请先删除一个"),
        ));
    }
    let secret = generate()?;
    keys.push(Key { name: name.to_owned(), scope, created_at, sha256: hex(&hash(secret.expose())) });
    write(data, &keys)?;
    Ok(secret)
}

/// Takes a key back. Returns whether there was one of this name.
pub fn delete(data: &Path, name: &str) -> anyhow::Result<bool> {
    // Without a folder there are no keys.
    let _alone = data.exists().then(|| alone(data)).transpose()?;
    let mut keys = list(data)?;
    let count = keys.len();
    keys.retain(|key| key.name != name);
    if keys.len() == count {
        return Ok(false);
    }
    write(data, &keys)?;
    Ok(true)
}

/// What the server that runs on this data folder left for us, if one does or did.
pub fn local(data: &Path) -> anyhow::Result<Option<Local>> {
    let path = local_path(data);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(cannot_read(&path, &error)),
    };
    // The parser's own message quotes the line, which holds the key.
    toml::from_str(&text).map(Some).map_err(|_| {
        let path = path.display();
        told(
            format!("{path} is damaged; it is written anew when the server starts"),
            format!("{path} 已损坏；服务器启动时会重新写入"),
        )
    })
}

/// Whether a key may have this name.
pub fn is_name(name: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(good)
}

/// Until this is dropped, no other program changes the keys: of two that make one at once, neither loses the other's.
fn alone(data: &Path) -> anyhow::Result<fs::File> {
    let folder = fs::File::open(data).with_context(|| format!("cannot open {}", data.display()))?;
    folder.lock().with_context(|| format!("cannot lock {}", data.display()))?;
    Ok(folder)
}

fn path(data: &Path) -> PathBuf {
    data.join("keys.toml")
}

fn local_path(data: &Path) -> PathBuf {
    data.join("local.key")
}

fn read(path: &Path) -> anyhow::Result<Vec<Key>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(cannot_read(path, &error)),
    };
    let shown = path.display();
    let file: File = toml::from_str(&text).map_err(|error| {
        let why = error.message();
        told(
            format!(
                "{shown} is damaged: {why}. Restore it, or delete it and make new keys with `weir key create`"
            ),
            format!("{shown} 已损坏：{why}。请恢复它，或删除后用 `weir key create` 重新生成"),
        )
    })?;
    if file.key.len() > KEYS_MAX {
        return Err(told(
            format!("{shown}: more than {KEYS_MAX} keys; delete some"),
            format!("{shown}：密钥超过 {KEYS_MAX} 个，请删除一些"),
        ));
    }
    Ok(file.key)
}

fn write(data: &Path, keys: &[Key]) -> anyhow::Result<()> {
    let mut text = HEADER.to_owned();
    for Key { name, scope, created_at, sha256 } in keys {
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\n[[key]]\nname = {}\nscope = \"{scope}\"\ncreated_at = {}\nsha256 = {}\n",
            quoted(name),
            quoted(created_at),
            quoted(sha256)
        );
    }
    write_whole(&path(data), &text, 0o600)
}

pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn generate() -> anyhow::Result<Secret> {
    let mut bytes = [0; KEY_BYTES];
    getrandom::fill(&mut bytes).context("the system gives no random numbers")?;
    Ok(Secret::new(format!("{PREFIX}{}", hex(&bytes))))
}

fn hash(key: &str) -> Hash {
    Sha256::digest(key.as_bytes()).into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn keys_that_are_made_at_once_are_all_good() {
        let folder = Scratch::new();
        let make = |number: u32| create(folder.path(), &format!("k{number}"), Scope::Read, String::new());
        std::thread::scope(|scope| {
            let makers: Vec<_> = (0..16).map(|number| scope.spawn(move || make(number).unwrap())).collect();
            makers.into_iter().for_each(|maker| drop(maker.join().unwrap()));
        });
        assert_eq!(list(folder.path()).unwrap().len(), 16);
    }

    #[test]
    fn a_key_is_good_from_its_making_to_its_end_without_a_restart() {
        let scratch = Scratch::new();
        let data = scratch.path().join("data");
        let keys = Keys::open(Some(&data));
        assert!(!keys.any());
        let reader = create(&data, "console", Scope::Read, "now".into()).unwrap();
        let writer = create(&data, "robot", Scope::Write, "now".into()).unwrap();
        assert!(reader.expose().starts_with("wk_") && reader.expose().len() == 67);
        let scope =
            |secret: &Secret| keys.check(secret.expose()).unwrap().map(|holder| (holder.name, holder.scope));
        assert_eq!(scope(&reader), Some(("console".into(), Scope::Read)));
        assert_eq!(scope(&writer), Some(("robot".into(), Scope::Write)));
        assert_eq!(keys.check("wk_"), Ok(None));
        assert_eq!(keys.check(""), Ok(None));
        assert!(create(&data, "robot", Scope::Read, "now".into()).is_err());
        assert!(delete(&data, "console").unwrap() && !delete(&data, "console").unwrap());
        assert_eq!(scope(&reader), None);
        assert!(keys.any());
        let text = fs::read_to_string(path(&data)).unwrap();
        assert!(!text.contains(writer.expose()) && !text.contains(&writer.expose()[3..]));
        assert_eq!(fs::metadata(path(&data)).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_scope_allows_itself_and_what_is_less() {
        use Scope::{Read, RoomsRead, RoomsWrite, Tokens, Write};
        let allowed =
            |scope: Scope| [Read, Write, RoomsRead, RoomsWrite, Tokens].map(|wanted| scope.allows(wanted));
        assert_eq!(allowed(Write), [true; 5]);
        assert_eq!(allowed(Read), [true, false, true, false, false]);
        assert_eq!(allowed(RoomsWrite), [false, false, true, true, false]);
        assert_eq!(allowed(RoomsRead), [false, false, true, false, false]);
        assert_eq!(allowed(Tokens), [false, false, false, false, true]);
        let scratch = Scratch::new();
        create(scratch.path(), "chat", RoomsWrite, "now".into()).unwrap();
        assert_eq!(list(scratch.path()).unwrap()[0].scope, RoomsWrite);
    }

    #[test]
    fn of_a_damaged_file_no_key_is_good_until_it_is_restored() {
        let scratch = Scratch::new();
        let secret = create(scratch.path(), "a", Scope::Write, "now".into()).unwrap();
        let keys = Keys::open(Some(scratch.path()));
        assert!(keys.check(secret.expose()).unwrap().is_some());
        let text = fs::read_to_string(path(scratch.path())).unwrap();
        fs::write(path(scratch.path()), format!("{text}\nnonsense")).unwrap();
        assert_eq!(keys.check(secret.expose()), Err(Unreadable));
        assert!(
            list(scratch.path()).is_err() && create(scratch.path(), "b", Scope::Read, String::new()).is_err()
        );
        fs::write(path(scratch.path()), text).unwrap();
        assert!(keys.check(secret.expose()).unwrap().is_some());
    }

    #[test]
    fn the_local_key_is_for_its_owner_and_for_this_run() {
        let scratch = Scratch::new();
        assert!(local(scratch.path()).unwrap().is_none());
        let keys = Keys::open(Some(scratch.path()));
        keys.leave_local(scratch.path(), "http://127.0.0.1:1").unwrap();
        let first = local(scratch.path()).unwrap().unwrap();
        assert_eq!(keys.check(first.key.expose()).unwrap().unwrap().scope, Scope::Write);
        assert_eq!(first.server, "http://127.0.0.1:1");
        assert_eq!(fs::metadata(local_path(scratch.path())).unwrap().permissions().mode() & 0o777, 0o600);
        let next = Keys::open(Some(scratch.path()));
        next.leave_local(scratch.path(), "").unwrap();
        assert!(next.check(first.key.expose()).unwrap().is_none());
        assert!(!next.any(), "the local key is none that the operator made");
    }

    #[test]
    fn names_are_plain() {
        assert!(is_name("console-1.a_b"));
        for bad in ["", "a b", "a\"", "名", &"a".repeat(NAME_MAX + 1)] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
