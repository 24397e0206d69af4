//! Figures: what is exported, who may see it, and what a real Prometheus makes of it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};

use hub::Name;
use testkit::clip::Clip;
use testkit::http;
use testkit::publisher::Publisher;
use testkit::viewer::Viewer;
use weir::health::Code;
use weir::metrics::{ALL, text};
use weir::operator::keys::{self, Scope};

use crate::ffmpeg::Running;
use crate::harness::{Folder, Weir, wait_for};

const DASHBOARD: &str = include_str!("../../../../deploy/grafana/weir.json");

/// The documents with their language's words for a metric and for a problem.
const DOCUMENTS: [(&str, bool); 2] = [
    (include_str!("../../../../docs/en/reference.md"), false),
    (include_str!("../../../../docs/zh/reference.md"), true),
];

/// A show with a publisher and a viewer on each wire.
fn show(weir: &Weir) -> (Publisher, Vec<Viewer>) {
    let mut publisher = Publisher::connect(&weir.rtmp_url("live/room1")).expect("open doors");
    publisher.send_headers(30).expect("headers");
    publisher.send_all(&Clip::default().shots(0, 1_000)).expect("pictures");
    weir.wait_on_air("live/room1");
    let urls = [weir.rtmp_url("live/room1"), weir.flv_url("live/room1"), weir.ws_url("live/room1")];
    let viewers = urls.map(|url| {
        let mut viewer = Viewer::open(&url).expect("open doors");
        viewer.next().expect("a frame");
        viewer
    });
    (publisher, viewers.into())
}

/// With percent signs, for a query.
fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "%{byte:02X}");
        out
    })
}

fn sample(text: &str, name: &str) -> Option<f64> {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
        .and_then(|value| value.parse().ok())
}

