//! What values may be: bounds of single keys, and what keys must be to one another.

mod backend;
mod tls;

use std::net::{IpAddr, SocketAddr};

use control::address::Network;
use control::name;
use control::referrer::Site;
use control::words::HOSTS_MAX;

use super::problem::{Fault, Problem};
use super::{Config, Domain, Forbid, Layers, Record, Relay, RelayKind, Role, Rules, Scheme};
use crate::relay::{ANY, expand};
use crate::store::Format;

/// The least and the most of every number that can be set. `default.toml` tells them in words.
const RANGES: &[(&str, i64, i64)] = &[
    ("server.address_validity_seconds", 60, 315_360_000),
    ("http.header_timeout_seconds", 1, 300),
    ("http.idle_timeout_seconds", 1, 3_600),
    ("http.max_header_bytes", 1_024, 1_048_576),
    ("rtmp.handshake_timeout_seconds", 1, 300),
    ("rtmp.publish_timeout_seconds", 1, 300),
    ("rtmp.idle_publisher_seconds", 5, 3_600),
    ("rtmp.ping_interval_seconds", 5, 3_600),
    ("rtmp.max_message_bytes", 65_536, 16_777_215),
    ("rtmp.max_chunk_streams", 8, 65_599),
    ("rtmp.max_partial_bytes", 65_536, 268_435_456),
    ("rtmp.max_inbound_chunk_bytes", 65_536, 2_147_483_647),
    ("rtmp.chunk_size_out", 128, 16_777_215),
    ("rtmp.window_ack_bytes", 65_536, 2_147_483_647),
    ("hub.grace_seconds", 0, 300),
    ("hub.gop_max_ms", 500, 60_000),
    ("hub.gop_max_bytes", 262_144, 1_073_741_824),
    ("fanout.max_lag_ms", 200, 60_000),
    ("fanout.max_lag_bytes", 262_144, 1_073_741_824),
    ("fanout.max_jumps", 1, 1_000_000),
    ("fanout.forgive_jumps_seconds", 1, 86_400),
    ("fanout.stall_timeout_seconds", 1, 3_600),
    ("server.drain_seconds", 0, 86_400),
    ("fanout.shards", 0, 1_024),
    ("fanout.merge_from_load_percent", 0, 100),
    ("fanout.merge_full_load_percent", 1, 100),
    ("fanout.merge_window_max_ms", 0, 1_000),
    ("fanout.rtc_window_max_ms", 0, 1_000),
    ("fanout.not_sent_low_water_bytes", 0, 16_777_216),
    ("hls.segment_ms", 1_000, 10_000),
    ("hls.part_ms", 100, 1_000),
    ("hls.window_segments", 3, 50_000),
    ("hls.window_seconds", 6, 86_400),
    ("hls.delay_seconds", 0, 600),
    ("hls.max_bytes", 4_194_304, 1_099_511_627_776),
    ("hls.linger_seconds", 15, 3_600),
    ("limits.max_streams", 1, 1_000_000),
    ("limits.max_connections", 0, 10_000_000),
    ("limits.connections_per_ip", 0, 1_000_000),
    ("relays.connect_timeout_seconds", 1, 60),
    ("relays.start_timeout_seconds", 1, 60),
    ("relays.idle_timeout_seconds", 1, 300),
    ("relays.linger_seconds", 1, 3_600),
    ("rooms.interrupted_seconds", 0, 604_800),
    ("snapshot.max_children", 1, 64),
    ("snapshot.timeout_ms", 100, 60_000),
    ("snapshot.memory_mib", 256, 65_536),
    ("snapshot.cover_seconds", 0, 86_400),
    ("recordings.fsync_seconds", 0, 3_600),
    ("recordings.min_free_mb", 0, 1_000_000_000),
    ("recordings.resume_free_mb", 0, 1_000_000_000),
    ("recordings.queue_mb", 1, 4_096),
    ("storage.keep_local_mb", 0, 1_000_000_000),
    ("storage.part_mb", 5, 1_024),
    ("storage.uploads", 1, 16),
    ("storage.max_mbit", 0, 100_000),
    ("storage.timeout_seconds", 1, 3_600),
    ("identity.guest_days", 1, 365),
    ("wechat.token_hours", 1, 720),
    ("wechat.logins_per_minute", 1, 100_000),
    ("wechat.timeout_ms", 100, 10_000),
    ("webhooks.max_waiting", 100, 1_000_000),
    ("webhooks.retention_days", 1, 365),
    ("hooks.timeout_ms", 100, 30_000),
    ("hooks.cache_ms", 0, 60_000),
    ("hooks.max_concurrent", 1, 1_024),
    ("wallet.timeout_ms", 100, 10_000),
    ("push.validity_seconds", 0, 315_360_000),
    ("play.validity_seconds", 0, 315_360_000),
];

