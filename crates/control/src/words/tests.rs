use proptest::prelude::*;

use super::*;

fn word(text: &str, action: Action) -> Word {
    Word { text: text.into(), action, pinyin: None }
}

fn words(texts: &[&str]) -> Words {
    Words::new(texts.iter().map(|text| word(text, Action::Replace)).collect()).unwrap()
}

fn list() -> Words {
    Words::new(vec![
        Word { text: "微信".into(), action: Action::Replace, pinyin: Some("wei xin".into()) },
        word("赌博", Action::Hold),
        word("杀人", Action::Refuse),
        word("ass", Action::Replace),
        word("buy now", Action::Replace),
        word("spam*", Action::Replace),
        word("加v", Action::Replace),
    ])
    .unwrap()
}

/// What a text becomes.
fn told(text: &str) -> String {
    match list().check(text) {
        Verdict::Clean => text.to_owned(),
        Verdict::Replace(text) => text,
        Verdict::Hold(word) => format!("hold {word}"),
        Verdict::Refuse(word) => format!("refuse {word}"),
    }
}

#[test]
fn a_word_is_found_however_it_is_written() {
    for (text, becomes) in [
        ("加微信吧", "加**吧"),
        ("微 信", "* *"),
        ("微-信", "*-*"),
        ("微\u{200b}信", "*\u{200b}*"),
        ("微★😀信", "*★😀*"),
        ("weixin", "******"),
        ("WeiXin号", "******号"),
        ("ｗｅｉｘｉｎ", "******"),
        ("wēi xìn", "*** ***"),
        ("wei xin", "*** ***"),
        ("w e i x i n", "* * * * * *"),
        ("w.e.i.x.i.n", "*.*.*.*.*.*"),
        ("ⓦⓔⓘxin", "******"),
        ("我的weixin是", "我的******是"),
        ("ASS", "***"),
        ("BUY  now!", "***  ***!"),
        ("buynow", "******"),
        ("spammer", "****mer"),
        ("加V吧", "**吧"),
        ("赌-博", "hold 赌博"),
        ("微信赌博杀 人", "refuse 杀人"),
    ] {
        assert_eq!(told(text), becomes, "{text}");
    }
}

#[test]
fn innocent_texts_are_left_alone() {
    for text in [
        "",
        " ",
        "你好",
        "class",
        "as soon",
        "pass",
        "assassin",
        "weixing",
        "lweixin",
        "we i xin",
        "buy it now",
        "antispam",
        "很卑微。信不信由你",
        "微　　　　　　　　　信",
        "微\n信",
        "信微",
        "wei。xin",
        "e=mc²",
        "😀😀",
        "sweixina",
    ] {
        assert_eq!(list().check(text), Verdict::Clean, "{text}");
    }
}

#[test]
fn what_is_left_is_looked_at_again() {
    let list = words(&["ab", "坏的"]);
    assert_eq!(list.check("坏坏的的"), Verdict::Replace("****".into()));
    let list = Words::new(vec![word("坏", Action::Replace), word("很人", Action::Refuse)]).unwrap();
    assert_eq!(list.check("很坏人"), Verdict::Refuse("很人".into()));
}

#[test]
fn a_sign_that_is_several_letters_is_replaced_whole() {
    assert_eq!(words(&["fi"]).check("ﬁ"), Verdict::Replace("*".into()));
    assert_eq!(words(&["*i"]).check("ﬁn ﬁ"), Verdict::Replace("ﬁn *".into()));
    assert_eq!(words(&["각"]).check("가"), Verdict::Clean);
}

