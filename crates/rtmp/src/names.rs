//! Which stream a client means.
//!
//! A client takes its URL apart before it speaks, and every client does it in its own way: ffmpeg puts
//! `rtmp://h/a/b/c/room?x=1` into the application `a/b` and the name `c/room?x=1`, librtmp into others, and for
//! `rtmp://h/?rtmptoken=T` the whole query is the application and the name is empty. So the parts are joined and cut
//! again: the last segment is the stream, whatever precedes it is the application.

use std::fmt;

/// A stream as a client named it. Nothing here is trusted yet: it is text without control characters and without
/// `.` and `..`, and no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Everything before the last segment.
    pub app: String,
    /// The last segment. Empty only when the query holds a `rtmptoken`, which then names the stream.
    pub stream: String,
    /// The query without its question mark, as it was sent.
    pub query: String,
    /// The virtual host, in lower case and without a port; empty if the client named none.
    pub host: String,
    /// Application and stream, joined by a slash.
    pub path: String,
}

/// Why names do not name a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameError {
    /// There is no stream name.
    Empty,
    /// A control character, a backslash, or a segment that is `.` or `..`.
    Forbidden,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NameError::Empty => {
                write!(f, "no stream name: the address should look like rtmp://host/app/stream")
            }
            NameError::Forbidden => {
                write!(f, "the stream name has a control character, a backslash or a dot segment")
            }
        }
    }
}

impl std::error::Error for NameError {}

/// The query parameters that name a virtual host: Tencent and Aliyun say `domain`, SRS says `vhost`.
const HOST_PARAMETERS: [&str; 2] = ["domain", "vhost"];
/// The query parameter that stands for a whole name (Qiniu RTC).
const TOKEN_PARAMETER: &str = "rtmptoken";
/// What SRS accepts in place of a query: `app...vhost...host`.
const SRS_VHOST: &str = "...vhost...";

impl Target {
    /// From `app` and `tcUrl` of `connect` and the name of `publish` or `play`.
    pub fn new(app: &str, tc_url: &str, name: &str) -> Result<Target, NameError> {
        let (app_path, app_query) = cut(app);
        let (name_path, name_query) = cut(name);
        let (url, url_query) = cut(tc_url);
        let (app_path, app_vhost) = cut_vhost(app_path);
        let (name_path, name_vhost) = cut_vhost(name_path);

        let segments: Vec<&str> =
            app_path.split('/').chain(name_path.split('/')).filter(|segment| !segment.is_empty()).collect();
        let queries = [name_query, app_query, url_query];
        let query = queries.into_iter().find(|query| !query.is_empty()).unwrap_or_default();
        let forbidden = |c: char| c.is_control() || c == '\\';
        if segments.iter().any(|segment| matches!(*segment, "." | "..") || segment.contains(forbidden))
            || query.contains(char::is_control)
        {
            return Err(NameError::Forbidden);
        }
        let host = queries
            .into_iter()
            .find_map(|query| HOST_PARAMETERS.into_iter().find_map(|key| parameter(query, key)))
            .or(name_vhost)
            .or(app_vhost)
            .unwrap_or_else(|| host_of(url));
        let host = host.to_ascii_lowercase();
        if host.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return Err(NameError::Forbidden);
        }

        let named = name_path.split('/').any(|segment| !segment.is_empty());
        let token = parameter(query, TOKEN_PARAMETER).is_some();
        let (app, stream) = match segments.split_last() {
            Some((stream, app)) if named || (segments.len() > 1 && !token) => (app.join("/"), *stream),
            _ if token => (segments.join("/"), ""),
            _ => return Err(NameError::Empty),
        };
        let path = segments.join("/");
        Ok(Target { app, stream: stream.to_owned(), query: query.to_owned(), host, path })
    }
}

fn cut(text: &str) -> (&str, &str) {
    text.split_once('?').unwrap_or((text, ""))
}

fn cut_vhost(path: &str) -> (&str, Option<&str>) {
    match path.split_once(SRS_VHOST) {
        Some((path, host)) => (path, Some(host.trim_end_matches('/')).filter(|host| !host.is_empty())),
        None => (path, None),
    }
}

/// The first parameter of that name with a value. Values are taken as they are: a host needs no escapes.
fn parameter<'a>(query: &'a str, key: &str) -> Option<&'a str> {
    query
        .split('&')
        .find_map(|pair| pair.split_once('=').filter(|(name, _)| *name == key).map(|(_, value)| value))
        .filter(|value| !value.is_empty())
}