/// The same for the keys of a `[[record]]`.
const RECORD_RANGES: &[(&str, i64, i64)] = &[
    ("interval_minutes", 0, 10_080),
    ("max_size_mb", 0, 1_000_000),
    ("retention_days", 0, 36_500),
    ("gap_seconds", 0, 86_400),
];

/// The same for the keys of a `[[usersig]]`.
const USERSIG_RANGES: &[(&str, i64, i64)] = &[("sdk_app_id", 1, u32::MAX as i64)];

/// The same for the keys of a `[[webhook]]`.
const WEBHOOK_RANGES: &[(&str, i64, i64)] = &[("timeout_seconds", 1, 30)];

const SCHEMES: &[&str] = &["tencent", "aliyun", "qiniu", "huawei_a", "huawei_b", "huawei_d", "open"];
const ROLES: &[&str] = &["push", "play"];
const ALGORITHMS: &[&str] = &["HS256", "ES256", "EdDSA"];
const TOKEN_ROLES: &[&str] = &["viewer", "assistant", "host"];
const RELAY_KINDS: &[&str] = &["push", "pull"];
const HLS_MODES: &[&str] = &["on_demand", "always"];
const WECHAT_IDS: &[&str] = &["openid", "unionid"];
const WALLET_MODES: &[&str] = &["webhook", "free"];
const LINKS: &[&str] = &["allow", "refuse", "hosts"];
const HLS_CONTAINERS: &[&str] = &["fmp4", "ts"];
const HOOK_FORMS: &[&str] = &["weir", "srs"];
const ON_FAILURE: &[&str] = &["refuse", "allow"];

/// Longest beginning of objects' names, in bytes.
const PREFIX_MAX: usize = 200;

/// Longest name of a key, and longest audience of tokens, in bytes.
const KID_MAX: usize = 64;

/// Longest text on the demo's picture, in bytes.
const TITLE_MAX: usize = 64;

/// Checks each value by itself.
pub(super) fn values(layers: &Layers, problems: &mut Vec<Problem>) {
    for item in &layers.items {
        let fault = if let Some(number) = item.value.number() {
            // A number without a range can be anything; a test sees to it that there is none.
            let (min, max) = range(&item.key).unwrap_or((i64::MIN, i64::MAX));
            let good = (min as f64..=max as f64).contains(&number);
            (!good).then(|| Fault::OutOfRange { key: item.key.clone(), min, max })
        } else {
            let choices = match item.key.rsplit('.').next() {
                Some("scheme") => SCHEMES,
                Some("role") => ROLES,
                Some("algorithm") => ALGORITHMS,
                Some("max_role") => TOKEN_ROLES,
                Some("user_id") => WECHAT_IDS,
                Some("kind") => RELAY_KINDS,
                Some("mode") if item.key == "wallet.mode" => WALLET_MODES,
                Some("mode") => HLS_MODES,
                Some("container") => HLS_CONTAINERS,
                Some("form") => HOOK_FORMS,
                Some("links") => LINKS,
                Some("on_failure") => ON_FAILURE,
                _ => continue,
            };
            let text = match &item.value {
                super::value::Value::Text(text) => text.as_str(),
                _ => "",
            };
            // An empty role has been reported as missing.
            let good = choices.contains(&text) || (text.is_empty() && !problems.is_empty());
            (!good).then(|| Fault::NotOneOf { key: item.key.clone(), choices })
        };
        problems.extend(fault.map(|fault| Problem { place: item.origin.place(), fault }));
    }
}

