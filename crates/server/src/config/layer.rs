//! Values in layers: the defaults, and over them what a file, the environment and flags say, each with its origin.

use std::io;
use std::path::Path;

use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Fault, Problem, Problems};
use super::suggest::suggest;
use super::value::{Kind, Value};
use super::{Config, DEFAULT, FlagValue, Record, check};

/// What every variable that sets a key begins with.
const ENV_PREFIX: &str = "WEIR__";

/// The keys that a `[[domain]]` must have; the others have defaults.
const DOMAIN_OWN: [&str; 2] = ["name", "role"];

/// The keys that a `[[forbid]]` must have.
const FORBID_NEEDS: [&str; 2] = ["app", "stream"];

/// The keys that a `[[relay]]` must have.
const RELAY_NEEDS: [&str; 4] = ["kind", "app", "stream", "url"];

/// The keys that a `[[user_key]]` must have.
const USER_KEY_NEEDS: [&str; 2] = ["kid", "algorithm"];

/// The keys that a `[[usersig]]` must have.
const USERSIG_NEEDS: [&str; 2] = ["sdk_app_id", "key"];

/// The keys that a `[[webhook]]` must have.
const WEBHOOK_NEEDS: [&str; 3] = ["name", "url", "secret"];

/// What a `[[webhook]]` is told that does not say: what happens a few times in a show.
const WEBHOOK_EVENTS: [&str; 5] = ["stream.*", "recording.*", "upload.*", "room.*", "gift.*"];

/// Sections that a file may have any number of.
const REPEATED: [&str; 7] = ["domain", "forbid", "record", "relay", "user_key", "usersig", "webhook"];

/// Most sections of one name: a bound on what one file can make the server hold.
const SECTIONS_MAX: usize = 1_000;

/// Who set a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody: it is the default.
    Default,
    /// A file.
    File {
        /// The file as it was given.
        path: String,
        /// The line, from 1.
        line: usize,
    },
    /// A variable of the environment.
    Env(String),
    /// A flag.
    Flag(&'static str),
}

/// A key with its value.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// Such as `http.listen` or `domain[0].name`.
    pub(super) key: String,
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// Every key with its value and origin, and what was wrong on the way.
#[derive(Debug, Clone)]
pub struct Layers {
    pub(super) items: Vec<Item>,
    domains: usize,
    forbids: usize,
    relays: usize,
    records: usize,
    user_keys: usize,
    usersigs: usize,
    webhooks: usize,
    problems: Vec<Problem>,
}

impl Layers {
    /// The defaults alone.
    pub fn defaults() -> Layers {
        let table = DeTable::parse(DEFAULT).expect("the built-in defaults are TOML; a test sees to it");
        let mut items = Vec::new();
        for (section, content) in in_order(table.get_ref()) {
            let keys = content.get_ref().as_table().map(in_order).unwrap_or_default();
            for (name, value) in keys {
                let value = value.get_ref();
                if let Some(value) = Value::kind_of(value).and_then(|kind| Value::from_toml(value, kind)) {
                    let key = format!("{}.{}", section.get_ref(), name.get_ref());
                    items.push(Item { key, value, origin: Origin::Default });
                }
            }
        }
        Layers {
            items,
            domains: 0,
            forbids: 0,
            relays: 0,
            records: 0,
            user_keys: 0,
            usersigs: 0,
            webhooks: 0,
            problems: Vec::new(),
        }
    }

    /// Lays a file over what there is.
    pub fn add_file(&mut self, path: &Path, text: &str) {
        let file = FileText { path, text };
        let (table, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            // The parser's own rendering quotes the line, which can hold a secret: only its message is kept.
            self.problems.extend(errors.iter().map(|error| Problem {
                place: file.place(error.span().map_or(0, |span| span.start)),
                fault: Fault::Syntax(error.message().replace('\n', "; ")),
            }));
            return;
        }
        for (section, content) in in_order(table.get_ref()) {
            let name = section.get_ref().as_ref();
            if name == "domain" {
                self.add_domains(&file, content);
            } else if name == "forbid" {
                self.add_forbids(&file, content);
            } else if name == "relay" {
                self.add_relays(&file, content);
            } else if name == "record" {
                self.add_records(&file, content);
            } else if name == "user_key" {
                self.add_user_keys(&file, content);
            } else if name == "usersig" {
                self.add_usersigs(&file, content);
            } else if name == "webhook" {
                self.add_webhooks(&file, content);
            } else if !self.has_section(name) {
                let sections = self.items.iter().filter_map(|item| item.key.split('.').next());
                let meant = suggest(name, sections.chain(REPEATED)).map(str::to_owned);
                self.fault(file.place(section.span().start), Fault::Unknown { name: name.to_owned(), meant });
            } else if let DeValue::Table(keys) = content.get_ref() {
                for (key, value) in in_order(keys) {
                    let full = format!("{name}.{}", key.get_ref());
                    self.set_from_file(&file, key, &full, value, None);
                }
            } else {
                let fault = Fault::WrongKind { key: name.to_owned(), expected: Kind::Section };
                self.fault(file.place(section.span().start), fault);
            }
        }
    }

