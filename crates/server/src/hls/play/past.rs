//! Requests for what was: the playlist of some time ago, and a stretch of it.

use std::sync::Arc;
use std::time::Duration;

use hub::Name;
use tokio::time::{Instant, sleep_until};

use super::{Request, START_WAIT, Shelf, found};
use crate::hls::Container;
use crate::hls::packager::Packager;
use crate::hls::shelf::{Listing, Look};
use crate::hls::url::What;
use crate::http::response::Response;
use crate::shift::{self, DELAY_MAX_SECONDS, Stretch};

/// Between two looks for something that becomes old enough.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

impl Request<'_> {
    /// How late this viewer is, in milliseconds, who asks for so many seconds.
    pub(super) fn delay_ms(&self, asked_seconds: u64) -> Result<u64, Response> {
        let settings = &self.hls.settings;
        let most_seconds = (settings.window_ms / 1_000).min(DELAY_MAX_SECONDS).max(settings.delay_ms / 1_000);
        if asked_seconds > most_seconds {
            return Err(shift::too_late(most_seconds));
        }
        Ok((asked_seconds * 1_000).max(settings.delay_ms))
    }

    /// The playlist as it was so long ago. At the beginning of a show that is waited for, within reason.
    pub(super) async fn delayed(
        &self,
        shelf: &Shelf,
        delay_ms: u64,
        container: Container,
    ) -> Result<Listing, Response> {
        let deadline = Instant::now() + START_WAIT;
        let mut permit = None;
        loop {
            let look = shelf.as_of(delay_ms);
            if !matches!(look, Look::Coming) {
                return found(look, container);
            }
            if permit.is_none() {
                permit = Some(self.permit()?);
            }
            let now = Instant::now();
            if now >= deadline {
                let seconds = shelf.due_ms(delay_ms).div_ceil(1_000).max(1);
                let message = format!(
                    "this stream is played {} seconds late, and nothing is that old yet: ask again in {seconds} seconds",
                    delay_ms / 1_000
                );
                let zh =
                    format!("此流延迟 {} 秒播放，内容还没到时间：请在 {seconds} 秒后重试", delay_ms / 1_000);
                let answer = Response::error(503, "not_yet", &message, &zh);
                return Err(answer.with("Retry-After", seconds.to_string()));
            }
            sleep_until(deadline.min(now + LOOK_AGAIN)).await;
        }
    }

    /// The playlist that leads to what is left of a stretch; `None` when nothing is. Nothing is packaged for it.
    pub(super) fn stretch(&self, name: &Name, stretch: Stretch) -> Result<Option<Response>, Response> {
        let What::Multivariant { container, inside } = self.named.what else { return Ok(None) };
        let default = self.hls.settings.container;
        let containers = match self.asked(container)? {
            Some(container) => vec![container],
            None => vec![default, default.other()],
        };
        let has_some = |packager: &Arc<Packager>| {
            matches!(packager.shelf.between(stretch.from_ms(), stretch.to_ms()), Look::Here(_))
        };
        let kept =
            containers.into_iter().filter_map(|container| self.hls.find(name, container)).find(has_some);
        let Some(packager) = kept else { return Ok(None) };
        packager.touch(self.hls.clock.now_ms());
        let mut wanted = String::new();
        for (name, seconds) in [("from", stretch.from), ("to", stretch.to)] {
            if let Some(seconds) = seconds {
                wanted += &format!("&{name}={seconds}");
            }
        }
        if wanted.is_empty() {
            wanted += "&from=start";
        }
        self.lead_to(&packager, packager.shelf.about(), inside, &wanted, self.issue()?).map(Some)
    }

    /// A list of segments of the past.
    pub(super) fn between(
        &self,
        shelf: &Shelf,
        stretch: Stretch,
        container: Container,
    ) -> Result<Listing, Response> {
        found(shelf.between(stretch.from_ms(), stretch.to_ms()), container)
    }
}
