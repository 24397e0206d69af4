use super::super::settings::GIFT_RATE;
use super::*;
use crate::room::bucket::Rate;

fn feed() -> Feed {
    Feed::new("e".into(), 0, Vec::new(), 0)
}

fn person(id: &str, role: Role) -> Person {
    Person { id: id.into(), name: id.to_uppercase(), avatar: String::new(), role, guest: false }
}

fn chat(settings: Settings) -> Chat {
    let mut chat = Chat::new(settings, State::Live, feed(), Sanctions::default());
    for (id, role) in [("u1", Role::Viewer), ("u2", Role::Viewer), ("host", Role::Host)] {
        chat.join(&person(id, role), None, None, &Sanctions::default(), 0).unwrap();
    }
    chat
}

fn text(user: &str, cid: &str, text: &str) -> Send {
    let (user, cid) = (user.into(), cid.into());
    Send { user, cid, reply_to: None, mentions: Vec::new(), body: Body::Text(text.into()) }
}

fn say(chat: &mut Chat, send: Send, now_ms: u64) -> Result<(Ack, Option<Message>), NoDraft> {
    let draft = chat.check(send, &Sanctions::default(), now_ms, now_ms as i64)?;
    let (ack, said) = chat.commit(draft, now_ms, now_ms as i64, Some(5));
    Ok((ack, said.map(|said| said.message.clone())))
}

fn code(result: Result<(Ack, Option<Message>), NoDraft>) -> (Code, Option<u64>) {
    match result {
        Err(NoDraft::Rejected(reject)) => (reject.code, reject.retry_after_ms),
        other => panic!("{other:?}"),
    }
}

#[test]
fn messages_are_numbered_in_the_order_in_which_they_pass() {
    let mut chat = chat(Settings::default());
    let (ack, message) = say(&mut chat, text("u1", "a", "hello"), 10).unwrap();
    let message = message.unwrap();
    assert_eq!((ack.seq, message.seq, message.at_ms, message.media_ms), (1, 1, 10, Some(5)));
    assert_eq!((message.from.unwrap().name.as_str(), message.cid.as_str()), ("U1", "a"));
    assert_eq!(chat.event(Event::Silence(true), 11, None).message.seq, 2);
    assert_eq!(say(&mut chat, text("u2", "a", "hello"), 12).unwrap().0.seq, 3);
}

#[test]
fn the_same_id_gets_the_same_answer_and_is_shown_once() {
    let mut chat = chat(Settings::default());
    let (ack, _) = say(&mut chat, text("u1", "a", "hello"), 10).unwrap();
    assert_eq!(say(&mut chat, text("u1", "a", "hello"), 20), Err(NoDraft::Again(ack)));
    // While it is being decided there is no answer yet.
    let draft = chat.check(text("u1", "b", "more"), &Sanctions::default(), 30, 30).unwrap();
    let again = chat.check(text("u1", "b", "more"), &Sanctions::default(), 31, 31);
    assert_eq!(again.err(), Some(NoDraft::Pending));
    chat.cancel(&draft, 31);
    assert!(say(&mut chat, text("u1", "b", "more"), 32).is_ok());
}

#[test]
fn what_waited_for_a_look_is_said_once_as_it_was_sent() {
    let mut chat = chat(Settings::default());
    let send = Send { reply_to: Some(1), mentions: vec!["u2".into()], ..text("u1", "a", "hello") };
    let draft = chat.check(send.clone(), &Sanctions::default(), 10, 10).unwrap();
    let author = (**draft.author()).clone();
    chat.hold(&draft, 10);
    assert_eq!(code(say(&mut chat, send.clone(), 20)).0, Code::Held);
    chat.leave("u1");
    let (ack, said) = chat.say_late(author.clone(), send.clone(), 30, 30, None);
    let message = said.unwrap().message.clone();
    assert_eq!((message.from.as_deref(), message.cid.as_str()), (Some(&author), "a"));
    assert_eq!((message.reply_to, message.mentions), (Some(1), vec!["u2".to_owned()]));
    let (again, said) = chat.say_late(author, send.clone(), 31, 31, None);
    assert_eq!((again, said.is_none()), (ack, true));
    chat.join(&person("u1", Role::Viewer), None, None, &Sanctions::default(), 40).unwrap();
    assert_eq!(say(&mut chat, send, 40), Err(NoDraft::Again(ack)));
}

