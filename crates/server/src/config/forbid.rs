//! Until when a stream is forbidden.

use super::Forbid;
use crate::time::unix_seconds;

impl Forbid {
    /// The first second since 1970 in which the stream is allowed again; none when what was written is no time. A
    /// date needs its zone: whoever reads the file may be in another one than the server.
    pub(super) fn until_unix(&self) -> Option<i64> {
        if self.until.is_empty() { Some(i64::MAX) } else { unix_seconds(&self.until) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::secrets::{Secret, Secrets};

    fn until(text: &str) -> Option<i64> {
        let forbid =
            Forbid { app: "a".into(), stream: "b".into(), until: text.into(), reason: String::new() };
        forbid.until_unix()
    }

    #[test]
    fn a_moment_is_a_date_with_its_zone_or_seconds_or_never() {
        assert_eq!(until(""), Some(i64::MAX));
        assert_eq!(until("1893456000"), Some(1_893_456_000));
        assert_eq!(until("2030-01-01T00:00:00Z"), Some(1_893_456_000));
        assert_eq!(until("2030-01-01T08:00:00+08:00"), Some(1_893_456_000));
        assert_eq!(until("2000-02-29 00:00:00Z"), Some(951_782_400));
        for bad in [
            "2030-01-01T00:00:00",
            "2030-01-01",
            "tomorrow",
            "-1",
            "99999999999999999999",
            "2030-02-30T00:00:00Z",
        ] {
            assert_eq!(until(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_forbid_list_of_a_file_is_in_force() {
        let text = "[[forbid]]\napp = \"live\"\nstream = \"a\"\nreason = \"no\"\n\
             [[forbid]]\napp = \"live\"\nstream = \"b\"\nuntil = 2030-01-01T00:00:00Z\n\
             [[forbid]]\napp = \"live\"\nstream = \"c\"\nuntil = 1893456000\n";
        let config = Config::from_toml(text).unwrap();
        let secrets =
            Secrets { push_key: Secret::new("k"), play_key: Secret::new("l"), ..Secrets::default() };
        let authority = config.authority(&secrets).unwrap();
        let names = |now| {
            let listed = authority.forbidden(now).into_iter();
            listed.map(|forbidden| forbidden.stream).collect::<Vec<_>>()
        };
        assert_eq!(names(1_893_455_999), ["a", "b", "c"]);
        assert_eq!(names(1_893_456_000), ["a"]);
        assert_eq!(authority.forbidden(0)[0].reason, "no");
    }

    #[test]
    fn what_is_wrong_with_a_forbid_section_is_told_with_its_line() {
        let wrong = |rest: &str| {
            let text = format!("[[forbid]]\napp = \"live\"\n{rest}");
            Config::from_toml(&text).map_err(|problems| problems.to_string()).unwrap_err()
        };
        assert_eq!(wrong(""), "weir.toml:1: `forbid[0].stream` is missing");
        assert!(
            wrong("stream = \"a\"\nuntill = 1\n")
                .starts_with("weir.toml:4: unknown key `forbid[0].untill`; did you mean `forbid[0].until`?")
        );
        assert!(
            wrong("stream = \"a\"\nuntil = \"soon\"\n")
                .starts_with("weir.toml:4: `forbid[0].until` must be a time")
        );
        assert!(
            wrong("stream = \"a\"\nuntil = true\n")
                .starts_with("weir.toml:4: `forbid[0].until` must be a time")
        );
        assert!(wrong("stream = \"a/b\"\n").starts_with("weir.toml:3: no stream can be called"));
        let twice = wrong("stream = \"a\"\n[[forbid]]\napp = \"live\"\nstream = \"a\"\n");
        assert_eq!(twice, "weir.toml:6: `forbid[1].stream`: this stream has a section already");
        assert!(Config::from_toml("forbid = 3").is_err());
    }
}
