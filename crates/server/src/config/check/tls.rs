//! What must hold of certificates, from files or by ACME.

use std::net::IpAddr;

use super::{Found, is_host};
use crate::config::Config;

/// Most names in one certificate: what Let's Encrypt takes.
const DOMAINS_MAX: usize = 100;

pub(super) fn tls(config: &Config, found: &mut Found<'_>) {
    if config.tls.cert_file.is_empty() != config.tls.key_file.is_empty() {
        let set = if config.tls.cert_file.is_empty() { "tls.key_file" } else { "tls.cert_file" };
        found.rule(
            set,
            "`tls.cert_file` and `tls.key_file` go together: set both or none",
            "`tls.cert_file` 和 `tls.key_file` 要么都设，要么都不设",
        );
    }
    for (key, address) in
        [("http.tls_listen", &config.http.tls_listen), ("rtmp.tls_listen", &config.rtmp.tls_listen)]
    {
        if !address.is_empty() && config.tls.cert_file.is_empty() && config.acme.domains.is_empty() {
            found.rule(
                key,
                format!(
                    "`{key}` needs a certificate: set `tls.cert_file` and `tls.key_file`, or `acme.domains`"
                ),
                format!("`{key}` 需要证书：请设置 `tls.cert_file` 和 `tls.key_file`，或 `acme.domains`"),
            );
        }
    }
}

pub(super) fn acme(config: &Config, found: &mut Found<'_>) {
    let acme = &config.acme;
    let is_url = |text: &str| {
        text.strip_prefix("https://").is_some_and(|rest| {
            !rest.is_empty() && !rest.starts_with('/') && rest.bytes().all(|byte| byte.is_ascii_graphic())
        })
    };
    if !is_url(&acme.directory) {
        found.rule(
            "acme.directory",
            "`acme.directory` must begin with https://",
            "`acme.directory` 应以 https:// 开头",
        );
    }
    if !acme.email.is_empty()
        && (!acme.email.contains('@') || !acme.email.bytes().all(|b| b.is_ascii_graphic()))
    {
        found.rule("acme.email", "`acme.email` must be an e-mail address", "`acme.email` 应是邮箱地址");
    }
    if acme.domains.is_empty() {
        return;
    }
    let is_name = |name: &String| is_host(name) && name.parse::<IpAddr>().is_err();
    if acme.domains.len() > DOMAINS_MAX || !acme.domains.iter().all(is_name) {
        found.rule(
            "acme.domains",
            format!("`acme.domains` takes at most {DOMAINS_MAX} host names, such as live.example.com; no wildcards and no IP addresses"),
            format!("`acme.domains` 最多 {DOMAINS_MAX} 个域名，如 live.example.com；不支持通配符和 IP"),
        );
    }
    if !config.tls.cert_file.is_empty() {
        found.rule(
            "acme.domains",
            "`acme.domains` and `tls.cert_file` are two places for one certificate: set one of them",
            "`acme.domains` 和 `tls.cert_file` 只能设一个：证书只有一个来源",
        );
    }
    if config.http.tls_listen.is_empty() && config.rtmp.tls_listen.is_empty() {
        found.rule(
            "acme.domains",
            "`acme.domains` gets a certificate that nobody would see: set `http.tls_listen` or `rtmp.tls_listen`",
            "`acme.domains` 申请的证书没有用处：请设置 `http.tls_listen` 或 `rtmp.tls_listen`",
        );
    }
}