#[test]
fn everybody_has_a_rate_that_leaving_does_not_reset() {
    let mut chat = chat(Settings::default());
    for number in 0..3 {
        say(&mut chat, text("u1", &format!("c{number}"), &format!("t{number}")), 0).unwrap();
    }
    assert_eq!(code(say(&mut chat, text("u1", "d", "more"), 0)), (Code::RateUser, Some(1_000)));
    assert!(chat.leave("u1"));
    chat.join(&person("u1", Role::Viewer), None, None, &Sanctions::default(), 0).unwrap();
    assert_eq!(code(say(&mut chat, text("u1", "d", "more"), 500)), (Code::RateUser, Some(500)));
    assert!(say(&mut chat, text("u1", "d", "more"), 1_000).is_ok());
    // The host's side has another.
    for number in 0..10 {
        say(&mut chat, text("host", &format!("c{number}"), "again"), 0).unwrap();
    }
}

#[test]
fn a_full_room_sheds_chat_and_nothing_else() {
    let rate = Rate::per_second(2, 2);
    let mut chat = chat(Settings { room_rate: rate, ..Settings::default() });
    say(&mut chat, text("u1", "a", "1"), 0).unwrap();
    say(&mut chat, text("u2", "a", "2"), 0).unwrap();
    assert_eq!(code(say(&mut chat, text("u1", "b", "3"), 0)), (Code::RateRoomShed, Some(500)));
    // It did not cost them their own rate.
    assert!(say(&mut chat, text("u1", "b", "3"), 500).is_ok());
    assert!(say(&mut chat, text("u1", "c", "4"), 1_000).is_ok());
    assert!(say(&mut chat, text("host", "a", "5"), 1_000).is_ok());
}

#[test]
fn slow_mode_and_repeats_say_when() {
    let mut chat = chat(Settings { slow_ms: 5_000, ..Settings::default() });
    say(&mut chat, text("u1", "a", "Hello!"), 1_000).unwrap();
    assert_eq!(code(say(&mut chat, text("u1", "b", "new"), 2_000)), (Code::SlowMode, Some(4_000)));
    assert_eq!(code(say(&mut chat, text("u1", "c", " hello"), 11_000)), (Code::Duplicate, Some(20_000)));
    assert!(say(&mut chat, text("u1", "c", "hello"), 31_000).is_ok());
}

#[test]
fn sanctions_hold_and_end() {
    let mut chat = chat(Settings::default());
    chat.sanctions().set(Kind::Mute, super::super::sanction::Subject::User("u1".into()), Some(3_000));
    assert_eq!(code(say(&mut chat, text("u1", "a", "1"), 1_000)), (Code::Muted, Some(2_000)));
    assert!(say(&mut chat, text("u1", "a", "1"), 3_000).is_ok());
    chat.sanctions().set(Kind::Hide, super::super::sanction::Subject::User("u1".into()), None);
    let (ack, message) = say(&mut chat, text("u1", "b", "2"), 5_000).unwrap();
    assert_eq!((ack.seq, message), (2, None));
    assert_eq!(chat.feed().last_seq(), 1);
    chat.sanctions().set(Kind::Ban, super::super::sanction::Subject::User("u1".into()), None);
    assert_eq!(code(say(&mut chat, text("u1", "c", "3"), 9_000)), (Code::Banned, None));
    let back = chat.join(&person("u1", Role::Viewer), None, None, &Sanctions::default(), 9_000);
    assert_eq!(back.unwrap_err().code, Code::Banned);
}

#[test]
fn guests_read_and_the_silenced_wait() {
    let mut chat = chat(Settings::default());
    let guest = Person { guest: true, ..person("g", Role::Viewer) };
    chat.join(&guest, None, None, &Sanctions::default(), 0).unwrap();
    assert_eq!(code(say(&mut chat, text("g", "a", "1"), 0)), (Code::NotAllowed, None));
    chat.set_settings(Settings { silent: true, guests: false, ..Settings::default() });
    assert_eq!(code(say(&mut chat, text("u1", "a", "1"), 0)), (Code::Muted, None));
    assert!(say(&mut chat, text("host", "a", "1"), 0).is_ok());
    let other = Person { id: "g2".into(), ..guest };
    assert_eq!(chat.join(&other, None, None, &Sanctions::default(), 0).unwrap_err().code, Code::NotAllowed);
    chat.set_state(State::Ended);
    assert_eq!(code(say(&mut chat, text("host", "b", "1"), 0)), (Code::RoomClosed, None));
}

