//! A certificate from an authority that speaks ACME (RFC 8555), for the names in `acme.domains`: got, kept, renewed.
//!
//! The authority looks for an answer at `http://NAME/.well-known/acme-challenge/` (its http-01 challenge). Of the kinds
//! there are it is the one that every authority offers, that leaves HTTPS free to be on any port, and that passes
//! through a proxy. It cannot give wildcards.
//!
//! What comes of it goes into the same [`Certificate`](crate::net::Certificate) that files would: new connections get
//! the new one, and those that are there keep theirs.

mod challenge;
mod client;
mod failure;
mod order;
mod renew;
mod store;

use std::path::Path;

use anyhow::Context as _;

pub use challenge::{MAX_CONNECTIONS, MAX_CONNECTIONS_PER_IP, answer, serve};
pub use renew::run;
pub(crate) use store::Store;

use crate::config;
use challenge::Challenges;
use client::Client;

/// What getting a certificate needs. There is one where `acme.domains` names something.
#[derive(Debug)]
pub struct Acme {
    domains: Vec<String>,
    email: String,
    directory: String,
    client: Client,
    store: Store,
    challenges: Challenges,
}

impl Acme {
    /// As the configuration says; nothing is sent and nothing is written yet.
    pub fn open(data: Option<&Path>, config: &config::Acme) -> anyhow::Result<Option<Acme>> {
        if config.domains.is_empty() {
            return Ok(None);
        }
        let data = data.context("acme.domains needs a data folder for the certificate")?;
        Ok(Some(Acme {
            domains: config.domains.clone(),
            email: config.email.clone(),
            directory: config.directory.clone(),
            client: Client::new(&config.ca_file)?,
            store: Store::of(data),
            challenges: Challenges::default(),
        }))
    }

    /// The certificate of an earlier run, with its key, as PEM.
    pub fn stored(&self) -> anyhow::Result<Option<String>> {
        self.store.certificate()
    }
}
