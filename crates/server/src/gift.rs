//! Giving: from a send that a room let pass to a row in the ledger, with the wallet between where there is one.
//!
//! ```text
//! room task: check ─► give (a task of its own) ─► catalogue ─► ledger ─► wallet? ─► ledger ─┐
//!            commit, ack ◄───────────────────────── Command::Given ◄────────────────────────┘
//! ```
//!
//! No room waits: what it checked comes back as a command. Whatever goes wrong on the way, the sender is told that nothing
//! was done or that they may send the same again, and the same again is the same gift.

use control::room::chat::{Ack, Send as Say};
use control::room::message::{Body, Gift as Shown};
use control::room::reject::{Code, Reject};
use tracing::warn;

use crate::app::App;
use crate::room::Room;
use crate::store::Ledger;
use crate::store::gifts::Claim;
use crate::store::ledger::{Ask, Entry, Give, Told, Unavailable};
use crate::wallet::{self, Pays, Reply};

/// After how long one who was told that it cannot be done now may try again, in milliseconds.
const AGAIN_MS: u64 = 1_000;

/// A gift that is in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Its row.
    pub entry: Entry,
    /// Whether it has just been given, and not before.
    pub is_new: bool,
}

impl Given {
    /// As it is shown.
    pub fn shown(&self, combo: u32) -> Shown {
        let entry = &self.entry;
        Shown {
            id: entry.gift.clone(),
            name: entry.name.clone(),
            icon: entry.icon.clone(),
            count: entry.count,
            combo,
            price: entry.price,
            ledger: entry.id,
        }
    }
}

/// Gives what somebody wants to send.
pub async fn give(app: &App, room: &str, say: &Say) -> Result<Given, Reject> {
    let given = decide(app, room, say).await;
    app.counts.gift(match &given {
        Ok(Given { is_new: true, .. }) => "given",
        Ok(Given { is_new: false, .. }) => "again",
        Err(reject) => reject.code.word(),
    });
    given
}

async fn decide(app: &App, room: &str, say: &Say) -> Result<Given, Reject> {
    let Body::Gift(wanted) = &say.body else { return Err(Reject::new(Code::Bad)) };
    let store = app.rooms.store().ok_or_else(unavailable)?;
    let found = store.gifts.find_gift(room, &wanted.id).await.map_err(|error| {
        warn!(room, %error, "the database does not give the catalogue of gifts");
        unavailable()
    })?;
    let gift = found.ok_or_else(|| Reject::new(Code::NotFound))?;
    if wanted.count > gift.max_count {
        return Err(Reject::new(Code::Bad));
    }
    let claim = (gift.claim != Claim::None).then(|| gift.claim.place(room).to_owned());
    let pays = if claim.is_some() || gift.price == 0 { Pays::Free } else { app.wallet.pays() };
    let wallet_key = match pays {
        Pays::Free => None,
        Pays::Wallet => Some(wallet::new_key().ok_or_else(unavailable)?),
        Pays::NoOne => {
            warn!(
                room,
                gift = gift.id,
                "a gift that costs something was refused, as nobody can pay: set wallet.url, or wallet.mode = \"free\""
            );
            return Err(Reject::new(Code::Unavailable));
        }
    };
    let give = Give {
        room: room.to_owned(),
        user: say.user.clone(),
        cid: say.cid.clone(),
        gift: gift.id,
        name: gift.name,
        icon: gift.icon,
        count: wanted.count,
        price: gift.price,
        claim,
        wallet_key,
        at_ms: app.clock.unix_ms(),
    };
    match store.ledger.ask(Ask::Give(Box::new(give))).await? {
        Told::New(entry) if pays == Pays::Wallet => pay(app, &store.ledger, entry).await,
        Told::New(entry) => Ok(Given { entry, is_new: true }),
        Told::Again(entry) => Ok(Given { entry, is_new: false }),
        Told::Other => Err(Reject::new(Code::Duplicate)),
        Told::NoClaim => Err(Reject::new(Code::Balance)),
        Told::Undecided | Told::Done | Told::Late => Err(unavailable()),
    }
}

/// Has a gift paid for that is in the ledger as reserved.
async fn pay(app: &App, ledger: &Ledger, mut entry: Entry) -> Result<Given, Reject> {
    let (row, attempt) = (entry.id, entry.attempt);
    let (reason, undo_ms, reject) = match app.wallet.reserve(&entry).await {
        Reply::Yes(reference) => {
            let at_ms = app.clock.unix_ms();
            entry.reference.clone_from(&reference);
            return match ledger.ask(Ask::Accepted { ledger: row, attempt, reference, at_ms }).await? {
                Told::Done => {
                    app.wallet.wake();
                    Ok(Given { entry, is_new: true })
                }
                _ => Err(unavailable()),
            };
        }
        Reply::No { balance: true } => ("balance", None, Reject::new(Code::Balance)),
        Reply::No { balance: false } => ("refused", None, Reject::new(Code::NotAllowed)),
        // It may have put the money aside: it is told to give it back.
        Reply::Nothing => ("no_answer", Some(app.clock.unix_ms()), unavailable()),
    };
    // When this is not written either, the reservation is called off in a minute.
    ledger.ask(Ask::Refused { ledger: row, attempt, reason, undo_ms }).await?;
    app.wallet.wake();
    Err(reject)
}

/// Somebody who is in a room claims a gift that they may have for nothing.
pub async fn claim(app: &App, room: &Room, user: &str, gift: &str) -> Result<Ack, Reject> {
    let store = app.rooms.store().ok_or_else(unavailable)?;
    let failed = |error: sqlx::Error| {
        warn!(room = %room.id, %error, "a gift could not be claimed: the database does not answer");
        unavailable()
    };
    let found = store.gifts.find_gift(&room.id, gift).await.map_err(failed)?;
    let gift = found.filter(|gift| gift.claim != Claim::None).ok_or_else(|| Reject::new(Code::NotFound))?;
    let at_ms = app.clock.unix_ms();
    let claimed = store.gifts.claim(gift.claim.place(&room.id), user, &gift.id, at_ms);
    // The writers share a connection, which another process may hold up.
    let claimed = tokio::time::timeout(crate::store::ledger::PATIENCE, claimed);
    match claimed.await.map_err(|_| unavailable())?.map_err(failed)? {
        true => Ok(Ack { seq: 0, at_ms }),
        false => Err(Reject::new(Code::Balance)),
    }
}

fn unavailable() -> Reject {
    Reject::until(Code::Unavailable, AGAIN_MS)
}

impl From<Unavailable> for Reject {
    fn from(_: Unavailable) -> Reject {
        unavailable()
    }
}