#[test]
fn what_is_no_line_of_chat_is_refused() {
    let mut chat = chat(Settings::default());
    for bad in ["", "  ", "a\u{7}b", "a\u{202E}b", "\0"] {
        assert_eq!(code(say(&mut chat, text("u1", "a", bad), 0)), (Code::Bad, None), "{bad:?}");
    }
    assert_eq!(code(say(&mut chat, text("u1", "a", &"字".repeat(501)), 0)), (Code::TooLong, None));
    assert!(say(&mut chat, text("u1", "a", &"字".repeat(500)), 0).is_ok());
    let image = |url: &str| Send {
        body: Body::Image(super::super::message::Image { url: url.into(), width: 1, height: 1 }),
        ..text("u2", "i", "")
    };
    assert_eq!(code(say(&mut chat, image("javascript:alert(1)"), 0)), (Code::Bad, None));
    assert!(say(&mut chat, image("https://example.com/a.png"), 0).is_ok());
    let (long, longest) = ("x".repeat(65), "x".repeat(64));
    for bad in ["", "a b", "a\n", "a\u{0}", "\u{202e}a", &long] {
        assert_eq!(code(say(&mut chat, text("u2", bad, "t"), 0)), (Code::Bad, None), "{bad:?}");
        let names = |whom: &str| Send { mentions: vec!["u1".into(), whom.into()], ..text("u2", "m", "t") };
        assert_eq!(code(say(&mut chat, names(bad), 0)), (Code::Bad, None), "{bad:?}");
    }
    let good = Send { mentions: vec![longest.clone(), "u_中".into()], ..text("u2", &longest, "t") };
    assert!(say(&mut chat, good, 0).is_ok());
}

