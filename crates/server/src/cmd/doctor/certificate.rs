//! The certificate: that it can be used, for how long, for which names, and that its chain is whole. Browsers often
//! mend a chain without its middle; WeChat and most players do not.

use std::path::Path;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;

use super::Finding;
use crate::acme::Store;
use crate::clock::Clock;
use crate::config::Config;
use crate::net::{Certificate, TlsFiles, der, roots};
use crate::time::rfc3339;

/// Days before its end at which a certificate should have been renewed: the usual tools renew at thirty.
const DAYS_LOW: i64 = 14;

const DAY: i64 = 86_400;

/// The share of its life that a certificate of ACME's has left when a renewal is long overdue: one is tried when a third
/// is left, whatever the length of the whole.
const LIFE_LOW: i64 = 5;

/// Looks at it, if there is one.
pub(super) fn look(config: &Config, data: &Path) -> Vec<Finding> {
    let by_acme = !config.acme.domains.is_empty();
    if config.tls.cert_file.is_empty() && !by_acme {
        let finding = match config.server.public_host.is_empty() {
            true => Finding::ok("certificate", "none is set", "没有设置"),
            false => Finding::warn(
                "certificate",
                "none is set; mini-programs play https:// and wss:// only",
                "没有设置；小程序只接受 https:// 和 wss://",
            )
            .fix(
                "set acme.domains (or tls.cert_file and tls.key_file) and http.tls_listen, unless something before weir does TLS",
                "设置 acme.domains（或 tls.cert_file 和 tls.key_file）和 http.tls_listen；前面另有 TLS 终结则不用",
            ),
        };
        return vec![finding];
    }
    let files = match by_acme {
        true => {
            let kept = Store::of(data).certificate_path();
            if !kept.exists() {
                let domains = config.acme.domains.join(", ");
                return vec![Finding::ok(
                    "certificate",
                    format!("none yet; weir serve gets one for {domains}, and its log tells how that goes"),
                    format!("还没有；weir serve 会为 {domains} 申请，过程见日志"),
                )];
            }
            TlsFiles { cert: kept.clone(), key: kept }
        }
        false => TlsFiles { cert: (&config.tls.cert_file).into(), key: (&config.tls.key_file).into() },
    };
    let chain = Certificate::load(files.clone())
        .and_then(|_| Ok(CertificateDer::pem_file_iter(&files.cert)?.collect::<Result<Vec<_>, _>>()?));
    let chain = match chain {
        Ok(chain) => chain,
        Err(error) => {
            let [en, zh] = [format!("{error:#}"), format!("无法使用：{error:#}")];
            let fix = Finding::fail("certificate", en, zh).fix(
                "both files must be PEM, belong together, and be readable for the user that runs weir",
                "两个文件都应是 PEM、互相匹配，且运行 weir 的用户可读",
            );
            return vec![fix];
        }
    };
    let hosts = std::iter::once(&config.server.public_host)
        .chain(config.domain.iter().map(|domain| &domain.name))
        .filter(|host| !host.is_empty());
    // The authority that the operator trusts to give certificates is trusted to have given this one.
    let own = if by_acme { config.acme.ca_file.as_str() } else { "" };
    let roots = match roots("acme.ca_file", own) {
        Ok(roots) => roots,
        Err(error) => {
            let finding = Finding::fail("certificate", format!("{error:#}"), format!("{error:#}"));
            return vec![finding.fix("mend acme.ca_file", "改正 acme.ca_file")];
        }
    };
    let now = Clock::system().unix_seconds();
    let mut findings = vec![validity(&chain, now, by_acme), whole(&chain, &roots, now)];
    findings.extend(names(&chain, hosts.map(String::as_str)));
    findings
}