    /// Notes that a file was named that cannot be read.
    pub fn add_unreadable(&mut self, path: &Path, error: &io::Error) {
        self.fault(path.display().to_string(), Fault::Unreadable(error.to_string()));
    }

    /// Lays the environment over what there is.
    pub fn add_env(&mut self, vars: &[(String, String)]) {
        for (name, text) in vars {
            let Some(rest) = name.strip_prefix(ENV_PREFIX) else { continue };
            let key = rest.to_ascii_lowercase().replace("__", ".");
            if self.find(&key).is_some() {
                self.set_from_text(&key, text, Origin::Env(name.clone()));
            } else {
                let known = self.items.iter().map(|item| item.key.as_str());
                let meant = suggest(&key, known)
                    .map(|key| format!("{ENV_PREFIX}{}", key.to_ascii_uppercase().replace('.', "__")));
                self.fault(name.clone(), Fault::Unknown { name: name.clone(), meant });
            }
        }
    }

    /// Lays flags over what there is.
    pub fn add_flags(&mut self, flags: &[FlagValue]) {
        for flag in flags {
            self.set_from_text(flag.key, &flag.value, Origin::Flag(flag.flag));
        }
    }

    /// The configuration, or everything that is wrong with it.
    pub fn config(&self) -> Result<Config, Problems> {
        let mut problems = self.problems.clone();
        check::values(self, &mut problems);
        if !problems.is_empty() {
            return Err(Problems(problems));
        }
        let config = Config::deserialize(self.tree()).map_err(|error| {
            // Every value has the right kind and is in range, so this is a key that the types do not know.
            let fault = Fault::Syntax(error.message().to_owned());
            Problems(vec![Problem { place: "default.toml".to_owned(), fault }])
        })?;
        check::rules(&config, self, &mut problems);
        if problems.is_empty() { Ok(config) } else { Err(Problems(problems)) }
    }

    /// The keys whose values differ from those of `other`, in order.
    pub fn changed(&self, other: &Layers) -> Vec<String> {
        let value = |layers: &Layers, key: &str| layers.find(key).map(|item| item.value.clone());
        let keys = self.items.iter().chain(&other.items).map(|item| item.key.clone());
        let keys: std::collections::BTreeSet<String> = keys.collect();
        keys.into_iter().filter(|key| value(self, key) != value(other, key)).collect()
    }

    /// Where a problem with `key` is to be mended.
    pub(super) fn place(&self, key: &str) -> String {
        self.find(key).map_or_else(|| key.to_owned(), |item| item.origin.place())
    }

