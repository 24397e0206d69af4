//! Playing a stream on air late: some seconds behind, or a stretch of what was.
//!
//! `?delay=30`, `?from=start`, `?from=..&to=..` on the address of a stream's HLS, and the clouds' words for the same
//! ([`control::compat::shift`]). A stretch is played from the recording of the running show where there is one, else from what HLS
//! still has in memory. This stands above both: neither knows the other.

use control::compat;
use control::query::Query;

use crate::app::App;
use crate::hls;
use crate::http::head::Head;
use crate::http::response::Response;
use crate::http::viewer::Client;
use crate::replay;
use crate::time;

/// Longest delay behind live, in seconds: what is played late is held in memory.
pub const DELAY_MAX_SECONDS: u64 = 600;

/// Longest stretch with two ends, in seconds.
const STRETCH_MAX_SECONDS: i64 = 6 * 3_600;

/// The word for the beginning of a show.
pub const START: &str = "start";

/// How a stream is to be played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shift {
    /// As late as everybody.
    Live,
    /// So many seconds late.
    Delay(u64),
    /// What was between two times.
    Stretch(Stretch),
}

/// What was between two times, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// From then on; `None`: from the beginning of the show.
    pub from: Option<i64>,
    /// Until then; `None`: until the end of the show.
    pub to: Option<i64>,
}

impl Shift {
    /// What a query asks for, or the answer that says what is wrong with it.
    pub fn of(query: &Query) -> Result<Shift, Response> {
        let foreign = compat::shift(query)
            .map_err(|bad| Response::error(400, "bad_time", &bad.to_string(), &bad.message_zh()))?;
        let own = |name: &str| query.get(name).filter(|text| !text.is_empty()).map(str::to_owned);
        let words = foreign.unwrap_or_else(|| compat::Shift {
            from: own("from").filter(|text| text == START || time::is_meant(text)),
            to: own("to").filter(|text| time::is_meant(text)),
            delay: own("delay"),
        });
        if words.from.is_none() && words.to.is_none() {
            let Some(delay) = words.delay else { return Ok(Shift::Live) };
            let seconds = delay.parse().ok().filter(|seconds| *seconds <= DELAY_MAX_SECONDS);
            return match seconds.ok_or_else(|| too_late(DELAY_MAX_SECONDS))? {
                0 => Ok(Shift::Live),
                seconds => Ok(Shift::Delay(seconds)),
            };
        }
        let time = |text: String| time::unix_seconds(&text).ok_or_else(bad_time);
        let stretch = Stretch {
            from: words.from.filter(|text| text != START).map(time).transpose()?,
            to: words.to.map(time).transpose()?,
        };
        if let (Some(from), Some(to)) = (stretch.from, stretch.to) {
            if to <= from {
                return Err(bad_time());
            }
            if to.saturating_sub(from) > STRETCH_MAX_SECONDS {
                return Err(Response::error(
                    400,
                    "stretch_too_long",
                    "at most six hours can be played at a time: ask for a shorter stretch",
                    "一次最多播放六小时：请缩短时间范围",
                ));
            }
        }
        Ok(Shift::Stretch(stretch))
    }
}

impl Stretch {
    /// From when on, in milliseconds since 1970.
    pub fn from_ms(self) -> i64 {
        self.from.map_or(i64::MIN, |seconds| seconds.saturating_mul(1_000))
    }

    /// Until when, in milliseconds since 1970.
    pub fn to_ms(self) -> i64 {
        self.to.map_or(i64::MAX, |seconds| seconds.saturating_mul(1_000))
    }
}

/// The answer to a delay that is longer than this.
pub fn too_late(most_seconds: u64) -> Response {
    let message = format!(
        "this stream can be played at most {most_seconds} seconds late (hls.window_seconds, and {DELAY_MAX_SECONDS} at most): ask for less"
    );
    let zh = format!(
        "此流最多可延迟 {most_seconds} 秒播放（取决于 hls.window_seconds，且不超过 {DELAY_MAX_SECONDS}）：请减小延迟"
    );
    Response::error(400, "bad_delay", &message, &zh)
}

/// Answers a request for HLS.
pub async fn answer(app: &App, head: &Head, named: &hls::url::Named, client: Client) -> Response {
    if !named.is_entry() {
        return hls::play::answer(app, head, named, client).await;
    }
    // A query that is none is refused with the reason below.
    let query = Query::parse(&head.query).unwrap_or_default();
    let stretch = match Shift::of(&query) {
        Ok(Shift::Stretch(stretch)) => stretch,
        Ok(Shift::Live | Shift::Delay(_)) => return hls::play::answer(app, head, named, client).await,
        Err(bad) => return bad,
    };
    let name = match hls::play::admit(app, head, named, client).await {
        Ok(name) => name,
        Err(refusal) => return refusal,
    };
    if let Some(recorded) = replay::running(app, head, name.as_str(), stretch).await {
        return recorded;
    }
    hls::play::stretch(app, head, named, client, &name, stretch).await.unwrap_or_else(|| {
        Response::error(
            404,
            "nothing_kept",
            "nothing of that time is kept: it is longer ago than the recording of this show and hls.window_seconds, or has not been yet",
            "没有保留这段时间的内容：早于本场录像和 hls.window_seconds，或者时间还没到",
        )
    })
}

fn bad_time() -> Response {
    Response::error(
        400,
        "bad_time",
        "from and to are times, such as 2026-01-31T20:00:00Z or 1769889600, and from comes first; from=start is the beginning of the show",
        "from、to 是时间，如 2026-01-31T20:00:00+08:00 或 1769860800，且 from 在前；from=start 表示从本场直播开头",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_asks_for_the_present_a_delay_or_a_stretch() {
        let check = |query: &str, expected: Result<Shift, u16>| {
            let found = Shift::of(&Query::parse(query).unwrap());
            assert_eq!(found.map_err(|answer| answer.status()), expected, "{query}");
        };
        let stretch = |from, to| Ok(Shift::Stretch(Stretch { from, to }));
        check("", Ok(Shift::Live));
        check("from=&delay=0", Ok(Shift::Live));
        check("delay=600", Ok(Shift::Delay(600)));
        check("from=start", stretch(None, None));
        check("from=groupmessage&isappinstalled=0", Ok(Shift::Live));
        check("from=1970-01-01T00:01:00Z&to=90", stretch(Some(60), Some(90)));
        check("from=100&to=21700", stretch(Some(100), Some(21_700)));
        check("from=1970-01-01T08:00:05%2B08:00", stretch(Some(5), None));
        for bad in [
            "delay=601",
            "delay=x",
            "from=5x",
            "from=5&to=5",
            "from=6&to=5",
            "from=100&to=21701",
            "from=1970-01-01T00:01:00",
            "from=1970-13-01T08:00:05Z",
        ] {
            check(bad, Err(400));
        }
    }
}
