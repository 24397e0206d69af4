//! A request for a stream's picture: the same right as to play it, and no waiting for a publisher.

use control::query::Query;
use hub::Phase;

use super::url::Named;
use super::{Failure, LARGEST, WIDTHS, Width};
use crate::app::App;
use crate::http::head::Head;
use crate::http::response::Response;
use crate::http::viewer::{self, Client, How};

/// What the counts of refusals call this.
const WIRE: &str = "snapshot";

/// Answers with a JPEG, or says why there is none.
pub async fn answer(app: &App, head: &Head, named: &Named, client: Client) -> Response {
    let stream = (named.app.as_str(), named.stream.as_str());
    let admitted = match viewer::admit_as(app, head, stream, client, WIRE, How::Polling).await {
        Ok(admitted) => admitted,
        Err(refusal) => return refusal,
    };
    let Some(wanted) = wanted(&head.query) else {
        let widths = WIDTHS.map(|width| width.to_string()).join(", ");
        let (en, zh) = (format!("width must be one of {widths}"), format!("width 应为以下之一：{widths}"));
        return Response::error(400, "bad_width", &en, &zh);
    };
    let found = app.hub.find(&admitted.name).filter(|stream| {
        // In its grace a stream still shows its last picture: its viewers wait for it, and so does its place in a list.
        matches!(stream.phase(), Phase::Starting | Phase::OnAir | Phase::Grace)
    });
    let Some(stream) = found else {
        let zh = "当前没有人推流，没有画面可截";
        return Response::error(
            404,
            "not_on_air",
            "nobody is publishing this stream, so there is no picture",
            zh,
        );
    };
    let (made, max_age) = match wanted {
        Wanted::Cover => {
            let Some(cover) = app.snapshots.cover(&stream) else {
                let en = "there is no cover of this stream, or not yet (snapshot.cover_seconds); without `cover` this address makes a picture";
                let zh = "这路流（还）没有封面（snapshot.cover_seconds）；去掉 cover 参数可即时截图";
                return Response::error(404, "no_cover", en, zh);
            };
            (Ok(cover), app.config.snapshot.cover_seconds)
        }
        Wanted::Now(width) => (app.snapshots.of_stream(&stream, width).await, 1),
    };
    match made {
        Ok(jpeg) => {
            let response = Response::bytes(200, "image/jpeg", jpeg.bytes.clone()).with_etag(&jpeg.etag);
            response.with("Cache-Control", format!("max-age={max_age}"))
        }
        Err(failure) => refuse(app, &failure),
    }
}

enum Wanted {
    /// The kept one, whatever its age.
    Cover,
    /// A new one.
    Now(Width),
}

/// What the query asks for; none when there is no such width. Who was admitted has a query that can be read.
fn wanted(query: &str) -> Option<Wanted> {
    let Ok(query) = Query::parse(query) else { return Some(Wanted::Now(LARGEST)) };
    if query.get("cover").is_some() {
        return Some(Wanted::Cover);
    }
    match query.get("width") {
        None | Some("") => Some(Wanted::Now(LARGEST)),
        Some(pixels) => pixels.parse().ok().and_then(Width::new).map(Wanted::Now),
    }
}

fn refuse(app: &App, failure: &Failure) -> Response {
    app.counts.refused(failure.code(), WIRE);
    failure.response()
}
