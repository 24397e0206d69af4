//! Reading the configuration again while the server runs.
//!
//! Who may push and play, the keys of users' tokens, the sign-in of WeChat's users, the CORS origins and the certificate take effect at once and for whoever comes next;
//! nobody who is connected is touched. Relays begin and end as the `[[relay]]` sections
//! now say, and streams without a recording begin one where a `[[record]]` now wants it. A configuration with a mistake is refused whole, with its line, and what
//! was in force stays in force. Other keys wait for the next start, and are named.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use tracing::info;

use crate::app::App;
use crate::config::{Layers, Sources};
use crate::identity::Identity;
use crate::identity::compat::wechat;
use crate::secrets::Secrets;

/// The beginnings of the keys that take effect at once.
const LIVE: [&str; 16] = [
    "push.",
    "play.",
    "domain[",
    "forbid[",
    "record[",
    "relay[",
    "user_key[",
    "usersig[",
    "identity.",
    "wechat.",
    "chat.",
    "webhook[",
    "hooks.",
    "server.strict_hosts",
    "http.cors_origins",
    "tls.",
];

/// What is needed to read the configuration again.
pub struct Reload {
    sources: Box<dyn Fn() -> Sources + Send + Sync>,
    secrets: Secrets,
    in_force: Mutex<Layers>,
}

/// What a reload came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Keys with a new value that is in force.
    pub applied: Vec<String>,
    /// Keys with a new value that waits for the next start.
    pub needs_restart: Vec<String>,
}

impl fmt::Debug for Reload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reload").finish_non_exhaustive()
    }
}

impl Reload {
    /// Reads from `sources`; `layers` is what is in force now.
    pub fn new(
        sources: impl Fn() -> Sources + Send + Sync + 'static,
        layers: Layers,
        secrets: Secrets,
    ) -> Reload {
        Reload { sources: Box::new(sources), secrets, in_force: Mutex::new(layers) }
    }

    /// Reads again and puts into force what can be. An error says what is wrong, and changes nothing.
    pub fn run(&self, app: &App) -> anyhow::Result<Outcome> {
        let mut in_force = self.in_force.lock().unwrap_or_else(PoisonError::into_inner);
        let layers = (self.sources)().layers();
        let config = layers.config()?;
        let authority = config.authority(&self.secrets)?;
        let identity = Identity::new(&config, &self.secrets)?;
        let wechat = wechat::Settings::new(&config.wechat)?;
        let has_certificate = app.reload_certificate(&config.tls)?;
        app.set_identity(identity);
        app.wechat.reload(wechat);
        app.admission.replace(authority);
        app.operator.forbids.enforce(&app.admission);
        app.relays.reload(&config);
        app.records.reload(&config);
        app.webhooks.reload(&config, app.store.as_ref().map(|store| &store.outbox));
        app.hooks.reload(&config);
        app.rooms.set_links(config.chat.rule().unwrap_or_default());
        app.set_cors(config.http.cors_origins);
        let changed = in_force.changed(&layers);
        let is_tls = |key: &str| key.starts_with("tls.");
        let is_live =
            |key: &String| LIVE.iter().any(|live| key.starts_with(live)) && (has_certificate || !is_tls(key));
        let (applied, needs_restart) = changed.into_iter().partition(is_live);
        let outcome = Outcome { applied, needs_restart };
        info!(applied = ?outcome.applied, needs_restart = ?outcome.needs_restart, "the configuration was read again");
        *in_force = layers;
        Ok(outcome)
    }
}