/// Checks what only the meaning of a key tells.
pub(super) fn rules(config: &Config, layers: &Layers, problems: &mut Vec<Problem>) {
    let mut found = Found { layers, problems };
    for (key, address) in [
        ("http.listen", &config.http.listen),
        ("http.tls_listen", &config.http.tls_listen),
        ("rtmp.listen", &config.rtmp.listen),
        ("rtmp.tls_listen", &config.rtmp.tls_listen),
        ("metrics.listen", &config.metrics.listen),
        ("compat.srs_listen", &config.compat.srs_listen),
        ("acme.http_listen", &config.acme.http_listen),
    ] {
        if !address.is_empty() && address.parse::<SocketAddr>().is_err() {
            found.rule(
                key,
                format!("`{key}` must be an address with a port, such as [::]:8080 or 127.0.0.1:8080"),
                format!("`{key}` 应是带端口的地址，如 [::]:8080 或 127.0.0.1:8080"),
            );
        }
    }
    if config.http.listen.is_empty()
        && config.http.tls_listen.is_empty()
        && config.rtmp.listen.is_empty()
        && config.rtmp.tls_listen.is_empty()
    {
        found.rule(
            "http.listen",
            "nothing would listen: set `http.listen` or `rtmp.listen`",
            "没有任何监听地址：请设置 `http.listen` 或 `rtmp.listen`",
        );
    }
    tls::tls(config, &mut found);
    tls::acme(config, &mut found);
    if !config.server.public_host.is_empty() && !is_host(&config.server.public_host) {
        found.rule(
            "server.public_host",
            "`server.public_host` must be a host name or an IP address, without a port",
            "`server.public_host` 应是主机名或 IP，不带端口",
        );
    }
    for origin in &config.http.cors_origins {
        if origin != "*" && !is_origin(origin) {
            found.rule(
                "http.cors_origins",
                "`http.cors_origins` takes \"*\" or origins such as \"https://www.example.com\", without a path",
                "`http.cors_origins` 应是 \"*\" 或 \"https://www.example.com\" 这样的来源，不带路径",
            );
        }
    }
    if config.fanout.merge_from_load_percent >= config.fanout.merge_full_load_percent {
        found.rule(
            "fanout.merge_from_load_percent",
            "`fanout.merge_from_load_percent` must be below `fanout.merge_full_load_percent`",
            "`fanout.merge_from_load_percent` 应小于 `fanout.merge_full_load_percent`",
        );
    }
    if config.rtmp.max_message_bytes > config.rtmp.max_partial_bytes {
        found.rule(
            "rtmp.max_partial_bytes",
            "`rtmp.max_partial_bytes` must be at least `rtmp.max_message_bytes`",
            "`rtmp.max_partial_bytes` 应不小于 `rtmp.max_message_bytes`",
        );
    }
    hls(config, &mut found);
    storage(config, &mut found);
    backend::wallet(config, &mut found);
    demo(config, &mut found);
    rules_of("push", Role::Push, &config.push, &mut found);
    rules_of("play", Role::Play, &config.play, &mut found);
    for (number, domain) in config.domain.iter().enumerate() {
        let section = format!("domain[{number}]");
        let key = format!("{section}.name");
        if !is_host(&domain.name) {
            found.rule(
                &key,
                format!("`{key}` must be a host name, without a port"),
                format!("`{key}` 应是主机名，不带端口"),
            );
        }
        let twice = config.domain.iter().take(number);
        if twice
            .clone()
            .any(|other| other.role == domain.role && other.name.eq_ignore_ascii_case(&domain.name))
        {
            found.rule(
                &key,
                format!("`{key}`: this host name has a section for the same role already"),
                format!("`{key}`：同一用途的这个域名已经写过"),
            );
        }
        rules_of(&section, domain.role, &domain.rules, &mut found);
    }
    forbids(&config.forbid, &mut found);
    relays(&config.relay, &mut found);
    records(&config.record, &config.domain, &mut found);
    backend::user_keys(&config.user_key, &mut found);
    backend::usersigs(&config.usersig, &mut found);
    backend::wechat(config, &mut found);
    if !is_word(&config.identity.audience) && !config.identity.audience.is_empty() {
        found.rule(
            "identity.audience",
            format!("`identity.audience` must have at most {KID_MAX} visible ASCII characters"),
            format!("`identity.audience` 最多 {KID_MAX} 个可见 ASCII 字符"),
        );
    }
    if config.chat.rule().is_none() {
        found.rule(
            "chat.link_hosts",
            format!(
                "`chat.link_hosts` must hold at most {HOSTS_MAX} names of hosts, such as shop.example.com"
            ),
            format!("`chat.link_hosts` 应为最多 {HOSTS_MAX} 个主机名，如 shop.example.com"),
        );
    }
    backend::webhooks(config, &mut found);
    backend::hooks(config, &mut found);
    if config.recordings.resume_free_mb < config.recordings.min_free_mb {
        found.rule(
            "recordings.resume_free_mb",
            "`recordings.resume_free_mb` must be at least `recordings.min_free_mb`",
            "`recordings.resume_free_mb` 应不小于 `recordings.min_free_mb`",
        );
    }
}

