//! What must hold between this server and the operator's backend: whose tokens are taken, who is told and asked, who pays.

use super::{Found, KID_MAX, is_word};
use crate::config::suggest::nearest;
use crate::config::{Algorithm, Config, HookForm, UserKey, UserSigApp, WalletMode};
use crate::event;
use crate::identity;
use crate::net::Guard;
use crate::outbound::Address;
use crate::store::outbox::fits;
use crate::webhook::SigningKey;

/// Longest name of a unit of prices, in characters.
const UNIT_MAX: usize = 16;

/// Most webhooks, and most addresses of one hook.
const WEBHOOKS_MAX: usize = 50;
const HOOK_URLS_MAX: usize = 10;

pub(super) fn wallet(config: &Config, found: &mut Found<'_>) {
    let wallet = &config.wallet;
    for (key, unit) in [("wallet.unit_zh", &wallet.unit_zh), ("wallet.unit_en", &wallet.unit_en)] {
        if unit.chars().count() > UNIT_MAX || unit.chars().any(char::is_control) {
            found.rule(
                key,
                format!("`{key}` must have {UNIT_MAX} characters at most, and no control characters"),
                format!("`{key}` 最多 {UNIT_MAX} 个字符，不含控制字符"),
            );
        }
    }
    if wallet.url.is_empty() || wallet.mode != WalletMode::Webhook {
        return;
    }
    let guard = Guard::new(wallet.allow_private);
    match Address::parse(wallet.url.expose()) {
        Err(bad) => found.rule(
            "wallet.url",
            format!("`wallet.url`: {bad}"),
            format!("`wallet.url`：{}", bad.message_zh()),
        ),
        Ok(address) if guard.check(address.host()).is_err() => found.rule(
            "wallet.url",
            "`wallet.url` is a private address: set `wallet.allow_private` if it is meant",
            "`wallet.url` 是内网地址：确实需要时请设置 `wallet.allow_private`",
        ),
        Ok(_) => {}
    }
    if let Err(bad) = SigningKey::parse(wallet.secret.expose()) {
        found.rule(
            "wallet.secret",
            format!("`wallet.secret` {bad}"),
            format!("`wallet.secret` {}", bad.message_zh()),
        );
    }
}

pub(super) fn user_keys(keys: &[UserKey], found: &mut Found<'_>) {
    for (number, key) in keys.iter().enumerate() {
        let name = |leaf: &str| format!("user_key[{number}].{leaf}");
        let kid = name("kid");
        if !is_word(&key.kid) || key.kid == identity::OWN_KEY {
            let own = identity::OWN_KEY;
            found.rule(
                &kid,
                format!("`{kid}` must have 1 to {KID_MAX} visible ASCII characters, and not be {own:?}, which is the generated key"),
                format!("`{kid}` 应为 1 到 {KID_MAX} 个可见 ASCII 字符，且不能是 {own:?}（自动生成的密钥）"),
            );
        }
        if keys.iter().take(number).any(|other| other.kid == key.kid) {
            found.rule(
                &kid,
                format!("`{kid}`: this name has a section already"),
                format!("`{kid}`：这个名称已经写过"),
            );
        }
        let (secret, public) = (name("secret"), name("public_key"));
        let file = name("public_key_file");
        let publics = [&key.public_key, &key.public_key_file].iter().filter(|text| !text.is_empty()).count();
        if key.algorithm == Algorithm::Hs256 {
            let least = identity::SECRET_MIN;
            if key.secret.expose().len() < least {
                found.rule(
                    &secret,
                    format!("`{secret}` must have at least {least} bytes: `openssl rand -hex 32` makes one"),
                    format!("`{secret}` 至少 {least} 字节：可用 `openssl rand -hex 32` 生成"),
                );
            }
            if publics > 0 {
                found.rule(
                    &public,
                    format!("`{public}` is for ES256 and EdDSA; HS256 has `{secret}`"),
                    format!("`{public}` 用于 ES256 和 EdDSA；HS256 用 `{secret}`"),
                );
            }
            continue;
        }
        if publics != 1 || !key.secret.is_empty() {
            found.rule(
                &public,
                format!("this algorithm has one of `{public}` and `{file}`, and no `{secret}`"),
                format!("此算法需要 `{public}` 或 `{file}` 之一，没有 `{secret}`"),
            );
        } else if !key.public_key.is_empty()
            && let Err(error) = identity::public_key(key.algorithm, &key.public_key)
        {
            found.rule(&public, format!("`{public}`: {error}"), format!("`{public}` 不正确：{error}"));
        }
    }
}

