//! Rules for the page that a player plays in: a fence against other people's sites, not against programs, which can
//! say what they like.

use std::fmt;
use std::str::FromStr;

/// Which pages may play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferrerRules {
    /// If there is any, only pages of these sites may play.
    pub allow: Vec<Site>,
    /// Whether a player may keep silent about its page. Players that are no browsers do, and a mini-program's
    /// `<live-player>` does by default, so the answer is yes unless somebody says no.
    pub allow_empty: bool,
}

/// A site: `example.com`, `*.example.com` for everything below it (and not itself), or a host and the first part of
/// a path, `servicewechat.com/APPID`. WeChat puts the mini-program's id there, behind a host that all of them share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    host: String,
    below: bool,
    first_part: Option<String>,
}

/// A text is no site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadSite;

impl Default for ReferrerRules {
    fn default() -> ReferrerRules {
        ReferrerRules { allow: Vec::new(), allow_empty: true }
    }
}

impl ReferrerRules {
    /// Whether a player in this page may play. `null` is what a browser says for a page that has no address, and is
    /// as good as silence.
    pub fn admit(&self, referrer: Option<&str>) -> bool {
        let Some(page) = referrer.map(str::trim).filter(|text| !text.is_empty() && *text != "null") else {
            return self.allow_empty;
        };
        self.allow.is_empty() || self.allow.iter().any(|site| site.has(page))
    }
}

impl Site {
    /// Whether a page is of this site.
    fn has(&self, page: &str) -> bool {
        let Some((host, path)) = take_apart(page) else { return false };
        let host_fits = if self.below {
            // The dot belongs to what is compared, so that `evil-example.com` is not below `example.com`.
            host.strip_suffix(&self.host)
                .and_then(|front| front.strip_suffix('.'))
                .is_some_and(|front| !front.is_empty())
        } else {
            host == self.host
        };
        let first_part = path.split(['/', '?', '#', '\\']).next();
        host_fits && self.first_part.as_deref().is_none_or(|part| first_part == Some(part))
    }
}

/// The host of a page's address, in lower case, and its path without the first slash.
fn take_apart(page: &str) -> Option<(String, &str)> {
    let (scheme, rest) = page.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
        return None;
    }
    // Browsers take a backslash for a slash here. As a part of the host it would let `evil.com\.example.com` in.
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let path = path.strip_prefix(['/', '\\']).unwrap_or("");
    Some((crate::domain::host_name(host), path))
}

impl FromStr for Site {
    type Err = BadSite;

    fn from_str(text: &str) -> Result<Site, BadSite> {
        let (host, first_part) = match text.split_once('/') {
            Some((host, part)) => (host, Some(part)),
            None => (text, None),
        };
        let (host, below) = match host.strip_prefix("*.") {
            Some(host) => (host, true),
            None => (host, false),
        };
        let is_plain = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
        };
        if !is_plain(host) || host.starts_with('.') || !first_part.is_none_or(is_plain) {
            return Err(BadSite);
        }
        let host = crate::domain::host_name(host);
        Ok(Site { host, below, first_part: first_part.map(str::to_owned) })
    }
}

impl fmt::Display for BadSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a site is written example.com, *.example.com or servicewechat.com/APPID, without scheme and port")
    }
}

impl std::error::Error for BadSite {}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(sites: &[&str], page: &str) -> bool {
        let allow = sites.iter().map(|site| site.parse().unwrap()).collect();
        ReferrerRules { allow, allow_empty: false }.admit(Some(page))
    }

    #[test]
    fn a_host_is_that_host_alone() {
        let site = ["example.com"];
        for page in [
            "https://example.com",
            "http://example.com/",
            "https://EXAMPLE.com:8443/a/b?c#d",
            "https://example.com./",
            "https://user:pass@example.com/",
            "https://example.com?x",
        ] {
            assert!(admits(&site, page), "{page}");
        }
        for page in [
            "https://evil-example.com/",
            "https://example.com.evil.com/",
            "https://www.example.com/",
            "https://example.com@evil.com/",
            "https://evil.com/https://example.com/",
            "https://evil.com?://example.com/",
            "https://evil.com#@example.com/",
            "https://evil.com\\@example.com/",
            "ftp://example.com/",
            "example.com",
            "https://",
            "://",
        ] {
            assert!(!admits(&site, page), "{page}");
        }
    }

    #[test]
    fn a_wildcard_is_everything_below_and_not_the_host() {
        let site = ["*.example.com"];
        assert!(admits(&site, "https://www.example.com/"));
        assert!(admits(&site, "https://a.b.example.com/"));
        for page in [
            "https://example.com/",
            "https://.example.com/",
            "https://evil-example.com/",
            "https://evilexample.com/",
            "https://www.example.com.evil.com/",
            "https://evil.com\\.example.com/",
            "https://evil.com/.example.com",
        ] {
            assert!(!admits(&site, page), "{page}");
        }
    }

    #[test]
    fn mini_programs_can_be_told_apart_by_their_id() {
        let page = "https://servicewechat.com/wx1234567890abcdef/12/page-frame.html";
        assert!(admits(&["servicewechat.com"], page));
        assert!(admits(&["servicewechat.com/wx1234567890abcdef"], page));
        assert!(!admits(&["servicewechat.com/wx1234567890abcde"], page));
        assert!(!admits(&["servicewechat.com/wx0000000000000000"], page));
        assert!(!admits(&["servicewechat.com/wx1"], "https://servicewechat.com/"));
    }

    #[test]
    fn silence_is_its_own_rule() {
        let silent = ReferrerRules { allow: vec!["servicewechat.com".parse().unwrap()], allow_empty: true };
        for referrer in [None, Some(""), Some("  "), Some("null")] {
            assert!(silent.admit(referrer), "{referrer:?}");
        }
        assert!(silent.admit(Some("https://servicewechat.com/wx1/1/page-frame.html")));
        assert!(!silent.admit(Some("https://evil.com/")));
        let strict = ReferrerRules { allow_empty: false, ..ReferrerRules::default() };
        assert!(!strict.admit(None));
        assert!(strict.admit(Some("https://anybody.example/")));
        assert!(ReferrerRules::default().admit(None));
    }

    #[test]
    fn slips_are_told() {
        for text in [
            "",
            "https://example.com",
            "*",
            "*.",
            "a.*.com",
            "example.com/",
            "example.com/a/b",
            "a:80",
            "*.*.com",
        ] {
            assert_eq!(text.parse::<Site>(), Err(BadSite), "{text}");
        }
    }
}
