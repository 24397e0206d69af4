//! `/api/v1/forbidden` and the forbidding of a stream.

use control::forbid::Forbidden;

use super::call::{Answer, Call, bad, reason};
use super::shape::{Moment, Span, shape};
use crate::http::response::Response;
use crate::operator::forbids::Failed;
use crate::time::{rfc3339, unix_seconds};

/// What whoever pushes or plays is told when no reason was given.
const DROPPED: &str = "the operator forbade this stream / 该流已被禁播";

/// The first second of the year 10000, behind which there is no way to write a date.
const UNTIL_MAX: i64 = 253_402_300_800;

shape! {
    /// For how long and why. Without a time it is for ever; of two times the earlier one counts.
    in struct Forbid {
        /// For so many seconds from now.
        seconds: Option<Span>,
        /// Until (and without) this moment.
        until: Option<Moment>,
        /// What whoever pushes is told; the first 256 characters.
        reason: Option<String>,
    }
}

shape! {
    /// A page of forbidden streams.
    out struct ForbiddenList {
        /// The streams.
        forbidden: Vec<ForbiddenStream>,
        /// What to ask for as `after` to get the next page; null on the last one.
        next: Option<String>,
    }

    /// A stream that nobody may push or play.
    out struct ForbiddenStream {
        /// All of its name but the last part.
        app: String,
        /// The last part of its name.
        stream: String,
        /// Until (and without) this moment; null for ever.
        until: Option<String>,
        /// What whoever pushes is told.
        reason: String,
    }
}

/// Forbids a stream and ends it.
pub(super) fn forbid(call: &Call) -> Answer {
    let (path, wish) = (call.path()?, call.body::<Forbid>()?);
    let now = call.app.clock.unix_seconds();
    let ends = wish.seconds.map_or(Ok(i64::MAX), |span| Ok(now.saturating_add(span.seconds()?)))?;
    let until = wish.until.map_or(Ok(i64::MAX), |until| moment(&until.0, now))?.min(ends);
    let told = wish.reason.as_deref().map(reason).unwrap_or_default();
    let entry = Forbidden { app: path.app.clone(), stream: path.stream.clone(), until, reason: told };
    let done = call.app.operator.forbids.forbid(&call.app.admission, &entry, now);
    if !matches!(done, Err(Failed::Refused(_))) {
        call.app.drop_stream(&path.name(), if entry.reason.is_empty() { DROPPED } else { &entry.reason });
    }
    done.map_err(refuse)?;
    Ok(Response::json(200, &ForbiddenStream::from(entry)))
}

/// Allows a stream again.
pub(super) fn resume(call: &Call) -> Answer {
    let path = call.path()?;
    call.app.operator.forbids.resume(&call.app.admission, &path.app, &path.stream).map_err(refuse)?;
    Ok(Response::empty(204))
}

/// What is forbidden now.
pub(super) fn list(call: &Call) -> Answer {
    let (after, limit) = (call.parameter("after").unwrap_or_default(), call.limit());
    let mut all = call.app.admission.look(|authority| authority.forbidden(call.app.clock.unix_seconds()));
    let name = |entry: &Forbidden| format!("{}/{}", entry.app, entry.stream);
    // By the whole name, which orders `a/b` and `a-b` otherwise than their parts do.
    all.sort_by_cached_key(name);
    let from = all.partition_point(|entry| name(entry).as_str() <= after);
    let mut page = all.split_off(from);
    let more = page.len() > limit;
    page.truncate(limit);
    let next = page.last().filter(|_| more).map(name);
    let forbidden = page.into_iter().map(ForbiddenStream::from).collect();
    Ok(Response::json(200, &ForbiddenList { forbidden, next }))
}

impl From<Forbidden> for ForbiddenStream {
    fn from(entry: Forbidden) -> ForbiddenStream {
        let Forbidden { app, stream, until, reason } = entry;
        let until = (until < UNTIL_MAX).then(|| rfc3339(until.saturating_mul(1_000)));
        ForbiddenStream { app, stream, until, reason }
    }
}

fn moment(text: &str, now: i64) -> Result<i64, Response> {
    let dated = Some(text).filter(|text| text.contains(['T', 't']));
    let until = dated.and_then(unix_seconds).filter(|until| *until < UNTIL_MAX).ok_or_else(|| {
        bad(
            "until must be a time with its zone, such as 2030-01-01T08:00:00+08:00",
            "until 应为带时区的时间，如 2030-01-01T08:00:00+08:00",
        )
    })?;
    if until <= now {
        // What was sent is well made; it does not go with the time of this server.
        return Err(Response::error(409, "over", "until is over already", "until 已经过去"));
    }
    Ok(until)
}

fn refuse(failed: Failed) -> Response {
    match failed {
        Failed::Refused(control::forbid::ForbidError::Full) => {
            let error = control::forbid::ForbidError::Full;
            Response::error(503, "list_full", &error.to_string(), &error.message_zh())
        }
        Failed::Refused(error) => Response::error(400, "bad_name", &error.to_string(), &error.message_zh()),
        Failed::NotKept(error) => {
            tracing::error!("the forbid list is in force but could not be written: {error:#}");
            Response::error(
                500,
                "not_kept",
                "this is in force until the server ends, but its file cannot be written; the log says why",
                "已生效，但无法写入文件，重启后会丢失；详见日志",
            )
        }
    }
}
