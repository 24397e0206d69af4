//! Whom our own connections to other servers trust.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

/// The authorities that browsers trust, and those in `ca_file` unless it is empty. `key` is its name for errors.
pub(crate) fn roots(key: &str, ca_file: &str) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if !ca_file.is_empty() {
        let path = Path::new(ca_file);
        let cannot = || format!("{key}: cannot read certificates from {ca_file}");
        let own: Vec<CertificateDer<'static>> =
            CertificateDer::pem_file_iter(path).and_then(Iterator::collect).with_context(cannot)?;
        anyhow::ensure!(!own.is_empty(), "{key}: {ca_file} holds no certificate");
        for authority in own {
            roots.add(authority).with_context(cannot)?;
        }
    }
    Ok(roots)
}

/// TLS to servers whose certificates are of [`roots`].
pub(crate) fn connector(key: &str, ca_file: &str) -> anyhow::Result<TlsConnector> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots(key, ca_file)?)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
