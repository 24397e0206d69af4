//! Tokens of users: whatever is taken apart is what was written, and claims that are believed are within their bounds.

#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use control::person::{Role, check_id};
use libfuzzer_sys::fuzz_target;

#[allow(dead_code)]
#[path = "../../crates/server/src/identity/jwt.rs"]
mod jwt;
#[allow(dead_code)]
#[path = "../../crates/server/src/identity/refusal.rs"]
mod refusal;

const NOW: i64 = 1_700_000_000;
const SIGNATURE: [u8; 32] = [7; 32];

fuzz_target!(|input: &[u8]| {
    let [mode, rest @ ..] = input else { return };
    let text = String::from_utf8_lossy(rest);
    // The text is a token, or the two JSON texts in one, a line feed between them.
    let text = match text.split_once('\n') {
        Some((header, payload)) if mode & 1 != 0 => {
            format!(
                "{}.{}.{}",
                URL_SAFE_NO_PAD.encode(header),
                URL_SAFE_NO_PAD.encode(payload),
                URL_SAFE_NO_PAD.encode(SIGNATURE)
            )
        }
        _ => text.into_owned(),
    };
    let Ok(token) = jwt::Token::parse(&text) else { return };
    assert!(jwt::looks_like(&text) && text.len() <= jwt::TOKEN_MAX);
    assert_eq!(format!("{}.{}", token.signed, URL_SAFE_NO_PAD.encode(&token.signature)), text);
    let max_role = Role::IN_TOKENS[usize::from(mode >> 1) % 3];
    for audience in ["weir", ""] {
        let Ok(claims) = token.claims(audience, max_role, NOW) else { continue };
        assert!(claims.until.saturating_add(jwt::SKEW_SECONDS) >= NOW);
        assert!(claims.person.role <= max_role && !claims.person.guest);
        assert_eq!(check_id(&claims.person.id), Ok(()));
        // What was understood is written and understood again.
        let again = jwt::write(("HS256", "k"), audience, &claims, NOW, |_| SIGNATURE.to_vec());
        let Ok(token) = jwt::Token::parse(&again) else {
            assert!(again.len() > jwt::TOKEN_MAX, "{again}");
            continue;
        };
        assert_eq!(token.claims(audience, max_role, NOW), Ok(claims));
    }
});
