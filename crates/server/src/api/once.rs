//! `Idempotency-Key`: a request that is sent again because its answer was lost is done once.

use sha2::{Digest as _, Sha256};

use super::call::{Answer, Call, bad};
use super::fault::Fault;
use super::table::{Access, Operation};
use crate::http::head::Method;
use crate::http::response::Response;
use crate::store::rooms::Seen;

/// Longest key, in bytes.
pub(super) const KEY_MAX: usize = 128;

/// Bytes of an id that the server makes; it is written with two letters for each.
const ID_BYTES: usize = 8;

/// The header.
const HEADER: &str = "idempotency-key";

/// Does an operation, unless its key says that it was done.
pub(super) fn answer(operation: &Operation, call: &Call) -> Answer {
    let once = operation.method == Method::Post && matches!(operation.access, Access::Key(_));
    let Some(key) = call.head.header(HEADER).filter(|_| once) else { return (operation.handle)(call) };
    if !(1..=KEY_MAX).contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(bad(
            format!("Idempotency-Key must be 1 to {KEY_MAX} visible ASCII characters"),
            format!("Idempotency-Key 应为 1 到 {KEY_MAX} 个可见的 ASCII 字符"),
        ));
    }
    let rooms = super::rooms::store(call)?;
    // Of two keys of the API each has its own.
    let key = format!("{}:{key}", call.key);
    let request = hash(call);
    let seen = call.wait(rooms.begin_once(&key, operation.id, &request, call.app.clock.unix_ms()));
    match seen.map_err(Fault::database)? {
        Seen::Before(before) if before.request != request => return Err(Fault::IdempotencyMismatch.answer()),
        Seen::Before(before) if before.status == 0 => {
            return Err(Fault::InProgress.answer().with("Retry-After", "1"));
        }
        Seen::Before(before) => {
            let again = match before.body.is_empty() {
                true => Response::empty(before.status),
                false => Response::bytes(before.status, "application/json", before.body),
            };
            return Ok(again.with("Cache-Control", "no-store").with("Idempotent-Replayed", "true"));
        }
        Seen::New => {}
    }
    let answer = (operation.handle)(call);
    let kept = match &answer {
        Ok(done) => call.wait(rooms.end_once(&key, operation.id, done.status(), &done.in_memory())),
        Err(_) => call.wait(rooms.cancel_once(&key, operation.id)),
    };
    if let Err(error) = kept {
        tracing::warn!(%error, operation = operation.id, "the answer to a request with an Idempotency-Key is not kept");
    }
    answer
}

/// An id for something new: the same again for the same request with the same key, so that not even a crash in the
/// middle of it makes two.
pub(super) fn id(call: &Call) -> Result<String, Response> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    if let Some(key) = call.head.header(HEADER) {
        let mut all = Sha256::new();
        all.update(hash(call));
        all.update(format!("{}:{key}", call.key));
        return Ok(hex(&all.finalize()[..ID_BYTES]));
    }
    let mut bytes = [0; ID_BYTES];
    getrandom::fill(&mut bytes).map_err(|_| Fault::Unavailable.answer())?;
    Ok(hex(&bytes))
}

fn hash(call: &Call) -> Vec<u8> {
    let mut hash = Sha256::new();
    for part in [call.head.path.as_bytes(), call.head.query.as_bytes(), &call.body[..]] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().to_vec()
}
