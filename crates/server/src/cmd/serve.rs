//! `weir serve`.

use std::io::{IsTerminal as _, Write as _};

use anyhow::Context as _;
use control::Authority;
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

use super::address::{self, Ends, Maker, Path};
use super::banner::{self, Banner, Look};
use super::out::say;
use super::{log, sources};
use crate::app::{Ports, Server};
use crate::clock::Clock;
use crate::config::Config;
use crate::lang::Lang;
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
    let config = args.sources.sources().layers().config()?;
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
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let server = Server::start(config, &secrets, clock.clone()).await?;
        let shown = Shown { config: &server.app.config, authority: &authority, ports: server.ports };
        greet(&shown, args, &clock, lang)?;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        info!("stopping; a second signal stops at once");
        tokio::select! {
            () = server.stop() => {}
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        Ok(())
    })
}

struct Shown<'a> {
    config: &'a Config,
    authority: &'a Authority,
    ports: Ports,
}

fn greet(shown: &Shown<'_>, args: &Args, clock: &Clock, lang: Lang) -> anyhow::Result<()> {
    let Shown { config, authority, ports } = *shown;
    let ends = Ends {
        host: address::host(config),
        http: ports.http,
        https: ports.https,
        rtmp: ports.rtmp,
        rtmps: ports.rtmps,
    };
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
    let none = address::Play { rtmp: None, flv: None, ws_flv: None, page: None, signed: false };
    let banner = Banner {
        page_here: ends.seen_here().as_ref().and_then(page),
        page: page(&ends),
        is_demo: config.demo.enabled,
        push: maker.push(&path).ok(),
        play: maker.play(&path).unwrap_or(none),
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
