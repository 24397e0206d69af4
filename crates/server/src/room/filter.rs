//! What may not be said: the words of the whole server and of one room, and links.

use std::sync::{Arc, PoisonError, RwLock};

use control::words::{Action, Links, Verdict, Word, Words};
use tracing::warn;

use crate::store;

/// What may not be said anywhere; replaced whole when it changes.
#[derive(Debug, Default)]
pub(super) struct Everywhere {
    words: RwLock<Option<Arc<Words>>>,
    links: RwLock<Arc<Links>>,
}

/// What may not be said in one room.
#[derive(Debug)]
pub(super) struct Filter {
    here: Option<Arc<Words>>,
}

impl Everywhere {
    pub(super) fn set_words(&self, words: Option<Arc<Words>>) {
        *self.words.write().unwrap_or_else(PoisonError::into_inner) = words;
    }

    pub(super) fn set_links(&self, links: Links) {
        *self.links.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(links);
    }

    fn words(&self) -> Option<Arc<Words>> {
        self.words.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn links(&self) -> Arc<Links> {
        self.links.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Filter {
    pub(super) fn new(here: Option<Arc<Words>>) -> Filter {
        Filter { here }
    }

    /// What becomes of a text. The server's words come first; what is left of it is held against the room's. Whoever is of the
    /// host's side may post links.
    pub(super) fn check(&self, everywhere: &Everywhere, text: &str, links: bool) -> Verdict {
        if let Some(link) = (!links).then(|| everywhere.links().refused(text)).flatten() {
            return Verdict::Refuse(link);
        }
        let of = |words: &Option<Arc<Words>>, text: &str| {
            words.as_ref().map_or(Verdict::Clean, |words| words.check(text))
        };
        let first = of(&everywhere.words(), text);
        let left = match &first {
            Verdict::Clean => text,
            Verdict::Replace(replaced) => replaced,
            Verdict::Refuse(_) => return first,
            Verdict::Hold(_) => text,
        };
        match (first.clone(), of(&self.here, left)) {
            (Verdict::Hold(_), Verdict::Refuse(word)) => Verdict::Refuse(word),
            (Verdict::Hold(word), _) => Verdict::Hold(word),
            (first, Verdict::Clean) => first,
            (_, second) => second,
        }
    }
}

/// A compiled list; none when nothing is on it. What cannot be compiled is left out and said.
pub(super) fn compile(rows: Vec<store::rooms::Word>) -> Option<Arc<Words>> {
    let word = |row: store::rooms::Word| {
        let action = match row.action.as_str() {
            "replace" => Action::Replace,
            "hold" => Action::Hold,
            _ => Action::Refuse,
        };
        Word { text: row.word, action, pinyin: row.pinyin }
    };
    let mut words: Vec<Word> = rows.into_iter().map(word).collect();
    if words.is_empty() {
        return None;
    }
    if let Ok(compiled) = Words::new(words.clone()) {
        return Some(Arc::new(compiled));
    }
    words.retain(|word| {
        let good = Words::new(vec![word.clone()]);
        good.as_ref().inspect_err(|bad| warn!(?bad, "a forbidden word is left out")).is_ok()
    });
    Words::new(words).inspect_err(|bad| warn!(?bad, "forbidden words are not in force")).ok().map(Arc::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(list: &[(&str, &str)]) -> Option<Arc<Words>> {
        let row = |(word, action): &(&str, &str)| store::rooms::Word {
            room: String::new(),
            word: (*word).to_owned(),
            action: (*action).to_owned(),
            pinyin: None,
        };
        compile(list.iter().map(row).collect())
    }

    #[test]
    fn the_strictest_of_both_lists_holds() {
        let everywhere = Everywhere::default();
        everywhere.set_words(words(&[("笨蛋", "replace"), ("押金", "hold")]));
        let filter = Filter::new(words(&[("外挂", "refuse"), ("押注", "hold"), ("***", "refuse")]));
        let check = |text: &str| filter.check(&everywhere, text, true);
        assert_eq!(check("你好"), Verdict::Clean);
        assert_eq!(check("你个笨蛋"), Verdict::Replace("你个**".into()));
        assert_eq!(check("笨蛋押注"), Verdict::Hold("押注".into()));
        assert_eq!(check("押金"), Verdict::Hold("押金".into()));
        assert_eq!(check("押金换外挂"), Verdict::Refuse("外挂".into()));
    }

    #[test]
    fn links_are_for_the_host_s_side() {
        let everywhere = Everywhere::default();
        everywhere.set_links(Links::Refuse);
        let filter = Filter::new(None);
        assert!(matches!(filter.check(&everywhere, "看 https://evil.example/x", false), Verdict::Refuse(_)));
        assert_eq!(filter.check(&everywhere, "看 https://evil.example/x", true), Verdict::Clean);
        assert_eq!(compile(Vec::new()).map(|_| ()), None);
    }
}