pub(super) fn usersigs(apps: &[UserSigApp], found: &mut Found<'_>) {
    for (number, app) in apps.iter().enumerate() {
        let key = format!("usersig[{number}].sdk_app_id");
        if apps.iter().take(number).any(|other| other.sdk_app_id == app.sdk_app_id) {
            found.rule(
                &key,
                format!("`{key}`: this app has a section already"),
                format!("`{key}`：这个应用已经写过"),
            );
        }
        let key = format!("usersig[{number}].key");
        if app.key.is_empty() {
            found.rule(&key, format!("`{key}` must not be empty"), format!("`{key}` 不能为空"));
        }
    }
}

pub(super) fn wechat(config: &Config, found: &mut Found<'_>) {
    let wechat = &config.wechat;
    if wechat.appid.is_empty() && wechat.secret.is_empty() {
        return;
    }
    if !is_word(&wechat.appid) {
        found.rule(
            "wechat.appid",
            format!("`wechat.appid` must have 1 to {KID_MAX} visible ASCII characters"),
            format!("`wechat.appid` 应为 1 到 {KID_MAX} 个可见 ASCII 字符"),
        );
    }
    if !is_word(wechat.secret.expose()) {
        found.rule(
            "wechat.secret",
            format!("`wechat.secret` must have 1 to {KID_MAX} visible ASCII characters: it is the AppSecret that belongs to `wechat.appid`"),
            format!("`wechat.secret` 应为 1 到 {KID_MAX} 个可见 ASCII 字符：与 `wechat.appid` 对应的 AppSecret"),
        );
    }
    address("wechat.base_url", &wechat.base_url, wechat.allow_private, found);
    if wechat.base_url.contains(['?', '#']) {
        found.rule("wechat.base_url", "`wechat.base_url` must have no query", "`wechat.base_url` 不能带参数");
    }
    // The secret is in the address of every question.
    if !wechat.allow_private && Address::parse(&wechat.base_url).is_ok_and(|base| !base.is_secure()) {
        found.rule(
            "wechat.base_url",
            "`wechat.base_url` must be https://: the secret goes there",
            "`wechat.base_url` 应为 https://：密钥要发往这里",
        );
    }
    let signs = |key: &UserKey| key.kid == wechat.kid && key.algorithm == Algorithm::Hs256;
    if wechat.kid != identity::OWN_KEY && !config.user_key.iter().any(signs) {
        found.rule(
            "wechat.kid",
            format!(
                "`wechat.kid` must be {:?} or the kid of a [[user_key]] with HS256: others cannot sign here",
                identity::OWN_KEY
            ),
            format!(
                "`wechat.kid` 应为 {:?}，或某个 HS256 的 [[user_key]] 的 kid：其他密钥无法在此签名",
                identity::OWN_KEY
            ),
        );
    }
}

pub(super) fn webhooks(config: &Config, found: &mut Found<'_>) {
    if config.webhook.len() > WEBHOOKS_MAX {
        found.rule(
            "webhook[0].name",
            format!("there may be {WEBHOOKS_MAX} sections [[webhook]] at most"),
            format!("[[webhook]] 最多 {WEBHOOKS_MAX} 段"),
        );
    }
    for (number, webhook) in config.webhook.iter().enumerate() {
        let key = |leaf: &str| format!("webhook[{number}].{leaf}");
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let is_name = |name: &str| (1..=64).contains(&name.len()) && name.bytes().all(plain);
        let name = key("name");
        if !is_name(&webhook.name) {
            found.rule(
                &name,
                format!("`{name}` must be 1 to 64 letters, digits, - and _"),
                format!("`{name}` 应为 1 到 64 个字母、数字、- 和 _"),
            );
        } else if config.webhook.iter().take(number).any(|earlier| earlier.name == webhook.name) {
            found.rule(
                &name,
                format!("`{name}`: another [[webhook]] has this name"),
                format!("`{name}`：另一段 [[webhook]] 已用此名"),
            );
        }
        address(&key("url"), webhook.url.expose(), webhook.allow_private, found);
        events(&key("events"), &webhook.events, found);
        secret(&key("secret"), webhook.secret.expose(), false, found);
        secret(&key("backup_secret"), webhook.backup_secret.expose(), true, found);
    }
}

