//! JSON Web Tokens of users (RFC 7519, with the advice of RFC 8725): taking apart and putting together. Signatures are checked
//! by the caller, who looks the key up here and nowhere else: what a header says about where to find a key is not read.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use control::person::{self, Person, Role};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::refusal::Refusal;

/// Longest token, in bytes.
pub const TOKEN_MAX: usize = 8 * 1_024;

/// How far the clocks of whoever signs and of this server may be apart, in seconds.
pub const SKEW_SECONDS: i64 = 60;

/// Times beyond are no times: 2^53 seconds, up to which every JSON reader counts exactly.
const TIME_MAX: i64 = 1 << 53;

/// A token in its parts. Nothing of it is to be believed before its signature was checked.
#[derive(Debug)]
pub(super) struct Token<'a> {
    /// Which algorithm it says.
    pub(super) algorithm: String,
    /// Which key it says.
    pub(super) kid: Option<String>,
    /// What was signed.
    pub(super) signed: &'a str,
    /// The signature.
    pub(super) signature: Vec<u8>,
    payload: Vec<u8>,
}

/// What a token says about somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claims {
    /// Who.
    pub(super) person: Person,
    /// The one room that it is good for; none: all.
    pub(super) room: Option<String>,
    /// The last second in which it is good, without the difference of clocks that is forgiven.
    pub(super) until: i64,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    crit: Option<Value>,
}

/// Whether a text can be such a token, and not one of the other kinds.
pub(super) fn looks_like(text: &str) -> bool {
    text.bytes().filter(|byte| *byte == b'.').count() == 2
}

impl Token<'_> {
    /// Takes it apart.
    pub(super) fn parse(text: &str) -> Result<Token<'_>, Refusal> {
        if text.len() > TOKEN_MAX {
            return Err(Refusal::TooLong);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(Refusal::NotAToken)?;
        let (header, payload) = signed.split_once('.').ok_or(Refusal::NotAToken)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::Damaged);
        let header: Header =
            serde_json::from_slice(&decode(header)?).map_err(|_| Refusal::BadHeader("JSON with alg"))?;
        if header.typ.is_some_and(|typ| !typ.eq_ignore_ascii_case("JWT")) {
            return Err(Refusal::BadHeader("typ"));
        }
        // RFC 7515 section 4.1.11: what is critical and not understood ends it; nothing is understood here.
        if header.crit.is_some() {
            return Err(Refusal::BadHeader("crit"));
        }
        let (payload, signature) = (decode(payload)?, decode(signature)?);
        Ok(Token { algorithm: header.alg, kid: header.kid, signed, signature, payload })
    }

    /// What it says, if that holds at `now` for `audience` (any, when that is empty) and makes nobody more than `max_role`.
    pub(super) fn claims(&self, audience: &str, max_role: Role, now: i64) -> Result<Claims, Refusal> {
        let claims: Map<String, Value> =
            serde_json::from_slice(&self.payload).map_err(|_| Refusal::BadClaim("JSON"))?;
        let exp = time(&claims, "exp")?.ok_or(Refusal::Missing("exp"))?;
        if now > exp.saturating_add(SKEW_SECONDS) {
            return Err(Refusal::Expired(exp));
        }
        if let Some(nbf) = time(&claims, "nbf")?.filter(|nbf| now < nbf.saturating_sub(SKEW_SECONDS)) {
            return Err(Refusal::NotYet(nbf));
        }
        if !audience.is_empty() {
            match claims.get("aud") {
                None => return Err(Refusal::Missing("aud")),
                Some(Value::String(one)) if one == audience => {}
                Some(Value::Array(all)) if all.iter().any(|one| one.as_str() == Some(audience)) => {}
                Some(_) => return Err(Refusal::WrongAudience),
            }
        }
        let role = match text(&claims, "role")? {
            None => Role::Viewer,
            Some(word) => Role::in_token(word).ok_or(Refusal::BadClaim("role"))?,
        };
        if role > max_role {
            return Err(Refusal::RoleNotAllowed(role));
        }
        let id = text(&claims, "sub")?.ok_or(Refusal::Missing("sub"))?;
        let (name, avatar) = (text(&claims, "name")?, text(&claims, "avatar")?);
        let person = Person::new(id, name.unwrap_or_default(), avatar.unwrap_or_default(), role)?;
        let room = text(&claims, "room")?;
        if room.is_some_and(|room| person::check_id(room).is_err()) {
            return Err(Refusal::BadClaim("room"));
        }
        Ok(Claims { person, room: room.map(str::to_owned), until: exp })
    }
}

/// A token for somebody, signed with `sign` over its first two parts.
pub(super) fn write(
    (algorithm, kid): (&str, &str),
    audience: &str,
    claims: &Claims,
    now: i64,
    sign: impl FnOnce(&[u8]) -> Vec<u8>,
) -> String {
    let header = json!({"alg": algorithm, "typ": "JWT", "kid": kid});
    let Person { id, name, avatar, role, .. } = &claims.person;
    let mut payload = json!({"sub": id, "iat": now, "exp": claims.until});
    for (claim, value) in [
        ("aud", audience),
        ("name", name),
        ("avatar", avatar),
        ("room", claims.room.as_deref().unwrap_or_default()),
        ("role", if *role == Role::Viewer { "" } else { role.word() }),
    ] {
        if !value.is_empty() {
            payload[claim] = value.into();
        }
    }
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(&header), encode(&payload));
    let signature = URL_SAFE_NO_PAD.encode(sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

fn text<'a>(claims: &'a Map<String, Value>, name: &'static str) -> Result<Option<&'a str>, Refusal> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Refusal::BadClaim(name)),
    }
}

/// A NumericDate: seconds since 1970, with a fraction where a library writes one.
fn time(claims: &Map<String, Value>, name: &'static str) -> Result<Option<i64>, Refusal> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let whole = value.as_i64();
    let seconds = whole.or_else(|| {
        let seconds = value.as_f64()?.floor();
        // A cast of what is within bounds is exact.
        (0.0..=TIME_MAX as f64).contains(&seconds).then_some(seconds as i64)
    });
    match seconds {
        Some(seconds) if (0..=TIME_MAX).contains(&seconds) => Ok(Some(seconds)),
        _ => Err(Refusal::BadClaim(name)),
    }
}
