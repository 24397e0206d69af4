//! What `weir serve` says when it listens: where to look, where to push, where to play.

use std::fmt::Write as _;
use std::path::Path;

use super::qr;
use crate::address::{self, Play, Push};
use crate::lang::Lang;
use crate::secrets::Secrets;

/// All that is said.
#[derive(Debug)]
pub(super) struct Banner<'a> {
    /// The page on this machine, if it listens here.
    pub(super) page_here: Option<String>,
    /// The page for others.
    pub(super) page: Option<String>,
    /// The room of the demo, for a guest and for its host, if there is one.
    pub(super) room: Option<[String; 2]>,
    /// The stream that the page shows is on air by itself.
    pub(super) is_demo: bool,
    /// The stream of the examples.
    pub(super) path: &'a address::Path,
    /// Where to push it, or why that is not possible.
    pub(super) push: Option<Push>,
    /// Where to play it.
    pub(super) play: Play,
    /// When signed addresses end.
    pub(super) expires_at: String,
    /// How to call `weir url` for this server.
    pub(super) url_command: String,
}

/// How it is said.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// The language.
    pub(super) lang: Lang,
    /// Whether there is a screen with somebody in front of it.
    pub(super) screen: bool,
    /// Whether it has colours.
    pub(super) colour: bool,
}

impl Banner<'_> {
    /// The text, with a line break at its end.
    pub(super) fn text(&self, look: Look) -> String {
        let lang = look.lang;
        let mut out = String::new();
        let mut line = |text: &str| {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{text}");
        };
        let head = |text: &str| if look.colour { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() };
        line(&head(&format!("Weir 堰 {}", env!("CARGO_PKG_VERSION"))));
        let demo = if self.is_demo { lang.pick(" (the demo)", "（演示流）") } else { "" };
        if self.page_here.is_some() || self.page.is_some() {
            line(&head(&format!("{}{demo}", lang.pick("Open the page", "打开播放页"))));
        }
        if let Some(page) = &self.page_here {
            line(&format!("  {page}"));
        }
        let elsewhere = self.page.as_ref().filter(|page| self.page_here.as_ref() != Some(*page));
        if let Some(page) = elsewhere {
            line(&format!(
                "  {page}{}",
                lang.pick("   from a phone or another machine", "   手机或其他电脑")
            ));
            if look.screen
                && let Some(code) = qr::code(page, look.colour)
            {
                line(&code);
            }
        }
        if let Some([guest, host]) = &self.room {
            line(&head(lang.pick("Open the room with its chat (the demo)", "打开带聊天的直播间（演示）")));
            line(&format!("  {guest}{}", lang.pick("   as a guest", "   游客")));
            line(&format!("  {host}{}", lang.pick("   as its host", "   主播")));
        }
        if let Some(push) = &self.push {
            let until = if push.signed { lang.pick(" until ", "，有效期至 ") } else { "" };
            let expires = if push.signed { self.expires_at.as_str() } else { "" };
            line(&head(&format!("{}{until}{expires}", lang.pick("Push", "推流"))));
            line(&format!("  {}", push.url));
            line(&format!("  {} {}", lang.pick("OBS: server    ", "OBS：服务器"), push.server));
            line(&format!("  {} {}", lang.pick("     stream key", "     推流码"), push.stream_key));
        }
        line(&head(&lang.pick(
            format!("Play {}/{}", self.path.app, self.path.stream),
            format!("播放 {}/{}", self.path.app, self.path.stream),
        )));
        for address in [&self.play.page, &self.play.flv, &self.play.ws_flv, &self.play.hls, &self.play.rtmp]
            .into_iter()
            .flatten()
        {
            line(&format!("  {address}"));
        }
        line(&format!("{} {}", lang.pick("More addresses:", "更多地址："), self.url_command));
        out
    }
}

/// What is said once about new secrets.
pub(super) fn keys(secrets: &Secrets, file: &Path, lang: Lang) -> String {
    let file = file.display();
    let head = lang.pick(
        format!("New keys, in {file} and shown only now:"),
        format!("新生成的密钥，存于 {file}，只显示这一次："),
    );
    let keys =
        [("push_key", &secrets.push_key), ("play_key", &secrets.play_key), ("user_key", &secrets.user_key)];
    keys.iter().fold(head, |said, (name, key)| format!("{said}\n  {name}  {}", key.expose()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::Secret;

    fn banner(path: &address::Path) -> Banner<'_> {
        let address = |text: &str| Some(text.to_owned());
        Banner {
            page_here: address("http://127.0.0.1:8080/play/live/demo"),
            page: address("http://192.0.2.7:8080/play/live/demo"),
            room: Some(["guest", "host#token=t"].map(|end| format!("http://127.0.0.1:8080/r/{end}"))),
            is_demo: true,
            path,
            push: Some(Push {
                url: "rtmp://192.0.2.7:1935/live/room1?t=1".into(),
                server: "rtmp://192.0.2.7:1935/live".into(),
                stream_key: "room1?t=1".into(),
                signed: true,
            }),
            play: Play {
                rtmp: address("rtmp://192.0.2.7:1935/live/room1"),
                flv: address("http://192.0.2.7:8080/live/room1.flv"),
                ..Play::default()
            },
            expires_at: "2030-01-01T00:00:00Z".into(),
            url_command: "weir url push live/NAME".into(),
        }
    }

    #[test]
    fn a_log_gets_the_text_without_code_and_colours_and_a_screen_gets_both() {
        let path = address::Path { app: "live".into(), stream: "room1".into() };
        for lang in [Lang::En, Lang::Zh] {
            let plain = banner(&path).text(Look { lang, screen: false, colour: false });
            assert!(plain.contains("  http://127.0.0.1:8080/play/live/demo\n"), "{plain}");
            assert!(plain.contains("  http://127.0.0.1:8080/r/host#token=t"), "{plain}");
            assert!(plain.contains("room1?t=1") && plain.contains("2030-01-01T00:00:00Z"), "{plain}");
            assert!(!plain.contains('\x1b') && !plain.contains('█'), "{plain}");
            let screen = banner(&path).text(Look { lang, screen: true, colour: true });
            assert!(screen.contains('\x1b') && screen.contains('█'));
        }
    }

    #[test]
    fn new_keys_are_shown_with_the_place_where_they_are() {
        let secrets = Secrets {
            push_key: Secret::new("aaaa1111"),
            play_key: Secret::new("bbbb2222"),
            user_key: Secret::new("cccc3333"),
        };
        for lang in [Lang::En, Lang::Zh] {
            let said = keys(&secrets, Path::new("data/secrets.toml"), lang);
            assert!(
                ["aaaa1111", "bbbb2222", "cccc3333", "data/secrets.toml"]
                    .iter()
                    .all(|part| said.contains(part)),
                "{said}"
            );
        }
    }
}
