//! Admission: a client's wish in the words of its protocol becomes a grant, or a refusal that it can be told.
//!
//! [`enter`] is what every transport calls for a client that comes: the rules of the configuration first, then the
//! operator's own backend where a hook asks it. [`Admission::admit`] knows the rules alone.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use control::Authority;
use control::query::Query;
use control::request::{Action, Request};
use hub::{Identity, Name, Profile};
use tracing::warn;

use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::hooks::{Decision, PAGE, Question, Visit};
use crate::secrets::{Secret, Secrets};
use crate::sessions::Came;

/// The codes of refusals that are nobody's fault.
const DRAINING: &str = "draining";
const HOOK_FAILED: &str = "hook_failed";

/// Who asks, besides what is asked.
#[derive(Debug, Clone, Copy)]
pub struct Visitor<'a> {
    /// Its number, under which it becomes a session.
    pub id: u64,
    /// What it is called in whatever others are told, where that is not its number.
    pub client: Option<&'a str>,
    /// Its protocol.
    pub wire: &'static str,
    /// What it calls itself.
    pub agent: &'a str,
    /// The address up to the application, where its protocol has one.
    pub tc_url: &'a str,
    /// It asks again and again without being a new client.
    pub is_polling: bool,
}

impl<'a> Visitor<'a> {
    /// A page that asks about what it shows or is to show, and does so again and again.
    pub fn page(id: u64, agent: &'a str) -> Visitor<'a> {
        Visitor { id, client: None, wire: PAGE, agent, tc_url: "", is_polling: true }
    }
}

/// Decides on a client that comes, for every transport alike. Where no hook is configured, a player
/// waits for nothing, and a publisher for what its rooms say.
pub async fn enter(app: &App, asked: &Asked<'_>, visitor: &Visitor<'_>) -> Result<Admitted, Refused> {
    let mut admitted = app.admission.admit(asked)?;
    if asked.action == Action::Push
        && let Some(refused) = crate::room::closed(app, &admitted.name).await
    {
        return Err(refused);
    }
    let came = Came {
        client: visitor.client.map_or_else(|| app.sessions.client_of(visitor.id), str::to_owned),
        host: asked.host.to_owned(),
        query: Secret::new(asked.query),
        page_url: asked.referrer.unwrap_or_default().to_owned(),
        tc_url: match visitor.tc_url {
            "" => format!("http://{}/{}", asked.host, asked.app),
            tc_url => tc_url.to_owned(),
        },
    };
    let (app_name, stream) = admitted.name.as_str().rsplit_once('/').unwrap_or(("", admitted.name.as_str()));
    let visit = Visit {
        client: &came.client,
        app: app_name,
        stream,
        ip: asked.peer,
        wire: visitor.wire,
        agent: visitor.agent,
        host: &came.host,
        query: asked.query,
        page_url: &came.page_url,
        tc_url: &came.tc_url,
        is_polling: visitor.is_polling,
    };
    let question = match asked.action {
        Action::Push => Question::Publish(&visit),
        Action::Play => Question::Play(&visit),
    };
    if app.hooks.asks(&question) {
        if let Decision::Refuse(refusal) = app.hooks.decide(&question).await {
            let crate::hooks::Refusal { code, message, message_zh } = refusal;
            return Err(Refused { code, message, message_zh });
        }
        // The answer took its time, in which the stream may have been forbidden.
        app.admission.admit(asked)?;
    }
    admitted.came = Arc::new(came);
    Ok(admitted)
}

/// Decides for every transport alike.
#[derive(Debug)]
pub struct Admission {
    rules: RwLock<Rules>,
    clock: Clock,
    closed: AtomicBool,
}

#[derive(Debug)]
struct Rules {
    authority: Authority,
    /// The streams that the configuration itself forbids.
    configured: HashSet<(String, String)>,
}

impl Rules {
    fn new(authority: Authority) -> Rules {
        // Whether a time has come is asked when somebody wants the stream; here all that are listed count.
        let listed = authority.forbidden(i64::MIN);
        let configured = listed.into_iter().map(|stream| (stream.app, stream.stream)).collect();
        Rules { authority, configured }
    }
}

/// What a client asks for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// To push or to play.
    pub action: Action,
    /// The host that it asked at, without a port; empty when unknown.
    pub host: &'a str,
    /// All of the stream's path but the last part.
    pub app: &'a str,
    /// The stream.
    pub stream: &'a str,
    /// The path as the client wrote it: some signatures are over it.
    pub path: &'a str,
    /// The query as it was sent, without its `?`.
    pub query: &'a str,
    /// Where it comes from.
    pub peer: Option<IpAddr>,
    /// The page that it plays in, if it says.
    pub referrer: Option<&'a str>,
}

/// What was granted.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// The stream in the hub.
    pub name: Name,
    /// Who publishes, for takeovers.
    pub identity: Identity,
    /// How a player is served.
    pub profile: Profile,
    /// The domain that granted it, as it is configured.
    pub domain: String,
    /// How it asked, for its session.
    pub came: Arc<Came>,
}

