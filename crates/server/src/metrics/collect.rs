//! Looks everything up and writes it down, when somebody asks.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use control::room::reject;
use hub::Phase;
use tokio::runtime::Handle;

use super::family as f;
use super::histogram::Histogram;
use super::process::Process;
use super::text::{MEDIA_TYPE, Text};
use crate::api;
use crate::app::App;
use crate::health::Code;
use crate::http::head::Head;
use crate::http::response::Response;
use crate::operator::keys::Scope;
use crate::sessions::Role;

/// Phases by the names that they have here. An ended stream has left the registry.
const PHASES: [(Phase, &str); 4] = [
    (Phase::Waiting, "waiting"),
    (Phase::Starting, "starting"),
    (Phase::OnAir, "on_air"),
    (Phase::Grace, "grace"),
];

/// Answers `/metrics` on the port that everybody may reach: to whoever has a key of the API, or to everybody. Figures
/// tell how busy a show is, and who may know is the operator's choice.
pub async fn answer(app: &Arc<App>, head: &Head, peer: IpAddr) -> Response {
    if app.config.metrics.public {
        return page(app);
    }
    let (app, head) = (app.clone(), head.clone());
    // Keys are files, and the threads of the runtime carry pictures.
    let done = tokio::task::spawn_blocking(move || match api::authorize(&app, &head, peer, Scope::Read) {
        Ok(_) => page(&app),
        Err(refusal) => refusal,
    });
    done.await.unwrap_or_else(|_| Response::empty(500))
}

/// The figures as a response.
pub(super) fn page(app: &App) -> Response {
    Response::bytes(200, MEDIA_TYPE, text(app)).with("Cache-Control", "no-store")
}