pub(super) fn hooks(config: &Config, found: &mut Found<'_>) {
    let hooks = &config.hooks;
    let asked = [
        ("hooks.on_publish", &hooks.on_publish),
        ("hooks.on_play", &hooks.on_play),
        ("hooks.on_join", &hooks.on_join),
        ("hooks.on_send", &hooks.on_send),
    ];
    let told = [
        ("hooks.on_unpublish", &hooks.on_unpublish),
        ("hooks.on_stop", &hooks.on_stop),
        ("hooks.on_dvr", &hooks.on_dvr),
        ("hooks.on_hls", &hooks.on_hls),
    ];
    for (key, urls) in asked.into_iter().chain(told) {
        if urls.len() > HOOK_URLS_MAX {
            found.rule(
                key,
                format!("`{key}` takes {HOOK_URLS_MAX} addresses at most"),
                format!("`{key}` 最多 {HOOK_URLS_MAX} 个地址"),
            );
        }
        urls.iter().for_each(|url| address(key, url.expose(), hooks.allow_private, found));
    }
    for (key, urls) in told.into_iter().filter(|_| hooks.form == HookForm::Weir) {
        if !urls.is_empty() {
            found.rule(
                key,
                format!("`{key}` is of SRS's form only: set `hooks.form` = \"srs\", or use a [[webhook]]"),
                format!("`{key}` 只用于 SRS 格式：请设 `hooks.form` = \"srs\"，或改用 [[webhook]]"),
            );
        }
    }
    for (key, urls) in [("hooks.on_join", &hooks.on_join), ("hooks.on_send", &hooks.on_send)] {
        if hooks.form == HookForm::Srs && !urls.is_empty() {
            found.rule(
                key,
                format!("`{key}` is of our own form only: SRS knows no rooms"),
                format!("`{key}` 只用于 weir 格式：SRS 没有聊天室"),
            );
        }
    }
    let is_asked = asked.iter().any(|(_, urls)| !urls.is_empty());
    secret("hooks.secret", hooks.secret.expose(), !is_asked || hooks.form == HookForm::Srs, found);
    secret("hooks.backup_secret", hooks.backup_secret.expose(), true, found);
}

/// Which events a receiver wants: kinds that there are, or a beginning of some.
fn events(key: &str, wanted: &[String], found: &mut Found<'_>) {
    if wanted.is_empty() {
        found.rule(
            key,
            format!("`{key}` must name events, such as \"stream.*\", or \"*\" for all"),
            format!("`{key}` 应列出事件，如 \"stream.*\"，或用 \"*\" 表示全部"),
        );
    }
    let is_known = |pattern: &str| pattern == "*" || event::KINDS.iter().any(|kind| fits(pattern, kind));
    for pattern in wanted.iter().filter(|pattern| !is_known(pattern)) {
        let groups: Vec<String> =
            event::KINDS.iter().filter_map(|kind| Some(format!("{}.*", kind.split_once('.')?.0))).collect();
        let known = event::KINDS.into_iter().chain(groups.iter().map(String::as_str));
        let (en, zh) = match nearest(pattern, known) {
            Some(meant) => (format!("did you mean {meant:?}?"), format!("是不是 {meant:?}？")),
            None => ("docs/en/webhooks.md has the list".into(), "列表见 docs/zh/webhooks.md".into()),
        };
        found.rule(
            key,
            format!("`{key}`: there are no events {pattern:?}; {en}"),
            format!("`{key}`：没有事件 {pattern:?}；{zh}"),
        );
    }
}

/// An address that is called.
fn address(key: &str, url: &str, allow_private: bool, found: &mut Found<'_>) {
    match Address::parse(url) {
        Err(bad) => {
            found.rule(key, format!("`{key}`: {bad}"), format!("`{key}`：{}", bad.message_zh()));
        }
        Ok(address) if Guard::new(allow_private).check(address.host()).is_err() => {
            found.rule(
                key,
                format!("`{key}` is on a private address: allow_private = true allows that"),
                format!("`{key}` 是内网地址：需要设 allow_private = true"),
            );
        }
        Ok(_) => {}
    }
}

/// A secret that signs what is sent.
fn secret(key: &str, text: &str, may_be_empty: bool, found: &mut Found<'_>) {
    if text.is_empty() && may_be_empty {
        return;
    }
    if let Err(bad) = SigningKey::parse(text) {
        found.rule(key, format!("`{key}` {bad}"), format!("`{key}` {}", bad.message_zh()));
    }
}
