use std::net::IpAddr;

use super::*;
use crate::compat::{Qiniu, Scheme};
use crate::name::BadName;
use crate::referrer::ReferrerRules;

const NOW: i64 = 1_700_000_000;

fn open(name: &str, role: Role) -> Domain {
    Domain::new(name, role, Scheme::Open).unwrap()
}

fn ask(authority: &Authority, action: Action, host: &str, query: &str) -> Result<Grant, Refusal> {
    let query = Query::parse(query).unwrap();
    authority.authorize(&request(action, host, &query), NOW)
}

fn request<'a>(action: Action, host: &'a str, query: &'a Query) -> Request<'a> {
    let (app, stream, path) = ("live", "room1", "/live/room1");
    Request { action, host, app, stream, path, query, peer: None, referrer: None }
}

#[test]
fn an_empty_authority_refuses_everybody() {
    let authority = Authority::new();
    assert_eq!(ask(&authority, Action::Push, "", ""), Err(Refusal::UnknownDomain));
    assert_eq!(ask(&authority, Action::Play, "x", ""), Err(Refusal::UnknownDomain));
}

#[test]
fn a_signed_domain_without_keys_refuses_everybody() {
    let mut authority = Authority::new();
    for role in [Role::Push, Role::Play] {
        authority.add_default(Domain::new("x", role, Scheme::Qiniu(Qiniu::default())).unwrap());
    }
    for action in [Action::Push, Action::Play] {
        assert_eq!(ask(&authority, action, "x", ""), Err(Refusal::NoKeys));
        assert_eq!(ask(&authority, action, "x", "e=1893456000&token=a:b"), Err(Refusal::NoKeys));
    }
}

#[test]
fn the_default_answers_unknown_hosts_unless_strict() {
    let mut authority = Authority::new();
    authority.add_default(open("push.example.com", Role::Push));
    authority.add(open("play.example.com", Role::Play));
    for host in [
        "",
        "10.0.0.1",
        "10.0.0.1:1935",
        "[::1]:1935",
        "other.example",
        "PUSH.example.com.",
        "play.example.com",
    ] {
        assert_eq!(ask(&authority, Action::Push, host, "").unwrap().domain, "push.example.com", "{host}");
    }
    assert_eq!(ask(&authority, Action::Play, "10.0.0.1", ""), Err(Refusal::UnknownDomain));
    assert_eq!(ask(&authority, Action::Play, "push.example.com", ""), Err(Refusal::WrongRole(Action::Play)));
    authority.set_strict(true);
    assert!(ask(&authority, Action::Push, "push.example.com", "").is_ok());
    assert_eq!(ask(&authority, Action::Push, "10.0.0.1", ""), Err(Refusal::UnknownDomain));
    assert_eq!(ask(&authority, Action::Push, "", ""), Err(Refusal::UnknownDomain));
    assert_eq!(ask(&authority, Action::Push, "play.example.com", ""), Err(Refusal::WrongRole(Action::Push)));
}

#[test]
fn a_parameter_names_the_domain_if_there_is_one() {
    let mut authority = Authority::new();
    authority.add_default(open("one.example", Role::Push));
    authority.add(open("two.example", Role::Push));
    authority.add(open("play.example", Role::Play));
    let domain = |query| ask(&authority, Action::Push, "10.0.0.1", query).unwrap().domain;
    assert_eq!(domain(""), "one.example");
    assert_eq!(domain("domain=two.example"), "two.example");
    assert_eq!(domain("vhost=TWO.example"), "two.example");
    assert_eq!(domain("domain=nobody.example"), "one.example");
    assert_eq!(domain("vhost=__defaultVhost__"), "one.example");
    assert_eq!(domain("domain=play.example"), "one.example");
}

#[test]
fn an_open_domain_is_one_owner_and_another_domain_another() {
    let mut authority = Authority::new();
    authority.add(open("one.example", Role::Push));
    authority.add(open("two.example", Role::Push));
    let identity = |host| ask(&authority, Action::Push, host, "").unwrap().identity;
    assert_eq!(identity("one.example"), identity("one.example:1935"));
    assert_ne!(identity("one.example"), identity("two.example"));
    assert_eq!(identity("one.example").to_string(), "one.example/live/room1");
}

#[test]
fn the_profile_is_live_unless_the_address_asks() {
    let mut authority = Authority::new();
    authority.add_default(open("x", Role::Play));
    let profile = |query| ask(&authority, Action::Play, "x", query).unwrap().profile;
    assert_eq!(profile(""), Profile::Live);
    assert_eq!(profile("profile=rtc"), Profile::Rtc);
    assert_eq!(profile("profile=live"), Profile::Live);
    assert_eq!(profile("profile=RTC"), Profile::Live);
}

