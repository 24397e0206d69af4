//! When a certificate is ordered, and what is done when that fails.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::verify_server_name;
use rustls::pki_types::ServerName;
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use tokio::time::sleep;
use tracing::{error, info, warn};

use super::failure::{Failure, Reason};
use super::{Acme, order};
use crate::app::App;
use crate::net::{Certificate, der};
use crate::time::rfc3339;

/// The longest between two looks at the calendar: it can be set while the server runs.
const LOOK: Duration = Duration::from_secs(3_600);

/// After the first failure; doubled after each further one. Public authorities allow five failures an hour.
const FIRST_RETRY: Duration = Duration::from_secs(5 * 60);

/// Where the doubling ends.
const LAST_RETRY: Duration = Duration::from_secs(12 * 3_600);

/// The least to wait when an authority says that it is too often.
const RATE_LIMITED: Duration = Duration::from_secs(3_600);

/// A certificate is ordered when so much of its life is left.
const LIFE_LEFT: f64 = 1.0 / 3.0;

/// How much of its life earlier it can be, by chance: so that a fleet does not come at once.
const SPREAD: f64 = 1.0 / 30.0;

/// Keeps `app`'s certificate in force until the task is ended.
pub async fn run(app: Arc<App>) {
    let (Some(acme), Some(certificate)) = (&app.acme, &app.certificate) else { return };
    let mut is_from_here = acme.store.is_from(&acme.directory);
    let mut failures = 0;
    let mut chance = by_chance();
    loop {
        let held = certificate.held().filter(|_| is_from_here);
        let wait = due(held.as_deref(), &acme.domains, chance).saturating_sub(app.clock.unix_seconds());
        if let Ok(wait @ 1..) = u64::try_from(wait) {
            sleep(LOOK.min(Duration::from_secs(wait))).await;
            continue;
        }
        info!(domains = ?acme.domains, directory = acme.directory, "acme: ordering a certificate");
        chance = by_chance();
        let ordered = match order::run(acme).await {
            Ok(pem) => take(acme, certificate, &pem),
            Err(failure) => Err(failure),
        };
        let ordered = ordered.and_then(|()| {
            is_from_here = true;
            let now = app.clock.unix_seconds();
            match due(certificate.held().as_deref(), &acme.domains, chance) {
                due if due > now => Ok(due),
                // Without this a wrong clock would order for ever.
                _ => Err(Failure::new(
                    Reason::Local,
                    "it is due for renewal already: is this machine's clock right, and is it for all of acme.domains?",
                )),
            }
        });
        match ordered {
            Ok(due) => {
                failures = 0;
                let until = certificate.expires_at().unwrap_or_default();
                info!(
                    domains = ?acme.domains, until = date(until), renewed = date(due),
                    "acme: a new certificate is in force"
                );
            }
            Err(failure) => {
                let pause = pause(failures, failure.reason, by_chance());
                failures = failures.saturating_add(1);
                app.counts.acme_failed(failure.label());
                tell(&failure, certificate, app.clock.unix_seconds(), pause);
                sleep(pause).await;
            }
        }
    }
}

/// Puts a certificate into force and keeps it.
fn take(acme: &Acme, certificate: &Certificate, pem: &str) -> Result<(), Failure> {
    certificate.put(pem).map_err(|error| Failure::new(Reason::Local, format!("{error:#}")))?;
    if let Err(error) = acme.store.keep_certificate(&acme.directory, pem) {
        warn!("acme: the new certificate is in force, but is not kept for the next start: {error:#}");
    }
    Ok(())
}

/// With a certificate that is still good there is time; without one the show cannot begin.
fn tell(failure: &Failure, certificate: &Certificate, now: i64, pause: Duration) {
    let next = date(now.saturating_add(i64::try_from(pause.as_secs()).unwrap_or(i64::MAX)));
    let (advice, said, reason) = (failure.advice(), &failure.said, failure.label());
    match certificate.expires_at() {
        Some(until) if until > now => {
            warn!(reason, said, next, until = date(until), "acme: no new certificate: {advice}");
        }
        _ => error!(reason, said, next, "acme: no certificate: {advice}"),
    }
}

