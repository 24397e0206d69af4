//! Forbidden words and links: nothing is found in what comes out, and nothing else is changed.

#![no_main]

use control::words::{Action, Links, Verdict, Word, Words, normal_form};
use libfuzzer_sys::fuzz_target;

/// Words in one input; more makes the inputs slow and not different.
const WORDS_MAX: usize = 16;

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    // The words, separated by commas, and the text behind the first line feed.
    let (list, text) = text.split_once('\n').unwrap_or(("", &text));
    let word = |text: &str| {
        let (action, text) = match text.split_at_checked(1) {
            Some(("?", text)) => (Action::Hold, text),
            Some(("!", text)) => (Action::Refuse, text),
            _ => (Action::Replace, text),
        };
        let (text, pinyin) =
            text.split_once('=').map_or((text, None), |(text, pinyin)| (text, Some(pinyin.to_owned())));
        Word { text: text.to_owned(), action, pinyin }
    };
    if let Ok(words) = Words::new(list.split(',').take(WORDS_MAX).map(word).collect()) {
        match words.check(text) {
            Verdict::Clean => {}
            Verdict::Replace(left) => {
                assert_eq!(words.check(&left), Verdict::Clean, "{list}: {text} -> {left}");
                assert_eq!(left.chars().count(), text.chars().count(), "{list}: {text} -> {left}");
                let same = left.chars().zip(text.chars()).all(|(left, was)| left == was || left == '*');
                assert!(same && left != text, "{list}: {text} -> {left}");
            }
            Verdict::Hold(word) | Verdict::Refuse(word) => {
                assert!(words.words().iter().any(|one| one.text == word), "{word}");
            }
        }
    }
    let normal = normal_form(text);
    assert_eq!(normal_form(&normal), normal);
    assert_eq!(Links::Allow.refused(text), None);
    if let Some(host) = Links::Refuse.refused(text) {
        assert!(host.len() <= 4 * text.len() * 4);
    }
});