#[test]
fn every_metric_is_exported_once_and_promtool_has_no_complaint() {
    let weir = Weir::with(&[]);
    let _show = show(&weir);
    let refused = Viewer::open(&weir.flv_url("live/room1").replace("room1", "nobody"));
    assert!(refused.is_err());
    let text = text(weir.app());
    for family in ALL {
        for word in ["HELP", "TYPE"] {
            let line = format!("# {word} {} ", family.name);
            assert_eq!(text.matches(&line).count(), 1, "{line}");
        }
    }
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut promtool = promtool.spawn().expect("promtool; `make test` installs it");
    promtool.stdin.take().expect("piped").write_all(text.as_bytes()).expect("it reads");
    let done = promtool.wait_with_output().expect("it ends");
    let said = [done.stdout, done.stderr].concat();
    assert!(done.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn figures_are_those_of_the_show() {
    let weir = Weir::with(&[]);
    let (publisher, viewers) = show(&weir);
    let now = || text(weir.app());
    let holds = |name: &str, expected: f64| {
        weir.wait_for(&format!("{name} = {expected}"), || sample(&now(), name) == Some(expected));
    };
    holds("weir_streams{phase=\"on_air\"}", 1.0);
    holds("weir_sessions{role=\"publisher\",wire=\"rtmp\"}", 1.0);
    for wire in ["rtmp", "http-flv", "ws-flv"] {
        holds(&format!("weir_sessions{{role=\"viewer\",wire=\"{wire}\"}}"), 1.0);
    }
    // Three headers, 25 pictures, 50 sounds.
    holds("weir_frames_received_total", 78.0);
    holds("weir_join_seconds_count", 3.0);
    assert!(sample(&now(), "weir_ring_bytes").is_some_and(|bytes| bytes > 10_000.0));
    assert!(sample(&now(), "weir_received_bytes_total").is_some_and(|bytes| bytes > 50_000.0));
    weir.wait_for("bytes sent", || {
        sample(&now(), "weir_sent_bytes_total{wire=\"http-flv\"}").is_some_and(|bytes| bytes > 50_000.0)
    });
    drop(viewers);
    holds("weir_sessions{role=\"viewer\",wire=\"rtmp\"}", 0.0);
    holds("weir_sessions_opened_total{role=\"viewer\",wire=\"rtmp\"}", 1.0);
    // A phone that loses its network, and comes back.
    drop(publisher);
    holds("weir_publishers_lost_total", 1.0);
    let mut again = Publisher::connect(&weir.rtmp_url("live/room1")).expect("open doors");
    holds("weir_takeovers_total", 1.0);
    again.send_headers(30).expect("headers");
    again.send_all(&Clip::default().shots(0, 1_000)).expect("pictures");
    let mut last = Viewer::open(&weir.rtmp_url("live/room1")).expect("open doors");
    last.next().expect("a frame");
    holds("weir_frames_received_total", 156.0);
    weir.app().drop_stream(&Name::new("live/room1"), "enough");
    holds("weir_streams{phase=\"on_air\"}", 0.0);
    holds("weir_viewers_let_go_total{reason=\"ended\"}", 1.0);
}

#[test]
fn limits_and_refusals_are_counted() {
    let weir = Weir::with(&[
        ("limits.connections_per_ip", "1"),
        ("push.scheme", "tencent"),
        ("hub.grace_seconds", "0"),
    ]);
    let now = || text(weir.app());
    let ask = |target: &str| http::get(weir.http, target, "").map(|answer| answer.status).unwrap_or_default();
    weir.wait_for("a free place", || ask("/live/nobody.flv") == 404);
    let long = format!("/{}", "a".repeat(5_000));
    weir.wait_for("a free place", || ask(&long) == 414);
    weir.wait_for("a free place", || {
        let error = Publisher::connect(&weir.rtmp_url("live/room1")).err();
        error.is_some_and(|error| error.to_string().contains("txTime"))
    });
    let held = std::net::TcpStream::connect(weir.rtmp).expect("a connection");
    weir.wait_for("the place taken", || weir.app().permits.held() > 0);
    assert!(http::get(weir.http, "/livez", "").is_err(), "a second connection was let in");
    drop(held);
    let text = now();
    for name in [
        "weir_refusals_total{code=\"missing_expiry\",wire=\"rtmp\"}",
        "weir_refusals_total{code=\"not_on_air\",wire=\"http-flv\"}",
        "weir_limit_hits_total{limit=\"limits.connections_per_ip\"}",
        "weir_limit_hits_total{limit=\"http.target_bytes\"}",
    ] {
        assert!(sample(&text, name).is_some_and(|count| count >= 1.0), "{name}\n{text}");
    }
}

#[test]
fn figures_want_a_key_unless_they_are_public_or_asked_for_at_their_own_door() {
    let folder = Folder::new("metrics-keys");
    let weir = Weir::start_in(folder.path(), &[("metrics.listen", "127.0.0.1:0")]);
    let get =
        |addr: SocketAddr, target: &str, headers: &str| http::get(addr, target, headers).expect("an answer");
    let answer = get(weir.http, "/metrics", "");
    assert_eq!(answer.status, 401);
    let key = keys::create(folder.path(), "prometheus", Scope::Read, "now".into()).expect("a key");
    let bearer = format!("Authorization: Bearer {}\r\n", key.expose());
    let answer = get(weir.http, "/metrics", &bearer);
    assert!(answer.status == 200 && answer.text().contains("\nweir_build_info{"), "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let own = weir.app().ports().metrics.expect("a door of its own");
    assert_eq!(get(own, "/metrics", "").status, 200);
    assert_eq!(get(own, "/api/v1/live", "").status, 404);
    let public = Weir::with(&[("metrics.public", "true")]);
    assert_eq!(get(public.http, "/metrics", "").status, 200);
    assert_eq!(public.app().ports().metrics, None);
}

#[test]
fn a_metrics_port_that_is_taken_does_not_keep_the_show_from_starting() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = taken.local_addr().expect("an address").to_string();
    let weir = Weir::with(&[("metrics.listen", &addr)]);
    assert_eq!(weir.app().ports().metrics, None);
    assert_eq!(http::get(weir.http, "/livez", "").expect("an answer").status, 200);
}

/// The expressions of the dashboard's panels.
fn expressions(value: &serde_json::Value, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, field) in fields {
                match field.as_str() {
                    Some(text) if name == "expr" => found.push(text.to_owned()),
                    _ => expressions(field, found),
                }
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| expressions(item, found)),
        _ => {}
    }
}

fn dashboard() -> Vec<String> {
    let mut found = Vec::new();
    expressions(&serde_json::from_str(DASHBOARD).expect("JSON"), &mut found);
    found
}

