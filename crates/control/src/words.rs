//! Forbidden words: what a message may not say, and how it is found when it is written around.
//!
//! A text is searched in its [normal form](normal_form): full-width letters are narrow, capitals small, accents off, and whatever
//! is no letter or digit is passed over, so that `微 信`, `微-信`, `Ｗｅｉ xin` and `w.e.i.x.i.n` are found by `微信` and `weixin`.
//! What is found is told by the text as it was written: a character is replaced whole or not at all.
//!
//! - Words of scripts without spaces (Chinese, Japanese, Thai) are found anywhere, over up to eight other signs between their
//!   characters, but not over the end of a sentence.
//! - Words of other scripts are found as words: something else must stand at both ends, `ass` is not in `class`. A `*` at an end of
//!   the word lifts that. Inside, spaces count only where the word has them, or between all letters: `wei xin` may have one, `as soon`
//!   is not `ass`.
//! - A Chinese word can have its pinyin beside it, which is found as a word of Latin letters.
//!
//! Signs alone, such as pictures of fingers, are no words here.

mod links;
mod normal;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, Anchored, Input, MatchKind};

use normal::{Gap, Normal};

pub use links::{HOSTS_MAX, Links};

/// Most words, those of the configuration and of the API together.
pub const WORDS_MAX: usize = 10_000;

/// Longest word, in characters.
pub const WORD_MAX: usize = 64;

/// Longest text that is meant to be checked, in characters. The time grows with the text; whoever takes messages bounds them.
pub const TEXT_MAX: usize = 2_000;

/// Most letters of a word in its normal form: as many as there are bits to mark its spaces.
const LETTERS_MAX: usize = 128;

/// What replaces a letter.
const MASK: char = '*';

/// What becomes of a message with a word in it, the mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// It is sent with the word made unreadable.
    Replace,
    /// It waits for somebody who looks at it.
    Hold,
    /// It is not sent.
    Refuse,
}

/// A word on the list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Word {
    /// The word itself.
    pub text: String,
    /// What becomes of a message with it.
    pub action: Action,
    /// How it is spelled in Latin letters, with a space between syllables (`wei xin`); none: it is not looked for. A spelling that
    /// is an English word as well (`chang e`) catches that too.
    pub pinyin: Option<String>,
}

/// What a text comes to. Each word is as it stands on the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// There is nothing in it.
    Clean,
    /// It is to be sent like this.
    Replace(String),
    /// It waits, because of this word.
    Hold(String),
    /// It is not sent, because of this word.
    Refuse(String),
}

/// Why a list of words cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadWord {
    /// There are too many.
    TooMany,
    /// This one is too long.
    TooLong(String),
    /// This one has no letter and no digit.
    NoLetters(String),
    /// All together are too large to be searched for.
    TooLarge,
}

/// A compiled list of words.
#[derive(Clone)]
pub struct Words {
    words: Vec<Word>,
    patterns: Vec<Pattern>,
    finder: Option<AhoCorasick>,
}

/// What is looked for: a word or its spelling.
#[derive(Debug, Clone)]
struct Pattern {
    word: usize,
    action: Action,
    /// For words between spaces: what their ends must be, and where they have spaces themselves.
    spaced: Option<Spaced>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Spaced {
    begins: bool,
    ends: bool,
    spaces: u128,
}

impl Words {
    /// Compiles a list.
    pub fn new(words: Vec<Word>) -> Result<Words, BadWord> {
        if words.len() > WORDS_MAX {
            return Err(BadWord::TooMany);
        }
        let (mut patterns, mut texts) = (Vec::new(), Vec::new());
        for (number, word) in words.iter().enumerate() {
            for text in std::iter::once(&word.text).chain(&word.pinyin) {
                if text.chars().count() > WORD_MAX {
                    return Err(BadWord::TooLong(text.clone()));
                }
                let (normal, spaced) =
                    compile(text).ok_or_else(|| BadWord::NoLetters(text.chars().take(WORD_MAX).collect()))?;
                texts.push(normal);
                patterns.push(Pattern { word: number, action: word.action, spaced });
            }
        }
        let finder = match texts.is_empty() {
            true => None,
            false => {
                let mut builder = AhoCorasick::builder();
                builder.match_kind(MatchKind::Standard).kind(Some(AhoCorasickKind::ContiguousNFA));
                Some(builder.build(&texts).map_err(|_| BadWord::TooLarge)?)
            }
        };
        Ok(Words { words, patterns, finder })
    }

    /// The words on the list.
    pub fn words(&self) -> &[Word] {
        &self.words
    }

    /// What a text comes to. What was replaced is looked at again, because what is left can be a word with the replaced one inside;
    /// so nothing is found in a text that comes out of this.
    pub fn check(&self, text: &str) -> Verdict {
        let mut current = None::<String>;
        loop {
            let looked_at = current.as_deref().unwrap_or(text);
            let normal = Normal::of(looked_at);
            let mut worst = None::<&Pattern>;
            let mut masked = Marks::new(normal.letters.len());
            for (pattern, letters) in self.found(&normal) {
                if worst.is_none_or(|worst| pattern.action > worst.action) {
                    worst = Some(pattern);
                }
                if pattern.action == Action::Refuse {
                    break;
                }
                masked.mark(letters);
            }
            let Some(worst) = worst else { return current.map_or(Verdict::Clean, Verdict::Replace) };
            let word = || self.words[worst.word].text.clone();
            match worst.action {
                Action::Refuse => return Verdict::Refuse(word()),
                Action::Hold => return Verdict::Hold(word()),
                // Each round has fewer letters than the one before, so there is a last one.
                Action::Replace => current = Some(mask(looked_at, &normal, &masked)),
            }
        }
    }