#[test]
fn a_list_is_bounded_and_its_words_have_letters() {
    let long = "啊".repeat(WORD_MAX + 1);
    for (texts, bad) in [
        (vec![long.as_str()], BadWord::TooLong(long.clone())),
        (vec!["好", "★"], BadWord::NoLetters("★".into())),
        (vec![""], BadWord::NoLetters(String::new())),
        (vec!["*"], BadWord::NoLetters("*".into())),
        (vec!["好"; WORDS_MAX + 1], BadWord::TooMany),
    ] {
        let list = texts.iter().map(|text| word(text, Action::Hold)).collect();
        assert_eq!(Words::new(list).map(|_| ()).unwrap_err(), bad);
        assert!(bad.to_string().is_ascii() || matches!(bad, BadWord::TooLong(_) | BadWord::NoLetters(_)));
        assert!(!bad.message_zh().is_ascii());
    }
    assert!(Words::new(vec![word(&"啊".repeat(WORD_MAX), Action::Hold)]).is_ok());
    assert_eq!(Words::new(Vec::new()).unwrap().check("微信"), Verdict::Clean);
    assert_eq!(format!("{:?}", words(&["secret"])), "Words { words: 1, .. }");
}

#[test]
fn a_full_list_takes_the_worst_text() {
    // Each of these is found at each place of a text of one character.
    let nested = (1..=WORD_MAX).map(|length| word(&"啊".repeat(length), Action::Replace));
    let many = (0..WORDS_MAX - WORD_MAX).map(|number| word(&format!("词{number}"), Action::Hold));
    let list = Words::new(nested.chain(many).collect()).unwrap();
    assert_eq!(list.check(&"啊".repeat(TEXT_MAX)), Verdict::Replace("*".repeat(TEXT_MAX)));
    // And what unfolds most: a word inside itself.
    let list = words(&["开关"]);
    let half = TEXT_MAX / 2;
    let text = format!("{}{}", "开".repeat(half), "关".repeat(half));
    let Verdict::Replace(left) = list.check(&text) else { panic!("nothing was found") };
    assert_eq!(list.check(&left), Verdict::Clean);
}

#[test]
fn texts_that_read_the_same_have_one_normal_form() {
    for (one, other) in [
        ("好 看！", "好看"),
        ("ＨＥＬＬＯ", "h e l l o"),
        ("é", "e"),
        ("\u{37a}a", "a"),
        ("😀 😀", "😀😀"),
        ("!!!", "! ! !"),
    ] {
        assert_eq!(normal_form(one), normal_form(other));
    }
    assert_ne!(normal_form("!!"), normal_form("!!!"));
    assert_ne!(normal_form("好"), normal_form("好好"));
}

fn alphabet() -> impl Strategy<Value = String> {
    "[ab微信 *.。ﬁÀ가\u{200b}\u{301}😀-]{0,40}|.{0,60}"
}

proptest! {
    #[test]
    fn what_comes_out_has_nothing_to_be_found_in_it(text in alphabet(), one in "[ab微信ﬁ -]{0,4}", two in "[ab信]{1,3}") {
        let Ok(list) = Words::new(vec![word(&one, Action::Replace), word(&two, Action::Replace)]) else { return Ok(()) };
        if let Verdict::Replace(left) = list.check(&text) {
            prop_assert_eq!(list.check(&left), Verdict::Clean);
            // Character for character: a replaced one is a star, and every other is as it was.
            prop_assert_eq!(left.chars().count(), text.chars().count());
            prop_assert!(left.chars().zip(text.chars()).all(|(left, was)| left == was || left == MASK));
            prop_assert_ne!(left, text);
        }
    }

    #[test]
    fn a_word_is_found_between_other_words(before in "[a-z中 ]{0,20}", after in "[a-z中 ]{0,20}", gap in "[ .★-]{0,8}") {
        let list = Words::new(vec![word("微信", Action::Refuse)]).unwrap();
        prop_assert_eq!(list.check(&format!("{before}微{gap}信{after}")), Verdict::Refuse("微信".into()));
    }

    #[test]
    fn the_normal_form_is_its_own(text in ".{0,60}") {
        let normal = normal_form(&text);
        prop_assert_eq!(normal_form(&normal), normal);
    }
}
