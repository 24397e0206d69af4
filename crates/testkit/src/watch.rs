//! What every viewer may rely on, checked frame by frame.

use std::collections::HashMap;

use media::frame::{Frame, Kind, Role};

use crate::viewer::Seen;

/// Watches what one viewer is sent.
#[derive(Debug, Default)]
pub struct Watch {
    /// Frames of each role.
    pub counts: HashMap<Role, usize>,
    /// Times of the pictures.
    pub pictures: Vec<i64>,
    /// What was wrong, in words.
    pub faults: Vec<String>,
    last: HashMap<Kind, i64>,
    key_seen: bool,
    config_seen: bool,
    gap_allowed_ms: Option<i64>,
}

impl Watch {
    /// A watch that also calls it a fault when two pictures are more than `ms` apart and the second is no key frame.
    pub fn with_largest_gap(ms: i64) -> Watch {
        Watch { gap_allowed_ms: Some(ms), ..Watch::default() }
    }

    /// One frame that came.
    pub fn see(&mut self, seen: &Seen) {
        let frame = match Frame::classify(seen.kind, seen.time, seen.body.clone()) {
            Ok(frame) => frame,
            Err(bad) => return self.faults.push(format!("no frame: {bad:?}")),
        };
        *self.counts.entry(frame.role).or_default() += 1;
        let last = self.last.insert(frame.kind, frame.time);
        if last.is_some_and(|last| frame.time < last) {
            self.faults.push(format!("time of {:?} went back from {last:?} to {}", frame.kind, frame.time));
        }
        match frame.role {
            Role::Config if frame.kind == Kind::Video => self.config_seen = true,
            Role::Key => {
                if !self.config_seen {
                    self.faults.push("a key frame before its decoder configuration".into());
                }
                self.key_seen = true;
            }
            Role::Inter | Role::Disposable => {
                if !self.key_seen {
                    self.faults.push("a picture before the first key frame".into());
                }
                let gap = self.pictures.last().map(|last| frame.time - last);
                if let (Some(gap), Some(allowed)) = (gap, self.gap_allowed_ms)
                    && gap > allowed
                {
                    self.faults.push(format!("a picture {gap} ms after the one before it, and no key frame"));
                }
            }
            _ => {}
        }
        if matches!(frame.role, Role::Key | Role::Inter | Role::Disposable) {
            self.pictures.push(frame.time);
        }
    }

    /// How many frames of this role came.
    pub fn count(&self, role: Role) -> usize {
        self.counts.get(&role).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip::{Clip, Shot, avc_config};

    fn seen(shot: &Shot, time: i64) -> Seen {
        Seen { kind: shot.kind, time, body: shot.body.clone() }
    }

    #[test]
    fn a_watch_finds_what_no_viewer_should_see() {
        let shots = Clip { audio_ms: 0, ..Clip::default() }.shots(0, 80);
        let config = Seen { kind: Kind::Video, time: 0, body: avc_config(30) };
        let faults = |frames: &[Seen]| {
            let mut watch = Watch::with_largest_gap(100);
            frames.iter().for_each(|frame| watch.see(frame));
            watch.faults.len()
        };
        let (key, inter) = (&shots[0], &shots[1]);
        assert_eq!(faults(&[config.clone(), seen(key, 0), seen(inter, 40)]), 0);
        assert_eq!(faults(&[seen(key, 0)]), 1, "no configuration");
        assert_eq!(faults(&[config.clone(), seen(inter, 0)]), 1, "no key frame");
        assert_eq!(faults(&[config.clone(), seen(key, 0), seen(inter, 140)]), 1, "a gap");
        assert_eq!(faults(&[config, seen(key, 40), seen(inter, 0)]), 1, "time goes back");
    }
}