fn range(key: &str) -> Option<(i64, i64)> {
    let known = |key: &str| RANGES.iter().find(|(name, ..)| *name == key).map(|(_, min, max)| (*min, *max));
    match key.split_once("].") {
        Some((section, leaf)) if section.starts_with("record[") => {
            RECORD_RANGES.iter().find(|(name, ..)| *name == leaf).map(|(_, min, max)| (*min, *max))
        }
        Some((section, leaf)) if section.starts_with("usersig[") => {
            USERSIG_RANGES.iter().find(|(name, ..)| *name == leaf).map(|(_, min, max)| (*min, *max))
        }
        Some((section, leaf)) if section.starts_with("webhook[") => {
            WEBHOOK_RANGES.iter().find(|(name, ..)| *name == leaf).map(|(_, min, max)| (*min, *max))
        }
        Some((_, leaf)) => known(&format!("push.{leaf}")),
        None => known(key),
    }
}

fn hls(config: &Config, found: &mut Found<'_>) {
    let hls = &config.hls;
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !is_name(&hls.cdn_secret_header) || (hls.cdn_secret_header.is_empty() && !hls.cdn_secret.is_empty()) {
        found.rule(
            "hls.cdn_secret_header",
            "`hls.cdn_secret_header` must be the name of a header, such as X-CDN-Secret",
            "`hls.cdn_secret_header` 应是请求头的名称，如 X-CDN-Secret",
        );
    }
    if hls.part_ms * 2 > hls.segment_ms {
        found.rule(
            "hls.part_ms",
            "`hls.part_ms` must be at most half of `hls.segment_ms`",
            "`hls.part_ms` 应不超过 `hls.segment_ms` 的一半",
        );
    }
}