/// All metrics at this moment.
pub fn text(app: &App) -> String {
    let mut text = Text::default();
    text.family(&f::BUILD_INFO).with(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    text.family(&f::UPTIME).only(seconds(app.clock.now_ms()));
    text.family(&f::DRAINING).only(u8::from(app.drain.is_on()));
    text.family(&f::CONNECTIONS).only(app.permits.held());
    clients(app, &mut text);
    refusals(app, &mut text);
    streams(app, &mut text);
    shards(app, &mut text);
    text.family(&f::API).histogram(&app.counts.api());
    limits(app, &mut text);
    let mut problems = text.family(&f::PROBLEMS);
    for code in Code::ALL {
        problems.with(&[("code", code.name())], app.health.count(code));
    }
    recordings(app, &mut text);
    text.family(&f::REPLAY_VIEWS).only(app.replays.figures.views());
    text.family(&f::REPLAY_SENT).only(app.replays.figures.bytes());
    storage(app, &mut text);
    rooms(app, &mut text);
    gifts(app, &mut text);
    webhooks(app, &mut text);
    certificate(app, &mut text);
    process(&mut text);
    text.finish()
}

fn clients(app: &App, text: &mut Text) {
    let tally = app.sessions.tally();
    let role = |role: Role| match role {
        Role::Publisher => "publisher",
        Role::Viewer => "viewer",
    };
    let mut open = text.family(&f::SESSIONS);
    for ((whose, wire), sum) in &tally {
        open.with(&[("role", role(*whose)), ("wire", wire)], sum.open);
    }
    let mut opened = text.family(&f::SESSIONS_OPENED);
    for ((whose, wire), sum) in &tally {
        opened.with(&[("role", role(*whose)), ("wire", wire)], sum.opened);
    }
    let viewers = || tally.iter().filter(|((whose, _), _)| *whose == Role::Viewer);
    let mut sent = text.family(&f::SENT);
    for ((_, wire), sum) in viewers() {
        sent.with(&[("wire", wire)], sum.bytes);
    }
    let all = |figure: fn(&hub::Drops) -> u64| viewers().map(|(_, sum)| figure(&sum.drops)).sum::<u64>();
    let mut dropped = text.family(&f::DROPPED);
    dropped.with(&[("cause", "disposable")], all(|drops| drops.disposable));
    dropped.with(&[("cause", "picture")], all(|drops| drops.pictures));
    dropped.with(&[("cause", "audio")], all(|drops| drops.audio));
    text.family(&f::JUMPS).only(all(|drops| drops.jumps));
}

fn refusals(app: &App, text: &mut Text) {
    let mut refusals = text.family(&f::REFUSALS);
    for ((code, wire), count) in app.counts.refusals() {
        refusals.with(&[("code", code), ("wire", wire)], count);
    }
    text.family(&f::LOST).only(app.counts.publishers_lost());
}

fn streams(app: &App, text: &mut Text) {
    let all = app.hub.all();
    let mut phases = text.family(&f::STREAMS);
    for (phase, name) in PHASES {
        let count = all.iter().filter(|stream| stream.phase() == phase).count();
        phases.with(&[("phase", name)], count);
    }
    let totals = app.hub.totals();
    text.family(&f::RECEIVED).only(totals.bytes_in);
    text.family(&f::FRAMES).only(totals.frames_in);
    text.family(&f::TAKEOVERS).only(totals.takeovers);
    text.family(&f::TIME_JUMPS).only(totals.time_jumps);
    text.family(&f::RING).only(all.iter().map(|stream| stream.ring_bytes()).sum::<u64>());
    let held = app.hls.held();
    text.family(&f::PACKAGERS).only(held.packagers);
    text.family(&f::PACKAGED).only(held.bytes);
}

fn shards(app: &App, text: &mut Text) {
    let shards = app.fanout.figures();
    let numbers: Vec<String> = (0..shards.len()).map(|number| number.to_string()).collect();
    let each = || numbers.iter().zip(&shards);
    let mut viewers = text.family(&f::SHARD_VIEWERS);
    each().for_each(|(shard, figures)| viewers.with(&[("shard", shard)], figures.viewers));
    let mut load = text.family(&f::SHARD_LOAD);
    // The sum of no loads at all is minus zero.
    each().for_each(|(shard, figures)| load.with(&[("shard", shard)], figures.load + 0.0));
    let mut window = text.family(&f::WINDOW);
    each().for_each(|(shard, figures)| window.with(&[("shard", shard)], figures.window.as_secs_f64()));
    let (mut flush, mut join) = (Histogram::short(), Histogram::long());
    for figures in &shards {
        flush.add(&figures.flush);
        join.add(&figures.join);
    }
    text.family(&f::FLUSH).histogram(&flush);
    text.family(&f::JOIN).histogram(&join);
    let mut let_go = text.family(&f::LET_GO);
    for reason in crate::fanout::Farewell::REASONS {
        let count: u64 = shards.iter().filter_map(|figures| figures.let_go.get(reason)).sum();
        let_go.with(&[("reason", reason)], count);
    }
}

fn limits(app: &App, text: &mut Text) {
    let (totals, refused) = (app.hub.totals(), app.permits.refused());
    let mut limits = text.family(&f::LIMITS);
    limits.with(&[("limit", "limits.max_connections")], refused.server_full);
    limits.with(&[("limit", "limits.connections_per_ip")], refused.address_full);
    limits.with(&[("limit", "limits.max_streams")], totals.refused_full);
    limits.with(&[("limit", "hub.gop_max")], totals.groups_outgrown);
    for (limit, count) in app.counts.limits() {
        limits.with(&[("limit", limit)], count);
    }
}

fn recordings(app: &App, text: &mut Text) {
    let (records, figures) = (&app.records, app.records.figures());
    text.family(&f::RECORDINGS).only(records.open());
    text.family(&f::RECORDED).only(figures.bytes.load(Ordering::Relaxed));
    let mut failures = text.family(&f::RECORDING_FAILURES);
    for (reason, count) in figures.failures() {
        failures.with(&[("reason", reason)], count);
    }
    text.family(&f::RECORDING_GAPS).only(figures.gaps.load(Ordering::Relaxed));
    text.family(&f::RECORDING_BLOCKED).only(u8::from(records.alert().is_some()));
    let mut free = text.family(&f::FREE);
    if let Some(space) = records.space() {
        free.only(space.free);
    }
}

fn storage(app: &App, text: &mut Text) {
    let figures = app.storage.figures();
    let is_used = app.storage.bucket().is_some();
    text.family(&f::STORED_FILES).only(figures.files.load(Ordering::Relaxed));
    text.family(&f::STORED_BYTES).only(figures.bytes.load(Ordering::Relaxed));
    let mut failures = text.family(&f::STORAGE_FAILURES);
    for (reason, count) in figures.failures() {
        failures.with(&[("reason", reason)], count);
    }
    let backlog = figures.backlog();
    let gauges = [(&f::STORAGE_WAITING, backlog.waiting_bytes), (&f::STORAGE_LOCAL, backlog.local_bytes)];
    for (family, figure) in gauges {
        let mut gauge = text.family(family);
        if is_used {
            gauge.only(figure);
        }
    }
    text.family(&f::STORAGE_EVICTED).only(figures.evicted.load(Ordering::Relaxed));
    let since = figures.alert().map(|alert| app.clock.unix_ms().saturating_sub(alert.since_ms).max(0));
    text.family(&f::STORAGE_FAILING).only(seconds(since.unwrap_or_default().unsigned_abs()));
}

fn rooms(app: &App, text: &mut Text) {
    let figures = app.rooms.figures();
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    text.family(&f::ROOMS).only(app.rooms.running().len());
    let shards = || app.chats.figures();
    let connections: usize = shards().map(|shard| shard.connections.load(Ordering::Relaxed)).sum();
    text.family(&f::CHAT_CONNECTIONS).only(connections);
    text.family(&f::CHAT_JOINS).only(count(&figures.joins));
    let mut recoveries = text.family(&f::CHAT_RECOVERIES);
    recoveries.with(&[("result", "exact")], count(&figures.recovered));
    recoveries.with(&[("result", "lost")], count(&figures.not_recovered));
    text.family(&f::CHAT_MESSAGES).only(count(&figures.said));
    let mut rejected = text.family(&f::CHAT_REJECTED);
    for (code, refused) in reject::Code::ALL.iter().zip(&figures.rejected) {
        rejected.with(&[("code", code.word())], count(refused));
    }
    text.family(&f::CHAT_LIKES).only(count(&figures.likes));
    text.family(&f::CHAT_DELIVERIES).only(shards().map(|shard| count(&shard.deliveries)).sum::<u64>());
    text.family(&f::CHAT_SENT).only(shards().map(|shard| count(&shard.bytes)).sum::<u64>());
    text.family(&f::CHAT_SKIPS).only(shards().map(|shard| count(&shard.skips)).sum::<u64>());
    text.family(&f::CHAT_LET_GO).only(shards().map(|shard| count(&shard.let_go)).sum::<u64>());
    let writer = app.rooms.store().map(|store| store.chat.figures()).unwrap_or_default();
    text.family(&f::CHAT_WAITING).only(writer.waiting_rows);
    text.family(&f::CHAT_NOT_KEPT).only(writer.dropped);
}

fn gifts(app: &App, text: &mut Text) {
    let mut sends = text.family(&f::GIFTS);
    for (outcome, count) in app.counts.gifts() {
        sends.with(&[("outcome", outcome)], count);
    }
    let mut calls = text.family(&f::WALLET_CALLS);
    for ((action, outcome), count) in app.wallet.calls() {
        calls.with(&[("action", action), ("outcome", outcome)], count);
    }
    text.family(&f::WALLET_TIME).histogram(&app.wallet.took());
    text.family(&f::WALLET_OWED).only(app.wallet.owed());
    let mut rows = text.family(&f::LEDGER);
    for (state, count) in app.rooms.store().iter().flat_map(|store| store.ledger.rows()) {
        rows.with(&[("state", state.word())], count);
    }
    let mut logins = text.family(&f::LOGINS);
    for (outcome, count) in app.counts.logins() {
        logins.with(&[("outcome", outcome)], count);
    }
}

fn webhooks(app: &App, text: &mut Text) {
    let figures = app.webhooks.figures();
    let mut attempts = text.family(&f::WEBHOOKS);
    for ((event, result), count) in figures.attempts() {
        attempts.with(&[("event", &event), ("result", result)], count);
    }
    let lag = figures.lag();
    let age_ms = lag.oldest_ms.map(|oldest_ms| app.clock.unix_ms().saturating_sub(oldest_ms).max(0));
    text.family(&f::OUTBOX_OLDEST).only(seconds(age_ms.unwrap_or_default().unsigned_abs()));
    text.family(&f::OUTBOX_WAITING).only(lag.waiting.iter().map(|waiting| waiting.count).sum::<u64>());
    let lost = app.store.as_ref().map_or(0, |store| store.writer.lost_events());
    text.family(&f::OUTBOX_LOST).only(lost);
}

fn certificate(app: &App, text: &mut Text) {
    let mut expiry = text.family(&f::CERTIFICATE);
    if let Some(until) = app.certificate.as_ref().and_then(|certificate| certificate.expires_at()) {
        expiry.only(until);
    }
    let mut failures = text.family(&f::ACME);
    for (reason, count) in app.counts.acme_failures() {
        failures.with(&[("reason", reason)], count);
    }
}

fn process(text: &mut Text) {
    let own = Process::own();
    let whole = [
        (&f::RESIDENT, own.resident_bytes),
        (&f::FDS, own.fds),
        (&f::MAX_FDS, own.max_fds),
        (&f::THREADS, own.threads),
    ];
    for (family, figure) in whole {
        if let Some(figure) = figure {
            text.family(family).only(figure);
        }
    }
    if let Some(cpu) = own.cpu_seconds {
        text.family(&f::CPU).only(cpu);
    }
    let mut tasks = text.family(&f::TASKS);
    if let Ok(runtime) = Handle::try_current() {
        tasks.only(runtime.metrics().num_alive_tasks());
    }
}

fn seconds(ms: u64) -> f64 {
    std::time::Duration::from_millis(ms).as_secs_f64()
}
