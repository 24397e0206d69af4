//! Why a token is not taken, in words for programs and for people of two languages.

use control::person::{BadPerson, Role};

/// Why not. No text holds any of the token but the names in it that whoever made it chose in the open: ids of keys and apps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It has more bytes than any token.
    TooLong,
    /// It is no token of any kind.
    NotAToken,
    /// It is cut off or damaged.
    Damaged,
    /// Its header is not that of a token for users.
    BadHeader(&'static str),
    /// No key is called that.
    UnknownKey(String),
    /// It does not say which of several keys signed it.
    NoKeyId,
    /// It says another algorithm than its key has.
    WrongAlgorithm(&'static str),
    /// Its signature is not that of its content.
    BadSignature,
    /// A claim is missing.
    Missing(&'static str),
    /// A claim is of the wrong kind.
    BadClaim(&'static str),
    /// It is for another service.
    WrongAudience,
    /// It holds from then on, in seconds since 1970.
    NotYet(i64),
    /// It was good until then, in seconds since 1970.
    Expired(i64),
    /// Its key may not make somebody that.
    RoleNotAllowed(Role),
    /// Who it names cannot be so called.
    BadPerson(BadPerson),
    /// No such app is configured.
    UnknownApp(u64),
    /// It is of the version before.
    OldVersion,
    /// There are no guests here.
    NoGuests,
}

impl Refusal {
    /// For programs. These words do not change.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::TooLong => "token_too_long",
            Refusal::NotAToken => "not_a_token",
            Refusal::Damaged => "token_damaged",
            Refusal::BadHeader(_) => "token_header",
            Refusal::UnknownKey(_) => "unknown_key",
            Refusal::NoKeyId => "no_key_id",
            Refusal::WrongAlgorithm(_) => "wrong_algorithm",
            Refusal::BadSignature => "bad_signature",
            Refusal::Missing(_) => "missing_claim",
            Refusal::BadClaim(_) => "bad_claim",
            Refusal::WrongAudience => "wrong_audience",
            Refusal::NotYet(_) => "not_yet",
            Refusal::Expired(_) => "token_expired",
            Refusal::RoleNotAllowed(_) => "role_not_allowed",
            Refusal::BadPerson(_) => "bad_person",
            Refusal::UnknownApp(_) => "unknown_app",
            Refusal::OldVersion => "old_version",
            Refusal::NoGuests => "no_guests",
        }
    }

    /// For people who read English.
    pub fn message_en(&self) -> String {
        match self {
            Refusal::TooLong => "this is longer than any token: send the token alone".into(),
            Refusal::NotAToken => {
                "this is no token: it must be a JWT, a UserSig, or what this server gave a guest".into()
            }
            Refusal::Damaged => "the token is cut off or damaged: send all of it, unchanged".into(),
            Refusal::BadHeader(field) => {
                format!("the token's header is not right: {field}; sign a plain JWT with alg, typ and kid")
            }
            Refusal::UnknownKey(kid) => format!(
                "no key called {kid:?} is configured here: sign with the kid of a [[user_key]], or add the key"
            ),
            Refusal::NoKeyId => {
                "the token's header has no kid, and there is more than one key: put the kid of the key into it".into()
            }
            Refusal::WrongAlgorithm(expected) => {
                format!("the token's alg is not that of its key: sign with {expected}")
            }
            Refusal::BadSignature => {
                "the signature is not that of this content and key: compare the key on both sides".into()
            }
            Refusal::Missing(claim) => format!("the token has no {claim}: whoever signs tokens must put it in"),
            Refusal::BadClaim(claim) => {
                format!("{claim} in the token is not what it must be: see the reference, Users and tokens")
            }
            Refusal::WrongAudience => {
                "the token's aud is not this server's identity.audience: it is for another service".into()
            }
            Refusal::NotYet(_) => {
                "the token is not good yet: compare the clocks of both servers".into()
            }
            Refusal::Expired(_) => "the token has expired: ask whoever gave it for a new one".into(),
            Refusal::RoleNotAllowed(role) => format!(
                "the key that signed may not make somebody {}: raise max_role of its [[user_key]], or ask for less",
                role.word()
            ),
            Refusal::BadPerson(bad) => format!("{bad}: whoever signs tokens must change it"),
            Refusal::UnknownApp(app) => {
                format!("no [[usersig]] has sdk_app_id = {app}: sign for a configured app, or add it")
            }
            Refusal::OldVersion => {
                "this is a UserSig of version 1, which nobody signs any more: make one of version 2".into()
            }
            Refusal::NoGuests => "guests are not let in here (identity.guests): sign in".into(),
        }
    }

    /// For people who read Chinese.
    pub fn message_zh(&self) -> String {
        match self {
            Refusal::TooLong => "内容过长，不是令牌：请只发送令牌本身".into(),
            Refusal::NotAToken => "这不是令牌：应为 JWT、UserSig 或本服务器发给游客的令牌".into(),
            Refusal::Damaged => "令牌不完整或已损坏：请原样发送完整的令牌".into(),
            Refusal::BadHeader(field) => {
                format!("令牌头有误：{field}；请签发只含 alg、typ、kid 的普通 JWT")
            }
            Refusal::UnknownKey(kid) => {
                format!("没有配置名为 {kid:?} 的密钥：请使用某个 [[user_key]] 的 kid，或添加该密钥")
            }
            Refusal::NoKeyId => "令牌头没有 kid，而这里不止一个密钥：请写上密钥的 kid".into(),
            Refusal::WrongAlgorithm(expected) => format!("令牌的 alg 与密钥不符：请用 {expected} 签名"),
            Refusal::BadSignature => "签名与内容和密钥不符：请核对两端的密钥".into(),
            Refusal::Missing(claim) => format!("令牌缺少 {claim}：请在签发时加上"),
            Refusal::BadClaim(claim) => format!("令牌中的 {claim} 不正确：见参考“用户与令牌”"),
            Refusal::WrongAudience => {
                "令牌的 aud 与本服务器的 identity.audience 不符：它是给别的服务的".into()
            }
            Refusal::NotYet(_) => "令牌尚未生效：请核对两台服务器的时钟".into(),
            Refusal::Expired(_) => "令牌已过期：请重新获取".into(),
            Refusal::RoleNotAllowed(role) => {
                format!("签名的密钥无权授予 {}：请调高其 [[user_key]] 的 max_role，或降低角色", role.word())
            }
            Refusal::BadPerson(bad) => format!("{}，请在签发时修改", bad.message_zh()),
            Refusal::UnknownApp(app) => {
                format!("没有 sdk_app_id = {app} 的 [[usersig]]：请核对应用 id，或添加该应用")
            }
            Refusal::OldVersion => "这是版本 1 的 UserSig，已无人使用：请签发版本 2".into(),
            Refusal::NoGuests => "这里不接受游客（identity.guests）：请登录".into(),
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message_en())
    }
}

impl std::error::Error for Refusal {}

impl From<BadPerson> for Refusal {
    fn from(bad: BadPerson) -> Refusal {
        Refusal::BadPerson(bad)
    }
}
