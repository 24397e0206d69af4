//! Links in messages: which ones may be there.

use super::normal::{folded, is_passed_over};

/// Most hosts on the list of those that may be linked to.
pub const HOSTS_MAX: usize = 1_000;

/// Ends of names that are hardly ever the end of a sentence without a space behind it.
const ENDS: &[&str] = &[
    "com", "cn", "net", "org", "top", "xyz", "vip", "cc", "app", "dev", "shop", "site", "online", "club",
    "info", "biz", "live", "link", "ltd", "icu", "wang", "ren", "tech", "store", "cloud", "wiki", "pro",
    "ink", "fun", "work", "asia", "mobi", "tv", "io", "hk", "tw", "jp", "kr", "ru", "uk", "gov", "edu",
    "page", "art", "buzz", "cyou", "sbs", "bond",
];

/// Ends of names that are also words, and count only with something behind a slash.
const ENDS_THAT_ARE_WORDS: &[&str] = &[
    "me", "so", "to", "in", "is", "it", "us", "at", "be", "de", "do", "my", "am", "gg", "ai", "la", "ly",
    "one", "run", "world", "id",
];

/// Ends before which people put spaces to get past.
const ENDS_APART: &[&str] = &["com", "cn", "net", "org", "top", "xyz", "vip", "cc"];

/// Longest name of a host.
const HOST_MAX: usize = 253;

/// Which links a message may have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Links {
    /// All.
    #[default]
    Allow,
    /// None.
    Refuse,
    /// Those to these hosts, and to what is below them.
    Hosts(Vec<String>),
}

impl Links {
    /// Those to these hosts alone; none when one cannot be a host's name, or there are too many.
    pub fn hosts(hosts: &[String]) -> Option<Links> {
        let plain = |host: &String| {
            let host = host.to_ascii_lowercase();
            let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
            ((1..=HOST_MAX).contains(&host.len()) && host.bytes().all(good) && !host.starts_with('.'))
                .then_some(host)
        };
        (hosts.len() <= HOSTS_MAX)
            .then(|| hosts.iter().map(plain).collect::<Option<_>>().map(Links::Hosts))?
    }

    /// The first link of a text that may not be there: its host, or the scheme of what is no web address.
    pub fn refused(&self, text: &str) -> Option<String> {
        let allowed: &[String] = match self {
            Links::Allow => return None,
            Links::Refuse => &[],
            Links::Hosts(hosts) => hosts,
        };
        let may = |host: &str| {
            allowed.iter().any(|one| {
                host.strip_suffix(one.as_str())
                    .is_some_and(|before| before.is_empty() || before.ends_with('.'))
            })
        };
        let text = plain(text);
        let mut rest = text.as_str();
        // Addresses with a scheme first: what is in them is not looked at again as a bare name.
        let mut bare = String::with_capacity(text.len());
        while let Some((before, after)) = rest.split_once("://") {
            let is_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
            let name = before.trim_end_matches(is_scheme);
            let scheme = &before[name.len()..];
            let end = after.find(|c: char| "/?#\"'<>".contains(c) || c.is_whitespace() || !c.is_ascii());
            let (authority, behind) = after.split_at(end.unwrap_or(after.len()));
            let host = authority.rsplit('@').next().unwrap_or_default().split(':').next().unwrap_or_default();
            if scheme.is_empty() {
                bare.push_str(before);
                bare.push(' ');
                rest = after;
                continue;
            }
            if !scheme.ends_with("http") && !scheme.ends_with("https") {
                return Some(scheme.to_owned());
            }
            // Browsers do not agree on what a backslash ends.
            if authority.contains('\\') || !may(host.trim_end_matches('.')) {
                return Some(host.to_owned());
            }
            bare.push_str(name);
            bare.push(' ');
            // What follows a good host, up to the next space, belongs to its address.
            let end = behind.find(|c: char| c.is_whitespace() || !c.is_ascii()).unwrap_or(behind.len());
            rest = &behind[end..];
        }
        bare.push_str(rest);
        names(&bare).find(|host| !may(host)).map(str::to_owned)
    }
}

/// Names of hosts that stand in a text without a scheme.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let in_name = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            rest = &rest[rest.find(in_name)?..];
            let end = rest.find(|c| !in_name(c)).unwrap_or(rest.len());
            let (run, behind) = rest.split_at(end);
            rest = behind;
            let name = run.trim_matches(['.', '-']);
            // Behind a path is not another name.
            if behind.starts_with('/') && is_host(name, behind) {
                let end = behind.find(|c: char| c.is_whitespace() || !c.is_ascii()).unwrap_or(behind.len());
                rest = &behind[end..];
            }
            if is_host(name, behind) {
                return Some(name);
            }
        }
    })
}

