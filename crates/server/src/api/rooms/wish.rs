//! What a backend wishes of a room, checked: each fault says which field it is and what it should be.

use control::person::{self, BadPerson, Role};
use control::room::about::{AHEAD_MAX_MS, About, CREW_MAX, CUSTOM_MAX, Host, TITLE_MAX};
use control::room::bucket::Rate;
use control::room::message::{Author, URL_MAX};
use control::room::settings::Settings;
use serde_json::Value;

use super::{CrewWish, PersonWish, Rank, RoomChange, RulesWish};
use crate::api::call::{bad, check};
use crate::api::text::{When, Within};
use crate::http::response::Response;
use crate::time::unix_seconds;

/// Changes a description, if all of it is right.
pub(super) fn apply(about: &mut About, change: RoomChange, now_ms: i64) -> Result<(), Response> {
    if let Some(title) = change.title {
        about.title = line("title", title.0, 1, TITLE_MAX)?;
    }
    if let Some(host) = change.host {
        about.host = host_of(host)?;
    }
    if let Some(crew) = change.crew {
        if crew.len() > CREW_MAX {
            return Err(bad(format!("crew may have {CREW_MAX} people"), format!("crew 最多 {CREW_MAX} 人")));
        }
        about.crew = crew
            .into_iter()
            .map(|CrewWish { id, role }| {
                let role = if role == Rank::Cohost { Role::CoHost } else { Role::Assistant };
                Ok((user(id.0)?, role))
            })
            .collect::<Result<_, Response>>()?;
        about.crew.sort();
        about.crew.dedup_by(|(later, _), (earlier, _)| later == earlier);
    }
    if let Some(stream) = change.stream {
        let (app, name) = stream.0.rsplit_once('/').unwrap_or_default();
        check(app, name)?;
        about.stream = stream.0;
    }
    if let Some(cover) = change.cover {
        about.cover = url("cover", cover.0)?;
    }
    if let Some(image) = change.share_image {
        about.share_image = url("share_image", image.0)?;
    }
    for (name, moment, to) in [
        ("starts_at", change.starts_at, &mut about.starts_ms),
        ("valid_from", change.valid_from, &mut about.valid_from_ms),
        ("valid_until", change.valid_until, &mut about.valid_until_ms),
    ] {
        if let Some(moment) = moment {
            *to = time(name, &moment, now_ms)?;
        }
    }
    if let (Some(from), Some(until)) = (about.valid_from_ms, about.valid_until_ms)
        && from >= until
    {
        return Err(bad("valid_until must be after valid_from", "valid_until 应晚于 valid_from"));
    }
    if let Some(rules) = change.settings {
        set_rules(&mut about.settings, &rules)?;
    }
    if let Some(custom) = change.custom {
        let text = Value::Object(custom.0).to_string();
        if text.len() > CUSTOM_MAX {
            return Err(bad(
                format!("custom may have {CUSTOM_MAX} bytes"),
                format!("custom 最多 {CUSTOM_MAX} 字节"),
            ));
        }
        about.custom = text;
    }
    Ok(())
}

fn set_rules(settings: &mut Settings, rules: &RulesWish) -> Result<(), Response> {
    let rate = |rate: &mut Rate, per_second: Option<u32>, burst: Option<u32>| {
        if let Some(per_second) = per_second {
            *rate = Rate::per_second(per_second, rate.burst);
        }
        rate.burst = burst.unwrap_or(rate.burst);
    };
    let per_second = within("user_per_second", rules.user_per_second)?;
    rate(&mut settings.user_rate, per_second, within("user_burst", rules.user_burst)?);
    let per_second = within("room_per_second", rules.room_per_second)?;
    rate(&mut settings.room_rate, per_second, within("room_burst", rules.room_burst)?);
    if let Some(seconds) = within("slow_seconds", rules.slow_seconds)? {
        settings.slow_ms = u64::from(seconds) * 1_000;
    }
    if let Some(seconds) = within("repeat_seconds", rules.repeat_seconds)? {
        settings.repeat_ms = u64::from(seconds) * 1_000;
    }
    if let Some(characters) = within("text_max", rules.text_max)? {
        settings.text_max = characters as usize;
    }
    for (wish, to) in [
        (rules.guests, &mut settings.guests),
        (rules.silent, &mut settings.silent),
        (rules.likes, &mut settings.likes),
        (rules.gifts, &mut settings.gifts),
        (rules.images, &mut settings.images),
    ] {
        *to = wish.unwrap_or(*to);
    }
    Ok(())
}

