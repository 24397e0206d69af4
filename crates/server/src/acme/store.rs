//! What outlives the process: the account, and the certificate with its key.

use std::fs;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use instant_acme::AccountCredentials;
use tracing::warn;

use crate::secrets::{make_folder, write_whole};

/// Largest file that is read back, in bytes: one that is larger was not written here.
const MAX_FILE: u64 = 1024 * 1024;

/// For the owner alone: both files hold private keys.
const MODE: u32 = 0o600;

/// Before the address of the directory, in front of a certificate. PEM has room for text there.
const FROM: &str = "From ";

/// The folder `acme` in the data folder.
#[derive(Debug)]
pub(crate) struct Store {
    folder: PathBuf,
}

impl Store {
    /// The one in this data folder, whether it is there yet or not.
    pub(crate) fn of(data: &Path) -> Store {
        Store { folder: data.join("acme") }
    }

    /// The file with the certificate, its chain and its key. One file, so that a crash cannot part them.
    pub(crate) fn certificate_path(&self) -> PathBuf {
        self.folder.join("certificate.pem")
    }

    /// What is in it, if it is there.
    pub(super) fn certificate(&self) -> anyhow::Result<Option<String>> {
        read(&self.certificate_path())
    }

    /// Whether the certificate came from this directory. One that an authority for tests gave must not stay when the
    /// configuration goes on to a real one.
    pub(super) fn is_from(&self, directory: &str) -> bool {
        let text = self.certificate().ok().flatten().unwrap_or_default();
        text.lines().next().and_then(|line| line.strip_prefix(FROM)) == Some(directory)
    }

    /// Keeps a certificate with its key.
    pub(super) fn keep_certificate(&self, directory: &str, pem: &str) -> anyhow::Result<()> {
        make_folder(&self.folder)?;
        write_whole(&self.certificate_path(), &format!("{FROM}{directory}\n{pem}"), MODE)
    }

    /// The account at this directory, if there is one. A file that cannot be used is as good as none: accounts are
    /// free.
    pub(super) fn account(&self, directory: &str) -> Option<AccountCredentials> {
        let path = self.account_path();
        let text =
            read(&path).inspect_err(|error| warn!("acme: a new account is made: {error:#}")).ok()??;
        // The parser's own message quotes the line, which holds the key.
        let table = text.parse::<toml::Table>().ok();
        let table = table.filter(|table| table.contains_key("directory"));
        let Some(table) = table else {
            warn!("acme: {} is damaged, so a new account is made", path.display());
            return None;
        };
        if table.get("directory").and_then(toml::Value::as_str) != Some(directory) {
            return None;
        }
        table.try_into().ok()
    }

    /// Keeps an account.
    pub(super) fn keep_account(&self, account: &AccountCredentials) -> anyhow::Result<()> {
        make_folder(&self.folder)?;
        write_whole(&self.account_path(), &toml::to_string(account)?, MODE)
    }

    /// Forgets the account, which the authority does not know any more.
    pub(super) fn forget_account(&self) {
        // If it stays, the next order fails in the same way and comes here again.
        let _ = fs::remove_file(self.account_path());
    }

    fn account_path(&self) -> PathBuf {
        self.folder.join("account.toml")
    }
}

fn read(path: &Path) -> anyhow::Result<Option<String>> {
    let cannot = || format!("cannot read {}", path.display());
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(cannot),
    };
    let mut text = String::new();
    file.take(MAX_FILE).read_to_string(&mut text).with_context(cannot)?;
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::scratch::Scratch;

    const HERE: &str = "https://ca.test/directory";

    #[test]
    fn a_certificate_is_for_the_owner_alone_and_remembers_its_authority() {
        let scratch = Scratch::new();
        let store = Store::of(scratch.path());
        assert!(store.certificate().unwrap().is_none() && !store.is_from(HERE));
        let made = rcgen::generate_simple_self_signed(["a.test".to_owned()]).unwrap();
        let pem = made.signing_key.serialize_pem() + &made.cert.pem();
        store.keep_certificate(HERE, &pem).unwrap();
        let mode = fs::metadata(store.certificate_path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(store.is_from(HERE) && !store.is_from("https://staging.test/directory"));
        let certificate = crate::net::Certificate::awaited();
        certificate.put(&store.certificate().unwrap().unwrap()).unwrap();
        assert_eq!(certificate.held().unwrap().cert, [made.cert.der().clone()]);
    }

    #[test]
    fn an_account_is_kept_for_its_directory_and_a_damaged_one_is_none() {
        let scratch = Scratch::new();
        let store = Store::of(scratch.path());
        assert!(store.account(HERE).is_none());
        let key = rcgen::KeyPair::generate().unwrap();
        use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
        let key = BASE64_URL_SAFE_NO_PAD.encode(key.serialize_der());
        let text = format!("id = \"https://ca.test/1\"\nkey_pkcs8 = \"{key}\"\ndirectory = \"{HERE}\"\n");
        store.keep_account(&toml::from_str(&text).unwrap()).unwrap();
        assert_eq!(fs::read_to_string(store.account_path()).unwrap(), text);
        let mode = fs::metadata(store.account_path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(store.account(HERE).is_some());
        assert!(store.account("https://staging.test/directory").is_none());
        for damaged in ["", "id", &text[..text.len() / 2]] {
            fs::write(store.account_path(), damaged).unwrap();
            assert!(store.account(HERE).is_none());
        }
        store.forget_account();
        assert!(store.account(HERE).is_none());
    }
}
