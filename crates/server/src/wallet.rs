//! The operator's wallet: it puts money aside before a gift is given, and is told afterwards what became of it.
//!
//! ```text
//! gift ─► Wallet::reserve ─► POST: yes, no; or no answer, which is no
//! ledger (what the wallet must be told) ─► run ─► POST confirm or cancel, again and again until it answers
//! ```
//!
//! The wallet knows each attempt by an id of its own, so that it can be asked twice and act once. Only an answer that
//! repeats the id and the amount counts: everything else is no answer.

mod json;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::header::HeaderName;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use crate::app::App;
use crate::clock::Clock;
use crate::config::{self, Config, WalletMode};
use crate::metrics::Histogram;
use crate::net::Guard;
use crate::outbound::{Address, Call, Client};
use crate::store::Ledger;
use crate::store::ledger::{Entry, What};
use crate::webhook::{SigningKey, signatures};

/// Most questions to the wallet at a time. The rest waits for its turn within its own time limit.
const AT_ONCE: usize = 64;

/// Orders that are carried out at a time.
const ORDERS: usize = 16;

/// Between two looks at what the wallet must be told.
const TICK: Duration = Duration::from_secs(1);

/// The first pause before a wallet that did not answer is told again, in milliseconds; it doubles.
const FIRST_PAUSE_MS: i64 = 1_000;

/// The longest.
const LONGEST_PAUSE_MS: i64 = 5 * 60_000;

/// Bytes of randomness in the name of a gift.
const KEY_BYTES: usize = 12;

/// Who pays for gifts.
#[derive(Debug)]
pub struct Wallet {
    mode: Mode,
    news: Notify,
}

#[derive(Debug)]
enum Mode {
    /// Nobody: there is no wallet.
    None,
    /// Nobody: prices are only written down.
    Free,
    /// The operator's backend.
    Webhook(Arc<Webhook>),
}

#[derive(Debug)]
struct Webhook {
    client: Client,
    address: Address,
    guard: Guard,
    key: SigningKey,
    timeout: Duration,
    turns: Semaphore,
    clock: Clock,
    figures: Figures,
}

/// What is counted of its calls.
#[derive(Debug)]
struct Figures {
    /// By what was asked and what was answered, both from lists in the program.
    calls: Mutex<Calls>,
    took: Mutex<Histogram>,
    /// What it is still to be told, as it was a moment ago.
    owed: AtomicU64,
}

/// Calls by what was asked and what was answered.
pub type Calls = BTreeMap<(&'static str, &'static str), u64>;

/// Who pays for a gift that costs something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pays {
    /// Nobody can: it is refused.
    NoOne,
    /// It need not be paid for.
    Free,
    /// The wallet is asked.
    Wallet,
}

/// What the wallet says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Yes; it calls it so.
    Yes(String),
    /// No: for lack of money, or for another reason.
    No {
        /// There is too little money.
        balance: bool,
    },
    /// Nothing that can be relied on: it may have done it or not.
    Nothing,
}

impl Wallet {
    /// As the configuration says.
    pub fn new(config: &Config, clock: &Clock) -> anyhow::Result<Wallet> {
        let config::Wallet { mode, url, secret, timeout_ms, allow_private, .. } = &config.wallet;
        let mode = match mode {
            WalletMode::Free => Mode::Free,
            WalletMode::Webhook if url.is_empty() => Mode::None,
            WalletMode::Webhook => Mode::Webhook(Arc::new(Webhook {
                client: Client::new("wallet.url", "")?,
                address: Address::parse(url.expose()).map_err(|bad| anyhow::anyhow!("wallet.url: {bad}"))?,
                guard: Guard::new(*allow_private),
                key: SigningKey::parse(secret.expose())
                    .map_err(|bad| anyhow::anyhow!("wallet.secret: {bad}"))?,
                timeout: Duration::from_millis(*timeout_ms),
                turns: Semaphore::new(AT_ONCE),
                clock: clock.clone(),
                figures: Figures {
                    calls: Mutex::default(),
                    took: Mutex::new(Histogram::long()),
                    owed: AtomicU64::default(),
                },
            })),
        };
        Ok(Wallet { mode, news: Notify::new() })
    }

    /// Who pays for a gift that costs something.
    pub fn pays(&self) -> Pays {
        match self.mode {
            Mode::None => Pays::NoOne,
            Mode::Free => Pays::Free,
            Mode::Webhook(_) => Pays::Wallet,
        }
    }

    /// Asks it to put the money for a gift aside.
    pub async fn reserve(&self, entry: &Entry) -> Reply {
        let Mode::Webhook(webhook) = &self.mode else { return Reply::Nothing };
        let what = "reserve";
        // The time limit is for all of it, the wait for a turn too.
        let asked = tokio::time::timeout(webhook.timeout, webhook.ask(entry, entry.attempt, what));
        let counted = webhook.counted(what, async { asked.await.unwrap_or(Reply::Nothing) });
        counted.await
    }

    /// Its calls since the start.
    pub fn calls(&self) -> Calls {
        self.figures().map(|figures| lock(&figures.calls).clone()).unwrap_or_default()
    }

    /// How long they took.
    pub fn took(&self) -> Histogram {
        self.figures().map_or_else(Histogram::long, |figures| lock(&figures.took).clone())
    }

    /// How many gifts it is being asked about or must still be told of, as of a moment ago.
    pub fn owed(&self) -> u64 {
        self.figures().map_or(0, |figures| figures.owed.load(Ordering::Relaxed))
    }

    fn figures(&self) -> Option<&Figures> {
        match &self.mode {
            Mode::Webhook(webhook) => Some(&webhook.figures),
            Mode::None | Mode::Free => None,
        }
    }