fn storage(config: &Config, found: &mut Found<'_>) {
    let storage = &config.storage;
    let is_bucket = |name: &str| {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte);
        (3..=63).contains(&name.len()) && name.bytes().all(plain) && !name.contains("..")
    };
    if storage.bucket.is_empty() {
        if !storage.endpoint.is_empty() {
            found.rule(
                "storage.endpoint",
                "`storage.endpoint` is without effect: set `storage.bucket`, too",
                "`storage.endpoint` 没有作用：请同时设置 `storage.bucket`",
            );
        }
        return;
    }
    if !is_bucket(&storage.bucket) {
        found.rule(
            "storage.bucket",
            "`storage.bucket` must be the name of a bucket: 3 to 63 small letters, digits, - and .",
            "`storage.bucket` 应是桶名：3 到 63 个小写字母、数字、- 和 .",
        );
    }
    let is_endpoint = |url: &str| {
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        rest.is_some_and(|rest| {
            let host = rest.trim_end_matches('/');
            !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic() && !b"/?#@".contains(&byte))
        })
    };
    if !storage.endpoint.is_empty() && !is_endpoint(&storage.endpoint) {
        found.rule(
            "storage.endpoint",
            "`storage.endpoint` must be like https://oss-cn-hangzhou.aliyuncs.com: without the bucket, a path or a key",
            "`storage.endpoint` 应形如 https://oss-cn-hangzhou.aliyuncs.com，不带桶名、路径和密钥",
        );
    }
    if storage.access_key_id.is_empty() || storage.secret_access_key.is_empty() {
        found.rule(
            "storage.bucket",
            "`storage.bucket` needs `storage.access_key_id` and `storage.secret_access_key`",
            "设置 `storage.bucket` 后，`storage.access_key_id` 和 `storage.secret_access_key` 不能留空",
        );
    }
    if storage.region.is_empty() {
        found.rule("storage.region", "`storage.region` must not be empty", "`storage.region` 不能留空");
    }
    let part = |part: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        !part.is_empty() && !part.starts_with('.') && part.bytes().all(plain)
    };
    let prefix = storage.prefix.trim_matches('/');
    if prefix.len() > PREFIX_MAX || (!prefix.is_empty() && !prefix.split('/').all(part)) {
        found.rule(
            "storage.prefix",
            "`storage.prefix` must be like weir/live: letters, digits, - _ . and /",
            "`storage.prefix` 应形如 weir/live：字母、数字、- _ . 和 /",
        );
    }
}

fn demo(config: &Config, found: &mut Found<'_>) {
    let demo = &config.demo;
    if let Err(bad) = name::check(&demo.app, &demo.stream) {
        found.rule(
            "demo.stream",
            format!("no stream can be called `demo.app`/`demo.stream`: {bad}"),
            format!("`demo.app`/`demo.stream` 不能用作流名：{}", bad.message_zh()),
        );
    }
    if !demo.title.is_ascii() || demo.title.len() > TITLE_MAX {
        found.rule(
            "demo.title",
            format!("`demo.title` takes at most {TITLE_MAX} ASCII characters"),
            format!("`demo.title` 最多 {TITLE_MAX} 个 ASCII 字符"),
        );
    }
}

fn rules_of(section: &str, role: Role, rules: &Rules, found: &mut Found<'_>) {
    if rules.scheme == Scheme::Qiniu && rules.access_key.is_empty() {
        found.rule(
            &format!("{section}.scheme"),
            format!("`{section}.scheme` = qiniu needs `{section}.access_key`"),
            format!("`{section}.scheme` = qiniu 需要 `{section}.access_key`"),
        );
    }
    for (leaf, nets) in [("allow_ips", &rules.allow_ips), ("deny_ips", &rules.deny_ips)] {
        if !nets.iter().all(|net| net.parse::<Network>().is_ok()) {
            let key = format!("{section}.{leaf}");
            found.rule(
                &key,
                format!("`{key}` takes IP addresses and networks, such as 192.0.2.7 or 10.0.0.0/8 (no bits after the /8)"),
                format!("`{key}` 应是 IP 或网段，如 192.0.2.7 或 10.0.0.0/8（/8 之后的位须为 0）"),
            );
        }
    }
    let key = format!("{section}.referrers");
    if role == Role::Push && !rules.referrers.is_empty() {
        found.rule(
            &key,
            format!("`{key}` means nothing for pushing: encoders send no Referer"),
            format!("`{key}` 对推流没有意义：编码器不发送 Referer"),
        );
    }
    if !rules.referrers.iter().all(|site| site.parse::<Site>().is_ok()) {
        found.rule(
            &key,
            format!("`{key}` takes sites, such as example.com, *.example.com or servicewechat.com/APPID"),
            format!("`{key}` 应是站点，如 example.com、*.example.com、servicewechat.com/APPID"),
        );
    }
}