#[test]
fn what_cannot_be_seen_is_in_no_custom_message_written_out_or_as_it_is() {
    let custom = |data: &str| Send {
        body: Body::Custom(super::super::message::Custom { name: "n".into(), data: data.into() }),
        ..text("u1", "a", "")
    };
    for bad in [
        r#"{"a":"\u0000"}"#,
        r#"{"a":"\u202E"}"#,
        r#"["\\\u2066"]"#,
        r#"{"\u001b[31m":1}"#,
        r#"["\b"]"#,
        "[\"\u{202e}\"]",
        "[\"\u{7f}\"]",
        r#"["\uFEFF"]"#,
    ] {
        assert_eq!(code(say(&mut chat(Settings::default()), custom(bad), 0)), (Code::Bad, None), "{bad}");
    }
    for good in [r#"["\n\t\r\"\/", "\u4f60\ud83d\ude00"]"#, r#"["\\u0000"]"#, "{\r\n\t\"a\": 1}", r#""你好""#]
    {
        assert!(say(&mut chat(Settings::default()), custom(good), 0).is_ok(), "{good}");
    }
}

#[test]
fn a_pinned_message_is_there_however_much_was_said_since() {
    let mut chat = chat(Settings::default());
    let (_, first) = say(&mut chat, text("u1", "a", "first"), 0).unwrap();
    chat.feed_mut().pin(first.clone());
    (0..2_000).for_each(|at_ms| drop(chat.event(Event::Changed, at_ms, None)));
    let _ = chat.poll_batch(1_000);
    chat.event(Event::Changed, 2_000, None);
    let pinned = |chat: &Chat| chat.feed().pinned().map(|said| said.message.seq);
    assert_eq!(
        (chat.feed().since(0).is_none(), pinned(&chat)),
        (true, Some(1)),
        "it is long gone from the ring"
    );
    chat.feed_mut().recall(|message| message.seq == 1);
    assert_eq!(pinned(&chat), None);
    // One that was taken back while it was being pinned.
    let (_, second) = say(&mut chat, text("u2", "a", "second"), 0).unwrap();
    let seq = second.as_ref().unwrap().seq;
    chat.feed_mut().recall(|message| message.seq == seq);
    chat.feed_mut().pin(second);
    assert_eq!(pinned(&chat), None);
    chat.feed_mut().pin(first);
    chat.feed_mut().pin(None);
    assert_eq!(pinned(&chat), None);
}

#[test]
fn somebody_on_two_connections_is_here_once() {
    let mut chat = chat(Settings::default());
    let none = Sanctions::default();
    assert!(!chat.join(&person("u1", Role::Viewer), None, None, &none, 0).unwrap().first);
    assert_eq!(chat.online(), 3);
    assert!(!chat.leave("u1"));
    assert!(chat.leave("u1"));
    assert!(!chat.leave("u1"));
    assert_eq!(chat.online(), 2);
    for _ in 0..CONNECTIONS_MAX {
        chat.join(&person("u1", Role::Viewer), None, None, &none, 0).unwrap();
    }
    assert_eq!(
        chat.join(&person("u1", Role::Viewer), None, None, &none, 0).unwrap_err().code,
        Code::Unavailable
    );
}

#[test]
fn what_comes_to_nothing_costs_nothing() {
    let mut chat =
        chat(Settings { slow_ms: 5_000, room_rate: Rate::per_second(1, 1), ..Settings::default() });
    let draft = chat.check(text("u1", "a", "1"), &Sanctions::default(), 1_000, 1_000).unwrap();
    assert_eq!(code(say(&mut chat, text("u2", "a", "2"), 1_000)), (Code::RateRoomShed, Some(1_000)));
    chat.cancel(&draft, 1_100);
    assert!(say(&mut chat, text("u1", "b", "1"), 1_100).is_ok(), "neither slow mode nor a repeat");
    // Of one whose sender has spoken since, the rules keep what came since.
    chat.set_settings(Settings { slow_ms: 0, ..Settings::default() });
    let draft = chat.check(text("u2", "b", "3"), &Sanctions::default(), 3_000, 3_000).unwrap();
    assert!(say(&mut chat, text("u2", "c", "4"), 3_500).is_ok());
    chat.cancel(&draft, 3_600);
    chat.set_settings(Settings { slow_ms: 5_000, ..Settings::default() });
    assert_eq!(code(say(&mut chat, text("u2", "d", "5"), 4_000)), (Code::SlowMode, Some(4_500)));
}

#[test]
fn words_that_are_refused_cost_their_sender_s_own_rate_and_nothing_else() {
    let (user_rate, room_rate) = (Rate::per_second(1, 3), Rate::per_second(1, 1));
    let mut chat = chat(Settings { slow_ms: 5_000, user_rate, room_rate, ..Settings::default() });
    for cid in ["a", "b", "b"] {
        let draft = chat.check(text("u1", cid, "bad"), &Sanctions::default(), 1_000, 1_000).unwrap();
        chat.refuse(&draft, 1_000);
    }
    assert_eq!(code(say(&mut chat, text("u1", "c", "good"), 1_000)), (Code::RateUser, Some(1_000)));
    assert!(say(&mut chat, text("u2", "a", "good"), 1_000).is_ok(), "the room's rate is whole");
    assert!(say(&mut chat, text("u1", "c", "good"), 2_000).is_ok(), "no slow mode");
}

#[test]
fn a_rule_is_remembered_for_as_long_as_it_holds() {
    let hour = 3_600_000;
    let mut chat = chat(Settings { slow_ms: hour, ..Settings::default() });
    say(&mut chat, text("u1", "a", "1"), 1_000).unwrap();
    let gift = |number: u32| {
        let (id, name, icon) = ("rose".into(), String::new(), String::new());
        let gift = super::super::message::Gift { id, name, icon, count: 1, combo: 0, price: 0, ledger: 0 };
        Send { body: Body::Gift(gift), ..text("u2", &format!("g{number}"), "") }
    };
    let now_ms = hour - 100;
    for number in 0..GIFT_RATE.burst {
        chat.check(gift(number), &Sanctions::default(), now_ms, 0).unwrap();
    }
    chat.tidy(now_ms, 0);
    assert_eq!(code(say(&mut chat, text("u1", "b", "2"), now_ms)), (Code::SlowMode, Some(1_100)));
    assert!(chat.check(gift(99), &Sanctions::default(), now_ms, 0).is_err(), "who only gives has a rate too");
    chat.tidy(3 * hour, 0);
    assert!(chat.limits.is_empty());
}