#[test]
fn the_dashboard_shows_only_what_there_is_and_nearly_all_of_it() {
    let mut shown = BTreeSet::new();
    for expression in dashboard() {
        let words = expression.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        for word in words.filter(|word| word.starts_with("weir_") || word.starts_with("process_")) {
            let family = ALL.iter().find(|family| {
                word.strip_prefix(family.name)
                    .is_some_and(|rest| ["", "_bucket", "_sum", "_count"].contains(&rest))
            });
            shown.insert(family.unwrap_or_else(|| panic!("{word} is not exported: {expression}")).name);
        }
    }
    let missing: Vec<&str> =
        ALL.iter().map(|family| family.name).filter(|name| !shown.contains(name)).collect();
    // The first is where the dashboard's variables come from; the others are for alerts.
    assert_eq!(missing, ["weir_build_info", "weir_draining", "process_threads", "weir_tasks"]);
}

#[test]
fn prometheus_collects_the_figures_and_understands_the_dashboard() {
    let weir = Weir::with(&[("metrics.listen", "127.0.0.1:0")]);
    let _show = show(&weir);
    let folder = Folder::new("prometheus");
    let target = weir.app().ports().metrics.expect("a door of its own");
    let config = format!(
        "global:\n  scrape_interval: 1s\nscrape_configs:\n  - job_name: weir\n    static_configs:\n      - targets: ['{target}']\n"
    );
    std::fs::write(folder.file("prometheus.yml"), config).expect("a file");
    // Free until a moment ago; Prometheus cannot be told to choose one and say which.
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let mut command = Command::new("prometheus");
    command.arg(format!("--config.file={}", folder.file("prometheus.yml").display()));
    command.arg(format!("--storage.tsdb.path={}", folder.file("data").display()));
    command.arg(format!("--web.listen-address={port}"));
    let _prometheus = Running::new(command);
    let ask = |expression: &str| {
        let target = format!("/api/v1/query?query={}", encode(expression));
        http::get(port, &target, "").map(|answer| answer.text()).unwrap_or_default()
    };
    for (expression, value) in [
        ("weir_streams{phase=\"on_air\"}", "1"),
        ("sum(weir_sessions{role=\"viewer\"})", "3"),
        ("weir_frames_received_total", "78"),
        ("up{job=\"weir\"}", "1"),
    ] {
        wait_for(expression, || ask(expression).contains(&format!(",\"{value}\"]")));
    }
    for expression in dashboard() {
        let filled =
            expression.replace("$job", ".*").replace("$instance", ".*").replace("$__rate_interval", "1m");
        let answer = ask(&filled);
        assert!(answer.contains("\"status\":\"success\""), "{filled}: {answer}");
    }
}

#[test]
fn a_push_that_falls_silent_is_a_problem_until_it_goes_on() {
    let weir = Weir::with(&[]);
    let (mut publisher, _viewers) = show(&weir);
    let name = Name::new("live/room1");
    let codes = || weir.app().health.of(&name).iter().map(|problem| problem.code).collect::<Vec<_>>();
    assert_eq!(codes(), []);
    weir.wait_for("the problem", || codes() == [Code::NothingReceived]);
    let problem = "weir_ingest_problem{code=\"nothing_received\"}";
    assert_eq!(sample(&text(weir.app()), problem), Some(1.0));
    let goes_on = Clip::default().shots(1_000, 1_040);
    // One frame is enough: the next look sees it.
    publisher.send_all(&goes_on).expect("it is still there");
    weir.wait_for("its end", || codes().is_empty());
    assert_eq!(sample(&text(weir.app()), problem), Some(0.0));
}

#[test]
fn the_documents_list_exactly_the_metrics_and_problems_that_there_are() {
    for (document, is_chinese) in DOCUMENTS {
        let mut metrics = String::new();
        for family in ALL {
            let kind = format!("{:?}", family.kind).to_lowercase();
            let labels =
                family.labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
            let help = if is_chinese { family.help_zh } else { family.help };
            let _ = writeln!(metrics, "| `{}` | {kind} | {labels} | {help} |", family.name);
        }
        let mut problems = String::new();
        for code in Code::ALL {
            let message = if is_chinese { code.message_zh() } else { code.message() };
            let _ = writeln!(problems, "| `{}` | {} | {message} |", code.name(), code.severity().name());
        }
        for table in [metrics, problems] {
            assert!(document.contains(&table), "the table should be:\n{table}");
        }
        let rows =
            document.lines().filter(|line| line.starts_with("| `weir_") || line.starts_with("| `process_"));
        assert_eq!(rows.count(), ALL.len(), "a metric is listed that is not there");
    }
}
