//! What can be wrong with a configuration, told so that it can be mended.

use std::fmt;

use super::value::Kind;
use crate::lang::Lang;

/// One thing that is wrong. Values of secret keys are never in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// Where: `weir.toml:12`, `WEIR__HTTP__LISTEN`, `--http`.
    pub place: String,
    /// What.
    pub fault: Fault,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// The file cannot be read.
    Unreadable(String),
    /// The file is not TOML.
    Syntax(String),
    /// There is no such key or section.
    Unknown {
        /// What was written.
        name: String,
        /// What was probably meant.
        meant: Option<String>,
    },
    /// The value is of another kind than the key's.
    WrongKind {
        /// The key.
        key: String,
        /// The kind that it takes.
        expected: Kind,
    },
    /// The value is out of bounds.
    OutOfRange {
        /// The key.
        key: String,
        /// The least.
        min: i64,
        /// The most.
        max: i64,
    },
    /// The value is none of those that there are.
    NotOneOf {
        /// The key.
        key: String,
        /// All that there are.
        choices: &'static [&'static str],
    },
    /// A key without which the section means nothing.
    Missing {
        /// The key.
        key: String,
    },
    /// Something that only this key knows.
    Rule {
        /// In English.
        en: String,
        /// In Chinese.
        zh: String,
    },
}

/// All that is wrong; at least one thing.
#[derive(Debug, Clone, PartialEq)]
pub struct Problems(pub Vec<Problem>);

impl Problem {
    /// One line.
    pub fn text(&self, lang: Lang) -> String {
        let fault = lang.pick(self.fault.en(), self.fault.zh());
        lang.pick(format!("{}: {fault}", self.place), format!("{}：{fault}", self.place))
    }
}

impl Problems {
    /// A line for each.
    pub fn text(&self, lang: Lang) -> String {
        self.0.iter().map(|problem| problem.text(lang)).collect::<Vec<_>>().join("\n")
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(Lang::En))
    }
}

impl std::error::Error for Problems {}

impl Fault {
    fn en(&self) -> String {
        match self {
            Fault::Unreadable(why) => format!("the file cannot be read: {why}"),
            Fault::Syntax(why) => format!("this is not TOML: {why}"),
            Fault::Unknown { name, meant: Some(meant) } => {
                format!("unknown key `{name}`; did you mean `{meant}`?")
            }
            Fault::Unknown { name, meant: None } => {
                format!("unknown key `{name}`; `weir config show` lists all there are")
            }
            Fault::WrongKind { key, expected } => format!("`{key}` must be {}", expected.en()),
            Fault::OutOfRange { key, min, max } => format!("`{key}` must be from {min} to {max}"),
            Fault::NotOneOf { key, choices } => format!("`{key}` must be one of {}", choices.join(", ")),
            Fault::Missing { key } => format!("`{key}` is missing"),
            Fault::Rule { en, .. } => en.clone(),
        }
    }

    fn zh(&self) -> String {
        match self {
            Fault::Unreadable(why) => format!("读不了这个文件：{why}"),
            Fault::Syntax(why) => format!("不是合法的 TOML：{why}"),
            Fault::Unknown { name, meant: Some(meant) } => format!("没有配置项 `{name}`，是不是 `{meant}`？"),
            Fault::Unknown { name, meant: None } => {
                format!("没有配置项 `{name}`，用 `weir config show` 查看全部")
            }
            Fault::WrongKind { key, expected } => format!("`{key}` 应是{}", expected.zh()),
            Fault::OutOfRange { key, min, max } => format!("`{key}` 应在 {min} 到 {max} 之间"),
            Fault::NotOneOf { key, choices } => format!("`{key}` 应是其中之一：{}", choices.join("、")),
            Fault::Missing { key } => format!("缺少 `{key}`"),
            Fault::Rule { zh, .. } => zh.clone(),
        }
    }
}