    /// Each word that is found, with its letters.
    fn found<'a>(&'a self, normal: &'a Normal) -> impl Iterator<Item = (&'a Pattern, Range<usize>)> {
        let finds = self.finder.as_ref().and_then(|finder| {
            let input = Input::new(&normal.text).anchored(Anchored::No);
            finder.try_find_overlapping_iter(input).ok()
        });
        finds.into_iter().flatten().filter_map(|found| {
            let pattern = self.patterns.get(found.pattern().as_usize())?;
            let letters = normal.letters_in(found.range());
            let fits = pattern.spaced.is_none_or(|spaced| spaced.fits(normal, &letters));
            fits.then_some((pattern, letters))
        })
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Words").field("words", &self.words.len()).finish_non_exhaustive()
    }
}

impl Spaced {
    /// Whether letters that were found are this word, and not a piece of others.
    fn fits(self, normal: &Normal, letters: &Range<usize>) -> bool {
        let all = &normal.letters;
        // What is written together with a letter of such a script goes on with it; Chinese beside it is something else.
        let joined = |left: usize, right: usize| match (all.get(left), all.get(right)) {
            (Some(left), Some(right)) => right.gap == Gap::None && left.spaced && right.spaced,
            _ => false,
        };
        let begins_inside = letters.start.checked_sub(1).is_some_and(|before| joined(before, letters.start));
        let ends_inside = joined(letters.end.saturating_sub(1), letters.end);
        if (self.begins && begins_inside) || (self.ends && ends_inside) {
            return false;
        }
        let gaps = || {
            let inner = all.get(letters.clone()).unwrap_or_default();
            inner.iter().skip(1).map(|letter| letter.gap)
        };
        let as_written = gaps().enumerate().all(|(index, gap)| {
            gap <= Gap::Signs || (gap == Gap::Space && self.spaces & (1 << (index + 1)) != 0)
        });
        as_written || gaps().all(|gap| gap != Gap::None)
    }
}

impl BadWord {
    /// For people who read Chinese.
    pub fn message_zh(&self) -> String {
        match self {
            BadWord::TooMany => format!("违禁词最多 {WORDS_MAX} 个"),
            BadWord::TooLong(word) => format!("违禁词 {word:?} 过长：最多 {WORD_MAX} 个字符"),
            BadWord::NoLetters(word) => format!("违禁词 {word:?} 里没有文字或数字，无法查找"),
            BadWord::TooLarge => "违禁词总量过大".into(),
        }
    }
}

impl fmt::Display for BadWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadWord::TooMany => write!(f, "there can be at most {WORDS_MAX} words"),
            BadWord::TooLong(word) => {
                write!(f, "the word {word:?} is too long: at most {WORD_MAX} characters")
            }
            BadWord::NoLetters(word) => {
                write!(f, "the word {word:?} has no letter and no digit, so it cannot be looked for")
            }
            BadWord::TooLarge => f.write_str("all words together are too large"),
        }
    }
}

impl std::error::Error for BadWord {}

/// What is the same for texts that read the same: to tell whether somebody says one thing again and again.
pub fn normal_form(text: &str) -> String {
    let letters: String = Normal::of(text).text.chars().filter(|c| *c != '\n').collect();
    if letters.is_empty() { text.chars().filter(|c| !c.is_whitespace()).collect() } else { letters }
}

/// Which letters are in a word that was found, however many were found: what begins and ends at each letter is counted.
struct Marks(Vec<isize>);

impl Marks {
    fn new(letters: usize) -> Marks {
        Marks(vec![0; letters + 1])
    }

    fn mark(&mut self, letters: Range<usize>) {
        for (index, step) in [(letters.start, 1), (letters.end, -1)] {
            if let Some(count) = self.0.get_mut(index) {
                *count += step;
            }
        }
    }

    fn marked(&self) -> impl Iterator<Item = usize> {
        let mut open = 0;
        self.0.iter().enumerate().filter_map(move |(index, step)| {
            open += step;
            (open > 0).then_some(index)
        })
    }
}

/// A word as it is looked for.
fn compile(word: &str) -> Option<(String, Option<Spaced>)> {
    let normal = Normal::of(word);
    // What ends a sentence does not end a word of the list: `a!b` is looked for as `ab`.
    let letters = || normal.text.chars().zip(&normal.letters).filter(|(c, _)| *c != '\n');
    let text: String = letters().map(|(c, _)| c).collect();
    let count = letters().count();
    if count == 0 || count > LETTERS_MAX {
        return None;
    }
    let spaces = letters().enumerate().filter(|(_, (_, letter))| letter.gap >= Gap::Space);
    let rule = Spaced {
        begins: !word.trim_start().starts_with('*'),
        ends: !word.trim_end().ends_with('*'),
        spaces: spaces.fold(0, |spaces, (index, _)| spaces | 1 << index),
    };
    let spaced = letters().all(|(_, letter)| letter.spaced);
    Some((text, spaced.then_some(rule)))
}

/// The text with these letters made unreadable.
fn mask(text: &str, normal: &Normal, found: &Marks) -> String {
    let mut origins: Vec<Range<usize>> = found.marked().filter_map(|letter| normal.origin(letter)).collect();
    // A character that is several letters is one character.
    origins.dedup();
    let (mut masked, mut at) = (String::with_capacity(text.len()), 0);
    for origin in origins {
        masked.push_str(text.get(at..origin.start).unwrap_or_default());
        masked.push(MASK);
        at = origin.end;
    }
    masked.push_str(text.get(at..).unwrap_or_default());
    masked
}
