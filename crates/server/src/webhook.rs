//! Webhooks: telling others what happened here, at least once and in order.
//!
//! - An event comes out of the database ([`crate::store::outbox`]) and goes back there after each attempt, so an end of the
//!   server in any moment repeats an attempt and loses nothing.
//! - Of one subject the next event waits until the one before it is delivered or given up. Subjects go side by side, a
//!   bounded number at a time for each endpoint, and endpoints do not wait for each other.
//! - An attempt that fails is repeated by a schedule that takes three days; see `schedule`.
//! - An endpoint that answers 410 is asked no more before an operator says so, or the configuration is read again. What
//!   happens meanwhile waits for it.

mod deliver;
mod endpoint;
mod figures;
mod schedule;
mod sign;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tokio::sync::Notify;

use crate::config::Config;
use crate::outbound::Client;
use crate::store::Outbox;
pub use deliver::run;
pub use endpoint::{Endpoint, Form};
pub use figures::{Figures, Lag};
pub use sign::{BadKey, SigningKey, signatures};

/// The endpoints of this server and how they do.
#[derive(Debug)]
pub struct Webhooks {
    client: Client,
    endpoints: RwLock<Arc<Vec<Endpoint>>>,
    /// Endpoints that want nothing more, since when in milliseconds since 1970.
    disabled: Mutex<HashMap<String, i64>>,
    figures: Figures,
    /// Endpoints changed.
    changed: Notify,
    max_waiting: u64,
    retention_ms: i64,
}

impl Webhooks {
    /// Those of a configuration.
    pub fn new(config: &Config) -> anyhow::Result<Webhooks> {
        let keys = &config.webhooks;
        let webhooks = Webhooks {
            client: Client::new("webhooks.ca_file", &keys.ca_file)?,
            endpoints: RwLock::default(),
            disabled: Mutex::default(),
            figures: Figures::default(),
            changed: Notify::new(),
            max_waiting: keys.max_waiting,
            retention_ms: i64::from(keys.retention_days) * 24 * 3_600_000,
        };
        webhooks.reload(config, None);
        Ok(webhooks)
    }

    /// Puts the endpoints of another configuration into force. All of them are asked again, the disabled ones too.
    pub fn reload(&self, config: &Config, outbox: Option<&Outbox>) {
        let endpoints = Endpoint::all(config);
        if let Some(outbox) = outbox {
            outbox.interest.set(endpoints.iter().flat_map(|endpoint| endpoint.events.clone()).collect());
        }
        *self.endpoints.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(endpoints);
        self.lock().clear();
        self.changed.notify_one();
    }

    /// The endpoints in force.
    pub fn endpoints(&self) -> Arc<Vec<Endpoint>> {
        self.endpoints.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The client that calls them.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Since when an endpoint is asked no more; `None` when it is asked.
    pub fn disabled_ms(&self, endpoint: &str) -> Option<i64> {
        self.lock().get(endpoint).copied()
    }

    /// Asks an endpoint again.
    pub fn enable(&self, endpoint: &str) {
        self.lock().remove(endpoint);
        self.changed.notify_one();
    }

    /// What is counted.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    fn disable(&self, endpoint: &str, now_ms: i64) {
        self.lock().insert(endpoint.to_owned(), now_ms);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, i64>> {
        // A panic while it was locked leaves a map that is still a map.
        self.disabled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
