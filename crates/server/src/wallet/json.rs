//! What is said to the wallet, and what it says. docs/en/gifts.md has it.

use serde::{Deserialize, Serialize};

use super::Reply;
use crate::store::ledger::Entry;

/// Longest name that the wallet gives to something, in bytes.
const REFERENCE_MAX: usize = 128;

#[derive(Serialize)]
struct Question<'a> {
    id: &'a str,
    action: &'a str,
    room: &'a str,
    user: &'a str,
    gift: &'a str,
    count: u32,
    price: u64,
    amount: u64,
    cid: &'a str,
    reference: &'a str,
    ledger: i64,
    at: i64,
}

#[derive(Deserialize)]
struct Answer {
    ok: bool,
    #[serde(default)]
    id: String,
    amount: Option<u64>,
    #[serde(default)]
    reference: String,
    #[serde(default)]
    code: String,
}

/// What is sent.
pub(super) fn question(entry: &Entry, id: &str, action: &str) -> String {
    let question = Question {
        id,
        action,
        room: &entry.room,
        user: &entry.user,
        gift: &entry.gift,
        count: entry.count,
        price: entry.price,
        amount: entry.total,
        cid: &entry.cid,
        reference: &entry.reference,
        ledger: entry.id,
        at: entry.at_ms,
    };
    // Nothing in it can fail: no map has keys that are not text.
    serde_json::to_string(&question).unwrap_or_default()
}

/// What an answer means.
pub(super) fn reply(body: &[u8], id: &str, amount: u64) -> Reply {
    match serde_json::from_slice::<Answer>(body) {
        Ok(Answer { ok: true, id: theirs, amount: Some(theirs_amount), reference, .. })
            if theirs == id && theirs_amount == amount && reference.len() <= REFERENCE_MAX =>
        {
            Reply::Yes(reference)
        }
        Ok(Answer { ok: false, id: theirs, code, .. }) if theirs == id => {
            Reply::No { balance: code == "balance" }
        }
        _ => Reply::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_repeats_the_id_and_the_amount_is_an_answer() {
        let of = |text: &str| reply(text.as_bytes(), "gift_a_0", 200);
        assert_eq!(of(r#"{"ok":true,"id":"gift_a_0","amount":200,"reference":"r"}"#), Reply::Yes("r".into()));
        assert_eq!(of(r#"{"ok":false,"id":"gift_a_0","code":"balance"}"#), Reply::No { balance: true });
        assert_eq!(of(r#"{"ok":false,"id":"gift_a_0","code":"frozen"}"#), Reply::No { balance: false });
        let long = format!(r#"{{"ok":true,"id":"gift_a_0","amount":200,"reference":"{}"}}"#, "r".repeat(200));
        for lie in [
            "",
            "ok",
            "{}",
            r#"{"ok":true}"#,
            r#"{"ok":true,"id":"gift_a_0"}"#,
            r#"{"ok":true,"id":"gift_a_0","amount":1}"#,
            r#"{"ok":true,"id":"gift_b_0","amount":200}"#,
            r#"{"ok":false,"id":"gift_b_0","code":"balance"}"#,
            r#"{"ok":"true","id":"gift_a_0","amount":200}"#,
            r#"{"ok":true,"id":"gift_a_0","amount":200}{"ok":false}"#,
            &long,
        ] {
            assert_eq!(of(lie), Reply::Nothing, "{lie}");
        }
    }
}