#[test]
fn the_grant_has_the_names_and_bad_ones_are_refused() {
    let mut authority = Authority::new();
    authority.add_default(open("x", Role::Play));
    let query = Query::default();
    let ask = |app, stream| {
        authority.authorize(&Request { app, stream, ..request(Action::Play, "x", &query) }, NOW)
    };
    let grant = ask("a/b", "room.1").unwrap();
    assert_eq!((grant.app.as_str(), grant.stream.as_str()), ("a/b", "room.1"));
    assert_eq!(ask("live", ""), Err(Refusal::BadName(BadName::StreamEmpty)));
    assert_eq!(ask("", "s"), Err(Refusal::BadName(BadName::AppEmpty)));
    for stream in ["../x", "%2e%2e", "a\0", "a\n"] {
        assert_eq!(ask("live", stream), Err(Refusal::BadName(BadName::StreamCharacter)), "{stream:?}");
    }
}

#[test]
fn the_forbid_list_holds_for_every_domain_and_until_its_second() {
    let mut authority = Authority::new();
    authority.add(open("one.example", Role::Push));
    authority.add(open("two.example", Role::Push));
    authority.add(open("play.example", Role::Play));
    authority.forbid("live", "room1", NOW + 10, "music rights").unwrap();
    let query = Query::default();
    let at =
        |authority: &Authority, action, host, now| authority.authorize(&request(action, host, &query), now);
    for host in ["one.example", "two.example"] {
        let refusal = at(&authority, Action::Push, host, NOW + 9).unwrap_err();
        assert_eq!(refusal.code(), "forbidden");
        assert!(
            refusal.message_en().contains("music rights") && refusal.message_zh().contains("music rights")
        );
        assert!(at(&authority, Action::Push, host, NOW + 10).is_ok());
    }
    let refusal = at(&authority, Action::Play, "play.example", NOW).unwrap_err();
    assert_eq!(refusal.code(), "forbidden");
    assert!(!refusal.message_en().contains("music"));
    assert_eq!(authority.forbidden(NOW)[0].reason, "music rights");
    assert!(authority.resume("live", "room1"));
    assert!(at(&authority, Action::Push, "one.example", NOW).is_ok());
    assert!(authority.forbidden(NOW).is_empty());
}

#[test]
fn address_and_referrer_rules_are_asked() {
    let mut authority = Authority::new();
    let addresses = crate::address::AddressRules { allow: vec!["10.0.0.0/8".parse().unwrap()], deny: vec![] };
    let referrers = ReferrerRules { allow: vec!["*.example.com".parse().unwrap()], allow_empty: false };
    authority.add_default(open("x", Role::Play).with_addresses(addresses).with_referrers(referrers));
    let query = Query::default();
    let ask = |peer: &str, referrer| {
        let peer: Option<IpAddr> = Some(peer.parse().unwrap());
        let request = Request { peer, referrer, ..request(Action::Play, "x", &query) };
        authority.authorize(&request, NOW).map(|_| ()).map_err(|refusal| refusal.code())
    };
    assert_eq!(ask("::ffff:10.1.1.1", Some("https://www.example.com/")), Ok(()));
    assert_eq!(ask("11.0.0.0", Some("https://www.example.com/")), Err("address_refused"));
    assert_eq!(ask("10.1.1.1", Some("https://evil-example.com/")), Err("referrer_refused"));
    assert_eq!(ask("10.1.1.1", None), Err("referrer_refused"));
}

#[test]
fn every_refusal_speaks_two_languages_and_has_its_own_code() {
    let refusals = [
        Refusal::BadName(BadName::StreamEmpty),
        Refusal::UnknownDomain,
        Refusal::WrongRole(Action::Push),
        Refusal::NoKeys,
        Refusal::MissingExpiry("p"),
        Refusal::BadExpiry("p"),
        Refusal::Expired("p"),
        Refusal::MissingSignature("p"),
        Refusal::BadSignature("p"),
        Refusal::DuplicateParameter("p"),
        Refusal::BadPath,
        Refusal::Forbidden(Action::Play, String::new()),
        Refusal::AddressRefused,
        Refusal::ReferrerRefused,
    ];
    let codes: std::collections::BTreeSet<_> = refusals.iter().map(Refusal::code).collect();
    assert_eq!(codes.len(), refusals.len());
    for refusal in &refusals {
        assert!(refusal.message_en().is_ascii(), "{refusal:?}");
        assert!(!refusal.message_zh().is_ascii(), "{refusal:?}");
    }
}