/// Why not, for the client and for the log. It holds no secret and no signature.
#[derive(Debug, Clone)]
pub struct Refused {
    /// For programs.
    pub code: &'static str,
    /// For people, with what to do next.
    pub message: String,
    /// The same in Chinese.
    pub message_zh: String,
}

impl Admission {
    /// The rules of a configuration.
    pub fn new(config: &Config, secrets: &Secrets, clock: Clock) -> anyhow::Result<Admission> {
        let rules = RwLock::new(Rules::new(config.authority(secrets)?));
        Ok(Admission { rules, clock, closed: AtomicBool::new(false) })
    }

    /// Decides at this moment.
    pub fn admit(&self, asked: &Asked<'_>) -> Result<Admitted, Refused> {
        if self.closed.load(Ordering::Relaxed) {
            return Err(Refused {
                code: DRAINING,
                message: "this server is about to stop: connect again, to another one or after its restart"
                    .into(),
                message_zh: "服务器即将停止：请重新连接".into(),
            });
        }
        let query = Query::parse(asked.query).map_err(|error| Refused {
            code: "bad_query",
            message: error.to_string(),
            message_zh: error.message_zh(),
        })?;
        let request = Request {
            action: asked.action,
            host: asked.host,
            app: asked.app,
            stream: asked.stream,
            path: asked.path,
            query: &query,
            peer: asked.peer,
            referrer: asked.referrer,
        };
        let rules = self.rules.read().unwrap_or_else(PoisonError::into_inner);
        match rules.authority.authorize(&request, self.clock.unix_seconds()) {
            Ok(grant) => Ok(Admitted {
                name: Name::new(&format!("{}/{}", grant.app, grant.stream)),
                identity: Identity(grant.identity.to_string()),
                profile: match grant.profile {
                    control::Profile::Live => Profile::Live,
                    control::Profile::Rtc => Profile::Rtc,
                },
                domain: grant.domain,
                came: Arc::default(),
            }),
            Err(refusal) => Err(Refused {
                code: refusal.code(),
                message: refusal.message_en(),
                message_zh: refusal.message_zh(),
            }),
        }
    }

    /// The reason why a stream is forbidden at this moment, which may be empty; none when it is not. For whoever brings
    /// a stream and is no client.
    pub fn forbidden(&self, name: &Name) -> Option<String> {
        let (app, stream) = name.as_str().rsplit_once('/').unwrap_or(("", name.as_str()));
        let now = self.clock.unix_seconds();
        self.look(|authority| authority.forbidden_because(app, stream, now).map(str::to_owned))
    }

    /// Refuses everybody from now on, or no longer.
    pub fn set_closed(&self, closed: bool) {
        self.closed.store(closed, Ordering::Relaxed);
    }

    /// Puts the rules of another configuration into force. What was forbidden while the server ran stays forbidden;
    /// what the old configuration forbade is up to the new one.
    pub fn replace(&self, authority: Authority) {
        let mut current = self.rules.write().unwrap_or_else(PoisonError::into_inner);
        let mut next = Rules::new(authority);
        for stream in current.authority.forbidden(self.clock.unix_seconds()) {
            if !current.configured.contains(&(stream.app.clone(), stream.stream.clone())) {
                // It fails only when the new configuration alone forbids as many streams as there may be.
                let _ = next.authority.forbid(&stream.app, &stream.stream, stream.until, &stream.reason);
            }
        }
        *current = next;
    }

    /// Looks at the rules in force.
    pub fn look<T>(&self, look: impl FnOnce(&Authority) -> T) -> T {
        look(&self.rules.read().unwrap_or_else(PoisonError::into_inner).authority)
    }

    /// Changes the rules while the server runs.
    pub fn change(&self, change: impl FnOnce(&mut Authority)) {
        change(&mut self.rules.write().unwrap_or_else(PoisonError::into_inner).authority);
    }
}

/// The part of a name from outside that may stand in the log. Clients that put an address together wrongly, with `&`
/// for `?` or with percent signs where none belong, send signatures as parts of names.
pub fn loggable(text: &str) -> &str {
    const LONGEST: usize = 256;
    let mut end = text.find(['?', '&', '=', '%', ';', '#']).unwrap_or(text.len()).min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

impl Refused {
    /// The HTTP status that says the same.
    pub fn status(&self) -> u16 {
        if [DRAINING, HOOK_FAILED].contains(&self.code) { 503 } else { 403 }
    }

    /// The reason in both languages, for a protocol that has one text for it.
    pub fn for_people(&self) -> String {
        format!("{} / {}", self.message, self.message_zh)
    }

    /// One line for the operator: who was refused what, and why.
    pub fn log(&self, session: u64, wire: &'static str, asked: &Asked<'_>) {
        let action = match asked.action {
            Action::Push => "push",
            Action::Play => "play",
        };
        let peer = asked.peer.map(|peer| peer.to_string()).unwrap_or_default();
        warn!(
            session,
            wire,
            action,
            host = loggable(asked.host),
            app = loggable(asked.app),
            stream = loggable(asked.stream),
            peer,
            code = self.code,
            reason = self.message,
            "refused"
        );
    }
}
