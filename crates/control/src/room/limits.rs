//! How often somebody may say something: their own rate and the room's, slow mode, repeats.

use std::collections::HashMap;

use super::bucket::{Bucket, Taken};
use super::message::{Author, Body, Class};
use super::reject::{Code, Reject};
use super::settings::{CREW_RATE, GIFT_RATE, Settings};
use crate::person::Role;

/// What is remembered of somebody who has not spoken for so long is forgotten, in milliseconds, if no rule needs it any more.
const SPEAKER_MS: u64 = 10 * 60 * 1_000;

/// What has been said lately, as far as the rules need it.
#[derive(Debug, Default)]
pub(super) struct Limits {
    speakers: HashMap<String, Speaker>,
    room: Bucket,
    /// What passed so far. Nobody's own number, which would begin again with whoever was forgotten.
    passed: u64,
}

/// Somebody who has spoken, whether they are here or not: leaving does not reset a limit.
#[derive(Debug)]
struct Speaker {
    rate: Bucket,
    gifts: Bucket,
    last_ms: u64,
    /// Their last words, as a hash, and when.
    said: Option<(u64, u64)>,
    /// Which of all that passed was their last.
    number: u64,
}

/// What a draft cost its sender, and how they stood before it.
#[derive(Debug, Clone)]
pub(super) enum Paid {
    Gift(Taken),
    Words { own: Taken, room: Option<Taken>, number: u64, last_ms: u64, said: Option<(u64, u64)> },
}

impl Limits {
    /// Rates. Each is asked only when those before it passed, and what was taken for nothing is put back.
    pub(super) fn take(
        &mut self,
        settings: &Settings,
        author: &Author,
        body: &Body,
        now_ms: u64,
    ) -> Result<Paid, Reject> {
        let rate = if author.role > Role::Viewer { CREW_RATE } else { settings.user_rate };
        let speaker = self.speakers.entry(author.id.clone()).or_insert_with(|| Speaker {
            rate: Bucket::default(),
            gifts: Bucket::default(),
            last_ms: 0,
            said: None,
            number: 0,
        });
        let own_rate = |wait| Reject::until(Code::RateUser, wait);
        if matches!(body, Body::Gift(_)) {
            return speaker.gifts.take(GIFT_RATE, now_ms).map(Paid::Gift).map_err(own_rate);
        }
        let viewer = author.role == Role::Viewer;
        let class = body.class(author.role);
        let chat = class == Class::Chat;
        let hash = body.text().map(repeat_hash);
        if viewer && chat {
            let (slow, since) = (settings.slow_ms, now_ms.saturating_sub(speaker.last_ms));
            if slow > 0 && speaker.last_ms > 0 && since < slow {
                return Err(Reject::until(Code::SlowMode, slow - since));
            }
            let repeat = settings.repeat_ms;
            if let (Some(hash), Some((said, at_ms))) = (hash, speaker.said)
                && hash == said
                && now_ms.saturating_sub(at_ms) < repeat
            {
                return Err(Reject::until(Code::Duplicate, repeat - now_ms.saturating_sub(at_ms)));
            }
        }
        let own = speaker.rate.take(rate, now_ms).map_err(own_rate)?;
        let room = match viewer && chat {
            true => match self.room.take(settings.room_rate, now_ms) {
                Ok(room) => Some(room),
                Err(wait) => {
                    speaker.rate.put_back(own, now_ms);
                    return Err(Reject::until(Code::RateRoomShed, wait));
                }
            },
            false => None,
        };
        self.passed += 1;
        speaker.number = self.passed;
        let (number, last_ms, said) = (speaker.number, speaker.last_ms, speaker.said);
        speaker.last_ms = now_ms.max(1);
        if let Some(hash) = hash {
            speaker.said = Some((hash, now_ms));
        }
        Ok(Paid::Words { own, room, number, last_ms, said })
    }

    /// Puts back what was taken for something that came to nothing.
    pub(super) fn put_back(&mut self, user: &str, paid: &Paid, now_ms: u64) {
        if let Some(speaker) = self.speakers.get_mut(user) {
            match paid {
                Paid::Gift(taken) => speaker.gifts.put_back(*taken, now_ms),
                Paid::Words { own, .. } => speaker.rate.put_back(*own, now_ms),
            }
        }
        self.put_back_all_but_own(user, paid, now_ms);
    }

    /// Puts back what words took of others, and what they began: slow mode, and that the same may not be said again.
    pub(super) fn put_back_all_but_own(&mut self, user: &str, paid: &Paid, now_ms: u64) {
        let Paid::Words { room, number, last_ms, said, .. } = paid else { return };
        if let Some(room) = room {
            self.room.put_back(*room, now_ms);
        }
        // Unless they have said something else since.
        if let Some(speaker) = self.speakers.get_mut(user)
            && speaker.number == *number
        {
            (speaker.last_ms, speaker.said) = (*last_ms, *said);
        }
    }

    /// Forgets those of whom no rule needs anything.
    pub(super) fn tidy(&mut self, settings: &Settings, now_ms: u64) {
        let needed_ms = SPEAKER_MS.max(settings.slow_ms).max(settings.repeat_ms);
        self.speakers.retain(|_, speaker| {
            let is_new = now_ms.saturating_sub(speaker.last_ms) < needed_ms;
            is_new || !speaker.rate.is_paid(now_ms) || !speaker.gifts.is_paid(now_ms)
        });
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.speakers.is_empty()
    }
}

/// What two texts have in common that people would call the same.
fn repeat_hash(text: &str) -> u64 {
    // FNV-1a: an attacker who finds two texts of one hash is kept from saying both, which is no harm.
    let plain = text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase);
    let mut any = false;
    let hash = plain.fold(0xcbf2_9ce4_8422_2325_u64, |hash, c| {
        any = true;
        (hash ^ u64::from(u32::from(c))).wrapping_mul(0x0100_0000_01b3)
    });
    // Nothing but signs: the signs themselves.
    if any {
        hash
    } else {
        text.chars().fold(hash, |hash, c| (hash ^ u64::from(u32::from(c))).wrapping_mul(0x0100_0000_01b3))
    }
}
