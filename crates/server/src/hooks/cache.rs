//! What was decided a moment ago.

use std::collections::HashMap;

use super::Decision;

/// Most decisions that are remembered.
const MAX: usize = 10_000;

/// Longest question that is remembered, in bytes.
const KEY_MAX: usize = 4_096;

/// Decisions by question.
#[derive(Debug, Default)]
pub(super) struct Cache {
    known: HashMap<String, (Decision, u64)>,
}

impl Cache {
    /// What was decided, if that still counts.
    pub(super) fn get(&self, key: &str, now_ms: u64) -> Option<Decision> {
        self.known.get(key).filter(|(_, until_ms)| now_ms < *until_ms).map(|(decision, _)| decision.clone())
    }

    /// Remembers a decision for so long. When it is full of what still counts, it does not.
    pub(super) fn put(&mut self, key: String, decision: Decision, now_ms: u64, for_ms: u64) {
        if self.known.len() >= MAX {
            self.known.retain(|_, (_, until_ms)| now_ms < *until_ms);
        }
        if self.known.len() < MAX && key.len() <= KEY_MAX {
            self.known.insert(key, (decision, now_ms.saturating_add(for_ms)));
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.known.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_counts_for_its_time_and_there_are_never_too_many() {
        let mut cache = Cache::default();
        let yes = Decision::Allow { text: None };
        cache.put("a".into(), yes.clone(), 0, 100);
        assert_eq!(cache.get("a", 99), Some(yes.clone()));
        assert_eq!(cache.get("a", 100), None);
        cache.put("x".repeat(KEY_MAX + 1), yes.clone(), 0, 100);
        for number in 0..MAX + 5 {
            cache.put(format!("b{number}"), yes.clone(), 0, 200);
        }
        assert_eq!(cache.known.len(), MAX);
        cache.put("c".into(), yes, 150, 100);
        assert_eq!(cache.known.len(), MAX, "what still counts is not thrown out by strangers");
        cache.put("c".into(), Decision::Allow { text: None }, 250, 100);
        assert_eq!(cache.known.len(), 1);
    }
}
