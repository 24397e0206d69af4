//! A room as the API tells it.

use control::room::about::{About, Host};
use control::room::bucket::Rate;
use control::room::settings::Settings;

use super::{CrewState, Free, PersonState, RoomState, Rules};
use crate::time::rfc3339;

pub(super) fn host_state(host: Host) -> PersonState {
    PersonState { id: host.id, name: host.name, avatar: host.avatar }
}

/// A room as the API tells of it.
pub(super) fn state(about: &About) -> RoomState {
    let custom = serde_json::from_str(&about.custom).unwrap_or_default();
    RoomState {
        id: about.id.clone(),
        title: about.title.clone(),
        cover: about.cover.clone(),
        share_image: about.share_image.clone(),
        host: host_state(about.host.clone()),
        crew: about.crew.iter().map(|(id, role)| CrewState { id: id.clone(), role: role.word() }).collect(),
        stream: about.stream.clone(),
        state: about.state.word(),
        starts_at: about.starts_ms.map(rfc3339),
        valid_from: about.valid_from_ms.map(rfc3339),
        valid_until: about.valid_until_ms.map(rfc3339),
        live_at: about.live_ms.map(rfc3339),
        ended_at: about.ended_ms.map(rfc3339),
        created_at: rfc3339(about.created_ms),
        settings: rules(&about.settings),
        pinned: about.pinned,
        custom: Free(custom),
    }
}

pub(super) fn rules(settings: &Settings) -> Rules {
    let per_second = |rate: Rate| 1_000_000_u64.checked_div(rate.every_us).unwrap_or_default();
    Rules {
        guests: settings.guests,
        user_per_second: per_second(settings.user_rate),
        user_burst: settings.user_rate.burst,
        room_per_second: per_second(settings.room_rate),
        room_burst: settings.room_rate.burst,
        slow_seconds: settings.slow_ms / 1_000,
        text_max: settings.text_max,
        repeat_seconds: settings.repeat_ms / 1_000,
        silent: settings.silent,
        likes: settings.likes,
        gifts: settings.gifts,
        images: settings.images,
    }
}

#[cfg(test)]
mod tests {
    use control::room::settings::ROOM_RATE_MAX;

    use super::*;

    #[test]
    fn every_rate_that_may_be_set_is_told_as_it_was_set() {
        for per_second in 1..=ROOM_RATE_MAX {
            let settings = Settings { room_rate: Rate::per_second(per_second, 7), ..Settings::default() };
            assert_eq!(rules(&settings).room_per_second, u64::from(per_second));
        }
    }
}