fn forbids(forbids: &[Forbid], found: &mut Found<'_>) {
    for (number, forbid) in forbids.iter().enumerate() {
        let key = format!("forbid[{number}].stream");
        if let Err(bad) = name::check(&forbid.app, &forbid.stream) {
            found.rule(
                &key,
                format!("no stream can be called `forbid[{number}].app`/`.stream`: {bad}"),
                format!("`forbid[{number}].app`/`.stream` 不能是流名：{}", bad.message_zh()),
            );
        }
        let mut earlier = forbids.iter().take(number);
        if earlier.any(|other| (&other.app, &other.stream) == (&forbid.app, &forbid.stream)) {
            found.rule(
                &key,
                format!("`{key}`: this stream has a section already"),
                format!("`{key}`：这路流已经写过"),
            );
        }
        let key = format!("forbid[{number}].until");
        if forbid.until_unix().is_none() {
            let (en, zh) = (super::value::Kind::Moment.en(), super::value::Kind::Moment.zh());
            found.rule(&key, format!("`{key}` must be {en}"), format!("`{key}` 应是{zh}"));
        }
    }
}

fn relays(relays: &[Relay], found: &mut Found<'_>) {
    for (number, relay) in relays.iter().enumerate() {
        let key = |leaf: &str| format!("relay[{number}].{leaf}");
        let any = relay.app == ANY || relay.stream == ANY;
        let named = |pattern: &str| if pattern == ANY { "x".to_owned() } else { pattern.to_owned() };
        let (app, stream) = (named(&relay.app), named(&relay.stream));
        if let Err(bad) = name::check(&app, &stream) {
            let (app, stream) = (key("app"), key("stream"));
            found.rule(
                &stream,
                format!("no stream can be called `{app}`/`{stream}` (\"*\" stands for any name): {bad}"),
                format!("`{app}`/`{stream}` 不能是流名（\"*\" 表示任意）：{}", bad.message_zh()),
            );
            continue;
        }
        let url = key("url");
        match expand(relay.url.expose(), &app, &stream) {
            Err(bad) => found.rule(
                &url,
                format!("`{url}`: {bad}; it takes the placeholders {{app}} and {{stream}}"),
                format!("`{url}`：{}；可用占位符 {{app}} 和 {{stream}}", bad.message_zh()),
            ),
            Ok(target) if relay.kind == RelayKind::Push && target.scheme().is_http() => found.rule(
                &url,
                format!("`{url}` must begin with rtmp:// or rtmps://: a push speaks RTMP"),
                format!("`{url}` 应以 rtmp:// 或 rtmps:// 开头：推流只用 RTMP"),
            ),
            Ok(_) => {}
        }
        let lacks =
            |pattern: &str, placeholder: &str| pattern == ANY && !relay.url.expose().contains(placeholder);
        if lacks(&relay.app, "{app}") || lacks(&relay.stream, "{stream}") {
            found.rule(
                &url,
                format!("`{url}` would be the same for all streams: where the name is \"*\", put {{app}} or {{stream}} into it"),
                format!("`{url}` 对所有流都相同：名称为 \"*\" 时，地址里要有 {{app}} 或 {{stream}}"),
            );
        }
        let key = key("on_demand");
        if relay.on_demand && relay.kind == RelayKind::Push {
            found.rule(
                &key,
                format!("`{key}` is for pulls: a push is there while its stream is"),
                format!("`{key}` 只用于拉流：推流随流的开播而开始"),
            );
        }
        if !relay.on_demand && relay.kind == RelayKind::Pull && any {
            found.rule(
                &key,
                format!("`{key}` = true is needed to pull \"*\": nobody else says which streams there are"),
                format!("拉取 \"*\" 需要 `{key}` = true：否则无从知道有哪些流"),
            );
        }
    }
}

