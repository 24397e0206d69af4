//! Errors that the operator reads: one sentence, whose fault it is and what to do, in both languages.

use std::fmt;

use crate::config::Problems;
use crate::lang::Lang;

/// A sentence in two languages.
#[derive(Debug)]
struct Told {
    en: String,
    zh: String,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.en)
    }
}

impl std::error::Error for Told {}

/// An error with its sentence in English and in Chinese.
pub(crate) fn told(en: impl Into<String>, zh: impl Into<String>) -> anyhow::Error {
    Told { en: en.into(), zh: zh.into() }.into()
}

/// What to print for an error.
pub(crate) fn text(error: &anyhow::Error, lang: Lang) -> String {
    if let Some(problems) = error.downcast_ref::<Problems>() {
        let head = lang.pick("the configuration is not good:", "配置有误：");
        return format!("{head}\n{}", problems.text(lang));
    }
    match error.downcast_ref::<Told>() {
        Some(told) => lang.pick(&told.en, &told.zh).clone(),
        // What the system or a library says is in English.
        None => format!("{error:#}"),
    }
}