/// The second at which the next certificate should be ordered; `chance` is from 0 to 1.
fn due(held: Option<&CertifiedKey>, domains: &[String], chance: f64) -> i64 {
    let life = held.filter(|held| is_for(held, domains)).and_then(|held| der::validity(&held.cert));
    let Some((from, until)) = life else { return i64::MIN };
    let early = until.saturating_sub(from) as f64 * (LIFE_LEFT + SPREAD * chance);
    until.saturating_sub(early as i64)
}

fn is_for(held: &CertifiedKey, domains: &[String]) -> bool {
    let parsed = held.cert.first().and_then(|leaf| ParsedCertificate::try_from(leaf).ok());
    let fits = |parsed: &ParsedCertificate<'_>, domain: &str| {
        ServerName::try_from(domain).is_ok_and(|name| verify_server_name(parsed, &name).is_ok())
    };
    parsed.is_some_and(|parsed| domains.iter().all(|domain| fits(&parsed, domain)))
}

/// How long to wait after a failure, with so many before it.
fn pause(failures: u32, reason: Reason, chance: f64) -> Duration {
    let doubled = FIRST_RETRY.saturating_mul(2_u32.saturating_pow(failures.min(16)));
    let least = if reason == Reason::RateLimited { RATE_LIMITED } else { FIRST_RETRY };
    doubled.clamp(least, LAST_RETRY).mul_f64(1.0 + chance / 5.0)
}

/// From 0 to 1.
fn by_chance() -> f64 {
    let mut bytes = [0; 4];
    // Without random numbers nothing is lost but the spread.
    let _ = getrandom::fill(&mut bytes);
    f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX)
}

fn date(unix_seconds: i64) -> String {
    rfc3339(unix_seconds.saturating_mul(1_000))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    const DAY: i64 = 86_400;

    fn held(names: &[&str]) -> Arc<CertifiedKey> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        // 2026-01-01, for ninety days.
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2026, 4, 1);
        let key = KeyPair::generate().unwrap();
        let made = params.self_signed(&key).unwrap();
        let certificate = Certificate::awaited();
        certificate.put(&(key.serialize_pem() + &made.pem())).unwrap();
        certificate.held().unwrap()
    }

    #[test]
    fn a_certificate_is_renewed_when_a_third_of_its_life_is_left_or_a_little_earlier() {
        let held = held(&["a.test"]);
        let until = 1_775_001_600;
        let due = |chance| due(Some(&held), &["a.test".to_owned()], chance);
        assert_eq!((due(0.0), due(1.0)), (until - 30 * DAY, until - 33 * DAY));
    }

    #[test]
    fn no_certificate_and_one_for_other_names_are_due_at_once() {
        let names = ["a.test".to_owned(), "b.test".to_owned()];
        assert_eq!(due(None, &names, 0.0), i64::MIN);
        assert_eq!(due(Some(&held(&["a.test"])), &names, 0.0), i64::MIN);
        assert!(due(Some(&held(&["c.test", "b.test", "a.test"])), &names, 0.0) > 0);
    }

    #[test]
    fn failures_are_further_and_further_apart() {
        let minutes = |failures, reason| pause(failures, reason, 0.0).as_secs() / 60;
        assert_eq!([0, 1, 2, 3].map(|failures| minutes(failures, Reason::Dns)), [5, 10, 20, 40]);
        assert_eq!(minutes(0, Reason::RateLimited), 60);
        assert_eq!([20, u32::MAX].map(|failures| minutes(failures, Reason::Dns)), [720, 720]);
        assert_eq!(pause(0, Reason::Dns, 1.0), Duration::from_secs(360));
    }
}