fn within<const MIN: u32, const MAX: u32>(
    name: &str,
    value: Option<Within<MIN, MAX>>,
) -> Result<Option<u32>, Response> {
    let wrong = || {
        bad(format!("settings.{name} must be {MIN} to {MAX}"), format!("settings.{name} 应为 {MIN} 到 {MAX}"))
    };
    value.map(|value| value.get().ok_or_else(wrong)).transpose()
}

fn host_of(wish: PersonWish) -> Result<Host, Response> {
    Ok(Host {
        id: user(wish.id.0)?,
        name: person::clean_name(&wish.name.map(|name| name.0).unwrap_or_default())
            .map_err(|bad| called(&bad))?,
        avatar: person::check_avatar(&wish.avatar.map(|avatar| avatar.0).unwrap_or_default())
            .map_err(|bad| called(&bad))?
            .to_owned(),
    })
}

/// A person as a message has them.
pub(in crate::api) fn author(wish: PersonWish, role: Role) -> Result<Author, Response> {
    let Host { id, name, avatar } = host_of(wish)?;
    Ok(Author { id, name, avatar, role })
}

/// An id of a person.
pub(in crate::api) fn user(id: String) -> Result<String, Response> {
    person::check_id(&id).map_err(|bad| called(&bad))?;
    Ok(id)
}

fn called(fault: &BadPerson) -> Response {
    bad(fault.to_string(), fault.message_zh())
}

/// A line of text.
pub(in crate::api) fn line(name: &str, text: String, min: usize, max: usize) -> Result<String, Response> {
    let fits = (min..=max).contains(&text.trim().chars().count()) && !text.chars().any(char::is_control);
    if fits {
        return Ok(text.trim().to_owned());
    }
    Err(bad(
        format!("{name} must be {min} to {max} characters in one line"),
        format!("{name} 应为一行 {min} 到 {max} 个字符"),
    ))
}

/// An address that pages may show, or nothing.
pub(in crate::api) fn url(name: &str, text: String) -> Result<String, Response> {
    let web = text.starts_with("https://") || text.starts_with("http://");
    let plain = !text.chars().any(|c| c.is_control() || c.is_whitespace() || "\"'<>\\`".contains(c));
    if text.is_empty() || (web && plain && text.len() <= URL_MAX) {
        return Ok(text);
    }
    Err(bad(
        format!("{name} must be an http or https address of at most {URL_MAX} bytes"),
        format!("{name} 应为 http 或 https 地址，最多 {URL_MAX} 字节"),
    ))
}

fn time(name: &str, moment: &When, now_ms: i64) -> Result<Option<i64>, Response> {
    if moment.0.is_empty() {
        return Ok(None);
    }
    let ms = unix_seconds(&moment.0).map(|seconds| seconds.saturating_mul(1_000));
    let fits = ms.filter(|ms| *ms <= now_ms.saturating_add(AHEAD_MAX_MS));
    fits.map(Some).ok_or_else(|| {
        bad(
            format!("{name} must be a time like 2030-01-31T20:00:00+08:00, at most a year ahead"),
            format!("{name} 应形如 2030-01-31T20:00:00+08:00，最多提前一年"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_web_addresses_that_cannot_leave_an_attribute() {
        for good in ["", "https://a/b.png?x=1&y=%22", "http://a/图.png"] {
            assert!(url("cover", good.into()).is_ok(), "{good}");
        }
        for bad in [
            "javascript:alert(1)",
            "data:image/png;base64,AA",
            "https://a/\" onerror=\"x",
            "//a/b",
            "https://a b",
        ] {
            assert!(url("cover", bad.into()).is_err(), "{bad}");
        }
    }
}
