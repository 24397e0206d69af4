//! The server itself: drained, and made to read its configuration again.

use std::time::Duration;

use super::call::{Answer, Call};
use super::shape::{Span, shape};
use crate::http::response::Response;
use crate::lang::Lang;
use crate::told;

shape! {
    /// How long a drain may take.
    in struct Drain {
        /// Seconds after which the server ends with whoever is still there; `server.drain_seconds` when left out.
        seconds: Option<Span>,
    }
}

shape! {
    /// A drain that has begun.
    out struct Draining {
        /// Seconds after which the server ends at the latest.
        seconds: u64,
    }

    /// What a reload came to.
    out struct Reloaded {
        /// Keys with a new value that is in force.
        applied: Vec<String>,
        /// Keys with a new value that waits for the next start.
        needs_restart: Vec<String>,
    }
}

/// Begins to drain, or moves the bound of a drain.
pub(super) fn drain(call: &Call) -> Answer {
    let wish = call.body::<Drain>()?;
    let seconds = match wish.seconds {
        Some(span) => u64::try_from(span.seconds()?).unwrap_or_default(),
        None => call.app.config.server.drain_seconds,
    };
    call.app.begin_drain(Duration::from_secs(seconds));
    Ok(Response::json(202, &Draining { seconds }))
}

/// Takes a drain back.
pub(super) fn take_back(call: &Call) -> Answer {
    call.app.cancel_drain();
    Ok(Response::empty(204))
}

/// Reads the configuration again.
pub(super) fn reload(call: &Call) -> Answer {
    match call.app.reload() {
        Ok(outcome) => {
            let reloaded = Reloaded { applied: outcome.applied, needs_restart: outcome.needs_restart };
            Ok(Response::json(200, &reloaded))
        }
        Err(error) => Err(Response::error(
            409,
            "bad_configuration",
            &format!("nothing has changed: {}", told::text(&error, Lang::En)),
            &format!("未作任何改动：{}", told::text(&error, Lang::Zh)),
        )),
    }
}