fn validity(chain: &[CertificateDer<'_>], now: i64, by_acme: bool) -> Finding {
    let renew = |finding: Finding| match by_acme {
        true => finding.fix(
            "the running server should have renewed it: its log says at `acme:` what is in the way",
            "运行中的服务器本应已续期：看日志里 `acme:` 开头的行",
        ),
        false => finding.fix(
            "renew it; the running server reads the new files by itself",
            "续期证书；运行中的服务器会自动读取新文件",
        ),
    };
    let Some((from, until)) = der::validity(chain) else {
        return renew(Finding::fail("certificate", "its dates cannot be read", "无法读取有效期"));
    };
    let (end, days) = (rfc3339(until.saturating_mul(1_000)), (until - now).div_euclid(DAY));
    if now > until {
        return renew(Finding::fail("certificate", format!("ended at {end}"), format!("已于 {end} 过期")));
    }
    if now < from {
        let begin = rfc3339(from.saturating_mul(1_000));
        return Finding::fail("certificate", format!("begins at {begin}"), format!("{begin} 才生效"))
            .fix("wait, or set the clock", "等待生效，或校准时钟");
    }
    let (en, zh) = (format!("good for {days} days, until {end}"), format!("剩余 {days} 天，到 {end}"));
    let low = if by_acme { (until - from) / LIFE_LOW } else { DAYS_LOW * DAY };
    match until - now < low {
        true => renew(Finding::warn("certificate", en, zh)),
        false => Finding::ok("certificate", en, zh),
    }
}

fn whole(chain: &[CertificateDer<'_>], roots: &RootCertStore, now: i64) -> Finding {
    let count = chain.len();
    let unreadable = || Finding::fail("chain", "the certificate cannot be read", "无法读取证书");
    let Some((leaf, intermediates)) = chain.split_first() else { return unreadable() };
    let Ok(parsed) = ParsedCertificate::try_from(leaf) else { return unreadable() };
    let algorithms = rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms;
    // The dates are looked at by themselves: at the end of an expired chain its authority is still the question here.
    let read: Vec<_> = chain.iter().filter_map(|one| der::certificate(one)).collect();
    let until = read.iter().map(|one| one.until).min().unwrap_or(now);
    let at = Duration::from_secs(u64::try_from(now.min(until)).unwrap_or(0));
    let at = UnixTime::since_unix_epoch(at);
    match verify_server_cert_signed_by_trust_anchor(&parsed, roots, intermediates, at, algorithms.all) {
        Ok(()) => Finding::ok(
            "chain",
            format!("whole ({count} certificates), and its authority is one that browsers trust"),
            format!("完整（{count} 张证书），根证书受浏览器信任"),
        ),
        Err(_) if read.last().is_some_and(|last| last.issuer == last.subject) => Finding::warn(
            "chain",
            "it ends at an authority of your own, which WeChat and browsers do not trust",
            "根证书是自建的，微信和浏览器不信任",
        )
        .fix(
            "take a certificate of a public authority for the show; for tests it will do",
            "正式直播请用公共 CA 的证书；测试可以不管",
        ),
        Err(error) => Finding::fail(
            "chain",
            format!("not whole ({count} certificates): {error}"),
            format!("不完整（{count} 张证书）：{error}"),
        )
        .fix(
            "tls.cert_file must hold the server's certificate and the intermediates after it (fullchain.pem): WeChat wants all of them",
            "tls.cert_file 应依次包含服务器证书和全部中间证书（fullchain.pem）：微信要求完整的链",
        ),
    }
}

fn names<'a>(chain: &[CertificateDer<'_>], hosts: impl Iterator<Item = &'a str>) -> Option<Finding> {
    let parsed = ParsedCertificate::try_from(chain.first()?).ok()?;
    let fits =
        |host: &str| ServerName::try_from(host).is_ok_and(|name| verify_server_name(&parsed, &name).is_ok());
    let (good, bad): (Vec<&str>, Vec<&str>) = hosts.partition(|host| fits(host));
    if !bad.is_empty() {
        let bad = bad.join(", ");
        let finding = Finding::fail(
            "host names",
            format!("the certificate is not for {bad}"),
            format!("证书不适用于 {bad}"),
        );
        return Some(finding.fix(
            "get one for these names (acme.domains, where weir gets it), or mend server.public_host",
            "申请包含这些域名的证书（由 weir 申请的，写进 acme.domains），或改正 server.public_host",
        ));
    }
    if good.is_empty() {
        let finding = Finding::warn(
            "host names",
            "server.public_host is not set, so nothing can be compared",
            "没有设置 server.public_host，无法比对",
        );
        return Some(finding.fix("set it to the name in the certificate", "设为证书里的域名"));
    }
    let good = good.join(", ");
    Some(Finding::ok("host names", format!("good for {good}"), format!("适用于 {good}")))
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

    use super::super::Verdict;
    use super::*;

    /// 2027-01-01, inside all the certificates below.
    const NOW: i64 = 1_798_761_600;

    struct Made {
        roots: RootCertStore,
        root: CertificateDer<'static>,
        middle: CertificateDer<'static>,
        leaf: CertificateDer<'static>,
    }

    fn params(name: &str, is_authority: bool) -> CertificateParams {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = date_time_ymd(2025, 1, 1);
        params.not_after = date_time_ymd(2028, 1, 1);
        if is_authority {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        params
    }

    fn made() -> Made {
        let key = || KeyPair::generate().unwrap();
        let (root_key, middle_key) = (key(), key());
        let root = params("root.test", true).self_signed(&root_key).unwrap();
        let of_root = Issuer::new(params("root.test", true), root_key);
        let middle = params("middle.test", true).signed_by(&middle_key, &of_root).unwrap();
        let of_middle = Issuer::new(params("middle.test", true), middle_key);
        let leaf = params("live.example.com", false).signed_by(&key(), &of_middle).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(root.der().clone()).unwrap();
        let [root, middle, leaf] = [&root, &middle, &leaf].map(|one| one.der().clone());
        Made { roots, root, middle, leaf }
    }

    #[test]
    fn a_chain_without_its_middle_is_found_out_and_one_of_our_own_is_told_apart() {
        let Made { roots, root, middle, leaf } = made();
        let full = [leaf.clone(), middle.clone()];
        assert_eq!(whole(&full, &roots, NOW).verdict, Verdict::Ok);
        let short = whole(std::slice::from_ref(&leaf), &roots, NOW);
        assert_eq!(short.verdict, Verdict::Fail);
        assert!(short.fix.unwrap()[0].contains("intermediates"));
        let own = [leaf, middle, root];
        assert_eq!(whole(&own, &RootCertStore::empty(), NOW).verdict, Verdict::Warn);
    }

    #[test]
    fn the_end_of_a_certificate_is_told_in_time() {
        let Made { leaf, middle, .. } = made();
        let chain = [leaf, middle];
        let end = 1_830_297_600;
        assert_eq!(validity(&chain, NOW, false).verdict, Verdict::Ok);
        let soon = validity(&chain, end - 5 * DAY, false);
        assert!(soon.verdict == Verdict::Warn && soon.seen[0].contains("5 days"), "{soon:?}");
        assert_eq!(validity(&chain, end + 1, false).verdict, Verdict::Fail);
        assert_eq!(validity(&chain, 1_700_000_000, false).verdict, Verdict::Fail);
        // Three years long: what is renewed by itself is late with seven months left, whatever the days.
        assert_eq!(validity(&chain, end - 230 * DAY, true).verdict, Verdict::Ok);
        assert_eq!(validity(&chain, end - 200 * DAY, true).verdict, Verdict::Warn);
    }

    #[test]
    fn before_the_first_order_of_acme_there_is_nothing_to_complain_of() {
        let scratch = crate::scratch::Scratch::new();
        let text = "[acme]\ndomains = [\"live.example.com\"]\n[http]\ntls_listen = \"[::]:443\"";
        let findings = look(&Config::from_toml(text).unwrap(), scratch.path());
        assert!(findings.iter().all(|finding| finding.verdict == Verdict::Ok), "{findings:?}");
    }

    #[test]
    fn a_host_that_is_not_in_the_certificate_is_told() {
        let chain = [made().leaf];
        let of = |hosts: &'static [&str]| names(&chain, hosts.iter().copied()).unwrap().verdict;
        assert_eq!(of(&["live.example.com"]), Verdict::Ok);
        assert_eq!(of(&["live.example.com", "play.example.com"]), Verdict::Fail);
        assert_eq!(of(&[]), Verdict::Warn);
    }
}