    /// Says that there is something to tell it.
    pub fn wake(&self) {
        self.news.notify_one();
    }
}

impl Reply {
    /// Its name in the metrics.
    fn word(&self) -> &'static str {
        match self {
            Reply::Yes(_) => "yes",
            Reply::No { balance: true } => "balance",
            Reply::No { balance: false } => "refused",
            Reply::Nothing => "no_answer",
        }
    }
}

impl Webhook {
    async fn counted(&self, what: &'static str, asked: impl Future<Output = Reply>) -> Reply {
        let began = Instant::now();
        let reply = asked.await;
        *lock(&self.figures.calls).entry((what, reply.word())).or_default() += 1;
        lock(&self.figures.took).observe(began.elapsed());
        reply
    }

    async fn ask(&self, entry: &Entry, attempt: u32, what: &str) -> Reply {
        let Ok(_turn) = self.turns.acquire().await else { return Reply::Nothing };
        let id = id(entry, attempt);
        let body = json::question(entry, &id, what);
        let seconds = self.clock.unix_seconds();
        let signed = signatures(std::slice::from_ref(&self.key), &id, seconds, body.as_bytes());
        let header = |name: &'static str, value: String| (HeaderName::from_static(name), value);
        let call = Call {
            method: http::Method::POST,
            headers: vec![
                header("webhook-id", id.clone()),
                header("webhook-timestamp", seconds.to_string()),
                header("webhook-signature", signed),
            ],
            content_type: Some("application/json"),
            body: body.into(),
            timeout: self.timeout,
        };
        match self.client.call(&self.address, self.guard, call).await {
            Ok(answer) if answer.status == 200 && !answer.is_cut => {
                let reply = json::reply(&answer.body, &id, entry.total);
                if reply == Reply::Nothing {
                    warn!(wallet = %self.address, what, id, "the wallet's answer is not as agreed and counts as none: it must be JSON with ok, the same id and, when it agrees, the same amount");
                }
                reply
            }
            Ok(answer) => {
                warn!(wallet = %self.address, what, id, status = answer.status, "the wallet answers with a fault");
                Reply::Nothing
            }
            Err(failure) => {
                warn!(wallet = %self.address, what, id, %failure, "the wallet does not answer");
                Reply::Nothing
            }
        }
    }
}

/// A new name for a gift that the wallet is asked about.
pub fn new_key() -> Option<String> {
    let mut bytes = [0; KEY_BYTES];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn id(entry: &Entry, attempt: u32) -> String {
    format!("gift_{}_{attempt}", entry.wallet_key)
}

/// Before anybody can give: calls off what an earlier server was in the middle of.
pub async fn recover(app: &App) {
    let Some(store) = app.rooms.store() else { return };
    match store.ledger.call_off(i64::MAX, app.clock.unix_ms()).await {
        Ok(0) => {}
        Ok(count) => {
            info!(count, "gifts whose payment was being asked for when the server ended are called off");
        }
        Err(error) => warn!(%error, "the ledger of gifts cannot be read"),
    }
    if app.wallet.pays() != Pays::Wallet
        && let Ok(count @ 1..) = store.ledger.owed().await
    {
        warn!(
            count,
            "gifts were paid for by a wallet that is no longer configured: it is not told that they happened until wallet.url is set again"
        );
    }
}

/// Tells the wallet what it must be told, for as long as the server runs.
pub async fn run(app: Arc<App>) {
    let Some(store) = app.rooms.store() else { return };
    let Mode::Webhook(webhook) = &app.wallet.mode else { return };
    loop {
        if let Err(error) = round(&app, webhook, &store.ledger).await {
            warn!(%error, "the database does not say what the wallet must be told; it is asked again");
        }
        tokio::select! {
            () = app.wallet.news.notified() => {}
            () = sleep(TICK) => {}
        }
    }
}

async fn round(app: &App, webhook: &Arc<Webhook>, ledger: &Ledger) -> Result<(), sqlx::Error> {
    loop {
        // Before each few: with a wallet that answers nothing, these may be many and take long.
        let now_ms = app.clock.unix_ms();
        if ledger.has_undecided(now_ms).await? {
            ledger.call_off(now_ms, now_ms).await?;
        }
        webhook.figures.owed.store(ledger.owed().await?, Ordering::Relaxed);
        let orders = ledger.due(now_ms, ORDERS).await?;
        if orders.is_empty() {
            return Ok(());
        }
        let mut told = JoinSet::new();
        for order in orders {
            let webhook = webhook.clone();
            told.spawn(async move {
                let what = word(order.what);
                let reply = webhook.counted(what, webhook.ask(&order.entry, order.attempt, what)).await;
                (order, reply)
            });
        }
        for (order, reply) in told.join_all().await {
            match reply {
                Reply::Yes(_) => ledger.told(&order, true, app.clock.unix_ms()).await?,
                Reply::No { .. } => {
                    warn!(
                        gift = order.entry.id,
                        "the wallet refuses to {}: the ledger says so",
                        word(order.what)
                    );
                    ledger.told(&order, false, app.clock.unix_ms()).await?;
                }
                Reply::Nothing => {
                    let pause_ms = FIRST_PAUSE_MS << order.tries.min(20);
                    let due_ms = app.clock.unix_ms() + pause_ms.min(LONGEST_PAUSE_MS);
                    ledger.postpone(&order, due_ms).await?;
                }
            }
        }
    }
}

fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

fn word(what: What) -> &'static str {
    match what {
        What::Confirm => "confirm",
        What::Cancel => "cancel",
    }
}