fn host_of(url: &str) -> &str {
    let authority = url.split_once("://").map_or("", |(_, rest)| rest).split('/').next().unwrap_or_default();
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{NameError, Target};

    fn target(app: &str, tc_url: &str, name: &str) -> (String, String, String, String) {
        let target = Target::new(app, tc_url, name).unwrap();
        (target.app, target.stream, target.query, target.host)
    }

    fn parts(app: &str, stream: &str, query: &str, host: &str) -> (String, String, String, String) {
        (app.into(), stream.into(), query.into(), host.into())
    }

    #[test]
    fn what_ffmpeg_sends_for_a_signed_address() {
        assert_eq!(
            target("live", "rtmp://h:1935/live", "room1001?sign=a&until=b"),
            parts("live", "room1001", "sign=a&until=b", "h")
        );
    }

    #[test]
    fn what_ffmpeg_sends_for_a_deep_path() {
        let target = Target::new("a/b", "rtmp://h/a/b", "c/room?x=1").unwrap();
        assert_eq!((&*target.app, &*target.stream, &*target.path), ("a/b/c", "room", "a/b/c/room"));
    }

    #[test]
    fn what_ffmpeg_sends_for_a_token_of_a_room() {
        let query = "rtmptoken=T&trackid=A&trackid=V&playerid=u1";
        let app = format!("?{query}");
        assert_eq!(target(&app, &format!("rtmp://h:1935/{app}"), ""), parts("", "", query, "h"));
        // A client that splits at the last slash has the query in the name.
        assert_eq!(target("", "rtmp://h:1935/", &app), parts("", "", query, "h"));
    }

    #[test]
    fn an_empty_name_without_a_token_is_refused() {
        assert_eq!(Target::new("live", "rtmp://h/live", ""), Err(NameError::Empty));
        assert_eq!(Target::new("live", "rtmp://h/live", "?x=1"), Err(NameError::Empty));
        assert_eq!(Target::new("", "", ""), Err(NameError::Empty));
        assert_eq!(Target::new("live?rtmptoken=", "rtmp://h/live", ""), Err(NameError::Empty));
    }

    #[test]
    fn an_application_that_holds_the_whole_path_is_cut() {
        // OBS with the whole address in the field for the server, and no key.
        assert_eq!(target("live/room", "rtmp://h/live/room", ""), parts("live", "room", "", "h"));
    }

    #[test]
    fn slashes_at_the_ends_mean_nothing() {
        assert_eq!(Target::new("live/", "rtmp://h/live/", "/"), Err(NameError::Empty));
        assert_eq!(target("live/", "rtmp://h/live/", "/room"), parts("live", "room", "", "h"));
    }

    #[test]
    fn the_query_of_the_name_comes_before_that_of_the_application() {
        assert_eq!(target("live?a=1", "rtmp://h/live?a=1", "room?b=2").2, "b=2");
        assert_eq!(target("live?a=1", "rtmp://h/live?a=1", "room").2, "a=1");
        assert_eq!(target("live", "rtmp://h/live?c=3", "room").2, "c=3");
    }

    #[test]
    fn a_virtual_host_is_found_wherever_clients_put_it() {
        assert_eq!(
            target("live", "rtmp://1.2.3.4/live", "room?domain=Push.Example.com").3,
            "push.example.com"
        );
        assert_eq!(target("live?vhost=a.example", "rtmp://1.2.3.4/live", "room?k=v").3, "a.example");
        assert_eq!(
            target("live...vhost...a.example", "rtmp://1.2.3.4/live...vhost...a.example", "room"),
            parts("live", "room", "", "a.example")
        );
        assert_eq!(target("live", "rtmp://1.2.3.4/live", "room...vhost...b.example?k=v").3, "b.example");
        assert_eq!(target("live", "rtmps://user:pw@h.example:443/live", "room").3, "h.example");
        assert_eq!(target("live", "rtmp://[2001:DB8::1]:1935/live", "room").3, "2001:db8::1");
        assert_eq!(target("live", "", "room").3, "");
    }

    #[test]
    fn names_that_would_leave_a_folder_or_a_line_are_refused() {
        for name in ["../room", "a/../room", "..", ".", "room\n", "room\0", "a\\b", "room?x=\r\n"] {
            assert_eq!(Target::new("live", "rtmp://h/live", name), Err(NameError::Forbidden), "{name:?}");
        }
        assert_eq!(Target::new("../../etc", "rtmp://h/", "room"), Err(NameError::Forbidden));
        assert_eq!(Target::new("live", "rtmp://h/live", "room?vhost=a b"), Err(NameError::Forbidden));
        // These are ugly and harmless: nothing here is ever given to a shell.
        for name in ["room;id", "$(id)", "`id`", "..room", "a b", "直播"] {
            assert_eq!(target("live", "rtmp://h/live", name).1, name);
        }
    }

    proptest! {
        #[test]
        fn no_names_make_the_split_panic(app in "[a-z./?=&:]{0,20}", url in "\\PC{0,20}", name in "\\PC{0,20}") {
            if let Ok(target) = Target::new(&app, &url, &name) {
                prop_assert!(!target.stream.contains('/'));
                prop_assert!(!target.path.split('/').any(|segment| segment == ".."));
            }
        }
    }
}
