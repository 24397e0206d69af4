//! A text as words are looked for in it: one case, one width, no accents, and only its letters and digits; with the way back to
//! the text as it was written.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::decompose_canonical;

use crate::person::is_invisible;

/// Most characters that one becomes; one that becomes more, such as a whole phrase in one Arabic sign, stays as it is.
const EXPANSION_MAX: usize = 4;

/// Most characters between two letters that are passed over. Beyond, they are not of one word.
const GAP_MAX: usize = 8;

/// Stands where no word goes on. It is in no word, because it is no letter.
const BREAK: char = '\n';

/// What is between a letter and the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gap {
    /// Nothing that can be seen.
    None,
    /// Signs.
    Signs,
    /// A space, at least.
    Space,
    /// So much, or such a sign, that no word goes on.
    Break,
}

/// A letter or digit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Letter {
    /// Where it begins in the normal text.
    pub(super) at: usize,
    /// Where the character that it comes from is in the text as it was written.
    from: usize,
    to: usize,
    /// What was before it.
    pub(super) gap: Gap,
    /// Whether it is of a script that puts spaces between words.
    pub(super) spaced: bool,
}

/// A text and its letters.
#[derive(Debug, Default)]
pub(super) struct Normal {
    /// The letters, with a line feed at each break.
    pub(super) text: String,
    /// Each of them, and each break.
    pub(super) letters: Vec<Letter>,
}

impl Normal {
    /// Of a text.
    pub(super) fn of(text: &str) -> Normal {
        let mut normal = Normal { text: String::with_capacity(text.len()), letters: Vec::new() };
        let mut gap = Gap::None;
        let mut passed = 0;
        for (from, c) in text.char_indices() {
            let to = from + c.len_utf8();
            if is_passed_over(c) {
                continue;
            }
            let mut any = false;
            for letter in folded(c).filter(|letter| letter.is_alphanumeric() && !is_passed_over(*letter)) {
                if gap == Gap::Break && !normal.letters.is_empty() {
                    normal.push(BREAK, from..from, Gap::Break);
                }
                normal.push(letter, from..to, gap);
                (gap, passed, any) = (Gap::None, 0, true);
            }
            if !any {
                passed += 1;
                let kind = if passed > GAP_MAX { Gap::Break } else { kind_of_gap(c) };
                gap = gap.max(kind);
            }
        }
        normal
    }

    fn push(&mut self, c: char, from: Range<usize>, gap: Gap) {
        let spaced = c != BREAK && !is_unspaced(c);
        self.letters.push(Letter { at: self.text.len(), from: from.start, to: from.end, gap, spaced });
        self.text.push(c);
    }

    /// The letters of a piece of the normal text.
    pub(super) fn letters_in(&self, piece: Range<usize>) -> Range<usize> {
        let index = |at: usize| self.letters.partition_point(|letter| letter.at < at);
        index(piece.start)..index(piece.end)
    }

    /// Where a letter comes from.
    pub(super) fn origin(&self, letter: usize) -> Option<Range<usize>> {
        self.letters.get(letter).map(|letter| letter.from..letter.to)
    }
}

/// A character in one width and case, without accents where it is Latin.
pub(super) fn folded(c: char) -> impl Iterator<Item = char> {
    let mut compatible = [c; EXPANSION_MAX];
    let mut count = 0;
    for part in std::iter::once(c).nfkc() {
        if count == EXPANSION_MAX {
            (compatible, count) = ([c; EXPANSION_MAX], 1);
            break;
        }
        compatible[count] = part;
        count += 1;
    }
    compatible.into_iter().take(count).map(without_accent).flat_map(char::to_lowercase)
}

/// Characters that are as if they were not there.
pub(super) fn is_passed_over(c: char) -> bool {
    is_invisible(c)
        || matches!(c, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
            | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{fe20}'..='\u{fe2f}')
}

fn without_accent(c: char) -> char {
    if c.is_ascii() || !matches!(c, '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}') {
        return c;
    }
    let mut base = None;
    decompose_canonical(c, |part| {
        base.get_or_insert(part);
    });
    base.filter(char::is_ascii_alphabetic).unwrap_or(c)
}

fn kind_of_gap(c: char) -> Gap {
    match c {
        '。' | '！' | '？' | '；' | '!' | '?' | ';' | '\n' | '\r' => Gap::Break,
        c if c.is_whitespace() => Gap::Space,
        _ => Gap::Signs,
    }
}

/// Whether a letter is of a script that writes words without spaces.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{f00}'..='\u{109f}' | '\u{1100}'..='\u{11ff}' | '\u{1780}'..='\u{17ff}'
        | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7ff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}