    fn find(&self, key: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.key == key)
    }

    fn has_section(&self, name: &str) -> bool {
        self.items.iter().any(|item| item.key.split('.').next() == Some(name))
    }

    fn fault(&mut self, place: String, fault: Fault) {
        self.problems.push(Problem { place, fault });
    }

    fn add_domains(&mut self, file: &FileText<'_>, content: &Spanned<DeValue<'_>>) {
        for (start, keys) in self.sections(file, "domain", content) {
            let number = self.domains;
            self.domains += 1;
            let prefix = format!("domain[{number}]");
            let place = file.origin(start);
            for own in DOMAIN_OWN {
                let value = Value::Text(String::new());
                self.items.push(Item { key: format!("{prefix}.{own}"), value, origin: place.clone() });
                if !keys.keys().any(|key| key.get_ref() == own) {
                    self.fault(place.place(), Fault::Missing { key: format!("{prefix}.{own}") });
                }
            }
            // The built-in defaults, not what the file says under [push]: a domain's section tells all about it.
            let role = keys
                .iter()
                .find(|(key, _)| key.get_ref() == "role")
                .and_then(|(_, role)| role.get_ref().as_str());
            let base = if role == Some("play") { "play." } else { "push." };
            for item in Layers::defaults().items {
                if let Some(leaf) = item.key.strip_prefix(base) {
                    self.items.push(Item { key: format!("{prefix}.{leaf}"), ..item });
                }
            }
            for (key, value) in in_order(keys) {
                let full = format!("{prefix}.{}", key.get_ref());
                self.set_from_file(file, key, &full, value, Some(&prefix));
            }
        }
    }

    fn add_forbids(&mut self, file: &FileText<'_>, content: &Spanned<DeValue<'_>>) {
        for (start, keys) in self.sections(file, "forbid", content) {
            let prefix = format!("forbid[{}]", self.forbids);
            self.forbids += 1;
            let leaves = [
                ("app", Value::Text(String::new())),
                ("stream", Value::Text(String::new())),
                ("until", Value::Moment(String::new())),
                ("reason", Value::Text(String::new())),
            ];
            self.add_section(file, &prefix, (start, keys), leaves, &FORBID_NEEDS);
        }
    }

    fn add_relays(&mut self, file: &FileText<'_>, content: &Spanned<DeValue<'_>>) {
        for (start, keys) in self.sections(file, "relay", content) {
            let prefix = format!("relay[{}]", self.relays);
            self.relays += 1;
            let leaves = [
                ("kind", Value::Text(String::new())),
                ("app", Value::Text(String::new())),
                ("stream", Value::Text(String::new())),
                ("url", Value::Text(String::new())),
                ("on_demand", Value::Bool(false)),
            ];
            self.add_section(file, &prefix, (start, keys), leaves, &RELAY_NEEDS);
        }
    }

    fn add_records(&mut self, file: &FileText<'_>, content: &Spanned<DeValue<'_>>) {
        for (start, keys) in self.sections(file, "record", content) {
            let prefix = format!("record[{}]", self.records);
            self.records += 1;
            let usual = Record::default();
            let number = |value: u64| Value::Integer(i64::try_from(value).unwrap_or(i64::MAX));
            let leaves = [
                ("domain", Value::Text(usual.domain)),
                ("app", Value::Text(usual.app)),
                ("stream", Value::Text(usual.stream)),
                ("enabled", Value::Bool(usual.enabled)),
                ("formats", Value::List(usual.formats)),
                ("interval_minutes", number(usual.interval_minutes)),
                ("max_size_mb", number(usual.max_size_mb)),
                ("retention_days", number(usual.retention_days.into())),
                ("gap_seconds", number(usual.gap_seconds)),
            ];
            self.add_section(file, &prefix, (start, keys), leaves, &[]);
        }
    }

    fn add_user_keys(&mut self, file: &FileText<'_>, content: &Spanned<DeValue<'_>>) {
        for (start, keys) in self.sections(file, "user_key", content) {
            let prefix = format!("user_key[{}]", self.user_keys);
            self.user_keys += 1;
            let leaves = [
                ("kid", Value::Text(String::new())),
                ("algorithm", Value::Text(String::new())),
                ("secret", Value::Text(String::new())),
                ("public_key", Value::Text(String::new())),
                ("public_key_file", Value::Text(String::new())),
                ("max_role", Value::Text("host".to_owned())),
            ];
            self.add_section(file, &prefix, (start, keys), leaves, &USER_KEY_NEEDS);
        }
    }

    fn add_usersigs(&mut self, file: &FileText<'_>, content: &Spanned<DeValue<'_>>) {
        for (start, keys) in self.sections(file, "usersig", content) {
            let prefix = format!("usersig[{}]", self.usersigs);
            self.usersigs += 1;
            let leaves = [
                ("sdk_app_id", Value::Integer(0)),
                ("key", Value::Text(String::new())),
                ("backup_key", Value::Text(String::new())),
            ];
            self.add_section(file, &prefix, (start, keys), leaves, &USERSIG_NEEDS);
        }
    }

    fn add_webhooks(&mut self, file: &FileText<'_>, content: &Spanned<DeValue<'_>>) {
        for (start, keys) in self.sections(file, "webhook", content) {
            let prefix = format!("webhook[{}]", self.webhooks);
            self.webhooks += 1;
            let leaves = [
                ("name", Value::Text(String::new())),
                ("url", Value::Text(String::new())),
                ("events", Value::List(WEBHOOK_EVENTS.map(str::to_owned).into())),
                ("secret", Value::Text(String::new())),
                ("backup_secret", Value::Text(String::new())),
                ("timeout_seconds", Value::Integer(15)),
                ("allow_private", Value::Bool(false)),
            ];
            self.add_section(file, &prefix, (start, keys), leaves, &WEBHOOK_NEEDS);
        }
    }

    /// One section that has no defaults of its own in the built-in file.
    fn add_section<const N: usize>(
        &mut self,
        file: &FileText<'_>,
        prefix: &str,
        (start, keys): (usize, &DeTable<'_>),
        leaves: [(&str, Value); N],
        needs: &[&str],
    ) {
        let origin = file.origin(start);
        for (leaf, value) in leaves {
            let key = format!("{prefix}.{leaf}");
            if needs.contains(&leaf) && !keys.keys().any(|key| key.get_ref() == leaf) {
                self.fault(origin.place(), Fault::Missing { key: key.clone() });
            }
            self.items.push(Item { key, value, origin: origin.clone() });
        }
        for (key, value) in in_order(keys) {
            let full = format!("{prefix}.{}", key.get_ref());
            self.set_from_file(file, key, &full, value, Some(prefix));
        }
    }

    /// The sections of a name that may be there more than once, each with where it begins.
    fn sections<'t, 'i>(
        &mut self,
        file: &FileText<'_>,
        name: &str,
        content: &'t Spanned<DeValue<'i>>,
    ) -> Vec<(usize, &'t DeTable<'i>)> {
        let wrong = || Fault::WrongKind { key: name.to_owned(), expected: Kind::Sections };
        let sections = match content.get_ref() {
            DeValue::Array(sections) if sections.len() <= SECTIONS_MAX => sections,
            _ => {
                self.fault(file.place(content.span().start), wrong());
                return Vec::new();
            }
        };
        let mut tables = Vec::new();
        for section in sections.iter() {
            match section.get_ref().as_table() {
                Some(keys) => tables.push((section.span().start, keys)),
                None => self.fault(file.place(section.span().start), wrong()),
            }
        }
        tables
    }

    /// Sets a key; `within` confines the suggestions for an unknown one.
    fn set_from_file(
        &mut self,
        file: &FileText<'_>,
        key: &Spanned<std::borrow::Cow<'_, str>>,
        full: &str,
        value: &Spanned<DeValue<'_>>,
        within: Option<&str>,
    ) {
        let origin = file.origin(key.span().start);
        let Some(item) = self.items.iter_mut().find(|item| item.key == full) else {
            let known = self.items.iter().map(|item| item.key.as_str());
            let known = known.filter(|key| match within {
                Some(prefix) => key.starts_with(prefix),
                None => !key.contains('['),
            });
            let meant = suggest(full, known).map(str::to_owned);
            return self.fault(origin.place(), Fault::Unknown { name: full.to_owned(), meant });
        };
        let expected = item.value.kind();
        match Value::from_toml(value.get_ref(), expected) {
            Some(value) => (item.value, item.origin) = (value, origin),
            None => self.fault(origin.place(), Fault::WrongKind { key: full.to_owned(), expected }),
        }
    }

    fn set_from_text(&mut self, key: &str, text: &str, origin: Origin) {
        let Some(item) = self.items.iter_mut().find(|item| item.key == key) else { return };
        let expected = item.value.kind();
        match Value::from_text(text, expected) {
            Some(value) => (item.value, item.origin) = (value, origin),
            None => self.fault(origin.place(), Fault::WrongKind { key: key.to_owned(), expected }),
        }
    }

    fn tree(&self) -> toml::Table {
        let mut tree = toml::Table::new();
        let mut repeated = REPEATED.map(|name| {
            let count = match name {
                "domain" => self.domains,
                "forbid" => self.forbids,
                "record" => self.records,
                "user_key" => self.user_keys,
                "usersig" => self.usersigs,
                "webhook" => self.webhooks,
                _ => self.relays,
            };
            (name, vec![toml::Table::new(); count])
        });
        for item in &self.items {
            let Some((section, leaf)) = item.key.split_once('.') else { continue };
            let value = item.value.to_toml();
            let numbered = section.strip_suffix(']').and_then(|section| section.split_once('['));
            if let Some((name, number)) = numbered {
                let sections = repeated.iter_mut().find(|(known, _)| *known == name);
                let number = number.parse::<usize>().ok();
                if let Some(keys) = sections.and_then(|(_, sections)| sections.get_mut(number?)) {
                    keys.insert(leaf.to_owned(), value);
                }
            } else if let toml::Value::Table(keys) =
                tree.entry(section).or_insert_with(|| toml::Value::Table(toml::Table::new()))
            {
                keys.insert(leaf.to_owned(), value);
            }
        }
        for (name, sections) in repeated {
            tree.insert(name.to_owned(), sections.into());
        }
        tree
    }
}

impl Origin {
    /// Where to look.
    pub fn place(&self) -> String {
        match self {
            Origin::Default => "default".to_owned(),
            Origin::File { path, line } => format!("{path}:{line}"),
            Origin::Env(name) => name.clone(),
            Origin::Flag(flag) => (*flag).to_owned(),
        }
    }
}

struct FileText<'a> {
    path: &'a Path,
    text: &'a str,
}

impl FileText<'_> {
    fn origin(&self, offset: usize) -> Origin {
        let before = self.text.as_bytes().get(..offset).unwrap_or(self.text.as_bytes());
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        Origin::File { path: self.path.display().to_string(), line }
    }

    fn place(&self, offset: usize) -> String {
        self.origin(offset).place()
    }
}

/// A table's content in the order of the text.
fn in_order<'t, 'i>(
    table: &'t DeTable<'i>,
) -> Vec<(&'t Spanned<std::borrow::Cow<'i, str>>, &'t Spanned<DeValue<'i>>)> {
    let mut content: Vec<_> = table.iter().collect();
    content.sort_by_key(|(key, _)| key.span().start);
    content
}
