use super::value::Value;
use super::*;
use crate::lang::Lang;

fn problems(text: &str) -> Vec<String> {
    match Config::from_toml(text) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.0.iter().map(|problem| problem.text(Lang::En)).collect(),
    }
}

fn variables(vars: &[(&str, &str)]) -> Vec<(String, String)> {
    vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn the_built_in_file_is_the_whole_configuration_and_is_good() {
    let defaults = Config::defaults();
    // The same file read by itself, so that no type can have a default of its own.
    let mut tree: toml::Table = DEFAULT.parse().unwrap();
    for repeated in ["domain", "forbid", "relay", "record", "user_key", "usersig", "webhook"] {
        tree.insert(repeated.into(), toml::Value::Array(Vec::new()));
    }
    assert_eq!(Config::deserialize(tree).unwrap(), defaults);
    assert_eq!(defaults.rtmp.listen, "[::]:1935");
    assert_eq!((defaults.push.scheme, defaults.play.scheme), (Scheme::Tencent, Scheme::Open));
}

#[test]
fn every_key_is_explained_in_both_languages() {
    let is_chinese = |text: &str| text.chars().any(|letter| ('\u{4e00}'..='\u{9fff}').contains(&letter));
    let explained = DEFAULT.split("\n[play]\n").next().unwrap();
    let mut about = String::new();
    for line in explained.lines() {
        if let Some(comment) = line.strip_prefix('#') {
            about.push_str(comment);
        } else if let Some((key, _)) = line.split_once(" = ") {
            let follows_its_pair = ["stream", "key_file"].contains(&key);
            let good =
                is_chinese(&about) && about.split_whitespace().filter(|word| word.is_ascii()).count() >= 2;
            assert!(good || follows_its_pair, "{key} is not explained");
            about.clear();
        } else {
            about.clear();
        }
    }
}

#[test]
fn an_unknown_key_is_told_with_its_line_and_what_was_meant() {
    assert_eq!(
        problems("\n[http]\nlisten = \"[::]:80\"\nlisen = \"x\"\n"),
        ["weir.toml:4: unknown key `http.lisen`; did you mean `http.listen`?"]
    );
    assert_eq!(problems("[htp]\nlisten = \"\"\n"), ["weir.toml:1: unknown key `htp`; did you mean `http`?"]);
    assert_eq!(
        problems("[rtmp]\ngrace_seconds = 3\n"),
        ["weir.toml:2: unknown key `rtmp.grace_seconds`; did you mean `hub.grace_seconds`?"]
    );
    assert_eq!(
        problems("[[domain]]\nname = \"a.b\"\nrole = \"push\"\nsheme = \"open\"\n"),
        ["weir.toml:4: unknown key `domain[0].sheme`; did you mean `domain[0].scheme`?"]
    );
}

#[test]
fn several_problems_are_told_at_once() {
    let told = problems(
        "[http]\nlisten = 80\ncolour = 1\n[hub]\ngrace_seconds = 301\n[push]\nscheme = \"tencen\"\n",
    );
    assert_eq!(
        told,
        [
            "weir.toml:2: `http.listen` must be a text in quotes",
            "weir.toml:3: unknown key `http.colour`; `weir config show` lists all there are",
            "weir.toml:5: `hub.grace_seconds` must be from 0 to 300",
            "weir.toml:7: `push.scheme` must be one of tencent, aliyun, qiniu, huawei_a, huawei_b, huawei_d, open",
        ]
    );
}

#[test]
fn problems_are_told_in_chinese_too() {
    let problems = Config::from_toml("[http]\nlisen = \"\"\n").unwrap_err();
    assert_eq!(problems.text(Lang::Zh), "weir.toml:2：没有配置项 `http.lisen`，是不是 `http.listen`？");
}

/// A bucket with a key.
fn stored(text: &str) -> String {
    format!("[storage]\naccess_key_id = \"a\"\nsecret_access_key = \"b\"\n{text}")
}

#[test]
fn values_are_held_to_their_bounds_at_the_bound() {
    for (text, good) in [
        ("[rtmp]\nchunk_size_out = 128", true),
        ("[rtmp]\nchunk_size_out = 127", false),
        ("[rtmp]\nchunk_size_out = 16777215", true),
        ("[rtmp]\nchunk_size_out = 16_777_216", false),
        ("[rtmp]\nchunk_size_out = 0x80", true),
        ("[rtmp]\nchunk_size_out = -9223372036854775809", false),
        ("[fanout]\nmerge_from_load_percent = 0", true),
        ("[fanout]\nmerge_from_load_percent = nan", false),
        ("[fanout]\nmerge_full_load_percent = 100.1", false),
        ("[fanout]\nmerge_from_load_percent = 80.0", false),
        ("[http]\nlisten = \"8080\"", false),
        ("[http]\nlisten = \"\"", true),
        ("[http]\nlisten = \"\"\n[rtmp]\nlisten = \"\"", false),
        ("[http]\ntls_listen = \"[::]:443\"", false),
        ("[http]\ncors_origins = [\"example.com\"]", false),
        ("[http]\ncors_origins = [1]", false),
        ("[tls]\ncert_file = \"a\"", false),
        ("[http]\ntls_listen = \"[::]:443\"\n[acme]\ndomains = [\"a.b\"]", true),
        ("[acme]\ndomains = [\"a.b\"]", false),
        ("[http]\ntls_listen = \"[::]:443\"\n[acme]\ndomains = [\"*.a.b\"]", false),
        ("[http]\ntls_listen = \"[::]:443\"\n[acme]\ndomains = [\"192.0.2.1\"]", false),
        (
            "[http]\ntls_listen = \"[::]:443\"\n[tls]\ncert_file = \"a\"\nkey_file = \"b\"\n[acme]\ndomains = [\"a.b\"]",
            false,
        ),
        ("[acme]\ndirectory = \"http://a.b/directory\"", false),
        ("[acme]\nemail = \"nobody\"", false),
        ("[acme]\nhttp_listen = \"80\"", false),
        ("[server]\npublic_host = \"http://a\"", false),
        ("[push]\nscheme = \"qiniu\"", false),
        ("[push]\nallow_ips = [\"10.0.0.0/8\"]", true),
        ("[push]\nallow_ips = [\"10.0.0.0/33\"]", false),
        ("[play]\nreferrers = [\"*.example.com\", \"servicewechat.com/wx1\"]", true),
        ("[play]\nreferrers = [\"https://a b\"]", false),
        ("[demo]\nstream = \"../x\"", false),
        ("[wallet]\nunit_zh = \"一二三四五六七八九十一二三四五六\"", true),
        ("[wallet]\nunit_zh = \"一二三四五六七八九十一二三四五六七\"", false),
        ("[wallet]\nunit_en = \"a\\nb\"", false),
        ("[demo]\ntitle = \"演示\"", false),
        ("[[domain]]\nname = \"a.b\"", false),
        ("[[domain]]\nname = \"a.b\"\nrole = \"host\"", false),
        ("[[domain]]\nname = \"a.b\"\nrole = \"push\"\n[[domain]]\nname = \"A.b\"\nrole = \"push\"", false),
        ("[[domain]]\nname = \"a.b\"\nrole = \"push\"\n[[domain]]\nname = \"a.b\"\nrole = \"play\"", true),
        ("[wechat]\nappid = \"wx1\"\nsecret = \"s\"", true),
        ("[wechat]\nappid = \"wx1\"", false),
        ("[wechat]\nsecret = \"s\"", false),
        ("[wechat]\nappid = \"wx1\"\nsecret = \"s\"\nbase_url = \"http://a.b\"", false),
        ("[wechat]\nappid = \"wx1\"\nsecret = \"s\"\nbase_url = \"https://a.b/?c\"", false),
        ("[wechat]\nappid = \"wx1\"\nsecret = \"s\"\nbase_url = \"https://10.0.0.1\"", false),
        (
            "[wechat]\nappid = \"wx1\"\nsecret = \"s\"\nbase_url = \"http://10.0.0.1/wx\"\nallow_private = true",
            true,
        ),
        ("[wechat]\nappid = \"wx1\"\nsecret = \"s\"\nkid = \"mine\"", false),
        (
            "[wechat]\nappid = \"wx1\"\nsecret = \"s\"\nkid = \"e\"\n[[user_key]]\nkid = \"e\"\nalgorithm = \"EdDSA\"\npublic_key_file = \"x\"",
            false,
        ),
        ("[wechat]\nuser_id = \"phone\"", false),
        ("[wechat]\ntoken_hours = 721", false),
        (&stored("bucket = \"a-b\""), true),
        (&stored("bucket = \"A b\""), false),
        (&stored("bucket = \"a-b\"\nendpoint = \"https://s3.a.b\"\nprefix = \"x/y\""), true),
        (&stored("bucket = \"a-b\"\nendpoint = \"https://s3.a.b/a-b\""), false),
        (&stored("bucket = \"a-b\"\nendpoint = \"s3.a.b\""), false),
        (&stored("bucket = \"a-b\"\nprefix = \"x/../y\""), false),
        (&stored("bucket = \"a-b\"\npart_mb = 4"), false),
        (&stored("endpoint = \"https://s3.a.b\""), false),
        ("[storage]\nbucket = \"a-b\"", false),
        ("domain = 3", false),
        ("http = 3", false),
        ("http = ", false),
    ] {
        let told = problems(text);
        assert_eq!(told.is_empty(), good, "{text}: {told:?}");
        assert!(
            told.iter().all(|line| line.starts_with("weir.toml:") || line.starts_with("default:")),
            "{told:?}"
        );
    }
}

#[test]
fn flags_win_over_the_environment_over_the_file_over_the_defaults() {
    let mut layers = Layers::defaults();
    let text =
        "[http]\nlisten = \"127.0.0.1:1\"\n[rtmp]\nlisten = \"127.0.0.1:1\"\n[hub]\ngrace_seconds = 1\n";
    layers.add_file(Path::new("a.toml"), text);
    layers.add_env(&variables(&[
        ("WEIR__HTTP__LISTEN", "127.0.0.1:2"),
        ("WEIR__RTMP__LISTEN", "127.0.0.1:2"),
        ("WEIR__HTTP__CORS_ORIGINS", "https://a.b, https://c.d"),
        ("WEIR__PLAY__SCHEME", "tencent"),
        ("WEIR_LOG", "debug"),
        ("PATH", "/bin"),
    ]));
    layers.add_flags(&[FlagValue { key: "http.listen", flag: "--http", value: "127.0.0.1:3".into() }]);
    let config = layers.config().unwrap();
    assert_eq!((config.http.listen.as_str(), config.rtmp.listen.as_str()), ("127.0.0.1:3", "127.0.0.1:2"));
    assert_eq!((config.hub.grace_seconds, config.hub.gop_max_ms), (1, Config::defaults().hub.gop_max_ms));
    assert_eq!(config.http.cors_origins, ["https://a.b", "https://c.d"]);
    assert_eq!(config.play.scheme, Scheme::Tencent);
    let shown = layers.show();
    for (key, origin) in [
        ("http.listen = \"127.0.0.1:3\"", "# --http"),
        ("rtmp.listen = \"127.0.0.1:2\"", "# WEIR__RTMP__LISTEN"),
        ("hub.grace_seconds = 1", "# a.toml:6"),
        ("hub.gop_max_ms = 10000", "# default"),
    ] {
        assert!(
            shown.lines().any(|line| line.starts_with(key) && line.ends_with(origin)),
            "{key} {origin}\n{shown}"
        );
    }
}

#[test]
fn what_is_wrong_in_the_environment_is_told_by_its_name() {
    let mut layers = Layers::defaults();
    layers.add_env(&variables(&[
        ("WEIR__HTTP__LISEN", "x"),
        ("WEIR__DEMO__ENABLED", "perhaps"),
        ("WEIR__HUB__GRACE_SECONDS", "999"),
    ]));
    let told = layers.config().unwrap_err().to_string();
    assert_eq!(
        told.lines().collect::<Vec<_>>(),
        [
            "WEIR__HTTP__LISEN: unknown key `WEIR__HTTP__LISEN`; did you mean `WEIR__HTTP__LISTEN`?",
            "WEIR__DEMO__ENABLED: `demo.enabled` must be true or false",
            "WEIR__HUB__GRACE_SECONDS: `hub.grace_seconds` must be from 0 to 300",
        ]
    );
}

#[test]
fn a_word_that_no_key_takes_is_told_where_it_was_written() {
    assert_eq!(
        problems("[chat]\nlinks = \"deny\""),
        ["weir.toml:2: `chat.links` must be one of allow, refuse, hosts"]
    );
    let texts = Layers::defaults().items.into_iter().filter(|item| matches!(item.value, Value::Text(_)));
    // The name of the demo's app is told with that of its stream.
    for key in texts.map(|item| item.key).filter(|key| key != "demo.app") {
        let name = format!("WEIR__{}", key.replace('.', "__").to_uppercase());
        let mut layers = Layers::defaults();
        layers.add_env(&variables(&[(&name, "no such word")]));
        let told = layers.config().err().map(|problems| problems.0).unwrap_or_default();
        // Another key may be missing now, too.
        assert!(told.is_empty() || told.iter().any(|problem| problem.place == name), "{key}: {told:?}");
    }
}

#[test]
fn events_that_there_are_not_are_told_with_what_was_meant() {
    let hook = |events: &str| {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        problems(&format!(
            "[[webhook]]\nname = \"a\"\nurl = \"https://a.b/\"\nsecret = \"{secret}\"\nevents = {events}"
        ))
    };
    for good in ["[\"*\"]", "[\"stream.*\", \"gift.sent\"]", "[\"ping\"]"] {
        assert_eq!(hook(good), [""; 0], "{good}");
    }
    let begin = "weir.toml:5: `webhook[0].events`: there are no events";
    for (bad, end) in [
        ("[\"stream.start\"]", "\"stream.start\"; did you mean \"stream.started\"?"),
        ("[\"rom.*\"]", "\"rom.*\"; did you mean \"room.*\"?"),
        ("[\"rom.started\"]", "\"rom.started\"; did you mean \"room.started\"?"),
        ("[\"room.*\", \"colour\"]", "\"colour\"; docs/en/webhooks.md has the list"),
        ("[\"stream*\"]", "\"stream*\"; did you mean \"stream.*\"?"),
        ("[\"internal.*\"]", "\"internal.*\"; docs/en/webhooks.md has the list"),
    ] {
        assert_eq!(hook(bad), [format!("{begin} {end}")], "{bad}");
    }
    assert_eq!(
        hook("[]"),
        ["weir.toml:5: `webhook[0].events` must name events, such as \"stream.*\", or \"*\" for all"]
    );
}

#[test]
fn secrets_are_in_no_output_and_in_no_error() {
    let text = "[push]\nkey = \"hunter2\"\nbackup_key = \"hunter2\"\n[[domain]]\nname = \"a.b\"\nrole = \"play\"\nkey = \"hunter2\"\n";
    let mut layers = Layers::defaults();
    layers.add_file(Path::new("a.toml"), text);
    let config = layers.config().unwrap();
    for out in [layers.show(), layers.show_json().to_string(), format!("{config:?}")] {
        assert!(!out.contains("hunter2"), "{out}");
        assert!(out.contains("********"), "{out}");
    }
    assert!(
        layers.show().contains("play.key = \"\""),
        "an empty key says that the generated one is in force"
    );
    for bad in [
        "[push]\nkey = \"hunter2\nx = 1\n",
        "[push]\nkey = hunter2\n",
        "[push]\nkey = [\"hunter2\"]\n",
        "[push]\nscheme = \"hunter2\"\n",
    ] {
        let told = problems(bad).join("\n");
        assert!(told.starts_with("weir.toml:2: ") && !told.contains("hunter2"), "{told}");
    }
}

#[test]
fn a_domain_takes_the_built_in_rules_of_its_role() {
    let text = "[push]\nscheme = \"open\"\n[[domain]]\nname = \"a.b\"\nrole = \"push\"\n[[domain]]\nname = \"c.d\"\nrole = \"play\"\nscheme = \"aliyun\"\n";
    let config = Config::from_toml(text).unwrap();
    let schemes: Vec<Scheme> = config.domain.iter().map(|domain| domain.rules.scheme).collect();
    assert_eq!(schemes, [Scheme::Tencent, Scheme::Aliyun]);
    assert_eq!(config.push.scheme, Scheme::Open);
}

#[test]
fn a_file_that_is_not_there_is_told() {
    let sources = Sources { file: Some("/nowhere/weir.toml".into()), ..Sources::default() };
    let told = sources.layers().config().unwrap_err().to_string();
    assert!(told.starts_with("/nowhere/weir.toml: the file cannot be read"), "{told}");
}