fn records(records: &[Record], domains: &[Domain], found: &mut Found<'_>) {
    for (number, record) in records.iter().enumerate() {
        let key = |leaf: &str| format!("record[{number}].{leaf}");
        let named = |pattern: &str| if pattern == ANY { "x".to_owned() } else { pattern.to_owned() };
        if let Err(bad) = name::check(&named(&record.app), &named(&record.stream)) {
            let (app, stream) = (key("app"), key("stream"));
            found.rule(
                &stream,
                format!("no stream can be called `{app}`/`{stream}` (\"*\" stands for any name): {bad}"),
                format!("`{app}`/`{stream}` 不能是流名（\"*\" 表示任意）：{}", bad.message_zh()),
            );
        }
        let pushes =
            |domain: &Domain| domain.role == Role::Push && domain.name.eq_ignore_ascii_case(&record.domain);
        if record.domain != ANY && !domains.iter().any(pushes) {
            let key = key("domain");
            found.rule(
                &key,
                format!("`{key}` must be the name of a [[domain]] with role = \"push\", or \"*\""),
                format!("`{key}` 应是某个 role = \"push\" 的 [[domain]] 的 name，或 \"*\""),
            );
        }
        let choices = || Format::ALL.iter().map(|format| format.word());
        if !record.formats.iter().all(|word| choices().any(|choice| choice == word)) {
            let (key, choices) = (key("formats"), choices().collect::<Vec<_>>());
            found.rule(
                &key,
                format!("`{key}` takes {}", choices.join(", ")),
                format!("`{key}` 可取 {}", choices.join("、")),
            );
        }
    }
}

struct Found<'a> {
    layers: &'a Layers,
    problems: &'a mut Vec<Problem>,
}

impl Found<'_> {
    fn rule(&mut self, key: &str, en: impl Into<String>, zh: impl Into<String>) {
        let fault = Fault::Rule { en: en.into(), zh: zh.into() };
        self.problems.push(Problem { place: self.layers.place(key), fault });
    }
}

fn is_host(host: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    host.parse::<IpAddr>().is_ok() || ((1..=253).contains(&host.len()) && host.bytes().all(good))
}

/// A name of a key or of a service.
fn is_word(text: &str) -> bool {
    (1..=KID_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_origin(origin: &str) -> bool {
    let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    host.is_some_and(|host| match host.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => is_host(name),
        _ => is_host(host),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_a_range_and_the_manual_tells_it() {
        let layers = Layers::defaults();
        for item in layers.items.iter().filter(|item| item.value.number().is_some()) {
            let (min, max) = range(&item.key).unwrap_or_else(|| panic!("{} has no range", item.key));
            let (section, leaf) = item.key.split_once('.').unwrap();
            let section = if section == "play" { "push" } else { section };
            let manual = super::super::DEFAULT.split(&format!("\n[{section}]\n")).nth(1).unwrap();
            let about = manual.split(&format!("\n{leaf} = ")).next().unwrap();
            let about = about.rsplit(" = ").next().unwrap();
            assert!(
                about.contains(&format!("{min} to {max}")),
                "{}: the manual does not say {min} to {max}",
                item.key
            );
        }
        for (key, ..) in RANGES {
            assert!(layers.items.iter().any(|item| item.key == *key), "{key} is not a key");
        }
    }

    #[test]
    fn the_manual_tells_the_ranges_and_defaults_of_a_record() {
        let manual = super::super::DEFAULT.split("\n# [[record]]\n").nth(1).unwrap();
        for (leaf, min, max) in RECORD_RANGES {
            let about = manual.split(&format!("\n# {leaf} = ")).next().unwrap();
            assert!(about.contains(&format!("{min} to {max}")), "{leaf}");
        }
        let lines = manual.lines().take_while(|line| line.starts_with('#'));
        let shown: String =
            lines.filter_map(|line| line.strip_prefix("# ")).map(|line| format!("{line}\n")).collect();
        let keys: String = shown
            .lines()
            .filter(|line| {
                line.split(" = ").nth(1).is_some() && line.is_ascii() && line.split(' ').nth(1) == Some("=")
            })
            .map(|line| format!("{line}\n"))
            .collect();
        let shown: Record = toml::from_str(&keys).unwrap();
        assert_eq!(shown, Record::default());
    }

    #[test]
    fn hosts_and_origins_are_told_from_other_texts() {
        for good in ["example.com", "192.0.2.7", "::1", "a_b-c"] {
            assert!(is_host(good), "{good}");
        }
        for bad in ["", "a:80", "http://a", "a/b", "主机", &"a".repeat(254)] {
            assert!(!is_host(bad), "{bad}");
        }
        assert!(is_origin("https://www.example.com:8443") && is_origin("http://a"));
        assert!(!is_origin("www.example.com") && !is_origin("https://a/b"));
    }
}