/// Whether a name with a dot in it is one of a host.
fn is_host(name: &str, behind: &str) -> bool {
    let labels: Vec<&str> = name.split('.').filter(|label| !label.is_empty()).collect();
    let [first, .., last] = labels.as_slice() else { return false };
    let path = behind.strip_prefix('/').is_some_and(|path| path.starts_with(|c: char| c.is_ascii_graphic()));
    let port = behind.strip_prefix(':').is_some_and(|port| port.starts_with(|c: char| c.is_ascii_digit()));
    let octet = |label: &&str| label.len() <= 3 && label.parse::<u8>().is_ok();
    if labels.len() == 4 && labels.iter().all(octet) {
        return path || port;
    }
    ENDS.contains(last)
        || labels.iter().skip(1).any(|label| ENDS_APART.contains(label))
        || (*first == "www" && labels.len() > 2)
        || ((path || port) && ENDS_THAT_ARE_WORDS.contains(last))
        || last.starts_with("xn--")
}

/// A text in small narrow letters, with one kind of dot, and names drawn together that were torn apart at the dot.
fn plain(text: &str) -> String {
    let dotted = text.chars().filter(|c| !is_passed_over(*c)).map(|c| match c {
        '。' | '｡' | '．' | '・' => '.',
        c => c,
    });
    let text: String = dotted.flat_map(folded).collect();
    let mut together = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once('.') {
        let behind = after.trim_start();
        let end = behind.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(behind.len());
        // Nobody puts a space in front of a full stop.
        let apart = before.ends_with(char::is_whitespace) && ENDS_APART.contains(&&behind[..end]);
        together.push_str(if apart { before.trim_end() } else { before });
        together.push('.');
        rest = if apart { behind } else { after };
    }
    together.push_str(rest);
    together
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refused(text: &str) -> Option<String> {
        Links::Refuse.refused(text)
    }

    #[test]
    fn links_are_found_however_they_are_written() {
        for (text, host) in [
            ("看 https://Example.com/a?b", "example.com"),
            ("http://1.2.3.4/x", "1.2.3.4"),
            ("https://good.example@evil.example:8080/", "evil.example"),
            ("https:\u{200b}//evil.example", "evil.example"),
            ("加我evil.com吧", "evil.com"),
            ("ｅｖｉｌ．ｃｏｍ", "evil.com"),
            ("evil。com", "evil.com"),
            ("evil . com", "evil.com"),
            ("evil .cn", "evil.cn"),
            ("www.evil.example", "www.evil.example"),
            ("t.me/evil", "t.me"),
            ("1.2.3.4:80", "1.2.3.4"),
            ("mail me at a@evil.com.", "evil.com"),
            ("weixin://dl/business", "weixin"),
            ("evil.com.de", "evil.com.de"),
            ("https://", ""),
        ] {
            assert_eq!(refused(text).as_deref(), Some(host), "{text}");
        }
    }

    #[test]
    fn what_only_has_dots_is_no_link() {
        for text in [
            "",
            "。。。",
            "...",
            "3.14",
            "1.2.3.4",
            "v1.2.3",
            "e.g. this",
            "好。我来了",
            "I did it.Me too",
            "node.js",
            "and/or",
            "看这里:",
            "12:30",
            "it is late. net income",
            "a.b",
            "www.",
            "……",
            "http:",
            "//",
            "50/50",
            "Mr.Li",
            "weir.rs",
        ] {
            assert_eq!(refused(text), None, "{text}");
        }
    }

    #[test]
    fn some_hosts_may_be_linked_to_with_what_is_below_them() {
        let links = Links::hosts(&["Example.com".to_owned()]).unwrap();
        for good in [
            "https://example.com",
            "http://a.example.com./x?y=https",
            "example.com/evil.com",
            "https://example.com/a.com b",
        ] {
            assert_eq!(links.refused(good), None, "{good}");
        }
        for bad in [
            "https://badexample.com",
            "https://example.com.evil.net",
            "example.com https://evil.net",
            "https://example.com/ evil.net",
            "https://example.com\\@evil.net/",
            "ftp://example.com",
        ] {
            assert!(links.refused(bad).is_some(), "{bad}");
        }
        assert_eq!(Links::Allow.refused("https://evil.net"), None);
        assert_eq!(Links::hosts(&["a b".to_owned()]), None);
        assert_eq!(Links::hosts(&vec!["a".to_owned(); HOSTS_MAX + 1]), None);
    }

    proptest! {
        #[test]
        fn any_text_is_looked_at(text in "[a-z.。:/@ \u{200b}中-]{0,60}|.{0,60}") {
            let found = refused(&text);
            prop_assert_eq!(Links::Allow.refused(&text), None);
            if let Some(host) = found.filter(|host| !host.is_empty() && host.contains('.') && host.is_ascii()) {
                prop_assert!(Links::Hosts(vec![host]).refused("nothing").is_none());
            }
        }

        #[test]
        fn a_link_is_found_within_any_words(before in "[a-z中 ]{0,20}", after in "[中 ]{0,20}") {
            let text = format!("{before}https://evil.example{after}");
            prop_assert!(refused(&text).is_some());
            let text = format!("{before} evil.com{after}");
            prop_assert!(refused(&text).is_some());
        }
    }
}
