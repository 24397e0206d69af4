//! `weir serve`.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use anyhow::Context as _;
use control::Authority;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info};

use super::banner::{self, Banner, Look};
use super::out::say;
use super::{log, sources};
use crate::address::{self, Ends, Maker, Path};
use crate::app::{App, Ports, Server};
use crate::clock::Clock;
use crate::config::Config;
use crate::demo;
use crate::drain;
use crate::lang::Lang;
use crate::reload::Reload;
use crate::secrets::Secrets;
use crate::time::rfc3339;

/// The stream of the examples.
const EXAMPLE: &str = "room1";

/// Serve.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    sources: sources::Flags,
    /// Log filter, such as info or weir=debug 日志过滤
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
}

/// Serves until it is told to stop.
pub(super) fn run(args: &Args, lang: Lang) -> anyhow::Result<()> {
    log::start(args.log.as_deref())?;
    let layers = args.sources.sources().layers();
    let config = layers.config()?;
    let data = &args.sources.data;
    let secrets = match Secrets::load(data)? {
        Some(secrets) => secrets,
        None => {
            let secrets = Secrets::create(data)?;
            // At once: if the server does not start, nobody sees them at the next start.
            say(banner::keys(&secrets, &Secrets::path(data), lang))?;
            secrets
        }
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    runtime.block_on(async {
        let clock = Clock::system();
        let authority = config.authority(&secrets)?;
        // Before anything listens, so that a signal at the wrong moment is not lost.
        let mut signals = Signals::new()?;
        let server = Server::start_in(Some(data), config, &secrets, clock.clone()).await?;
        server.app.operator.keys.leave_local(data, &address::here(server.ports))?;
        let sources = args.sources.clone();
        server.app.enable_reload(Reload::new(move || sources.sources(), layers, secrets.clone()));
        let shown = Shown {
            config: &server.app.config,
            authority: &authority,
            ports: server.ports,
            room: demo_room(&server.app),
        };
        greet(&shown, args, &clock, lang)?;
        until_told(&server.app, &mut signals).await;
        info!("stopping; a second signal stops at once");
        tokio::select! {
            () = server.stop() => {}
            () = signals.end() => {}
        }
        Ok(())
    })
}

/// Returns when the server is to stop: after SIGINT at once, after SIGTERM or a drain that was asked for elsewhere when
/// everybody has left or the bound is reached. SIGHUP reads the configuration again.
async fn until_told(app: &App, signals: &mut Signals) {
    loop {
        tokio::select! {
            _ = signals.interrupt.recv() => return,
            _ = signals.terminate.recv() => app.begin_drain(Duration::from_secs(app.config.server.drain_seconds)),
            _ = signals.hangup.recv() => {
                if let Err(error) = app.reload() {
                    error!("the configuration was not read again, and what was in force stays: {error:#}");
                }
            }
            () = app.drain.asked() => {
                let outcome = tokio::select! {
                    outcome = drain::run(app) => outcome,
                    () = signals.end() => return,
                };
                if outcome != drain::Outcome::TakenBack {
                    return;
                }
            }
        }
    }
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// One of those that mean: now.
    async fn end(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

struct Shown<'a> {
    config: &'a Config,
    authority: &'a Authority,
    ports: Ports,
    /// The id of the demo's room, and a token of its host.
    room: Option<(String, String)>,
}

/// The demo's room, and a token of its host.
fn demo_room(app: &App) -> Option<(String, String)> {
    let room = demo::room(app)?;
    let now = app.clock.unix_seconds();
    let until = now.saturating_add(app.config.server.address_validity_seconds.into());
    let token = demo::host_token(app, room, until);
    // Without a key that signs there are no tokens: the room is there for guests, and its address is left out here.
    Some((room.to_owned(), token.ok()?))
}

/// The addresses of a room's page for a guest and for its host, from that of its stream's page.
fn room_pages(page: &str, (room, token): &(String, String)) -> Option<[String; 2]> {
    let (origin, rest) = page.split_once("/play/")?;
    let query = rest.split_once('?').map(|(_, query)| format!("?{query}")).unwrap_or_default();
    let guest = format!("{origin}/r/{room}{query}");
    // After the '#', so that no server and no log sees it.
    let host = format!("{guest}#token={token}");
    Some([guest, host])
}

fn greet(shown: &Shown<'_>, args: &Args, clock: &Clock, lang: Lang) -> anyhow::Result<()> {
    let Shown { config, authority, ports, ref room } = *shown;
    let ends = Ends::listening(config, ports);
    let expires = clock.unix_seconds() + i64::from(config.server.address_validity_seconds);
    let maker = Maker { authority, ends: &ends, secure: false, expires, nonce: address::nonce()? };
    let path = Path { app: config.demo.app.clone(), stream: EXAMPLE.to_owned() };
    let shown_path = match config.demo.enabled {
        true => Path { app: config.demo.app.clone(), stream: config.demo.stream.clone() },
        false => path.clone(),
    };
    // What has no address (a strict server asked at a raw one) is left out: it must not keep the server from serving.
    let page = |ends: &Ends| {
        let maker = Maker { ends, ..maker.clone() };
        maker.play(&shown_path).ok().and_then(|play| play.page)
    };
    let data = &args.sources.data;
    let mut url_command = format!("weir url push {}/NAME", path.app);
    if data.as_os_str() != "data" {
        url_command.push_str(&format!(" --data {}", data.display()));
    }
    let (page_here, page) = (ends.seen_here().as_ref().and_then(page), page(&ends));
    let room = room.as_ref().and_then(|room| room_pages(page_here.as_ref().or(page.as_ref())?, room));
    let banner = Banner {
        page_here,
        page,
        room,
        is_demo: config.demo.enabled,
        push: maker.push(&path).ok(),
        play: maker.play(&path).unwrap_or_default(),
        path: &path,
        expires_at: rfc3339(expires.saturating_mul(1_000)),
        url_command,
    };
    let mut out = std::io::stdout();
    let screen = out.is_terminal();
    let colour = screen && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
    // A closed stdout is no reason not to serve.
    let _ = out.write_all(banner.text(Look { lang, screen, colour }).as_bytes()).and_then(|()| out.flush());
    Ok(())
}
